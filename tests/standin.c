/* standin.c - a Puter service small enough to embed, for the demo, the tests
 * and users without a token. On loopback, over TLS with a certificate of its
 * own or over plain HTTP; one thread around poll(). `standin --help` lists
 * what its little model understands and which faults it can show.
 *
 *     cc -std=c99 tests/standin.c -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * standin_base.h     settings, the list of faults, bytes
 * standin_http.h     requests, answers, framing
 * standin_json.h     JSON as services of both eras write it
 * standin_chat.h     the model
 * standin_service.h  endpoints and the other interfaces
 * standin_certs.h    the CA and the certificate
 * standin.c          connections, the loop, options
 */
#define _POSIX_C_SOURCE 200809L

#define PUTER_IMPLEMENTATION
#define PUTER_STATIC
#define PUTER_NO_TLS /* of puter.h only its JSON is used */
#define PUTER_NO_SOCKETS
#include "../puter.h"

#include "standin_certs.h"
#include "standin_service.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    MAX_CONNECTIONS = 128,
    IDLE_MS = 5000,       /* keep-alive, as the real ones */
    REQUEST_MS = 60000,   /* to send a request */
    HANDSHAKE_MS = 10000,
    LINGER_MS = 2000,     /* for the peer to close as well */
    RESET_MS = 50,        /* for what came before a reset to arrive */
    PEER_WAIT = -1,
    PEER_FAILED = -2
};

/* ---- time --------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- connections -------------------------------------------------------- */

typedef enum state {
    SHAKING,   /* hands */
    READING,   /* a request */
    WRITING,   /* its answer */
    SILENT,    /* as a fault has it; what comes is thrown away */
    LINGERING, /* closed on this side; what comes is thrown away */
    HOLDING,   /* closed on this side; what comes is left unread */
    GONE
} state;

typedef struct connection {
    int fd;
    unsigned number;
    state state;
    short events;     /* to poll for; 0 where only time helps */
    int64_t deadline; /* in now_ms; -1: none */
    bool secure, reset;
    mbedtls_ssl_context ssl;
    bytes in;
    size_t scanned;   /* of `in`, without the end of a head */
    size_t head_length; /* 0: not yet known */
    request request;
    wire wire;
    size_t sent, cut; /* of the wire's bytes and cuts */
} connection;

static connection *connections[MAX_CONNECTIONS];
static size_t connection_count;

static void enter(connection *c, state next, short events, int timeout_ms)
{
    c->state = next;
    c->events = events;
    c->deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

static bool is_late(const connection *c)
{
    return c->deadline >= 0 && now_ms() >= c->deadline;
}

/* Mbed TLS's way down to the socket, and the plain connection's. */
static int socket_read(void *context, unsigned char *buffer, size_t size)
{
    connection *c = (connection *)context;
    ssize_t got = recv(c->fd, buffer, size, 0);
    if (got >= 0)
        return (int)got;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
               ? MBEDTLS_ERR_SSL_WANT_READ : PEER_FAILED;
}

static int socket_write(void *context, const unsigned char *data, size_t size)
{
    connection *c = (connection *)context;
    ssize_t put = send(c->fd, data, size > INT_MAX ? INT_MAX : size, 0);
    if (put >= 0)
        return (int)put;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
               ? MBEDTLS_ERR_SSL_WANT_WRITE : PEER_FAILED;
}

/* What a read or write came to: its count, 0 at the end, PEER_WAIT with the
 * events set, or PEER_FAILED. */
static int peer_result(connection *c, int result)
{
    switch (result) {
    case MBEDTLS_ERR_SSL_WANT_READ:
        c->events = POLLIN;
        return PEER_WAIT;
    case MBEDTLS_ERR_SSL_WANT_WRITE:
        c->events = POLLOUT;
        return PEER_WAIT;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
        return 0;
    default:
        return result < 0 ? PEER_FAILED : result;
    }
}

static int peer_read(connection *c, void *buffer, size_t size)
{
    unsigned char *to = (unsigned char *)buffer;
    return peer_result(c, c->secure ? mbedtls_ssl_read(&c->ssl, to, size)
                                    : socket_read(c, to, size));
}

static int peer_write(connection *c, const void *data, size_t size)
{
    const unsigned char *from = (const unsigned char *)data;
    return peer_result(c, c->secure ? mbedtls_ssl_write(&c->ssl, from, size)
                                    : socket_write(c, from, size));
}

static void leave(connection *c)
{
    struct linger at_once = {1, 0};
    if (c->reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(c->fd);
    enter(c, GONE, 0, -1);
}

/* Closes this side. With `notify`, TLS is told first; there is no waiting
 * for a peer that takes nothing. */
static void part(connection *c, bool notify, state next, int timeout_ms)
{
    if (c->secure && notify)
        mbedtls_ssl_close_notify(&c->ssl);
    shutdown(c->fd, SHUT_WR);
    enter(c, next, next == LINGERING ? POLLIN : 0, timeout_ms);
}

static void finish(connection *c)
{
    part(c, true, LINGERING, LINGER_MS);
}

/* ---- answering ---------------------------------------------------------- */

static void start_answer(connection *c, answer *a)
{
    const char *origin = request_header(&c->request, "Origin");
    frame(a, origin, &c->wire);
    answer_free(a);
    c->sent = c->cut = 0;
    enter(c, WRITING, POLLOUT, -1);
    if (c->wire.cuts.count == 1 && c->wire.pause_ms)
        enter(c, WRITING, 0, c->wire.pause_ms); /* nothing to pause within */
}

/* What of a request came, even if it is refused. */
static void log_request(const connection *c)
{
    size_t length = c->head_length + c->request.body_length;
    if (!settings.log)
        return;
    fwrite(c->in.data, 1, length < c->in.length ? length : c->in.length,
           settings.log);
    fprintf(settings.log, "\n---- connection %u\n", c->number);
    fflush(settings.log);
}

/* Answers what is not worth a service's attention, and closes. */
static void turn_away(connection *c, int status, ending end)
{
    answer a = {0};
    log_request(c);
    answer_page(&a, status, status_reason(status), true);
    a.ending = end;
    start_answer(c, &a);
}

static bool wants_close(const request *req)
{
    const char *value = request_header(req, "Connection");
    return value && strcasecmp(value, "close") == 0;
}

static void answer_whole_request(connection *c)
{
    answer a = {0};
    c->request.body = c->in.data + c->head_length;
    log_request(c);
    if (settings.fault == FAULT_CLOSE_EARLY) {
        finish(c);
        return;
    }
    a.ending = wants_close(&c->request) ? END_CLOSE : END_KEEP;
    answer_request(&c->request, &a);
    start_answer(c, &a);
}

/* ---- states ------------------------------------------------------------- */

static void shake_hands(connection *c)
{
    int result = mbedtls_ssl_handshake(&c->ssl);
    if (result == 0)
        enter(c, READING, POLLIN, IDLE_MS);
    else if (peer_result(c, result) != PEER_WAIT)
        part(c, false, LINGERING, LINGER_MS); /* an alert may be under way */
    else if (is_late(c))
        leave(c);
}

/* Looks for the empty line that ends a head. */
static bool find_head_end(connection *c)
{
    for (; c->scanned + 4 <= c->in.length; c->scanned++)
        if (memcmp(c->in.data + c->scanned, "\r\n\r\n", 4) == 0) {
            c->head_length = c->scanned + 4;
            return true;
        }
    return false;
}

/* Takes the head once it is there; false where it was refused or is not
 * there yet. */
static bool take_head(connection *c)
{
    if (c->head_length)
        return true;
    if (!find_head_end(c)) {
        if (c->in.length > MAX_HEAD)
            turn_away(c, 431, END_CLOSE);
        else if (!isupper((unsigned char)*c->in.data)) /* TLS, say */
            turn_away(c, 400, END_CLOSE);
        return false;
    }
    if (!parse_head(&c->request, c->in.data, c->head_length))
        turn_away(c, 400, END_CLOSE);
    else if (settings.fault == FAULT_EARLY_413)
        turn_away(c, 413, END_HOLD);
    else if (c->request.body_length > MAX_BODY)
        turn_away(c, 413, END_CLOSE);
    else
        return true;
    return false;
}

/* Answers if a whole request is there. */
static void take_request(connection *c)
{
    if (take_head(c) &&
        c->in.length - c->head_length >= c->request.body_length)
        answer_whole_request(c);
}

static void read_request(connection *c)
{
    char buffer[16384];
    int got = PEER_WAIT;
    while (c->state == READING &&
           (got = peer_read(c, buffer, sizeof buffer)) > 0) {
        if (c->in.length == 0)
            enter(c, READING, POLLIN, REQUEST_MS);
        bytes_add(&c->in, buffer, (size_t)got);
        take_request(c);
    }
    if (c->state != READING)
        return;
    if (got == PEER_FAILED)
        leave(c);
    else if (got == 0 || is_late(c))
        finish(c);
}

/* Makes ready for the next request, of which some may be there. */
static void next_request(connection *c)
{
    bytes_drop(&c->in, c->head_length + c->request.body_length);
    request_free(&c->request);
    c->scanned = c->head_length = 0;
    enter(c, READING, POLLIN, IDLE_MS);
    if (c->in.length)
        take_request(c);
    if (c->state == READING)
        read_request(c); /* TLS may hold bytes that poll() does not see */
}

/* All is written: what the answer's ending asks for. */
static void end_answer(connection *c)
{
    ending end = c->wire.ending;
    bytes_free(&c->wire.out);
    cuts_free(&c->wire.cuts);
    switch (end) {
    case END_KEEP:
        next_request(c);
        break;
    case END_CLOSE:
        finish(c);
        break;
    case END_NO_NOTIFY:
        part(c, false, LINGERING, LINGER_MS);
        break;
    case END_RESET:
        c->reset = true;
        enter(c, HOLDING, 0, RESET_MS);
        break;
    case END_HOLD:
        part(c, true, HOLDING, LINGER_MS);
        break;
    case END_SILENCE:
        enter(c, SILENT, POLLIN, -1);
        break;
    }
}

/* Writes up to the next cut. A pause is a deadline without events. */
static void write_answer(connection *c)
{
    size_t end = c->wire.cuts.at[c->cut];
    int put = peer_write(c, c->wire.out.data + c->sent, end - c->sent);
    if (put == PEER_WAIT)
        return;
    if (put <= 0) {
        leave(c);
        return;
    }
    c->sent += (size_t)put;
    enter(c, WRITING, POLLOUT, -1);
    if (c->sent < end)
        return;
    if (++c->cut == c->wire.cuts.count)
        end_answer(c);
    else if (c->wire.pause_ms)
        enter(c, WRITING, 0, c->wire.pause_ms);
}

/* Throws away what comes, below TLS, until the peer closes. */
static void discard(connection *c)
{
    unsigned char buffer[16384];
    int got;
    while ((got = socket_read(c, buffer, sizeof buffer)) > 0)
        ;
    if (got != MBEDTLS_ERR_SSL_WANT_READ || is_late(c))
        leave(c);
}

/* Takes a connection as far as it goes without waiting. */
static void advance(connection *c)
{
    switch (c->state) {
    case SHAKING:
        shake_hands(c);
        break;
    case READING:
        read_request(c);
        break;
    case WRITING:
        write_answer(c);
        break;
    case SILENT:
    case LINGERING:
        discard(c);
        break;
    case HOLDING:
        leave(c);
        break;
    case GONE:
        break;
    }
}

/* ---- coming and going --------------------------------------------------- */

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void open_tls(connection *c)
{
    mbedtls_ssl_init(&c->ssl);
    must(mbedtls_ssl_setup(&c->ssl, &tls.config), "setting up a connection");
    mbedtls_ssl_set_bio(&c->ssl, c, socket_write, socket_read, NULL);
    enter(c, SHAKING, POLLIN, HANDSHAKE_MS);
}

static void add_connection(int fd)
{
    static unsigned number;
    int on = 1;
    connection *c = (connection *)grow(NULL, sizeof *c);
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->number = ++number;
    c->secure = !settings.plain && settings.fault != FAULT_TLS_PLAIN;
    set_nonblocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    enter(c, READING, POLLIN, IDLE_MS);
    if (settings.fault == FAULT_HANG_UP)
        leave(c);
    else if (settings.fault == FAULT_MUTE)
        enter(c, SILENT, POLLIN, -1);
    else if (c->secure)
        open_tls(c);
    connections[connection_count++] = c;
}

static void accept_connection(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0)
        add_connection(fd);
}

static void connection_free(connection *c)
{
    if (c->secure)
        mbedtls_ssl_free(&c->ssl);
    bytes_free(&c->in);
    bytes_free(&c->wire.out);
    cuts_free(&c->wire.cuts);
    request_free(&c->request);
    free(c);
}

static void sweep(void)
{
    size_t i, kept = 0;
    for (i = 0; i < connection_count; i++)
        if (connections[i]->state == GONE)
            connection_free(connections[i]);
        else
            connections[kept++] = connections[i];
    connection_count = kept;
}

/* ---- the loop ----------------------------------------------------------- */

static int listeners[2] = {-1, -1}; /* IPv4, IPv6 */

static int wait_ms(void)
{
    int64_t first = -1, now = now_ms();
    size_t i;
    for (i = 0; i < connection_count; i++) {
        int64_t deadline = connections[i]->deadline;
        if (deadline >= 0 && (first < 0 || deadline < first))
            first = deadline;
    }
    return first < 0 ? -1 : first <= now ? 0 : (int)(first - now);
}

/* Waits, and takes every connection that something happened to further. */
static void turn(void)
{
    struct pollfd polls[MAX_CONNECTIONS + 2];
    size_t i, count = connection_count;
    for (i = 0; i < 2; i++) {
        /* A full house leaves newcomers in the queue. */
        polls[i].fd = count < MAX_CONNECTIONS - 2 ? listeners[i] : -1;
        polls[i].events = POLLIN;
    }
    for (i = 0; i < count; i++) {
        polls[i + 2].fd = connections[i]->fd;
        polls[i + 2].events = connections[i]->events;
    }
    if (poll(polls, (nfds_t)(count + 2), wait_ms()) < 0)
        return;
    for (i = 0; i < count; i++)
        if (polls[i + 2].revents || is_late(connections[i]))
            advance(connections[i]);
    for (i = 0; i < 2; i++)
        if (polls[i].fd >= 0 && polls[i].revents)
            accept_connection(listeners[i]);
    sweep();
}

/* ---- starting ----------------------------------------------------------- */

static int listen_on(const struct sockaddr *address, socklen_t size)
{
    int on = 1, fd = socket(address->sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    set_nonblocking(fd);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, address, size) == 0 && listen(fd, 128) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool listen_v4(int port)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    listeners[0] = listen_on((struct sockaddr *)&address, size);
    if (listeners[0] < 0)
        return false;
    getsockname(listeners[0], (struct sockaddr *)&address, &size);
    settings.port = ntohs(address.sin_port);
    return true;
}

/* The same port on ::1; false where another program has it. */
static bool listen_v6(void)
{
    struct sockaddr_in6 address = {0};
    address.sin6_family = AF_INET6;
    address.sin6_addr.s6_addr[15] = 1;
    address.sin6_port = htons((uint16_t)settings.port);
    listeners[1] = listen_on((struct sockaddr *)&address, sizeof address);
    return listeners[1] >= 0 || errno != EADDRINUSE;
}

static void start_listening(void)
{
    int tries, wanted = settings.port;
    for (tries = 0; tries < 16; tries++) {
        if (!listen_v4(wanted))
            break;
        if (listen_v6())
            return;
        close(listeners[0]);
        if (wanted)
            break;
    }
    die("port %d cannot be listened on: %s", wanted, strerror(errno));
}

static void on_signal(int signal_number)
{
    (void)signal_number;
    quit(0);
}

/* Nothing is left behind: a signal ends it and, on Linux, so does the end of
 * the process that started it. */
static void handle_signals(pid_t parent)
{
    static const int endings[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action;
    size_t i;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    for (i = 0; i < sizeof endings / sizeof *endings; i++)
        sigaction(endings[i], &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);
#endif
    if (getppid() != parent)
        quit(0); /* it ended before the request to be told */
}

static void print_help(void)
{
    size_t i;
    puts("usage: standin [--plain] [--port N] [--era 2025|2026]\n"
         "               [--fault NAME] [--log FILE]\n\n"
         "Prints its origin, for $PUTER_API_ORIGIN, and over TLS then the\n"
         "path of its CA's file, for $SSL_CERT_FILE. Any $PUTER_AUTH_TOKEN\n"
         "that begins with test-token is good. Without options: TLS, any\n"
         "free port, 2026, no fault. It ends with the process that started\n"
         "it. --log appends to FILE each request as it came, token and all,\n"
         "followed by a line that begins with ----.\n\n"
         "Prompts that begin with these words have special answers:");
    for (i = 0; i < SKILLS; i++)
        printf("  %-16s %s\n", skills[i].word, skills[i].what);
    puts("\nFaults:");
    for (i = FAULT_NONE + 1; i < FAULT_COUNT; i++)
        printf("  %-16s %s\n", faults[i].name, faults[i].what);
}

static void misused(const char *argument)
{
    fprintf(stderr, "standin: %s? (see --help)\n", argument);
    exit(2);
}

static standin_fault find_fault(const char *name)
{
    size_t i;
    for (i = 0; i < FAULT_COUNT; i++)
        if (strcmp(faults[i].name, name) == 0)
            return (standin_fault)i;
    misused(name);
    return FAULT_NONE;
}

static int read_number(const char *text, long least, long most)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number < least || number > most)
        misused(text);
    return (int)number;
}

/* Takes an option that has a value. */
static void set_option(const char *name, const char *value)
{
    if (!value)
        misused(name);
    else if (strcmp(name, "--port") == 0)
        settings.port = read_number(value, 0, 65535);
    else if (strcmp(name, "--era") == 0)
        settings.era = (standin_era)read_number(value, ERA_2025, ERA_2026);
    else if (strcmp(name, "--fault") == 0)
        settings.fault = find_fault(value);
    else if (strcmp(name, "--log") != 0)
        misused(name);
    else if (!(settings.log = fopen(value, "ab")))
        die("%s: %s", value, strerror(errno));
}

static void read_options(char **arguments)
{
    for (; *arguments; arguments++) {
        if (strcmp(*arguments, "--plain") == 0) {
            settings.plain = true;
        } else if (strcmp(*arguments, "--help") == 0) {
            print_help();
            exit(0);
        } else {
            set_option(arguments[0], arguments[1]);
            arguments++;
        }
    }
}

/* Nobody would find one that cannot say where it is. */
static void announce(void)
{
    printf("%s://api.puter.localhost:%d\n", settings.plain ? "http" : "https",
           settings.port);
    if (!settings.plain)
        puts(settings.ca_path);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("standard output cannot be written: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    (void)argc;
    read_options(argv + 1);
    handle_signals(parent);
    start_listening();
    if (!settings.plain)
        start_tls();
    announce();
    for (;;)
        turn();
}
