/* test_stream.c - answers that come line by line. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "streams.h"

static void check_end(puter_client *client, const stream_row *it)
{
    puter_reply reply;
    puter_result result = puter_stream_end(client, &reply);
    if (!it->text) {
        CHECK(result < 0);
        script_check_failure(client, result);
    } else if (CHECK_RESULT(result, PUTER_OK)) {
        CHECK(reply.complete);
        CHECK_STR(reply.text, it->text);
        CHECK_INT(reply.length, strlen(it->text));
        CHECK_STR(reply.json, it->lines);
        CHECK_STR(reply.finish_reason, "");
    }
    puter_reply_free(&reply);
}

/* One row as a peer tells it, to a client that waits or one that does not. */
static void run_row(script *peer, const stream_row *it, bool nonblocking)
{
    puter_options options = {0};
    puter_client *client;
    script_bytes log = {0};
    options.nonblocking = nonblocking;
    client = script_open(peer, &options);
    note_stream(&log, client, &halo);
    CHECK_STR(log.bytes, it->log);
    check_end(client, it);
    free(log.bytes);
    script_close(peer, client);
}

static void test_rows(void)
{
    static const int framings[] = {BY_LENGTH, BY_END, BY_LINE, 1, 7, 1 << 20};
    size_t i, j;
    unsigned seed;
    for (i = 0; i < COUNT(stream_rows); i++)
        for (j = 0; j < COUNT(framings); j++)
            for (seed = 0; seed < 6; seed++) {
                script peer = {0};
                CHECK_IN("%s, framing %d, cut %u", stream_rows[i].name,
                         framings[j], seed);
                script_lines(&peer, stream_rows[i].lines, framings[j]);
                peer.cut = seed == 0   ? SCRIPT_WHOLE
                           : seed == 1 ? SCRIPT_BYTES
                                       : SCRIPT_RANDOM;
                peer.seed = seed;
                peer.pauses = seed & 1;
                run_row(&peer, &stream_rows[i], seed > 3);
            }
}

static void test_every_split(void)
{
    size_t i, at, length;
    for (i = 0; i < COUNT(stream_rows); i++)
        for (at = length = 1; at <= length; at++) {
            script peer = {0};
            CHECK_IN("%s, split at %d", stream_rows[i].name, (int)at);
            script_lines(&peer, stream_rows[i].lines, BY_LINE);
            length = peer.connections[0].replies[0].length;
            peer.cut = SCRIPT_SPLIT;
            peer.split = at;
            run_row(&peer, &stream_rows[i], false);
        }
}

/* A stream that the connection's end cuts short is never a success, wherever
 * the cut is; what had come whole comes first. */
static void test_every_truncation(void)
{
    static const char lines[] =
        "{\"type\":\"text\",\"text\":\"Ha\"}\n"
        "{\"type\":\"text\",\"text\":\"lo\"}\n";
    script whole = {0};
    const script_bytes *reply = &whole.connections[0].replies[0];
    size_t at;
    script_lines(&whole, lines, BY_LINE);
    for (at = 1; at < reply->length; at++) {
        script peer = {0};
        puter_options options = {0};
        puter_client *client;
        script_bytes log = {0};
        CHECK_IN("cut at %d", (int)at);
        options.nonblocking = peer.pauses = at / 2 % 2;
        script_raw(&peer, reply->bytes, at);
        peer.connections[0].end = at % 2 ? SCRIPT_RESET : SCRIPT_CLEAN;
        client = script_open(&peer, &options);
        note_stream(&log, client, &halo);
        CHECK_INT(puter_last_error(client)->http_status,
                  strstr(peer.connections[0].replies[0].bytes, "\r\n\r\n")
                      ? 200 : 0);
        CHECK_STR(log.bytes + log.length - strlen("PUTER_ERR_CLOSED"),
                  "PUTER_ERR_CLOSED");
        CHECK_INT(strstr(log.bytes, "text lo") != NULL,
                  strstr(peer.connections[0].replies[0].bytes, "lo\"}\n")
                      != NULL);
        CHECK_INT(puter_stream_end(client, NULL), PUTER_ERR_CLOSED);
        free(log.bytes);
        script_close(&peer, client);
    }
    script_close(&whole, NULL);
}

/* ---- halves of characters ----------------------------------------------- */

static void test_surrogates(void)
{
    static const struct {
        const char *lines;
        const char *text;
    } cases[] = {
        {"{\"text\":\"a\\ud83d\"}\n{\"text\":\"\\ude00b\"}\n",
         "a\xF0\x9F\x98\x80" "b"},
        {"{\"text\":\"\\ud83d\"}\n{\"text\":\"\\ude00\"}\n",
         "\xF0\x9F\x98\x80"},
        {"{\"text\":\"\\ud83d\"}\n{\"text\":\"\"}\n{\"text\":\"\\ude00\"}\n",
         "\xF0\x9F\x98\x80"},
        {"{\"text\":\"\\ud83d\\ude00\\ud83d\"}\n{\"text\":\"\\ude01\"}\n",
         "\xF0\x9F\x98\x80\xF0\x9F\x98\x81"},
        {"{\"text\":\"\\ud83d\"}\n{\"type\":\"reasoning\",\"reasoning\":\"x\"}"
         "\n{\"text\":\"\\ude00\"}\n", "\xF0\x9F\x98\x80"},
        {"{\"text\":\"a\\ud83d\"}\n{\"text\":\"b\"}\n", "a\xEF\xBF\xBD" "b"},
        /* one byte more than where there is room for what came alone */
        {"{\"text\":\"aaaa\"}\n{\"text\":\"\\ud83d\"}\n"
         "{\"text\":\"0123456789012345678901234567890\"}\n",
         "aaaa\xEF\xBF\xBD" "0123456789012345678901234567890"},
        {"{\"text\":\"a\\ud83d\"}\n", "a\xEF\xBF\xBD"},
        {"{\"text\":\"a\\ud83d\"}\n{\"type\":\"usage\",\"usage\":{}}\n",
         "a\xEF\xBF\xBD"},
        {"{\"text\":\"\\ude00b\"}\n", "\xEF\xBF\xBD" "b"},
        {"{\"text\":\"a\"}\n{\"text\":\"\\ude00b\"}\n", "a\xEF\xBF\xBD" "b"},
        {"{\"text\":\"\\ud83d\"}\n{\"text\":\"\\ud83d\"}\n"
         "{\"text\":\"\\ude00\"}\n", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
        {"{\"text\":\"\\ud83dx\"}\n{\"text\":\"\\ude00\"}\n",
         "\xEF\xBF\xBDx\xEF\xBF\xBD"},
    };
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        script peer = {0};
        script_bytes text = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_event event;
        puter_reply reply;
        CHECK_IN("surrogates %s", cases[i].lines);
        note(&text, "", 0);
        script_lines(&peer, cases[i].lines, BY_LINE);
        CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
        while (puter_stream_next(client, &event) == 1)
            if (event.type == PUTER_EVENT_TEXT)
                note(&text, event.text, event.length);
        CHECK_STR(text.bytes, cases[i].text);
        CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
        CHECK_STR(reply.text, cases[i].text);
        puter_reply_free(&reply);
        free(text.bytes);
        script_close(&peer, client);
    }
}

/* ---- replies that are no streams ---------------------------------------- */

/* A plain reply gives the events that the same answer streamed would. */
static void test_plain_reply(void)
{
    static const char body[] =
        "{\"success\":true,\"result\":{\"message\":{\"role\":\"assistant\","
        "\"content\":\"Halo\",\"reasoning\":\"Hm.\",\"tool_calls\":[{\"id\":"
        "\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"a\\\":1}\"}}],\"images\":[{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]},"
        "\"finish_reason\":\"tool_calls\",\"usage\":{\"prompt_tokens\":1,"
        "\"completion_tokens\":2}}}";
    int cut;
    for (cut = SCRIPT_WHOLE; cut <= SCRIPT_BYTES; cut++) {
        script peer = {0};
        script_bytes log = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("plain reply, cut %d", cut);
        peer.cut = (script_cut)cut;
        script_reply(&peer, 200, body);
        note_stream(&log, client, &halo);
        CHECK_STR(log.bytes, "reasoning Hm.\ntext Halo\ncall c1 f {\"a\":1}\n"
                             "image data:x\nusage 1 2 - -\nend");
        CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
        CHECK_STR(reply.text, "Halo");
        CHECK_STR(reply.reasoning, "Hm.");
        CHECK_STR(reply.finish_reason, "tool_calls");
        CHECK_STR(reply.json, body);
        CHECK_INT(reply.tool_call_count, 1);
        CHECK_INT(reply.image_count, 1);
        puter_reply_free(&reply);
        free(log.bytes);
        script_close(&peer, client);
    }
}

/* A stream where none was asked for is an answer all the same. */
static void test_stream_unasked(void)
{
    static const char *const types[] = {
        "application/x-ndjson", "application/x-ndjson; charset=utf-8",
        "Application/X-NDJSON ;a=b"};
    size_t i;
    for (i = 0; i < COUNT(types); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("type %s", types[i]);
        script_typed_reply(&peer, 200, types[i],
                           "{\"text\":\"Ha\"}\n{\"text\":\"lo\"}\n");
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
        CHECK_STR(reply.text, "Halo");
        CHECK(reply.complete);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* What fails before the first token is a plain reply. */
static void test_plain_errors(void)
{
    static const struct {
        int status;
        const char *body, *log, *words;
    } cases[] = {
        {400, "{\"error\":\"400 the vendor says no\",\"message\":\"400 the "
              "vendor says no\",\"code\":\"upstream_bad_request\"}",
         "PUTER_ERR_REQUEST", "the vendor says no"},
        {200, "{\"success\":false,\"error\":\"no fallback model available\"}",
         "PUTER_ERR_SERVICE", "no fallback model available"},
    };
    size_t i;
    for (i = 0; i < 2; i++) {
        script peer = {0};
        script_bytes log = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("plain error %d", (int)i);
        script_reply(&peer, cases[i].status, cases[i].body);
        note_stream(&log, client, &halo);
        CHECK_STR(log.bytes, cases[i].log);
        CHECK(strstr(puter_last_error(client)->message, cases[i].words));
        CHECK(puter_stream_end(client, NULL) < 0);
        CHECK(strstr(puter_last_error(client)->message, cases[i].words));
        free(log.bytes);
        script_close(&peer, client);
    }
}

/* The status says it, whatever the type. */
static void test_failed_lines(void)
{
    script peer = {0};
    script_bytes log = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("lines of a failure");
    script_typed_reply(&peer, 500, LINES, "{\"message\":\"no\"}\n");
    note_stream(&log, client, &halo);
    CHECK_STR(log.bytes, "PUTER_ERR_SERVICE");
    CHECK_INT(puter_stream_end(client, NULL), PUTER_ERR_SERVICE);
    free(log.bytes);
    script_close(&peer, client);
}

/* A stream that never began need not be ended. */
static void test_not_begun(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("not begun");
    script_reply(&peer, 200, "{\"success\":true,\"result\":\"Halo\"}");
    script_current(&peer)->open_result = PUTER_ERR_CONNECT;
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_ERR_CONNECT);
    script_current(&peer)->open_result = 0;
    CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
    CHECK_STR(reply.text, "Halo");
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* A refusal is the reply's, however early it can be read: what came of it is
 * there at the end. */
static void test_refused_at_once(void)
{
    static const char says[] = "{\"code\":\"insufficient_funds\"}";
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_event event;
    puter_reply reply;
    CHECK_IN("refused at once");
    script_reply(&peer, 402, says);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), PUTER_ERR_FUNDS);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_ERR_FUNDS);
    CHECK_STR(reply.json, says);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* ---- the exchange as a whole -------------------------------------------- */

static const char three[] = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n"
                            "{\"type\":\"usage\",\"usage\":"
                            "{\"prompt_tokens\":4}}\n";

/* Leaving after any number of events keeps what has come, closes the
 * connection and never waits; the next question begins anew. */
static void test_end_early(void)
{
    int events, i;
    for (events = 0; events <= 3; events++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_event event;
        puter_reply reply;
        script_bytes told = {0};
        CHECK_IN("end after %d events", events);
        note(&told, "", 0);
        script_lines(&peer, three, BY_LINE);
        script_next_connection(&peer);
        script_lines(&peer, three, BY_LINE);
        CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
        for (i = 0; i < events; i++) {
            CHECK_INT(puter_stream_next(client, &event), 1);
            if (event.type == PUTER_EVENT_TEXT)
                note(&told, event.text, event.length);
        }
        CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
        CHECK(!reply.complete);
        CHECK(strncmp(reply.text, told.bytes, told.length) == 0);
        CHECK(strncmp(reply.text, "ab", reply.length) == 0);
        CHECK(events < 3 || reply.usage.has_prompt_tokens);
        CHECK_INT(peer.closes, 1);
        puter_reply_free(&reply);
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
        CHECK_STR(reply.text, "ab");
        CHECK(reply.complete);
        puter_reply_free(&reply);
        free(told.bytes);
        script_close(&peer, client);
    }
}

/* The same while the service is silent. */
static void test_end_in_silence(void)
{
    script peer = {0};
    puter_options options = {0};
    puter_client *client;
    puter_event event;
    puter_reply reply;
    CHECK_IN("end in silence");
    options.nonblocking = true;
    client = script_open(&peer, &options);
    script_current(&peer);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), PUTER_WAIT);
    CHECK_INT(puter_client_fd(client), -1);
    CHECK(puter_client_events(client) & PUTER_READABLE);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
    CHECK(!reply.complete);
    CHECK_STR(reply.text, "");
    puter_reply_free(&reply);
    CHECK_INT(peer.closes, 1);
    script_close(&peer, client);
}

/* Inside an exchange there is no other, and it does not suffer. */
static void test_begin_inside(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_event event;
    puter_reply reply;
    CHECK_IN("begin inside");
    script_lines(&peer, three, BY_LINE);
    script_lines(&peer, three, BY_LINE);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_ERR_ARGUMENT);
    script_check_failure(client, PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_get(client, "/version", &reply), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_kv_list(client, NULL, &reply), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_session_save(client, "/dev/null"), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_session_load(client, "/dev/null"), PUTER_ERR_ARGUMENT);
    puter_reply_free(&reply);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_STR(event.text, "b");
    CHECK_INT(puter_last_error(client)->result, PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_INT(puter_stream_next(client, &event), 0);
    /* it was not ended */
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
    CHECK_STR(reply.text, "ab");
    CHECK_INT(puter_last_error(client)->http_status, 200);
    CHECK_INT(puter_last_error(client)->result, PUTER_OK);
    CHECK_STR(puter_last_error(client)->message, "");
    puter_reply_free(&reply);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    CHECK_INT(peer.opens, 1);
    script_close(&peer, client);
}

/* Without an exchange there is no event, and ending does no harm. */
static void test_outside(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_event event;
    puter_reply reply;
    CHECK_IN("outside");
    memset(&event, 0xFF, sizeof event);
    CHECK_INT(puter_stream_next(client, &event), PUTER_ERR_ARGUMENT);
    CHECK(!event.text && !event.json && !event.usage && !event.tool_call);
    memset(&reply, 0xFF, sizeof reply);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_ERR_ARGUMENT);
    puter_reply_free(&reply);
    script_close(&peer, client);
    client = script_open(&peer, NULL);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_ERR_ARGUMENT);
    script_check_failure(client, PUTER_ERR_ARGUMENT);
    script_lines(&peer, three, BY_LINE);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    while (puter_stream_next(client, &event) == 1)
        continue;
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), PUTER_ERR_ARGUMENT);
    CHECK_INT(peer.opens, 1);
    script_close(&peer, client);
    CHECK_INT(peer.opens, 0);
}

/* `discard` keeps no text and no lines, but all the rest. */
static void test_discard(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    script_bytes log = {0};
    puter_request request = {0};
    puter_reply reply;
    CHECK_IN("discard");
    script_lines(&peer, stream_rows[1].lines, BY_LINE);
    request.prompt = "Halo";
    request.discard = true;
    note_stream(&log, client, &request);
    CHECK_STR(log.bytes, stream_rows[1].log);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
    CHECK_STR(reply.text, "");
    CHECK_STR(reply.json, "");
    CHECK(reply.complete);
    CHECK_INT(reply.usage.prompt_tokens, 11);
    puter_reply_free(&reply);
    free(log.bytes);
    script_close(&peer, client);
}

/* It is for lines: what came whole stays, and of lines not even a half. */
static void test_discard_others(void)
{
    static const char whole[] = "{\"success\":true,\"result\":\"Halo\"}";
    puter_options options = {0};
    script peer = {0};
    puter_request request = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("discard, a plain reply");
    request.prompt = "Halo";
    request.discard = true;
    script_reply(&peer, 200, whole);
    CHECK_INT(puter_chat(client, &request, &reply), PUTER_OK);
    CHECK_STR(reply.text, "Halo");
    CHECK_STR(reply.json, whole);
    puter_reply_free(&reply);
    script_close(&peer, client);
    CHECK_IN("discard, half a line");
    options.nonblocking = true;
    client = script_open(&peer, &options);
    script_lines(&peer, "{\"text\":", 64);
    script_current(&peer)->replies[0].length -= 5; /* the last chunk */
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, NULL), PUTER_WAIT);
    CHECK(peer.handed > 0);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
    CHECK_STR(reply.json, "");
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* What a stream brought is in the reply. */
static void test_kept(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    script_bytes log = {0};
    puter_reply reply;
    CHECK_IN("kept");
    script_lines(&peer,
                 "{\"type\":\"reasoning\",\"reasoning\":\"Hm, \"}\n"
                 "{\"type\":\"reasoning\",\"reasoning\":\"well.\"}\n"
                 "{\"type\":\"text\",\"text\":\"Halo\"}\n"
                 "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\","
                 "\"input\":{\"a\":[1, 2.50]},\"text\":\"\"}\n"
                 "{\"type\":\"image\",\"image\":\"data:x\"}\n"
                 "{\"type\":\"compaction\",\"encrypted_content\":\"Zg==\"}\n"
                 "{\"type\":\"usage\",\"usage\":{\"prompt_tokens\":11}}\n", 7);
    note_stream(&log, client, &halo);
    CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
    CHECK_STR(reply.text, "Halo");
    CHECK_STR(reply.reasoning, "Hm, well.");
    CHECK_INT(reply.reasoning_length, 9);
    CHECK_STR(reply.role, "assistant");
    if (CHECK_INT(reply.tool_call_count, 1)) {
        CHECK_STR(reply.tool_calls[0].id, "c1");
        CHECK_STR(reply.tool_calls[0].name, "f");
        CHECK_STR(reply.tool_calls[0].arguments, "{\"a\":[1, 2.50]}");
    }
    if (CHECK_INT(reply.image_count, 1))
        CHECK_STR(reply.images[0].url, "data:x");
    CHECK(strstr(reply.compaction, "Zg=="));
    CHECK_INT(reply.usage.prompt_tokens, 11);
    CHECK(reply.usage.has_prompt_tokens && !reply.usage.has_usd_cents);
    puter_reply_free(&reply);
    free(log.bytes);
    script_close(&peer, client);
}

/* Members of odd types are as good as absent. */
static void test_odd_members(void)
{
    static const char *const lines[] = {
        "{\"type\":\"text\"}", "{\"type\":\"text\",\"text\":5}",
        "{\"type\":\"text\",\"text\":null}", "{\"type\":7,\"text\":[]}",
        "{\"type\":\"reasoning\",\"reasoning\":{}}", "{\"type\":\"usage\"}",
        "{\"type\":\"usage\",\"usage\":\"much\"}", "{\"type\":\"tool_use\"}",
        "{\"type\":\"tool_use\",\"id\":1,\"name\":null,\"input\":\"{\"}",
        "{\"type\":\"image\",\"image\":false}", "{\"type\":\"image\"}", "{}"};
    size_t i;
    for (i = 0; i < COUNT(lines); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        char text[256];
        CHECK_IN("odd line %s", lines[i]);
        snprintf(text, sizeof text, "{\"text\":\"a\"}\n%s\n{\"text\":\"b\"}\n",
                 lines[i]);
        script_lines(&peer, text, BY_LINE);
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
        CHECK_STR(reply.text, "ab");
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* An event carries its line, without what ends it. */
static void test_event_lines(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_event event;
    CHECK_IN("event lines");
    script_lines(&peer, "{\"type\":\"text\",\"text\":\"0\"}\n"
                        "{\"text\":\"a\"}\r\n\n{ \"text\": \"b\" }", BY_LINE);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_INT(event.json_length, strlen("{\"type\":\"text\",\"text\":\"0\"}"));
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_INT(event.json_length, strlen("{\"text\":\"a\"}"));
    CHECK(strncmp(event.json, "{\"text\":\"a\"}", event.json_length) == 0);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_INT(event.json_length, strlen("{ \"text\": \"b\" }"));
    CHECK_INT(puter_stream_next(client, &event), 0);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    script_close(&peer, client);
}

/* Lines and streams that outgrow the limit, behind what came before. */
static void test_stream_limit(void)
{
    puter_options options = {0};
    int discard;
    options.max_reply_bytes = 1000;
    for (discard = 0; discard < 2; discard++) {
        script peer = {0};
        puter_client *client = script_open(&peer, &options);
        puter_request request = {0};
        script_bytes log = {0};
        char lines[2000];
        CHECK_IN("stream limit, discard %d", discard);
        memset(lines, ' ', sizeof lines);
        memcpy(lines, "{\"text\":\"a\"}\n", 13);
        lines[sizeof lines - 1] = '\0';
        script_lines(&peer, lines, 64);
        request.prompt = "Halo";
        request.discard = discard;
        note_stream(&log, client, &request);
        CHECK_STR(log.bytes, "text a\nPUTER_ERR_LIMIT");
        CHECK_INT(puter_stream_end(client, NULL), PUTER_ERR_LIMIT);
        free(log.bytes);
        script_close(&peer, client);
    }
}

/* What is discarded does not count, but what a line leaves does. */
static void test_discarded_limit(void)
{
    static const int framings[] = {BY_LENGTH, BY_LINE, BY_END, 64};
    static const struct {
        const char *line;
        puter_result result;
    } rows[] = {
        {"{\"type\":\"text\",\"text\":\"0123456789\"}\n", PUTER_OK},
        {"{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}\n",
         PUTER_ERR_LIMIT},
        {"{\"type\":\"image\",\"image\":\"data:image/png;base64,\"}\n",
         PUTER_ERR_LIMIT},
    };
    puter_options options = {0};
    size_t i;
    options.max_reply_bytes = 1000;
    for (i = 0; i < 4 * COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, &options);
        puter_request request = {0};
        script_bytes lines = {0};
        int framing = framings[i % 4], n;
        CHECK_IN("framing %d, lines %s", framing, rows[i / 4].line);
        for (n = 0; n < 100; n++)
            script_append(&lines, rows[i / 4].line, strlen(rows[i / 4].line));
        script_append(&lines, "", 1);
        script_lines(&peer, lines.bytes, framing);
        request.prompt = "Halo";
        request.discard = true;
        CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
        do
            n = puter_stream_next(client, NULL);
        while (n == 1);
        CHECK_INT(n, rows[i / 4].result);
        CHECK_INT(puter_stream_end(client, NULL), rows[i / 4].result);
        free(lines.bytes);
        script_close(&peer, client);
    }
}

/* Where rounds of tools may have to repeat the text, it stays, and counts; as
 * do lines for what they leave, once, and for this exchange. */
static void test_discarded_counts(void)
{
    static const char text[] = "{\"type\":\"text\",\"text\":\"0123456789\"}\n";
    static const char image[] =
        "{\"type\":\"image\",\"image\":\"data:image/png;base64,\"}\n";
    static const struct {
        const char *first, *rest;
        int count; /* of the rest */
        bool tools;
        puter_result result;
    } rows[] = {
        {text, text, 100, true, PUTER_ERR_LIMIT},
        {text, text, 10, true, PUTER_OK},
        {image, text, 100, false, PUTER_OK},
        {image, image, 10, false, PUTER_OK},
    };
    puter_options options = {0};
    puter_tool tool = {0};
    size_t i;
    options.max_reply_bytes = 1000;
    tool.name = "f";
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, &options);
        puter_request request = {0};
        script_bytes lines = {0};
        int n;
        CHECK_IN("what counts, %d", (int)i);
        note(&lines, rows[i].first, strlen(rows[i].first));
        for (n = 0; n < rows[i].count; n++)
            note(&lines, rows[i].rest, strlen(rows[i].rest));
        note(&lines, "", 1);
        peer.cut = SCRIPT_BYTES;
        request.prompt = "Halo";
        request.discard = true;
        request.tools = &tool;
        request.tool_count = rows[i].tools;
        for (n = 0; n < 2; n++) {
            script_lines(&peer, lines.bytes, BY_LENGTH);
            script_current(&peer)->end = SCRIPT_CLEAN;
            CHECK_INT(puter_chat(client, &request, NULL), rows[i].result);
            script_next_connection(&peer);
        }
        free(lines.bytes);
        script_close(&peer, client);
    }
}

/* Whatever stands behind a line that fails is no answer to the next question,
 * though the same connection served both before. */
static void test_surplus(void)
{
    static const char *const lines[] = {
        "{\"type\":\"error\",\"message\":\"no\"}\n", "no JSON\n"};
    static const char surplus[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Content-Length: 32\r\n\r\n{\"success\":true,\"result\":\"evil\"}";
    static const char good[] = "{\"success\":true,\"result\":\"good\"}";
    int i;
    for (i = 0; i < 4; i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        script_bytes *bytes;
        CHECK_IN("surplus, %d", i);
        script_reply(&peer, 200, good);
        script_lines(&peer, lines[i / 2], BY_LENGTH);
        bytes = &script_current(&peer)->replies[1];
        if (i % 2)
            script_append(bytes, surplus, sizeof surplus - 1);
        script_next_connection(&peer);
        script_reply(&peer, 200, good);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
        if (puter_stream_begin(client, &halo) == PUTER_OK)
            CHECK(puter_stream_next(client, NULL) < 0);
        CHECK(puter_stream_end(client, NULL) < 0);
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
        CHECK_STR(reply.text, "good");
        CHECK_INT(peer.opens, 2);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Silence is the service's: a reader may take longer over an event than
 * idle_timeout_ms, when what follows it has come meanwhile. */
static void test_slow_reader(void)
{
    int nonblocking;
    for (nonblocking = 0; nonblocking < 2; nonblocking++) {
        script peer = {0};
        puter_options options = {0};
        puter_client *client;
        puter_event event;
        const char *bytes;
        int got, count = 0;
        CHECK_IN("slow reader, %d", nonblocking);
        script_lines(&peer, three, BY_LINE);
        bytes = script_current(&peer)->replies[0].bytes;
        peer.cut = SCRIPT_SPLIT;
        peer.split = (size_t)(strchr(bytes, '}') + 2 - bytes);
        options.idle_timeout_ms = 100;
        options.nonblocking = nonblocking != 0;
        client = script_open(&peer, &options);
        puter_stream_begin(client, &halo);
        while ((got = puter_stream_next(client, &event)) > 0)
            if (got == 1 && count++ == 0)
                poll(NULL, 0, 200);
        CHECK_INT(got, 0);
        CHECK_INT(count, 3);
        CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
        script_close(&peer, client);
    }
}

/* Half a character that a stream ends with is told when its line is gone. */
static void test_half_discarded(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request request = {0};
    puter_event event;
    CHECK_IN("half a character, discarded");
    peer.cut = SCRIPT_BYTES;
    script_lines(&peer, "{\"type\":\"text\",\"text\":\"\\ud83d\"}\n", BY_LINE);
    request.prompt = "Halo";
    request.discard = true;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_STR(event.text, "\xEF\xBF\xBD");
    CHECK_STR(event.json, "");
    CHECK_INT(event.json_length, 0);
    CHECK_INT(puter_stream_next(client, &event), 0);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    script_close(&peer, client);
}

/* So is one that the thinking ends with. */
static void test_half_thought(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("half a character of reasoning");
    script_lines(&peer, "{\"type\":\"reasoning\",\"reasoning\":\"Hm\\ud83d\"}"
                        "\n", BY_LINE);
    CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
    CHECK_STR(reply.reasoning, "Hm\xEF\xBF\xBD");
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* Lines in the middle of an input that is full to its end: what a message
 * quotes of them ends with them. */
static void test_full_input(void)
{
    static const struct {
        const char *line, *message;
    } rows[] = {
        {"{\"type\":no}\n", "byte 8: not a value: \"{\"type\":no}\""},
        {"{\"success\":false}\n", "says: {\"success\":false} (HTTP 200)"},
    };
    size_t i;
    int n, discard;
    for (i = 0; i < COUNT(rows); i++)
        for (discard = 0; discard < 2; discard++) {
            script peer = {0};
            puter_client *client = script_open(&peer, NULL);
            puter_request request = {0};
            script_bytes lines = {0};
            CHECK_IN("full input, discard %d, %s", discard, rows[i].line);
            for (n = 0; n < 4000; n++) {
                const char *line =
                    n == 1000 ? rows[i].line : "{\"text\":\"Halo\"}\n";
                note(&lines, line, strlen(line));
            }
            note(&lines, "", 1);
            script_lines(&peer, lines.bytes, BY_LENGTH);
            request.prompt = "Halo";
            request.discard = discard;
            CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
            do
                n = puter_stream_next(client, NULL);
            while (n == 1);
            CHECK(strstr(puter_last_error(client)->message, rows[i].message));
            CHECK_INT(puter_stream_end(client, NULL), n);
            free(lines.bytes);
            script_close(&peer, client);
        }
}

/* A failure is repeated, whatever is tried in between. */
static void test_failure_stays(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request request = {0};
    CHECK_IN("failure stays");
    script_lines(&peer, "{\"text\":\"a\"}\n"
                        "{\"type\":\"error\",\"message\":\"Words\"}\n", 64);
    request.prompt = "Halo";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, NULL), 1);
    CHECK_INT(puter_stream_next(client, NULL), PUTER_ERR_SERVICE);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_next(client, NULL), PUTER_ERR_SERVICE);
    CHECK(strstr(puter_last_error(client)->message, "Words"));
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_ERR_SERVICE);
    CHECK(strstr(puter_last_error(client)->message, "Words"));
    CHECK_INT(puter_last_error(client)->http_status, 200);
    script_close(&peer, client);
}

/* What is out of place is told with nothing of the failure before it. */
static void test_failure_apart(void)
{
    static const char lines[] =
        "{\"text\":\"a\"}\n{\"type\":\"error\",\"code\":\"usage_limited\"}\n";
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    char reply[256];
    CHECK_IN("failure apart");
    snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Type: " LINES
             "\r\nRetry-After: 5\r\nContent-Length: %d\r\n\r\n%s",
             (int)strlen(lines), lines);
    script_text(&peer, reply);
    CHECK_INT(puter_stream_begin(client, &halo), PUTER_OK);
    CHECK_INT(puter_stream_next(client, NULL), 1);
    CHECK_INT(puter_stream_next(client, NULL), PUTER_ERR_FUNDS);
    CHECK_STR(puter_last_error(client)->code, "usage_limited");
    CHECK_INT(puter_last_error(client)->retry_after_ms, 5000);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    CHECK_STR(puter_last_error(client)->code, "");
    CHECK_INT(puter_last_error(client)->retry_after_ms, 0);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_ERR_FUNDS);
    CHECK_STR(puter_last_error(client)->code, "usage_limited");
    script_close(&peer, client);
}

/* A long stream of many events, over and over on one connection. */
static void test_many_events(void)
{
    enum { MANY = 20000 };
    script peer = {0};
    script_bytes lines = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    int i;
    CHECK_IN("many events");
    for (i = 0; i < MANY; i++)
        note(&lines, "{\"text\":\"Halo \"}\n", 17);
    script_lines(&peer, lines.bytes, BY_LINE);
    script_lines(&peer, lines.bytes, 1);
    for (i = 0; i < 2; i++) {
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
        CHECK_INT(reply.length, 5 * MANY);
        puter_reply_free(&reply);
    }
    CHECK_INT(peer.opens, 1);
    free(lines.bytes);
    script_close(&peer, client);
}

int main(void)
{
    test_rows();
    test_every_split();
    test_every_truncation();
    test_surrogates();
    test_plain_reply();
    test_stream_unasked();
    test_plain_errors();
    test_failed_lines();
    test_not_begun();
    test_refused_at_once();
    test_end_early();
    test_end_in_silence();
    test_begin_inside();
    test_outside();
    test_discard();
    test_discard_others();
    test_discarded_limit();
    test_discarded_counts();
    test_surplus();
    test_slow_reader();
    test_half_discarded();
    test_half_thought();
    test_full_input();
    test_failure_stays();
    test_failure_apart();
    test_kept();
    test_odd_members();
    test_event_lines();
    test_stream_limit();
    test_many_events();
    return check_done();
}
