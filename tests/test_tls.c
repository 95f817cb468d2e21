/* test_tls.c - whom the client believes to be the service, and what it makes
 * of a TLS connection that goes wrong. The servers are real ones, on
 * loopback; their certificates are made when this starts. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "tls_peer.h"

#define HOST "api.puter.localhost"
#define ROOT_NAME "CN=Root,O=puter.h tests"
#define TEXT "Halo juga!"
#define BODY "{\"success\":true,\"result\":{\"message\":{\"content\":\"" TEXT "\"}}}"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define ANSWER HEAD "Content-Length: 62\r\n\r\n" BODY
#define UNTIL_END HEAD "Connection: close\r\n\r\n" BODY

static mbedtls_pk_context server_key, lower_key, upper_key, root_key;
static mbedtls_pk_context other_key, weak_key;

/* ---- one question to one server ----------------------------------------- */

typedef struct outcome {
    bool tried; /* false: the machine lacks what it needs */
    puter_result result;
    char message[512];
    char text[64];
    peer_seen seen;
} outcome;

/* Options that leave nothing to the machine this runs on. */
static puter_options own_options(void)
{
    puter_options options = {0};
    options.token = SCRIPT_TOKEN;
    options.proxy = "";
    options.no_environment = true;
    return options;
}

static outcome ask(const peer_job *job, const char *host,
                   const puter_options *wanted)
{
    outcome out = {0};
    puter_options options = *wanted;
    puter_client *client;
    puter_reply reply;
    peer server;
    char origin[128];
    if (!peer_start(&server, job))
        return out;
    out.tried = true;
    snprintf(origin, sizeof origin, "https://%s:%d", host, server.port);
    options.api_origin = origin;
    client = puter_open(&options);
    out.result = puter_ask(client, "gpt-4", "Halo", &reply);
    if (out.result == PUTER_OK)
        snprintf(out.text, sizeof out.text, "%s", reply.text);
    else
        script_check_failure(client, out.result);
    snprintf(out.message, sizeof out.message, "%s",
             puter_last_error(client)->message);
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
    if (!CHECK_STR(puter_result_name(out->result), puter_result_name(wanted)))
        printf("    %s\n", out->message);
    CHECK_STR(out->text, wanted == PUTER_OK ? TEXT : "");
    for (i = 0; i < 2 && says[i]; i++)
        check_that(strstr(out->message, says[i]) != NULL, __FILE__, __LINE__,
                   "\"%s\" lacks \"%s\"", out->message, says[i]);
}

/* ---- certificates ------------------------------------------------------- */

enum {
    SELF_SIGNED = 1,  /* the server's certificate is its own issuer */
    STRANGER = 2,     /* the store holds another root than the chain's */
    LEFT_OUT = 4,     /* the server does not send the intermediates */
    UNREADABLE = 8    /* to Mbed TLS, which no option can change */
};

/* A chain, by what differs from a good one. */
typedef struct row {
    const char *name;
    const char *host;              /* (default: HOST) */
    cert server, lower, upper, root;
    int intermediates;             /* none, lower, or lower and upper */
    unsigned flags;
    puter_result result;
    const char *says[2];
} row;

#define DNS(name) SAN_LIST(SAN(SAN_DNS, name))
#define V4(bytes) SAN_LIST(SAN(SAN_IP, bytes))
#define V6_ONE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

#define WRONG_HOST .result = PUTER_ERR_CERT, .says = {"another host"}
#define UNTRUSTED .result = PUTER_ERR_CERT, .says = {"issuer is unknown"}

/* Extensions (RFC 5280 sections 4.2.1.10 and 4.2.1.12). */
static const cert_extension
    for_clients = CERT_EXTENSION("\x55\x1d\x25", false,
        "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"),
    excludes_host = CERT_EXTENSION("\x55\x1d\x1e", true,
        "\x30\x0f\xa1\x0d\x30\x0b\x82\x09localhost"),
    permits_others = CERT_EXTENSION("\x55\x1d\x1e", true,
        "\x30\x0d\xa0\x0b\x30\x09\x82\x07" "example"),
    never_heard_of = CERT_EXTENSION("\x2a\x03\x04", true, "\x05\x00");

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
    {.name = "an address", .host = "127.0.0.1",
     .server = {.names = V4("\x7f\0\0\1")}},
    {.name = "an address of IPv6", .host = "[::1]",
     .server = {.names = SAN_LIST(SAN(SAN_IP, V6_ONE))}},
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
    {.name = "a wildcard for no label", .host = "puter.localhost",
     .server = {.names = DNS("*.puter.localhost")}, WRONG_HOST},
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
     .server = {.subject = "CN=" HOST, .names = V4("\x7f\0\0\1")},
     WRONG_HOST},
    {.name = "the name as e-mail and URI",
     .server = {.names = SAN_LIST(SAN(SAN_EMAIL, HOST), SAN(SAN_URI, HOST))},
     WRONG_HOST},

    /* addresses: an iPAddress entry or nothing (RFC 9525 section 6.5) */
    {.name = "another address", .host = "127.0.0.1",
     .server = {.names = V4("\x7f\0\0\2")}, WRONG_HOST},
    {.name = "an address as a name", .host = "127.0.0.1",
     .server = {.names = DNS("127.0.0.1")}, WRONG_HOST},
    {.name = "an address's characters as its bytes", .host = "127.0.0.1",
     .server = {.names = V4("127.0.0.1")}, WRONG_HOST},
    {.name = "a wildcard for an address", .host = "127.0.0.1",
     .server = {.names = DNS("*.0.0.1")}, WRONG_HOST},
    {.name = "an address as the common name", .host = "127.0.0.1",
     .server = {.subject = "CN=127.0.0.1"}, WRONG_HOST},
    {.name = "a wildcard as the common name", .host = "127.0.0.1",
     .server = {.subject = "CN=*.0.0.1"}, WRONG_HOST},
    {.name = "an address and its mask", .host = "127.0.0.1",
     .server = {.names = V4("\x7f\0\0\1\xff\xff\xff\xff")}, WRONG_HOST},
    {.name = "an address of IPv4 within IPv6", .host = "127.0.0.1",
     .server = {.names = V4("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1")},
     WRONG_HOST},
    {.name = "the beginning of an address", .host = "[::1]",
     .server = {.names = V4("\0\0\0\0")}, WRONG_HOST},
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
     .lower = {.ca = false, .usage = MBEDTLS_X509_KU_KEY_CERT_SIGN},
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
    {.name = "a server's key that may only sign certificates",
     .server = {.usage = MBEDTLS_X509_KU_KEY_CERT_SIGN},
     .result = PUTER_ERR_CERT, .says = {"not made for a server"}},
    {.name = "SHA-1", .server = {.digest = MBEDTLS_MD_SHA1},
     .result = PUTER_ERR_CERT, .says = {"SHA-1"}},
    {.name = "SHA-1 of an intermediate", .intermediates = 1,
     .lower = {.digest = MBEDTLS_MD_SHA1},
     .result = PUTER_ERR_CERT, .says = {"SHA-1"}},
    {.name = "RSA of 1024 bits", .server = {.key = &weak_key},
     .result = PUTER_ERR_CERT, .says = {"2048"}},
    {.name = "an intermediate's RSA of 1024 bits", .intermediates = 1,
     .lower = {.key = &weak_key},
     .result = PUTER_ERR_CERT, .says = {"2048"}},

    /* constraints that Mbed TLS does not know: critical, so it must refuse */
    {.name = "an intermediate that excludes the host", .intermediates = 1,
     .lower = {.extension = &excludes_host}, .flags = UNREADABLE,
     .result = PUTER_ERR_CERT, .says = {"constraint"}},
    {.name = "an intermediate for other names", .intermediates = 1,
     .lower = {.extension = &permits_others}, .flags = UNREADABLE,
     .result = PUTER_ERR_CERT, .says = {"constraint"}},
    {.name = "a root that excludes the host",
     .root = {.extension = &excludes_host}, UNTRUSTED},
    {.name = "a root that excludes the host, behind an intermediate",
     .root = {.extension = &excludes_host}, .intermediates = 1, UNTRUSTED},
    {.name = "an unknown critical extension",
     .server = {.extension = &never_heard_of}, .flags = UNREADABLE,
     .result = PUTER_ERR_CERT, .says = {"constraint"}},
};
