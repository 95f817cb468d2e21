/* terminal.c - runs a program on a terminal, with somebody at the keyboard:
 *
 *     terminal PROGRAM ARGUMENT... <SCRIPT
 *
 * A line of the script that begins with a question mark is awaited, any other
 * is typed; ^C in it is Control-C, ^M the Return key. What the terminal shows
 * goes to standard output. The exit status is the program's, or 99 where what
 * is awaited does not come.
 */
#define _XOPEN_SOURCE 700
#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, NOT_SEEN = 99 };

static int keyboard; /* and screen */
static pid_t process;
static char seen[1 << 20];
static size_t length, from; /* of what was seen, what is still awaited */

static void die(const char *what)
{
    perror(what);
    exit(NOT_SEEN);
}

/* The child's side: the terminal becomes the one that it is controlled by. */
static void run(const char *name, char **program)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
    int i, terminal;
    for (i = 0; i < (int)(sizeof signals / sizeof *signals); i++)
        signal(signals[i], SIG_DFL); /* a parent may have them ignored */
    setsid();
    terminal = open(name, O_RDWR);
    if (terminal < 0)
        die(name);
#ifdef TIOCSCTTY
    ioctl(terminal, TIOCSCTTY, 0);
#endif
    for (i = 0; i < 3; i++)
        dup2(terminal, i);
    close(terminal);
    close(keyboard);
    execvp(program[0], program);
    die(program[0]);
}

static void start(char **program)
{
    const char *name;
    keyboard = posix_openpt(O_RDWR | O_NOCTTY);
    if (keyboard < 0 || grantpt(keyboard) || unlockpt(keyboard) ||
        !(name = ptsname(keyboard)))
        die("no terminal");
    process = fork();
    if (process == 0)
        run(name, program);
}

/* Takes what the terminal shows next; false once the program has left it. */
static bool look(void)
{
    struct pollfd screen = {keyboard, POLLIN, 0};
    ssize_t count;
    if (poll(&screen, 1, PATIENCE_MS) <= 0 || length == sizeof seen - 1) {
        kill(process, SIGKILL);
        fprintf(stderr, "terminal: not seen: %s\n", seen + from);
        exit(NOT_SEEN);
    }
    count = read(keyboard, seen + length, sizeof seen - 1 - length);
    if (count <= 0)
        return false;
    fwrite(seen + length, 1, (size_t)count, stdout);
    length += (size_t)count;
    seen[length] = '\0';
    return true;
}

static void await(const char *text)
{
    const char *found;
    while (!(found = strstr(seen + from, text)))
        if (!look()) {
            fprintf(stderr, "terminal: the end came before: %s\n", text);
            exit(NOT_SEEN);
        }
    from = (size_t)(found - seen) + strlen(text);
}

static void type(const char *text)
{
    for (; *text; text++) {
        char key = *text;
        if (key == '^' && text[1])
            key = *++text & 0x1f;
        if (write(keyboard, &key, 1) != 1)
            die("typing");
    }
}

int main(int argc, char **argv)
{
    char line[1024];
    int status;
    if (argc < 2)
        return NOT_SEEN;
    start(argv + 1);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line == '?')
            await(line + 1);
        else
            type(line);
    }
    while (look())
        continue;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_SEEN;
}
