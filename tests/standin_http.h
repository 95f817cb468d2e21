/* standin_http.h - HTTP/1.1 as the stand-in speaks it: requests taken apart,
 * answers put together, and what the faults do to their bytes. */
#ifndef STANDIN_HTTP_H
#define STANDIN_HTTP_H

#include "standin_base.h"

#include <strings.h>
#include <time.h>

enum {
    MAX_HEADERS = 64,
    MAX_HEAD = 64 * 1024,
    MAX_BODY = 50 * 1024 * 1024
};

/* ---- requests ----------------------------------------------------------- */

typedef struct request {
    char *head; /* cut into the strings below */
    const char *method, *target;
    struct {
        const char *name, *value;
    } headers[MAX_HEADERS];
    size_t header_count;
    const char *body;
    size_t body_length;
} request;

/* The header's value, or NULL. */
static const char *request_header(const request *req, const char *name)
{
    size_t i;
    for (i = 0; i < req->header_count; i++)
        if (strcasecmp(req->headers[i].name, name) == 0)
            return req->headers[i].value;
    return NULL;
}

/* Cuts the next line off; NULL behind the last. Lines end in CRLF. */
static char *next_line(char **rest)
{
    char *line = *rest, *end = strstr(line, "\r\n");
    if (!end)
        return NULL;
    *end = '\0';
    *rest = end + 2;
    return line;
}

/* RFC 9112 section 3. */
static bool parse_request_line(request *req, char *line)
{
    char *target = line ? strchr(line, ' ') : NULL;
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || target[1] != '/' ||
        strcmp(version, " HTTP/1.1") != 0)
        return false;
    *target = *version = '\0';
    req->method = line;
    req->target = target + 1;
    return true;
}

/* RFC 9112 section 5: no space before the colon, no folding. */
static bool parse_header(request *req, char *line)
{
    size_t name = strspn(line, "!#$%&'*+-.^_`|~0123456789"
                               "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    char *value, *end;
    if (name == 0 || line[name] != ':' || req->header_count == MAX_HEADERS)
        return false;
    line[name] = '\0';
    value = line + name + 1;
    value += strspn(value, " \t");
    for (end = value + strlen(value);
         end > value && strchr(" \t", end[-1]); end--)
        end[-1] = '\0';
    if (strpbrk(value, "\r\n") || request_header(req, line))
        return false;
    req->headers[req->header_count].name = line;
    req->headers[req->header_count++].value = value;
    return true;
}

/* RFC 9112 section 6.3. The real ones take chunked bodies too; here one
 * would only hide a client that does not count its bytes. */
static bool parse_body_length(request *req)
{
    const char *length = request_header(req, "Content-Length");
    if (request_header(req, "Transfer-Encoding"))
        return false;
    if (!length)
        return true;
    if (!*length || strlen(length) > 15 ||
        strspn(length, "0123456789") != strlen(length))
        return false;
    req->body_length = (size_t)strtoull(length, NULL, 10);
    return true;
}

/* Takes a head apart, up to and with its empty line. */
static bool parse_head(request *req, const char *head, size_t length)
{
    char *rest, *line;
    memset(req, 0, sizeof *req);
    req->head = rest = (char *)grow(NULL, length + 1);
    memcpy(rest, head, length);
    rest[length] = '\0';
    if (strlen(rest) != length || !parse_request_line(req, next_line(&rest)))
        return false;
    while ((line = next_line(&rest)) != NULL && *line)
        if (!parse_header(req, line))
            return false;
    return parse_body_length(req);
}

static void request_free(request *req)
{
    free(req->head);
    memset(req, 0, sizeof *req);
}

/* ---- answers ------------------------------------------------------------ */

/* What becomes of the connection after an answer. */
typedef enum ending {
    END_KEEP,      /* on to the next request */
    END_CLOSE,     /* close_notify and FIN */
    END_NO_NOTIFY, /* FIN alone */
    END_RESET,
    END_HOLD,      /* no more is read, and closed in a while */
    END_SILENCE
} ending;

/* Offsets at which bytes are cut into pieces that are sent one by one. */
typedef struct cuts {
    size_t *at;
    size_t count, capacity;
} cuts;

static void cuts_add(cuts *c, size_t at)
{
    if (at == (c->count ? c->at[c->count - 1] : 0))
        return; /* no piece is empty */
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 16;
        c->at = (size_t *)grow(c->at, c->capacity * sizeof *c->at);
    }
    c->at[c->count++] = at;
}

static void cuts_free(cuts *c)
{
    free(c->at);
    memset(c, 0, sizeof *c);
}

/* An answer before it is framed. */
typedef struct answer {
    int status;
    const char *type; /* Content-Type */
    bytes headers;    /* further header lines, each with its CRLF */
    bytes body;
    cuts pieces;      /* of a chunked body; the last ends with the body */
    bool chunked;
    bool bare;        /* from the gate: without the service's own headers */
    int pause_ms;     /* before each piece */
    ending ending;
} answer;

/* What goes over the wire for it. */
typedef struct wire {
    bytes out;
    cuts cuts;
    int pause_ms;
    ending ending;
} wire;

static void answer_free(answer *a)
{
    bytes_free(&a->headers);
    bytes_free(&a->body);
    cuts_free(&a->pieces);
}

static const char *status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"}, {302, "Found"}, {400, "Bad Request"},
        {401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"},
        {404, "Not Found"}, {413, "Payload Too Large"},
        {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"}, {503, "Service Unavailable"},
    };
    size_t i;
    for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other";
}

static void write_date(bytes *out)
{
    char text[64];
    time_t now = time(NULL);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    bytes_format(out, "Date: %s\r\n", text);
}

/* The headers that come before the type, in each era's own order. */
static void write_era_headers(bytes *out, const char *origin, bool streamed)
{
    bytes_text(out,
        "X-Content-Type-Options: nosniff\r\n"
        "Strict-Transport-Security: max-age=15552000; includeSubDomains\r\n"
        "X-Download-Options: noopen\r\n"
        "X-Permitted-Cross-Domain-Policies: none\r\n"
        "X-XSS-Protection: 0\r\n");
    if (settings.era == ERA_2026)
        bytes_text(out,
            "Referrer-Policy: strict-origin-when-cross-origin\r\n"
            "Cross-Origin-Resource-Policy: cross-origin\r\n");
    if (origin) {
        bytes_text(out, "Access-Control-Allow-Origin: ");
        bytes_text(out, origin);
        bytes_text(out, "\r\n");
    }
    if (settings.era == ERA_2026)
        bytes_format(out, "Vary: Origin%s\r\n"
                     "Access-Control-Allow-Credentials: true\r\n",
                     streamed ? "" : ", Accept-Encoding");
    bytes_text(out, "Access-Control-Allow-Methods: GET, POST, OPTIONS, PUT, "
                    "PATCH, DELETE\r\n"
                    "Access-Control-Allow-Headers: Origin, X-Requested-With, "
                    "Content-Type, Accept, Authorization\r\n");
    bytes_text(out, settings.era == ERA_2026
                    ? "Access-Control-Allow-Private-Network: true\r\n"
                    : "Cross-Origin-Resource-Policy: cross-origin\r\n");
}

static bool ends_by_close(void)
{
    return settings.fault == FAULT_UNTIL_CLOSE ||
           settings.fault == FAULT_NO_CLOSE_NOTIFY;
}

static void write_framing(bytes *out, const answer *a)
{
    if (a->chunked)
        bytes_text(out, "Transfer-Encoding: chunked\r\n");
    else if (!ends_by_close())
        bytes_format(out, "Content-Length: %zu\r\n"
                     "ETag: W/\"%zx-standin\"\r\n",
                     a->body.length, a->body.length);
    if (!a->chunked && !a->bare && settings.era == ERA_2025)
        bytes_text(out, "Vary: Accept-Encoding\r\n");
}

static void write_filler(bytes *out)
{
    int i;
    for (i = 0; i < 16 * 1024; i++)
        bytes_format(out, "X-Filler-%05d: %048d\r\n", i, i);
}

static void write_head(bytes *out, const answer *a, const char *origin)
{
    if (settings.fault == FAULT_INTERIM)
        bytes_text(out, "HTTP/1.1 100 Continue\r\n\r\n"
                        "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n");
    bytes_format(out, "HTTP/1.1 %d %s\r\n", a->status,
                 status_reason(a->status));
    if (!a->bare)
        write_era_headers(out, origin, a->chunked);
    bytes_format(out, "Content-Type: %s\r\n", a->type);
    write_framing(out, a);
    if (a->headers.length)
        bytes_text(out, a->headers.data);
    if (settings.fault == FAULT_BIG_HEAD)
        write_filler(out);
    write_date(out);
    bytes_text(out, a->ending == END_KEEP
                    ? "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n"
                    : "Connection: close\r\n\r\n");
}

/* RFC 9112 section 7.1; each piece is one chunk. */
static void write_chunks(wire *w, const answer *a)
{
    bool frills = settings.fault == FAULT_TRAILERS;
    size_t i, from = 0;
    for (i = 0; i < a->pieces.count; i++) {
        size_t length = a->pieces.at[i] - from;
        bytes_format(&w->out, "%zx%s\r\n", length,
                     frills ? ";piece=\"of; many\"" : "");
        bytes_add(&w->out, a->body.data + from, length);
        bytes_text(&w->out, "\r\n");
        cuts_add(&w->cuts, w->out.length);
        from += length;
    }
    bytes_text(&w->out, frills ? "0\r\nX-Checksum: 0\r\nExpires: 0\r\n\r\n"
                               : "0\r\n\r\n");
}

/* Stops the bytes short, as the fault has it. */
static void shorten(wire *w, const answer *a, size_t head)
{
    size_t length = w->out.length, middle = w->cuts.at[w->cuts.count / 2];
    if (settings.fault == FAULT_CUT || settings.fault == FAULT_CUT_RESET)
        length = a->chunked ? middle - 4 /* within a line */
                            : head + (length - head) / 2;
    else if (settings.fault == FAULT_STALL)
        length = head;
    else if (settings.fault == FAULT_CUT_STREAM && a->chunked)
        length = middle;
    while (w->cuts.count && w->cuts.at[w->cuts.count - 1] >= length)
        w->cuts.count--;
    w->out.length = length;
    cuts_add(&w->cuts, length);
}

static ending faulty_ending(const answer *a)
{
    switch (settings.fault) {
    case FAULT_CUT:
    case FAULT_UNTIL_CLOSE:
    case FAULT_DROP_IDLE:
        return END_CLOSE;
    case FAULT_CUT_STREAM:
        return a->chunked ? END_CLOSE : a->ending;
    case FAULT_CUT_RESET:
        return END_RESET;
    case FAULT_NO_CLOSE_NOTIFY:
        return END_NO_NOTIFY;
    case FAULT_STALL:
        return END_SILENCE;
    default:
        return a->ending;
    }
}

static void chunk_every_byte(answer *a)
{
    size_t i;
    a->chunked = true;
    a->pieces.count = 0;
    for (i = 1; i <= a->body.length; i++)
        cuts_add(&a->pieces, i);
}

/* Turns an answer into bytes and the places to cut them. */
static void frame(answer *a, const char *origin, wire *w)
{
    size_t head;
    memset(w, 0, sizeof *w);
    if (settings.fault == FAULT_ONE_BYTE) {
        chunk_every_byte(a);
    } else if (settings.fault == FAULT_TRAILERS && !a->chunked) {
        a->chunked = true;
        cuts_add(&a->pieces, a->body.length);
    } else if (ends_by_close()) {
        a->chunked = false;
        a->ending = END_CLOSE;
    }
    write_head(&w->out, a, origin);
    head = w->out.length;
    if (a->chunked) {
        cuts_add(&w->cuts, head);
        write_chunks(w, a);
    } else {
        bytes_add(&w->out, a->body.data, a->body.length);
    }
    cuts_add(&w->cuts, w->out.length);
    shorten(w, a, head);
    w->pause_ms = a->pause_ms;
    w->ending = faulty_ending(a);
}

#endif
