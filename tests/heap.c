/* heap - what one answered question takes of it, at its peak.
 *
 * The program brings its own malloc, so that it sees what every library asks
 * for; puter.h's hooks tell which of it is ours. Memory comes from one arena
 * and is never handed out twice: that keeps it zeroed, and simple.
 */
#define _POSIX_C_SOURCE 200809L
#include <stddef.h>

static void *ours_malloc(size_t size);
static void *ours_realloc(void *memory, size_t size);

#define PUTER_MALLOC ours_malloc
#define PUTER_REALLOC ours_realloc
#define PUTER_FREE free
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum owner { OURS, OTHERS, ALL, OWNERS };

typedef struct block {
    size_t size;
    size_t owner;
} block;

static struct {
    size_t now, peak;
} heap[OWNERS];

static union {
    unsigned char bytes[(size_t)256 * 1024 * 1024];
    long double aligned;
} arena;
static size_t used;

static void count(enum owner owner, size_t taken, size_t given)
{
    heap[owner].now += taken - given;
    if (heap[owner].now > heap[owner].peak)
        heap[owner].peak = heap[owner].now;
}

static void *take(size_t size, enum owner owner)
{
    block *new = (block *)(void *)(arena.bytes + used);
    size_t room = (size + sizeof *new + 15) & ~(size_t)15;

    if (size > sizeof arena / 2 || room > sizeof arena - used)
        return NULL;
    used += room;
    new->size = size;
    new->owner = owner;
    count(owner, size, 0);
    count(ALL, size, 0);
    return new + 1;
}

void free(void *memory)
{
    block *old = (block *)memory - 1;

    if (!memory)
        return;
    count((enum owner)old->owner, 0, old->size);
    count(ALL, 0, old->size);
}

static void *change(void *memory, size_t size, enum owner owner)
{
    size_t old = memory ? ((block *)memory - 1)->size : 0;
    void *new = take(size, owner);

    if (new && memory) {
        memcpy(new, memory, old < size ? old : size);
        free(memory);
    }
    return new;
}

void *malloc(size_t size)
{
    return take(size, OTHERS);
}

void *calloc(size_t number, size_t size)
{
    if (size && number > sizeof arena / size)
        return NULL;
    return take(number * size, OTHERS);
}

void *realloc(void *memory, size_t size)
{
    return change(memory, size, OTHERS);
}

static void *ours_malloc(size_t size)
{
    return take(size, OURS);
}

static void *ours_realloc(void *memory, size_t size)
{
    return change(memory, size, OURS);
}

int main(void)
{
    puter_client *client = puter_open(NULL);
    puter_reply reply;
    puter_result result =
        puter_ask(client, "gpt-4", "Halo, siapa kamu?", &reply);

    if (result == PUTER_OK) {
        printf("  puter.h         %8zu  (goal: under 65536)\n"
               "  Mbed TLS, libc  %8zu\n"
               "  together        %8zu\n",
               heap[OURS].peak, heap[OTHERS].peak, heap[ALL].peak);
    } else {
        fprintf(stderr, "heap: %s\n", puter_last_error(client)->message);
    }
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
