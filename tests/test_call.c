/* test_call.c - the service's other interfaces: results that are JSON, and
 * results that are bytes; lists of models; pictures. */
#define _POSIX_C_SOURCE 200809L
#include <stddef.h>
#include <stdlib.h>

/* What puter.h holds, in bytes: now, and at most since that was last set. */
static struct {
    size_t now, most;
} counted;

typedef union counted_block {
    size_t size;
    long double aligned;
} counted_block;

static void counted_free(void *memory)
{
    counted_block *it = (counted_block *)memory;
    if (!it)
        return;
    counted.now -= it[-1].size;
    free(it - 1);
}

static void *counted_realloc(void *memory, size_t size)
{
    counted_block *it = (counted_block *)memory;
    size_t before = it ? it[-1].size : 0;
    it = (counted_block *)realloc(it ? it - 1 : NULL, sizeof *it + size);
    if (!it)
        return NULL;
    it->size = size;
    counted.now += size - before;
    if (counted.now > counted.most)
        counted.most = counted.now;
    return it + 1;
}

#define PUTER_MALLOC(size) counted_realloc(NULL, size)
#define PUTER_REALLOC counted_realloc
#define PUTER_FREE counted_free
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "compare.h"
#include "script.h"

#define DONE(result) "{\"success\":true,\"result\":" result "}"

static void *spoilt(void *memory, size_t size)
{
    return memset(memory, 0xA5, size);
}

static bool is_empty(const puter_reply *reply)
{
    static const puter_reply empty = {0};
    return reply->text == empty.text && reply->json == empty.json &&
           reply->body == empty.body && reply->memory == empty.memory &&
           reply->size == 0 && reply->json_length == 0;
}

/* The next reply, of bytes; without a type where that is NULL. */
static void script_data(script *peer, const char *type, const void *data,
                        size_t size)
{
    char head[256];
    script_bytes reply = {0};
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%s%s%s"
             "Content-Length: %zu\r\n\r\n", type ? "Content-Type: " : "",
             type ? type : "", type ? "\r\n" : "", size);
    script_append(&reply, head, strlen(head));
    script_append(&reply, data, size);
    script_raw(peer, reply.bytes, reply.length);
    free(reply.bytes);
}

/* ---- puter_call: what is sent ------------------------------------------- */

static void test_requests(void)
{
    static const struct {
        puter_call_request call;
        const char *body;
    } rows[] = {
        {{.interface = "puter-kvstore", .method = "flush"},
         "{\"interface\":\"puter-kvstore\",\"method\":\"flush\",\"args\":{}}"},
        {{.interface = "a \"b\"", .driver = "d", .method = "m",
          .args = " {\"n\": 1.50, \"n\": 1e400} ", .test_mode = true},
         "{\"interface\":\"a \\\"b\\\"\",\"driver\":\"d\",\"method\":\"m\","
         "\"test_mode\":true,"
         "\"args\":{\"test_mode\":true,\"n\": 1.50, \"n\": 1e400}}"},
        {{.interface = "i", .method = "m", .args = "{\"test_mode\":\"no\"}",
          .test_mode = true},
         "{\"interface\":\"i\",\"method\":\"m\",\"test_mode\":true,"
         "\"args\":{\"test_mode\":\"no\"}}"},
        {{.interface = "i", .method = "m", .test_mode = true},
         "{\"interface\":\"i\",\"method\":\"m\",\"test_mode\":true,"
         "\"args\":{\"test_mode\":true}}"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("request %d", (int)i);
        script_reply(&peer, 200, DONE("true"));
        CHECK_INT(puter_call(client, &rows[i].call, NULL), PUTER_OK);
        CHECK_STR(script_sent(&peer, 0), rows[i].body);
        CHECK(script_begins(&peer, 0, "POST /drivers/call HTTP/1.1\r\n"));
        CHECK(strstr(peer.requests[0].bytes,
                     "\r\nAuthorization: Bearer " SCRIPT_TOKEN "\r\n"));
        script_close(&peer, client);
    }
}

/* What could not be answered is found before anything is sent. */
static void test_refused_requests(void)
{
    static const struct {
        puter_call_request call;
        const char *says;
    } rows[] = {
        {{.method = "m"}, "interface"},
        {{.interface = "", .method = "m"}, "interface"},
        {{.interface = "i"}, "method"},
        {{.interface = "i", .method = ""}, "method"},
        {{.interface = "i", .method = "m", .args = ""}, "args"},
        {{.interface = "i", .method = "m", .args = "{\"a\":"}, "args"},
        {{.interface = "i", .method = "m", .args = "{\"a\":1,}"}, "args"},
        {{.interface = "i", .method = "m", .args = "{} {}"}, "args"},
        {{.interface = "i", .method = "m", .args = "[1]"}, "args"},
        {{.interface = "i", .method = "m", .args = "\"a\""}, "args"},
        {{.interface = "i", .method = "m", .args = "{\"a\":\"\xFF\"}"},
         "args"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("refused request %d", (int)i);
        spoilt(&reply, sizeof reply);
        CHECK_INT(puter_call(client, &rows[i].call, &reply),
                  PUTER_ERR_ARGUMENT);
        CHECK(is_empty(&reply));
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        CHECK(strstr(puter_last_error(client)->message, rows[i].says));
        CHECK_INT(peer.opens, 0);
        script_close(&peer, client);
    }
}

/* ---- puter_call: what comes back ---------------------------------------- */

static const puter_call_request some_call = {.interface = "puter-kvstore",
                                             .method = "get"};

static void test_json_results(void)
{
    static const char *const rows[] = {
        "true", "null", "-1.5e3", "\"\"", "\"a\\u0000\\ud83d\\ude00\"", "[]",
        "[1,[2,{\"a\":null}]]", "{}", "{\"message\":{\"content\":\"x\"}}",
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        char body[256];
        CHECK_IN("result %s", rows[i]);
        peer.cut = SCRIPT_BYTES;
        snprintf(body, sizeof body, DONE("%s"), rows[i]);
        script_reply(&peer, 200, body);
        spoilt(&reply, sizeof reply);
        CHECK_INT(puter_call(client, &some_call, &reply), PUTER_OK);
        CHECK_STR(reply.json, body);
        CHECK_INT(reply.json_length, strlen(body));
        CHECK_JSON(reply.json, "result", rows[i]);
        CHECK_INT(reply.size, 0);
        CHECK(reply.complete);
        CHECK_STR(reply.content_type, "application/json; charset=utf-8");
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

static void test_byte_results(void)
{
    static const char all[] = "ID3\0\r\n\xFF{\"success\":false}\n";
    static const struct {
        const char *type;
        size_t size;
    } rows[] = {
        {"audio/mpeg", sizeof all},        {"image/png", sizeof all},
        {"application/octet-stream", 4},   {"text/plain", 1},
        {"audio/mpeg", 0},                 {NULL, sizeof all},
        {"application/x-ndjson", 4},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("bytes %d", (int)i);
        peer.cut = SCRIPT_BYTES;
        script_data(&peer, rows[i].type, all, rows[i].size);
        CHECK_INT(puter_call(client, &some_call, &reply), PUTER_OK);
        if (CHECK_INT(reply.size, rows[i].size))
            CHECK(memcmp(reply.body, all, reply.size) == 0);
        CHECK_STR(reply.content_type, rows[i].type ? rows[i].type : "");
        CHECK_STR(reply.json, "");
        CHECK_STR(reply.text, "");
        CHECK(reply.complete);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* A length that is left out is no length of 0. */
static void test_no_length(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("no length");
    script_text(&peer, "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n"
                       "Content-Length:\r\n\r\n");
    CHECK_INT(puter_call(client, &some_call, NULL), PUTER_ERR_PROTOCOL);
    script_close(&peer, client);
}

/* Failures in the words of both generations, and of whatever stands before
 * them. None has another driver tried: only a chat may be answered by any. */
static void test_failures(void)
{
    static const struct {
        int status;
        const char *type, *body;
        puter_result wanted;
        const char *code, *says;
    } rows[] = {
        {404, "application/json",
         "{\"error\":\"Interface not found: x\",\"message\":\"Interface not "
         "found: x\",\"code\":\"not_found\"}",
         PUTER_ERR_NOT_FOUND, "not_found", "Interface not found: x"},
        {200, "application/json",
         "{\"success\":false,\"error\":{\"code\":\"interface_not_found\","
         "\"message\":\"Interface not found: x\",\"status\":404}}",
         PUTER_ERR_NOT_FOUND, "interface_not_found",
         "Interface not found: x"},
        {404, "application/json",
         "{\"message\":\"Driver not found: a:b\",\"code\":\"not_found\"}",
         PUTER_ERR_NOT_FOUND, "not_found", "Driver not found: a:b"},
        {200, "application/json",
         "{\"success\":false,\"error\":{\"code\":"
         "\"no_implementation_available\",\"message\":\"none\"}}",
         PUTER_ERR_NOT_FOUND, "no_implementation_available", "none"},
        {200, "application/json", "{\"success\":false,\"error\":\"no\"}",
         PUTER_ERR_SERVICE, "", "no"},
        {400, "application/json",
         "{\"message\":\"key?\",\"code\":\"bad_request\"}",
         PUTER_ERR_REQUEST, "bad_request", "key?"},
        {401, "application/json",
         "{\"message\":\"no token\",\"code\":\"token_missing\"}",
         PUTER_ERR_AUTH, "token_missing", "no token"},
        {402, "application/json",
         "{\"message\":\"broke\",\"code\":\"insufficient_funds\"}",
         PUTER_ERR_FUNDS, "insufficient_funds", "broke"},
        {429, "application/json",
         "{\"message\":\"slow\",\"code\":\"too_many_requests\"}",
         PUTER_ERR_RATE, "too_many_requests", "slow"},
        {403, "text/html", "Forbidden", PUTER_ERR_REFUSED, "", "origin"},
        {502, "text/html", "<h1>Bad gateway</h1>", PUTER_ERR_SERVICE, "",
         "Bad gateway"},
        {500, "audio/mpeg", "ID3", PUTER_ERR_SERVICE, "", "500"},
        {302, "text/html", "", PUTER_ERR_PROTOCOL, "", "302"},
        {200, "application/json", "{\"success\":true,\"result\":",
         PUTER_ERR_PROTOCOL, "", "JSON"},
        {200, "application/json", "", PUTER_ERR_PROTOCOL, "", "empty"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        puter_reply reply;
        CHECK_IN("failure %d", (int)i);
        options.max_retries = -1;
        client = script_open(&peer, &options);
        script_typed_reply(&peer, rows[i].status, rows[i].type, rows[i].body);
        spoilt(&reply, sizeof reply);
        CHECK_INT(puter_call(client, &some_call, &reply), rows[i].wanted);
        script_check_failure(client, rows[i].wanted);
        CHECK_INT(puter_last_error(client)->http_status, rows[i].status);
        CHECK_STR(puter_last_error(client)->code, rows[i].code);
        CHECK(strstr(puter_last_error(client)->message, rows[i].says));
        CHECK_INT(peer.request_count, 1);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* ---- the sink ----------------------------------------------------------- */

typedef struct sink {
    size_t size, pieces, largest;
    size_t stop; /* the piece at which it says so; 0: never */
    uint64_t sum;
} sink;

static uint64_t add_to_sum(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t i;
    for (i = 0; i < size; i++) /* FNV-1a */
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
    return sum;
}

static int take(void *user, const void *data, size_t size)
{
    sink *it = (sink *)user;
    CHECK(size > 0);
    it->size += size;
    it->largest = size > it->largest ? size : it->largest;
    it->sum = add_to_sum(it->sum, data, size);
    return ++it->pieces == it->stop;
}

static puter_call_request call_into(sink *it)
{
    puter_call_request call = {0};
    call.interface = "puter-tts";
    call.method = "synthesize";
    call.sink = take;
    call.user = it;
    return call;
}

static void test_sink(void)
{
    static const char sound[] = "ID3\0 some sound";
    size_t i;
    for (i = 0; i < 2; i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        sink it = {0};
        puter_call_request call = call_into(&it);
        puter_reply reply;
        CHECK_IN("sink, cut %d", (int)i);
        peer.cut = i ? SCRIPT_BYTES : SCRIPT_WHOLE;
        script_data(&peer, "audio/mpeg", sound, sizeof sound);
        CHECK_INT(puter_call(client, &call, &reply), PUTER_OK);
        CHECK_INT(it.size, sizeof sound);
        CHECK_INT(it.pieces, i ? sizeof sound : 1);
        CHECK(it.sum == add_to_sum(0, sound, sizeof sound));
        CHECK_INT(reply.size, 0);
        CHECK_STR(reply.content_type, "audio/mpeg");
        CHECK(reply.complete);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* In chunks, too, of which each line comes before what it frames. */
static void test_sink_of_chunks(void)
{
    static const char sound[] =
        "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nID3\r\n4\r\nabcd\r\n0\r\n\r\n";
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    sink it = {0};
    puter_call_request call = call_into(&it);
    CHECK_IN("sink of chunks");
    peer.cut = SCRIPT_BYTES;
    script_raw(&peer, sound, sizeof sound - 1);
    CHECK_INT(puter_call(client, &call, NULL), PUTER_OK);
    CHECK_INT(it.pieces, 7);
    CHECK(it.sum == add_to_sum(0, "ID3abcd", 7));
    script_close(&peer, client);
}

/* It gets the result and nothing else: no failure's body, no JSON, nothing of
 * an attempt that was to be repeated. */
static void test_sink_of_others(void)
{
    static const struct {
        int status;
        const char *type, *body;
        puter_result wanted;
        size_t size;
    } rows[] = {
        {200, "application/json", DONE("\"a\""), PUTER_OK, 0},
        {200, "application/json; charset=utf-8",
         "{\"success\":false,\"error\":\"no\"}", PUTER_ERR_SERVICE, 0},
        {500, "audio/mpeg", "sound", PUTER_ERR_SERVICE, 0},
        {404, "text/html", "page", PUTER_ERR_NOT_FOUND, 0},
        {200, "text/html", "page", PUTER_ERR_PROTOCOL, 0},
        {302, "audio/mpeg", "sound", PUTER_ERR_PROTOCOL, 0},
        {429, "audio/mpeg", "sound", PUTER_OK, 3},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        sink it = {0};
        puter_call_request call = call_into(&it);
        CHECK_IN("not for the sink, %d", (int)i);
        script_typed_reply(&peer, rows[i].status, rows[i].type, rows[i].body);
        script_data(&peer, "audio/mpeg", "ID3", 3);
        CHECK_INT(puter_call(client, &call, NULL), rows[i].wanted);
        CHECK_INT(it.size, rows[i].size);
        script_close(&peer, client);
    }
}

/* It may stop, at any piece; the client then goes on elsewhere. */
static void test_stopping_sink(void)
{
    size_t stop;
    for (stop = 1; stop <= 8; stop++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        sink it = {0};
        puter_call_request call = call_into(&it);
        puter_reply reply;
        CHECK_IN("stopping at %d", (int)stop);
        peer.cut = SCRIPT_BYTES;
        it.stop = stop;
        script_data(&peer, "audio/mpeg", "12345678", 8);
        script_next_connection(&peer);
        script_reply(&peer, 200, DONE("1"));
        CHECK_INT(puter_call(client, &call, &reply), PUTER_ERR_CANCELLED);
        script_check_failure(client, PUTER_ERR_CANCELLED);
        CHECK_INT(it.size, stop);
        CHECK(!reply.complete);
        puter_reply_free(&reply);
        CHECK_INT(puter_call(client, &some_call, NULL), PUTER_OK);
        CHECK_INT(peer.opens, 2);
        script_close(&peer, client);
    }
}

/* A body that ends early was handed out as far as it came, and is told. */
static void test_sink_of_a_cut_body(void)
{
    static const char cut[] =
        "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n"
        "Content-Length: 9\r\n\r\n12345";
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    sink it = {0};
    puter_call_request call = call_into(&it);
    CHECK_IN("sink of a cut body");
    script_raw(&peer, cut, sizeof cut - 1);
    script_current(&peer)->end = SCRIPT_CLEAN;
    CHECK_INT(puter_call(client, &call, NULL), PUTER_ERR_CLOSED);
    script_check_failure(client, PUTER_ERR_CLOSED);
    CHECK_INT(it.size, 5);
    CHECK_INT(peer.request_count, 1);
    script_close(&peer, client);
}

/* A reply of so many bytes, in one piece or in chunks. */
static void script_large(script *peer, size_t size, bool chunked)
{
    static char piece[64 * 1024];
    script_bytes reply = {0};
    char line[128];
    size_t i;
    for (i = 0; i < sizeof piece; i++)
        piece[i] = (char)(i * 7 % 251);
    snprintf(line, sizeof line, "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg"
             "\r\n%s: ", chunked ? "Transfer-Encoding" : "Content-Length");
    script_append(&reply, line, strlen(line));
    snprintf(line, sizeof line, chunked ? "chunked\r\n\r\n" : "%zu\r\n\r\n",
             size);
    script_append(&reply, line, strlen(line));
    for (; size > 0; size -= size < sizeof piece ? size : sizeof piece) {
        size_t part = size < sizeof piece ? size : sizeof piece;
        snprintf(line, sizeof line, "%zx\r\n", part);
        script_append(&reply, line, chunked ? strlen(line) : 0);
        script_append(&reply, piece, part);
        script_append(&reply, "\r\n", chunked ? 2 : 0);
    }
    script_append(&reply, "0\r\n\r\n", chunked ? 5 : 0);
    script_raw(peer, reply.bytes, reply.length);
    free(reply.bytes);
}

static uint64_t sum_of_large(size_t size)
{
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < size; i++) {
        char byte = (char)(i % (64 * 1024) * 7 % 251);
        sum = add_to_sum(sum, &byte, 1);
    }
    return sum;
}

/* Any size of body takes the same memory: little. The limit is on what is
 * kept, so a sink has none. */
static void test_constant_memory(void)
{
    static const struct {
        size_t size;
        bool chunked;
        int64_t max_reply_bytes;
    } rows[] = {
        {50 * 1024 * 1024, false, 0},
        {50 * 1024 * 1024, true, 0},
        {100000, true, 1000},
        {100000, false, 1000},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        sink it = {0};
        puter_call_request call = call_into(&it);
        CHECK_IN("constant memory %d", (int)i);
        options.max_reply_bytes = rows[i].max_reply_bytes;
        client = script_open(&peer, &options);
        script_large(&peer, rows[i].size, rows[i].chunked);
        counted.most = counted.now;
        CHECK_INT(puter_call(client, &call, NULL), PUTER_OK);
        CHECK(counted.most < 64 * 1024);
        CHECK(it.largest < 64 * 1024);
        if (CHECK_INT(it.size, rows[i].size))
            CHECK(it.sum == sum_of_large(rows[i].size));
        script_close(&peer, client);
        CHECK_INT(counted.now, 0);
    }
}

/* Without a sink the limit holds, however the body is framed. */
static void test_limit(void)
{
    int chunked;
    for (chunked = 0; chunked < 2; chunked++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        CHECK_IN("limit, chunked %d", chunked);
        options.max_reply_bytes = 1000;
        client = script_open(&peer, &options);
        script_large(&peer, 1000, chunked);
        script_large(&peer, 1001, chunked);
        CHECK_INT(puter_call(client, &some_call, NULL), PUTER_OK);
        CHECK_INT(puter_call(client, &some_call, NULL), PUTER_ERR_LIMIT);
        script_check_failure(client, PUTER_ERR_LIMIT);
        script_close(&peer, client);
    }
}

/* ---- the thin forms ----------------------------------------------------- */

/* One call of each, for tables to name. */
typedef puter_result thin_form(puter_client *client, puter_reply *reply);

static puter_result paint(puter_client *client, puter_reply *reply)
{
    return puter_text_to_image(client, "a \"cat\"", "m", reply);
}

static puter_result paint_plainly(puter_client *client, puter_reply *reply)
{
    return puter_text_to_image(client, "a cat", NULL, reply);
}

static puter_result speak(puter_client *client, puter_reply *reply)
{
    return puter_text_to_speech(client, "Halo", "en-US", "Joanna", reply);
}

static puter_result speak_plainly(puter_client *client, puter_reply *reply)
{
    return puter_text_to_speech(client, "Halo", NULL, NULL, reply);
}

static puter_result look(puter_client *client, puter_reply *reply)
{
    return puter_image_to_text(client, "https://example.org/a.png", reply);
}

static puter_result hear(puter_client *client, puter_reply *reply)
{
    return puter_speech_to_text(client, "\0\xFFsound", 7, "audio/wav", "m",
                                reply);
}

static puter_result hear_plainly(puter_client *client, puter_reply *reply)
{
    return puter_speech_to_text(client, "s", 1, NULL, NULL, reply);
}

static puter_result get(puter_client *client, puter_reply *reply)
{
    return puter_kv_get(client, "k \xC3\xA9", reply);
}

static puter_result set(puter_client *client, puter_reply *reply)
{
    return puter_kv_set(client, "k", " {\"x\": 1.0} ", reply);
}

static puter_result set_nothing(puter_client *client, puter_reply *reply)
{
    return puter_kv_set(client, "k", NULL, reply);
}

static puter_result list(puter_client *client, puter_reply *reply)
{
    return puter_kv_list(client, "user:*", reply);
}

static puter_result list_inner(puter_client *client, puter_reply *reply)
{
    return puter_kv_list(client, "a*z", reply);
}

static puter_result list_ends(puter_client *client, puter_reply *reply)
{
    return puter_kv_list(client, "*z", reply);
}

static puter_result list_all(puter_client *client, puter_reply *reply)
{
    return puter_kv_list(client, NULL, reply);
}

#define SENT(interface, method, args) \
    "{\"interface\":\"" interface "\",\"method\":\"" method "\",\"args\":" \
    args "}"

static const struct {
    thin_form *form;
    const char *sent;
} thin_forms[] = {
    {paint, SENT("puter-image-generation", "generate",
                 "{\"prompt\":\"a \\\"cat\\\"\",\"model\":\"m\"}")},
    {paint_plainly, SENT("puter-image-generation", "generate",
                         "{\"prompt\":\"a cat\"}")},
    {speak, SENT("puter-tts", "synthesize",
                 "{\"text\":\"Halo\",\"language\":\"en-US\","
                 "\"voice\":\"Joanna\"}")},
    {speak_plainly, SENT("puter-tts", "synthesize", "{\"text\":\"Halo\"}")},
    {look, SENT("puter-ocr", "recognize",
                "{\"source\":\"https://example.org/a.png\"}")},
    {hear, SENT("puter-speech2txt", "transcribe",
                "{\"file\":\"data:audio/wav;base64,AP9zb3VuZA==\","
                "\"model\":\"m\"}")},
    {hear_plainly, SENT("puter-speech2txt", "transcribe",
                        "{\"file\":\"data:audio/mpeg;base64,cw==\"}")},
    {get, SENT("puter-kvstore", "get", "{\"key\":\"k \\u00e9\"}")},
    {set, SENT("puter-kvstore", "set",
               "{\"key\":\"k\",\"value\":{\"x\":1}}")},
    {set_nothing, SENT("puter-kvstore", "set",
                       "{\"key\":\"k\",\"value\":null}")},
    {list, SENT("puter-kvstore", "list",
                "{\"as\":\"keys\",\"pattern\":\"user:\"}")},
    {list_inner, SENT("puter-kvstore", "list",
                      "{\"as\":\"keys\",\"pattern\":\"a\"}")},
    {list_ends, SENT("puter-kvstore", "list", "{\"as\":\"keys\"}")},
    {list_all, SENT("puter-kvstore", "list", "{\"as\":\"keys\"}")},
};

static void test_thin_requests(void)
{
    size_t i;
    for (i = 0; i < COUNT(thin_forms); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("thin form %d", (int)i);
        script_reply(&peer, 200, DONE("[]"));
        CHECK_INT(thin_forms[i].form(client, NULL), PUTER_OK);
        CHECK_JSON(script_sent(&peer, 0), "", thin_forms[i].sent);
        CHECK_INT(peer.request_count, 1);
        script_close(&peer, client);
    }
}

/* The result's text, in every shape that it comes in. */
static void test_texts(void)
{
    static const struct {
        thin_form *form;
        const char *result, *text;
    } rows[] = {
        {look, "{\"blocks\":[{\"type\":\"text/x:LINE\",\"text\":\"One\"},"
               "{\"type\":\"text/x:LINE\",\"text\":\"two\"}]}", "One\ntwo"},
        {look, "{\"blocks\":[{\"type\":\"PAGE\"},{\"type\":\"text/x:LINE\","
               "\"text\":\"One\"},{\"type\":\"PAGE\",\"text\":null}]}", "One"},
        {look, "{\"blocks\":[]}", ""},
        {look, "{\"pages\":[{\"index\":0,\"markdown\":\"# One\"},"
               "{\"index\":1,\"markdown\":\"two\"}]}", "# One\ntwo"},
        {look, "{\"text\":\"One\\ntwo \\ud83d\\ude00\"}",
         "One\ntwo \xF0\x9F\x98\x80"},
        {look, "\"One\"", "One"},
        /* whole and in parts, lines and the words in them */
        {look, "{\"blocks\":[{\"text\":\"One\"},{\"text\":\"two\"}],"
               "\"text\":\"One\\ntwo\"}", "One\ntwo"},
        {look, "{\"text\":\"\",\"pages\":[{\"markdown\":\"One\"}]}", "One"},
        {look, "{\"blocks\":[{\"type\":\"text/textract:LINE\","
               "\"text\":\"One two\"},{\"type\":\"text/textract:WORD\","
               "\"text\":\"One\"},{\"type\":\"text/textract:WORD\","
               "\"text\":\"two\"}]}", "One two"},
        {hear, "{\"text\":\"One\",\"language\":\"en\",\"segments\":[]}",
         "One"},
        {hear, "\"One \\ud83d\"", "One \xEF\xBF\xBD"},
        {paint, "\"https://example.org/a.png\"", "https://example.org/a.png"},
        {paint, "\"data:image/png;base64,iVBORw==\"",
         "data:image/png;base64,iVBORw=="},
        {get, "\"a \\\"b\\\"\"", "a \"b\""},
        {get, "\"\"", ""},
        {get, "null", ""},
        {get, "-1.50", "-1.50"},
        {get, "true", "true"},
        {get, "{\"x\": 1}", "{\"x\": 1}"},
        {get, "[1, \"a\"]", "[1, \"a\"]"},
        {get, "{\"text\":\"mine\",\"x\":1}", "{\"text\":\"mine\",\"x\":1}"},
        {get, "{\"blocks\":[{\"text\":\"mine\"}]}",
         "{\"blocks\":[{\"text\":\"mine\"}]}"},
        {set, "true", "true"},
        {list_all, "[\"a\",\"b\"]", "[\"a\",\"b\"]"},
        {list_all, "[]", "[]"},
        {list_all, "[\"a\\u0000b\",5,null,\"c\"]",
         "[\"a\\u0000b\",\"c\"]"},
        /* services take a prefix for a pattern, or none at all */
        {list, "[\"user:1\",\"other\",\"user:\",\"my user:1\",\"user\"]",
         "[\"user:1\",\"user:\"]"},
        {list, "[\"USER:1\",\"other\"]", "[]"},
        {list_inner, "[\"a\\u0000z\",\"az\\u0000\"]", "[\"a\\u0000z\"]"},
        {list_inner, "[\"a1z\",\"a1\",\"az\",\"b1z\",\"a\\\"z\"]",
         "[\"a1z\",\"az\",\"a\\\"z\"]"},
        {list_ends, "[\"a1z\",\"a1\",\"z\"]", "[\"a1z\",\"z\"]"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        char body[512];
        CHECK_IN("text of %s", rows[i].result);
        snprintf(body, sizeof body, DONE("%s"), rows[i].result);
        script_reply(&peer, 200, body);
        CHECK_INT(rows[i].form(client, &reply), PUTER_OK);
        CHECK_STR(reply.text, rows[i].text);
        CHECK_INT(reply.length, strlen(rows[i].text));
        CHECK_JSON(reply.json, "result", rows[i].result);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Bytes are bytes, whatever the client was told before. */
static void test_bytes_after_text(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("bytes after text");
    script_reply(&peer, 200, DONE("\"old\""));
    script_data(&peer, "audio/mpeg", "ID3", 3);
    script_data(&peer, "image/png", "\x89PNG", 4);
    CHECK_INT(get(client, &reply), PUTER_OK);
    CHECK_STR(reply.text, "old");
    puter_reply_free(&reply);
    CHECK_INT(speak(client, &reply), PUTER_OK);
    CHECK_STR(reply.text, "");
    CHECK(reply.size == 3 && memcmp(reply.body, "ID3", 3) == 0);
    CHECK_STR(reply.content_type, "audio/mpeg");
    puter_reply_free(&reply);
    CHECK_INT(paint(client, &reply), PUTER_OK);
    CHECK_STR(reply.text, "");
    CHECK(reply.size == 4 && memcmp(reply.body, "\x89PNG", 4) == 0);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* They fail as puter_call does, and the next call is as good as new. */
static void test_thin_failures(void)
{
    size_t i;
    for (i = 0; i < COUNT(thin_forms); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("failing thin form %d", (int)i);
        script_reply(&peer, 404, "{\"code\":\"not_found\",\"message\":\"x\"}");
        script_reply(&peer, 200, DONE("[]"));
        CHECK_INT(thin_forms[i].form(client, spoilt(&reply, sizeof reply)),
                  PUTER_ERR_NOT_FOUND);
        script_check_failure(client, PUTER_ERR_NOT_FOUND);
        CHECK_STR(reply.text, "");
        puter_reply_free(&reply);
        CHECK_INT(thin_forms[i].form(client, &reply), PUTER_OK);
        CHECK_JSON(reply.json, "", DONE("[]"));
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* What they cannot do without is missed before anything is sent. */
static void test_missing_arguments(void)
{
    static const char *const missing[] = {NULL, ""};
    size_t i;
    for (i = 0; i < COUNT(missing); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        const char *none = missing[i];
        CHECK_IN("missing argument %d", (int)i);
        CHECK_INT(puter_text_to_image(client, none, "m", NULL),
                  PUTER_ERR_ARGUMENT);
        CHECK_INT(puter_text_to_speech(client, none, "en-US", NULL, NULL),
                  PUTER_ERR_ARGUMENT);
        CHECK_INT(puter_image_to_text(client, none, NULL),
                  PUTER_ERR_ARGUMENT);
        CHECK_INT(puter_speech_to_text(client, none, i == 0, NULL, NULL, NULL),
                  PUTER_ERR_ARGUMENT);
        CHECK_INT(puter_kv_get(client, none, NULL), PUTER_ERR_ARGUMENT);
        CHECK_INT(puter_kv_set(client, none, "1", NULL), PUTER_ERR_ARGUMENT);
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        CHECK_INT(peer.opens, 0);
        script_close(&peer, client);
    }
}

/* What is no result is some other server's, whatever its status. */
static void test_no_result(void)
{
    static const struct {
        const char *type, *body;
    } rows[] = {
        {"text/html", "<h1>Log in</h1>"},
        {"text/plain; charset=utf-8", "Down for maintenance."},
        {NULL, "Down for maintenance."},
        {NULL, ""},
        {"text/plain", ""},
        {"application/x-ndjson", "{\"type\":\"text\"}"},
        {"application/json", "{}"},
        {"application/json", "[]"},
        {"application/json", "{\"status\":\"ok\"}"},
        {"application/json", "{\"error\":\"no\",\"code\":\"forbidden\"}"},
    };
    size_t i;
    for (i = 0; i < COUNT(thin_forms) * COUNT(rows); i++) {
        const char *body = rows[i % COUNT(rows)].body;
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("%s for thin form %d", body, (int)(i / COUNT(rows)));
        script_data(&peer, rows[i % COUNT(rows)].type, body, strlen(body));
        CHECK_INT(thin_forms[i / COUNT(rows)].form(client, &reply),
                  PUTER_ERR_PROTOCOL);
        script_check_failure(client, PUTER_ERR_PROTOCOL);
        CHECK(strstr(puter_last_error(client)->message, body));
        CHECK(!reply.complete);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Where a service's keys are none, it is not the caller who is wrong. */
static void test_no_keys(void)
{
    static const char *const results[] = {"null", "\"halo\"", "\"\"", "5",
                                          "{\"a\":\"b\"}"};
    size_t i;
    for (i = 0; i < 2 * COUNT(results); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        char body[64];
        CHECK_IN("keys %s", results[i / 2]);
        snprintf(body, sizeof body, DONE("%s"), results[i / 2]);
        script_reply(&peer, 200, body);
        CHECK_INT(puter_kv_list(client, i % 2 ? "a*" : NULL, &reply),
                  PUTER_ERR_PROTOCOL);
        script_check_failure(client, PUTER_ERR_PROTOCOL);
        CHECK_STR(reply.text, "");
        CHECK(!reply.complete);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

static void test_bad_values(void)
{
    static const char *const values[] = {"", "{", "mine", "'a'", "1,", "\"a"};
    size_t i;
    for (i = 0; i < COUNT(values); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("value %s", values[i]);
        spoilt(&reply, sizeof reply);
        CHECK_INT(puter_kv_set(client, "k", values[i], &reply),
                  PUTER_ERR_ARGUMENT);
        CHECK(is_empty(&reply));
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        CHECK_INT(peer.opens, 0);
        script_close(&peer, client);
    }
}

/* A recording beyond what the service takes is told before it is sent. */
static void test_large_recordings(void)
{
    static const size_t sizes[] = {39 * 1024 * 1024, 51 * 1024 * 1024};
    size_t i;
    for (i = 0; i < COUNT(sizes); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        char *sound = (char *)calloc(1, sizes[i]);
        CHECK_IN("recording of %d bytes", (int)sizes[i]);
        CHECK_INT(puter_speech_to_text(client, sound, sizes[i], NULL, NULL,
                                       NULL), PUTER_ERR_LIMIT);
        script_check_failure(client, PUTER_ERR_LIMIT);
        CHECK(strstr(puter_last_error(client)->message, "50 MiB"));
        CHECK_INT(peer.opens, 0);
        free(sound);
        script_close(&peer, client);
    }
    CHECK_INT(counted.now, 0);
}

/* ---- models ------------------------------------------------------------- */

#define DETAILS "GET /puterai/chat/models/details HTTP/1.1\r\n"
#define NAMES "GET /puterai/chat/models HTTP/1.1\r\n"
#define CALLS "POST /drivers/call HTTP/1.1\r\n"

#define MODEL(id, provider) \
    "{\"id\":\"" id "\",\"provider\":\"" provider "\",\"context\":131072," \
    "\"costs\":{\"prompt_tokens\":120.5}}"

/* What becomes of a list, whole or of one provider. */
static void test_lists(void)
{
    static const struct {
        const char *body, *provider, *wanted;
    } rows[] = {
        {"{\"models\":[" MODEL("a", "x") "," MODEL("b", "y") "]}", NULL,
         "[" MODEL("a", "x") "," MODEL("b", "y") "]"},
        {"{\"models\":[" MODEL("a", "x") "," MODEL("b", "y") ","
         MODEL("c", "x") "]}", "x",
         "[" MODEL("a", "x") "," MODEL("c", "x") "]"},
        {"{\"models\":[" MODEL("a", "openai-completion") "]}",
         "OpenAI-Completion", "[" MODEL("a", "openai-completion") "]"},
        {"{\"models\":[" MODEL("a", "x") "]}", "xx", "[]"},
        {"{\"models\":[" MODEL("x", "y") ",{\"id\":\"x\"},7,null]}", "x",
         "[]"},
        {"{\"models\":[" MODEL("a", "x\\u0000y") "]}", "x", "[]"},
        {"{\"models\":[]}", NULL, "[]"},
        {"{\"models\":[\"x:v/a\",\"y:v/b\",\"x:\\u00e9\"]}", NULL,
         "[\"x:v/a\",\"y:v/b\",\"x:\\u00e9\"]"},
        {"{\"models\":[\"x:v/a\",\"y:v/b\",\"X:\\u00e9\",\"xx:v/c\"]}", "x",
         "[\"x:v/a\",\"X:\\u00e9\"]"},
        {"{\"models\":[\"gpt-4\",\"claude-3-opus\",\"gemini-pro\"]}",
         "claude", "[\"claude-3-opus\"]"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("list %d", (int)i);
        script_reply(&peer, 200, rows[i].body);
        CHECK_INT(puter_models(client, rows[i].provider, &reply), PUTER_OK);
        CHECK_JSON(reply.json, "models", rows[i].wanted);
        CHECK_INT(reply.json_length, strlen(reply.json));
        CHECK(script_begins(&peer, 0, DETAILS));
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Services that keep the list elsewhere, or say so in odd ways: the places
 * are tried in order. */
static void test_where_lists_are(void)
{
    static const struct {
        int status;
        const char *type, *body; /* of the places that have none */
    } rows[] = {
        {404, "text/html", "Cannot GET"},
        {404, "application/json", "{\"code\":\"not_found\"}"},
        {200, "text/html", "<!doctype html>"},
        {200, "application/json", "not JSON"},
        {200, "application/json", "{}"},
        {200, "application/json", "{\"models\":\"none\"}"},
        {302, "text/html", ""},
    };
    size_t i, lacking;
    for (i = 0; i < 3 * COUNT(rows); i++) {
        static const char *const lines[] = {DETAILS, NAMES, CALLS};
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("places %d, lacking %d", (int)i / 3, (int)i % 3);
        for (lacking = 0; lacking < i % 3; lacking++)
            script_typed_reply(&peer, rows[i / 3].status, rows[i / 3].type,
                               rows[i / 3].body);
        script_reply(&peer, 200, i % 3 < 2 ? "{\"models\":[\"x:a\",\"b\"]}"
                                           : DONE("[\"x:a\",\"b\"]"));
        CHECK_INT(puter_models(client, "x", &reply), PUTER_OK);
        CHECK_JSON(reply.json, "", "{\"models\":[\"x:a\"]}");
        CHECK_INT(peer.request_count, i % 3 + 1);
        for (lacking = 0; lacking <= i % 3; lacking++)
            CHECK(script_begins(&peer, lacking, lines[lacking]));
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* The last place is a call; where that is no list either, it has failed. */
static void test_no_list(void)
{
    static const struct {
        const char *type, *body;
    } rows[] = {
        {"text/html", "<!doctype html>"},
        {"application/json", "{\"success\":true}"},
        {"application/json", DONE("\"none\"")},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("no list %d", (int)i);
        script_reply(&peer, 404, "{\"code\":\"not_found\",\"result\":[1]}");
        script_reply(&peer, 404, "{\"code\":\"not_found\",\"result\":[2]}");
        script_typed_reply(&peer, 200, rows[i].type, rows[i].body);
        CHECK_INT(puter_models(client, NULL, &reply), PUTER_ERR_PROTOCOL);
        script_check_failure(client, PUTER_ERR_PROTOCOL);
        CHECK_INT(peer.request_count, 3);
        CHECK_JSON(script_sent(&peer, 2), "",
                   "{\"interface\":\"puter-chat-completion\",\"driver\":"
                   "\"ai-chat\",\"method\":\"models\",\"args\":{}}");
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* No token is needed, but for the last place. */
static void test_lists_without_token(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    puter_reply reply;
    CHECK_IN("lists without token");
    options.token = "";
    client = script_open(&peer, &options);
    script_reply(&peer, 404, "{}");
    script_reply(&peer, 200, "{\"models\":[\"a\"]}");
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_OK);
    CHECK_JSON(reply.json, "models", "[\"a\"]");
    CHECK(!strstr(peer.requests[0].bytes, "Authorization"));
    CHECK(strstr(peer.requests[0].bytes, "\r\nOrigin: " SCRIPT_ORIGIN "\r\n"));
    CHECK_STR(script_sent(&peer, 0), "");
    puter_reply_free(&reply);
    script_reply(&peer, 404, "{}");
    script_reply(&peer, 404, "{}");
    spoilt(&reply, sizeof reply);
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_ERR_ARGUMENT);
    CHECK(is_empty(&reply));
    script_check_failure(client, PUTER_ERR_ARGUMENT);
    CHECK(strstr(puter_last_error(client)->message, "token"));
    CHECK_INT(peer.request_count, 4);
    script_close(&peer, client);
    CHECK_IN("pages without token");
    client = script_open(&peer, &options);
    script_typed_reply(&peer, 200, "text/html", "<h1>Log in</h1>");
    script_typed_reply(&peer, 200, "text/html", "<h1>Log in</h1>");
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_ERR_PROTOCOL);
    script_check_failure(client, PUTER_ERR_PROTOCOL);
    CHECK_INT(peer.request_count, 2);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* A list only reads: what a moment may mend is tried again, what it may not
 * is not. */
static void test_repeated_lists(void)
{
    static const struct {
        int status; /* of the first reply; 0: the connection ends instead */
        puter_result wanted;
        size_t requests;
    } rows[] = {
        {503, PUTER_OK, 2},         {502, PUTER_OK, 2},
        {504, PUTER_OK, 2},         {429, PUTER_OK, 2},
        {0, PUTER_OK, 2},           {500, PUTER_ERR_SERVICE, 1},
        {401, PUTER_ERR_AUTH, 1},   {403, PUTER_ERR_REFUSED, 1},
        {400, PUTER_ERR_REQUEST, 1}, {507, PUTER_ERR_SERVICE, 1},
    };
    size_t i;
    for (i = 0; i < 2 * COUNT(rows); i++) {
        const int status = rows[i / 2].status;
        const size_t before = i % 2 == 1 ? 2 : 0; /* by the driver's call */
        size_t at;
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("repeated list %d", (int)i);
        for (at = 0; at < before; at++)
            script_reply(&peer, 404, "{}");
        if (status)
            script_reply(&peer, status, "{}");
        else
            script_current(&peer)->end = SCRIPT_CLEAN;
        if (!status)
            script_next_connection(&peer);
        script_reply(&peer, 200, "{\"models\":[\"a\"]}");
        CHECK_INT(puter_models(client, NULL, &reply), rows[i / 2].wanted);
        CHECK_INT(peer.request_count, /* an end is seen before it is asked */
                  before + (before && !status ? 1 : rows[i / 2].requests));
        if (rows[i / 2].wanted == PUTER_OK)
            CHECK_JSON(reply.json, "models", "[\"a\"]");
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* As often as max_retries allows, and no more. */
static void test_lists_given_up(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    puter_reply reply;
    CHECK_IN("lists given up");
    options.max_retries = 1;
    client = script_open(&peer, &options);
    script_reply(&peer, 503, "{\"code\":\"db_unavailable\"}");
    script_reply(&peer, 503, "{\"code\":\"db_unavailable\"}");
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_ERR_SERVICE);
    CHECK_STR(puter_last_error(client)->code, "db_unavailable");
    CHECK_INT(puter_last_error(client)->http_status, 503);
    CHECK_INT(peer.request_count, 2);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* ---- puter_get ---------------------------------------------------------- */

static void test_reading(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("reading");
    script_reply(&peer, 200, "{\"version\":\"26.07\"}");
    script_data(&peer, "text/plain", "a\0b", 3);
    script_reply(&peer, 503, "{}");
    script_reply(&peer, 200, "[1]");
    CHECK_INT(puter_get(client, "/version", &reply), PUTER_OK);
    CHECK_STR(reply.json, "{\"version\":\"26.07\"}");
    CHECK(script_begins(&peer, 0, "GET /version HTTP/1.1\r\n"));
    CHECK(strstr(peer.requests[0].bytes,
                 "\r\nAuthorization: Bearer " SCRIPT_TOKEN "\r\n"));
    CHECK_STR(script_sent(&peer, 0), "");
    puter_reply_free(&reply);
    CHECK_INT(puter_get(client, "/a?b=%20", &reply), PUTER_OK);
    CHECK(script_begins(&peer, 1, "GET /a?b=%20 HTTP/1.1\r\n"));
    CHECK(reply.size == 3 && memcmp(reply.body, "a\0b", 3) == 0);
    CHECK_STR(reply.json, "");
    puter_reply_free(&reply);
    CHECK_INT(puter_get(client, "/list", &reply), PUTER_OK);
    CHECK_STR(reply.json, "[1]");
    CHECK_INT(peer.request_count, 4);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* A path may be as long as any. */
static void test_long_path(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    char path[2000], line[2100];
    CHECK_IN("long path");
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    snprintf(line, sizeof line, "GET %s HTTP/1.1\r\nHost: ", path);
    script_reply(&peer, 200, "[1]");
    CHECK_INT(puter_get(client, path, NULL), PUTER_OK);
    CHECK(script_begins(&peer, 0, line));
    script_close(&peer, client);
}

/* What was asked may be gone when the next call comes. */
static void test_gone_requests(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request *request = (puter_request *)calloc(1, sizeof *request);
    char *path = (char *)malloc(9);
    CHECK_IN("gone requests");
    script_reply(&peer, 200, DONE("\"Halo\""));
    script_reply(&peer, 200, "[1]");
    script_reply(&peer, 200, DONE("true"));
    request->prompt = "Halo";
    CHECK_INT(puter_chat(client, request, NULL), PUTER_OK);
    free(request);
    memcpy(path, "/version", 9);
    CHECK_INT(puter_get(client, path, NULL), PUTER_OK);
    free(path);
    CHECK_INT(puter_call(client, &some_call, NULL), PUTER_OK);
    script_close(&peer, client);
}

/* What merely reads is sent again where a kept connection was lost under it,
 * which is no retry; as one, whatever came before; but not where the service
 * has said what it wants. */
static void test_read_again(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    CHECK_IN("reading again");
    options.max_retries = -1;
    client = script_open(&peer, &options);
    script_reply(&peer, 200, "[1]");
    script_current(&peer)->end = SCRIPT_RESET;
    script_current(&peer)->end_late = true;
    script_next_connection(&peer);
    script_reply(&peer, 200, "[2]");
    CHECK_INT(puter_get(client, "/list", NULL), PUTER_OK);
    CHECK_INT(puter_get(client, "/list", NULL), PUTER_OK);
    CHECK_INT(peer.request_count, 3);
    script_close(&peer, client);
    CHECK_IN("reading again after a stream");
    client = script_open(&peer, NULL);
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"text\":\"Halo\"}\n");
    script_current(&peer)->end = SCRIPT_CLEAN;
    script_next_connection(&peer)->read_result = PUTER_ERR_CLOSED;
    script_next_connection(&peer);
    script_reply(&peer, 200, "[1]");
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(puter_get(client, "/list", NULL), PUTER_OK);
    CHECK_INT(peer.opens, 3);
    script_close(&peer, client);
    CHECK_IN("not reading again");
    client = script_open(&peer, NULL);
    script_reply(&peer, 503, "{\"code\":\"token_auth_failed\"}");
    script_reply(&peer, 200, "[1]");
    CHECK_INT(puter_get(client, "/list", NULL), PUTER_ERR_AUTH);
    CHECK_INT(peer.request_count, 1);
    script_close(&peer, client);
}

/* What a path gives may be any JSON, and says itself what it is. */
static void test_read_values(void)
{
    static const char *const rows[] = {"true", "\"ok\"", "17", "null", "{}"};
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("value %s", rows[i]);
        script_reply(&peer, 200, rows[i]);
        CHECK_INT(puter_get(client, "/value", &reply), PUTER_OK);
        CHECK_STR(reply.json, rows[i]);
        CHECK_INT(reply.size, 0);
        puter_reply_free(&reply);
        script_typed_reply(&peer, 200, "text/html", rows[i]);
        CHECK_INT(puter_get(client, "/value", &reply), PUTER_OK);
        CHECK_STR(reply.json, rows[i]);
        CHECK_INT(reply.size, 0);
        puter_reply_free(&reply);
        script_typed_reply(&peer, 200, "text/html", "<p>Halo");
        CHECK_INT(puter_get(client, "/value", &reply), PUTER_ERR_PROTOCOL);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* A call's reply may not: what is said of one that is JSON is true. */
static void test_scalar_reply(void)
{
    static const puter_call_request call = {.interface = "x", .method = "y"};
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("a scalar for a reply");
    script_reply(&peer, 200, "17");
    CHECK_INT(puter_call(client, &call, NULL), PUTER_ERR_PROTOCOL);
    CHECK(strstr(puter_last_error(client)->message, "no JSON object"));
    script_close(&peer, client);
}

/* A connection that is lost is lost, whether reading or waiting tells. */
static void test_lost_waiting(void)
{
    int waiting;
    for (waiting = 0; waiting < 2; waiting++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        script_connection *first = script_current(&peer);
        CHECK_IN("lost %s", waiting ? "waiting" : "reading");
        *(waiting ? &first->wait_result : &first->read_result) =
            PUTER_ERR_CLOSED;
        script_next_connection(&peer);
        script_reply(&peer, 200, "[1]");
        CHECK_INT(puter_get(client, "/list", NULL), PUTER_OK);
        CHECK_INT(peer.opens, 2);
        script_close(&peer, client);
    }
}

/* A path that is none, or that could say more than a path. */
static void test_refused_paths(void)
{
    static const char *const rows[] = {
        NULL, "", "version", "http://example.org/", "/a b", "/a\r\nX: y",
        "/a\n", "/\x7F", "/\xC3\xA9",
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        CHECK_IN("path %d", (int)i);
        spoilt(&reply, sizeof reply);
        CHECK_INT(puter_get(client, rows[i], &reply), PUTER_ERR_ARGUMENT);
        CHECK(is_empty(&reply));
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        CHECK_INT(peer.opens, 0);
        script_close(&peer, client);
    }
}

/* ---- pictures ----------------------------------------------------------- */

static void check_picture(const char *url, const char *wanted, size_t size)
{
    puter_image image;
    size_t capacity;
    image.url = url;
    image.length = strlen(url);
    CHECK_INT(puter_image_bytes(&image, NULL, 0), size);
    for (capacity = 0; capacity <= size + 1; capacity++) {
        /* of that size exactly: a byte behind it would be noticed */
        char *buffer = (char *)malloc(capacity + 1);
        size_t most = capacity < size ? capacity : size;
        if (!buffer)
            abort();
        buffer = (char *)realloc(buffer, capacity ? capacity : 1);
        CHECK_INT(puter_image_bytes(&image, buffer, capacity), size);
        CHECK(memcmp(buffer, wanted, most) == 0);
        free(buffer);
    }
}

static void test_pictures(void)
{
    static const struct {
        const char *url, *wanted;
        size_t size;
    } rows[] = {
        {"data:image/png;base64,", "", 0},
        {"data:image/png;base64,AA==", "\0", 1},
        {"data:image/png;base64,iVA=", "\x89P", 2},
        {"data:image/png;base64,iVBO", "\x89PN", 3},
        {"data:image/png;base64,iVBORw==", "\x89PNG", 4},
        {"data:image/png;base64,iVBORw", "\x89PNG", 4},
        {"data:image/png;base64,iV\r\nBO Rw\n==", "\x89PNG", 4},
        {"data:image/png;base64,{iV|BO}Rw~==", "\x89PNG", 4},
        {"data:;base64,//79+w==", "\xFF\xFE\xFD\xFB", 4},
        {"data:image/svg+xml;charset=utf-8;base64,PHN2Zz4=", "<svg>", 5},
        {"data:image/svg+xml,<svg>", "", 0},
        {"data:image/svg+xml,<svg>data:;base64,iVBO", "", 0},
        {"data:text/plain,x;base64,iVBO", "", 0},
        {"data:,iVBO", "", 0},
        {"data:image/png;base64", "", 0},
        {"https://example.org/a.png", "", 0},
        {"https://example.org/?;base64,iVBO", "", 0},
        {"", "", 0},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("picture %s", rows[i].url);
        check_picture(rows[i].url, rows[i].wanted, rows[i].size);
    }
}

/* A picture that came in an answer, whole or streamed. */
static void test_picture_of_an_answer(void)
{
    static const struct {
        const char *type, *body;
    } rows[] = {
        {"application/json",
         DONE("{\"message\":{\"content\":\"Look.\",\"images\":[{\"type\":"
              "\"image_url\",\"image_url\":{\"url\":"
              "\"data:image/png;base64,iVBORw==\"}}]}}")},
        {"application/x-ndjson",
         "{\"type\":\"text\",\"text\":\"Look.\"}\n{\"type\":\"image\","
         "\"image\":{\"url\":\"data:image/png;base64,iVBORw==\"}}\n"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        char bytes[8];
        CHECK_IN("picture of an answer %d", (int)i);
        script_typed_reply(&peer, 200, rows[i].type, rows[i].body);
        CHECK_INT(puter_ask(client, NULL, "A cat", &reply), PUTER_OK);
        if (CHECK_INT(reply.image_count, 1)) {
            CHECK_INT(puter_image_bytes(reply.images, bytes, sizeof bytes),
                      4);
            CHECK(memcmp(bytes, "\x89PNG", 4) == 0);
        }
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

int main(void)
{
    test_requests();
    test_refused_requests();
    test_json_results();
    test_byte_results();
    test_no_length();
    test_failures();
    test_sink();
    test_sink_of_chunks();
    test_sink_of_others();
    test_stopping_sink();
    test_sink_of_a_cut_body();
    test_constant_memory();
    test_limit();
    test_thin_requests();
    test_texts();
    test_bytes_after_text();
    test_thin_failures();
    test_missing_arguments();
    test_no_result();
    test_no_keys();
    test_bad_values();
    test_large_recordings();
    test_lists();
    test_where_lists_are();
    test_no_list();
    test_lists_without_token();
    test_repeated_lists();
    test_lists_given_up();
    test_reading();
    test_long_path();
    test_gone_requests();
    test_read_again();
    test_read_values();
    test_scalar_reply();
    test_lost_waiting();
    test_refused_paths();
    test_pictures();
    test_picture_of_an_answer();
    return check_done();
}
