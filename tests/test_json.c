/* test_json.c - the JSON reader and writer, against RFC 8259. */
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#include "check.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

/* A literal with its length, for texts that hold NULs. */
#define TEXT(literal) (literal), sizeof(literal) - 1

/* ---- reading ------------------------------------------------------------ */

/* Parses from a block of exactly the text's size, so that the sanitizer sees
 * every byte read beyond it, and that is gone afterwards. */
static puter_json *parse(const char *text, size_t length, puter_error *error)
{
    char *exact = (char *)malloc(length);
    puter_json *json;
    if (length)
        memcpy(exact, text, length);
    json = puter_json_parse(exact, length, error);
    free(exact);
    return json;
}

static puter_json *parse_text(const char *text)
{
    return parse(text, strlen(text), NULL);
}

static puter_value get(puter_json *json, const char *path)
{
    return puter_json_get(puter_json_root(json), path);
}

static bool bytes_equal(const char *seen, size_t seen_length,
                        const char *wanted, size_t length)
{
    return seen_length == length && memcmp(seen, wanted, length) == 0 &&
           seen[length] == '\0';
}

static const struct accepted {
    const char *text;
    size_t length;
    puter_type type;
} accepted[] = {
    {TEXT("null"), PUTER_NULL},
    {TEXT("true"), PUTER_BOOL},
    {TEXT("false"), PUTER_BOOL},
    {TEXT("0"), PUTER_NUMBER},
    {TEXT("-0"), PUTER_NUMBER},
    {TEXT("-12.5e+3"), PUTER_NUMBER},
    {TEXT("1E-2"), PUTER_NUMBER},
    {TEXT("0.0e00"), PUTER_NUMBER},
    {TEXT("\"\""), PUTER_STRING},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABcd\""), PUTER_STRING},
    {TEXT("\"\\u0000\""), PUTER_STRING},
    {TEXT("\"\x7f\""), PUTER_STRING},
    {TEXT("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\""), PUTER_STRING},
    {TEXT("\"\xED\x9F\xBF\xEE\x80\x80\""), PUTER_STRING},
    {TEXT("\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""), PUTER_STRING},
    {TEXT("[]"), PUTER_ARRAY},
    {TEXT("[[],{},[{}]]"), PUTER_ARRAY},
    {TEXT("{}"), PUTER_OBJECT},
    {TEXT("{\"\":0}"), PUTER_OBJECT},
    {TEXT("{\"a\":[1,2,{\"b\":null}],\"c\":\"d\"}"), PUTER_OBJECT},
    {TEXT(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n\r\t "), PUTER_OBJECT},
    {TEXT("\xEF\xBB\xBF[1]"), PUTER_ARRAY},
    {TEXT("\xEF\xBB\xBF 1"), PUTER_NUMBER},
};

static void test_accepted(void)
{
    size_t i;
    for (i = 0; i < COUNT(accepted); i++) {
        puter_error error;
        puter_json *json =
            parse(accepted[i].text, accepted[i].length, &error);
        CHECK_IN("accepted %d, %s", (int)i, accepted[i].text);
        CHECK(json);
        CHECK_INT(error.result, PUTER_OK);
        CHECK_INT(puter_json_type(puter_json_root(json)), accepted[i].type);
        puter_json_free(json);
    }
}

/* `offset` is where the text stops being JSON; -1: a matter of taste. */
static const struct refused {
    const char *text;
    size_t length;
    int offset;
} refused[] = {
    /* nothing, or more than one thing */
    {TEXT(""), 0},
    {TEXT(" \n"), 2},
    {TEXT("\xEF\xBB\xBF"), 3},
    {TEXT("1 2"), 2},
    {TEXT("{}{}"), 2},
    {TEXT("[]]"), 2},
    {TEXT("null,"), 4},
    {TEXT("\"a\" \"b\""), 4},
    {TEXT("1\0"), 1},
    {TEXT("\0" "1"), 0},
    {TEXT("[1\0]"), 2},
    {TEXT("{}\0"), 2},
    {TEXT("\"\\\0\""), 1},
    /* words */
    {TEXT("nul"), -1},
    {TEXT("nulL"), -1},
    {TEXT("truefalse"), 4},
    {TEXT("True"), 0},
    {TEXT("NaN"), 0},
    {TEXT("Infinity"), 0},
    {TEXT("-Infinity"), -1},
    {TEXT("undefined"), 0},
    {TEXT("[nan]"), 1},
    {TEXT("'a'"), 0},
    /* comments and other white space */
    {TEXT("/**/1"), 0},
    {TEXT("[1//\n]"), 2},
    {TEXT("#\n1"), 0},
    {TEXT("\f1"), 0},
    {TEXT("\v1"), 0},
    {TEXT("\xC2\xA0" "1"), 0},
    {TEXT("1\xE2\x80\xA8"), 1},
    {TEXT("\xEF\xBB\xBF\xEF\xBB\xBF" "1"), 3},
    {TEXT("1\xEF\xBB\xBF"), 1},
    {TEXT("\xEF\xBB" "1"), -1},
    /* UTF-16 and UTF-32, with and without a byte order mark */
    {TEXT("\xFF\xFE[\0]\0"), 0},
    {TEXT("\xFE\xFF\0[\0]"), 0},
    {TEXT("[\0]\0"), 1},
    {TEXT("\0\0\0[\0\0\0]"), 0},
    /* arrays */
    {TEXT("["), 1},
    {TEXT("]"), 0},
    {TEXT("[1"), 2},
    {TEXT("[1,"), 3},
    {TEXT("[1,]"), 3},
    {TEXT("[,1]"), 1},
    {TEXT("[1,,2]"), 3},
    {TEXT("[1 2]"), 3},
    {TEXT("[1:2]"), 2},
    {TEXT("[1}"), 2},
    {TEXT("[\"a\":1]"), 4},
    /* objects */
    {TEXT("{"), 1},
    {TEXT("}"), 0},
    {TEXT("{\"a\""), 4},
    {TEXT("{\"a\"}"), 4},
    {TEXT("{\"a\":"), 5},
    {TEXT("{\"a\":}"), 5},
    {TEXT("{\"a\":1"), 6},
    {TEXT("{\"a\":1,"), 7},
    {TEXT("{\"a\":1,}"), 7},
    {TEXT("{,\"a\":1}"), 1},
    {TEXT("{\"a\":1 \"b\":2}"), 7},
    {TEXT("{\"a\" 1}"), 5},
    {TEXT("{\"a\"::1}"), 5},
    {TEXT("{\"a\":1]"), 6},
    {TEXT("{a:1}"), 1},
    {TEXT("{1:1}"), 1},
    {TEXT("{null:1}"), 1},
    {TEXT("{[]:1}"), 1},
    /* numbers */
    {TEXT("-"), -1},
    {TEXT("+1"), 0},
    {TEXT("01"), -1},
    {TEXT("-01"), -1},
    {TEXT("00"), -1},
    {TEXT("1."), -1},
    {TEXT("1.e1"), -1},
    {TEXT(".1"), 0},
    {TEXT("-.1"), -1},
    {TEXT("1e"), -1},
    {TEXT("1e+"), -1},
    {TEXT("1e1.5"), 3},
    {TEXT("1,5"), 1},
    {TEXT("0x10"), -1},
    {TEXT("1_000"), 1},
    {TEXT("1f"), 1},
    {TEXT("--1"), -1},
    {TEXT("- 1"), -1},
    {TEXT("\xEF\xBC\x91"), 0},
    /* strings: unended, raw control bytes, escapes */
    {TEXT("\""), -1},
    {TEXT("\"a"), -1},
    {TEXT("\"\\\""), -1},
    {TEXT("\"\n\""), 1},
    {TEXT("\"a\tb\""), 2},
    {TEXT("\"\0\""), 1},
    {TEXT("\"\x1f\""), 1},
    {TEXT("{\"\r\":1}"), 2},
    {TEXT("\"\\x41\""), -1},
    {TEXT("\"\\'\""), -1},
    {TEXT("\"\\a\""), -1},
    {TEXT("\"\\U0041\""), -1},
    {TEXT("\"\\0\""), -1},
    {TEXT("\"\\\n\""), -1},
    {TEXT("\"\\u\""), -1},
    {TEXT("\"\\u12\""), -1},
    {TEXT("\"\\u123\""), -1},
    {TEXT("\"\\u12g4\""), -1},
    {TEXT("\"\\u+123\""), -1},
    {TEXT("\"\\u 123\""), -1},
    {TEXT("\"\\ud83d\\u\""), -1},
    {TEXT("\"\\u00"), -1},
    /* strings: bytes that are no UTF-8 */
    {TEXT("\"\x80\""), -1},
    {TEXT("\"\xBF\""), -1},
    {TEXT("\"\xC0\x80\""), -1},
    {TEXT("\"\xC1\xBF\""), -1},
    {TEXT("\"\xC2\""), -1},
    {TEXT("\"\xC2"), -1},
    {TEXT("\"\xC2\xC2\x80\""), -1},
    {TEXT("\"\xE0\x80\x80\""), -1},
    {TEXT("\"\xE0\x9F\xBF\""), -1},
    {TEXT("\"\xE2\x82\""), -1},
    {TEXT("\"\xE2\x82"), -1},
    {TEXT("\"\xED\xA0\x80\""), -1},
    {TEXT("\"\xED\xBF\xBF\""), -1},
    {TEXT("\"\xED\xA0\xBD\xED\xB8\x80\""), -1},
    {TEXT("\"\xF0\x80\x80\x80\""), -1},
    {TEXT("\"\xF0\x8F\xBF\xBF\""), -1},
    {TEXT("\"\xF0\x9F\x98\""), -1},
    {TEXT("\"\xF4\x90\x80\x80\""), -1},
    {TEXT("\"\xF5\x80\x80\x80\""), -1},
    {TEXT("\"\xF8\x88\x80\x80\x80\""), -1},
    {TEXT("\"\xFE\""), -1},
    {TEXT("\"\xFF\""), -1},
    {TEXT("{\"\xFF\":1}"), -1},
    {TEXT("[1]\xFF"), 3},
};

/* Whether the number stands in the message as a word of its own. */
static bool names_offset(const char *message, int offset)
{
    char digits[16];
    const char *at = message;
    size_t length = (size_t)snprintf(digits, sizeof digits, "%d", offset);
    while ((at = strstr(at, digits)) != NULL) {
        bool starts = at == message || at[-1] < '0' || at[-1] > '9';
        if (starts && (at[length] < '0' || at[length] > '9'))
            return true;
        at++;
    }
    return false;
}

static void test_refused(void)
{
    size_t i;
    for (i = 0; i < COUNT(refused); i++) {
        puter_error error;
        puter_json *json = parse(refused[i].text, refused[i].length, &error);
        CHECK_IN("refused %d, %s", (int)i, refused[i].text);
        CHECK(!json);
        CHECK(error.result < 0);
        CHECK(error.message[0]);
        if (refused[i].offset >= 0 &&
            !names_offset(error.message, refused[i].offset))
            CHECK_STR(error.message, "a message with the offset");
        puter_json_free(json);
    }
}

/* A document is whole or it is none: every cut of one is refused. */
static void test_prefixes(void)
{
    static const char *const documents[] = {
        "{\"success\":true,\"result\":{\"message\":{\"role\":\"assistant\","
        "\"content\":\"\\u00e9\xF0\x9F\x98\x80 \\ud83d\\ude00 hi\\n\"},"
        "\"usage\":[{\"cost\":-1.5e+3},null,false,[],{}]}}",
        "[1,[2,[3,\"\xE2\x82\xAC\"]],{\"k\":[true]}]",
        "\"a \\\"string\\\" alone\"",
        "false",
    };
    puter_json *json;
    size_t i, length;
    for (i = 0; i < COUNT(documents); i++) {
        for (length = 0; length < strlen(documents[i]); length++) {
            CHECK_IN("document %d cut to %d", (int)i, (int)length);
            CHECK(!parse(documents[i], length, NULL));
        }
        CHECK_IN("document %d", (int)i);
        json = parse_text(documents[i]);
        CHECK(json);
        puter_json_free(json);
    }
}

/* Nor is what stands behind a text looked at, though it would complete it. */
static void test_beginnings(void)
{
    static const char text[] =
        "{\"a\\n\\u00e9\":[true,false,null,-1.5e+3,\"\xC3\xA9\"]}";
    puter_json json = {0};
    puter__reading reading;
    size_t length;
    for (length = 0; length < sizeof text - 1; length++) {
        CHECK_IN("the first %d bytes", (int)length);
        CHECK_INT(puter__json_read(&json, text, length, &reading),
                  PUTER_ERR_PROTOCOL);
        CHECK(reading.offset <= (int)length);
    }
    CHECK_INT(puter__json_read(&json, text, length, &reading), PUTER_OK);
    PUTER_FREE(json.nodes);
}

/* `count` times `open`, a zero, and `closed` times `close`. */
static puter_json *parse_nested(const char *open, size_t count,
                                const char *close, size_t closed,
                                puter_error *error)
{
    size_t open_size = strlen(open), close_size = strlen(close);
    size_t length = count * open_size + 1 + closed * close_size, i;
    char *text = (char *)malloc(length);
    puter_json *json;
    for (i = 0; i < count; i++)
        memcpy(text + i * open_size, open, open_size);
    text[count * open_size] = '0';
    for (i = 0; i < closed; i++)
        memcpy(text + length - (i + 1) * close_size, close, close_size);
    json = parse(text, length, error);
    free(text);
    return json;
}

static void test_depth(void)
{
    static const struct {
        const char *open, *close;
        size_t levels; /* that one pair makes */
    } shapes[] = {{"[", "]", 1}, {"{\"a\":", "}", 1}, {"[{\"a\":", "}]", 2}};
    size_t i;
    for (i = 0; i < COUNT(shapes); i++) {
        const char *open = shapes[i].open, *close = shapes[i].close;
        size_t most = 1000 / shapes[i].levels;
        puter_error error;
        puter_json *json = parse_nested(open, most, close, most, &error);
        puter_value value = puter_json_root(json);
        int depth = 0;
        CHECK_IN("depth of %s", open);
        while (puter_json_count(value) == 1 && depth <= 1000) {
            value = puter_json_at(value, 0);
            depth++;
        }
        CHECK_INT(depth, 1000);
        puter_json_free(json);
        CHECK(!parse_nested(open, most + 1, close, most + 1, &error));
        CHECK_INT(error.result, PUTER_ERR_LIMIT);
        CHECK(!parse_nested(open, 1000000, close, 0, &error));
        CHECK_INT(error.result, PUTER_ERR_LIMIT);
    }
}

/* ---- what was read ------------------------------------------------------ */

static void test_strings(void)
{
    static const struct {
        const char *text;
        const char *value;
        size_t length;
    } rows[] = {
        {"\"\"", TEXT("")},
        {"\"plain\"", TEXT("plain")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", TEXT("\"\\/\b\f\n\r\t")},
        {"\"a\\u0000b\"", TEXT("a\0b")},
        {"\"\\u0000\"", TEXT("\0")},
        {"\"\\u0041\\u00e9\\u20AC\\uFFFF\"",
         TEXT("A\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBF")},
        {"\"\\u007f\\u0080\\u07ff\\u0800\"",
         TEXT("\x7f\xC2\x80\xDF\xBF\xE0\xA0\x80")},
        {"\"\\\\n\"", TEXT("\\n")},
        {"\"\\ud83d\\ude00\"", TEXT("\xF0\x9F\x98\x80")},
        {"\"\\uD800\\uDC00\\uDBFF\\uDFFF\"",
         TEXT("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF")},
        {"\"\xF0\x9F\x98\x80\"", TEXT("\xF0\x9F\x98\x80")},
        /* surrogates without their other half */
        {"\"\\ud83d\"", TEXT("\xEF\xBF\xBD")},
        {"\"\\ude00\"", TEXT("\xEF\xBF\xBD")},
        {"\"\\ud83dx\"", TEXT("\xEF\xBF\xBDx")},
        {"\"\\ud83d\\n\"", TEXT("\xEF\xBF\xBD\n")},
        {"\"\\ud83d\\u0041\"", TEXT("\xEF\xBF\xBD" "A")},
        {"\"\\ude00\\ud83d\"", TEXT("\xEF\xBF\xBD\xEF\xBF\xBD")},
        {"\"\\ud83d\\ud83d\\ude00\"",
         TEXT("\xEF\xBF\xBD\xF0\x9F\x98\x80")},
        {"\"\\ud83d\\ude00\\ude00\"",
         TEXT("\xF0\x9F\x98\x80\xEF\xBF\xBD")},
    };
    size_t i, length;
    for (i = 0; i < COUNT(rows); i++) {
        puter_json *json = parse_text(rows[i].text);
        const char *value =
            puter_json_string(puter_json_root(json), &length);
        CHECK_IN("string %s", rows[i].text);
        CHECK(bytes_equal(value, length, rows[i].value, rows[i].length));
        value = puter_json_string(puter_json_root(json), &length);
        CHECK(bytes_equal(value, length, rows[i].value, rows[i].length));
        puter_json_free(json);
    }
}

static void test_keys(void)
{
    static const char text[] =
        "{\"a\":1,\"a\\u0000b\":2,\"\":3,\"\\u00e9\":4,\"a\":5,\"a.b\":6,"
        "\"A\":7,\"x\":{\"a\":8},\"\\ud83d\":9,\"\\ude00\\n\":10,"
        "\"\\ud83d\\ude00\":11}";
    puter_json *json = parse_text(text);
    puter_value root = puter_json_root(json);
    size_t length;
    const char *key;
    CHECK_IN("keys");
    CHECK_INT(puter_json_integer(puter_json_member(root, "a", 1)), 5);
    CHECK_INT(puter_json_integer(puter_json_get(root, "a")), 5);
    CHECK_INT(puter_json_integer(puter_json_member(root, "a\0b", 3)), 2);
    CHECK_INT(puter_json_integer(puter_json_member(root, "", 0)), 3);
    CHECK_INT(puter_json_integer(puter_json_member(root, "\xC3\xA9", 2)), 4);
    CHECK_INT(puter_json_integer(puter_json_member(root, "a.b", 3)), 6);
    CHECK_INT(puter_json_integer(puter_json_member(root, "A", 1)), 7);
    CHECK_INT(puter_json_integer(puter_json_get(root, "x.a")), 8);
    CHECK_INT(puter_json_integer(puter_json_get(root, "\xEF\xBF\xBD")), 9);
    CHECK_INT(puter_json_integer(puter_json_get(root, "\xEF\xBF\xBD\n")), 10);
    CHECK_INT(puter_json_integer(puter_json_get(root, "\xF0\x9F\x98\x80")), 11);
    CHECK_INT(puter_json_type(puter_json_get(root, "\xEF\xBF")),
              PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_member(root, "a\0c", 3)),
              PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_member(root, "a\0", 2)),
              PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_get(root, "a.b")), PUTER_MISSING);
    key = puter_json_string(puter_json_key(root, 1), &length);
    CHECK(bytes_equal(key, length, "a\0b", 3));
    CHECK_INT(puter_json_integer(puter_json_at(root, 1)), 2);
    puter_json_free(json);
}

static void test_paths(void)
{
    static const struct {
        const char *path;
        puter_type type;
    } rows[] = {
        {"", PUTER_OBJECT},
        {"a", PUTER_ARRAY},
        {"a[0]", PUTER_NUMBER},
        {"a[1]", PUTER_OBJECT},
        {"a[1].b", PUTER_ARRAY},
        {"a[1].b[0]", PUTER_ARRAY},
        {"a[1].b[0][2]", PUTER_STRING},
        {"n", PUTER_NULL},
        {"t", PUTER_BOOL},
        {"o.p.q", PUTER_NUMBER},
        {"b", PUTER_MISSING},
        {"a[2]", PUTER_MISSING},
        {"a[-1]", PUTER_MISSING},
        {"a[99999999999999999999]", PUTER_MISSING},
        {"a[18446744073709551616]", PUTER_MISSING},
        {"a[x]", PUTER_MISSING},
        {"a[]", PUTER_MISSING},
        {"a[0", PUTER_MISSING},
        {"a[0]b", PUTER_MISSING},
        {"a[1b[0]", PUTER_MISSING},
        {"e.", PUTER_OBJECT},
        {"e..", PUTER_NULL},
        {"a[1]b", PUTER_MISSING},
        {"a.0", PUTER_MISSING},
        {"a.b", PUTER_MISSING},
        {"n.x", PUTER_MISSING},
        {"t[0]", PUTER_MISSING},
        {"[0]", PUTER_MISSING},
        {"o[0]", PUTER_MISSING},
        {"o.", PUTER_MISSING},
        {".o", PUTER_MISSING},
        {"o..p", PUTER_MISSING},
        {"x.y.z", PUTER_MISSING},
    };
    puter_json *json = parse_text(
        "{\"a\":[1,{\"b\":[[true,null,\"deep\"]]}],\"n\":null,\"t\":true,"
        "\"o\":{\"p\":{\"q\":7}},\"e\":{\"\":{\"\":null}}}");
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("path %s", rows[i].path);
        CHECK_INT(puter_json_type(get(json, rows[i].path)), rows[i].type);
    }
    CHECK_STR(puter_json_string(get(json, "a[1].b[0][2]"), NULL), "deep");
    puter_json_free(json);
    json = parse_text("[[10,11],[20,21]]");
    CHECK_INT(puter_json_integer(get(json, "[1][0]")), 20);
    puter_json_free(json);
}

/* Getters take any value, and give nothing of one of another type. */
static void test_other_types(void)
{
    static const char *const paths[] = {"null", "bool", "number", "string",
                                        "array", "object", "missing"};
    puter_json *json = parse_text(
        "{\"null\":null,\"bool\":true,\"number\":2.5,\"string\":\"17\","
        "\"array\":[1],\"object\":{\"a\":1}}");
    size_t i, length;
    for (i = 0; i < COUNT(paths); i++) {
        puter_value value = get(json, paths[i]);
        CHECK_IN("getters on %s", paths[i]);
        CHECK_INT(puter_json_bool(value), i == 1);
        CHECK_INT(puter_json_integer(value), i == 2 ? 2 : 0);
        CHECK(puter_json_number(value) == (i == 2 ? 2.5 : 0));
        CHECK_STR(puter_json_string(value, &length), i == 3 ? "17" : "");
        CHECK_INT(length, i == 3 ? 2 : 0);
        CHECK_INT(puter_json_count(value), i == 4 || i == 5);
        CHECK_INT(puter_json_type(puter_json_at(value, 0)),
                  i == 4 || i == 5 ? PUTER_NUMBER : PUTER_MISSING);
        CHECK_INT(puter_json_type(puter_json_key(value, 0)),
                  i == 5 ? PUTER_STRING : PUTER_MISSING);
        CHECK_INT(puter_json_type(puter_json_at(value, 1)), PUTER_MISSING);
        CHECK_INT(puter_json_type(puter_json_member(value, "a", 1)),
                  i == 5 ? PUTER_NUMBER : PUTER_MISSING);
        CHECK_INT(puter_json_type(puter_json_member(value, NULL, 0)),
                  PUTER_MISSING);
    }
    puter_json_free(json);
    CHECK_IN("a string that looks true");
    json = parse_text("\"true\"");
    CHECK(!puter_json_bool(puter_json_root(json)));
    puter_json_free(json);
    CHECK_IN("an array that looks like an object");
    json = parse_text("[\"a\",1]");
    CHECK_INT(puter_json_type(get(json, "a")), PUTER_MISSING);
    puter_json_free(json);
}

/* In order, backwards, jumping, and two walks at once. */
static void test_walking(void)
{
    enum { MANY = 1000 };
    puter_writer writer = {0};
    puter_json *json;
    puter_value root;
    size_t i;
    puter_write_begin_array(&writer);
    for (i = 0; i < MANY; i++) {
        puter_write_begin_array(&writer);
        puter_write_integer(&writer, (int64_t)i);
        puter_write_end_array(&writer);
    }
    puter_write_end_array(&writer);
    json = parse(writer.text, writer.length, NULL);
    root = puter_json_root(json);
    CHECK_INT(puter_json_count(root), MANY);
    for (i = 0; i < MANY; i++) {
        size_t back = MANY - 1 - i, jump = i * 7 % MANY;
        CHECK_IN("walking at %d", (int)i);
        CHECK_INT(puter_json_integer(get(json, "[500][0]")), 500);
        CHECK_INT(puter_json_integer(
                      puter_json_at(puter_json_at(root, i), 0)), i);
        CHECK_INT(puter_json_integer(
                      puter_json_at(puter_json_at(root, back), 0)), back);
        CHECK_INT(puter_json_integer(
                      puter_json_at(puter_json_at(root, jump), 0)), jump);
    }
    CHECK_INT(puter_json_type(puter_json_at(root, MANY)), PUTER_MISSING);
    CHECK_INT(puter_json_type(puter_json_at(root, SIZE_MAX)), PUTER_MISSING);
    puter_json_free(json);
    puter_writer_free(&writer);
}

/* ---- numbers ------------------------------------------------------------ */

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double number_of(const char *text)
{
    puter_json *json = parse_text(text);
    double number = puter_json_number(puter_json_root(json));
    CHECK(json);
    puter_json_free(json);
    return number;
}

/* What the C library reads there, in a locale with a decimal point; beyond
 * the largest double, that one. */
static double reference(const char *text)
{
    double number = strtod(text, NULL);
    return number > DBL_MAX ? DBL_MAX : number < -DBL_MAX ? -DBL_MAX : number;
}

static const char *const doubles[] = {
    "0", "-0", "0.0", "-0.0e5", "0e999999999999", "1", "-1", "10", "0.1",
    "0.7", "1.5", "123456789", "3.141592653589793", "2.718281828459045",
    "1e0", "1E+2", "1e-2", "1e22", "1e23", "1e24", "8.5e15", "9e15",
    /* around 2^53, and halfway between two doubles there */
    "9007199254740991", "9007199254740992", "9007199254740993",
    "9007199254740994", "9007199254740995", "9007199254740996",
    "-9007199254740993", "9007199254740992.5", "9007199254740993.0",
    "9007199254740993.00000000000000000000000000000000000000000000000001",
    "18014398509481985", "18014398509481986", "18446744073709551615",
    "18446744073709551616", "9223372036854775807", "9223372036854774784.5",
    /* halfway from 1 to the next, just below, just above */
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "1.00000000000000033306690738754696212708950042724609375",
    "0.500000000000000166533453693773481063544750213623046875",
    "0.50000000000000016653345369377348106354475021362304687500001",
    /* known to have broken readers */
    "2.2250738585072011e-308", "2.2250738585072012e-308",
    "2.2250738585072014e-308", "2.225073858507201e-308",
    "6.929001713869936e+236", "3.571e266", "3.08984926168550152811e-32",
    "7.3177701707893310e+15", "8.988465674311580e307",
    "358416272e-33", "5e125", "69e267", "999e-026", "7861e-034",
    "75569e-254", "928609e-261", "9210917e+80", "84863171e+114",
    "653777767e+273", "5232604057e-298", "27235667517e-109",
    "653532977297e-123", "3142213164987e-294", "46202199371337e-072",
    "231010996856685e-073", "9324754620109615e+212", "78459735791271921e+049",
    "272104041512242479e+200", "6802601037806061975e+198",
    "20505426358836677347e-221", "836168422905420598437e-234",
    "4891559871276714924261e+222", "0.000000000000000000000000000123456",
    "1234567890123456789012345678901234567890e-20",
    /* the smallest, the largest, and beyond them */
    "5e-324", "4.9e-324", "2.4703282292062327e-324", "2.47e-324",
    "2.4703282292062328e-324", "7.4e-324", "1e-323", "1e-320",
    "2.2250738585072009e-308", "4.4501477170144023e-308", "1e-307",
    "1.7976931348623157e308", "1.7976931348623158e308",
    "1.7976931348623159e308", "1.797693134862315807e308", "1e308",
    "1e309", "-1e309", "1e999", "1e2147483648", "1e99999999999999999999",
    "-1e99999999999999999999", "1e-400", "-1e-400", "1e-2147483649",
    "1e-99999999999999999999", "123e-325", "0.0000001e310",
    "179769313486231580793728971405301e276", "10000000e-330",
};

static void test_doubles(void)
{
    size_t i;
    for (i = 0; i < COUNT(doubles); i++) {
        double seen = number_of(doubles[i]), wanted = reference(doubles[i]);
        CHECK_IN("number %s, %.17g for %.17g", doubles[i], seen, wanted);
        CHECK(bits_of(seen) == bits_of(wanted));
    }
}

/* Digits beyond what any buffer holds still decide. */
static void test_long_numbers(void)
{
    enum { DIGITS = 1000 };
    static const char half[] =
        "1.00000000000000011102230246251565404236316680908203125";
    char text[DIGITS + 16];
    CHECK_IN("long numbers");
    memset(text, '0', sizeof text);
    memcpy(text, half, sizeof half - 1);
    text[DIGITS] = '\0';
    CHECK(number_of(text) == 1.0);
    text[DIGITS - 1] = '1';
    CHECK(number_of(text) == 1.0 + 2.220446049250313e-16);
    memcpy(text + DIGITS - 2, "10", 2);
    CHECK(number_of(text) == 1.0 + 2.220446049250313e-16);
    memset(text, '9', DIGITS);
    CHECK(number_of(text) == DBL_MAX);
    memcpy(text + DIGITS, "e-1000", 7);
    CHECK(number_of(text) == 1.0);
    memset(text, '0', DIGITS);
    text[1] = '.';
    memcpy(text + DIGITS, "7e998", 6);
    CHECK(number_of(text) == 0.7);
    memset(text, '0', DIGITS);
    text[0] = '7';
    memcpy(text + DIGITS, "e-1000", 7);
    CHECK(number_of(text) == 0.7);
}

/* Zeros beyond count, which the exponent makes up for. */
static void test_zeros(void)
{
    enum { ZEROS = 1000000 };
    static char text[ZEROS + 16] = "0.";
    CHECK_IN("a million zeros");
    memset(text + 2, '0', ZEROS);
    memcpy(text + 2 + ZEROS, "1e1000001", 10);
    CHECK(number_of(text) == 1.0);
    memcpy(text + 2 + ZEROS, "1e1000000", 10);
    CHECK(number_of(text) == 0.1);
}

/* Halfway between two doubles, in as many digits as that can take: (2^54 - 1) *
 * 2^-1075, to be rounded to even. The last digit decides. */
static void test_longest_half(void)
{
    enum { DIGITS = 768 };
    unsigned digit[DIGITS] = {0}, i, power; /* the lowest first */
    uint64_t rest = ((uint64_t)1 << 54) - 1;
    char text[DIGITS + 16];
    CHECK_IN("the longest half");
    for (i = 0; i < DIGITS; i++, rest /= 10)
        digit[i] = (unsigned)(rest % 10);
    for (power = 0; power < 1075; power++) {
        unsigned carry = 0;
        for (i = 0; i < DIGITS; i++) {
            carry += digit[i] * 5;
            digit[i] = carry % 10;
            carry /= 10;
        }
    }
    for (i = 0; i < DIGITS; i++)
        text[i] = (char)('0' + digit[DIGITS - 1 - i]);
    CHECK(text[0] != '0' && text[DIGITS - 1] == '5');
    memcpy(text + DIGITS, "e-1075", 7);
    CHECK(number_of(text) == 2 * DBL_MIN);
    text[DIGITS - 1] = '4';
    CHECK(number_of(text) < 2 * DBL_MIN);
}

static void test_integers(void)
{
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"42", 42},
        {"-42", -42},
        {"9007199254740993", 9007199254740993},
        {"-9007199254740993", -9007199254740993},
        {"9223372036854775806", INT64_MAX - 1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775807", -INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775808", INT64_MAX},
        {"-9223372036854775809", INT64_MIN},
        {"18446744073709551616", INT64_MAX},
        {"18446744073709551621", INT64_MAX},
        {"123456789012345678901234567890", INT64_MAX},
        {"-123456789012345678901234567890", INT64_MIN},
        {"1e18", 1000000000000000000},
        {"1e19", INT64_MAX},
        {"-1e300", INT64_MIN},
        {"1e99999999999", INT64_MAX},
        {"1e-5", 0},
        {"1.9", 1},
        {"-1.9", -1},
        {"0.9999999", 0},
        {"12.5e1", 125},
        {"100e-2", 1},
        {"9007199254740993e0", 9007199254740993},
        {"-9.007199254740993e15", -9007199254740993},
        {"12345678901234567890e-1", 1234567890123456789},
        {"9223372036854775807.0e0", INT64_MAX},
        {"0e999999999", 0},
        {"0e99999999999", 0},
        {"0.000e5", 0},
        {"5e-1", 0},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        puter_json *json = parse_text(rows[i].text);
        CHECK_IN("integer %s", rows[i].text);
        CHECK_INT(puter_json_integer(puter_json_root(json)), rows[i].value);
        puter_json_free(json);
    }
}

/* ---- writing ------------------------------------------------------------ */

/* What a writer holds; frees it. */
static void check_written(puter_writer *writer, const char *wanted)
{
    CHECK_INT(writer->result, PUTER_OK);
    CHECK_STR(writer->text, wanted);
    CHECK_INT(writer->length, strlen(wanted));
    CHECK(writer->capacity > writer->length);
    puter_writer_free(writer);
    CHECK(!writer->text && !writer->length && !writer->capacity);
}

static void test_write_strings(void)
{
    static const struct {
        const char *text;
        size_t length;
        const char *json;
    } rows[] = {
        {TEXT(""), "\"\""},
        {TEXT("Halo"), "\"Halo\""},
        {TEXT("\"\\/"), "\"\\\"\\\\/\""},
        {TEXT("\n\t"), "\"\\n\\t\""},
        {TEXT("\x7f"), "\"\x7f\""},
        {TEXT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
         "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {TEXT("\xEE\x80\x80\xED\x9F\xBF"), "\"\xEE\x80\x80\xED\x9F\xBF\""},
        /* what is no UTF-8, one mark for each maximal piece */
        {TEXT("\xFF"), "\"\xEF\xBF\xBD\""},
        {TEXT("a\x80z"), "\"a\xEF\xBF\xBDz\""},
        {TEXT("\xC3"), "\"\xEF\xBF\xBD\""},
        {TEXT("\xC3z"), "\"\xEF\xBF\xBDz\""},
        {TEXT("\xE2\x82\""), "\"\xEF\xBF\xBD\\\"\""},
        {TEXT("\xF0\x9F\x98z"), "\"\xEF\xBF\xBDz\""},
    };
    size_t i;
    {
        puter_writer writer = {0};
        CHECK_IN("writing no characters");
        puter_write_chars(&writer, NULL, 0);
        check_written(&writer, "\"\"");
    }
    for (i = 0; i < COUNT(rows); i++) {
        puter_writer writer = {0};
        CHECK_IN("writing string %d", (int)i);
        puter_write_chars(&writer, rows[i].text, rows[i].length);
        check_written(&writer, rows[i].json);
        puter_write_string(&writer, rows[i].text);
        check_written(&writer, rows[i].json);
    }
}

/* Whatever the bytes, what is written is JSON. */
static void test_write_any_bytes(void)
{
    unsigned pair;
    for (pair = 0; pair < 0x10000; pair++) {
        char bytes[4];
        puter_writer writer = {0};
        puter_json *json;
        bytes[0] = (char)(pair >> 8);
        bytes[1] = (char)(pair & 0xFF);
        bytes[2] = '\x80';
        bytes[3] = '\xBF';
        puter_write_chars(&writer, bytes, sizeof bytes);
        json = parse(writer.text, writer.length, NULL);
        CHECK_IN("bytes %04x", pair);
        CHECK(json);
        puter_json_free(json);
        puter_writer_free(&writer);
    }
}

/* Control bytes come back as they went. */
static void test_write_controls(void)
{
    char all[33];
    puter_writer writer = {0};
    puter_json *json;
    const char *back, *at;
    size_t length;
    CHECK_IN("control bytes");
    for (length = 0; length < sizeof all; length++)
        all[length] = (char)length;
    puter_write_chars(&writer, all, sizeof all);
    for (at = writer.text; *at; at++)
        if ((unsigned char)*at < ' ')
            break;
    CHECK_INT(*at, 0);
    json = parse(writer.text, writer.length, NULL);
    back = puter_json_string(puter_json_root(json), &length);
    CHECK(bytes_equal(back, length, all, sizeof all));
    puter_json_free(json);
    puter_writer_free(&writer);
}

/* Text is taken several bytes at a time: each character that is not plain, at
 * each place of texts of each length, comes back as it went. */
static void test_write_places(void)
{
    static const char *const odd[] = {"\"", "\\", "\n", "\x1F", "\x7F",
                                      "\xC3\xA9", "\xF0\x9F\x98\x80"};
    size_t kind, length, at;
    for (kind = 0; kind < COUNT(odd); kind++) {
        size_t size = strlen(odd[kind]);
        for (length = size; length <= 50; length++) {
            char *text = (char *)malloc(length);
            bool back = true;
            for (at = 0; text && back && at + size <= length; at++) {
                puter_writer writer = {0};
                puter_json *json;
                const char *string;
                size_t seen;
                memset(text, 'x', length);
                memcpy(text + at, odd[kind], size);
                puter_write_chars(&writer, text, length);
                json = parse(writer.text, writer.length, NULL);
                string = puter_json_string(puter_json_root(json), &seen);
                back = bytes_equal(string, seen, text, length);
                puter_json_free(json);
                puter_writer_free(&writer);
            }
            CHECK_IN("a character %d in %d bytes, before %d", (int)kind,
                     (int)length, (int)at);
            CHECK(back);
            free(text);
        }
    }
}

static void test_write_nesting(void)
{
    puter_writer writer = {0};
    CHECK_IN("nesting");
    puter_write_begin_object(&writer);
    puter_write_key(&writer, "empty");
    puter_write_begin_object(&writer);
    puter_write_end_object(&writer);
    puter_write_key(&writer, "list");
    puter_write_begin_array(&writer);
    puter_write_begin_array(&writer);
    puter_write_end_array(&writer);
    puter_write_bool(&writer, true);
    puter_write_bool(&writer, false);
    puter_write_null(&writer);
    puter_write_string(&writer, NULL);
    puter_write_begin_object(&writer);
    puter_write_key(&writer, "a\"b\xFF");
    puter_write_integer(&writer, -1);
    puter_write_key(&writer, "raw");
    puter_write_raw(&writer, TEXT("[1, 2]"));
    puter_write_key(&writer, "after");
    puter_write_number(&writer, 0.5);
    puter_write_end_object(&writer);
    puter_write_raw(&writer, TEXT("3"));
    puter_write_integer(&writer, 4);
    puter_write_end_array(&writer);
    puter_write_key(&writer, "");
    puter_write_string(&writer, "");
    puter_write_end_object(&writer);
    check_written(&writer,
                  "{\"empty\":{},\"list\":[[],true,false,null,null,"
                  "{\"a\\\"b\xEF\xBF\xBD\":-1,\"raw\":[1, 2],\"after\":0.5},"
                  "3,4],\"\":\"\"}");
}

static void test_write_numbers(void)
{
    static const struct {
        double number;
        const char *json;
    } rows[] = {
        {0, "0"},
        {3, "3"},
        {-3, "-3"},
        {10, "10"},
        {100000, "100000"},
        {1234567, "1234567"},
        {123456789012345, "123456789012345"},
        {9007199254740992.0, "9007199254740992"},
        {0.7, "0.7"},
        {0.1, "0.1"},
        {-0.25, "-0.25"},
        {1.1, "1.1"},
        {0.3, "0.3"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {900719925474099.25, "900719925474099.2"}, /* as close: the even one */
        {900719925474099.75, "900719925474099.8"},
        {2.98023223876953125e-8, "2.9802322387695312e-8"},
        {4.35, "4.35"},
        {0.000001, "0.000001"}, /* with an exponent as in ECMAScript */
        {0.00000012, "1.2e-7"},
        {123456789012345680000.0, "123456789012345680000"},
        {1.2e21, "1.2e+21"},
        {5e-324, NULL},
        {2.2250738585072014e-308, NULL},
        {1.7976931348623157e308, NULL},
        {1e21, NULL},
        {1e22, NULL},
        {1e23, NULL},
        {9007199254740993.0, NULL},
        {-0.0, NULL},
    };
    size_t i;
    puter_writer writer = {0};
    for (i = 0; i < COUNT(rows); i++) {
        CHECK_IN("writing %.17g", rows[i].number);
        puter_write_number(&writer, rows[i].number);
        CHECK(bits_of(number_of(writer.text)) == bits_of(rows[i].number));
        check_written(&writer, rows[i].json ? rows[i].json : writer.text);
    }
    CHECK_IN("numbers that JSON lacks");
    puter_write_begin_array(&writer);
    puter_write_number(&writer, NAN);
    puter_write_number(&writer, INFINITY);
    puter_write_number(&writer, -INFINITY);
    puter_write_end_array(&writer);
    check_written(&writer, "[null,null,null]");
    CHECK_IN("integers");
    puter_write_begin_array(&writer);
    puter_write_integer(&writer, INT64_MIN);
    puter_write_integer(&writer, INT64_MAX);
    puter_write_integer(&writer, 0);
    puter_write_end_array(&writer);
    check_written(&writer, "[-9223372036854775808,9223372036854775807,0]");
}

/* The digits that tell a number: neither the sign, the point, the exponent
 * nor the zeros around them. */
static int significant_digits(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e' && *text != 'E'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        zeros = *text == '0' ? zeros + (digits > 0) : 0;
        digits += digits > 0 || *text != '0';
    }
    return digits - zeros;
}

static int fewest_digits(double number)
{
    char text[32];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*g", ++precision, number);
    while (strtod(text, NULL) != number);
    return significant_digits(text);
}

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64 (Steele, Lea and Flood, 2014) */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Any bits at all; as doubles met in life; and near powers of ten. */
static double draw_double(uint64_t *state, int kind)
{
    uint64_t bits = next_random(state);
    char text[32];
    double number;
    if (kind == 1)
        return (double)(bits >> 32) / 1e6;
    if (kind == 2) {
        snprintf(text, sizeof text, "%de%d", (int)(bits >> 60),
                 (int)(bits % 45) - 22);
        return strtod(text, NULL);
    }
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void test_random_numbers(void)
{
    uint64_t state = 42;
    int i;
    for (i = 0; i < 30000; i++) {
        double number = draw_double(&state, i % 3);
        puter_writer writer = {0};
        if (!isfinite(number))
            continue;
        puter_write_number(&writer, number);
        CHECK_IN("random %.17g written %s", number, writer.text);
        CHECK(bits_of(number_of(writer.text)) == bits_of(number));
        CHECK(strtod(writer.text, NULL) == number);
        CHECK_INT(significant_digits(writer.text), fewest_digits(number));
        CHECK(writer.length <= 25);
        puter_writer_free(&writer);
    }
}

/* Random decimals, with more digits than a double holds. */
static void test_random_decimals(void)
{
    uint64_t state = 7;
    char text[80];
    int i;
    for (i = 0; i < 10000; i++) {
        uint64_t high = next_random(&state), low = next_random(&state);
        int exponent = (int)(next_random(&state) % 700) - 360;
        snprintf(text, sizeof text, "%s%llu.%llue%d", i % 2 ? "-" : "",
                 (unsigned long long)(high >> (i % 60)),
                 (unsigned long long)low, exponent);
        CHECK_IN("decimal %s", text);
        CHECK(bits_of(number_of(text)) == bits_of(reference(text)));
    }
}

/* Numbers keep their point where the locale has a comma. */
static void test_comma_locale(void)
{
    static const char *const locales[] = {
        "de_DE.UTF-8", "fr_FR.UTF-8", "id_ID.UTF-8", "pt_BR.UTF-8",
        "es_ES.UTF-8", "ru_RU.UTF-8", "de_DE", "fr_FR", "id_ID"};
    puter_writer writer = {0};
    size_t i;
    for (i = 0; i < COUNT(locales); i++)
        if (setlocale(LC_ALL, locales[i]) &&
            strcmp(localeconv()->decimal_point, ",") == 0)
            break;
    if (i == COUNT(locales)) {
        printf("test_json: no locale with a decimal comma is installed\n");
        return;
    }
    CHECK_IN("locale %s", locales[i]);
    CHECK(number_of("-1.25e-3") == -0.00125);
    CHECK(number_of("9007199254740993.5") == 9007199254740994.0);
    CHECK(!parse_text("1,5"));
    puter_write_begin_array(&writer);
    puter_write_number(&writer, 0.7);
    puter_write_number(&writer, 1e-7);
    puter_write_end_array(&writer);
    CHECK(strncmp(writer.text, "[0.7,1", 6) == 0);
    CHECK(!strchr(writer.text + 5, ','));
    puter_writer_free(&writer);
    setlocale(LC_ALL, "C");
}

/* ---- large documents ---------------------------------------------------- */

static void test_large_object(void)
{
    enum { MANY = 50000 };
    puter_writer writer = {0};
    puter_json *json;
    puter_value root;
    char key[32];
    int i;
    puter_write_begin_object(&writer);
    for (i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        puter_write_key(&writer, key);
        puter_write_integer(&writer, i);
    }
    puter_write_end_object(&writer);
    json = parse(writer.text, writer.length, NULL);
    root = puter_json_root(json);
    CHECK_IN("large object");
    CHECK_INT(puter_json_count(root), MANY);
    CHECK_INT(puter_json_integer(puter_json_get(root, "key-49999")), 49999);
    for (i = 0; i < MANY; i++)
        if (puter_json_integer(puter_json_at(root, (size_t)i)) != i)
            break;
    CHECK_INT(i, MANY);
    puter_json_free(json);
    puter_writer_free(&writer);
}

static void test_large_array(void)
{
    enum { MANY = 200000 };
    puter_writer writer = {0};
    puter_json *json;
    puter_value root;
    int i;
    puter_write_begin_array(&writer);
    for (i = 0; i < MANY; i++)
        puter_write_integer(&writer, i);
    puter_write_end_array(&writer);
    json = parse(writer.text, writer.length, NULL);
    root = puter_json_root(json);
    CHECK_IN("large array");
    CHECK_INT(puter_json_count(root), MANY);
    for (i = 0; i < MANY; i++)
        if (puter_json_integer(puter_json_at(root, (size_t)i)) != i)
            break;
    CHECK_INT(i, MANY);
    puter_json_free(json);
    puter_writer_free(&writer);
}

/* A string of `unit`, `count` times over, each read as `character`. */
static void check_large_string(const char *unit, size_t count, char character)
{
    size_t size = strlen(unit), length = count * size + 2, i;
    char *text = (char *)malloc(length);
    puter_json *json;
    const char *value;
    for (i = 0; i < count; i++)
        memcpy(text + 1 + i * size, unit, size);
    text[0] = text[length - 1] = '"';
    json = parse(text, length, NULL);
    value = puter_json_string(puter_json_root(json), &length);
    CHECK_IN("large string of %s", unit);
    CHECK_INT(length, count);
    for (i = 0; i < length; i++)
        if (value[i] != character)
            break;
    CHECK_INT(i, count);
    puter_json_free(json);
    free(text);
}

/* 512 MiB are the most; the length alone tells. */
static void test_too_large(void)
{
    size_t length = ((size_t)512 << 20) + 1;
    char *text = (char *)calloc(length, 1);
    puter_error error;
    CHECK_IN("too large");
    if (text) {
        CHECK(!puter_json_parse(text, length, &error));
        CHECK_INT(error.result, PUTER_ERR_LIMIT);
    }
    free(text);
}

int main(void)
{
    test_accepted();
    test_refused();
    test_prefixes();
    test_beginnings();
    test_depth();
    test_strings();
    test_keys();
    test_paths();
    test_other_types();
    test_walking();
    test_doubles();
    test_long_numbers();
    test_zeros();
    test_longest_half();
    test_integers();
    test_write_strings();
    test_write_any_bytes();
    test_write_controls();
    test_write_places();
    test_write_nesting();
    test_write_numbers();
    test_random_numbers();
    test_random_decimals();
    test_comma_locale();
    test_large_object();
    test_large_array();
    check_large_string("x", 4 << 20, 'x');
    check_large_string("\\u0041", (1 << 20) / 6, 'A');
    check_large_string("\\n", 1 << 19, '\n');
    test_too_large();
    return check_done();
}
