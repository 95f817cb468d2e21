/* script.h - a peer that does what a script tells it to.
 *
 * It stands below the client in place of the sockets: a test writes down
 * what the service answers, byte for byte and cut as it likes, and reads
 * what the client sent. No network, no TLS.
 *
 *     script peer = {0};
 *     script_reply(&peer, 200, "{\"success\":true,...}");
 *     puter_client *client = script_open(&peer, NULL);
 *     ...
 *     script_close(&peer, client);
 *
 * A reply is handed out once the request it answers has arrived whole. After
 * its last reply a connection stays silent, or ends as it was told to. One
 * more connection than the script knows goes on where the last one stood.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "check.h"

#include <poll.h>
#include <stdlib.h>

#define SCRIPT_TOKEN "tok.0123456789-secret"
#define SCRIPT_ORIGIN "http://127.0.0.1:1"

enum { SCRIPT_CONNECTIONS = 16, SCRIPT_REPLIES = 4, SCRIPT_REQUESTS = 32 };

/* How the bytes of replies are cut into reads. */
typedef enum script_cut {
    SCRIPT_WHOLE = 0, /* as many as the reader takes */
    SCRIPT_BYTES,     /* one at a time */
    SCRIPT_SPLIT,     /* `split` bytes, then the rest */
    SCRIPT_RANDOM     /* a few at a time, drawn from `seed` */
} script_cut;

/* What follows the last reply of a connection. */
typedef enum script_end {
    SCRIPT_SILENT = 0, /* nothing: it stays open */
    SCRIPT_CLEAN,      /* the end of the stream */
    SCRIPT_RESET       /* PUTER_ERR_CLOSED */
} script_end;

typedef struct script_bytes {
    char *bytes; /* NUL-ended */
    size_t length, capacity;
} script_bytes;

typedef struct script_connection {
    script_bytes replies[SCRIPT_REPLIES];
    size_t reply_count;
    script_end end;
    bool end_late;     /* ends only once one request more has come */
    bool eager;        /* replies before the request has come whole */
    int open_result;   /* of `open` */
    int read_result;   /* what `read` fails with; 0: it does not */
    int write_result;  /* the same for `write`, */
    size_t write_room; /* after so many bytes */
    int wait_result;   /* the same for `wait` */
    size_t written, requests, reply, offset; /* how far it is */
} script_connection;

typedef struct script {
    /* told by the test */
    size_t connection_count;
    script_connection connections[SCRIPT_CONNECTIONS];
    script_cut cut;
    size_t split;
    uint64_t seed;
    bool pauses;         /* every other call gives PUTER_WANT_* */
    bool secure;         /* stands for a transport with TLS of its own */
    size_t write_most;   /* bytes that one write takes (0: all) */
    /* told to the test */
    script_bytes requests[SCRIPT_REQUESTS];
    size_t request_count; /* a begun one included */
    int opens, closes, port;
    char host[128];
    size_t handed;       /* bytes of replies */
    /* its own */
    puter_transport transport;
    script_connection *now;
    bool paused, in_request;
} script;

/* The connection that is being told what to do; the first one by itself. */
static inline script_connection *script_current(script *peer)
{
    if (peer->connection_count == 0)
        peer->connection_count = 1;
    return &peer->connections[peer->connection_count - 1];
}

/* What is told from here on is of the next connection. */
static inline script_connection *script_next_connection(script *peer)
{
    if (peer->connection_count++ == SCRIPT_CONNECTIONS)
        abort();
    return script_current(peer);
}

/* ---- the transport ------------------------------------------------------ */

static inline uint64_t script_random(uint64_t *seed)
{
    /* xorshift64 (Marsaglia, 2003); zero would stay zero */
    uint64_t x = *seed ? *seed : 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *seed = x;
}

/* Whether this call is one that has to come again. */
static inline bool script_pauses(script *peer)
{
    peer->paused = peer->pauses && !peer->paused;
    return peer->paused;
}

static inline int script_transport_open(void *ctx, const char *host, int port)
{
    script *peer = (script *)ctx;
    if (!peer->now) {
        size_t next = (size_t)peer->opens++, last = peer->connection_count - 1;
        if (peer->connection_count == 0)
            return PUTER_ERR_CONNECT;
        snprintf(peer->host, sizeof peer->host, "%s", host);
        peer->port = port;
        peer->now = &peer->connections[next < last ? next : last];
    }
    return script_pauses(peer) ? PUTER_WANT_WRITE : peer->now->open_result;
}

static inline void script_transport_close(void *ctx)
{
    script *peer = (script *)ctx;
    peer->closes++;
    peer->now = NULL;
    peer->in_request = false;
}

/* Whether the connection has a reply, or its end, to give. */
static inline bool script_readable(const script_connection *connection)
{
    size_t due = connection->requests + connection->eager;
    if (connection->read_result || connection->reply < connection->reply_count)
        return connection->read_result || connection->reply < due;
    return connection->end != SCRIPT_SILENT &&
           (!connection->end_late || connection->reply < due);
}

static inline size_t script_piece(script *peer, size_t rest)
{
    size_t most = rest;
    if (peer->cut == SCRIPT_BYTES)
        most = 1;
    else if (peer->cut == SCRIPT_SPLIT && peer->handed < peer->split)
        most = peer->split - peer->handed;
    else if (peer->cut == SCRIPT_RANDOM)
        most = (size_t)(1 + script_random(&peer->seed) % 48);
    return most < rest ? most : rest;
}

static inline int script_transport_read(void *ctx, void *buffer, size_t size)
{
    script *peer = (script *)ctx;
    script_connection *connection = peer->now;
    script_bytes *reply;
    if (!connection)
        return PUTER_ERR_CLOSED;
    if (!script_readable(connection) || script_pauses(peer))
        return PUTER_WANT_READ;
    if (connection->read_result)
        return connection->read_result;
    if (connection->reply == connection->reply_count)
        return connection->end == SCRIPT_CLEAN ? 0 : PUTER_ERR_CLOSED;
    reply = &connection->replies[connection->reply];
    size = script_piece(peer, size < reply->length - connection->offset
                                  ? size
                                  : reply->length - connection->offset);
    memcpy(buffer, reply->bytes + connection->offset, size);
    peer->handed += size;
    connection->offset += size;
    if (connection->offset == reply->length) {
        connection->reply++;
        connection->offset = 0;
    }
    return (int)size;
}

static inline void script_append(script_bytes *to, const void *data,
                                 size_t size)
{
    if (to->length + size >= to->capacity) {
        to->capacity = 2 * (to->length + size) + 1;
        to->bytes = (char *)realloc(to->bytes, to->capacity);
        if (!to->bytes)
            abort();
    }
    memcpy(to->bytes + to->length, data, size);
    to->length += size;
    to->bytes[to->length] = '\0';
}

/* Where the body of a message begins: behind the first empty line. */
static inline const char *script_after_head(const script_bytes *message)
{
    const char *end =
        message->bytes ? strstr(message->bytes, "\r\n\r\n") : NULL;
    return end ? end + 4 : NULL;
}

static inline bool script_request_is_whole(const script_bytes *request)
{
    const char *body = script_after_head(request);
    const char *field =
        body ? strstr(request->bytes, "\r\nContent-Length: ") : NULL;
    size_t length = 0;
    if (field && field < body)
        length = (size_t)strtoul(field + 18, NULL, 10);
    return body && request->length >= (size_t)(body - request->bytes) + length;
}

static inline int script_transport_write(void *ctx, const void *data,
                                         size_t size)
{
    script *peer = (script *)ctx;
    script_connection *connection = peer->now;
    script_bytes *request;
    if (!connection)
        return PUTER_ERR_CLOSED;
    if (connection->write_result &&
        connection->written >= connection->write_room) {
        connection->requests = SCRIPT_REPLIES + 1; /* no more to wait for */
        return connection->write_result;
    }
    if (script_pauses(peer))
        return PUTER_WANT_WRITE;
    if (peer->write_most && size > peer->write_most)
        size = peer->write_most;
    if (connection->write_result &&
        size > connection->write_room - connection->written)
        size = connection->write_room - connection->written;
    if (!peer->in_request && ++peer->request_count > SCRIPT_REQUESTS)
        abort();
    request = &peer->requests[peer->request_count - 1];
    script_append(request, data, size);
    connection->written += size;
    peer->in_request = !script_request_is_whole(request);
    connection->requests += !peer->in_request;
    return (int)size;
}

static inline int script_transport_wait(void *ctx, int events, int timeout_ms)
{
    script *peer = (script *)ctx;
    if (peer->now && peer->now->wait_result)
        return peer->now->wait_result;
    if ((events & PUTER_WRITABLE) ||
        ((events & PUTER_READABLE) && peer->now && script_readable(peer->now)))
        return 1;
    if (timeout_ms < 0)
        return PUTER_ERR_CLOSED; /* rather than hang */
    poll(NULL, 0, timeout_ms);
    return 0;
}

/* ---- what the peer does ------------------------------------------------- */

/* The next reply, as it is on the wire. */
static inline void script_raw(script *peer, const void *data, size_t size)
{
    script_connection *connection = script_current(peer);
    if (connection->reply_count == SCRIPT_REPLIES || size == 0)
        abort();
    script_append(&connection->replies[connection->reply_count++], data, size);
}

static inline void script_text(script *peer, const char *text)
{
    script_raw(peer, text, strlen(text));
}

/* The next reply, framed by its length. */
static inline void script_typed_reply(script *peer, int status,
                                      const char *type, const char *body)
{
    char head[256];
    script_bytes reply = {0};
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\n"
             "Content-Length: %zu\r\nConnection: keep-alive\r\n\r\n",
             status, type, strlen(body));
    script_append(&reply, head, strlen(head));
    script_append(&reply, body, strlen(body));
    script_raw(peer, reply.bytes, reply.length);
    free(reply.bytes);
}

static inline void script_reply(script *peer, int status, const char *json)
{
    script_typed_reply(peer, status, "application/json; charset=utf-8", json);
}

/* ---- the client on it --------------------------------------------------- */

/* A client on the peer; what `wanted` (may be NULL) leaves open is chosen so
 * that neither the network nor the environment plays a part. */
static inline puter_client *script_open(script *peer,
                                        const puter_options *wanted)
{
    puter_options options = {0};
    if (wanted)
        options = *wanted;
    if (!options.token)
        options.token = SCRIPT_TOKEN;
    if (!options.api_origin)
        options.api_origin = SCRIPT_ORIGIN;
    if (!options.idle_timeout_ms)
        options.idle_timeout_ms = 10000; /* a script that lacks a reply */
    options.no_environment = true;
    options.transport = &peer->transport;
    peer->transport.ctx = peer;
    peer->transport.open = script_transport_open;
    peer->transport.read = script_transport_read;
    peer->transport.write = script_transport_write;
    peer->transport.wait = script_transport_wait;
    peer->transport.close = script_transport_close;
    peer->transport.secure = peer->secure;
    return puter_open(&options);
}

/* Closes the client, frees what the peer holds and empties it. */
static inline void script_close(script *peer, puter_client *client)
{
    size_t i, j;
    puter_close(client);
    CHECK_INT(peer->closes, peer->opens);
    for (i = 0; i < SCRIPT_CONNECTIONS; i++)
        for (j = 0; j < SCRIPT_REPLIES; j++)
            free(peer->connections[i].replies[j].bytes);
    for (i = 0; i < SCRIPT_REQUESTS; i++)
        free(peer->requests[i].bytes);
    memset(peer, 0, sizeof *peer);
}

/* The body of a request, by its index; "" where there is none. */
static inline const char *script_sent(const script *peer, size_t index)
{
    const char *body = index < SCRIPT_REQUESTS
                           ? script_after_head(&peer->requests[index])
                           : NULL;
    return body ? body : "";
}

/* Whether a request, by its index, begins so. */
static inline bool script_begins(const script *peer, size_t index,
                                 const char *line)
{
    const char *head = peer->requests[index].bytes;
    return head && strncmp(head, line, strlen(line)) == 0;
}

#define CHECK_RESULT(seen, wanted) \
    check_string(puter_result_name(seen), puter_result_name(wanted), \
                 __FILE__, __LINE__, #seen)

/* What must hold of every failure, whatever it was: one line that names it,
 * whole characters, no controls and no token. */
static inline void script_check_failure(const puter_client *client,
                                        puter_result wanted)
{
    const puter_error *error = puter_last_error(client);
    const char *at;
    puter_writer writer = {0};
    CHECK_RESULT(error->result, wanted);
    CHECK(error->message[0] != '\0');
    CHECK(!strstr(error->message, SCRIPT_TOKEN));
    for (at = error->message; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f ||
            (*at == '\xC2' && at[1] < '\xA0'))
            break;
    CHECK_INT(*at, 0);
    puter_write_string(&writer, error->message);
    CHECK(!strstr(writer.text, "\xEF\xBF\xBD"));
    puter_writer_free(&writer);
}
#endif
