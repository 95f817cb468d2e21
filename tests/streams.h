/* streams.h - answers line by line, good ones and bad ones, and the events
 * that have to come of them. */
#ifndef STREAMS_H
#define STREAMS_H

#include "script.h"

#define LINES "application/x-ndjson"

static const puter_request halo = {.prompt = "Halo"};

/* ---- what a stream said, as text ---------------------------------------- */

static inline void note(script_bytes *log, const char *text, size_t length)
{
    script_append(log, text, length);
}

static inline void note_number(script_bytes *log, bool known, double number)
{
    char text[40] = "-";
    if (known)
        snprintf(text, sizeof text, "%.9g", number);
    note(log, " ", 1);
    note(log, text, strlen(text));
}

static inline void note_usage(script_bytes *log, const puter_usage *usage)
{
    note(log, "usage", 5);
    note_number(log, usage->has_prompt_tokens, (double)usage->prompt_tokens);
    note_number(log, usage->has_completion_tokens,
                (double)usage->completion_tokens);
    note_number(log, usage->has_cached_tokens, (double)usage->cached_tokens);
    note_number(log, usage->has_usd_cents, usage->usd_cents);
}

static inline void note_tool_call(script_bytes *log,
                                  const puter_tool_call *call)
{
    const char *fields[4];
    int i;
    fields[0] = "call ";
    fields[1] = call->id;
    fields[2] = call->name;
    fields[3] = call->arguments;
    for (i = 0; i < 4; i++) {
        note(log, fields[i], strlen(fields[i]));
        note(log, " ", i == 1 || i == 2);
    }
}

/* One line of the log for each event: what it is and what it carries. */
static inline void note_event(script_bytes *log, const puter_event *event)
{
    static const char *const names[] = {
        NULL, "text ", "reasoning ", NULL, "image ", NULL, "compaction "};
    switch (event->type) {
    case PUTER_EVENT_TOOL_CALL:
        note_tool_call(log, event->tool_call);
        break;
    case PUTER_EVENT_USAGE:
        note_usage(log, event->usage);
        break;
    case PUTER_EVENT_OTHER:
        note(log, "other ", 6);
        note(log, event->json, event->json_length);
        break;
    default:
        note(log, names[event->type], strlen(names[event->type]));
        CHECK_INT(strlen(event->text), event->length);
        note(log, event->text, event->length);
    }
    note(log, "\n", 1);
}

/* Asks for a stream and reads it to its end; notes each event and the end.
 * Where `begin` fails already, or `next` once, `next` repeats it. */
static inline void note_stream(script_bytes *log, puter_client *client,
                        const puter_request *request)
{
    puter_event event;
    const char *name;
    int result = puter_stream_begin(client, request);
    if (result >= 0)
        while ((result = puter_stream_next(client, &event)) > 0)
            if (result == 1)
                note_event(log, &event);
    CHECK_INT(puter_stream_next(client, &event), result);
    name = result ? puter_result_name((puter_result)result) : "end";
    note(log, name, strlen(name));
}

/* ---- bodies, framed ------------------------------------------------------*/

enum { BY_LENGTH = 0, BY_LINE = -1, BY_END = -2 }; /* or a chunk's size */

static inline size_t chunk_size(const char *text, int framing)
{
    const char *line_end = strchr(text, '\n');
    size_t rest = strlen(text), size = (size_t)framing;
    if (framing == BY_LINE)
        size = line_end ? (size_t)(line_end + 1 - text) : rest;
    return size < rest ? size : rest;
}

/* The next reply: the lines as a stream. */
static inline void script_lines(script *peer, const char *lines, int framing)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: " LINES "\r\n";
    script_bytes reply = {0};
    char line[32];
    if (framing == BY_LENGTH) {
        script_typed_reply(peer, 200, LINES, lines);
        return;
    }
    note(&reply, head, sizeof head - 1);
    if (framing == BY_END) {
        note(&reply, "\r\n", 2);
        note(&reply, lines, strlen(lines));
        script_current(peer)->end = SCRIPT_CLEAN;
    } else {
        note(&reply, "Transfer-Encoding: chunked\r\n\r\n", 30);
        while (*lines) {
            size_t size = chunk_size(lines, framing);
            snprintf(line, sizeof line, "%zx\r\n", size);
            note(&reply, line, strlen(line));
            note(&reply, lines, size);
            note(&reply, "\r\n", 2);
            lines += size;
        }
        note(&reply, "0\r\n\r\n", 5);
    }
    script_raw(peer, reply.bytes, reply.length);
    free(reply.bytes);
}

/* ---- rows --------------------------------------------------------------- */

typedef struct stream_row {
    const char *name;
    const char *lines;
    const char *log;  /* the events and the end */
    const char *text; /* what stream_end gives; NULL: a failure */
} stream_row;

static const stream_row stream_rows[] = {
    {"2025",
     "{\"type\":\"text\",\"text\":\"Halo\"}\n"
     "{\"type\":\"text\",\"text\":\", \\\"\xC3\xA9\\\" \xF0\x9F\x98\x80\"}\n"
     "{\"type\":\"text\",\"text\":\" \\\\ \\n!\"}\n",
     "text Halo\ntext , \"\xC3\xA9\" \xF0\x9F\x98\x80\ntext  \\ \n!\nend",
     "Halo, \"\xC3\xA9\" \xF0\x9F\x98\x80 \\ \n!"},
    {"2026",
     "{\"type\":\"reasoning\",\"reasoning\":\"Hm, \"}\n"
     "{\"type\":\"reasoning\",\"reasoning\":\"well.\"}\n"
     "{\"type\":\"text\",\"text\":\"Halo\"}\n"
     "{\"type\":\"usage\",\"usage\":{\"prompt_tokens\":11,\"completion_tokens"
     "\":7,\"cached_tokens\":3,\"usd_cents\":0.004698}}\n",
     "reasoning Hm, \nreasoning well.\ntext Halo\nusage 11 7 3 0.004698\nend",
     "Halo"},
    {"tool calls",
     "{\"type\":\"text\",\"text\":\"Let me see.\"}\n"
     "{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"weather\",\"input\":"
     "{\"city\":\"Paris\"},\"text\":\"\"}\n"
     "{\"type\":\"tool_use\",\"id\":\"call_2\",\"name\":\"time\",\"input\":{},"
     "\"text\":\"\"}\n",
     "text Let me see.\ncall call_1 weather {\"city\":\"Paris\"}\n"
     "call call_2 time {}\nend",
     "Let me see."},
    {"image",
     "{\"type\":\"image\",\"image\":\"data:image/png;base64,iVBORw0KGgo=\"}\n",
     "image data:image/png;base64,iVBORw0KGgo=\nend", ""},
    {"compaction",
     "{\"type\":\"text\",\"text\":\"a\"}\n"
     "{\"type\":\"compaction\",\"id\":\"c1\",\"encrypted_content\":\"Zg==\"}\n",
     "text a\ncompaction {\"type\":\"compaction\",\"id\":\"c1\","
     "\"encrypted_content\":\"Zg==\"}\nend",
     "a"},
    {"types unknown here",
     "{\"type\":\"extra_content\",\"extra_content\":{\"a\":1}}\n"
     "{\"type\":\"text\",\"text\":\"a\"}\n"
     "{\"type\":\"tomorrow\",\"text\":\"not this\"}\n"
     "{\"what\":true}\n",
     "other {\"type\":\"extra_content\",\"extra_content\":{\"a\":1}}\ntext a\n"
     "other {\"type\":\"tomorrow\",\"text\":\"not this\"}\n"
     "other {\"what\":true}\nend",
     "a"},
    {"2024", "{\"text\":\"Ha\"}\n{\"text\":\"lo\"}\n", "text Ha\ntext lo\nend",
     "Halo"},
    {"more behind a text",
     "{\"type\":\"text\",\"text\":\"Ha\",\"x\":1}\n"
     "{\"type\":\"text\",\"text\":\"lo\"} \n",
     "text Ha\ntext lo\nend", "Halo"},
    {"any order of keys", "{\"text\":\"Ha\",\"type\":\"text\",\"x\":[{}]}\n",
     "text Ha\nend", "Ha"},
    {"blank lines and CRLF",
     "\n\r\n  \t\r\n{\"text\":\"Ha\"}\r\n\n\n \n{\"text\":\"lo\"}\r\n\r\n",
     "text Ha\ntext lo\nend", "Halo"},
    {"white space around and within",
     " { \"type\" : \"text\" , \"text\" : \"Halo\" } \t\n", "text Halo\nend",
     "Halo"},
    {"no last newline", "{\"text\":\"Ha\"}\n{\"text\":\"lo\"}",
     "text Ha\ntext lo\nend", "Halo"},
    {"only a newline ends a line",
     "{\"text\":\"a\xE2\x80\xA8\xC2\x85" "b\"}\n{\"text\":\"\\r\"}\r\n",
     "text a\xE2\x80\xA8\xC2\x85" "b\ntext \r\nend",
     "a\xE2\x80\xA8\xC2\x85" "b\r"},
    {"success, said so", "{\"success\":true}\n{\"text\":\"a\"}\n",
     "other {\"success\":true}\ntext a\nend", "a"},
    {"usage of other names",
     "{\"text\":\"a\"}\n{\"type\":\"usage\",\"usage\":{\"input_tokens\":9,"
     "\"output_tokens\":5}}\n",
     "text a\nusage 9 5 - -\nend", "a"},
    {"usage without a price",
     "{\"text\":\"a\"}\n{\"type\":\"usage\",\"usage\":{\"usd_cents\":null}}\n",
     "text a\nusage - - - -\nend", "a"},
    {"usage that is none",
     "{\"type\":\"usage\",\"usage\":\"much\"}\n{\"text\":\"a\"}\n",
     "text a\nend", "a"},
    {"a text that says no",
     "{\"type\":\"text\",\"text\":\"a\",\"success\":false}\n",
     "text a\nend", "a"},
    {"a type that begins as another",
     "{\"type\":\"texts\",\"text\":\"a\"}\n",
     "other {\"type\":\"texts\",\"text\":\"a\"}\nend", ""},
    {"nothing", "\n", "end", ""},
    /* faults: the events before them, then one error */
    {"an error in band",
     "{\"type\":\"text\",\"text\":\"Ha\"}\n"
     "{\"type\":\"error\",\"message\":\"the vendor hung up\"}\n",
     "text Ha\nPUTER_ERR_SERVICE", NULL},
    {"an error in band, and more",
     "{\"type\":\"text\",\"text\":\"Ha\"}\n"
     "{\"type\":\"error\",\"message\":\"the vendor hung up\"}\n"
     "{\"type\":\"text\",\"text\":\"lo\"}\n",
     "text Ha\nPUTER_ERR_SERVICE", NULL},
    {"an error at once", "{\"type\":\"error\",\"message\":\"no\"}\n",
     "PUTER_ERR_SERVICE", NULL},
    {"an error as 2025 has it",
     "{\"text\":\"Ha\"}\n{\"success\":false,\"error\":{\"code\":"
     "\"insufficient_funds\",\"message\":\"no more\"}}\n",
     "text Ha\nPUTER_ERR_FUNDS", NULL},
    {"an error without a type",
     "{\"text\":\"Ha\"}\n{\"error\":\"no more\",\"code\":"
     "\"insufficient_funds\"}\n",
     "text Ha\nPUTER_ERR_FUNDS", NULL},
    {"the same, an object", "{\"error\":{\"message\":\"no\"}}\n",
     "PUTER_ERR_SERVICE", NULL},
    {"no error", "{\"text\":\"Ha\"}\n{\"error\":null}\n",
     "text Ha\nother {\"error\":null}\nend", "Ha"},
    {"too many requests, in band",
     "{\"text\":\"Ha\"}\n{\"type\":\"error\",\"message\":\"slow down\","
     "\"code\":\"too_many_requests\"}\n",
     "text Ha\nPUTER_ERR_RATE", NULL},
    {"a text that ends otherwise", "{\"type\":\"text\",\"text\":\"Ha\"]\n",
     "PUTER_ERR_PROTOCOL", NULL},
    {"a text in half a line", "{\"x\":{\"type\":\"text\",\"text\":\"a\"}\n",
     "PUTER_ERR_PROTOCOL", NULL},
    {"a line that breaks off", "{\"text\":\"Ha\"}\n{\"type\":\"text\",\"te",
     "text Ha\nPUTER_ERR_PROTOCOL", NULL},
    {"a line that is not JSON",
     "{\"text\":\"Ha\"}\n<html>\n{\"text\":\"lo\"}\n",
     "text Ha\nPUTER_ERR_PROTOCOL", NULL},
    {"two documents on a line", "{\"text\":\"Ha\"}{\"text\":\"lo\"}\n",
     "PUTER_ERR_PROTOCOL", NULL},
    {"a document on two lines", "{\"text\":\n\"Ha\"}\n",
     "PUTER_ERR_PROTOCOL", NULL},
};

#endif
