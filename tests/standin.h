/* standin.h - the stand-in, as a process of its own.
 *
 *     standin service;
 *     standin_start(&service, "2026", "none");
 *     ... a client of service.origin that trusts service.ca ...
 *     standin_stop(&service);
 */
#ifndef STANDIN_H
#define STANDIN_H

#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STANDIN_TOKEN "test-token-0123456789" /* as it likes them */

typedef struct standin {
    pid_t process;
    char origin[64], ca[1024];
} standin;

static inline void standin_run(int out, const char *era,
                               const char *fault_or_plain)
{
    const char *program = getenv("STANDIN");
    bool plain = strcmp(fault_or_plain, "--plain") == 0;
    if (!program)
        program = "build/standin";
    dup2(out, 1);
    if (plain)
        execl(program, program, "--era", era, "--plain", (char *)NULL);
    else
        execl(program, program, "--era", era, "--fault", fault_or_plain,
              (char *)NULL);
    _exit(127);
}

/* A line without its end; "" where there is none. */
static inline void standin_line(FILE *from, char *line, int size)
{
    if (!fgets(line, size, from))
        *line = '\0';
    line[strcspn(line, "\n")] = '\0';
}

/* Starts it with a fault ("none"), or without TLS ("--plain"). */
static inline void standin_start(standin *it, const char *era,
                                 const char *fault_or_plain)
{
    int ends[2];
    FILE *lines;
    if (pipe(ends) != 0)
        abort();
    it->process = fork();
    if (it->process == 0)
        standin_run(ends[1], era, fault_or_plain);
    close(ends[1]);
    lines = fdopen(ends[0], "r");
    standin_line(lines, it->origin, sizeof it->origin);
    *it->ca = '\0';
    if (strncmp(it->origin, "https", 5) == 0)
        standin_line(lines, it->ca, sizeof it->ca);
    fclose(lines);
    CHECK(*it->origin);
}

static inline void standin_stop(standin *it)
{
    if (it->process > 0 && kill(it->process, SIGTERM) == 0)
        waitpid(it->process, NULL, 0);
}

#endif
