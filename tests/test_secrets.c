/* test_secrets.c - the token stays with the client and the service: it is in
 * nothing that the library hands out, and in no memory once a client is
 * closed. So it is with the credentials for a proxy. (What a service quotes of
 * them is its words, and masked where messages repeat it: test_chat.)
 *
 * What is looked for stands nowhere in this program as it is, or it would be
 * given_back here. */
#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- secrets, and where they are seen ----------------------------------- */

enum { TOKEN, PASSWORD, BASIC, SECRETS, SECRET_SIZE = 64 };

#define TOKEN_TEXT "test-token-7c1f0e5b9a3d"
#define USER "joe"
#define PASSWORD_TEXT "4d81c06be7a5"
#define BASIC_TEXT "am9lOjRkODFjMDZiZTdhNQ==" /* in base64, both */

#define MASK 0x80 /* secrets are ASCII: so masked, they are none */

static struct {
    unsigned char masked[SECRET_SIZE];
    size_t length;
} secrets[SECRETS];

static void hide(int which, const char *text)
{
    size_t i;
    secrets[which].length = strlen(text);
    for (i = 0; i < secrets[which].length; i++)
        secrets[which].masked[i] = (unsigned char)text[i] | MASK;
}

static void reveal(int which, char text[SECRET_SIZE])
{
    size_t i;
    for (i = 0; i < secrets[which].length; i++)
        text[i] = (char)(secrets[which].masked[i] & ~MASK);
    text[i] = '\0';
}

static bool is_at(const unsigned char *at, int which)
{
    size_t i = 0;
    while (i < secrets[which].length && at[i] < MASK &&
           (at[i] | MASK) == secrets[which].masked[i])
        i++;
    return i == secrets[which].length;
}

/* How often one of them is in there. */
static size_t count_secret(int which, const void *memory, size_t size)
{
    const unsigned char *at = (const unsigned char *)memory;
    const unsigned char *end = at + size;
    size_t count = 0;
    while (at && (size_t)(end - at) >= secrets[which].length) {
        count += is_at(at, which);
        at++;
        at = (const unsigned char *)memchr(
            at, secrets[which].masked[0] & ~MASK, (size_t)(end - at));
    }
    return count;
}

static size_t count_secrets(const void *memory, size_t size)
{
    size_t count = 0;
    int which;
    for (which = 0; which < SECRETS; which++)
        count += count_secret(which, memory, size);
    return count;
}

/* A piece of a TLS session, by which others could read along. */
static struct {
    char bytes[32];
    bool known;
} session;

static size_t count_session(const char *memory, size_t size)
{
    size_t count = 0, at;
    for (at = 0; session.known && at + sizeof session.bytes <= size; at++)
        count += memcmp(memory + at, session.bytes,
                        sizeof session.bytes) == 0;
    return count;
}

/* ---- memory that is given back ------------------------------------------ */

static size_t given_back; /* secrets that were in it */

/* What stands before each block, and keeps it aligned. */
typedef union header {
    size_t size;
    long double aligned;
} header;

/* Empty: what others have left there is not the library's. */
static void *watched_malloc(size_t size)
{
    header *block = (header *)calloc(1, sizeof *block + size);
    if (block)
        block->size = size;
    return block ? block + 1 : NULL;
}

static void watched_free(void *memory)
{
    if (!memory)
        return;
    given_back += count_secrets(memory, ((header *)memory - 1)->size);
    given_back += count_session((const char *)memory,
                                ((header *)memory - 1)->size);
    free((header *)memory - 1);
}

/* Always moves: so what is left behind is looked at. */
static void *watched_realloc(void *memory, size_t size)
{
    void *moved = watched_malloc(size);
    if (moved && memory) {
        size_t before = ((header *)memory - 1)->size;
        memcpy(moved, memory, before < size ? before : size);
        watched_free(memory);
    }
    return moved;
}

/* ---- the environment ---------------------------------------------------- */

static const char *everything; /* what every variable is set to; NULL: none */
static char asked_for[1024];   /* the names, in one text */

static char *watched_getenv(const char *name)
{
    size_t room = sizeof asked_for - strlen(asked_for) - 1;
    if (everything && strlen(name) + 1 < room) {
        strcat(asked_for, name);
        strcat(asked_for, " ");
    }
    return (char *)everything;
}

#define PUTER_MALLOC watched_malloc
#define PUTER_REALLOC watched_realloc
#define PUTER_FREE watched_free
#define getenv watched_getenv
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef getenv

#include "script.h"
#include "standin.h"

/* ---- all memory there is ------------------------------------------------ */

/* Of one mapping, in pieces that overlap. */
static size_t count_in_mapping(int memory, off_t from, off_t to)
{
    static unsigned char piece[65536];
    size_t count = 0;
    while (from < to) {
        size_t size = (size_t)(to - from) < sizeof piece ? (size_t)(to - from)
                                                         : sizeof piece;
        ssize_t got = pread(memory, piece, size, from);
        if (got <= 0)
            break;
        if (from + got <= (off_t)(intptr_t)piece ||
            from >= (off_t)(intptr_t)(piece + sizeof piece))
            count += count_secrets(piece, (size_t)got);
        memset(piece, 0, sizeof piece);
        if (got <= SECRET_SIZE)
            break;
        from += got - SECRET_SIZE;
    }
    return count;
}

/* How often a secret is in what this process can write to: heap, freed memory
 * and stack. 0 where the system does not tell. A sanitizer's shadow, far
 * larger than all the rest, holds none. */
static size_t count_in_memory(void)
{
    enum { SHADOW = 1 << 30 };
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    char line[512];
    size_t count = 0;
    while (maps && memory >= 0 && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3 &&
            access[1] == 'w' && to - from < SHADOW)
            count += count_in_mapping(memory, (off_t)from, (off_t)to);
    }
    if (maps)
        fclose(maps);
    if (memory >= 0)
        close(memory);
    return count;
}

/* ---- what the library hands out ----------------------------------------- */

static void check_text(const char *text, size_t length)
{
    CHECK_INT(count_secrets(text, text ? length : 0), 0);
}

static void check_reply(const puter_reply *reply)
{
    check_text(reply->text, reply->length);
    check_text(reply->reasoning, reply->reasoning_length);
    check_text(reply->json, reply->json_length);
    check_text((const char *)reply->body, reply->size);
}

static void check_error(const puter_client *client)
{
    static const char nothing[sizeof ((puter_error *)0)->code];
    const puter_error *error = puter_last_error(client);
    size_t length = strlen(error->code);
    CHECK_INT(count_secrets(error, sizeof *error), 0);
    if (length > 0) /* what the stack held is nobody's to read */
        CHECK(memcmp(error->code + length, nothing, sizeof nothing - length) ==
              0);
}

static void check_event(const puter_event *event)
{
    check_text(event->text, event->length);
    check_text(event->json, event->json_length);
}

/* ---- exchanges ---------------------------------------------------------- */

static int tell_weather(void *user, const puter_tool_call *call,
                        puter_writer *result)
{
    (void)user;
    check_text(call->arguments, strlen(call->arguments));
    puter_write_string(result, "sunny");
    return 0;
}

static const puter_tool weather = {
    .name = "get_weather", .parameters = "{}", .call = tell_weather};

static void ask(puter_client *client, const char *prompt)
{
    puter_request request = {0};
    puter_reply reply;
    request.prompt = prompt;
    request.tools = &weather;
    request.tool_count = 1;
    puter_chat(client, &request, &reply);
    check_reply(&reply);
    check_error(client);
    puter_reply_free(&reply);
}

static void stream(puter_client *client, const char *prompt, int most)
{
    puter_request request = {0};
    puter_event event;
    puter_reply reply;
    request.prompt = prompt;
    puter_stream_begin(client, &request);
    while (most-- > 0 && puter_stream_next(client, &event) == 1)
        check_event(&event);
    puter_stream_end(client, &reply);
    check_reply(&reply);
    check_error(client);
    puter_reply_free(&reply);
}

static void list_models(puter_client *client)
{
    puter_reply reply;
    puter_models(client, NULL, &reply);
    check_reply(&reply);
    check_error(client);
    puter_reply_free(&reply);
}

/* Some of everything. A request that outgrows the last has its buffer moved,
 * and one that is left has its connection closed. */
static void exchange(puter_client *client)
{
    static char long_prompt[20000];
    memset(long_prompt, 'x', sizeof long_prompt - 1);
    ask(client, "Halo");
    ask(client, "weather");
    ask(client, "status 401");
    ask(client, long_prompt);
    stream(client, "think", INT_MAX);
    stream(client, "repeat 40000", 1);
    list_models(client);
}

/* ---- the token ---------------------------------------------------------- */

static puter_client *open_client(const standin *service)
{
    puter_options options = {0};
    puter_client *client;
    char token[SECRET_SIZE];
    reveal(TOKEN, token);
    options.token = token;
    options.api_origin = service->origin;
    options.ca_file = *service->ca ? service->ca : NULL;
    options.no_environment = true;
    options.max_retries = 1;
    client = puter_open(&options);
    puter__wipe(token, sizeof token);
    return client;
}

static void test_service(const char *era, const char *fault_or_plain)
{
    standin service;
    puter_client *client;
    CHECK_IN("%s, %s", era, fault_or_plain);
    standin_start(&service, era, fault_or_plain);
    client = open_client(&service);
    exchange(client);
    puter_close(client);
    standin_stop(&service);
    CHECK_INT(given_back, 0);
    CHECK_INT(count_in_memory(), 0);
}

static void test_services(void)
{
    static const char *const rows[][2] = {
        {"2025", "--plain"},     {"2025", "none"},       {"2026", "--plain"},
        {"2026", "none"},        {"2026", "redirect"},   {"2026", "rate-once"},
        {"2026", "early-413"},   {"2026", "html"},       {"2026", "drop-idle"},
        {"2026", "close-early"}, {"2026", "big-head"},   {"2026", "cut-stream"},
        {"2026", "untrusted"},   {"2026", "hang-up"},
        {"2026", "stream-error"}};
    size_t i;
    for (i = 0; i < COUNT(rows); i++)
        test_service(rows[i][0], rows[i][1]);
}

/* ---- credentials for a proxy -------------------------------------------- */

/* The script, which reads along, keeps what it is sent: so only what the
 * library gives back is looked at. */
static void test_proxy(const char *answer)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    CHECK_IN("proxy, %.40s", answer);
    options.token = TOKEN_TEXT;
    options.api_origin = "https://example.org";
    options.proxy = "http://" USER ":" PASSWORD_TEXT "@proxy.example:3128";
    peer.secure = true;
    script_text(&peer, answer);
    script_reply(&peer, 200, "{\"success\":true,\"result\":\"Halo\"}");
    client = script_open(&peer, &options);
    ask(client, "Halo");
    CHECK(strstr(peer.requests[0].bytes, BASIC_TEXT));
    script_close(&peer, client);
    CHECK_INT(given_back, 0);
}

static void test_proxies(void)
{
    test_proxy("HTTP/1.1 200 OK\r\n\r\n");
    test_proxy("HTTP/1.1 407 Who are you?\r\n\r\n");
    test_proxy("HTTP/1.1 302 Elsewhere\r\n\r\n");
    test_proxy("SSH-2.0-OpenSSH\r\n\r\n");
}

/* What the proxy was asked is gone before its buffer serves again, and has not
 * been moved, however long the service's name and the password are. */
static void test_proxy_hosts(void)
{
    char refusal[3000], origin[128], proxy[128], name[64];
    int length;
    memset(name, 'x', sizeof name);
    memset(refusal, 'x', sizeof refusal);
    memcpy(refusal, "{\"message\":\"", 12);
    memcpy(refusal + sizeof refusal - 3, "\"}", 3);
    for (length = 1; length < 60; length++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        CHECK_IN("proxy to a host of %d characters", length);
        snprintf(origin, sizeof origin, "https://%.*s", length, name);
        options.token = TOKEN_TEXT;
        options.api_origin = origin;
        snprintf(proxy, sizeof proxy, "http://" USER ":" PASSWORD_TEXT
                 "%.*s@p:3128", length, name);
        options.proxy = proxy;
        peer.secure = true;
        script_raw(&peer, "HTTP/1.1 200 OK\r\n\r\n", 19);
        script_reply(&peer, 400, refusal);
        client = script_open(&peer, &options);
        ask(client, "Halo");
        script_close(&peer, client);
        CHECK_INT(given_back, 0);
    }
}

/* ---- TLS sessions ------------------------------------------------------- */

/* The first time shows what the others must not leave behind. */
static void test_session(void)
{
    char content[4096] = "", path[256];
    const char *at;
    standin service;
    puter_client *client;
    FILE *file;
    CHECK_IN("a session that is saved");
    close(mkstemp(check_temporary(path, sizeof path, "test-secrets")));
    standin_start(&service, "2026", "none");
    client = open_client(&service);
    ask(client, "Halo");
    CHECK_INT(puter_session_save(client, path), PUTER_OK);
    file = fopen(path, "rb");
    CHECK(file && fread(content, 1, sizeof content, file) > 200);
    if (file)
        fclose(file);
    at = strstr(content, ": "); /* three numbers follow, and the session */
    if (CHECK(at)) {
        memcpy(session.bytes, at + 60, sizeof session.bytes);
        session.known = true;
    }
    CHECK_INT(puter_session_save(client, path), PUTER_OK);
    CHECK_INT(given_back, 0);
    CHECK_INT(puter_session_load(client, path), PUTER_OK);
    CHECK_INT(given_back, 0);
    puter_close(client);
    session.known = false;
    unlink(path);
    standin_stop(&service);
}

/* ---- certificates, whatever the environment says ------------------------ */

/* Where all else is an option, only the variables that name roots are read,
 * and none of what they may say makes the stand-in's root one of them. */
static void test_environment(const char *value)
{
    puter_options options = {0};
    puter_client *client;
    standin service;
    CHECK_IN("each variable is \"%s\"", value);
    standin_start(&service, "2026", "none");
    options.token = STANDIN_TOKEN;
    options.api_origin = service.origin;
    options.proxy = "";
    everything = value;
    client = puter_open(&options);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CERT);
    puter_close(client);
    everything = NULL;
    standin_stop(&service);
    CHECK_STR(asked_for, *value ? "SSL_CERT_FILE "
                                : "SSL_CERT_FILE SSL_CERT_DIR ");
    *asked_for = '\0';
}

static void test_environments(void)
{
    static const char *const values[] = {"", "0", "1", "no", "off", "insecure",
                                         "/dev/null", "/"};
    size_t i;
    for (i = 0; i < COUNT(values); i++)
        test_environment(values[i]);
}

int main(void)
{
    hide(TOKEN, TOKEN_TEXT);
    hide(PASSWORD, PASSWORD_TEXT);
    hide(BASIC, BASIC_TEXT);
    test_services();
    test_proxies();
    test_proxy_hosts();
    test_session();
    test_environments();
    return check_done();
}
