/* tls_peer.h - a TLS server for a connection or a few, in a process of its
 * own.
 *
 *     peer_job job = {0};
 *     peer server;
 *     job.reply = "HTTP/1.1 200 OK\r\n...";
 *     ... what it is to present ...
 *     peer_start(&server, &job);
 *     ... a client connects to 127.0.0.1, port server.port ...
 *     if (peer_end(&server)) ... server.seen tells what it saw ...
 *
 * A process and not a thread: Mbed TLS 3 does TLS 1.3 through PSA, whose
 * state the whole process shares and which is not made for threads.
 */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include "certs.h"
#include "script.h"

#include <mbedtls/ssl.h>
#ifdef MBEDTLS_SSL_TICKET_C
#include <mbedtls/ssl_ticket.h>
#endif
#if defined(MBEDTLS_USE_PSA_CRYPTO) || \
    (MBEDTLS_VERSION_NUMBER >= 0x03000000 && \
     defined(MBEDTLS_SSL_PROTO_TLS1_3))
#define PEER_PSA
#include <psa/crypto.h>
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEER_CHAIN = 4, PEER_SECONDS = 60 };

/* How the connection ends, once the reply is out. */
typedef enum peer_close {
    PEER_NOTIFY = 0, /* TLS says so: close_notify */
    PEER_FIN,        /* only TCP does */
    PEER_RESET
} peer_close;

/* What the server is to do; all zero is a good server without certificate. */
typedef struct peer_job {
    cert_der chain[PEER_CHAIN];
    size_t chain_length;
    mbedtls_pk_context *key;
    const char *reply;
    peer_close close;
    bool tls12;            /* no newer version, where there is one */
    bool piecemeal;        /* each byte is a record and a packet */
    bool spoiled;          /* the reply's records change on the way */
    bool asks_certificate; /* of the client, who need not have one */
    bool ipv6;             /* listens on ::1 */
    int more;              /* connections after the first, one by one */
    const char *instead;   /* of the handshake: what it says then */
    size_t instead_length;
    bool mute;             /* instead of that: nothing, ever */
} peer_job;

/* What the server saw, in all connections. */
typedef struct peer_seen {
    char name[256];    /* server name indication */
    int names;         /* how often it came */
    char version[16];
    int tickets;       /* given to the client */
    size_t received;   /* bytes, decrypted */
    int requests;      /* whole ones */
} peer_seen;

typedef struct peer {
    int port;
    pid_t process;
    int pipe;
    peer_seen seen;
} peer;

/* What lives in the server's process. */
typedef struct peer_state {
    const peer_job *job;
    int socket;
    peer_seen seen;
    bool spoil; /* now */
    mbedtls_x509_crt chain;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
#ifdef MBEDTLS_SSL_TICKET_C
    mbedtls_ssl_ticket_context tickets;
#endif
} peer_state;

/* ---- callbacks of the TLS library --------------------------------------- */

static inline int peer_receive(void *ctx, unsigned char *buffer, size_t size)
{
    ssize_t count = recv(((peer_state *)ctx)->socket, buffer, size, 0);
    return count < 0 ? -1 : (int)count;
}

static inline int peer_send(void *ctx, const unsigned char *data, size_t size)
{
    peer_state *state = (peer_state *)ctx;
    ssize_t count;
    if (state->spoil) /* a record in the library's buffer */
        ((unsigned char *)data)[size - 1] ^= 1;
    count = send(state->socket, data, state->job->piecemeal ? 1 : size, 0);
    return count < 0 ? -1 : (int)count;
}

static inline int peer_note_name(void *ctx, mbedtls_ssl_context *ssl,
                                 const unsigned char *name, size_t length)
{
    peer_seen *seen = &((peer_state *)ctx)->seen;
    (void)ssl;
    snprintf(seen->name, sizeof seen->name, "%.*s", (int)length,
             (const char *)name);
    seen->names++;
    return 0;
}

#ifdef MBEDTLS_SSL_TICKET_C
static inline int peer_write_ticket(void *ctx,
                                    const mbedtls_ssl_session *session,
                                    unsigned char *start,
                                    const unsigned char *end, size_t *length,
                                    uint32_t *lifetime)
{
    peer_state *state = (peer_state *)ctx;
    state->seen.tickets++;
    return mbedtls_ssl_ticket_write(&state->tickets, session, start, end,
                                    length, lifetime);
}

static inline int peer_parse_ticket(void *ctx, mbedtls_ssl_session *session,
                                    unsigned char *ticket, size_t length)
{
    return mbedtls_ssl_ticket_parse(&((peer_state *)ctx)->tickets, session,
                                    ticket, length);
}
#endif

/* ---- the server's process ----------------------------------------------- */

/* A fork has the random numbers of its parent: it needs some of its own. */
static inline void peer_reseed(void)
{
    cert_must(mbedtls_ctr_drbg_reseed(&cert_random, NULL, 0), "reseeding");
#ifdef PEER_PSA
    mbedtls_psa_crypto_free();
    cert_must((int)psa_crypto_init(), "setting up PSA");
#endif
}

static inline void peer_offer_tickets(peer_state *state)
{
#ifdef MBEDTLS_SSL_TICKET_C
    mbedtls_ssl_ticket_init(&state->tickets);
    cert_must(mbedtls_ssl_ticket_setup(&state->tickets,
                                       mbedtls_ctr_drbg_random, &cert_random,
                                       MBEDTLS_CIPHER_AES_256_GCM, 3600),
              "setting up tickets");
    mbedtls_ssl_conf_session_tickets_cb(&state->config, peer_write_ticket,
                                        peer_parse_ticket, state);
#else
    (void)state;
#endif
}

static inline void peer_limit_version(mbedtls_ssl_config *config, bool tls12)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    if (tls12)
        mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#elif MBEDTLS_VERSION_NUMBER < 0x03000000
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    (void)tls12; /* nothing newer is known */
#endif
}

/* As a server, Mbed TLS looks at its certificate and would not present a bad
 * one: it gets a good one for the same key, and then other bytes to send. */
static inline void peer_make_chain(peer_state *state)
{
    const peer_job *job = state->job;
    mbedtls_x509_crt *link = &state->chain;
    cert good = {0};
    cert_der der;
    size_t i;
    good.subject = good.issuer = "CN=Good";
    good.key = good.issuer_key = job->key;
    der = cert_make(&good);
    mbedtls_x509_crt_init(link);
    cert_must(mbedtls_x509_crt_parse_der(link, der.bytes, der.length),
              "reading a certificate");
    for (i = 0; i < job->chain_length; i++) {
        if (i > 0)
            link = link->next =
                (mbedtls_x509_crt *)calloc(1, sizeof *link->next);
        cert_must(link ? 0 : -1, "having memory");
        link->raw.p = (unsigned char *)job->chain[i].bytes;
        link->raw.len = job->chain[i].length;
    }
}

static inline void peer_configure(peer_state *state)
{
    const peer_job *job = state->job;
    mbedtls_ssl_config *config = &state->config;
    peer_make_chain(state);
    mbedtls_ssl_config_init(config);
    cert_must(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER,
                                          MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT),
              "configuring TLS");
    peer_limit_version(config, job->tls12);
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &cert_random);
    mbedtls_ssl_conf_sni(config, peer_note_name, state);
    cert_must(mbedtls_ssl_conf_own_cert(config, &state->chain, job->key),
              "configuring the certificate");
    if (job->asks_certificate)
        mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    peer_offer_tickets(state);
    mbedtls_ssl_init(&state->ssl);
    cert_must(mbedtls_ssl_setup(&state->ssl, config), "setting up TLS");
    mbedtls_ssl_set_bio(&state->ssl, state, peer_send, peer_receive, NULL);
}

static inline bool peer_read_request(peer_state *state)
{
    script_bytes request = {0};
    unsigned char piece[1024];
    bool whole = false;
    while (!whole) {
        int count = mbedtls_ssl_read(&state->ssl, piece, sizeof piece);
        if (count <= 0)
            break;
        state->seen.received += (size_t)count;
        script_append(&request, piece, (size_t)count);
        whole = script_request_is_whole(&request);
    }
    state->seen.requests += whole;
    free(request.bytes);
    return whole;
}

static inline void peer_write_reply(peer_state *state)
{
    const unsigned char *next = (const unsigned char *)state->job->reply;
    size_t left = next ? strlen(state->job->reply) : 0;
    state->spoil = state->job->spoiled;
    while (left > 0) {
        int count = mbedtls_ssl_write(&state->ssl, next,
                                      state->job->piecemeal ? 1 : left);
        if (count <= 0)
            break;
        next += count;
        left -= (size_t)count;
    }
}

static inline void peer_speak_tls(peer_state *state)
{
    const char *version;
    cert_must(mbedtls_ssl_session_reset(&state->ssl), "starting TLS anew");
    if (mbedtls_ssl_handshake(&state->ssl) != 0)
        return;
    version = mbedtls_ssl_get_version(&state->ssl);
    snprintf(state->seen.version, sizeof state->seen.version, "%s", version);
    if (!peer_read_request(state))
        return;
    peer_write_reply(state);
    if (state->job->close == PEER_NOTIFY)
        mbedtls_ssl_close_notify(&state->ssl);
}

/* Says something else to the client's first words. */
static inline void peer_speak_otherwise(peer_state *state)
{
    unsigned char piece[1024];
    if (peer_receive(state, piece, sizeof piece) > 0)
        send(state->socket, state->job->instead, state->job->instead_length,
             0);
}

/* Ends the connection. But for a reset, the client's end is waited for: what
 * was not read when a socket closes would make a reset of it. */
static inline void peer_hang_up(peer_state *state)
{
    unsigned char piece[1024];
    struct linger at_once = {1, 0};
    if (state->job->close == PEER_RESET) {
        setsockopt(state->socket, SOL_SOCKET, SO_LINGER, &at_once,
                   sizeof at_once);
    } else {
        if (!state->job->mute)
            shutdown(state->socket, SHUT_WR);
        while (peer_receive(state, piece, sizeof piece) > 0)
            continue;
    }
    close(state->socket);
}

static inline void peer_serve(peer_state *state, int listener)
{
    int on = 1;
    state->socket = accept(listener, NULL, NULL);
    setsockopt(state->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (state->job->instead)
        peer_speak_otherwise(state);
    else if (!state->job->mute)
        peer_speak_tls(state);
    peer_hang_up(state);
}

/* Serves, tells what was seen, and ends the process. */
static inline void peer_run(const peer_job *job, int listener, int report)
{
    static peer_state state; /* for its size; a process has one */
    int i;
    alarm(PEER_SECONDS); /* a client that does not come, or stays */
    signal(SIGPIPE, SIG_IGN);
    peer_reseed();
    state.job = job;
    peer_configure(&state);
    for (i = 0; i <= job->more; i++)
        peer_serve(&state, listener);
    _exit(write(report, &state.seen, sizeof state.seen) !=
          (ssize_t)sizeof state.seen);
}

/* ---- the test's side ---------------------------------------------------- */

/* A socket that listens on loopback; -1: there is no such address here. */
static inline int peer_listen(bool ipv6, int *port)
{
    struct sockaddr_in v4 = {0};
    struct sockaddr_in6 v6 = {0};
    struct sockaddr *name = (struct sockaddr *)&v4;
    socklen_t size = sizeof v4;
    int listener = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    if (ipv6) {
        name = (struct sockaddr *)&v6;
        size = sizeof v6;
    }
    if (listener < 0)
        return -1;
    if (bind(listener, name, size) != 0 || listen(listener, 4) != 0 ||
        getsockname(listener, name, &size) != 0) {
        close(listener);
        return -1;
    }
    *port = ntohs(ipv6 ? v6.sin6_port : v4.sin_port);
    return listener;
}

/* false: the server cannot run on this machine (which may lack IPv6). */
static inline bool peer_start(peer *server, const peer_job *job)
{
    int ends[2], listener;
    memset(server, 0, sizeof *server);
    listener = peer_listen(job->ipv6, &server->port);
    if (listener < 0)
        return false;
    if (pipe(ends) != 0 || (server->process = fork()) < 0) {
        perror("tls_peer");
        exit(1);
    }
    if (server->process == 0)
        peer_run(job, listener, ends[1]);
    close(listener);
    close(ends[1]);
    server->pipe = ends[0];
    return true;
}

/* Waits for the server, once the client has closed; false if it broke. */
static inline bool peer_end(peer *server)
{
    int status;
    bool told = read(server->pipe, &server->seen, sizeof server->seen) ==
                (ssize_t)sizeof server->seen;
    close(server->pipe);
    waitpid(server->process, &status, 0);
    return told;
}
#endif
