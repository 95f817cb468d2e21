/* tls_peer.h - a TLS server that does as it is told, in its own process.
 *
 *     peer server;
 *     peer_job job = {0};
 *     peer_open(&server);
 *     job.reply = "HTTP/1.1 200 OK\r\n...";
 *     ... what it is to present ...
 *     peer_start(&server, &job);
 *     ... a client connects to 127.0.0.1, port server.port, and closes ...
 *     if (peer_end(&server)) ... server.seen tells what the server saw ...
 *     peer_close(&server);
 *
 * A process and not a thread: Mbed TLS 3 does TLS 1.3 through PSA, whose
 * state the whole process shares and which is not made for threads.
 */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include "certs.h"
#include "script.h"

#include <mbedtls/platform.h>
#ifdef MBEDTLS_SSL_TICKET_C
#include <mbedtls/ssl_ticket.h>
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEER_CHAIN = 11, PEER_PATIENCE_MS = 30000 };

/* How the connection ends, once the reply is out. */
typedef enum peer_farewell {
    PEER_NOTIFY = 0, /* TLS says so: close_notify */
    PEER_FIN,        /* only TCP does */
    PEER_RESET
} peer_farewell;

/* What the server is to do. What it points to was there, unchanged, when the
 * server was opened. */
typedef struct peer_job {
    cert_der chain[PEER_CHAIN];
    size_t chain_length;
    mbedtls_pk_context *key;
    const char *reply;
    peer_farewell farewell;
    bool tls12;            /* no newer version, where there is one */
    bool tls13;            /* no older one */
    bool piecemeal;        /* each byte is a record and a packet */
    int padding;           /* records of nothing before each of the reply */
    bool spoiled;          /* the reply's records change on the way */
    bool asks_certificate; /* of the client, who need not have one */
    bool refuses;          /* all, by an alert behind the handshake */
    bool renegotiates;     /* asks for a new handshake before it replies, if
                              that is TLS 1.2: 1.3 has none */
    bool declines;         /* to resume a session, though it gave a ticket */
    bool ipv6;             /* listens on ::1 */
    int more;              /* connections after the first, one by one */
    int again;             /* requests after the first, on a connection */
    bool hasty;            /* replies to what it has not read */
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
    bool asked_anew;   /* for a new handshake */
    int resumed;       /* taken back */
    size_t received;   /* bytes, decrypted */
    int requests;      /* whole ones */
    int farewells;     /* close_notify in place of one */
} peer_seen;

typedef struct peer {
    pid_t process;
    int line; /* to the process: jobs go there, ports and sights come back */
    int port; /* 0: the machine has no such address (it may lack IPv6) */
    peer_seen seen;
} peer;

/* What lives in the server's process. */
typedef struct peer_state {
    peer_job job;
    peer_seen seen;
    int socket;
    bool spoil; /* now */
    cert_der good;
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
    count = send(state->socket, data, state->job.piecemeal ? 1 : size, 0);
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
    peer_state *state = (peer_state *)ctx;
    int error = state->job.declines
                    ? MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED
                    : mbedtls_ssl_ticket_parse(&state->tickets, session,
                                               ticket, length);
    state->seen.resumed += error == 0;
    return error;
}
#endif

/* ---- a connection, in the server's process ------------------------------ */

static inline void peer_offer_tickets(peer_state *state)
{
#ifdef MBEDTLS_SSL_TICKET_C
    mbedtls_ssl_ticket_init(&state->tickets);
    cert_must(mbedtls_ssl_ticket_setup(&state->tickets,
                                       mbedtls_ctr_drbg_random, &cert_random,
                                       MBEDTLS_CIPHER_AES_256_GCM, 3600),
              "setting up tickets");
    if (!state->job.refuses) /* which is to be the first that comes */
        mbedtls_ssl_conf_session_tickets_cb(&state->config, peer_write_ticket,
                                            peer_parse_ticket, state);
#else
    (void)state;
#endif
}

static inline void peer_limit_version(mbedtls_ssl_config *config,
                                      const peer_job *job)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    mbedtls_ssl_conf_min_tls_version(config, job->tls13
                                                 ? MBEDTLS_SSL_VERSION_TLS1_3
                                                 : MBEDTLS_SSL_VERSION_TLS1_2);
    if (job->tls12)
        mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#elif MBEDTLS_VERSION_NUMBER < 0x03000000
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    (void)job; /* nothing newer is known */
#endif
}

/* As a server, Mbed TLS looks at its certificate and would not present a bad
 * one: it gets a good one for the same key, and then other bytes to send. */
static inline void peer_make_chain(peer_state *state)
{
    mbedtls_x509_crt *link = &state->chain;
    cert good = {0};
    size_t i;
    good.subject = good.issuer = "CN=Good";
    good.key = good.issuer_key = state->job.key;
    state->good = cert_make(&good);
    mbedtls_x509_crt_init(link);
    cert_must(mbedtls_x509_crt_parse_der_nocopy(link, state->good.bytes,
                                                state->good.length),
              "reading a certificate");
    for (i = 0; i < state->job.chain_length; i++) {
        if (i > 0)
            link = link->next =
                (mbedtls_x509_crt *)mbedtls_calloc(1, sizeof *link);
        cert_must(link ? 0 : -1, "having memory");
        link->raw.p = state->job.chain[i].bytes;
        link->raw.len = state->job.chain[i].length;
    }
}

static inline void peer_configure(peer_state *state)
{
    mbedtls_ssl_config *config = &state->config;
    peer_make_chain(state);
    mbedtls_ssl_config_init(config);
    cert_must(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER,
                                          MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT),
              "configuring TLS");
    peer_limit_version(config, &state->job);
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &cert_random);
    mbedtls_ssl_conf_sni(config, peer_note_name, state);
    cert_must(mbedtls_ssl_conf_own_cert(config, &state->chain,
                                        state->job.key),
              "configuring the certificate");
#ifdef MBEDTLS_SSL_RENEGOTIATION
    mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
#endif
    if (state->job.asks_certificate)
        mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    peer_offer_tickets(state);
}

static inline void peer_forget(peer_state *state)
{
#ifdef MBEDTLS_SSL_TICKET_C
    mbedtls_ssl_ticket_free(&state->tickets);
#endif
    mbedtls_ssl_config_free(&state->config);
    mbedtls_x509_crt_free(&state->chain);
}

static inline bool peer_read_request(peer_state *state)
{
    script_bytes request = {0};
    unsigned char piece[1024];
    bool whole = false;
    while (!whole) {
        int count = mbedtls_ssl_read(&state->ssl, piece, sizeof piece);
        state->seen.farewells += count == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
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
    const unsigned char *next = (const unsigned char *)state->job.reply;
    size_t left = next ? strlen(state->job.reply) : 0;
    state->spoil = state->job.spoiled;
    while (left > 0) {
        int i, count;
        for (i = 0; i < state->job.padding; i++)
            mbedtls_ssl_write(&state->ssl, next, 0);
        count = mbedtls_ssl_write(&state->ssl, next,
                                  state->job.piecemeal ? 1 : left);
        if (count <= 0)
            break;
        next += count;
        left -= (size_t)count;
    }
}

static inline void peer_converse(peer_state *state)
{
    int left;
    if (mbedtls_ssl_handshake(&state->ssl) != 0)
        return;
    snprintf(state->seen.version, sizeof state->seen.version, "%s",
             mbedtls_ssl_get_version(&state->ssl));
    if (state->job.refuses) {
        mbedtls_ssl_send_alert_message(&state->ssl,
                                       MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED);
        return;
    }
    for (left = state->job.again; left >= 0; left--) {
        if (!state->job.hasty && !peer_read_request(state))
            return;
#ifdef MBEDTLS_SSL_RENEGOTIATION
        if (state->job.renegotiates && state->job.tls12)
            state->seen.asked_anew = mbedtls_ssl_renegotiate(&state->ssl) == 0;
#endif
        peer_write_reply(state);
    }
    if (state->job.farewell == PEER_NOTIFY)
        mbedtls_ssl_close_notify(&state->ssl);
}

static inline void peer_speak_tls(peer_state *state)
{
    state->spoil = false;
    mbedtls_ssl_init(&state->ssl);
    cert_must(mbedtls_ssl_setup(&state->ssl, &state->config),
              "setting up TLS");
    mbedtls_ssl_set_bio(&state->ssl, state, peer_send, peer_receive, NULL);
    peer_converse(state);
    mbedtls_ssl_free(&state->ssl);
}

/* Says something else to the client's first words. */
static inline void peer_speak_otherwise(peer_state *state)
{
    unsigned char piece[1024];
    if (peer_receive(state, piece, sizeof piece) > 0)
        send(state->socket, state->job.instead, state->job.instead_length,
             0);
}

/* Ends the connection. But for a reset, the client's end is waited for: what
 * was not read when a socket closes would make a reset of it. */
static inline void peer_hang_up(peer_state *state)
{
    unsigned char piece[1024];
    struct linger at_once = {1, 0};
    if (state->job.farewell == PEER_RESET) {
        setsockopt(state->socket, SOL_SOCKET, SO_LINGER, &at_once,
                   sizeof at_once);
    } else {
        if (!state->job.mute)
            shutdown(state->socket, SHUT_WR);
        while (peer_receive(state, piece, sizeof piece) > 0)
            continue;
    }
    close(state->socket);
}

static inline void peer_serve(peer_state *state, int listener)
{
    struct timeval patience = {PEER_PATIENCE_MS / 1000, 0};
    struct pollfd caller = {0};
    int on = 1;
    caller.fd = listener;
    caller.events = POLLIN;
    if (poll(&caller, 1, PEER_PATIENCE_MS) <= 0)
        return;
    state->socket = accept(listener, NULL, NULL);
    setsockopt(state->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(state->socket, SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof patience);
    if (state->job.instead)
        peer_speak_otherwise(state);
    else if (!state->job.mute)
        peer_speak_tls(state);
    peer_hang_up(state);
}

/* ---- the server's process ----------------------------------------------- */

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

static inline void peer_do(peer_state *state, int line)
{
    int port = 0, i, listener = peer_listen(state->job.ipv6, &port);
    send(line, &port, sizeof port, 0);
    if (listener < 0)
        return;
    memset(&state->seen, 0, sizeof state->seen);
    peer_configure(state);
    for (i = 0; i <= state->job.more; i++)
        peer_serve(state, listener);
    peer_forget(state);
    close(listener);
    send(line, &state->seen, sizeof state->seen, 0);
}

/* Does one job after another, until the test is done. A fork has the random
 * numbers of its parent: it needs some of its own. */
static inline void peer_run(int line)
{
    static peer_state state; /* for its size; a process has one */
    signal(SIGPIPE, SIG_IGN);
    cert_must(mbedtls_ctr_drbg_reseed(&cert_random, NULL, 0), "reseeding");
#ifdef TLS_OVER_PSA
    cert_must((int)psa_crypto_init(), "setting up PSA");
#endif
    while (recv(line, &state.job, sizeof state.job, MSG_WAITALL) ==
           (ssize_t)sizeof state.job)
        peer_do(&state, line);
    _exit(0);
}

/* ---- the test's side ---------------------------------------------------- */

/* Before the test itself does any TLS, whose state would be forked, too. */
static inline void peer_open(peer *server)
{
    int ends[2];
    memset(server, 0, sizeof *server);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
        (server->process = fork()) < 0) {
        perror("tls_peer");
        exit(1);
    }
    if (server->process == 0) {
        close(ends[0]);
        peer_run(ends[1]);
    }
    close(ends[1]);
    server->line = ends[0];
}

/* Gives it a job; false: the machine has no such address. */
static inline bool peer_start(peer *server, const peer_job *job)
{
    server->port = 0;
    send(server->line, job, sizeof *job, 0);
    recv(server->line, &server->port, sizeof server->port, MSG_WAITALL);
    return server->port != 0;
}

/* Waits for the end of the job, once the client has closed; false if the
 * server broke. */
static inline bool peer_end(peer *server)
{
    return recv(server->line, &server->seen, sizeof server->seen,
                MSG_WAITALL) == (ssize_t)sizeof server->seen;
}

static inline void peer_close(peer *server)
{
    close(server->line);
    waitpid(server->process, NULL, 0);
}
#endif
