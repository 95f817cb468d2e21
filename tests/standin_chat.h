/* standin_chat.h - the interface "puter-chat-completion": what it takes, a
 * small deterministic model that answers from the conversation, and the
 * shapes that both eras put an answer into. */
#ifndef STANDIN_CHAT_H
#define STANDIN_CHAT_H

#include "standin_json.h"

#include <mbedtls/base64.h>

enum {
    MAX_CALLS = 2,
    PIECE_UNITS = 5,   /* of a stream, in UTF-16 units: odd, so that pairs of
                          them are cut whatever comes before */
    MAX_PIECES = 4096, /* beyond it, pieces grow */
    MAX_REPEAT = 256 * 1024 * 1024
};

/* Two by two pixels, red and white. */
#define PICTURE "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAA" \
    "D91JpzAAAAE0lEQVR42mM4IaD3//9/BiAGsgA5bAgHZjV4pgAAAABJRU5ErkJggg=="
#define PICTURE_PART "{\"type\":\"image_url\",\"image_url\":" \
    "{\"url\":\"" PICTURE "\"}}"
#define COMPACTION "\"id\":\"cmp_1\",\"encrypted_content\":\"c3RhbmQtaW4=\""
#define LIMIT_NOTICE "You have used up what this account may spend on AI."
#define LOREM "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed " \
    "do eiusmod tempor incididunt ut labore et dolore magna aliqua.\nUt enim " \
    "ad minim veniam, quis nostrud exercitation ullamco laboris."

/* ---- models ------------------------------------------------------------- */

/* Who serves which models. `prefixes` begin the models' names. */
typedef struct vendor {
    const char *driver, *family, *default_model, *prefixes;
} vendor;

static const vendor vendors[] = {
    {"openai-completion", "openai", "gpt-4o-mini", "gpt- o1 o3 o4 chatgpt-"},
    {"claude", "anthropic", "claude-3-5-sonnet-latest", "claude"},
    {"gemini", "google", "gemini-2.0-flash", "gemini-"},
    {"mistral", "mistralai", "mistral-large-latest", "mistral codestral- "
     "pixtral- magistral- devstral- ministral- open-mistral- open-mixtral-"},
    {"groq", "groq", "llama3-8b-8192", "llama gemma mixtral-"},
    {"xai", "x-ai", "grok-beta", "grok-"},
    {"deepseek", "deepseek", "deepseek-chat", "deepseek-"},
    {"openrouter", "openrouter", "openrouter:openai/gpt-4o", "openrouter:"},
    {"ollama", "ollama", "ollama:llama3", "ollama:"},
    {"together-ai", "together", "meta-llama/Llama-3-70b-chat-hf", ""},
    {"zai", "z-ai", "glm-5.2", "glm-"},
    {"alibaba", "qwen", "qwen-max", "qwen qwq qvq"},
    {"fake-chat", "fake", "fake", "fake costly abuse"},
};
enum { VENDORS = sizeof vendors / sizeof *vendors };

/* The models that lists show; vendors serve more by their prefixes. Prices
 * in US cents for a million tokens. */
static const struct model {
    const char *id, *driver;
    double context, prompt_cost, completion_cost;
} models[] = {
    {"gpt-4", "openai-completion", 8192, 3000, 6000},
    {"gpt-4o", "openai-completion", 128000, 250, 1000},
    {"gpt-4o-mini", "openai-completion", 128000, 15, 60},
    {"o3-mini", "openai-completion", 200000, 110, 440.00000000000006},
    {"claude-sonnet-4", "claude", 200000, 300, 1500},
    {"claude-3-5-sonnet-latest", "claude", 200000, 300, 1500},
    {"gemini-2.0-flash", "gemini", 1048576, 10, 40},
    {"mistral-large-latest", "mistral", 131072, 200, 600},
    {"llama3-8b-8192", "groq", 8192, 5, 8},
    {"grok-beta", "xai", 131072, 500, 1500},
    {"deepseek-chat", "deepseek", 65536, 14, 28},
    {"fake", "fake-chat", 16384, 0, 0},
    {"costly", "fake-chat", 16384, 1000000, 1000000},
    {"abuse", "fake-chat", 16384, 0, 0},
};
enum { MODELS = sizeof models / sizeof *models };

static const vendor *vendor_by_driver(const char *driver)
{
    size_t i;
    for (i = 0; i < VENDORS; i++)
        if (strcmp(vendors[i].driver, driver) == 0)
            return &vendors[i];
    return NULL;
}

static bool has_prefix_of(const char *list, const char *name)
{
    const char *word;
    size_t length;
    while ((length = next_word(&list, &word)) != 0)
        if (strncasecmp(name, word, length) == 0)
            return true;
    return false;
}

static const vendor *vendor_by_prefix(const char *model)
{
    size_t i;
    for (i = 0; i < VENDORS; i++)
        if (has_prefix_of(vendors[i].prefixes, model))
            return &vendors[i];
    return NULL;
}

/* In 2025 names with a slash belong to Together; in 2026 what is before it
 * says nothing that the rest does not. */
static const vendor *vendor_of(const char *model)
{
    const char *slash = strrchr(model, '/');
    const vendor *found = vendor_by_prefix(model);
    if (found || !slash)
        return found;
    if (settings.era == ERA_2025)
        return vendor_by_driver("together-ai");
    found = vendor_by_prefix(slash + 1);
    return found ? found : vendor_by_driver("openrouter");
}

/* ---- the conversation --------------------------------------------------- */

typedef struct tool_call {
    const char *name, *input; /* input: JSON */
    char id[32];
} tool_call;

typedef struct chat {
    answer *answer;
    const char *driver;
    puter_value args, messages;
    const vendor *vendor;
    const char *model, *service;
    bytes prompt; /* the user's last words */
    /* what is answered */
    bytes text, thinking;
    tool_call calls[MAX_CALLS];
    size_t call_count;
    const char *finish;
    bool image, canned, limited;
    bool answered; /* with an error, already */
    char complaint[256];
} chat;

static bool complain(chat *c, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(c->complaint, sizeof c->complaint, format, values);
    va_end(values);
    return false;
}

/* The text of a message's content, whatever its form. */
static void add_content(bytes *b, puter_value content)
{
    puter_value text = content;
    size_t i, length;
    const char *chars;
    for (i = 0; is_a(content, PUTER_ARRAY) && i < puter_json_count(content);
         i++)
        add_content(b, puter_json_at(content, i));
    if (is_a(content, PUTER_OBJECT))
        text = member(content, "text");
    chars = puter_json_string(text, &length);
    bytes_add(b, chars, length);
}

static bool has_role(puter_value message, const char *role)
{
    puter_value given = member(message, "role");
    return strcmp(is_a(given, PUTER_MISSING) ? "user" : string_of(given),
                  role) == 0;
}

static puter_value last_message(const chat *c)
{
    return puter_json_at(c->messages, puter_json_count(c->messages) - 1);
}

/* The message's call of a tool at an index, of either spelling: a tool_use
 * block of its content, or one of tool_calls. */
static puter_value call_at(puter_value message, size_t index)
{
    puter_value content = member(message, "content");
    size_t i, blocks = 0;
    if (is_a(content, PUTER_ARRAY))
        blocks = puter_json_count(content);
    for (i = 0; i < blocks; i++) {
        puter_value block = puter_json_at(content, i);
        if (strcmp(string_of(member(block, "type")), "tool_use") == 0 &&
            index-- == 0)
            return block;
    }
    return puter_json_at(member(message, "tool_calls"), index);
}

static const char *call_name(puter_value call)
{
    puter_value function = member(call, "function");
    return string_of(member(is_a(function, PUTER_OBJECT) ? function : call,
                            "name"));
}

static size_t count_calls(puter_value message)
{
    size_t count = 0;
    while (!is_a(call_at(message, count), PUTER_MISSING))
        count++;
    return count;
}

/* ---- what is taken ------------------------------------------------------ */

/* An http(s) URL, or a data URL whose base64 is right. */
static bool check_url(chat *c, const char *url)
{
    const char *comma = strchr(url, ',');
    size_t size;
    if (starts_with(url, "https://") || starts_with(url, "http://"))
        return true;
    if (!starts_with(url, "data:") || !comma || comma - url < 12 ||
        !starts_with(comma - 7, ";base64"))
        return complain(c, "neither a web address nor a data URL: %.40s",
                        url);
    if (mbedtls_base64_decode(NULL, 0, &size,
                              (const unsigned char *)comma + 1,
                              strlen(comma + 1)) ==
        MBEDTLS_ERR_BASE64_INVALID_CHARACTER)
        return complain(c, "a data URL with broken base64");
    return true;
}

static const struct part_form {
    const char *type, *path;
    puter_type value;
} part_forms[] = {
    {"text", "text", PUTER_STRING},
    {"image_url", "image_url.url", PUTER_STRING},
    {"video_url", "video_url.url", PUTER_STRING},
    {"file", "puter_path", PUTER_STRING},
    {"tool_use", "input", PUTER_OBJECT},
    {"thinking", "thinking", PUTER_STRING},
    {"compaction", "encrypted_content", PUTER_STRING},
};

/* A part names its type or is known by its members. */
static const struct part_form *form_of(puter_value part)
{
    const char *type = string_of(member(part, "type"));
    size_t i;
    for (i = 0; i < sizeof part_forms / sizeof *part_forms; i++)
        if (*type ? strcmp(type, part_forms[i].type) == 0
                  : !is_a(puter_json_get(part, part_forms[i].path),
                          PUTER_MISSING))
            return &part_forms[i];
    return NULL;
}

static bool check_part(chat *c, puter_value part)
{
    const struct part_form *form = form_of(part);
    puter_value value;
    if (is_a(part, PUTER_STRING))
        return true;
    if (!form)
        return complain(c, "a content part of unknown type '%.40s'",
                        string_of(member(part, "type")));
    value = puter_json_get(part, form->path);
    if (!is_a(value, form->value))
        return complain(c, "a '%s' part without a good '%s'", form->type,
                        form->path);
    if (strstr(form->path, "_url.url"))
        return check_url(c, string_of(value));
    return true;
}

static bool check_content(chat *c, puter_value message)
{
    puter_value content = member(message, "content");
    size_t i, length;
    switch (puter_json_type(content)) {
    case PUTER_STRING:
        puter_json_string(content, &length);
        if (length)
            return true;
        break;
    case PUTER_ARRAY:
        for (i = 0; i < puter_json_count(content); i++)
            if (!check_part(c, puter_json_at(content, i)))
                return false;
        if (i)
            return true;
        break;
    case PUTER_OBJECT:
        return check_part(c, content);
    default:
        break;
    }
    return puter_json_count(member(message, "tool_calls")) != 0 ||
           complain(c, "each message must have a 'content' property");
}

static bool check_call(chat *c, puter_value call)
{
    puter_value arguments = puter_json_get(call, "function.arguments");
    puter_json *json;
    if (!*string_of(member(call, "id")) || !*call_name(call))
        return complain(c, "a tool call needs an id and a name");
    if (is_a(member(call, "input"), PUTER_OBJECT))
        return true;
    json = puter_json_parse(string_of(arguments),
                            strlen(string_of(arguments)), NULL);
    puter_json_free(json);
    return json || complain(c, "a tool call's arguments are not JSON");
}

static bool check_message(chat *c, puter_value message)
{
    puter_value role = member(message, "role");
    puter_value cache = member(message, "cache_control");
    size_t i, calls;
    if (!is_a(message, PUTER_OBJECT))
        return complain(c, "a message must be an object");
    if (!is_a(role, PUTER_MISSING) &&
        !word_in("system user assistant tool", string_of(role)))
        return complain(c, "a role must be system, user, assistant or tool");
    if (!is_a(cache, PUTER_MISSING) &&
        strcmp(string_of(member(cache, "type")), "ephemeral") != 0)
        return complain(c, "cache_control must be ephemeral");
    if (!check_content(c, message))
        return false;
    calls = count_calls(message);
    if (calls && !has_role(message, "assistant"))
        return complain(c, "only the assistant calls tools");
    for (i = 0; i < calls; i++)
        if (!check_call(c, call_at(message, i)))
            return false;
    return true;
}

/* How many messages from `first` on answer the call. */
static size_t count_results(const chat *c, size_t first, const char *id)
{
    size_t i, count = 0;
    for (i = first; has_role(puter_json_at(c->messages, i), "tool"); i++)
        if (strcmp(string_of(member(puter_json_at(c->messages, i),
                                    "tool_call_id")), id) == 0)
            count++;
    return count;
}

/* Vendors demand exactly one result for each call, right behind the turn
 * that made it. Moves *index to the last of them. */
static bool check_results(chat *c, size_t *index)
{
    puter_value message = puter_json_at(c->messages, *index);
    size_t i, first = *index + 1, calls = count_calls(message);
    for (i = 0; i < calls; i++) {
        const char *id = string_of(member(call_at(message, i), "id"));
        if (count_results(c, first, id) != 1)
            return complain(c, "tool call '%.40s' needs one result", id);
    }
    while (has_role(puter_json_at(c->messages, *index + 1), "tool"))
        ++*index;
    if (*index + 1 - first != calls)
        return complain(c, "a tool's result answers no call");
    return true;
}

static bool check_messages(chat *c)
{
    size_t i, count = puter_json_count(c->messages);
    if (!is_a(c->messages, PUTER_ARRAY) || count == 0)
        return complain(c, "'messages' must be an array with a message");
    for (i = 0; i < count; i++)
        if (!check_message(c, puter_json_at(c->messages, i)))
            return false;
    for (i = 0; i < count; i++)
        if (!check_results(c, &i))
            return false;
    return true;
}

static bool check_tool(chat *c, puter_value tool)
{
    puter_value function = member(tool, "function");
    puter_value parameters = member(function, "parameters");
    const char *type = string_of(member(tool, "type"));
    if (strcmp(type, "function") != 0)
        return *type ? true : complain(c, "a tool needs a type");
    if (!*string_of(member(function, "name")))
        return complain(c, "a tool needs a name");
    if (!is_a(parameters, PUTER_OBJECT) && !is_a(parameters, PUTER_MISSING))
        return complain(c, "a tool's parameters must be a schema");
    return true;
}

static bool check_tools(chat *c)
{
    puter_value tools = member(c->args, "tools");
    size_t i;
    for (i = 0; i < puter_json_count(tools); i++)
        if (!check_tool(c, puter_json_at(tools, i)))
            return false;
    return true;
}

/* The arguments whose type is known. */
static bool check_types(chat *c)
{
    static const struct {
        const char *path;
        puter_type type;
        const char *words; /* the only strings allowed */
    } known[] = {
        {"model", PUTER_STRING, NULL},
        {"provider", PUTER_STRING, NULL},
        {"stream", PUTER_BOOL, NULL},
        {"temperature", PUTER_NUMBER, NULL},
        {"max_tokens", PUTER_NUMBER, NULL},
        {"reasoning_effort", PUTER_STRING, "none minimal low medium high"},
        {"reasoning", PUTER_OBJECT, NULL},
        {"reasoning.effort", PUTER_STRING, "none minimal low medium high"},
        {"verbosity", PUTER_STRING, "low medium high"},
        {"text", PUTER_OBJECT, NULL},
        {"text.verbosity", PUTER_STRING, "low medium high"},
        {"tools", PUTER_ARRAY, NULL},
        {"image_config", PUTER_OBJECT, NULL},
        {"response", PUTER_OBJECT, NULL},
        {"vision", PUTER_BOOL, NULL},
    };
    size_t i;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        puter_value value = puter_json_get(c->args, known[i].path);
        if (is_a(value, PUTER_MISSING))
            continue;
        if (!is_a(value, known[i].type) ||
            (known[i].words && !word_in(known[i].words, string_of(value))))
            return complain(c, "'%s' is not what it must be", known[i].path);
    }
    return true;
}

static bool check_ranges(chat *c)
{
    puter_value max_tokens = member(c->args, "max_tokens");
    double temperature = puter_json_number(member(c->args, "temperature"));
    double tokens = puter_json_number(max_tokens);
    if (temperature < 0 || temperature > 2)
        return complain(c, "'temperature' must be between 0 and 2");
    if (is_a(max_tokens, PUTER_NUMBER) &&
        (tokens < 1 || tokens != (double)puter_json_integer(max_tokens)))
        return complain(c, "'max_tokens' must be a whole number above 0");
    return true;
}

static bool check_args(chat *c)
{
    return check_types(c) && check_ranges(c) && check_tools(c) &&
           check_messages(c);
}

/* 2025: the driver must be the model's own. */
static bool choose_model_2025(chat *c)
{
    const char *model = string_of(member(c->args, "model"));
    c->vendor = vendor_by_driver(c->driver);
    c->model = *model ? model : c->vendor->default_model;
    c->service = c->driver;
    if (vendor_of(c->model) == vendor_by_driver("fake-chat"))
        c->vendor = vendor_of(c->model);
    return vendor_of(c->model) == c->vendor ||
           complain(c, "no fallback model available");
}

/* 2026: the model decides; a provider that serves it may be named, and one
 * that is not known counts only where no model is given. */
static bool choose_model_2026(chat *c)
{
    const char *model = string_of(member(c->args, "model"));
    const char *provider = string_of(member(c->args, "provider"));
    const vendor *named = vendor_by_driver(*provider ? provider
                                                     : vendors[0].driver);
    c->model = *model || !named ? model : named->default_model;
    c->vendor = vendor_of(c->model);
    if (!*model && !named)
        return complain(c, "Provider not configured: %.80s", provider);
    if (!c->vendor)
        return complain(c, "Model not found: %.80s", model);
    if (*provider && named)
        c->vendor = named;
    if (strrchr(c->model, '/') && strcmp(c->vendor->driver, "openrouter"))
        c->model = strrchr(c->model, '/') + 1;
    c->service = c->vendor->driver;
    return true;
}

/* ---- the model ---------------------------------------------------------- */

static void say_canned(chat *c, const char *service, const char *text)
{
    c->canned = true;
    c->service = service;
    bytes_text(&c->text, text);
}

/* What was uploaded, and how much of it: "image/png, 76 bytes"; of what was
 * not, its address. */
static void describe_source(bytes *out, const char *url)
{
    const char *comma = strchr(url, ',');
    size_t size = 0;
    if (!starts_with(url, "data:") || !comma) {
        bytes_format(out, "%.400s", url);
        return;
    }
    mbedtls_base64_decode(NULL, 0, &size, (const unsigned char *)comma + 1,
                          strlen(comma + 1));
    bytes_format(out, "%.*s, %zu bytes", (int)strcspn(url + 5, ";"), url + 5,
                 size);
}

static void say_pictures(chat *c)
{
    puter_value content = member(last_message(c), "content");
    size_t i, count = 0;
    if (!is_a(content, PUTER_ARRAY))
        return;
    for (i = 0; i < puter_json_count(content); i++) {
        const char *url = string_of(puter_json_get(puter_json_at(content, i),
                                                   "image_url.url"));
        if (!*url)
            continue;
        bytes_format(&c->text, " Picture %zu is ", ++count);
        describe_source(&c->text, url);
        bytes_text(&c->text, ".");
    }
}

static void say_hello(chat *c, const char *rest)
{
    (void)rest;
    bytes_format(&c->text, "Halo! I am %.200s, standing in. You asked: \"",
                 c->model);
    bytes_add(&c->text, c->prompt.data, c->prompt.length);
    bytes_text(&c->text, "\"");
    say_pictures(c);
    bytes_text(&c->text, " Of course: \xc3\xa9, \xf0\x9f\x98\x80, \\ and "
                         "all that.");
}

/* The alphabet over and over, every 64th byte a line break. */
static void say_repeat(chat *c, const char *rest)
{
    size_t i, length = (size_t)strtoull(rest, NULL, 10);
    if (length > MAX_REPEAT)
        length = MAX_REPEAT;
    bytes_reserve(&c->text, length);
    for (i = 0; i < length; i++)
        c->text.data[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
    c->text.length = length;
    c->text.data[length] = '\0';
}

/* An error of the vendor behind the service. */
static void say_status(chat *c, const char *rest)
{
    static const struct {
        int vendors, status;
        const char *code, *message;
    } statuses[] = {
        {400, 400, "upstream_bad_request", "400 upstream says 400"},
        {401, 500, "upstream_auth_failed", "AI provider refused the key"},
        {429, 429, "upstream_rate_limited",
         "AI provider rate limit exceeded"},
        {500, 400, "upstream_provider_unavailable",
         "AI provider unavailable"},
        {0, 500, "upstream_failed", "AI provider failed"},
    };
    bytes attempts = {0};
    char words[64];
    int asked = atoi(rest);
    size_t i = 0;
    while (statuses[i].vendors && statuses[i].vendors != asked)
        i++;
    c->answered = true;
    if (settings.era == ERA_2025) {
        fail_text(c->answer, "no fallback model available");
        return;
    }
    snprintf(words, sizeof words, "%d upstream says %d", asked, asked);
    add_json(&attempts, ",'attempts':[{'model':%s,'provider':%s,'status':%d,"
             "'code':'x','error':%s}]", c->model, c->service, asked, words);
    refuse_with(c->answer, statuses[i].status, statuses[i].code,
                statuses[i].message, attempts.data);
    bytes_free(&attempts);
}

static void say_slowly(chat *c, const char *rest)
{
    (void)rest;
    c->answer->pause_ms = 300;
    bytes_text(&c->text, "Slowly, but surely. \xf0\x9f\x90\x8c");
}

static void say_thinking(chat *c, const char *rest)
{
    bytes_text(&c->thinking, "Let me think \xf0\x9f\xa4\x94 \xe2\x80\xa6 "
                             "done.");
    say_hello(c, rest);
}

static void say_history(chat *c, const char *rest)
{
    size_t i, count = puter_json_count(c->messages);
    (void)rest;
    bytes_format(&c->text, "I saw %zu turn%s:", count, count == 1 ? "" : "s");
    for (i = 0; i < count; i++) {
        puter_value role = member(puter_json_at(c->messages, i), "role");
        bytes_format(&c->text, "%s %s", i ? "," : "",
                     *string_of(role) ? string_of(role) : "user");
    }
    bytes_text(&c->text, ".");
}

static void say_image(chat *c, const char *rest)
{
    (void)rest;
    c->image = true;
    bytes_text(&c->text, "Here is a picture.");
}

static void say_blocked(chat *c, const char *rest)
{
    (void)rest;
    say_canned(c, "fake-chat", LOREM);
}

static void say_broke(chat *c, const char *rest)
{
    (void)rest;
    c->limited = true;
    say_canned(c, "usage-limited-chat", LIMIT_NOTICE);
}

static void say_args(chat *c, const char *rest)
{
    (void)rest;
    add_json(&c->text, "I got: %v", c->args);
}

/* The request's function tool at an index, built-in ones not counted; ""
 * behind the last. */
static const char *function_at(const chat *c, size_t index)
{
    puter_value tools = member(c->args, "tools");
    size_t i;
    for (i = 0; i < puter_json_count(tools); i++) {
        puter_value name = puter_json_get(puter_json_at(tools, i),
                                          "function.name");
        if (is_a(name, PUTER_STRING) && index-- == 0)
            return string_of(name);
    }
    return "";
}

static bool wants_normalized(const chat *c)
{
    return puter_json_bool(puter_json_get(c->args, "response.normalize"));
}

/* Whether the answer is made of content blocks. */
static bool makes_blocks(const chat *c)
{
    return c->canned || (strcmp(c->vendor->driver, "claude") == 0 &&
                         !wants_normalized(c));
}

/* Calls a tool, with an id that no turn of the conversation has used. */
static void call_tool(chat *c, const char *name, const char *input)
{
    tool_call *call = &c->calls[c->call_count++];
    size_t i, used = c->call_count;
    for (i = 0; i < puter_json_count(c->messages); i++)
        used += count_calls(puter_json_at(c->messages, i));
    call->name = name;
    call->input = input;
    snprintf(call->id, sizeof call->id, "%s_%zu",
             makes_blocks(c) ? "toolu" : "call", used);
}

static void say_weather(chat *c, const char *rest)
{
    const char *name = function_at(c, 0);
    if (!*name) {
        say_hello(c, rest);
        return;
    }
    if (makes_blocks(c))
        bytes_text(&c->text, "Let me check.");
    call_tool(c, name, "{\"city\":\"Paris\"}");
}

/* Calls the second tool, or else the first one again, as well. */
static void say_two_tools(chat *c, const char *rest)
{
    const char *second = function_at(c, 1);
    say_weather(c, rest);
    if (c->call_count)
        call_tool(c, *second ? second : function_at(c, 0),
                  "{\"city\":\"Jakarta\"}");
}

/* Quotes the results of the tools that the last turn called. */
static void say_results(chat *c)
{
    size_t i, j, first = puter_json_count(c->messages);
    puter_value calls;
    while (has_role(puter_json_at(c->messages, first - 1), "tool"))
        first--;
    calls = puter_json_at(c->messages, first - 1);
    for (i = first; i < puter_json_count(c->messages); i++) {
        puter_value result = puter_json_at(c->messages, i);
        const char *id = string_of(member(result, "tool_call_id"));
        for (j = 0; strcmp(string_of(member(call_at(calls, j), "id")), id);)
            j++;
        bytes_format(&c->text, "%s%.200s says: \"", i > first ? " " : "",
                     call_name(call_at(calls, j)));
        add_content(&c->text, member(result, "content"));
        bytes_text(&c->text, "\"");
    }
    bytes_text(&c->text, " \xc3\xa9 \xf0\x9f\x98\x80");
}

/* What the prompt begins with decides what is said. */
static const struct skill {
    const char *word, *what;
    void (*say)(chat *c, const char *rest);
} skills[] = {
    {"repeat ", "N: a text of N bytes", say_repeat},
    {"status ", "400, 401, 429 or 500: the vendor's failure", say_status},
    {"slow", "300 ms between the pieces", say_slowly},
    {"think", "reasoning, then an answer", say_thinking},
    {"history", "the roles of the turns it saw", say_history},
    {"image", "a small picture", say_image},
    {"weather", "calls the first tool", say_weather},
    {"insist", "calls it again after each result", say_weather},
    {"two tools", "calls the first two, or the only one twice", say_two_tools},
    {"blocked", "lorem ipsum, as when policy objects", say_blocked},
    {"broke", "the notice of an account without credit", say_broke},
    {"args", "the request's args as JSON", say_args},
};
enum { SKILLS = sizeof skills / sizeof *skills };

/* Cuts the text to max_tokens of four bytes each, on a character's edge. */
static void limit_tokens(chat *c)
{
    int64_t tokens = puter_json_integer(member(c->args, "max_tokens"));
    size_t limit = (size_t)tokens * 4;
    if (tokens < 1 || tokens > MAX_REPEAT || c->text.length <= limit)
        return;
    while (((unsigned char)c->text.data[limit] & 0xc0) == 0x80)
        limit--;
    c->text.length = limit;
    c->finish = "length";
}

static void find_prompt(chat *c)
{
    size_t i = puter_json_count(c->messages);
    while (i-- > 0) {
        puter_value message = puter_json_at(c->messages, i);
        if (has_role(message, "user")) {
            add_content(&c->prompt, member(message, "content"));
            return;
        }
    }
    bytes_text(&c->prompt, "");
}

static void say_something(chat *c)
{
    size_t i = 0;
    if (strcmp(c->vendor->driver, "fake-chat") == 0) {
        say_blocked(c, "");
        return;
    }
    if (has_role(last_message(c), "tool") &&
        !starts_with(c->prompt.data, "insist")) {
        say_results(c);
        return;
    }
    while (i < SKILLS && !starts_with(c->prompt.data, skills[i].word))
        i++;
    if (i < SKILLS)
        skills[i].say(c, c->prompt.data + strlen(skills[i].word));
    else
        say_hello(c, c->prompt.data);
}

static void think_of_answer(chat *c)
{
    find_prompt(c);
    c->finish = "stop";
    say_something(c);
    if (!c->canned)
        limit_tokens(c);
    if (c->call_count && !makes_blocks(c))
        c->finish = "tool_calls";
}

/* ---- the answer's shape ------------------------------------------------- */

/* A token is four bytes here, half of the prompt's are cached, and they cost
 * 15 and 30 millionths of a cent. */
static double prompt_tokens(const chat *c)
{
    return (double)(c->prompt.length / 4 + 1);
}

static double completion_tokens(const chat *c)
{
    return (double)(c->text.length / 4 + 1);
}

static void add_usage_object(bytes *out, const chat *c)
{
    double sent = prompt_tokens(c), said = completion_tokens(c);
    if (c->canned)
        add_json(out, "{'input_tokens':0,'output_tokens':1");
    else if (makes_blocks(c))
        add_json(out, "{'input_tokens':%n,'output_tokens':%n", sent, said);
    else
        add_json(out, "{'prompt_tokens':%n,'completion_tokens':%n,"
                 "'cached_tokens':%d", sent, said, (int)sent / 2);
    if (settings.era == ERA_2026 && c->canned)
        add_json(out, ",'usd_cents':null");
    else if (settings.era == ERA_2026)
        add_json(out, ",'usd_cents':%n", (sent * 15 + said * 30) / 1e6);
    add_json(out, "}");
}

static void add_usage(bytes *out, const chat *c)
{
    double sent = prompt_tokens(c), said = completion_tokens(c);
    add_json(out, ",'usage':");
    if (settings.era == ERA_2026 || makes_blocks(c))
        add_usage_object(out, c);
    else
        add_json(out, "[{'type':'prompt','model':%s,'amount':%n,'cost':%n},"
                 "{'type':'completion','model':%s,'amount':%n,'cost':%n}]",
                 c->model, sent, sent * 15, c->model, said, said * 30);
}

/* The members of a tool_use block or line. */
static void add_tool_use(bytes *out, const tool_call *call)
{
    add_json(out, "'type':'tool_use','id':%s,'name':%s,'input':%j", call->id,
             call->name, call->input);
}

static void add_blocks(bytes *out, const chat *c)
{
    size_t i;
    add_json(out, "[");
    if (c->thinking.length)
        add_json(out, "{'type':'thinking','thinking':%t},", &c->thinking);
    add_json(out, "{'type':'text','text':%t}", &c->text);
    for (i = 0; i < c->call_count; i++) {
        add_json(out, ",{");
        add_tool_use(out, &c->calls[i]);
        add_json(out, "}");
    }
    add_json(out, "]");
}

static void add_tool_calls(bytes *out, const chat *c)
{
    size_t i;
    add_json(out, ",'tool_calls':[");
    for (i = 0; i < c->call_count; i++)
        add_json(out, "%j{'id':%s,'type':'function','function':"
                 "{'name':%s,'arguments':%s}}", i ? "," : "",
                 c->calls[i].id, c->calls[i].name, c->calls[i].input);
    add_json(out, "]");
}

static void add_pictures(bytes *out, const chat *c)
{
    if (c->image)
        add_json(out, ",'images':[%j]", PICTURE_PART);
}

/* As OpenAI and those who follow it have it. */
static void add_plain_message(bytes *out, const chat *c)
{
    add_json(out, "{'role':'assistant','content':");
    if (c->call_count) {
        add_json(out, "null");
        add_tool_calls(out, c);
    } else {
        add_json(out, "%t", &c->text);
    }
    if (c->thinking.length)
        add_json(out, settings.era == ERA_2026 ? ",'reasoning':%t"
                                               : ",'reasoning_content':%t",
                 &c->thinking);
    add_pictures(out, c);
    add_json(out, "}");
}

static const char *stop_reason(const chat *c)
{
    return c->call_count ? "tool_use"
         : strcmp(c->finish, "length") == 0 ? "max_tokens" : "end_turn";
}

/* As Anthropic has it. */
static void add_block_message(bytes *out, const chat *c)
{
    add_json(out, "{'id':%s,'type':'message','role':'assistant','model':%s,"
             "'content':", c->canned ? "00000000-0000-0000-0000-000000000000"
                                     : "msg_1", c->model);
    add_blocks(out, c);
    add_pictures(out, c);
    add_json(out, ",'stop_reason':%s,'stop_sequence':null", stop_reason(c));
    add_usage(out, c);
    add_json(out, "}");
}

static bool wants_compaction(const chat *c)
{
    puter_value wanted = member(c->args, "compaction");
    return puter_json_bool(wanted) || is_a(wanted, PUTER_OBJECT);
}

static void add_plain_result(bytes *out, const chat *c)
{
    add_json(out, "{'index':0,'message':");
    add_plain_message(out, c);
    add_json(out, ",'finish_reason':%s", c->finish);
    add_usage(out, c);
}

static void add_block_result(bytes *out, const chat *c)
{
    bool canned_2025 = c->canned && settings.era == ERA_2025;
    add_json(out, canned_2025 ? "{'index':0,'message':" : "{'message':");
    add_block_message(out, c);
    add_usage(out, c);
    add_json(out, canned_2025 ? ",'logprobs':null,'finish_reason':%s"
                              : ",'finish_reason':%s", c->finish);
}

static void answer_whole(chat *c)
{
    bytes result = {0}, metadata = {0};
    if (makes_blocks(c))
        add_block_result(&result, c);
    else
        add_plain_result(&result, c);
    if (wants_compaction(c))
        add_json(&result, ",'compaction':{%j}", COMPACTION);
    add_json(&result, ",'via_ai_chat_service':true%j}",
             wants_normalized(c) ? ",\"normalized\":true" : "");
    add_json(&metadata, ",'metadata':{'service_used':%s", c->service);
    if (settings.era == ERA_2026)
        add_json(&metadata, ",'providerUsed':%s", c->model);
    add_json(&metadata, c->limited ? ",'usage_limited':true}" : "}");
    succeed(c->answer, "ai-chat", &result, metadata.data);
    bytes_free(&metadata);
}

/* ---- streams ------------------------------------------------------------ */

/* Ends a line of the body, which is a chunk of its own. */
static void end_chunk(answer *a)
{
    bytes_text(&a->body, "\n");
    cuts_add(&a->pieces, a->body.length);
}

static void end_line(answer *a)
{
    static const char *const unknown[] = {
        "{'type':'heartbeat'}",
        "{'type':'novelty','text':'not of the answer'}",
        "{'type':'extra_content','extra_content':{'tag':[1,null]}}",
        "{'type':'tool_input_delta','id':'x','partialJson':'{'}",
    };
    end_chunk(a);
    if (settings.fault == FAULT_UNKNOWN_LINES) {
        add_json(&a->body, unknown[a->pieces.count / 2 % 4]);
        end_chunk(a);
    }
}

/* Where in a text a stream is. Puter counts UTF-16 units, so that a piece
 * may end between the halves of a character beyond U+FFFF. */
typedef struct cursor {
    const bytes *text;
    size_t at;
    bool half; /* the high half of the character at `at` is out */
} cursor;

static size_t character_length(const char *at)
{
    unsigned char first = (unsigned char)*at;
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Writes one half of the character as an escape, as JSON.stringify does. */
static void write_half(bytes *out, const char *at, bool high)
{
    const unsigned char *c = (const unsigned char *)at;
    unsigned code = ((c[0] & 7u) << 18 | (c[1] & 63u) << 12 |
                     (c[2] & 63u) << 6 | (c[3] & 63u)) - 0x10000;
    bytes_format(out, "\\u%04x", high ? 0xd800 + (code >> 10)
                                      : 0xdc00 + (code & 0x3ff));
}

/* Moves on by so many units; true where that is inside a character. */
static bool advance_units(cursor *cur, size_t units)
{
    while (units && cur->at < cur->text->length) {
        size_t length = character_length(cur->text->data + cur->at);
        if (length == 4 && units == 1)
            return true;
        cur->at += length;
        units -= length == 4 ? 2 : 1;
    }
    return false;
}

/* Writes the next units of a text as a JSON string. */
static void write_piece(bytes *out, cursor *cur, size_t units)
{
    const char *text = cur->text->data;
    puter_writer w = {0};
    size_t from;
    bytes_text(out, "\"");
    if (cur->half) {
        write_half(out, text + cur->at, false);
        cur->at += 4;
        units--;
    }
    from = cur->at;
    cur->half = advance_units(cur, units);
    puter_write_chars(&w, text + from, cur->at - from);
    bytes_add(out, w.text + 1, w.length - 2); /* without its quotes */
    puter_writer_free(&w);
    if (cur->half)
        write_half(out, text + cur->at, true);
    bytes_text(out, "\"");
}

/* Lines of a text: {"type":KEY,KEY:"..."}. */
static void stream_text(answer *a, const char *key, const bytes *text,
                        size_t units)
{
    cursor cur = {text, 0, false};
    while (cur.at < text->length) {
        if (settings.fault == FAULT_BARE_TEXT)
            add_json(&a->body, "{%s:", key);
        else
            add_json(&a->body, "{'type':%s,%s:", key, key);
        write_piece(&a->body, &cur, units);
        bytes_text(&a->body, "}");
        end_line(a);
    }
}

static void stream_calls(const chat *c)
{
    size_t i;
    for (i = 0; i < c->call_count; i++) {
        bytes_text(&c->answer->body, "{");
        add_tool_use(&c->answer->body, &c->calls[i]);
        add_json(&c->answer->body, ",'text':''}");
        end_line(c->answer);
    }
}

/* The picture is an object in one era and a string in the other: both are
 * seen. */
static void stream_extras(const chat *c)
{
    answer *a = c->answer;
    if (c->image) {
        add_json(&a->body, "{'type':'image','image':%j}",
                 settings.era == ERA_2026 ? PICTURE_PART
                                          : "\"" PICTURE "\"");
        end_line(a);
    }
    if (wants_compaction(c)) {
        add_json(&a->body, "{'type':'compaction',%j}", COMPACTION);
        end_line(a);
    }
}

static void stream_usage(const chat *c)
{
    bytes *out = &c->answer->body;
    if (settings.era == ERA_2025 || settings.fault == FAULT_BARE_TEXT)
        return;
    add_json(out, "{'type':'usage','usage':");
    if (c->canned)
        add_json(out, "{'usd_cents':null}");
    else
        add_usage_object(out, c);
    bytes_text(out, "}");
    end_line(c->answer);
}

/* Keeps two lines and fails. */
static void break_stream(answer *a)
{
    if (a->pieces.count > 2) {
        a->pieces.count = 2;
        a->body.length = a->pieces.at[1];
    }
    add_json(&a->body, "{'type':'error','message':'The vendor hung up.'}");
    end_chunk(a);
}

static void answer_stream(chat *c)
{
    answer *a = c->answer;
    size_t units = PIECE_UNITS + c->text.length / MAX_PIECES;
    a->status = 200;
    a->type = "application/x-ndjson";
    a->chunked = true;
    stream_text(a, "reasoning", &c->thinking, units);
    stream_text(a, "text", &c->text, c->canned ? c->text.length : units);
    stream_extras(c);
    stream_calls(c);
    stream_usage(c);
    if (settings.fault == FAULT_STREAM_ERROR)
        break_stream(a);
}

/* ---- methods ------------------------------------------------------------ */

static void chat_free(chat *c)
{
    bytes_free(&c->prompt);
    bytes_free(&c->text);
    bytes_free(&c->thinking);
}

static void answer_chat(chat *c)
{
    if (puter_json_bool(member(c->args, "stream")))
        answer_stream(c);
    else
        answer_whole(c);
}

static bool choose_model(chat *c)
{
    return settings.era == ERA_2026 ? choose_model_2026(c)
                                    : choose_model_2025(c);
}

static void complete_chat(answer *a, puter_value args, const char *driver,
                          bool test_mode)
{
    chat c = {0};
    c.answer = a;
    c.args = args;
    c.driver = driver;
    c.messages = member(args, "messages");
    if (!check_args(&c) || !choose_model(&c)) {
        fail_request(a, c.complaint);
        return;
    }
    if (test_mode && settings.era == ERA_2025)
        c.vendor = vendor_by_driver("fake-chat");
    think_of_answer(&c);
    if (!c.answered)
        answer_chat(&c);
    chat_free(&c);
}

/* A model's name in a list: of 2026, with where it comes from. */
static void add_model_name(bytes *out, const struct model *m)
{
    const char *family = vendor_by_driver(m->driver)->family;
    if (settings.era == ERA_2025 || strcmp(m->driver, "fake-chat") == 0)
        add_json(out, "%s", m->id);
    else
        add_json(out, "'%j:%j/%j'", family, family, m->id);
}

/* What a model costs: one vendor has names of its own for it, and a price for
 * a thousand tokens. */
static void add_model_costs(bytes *out, const struct model *m)
{
    bool own = strcmp(m->driver, "claude") == 0;
    const char *in = own ? "input_tokens" : "prompt_tokens";
    const char *out_of = own ? "output_tokens" : "completion_tokens";
    double tokens = own ? 1000 : 1000000;
    add_json(out, "'input_cost_key':%s,'output_cost_key':%s,'costs':{"
             "'tokens':%n,%s:%n,%s:%n,'cached_tokens':0}", in, out_of, tokens,
             in, m->prompt_cost * tokens / 1000000, out_of,
             m->completion_cost * tokens / 1000000);
}

static void add_model_details(bytes *out, const struct model *m)
{
    add_json(out, "{'puterId':");
    add_model_name(out, m);
    add_json(out, ",'id':%s,'name':%s,'modalities':{'input':['text','image'],"
             "'output':['text']},'open_weights':false,'tool_call':true,"
             "'aliases':[", m->id, m->id);
    add_model_name(out, m);
    add_json(out, "],'context':%n,'max_tokens':8192,"
             "'costs_currency':'usd-cents',", m->context);
    add_model_costs(out, m);
    add_json(out, ",'provider':%s}", m->driver);
}

/* An array of one driver's models or, where it is NULL, of all. */
static void add_models(bytes *out, const char *driver, bool with_fake,
                       void (*add)(bytes *out, const struct model *m))
{
    const char *comma = "";
    size_t i;
    bytes_text(out, "[");
    for (i = 0; i < MODELS; i++) {
        if ((driver && strcmp(driver, models[i].driver) != 0) ||
            (!with_fake && strcmp(models[i].driver, "fake-chat") == 0))
            continue;
        bytes_text(out, comma);
        add(out, &models[i]);
        comma = ",";
    }
    bytes_text(out, "]");
}

#endif
