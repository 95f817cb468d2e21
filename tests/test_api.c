/* test_api.c - the public face as its users meet it, in what C99 and C++11
 * have in common. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "script.h"

#define HALO \
    "{\"success\":true,\"result\":{\"message\":{\"content\":\"Halo\"}}}"

/* Whether all bytes are zero. */
static bool is_empty(const void *memory, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)memory;
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    return size == 0;
}

/* What a function is to set, filled with rubbish first. */
static void spoil(void *memory, size_t size)
{
    memset(memory, 0xA5, size);
}

static void test_names(void)
{
    CHECK_STR(puter_result_name(PUTER_OK), "PUTER_OK");
    CHECK_STR(puter_result_name(PUTER_WAIT), "PUTER_WAIT");
    CHECK_STR(puter_result_name(PUTER_ERR_ARGUMENT), "PUTER_ERR_ARGUMENT");
    CHECK_STR(puter_result_name(PUTER_ERR_SERVICE), "PUTER_ERR_SERVICE");
    CHECK_STR(puter_result_name((puter_result)1), "PUTER_?");
}

/* Every failure has a name of its own. */
static void test_every_result_has_a_name(void)
{
    int result;
    for (result = PUTER_ERR_ARGUMENT; result >= PUTER_ERR_SERVICE; result--) {
        CHECK_IN("result %d", result);
        CHECK(strncmp(puter_result_name((puter_result)result), "PUTER_ERR_",
                      10) == 0);
    }
    CHECK_STR(puter_result_name((puter_result)result), "PUTER_?");
}

/* Out of memory, puter_open gives NULL: every function takes it. */
static void test_no_client(void)
{
    puter_request request = {0};
    puter_call_request call = {0};
    puter_reply reply;
    puter_event event;
    CHECK_IN("no client");
    puter_close(NULL);
    CHECK_INT(puter_last_error(NULL)->result, PUTER_ERR_NOMEM);
    CHECK(puter_last_error(NULL)->message[0] != '\0');
    spoil(&reply, sizeof reply);
    CHECK_INT(puter_ask(NULL, NULL, "Halo", &reply), PUTER_ERR_NOMEM);
    CHECK(is_empty(&reply, sizeof reply));
    request.prompt = "Halo";
    spoil(&reply, sizeof reply);
    CHECK_INT(puter_chat(NULL, &request, &reply), PUTER_ERR_NOMEM);
    CHECK(is_empty(&reply, sizeof reply));
    CHECK_INT(puter_chat(NULL, NULL, NULL), PUTER_ERR_NOMEM);
    CHECK_INT(puter_stream_begin(NULL, &request), PUTER_ERR_NOMEM);
    spoil(&event, sizeof event);
    CHECK_INT(puter_stream_next(NULL, &event), PUTER_ERR_NOMEM);
    CHECK(is_empty(&event, sizeof event));
    CHECK_INT(puter_stream_next(NULL, NULL), PUTER_ERR_NOMEM);
    spoil(&reply, sizeof reply);
    CHECK_INT(puter_stream_end(NULL, &reply), PUTER_ERR_NOMEM);
    CHECK(is_empty(&reply, sizeof reply));
    spoil(&reply, sizeof reply);
    CHECK_INT(puter_call(NULL, &call, &reply), PUTER_ERR_NOMEM);
    CHECK(is_empty(&reply, sizeof reply));
    spoil(&reply, sizeof reply);
    CHECK_INT(puter_models(NULL, NULL, &reply), PUTER_ERR_NOMEM);
    CHECK(is_empty(&reply, sizeof reply));
    CHECK_STR(puter_client_tls_version(NULL), "");
    CHECK_INT(puter_client_fd(NULL), -1);
    CHECK_INT(puter_client_events(NULL), 0);
    CHECK_INT(puter_client_deadline(NULL), -1);
}

/* A client that was given nothing opens and closes, and tells that nothing
 * has failed. */
static void test_idle_client(void)
{
    puter_options options = {0};
    puter_client *clients[2];
    int i;
    options.no_environment = true;
    clients[0] = puter_open(NULL);
    clients[1] = puter_open(&options);
    for (i = 0; i < 2; i++) {
        CHECK_IN("idle client %d", i);
        CHECK(clients[i]);
        CHECK_INT(puter_last_error(clients[i])->result, PUTER_OK);
        CHECK_STR(puter_last_error(clients[i])->message, "");
        CHECK_STR(puter_client_tls_version(clients[i]), "");
        CHECK_INT(puter_client_fd(clients[i]), -1);
        CHECK_INT(puter_client_events(clients[i]), 0);
        CHECK_INT(puter_client_deadline(clients[i]), -1);
        puter_close(clients[i]);
    }
}

/* NULL where a struct should be is the caller's mistake, or means nothing is
 * wanted; it never crashes. */
static void test_nulls(void)
{
    script peer = {0};
    puter_client *client;
    puter_reply reply;
    CHECK_IN("NULLs");
    client = script_open(&peer, NULL);
    spoil(&reply, sizeof reply);
    CHECK_INT(puter_ask(client, NULL, NULL, &reply), PUTER_ERR_ARGUMENT);
    CHECK(is_empty(&reply, sizeof reply));
    CHECK_INT(puter_chat(client, NULL, &reply), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_begin(client, NULL), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_call(client, NULL, &reply), PUTER_ERR_ARGUMENT);
    script_check_failure(client, PUTER_ERR_ARGUMENT);
    CHECK_INT(peer.opens, 0);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    script_close(&peer, client);
}

/* Freeing empties, and may be repeated; so may ending. */
static void test_freeing_twice(void)
{
    script peer = {0};
    puter_client *client;
    puter_writer writer = {0};
    puter_reply reply = {0};
    CHECK_IN("freeing twice");
    puter_reply_free(NULL);
    puter_reply_free(&reply);
    client = script_open(&peer, NULL);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
    CHECK_STR(reply.text, "Halo");
    puter_reply_free(&reply);
    CHECK(is_empty(&reply, sizeof reply));
    puter_reply_free(&reply);
    script_close(&peer, client);
    puter_writer_free(NULL);
    puter_writer_free(&writer);
    puter_write_integer(&writer, 1);
    puter_writer_free(&writer);
    CHECK(is_empty(&writer, sizeof writer));
    puter_writer_free(&writer);
    puter_json_free(NULL);
}

/* A reply outlives its client, and the strings given to it. */
static void test_lifetimes(void)
{
    script peer = {0};
    puter_options options = {0};
    puter_client *client;
    puter_reply reply;
    char token[] = SCRIPT_TOKEN, origin[] = SCRIPT_ORIGIN, agent[] = "a/1";
    CHECK_IN("lifetimes");
    options.token = token;
    options.api_origin = origin;
    options.user_agent = agent;
    client = script_open(&peer, &options);
    spoil(token, sizeof token);
    spoil(origin, sizeof origin);
    spoil(agent, sizeof agent);
    spoil(&options, sizeof options);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK);
    CHECK(strstr(peer.requests[0].bytes, "Bearer " SCRIPT_TOKEN "\r\n"));
    CHECK(strstr(peer.requests[0].bytes, "User-Agent: a/1\r\n"));
    script_close(&peer, client);
    CHECK_STR(reply.text, "Halo");
    puter_reply_free(&reply);
}

/* After PUTER_OK no string of a reply is NULL. */
static void test_no_string_is_null(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("strings of a reply");
    script_reply(&peer, 200,
                 "{\"success\":true,\"result\":{\"message\":{}}}");
    CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_OK);
    CHECK(reply.text && reply.reasoning && reply.role && reply.model);
    CHECK(reply.service && reply.finish_reason && reply.compaction);
    CHECK(reply.json && reply.body && reply.content_type);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* Bad options fail at the first call, and at every other. */
static void test_bad_options(void)
{
    script peer = {0};
    puter_options options = {0};
    puter_client *client;
    puter_event event;
    puter_reply reply;
    int i;
    CHECK_IN("bad options");
    options.api_origin = "nowhere";
    client = script_open(&peer, &options);
    CHECK(client);
    for (i = 0; i < 2; i++) {
        spoil(&reply, sizeof reply);
        CHECK_INT(puter_ask(client, NULL, "Halo", &reply),
                  PUTER_ERR_ARGUMENT);
        CHECK(is_empty(&reply, sizeof reply));
        script_check_failure(client, PUTER_ERR_ARGUMENT);
        CHECK(strstr(puter_last_error(client)->message, "nowhere"));
    }
    CHECK(puter_stream_next(client, &event) < 0);
    CHECK(puter_stream_end(client, &reply) < 0);
    puter_reply_free(&reply);
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_ERR_ARGUMENT);
    CHECK_INT(peer.opens, 0);
    script_close(&peer, client);
}

/* Closing in the middle of an exchange ends it. */
static void test_closing_early(void)
{
    script peer = {0};
    puter_options options = {0};
    puter_request request = {0};
    puter_client *client;
    puter_event event;
    CHECK_IN("closing early");
    options.nonblocking = true;
    client = script_open(&peer, &options);
    request.prompt = "Halo";
    script_current(&peer);
    CHECK(puter_stream_begin(client, &request) >= 0);
    CHECK_INT(puter_stream_next(client, &event), PUTER_WAIT);
    CHECK_INT(peer.opens, 1);
    script_close(&peer, client);
}

/* Who asks late how long to wait is told: not at all. */
static void test_time_is_up(void)
{
    script peer = {0};
    puter_options options = {0};
    puter_request request = {0};
    puter_client *client;
    puter_event event;
    CHECK_IN("time is up");
    options.nonblocking = true;
    options.idle_timeout_ms = 500;
    client = script_open(&peer, &options);
    request.prompt = "Halo";
    script_current(&peer);
    CHECK(puter_stream_begin(client, &request) >= 0);
    poll(NULL, 0, 600);
    CHECK_INT(puter_client_deadline(client), 0);
    CHECK_INT(puter_stream_next(client, &event), PUTER_ERR_TIMEOUT);
    script_check_failure(client, PUTER_ERR_TIMEOUT);
    script_close(&peer, client);
}

/* What puter_options says of the numbers that are left out. */
static void test_defaults(void)
{
    puter_client *client = puter_open(NULL);
    CHECK_IN("defaults");
    CHECK_INT(client->options.connect_timeout_ms, 15000);
    CHECK_INT(client->options.idle_timeout_ms, 300000);
    CHECK_INT(client->options.total_timeout_ms, -1);
    CHECK_INT(client->options.max_retries, 8);
    CHECK_INT(client->options.max_reply_bytes, 64 << 20);
    puter_close(client);
}

/* Values that are missing, from documents that are. */
static void test_json_of_nothing(void)
{
    puter_value missing = {0};
    puter_error error;
    size_t length = 7;
    CHECK_IN("JSON of nothing");
    CHECK_INT(puter_json_type(missing), PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_root(NULL)), PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_get(missing, "a[0].b")),
              PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_get(missing, NULL)), PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_member(missing, "a", 1)),
              PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_at(missing, 0)), PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_key(missing, 0)), PUTER_MISSING);
    CHECK_STR(puter_json_string(missing, &length), "");
    CHECK_INT(length, 0);
    CHECK(puter_json_number(missing) == 0);
    CHECK_INT(puter_json_integer(missing), 0);
    CHECK(!puter_json_bool(missing));
    CHECK_INT(puter_json_count(missing), 0);
    spoil(&error, sizeof error);
    CHECK(!puter_json_parse(NULL, 0, &error));
    CHECK(error.result < 0 && error.message[0]);
    CHECK(!puter_json_parse("", 0, NULL));
}

/* A failed writer does nothing more, and says so. */
static void test_failed_writer(void)
{
    puter_writer writer = {0};
    CHECK_IN("failed writer");
    puter_write_raw(&writer, "x", SIZE_MAX - 16);
    CHECK_INT(writer.result, PUTER_ERR_LIMIT);
    puter_write_begin_object(&writer);
    puter_write_key(&writer, "a");
    puter_write_string(&writer, "b");
    puter_write_end_object(&writer);
    CHECK_INT(writer.result, PUTER_ERR_LIMIT);
    CHECK_INT(writer.length, 0);
    puter_writer_free(&writer);
    CHECK_INT(writer.result, PUTER_OK);
    CHECK_IN("full writer");
    writer.length = writer.capacity = SIZE_MAX / 4;
    puter_write_null(&writer);
    CHECK_INT(writer.result, PUTER_ERR_LIMIT);
    CHECK_INT(writer.length, SIZE_MAX / 4);
}

/* A key that is NULL is an empty one. */
static void test_no_key(void)
{
    puter_writer writer = {0};
    CHECK_IN("no key");
    puter_write_begin_object(&writer);
    puter_write_key(&writer, NULL);
    puter_write_string(&writer, NULL);
    puter_write_end_object(&writer);
    CHECK_STR(writer.text, "{\"\":null}");
    puter_writer_free(&writer);
}

/* Two clients at once know nothing of each other. */
static void test_two_clients(void)
{
    static script peers[2];
    puter_client *clients[2];
    puter_request request = {0};
    puter_event event;
    int i;
    CHECK_IN("two clients");
    request.prompt = "Halo";
    for (i = 0; i < 2; i++) {
        clients[i] = script_open(&peers[i], NULL);
        script_typed_reply(&peers[i], 200, "application/x-ndjson",
                           i ? "{\"text\":\"one\"}\n{\"text\":\"two\"}\n"
                             : "{\"type\":\"error\",\"message\":\"no\"}\n");
        puter_stream_begin(clients[i], &request);
    }
    CHECK_INT(puter_stream_next(clients[1], &event), 1);
    CHECK_INT(puter_stream_next(clients[0], &event), PUTER_ERR_SERVICE);
    CHECK_INT(puter_stream_next(clients[1], &event), 1);
    CHECK_STR(event.text, "two");
    CHECK_INT(puter_last_error(clients[1])->result, PUTER_OK);
    CHECK_INT(puter_last_error(clients[0])->result, PUTER_ERR_SERVICE);
    for (i = 0; i < 2; i++)
        script_close(&peers[i], clients[i]);
}

int main(void)
{
    test_names();
    test_every_result_has_a_name();
    test_no_client();
    test_idle_client();
    test_nulls();
    test_freeing_twice();
    test_lifetimes();
    test_no_string_is_null();
    test_bad_options();
    test_closing_early();
    test_time_is_up();
    test_defaults();
    test_json_of_nothing();
    test_failed_writer();
    test_no_key();
    test_two_clients();
    return check_done();
}
