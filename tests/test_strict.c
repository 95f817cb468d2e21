/* test_strict.c - the replies of test_http and the streams of test_stream,
 * over TLS: what becomes of them is the same there, however records are cut
 * and however the connection goes on. */
#include "torture.h"

#include "replies.h"
#include "streams.h"

/* How the connection goes on, once the reply is out. */
static const struct ending {
    const char *name;
    script_end end;
    bool unannounced;
} endings[] = {
    {"close_notify", SCRIPT_CLEAN, false},
    {"the end of TCP", SCRIPT_CLEAN, true},
    {"reset", SCRIPT_RESET, false},
    {"held open", SCRIPT_SILENT, false},
};

/* A client that asks once for every ending, on a connection of its own each
 * time (the one that is held open comes last); each piece of a reply is a
 * record, and those may come byte by byte. */
static void open_client(torture_client *it, size_t seed)
{
    torture_open(it, NULL, true);
    it->bytes = seed % 4 > 1;
    it->peer.cut = seed % 2 ? SCRIPT_BYTES : SCRIPT_WHOLE;
}

/* What the peer does next. */
static void next_ending(torture_client *it, const struct ending *how)
{
    if (how > endings)
        script_next_connection(&it->peer);
    script_current(&it->peer)->end = how->end;
    it->unannounced = how->unannounced;
}

/* ---- replies ------------------------------------------------------------ */

static puter_result wanted_of(const reply_row *row, const struct ending *how)
{
    if (how->unannounced) /* TLS without its end is a truncation */
        return reply_wanted(row, SCRIPT_RESET);
    return reply_wanted(row, how->end);
}

static void ask(torture_client *it, const reply_row *row,
                const struct ending *how)
{
    puter_reply reply;
    puter_result result, wanted = wanted_of(row, how);
    CHECK_IN("%s, %s, cut %d%s", row->name, how->name, it->peer.cut,
             it->bytes ? ", byte by byte" : "");
    next_ending(it, how);
    script_raw(&it->peer, row->bytes, row->length);
    result = puter_ask(it->client, "gpt-4", "Halo", &reply);
    CHECK_RESULT(result, wanted);
    if (result == PUTER_OK)
        CHECK_STR(reply.text, TEXT);
    else
        script_check_failure(it->client, wanted);
    CHECK_INT(it->peer.opens, how - endings + 1);
    puter_reply_free(&reply);
}

static void test_replies(void)
{
    size_t i, end;
    for (i = 0; i < COUNT(reply_rows); i++) {
        torture_client it = {0};
        open_client(&it, i);
        for (end = 0; end < COUNT(endings); end++)
            ask(&it, &reply_rows[i], &endings[end]);
        torture_close(&it);
    }
}

/* ---- streams ------------------------------------------------------------ */

/* Where the frame ends a stream, the end of the connection makes no
 * difference; else only an end that TLS announces is its end. */
static void read_stream(torture_client *it, const stream_row *row,
                        const struct ending *how, int framing)
{
    script_bytes log = {0};
    size_t length = strlen(row->lines);
    bool ended = framing != BY_END ||
                 (how->end == SCRIPT_CLEAN && !how->unannounced);
    CHECK_IN("%s, %s, framing %d, cut %d%s", row->name, how->name, framing,
             it->peer.cut, it->bytes ? ", byte by byte" : "");
    next_ending(it, how);
    script_lines(&it->peer, row->lines, framing);
    script_current(&it->peer)->end = how->end;
    note_stream(&log, it->client, &halo);
    if (ended || (!row->text && row->lines[length - 1] == '\n'))
        CHECK_STR(log.bytes, row->log);
    CHECK_INT(puter_stream_end(it->client, NULL) == PUTER_OK,
              ended && row->text);
    free(log.bytes);
}

static void test_streams(int framing)
{
    size_t i, end;
    for (i = 0; i < COUNT(stream_rows); i++) {
        torture_client it = {0};
        open_client(&it, i);
        for (end = 0; end < COUNT(endings); end++)
            read_stream(&it, &stream_rows[i], &endings[end], framing);
        torture_close(&it);
    }
}

int main(void)
{
    torture_start();
    test_replies();
    test_streams(BY_LENGTH);
    test_streams(BY_LINE);
    test_streams(7);
    test_streams(BY_END);
    return check_done();
}
