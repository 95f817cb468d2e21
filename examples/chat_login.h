/* chat_login.h - the part of chat that signs in: a browser that is signed in
 * brings the token to a port of this machine, once; or the user pastes it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

/* ---- the door that the token comes in by -------------------------------- */

enum {
    VISITORS = 8, /* at a time: browsers connect ahead of their needs */
    REQUEST_MAX = 8192,
    OPEN_SECONDS = 300
};

/* Who has connected, and what of a request has come. */
struct visitor {
    int socket; /* -1: nobody */
    bool answered;
    size_t length;
    char request[REQUEST_MAX];
};

struct door {
    int listeners[2]; /* on 127.0.0.1 and ::1; -1: not this one */
    int port;
    char path[34]; /* a slash and 128 random bits */
    struct visitor visitors[VISITORS];
    size_t next; /* visitor to make room where there is none */
    bool pasting;
    size_t pasted; /* bytes of the line on standard input */
    char paste[REQUEST_MAX];
    char *token; /* once it is there */
};

/* What visitors are told. */
static const struct verdict {
    const char *status;
    const char *words;
} welcome = {"200 OK", "The token has arrived. This page can be closed; "
                       "everything else is in the terminal."},
  without_token = {"400 Bad Request", "No token came along."},
  wrong_path = {"404 Not Found", "There is nothing here."},
  wrong_method = {"405 Method Not Allowed\r\nAllow: GET", "Only GET."},
  wrong_host = {"421 Misdirected Request", "This is another host."},
  too_long = {"431 Request Header Fields Too Large", "Too long."};

static void draw_path(char path[34])
{
    unsigned char bits[16];
    FILE *source = fopen("/dev/urandom", "rb");
    size_t i;
    if (!source || fread(bits, sizeof bits, 1, source) != 1)
        exit(complain(FAILED, "/dev/urandom cannot be read"));
    fclose(source);
    path[0] = '/';
    for (i = 0; i < sizeof bits; i++)
        sprintf(path + 1 + 2 * i, "%02x", bits[i]);
}

static void set_nonblocking(int descriptor)
{
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

static int listen_on(const struct sockaddr *address, socklen_t size)
{
    int on = 1, listener = socket(address->sa_family, SOCK_STREAM, 0);
    if (listener < 0)
        return -1;
    set_nonblocking(listener);
    if (address->sa_family == AF_INET6)
        setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(listener, address, size) == 0 && listen(listener, 8) == 0)
        return listener;
    close(listener);
    return -1;
}

/* Any free port of 127.0.0.1. */
static bool listen_v4(struct door *door)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    door->listeners[0] = listen_on((struct sockaddr *)&address, size);
    if (door->listeners[0] < 0 ||
        getsockname(door->listeners[0], (struct sockaddr *)&address, &size))
        return false;
    door->port = ntohs(address.sin_port);
    return true;
}

/* The same port of ::1, which "localhost" may be as well; false where another
 * program has it. Machines without IPv6 need none. */
static bool listen_v6(struct door *door)
{
    struct sockaddr_in6 address;
    memset(&address, 0, sizeof address);
    address.sin6_family = AF_INET6;
    address.sin6_addr.s6_addr[15] = 1;
    address.sin6_port = htons((uint16_t)door->port);
    door->listeners[1] = listen_on((struct sockaddr *)&address, sizeof address);
    return door->listeners[1] >= 0 || errno != EADDRINUSE;
}

static void open_door(struct door *door)
{
    int tries;
    size_t i;
    memset(door, 0, sizeof *door);
    for (i = 0; i < VISITORS; i++)
        door->visitors[i].socket = -1;
    door->pasting = true;
    draw_path(door->path);
    for (tries = 0; tries < 16 && listen_v4(door); tries++) {
        if (listen_v6(door))
            return;
        close(door->listeners[0]);
    }
    exit(complain(FAILED, "no port can be listened on: %s", strerror(errno)));
}

static void see_off(struct visitor *visitor)
{
    if (visitor->socket >= 0)
        close(visitor->socket);
    visitor->socket = -1;
}

static void close_door(struct door *door)
{
    size_t i;
    for (i = 0; i < VISITORS; i++)
        see_off(&door->visitors[i]);
    for (i = 0; i < 2; i++)
        if (door->listeners[i] >= 0)
            close(door->listeners[i]);
}

/* ---- what visitors ask -------------------------------------------------- */

/* A header's value, its spaces included; NULL unless there is exactly one.
 * RFC 9112 section 3.2 wants other numbers of Host refused. */
static const char *only_header(const char *request, const char *name)
{
    const char *line = request, *found = NULL;
    size_t length = strlen(name);
    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, length) != 0)
            continue;
        if (found)
            return NULL;
        found = line + length;
    }
    return found;
}

/* A page of another site can be made to lead here under that site's name (DNS
 * rebinding): only this machine's names count. */
static bool names_this_machine(const struct door *door, const char *request)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = only_header(request, "Host:");
    size_t i, length;
    if (!host)
        return false;
    host += strspn(host, " \t");
    length = strcspn(host, " \t\r");
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        char authority[32];
        sprintf(authority, "%s:%d", names[i], door->port);
        if (strlen(authority) == length &&
            strncasecmp(host, authority, length) == 0)
            return true;
    }
    return false;
}

/* Decodes %XX in place. A plus sign stays: no token has a space. */
static void decode(char *text)
{
    char *out = text;
    for (; *text; text++) {
        unsigned byte = (unsigned char)*text;
        if (byte == '%' && isxdigit((unsigned char)text[1]) &&
            isxdigit((unsigned char)text[2])) {
            sscanf(text + 1, "%2x", &byte);
            text += 2;
        }
        *out++ = (char)byte;
    }
    *out = '\0';
}

/* The value of "token" in a query, or NULL. */
static char *token_in(const char *query)
{
    for (; *query; query += strcspn(query, "&"), query += *query == '&') {
        size_t length = strcspn(query, "&");
        char *token;
        if (length <= 6 || strncmp(query, "token=", 6) != 0)
            continue;
        token = format_text("%.*s", (int)length - 6, query + 6);
        decode(token);
        return token;
    }
    return NULL;
}

/* Takes the token of the one right request, GET /PATH?token=... */
static const struct verdict *judge(struct door *door, char *request)
{
    size_t method = strcspn(request, " \r");
    char *target = request + method + 1, *query;
    size_t length = strcspn(target, " \r");
    if (!names_this_machine(door, request))
        return &wrong_host;
    if (strncmp(request, "GET ", 4) != 0)
        return &wrong_method;
    target[length] = '\0';
    query = target + strcspn(target, "?");
    if ((size_t)(query - target) != strlen(door->path) ||
        strncmp(target, door->path, strlen(door->path)) != 0)
        return &wrong_path;
    door->token = *query ? token_in(query + 1) : NULL;
    return door->token ? &welcome : &without_token;
}

static void answer_visitor(struct visitor *visitor,
                           const struct verdict *verdict)
{
    char *answer = format_text(
        "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: %zu\r\nConnection: close\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n%s\n",
        verdict->status, strlen(verdict->words) + 1, verdict->words);
    if (write(visitor->socket, answer, strlen(answer)) < 0 ||
        shutdown(visitor->socket, SHUT_WR) != 0)
        see_off(visitor);
    visitor->answered = true;
    free(answer);
}

/* Reads on. What follows a request is thrown away until the visitor leaves:
 * closing on unread bytes would take the answer back (RFC 9112 section
 * 9.6). */
static void hear(struct door *door, struct visitor *visitor)
{
    size_t room;
    ssize_t count;
    if (visitor->answered)
        visitor->length = 0;
    room = sizeof visitor->request - 1 - visitor->length;
    count = read(visitor->socket, visitor->request + visitor->length, room);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        see_off(visitor);
        return;
    }
    visitor->length += (size_t)count;
    visitor->request[visitor->length] = '\0';
    if (visitor->answered)
        return;
    if (strstr(visitor->request, "\r\n\r\n"))
        answer_visitor(visitor, judge(door, visitor->request));
    else if (visitor->length == sizeof visitor->request - 1)
        answer_visitor(visitor, &too_long);
}

/* Lets a visitor in; where there is no room, another one goes. */
static void admit(struct door *door, int listener)
{
    int visiting = accept(listener, NULL, NULL);
    struct visitor *visitor;
    size_t i;
    if (visiting < 0)
        return;
    for (i = 0; i < VISITORS && door->visitors[i].socket >= 0; i++)
        continue;
    visitor = &door->visitors[i < VISITORS ? i : door->next++ % VISITORS];
    see_off(visitor);
    set_nonblocking(visiting);
    visitor->socket = visiting;
    visitor->length = 0;
    visitor->answered = false;
}

/* ---- what is pasted ----------------------------------------------------- */

static struct termios shown; /* the terminal, as it was before */

static void show_typing(void)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &shown);
}

/* The shell that takes the terminal over may well leave it as it is. */
static void on_end(int signal_number)
{
    show_typing();
    raise(signal_number); /* once more, now to end */
}

/* What ends the program from outside does not pass by the end of main. Where a
 * signal is ignored (nohup) it stays so. */
static void show_typing_at_end(void)
{
    static const int endings[] = {SIGTERM, SIGHUP};
    struct sigaction action, before;
    size_t i;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGTTOU); /* also from the background */
    action.sa_handler = on_end;
    action.sa_flags = (int)SA_RESETHAND;
    for (i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        sigaction(endings[i], NULL, &before);
        if (before.sa_handler != SIG_IGN)
            sigaction(endings[i], &action, NULL);
    }
}

/* Has a terminal not show what is typed, nor leave it so by a key; false where
 * there is none. */
static bool hide_typing(void)
{
    struct termios hidden;
    pid_t owner = tcgetpgrp(STDIN_FILENO);
    if (owner >= 0 && owner != getpgrp())
        raise(SIGTTOU); /* until it is ours it is as the shell has it */
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    show_typing_at_end();
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_cc[VQUIT] = hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
    return tcsetattr(STDIN_FILENO, TCSANOW, &hidden) == 0;
}

/* Takes the first line that was pasted, without what copying may have put
 * around the token. */
static void take_paste(struct door *door)
{
    static const char extra[] = " \t\r\n'\"";
    char *token = door->paste;
    size_t length;
    door->paste[door->pasted] = '\0';
    token += strspn(token, extra);
    length = strcspn(token, "\r\n");
    while (length && strchr(extra, token[length - 1]))
        length--;
    if (length)
        door->token = format_text("%.*s", (int)length, token);
    door->pasted = 0;
}

static void hear_keyboard(struct door *door)
{
    size_t room = sizeof door->paste - 1 - door->pasted;
    ssize_t count = read(STDIN_FILENO, door->paste + door->pasted, room);
    if (count < 0 && errno == EINTR)
        return;
    door->pasting = count > 0;
    door->pasted += count > 0 ? (size_t)count : 0;
    if (count <= 0 || (size_t)count == room ||
        memchr(door->paste, '\n', door->pasted))
        take_paste(door);
}

/* ---- signing in --------------------------------------------------------- */

static int64_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Waits for something to happen, a second at most, and sees to it. */
static void attend(struct door *door)
{
    struct pollfd polls[VISITORS + 3];
    size_t i;
    for (i = 0; i < VISITORS; i++)
        polls[i].fd = door->visitors[i].socket;
    polls[VISITORS].fd = door->listeners[0];
    polls[VISITORS + 1].fd = door->listeners[1];
    polls[VISITORS + 2].fd = door->pasting ? STDIN_FILENO : -1;
    for (i = 0; i < VISITORS + 3; i++)
        polls[i].events = POLLIN;
    if (poll(polls, VISITORS + 3, 1000) <= 0)
        return;
    if (polls[VISITORS + 2].revents)
        hear_keyboard(door);
    for (i = 0; i < VISITORS && !door->token; i++)
        if (polls[i].revents)
            hear(door, &door->visitors[i]);
    for (i = 0; i < 2; i++)
        if (polls[VISITORS + i].revents)
            admit(door, door->listeners[i]);
}

/* The door is open until a token has come, for five minutes at most. */
static void wait_for_token(struct door *door)
{
    int64_t end = seconds_now() + OPEN_SECONDS;
    while (!door->token && !interrupted && seconds_now() < end)
        attend(door);
}

/* Becomes the browser: $BROWSER where it is a program, else the system's. It
 * gets nothing of ours to read or write. */
static void run_browser(char *address)
{
    const char *programs[] = {variable("BROWSER"), "xdg-open", "open"};
    int nothing = open("/dev/null", O_RDWR);
    size_t i;
    setsid();
    for (i = 0; i < 3; i++)
        dup2(nothing, (int)i);
    signal(SIGPIPE, SIG_DFL);
    for (i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (programs[i])
            execlp(programs[i], programs[i], address, (char *)NULL);
    _exit(FAILED);
}

/* Tries to, without waiting: the browser is the child of a child that has
 * ended, and so nobody's to wait for. */
static void open_browser(char *address)
{
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0)
            run_browser(address);
        _exit(ANSWERED);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* The site whose API is at the origin: its host without "api.". */
static char *site_of(const char *origin)
{
    const char *host = strstr(origin, "://") + 3;
    int scheme = (int)(host - origin);
    if (strncasecmp(host, "api.", 4) == 0)
        host += 4;
    return format_text("%.*s%.*s", scheme, origin, (int)strcspn(host, "/"),
                       host);
}

/* A pipe or a file was given to be read: nobody is sent for a token then. */
static bool is_given(int descriptor)
{
    struct stat about;
    return fstat(descriptor, &about) == 0 &&
           (S_ISFIFO(about.st_mode) || S_ISREG(about.st_mode));
}

static void invite(const struct door *door, const char *site)
{
    char *address = format_text("%s/?action=authme&redirectURL="
                                "http%%3A%%2F%%2Flocalhost%%3A%d%%2F%s",
                                site, door->port, door->path + 1);
    fprintf(stderr,
            "Open this address in a browser on this machine and sign in:\n\n"
            "    %s\n\n"
            "Or paste a token here (it is not shown) and press Return.\n",
            address);
    if (!is_given(STDIN_FILENO))
        open_browser(address);
    free(address);
}

/* Has a token come, by whatever way. What is pasted is hidden before anybody
 * is asked for it. */
static void receive_token(struct door *door, const char *site)
{
    bool hidden = hide_typing();
    invite(door, site);
    wait_for_token(door);
    if (hidden)
        show_typing();
}

static int not_kept(const char *path, int error)
{
    return complain(FAILED, "the token cannot be kept in %s: %s", path,
                    strerror(error));
}

/* Keeps a token that the service takes. */
static int use_token(struct session *session, const char *path,
                     const char *token)
{
    const char *problem;
    int error;
    session->settings.client.token = token;
    session->client = puter_open(&session->settings.client);
    problem = token_problem(session->client);
    if (problem)
        return complain(FAILED, "the token is not kept: %s", problem);
    error = keep_token(path, token, service_origin(&session->settings));
    if (error)
        return not_kept(path, error);
    fprintf(stderr, "Signed in. The token is kept in %s.\n", path);
    if (variable("PUTER_AUTH_TOKEN"))
        fputs("As long as $PUTER_AUTH_TOKEN is set, that one is used.\n",
              stderr);
    return ANSWERED;
}

/* Whether a service is there that may be sent a token: 0, or an exit status. */
static int check_service(const struct session *session)
{
    puter_options options = session->settings.client;
    puter_client *client;
    int status = ANSWERED;
    options.token = "";
    options.max_retries = -1;
    client = puter_open(&options);
    if (puter_get(client, "/version", NULL) != PUTER_OK)
        status = complain(FAILED, "%s", puter_last_error(client)->message);
    puter_close(client);
    return status;
}

static int sign_in(struct session *session)
{
    char *path, *site;
    struct door door;
    int status, error;
    refuse_words(&session->settings, 0);
    path = need_token_path();
    error = make_place(path); /* before anybody goes for a token */
    if (error)
        exit(not_kept(path, error));
    status = check_service(session);
    if (status != ANSWERED)
        exit(status);
    site = site_of(service_origin(&session->settings));
    open_door(&door);
    receive_token(&door, site);
    close_door(&door);
    status = door.token ? use_token(session, path, door.token)
                        : complain(FAILED, "no token came within %d minutes",
                                   OPEN_SECONDS / 60);
    free(door.token);
    free(site);
    free(path);
    return status;
}
