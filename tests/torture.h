/* torture.h - puter.h with all that lies below it in a test's hands: memory,
 * the transport's calls and the clock. Each is counted while the client is at
 * work, and any one of them, or all from one on, can be made to fail.
 *
 *     torture_client it = {0};
 *     torture_start();
 *     torture_open(&it, NULL, true);
 *     script_reply(&it.peer, 200, "{...}");
 *     torture_arm(STEP_READ, 3, false);
 *     puter_ask(it.client, ...);
 *     torture_disarm();
 *     torture_close(&it);
 *
 * Between the client and the script (script.h) there is TLS, if wanted, with
 * the stand-in's certificate: a real handshake and real records, all within
 * one thread.
 *
 * Time is the test's own: it passes where the client waits, and nowhere else.
 * So a pause costs nothing, and a hang shows as a timeout.
 */
#ifndef TORTURE_H
#define TORTURE_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- steps that can fail ------------------------------------------------ */

typedef enum torture_step {
    STEP_NONE,
    STEP_OURS,   /* an allocation of puter.h's */
    STEP_THEIRS, /* one of Mbed TLS's or libc's */
    STEP_OPEN,   /* calls of the transport */
    STEP_READ,
    STEP_WRITE,
    STEP_WAIT,
    STEP_ASK,    /* whether the exchange is cancelled */
    STEPS
} torture_step;

static struct {
    bool armed; /* it is the client that is at work: its steps count */
    torture_step step;
    size_t first; /* of these steps, the one that fails */
    bool on;      /* and all that come after it */
    size_t count[STEPS];
    size_t held;  /* blocks of memory that are puter.h's */
    int64_t now;  /* in ms */
} torture;

/* Counts a step; true where it has to fail. */
static inline bool torture_fails(torture_step step)
{
    size_t number = torture.armed ? ++torture.count[step] : 0;
    return number > 0 && step == torture.step &&
           (number == torture.first || (torture.on && number > torture.first));
}

/* From here on steps count, and the first-th of this kind fails. */
static inline void torture_arm(torture_step step, size_t first, bool on)
{
    memset(torture.count, 0, sizeof torture.count);
    torture.step = step;
    torture.first = first;
    torture.on = on;
    torture.armed = true;
}

static inline void torture_disarm(void)
{
    torture.armed = false;
}

/* ---- memory ------------------------------------------------------------- */

static inline void *torture_realloc(void *memory, size_t size)
{
    bool armed = torture.armed, fails = torture_fails(STEP_OURS);
    void *moved = NULL;
    torture.armed = false; /* it is not libc that asks */
    if (!fails)
        moved = realloc(memory, size);
    torture.armed = armed;
    torture.held += moved && !memory;
    return moved;
}

static inline void torture_free(void *memory)
{
    torture.held -= memory != NULL;
    free(memory);
}

/* Mbed TLS and libc ask the program for memory before they ask libc. So these
 * are asked, and hand on to the sanitizer's functions where they are there. */
#ifdef __GLIBC__
#define TORTURE_THEIRS true
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
    if (torture_fails(STEP_THEIRS))
        return NULL;
    return __interceptor_malloc ? __interceptor_malloc(size)
                                : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (torture_fails(STEP_THEIRS))
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(count, size)
                                : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    if (torture_fails(STEP_THEIRS))
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(memory, size)
                                 : __libc_realloc(memory, size);
}
#else
#define TORTURE_THEIRS false /* other systems have other ways, or none */
#endif

/* ---- time --------------------------------------------------------------- */

static inline int torture_clock(struct timespec *now)
{
    now->tv_sec = (time_t)(torture.now / 1000);
    now->tv_nsec = (long)(torture.now % 1000) * 1000000L;
    return 0;
}

static inline int torture_sleep(const struct timespec *pause)
{
    torture.now += (int64_t)pause->tv_sec * 1000 + pause->tv_nsec / 1000000;
    return 0;
}

/* ---- puter.h, on all that ----------------------------------------------- */

#define PUTER_MALLOC(size) torture_realloc(NULL, size)
#define PUTER_REALLOC torture_realloc
#define PUTER_FREE torture_free
#define clock_gettime(clock, now) torture_clock(now)
#define nanosleep(pause, rest) torture_sleep(pause)
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef clock_gettime
#undef nanosleep

#include "script.h"

/* The stand-in's certificate; of the rest of its foundation nothing is used. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include "standin_certs.h"
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

static char torture_root[2048]; /* the CA's certificate, PEM */

/* Makes the certificates, once, and leaves no file of them. */
static inline void torture_start(void)
{
    FILE *file;
    start_tls();
    file = fopen(settings.ca_path, "r");
    if (!file || fread(torture_root, 1, sizeof torture_root - 1, file) == 0)
        abort();
    fclose(file);
    unlink(settings.ca_path);
    *settings.ca_path = '\0';
}

#define TORTURE_PATIENCE 60000 /* ms of silence; nobody has to sit them out */

/* A client, what it talks to, and the manners of what lies between. */
typedef struct torture_client {
    script peer;
    puter_client *client;
    bool bytes;    /* reads and writes move one byte */
    bool pauses;   /* every call has to come twice */
    bool spurious; /* every other wait ends at once, for nothing */
    bool proxied;  /* there is a proxy before the peer's TLS */
    bool renegotiates; /* the peer asks for another handshake, if it can: */
    size_t before;     /* once so many bytes have come; 0: before it replies */
    bool unannounced; /* TLS ends without close_notify */
    int failure;   /* what a call gives that fails */
    /* its own */
    bool paused[STEPS]; /* the call before was one that has to come again */
    bool opened;        /* `open` was called, and `close` was not */
    bool reached;       /* and got through to the peer */
    puter_transport script; /* the way to the peer, */
    puter_transport below;  /* or to the TLS in front of it */
    mbedtls_ssl_context ssl;
    script_bytes in, out;   /* records from the client, and to it */
    int end;                /* what reading gives behind them */
    bool tunnelled;         /* the proxy has let the client through */
} torture_client;

/* ---- TLS, the peer's end ------------------------------------------------ */

static inline int torture_take(script_bytes *from, void *buffer, size_t size)
{
    if (size > from->length)
        size = from->length;
    memcpy(buffer, from->bytes, size);
    from->length -= size;
    memmove(from->bytes, from->bytes + size, from->length);
    return (int)size;
}

static inline int torture_ssl_send(void *ctx, const unsigned char *data,
                                   size_t size)
{
    script_append(&((torture_client *)ctx)->out, data, size);
    return (int)size;
}

static inline int torture_ssl_receive(void *ctx, unsigned char *buffer,
                                      size_t size)
{
    script_bytes *in = &((torture_client *)ctx)->in;
    return in->length > 0 ? torture_take(in, buffer, size)
                          : MBEDTLS_ERR_SSL_WANT_READ;
}

static inline void torture_ssl_write(torture_client *it,
                                     const unsigned char *data, int size)
{
    while (size > 0) {
        int count = mbedtls_ssl_write(&it->ssl, data, (size_t)size);
        if (count <= 0)
            abort();
        data += count;
        size -= count;
    }
}

/* A proxy that lets through whom it is asked to. */
static inline void torture_tunnel(torture_client *it)
{
    static const char yes[] = "HTTP/1.1 200 OK\r\n\r\n";
    if (it->in.length < 4 ||
        memcmp(it->in.bytes + it->in.length - 4, "\r\n\r\n", 4) != 0)
        return;
    it->in.length = 0;
    script_append(&it->out, yes, sizeof yes - 1);
    it->tunnelled = true;
}

/* Asks for a handshake before the reply: nobody need grant it (RFC 5246
 * section 7.4.1.1), and the connection goes on. */
static inline void torture_renegotiate(torture_client *it)
{
#ifdef MBEDTLS_SSL_RENEGOTIATION
    if (it->renegotiates &&
        strcmp(mbedtls_ssl_get_version(&it->ssl), "TLSv1.2") == 0)
        mbedtls_ssl_renegotiate(&it->ssl); /* TLS 1.3 has none */
#endif
    it->renegotiates = false;
}

/* Takes what the client has sent to the script, and its replies back. */
static inline void torture_serve(torture_client *it)
{
    const puter_transport *peer = &it->script;
    unsigned char piece[4096];
    int count;
    if (!it->tunnelled) {
        torture_tunnel(it);
        return;
    }
    while ((count = mbedtls_ssl_read(&it->ssl, piece, sizeof piece)) > 0) {
        if (peer->write(peer->ctx, piece, (size_t)count) != count)
            abort();
        if (it->before > 0 && it->peer.now->written >= it->before)
            torture_renegotiate(it);
    }
    if (count != MBEDTLS_ERR_SSL_WANT_READ) {
        it->end = 0; /* the client has left, or an alert refuses it */
        return;
    }
    while ((count = peer->read(peer->ctx, piece, sizeof piece)) > 0) {
        torture_renegotiate(it);
        torture_ssl_write(it, piece, count);
    }
    if (count == 0 && !it->unannounced)
        mbedtls_ssl_close_notify(&it->ssl);
    it->end = count;
}

static inline int torture_tls_open(void *ctx, const char *host, int port)
{
    torture_client *it = (torture_client *)ctx;
    it->in.length = it->out.length = 0;
    it->end = PUTER_WANT_READ;
    it->tunnelled = !it->proxied;
    mbedtls_ssl_init(&it->ssl);
#ifdef MBEDTLS_SSL_RENEGOTIATION
    mbedtls_ssl_conf_renegotiation(&tls.config,
                                   MBEDTLS_SSL_RENEGOTIATION_ENABLED);
#endif
    must(mbedtls_ssl_setup(&it->ssl, &tls.config), "setting up TLS");
    mbedtls_ssl_set_bio(&it->ssl, it, torture_ssl_send, torture_ssl_receive,
                        NULL);
    return it->script.open(it->script.ctx, host, port);
}

static inline void torture_tls_close(void *ctx)
{
    torture_client *it = (torture_client *)ctx;
    mbedtls_ssl_free(&it->ssl);
    it->script.close(it->script.ctx);
}

static inline int torture_tls_read(void *ctx, void *buffer, size_t size)
{
    torture_client *it = (torture_client *)ctx;
    if (it->out.length == 0 && it->end == PUTER_WANT_READ)
        torture_serve(it);
    return it->out.length > 0 ? torture_take(&it->out, buffer, size)
                              : it->end;
}

static inline int torture_tls_write(void *ctx, const void *data, size_t size)
{
    torture_client *it = (torture_client *)ctx;
    script_append(&it->in, data, size);
    return (int)size;
}

static inline int torture_tls_wait(void *ctx, int events, int timeout_ms)
{
    torture_client *it = (torture_client *)ctx;
    (void)timeout_ms;
    if (it->end == PUTER_WANT_READ)
        torture_serve(it);
    return (events & PUTER_WRITABLE) || it->out.length > 0 ||
           it->end != PUTER_WANT_READ;
}

/* ---- the transport that fails ------------------------------------------- */

/* Whether this call has to come again. */
static inline bool torture_pauses(torture_client *it, torture_step step)
{
    bool pauses = step == STEP_WAIT ? it->spurious : it->pauses;
    it->paused[step] = pauses && !it->paused[step];
    return it->paused[step];
}

/* What a lost connection has cut off is answered anew on the next one. */
static inline void torture_resume(script_connection *connection)
{
    connection->offset = 0;
    if (connection->reply > 0 && connection->reply == connection->reply_count)
        connection->reply--;
    connection->requests = connection->reply;
}

static inline int torture_open_below(void *ctx, const char *host, int port)
{
    torture_client *it = (torture_client *)ctx;
    bool armed = torture.armed;
    int result;
    it->opened = true;
    if (torture_fails(STEP_OPEN))
        return it->failure;
    if (torture_pauses(it, STEP_OPEN))
        return PUTER_WANT_WRITE;
    torture.armed = false;
    result = it->below.open(it->below.ctx, host, port);
    torture_resume(it->peer.now);
    it->reached = true;
    torture.armed = armed;
    return result;
}

static inline int torture_read(void *ctx, void *buffer, size_t size)
{
    torture_client *it = (torture_client *)ctx;
    bool armed = torture.armed;
    int count;
    if (torture_fails(STEP_READ))
        return it->failure;
    if (torture_pauses(it, STEP_READ))
        return PUTER_WANT_READ;
    torture.armed = false;
    count = it->below.read(it->below.ctx, buffer, it->bytes ? 1 : size);
    torture.armed = armed;
    return count;
}

static inline int torture_write(void *ctx, const void *data, size_t size)
{
    torture_client *it = (torture_client *)ctx;
    bool armed = torture.armed;
    int count;
    if (torture_fails(STEP_WRITE))
        return it->failure;
    if (torture_pauses(it, STEP_WRITE))
        return PUTER_WANT_WRITE;
    torture.armed = false;
    count = it->below.write(it->below.ctx, data, it->bytes ? 1 : size);
    torture.armed = armed;
    return count;
}

/* Nothing comes but what is there already: so time is up at once. */
static inline int torture_wait(void *ctx, int events, int timeout_ms)
{
    torture_client *it = (torture_client *)ctx;
    bool armed = torture.armed;
    int ready;
    if (torture_fails(STEP_WAIT))
        return it->failure;
    if (torture_pauses(it, STEP_WAIT))
        return 0;
    torture.armed = false;
    ready = it->below.wait(it->below.ctx, events, 0);
    torture.armed = armed;
    if (ready == 0)
        torture.now += timeout_ms > 0 ? timeout_ms : TORTURE_PATIENCE;
    return ready;
}

static inline void torture_close_below(void *ctx)
{
    torture_client *it = (torture_client *)ctx;
    bool armed = torture.armed;
    torture.armed = false;
    CHECK(it->opened);
    if (it->reached)
        it->below.close(it->below.ctx);
    it->opened = it->reached = false;
    torture.armed = armed;
}

static inline bool torture_cancelled(void *user)
{
    (void)user;
    return torture_fails(STEP_ASK);
}

/* ---- clients ------------------------------------------------------------ */

/* Opens a client; `wanted` may be NULL. */
static inline void torture_open(torture_client *it,
                                const puter_options *wanted, bool secure)
{
    puter_transport *transport = &it->peer.transport;
    puter_options options = {0};
    if (wanted)
        options = *wanted;
    if (secure)
        options.api_origin = "https://localhost:1";
    if (!options.ca_data && !options.ca_file) {
        options.ca_data = torture_root;
        options.ca_size = strlen(torture_root);
    }
    if (it->proxied)
        options.proxy = "http://name:password@localhost:3128";
    options.idle_timeout_ms = TORTURE_PATIENCE;
    options.cancelled = torture_cancelled;
    it->client = script_open(&it->peer, &options);
    it->script = it->below = *transport;
    if (secure) {
        it->below.ctx = it;
        it->below.open = torture_tls_open;
        it->below.read = torture_tls_read;
        it->below.write = torture_tls_write;
        it->below.wait = torture_tls_wait;
        it->below.close = torture_tls_close;
    }
    transport->ctx = it;
    transport->open = torture_open_below;
    transport->read = torture_read;
    transport->write = torture_write;
    transport->wait = torture_wait;
    transport->close = torture_close_below;
}

/* Closes it, which leaves nothing behind. */
static inline void torture_close(torture_client *it)
{
    torture_disarm();
    script_close(&it->peer, it->client);
    CHECK(!it->opened);
    CHECK_INT(torture.held, 0);
    free(it->in.bytes);
    free(it->out.bytes);
    memset(it, 0, sizeof *it);
}

#endif
