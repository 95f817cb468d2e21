/* peak PROGRAM [ARGUMENT...] - runs a program and prints, on standard error,
 * the most memory that it had resident, in KB.
 *
 * Memory is given back by system calls alone, so that the program is stopped
 * at each and the kernel asked to count its pages. (VmHWM, which wait4 and
 * time tell, misses what a small program had for a while: Linux keeps it by
 * counters that lag behind by up to some dozen pages for each processor.)
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static long resident(pid_t process)
{
    char path[64], line[256];
    long size = 0;
    FILE *rollup;

    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", (long)process);
    rollup = fopen(path, "r");
    while (rollup && fgets(line, sizeof line, rollup))
        if (sscanf(line, "Rss: %ld kB", &size) == 1)
            break;
    if (rollup)
        fclose(rollup);
    return size;
}

/* Becomes the program, and stops at its first instruction. */
static void become(char **program)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execvp(program[0], program);
    perror(program[0]);
    _exit(127);
}

/* Lets it run from stop to stop, signals included. Gives how it ended. */
static int watch(pid_t process, long *peak)
{
    int status, signal;
    long size;

    while (waitpid(process, &status, 0) == process && WIFSTOPPED(status)) {
        size = resident(process);
        if (size > *peak)
            *peak = size;
        signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        ptrace(PTRACE_SYSCALL, process, NULL, (long)signal);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int argc, char **argv)
{
    pid_t process;
    long peak = 0;
    int status;

    if (argc < 2)
        return 2;
    process = fork();
    if (process == 0)
        become(argv + 1);
    status = watch(process, &peak);
    fprintf(stderr, "%ld\n", peak);
    return status;
}
