/* An answer streamed without malloc: puter.h's memory is a static buffer, and
 * so is that of an Mbed TLS built with MBEDTLS_MEMORY_BUFFER_ALLOC_C.
 *
 *     cc -I. examples/arena.c -o arena -lmbedtls -lmbedx509 -lmbedcrypto
 */
#include <stddef.h>
static void *arena_malloc(size_t size);
static void *arena_realloc(void *memory, size_t size);
static void arena_free(void *memory);
#define PUTER_MALLOC arena_malloc
#define PUTER_REALLOC arena_realloc
#define PUTER_FREE arena_free
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <mbedtls/memory_buffer_alloc.h>
#include <stdio.h>

/* Blocks lie side by side, each behind a unit that says how long it is. */
typedef union unit {
    struct { size_t units, used; } block; /* units: this one included */
    long double aligned;
} unit;

#define UNITS (64 * 1024 / sizeof(unit))
static unit arena[UNITS];

/* The beginning of the first free block that is larger. */
static void *arena_malloc(size_t size)
{
    size_t wanted = 2 + size / sizeof(unit);
    unit *here, *next;
    if (arena->block.units == 0)
        arena->block.units = UNITS;
    for (here = arena; here < arena + UNITS; here += here->block.units) {
        while (!here->block.used && (next = here + here->block.units) <
               arena + UNITS && !next->block.used)
            here->block.units += next->block.units;
        if (here->block.used || here->block.units <= wanted)
            continue;
        here[wanted].block.units = here->block.units - wanted;
        here[wanted].block.used = 0;
        here->block.units = wanted;
        here->block.used = 1;
        return here + 1;
    }
    return NULL;
}

static void arena_free(void *memory)
{
    if (memory != NULL)
        ((unit *)memory - 1)->block.used = 0;
}

static void *arena_realloc(void *memory, size_t size)
{
    unit *old = (unit *)memory, *moved = (unit *)arena_malloc(size);
    if (old != NULL && moved != NULL) {
        size_t units = old[-1].block.units, most = moved[-1].block.units;
        memcpy(moved, old, ((units < most ? units : most) - 1) * sizeof *old);
        arena_free(old);
    }
    return moved;
}

int main(void)
{
    puter_client *client;
    puter_request request = {0};
    puter_event event;
    puter_result result;
#ifdef MBEDTLS_MEMORY_BUFFER_ALLOC_C
    static unsigned char tls_arena[128 * 1024];
    mbedtls_memory_buffer_alloc_init(tls_arena, sizeof tls_arena);
#endif
    client = puter_open(NULL);
    request.prompt = "Halo, siapa kamu?";
    request.discard = true; /* nothing grows with the answer */
    puter_stream_begin(client, &request);
    while (puter_stream_next(client, &event) == 1)
        if (event.type == PUTER_EVENT_TEXT)
            fwrite(event.text, 1, event.length, stdout);
    result = puter_stream_end(client, NULL);
    puts(result == PUTER_OK ? "" : puter_last_error(client)->message);
    puter_close(client);
    return result != PUTER_OK;
}
