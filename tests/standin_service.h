/* standin_service.h - the service's endpoints and the interfaces beside chat,
 * with the checks that come before any of them. */
#ifndef STANDIN_SERVICE_H
#define STANDIN_SERVICE_H

#include "standin_chat.h"

/* One request on its way to its answer. */
typedef struct exchange {
    const request *req;
    answer *answer;
    const char *token; /* "": none */
    puter_json *json;  /* of the body */
    const char *interface, *method;
    char driver[64];
    puter_value args;
} exchange;

/* The body is the result itself. */
static void set_type(answer *a, const char *type)
{
    a->status = 200;
    a->type = type;
}

/* A string argument that must be there; NULL once its lack was told. */
static const char *need_string(exchange *x, const char *name)
{
    puter_value value = member(x->args, name);
    char words[128];
    if (is_a(value, PUTER_STRING) && *string_of(value))
        return string_of(value);
    snprintf(words, sizeof words, "Missing or invalid '%s'", name);
    fail_request(x->answer, words);
    return NULL;
}

/* ---- puter-kvstore ------------------------------------------------------ */

typedef struct pair {
    char *key, *value; /* value: JSON */
} pair;

static struct {
    pair *pairs;
    size_t count, capacity;
} store;

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return (char *)memcpy(grow(NULL, size), text, size);
}

/* The pair of a key, or NULL. */
static pair *find_pair(const char *key)
{
    size_t i;
    for (i = 0; i < store.count; i++)
        if (strcmp(store.pairs[i].key, key) == 0)
            return &store.pairs[i];
    return NULL;
}

static pair *add_pair(const char *key)
{
    pair *p;
    if (store.count == store.capacity) {
        store.capacity = store.capacity ? 2 * store.capacity : 16;
        store.pairs = (pair *)grow(store.pairs,
                                   store.capacity * sizeof *store.pairs);
    }
    p = &store.pairs[store.count++];
    p->key = copy_text(key);
    p->value = NULL;
    return p;
}

static void remove_pair(pair *p)
{
    size_t behind = (size_t)(store.pairs + store.count - p) - 1;
    free(p->key);
    free(p->value);
    memmove(p, p + 1, behind * sizeof *p);
    store.count--;
}

/* Stores a value; takes its JSON. */
static void put_value(const char *key, bytes *json)
{
    pair *p = find_pair(key);
    if (!p)
        p = add_pair(key);
    free(p->value);
    p->value = json->data;
}

static void succeed_json(exchange *x, const char *json)
{
    bytes result = {0};
    bytes_text(&result, json);
    succeed(x->answer, x->driver, &result, "");
}

static void kv_get(exchange *x)
{
    const char *key = need_string(x, "key");
    const pair *p = key ? find_pair(key) : NULL;
    if (key)
        succeed_json(x, p ? p->value : "null");
}

static void kv_set(exchange *x)
{
    const char *key = need_string(x, "key");
    bytes json = {0};
    if (!key)
        return;
    add_value(&json, member(x->args, "value"));
    put_value(key, &json);
    succeed_json(x, "true");
}

static void kv_del(exchange *x)
{
    const char *key = need_string(x, "key");
    pair *p = key ? find_pair(key) : NULL;
    if (!key)
        return;
    if (p)
        remove_pair(p);
    succeed_json(x, "true");
}

static void kv_add(exchange *x, int sign)
{
    const char *key = need_string(x, "key");
    const pair *p = key ? find_pair(key) : NULL;
    puter_value amount = member(x->args, "amount");
    double by = is_a(amount, PUTER_NUMBER) ? puter_json_number(amount) : 1;
    bytes json = {0};
    if (!key)
        return;
    add_json(&json, "%n", (p ? strtod(p->value, NULL) : 0) + sign * by);
    put_value(key, &json);
    kv_get(x);
}

static void kv_incr(exchange *x)
{
    kv_add(x, 1);
}

static void kv_decr(exchange *x)
{
    kv_add(x, -1);
}

/* `as` says what of the pairs: keys, values or (as a rule) entries. */
static void kv_list(exchange *x)
{
    const char *as = string_of(member(x->args, "as"));
    bytes result = {0};
    size_t i;
    bytes_text(&result, "[");
    for (i = 0; i < store.count; i++) {
        const pair *p = &store.pairs[i];
        bytes_text(&result, i ? "," : "");
        if (strcmp(as, "keys") == 0)
            add_json(&result, "%s", p->key);
        else if (strcmp(as, "values") == 0)
            add_json(&result, "%j", p->value);
        else
            add_json(&result, "{'key':%s,'value':%j}", p->key, p->value);
    }
    bytes_text(&result, "]");
    succeed(x->answer, x->driver, &result, "");
}

static void kv_flush(exchange *x)
{
    while (store.count)
        remove_pair(&store.pairs[store.count - 1]);
    succeed_json(x, "true");
}

/* ---- pictures, speech, video -------------------------------------------- */

static void recognize(exchange *x)
{
    const char *source = need_string(x, "source");
    bytes text = {0}, result = {0};
    if (!source)
        return;
    bytes_text(&text, "Read from ");
    describe_source(&text, source);
    add_json(&result, "{'blocks':[{'type':'text/puter:sample-output',"
             "'confidence':1,'text':%t}]}", &text);
    bytes_free(&text);
    succeed(x->answer, x->driver, &result, "");
}

/* With test_mode or of "elsewhere" a URL as JSON, else the picture's bytes; of
 * "nothing" no picture. */
static void generate_image(exchange *x)
{
    const char *data = strchr(PICTURE, ',') + 1;
    const char *prompt = need_string(x, "prompt");
    unsigned char picture[256];
    size_t size;
    if (!prompt)
        return;
    if (strcmp(prompt, "nothing") == 0) {
        succeed_json(x, "{}");
        return;
    }
    if (puter_json_bool(member(x->args, "test_mode")) ||
        strcmp(prompt, "elsewhere") == 0) {
        succeed_json(x, "\"https://example.com/sample.png\"");
        return;
    }
    must(mbedtls_base64_decode(picture, sizeof picture, &size,
                               (const unsigned char *)data, strlen(data)),
         "decoding the picture");
    bytes_add(&x->answer->body, picture, size);
    set_type(x->answer, "image/png");
}

/* An ID3 tag and bytes that only look like sound; as many as "repeat N"
 * asks for, else sixteen for each of the text's. */
static void make_sound(bytes *out, const char *text)
{
    size_t length = 16 * strlen(text);
    if (starts_with(text, "repeat "))
        length = (size_t)strtoull(text + 7, NULL, 10) % MAX_REPEAT;
    bytes_add(out, "ID3\3\0\0\0\0\0\0", 10);
    bytes_reserve(out, length);
    for (; out->length < length; out->length++)
        out->data[out->length] = (char)(out->length * 7 % 251);
}

static void synthesize(exchange *x)
{
    enum { CHUNK = 16 * 1024 };
    const char *text = need_string(x, "text");
    answer *a = x->answer;
    size_t at;
    if (!text)
        return;
    if (strlen(text) >= 3000) {
        fail_request(a, "'text' must be shorter than 3000 characters");
        return;
    }
    if (starts_with(text, "elsewhere")) {
        succeed_json(x, "\"https://example.com/sample.mp3\"");
        return;
    }
    make_sound(&a->body, text);
    a->chunked = true;
    for (at = CHUNK; at < a->body.length; at += CHUNK)
        cuts_add(&a->pieces, at);
    cuts_add(&a->pieces, a->body.length);
    set_type(a, "audio/mpeg");
}

static void list_voices(exchange *x)
{
    succeed_json(x, "[{\"id\":\"Joanna\",\"name\":\"Joanna\",\"language\":"
                    "{\"name\":\"US English\",\"code\":\"en-US\"}}]");
}

static void list_engines(exchange *x)
{
    succeed_json(x, "[{\"id\":\"standard\",\"name\":\"Standard\","
                    "\"pricing_per_million_chars\":4}]");
}

/* A string where response_format is "text", else an object. */
static void transcribe(exchange *x)
{
    const char *file = need_string(x, "file");
    const char *format = string_of(member(x->args, "response_format"));
    bytes text = {0}, result = {0};
    if (!file)
        return;
    bytes_text(&text, "Heard in ");
    describe_source(&text, file);
    add_json(&result, strcmp(format, "text") == 0 ? "%t"
             : "{'text':%t,'language':'english','segments':[]}", &text);
    bytes_free(&text);
    succeed(x->answer, x->driver, &result, "");
}

static void generate_video(exchange *x)
{
    if (need_string(x, "prompt"))
        succeed_json(x, "\"https://example.com/sample.mp4\"");
}

/* ---- puter-chat-completion ---------------------------------------------- */

static void chat_complete(exchange *x)
{
    puter_value body = puter_json_root(x->json);
    complete_chat(x->answer, x->args, x->driver,
                  puter_json_bool(member(body, "test_mode")));
}

/* The driver's models in 2025, all of them in 2026. */
static void answer_list(exchange *x,
                        void (*add)(bytes *out, const struct model *m))
{
    bool era_2025 = settings.era == ERA_2025;
    bytes result = {0};
    add_models(&result, era_2025 ? x->driver : NULL, true, add);
    succeed(x->answer, "ai-chat", &result,
            era_2025 ? ",\"metadata\":{}" : "");
}

static void chat_list(exchange *x)
{
    answer_list(x, add_model_name);
}

static void chat_models(exchange *x)
{
    answer_list(x, add_model_details);
}

/* ---- POST /drivers/call ------------------------------------------------- */

/* Who answers an interface in each era; the first is the default. */
static const struct interface {
    const char *name, *drivers_2025, *drivers_2026;
} interfaces[] = {
    {"puter-kvstore", "puter-kvstore", "puter-kvstore"},
    {"puter-chat-completion",
     "openai-completion claude gemini mistral groq xai deepseek openrouter "
     "together-ai ollama", "ai-chat"},
    {"puter-image-generation", "openai-image-generation",
     "ai-image openai-image-generation gemini-image-generation"},
    {"puter-tts", "aws-polly", "ai-tts aws-polly openai-tts"},
    {"puter-video-generation", "openai-video-generation",
     "ai-video openai-video-generation"},
    {"puter-speech2txt", "openai-speech2txt",
     "ai-speech2txt openai-speech2txt"},
    {"puter-ocr", "aws-textract", "ai-ocr aws-textract mistral"},
};
enum { INTERFACES = sizeof interfaces / sizeof *interfaces };

static const struct method {
    const char *interface, *name;
    void (*run)(exchange *x);
} methods[] = {
    {"puter-chat-completion", "complete", chat_complete},
    {"puter-chat-completion", "list", chat_list},
    {"puter-chat-completion", "models", chat_models},
    {"puter-kvstore", "get", kv_get},
    {"puter-kvstore", "set", kv_set},
    {"puter-kvstore", "del", kv_del},
    {"puter-kvstore", "incr", kv_incr},
    {"puter-kvstore", "decr", kv_decr},
    {"puter-kvstore", "list", kv_list},
    {"puter-kvstore", "flush", kv_flush},
    {"puter-image-generation", "generate", generate_image},
    {"puter-tts", "synthesize", synthesize},
    {"puter-tts", "list_voices", list_voices},
    {"puter-tts", "list_engines", list_engines},
    {"puter-video-generation", "generate", generate_video},
    {"puter-speech2txt", "transcribe", transcribe},
    {"puter-speech2txt", "translate", transcribe},
    {"puter-ocr", "recognize", recognize},
};
enum { METHODS = sizeof methods / sizeof *methods };

static const char *drivers_of(const struct interface *i)
{
    return settings.era == ERA_2026 ? i->drivers_2026 : i->drivers_2025;
}

static const struct interface *find_interface(const char *name)
{
    size_t i;
    for (i = 0; i < INTERFACES; i++)
        if (strcmp(interfaces[i].name, name) == 0)
            return &interfaces[i];
    return NULL;
}

static bool refuse_interface(exchange *x)
{
    char words[256];
    snprintf(words, sizeof words, "Interface not found: %.200s",
             x->interface);
    if (settings.era == ERA_2026)
        refuse(x->answer, 404, "not_found", words);
    else
        fail_object(x->answer, "", "interface_not_found", words, 404);
    return false;
}

static bool refuse_driver(exchange *x, const char *driver)
{
    char words[256];
    bytes iface = {0};
    snprintf(words, sizeof words, "Driver not found: %.100s:%.100s",
             x->interface, driver);
    add_json(&iface, "'iface':%s,", x->interface);
    if (settings.era == ERA_2026)
        refuse(x->answer, 404, "not_found", words);
    else if (strcmp(driver, "ai-chat") == 0)
        fail_text(x->answer, "Calling ai-chat directly is not yet supported");
    else
        fail_object(x->answer, iface.data, "no_implementation_available",
                    "interface", 502);
    bytes_free(&iface);
    return false;
}

/* Takes the driver that was named, or the interface's default. */
static bool choose_driver(exchange *x, const char *driver)
{
    const struct interface *found = find_interface(x->interface);
    const char *drivers, *first;
    size_t length;
    if (!found)
        return refuse_interface(x);
    drivers = drivers_of(found);
    if (!*driver) {
        length = next_word(&drivers, &first);
        snprintf(x->driver, sizeof x->driver, "%.*s", (int)length, first);
        return true;
    }
    if (!word_in(drivers, driver))
        return refuse_driver(x, driver);
    snprintf(x->driver, sizeof x->driver, "%s", driver);
    return true;
}

static void refuse_method(exchange *x)
{
    char words[256];
    snprintf(words, sizeof words, "Method '%.100s' not found on driver '%s'",
             x->method, x->driver);
    if (settings.era == ERA_2026)
        refuse(x->answer, 404, "not_found", words);
    else
        fail_object(x->answer, "", "method_not_found", words, 404);
}

static void run_method(exchange *x)
{
    size_t i;
    for (i = 0; i < METHODS; i++)
        if (strcmp(methods[i].interface, x->interface) == 0 &&
            strcmp(methods[i].name, x->method) == 0) {
            methods[i].run(x);
            return;
        }
    refuse_method(x);
}

/* Members of the body that the gate looks at, and their types. */
static bool check_body(exchange *x)
{
    static const struct {
        const char *name;
        puter_type type;
        bool needed;
    } members[] = {
        {"interface", PUTER_STRING, true},
        {"method", PUTER_STRING, true},
        {"driver", PUTER_STRING, false},
        {"args", PUTER_OBJECT, false},
        {"test_mode", PUTER_BOOL, false},
    };
    char words[128];
    size_t i;
    for (i = 0; i < sizeof members / sizeof *members; i++) {
        puter_value value = member(puter_json_root(x->json),
                                   members[i].name);
        if (is_a(value, members[i].type) ||
            (is_a(value, PUTER_MISSING) && !members[i].needed))
            continue;
        snprintf(words, sizeof words, "Field `%s` is missing or invalid.",
                 members[i].name);
        refuse(x->answer, 400, settings.era == ERA_2026 ? "bad_request"
                                                        : "field_missing",
               words);
        return false;
    }
    return true;
}

static void call_driver(exchange *x)
{
    puter_value body = puter_json_root(x->json);
    if (!check_body(x))
        return;
    x->interface = string_of(member(body, "interface"));
    x->method = string_of(member(body, "method"));
    x->args = member(body, "args");
    if (choose_driver(x, string_of(member(body, "driver"))))
        run_method(x);
}

/* ---- the other endpoints ------------------------------------------------ */

static void list_interfaces(exchange *x)
{
    bytes *out = &x->answer->body;
    size_t i, length;
    for (i = 0; i < INTERFACES; i++) {
        const char *drivers = drivers_of(&interfaces[i]), *word;
        const char *comma = "";
        char first[64];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(drivers, " "),
                 drivers);
        add_json(out, "%j%s:{'drivers':[", i ? "," : "{",
                 interfaces[i].name);
        while ((length = next_word(&drivers, &word)) != 0) {
            bytes_format(out, "%s\"%.*s\"", comma, (int)length, word);
            comma = ",";
        }
        add_json(out, "],'default':%s}", first);
    }
    bytes_text(out, "}");
    set_status(x->answer, 200);
}

static void tell_version(exchange *x)
{
    static const char *const json_2025 =
        "{\"version\":\"2.5.1\",\"environment\":\"standin\","
        "\"location\":\"localhost\",\"deploy_timestamp\":1750000000000,"
        "\"version_text\":\"2.5.1\"}";
    static const char *const json_2026 =
        "{\"version\":\"26.07\",\"major\":26,\"minor\":7,\"patch\":null,"
        "\"environment\":\"standin\",\"location\":null,"
        "\"deploy_timestamp\":1785000000000}";
    static const char *const steering =
        "{\"version\":\"2\\u001b]0;title\\u0007\\u001b[31m\\u009b7m\"}";
    bytes_text(&x->answer->body, settings.fault == FAULT_STEER ? steering
                                 : settings.era == ERA_2026    ? json_2026
                                                               : json_2025);
    if (settings.era == ERA_2026)
        bytes_text(&x->answer->headers,
                   "Cache-Control: private, max-age=60\r\n");
    set_status(x->answer, 200);
}

static void answer_models(exchange *x,
                          void (*add)(bytes *out, const struct model *m))
{
    bytes *out = &x->answer->body;
    add_json(out, "{'models':");
    add_models(out, NULL, settings.era == ERA_2025, add);
    bytes_text(out, "}");
    set_status(x->answer, 200);
}

static void list_models(exchange *x)
{
    answer_models(x, add_model_name);
}

static void list_details(exchange *x)
{
    answer_models(x, add_model_details);
}

/* A plain page, as from the web framework and not from the service. */
static void answer_page(answer *a, int status, const char *page, bool bare)
{
    a->status = status;
    a->type = "text/html; charset=utf-8";
    a->bare = bare;
    bytes_text(&a->body, page);
}

static void refuse_path(exchange *x)
{
    if (settings.era == ERA_2026)
        refuse(x->answer, 404, "not_found", "Not found");
    else
        answer_page(x->answer, 404, "<pre>Cannot find that</pre>\n", false);
}

/* ---- the site ----------------------------------------------------------- */

/* Undoes percent-encoding (RFC 3986 section 2.1). */
static void add_decoded(bytes *out, const char *text)
{
    for (; *text; text++) {
        unsigned byte = (unsigned char)*text;
        if (byte == '%' && sscanf(text + 1, "%2x", &byte) == 1)
            text += 2;
        bytes_format(out, "%c", (int)byte);
    }
}

/* Where a program sends a browser for a token. The real site asks who is
 * signed in there; this one agrees at once, and sends the browser on to where
 * the program listens. */
static void grant_token(exchange *x)
{
    static const char asked[] = "/?action=authme&redirectURL=";
    const char *host = request_header(x->req, "Host");
    bytes back = {0};
    if (starts_with(host, "api.") || !starts_with(x->req->target, asked)) {
        refuse_path(x);
        return;
    }
    add_decoded(&back, x->req->target + strlen(asked));
    bytes_format(&x->answer->headers,
                 "Location: %s?token=test-token%%2Dof-a-site\r\n",
                 back.data);
    answer_page(x->answer, 302, "", false);
    bytes_free(&back);
}

/* ---- the gate ----------------------------------------------------------- */

static const struct route {
    const char *method, *path;
    standin_era since;
    bool needs_token;
    void (*run)(exchange *x);
} routes[] = {
    {"POST", "/drivers/call", ERA_2025, true, call_driver},
    {"GET", "/drivers/list-interfaces", ERA_2025, true, list_interfaces},
    {"GET", "/version", ERA_2025, false, tell_version},
    {"GET", "/puterai/chat/models", ERA_2025, false, list_models},
    {"GET", "/puterai/chat/models/details", ERA_2026, false, list_details},
    {"GET", "/", ERA_2025, false, grant_token},
};
enum { ROUTES = sizeof routes / sizeof *routes };

static const struct route *find_route(const request *req)
{
    size_t i, length = strcspn(req->target, "?");
    for (i = 0; i < ROUTES; i++)
        if (strcmp(routes[i].method, req->method) == 0 &&
            strlen(routes[i].path) == length &&
            memcmp(routes[i].path, req->target, length) == 0 &&
            settings.era >= routes[i].since)
            return &routes[i];
    return NULL;
}

/* The names it may be called by, with any port: those that its certificate
 * is for. */
static bool check_host(exchange *x)
{
    const char *host = request_header(x->req, "Host");
    char name[64] = "";
    if (host && *host == '[')
        snprintf(name, sizeof name, "%.*s", (int)strcspn(host, "]"), host);
    else if (host)
        snprintf(name, sizeof name, "%.*s", (int)strcspn(host, ":"), host);
    if (word_in("api.puter.localhost puter.localhost localhost 127.0.0.1 "
                "[::1", name))
        return true;
    answer_page(x->answer, 400, "Invalid Host header.", true);
    return false;
}

/* 2025 takes nothing but GET without an Origin. */
static bool check_origin(exchange *x)
{
    const char *origin = request_header(x->req, "Origin");
    if (settings.era == ERA_2026 || strcmp(x->req->method, "GET") == 0 ||
        (origin && *origin))
        return true;
    answer_page(x->answer, 403, "Forbidden", true);
    return false;
}

/* The body of a POST: JSON, an object. What is not called JSON is not looked
 * at, and then lacks its members. */
static bool read_body(exchange *x)
{
    const char *type = request_header(x->req, "Content-Type");
    bool json = type && starts_with(type, "application/json") &&
                (!type[16] || strchr("; ", type[16]));
    if (strcmp(x->req->method, "POST") != 0)
        return true;
    x->json = json ? puter_json_parse(x->req->body, x->req->body_length, NULL)
                   : puter_json_parse("{}", 2, NULL);
    if (is_a(puter_json_root(x->json), PUTER_OBJECT))
        return true;
    if (settings.era == ERA_2026)
        refuse(x->answer, 400, "client_bad_json",
               "Malformed JSON in request body");
    else
        answer_page(x->answer, 400, "<pre>Bad Request</pre>\n", false);
    return false;
}

/* Any token that begins with "test-token" is good. */
static bool check_token(exchange *x)
{
    bool era_2026 = settings.era == ERA_2026;
    if (starts_with(x->token, "test-token"))
        return true;
    if (!*x->token)
        refuse(x->answer, 401, "token_missing",
               era_2026 ? "Missing authentication token"
                        : "Missing authentication token.");
    else if (era_2026)
        refuse_with(x->answer, 401, "reauth_required",
                    "Re-authentication required",
                    ",\"reason\":\"token_v1\"");
    else
        refuse(x->answer, 401, "token_auth_failed",
               "Authentication failed.");
    return false;
}

static void find_token(exchange *x)
{
    const char *given = request_header(x->req, "Authorization");
    x->token = given && starts_with(given, "Bearer ") ? given + 7 : "";
}

/* ---- faults that answer instead ----------------------------------------- */

/* {"success":true} and nothing more, deflated. */
static const char gzip_body[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x2e\x4d\x4e\x4e"
    "\x2d\x2e\x56\xb2\x2a\x29\x2a\x4d\xad\x05\x00\xdf\xf7\xf6\x66\x10\x00"
    "\x00\x00";

static void answer_gzip(answer *a)
{
    bytes_text(&a->headers, "Content-Encoding: gzip\r\n");
    bytes_add(&a->body, gzip_body, sizeof gzip_body - 1);
    set_status(a, 200);
}

static void answer_redirect(answer *a)
{
    bytes_text(&a->headers, "Location: https://elsewhere.test.com/\r\n");
    answer_page(a, 302, "", false);
}

static void answer_echo(exchange *x)
{
    bytes words = {0};
    bytes_text(&words, "The token \"");
    bytes_text(&words, x->token);
    bytes_text(&words, "\" is not welcome here");
    refuse(x->answer, 403, "forbidden", words.data);
    bytes_free(&words);
}

static void answer_rate(answer *a)
{
    refuse(a, 429, "too_many_requests", "Too many requests.");
}

/* Answers as the fault has it; false where it does not answer at all. */
static bool answer_fault(exchange *x)
{
    static bool rated;
    answer *a = x->answer;
    switch (settings.fault) {
    case FAULT_HTML:
        answer_page(a, 200, "<!doctype html>\n<title>Proxy</title>\n"
                            "<p>Please accept our cookies.</p>\n", false);
        return true;
    case FAULT_TEXT:
        answer_page(a, 200, "Down for maintenance.\n", false);
        a->type = "text/plain";
        return true;
    case FAULT_EMPTY:
        set_status(a, 200);
        return true;
    case FAULT_REDIRECT:
        answer_redirect(a);
        return true;
    case FAULT_GZIP:
        answer_gzip(a);
        return true;
    case FAULT_FORBIDDEN:
        refuse(a, 403, "forbidden", "Forbidden");
        return true;
    case FAULT_FUNDS:
        fail(a, 402, "insufficient_funds",
             "Available funding is insufficient for this request.");
        return true;
    case FAULT_MODERATION:
        fail(a, 400, "moderation_flagged", "The prompt was flagged.");
        return true;
    case FAULT_ECHO_TOKEN:
        answer_echo(x);
        return true;
    case FAULT_UNAVAILABLE:
        bytes_text(&a->headers, "Retry-After: 5\r\n");
        refuse(a, 503, "db_unavailable", "The database is away.");
        return true;
    case FAULT_RATE_ONCE:
        if (rated)
            return false;
        rated = true;
        answer_rate(a);
        return true;
    case FAULT_RATE:
        answer_rate(a);
        return true;
    default:
        return false;
    }
}

/* Answers a whole request. */
static void answer_request(const request *req, answer *a)
{
    exchange x = {0};
    const struct route *route = find_route(req);
    x.req = req;
    x.answer = a;
    find_token(&x);
    if (answer_fault(&x) || !check_host(&x) || !check_origin(&x))
        ;
    else if (!route)
        refuse_path(&x);
    else if (read_body(&x) && (!route->needs_token || check_token(&x)))
        route->run(&x);
    puter_json_free(x.json);
}

#endif
