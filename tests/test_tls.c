/* test_tls.c - whom the client believes to be the service, and what it makes
 * of a TLS connection that goes wrong. The servers are real ones, on
 * loopback; their certificates are made when this starts. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <mbedtls/ssl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What puter.h is told of the machine that it runs on. */
static struct {
    time_t now;     /* 0: what it is */
    time_t later;   /* seconds that have passed besides */
    bool alien;     /* the program is of another user than who started it, */
    bool allied;    /* or of another group */
    bool bare;      /* no CA store is where systems have it */
    bool blind;     /* nothing is known of a file */
    bool forgetful; /* no TLS session can be had */
    int changed;    /* of a file: what is known of it, by number */
    int broken;     /* what setting up TLS comes to */
    int unread;     /* ...and reading a certificate */
} machine;

static time_t machine_time(time_t *out)
{
    return machine.now ? machine.now : time(out);
}

static int machine_clock(clockid_t id, struct timespec *out)
{
    int error = clock_gettime(id, out);
    out->tv_sec += machine.later;
    return error;
}

static int machine_access(const char *path, int mode)
{
    return machine.bare ? -1 : access(path, mode);
}

static int machine_fstat(int file, struct stat *about)
{
    return machine.blind ? -1 : fstat(file, about);
}

static int machine_stat(const char *path, struct stat *about)
{
    int error = stat(path, about);
    about->st_ino += machine.changed == 1;
    about->st_size += machine.changed == 2;
    about->st_mtime += machine.changed == 3;
    about->st_ctime += machine.changed == 4;
    return error;
}

static int machine_setup(mbedtls_ssl_context *ssl,
                         const mbedtls_ssl_config *config)
{
    return machine.broken ? machine.broken : mbedtls_ssl_setup(ssl, config);
}

static int machine_parse_der(mbedtls_x509_crt *chain,
                             const unsigned char *der, size_t length)
{
    return machine.unread ? machine.unread
                          : mbedtls_x509_crt_parse_der(chain, der, length);
}

static int machine_get_session(const mbedtls_ssl_context *ssl,
                               mbedtls_ssl_session *session)
{
    return machine.forgetful ? -1 : mbedtls_ssl_get_session(ssl, session);
}

static int machine_save_session(const mbedtls_ssl_session *session,
                                unsigned char *buffer, size_t size,
                                size_t *length)
{
    int error = mbedtls_ssl_session_save(session, buffer, size, length);
    return machine.forgetful ? -1 : error;
}

#define time(out) machine_time(out)
#define clock_gettime machine_clock
#define geteuid() (geteuid() + machine.alien)
#define getegid() (getegid() + machine.allied)
#define access(path, mode) machine_access(path, mode)
#define fstat(file, about) machine_fstat(file, about)
#define stat(path, about) machine_stat(path, about)
#define mbedtls_ssl_setup machine_setup
#define mbedtls_x509_crt_parse_der machine_parse_der
#define mbedtls_ssl_get_session machine_get_session
#define mbedtls_ssl_session_save machine_save_session
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef time
#undef clock_gettime
#undef geteuid
#undef getegid
#undef access
#undef fstat
#undef stat
#undef mbedtls_ssl_setup
#undef mbedtls_x509_crt_parse_der
#undef mbedtls_ssl_get_session
#undef mbedtls_ssl_session_save

#include "tls_peer.h"

#include <ctype.h>

#define HOST "api.puter.localhost"
#define ROOT_NAME "C=ID,CN=Root,O=puter.h tests"
#define TEXT "Halo juga!"
#define BODY \
    "{\"success\":true,\"result\":{\"message\":{\"content\":\"" TEXT "\"}}}"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define ANSWER HEAD "Content-Length: 62\r\n\r\n" BODY
#define UNTIL_END HEAD "Connection: close\r\n\r\n" BODY

static mbedtls_pk_context server_key, lower_key, upper_key, root_key;
static mbedtls_pk_context other_key, weak_key, strong_key;
#ifdef MBEDTLS_ECP_DP_SECP192R1_ENABLED
static mbedtls_pk_context small_key;
#endif
static cert_der the_root; /* that good certificates come from */
static cert_der namesake; /* with its name, but another key */

static peer server;

/* ---- one question to one server ----------------------------------------- */

typedef struct outcome {
    bool tried; /* false: the machine lacks what it needs */
    puter_result result;
    char message[512];
    char text[64];
    char version[16]; /* of TLS, on the connection that stays */
    peer_seen seen;
} outcome;

/* Options that leave nothing to the machine this runs on. */
static puter_options own_options(void)
{
    puter_options options = {0};
    options.token = SCRIPT_TOKEN;
    options.proxy = "";
    options.no_environment = true;
    options.idle_timeout_ms = 20000;
    return options;
}

/* As often as the server serves; each time with the same result. */
static puter_result ask_again(puter_client *client, int times,
                              puter_reply *reply)
{
    puter_result result = puter_ask(client, "gpt-4", "Halo", reply);
    while (times-- > 0) {
        puter_reply_free(reply);
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", reply), result);
    }
    return result;
}

static outcome ask(const peer_job *job, const char *host,
                   const puter_options *wanted)
{
    outcome out = {0};
    puter_options options = *wanted;
    puter_client *client;
    puter_reply reply;
    char origin[128];
    if (!peer_start(&server, job))
        return out;
    out.tried = true;
    snprintf(origin, sizeof origin, "https://%s:%d", host, server.port);
    options.api_origin = origin;
    client = puter_open(&options);
    out.result = ask_again(client, job->more, &reply);
    if (out.result == PUTER_OK)
        snprintf(out.text, sizeof out.text, "%s", reply.text);
    else
        script_check_failure(client, out.result);
    snprintf(out.message, sizeof out.message, "%s",
             puter_last_error(client)->message);
    snprintf(out.version, sizeof out.version, "%s",
             puter_client_tls_version(client));
    puter_reply_free(&reply);
    puter_close(client);
    CHECK(peer_end(&server));
    out.seen = server.seen;
    return out;
}

/* The result, and words that only its own sentence has. */
static void check_outcome(const outcome *out, puter_result wanted,
                          const char *const says[2])
{
    int i;
    if (!CHECK_RESULT(out->result, wanted))
        printf("    %s\n", out->message);
    CHECK_STR(out->text, wanted == PUTER_OK ? TEXT : "");
    for (i = 0; i < 2 && wanted != PUTER_OK && says[i]; i++)
        check_that(strstr(out->message, says[i]) != NULL, __FILE__, __LINE__,
                   "\"%s\" lacks \"%s\"", out->message, says[i]);
}

/* ---- certificates ------------------------------------------------------- */

enum {
    SELF_SIGNED = 1,  /* the server's certificate is its own issuer */
    STRANGER = 2,     /* the store holds another root than the chain's */
    LEFT_OUT = 4,     /* the server does not send the intermediates */
    NO_CA = 8,        /* the lower intermediate is none */
    HOPELESS = 16     /* insecure_skip_verify does not help, or not always */
};

/* A chain, by what differs from a good one. */
typedef struct row {
    const char *name;
    const char *host;              /* (default: HOST) */
    cert server, lower, upper, root;
    int intermediates;             /* none, lower, lower and upper, or more */
    unsigned flags;
    puter_result result;
    const char *says[2];
} row;

#define DNS(name) SAN_LIST(SAN(SAN_DNS, name))
#define ADDRESS(bytes) SAN_LIST(SAN(SAN_IP, bytes))
#define V6_ONE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

#define WRONG_HOST .result = PUTER_ERR_CERT, .says = {"another host"}
#define UNTRUSTED .result = PUTER_ERR_CERT, .says = {"issuer is unknown"}

/* Extensions (RFC 5280 sections 4.2.1.6, 4.2.1.10 and 4.2.1.12). */
static const cert_extension
    names_nobody = CERT_EXTENSION("\x55\x1d\x11", false, "\x30\0"),
    for_clients = CERT_EXTENSION("\x55\x1d\x25", false,
        "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"),
    for_clients_strictly = CERT_EXTENSION("\x55\x1d\x25", true,
        "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"),
    for_servers_too = CERT_EXTENSION("\x55\x1d\x25", true,
        "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
        "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"),
    excludes_host = CERT_EXTENSION("\x55\x1d\x1e", true,
        "\x30\x0f\xa1\x0d\x30\x0b\x82\x09localhost"),
    permits_others = CERT_EXTENSION("\x55\x1d\x1e", true,
        "\x30\x0d\xa0\x0b\x30\x09\x82\x07" "example"),
    permits_others_softly = CERT_EXTENSION("\x55\x1d\x1e", false,
        "\x30\x0d\xa0\x0b\x30\x09\x82\x07" "example"),
    never_heard_of = CERT_EXTENSION("\x2a\x03\x04", true, "\x05\x00");

static const san right_names[] = {SAN(SAN_DNS, HOST), {0, 0, NULL}};
static const san no_names[] = {{0, 0, NULL}};

static const row rows[] = {
    /* what is good */
    {.name = "good"},
    {.name = "one intermediate", .intermediates = 1},
    {.name = "two intermediates", .intermediates = 2},
    {.name = "an intermediate that may have none below",
     .intermediates = 1, .lower = {.no_ca_below = true}},
    {.name = "self-signed, in the store", .flags = SELF_SIGNED},
    {.name = "one of several names",
     .server = {.names = SAN_LIST(SAN(SAN_EMAIL, "a@b.example"),
                                  SAN(SAN_DNS, "elsewhere.example"),
                                  SAN(SAN_IP, "\x7f\0\0\1"),
                                  SAN(SAN_DNS, HOST))}},
    {.name = "a name in capitals",
     .server = {.names = DNS("API.Puter.LOCALHOST")}},
    {.name = "an origin in capitals", .host = "API.Puter.LOCALHOST"},
    {.name = "a wildcard", .server = {.names = DNS("*.puter.localhost")}},
    {.name = "a subject as long as its issuer's",
     .server = {.subject = "C=ID,CN=Toor,O=puter.h tests"}},
    {.name = "a common name, without any alternative one",
     .server = {.subject = "CN=" HOST, .names = no_names}},
    {.name = "an address", .host = "127.0.0.1",
     .server = {.names = ADDRESS("\x7f\0\0\1")}},
    {.name = "an address of IPv6", .host = "[::1]",
     .server = {.names = ADDRESS(V6_ONE)}},
    {.name = "the same, written at length", .host = "[0:0:0:0:0:0:0:1]",
     .server = {.names = SAN_LIST(SAN(SAN_DNS, "elsewhere.example"),
                                  SAN(SAN_IP, V6_ONE))}},

    /* time */
    {.name = "expired", .server = {.until = "20200201000000"},
     .result = PUTER_ERR_CERT, .says = {"expired", "clock"}},
    {.name = "not yet valid", .server = {.from = "20490101000000"},
     .result = PUTER_ERR_CERT, .says = {"not yet valid", "clock"}},
    {.name = "an expired intermediate", .intermediates = 1,
     .lower = {.until = "20200201000000"},
     .result = PUTER_ERR_CERT, .says = {"expired", "clock"}},
    {.name = "an intermediate of the future", .intermediates = 1,
     .lower = {.from = "20490101000000"},
     .result = PUTER_ERR_CERT, .says = {"not yet valid", "clock"}},
    {.name = "an expired root", .root = {.until = "20200201000000"},
     .result = PUTER_ERR_CERT, .says = {"expired", "clock"}},

    /* names */
    {.name = "another host",
     .server = {.names = DNS("elsewhere.example")}, WRONG_HOST},
    {.name = "a longer name",
     .server = {.names = DNS("x" HOST)}, WRONG_HOST},
    {.name = "the name within another",
     .server = {.names = DNS(HOST ".example")}, WRONG_HOST},
    {.name = "a NUL in the name",
     .server = {.names = DNS(HOST "\0.example")}, WRONG_HOST},
    {.name = "the name and a NUL",
     .server = {.names = DNS(HOST "\0")}, WRONG_HOST},
    {.name = "an empty name", .server = {.names = DNS("")}, WRONG_HOST},
    {.name = "a wildcard for two labels",
     .server = {.names = DNS("*.localhost")}, WRONG_HOST},
    {.name = "a wildcard of a top-level domain", .host = "puter.localhost",
     .server = {.names = DNS("*.localhost")}, WRONG_HOST},
    {.name = "a wildcard for no label", .host = "puter.localhost",
     .server = {.names = DNS("*.puter.localhost")}, WRONG_HOST},
    {.name = "a wildcard for the only label", .host = "localhost",
     .server = {.names = DNS("*.localhost")}, WRONG_HOST},
    {.name = "a wildcard for an empty label", .host = ".puter.localhost",
     .server = {.names = DNS("*.puter.localhost")}, WRONG_HOST},
    {.name = "a wildcard without a dot",
     .server = {.names = DNS("*api.puter.localhost")}, WRONG_HOST},
    {.name = "a wildcard below the host",
     .server = {.names = DNS("*." HOST)}, WRONG_HOST},
    {.name = "a wildcard alone",
     .server = {.names = DNS("*")}, WRONG_HOST},
    {.name = "a wildcard and a dot",
     .server = {.names = DNS("*.")}, WRONG_HOST},
    {.name = "a wildcard in a label",
     .server = {.names = DNS("a*.puter.localhost")}, WRONG_HOST},
    {.name = "a wildcard in the middle",
     .server = {.names = DNS("api.*.localhost")}, WRONG_HOST},
    {.name = "a wildcard twice",
     .server = {.names = DNS("*.*.localhost")}, WRONG_HOST},
    {.name = "a common name, but other alternative names",
     .server = {.subject = "CN=" HOST, .names = DNS("elsewhere.example")},
     WRONG_HOST},
    {.name = "a common name, and an address",
     .server = {.subject = "CN=" HOST, .names = ADDRESS("\x7f\0\0\1")},
     WRONG_HOST},
    {.name = "a common name, and no alternative ones in their extension",
     .server = {.subject = "CN=" HOST, .names = no_names,
                .extension = &names_nobody}, WRONG_HOST},
    {.name = "the name as e-mail",
     .server = {.names = SAN_LIST(SAN(SAN_EMAIL, HOST))}, WRONG_HOST},
    {.name = "the name as a URI",
     .server = {.names = SAN_LIST(SAN(SAN_URI, HOST))}, WRONG_HOST},

    /* addresses: an iPAddress entry or nothing (RFC 9525 section 6.5) */
    {.name = "another address", .host = "127.0.0.1",
     .server = {.names = ADDRESS("\x7f\0\0\2")}, WRONG_HOST},
    {.name = "an address as a name", .host = "127.0.0.1",
     .server = {.names = DNS("127.0.0.1")}, WRONG_HOST},
    {.name = "an address's bytes as a name", .host = "127.0.0.1",
     .server = {.names = DNS("\x7f\0\0\1")}, WRONG_HOST},
    {.name = "an address's characters as its bytes", .host = "127.0.0.1",
     .server = {.names = ADDRESS("127.0.0.1")}, .flags = HOPELESS,
     .result = PUTER_ERR_CERT},
    {.name = "a wildcard for an address", .host = "127.0.0.1",
     .server = {.names = DNS("*.0.0.1")}, WRONG_HOST},
    {.name = "an address as the common name", .host = "127.0.0.1",
     .server = {.subject = "CN=127.0.0.1", .names = no_names}, WRONG_HOST},
    {.name = "a wildcard as the common name", .host = "127.0.0.1",
     .server = {.subject = "CN=*.0.0.1", .names = no_names}, WRONG_HOST},
    {.name = "an address and its mask", .host = "127.0.0.1",
     .server = {.names = ADDRESS("\x7f\0\0\1\xff\xff\xff\xff")},
     .flags = HOPELESS, .result = PUTER_ERR_CERT},
    {.name = "an address of IPv4 within IPv6", .host = "127.0.0.1",
     .server = {.names = ADDRESS("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1")},
     WRONG_HOST},
    {.name = "the beginning of an address", .host = "[::1]",
     .server = {.names = ADDRESS("\0\0\0\0")}, WRONG_HOST},
    {.name = "an address of IPv6 as a name", .host = "[::1]",
     .server = {.names = SAN_LIST(SAN(SAN_DNS, "::1"),
                                  SAN(SAN_DNS, "[::1]"))}, WRONG_HOST},

    /* trust */
    {.name = "self-signed", .flags = SELF_SIGNED | STRANGER,
     .result = PUTER_ERR_CERT, .says = {"self-signed", "ca_file"}},
    {.name = "an unknown root", .flags = STRANGER,
     .root = {.subject = "CN=Unknown", .key = &other_key}, UNTRUSTED},
    {.name = "a root of the same name", .flags = STRANGER,
     .root = {.key = &other_key}, UNTRUSTED},
    {.name = "the same behind an intermediate", .flags = STRANGER,
     .intermediates = 1, .root = {.key = &other_key}, UNTRUSTED},
    {.name = "a missing intermediate", .flags = LEFT_OUT,
     .intermediates = 1, UNTRUSTED},
    {.name = "an intermediate that is no CA", .intermediates = 1,
     .flags = NO_CA, .lower = {.usage = MBEDTLS_X509_KU_KEY_CERT_SIGN},
     UNTRUSTED},
    {.name = "an intermediate that may not sign", .intermediates = 1,
     .lower = {.usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE}, UNTRUSTED},
    {.name = "a root that has no CA below", .intermediates = 1,
     .root = {.no_ca_below = true}, UNTRUSTED},
    {.name = "an intermediate that has no CA below", .intermediates = 2,
     .upper = {.no_ca_below = true}, UNTRUSTED},
    {.name = "a changed signature", .server = {.flipped = true}, UNTRUSTED},
    {.name = "a changed signature of an intermediate", .intermediates = 1,
     .lower = {.flipped = true}, UNTRUSTED},

    /* purpose and strength */
    {.name = "for clients only", .server = {.extension = &for_clients},
     .result = PUTER_ERR_CERT, .says = {"not made for a server"}},
    {.name = "an intermediate for clients only", .intermediates = 1,
     .lower = {.extension = &for_clients},
     .result = PUTER_ERR_CERT, .says = {"not made for a server"}},
    {.name = "an upper intermediate for clients only, marked critical",
     .intermediates = 2, .upper = {.extension = &for_clients_strictly},
     .result = PUTER_ERR_CERT, .says = {"not made for a server"}},
    {.name = "a root for clients only", .root = {.extension = &for_clients},
     .result = PUTER_ERR_CERT, .says = {"not made for a server"}},
    {.name = "all for servers too", .intermediates = 1,
     .server = {.extension = &for_servers_too},
     .lower = {.extension = &for_servers_too},
     .root = {.extension = &for_servers_too}},
    {.name = "a server's key that may only sign certificates",
     .server = {.usage = MBEDTLS_X509_KU_KEY_CERT_SIGN},
     .result = PUTER_ERR_CERT, .says = {"not made for a server"}},
    {.name = "SHA-1", .server = {.digest = MBEDTLS_MD_SHA1},
     .result = PUTER_ERR_CERT, .says = {"SHA-1"}},
    {.name = "SHA-1 of an intermediate", .intermediates = 1,
     .lower = {.digest = MBEDTLS_MD_SHA1},
     .result = PUTER_ERR_CERT, .says = {"SHA-1"}},
    {.name = "MD5", .server = {.digest = MBEDTLS_MD_MD5},
     .root = {.key = &strong_key},
     .result = PUTER_ERR_CERT, .says = {"too weakly"}},
    {.name = "RSA of 1024 bits", .server = {.key = &weak_key},
     .flags = HOPELESS, /* too short for what TLS 1.3 signs with it */
     .result = PUTER_ERR_CERT, .says = {"2048"}},
    {.name = "an intermediate's RSA of 1024 bits", .intermediates = 1,
     .lower = {.key = &weak_key},
     .result = PUTER_ERR_CERT, .says = {"2048"}},

#ifdef MBEDTLS_ECP_DP_SECP192R1_ENABLED
    {.name = "an intermediate's P-192", .intermediates = 1,
     .lower = {.key = &small_key},
     .result = PUTER_ERR_CERT, .says = {"too weakly"}},
#endif

    {.name = "an unknown algorithm", .server = {.misnamed = true},
     .flags = HOPELESS, .result = PUTER_ERR_CERT, .says = {"Mbed TLS lacks"}},

    /* more than Mbed TLS follows */
    {.name = "eight intermediates", .intermediates = 8},
    {.name = "nine intermediates", .intermediates = 9,
     .result = PUTER_ERR_CERT, .says = {"length of chain"}},

    /* constraints that Mbed TLS does not know */
    {.name = "an intermediate that excludes the host", .intermediates = 1,
     .lower = {.extension = &excludes_host}, .flags = HOPELESS,
     .result = PUTER_ERR_CERT, .says = {"Mbed TLS lacks"}},
    {.name = "an intermediate for other names", .intermediates = 1,
     .lower = {.extension = &permits_others}, .flags = HOPELESS,
     .result = PUTER_ERR_CERT, .says = {"Mbed TLS lacks"}},
    {.name = "a root that excludes the host",
     .root = {.extension = &excludes_host}, UNTRUSTED},
    {.name = "a root that excludes the host, behind an intermediate",
     .root = {.extension = &excludes_host}, .intermediates = 1, UNTRUSTED},
    {.name = "an intermediate for other names, not marked critical",
     .intermediates = 1, .lower = {.extension = &permits_others_softly},
     .result = PUTER_ERR_CERT, .says = {"constraints"}},
    {.name = "the upper intermediate for other names, not marked critical",
     .intermediates = 2, .upper = {.extension = &permits_others_softly},
     .result = PUTER_ERR_CERT, .says = {"constraints"}},
    {.name = "a root for other names, not marked critical",
     .root = {.extension = &permits_others_softly},
     .result = PUTER_ERR_CERT, .says = {"constraints"}},
    {.name = "an unknown critical extension",
     .server = {.extension = &never_heard_of}, .flags = HOPELESS,
     .result = PUTER_ERR_CERT, .says = {"Mbed TLS lacks"}},
};

/* Completes one certificate of a chain by what belongs in its place. */
static void complete(cert *link, const char *subject, mbedtls_pk_context *key,
                     bool ca)
{
    if (!link->subject)
        link->subject = subject;
    if (!link->key)
        link->key = key;
    link->ca = ca;
}

/* Makes the row's chain, from the server up to the root; gives its length,
 * the root included. */
static size_t make_chain(const row *r, cert_der chain[PEER_CHAIN])
{
    cert links[PEER_CHAIN];
    size_t count = 0, i;
    links[count] = r->server;
    if (!r->server.names)
        links[count].names = right_names;
    complete(&links[count++], "CN=Server", &server_key, false);
    if (r->intermediates > 0) {
        links[count] = r->lower;
        complete(&links[count++], "CN=Lower", &lower_key, !(r->flags & NO_CA));
    }
    if (r->intermediates > 1) {
        links[count] = r->upper;
        complete(&links[count++], "CN=Upper", &upper_key, true);
    }
    for (i = 2; i < (size_t)r->intermediates; i++) {
        static const char *const names[] = {"CN=Third", "CN=Fourth",
                                            "CN=Fifth", "CN=Sixth",
                                            "CN=Seventh", "CN=Eighth",
                                            "CN=Ninth"};
        memset(&links[count], 0, sizeof links[count]);
        complete(&links[count++], names[i - 2], &upper_key, true);
    }
    links[count] = r->root;
    complete(&links[count++], ROOT_NAME, &root_key, true);
    if (r->flags & SELF_SIGNED)
        count = 1;
    for (i = 0; i < count; i++) {
        const cert *above = &links[i + 1 < count ? i + 1 : i];
        links[i].issuer = above->subject;
        links[i].issuer_key = above->key;
        chain[i] = cert_make(&links[i]);
    }
    return count;
}

/* A root that has nothing wrong with it. */
static cert_der make_root(const char *name, mbedtls_pk_context *key)
{
    cert root = {0};
    complete(&root, name, key, true);
    root.issuer = root.subject;
    root.issuer_key = root.key;
    return cert_make(&root);
}

static peer_job row_job(const row *r, cert_der *store)
{
    peer_job job = {0};
    job.chain_length = make_chain(r, job.chain);
    *store = r->flags & STRANGER ? the_root
                                 : job.chain[job.chain_length - 1];
    if (!(r->flags & SELF_SIGNED))
        job.chain_length--; /* the client has the root */
    if (r->flags & LEFT_OUT)
        job.chain_length = 1;
    job.key = r->server.key ? r->server.key : &server_key;
    job.reply = ANSWER;
    job.ipv6 = r->host && *r->host == '[';
    return job;
}

/* Names are announced (RFC 6066 section 3), in lower case; addresses not. */
static void check_announced(const peer_seen *seen, const char *host)
{
    bool address = strspn(host, "[]:.0123456789") == strlen(host);
    char name[sizeof seen->name] = "";
    size_t i;
    for (i = 0; host[i] && !address; i++)
        name[i] = (char)tolower((unsigned char)host[i]);
    CHECK_INT(seen->names, !address);
    CHECK_STR(seen->name, name);
}

static void try_row(const row *r, const char *version, bool insecure)
{
    cert_der store;
    puter_options options = own_options();
    peer_job job = row_job(r, &store);
    const char *host = r->host ? r->host : HOST;
    puter_result wanted = insecure ? PUTER_OK : r->result;
    outcome out;
    options.ca_data = store.bytes;
    options.ca_size = store.length;
    options.insecure_skip_verify = insecure;
    job.tls12 = strcmp(version, "TLSv1.2") == 0;
    CHECK_IN("%s, %s%s", r->name, version, insecure ? ", insecure" : "");
    out = ask(&job, host, &options);
    if (!out.tried) {
        printf("%s: this machine has no ::1\n", check_row);
        return;
    }
    check_outcome(&out, wanted, r->says);
    check_announced(&out.seen, host);
    CHECK_INT(out.seen.requests, wanted == PUTER_OK);
    CHECK_STR(out.version, wanted == PUTER_OK ? version : "");
    if (wanted == PUTER_OK)
        CHECK_STR(out.seen.version, version);
    else
        CHECK_INT(out.seen.received, 0);
}

static void test_certificates(const char *version)
{
    size_t i;
    for (i = 0; i < COUNT(rows); i++)
        try_row(&rows[i], version, false);
}

/* Whatever the resolver takes for an address in another spelling would be
 * held against names, wildcards included: it is no host at all. */
static void test_other_spellings(void)
{
    static const char *const hosts[] = {"127.1", "127.0.0.01", "0x7f.1",
                                        "2130706433", "017700000001",
                                        "127.0.0.0x1"};
    size_t i;
    for (i = 0; i < COUNT(hosts); i++) {
        puter_options options = own_options();
        puter_client *client;
        char origin[64];
        CHECK_IN("%s", hosts[i]);
        snprintf(origin, sizeof origin, "https://%s:1", hosts[i]);
        options.api_origin = origin;
        client = puter_open(&options);
        puter_ask(client, "gpt-4", "Halo", NULL);
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        puter_close(client);
    }
}

/* A verdict is not remembered, nor does what it came from stay behind. */
static void test_refused_again(const char *version)
{
    static const row stranger = {.flags = STRANGER,
                                 .root = {.key = &other_key}, UNTRUSTED};
    puter_options options = own_options();
    cert_der store;
    peer_job job = row_job(&stranger, &store);
    outcome out;
    CHECK_IN("refused again, %s", version);
    job.more = 2;
    job.tls12 = strcmp(version, "TLSv1.2") == 0;
    options.ca_data = store.bytes;
    options.ca_size = store.length;
    out = ask(&job, HOST, &options);
    check_outcome(&out, stranger.result, stranger.says);
    CHECK_INT(out.seen.received, 0);
}

/* A store that cannot be read trusts nobody, however long the chain. */
static void test_unread_store(const char *version)
{
    static const char *const says[2] = {"nowhere", "ca_file"};
    int i;
    for (i = 0; i < 3; i++) {
        row chain = {.name = "good"};
        puter_options options = own_options();
        cert_der store;
        peer_job job;
        outcome out;
        CHECK_IN("no store for %d intermediates, %s", i, version);
        chain.intermediates = i;
        job = row_job(&chain, &store);
        job.tls12 = strcmp(version, "TLSv1.2") == 0;
        options.ca_file = "/nowhere/roots.pem";
        out = ask(&job, HOST, &options);
        check_outcome(&out, PUTER_ERR_CERT, says);
        CHECK_INT(out.seen.received, 0);
    }
}

/* What is refused for its certificate alone is accepted where none is looked
 * at. */
static void test_insecure(const char *version)
{
    size_t i;
    for (i = 0; i < COUNT(rows); i++)
        if (rows[i].result != PUTER_OK && !(rows[i].flags & HOPELESS))
            try_row(&rows[i], version, true);
}

/* A message says what day the machine believes it is, which Mbed TLS is not
 * told here: the certificate is refused for its own sake. */
static void test_days(void)
{
    static const struct {
        time_t now;
        const char *says[2];
    } days[] = {
        {951782400, {"expired", "2000-02-29"}},
        {1767225600, {"expired", "2026-01-01"}},
        {1791590399, {"expired", "2026-10-09"}},
        {1797292800, {"expired", "2026-12-15"}},
    };
    static const row expired = {.server = {.until = "20200201000000"}};
    size_t i;
    for (i = 0; i < COUNT(days); i++) {
        puter_options options = own_options();
        cert_der store;
        peer_job job = row_job(&expired, &store);
        outcome out;
        CHECK_IN("the machine's day, %s", days[i].says[1]);
        options.ca_data = store.bytes;
        options.ca_size = store.length;
        machine.now = days[i].now;
        out = ask(&job, HOST, &options);
        machine.now = 0;
        check_outcome(&out, PUTER_ERR_CERT, days[i].says);
    }
}

/* ---- the connection ----------------------------------------------------- */

/* A job for the good server, and what comes of it. */
typedef struct turn {
    const char *name;
    peer_job job;
    int connect_timeout_ms;
    puter_result result;
    const char *says[2];
} turn;

#define INSTEAD(literal) \
    .job = {.instead = (literal), .instead_length = sizeof(literal) - 1}
#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define BAD_CHAIN .result = PUTER_ERR_CERT, .says = {"damaged"}
#else
#define BAD_CHAIN .result = PUTER_ERR_TLS, .says = {"handshake"}
#endif
#define CLOSED .result = PUTER_ERR_CLOSED, .says = {"handshake", "lost"}
#define CUT_SHORT .result = PUTER_ERR_CLOSED, .says = {"lost", "cut short"}

/* The answer of a server that has chosen a version and a suite: without a
 * session, its random of 32 bytes before (RFC 5246 section 7.4.1.3). */
#define HELLO(minor, suite) \
    "\x16\x03" minor "\0\x2a\x02\0\0\x26\x03" minor \
    "0123456789abcdef0123456789abcdef\0" suite "\0"

static const turn turns[] = {
    {.name = "length", .job = {.reply = ANSWER}},
    {.name = "length, without close_notify",
     .job = {.reply = ANSWER, .farewell = PEER_FIN}},
    {.name = "until the end", .job = {.reply = UNTIL_END}},
    {.name = "until the end, without close_notify",
     .job = {.reply = UNTIL_END, .farewell = PEER_FIN}, CUT_SHORT},
    {.name = "until the end, reset",
     .job = {.reply = UNTIL_END, .farewell = PEER_RESET},
     CUT_SHORT},
    {.name = "half a body, and close_notify",
     .job = {.reply = HEAD "Content-Length: 62\r\n\r\n{\"success\":"},
     .result = PUTER_ERR_CLOSED, .says = {"cut short"}},
    {.name = "half a body, without close_notify",
     .job = {.reply = HEAD "Content-Length: 62\r\n\r\n{\"success\":",
             .farewell = PEER_FIN}, CUT_SHORT},
    {.name = "half a head", .job = {.reply = HEAD}, .result = PUTER_ERR_CLOSED,
     .says = {"cut short"}},
    {.name = "no reply", .result = PUTER_ERR_CLOSED,
     .says = {"lost", "a model may have run"}},
    {.name = "no reply, without close_notify", .job = {.farewell = PEER_FIN},
     .result = PUTER_ERR_CLOSED, .says = {"lost", "a model may have run"}},
    {.name = "again and again", .job = {.reply = UNTIL_END, .more = 2}},
    {.name = "byte by byte", .job = {.reply = ANSWER, .piecemeal = true}},
    {.name = "byte by byte, until the end",
     .job = {.reply = UNTIL_END, .piecemeal = true}},
    {.name = "records of nothing", /* as against the counting of bytes */
     .job = {.reply = ANSWER, .padding = 1}},
    {.name = "three at a time, byte by byte",
     .job = {.reply = UNTIL_END, .piecemeal = true, .padding = 3}},
    {.name = "changed on the way",
     .job = {.reply = ANSWER, .spoiled = true}, .result = PUTER_ERR_TLS},
    {.name = "a certificate is asked for",
     .job = {.reply = ANSWER, .asks_certificate = true}},
    {.name = "a new handshake is asked for", /* and declined */
     .job = {.reply = ANSWER, .renegotiates = true}},

    /* no handshake to speak of */
    {.name = "plain HTTP",
     INSTEAD("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
     .result = PUTER_ERR_TLS, .says = {"http://"}},
    {.name = "garbage",
     INSTEAD("\x8f\x03\xe1\x5b\xc4\x00\x71\xfe\x2d\x99\x40\xa8"),
     .result = PUTER_ERR_TLS, .says = {"does not speak TLS"}},
    {.name = "an alert", INSTEAD("\x15\x03\x03\0\x02\x02\x28"),
     .result = PUTER_ERR_TLS, .says = {"alert"}},
    {.name = "TLS 1.1", INSTEAD(HELLO("\x02", "\xc0\x09")),
     .result = PUTER_ERR_TLS, .says = {"TLS 1.1"}},
    {.name = "TLS 1.0", INSTEAD(HELLO("\x01", "\xc0\x09")),
     .result = PUTER_ERR_TLS, .says = {"TLS 1.1"}},
    {.name = "SSL 3.0", INSTEAD(HELLO("\0", "\xc0\x09")),
     .result = PUTER_ERR_TLS, .says = {"TLS 1.1"}},
    {.name = "no encryption", INSTEAD(HELLO("\x03", "\0\x3b")),
     .result = PUTER_ERR_TLS},
    {.name = "no certificate", INSTEAD(HELLO("\x03", "\0\x34")),
     .result = PUTER_ERR_TLS},
    {.name = "an empty chain",
     INSTEAD(HELLO("\x03", "\xc0\x2b")
             "\x16\x03\x03\0\x07\x0b\0\0\x03\0\0\0"), BAD_CHAIN},
    {.name = "a chain of another length",
     INSTEAD(HELLO("\x03", "\xc0\x2b")
             "\x16\x03\x03\0\x0b\x0b\0\0\x07\0\0\x09\0\0\x01\0"),
     BAD_CHAIN},
    {.name = "half a record", INSTEAD("\x16\x03\x03\0\x2a\x02\0\0"), CLOSED},
    {.name = "closed", INSTEAD(""), CLOSED},
    {.name = "mute", .job = {.mute = true}, .connect_timeout_ms = 300,
     .result = PUTER_ERR_TIMEOUT, .says = {"handshake"}},
};

/* Adds a message of TLS 1.2 with a chain of one certificate. */
static void add_chain(script_bytes *words, const cert_der *certificate)
{
    size_t length = certificate->length, i;
    size_t layers[] = {length + 10, length + 6, length + 3, length};
    char head[] = "\x16\x03\x03..\x0b......" "...", *at = head + 3;
    for (i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = 0;
        *at++ = (char)(layers[i] >> 8);
        *at++ = (char)layers[i];
        at += i == 0; /* what kind of message it is */
    }
    script_append(words, head, sizeof head - 1);
    script_append(words, certificate->bytes, length);
}

/* What a server says on a connection before it ends it; frees the words. */
static void say(script *talk, script_bytes *words)
{
    script_raw(talk, words->bytes, words->length);
    script_current(talk)->eager = true;
    script_current(talk)->end = SCRIPT_RESET;
    free(words->bytes);
}

/* What was wrong with one server's certificate is nothing to hold against the
 * next one's, nor is there still a store to name. */
static void test_forgotten_verdict(void)
{
    static const char hello[] = HELLO("\x03", "\xc0\x2b");
    static const char empty[] = "\x16\x03\x03\0\x07\x0b\0\0\x03\0\0\0";
    script talk = {0};
    script_bytes first = {0}, second = {0};
    puter_options options = own_options();
    puter_client *client;
    CHECK_IN("a forgotten verdict");
    options.api_origin = "https://" HOST;
    options.ca_file = "/nowhere/roots.pem";
    script_append(&first, hello, sizeof hello - 1);
    add_chain(&first, &the_root);
    say(&talk, &first);
    script_next_connection(&talk);
    script_append(&second, hello, sizeof hello - 1);
    script_append(&second, empty, sizeof empty - 1);
    say(&talk, &second);
    client = script_open(&talk, &options);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CERT);
    CHECK(strstr(puter_last_error(client)->message, options.ca_file));
    CHECK(puter_ask(client, NULL, "Halo", NULL) < 0);
    CHECK(!strstr(puter_last_error(client)->message, "issuer"));
    CHECK(!strstr(puter_last_error(client)->message, "self-signed"));
    script_close(&talk, client);
}

static void try_turn(const turn *t, const char *version)
{
    static const row good = {.name = "good"};
    cert_der store;
    puter_options options = own_options();
    peer_job job = t->job, chain = row_job(&good, &store);
    outcome out;
    int asked;
    memcpy(job.chain, chain.chain, sizeof job.chain);
    job.chain_length = chain.chain_length;
    job.key = chain.key;
    job.tls12 = strcmp(version, "TLSv1.2") == 0;
    options.ca_data = store.bytes;
    options.ca_size = store.length;
    options.connect_timeout_ms = t->connect_timeout_ms;
    CHECK_IN("%s, %s", t->name, version);
    out = ask(&job, HOST, &options);
    check_outcome(&out, t->result, t->says);
    asked = job.instead || job.mute ? 0 : 1 + job.more;
    CHECK_INT(out.seen.requests, asked);
    CHECK_INT(out.seen.asked_anew, job.renegotiates && job.tls12);
#if defined(MBEDTLS_SSL_TICKET_C) && defined(MBEDTLS_SSL_SESSION_TICKETS)
    CHECK_INT(out.seen.resumed, asked > 1 ? asked - 1 : 0);
    CHECK_INT(out.seen.tickets, /* TLS 1.3 gives a new one for each used */
              job.tls12 ? asked - out.seen.resumed : asked);
#endif
}

static void test_connections(const char *version)
{
    size_t i;
    for (i = 0; i < COUNT(turns); i++)
        try_turn(&turns[i], version);
}

/* ---- a record that is sent by halves ------------------------------------ */

static struct {
    puter_client *client;
    bool narrow;   /* the connection takes no whole record at once */
    bool stuck;    /* nor, after the first, anything more */
    bool gone;     /* it takes nothing, and is lost: */
    int gives;     /* what writing to it comes to */
    bool forges;   /* it has read what nobody sent */
    bool ends;     /* it has read the end, and has room again */
    bool ticket;   /* what it reads first is awaited */
    bool trickles; /* it is slow: a piece of a record, then silence */
    bool refused;  /* it is lost, behind an alert */
    int writes;    /* of the request, if the connection is narrow */
    size_t forged; /* bytes of that */
    int pieces;    /* and silences, of the reply */
} between;

/* Leaves the end of the first record for later, and of later the first. */
static void await(void *ctx)
{
    struct pollfd arrival = {0};
    arrival.fd = ((puter__socket *)ctx)->fd;
    arrival.events = POLLIN;
    CHECK_INT(poll(&arrival, 1, PEER_PATIENCE_MS), 1);
}

static int write_between(void *ctx, const void *data, size_t size)
{
    if (between.refused && between.client->phase == PUTER__PHASE_SEND) {
        await(ctx);
        return PUTER_ERR_CLOSED;
    }
    if (between.gone) {
        between.gone = false; /* as the next connection is not */
        return between.gives;
    }
    if (between.narrow && between.client->phase == PUTER__PHASE_SEND) {
        int writes = between.writes++;
        if (writes == 0)
            return puter__socket_write(ctx, data, size - 5);
        if (writes == 1 || between.stuck)
            return PUTER_WANT_WRITE;
    }
    return puter__socket_write(ctx, data, size);
}

static int read_between(void *ctx, void *buffer, size_t size)
{
    static const char record[5 + 40] = {23, 3, 3, 0, 40};
    size_t left = sizeof record - between.forged;
    if (between.writes == 2 && between.ticket) {
        await(ctx);
        between.ticket = false;
    }
    if (between.writes == 2 && between.ends) {
        between.narrow = between.ends = false;
        return 0;
    }
    if (between.trickles && between.client->phase == PUTER__PHASE_RECEIVE) {
        between.pieces++;
        if (between.pieces % 2 == 0) {
            machine.later += 15;
            return PUTER_WANT_READ;
        }
        size = size < 20 ? size : 20;
    }
    if (between.writes < 2 || !between.forges)
        return puter__socket_read(ctx, buffer, size);
    size = size < left ? size : left;
    memcpy(buffer, record + between.forged, size);
    between.forged += size;
    return size > 0 ? (int)size : PUTER_WANT_READ;
}

/* A client of a good server, over a connection that is narrow when told. */
static puter_client *begin_between(const char *version, peer_job *job)
{
    static const row good = {.name = "good"};
    static cert_der store;
    peer_job chain = row_job(&good, &store);
    puter_options options = own_options();
    char origin[64];
    memcpy(job->chain, chain.chain, sizeof job->chain);
    job->chain_length = chain.chain_length;
    job->key = chain.key;
    job->tls12 = strcmp(version, "TLSv1.2") == 0;
    CHECK(peer_start(&server, job));
    snprintf(origin, sizeof origin, "https://" HOST ":%d", server.port);
    options.api_origin = origin;
    options.ca_data = store.bytes;
    options.ca_size = store.length;
    memset(&between, 0, sizeof between);
    between.client = puter_open(&options);
    between.client->own.read = read_between;
    between.client->own.write = write_between;
    return between.client;
}

/* A question may reach the service although writing it never succeeded: TLS
 * sends its end with the alert at somebody's forged record. So it is not asked
 * again, though the connection was an old one. One of which nothing went out
 * is. */
static void test_lost_while_sending(const char *version, bool forged)
{
    puter_client *client;
    peer_job job = {.reply = ANSWER, .again = 1, .more = 1};
    CHECK_IN("%s while sending, %s", forged ? "a forged record" : "lost",
             version);
    client = begin_between(version, &job);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    between.narrow = between.forges = forged;
    between.gone = !forged;
    between.gives = PUTER_ERR_CLOSED;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
              forged ? PUTER_ERR_TLS : PUTER_OK);
    if (forged)
        script_check_failure(client, PUTER_ERR_TLS);
    CHECK(!forged || between.writes > 2);
    between.narrow = between.forges = false;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.requests, 3);
}

/* A question that is given up while it is being sent stays so: ending the
 * connection does not send the rest, though there were room again. */
static void test_ended_while_sending(const char *version)
{
    static const puter_request request = {.prompt = "Halo"};
    puter_client *client;
    puter_event event;
    peer_job job = {.reply = ANSWER, .again = 1, .more = 1};
    CHECK_IN("the server ends while it is asked, %s", version);
    client = begin_between(version, &job);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    between.narrow = between.ends = true;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    CHECK(!between.ends);
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.requests, 2);

    CHECK_IN("ended while sending, %s", version);
    job.again = job.more = 0;
    client = begin_between(version, &job);
    client->options.nonblocking = true;
    between.narrow = true;
    puter_stream_begin(client, &request);
    while (between.writes < 2 &&
           puter_stream_next(client, &event) == PUTER_WAIT)
        continue;
    CHECK_INT(between.writes, 2);
    between.narrow = false;
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.requests, 0);
}

/* The ticket of TLS 1.3 comes behind the handshake, and so while the first
 * question is being sent. Every byte of that arrives, and once. */
static size_t send_past_ticket(const char *version, bool narrow)
{
    static char prompt[40001];
    puter_client *client;
    peer_job job = {.reply = ANSWER, .again = 1};
    memset(prompt, 'x', sizeof prompt - 1);
    client = begin_between(version, &job);
    between.narrow = narrow;
    between.ticket = !job.tls12;
    CHECK_INT(puter_ask(client, "gpt-4", prompt, NULL), PUTER_OK);
    CHECK(!narrow || (between.writes > 2 && !between.ticket));
    CHECK_INT(puter_ask(client, "gpt-4", prompt, NULL), PUTER_OK);
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.requests, 2);
    return server.seen.received;
}

static void test_ticket_while_sending(const char *version)
{
    puter_client *client;
    peer_job job = {.reply = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2"
                             "\r\n\r\n{}",
                    .hasty = true};
    CHECK_IN("a ticket while sending, %s", version);
    CHECK_INT(send_past_ticket(version, true),
              send_past_ticket(version, false));
    CHECK_IN("a ticket and a refusal while sending, %s", version);
    client = begin_between(version, &job);
    between.narrow = between.stuck = between.ticket = true;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_AUTH);
    puter_close(client);
    CHECK(peer_end(&server));
}

/* A server that refuses behind the handshake, as one of TLS 1.3 that demands a
 * certificate does, says why: that counts, not the write that fails for it. */
static void test_refused_behind(const char *version)
{
    puter_client *client;
    peer_job job = {.refuses = true};
    CHECK_IN("refused behind the handshake, %s", version);
    client = begin_between(version, &job);
    between.refused = true;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_TLS);
    CHECK(strstr(puter_last_error(client)->message, "client's certificate"));
    puter_close(client);
    CHECK(peer_end(&server));
}

/* Between begin and next it is the caller who is away, not the service. */
static void test_slow_caller(const char *version)
{
    static const puter_request request = {.prompt = "Halo"};
    puter_client *client;
    peer_job job = {.reply = ANSWER};
    CHECK_IN("a slow caller, %s", version);
    client = begin_between(version, &job);
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(client->phase, PUTER__PHASE_HANDSHAKE);
    machine.later = 1000;
    CHECK_INT(puter_stream_next(client, NULL), 1);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    machine.later = 0;
    puter_close(client);
    CHECK(peer_end(&server));
}

/* Silence is that of the connection: a record that comes slowly is none. */
static void test_slow_record(const char *version)
{
    puter_client *client;
    peer_job job = {.reply = ANSWER};
    CHECK_IN("a slow record, %s", version);
    client = begin_between(version, &job);
    between.trickles = true;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    CHECK(between.pieces > 6);
    machine.later = 0;
    puter_close(client);
    CHECK(peer_end(&server));
}

/* The end of a connection is told, whatever became of the one before. */
static void test_farewell(const char *version, int gives,
                          puter_result wanted)
{
    puter_client *client;
    peer_job job = {.reply = ANSWER, .again = 1, .more = 1};
    CHECK_IN("farewell, %s", version);
    client = begin_between(version, &job);
    between.gone = true;
    between.gives = gives;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), wanted);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.farewells, 1);
}

/* ---- a server that has no end of alerts that mean nothing ---------------- */

static struct {
    size_t given;
    bool cancel;
} flood;

static int flood_open(void *ctx, const char *host, int port)
{
    (void)ctx;
    (void)host;
    (void)port;
    return 0;
}

static int flood_read(void *ctx, void *buffer, size_t size)
{
    static const char warning[] = "\x15\x03\x03\0\x02\x01\x5a";
    size_t i;
    (void)ctx;
    for (i = 0; i < size && flood.given < 4 << 20; i++)
        ((char *)buffer)[i] = warning[flood.given++ % (sizeof warning - 1)];
    return (int)i;
}

static int flood_write(void *ctx, const void *data, size_t size)
{
    (void)ctx;
    (void)data;
    return (int)size;
}

static void flood_close(void *ctx)
{
    (void)ctx;
}

static bool flood_cancelled(void *user)
{
    (void)user;
    return flood.cancel;
}

/* Time is looked at, and a non-blocking call gives way. */
static void test_flood(void)
{
    static const puter_transport transport = {.open = flood_open,
                                              .read = flood_read,
                                              .write = flood_write,
                                              .close = flood_close};
    static const puter_request request = {.prompt = "Halo"};
    puter_options options = own_options();
    puter_client *client;
    size_t given;
    int i;
    options.api_origin = "https://" HOST;
    options.transport = &transport;
    options.nonblocking = true;
    options.cancelled = flood_cancelled;
    for (i = 0; i < 2; i++) {
        CHECK_IN("a flood of alerts, %s", i ? "cancelled" : "too long");
        memset(&flood, 0, sizeof flood);
        client = puter_open(&options);
        CHECK_INT(puter_stream_begin(client, &request), PUTER_WAIT);
        given = flood.given;
        CHECK_INT(puter_stream_next(client, NULL), PUTER_WAIT);
        CHECK(flood.given > given); /* each call reads on */
        flood.cancel = i == 1;
        machine.later = i == 0 ? 16 : 0;
        CHECK_INT(puter_stream_next(client, NULL),
                  i == 1 ? PUTER_ERR_CANCELLED : PUTER_ERR_TIMEOUT);
        puter_close(client);
        machine.later = 0;
    }
}

/* What Mbed TLS fails with before there is anything to see, and that it does
 * not last. */
static void test_broken_setup(void)
{
    static const struct {
        int error;
        puter_result result;
        const char *says;
    } failures[] = {
        {MBEDTLS_ERR_SSL_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
        {MBEDTLS_ERR_X509_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
#if MBEDTLS_VERSION_NUMBER < 0x04000000
        {MBEDTLS_ERR_PK_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
        {MBEDTLS_ERR_MD_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
        {MBEDTLS_ERR_CIPHER_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
        {MBEDTLS_ERR_ECP_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
        {MBEDTLS_ERR_MPI_ALLOC_FAILED, PUTER_ERR_NOMEM, "out of memory"},
        {MBEDTLS_ERR_X509_INVALID_NAME + MBEDTLS_ERR_ASN1_ALLOC_FAILED,
         PUTER_ERR_NOMEM, "out of memory"},
#endif
        {-0x0034, PUTER_ERR_TLS, "urandom"}, /* no entropy */
        {MBEDTLS_ERR_SSL_BAD_INPUT_DATA, PUTER_ERR_TLS, "set-up"},
    };
    size_t i;
    for (i = 0; i < COUNT(failures); i++) {
        puter_client *client;
        peer_job job = {.reply = ANSWER, .more = 1};
        CHECK_IN("set-up fails with -0x%x", (unsigned)-failures[i].error);
        client = begin_between("TLSv1.2", &job);
        machine.broken = failures[i].error;
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
                  failures[i].result);
        CHECK(strstr(puter_last_error(client)->message, failures[i].says));
        machine.broken = 0;
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
        puter_close(client);
        CHECK(peer_end(&server));
    }
}

/* Where memory is short for the root, that is the reason, not the root. */
static void test_broken_root(void)
{
    peer_job job = {.reply = ANSWER, .more = 1};
    puter_client *client = begin_between("TLSv1.2", &job);
    CHECK_IN("no memory for a root");
    machine.unread = MBEDTLS_ERR_X509_ALLOC_FAILED;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_NOMEM);
    machine.unread = 0;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    puter_close(client);
    CHECK(peer_end(&server));
}

/* ---- CA stores ---------------------------------------------------------- */

static char directory[256]; /* of temporary files */

/* A path in the directory. */
static const char *path_to(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const script_bytes *content)
{
    FILE *file = fopen(path_to(name), "wb");
    if (!file ||
        fwrite(content->length ? content->bytes : "", 1, content->length,
               file) != content->length || fclose(file) != 0) {
        perror(path_to(name));
        exit(1);
    }
}

static void add_text(script_bytes *store, const char *text)
{
    script_append(store, text, strlen(text));
}

static void add_pem(script_bytes *store, const cert_der *der)
{
    char pem[2048];
    cert_pem(der, pem, sizeof pem);
    add_text(store, pem);
}

static void add_der(script_bytes *store, const cert_der *der)
{
    script_append(store, der->bytes, der->length);
}

/* A CA that signed nothing here. */
static cert_der other_root(int number)
{
    char name[64];
    snprintf(name, sizeof name, "CN=Other root %d", number);
    return make_root(name, &other_key);
}

/* -- what stores hold -- */

static void put_root(script_bytes *store)
{
    add_pem(store, &the_root);
}

/* As many as a system has; the one that matters is not the first. */
static void put_many(script_bytes *store)
{
    int i;
    for (i = 0; i < 150; i++) {
        cert_der other = other_root(i);
        if (i == 100)
            put_root(store);
        add_pem(store, &other);
    }
}

static void put_others(script_bytes *store)
{
    cert_der other = other_root(0);
    add_pem(store, &other);
}

static void put_namesake_first(script_bytes *store)
{
    add_pem(store, &namesake);
    put_root(store);
}

static void put_namesake_last(script_bytes *store)
{
    put_root(store);
    add_pem(store, &namesake);
}

static void put_namesake(script_bytes *store)
{
    add_pem(store, &namesake);
}

/* Names are the same in any case of letters (RFC 5280 section 7.1). */
static void put_in_capitals(script_bytes *store)
{
    cert_der root = make_root("C=ID,CN=ROOT,O=Puter.H Tests", &root_key);
    add_pem(store, &root);
}

/* Nor does it matter of which kind its strings are. */
static void put_printable(script_bytes *store)
{
    cert_der root = the_root;
    size_t i;
    for (i = 0; i + 6 < root.length; i++)
        if (memcmp(root.bytes + i, "\x0C\4Root", 6) == 0)
            root.bytes[i] = 0x13; /* from UTF8String to PrintableString */
        else if (memcmp(root.bytes + i, "\x13\2ID", 4) == 0)
            root.bytes[i] = 0x0C; /* and back */
    add_pem(store, &root);
}

/* A name as long as the root's is not yet its name. */
static void put_as_long(script_bytes *store)
{
    static const char *const names[] = {"C=ID,CN=Toor,O=puter.h tests",
                                        "C=ID,CN=Roo,O=puter.h testss",
                                        "C=ID,CN=Rootputer.,O=h tests"};
    size_t i;
    for (i = 0; i < COUNT(names); i++) {
        cert_der other = make_root(names[i], &other_key);
        add_pem(store, &other);
    }
    put_root(store);
}

/* What begins as certificates do, and is none. */
static void put_odd(script_bytes *store)
{
    static const cert_der odd[] = {
        {2, "\x05\0"},
        {2, "\x30\0"},
        {4, "\x30\2\x30\0"},
        {8, "\x30\6\x30\4\xA0\2\2\0"},
        {11, "\x30\x09\x30\7\2\1\1\x30\0\x31\0"},
        {15, "\x30\x0D\x30\x0B\2\1\1\x30\0\x30\0\x30\0\5\0"},
        {15, "\x30\x0D\x30\x0B\2\1\1\x30\0\x30\0\x30\0\x30\1"},
    };
    size_t i;
    for (i = 0; i < COUNT(odd); i++)
        add_pem(store, &odd[i]);
}

static void put_odd_first(script_bytes *store)
{
    put_odd(store);
    put_root(store);
}

static void put_twice(script_bytes *store)
{
    put_root(store);
    put_root(store);
}

static void put_crlf(script_bytes *store)
{
    script_bytes plain = {0};
    size_t i;
    put_others(&plain);
    put_root(&plain);
    for (i = 0; i < plain.length; i++)
        script_append(store, plain.bytes[i] == '\n' ? "\r\n" : plain.bytes + i,
                      plain.bytes[i] == '\n' ? 2 : 1);
    free(plain.bytes);
}

static void put_text_between(script_bytes *store)
{
    add_text(store, "# Jos\xC3\xA9's roots\nCertificate:\n    Data:\n"
                    "        Version: 3 (0x2)\n-----\n");
    put_others(store);
    add_text(store, "\n-----BEGIN X509 CRL-----\nMIIB\n"
                    "-----END X509 CRL-----\n\nThe root\n========\n");
    put_root(store);
    add_text(store, "-----BEGIN\n");
}

static void put_commented(script_bytes *store)
{
    script_bytes plain = {0};
    size_t i;
    put_root(&plain);
    for (i = 0; i < plain.length; i++) {
        if (i == 0 || plain.bytes[i - 1] == '\n')
            add_text(store, "# ");
        script_append(store, plain.bytes + i, 1);
    }
    free(plain.bytes);
}

static void put_no_last_line_end(script_bytes *store)
{
    put_root(store);
    store->length--;
}

static void put_cut(script_bytes *store)
{
    put_root(store);
    store->length /= 2;
}

static void put_cut_last(script_bytes *store)
{
    script_bytes cut = {0};
    put_root(store);
    put_cut(&cut);
    script_append(store, cut.bytes, cut.length);
    free(cut.bytes);
}

static void put_cut_first(script_bytes *store)
{
    put_cut(store);
    add_text(store, "\n");
    put_root(store);
}

static void put_nothing(script_bytes *store)
{
    (void)store;
}

static void put_garbage(script_bytes *store)
{
    uint64_t seed = 7;
    int i;
    for (i = 0; i < 5000; i++) {
        char byte = (char)script_random(&seed);
        script_append(store, &byte, 1);
    }
}

static void put_garbage_in_pem(script_bytes *store)
{
    add_text(store, "-----BEGIN CERTIFICATE-----\n"
                    "SGFsbywgc2lhcGEga2FtdT8gQWt1IGJ1a2FuIHNlcnRpZmlrYXQu\n"
                    "-----END CERTIFICATE-----\n");
}

static void put_der(script_bytes *store)
{
    add_der(store, &the_root);
}

static void put_ders(script_bytes *store)
{
    cert_der other = other_root(0);
    add_der(store, &other);
    add_der(store, &namesake);
    add_der(store, &the_root);
    add_der(store, &other);
}

static void put_cut_der(script_bytes *store)
{
    put_der(store);
    store->length--;
}

#define EMPTY .result = PUTER_ERR_CERT, .says = {"holds no CA certificate"}

static const struct store_row {
    const char *name;
    void (*put)(script_bytes *store);
    bool memory_only; /* DER, which files must not be */
    puter_result result;
    const char *says[2];
} stores[] = {
    {.name = "the root", .put = put_root},
    {.name = "many roots", .put = put_many},
    {.name = "the root in capitals", .put = put_in_capitals},
    {.name = "the root in another kind of string", .put = put_printable},
    {.name = "a name as long before the root", .put = put_as_long},
    {.name = "what is no certificate before the root", .put = put_odd_first},
    {.name = "the root twice", .put = put_twice},
    {.name = "a namesake before the root", .put = put_namesake_first},
    {.name = "a namesake behind the root", .put = put_namesake_last},
    {.name = "lines that end in CR LF", .put = put_crlf},
    {.name = "text between", .put = put_text_between},
    {.name = "no last line end", .put = put_no_last_line_end},
    {.name = "half a root behind the root", .put = put_cut_last},
    {.name = "half a root before the root", .put = put_cut_first},
    {.name = "DER", .put = put_der, .memory_only = true},
    {.name = "several of DER", .put = put_ders, .memory_only = true},
    {.name = "another root", .put = put_others, UNTRUSTED},
    {.name = "a namesake", .put = put_namesake, UNTRUSTED},
    {.name = "half a root", .put = put_cut, EMPTY},
    {.name = "DER without its last byte", .put = put_cut_der,
     .memory_only = true, EMPTY},
    {.name = "a root in a comment", .put = put_commented, EMPTY},
    {.name = "nothing", .put = put_nothing, EMPTY},
    {.name = "garbage", .put = put_garbage, EMPTY},
    {.name = "garbage in PEM", .put = put_garbage_in_pem, EMPTY},
    {.name = "what is no certificate", .put = put_odd, EMPTY},
};

/* One question to the good server, by a client with these options. */
static outcome ask_good(const puter_options *options)
{
    static const row good = {.name = "good"};
    cert_der store;
    peer_job job = row_job(&good, &store);
    return ask(&job, HOST, options);
}

static void check_store(const puter_options *options, puter_result wanted,
                        const char *const says[2])
{
    outcome out = ask_good(options);
    check_outcome(&out, wanted, says);
    CHECK_INT(out.seen.received > 0, wanted == PUTER_OK);
}

static void try_store(const struct store_row *r)
{
    script_bytes store = {0};
    puter_options options = own_options();
    r->put(&store);
    CHECK_IN("ca_data: %s", r->name);
    options.ca_data = store.length ? store.bytes : "";
    options.ca_size = store.length;
    check_store(&options, r->result, r->says);
    if (!r->memory_only) {
        write_file("store", &store);
        CHECK_IN("ca_file: %s", r->name);
        options = own_options();
        options.ca_file = path_to("store");
        check_store(&options, r->result, r->says);
        CHECK_IN("$SSL_CERT_FILE: %s", r->name);
        options = own_options();
        options.no_environment = false;
        setenv("SSL_CERT_FILE", path_to("store"), 1);
        check_store(&options, r->result, r->says);
        unsetenv("SSL_CERT_FILE");
        unlink(path_to("store"));
    }
    free(store.bytes);
}

static void test_stores(void)
{
    size_t i;
    for (i = 0; i < COUNT(stores); i++)
        try_store(&stores[i]);
}

/* -- which store counts -- */

/* Files and directories that are there; the names tell what they hold. */
#define RIGHT_DIRECTORY "right"
#define RIGHT_FILE RIGHT_DIRECTORY "/root.pem"
#define WRONG_DIRECTORY "wrong"
#define WRONG_FILE WRONG_DIRECTORY "/other.pem"
#define PUT_ASIDE WRONG_DIRECTORY "/.root.pem"
#define EMPTY_DIRECTORY "empty"
#define MISSING "missing"
#define UNREADABLE EMPTY_DIRECTORY "/.memory"
#define UNFOUND .result = PUTER_ERR_CERT, .says = {MISSING, "ca_file"}

static const struct place {
    const char *name;
    const char *ca_file, *ssl_cert_file, *ssl_cert_dir; /* in `directory` */
    const cert_der *ca_data;
    bool no_size; /* ca_size stays 0 */
    bool no_environment;
    bool alien, allied, bare; /* the machine is */
    int left;         /* only so many descriptors, with the connection's */
    puter_result result;
    const char *says[2];
} places[] = {
    {.name = "a directory", .ssl_cert_dir = RIGHT_DIRECTORY},
    {.name = "a directory of others", .ssl_cert_dir = WRONG_DIRECTORY,
     UNTRUSTED},
    {.name = "a directory without certificates",
     .ssl_cert_dir = EMPTY_DIRECTORY, EMPTY},
    {.name = "no such directory", .ssl_cert_dir = MISSING, UNFOUND},
    {.name = "no such file", .ca_file = MISSING, UNFOUND},
    {.name = "no such $SSL_CERT_FILE", .ssl_cert_file = MISSING, UNFOUND},
    {.name = "$SSL_CERT_FILE before $SSL_CERT_DIR",
     .ssl_cert_file = RIGHT_FILE, .ssl_cert_dir = WRONG_DIRECTORY},
    {.name = "only $SSL_CERT_FILE, where there are both",
     .ssl_cert_file = WRONG_FILE, .ssl_cert_dir = RIGHT_DIRECTORY, UNTRUSTED},
    {.name = "no $SSL_CERT_DIR in place of $SSL_CERT_FILE",
     .ssl_cert_file = MISSING, .ssl_cert_dir = RIGHT_DIRECTORY, UNFOUND},
    {.name = "ca_file before $SSL_CERT_FILE", .ca_file = RIGHT_FILE,
     .ssl_cert_file = MISSING},
    {.name = "only ca_file, where there are both", .ca_file = WRONG_FILE,
     .ssl_cert_file = RIGHT_FILE, UNTRUSTED},
    {.name = "ca_data before ca_file", .ca_data = &the_root,
     .ca_file = MISSING},
    {.name = "only ca_data, where there are both", .ca_data = &namesake,
     .ca_file = RIGHT_FILE, UNTRUSTED},
    {.name = "ca_data of size 0, and ca_file", .ca_data = &the_root,
     .no_size = true, .ca_file = RIGHT_FILE, .result = PUTER_ERR_CERT,
     .says = {"ca_data holds no CA certificate"}},
    {.name = "an empty $SSL_CERT_FILE", .ssl_cert_file = "",
     .ssl_cert_dir = RIGHT_DIRECTORY},
    {.name = "both empty", .ssl_cert_file = "", .ssl_cert_dir = "",
     .result = PUTER_ERR_CERT}, /* the system's store has no such root */
    {.name = "the environment of a stranger", .alien = true,
     .ssl_cert_file = RIGHT_FILE, .result = PUTER_ERR_CERT},
    {.name = "the environment of another group", .allied = true,
     .ssl_cert_file = RIGHT_FILE, .result = PUTER_ERR_CERT},
    {.name = "no store in a usual place", .bare = true,
     .result = PUTER_ERR_CERT,
     .says = {"no CA store in a usual place", "ca_file"}},
    {.name = "a file for which there is no descriptor", .ca_file = RIGHT_FILE,
     .left = 1, .result = PUTER_ERR_CERT, .says = {RIGHT_FILE, "ca_file"}},
    {.name = "a directory for which there is none",
     .ca_file = RIGHT_DIRECTORY, .left = 1, .result = PUTER_ERR_CERT,
     .says = {RIGHT_DIRECTORY, "ca_file"}},
    {.name = "a directory for whose files there is none",
     .ca_file = RIGHT_DIRECTORY, .left = 2, .result = PUTER_ERR_CERT,
     .says = {RIGHT_DIRECTORY, "set ca_file"}},
#ifdef __linux__
    {.name = "a file that cannot be read", .ca_file = UNREADABLE,
     .result = PUTER_ERR_CERT, .says = {UNREADABLE, "set ca_file"}},
#endif
    {.name = "no environment", .no_environment = true,
     .ssl_cert_file = RIGHT_FILE, .ssl_cert_dir = RIGHT_DIRECTORY,
     .result = PUTER_ERR_CERT}, /* the system's store has no such root */
};

/* Lets the program open so many files and sockets more; gives the limit that
 * there was. */
static struct rlimit allow_descriptors(int count)
{
    struct rlimit before, now;
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    now = before;
    now.rlim_cur = (rlim_t)(next + count);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* How many are open, of the first ones. */
static int count_descriptors(void)
{
    int i, count = 0;
    for (i = 0; i < 100; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static void put_in_environment(const char *variable, const char *name)
{
    if (name)
        setenv(variable, *name ? path_to(name) : "", 1);
}

static void try_place(const struct place *p)
{
    puter_options options = own_options();
    struct rlimit before;
    int open_before = count_descriptors();
    CHECK_IN("%s", p->name);
    put_in_environment("SSL_CERT_FILE", p->ssl_cert_file);
    put_in_environment("SSL_CERT_DIR", p->ssl_cert_dir);
    if (p->ca_file)
        options.ca_file = path_to(p->ca_file);
    options.ca_data = p->ca_data ? p->ca_data->bytes : NULL;
    options.ca_size = p->ca_data && !p->no_size ? p->ca_data->length : 0;
    options.no_environment = p->no_environment;
    machine.alien = p->alien;
    machine.allied = p->allied;
    machine.bare = p->bare;
    before = allow_descriptors(p->left > 0 ? p->left : 100);
    check_store(&options, p->result, p->says);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_INT(count_descriptors(), open_before);
    machine.alien = machine.allied = machine.bare = false;
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}

/* What else a directory may hold is passed over. */
static const char *const clutter[] = {
    RIGHT_DIRECTORY "/notes", WRONG_DIRECTORY "/notes", EMPTY_DIRECTORY "/notes"
};
#define CLUTTER_LINK RIGHT_DIRECTORY "/gone"
#define CLUTTER_PIPE RIGHT_DIRECTORY "/pipe"
#define CLUTTER_DIRECTORY RIGHT_DIRECTORY "/more"

static const char *const directories[] = {RIGHT_DIRECTORY, WRONG_DIRECTORY,
                                          EMPTY_DIRECTORY, CLUTTER_DIRECTORY};

static void make_places(void)
{
    script_bytes root = {0}, other = {0}, notes = {0};
    size_t i;
    for (i = 0; i < COUNT(directories); i++)
        CHECK_INT(mkdir(path_to(directories[i]), 0700), 0);
    put_root(&root);
    put_others(&other);
    add_text(&notes, "These are notes.\n");
    write_file(RIGHT_FILE, &root);
    write_file(WRONG_FILE, &other);
    write_file(PUT_ASIDE, &root);
    for (i = 0; i < COUNT(clutter); i++)
        write_file(clutter[i], &notes);
    CHECK_INT(symlink("nowhere", path_to(CLUTTER_LINK)), 0);
    CHECK_INT(mkfifo(path_to(CLUTTER_PIPE), 0600), 0); /* nobody writes it */
    CHECK_INT(symlink("/proc/self/mem", path_to(UNREADABLE)), 0);
    free(root.bytes);
    free(other.bytes);
    free(notes.bytes);
}

static void remove_places(void)
{
    size_t i;
    for (i = 0; i < COUNT(clutter); i++)
        unlink(path_to(clutter[i]));
    unlink(path_to(CLUTTER_LINK));
    unlink(path_to(CLUTTER_PIPE));
    unlink(path_to(UNREADABLE));
    unlink(path_to(RIGHT_FILE));
    unlink(path_to(WRONG_FILE));
    unlink(path_to(PUT_ASIDE));
    for (i = COUNT(directories); i > 0; i--)
        rmdir(path_to(directories[i - 1]));
}

static void test_places(void)
{
    size_t i;
    make_places();
    for (i = 0; i < COUNT(places); i++)
        try_place(&places[i]);
    remove_places();
}

/* Nothing of a store outlives it: neither its roots, nor that there were
 * some. */
static void test_replaced_store(const char *version)
{
    static const char *const untrusted[2] = {"issuer is unknown"};
    static const char *const empty[2] = {"holds no CA certificate"};
    static const row good = {.name = "good"};
    cert_der ignored;
    puter_options options = own_options();
    peer_job job = row_job(&good, &ignored);
    script_bytes contents[3] = {{0}, {0}, {0}};
    puter_client *client;
    puter_reply reply;
    char origin[64], path[512];
    int i;
    CHECK_IN("a store that is replaced, %s", version);
    put_root(&contents[0]);
    put_others(&contents[1]);
    add_text(&contents[2], "Nothing.\n");
    snprintf(path, sizeof path, "%s", path_to("store"));
    job.reply = UNTIL_END;
    job.tls12 = strcmp(version, "TLSv1.2") == 0;
    job.more = 2;
    CHECK(peer_start(&server, &job));
    snprintf(origin, sizeof origin, "https://" HOST ":%d", server.port);
    options.api_origin = origin;
    options.ca_file = path;
    client = puter_open(&options);
    for (i = 0; i < 3; i++) {
        outcome out = {0};
        write_file("store", &contents[i]);
        out.result = puter_ask(client, "gpt-4", "Halo", &reply);
        snprintf(out.text, sizeof out.text, "%s",
                 out.result == PUTER_OK ? reply.text : "");
        snprintf(out.message, sizeof out.message, "%s",
                 puter_last_error(client)->message);
        check_outcome(&out, i == 0 ? PUTER_OK : PUTER_ERR_CERT,
                      i == 1 ? untrusted : empty);
        puter_reply_free(&reply);
        free(contents[i].bytes);
    }
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.requests, 1);
    unlink(path);
}

/* Whatever the system says of a file's last change tells it from before. */
static void test_marks(void)
{
    script_bytes store = {0};
    puter_options options = own_options();
    uint64_t marks[5];
    int i, j;
    put_root(&store);
    write_file("store", &store);
    options.ca_file = path_to("store");
    for (i = 0; i < 5; i++) {
        CHECK_IN("mark %d", i);
        machine.changed = i;
        marks[i] = puter__store_mark(&options, options.ca_file);
        for (j = 0; j < i; j++)
            CHECK(marks[j] != marks[i]);
    }
    machine.changed = 0;
    unlink(options.ca_file);
    free(store.bytes);
}

/* ---- sessions, taken up again ------------------------------------------- */

#if defined(MBEDTLS_SSL_TICKET_C) && defined(MBEDTLS_SSL_SESSION_TICKETS)

/* Starts the good server for so many connections, and gives its client. */
static puter_client *begin_sessions(const char *version, int connections,
                                    bool declines, puter_options *options)
{
    static const row good = {.name = "good"};
    static cert_der store;
    static char origin[64];
    peer_job job = row_job(&good, &store);
    job.reply = UNTIL_END;
    job.more = connections - 1;
    job.declines = declines;
    job.tls12 = strcmp(version, "TLSv1.2") == 0;
    CHECK(peer_start(&server, &job));
    snprintf(origin, sizeof origin, "https://" HOST ":%d", server.port);
    options->api_origin = origin;
    options->ca_data = store.bytes;
    options->ca_size = store.length;
    return puter_open(options);
}

static void ask_whole(puter_client *client)
{
    puter_reply reply;
    if (!CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK))
        printf("    %s\n", puter_last_error(client)->message);
    CHECK_STR(reply.text, TEXT);
    puter_reply_free(&reply);
}

static void end_sessions(puter_client *client, int resumed)
{
    puter_close(client);
    CHECK(peer_end(&server));
    CHECK_INT(server.seen.resumed, resumed);
}

/* One client's connections, one after another. */
static void test_kept_sessions(const char *version)
{
    puter_options options = own_options();
    puter_client *client = begin_sessions(version, 3, false, &options);
    int i;
    CHECK_IN("sessions in a client, %s", version);
    for (i = 0; i < 3; i++)
        ask_whole(client);
    end_sessions(client, 2);

    CHECK_IN("sessions declined, %s", version);
    client = begin_sessions(version, 3, true, &options);
    for (i = 0; i < 3; i++)
        ask_whole(client);
    end_sessions(client, 0);

    CHECK_IN("no sessions that Mbed TLS does not give, %s", version);
    client = begin_sessions(version, 2, false, &options);
    machine.forgetful = true;
    ask_whole(client);
    CHECK_INT(puter_session_save(client, path_to("session")),
              PUTER_ERR_NOT_FOUND);
    ask_whole(client);
    machine.forgetful = false;
    end_sessions(client, 0);

    CHECK_IN("no sessions of an unchecked peer, %s", version);
    options.insecure_skip_verify = true;
    client = begin_sessions(version, 3, false, &options);
    for (i = 0; i < 3; i++)
        ask_whole(client);
    CHECK_INT(puter_session_save(client, path_to("session")),
              PUTER_ERR_NOT_FOUND);
    CHECK(access(path_to("session"), F_OK) != 0);
    end_sessions(client, 0);
}

/* A session that a handshake has failed with may be why: it is tried once. */
static void test_failed_sessions(const char *version)
{
    puter_options options = own_options();
    puter_client *client = begin_sessions(version, 4, false, &options);
    CHECK_IN("sessions behind a failure, %s", version);
    client->own.write = write_between;
    ask_whole(client);
    between.gone = true;
    between.gives = PUTER_ERR_CLOSED;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_CLOSED);
    machine.broken = MBEDTLS_ERR_SSL_BAD_INPUT_DATA; /* is not why */
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_TLS);
    machine.broken = 0;
    ask_whole(client);
    end_sessions(client, 0);
}

/* A session that the server takes but cannot finish by, as out of a file that
 * was damaged: what it is asked then goes without. */
static void test_spoiled_session(const char *version)
{
    puter_options options = own_options();
    puter_client *client = begin_sessions(version, 3, false, &options);
    mbedtls_ssl_session *session = &client->tls.session;
    CHECK_IN("a session that is spoiled, %s", version);
    ask_whole(client);
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    session->MBEDTLS_PRIVATE(resumption_key)[0] ^= 1;
#endif
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    session->MBEDTLS_PRIVATE(master)[0] ^= 1;
#else
    session->master[0] ^= 1;
#endif
    ask_whole(client);
    puter_close(client);
    CHECK(peer_end(&server));
}

#ifdef MBEDTLS_SSL_PROTO_TLS1_3
/* Mbed TLS offers the session's version of TLS alone, and the service may have
 * left it. */
static void test_left_version(const char *version)
{
    puter_options options = own_options();
    puter_client *client = begin_sessions(version, 1, false, &options);
    static const row good = {.name = "good"};
    cert_der store;
    peer_job job = row_job(&good, &store);
    CHECK_IN("a session of %s, which the service has left", version);
    ask_whole(client);
    CHECK(peer_end(&server));
    job.reply = UNTIL_END;
    job.more = 1;
    job.tls12 = strcmp(version, "TLSv1.2") != 0;
    job.tls13 = !job.tls12;
    CHECK(peer_start(&server, &job));
    client->url.port = server.port;
    ask_whole(client);
    end_sessions(client, 0);
}
#endif

/* The lowest descriptor that is free. */
static int free_descriptor(void)
{
    int file = dup(0);
    close(file);
    return file;
}

static int count_files(void)
{
    DIR *files = opendir(directory);
    int count = 0;
    while (files && readdir(files))
        count++;
    if (files)
        closedir(files);
    return count;
}

static script_bytes read_session(void)
{
    script_bytes content = {0};
    char piece[8192];
    FILE *file = fopen(path_to("session"), "rb");
    CHECK(file != NULL);
    script_append(&content, piece, fread(piece, 1, sizeof piece, file));
    script_append(&content, "", 1);
    content.length--;
    fclose(file);
    return content;
}

/* A new client that is given the file. */
static void check_load(const puter_options *options, puter_result wanted,
                       const char *says)
{
    puter_client *client = puter_open(options);
    int next = free_descriptor();
    CHECK_INT(puter_session_load(client, path_to("session")), wanted);
    CHECK(strstr(puter_last_error(client)->message, says) != NULL);
    CHECK_INT(free_descriptor(), next);
    if (wanted != PUTER_OK) /* nor is anything of it kept */
        CHECK_INT(puter_session_save(client, path_to("copy")),
                  PUTER_ERR_NOT_FOUND);
    puter_close(client);
}

/* Each beginning of the file but the whole, and the whole with more behind. */
static void check_cuts(const puter_options *options)
{
    script_bytes whole = read_session(), piece;
    for (piece = whole; piece.length-- > 0;) {
        write_file("session", &piece);
        check_load(options, PUTER_ERR_NOT_FOUND, "whole one");
    }
    script_append(&whole, "", 1);
    write_file("session", &whole);
    check_load(options, PUTER_ERR_NOT_FOUND, "damaged");
    whole.length--;
    write_file("session", &whole);
    check_load(options, PUTER_OK, "");
    free(whole.bytes);
}

/* Where a session's file tells when the certificate was checked. */
static size_t moment_in(const script_bytes *whole)
{
    const char *moment = strstr(whole->bytes, ": ");
    return CHECK(moment != NULL) ? (size_t)(moment + 2 - whole->bytes) : 0;
}

/* Gives a file that was changed the mark of one that was written like that. */
static void seal(script_bytes *whole)
{
    uint64_t mark;
    size_t end = whole->length - sizeof mark;
    mark = puter__fnv1a(0, whole->bytes, end);
    memcpy(whole->bytes + end, &mark, sizeof mark);
}

/* The same file, as if the certificate had been checked then. */
static void check_age(const puter_options *options, int64_t then,
                      puter_result wanted)
{
    script_bytes whole = read_session();
    memcpy(whole.bytes + moment_in(&whole), &then, sizeof then);
    seal(&whole);
    write_file("session", &whole);
    check_load(options, wanted, wanted == PUTER_OK ? "" : "a day old");
    free(whole.bytes);
}

/* The same file, as if another Mbed TLS had written it, whose number is what
 * a session begins with; and with a bit of it that is wrong, each in turn of a
 * byte's. */
static void check_foreign(const puter_options *options)
{
    script_bytes whole = read_session();
    size_t from = moment_in(&whole), i;
    char *session = whole.bytes + from + sizeof(puter__session_facts);
    session[0] ^= 0x40;
    seal(&whole);
    write_file("session", &whole);
    check_load(options, PUTER_ERR_NOT_FOUND, "cannot use it");
    session[0] ^= 0x40;
    seal(&whole);
    for (i = from; i < whole.length; i++) {
        whole.bytes[i] ^= (char)(1 << i % 8);
        write_file("session", &whole);
        check_load(options, PUTER_ERR_NOT_FOUND, "damaged");
        whole.bytes[i] ^= (char)(1 << i % 8);
    }
    write_file("session", &whole);
    free(whole.bytes);
}

static void check_refused_files(puter_options options, const char *version)
{
    const char *origin = options.api_origin;
    puter_client *client;
    mode_t mode;
    CHECK_IN("a session's file, cut, %s", version);
    check_cuts(&options);
    CHECK_IN("a session's file, old, %s", version);
    check_age(&options, time(NULL) - 86500, PUTER_ERR_NOT_FOUND);
    check_age(&options, time(NULL) + 1000, PUTER_ERR_NOT_FOUND);
    check_age(&options, INT64_MIN, PUTER_ERR_NOT_FOUND);
    check_age(&options, INT64_MAX, PUTER_ERR_NOT_FOUND);
    check_age(&options, time(NULL) - 86300, PUTER_OK);
    CHECK_IN("a session's file, open to others, %s", version);
    for (mode = 1; mode < 0100; mode *= 2) {
        CHECK_INT(chmod(path_to("session"), 0600 | mode), 0);
        check_load(&options, PUTER_ERR_NOT_FOUND, "only its owner");
    }
    CHECK_INT(chmod(path_to("session"), 0600), 0);
    CHECK_IN("a session's file that is none, %s", version);
    client = puter_open(&options);
    CHECK_INT(puter_session_save(client, NULL), PUTER_ERR_NOT_FOUND);
    CHECK(strstr(puter_last_error(client)->message, "no path"));
    CHECK_INT(puter_session_load(client, directory), PUTER_ERR_NOT_FOUND);
    CHECK(strstr(puter_last_error(client)->message, "must be a file"));
    CHECK_INT(puter_session_load(client, NULL), PUTER_ERR_NOT_FOUND);
    CHECK(strstr(puter_last_error(client)->message, "no path"));
    CHECK_INT(mkfifo(path_to("pipe"), 0600), 0);
    CHECK_INT(puter_session_load(client, path_to("pipe")),
              PUTER_ERR_NOT_FOUND);
    CHECK(strstr(puter_last_error(client)->message, "must be a file"));
    unlink(path_to("pipe"));
    puter_close(client);
    CHECK_IN("a session's file of which nothing is known, %s", version);
    machine.blind = true;
    check_load(&options, PUTER_ERR_NOT_FOUND, "must be a file");
    machine.blind = false;
    CHECK_IN("a session's file, of another user, %s", version);
    machine.alien = true;
    check_load(&options, PUTER_ERR_NOT_FOUND, "only its owner");
    machine.alien = false;
    CHECK_IN("a session's file, of another Mbed TLS, %s", version);
    check_foreign(&options);
    CHECK_IN("a session's file, for another, %s", version);
    options.insecure_skip_verify = true;
    check_load(&options, PUTER_ERR_NOT_FOUND, "verifies nobody");
    options.insecure_skip_verify = false;
    options.api_origin = "https://" HOST ":1";
    check_load(&options, PUTER_ERR_NOT_FOUND, "another host");
    options.api_origin = origin;
    options.ca_size--;
    check_load(&options, PUTER_ERR_NOT_FOUND, "CA store");
    options.ca_size++;
    options.ca_data = NULL;
    check_load(&options, PUTER_ERR_NOT_FOUND, "CA store");
}

/* Whatever keeps the file from being written, nothing is left of it. */
static void check_failed_writes(puter_client *client)
{
    static const rlim_t sizes[] = {0, 100};
    struct rlimit before, now;
    int next = free_descriptor(), files = count_files();
    size_t i;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    now = before;
    for (i = 0; i < COUNT(sizes); i++) {
        now.rlim_cur = sizes[i];
        CHECK_INT(setrlimit(RLIMIT_FSIZE, &now), 0);
        errno = 0; /* as a write leaves it that was cut short */
        CHECK_INT(puter_session_save(client, path_to("session")),
                  PUTER_ERR_ARGUMENT);
        CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        CHECK_INT(count_files(), files);
    }
    CHECK_INT(mkdir(path_to("held"), 0700), 0);
    CHECK_INT(puter_session_save(client, path_to("held")), PUTER_ERR_ARGUMENT);
    CHECK_INT(rmdir(path_to("held")), 0);
    CHECK_INT(mkfifo(path_to("held"), 0600), 0); /* nor is a device replaced */
    CHECK_INT(puter_session_save(client, path_to("held")), PUTER_ERR_ARGUMENT);
    CHECK_INT(unlink(path_to("held")), 0);
    machine.forgetful = true;
    CHECK_INT(puter_session_save(client, path_to("session")),
              PUTER_ERR_NOT_FOUND);
    script_check_failure(client, PUTER_ERR_NOT_FOUND);
    machine.forgetful = false;
    CHECK_INT(count_files(), files);
    CHECK_INT(free_descriptor(), next);
}

/* From one client to the next, through a file. */
static void test_saved_sessions(const char *version)
{
    puter_options options = own_options();
    puter_client *client = begin_sessions(version, 2, false, &options);
    script_bytes before, after;
    struct stat about;
    CHECK_IN("sessions in a file, %s", version);
    CHECK_INT(puter_session_save(client, path_to("session")),
              PUTER_ERR_NOT_FOUND);
    CHECK_INT(puter_session_load(client, path_to("session")),
              PUTER_ERR_NOT_FOUND);
    ask_whole(client);
    CHECK_INT(puter_session_save(client, NULL), PUTER_ERR_NOT_FOUND);
    CHECK_INT(puter_session_save(client, path_to("no/session")),
              PUTER_ERR_ARGUMENT);
    check_failed_writes(client);
    CHECK_INT(puter_session_save(client, path_to("session")), PUTER_OK);
    CHECK_INT(stat(path_to("session"), &about), 0);
    CHECK_INT(about.st_mode & 07777, 0600);
    puter_close(client);
    check_refused_files(options, version);

    CHECK_IN("sessions from a file, %s", version);
    before = read_session();
    client = puter_open(&options);
    CHECK_INT(puter_session_load(client, path_to("session")), PUTER_OK);
    CHECK_INT(puter_session_load(client, path_to("session")), PUTER_OK);
    ask_whole(client);
    CHECK_INT(puter_session_save(client, path_to("session")), PUTER_OK);
    end_sessions(client, 1);
    after = read_session(); /* of the day on which the other was checked */
    CHECK(memcmp(before.bytes, after.bytes,
                 moment_in(&before) + sizeof(int64_t)) == 0);
    free(before.bytes);
    free(after.bytes);
    unlink(path_to("session"));
}

/* No verdict outlives the store that it was by. */
static void test_changed_store(const char *version)
{
    puter_options options = own_options();
    puter_client *client = begin_sessions(version, 4, false, &options);
    script_bytes store = {0};
    char path[512];
    int i;
    CHECK_IN("a store that changes, %s", version);
    puter_close(client);
    add_pem(&store, &the_root);
    write_file("store", &store);
    snprintf(path, sizeof path, "%s", path_to("store"));
    options.ca_data = NULL;
    options.ca_file = path;
    client = puter_open(&options);
    for (i = 0; i < 2; i++)
        ask_whole(client);
    CHECK_INT(puter_session_save(client, path_to("session")), PUTER_OK);
    add_text(&store, "\n");
    write_file("store", &store);
    check_load(&options, PUTER_ERR_NOT_FOUND, "another CA store");
    ask_whole(client);
    ask_whole(client);
    end_sessions(client, 2); /* the second and the fourth */
    unlink(path_to("session"));
    unlink(path_to("store"));
    free(store.bytes);
}

static void test_sessions(const char *version)
{
    test_kept_sessions(version);
    test_failed_sessions(version);
    test_spoiled_session(version);
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    test_left_version(version);
#endif
    test_saved_sessions(version);
    test_changed_store(version);
}

#else

static void test_sessions(const char *version)
{
    printf("sessions, %s: this Mbed TLS has no tickets\n", version);
}

#endif

/* ---- all of it ---------------------------------------------------------- */

static void make_keys(void)
{
    cert_make_key(&server_key);
    cert_make_key(&lower_key);
    cert_make_key(&upper_key);
    cert_make_key(&root_key);
    cert_make_key(&other_key);
    cert_make_rsa_key(&weak_key, 1024);
    cert_make_rsa_key(&strong_key, 2048);
#ifdef MBEDTLS_ECP_DP_SECP192R1_ENABLED
    cert_make_ec_key(&small_key, MBEDTLS_ECP_DP_SECP192R1);
#endif
}

static void free_keys(void)
{
    mbedtls_pk_free(&server_key);
    mbedtls_pk_free(&lower_key);
    mbedtls_pk_free(&upper_key);
    mbedtls_pk_free(&root_key);
    mbedtls_pk_free(&other_key);
    mbedtls_pk_free(&weak_key);
    mbedtls_pk_free(&strong_key);
#ifdef MBEDTLS_ECP_DP_SECP192R1_ENABLED
    mbedtls_pk_free(&small_key);
#endif
}

static void make_directory(void)
{
    check_temporary(directory, sizeof directory, "test-tls");
    if (!mkdtemp(directory)) {
        perror(directory);
        exit(1);
    }
}

int main(void)
{
    static const char *const versions[] = {
        "TLSv1.2",
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
        "TLSv1.3",
#endif
    };
    size_t i;
    CHECK_INT(strlen(BODY), 62);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    cert_start();
    make_keys();
    the_root = make_root(ROOT_NAME, &root_key);
    namesake = make_root(ROOT_NAME, &other_key);
    peer_open(&server);
    make_directory();
    for (i = 0; i < COUNT(versions); i++) {
        test_certificates(versions[i]);
        test_refused_again(versions[i]);
        test_unread_store(versions[i]);
        test_insecure(versions[i]);
        test_connections(versions[i]);
        test_lost_while_sending(versions[i], true);
        test_lost_while_sending(versions[i], false);
        test_ended_while_sending(versions[i]);
        test_ticket_while_sending(versions[i]);
        test_refused_behind(versions[i]);
        test_slow_caller(versions[i]);
        test_slow_record(versions[i]);
        test_farewell(versions[i], PUTER_ERR_CLOSED, PUTER_ERR_CLOSED);
        test_farewell(versions[i], PUTER_ERR_LIMIT, PUTER_ERR_LIMIT);
        test_farewell(versions[i], 0, PUTER_ERR_CLOSED);
        test_replaced_store(versions[i]);
        test_sessions(versions[i]);
    }
    test_forgotten_verdict();
    test_days();
    test_other_spellings();
    test_stores();
    test_places();
    test_marks();
    test_flood();
    test_broken_setup();
    test_broken_root();
    rmdir(directory);
    peer_close(&server);
    free_keys();
    cert_stop();
    return check_done();
}
