/* test_tools.c - rounds of tools: what the model asks for, what it is told,
 * and what is left to the caller. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "compare.h"
#include "script.h"

#define LINES "application/x-ndjson"

/* ---- what services say -------------------------------------------------- */

#define RESULT(message) \
    "{\"success\":true,\"result\":{\"message\":" message ",\"usage\":{" \
    "\"prompt_tokens\":10,\"completion_tokens\":2,\"cached_tokens\":1," \
    "\"usd_cents\":0.5}}}"

/* As OpenAI spells it: arguments are a string that holds JSON. */
#define OPENAI(content, calls) \
    RESULT("{\"role\":\"assistant\",\"content\":" content \
           ",\"tool_calls\":[" calls "]}")
#define CALL(id, name, arguments) \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name \
    "\",\"arguments\":\"" arguments "\"}}"

/* As Claude does: blocks of content, the input an object. */
#define CLAUDE(blocks) \
    RESULT("{\"role\":\"assistant\",\"content\":[" blocks "]}")
#define TEXT(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define USE(id, name, input) \
    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name \
    "\",\"input\":" input "}"

#define ROME "{\\\"city\\\":\\\"Rome\\\"}"
#define ASKS OPENAI("null", CALL("c1", "weather", ROME))
#define DONE OPENAI("\"It is 22.\"", "")

/* ---- what is to be sent ------------------------------------------------- */

#define USER "{\"role\":\"user\",\"content\":\"Halo\"}"
#define ASSISTANT(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define TOOL(id, content) \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" content \
    "\"}"

/* ---- a tool, and a client that offers it -------------------------------- */

/* Notes what it is asked, and answers what it was told to. */
typedef struct oracle {
    const char *says; /* NULL: nothing */
    int fails;
    int runs;
    script_bytes *log;
} oracle;

static void note(script_bytes *log, const char *text)
{
    script_append(log, text, strlen(text));
}

static void note_call(script_bytes *log, const puter_tool_call *call)
{
    note(log, call->id);
    note(log, " ");
    note(log, call->name);
    note(log, call->arguments);
    note(log, "\n");
}

static int answer(void *user, const puter_tool_call *call,
                  puter_writer *result)
{
    oracle *it = (oracle *)user;
    note(it->log, "run ");
    note_call(it->log, call);
    it->runs++;
    if (it->says)
        puter_write_raw(result, it->says, strlen(it->says));
    return it->fails;
}

/* Two tools that answer and one that the caller runs. */
typedef struct bench {
    script peer;
    puter_client *client;
    oracle oracle;
    script_bytes log;
    puter_tool tools[3];
    puter_request request;
} bench;

static void bench_open(bench *it, const puter_options *options)
{
    memset(it, 0, sizeof *it);
    it->client = script_open(&it->peer, options);
    it->oracle.says = "22";
    it->oracle.log = &it->log;
    it->tools[0].name = "weather";
    it->tools[1].name = "time";
    it->tools[0].call = it->tools[1].call = answer;
    it->tools[0].user = it->tools[1].user = &it->oracle;
    it->tools[2].name = "mine";
    it->request.prompt = "Halo";
    it->request.tools = it->tools;
    it->request.tool_count = COUNT(it->tools);
    script_append(&it->log, "", 0);
}

static void bench_close(bench *it)
{
    script_close(&it->peer, it->client);
    free(it->log.bytes);
}

/* Notes every event of a stream, between what its tools note. */
static puter_result ask_stream(bench *it, puter_reply *reply)
{
    static const char *const names[] = {NULL, "text ", "reasoning ", "call ",
                                        "image ", "usage", "compaction ",
                                        "other"};
    puter_event event;
    puter_stream_begin(it->client, &it->request);
    while (puter_stream_next(it->client, &event) == 1) {
        note(&it->log, names[event.type]);
        if (event.tool_call) {
            note_call(&it->log, event.tool_call);
            continue;
        }
        if (event.text)
            note(&it->log, event.text);
        note(&it->log, "\n");
    }
    return puter_stream_end(it->client, reply);
}

static puter_result ask(bench *it, bool stream, puter_reply *reply)
{
    return stream ? ask_stream(it, reply)
                  : puter_chat(it->client, &it->request, reply);
}

/* ---- what the second request says --------------------------------------- */

/* What the model said, and the turns that tell it the outcome. Whatever the
 * spelling was that it came in, the one that arrives intact goes out: blocks,
 * the text first, the input an object. */
static const struct {
    const char *name, *type, *says, *turns;
} spellings[] = {
    {"OpenAI", NULL, ASKS,
     ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}")) ","
     TOOL("c1", "22")},
    {"OpenAI with text", NULL,
     OPENAI("\"One \\u00e9\"", CALL("c1", "weather", "{}")),
     ASSISTANT(TEXT("One \xC3\xA9") "," USE("c1", "weather", "{}")) ","
     TOOL("c1", "22")},
    {"a NUL in the text", NULL,
     OPENAI("\"\\u0000One\"", CALL("c1", "weather", "{}")),
     ASSISTANT(TEXT("\\u0000One") "," USE("c1", "weather", "{}")) ","
     TOOL("c1", "22")},
    {"OpenAI, several", NULL,
     OPENAI("\"\"", CALL("c1", "weather", ROME) "," CALL("c2", "time", "")
            "," CALL("c3", "weather", "{ }")),
     ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}") ","
               USE("c2", "time", "{}") "," USE("c3", "weather", "{}")) ","
     TOOL("c1", "22") "," TOOL("c2", "22") "," TOOL("c3", "22")},
    {"Claude", NULL, CLAUDE(USE("c1", "weather", "{\"city\":\"Rome\"}")),
     ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}")) ","
     TOOL("c1", "22")},
    {"Claude with text", NULL,
     CLAUDE(TEXT("One ") "," TEXT("two") "," USE("c1", "time", "{}")),
     ASSISTANT(TEXT("One two") "," USE("c1", "time", "{}")) ","
     TOOL("c1", "22")},
    {"Claude, text last", NULL,
     CLAUDE(USE("c1", "time", "{}") "," TEXT("One")),
     ASSISTANT(TEXT("One") "," USE("c1", "time", "{}")) "," TOOL("c1", "22")},
    {"Claude with thinking", NULL,
     CLAUDE("{\"type\":\"thinking\",\"thinking\":\"Hm\"}," USE("c1", "time",
                                                               "{}")),
     ASSISTANT(USE("c1", "time", "{}")) "," TOOL("c1", "22")},
    {"Claude, several", NULL,
     CLAUDE(USE("c1", "time", "{\"a\":[1,{\"b\":null}]}") ","
            USE("c2", "time", "{\"a\":\"\\u0000\\ud83d\\ude00\"}")),
     ASSISTANT(USE("c1", "time", "{\"a\":[1,{\"b\":null}]}") ","
               USE("c2", "time", "{\"a\":\"\\u0000\\ud83d\\ude00\"}")) ","
     TOOL("c1", "22") "," TOOL("c2", "22")},
    {"one call in both", NULL,
     OPENAI("[" TEXT("One") "," USE("c1", "time", "{}") "]",
            CALL("c1", "time", "{}")),
     ASSISTANT(TEXT("One") "," USE("c1", "time", "{}")) "," TOOL("c1", "22")},
    {"a stream", LINES,
     "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"weather\","
     "\"input\":{\"city\":\"Rome\"},\"text\":\"\"}\n",
     ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}")) ","
     TOOL("c1", "22")},
    {"a stream with text", LINES,
     TEXT("One ") "\n" TEXT("two") "\n" USE("c1", "time", "{}") "\n"
     USE("c2", "time", "{\"b\":1}") "\n",
     ASSISTANT(TEXT("One two") "," USE("c1", "time", "{}") ","
               USE("c2", "time", "{\"b\":1}")) ","
     TOOL("c1", "22") "," TOOL("c2", "22")},
    {"a stream, text last", LINES,
     USE("c1", "time", "{}") "\n" TEXT("One") "\n",
     ASSISTANT(TEXT("One") "," USE("c1", "time", "{}")) "," TOOL("c1", "22")},
};

static void check_spelling(size_t row, bool stream, script_cut cut)
{
    const char *type = spellings[row].type;
    bench it;
    puter_reply reply;
    char messages[1024], turns[1024];
    CHECK_IN("%s, %s, cut %d", spellings[row].name,
             stream ? "begin" : "chat", (int)cut);
    bench_open(&it, NULL);
    it.peer.cut = cut;
    script_typed_reply(&it.peer, 200, type ? type : "application/json",
                       spellings[row].says);
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, stream, &reply), PUTER_OK);
    snprintf(turns, sizeof turns, "[%s]", spellings[row].turns);
    snprintf(messages, sizeof messages, "[" USER ",%s]",
             spellings[row].turns);
    CHECK_JSON(script_sent(&it.peer, 1), "args.messages", messages);
    CHECK_JSON(reply.turns, "", turns);
    CHECK_STR(reply.text, "It is 22.");
    CHECK_INT(reply.tool_call_count, 0);
    CHECK_INT(it.peer.request_count, 2);
    puter_reply_free(&reply);
    bench_close(&it);
}

static void test_spellings(void)
{
    size_t i;
    for (i = 0; i < COUNT(spellings); i++) {
        check_spelling(i, false, SCRIPT_WHOLE);
        check_spelling(i, true, SCRIPT_WHOLE);
        check_spelling(i, true, SCRIPT_BYTES);
    }
}

/* Everything but the messages is said again as it was. */
static void test_second_request(void)
{
    static const char rest[] =
        "\"model\":\"m\",\"temperature\":0,\"max_tokens\":9,\"tools\":["
        "{\"type\":\"function\",\"function\":{\"name\":\"weather\"}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"time\"}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"mine\"}}],"
        "\"stream\":true,\"vision\":true}";
    bench it;
    char wanted[1024];
    CHECK_IN("second request");
    bench_open(&it, NULL);
    it.request.model = "m";
    it.request.has_temperature = true;
    it.request.max_tokens = 9;
    it.request.system = "Be brief.";
    it.request.extra_args = "{\"vision\":true}";
    script_reply(&it.peer, 200, ASKS);
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, true, NULL), PUTER_OK);
    snprintf(wanted, sizeof wanted, "{\"messages\":["
             "{\"role\":\"system\",\"content\":\"Be brief.\"}," USER "],%s",
             rest);
    CHECK_JSON(script_sent(&it.peer, 0), "args", wanted);
    snprintf(wanted, sizeof wanted, "{\"messages\":["
             "{\"role\":\"system\",\"content\":\"Be brief.\"}," USER ","
             ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}")) ","
             TOOL("c1", "22") "],%s", rest);
    CHECK_JSON(script_sent(&it.peer, 1), "args", wanted);
    bench_close(&it);
}

/* What a tool gets and the model gets back is the text that came, not what a
 * reading and writing of it would have made. */
static void test_exact_arguments(void)
{
    static const char input[] = "{\"n\":12345678901234567890.10, \"n\":1e999}";
    bench it;
    CHECK_IN("exact arguments");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200, OPENAI("null", CALL("c1", "time",
        "{\\\"n\\\":12345678901234567890.10, \\\"n\\\":1e999}")));
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, NULL), PUTER_OK);
    CHECK(strstr(it.log.bytes, input));
    CHECK(strstr(script_sent(&it.peer, 1), input));
    bench_close(&it);
}

/* Calls that come without an id get one, each its own: their results could
 * not be told apart. */
static void test_missing_ids(void)
{
    bench it;
    puter_json *sent;
    puter_value turns, asked[2], answered[2];
    const char *body;
    int i;
    CHECK_IN("missing ids");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200, OPENAI("null", CALL("", "time", "{}") ","
        "{\"function\":{\"name\":\"weather\",\"arguments\":\"{}\"}}"));
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, NULL), PUTER_OK);
    body = script_sent(&it.peer, 1);
    sent = puter_json_parse(body, strlen(body), NULL);
    turns = puter_json_get(puter_json_root(sent), "args.messages");
    asked[0] = puter_json_get(turns, "[1].content[0].id");
    asked[1] = puter_json_get(turns, "[1].content[1].id");
    answered[0] = puter_json_get(turns, "[2].tool_call_id");
    answered[1] = puter_json_get(turns, "[3].tool_call_id");
    for (i = 0; i < 2; i++) {
        CHECK(puter_json_string(asked[i], NULL)[0] != '\0');
        CHECK(same_string(asked[i], answered[i]));
    }
    CHECK(!same_string(asked[0], asked[1]));
    puter_json_free(sent);
    bench_close(&it);
}

/* Nor may the calls of another round have it, which may follow at once. */
static void test_missing_ids_of_rounds(void)
{
    bench it;
    puter_reply reply;
    puter_json *turns;
    CHECK_IN("missing ids of rounds");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200, OPENAI("null", CALL("", "time", "{}")));
    script_reply(&it.peer, 200, OPENAI("null", CALL("", "time", "{}")));
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, &reply), PUTER_OK);
    turns = puter_json_parse(reply.turns, strlen(reply.turns), NULL);
    CHECK(!same_string(
        puter_json_get(puter_json_root(turns), "[1].tool_call_id"),
        puter_json_get(puter_json_root(turns), "[3].tool_call_id")));
    puter_json_free(turns);
    puter_reply_free(&reply);
    bench_close(&it);
}

/* ---- what a tool says --------------------------------------------------- */

static void test_outcomes(void)
{
    static const struct {
        const char *says;
        int fails;
        const char *content; /* in JSON */
    } rows[] = {
        {"22 \xC2\xB0", 0, "\"22 \\u00b0\""},
        {"\"22\"\n\\", 0, "\"\\\"22\\\"\\n\\\\\""},
        {"\xFF", 0, "\"\\ufffd\""},
        {NULL, 0, "\"(no output)\""},
        {"", 0, "\"(no output)\""},
        {"{\"celsius\":22}", 0, "\"{\\\"celsius\\\":22}\""},
        {"no such city", 1, "\"The tool failed: no such city\""},
        {"no such city", -7, "\"The tool failed: no such city\""},
        {NULL, 1, "\"The tool failed: (no output)\""},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        bench it;
        CHECK_IN("outcome %d", (int)i);
        bench_open(&it, NULL);
        it.oracle.says = rows[i].says;
        it.oracle.fails = rows[i].fails;
        script_reply(&it.peer, 200, ASKS);
        script_reply(&it.peer, 200, DONE);
        CHECK_INT(ask(&it, false, NULL), PUTER_OK);
        CHECK_JSON(script_sent(&it.peer, 1), "args.messages[2].content",
                   rows[i].content);
        bench_close(&it);
    }
}

static int answer_json(void *user, const puter_tool_call *call,
                       puter_writer *result)
{
    (void)user;
    (void)call;
    puter_write_begin_object(result);
    puter_write_key(result, "sky");
    puter_write_string(result, "clear");
    puter_write_key(result, "celsius");
    puter_write_number(result, 21.5);
    puter_write_end_object(result);
    return 0;
}

/* A result that the emitter wrote goes out as the text it is. */
static void test_json_outcome(void)
{
    bench it;
    CHECK_IN("JSON outcome");
    bench_open(&it, NULL);
    it.tools[0].call = answer_json;
    script_reply(&it.peer, 200, ASKS);
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, NULL), PUTER_OK);
    CHECK_JSON(script_sent(&it.peer, 1), "args.messages[2]",
               TOOL("c1",
                    "{\\\"sky\\\":\\\"clear\\\",\\\"celsius\\\":21.5}"));
    bench_close(&it);
}

/* ---- calls that are left to the caller ---------------------------------- */

static void test_calls_left(void)
{
    static const struct {
        const char *name, *says, *left;
    } rows[] = {
        {"a tool without a function", OPENAI("\"One.\"",
                                             CALL("c1", "mine", "{}")),
         "c1 mine{}\n"},
        {"one such among others",
         OPENAI("\"One.\"", CALL("c1", "weather", ROME) ","
                            CALL("c2", "mine", "{}")),
         "c1 weather{\"city\":\"Rome\"}\nc2 mine{}\n"},
        {"a name that nobody knows",
         CLAUDE(TEXT("One.") "," USE("c1", "Weather", "{}")),
         "c1 Weather{}\n"},
        {"one such among others",
         CLAUDE(TEXT("One.") "," USE("c1", "time", "{}") ","
                USE("c2", "times", "{\"a\": 1}")),
         "c1 time{}\nc2 times{\"a\": 1}\n"},
        {"arguments that are no JSON",
         OPENAI("\"One.\"", CALL("c1", "mine", "{\\\"city\\\":")),
         "c1 mine{\"city\":\n"},
        {"arguments that are no object",
         OPENAI("\"One.\"", CALL("c1", "mine", "Rome")), "c1 mineRome\n"},
    };
    size_t i, j;
    for (i = 0; i < 2 * COUNT(rows); i++) {
        bench it;
        puter_reply reply;
        script_bytes left = {0};
        CHECK_IN("left: %s", rows[i / 2].name);
        bench_open(&it, NULL);
        script_reply(&it.peer, 200, rows[i / 2].says);
        CHECK_INT(ask(&it, i % 2 == 1, &reply), PUTER_OK);
        for (j = 0; j < reply.tool_call_count; j++)
            note_call(&left, &reply.tool_calls[j]);
        CHECK_STR(left.bytes, rows[i / 2].left);
        CHECK_STR(reply.text, "One.");
        CHECK_STR(reply.turns, "");
        CHECK_INT(it.oracle.runs, 0);
        CHECK_INT(it.peer.request_count, 1);
        puter_reply_free(&reply);
        free(left.bytes);
        bench_close(&it);
    }
}

/* A tool of the service's own goes out as it is and is nobody's here. */
static void test_builtin_tools(void)
{
    puter_tool tools[2] = {{0}, {0}};
    bench it;
    puter_reply reply;
    CHECK_IN("built-in tools");
    bench_open(&it, NULL);
    tools[0].json = "{\"type\":\"web_search\", \"max_uses\":3.0}";
    tools[1].name = "time";
    tools[1].description = "The \"time\"";
    tools[1].parameters = "{ \"type\" : \"object\" }";
    it.request.tools = tools;
    it.request.tool_count = COUNT(tools);
    script_reply(&it.peer, 200, OPENAI("\"One.\"",
                                       CALL("c1", "web_search", "{}")));
    CHECK_INT(ask(&it, false, &reply), PUTER_OK);
    CHECK_INT(reply.tool_call_count, 1);
    CHECK(strstr(script_sent(&it.peer, 0), tools[0].json));
    CHECK_JSON(script_sent(&it.peer, 0), "args.tools",
               "[{\"type\":\"web_search\",\"max_uses\":3},"
               "{\"type\":\"function\",\"function\":{\"name\":\"time\","
               "\"description\":\"The \\\"time\\\"\","
               "\"parameters\":{\"type\":\"object\"}}}]");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* ---- how many rounds ---------------------------------------------------- */

/* The next reply, on a connection of its own: one holds only a few. */
static void script_last_reply(script *peer, const char *body)
{
    char head[128];
    script_bytes reply = {0};
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
             "Connection: close\r\nContent-Length: %zu\r\n\r\n",
             strlen(body));
    note(&reply, head);
    note(&reply, body);
    script_next_connection(peer);
    script_raw(peer, reply.bytes, reply.length);
    free(reply.bytes);
}

/* Out of rounds is no failure: the calls come back, as do all the turns. */
static void check_rounds(int most, int wanted, bool stream)
{
    bench it;
    puter_reply reply;
    puter_json *turns;
    int i;
    CHECK_IN("max_tool_rounds %d, %s", most, stream ? "begin" : "chat");
    bench_open(&it, NULL);
    it.request.max_tool_rounds = most;
    for (i = 0; i <= wanted; i++)
        script_last_reply(&it.peer, ASKS);
    CHECK_INT(ask(&it, stream, &reply), PUTER_OK);
    CHECK_INT(it.oracle.runs, wanted);
    CHECK_INT(it.peer.request_count, wanted + 1);
    CHECK_INT(reply.tool_call_count, 1);
    CHECK(reply.complete);
    turns = puter_json_parse(reply.turns, strlen(reply.turns), NULL);
    CHECK_INT(puter_json_count(puter_json_root(turns)), 2 * wanted);
    CHECK_INT(reply.usage.prompt_tokens, 10 * (wanted + 1));
    CHECK_INT(reply.usage.completion_tokens, 2 * (wanted + 1));
    CHECK_INT(reply.usage.cached_tokens, wanted + 1);
    CHECK(reply.usage.usd_cents == 0.5 * (wanted + 1));
    puter_json_free(turns);
    puter_reply_free(&reply);
    bench_close(&it);
}

static void test_rounds(void)
{
    static const int rows[][2] = {{0, 8}, {-1, 0}, {1, 1}, {2, 2}, {9, 9}};
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        check_rounds(rows[i][0], rows[i][1], false);
        check_rounds(rows[i][0], rows[i][1], true);
    }
}

/* As many for each question. */
static void test_rounds_of_each(void)
{
    bench it;
    int i;
    CHECK_IN("rounds of each");
    bench_open(&it, NULL);
    it.request.max_tool_rounds = 1;
    for (i = 0; i < 2; i++) {
        script_reply(&it.peer, 200, ASKS);
        script_reply(&it.peer, 200, DONE);
        CHECK_INT(ask(&it, false, NULL), PUTER_OK);
        CHECK_INT(it.oracle.runs, i + 1);
    }
    bench_close(&it);
}

/* Why and by whom a round was ended says nothing of the next one. */
static void test_end_of_rounds(void)
{
    int lines;
    for (lines = 0; lines < 2; lines++) {
        bench it;
        puter_reply reply;
        CHECK_IN("the end of rounds, %s", lines ? "in lines" : "whole");
        bench_open(&it, NULL);
        script_reply(&it.peer, 200,
                     "{\"success\":true,\"service\":{\"name\":\"ai-chat\"},"
                     "\"metadata\":{\"providerUsed\":\"gpt-4\"},\"result\":{"
                     "\"finish_reason\":\"tool_calls\",\"message\":{"
                     "\"content\":[" USE("c1", "time", "{}") "]}}}");
        if (lines)
            script_typed_reply(&it.peer, 200, LINES, TEXT("It is 22.") "\n");
        else
            script_reply(&it.peer, 200, DONE);
        CHECK_INT(ask(&it, true, &reply), PUTER_OK);
        CHECK_STR(reply.text, "It is 22.");
        CHECK_STR(reply.finish_reason, "");
        CHECK_STR(reply.service, "");
        CHECK_STR(reply.model, "");
        puter_reply_free(&reply);
        bench_close(&it);
    }
}

/* Rounds that tell their usage in different ways are summed all the same. */
static void test_usage_of_rounds(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("usage of rounds");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200,
                 "{\"success\":true,\"result\":{\"message\":{\"content\":["
                 USE("c1", "time", "{}") "]},\"usage\":{\"input_tokens\":9,"
                 "\"output_tokens\":5}}}");
    script_typed_reply(&it.peer, 200, LINES,
                       USE("c2", "time", "{}") "\n"
                       "{\"type\":\"usage\",\"usage\":{\"prompt_tokens\":1,"
                       "\"completion_tokens\":1,\"usd_cents\":0.25}}\n");
    script_reply(&it.peer, 200,
                 "{\"success\":true,\"result\":{\"message\":\"It is 22.\","
                 "\"usage\":[{\"type\":\"prompt\",\"amount\":11,"
                 "\"cost\":250000},{\"type\":\"completion\",\"amount\":7}]}}");
    CHECK_INT(ask(&it, true, &reply), PUTER_OK);
    CHECK_STR(reply.text, "It is 22.");
    CHECK_INT(reply.usage.prompt_tokens, 21);
    CHECK_INT(reply.usage.completion_tokens, 13);
    CHECK(!reply.usage.has_cached_tokens);
    CHECK(reply.usage.has_usd_cents && reply.usage.usd_cents == 0.5);
    puter_reply_free(&reply);
    bench_close(&it);
}

/* Sums end at what a double holds, of debts as well. */
static void test_endless_debt(void)
{
    int credit;
    for (credit = 0; credit < 2; credit++) {
        char debt[256];
        bench it;
        puter_reply reply;
        CHECK_IN("endless debt, credit %d", credit);
        bench_open(&it, NULL);
        snprintf(debt, sizeof debt,
                 "{\"success\":true,\"result\":{\"message\":{\"content\":["
                 USE("c1", "time", "{}") "]},\"usage\":{\"usd_cents\":%s}}}",
                 credit ? "1.7e308" : "-1.7e308");
        script_reply(&it.peer, 200, debt);
        script_reply(&it.peer, 200, debt);
        script_reply(&it.peer, 200, "{\"success\":true,\"result\":\"Halo\"}");
        CHECK_INT(ask(&it, true, &reply), PUTER_OK);
        CHECK(reply.usage.usd_cents == (credit ? DBL_MAX : -DBL_MAX));
        puter_reply_free(&reply);
        bench_close(&it);
    }
}

/* ---- streams ------------------------------------------------------------ */

/* A round's events, then its tools, then the next round's events: in that
 * order, however the bytes are cut and whoever waits. */
static void check_stream(script_cut cut, bool pauses)
{
    bench it;
    puter_reply reply;
    CHECK_IN("stream, cut %d, pauses %d", (int)cut, (int)pauses);
    bench_open(&it, NULL);
    it.peer.cut = cut;
    it.peer.seed = 7;
    it.peer.pauses = pauses;
    script_typed_reply(&it.peer, 200, LINES,
                       "{\"type\":\"reasoning\",\"reasoning\":\"Hm\"}\n"
                       TEXT("One") "\n"
                       USE("c1", "weather", "{\"a\":1}") "\n"
                       USE("c2", "time", "{}") "\n"
                       "{\"type\":\"usage\",\"usage\":{}}\n");
    script_typed_reply(&it.peer, 200, LINES,
                       TEXT("Two") "\n" USE("c3", "time", "{}") "\n");
    script_typed_reply(&it.peer, 200, LINES,
                       TEXT("Three") "\n"
                       "{\"type\":\"usage\",\"usage\":{}}\n");
    CHECK_INT(ask(&it, true, &reply), PUTER_OK);
    CHECK_STR(it.log.bytes,
              "reasoning Hm\n"
              "text One\n"
              "call c1 weather{\"a\":1}\n"
              "call c2 time{}\n"
              "usage\n"
              "run c1 weather{\"a\":1}\n"
              "run c2 time{}\n"
              "text Two\n"
              "call c3 time{}\n"
              "run c3 time{}\n"
              "text Three\n"
              "usage\n");
    CHECK_STR(reply.text, "Three");
    CHECK_STR(reply.reasoning, "");
    CHECK(reply.complete);
    puter_reply_free(&reply);
    bench_close(&it);
}

static void test_streams(void)
{
    check_stream(SCRIPT_WHOLE, false);
    check_stream(SCRIPT_WHOLE, true);
    check_stream(SCRIPT_BYTES, false);
    check_stream(SCRIPT_RANDOM, true);
}

/* What one round thought does not hide what the next one does. */
static void test_thoughts_of_rounds(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("thoughts of rounds");
    bench_open(&it, NULL);
    script_typed_reply(&it.peer, 200, LINES,
                       "{\"type\":\"reasoning\",\"reasoning\":\"Hmmm\"}\n"
                       USE("c1", "time", "{}") "\n");
    script_typed_reply(&it.peer, 200, LINES,
                       "{\"type\":\"reasoning\",\"reasoning\":\"Aha\"}\n"
                       TEXT("Two") "\n");
    CHECK_INT(ask(&it, true, &reply), PUTER_OK);
    CHECK_STR(it.log.bytes, "reasoning Hmmm\ncall c1 time{}\n"
                            "run c1 time{}\nreasoning Aha\ntext Two\n");
    CHECK_STR(reply.reasoning, "Aha");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* Half a character that ends one round is no part of the next. */
static void test_half_a_character_of_rounds(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("half a character of rounds");
    bench_open(&it, NULL);
    script_typed_reply(&it.peer, 200, LINES,
                       USE("c1", "time", "{}") "\n" TEXT("One\\ud83d") "\n");
    script_typed_reply(&it.peer, 200, LINES, TEXT("Two") "\n");
    CHECK_INT(ask(&it, true, &reply), PUTER_OK);
    CHECK_STR(reply.text, "Two");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* What is not kept for the caller is still the model's own turn. */
static void test_discarded_stream(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("discarded stream");
    bench_open(&it, NULL);
    it.request.discard = true;
    script_typed_reply(&it.peer, 200, LINES,
                       TEXT("One ") "\n" TEXT("two") "\n"
                       USE("c1", "time", "{}") "\n");
    script_typed_reply(&it.peer, 200, LINES, TEXT("Three") "\n");
    CHECK_INT(ask(&it, true, &reply), PUTER_OK);
    CHECK_JSON(script_sent(&it.peer, 1), "args.messages",
               "[" USER "," ASSISTANT(TEXT("One two") ","
                                      USE("c1", "time", "{}")) ","
               TOOL("c1", "22") "]");
    CHECK_STR(reply.text, "");
    CHECK_STR(reply.json, "");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* Ended in the middle of the second round: the first one's turns are there. */
static void test_ended_early(void)
{
    bench it;
    puter_event event;
    puter_reply reply;
    CHECK_IN("ended early");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200, ASKS);
    script_typed_reply(&it.peer, 200, LINES,
                       TEXT("Two") "\n" TEXT("Three") "\n");
    CHECK_INT(puter_stream_begin(it.client, &it.request), PUTER_OK);
    while (puter_stream_next(it.client, &event) == 1)
        if (event.type == PUTER_EVENT_TEXT)
            break;
    CHECK_INT(puter_stream_end(it.client, &reply), PUTER_OK);
    CHECK(!reply.complete);
    CHECK_STR(reply.text, "Two");
    CHECK_INT(reply.tool_call_count, 0);
    CHECK_JSON(reply.turns, "",
               "[" ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}")) ","
               TOOL("c1", "22") "]");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* An artifact that comes in one round is not lost in the next, and stands in
 * the turn that it came with. */
static void test_compaction_of_rounds(void)
{
    static const char artifact[] =
        "{\"type\":\"compaction\",\"encrypted_content\":\"x\"}";
    static const char *const says[] = {
        "{\"success\":true,\"result\":{\"message\":{\"content\":["
        USE("c1", "time", "{}") "]},\"compaction\":{\"type\":\"compaction\","
        "\"encrypted_content\":\"x\"}}}",
        CLAUDE("{\"type\":\"compaction\",\"encrypted_content\":\"x\"},"
               USE("c1", "time", "{}")),
        "{\"success\":true,\"result\":{\"message\":{\"content\":["
        USE("c1", "time", "{}") "],\"compaction\":{\"type\":\"compaction\","
        "\"encrypted_content\":\"x\"}}}}",
    };
    size_t i;
    for (i = 0; i < 2 * COUNT(says); i++) {
        bench it;
        puter_reply reply;
        CHECK_IN("compaction of rounds, %d", (int)i);
        bench_open(&it, NULL);
        script_reply(&it.peer, 200, says[i / 2]);
        script_reply(&it.peer, 200, DONE);
        CHECK_INT(ask(&it, i % 2 == 1, &reply), PUTER_OK);
        CHECK_JSON(reply.compaction, "", artifact);
        CHECK(strstr(reply.turns, "\"content\":[{\"type\":\"compaction\""));
        CHECK(strstr(script_sent(&it.peer, 1), artifact));
        CHECK(i % 2 == 0 || strstr(it.log.bytes, "compaction {"));
        puter_reply_free(&reply);
        bench_close(&it);
    }
}

/* A service may have no driver in one round that it had in the one before. */
static void test_routes_of_rounds(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("routes of rounds");
    bench_open(&it, NULL);
    script_reply(&it.peer, 404, "{\"message\":\"Driver not found: x\","
                                "\"code\":\"not_found\"}");
    script_reply(&it.peer, 200, ASKS);
    script_reply(&it.peer, 200, "{\"success\":false,\"error\":{\"code\":"
                                "\"no_implementation_available\"}}");
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, &reply), PUTER_OK);
    CHECK_INT(it.oracle.runs, 1);
    if (CHECK_INT(it.peer.request_count, 4))
        CHECK_JSON(script_sent(&it.peer, 3), "driver",
                   "\"openai-completion\"");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* ---- what goes wrong ---------------------------------------------------- */

/* The user stops, or time runs out, before the first tool or in it: what has
 * run is in the turns, and no other does. */
typedef struct brake {
    bench *bench;
    bool cancels, late;
} brake;

static bool is_cancelled(void *user)
{
    return *(bool *)user;
}

static void pull(brake *it)
{
    *(bool *)it->bench->client->options.user = it->cancels;
    if (it->late)
        it->bench->client->total_deadline = 0;
}

static int pull_in_tool(void *user, const puter_tool_call *call,
                        puter_writer *result)
{
    brake *it = (brake *)user;
    pull(it);
    return answer(&it->bench->oracle, call, result);
}

static void check_stopped(bool cancels, bool in_tool)
{
    bench it;
    brake stop = {&it, cancels, !cancels};
    bool cancelled = false;
    puter_options options = {.cancelled = is_cancelled, .user = &cancelled};
    puter_result wanted = cancels ? PUTER_ERR_CANCELLED : PUTER_ERR_TIMEOUT;
    puter_history history = {0};
    puter_event event;
    puter_reply reply;
    CHECK_IN("%s %s a tool", cancels ? "cancelled" : "late",
             in_tool ? "in" : "before");
    bench_open(&it, &options);
    it.tools[0].call = pull_in_tool;
    it.tools[0].user = &stop;
    script_reply(&it.peer, 200,
                 CLAUDE(TEXT("One") "," USE("c1", "weather", "{}") ","
                        USE("c2", "time", "{}")));
    puter_stream_begin(it.client, &it.request);
    while (puter_stream_next(it.client, &event) == 1)
        if (event.type == PUTER_EVENT_TOOL_CALL && !in_tool)
            pull(&stop);
    CHECK_INT(puter_stream_end(it.client, &reply), wanted);
    script_check_failure(it.client, wanted);
    CHECK_INT(it.oracle.runs, in_tool);
    CHECK_INT(it.peer.request_count, 1);
    CHECK_INT(reply.tool_call_count, 0);
    CHECK_INT(puter_history_add_reply(&history, &reply), PUTER_OK);
    CHECK_INT(history.message_count, 3);
    CHECK(strstr(history.messages[1].json, in_tool ? "22" : "not run"));
    CHECK(strstr(history.messages[2].json, "The tool was not run."));
    puter_history_free(&history);
    puter_reply_free(&reply);
    bench_close(&it);
}

static void test_stopped(void)
{
    int i;
    for (i = 0; i < 4; i++)
        check_stopped(i % 2 == 0, i / 2 == 0);
}

/* A name with a NUL in it is none of a tool that is called like its
 * beginning, nor are arguments fewer than they are. */
static void test_names_with_nul(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("a name with a NUL");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200,
                 OPENAI("null", CALL("c1", "time\\u0000s", "{}\\u0000x")));
    CHECK_INT(ask(&it, false, &reply), PUTER_OK);
    CHECK_INT(it.oracle.runs, 0);
    if (CHECK_INT(reply.tool_call_count, 1)) {
        CHECK_STR(reply.tool_calls[0].name, "time\x1As");
        CHECK_STR(reply.tool_calls[0].arguments, "{}\x1Ax");
    }
    puter_reply_free(&reply);
    bench_close(&it);
}

/* Arguments that no tool could read: none is run, nothing more is sent, and
 * the caller has all that came. */
static void test_bad_arguments(void)
{
    static const struct {
        const char *arguments, *seen; /* in the reply, and decoded */
    } rows[] = {
        {"{\\\"city\\\":", "{\"city\":"},
        {"Rome", "Rome"},
        {"[1]", "[1]"},
        {"\\\"Rome\\\"", "\"Rome\""},
        {"{} {}", "{} {}"},
        {"{\\\"a\\\":\\\"\\u0007\\\"}", "{\"a\":\"\a\"}"},
    };
    size_t i;
    for (i = 0; i < 2 * COUNT(rows); i++) {
        bench it;
        puter_reply reply;
        char body[512];
        CHECK_IN("arguments %s", rows[i / 2].seen);
        bench_open(&it, NULL);
        snprintf(body, sizeof body,
                 "{\"success\":true,\"result\":{\"message\":{\"content\":"
                 "\"One.\",\"tool_calls\":[" CALL("c1", "time", "{}") ","
                 CALL("c2", "time", "%s") "," CALL("c3", "time", "{}")
                 "]}}}", rows[i / 2].arguments);
        script_reply(&it.peer, 200, body);
        CHECK_INT(ask(&it, i % 2 == 1, &reply), PUTER_ERR_PROTOCOL);
        script_check_failure(it.client, PUTER_ERR_PROTOCOL);
        CHECK(strstr(puter_last_error(it.client)->message, "arguments"));
        CHECK_INT(it.oracle.runs, 0);
        CHECK_INT(it.peer.request_count, 1);
        CHECK_STR(reply.text, "One.");
        if (CHECK_INT(reply.tool_call_count, 3))
            CHECK_STR(reply.tool_calls[1].arguments, rows[i / 2].seen);
        puter_reply_free(&reply);
        bench_close(&it);
    }
}

/* The service fails in the second round: what the tools did is not lost. */
static void test_failed_round(void)
{
    static const struct {
        int status;
        const char *type, *says;
        puter_result wanted;
    } rows[] = {
        {500, "application/json", "{\"code\":\"internal_error\"}",
         PUTER_ERR_SERVICE},
        {200, LINES, "{\"type\":\"error\",\"message\":\"no\"}\n",
         PUTER_ERR_SERVICE},
        {200, LINES, TEXT("Two") "\n{\"type\":", PUTER_ERR_PROTOCOL},
        {402, "text/html", "<p>", PUTER_ERR_FUNDS},
    };
    size_t i;
    for (i = 0; i < 2 * COUNT(rows); i++) {
        bench it;
        puter_reply reply;
        CHECK_IN("failed round %d", (int)i);
        bench_open(&it, NULL);
        script_reply(&it.peer, 200, ASKS);
        script_typed_reply(&it.peer, rows[i / 2].status, rows[i / 2].type,
                           rows[i / 2].says);
        CHECK_INT(ask(&it, i % 2 == 1, &reply), rows[i / 2].wanted);
        script_check_failure(it.client, rows[i / 2].wanted);
        CHECK_INT(it.oracle.runs, 1);
        CHECK_INT(reply.tool_call_count, 0);
        CHECK_JSON(reply.turns, "",
                   "[" ASSISTANT(USE("c1", "weather",
                                     "{\"city\":\"Rome\"}")) ","
                   TOOL("c1", "22") "]");
        CHECK_INT(reply.usage.prompt_tokens, 10);
        puter_reply_free(&reply);
        bench_close(&it);
    }
}

/* A second round that is not sent whole follows one that a model has run. */
static void test_lost_round(void)
{
    bench it;
    CHECK_IN("lost round");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200, ASKS);
    script_current(&it.peer)->end = SCRIPT_CLEAN;
    it.peer.connection_count = 2;
    script_current(&it.peer)->end = SCRIPT_RESET;
    script_current(&it.peer)->write_result = PUTER_ERR_CLOSED;
    script_current(&it.peer)->write_room = 10;
    CHECK_INT(ask(&it, false, NULL), PUTER_ERR_CLOSED);
    CHECK(strstr(puter_last_error(it.client)->message, "may have run"));
    CHECK_INT(it.oracle.runs, 1);
    bench_close(&it);
}

/* Has room for its first result, not for its second. */
static int answer_once(void *user, const puter_tool_call *call,
                       puter_writer *result)
{
    bench *it = (bench *)user;
    int failed = answer(&it->oracle, call, result);
    if (it->oracle.runs == 2)
        result->result = PUTER_ERR_NOMEM;
    return failed;
}

/* A result that cannot be kept takes its own round along, not those before. */
static void test_lost_result(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("lost result");
    bench_open(&it, NULL);
    it.tools[0].call = answer_once;
    it.tools[0].user = &it;
    script_reply(&it.peer, 200, ASKS);
    script_reply(&it.peer, 200, ASKS);
    CHECK_INT(ask(&it, false, &reply), PUTER_ERR_NOMEM);
    script_check_failure(it.client, PUTER_ERR_NOMEM);
    CHECK_INT(it.oracle.runs, 2);
    CHECK_JSON(reply.turns, "",
               "[" ASSISTANT(USE("c1", "weather", "{\"city\":\"Rome\"}"))
               "," TOOL("c1", "22") "]");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* A round that is sent again does not run its tools again. */
static void test_repeated_round(void)
{
    bench it;
    puter_reply reply;
    CHECK_IN("repeated round");
    bench_open(&it, NULL);
    script_reply(&it.peer, 200, ASKS);
    script_reply(&it.peer, 429, "{\"code\":\"too_many_requests\"}");
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, &reply), PUTER_OK);
    CHECK_INT(it.oracle.runs, 1);
    CHECK_STR(script_sent(&it.peer, 2), script_sent(&it.peer, 1));
    CHECK_STR(reply.text, "It is 22.");
    puter_reply_free(&reply);
    bench_close(&it);
}

/* What a question may repeat, it may in all its rounds together. */
static void test_retries_of_rounds(void)
{
    puter_options options = {.max_retries = 1};
    bench it;
    CHECK_IN("retries of rounds");
    bench_open(&it, &options);
    script_reply(&it.peer, 429, "{\"code\":\"too_many_requests\"}");
    script_reply(&it.peer, 200, ASKS);
    script_reply(&it.peer, 429, "{\"code\":\"too_many_requests\"}");
    script_reply(&it.peer, 200, DONE);
    CHECK_INT(ask(&it, false, NULL), PUTER_ERR_RATE);
    CHECK_INT(it.peer.request_count, 3);
    bench_close(&it);
}

/* What a tool writes arrives whole, whatever bytes it has. */
static int write_odd_bytes(void *user, const puter_tool_call *call,
                           puter_writer *result)
{
    (void)call;
    puter_write_raw(result, "a\0b \xC3\xA9 \xFF", 8);
    return *(int *)user;
}

static void test_odd_results(void)
{
    int failed;
    for (failed = 0; failed < 2; failed++) {
        bench it;
        CHECK_IN("odd bytes, %s", failed ? "failed" : "good");
        bench_open(&it, NULL);
        it.tools[0].call = write_odd_bytes;
        it.tools[0].user = &failed;
        script_reply(&it.peer, 200, ASKS);
        script_reply(&it.peer, 200, DONE);
        CHECK_INT(ask(&it, false, NULL), PUTER_OK);
        CHECK_JSON(script_sent(&it.peer, 1), "args.messages[2].content",
                   failed ? "\"The tool failed: a\\u0000b \xC3\xA9 \\ufffd\""
                          : "\"a\\u0000b \xC3\xA9 \\ufffd\"");
        bench_close(&it);
    }
}

/* Definitions that no service would take are found before anything is sent. */
static void test_bad_definitions(void)
{
    static const struct {
        const char *name, *parameters, *json, *says;
    } rows[] = {
        {NULL, NULL, NULL, "name"},
        {"", NULL, NULL, "name"},
        {"f", "", NULL, "parameters"},
        {"f", "{\"type\":", NULL, "parameters"},
        {"f", "{\"type\":\"object\",}", NULL, "parameters"},
        {"f", "[]", NULL, "parameters"},
        {"f", "\"object\"", NULL, "parameters"},
        {NULL, NULL, "", "json"},
        {NULL, NULL, "{\"type\":\"web_search\"", "json"},
        {NULL, NULL, "\"web_search\"", "json"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        bench it;
        puter_tool *tool;
        CHECK_IN("definition %d", (int)i);
        bench_open(&it, NULL);
        tool = &it.tools[1];
        tool->name = rows[i].name;
        tool->parameters = rows[i].parameters;
        tool->json = rows[i].json;
        CHECK_INT(ask(&it, false, NULL), PUTER_ERR_ARGUMENT);
        script_check_failure(it.client, PUTER_ERR_ARGUMENT);
        CHECK(strstr(puter_last_error(it.client)->message, rows[i].says));
        CHECK_INT(ask(&it, true, NULL), PUTER_ERR_ARGUMENT);
        CHECK_INT(it.peer.opens, 0);
        bench_close(&it);
    }
}

/* ---- a tool that does not leave its client alone ------------------------ */

static puter_reply *spoilt(puter_reply *reply)
{
    memset(reply, 0xA5, sizeof *reply);
    return reply;
}

static void check_refused(puter_result result, const puter_reply *reply)
{
    CHECK_INT(result, PUTER_ERR_ARGUMENT);
    CHECK(!reply->text && !reply->tool_calls && !reply->memory);
}

/* Calls everything on the client that is at work: each says no, and sets
 * empty what it would have set. */
static int meddle(void *user, const puter_tool_call *call,
                  puter_writer *result)
{
    puter_client *c = ((bench *)user)->client;
    puter_request request = {0};
    puter_call_request other = {0};
    puter_event event;
    puter_reply r;
    (void)call;
    request.prompt = "Halo";
    other.interface = "puter-kvstore";
    other.method = "get";
    check_refused(puter_ask(c, NULL, "Halo", spoilt(&r)), &r);
    check_refused(puter_chat(c, &request, spoilt(&r)), &r);
    check_refused(puter_stream_end(c, spoilt(&r)), &r);
    check_refused(puter_call(c, &other, spoilt(&r)), &r);
    CHECK(strstr(puter_last_error(c)->message, "a tool must not"));
    check_refused(puter_get(c, "/version", spoilt(&r)), &r);
    check_refused(puter_models(c, NULL, spoilt(&r)), &r);
    check_refused(puter_text_to_image(c, "x", NULL, spoilt(&r)), &r);
    check_refused(puter_text_to_speech(c, "x", NULL, NULL, spoilt(&r)), &r);
    check_refused(puter_image_to_text(c, "x", spoilt(&r)), &r);
    check_refused(puter_speech_to_text(c, "x", 1, NULL, NULL, spoilt(&r)),
                  &r);
    check_refused(puter_kv_get(c, "k", spoilt(&r)), &r);
    check_refused(puter_kv_set(c, "k", "1", spoilt(&r)), &r);
    check_refused(puter_kv_list(c, NULL, spoilt(&r)), &r);
    CHECK_INT(puter_session_save(c, "/"), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_session_load(c, "/"), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_begin(c, &request), PUTER_ERR_ARGUMENT);
    memset(&event, 0xA5, sizeof event);
    CHECK_INT(puter_stream_next(c, &event), PUTER_ERR_ARGUMENT);
    CHECK(!event.text && !event.tool_call);
    puter_close(c);
    puter_write_raw(result, "22", 2);
    return 0;
}

static void test_meddling(void)
{
    int stream;
    for (stream = 0; stream < 2; stream++) {
        bench it;
        puter_reply reply;
        CHECK_IN("meddling, %s", stream ? "begin" : "chat");
        bench_open(&it, NULL);
        it.tools[0].call = meddle;
        it.tools[0].user = &it;
        script_reply(&it.peer, 200, ASKS);
        script_reply(&it.peer, 200, DONE);
        CHECK_INT(ask(&it, stream, &reply), PUTER_OK);
        CHECK_STR(reply.text, "It is 22.");
        CHECK_INT(it.peer.request_count, 2);
        CHECK_JSON(script_sent(&it.peer, 1), "args.messages[2]",
                   TOOL("c1", "22"));
        puter_reply_free(&reply);
        bench_close(&it);
    }
}

int main(void)
{
    test_spellings();
    test_second_request();
    test_exact_arguments();
    test_missing_ids();
    test_missing_ids_of_rounds();
    test_outcomes();
    test_json_outcome();
    test_calls_left();
    test_builtin_tools();
    test_rounds();
    test_rounds_of_each();
    test_end_of_rounds();
    test_usage_of_rounds();
    test_endless_debt();
    test_streams();
    test_thoughts_of_rounds();
    test_half_a_character_of_rounds();
    test_discarded_stream();
    test_ended_early();
    test_compaction_of_rounds();
    test_routes_of_rounds();
    test_stopped();
    test_names_with_nul();
    test_bad_arguments();
    test_failed_round();
    test_lost_round();
    test_lost_result();
    test_repeated_round();
    test_retries_of_rounds();
    test_odd_results();
    test_bad_definitions();
    test_meddling();
    return check_done();
}
