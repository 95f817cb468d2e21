/* test_time.c - deadlines, cancelling and the client in an event loop, over
 * real sockets: the peers are threads here, or the stand-in.
 *
 * What is tested is how an exchange ends, and that it does. How long it took
 * is not: machines are busy. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "script.h"
#include "standin.h"

#include <pthread.h>

enum {
    SHORT_MS = 200, /* a limit that is meant to be met */
    LONG_MS = 30000 /* and one that is not */
};

/* ---- a peer that goes silent -------------------------------------------- */

/* What it does with the one connection that it takes. */
typedef struct conduct {
    const char *name;
    const char *says; /* once it has read something; NULL: reads nothing */
    int pause_ms;     /* before each byte of it */
    bool endless;     /* and then something, for ever */
    bool leaves;      /* it does not stay for the client to leave first */
    bool secure;      /* the client takes it for TLS */
} conduct;

typedef struct peer {
    const conduct *conduct;
    int listener, port;
    bool accepts;
    pthread_t thread;
} peer;

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* A listener on a loopback address; 0 chooses a port. -1: it has none. */
static int listen_on(const char *host, int port)
{
    struct addrinfo hints, *address = NULL;
    char service[16];
    int fd = -1;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &address) == 0)
        fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd >= 0 &&
        (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, 8))) {
        close(fd);
        fd = -1;
    }
    if (address)
        freeaddrinfo(address);
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    char service[16] = "0";
    getsockname(fd, (struct sockaddr *)&name, &length);
    getnameinfo((struct sockaddr *)&name, length, NULL, 0, service,
                sizeof service, NI_NUMERICSERV);
    return atoi(service);
}

static void speak(int fd, const conduct *it)
{
    const char *at = it->says;
    bool heard = true;
    while (heard && (*at || it->endless)) {
        pause_ms(it->pause_ms);
        heard = send(fd, *at ? at : "a", 1, 0) == 1;
        at += *at != '\0';
    }
}

/* Takes one connection, and stays until the client has left it. */
static void *serve(void *argument)
{
    peer *it = (peer *)argument;
    struct pollfd item;
    char buffer[4096];
    sigset_t signals;
    int fd;
    sigfillset(&signals); /* SIGPIPE too: the client's is what is tested */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    item.fd = it->listener;
    item.events = POLLIN;
    if (poll(&item, 1, LONG_MS) != 1)
        return NULL;
    fd = accept(it->listener, NULL, NULL);
    if (recv(fd, buffer, sizeof buffer, 0) > 0)
        speak(fd, it->conduct);
    if (it->conduct->leaves) {
        shutdown(fd, SHUT_WR);
        pause_ms(*it->conduct->says ? SHORT_MS : 0); /* to be heard */
    } else {
        while (recv(fd, buffer, sizeof buffer, 0) > 0)
            continue;
    }
    close(fd); /* a reset, where something is left unread */
    return NULL;
}

static void peer_start(peer *it, const conduct *wanted, const char *host)
{
    it->conduct = wanted;
    it->listener = listen_on(host, 0);
    it->port = port_of(it->listener);
    it->accepts = wanted->says != NULL;
    if (it->accepts)
        pthread_create(&it->thread, NULL, serve, it);
}

static void peer_stop(peer *it)
{
    if (it->accepts)
        pthread_join(it->thread, NULL);
    close(it->listener);
}

/* ---- asking ------------------------------------------------------------- */

#define TOO_LONG (16 * 1024 * 1024) /* for sockets to hold it all */

static char *long_prompt(size_t length)
{
    char *text = (char *)malloc(length + 1);
    if (!text)
        abort();
    memset(text, 'x', length);
    text[length] = '\0';
    return text;
}

/* Waits as an event loop does; false where it is not told for what. */
static bool wait_for(const puter_client *client)
{
    struct pollfd item;
    item.fd = puter_client_fd(client);
    item.events = 0;
    if (puter_client_events(client) & PUTER_READABLE)
        item.events |= POLLIN;
    if (puter_client_events(client) & PUTER_WRITABLE)
        item.events |= POLLOUT;
    poll(&item, 1, puter_client_deadline(client));
    return item.fd >= 0 && item.events != 0;
}

/* Asks for a stream and adds up its text. Of a client that does not block, it
 * is this that waits; `waits` tells how often. */
static puter_result ask(puter_client *client, const char *prompt,
                        script_bytes *text, int *waits)
{
    puter_request request = {0};
    puter_event event;
    bool told = true;
    int next;
    *waits = 0;
    request.prompt = prompt;
    next = puter_stream_begin(client, &request);
    while (next >= 0) {
        if (next == PUTER_WAIT) {
            told &= wait_for(client);
            ++*waits;
        }
        next = puter_stream_next(client, &event);
        if (next == 0)
            break;
        if (next == 1 && event.type == PUTER_EVENT_TEXT)
            script_append(text, event.text, event.length);
    }
    CHECK(told);
    return puter_stream_end(client, NULL);
}

/* ---- limits ------------------------------------------------------------- */

typedef struct limit {
    const char *name; /* what the message has to say */
    puter_result result;
    int connect_ms, idle_ms, total_ms;
    bool cancels, nonblocking;
} limit;

static const limit limits[] = {
    {"connect_timeout_ms", PUTER_ERR_TIMEOUT, SHORT_MS, LONG_MS, LONG_MS,
     false, false},
    {"idle_timeout_ms", PUTER_ERR_TIMEOUT, LONG_MS, SHORT_MS, LONG_MS,
     false, false},
    {"total_timeout_ms", PUTER_ERR_TIMEOUT, LONG_MS, LONG_MS, SHORT_MS,
     false, false},
    {"total_timeout_ms", PUTER_ERR_TIMEOUT, LONG_MS, LONG_MS, SHORT_MS,
     false, true},
    {"cancelled", PUTER_ERR_CANCELLED, LONG_MS, LONG_MS, LONG_MS,
     true, false},
};

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define LINES "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n" \
    "Transfer-Encoding: chunked\r\n\r\n"
#define HALO "{\"success\":true,\"result\":\"Halo\"}"

/* Each stage of an exchange, with a peer that stops there, or trickles. */
static const conduct stages[] = {
    {.name = "handshake never read", .secure = true},
    {.name = "handshake unanswered", .says = "", .secure = true},
    {.name = "handshake that trickles", .says = "\x16\x03\x03\x10",
     .pause_ms = 50, .endless = true, .secure = true},
    {.name = "request never read"},
    {.name = "no head", .says = ""},
    {.name = "half a head", .says = "HTTP/1.1 200 OK\r\nContent-Ty"},
    {.name = "half a body", .says = HEAD "Content-Length: 31\r\n\r\n{\"succ"},
    {.name = "half a chunk line", .says = LINES "1"},
    {.name = "half a chunk", .says = LINES "20\r\n{\"te"},
    {.name = "half a stream", .says = LINES "10\r\n{\"text\":\"Halo\"}\n\r\n"},
    {.name = "head that trickles", .says = "HTTP/1.1 200 OK\r\nX: ",
     .pause_ms = 50, .endless = true},
    {.name = "body that trickles", .says = HEAD "\r\n",
     .pause_ms = 50, .endless = true},
};

static bool is_late(void *user)
{
    return puter__now() >= *(int64_t *)user;
}

/* A client of a service, whose CA may be NULL; to be cancelled from then on,
 * if at all. */
static puter_client *open_client(const char *origin, const char *ca,
                                 const limit *it, int64_t *cancel_at)
{
    puter_options options = {0};
    options.no_environment = true;
    options.token = STANDIN_TOKEN;
    options.api_origin = origin;
    options.ca_file = ca;
    options.connect_timeout_ms = it->connect_ms;
    options.idle_timeout_ms = it->idle_ms;
    options.total_timeout_ms = it->total_ms;
    options.nonblocking = it->nonblocking;
    options.cancelled = it->cancels ? is_late : NULL;
    options.user = cancel_at;
    *cancel_at = puter__now() + SHORT_MS;
    return puter_open(&options);
}

/* Starts a peer on this machine and opens a client of it. */
static puter_client *meet(peer *other, const conduct *stage, const limit *it,
                          int64_t *cancel_at)
{
    char origin[64];
    peer_start(other, stage, "127.0.0.1");
    snprintf(origin, sizeof origin, "%s://127.0.0.1:%d",
             stage->secure ? "https" : "http", other->port);
    return open_client(origin, NULL, it, cancel_at);
}

static void check_limit(puter_client *client, const limit *it,
                        const char *prompt)
{
    script_bytes text = {0};
    int waits;
    CHECK_INT(ask(client, prompt, &text, &waits), it->result);
    script_check_failure(client, it->result);
    CHECK(strstr(puter_last_error(client)->message, it->name));
    CHECK(!strstr(puter_last_error(client)->message, STANDIN_TOKEN));
    CHECK(it->nonblocking == (waits > 0));
    free(text.bytes);
}

/* While it connects, a client knows no silence, and later no connecting; and
 * who trickles is not silent. */
static bool limit_applies(const limit *it, const conduct *stage)
{
    if (it->connect_ms == SHORT_MS)
        return stage->secure;
    if (it->idle_ms == SHORT_MS)
        return !stage->secure && !stage->endless;
    return true;
}

static void test_limit(const limit *it, const conduct *stage)
{
    bool unread = !stage->says && !stage->secure;
    char *prompt = long_prompt(unread ? TOO_LONG : 10);
    puter_client *client;
    peer other;
    int64_t cancel_at;
    CHECK_IN("%s, %s%s", stage->name, it->name,
             it->nonblocking ? ", in an event loop" : "");
    client = meet(&other, stage, it, &cancel_at);
    check_limit(client, it, prompt);
    puter_close(client);
    peer_stop(&other);
    free(prompt);
}

static void test_limits(void)
{
    size_t i, j;
    for (i = 0; i < COUNT(stages); i++)
        for (j = 0; j < COUNT(limits); j++)
            if (limit_applies(&limits[j], &stages[i]))
                test_limit(&limits[j], &stages[i]);
}

/* ---- peers that answer in the end --------------------------------------- */

static const limit patient = {"", PUTER_OK, LONG_MS, LONG_MS, LONG_MS, false,
                              false};

/* Each byte of a reply is a sign of life: idle_timeout_ms begins anew. */
static void test_slow_reply(void)
{
    static const conduct slow = {
        .name = "slow", .says = HEAD "Content-Length: 32\r\n\r\n" HALO,
        .pause_ms = 10};
    limit it = patient;
    script_bytes text = {0};
    puter_client *client;
    peer other;
    int64_t cancel_at;
    int waits;
    CHECK_IN("slow reply");
    it.idle_ms = 700;
    client = meet(&other, &slow, &it, &cancel_at);
    CHECK_INT(ask(client, "Halo", &text, &waits), PUTER_OK);
    CHECK_STR(text.bytes, "Halo");
    free(text.bytes);
    puter_close(client);
    peer_stop(&other);
}

/* localhost is 127.0.0.1 first: where nobody listens there, ::1 is tried. */
static void test_dead_address(void)
{
    static const conduct answer = {
        .name = "answer", .says = HEAD "Content-Length: 32\r\n\r\n" HALO};
    script_bytes text = {0};
    puter_client *client;
    peer other;
    char origin[64];
    int64_t cancel_at;
    int waits, six = listen_on("::1", 0);
    CHECK_IN("dead address");
    if (six < 0) {
        puts("skipped: a dead address: this machine has no IPv6");
        return;
    }
    close(six);
    peer_start(&other, &answer, "::1");
    snprintf(origin, sizeof origin, "http://localhost:%d", other.port);
    client = open_client(origin, NULL, &patient, &cancel_at);
    CHECK_INT(ask(client, "Halo", &text, &waits), PUTER_OK);
    CHECK_STR(text.bytes, "Halo");
    free(text.bytes);
    puter_close(client);
    peer_stop(&other);
}

/* Asks in an event loop, up to where only the peer is waited for. */
static void begin_unheard(puter_client *client)
{
    static const puter_request request = {.prompt = "Halo"};
    CHECK(puter_stream_begin(client, &request) >= 0);
    while (CHECK_INT(puter_stream_next(client, NULL), PUTER_WAIT) &&
           puter_client_events(client) != PUTER_READABLE)
        wait_for(client);
}

/* No version is spoken before both sides know it. */
static void test_version_of_a_handshake(void)
{
    static const conduct mute = {.name = "mute", .says = "", .secure = true};
    limit it = patient;
    puter_client *client;
    peer other;
    int64_t cancel_at;
    CHECK_IN("version of a handshake");
    it.nonblocking = true;
    client = meet(&other, &mute, &it, &cancel_at);
    begin_unheard(client);
    CHECK_STR(puter_client_tls_version(client), "");
    puter_close(client);
    peer_stop(&other);
}

/* A limit on connecting is none on what follows: a loop is not told to call
 * at once, over and over. */
static void test_patience(void)
{
    static const conduct mute = {.name = "mute", .says = ""};
    limit it = patient;
    puter_client *client;
    peer other;
    int64_t cancel_at;
    CHECK_IN("patience");
    it.nonblocking = true;
    it.connect_ms = SHORT_MS;
    client = meet(&other, &mute, &it, &cancel_at);
    begin_unheard(client);
    pause_ms(2 * SHORT_MS);
    CHECK(puter_client_deadline(client) > 0);
    puter_close(client);
    peer_stop(&other);
}

/* Between two tries there is a connection and nothing to wait for on it. */
static void test_pause(void)
{
    static const conduct busy = {
        .name = "busy",
        .says = "HTTP/1.1 429 Later\r\nContent-Length: 2\r\n\r\n{}"};
    limit it = patient;
    puter_request request = {0};
    puter_event event;
    puter_client *client;
    peer other;
    int64_t cancel_at;
    int next;
    CHECK_IN("pause");
    it.nonblocking = true;
    request.prompt = "Halo";
    client = meet(&other, &busy, &it, &cancel_at);
    CHECK(puter_stream_begin(client, &request) >= 0);
    while ((next = puter_stream_next(client, &event)) == PUTER_WAIT &&
           puter_client_fd(client) >= 0)
        wait_for(client);
    CHECK_INT(next, PUTER_WAIT);
    CHECK_INT(puter_client_fd(client), -1);
    CHECK_INT(puter_client_events(client), 0);
    CHECK(puter_client_deadline(client) > 0);
    puter_close(client);
    peer_stop(&other);
}

/* ---- peers that leave while a request is sent --------------------------- */

/* SIGPIPE, left as it is by default, would end this program. */
static void check_leaving(const conduct *it, puter_result result, int status)
{
    char *prompt = long_prompt(5 * 1024 * 1024);
    puter_client *client;
    struct sigaction action;
    peer other;
    int64_t cancel_at;
    CHECK_IN("%s", it->name);
    client = meet(&other, it, &patient, &cancel_at);
    CHECK_INT(puter_ask(client, NULL, prompt, NULL), result);
    script_check_failure(client, result);
    CHECK_INT(puter_last_error(client)->http_status, status);
    sigaction(SIGPIPE, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL);
    puter_close(client);
    peer_stop(&other);
    free(prompt);
}

static void test_leaving(void)
{
    static const conduct silently = {
        .name = "left while sending", .says = "", .leaves = true};
    static const conduct with_413 = {
        .name = "early 413",
        .says = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n"
                "Connection: close\r\n\r\nToo large", .leaves = true};
    signal(SIGPIPE, SIG_DFL);
    check_leaving(&silently, PUTER_ERR_CLOSED, 0);
    check_leaving(&with_413, PUTER_ERR_REQUEST, 413);
}

/* ---- the stand-in ------------------------------------------------------- */

/* Silence behind TLS. */
static void test_silent_standin(void)
{
    static const struct {
        const char *fault;
        size_t limit;
    } rows[] = {{"mute", 0}, {"mute", 2}, {"mute", 4}, {"stall", 1},
                {"stall", 2}, {"stall", 3}, {"stall", 4}};
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        const limit *it = &limits[rows[i].limit];
        puter_client *client;
        standin service;
        int64_t cancel_at;
        CHECK_IN("stand-in, %s, %s", rows[i].fault, it->name);
        standin_start(&service, "2026", rows[i].fault);
        client = open_client(service.origin, service.ca, it, &cancel_at);
        check_limit(client, it, "Halo");
        puter_close(client);
        standin_stop(&service);
    }
}

/* ---- two ways to wait, and interruptions -------------------------------- */

/* Adds what a client of this kind is answered. */
static void listen_to(const standin *service, bool nonblocking,
                      const char *prompt, script_bytes *text)
{
    limit within = patient;
    int64_t cancel_at;
    puter_client *client;
    int waits;
    within.nonblocking = nonblocking;
    client = open_client(service->origin, service->ca, &within, &cancel_at);
    CHECK_INT(ask(client, prompt, text, &waits), PUTER_OK);
    CHECK_STR(puter_last_error(client)->message, "");
    CHECK(nonblocking || waits == 0);
    puter_close(client);
}

static void check_same_answers(const standin *service)
{
    static const char *const prompts[] = {
        "Halo", "think", "history", "repeat 200000"};
    size_t i;
    for (i = 0; i < COUNT(prompts); i++) {
        script_bytes blocking = {0}, driven = {0};
        CHECK_IN("%s, \"%s\"", service->origin, prompts[i]);
        listen_to(service, false, prompts[i], &blocking);
        listen_to(service, true, prompts[i], &driven);
        CHECK(blocking.length > 0);
        CHECK_STR(driven.bytes, blocking.bytes);
        free(blocking.bytes);
        free(driven.bytes);
    }
}

static volatile sig_atomic_t interrupting;

static void *interrupt(void *argument)
{
    while (interrupting) {
        pause_ms(1);
        pthread_kill(*(pthread_t *)argument, SIGALRM);
    }
    return NULL;
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

/* Every call of the system's that waits ends with EINTR, again and again. */
static void check_interrupted(const standin *service)
{
    struct sigaction action;
    script_bytes text = {0};
    pthread_t self = pthread_self(), other;
    CHECK_IN("%s, interrupted", service->origin);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    interrupting = true;
    pthread_create(&other, NULL, interrupt, &self);
    listen_to(service, false, "slow", &text);
    listen_to(service, true, "repeat 200000", &text);
    interrupting = false;
    pthread_join(other, NULL);
    CHECK(text.length > 200000);
    free(text.bytes);
}

static void test_standins(void)
{
    static const char *const kinds[][2] = {{"2025", "--plain"},
                                           {"2026", "none"}};
    size_t i;
    for (i = 0; i < COUNT(kinds); i++) {
        standin service;
        CHECK_IN("stand-in %s %s", kinds[i][0], kinds[i][1]);
        standin_start(&service, kinds[i][0], kinds[i][1]);
        check_same_answers(&service);
        check_interrupted(&service);
        standin_stop(&service);
    }
}

int main(void)
{
    test_limits();
    test_slow_reply();
    test_patience();
    test_pause();
    test_dead_address();
    test_version_of_a_handshake();
    test_leaving();
    test_silent_standin();
    test_standins();
    return check_done();
}
