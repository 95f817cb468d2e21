/* ours - the works of the benchmark, done with puter.h. */
#define PUTER_IMPLEMENTATION
#include "puter.h"

#include "bench.h"

static puter_client *client;
static puter_message *turns;

static void check(puter_result result)
{
    if (result != PUTER_OK)
        bench_fail(puter_last_error(client)->message);
}

static void chat(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_reply reply;
        check(puter_ask(client, "gpt-4", "Halo, siapa kamu?", &reply));
        puter_reply_free(&reply);
        bench_units++;
    }
}

/* With SIZE turns before the question. */
static void history(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_request request = {0};
        puter_reply reply;
        request.model = "gpt-4";
        request.prompt = "Halo, siapa kamu?";
        request.messages = turns;
        request.message_count = (size_t)bench_size;
        check(puter_chat(client, &request, &reply));
        puter_reply_free(&reply);
        bench_units++;
    }
}

static void take_nothing(const puter_event *event)
{
    (void)event;
}

static void take_age(const puter_event *event)
{
    bench_sample_age(event->text);
}

static void read_stream(void (*take)(const puter_event *event))
{
    puter_request request = {0};
    puter_event event;
    int more;
    request.model = "gpt-4";
    request.prompt = "Halo, siapa kamu?";
    request.discard = true;
    check(puter_stream_begin(client, &request));
    while ((more = puter_stream_next(client, &event)) == 1) {
        if (event.type != PUTER_EVENT_TEXT)
            continue;
        take(&event);
        bench_units++;
    }
    check((puter_result)more);
    check(puter_stream_end(client, NULL));
}

static void stream(long rounds)
{
    for (; rounds > 0; rounds--)
        read_stream(take_nothing);
}

static void arrival(long rounds)
{
    for (; rounds > 0; rounds--)
        read_stream(take_age);
}

/* The list, and the name of each model in it. */
static void models(long rounds)
{
    for (; rounds > 0; rounds--) {
        puter_reply reply;
        puter_json *json;
        puter_value list;
        size_t i;
        check(puter_models(client, NULL, &reply));
        json = puter_json_parse(reply.json, reply.json_length, NULL);
        list = puter_json_get(puter_json_root(json), "models");
        for (i = 0; i < puter_json_count(list); i++)
            bench_units +=
                *puter_json_string(puter_json_get(puter_json_at(list, i), "id"),
                                   NULL) != '\0';
        puter_json_free(json);
        puter_reply_free(&reply);
    }
}

/* -- what one question sends, on standard output, for the bare loop -- */

static int record_open(void *ctx, const char *host, int port)
{
    (void)ctx;
    (void)host;
    (void)port;
    return 0;
}

static int record_read(void *ctx, void *buffer, size_t size)
{
    (void)ctx;
    (void)buffer;
    (void)size;
    return 0;
}

static int record_write(void *ctx, const void *data, size_t size)
{
    (void)ctx;
    return (int)fwrite(data, 1, size, stdout);
}

static void record_close(void *ctx)
{
    (void)ctx;
}

static int record(bool streamed)
{
    static const puter_transport recorder = {
        NULL, record_open, record_read, record_write, NULL, record_close, true};
    puter_options options = {0};
    puter_request request = {0};
    options.api_origin = bench_where;
    options.route = PUTER_ROUTE_UNIFIED;
    options.transport = &recorder;
    client = puter_open(&options);
    request.model = "gpt-4";
    request.prompt = "Halo, siapa kamu?";
    if (streamed)
        puter_stream_begin(client, &request);
    else
        puter_chat(client, &request, NULL);
    puter_close(client);
    return 0;
}

/* -- */

static void begin(void)
{
    puter_options options = {0};
    long i;
    options.api_origin = bench_where;
    options.route = PUTER_ROUTE_UNIFIED;
    client = puter_open(&options);
    turns = (puter_message *)calloc((size_t)bench_size + 1, sizeof *turns);
    for (i = 0; turns && i < bench_size; i++) {
        turns[i].role = i % 2 ? "assistant" : "user";
        turns[i].content = BENCH_TURN;
    }
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"chat", chat, CLOCK_MONOTONIC},
        {"history", history, CLOCK_MONOTONIC},
        {"stream", stream, CLOCK_PROCESS_CPUTIME_ID},
        {"arrival", arrival, CLOCK_MONOTONIC},
        {"models", models, CLOCK_MONOTONIC},
        {NULL, NULL, CLOCK_MONOTONIC}};
    int status;
    if (argc == 3 && strncmp(argv[1], "record", 6) == 0) {
        bench_where = argv[2];
        return record(strcmp(argv[1], "record-stream") == 0);
    }
    status = bench_main(argc, argv, works, begin);
    puter_close(client);
    free(turns);
    return status;
}
