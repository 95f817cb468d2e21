/* fuzz.h - a peer that a fuzzer's input scripts, and what has to hold whatever
 * the client makes of it.
 *
 * The script is the bytes of replies, one behind the other; bytes that no
 * UTF-8 holds say what becomes of the connection:
 *
 *     FF  after a reply: the connection ends
 *     FE  after a reply: the connection is reset
 *     FD  after a reply: the connection stays; without any of these the last
 *         reply is followed by silence
 *     FC  for a reply: the request cannot be sent
 *     FB  for a connection: there is none
 *
 * Whatever is asked behind the script's end gets one more answer, FUZZ_LAST.
 *
 * Time is the peer's own: it passes where the client waits, and nowhere else.
 */
#ifndef FUZZ_H
#define FUZZ_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long fuzz_now; /* in ms */

static inline int fuzz_clock(struct timespec *now)
{
    now->tv_sec = (time_t)(fuzz_now / 1000);
    now->tv_nsec = (long)(fuzz_now % 1000) * 1000000L;
    return 0;
}

static inline int fuzz_sleep(const struct timespec *pause)
{
    fuzz_now += (long long)pause->tv_sec * 1000 + pause->tv_nsec / 1000000;
    return 0;
}

#define clock_gettime(clock, now) fuzz_clock(now)
#define nanosleep(pause, rest) fuzz_sleep(pause)
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef clock_gettime
#undef nanosleep

#define FUZZ_TOKEN "tok.0123456789-secret"
#define FUZZ_LAST "the last answer"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has to hold. A fuzzer keeps the input that a target aborts on. */
#define MUST(held) ((held) ? (void)0 : fuzz_abort(#held, __FILE__, __LINE__))

static inline void fuzz_abort(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* ---- the peer ----------------------------------------------------------- */

/* How the bytes of replies are cut into reads, and requests into writes. */
typedef enum fuzz_cut {
    FUZZ_WHOLE,
    FUZZ_BYTES,
    FUZZ_PIECES,
    FUZZ_CUTS
} fuzz_cut;

typedef struct fuzz_peer {
    const uint8_t *script, *end; /* what is left of it */
    fuzz_cut cut;
    bool pauses; /* every other call has to come again */
    /* its own */
    const uint8_t *at, *stop; /* what is left of the reply, */
    int after;                /* and what reading gives behind it */
    bool open, sending;
    int paused; /* PUTER_READABLE: reading has given nothing, and so on */
    uint32_t seed;
    size_t calls;
    puter_transport transport;
} fuzz_peer;

/* Counts the calls, so that a client that goes round in circles is caught. */
static inline bool fuzz_pauses(fuzz_peer *peer, int way)
{
    MUST(++peer->calls < (size_t)1 << 22);
    if (peer->pauses)
        peer->paused ^= way;
    return peer->paused & way;
}

static inline size_t fuzz_piece(fuzz_peer *peer, size_t most)
{
    peer->seed = peer->seed * 1103515245 + 12345;
    if (peer->cut == FUZZ_WHOLE || most == 0)
        return most;
    return peer->cut == FUZZ_BYTES ? 1 : 1 + (peer->seed >> 16) % 40 % most;
}

/* Whether the script goes on with this byte, which is then taken. */
static inline bool fuzz_next_is(fuzz_peer *peer, uint8_t mark)
{
    bool found = peer->script < peer->end && *peer->script == mark;
    peer->script += found;
    return found;
}

static inline int fuzz_open(void *ctx, const char *host, int port)
{
    fuzz_peer *peer = (fuzz_peer *)ctx;
    (void)host;
    (void)port;
    if (fuzz_pauses(peer, PUTER_WRITABLE))
        return PUTER_WANT_WRITE;
    MUST(!peer->open);
    peer->open = true;
    peer->sending = false;
    peer->at = peer->stop;
    peer->after = PUTER_WANT_READ;
    return fuzz_next_is(peer, 0xFB) ? PUTER_ERR_CONNECT : 0;
}

static inline void fuzz_shut(void *ctx)
{
    ((fuzz_peer *)ctx)->open = false;
}

/* A request has come whole: its reply is what the script holds next. */
static inline void fuzz_answer(fuzz_peer *peer)
{
    static const char last[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Content-Length: 43\r\n\r\n"
        "{\"success\":true,\"result\":\"" FUZZ_LAST "\"}";
    peer->at = peer->stop = peer->script;
    peer->after = PUTER_WANT_READ;
    if (peer->script == peer->end) {
        peer->at = (const uint8_t *)last;
        peer->stop = peer->at + sizeof last - 1;
        return;
    }
    while (peer->stop < peer->end && *peer->stop < 0xFB)
        peer->stop++;
    peer->script = peer->stop;
    if (fuzz_next_is(peer, 0xFF))
        peer->after = 0;
    else if (fuzz_next_is(peer, 0xFE))
        peer->after = PUTER_ERR_CLOSED;
    else
        fuzz_next_is(peer, 0xFD);
}

/* Nothing is asked on a connection that has ended, or where something is said
 * that nobody asked for: the next answer would be a wrong one. What comes late
 * cannot be known, so that with pauses this does not hold. */
static inline int fuzz_write(void *ctx, const void *data, size_t size)
{
    fuzz_peer *peer = (fuzz_peer *)ctx;
    size_t taken = fuzz_piece(peer, size);
    (void)data;
    if (fuzz_pauses(peer, PUTER_WRITABLE))
        return PUTER_WANT_WRITE;
    MUST(peer->open);
    if (!peer->sending) {
        MUST(peer->pauses || (peer->at == peer->stop &&
                              peer->after == PUTER_WANT_READ));
        if (fuzz_next_is(peer, 0xFC))
            peer->after = PUTER_ERR_CLOSED;
    }
    if (peer->after != PUTER_WANT_READ)
        return peer->after == 0 ? PUTER_ERR_CLOSED : peer->after;
    peer->sending = taken < size;
    if (!peer->sending)
        fuzz_answer(peer);
    return (int)taken;
}

static inline int fuzz_read(void *ctx, void *buffer, size_t size)
{
    fuzz_peer *peer = (fuzz_peer *)ctx;
    size_t left = (size_t)(peer->stop - peer->at);
    size = fuzz_piece(peer, size < left ? size : left);
    if (fuzz_pauses(peer, PUTER_READABLE))
        return PUTER_WANT_READ;
    MUST(peer->open);
    if (size == 0)
        return peer->after;
    memcpy(buffer, peer->at, size);
    peer->at += size;
    return (int)size;
}

/* What can come is there already: so time is up at once. */
static inline int fuzz_wait(void *ctx, int events, int timeout_ms)
{
    fuzz_peer *peer = (fuzz_peer *)ctx;
    MUST(++peer->calls < (size_t)1 << 22);
    MUST(events != 0 && timeout_ms >= 0);
    if ((events & PUTER_WRITABLE) || peer->at < peer->stop ||
        peer->after != PUTER_WANT_READ)
        return 1;
    fuzz_now += timeout_ms;
    return 0;
}

static inline puter_client *fuzz_client(fuzz_peer *peer,
                                        const puter_options *wanted)
{
    puter_options options = *wanted;
    puter_client *client;
    fuzz_now = 0;
    peer->transport.ctx = peer;
    peer->transport.open = fuzz_open;
    peer->transport.read = fuzz_read;
    peer->transport.write = fuzz_write;
    peer->transport.wait = fuzz_wait;
    peer->transport.close = fuzz_shut;
    options.token = FUZZ_TOKEN;
    options.api_origin = "http://127.0.0.1:1";
    options.no_environment = true;
    options.transport = &peer->transport;
    client = puter_open(&options);
    MUST(client != NULL);
    return client;
}

static inline void fuzz_close(fuzz_peer *peer, puter_client *client)
{
    puter_close(client);
    MUST(!peer->open);
}

/* ---- what came of it ---------------------------------------------------- */

/* RFC 3629: each character in its shortest form, none of them a surrogate. */
static inline bool fuzz_is_utf8(const char *text, size_t length)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    while (at < end) {
        size_t more = *at < 0x80 ? 0 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3, i;
        uint32_t code = *at & (more == 0 ? 0x7Fu : 0x3Fu >> more);
        if ((*at >= 0x80 && *at < 0xC0) || *at >= 0xF8 ||
            more >= (size_t)(end - at))
            return false;
        for (i = 1; i <= more; i++) {
            if (at[i] >> 6 != 2)
                return false;
            code = code << 6 | (at[i] & 0x3F);
        }
        if (code < least[more] || code > 0x10FFFF || code >> 11 == 0x1B)
            return false;
        at += more + 1;
    }
    return true;
}

static inline void fuzz_note(puter_writer *out, const char *key,
                             const char *text, size_t length)
{
    MUST(text != NULL && fuzz_is_utf8(text, length));
    puter_write_key(out, key);
    puter_write_chars(out, text, length);
}

static inline void fuzz_note_string(puter_writer *out, const char *key,
                                    const char *text)
{
    fuzz_note(out, key, text, text ? strlen(text) : 0);
}

static inline void fuzz_note_count(puter_writer *out, const char *key,
                                   size_t count)
{
    puter_write_key(out, key);
    puter_write_integer(out, (int64_t)count);
}

/* A failure is told in one line of whole characters, without the token. */
static inline void fuzz_note_error(puter_writer *out, const puter_error *error)
{
    const char *at;
    MUST(error->result < 0 && error->message[0] != '\0');
    for (at = error->message; *at != '\0'; at++)
        MUST((unsigned char)*at >= ' ' && *at != 0x7F);
    MUST(strstr(error->message, FUZZ_TOKEN) == NULL);
    MUST(strstr(error->code, FUZZ_TOKEN) == NULL);
    fuzz_note_string(out, "message", error->message);
    fuzz_note_string(out, "code", error->code);
    fuzz_note_count(out, "status", (size_t)error->http_status);
    fuzz_note_count(out, "retry after", (size_t)error->retry_after_ms);
}

static inline void fuzz_note_call(puter_writer *out,
                                  const puter_tool_call *call)
{
    fuzz_note_string(out, "id", call->id);
    fuzz_note_string(out, "name", call->name);
    fuzz_note_string(out, "arguments", call->arguments);
}

static inline void fuzz_note_usage(puter_writer *out, const puter_usage *usage)
{
    MUST(usage->usd_cents - usage->usd_cents == 0); /* not infinite */
    puter_write_key(out, "usage");
    puter_write_begin_array(out);
    puter_write_integer(out, usage->prompt_tokens);
    puter_write_integer(out, usage->completion_tokens);
    puter_write_integer(out, usage->cached_tokens);
    puter_write_number(out, usage->usd_cents);
    puter_write_end_array(out);
}

static inline void fuzz_note_event(puter_writer *out, const puter_event *event)
{
    puter_write_begin_object(out);
    fuzz_note_count(out, "event", event->type);
    fuzz_note(out, "json", event->json, event->json_length);
    if (event->text != NULL)
        fuzz_note(out, "text", event->text, event->length);
    if (event->tool_call != NULL)
        fuzz_note_call(out, event->tool_call);
    if (event->usage != NULL)
        fuzz_note_usage(out, event->usage);
    puter_write_end_object(out);
}

/* The members of an answer. A failed one is kept as far as it came, and only
 * what was read of it depends on nothing but its bytes. */
static inline void fuzz_note_reply(puter_writer *out, const puter_reply *reply)
{
    size_t i;
    fuzz_note(out, "text", reply->text, reply->length);
    fuzz_note(out, "reasoning", reply->reasoning, reply->reasoning_length);
    fuzz_note_string(out, "role", reply->role);
    fuzz_note_string(out, "model", reply->model);
    fuzz_note_string(out, "service", reply->service);
    fuzz_note_string(out, "finish", reply->finish_reason);
    fuzz_note_string(out, "compaction", reply->compaction);
    fuzz_note_string(out, "turns", reply->turns);
    fuzz_note_usage(out, &reply->usage);
    fuzz_note_count(out, "complete", reply->complete);
    fuzz_note_count(out, "blocked", reply->blocked);
    fuzz_note_count(out, "limited", reply->usage_limited);
    for (i = 0; i < reply->tool_call_count; i++)
        fuzz_note_call(out, &reply->tool_calls[i]);
    for (i = 0; i < reply->image_count; i++) {
        fuzz_note(out, "image", reply->images[i].url, reply->images[i].length);
        fuzz_note_count(out, "bytes",
                        puter_image_bytes(&reply->images[i], NULL, 0));
    }
    if (!reply->complete)
        return;
    fuzz_note_count(out, "size", reply->size);
    fuzz_note_count(out, "length", reply->json_length);
}

/* Writes a value that was read. puter_write_key takes no NUL, keys may. */
static inline void fuzz_write_value(puter_writer *out, puter_value value)
{
    bool object = puter_json_type(value) == PUTER_OBJECT;
    size_t i, length, count = puter_json_count(value);
    const char *text = puter_json_string(value, &length);
    switch (puter_json_type(value)) {
    case PUTER_BOOL: puter_write_bool(out, puter_json_bool(value)); return;
    case PUTER_NUMBER:
        puter_write_number(out, puter_json_number(value));
        return;
    case PUTER_STRING: puter_write_chars(out, text, length); return;
    case PUTER_ARRAY: puter_write_begin_array(out); break;
    case PUTER_OBJECT: puter_write_begin_object(out); break;
    default: puter_write_null(out); return;
    }
    for (i = 0; i < count; i++) {
        if (object) {
            text = puter_json_string(puter_json_key(value, i), &length);
            MUST(puter_json_type(puter_json_member(value, text, length)) !=
                 PUTER_MISSING);
            puter_write_chars(out, text, length);
            puter__append(out, ":", 1);
            out->comma = false;
        }
        fuzz_write_value(out, puter_json_at(value, i));
    }
    if (object)
        puter_write_end_object(out);
    else
        puter_write_end_array(out);
}

/* ---- exchanges ---------------------------------------------------------- */

typedef enum fuzz_kind {
    FUZZ_CHAT,
    FUZZ_TOOLS,   /* with a tool that the library runs */
    FUZZ_STREAM,
    FUZZ_DISCARD, /* the same, nothing of it kept */
    FUZZ_LEFT,    /* left after its second event */
    FUZZ_CALL,    /* of another interface, its bytes to a sink */
    FUZZ_MODELS,
    FUZZ_PICTURE  /* what it says */
} fuzz_kind;

/* What a call came to; a failure is told as failures have to be. */
static inline void fuzz_note_result(puter_writer *out, puter_result result,
                                    const puter_client *client)
{
    const puter_error *error = puter_last_error(client);
    MUST(result <= PUTER_OK && error->result == result);
    fuzz_note_string(out, "result", puter_result_name(result));
    if (result != PUTER_OK)
        fuzz_note_error(out, error);
}

static inline int fuzz_tool(void *user, const puter_tool_call *call,
                            puter_writer *result)
{
    MUST(user == NULL && call->arguments != NULL);
    puter_write_string(result, call->id);
    return call->id[0] == 'x';
}

/* Takes the events, up to `most` of them, of a stream that waits by itself or
 * has to be waited for. */
static inline puter_result fuzz_stream(puter_client *client,
                                       const puter_request *request,
                                       size_t most, puter_writer *out,
                                       puter_reply *reply)
{
    const puter_transport *peer = client->transport;
    puter_writer told = {0};
    puter_event event;
    puter_result result = puter_stream_begin(client, request);
    int step = result < 0 ? (int)result : 1;
    puter_write_key(out, "events");
    puter_write_begin_array(out);
    while ((step == 1 || step == PUTER_WAIT) && most > 0) {
        step = puter_stream_next(client, &event);
        if (step == 1) {
            fuzz_note_event(out, &event);
            if (event.type == PUTER_EVENT_TEXT)
                puter__append(&told, event.text, event.length);
            most--;
        } else if (step == PUTER_WAIT && puter_client_events(client) != 0) {
            peer->wait(peer->ctx, puter_client_events(client),
                       puter_client_deadline(client));
        } else if (step == PUTER_WAIT) {
            fuzz_now += puter_client_deadline(client); /* before a retry */
        }
    }
    puter_write_end_array(out);
    MUST(step >= 0 || puter_stream_next(client, &event) == step);
    result = puter_stream_end(client, reply);
    MUST(result == (step < 0 ? step : PUTER_OK));
    if (reply->memory != NULL && !request->discard)
        MUST(reply->length == told.length &&
             memcmp(reply->text, puter__or_empty(told.text), told.length) == 0);
    puter_writer_free(&told);
    return result;
}

static inline int fuzz_sink(void *user, const void *data, size_t size)
{
    puter__append((puter_writer *)user, data, size);
    return 0;
}

static inline puter_result fuzz_call(puter_client *client, puter_writer *out,
                                     puter_reply *reply)
{
    puter_writer bytes = {0};
    puter_call_request call = {0};
    puter_result result;
    puter__append(&bytes, ".", 1);
    call.interface = "puter-tts";
    call.method = "synthesize";
    call.sink = fuzz_sink;
    call.user = &bytes;
    result = puter_call(client, &call, reply);
    puter_write_key(out, "bytes");
    puter_write_chars(out, bytes.text, bytes.length);
    puter_writer_free(&bytes);
    return result;
}

/* Asks with the conversation so far, which the answer then goes on with. */
static inline puter_result fuzz_chat(puter_client *client, fuzz_kind kind,
                                     puter_history *history, puter_writer *out,
                                     puter_reply *reply)
{
    static const puter_tool tool = {"tool", "", NULL, fuzz_tool, NULL, NULL};
    puter_request request = {0};
    puter_result result;
    MUST(puter_history_add(history, "user", "?") == PUTER_OK);
    request.messages = history->messages;
    request.message_count = history->message_count;
    request.tools = &tool;
    request.tool_count = kind == FUZZ_TOOLS;
    request.discard = kind == FUZZ_DISCARD;
    if (kind < FUZZ_STREAM)
        result = puter_chat(client, &request, reply);
    else
        result = fuzz_stream(client, &request,
                             kind == FUZZ_LEFT ? 2 : SIZE_MAX, out, reply);
    MUST(result != PUTER_ERR_ARGUMENT);
    if (result == PUTER_OK)
        MUST(puter_history_add_reply(history, reply) == PUTER_OK);
    return result;
}

/* A history is saved as JSON, and what was saved is the same once loaded. */
static inline void fuzz_note_history(puter_writer *out,
                                     const puter_history *history)
{
    puter_writer saved = {0}, again = {0};
    puter_history loaded = {0};
    MUST(puter_history_save(history, &saved) == PUTER_OK);
    MUST(puter_history_load(&loaded, saved.text, saved.length, NULL) ==
         PUTER_OK);
    MUST(puter_history_save(&loaded, &again) == PUTER_OK);
    MUST(strcmp(saved.text, again.text) == 0);
    puter_write_raw(out, saved.text, saved.length);
    puter_history_free(&loaded);
    puter_writer_free(&saved);
    puter_writer_free(&again);
}

/* One exchange of a kind, and what came of it, as JSON. */
static inline void fuzz_exchange(puter_client *client, fuzz_kind kind,
                                 puter_history *history, puter_writer *out)
{
    puter_reply reply = {0};
    puter_result result;
    puter_write_begin_object(out);
    if (kind == FUZZ_CALL)
        result = fuzz_call(client, out, &reply);
    else if (kind == FUZZ_MODELS)
        result = puter_models(client, NULL, &reply);
    else if (kind == FUZZ_PICTURE)
        result = puter_image_to_text(client, "~/a.png", &reply);
    else
        result = fuzz_chat(client, kind, history, out, &reply);
    fuzz_note_result(out, result, client);
    if (reply.memory != NULL)
        fuzz_note_reply(out, &reply);
    puter_write_end_object(out);
    MUST(result != PUTER_OK || reply.text != NULL);
    MUST(result != PUTER_OK || reply.complete || kind == FUZZ_LEFT);
    puter_reply_free(&reply);
}

/* Runs a target in every cut: the same has to come of it, but where what comes
 * late makes a difference. The input's first `choices` bytes are the target's,
 * the rest is the script. */
static inline void fuzz_every_cut(void (*run)(fuzz_peer *peer,
                                              const uint8_t *choice,
                                              puter_writer *seen),
                                  size_t choices, const uint8_t *data,
                                  size_t size)
{
    puter_writer first = {0};
    int cut;
    if (size < choices)
        return;
    for (cut = 0; cut < FUZZ_CUTS; cut++) {
        puter_writer seen = {0};
        fuzz_peer peer = {0};
        peer.script = data + choices;
        peer.end = data + size;
        peer.cut = (fuzz_cut)cut;
        run(&peer, data, &seen);
        if (cut == 0)
            first = seen;
        MUST(peer.pauses || strcmp(seen.text, first.text) == 0);
        if (cut > 0)
            puter_writer_free(&seen);
    }
    puter_writer_free(&first);
}
#endif
