/* libcurl - the works of the benchmark, done with libcurl and cJSON. */
#define _POSIX_C_SOURCE 200809L
#include <cjson/cJSON.h>
#include <curl/curl.h>

#include "bench.h"

static CURL *handle;
static struct curl_slist *headers;
static char call_url[256], models_url[256];

/* What came and is not yet read. */
static struct {
    char *text;
    size_t length, capacity;
} body;

static void check(CURLcode code)
{
    if (code != CURLE_OK)
        bench_fail(curl_easy_strerror(code));
}

static size_t keep(char *data, size_t one, size_t size, void *unused)
{
    (void)unused;
    if (body.length + size + 1 > body.capacity) {
        body.capacity = 2 * body.capacity + size + 1;
        body.text = (char *)realloc(body.text, body.capacity);
        if (!body.text)
            bench_fail("out of memory");
    }
    memcpy(body.text + body.length, data, one * size);
    body.length += size;
    body.text[body.length] = '\0';
    return size;
}

/* -- one answer -- */

static void add_turn(cJSON *messages, const char *role, const char *content)
{
    cJSON *turn = cJSON_CreateObject();
    cJSON_AddStringToObject(turn, "role", role);
    cJSON_AddStringToObject(turn, "content", content);
    cJSON_AddItemToArray(messages, turn);
}

/* The request's body, with so many turns before the question. */
static char *encode(long turns, bool streamed)
{
    cJSON *root = cJSON_CreateObject(), *args, *messages;
    char *text;
    long i;
    cJSON_AddStringToObject(root, "interface", "puter-chat-completion");
    cJSON_AddStringToObject(root, "driver", "ai-chat");
    cJSON_AddStringToObject(root, "method", "complete");
    args = cJSON_AddObjectToObject(root, "args");
    messages = cJSON_AddArrayToObject(args, "messages");
    for (i = 0; i < turns; i++)
        add_turn(messages, i % 2 ? "assistant" : "user", BENCH_TURN);
    add_turn(messages, "user", "Halo, siapa kamu?");
    cJSON_AddStringToObject(args, "model", "gpt-4");
    if (streamed)
        cJSON_AddTrueToObject(args, "stream");
    text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static void post(long turns, bool streamed)
{
    char *text = encode(turns, streamed);
    long status = 0;
    body.length = 0;
    curl_easy_setopt(handle, CURLOPT_URL, call_url);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, text);
    check(curl_easy_perform(handle));
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        bench_fail("the reply's status is not 200");
    cJSON_free(text);
}

static cJSON *member(cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void read_answer(void)
{
    cJSON *root = cJSON_ParseWithLength(body.text, body.length);
    cJSON *message = member(member(root, "result"), "message");
    if (!cJSON_IsString(member(message, "content")))
        bench_fail("no answer");
    cJSON_Delete(root);
}

static void history(long rounds)
{
    for (; rounds > 0; rounds--) {
        post(bench_size, false);
        read_answer();
        bench_units++;
    }
}

/* -- a stream -- */

static void read_line(const char *line, size_t length)
{
    cJSON *root = cJSON_ParseWithLength(line, length);
    cJSON *type = member(root, "type");
    if (!cJSON_IsString(type))
        bench_fail("a line without a type");
    if (strcmp(type->valuestring, "text") == 0 &&
        cJSON_IsString(member(root, "text")))
        bench_units++;
    cJSON_Delete(root);
}

static size_t take_lines(char *data, size_t one, size_t size, void *unused)
{
    char *line, *end;
    keep(data, one, size, unused);
    line = body.text;
    while ((end = (char *)memchr(line, '\n', body.length)) != NULL) {
        size_t length = (size_t)(end - line);
        read_line(line, length);
        line = end + 1;
        body.length -= length + 1;
    }
    memmove(body.text, line, body.length);
    return size;
}

static void stream(long rounds)
{
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_lines);
    for (; rounds > 0; rounds--)
        post(0, true);
}

/* -- the list of models, and the name of each in it -- */

static void models(long rounds)
{
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(handle, CURLOPT_URL, models_url);
    for (; rounds > 0; rounds--) {
        cJSON *root, *model;
        body.length = 0;
        check(curl_easy_perform(handle));
        root = cJSON_ParseWithLength(body.text, body.length);
        cJSON_ArrayForEach(model, member(root, "models")) bench_units +=
            *member(model, "id")->valuestring != '\0';
        cJSON_Delete(root);
    }
}

/* -- */

static void add_header(const char *name, const char *value)
{
    char line[512];
    snprintf(line, sizeof line, "%s: %s", name, value);
    headers = curl_slist_append(headers, line);
}

static void begin(void)
{
    char token[256];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    handle = curl_easy_init();
    snprintf(call_url, sizeof call_url, "%s/drivers/call", bench_where);
    snprintf(models_url, sizeof models_url, "%s/puterai/chat/models/details",
             bench_where);
    snprintf(token, sizeof token, "Bearer %s", getenv("PUTER_AUTH_TOKEN"));
    add_header("Authorization", token);
    add_header("Content-Type", "application/json");
    add_header("Origin", "https://puter.com");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "bench/1");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"chat", history, CLOCK_MONOTONIC},
        {"history", history, CLOCK_MONOTONIC},
        {"stream", stream, CLOCK_PROCESS_CPUTIME_ID},
        {"models", models, CLOCK_MONOTONIC},
        {NULL, NULL, CLOCK_MONOTONIC}};
    int status = bench_main(argc, argv, works, begin);
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    free(body.text);
    return status;
}
