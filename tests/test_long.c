/* test_long.c - a client that asks again and again, and clients that come and
 * go: neither memory nor descriptors pile up.
 *
 * `test_long EXCHANGES CLIENTS`; by default few, as much as a test may take.
 * `make soak` runs many, and without sanitizers: those keep freed memory, so
 * what the process holds can only be told there. */
#define _POSIX_C_SOURCE 200809L
#include <stddef.h>
#include <stdlib.h>

/* ---- memory of all kinds ------------------------------------------------ */

static size_t ours;   /* bytes that are puter.h's */
static size_t blocks; /* of whomever they are; 0: not told */

/* Mbed TLS and libc ask the program for memory before they ask libc, or the
 * sanitizer where there is one. */
#ifdef __GLIBC__
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void __interceptor_free(void *) __attribute__((weak));
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
#define SANITIZED (__interceptor_malloc != NULL)

void *malloc(size_t size)
{
    blocks++;
    return SANITIZED ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    blocks++;
    return SANITIZED ? __interceptor_calloc(count, size)
                     : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    blocks += !memory;
    return SANITIZED ? __interceptor_realloc(memory, size)
                     : __libc_realloc(memory, size);
}

void free(void *memory)
{
    blocks -= memory != NULL;
    if (SANITIZED)
        __interceptor_free(memory);
    else
        __libc_free(memory);
}
#else
#define SANITIZED true /* for all that is known */
#endif

/* What stands before each block of puter.h's, and keeps it aligned. */
typedef union header {
    size_t size;
    long double aligned;
} header;

static void *our_realloc(void *memory, size_t size)
{
    header *old = memory ? (header *)memory - 1 : NULL;
    size_t before = old ? old->size : 0;
    header *block = (header *)realloc(old, sizeof *block + size);
    if (!block)
        return NULL;
    ours += size - before;
    block->size = size;
    return block + 1;
}

static void our_free(void *memory)
{
    if (!memory)
        return;
    ours -= ((header *)memory - 1)->size;
    free((header *)memory - 1);
}

#define PUTER_MALLOC(size) our_realloc(NULL, size)
#define PUTER_REALLOC our_realloc
#define PUTER_FREE our_free
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "standin.h"

/* ---- what the process holds --------------------------------------------- */

typedef struct burden {
    size_t ours, blocks;
    long pages; /* resident; 0: not told */
    int descriptors;
} burden;

static long resident_pages(void)
{
    long all, resident = 0;
    FILE *file = SANITIZED ? NULL : fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident;
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/dev/fd");
    int count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static burden weigh(void)
{
    burden now;
    now.ours = ours;
    now.blocks = blocks;
    now.pages = resident_pages();
    now.descriptors = open_descriptors();
    return now;
}

/* What it holds is what it held. Pages may come and go, a few of them. */
static void check_flat(const burden *before)
{
    enum { FEW = 64 };
    burden now = weigh();
    CHECK_INT(now.ours, before->ours);
    CHECK_INT(now.blocks, before->blocks);
    CHECK_INT(now.descriptors, before->descriptors);
    CHECK(now.descriptors > 0);
    if (now.pages > before->pages + FEW)
        CHECK_INT(now.pages, before->pages);
}

/* ---- exchanges ---------------------------------------------------------- */

static puter_client *open_client(const standin *service)
{
    puter_options options = {0};
    options.no_environment = true;
    options.token = STANDIN_TOKEN;
    options.api_origin = service->origin;
    options.ca_file = *service->ca ? service->ca : NULL;
    return puter_open(&options);
}

static void ask(puter_client *client)
{
    puter_reply reply;
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK);
    puter_reply_free(&reply);
}

static void stream(puter_client *client)
{
    static const puter_request request = {.prompt = "think"};
    puter_event event;
    puter_reply reply;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    while (puter_stream_next(client, &event) == 1)
        continue;
    CHECK_INT(puter_stream_end(client, &reply), PUTER_OK);
    CHECK(reply.length > 0);
    puter_reply_free(&reply);
}

static void fail(puter_client *client)
{
    puter_reply reply;
    CHECK_INT(puter_ask(client, "gpt-4", "status 400", &reply),
              PUTER_ERR_REQUEST);
    puter_reply_free(&reply);
}

static void list_models(puter_client *client)
{
    puter_reply reply;
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_OK);
    puter_reply_free(&reply);
}

/* It closes the connection, so the next has to be a new one. */
static void leave_stream(puter_client *client)
{
    static const puter_request request = {.prompt = "repeat 50000"};
    puter_event event;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
}

/* One round of all kinds of exchanges, of which the seldom one is last. */
static void exchange(puter_client *client, int number)
{
    static void (*const kinds[])(puter_client *client) = {
        ask, stream, fail, list_models};
    if (number % 100 == 99)
        leave_stream(client);
    else
        kinds[number % 4](client);
}

/* ---- tests -------------------------------------------------------------- */

static void test_one_client(const standin *service, int exchanges)
{
    puter_client *client = open_client(service);
    burden before = {0};
    int i;
    CHECK_IN("%d exchanges with %s", exchanges, service->origin);
    for (i = -200; i < exchanges; i++) {
        if (i == 0)
            before = weigh();
        exchange(client, i + 200);
    }
    check_flat(&before);
    puter_close(client);
    CHECK_INT(ours, 0);
}

static void test_clients(const standin *service, int clients)
{
    burden before = {0};
    int i;
    CHECK_IN("%d clients of %s", clients, service->origin);
    for (i = -8; i < clients; i++) {
        puter_client *client;
        if (i == 0)
            before = weigh();
        client = open_client(service);
        exchange(client, i + 8);
        puter_close(client);
        CHECK_INT(ours, 0);
    }
    check_flat(&before);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"none", "--plain"};
    int exchanges = argc == 3 ? atoi(argv[1]) : 400;
    int clients = argc == 3 ? atoi(argv[2]) : 40;
    size_t i;
    for (i = 0; i < 2; i++) {
        standin service;
        standin_start(&service, "2026", kinds[i]);
        test_one_client(&service, exchanges);
        test_clients(&service, clients);
        standin_stop(&service);
    }
    return check_done();
}
