/* test_chat.c - what is asked of the service, and what its answers mean. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "compare.h"
#include "script.h"

#define SAYS(message) \
    "{\"success\":true,\"result\":{\"message\":" message \
    ",\"finish_reason\":\"stop\"}}"
#define HALO SAYS("{\"role\":\"assistant\",\"content\":\"Halo juga\"}")

/* The members of a request's body, by the request's index. */
static void check_member(const script *peer, size_t index, const char *path,
                         const char *wanted)
{
    const char *sent = script_sent(peer, index);
    puter_json *json = puter_json_parse(sent, strlen(sent), NULL);
    CHECK(json);
    CHECK_STR(puter_json_string(puter_json_get(puter_json_root(json), path),
                                NULL), wanted);
    puter_json_free(json);
}

/* ---- the request -------------------------------------------------------- */

/* The original description, to the byte. */
static void test_simple_question(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    char head[512];
    CHECK_IN("simple question");
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_OK);
    CHECK_STR(reply.text, "Halo juga");
    CHECK_STR(script_sent(&peer, 0),
              "{\"interface\":\"puter-chat-completion\","
              "\"driver\":\"openai-completion\",\"method\":\"complete\","
              "\"args\":{\"messages\":[{\"role\":\"user\",\"content\":"
              "\"Halo\"}],\"model\":\"gpt-4\"}}");
    snprintf(head, sizeof head,
             "POST /drivers/call HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
             "Origin: http://127.0.0.1:1\r\nUser-Agent: puter.h/%d.%d.%d\r\n"
             "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: %d\r\n\r\n",
             PUTER_VERSION_MAJOR, PUTER_VERSION_MINOR, PUTER_VERSION_PATCH,
             SCRIPT_TOKEN, (int)strlen(script_sent(&peer, 0)));
    CHECK(script_begins(&peer, 0, head));
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* Where api_origin leads, and what the request's head makes of it. */
static void test_origins(void)
{
    static const struct {
        const char *origin, *host;
        int port;
        const char *target, *host_line, *origin_line;
    } rows[] = {
        {"https://api.puter.com", "api.puter.com", 443, "/drivers/call",
         "api.puter.com", "https://puter.com"},
        {"https://api.puter.com/", "api.puter.com", 443, "/drivers/call",
         "api.puter.com", "https://puter.com"},
        {"https://api.puter.com:443", "api.puter.com", 443, "/drivers/call",
         "api.puter.com", "https://puter.com"},
        {"HTTPS://API.Puter.com", "api.puter.com", 443, "/drivers/call",
         "api.puter.com", "https://puter.com"},
        {"https://api.puter.com.", "api.puter.com", 443, "/drivers/call",
         "api.puter.com", "https://puter.com"},
        {"http://api.puter.localhost:4100", "api.puter.localhost", 4100,
         "/drivers/call", "api.puter.localhost:4100",
         "http://puter.localhost:4100"},
        {"https://example.org:8443/base/path", "example.org", 8443,
         "/base/path/drivers/call", "example.org:8443",
         "https://example.org:8443"},
        {"https://example.org/base/", "example.org", 443,
         "/base/drivers/call", "example.org", "https://example.org"},
        {"https://api.3com", "api.3com", 443, "/drivers/call", "api.3com",
         "https://3com"},
        {"https://apis.my_host", "apis.my_host", 443, "/drivers/call",
         "apis.my_host", "https://apis.my_host"},
        {"http://localhost", "localhost", 80, "/drivers/call", "localhost",
         "http://localhost"},
        {"http://[::1]:4100", "::1", 4100, "/drivers/call", "[::1]:4100",
         "http://[::1]:4100"},
        {"http://127.9.8.7", "127.9.8.7", 80, "/drivers/call", "127.9.8.7",
         "http://127.9.8.7"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        char head[256];
        CHECK_IN("origin %s", rows[i].origin);
        peer.secure = true;
        options.api_origin = rows[i].origin;
        client = script_open(&peer, &options);
        script_reply(&peer, 200, HALO);
        if (CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK)) {
            CHECK_STR(peer.host, rows[i].host);
            CHECK_INT(peer.port, rows[i].port);
            snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n",
                     rows[i].target, rows[i].host_line, rows[i].origin_line);
            peer.requests[0].bytes[strlen(head)] = '\0';
            CHECK_STR(peer.requests[0].bytes, head);
        }
        script_close(&peer, client);
    }
}

static void test_own_head_lines(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    CHECK_IN("own head lines");
    options.origin_header = "https://mine.example";
    options.user_agent = "mine/1.0 (a b)";
    client = script_open(&peer, &options);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK(strstr(peer.requests[0].bytes,
                 "\r\nOrigin: https://mine.example\r\n"
                 "User-Agent: mine/1.0 (a b)\r\n"));
    CHECK(!strstr(peer.requests[0].bytes, "puter.h/"));
    script_close(&peer, client);
    CHECK_IN("head lines that are empty");
    options.origin_header = options.user_agent = "";
    client = script_open(&peer, &options);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK(!strstr(peer.requests[0].bytes, "\r\nOrigin: \r\n"));
    CHECK(strstr(peer.requests[0].bytes, "\r\nUser-Agent: puter.h/"));
    script_close(&peer, client);
}

/* The shortest of heads, and a body behind it. */
static void test_short_head(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    char prompt[3000];
    CHECK_IN("short head");
    memset(prompt, 'x', sizeof prompt);
    prompt[sizeof prompt - 1] = '\0';
    options.token = "t";
    options.api_origin = "http://[::1]:65535";
    client = script_open(&peer, &options);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, prompt, NULL), PUTER_OK);
    CHECK(strstr(peer.requests[0].bytes,
                 "\r\nHost: [::1]:65535\r\nOrigin: http://[::1]:65535\r\n"));
    CHECK(strstr(peer.requests[0].bytes, "\r\nAuthorization: Bearer t\r\n"));
    check_member(&peer, 0, "args.messages[0].content", prompt);
    script_close(&peer, client);
}

/* Asks the request of a peer that answers, and compares what was sent as
 * `args` with what was wanted. */
static void check_args(const puter_request *request, const char *wanted)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    script_reply(&peer, 200, HALO);
    if (CHECK_RESULT(puter_chat(client, request, &reply), PUTER_OK))
        CHECK_JSON(script_sent(&peer, 0), "args", wanted);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"Halo\"}]"

static void test_arguments(void)
{
    static const puter_tool tool = {.name = "f"};
    puter_request request = {0};
    CHECK_IN("arguments");
    request.prompt = "Halo";
    request.max_tokens = -1;
    request.temperature = strtod("nan", NULL); /* which is not sent */
    check_args(&request, "{" MESSAGES "}");
    request.has_temperature = true;
    request.temperature = 0;
    check_args(&request, "{" MESSAGES ",\"temperature\":0}");
    request.temperature = 0.7;
    request.max_tokens = 100;
    request.model = "gpt-4";
    request.reasoning_effort = "low";
    request.verbosity = "high";
    check_args(&request,
               "{" MESSAGES ",\"model\":\"gpt-4\",\"temperature\":0.7,"
               "\"max_tokens\":100,\"reasoning_effort\":\"low\","
               "\"verbosity\":\"high\"}");
    CHECK_IN("all of extra_args");
    request.extra_args = "{\"temperature\":1,\"max_tokens\":2,"
                         "\"reasoning_effort\":3,\"verbosity\":4,"
                         "\"tools\":5,\"stream\":6}";
    request.tools = &tool;
    request.tool_count = 1;
    check_args(&request,
               "{" MESSAGES ",\"model\":\"gpt-4\",\"temperature\":1,"
               "\"max_tokens\":2,\"reasoning_effort\":3,\"verbosity\":4,"
               "\"tools\":5,\"stream\":6}");
    CHECK_IN("some extra_args");
    request.tool_count = 0;
    request.has_temperature = false;
    request.extra_args = " {\"vision\":true,\"max_tokens\":7,\"model\":\"x\","
                         "\"response\":{\"normalize\":true}} ";
    check_args(&request,
               "{" MESSAGES ",\"model\":\"x\",\"max_tokens\":7,\"vision\":true,"
               "\"reasoning_effort\":\"low\",\"verbosity\":\"high\","
               "\"response\":{\"normalize\":true}}");
    CHECK_IN("empty extra_args, and strings");
    memset(&request, 0, sizeof request);
    request.prompt = "Halo";
    request.model = request.provider = request.driver = request.system = "";
    request.reasoning_effort = request.verbosity = "";
    request.extra_args = "{}";
    check_args(&request, "{" MESSAGES "}");
}

static int say_nothing(void *user, const puter_tool_call *call,
                       puter_writer *result)
{
    (void)user;
    (void)call;
    (void)result;
    return 0;
}

/* What extra_args replaces is not sent twice. */
static void test_extra_args_win(void)
{
    static const puter_tool tool = {.name = "f", .call = say_nothing};
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request request = {0};
    CHECK_IN("extra_args win");
    script_reply(&peer, 200, HALO);
    request.prompt = "Halo";
    request.model = "gpt-4";
    request.extra_args = "{\"model\":\"other\",\"messages\":[\"mine\"]}";
    request.max_tool_rounds = -1; /* so none of a tool's results gets lost */
    request.tools = &tool;
    request.tool_count = 1;
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_OK);
    CHECK(!strstr(script_sent(&peer, 0), "gpt-4"));
    CHECK(!strstr(script_sent(&peer, 0), "Halo"));
    CHECK_JSON(script_sent(&peer, 0), "args",
               "{\"tools\":[{\"type\":\"function\",\"function\":"
               "{\"name\":\"f\"}}],"
               "\"model\":\"other\",\"messages\":[\"mine\"]}");
    script_close(&peer, client);
}

/* A tool that the caller runs has no results to be lost. */
static void test_extra_messages(void)
{
    static const puter_tool tool = {.name = "f"};
    puter_request request = {0};
    CHECK_IN("messages of extra_args");
    request.prompt = "Halo";
    request.extra_args = "{\"messages\":[\"mine\"]}";
    request.tools = &tool;
    request.tool_count = 1;
    check_args(&request, "{\"tools\":[{\"type\":\"function\",\"function\":"
                         "{\"name\":\"f\"}}],\"messages\":[\"mine\"]}");
}

/* A byte order mark may stand before a caller's JSON, but not inside of what
 * is sent. */
static void test_byte_order_marks(void)
{
#define BOM "\xEF\xBB\xBF"
    static const puter_part part = {.text = BOM "{\"type\":\"x\"}",
                                    .type = PUTER_PART_JSON};
    static const puter_tool_call call = {"c", "f", BOM "{\"a\":1}"};
    static const puter_message messages[] = {
        {.json = BOM "{\"role\":\"user\",\"content\":\"Halo\"}"},
        {.role = "user", .parts = &part, .part_count = 1},
        {.role = "assistant", .tool_calls = &call, .tool_call_count = 1}};
    static const puter_tool tools[] = {
        {.name = "f", .parameters = BOM "{\"type\":\"object\"}"},
        {.json = BOM "{\"type\":\"web_search\"}"}};
    puter_request request = {0};
    CHECK_IN("byte order marks");
    request.messages = messages;
    request.message_count = COUNT(messages);
    request.tools = tools;
    request.tool_count = COUNT(tools);
    request.extra_args = BOM "{\"top_p\":1}";
    check_args(&request,
               "{\"messages\":[{\"role\":\"user\",\"content\":\"Halo\"},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"x\"}]},"
               "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
               "\"id\":\"c\",\"name\":\"f\",\"input\":{\"a\":1}}]}],"
               "\"tools\":[{\"type\":\"function\",\"function\":"
               "{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}},"
               "{\"type\":\"web_search\"}],\"top_p\":1}");
#undef BOM
}

/* test_mode stands beside args; a stream is asked for only by a stream. */
static void test_mode_and_stream(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request request = {0};
    puter_event event;
    CHECK_IN("test_mode and stream");
    script_reply(&peer, 200, HALO);
    request.prompt = "Halo";
    request.test_mode = true;
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_OK);
    CHECK_JSON(script_sent(&peer, 0), "test_mode", "true");
    CHECK_JSON(script_sent(&peer, 0), "args", "{" MESSAGES "}");
    script_close(&peer, client);
    client = script_open(&peer, NULL);
    script_reply(&peer, 200, HALO);
    request.test_mode = false;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_JSON(script_sent(&peer, 0), "",
               "{\"interface\":\"puter-chat-completion\",\"driver\":"
               "\"openai-completion\",\"method\":\"complete\",\"args\":{"
               MESSAGES ",\"stream\":true}}");
    script_close(&peer, client);
    CHECK_IN("a stream that extra_args forbids");
    client = script_open(&peer, NULL);
    script_reply(&peer, 200, HALO);
    request.extra_args = "{\"stream\":false}";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_JSON(script_sent(&peer, 0), "args",
               "{" MESSAGES ",\"stream\":false}");
    script_close(&peer, client);
}

/* ---- messages ----------------------------------------------------------- */

static void test_turns(void)
{
    puter_message messages[4] = {0};
    puter_request request = {0};
    CHECK_IN("turns");
    messages[0].content = "one";
    messages[1].role = "assistant";
    messages[1].content = "two \"\n\xC3\xA9";
    messages[2].role = "system";
    messages[2].content = "three";
    messages[2].cache = true;
    messages[3].role = "user";
    messages[3].content = "four";
    request.messages = messages;
    request.message_count = 4;
    request.system = "zero";
    request.prompt = "five";
    check_args(&request,
               "{\"messages\":["
               "{\"role\":\"system\",\"content\":\"zero\"},"
               "{\"role\":\"user\",\"content\":\"one\"},"
               "{\"role\":\"assistant\",\"content\":\"two \\\"\\n\\u00e9\"},"
               "{\"role\":\"system\",\"content\":\"three\","
               "\"cache_control\":{\"type\":\"ephemeral\"}},"
               "{\"role\":\"user\",\"content\":\"four\"},"
               "{\"role\":\"user\",\"content\":\"five\"}]}");
    request.system = request.prompt = NULL;
    request.message_count = 1;
    check_args(&request,
               "{\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}");
}

/* A length counts NULs in a content; without one it ends at the first. */
static void test_content_length(void)
{
    puter_message messages[3] = {
        {.content = "\0one", .content_length = 4},
        {.content = "two\0", .content_length = 4, .cache = true},
        {.content = "three\0four"}};
    puter_part part = {.text = "more"};
    puter_request request = {0};
    CHECK_IN("content with NULs");
    messages[0].parts = &part;
    messages[0].part_count = 1;
    request.messages = messages;
    request.message_count = COUNT(messages);
    check_args(&request,
               "{\"messages\":["
               "{\"role\":\"user\",\"content\":["
               "{\"type\":\"text\",\"text\":\"\\u0000one\"},"
               "{\"type\":\"text\",\"text\":\"more\"}]},"
               "{\"role\":\"user\",\"content\":\"two\\u0000\","
               "\"cache_control\":{\"type\":\"ephemeral\"}},"
               "{\"role\":\"user\",\"content\":\"three\"}]}");
}

static void test_parts(void)
{
    puter_part parts[5] = {0};
    puter_message message = {0};
    puter_request request = {0};
    CHECK_IN("parts");
    parts[0].text = "more";
    parts[1].type = PUTER_PART_IMAGE;
    parts[1].text = "https://example.org/a.png";
    parts[2].type = PUTER_PART_VIDEO;
    parts[2].text = "https://example.org/a.mp4";
    parts[2].data = "none"; /* is of images alone */
    parts[2].size = 4;
    parts[3].type = PUTER_PART_FILE;
    parts[3].text = "~/a.pdf";
    parts[4].type = PUTER_PART_JSON;
    parts[4].text = " {\"type\":\"compaction\",\"id\":\"c\"} ";
    message.content = "look";
    message.parts = parts;
    message.part_count = COUNT(parts);
    request.messages = &message;
    request.message_count = 1;
    check_args(&request,
               "{\"messages\":[{\"role\":\"user\",\"content\":["
               "{\"type\":\"text\",\"text\":\"look\"},"
               "{\"type\":\"text\",\"text\":\"more\"},"
               "{\"type\":\"image_url\",\"image_url\":"
               "{\"url\":\"https://example.org/a.png\"}},"
               "{\"type\":\"video_url\",\"video_url\":"
               "{\"url\":\"https://example.org/a.mp4\"}},"
               "{\"type\":\"file\",\"puter_path\":\"~/a.pdf\"},"
               "{\"type\":\"compaction\",\"id\":\"c\"}]}]}");
    CHECK_IN("parts alone");
    message.content = NULL;
    message.part_count = 1;
    check_args(&request,
               "{\"messages\":[{\"role\":\"user\",\"content\":["
               "{\"type\":\"text\",\"text\":\"more\"}]}]}");
}

/* Bytes of pictures go as data URIs; what they are is told from the first. */
static void test_image_bytes(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *mime_type, *url;
    } rows[] = {
        {"\x89PNG\r\n\x1a\n", 8, NULL, "data:image/png;base64,iVBORw0KGgo="},
        {"\xFF\xD8\xFF\xE0", 4, NULL, "data:image/jpeg;base64,/9j/4A=="},
        {"GIF89a", 6, NULL, "data:image/gif;base64,R0lGODlh"},
        {"GIF87a", 6, NULL, "data:image/gif;base64,R0lGODdh"},
        {"RIFF\x01\x02\x03\x04WEBP", 12, NULL,
         "data:image/webp;base64,UklGRgECAwRXRUJQ"},
        {"GIF89a", 6, "image/x-mine", "data:image/x-mine;base64,R0lGODlh"},
        {"a", 1, "image/x", "data:image/x;base64,YQ=="},
        {"ab", 2, "image/x", "data:image/x;base64,YWI="},
        {"abc", 3, "image/x", "data:image/x;base64,YWJj"},
        {"\0\xFF\xFE\xFB\xEF", 5, "image/x", "data:image/x;base64,AP/+++8="},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_part part = {0};
        puter_message message = {0};
        puter_request request = {0};
        char wanted[256];
        CHECK_IN("image %s", rows[i].url);
        part.type = PUTER_PART_IMAGE;
        part.data = rows[i].bytes;
        part.size = rows[i].size;
        part.mime_type = rows[i].mime_type;
        message.parts = &part;
        message.part_count = 1;
        request.messages = &message;
        request.message_count = 1;
        snprintf(wanted, sizeof wanted,
                 "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                 "\"image_url\",\"image_url\":{\"url\":\"%s\"}}]}]}",
                 rows[i].url);
        check_args(&request, wanted);
    }
}

/* The byte at an index of what base64 digits stand for: it begins within one
 * digit of six bits and ends within the next. */
static unsigned base64_byte(const char *digits, size_t index)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = digits + index * 8 / 6;
    unsigned high = (unsigned)(strchr(alphabet, at[0]) - alphabet);
    unsigned low = (unsigned)(strchr(alphabet, at[1]) - alphabet);
    return (high << 6 | low) >> (4 - index * 8 % 6) & 0xFF;
}

static void test_large_image(void)
{
    enum { SIZE = 100000 };
    static unsigned char bytes[SIZE];
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_part part = {0};
    puter_message message = {0};
    puter_request request = {0};
    const char *digits;
    size_t i;
    CHECK_IN("large image");
    for (i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    part.type = PUTER_PART_IMAGE;
    part.data = bytes;
    part.size = SIZE;
    part.mime_type = "image/x";
    message.parts = &part;
    message.part_count = 1;
    request.messages = &message;
    request.message_count = 1;
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_OK);
    digits = strstr(script_sent(&peer, 0), ";base64,");
    if (CHECK(digits)) {
        digits += strlen(";base64,");
        CHECK_INT(strcspn(digits, "\""), (SIZE + 2) / 3 * 4);
        for (i = 0; i < SIZE; i++)
            if (base64_byte(digits, i) != bytes[i])
                break;
        CHECK_INT(i, SIZE);
    }
    script_close(&peer, client);
}

static void test_tool_turns(void)
{
    puter_tool_call calls[2] = {{"c1", "weather", " {\"city\": \"Paris\"} "},
                                {"c2", "time", ""}};
    puter_message messages[4] = {0};
    puter_request request = {0};
    CHECK_IN("tool turns");
    calls[1].arguments = NULL;
    messages[0].content = "weather?";
    messages[1].role = "assistant";
    messages[1].content = "Let me see.";
    messages[1].tool_calls = calls;
    messages[1].tool_call_count = 1;
    messages[2].role = "tool";
    messages[2].tool_call_id = "c1";
    messages[2].content = "22 C";
    messages[3].role = "assistant";
    messages[3].tool_calls = calls;
    messages[3].tool_call_count = 2;
    request.messages = messages;
    request.message_count = 4;
    check_args(&request,
               "{\"messages\":["
               "{\"role\":\"user\",\"content\":\"weather?\"},"
               "{\"role\":\"assistant\",\"content\":["
               "{\"type\":\"text\",\"text\":\"Let me see.\"},"
               "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"weather\","
               "\"input\":{\"city\":\"Paris\"}}]},"
               "{\"role\":\"tool\",\"tool_call_id\":\"c1\","
               "\"content\":\"22 C\"},"
               "{\"role\":\"assistant\",\"content\":["
               "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"weather\","
               "\"input\":{\"city\":\"Paris\"}},"
               "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"time\","
               "\"input\":{}}]}]}");
}

static void test_tool_definitions(void)
{
    puter_tool tools[3] = {0};
    puter_request request = {0};
    CHECK_IN("tool definitions");
    tools[0].name = "weather";
    tools[0].description = "Tells the weather";
    tools[0].parameters = "{\"type\":\"object\",\"properties\":{\"city\":"
                          "{\"type\":\"string\"}}}";
    tools[1].name = "time";
    tools[2].json = "{\"type\":\"web_search\"}";
    request.prompt = "Halo";
    request.tools = tools;
    request.tool_count = 3;
    check_args(&request,
               "{" MESSAGES ",\"tools\":[{\"type\":\"function\",\"function\":{"
               "\"name\":\"weather\",\"description\":\"Tells the weather\","
               "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":"
               "{\"type\":\"string\"}}}}},{\"type\":\"function\",\"function\":"
               "{\"name\":\"time\"}},{\"type\":\"web_search\"}]}");
}

/* ---- what is refused before anything is sent ---------------------------- */

static void check_refused(const puter_options *options,
                          const puter_request *request, puter_result wanted)
{
    script peer = {0};
    puter_client *client = script_open(&peer, options);
    puter_reply reply;
    memset(&reply, 0xFF, sizeof reply);
    CHECK_RESULT(puter_chat(client, request, &reply), wanted);
    script_check_failure(client, wanted);
    CHECK(!reply.text && !reply.memory);
    CHECK_RESULT(puter_stream_begin(client, request), wanted);
    CHECK_INT(peer.opens, 0);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

static void test_refused_questions(void)
{
    static const puter_tool tool = {.name = "f", .call = say_nothing};
    static const char *const bad_json[] = {"",   "{",      "[]",     "5",
                                           "{}x", "{\"a\":}", "null"};
    puter_message message = {0}, messages[2] = {0};
    puter_request request = {0};
    size_t i;
    CHECK_IN("nothing to ask");
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    check_refused(NULL, NULL, PUTER_ERR_ARGUMENT);
    request.system = "Be brief.";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    CHECK_IN("an empty prompt");
    request.prompt = "";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    CHECK_IN("an empty message");
    request.prompt = "Halo";
    request.messages = &message;
    request.message_count = 1;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    message.content = "";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    CHECK_IN("an empty message, and one that is not");
    request.messages = messages;
    request.message_count = 2;
    messages[1].content = "Halo";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    request.message_count = 0;
    CHECK_IN("a temperature that is none");
    request.has_temperature = true;
    request.temperature = strtod("nan", NULL);
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    request.temperature = strtod("inf", NULL);
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    request.has_temperature = false;
    CHECK_IN("messages without a place for what tools give");
    request.tools = &tool;
    request.tool_count = 1;
    request.extra_args = "{\"messages\":[{\"content\":\"mine\"}]}";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    request.tool_count = 0;
    for (i = 0; i < COUNT(bad_json); i++) {
        CHECK_IN("extra_args %s", bad_json[i]);
        request.extra_args = bad_json[i];
        check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    }
}

static void test_refused_parts(void)
{
    static const char *const no_images[] = {
        "", "\xFF\xD8", "GIF89", "no image", "GIF88a", "RIFF....WEB",
        "RIFF....WAVE", "FFIR....WEBP", "\x89PNG\r\n\x1a"};
    puter_part part = {0}, parts[2] = {0};
    puter_message message = {0};
    puter_request request = {0};
    size_t i;
    CHECK_IN("refused parts");
    request.messages = &message;
    request.message_count = 1;
    message.parts = &part;
    message.part_count = 1;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT); /* text: NULL */
    part.type = PUTER_PART_IMAGE;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    for (i = 0; i < COUNT(no_images); i++) {
        CHECK_IN("no image: %s", no_images[i]);
        part.data = no_images[i];
        part.size = strlen(no_images[i]);
        check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    }
    CHECK_IN("an image that is cut");
    part.data = "GIF89a";
    part.size = 5;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    CHECK_IN("refused parts");
    part.data = NULL;
    part.type = PUTER_PART_JSON;
    part.text = "{\"type\":";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    part.text = NULL;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    CHECK_IN("a refused part, and one that is not");
    parts[1].text = "more";
    message.parts = parts;
    message.part_count = 2;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
}

static void test_refused_tools(void)
{
    puter_tool tool = {0};
    puter_tool_call calls[2] = {{"c1", "f", "{\"a\":"}, {"c2", "f", "{}"}};
    puter_tool_call list = {"c1", "f", "[]"};
    puter_message message = {0};
    puter_request request = {0};
    CHECK_IN("refused tools");
    request.prompt = "Halo";
    request.tools = &tool;
    request.tool_count = 1;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT); /* no name */
    tool.name = "f";
    tool.parameters = "{\"type\":";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    tool.parameters = NULL;
    tool.json = "{\"type\"";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    request.tool_count = 0;
    request.messages = &message;
    request.message_count = 1;
    message.role = "assistant";
    message.tool_calls = calls;
    for (message.tool_call_count = 1; message.tool_call_count <= 2;
         message.tool_call_count++)
        check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    message.tool_calls = &list;
    message.tool_call_count = 1;
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    message.tool_call_count = 0;
    message.role = "tool"; /* that answers no call */
    message.content = "22 C";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
    message.tool_call_id = "";
    check_refused(NULL, &request, PUTER_ERR_ARGUMENT);
}

/* What is larger than the 50 MiB that the service takes, if by a byte. */
static void test_refused_sizes(void)
{
    static const char around[] =
        "{\"interface\":\"puter-chat-completion\",\"driver\":"
        "\"openai-completion\",\"method\":\"complete\",\"args\":{"
        "\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}}";
    enum { SIZE = 51 << 20, AROUND = sizeof around - 1 };
    puter_part part = {0};
    puter_message message = {0};
    puter_request request = {0};
    char *prompt = (char *)malloc(SIZE + 1);
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("refused sizes");
    part.type = PUTER_PART_IMAGE;
    part.mime_type = "image/x";
    part.data = "much less";
    part.size = SIZE;
    message.parts = &part;
    message.part_count = 1;
    request.messages = &message;
    request.message_count = 1;
    check_refused(NULL, &request, PUTER_ERR_LIMIT);
    memset(prompt, 'x', SIZE);
    prompt[SIZE] = '\0';
    request.message_count = 0;
    request.prompt = prompt;
    check_refused(NULL, &request, PUTER_ERR_LIMIT);
    prompt[(50 << 20) - AROUND] = 'x';
    prompt[(50 << 20) - AROUND + 1] = '\0';
    check_refused(NULL, &request, PUTER_ERR_LIMIT);
    prompt[(50 << 20) - AROUND] = '\0';
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_OK);
    CHECK(strstr(peer.requests[0].bytes, "\r\nContent-Length: 52428800\r\n"));
    script_close(&peer, client);
    free(prompt);
}

/* Nothing that would end a head line, or that no head holds. */
static void test_refused_heads(void)
{
    static const char *const bad[] = {"a\rb", "a\nb", "a\r\nX: y", "\x01",
                                      "a\x7f", "a\tb\x1f", "\n"};
    puter_request request = {0};
    puter_options quoted = {0};
    size_t i;
    request.prompt = "Halo";
    CHECK_IN("a token in quotes");
    quoted.token = "'" SCRIPT_TOKEN "'";
    check_refused(&quoted, &request, PUTER_ERR_ARGUMENT);
    for (i = 0; i < COUNT(bad); i++) {
        puter_options options = {0};
        CHECK_IN("head %d", (int)i);
        options.token = bad[i];
        check_refused(&options, &request, PUTER_ERR_ARGUMENT);
        options.token = NULL;
        options.origin_header = bad[i];
        check_refused(&options, &request, PUTER_ERR_ARGUMENT);
        options.origin_header = NULL;
        options.user_agent = bad[i];
        check_refused(&options, &request, PUTER_ERR_ARGUMENT);
    }
}

static void test_refused_origins(void)
{
    static const char *const bad[] = {
        "x", "api.puter.com", "ftp://api.puter.com", "file:///etc/passwd",
        "https:/api.puter.com", "https://", "https:///x", "https://:80",
        "https://h:0", "https://h:65536", "https://h:99999999999",
        "https://h:4294967739", "https://h/a\\b", "https://h/\"a\"",
        "https://h:x", "https://h:-1", "https://h:1x", "https://h:80:80",
        "https://h h", "https://h\r\nX: y", "https://h/a b",
        "https://h/\r\n", "https://h/\x01", "https://u@h", "https://u:p@h",
        "https://h/?q", "https://h/#f", "https://h?q", "https://[::1",
        "https://[::1]x", "https://[]", "https://[g]", "https://::1",
        "https://h\\x", "https://\xC3\xA9.org", "https://h%00", "https://h~",
        "https://h{}", "https://[::1.]", "https://.",
        /* a token in the open, beyond this machine */
        "http://example.org", "http://api.puter.com",
        "http://localhost.example.org", "http://127.0.0.1.example.org",
        "http://notlocalhost", "http://128.0.0.1", "http://127.0.0.256",
        "http://[::2]", "http://[::ffff:10.0.0.1]", "http://0.0.0.0",
    };
    puter_request request = {0};
    size_t i;
    request.prompt = "Halo";
    for (i = 0; i < COUNT(bad); i++) {
        puter_options options = {0};
        CHECK_IN("origin %s", bad[i]);
        options.api_origin = bad[i];
        check_refused(&options, &request, PUTER_ERR_ARGUMENT);
    }
}

/* A password in one is not told. */
static void test_origin_with_password(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    CHECK_IN("origin with a password");
    options.api_origin = "https://joe:s3cret@example.org";
    client = script_open(&peer, &options);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_ARGUMENT);
    CHECK(!strstr(puter_last_error(client)->message, "s3cret"));
    script_close(&peer, client);
}

/* What fits just fits, and what does not is refused. */
static void test_long_origins(void)
{
    static const struct {
        int host, path;
        puter_result result;
    } rows[] = {
        {253, 255, PUTER_OK},
        {254, 0, PUTER_ERR_ARGUMENT},
        {253, 256, PUTER_ERR_ARGUMENT},
    };
    char xs[300], origin[600];
    size_t i;
    memset(xs, 'x', sizeof xs);
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        CHECK_IN("host of %d, path of %d", rows[i].host, rows[i].path);
        snprintf(origin, sizeof origin, "http://%.*s.localhost/%.*s",
                 rows[i].host - 10, xs, rows[i].path ? rows[i].path - 1 : 0,
                 xs);
        options.api_origin = origin;
        client = script_open(&peer, &options);
        script_reply(&peer, 200, HALO);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), rows[i].result);
        CHECK_INT(peer.request_count, rows[i].result == PUTER_OK);
        script_close(&peer, client);
    }
}

/* The same hosts in the open are fine where they are this machine, or where
 * the caller insists. */
static void test_plain_origins(void)
{
    static const char *const fine[] = {
        "http://localhost", "HTTP://LOCALHOST:8080", "http://a.b.localhost",
        "http://127.0.0.1", "http://127.255.255.254", "http://[::1]"};
    puter_options options = {0};
    size_t i;
    for (i = 0; i <= COUNT(fine); i++) {
        script peer = {0};
        puter_client *client;
        options.api_origin = i < COUNT(fine) ? fine[i] : "http://example.org";
        options.allow_plain_http = i == COUNT(fine);
        CHECK_IN("origin %s", options.api_origin);
        client = script_open(&peer, &options);
        script_reply(&peer, 200, HALO);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
        script_close(&peer, client);
    }
}

/* An empty token is none, which is told before anything is sent. */
static void test_no_token(void)
{
    puter_options options = {0};
    puter_request request = {0};
    CHECK_IN("no token");
    request.prompt = "Halo";
    options.token = "";
    check_refused(&options, &request, PUTER_ERR_ARGUMENT);
}

/* ---- drivers and routes ------------------------------------------------- */

static const struct {
    const char *model, *driver;
    const char *sent; /* on the driver route; NULL: as it is */
} models[] = {
    {NULL, "openai-completion", NULL},
    {"gpt-4", "openai-completion", NULL},
    {"gpt-4o-mini", "openai-completion", NULL},
    {"GPT-4o", "openai-completion", NULL},
    {"openai/gpt-4o", "openai-completion", "gpt-4o"},
    {"OpenAI/o1", "openai-completion", "o1"},
    {"o1", "openai-completion", NULL},
    {"o3-mini", "openai-completion", NULL},
    {"o4-mini", "openai-completion", NULL},
    {"chatgpt-4o-latest", "openai-completion", NULL},
    {"nobody-knows", "openai-completion", NULL},
    {"gpt", "openai-completion", NULL},
    {"claude-3-opus-20240229", "claude", NULL},
    {"Claude-Sonnet-4", "claude", NULL},
    {"claude-3-5-sonnet", "claude", "claude-3-5-sonnet-latest"},
    {"Claude-3-7-Sonnet", "claude", "claude-3-7-sonnet-latest"},
    {"claude-3-7-sonnet", "claude", "claude-3-7-sonnet-latest"},
    {"claude", "claude", "claude-3-7-sonnet-latest"},
    {"claude-3-5-sonnet-latest", "claude", NULL},
    {"anthropic/claude-3-opus", "claude", "claude-3-opus"},
    {"gemini-1.5-flash", "gemini", NULL},
    {"gemini-2.0-flash", "gemini", NULL},
    {"mistral", "mistral", "mistral-large-latest"},
    {"mistral-large-latest", "mistral", NULL},
    {"codestral-2405", "mistral", NULL},
    {"pixtral-12b-2409", "mistral", NULL},
    {"magistral-small", "mistral", NULL},
    {"devstral-small", "mistral", NULL},
    {"ministral-8b", "mistral", NULL},
    {"open-mistral-7b", "mistral", NULL},
    {"open-mixtral-8x7b", "mistral", NULL},
    {"groq", "groq", "llama3-8b-8192"},
    {"llama-3.1-8b-instant", "groq", NULL},
    {"llama-3.1-70b-versatile", "groq", NULL},
    {"llama3-8b-8192", "groq", NULL},
    {"llama3-70b-8192", "groq", NULL},
    {"llama3-groq-8b-8192-tool-use-preview", "groq", NULL},
    {"llama-guard-3-8b", "groq", NULL},
    {"gemma-7b-it", "groq", NULL},
    {"gemma2-9b-it", "groq", NULL},
    {"mixtral-8x7b-32768", "groq", NULL},
    {"gemma-2b", "openai-completion", NULL},
    {"llama-3.1-8b", "openai-completion", NULL},
    {"grok-beta", "xai", NULL},
    {"grok-2-vision", "xai", NULL},
    {"deepseek", "deepseek", "deepseek-chat"},
    {"deepseek-chat", "deepseek", NULL},
    {"deepseek-reasoner", "deepseek", NULL},
    {"openrouter:meta-llama/llama-3-8b", "openrouter", NULL},
    {"ollama:llama3", "ollama", NULL},
    {"meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", "together-ai", NULL},
    {"meta-llama/llama-3-8b", "openrouter",
     "openrouter:meta-llama/llama-3-8b"},
    {"google/gemini-pro", "openrouter", "openrouter:google/gemini-pro"},
    {"mistralai/mistral-7b", "openrouter", "openrouter:mistralai/mistral-7b"},
    {"x-ai/grok-2", "openrouter", "openrouter:x-ai/grok-2"},
};

static void check_routed(puter_route route, const puter_request *request,
                         const char *driver, const char *model,
                         const char *provider)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    options.route = route;
    client = script_open(&peer, &options);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_chat(client, request, NULL), PUTER_OK);
    check_member(&peer, 0, "driver", driver);
    check_member(&peer, 0, "args.model", model ? model : "");
    check_member(&peer, 0, "args.provider", provider ? provider : "");
    script_close(&peer, client);
}

static void test_models(void)
{
    size_t i;
    for (i = 0; i < COUNT(models); i++) {
        const char *model = models[i].model;
        puter_request request = {0};
        CHECK_IN("model %s", model ? model : "(none)");
        request.prompt = "Halo";
        request.model = model;
        CHECK_STR(puter_driver_for_model(model), models[i].driver);
        check_routed(PUTER_ROUTE_DRIVER, &request, models[i].driver,
                     models[i].sent ? models[i].sent : model, NULL);
        check_routed(PUTER_ROUTE_UNIFIED, &request, "ai-chat", model, NULL);
    }
}

/* A provider wins over a driver; on the driver route it is the driver, on the
 * unified one args.provider, which ai-chat never is. */
static void test_explicit_drivers(void)
{
    static const struct {
        puter_route route;
        const char *driver, *provider;
        const char *sent_driver, *sent_provider;
    } rows[] = {
        {PUTER_ROUTE_DRIVER, "claude", NULL, "claude", NULL},
        {PUTER_ROUTE_DRIVER, NULL, "gemini", "gemini", NULL},
        {PUTER_ROUTE_DRIVER, "claude", "gemini", "gemini", NULL},
        {PUTER_ROUTE_AUTO, "claude", NULL, "claude", NULL},
        {PUTER_ROUTE_AUTO, "ai-chat", NULL, "ai-chat", NULL},
        {PUTER_ROUTE_AUTO, "ai-chat", "claude", "ai-chat", "claude"},
        {PUTER_ROUTE_UNIFIED, "claude", NULL, "ai-chat", "claude"},
        {PUTER_ROUTE_UNIFIED, NULL, "gemini", "ai-chat", "gemini"},
        {PUTER_ROUTE_UNIFIED, "claude", "gemini", "ai-chat", "gemini"},
        {PUTER_ROUTE_UNIFIED, "ai-chat", NULL, "ai-chat", NULL},
        {PUTER_ROUTE_UNIFIED, NULL, "ai-chat", "ai-chat", NULL},
        {PUTER_ROUTE_UNIFIED, "claude", "ai-chat", "ai-chat", "claude"},
        {PUTER_ROUTE_DRIVER, "", "", "openai-completion", NULL},
        {PUTER_ROUTE_UNIFIED, "", "", "ai-chat", NULL},
        {PUTER_ROUTE_UNIFIED, "claude", "", "ai-chat", "claude"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_request request = {0};
        CHECK_IN("explicit %d", (int)i);
        request.prompt = "Halo";
        request.model = "gpt-4";
        request.driver = rows[i].driver;
        request.provider = rows[i].provider;
        check_routed(rows[i].route, &request, rows[i].sent_driver, "gpt-4",
                     rows[i].sent_provider);
    }
}

/* A model is named as the driver that gets it does, whoever chose that:
 * OpenRouter's prefix is for OpenRouter, and a vendor's spelling for it. */
static void test_pinned_spellings(void)
{
    static const struct {
        const char *model, *driver, *sent_to, *sent;
    } rows[] = {
        {"vendor/model", NULL, "openrouter", "openrouter:vendor/model"},
        {"vendor/model", "openrouter", "openrouter",
         "openrouter:vendor/model"},
        {"vendor/model", "claude", "claude", "vendor/model"},
        {"anthropic/claude-x", "openrouter", "openrouter",
         "openrouter:anthropic/claude-x"},
        {"openrouter:openai/gpt-4o", "openrouter", "openrouter",
         "openrouter:openai/gpt-4o"},
        {"openai/gpt-oss-20b", "together-ai", "together-ai",
         "openai/gpt-oss-20b"},
        {"openai/gpt-4o", "openai-completion", "openai-completion", "gpt-4o"},
        {"claude-3-7-sonnet", "claude", "claude", "claude-3-7-sonnet-latest"},
        {"claude-3-7-sonnet", "xai", "xai", "claude-3-7-sonnet"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_request request = {0};
        CHECK_IN("pinned %d", (int)i);
        request.prompt = "Halo";
        request.model = rows[i].model;
        request.driver = rows[i].driver;
        check_routed(PUTER_ROUTE_DRIVER, &request, rows[i].sent_to,
                     rows[i].sent, NULL);
    }
}

/* The ways in which services say that they have no such driver. */
static const struct no_driver {
    const char *name;
    int status;
    const char *body;
    bool negotiates;
    puter_result result;
} no_driver[] = {
    {"driver not found", 404,
     "{\"error\":\"Driver not found: puter-chat-completion:x\",\"message\":"
     "\"Driver not found: puter-chat-completion:x\",\"code\":\"not_found\"}",
     true, PUTER_ERR_NOT_FOUND},
    {"ai-chat directly", 200,
     "{\"success\":false,\"error\":\"Calling ai-chat directly is not yet "
     "supported\"}",
     true, PUTER_ERR_NOT_FOUND},
    {"no implementation", 200,
     "{\"success\":false,\"error\":{\"iface\":\"puter-chat-completion\","
     "\"code\":\"no_implementation_available\",\"message\":\"interface\","
     "\"status\":502}}",
     true, PUTER_ERR_NOT_FOUND},
    {"driver not found, told as the error alone", 404,
     "{\"error\":\"Driver not found: x\",\"code\":\"not_found\"}",
     true, PUTER_ERR_NOT_FOUND},
    {"ai-chat directly, with another status", 404,
     "{\"success\":false,\"error\":\"Calling ai-chat directly is not yet "
     "supported\"}",
     true, PUTER_ERR_NOT_FOUND},
    {"ai-chat directly, but no word of success", 400,
     "{\"error\":\"Calling ai-chat directly\",\"code\":\"bad_request\"}",
     false, PUTER_ERR_REQUEST},
    {"method not found", 404,
     "{\"error\":\"Method 'x' not found\",\"message\":\"Method 'x' not "
     "found\",\"code\":\"not_found\"}",
     false, PUTER_ERR_NOT_FOUND},
    {"driver not found, not by code", 404,
     "{\"message\":\"Driver not found: x\",\"code\":\"other\"}", false,
     PUTER_ERR_NOT_FOUND},
    {"driver not found, within", 404,
     "{\"message\":\"Sorry. Driver not found: x\",\"code\":\"not_found\"}",
     false, PUTER_ERR_NOT_FOUND},
    {"driver not found, not by status", 400,
     "{\"message\":\"Driver not found: x\",\"code\":\"not_found\"}", false,
     PUTER_ERR_NOT_FOUND},
    {"model not found", 400,
     "{\"error\":\"Model not found: x\",\"message\":\"Model not found: x\","
     "\"code\":\"bad_request\"}",
     false, PUTER_ERR_REQUEST},
    {"a vendor's failure", 200,
     "{\"success\":false,\"error\":\"no fallback model available\"}", false,
     PUTER_ERR_SERVICE},
};

static puter_client *open_on(script *peer, const char *origin)
{
    puter_options options = {0};
    options.api_origin = origin;
    peer->secure = true; /* TLS of its own, for https origins */
    return script_open(peer, &options);
}

/* AUTO takes the other route after such an answer only, from either end, and
 * keeps what worked. */
static void check_negotiation(const struct no_driver *it, const char *origin,
                              const char *first, const char *second)
{
    script peer = {0};
    puter_client *client = open_on(&peer, origin);
    puter_result result = it->negotiates ? PUTER_OK : it->result;
    CHECK_IN("%s, at %s", it->name, origin);
    script_reply(&peer, it->status, it->body);
    script_reply(&peer, 200, HALO);
    script_reply(&peer, 200, HALO);
    CHECK_RESULT(puter_ask(client, "openai/gpt-4", "Halo", NULL), result);
    CHECK_INT(peer.request_count, it->negotiates ? 2 : 1);
    CHECK_INT(puter_ask(client, "openai/gpt-4", "Halo", NULL), PUTER_OK);
    CHECK_INT(peer.request_count, it->negotiates ? 3 : 2);
    check_member(&peer, 0, "driver", first);
    check_member(&peer, 1, "driver", it->negotiates ? second : first);
    check_member(&peer, peer.request_count - 1, "driver",
                 it->negotiates ? second : first);
    check_member(&peer, peer.request_count - 1, "args.model",
                 it->negotiates == (*first == 'a') ? "gpt-4" : "openai/gpt-4");
    script_close(&peer, client);
}

static void test_negotiation(void)
{
    size_t i;
    for (i = 0; i < COUNT(no_driver); i++) {
        check_negotiation(&no_driver[i], SCRIPT_ORIGIN, "openai-completion",
                          "ai-chat");
        check_negotiation(&no_driver[i], "https://api.puter.com", "ai-chat",
                          "openai-completion");
        check_negotiation(&no_driver[i], "https://own.puter.com",
                          "openai-completion", "ai-chat");
    }
}

/* Where both routes fail, the first answer is the one to tell. */
static void test_both_routes_fail(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("both routes fail");
    script_reply(&peer, 404, no_driver[0].body);
    script_reply(&peer, 200, no_driver[1].body);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply), PUTER_ERR_NOT_FOUND);
    CHECK_STR(reply.json, ""); /* not the second's */
    puter_reply_free(&reply);
    script_check_failure(client, PUTER_ERR_NOT_FOUND);
    CHECK_INT(puter_last_error(client)->http_status, 404);
    CHECK_STR(puter_last_error(client)->code, "not_found");
    CHECK(strstr(puter_last_error(client)->message, "Driver not found"));
    CHECK_INT(peer.request_count, 2);
    script_close(&peer, client);
}

/* One model's missing driver does not give up a route that has worked. */
static void test_route_is_kept(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("a route is kept");
    script_reply(&peer, 200, HALO);
    script_reply(&peer, 200, no_driver[2].body);
    script_reply(&peer, 200, no_driver[1].body);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    CHECK_INT(puter_ask(client, "grok-2", "Halo", NULL), PUTER_ERR_NOT_FOUND);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    CHECK_INT(peer.request_count, 4);
    check_member(&peer, 1, "driver", "xai");
    check_member(&peer, 2, "driver", "ai-chat");
    check_member(&peer, 3, "driver", "openai-completion");
    script_close(&peer, client);
}

/* The route that refuses is there: it is the first from then on, until it is
 * there no more. */
static void test_refusing_route(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("a route that refuses");
    script_reply(&peer, 404, no_driver[0].body);
    script_reply(&peer, 402, "{\"code\":\"insufficient_funds\"}");
    script_reply(&peer, 200, HALO);
    script_current(&peer)->end = SCRIPT_CLEAN;
    script_next_connection(&peer);
    script_reply(&peer, 200, no_driver[1].body);
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_ERR_FUNDS);
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    check_member(&peer, 2, "driver", "ai-chat");
    CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL), PUTER_OK);
    check_member(&peer, 3, "driver", "ai-chat");
    check_member(&peer, 4, "driver", "openai-completion");
    script_close(&peer, client);
}

/* Who says which route gets that one alone. */
static void test_fixed_routes(void)
{
    static const struct {
        puter_route route;
        const char *driver;
    } rows[] = {{PUTER_ROUTE_DRIVER, "openai-completion"},
                {PUTER_ROUTE_UNIFIED, "ai-chat"}};
    size_t i;
    for (i = 0; i < 2; i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        CHECK_IN("fixed route %d", (int)i);
        options.route = rows[i].route;
        client = script_open(&peer, &options);
        script_reply(&peer, 404, no_driver[0].body);
        CHECK_INT(puter_ask(client, "gpt-4", "Halo", NULL),
                  PUTER_ERR_NOT_FOUND);
        CHECK_INT(peer.request_count, 1);
        check_member(&peer, 0, "driver", rows[i].driver);
        script_close(&peer, client);
    }
}

/* A stream negotiates before its first event. */
static void test_stream_negotiation(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request request = {0};
    puter_event event;
    CHECK_IN("stream negotiation");
    script_reply(&peer, 404, no_driver[0].body);
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"type\":\"text\",\"text\":\"Halo juga\"}\n");
    request.prompt = "Halo";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), 1);
    CHECK_STR(event.text, "Halo juga");
    CHECK_INT(puter_stream_next(client, &event), 0);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    check_member(&peer, 1, "driver", "ai-chat");
    script_close(&peer, client);
}

/* A stream that is left early has shown which route works all the same. */
static void test_left_stream_negotiation(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_request request = {0};
    CHECK_IN("negotiation by a stream that is left");
    script_reply(&peer, 404, no_driver[0].body);
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"type\":\"text\",\"text\":\"Halo\"}\n"
                       "{\"type\":\"text\",\"text\":\" juga\"}\n");
    script_next_connection(&peer);
    script_reply(&peer, 200, HALO);
    request.prompt = "Halo";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, NULL), 1);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    check_member(&peer, 2, "driver", "ai-chat");
    script_close(&peer, client);
    CHECK_IN("negotiation by a stream of half a line");
    client = script_open(&peer, NULL);
    script_reply(&peer, 404, no_driver[0].body);
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"type\":\"text\",\"text\":\"Halo\"}");
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, NULL), 1);
    CHECK_INT(puter_stream_next(client, NULL), 0);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    check_member(&peer, 2, "driver", "ai-chat");
    script_close(&peer, client);
    CHECK_IN("a stream that begins with a refusal");
    client = script_open(&peer, NULL);
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"success\":false,\"error\":\"no\"}\n");
    script_next_connection(&peer);
    script_reply(&peer, 200, HALO);
    request.driver = "ai-chat";
    puter_stream_begin(client, &request);
    CHECK(puter_stream_next(client, NULL) < 0);
    puter_stream_end(client, NULL);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    check_member(&peer, 1, "driver", "openai-completion");
    script_close(&peer, client);
}

/* ---- answers ------------------------------------------------------------ */

/* Strings that are NULL here are "" in the reply. */
typedef struct answer {
    const char *name, *body;
    const char *text, *reasoning, *role, *model, *service, *finish_reason;
    const char *calls;  /* "id name arguments;" of each */
    const char *images; /* "url;" of each */
    const char *usage;  /* as usage_text gives it; NULL: nothing known */
    bool usage_limited, blocked;
} answer;

#define RESULT(message, rest) \
    "{\"success\":true,\"service\":{\"name\":\"ai-chat\"},\"result\":{" \
    "\"index\":0,\"message\":" message "," rest \
    ",\"via_ai_chat_service\":true}"

static const answer answers[] = {
    {.name = "2025, openai",
     .body = RESULT("{\"role\":\"assistant\",\"content\":"
                    "\"Halo \\\"\xC3\xA9\\\" \\ud83d\\ude00\\n\","
                    "\"reasoning_content\":\"Hm.\"}",
                    "\"finish_reason\":\"stop\",\"usage\":[{\"type\":"
                    "\"prompt\",\"model\":\"gpt-4\",\"amount\":11,\"cost\":"
                    "165},{\"type\":\"completion\",\"model\":\"gpt-4\","
                    "\"amount\":7,\"cost\":210}]")
         ",\"metadata\":{\"service_used\":\"openai-completion\"}}",
     .text = "Halo \"\xC3\xA9\" \xF0\x9F\x98\x80\n",
     .reasoning = "Hm.",
     .role = "assistant",
     .service = "openai-completion",
     .finish_reason = "stop",
     .usage = "11 7 - 0.000375"},
    {.name = "2025, claude",
     .body = RESULT("{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"
                    "\"assistant\",\"model\":\"claude-3\",\"content\":[{"
                    "\"type\":\"text\",\"text\":\"Halo, \"},{\"type\":"
                    "\"thinking\",\"thinking\":\"Hm.\"},{\"type\":\"text\","
                    "\"text\":\"ya.\"}],\"stop_reason\":\"end_turn\","
                    "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
                    "\"usage\":{\"input_tokens\":9,\"output_tokens\":5},"
                    "\"finish_reason\":\"stop\"")
         ",\"metadata\":{\"service_used\":\"claude\"}}",
     .text = "Halo, ya.",
     .reasoning = "Hm.",
     .role = "assistant",
     .model = "claude-3",
     .service = "claude",
     .finish_reason = "stop",
     .usage = "9 5 - -"},
    {.name = "2026",
     .body = RESULT("{\"role\":\"assistant\",\"content\":\"Halo\","
                    "\"reasoning\":\"Hm.\"}",
                    "\"finish_reason\":\"length\",\"usage\":{"
                    "\"prompt_tokens\":11,\"completion_tokens\":7,"
                    "\"cached_tokens\":3,\"usd_cents\":0.004698}")
         ",\"metadata\":{\"service_used\":\"zai\",\"providerUsed\":"
         "\"glm-5.2\"}}",
     .text = "Halo",
     .reasoning = "Hm.",
     .role = "assistant",
     .model = "glm-5.2",
     .service = "zai",
     .finish_reason = "length",
     .usage = "11 7 3 0.004698"},
    {.name = "another order, and white space",
     .body = "\xEF\xBB\xBF \r\n{ \"metadata\" : { } , \"result\" : { \"usage\" "
             ": { \"usd_cents\" : null } , \"message\" : { \"content\" : "
             "\"Halo\" } } , \"success\" : true }\n",
     .text = "Halo"},
    {.name = "tool calls of OpenAI",
     .body = RESULT("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":"
                    "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"
                    "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{"
                    "\"id\":\"c2\",\"type\":\"function\",\"function\":{"
                    "\"name\":\"g\",\"arguments\":\"\"}}]}",
                    "\"finish_reason\":\"tool_calls\"")
         "}",
     .text = "",
     .role = "assistant",
     .service = "ai-chat",
     .finish_reason = "tool_calls",
     .calls = "c1 f {\"a\":1};c2 g {};"},
    {.name = "tool calls of Claude",
     .body = RESULT("{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
                    "\"text\":\"Let me see.\"},{\"type\":\"tool_use\",\"id\":"
                    "\"t1\",\"name\":\"f\",\"input\":{\"city\":\"Paris\"}}]}",
                    "\"finish_reason\":\"stop\"")
         "}",
     .text = "Let me see.",
     .role = "assistant",
     .service = "ai-chat",
     .finish_reason = "stop",
     .calls = "t1 f {\"city\":\"Paris\"};"},
    {.name = "members that are null",
     .body = RESULT("{\"content\":null,\"reasoning\":null,"
                    "\"reasoning_content\":\"Hm.\",\"tool_calls\":[{\"id\":"
                    "\"c1\",\"function\":null,\"name\":\"f\",\"arguments\":"
                    "null,\"input\":{\"a\":1}}]}",
                    "\"finish_reason\":null,\"usage\":{\"prompt_tokens\":"
                    "null,\"input_tokens\":9}")
         "}",
     .text = "",
     .reasoning = "Hm.",
     .service = "ai-chat",
     .calls = "c1 f {\"a\":1};",
     .usage = "9 - - -"},
    {.name = "content that is one block",
     .body = RESULT("{\"content\":{\"type\":\"text\",\"text\":\"Halo\"}}",
                    "\"finish_reason\":null")
         "}",
     .text = "Halo",
     .service = "ai-chat"},
    {.name = "blocks that are strings, and unknown ones",
     .body = RESULT("{\"content\":[\"Ha\",{\"type\":\"new\",\"text\":5},null,"
                    "{\"type\":\"text\",\"text\":\"lo\"}]}",
                    "\"finish_reason\":\"stop\"")
         "}",
     .text = "Halo",
     .service = "ai-chat",
     .finish_reason = "stop"},
    {.name = "images",
     .body = RESULT("{\"role\":\"assistant\",\"content\":\"Here.\","
                    "\"images\":[{\"type\":\"image_url\",\"image_url\":{"
                    "\"url\":\"data:image/png;base64,AA==\"}},{\"type\":"
                    "\"image_url\",\"image_url\":{\"url\":\"https://x\"}}]}",
                    "\"finish_reason\":\"stop\"")
         "}",
     .text = "Here.",
     .role = "assistant",
     .service = "ai-chat",
     .finish_reason = "stop",
     .images = "data:image/png;base64,AA==;https://x;"},
    {.name = "out of credit",
     .body = RESULT("{\"content\":\"You have run out.\"}",
                    "\"finish_reason\":\"stop\"")
         ",\"metadata\":{\"usage_limited\":true}}",
     .text = "You have run out.",
     .service = "ai-chat",
     .finish_reason = "stop",
     .usage_limited = true},
    {.name = "blocked",
     .body = RESULT("{\"content\":\"Lorem ipsum\"}",
                    "\"finish_reason\":\"stop\"")
         ",\"metadata\":{\"service_used\":\"fake-chat\"}}",
     .text = "Lorem ipsum",
     .service = "fake-chat",
     .finish_reason = "stop",
     .blocked = true},
    {.name = "odd types everywhere",
     .body = "{\"success\":true,\"service\":7,\"metadata\":[],\"result\":{"
             "\"message\":{\"role\":5,\"content\":\"Halo\",\"reasoning\":[],"
             "\"model\":{},\"tool_calls\":\"x\",\"images\":{\"a\":1}},"
             "\"finish_reason\":{},\"usage\":\"none\"}}",
     .text = "Halo"},
    {.name = "odd elements",
     .body = "{\"success\":true,\"result\":{\"message\":{\"content\":\"Halo\","
             "\"tool_calls\":[null,5,{\"name\":7}],"
             "\"images\":[null,{\"image_url\":3}]},"
             "\"usage\":[null,3,{\"type\":\"prompt\"}]}}",
     .text = "Halo"},
    {.name = "another role, and keys with escapes",
     .body = "{\"success\":true,\"result\":{\"message\":{"
             "\"r\\u006fle\":\"model\",\"c\\u006fntent\":\"Halo\","
             "\"c\\u006fnten\":\"no\",\"c\\u006fntents\":\"no\"}}}",
     .text = "Halo",
     .role = "model"},
    {.name = "an empty answer",
     .body = "{\"success\":true,\"result\":{\"message\":{\"content\":\"\"}}}",
     .text = ""},
    {.name = "a result that is the text",
     .body = "{\"success\":true,\"result\":\"Halo\"}",
     .text = "Halo"},
    {.name = "a message that is the text",
     .body = "{\"success\":true,\"result\":{\"message\":\"Halo\",\"usage\":["
             "{\"type\":\"cached\",\"amount\":3},{\"type\":\"prompt\"}]}}",
     .text = "Halo",
     .usage = "- - 3 -"},
    {.name = "usage inside of the message alone",
     .body = RESULT("{\"content\":\"Halo\",\"usage\":{\"input_tokens\":1,"
                    "\"output_tokens\":2}}", "\"usage\":null") "}",
     .text = "Halo",
     .service = "ai-chat",
     .usage = "1 2 - -"},
    {.name = "a picture as a block, tokens by another name",
     .body = "{\"success\":true,\"result\":{\"message\":{\"content\":["
             "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]},"
             "\"usage\":{\"cache_read_input_tokens\":3}}}",
     .text = "",
     .images = "data:x;",
     .usage = "- - 3 -"},
    {.name = "tokens that cannot be",
     .body = "{\"success\":true,\"result\":{\"message\":\"Halo\",\"usage\":{"
             "\"prompt_tokens\":-1,\"completion_tokens\":\"7\","
             "\"cached_tokens\":2}}}",
     .text = "Halo",
     .usage = "- - 2 -"},
    {.name = "tokens that have their number inside",
     .body = "{\"success\":true,\"result\":{\"message\":\"Halo\",\"usage\":{"
             "\"cache_read_input_tokens\":null,"
             "\"prompt_tokens_details\":{\"cached_tokens\":5}}}}",
     .text = "Halo",
     .usage = "- - 5 -"},
    {.name = "tokens beyond number",
     .body = "{\"success\":true,\"result\":{\"message\":\"Halo\",\"usage\":["
             "{\"type\":\"prompt\",\"amount\":9223372036854775807},"
             "{\"type\":\"prompt\",\"amount\":9223372036854775807}]}}",
     .text = "Halo",
     .usage = "9.22337204e+18 - - -"},
    {.name = "NULs in it",
     .body = "{\"success\":true,\"result\":{\"message\":{\"content\":"
             "\"Ha\\u0000lo\"}}}",
     .text = "Ha"},
};

static void add_number(char *text, size_t size, bool known, double number)
{
    size_t used = strlen(text);
    const char *space = used ? " " : "";
    if (known)
        snprintf(text + used, size - used, "%s%.9g", space, number);
    else
        snprintf(text + used, size - used, "%s-", space);
}

static void usage_text(const puter_usage *usage, char *text, size_t size)
{
    *text = '\0';
    add_number(text, size, usage->has_prompt_tokens,
               (double)usage->prompt_tokens);
    add_number(text, size, usage->has_completion_tokens,
               (double)usage->completion_tokens);
    add_number(text, size, usage->has_cached_tokens,
               (double)usage->cached_tokens);
    add_number(text, size, usage->has_usd_cents, usage->usd_cents);
}

static void check_lists(const puter_reply *reply, const answer *wanted)
{
    char calls[256] = "", images[256] = "";
    size_t i;
    for (i = 0; i < reply->tool_call_count; i++)
        snprintf(calls + strlen(calls), sizeof calls - strlen(calls),
                 "%s %s %s;", reply->tool_calls[i].id,
                 reply->tool_calls[i].name, reply->tool_calls[i].arguments);
    for (i = 0; i < reply->image_count; i++) {
        CHECK_INT(reply->images[i].length, strlen(reply->images[i].url));
        snprintf(images + strlen(images), sizeof images - strlen(images),
                 "%s;", reply->images[i].url);
    }
    CHECK_STR(calls, wanted->calls ? wanted->calls : "");
    CHECK_STR(images, wanted->images ? wanted->images : "");
}

static void check_reply(const puter_reply *reply, const answer *wanted)
{
    char usage[128];
    CHECK_STR(reply->text, wanted->text);
    CHECK_STR(reply->reasoning, wanted->reasoning ? wanted->reasoning : "");
    CHECK_INT(reply->reasoning_length, strlen(reply->reasoning));
    CHECK_STR(reply->role, wanted->role ? wanted->role : "assistant");
    CHECK_STR(reply->model, wanted->model ? wanted->model : "");
    CHECK_STR(reply->service, wanted->service ? wanted->service : "");
    CHECK_STR(reply->finish_reason,
              wanted->finish_reason ? wanted->finish_reason : "");
    usage_text(&reply->usage, usage, sizeof usage);
    CHECK_STR(usage, wanted->usage ? wanted->usage : "- - - -");
    check_lists(reply, wanted);
    CHECK_INT(reply->usage_limited, wanted->usage_limited);
    CHECK_INT(reply->blocked, wanted->blocked);
    CHECK(reply->complete);
    CHECK_STR(reply->json, wanted->body);
    CHECK_INT(reply->json_length, strlen(wanted->body));
    CHECK(reply->compaction);
}

static void test_answers(void)
{
    size_t i;
    int cut;
    for (i = 0; i < COUNT(answers); i++)
        for (cut = SCRIPT_WHOLE; cut <= SCRIPT_RANDOM; cut++) {
            script peer = {0};
            puter_client *client = script_open(&peer, NULL);
            puter_reply reply;
            CHECK_IN("%s, cut %d", answers[i].name, cut);
            peer.cut = (script_cut)cut;
            peer.split = 200;
            script_reply(&peer, 200, answers[i].body);
            if (CHECK_INT(puter_ask(client, "gpt-4", "Halo", &reply),
                          PUTER_OK))
                check_reply(&reply, &answers[i]);
            CHECK_INT(puter_last_error(client)->result, PUTER_OK);
            puter_reply_free(&reply);
            CHECK(!reply.text && !reply.memory && !reply.tool_calls);
            script_close(&peer, client);
        }
}

/* A canned answer that was asked for blocks nothing. */
static void test_asked_for_fake(void)
{
    static const char *const asked[] = {"gpt-4", "fake", "costly", "abuse"};
    const char *body = NULL;
    size_t i;
    for (i = 0; i < COUNT(answers); i++)
        if (answers[i].blocked)
            body = answers[i].body;
    for (i = 0; i < COUNT(asked); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        puter_request request = {0};
        puter_reply reply;
        CHECK_IN("fake asked for, %d", (int)i);
        request.prompt = "Halo";
        request.model = asked[i];
        request.test_mode = i == 0;
        script_reply(&peer, 200, body);
        CHECK_INT(puter_chat(client, &request, &reply), PUTER_OK);
        CHECK(!reply.blocked);
        CHECK_STR(reply.text, "Lorem ipsum");
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* ---- failures ----------------------------------------------------------- */

static const struct failure {
    int status;
    const char *code;
    puter_result result;
} failures[] = {
    {401, "token_missing", PUTER_ERR_AUTH},
    {401, "token_auth_failed", PUTER_ERR_AUTH},
    {401, "reauth_required", PUTER_ERR_AUTH},
    {402, "insufficient_funds", PUTER_ERR_FUNDS},
    {402, "subscription_required", PUTER_ERR_FUNDS},
    {402, "usage_limited", PUTER_ERR_FUNDS},
    {403, "forbidden", PUTER_ERR_REFUSED},
    {403, "permission_denied", PUTER_ERR_REFUSED},
    {403, "email_must_be_confirmed", PUTER_ERR_REFUSED},
    {403, "account_is_not_verified", PUTER_ERR_REFUSED},
    {404, "not_found", PUTER_ERR_NOT_FOUND},
    {400, "bad_request", PUTER_ERR_REQUEST},
    {400, "client_bad_json", PUTER_ERR_REQUEST},
    {400, "upstream_bad_request", PUTER_ERR_REQUEST},
    {400, "moderation_flagged", PUTER_ERR_REFUSED},
    {429, "too_many_requests", PUTER_ERR_RATE},
    {429, "rate_limit_exceeded", PUTER_ERR_RATE},
    {429, "upstream_rate_limited", PUTER_ERR_RATE},
    {400, "upstream_provider_unavailable", PUTER_ERR_SERVICE},
    {500, "upstream_failed", PUTER_ERR_SERVICE},
    {500, "upstream_auth_failed", PUTER_ERR_SERVICE},
    {503, "db_unavailable", PUTER_ERR_SERVICE},
    {500, "internal_error", PUTER_ERR_SERVICE},
    /* by their status, where the code is not known */
    {400, "new_code", PUTER_ERR_REQUEST},
    {401, "new_code", PUTER_ERR_AUTH},
    {402, "new_code", PUTER_ERR_FUNDS},
    {403, "new_code", PUTER_ERR_REFUSED},
    {404, "new_code", PUTER_ERR_NOT_FOUND},
    {413, "new_code", PUTER_ERR_REQUEST},
    {422, "new_code", PUTER_ERR_REQUEST},
    {429, "new_code", PUTER_ERR_RATE},
    {500, "new_code", PUTER_ERR_SERVICE},
    {502, "new_code", PUTER_ERR_SERVICE},
    {504, "new_code", PUTER_ERR_SERVICE},
};

/* Asks once, without retries, and looks at what the failure tells. */
static void check_failure(int status, const char *type, const char *body,
                          puter_result result, const char *code,
                          const char *words)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    puter_reply reply;
    options.max_retries = -1;
    options.route = PUTER_ROUTE_UNIFIED;
    client = script_open(&peer, &options);
    script_typed_reply(&peer, status, type, body);
    CHECK_RESULT(puter_ask(client, "gpt-4", "Halo", &reply), result);
    script_check_failure(client, result);
    CHECK_STR(puter_last_error(client)->code, code);
    CHECK_INT(puter_last_error(client)->http_status, status);
    if (!strstr(puter_last_error(client)->message, words))
        CHECK_STR(puter_last_error(client)->message, words);
    CHECK_INT(peer.request_count, 1);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* Each code in each era's shape, and with a status that does not fit. */
static void test_error_codes(void)
{
    static const char json[] = "application/json; charset=utf-8";
    char body[256];
    size_t i;
    for (i = 0; i < COUNT(failures); i++) {
        const struct failure *it = &failures[i];
        CHECK_IN("%s with %d", it->code, it->status);
        snprintf(body, sizeof body,
                 "{\"error\":\"Words of it\",\"message\":\"Words of it\","
                 "\"code\":\"%s\",\"attempts\":[{\"code\":\"x\"}]}", it->code);
        check_failure(it->status, json, body, it->result, it->code,
                      "Words of it");
        snprintf(body, sizeof body,
                 "{\"code\":\"%s\",\"message\":\"Words of it\"}", it->code);
        check_failure(it->status, json, body, it->result, it->code,
                      "Words of it");
        snprintf(body, sizeof body,
                 "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":"
                 "\"Words of it\",\"status\":%d}}", it->code, it->status);
        check_failure(200, json, body, it->result, it->code, "Words of it");
    }
}

/* What there is to do about it. */
static void test_error_advice(void)
{
    static const struct {
        int status;
        puter_result result;
        const char *advice;
    } rows[] = {
        {400, PUTER_ERR_REQUEST, "; change the request"},
        {401, PUTER_ERR_AUTH, "; sign in to Puter again"},
        {402, PUTER_ERR_FUNDS, "; add credit or choose a cheaper model"},
        {403, PUTER_ERR_REFUSED, "; confirm the account"},
        {404, PUTER_ERR_NOT_FOUND, "; check the model"},
        {429, PUTER_ERR_RATE, "; wait a little and try again"},
        {500, PUTER_ERR_SERVICE, "; try again later"},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("advice for %d", rows[i].status);
        check_failure(rows[i].status, "application/json",
                      "{\"message\":\"no\"}", rows[i].result, "",
                      rows[i].advice);
    }
}

#define DIGITS_50 "01234567890123456789012345678901234567890123456789"

static void test_other_failures(void)
{
    static const char json[] = "application/json", html[] = "text/html";
    static const char *const code =
        "x1234567890123456789012345678901234567890123456";
    char body[128];
    static const struct {
        const char *name;
        int status;
        const char *type, *body;
        puter_result result;
        const char *words;
    } rows[] = {
        {"an error that is a string", 200, json,
         "{\"success\":false,\"error\":\"no fallback model available\"}",
         PUTER_ERR_SERVICE, "no fallback model available"},
        {"an error without words", 200, json, "{\"success\":false}",
         PUTER_ERR_SERVICE, "says: {\"success\":false} (HTTP 200)"},
        {"an error of an odd type", 200, json,
         "{\"success\":false,\"error\":[1]}", PUTER_ERR_SERVICE,
         "says: {\"success\":false,\"error\":[1]} (HTTP 200)"},
        {"words in another place", 404, json, " {\"detail\":\"Closed\"} ",
         PUTER_ERR_NOT_FOUND, "says: {\"detail\":\"Closed\"} (HTTP 404)"},
        {"an error string alone", 500, json, "{\"error\":\"Words of it\"}",
         PUTER_ERR_SERVICE, "Words of it"},
        {"an error string beside a message that is none", 500, json,
         "{\"message\":null,\"error\":\"Words of it\"}",
         PUTER_ERR_SERVICE, "says: Words of it (HTTP 500)"},
        {"controls in its words", 500, json,
         "{\"message\":\"one\\r\\ntwo\\u001b[31m\\u009b1m\\u0000three\"}",
         PUTER_ERR_SERVICE, "one  two [31m 1m three"},
        {"a sign of Latin-1 in its words", 500, json,
         "{\"message\":\"see \xC2\xA7 5\"}", PUTER_ERR_SERVICE,
         "see \xC2\xA7 5"},
        {"a space that does not break in its words", 500, json,
         "{\"message\":\"see \xC2\xA7\xC2\xA0" "5\"}", PUTER_ERR_SERVICE,
         "see \xC2\xA7\xC2\xA0" "5"},
        {"DEL in its words", 500, json, "{\"message\":\"one\x7ftwo\"}",
         PUTER_ERR_SERVICE, "one two"},
        {"a code that is too long", 500, json,
         "{\"message\":\"Words\",\"code\":"
         "\"x12345678901234567890123456789012345678901234567\"}",
         PUTER_ERR_SERVICE, "Words"},
        {"a code with more behind a NUL", 500, json,
         "{\"message\":\"Words\",\"code\":\"insufficient_funds\\u0000x\"}",
         PUTER_ERR_SERVICE, "Words"},
        {"a code that is no word", 500, json,
         "{\"message\":\"Words\",\"code\":\"no word\"}", PUTER_ERR_SERVICE,
         "Words"},
        {"what HTML may be forbidden for", 403, html, "<h1>Forbidden</h1>",
         PUTER_ERR_REFUSED, "; the service may want another origin_header"},
        {"HTML, forbidden", 403, html, "<html><h1>Forbidden</h1></html>",
         PUTER_ERR_REFUSED, "Forbidden"},
        {"plain text, forbidden", 403, html, "Forbidden", PUTER_ERR_REFUSED,
         "Forbidden"},
        {"HTML that is long", 502, html,
         DIGITS_50 DIGITS_50 "more", PUTER_ERR_SERVICE,
         "0123456789\"; try again later"},
        {"HTML, bad gateway", 502, html, "<html>Bad gateway</html>",
         PUTER_ERR_SERVICE, "502"},
        {"HTML, too many", 429, html, "<html>Slow down</html>",
         PUTER_ERR_RATE, "429"},
        {"nothing, unauthorized", 401, json, "", PUTER_ERR_AUTH, "401"},
        {"nothing, oops", 500, json, "", PUTER_ERR_SERVICE, "500"},
        {"bytes that are no text", 500, "image/png", "\x89PNG\r\n\x1a\n\xFF",
         PUTER_ERR_SERVICE, "500"},
        {"half of JSON, oops", 500, json, "{\"message\":\"Wor",
         PUTER_ERR_SERVICE, "500"},
        {"HTML with 200", 200, html, "<html>Sign in to this Wi-Fi</html>",
         PUTER_ERR_PROTOCOL, "Wi-Fi"},
        {"nothing with 200", 200, json, "", PUTER_ERR_PROTOCOL, "empty"},
        {"half of JSON with 200", 200, json, "{\"success\":true,",
         PUTER_ERR_PROTOCOL, "JSON"},
        {"JSON that is no reply", 200, json, "[1,2]", PUTER_ERR_PROTOCOL, ""},
        {"an object that is no reply", 200, json, "{}", PUTER_ERR_PROTOCOL,
         ""},
        {"success without a result", 200, json, "{\"success\":true}",
         PUTER_ERR_PROTOCOL, ""},
        {"a result without a message", 200, json,
         "{\"success\":true,\"result\":{}}", PUTER_ERR_PROTOCOL, ""},
        {"a result that is null", 200, json,
         "{\"success\":true,\"result\":null}", PUTER_ERR_PROTOCOL, ""},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("%s", rows[i].name);
        check_failure(rows[i].status, rows[i].type, rows[i].body,
                      rows[i].result, "", rows[i].words);
    }
    CHECK_IN("a code that is not too long");
    snprintf(body, sizeof body, "{\"message\":\"Words\",\"code\":\"%s\"}",
             code);
    check_failure(500, json, body, PUTER_ERR_SERVICE, code, "Words");
}

static void test_retry_after(void)
{
    static const struct {
        const char *line;
        int wanted;
    } rows[] = {
        {"Retry-After: 5\r\n", 5000},
        {"retry-after:  0 \r\n", 0},
        {"Retry-After: 86399\r\n", 86399000},
        {"Retry-After: 86400\r\n", 86400000},
        {"Retry-After: 99999999999999999999\r\n", 86400000},
        {"Retry-After: soon\r\n", 0},
        {"Retry-After: -5\r\n", 0},
        {"Retry-After: 5 s\r\n", 0},
        {"Retry-After: Sun, 22 Nov 2026 11:24:15 GMT\r\n", 0},
        {"", 0},
    };
    char reply[512], wanted[64];
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("line %s", rows[i].line);
        snprintf(reply, sizeof reply,
                 "HTTP/1.1 503 No\r\nContent-Length: 25\r\n%s\r\n"
                 "{\"code\":\"db_unavailable\"}", rows[i].line);
        script_text(&peer, reply);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_SERVICE);
        CHECK_INT(puter_last_error(client)->retry_after_ms, rows[i].wanted);
        snprintf(wanted, sizeof wanted, "asks to wait %d s",
                 rows[i].wanted / 1000);
        CHECK_INT(strstr(puter_last_error(client)->message, wanted) != NULL,
                  rows[i].wanted > 0);
        CHECK_INT(peer.request_count, 1);
        script_close(&peer, client);
    }
}

/* So it is where the answer is a page. */
static void test_retry_after_of_a_page(void)
{
    static const char reply[] =
        "HTTP/1.1 503 No\r\nContent-Type: text/html\r\nContent-Length: 3\r\n"
        "Retry-After: 5\r\n\r\n<p>";
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("Retry-After of a page");
    script_raw(&peer, reply, sizeof reply - 1);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_SERVICE);
    CHECK_INT(puter_last_error(client)->retry_after_ms, 5000);
    script_close(&peer, client);
}

/* Whatever a service echoes, and wherever the message is cut, no part of the
 * token comes out that would tell it. */
static void test_token_is_not_told(void)
{
    char body[1024], padding[601];
    size_t length;
    memset(padding, 'x', sizeof padding);
    for (length = 0; length < sizeof padding; length++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        const puter_error *error;
        CHECK_IN("token behind %d bytes", (int)length);
        options.route = PUTER_ROUTE_UNIFIED;
        client = script_open(&peer, &options);
        snprintf(body, sizeof body,
                 length % 2 ? "{\"message\":\"%.*s %s%s\",\"code\":\"%s\"}"
                            : "<p>%.*s %s%s %s</p>",
                 (int)length, padding, SCRIPT_TOKEN, SCRIPT_TOKEN,
                 SCRIPT_TOKEN);
        script_reply(&peer, 400, body);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_REQUEST);
        error = puter_last_error(client);
        CHECK(!strstr(error->message, "0123456789"));
        CHECK(!strstr(error->message, "tok.0123"));
        CHECK(!strstr(error->code, "tok.0123"));
        script_check_failure(client, PUTER_ERR_REQUEST);
        script_close(&peer, client);
    }
}

/* Nor does its beginning come out, where a service cut off the rest. */
static void test_cut_token_is_not_told(void)
{
    static const char *const after[] = {"", "...", " is not good"};
    char body[128];
    int length;
    for (length = 8; length < (int)strlen(SCRIPT_TOKEN); length++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("token cut to %d bytes", length);
        snprintf(body, sizeof body, "{\"message\":\"Not good: %.*s%s\"}",
                 length, SCRIPT_TOKEN, after[length % 3]);
        script_reply(&peer, 401, body);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_AUTH);
        CHECK(strstr(puter_last_error(client)->message, "Not good: "));
        CHECK(!strstr(puter_last_error(client)->message, "tok."));
        script_close(&peer, client);
    }
}

/* Nor one that is as short as none should be. */
static void test_short_token_is_not_told(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    CHECK_IN("short token");
    options.token = "s3cr7";
    client = script_open(&peer, &options);
    script_reply(&peer, 401, "{\"message\":\"Not good: s3cr7.\"}");
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_AUTH);
    CHECK(strstr(puter_last_error(client)->message, "Not good: ***."));
    script_close(&peer, client);
}

/* Nor where a reply has it with escapes, and no words of its own to quote. */
static void test_escaped_token_is_not_told(void)
{
    static const char *const shapes[] = {
        "{\"detail\":\"%s\"}", "{\"detail\":\"%s", "<p>%s"};
    static const char token[] = "unsure.0123456789-secret";
    char escaped[6 * sizeof token], body[512], *out;
    puter_options options = {0};
    size_t i, at, which;
    options.token = token;
    for (i = 0; i < COUNT(shapes) * (sizeof token - 1); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, &options);
        CHECK_IN("escaped token %d", (int)i);
        which = i / COUNT(shapes);
        out = escaped;
        for (at = 0; at < sizeof token - 1; at++)
            out += sprintf(out, at == which || at % 5 == 1 ? "\\u%04x" : "%c",
                           token[at]);
        snprintf(body, sizeof body, shapes[i % COUNT(shapes)], escaped);
        script_reply(&peer, 400, body);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_REQUEST);
        CHECK(strstr(puter_last_error(client)->message, "***"));
        CHECK(!strstr(puter_last_error(client)->message, "\\u00"));
        CHECK(!strstr(puter_last_error(client)->message, "23456"));
        script_close(&peer, client);
    }
}

/* Words of many bytes a character are cut between two of them. */
static void test_message_is_cut_between_characters(void)
{
    char body[2048];
    size_t i, length;
    for (i = 0; i < 4; i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        CHECK_IN("characters from %d", (int)i);
        snprintf(body, sizeof body, "{\"message\":\"%.*s", (int)i, "abc");
        for (length = strlen(body); length < 1600; length += 4)
            memcpy(body + length, "\xF0\x9F\x98\x80", 5);
        memcpy(body + length, "\"}", 3);
        script_reply(&peer, 400, body);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_REQUEST);
        script_check_failure(client, PUTER_ERR_REQUEST);
        CHECK(strlen(puter_last_error(client)->message) > 250);
        CHECK(strstr(puter_last_error(client)->message, "change the request"));
        script_close(&peer, client);
    }
}

/* A failure is forgotten by the next call. */
static void test_last_error(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    CHECK_IN("last error");
    CHECK_INT(puter_last_error(client)->result, PUTER_OK);
    CHECK_STR(puter_last_error(client)->message, "");
    script_reply(&peer, 402, "{\"code\":\"insufficient_funds\"}");
    script_reply(&peer, 200, HALO);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_FUNDS);
    script_check_failure(client, PUTER_ERR_FUNDS);
    CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    CHECK_INT(puter_last_error(client)->result, PUTER_OK);
    CHECK_STR(puter_last_error(client)->message, "");
    CHECK_STR(puter_last_error(client)->code, "");
    CHECK_INT(puter_last_error(client)->http_status, 200);
    CHECK_INT(peer.opens, 1);
    script_close(&peer, client);
}

/* ---- retries ------------------------------------------------------------ */

/* Too many requests are asked again, as often as allowed; a chat that failed
 * in any other way never is. */
static void test_retries(void)
{
    static const struct {
        const char *name;
        int retries, failures, status;
        const char *code;
        puter_result result;
        size_t requests;
    } rows[] = {
        {"once", 1, 1, 429, "too_many_requests", PUTER_OK, 2},
        {"upstream", 1, 1, 429, "upstream_rate_limited", PUTER_OK, 2},
        {"twice too many", 1, 2, 429, "too_many_requests", PUTER_ERR_RATE, 2},
        {"not allowed", -1, 1, 429, "too_many_requests", PUTER_ERR_RATE, 1},
        {"no retry of 503", 1, 1, 503, "db_unavailable", PUTER_ERR_SERVICE, 1},
        {"no retry of 502", 1, 1, 502, "internal_error", PUTER_ERR_SERVICE, 1},
    };
    size_t i;
    int j;
    for (i = 0; i < COUNT(rows); i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        char body[64];
        CHECK_IN("retry %s", rows[i].name);
        options.max_retries = rows[i].retries;
        client = script_open(&peer, &options);
        snprintf(body, sizeof body, "{\"code\":\"%s\"}", rows[i].code);
        for (j = 0; j < rows[i].failures; j++)
            script_reply(&peer, rows[i].status, body);
        script_reply(&peer, 200, HALO);
        CHECK_RESULT(puter_ask(client, NULL, "Halo", NULL), rows[i].result);
        CHECK_INT(peer.request_count, rows[i].requests);
        if (peer.request_count == 2)
            CHECK_STR(script_sent(&peer, 1), script_sent(&peer, 0));
        script_close(&peer, client);
    }
}

/* As often as allowed for each question. */
static void test_retries_of_each(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    int i;
    CHECK_IN("retries of each");
    options.max_retries = 1;
    client = script_open(&peer, &options);
    for (i = 0; i < 2; i++) {
        script_reply(&peer, 429, "{\"code\":\"too_many_requests\"}");
        script_reply(&peer, 200, HALO);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_OK);
    }
    CHECK_INT(peer.request_count, 4);
    script_close(&peer, client);
}

/* A pause that would outlast the exchange is none: the answer is at once what
 * it would have been at the end. */
static void test_no_time_to_retry(void)
{
    static const int seconds[] = {30, 3600}; /* no minute, and more */
    char refusal[256];
    size_t i;
    for (i = 0; i < COUNT(seconds); i++) {
        puter_options options = {0};
        script peer = {0};
        puter_client *client;
        CHECK_IN("no time to retry in %d s", seconds[i]);
        options.total_timeout_ms = 20000;
        client = script_open(&peer, &options);
        snprintf(refusal, sizeof refusal,
                 "HTTP/1.1 429 Slow down\r\nRetry-After: %d\r\n"
                 "Content-Length: 28\r\n\r\n{\"code\":\"too_many_requests\"}",
                 seconds[i]);
        script_text(&peer, refusal);
        CHECK_INT(puter_ask(client, NULL, "Halo", NULL), PUTER_ERR_RATE);
        CHECK_INT(puter_last_error(client)->retry_after_ms,
                  seconds[i] * 1000);
        CHECK_INT(peer.request_count, 1);
        script_close(&peer, client);
    }
}

/* An event loop waits for the pause by its clock: there is no descriptor. */
static void test_pause_of_an_event_loop(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    puter_request request = {0};
    puter_event event;
    int result;
    CHECK_IN("pause of an event loop");
    options.nonblocking = true;
    client = script_open(&peer, &options);
    script_reply(&peer, 429, "{\"code\":\"too_many_requests\"}");
    script_reply(&peer, 200, HALO);
    request.prompt = "Halo";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    CHECK_INT(puter_stream_next(client, &event), PUTER_WAIT);
    CHECK_INT(puter_client_fd(client), -1);
    CHECK(puter_client_deadline(client) > 0);
    CHECK_INT(puter_last_error(client)->result, PUTER_OK);
    while ((result = puter_stream_next(client, &event)) == PUTER_WAIT)
        poll(NULL, 0, puter_client_deadline(client));
    CHECK_INT(result, 1);
    CHECK_STR(event.text, "Halo juga");
    CHECK_INT(puter_stream_next(client, &event), 0);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    script_close(&peer, client);
}

/* Until it is connected, it is told to wait as long as that may take. */
static void test_connecting_in_an_event_loop(void)
{
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    puter_request request = {0};
    CHECK_IN("connecting in an event loop");
    options.nonblocking = true;
    options.connect_timeout_ms = 60000;
    client = script_open(&peer, &options);
    script_reply(&peer, 200, HALO);
    peer.pauses = true;
    request.prompt = "Halo";
    CHECK_INT(puter_stream_begin(client, &request), PUTER_WAIT);
    CHECK_INT(puter_client_events(client), PUTER_WRITABLE);
    CHECK(puter_client_deadline(client) > 30000);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    CHECK_INT(puter_client_events(client), 0);
    script_close(&peer, client);
}

/* ---- rounds of tools ---------------------------------------------------- */

#define CALLS(list) \
    "{\"success\":true,\"result\":{\"message\":{\"role\":\"assistant\"," \
    "\"content\":\"One moment.\",\"tool_calls\":[" list "]},\"usage\":{" \
    "\"prompt_tokens\":10,\"completion_tokens\":2,\"usd_cents\":0.5}}}"
#define CALL(id, name, arguments) \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name \
    "\",\"arguments\":\"" arguments "\"}}"
#define DONE \
    "{\"success\":true,\"result\":{\"message\":{\"role\":\"assistant\"," \
    "\"content\":\"It is 22.\"},\"usage\":{\"prompt_tokens\":20," \
    "\"completion_tokens\":3,\"usd_cents\":0.25}}}"

/* Tells what it was asked; fails where the city is nowhere. */
static int tell_weather(void *user, const puter_tool_call *call,
                        puter_writer *result)
{
    puter_json *json =
        puter_json_parse(call->arguments, strlen(call->arguments), NULL);
    const char *city = puter_json_string(
        puter_json_get(puter_json_root(json), "city"), NULL);
    bool nowhere = strcmp(city, "Nowhere") == 0;
    char text[64];
    ++*(int *)user;
    CHECK_STR(call->name, "weather");
    snprintf(text, sizeof text, "It is 22 in %s", city);
    puter_write_raw(result, text, strlen(text));
    puter_json_free(json);
    return nowhere;
}

static puter_tool weather_tool(int *calls)
{
    puter_tool tool = {0};
    tool.name = "weather";
    tool.call = tell_weather;
    tool.user = calls;
    return tool;
}

/* Both calls of the first turn are run and answered, usage is summed. */
static void test_tool_round(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    int calls = 0;
    puter_tool tool = weather_tool(&calls);
    puter_request request = {0};
    puter_reply reply;
    CHECK_IN("tool round");
    script_reply(
        &peer, 200,
        CALLS(CALL("c1", "weather", "{\\\"city\\\":\\\"Rome\\\"}") ","
              CALL("c2", "weather", "{\\\"city\\\":\\\"Nowhere\\\"}")));
    script_reply(&peer, 200, DONE);
    request.prompt = "Halo";
    request.tools = &tool;
    request.tool_count = 1;
    CHECK_INT(puter_chat(client, &request, &reply), PUTER_OK);
    CHECK_STR(reply.text, "It is 22.");
    CHECK_INT(calls, 2);
    CHECK_INT(reply.tool_call_count, 0);
    CHECK_INT(reply.usage.prompt_tokens, 30);
    CHECK_INT(reply.usage.completion_tokens, 5);
    CHECK(reply.usage.usd_cents == 0.75);
    CHECK_JSON(script_sent(&peer, 1), "args.messages",
               "[{\"role\":\"user\",\"content\":\"Halo\"},"
               "{\"role\":\"assistant\",\"content\":["
               "{\"type\":\"text\",\"text\":\"One moment.\"},"
               "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"weather\","
               "\"input\":{\"city\":\"Rome\"}},"
               "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"weather\","
               "\"input\":{\"city\":\"Nowhere\"}}]},"
               "{\"role\":\"tool\",\"tool_call_id\":\"c1\","
               "\"content\":\"It is 22 in Rome\"},"
               "{\"role\":\"tool\",\"tool_call_id\":\"c2\","
               "\"content\":\"The tool failed: It is 22 in Nowhere\"}]");
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* Where the calls are left to the caller: they come back, none is run. */
static void test_tools_left(void)
{
    static const struct {
        const char *name, *body;
        int rounds;      /* max_tool_rounds */
        int answers;     /* how often the service answers so */
        int calls;       /* that are run */
        size_t left;
    } rows[] = {
        {"a tool that has no function",
         CALLS(CALL("c1", "weather", "{}") "," CALL("c2", "other", "{}")), 0,
         1, 0, 2},
        {"no rounds", CALLS(CALL("c1", "weather", "{}")), -1, 1, 0, 1},
        {"out of rounds", CALLS(CALL("c1", "weather", "{}")), 2, 3, 2, 1},
    };
    size_t i;
    int j;
    for (i = 0; i < COUNT(rows); i++) {
        script peer = {0};
        puter_client *client = script_open(&peer, NULL);
        int calls = 0;
        puter_tool tools[2] = {{0}, {0}};
        puter_request request = {0};
        puter_reply reply;
        CHECK_IN("%s", rows[i].name);
        tools[0] = weather_tool(&calls);
        tools[1].name = "other";
        for (j = 0; j < rows[i].answers; j++)
            script_reply(&peer, 200, rows[i].body);
        request.prompt = "Halo";
        request.tools = tools;
        request.tool_count = 2;
        request.max_tool_rounds = rows[i].rounds;
        CHECK_INT(puter_chat(client, &request, &reply), PUTER_OK);
        CHECK_INT(calls, rows[i].calls);
        CHECK_INT(reply.tool_call_count, rows[i].left);
        CHECK_STR(reply.text, "One moment.");
        puter_reply_free(&reply);
        script_close(&peer, client);
    }
}

/* Says more than any request may hold. */
static int say_too_much(void *user, const puter_tool_call *call,
                        puter_writer *result)
{
    (void)user;
    (void)call;
    result->result = PUTER_ERR_LIMIT;
    return 0;
}

/* A tool without a word is answered for; arguments that are no object never
 * reach a tool; of a round that could not be written nothing is shown. */
static void test_odd_tool_rounds(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_tool tool = {0};
    puter_request request = {0};
    puter_reply reply;
    CHECK_IN("odd tool rounds");
    tool.name = "f";
    tool.call = say_nothing;
    request.prompt = "Halo";
    request.tools = &tool;
    request.tool_count = 1;
    script_reply(&peer, 200, CALLS(CALL("c1", "f", "")));
    script_reply(&peer, 200, DONE);
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_OK);
    CHECK_JSON(script_sent(&peer, 1), "args.messages[2]",
               "{\"role\":\"tool\",\"tool_call_id\":\"c1\","
               "\"content\":\"(no output)\"}");
    script_reply(&peer, 200, CALLS(CALL("c1", "f", "{\\\"city\\\":")));
    CHECK_INT(puter_chat(client, &request, NULL), PUTER_ERR_PROTOCOL);
    script_check_failure(client, PUTER_ERR_PROTOCOL);
    CHECK_INT(peer.request_count, 3);
    tool.call = say_too_much;
    script_reply(&peer, 200, CALLS(CALL("c1", "f", "")));
    CHECK_INT(puter_chat(client, &request, &reply), PUTER_ERR_LIMIT);
    script_check_failure(client, PUTER_ERR_LIMIT);
    CHECK_STR(reply.turns, "");
    puter_reply_free(&reply);
    CHECK_INT(peer.request_count, 4);
    CHECK_INT(peer.opens, 1); /* it was never the connection that failed */
    script_close(&peer, client);
}

/* While a stream is read, its tools are run between its events. */
static void test_tool_round_of_a_stream(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    int calls = 0;
    puter_tool tool = weather_tool(&calls);
    puter_request request = {0};
    puter_event event;
    script_bytes text = {0};
    CHECK_IN("tool round of a stream");
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"type\":\"text\",\"text\":\"One moment. \"}\n"
                       "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":"
                       "\"weather\",\"input\":{\"city\":\"Rome\"}}\n");
    script_typed_reply(&peer, 200, "application/x-ndjson",
                       "{\"type\":\"text\",\"text\":\"It is 22.\"}\n");
    request.prompt = "Halo";
    request.tools = &tool;
    request.tool_count = 1;
    CHECK_INT(puter_stream_begin(client, &request), PUTER_OK);
    while (puter_stream_next(client, &event) == 1)
        if (event.type == PUTER_EVENT_TEXT)
            script_append(&text, event.text, event.length);
        else if (CHECK_INT(event.type, PUTER_EVENT_TOOL_CALL))
            script_append(&text, event.tool_call->name, 7);
    CHECK_STR(text.bytes, "One moment. weatherIt is 22.");
    CHECK_INT(calls, 1);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_OK);
    CHECK_JSON(script_sent(&peer, 1), "args.stream", "true");
    CHECK_JSON(script_sent(&peer, 1), "args.messages[2]",
               "{\"role\":\"tool\",\"tool_call_id\":\"c1\","
               "\"content\":\"It is 22 in Rome\"}");
    free(text.bytes);
    script_close(&peer, client);
}

/* A tool must leave its client alone: it is told so, and no harm is done. */
static int meddle(void *user, const puter_tool_call *call,
                  puter_writer *result)
{
    puter_client *client = *(puter_client **)user;
    puter_request request = {0};
    puter_reply reply;
    puter_event event;
    (void)call;
    request.prompt = "Halo";
    CHECK_INT(puter_ask(client, NULL, "Halo", &reply), PUTER_ERR_ARGUMENT);
    puter_reply_free(&reply);
    CHECK_INT(puter_stream_begin(client, &request), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_next(client, &event), PUTER_ERR_ARGUMENT);
    CHECK_INT(puter_stream_end(client, NULL), PUTER_ERR_ARGUMENT);
    puter_write_raw(result, "done", 4);
    return 0;
}

static void test_meddling_tool(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_tool tool = {0};
    puter_request request = {0};
    puter_reply reply;
    CHECK_IN("meddling tool");
    script_reply(&peer, 200, CALLS(CALL("c1", "meddle", "{}")));
    script_reply(&peer, 200, DONE);
    tool.name = "meddle";
    tool.call = meddle;
    tool.user = &client;
    request.prompt = "Halo";
    request.tools = &tool;
    request.tool_count = 1;
    CHECK_INT(puter_chat(client, &request, &reply), PUTER_OK);
    CHECK_STR(reply.text, "It is 22.");
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* ---- the other calls ---------------------------------------------------- */

static void test_call(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_call_request call = {0};
    puter_reply reply;
    CHECK_IN("call");
    script_reply(&peer, 200, "{\"success\":true,\"result\":{\"x\":1}}");
    script_typed_reply(&peer, 200, "audio/mpeg", "not JSON");
    script_reply(&peer, 404, "{\"message\":\"Driver not found: a:b\","
                             "\"code\":\"not_found\"}");
    call.interface = "puter-kvstore";
    call.method = "get";
    call.args = "{\"key\":\"a\"}";
    CHECK_INT(puter_call(client, &call, &reply), PUTER_OK);
    CHECK_JSON(reply.json, "result", "{\"x\":1}");
    puter_reply_free(&reply);
    CHECK_JSON(script_sent(&peer, 0), "",
               "{\"interface\":\"puter-kvstore\",\"method\":\"get\","
               "\"args\":{\"key\":\"a\"}}");
    call.args = NULL;
    call.driver = "d";
    CHECK_INT(puter_call(client, &call, &reply), PUTER_OK);
    CHECK_INT(reply.size, 8);
    CHECK(reply.body && memcmp(reply.body, "not JSON", 8) == 0);
    CHECK_STR(reply.content_type, "audio/mpeg");
    puter_reply_free(&reply);
    CHECK_JSON(script_sent(&peer, 1), "",
               "{\"interface\":\"puter-kvstore\",\"driver\":\"d\",\"method\":"
               "\"get\",\"args\":{}}");
    CHECK_INT(puter_call(client, &call, &reply), PUTER_ERR_NOT_FOUND);
    puter_reply_free(&reply);
    CHECK_INT(peer.request_count, 3);
    script_close(&peer, client);
}

static int take(void *user, const void *data, size_t size)
{
    script_bytes *taken = (script_bytes *)user;
    script_append(taken, data, size);
    return taken->length >= 20;
}

/* A result that is bytes goes to the sink, until it says stop; one that is
 * JSON, or a failure, does not. */
static void test_sink(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_call_request call = {0};
    script_bytes taken = {0};
    puter_reply reply;
    CHECK_IN("sink");
    peer.cut = SCRIPT_BYTES;
    call.interface = "puter-tts";
    call.method = "synthesize";
    call.sink = take;
    call.user = &taken;
    script_typed_reply(&peer, 200, "audio/mpeg", "0123456789");
    script_reply(&peer, 200, "{\"success\":true,\"result\":\"JSON\"}");
    script_typed_reply(&peer, 500, "text/plain", "Oops");
    CHECK_INT(puter_call(client, &call, &reply), PUTER_OK);
    CHECK_STR(taken.bytes, "0123456789");
    CHECK_INT(reply.size, 0);
    puter_reply_free(&reply);
    CHECK_INT(puter_call(client, &call, &reply), PUTER_OK);
    CHECK_JSON(reply.json, "result", "\"JSON\"");
    puter_reply_free(&reply);
    CHECK_INT(puter_call(client, &call, NULL), PUTER_ERR_SERVICE);
    CHECK_STR(taken.bytes, "0123456789");
    script_typed_reply(&peer, 200, "audio/mpeg", "abcdefghijklmnopq");
    CHECK_INT(puter_call(client, &call, NULL), PUTER_ERR_CANCELLED);
    CHECK_STR(taken.bytes, "0123456789abcdefghij");
    free(taken.bytes);
    script_close(&peer, client);
}

/* The list of models is read without a token, and again after a failure. */
static void test_model_list(void)
{
    static const char list[] = "{\"models\":[{\"id\":\"gpt-4\"}]}";
    puter_options options = {0};
    script peer = {0};
    puter_client *client;
    puter_reply reply;
    CHECK_IN("model list");
    options.max_retries = 1;
    options.token = "";
    client = script_open(&peer, &options);
    script_reply(&peer, 503, "{\"code\":\"db_unavailable\"}");
    script_reply(&peer, 200, list);
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_OK);
    CHECK_STR(reply.json, list);
    CHECK(script_begins(&peer, 0,
                        "GET /puterai/chat/models/details HTTP/1.1\r\n"));
    CHECK_INT(peer.request_count, 2);
    puter_reply_free(&reply);
    script_close(&peer, client);
}

/* Services that lack the details still list the names. */
static void test_model_names(void)
{
    script peer = {0};
    puter_client *client = script_open(&peer, NULL);
    puter_reply reply;
    CHECK_IN("model names");
    script_typed_reply(&peer, 404, "text/html", "Cannot GET");
    script_reply(&peer, 200, "{\"models\":[\"gpt-4\"]}");
    CHECK_INT(puter_models(client, NULL, &reply), PUTER_OK);
    CHECK_JSON(reply.json, "models", "[\"gpt-4\"]");
    CHECK(script_begins(&peer, 1, "GET /puterai/chat/models HTTP/1.1\r\n"));
    puter_reply_free(&reply);
    script_close(&peer, client);
}

int main(void)
{
    test_simple_question();
    test_origins();
    test_own_head_lines();
    test_short_head();
    test_arguments();
    test_extra_args_win();
    test_extra_messages();
    test_byte_order_marks();
    test_mode_and_stream();
    test_turns();
    test_content_length();
    test_parts();
    test_image_bytes();
    test_large_image();
    test_tool_turns();
    test_tool_definitions();
    test_refused_questions();
    test_refused_parts();
    test_refused_tools();
    test_refused_sizes();
    test_refused_heads();
    test_refused_origins();
    test_origin_with_password();
    test_long_origins();
    test_plain_origins();
    test_no_token();
    test_models();
    test_explicit_drivers();
    test_pinned_spellings();
    test_negotiation();
    test_both_routes_fail();
    test_route_is_kept();
    test_refusing_route();
    test_fixed_routes();
    test_stream_negotiation();
    test_left_stream_negotiation();
    test_answers();
    test_asked_for_fake();
    test_error_codes();
    test_error_advice();
    test_other_failures();
    test_retry_after();
    test_retry_after_of_a_page();
    test_token_is_not_told();
    test_cut_token_is_not_told();
    test_short_token_is_not_told();
    test_escaped_token_is_not_told();
    test_message_is_cut_between_characters();
    test_last_error();
    test_retries();
    test_retries_of_each();
    test_no_time_to_retry();
    test_pause_of_an_event_loop();
    test_connecting_in_an_event_loop();
    test_tool_round();
    test_tools_left();
    test_odd_tool_rounds();
    test_tool_round_of_a_stream();
    test_meddling_tool();
    test_call();
    test_sink();
    test_model_list();
    test_model_names();
    return check_done();
}
