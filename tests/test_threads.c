/* test_threads.c - eight threads with a client each, at work at once, under
 * ThreadSanitizer: clients share nothing.
 *
 * Of Mbed TLS, what is shared is PSA's state, which TLS 1.3 uses: a build of
 * it without MBEDTLS_THREADING_C is not for threads, and then they talk plain
 * HTTP. `test_threads ROUNDS` asks so often in each thread. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "standin.h"

#include <pthread.h>

#if defined(MBEDTLS_THREADING_C) || \
    (MBEDTLS_VERSION_NUMBER < 0x03000000 && !defined(MBEDTLS_USE_PSA_CRYPTO))
#define THREADSAFE true
#else
#define THREADSAFE false
#endif

enum { THREADS = 8 };

/* Mbed TLS's own races, known where it was built for ThreadSanitizer as well:
 * it counts operations for its self test, whoever does them (ecp.c). */
extern const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:mul_count\nrace:add_count\nrace:dbl_count\n";
}

typedef struct worker {
    pthread_t thread;
    const standin *service;
    int rounds;
    int right;         /* answers */
    char message[512]; /* of the last that was not */
} worker;

static puter_client *open_client(const standin *service)
{
    puter_options options = {0};
    options.token = STANDIN_TOKEN;
    options.api_origin = service->origin;
    options.ca_file = *service->ca ? service->ca : NULL;
    return puter_open(&options);
}

static void count(worker *it, puter_client *client, bool right)
{
    it->right += right;
    if (!right)
        snprintf(it->message, sizeof it->message, "%s",
                 puter_last_error(client)->message);
}

static void ask(worker *it, puter_client *client)
{
    puter_reply reply;
    puter_result result = puter_ask(client, "gpt-4", "Halo", &reply);
    count(it, client, result == PUTER_OK && reply.length > 0);
    puter_reply_free(&reply);
}

static void stream(worker *it, puter_client *client)
{
    static const puter_request request = {.prompt = "think"};
    puter_event event;
    puter_reply reply;
    puter_result result = puter_stream_begin(client, &request);
    while (result == PUTER_OK && puter_stream_next(client, &event) == 1)
        continue;
    result = puter_stream_end(client, &reply);
    count(it, client, result == PUTER_OK && reply.complete);
    puter_reply_free(&reply);
}

/* What is refused has a message to write. */
static void fail(worker *it, puter_client *client)
{
    count(it, client, puter_ask(client, "gpt-4", "status 400", NULL) ==
                          PUTER_ERR_REQUEST);
}

static void *work(void *argument)
{
    worker *it = (worker *)argument;
    int i;
    for (i = 0; i < it->rounds; i++) {
        puter_client *client = open_client(it->service);
        ask(it, client);
        stream(it, client);
        fail(it, client);
        puter_close(client);
    }
    return NULL;
}

static void test_service(const standin *service, int rounds)
{
    static worker workers[THREADS];
    int i;
    memset(workers, 0, sizeof workers);
    for (i = 0; i < THREADS; i++) {
        workers[i].service = service;
        workers[i].rounds = rounds;
        CHECK_INT(pthread_create(&workers[i].thread, NULL, work, &workers[i]),
                  0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_IN("%s, thread %d", service->origin, i);
        CHECK_INT(workers[i].right, 3 * rounds);
        CHECK_STR(workers[i].message, "");
    }
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"--plain", "none"};
    int rounds = argc > 1 ? atoi(argv[1]) : 5, i;
    mbedtls_ssl_list_ciphersuites(); /* as puter.h says: before the threads */
    for (i = 0; i < (THREADSAFE ? 2 : 1); i++) {
        standin service;
        standin_start(&service, "2026", kinds[i]);
        test_service(&service, rounds);
        standin_stop(&service);
    }
    if (!THREADSAFE)
        puts("this Mbed TLS was built without threads: not over TLS");
    return check_done();
}
