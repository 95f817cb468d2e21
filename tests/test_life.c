/* test_life.c - how long a connection serves, and what is asked again: over a
 * clock of the test's own, without TLS and with it. */
#include "torture.h"

#define HALO \
    "{\"success\":true,\"result\":{\"message\":{\"content\":\"Halo\"}}}"
#define REFUSED "{\"code\":\"too_many_requests\"}"
#define TWO_CALLS \
    "{\"success\":true,\"result\":{\"message\":{\"content\":[" \
    "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"wait\"}," \
    "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"wait\"}]}}}"

static void check_ask(torture_client *it, puter_result wanted)
{
    puter_reply reply;
    puter_result result = puter_ask(it->client, NULL, "Halo", &reply);
    CHECK_RESULT(result, wanted);
    if (result == PUTER_OK)
        CHECK_STR(reply.text, "Halo");
    else
        script_check_failure(it->client, wanted);
    puter_reply_free(&reply);
}

/* ---- connections that serve again, or do not ---------------------------- */

/* The service closes after 5 s: what has been idle for almost that long would
 * be closed under the next request. */
static void test_idle(bool secure)
{
    static const struct {
        int ms, opens;
    } rows[] = {{0, 1}, {3999, 1}, {4001, 2}, {3600000, 2}};
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        torture_client it = {0};
        CHECK_IN("idle for %d ms, secure %d", rows[i].ms, secure);
        torture_open(&it, NULL, secure);
        script_reply(&it.peer, 200, HALO);
        script_reply(&it.peer, 200, HALO);
        script_next_connection(&it.peer);
        script_reply(&it.peer, 200, HALO);
        check_ask(&it, PUTER_OK);
        torture.now += rows[i].ms;
        check_ask(&it, PUTER_OK);
        CHECK_INT(it.peer.opens, rows[i].opens);
        torture_close(&it);
    }
}

/* At each step some time passes. */
static bool pass_time(void *user)
{
    (void)user;
    torture.now += 10;
    return false;
}

/* Whatever takes longer than idle_timeout_ms is no silence while something is
 * done: connecting, a handshake, sending, reading, nor what was before. */
static void test_progress(bool secure)
{
    torture_client it = {0};
    CHECK_IN("progress, secure %d", secure);
    it.pauses = true;
    it.peer.cut = SCRIPT_RANDOM;
    it.peer.write_most = secure ? 0 : 50;
    torture_open(&it, NULL, secure);
    it.client->options.idle_timeout_ms = secure ? 45 : 15;
    it.client->options.cancelled = pass_time;
    script_reply(&it.peer, 200, HALO);
    script_reply(&it.peer, 200, HALO);
    check_ask(&it, PUTER_OK);
    torture.now += 3000;
    check_ask(&it, PUTER_OK);
    CHECK_INT(it.peer.opens, 1);
    torture_close(&it);
}

static bool pass_time_in_handshake(void *user)
{
    const torture_client *it = (const torture_client *)user;
    if (it->client->phase == PUTER__PHASE_HANDSHAKE)
        torture.now += 100;
    return false;
}

/* A handshake's time is none of the silence that may follow it. */
static void test_slow_handshake(void)
{
    torture_client it = {0};
    CHECK_IN("a slow handshake");
    it.pauses = true;
    torture_open(&it, NULL, true);
    it.client->options.idle_timeout_ms = 50;
    it.client->options.cancelled = pass_time_in_handshake;
    it.client->options.user = &it;
    script_reply(&it.peer, 200, HALO);
    check_ask(&it, PUTER_OK);
    torture_close(&it);
}

/* However often an event loop calls, connecting takes no longer. */
static void test_loop_that_connects(void)
{
    static const puter_request request = {.prompt = "Halo"};
    puter_options options = {.nonblocking = true};
    torture_client it = {0};
    int64_t before;
    int result, calls = 0;
    CHECK_IN("a loop that connects");
    torture_open(&it, &options, false);
    script_current(&it.peer)->open_result = PUTER_WANT_WRITE;
    before = torture.now;
    CHECK_INT(puter_stream_begin(it.client, &request), PUTER_WAIT);
    while ((result = puter_stream_next(it.client, NULL)) == PUTER_WAIT &&
           ++calls < 1000)
        torture.now += 100;
    CHECK_INT(result, PUTER_ERR_TIMEOUT);
    CHECK_INT(torture.now - before, 15000);
    CHECK_INT(puter_stream_end(it.client, NULL), PUTER_ERR_TIMEOUT);
    torture_close(&it);
}

/* Who asks for the next event late waits no longer for what has been silent
 * meanwhile. */
static void test_late_caller(void)
{
    static const puter_request request = {.prompt = "Halo"};
    torture_client it = {0};
    int64_t before;
    CHECK_IN("a late caller");
    torture_open(&it, NULL, false);
    it.client->options.idle_timeout_ms = 60000;
    script_current(&it.peer);
    before = torture.now;
    CHECK_INT(puter_stream_begin(it.client, &request), PUTER_OK);
    torture.now += 40000;
    CHECK_INT(puter_stream_next(it.client, NULL), PUTER_ERR_TIMEOUT);
    CHECK_INT(torture.now - before, 60000);
    CHECK_INT(puter_stream_end(it.client, NULL), PUTER_ERR_TIMEOUT);
    torture_close(&it);
}

static int take_long(void *user, const puter_tool_call *call,
                     puter_writer *result)
{
    (void)user;
    (void)call;
    (void)result;
    torture.now += 400000;
    return 0;
}

/* A tool's time is no silence, for the next tool nor for the service. */
static void test_slow_tools(void)
{
    static const puter_tool tool = {.name = "wait", .call = take_long};
    puter_request request = {
        .prompt = "Halo", .tools = &tool, .tool_count = 1};
    torture_client it = {0};
    CHECK_IN("slow tools");
    torture_open(&it, NULL, false);
    script_reply(&it.peer, 200, TWO_CALLS);
    script_next_connection(&it.peer);
    script_reply(&it.peer, 200, HALO);
    CHECK_INT(puter_chat(it.client, &request, NULL), PUTER_OK);
    CHECK_INT(it.peer.request_count, 2);
    torture_close(&it);
}

/* Once something of a reply has come. */
static bool is_cancelled(void *user)
{
    return ((const torture_client *)user)->peer.handed > 0;
}

static bool never(void *user)
{
    (void)user;
    return false;
}

/* A client that is cancelled as soon as it is in a phase. */
typedef struct phase_end {
    const puter_client *client;
    puter__phase phase;
    const char *stage;
} phase_end;

static bool is_in_phase(void *user)
{
    const phase_end *it = (const phase_end *)user;
    return it->client->phase == it->phase;
}

/* A failure says where it met the exchange. */
static void test_stages(void)
{
    static const puter_tool tool = {.name = "wait", .call = take_long};
    static const puter_request request = {
        .prompt = "Halo", .tools = &tool, .tool_count = 1};
    static const phase_end rows[] = {
        {NULL, PUTER__PHASE_PAUSE, "cancelled: waiting"},
        {NULL, PUTER__PHASE_CONNECT, "cancelled: connecting"},
        {NULL, PUTER__PHASE_TUNNEL, "cancelled: asking the proxy"},
        {NULL, PUTER__PHASE_HANDSHAKE, "cancelled: the TLS handshake"},
        {NULL, PUTER__PHASE_SEND, "cancelled: sending the request"},
        {NULL, PUTER__PHASE_RECEIVE, "cancelled: waiting for the reply"},
        {NULL, PUTER__PHASE_REPLIED, "cancelled: running tools"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        torture_client it = {0};
        puter_options options = {0};
        phase_end end = rows[i];
        CHECK_IN("%s", end.stage);
        it.pauses = true;
        if (end.phase == PUTER__PHASE_TUNNEL)
            options.proxy = "127.0.0.1:2";
        torture_open(&it, &options, true);
        end.client = it.client;
        it.client->options.cancelled = is_in_phase;
        it.client->options.user = &end;
        script_reply(&it.peer, 429, REFUSED);
        script_reply(&it.peer, 200, TWO_CALLS);
        CHECK_INT(puter_chat(it.client, &request, NULL), PUTER_ERR_CANCELLED);
        CHECK_STR(puter_last_error(it.client)->message, end.stage);
        torture_close(&it);
    }
}

/* What went wrong on a connection does not go on on it: an answer that comes
 * after all is nobody's. */
static void test_not_reused(bool secure)
{
    static const struct {
        const char *name, *reply;
        puter_result result;
    } rows[] = {
        {"time was up", "HTTP/1.1 200 OK\r\nContent-Le", PUTER_ERR_TIMEOUT},
        {"cancelled", "HTTP/1.1 200 OK\r\nContent-Le", PUTER_ERR_CANCELLED},
        {"not HTTP", "ICY 200 OK\r\n\r\n", PUTER_ERR_PROTOCOL},
        {"more than was asked for",
         "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n",
         PUTER_ERR_RATE},
        {"too long",
         "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n{",
         PUTER_ERR_LIMIT},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        torture_client it = {0};
        puter_options options = {0};
        CHECK_IN("%s, secure %d", rows[i].name, secure);
        options.max_retries = -1;
        torture_open(&it, &options, secure);
        it.client->options.user = &it;
        if (rows[i].result == PUTER_ERR_CANCELLED)
            it.client->options.cancelled = is_cancelled;
        script_text(&it.peer, rows[i].reply);
        script_reply(&it.peer, 200, HALO);
        script_next_connection(&it.peer);
        script_reply(&it.peer, 200, HALO);
        check_ask(&it, rows[i].result);
        it.client->options.cancelled = never;
        check_ask(&it, PUTER_OK);
        CHECK_INT(it.peer.opens, 2);
        torture_close(&it);
    }
}

/* Of a stream that was left, nothing reaches the next answer. */
static void test_left_stream(bool secure)
{
    static const puter_request request = {.prompt = "Halo"};
    static const char lines[] = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n";
    torture_client it = {0};
    puter_event event;
    CHECK_IN("left stream, secure %d", secure);
    torture_open(&it, NULL, secure);
    script_typed_reply(&it.peer, 200, "application/x-ndjson", lines);
    script_next_connection(&it.peer);
    script_reply(&it.peer, 200, HALO);
    CHECK_INT(puter_stream_begin(it.client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(it.client, &event), 1);
    CHECK_STR(event.text, "one");
    CHECK_INT(puter_stream_end(it.client, NULL), PUTER_OK);
    check_ask(&it, PUTER_OK);
    CHECK_INT(it.peer.opens, 2);
    torture_close(&it);
}

/* ---- what is asked again ------------------------------------------------ */

/* The next replies, each on a connection of its own. */
static void script_failures(torture_client *it, int count, const char *head)
{
    char reply[256];
    snprintf(reply, sizeof reply,
             "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
             REFUSED, head, (int)strlen(REFUSED));
    while (count-- > 0) {
        script_text(&it->peer, reply);
        script_next_connection(&it->peer);
    }
    script_reply(&it->peer, 200, HALO);
}

/* 250, 500, 1000, then 2000 ms, each up to a quarter longer; eight times. */
static void test_pauses(void)
{
    static const int least[] = {0,    250,  750,  1750,  3750,
                                5750, 7750, 9750, 11750, 11750};
    bool longer = false;
    int failures;
    for (failures = 0; failures < (int)COUNT(least); failures++) {
        torture_client it = {0};
        int64_t before, taken;
        CHECK_IN("refused %d times", failures);
        torture_open(&it, NULL, false);
        script_failures(&it, failures, "429 Too many");
        before = torture.now;
        check_ask(&it, failures > 8 ? PUTER_ERR_RATE : PUTER_OK);
        taken = torture.now - before;
        CHECK_INT(it.peer.request_count, failures > 8 ? 9 : failures + 1);
        CHECK(taken >= least[failures]);
        CHECK(taken <= least[failures] * 5 / 4);
        longer |= taken > least[failures];
        torture_close(&it);
    }
    CHECK(longer); /* or clients refused together return together */
}

/* What the service asks for, unless that is more than a minute, or than the
 * exchange has left. */
static void test_asked_pauses(void)
{
    static const struct {
        const char *head;
        int total_ms, pause_ms; /* -1: it is not waited for */
    } rows[] = {
        {"429 No\r\nRetry-After: 3", 0, 3000},
        {"429 No\r\nRetry-After: 60", 0, 60000},
        {"429 No\r\nRetry-After: 61", 0, -1},
        {"429 No\r\nRetry-After: 3", 3500, 3000},
        {"429 No\r\nRetry-After: 3", 2500, -1},
        {"429 No", 200, -1},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        torture_client it = {0};
        puter_options options = {0};
        int64_t before;
        bool waits = rows[i].pause_ms >= 0;
        CHECK_IN("%s, %d ms in all", rows[i].head, rows[i].total_ms);
        options.total_timeout_ms = rows[i].total_ms;
        torture_open(&it, &options, false);
        script_failures(&it, 1, rows[i].head);
        before = torture.now;
        check_ask(&it, waits ? PUTER_OK : PUTER_ERR_RATE);
        CHECK_INT(torture.now - before, waits ? rows[i].pause_ms : 0);
        CHECK_INT(it.peer.request_count, waits ? 2 : 1);
        torture_close(&it);
    }
}

/* Reading repeats what may well succeed the next time, as often as allowed; a
 * chat, which may have reached a model, does not. */
static void test_repeating(bool reads)
{
    static const struct {
        const char *head; /* NULL: the connection is lost */
        puter_result result;
        bool again;
    } rows[] = {
        {"502 Bad", PUTER_ERR_SERVICE, true},
        {"503 No", PUTER_ERR_SERVICE, true},
        {"504 Late", PUTER_ERR_SERVICE, true},
        {"500 Oops", PUTER_ERR_SERVICE, false},
        {"501 What?", PUTER_ERR_SERVICE, false},
        {NULL, PUTER_ERR_CLOSED, true},
    };
    size_t i;
    int retries;
    for (i = 0; i < COUNT(rows); i++)
        for (retries = -1; retries < 4; retries++) {
            int allowed = retries < 0 ? 0 : retries ? retries : 8;
            int failures = allowed + 1, n;
            torture_client it = {0};
            puter_options options = {0};
            puter_result result;
            CHECK_IN("%s, %s, max_retries %d", reads ? "reading" : "asking",
                     rows[i].head ? rows[i].head : "lost", retries);
            options.max_retries = retries;
            torture_open(&it, &options, false);
            for (n = 0; n < failures; n++) {
                char reply[128];
                snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\n"
                         "Content-Length: 2\r\nConnection: close\r\n\r\n{}",
                         rows[i].head ? rows[i].head : "");
                script_raw(&it.peer, reply, rows[i].head ? strlen(reply) : 9);
                script_current(&it.peer)->end = SCRIPT_RESET;
                script_next_connection(&it.peer);
            }
            script_reply(&it.peer, 200, HALO);
            result = reads ? puter_get(it.client, "/version", NULL)
                           : puter_ask(it.client, NULL, "Halo", NULL);
            CHECK_RESULT(result, rows[i].result);
            CHECK_INT(it.peer.request_count,
                      reads && rows[i].again ? failures : 1);
            torture_close(&it);
        }
}

/* The status is that of the last reply, which may be none. */
static void test_lost_again(void)
{
    torture_client it = {0};
    CHECK_IN("refused, then lost");
    torture_open(&it, NULL, false);
    script_failures(&it, 1, "429 No");
    script_current(&it.peer)->reply_count = 0;
    script_current(&it.peer)->end = SCRIPT_RESET;
    check_ask(&it, PUTER_ERR_CLOSED);
    CHECK_INT(it.peer.request_count, 2);
    CHECK_INT(puter_last_error(it.client)->http_status, 0);
    torture_close(&it);
}

static puter_result ask_version(puter_client *client)
{
    return puter_get(client, "/version", NULL);
}

static puter_result ask_model(puter_client *client)
{
    return puter_ask(client, NULL, "Halo", NULL);
}

static puter_result set_key(puter_client *client)
{
    return puter_kv_set(client, "k", "1", NULL);
}

/* What a silence means for asking again, by what was asked and has come. */
static void test_advice(bool secure)
{
    static const struct {
        puter_result (*ask)(puter_client *client);
        const char *says; /* before the silence */
        const char *advice, *stage;
    } rows[] = {
        {ask_model, "", "a model may have run", ", waiting for the reply;"},
        {ask_model, "HTTP/1.1 100 Continue\r\n\r\n", "a model may have run",
         ", waiting for the reply;"},
        {ask_model, "HTTP/1.1 200 OK\r\n", "cut short",
         ", reading the reply;"},
        {ask_model, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
         "cut short", ", reading the reply;"},
        {ask_version, "", "try again", ", waiting for the reply;"},
        {set_key, "", "it may have been done", ", waiting for the reply;"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        torture_client it = {0};
        puter_options options = {0};
        const char *said;
        CHECK_IN("silence, %d, TLS %d", (int)i, secure);
        options.idle_timeout_ms = 1000;
        options.max_retries = -1;
        torture_open(&it, &options, secure);
        if (*rows[i].says)
            script_text(&it.peer, rows[i].says);
        script_current(&it.peer); /* and stays */
        CHECK_INT(rows[i].ask(it.client), PUTER_ERR_TIMEOUT);
        said = strstr(puter_last_error(it.client)->message, "allow more time");
        CHECK(said && strstr(said, rows[i].advice));
        CHECK(strstr(puter_last_error(it.client)->message, rows[i].stage));
        torture_close(&it);
    }
}

/* ---- what a client holds ------------------------------------------------- */

/* A large exchange leaves no large buffers behind, nor any of its own in what
 * comes after it. */
static void test_large_exchange(void)
{
    enum { SIZE = 200000 };
    static char prompt[SIZE], reply[SIZE];
    torture_client it = {0};
    puter_message messages[2] = {{0}, {0}}; /* the second is refused */
    puter_request request = {.messages = messages, .message_count = 2};
    const puter_client *client;
    int length, i;
    CHECK_IN("a large exchange");
    memset(prompt, 'a', SIZE - 1);
    torture_open(&it, NULL, false);
    client = it.client;
    length = snprintf(reply, SIZE, "{\"success\":true,\"result\":{\"message\":"
                      "\"Halo\",\"x\":[0");
    for (i = 0; i < SIZE / 2 - 100; i++)
        memcpy(reply + length + 2 * i, ",0", 2);
    memcpy(reply + length + 2 * i, "]}}", 4);
    script_reply(&it.peer, 200, reply);
    snprintf(reply, SIZE, "{\"code\":\"internal_error\",\"message\":\"%.*s\"}",
             SIZE / 2, prompt);
    script_reply(&it.peer, 500, reply);
    script_reply(&it.peer, 200, HALO);
    CHECK_INT(puter_ask(it.client, NULL, prompt, NULL), PUTER_OK);
    CHECK_INT(puter_ask(it.client, NULL, "Halo", NULL), PUTER_ERR_SERVICE);
    CHECK(client->answer == NULL); /* nobody has taken it */
    CHECK(client->out.capacity <= 65536);
    CHECK(client->scratch.capacity <= 65536);
    CHECK(client->json.capacity * sizeof(puter__node) <= 65536);
    memset(reply, ' ', SIZE - 1);
    memcpy(reply, "{\"x\":[0", 7);
    for (i = 7; i < SIZE / 2; i += 2)
        memcpy(reply + i, ",0", 2);
    memcpy(reply + i, "]}", 3);
    messages[0].json = reply;
    CHECK_INT(puter_chat(it.client, &request, NULL), PUTER_ERR_ARGUMENT);
    CHECK(client->json.capacity * sizeof(puter__node) <= 65536);
    check_ask(&it, PUTER_OK);
    torture_close(&it);
}

int main(void)
{
    bool secure = false;
    torture_start();
    do {
        test_idle(secure);
        test_progress(secure);
        test_not_reused(secure);
        test_left_stream(secure);
        test_advice(secure);
        secure = !secure;
    } while (secure);
    test_slow_handshake();
    test_loop_that_connects();
    test_late_caller();
    test_slow_tools();
    test_stages();
    test_pauses();
    test_asked_pauses();
    test_lost_again();
    test_repeating(true);
    test_repeating(false);
    test_large_exchange();
    return check_done();
}
