/* test_scale.c - nothing that a service can say costs more than linear time,
 * or more memory than a small factor of it.
 *
 * Every case is measured twice, the second time on ten times the input. Time
 * is counted, not taken: turns of puter.h's loops, and bytes that it has the
 * C library go over. So the same run always gives the same figures.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What puter.h has taken since it was last reset. */
typedef struct scale_costs {
    size_t work;   /* loops' turns, and bytes gone over */
    size_t blocks; /* allocations, */
    size_t asked;  /* their bytes in all, */
    size_t held;   /* those that are held now, */
    size_t peak;   /* and those that were, at most */
    size_t calls;  /* of the transport */
} scale_costs;

static scale_costs taken;

/* ---- counting memory ---------------------------------------------------- */

typedef union scale_block {
    size_t size;
    long double aligned;
} scale_block;

/* While a block is moved there are two. */
static void *scale_realloc(void *memory, size_t size)
{
    scale_block *old = memory ? (scale_block *)memory - 1 : NULL;
    size_t old_size = old ? old->size : 0;
    scale_block *moved = malloc(sizeof *moved + size);
    if (!moved)
        abort();
    moved->size = size;
    if (old)
        memcpy(moved + 1, memory, old_size < size ? old_size : size);
    free(old);
    taken.work += old_size;
    taken.blocks++;
    taken.asked += size;
    taken.held += size;
    if (taken.held > taken.peak)
        taken.peak = taken.held;
    taken.held -= old_size;
    return moved + 1;
}

static void scale_free(void *memory)
{
    scale_block *old = memory ? (scale_block *)memory - 1 : NULL;
    taken.held -= old ? old->size : 0;
    free(old);
}

#define PUTER_MALLOC(size) scale_realloc(NULL, size)
#define PUTER_REALLOC scale_realloc
#define PUTER_FREE scale_free

/* ---- counting work ------------------------------------------------------ */

static void *scale_memchr(const void *in, int c, size_t size)
{
    void *found = memchr(in, c, size);
    taken.work += found ? (size_t)((char *)found - (const char *)in) : size;
    return found;
}

static size_t scale_strlen(const char *text)
{
    taken.work += strlen(text);
    return strlen(text);
}

static char *scale_strstr(const char *text, const char *word)
{
    taken.work += strlen(text);
    return strstr(text, word);
}

/* From here to where they are undefined again the loops count their turns;
 * what calls these functions with a size has it counted. Of the rest (strcmp,
 * strchr and the like) one operand is short. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wkeyword-macro"
#endif
#define while(...) while (taken.work++, (__VA_ARGS__))
#define for(...) for (__VA_ARGS__) if (taken.work++, false) {} else
#undef memcpy
#undef memmove
#undef memcmp
#undef memset
#define memcpy(to, from, size) (taken.work += (size), memcpy(to, from, size))
#define memmove(to, from, size) (taken.work += (size), memmove(to, from, size))
#define memcmp(a, b, size) (taken.work += (size), memcmp(a, b, size))
#define memset(to, c, size) (taken.work += (size), memset(to, c, size))
#define memchr scale_memchr
#define strlen scale_strlen
#define strstr scale_strstr

#define PUTER_NO_TLS
#define PUTER_NO_SOCKETS
#define PUTER_IMPLEMENTATION
#include "../puter.h"

#undef while
#undef for
#undef memcpy
#undef memmove
#undef memcmp
#undef memset
#undef memchr
#undef strlen
#undef strstr
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#include "script.h"

/* ---- measuring ---------------------------------------------------------- */

/* As much again as ten times the input, and half as much where a buffer that
 * grows by halves has just grown. What is quadratic takes a hundred times. */
#define MOST_GROWTH 15

/* Of memory: so many bytes for each of the input's, and those of a client. */
#define MOST_MEMORY 32
#define CLIENT_MEMORY 65536

/* What goes on whatever the input. */
#define SLACK 100000

static void reset(void)
{
    size_t held = taken.held;
    memset(&taken, 0, sizeof taken);
    taken.held = taken.peak = held;
}

static void check_scale(const scale_costs *small, const scale_costs *large,
                        size_t bytes)
{
    CHECK(large->work <= MOST_GROWTH * small->work + SLACK);
    CHECK(large->asked <= MOST_GROWTH * small->asked + CLIENT_MEMORY);
    CHECK(large->calls <= MOST_GROWTH * small->calls);
    CHECK(large->peak <= MOST_MEMORY * bytes + CLIENT_MEMORY);
    CHECK_INT(large->held, 0);
}

/* Text of `count` pieces, in which %zu is the piece's number. */
static script_bytes repeat(const char *before, const char *piece,
                           const char *after, size_t count)
{
    script_bytes text = {0};
    char one[128];
    size_t i;
    script_append(&text, before, strlen(before));
    for (i = 0; i < count; i++)
        script_append(&text, one,
                      (size_t)snprintf(one, sizeof one, piece, i));
    script_append(&text, after, strlen(after));
    return text;
}

/* ---- documents ---------------------------------------------------------- */

static const struct {
    const char *name, *before, *piece, *after;
    bool accepted;
} documents[] = {
    {"a long string", "[\"", "abcdefgh", "\"]", true},
    {"escapes", "[\"", "\\n\\u00e9", "\"]", true},
    {"pairs of surrogates", "[\"", "\\ud83d\\ude00", "\"]", true},
    {"halves of pairs", "[\"", "\\ud83d", "\"]", true},
    {"characters", "[\"", "\xC3\xA9", "\"]", true},
    {"zeros", "[0", ",0", "]", true},
    {"empty strings", "[\"\"", ",\"\"", "]", true},
    {"empty arrays", "[[]", ",[]", "]", true},
    {"arrays in an array", "[0", ",[0,0]", "]", true},
    {"objects in an array", "[0", ",{\"a\":[0]}", "]", true},
    {"deep arrays", "[0", ",[[[[[[[[[[0]]]]]]]]]]", "]", true},
    {"members", "{\"a\":0", ",\"k%zu\":0", "}", true},
    {"members of one name", "{\"a\":0", ",\"a\":0", "}", true},
    {"members with escapes", "{\"a\":0", ",\"\\u0061%zu\":0", "}", true},
    {"a long key", "{\"a", "aaaaaaaa", "\":0}", true},
    {"a long key of escapes", "{\"a", "\\u0061", "\":0}", true},
    {"digits", "[1", "0", "]", true},
    {"digits of a fraction", "[0.", "0", "1]", true},
    {"digits of an exponent", "[1e", "9", "]", true},
    {"spaces", "[", "  \r\n\t", "]", true},
    {"open arrays", "", "[", "", false},
    {"open objects", "", "{\"a\":", "", false},
    {"an open string", "\"", "a", "", false},
    {"an open string of escapes", "\"", "\\\"", "", false},
    {"values without an end", "[0", ",0", "", false},
    {"a mistake at the end", "[0", ",0", "0]", false},
};

/* Reads all there is. */
static void walk(puter_value value)
{
    size_t i;
    puter_json_string(value, NULL);
    puter_json_number(value);
    puter_json_integer(value);
    puter_json_member(value, "a", 1);
    puter_json_get(value, "b.c[1].d");
    for (i = 0; i < puter_json_count(value); i++) {
        walk(puter_json_key(value, i));
        walk(puter_json_at(value, i));
    }
}

static scale_costs read_document(size_t row, const script_bytes *text)
{
    puter_json *json;
    reset();
    json = puter_json_parse(text->bytes, text->length, NULL);
    CHECK_INT(json != NULL, documents[row].accepted);
    walk(puter_json_root(json));
    puter_json_free(json);
    return taken;
}

static void test_documents(void)
{
    size_t row;
    for (row = 0; row < sizeof documents / sizeof *documents; row++) {
        scale_costs costs[2];
        script_bytes text = {0};
        int i;
        CHECK_IN("%s", documents[row].name);
        for (i = 0; i < 2; i++) {
            free(text.bytes);
            text = repeat(documents[row].before, documents[row].piece,
                          documents[row].after, i ? 50000 : 5000);
            costs[i] = read_document(row, &text);
        }
        check_scale(&costs[0], &costs[1], text.length);
        free(text.bytes);
    }
}

int main(void)
{
    test_documents();
    return check_done();
}
