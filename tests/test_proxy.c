/* test_proxy.c - the way to the service through a proxy: what a scripted one
 * is asked and may answer, whom the environment sends there, and a real one. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "script.h"
#include "standin.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define HALO \
    "{\"success\":true,\"result\":{\"message\":{\"content\":\"Halo\"}}}"
#define YES "HTTP/1.1 200 Connection established\r\n\r\n"

/* What must not be told: the password, and how it is sent. */
#define PASSWORD "s3cret"
#define CREDENTIALS "am9lOnMzY3JldA==" /* joe:s3cret */
#define PROXY "http://joe:" PASSWORD "@proxy.example:3128"

static void check_message(const puter_client *client, puter_result wanted)
{
    const char *message = puter_last_error(client)->message;
    script_check_failure(client, wanted);
    CHECK(!strstr(message, PASSWORD));
    CHECK(!strstr(message, CREDENTIALS));
}

/* ---- what a proxy is asked ---------------------------------------------- */

static puter_client *open_through(script *peer, const char *origin,
                                  const char *proxy)
{
    puter_options options = {0};
    options.api_origin = origin;
    options.allow_plain_http = true;
    options.proxy = proxy;
    peer->secure = true; /* no TLS on top: the script is to read along */
    return script_open(peer, &options);
}

/* One request to the proxy, to the byte, and behind its answer the service's
 * own, which the proxy knows nothing of. */
static void test_asking(void)
{
    static const struct {
        const char *origin, *target;
    } rows[] = {
        {"https://api.puter.com", "api.puter.com:443"},
        {"https://api.puter.com:8443/base", "api.puter.com:8443"},
        {"https://[2001:db8::1]", "[2001:db8::1]:443"},
        {"https://[2001:db8::1]:8443", "[2001:db8::1]:8443"},
        {"http://api.puter.localhost:4100", "api.puter.localhost:4100"},
        {"http://example.org", "example.org:80"},
        {"http://127.0.0.1", "127.0.0.1:80"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = open_through(&peer, rows[i].origin, PROXY);
        char wanted[512];
        CHECK_IN("through a proxy to %s", rows[i].origin);
        script_text(&peer, YES);
        script_reply(&peer, 200, HALO);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
        CHECK_STR(peer.host, "proxy.example");
        CHECK_INT(peer.port, 3128);
        snprintf(wanted, sizeof wanted,
                 "CONNECT %s HTTP/1.1\r\nHost: %s\r\n"
                 "Proxy-Authorization: Basic " CREDENTIALS "\r\n\r\n",
                 rows[i].target, rows[i].target);
        CHECK_STR(peer.requests[0].bytes, wanted);
        CHECK_INT(peer.request_count, 2);
        CHECK(strncmp(peer.requests[1].bytes, "POST ", 5) == 0);
        CHECK(strstr(peer.requests[1].bytes, SCRIPT_TOKEN));
        CHECK(!strstr(peer.requests[1].bytes, "Proxy-"));
        script_close(&peer, client);
    }
}

/* The spellings of a proxy, and what they mean. */
static void test_spellings(void)
{
    static const struct {
        const char *proxy, *host;
        int port;
        const char *credentials; /* NULL: none */
    } rows[] = {
        {"http://proxy.example:3128", "proxy.example", 3128, NULL},
        {"proxy.example:3128", "proxy.example", 3128, NULL},
        {"proxy.example", "proxy.example", 80, NULL},
        {"http://Proxy.Example:3128/", "proxy.example", 3128, NULL},
        {"HTTP://proxy.example:3128", "proxy.example", 3128, NULL},
        {"http://A.To.Z:1", "a.to.z", 1, NULL},
        {"http://127.0.0.1:1", "127.0.0.1", 1, NULL},
        {"http://[::1]:3128", "::1", 3128, NULL},
        {"http://joe:s3cret@[::1]:3128", "::1", 3128, CREDENTIALS},
        {"joe:s3cret@proxy.example", "proxy.example", 80, CREDENTIALS},
        {"http://joe:s3c%72et@p:1", "p", 1, CREDENTIALS},
        {"http://joe:@p:1", "p", 1, "am9lOg=="},
        /* user-id and password are joined by a colon: RFC 7617, 2 */
        {"http://joe@p:1", "p", 1, "am9lOg=="},
        {"http://:s3cret@p:1", "p", 1, "OnMzY3JldA=="},
        {"http://j%40e:a%3Ab%2Fc%25@p:1", "p", 1, "akBlOmE6Yi9jJQ=="},
        {"http://joe:a@b:c@p:1", "p", 1, "am9lOmFAYjpj"},
        {"http://joe:%zz%4@p:1", "p", 1, "am9lOiV6eiU0"},
        {"http://joe:%00x@p:1", "p", 1, "am9lOiUwMHg="},
        {"http://joe:%C3%A9%0d%0aX@p:1", "p", 1, "am9lOsOpDQpY"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client =
            open_through(&peer, "https://example.org", rows[i].proxy);
        const char *credentials = rows[i].credentials;
        char wanted[512];
        CHECK_IN("proxy %s", rows[i].proxy);
        script_text(&peer, YES);
        script_reply(&peer, 200, HALO);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
        CHECK_STR(peer.host, rows[i].host);
        CHECK_INT(peer.port, rows[i].port);
        snprintf(wanted, sizeof wanted,
                 "CONNECT example.org:443 HTTP/1.1\r\n"
                 "Host: example.org:443\r\n%s%s%s\r\n",
                 credentials ? "Proxy-Authorization: Basic " : "",
                 credentials ? credentials : "", credentials ? "\r\n" : "");
        CHECK_STR(peer.requests[0].bytes, wanted);
        script_close(&peer, client);
    }
}

/* "" is no proxy; what is none that can be used is told at the first call. */
static void test_bad_proxies(void)
{
    static const char *const rows[] = {
        "https://joe:s3cret@proxy.example:3128",
        "socks5://joe:s3cret@proxy.example:1080",
        "http://",
        "http://joe:s3cret@",
        "http://joe:s3cret@proxy.example:",
        "http://joe:s3cret@proxy.example:0",
        "http://joe:s3cret@proxy.example:65536",
        "http://joe:s3cret@proxy.example:x",
        "http://joe:s3cret@proxy example:1",
        "http://joe:s3cret@proxy.example:1\r\nX: y",
        "http://joe:s3cret@[::1:1",
        "://joe:s3cret@proxy.example",
    };
    script peer = {0};
    puter_client *client;
    char long_host[400];
    size_t i;
    CHECK_IN("a proxy too long");
    memset(long_host, 'x', sizeof long_host);
    long_host[sizeof long_host - 1] = '\0';
    client = open_through(&peer, "https://example.org", long_host);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    check_message(client, PUTER_ERR_ARGUMENT);
    script_close(&peer, client);
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("bad proxy %s", rows[i]);
        client = open_through(&peer, "https://example.org", rows[i]);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
        check_message(client, PUTER_ERR_ARGUMENT);
        CHECK(strstr(puter_last_error(client)->message, "proxy"));
        CHECK_INT(peer.opens, 0);
        script_close(&peer, client);
    }
    CHECK_IN("no proxy");
    client = open_through(&peer, "https://example.org", "");
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_STR(peer.host, "example.org");
    CHECK_INT(peer.request_count, 1);
    script_close(&peer, client);
}

/* ---- what a proxy answers ----------------------------------------------- */

static bool check_yes(const char *yes, size_t split, bool pauses)
{
    script peer = {0};
    puter_client *client = open_through(&peer, "https://example.org", PROXY);
    puter_reply reply;
    bool held;
    peer.cut = split ? SCRIPT_SPLIT : SCRIPT_BYTES;
    peer.split = split;
    peer.pauses = pauses;
    script_text(&peer, yes);
    script_reply(&peer, 200, HALO);
    held = CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK) &&
           CHECK_STR(reply.text, "Halo") && CHECK_INT(peer.opens, 1);
    puter_reply_free(&reply);
    script_close(&peer, client);
    return held;
}

/* A yes is any 2xx, whatever its head says of a body: it has none (RFC 9110
 * section 9.3.6). Anything may precede it that is not final. */
static void test_yes(void)
{
    static const char *const rows[] = {
        YES,
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nProxy-Agent: x\r\nVia: 1.1 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
         "Content-Length: 5\r\n\r\n"),
        "HTTP/1.1 204 No content\r\n\r\n",
        ("HTTP/1.1 100 Continue\r\n\r\n" YES),
    };
    size_t i, split;
    for (i = 0; i < COUNT(rows); i++)
        for (split = 0; split <= strlen(rows[i]); split++) {
            CHECK_IN("yes %d, split at %d", (int)i, (int)split);
            if (!check_yes(rows[i], split, i % 2 == 1))
                break;
        }
}

/* A no, or nothing of HTTP: nothing more is sent that way. */
static void test_no(void)
{
    static const struct {
        const char *answer;
        puter_result wanted;
        int status;
        const char *says;
    } rows[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: "
         "Basic realm=\"" PASSWORD "\"\r\nContent-Length: 6\r\n\r\n" PASSWORD,
         PUTER_ERR_REFUSED, 407, "credentials"},
        {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
         PUTER_ERR_REFUSED, 407, "credentials"},
        {"HTTP/1.1 403 Forbidden\r\n\r\n", PUTER_ERR_REFUSED, 403, "403"},
        {"HTTP/1.1 502 Bad Gateway\r\n\r\n", PUTER_ERR_REFUSED, 502, "502"},
        {"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n",
         PUTER_ERR_REFUSED, 302, "302"},
        {YES "surplus", PUTER_ERR_REFUSED, 200, "proxy.example"},
        {"SSH-2.0-OpenSSH_9.2\r\n", PUTER_ERR_PROTOCOL, 0, "HTTP"},
        {"HTTP/2 200\r\n\r\n", PUTER_ERR_PROTOCOL, 0, "HTTP"},
        {"\r\n\r\n", PUTER_ERR_PROTOCOL, 0, "HTTP"},
        {"HTTP/1.1 200 OK\r\nno field\r\n\r\n", PUTER_ERR_PROTOCOL, 0,
         "HTTP"},
        {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: x\r\n\r\n",
         PUTER_ERR_PROTOCOL, 0, "HTTP"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client =
            open_through(&peer, "https://example.org", PROXY);
        puter_reply reply;
        CHECK_IN("no %d", (int)i);
        script_text(&peer, rows[i].answer);
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply), rows[i].wanted);
        check_message(client, rows[i].wanted);
        CHECK(strstr(puter_last_error(client)->message, rows[i].says));
        if (rows[i].status)
            CHECK_INT(puter_last_error(client)->http_status, rows[i].status);
        CHECK_INT(peer.request_count, 1);
        CHECK(!strstr(peer.requests[0].bytes, SCRIPT_TOKEN));
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Something else than a proxy. */
static void test_no_proxy_at_all(void)
{
    script peer = {0};
    puter_client *client = open_through(&peer, "https://example.org", PROXY);
    CHECK_IN("no HTTP from the proxy");
    script_text(&peer, "SSH-2.0-dropbear\r\n");
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_PROTOCOL);
    check_message(client, PUTER_ERR_PROTOCOL);
    CHECK(strstr(puter_last_error(client)->message,
                 "the proxy: the reply of proxy.example is not valid HTTP"));
    script_close(&peer, client);
}

/* A connection that ends within the proxy's answer, at any byte. */
static void test_early_ends(void)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nProxy-Agent: x\r\n\r\n";
    size_t length;
    for (length = 0; length < 2 * (sizeof answer - 1); length++) {
        script peer = {0};
        puter_client *client =
            open_through(&peer, "https://example.org", PROXY);
        CHECK_IN("end at %d", (int)length / 2);
        if (length / 2 > 0)
            script_raw(&peer, answer, length / 2);
        script_current(&peer)->end =
            length % 2 ? SCRIPT_RESET : SCRIPT_CLEAN;
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CLOSED);
        check_message(client, PUTER_ERR_CLOSED);
        CHECK(strstr(puter_last_error(client)->message, "proxy"));
        CHECK_INT(peer.request_count, 1);
        script_close(&peer, client);
    }
}

/* What is lost behind a yes is the service's connection, of which no reply has
 * come. */
static void test_lost_behind_yes(void)
{
    script peer = {0};
    puter_client *client = open_through(&peer, "https://example.org", PROXY);
    CHECK_IN("lost behind a yes");
    script_text(&peer, YES);
    script_current(&peer)->end = SCRIPT_RESET;
    script_current(&peer)->end_late = true;
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CLOSED);
    check_message(client, PUTER_ERR_CLOSED);
    CHECK_INT(puter_last_error(client)->http_status, 0);
    script_close(&peer, client);
}

/* Nor does a transport that brings TLS of its own need leave. */
static void test_secure_transport(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    CHECK_IN("a transport with TLS of its own");
    options.api_origin = "http://example.org";
    peer.secure = true;
    client = script_open(&peer, &options);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    script_close(&peer, client);
}

/* Plain http to this machine needs no leave, but through another one it does:
 * that one would see the token. */
static void test_exposed_token(void)
{
    static const char *const proxies[] = {"http://proxy.example:3128",
                                          "http://127.0.0.1:3128"};
    int i;
    for (i = 0; i < 4; i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        CHECK_IN("plain http through %s, %d", proxies[i / 2], i % 2);
        options.proxy = proxies[i / 2];
        options.allow_plain_http = i % 2 != 0;
        client = script_open(&peer, &options);
        script_text(&peer, YES);
        script_reply(&peer, 200, HALO);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL),
                  i == 0 ? PUTER_ERR_ARGUMENT : PUTER_OK);
        CHECK_INT(peer.opens, i != 0);
        if (i == 0)
            script_check_failure(client, PUTER_ERR_ARGUMENT);
        script_close(&peer, client);
    }
}

/* One that cannot be reached, one that hangs up, one that says nothing. */
static void test_no_answer(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client =
        open_through(&peer, "https://example.org", PROXY);
    CHECK_IN("no proxy there");
    script_current(&peer)->open_result = PUTER_ERR_CONNECT;
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CONNECT);
    check_message(client, PUTER_ERR_CONNECT);
    CHECK(strstr(puter_last_error(client)->message, "the proxy: "));
    CHECK(strstr(puter_last_error(client)->message, "proxy.example"));
    script_close(&peer, client);
    CHECK_IN("a proxy that hangs up");
    client = open_through(&peer, "https://example.org", PROXY);
    script_current(&peer)->write_result = PUTER_ERR_CLOSED;
    script_current(&peer)->write_room = 10;
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CLOSED);
    check_message(client, PUTER_ERR_CLOSED);
    script_close(&peer, client);
    CHECK_IN("a silent proxy");
    options.proxy = PROXY;
    options.allow_plain_http = true;
    options.connect_timeout_ms = 50;
    client = script_open(&peer, &options);
    script_current(&peer);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_TIMEOUT);
    check_message(client, PUTER_ERR_TIMEOUT);
    CHECK(strstr(puter_last_error(client)->message, "proxy.example port 3128"));
    script_close(&peer, client);
}

/* A way that is open is used again; a new one is asked for anew. */
static void test_kept_tunnel(void)
{
    script peer = {0};
    puter_client *client = open_through(&peer, "https://example.org", PROXY);
    size_t i;
    CHECK_IN("kept tunnel");
    script_text(&peer, YES);
    script_reply(&peer, 200, HALO);
    script_reply(&peer, 200, HALO);
    script_current(&peer)->end = SCRIPT_CLEAN;
    script_next_connection(&peer);
    script_text(&peer, YES);
    script_reply(&peer, 200, HALO);
    for (i = 0; i < 3; i++)
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(peer.opens, 2);
    CHECK_INT(peer.request_count, 5);
    for (i = 0; i < 5; i++)
        CHECK_INT(strncmp(peer.requests[i].bytes, "CONNECT ", 8) == 0,
                  i == 0 || i == 3);
    script_close(&peer, client);
}

/* What is sent again goes the same way. */
static void test_repeated_request(void)
{
    static const char wait[] =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n\r\n{}";
    script peer = {0};
    puter_client *client = open_through(&peer, "https://example.org", PROXY);
    CHECK_IN("repeated request");
    script_text(&peer, YES);
    script_text(&peer, wait);
    script_next_connection(&peer);
    script_text(&peer, YES);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(peer.opens, 2);
    if (CHECK_INT(peer.request_count, 4)) {
        CHECK_STR(peer.requests[2].bytes, peer.requests[0].bytes);
        CHECK_STR(peer.requests[3].bytes, peer.requests[1].bytes);
    }
    script_close(&peer, client);
}

/* ---- the environment ---------------------------------------------------- */

static const char *const variables[] = {"HTTPS_PROXY", "https_proxy",
                                        "ALL_PROXY",   "all_proxy",
                                        "NO_PROXY",    "no_proxy"};

static void clear_environment(void)
{
    size_t i;
    for (i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
}

/* Sets "NAME=value NAME=value"; values without spaces. */
static void set_environment(const char *text)
{
    char all[512], *word;
    clear_environment();
    snprintf(all, sizeof all, "%s", text);
    for (word = strtok(all, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = '\0';
        setenv(word, equals + 1, 1);
    }
}

/* A variable that is set and empty is none. */
static void test_empty_variables(void)
{
    puter_client *client;
    CHECK_IN("empty variables");
    setenv("PUTER_API_ORIGIN", "", 1);
    setenv("PUTER_AUTH_TOKEN", "", 1);
    client = puter_open(NULL);
    CHECK_STR(client->url.host, "api.puter.com");
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    CHECK(strstr(puter_last_error(client)->message, "no token"));
    puter_close(client);
    unsetenv("PUTER_API_ORIGIN");
    unsetenv("PUTER_AUTH_TOKEN");
}

/* Which proxy the environment names, and for which origins. */
static void test_environment(void)
{
    static const struct {
        const char *environment, *origin;
        const char *host; /* of the proxy; "" none */
    } rows[] = {
        {"", "https://example.org", ""},
        {"HTTPS_PROXY=http://up:1", "https://example.org", "up"},
        {"https_proxy=http://low:1", "https://example.org", "low"},
        {"HTTPS_PROXY=up:1 https_proxy=low:1", "https://example.org", "up"},
        {"HTTPS_PROXY= https_proxy=low:1", "https://example.org", "low"},
        {"ALL_PROXY=all:1", "https://example.org", "all"},
        {"all_proxy=low:1", "https://example.org", "low"},
        {"HTTPS_PROXY=up:1 ALL_PROXY=all:1", "https://example.org", "up"},
        {"HTTPS_PROXY=up:1", "http://example.org", ""},
        {"HTTPS_PROXY=up:1 ALL_PROXY=all:1", "http://example.org", "all"},
        /* this machine is never on the other side of a proxy */
        {"ALL_PROXY=all:1", "https://localhost", ""},
        {"ALL_PROXY=all:1", "http://api.puter.localhost:4100", ""},
        {"ALL_PROXY=all:1", "https://127.1.2.3", ""},
        {"ALL_PROXY=all:1", "https://[::1]:8443", ""},
        {"ALL_PROXY=all:1", "https://localhost.example.org", "all"},
        {"ALL_PROXY=all:1", "https://128.0.0.1", "all"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        puter_client *client;
        CHECK_IN("%s for %s", rows[i].environment, rows[i].origin);
        set_environment(rows[i].environment);
        options.api_origin = rows[i].origin;
        options.allow_plain_http = true;
        client = puter_open(&options);
        CHECK_STR(puter__has_proxy(client) ? client->proxy.host : "",
                  rows[i].host);
        puter_close(client);
    }
    clear_environment();
}

/* Whom $NO_PROXY keeps from it: names and all that is under them, in any
 * case, on any port or one. */
static void test_exceptions(void)
{
    static const struct {
        const char *list, *origin;
        bool direct;
    } rows[] = {
        {"api.puter.com", "https://api.puter.com", true},
        {"puter.com", "https://api.puter.com", true},
        {".puter.com", "https://api.puter.com", true},
        {"*.puter.com", "https://api.puter.com", true},
        {"API.PUTER.COM", "https://api.puter.com", true},
        {"*", "https://api.puter.com", true},
        {"a.org,puter.com", "https://api.puter.com", true},
        {"a.org, , puter.com ,b.org", "https://api.puter.com", true},
        {"a.org puter.com", "https://api.puter.com", true},
        {"puter.com:443", "https://api.puter.com", true},
        {"puter.com:8443", "https://api.puter.com:8443", true},
        {"192.0.2.7", "https://192.0.2.7", true},
        {"2001:db8::1", "https://[2001:db8::1]", true},
        {"2001:db8::", "https://[2001:db8::]", true},
        {"1::", "https://[1::]", true},
        {"[2001:db8::1]", "https://[2001:db8::1]", true},
        {"[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true},
        {"puter.com:8443", "https://api.puter.com", false},
        /* 2^32 + 443 */
        {"puter.com:4294967739", "https://api.puter.com", false},
        {"puter.com:", "https://api.puter.com", false},
        {"uter.com", "https://api.puter.com", false},
        {"api.puter.com", "https://puter.com", false},
        {"puter.co", "https://api.puter.com", false},
        {"com.puter", "https://api.puter.com", false},
        {"api", "https://api.puter.com", false},
        {",", "https://api.puter.com", false},
        {" ", "https://api.puter.com", false},
        {":443", "https://api.puter.com", false},
        {".", "https://api.puter.com", false},
        {"..:443", "https://api.puter.com", false},
        {"2.7", "https://192.0.2.7", false},
        {"[2001:db8::1]:443", "https://[2001:db8::1]:8443", false},
    };
    size_t i;
    clear_environment();
    setenv("HTTPS_PROXY", "http://proxy.example:3128", 1);
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        puter_client *client;
        CHECK_IN("NO_PROXY %s for %s", rows[i].list, rows[i].origin);
        setenv(i % 2 ? "NO_PROXY" : "no_proxy", rows[i].list, 1);
        unsetenv(i % 2 ? "no_proxy" : "NO_PROXY");
        options.api_origin = rows[i].origin;
        client = puter_open(&options);
        CHECK_INT(!puter__has_proxy(client), rows[i].direct);
        puter_close(client);
    }
    clear_environment();
}

/* What is not for the environment to say. */
static void test_options_first(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    set_environment("HTTPS_PROXY=up:1 ALL_PROXY=all:1 NO_PROXY=*");
    options.api_origin = "https://example.org";
    options.proxy = "http://mine:3128";
    CHECK_IN("an option");
    client = puter_open(&options);
    CHECK_STR(client->proxy.host, "mine");
    puter_close(client);
    CHECK_IN("an option that says none");
    set_environment("HTTPS_PROXY=up:1 ALL_PROXY=all:1");
    options.proxy = "";
    client = puter_open(&options);
    CHECK(!puter__has_proxy(client));
    puter_close(client);
    CHECK_IN("no_environment");
    options.proxy = NULL;
    options.no_environment = true;
    client = puter_open(&options);
    CHECK(!puter__has_proxy(client));
    puter_close(client);
    CHECK_IN("a transport of the caller's");
    options.no_environment = false;
    options.transport = &peer.transport;
    client = puter_open(&options);
    CHECK(!puter__has_proxy(client));
    puter_close(client);
    CHECK_IN("an environment that makes no sense");
    set_environment("ALL_PROXY=socks5://joe:" PASSWORD "@p:1080");
    options.transport = NULL;
    options.token = SCRIPT_TOKEN;
    client = puter_open(&options);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    check_message(client, PUTER_ERR_ARGUMENT);
    puter_close(client);
    clear_environment();
}

/* ---- ports -------------------------------------------------------------- */

/* A port of this machine where nothing listens. */
static int free_port(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, size) != 0)
        abort();
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return ntohs(address.sin_port);
}

static bool is_listening(int port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool connected;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    connected =
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

/* ---- the stand-in, and the ways to it ----------------------------------- */

static standin service;

static int service_port(void)
{
    return atoi(strrchr(service.origin, ':') + 1);
}

/* A mapped address is this machine, but not for puter.h: so it may
 * need a proxy. The certificate does not have it, and the stand-in says that
 * it does not go by that name: then it was reached. */
#define ALIAS "[::ffff:127.0.0.1]"
#define REACHED PUTER_ERR_REQUEST

static bool has_alias; /* not where the kernel has no IPv6 */

static bool alias_works(void)
{
    struct sockaddr_in6 name = {0};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool works;
    name.sin6_family = AF_INET6;
    name.sin6_port = htons((uint16_t)service_port());
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &name.sin6_addr);
    works = connect(fd, (struct sockaddr *)&name, sizeof name) == 0;
    close(fd);
    return works;
}

/* One way to the service, and how it ends. */
typedef struct way {
    const char *host;
    const char *option;      /* proxy; PORT is that of the proxy */
    const char *environment; /* with PORT as well, and SERVICE */
    puter_result wanted;
} way;

/* Writes the text with every `word` as the number. */
static void fill_in(char *out, size_t size, const char *text,
                    const char *word, int number)
{
    const char *at;
    size_t used = 0;
    while ((at = strstr(text, word)) != NULL) {
        used += (size_t)snprintf(out + used, size - used, "%.*s%d",
                                 (int)(at - text), text, number);
        text = at + strlen(word);
    }
    snprintf(out + used, size - used, "%s", text);
}

static void go(const way *it, int proxy_port)
{
    puter_options options = {0};
    puter_client *client;
    puter_reply reply;
    char origin[64], proxy[256], half[512], environment[512];
    int i;
    if (strcmp(it->host, ALIAS) == 0 && !has_alias)
        return;
    snprintf(origin, sizeof origin, "https://%s:%d", it->host, service_port());
    fill_in(half, sizeof half, it->environment, "PORT", proxy_port);
    fill_in(environment, sizeof environment, half, "SERVICE", service_port());
    set_environment(environment);
    CHECK_IN("%s, option %s, environment %s", it->host,
             it->option ? it->option : "-", it->environment);
    if (it->option) {
        fill_in(proxy, sizeof proxy, it->option, "PORT", proxy_port);
        options.proxy = proxy;
    }
    options.token = STANDIN_TOKEN;
    options.api_origin = origin;
    options.ca_file = service.ca;
    options.insecure_skip_verify = strcmp(it->host, ALIAS) == 0;
    client = puter_open(&options);
    for (i = 0; i < 2; i++) {
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), it->wanted);
        if (it->wanted == PUTER_OK)
            CHECK(strstr(reply.text, "Halo"));
        else
            check_message(client, it->wanted);
        if (it->wanted == PUTER_ERR_REFUSED)
            CHECK(strstr(puter_last_error(client)->message, "the proxy"));
        puter_reply_free(&reply);
    }
    puter_close(client);
    clear_environment();
}

/* A proxy that is not there: what fails was on its way to it. */
static void test_ways_without_proxy(void)
{
    static const way ways[] = {
        {"localhost", NULL, "", PUTER_OK},
        {ALIAS, NULL, "", REACHED},
        {"localhost", "http://127.0.0.1:PORT", "", PUTER_ERR_CONNECT},
        {"localhost", NULL, "HTTPS_PROXY=http://127.0.0.1:PORT", PUTER_OK},
        {ALIAS, NULL, "HTTPS_PROXY=http://127.0.0.1:PORT",
         PUTER_ERR_CONNECT},
        {ALIAS, NULL, "ALL_PROXY=http://127.0.0.1:PORT",
         PUTER_ERR_CONNECT},
        {ALIAS, "", "HTTPS_PROXY=http://127.0.0.1:PORT", REACHED},
        {ALIAS, NULL, "ALL_PROXY=127.0.0.1:PORT NO_PROXY=" ALIAS, REACHED},
        {ALIAS, NULL, "ALL_PROXY=127.0.0.1:PORT NO_PROXY=" ALIAS ":SERVICE",
         REACHED},
        {ALIAS, NULL, "ALL_PROXY=127.0.0.1:PORT NO_PROXY=" ALIAS ":1",
         PUTER_ERR_CONNECT},
        {ALIAS, NULL, "ALL_PROXY=127.0.0.1:PORT NO_PROXY=*", REACHED},
    };
    int port = free_port();
    size_t i;
    for (i = 0; i < COUNT(ways); i++)
        go(&ways[i], port);
}

/* ---- tinyproxy ---------------------------------------------------------- */

static struct {
    pid_t process;
    char config[256];
    int port;
} tinyproxy;

static bool write_config(void)
{
    int fd = mkstemp(check_temporary(tinyproxy.config, sizeof tinyproxy.config,
                                     "tinyproxy"));
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return false;
    fprintf(file, "Port %d\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n"
            "BasicAuth joe %s\nConnectPort %d\nLogLevel Critical\n",
            tinyproxy.port, PASSWORD, service_port());
    return fclose(file) == 0;
}

/* False where it is not installed, or does not run here. */
static bool start_tinyproxy(void)
{
    int tries;
    tinyproxy.port = free_port();
    if (!write_config())
        return false;
    tinyproxy.process = fork();
    if (tinyproxy.process == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);
#endif
        execlp("tinyproxy", "tinyproxy", "-d", "-c", tinyproxy.config,
               (char *)NULL);
        _exit(127);
    }
    for (tries = 0; tries < 500 && !is_listening(tinyproxy.port); tries++) {
        if (waitpid(tinyproxy.process, NULL, WNOHANG) != 0) {
            tinyproxy.process = 0;
            return false;
        }
        poll(NULL, 0, 10);
    }
    return tries < 500;
}

static void stop_tinyproxy(void)
{
    if (tinyproxy.process > 0 && kill(tinyproxy.process, SIGTERM) == 0)
        waitpid(tinyproxy.process, NULL, 0);
    remove(tinyproxy.config);
}

static void test_tinyproxy(void)
{
    static const way ways[] = {
        {"localhost", "http://joe:s3cret@127.0.0.1:PORT", "", PUTER_OK},
        {"127.0.0.1", "joe:s%33cret@127.0.0.1:PORT", "", PUTER_OK},
        {"localhost", "http://127.0.0.1:PORT", "", PUTER_ERR_REFUSED},
        {"localhost", "http://joe:s3crets@127.0.0.1:PORT", "",
         PUTER_ERR_REFUSED},
        {ALIAS, NULL, "HTTPS_PROXY=http://joe:s3cret@127.0.0.1:PORT",
         REACHED},
        {ALIAS, NULL, "https_proxy=joe:s3cret@127.0.0.1:PORT", REACHED},
        {ALIAS, NULL, "ALL_PROXY=http://joe:s3cret@127.0.0.1:PORT",
         REACHED},
        {ALIAS, NULL, "HTTPS_PROXY=http://127.0.0.1:PORT",
         PUTER_ERR_REFUSED},
        {ALIAS, NULL, "ALL_PROXY=http://127.0.0.1:PORT",
         PUTER_ERR_REFUSED},
        {ALIAS, NULL, "ALL_PROXY=127.0.0.1:PORT NO_PROXY=" ALIAS, REACHED},
        {"localhost", NULL, "HTTPS_PROXY=http://127.0.0.1:PORT", PUTER_OK},
    };
    size_t i;
    for (i = 0; i < COUNT(ways); i++)
        go(&ways[i], tinyproxy.port);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL); /* no write may raise it */
    test_asking();
    test_spellings();
    test_bad_proxies();
    test_yes();
    test_no();
    test_no_proxy_at_all();
    test_early_ends();
    test_lost_behind_yes();
    test_secure_transport();
    test_exposed_token();
    test_no_answer();
    test_kept_tunnel();
    test_repeated_request();
    test_empty_variables();
    test_environment();
    test_exceptions();
    test_options_first();
    CHECK_IN("the stand-in");
    standin_start(&service, "2026", "none");
    if (*service.ca) {
        has_alias = alias_works();
        if (!has_alias)
            puts("skipped: proxies for " ALIAS ": there is no IPv6 here");
        test_ways_without_proxy();
        if (start_tinyproxy())
            test_tinyproxy();
        else
            puts("skipped: tinyproxy does not run here");
    }
    stop_tinyproxy();
    standin_stop(&service);
    return check_done();
}
