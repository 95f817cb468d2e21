/* test_socket.c - the client's own sockets over a system whose calls fail:
 * names that nobody resolves, addresses that nobody answers at, descriptors
 * and memory that have run out, signals that interrupt.
 *
 * The calls that puter.h makes are answered here, and so is the service: no
 * packet is sent. Time passes where the client waits, and nowhere else. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* ---- the system --------------------------------------------------------- */

typedef enum os_call {
    NO_CALL,
    LOOKUP,    /* getaddrinfo */
    SOCKET,
    SET_FLAGS, /* fcntl */
    SET_CLOSE_ON_EXEC,
    CONNECT,
    ARRIVE,    /* poll while connecting: nothing happens */
    ASK_STATE, /* getsockopt */
    REFUSE,    /* what it tells of the connection */
    WAIT,      /* poll afterwards */
    SEND,
    RECEIVE
} os_call;

/* A call that fails, and what becomes of the exchange. */
typedef struct fault {
    const char *name;
    os_call call;
    int error;       /* what errno is set to; of LOOKUP what it gives */
    int times;       /* how often, from the first on; 0: always */
    int addresses;   /* of the host */
    int result;
    const char *says;
} fault;

static struct {
    const fault *fault;
    int failed;   /* how often */
    int then;     /* errno of the failures after the first; 0: the same */
    int refused;  /* what connections that arrive come to; 0: they stand */
    int lookups, connects;
    int descriptor; /* of the last connection */
    int prompt;   /* sockets that were told to send at once */
    int waits;    /* for room to send */
    bool connected;
    int64_t now;  /* in ms */
    size_t sent, received;
} machine;

/* Whether the next call of a kind fails. */
static bool will_fail(os_call it)
{
    const fault *f = machine.fault;
    return it == f->call && (f->times == 0 || machine.failed < f->times);
}

/* Whether this one does. */
static bool fails(os_call it)
{
    bool failed = will_fail(it);
    if (failed) {
        errno = machine.failed++ > 0 && machine.then ? machine.then
                                                     : machine.fault->error;
    }
    return failed;
}

static int machine_getaddrinfo(const char *host, const char *service,
                               const struct addrinfo *hints,
                               struct addrinfo **list)
{
    static struct addrinfo found[16];
    static struct sockaddr_in name;
    int i, count = machine.fault->addresses;
    (void)host, (void)service, (void)hints;
    machine.lookups++;
    if (fails(LOOKUP)) {
        errno = EMFILE; /* what EAI_SYSTEM refers to */
        return machine.fault->error;
    }
    name.sin_family = AF_INET;
    *list = count > 0 ? found : NULL;
    for (i = 0; i < count; i++) {
        found[i].ai_addr = (struct sockaddr *)&name;
        found[i].ai_addrlen = sizeof name;
        found[i].ai_next = i + 1 < count ? &found[i + 1] : NULL;
    }
    return 0;
}

static void machine_freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

static int machine_socket(int family, int type, int protocol)
{
    return fails(SOCKET) ? -1 : socket(family, type, protocol);
}

static int machine_fcntl(int fd, int command, int argument)
{
    if (fails(command == F_SETFL ? SET_FLAGS : SET_CLOSE_ON_EXEC))
        return -1;
    return fcntl(fd, command, argument);
}

static int machine_setsockopt(int fd, int level, int option, const void *value,
                              socklen_t size)
{
    machine.prompt += level == IPPROTO_TCP && option == TCP_NODELAY &&
                      *(const int *)value != 0;
    return setsockopt(fd, level, option, value, size);
}

static int machine_connect(int fd, const struct sockaddr *name,
                           socklen_t length)
{
    bool failed = fails(CONNECT);
    (void)name, (void)length;
    machine.descriptor = fd;
    machine.connects++;
    machine.connected = failed && machine.fault->error == 0;
    if (!failed)
        errno = EINPROGRESS;
    return machine.connected ? 0 : -1;
}

static int machine_getsockopt(int fd, int level, int option, void *value,
                              socklen_t *size)
{
    (void)fd, (void)level, (void)option, (void)size;
    if (fails(ASK_STATE))
        return -1;
    *(int *)value = fails(REFUSE) ? machine.fault->error : machine.refused;
    return 0;
}

/* Only while it connects does the client ask without time to wait. */
static int machine_poll(struct pollfd *items, nfds_t count, int timeout_ms)
{
    (void)count;
    if (timeout_ms == 0)
        return !fails(ARRIVE) ? machine.connected
                              : machine.fault->error ? -1 : 0;
    machine.waits += (items->events & POLLOUT) != 0;
    if (fails(WAIT))
        return -1;
    machine.connected = !will_fail(ARRIVE);
    machine.now += machine.connected ? 0 : timeout_ms;
    return machine.connected;
}

static ssize_t machine_send(int fd, const void *data, size_t size, int flags)
{
    (void)fd, (void)data, (void)flags;
    if (fails(SEND))
        return -1;
    machine.sent += size;
    return (ssize_t)size;
}

static ssize_t machine_recv(int fd, void *buffer, size_t size, int flags)
{
    static const char halo[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Content-Length: 56\r\n\r\n"
        "{\"success\":true,\"result\":{\"message\":{\"content\":\"Halo\"}}}";
    size_t left = sizeof halo - 1 - machine.received;
    (void)fd, (void)flags;
    if (fails(RECEIVE))
        return -1;
    if (machine.sent == 0) {
        errno = EAGAIN;
        return -1;
    }
    size = size < left ? size : left;
    memcpy(buffer, halo + machine.received, size);
    machine.received += size;
    return (ssize_t)size;
}

static int machine_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(machine.now / 1000);
    now->tv_nsec = (long)(machine.now % 1000) * 1000000L;
    return 0;
}

#define getaddrinfo machine_getaddrinfo
#define freeaddrinfo machine_freeaddrinfo
#define socket machine_socket
#define fcntl machine_fcntl
#define setsockopt machine_setsockopt
#define connect machine_connect
#define getsockopt machine_getsockopt
#define poll machine_poll
#define send machine_send
#define recv machine_recv
#define clock_gettime machine_clock_gettime
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef getaddrinfo
#undef freeaddrinfo
#undef socket
#undef fcntl
#undef setsockopt
#undef connect
#undef getsockopt
#undef poll
#undef send
#undef recv
#undef clock_gettime

#include "script.h"

/* ---- what fails --------------------------------------------------------- */

#define TRIED(count) " (" count " of " count " addresses tried)"

static const fault faults[] = {
    {"nothing", NO_CALL, 0, 0, 1, PUTER_OK, ""},
    /* the name */
    {"no such name", LOOKUP, EAI_NONAME, 0, 1, PUTER_ERR_RESOLVE,
     "resolve host.test: "},
    {"a resolver that fails", LOOKUP, EAI_SYSTEM, 0, 1, PUTER_ERR_RESOLVE,
     "resolve host.test: "},
    {"a resolver out of memory", LOOKUP, EAI_MEMORY, 0, 1, PUTER_ERR_NOMEM,
     "out of memory"},
    {"a name without address", NO_CALL, 0, 0, 0, PUTER_ERR_CONNECT,
     TRIED("0")},
    /* the socket */
    {"no descriptor left", SOCKET, EMFILE, 0, 2, PUTER_ERR_CONNECT,
     TRIED("2")},
    {"an unknown family", SOCKET, EAFNOSUPPORT, 1, 2, PUTER_OK, ""},
    {"a socket that blocks", SET_FLAGS, EINVAL, 0, 1, PUTER_ERR_CONNECT,
     TRIED("1")},
    {"one socket that blocks", SET_FLAGS, EINVAL, 1, 2, PUTER_OK, ""},
    {"a socket that children inherit", SET_CLOSE_ON_EXEC, EINVAL, 0, 1,
     PUTER_ERR_CONNECT, TRIED("1")},
    /* connecting */
    {"connected at once", CONNECT, 0, 0, 1, PUTER_OK, ""},
    {"interrupted connecting", CONNECT, EINTR, 0, 1, PUTER_OK, ""},
    {"no network", CONNECT, ENETUNREACH, 0, 1, PUTER_ERR_CONNECT,
     TRIED("1")},
    {"no network to all but one", CONNECT, ENETUNREACH, 3, 4, PUTER_OK, ""},
    {"more addresses than are tried", CONNECT, ENETUNREACH, 0, 9,
     PUTER_ERR_CONNECT, TRIED("8")},
    {"a poll that fails", ARRIVE, EINTR, 1, 1, PUTER_OK, ""},
    {"a poll that always fails", ARRIVE, ENOMEM, 0, 1, PUTER_ERR_TIMEOUT,
     "no connection to host.test port 80 within connect_timeout_ms (1000)"},
    {"a silent address", ARRIVE, 0, 0, 1, PUTER_ERR_TIMEOUT,
     "no connection to host.test port 80 within connect_timeout_ms (1000)"},
    {"two silent addresses", ARRIVE, 0, 0, 2, PUTER_ERR_TIMEOUT,
     "no connection to host.test port 80 within connect_timeout_ms (1000)"},
    {"no news of the connection", ASK_STATE, ENOBUFS, 0, 1, PUTER_ERR_CONNECT,
     TRIED("1")},
    {"refused", REFUSE, ECONNREFUSED, 0, 2, PUTER_ERR_CONNECT,
     TRIED("2")},
    {"refused once", REFUSE, ECONNREFUSED, 1, 2, PUTER_OK, ""},
    {"given up by the system", REFUSE, ETIMEDOUT, 0, 2, PUTER_ERR_TIMEOUT,
     TRIED("2")},
    /* the exchange */
    {"an interrupted wait", WAIT, EINTR, 1, 1, PUTER_OK, ""},
    {"a wait that fails", WAIT, ENOMEM, 0, 1, PUTER_ERR_CLOSED,
     "connecting: the connection to host.test was lost"},
    {"a full buffer", SEND, EAGAIN, 2, 1, PUTER_OK, ""},
    {"interrupted sending", SEND, EINTR, 2, 1, PUTER_OK, ""},
    {"lost while sending", SEND, EPIPE, 0, 1, PUTER_ERR_CLOSED,
     "sending the request: the connection to host.test was lost"},
    {"nothing to read", RECEIVE, EAGAIN, 2, 1, PUTER_OK, ""},
    {"interrupted reading", RECEIVE, EINTR, 2, 1, PUTER_OK, ""},
    {"lost while reading", RECEIVE, ECONNRESET, 0, 1, PUTER_ERR_CLOSED,
     "a model may have run"},
};

static void start(const fault *it)
{
    memset(&machine, 0, sizeof machine);
    machine.fault = it;
}

static puter_client *open_client(const char *origin, int connect_timeout_ms)
{
    puter_options options = {0};
    options.no_environment = true;
    options.allow_plain_http = true;
    options.token = SCRIPT_TOKEN;
    options.api_origin = origin;
    options.connect_timeout_ms = connect_timeout_ms;
    return puter_open(&options);
}

/* A message says what the system has said. */
static void check_message(const puter_client *client, const fault *it)
{
    const char *message = puter_last_error(client)->message;
    CHECK(strstr(message, it->says));
    CHECK(!strstr(message, "proxy")); /* there is none */
    if (it->error == EAI_SYSTEM)
        CHECK(strstr(message, strerror(EMFILE)));
    if (it->result == PUTER_ERR_CONNECT)
        CHECK(strstr(message, strerror(it->error)));
}

static void check_fault(const fault *it)
{
    int before = dup(0), after; /* the lowest descriptor that is free */
    puter_client *client = open_client("http://host.test", 1000);
    puter_reply reply;
    puter_result result;
    CHECK_IN("%s", it->name);
    close(before);
    start(it);
    result = puter_ask(client, NULL, "Halo", &reply);
    CHECK_RESULT(result, (puter_result)it->result);
    CHECK_STR(result == PUTER_OK ? reply.text : "Halo", "Halo");
    if (result != PUTER_OK)
        script_check_failure(client, result);
    check_message(client, it);
    CHECK(it->times == 0 || machine.failed == it->times);
    CHECK_INT(machine.prompt, machine.connects);
    if (it->call == SEND) /* once to connect, then for each */
        CHECK_INT(machine.waits, 1 + it->times);
    puter_reply_free(&reply);
    puter_close(client);
    after = dup(0);
    CHECK_INT(after, before); /* none is left open */
    close(after);
}

static void test_faults(void)
{
    size_t i;
    for (i = 0; i < COUNT(faults); i++)
        check_fault(&faults[i]);
}

/* ---- more --------------------------------------------------------------- */

/* A silent address is left in time for the next one. */
static void test_silent_address(void)
{
    static const fault silence = {"", ARRIVE, 0, 2, 2, PUTER_OK, ""};
    puter_client *client = open_client("http://host.test", 1000);
    CHECK_IN("a silent address and another");
    start(&silence);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(machine.connects, 2);
    CHECK_INT(machine.now, 500);
    puter_close(client);
}

/* That it was left is told, where there is no way to the next one. */
static void test_silent_and_no_way(void)
{
    static const fault silence = {"", ARRIVE, 0, 2, 2, 0, ""};
    puter_client *client = open_client("http://host.test", 1000);
    CHECK_IN("a silent address and no way to another");
    start(&silence);
    machine.refused = EHOSTUNREACH;
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_TIMEOUT);
    CHECK(strstr(puter_last_error(client)->message, TRIED("2")));
    puter_close(client);
}

/* Without a limit it is the system that gives up. */
static void test_no_limit(void)
{
    static const fault late = {"", REFUSE, ETIMEDOUT, 1, 2, PUTER_OK, ""};
    puter_client *client = open_client("http://host.test", -1);
    CHECK_IN("no limit");
    start(&late);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(machine.connects, 2);
    puter_close(client);
}

/* Nor is an event loop told of one. */
static void test_no_limit_of_a_loop(void)
{
    static const fault silence = {"", ARRIVE, 0, 0, 2, PUTER_OK, ""};
    puter_request request = {0};
    puter_client *client = open_client("http://host.test", -1);
    CHECK_IN("no limit of a loop");
    client->options.nonblocking = true;
    request.prompt = "Halo";
    start(&silence);
    machine.now = 1000;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_WAIT);
    CHECK_INT(puter_client_deadline(client), -1);
    puter_close(client);
}

/* One that has passed is no time, not one without limit. */
static void test_passed_limit_of_a_loop(void)
{
    static const fault silence = {"", ARRIVE, 0, 0, 1, 0, ""};
    puter_request request = {0};
    puter_client *client = open_client("http://host.test", 1000);
    CHECK_IN("a passed limit of a loop");
    client->options.nonblocking = true;
    request.prompt = "Halo";
    start(&silence);
    CHECK_INT(puter_stream_begin(client, &request), PUTER_WAIT);
    CHECK_INT(puter_client_deadline(client), 1000);
    machine.now = 1001;
    CHECK_INT(puter_client_deadline(client), 0);
    puter_close(client);
}

/* Each exchange asks for the addresses, and tries them all. */
static void test_again(void)
{
    static const fault refused = {"", REFUSE, ECONNREFUSED, 0, 2, 0, ""};
    puter_client *client = open_client("http://host.test", 1000);
    int i;
    CHECK_IN("again");
    start(&refused);
    for (i = 1; i < 8; i++) {
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CONNECT);
        CHECK(strstr(puter_last_error(client)->message, TRIED("2")));
        CHECK_INT(machine.lookups, i);
        CHECK_INT(machine.connects, 2 * i);
    }
    puter_close(client);
}

/* That there is no way to one address does not hide what another said, nor is
 * it hidden where it is all there is to say. */
static void test_no_way(void)
{
    static const int errors[] = {ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL,
                                 EAFNOSUPPORT};
    size_t i;
    for (i = 0; i < 2 * COUNT(errors); i++) {
        int no_way = errors[i / 2], first = i % 2 ? no_way : ECONNREFUSED;
        fault it = {"", CONNECT, 0, 0, 2, 0, ""};
        puter_client *client = open_client("http://host.test", 1000);
        CHECK_IN("no way, %d", (int)i);
        it.error = first;
        start(&it);
        machine.then = i % 2 ? ECONNREFUSED : no_way;
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CONNECT);
        CHECK(strstr(puter_last_error(client)->message, "refused"));
        machine.then = it.error = no_way;
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CONNECT);
        CHECK(strstr(puter_last_error(client)->message, strerror(no_way)));
        puter_close(client);
    }
}

/* What is printed, where a standard file is closed, does not go to the service;
 * and what stands for its descriptor is closed on exec as well. */
static void test_standard_files(void)
{
    static const fault none = {"", NO_CALL, 0, 0, 1, PUTER_OK, ""};
    static const int closed[][2] = {{0, 0}, {2, 2}, {0, 2}};
    size_t i;
    for (i = 0; i < COUNT(closed); i++) {
        puter_client *client = open_client("http://host.test", 1000);
        int input = dup(0), error = dup(2);
        CHECK_IN("closed standard files, %d", (int)i);
        close(closed[i][0]);
        close(closed[i][1]);
        start(&none);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
        CHECK(machine.descriptor > 2);
        CHECK(fcntl(machine.descriptor, F_GETFD) & FD_CLOEXEC);
        CHECK_INT(fcntl(closed[i][0], F_GETFD), -1); /* as it was */
        if (input >= 0)
            CHECK_INT(dup2(input, 0), 0);
        if (error >= 0)
            CHECK_INT(dup2(error, 2), 2);
        close(input);
        close(error);
        puter_close(client);
    }
}

/* Its two addresses are known, and asked for one by one. */
static void test_localhost(void)
{
    static const fault refused = {"", REFUSE, ECONNREFUSED, 0, 1, 0, ""};
    puter_client *client = open_client("http://a.localhost", 1000);
    CHECK_IN("localhost");
    start(&refused);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_CONNECT);
    CHECK_INT(machine.lookups, 2);
    CHECK_INT(machine.connects, 2);
    puter_close(client);
}

int main(void)
{
    test_faults();
    test_silent_address();
    test_silent_and_no_way();
    test_no_limit();
    test_no_limit_of_a_loop();
    test_passed_limit_of_a_loop();
    test_again();
    test_no_way();
    test_localhost();
    test_standard_files();
    return check_done();
}
