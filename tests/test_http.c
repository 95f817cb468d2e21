/* test_http.c - what the client makes of the bytes of HTTP/1.1 replies. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "replies.h"
#include "script.h"

/* ---- one reply, one question -------------------------------------------- */

/* Asks once, and sees to it that nothing is asked twice; gives how many
 * bytes were read for it. */
static size_t check_outcome(script *peer, const puter_options *options,
                            puter_result wanted)
{
    size_t handed;
    puter_client *client = script_open(peer, options);
    puter_reply reply;
    puter_result result = puter_ask(client, "gpt-4", "Halo", &reply);
    CHECK_RESULT(result, wanted);
    if (result == PUTER_OK)
        CHECK_STR(reply.text, TEXT);
    else
        script_check_failure(client, wanted);
    CHECK(peer->request_count <= 1);
    CHECK(peer->opens <= 1);
    handed = peer->handed;
    puter_reply_free(&reply);
    script_close(peer, client);
    return handed;
}

/* Seeds 0 and 1 are no cut at all and one at every byte. */
static void run_row(const reply_row *it, unsigned seed, script_end end)
{
    static const char *const ends[] = {"held open", "ended", "reset"};
    puter_result wanted = reply_wanted(it, end);
    puter_options options = {0};
    script peer = {0};
    if (wanted == PUTER_ERR_TIMEOUT)
        options.idle_timeout_ms = 20;
    script_raw(&peer, it->bytes, it->length);
    script_current(&peer)->end = end;
    peer.cut = seed == 0   ? SCRIPT_WHOLE
               : seed == 1 ? SCRIPT_BYTES
                           : SCRIPT_RANDOM;
    peer.seed = seed;
    peer.pauses = seed & 1;
    CHECK_IN("%s, cut %u, %s", it->name, seed, ends[end]);
    check_outcome(&peer, &options, wanted);
}

static void test_rows(void)
{
    size_t i;
    unsigned seed;
    for (i = 0; i < COUNT(reply_rows); i++) {
        for (seed = 0; seed < 8; seed++) {
            run_row(&reply_rows[i], seed, SCRIPT_CLEAN);
            run_row(&reply_rows[i], seed, SCRIPT_RESET);
            if (seed == 0 || (reply_rows[i].kind == SETTLED && seed < 4))
                run_row(&reply_rows[i], seed, SCRIPT_SILENT);
        }
    }
}

static const char *const good_replies[] = {
    "HTTP/1.1 100 Continue\r\n\r\n"
    OK JSON "ETag: \"x\"\r\n" SIZED END BODY,
    OK JSON CHUNKED END "20;a=\"b\"\r\n" HALF_1 "\r\n20\r\n" HALF_2
                        "\r\n0\r\nA: b\r\n\r\n",
    OK JSON CHUNKED END "20\r\n" HALF_1 "\r\n0020\r\n" HALF_2
                        "\r\n0\r\n\r\n",
    OK JSON CHUNKED END "20\r\n" HALF_1 "\r\n00020\r\n" HALF_2
                        "\r\n0\r\n\r\n"};

/* A reply is taken at every split, and refused at every cut. */
static void test_every_cut(void)
{
    size_t i, at;
    for (i = 0; i < COUNT(good_replies); i++)
        for (at = 0; at < strlen(good_replies[i]); at++) {
            script peer = {0};
            CHECK_IN("reply %d split at %d", (int)i, (int)at);
            script_text(&peer, good_replies[i]);
            peer.cut = SCRIPT_SPLIT;
            peer.split = at;
            check_outcome(&peer, NULL, PUTER_OK);
            CHECK_IN("reply %d cut at %d", (int)i, (int)at);
            if (at)
                script_raw(&peer, good_replies[i], at);
            script_current(&peer)->end = at % 2 ? SCRIPT_CLEAN : SCRIPT_RESET;
            check_outcome(&peer, NULL, PUTER_ERR_CLOSED);
        }
}

/* Of which bytes a field's name is made: a colon, too, as it ends one. */
static void test_names(void)
{
    int byte;
    for (byte = 1; byte < 256; byte++) {
        bool good = strchr("!#$%&'*+-.^_`|~:", byte) ||
                    (byte >= '0' && byte <= '9') ||
                    (byte >= 'A' && byte <= 'Z') ||
                    (byte >= 'a' && byte <= 'z');
        script peer = {0};
        char reply[256];
        CHECK_IN("byte %d in a name", byte);
        snprintf(reply, sizeof reply, OK JSON "X%cY: z\r\n" SIZED END BODY,
                 byte);
        script_text(&peer, reply);
        check_outcome(&peer, NULL, good ? PUTER_OK : PUTER_ERR_PROTOCOL);
    }
}

/* What is kept of a type has room for 79 characters. */
static void test_long_types(void)
{
    static const char type[] = "application/json;";
    size_t length;
    for (length = 78; length < 83; length++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_reply reply;
        char text[256], xs[128];
        CHECK_IN("a type of %d characters", (int)length);
        memset(xs, 'x', sizeof xs);
        snprintf(text, sizeof text, OK SIZED "Content-Type: %s%.*s\r\n\r\n"
                 BODY, type, (int)(length - strlen(type)), xs);
        script_text(&peer, text);
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK);
        CHECK_INT(strlen(reply.content_type), length < 79 ? length : 79);
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Nothing that an interim reply says is said of the final one. */
static void test_interim_fields(void)
{
    static const char reply[] =
        "HTTP/1.1 103 Early Hints\r\nLocation: https://early.example/\r\n"
        "Retry-After: 7\r\n\r\n"
        "HTTP/1.1 302 Elsewhere\r\nContent-Length: 0\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nRetry-After: 7\r\n\r\n"
        "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}";
    const char *second = strstr(reply, "HTTP/1.1 103 Early Hints\r\nR");
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("fields of interim replies");
    script_raw(&peer, reply, (size_t)(second - reply));
    script_text(&peer, second);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_PROTOCOL);
    CHECK(!strstr(puter_last_error(client)->message, "early.example"));
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_SERVICE);
    CHECK_INT(puter_last_error(client)->retry_after_ms, 0);
    script_close(&peer, client);
}

/* What one question comes to, as text. */
static void outcome_of(script *peer, char *text, size_t size)
{
    puter_client *client = script_open(peer, NULL);
    puter_reply reply;
    puter_result result = puter_ask(client, "gpt-4", "Halo", &reply);
    snprintf(text, size, "%s %s", puter_result_name(result),
             result == PUTER_OK ? reply.text
                                : puter_last_error(client)->message);
    if (result != PUTER_OK)
        script_check_failure(client, result);
    puter_reply_free(&reply);
    script_close(peer, client);
}

/* Changes, drops or doubles a few bytes of a reply. */
static void mutate(script_bytes *reply, uint64_t *seed)
{
    static const char marks[] = "\r\n\r\n:;, \t0123456789abcdefF\"\\{}[]\x80";
    uint64_t count = 1 + script_random(seed) % 3;
    while (count-- > 0 && reply->length > 1) {
        size_t at = (size_t)(script_random(seed) % (reply->length - 1));
        size_t kind = (size_t)(script_random(seed) % 4);
        if (kind == 0) {
            memmove(reply->bytes + at, reply->bytes + at + 1,
                    reply->length - at);
            reply->length--;
        } else if (kind == 1) {
            reply->bytes[at + 1] = reply->bytes[at];
        } else {
            reply->bytes[at] =
                marks[script_random(seed) % (sizeof marks - 1)];
        }
    }
}

/* Whatever is wrong with a reply, it is the same however the reply is cut. */
static void test_mutations(void)
{
    uint64_t seed = 2026;
    int i, cut;
    for (i = 0; i < 3000; i++) {
        script_bytes reply = {0};
        char whole[600], other[600];
        script_append(&reply, good_replies[i % 2],
                      strlen(good_replies[i % 2]));
        mutate(&reply, &seed);
        for (cut = SCRIPT_WHOLE; cut <= SCRIPT_RANDOM; cut++) {
            script peer = {0};
            CHECK_IN("mutation %d, cut %d", i, cut);
            script_raw(&peer, reply.bytes, reply.length);
            script_current(&peer)->end = SCRIPT_CLEAN;
            peer.cut = (script_cut)cut;
            peer.split = reply.length / 2;
            peer.seed = seed;
            outcome_of(&peer, cut ? other : whole, sizeof whole);
            if (cut)
                CHECK_STR(other, whole);
        }
        free(reply.bytes);
    }
}

/* ---- floods and limits -------------------------------------------------- */

/* What the service sends: `count` times `unit` between two texts. */
typedef struct flood {
    const char *name, *before, *unit, *after;
    size_t count;
    puter_result result;
} flood;

enum { MEGA = 1 << 20 };

#define X_10 "xxxxxxxxxx"
#define X_100 X_10 X_10 X_10 X_10 X_10 X_10 X_10 X_10 X_10 X_10
#define SPACES_13 "             "
#define SPACES_52 SPACES_13 SPACES_13 SPACES_13 SPACES_13
#define X_1000 X_100 X_100 X_100 X_100 X_100 X_100 X_100 X_100 X_100 X_100

static const flood floods[] = {
    {"line of 8 KB", OK JSON SIZED "X: ", "x", "\r\n" END BODY, 8192 - 5,
     PUTER_OK},
    {"name of 1 KB", OK JSON SIZED, "x", ": y\r\n" END BODY, 1024, PUTER_OK},
    {"long type", OK SIZED "Content-Type: application/json;", "x",
     "\r\n" END BODY, 4000, PUTER_OK},
    {"100 lines", OK JSON SIZED, "X-Some: thing\r\n", END BODY, 98, PUTER_OK},
    {"32 trailers", OK JSON CHUNKED END PIECES "0\r\n", "X: y\r\n", "\r\n", 32,
     PUTER_OK},
    {"padded JSON", OK JSON "Content-Length: 2000064\r\n" END, " ", BODY,
     2000000, PUTER_OK},
    {"chunks of one byte", OK JSON CHUNKED END, "1\r\n \r\n", CHUNKS, 20000,
     PUTER_OK},
    {"short extensions", OK JSON CHUNKED END, "1;abcdefghij=k\r\n \r\n",
     CHUNKS, 20000, PUTER_OK},
    {"long extensions, and as much body", OK JSON CHUNKED END,
     "1;" X_100 "\r\n \r\n34\r\n" SPACES_52 "\r\n", CHUNKS, 1000, PUTER_OK},
    {"a head of 1 MB", OK JSON SIZED, "X-Some: thing that is 32 bytes\r\n",
     END BODY, MEGA / 32, PUTER_ERR_LIMIT},
    {"a head of 1 MB in long lines", OK JSON SIZED, "X: " X_1000 "\r\n",
     END BODY, 990, PUTER_ERR_LIMIT},
    {"a line of 1 MB", OK JSON SIZED "X: ", "x", "\r\n" END BODY, MEGA,
     PUTER_ERR_LIMIT},
    {"200,000 lines", OK JSON SIZED, "X:\r\n", END BODY, 200000,
     PUTER_ERR_LIMIT},
    {"2 MiB without a line's end", OK "X: ", "x", "", 2 * MEGA,
     PUTER_ERR_LIMIT},
    {"a reason of 1 MiB", "HTTP/1.1 200 ", "x", "\r\n" JSON SIZED END BODY,
     MEGA, PUTER_ERR_LIMIT},
    {"1,000 interim replies", "", "HTTP/1.1 102 Processing\r\n\r\n",
     OK JSON SIZED END BODY, 1000, PUTER_ERR_LIMIT},
    {"1 MiB of hexadecimal zeros", OK JSON CHUNKED END, "0",
     "40\r\n" BODY "\r\n0\r\n\r\n", MEGA, PUTER_ERR_LIMIT},
    {"an extension of 1 MiB", OK JSON CHUNKED END "40;", "x",
     "\r\n" BODY "\r\n0\r\n\r\n", MEGA, PUTER_ERR_LIMIT},
    {"extensions of 1 MiB", OK JSON CHUNKED END,
     "1;abcdefghijklmnopq=rstuvwxyz\r\n \r\n", CHUNKS, MEGA / 34,
     PUTER_ERR_LIMIT},
    {"trailers of 1 MB", OK JSON CHUNKED END PIECES "0\r\n", "X: y\r\n", "\r\n",
     MEGA / 6, PUTER_ERR_LIMIT},
};

static size_t script_flood(script *peer, const flood *it)
{
    size_t before = strlen(it->before), unit = strlen(it->unit);
    size_t length = before + unit * it->count + strlen(it->after), i;
    char *text = (char *)malloc(length + 1);
    memcpy(text, it->before, before);
    for (i = 0; i < it->count; i++)
        memcpy(text + before + i * unit, it->unit, unit);
    memcpy(text + before + i * unit, it->after, strlen(it->after) + 1);
    script_raw(peer, text, length);
    free(text);
    return length;
}

/* A flood is refused before all of it was read. */
static void test_floods(void)
{
    size_t i;
    int cut;
    for (i = 0; i < COUNT(floods); i++)
        for (cut = SCRIPT_WHOLE; cut <= SCRIPT_RANDOM; cut++) {
            script peer = {0};
            size_t length, handed;
            CHECK_IN("%s, cut %d", floods[i].name, cut);
            length = script_flood(&peer, &floods[i]);
            peer.cut = (script_cut)cut;
            peer.split = strlen(floods[i].before) + 7;
            handed = check_outcome(&peer, NULL, floods[i].result);
            CHECK(handed < length || floods[i].result == PUTER_OK);
        }
}

/* Nor is a large chunk a credit for what it takes to frame small ones. */
static void test_no_credit(void)
{
    static const char head[] = OK JSON CHUNKED END;
    static const char unit[] = "1;" X_100 "\r\n \r\n";
    script_bytes reply = {0};
    script peer = {0};
    int i;
    CHECK_IN("extensions behind a large chunk");
    script_append(&reply, head, sizeof head - 1);
    script_append(&reply, "2328\r\n", 6);
    for (i = 0; i < 9000; i++)
        script_append(&reply, " ", 1);
    script_append(&reply, "\r\n", 2);
    for (i = 0; i < 400; i++)
        script_append(&reply, unit, sizeof unit - 1);
    script_raw(&peer, reply.bytes, reply.length);
    free(reply.bytes);
    check_outcome(&peer, NULL, PUTER_ERR_LIMIT);
}

/* What is taken `count` times, and not once more; `result` is of that. */
static const flood edges[] = {
    {"a line of 16 KB", OK JSON SIZED "X: ", "x", "\r\n" END BODY, 16384 - 5,
     PUTER_ERR_LIMIT},
    {"lines", OK JSON SIZED, "X:\r\n", END BODY, 996, PUTER_ERR_LIMIT},
    {"long lines", OK JSON SIZED, "X:" X_1000 "\r\n", END BODY, 917,
     PUTER_ERR_LIMIT},
    {"interim replies", "", "HTTP/1.1 102 Processing\r\n\r\n",
     OK JSON SIZED END BODY, 16, PUTER_ERR_LIMIT},
    {"zeros before a chunk's size", OK JSON CHUNKED END, "0",
     "40\r\n" BODY "\r\n0\r\n\r\n", 30, PUTER_ERR_PROTOCOL},
    {"extensions", OK JSON CHUNKED END, "1;" X_100 "\r\n \r\n", CHUNKS, 195,
     PUTER_ERR_LIMIT},
    {"16 KB of framing", OK JSON CHUNKED END "1", " ",
     "\r\n \r\n1;" X_100 "\r\n \r\n" CHUNKS, 16317, PUTER_ERR_LIMIT},
};

static void test_edges(void)
{
    size_t i;
    int cut;
    for (i = 0; i < COUNT(edges); i++)
        for (cut = SCRIPT_WHOLE; cut <= SCRIPT_BYTES; cut++) {
            script peer = {0};
            flood it = edges[i];
            CHECK_IN("%s, cut %d", it.name, cut);
            script_flood(&peer, &it);
            peer.cut = (script_cut)cut;
            check_outcome(&peer, NULL, PUTER_OK);
            CHECK_IN("%s, once more, cut %d", it.name, cut);
            it.count++;
            script_flood(&peer, &it);
            peer.cut = (script_cut)cut;
            check_outcome(&peer, NULL, it.result);
        }
}

/* max_reply_bytes, by every framing. */
static void test_reply_limit(void)
{
    static const char *const replies[] = {
        OK JSON SIZED END BODY,
        OK JSON CHUNKED END CHUNKS,
        OK JSON END BODY,
    };
    static const struct {
        int64_t most;
        puter_result result;
    } limits[] = {
        {1, PUTER_ERR_LIMIT}, {63, PUTER_ERR_LIMIT}, {64, PUTER_OK},
        {0, PUTER_OK},        {-1, PUTER_OK},
    };
    size_t i, j;
    for (i = 0; i < 3; i++)
        for (j = 0; j < COUNT(limits); j++) {
            puter_options options = {0};
            script peer = {0};
            CHECK_IN("reply %d, limit %d", (int)i, (int)limits[j].most);
            options.max_reply_bytes = limits[j].most;
            script_text(&peer, replies[i]);
            script_current(&peer)->end = SCRIPT_CLEAN;
            check_outcome(&peer, &options, limits[j].result);
        }
    for (j = 0; j < 2; j++) {
        puter_options options = {0};
        script peer = {0};
        CHECK_IN("64 MiB and a byte, %s", j ? "no limit" : "the usual one");
        options.max_reply_bytes = j ? -1 : 0;
        script_text(&peer, OK JSON "Content-Length: 67108865\r\n" END);
        script_current(&peer)->end = SCRIPT_CLEAN;
        check_outcome(&peer, &options,
                      j ? PUTER_ERR_CLOSED : PUTER_ERR_LIMIT);
    }
}

/* An answer of 10 MB arrives whole. */
static void test_large_answer(void)
{
    enum { LENGTH = 10000000 };
    static const flood answer = {
        "10 MB", OK JSON "Content-Length: 10000052\r\n" END
        "{\"success\":true,\"result\":{\"message\":{\"content\":\"",
        "x", "\"}}}", LENGTH, PUTER_OK};
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("an answer of 10 MB");
    script_flood(&peer, &answer);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK);
    CHECK_INT(reply.length, LENGTH);
    CHECK_INT(strspn(reply.text, "x"), LENGTH);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* ---- redirects ---------------------------------------------------------- */

/* They are not followed, and the message tells where they point. */
static void test_redirects(void)
{
    static const int statuses[] = {300, 301, 302, 303, 307, 308};
    char reply[256];
    size_t i;
    for (i = 0; i < COUNT(statuses); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("status %d", statuses[i]);
        snprintf(reply, sizeof reply,
                 "HTTP/1.1 %d Elsewhere\r\nLocation: https://other.example/"
                 "path?%s\r\nContent-Length: 0\r\n\r\n",
                 statuses[i], SCRIPT_TOKEN);
        script_text(&peer, reply);
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
                  PUTER_ERR_PROTOCOL);
        script_check_failure(client, PUTER_ERR_PROTOCOL);
        CHECK(strstr(puter_last_error(client)->message,
                     "https://other.example/path"));
        CHECK(strstr(puter_last_error(client)->message,
                     "set api_origin to scheme and host of that"));
        CHECK_INT(puter_last_error(client)->http_status, statuses[i]);
        CHECK_INT(peer.opens, 1);
        script_close(&peer, client);
    }
}

/* To nowhere: there is no address to advise. */
static void test_lost_redirects(void)
{
    static const int statuses[] = {302, 304};
    char reply[128];
    size_t i;
    for (i = 0; i < COUNT(statuses); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("status %d, without a Location", statuses[i]);
        snprintf(reply, sizeof reply, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n"
                 "\r\n", statuses[i]);
        script_text(&peer, reply);
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
                  PUTER_ERR_PROTOCOL);
        CHECK(strstr(puter_last_error(client)->message, "points nowhere"));
        CHECK(!strstr(puter_last_error(client)->message, "api_origin"));
        script_close(&peer, client);
    }
}

/* A message that has no room for all of it ends in the midst. */
static void test_long_redirect(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    char origin[300], reply[512];
    CHECK_IN("a long redirect");
    snprintf(origin, sizeof origin, "http://%.200s.%.42s.localhost", X_1000,
             X_1000);
    options.api_origin = origin;
    client = script_open(&peer, &options);
    snprintf(reply, sizeof reply, "HTTP/1.1 302 Elsewhere\r\nLocation: /%.200s"
             "\r\nContent-Length: 0\r\n\r\n", X_1000);
    script_text(&peer, reply);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_PROTOCOL);
    script_check_failure(client, PUTER_ERR_PROTOCOL);
    CHECK_INT(strlen(puter_last_error(client)->message),
              sizeof puter_last_error(client)->message - 1);
    script_close(&peer, client);
}

/* ---- connections kept and lost ------------------------------------------ */

static void script_good(script *peer)
{
    static const char reply[] = OK JSON SIZED END BODY;
    script_raw(peer, reply, sizeof reply - 1);
}

/* The same, whose body waits for the request to be whole. */
static void script_good_in_two(script *peer)
{
    static const char head[] = OK JSON SIZED END;
    script_raw(peer, head, sizeof head - 1);
    script_raw(peer, BODY, sizeof BODY - 1);
}

static void check_answer(puter_client *client)
{
    puter_reply reply;
    if (!CHECK_RESULT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK))
        printf("    %s\n", puter_last_error(client)->message);
    else
        CHECK_STR(reply.text, TEXT);
    puter_reply_free(&reply);
}

/* After which first replies the second question goes over the same
 * connection, and after which it must not. */
static void test_reuse(void)
{
    static const struct {
        const char *name, *first;
        int opens;
    } cases[] = {
        {"length", OK JSON SIZED END BODY, 1},
        {"chunked", OK JSON CHUNKED END CHUNKS, 1},
        {"keep-alive", OK JSON SIZED "Connection: keep-alive\r\n" END BODY, 1},
        {"close", OK JSON SIZED "Connection: close\r\n" END BODY, 2},
        {"Close", OK JSON SIZED "connection: Close\r\n" END BODY, 2},
        {"list", OK JSON SIZED "Connection: x, close ,y\r\n" END BODY, 2},
        {"list of odd spaces",
         OK JSON SIZED "Connection: ,\t ,\tclose\t,x \r\n" END BODY, 2},
        {"list of nothing", OK JSON SIZED "Connection: ,\t, \r\n" END BODY,
         1},
        {"two lines",
         OK JSON SIZED "Connection: close\r\nConnection: x\r\n" END BODY, 2},
        {"closed-shop", OK JSON SIZED "Connection: closed-shop\r\n" END BODY,
         1},
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\n" JSON SIZED END BODY, 2},
        {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\n" JSON CHUNKED END CHUNKS,
         2},
        {"surplus", OK JSON SIZED END BODY "surplus", 2},
        {"two replies", OK JSON SIZED END BODY OK JSON SIZED END BODY, 2},
        {"surplus behind chunks", OK JSON CHUNKED END CHUNKS "x", 2},
    };
    size_t i;
    int cut;
    for (i = 0; i < COUNT(cases); i++)
        for (cut = SCRIPT_WHOLE; cut <= SCRIPT_BYTES; cut++) {
            script peer = {0};
            puter_client *client = script_open(&peer, NULL);
            CHECK_IN("reuse after %s, cut %d", cases[i].name, cut);
            peer.cut = (script_cut)cut;
            script_text(&peer, cases[i].first);
            if (cases[i].opens == 2)
                script_next_connection(&peer);
            script_good(&peer);
            check_answer(client);
            check_answer(client);
            CHECK_INT(peer.opens, cases[i].opens);
            CHECK_INT(peer.request_count, 2);
            script_close(&peer, client);
        }
}

/* Where the end of the connection is the reply's, there is nothing to keep. */
static void test_ended(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("ended with its reply");
    script_raw(&peer, OK JSON END BODY, sizeof(OK JSON END BODY) - 1);
    script_current(&peer)->end = SCRIPT_CLEAN;
    check_answer(client);
    CHECK_INT(peer.closes, 1);
    script_close(&peer, client);
}

/* A kept connection may end at any time. Where that shows before the next
 * question has all been sent, the question goes over a new one. */
static void test_stale(void)
{
    int end, room;
    for (end = SCRIPT_CLEAN; end <= SCRIPT_RESET; end++)
        for (room = -1; room <= 200; room += 100) {
            script peer = {0};
            puter_client *client = script_open(&peer, NULL);
            script_connection *kept = script_current(&peer);
            CHECK_IN("stale, end %d, room for %d bytes", end, room);
            script_good(&peer);
            kept->end = (script_end)end;
            kept->end_late = room >= 0;
            script_next_connection(&peer);
            script_good(&peer);
            check_answer(client);
            if (room >= 0) {
                kept->write_result = end == SCRIPT_RESET ? PUTER_ERR_CLOSED
                                                         : PUTER_ERR_TLS;
                kept->write_room = kept->written + (size_t)room;
            }
            check_answer(client);
            CHECK_INT(peer.opens, 2);
            script_close(&peer, client);
        }
}

/* So is one that is lost as well, having served for "too many requests"; but
 * a new connection that is lost has served for nothing, and is the end. */
static void test_resent(void)
{
    script_connection *kept[3];
    int good;
    for (good = 0; good < 2; good++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        int i;
        CHECK_IN("resent twice, then %s", good ? "answered" : "lost");
        kept[0] = script_current(&peer);
        script_good(&peer);
        kept[1] = script_next_connection(&peer);
        script_reply(&peer, 429, "{\"code\":\"too_many_requests\"}");
        kept[2] = script_next_connection(&peer);
        if (good)
            script_good(&peer);
        check_answer(client);
        for (i = 0; i < 3 - good; i++) { /* after one request and a bit */
            kept[i]->write_room = (i < 2 ? kept[0]->written : 0) + 10;
            kept[i]->write_result = PUTER_ERR_CLOSED;
            kept[i]->end = SCRIPT_RESET;
            kept[i]->end_late = true;
        }
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
                  good ? PUTER_OK : PUTER_ERR_CLOSED);
        if (!good) /* nothing is left of the 429 */
            CHECK_INT(puter_last_error(client)->http_status, 0);
        CHECK_INT(peer.opens, 3);
        script_close(&peer, client);
    }
}

/* Once for each question. */
static void test_resent_again(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    int i;
    CHECK_IN("resent again");
    for (i = 0; i < 3; i++) {
        script_good(&peer);
        script_next_connection(&peer);
    }
    for (i = 0; i < 3; i++) {
        script_connection *kept = &peer.connections[i];
        check_answer(client);
        CHECK_INT(peer.opens, i + 1);
        kept->write_result = PUTER_ERR_CLOSED;
        kept->write_room = kept->written + 10;
        kept->end = SCRIPT_RESET;
        kept->end_late = true;
    }
    script_close(&peer, client);
}

/* Nor is it sent again once something of a reply has come. */
static void test_begun_early(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    script_connection *kept = script_current(&peer);
    CHECK_IN("begun early on a kept connection");
    script_good(&peer);
    script_raw(&peer, OK, sizeof OK - 1);
    kept->end = SCRIPT_RESET;
    script_next_connection(&peer);
    script_good(&peer);
    check_answer(client);
    kept->write_result = PUTER_ERR_CLOSED;
    kept->write_room = kept->written + 10;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_CLOSED);
    CHECK(strstr(puter_last_error(client)->message, "cut short"));
    CHECK_INT(peer.opens, 1);
    script_close(&peer, client);
}

/* A question that has all been sent may have reached a model: it is not sent
 * again, whether its connection was a kept one or a fresh one, and whether
 * its reply had begun or not. */
static void test_not_resent(void)
{
    int fresh, begun;
    for (fresh = 0; fresh < 2; fresh++)
        for (begun = 0; begun < 2; begun++) {
            script peer = {0};
            puter_client *client = script_open(&peer, NULL);
            CHECK_IN("lost on a %s connection, %s", fresh ? "fresh" : "kept",
                     begun ? "in its reply" : "before it");
            if (!fresh)
                script_good(&peer);
            if (begun)
                script_raw(&peer, OK, 5);
            script_current(&peer)->end = SCRIPT_RESET;
            script_current(&peer)->end_late = !begun;
            script_next_connection(&peer);
            script_good(&peer);
            if (!fresh)
                check_answer(client);
            CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
                      PUTER_ERR_CLOSED);
            script_check_failure(client, PUTER_ERR_CLOSED);
            CHECK_INT(peer.opens, 1);
            script_close(&peer, client);
        }
}

/* ---- sending ------------------------------------------------------------ */

/* However little a write takes, the same request arrives. */
static void test_short_writes(void)
{
    script whole = {0}, pieces = {0};
    puter_client *client;
    size_t most;
    CHECK_IN("short writes");
    client = script_open(&whole, NULL);
    script_good(&whole);
    check_answer(client);
    puter_close(client);
    for (most = 1; most < 8; most++) {
        CHECK_IN("writes of %d bytes", (int)most);
        client = script_open(&pieces, NULL);
        script_good(&pieces);
        pieces.write_most = most;
        pieces.pauses = most & 1;
        check_answer(client);
        CHECK_STR(pieces.requests[0].bytes, whole.requests[0].bytes);
        script_close(&pieces, client);
    }
    script_close(&whole, NULL);
}

/* A service that has seen enough answers before it has read everything, and
 * may close its end of the way there: its answer is what counts. */
static void test_early_reply(void)
{
    static const char early[] =
        "HTTP/1.1 401 Unauthorized\r\n" JSON "Content-Length: 44\r\n\r\n"
        "{\"message\":\"No.\",\"code\":\"token_auth_failed\"}";
    size_t room;
    int cut;
    for (room = 0; room < 3000; room += 500)
        for (cut = SCRIPT_WHOLE; cut <= SCRIPT_BYTES; cut++) {
            script peer = {0};
            script_connection *connection;
            char prompt[2000];
            puter_client *client = script_open(&peer, NULL);
            CHECK_IN("early reply after %d bytes, cut %d", (int)room, cut);
            memset(prompt, 'x', sizeof prompt);
            prompt[sizeof prompt - 1] = '\0';
            script_raw(&peer, early, sizeof early - 1);
            connection = script_current(&peer);
            connection->eager = room % 1000 == 0;
            connection->end = SCRIPT_RESET;
            connection->write_result = PUTER_ERR_CLOSED;
            connection->write_room = room;
            script_next_connection(&peer);
            script_reply(&peer, 200, "{\"success\":true,\"result\":\"Halo\"}");
            peer.cut = (script_cut)cut;
            peer.write_most = 100;
            CHECK_INT(puter_ask(client, "gpt-4", prompt, NULL),
                      PUTER_ERR_AUTH);
            script_check_failure(client, PUTER_ERR_AUTH);
            CHECK_STR(puter_last_error(client)->code, "token_auth_failed");
            CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
            CHECK_INT(peer.opens, 2); /* half a request went over the first */
            script_close(&peer, client);
        }
}

/* Asks what the first connection does not take at once. */
static puter_result ask_at_length(script *peer, puter_client *client)
{
    char prompt[2000];
    memset(prompt, 'x', sizeof prompt);
    prompt[sizeof prompt - 1] = '\0';
    peer->connections[0].eager = true;
    peer->write_most = 10;
    peer->pauses = true;
    return puter_ask(client, "gpt-4", prompt, NULL);
}

/* The same seen while the connection takes no more for the moment: the rest
 * of the request stays unsent, so the connection is of no more use. */
static void test_reply_while_sending(void)
{
    static const char early[] = "HTTP/1.1 413 Too large\r\n" JSON
                                "Content-Length: 2\r\n\r\n{}";
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    int cut;
    for (cut = SCRIPT_WHOLE; cut <= SCRIPT_BYTES; cut++) {
        client = script_open(&peer, NULL);
        CHECK_IN("reply while sending, cut %d", cut);
        script_raw(&peer, early, sizeof early - 1);
        script_next_connection(&peer);
        script_good(&peer);
        peer.cut = (script_cut)cut;
        CHECK_INT(ask_at_length(&peer, client), PUTER_ERR_REQUEST);
        script_check_failure(client, PUTER_ERR_REQUEST);
        CHECK_INT(puter_last_error(client)->http_status, 413);
        CHECK(peer.requests[0].length < 2000);
        check_answer(client);
        CHECK_INT(peer.opens, 2);
        script_close(&peer, client);
    }
    CHECK_IN("half a reply while sending");
    options.idle_timeout_ms = 20;
    client = script_open(&peer, &options);
    script_raw(&peer, early, sizeof early - 3);
    CHECK_INT(ask_at_length(&peer, client), PUTER_ERR_TIMEOUT);
    CHECK(peer.requests[0].length < 2000);
    script_close(&peer, client);
}

/* Any other reply that begins so early leaves the rest to be sent, and is read
 * meanwhile: its server may read on, or have said all it had to. */
static void test_answer_while_sending(void)
{
    static const struct {
        const char *name;
        int write_result; /* behind 500 bytes */
        bool in_two;      /* so much of its answer comes behind that */
    } servers[] = {{"reads on", 0, true},
                   {"reads no more", PUTER_WANT_WRITE, false},
                   {"leaves", PUTER_ERR_CLOSED, false},
                   {"leaves, with half an answer", PUTER_ERR_CLOSED, true}};
    size_t i;
    for (i = 0; i < 2 * COUNT(servers); i++) {
        int written = servers[i / 2].write_result;
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("an answer while sending, cut %d, to one that %s",
                 (int)(i % 2), servers[i / 2].name);
        if (servers[i / 2].in_two)
            script_good_in_two(&peer);
        else
            script_good(&peer);
        script_current(&peer)->write_result = written;
        script_current(&peer)->write_room = 500;
        if (written != 0)
            script_next_connection(&peer);
        script_good(&peer);
        peer.cut = i % 2 ? SCRIPT_BYTES : SCRIPT_WHOLE;
        CHECK_INT(ask_at_length(&peer, client), PUTER_OK);
        CHECK_INT(peer.requests[0].length > 2000, written == 0);
        check_answer(client);
        CHECK_INT(peer.opens, written == 0 ? 1 : 2);
        script_close(&peer, client);
    }
}

/* Where a write has failed, the end of the connection is that of no body: it
 * may have been the write that was told of a reset. */
static void test_lost_while_sending(void)
{
    static const char reply[] = OK JSON END BODY;
    int slow;
    for (slow = 0; slow < 2; slow++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("an answer up to a failed write, slow %d", slow);
        script_raw(&peer, reply, sizeof reply - 1);
        script_current(&peer)->write_result = PUTER_ERR_CLOSED;
        script_current(&peer)->end = SCRIPT_CLEAN;
        CHECK_INT(slow ? ask_at_length(&peer, client)
                       : puter_ask(client, "gpt-4", "Halo", NULL),
                  PUTER_ERR_CLOSED);
        script_check_failure(client, PUTER_ERR_CLOSED);
        script_close(&peer, client);
    }
}

/* What comes early and is no reply, or breaks off: either is told. */
static void test_early_rubbish(void)
{
    script peer = {0};
    puter_client *client;
    CHECK_IN("early rubbish");
    script_raw(&peer, "SSH-2.0-x\r\n", 11);
    script_current(&peer)->eager = true;
    peer.write_most = 10;
    peer.pauses = true;
    check_outcome(&peer, NULL, PUTER_ERR_PROTOCOL);
    CHECK_IN("early half of a head");
    client = script_open(&peer, NULL);
    script_raw(&peer, OK, 5);
    script_current(&peer)->end = SCRIPT_RESET;
    script_current(&peer)->write_result = PUTER_ERR_CLOSED;
    script_current(&peer)->write_room = 10;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_CLOSED);
    script_check_failure(client, PUTER_ERR_CLOSED);
    CHECK(strstr(puter_last_error(client)->message, "nothing was asked yet"));
    script_close(&peer, client);
}

/* ---- failures below ----------------------------------------------------- */

static void test_transport_failures(void)
{
    static const puter_result results[] = {
        PUTER_ERR_RESOLVE, PUTER_ERR_CONNECT, PUTER_ERR_CLOSED,
        PUTER_ERR_TLS, PUTER_ERR_CERT, PUTER_ERR_TIMEOUT, PUTER_ERR_NOMEM,
        PUTER_ERR_PROTOCOL, PUTER_ERR_LIMIT, PUTER_ERR_CANCELLED};
    size_t i;
    for (i = 0; i < COUNT(results); i++) {
        script peer = {0};
        CHECK_IN("open gives %s", puter_result_name(results[i]));
        script_current(&peer)->open_result = results[i];
        check_outcome(&peer, NULL, results[i]);
        CHECK_IN("read gives %s", puter_result_name(results[i]));
        script_current(&peer)->read_result = results[i];
        check_outcome(&peer, NULL, results[i]);
        CHECK_IN("write gives %s", puter_result_name(results[i]));
        script_current(&peer)->write_result = results[i];
        script_current(&peer)->write_room = 10;
        script_current(&peer)->end = SCRIPT_RESET;
        script_current(&peer)->end_late = true;
        check_outcome(&peer, NULL, results[i]);
    }
}

/* A transport's own code is none of ours: the connection is lost. */
static void test_odd_results(void)
{
    static const int results[] = {PUTER_ERR_SERVICE - 1, -1000};
    size_t i;
    for (i = 0; i < COUNT(results); i++) {
        script peer = {0};
        CHECK_IN("read gives %d", results[i]);
        script_current(&peer)->read_result = results[i];
        check_outcome(&peer, NULL, PUTER_ERR_CLOSED);
    }
}

/* A connection that never comes about, and one that cannot be waited for. */
static void test_no_connection(void)
{
    puter_options options = {0};
    script peer = {0};
    CHECK_IN("no connection in time");
    options.connect_timeout_ms = 20;
    script_current(&peer)->open_result = PUTER_WANT_WRITE;
    check_outcome(&peer, &options, PUTER_ERR_TIMEOUT);
    CHECK_IN("waiting fails");
    script_current(&peer)->wait_result = PUTER_ERR_CLOSED;
    check_outcome(&peer, NULL, PUTER_ERR_CLOSED);
}

/* An event loop on a transport that connects is not told to call at once. */
static void test_connecting(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_request request = {0};
    puter_client *client;
    CHECK_IN("connecting in an event loop");
    options.nonblocking = true;
    script_current(&peer)->open_result = PUTER_WANT_WRITE;
    client = script_open(&peer, &options);
    request.prompt = "Halo";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_WAIT);
    CHECK(puter_client_deadline(client) > 0);
    script_close(&peer, client);
}

/* A transport without `wait` is asked again and again. */
static void test_no_wait(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("no wait");
    peer.transport.wait = NULL;
    peer.pauses = true;
    peer.cut = SCRIPT_BYTES;
    script_good(&peer);
    check_answer(client);
    script_close(&peer, client);
}

static bool always(void *user)
{
    ++*(int *)user;
    return true;
}

static bool never(void *user)
{
    ++*(int *)user;
    return false;
}

/* A silent peer is left by each of the ways there are. */
static void test_silence(void)
{
    puter_options options = {0};
    script peer = {0};
    int asked = 0;
    CHECK_IN("idle timeout");
    script_current(&peer);
    options.idle_timeout_ms = 20;
    check_outcome(&peer, &options, PUTER_ERR_TIMEOUT);
    CHECK_IN("total timeout");
    script_current(&peer);
    options.idle_timeout_ms = -1;
    options.total_timeout_ms = 20;
    check_outcome(&peer, &options, PUTER_ERR_TIMEOUT);
    CHECK_IN("not cancelled");
    script_current(&peer);
    options.cancelled = never;
    options.user = &asked;
    check_outcome(&peer, &options, PUTER_ERR_TIMEOUT);
    CHECK(asked > 0);
    CHECK_IN("cancelled");
    script_current(&peer);
    options.cancelled = always;
    options.total_timeout_ms = 0;
    check_outcome(&peer, &options, PUTER_ERR_CANCELLED);
}

int main(void)
{
    test_rows();
    test_every_cut();
    test_names();
    test_long_types();
    test_interim_fields();
    test_mutations();
    test_floods();
    test_no_credit();
    test_edges();
    test_reply_limit();
    test_large_answer();
    test_redirects();
    test_lost_redirects();
    test_long_redirect();
    test_reuse();
    test_ended();
    test_stale();
    test_resent();
    test_resent_again();
    test_begun_early();
    test_not_resent();
    test_short_writes();
    test_early_reply();
    test_reply_while_sending();
    test_answer_while_sending();
    test_lost_while_sending();
    test_early_rubbish();
    test_transport_failures();
    test_odd_results();
    test_no_connection();
    test_connecting();
    test_no_wait();
    test_silence();
    return check_done();
}
