/* test_scale.c - nothing that a service can say costs more than linear time,
 * or more memory than a small factor of it.
 *
 * Every case is measured twice, the second time on ten times the input. Time
 * is counted, not taken: turns of puter.h's loops, and bytes that it has the
 * C library go over. So the same run always gives the same figures.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What puter.h has taken since it was last reset. */
typedef struct scale_costs {
    size_t work;   /* loops' turns, and bytes gone over */
    size_t blocks; /* allocations, */
    size_t asked;  /* their bytes in all, */
    size_t held;   /* those that are held now, */
    size_t peak;   /* and those that were, at most */
    size_t calls;  /* of the transport */
} scale_costs;

static scale_costs taken;

/* ---- counting memory ---------------------------------------------------- */

typedef union scale_block {
    size_t size;
    long double aligned;
} scale_block;

/* While a block is moved there are two. */
static void *scale_realloc(void *memory, size_t size)
{
    scale_block *old = memory ? (scale_block *)memory - 1 : NULL;
    size_t old_size = old ? old->size : 0;
    scale_block *moved = malloc(sizeof *moved + size);
    if (!moved)
        abort();
    moved->size = size;
    if (old)
        memcpy(moved + 1, memory, old_size < size ? old_size : size);
    free(old);
    taken.work += old_size;
    taken.blocks++;
    taken.asked += size;
    taken.held += size;
    if (taken.held > taken.peak)
        taken.peak = taken.held;
    taken.held -= old_size;
    return moved + 1;
}

static void scale_free(void *memory)
{
    scale_block *old = memory ? (scale_block *)memory - 1 : NULL;
    taken.held -= old ? old->size : 0;
    free(old);
}

#define PUTER_MALLOC(size) scale_realloc(NULL, size)
#define PUTER_REALLOC scale_realloc
#define PUTER_FREE scale_free

/* ---- counting work ------------------------------------------------------ */

static void *scale_memchr(const void *in, int c, size_t size)
{
    void *found = memchr(in, c, size);
    taken.work += found ? (size_t)((char *)found - (const char *)in) : size;
    return found;
}

static size_t scale_strlen(const char *text)
{
    taken.work += strlen(text);
    return strlen(text);
}

static char *scale_strstr(const char *text, const char *word)
{
    taken.work += strlen(text);
    return strstr(text, word);
}

/* From here to where they are undefined again the loops count their turns;
 * what calls these functions with a size has it counted. Of the rest (strcmp,
 * strchr and the like) one operand is short. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wkeyword-macro"
#endif
#define while(...) while (taken.work++, (__VA_ARGS__))
#define for(...) for (__VA_ARGS__) if (taken.work++, false) {} else
#undef memcpy
#undef memmove
#undef memcmp
#undef memset
#define memcpy(to, from, size) (taken.work += (size), memcpy(to, from, size))
#define memmove(to, from, size) (taken.work += (size), memmove(to, from, size))
#define memcmp(a, b, size) (taken.work += (size), memcmp(a, b, size))
#define memset(to, c, size) (taken.work += (size), memset(to, c, size))
#define memchr scale_memchr
#define strlen scale_strlen
#define strstr scale_strstr

#define PUTER_NO_TLS
#define PUTER_NO_SOCKETS
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#undef while
#undef for
#undef memcpy
#undef memmove
#undef memcmp
#undef memset
#undef memchr
#undef strlen
#undef strstr
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#include "script.h"

/* ---- measuring ---------------------------------------------------------- */

/* Ten times, and half as much again where a buffer that grows by halves has
 * just grown. What is quadratic would take a hundred times. */
#define MOST_GROWTH 15

/* Bytes of memory for each of the input's, and what a client is itself. A
 * document's smallest value is two bytes long and has 16 of its own, in an
 * array that grows by halves and is moved to grow; what a reply says is kept
 * beside them. */
#define DOCUMENT_MEMORY 24
#define REPLY_MEMORY 32
#define CLIENT_MEMORY 65536

static void reset(void)
{
    size_t held = taken.held;
    memset(&taken, 0, sizeof taken);
    taken.held = taken.peak = held;
}

static void check_scale(const scale_costs *small, const scale_costs *large,
                        size_t most_memory)
{
    CHECK(large->work <= MOST_GROWTH * small->work);
    CHECK(large->asked <= MOST_GROWTH * small->asked);
    CHECK(large->calls <= MOST_GROWTH * small->calls);
    CHECK(large->peak <= most_memory);
    CHECK_INT(large->held, 0);
}

/* Text of `count` pieces, in which %zu is the piece's number. */
static script_bytes repeat(const char *before, const char *piece,
                           const char *after, size_t count)
{
    script_bytes text = {0};
    char one[128];
    size_t i;
    script_append(&text, before, strlen(before));
    for (i = 0; i < count; i++)
        script_append(&text, one,
                      (size_t)snprintf(one, sizeof one, piece, i));
    script_append(&text, after, strlen(after));
    return text;
}

/* ---- documents ---------------------------------------------------------- */

static const struct {
    const char *name, *before, *piece, *after;
    bool accepted;
} documents[] = {
    {"a long string", "[\"", "abcdefgh", "\"]", true},
    {"escapes", "[\"", "\\n\\u00e9", "\"]", true},
    {"pairs of surrogates", "[\"", "\\ud83d\\ude00", "\"]", true},
    {"halves of pairs", "[\"", "\\ud83d", "\"]", true},
    {"characters", "[\"", "\xC3\xA9", "\"]", true},
    {"zeros", "[0", ",0", "]", true},
    {"empty strings", "[\"\"", ",\"\"", "]", true},
    {"empty arrays", "[[]", ",[]", "]", true},
    {"arrays in an array", "[0", ",[0,0]", "]", true},
    {"objects in an array", "[0", ",{\"a\":[0]}", "]", true},
    {"deep arrays", "[0", ",[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "]",
     true},
    {"members", "{\"a\":0", ",\"k%zu\":0", "}", true},
    {"members of one name", "{\"a\":0", ",\"a\":0", "}", true},
    {"members with escapes", "{\"a\":0", ",\"\\u0061%zu\":0", "}", true},
    {"a long key", "{\"a", "aaaaaaaa", "\":0}", true},
    {"a long key of escapes", "{\"a", "\\u0061", "\":0}", true},
    {"digits", "[1", "0", "]", true},
    {"digits of a fraction", "[0.", "0", "1]", true},
    {"digits of an exponent", "[1e", "9", "]", true},
    {"spaces", "[", "  \r\n\t", "]", true},
    {"open arrays", "", "[", "", false},
    {"open objects", "", "{\"a\":", "", false},
    {"an open string", "\"", "a", "", false},
    {"an open string of escapes", "\"", "\\\"", "", false},
    {"values without an end", "[0", ",0", "", false},
    {"a mistake at the end", "[0", ",0", "0]", false},
};

/* Reads all there is. */
static void walk(puter_value value)
{
    size_t i;
    puter_json_string(value, NULL);
    puter_json_number(value);
    puter_json_integer(value);
    puter_json_member(value, "a", 1);
    puter_json_get(value, "b.c[1].d");
    for (i = 0; i < puter_json_count(value); i++) {
        walk(puter_json_key(value, i));
        walk(puter_json_at(value, i));
    }
}

static scale_costs read_document(size_t row, const script_bytes *text)
{
    puter_json *json;
    reset();
    json = puter_json_parse(text->bytes, text->length, NULL);
    CHECK_INT(json != NULL, documents[row].accepted);
    walk(puter_json_root(json));
    puter_json_free(json);
    return taken;
}

static void test_documents(void)
{
    size_t row;
    for (row = 0; row < COUNT(documents); row++) {
        scale_costs costs[2];
        script_bytes text = {0};
        int i;
        CHECK_IN("%s", documents[row].name);
        for (i = 0; i < 2; i++) {
            free(text.bytes);
            text = repeat(documents[row].before, documents[row].piece,
                          documents[row].after, i ? 20000 : 2000);
            costs[i] = read_document(row, &text);
        }
        check_scale(&costs[0], &costs[1],
                    DOCUMENT_MEMORY * text.length + CLIENT_MEMORY);
        free(text.bytes);
    }
}

/* ---- replies ------------------------------------------------------------ */

typedef enum ask {
    CHAT,
    STREAM,
    DISCARD, /* a stream of which nothing is kept */
    MODELS,
    PICTURE  /* what it says */
} ask;

#define JSON "application/json"
#define LINES "application/x-ndjson"
#define ANSWER "{\"success\":true,\"result\":{\"message\":{\"content\":"
#define TEXT "{\"type\":\"text\",\"text\":\""
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: " JSON "\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define REST "Content-Length: 52\r\n\r\n" ANSWER "\"\"}}}"

/* Without a type the pieces are the reply as it is on the wire. */
static const struct {
    const char *name;
    ask ask;
    puter_result result;
    int status;
    const char *type, *before, *piece, *after;
    size_t count; /* of pieces, and ten times as many */
} replies[] = {
    {"a long text", CHAT, PUTER_OK, 200, JSON, ANSWER "\"", "Halo. ",
     "\"}}}", 10000},
    {"a text of escapes", CHAT, PUTER_OK, 200, JSON, ANSWER "\"", "\\u00e9\\n",
     "\"}}}", 5000},
    {"strings of content", CHAT, PUTER_OK, 200, JSON, ANSWER "[\"\"", ",\"a\"",
     "]}}}", 5000},
    {"blocks of content", CHAT, PUTER_OK, 200, JSON, ANSWER "[\"\"",
     ",{\"type\":\"text\",\"text\":\"a\"}", "]}}}", 2000},
    {"members of the message", CHAT, PUTER_OK, 200, JSON, ANSWER "\"a\"",
     ",\"key-%zu\":0", "}}}", 5000},
    {"members of the reply", CHAT, PUTER_OK, 200, JSON, ANSWER "\"a\"}}",
     ",\"key-%zu\":0", "}", 5000},
    {"members of one name", CHAT, PUTER_OK, 200, JSON, ANSWER "\"a\"",
     ",\"content\":0", "}}}", 5000},
    {"calls of tools", CHAT, PUTER_OK, 200, JSON,
     ANSWER "\"a\",\"tool_calls\":[0", ",{\"id\":\"%zu\",\"name\":\"a\"}",
     "]}}}", 200},
    {"images", CHAT, PUTER_OK, 200, JSON, ANSWER "\"a\",\"images\":[\"\"",
     ",\"\"", "]}}}", 5000},
    {"an image", CHAT, PUTER_OK, 200, JSON, ANSWER "\"a\",\"images\":[\"data:"
     "image/png;base64,", "aGFsbw", "\"]}}}", 10000},
    {"usage", CHAT, PUTER_OK, 200, JSON, ANSWER "\"a\"},\"usage\":[0",
     ",{\"cost\":1}", "]}}", 5000},
    {"no answer", CHAT, PUTER_ERR_PROTOCOL, 200, JSON, "{\"success\":[0", ",0",
     "]}", 10000},
    {"no JSON", CHAT, PUTER_ERR_PROTOCOL, 200, JSON, "", "Halo. ", "", 10000},
    {"a long refusal", CHAT, PUTER_ERR_REQUEST, 400, JSON, "{\"error\":\"",
     "Maaf. \\n", "\"}", 13000},
    {"a refusal of the token", CHAT, PUTER_ERR_AUTH, 401, JSON,
     "{\"error\":\"", "tok.0123456789-secre ", "\"}", 5000},
    {"a long code", CHAT, PUTER_ERR_REQUEST, 400, JSON,
     "{\"error\":\"a\",\"code\":\"", "maaf_", "\"}", 10000},
    {"attempts", CHAT, PUTER_ERR_SERVICE, 500, JSON,
     "{\"error\":\"a\",\"attempts\":[0", ",{\"error\":\"a\"}", "]}", 5000},
    {"a page", CHAT, PUTER_ERR_SERVICE, 500, "text/html", "<p>", "Maaf. ", "",
     10000},
    {"lines", STREAM, PUTER_OK, 200, LINES, "", TEXT "a\"}\n", "", 2000},
    {"lines, discarded", DISCARD, PUTER_OK, 200, LINES, "", TEXT "a\"}\n", "",
     2000},
    {"a long line", STREAM, PUTER_OK, 200, LINES, TEXT, "Halo, halo", "\"}\n",
     10000},
    {"halves of characters", STREAM, PUTER_OK, 200, LINES, "",
     TEXT "\\ud83d\"}\n", "", 2000},
    {"empty lines", STREAM, PUTER_OK, 200, LINES, "", "\n", "", 5000},
    {"lines of another type", STREAM, PUTER_OK, 200, LINES, "", "{}\n", "",
     5000},
    {"calls in a stream", DISCARD, PUTER_OK, 200, LINES, "",
     "{\"type\":\"tool_use\",\"name\":\"a\"}\n", "", 2000},
    {"images in a stream", DISCARD, PUTER_OK, 200, LINES, "",
     "{\"type\":\"image\",\"image\":\"a\"}\n", "", 2000},
    {"usage in a stream", DISCARD, PUTER_OK, 200, LINES, "",
     "{\"type\":\"usage\",\"usage\":{}}\n", "", 2000},
    {"a long refusal in a stream", STREAM, PUTER_ERR_SERVICE, 200, LINES,
     "{\"type\":\"error\",\"message\":\"", "Maaf. ", "\"}\n", 10000},
    {"a line without an end", STREAM, PUTER_ERR_PROTOCOL, 200, LINES, TEXT,
     "Halo. ", "", 10000},
    {"models", MODELS, PUTER_OK, 200, JSON, "{\"models\":[0",
     ",{\"id\":\"%zu\",\"provider\":\"a\"}", "]}", 2000},
    {"names of models", MODELS, PUTER_OK, 200, JSON, "{\"models\":[\"\"",
     ",\"gpt-%zu\"", "]}", 5000},
    {"blocks of a picture", PICTURE, PUTER_OK, 200, JSON,
     "{\"success\":true,\"result\":{\"blocks\":[0", ",{\"text\":\"a\"}", "]}}",
     2000},
    {"a header line", CHAT, PUTER_OK, 0, NULL, HEAD "X: ", "abcdefgh",
     "\r\n" REST, 190},
    {"header lines", CHAT, PUTER_OK, 0, NULL, HEAD, "X: a\r\n", REST, 99},
    {"a header line without an end", CHAT, PUTER_ERR_LIMIT, 0, NULL, HEAD,
     "abcdefgh", "", 10000},
    {"chunks of a byte", CHAT, PUTER_OK, 0, NULL,
     CHUNKED "30\r\n" ANSWER "\"\r\n", "1\r\na\r\n", "4\r\n\"}}}\r\n0\r\n\r\n",
     20000},
    {"a length that is not met", CHAT, PUTER_ERR_CLOSED, 0, NULL,
     HEAD "Content-Length: 60000000\r\n\r\n", "Halo. ", "", 10000},
    {"a chunk that is not met", CHAT, PUTER_ERR_CLOSED, 0, NULL,
     CHUNKED "3900000\r\n", "Halo. ", "", 10000},
    {"trailers", CHAT, PUTER_OK, 0, NULL,
     CHUNKED "34\r\n" ANSWER "\"\"}}}\r\n0\r\n", "X: a\r\n", "\r\n", 99},
};

static int count_read(void *ctx, void *buffer, size_t size)
{
    taken.calls++;
    return script_transport_read(ctx, buffer, size);
}

static int count_write(void *ctx, const void *data, size_t size)
{
    taken.calls++;
    return script_transport_write(ctx, data, size);
}

static puter_client *open_counted(script *peer)
{
    puter_client *client = script_open(peer, NULL);
    peer->transport.read = count_read;
    peer->transport.write = count_write;
    return client;
}

static puter_result ask_for(puter_client *client, ask what, puter_reply *reply)
{
    puter_request request = {0};
    puter_event event;
    puter_result result;
    request.prompt = "?";
    request.discard = what == DISCARD;
    switch (what) {
    case CHAT: return puter_chat(client, &request, reply);
    case MODELS: return puter_models(client, "a", reply);
    case PICTURE: return puter_image_to_text(client, "~/a.png", reply);
    default: break;
    }
    result = puter_stream_begin(client, &request);
    while (result == PUTER_OK && puter_stream_next(client, &event) == 1)
        continue;
    return puter_stream_end(client, reply);
}

/* What comes of an answer is kept, and its calls are settled. */
static void keep_reply(const puter_reply *reply)
{
    puter_history history = {0};
    CHECK_INT(puter_history_add_reply(&history, reply), PUTER_OK);
    CHECK_INT(puter_history_add(&history, "user", "And then?"), PUTER_OK);
    puter_history_free(&history);
}

static scale_costs read_reply(size_t row, const script_bytes *text,
                              script_cut cut)
{
    script peer = {0};
    puter_client *client;
    puter_reply reply;
    puter_result result;
    if (replies[row].type != NULL)
        script_typed_reply(&peer, replies[row].status, replies[row].type,
                           text->bytes);
    else
        script_raw(&peer, text->bytes, text->length);
    script_current(&peer)->end = SCRIPT_CLEAN;
    peer.cut = cut;
    reset();
    client = open_counted(&peer);
    result = ask_for(client, replies[row].ask, &reply);
    CHECK_RESULT(result, replies[row].result);
    if (result == PUTER_OK)
        keep_reply(&reply);
    puter_reply_free(&reply);
    script_close(&peer, client);
    return taken;
}

static void test_reply(size_t row, script_cut cut)
{
    scale_costs costs[2];
    script_bytes text = {0};
    int i;
    CHECK_IN("%s, %s", replies[row].name,
             cut == SCRIPT_BYTES ? "byte by byte" : "whole");
    for (i = 0; i < 2; i++) {
        free(text.bytes);
        text = repeat(replies[row].before, replies[row].piece,
                      replies[row].after,
                      i ? 10 * replies[row].count : replies[row].count);
        costs[i] = read_reply(row, &text, cut);
    }
    check_scale(&costs[0], &costs[1],
                REPLY_MEMORY * text.length + CLIENT_MEMORY);
    free(text.bytes);
}

static void test_replies(void)
{
    size_t row;
    for (row = 0; row < COUNT(replies); row++) {
        test_reply(row, SCRIPT_WHOLE);
        test_reply(row, SCRIPT_BYTES);
    }
}

/* ---- streams, on and on ------------------------------------------------- */

/* The allocations that a stream's lines from `from` to `to` take. */
static size_t blocks_between(size_t from, size_t to, bool discard)
{
    script peer = {0};
    script_bytes text = repeat("", TEXT "Halo.\"}\n", "", to);
    puter_client *client;
    puter_request request = {0};
    puter_event event;
    size_t line, before = 0;
    script_typed_reply(&peer, 200, LINES, text.bytes);
    reset();
    client = open_counted(&peer);
    request.prompt = "?";
    request.discard = discard;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    for (line = 0; line < to && puter_stream_next(client, &event) == 1; line++)
        if (line == from)
            before = taken.blocks;
    CHECK_INT(line, to);
    before = taken.blocks - before;
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    script_close(&peer, client);
    free(text.bytes);
    return before;
}

/* Of a line that is told and not kept nothing stays, but for the room that one
 * takes which comes in parts; what is kept is kept in two buffers (the lines
 * and their text) that grow by halves: twice as much costs each of them two
 * steps, wherever it stands. */
static void test_steady(void)
{
    CHECK_IN("a stream that is discarded");
    CHECK(blocks_between(0, 20000, true) <= 2);
    CHECK_INT(blocks_between(1000, 2000, true), 0);
    CHECK_INT(blocks_between(2000, 20000, true), 0);
    CHECK_IN("a stream that is kept");
    CHECK(blocks_between(1000, 2000, false) <= 4);
    CHECK(blocks_between(10000, 20000, false) <= 4);
}

int main(void)
{
    test_documents();
    test_replies();
    test_steady();
    return check_done();
}
