/* standin_base.h - what every part of the stand-in uses: its settings, the
 * list of its faults, and bytes that grow. */
#ifndef STANDIN_BASE_H
#define STANDIN_BASE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- faults ------------------------------------------------------------- */

typedef enum standin_fault {
    FAULT_NONE,
    FAULT_HTML, FAULT_TEXT, FAULT_EMPTY, FAULT_REDIRECT, FAULT_GZIP,
    FAULT_FORBIDDEN, FAULT_FUNDS, FAULT_MODERATION, FAULT_ECHO_TOKEN,
    FAULT_RATE_ONCE, FAULT_RATE, FAULT_UNAVAILABLE, FAULT_EARLY_413,
    FAULT_CUT, FAULT_CUT_RESET, FAULT_CUT_STREAM, FAULT_STALL,
    FAULT_UNTIL_CLOSE, FAULT_NO_CLOSE_NOTIFY, FAULT_CLOSE_EARLY,
    FAULT_DROP_IDLE, FAULT_MUTE, FAULT_HANG_UP,
    FAULT_ONE_BYTE, FAULT_TRAILERS, FAULT_INTERIM, FAULT_BIG_HEAD,
    FAULT_STEER,
    FAULT_STREAM_ERROR, FAULT_UNKNOWN_LINES, FAULT_BARE_TEXT,
    FAULT_EXPIRED, FAULT_NOT_YET_VALID, FAULT_WRONG_HOST, FAULT_SELF_SIGNED,
    FAULT_UNTRUSTED, FAULT_TLS_PLAIN,
    FAULT_COUNT
} standin_fault;

static const struct {
    const char *name, *what;
} faults[FAULT_COUNT] = {
    [FAULT_NONE] = {"none", "all is well"},
    [FAULT_HTML] = {"html", "200 with a page of HTML"},
    [FAULT_TEXT] = {"text", "200 with plain text"},
    [FAULT_EMPTY] = {"empty", "200 with an empty body"},
    [FAULT_REDIRECT] = {"redirect", "302 to another host"},
    [FAULT_GZIP] = {"gzip", "a compressed body that nobody asked for"},
    [FAULT_FORBIDDEN] = {"forbidden", "403 forbidden"},
    [FAULT_FUNDS] = {"funds", "402 insufficient_funds"},
    [FAULT_MODERATION] = {"moderation", "400 moderation_flagged"},
    [FAULT_ECHO_TOKEN] = {"echo-token", "an error that quotes the token"},
    [FAULT_RATE_ONCE] = {"rate-once", "429 to the first request"},
    [FAULT_RATE] = {"rate", "429 to every request"},
    [FAULT_UNAVAILABLE] = {"unavailable", "503 with Retry-After: 5"},
    [FAULT_EARLY_413] = {"early-413", "413, and the body is never read"},
    [FAULT_CUT] = {"cut", "the body stops in its middle; a clean close"},
    [FAULT_CUT_RESET] = {"cut-reset", "the same with a reset"},
    [FAULT_CUT_STREAM] = {"cut-stream", "a stream stops between two lines"},
    [FAULT_STALL] = {"stall", "the head, then silence"},
    [FAULT_UNTIL_CLOSE] = {"until-close", "only the close ends the body"},
    [FAULT_NO_CLOSE_NOTIFY] = {"no-close-notify", "the same without TLS's "
                               "close_notify"},
    [FAULT_CLOSE_EARLY] = {"close-early", "reads the request, then closes"},
    [FAULT_DROP_IDLE] = {"drop-idle", "promises keep-alive, then closes"},
    [FAULT_MUTE] = {"mute", "accepts connections and says nothing"},
    [FAULT_HANG_UP] = {"hang-up", "accepts connections and closes them"},
    [FAULT_ONE_BYTE] = {"one-byte", "every byte is a chunk of its own"},
    [FAULT_TRAILERS] = {"trailers", "chunk extensions and trailer fields"},
    [FAULT_INTERIM] = {"interim", "100 and 103 before the answer"},
    [FAULT_BIG_HEAD] = {"big-head", "a head of 1 MiB"},
    [FAULT_STEER] = {"steer", "a version with a terminal's control bytes"},
    [FAULT_STREAM_ERROR] = {"stream-error", "a stream fails after two lines"},
    [FAULT_UNKNOWN_LINES] = {"unknown-lines", "lines of unknown types in a "
                             "stream"},
    [FAULT_BARE_TEXT] = {"bare-text", "stream lines without a type, as in "
                         "2024"},
    [FAULT_EXPIRED] = {"expired", "a certificate of the past"},
    [FAULT_NOT_YET_VALID] = {"not-yet-valid", "a certificate of the future"},
    [FAULT_WRONG_HOST] = {"wrong-host", "a certificate for another host"},
    [FAULT_SELF_SIGNED] = {"self-signed", "a certificate that signs itself"},
    [FAULT_UNTRUSTED] = {"untrusted", "signed by another CA of the same name"},
    [FAULT_TLS_PLAIN] = {"tls-plain", "no TLS although the origin says https"},
};

/* ---- settings ----------------------------------------------------------- */

typedef enum standin_era { ERA_2025 = 2025, ERA_2026 = 2026 } standin_era;

static struct {
    standin_era era;
    standin_fault fault;
    bool plain;
    int port;
    FILE *log;
    char ca_path[1024]; /* "": nothing to remove at the end */
} settings = {ERA_2026, FAULT_NONE, false, 0, NULL, ""};

/* Ends the program. Safe in a signal handler, which is why it is so curt. */
static void quit(int status)
{
    if (*settings.ca_path)
        unlink(settings.ca_path);
    _exit(status);
}

static void die(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fputs("standin: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    quit(1);
}

/* For calls of Mbed TLS that fail only for want of memory or by a
 * mistake of ours. */
static void must(int result, const char *what)
{
    if (result != 0)
        die("%s: -0x%04x", what, (unsigned)-result);
}

/* ---- bytes -------------------------------------------------------------- */

/* {0} is an empty one. NUL-ended once anything was added. */
typedef struct bytes {
    char *data;
    size_t length, capacity;
} bytes;

static void *grow(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (!memory)
        die("out of memory");
    return memory;
}

/* Makes room for `length` bytes more and a NUL. */
static void bytes_reserve(bytes *b, size_t length)
{
    size_t needed = b->length + length + 1;
    if (needed <= b->capacity)
        return;
    b->capacity = needed > 2 * b->capacity ? needed : 2 * b->capacity;
    b->data = (char *)grow(b->data, b->capacity);
}

static void bytes_add(bytes *b, const void *data, size_t length)
{
    bytes_reserve(b, length);
    if (length)
        memcpy(b->data + b->length, data, length);
    b->length += length;
    b->data[b->length] = '\0';
}

static void bytes_text(bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

/* printf, for what is short. */
static void bytes_format(bytes *b, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    bytes_text(b, text);
}

/* Forgets the first bytes. */
static void bytes_drop(bytes *b, size_t length)
{
    b->length -= length;
    memmove(b->data, b->data + length, b->length);
    b->data[b->length] = '\0';
}

static void bytes_free(bytes *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

/* Moves what a writer wrote, which must have gone well. */
static void bytes_take(bytes *b, puter_writer *writer)
{
    if (writer->result != PUTER_OK)
        die("writing JSON: %s", puter_result_name(writer->result));
    bytes_add(b, writer->text, writer->length);
    puter_writer_free(writer);
}

/* ---- lists of words ----------------------------------------------------- */

/* The next word of a list that spaces separate, and its length; 0 at the
 * end. Moves *list behind it. */
static size_t next_word(const char **list, const char **word)
{
    size_t length;
    *list += strspn(*list, " ");
    *word = *list;
    length = strcspn(*list, " ");
    *list += length;
    return length;
}

static bool word_in(const char *list, const char *wanted)
{
    const char *word;
    size_t length;
    while ((length = next_word(&list, &word)) != 0)
        if (strlen(wanted) == length && memcmp(word, wanted, length) == 0)
            return true;
    return false;
}

static bool starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

#endif
