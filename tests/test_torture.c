/* test_torture.c - whole exchanges, each once for every step that they take,
 * with that step failing: every allocation, every call of the transport,
 * every moment at which the caller may cancel; once, and from then on.
 *
 * Whatever fails, the call ends, tells what happened, leaks nothing, sends no
 * question twice and leaves a client that answers the next one.
 *
 * An exchange over TLS takes 27,000 allocations of Mbed TLS's: of those, a
 * few; `test_torture all` fails every one of them, and takes its time. */
#include "torture.h"

#define JSON "application/json; charset=utf-8"
#define LINES "application/x-ndjson"

/* ---- what is asked ------------------------------------------------------ */

typedef struct outcome {
    puter_result result;
    bool complete;
    char text[128];
} outcome;

typedef struct served {
    int status;
    const char *type;
    const char *body; /* with ' for ", for the reader's sake */
} served;

typedef struct exchange {
    const char *name;
    void (*run)(puter_client *client, const puter_request *request,
                outcome *seen);
    const puter_request *request;
    puter_result result;
    const char *text;
    served replies[2];
} exchange;

static void keep(outcome *seen, const char *text, size_t size)
{
    size_t length = strlen(seen->text);
    if (size >= sizeof seen->text - length)
        size = sizeof seen->text - length - 1;
    memcpy(seen->text + length, text, size);
    seen->text[length + size] = '\0';
}

/* What a blocking call came to. */
static void keep_reply(outcome *seen, puter_result result, puter_reply *reply)
{
    seen->result = result;
    seen->complete = reply->complete;
    if (reply->size > 0)
        keep(seen, (const char *)reply->body, reply->size);
    else if (reply->length > 0)
        keep(seen, reply->text, reply->length);
    puter_reply_free(reply);
}

static void ask(puter_client *client, const puter_request *request,
                outcome *seen)
{
    puter_reply reply;
    keep_reply(seen, puter_chat(client, request, &reply), &reply);
}

/* The same client twice, on one connection unless that is lost. */
static void ask_twice(puter_client *client, const puter_request *request,
                      outcome *seen)
{
    ask(client, request, seen);
    if (seen->result == PUTER_OK)
        ask(client, request, seen);
}

/* A failure is told again by every further call. */
static void keep_stream(puter_client *client, const puter_request *request,
                        outcome *seen, int next)
{
    puter_event event;
    puter_reply reply;
    if (next < 0)
        CHECK_INT(puter_stream_next(client, &event), next);
    seen->result = puter_stream_end(client, &reply);
    seen->complete = reply.complete;
    if (seen->result == PUTER_OK)
        CHECK_STR(reply.text, request->discard ? "" : seen->text);
    puter_reply_free(&reply);
}

/* An event comes with the line that it is of, whatever failed. */
static void check_line(const puter_event *event)
{
    if (CHECK(event->json_length > 1)) {
        CHECK_INT(event->json[0], '{');
        CHECK_INT(event->json[event->json_length - 1], '}');
    }
}

static void keep_call(outcome *seen, const puter_tool_call *call)
{
    keep(seen, call->id, strlen(call->id));
    keep(seen, call->name, strlen(call->name));
    keep(seen, call->arguments, strlen(call->arguments));
}

static void stream(puter_client *client, const puter_request *request,
                   outcome *seen)
{
    puter_event event;
    int next = puter_stream_begin(client, request);
    while (next >= 0 && (next = puter_stream_next(client, &event)) == 1) {
        CHECK_INT(puter_last_error(client)->result, PUTER_OK);
        check_line(&event);
        if (event.type == PUTER_EVENT_TEXT)
            keep(seen, event.text, event.length);
        if (event.type == PUTER_EVENT_TOOL_CALL)
            keep_call(seen, event.tool_call);
    }
    keep_stream(client, request, seen, next);
}

static void leave_stream(puter_client *client, const puter_request *request,
                         outcome *seen)
{
    puter_event event;
    int next = puter_stream_begin(client, request);
    if (next >= 0)
        next = puter_stream_next(client, &event);
    if (next == 1)
        keep(seen, event.text, event.length);
    keep_stream(client, request, seen, next);
}

static int pour(void *user, const void *data, size_t size)
{
    keep((outcome *)user, (const char *)data, size);
    return 0;
}

static void speak(puter_client *client, outcome *seen,
                  int (*sink)(void *user, const void *data, size_t size))
{
    puter_call_request call = {0};
    puter_reply reply;
    call.interface = "puter-tts";
    call.method = "synthesize";
    call.args = "{\"text\":\"Halo\"}";
    call.sink = sink;
    call.user = seen;
    keep_reply(seen, puter_call(client, &call, &reply), &reply);
}

static void call_for_bytes(puter_client *client, const puter_request *request,
                           outcome *seen)
{
    (void)request;
    speak(client, seen, NULL);
}

static void call_with_sink(puter_client *client, const puter_request *request,
                           outcome *seen)
{
    (void)request;
    speak(client, seen, pour);
}

static void list_models(puter_client *client, const puter_request *request,
                        outcome *seen)
{
    puter_reply reply;
    puter_result result = puter_models(client, "claude", &reply);
    (void)request;
    if (result == PUTER_OK)
        keep(seen, reply.json, reply.json_length);
    keep_reply(seen, result, &reply);
}

static void get_value(puter_client *client, const puter_request *request,
                      outcome *seen)
{
    puter_reply reply;
    (void)request;
    keep_reply(seen, puter_kv_get(client, "greeting", &reply), &reply);
}

static void list_keys(puter_client *client, const puter_request *request,
                      outcome *seen)
{
    puter_reply reply;
    (void)request;
    keep_reply(seen, puter_kv_list(client, "a*", &reply), &reply);
}

/* ---- the catalogue ------------------------------------------------------ */

/* Its answer needs more memory than it is asked with; it is not asked where
 * that could not be told any more. */
static int tell_weather(void *user, const puter_tool_call *call,
                        puter_writer *result)
{
    (void)user;
    CHECK(torture.step != STEP_OURS ||
          torture.count[STEP_OURS] < torture.first);
    puter_write_begin_object(result);
    puter_write_key(result, "asked");
    puter_write_raw(result, call->arguments, strlen(call->arguments));
    puter_write_key(result, "degrees");
    puter_write_integer(result, 21);
    puter_write_end_object(result);
    return 0;
}

static const puter_tool tools[] = {
    {.name = "weather", .parameters = "{\"type\":\"object\"}",
     .call = tell_weather},
};

static const puter_part picture[] = {
    {.type = PUTER_PART_IMAGE, .data = "\x89PNG\r\n\x1A\n and so on",
     .size = 18},
};

static const puter_message with_picture[] = {
    {.content = "What is it?", .parts = picture, .part_count = 1},
};

static const puter_request
    halo = {.prompt = "Halo", .model = "gpt-4"},
    unnamed = {.prompt = "Halo"},
    pinned = {.prompt = "Halo", .driver = "ai-chat"},
    discarded = {.prompt = "Halo", .discard = true},
    image = {.messages = with_picture, .message_count = 1},
    weather = {.prompt = "Halo", .tools = tools, .tool_count = 1},
    detailed = {.prompt = "Halo", .system = "Be brief.",
                .model = "vendor/some-model", .has_temperature = true,
                .max_tokens = 100, .extra_args = "{\"vision\":true}"};

#define ANSWER_2026 \
    "{'success':true,'result':{'index':0,'message':{'role':'assistant'," \
    "'content':'Halo juga','reasoning':'Easy.'},'finish_reason':'stop'," \
    "'usage':{'prompt_tokens':11,'completion_tokens':7,'usd_cents':0.1}}," \
    "'metadata':{'service_used':'claude','providerUsed':'x'}}"
#define ANSWER_2025 \
    "{'success':true,'service':{'name':'claude'},'result':{'message':{" \
    "'id':'m','role':'assistant','model':'claude-3','content':[{'type':" \
    "'text','text':'Halo '},{'type':'text','text':'juga'}]},'usage':" \
    "[{'type':'prompt','amount':11,'cost':165}],'finish_reason':'stop'}}"
#define STREAM_2026 \
    "{'type':'reasoning','reasoning':'Easy.'}\n" \
    "{'type':'text','text':'Halo '}\n{'type':'text','text':'ju'}\n" \
    "{'type':'text','text':'ga'}\n{'type':'heartbeat'}\n" \
    "{'type':'usage','usage':{'prompt_tokens':11}}\n"
#define STREAM_CALL \
    "{'type':'text','text':'Halo '}\n{'type':'tool_use','id':'1'," \
    "'name':'weather','input':{'days':3}}\n"
#define STREAM_2025 "{'text':'Halo '}\n{'text':'juga'}"
#define PICTURES \
    "{'success':true,'result':{'message':{'content':'Halo juga'," \
    "'images':[{'image_url':{'url':'https://x/1'}},'https://x/2']}," \
    "'compaction':{'id':'c'}}}"
/* More values than the reply has that tells them. */
#define TOOL_CALL \
    "{'success':true,'result':{'message':{'content':'Halo '," \
    "'tool_calls':[{'id':'1','function':{'name':'weather','arguments':" \
    "'{\\'days\\':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21," \
    "22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40]}'}}]}," \
    "'compaction':{'id':'c'}}}"
#define MODELS_2026 \
    "{'models':[{'id':'x','provider':'claude'},{'id':'y','provider':'z'}]}"
#define LONG_NAME \
    "a-name-that-is-longer-than-what-was-read-before-and-needs-more-memory"
#define MODELS_LONG \
    "{'models':[{'id':'x','provider':'claude'}," \
    "{'id':'y','provider':'" LONG_NAME LONG_NAME LONG_NAME LONG_NAME "'}]}"
#define MODELS_2025 "{'models':['gpt-4','claude-4']}"
#define NO_DRIVER \
    "{'error':'Driver not found: openai-completion','code':'not_found'}"
#define NO_AI_CHAT \
    "{'success':false,'error':'Calling ai-chat directly is not yet supported'}"
#define TOO_MANY "{'error':'Too many requests.','code':'too_many_requests'}"
#define NO_TOKEN "{'message':'Sign in.','code':'token_auth_failed'}"
#define BROKEN STREAM_2025 "\n{'type':'error','message':'The vendor failed'}\n"

static const exchange catalogue[] = {
    {"answer of 2026", ask, &halo, PUTER_OK, "Halo juga",
     {{200, JSON, ANSWER_2026}}},
    {"answer of 2025", ask, &detailed, PUTER_OK, "Halo juga",
     {{200, JSON, ANSWER_2025}}},
    {"stream of 2026", stream, &unnamed, PUTER_OK, "Halo juga",
     {{200, LINES, STREAM_2026}}},
    {"stream of 2025", stream, &halo, PUTER_OK, "Halo juga",
     {{200, LINES, STREAM_2025}}},
    {"answer to a stream", stream, &halo, PUTER_OK, "Halo juga",
     {{200, JSON, PICTURES}}},
    {"discarded stream", stream, &discarded, PUTER_OK, "Halo juga",
     {{200, LINES, STREAM_2026}}},
    {"stream of a call", stream, &discarded, PUTER_OK,
     "Halo 1weather{\"days\":3}", {{200, LINES, STREAM_CALL}}},
    {"stream left early", leave_stream, &halo, PUTER_OK, "Halo ",
     {{200, LINES, STREAM_2025}}},
    {"stream with an error", stream, &halo, PUTER_ERR_SERVICE, "Halo juga",
     {{200, LINES, BROKEN}}},
    {"round of tools", ask, &weather, PUTER_OK, "Halo juga",
     {{200, JSON, TOOL_CALL}, {200, JSON, ANSWER_2026}}},
    {"image", ask, &image, PUTER_OK, "Halo juga", {{200, JSON, PICTURES}}},
    {"bytes", call_for_bytes, NULL, PUTER_OK, "ID3 and on",
     {{200, "audio/mpeg", "ID3 and on"}}},
    {"sink", call_with_sink, NULL, PUTER_OK, "ID3 and on",
     {{200, "audio/mpeg", "ID3 and on"}}},
    {"models", list_models, NULL, PUTER_OK,
     "{\"models\":[{\"id\":\"x\",\"provider\":\"claude\"}]}",
     {{404, JSON, NO_DRIVER}, {200, JSON, MODELS_2026}}},
    {"models of long names", list_models, NULL, PUTER_OK,
     "{\"models\":[{\"id\":\"x\",\"provider\":\"claude\"}]}",
     {{200, JSON, MODELS_LONG}}},
    {"models, later", list_models, NULL, PUTER_OK,
     "{\"models\":[\"claude-4\"]}",
     {{503, JSON, "{}"}, {200, JSON, MODELS_2025}}},
    {"value", get_value, NULL, PUTER_OK, "Halo juga",
     {{200, JSON, "{'success':true,'result':'Halo juga'}"}}},
    {"keys", list_keys, NULL, PUTER_OK, "[\"a1\",\"" LONG_NAME "\"]",
     {{200, JSON, "{'success':true,'result':['a1','b','" LONG_NAME "']}"}}},
    {"no such driver", ask, &halo, PUTER_OK, "Halo juga",
     {{404, JSON, NO_DRIVER}, {200, JSON, ANSWER_2026}}},
    {"no ai-chat", stream, &pinned, PUTER_OK, "Halo juga",
     {{200, JSON, NO_AI_CHAT}, {200, LINES, STREAM_2025}}},
    {"too many requests", ask, &halo, PUTER_OK, "Halo juga",
     {{429, JSON, TOO_MANY}, {200, JSON, ANSWER_2026}}},
    {"token refused", ask, &halo, PUTER_ERR_AUTH, "",
     {{401, JSON, NO_TOKEN}}},
    {"connection kept", ask_twice, &halo, PUTER_OK, "Halo jugaHalo juga",
     {{200, JSON, ANSWER_2025}, {200, JSON, ANSWER_2026}}},
};

/* ---- the peer ----------------------------------------------------------- */

/* Copies a text, its quotes as JSON has them. */
static void quote(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
    while ((out = strchr(out, '\'')) != NULL)
        *out = '"';
}

/* Each line is a chunk of its own. */
static void serve_lines(script *peer, const char *lines)
{
    script_bytes wire = {0};
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
             "Transfer-Encoding: chunked\r\n\r\n", LINES);
    script_append(&wire, head, strlen(head));
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        length += lines[length] == '\n';
        snprintf(head, sizeof head, "%zx\r\n", length);
        script_append(&wire, head, strlen(head));
        script_append(&wire, lines, length);
        script_append(&wire, "\r\n", 2);
        lines += length;
    }
    script_append(&wire, "0\r\n\r\n", 5);
    script_raw(peer, wire.bytes, wire.length);
    free(wire.bytes);
}

/* What the peer answers from here on, whatever it was about to say. */
static void serve(script *peer, const served *replies, size_t count)
{
    script_connection *connection = script_current(peer);
    size_t i;
    for (i = 0; i < connection->reply_count; i++)
        free(connection->replies[i].bytes);
    memset(connection, 0, sizeof *connection);
    for (i = 0; i < count && replies[i].body; i++) {
        char body[1024];
        quote(body, sizeof body, replies[i].body);
        if (strcmp(replies[i].type, LINES) == 0)
            serve_lines(peer, body);
        else
            script_typed_reply(peer, replies[i].status, replies[i].type,
                               body);
    }
}

/* How many requests the peer was handed whole. */
static size_t count_requests(const script *peer)
{
    size_t i, count = 0;
    for (i = 0; i < peer->request_count; i++)
        count += script_request_is_whole(&peer->requests[i]);
    return count;
}

/* ---- what fails --------------------------------------------------------- */

/* A kind of step, and what it comes to that one fails. */
typedef struct fault {
    const char *name;
    torture_step step;
    int failure;         /* what the transport's call gives */
    puter_result result; /* PUTER_OK: any */
    bool certain;        /* nothing can make up for it */
} fault;

static const fault kinds[] = {
    {"our allocation", STEP_OURS, 0, PUTER_ERR_NOMEM, true},
    {"cancelled", STEP_ASK, 0, PUTER_ERR_CANCELLED, true},
    {"wait", STEP_WAIT, PUTER_ERR_CLOSED, PUTER_ERR_CLOSED, false},
    {"open", STEP_OPEN, PUTER_ERR_CLOSED, PUTER_ERR_CLOSED, false},
    {"read", STEP_READ, PUTER_ERR_CLOSED, PUTER_ERR_CLOSED, false},
    {"end of file", STEP_READ, 0, PUTER_ERR_CLOSED, false},
    {"write", STEP_WRITE, PUTER_ERR_CLOSED, PUTER_ERR_CLOSED, false},
    {"write of nothing", STEP_WRITE, 0, PUTER_ERR_CLOSED, false},
    {"their allocation", STEP_THEIRS, 0, PUTER_OK, false},
};

/* How the transport behaves meanwhile. */
typedef struct manner {
    const char *name;
    size_t dense; /* so many steps fail one by one, then ever fewer */
    bool bytes, pauses, secure, proxied, renegotiates;
    const puter_options *options;
} manner;

static const manner
    plain = {.name = "plain", .dense = SIZE_MAX},
    pausing = {.name = "with pauses", .dense = SIZE_MAX, .pauses = true},
    bytewise = {.name = "byte by byte", .dense = 16, .bytes = true},
    secure = {.name = "TLS", .dense = 8, .secure = true},
    proxied = {.name = "TLS, proxy", .dense = 8, .secure = true,
               .proxied = true},
    crawling = {.name = "TLS, proxy, byte by byte, with pauses",
                .secure = true, .proxied = true, .bytes = true,
                .pauses = true},
    renegotiating = {.name = "TLS, another handshake wanted",
                     .secure = true, .renegotiates = true},
    reluctant = {.name = "TLS, another handshake wanted, with pauses",
                 .secure = true, .renegotiates = true, .pauses = true};

/* What an exchange takes where nothing fails. */
typedef struct effort {
    size_t steps[STEPS];
    size_t requests;
} effort;

static bool every; /* test_torture all */

static size_t next_step(size_t n, const manner *how)
{
    return n + 1 + (every ? 0 : n / how->dense);
}

/* ---- one exchange ------------------------------------------------------- */

static void open_client(torture_client *c, const exchange *it,
                        const manner *how)
{
    memset(c, 0, sizeof *c);
    c->bytes = how->bytes;
    c->pauses = how->pauses;
    c->spurious = how->pauses;
    c->proxied = how->proxied;
    c->renegotiates = how->renegotiates;
    torture_open(c, how->options, how->secure);
    serve(&c->peer, it->replies, COUNT(it->replies));
}

/* What must hold of a result, whatever it is. */
static void check_result(const torture_client *c, const exchange *it,
                         const outcome *seen)
{
    const puter_error *error = puter_last_error(c->client);
    CHECK_INT(error->result, seen->result);
    if (seen->result < 0)
        script_check_failure(c->client, seen->result);
    if (seen->result > PUTER_ERR_AUTH) /* it is none of the service's */
        CHECK_STR(error->code, "");
    CHECK_INT(seen->complete,
              seen->result == PUTER_OK && it->run != leave_stream);
    if (seen->result == it->result)
        CHECK_STR(seen->text, it->text);
    else
        CHECK(strncmp(it->text, seen->text, strlen(seen->text)) == 0);
}

/* A client that has seen a failure asks on, and only over a connection on
 * which nothing is left of it. */
static void check_goes_on(torture_client *c)
{
    static const served again = {200, JSON, ANSWER_2025};
    const script_connection *kept = c->peer.now;
    outcome seen = {PUTER_OK, false, ""};
    torture_disarm();
    CHECK(!kept || (kept->offset == 0 && kept->reply == kept->requests));
    serve(&c->peer, &again, 1);
    ask(c->client, &halo, &seen);
    CHECK_RESULT(seen.result, PUTER_OK);
    CHECK_STR(seen.text, "Halo juga");
}

/* Runs it with nothing failing. */
static effort measure(const exchange *it, const manner *how)
{
    torture_client c;
    outcome seen = {PUTER_OK, false, ""};
    effort taken;
    CHECK_IN("%s, %s", it->name, how->name);
    open_client(&c, it, how);
    torture_arm(STEP_NONE, 0, false);
    it->run(c.client, it->request, &seen);
    torture_disarm();
    CHECK_RESULT(seen.result, it->result);
    check_result(&c, it, &seen);
    memcpy(taken.steps, torture.count, sizeof taken.steps);
    taken.requests = count_requests(&c.peer);
    check_goes_on(&c);
    torture_close(&c);
    return taken;
}

/* Runs it with the n-th step failing, and all after it if `on`. */
static void attempt(const exchange *it, const manner *how, const fault *f,
                    size_t n, bool on, const effort *usual)
{
    torture_client c;
    outcome seen = {PUTER_OK, false, ""};
    bool failed;
    CHECK_IN("%s, %s, %s %zu%s", it->name, how->name, f->name, n,
             on ? " and on" : "");
    open_client(&c, it, how);
    c.failure = f->failure;
    torture_arm(f->step, n, on);
    it->run(c.client, it->request, &seen);
    torture_disarm();
    failed = torture.count[f->step] >= n; /* a pause is not always as long */
    if (f->result != PUTER_OK &&
        (seen.result != it->result || (failed && f->certain)))
        CHECK_RESULT(seen.result, f->result);
    check_result(&c, it, &seen);
    if (it->run != list_models) /* which only reads */
        CHECK(count_requests(&c.peer) <= usual->requests);
    check_goes_on(&c);
    torture_close(&c);
}

/* Fails every step of a kind. */
static void fail_each(const exchange *it, const manner *how, const fault *f,
                      const effort *usual)
{
    size_t n;
    for (n = 1; n <= usual->steps[f->step]; n = next_step(n, how)) {
        attempt(it, how, f, n, false, usual);
        attempt(it, how, f, n, true, usual);
    }
}

/* ---- the catalogue, tortured -------------------------------------------- */

static void fail_everything(const exchange *it, const manner *how)
{
    effort usual = measure(it, how);
    size_t k;
    for (k = 0; k < COUNT(kinds); k++)
        fail_each(it, how, &kinds[k], &usual);
}

static void test_without_tls(void)
{
    size_t i;
    for (i = 0; i < COUNT(catalogue); i++) {
        fail_everything(&catalogue[i], &plain);
        fail_everything(&catalogue[i], &pausing);
        fail_everything(&catalogue[i], &bytewise);
    }
}

/* Where a handshake takes its time: all of one exchange, and of each other
 * what is drawn by lot. */
static void test_tls(void)
{
    enum { DRAWS = 4 };
    uint64_t seed = 4;
    size_t i, draw;
    effort ways = measure(&catalogue[0], &proxied);
    fail_each(&catalogue[0], &proxied, &kinds[0], &ways);
    fail_everything(&catalogue[2], &secure);
    measure(&catalogue[2], &renegotiating);
    measure(&catalogue[2], &reluctant);
    CHECK(!TORTURE_THEIRS || torture.count[STEP_THEIRS] > 0);
    for (i = 0; i < COUNT(catalogue); i++) {
        effort usual = measure(&catalogue[i], &proxied);
        measure(&catalogue[i], &crawling);
        for (draw = 0; draw < DRAWS; draw++) {
            const fault *f = &kinds[script_random(&seed) % COUNT(kinds)];
            size_t most = usual.steps[f->step];
            if (most > 0)
                attempt(&catalogue[i], &proxied, f,
                        1 + script_random(&seed) % most, draw % 2, &usual);
        }
    }
}

/* A request of several records, amid which another handshake is asked for: each
 * byte arrives once, whatever of a record and an alert was still to be sent. */
static void test_large_request(void)
{
    static char prompt[50000];
    static const served replies[] = {{200, JSON, ANSWER_2025}};
    size_t before;
    int pauses;
    memset(prompt, 'x', sizeof prompt - 1);
    for (before = 1; before < sizeof prompt; before += 4000)
        for (pauses = 0; pauses < 2; pauses++) {
            torture_client c = {0};
            puter_reply reply;
            CHECK_IN("another handshake wanted after %zu bytes, pauses %d",
                     before, pauses);
            c.pauses = pauses;
            c.renegotiates = true;
            c.before = before;
            torture_open(&c, NULL, true);
            serve(&c.peer, replies, 1);
            CHECK_INT(puter_ask(c.client, NULL, prompt, &reply), PUTER_OK);
            CHECK_STR(reply.text, "Halo juga");
            CHECK_INT(count_requests(&c.peer), 1);
            CHECK(strstr(script_sent(&c.peer, 0), prompt));
            puter_reply_free(&reply);
            torture_close(&c);
        }
}

/* An alert that could not be sent is no reason to leave a connection: it goes
 * before the next request. */
static void test_late_alert(void)
{
    static const served replies[] = {{200, JSON, ANSWER_2025},
                                     {200, JSON, ANSWER_2026}};
    torture_client c = {0};
    int i;
    CHECK_IN("a late alert");
    c.pauses = c.spurious = true;
    c.renegotiates = true;
    torture_open(&c, NULL, true);
    serve(&c.peer, replies, 2);
    for (i = 0; i < 2; i++)
        CHECK_INT(puter_ask(c.client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(c.peer.opens, 1);
    torture_close(&c);
}

/* ---- stores of roots ---------------------------------------------------- */

static void test_store(const char *name, const puter_options *options)
{
    manner how = secure;
    effort usual;
    how.name = name;
    how.options = options;
    usual = measure(&catalogue[0], &how);
    fail_each(&catalogue[0], &how, &kinds[0], &usual);
}

/* Two roots, the needed one first: what lacks for the one is not made up for
 * by the other. */
static void write_roots(char *pem, size_t size)
{
    cert other = {0};
    cert_der der;
    size_t length = strlen(torture_root);
    other.subject = other.issuer = "CN=Other";
    other.key = other.issuer_key = &tls.key;
    other.ca = true;
    der = cert_make(&other);
    memcpy(pem, torture_root, length);
    cert_pem(&der, pem + length, size - length);
}

static void test_stores(void)
{
    char pem[4096], directory[256], path[300];
    puter_options options = {0};
    FILE *file;
    write_roots(pem, sizeof pem);
    options.ca_data = pem;
    options.ca_size = strlen(pem);
    test_store("TLS, roots in memory", &options);
    options.ca_data = NULL;
    check_temporary(directory, sizeof directory, "torture");
    if (!CHECK(mkdtemp(directory)))
        return;
    snprintf(path, sizeof path, "%s/roots.pem", directory);
    file = fopen(path, "w");
    CHECK(file && fputs(pem, file) >= 0 && fclose(file) == 0);
    options.ca_file = path;
    test_store("TLS, roots in a file", &options);
    options.ca_file = directory;
    test_store("TLS, roots in a directory", &options);
    unlink(path);
    rmdir(directory);
}

/* ---- sessions ----------------------------------------------------------- */

/* Saves or loads a session with one allocation after another failing: either
 * says so, and the client goes on. */
static void check_session(const char *name, bool used, const char *path,
                          puter_result (*act)(puter_client *client,
                                              const char *path))
{
    bool failed = true;
    size_t n;
    for (n = 1; failed; n++) {
        torture_client c;
        puter_result result;
        open_client(&c, &catalogue[0], &secure);
        CHECK_IN("%s, our allocation %zu", name, n);
        if (used)
            check_goes_on(&c);
        torture_arm(STEP_OURS, n, false);
        result = act(c.client, path);
        torture_disarm();
        failed = torture.count[STEP_OURS] >= n;
        CHECK_RESULT(result, failed ? PUTER_ERR_NOMEM : PUTER_OK);
        if (failed)
            script_check_failure(c.client, result);
        check_goes_on(&c);
        torture_close(&c);
    }
}

static void test_sessions(void)
{
    char directory[256], path[300];
    check_temporary(directory, sizeof directory, "torture");
    if (!CHECK(mkdtemp(directory)))
        return;
    snprintf(path, sizeof path, "%s/session", directory);
    check_session("saving a session", true, path, puter_session_save);
    check_session("loading a session", false, path, puter_session_load);
    unlink(path);
    rmdir(directory);
}

/* ---- memory alone ------------------------------------------------------- */

/* A client that could not be opened, or not in full, says so at each call. */
static void test_open(void)
{
    puter_options options = {0};
    bool failed = true;
    size_t n;
    options.no_environment = true;
    options.token = SCRIPT_TOKEN;
    options.api_origin = "https://localhost:1";
    options.proxy = "http://name:password@localhost:3128";
    for (n = 1; failed; n++) {
        puter_client *client;
        CHECK_IN("open, our allocation %zu", n);
        torture_arm(STEP_OURS, n, false);
        client = puter_open(&options);
        torture_disarm();
        failed = torture.count[STEP_OURS] >= n;
        CHECK(client || n == 1);
        if (failed) {
            CHECK_INT(puter_ask(client, NULL, "Halo", NULL),
                      PUTER_ERR_NOMEM);
            script_check_failure(client, PUTER_ERR_NOMEM);
            CHECK_INT(puter_stream_begin(client, &halo), PUTER_ERR_NOMEM);
        }
        puter_close(client);
        CHECK_INT(torture.held, 0);
    }
}

/* The client's own sockets, which ask libc for addresses. Nobody listens. */
static void check_sockets(torture_step step, bool on)
{
    puter_options options = {0};
    bool failed = true;
    size_t n;
    options.no_environment = true;
    options.token = SCRIPT_TOKEN;
    options.api_origin = "http://127.0.0.1:1";
    for (n = 1; failed; n++) {
        puter_client *client = puter_open(&options);
        puter_result result;
        CHECK_IN("sockets, step %d, %zu%s", step, n, on ? " and on" : "");
        torture_arm(step, n, on);
        result = puter_ask(client, NULL, "Halo", NULL);
        torture_disarm();
        failed = torture.count[step] >= n;
        if (step == STEP_OURS || !failed)
            CHECK_INT(result, failed ? PUTER_ERR_NOMEM : PUTER_ERR_CONNECT);
        script_check_failure(client, result);
        puter_close(client);
        CHECK_INT(torture.held, 0);
    }
}

static void test_sockets(void)
{
    check_sockets(STEP_OURS, false);
    check_sockets(STEP_THEIRS, false);
    check_sockets(STEP_THEIRS, true);
}

/* ---- a document --------------------------------------------------------- */

/* Of so many values that there is not room for all from the beginning. */
static void test_document(void)
{
    puter_writer text = {0};
    bool failed = true;
    size_t n;
    puter_write_begin_array(&text);
    for (n = 0; n < 200; n++)
        puter_write_string(&text, "\"Halo\"");
    puter_write_end_array(&text);
    for (n = 1; failed; n++) {
        puter_error error;
        puter_json *json;
        size_t held = torture.held;
        CHECK_IN("a document, our allocation %zu", n);
        torture_arm(STEP_OURS, n, false);
        json = puter_json_parse(text.text, text.length, &error);
        torture_disarm();
        failed = torture.count[STEP_OURS] >= n;
        CHECK_INT(error.result, failed ? PUTER_ERR_NOMEM : PUTER_OK);
        CHECK(failed == !json);
        CHECK_STR(puter_json_string(puter_json_get(puter_json_root(json),
                                                   "[199]"), NULL),
                  failed ? "" : "\"Halo\"");
        puter_json_free(json);
        CHECK_INT(torture.held, held);
    }
    CHECK(n > 4);
    puter_writer_free(&text);
}

/* ---- a conversation ----------------------------------------------------- */

static puter_result add_turn(puter_history *history)
{
    return puter_history_add(history, "user", "And then?");
}

static puter_result add_reply(puter_history *history)
{
    puter_reply reply = {0};
    reply.text = "Then nothing.";
    reply.turns = "[{\"role\":\"assistant\",\"content\":\"Hm.\"}]";
    reply.compaction = "{\"id\":\"c\"}";
    return puter_history_add_reply(history, &reply);
}

#define LOADED \
    "[{'role':'user','content':'Halo'},{'role':'assistant','content':[" \
    "{'type':'tool_use','id':'1','name':'f','input':{}}," \
    "{'type':'tool_use','id':'2','name':'f','input':{}}]}," \
    "{'role':'tool','tool_call_id':'2','content':'x'}"
#define SETTLED \
    LOADED ",{'role':'tool','tool_call_id':'1','content':" \
           "'The tool was not run.'}"

static puter_result load(puter_history *history)
{
    char text[512];
    quote(text, sizeof text, LOADED "]");
    return puter_history_load(history, text, strlen(text), NULL);
}

static void check_saved(const puter_history *history, const char *wanted)
{
    puter_writer text = {0};
    char quoted[1024];
    quote(quoted, sizeof quoted, wanted);
    CHECK_INT(puter_history_save(history, &text), PUTER_OK);
    CHECK_STR(text.text, quoted);
    puter_writer_free(&text);
}

/* A change that fails changes nothing. */
static void check_change(puter_result (*change)(puter_history *history),
                         const char *after)
{
    bool failed = true;
    size_t n;
    for (n = 1; failed; n++) {
        puter_history history = {0};
        puter_result result;
        CHECK_IN("history as \"%.60s\", our allocation %zu", after, n);
        CHECK_INT(load(&history), PUTER_OK);
        torture_arm(STEP_OURS, n, false);
        result = change(&history);
        torture_disarm();
        failed = torture.count[STEP_OURS] >= n;
        CHECK_INT(result, failed ? PUTER_ERR_NOMEM : PUTER_OK);
        check_saved(&history, failed ? LOADED "]" : after);
        puter_history_free(&history);
        CHECK_INT(torture.held, 0);
    }
}

static void test_history(void)
{
    check_change(load, LOADED "]");
    check_change(add_turn,
                 SETTLED ",{'role':'user','content':'And then?'}]");
    check_change(add_reply,
                 SETTLED ",{'role':'assistant','content':'Hm.'},"
                        "{'role':'assistant','content':[{'type':'text',"
                        "'text':'Then nothing.'},"
                        "{'type':'compaction','id':'c'}]}]");
}

int main(int argc, char **argv)
{
    every = argc > 1 && strcmp(argv[1], "all") == 0;
    torture_start();
    test_without_tls();
    test_tls();
    test_large_request();
    test_late_alert();
    test_stores();
    test_sessions();
    test_open();
    test_sockets();
    test_document();
    test_history();
    return check_done();
}
