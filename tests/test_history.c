/* test_history.c - conversations: what they hold, drop, save and load, and
 * that no service would refuse them. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>

/* puter.h's memory, where the failing-th allocation from here on fails. */
static size_t allocations, failing;

static void *counted_realloc(void *memory, size_t size)
{
    return ++allocations == failing ? NULL : realloc(memory, size);
}

#define PUTER_MALLOC(size) counted_realloc(NULL, size)
#define PUTER_REALLOC counted_realloc
#define PUTER_FREE free
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "compare.h"
#include "script.h"

#define TURN(role, content) \
    "{\"role\":\"" role "\",\"content\":\"" content "\"}"
#define IMAGE(url) \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}"
#define ASSISTANT(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define TEXT(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define USE(id, input) \
    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":" input \
    "}"
#define TOOL(id, content) \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" content \
    "\"}"
#define NOT_RUN "The tool was not run."
#define ARTIFACT "{\"type\":\"compaction\",\"encrypted_content\":\"x\"}"

/* ---- the eye of a service ----------------------------------------------- */

static bool is(puter_value value, const char *path, const char *wanted)
{
    return strcmp(puter_json_string(puter_json_get(value, path), NULL),
                  wanted) == 0;
}

static bool has_content(puter_value message)
{
    puter_value content = puter_json_get(message, "content");
    size_t length;
    puter_json_string(content, &length);
    return length > 0 || (puter_json_type(content) == PUTER_ARRAY &&
                          puter_json_count(content) > 0);
}

static bool asks(puter_value message, const char *id)
{
    puter_value content = puter_json_get(message, "content");
    size_t i;
    for (i = 0; i < puter_json_count(content); i++)
        if (is(puter_json_at(content, i), "type", "tool_use") &&
            is(puter_json_at(content, i), "id", id))
            return true;
    return false;
}

/* The assistant's turn that the tool's turn at `index` follows, others of
 * tools between them. */
static puter_value asked_by(puter_value messages, size_t index)
{
    while (index > 0 && is(puter_json_at(messages, index), "role", "tool"))
        index--;
    return puter_json_at(messages, index);
}

/* How many of the tools' turns right behind `index` answer the call. */
static int answers(puter_value messages, size_t index, const char *id)
{
    int count = 0;
    while (is(puter_json_at(messages, ++index), "role", "tool"))
        count += is(puter_json_at(messages, index), "tool_call_id", id);
    return count;
}

/* Every call is answered once, but for those that end the conversation. */
static const char *judge_calls(puter_value messages, size_t index)
{
    puter_value content =
        puter_json_get(puter_json_at(messages, index), "content");
    bool open = true;
    size_t i;
    for (i = index + 1; i < puter_json_count(messages); i++)
        open &= is(puter_json_at(messages, i), "role", "tool");
    for (i = 0; i < puter_json_count(content); i++) {
        puter_value block = puter_json_at(content, i);
        int count = answers(messages, index,
                            puter_json_string(puter_json_get(block, "id"),
                                              NULL));
        if (!is(block, "type", "tool_use"))
            continue;
        if (puter_json_type(puter_json_get(block, "input")) != PUTER_OBJECT)
            return "an input that is no object";
        if (count > 1 || (count == 0 && !open))
            return "a call that is not answered once";
    }
    return NULL;
}

static const char *judge_message(puter_value messages, size_t index)
{
    puter_value message = puter_json_at(messages, index);
    const char *id =
        puter_json_string(puter_json_get(message, "tool_call_id"), NULL);
    if (!has_content(message))
        return "a message without content";
    if (is(message, "role", "user") || is(message, "role", "system"))
        return NULL;
    if (is(message, "role", "assistant"))
        return judge_calls(messages, index);
    if (!is(message, "role", "tool"))
        return "an unknown role";
    return asks(asked_by(messages, index), id) ? NULL
                                               : "a result nobody asked for";
}

/* What a service would say against a conversation; "" where it is good. */
static const char *judge(const char *json)
{
    puter_json *document = puter_json_parse(json, strlen(json), NULL);
    puter_value messages = puter_json_root(document);
    const char *verdict = document ? NULL : "not JSON";
    size_t i;
    for (i = 0; !verdict && i < puter_json_count(messages); i++)
        verdict = judge_message(messages, i);
    puter_json_free(document);
    return verdict ? verdict : "";
}

/* ---- histories, looked at ----------------------------------------------- */

/* As JSON, to be freed by puter_writer_free. */
static puter_writer saved(const puter_history *history)
{
    puter_writer out = {0};
    CHECK_INT(puter_history_save(history, &out), PUTER_OK);
    return out;
}

/* That its parts agree with each other. */
static void check_whole(const puter_history *history)
{
    size_t i, bytes = 0;
    for (i = 0; i < history->message_count; i++) {
        const puter_message *message = &history->messages[i];
        puter_json *json =
            puter_json_parse(message->json, strlen(message->json), NULL);
        bytes += strlen(message->json);
        CHECK(is(puter_json_root(json), "role", message->role));
        puter_json_free(json);
    }
    CHECK_INT(history->bytes, bytes);
    CHECK(history->message_count <= history->capacity);
}

/* That it is what was wanted, and nothing that a service refuses. */
static void check_history(const puter_history *history, const char *wanted)
{
    puter_writer out = saved(history);
    check_whole(history);
    CHECK_STR(judge(out.text), "");
    CHECK_JSON(out.text, "", wanted);
    puter_writer_free(&out);
}

static const puter_tool_call two_calls[] = {
    {"c1", "f", "{\"a\":1}"},
    {"c2", "f", ""}, /* as much as {} */
};
static const puter_tool_call bad_calls[] = {
    {"c1", "f", "{\"city\":"},
};

static puter_reply reply_of(const char *text, size_t calls)
{
    puter_reply reply = {0};
    reply.text = text;
    reply.length = strlen(text);
    reply.tool_calls = two_calls;
    reply.tool_call_count = calls;
    return reply;
}

static puter_result add_reply(puter_history *history, const char *text,
                              size_t calls)
{
    puter_reply reply = reply_of(text, calls);
    return puter_history_add_reply(history, &reply);
}

/* ---- adding ------------------------------------------------------------- */

static void test_turns(void)
{
    puter_history history = {0};
    CHECK_IN("turns");
    check_history(&history, "[]");
    CHECK_INT(puter_history_add(&history, "system", "Be brief."), PUTER_OK);
    CHECK_INT(puter_history_add(&history, "user", "\"Hi\"\n\xFF"), PUTER_OK);
    CHECK_INT(add_reply(&history, "Halo \xC3\xA9", 0), PUTER_OK);
    CHECK_INT(puter_history_add(&history, "user", "Bye"), PUTER_OK);
    check_history(&history,
                  "[" TURN("system", "Be brief.") ","
                  TURN("user", "\\\"Hi\\\"\\n\\ufffd") ","
                  TURN("assistant", "Halo \\u00e9") "," TURN("user", "Bye")
                  "]");
    puter_history_free(&history);
    CHECK(!history.messages && !history.message_count && !history.bytes);
    puter_history_free(&history);
    puter_history_free(NULL);
}

/* More turns than there was room for; each is still what it was. */
static void test_many_turns(void)
{
    puter_history history = {0};
    puter_json *json;
    char text[32];
    int i;
    CHECK_IN("many turns");
    for (i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "turn %d", i);
        CHECK_INT(puter_history_add(&history, "user", text), PUTER_OK);
    }
    check_whole(&history);
    for (i = 0; i < 200; i++) {
        const char *message = history.messages[i].json;
        snprintf(text, sizeof text, "turn %d", i);
        json = puter_json_parse(message, strlen(message), NULL);
        CHECK(is(puter_json_root(json), "content", text));
        puter_json_free(json);
    }
    puter_history_free(&history);
}

/* Two calls that were made, of which one has its result. */
static void prepare_calls(puter_history *history)
{
    puter_history_add(history, "user", "Halo");
    add_reply(history, "", 2);
    puter_history_add_result(history, "c1", "22");
}

/* What would be refused is not added. */
static void test_refused_turns(void)
{
    static const struct {
        const char *role, *content;
    } rows[] = {
        {NULL, "Hi"},   {"", "Hi"},    {"user", NULL},  {"user", ""},
        {"system", ""}, {"tool", "x"}, {"robot", "Hi"}, {"User", "Hi"},
    };
    puter_history history = {0};
    size_t i;
    puter_history_add(&history, "user", "Hi");
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("refused turn %d", (int)i);
        CHECK_INT(puter_history_add(&history, rows[i].role, rows[i].content),
                  PUTER_ERR_ARGUMENT);
        CHECK_INT(history.message_count, 1);
    }
    check_history(&history, "[" TURN("user", "Hi") "]");
    puter_history_free(&history);
}

/* Pictures and all else that a turn can have, which can be loaded again. */
static void test_turns_with_parts(void)
{
    static const puter_part parts[] = {
        {.type = PUTER_PART_IMAGE, .text = "https://example.org/a.png"},
        {.type = PUTER_PART_IMAGE, .data = "GIF89a", .size = 6},
        {.type = PUTER_PART_JSON, .text = "{\"type\":\"x\"}"},
        {.text = "and this"},
    };
    puter_history history = {0}, again = {0};
    puter_message message = {0};
    puter_writer text;
    CHECK_IN("turns with parts");
    message.content = "Look\0at";
    message.content_length = 7;
    CHECK_INT(puter_history_add_message(&history, &message), PUTER_OK);
    message.role = "system";
    message.parts = parts;
    message.part_count = COUNT(parts);
    message.cache = true;
    CHECK_INT(puter_history_add_message(&history, &message), PUTER_OK);
    message.content = NULL;
    message.role = "user";
    message.part_count = 1;
    message.cache = false;
    CHECK_INT(puter_history_add_message(&history, &message), PUTER_OK);
    check_history(
        &history,
        "[" TURN("user", "Look\\u0000at") ",{\"role\":\"system\",\"content\":["
        TEXT("Look\\u0000at") "," IMAGE("https://example.org/a.png") ","
        IMAGE("data:image/gif;base64,R0lGODlh") ",{\"type\":\"x\"},"
        TEXT("and this") "],\"cache_control\":{\"type\":\"ephemeral\"}},"
        "{\"role\":\"user\",\"content\":[" IMAGE("https://example.org/a.png")
        "]}]");
    text = saved(&history);
    CHECK_INT(puter_history_load(&again, text.text, text.length, NULL),
              PUTER_OK);
    check_history(&again, text.text);
    puter_writer_free(&text);
    puter_history_free(&again);
    puter_history_free(&history);
}

/* What a request would be refused for, and what is no turn of this kind. */
static void test_refused_messages(void)
{
    static const puter_tool_call call = {"c1", "f", "{}"};
    static const puter_part parts[] = {
        {.text = ""},
        {.data = "GIF89a", .size = 6}, /* whose type is text */
        {.type = PUTER_PART_IMAGE},
        {.type = PUTER_PART_IMAGE, .data = "what?", .size = 5},
        {.type = PUTER_PART_JSON, .text = "{"},
        {.type = PUTER_PART_JSON, .text = "{\"a\":1},{\"b\":2}"},
        {.type = PUTER_PART_JSON, .text = "{\"type\":\"tool_use\"}"},
        {.type = PUTER_PART_IMAGE, .data = "GIF89a", .size = 50 << 20},
    };
    const puter_message rows[] = {
        {.role = "user"},
        {.content = ""},
        {.role = "", .content = "Hi"},
        {.role = "assistant", .content = "Hi"},
        {.role = "tool", .content = "22", .tool_call_id = "c1"},
        {.content = "Hi", .tool_call_id = "c1"},
        {.content = "Hi", .tool_calls = &call, .tool_call_count = 1},
        {.content = "Hi", .json = "{\"role\":\"user\",\"content\":\"Hi\"}"},
        {.content = "Hi", .parts = &parts[0], .part_count = 1},
        {.content = "Hi", .parts = &parts[1], .part_count = 1},
        {.content = "Hi", .parts = &parts[2], .part_count = 1},
        {.content = "Hi", .parts = &parts[3], .part_count = 1},
        {.content = "Hi", .parts = &parts[4], .part_count = 1},
        {.content = "Hi", .parts = &parts[5], .part_count = 1},
        {.content = "Hi", .parts = &parts[6], .part_count = 1},
        {.content = "Hi", .parts = &parts[7], .part_count = 1},
    };
    puter_history history = {0};
    size_t i;
    prepare_calls(&history);
    for (i = 0; i < COUNT(rows); i++) {
        puter_writer before = saved(&history);
        CHECK_IN("refused message %d", (int)i);
        CHECK_INT(puter_history_add_message(&history, &rows[i]),
                  i + 1 < COUNT(rows) ? PUTER_ERR_ARGUMENT : PUTER_ERR_LIMIT);
        check_history(&history, before.text);
        puter_writer_free(&before);
    }
    puter_history_free(&history);
}

/* What each kind of reply adds behind a user's turn. */
static void test_replies(void)
{
    static const struct {
        const char *text;
        size_t calls;
        const char *compaction, *turns;
        const char *wanted;
    } rows[] = {
        {NULL, 0, NULL, NULL, ""},
        {"", 0, "", "", ""},
        {"Hi", 0, NULL, NULL, "," TURN("assistant", "Hi")},
        {"", 2, NULL, NULL,
         "," ASSISTANT(USE("c1", "{\"a\":1}") "," USE("c2", "{}"))},
        {"Hi", 1, NULL, NULL,
         "," ASSISTANT(TEXT("Hi") "," USE("c1", "{\"a\":1}"))},
        {"Hi", 0, ARTIFACT, NULL,
         "," ASSISTANT(TEXT("Hi") "," ARTIFACT)},
        {"", 0, "{\"encrypted_content\": \"x\"}", NULL,
         "," ASSISTANT(ARTIFACT)},
        {"Hi", 0, "[\"no artifact\"]", NULL, "," TURN("assistant", "Hi")},
        {"Hi", 0, "{}", NULL, "," TURN("assistant", "Hi")},
        {"Hi", 1, ARTIFACT, NULL,
         "," ASSISTANT(TEXT("Hi") "," ARTIFACT "," USE("c1", "{\"a\":1}"))},
        {"Hi", 0, NULL,
         "[" ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "22") "]",
         "," ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "22") ","
         TURN("assistant", "Hi")},
        {"", 1, NULL,
         "[" ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "22") "]",
         "," ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "22") ","
         ASSISTANT(USE("c1", "{\"a\":1}"))},
        {"", 0, NULL,
         "[" ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "22") "]",
         "," ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "22")},
        {"Hi", 0, ARTIFACT,
         "[" ASSISTANT(ARTIFACT "," USE("c0", "{}")) "," TOOL("c0", "22") "]",
         "," ASSISTANT(ARTIFACT "," USE("c0", "{}")) "," TOOL("c0", "22") ","
         TURN("assistant", "Hi")},
        {"", 0, "{\"encrypted_content\": \"x\"}", /* there, an argument */
         "[" ASSISTANT(USE("c0", "{\"encrypted_content\": \"x\"}")) ","
         TOOL("c0", "22") "]",
         "," ASSISTANT(USE("c0", "{\"encrypted_content\":\"x\"}")) ","
         TOOL("c0", "22") "," ASSISTANT(ARTIFACT)},
        {"Hi", 0, NULL, "[" ASSISTANT(USE("c0", "{}")) "]",
         "," ASSISTANT(USE("c0", "{}")) "," TOOL("c0", "The tool was not run.")
         "," TURN("assistant", "Hi")},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_history history = {0};
        puter_reply reply = {0};
        char wanted[1024];
        CHECK_IN("reply %d", (int)i);
        reply.text = rows[i].text;
        reply.tool_calls = two_calls;
        reply.tool_call_count = rows[i].calls;
        reply.compaction = rows[i].compaction;
        reply.turns = rows[i].turns;
        puter_history_add(&history, "user", "Halo");
        CHECK_INT(puter_history_add_reply(&history, &reply), PUTER_OK);
        snprintf(wanted, sizeof wanted, "[" TURN("user", "Halo") "%s]",
                 rows[i].wanted);
        check_history(&history, wanted);
        puter_history_free(&history);
    }
}

/* Text is as long as the reply says, whatever is in it. */
static void test_reply_with_nul(void)
{
    puter_history history = {0}, loaded = {0};
    puter_writer saved = {0};
    puter_reply reply = {0};
    CHECK_IN("a reply with NULs");
    reply.text = "\0a\0";
    reply.length = 3;
    CHECK_INT(puter_history_add_reply(&history, &reply), PUTER_OK);
    check_history(&history, "[" TURN("assistant", "\\u0000a\\u0000") "]");
    CHECK_INT(puter_history_save(&history, &saved), PUTER_OK);
    CHECK_INT(puter_history_load(&loaded, saved.text, saved.length, NULL),
              PUTER_OK);
    check_history(&loaded, saved.text);
    puter_writer_free(&saved);
    puter_history_free(&loaded);
    puter_history_free(&history);
}

/* Turns that no reply of ours has leave the history as it was. */
static void test_bad_turns(void)
{
    static const char *const turns[] = {"[", "[1]", "[{\"role\":\"user\"}]"};
    size_t i;
    for (i = 0; i < COUNT(turns); i++) {
        puter_history history = {0};
        puter_reply reply = {0};
        CHECK_IN("turns %s", turns[i]);
        reply.text = "Hi";
        reply.turns = turns[i];
        puter_history_add(&history, "user", "Halo");
        CHECK_INT(puter_history_add_reply(&history, &reply),
                  PUTER_ERR_ARGUMENT);
        check_history(&history, "[" TURN("user", "Halo") "]");
        puter_history_free(&history);
    }
}

/* A model may write arguments that are no JSON; what is kept of that must
 * not spoil every request and every file from then on. */
static void test_bad_arguments(void)
{
    static const char *const arguments[] = {
        "{\"city\":", "Rome", "[1]", "\"Rome\"", "{} {}", "null",
        "\xEF\xBB\xBF{}"};
    size_t i;
    for (i = 0; i < COUNT(arguments); i++) {
        puter_history history = {0};
        puter_tool_call call = {"c1", "f", "{}"};
        puter_reply reply = reply_of("One.", 1);
        puter_writer out;
        CHECK_IN("arguments %s", arguments[i]);
        call.arguments = arguments[i];
        reply.tool_calls = &call;
        puter_history_add(&history, "user", "Halo");
        CHECK_INT(puter_history_add_reply(&history, &reply), PUTER_OK);
        check_whole(&history);
        out = saved(&history);
        CHECK_STR(judge(out.text), "");
        puter_writer_free(&out);
        puter_history_free(&history);
    }
}

/* Arguments that can be read, but not as deep in a conversation as they would
 * stand there: they are not added, and spoil nothing. */
static void test_deep_arguments(void)
{
    enum { MOST = 998 };
    char arguments[2 * MOST + 8];
    int levels;
    for (levels = MOST - 9; levels <= MOST; levels++) {
        puter_history history = {0}, loaded = {0};
        puter_tool_call call = {"c1", "f", arguments};
        puter_reply reply = reply_of("One.", 1);
        puter_writer out;
        puter_result result;
        CHECK_IN("%d levels of arguments", levels);
        snprintf(arguments, sizeof arguments, "{\"a\":%0*d%0*d}", levels, 0,
                 levels, 0);
        memset(arguments + 5, '[', (size_t)levels);
        memset(arguments + 5 + levels, ']', (size_t)levels);
        reply.tool_calls = &call;
        puter_history_add(&history, "user", "Halo");
        result = puter_history_add_reply(&history, &reply);
        /* around them: [{"content":[{"input":{"a":... */
        CHECK_INT(result, levels + 5 <= 1000 ? PUTER_OK : PUTER_ERR_ARGUMENT);
        CHECK_INT(history.message_count, result == PUTER_OK ? 2 : 1);
        CHECK_INT(puter_history_add(&history, "user", "Halo?"), PUTER_OK);
        out = saved(&history);
        CHECK_INT(puter_history_load(&loaded, out.text, out.length, NULL),
                  PUTER_OK);
        puter_writer_free(&out);
        puter_history_free(&loaded);
        puter_history_free(&history);
    }
}

/* An artifact may be as deep. */
static void test_deep_compaction(void)
{
    enum { MOST = 998 };
    char artifact[2 * MOST + 32];
    int levels;
    for (levels = MOST - 9; levels <= MOST; levels++) {
        puter_history history = {0};
        puter_reply reply = reply_of("One.", 0);
        CHECK_IN("%d levels of an artifact", levels);
        snprintf(artifact, sizeof artifact, "{\"type\":\"x\",\"a\":%0*d%0*d}",
                 levels, 0, levels, 0);
        memset(artifact + 16, '[', (size_t)levels);
        memset(artifact + 16 + levels, ']', (size_t)levels);
        reply.compaction = artifact;
        /* around them: [{"content":[{"a":... */
        CHECK_INT(puter_history_add_reply(&history, &reply),
                  levels + 4 <= 1000 ? PUTER_OK : PUTER_ERR_ARGUMENT);
        CHECK_INT(history.message_count, levels + 4 <= 1000);
        puter_history_free(&history);
    }
}

/* A writer that memory was short for ends with its NUL all the same. */
static void test_cut_writer(void)
{
    size_t n, length;
    for (n = 0; n < 4; n++)
        for (length = 0; length < 100; length++) {
            char text[100];
            puter_writer writer = {0};
            CHECK_IN("allocation %d fails, %d characters", (int)n,
                     (int)length);
            memset(text, 'x', sizeof text);
            allocations = 0;
            failing = n + 1;
            puter_write_begin_array(&writer);
            puter_write_chars(&writer, text, length);
            puter_write_chars(&writer, text, length);
            failing = 0;
            CHECK(!writer.text || strlen(writer.text) == writer.length);
            puter_writer_free(&writer);
        }
}

/* A call that came without an id can be answered all the same. */
static void test_calls_without_id(void)
{
    static const puter_tool_call calls[] = {{"", "f", "{}"}};
    puter_history history = {0};
    puter_reply reply = reply_of("One.", 1);
    puter_writer out;
    CHECK_IN("call without id");
    reply.tool_calls = calls;
    puter_history_add(&history, "user", "Halo");
    puter_history_add_reply(&history, &reply);
    CHECK_INT(puter_history_add(&history, "user", "Bye"), PUTER_OK);
    out = saved(&history);
    CHECK_STR(judge(out.text), "");
    puter_writer_free(&out);
    puter_history_free(&history);
}

static void test_results(void)
{
    puter_history history = {0};
    CHECK_IN("results");
    puter_history_add(&history, "user", "Halo");
    add_reply(&history, "", 2);
    CHECK_INT(add_reply(&history, "", 0), PUTER_OK); /* leaves them open */
    CHECK_INT(puter_history_add_result(&history, "c2", ""), PUTER_OK);
    CHECK_INT(puter_history_add_result(&history, "c1", "22 \xFF"), PUTER_OK);
    CHECK_INT(add_reply(&history, "It is 22.", 0), PUTER_OK);
    check_history(&history,
                  "[" TURN("user", "Halo") ","
                  ASSISTANT(USE("c1", "{\"a\":1}") "," USE("c2", "{}")) ","
                  TOOL("c2", "(no output)") "," TOOL("c1", "22 \\ufffd") ","
                  TURN("assistant", "It is 22.") "]");
    puter_history_free(&history);
}

/* A result that no call waits for would have the conversation refused. */
static void test_refused_results(void)
{
    static const struct {
        const char *name, *id;
        size_t calls;      /* that the answer made */
        const char *first; /* that was answered already */
    } rows[] = {
        {"no id", NULL, 2, NULL},
        {"an empty id", "", 2, NULL},
        {"an unknown id", "c3", 2, NULL},
        {"no call", "c1", 0, NULL},
        {"a second result", "c1", 2, "c1"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_history history = {0};
        puter_writer before, after;
        CHECK_IN("refused result: %s", rows[i].name);
        puter_history_add(&history, "user", "Halo");
        add_reply(&history, "Hi", rows[i].calls);
        if (rows[i].first)
            puter_history_add_result(&history, rows[i].first, "22");
        before = saved(&history);
        CHECK_INT(puter_history_add_result(&history, rows[i].id, "22"),
                  PUTER_ERR_ARGUMENT);
        after = saved(&history);
        CHECK_STR(after.text, before.text);
        puter_writer_free(&before);
        puter_writer_free(&after);
        puter_history_free(&history);
    }
}

/* Calls that nobody answered are answered before the next turn, whoever's
 * that is; those that were are left alone. */
static void test_settling(void)
{
    static const struct {
        const char *first, *second; /* results that came */
        const char *results;        /* what stands there then */
    } rows[] = {
        {NULL, NULL, TOOL("c1", NOT_RUN) "," TOOL("c2", NOT_RUN)},
        {"c1", NULL, TOOL("c1", "22") "," TOOL("c2", NOT_RUN)},
        {"c2", NULL, TOOL("c2", "22") "," TOOL("c1", NOT_RUN)},
        {"c1", "c2", TOOL("c1", "22") "," TOOL("c2", "22")},
        {"c2", "c1", TOOL("c2", "22") "," TOOL("c1", "22")},
    };
    size_t i;
    for (i = 0; i < 3 * COUNT(rows); i++) {
        static const char *const roles[] = {"user", "system", "assistant"};
        const char *role = roles[i % 3];
        puter_history history = {0};
        char wanted[1024];
        CHECK_IN("settling %d, %s", (int)i / 3, role);
        puter_history_add(&history, "user", "Halo");
        add_reply(&history, "", 2);
        if (rows[i / 3].first)
            puter_history_add_result(&history, rows[i / 3].first, "22");
        if (rows[i / 3].second)
            puter_history_add_result(&history, rows[i / 3].second, "22");
        CHECK_INT(i % 3 < 2 ? puter_history_add(&history, role, "Hi")
                            : add_reply(&history, "Hi", 0), PUTER_OK);
        snprintf(wanted, sizeof wanted, "[" TURN("user", "Halo") ","
                 ASSISTANT(USE("c1", "{\"a\":1}") "," USE("c2", "{}")) ","
                 "%s," TURN("%s", "Hi") "]", rows[i / 3].results, role);
        check_history(&history, wanted);
        puter_history_free(&history);
    }
}

/* ---- a conversation with all that there is ------------------------------ */

static void converse(puter_history *history)
{
    puter_reply reply = reply_of("Sixth", 0);
    reply.turns = "[" ASSISTANT(TEXT("Look") "," USE("c9", "{}")) ","
                  TOOL("c9", "22") "]";
    reply.compaction = ARTIFACT;
    puter_history_add(history, "system", "First");
    puter_history_add(history, "user", "Second");
    add_reply(history, "Third", 2);
    puter_history_add_result(history, "c1", "Fourth");
    puter_history_add_result(history, "c2", "Fifth \xC3\xA9");
    puter_history_add_reply(history, &reply);
    puter_history_add(history, "system", "Seventh");
    puter_history_add(history, "user", "Eighth");
    add_reply(history, "Ninth", 0);
    puter_history_add(history, "user", "Tenth");
    add_reply(history, "", 2);
    puter_history_add_result(history, "c1", "Eleventh");
}

#define CONVERSATION \
    "[" TURN("system", "First") "," TURN("user", "Second") "," \
    ASSISTANT(TEXT("Third") "," USE("c1", "{\"a\":1}") "," USE("c2", "{}")) \
    "," TOOL("c1", "Fourth") "," TOOL("c2", "Fifth \\u00e9") "," \
    ASSISTANT(TEXT("Look") "," USE("c9", "{}")) "," TOOL("c9", "22") "," \
    ASSISTANT(TEXT("Sixth") "," ARTIFACT) "," TURN("system", "Seventh") "," \
    TURN("user", "Eighth") "," TURN("assistant", "Ninth") "," \
    TURN("user", "Tenth") "," \
    ASSISTANT(USE("c1", "{\"a\":1}") "," USE("c2", "{}")) "," \
    TOOL("c1", "Eleventh") "]"

static void test_conversation(void)
{
    puter_history history = {0};
    CHECK_IN("conversation");
    converse(&history);
    check_history(&history, CONVERSATION);
    puter_history_free(&history);
}

/* ---- trimming ----------------------------------------------------------- */

/* Whether a message stays where the turns begin at `start`. */
static bool stays(const puter_history *history, size_t index, size_t start)
{
    return index >= start ||
           strcmp(history->messages[index].role, "system") == 0;
}

static size_t bytes_from(const puter_history *history, size_t start)
{
    size_t i, bytes = 0;
    for (i = 0; i < history->message_count; i++)
        if (stays(history, i, start))
            bytes += strlen(history->messages[i].json);
    return bytes;
}

/* The first user's turn with which all that follows fits; else the last. */
static size_t first_that_fits(const puter_history *history, size_t bytes)
{
    size_t i, start = 0;
    for (i = 0; i < history->message_count; i++) {
        if (strcmp(history->messages[i].role, "user") != 0)
            continue;
        start = i;
        if (bytes_from(history, start) <= bytes)
            break;
    }
    return start;
}

/* What is to be left, as JSON, worked out from the whole. */
static puter_writer trimmed(const puter_history *history, size_t bytes)
{
    size_t i, start = first_that_fits(history, bytes);
    puter_writer out = {0};
    puter_write_begin_array(&out);
    for (i = 0; i < history->message_count; i++)
        if (stays(history, i, start))
            puter_write_raw(&out, history->messages[i].json,
                            strlen(history->messages[i].json));
    puter_write_end_array(&out);
    return out;
}

static void check_trims(const puter_history *whole)
{
    puter_writer out = saved(whole);
    size_t bytes;
    for (bytes = 0; bytes <= whole->bytes + 1; bytes++) {
        puter_history history = {0};
        puter_writer wanted = trimmed(whole, bytes);
        CHECK_INT(puter_history_load(&history, out.text, out.length, NULL),
                  PUTER_OK);
        puter_history_trim(&history, bytes);
        check_history(&history, wanted.text);
        puter_history_trim(&history, bytes);
        check_history(&history, wanted.text);
        puter_writer_free(&wanted);
        puter_history_free(&history);
    }
    puter_writer_free(&out);
}

static void test_trimming(void)
{
    puter_history history = {0};
    CHECK_IN("trimming");
    converse(&history);
    check_trims(&history);
    puter_history_free(&history);
    CHECK_IN("trimming, an answer first");
    add_reply(&history, "Ask me.", 0);
    puter_history_add(&history, "user", "One");
    add_reply(&history, "Two", 0);
    check_trims(&history);
    puter_history_free(&history);
}

/* It goes on as if the dropped turns had never been. */
static void test_trimmed_goes_on(void)
{
    puter_history history = {0};
    CHECK_IN("trimmed goes on");
    puter_history_trim(&history, 0);
    check_history(&history, "[]");
    converse(&history);
    puter_history_trim(&history, 0);
    puter_history_add(&history, "user", "Twelfth");
    check_history(&history,
                  "[" TURN("system", "First") "," TURN("system", "Seventh")
                  "," TURN("user", "Tenth") ","
                  ASSISTANT(USE("c1", "{\"a\":1}") "," USE("c2", "{}")) ","
                  TOOL("c1", "Eleventh") "," TOOL("c2", NOT_RUN) ","
                  TURN("user", "Twelfth") "]");
    puter_history_free(&history);
}

/* ---- saving and loading ------------------------------------------------- */

static void test_round_trip(void)
{
    puter_history history = {0}, again = {0};
    puter_writer out, twin;
    puter_error error;
    CHECK_IN("round trip");
    converse(&history);
    puter_history_add(&again, "user", "to be replaced");
    out = saved(&history);
    CHECK_INT(puter_history_load(&again, out.text, out.length, &error),
              PUTER_OK);
    CHECK_INT(error.result, PUTER_OK);
    CHECK_STR(error.message, "");
    twin = saved(&again);
    CHECK_STR(twin.text, out.text);
    CHECK_INT(again.bytes, history.bytes);
    check_history(&again, CONVERSATION);
    puter_writer_free(&out);
    puter_writer_free(&twin);
    puter_history_free(&history);
    puter_history_free(&again);
}

/* A failed load leaves the history as it was and says what is wrong. */
static void check_not_loaded(const char *text, size_t length)
{
    puter_history history = {0};
    puter_writer before, after;
    puter_error error;
    puter_result result;
    char *exact = (char *)malloc(length + 1); /* no byte may be read behind */
    if (!exact)
        abort();
    memcpy(exact, text, length);
    exact = (char *)realloc(exact, length ? length : 1);
    puter_history_add(&history, "user", "Halo");
    add_reply(&history, "", 2);
    before = saved(&history);
    memset(&error, 0xA5, sizeof error);
    result = puter_history_load(&history, exact, length, &error);
    CHECK_INT(result, PUTER_ERR_ARGUMENT);
    CHECK_INT(error.result, result);
    CHECK(error.message[0]);
    CHECK_INT(puter_history_load(&history, exact, length, NULL), result);
    after = saved(&history);
    CHECK_STR(after.text, before.text);
    check_whole(&history);
    puter_writer_free(&before);
    puter_writer_free(&after);
    puter_history_free(&history);
    free(exact);
}

/* A file that was cut, anywhere, is refused. */
static void test_cut_files(void)
{
    puter_history history = {0};
    puter_writer out;
    size_t length;
    converse(&history);
    out = saved(&history);
    for (length = 0; length < out.length; length++) {
        CHECK_IN("cut at %d", (int)length);
        check_not_loaded(out.text, length);
    }
    puter_writer_free(&out);
    puter_history_free(&history);
}

#define HALO TURN("user", "Halo")

/* Documents that are JSON, or nearly, but no conversation. */
static void test_odd_documents(void)
{
    static const char *const rows[] = {
        "",
        " ",
        "{}",
        "null",
        "\"" "Halo" "\"",
        "{\"messages\":[]}",
        "[" HALO "",
        "[" HALO ",]",
        "[" HALO "] x",
        "[" HALO "][" HALO "]",
        "[1]",
        "[null]",
        "[\"Halo\"]",
        "[[]]",
        "[[" HALO "]]",
        "[{}]",
        "[{\"role\":\"user\"}]",
        "[{\"content\":\"Halo\"}]",
        "[{\"role\":1,\"content\":\"Halo\"}]",
        "[{\"role\":\"\",\"content\":\"Halo\"}]",
        "[{\"role\":\"robot\",\"content\":\"Halo\"}]",
        "[{\"role\":\"user\\u0000\",\"content\":\"Halo\"}]",
        "[{\"role\":\"user\",\"content\":\"\"}]",
        "[{\"role\":\"user\",\"content\":[]}]",
        "[{\"role\":\"user\",\"content\":null}]",
        "[{\"role\":\"user\",\"content\":7}]",
        "[{\"role\":\"user\",\"content\":true}]",
        "[{\"role\":\"user\",\"content\":{}}]",
        "[{\"role\":\"user\",\"content\":{\"a\":1}}]",
        "[{\"role\":\"user\",\"content\":\"\xFF\"}]",
        "[{\"role\":\"tool\",\"content\":\"22\"}]",
        "[" HALO "," TURN("user", "") "]",
        "[" HALO "," ASSISTANT("{\"type\":\"tool_use\",\"id\":7,\"name\":"
                               "\"f\",\"input\":{}}") "]",
        "[" HALO "," ASSISTANT(USE("c1", "\"{}\"")) "]",
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("document %s", rows[i]);
        check_not_loaded(rows[i], strlen(rows[i]));
    }
}

/* A NUL ends an id, wherever it stands. */
static void test_cut_ids(void)
{
    static const char text[] =
        "[" HALO "," ASSISTANT(USE("a\\u0000b", "{}") "," USE("c", "{}")) "]";
    puter_history history = {0};
    CHECK_IN("ids with NULs");
    CHECK_INT(puter_history_load(&history, text, sizeof text - 1, NULL),
              PUTER_OK);
    CHECK_INT(puter_history_add(&history, "user", "Bye"), PUTER_OK);
    CHECK_INT(history.message_count, 5); /* one result for each call */
    puter_history_free(&history);
}

/* Conversations that a service would refuse, whether because a hand wrote
 * them or lines were lost: refused here, or made good. */
static void test_broken_conversations(void)
{
    static const char *const rows[] = {
        "[" TOOL("c1", "22") "]",
        "[" HALO "," TOOL("c1", "22") "," HALO "]",
        "[" HALO "," ASSISTANT(USE("c1", "{}")) "," HALO "]",
        "[" HALO "," ASSISTANT(USE("c1", "{}")) "," TOOL("c2", "22") "]",
        "[" HALO "," ASSISTANT(USE("c1", "\"{}\"")) "]",
        "[" HALO "," ASSISTANT("{\"type\":\"tool_use\",\"id\":7,\"name\":"
                               "\"f\",\"input\":{}}") "]",
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_history history = {0};
        puter_writer out;
        CHECK_IN("conversation %s", rows[i]);
        puter_history_load(&history, rows[i], strlen(rows[i]), NULL);
        puter_history_add(&history, "user", "Bye");
        check_whole(&history);
        out = saved(&history);
        CHECK_STR(judge(out.text), "");
        puter_writer_free(&out);
        puter_history_free(&history);
    }
}

/* Brackets without end are an error, not a stack that overflows. */
static void test_deep_document(void)
{
    static char text[100000];
    memset(text, '[', sizeof text);
    CHECK_IN("deep document");
    check_not_loaded(text, sizeof text);
}

/* What a service takes is kept as it is, spelt as it may be. */
static void test_foreign_documents(void)
{
    static const char *const rows[] = {
        "[]",
        " [ ] \n",
        "\xEF\xBB\xBF[" HALO "]",
        "[{\"content\":\"Halo\",\"role\":\"\\u0075ser\",\"name\":\"Ann\"}]",
        "[{\"role\":\"user\",\"content\":[\"Halo\",{\"image_url\":{\"url\":"
        "\"https://example.org/a.png\"}}],"
        "\"cache_control\":{\"type\":\"ephemeral\"}}]",
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_history history = {0};
        CHECK_IN("foreign document %s", rows[i]);
        puter_history_add(&history, "user", "to be replaced");
        CHECK_INT(puter_history_load(&history, rows[i], strlen(rows[i]),
                                     NULL), PUTER_OK);
        check_history(&history, rows[i]);
        CHECK_INT(puter_history_add(&history, "user", "Bye"), PUTER_OK);
        check_whole(&history);
        puter_history_free(&history);
    }
}

/* ---- out of memory ------------------------------------------------------ */

static void prepare_nothing(puter_history *history)
{
    (void)history;
}

/* So many turns that the next needs more room. */
static void prepare_full(puter_history *history)
{
    do
        puter_history_add(history, "user", "Halo");
    while (history->message_count < history->capacity);
}

static puter_result run_add(puter_history *history)
{
    return puter_history_add(history, "user", "Halo");
}

static puter_result run_add_message(puter_history *history)
{
    static const puter_part parts[] = {
        {.type = PUTER_PART_IMAGE, .data = "GIF89a", .size = 6},
        {.type = PUTER_PART_JSON, .text = "{\"type\":\"x\"}"},
    };
    puter_message message = {0};
    message.parts = parts;
    message.part_count = COUNT(parts);
    return puter_history_add_message(history, &message);
}

static puter_result run_add_result(puter_history *history)
{
    return puter_history_add_result(history, "c2", "22");
}

static puter_result run_add_reply(puter_history *history)
{
    puter_reply reply = reply_of("Hi", 2);
    reply.turns = "[" ASSISTANT(USE("c9", "{}")) "," TOOL("c9", "22") "]";
    reply.compaction = "{\"encrypted_content\":\"x\"}";
    return puter_history_add_reply(history, &reply);
}

static puter_result run_add_bad_reply(puter_history *history)
{
    puter_reply reply = reply_of("Hi", 1);
    reply.tool_calls = bad_calls;
    return puter_history_add_reply(history, &reply);
}

static puter_result run_load(puter_history *history)
{
    puter_error error;
    puter_result result = puter_history_load(history, CONVERSATION,
                                             strlen(CONVERSATION), &error);
    CHECK_INT(error.result, result);
    return result;
}

static const struct memory_case {
    const char *name;
    void (*prepare)(puter_history *history);
    puter_result (*run)(puter_history *history);
} memory_cases[] = {
    {"add", prepare_nothing, run_add},
    {"add to a full one", prepare_full, run_add},
    {"add behind calls", prepare_calls, run_add},
    {"add a message", prepare_full, run_add_message},
    {"add a message behind calls", prepare_calls, run_add_message},
    {"add a result", prepare_calls, run_add_result},
    {"add a reply", prepare_nothing, run_add_reply},
    {"add a reply to a full one", prepare_full, run_add_reply},
    {"add a reply behind calls", prepare_calls, run_add_reply},
    {"add a reply with bad arguments", prepare_nothing, run_add_bad_reply},
    {"load", prepare_calls, run_load},
};

/* Lets the n-th allocation of it fail; false where there are not so many. It
 * is done as if nothing had happened, or not at all, and then it can be done
 * again. */
static bool check_memory(const struct memory_case *it, size_t n,
                         puter_result wanted, const char *after)
{
    puter_history history = {0};
    puter_writer before, seen;
    puter_result result;
    bool failed;
    CHECK_IN("%s, allocation %d", it->name, (int)n);
    it->prepare(&history);
    before = saved(&history);
    allocations = 0;
    failing = n;
    result = it->run(&history);
    failed = allocations >= failing;
    failing = 0;
    check_whole(&history);
    seen = saved(&history);
    if (result != wanted) {
        CHECK_INT(result, PUTER_ERR_NOMEM);
        CHECK_STR(seen.text, before.text);
        CHECK_INT(it->run(&history), wanted);
        puter_writer_free(&seen);
        seen = saved(&history);
    }
    CHECK_STR(seen.text, after);
    puter_writer_free(&seen);
    puter_writer_free(&before);
    puter_history_free(&history);
    return failed;
}

static void test_memory(void)
{
    size_t i, n;
    for (i = 0; i < COUNT(memory_cases); i++) {
        puter_history history = {0};
        puter_result wanted;
        puter_writer after;
        CHECK_IN("%s", memory_cases[i].name);
        memory_cases[i].prepare(&history);
        wanted = memory_cases[i].run(&history);
        after = saved(&history);
        for (n = 1; check_memory(&memory_cases[i], n, wanted, after.text);)
            n++;
        CHECK(n > 1);
        puter_writer_free(&after);
        puter_history_free(&history);
    }
}

/* Saving needs memory too; it is not the history that suffers. */
static void test_memory_of_saving(void)
{
    puter_history history = {0};
    size_t n;
    bool failed = true;
    converse(&history);
    for (n = 1; failed; n++) {
        puter_writer out = {0};
        puter_result result;
        CHECK_IN("save, allocation %d", (int)n);
        allocations = 0;
        failing = n;
        result = puter_history_save(&history, &out);
        failed = allocations >= failing;
        failing = 0;
        CHECK_INT(result, failed ? PUTER_ERR_NOMEM : PUTER_OK);
        CHECK_INT(out.result, result);
        puter_writer_free(&out);
        check_history(&history, CONVERSATION);
    }
    puter_history_free(&history);
}

/* ---- a conversation with a service -------------------------------------- */

#define SAYS(message) "{\"success\":true,\"result\":{\"message\":" message "}}"

static int tell_time(void *user, const puter_tool_call *call,
                     puter_writer *result)
{
    (void)user;
    (void)call;
    puter_write_raw(result, "noon", 4);
    return 0;
}

/* Says what the history holds, and keeps what comes back in it. */
static void go_on(puter_client *client, puter_history *history,
                  const char *prompt, const puter_tool *tool)
{
    puter_request request = {0};
    puter_reply reply;
    CHECK_INT(puter_history_add(history, "user", prompt), PUTER_OK);
    request.messages = history->messages;
    request.message_count = history->message_count;
    request.tools = tool;
    request.tool_count = 1;
    CHECK_INT(puter_chat(client, &request, &reply), PUTER_OK);
    CHECK_INT(puter_history_add_reply(history, &reply), PUTER_OK);
    puter_reply_free(&reply);
}

/* Each request says all that was said before: what a round of tools added,
 * calls that the caller was to run and did not, an artifact. */
static void test_exchanges(void)
{
    puter_tool tool = {0};
    puter_history history = {0};
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("exchanges");
    tool.name = "time";
    tool.call = tell_time;
    script_reply(&peer, 200,
                 SAYS("{\"content\":[" USE("c1", "{\"a\":1}") "]}"));
    script_reply(&peer, 200,
                 SAYS("{\"content\":[{\"type\":\"tool_use\",\"id\":\"c2\","
                      "\"name\":\"time\",\"input\":{}}]}"));
    script_reply(&peer, 200, "{\"success\":true,\"result\":{\"message\":{"
                             "\"content\":\"Noon.\"},\"compaction\":{"
                             "\"encrypted_content\":\"x\"}}}");
    script_reply(&peer, 200, SAYS("{\"content\":\"Bye.\"}"));
    puter_history_add(&history, "system", "Be brief.");
    go_on(client, &history, "One", &tool);
    go_on(client, &history, "Two", &tool);
    go_on(client, &history, "Three", &tool);
    CHECK_JSON(script_sent(&peer, 3), "args.messages",
               "[" TURN("system", "Be brief.") "," TURN("user", "One") ","
               ASSISTANT(USE("c1", "{\"a\":1}")) "," TOOL("c1", NOT_RUN) ","
               TURN("user", "Two") ","
               ASSISTANT("{\"type\":\"tool_use\",\"id\":\"c2\","
                         "\"name\":\"time\",\"input\":{}}") ","
               TOOL("c2", "noon") ","
               ASSISTANT(TEXT("Noon.") "," ARTIFACT) ","
               TURN("user", "Three") "]");
    CHECK_INT(history.message_count, 10);
    check_whole(&history);
    puter_history_free(&history);
    script_close(&peer, client);
}

/* Its messages stand between the request's system and prompt, as they are. */
static void test_request(void)
{
    puter_history history = {0};
    puter_request request = {0};
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_writer out;
    char wanted[2048];
    CHECK_IN("request");
    converse(&history);
    puter_history_add_result(&history, "c2", "22");
    request.system = "Zeroth";
    request.messages = history.messages;
    request.message_count = history.message_count;
    request.prompt = "Last";
    script_reply(&peer, 200, SAYS("{\"content\":\"Hi\"}"));
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_OK);
    out = saved(&history);
    snprintf(wanted, sizeof wanted, "[" TURN("system", "Zeroth") ",%.*s,"
             TURN("user", "Last") "]", (int)out.length - 2, out.text + 1);
    CHECK_JSON(script_sent(&peer, 0), "args.messages", wanted);
    puter_writer_free(&out);
    puter_history_free(&history);
    script_close(&peer, client);
}

int main(void)
{
    test_turns();
    test_many_turns();
    test_refused_turns();
    test_turns_with_parts();
    test_refused_messages();
    test_replies();
    test_reply_with_nul();
    test_bad_turns();
    test_bad_arguments();
    test_deep_arguments();
    test_deep_compaction();
    test_cut_writer();
    test_calls_without_id();
    test_results();
    test_refused_results();
    test_settling();
    test_conversation();
    test_trimming();
    test_trimmed_goes_on();
    test_round_trip();
    test_cut_files();
    test_odd_documents();
    test_cut_ids();
    test_broken_conversations();
    test_deep_document();
    test_foreign_documents();
    test_memory();
    test_memory_of_saving();
    test_exchanges();
    test_request();
    return check_done();
}
