/* bench.h - what the programs of the benchmark share: the command line
 *
 *     PROGRAM WORK WHERE COUNT [SIZE]
 *
 * One round of the work is done to warm up, then COUNT of them are measured,
 * and one number printed: units of work per second, or the median of what the
 * work sampled. WHERE is an origin or a file, SIZE the work's own business.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bench_work {
    const char *name;
    void (*run)(long rounds);
    clockid_t clock; /* of the wall, or, where waiting is no part of the work
                        and the machine may be busy, of the processor */
} bench_work;

enum { BENCH_SAMPLES = 100000 };

/* A turn of a conversation. */
#define BENCH_TURN                                                             \
    "Ces deux fa\xC3\xA7ons d'agir sont voisines, mais pas \xC3\xA9gales:\n"   \
    "- **One** reads \"what comes\" as it comes, a line at a time, and "       \
    "hands each piece on at once;\n"                                           \
    "- the other waits for the whole answer, keeps it, and only then "         \
    "begins to look for the first word of it.\n"

static const char *bench_where;
static long bench_size;
static double bench_units; /* of work done */
static double bench_sampled[BENCH_SAMPLES];
static size_t bench_samples;

static inline void bench_fail(const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", bench_where, why);
    exit(1);
}

static inline double bench_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Takes the time that a line bears, in nanoseconds of the same clock: how
 * many microseconds ago was that? */
static inline void bench_sample_age(const char *text)
{
    double age = bench_clock(CLOCK_MONOTONIC) * 1e6 - strtod(text, NULL) / 1e3;
    if (bench_samples < BENCH_SAMPLES)
        bench_sampled[bench_samples++] = age;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(void)
{
    qsort(bench_sampled, bench_samples, sizeof *bench_sampled, bench_compare);
    return bench_sampled[bench_samples / 2];
}

/* Seconds that rounds of a work take. A function of its own, for callgrind to
 * count what is done below it. */
#if defined(__GNUC__)
__attribute__((__noinline__))
#endif
static double
measured(const bench_work *work, long rounds)
{
    double start = bench_clock(work->clock);
    work->run(rounds);
    return bench_clock(work->clock) - start;
}

static inline const bench_work *bench_find(const bench_work *works,
                                           const char *name)
{
    while (works->name && strcmp(works->name, name) != 0)
        works++;
    if (!works->name)
        bench_fail("no such work");
    return works;
}

/* The list of works ends with one that has no name. `begin`, if any, is
 * called when the command line is known. */
static inline int bench_main(int argc, char **argv, const bench_work *works,
                             void (*begin)(void))
{
    const bench_work *work;
    double seconds;
    if (argc < 4)
        return 2;
    bench_where = argv[2];
    bench_size = argc > 4 ? atol(argv[4]) : 0;
    work = bench_find(works, argv[1]);
    if (begin)
        begin();
    work->run(1);
    bench_units = 0;
    bench_samples = 0;
    seconds = measured(work, atol(argv[3]));
    printf("%.9g\n",
           bench_samples > 0 ? bench_median() : bench_units / seconds);
    return 0;
}
#endif
