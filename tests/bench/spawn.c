/* spawn COMMAND... - runs it without its output, and prints how many seconds
 * it took from start to end, how many of them of a processor, and how many
 * bytes of memory at its peak.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run(char **command)
{
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    execvp(*command, command);
    perror(*command);
    _exit(127);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double of_processor(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    double start = seconds();
    pid_t child;
    int status;
    if (argc < 2)
        return 2;
    child = fork();
    if (child == 0)
        run(argv + 1);
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0)
        return 1;
    printf("%.9g %.9g %.9g\n", seconds() - start, of_processor(&usage),
           (double)usage.ru_maxrss * 1024);
    return 0;
}
