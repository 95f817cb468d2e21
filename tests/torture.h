/* torture.h - puter.h with all that lies below it in a test's hands: memory,
 * the transport's calls and the clock. Each is counted while the client is at
 * work, and any one of them, or all from one on, can be made to fail.
 *
 *     torture_client it = {0};
 *     script_reply(&it.peer, 200, "{...}");
 *     torture_open(&it, secure);
 *     torture_arm(STEP_READ, 3, false);
 *     ...
 *     torture_disarm();
 *     torture_close(&it);
 *
 * Between the client and the script (script.h) there is TLS, if wanted, with
 * the stand-in's certificate: a real handshake and real records, all within
 * one thread.
 *
 * Time is the test's own: it passes where the client waits, and nowhere else.
 * So a pause costs nothing, and a hang shows as a timeout.
 */
#ifndef TORTURE_H
#define TORTURE_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- steps that can fail ------------------------------------------------ */

typedef enum torture_step {
    STEP_NONE,
    STEP_OURS,   /* an allocation of puter.h's */
    STEP_THEIRS, /* one of Mbed TLS's or libc's */
    STEP_OPEN,   /* calls of the transport */
    STEP_READ,
    STEP_WRITE,
    STEP_WAIT,
    STEP_ASK,    /* whether the exchange is cancelled */
    STEPS
} torture_step;

static struct {
    bool armed; /* it is the client that is at work: its steps count */
    torture_step step;
    size_t first; /* of these steps, the one that fails */
    bool on;      /* and all that come after it */
    size_t count[STEPS];
    size_t held;  /* blocks of memory that are puter.h's */
    int64_t now;  /* in ms */
} torture;

/* Counts a step; true where it has to fail. */
static inline bool torture_fails(torture_step step)
{
    size_t number = torture.armed ? ++torture.count[step] : 0;
    return number > 0 && step == torture.step &&
           (number == torture.first || (torture.on && number > torture.first));
}

/* From here on steps count, and the first-th of this kind fails. */
static inline void torture_arm(torture_step step, size_t first, bool on)
{
    memset(torture.count, 0, sizeof torture.count);
    torture.step = step;
    torture.first = first;
    torture.on = on;
    torture.armed = true;
}

static inline void torture_disarm(void)
{
    torture.armed = false;
}

/* ---- memory ------------------------------------------------------------- */

static inline void *torture_realloc(void *memory, size_t size)
{
    bool armed = torture.armed, fails = torture_fails(STEP_OURS);
    void *moved = NULL;
    torture.armed = false; /* it is not libc that asks */
    if (!fails)
        moved = realloc(memory, size);
    torture.armed = armed;
    torture.held += moved && !memory;
    return moved;
}

static inline void torture_free(void *memory)
{
    torture.held -= memory != NULL;
    free(memory);
}

/* Mbed TLS and libc ask the program for memory before they ask libc: these
 * stand in between, before the sanitizer's functions where it is there. */
#ifdef __GLIBC__
#define TORTURE_THEIRS true
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
    if (torture_fails(STEP_THEIRS))
        return NULL;
    return __interceptor_malloc ? __interceptor_malloc(size)
                                : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (torture_fails(STEP_THEIRS))
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(count, size)
                                : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    if (torture_fails(STEP_THEIRS))
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(memory, size)
                                 : __libc_realloc(memory, size);
}
#else
#define TORTURE_THEIRS false /* other systems have other ways, or none */
#endif

/* ---- time --------------------------------------------------------------- */

static inline int torture_clock(struct timespec *now)
{
    now->tv_sec = (time_t)(torture.now / 1000);
    now->tv_nsec = (long)(torture.now % 1000) * 1000000L;
    return 0;
}

static inline int torture_sleep(const struct timespec *pause)
{
    torture.now += (int64_t)pause->tv_sec * 1000 + pause->tv_nsec / 1000000;
    return 0;
}

/* ---- puter.h, on all that ----------------------------------------------- */

#define PUTER_MALLOC(size) torture_realloc(NULL, size)
#define PUTER_REALLOC torture_realloc
#define PUTER_FREE torture_free
#define clock_gettime(clock, now) torture_clock(now)
#define nanosleep(pause, rest) torture_sleep(pause)
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef clock_gettime
#undef nanosleep

#include "script.h"

#endif
