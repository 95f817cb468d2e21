/* puter.h 0.1.0 - ask the AI models behind a Puter service, from C.
 * SPDX-License-Identifier: MIT (the text is at the end of this file)
 *
 * One header over Mbed TLS 2.28, 3.x or 4.x and POSIX sockets. In one source
 * file of a program, before any other #include:
 *
 *     #define PUTER_IMPLEMENTATION
 *     #include "puter.h"
 *
 * and in every other file only the #include.
 *
 * The first program (examples/hello.c):
 *
 *     #define PUTER_IMPLEMENTATION
 *     #include "puter.h"
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         puter_client *client = puter_open(NULL);  // token: $PUTER_AUTH_TOKEN
 *         puter_reply reply;
 *         puter_result result =
 *             puter_ask(client, "gpt-4", "Halo, siapa kamu?", &reply);
 *         puts(result == PUTER_OK ? reply.text
 *                                 : puter_last_error(client)->message);
 *         puter_reply_free(&reply);
 *         puter_close(client);
 *         return result != PUTER_OK;
 *     }
 *
 *     cc hello.c -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * The same answer, streamed as the model writes it:
 *
 *     puter_request request = {0};
 *     puter_event event;
 *     request.model = "gpt-4";
 *     request.prompt = "Halo, siapa kamu?";
 *     if (puter_stream_begin(client, &request) == PUTER_OK)
 *         while (puter_stream_next(client, &event) == 1)
 *             if (event.type == PUTER_EVENT_TEXT) {
 *                 fwrite(event.text, 1, event.length, stdout);
 *                 fflush(stdout);
 *             }
 *     result = puter_stream_end(client, NULL);
 *
 * Switches, to be defined in the file that defines PUTER_IMPLEMENTATION:
 *
 *     PUTER_STATIC      all functions are static: every file that calls them
 *                       then defines this and PUTER_IMPLEMENTATION
 *     PUTER_NO_TLS      plain http only; Mbed TLS is not needed
 *     PUTER_NO_SOCKETS  no sockets: set options.transport
 *     PUTER_NO_STDIO    no file is opened: set options.ca_data; TLS sessions
 *                       are neither saved nor loaded
 *     PUTER_MALLOC(size), PUTER_REALLOC(memory, size), PUTER_FREE(memory)
 *                       all three or none; Mbed TLS allocates by itself
 *     PUTER_ASSERT(x)   checks the library's own invariants (default: not
 *                       checked)
 *
 * That file gets _FILE_OFFSET_BITS 64 unless the macro is already defined.
 * Where off_t has 32 bits without it, define it for the whole program or pass
 * no off_t between files.
 *
 * Ownership: free a reply, a history, a writer or a JSON document with its own
 * puter_..._free, never free(), after a failure too. NULL is fine, and so is
 * freeing twice, except a document. A call that fills a reply overwrites what
 * was in it: free that first. puter_open copies the strings in its options;
 * ca_data and the transport must stay until puter_close. A request, and all
 * that it points to, must stay unchanged until its exchange has ended. Options
 * and requests may be {0} or (in C++) {}, which means the defaults. NULL is
 * accepted for a client, for options, for an optional string and for a reply
 * to be filled.
 *
 * Errors: functions that can fail return a puter_result; puter_open and
 * puter_json_parse return NULL instead, and a writer keeps its result. After a
 * call on a client, the sentence to show is puter_last_error(client)->message.
 * The library prints nothing, leaves signals alone and has no global state.
 *
 * Threads: one thread at a time may use a client; clients share nothing.
 * Mbed TLS must allow that, and does as long as its PSA code is not used. With
 * PSA (TLS 1.3 needs it) it does from 3.6 on, if it was built with
 * MBEDTLS_THREADING_C and the program is compiled with that macro as well;
 * before 3.6 it does not. It fills some tables (cipher suites, AES) at first
 * use, without a lock: let one exchange over TLS end before other threads
 * begin. After fork() only the parent may use a client: the child's copy has
 * the same connection and would draw the same random numbers.
 *
 * Limits: one exchange per client at a time. The system's name resolver
 * blocks; timeouts and `cancelled` take effect when it returns. A JSON document
 * has at most 512 MiB and 1000 levels, a request at most 50 MiB (the service's
 * own limit). HTTP/1.1 only, no compression; a redirect is a failure.
 * Certificates are not checked for revocation.
 *
 * Inside, from the bottom up: prelude, buffer, numbers, errors, json write,
 * json read, system, url, socket, tls, http, drivers, client, options, answer,
 * refusals, request, history, exchange, session, public. Search for ">> name".
 */
#if defined(PUTER_IMPLEMENTATION) && defined(__STRICT_ANSI__) &&              \
    !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L /* -std=c99 hides sockets without it */
#endif
#if defined(PUTER_IMPLEMENTATION) && !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64 /* 32-bit glibc: stat fails at a large inode */
#endif

#ifndef PUTER_H
#define PUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUTER_VERSION_MAJOR 0
#define PUTER_VERSION_MINOR 1
#define PUTER_VERSION_PATCH 0

#if defined(PUTER_STATIC) && defined(__GNUC__)
#define PUTER_API __attribute__((__unused__)) static
#elif defined(PUTER_STATIC)
#define PUTER_API static
#else
#define PUTER_API extern
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ------------------------------------------------------------ */

/* How a call went: 0 good, negative bad. */
typedef enum puter_result {
    PUTER_OK = 0,
    PUTER_WAIT = 2,           /* non-blocking clients: wait, then call
                                 puter_stream_next */
    PUTER_ERR_ARGUMENT = -1,  /* the caller's mistake; nothing was asked */
    PUTER_ERR_NOMEM = -2,     /* out of memory */
    PUTER_ERR_RESOLVE = -3,   /* the host's name has no address */
    PUTER_ERR_CONNECT = -4,   /* no address of the host answered */
    PUTER_ERR_TLS = -5,       /* the handshake or a record failed */
    PUTER_ERR_CERT = -6,      /* the server's certificate was refused, or there
                                 is no CA store to check it against */
    PUTER_ERR_TIMEOUT = -7,   /* a timeout of the options has passed */
    PUTER_ERR_CLOSED = -8,    /* the connection was lost or cut short */
    PUTER_ERR_PROTOCOL = -9,  /* the reply is not what the protocol allows */
    PUTER_ERR_LIMIT = -10,    /* larger than an option or a cap allows */
    PUTER_ERR_CANCELLED = -11, /* `cancelled` or a sink said so */
    PUTER_ERR_AUTH = -12,     /* sign in again */
    PUTER_ERR_FUNDS = -13,    /* credit or plan */
    PUTER_ERR_RATE = -14,     /* too many requests */
    PUTER_ERR_REFUSED = -15,  /* permission or policy; or the proxy refused */
    PUTER_ERR_NOT_FOUND = -16, /* model, driver, method, path, session */
    PUTER_ERR_REQUEST = -17,  /* the service found the request bad */
    PUTER_ERR_SERVICE = -18   /* the service or the model's vendor failed */
} puter_result;

/* The result's name, such as "PUTER_ERR_AUTH"; "PUTER_?" for a number that is
 * none of the above. */
PUTER_API const char *puter_result_name(puter_result result);

/* The detail of a failure. `message` is one line: the stage, then what the
 * service said or what was seen, then what to do about it, if anything. It
 * never holds the token, a control byte or half a character. */
typedef struct puter_error {
    char message[512];
    char code[48];      /* the service's own code, or "" */
    int http_status;    /* of the last reply, after PUTER_OK too; 0: no whole
                           and valid head of a reply was seen */
    int retry_after_ms; /* the pause that the service asked for, at most a day;
                           0: it asked for none, or gave a date */
    puter_result result;
} puter_error;

/* ---- client ------------------------------------------------------------- */

/* One connection, one exchange at a time. Clients are independent; each is
 * for one thread at a time. Opaque. It keeps its buffers for the next
 * exchange, up to 64 KiB of each. */
typedef struct puter_client puter_client;

/* What a transport's functions wait for, and return besides counts. */
enum {
    PUTER_READABLE = 1,      /* bits of `events` */
    PUTER_WRITABLE = 2,
    PUTER_WANT_READ = -101,  /* nothing yet: call again when readable... */
    PUTER_WANT_WRITE = -102  /* ...or writable */
};

/* A byte stream below TLS, to replace the sockets: for tests, serial lines,
 * or another network stack. Only `wait` may block, and no function may call
 * anything on the client. A failure is a puter_result down to
 * PUTER_ERR_CANCELLED; any number below counts as PUTER_ERR_CLOSED. */
typedef struct puter_transport {
    void *ctx;  /* passed to every function */
    /* Connects to the host, or to the proxy. 0: done; PUTER_WANT_*: not yet,
     * call again; or a failure. */
    int (*open)(void *ctx, const char *host, int port);
    /* The number of bytes moved (> 0), PUTER_WANT_* or a failure; read gives
     * 0 at a clean end. */
    int (*read)(void *ctx, void *buffer, size_t size);
    int (*write)(void *ctx, const void *data, size_t size);
    /* Waits for any of `events`, at most timeout_ms (-1: no limit). > 0: ready;
     * 0: time is up; or a failure. NULL: the others are just called again. */
    int (*wait)(void *ctx, int events, int timeout_ms);
    /* Ends the connection that `open` began, even if it was never made: once,
     * however often `open` was called for it. Another `open` may follow. */
    void (*close)(void *ctx);
    bool secure;  /* it is secure by itself: no TLS on top */
} puter_transport;

/* Which driver a question goes to: services of 2025 have one for each vendor,
 * such as "claude"; services of 2026 have one for all, "ai-chat". */
typedef enum puter_route {
    PUTER_ROUTE_AUTO = 0, /* begin with the likelier, learn from the answer */
    PUTER_ROUTE_UNIFIED,  /* always "ai-chat" */
    PUTER_ROUTE_DRIVER    /* always the vendor's */
} puter_route;

/* All zero means all defaults. puter_open copies the strings. Timeouts are in
 * milliseconds; 0 is the default, -1 no limit. */
typedef struct puter_options {
    const char *token;         /* "": none, enough for puter_get and, at most
                                  services, puter_models (default:
                                  $PUTER_AUTH_TOKEN) */
    const char *api_origin;    /* http[s]://host[:port][/base] (default:
                                  $PUTER_API_ORIGIN, https://api.puter.com) */
    const char *origin_header; /* sent as Origin, without which services of
                                  2025 refuse (default, also for "": the site
                                  of api_origin, "https://puter.com") */
    const char *user_agent;    /* (default, also for "": "puter.h/0.1.0") */
    puter_route route;         /* (default: PUTER_ROUTE_AUTO) */
    const char *ca_file;       /* PEM file of root certificates, or a directory
                                  of such files (default: $SSL_CERT_FILE, then
                                  $SSL_CERT_DIR, then the system's store) */
    const void *ca_data;       /* roots in memory, PEM or DER, used instead of
                                  ca_file; borrowed until puter_close */
    size_t ca_size;            /* in bytes */
    bool insecure_skip_verify; /* accept any certificate: anyone on the way
                                  can then read the token */
    bool allow_plain_http;     /* send the token over http:// to a host, or
                                  through a proxy, that is not this machine */
    const char *proxy;         /* [http://][user:password@]host[:port], user and
                                  password percent-encoded, port 80 if it names
                                  none; "": none (default: $HTTPS_PROXY for
                                  https, then $ALL_PROXY, either also in lower
                                  case; but none for this machine, for hosts in
                                  $NO_PROXY and with a transport of yours) */
    bool no_environment;       /* ignore all environment variables, as always
                                  in a set-user-id or set-group-id program (an
                                  empty variable counts as not set) */
    bool nonblocking;          /* puter_stream_begin and _next return
                                  PUTER_WAIT; all other calls still wait */
    int connect_timeout_ms;    /* from name to handshake (default: 15000) */
    int idle_timeout_ms;       /* of silence after the handshake; every byte
                                  moved restarts it (default: 300000) */
    int total_timeout_ms;      /* the whole exchange, with its retries and
                                  rounds of tools (default: no limit) */
    int64_t max_reply_bytes;   /* of one body that is kept (default: 64 MiB;
                                  -1: only the JSON reader's 512 MiB) */
    int max_retries;           /* in one exchange (default: 8; -1: none): after
                                  "too many requests", for puter_get see there.
                                  The pauses are 0.25, 0.5, 1, then 2 s, each up
                                  to a quarter longer, or what the service asks
                                  for; the failure is final where that is more
                                  than a minute or than total_timeout_ms
                                  leaves */
    bool (*cancelled)(void *user); /* asked before each step and each tool, at
                                  each read of the reply and every 100 ms of a
                                  wait; true ends the exchange with
                                  PUTER_ERR_CANCELLED. It must not call
                                  anything on the client */
    const puter_transport *transport; /* (default: sockets); borrowed until
                                  puter_close */
    void *user;                /* for `cancelled` */
} puter_options;

/* Makes a client; options may be NULL. Bad options do not fail here: every
 * call on the client reports them. Returns NULL when out of memory; every
 * function takes that for a client and fails with PUTER_ERR_NOMEM. Free with
 * puter_close. */
PUTER_API puter_client *puter_open(const puter_options *options);

/* Ends any exchange, closes the connection, wipes the token and frees the
 * client. NULL is fine. */
PUTER_API void puter_close(puter_client *client);

/* The last failure of a call on the client, until the next call on it; never
 * NULL. Its result is PUTER_OK if the last call did not fail. */
PUTER_API const puter_error *puter_last_error(const puter_client *client);

/* The TLS version of the client's connection, such as "TLSv1.3", or "" while
 * there is none. A connection is kept after an answer. */
PUTER_API const char *puter_client_tls_version(const puter_client *client);

/* puter_session_save writes the TLS session of the last connection to a file
 * that only its owner may read (mode 0600), in place of what was there. Another
 * process loads it before its first exchange: the handshake then costs a
 * fraction. A session serves for a day from when the certificate was checked,
 * for the same host, port and CA store (unchanged; of a directory, its list of
 * files) and the same Mbed TLS, and only among clients that verify. The service
 * may decline it, and Mbed TLS one of TLS 1.3 after a reboot: the handshake is
 * then a whole one. In memory a client keeps its own sessions without being
 * asked. PUTER_ERR_NOT_FOUND: there is none that serves (or no path, or others
 * may read the file or own it); go on without. PUTER_ERR_ARGUMENT: the file
 * cannot be written, or an exchange is under way. PUTER_ERR_NOMEM. */
PUTER_API puter_result puter_session_save(puter_client *client,
                                          const char *path);
PUTER_API puter_result puter_session_load(puter_client *client,
                                          const char *path);

/* For event loops, on a non-blocking client after PUTER_WAIT: call
 * puter_stream_next as soon as the descriptor is ready for one of the events
 * (PUTER_READABLE, PUTER_WRITABLE), and at the latest after as many
 * milliseconds as puter_client_deadline gives (-1: no limit).
 * After each PUTER_WAIT the descriptor may be another, even under the same
 * number: with epoll or kqueue, register it afresh.
 * It is -1 in a pause before a retry, where only time is waited for, and with
 * a transport of your own, which you know how to wait for. For a NULL
 * client they give -1, 0 and -1; the deadline is -1 while no exchange runs. */
PUTER_API int puter_client_fd(const puter_client *client);
PUTER_API int puter_client_events(const puter_client *client);
PUTER_API int puter_client_deadline(const puter_client *client);

/* ---- chat: what is sent ------------------------------------------------- */

/* A call of a tool that the model asks for. */
typedef struct puter_tool_call {
    const char *id;
    const char *name;
    const char *arguments; /* JSON text, as a rule an object */
} puter_tool_call;

typedef enum puter_part_type {
    PUTER_PART_TEXT = 0,  /* text */
    PUTER_PART_IMAGE,     /* text: an https or data URL; or data + size */
    PUTER_PART_VIDEO,     /* text: a URL */
    PUTER_PART_FILE,      /* text: the path of a file that is already in the
                             user's Puter storage */
    PUTER_PART_JSON       /* text: any content part, as JSON */
} puter_part_type;

/* A piece of a message that is more than text. */
typedef struct puter_part {
    const char *text;
    const void *data;      /* an image's bytes, instead of text */
    size_t size;           /* how many */
    const char *mime_type; /* of data (default: told from its first bytes,
                              which are of PNG, JPEG, GIF or WebP) */
    puter_part_type type;
} puter_part;

/* A turn. It needs content, parts or tool calls: the service refuses a
 * message without any, and so does this library before sending. */
typedef struct puter_message {
    const char *role;         /* system, user (default), assistant, tool */
    const char *content;      /* text; sent before the parts */
    const puter_part *parts;
    size_t part_count;
    const puter_tool_call *tool_calls; /* in an assistant's turn */
    size_t tool_call_count;
    const char *tool_call_id; /* in a tool's turn: the call it answers */
    const char *json;         /* a whole message as JSON; all else in here is
                                 then ignored */
    size_t content_length;    /* in bytes, for content with NULs in it
                                 (default: up to the first NUL) */
    bool cache;               /* let the vendor cache the prompt up to here */
} puter_message;

/* The emitter: JSON text that grows. {0} is an empty one. It writes commas
 * and colons by itself; the caller ends what it began. After a failure the
 * writer does nothing more and keeps `result`. Free with puter_writer_free. */
typedef struct puter_writer {
    char *text;         /* NUL-ended; NULL while nothing was written */
    size_t length;
    size_t capacity;
    puter_result result; /* PUTER_OK, PUTER_ERR_NOMEM or PUTER_ERR_LIMIT (at
                            SIZE_MAX / 4 bytes) */
    bool comma;          /* the next value needs one before it */
} puter_writer;

PUTER_API void puter_write_begin_object(puter_writer *writer);
PUTER_API void puter_write_end_object(puter_writer *writer);
PUTER_API void puter_write_begin_array(puter_writer *writer);
PUTER_API void puter_write_end_array(puter_writer *writer);
/* In an object, each value comes after its key. */
PUTER_API void puter_write_key(puter_writer *writer, const char *key);
/* Text as a JSON string; invalid UTF-8 becomes U+FFFD. A NULL string is written
 * as null; chars are `length` bytes, which may hold NULs. */
PUTER_API void puter_write_string(puter_writer *writer, const char *text);
PUTER_API void puter_write_chars(puter_writer *writer, const char *text,
                                 size_t length);
/* The shortest decimal that reads back as the same double, whatever the
 * locale; NaN and infinities, which JSON lacks, become null. */
PUTER_API void puter_write_number(puter_writer *writer, double number);
PUTER_API void puter_write_integer(puter_writer *writer, int64_t number);
PUTER_API void puter_write_bool(puter_writer *writer, bool value);
PUTER_API void puter_write_null(puter_writer *writer);
/* Writes one value unchanged: it is JSON already, or all the plain text of a
 * tool's result. In an array or object it must not be empty. */
PUTER_API void puter_write_raw(puter_writer *writer, const char *text,
                               size_t length);
/* Frees the text and makes the writer an empty one; NULL is fine. */
PUTER_API void puter_writer_free(puter_writer *writer);

/* A tool that the model may call. If every call in a turn is of a tool with
 * `call`, the library runs them; otherwise it runs none, and all of them come
 * back in the reply. */
typedef struct puter_tool {
    const char *name;
    const char *description;
    const char *parameters; /* a JSON Schema, as text (default: none) */
    /* Runs the tool and writes its result, JSON or (raw) plain text, to
     * `result`, which the library frees. Non-zero tells the model that the tool
     * failed, and what was written. It must return, and must not call anything
     * on the client. */
    int (*call)(void *user, const puter_tool_call *call, puter_writer *result);
    void *user;       /* passed to `call` */
    const char *json; /* a whole definition, such as {"type":"web_search"},
                         sent as it is in place of name to parameters */
} puter_tool;

/* A question. Only `prompt` or `messages` must be set; zero means the default
 * for all else, and what is not set is not sent. What has no member here, such
 * as "response_format" for an answer in JSON, goes into extra_args; HTTP
 * headers cannot be added. The request and all that it points to must stay
 * until its exchange has ended, that of a stream by puter_stream_end. */
typedef struct puter_request {
    const char *prompt;        /* one user turn, after the messages; not "" */
    const char *system;        /* one system turn, before them */
    const puter_message *messages;
    size_t message_count;
    const char *model;         /* (default: the service's) */
    const char *provider;      /* the vendor to use; for services of 2025 that
                                  is the driver (default: the model's) */
    const char *driver;        /* the same, if provider is not set; "ai-chat"
                                  is no vendor, but PUTER_ROUTE_AUTO begins
                                  with it */
    bool has_temperature;      /* send `temperature`, even 0; it is not sent
                                  without this */
    double temperature;
    int64_t max_tokens;        /* of the answer (default: not sent) */
    const char *reasoning_effort; /* "low", "medium", "high" */
    const char *verbosity;     /* "low", "medium", "high" */
    const puter_tool *tools;
    size_t tool_count;
    int max_tool_rounds;       /* (default: 8; -1: run no tool) */
    bool discard;              /* do not keep what a stream's events have told:
                                  the reply's text, reasoning and json are then
                                  empty (a reply that is no stream is kept) */
    bool test_mode;            /* services of 2025 give a canned answer, which
                                  costs nothing; those of 2026 take no notice */
    const char *extra_args;    /* a JSON object, merged into `args`. It wins
                                  over what is set above, but its messages are
                                  PUTER_ERR_ARGUMENT beside a tool's `call`,
                                  and its model neither chooses the driver nor
                                  counts for `blocked` */
} puter_request;

/* ---- chat: what comes back ---------------------------------------------- */

/* Tokens and cost, as far as the service told them, summed over all rounds of
 * tools. */
typedef struct puter_usage {
    int64_t prompt_tokens;
    int64_t completion_tokens;
    int64_t cached_tokens;
    double usd_cents;
    bool has_prompt_tokens;     /* whether prompt_tokens was told; and so on */
    bool has_completion_tokens;
    bool has_cached_tokens;
    bool has_usd_cents;
} puter_usage;

/* A picture in an answer. */
typedef struct puter_image {
    const char *url; /* https:, or data: with the picture itself in base64 */
    size_t length;   /* of the URL */
} puter_image;

/* An answer. Free with puter_reply_free, after a failure too, when it holds
 * what had come; freeing twice is fine. Strings are NUL-ended and, after
 * PUTER_OK, never NULL. Lengths and sizes are in bytes. */
typedef struct puter_reply {
    const char *text;
    size_t length;
    const char *reasoning;
    size_t reasoning_length;
    const char *role;          /* as a rule "assistant" */
    const char *model;         /* as the service names it, or "" */
    const char *service;       /* who answered, or "" */
    const char *finish_reason; /* "" in a stream, which has none */
    const puter_tool_call *tool_calls; /* left for the caller to run */
    size_t tool_call_count;
    const puter_image *images;
    size_t image_count;
    const char *compaction;    /* JSON for the next request, or "" */
    const char *turns;         /* a JSON array: what rounds of tools added to
                                  the conversation before this answer, or "" */
    puter_usage usage;
    bool usage_limited;        /* out of credit: the text is a notice */
    bool blocked;              /* policy: the text is not an answer. A stream
                                  sets neither of these two */
    bool complete;             /* the whole answer arrived */
    const char *json;          /* the last reply as received, or its lines; ""
                                  where neither route has the driver */
    size_t json_length;
    const void *body;          /* a result that is not JSON (puter_call) */
    size_t size;
    const char *content_type;
    void *memory;              /* the library's */
} puter_reply;

typedef enum puter_event_type {
    PUTER_EVENT_TEXT = 1,   /* text + length: more of the answer */
    PUTER_EVENT_REASONING,  /* text + length: more of the model's thinking */
    PUTER_EVENT_TOOL_CALL,  /* tool_call */
    PUTER_EVENT_IMAGE,      /* text + length: its URL */
    PUTER_EVENT_USAGE,      /* usage, of all rounds of tools so far */
    PUTER_EVENT_COMPACTION, /* text + length: the artifact, JSON */
    PUTER_EVENT_OTHER       /* json: a line of a type unknown here */
} puter_event_type;

/* One step of an answer; valid until the next call on the client. What its
 * type does not use is NULL or 0, but json. */
typedef struct puter_event {
    const char *text;
    size_t length;          /* of text, in bytes */
    const puter_tool_call *tool_call;
    const puter_usage *usage;
    const char *json;       /* the line as received, not NUL-ended; of a reply
                               that was not streamed, all of it */
    size_t json_length;
    puter_event_type type;
} puter_event;

/* Asks one question and waits for the whole answer. model and reply may be
 * NULL. */
PUTER_API puter_result puter_ask(puter_client *client, const char *model,
                                 const char *prompt, puter_reply *reply);

/* The same with everything a request can say. Tools are run (see puter_tool) in
 * up to max_tool_rounds rounds; calls after that come back in the reply. If the
 * arguments of one are not a JSON object, none is run: PUTER_ERR_PROTOCOL. */
PUTER_API puter_result puter_chat(puter_client *client,
                                  const puter_request *request,
                                  puter_reply *reply);

/* Starts to ask for an answer as a stream, and returns without waiting (but for
 * the name resolver). What the service says, even a refusal, comes from
 * puter_stream_next. PUTER_WAIT, of non-blocking clients only, is no failure:
 * the stream has begun; wait before puter_stream_next. PUTER_ERR_ARGUMENT
 * inside another exchange, which goes on. After any other failure there is
 * nothing to end; puter_stream_next and puter_stream_end then repeat it. */
PUTER_API puter_result puter_stream_begin(puter_client *client,
                                          const puter_request *request);

/* Waits for the next event. 1: `event` (may be NULL) is filled; 0: the answer
 * has ended; 2 (PUTER_WAIT): nothing yet, non-blocking clients only; < 0: a
 * puter_result, which every further call repeats. Without a stream that is the
 * failure of the call before, or PUTER_ERR_ARGUMENT. Tools that have a `call`
 * are run in here, as by puter_chat, before the next event. */
PUTER_API int puter_stream_next(puter_client *client, puter_event *event);

/* Ends the exchange and puts what came into the reply (may be NULL), after a
 * failure too. If the whole reply is not in yet, it closes the connection
 * without waiting, and returns PUTER_OK with `complete` false; after a failure
 * it returns that. Without a stream it fails as puter_stream_next does. */
PUTER_API puter_result puter_stream_end(puter_client *client,
                                        puter_reply *reply);

/* Frees what a reply holds and zeroes it; NULL and {0} are fine. */
PUTER_API void puter_reply_free(puter_reply *reply);

/* Decodes the picture in a data: URL, if it is base64 without percent-encoding
 * (RFC 2397; "data:" and ";base64" in lower case), into the buffer, up to
 * `capacity` bytes; skips what is no digit of base64. Returns the size of the
 * whole picture in bytes (ask with NULL and 0 first), 0 for any other URL. */
PUTER_API size_t puter_image_bytes(const puter_image *image, void *buffer,
                                   size_t capacity);

/* A conversation, to be kept. {0} is an empty one. Its messages go into the
 * next request and last until it changes. A function of it that fails, with
 * PUTER_ERR_NOMEM or PUTER_ERR_ARGUMENT, leaves it as it was. Services refuse a
 * turn after tool calls without results: such calls are answered "The tool was
 * not run." before the next turn is added. So add a question here; do not make
 * it the request's prompt. What is added is copied. */
typedef struct puter_history {
    puter_message *messages; /* each with role and json set */
    size_t message_count;
    size_t capacity;
    size_t bytes;            /* of JSON in all messages */
} puter_history;

/* Adds a turn of "user" or "system"; PUTER_ERR_ARGUMENT for another role or
 * empty content. */
PUTER_API puter_result puter_history_add(puter_history *history,
                                         const char *role,
                                         const char *content);
/* Adds such a turn with parts, such as pictures, or with NULs in its text; a
 * NULL role is "user". PUTER_ERR_ARGUMENT for what a request would be refused
 * for, and if tool_calls, tool_call_id or json is set; PUTER_ERR_LIMIT for a
 * picture too large for any request. */
PUTER_API puter_result
puter_history_add_message(puter_history *history, const puter_message *message);
/* Adds an answer: its rounds of tools, text, tool calls and compaction, not its
 * reasoning and pictures. An empty one adds nothing. */
PUTER_API puter_result puter_history_add_reply(puter_history *history,
                                               const puter_reply *reply);
/* Adds the result of a tool call that the caller ran (NULL or "": no output);
 * PUTER_ERR_ARGUMENT if no call with that id waits for one. */
PUTER_API puter_result puter_history_add_result(puter_history *history,
                                                const char *tool_call_id,
                                                const char *result);
/* Drops the oldest turns until at most `bytes` of JSON are left, but never a
 * system turn, nor the last user turn and what follows it (without a user turn,
 * nothing). Of the turns that stay, the first but for system ones is a user's.
 */
PUTER_API void puter_history_trim(puter_history *history, size_t bytes);
/* Writes it as a JSON array; returns the writer's result. */
PUTER_API puter_result puter_history_save(const puter_history *history,
                                          puter_writer *out);
/* Replaces it by what puter_history_save wrote. After a failure the reason is
 * in error (may be NULL). */
PUTER_API puter_result puter_history_load(puter_history *history,
                                          const char *json, size_t length,
                                          puter_error *error);
/* Frees what it holds and makes it an empty one; NULL is fine. */
PUTER_API void puter_history_free(puter_history *history);

/* ---- the rest of the endpoint ------------------------------------------- */

/* A call of any interface of the service. */
typedef struct puter_call_request {
    const char *interface; /* such as "puter-kvstore" */
    const char *driver;    /* (default: the interface's own) */
    const char *method;    /* such as "get" */
    const char *args;      /* a JSON object (default: {}) */
    bool test_mode;        /* a canned result, which costs nothing: sent both
                              beside args and in them, as services differ */
    /* Takes a result that is not JSON piece by piece, in place of reply.body;
     * non-zero ends the call with PUTER_ERR_CANCELLED. It must not call
     * anything on the client. */
    int (*sink)(void *user, const void *data, size_t size);
    void *user;            /* for `sink` */
} puter_call_request;

/* Calls an interface and waits. A reply in JSON is in reply.json as a whole
 * (its member "result" is the result); HTML is a failure; anything else is the
 * result itself: in reply.body, size and content_type, or in the sink. */
PUTER_API puter_result puter_call(puter_client *client,
                                  const puter_call_request *call,
                                  puter_reply *reply);

/* Reads a path of the API, such as "/version", percent-encoded, and waits. What
 * is JSON by its Content-Type is in reply.json, anything else in reply.body;
 * HTML is a failure, since it is not the API's. The token is sent if there is
 * one. As it only reads, it is retried (max_retries) also after a lost
 * connection or HTTP 502 to 504. */
PUTER_API puter_result puter_get(puter_client *client, const char *path,
                                 puter_reply *reply);

/* The models on offer, as JSON in reply.json: {"models": [...]}. Each is an
 * object {id, provider, context, costs, ...} or, from services without prices,
 * its id alone, a string. Costs are in costs_currency ("usd-cents") for
 * costs.tokens tokens; input_cost_key and output_cost_key name the members of
 * costs that are for input and output. provider NULL: all models; one that the
 * service does not know: an empty list. This takes up to three exchanges, each
 * with its own timeouts; only the third, for services without an open list,
 * needs a token. Retried as puter_get is. */
PUTER_API puter_result puter_models(puter_client *client, const char *provider,
                                    puter_reply *reply);

/* Short forms of puter_call, for what is asked most. They fail as it does, and
 * with PUTER_ERR_PROTOCOL if the reply holds no result, such as a proxy's text
 * or other JSON (but {"success":true} alone is an empty result). model,
 * language, voice, mime_type, value_json and pattern may be NULL. Any other
 * argument that is NULL or empty, or a value_json that is not JSON, is
 * PUTER_ERR_ARGUMENT. */

/* A picture from words: its bytes in reply.body or, from some services, its
 * URL in reply.text. */
PUTER_API puter_result puter_text_to_image(puter_client *client,
                                           const char *prompt,
                                           const char *model,
                                           puter_reply *reply);
/* Speech from words (the service takes under 3000 characters): audio in
 * reply.body or, from some services, its URL in reply.text. language is such
 * as "en-US", voice such as "Joanna". */
PUTER_API puter_result puter_text_to_speech(puter_client *client,
                                            const char *text,
                                            const char *language,
                                            const char *voice,
                                            puter_reply *reply);
/* The words in a picture or document, into reply.text. source is its URL, data:
 * URL or Puter path. */
PUTER_API puter_result puter_image_to_text(puter_client *client,
                                           const char *source,
                                           puter_reply *reply);
/* The words in a recording, into reply.text, from the `size` bytes of its file.
 * mime_type is such as "audio/wav" (default: "audio/mpeg"). */
PUTER_API puter_result puter_speech_to_text(puter_client *client,
                                            const void *data, size_t size,
                                            const char *mime_type,
                                            const char *model,
                                            puter_reply *reply);
/* The user's key-value store. A value is any JSON. get puts it into reply.text:
 * a string as its characters, any other value as JSON; for a key that is not
 * there "", and null as the result in reply.json. value_json NULL sets null. */
PUTER_API puter_result puter_kv_get(puter_client *client, const char *key,
                                    puter_reply *reply);
PUTER_API puter_result puter_kv_set(puter_client *client, const char *key,
                                    const char *value_json,
                                    puter_reply *reply);
/* The keys that match a pattern such as "user:*" ('*' is any run of
 * characters), or all for NULL, as a JSON array in reply.text. */
PUTER_API puter_result puter_kv_list(puter_client *client,
                                     const char *pattern, puter_reply *reply);

/* The driver that serves a model on services of 2025, such as "claude" for
 * "claude-3-5-sonnet"; "openai-completion" for NULL and unknown names. A
 * constant string, never NULL. */
PUTER_API const char *puter_driver_for_model(const char *model);

/* ---- JSON --------------------------------------------------------------- */

typedef enum puter_type {
    PUTER_MISSING = 0,
    PUTER_NULL,
    PUTER_BOOL,
    PUTER_NUMBER,
    PUTER_STRING,
    PUTER_ARRAY,
    PUTER_OBJECT
} puter_type;

/* A document that was read. Opaque; one thread at a time, even to read. */
typedef struct puter_json puter_json;

/* A value in a document, valid as long as that is. {0} is a missing one. */
typedef struct puter_value {
    puter_json *json;
    size_t node;
} puter_value;

/* Reads a document (RFC 8259): UTF-8, at most 1000 levels deep and 512 MiB
 * long; a byte order mark before it is skipped. The text is copied. Free with
 * puter_json_free. Returns NULL on failure: error (may be NULL) then has
 * PUTER_ERR_PROTOCOL, PUTER_ERR_LIMIT or PUTER_ERR_NOMEM, and its message the
 * offset in bytes. Memory: the text's size, and 16 to 24 bytes for each value
 * and key (at least 768); while reading up to 40, where realloc has to move
 * them. */
PUTER_API puter_json *puter_json_parse(const char *text, size_t length,
                                       puter_error *error);
/* Frees a document, once, with all its values; NULL is fine. */
PUTER_API void puter_json_free(puter_json *json);

/* The whole document as a value; a missing one for NULL. */
PUTER_API puter_value puter_json_root(const puter_json *json);

/* The value at a path such as "message.content[0].text". Keys that are empty or
 * hold a dot or a bracket are for puter_json_member. */
PUTER_API puter_value puter_json_get(puter_value value, const char *path);

/* The member of an object by its exact key, of key_length bytes; of duplicates,
 * the last. */
PUTER_API puter_value puter_json_member(puter_value value, const char *key,
                                        size_t key_length);

/* Getters take any value, even a missing one, and give a missing value for what
 * is not there. From a value of another type string gives "", number and
 * integer 0, bool false, count 0. */
PUTER_API puter_type puter_json_type(puter_value value);
/* NUL-ended; valid as long as the document. length (may be NULL) is in bytes,
 * NULs inside included. A lone surrogate becomes U+FFFD. */
PUTER_API const char *puter_json_string(puter_value value, size_t *length);
/* The nearest double; for a number beyond the largest, the largest. */
PUTER_API double puter_json_number(puter_value value);
/* Any fraction is cut off; a number out of range becomes the nearest in it. */
PUTER_API int64_t puter_json_integer(puter_value value);
PUTER_API bool puter_json_bool(puter_value value);
/* The number of elements or members. */
PUTER_API size_t puter_json_count(puter_value value);
/* at: the element, or the member's value, at an index from 0; key: the member's
 * key, as a string. A loop in order takes constant time for each, and so do
 * loops in it, up to four deep; taking turns between two arrays does not. */
PUTER_API puter_value puter_json_at(puter_value value, size_t index);
PUTER_API puter_value puter_json_key(puter_value value, size_t index);

#ifdef __cplusplus
}
#endif
#endif /* PUTER_H */

/* ========================================================================= */
#if defined(PUTER_IMPLEMENTATION) && !defined(PUTER_IMPLEMENTATION_DONE)
#define PUTER_IMPLEMENTATION_DONE

/* >> prelude: system headers, hooks --------------------------------------- */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#ifndef PUTER_NO_STDIO
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#endif
#ifndef PUTER_NO_SOCKETS
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#endif
#ifndef PUTER_NO_TLS
#include <mbedtls/version.h> /* the one header that all versions have */
#if MBEDTLS_VERSION_NUMBER < 0x04000000
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#endif
#include <mbedtls/asn1.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000 || defined(MBEDTLS_USE_PSA_CRYPTO)
#include <psa/crypto.h>
#endif
#endif

#if !defined(CLOCK_MONOTONIC) ||                                              \
    (!defined(PUTER_NO_STDIO) && !defined(O_CLOEXEC)) ||                      \
    (!defined(PUTER_NO_SOCKETS) && !defined(AI_NUMERICHOST))
#error "puter.h: include it first, or define _POSIX_C_SOURCE as 200809L"
#elif !defined(PUTER_NO_TLS) && MBEDTLS_VERSION_NUMBER < 0x03000000 &&        \
    !defined(MBEDTLS_X509_CHECK_EXTENDED_KEY_USAGE)
#error "puter.h: Mbed TLS is to have MBEDTLS_X509_CHECK_EXTENDED_KEY_USAGE"
#else

#if defined(PUTER_MALLOC) && defined(PUTER_REALLOC) && defined(PUTER_FREE)
#elif !defined(PUTER_MALLOC) && !defined(PUTER_REALLOC) && !defined(PUTER_FREE)
#define PUTER_MALLOC(size) malloc(size)
#define PUTER_REALLOC(memory, size) realloc(memory, size)
#define PUTER_FREE(memory) free(memory)
#else
#error "puter.h: define all of PUTER_MALLOC, PUTER_REALLOC, PUTER_FREE, or none"
#endif

#ifndef PUTER_ASSERT
#define PUTER_ASSERT(truth) ((void)0)
#endif

#if defined(__GNUC__)
#define PUTER__PRINTF(format, first)                                          \
    __attribute__((__format__(__printf__, format, first)))
#else
#define PUTER__PRINTF(format, first)
#endif

#define PUTER__STRING(token) #token
#define PUTER__NUMBER(macro) PUTER__STRING(macro)
#define PUTER__VERSION                                                        \
    PUTER__NUMBER(PUTER_VERSION_MAJOR)                                        \
    "." PUTER__NUMBER(PUTER_VERSION_MINOR) "." PUTER__NUMBER(                 \
        PUTER_VERSION_PATCH)

#define PUTER__COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Whether doubles are calculated as such, not in wider registers. The header
 * of tcc does not say. */
#ifdef FLT_EVAL_METHOD
#define PUTER__PLAIN_DOUBLE (FLT_EVAL_METHOD == 0)
#else
#define PUTER__PLAIN_DOUBLE false
#endif

/* A local struct with all its members zero, as C and C++ both take it. */
#ifdef __cplusplus
#define PUTER__ZERO {}
#else
#define PUTER__ZERO {0}
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* >> buffer: one growing buffer for everything; characters ---------------- */

/* More memory; where there is none, the writer's result says why. */
static bool puter__grow(puter_writer *writer, size_t extra)
{
    size_t capacity = writer->capacity + writer->capacity / 2;
    char *text;
    if (extra >= SIZE_MAX / 4 || writer->length >= SIZE_MAX / 4) {
        writer->result = PUTER_ERR_LIMIT;
        return false;
    }
    if (capacity <= writer->length + extra)
        capacity = writer->length + extra + 32;
    text = (char *)PUTER_REALLOC(writer->text, capacity);
    if (text == NULL) {
        writer->result = PUTER_ERR_NOMEM;
        return false;
    }
    writer->text = text;
    writer->capacity = capacity;
    return true;
}

/* Room for `extra` more bytes and the NUL. puter_writer is the buffer: what
 * fails, fails once and for all, so that callers ask only at the end. */
static inline bool puter__reserve(puter_writer *writer, size_t extra)
{
    return writer->result == PUTER_OK &&
           (extra < writer->capacity - writer->length ||
            puter__grow(writer, extra));
}

static void puter__append(puter_writer *writer, const void *data, size_t size)
{
    if (!puter__reserve(writer, size))
        return;
    if (size > 0)
        memcpy(writer->text + writer->length, data, size);
    writer->length += size;
    writer->text[writer->length] = '\0';
}

static void puter__append_char(puter_writer *writer, char c)
{
    if (!puter__reserve(writer, 1))
        return;
    writer->text[writer->length++] = c;
    writer->text[writer->length] = '\0';
}

static void puter__append_string(puter_writer *writer, const char *string)
{
    puter__append(writer, string, strlen(string));
}

/* Takes it back to where all was well. */
static void puter__cut(puter_writer *writer, size_t length)
{
    writer->length = length;
    writer->result = PUTER_OK;
    if (writer->text != NULL)
        writer->text[length] = '\0';
}

/* Empties it for the next use; the memory stays. */
static void puter__rewind(puter_writer *writer)
{
    puter__cut(writer, 0);
    writer->comma = false;
}

/* A wipe that the compiler must keep: the pointer to memset is volatile. */
static void puter__wipe(void *memory, size_t size)
{
    void *(*volatile set)(void *, int, size_t) = memset;
    if (size > 0)
        set(memory, 0, size);
}

PUTER_API void puter_writer_free(puter_writer *writer)
{
    if (writer == NULL)
        return;
    PUTER_FREE(writer->text);
    memset(writer, 0, sizeof *writer);
}

/* Frees what held a secret. */
static void puter__wipe_free(puter_writer *writer)
{
    puter__wipe(writer->text, writer->capacity);
    puter_writer_free(writer);
}

static char puter__lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool puter__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit; -1: it is none. */
static int puter__hex_digit(char c)
{
    if (puter__is_digit(c))
        return c - '0';
    c = puter__lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of `count` hexadecimal digits; below 0 where one is none. */
static int puter__hex(const char *text, int count)
{
    int value = 0;
    for (; count > 0; count--)
        value = value * 16 | puter__hex_digit(*text++);
    return value;
}

/* The number at `*text`, which is moved past its digits, to a character that
 * must be there; INT64_MAX where it is too large. */
static int64_t puter__read_digits(const char **text)
{
    int64_t number = 0;
    for (; puter__is_digit(**text); ++*text)
        number = number > (INT64_MAX - 9) / 10
                     ? INT64_MAX
                     : number * 10 + (**text - '0');
    return number;
}

static bool puter__is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

static const char *puter__or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static bool puter__same(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

/* Equality as in host names, header fields and coding names: ASCII letters
 * in any case, no locale. */
static bool puter__equal_nocase(const char *a, const char *b, size_t length)
{
    size_t i;
    for (i = 0; i < length; i++)
        if (puter__lower(a[i]) != puter__lower(b[i]))
            return false;
    return true;
}

static bool puter__same_nocase(const char *a, size_t a_length, const char *b)
{
    return strlen(b) == a_length && puter__equal_nocase(a, b, a_length);
}

static bool puter__starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The length of the well-formed UTF-8 sequence at `text` (RFC 3629 section 4:
 * no overlong form, no surrogate, nothing above U+10FFFF). Where there is
 * none, less than 0: so many bytes are one mistake, to become one U+FFFD. */
static int puter__utf8_length(const char *text, size_t available)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte */
    int length, i;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return -1;
    length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] == 0xE0)
        low = 0xA0;
    else if (s[0] == 0xED)
        high = 0x9F;
    else if (s[0] == 0xF0)
        low = 0x90;
    else if (s[0] == 0xF4)
        high = 0x8F;
    for (i = 1; i < length; i++) {
        if ((size_t)i == available || s[i] < low || s[i] > high)
            return -i;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* Writes a code point as UTF-8 into at least four bytes; gives how many. */
static size_t puter__utf8_encode(uint32_t code, char *out)
{
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    size_t i;
    for (i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(lead[size] | code);
    return size;
}

#define PUTER__REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define PUTER__BOM "\xEF\xBB\xBF"         /* a byte order mark */

/* -- characters that stand in a JSON string as they are: ASCII without the
 * control bytes, the quote and the backslash -- */

/* puter__plain, eight bytes at a time: a lane's top bit is set where it holds a
 * byte that ends the run, or where it lent to a lane below that does, so the
 * lowest hit is a true one. */
static const char *puter__plain_words(const char *text, const char *end)
{
    const uint64_t ones = ~(uint64_t)0 / 255, tops = ones * 0x80;
    while (end - text >= 8) {
        uint64_t lanes, quote, slash, hits;
        memcpy(&lanes, text, 8);
        quote = lanes ^ ones * '"';
        slash = lanes ^ ones * '\\';
        hits = (lanes | (lanes - ones * 0x20) | (quote - ones) |
                (slash - ones)) & tops;
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (hits != 0)
            return text + __builtin_ctzll(hits) / 8;
#else
        if (hits != 0)
            break;
#endif
        text += 8;
    }
    while (text < end && (unsigned char)(*text - 0x20) < 0x60 &&
           *text != '"' && *text != '\\')
        text++;
    return text;
}

#ifdef __SSE2__
/* A bit for each of sixteen bytes that ends the run: one above 0x7F is below
 * 0x20 as well, being signed. */
static inline unsigned puter__plain_hits(__m128i lanes)
{
    return 0xFFFF ^ (unsigned)_mm_movemask_epi8(_mm_andnot_si128(
        _mm_or_si128(_mm_cmpeq_epi8(lanes, _mm_set1_epi8('"')),
                     _mm_cmpeq_epi8(lanes, _mm_set1_epi8('\\'))),
        _mm_cmpgt_epi8(lanes, _mm_set1_epi8(0x1F))));
}
#endif

/* The end of the plain run at `text`. */
static inline const char *puter__plain(const char *text, const char *end)
{
#ifdef __SSE2__
    for (; end - text >= 16; text += 16) {
        unsigned hits = puter__plain_hits(
            _mm_loadu_si128((const __m128i *)(const void *)text));
        if (hits != 0)
            return text + __builtin_ctz(hits);
    }
#endif
    return puter__plain_words(text, end);
}

/* The same, copied to `out`, which has room for all up to `end`. */
static inline const char *puter__copy_plain(const char *text, const char *end,
                                            char *out)
{
    const char *stop;
#ifdef __SSE2__
    for (; end - text >= 16; text += 16, out += 16) {
        __m128i lanes = _mm_loadu_si128((const __m128i *)(const void *)text);
        unsigned hits = puter__plain_hits(lanes);
        _mm_storeu_si128((__m128i *)(void *)out, lanes);
        if (hits != 0)
            return text + __builtin_ctz(hits);
    }
#endif
    stop = puter__plain_words(text, end);
    memcpy(out, text, (size_t)(stop - text));
    return stop;
}

/* -- patterns -- */

/* Whether a pattern, where '*' is any run of characters, covers a name. */
static bool puter__matches(const char *pattern, size_t length,
                           const char *name, bool any_case)
{
    const char *end = pattern + length, *star = NULL, *from = name;
    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = ++pattern; /* try the shortest run first... */
            from = name;
        } else if (pattern < end &&
                   (*pattern == *name ||
                    (any_case &&
                     puter__lower(*pattern) == puter__lower(*name)))) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star; /* ...then a longer one */
            name = ++from;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* Whether one of a list's patterns, with a space between, covers a name. */
static bool puter__listed(const char *list, const char *name)
{
    size_t length;
    for (; *list != '\0'; list += length + (list[length] == ' ')) {
        length = strcspn(list, " ");
        if (puter__matches(list, length, name, true))
            return true;
    }
    return false;
}

/* -- base64 (RFC 4648 section 4) -- */

static int puter__base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (puter__is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Digits of base64 on their way to bytes. */
typedef struct puter__base64 {
    uint32_t bits;
    int count; /* of bits that are not yet a byte */
} puter__base64;

/* Takes a character: gives a byte once there is one, else -1; what is no digit
 * is passed over. */
static int puter__base64_take(puter__base64 *base64, char c)
{
    int value = puter__base64_value(c);
    if (value < 0)
        return -1;
    base64->bits = base64->bits << 6 | (uint32_t)value;
    base64->count += 6;
    if (base64->count < 8)
        return -1;
    base64->count -= 8;
    return (int)(base64->bits >> base64->count & 0xFF);
}

static void puter__append_base64(puter_writer *out, const void *data,
                                 size_t size)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
                                "stuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)data;
    if (!puter__reserve(out, size / 3 * 4 + 4))
        return;
    for (; size > 0; p += 3) {
        uint32_t bits = (uint32_t)p[0] << 16;
        char *four = out->text + out->length;
        bits |= size > 1 ? (uint32_t)p[1] << 8 : 0;
        bits |= size > 2 ? p[2] : 0;
        four[0] = digit[bits >> 18];
        four[1] = digit[bits >> 12 & 63];
        four[2] = size > 1 ? digit[bits >> 6 & 63] : '=';
        four[3] = size > 2 ? digit[bits & 63] : '=';
        out->length += 4;
        size -= size > 3 ? 3 : size;
    }
    out->text[out->length] = '\0';
}

/* >> numbers: decimal to double and back, exactly and without a locale ---- */

/* A natural number of any size that a double's digits can need: the largest
 * is 10^1099, 3651 bits, when the longest fraction is read. */
typedef struct puter__natural {
    uint32_t word[118]; /* the lowest first */
    int size;           /* words in use; the highest is not 0 */
} puter__natural;

static void puter__natural_multiply_add(puter__natural *n, uint32_t factor,
                                        uint32_t addend)
{
    uint64_t carry = addend;
    int i;
    for (i = 0; i < n->size; i++) {
        carry += (uint64_t)n->word[i] * factor;
        n->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    PUTER_ASSERT(n->size < (int)PUTER__COUNT(n->word));
    if (carry > 0)
        n->word[n->size++] = (uint32_t)carry;
}

static void puter__natural_scale10(puter__natural *n, int exponent)
{
    for (; exponent >= 9; exponent -= 9)
        puter__natural_multiply_add(n, 1000000000, 0);
    for (; exponent > 0; exponent--)
        puter__natural_multiply_add(n, 10, 0);
}

/* n * 2^bits; below 32 bits n may be 0. */
static void puter__natural_shift(puter__natural *n, int bits)
{
    int words = bits / 32, i;
    if (words > 0) {
        memmove(n->word + words, n->word, (size_t)n->size * sizeof *n->word);
        for (i = 0; i < words; i++)
            n->word[i] = 0;
        n->size += words;
    }
    if (bits % 32 != 0)
        puter__natural_multiply_add(n, (uint32_t)1 << bits % 32, 0);
}

/* value * 2^bits */
static void puter__natural_set(puter__natural *n, uint64_t value, int bits)
{
    n->word[0] = (uint32_t)value;
    n->word[1] = (uint32_t)(value >> 32);
    n->size = n->word[1] != 0 ? 2 : n->word[0] != 0 ? 1 : 0;
    puter__natural_shift(n, bits);
}

/* How many bits a number has that is not 0. */
static int puter__natural_bits(const puter__natural *n)
{
    uint32_t top = n->word[n->size - 1];
    int bits = (n->size - 1) * 32;
    for (; top != 0; top >>= 1)
        bits++;
    return bits;
}

static int puter__natural_compare(const puter__natural *a,
                                  const puter__natural *b)
{
    int i;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    for (i = a->size - 1; i >= 0; i--)
        if (a->word[i] != b->word[i])
            return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

/* a + b * factor against c. */
static int puter__natural_compare_sum(const puter__natural *a,
                                      const puter__natural *b, uint32_t factor,
                                      const puter__natural *c)
{
    puter__natural sum = *a;
    uint64_t carry = 0;
    int i;
    for (i = 0; i < b->size || carry != 0; i++) {
        if (i >= sum.size)
            sum.word[sum.size++] = 0;
        carry += sum.word[i];
        if (i < b->size)
            carry += (uint64_t)b->word[i] * factor;
        sum.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return puter__natural_compare(&sum, c);
}

/* a must not be less than b. */
static void puter__natural_subtract(puter__natural *a, const puter__natural *b)
{
    uint64_t borrow = 0;
    int i;
    for (i = 0; i < a->size; i++) {
        uint64_t word = (uint64_t)a->word[i] - borrow -
                        (i < b->size ? b->word[i] : 0);
        a->word[i] = (uint32_t)word;
        borrow = word >> 63;
    }
    while (a->size > 0 && a->word[a->size - 1] == 0)
        a->size--;
}

/* The digits of a JSON number: 0.DIGITS * 10^point. 768 digits decide every
 * rounding; of what follows only whether it is zero matters. */
typedef struct puter__decimal {
    unsigned char digit[769];
    int count;
    int point;
    bool negative;
} puter__decimal;

/* What follows the E; up to what no count of digits makes up for. */
static int puter__read_exponent(const char *text, const char *end)
{
    bool negative = *text == '-';
    int exponent = 0;
    if (negative || *text == '+')
        text++;
    for (; text < end; text++)
        exponent = exponent < 100000000 ? exponent * 10 + (*text - '0')
                                        : 1000000000;
    return negative ? -exponent : exponent;
}

static void puter__decimal_read(puter__decimal *d, const char *text,
                                size_t length)
{
    size_t i;
    bool fraction = false, beyond = false;
    d->count = 0;
    d->point = 0;
    d->negative = text[0] == '-';
    for (i = d->negative; i < length; i++) {
        if (text[i] == '.') {
            fraction = true;
            continue;
        }
        if (!puter__is_digit(text[i]))
            break;
        if (d->count == 0 && text[i] == '0') {
            d->point -= fraction;
            continue;
        }
        d->point += !fraction;
        if (d->count < 768)
            d->digit[d->count++] = (unsigned char)(text[i] - '0');
        else
            beyond |= text[i] != '0';
    }
    if (beyond)
        d->digit[d->count++] = 1;
    if (i < length) /* at the E */
        d->point += puter__read_exponent(text + i + 1, text + length);
}

/* The nearest double without the sign, ties to even, by long division of two
 * naturals: as many quotient bits as the double has, then the remainder
 * decides. */
static double puter__decimal_divide(const puter__decimal *d)
{
    puter__natural upper, lower;
    int exponent = d->point - d->count, shift, precision, order, i;
    uint64_t mantissa = 0;
    double result;
    puter__natural_set(&upper, 0, 0);
    puter__natural_set(&lower, 1, 0);
    for (i = 0; i < d->count; i++)
        puter__natural_multiply_add(&upper, 10, d->digit[i]);
    puter__natural_scale10(exponent < 0 ? &lower : &upper, abs(exponent));
    shift = puter__natural_bits(&upper) - puter__natural_bits(&lower);
    puter__natural_shift(shift > 0 ? &lower : &upper, abs(shift));
    if (puter__natural_compare(&upper, &lower) < 0) {
        puter__natural_shift(&upper, 1);
        shift--;
    } /* the value is upper / lower * 2^shift, and 1 <= upper / lower < 2 */
    precision = shift >= -1022 ? 53 : 53 + 1022 + shift;
    if (precision < 0)
        return 0;
    for (i = 0; i < precision; i++) {
        mantissa <<= 1;
        if (puter__natural_compare(&upper, &lower) >= 0) {
            puter__natural_subtract(&upper, &lower);
            mantissa |= 1;
        }
        puter__natural_shift(&upper, 1);
    }
    order = puter__natural_compare(&upper, &lower);
    mantissa += order > 0 || (order == 0 && (mantissa & 1));
    if (precision == 53) /* a carry goes on into the exponent, as it should */
        mantissa += ((uint64_t)(shift + 1023) << 52) - ((uint64_t)1 << 52);
    if (mantissa >> 52 >= 2047)
        return DBL_MAX;
    memcpy(&result, &mantissa, sizeof result);
    return result;
}

/* A JSON number as the nearest double; past the largest, the largest. */
static double puter__read_double(const char *text, size_t length)
{
    puter__decimal d;
    int exponent, i;
    double result, power = 1;
    puter__decimal_read(&d, text, length);
    exponent = d.point - d.count;
    if (d.count == 0 || d.point < -330) {
        result = 0;
    } else if (d.point > 310) {
        result = DBL_MAX;
    } else if (!PUTER__PLAIN_DOUBLE || d.count > 15 || abs(exponent) > 22) {
        result = puter__decimal_divide(&d);
    } else { /* digits and power are exact, so one operation rounds right */
        result = 0;
        for (i = 0; i < d.count; i++)
            result = result * 10 + d.digit[i];
        for (i = abs(exponent); i > 0; i--)
            power *= 10;
        result = exponent < 0 ? result / power : result * power;
    }
    return d.negative ? -result : result;
}

/* The shortest digits that read back as `mantissa * 2^exponent`, the closest
 * of these, and of two as close the even ones (Steele and White 1990, with the
 * fixed-up estimate of Burger and Dybvig 1996): value = r / s, and m is half
 * the distance to the neighbour below in units of s, `above` times m to the
 * one above. Gives the digits' count; 0.DIGITS * 10^k. */
static int puter__shortest_digits(uint64_t mantissa, int exponent, char *digit,
                                  int *k)
{
    puter__natural r, s, m;
    bool even = (mantissa & 1) == 0, low, high;
    int uneven = mantissa == (uint64_t)1 << 52 && exponent > -1074;
    int up = exponent > 0 ? exponent : 0, count = 0;
    uint32_t above = 1 + (uint32_t)uneven;
    puter__natural_set(&r, mantissa, 1 + uneven + up);
    puter__natural_set(&s, 1, 1 + uneven + up - exponent);
    puter__natural_set(&m, 1, up);
    /* about floor(log10(value)), and never past the k to be found, which is
     * at least one more: 1233 / 4096 is almost log10(2), and 4096 more keep
     * from below 0 what is rounded down */
    *k = puter__natural_bits(&r) - puter__natural_bits(&s) + 4096;
    *k = *k * 1233 / 4096 - 1233;
    if (*k >= 0) {
        puter__natural_scale10(&s, *k);
    } else {
        puter__natural_scale10(&r, -*k);
        puter__natural_scale10(&m, -*k);
    }
    /* until r / s < 1, the top of the interval included */
    for (; puter__natural_compare_sum(&r, &m, above, &s) >= !even; ++*k)
        puter__natural_multiply_add(&s, 10, 0);
    do {
        int value = 0;
        puter__natural_multiply_add(&r, 10, 0);
        puter__natural_multiply_add(&m, 10, 0);
        while (puter__natural_compare(&r, &s) >= 0) {
            puter__natural_subtract(&r, &s);
            value++;
        }
        low = puter__natural_compare(&r, &m) < even;
        high = puter__natural_compare_sum(&r, &m, above, &s) >= !even;
        if (low && high) {
            puter__natural_shift(&r, 1);
            low = puter__natural_compare(&r, &s) < (value % 2 == 0);
        }
        digit[count++] = (char)('0' + value + (low || !high ? 0 : 1));
    } while (!low && !high);
    return count;
}

/* A number's decimal digits, at the end of `room`; gives where they begin. */
static const char *puter__integer_text(int64_t number, char room[24])
{
    char *at = room + 23;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    *at = '\0';
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    return at;
}

static void puter__append_integer(puter_writer *writer, int64_t number)
{
    char room[24];
    puter__append_string(writer, puter__integer_text(number, room));
}

/* Lays digits out as ECMAScript does: plain from 1e-6 to 1e21, else with an
 * exponent; whole numbers have no point. */
static void puter__append_digits(puter_writer *writer, const char *digit,
                                 int count, int k)
{
    static const char zeros[] = "0.00000000000000000000";
    int whole = k > 21 || k <= -6 ? 1 : k; /* digits before the point */
    if (whole <= 0) {
        puter__append(writer, zeros, (size_t)(2 - whole));
        puter__append(writer, digit, (size_t)count);
    } else if (whole >= count) {
        puter__append(writer, digit, (size_t)count);
        puter__append(writer, zeros + 2, (size_t)(whole - count));
    } else {
        puter__append(writer, digit, (size_t)whole);
        puter__append_char(writer, '.');
        puter__append(writer, digit + whole, (size_t)(count - whole));
    }
    if (whole != k) {
        puter__append_string(writer, k > 21 ? "e+" : "e");
        puter__append_integer(writer, k - 1);
    }
}

static void puter__append_double(puter_writer *writer, double number)
{
    char digit[20];
    uint64_t bits, mantissa;
    int exponent, count, k;
    memcpy(&bits, &number, sizeof bits);
    if (bits >> 63)
        puter__append_char(writer, '-');
    mantissa = bits & (((uint64_t)1 << 52) - 1);
    exponent = (int)(bits >> 52 & 2047);
    if (exponent == 0 && mantissa == 0) {
        puter__append_char(writer, '0');
        return;
    }
    if (exponent > 0)
        mantissa |= (uint64_t)1 << 52;
    else
        exponent = 1;
    count = puter__shortest_digits(mantissa, exponent - 1075, digit, &k);
    puter__append_digits(writer, digit, count, k);
}

/* >> errors: one line that says what and what to do ----------------------- */

PUTER_API const char *puter_result_name(puter_result result)
{
    static const char *const names[] = { /* from 0 downwards */
        "PUTER_OK",            "PUTER_ERR_ARGUMENT", "PUTER_ERR_NOMEM",
        "PUTER_ERR_RESOLVE",   "PUTER_ERR_CONNECT",  "PUTER_ERR_TLS",
        "PUTER_ERR_CERT",      "PUTER_ERR_TIMEOUT",  "PUTER_ERR_CLOSED",
        "PUTER_ERR_PROTOCOL",  "PUTER_ERR_LIMIT",    "PUTER_ERR_CANCELLED",
        "PUTER_ERR_AUTH",      "PUTER_ERR_FUNDS",    "PUTER_ERR_RATE",
        "PUTER_ERR_REFUSED",   "PUTER_ERR_NOT_FOUND",
        "PUTER_ERR_REQUEST",   "PUTER_ERR_SERVICE",
    };
    if (result == PUTER_WAIT)
        return "PUTER_WAIT";
    return result <= 0 && result >= PUTER_ERR_SERVICE ? names[-result]
                                                      : "PUTER_?";
}

/* Where the layers report. The secret is cut out of whatever is said. */
typedef struct puter__report {
    puter_error error;
    size_t length; /* of error.message, while that is put together */
    const char *secret; /* or NULL */
} puter__report;

/* How many bytes at `text` are the secret, or its beginning, as it is or with
 * the escapes of JSON: a service may quote it cut short, and eight characters
 * of it are no accident. */
static size_t puter__secret_at(const puter__report *report, const char *text,
                               size_t length)
{
    const char *secret = puter__or_empty(report->secret);
    size_t at = 0, same = 0;
    for (; at < length && secret[same] != '\0'; same++) {
        if (text[at] == secret[same])
            at++;
        else if (length - at >= 6 && text[at] == '\\' &&
                 text[at + 1] == 'u' &&
                 puter__hex(text + at + 2, 4) == secret[same])
            at += 6;
        else if (length - at >= 2 && text[at] == '\\' &&
                 text[at + 1] == secret[same])
            at += 2;
        else
            break;
    }
    return same >= 8 || secret[same] == '\0' ? at : 0;
}

/* Whether a character steers a terminal: C0, DEL, C1 (U+0080 to U+009F). */
static bool puter__is_control(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    return s[0] < 0x20 || s[0] == 0x7F || (s[0] == 0xC2 && s[1] < 0xA0);
}

/* Adds at most `limit` bytes of a string, which must have its NUL all the same:
 * a secret is found across the limit. It is masked, controls become spaces, no
 * character is halved, and what does not fit is left out. */
static void puter__say(puter__report *report, const char *text, size_t limit)
{
    char *out = report->error.message;
    size_t room = sizeof report->error.message - 1;
    size_t length = strlen(text);
    const char *stop = text + (length < limit ? length : limit);
    while (text < stop) {
        size_t secret = puter__secret_at(report, text, length);
        int sequence = puter__utf8_length(text, length);
        size_t used = secret > 0 ? secret : (size_t)abs(sequence);
        const char *piece = secret > 0                ? "***"
                            : sequence < 0            ? "?"
                            : puter__is_control(text) ? " "
                                                      : text;
        size_t size = piece == text ? used : strlen(piece);
        if (report->length + size > room ||
            (piece == text && text + size > stop))
            break;
        memcpy(out + report->length, piece, size);
        report->length += size;
        text += used;
        length -= used;
    }
    out[report->length] = '\0';
}

/* A printf of %s, %.*s and %d: all that messages need, and no stdio. */
static void puter__say_format(puter__report *report, const char *format,
                              va_list values)
{
    for (;;) {
        size_t plain = strcspn(format, "%"), limit = SIZE_MAX;
        char room[24];
        puter__say(report, format, plain);
        format += plain;
        if (*format == '\0')
            return;
        if (format[1] == '.') { /* the rest of %.*s is as long as %s */
            limit = (size_t)va_arg(values, int);
            format += 2;
        }
        puter__say(report,
                   format[1] == 'd'
                       ? puter__integer_text(va_arg(values, int), room)
                       : va_arg(values, const char *),
                   limit);
        format += 2;
    }
}

/* Records a failure and gives its result, to be returned. */
PUTER__PRINTF(3, 4)
static puter_result puter__fail(puter__report *report, puter_result result,
                                const char *format, ...)
{
    va_list values;
    report->length = 0;
    report->error.result = result;
    report->error.code[0] = '\0';
    report->error.retry_after_ms = 0;
    va_start(values, format);
    puter__say_format(report, format, values);
    va_end(values);
    return result;
}

static puter_result puter__fail_memory(puter__report *report)
{
    return puter__fail(report, PUTER_ERR_NOMEM, "out of memory");
}

/* >> json write ----------------------------------------------------------- */

/* Writes a comma first where one is due, as one is after the value. */
PUTER_API void puter_write_raw(puter_writer *writer, const char *text,
                               size_t length)
{
    if (writer->comma)
        puter__append_char(writer, ',');
    puter__append(writer, text, length);
    writer->comma = true;
}

PUTER_API void puter_write_begin_object(puter_writer *writer)
{
    puter_write_raw(writer, "{", 1);
    writer->comma = false;
}

PUTER_API void puter_write_end_object(puter_writer *writer)
{
    puter__append_char(writer, '}');
    writer->comma = true;
}

PUTER_API void puter_write_begin_array(puter_writer *writer)
{
    puter_write_raw(writer, "[", 1);
    writer->comma = false;
}

PUTER_API void puter_write_end_array(puter_writer *writer)
{
    puter__append_char(writer, ']');
    writer->comma = true;
}

PUTER_API void puter_write_key(puter_writer *writer, const char *key)
{
    puter_write_string(writer, key != NULL ? key : "");
    puter__append_char(writer, ':');
    writer->comma = false;
}

/* Writes a character's escape into at least six bytes; gives how many. */
static size_t puter__escape_encode(unsigned char c, char *out)
{
    static const char hex[] = "0123456789abcdef";
    static const char letter[] = "btn\0fr"; /* of 0x08 to 0x0D */
    out[0] = '\\';
    out[1] = 'u';
    if (c == '"' || c == '\\')
        out[1] = (char)c;
    else if (c >= 0x08 && c <= 0x0D && c != 0x0B)
        out[1] = letter[c - 0x08];
    if (out[1] != 'u')
        return 2;
    out[2] = out[3] = '0';
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

/* The inside of a JSON string (RFC 8259 section 7); what is not UTF-8 becomes
 * U+FFFD. */
static void puter__append_escaped(puter_writer *writer, const char *text,
                                  size_t length)
{
    const char *end;
    if (length == 0)
        return; /* text may be NULL */
    end = text + length;
    while (text < end && puter__reserve(writer, (size_t)(end - text) + 6)) {
        char *out = writer->text + writer->length;
        const char *stop = puter__copy_plain(text, end, out);
        out += stop - text;
        if (stop < end && (unsigned char)*stop < 0x80) {
            out += puter__escape_encode((unsigned char)*stop++, out);
        } else if (stop < end) {
            int sequence = puter__utf8_length(stop, (size_t)(end - stop));
            size_t size = sequence > 0 ? (size_t)sequence : 3;
            memcpy(out, sequence > 0 ? stop : PUTER__REPLACEMENT, size);
            out += size;
            stop += abs(sequence);
        }
        writer->length = (size_t)(out - writer->text);
        text = stop;
    }
}

/* The string is begun in one step: by way of puter_write_raw a history takes a
 * sixth longer to write. */
PUTER_API void puter_write_chars(puter_writer *writer, const char *text,
                                 size_t length)
{
    if (!puter__reserve(writer, 2))
        return;
    if (writer->comma)
        writer->text[writer->length++] = ',';
    writer->text[writer->length++] = '"';
    writer->text[writer->length] = '\0';
    puter__append_escaped(writer, text, length);
    puter__append_char(writer, '"');
    writer->comma = true;
}

PUTER_API void puter_write_string(puter_writer *writer, const char *text)
{
    if (text == NULL)
        puter_write_null(writer);
    else
        puter_write_chars(writer, text, strlen(text));
}

/* An infinity less itself is NaN, as is all that NaN is in. */
static bool puter__is_finite(double number)
{
    return number - number == 0;
}

PUTER_API void puter_write_number(puter_writer *writer, double number)
{
    if (!puter__is_finite(number)) {
        puter_write_null(writer);
        return;
    }
    puter_write_raw(writer, "", 0);
    puter__append_double(writer, number);
}

PUTER_API void puter_write_integer(puter_writer *writer, int64_t number)
{
    puter_write_raw(writer, "", 0);
    puter__append_integer(writer, number);
}

PUTER_API void puter_write_bool(puter_writer *writer, bool value)
{
    puter_write_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

PUTER_API void puter_write_null(puter_writer *writer)
{
    puter_write_raw(writer, "null", 4);
}

/* A member that is text, which may hold NULs. */
static void puter__write_text(puter_writer *writer, const char *key,
                              const char *text, size_t length)
{
    puter_write_key(writer, key);
    puter_write_chars(writer, text, length);
}

/* A member, unless its value is NULL. */
static void puter__write_member(puter_writer *writer, const char *key,
                                const char *value)
{
    if (value != NULL)
        puter__write_text(writer, key, value, strlen(value));
}

/* >> json read ------------------------------------------------------------ */

#define PUTER__DEPTH_MAX 1000
#define PUTER__DOCUMENT_MAX ((size_t)1 << 29)

/* A value or a key. Nodes stand in the order of the text: a container's
 * members follow it, a key precedes its value. */
typedef struct puter__node {
    uint32_t start;  /* in the text; of a string, after the quote */
    uint32_t length; /* of the text; of a string, between the quotes */
    uint32_t next;   /* the node after this value and all in it; while a
                        container is being read, the one around it */
    uint32_t info;   /* type, PUTER__ESCAPED, and a container's count */
} puter__node;

#define PUTER__TYPE(node) ((puter_type)((node)->info & 7))
#define PUTER__ESCAPED 8u /* the string holds escapes, not decoded */
#define PUTER__ONE 16u    /* one more in the count */

/* Where puter_json_at was last in a container. */
typedef struct puter__cursor {
    size_t parent;
    size_t index;
    size_t node;
} puter__cursor;

struct puter_json {
    const char *text; /* where the nodes' values are */
    char *copy;       /* the same where it is our own, in which each value
                         stands where it was read, strings decoded; or NULL */
    puter__node *nodes;
    size_t count;
    size_t capacity;
    puter__cursor cursor[4]; /* of containers, outer ones before inner */
};

/* The reading of one document. */
typedef struct puter__reading {
    puter_json *json;
    const char *text;
    const char *end;
    const char *copied; /* up to here it is in the document's copy */
    uint32_t parent; /* the open container; PUTER__TOP outside of all */
    int depth;
    int offset;           /* where something is wrong... */
    const char *wrong;    /* ...what... */
    puter_result failure; /* ...and what that comes to */
} puter__reading;

#define PUTER__TOP UINT32_MAX

/* The functions that read from `p` on give where they ended; NULL after a
 * failure. */
static const char *puter__read_fail(puter__reading *r, const char *at,
                                    const char *wrong)
{
    r->offset = (int)(at - r->text);
    r->wrong = wrong;
    return NULL;
}

static bool puter__nodes_grow(puter__reading *r)
{
    puter_json *json = r->json;
    size_t capacity = json->capacity + json->capacity / 2 + 48;
    puter__node *nodes = (puter__node *)PUTER_REALLOC(
        json->nodes, capacity * sizeof *nodes);
    if (nodes == NULL) {
        r->failure = PUTER_ERR_NOMEM; /* which says it all */
        return false;
    }
    json->nodes = nodes;
    json->capacity = capacity;
    return true;
}

static inline puter__node *puter__node_add(puter__reading *r, uint32_t info,
                                           const char *start, const char *end)
{
    puter_json *json = r->json;
    puter__node *node;
    if (json->count == json->capacity && !puter__nodes_grow(r))
        return NULL;
    node = json->nodes + json->count++;
    node->start = (uint32_t)(start - r->text);
    node->length = (uint32_t)(end - start);
    node->next = (uint32_t)json->count;
    node->info = info;
    return node;
}

/* -- strings -- */

/* What the letter behind a backslash stands for; '\0': it is none, or 'u'. */
static char puter__escape(char letter)
{
    if (letter == 'n' || letter == '"') /* most are one of these */
        return letter == 'n' ? '\n' : letter;
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'r': return '\r';
    case 't': return '\t';
    case '\\':
    case '/': return letter;
    default: return '\0';
    }
}

/* The UTF-16 unit that is escaped at `p`; -1: none is. */
static int puter__escaped_unit(const char *p, const char *end)
{
    return end - p >= 6 && p[1] == 'u' && p[0] == '\\' ? puter__hex(p + 2, 4)
                                                       : -1;
}

/* The ten bits of the low surrogate that is escaped at `p`; -1: none is. */
static int puter__low_surrogate(const char *p, const char *end)
{
    int unit = puter__escaped_unit(p, end);
    return (unit & ~0x3FF) == 0xDC00 ? unit & 0x3FF : -1;
}

/* The characters of a string, while they are read. */
typedef struct puter__chars {
    char *out;         /* where they are decoded to; NULL: nowhere */
    const char *wrong; /* what is found that no string holds; NULL: nothing */
    int high;          /* a high surrogate at their end, not decoded; or 0 */
    bool escaped;
} puter__chars;

/* A UTF-16 unit, and the low surrogate behind it or -1, as UTF-8: a surrogate
 * alone is U+FFFD. */
static void puter__chars_add(puter__chars *chars, int unit, int low)
{
    int code = unit;
    if (low >= 0)
        code = 0x10000 + ((unit & 0x3FF) << 10) + low;
    else if (unit >= 0xD800 && unit <= 0xDFFF)
        code = 0xFFFD;
    if (chars->out != NULL)
        chars->out += puter__utf8_encode((uint32_t)code, chars->out);
}

/* Reads the escape at `p`, of a pair both; gives the length, 0 if it is
 * none. A high surrogate before the closing quote is left to the caller, who
 * may know what follows. */
static int puter__chars_escape(puter__chars *chars, const char *p,
                               const char *end)
{
    char named = end - p >= 2 ? puter__escape(p[1]) : '\0';
    int unit, low = -1;
    chars->escaped = true;
    if (named != '\0') {
        if (chars->out != NULL)
            *chars->out++ = named;
        return 2;
    }
    unit = puter__escaped_unit(p, end);
    if (unit < 0) {
        chars->wrong = "an escape that JSON lacks";
        return 0;
    }
    if ((unit & ~0x3FF) == 0xD800) {
        if (end - p > 6 && p[6] == '"') {
            chars->high = unit;
            return 6;
        }
        low = puter__low_surrogate(p + 6, end);
    }
    puter__chars_add(chars, unit, low);
    return low < 0 ? 6 : 12;
}

/* Reads a sequence of UTF-8; gives its length, 0 if it is none. */
static int puter__chars_sequence(puter__chars *chars, const char *p,
                                 const char *end)
{
    int length = puter__utf8_length(p, (size_t)(end - p));
    if (length < 2) {
        chars->wrong = length == 1 ? "a control byte in a string"
                                   : "a byte that is not UTF-8";
        return 0;
    }
    if (chars->out != NULL) {
        memcpy(chars->out, p, (size_t)length);
        chars->out += length;
    }
    return length;
}

/* Reads to the closing quote, or to what is wrong. What follows `out` is
 * overwritten, up to sixteen bytes, but none as far from it as `end` from `p`:
 * nothing is longer decoded than it was. */
static const char *puter__chars_read(puter__chars *chars, const char *p,
                                     const char *end)
{
    while (chars->wrong == NULL) {
        const char *run = p;
        if (chars->out == NULL) {
            p = puter__plain(p, end);
        } else {
            p = puter__copy_plain(p, end, chars->out);
            chars->out += p - run;
        }
        if (p == end) {
            chars->wrong = "the text ends too early";
        } else if (*p == '\\') {
            p += puter__chars_escape(chars, p, end);
        } else if (*p == '"') {
            break;
        } else {
            do /* most alphabets have more of them behind one */
                p += puter__chars_sequence(chars, p, end);
            while (chars->wrong == NULL && p < end &&
                   (unsigned char)*p >= 0x80);
        }
    }
    return p;
}

/* Copies the text before `p`, as far as it is neither copied nor decoded. */
static void puter__copy_up_to(puter__reading *r, const char *p)
{
    memcpy(r->json->copy + (r->copied - r->text), r->copied,
           (size_t)(p - r->copied));
    r->copied = p;
}

/* Reads a string that is more than a plain run, which ends at `stop`. */
static const char *puter__read_special(puter__reading *r, const char *p,
                                       const char *stop)
{
    puter__chars chars = PUTER__ZERO;
    char *copy = r->json->copy;
    const char *last;
    if (copy != NULL) {
        puter__copy_up_to(r, stop);
        chars.out = copy + (stop - r->text);
    }
    last = stop = puter__chars_read(&chars, stop, r->end);
    if (chars.wrong != NULL)
        return puter__read_fail(r, stop, chars.wrong);
    if (copy != NULL) {
        if (chars.high != 0)
            puter__chars_add(&chars, chars.high, -1);
        last = r->text + (chars.out - copy);
        chars.escaped = false;
        r->copied = stop;
    }
    return puter__node_add(
               r, PUTER_STRING | (chars.escaped ? PUTER__ESCAPED : 0), p, last)
               ? stop + 1
               : NULL;
}

/* Reads a string from after its quote to after its closing one. */
static inline const char *puter__read_string(puter__reading *r, const char *p)
{
    const char *stop = puter__plain(p, r->end);
    if (stop == r->end || *stop != '"')
        return puter__read_special(r, p, stop);
    return puter__node_add(r, PUTER_STRING, p, stop) ? stop + 1 : NULL;
}

/* -- numbers, words, containers -- */

static const char *puter__digits(const char *p, const char *end)
{
    while (p < end && puter__is_digit(*p))
        p++;
    return p;
}

/* RFC 8259 section 6: [-] int [.digits] [e[+-]digits], no leading zero. */
static const char *puter__read_number(puter__reading *r, const char *p)
{
    const char *start = p, *from;
    p += *p == '-';
    from = p;
    p = puter__digits(p, r->end);
    if (p == from || (*from == '0' && p - from > 1))
        return puter__read_fail(r, from, "not a number as JSON writes it");
    if (p < r->end && *p == '.') {
        from = ++p;
        p = puter__digits(p, r->end);
        if (p == from)
            return puter__read_fail(r, p, "a digit is due");
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < r->end && (*p == '+' || *p == '-');
        from = p;
        p = puter__digits(p, r->end);
        if (p == from)
            return puter__read_fail(r, p, "a digit is due");
    }
    return puter__node_add(r, PUTER_NUMBER, start, p) ? p : NULL;
}

static const char *puter__read_word(puter__reading *r, const char *p,
                                    const char *word, puter_type type)
{
    size_t length = strlen(word);
    if ((size_t)(r->end - p) < length || memcmp(p, word, length) != 0)
        return puter__read_fail(r, p, "not a value");
    return puter__node_add(r, type, p, p + length) ? p + length : NULL;
}

static const char *puter__read_open(puter__reading *r, const char *p,
                                    puter_type type)
{
    puter__node *node;
    if (++r->depth > PUTER__DEPTH_MAX) {
        r->failure = PUTER_ERR_LIMIT;
        return puter__read_fail(r, p, "nested too deeply");
    }
    node = puter__node_add(r, type, p, p);
    if (node == NULL)
        return NULL;
    node->next = r->parent;
    r->parent = (uint32_t)(node - r->json->nodes);
    return p + 1;
}

/* Whether the open container is an object, where a key precedes a value. */
static inline bool puter__in_object(const puter__reading *r)
{
    return r->parent != PUTER__TOP &&
           PUTER__TYPE(r->json->nodes + r->parent) == PUTER_OBJECT;
}

static const char *puter__read_close(puter__reading *r, const char *p)
{
    puter__node *node = r->json->nodes + r->parent;
    p++;
    r->depth--;
    r->parent = node->next;
    node->next = (uint32_t)r->json->count;
    node->length = (uint32_t)(p - r->text) - node->start;
    return p;
}

static const char *puter__space(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ' &&
           (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static inline const char *puter__read_key(puter__reading *r, const char *p)
{
    p = puter__space(p, r->end);
    if (p == r->end || *p != '"')
        return puter__read_fail(r, p, "a key in quotes is due");
    p = puter__read_string(r, p + 1);
    if (p == NULL)
        return NULL;
    p = puter__space(p, r->end);
    if (p == r->end || *p != ':')
        return puter__read_fail(r, p, "a colon is due");
    return p + 1;
}

/* Reads a scalar whole, a container up to what is first in it; `*opened` tells
 * that there is something. */
static inline const char *puter__read_value(puter__reading *r, const char *p,
                                            bool *opened)
{
    char closing;
    *opened = false;
    p = puter__space(p, r->end);
    if (p == r->end)
        return puter__read_fail(r, p, "the text ends too early");
    switch (*p) {
    case '"':
        return puter__read_string(r, p + 1);
    case 't':
        return puter__read_word(r, p, "true", PUTER_BOOL);
    case 'f':
        return puter__read_word(r, p, "false", PUTER_BOOL);
    case 'n':
        return puter__read_word(r, p, "null", PUTER_NULL);
    case '{':
    case '[':
        closing = *p == '{' ? '}' : ']';
        p = puter__read_open(r, p,
                             closing == '}' ? PUTER_OBJECT : PUTER_ARRAY);
        if (p == NULL)
            return NULL;
        p = puter__space(p, r->end);
        *opened = p == r->end || *p != closing;
        return *opened ? p : puter__read_close(r, p);
    default:
        if (*p == '-' || puter__is_digit(*p))
            return puter__read_number(r, p);
        return puter__read_fail(r, p, "not a value");
    }
}

/* After a value: closes what ends here, to behind a comma or at the top. */
static inline const char *puter__read_after(puter__reading *r, const char *p)
{
    while (r->parent != PUTER__TOP) {
        char closing = puter__in_object(r) ? '}' : ']';
        p = puter__space(p, r->end);
        r->json->nodes[r->parent].info += PUTER__ONE;
        if (p < r->end && *p == ',')
            return p + 1;
        if (p == r->end || *p != closing)
            return puter__read_fail(r, p,
                                    p == r->end ? "the text ends too early"
                                                : "a comma or a closing "
                                                  "bracket is due");
        p = puter__read_close(r, p);
    }
    return p;
}

/* -- documents -- */

/* Empties a document, whose nodes' memory is used again, for a new text. */
static void puter__reading_begin(puter__reading *r, puter_json *json,
                                 const char *text)
{
    size_t i;
    memset(r, 0, sizeof *r);
    r->json = json;
    r->text = r->copied = text;
    r->parent = PUTER__TOP;
    r->failure = PUTER_ERR_PROTOCOL; /* most are */
    json->text = text;
    json->count = 0;
    for (i = 0; i < PUTER__COUNT(json->cursor); i++)
        json->cursor[i].parent = SIZE_MAX;
}

/* Reads `text`, which must stay, into nodes. Nesting costs no stack: an open
 * container's `next` leads outwards. */
static puter_result puter__json_read(puter_json *json, const char *text,
                                     size_t length, puter__reading *r)
{
    const char *p = length > 0 ? text : ""; /* for text may be NULL */
    bool opened = false;
    puter__reading_begin(r, json, p);
    if (length > PUTER__DOCUMENT_MAX) {
        puter__read_fail(r, p, "longer than 512 MiB");
        return PUTER_ERR_LIMIT;
    }
    r->end = p + length;
    if (length >= 3 && memcmp(p, PUTER__BOM, 3) == 0)
        p += 3; /* RFC 8259 section 8.1 allows to ignore it */
    do {
        if (puter__in_object(r))
            p = puter__read_key(r, p);
        if (p != NULL)
            p = puter__read_value(r, p, &opened);
        if (p != NULL && !opened)
            p = puter__read_after(r, p);
    } while (p != NULL && r->parent != PUTER__TOP);
    if (p != NULL) {
        if (json->copy != NULL)
            puter__copy_up_to(r, p);
        p = puter__space(p, r->end);
        if (p != r->end)
            p = puter__read_fail(r, p, "more text after the document");
    }
    return p != NULL ? PUTER_OK : r->failure;
}

/* The same, and reports what is wrong. */
static puter_result puter__json_read_or_fail(puter_json *json, const char *text,
                                             size_t length,
                                             puter__report *report)
{
    puter__reading reading;
    puter_result result = puter__json_read(json, text, length, &reading);
    if (result == PUTER_ERR_NOMEM)
        puter__fail_memory(report);
    else if (result != PUTER_OK)
        puter__fail(report, result, "JSON: byte %d: %s", reading.offset,
                    reading.wrong);
    return result;
}

PUTER_API void puter_json_free(puter_json *json)
{
    if (json == NULL)
        return;
    PUTER_FREE(json->nodes);
    PUTER_FREE(json);
}

PUTER_API puter_json *puter_json_parse(const char *text, size_t length,
                                       puter_error *error)
{
    puter__report report = PUTER__ZERO;
    size_t room = length <= PUTER__DOCUMENT_MAX ? length : 0;
    puter_json *json = (puter_json *)PUTER_MALLOC(sizeof *json + room);
    if (json == NULL) {
        puter__fail_memory(&report);
    } else {
        memset(json, 0, sizeof *json);
        json->copy = (char *)(json + 1);
        puter__json_read_or_fail(json, text, length, &report);
        json->text = json->copy;
    }
    if (error != NULL)
        *error = report.error;
    if (report.error.result == PUTER_OK)
        return json;
    puter_json_free(json);
    return NULL;
}

/* Reads a text that stays. After a failure, PUTER_ERR_NOMEM or, for text that
 * is no document, PUTER_ERR_ARGUMENT, nothing is in it; its nodes are to be
 * freed all the same. */
static puter_result puter__parse(puter_json *json, const char *text)
{
    puter__reading reading;
    puter_result result;
    memset(json, 0, sizeof *json);
    result = puter__json_read(json, text, strlen(text), &reading);
    if (result == PUTER_OK)
        return PUTER_OK;
    json->count = 0;
    return result == PUTER_ERR_NOMEM ? result : PUTER_ERR_ARGUMENT;
}

/* -- values -- */

static puter_value puter__value(const puter_json *json, size_t node)
{
    puter_value value;
    value.json = (puter_json *)json;
    value.node = node;
    return value;
}

/* NULL for a missing value. */
static puter__node *puter__node_of(puter_value value)
{
    if (value.json == NULL || value.node >= value.json->count)
        return NULL;
    return value.json->nodes + value.node;
}

PUTER_API puter_value puter_json_root(const puter_json *json)
{
    return puter__value(json, 0);
}

PUTER_API puter_type puter_json_type(puter_value value)
{
    const puter__node *node = puter__node_of(value);
    return node != NULL ? PUTER__TYPE(node) : PUTER_MISSING;
}

static bool puter__is(puter_value value, puter_type type)
{
    return puter_json_type(value) == type;
}

/* The value's own text; of a string, what is between the quotes, still escaped
 * unless the document is a copy. */
static const char *puter__span(puter_value value, size_t *length)
{
    const puter__node *node = puter__node_of(value);
    *length = node != NULL ? node->length : 0;
    return node != NULL ? value.json->text + node->start : "";
}

PUTER_API const char *puter_json_string(puter_value value, size_t *length)
{
    const puter__node *node = puter__node_of(value);
    bool is_string = node != NULL && PUTER__TYPE(node) == PUTER_STRING;
    char *text;
    if (length != NULL)
        *length = is_string ? node->length : 0;
    if (!is_string)
        return "";
    PUTER_ASSERT(value.json->copy != NULL);
    text = value.json->copy + node->start;
    text[node->length] = '\0'; /* where the closing quote was, or before */
    return text;
}

PUTER_API double puter_json_number(puter_value value)
{
    size_t length;
    const char *text = puter__span(value, &length);
    return puter__is(value, PUTER_NUMBER) ? puter__read_double(text, length)
                                          : 0;
}

PUTER_API int64_t puter_json_integer(puter_value value)
{
    puter__decimal d;
    size_t length;
    const char *text = puter__span(value, &length);
    uint64_t limit, sum = 0;
    int i;
    if (!puter__is(value, PUTER_NUMBER))
        return 0;
    puter__decimal_read(&d, text, length);
    limit = (uint64_t)INT64_MAX + d.negative;
    for (i = 0; i < d.point && i < 19; i++) /* more do not fit anyway */
        sum = sum * 10 + (i < d.count ? d.digit[i] : 0);
    if (d.count > 0 && (d.point > 19 || sum > limit))
        sum = limit;
    return d.negative ? (int64_t)(0 - sum) : (int64_t)sum;
}

PUTER_API bool puter_json_bool(puter_value value)
{
    size_t length;
    return *puter__span(value, &length) == 't' && puter__is(value, PUTER_BOOL);
}

PUTER_API size_t puter_json_count(puter_value value)
{
    const puter__node *node = puter__node_of(value);
    return node != NULL ? node->info / PUTER__ONE : 0;
}

/* The cursor of a container, at an index or before it: behind those of the
 * containers around it, so that loops inside loops each keep their place. */
static puter__cursor *puter__cursor_of(puter_json *json, size_t parent,
                                       size_t index)
{
    puter__cursor *cursor = json->cursor;
    puter__cursor *last = cursor + PUTER__COUNT(json->cursor) - 1;
    while (cursor < last && cursor->parent < parent &&
           json->nodes[cursor->parent].next > parent)
        cursor++;
    if (cursor->parent != parent || cursor->index > index) {
        cursor->parent = parent;
        cursor->index = 0;
        cursor->node = parent + 1;
    }
    return cursor;
}

/* The element at an index, or the key of the member there. */
static puter_value puter__child(puter_value value, size_t index)
{
    puter_json *json = value.json;
    size_t skip = puter__is(value, PUTER_OBJECT) ? 1 : 0;
    puter__cursor *cursor;
    if (index >= puter_json_count(value))
        return puter__value(NULL, 0);
    cursor = puter__cursor_of(json, value.node, index);
    for (; cursor->index < index; cursor->index++)
        cursor->node = json->nodes[cursor->node + skip].next;
    return puter__value(json, cursor->node);
}

PUTER_API puter_value puter_json_at(puter_value value, size_t index)
{
    puter_value child = puter__child(value, index);
    child.node += puter__is(value, PUTER_OBJECT);
    return child;
}

PUTER_API puter_value puter_json_key(puter_value value, size_t index)
{
    return puter__is(value, PUTER_OBJECT) ? puter__child(value, index)
                                          : puter__value(NULL, 0);
}

/* Whether a string with escapes is these bytes, decoded as it is compared. */
static bool puter__decoded_is(const char *text, size_t length,
                              const char *expected, size_t expected_length)
{
    const char *end = text + length;
    const char *expected_end = expected + expected_length;
    while (text < end) {
        char piece[4];
        puter__chars chars = {piece, NULL, 0, false};
        size_t size;
        if (*text == '\\')
            text += puter__chars_escape(&chars, text, end);
        else
            *chars.out++ = *text++;
        size = (size_t)(chars.out - piece);
        if ((size_t)(expected_end - expected) < size ||
            memcmp(piece, expected, size) != 0)
            return false;
        expected += size;
    }
    return expected == expected_end;
}

/* Whether a value is a string of exactly these bytes. */
static bool puter__string_is(puter_value value, const char *expected,
                             size_t length)
{
    const puter__node *node = puter__node_of(value);
    if (node == NULL || PUTER__TYPE(node) != PUTER_STRING)
        return false;
    if (node->info & PUTER__ESCAPED)
        return puter__decoded_is(value.json->text + node->start, node->length,
                                 expected, length);
    return node->length == length &&
           memcmp(value.json->text + node->start, expected, length) == 0;
}

/* The same of a text that ends with a NUL. */
static bool puter__text_is(puter_value value, const char *expected)
{
    return puter__string_is(value, expected, strlen(expected));
}

PUTER_API puter_value puter_json_member(puter_value value, const char *key,
                                        size_t key_length)
{
    puter_value member, found = puter__value(NULL, 0);
    size_t i, count = puter_json_count(value);
    if (!puter__is(value, PUTER_OBJECT) || key == NULL)
        return found;
    member = puter__value(value.json, value.node + 1);
    for (i = 0; i < count; i++) {
        const puter__node *node = value.json->nodes + member.node;
        if ((node->length == key_length || node->info & PUTER__ESCAPED) &&
            puter__string_is(member, key, key_length))
            found = puter__value(value.json, member.node + 1);
        member.node = node[1].next;
    }
    return found;
}

/* A member by a key of ours. */
static puter_value puter__member(puter_value value, const char *key)
{
    return puter_json_member(value, key, strlen(key));
}

/* "[7]" at `*path`, which is moved past it. */
static puter_value puter__json_index(puter_value value, const char **path)
{
    const char *p = *path + 1, *digits = p;
    int64_t index = puter__read_digits(&p);
    *path = p + (*p == ']');
    return p > digits && *p == ']' && strchr(".[", p[1]) != NULL &&
                   puter__is(value, PUTER_ARRAY) && index < UINT32_MAX
               ? puter_json_at(value, (size_t)index)
               : puter__value(NULL, 0);
}

PUTER_API puter_value puter_json_get(puter_value value, const char *path)
{
    const char *start = path;
    while (path != NULL && *path != '\0' && value.json != NULL) {
        if (*path == '[') {
            value = puter__json_index(value, &path);
        } else {
            size_t length;
            path += *path == '.' && path != start;
            length = strcspn(path, ".[");
            value = puter_json_member(value, path, length);
            path += length;
        }
    }
    return value;
}

/* >> system: the clock and the environment -------------------------------- */

#define PUTER__NEVER INT64_MAX

/* Milliseconds on a clock that only goes forward. */
static int64_t puter__now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The moment a timeout option means: negative is never. */
static int64_t puter__deadline(int timeout_ms)
{
    return timeout_ms < 0 ? PUTER__NEVER : puter__now() + timeout_ms;
}

static int64_t puter__earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds left until a moment, as poll takes them: -1 for ever. */
static int puter__left(int64_t moment)
{
    int64_t left;
    if (moment == PUTER__NEVER)
        return -1;
    left = moment - puter__now();
    return left > 0 ? (int)left : 0;
}

/* What the environment says: the first of two variables that is set, which an
 * empty one is not; NULL: neither, or nobody may look. */
static const char *puter__environment(const puter_options *options,
                                      const char *name, const char *other)
{
    const char *value = NULL;
    if (!options->no_environment) {
        value = getenv(name);
        if (puter__is_empty(value) && other != NULL)
            value = getenv(other);
    }
    return puter__is_empty(value) ? NULL : value;
}

/* >> url: where the service is (RFC 3986, as much as an origin needs) ----- */

typedef struct puter__url {
    char host[254]; /* without brackets */
    char path[256]; /* the base: "" or "/...", no slash at the end */
    int port;
    bool secure;    /* https */
    bool numeric;   /* the host is an IP address... */
    bool ipv6;      /* ...and written in brackets */
    unsigned char address[16];
} puter__url;

static int puter__url_default_port(const puter__url *url)
{
    return url->secure ? 443 : 80;
}

/* The whole is graphic ASCII but for some characters: nothing in it can end a
 * line or change what a request's head means. */
static bool puter__is_graphic(const char *text, const char *without)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7F || strchr(without, *text) != NULL)
            return false;
    return true;
}

/* Whether the last label is a number. Resolvers take such a host for an IPv4
 * address in another spelling ("127.1", "0x7f.1"), and a certificate's names
 * would then be held against it. */
static bool puter__ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot != NULL ? dot + 1 : host;
    return puter__is_digit(*label) &&
           (puter__starts(label, "0x") ||
            label[strspn(label, "0123456789")] == '\0');
}

static bool puter__url_host(puter__url *url, const char *host, size_t length)
{
    size_t i;
    if (length > 0 && host[length - 1] == '.' && !url->ipv6)
        length--; /* the root's, which no certificate writes */
    if (length == 0 || length >= sizeof url->host)
        return false;
    for (i = 0; i < length; i++) {
        char c = url->host[i] = puter__lower(host[i]); /* in any case alike */
        if (!puter__is_digit(c) && !(c >= 'a' && c <= 'z') &&
            strchr(url->ipv6 ? ":." : "-._", c) == NULL)
            return false;
    }
    url->numeric = inet_pton(url->ipv6 ? AF_INET6 : AF_INET, url->host,
                             url->address) == 1;
    return url->numeric || !(url->ipv6 || puter__ends_in_number(url->host));
}

/* Reads host[:port][/path] behind a scheme into what is all zero but `secure`;
 * false where it is anything else. */
static bool puter__url_after_scheme(puter__url *url, const char *host)
{
    const char *end, *after;
    int64_t port;
    size_t path;
    if (!puter__is_graphic(host, "?#@\\\"<>"))
        return false;
    url->ipv6 = *host == '[';
    host += url->ipv6;
    end = host + strcspn(host, url->ipv6 ? "]" : ":/");
    if ((url->ipv6 && *end != ']') ||
        !puter__url_host(url, host, (size_t)(end - host)))
        return false;
    after = end + url->ipv6;
    port = puter__url_default_port(url);
    if (*after == ':') {
        after++;
        port = puter__read_digits(&after);
    }
    path = strlen(after);
    while (path > 0 && after[path - 1] == '/')
        path--;
    if ((*after != '\0' && *after != '/') || path >= sizeof url->path ||
        port < 1 || port > 65535)
        return false;
    url->port = (int)port;
    memcpy(url->path, after, path);
    return true;
}

static bool puter__url_read(puter__url *url, const char *text)
{
    url->secure = puter__listed("https://*", text);
    return (url->secure || puter__listed("http://*", text)) &&
           puter__url_after_scheme(url,
                                   text + strlen("http://") + url->secure);
}

/* Whether a host is this name or under it. */
static bool puter__is_under(const char *host, const char *name, size_t length)
{
    size_t all = strlen(host);
    if (all < length)
        return false;
    host += all - length;
    return puter__equal_nocase(host, name, length) &&
           (all == length || host[-1] == '.');
}

/* localhost and every name under it are this machine, whatever a resolver
 * would say (RFC 6761 section 6.3). */
static bool puter__is_localhost(const char *host)
{
    return puter__is_under(host, "localhost", 9);
}

static bool puter__url_is_loopback(const puter__url *url)
{
    static const unsigned char one[16] = {0, 0, 0, 0, 0, 0, 0, 0,
                                          0, 0, 0, 0, 0, 0, 0, 1};
    if (!url->numeric)
        return puter__is_localhost(url->host);
    return url->ipv6 ? memcmp(url->address, one, 16) == 0
                     : url->address[0] == 127;
}

/* host[:port], the host from `skip` on, as Host and Origin write it, without
 * the scheme's own port (RFC 9110 section 7.2), or always with one. */
static void puter__append_authority(puter_writer *out, const puter__url *url,
                                    size_t skip, bool always)
{
    puter__append(out, "[", url->ipv6);
    puter__append_string(out, url->host + skip);
    puter__append(out, "]", url->ipv6);
    if (always || url->port != puter__url_default_port(url)) {
        puter__append_char(out, ':');
        puter__append_integer(out, url->port);
    }
}

/* >> socket: the transport that is there without asking ------------------- */

#ifndef PUTER_NO_SOCKETS

#ifdef MSG_NOSIGNAL
#define PUTER__SEND_FLAGS MSG_NOSIGNAL
#else
#define PUTER__SEND_FLAGS 0 /* then SO_NOSIGPIPE is there */
#endif

#ifdef SOCK_CLOEXEC
#define PUTER__SOCKET_TYPE (SOCK_STREAM | SOCK_CLOEXEC)
#else
#define PUTER__SOCKET_TYPE SOCK_STREAM
#endif

#define PUTER__ADDRESSES_MAX 8

typedef struct puter__address {
    struct sockaddr_storage name;
    socklen_t length;
} puter__address;

typedef struct puter__socket {
    puter__report *report;
    int64_t deadline;         /* for all addresses; set before open */
    int64_t attempt_deadline; /* for the one being tried */
    int fd;                   /* -1: none */
    int count;                /* of addresses; 0: not yet resolved */
    int next;                 /* the address to try next */
    int problem;              /* errno of the last that failed, if it says
                                 more than that there is no way to it */
    puter__address address[PUTER__ADDRESSES_MAX];
} puter__socket;

/* Adds the addresses of a name; an error of getaddrinfo, or 0. */
static int puter__socket_lookup(puter__socket *s, const char *host, int port)
{
    struct addrinfo hints, *list = NULL, *item;
    char room[24];
    int error;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    error = getaddrinfo(host, puter__integer_text(port, room), &hints, &list);
    if (error != 0)
        return error;
    for (item = list; item != NULL && s->count < PUTER__ADDRESSES_MAX;
         item = item->ai_next) {
        puter__address *address = &s->address[s->count];
        PUTER_ASSERT(item->ai_addrlen <= sizeof address->name); /* POSIX */
        memcpy(&address->name, item->ai_addr, item->ai_addrlen);
        address->length = item->ai_addrlen;
        s->count++;
    }
    freeaddrinfo(list);
    return 0;
}

static puter_result puter__socket_resolve(puter__socket *s, const char *host,
                                          int port)
{
    bool local = puter__is_localhost(host);
    int error = puter__socket_lookup(s, local ? "127.0.0.1" : host, port);
    if (local)
        puter__socket_lookup(s, "::1", port);
    s->next = s->problem = 0;
    if (error == EAI_MEMORY)
        return puter__fail_memory(s->report);
    if (error != 0)
        return puter__fail(s->report, PUTER_ERR_RESOLVE,
                           "resolve %s: %s; check the name and the network",
                           host, error == EAI_SYSTEM ? strerror(errno)
                                                     : gai_strerror(error));
    return PUTER_OK;
}

static void puter__socket_drop(puter__socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* Its descriptor is none of the standard files', which may be closed: what is
 * printed must not go to the service. */
static void puter__socket_make(puter__socket *s, int family)
{
    s->fd = socket(family, PUTER__SOCKET_TYPE, 0);
    if (s->fd >= 0 && s->fd <= STDERR_FILENO) {
        int low = s->fd;
        s->fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low);
    }
}

/* Begins to connect to one address: true when that succeeded or goes on. */
static bool puter__socket_try(puter__socket *s, const puter__address *address)
{
    int on = 1, left = s->count - s->next + 1;
    int64_t now = puter__now();
    puter__socket_make(s, address->name.ss_family);
    if (s->fd < 0 || fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(s->fd, F_SETFD, FD_CLOEXEC) != 0)
        return false;
#ifdef SO_NOSIGPIPE
    setsockopt(s->fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    s->attempt_deadline = s->deadline;
    if (s->deadline != PUTER__NEVER) /* its share: the others have theirs */
        s->attempt_deadline = now + (int)(s->deadline - now) / left;
    return connect(s->fd, (const struct sockaddr *)&address->name,
                   address->length) == 0 ||
           errno == EINPROGRESS || errno == EINTR;
}

static int puter__socket_wait(void *ctx, int events, int timeout_ms)
{
    puter__socket *s = (puter__socket *)ctx;
    struct pollfd item;
    int ready;
    item.fd = s->fd;
    item.events = (short)((events & PUTER_READABLE ? POLLIN : 0) |
                          (events & PUTER_WRITABLE ? POLLOUT : 0));
    ready = poll(&item, 1, timeout_ms);
    if (ready < 0 && errno != EINTR)
        return PUTER_ERR_CLOSED;
    return ready > 0;
}

/* Whether the connection stands: 1 yes, 0 not yet, -1 it failed (errno). */
static int puter__socket_state(puter__socket *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (puter__socket_wait(s, PUTER_WRITABLE, 0) <= 0) {
        errno = ETIMEDOUT;
        return puter__now() < s->attempt_deadline ? 0 : -1;
    }
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        errno = error;
    return errno == 0 ? 1 : -1;
}

/* Connects to one address after another; called again until it is done. */
static int puter__socket_open(void *ctx, const char *host, int port)
{
    puter__socket *s = (puter__socket *)ctx;
    if (s->count == 0 && puter__socket_resolve(s, host, port) != PUTER_OK)
        return s->report->error.result;
    while (s->fd >= 0 || s->next < s->count) {
        bool begun = s->fd >= 0 ||
                     puter__socket_try(s, &s->address[s->next++]);
        int state = begun ? puter__socket_state(s) : -1;
        if (state > 0)
            return PUTER_OK;
        if (state == 0)
            return PUTER_WANT_WRITE;
        if (s->problem == 0 ||
            (errno != ENETUNREACH && errno != EHOSTUNREACH &&
             errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT))
            s->problem = errno;
        puter__socket_drop(s);
    }
    return puter__fail(s->report,
                       s->problem == ETIMEDOUT ? PUTER_ERR_TIMEOUT
                                               : PUTER_ERR_CONNECT,
                       "connect to %s port %d: %s (%d of %d addresses "
                       "tried); check address, network and whether the "
                       "service runs",
                       host, port, strerror(s->problem), s->next, s->count);
}

/* What a failed call on the descriptor means to the layers above. */
static int puter__socket_failure(int want)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return want;
    return PUTER_ERR_CLOSED;
}

static int puter__socket_read(void *ctx, void *buffer, size_t size)
{
    puter__socket *s = (puter__socket *)ctx;
    ssize_t count = recv(s->fd, buffer, size, 0);
    return count >= 0 ? (int)count : puter__socket_failure(PUTER_WANT_READ);
}

static int puter__socket_write(void *ctx, const void *data, size_t size)
{
    puter__socket *s = (puter__socket *)ctx;
    ssize_t count = send(s->fd, data, size, PUTER__SEND_FLAGS);
    return count >= 0 ? (int)count : puter__socket_failure(PUTER_WANT_WRITE);
}

static void puter__socket_close(void *ctx)
{
    puter__socket *s = (puter__socket *)ctx;
    puter__socket_drop(s);
    s->count = 0;
}

static const puter_transport puter__sockets = {
    NULL, puter__socket_open, puter__socket_read, puter__socket_write,
    puter__socket_wait, puter__socket_close, false};

#endif /* PUTER_NO_SOCKETS */

/* >> tls: Mbed TLS over the transport, the server's certificate checked --- */

#ifndef PUTER_NO_TLS

typedef struct puter__tls {
    const puter_transport *below;
    puter__report *report;
    const puter__url *url;
    const puter_options *options;
    int below_result;        /* what the transport failed with; 0: it did not */
    bool moved;              /* bytes came or went, maybe of no whole record */
    size_t taken;            /* bytes that a call of the library has read */
    bool ended;              /* the transport has no more of them */
    size_t unsent;           /* bytes of a record that the transport left */
    size_t pending;          /* what of the caller's data is in that record */
    bool flushed;            /* ...and it has been sent whole since */
    bool active;             /* ssl is set up */
    bool ready;              /* config is set up */
    bool self_signed;        /* of the certificate that was refused */
    uint32_t wrong;          /* why it was: MBEDTLS_X509_BADCERT_* */
    int roots_seen;          /* certificates in the store */
    puter_result store_result; /* PUTER_OK, or that memory was short for it */
    const char *store;       /* its name, for messages in this handshake */
    puter_writer der;        /* the certificate being read from the store */
    const mbedtls_x509_crt *chain; /* what the peer sent, while it is checked */
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_ssl_session session; /* to resume by; only of a checked peer */
    bool has_session;
    bool without_pss;        /* signatures of RSA-PSS are not offered */
    bool fallback;           /* the handshake that failed may be repeated: the
                                next one does without something */
    int64_t checked;         /* when its certificate was, in seconds */
    uint64_t store_mark;     /* of the store it was held against */
    mbedtls_x509_crt roots;  /* issuers that the chain names, for its check */
    mbedtls_x509_crt nobody; /* trusted before the chain is known: none */
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_ctr_drbg_context random;
#endif
} puter__tls;

/* Whether the library found no memory. Its errors are one of a module's and, in
 * the lower bits, one of what that is built on; Mbed TLS 4 has PSA's for it. */
static bool puter__is_tls_memory(int error)
{
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    const int module = -error & 0x7F80, lower = -error & 0x7F;
    return module == -MBEDTLS_ERR_SSL_ALLOC_FAILED ||
           module == -MBEDTLS_ERR_X509_ALLOC_FAILED ||
           module == -MBEDTLS_ERR_PK_ALLOC_FAILED ||
           module == -MBEDTLS_ERR_MD_ALLOC_FAILED ||
           module == -MBEDTLS_ERR_ECP_ALLOC_FAILED ||
           module == -MBEDTLS_ERR_CIPHER_ALLOC_FAILED ||
           lower == -MBEDTLS_ERR_ASN1_ALLOC_FAILED ||
           lower == -MBEDTLS_ERR_MPI_ALLOC_FAILED;
#else
    return error == PSA_ERROR_INSUFFICIENT_MEMORY;
#endif
}

#define PUTER__SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)

/* -- the CA store, read when the chain is known: only roots that are named as
 * an issuer in it are parsed and kept, so that a store of 144 roots costs a
 * pass over its file and not 460 KB. -- */

static bool puter__is_string_tag(unsigned char tag)
{
    return tag == MBEDTLS_ASN1_UTF8_STRING ||
           tag == MBEDTLS_ASN1_PRINTABLE_STRING;
}

/* Names as Mbed TLS compares them, or looser: letters in any case, and
 * PrintableString the same as UTF8String. Looser only means that a root is
 * offered to the verification that cannot help it. */
static bool puter__same_name(const unsigned char *a, size_t a_length,
                             const mbedtls_x509_buf *b)
{
    size_t i;
    if (a_length != b->len)
        return false;
    for (i = 0; i < a_length; i++)
        if (puter__lower((char)a[i]) != puter__lower((char)b->p[i]) &&
            !(puter__is_string_tag(a[i]) && puter__is_string_tag(b->p[i])))
            return false;
    return true;
}

/* The subject of a DER certificate (RFC 5280 section 4.1); false if the bytes
 * are no certificate. */
static bool puter__der_subject(unsigned char *p, const unsigned char *end,
                               unsigned char **subject, size_t *length)
{
    static const int tags[] = {MBEDTLS_ASN1_INTEGER, PUTER__SEQUENCE,
                               PUTER__SEQUENCE, PUTER__SEQUENCE};
    size_t size, i;
    if (mbedtls_asn1_get_tag(&p, end, &size, PUTER__SEQUENCE) != 0 ||
        mbedtls_asn1_get_tag(&p, end, &size, PUTER__SEQUENCE) != 0)
        return false;
    if (mbedtls_asn1_get_tag(&p, end, &size,
                             MBEDTLS_ASN1_CONTEXT_SPECIFIC |
                                 MBEDTLS_ASN1_CONSTRUCTED) == 0)
        p += size; /* the version */
    for (i = 0; i < PUTER__COUNT(tags); i++) { /* serial to validity */
        if (mbedtls_asn1_get_tag(&p, end, &size, tags[i]) != 0)
            return false;
        p += size;
    }
    *subject = p;
    if (mbedtls_asn1_get_tag(&p, end, &size, PUTER__SEQUENCE) != 0)
        return false;
    *length = (size_t)(p - *subject) + size;
    return true;
}

/* Keeps a certificate of the store if the chain names it as an issuer. */
static void puter__store_offer(puter__tls *tls, const unsigned char *der,
                               size_t length)
{
    const mbedtls_x509_crt *link;
    unsigned char *subject;
    size_t size;
    if (!puter__der_subject((unsigned char *)der, der + length, &subject,
                            &size))
        return;
    tls->roots_seen++;
    for (link = tls->chain; link != NULL; link = link->next) {
        if (puter__same_name(subject, size, &link->issuer_raw)) {
            if (puter__is_tls_memory(mbedtls_x509_crt_parse_der(
                    &tls->roots, der, length)))
                tls->store_result = PUTER_ERR_NOMEM;
            return;
        }
    }
}

/* Where a PEM text is (RFC 7468): how much has come of the line that begins a
 * certificate, or what of a certificate is not yet a byte. */
typedef struct puter__pem {
    size_t begun; /* more than all of it: the line is another */
    bool inside;
    puter__base64 base64;
} puter__pem;

/* Takes PEM in pieces of any size and offers each certificate in it. */
static void puter__pem_feed(puter__tls *tls, puter__pem *pem, const char *text,
                            size_t length)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    size_t i;
    for (i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\n') {
            if (pem->begun == sizeof begin - 1) {
                pem->inside = true;
                pem->base64.count = 0;
                puter__rewind(&tls->der);
            }
            pem->begun = 0;
        } else if (pem->inside && c == '-') {
            pem->inside = false;
            pem->begun = 1; /* of another BEGIN, if this one has no END */
            if (tls->der.result != PUTER_OK)
                tls->store_result = tls->der.result;
            else
                puter__store_offer(tls, (unsigned char *)tls->der.text,
                                   tls->der.length);
        } else if (pem->inside) {
            int value = puter__base64_take(&pem->base64, c);
            char byte = (char)value;
            puter__append(&tls->der, &byte, value >= 0);
        } else if (pem->begun < sizeof begin - 1) {
            pem->begun = c == begin[pem->begun] ? pem->begun + 1 : sizeof begin;
        }
    }
}

/* Roots in memory: PEM, or one or more DER certificates in a row. */
static void puter__store_memory(puter__tls *tls, const unsigned char *data,
                                size_t size)
{
    puter__pem pem = PUTER__ZERO;
    unsigned char *p = (unsigned char *)data;
    const unsigned char *end = data + size;
    size_t length;
    puter__pem_feed(tls, &pem, (const char *)data, size);
    while (p < end &&
           mbedtls_asn1_get_tag(&p, end, &length, PUTER__SEQUENCE) == 0) {
        p += length;
        puter__store_offer(tls, data, (size_t)(p - data));
        data = p;
    }
}

#ifndef PUTER_NO_STDIO

/* An errno where the file cannot be read, or 0. */
static int puter__store_file(puter__tls *tls, const char *path)
{
    puter__pem pem = PUTER__ZERO;
    char piece[2048];
    ssize_t count;
    int error, file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return errno;
    do {
        count = read(file, piece, sizeof piece);
        if (count > 0)
            puter__pem_feed(tls, &pem, piece, (size_t)count);
    } while (count > 0 || (count < 0 && errno == EINTR));
    error = count < 0 ? errno : 0;
    close(file);
    return error;
}

/* The same of a file, or of each in a directory. */
static int puter__store_path(puter__tls *tls, const char *path)
{
    puter_writer name = PUTER__ZERO;
    struct dirent *entry;
    DIR *directory = opendir(path);
    int error = 0;
    if (directory == NULL)
        return errno == ENOTDIR ? puter__store_file(tls, path) : errno;
    while ((entry = readdir(directory)) != NULL) {
        int failure;
        if (entry->d_name[0] == '.')
            continue; /* hidden: somebody has put it aside */
        puter__rewind(&name);
        puter__append_string(&name, path);
        puter__append_char(&name, '/');
        puter__append_string(&name, entry->d_name);
        if (name.result != PUTER_OK) {
            tls->store_result = name.result;
            continue;
        }
        failure = puter__store_file(tls, name.text);
        if (failure == EMFILE || failure == ENFILE)
            error = failure; /* it is no fault of the file's */
    }
    closedir(directory);
    puter_writer_free(&name);
    return error;
}

/* Where systems keep their roots; the first that is there is the store. */
static const char *const puter__stores[] = {
    "/etc/ssl/certs/ca-certificates.crt",   /* Debian, Arch, Alpine, OpenWrt */
    "/etc/pki/tls/certs/ca-bundle.crt",     /* Fedora, RHEL */
    "/etc/ssl/ca-bundle.pem",               /* SUSE */
    "/etc/ssl/cert.pem",                    /* macOS, OpenBSD, FreeBSD */
    "/usr/local/share/certs/ca-root-nss.crt", /* FreeBSD, from ports */
    "/etc/openssl/certs/ca-certificates.crt", /* NetBSD */
    "/etc/ssl/certs",                       /* a directory of single files */
    "/etc/openssl/certs",
};

#endif /* PUTER_NO_STDIO */

/* The store's name: "ca_data", the path that the options or the environment
 * name, or where the system has it; NULL: there is none. */
static const char *puter__store_where(const puter_options *options)
{
    const char *path = NULL;
    if (options->ca_data != NULL)
        return "ca_data";
#ifndef PUTER_NO_STDIO
    size_t i;
    path = options->ca_file;
    if (path == NULL)
        path = puter__environment(options, "SSL_CERT_FILE", "SSL_CERT_DIR");
    for (i = 0; path == NULL && i < PUTER__COUNT(puter__stores); i++)
        if (access(puter__stores[i], R_OK) == 0)
            path = puter__stores[i];
#endif
    return path;
}

/* The hash of Fowler, Noll and Vo, of data behind what has this hash. */
static uint64_t puter__fnv1a(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    for (; size > 0; size--)
        hash = (hash ^ *p++) * 1099511628211u;
    return hash;
}

/* Tells the CA store, as it is now, from another: by its content in memory, or
 * by which file it is and what the system says of its last change. */
static uint64_t puter__store_mark(const puter_options *options,
                                  const char *path)
{
    const void *data = options->ca_data;
    size_t size = options->ca_size;
    uint64_t mark = 0;
#ifndef PUTER_NO_STDIO
    struct stat about;
    int64_t facts[4];
    if (data == NULL) {
        if (path == NULL || stat(path, &about) != 0)
            return 0;
        facts[0] = (int64_t)about.st_ino;
        facts[1] = (int64_t)about.st_size;
        facts[2] = (int64_t)about.st_mtime;
        facts[3] = (int64_t)about.st_ctime;
        mark = puter__fnv1a(mark, path, strlen(path));
        data = facts;
        size = sizeof facts;
    }
#endif
    (void)path;
    return puter__fnv1a(mark, data, size);
}

/* Offers the store's certificates to the chain; fails where the store cannot
 * be read or holds none. */
static puter_result puter__store_read(puter__tls *tls)
{
    const puter_options *options = tls->options;
    const char *path = puter__store_where(options);
    int error = 0;
    tls->roots_seen = 0;
    tls->store_result = PUTER_OK;
    tls->store_mark = puter__store_mark(options, path);
    if (options->ca_data != NULL)
        puter__store_memory(tls, (const unsigned char *)options->ca_data,
                            options->ca_size);
#ifndef PUTER_NO_STDIO
    else if (path != NULL)
        error = puter__store_path(tls, path);
#endif
    if (path == NULL)
        return puter__fail(tls->report, PUTER_ERR_CERT,
                           "certificates: no CA store in a usual place; "
                           "install ca-certificates or set ca_file or "
                           "$SSL_CERT_FILE");
    if (error != 0)
        return puter__fail(tls->report, PUTER_ERR_CERT,
                           "certificates: %s: %s; set ca_file or "
                           "$SSL_CERT_FILE to a PEM file of CA certificates",
                           path, strerror(error));
    if (tls->store_result != PUTER_OK)
        return puter__fail_memory(tls->report);
    if (tls->roots_seen == 0)
        return puter__fail(tls->report, PUTER_ERR_CERT,
                           "certificates: %s holds no CA certificate; it must "
                           "be PEM (in ca_data also DER)", path);
    tls->store = path;
    return PUTER_OK;
}

/* -- verification -- */

/* A dNSName against the host: the same in any case of letters, or "*." for
 * one whole label on the left (RFC 9525 section 6.3), but not of a top-level
 * domain. */
static bool puter__is_name_of(const char *name, size_t length,
                              const char *host)
{
    const char *dot = strchr(host, '.');
    if (length > 2 && name[0] == '*' && name[1] == '.' && dot != NULL)
        return dot > host && strchr(dot + 1, '.') != NULL &&
               puter__same_nocase(name + 1, length - 1, dot);
    return puter__same_nocase(name, length, host);
}

/* Whether the certificate names the host that was dialled. The library looks
 * too, but from 3.5 on a URI's text satisfies it as well, and before 3.5 it
 * knows no addresses and lets a wildcard match one: for an address only an
 * iPAddress entry counts, for a name only a dNSName. A certificate without
 * any alternative name is judged by the library alone, by its common name. */
static bool puter__cert_names(const mbedtls_x509_crt *cert,
                              const puter__url *url)
{
    const mbedtls_x509_sequence *name = &cert->subject_alt_names;
    const int kind = url->numeric ? 7 : 2; /* RFC 5280 section 4.2.1.6 */
    const size_t size = url->ipv6 ? 16 : 4;
    if (name->buf.p == NULL)
        return !url->numeric;
    for (; name != NULL; name = name->next) {
        const mbedtls_x509_buf *entry = &name->buf;
        if ((entry->tag & 31) == kind &&
            (url->numeric ? entry->len == size &&
                                memcmp(entry->p, url->address, size) == 0
                          : puter__is_name_of((const char *)entry->p,
                                              entry->len, url->host)))
            return true;
    }
    return false;
}

#ifndef MBEDTLS_HAVE_TIME_DATE
/* A date as a number: a later one is larger. */
static int64_t puter__date(const mbedtls_x509_time *t)
{
    return ((((t->year * (int64_t)100 + t->mon) * 100 + t->day) * 100 +
             t->hour) * 100 + t->min) * 100 + t->sec;
}

/* A library that was built without dates takes any. Where this machine has no
 * date, every certificate is one of the future. */
static uint32_t puter__check_dates(const mbedtls_x509_crt *cert)
{
    time_t now = time(NULL);
    mbedtls_x509_time today;
    struct tm day;
    if (gmtime_r(&now, &day) == NULL)
        return MBEDTLS_X509_BADCERT_FUTURE;
    today.year = 1900 + day.tm_year;
    today.mon = 1 + day.tm_mon;
    today.day = day.tm_mday;
    today.hour = day.tm_hour;
    today.min = day.tm_min;
    today.sec = day.tm_sec;
    if (puter__date(&today) < puter__date(&cert->valid_from))
        return MBEDTLS_X509_BADCERT_FUTURE;
    return puter__date(&today) > puter__date(&cert->valid_to)
               ? MBEDTLS_X509_BADCERT_EXPIRED
               : 0;
}
#endif

/* Called for each certificate of a chain that is trusted. A CA that has an
 * extended key usage signs for no other (the library looks at the server's
 * alone). Limits to the names that a CA may sign for (id-ce 30, RFC 5280
 * section 4.2.1.10) are not understood, and so refused: by the library where
 * they are marked critical, as they must be, and here where they are not. */
static int puter__tls_judge(void *ctx, mbedtls_x509_crt *cert, int depth,
                            uint32_t *flags)
{
    const mbedtls_x509_buf *extensions = &cert->v3_ext;
    size_t at;
    (void)ctx;
    if (mbedtls_x509_crt_check_extended_key_usage(
            cert, "\x2B\x06\x01\x05\x05\x07\x03\x01", 8) != 0)
        *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE; /* id-kp-serverAuth */
#ifndef MBEDTLS_HAVE_TIME_DATE
    *flags |= puter__check_dates(cert);
#endif
    if (depth == 0)
        return 0; /* no CA */
    for (at = 0; at + 5 <= extensions->len; at++)
        if (memcmp(extensions->p + at, "\x06\x03\x55\x1D\x1E", 5) == 0)
            *flags |= MBEDTLS_X509_BADCERT_OTHER;
    return 0;
}

/* Called by the library for each certificate of the chain, the peer's own
 * (depth 0) last. The library trusted nobody so far; here the same standard
 * verification runs with the roots that the chain names, and its verdict on
 * the whole chain is the verdict. */
static int puter__tls_verify(void *ctx, mbedtls_x509_crt *cert, int depth,
                             uint32_t *flags)
{
    puter__tls *tls = (puter__tls *)ctx;
    const puter__url *url = tls->url;
    int error;
    if (depth > 0) {
        *flags = 0; /* judged with the whole chain, below */
        return 0;
    }
    if (cert->raw.p == NULL) /* its algorithm is unknown to the library */
        return MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG;
    *flags = MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    tls->checked = (int64_t)time(NULL);
    tls->chain = cert;
    mbedtls_x509_crt_init(&tls->roots);
    tls->self_signed = puter__same_name(
        cert->issuer_raw.p, cert->issuer_raw.len, &cert->subject_raw);
    error = puter__store_read(tls) == PUTER_OK
                ? mbedtls_x509_crt_verify_with_profile(
                      cert, &tls->roots, NULL,
                      &mbedtls_x509_crt_profile_next,
                      url->numeric ? NULL : url->host, flags,
                      puter__tls_judge, NULL)
                : 0;
    if (!puter__cert_names(cert, url))
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    mbedtls_x509_crt_free(&tls->roots);
    if (error == 0 || error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        tls->wrong = *flags;
        error = 0;
    }
    return error;
}

/* Why a certificate was refused: the first of these that is so; NULL: only for
 * want of a CA that it leads to. */
static const char *puter__certificate_wrong(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } reasons[] = {
        {MBEDTLS_X509_BADCERT_FUTURE,
         "is not yet valid; is this machine's clock right?"},
        {MBEDTLS_X509_BADCERT_EXPIRED,
         "has expired; if this machine's clock is right, the server's owner "
         "must renew it"},
        {MBEDTLS_X509_BADCERT_CN_MISMATCH,
         "is for another host; check api_origin, someone may be in between"},
        {MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK |
             MBEDTLS_X509_BADCERT_BAD_KEY,
         "is signed too weakly (SHA-1, or RSA under 2048 bits)"},
        {MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
             MBEDTLS_X509_BADCERT_NS_CERT_TYPE,
         "is not made for a server"},
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED, NULL},
        {0, "is damaged, or has constraints, an extension, curve, form or "
            "length of chain that this Mbed TLS lacks"},
    };
    size_t i = 0;
    while (reasons[i].flag != 0 && !(flags & reasons[i].flag))
        i++;
    return reasons[i].text;
}

static puter_result puter__tls_fail_certificate(puter__tls *tls)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
    time_t now = time(NULL);
    struct tm day;
    const char *wrong;
    int month;
    if (tls->report->error.result == PUTER_ERR_CERT)
        return PUTER_ERR_CERT; /* the store could not be read */
    wrong = puter__certificate_wrong(
        flags == UINT32_MAX || flags == 0 ? tls->wrong /* it kept none */
                                          : flags);
    if (wrong == NULL)
        return puter__fail(tls->report, PUTER_ERR_CERT,
                           "certificate of %s: %s; if it should be trusted, "
                           "add its CA by ca_file (store: %s)",
                           tls->url->host,
                           tls->self_signed
                               ? "it is self-signed and not in the CA store"
                               : "its issuer is unknown to the CA store, or "
                                 "the server left out an intermediate",
                           tls->store);
    memset(&day, 0, sizeof day);
    gmtime_r(&now, &day);
    month = 1 + day.tm_mon;
    return puter__fail(tls->report, PUTER_ERR_CERT,
                       "certificate of %s: it %s (this machine's clock says "
                       "%d-%d%d-%d%d)", tls->url->host, wrong,
                       1900 + day.tm_year, month / 10, month % 10,
                       day.tm_mday / 10, day.tm_mday % 10);
}

/* -- the transport, as the library calls it -- */

/* The library knows results of its own for "wait"; any other failure below
 * reaches it as a lost connection (MBEDTLS_ERR_NET_CONN_RESET, of a module that
 * may be missing) and is told by `below_result`. */
#define PUTER__BELOW_FAILED (-0x0050)

static int puter__tls_below(puter__tls *tls, int count)
{
    if (count == PUTER_WANT_READ)
        return MBEDTLS_ERR_SSL_WANT_READ;
    if (count == PUTER_WANT_WRITE)
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    if (count < 0) {
        tls->below_result = count;
        return PUTER__BELOW_FAILED;
    }
    tls->moved = true;
    return count;
}

/* The library goes on reading after what it ignores, such as warnings and
 * tickets: after so many bytes it must stop, for the time to be checked. */
#define PUTER__TAKEN_MAX 65536

static int puter__tls_receive(void *ctx, unsigned char *buffer, size_t size)
{
    puter__tls *tls = (puter__tls *)ctx;
    int count = PUTER_WANT_READ;
    if (tls->taken < PUTER__TAKEN_MAX)
        count = tls->below->read(tls->below->ctx, buffer, size);
    tls->taken += count > 0 ? (size_t)count : 0;
    tls->ended = count == 0;
    return puter__tls_below(tls, count);
}

static int puter__tls_send(void *ctx, const unsigned char *data, size_t size)
{
    puter__tls *tls = (puter__tls *)ctx;
    int count = tls->below->write(tls->below->ctx, data, size);
    tls->unsent = size - (count > 0 ? (size_t)count : 0);
    tls->flushed |= tls->unsent == 0;
    return puter__tls_below(tls, count != 0 ? count : PUTER_ERR_CLOSED);
}

/* -- sessions to resume -- */

static void puter__tls_forget_session(puter__tls *tls)
{
    if (tls->has_session)
        mbedtls_ssl_session_free(&tls->session);
    tls->has_session = false;
}

/* Keeps what the next connection can resume by. A session carries the verdict
 * on the peer's certificate, so it is only kept where there was one. */
static void puter__tls_keep_session(puter__tls *tls)
{
    puter__tls_forget_session(tls);
    if (tls->options->insecure_skip_verify)
        return;
    mbedtls_ssl_session_init(&tls->session);
    tls->has_session = true;
    if (mbedtls_ssl_get_session(&tls->ssl, &tls->session) != 0)
        puter__tls_forget_session(tls);
}

#define PUTER__SESSION_AGE 86400 /* seconds (RFC 5246 section F.1.4) */

/* Whether a verdict of that moment, by the store of that mark, still holds. */
static bool puter__tls_still_checked(const puter__tls *tls, int64_t checked,
                                     uint64_t mark)
{
    int64_t now = (int64_t)time(NULL);
    return checked <= now && checked > now - PUTER__SESSION_AGE &&
           mark == puter__store_mark(tls->options,
                                     puter__store_where(tls->options));
}

/* A TLS 1.3 ticket makes some versions return early, from any call: there is
 * nothing to wait for, only to call again. */
static bool puter__tls_took_ticket(puter__tls *tls, int error)
{
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
    if (error == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        puter__tls_keep_session(tls);
        return true;
    }
#endif
    (void)tls;
    (void)error;
    return false;
}

/* -- failures -- */

/* What the handshake says of a certificate that is not for a server. */
#ifdef MBEDTLS_ERR_SSL_BAD_CERTIFICATE
#define PUTER__BAD_CERTIFICATE MBEDTLS_ERR_SSL_BAD_CERTIFICATE
#else
#define PUTER__BAD_CERTIFICATE MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE
#endif

/* An error from reading certificates: those of one module have their upper
 * bits in this range, whatever a lower module adds. */
static bool puter__is_x509_error(int error)
{
    int module = -error & 0x7F80;
    return module >= -MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE &&
           module <= -MBEDTLS_ERR_X509_FATAL_ERROR; /* too long a chain */
}

/* What an error of the library means, as far as it tells what to do. */
static const char *puter__tls_meaning(int error)
{
    static const struct {
        int error;
        const char *text;
    } known[] = {
        {MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE,
         "the server refused (alert): it may want a version of TLS, suite, "
         "curve or signature that this Mbed TLS lacks, a client's "
         "certificate, or another host"},
        {MBEDTLS_ERR_SSL_INVALID_RECORD,
         "the server does not speak TLS there; is it an http:// address?"},
#ifdef MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION
        {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION,
         "the server offers nothing newer than TLS 1.1; 1.2 is the least"},
#endif
#ifdef MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
        {MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION,
         "the server offers nothing newer than TLS 1.1; 1.2 is the least"},
#endif
        {MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE,
         "the server needs what this build of Mbed TLS lacks (handshake "
         "messages in fragments need 3.6.3 or later)"},
    };
    size_t i;
    for (i = 0; i < PUTER__COUNT(known); i++)
        if (known[i].error == error)
            return known[i].text;
    return "failed";
}

/* Reports an error of the library at a stage, and gives its result. */
static puter_result puter__tls_fail(puter__tls *tls, const char *stage,
                                    int error)
{
    char code[16];
    size_t at = sizeof code;
    unsigned rest = (unsigned)-error;
    if (tls->report->error.result == PUTER_ERR_NOMEM)
        return PUTER_ERR_NOMEM; /* of ours, met on the way */
    if (error == PUTER__BELOW_FAILED)
        return (puter_result)tls->below_result; /* the caller says it all */
    if (error == MBEDTLS_ERR_SSL_CONN_EOF)
        return PUTER_ERR_CLOSED;
    if (puter__is_tls_memory(error))
        return puter__fail_memory(tls->report);
    if (puter__is_x509_error(error) || error == PUTER__BAD_CERTIFICATE)
        return puter__tls_fail_certificate(tls);
    code[--at] = '\0';
    do
        code[--at] = "0123456789ABCDEF"[rest & 15];
    while ((rest >>= 4) != 0);
    return puter__fail(tls->report, PUTER_ERR_TLS,
                       "TLS with %s: %s: %s (Mbed TLS -0x%s)", tls->url->host,
                       stage, puter__tls_meaning(error), code + at);
}

/* -- settings -- */

#if MBEDTLS_VERSION_NUMBER < 0x04000000
/* Gathers entropy for the generator. The context for that can be large (38 KB
 * in some builds) and is needed only now, before a session has buffers. */
static int puter__tls_entropy(void *ctx, unsigned char *out, size_t size)
{
    int error = MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    mbedtls_entropy_context *entropy =
        (mbedtls_entropy_context *)PUTER_MALLOC(sizeof *entropy);
    if (entropy == NULL) {
        puter__fail_memory((puter__report *)ctx);
        return error;
    }
    mbedtls_entropy_init(entropy);
    error = mbedtls_entropy_func(entropy, out, size);
    mbedtls_entropy_free(entropy);
    PUTER_FREE(entropy);
    return error;
}
#endif

#if MBEDTLS_VERSION_NUMBER >= 0x03020000
/* Signatures a server may choose from, and many take the first (RFC 8446
 * section 4.2.3): ECDSA, RSA with PKCS #1, and last RSA-PSS, which TLS 1.3
 * alone needs and Mbed TLS 3.6.6 and 4.1.0 offer but do not take in TLS 1.2.
 * The library leaves out what it was built without. */
static const uint16_t puter__signatures[] = {
    0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806, 0};
static const uint16_t puter__signatures_without_pss[] = {
    0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0};
#endif

#if MBEDTLS_VERSION_NUMBER < 0x03000000 && defined(MBEDTLS_ECP_C)
/* Groups for ECDHE, the cheapest first, which many servers take, and for the
 * server's own key: Mbed TLS 2 itself begins with P-521, and goes on to 192
 * bits. */
static const mbedtls_ecp_group_id puter__groups[] = {
#ifdef MBEDTLS_ECP_DP_CURVE25519_ENABLED
    MBEDTLS_ECP_DP_CURVE25519,
#endif
#ifdef MBEDTLS_ECP_DP_SECP256R1_ENABLED
    MBEDTLS_ECP_DP_SECP256R1,
#endif
#ifdef MBEDTLS_ECP_DP_SECP384R1_ENABLED
    MBEDTLS_ECP_DP_SECP384R1,
#endif
#ifdef MBEDTLS_ECP_DP_SECP521R1_ENABLED
    MBEDTLS_ECP_DP_SECP521R1,
#endif
#ifdef MBEDTLS_ECP_DP_BP256R1_ENABLED
    MBEDTLS_ECP_DP_BP256R1,
#endif
#ifdef MBEDTLS_ECP_DP_BP384R1_ENABLED
    MBEDTLS_ECP_DP_BP384R1,
#endif
#ifdef MBEDTLS_ECP_DP_BP512R1_ENABLED
    MBEDTLS_ECP_DP_BP512R1,
#endif
    MBEDTLS_ECP_DP_NONE};
#endif

/* Asks for records that the library was given room for, if that is not enough
 * for all (RFC 6066 section 4): the largest that it takes as a setting. In TLS
 * 1.3 it refuses the server's consent, and so that is left out. */
static void puter__tls_limit_fragments(mbedtls_ssl_config *config)
{
#if defined(MBEDTLS_SSL_MAX_FRAGMENT_LENGTH) &&                               \
    MBEDTLS_SSL_IN_CONTENT_LEN < 16384
    unsigned char code = MBEDTLS_SSL_MAX_FRAG_LEN_4096;
    while (code != MBEDTLS_SSL_MAX_FRAG_LEN_NONE &&
           mbedtls_ssl_conf_max_frag_len(config, code) != 0)
        code--;
#if defined(MBEDTLS_SSL_PROTO_TLS1_2) && defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
#endif
    (void)config;
}

/* PSA where the library uses it, and, until 4.x has them from there, random
 * numbers. */
static int puter__tls_start_crypto(puter__tls *tls)
{
#if MBEDTLS_VERSION_NUMBER >= 0x04000000 || defined(MBEDTLS_USE_PSA_CRYPTO) || \
    (MBEDTLS_VERSION_NUMBER >= 0x03000000 &&                                  \
     defined(MBEDTLS_SSL_PROTO_TLS1_3))
    if (psa_crypto_init() != PSA_SUCCESS)
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
#endif
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_ctr_drbg_init(&tls->random);
    return mbedtls_ctr_drbg_seed(&tls->random, puter__tls_entropy, tls->report,
                                 NULL, 0);
#else
    (void)tls;
    return 0;
#endif
}

/* What is offered to servers, and the least that is taken of them. */
static void puter__tls_set_offer(mbedtls_ssl_config *config)
{
#if MBEDTLS_VERSION_NUMBER < 0x03000000 && defined(MBEDTLS_ECP_C)
    mbedtls_ssl_conf_curves(config, puter__groups);
#endif
#if MBEDTLS_VERSION_NUMBER < 0x04000000 && defined(MBEDTLS_DHM_C)
    mbedtls_ssl_conf_dhm_min_bitlen(config, 2048);
#endif
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    mbedtls_ssl_conf_sig_algs(config, puter__signatures);
#ifdef MBEDTLS_SSL_PROTO_TLS1_2 /* a library of 1.3 alone takes no less */
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
#elif MBEDTLS_VERSION_NUMBER < 0x03000000
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
#endif
    puter__tls_limit_fragments(config);
}

/* Settings for all connections of a client, made once. */
static int puter__tls_configure(puter__tls *tls)
{
    const bool verify = !tls->options->insecure_skip_verify;
    int error;
    if (tls->ready)
        return 0;
    mbedtls_ssl_config_init(&tls->config);
    mbedtls_x509_crt_init(&tls->nobody);
    tls->ready = true;
    error = puter__tls_start_crypto(tls);
    if (error == 0)
        error = mbedtls_ssl_config_defaults(
            &tls->config, MBEDTLS_SSL_IS_CLIENT,
            MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (error != 0)
        return error;
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_ssl_conf_rng(&tls->config, mbedtls_ctr_drbg_random, &tls->random);
#endif
    puter__tls_set_offer(&tls->config);
    mbedtls_ssl_conf_authmode(&tls->config,
                              verify ? MBEDTLS_SSL_VERIFY_REQUIRED
                                     : MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_ca_chain(&tls->config, &tls->nobody, NULL);
    if (verify)
        mbedtls_ssl_conf_verify(&tls->config, puter__tls_verify, tls);
    return 0;
}

/* -- the stream -- */

/* Ends the session, telling the peer if that can be done at once; not with a
 * record under way, whose rest would go out: it may complete a request that is
 * given up, or sent again elsewhere. */
static void puter__tls_close(puter__tls *tls)
{
    if (!tls->active)
        return;
    if (tls->below_result == 0 && tls->unsent == 0)
        mbedtls_ssl_close_notify(&tls->ssl);
    mbedtls_ssl_free(&tls->ssl);
    tls->active = false;
}

static void puter__tls_free(puter__tls *tls)
{
    puter__tls_close(tls);
    puter__tls_forget_session(tls);
    puter_writer_free(&tls->der);
    if (!tls->ready)
        return;
    mbedtls_ssl_config_free(&tls->config);
    mbedtls_x509_crt_free(&tls->nobody);
#if MBEDTLS_VERSION_NUMBER < 0x04000000
    mbedtls_ctr_drbg_free(&tls->random);
#endif
    tls->ready = false;
}

/* Prepares a session on a new connection. The name is set for every host, so
 * that none goes unchecked; for an address there is none to check, and no SNI
 * (RFC 6066 section 3): puter__tls_verify looks at the entries itself. */
static puter_result puter__tls_open(puter__tls *tls)
{
    int error = puter__tls_configure(tls);
    tls->fallback = false;
    if (error == 0) {
        mbedtls_ssl_init(&tls->ssl);
        tls->active = true;
        tls->below_result = 0;
        tls->unsent = tls->pending = tls->wrong = 0;
        error = mbedtls_ssl_setup(&tls->ssl, &tls->config);
    }
    if (error == 0)
        error = mbedtls_ssl_set_hostname(
            &tls->ssl, tls->url->numeric ? NULL : tls->url->host);
    if (tls->has_session &&
        !puter__tls_still_checked(tls, tls->checked, tls->store_mark))
        puter__tls_forget_session(tls);
    if (error == 0 && tls->has_session)
        error = mbedtls_ssl_set_session(&tls->ssl, &tls->session);
    if (error != 0) {
        puter__tls_fail(tls, "set-up, is there /dev/random, /dev/urandom?",
                        error);
        puter__tls_free(tls);
        return tls->report->error.result;
    }
    mbedtls_ssl_set_bio(&tls->ssl, tls, puter__tls_send, puter__tls_receive,
                        NULL);
    return PUTER_OK;
}

/* What a call of the library came to that gave no bytes: PUTER_WANT_*, or a
 * puter_result. */
static int puter__tls_stopped(puter__tls *tls, const char *stage, int error)
{
    if (error == MBEDTLS_ERR_SSL_WANT_READ)
        return PUTER_WANT_READ;
    if (error == MBEDTLS_ERR_SSL_WANT_WRITE)
        return PUTER_WANT_WRITE;
    return puter__tls_fail(tls, stage, error);
}

/* A handshake has failed. A session may be the reason (Mbed TLS offers its
 * version of TLS alone), or RSA-PSS in TLS 1.2: the next one goes without, and
 * may come at once, since no request has been sent. */
static void puter__tls_fall_back(puter__tls *tls, int error)
{
    tls->fallback = tls->has_session;
    puter__tls_forget_session(tls);
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    tls->without_pss = !tls->without_pss &&
                       error == MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER;
    tls->fallback |= tls->without_pss;
    mbedtls_ssl_conf_sig_algs(&tls->config, tls->without_pss
                                                ? puter__signatures_without_pss
                                                : puter__signatures);
#endif
    (void)error;
}

/* 0 done, PUTER_WANT_* or a puter_result. */
static int puter__tls_handshake(puter__tls *tls)
{
    int error, result;
    tls->taken = 0;
    do
        error = mbedtls_ssl_handshake(&tls->ssl);
    while (puter__tls_took_ticket(tls, error));
    if (error == 0) {
        puter__tls_keep_session(tls);
        return 0;
    }
    result = puter__tls_stopped(tls, "handshake", error);
    if (result > PUTER_WANT_READ)
        puter__tls_fall_back(tls, error);
    return result;
}

/* > 0 bytes read, 0 the peer ended it properly, PUTER_WANT_* or a
 * puter_result. */
static int puter__tls_read(puter__tls *tls, void *buffer, size_t size)
{
    int count;
    tls->taken = 0;
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) &&                                      \
    defined(MBEDTLS_SSL_SESSION_TICKETS) &&                                   \
    defined(MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED)
    /* A ticket that the library signals waits until all output is sent, and so
     * does what comes behind it: while some is left, tickets are ignored. */
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &tls->config, tls->unsent == 0);
#endif
    do
        count = mbedtls_ssl_read(&tls->ssl, (unsigned char *)buffer, size);
    while (puter__tls_took_ticket(tls, count) ||
           (count == 0 && !tls->ended)); /* a record of nothing */
    if (count > 0)
        return count;
    if (count == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return 0;
    if (count == 0) /* the connection ended without close_notify: cut off */
        count = MBEDTLS_ERR_SSL_CONN_EOF;
    return puter__tls_stopped(tls, "reading", count);
}

/* Writes a record's worth. The library believes that any output left over is of
 * the data it is given again, and may have sent it in between, when it read or
 * took up a ticket: whose it is, and whether it is out, is noted here, or data
 * would be sent twice, or not at all. */
static int puter__tls_write(puter__tls *tls, const void *data, size_t size)
{
    int count = mbedtls_ssl_get_max_out_record_payload(&tls->ssl);
    if (count > 0 && size > (size_t)count)
        size = (size_t)count;
    if (tls->unsent > 0 || tls->pending > 0)
        size = tls->pending; /* that first; 0 where an alert is left over */
    do
        count = tls->unsent == 0 && size == tls->pending
                    ? (int)size /* it is out */
                    : mbedtls_ssl_write(&tls->ssl, (const unsigned char *)data,
                                        size);
    while (puter__tls_took_ticket(tls, count));
    if (count >= 0) {
        tls->pending = 0;
    } else if (tls->unsent > 0) {
        tls->pending = size;
        tls->flushed = false;
    }
    if (count == 0)
        count = MBEDTLS_ERR_SSL_WANT_WRITE;
    return count > 0 ? count : puter__tls_stopped(tls, "writing", count);
}

#endif /* PUTER_NO_TLS */

/* >> http: replies of HTTP/1.1, read in whatever pieces they come --------- */

#define PUTER__INPUT_SIZE 16384           /* one TLS record; the longest line */
#define PUTER__HEAD_MAX ((size_t)900 * 1024) /* heads and trailers, in all */
#define PUTER__HEAD_LINES_MAX 1000
#define PUTER__INTERIM_MAX 16             /* 1xx replies before the real one */
#define PUTER__OVERHEAD_MAX 16384         /* chunk framing beyond reason */

/* What is due next: up to PUTER__TRAILER a line. */
typedef enum puter__http_state {
    PUTER__STATUS_LINE,
    PUTER__HEADER,
    PUTER__CHUNK_SIZE,
    PUTER__TRAILER,
    PUTER__BODY_LENGTH,  /* `left` more bytes */
    PUTER__BODY_CLOSE,   /* all until the connection ends */
    PUTER__CHUNK_DATA,   /* `left` more bytes of this chunk */
    PUTER__CHUNK_END,
    PUTER__COMPLETE
} puter__http_state;

/* What a step of reading came to. */
typedef enum puter__http_step {
    PUTER__STEP_BAD = -1, /* `wrong` says why */
    PUTER__STEP_MORE,     /* needs more input than there is */
    PUTER__STEP_LINE,     /* took a line */
    PUTER__STEP_HEAD,     /* took the last line of the final head */
    PUTER__STEP_BODY,     /* took a run of body */
    PUTER__STEP_END       /* the message is complete */
} puter__http_step;

/* A reply while it is read. All zero is the beginning. */
typedef struct puter__http {
    puter__http_state state;
    int status;
    bool tunnel;           /* the answer to CONNECT */
    bool close;            /* the connection ends with this message */
    bool chunked;
    bool has_length;
    int64_t left;
    size_t scanned;        /* bytes that were searched for a line's end */
    size_t head_bytes;
    int head_lines;
    int interims;
    int64_t overhead;
    int retry_after_ms;
    char content_type[80];
    char location[200];
    const char *wrong;     /* what made it bad... */
    bool endless;          /* ...too much of it */
} puter__http;

static puter__http_step puter__http_bad(puter__http *http, const char *wrong)
{
    http->wrong = wrong;
    return PUTER__STEP_BAD;
}

static puter__http_step puter__http_endless(puter__http *http,
                                            const char *wrong)
{
    http->endless = true;
    return puter__http_bad(http, wrong);
}

/* -- the lines of a head -- */

/* Made of token characters (RFC 9110 section 5.6.2): a bit for each from '!'
 * on, 32 to a word. */
static bool puter__is_token(const char *text, size_t length)
{
    static const uint32_t set[3] = {0x01FFB67D, 0xE3FFFFFF, 0x2BFFFFFF};
    size_t i;
    for (i = 0; i < length; i++) {
        unsigned at = (unsigned char)text[i] - (unsigned)'!';
        if (at >= 94 || (set[at / 32] >> at % 32 & 1) == 0)
            return false;
    }
    return length > 0;
}

/* Free of the control bytes that RFC 9110 section 5.5 forbids in a field, CR
 * and NUL among them. */
static bool puter__is_field_text(const char *text, size_t length)
{
    const char *end = text + length;
    for (; text < end; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7F)
            return false;
    return true;
}

/* What fits: of a type the beginning tells, and a location is only shown. */
static void puter__copy_cut(char *out, size_t size, const char *text,
                            size_t length)
{
    if (length >= size)
        length = size - 1;
    memcpy(out, text, length);
    out[length] = '\0';
}

/* "HTTP/1." DIGIT SP 3DIGIT [SP reason] (RFC 9112 section 4); behind the line
 * stands its CR. */
static puter__http_step puter__http_status_line(puter__http *http,
                                                const char *line, size_t length)
{
    static const char form[] = "HTTP/1.0 000"; /* where '0' is any digit */
    const size_t size = sizeof form - 1;
    size_t i = 0;
    while (i < size && i < length &&
           (form[i] == '0' ? puter__is_digit(line[i]) : form[i] == line[i]))
        i++;
    if (i < size || line[9] == '0' || (length > size && line[size] != ' ') ||
        !puter__is_field_text(line, length))
        return puter__http_bad(http, "no HTTP/1.1 status line; is this the "
                                     "address of a Puter API?");
    http->close = line[7] == '0'; /* HTTP/1.0 (RFC 9112 section 9.3) */
    line += 9;
    http->status = (int)puter__read_digits(&line);
    http->state = PUTER__HEADER;
    return PUTER__STEP_LINE;
}

/* One number: two, even alike, are refused (RFC 9110 section 8.6 leaves the
 * choice), since a wrong length splits replies wrongly. */
static puter__http_step puter__http_content_length(puter__http *http,
                                                   const char *value,
                                                   size_t length)
{
    const char *p = value;
    if (http->has_length)
        return puter__http_bad(http, "a second Content-Length");
    http->has_length = true;
    http->left = puter__read_digits(&p);
    return length > 0 && p == value + length && http->left < INT64_MAX
               ? PUTER__STEP_LINE
               : puter__http_bad(http, "a Content-Length that is no number");
}

/* Leaves out the white space on both sides: OWS (RFC 9110 section 5.6.3). */
static void puter__trim(const char **text, const char **end)
{
    while (*text < *end && (**text == ' ' || **text == '\t'))
        ++*text;
    while (*end > *text && ((*end)[-1] == ' ' || (*end)[-1] == '\t'))
        --*end;
}

/* Whether a comma-separated list has this member. */
static bool puter__list_has(const char *list, size_t length, const char *member)
{
    const char *end = list + length;
    while (list < end) {
        const char *comma = (const char *)memchr(list, ',',
                                                 (size_t)(end - list));
        const char *next = comma != NULL ? comma + 1 : end;
        const char *last = comma != NULL ? comma : end;
        puter__trim(&list, &last);
        if (puter__same_nocase(list, (size_t)(last - list), member))
            return true;
        list = next;
    }
    return false;
}

/* Seconds; a date (RFC 9110 section 10.2.3) counts as nothing. */
static void puter__http_retry_after(puter__http *http, const char *value,
                                    size_t length)
{
    const char *p = value;
    int64_t seconds = puter__read_digits(&p);
    if (p == value + length)
        http->retry_after_ms = seconds < 86400 ? (int)seconds * 1000 : 86400000;
}

/* The fields that mean something here; all others are skipped. */
typedef enum puter__field {
    PUTER__FIELD_CONNECTION,
    PUTER__FIELD_CONTENT_ENCODING,
    PUTER__FIELD_CONTENT_LENGTH,
    PUTER__FIELD_CONTENT_TYPE,
    PUTER__FIELD_LOCATION,
    PUTER__FIELD_RETRY_AFTER,
    PUTER__FIELD_TRANSFER_ENCODING,
    PUTER__FIELD_NONE
} puter__field;

static puter__field puter__field_find(const char *name, size_t length)
{
    static const char *const fields[PUTER__FIELD_NONE] = {
        "Connection", "Content-Encoding", "Content-Length", "Content-Type",
        "Location",   "Retry-After",      "Transfer-Encoding",
    };
    int i = 0;
    while (i < PUTER__FIELD_NONE &&
           !puter__same_nocase(name, length, fields[i]))
        i++;
    return (puter__field)i;
}

static puter__http_step puter__http_field(puter__http *http, const char *name,
                                          size_t name_length,
                                          const char *value, size_t length)
{
    if (http->tunnel && http->status / 100 == 2)
        return PUTER__STEP_LINE; /* no body follows, whatever these say (RFC
                                    9110 section 9.3.6) */
    switch (puter__field_find(name, name_length)) {
    case PUTER__FIELD_CONTENT_LENGTH:
        return puter__http_content_length(http, value, length);
    case PUTER__FIELD_TRANSFER_ENCODING:
        if (http->chunked || !puter__same_nocase(value, length, "chunked"))
            return puter__http_bad(http, "an unknown Transfer-Encoding");
        http->chunked = true;
        break;
    case PUTER__FIELD_CONTENT_ENCODING:
        if (length > 0 && !puter__same_nocase(value, length, "identity"))
            return puter__http_bad(http, "a compressed body");
        break;
    case PUTER__FIELD_CONNECTION:
        http->close |= puter__list_has(value, length, "close");
        break;
    case PUTER__FIELD_CONTENT_TYPE:
        puter__copy_cut(http->content_type, sizeof http->content_type, value,
                        length);
        break;
    case PUTER__FIELD_LOCATION:
        puter__copy_cut(http->location, sizeof http->location, value, length);
        break;
    case PUTER__FIELD_RETRY_AFTER:
        puter__http_retry_after(http, value, length);
        break;
    default:
        break;
    }
    return PUTER__STEP_LINE;
}

/* name ":" OWS value OWS (RFC 9112 section 5). A line that continues another
 * (obs-fold, section 5.2) fails as a name. */
static puter__http_step puter__http_field_line(puter__http *http,
                                               const char *line, size_t length)
{
    const char *colon = (const char *)memchr(line, ':', length);
    const char *value, *end = line + length;
    if (colon == NULL || !puter__is_token(line, (size_t)(colon - line)) ||
        !puter__is_field_text(colon, (size_t)(end - colon)))
        return puter__http_bad(http, "a header line that is none");
    value = colon + 1;
    puter__trim(&value, &end);
    if (http->state == PUTER__TRAILER)
        return PUTER__STEP_LINE; /* never merged into the head */
    return puter__http_field(http, line, (size_t)(colon - line), value,
                             (size_t)(end - value));
}

/* The head has ended: what follows is told by RFC 9112 section 6.3. */
static puter__http_step puter__http_head_end(puter__http *http)
{
    if (http->status == 101)
        return puter__http_bad(http, "a change of protocol nobody asked for");
    if (http->status < 200) {
        if (++http->interims > PUTER__INTERIM_MAX)
            return puter__http_endless(http, "no end of 1xx replies");
        http->state = PUTER__STATUS_LINE; /* nothing of it counts */
        http->chunked = http->has_length = false;
        http->content_type[0] = http->location[0] = '\0';
        http->retry_after_ms = 0;
        return PUTER__STEP_LINE;
    }
    if (http->status == 204 || http->status == 304)
        http->state = PUTER__COMPLETE;
    else if (http->chunked && http->has_length)
        return puter__http_bad(http, "Content-Length beside "
                                     "Transfer-Encoding");
    else if (http->chunked)
        http->state = PUTER__CHUNK_SIZE;
    else if (http->has_length)
        http->state = http->left > 0 ? PUTER__BODY_LENGTH : PUTER__COMPLETE;
    else
        http->state = PUTER__BODY_CLOSE;
    http->close |= http->state == PUTER__BODY_CLOSE;
    return PUTER__STEP_HEAD;
}

/* -- one step after another -- */

/* chunk-size [chunk-ext] (RFC 9112 section 7.1). Extensions are ignored, but
 * framing may not outgrow what it frames. */
static puter__http_step puter__http_chunk_size(puter__http *http,
                                               const char *line, size_t length)
{
    const char *p = line, *end = line + length;
    int64_t size = 0;
    int digit;
    for (; p < end && (digit = puter__hex_digit(*p)) >= 0; p++) {
        if (size >> 58 != 0 || p - line >= 32)
            return puter__http_bad(http, "a chunk size that is too large");
        size = size * 16 + digit;
    }
    if (p == line)
        return puter__http_bad(http, "a chunk size that is no number");
    puter__trim(&p, &end);
    if (p < end && (*p != ';' || !puter__is_field_text(line, length)))
        return puter__http_bad(http, "a chunk size that is no number");
    http->left = size;
    http->overhead += (int64_t)length - 16 - 2 * size;
    if (http->overhead < 0)
        http->overhead = 0;
    if (http->overhead > PUTER__OVERHEAD_MAX)
        return puter__http_endless(http, "more chunk framing than body");
    http->state = http->left > 0 ? PUTER__CHUNK_DATA : PUTER__TRAILER;
    return PUTER__STEP_LINE;
}

static puter__http_step puter__http_line(puter__http *http, const char *line,
                                         size_t length)
{
    if (http->state == PUTER__CHUNK_SIZE)
        return puter__http_chunk_size(http, line, length);
    http->head_bytes += length + 2;
    if (++http->head_lines > PUTER__HEAD_LINES_MAX ||
        http->head_bytes > PUTER__HEAD_MAX)
        return puter__http_endless(http, "a head without end");
    if (http->state == PUTER__STATUS_LINE)
        return puter__http_status_line(http, line, length);
    if (length > 0)
        return puter__http_field_line(http, line, length);
    if (http->state == PUTER__HEADER)
        return puter__http_head_end(http);
    http->state = PUTER__COMPLETE;
    return PUTER__STEP_LINE;
}

/* Takes a line. It ends with CRLF: a bare LF would let two readers see two
 * different heads. */
static puter__http_step puter__http_take_line(puter__http *http,
                                              const char *data, size_t size,
                                              size_t *used)
{
    const char *end = (const char *)memchr(data + http->scanned, '\n',
                                           size - http->scanned);
    if (end == NULL) {
        http->scanned = size;
        return size < PUTER__INPUT_SIZE
                   ? PUTER__STEP_MORE
                   : puter__http_endless(http, "a line without end");
    }
    http->scanned = 0;
    *used += (size_t)(end - data) + 1;
    if (end == data || end[-1] != '\r')
        return puter__http_bad(http, "a line that does not end with CRLF");
    return puter__http_line(http, data, (size_t)(end - data) - 1);
}

/* Takes what has come of a body or chunk. */
static puter__http_step puter__http_take_body(puter__http *http, size_t size,
                                              size_t *used, size_t *body)
{
    *body = size;
    if (http->state != PUTER__BODY_CLOSE) {
        if ((int64_t)size > http->left)
            *body = (size_t)http->left;
        http->left -= (int64_t)*body;
        if (http->left == 0)
            http->state = http->chunked ? PUTER__CHUNK_END : PUTER__COMPLETE;
    }
    *used += *body;
    return PUTER__STEP_BODY;
}

/* Takes a chunk that has come whole, from the line end of the one before it
 * on, in one go: most are framed like this. The others are read line by line,
 * as is all that is wrong. */
static bool puter__http_take_chunk(const char *data, size_t size, size_t *used,
                                   size_t *body)
{
    const char *p = data + 2;
    size_t length = 0;
    int digit;
    if (size <= 8 || data[0] != '\r' || data[1] != '\n')
        return false;
    for (; p < data + 6 && (digit = puter__hex_digit(*p)) >= 0; p++)
        length = length * 16 + (size_t)digit;
    if (length == 0 || length > size - 8 || p[0] != '\r' || p[1] != '\n')
        return false;
    *used = (size_t)(p - data) + 2 + length;
    *body = length;
    return true;
}

/* Takes the next line from what has come, or a run of body and the framing
 * before it. `*used` is how much was taken, `*body` how much at its end is
 * body; after PUTER__STEP_MORE call again with the rest and more. */
static puter__http_step puter__http_next(puter__http *http, const char *data,
                                         size_t size, size_t *used,
                                         size_t *body)
{
    *used = *body = 0;
    if (http->state == PUTER__COMPLETE)
        return PUTER__STEP_END;
    if (size == 0)
        return PUTER__STEP_MORE;
    if (http->state == PUTER__CHUNK_END) {
        if (http->overhead == 0 &&
            puter__http_take_chunk(data, size, used, body))
            return PUTER__STEP_BODY;
        if (data[0] != '\r' || (size > 1 && data[1] != '\n'))
            return puter__http_bad(http, "no line end after a chunk");
        if (size < 2)
            return PUTER__STEP_MORE;
        http->state = PUTER__CHUNK_SIZE;
        *used = 2;
    }
    if (http->state <= PUTER__TRAILER) {
        puter__http_step step = puter__http_take_line(http, data + *used,
                                                      size - *used, used);
        if (http->state != PUTER__CHUNK_DATA || *used == size)
            return step;
    }
    return puter__http_take_body(http, size - *used, used, body);
}

/* >> drivers: from a model's name to who serves it (services of 2025) ----- */

/* Patterns of models by who serves them, where '*' is any run of characters
 * and letters are the same in any case. The first row that matches counts. */
static const struct {
    const char *driver;
    const char *models;
} puter__drivers[] = {
    {"openai-completion", "openai/*"},
    {"claude", "anthropic/*"},
    {"openai-completion", "gpt-* chatgpt-* o1* o3* o4*"},
    {"claude", "claude claude-*"},
    {"gemini", "gemini-*"},
    {"mistral", "mistral mistral-* codestral-* pixtral-* magistral-* "
                "devstral-* ministral-* open-mistral-* open-mixtral-*"},
    {"groq", "groq llama-3.1-8b-instant llama-3.1-70b-versatile "
             "llama3-*-8192 llama3-groq-* llama-guard-* gemma-7b-it "
             "gemma2-9b-it mixtral-8x7b-32768"},
    {"xai", "grok-*"},
    {"deepseek", "deepseek deepseek-chat deepseek-reasoner"},
    {"openrouter", "openrouter:*"},
    {"ollama", "ollama:*"},
    {"together-ai", "meta-llama/*-turbo"},
    {"openrouter", "*/*"}, /* sent as "openrouter:" and the name */
    {"openai-completion", "*"},
};

#define PUTER__PREFIXED 2 /* of the rows: sent without the vendor's prefix */

/* Names that are short for others. */
static const struct {
    const char *name;
    const char *model;
} puter__short_names[] = {
    {"claude", "claude-3-7-sonnet-latest"},
    {"claude-3-7-sonnet", "claude-3-7-sonnet-latest"},
    {"claude-3-5-sonnet", "claude-3-5-sonnet-latest"},
    {"mistral", "mistral-large-latest"},
    {"groq", "llama3-8b-8192"},
    {"deepseek", "deepseek-chat"},
};

/* Finds the driver for a model. `*name` is moved past a vendor's prefix that
 * is not part of the model's name. */
static const char *puter__driver_find(const char **name)
{
    size_t i = 0;
    while (!puter__listed(puter__drivers[i].models, *name))
        i++;
    if (i < PUTER__PREFIXED)
        *name = strchr(*name, '/') + 1;
    return puter__drivers[i].driver;
}

PUTER_API const char *puter_driver_for_model(const char *model)
{
    if (model == NULL)
        model = "";
    return puter__driver_find(&model);
}

/* >> client: what it holds, how long it waits, its connection ------------- */

/* Where an exchange stands. Each phase is a step that can stop to wait and be
 * taken up again. */
typedef enum puter__phase {
    PUTER__PHASE_IDLE,    /* there is none */
    PUTER__PHASE_PAUSE,   /* waits before it is sent again */
    PUTER__PHASE_CONNECT,
    PUTER__PHASE_TUNNEL,  /* asks the proxy for a way to the service */
    PUTER__PHASE_HANDSHAKE,
    PUTER__PHASE_SEND,
    PUTER__PHASE_RECEIVE,
    PUTER__PHASE_REPLIED, /* the whole reply is in */
    PUTER__PHASE_FAILED
} puter__phase;

typedef enum puter__kind {
    PUTER__KIND_CHAT,   /* a question, answered whole */
    PUTER__KIND_STREAM, /* a question, answered as it is written */
    PUTER__KIND_CALL,   /* any other interface */
    PUTER__KIND_LIST,   /* one that only reads */
    PUTER__KIND_GET     /* a path; it only reads as well */
} puter__kind;

/* What stands before a string that is kept for a reply, in a list. */
typedef struct puter__piece {
    struct puter__piece *next;
} puter__piece;

/* Text that comes in parts. */
typedef struct puter__channel {
    puter_writer writer;
    size_t told;   /* how much of it events have told */
    int high;      /* a high surrogate that waits for its other half */
} puter__channel;

/* What has come of a reply; it becomes the caller's puter_reply. */
typedef struct puter__answer {
    puter__channel text;
    puter__channel reasoning;
    puter_writer body;   /* as received */
    puter_writer calls;  /* puter_tool_call, one after another */
    puter_writer images; /* puter_image, the same */
    puter_writer turns;  /* messages that rounds of tools added, as an array */
    puter__piece *pieces; /* what the reply's strings are in */
    puter_reply reply;    /* so far; its buffers are the above */
    char content_type[80];
    size_t calls_told;
    size_t images_told;
    bool usage_due;      /* came and is not told yet */
    bool compaction_due;
    bool other_due;
} puter__answer;

/* What is used most stands first: small offsets make small code. */
struct puter_client {
    puter__answer *answer;   /* what has come of the reply */
    puter__phase phase;
    puter__kind kind;
    const puter_request *request;
    const puter_call_request *call;
    const char *path;        /* of a GET */
    const puter_transport *transport;

    puter_writer out;        /* the request, head and body */
    size_t out_start;        /* where the head begins, to end at the body */
    size_t sent;             /* up to where it has gone out */
    size_t tunnel_sent;      /* of what asks the proxy, in scratch */
    puter_writer proxy_user; /* "user:password", or empty */

    char *input;             /* PUTER__INPUT_SIZE bytes for a client's life */
    size_t input_begin;
    size_t input_end;
    char *span;              /* body bytes in the input, not yet taken */
    size_t span_length;
    size_t line_start;       /* of the line that is coming, in answer->body */
    const char *last_line;   /* the last whole one, there or in the input; ""
                                once it is gone */
    size_t last_line_length;
    bool streamed;           /* the reply is lines of JSON */
    uint64_t discarded;      /* bytes of lines that are gone, but left something
                                that is kept */
    const puter__piece *counted; /* the last that they left */

    bool connected;
    bool reused;             /* the connection has served before */
    bool rerouted;           /* both routes were tried */
    bool in_tool;            /* a tool of the caller's runs */
    bool defective;          /* the options are; report.error says how */
    int want;                /* events that the step waits for */
    int retries;
    int rounds;              /* of tools */
    puter_route route;       /* of this exchange, as it is now */
    puter_route learned;     /* what worked here, or is likelier to */
    int64_t idle_since;
    int64_t pause_until;
    int64_t connect_deadline;
    int64_t idle_deadline;
    int64_t total_deadline;

    puter_writer scratch;    /* decoded text, for a moment */
    puter_json json;         /* nodes, used again for every document */
    puter__http http;
    puter_options options;   /* resolved; its strings are copies */
    puter__report report;
    puter_error kept_error;  /* to be repeated: the first route's, while the
                                other is tried, or the exchange's */
    puter__url url;
    puter__url proxy;        /* port 0: none */
    puter_transport own;
#ifndef PUTER_NO_SOCKETS
    puter__socket socket;
#endif
#ifndef PUTER_NO_TLS
    puter__tls tls;
#endif
};

/* Whether a model is asked. */
static bool puter__is_chat(const puter_client *client)
{
    return client->kind <= PUTER__KIND_STREAM;
}

/* Whether the exchange only reads, so that it may be repeated. */
static bool puter__only_reads(const puter_client *client)
{
    return client->kind >= PUTER__KIND_LIST;
}

static puter_result puter__fail_client_memory(puter_client *client)
{
    return puter__fail_memory(&client->report);
}

/* Reads a document into client->json, where it stays as long as its text. */
static puter_result puter__read_document(puter_client *client,
                                         const char *text, size_t length,
                                         puter__reading *reading)
{
    puter_result result =
        puter__json_read(&client->json, text, length, reading);
    if (result == PUTER_ERR_NOMEM)
        puter__fail_client_memory(client);
    return result;
}

/* A mistake of the caller's, and all there is to say of it. */
static puter_result puter__misuse(puter_client *client, const char *wrong)
{
    return puter__fail(&client->report, PUTER_ERR_ARGUMENT, "%s", wrong);
}

static void puter__forget_error(puter_client *client)
{
    int status = client->report.error.http_status;
    if (client->report.error.result == PUTER_OK)
        return; /* as for each event of a stream */
    memset(&client->report.error, 0, sizeof client->report.error);
    client->report.error.http_status = status;
}

/* -- waiting and time -- */

static const char *puter__stage(const puter_client *client)
{
    static const char *const stages[] = { /* in the order of puter__phase */
        "waiting",           "waiting",           "connecting",
        "asking the proxy",  "the TLS handshake", "sending the request",
        "reading the reply", "running tools",     "waiting",
    };
    return client->phase == PUTER__PHASE_RECEIVE &&
                   client->http.state < PUTER__HEADER
               ? "waiting for the reply"
               : stages[client->phase];
}

static void puter__touch(puter_client *client)
{
    client->idle_deadline =
        puter__deadline(client->options.idle_timeout_ms);
}

/* Whether an exchange that is neither paused nor ended has yet to connect. */
static bool puter__is_connecting(const puter_client *client)
{
    return client->phase <= PUTER__PHASE_HANDSHAKE;
}

/* The moment at which the phase must have moved. */
static int64_t puter__phase_deadline(const puter_client *client)
{
    if (client->phase == PUTER__PHASE_PAUSE)
        return client->pause_until;
    return puter__is_connecting(client) ? client->connect_deadline
                                        : client->idle_deadline;
}

static bool puter__has_proxy(const puter_client *client)
{
    return client->proxy.port != 0;
}

/* Who is at the other end of the connection, as far as it has come. */
static const puter__url *puter__dialled(const puter_client *client)
{
    return puter__has_proxy(client) && client->phase <= PUTER__PHASE_TUNNEL
               ? &client->proxy
               : &client->url;
}

/* Whether the service may have the whole request: what of it is in a record
 * that TLS has still to send may have gone out with an alert. */
static bool puter__may_have_all(const puter_client *client)
{
    size_t sent = client->sent;
#ifndef PUTER_NO_TLS
    if (client->tls.active && client->tls.flushed)
        sent += client->tls.pending;
#endif
    return sent >= client->out.length;
}

/* What a loss now means for asking again. */
static const char *puter__after_loss(const puter_client *client)
{
    return client->http.state >= PUTER__HEADER ? "the reply is cut short"
           : puter__only_reads(client) ? "try again"
           : client->rounds == 0 && !puter__may_have_all(client)
               ? "nothing was asked yet: try again"
           : puter__is_chat(client)
               ? "a model may have run: look before asking again"
               : "it may have been done: look before asking again";
}

/* Whether the exchange may go on: no deadline passed, not cancelled. */
static puter_result puter__check_time(puter_client *client)
{
    const puter_options *options = &client->options;
    int64_t now = puter__now();
    if (options->cancelled != NULL && options->cancelled(options->user))
        return puter__fail(&client->report, PUTER_ERR_CANCELLED,
                           "cancelled: %s", puter__stage(client));
    if (now >= client->total_deadline)
        return puter__fail(&client->report, PUTER_ERR_TIMEOUT,
                           "the exchange took longer than total_timeout_ms "
                           "(%d): %s; %s", options->total_timeout_ms,
                           puter__stage(client), puter__after_loss(client));
    if (client->phase == PUTER__PHASE_PAUSE ||
        now < puter__phase_deadline(client))
        return PUTER_OK;
    if (puter__is_connecting(client))
        return puter__fail(&client->report, PUTER_ERR_TIMEOUT,
                           "no connection to %s port %d within "
                           "connect_timeout_ms (%d), %s; check the network",
                           puter__dialled(client)->host,
                           puter__dialled(client)->port,
                           options->connect_timeout_ms, puter__stage(client));
    return puter__fail(&client->report, PUTER_ERR_TIMEOUT,
                       "silence for idle_timeout_ms (%d), %s; allow more "
                       "time; %s", options->idle_timeout_ms,
                       puter__stage(client), puter__after_loss(client));
}

PUTER_API int puter_client_deadline(const puter_client *client)
{
    int64_t moment;
    if (client == NULL || client->phase == PUTER__PHASE_IDLE)
        return -1;
    moment = puter__earlier(puter__phase_deadline(client),
                            client->total_deadline);
#ifndef PUTER_NO_SOCKETS
    if (client->phase == PUTER__PHASE_CONNECT)
        moment = puter__earlier(moment, client->socket.attempt_deadline);
#endif
    if (client->options.cancelled != NULL)
        moment = puter__earlier(moment, puter__now() + 100);
    return puter__left(moment);
}

PUTER_API int puter_client_events(const puter_client *client)
{
    return client != NULL ? client->want : 0;
}

PUTER_API int puter_client_fd(const puter_client *client)
{
#ifndef PUTER_NO_SOCKETS
    if (client != NULL && client->transport == &client->own &&
        client->phase != PUTER__PHASE_PAUSE)
        return client->socket.fd;
#else
    (void)client;
#endif
    return -1;
}

/* A result for the transport's failure; one that has not said why gets its
 * sentence here. */
static puter_result puter__fail_transport(puter_client *client, int result)
{
    if (result >= 0 || result < PUTER_ERR_CANCELLED)
        result = PUTER_ERR_CLOSED;
    if (client->report.error.result != (puter_result)result)
        puter__fail(&client->report, (puter_result)result,
                    "%s: the connection to %s was lost; %s",
                    puter__stage(client), puter__dialled(client)->host,
                    puter__after_loss(client));
    return (puter_result)result;
}

/* The only place that waits: until the step can go on, or a deadline. */
static puter_result puter__wait(puter_client *client)
{
    const puter_transport *transport = client->transport;
    int timeout = puter_client_deadline(client), ready;
    if (client->phase == PUTER__PHASE_PAUSE) {
        struct timespec pause;
        pause.tv_sec = timeout / 1000;
        pause.tv_nsec = timeout % 1000 * 1000000L;
        nanosleep(&pause, NULL);
        return PUTER_OK;
    }
    if (transport->wait == NULL)
        return PUTER_OK;
    ready = transport->wait(transport->ctx, client->want, timeout);
    return ready < 0 ? puter__fail_transport(client, ready) : PUTER_OK;
}

/* -- the connection -- */

static bool puter__uses_tls(const puter_client *client)
{
    return client->url.secure && !client->transport->secure;
}

static void puter__disconnect(puter_client *client)
{
    if (!client->connected)
        return;
#ifndef PUTER_NO_TLS
    puter__tls_close(&client->tls);
#endif
    client->transport->close(client->transport->ctx);
    client->connected = false;
    client->input_begin = client->input_end = 0;
}

/* Notes what the step waits for, if `count` says to wait. Bytes that TLS moved
 * meanwhile were no silence, though nothing came of them yet. */
static bool puter__must_wait(puter_client *client, int count)
{
    if (count != PUTER_WANT_READ && count != PUTER_WANT_WRITE)
        return false;
    client->want |= count == PUTER_WANT_READ ? PUTER_READABLE : PUTER_WRITABLE;
#ifndef PUTER_NO_TLS
    if (client->tls.moved)
        puter__touch(client);
    client->tls.moved = false;
#endif
    return true;
}

/* What a call came to that moved no bytes: PUTER_WAIT, or its failure. */
static puter_result puter__stopped(puter_client *client, int count)
{
    if (puter__must_wait(client, count))
        return PUTER_WAIT;
    return puter__fail_transport(client, count);
}

static int puter__read(puter_client *client, void *buffer, size_t size)
{
#ifndef PUTER_NO_TLS
    if (client->tls.active)
        return puter__tls_read(&client->tls, buffer, size);
#endif
    return client->transport->read(client->transport->ctx, buffer, size);
}

static int puter__write(puter_client *client, const void *data, size_t size)
{
#ifndef PUTER_NO_TLS
    if (client->tls.active)
        return puter__tls_write(&client->tls, data, size);
#endif
    return client->transport->write(client->transport->ctx, data, size);
}

/* More input behind what is there: > 0 how much, 0 the proper end of the
 * connection, PUTER_WANT_* or a puter_result. */
static int puter__fill(puter_client *client)
{
    size_t left = client->input_end - client->input_begin;
    int count;
    if (client->input_begin > 0) {
        memmove(client->input, client->input + client->input_begin, left);
        client->input_begin = 0;
        client->input_end = left;
    }
    count = puter__read(client, client->input + left,
                        PUTER__INPUT_SIZE - left);
    if (count > 0) {
        client->input_end += (size_t)count;
        puter__touch(client);
    }
    return count;
}

/* A server may have closed an idle connection, or, worse, said something on
 * it that nobody asked for. The service closes after 5 s; before that one look
 * tells, unless a ticket came last. */
static bool puter__still_good(puter_client *client)
{
    if (client->connected && puter__now() - client->idle_since <= 4000 &&
        puter__fill(client) == PUTER_WANT_READ)
        return true;
    puter__disconnect(client);
    return false;
}

/* Gives connecting, and a silence, their whole time again; the share of the
 * address that is being tried stays. */
static void puter__start_clocks(puter_client *client)
{
    puter__touch(client);
    client->connect_deadline =
        puter__deadline(client->options.connect_timeout_ms);
#ifndef PUTER_NO_SOCKETS
    client->socket.deadline = client->connect_deadline;
#endif
}

/* Starts the request on its way: on the connection there is, or a new one. */
static void puter__launch(puter_client *client)
{
    memset(&client->http, 0, sizeof client->http);
    puter__rewind(&client->answer->body);
    client->span_length = 0;
    client->sent = client->out_start;
    client->streamed = false;
    client->last_line = "";
    client->line_start = client->last_line_length = 0;
    client->discarded = 0;
    client->counted = client->answer->pieces;
    client->reused = puter__still_good(client);
    memset(&client->report.error, 0, sizeof client->report.error);
    client->phase = client->reused ? PUTER__PHASE_SEND : PUTER__PHASE_CONNECT;
    puter__start_clocks(client);
#ifndef PUTER_NO_SOCKETS
    client->socket.attempt_deadline = PUTER__NEVER;
#endif
}

/* -- the reply's head -- */

/* Types of JSON documents (RFC 6839 section 3.1); lines of JSON are none. */
#define PUTER__JSON_TYPES "*/json* *+json*"

/* Whether the body is itself a result: no JSON, nor a page about a failure. */
static bool puter__is_bytes(const puter_client *client)
{
    return !puter__is_chat(client) && client->http.status < 300 &&
           !puter__listed(PUTER__JSON_TYPES " *text/html*",
                          client->http.content_type);
}

static bool puter__is_for_sink(const puter_client *client)
{
    return client->kind == PUTER__KIND_CALL && client->call->sink != NULL &&
           puter__is_bytes(client);
}

/* Whether so many more bytes of body may be kept. */
static puter_result puter__check_size(puter_client *client, uint64_t take)
{
    int64_t limit = client->options.max_reply_bytes;
    take += client->discarded + client->answer->body.length;
    if (limit < 0 || take <= (uint64_t)limit)
        return PUTER_OK;
    return puter__fail(&client->report, PUTER_ERR_LIMIT,
                       "the reply is longer than max_reply_bytes; raise it");
}

/* The head is in: what kind of body follows, and may it be so long? */
static puter_result puter__begin_body(puter_client *client)
{
    puter__http *http = &client->http;
    client->report.error.http_status = http->status;
    if (client->phase == PUTER__PHASE_TUNNEL)
        return PUTER_OK; /* a yes has no body, whatever its head says */
    client->streamed = puter__is_chat(client) && http->status < 300 &&
                       puter__listed("*ndjson*", http->content_type);
    if (http->has_length && !puter__is_for_sink(client) &&
        !(client->streamed && client->request->discard))
        return puter__check_size(client, (uint64_t)http->left);
    return PUTER_OK;
}

/* Takes the next line or run of body from the input. */
static puter_result puter__read_step(puter_client *client,
                                     puter__http_step *step)
{
    puter__http *http = &client->http;
    size_t used;
    *step = puter__http_next(http, client->input + client->input_begin,
                             client->input_end - client->input_begin, &used,
                             &client->span_length);
    client->input_begin += used;
    client->span = client->input + client->input_begin - client->span_length;
    if (*step == PUTER__STEP_BAD)
        return puter__fail(&client->report,
                           http->endless ? PUTER_ERR_LIMIT
                                         : PUTER_ERR_PROTOCOL,
                           "the reply of %s is not valid HTTP: %s",
                           puter__dialled(client)->host, http->wrong);
    return *step == PUTER__STEP_HEAD ? puter__begin_body(client) : PUTER_OK;
}

/* Reads a head as far as it is there. */
static puter_result puter__read_head(puter_client *client, bool *whole)
{
    puter__http_step step;
    puter_result result;
    do
        result = puter__read_step(client, &step);
    while (result == PUTER_OK && step == PUTER__STEP_LINE);
    *whole = step == PUTER__STEP_HEAD;
    return result;
}

/* -- the way to the service, and the request on it -- */

/* The way is open: on with TLS, or with the request. */
static puter_result puter__connected(puter_client *client)
{
    client->phase = PUTER__PHASE_SEND;
    puter__touch(client);
#ifndef PUTER_NO_TLS
    if (puter__uses_tls(client)) {
        client->phase = PUTER__PHASE_HANDSHAKE;
        return puter__tls_open(&client->tls);
    }
#endif
    return PUTER_OK;
}

/* CONNECT host:port (RFC 9110 section 9.3.6), with the proxy's credentials
 * (RFC 7617) where it has some; room first, so that they never move. */
static void puter__write_connect(puter_client *client)
{
    puter_writer *out = &client->scratch;
    const puter_writer *user = &client->proxy_user;
    puter__rewind(out);
    puter__reserve(out, 1024 + 2 * user->length);
    puter__append_string(out, "CONNECT ");
    puter__append_authority(out, &client->url, 0, true);
    puter__append_string(out, " HTTP/1.1\r\nHost: ");
    puter__append_authority(out, &client->url, 0, true);
    if (user->length > 0) {
        puter__append_string(out, "\r\nProxy-Authorization: Basic ");
        puter__append_base64(out, user->text, user->length);
    }
    puter__append_string(out, "\r\n\r\n");
    client->tunnel_sent = 0;
}

/* Where there is a proxy, the connection that failed is the one to it. */
static puter_result puter__fail_connect(puter_client *client, int result)
{
    char said[sizeof client->report.error.message];
    result = puter__fail_transport(client, result);
    if (!puter__has_proxy(client) || result == PUTER_ERR_NOMEM)
        return (puter_result)result;
    memcpy(said, client->report.error.message, sizeof said);
    return puter__fail(&client->report, (puter_result)result, "the proxy: %s",
                       said);
}

static puter_result puter__connect(puter_client *client)
{
    const puter_transport *transport = client->transport;
    const puter__url *url = puter__dialled(client);
    int result;
    client->connected = true; /* so that it is closed, whatever comes */
    result = transport->open(transport->ctx, url->host, url->port);
    if (puter__must_wait(client, result))
        return PUTER_WAIT;
    if (result < 0)
        return puter__fail_connect(client, result);
    if (!puter__has_proxy(client))
        return puter__connected(client);
    puter__write_connect(client);
    client->http.tunnel = true;
    client->phase = PUTER__PHASE_TUNNEL;
    return PUTER_OK;
}

/* Asks the proxy, and reads its answer's head: what it says after a yes is
 * the service's. */
static puter_result puter__tunnel(puter_client *client)
{
    puter_writer *ask = &client->scratch;
    bool whole = false;
    int count = 1, status;
    if (ask->result != PUTER_OK)
        return puter__fail_client_memory(client);
    while (count > 0 && !whole) {
        if (client->tunnel_sent < ask->length) {
            count = puter__write(client, ask->text + client->tunnel_sent,
                                 ask->length - client->tunnel_sent);
            client->tunnel_sent += count > 0 ? (size_t)count : 0;
        } else if (puter__read_head(client, &whole) != PUTER_OK) {
            return puter__fail_connect(client, client->report.error.result);
        } else if (!whole) {
            count = puter__fill(client);
        }
    }
    if (count <= 0)
        return puter__stopped(client, count);
    puter__wipe(ask->text, ask->capacity);
    status = client->http.status;
    memset(&client->http, 0, sizeof client->http);
    if (status / 100 == 2 && client->input_begin == client->input_end) {
        client->report.error.http_status = 0;
        return puter__connected(client);
    }
    return puter__fail(&client->report, PUTER_ERR_REFUSED,
                       "the proxy %s answered HTTP %d; check its address "
                       "and credentials, and whether it lets through to %s "
                       "port %d", client->proxy.host, status,
                       client->url.host, client->url.port);
}

#ifndef PUTER_NO_TLS
static puter_result puter__handshake(puter_client *client)
{
    int result = puter__tls_handshake(&client->tls);
    if (result < 0)
        return puter__stopped(client, result);
    client->phase = PUTER__PHASE_SEND;
    puter__touch(client);
    return PUTER_OK;
}
#endif

/* More input behind what is there, but first what is left of the request: of
 * either as much as goes. Once a refusal (401, 413) begins to come no more is
 * sent (RFC 9112 section 9.5): it is read instead of lost with the connection
 * that the server then closes; nor is a reply lost when that close is noticed
 * first, by a failed write. Beside any other reply the rest is sent, since its
 * server may answer while it reads. */
static puter_result puter__transfer(puter_client *client)
{
    int written = 1, count;
    bool lost = false;
    if (client->sent < client->out.length && client->http.status < 300) {
        written = puter__write(client, client->out.text + client->sent,
                               client->out.length - client->sent);
        if (written > 0) {
            client->sent += (size_t)written;
            puter__touch(client);
            return PUTER_OK;
        }
        lost = !puter__must_wait(client, written);
    }
    count = puter__fill(client);
    if (count == 0 && client->http.state == PUTER__BODY_CLOSE && !lost) {
        client->http.state = PUTER__COMPLETE;
        return PUTER_OK;
    }
    if (count <= 0 && ((lost && client->http.state <= PUTER__HEADER) ||
                       !puter__must_wait(client, count)))
        return puter__fail_transport( /* an alert says the most */
            client, count != PUTER_ERR_TLS && lost ? written : count);
    puter__forget_error(client); /* of a write; the reply counts */
    return count > 0 ? PUTER_OK : PUTER_WAIT;
}

/* Sends what is left, or until a reply begins. */
static puter_result puter__send(puter_client *client)
{
    puter_result result = PUTER_OK;
    bool replied = false;
    while (result == PUTER_OK && client->sent < client->out.length &&
           !replied) {
        result = puter__transfer(client);
        if (result == PUTER_OK)
            result = puter__read_head(client, &replied);
    }
    if (result == PUTER_OK)
        client->phase = PUTER__PHASE_RECEIVE;
    return result;
}

/* >> options: what a client is opened with, and what it takes from outside - */

/* The options that become the client's own, and their variables. */
static const struct {
    size_t offset;
    const char *variable;
} puter__strings[] = {
    {offsetof(puter_options, token), "PUTER_AUTH_TOKEN"},
    {offsetof(puter_options, api_origin), "PUTER_API_ORIGIN"},
    {offsetof(puter_options, origin_header), NULL},
    {offsetof(puter_options, user_agent), NULL},
    {offsetof(puter_options, ca_file), NULL},
    {offsetof(puter_options, proxy), NULL},
};

static const char **puter__string(puter_options *options, size_t i)
{
    return (const char **)(void *)((char *)options + puter__strings[i].offset);
}

/* Makes an option the client's own: the caller's, or the environment's. */
static const char *puter__adopt(puter_client *client, const char *value,
                                const char *variable)
{
    size_t size;
    char *copy;
    if (value == NULL && variable != NULL)
        value = puter__environment(&client->options, variable, NULL);
    if (value == NULL)
        return NULL;
    size = strlen(value) + 1;
    copy = (char *)PUTER_MALLOC(size);
    if (copy == NULL)
        puter__fail_client_memory(client);
    else
        memcpy(copy, value, size);
    return copy;
}

static void puter__adopt_strings(puter_client *client)
{
    puter_options *o = &client->options;
    size_t i;
    /* Whoever started a set-user-id program must not tell it where to go. */
    if (getuid() != geteuid() || getgid() != getegid())
        o->no_environment = true;
    for (i = 0; i < PUTER__COUNT(puter__strings); i++) {
        const char **string = puter__string(o, i);
        *string = puter__adopt(client, *string, puter__strings[i].variable);
    }
    client->report.secret = o->token;
}

/* -- the proxy -- */

/* Whether an entry of $NO_PROXY, which may end with a port, covers the host: a
 * name covers what is under it, "*" all. */
static bool puter__no_proxy_covers(const char *name, const char *end,
                                   const puter__url *url)
{
    const char *stop = (const char *)memchr(name, ':', (size_t)(end - name));
    const char *port;
    bool brackets = *name == '[';
    size_t skip, length;
    if (brackets)
        stop = (const char *)memchr(name, ']', (size_t)(end - name));
    else if (stop != NULL && memchr(stop + 1, ':', (size_t)(end - stop) - 1))
        stop = NULL; /* a bare IPv6 address */
    if (stop == NULL)
        stop = end;
    port = stop + (*stop == ']');
    if (*port++ == ':' && puter__read_digits(&port) != url->port)
        return false;
    name += brackets;
    length = (size_t)(stop - name);
    skip = strspn(name, "*.");
    if (skip == length)
        return *name == '*';
    return url->numeric
               ? puter__same_nocase(name, length, url->host)
               : puter__is_under(url->host, name + skip, length - skip);
}

/* Whether one of its entries does: spaces and commas are between them. */
static bool puter__no_proxy(const char *list, const puter__url *url)
{
    size_t length;
    for (; *list != '\0'; list += length) {
        list += strspn(list, ", ");
        length = strcspn(list, ", ");
        if (length > 0 && puter__no_proxy_covers(list, list + length, url))
            return true;
    }
    return false;
}

/* The proxy to use: the option's; else the environment's, which is neither
 * for this machine nor for a transport of the caller's. NULL or "": none. */
static const char *puter__proxy_text(const puter_client *client)
{
    const puter_options *options = &client->options;
    const char *text = options->proxy, *list;
    if (text != NULL || client->transport != &client->own ||
        puter__url_is_loopback(&client->url))
        return text;
    list = puter__environment(options, "NO_PROXY", "no_proxy");
    if (list != NULL && puter__no_proxy(list, &client->url))
        return NULL;
    if (client->url.secure)
        text = puter__environment(options, "HTTPS_PROXY", "https_proxy");
    return text != NULL ? text
                        : puter__environment(options, "ALL_PROXY", "all_proxy");
}

/* Keeps "user:password", its %XX decoded; room first, so that it does not grow
 * and leave copies behind. */
static void puter__keep_user(puter_client *client, const char *text,
                             size_t length)
{
    puter_writer *user = &client->proxy_user;
    size_t i;
    puter__reserve(user, length + 1);
    for (i = 0; i < length; i++) {
        int byte = 0;
        if (text[i] == '%') /* behind the text are at least "@" and a NUL */
            byte = puter__hex(text + i + 1, 2);
        puter__append_char(user, byte > 0 ? (char)byte : text[i]);
        i += byte > 0 ? 2 : 0;
    }
    if (memchr(text, ':', length) == NULL)
        puter__append_char(user, ':'); /* RFC 7617 has one always */
    if (user->result != PUTER_OK)
        puter__fail_client_memory(client);
}

/* The token must not leave this machine for others to read, unless the caller
 * allows it. */
static puter_result puter__check_exposure(puter_client *client,
                                          const puter__url *next,
                                          const char *who, const char *name)
{
    if (client->url.secure || client->transport->secure ||
        client->options.allow_plain_http || puter__url_is_loopback(next))
        return PUTER_OK;
    return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                       "%s%s is plain http: anyone on the way could read "
                       "the token; use https://, or set allow_plain_http",
                       who, name);
}

/* Reads [http://][user:password@]host[:port]. */
static puter_result puter__set_proxy(puter_client *client)
{
    const char *text = puter__proxy_text(client), *at;
    if (puter__is_empty(text))
        return PUTER_OK;
    if (puter__listed("http://*", text)) /* in any case */
        text += strlen("http://");
    at = strrchr(text, '@');
    if (strstr(text, "://") != NULL ||
        !puter__url_after_scheme(&client->proxy, at != NULL ? at + 1 : text))
        return puter__misuse(client,
                             "the proxy is not [http://][user:password@]host"
                             "[:port] (proxy, $HTTPS_PROXY, $ALL_PROXY)");
    if (at != NULL)
        puter__keep_user(client, text, (size_t)(at - text));
    puter__check_exposure(client, &client->proxy,
                          "what goes through the proxy ", client->proxy.host);
    return client->report.error.result;
}

static puter_result puter__check_options(puter_client *client)
{
    const puter_options *o = &client->options;
    const char *origin = o->api_origin;
    if (client->report.error.result != PUTER_OK)
        return client->report.error.result;
    if (origin == NULL)
        origin = "https://api.puter.com";
    if (!puter__url_read(&client->url, origin))
        return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                           "api_origin \"%.*s\" is not http(s)://host[:port]"
                           "[/path]", 200, /* which may hold a password */
                           strchr(origin, '@') == NULL ? origin : "...@...");
    if (!puter__is_graphic(puter__or_empty(o->token), "\"'"))
        return puter__misuse(client,
                             "the token holds a space, a quote, a line end or "
                             "the like; copy it anew");
    if ((o->origin_header != NULL &&
         !puter__is_field_text(o->origin_header, strlen(o->origin_header))) ||
        (o->user_agent != NULL &&
         !puter__is_field_text(o->user_agent, strlen(o->user_agent))))
        return puter__misuse(client,
                             "origin_header or user_agent holds a control "
                             "byte");
    if (puter__check_exposure(client, &client->url, "", origin) != PUTER_OK)
        return PUTER_ERR_ARGUMENT;
#ifdef PUTER_NO_TLS
    if (puter__uses_tls(client))
        return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                           "%s needs TLS, and this program was built with "
                           "PUTER_NO_TLS", origin);
#endif
    return puter__set_proxy(client);
}

static void puter__default(int *option, int normal)
{
    if (*option == 0)
        *option = normal;
}

static void puter__set_numbers(puter_options *o)
{
    puter__default(&o->connect_timeout_ms, 15000);
    puter__default(&o->idle_timeout_ms, 300000);
    puter__default(&o->total_timeout_ms, -1);
    puter__default(&o->max_retries, 8);
    if (o->max_reply_bytes == 0)
        o->max_reply_bytes = (int64_t)64 << 20;
}

static void puter__set_transport(puter_client *client)
{
    client->transport = client->options.transport;
    if (client->transport != NULL)
        return;
    client->transport = &client->own;
#ifdef PUTER_NO_SOCKETS
    puter__misuse(client,
                  "no transport is set, and this program was built with "
                  "PUTER_NO_SOCKETS");
#else
    client->socket.report = &client->report;
    client->socket.fd = -1;
    client->own = puter__sockets;
    client->own.ctx = &client->socket;
#endif
}

/* >> answer: what a reply says, in every shape that services write -------- */

static puter__answer *puter__answer_new(void)
{
    puter__answer *answer = (puter__answer *)PUTER_MALLOC(sizeof *answer);
    if (answer == NULL)
        return NULL;
    memset(answer, 0, sizeof *answer);
    answer->reply.role = "assistant";
    answer->reply.model = answer->reply.service = "";
    answer->reply.finish_reason = answer->reply.compaction = "";
    return answer;
}

static void puter__answer_free(puter__answer *answer)
{
    if (answer == NULL)
        return;
    while (answer->pieces != NULL) {
        puter__piece *piece = answer->pieces;
        answer->pieces = piece->next;
        PUTER_FREE(piece);
    }
    puter_writer_free(&answer->text.writer);
    puter_writer_free(&answer->reasoning.writer);
    puter_writer_free(&answer->body);
    puter_writer_free(&answer->calls);
    puter_writer_free(&answer->images);
    puter_writer_free(&answer->turns);
    PUTER_FREE(answer);
}

/* Decodes a string's text, which was read before and is not empty, behind what
 * the writer holds, where there is room for three bytes more than that; `*high`
 * is what waits for its other half. */
static void puter__decode(puter_writer *writer, const char *text,
                          size_t length, int *high)
{
    const char *end = text + length;
    puter__chars chars = PUTER__ZERO;
    chars.out = writer->text + writer->length;
    if (*high != 0) {
        int low = puter__low_surrogate(text, end);
        puter__chars_add(&chars, *high, low);
        text += low < 0 ? 0 : 6;
    }
    while (text < end) {
        const char *escape =
            (const char *)memchr(text, '\\', (size_t)(end - text));
        size_t run = (size_t)((escape != NULL ? escape : end) - text);
        memcpy(chars.out, text, run);
        chars.out += run;
        text += run;
        if (text < end)
            text += puter__chars_escape(&chars, text, end + 1);
    }
    *high = chars.high;
    writer->length = (size_t)(chars.out - writer->text);
}

/* Decodes any string's text, as far as its characters are whole. */
static inline void puter__append_decoded(puter_writer *writer,
                                         const char *text, size_t length,
                                         bool escaped, int *high)
{
    if (!puter__reserve(writer, length + 3))
        return;
    if (!escaped && *high == 0) {
        memcpy(writer->text + writer->length, text, length);
        writer->length += length;
    } else if (length > 0) {
        puter__decode(writer, text, length, high);
    }
    writer->text[writer->length] = '\0';
}

/* The same of a value, if it is a string. */
static void puter__append_value(puter_writer *writer, puter_value value,
                                int *high)
{
    const puter__node *node = puter__node_of(value);
    if (node != NULL && PUTER__TYPE(node) == PUTER_STRING)
        puter__append_decoded(writer, value.json->text + node->start,
                              node->length,
                              (node->info & PUTER__ESCAPED) != 0, high);
}

/* Writes a half character that nothing completes any more as U+FFFD. */
static void puter__settle(puter_writer *writer, int *high)
{
    if (*high != 0)
        puter__append(writer, PUTER__REPLACEMENT, 3);
    *high = 0;
}

/* Decodes a value that is a whole string; any other adds nothing. */
static void puter__append_text(puter_writer *writer, puter_value value)
{
    int high = 0;
    puter__append_value(writer, value, &high);
    puter__settle(writer, &high);
}

static void puter__channel_add(puter__channel *channel, puter_value value)
{
    puter__append_value(&channel->writer, value, &channel->high);
}

/* Room for a string of the reply's, as a writer that is large enough; false
 * where memory is short. */
static bool puter__piece_add(puter__answer *answer, size_t size,
                             puter_writer *room)
{
    puter__piece *piece = (puter__piece *)PUTER_MALLOC(sizeof *piece + size);
    if (piece == NULL) {
        answer->body.result = PUTER_ERR_NOMEM;
        return false;
    }
    piece->next = answer->pieces;
    answer->pieces = piece;
    room->text = (char *)(piece + 1);
    room->capacity = size;
    return true;
}

/* A string decoded, any other value as its JSON; of null nothing. */
static void puter__append_any(puter_writer *writer, puter_value value)
{
    size_t length;
    const char *json = puter__span(value, &length);
    if (puter__is(value, PUTER_STRING))
        puter__append_text(writer, value);
    else if (puter_json_type(value) > PUTER_NULL)
        puter__append(writer, json, length);
}

/* A text for who knows it by its NUL: others in it become the character that is
 * for this (SUB), or a name might pass for a shorter one. */
static const char *puter__without_nuls(puter_writer *writer)
{
    char *nul = writer->text;
    while ((nul += strlen(nul)) < writer->text + writer->length)
        *nul = '\x1A';
    return writer->text;
}

/* The same, copied for the reply; NULL where the value is missing or null. */
static const char *puter__keep_value(puter__answer *answer, puter_value value)
{
    puter_writer copy = PUTER__ZERO;
    size_t length;
    puter__span(value, &length);
    if (puter_json_type(value) <= PUTER_NULL ||
        !puter__piece_add(answer, length + 4, &copy))
        return NULL;
    puter__append_any(&copy, value);
    return puter__without_nuls(&copy);
}

/* The same of what is at a path, where it is a string. */
static void puter__keep_string(puter__answer *answer, const char **kept,
                               puter_value value, const char *path)
{
    value = puter_json_get(value, path);
    if (puter__is(value, PUTER_STRING))
        *kept = puter__or_empty(puter__keep_value(answer, value));
}

static void puter__keep_compaction(puter__answer *answer, puter_value value)
{
    const char *kept = puter__keep_value(answer, value);
    if (kept == NULL)
        return;
    answer->reply.compaction = kept;
    answer->compaction_due = true;
}

/* An id for a call that came without: its result must name it, and no other
 * call of the conversation may have it. */
static const char *puter__make_id(puter__answer *answer)
{
    puter_writer id = PUTER__ZERO;
    if (!puter__piece_add(answer, 64, &id))
        return "";
    puter__append_string(&id, "call_");
    puter__append_integer(&id, puter__now());
    puter__append_char(&id, '_');
    puter__append_integer(&id, (int64_t)(answer->turns.length +
                                         answer->calls.length));
    return id.text;
}

/* What is at the first of two paths where it is more than null. */
static puter_value puter__first_of(puter_value value, const char *a,
                                   const char *b)
{
    puter_value found = puter_json_get(value, a);
    return puter_json_type(found) > PUTER_NULL ? found
                                               : puter_json_get(value, b);
}

/* A call of a tool, which may name its function inside, and has one of two keys
 * for its input; one without a name cannot be answered and is skipped. */
static void puter__add_call(puter__answer *answer, puter_value value)
{
    puter_value function = puter__member(value, "function"), name;
    puter_tool_call call;
    if (!puter__is(function, PUTER_OBJECT))
        function = value;
    name = puter__member(function, "name");
    if (!puter__is(name, PUTER_STRING))
        return;
    call.id =
        puter__or_empty(puter__keep_value(answer, puter__member(value, "id")));
    if (call.id[0] == '\0')
        call.id = puter__make_id(answer);
    call.name = puter__or_empty(puter__keep_value(answer, name));
    call.arguments = puter__keep_value(
        answer, puter__first_of(function, "arguments", "input"));
    if (call.arguments == NULL || call.arguments[0] == '\0')
        call.arguments = "{}";
    if (answer->body.result == PUTER_OK) /* else some of it is missing */
        puter__append(&answer->calls, &call, sizeof call);
}

/* An image: a URL, or that in an object, or in an object in that. */
static void puter__add_image(puter__answer *answer, puter_value value)
{
    static const char *const keys[] = {"image_url", "url", "image"};
    puter_image image;
    size_t i = 0;
    while (puter__is(value, PUTER_OBJECT) && i < PUTER__COUNT(keys)) {
        puter_value inner = puter__member(value, keys[i++]);
        if (!puter__is(inner, PUTER_MISSING)) {
            value = inner;
            i = 0;
        }
    }
    if (!puter__is(value, PUTER_STRING))
        return;
    image.url = puter__keep_value(answer, value);
    if (image.url == NULL)
        return;
    image.length = strlen(image.url);
    puter__append(&answer->images, &image, sizeof image);
}

static bool puter__type_is(puter_value value, const char *type)
{
    return puter__text_is(puter__member(value, "type"), type);
}

/* What a block of content, or a line of a stream, is: they are alike. */
typedef enum puter__block {
    PUTER__BLOCK_TEXT,
    PUTER__BLOCK_REASONING,
    PUTER__BLOCK_CALL,
    PUTER__BLOCK_IMAGE,
    PUTER__BLOCK_COMPACTION,
    PUTER__BLOCK_USAGE,
    PUTER__BLOCK_ERROR,
    PUTER__BLOCK_UNKNOWN
} puter__block;

static puter__block puter__block_type(puter_value block)
{
    static const struct {
        const char *type;
        puter__block block;
    } types[] = {
        {"text", PUTER__BLOCK_TEXT},
        {"reasoning", PUTER__BLOCK_REASONING},
        {"thinking", PUTER__BLOCK_REASONING},
        {"tool_use", PUTER__BLOCK_CALL},
        {"image", PUTER__BLOCK_IMAGE},
        {"image_url", PUTER__BLOCK_IMAGE},
        {"compaction", PUTER__BLOCK_COMPACTION},
        {"usage", PUTER__BLOCK_USAGE},
        {"error", PUTER__BLOCK_ERROR},
    };
    puter_value type = puter__member(block, "type");
    size_t i;
    for (i = 0; i < PUTER__COUNT(types); i++)
        if (puter__text_is(type, types[i].type))
            return types[i].block;
    if (!puter__is(type, PUTER_MISSING))
        return PUTER__BLOCK_UNKNOWN;
    /* Services before 2025 wrote text without a type; a refusal has none. */
    if (puter__is(puter__member(block, "text"), PUTER_STRING))
        return PUTER__BLOCK_TEXT;
    return puter_json_type(puter__member(block, "error")) >= PUTER_STRING
               ? PUTER__BLOCK_ERROR
               : PUTER__BLOCK_UNKNOWN;
}

static void puter__read_block(puter__answer *answer, puter_value block,
                              puter__block type)
{
    switch (type) {
    case PUTER__BLOCK_TEXT:
        puter__channel_add(&answer->text, puter__member(block, "text"));
        break;
    case PUTER__BLOCK_REASONING:
        puter__channel_add(&answer->reasoning,
                           puter__first_of(block, "reasoning", "thinking"));
        break;
    case PUTER__BLOCK_CALL:
        puter__add_call(answer, block);
        break;
    case PUTER__BLOCK_IMAGE:
        puter__add_image(answer, block);
        break;
    case PUTER__BLOCK_COMPACTION:
        puter__keep_compaction(answer, block);
        break;
    default:
        break;
    }
}

static void puter__read_item(puter__answer *answer, puter_value item)
{
    if (puter__is(item, PUTER_STRING))
        puter__channel_add(&answer->text, item);
    else
        puter__read_block(answer, item, puter__block_type(item));
}

/* A text, a block, or an array of either. */
static void puter__read_content(puter__answer *answer, puter_value content)
{
    size_t i;
    if (!puter__is(content, PUTER_ARRAY)) {
        puter__read_item(answer, content);
        return;
    }
    for (i = 0; i < puter_json_count(content); i++)
        puter__read_item(answer, puter_json_at(content, i));
}

/* Kinds of tokens: their type in a list of 2025, their names as members, where
 * else they may stand, and where they are counted. */
static const struct puter__token_kind {
    const char *type;
    const char *name;
    const char *other;
    const char *inside; /* a path, where those give no number; "": none */
    size_t sum;
    size_t known;
} puter__token_kinds[] = {
    {"prompt", "prompt_tokens", "input_tokens", "",
     offsetof(puter_usage, prompt_tokens),
     offsetof(puter_usage, has_prompt_tokens)},
    {"completion", "completion_tokens", "output_tokens", "",
     offsetof(puter_usage, completion_tokens),
     offsetof(puter_usage, has_completion_tokens)},
    {"cached", "cached_tokens", "cache_read_input_tokens",
     "prompt_tokens_details.cached_tokens",
     offsetof(puter_usage, cached_tokens),
     offsetof(puter_usage, has_cached_tokens)},
};

static void puter__count_tokens(puter_usage *usage,
                                const struct puter__token_kind *kind,
                                puter_value value)
{
    int64_t *sum = (int64_t *)(void *)((char *)usage + kind->sum);
    bool *known = (bool *)(void *)((char *)usage + kind->known);
    int64_t more = puter_json_integer(value);
    if (!puter__is(value, PUTER_NUMBER) || more < 0)
        return;
    *sum = *sum > INT64_MAX - more ? INT64_MAX : *sum + more;
    *known = true;
}

static void puter__count_cents(puter_usage *usage, puter_value value,
                               double parts)
{
    if (!puter__is(value, PUTER_NUMBER))
        return;
    usage->usd_cents += puter_json_number(value) / parts;
    if (usage->usd_cents > DBL_MAX)
        usage->usd_cents = DBL_MAX;
    if (usage->usd_cents < -DBL_MAX)
        usage->usd_cents = -DBL_MAX;
    usage->has_usd_cents = true;
}

/* Usage as services of 2025 list it: [{"type":"prompt","amount":11,
 * "cost":165}, ...], where 1,000,000 of a cost are a cent. */
static void puter__read_usage_list(puter_usage *usage, puter_value list)
{
    size_t i, k;
    for (i = 0; i < puter_json_count(list); i++) {
        puter_value item = puter_json_at(list, i);
        for (k = 0; k < PUTER__COUNT(puter__token_kinds); k++)
            if (puter__type_is(item, puter__token_kinds[k].type))
                puter__count_tokens(usage, &puter__token_kinds[k],
                                    puter__member(item, "amount"));
        puter__count_cents(usage, puter__member(item, "cost"), 1e6);
    }
}

/* Adds to the usage: rounds of tools are summed. */
static void puter__read_usage(puter__answer *answer, puter_value value)
{
    puter_usage *usage = &answer->reply.usage;
    size_t k;
    if (puter_json_type(value) < PUTER_ARRAY)
        return;
    answer->usage_due = true;
    if (puter__is(value, PUTER_ARRAY)) {
        puter__read_usage_list(usage, value);
        return;
    }
    for (k = 0; k < PUTER__COUNT(puter__token_kinds); k++) {
        const struct puter__token_kind *kind = &puter__token_kinds[k];
        puter_value count = puter__first_of(value, kind->name, kind->other);
        if (!puter__is(count, PUTER_NUMBER))
            count = puter_json_get(value, kind->inside);
        puter__count_tokens(usage, kind, count);
    }
    puter__count_cents(usage, puter__member(value, "usd_cents"), 1);
}

static void puter__read_message(puter__answer *answer, puter_value message)
{
    puter_value list = puter__member(message, "tool_calls");
    size_t i, calls = puter_json_count(list);
    puter__channel_add(&answer->reasoning,
                       puter__first_of(message, "reasoning",
                                       "reasoning_content"));
    puter__read_content(answer, puter__member(message, "content"));
    if (answer->calls.length > 0)
        calls = 0; /* the same ones, which are to be run once */
    for (i = 0; i < calls; i++)
        puter__add_call(answer, puter_json_at(list, i));
    list = puter__member(message, "images");
    for (i = 0; i < puter_json_count(list); i++)
        puter__add_image(answer, puter_json_at(list, i));
    puter__keep_string(answer, &answer->reply.role, message, "role");
    puter__keep_string(answer, &answer->reply.model, message, "model");
}

/* A reply that came whole: {"success":true,"result":{"message":...},...}.
 * False where it has no message in any known place. */
static bool puter__read_answer(puter__answer *answer, puter_value root)
{
    puter_value result = puter__member(root, "result");
    puter_value message = puter__member(result, "message");
    puter_reply *reply = &answer->reply;
    puter__keep_string(answer, &reply->model, root, "metadata.providerUsed");
    if (puter__is(result, PUTER_STRING))
        puter__channel_add(&answer->text, result);
    else if (puter__is(message, PUTER_STRING))
        puter__channel_add(&answer->text, message);
    else if (puter__is(message, PUTER_OBJECT))
        puter__read_message(answer, message);
    else
        return false;
    puter__read_usage(answer,
                      puter__first_of(result, "usage", "message.usage"));
    puter__keep_compaction(
        answer, puter__first_of(result, "compaction", "message.compaction"));
    puter__keep_string(answer, &reply->finish_reason, result, "finish_reason");
    puter__keep_string(answer, &reply->service, root, "service.name");
    puter__keep_string(answer, &reply->service, root, "metadata.service_used");
    reply->blocked = puter__text_is(
        puter_json_get(root, "metadata.service_used"), "fake-chat");
    reply->usage_limited =
        puter_json_bool(puter_json_get(root, "metadata.usage_limited"));
    return true;
}

/* >> refusals: what a service's error means, and what to do --------------- */

/* By the code, since a status can be another's (a vendor's 500 comes as 400);
 * by the status where there is no code that is known. The last row is for all
 * else. */
static const struct puter__refusal {
    puter_result result;
    int status; /* or its first digit */
    const char *codes;
    const char *advice;
} puter__refusals[] = {
    {PUTER_ERR_AUTH, 401,
     "token_missing token_auth_failed token_expired reauth_required",
     "sign in to Puter again for a new token"},
    {PUTER_ERR_FUNDS, 402,
     "insufficient_funds subscription_required usage_limited",
     "add credit or choose a cheaper model"},
    {PUTER_ERR_REFUSED, 403,
     "forbidden permission_denied email_must_be_confirmed "
     "account_is_not_verified moderation_flagged",
     "confirm the account, or change the prompt"},
    {PUTER_ERR_NOT_FOUND, 404, "not_found no_implementation_available",
     "check the model, driver, route or path, and api_origin"},
    {PUTER_ERR_RATE, 429,
     "too_many_requests rate_limit_exceeded upstream_rate_limited",
     "wait a little and try again"},
    {PUTER_ERR_REQUEST, 4, "bad_request client_bad_json upstream_bad_request",
     "change the request"},
    {PUTER_ERR_SERVICE, 5,
     "upstream_provider_unavailable upstream_failed upstream_auth_failed "
     "db_unavailable internal_error",
     "try again later or choose another model"},
};

static const struct puter__refusal *puter__classify(const char *code,
                                                    int status)
{
    size_t i, last = PUTER__COUNT(puter__refusals) - 1;
    for (i = 0; i <= last; i++)
        if (puter__listed(puter__refusals[i].codes, code))
            return &puter__refusals[i];
    for (i = 0; i < last; i++)
        if (puter__refusals[i].status == status ||
            puter__refusals[i].status == status / 100)
            break;
    return &puter__refusals[i];
}

/* A string of the reply, decoded for a moment; "" for another value, NULL
 * where memory is short. */
static const char *puter__words(puter_client *client, puter_value value)
{
    puter__rewind(&client->scratch);
    puter__append(&client->scratch, "", 0);
    puter__append_text(&client->scratch, value);
    return client->scratch.result == PUTER_OK
               ? puter__without_nuls(&client->scratch)
               : NULL;
}

/* The service's code, where it looks like one: a word that may be printed
 * and is not the token; else "". False where memory is short. */
static bool puter__take_code(puter_client *client, puter_value value,
                             char out[48])
{
    const char *code = puter__words(client, value);
    size_t length = code != NULL ? strlen(code) : 0, i;
    bool told = length < 48 && puter__is_token(code, length);
    for (i = 0; i < length; i++)
        told &= puter__secret_at(&client->report, code + i, length - i) == 0;
    memset(out, 0, 48); /* of the stack's, nothing gets into an error */
    if (told)
        memcpy(out, code, length);
    return code != NULL;
}

static bool puter__says_no(puter_value root)
{
    puter_value success = puter__member(root, "success");
    return puter__is(success, PUTER_BOOL) && !puter_json_bool(success);
}

/* Services of 2025 refuse the driver of those of 2026 with a text alone. */
static bool puter__refuses_unified(puter_value root)
{
    size_t length;
    return puter__says_no(root) &&
           puter__starts(puter__span(puter__member(root, "error"), &length),
                         "Calling ai-chat directly");
}

/* The status of a refusal: a 200 may carry another, which may be any number. */
static int puter__refusal_status(const puter_client *client, puter_value object)
{
    int status = client->report.error.http_status;
    if (status >= 400)
        return status;
    return (int)(puter_json_integer(puter__member(object, "status")) & 0x3FF);
}

/* A failure that the service put in words: {"message","code"} or {"error":
 * ...}, a text or an object of the same. */
static puter_result puter__fail_refusal(puter_client *client)
{
    puter_error *error = &client->report.error;
    puter_value root = puter_json_root(&client->json);
    puter_value inner = puter__member(root, "error");
    puter_value object = puter__is(inner, PUTER_OBJECT) ? inner : root;
    puter_value words = puter__member(object, "message");
    int status = puter__refusal_status(client, object);
    int seconds = client->http.retry_after_ms / 1000;
    char code[sizeof error->code], room[24];
    const struct puter__refusal *refusal;
    size_t length;
    const char *said = puter__span(root, &length); /* where it has no words */
    if (!puter__is(words, PUTER_STRING))
        words = inner;
    if (!puter__take_code(client, puter__member(object, "code"), code) ||
        puter__words(client, words) == NULL)
        return puter__fail_client_memory(client);
    if (client->scratch.length > 0) {
        said = client->scratch.text;
        length = client->scratch.length;
    }
    refusal = puter__classify(puter__refuses_unified(root) ? "not_found" : code,
                              status);
    puter__fail(&client->report, refusal->result,
                "the service says: %.*s (HTTP %d%s%s); %s%s%s%s",
                length < 300 ? (int)length : 300, said, error->http_status,
                code[0] != '\0' ? ", " : "", code, refusal->advice,
                seconds > 0 ? "; it asks to wait " : "",
                seconds > 0 ? puter__integer_text(seconds, room) : "",
                seconds > 0 ? " s" : "");
    memcpy(error->code, code, sizeof code);
    error->retry_after_ms = client->http.retry_after_ms;
    return refusal->result;
}

/* A failure in no such words: an empty reply, a proxy's page. */
static puter_result puter__fail_reply(puter_client *client, const char *wrong)
{
    const puter_writer *body = &client->answer->body;
    const puter__http *http = &client->http;
    const struct puter__refusal *refusal = puter__classify("", http->status);
    bool shown = body->length > 0;
    puter_result result = http->status < 400 ? PUTER_ERR_PROTOCOL
                                             : refusal->result;
    puter__fail(&client->report, result,
                "%s answered HTTP %d with %s: %s%.*s%s; %s",
                client->url.host, http->status,
                http->content_type[0] != '\0' ? http->content_type
                                              : "no content type",
                shown ? "\"" : "an empty body", 100,
                shown ? body->text : "", shown ? "\"" : "",
                wrong != NULL ? wrong
                : http->status == 403
                    ? "the service may want another origin_header"
                    : refusal->advice);
    client->report.error.retry_after_ms = http->retry_after_ms;
    return result;
}

static puter_result puter__fail_redirect(puter_client *client)
{
    return puter__fail(&client->report, PUTER_ERR_PROTOCOL,
                       "%s answered HTTP %d: it points to \"%.*s\", where no "
                       "token is sent; set api_origin to scheme and host of "
                       "that if you trust it", client->url.host,
                       client->http.status, 150, client->http.location);
}

/* "No such driver", in each of the three ways that services say it, and
 * nothing else: then no model has run, and another driver may be tried. */
static bool puter__lacks_driver(const puter_client *client)
{
    const char *code = client->report.error.code;
    puter_value root = puter_json_root(&client->json);
    puter_value error = puter__member(root, "error");
    puter_value words = puter__member(root, "message");
    size_t length;
    if (!puter__is_chat(client))
        return false;
    if (strcmp(code, "no_implementation_available") == 0 ||
        puter__refuses_unified(root))
        return true;
    if (!puter__is(words, PUTER_STRING))
        words = error;
    return client->http.status == 404 && strcmp(code, "not_found") == 0 &&
           puter__starts(puter__span(words, &length), "Driver not found:");
}

/* >> request: what is sent ------------------------------------------------ */

#define PUTER__REQUEST_MAX ((size_t)50 * 1024 * 1024) /* the service's limit */

/* The type of an image by its first bytes, where '?' is any; NULL: none that
 * models take. */
static const char *puter__image_type(const void *data, size_t size)
{
    static const char *const types[][2] = {
        {"\x89PNG\r\n\x1A\n", "image/png"}, {"\xFF\xD8\xFF", "image/jpeg"},
        {"GIF87a", "image/gif"},             {"GIF89a", "image/gif"},
        {"RIFF????WEBP", "image/webp"},
    };
    const char *p = (const char *)data, *first;
    size_t i, at;
    for (i = 0; i < PUTER__COUNT(types); i++) {
        first = types[i][0];
        for (at = 0; at < size && first[at] != '\0'; at++)
            if (first[at] != '?' && first[at] != p[at])
                break;
        if (first[at] == '\0')
            return types[i][1];
    }
    return NULL;
}

/* -- checks before anything is sent -- */

/* Reads a caller's JSON; NULL is fine and has no member. */
static puter_result puter__check_json(puter_client *client, const char *what,
                                      const char *text, bool object)
{
    puter__reading reading;
    puter_result result;
    client->json.count = 0;
    if (text == NULL)
        return PUTER_OK;
    result = puter__read_document(client, text, strlen(text), &reading);
    if (result == PUTER_ERR_NOMEM)
        return result;
    if (result != PUTER_OK)
        return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                           "%s: not JSON: byte %d: %s", what, reading.offset,
                           reading.wrong);
    if (object && !puter__is(puter_json_root(&client->json), PUTER_OBJECT))
        return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                           "%s: not a JSON object", what);
    return PUTER_OK;
}

static puter_result puter__fail_request(puter_client *client,
                                        puter_result result)
{
    if (result != PUTER_ERR_LIMIT)
        return puter__fail_client_memory(client);
    return puter__fail(&client->report, result,
                       "the request is larger than the 50 MiB that the service "
                       "takes; send less");
}

/* Whether it is an image by its bytes, not by its text. */
static bool puter__has_bytes(const puter_part *part)
{
    return part->type == PUTER_PART_IMAGE && part->data != NULL;
}

/* What is wrong with a part, whatever JSON it may be; NULL: nothing. */
static const char *puter__part_wrong(const puter_part *part)
{
    if (!puter__has_bytes(part))
        return !puter__is_empty(part->text)
                   ? NULL
                   : "a message part without text (data is read of "
                     "PUTER_PART_IMAGE alone)";
    return part->mime_type != NULL ||
                   puter__image_type(part->data, part->size) != NULL
               ? NULL
               : "an image that is not PNG, JPEG, GIF or WebP; set mime_type "
                 "if it is another";
}

static puter_result puter__check_part(puter_client *client,
                                      const puter_part *part)
{
    const char *wrong = puter__part_wrong(part);
    if (wrong != NULL)
        return puter__misuse(client, wrong);
    return part->type != PUTER_PART_JSON
               ? PUTER_OK
               : puter__check_json(client, "a part", part->text, false);
}

/* How long a message's content is. */
static size_t puter__content_length(const puter_message *message)
{
    if (message->content == NULL)
        return 0;
    return message->content_length > 0 ? message->content_length
                                       : strlen(message->content);
}

static bool puter__says_nothing(const puter_message *message)
{
    return puter__content_length(message) == 0 && message->part_count == 0 &&
           message->tool_call_count == 0;
}

static puter_result puter__check_message(puter_client *client,
                                         const puter_message *message,
                                         size_t index)
{
    puter_result result = PUTER_OK;
    size_t i;
    if (message->json != NULL)
        return puter__check_json(client, "a message's json", message->json,
                                 true);
    if (puter__says_nothing(message))
        return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                           "message %d is empty; the service refuses that",
                           (int)index);
    if (puter__same(message->role, "tool") &&
        puter__is_empty(message->tool_call_id))
        return puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                           "message %d is a tool's without tool_call_id",
                           (int)index);
    for (i = 0; i < message->part_count && result == PUTER_OK; i++)
        result = puter__check_part(client, &message->parts[i]);
    for (i = 0; i < message->tool_call_count && result == PUTER_OK; i++)
        result = puter__check_json(client, "a tool call's arguments",
                                   message->tool_calls[i].arguments, true);
    return result;
}

static puter_result puter__check_tool(puter_client *client,
                                      const puter_tool *tool)
{
    if (tool->json != NULL)
        return puter__check_json(client, "a tool's json", tool->json, true);
    if (puter__is_empty(tool->name))
        return puter__misuse(client, "a tool without a name");
    return puter__check_json(client, "a tool's parameters", tool->parameters,
                             true);
}

/* Reads extra_args into client->json. */
static puter_result puter__check_extra(puter_client *client)
{
    const puter_request *request = client->request;
    puter_result result = puter__check_json(
        client, "extra_args", request->extra_args, true);
    size_t i = request->tool_count;
    if (result != PUTER_OK || request->max_tool_rounds < 0 ||
        puter__is(puter__member(puter_json_root(&client->json), "messages"),
                  PUTER_MISSING))
        return result;
    while (i > 0)
        if (request->tools[--i].call != NULL)
            return puter__misuse(client,
                                 "extra_args has messages, and so no place "
                                 "for what tools give; set no tool's call");
    return PUTER_OK;
}

/* Finds what the service would refuse, before anything is sent. */
static puter_result puter__check_request(puter_client *client,
                                         const puter_request *request)
{
    puter_result result = PUTER_OK;
    size_t i;
    if (request == NULL ||
        (request->prompt != NULL ? request->prompt[0] == '\0'
                                 : request->message_count == 0))
        return puter__misuse(client,
                             "nothing to ask: no messages, or an empty prompt");
    if (request->has_temperature && !puter__is_finite(request->temperature))
        return puter__misuse(client, "the temperature is no number");
    for (i = 0; i < request->message_count && result == PUTER_OK; i++)
        result = puter__check_message(client, &request->messages[i], i);
    for (i = 0; i < request->tool_count && result == PUTER_OK; i++)
        result = puter__check_tool(client, &request->tools[i]);
    return result;
}

/* -- messages -- */

/* Bytes as a data: URL, straight into the request: there is no second copy. */
static void puter__write_data_url(puter_writer *out, const void *data,
                                  size_t size, const char *mime_type)
{
    if (size > PUTER__REQUEST_MAX / 4 * 3)
        out->result = PUTER_ERR_LIMIT;
    puter__append_string(out, "\"data:");
    puter__append_escaped(out, mime_type, strlen(mime_type));
    puter__append_string(out, ";base64,");
    puter__append_base64(out, data, size);
    puter__append_char(out, '"');
    out->comma = true;
}

/* A document as a value: what may stand before a document, a byte order mark,
 * may not stand inside of one. */
static void puter__write_document(puter_writer *out, const char *text)
{
    if (puter__starts(text, PUTER__BOM))
        text += strlen(PUTER__BOM);
    puter_write_raw(out, text, strlen(text));
}

/* Begins an object that says first what it is. */
static void puter__write_begin_typed(puter_writer *out, const char *type)
{
    puter_write_begin_object(out);
    puter__write_member(out, "type", type);
}

static void puter__write_text_block(puter_writer *out, const char *text,
                                    size_t length)
{
    puter__write_begin_typed(out, "text");
    puter__write_text(out, "text", text, length);
    puter_write_end_object(out);
}

static void puter__write_url(puter_writer *out, const char *type,
                             const puter_part *part)
{
    puter__write_begin_typed(out, type);
    puter_write_key(out, type);
    puter_write_begin_object(out);
    puter_write_key(out, "url");
    if (!puter__has_bytes(part))
        puter_write_string(out, part->text);
    else
        puter__write_data_url(out, part->data, part->size,
                              part->mime_type != NULL
                                  ? part->mime_type
                                  : puter__image_type(part->data,
                                                      part->size));
    puter_write_end_object(out);
    puter_write_end_object(out);
}

static void puter__write_part(puter_writer *out, const puter_part *part)
{
    switch (part->type) {
    case PUTER_PART_IMAGE:
        puter__write_url(out, "image_url", part);
        break;
    case PUTER_PART_VIDEO:
        puter__write_url(out, "video_url", part);
        break;
    case PUTER_PART_FILE:
        puter__write_begin_typed(out, "file");
        puter__write_member(out, "puter_path", part->text);
        puter_write_end_object(out);
        break;
    case PUTER_PART_JSON:
        puter__write_document(out, part->text);
        break;
    default:
        puter__write_text_block(out, part->text, strlen(part->text));
    }
}

/* Arguments as an object. A model may write what is none; then the text goes
 * back as {"invalid":...}, since a service would refuse anything else. */
static void puter__write_input(puter_writer *out, const char *arguments)
{
    puter_result result;
    puter_json json;
    if (puter__is_empty(arguments))
        arguments = "{}";
    result = puter__parse(&json, arguments);
    if (puter__is(puter_json_root(&json), PUTER_OBJECT)) {
        puter__write_document(out, arguments);
    } else if (result == PUTER_ERR_NOMEM) {
        out->result = result;
    } else {
        puter_write_begin_object(out);
        puter__write_member(out, "invalid", arguments);
        puter_write_end_object(out);
    }
    PUTER_FREE(json.nodes);
}

/* A call as the block whose input is an object: the other spelling, arguments
 * as a string, reaches some vendors encoded twice. */
static void puter__write_call(puter_writer *out, const puter_tool_call *call)
{
    puter__write_begin_typed(out, "tool_use");
    puter__write_member(out, "id", call->id);
    puter__write_member(out, "name", call->name);
    puter_write_key(out, "input");
    puter__write_input(out, call->arguments);
    puter_write_end_object(out);
}

static void puter__write_message(puter_writer *out,
                                 const puter_message *message)
{
    size_t i, length = puter__content_length(message);
    if (message->json != NULL) {
        puter__write_document(out, message->json);
        return;
    }
    puter_write_begin_object(out);
    puter__write_member(out, "role",
                        message->role != NULL ? message->role : "user");
    puter__write_member(out, "tool_call_id", message->tool_call_id);
    if (message->part_count == 0 && message->tool_call_count == 0) {
        puter__write_text(out, "content", message->content, length);
    } else {
        puter_write_key(out, "content");
        puter_write_begin_array(out);
        if (length > 0)
            puter__write_text_block(out, message->content, length);
        for (i = 0; i < message->part_count; i++)
            puter__write_part(out, &message->parts[i]);
        for (i = 0; i < message->tool_call_count; i++)
            puter__write_call(out, &message->tool_calls[i]);
        puter_write_end_array(out);
    }
    if (message->cache) {
        puter_write_key(out, "cache_control");
        puter__write_begin_typed(out, "ephemeral");
        puter_write_end_object(out);
    }
    puter_write_end_object(out);
}

static void puter__write_turn(puter_writer *out, const char *role,
                              const char *content)
{
    puter_message message = PUTER__ZERO;
    message.role = role;
    message.content = content;
    puter__write_message(out, &message);
}

static void puter__write_messages(puter_writer *out,
                                  const puter_client *client)
{
    const puter_request *request = client->request;
    size_t i;
    puter_write_begin_array(out);
    if (!puter__is_empty(request->system))
        puter__write_turn(out, "system", request->system);
    for (i = 0; i < request->message_count; i++)
        puter__write_message(out, &request->messages[i]);
    if (request->prompt != NULL)
        puter__write_turn(out, "user", request->prompt);
    if (client->answer->turns.length > 0) /* without their opening bracket */
        puter_write_raw(out, client->answer->turns.text + 1,
                        client->answer->turns.length - 1);
    puter_write_end_array(out);
}

static void puter__write_tool(puter_writer *out, const puter_tool *tool)
{
    if (tool->json != NULL) {
        puter__write_document(out, tool->json);
        return;
    }
    puter__write_begin_typed(out, "function");
    puter_write_key(out, "function");
    puter_write_begin_object(out);
    puter__write_member(out, "name", tool->name);
    puter__write_member(out, "description", tool->description);
    if (tool->parameters != NULL) {
        puter_write_key(out, "parameters");
        puter__write_document(out, tool->parameters);
    }
    puter_write_end_object(out);
    puter_write_end_object(out);
}

/* -- the body -- */

/* Ends args by the members that the caller gave, between their braces. */
static void puter__write_given(puter_client *client)
{
    size_t length;
    puter_value given = puter_json_root(&client->json);
    const char *text = puter__span(given, &length);
    if (puter_json_count(given) > 0)
        puter_write_raw(&client->out, text + 1, length - 2);
    puter_write_end_object(&client->out);
}

/* Begins a member of args, unless the caller gave one of that name. */
static bool puter__arg(puter_client *client, const char *key)
{
    if (!puter__is(puter__member(puter_json_root(&client->json), key),
                   PUTER_MISSING))
        return false;
    puter_write_key(&client->out, key);
    return true;
}

static void puter__arg_string(puter_client *client, const char *key,
                              const char *value)
{
    if (!puter__is_empty(value) && puter__arg(client, key))
        puter_write_string(&client->out, value);
}

/* The vendor that the caller pinned; "ai-chat" is a driver, never one. */
static const char *puter__pinned(const puter_request *request)
{
    const char *const pins[] = {request->provider, request->driver};
    size_t i;
    for (i = 0; i < PUTER__COUNT(pins); i++)
        if (!puter__is_empty(pins[i]) && !puter__same(pins[i], "ai-chat"))
            return pins[i];
    return NULL;
}

/* The model as the caller wrote it, or, on the driver's route, in full. */
static void puter__arg_model(puter_client *client)
{
    const char *name = client->request->model, *pinned, *driver;
    puter_writer *out = &client->out;
    size_t i;
    if (puter__is_empty(name) || !puter__arg(client, "model"))
        return;
    puter_write_raw(out, "\"", 1);
    if (client->route != PUTER_ROUTE_UNIFIED) {
        pinned = puter__pinned(client->request);
        driver = puter__driver_find(&name);
        for (i = 0; i < PUTER__COUNT(puter__short_names); i++)
            if (puter__listed(puter__short_names[i].name, name))
                name = puter__short_names[i].model;
        if (pinned != NULL && !puter__same(pinned, driver)) {
            driver = pinned;
            name = client->request->model; /* as that one may call it */
        }
        if (puter__same(driver, "openrouter") &&
            !puter__listed("openrouter:*", name))
            puter__append_string(out, "openrouter:");
    }
    puter__append_escaped(out, name, strlen(name));
    puter__append_char(out, '"');
}

static void puter__write_args(puter_client *client)
{
    const puter_request *request = client->request;
    puter_writer *out = &client->out;
    size_t i;
    puter_write_begin_object(out);
    if (puter__arg(client, "messages"))
        puter__write_messages(out, client);
    puter__arg_model(client);
    if (client->route == PUTER_ROUTE_UNIFIED)
        puter__arg_string(client, "provider", puter__pinned(request));
    if (request->has_temperature && puter__arg(client, "temperature"))
        puter_write_number(out, request->temperature);
    if (request->max_tokens > 0 && puter__arg(client, "max_tokens"))
        puter_write_integer(out, request->max_tokens);
    puter__arg_string(client, "reasoning_effort", request->reasoning_effort);
    puter__arg_string(client, "verbosity", request->verbosity);
    if (request->tool_count > 0 && puter__arg(client, "tools")) {
        puter_write_begin_array(out);
        for (i = 0; i < request->tool_count; i++)
            puter__write_tool(out, &request->tools[i]);
        puter_write_end_array(out);
    }
    if (client->kind == PUTER__KIND_STREAM && puter__arg(client, "stream"))
        puter_write_bool(out, true);
    puter__write_given(client);
}

/* A question as the call that it is, but for its args. */
static void puter__chat_call(const puter_client *client,
                             puter_call_request *call)
{
    const puter_request *request = client->request;
    call->interface = "puter-chat-completion";
    call->method = "complete";
    call->test_mode = request->test_mode;
    call->driver = puter__pinned(request);
    if (client->route == PUTER_ROUTE_UNIFIED)
        call->driver = "ai-chat";
    else if (call->driver == NULL)
        call->driver = puter_driver_for_model(request->model);
}

/* {"interface":...,"driver":...,"method":...,"args":{...}} */
static void puter__write_body(puter_client *client)
{
    puter_writer *out = &client->out;
    puter_call_request call = PUTER__ZERO;
    if (puter__is_chat(client))
        puter__chat_call(client, &call);
    else
        call = *client->call;
    puter_write_begin_object(out);
    puter__write_member(out, "interface", call.interface);
    puter__write_member(out, "driver", call.driver);
    puter__write_member(out, "method", call.method);
    if (call.test_mode) {
        puter_write_key(out, "test_mode");
        puter_write_bool(out, true);
    }
    puter_write_key(out, "args");
    if (puter__is_chat(client)) {
        puter__write_args(client);
    } else {
        puter_write_begin_object(out);
        if (call.test_mode && puter__arg(client, "test_mode"))
            puter_write_bool(out, true); /* where those of 2026 look for it */
        puter__write_given(client);
    }
    puter_write_end_object(out);
}

/* -- the head -- */

/* The site whose API this is: Origin is what a page of it would send, and
 * services of 2025 demand it. The API's host without "api.". */
static void puter__append_origin(puter_writer *out, const puter_client *client)
{
    if (!puter__is_empty(client->options.origin_header)) {
        puter__append_string(out, client->options.origin_header);
        return;
    }
    puter__append_string(out, client->url.secure ? "https://" : "http://");
    puter__append_authority(out, &client->url,
                            puter__starts(client->url.host, "api.") ? 4 : 0,
                            false);
}

static void puter__append_head(puter_writer *out, const puter_client *client,
                               size_t body_length)
{
    const puter_options *options = &client->options;
    bool get = client->kind == PUTER__KIND_GET;
    puter__append_string(out, get ? "GET " : "POST ");
    puter__append_string(out, client->url.path);
    puter__append_string(out, get ? client->path : "/drivers/call");
    puter__append_string(out, " HTTP/1.1\r\nHost: ");
    puter__append_authority(out, &client->url, 0, false);
    puter__append_string(out, "\r\nOrigin: ");
    puter__append_origin(out, client);
    puter__append_string(out, "\r\nUser-Agent: ");
    puter__append_string(out, !puter__is_empty(options->user_agent)
                                  ? options->user_agent
                                  : "puter.h/" PUTER__VERSION);
    if (!puter__is_empty(options->token)) {
        puter__append_string(out, "\r\nAuthorization: Bearer ");
        puter__append_string(out, options->token);
    }
    if (!get) {
        puter__append_string(out, "\r\nContent-Type: application/json"
                                  "\r\nContent-Length: ");
        puter__append_integer(out, (int64_t)body_length);
    }
    puter__append_string(out, "\r\n\r\n");
}

/* Empties the buffer that held the token before it can be moved or freed. */
static void puter__wipe_request(puter_client *client)
{
    puter__wipe(client->out.text, client->out.capacity);
    puter__rewind(&client->out);
    client->out_start = 0;
}

/* More than the head can need: its fixed words are under 256 bytes, and no part
 * stands in it more than twice (the host, for Host and Origin). */
static size_t puter__head_room(const puter_client *client)
{
    const char *part[6];
    size_t room = 256, i;
    part[0] = client->url.path;
    part[1] = client->path;
    part[2] = client->url.host;
    part[3] = client->options.origin_header;
    part[4] = client->options.user_agent;
    part[5] = client->options.token;
    for (i = 0; i < PUTER__COUNT(part); i++)
        room += 2 * (part[i] != NULL ? strlen(part[i]) : 0);
    return room;
}

/* Writes the whole request into one buffer, to be sent in one piece: first
 * the body, behind room enough for the head, then, when its length is known,
 * the head in front of it. So the token is never in memory that moves. */
static puter_result puter__encode(puter_client *client)
{
    puter_writer *out = &client->out, head = PUTER__ZERO;
    size_t room = puter__head_room(client);
    puter_result result = PUTER_OK;
    puter__wipe_request(client);
    if (puter__is_chat(client))
        result = puter__check_extra(client);
    else if (client->call != NULL)
        result = puter__check_json(client, "args", client->call->args, true);
    if (result != PUTER_OK)
        return result;
    if (puter__reserve(out, room)) {
        out->length = room;
        if (client->kind != PUTER__KIND_GET)
            puter__write_body(client);
    }
    if (out->length > room + PUTER__REQUEST_MAX)
        out->result = PUTER_ERR_LIMIT;
    if (out->result != PUTER_OK)
        return puter__fail_request(client, out->result);
    head.text = out->text;
    head.capacity = room;
    puter__append_head(&head, client, out->length - room);
    PUTER_ASSERT(head.text == out->text && head.length < room);
    client->out_start = room - head.length;
    memmove(out->text + client->out_start, out->text, head.length);
    return PUTER_OK;
}

/* >> history: a conversation, each turn as the JSON it is sent as --------- */

/* Frees what a message holds, whose place is then to be taken or given up. */
static void puter__history_drop(puter_history *history,
                                const puter_message *message)
{
    history->bytes -= strlen(message->json);
    PUTER_FREE((char *)message->json);
}

/* Drops the messages from one on. */
static void puter__history_cut(puter_history *history, size_t from)
{
    while (history->message_count > from)
        puter__history_drop(history,
                            &history->messages[--history->message_count]);
}

PUTER_API void puter_history_free(puter_history *history)
{
    if (history == NULL)
        return;
    puter__history_cut(history, 0);
    PUTER_FREE(history->messages);
    memset(history, 0, sizeof *history);
}

/* The role as a history keeps it; NULL where there is no such. */
static const char *puter__role(puter_value role)
{
    static const char *const roles[] = {"user", "assistant", "system", "tool"};
    size_t i;
    for (i = 0; i < PUTER__COUNT(roles); i++)
        if (puter__text_is(role, roles[i]))
            return roles[i];
    return NULL;
}

/* Whether content is such as services take: text, or blocks of which each
 * call of a tool has an id and an object for input. */
static bool puter__is_content(puter_value content)
{
    size_t i, length;
    puter__span(content, &length);
    if (puter__is(content, PUTER_STRING))
        return length > 0;
    for (i = 0; i < puter_json_count(content); i++) {
        puter_value block = puter_json_at(content, i);
        if (puter__type_is(block, "tool_use") &&
            (!puter__is(puter__member(block, "id"), PUTER_STRING) ||
             !puter__is(puter__member(block, "input"), PUTER_OBJECT)))
            return false;
    }
    return puter__is(content, PUTER_ARRAY) && i > 0;
}

/* Whether a message can be loaded from the array that a history is saved as:
 * its parts are JSON by themselves, but may stand too deep there. */
static puter_result puter__check_saved(const puter_writer *text)
{
    puter_writer saved = PUTER__ZERO;
    puter_result result;
    puter_json json;
    puter_write_begin_array(&saved);
    puter_write_raw(&saved, text->text, text->length);
    puter_write_end_array(&saved);
    result = saved.result;
    if (result == PUTER_OK) {
        result = puter__parse(&json, saved.text);
        if (result == PUTER_OK && !puter__is_content(puter_json_get(
                                      puter_json_root(&json), "[0].content")))
            result = PUTER_ERR_ARGUMENT;
        PUTER_FREE(json.nodes);
    }
    puter_writer_free(&saved);
    return result;
}

static puter_result puter__history_grow(puter_history *history)
{
    size_t capacity = history->capacity * 2 + 8;
    puter_message *messages = (puter_message *)PUTER_REALLOC(
        history->messages, capacity * sizeof *messages);
    if (messages == NULL)
        return PUTER_ERR_NOMEM;
    history->messages = messages;
    history->capacity = capacity;
    return PUTER_OK;
}

/* Adds a message by its text, which it takes over, after a failure as well. */
static puter_result puter__history_take(puter_history *history,
                                        const char *role, puter_writer *text)
{
    puter_message *message;
    puter_result result = text->result;
    if (result == PUTER_OK && history->message_count == history->capacity)
        result = puter__history_grow(history);
    if (result != PUTER_OK) {
        puter_writer_free(text);
        return result;
    }
    message = history->messages + history->message_count++;
    memset(message, 0, sizeof *message);
    message->role = role;
    message->json = text->text;
    history->bytes += text->length;
    return PUTER_OK;
}

static puter_result puter__history_message(puter_history *history,
                                           const puter_message *message)
{
    puter_writer text = PUTER__ZERO;
    puter__write_message(&text, message);
    if (text.result == PUTER_OK &&
        (message->part_count > 0 || message->tool_call_count > 0))
        text.result = puter__check_saved(&text);
    return puter__history_take(history, message->role, &text);
}

static puter_result puter__history_result(puter_history *history,
                                          const char *id, const char *result)
{
    puter_message message = PUTER__ZERO;
    message.role = "tool";
    message.tool_call_id = id;
    message.content = puter__is_empty(result) ? "(no output)" : result;
    return puter__history_message(history, &message);
}

/* -- calls of tools that wait for a result: without one for each, the next turn
 * would be refused -- */

typedef struct puter__pending {
    puter_writer ids; /* in the calls' order, each with its NUL */
    size_t from;      /* those before have their results */
} puter__pending;

/* Has the calls of a turn's content wait, and no others. An id ends at its
 * first NUL, as it does in what answers the call. */
static void puter__pending_calls(puter__pending *pending, puter_value content)
{
    size_t i, start;
    puter__rewind(&pending->ids);
    pending->from = 0;
    for (i = 0; i < puter_json_count(content); i++) {
        puter_value block = puter_json_at(content, i);
        if (!puter__type_is(block, "tool_use"))
            continue;
        start = pending->ids.length;
        puter__append_text(&pending->ids, puter__member(block, "id"));
        puter__append_char(&pending->ids, '\0');
        if (pending->ids.result == PUTER_OK)
            pending->ids.length = start + strlen(pending->ids.text + start) + 1;
    }
}

/* Removes the call of this id, as a rule the first; false: none such waits. */
static bool puter__pending_remove(puter__pending *pending, const char *id)
{
    size_t at, size = strlen(id) + 1;
    for (at = pending->from; at < pending->ids.length;
         at += strlen(pending->ids.text + at) + 1) {
        char *here = pending->ids.text + at;
        if (strcmp(here, id) != 0)
            continue;
        memmove(pending->ids.text + pending->from + size,
                pending->ids.text + pending->from, at - pending->from);
        pending->from += size;
        return true;
    }
    return false;
}

/* The same of the call that a message answers. Its id is decoded behind the
 * others, where it does not stay. */
static puter_result puter__pending_answer(puter__pending *pending,
                                          puter_value message)
{
    puter_writer *ids = &pending->ids;
    size_t length = ids->length;
    puter__append_text(ids, puter__member(message, "tool_call_id"));
    puter__append_char(ids, '\0');
    ids->length = length;
    if (ids->result != PUTER_OK)
        return ids->result;
    return puter__pending_remove(pending, ids->text + length)
               ? PUTER_OK
               : PUTER_ERR_ARGUMENT;
}

/* Finds what waits at the end of a history. */
static puter_result puter__history_pending(const puter_history *history,
                                           puter__pending *pending)
{
    size_t i, last = history->message_count;
    while (last > 0 && puter__same(history->messages[last - 1].role, "tool"))
        last--;
    if (last == 0 ||
        !puter__same(history->messages[last - 1].role, "assistant"))
        return PUTER_OK;
    for (i = last - 1; i < history->message_count; i++) {
        puter_json turn;
        puter_result result = puter__parse(&turn, history->messages[i].json);
        puter_value root = puter_json_root(&turn);
        if (i == last - 1)
            puter__pending_calls(pending, puter__member(root, "content"));
        else
            puter__pending_answer(pending, root);
        PUTER_FREE(turn.nodes);
        if (result != PUTER_OK)
            return result;
    }
    return pending->ids.result;
}

/* Says of each call that waits that it was not run. */
static puter_result puter__history_settle(puter_history *history,
                                          puter__pending *pending)
{
    puter_result result = pending->ids.result;
    while (result == PUTER_OK && pending->from < pending->ids.length) {
        const char *id = pending->ids.text + pending->from;
        result = puter__history_result(history, id, "The tool was not run.");
        pending->from += strlen(id) + 1;
    }
    return result;
}

/* The same of whatever waits at the end. */
static puter_result puter__history_ready(puter_history *history)
{
    puter__pending pending = PUTER__ZERO;
    puter_result result = puter__history_pending(history, &pending);
    if (result == PUTER_OK)
        result = puter__history_settle(history, &pending);
    puter_writer_free(&pending.ids);
    return result;
}

PUTER_API puter_result puter_history_add_result(puter_history *history,
                                                const char *tool_call_id,
                                                const char *result)
{
    puter__pending pending = PUTER__ZERO;
    puter_result found;
    if (puter__is_empty(tool_call_id))
        return PUTER_ERR_ARGUMENT;
    found = puter__history_pending(history, &pending);
    if (found == PUTER_OK && !puter__pending_remove(&pending, tool_call_id))
        found = PUTER_ERR_ARGUMENT;
    puter_writer_free(&pending.ids);
    return found != PUTER_OK
               ? found
               : puter__history_result(history, tool_call_id, result);
}

/* -- turns that come and go -- */

/* Whether a history can have a part, by itself. */
static puter_result puter__history_part(const puter_part *part)
{
    puter_result result = PUTER_OK;
    puter_json json;
    if (puter__part_wrong(part) != NULL)
        return PUTER_ERR_ARGUMENT;
    if (part->type == PUTER_PART_JSON) {
        result = puter__parse(&json, part->text);
        PUTER_FREE(json.nodes);
    }
    return result;
}

PUTER_API puter_result
puter_history_add_message(puter_history *history, const puter_message *message)
{
    puter_message turn = *message;
    size_t before = history->message_count, i;
    puter_result result;
    turn.role = puter__same(turn.role, "system") ? "system" : "user";
    if ((message->role != NULL && !puter__same(message->role, turn.role)) ||
        puter__says_nothing(&turn) || turn.tool_call_count > 0 ||
        turn.tool_call_id != NULL || turn.json != NULL)
        return PUTER_ERR_ARGUMENT;
    result = puter__history_ready(history);
    for (i = 0; i < turn.part_count && result == PUTER_OK; i++)
        result = puter__history_part(&turn.parts[i]);
    if (result == PUTER_OK)
        result = puter__history_message(history, &turn);
    if (result != PUTER_OK)
        puter__history_cut(history, before);
    return result;
}

PUTER_API puter_result puter_history_add(puter_history *history,
                                         const char *role, const char *content)
{
    puter_message message = PUTER__ZERO;
    message.role = puter__or_empty(role);
    message.content = content;
    return puter_history_add_message(history, &message);
}

/* Adds one message of a document. */
static puter_result puter__history_value(puter_history *history,
                                         puter_value message,
                                         puter__pending *pending)
{
    puter_writer text = PUTER__ZERO;
    const char *role = puter__role(puter__member(message, "role"));
    puter_value content = puter__member(message, "content");
    puter_result result = PUTER_OK;
    size_t length;
    const char *span = puter__span(message, &length);
    if (role == NULL || !puter__is_content(content))
        return PUTER_ERR_ARGUMENT;
    puter__append(&text, span, length);
    if (puter__same(role, "tool"))
        result = puter__pending_answer(pending, message);
    else
        result = puter__history_settle(history, pending);
    if (result == PUTER_OK && puter__same(role, "assistant")) {
        puter__pending_calls(pending, content);
        result = pending->ids.result;
    }
    if (result != PUTER_OK)
        text.result = result;
    return puter__history_take(history, role, &text);
}

static puter_result puter__history_array(puter_history *history,
                                         puter_value array)
{
    puter__pending pending = PUTER__ZERO;
    puter_result result = puter__history_pending(history, &pending);
    size_t i, before = history->message_count;
    for (i = 0; i < puter_json_count(array) && result == PUTER_OK; i++)
        result =
            puter__history_value(history, puter_json_at(array, i), &pending);
    if (result != PUTER_OK)
        puter__history_cut(history, before);
    puter_writer_free(&pending.ids);
    return result;
}

/* Has a turn carry the artifact that came with it, if there is one that the
 * turns before do not hold yet, as a content block: typed, as a stream's is
 * already. `text` is to be freed. */
static void puter__carry_compaction(puter_message *message, puter_part *part,
                                    puter_writer *text, const char *compaction,
                                    const char *turns)
{
    puter_result result;
    puter_json json;
    puter_value root;
    if (puter__is_empty(compaction))
        return;
    result = puter__parse(&json, compaction);
    root = puter_json_root(&json);
    if (result == PUTER_ERR_NOMEM)
        text->result = result;
    if (!puter__is(puter__member(root, "type"), PUTER_MISSING)) {
        puter__append_string(text, compaction);
    } else if (puter_json_count(root) > 0 && compaction[0] == '{') {
        puter__append_string(text, "{\"type\":\"compaction\",");
        puter__append_string(text, compaction + 1);
    }
    if (text->length > 0 &&
        strstr(puter__or_empty(turns), text->text) == NULL) {
        part->type = PUTER_PART_JSON;
        part->text = text->text;
        message->parts = part;
        message->part_count = 1;
    }
    PUTER_FREE(json.nodes);
}

PUTER_API puter_result puter_history_add_reply(puter_history *history,
                                               const puter_reply *reply)
{
    puter_message message = PUTER__ZERO;
    puter_writer compaction = PUTER__ZERO;
    puter_part part = PUTER__ZERO;
    size_t before = history->message_count;
    bool has_turns = !puter__is_empty(reply->turns), says;
    puter_result result = PUTER_OK;
    if (has_turns) {
        puter_json turns;
        result = puter__parse(&turns, reply->turns);
        if (result == PUTER_OK)
            result = puter__history_array(history, puter_json_root(&turns));
        PUTER_FREE(turns.nodes);
    }
    puter__carry_compaction(&message, &part, &compaction, reply->compaction,
                            reply->turns);
    message.role = "assistant";
    message.content = reply->text;
    message.content_length = reply->length;
    message.tool_calls = reply->tool_calls;
    message.tool_call_count = reply->tool_call_count;
    says = !puter__says_nothing(&message);
    if (result == PUTER_OK)
        result = compaction.result;
    if (result == PUTER_OK && (says || has_turns))
        result = puter__history_ready(history);
    if (result == PUTER_OK && says)
        result = puter__history_message(history, &message);
    if (result != PUTER_OK)
        puter__history_cut(history, before);
    puter_writer_free(&compaction);
    return result;
}

PUTER_API void puter_history_trim(puter_history *history, size_t bytes)
{
    size_t from, to = 0;
    size_t last = history->message_count; /* up to the last user's turn */
    bool started = false; /* what is kept has a turn that is no system's */
    while (last > 0 && !puter__same(history->messages[last - 1].role, "user"))
        last--;
    for (from = 0; from < history->message_count; from++) {
        const puter_message *message = &history->messages[from];
        bool is_system = puter__same(message->role, "system");
        if (!is_system && !started && from + 1 < last &&
            (history->bytes > bytes || !puter__same(message->role, "user"))) {
            puter__history_drop(history, message);
            continue;
        }
        started |= !is_system;
        history->messages[to++] = *message;
    }
    history->message_count = to;
}

PUTER_API puter_result puter_history_save(const puter_history *history,
                                          puter_writer *out)
{
    size_t i;
    puter_write_begin_array(out);
    for (i = 0; i < history->message_count; i++)
        puter__write_message(out, &history->messages[i]);
    puter_write_end_array(out);
    return out->result;
}

PUTER_API puter_result puter_history_load(puter_history *history,
                                          const char *json, size_t length,
                                          puter_error *error)
{
    puter_history loaded = PUTER__ZERO;
    puter__report report = PUTER__ZERO;
    puter_json saved = PUTER__ZERO;
    puter_value root = puter_json_root(&saved);
    puter_result result =
        puter__json_read_or_fail(&saved, json, length, &report);
    if (result == PUTER_OK) {
        result = puter__is(root, PUTER_ARRAY)
                     ? puter__history_array(&loaded, root)
                     : PUTER_ERR_ARGUMENT;
        if (result == PUTER_ERR_NOMEM)
            puter__fail_memory(&report);
        else if (result != PUTER_OK)
            puter__fail(&report, result,
                        "history: not messages as puter_history_save writes");
    } else if (result != PUTER_ERR_NOMEM) {
        report.error.result = result = PUTER_ERR_ARGUMENT;
    }
    PUTER_FREE(saved.nodes);
    if (error != NULL)
        *error = report.error;
    if (result != PUTER_OK) {
        puter_history_free(&loaded);
        return result;
    }
    puter_history_free(history);
    *history = loaded;
    return PUTER_OK;
}

/* >> exchange: one question on its way, step by step ---------------------- */

/* -- the reply's body -- */

/* The text in the kind of line that most of a stream is made of. */
typedef struct puter__text {
    const char *start;
    size_t length;
    bool escaped;
} puter__text;

/* Finds the text in {"type":"text","text":"..."} and its LF without reading
 * that as a document. Gives how long the line is; 0 where it is another, or
 * spelled otherwise, or not all there. The string's end is looked for up to
 * `limit`, behind the line, since runs of sixteen bytes are quicker. */
static size_t puter__find_text(const char *line, size_t size,
                               const char *limit, puter__text *text)
{
    static const char head[] = "{\"type\":\"text\",\"text\":\"";
    const char *end = line + size, *stop;
    puter__chars chars = PUTER__ZERO;
    if (size < sizeof head - 1 || memcmp(line, head, sizeof head - 1) != 0)
        return 0;
    text->start = line + sizeof head - 1;
    stop = puter__plain(text->start, limit);
    if (stop == limit || *stop != '"')
        stop = puter__chars_read(&chars, stop, limit);
    if (chars.wrong != NULL || end - stop < 3 || stop[1] != '}' ||
        stop[2] != '\n')
        return 0;
    text->length = (size_t)(stop - text->start);
    text->escaped = chars.escaped;
    return (size_t)(stop - line) + 3;
}

/* A line of a stream. */
static puter_result puter__read_line(puter_client *client)
{
    puter__answer *answer = client->answer;
    const char *text = client->last_line;
    size_t length = client->last_line_length;
    puter__reading reading;
    puter_value root;
    puter__block type;
    puter_result result;
    while (length > 0 && memchr(" \t\r\n", text[length - 1], 4) != NULL)
        length--;
    client->last_line_length = length;
    if (length == 0)
        return PUTER_OK;
    result = puter__read_document(client, text, length, &reading);
    if (result == PUTER_ERR_NOMEM)
        return result;
    if (result != PUTER_OK)
        return puter__fail(&client->report, result,
                           "a line of the stream is not JSON: byte %d: "
                           "%s: \"%.*s\"", reading.offset, reading.wrong,
                           (int)(length < 80 ? length : 80), text);
    root = puter_json_root(&client->json);
    type = puter__block_type(root);
    if (type == PUTER__BLOCK_ERROR ||
        (type == PUTER__BLOCK_UNKNOWN && puter__says_no(root)))
        return puter__fail_refusal(client);
    if (type == PUTER__BLOCK_USAGE)
        puter__read_usage(answer, puter__member(root, "usage"));
    else if (type == PUTER__BLOCK_UNKNOWN)
        answer->other_due = true;
    else
        puter__read_block(answer, root, type);
    return PUTER_OK;
}

/* Whether memory was there for every part of the answer. */
static inline puter_result puter__check_answer(puter_client *client)
{
    const puter__answer *a = client->answer;
    return (a->text.writer.result | a->reasoning.writer.result |
            a->body.result | a->calls.result | a->images.result |
            a->turns.result) != PUTER_OK
               ? puter__fail_client_memory(client)
               : PUTER_OK;
}

static void puter__forget_text(puter__answer *answer)
{
    puter__rewind(&answer->text.writer);
    puter__rewind(&answer->reasoning.writer);
    answer->text.told = answer->reasoning.told = 0;
}

/* Drops a stream's last line, which events have told and nobody wants kept, and
 * the text so far, unless a round of tools may have to repeat it. */
static inline void puter__discard_told(puter_client *client, bool text)
{
    puter__answer *answer = client->answer;
    if (!text || answer->pieces != client->counted)
        client->discarded += client->last_line_length;
    client->counted = answer->pieces;
    client->last_line_length = 0;
    if (client->line_start > 0)
        puter__rewind(&answer->body);
    client->line_start = 0;
    if (text)
        puter__forget_text(answer);
}

/* The line that stands in the body is whole. */
static void puter__end_line(puter_client *client)
{
    const puter_writer *body = &client->answer->body;
    client->last_line = body->text + client->line_start;
    client->last_line_length = body->length - client->line_start;
    client->line_start = body->length;
}

/* Takes a line, or what there is of it, to the body; one that came whole and
 * is not to be kept stays where it stands. */
static puter_result puter__place_line(puter_client *client, size_t take,
                                      bool whole)
{
    puter_writer *body = &client->answer->body;
    if (client->request->discard && whole && body->length == 0) {
        client->span[take - 1] = '\0'; /* messages quote strings */
        client->last_line = client->span;
        client->last_line_length = take - 1;
    } else {
        puter__append(body, client->span, take);
        if (body->result != PUTER_OK)
            return puter__fail_client_memory(client);
        if (whole)
            puter__end_line(client);
    }
    client->span += take;
    client->span_length -= take;
    return PUTER_OK;
}

/* How long the next line in the span is, or what there is of it. */
static size_t puter__line_length(const puter_client *client, bool *whole)
{
    const char *end = (const char *)memchr(client->span, '\n',
                                           client->span_length);
    *whole = end != NULL;
    return *whole ? (size_t)(end - client->span) + 1 : client->span_length;
}

/* Takes the next line of a stream from the span; reads it if it is whole. */
static puter_result puter__take_line(puter_client *client)
{
    puter__channel *channel = &client->answer->text;
    size_t take, found = 0;
    bool whole = true;
    puter__text text = PUTER__ZERO;
    puter_result result;
    if (client->request->discard)
        puter__discard_told(client, client->request->tool_count == 0);
    if (client->line_start == client->answer->body.length)
        found = puter__find_text(client->span, client->span_length,
                                 client->input + client->input_end, &text);
    take = found > 0 ? found : puter__line_length(client, &whole);
    result = puter__check_size(client, take);
    if (result == PUTER_OK)
        result = puter__place_line(client, take, whole);
    if (result != PUTER_OK || !whole)
        return result;
    if (found == 0) {
        result = puter__read_line(client);
    } else {
        puter__append_decoded(&channel->writer, text.start, text.length,
                              text.escaped, &channel->high);
        client->last_line_length = found - 1; /* without its LF */
    }
    if (result != PUTER_OK)
        return result;
    client->learned = client->route;
    return puter__check_answer(client);
}

/* Takes the whole span. */
static puter_result puter__take_span(puter_client *client)
{
    size_t take = client->span_length;
    puter_result result;
    client->span_length = 0;
    if (puter__is_for_sink(client))
        return client->call->sink(client->call->user, client->span, take) == 0
                   ? PUTER_OK
                   : puter__fail(&client->report, PUTER_ERR_CANCELLED,
                                 "stopped by the sink");
    result = puter__check_size(client, take);
    if (result != PUTER_OK)
        return result;
    puter__append(&client->answer->body, client->span, take);
    return puter__check_answer(client);
}

/* -- the reply, when it is whole -- */

static puter_result puter__repeat_error(puter_client *client)
{
    client->report.error = client->kept_error;
    return client->kept_error.result;
}

/* Takes the other route, once, where the first has no such driver; the answer
 * of the first is the one to report when the other has none either. */
static puter_result puter__reroute(puter_client *client)
{
    puter_result result = client->report.error.result;
    if (client->rerouted) {
        puter__rewind(&client->answer->body); /* it says something else */
        return puter__repeat_error(client);
    }
    if (client->options.route != PUTER_ROUTE_AUTO)
        return result;
    client->rerouted = true;
    client->kept_error = client->report.error;
    client->route = client->route == PUTER_ROUTE_UNIFIED
                        ? PUTER_ROUTE_DRIVER
                        : PUTER_ROUTE_UNIFIED;
    result = puter__encode(client);
    if (result == PUTER_OK)
        puter__launch(client);
    return result;
}

/* A JSON reply that came whole. */
static puter_result puter__read_reply(puter_client *client)
{
    puter__answer *answer = client->answer;
    puter_value root = puter_json_root(&client->json);
    const puter_request *request = client->request;
    if (client->http.status >= 400 || puter__says_no(root)) {
        puter_result result = puter__fail_refusal(client);
        if (result != PUTER_ERR_NOMEM && puter__lacks_driver(client))
            return puter__reroute(client);
        client->learned = client->route;
        return result;
    }
    client->phase = PUTER__PHASE_REPLIED;
    if (!puter__is_chat(client))
        return PUTER_OK;
    client->learned = client->route;
    if (!puter__read_answer(answer, root))
        return puter__fail_reply(client, "no message is in it");
    if (request->test_mode ||
        (request->model != NULL &&
         puter__listed("fake costly abuse", request->model)))
        answer->reply.blocked = false; /* fake-chat is what was asked */
    return PUTER_OK;
}

static puter_result puter__conclude_stream(puter_client *client)
{
    puter_result result = PUTER_OK;
    client->last_line = ""; /* other input may stand where the last one did */
    client->last_line_length = 0;
    if (client->line_start < client->answer->body.length) {
        puter__end_line(client); /* its LF is missing */
        result = puter__read_line(client);
    }
    if (result != PUTER_OK)
        return result;
    client->learned = client->route;
    client->phase = PUTER__PHASE_REPLIED;
    return PUTER_OK;
}

static puter_result puter__conclude_whole(puter_client *client)
{
    puter__answer *answer = client->answer;
    const puter__http *http = &client->http;
    puter__reading reading;
    puter_result result;
    if (http->status / 100 == 3)
        return http->location[0] != '\0'
                   ? puter__fail_redirect(client)
                   : puter__fail_reply(client, "it points nowhere");
    if (puter__is_bytes(client)) {
        client->phase = PUTER__PHASE_REPLIED; /* bytes are the result */
        client->json.count = 0;
        return PUTER_OK;
    }
    if (answer->body.length == 0)
        return puter__fail_reply(client, NULL);
    result = puter__read_document(client, answer->body.text,
                                  answer->body.length, &reading);
    if (result == PUTER_ERR_NOMEM)
        return result;
    if (result == PUTER_OK &&
        ((client->kind == PUTER__KIND_GET && http->status < 300) ||
         puter_json_type(puter_json_root(&client->json)) >= PUTER_ARRAY))
        return puter__read_reply(client);
    return puter__fail_reply(client, http->status < 300
                                         ? "that is no JSON object; is this "
                                           "the address of a Puter API?"
                                         : NULL);
}

/* The message has ended. The connection is kept where both messages went over
 * it whole and nothing came behind (RFC 9112 section 9.3). */
static puter_result puter__conclude(puter_client *client)
{
    puter_result result;
    if (client->http.close || client->sent < client->out.length ||
        client->input_begin != client->input_end)
        puter__disconnect(client);
    client->idle_since = puter__now();
    result = client->streamed ? puter__conclude_stream(client)
                              : puter__conclude_whole(client);
    if (result != PUTER_OK)
        return result;
    puter__settle(&client->answer->text.writer, &client->answer->text.high);
    puter__settle(&client->answer->reasoning.writer,
                  &client->answer->reasoning.high);
    return puter__check_answer(client);
}

/* What has come counts before the time: the caller may have been slow, not the
 * service. */
static puter_result puter__receive(puter_client *client)
{
    puter__http_step step = PUTER__STEP_BODY;
    puter_result result = PUTER_OK;
    if (client->span_length == 0) {
        do
            result = puter__read_step(client, &step);
        while (result == PUTER_OK &&
               (step == PUTER__STEP_LINE || step == PUTER__STEP_HEAD));
    }
    if (result != PUTER_OK)
        return result;
    if (step == PUTER__STEP_END)
        return puter__conclude(client);
    if (step == PUTER__STEP_MORE) {
        result = puter__transfer(client);
        if (result >= 0 && client->http.state != PUTER__COMPLETE &&
            puter__check_time(client) != PUTER_OK)
            return client->report.error.result;
        return result;
    }
    result = client->streamed ? puter__take_line(client)
                              : puter__take_span(client);
    if (result != PUTER_OK) /* what comes behind is not looked at */
        puter__disconnect(client);
    return result;
}

/* -- one step, and what to do about its failure -- */

/* Whether to start again on a new connection, at once: after a handshake that
 * has something to fall back to; or where a connection that has served before
 * was lost under this request (so this comes once), if the service cannot have
 * seen all of it, or it only reads. */
static bool puter__may_resend(const puter_client *client, puter_result result)
{
#ifndef PUTER_NO_TLS
    if (client->phase == PUTER__PHASE_HANDSHAKE)
        return client->tls.fallback && result == PUTER_ERR_TLS;
#endif
    return client->reused &&
           (result == PUTER_ERR_CLOSED || result == PUTER_ERR_TLS) &&
           client->http.head_lines == 0 &&
           (!puter__may_have_all(client) || puter__only_reads(client));
}

/* Whether a failure is one to wait out: the gate's "too many requests" came
 * before any work; the rest only for what merely reads. A service that asks
 * for more than a minute is not waited for, but reported. */
static bool puter__may_retry(const puter_client *client, puter_result result)
{
    int status = client->report.error.http_status;
    if (client->retries >= client->options.max_retries || client->streamed ||
        client->report.error.retry_after_ms > 60000)
        return false;
    if (result == PUTER_ERR_RATE)
        return true;
    return puter__only_reads(client) &&
           (result == PUTER_ERR_CLOSED ||
            (result == PUTER_ERR_SERVICE && status >= 502 && status <= 504));
}

/* 250, 500, 1000, then 2000 ms, each up to a quarter longer, so that clients
 * refused together do not return together; or what the service asks for. */
static int64_t puter__retry_pause(const puter_client *client)
{
    int asked = client->report.error.retry_after_ms;
    unsigned pause = client->retries < 3 ? 250u << client->retries : 2000;
    uint32_t jitter = (uint32_t)puter__now() * 7919 +
                      (uint32_t)((uintptr_t)client / 16);
    return asked > 0 ? asked : (int64_t)(pause + jitter % (pause / 4));
}

/* The exchange has failed, for a reason that further calls repeat. */
static void puter__give_up(puter_client *client)
{
    client->phase = PUTER__PHASE_FAILED;
    client->kept_error = client->report.error;
}

/* Sends the exchange again where that is safe, now or after a pause; else it
 * has failed. */
static puter_result puter__recover(puter_client *client, puter_result result)
{
    bool resend = puter__may_resend(client, result);
    if (client->http.state != PUTER__COMPLETE)
        puter__disconnect(client);
    if (resend) {
        puter__launch(client);
        return PUTER_OK;
    }
    client->pause_until = puter__now() + puter__retry_pause(client);
    if (!puter__may_retry(client, result) ||
        client->pause_until >= client->total_deadline) {
        puter__give_up(client);
        return result;
    }
    client->retries++;
    puter__forget_error(client);
    client->phase = PUTER__PHASE_PAUSE;
    return PUTER_OK;
}

/* Takes the exchange one step further, which never waits. */
static puter_result puter__step(puter_client *client)
{
    puter_result result = PUTER_OK;
    client->want = 0;
    if (client->phase != PUTER__PHASE_RECEIVE)
        result = puter__check_time(client);
    if (result == PUTER_OK) {
        switch (client->phase) {
        case PUTER__PHASE_PAUSE:
            if (puter__now() < client->pause_until)
                return PUTER_WAIT;
            puter__launch(client);
            break;
        case PUTER__PHASE_CONNECT: result = puter__connect(client); break;
        case PUTER__PHASE_TUNNEL: result = puter__tunnel(client); break;
#ifndef PUTER_NO_TLS
        case PUTER__PHASE_HANDSHAKE: result = puter__handshake(client); break;
#endif
        case PUTER__PHASE_SEND: result = puter__send(client); break;
        default: result = puter__receive(client);
        }
    }
    return result < 0 ? puter__recover(client, result) : result;
}

/* -- events -- */

static void puter__tell_text(puter_event *event, puter__channel *channel)
{
    event->text = channel->writer.text + channel->told;
    event->length = channel->writer.length - channel->told;
    channel->told = channel->writer.length;
}

/* Tells what the next event is of; false where all has been told. */
static bool puter__tell(puter_client *client, puter_event *event)
{
    puter__answer *answer = client->answer;
    const puter_image *image;
    if (answer->reasoning.told < answer->reasoning.writer.length) {
        event->type = PUTER_EVENT_REASONING;
        puter__tell_text(event, &answer->reasoning);
    } else if (answer->text.told < answer->text.writer.length) {
        event->type = PUTER_EVENT_TEXT;
        puter__tell_text(event, &answer->text);
    } else if (answer->calls_told < answer->calls.length) {
        event->type = PUTER_EVENT_TOOL_CALL;
        event->tool_call = (const puter_tool_call *)(const void *)
                           (answer->calls.text + answer->calls_told);
        answer->calls_told += sizeof *event->tool_call;
    } else if (answer->images_told < answer->images.length) {
        image = (const puter_image *)(const void *)
                (answer->images.text + answer->images_told);
        event->type = PUTER_EVENT_IMAGE;
        event->text = image->url;
        event->length = image->length;
        answer->images_told += sizeof *image;
    } else if (answer->compaction_due) {
        event->type = PUTER_EVENT_COMPACTION;
        event->text = answer->reply.compaction;
        event->length = strlen(event->text);
        answer->compaction_due = false;
    } else if (answer->usage_due) {
        event->type = PUTER_EVENT_USAGE;
        event->usage = &answer->reply.usage;
        answer->usage_due = false;
    } else if (answer->other_due) {
        event->type = PUTER_EVENT_OTHER;
        answer->other_due = false;
    } else {
        return false;
    }
    event->json = client->streamed ? client->last_line : answer->body.text;
    event->json_length =
        client->streamed ? client->last_line_length : answer->body.length;
    return true;
}

/* -- rounds of tools -- */

static const puter_tool *puter__find_tool(const puter_client *client,
                                          const puter_tool_call *call)
{
    const puter_request *request = client->request;
    size_t i;
    for (i = 0; i < request->tool_count; i++)
        if (request->tools[i].call != NULL &&
            puter__same(request->tools[i].name, call->name))
            return &request->tools[i];
    return NULL;
}

static const puter_tool_call *puter__calls(const puter_client *client,
                                           size_t *count)
{
    const puter_writer *calls = &client->answer->calls;
    *count = calls->length / sizeof(puter_tool_call);
    return (const puter_tool_call *)(const void *)calls->text;
}

/* Whether the library runs the calls that came: each has a tool that can. */
static bool puter__runs_tools(const puter_client *client)
{
    int most = client->request->max_tool_rounds;
    size_t count, i;
    const puter_tool_call *calls = puter__calls(client, &count);
    for (i = 0; i < count; i++)
        if (puter__find_tool(client, &calls[i]) == NULL)
            return false;
    return count > 0 && client->rounds < (most == 0 ? 8 : most);
}

/* Runs one tool and adds its result as a message. */
static void puter__run_tool(puter_client *client, const puter_tool_call *call)
{
    const puter_tool *tool = puter__find_tool(client, call);
    puter_writer *turns = &client->answer->turns, result = PUTER__ZERO;
    bool failed;
    client->in_tool = true;
    failed = tool->call(tool->user, call, &result) != 0;
    client->in_tool = false;
    if (result.length == 0)
        puter__append_string(&result, "(no output)");
    if (result.result != PUTER_OK)
        turns->result = result.result;
    puter_write_begin_object(turns);
    puter__write_member(turns, "role", "tool");
    puter__write_member(turns, "tool_call_id", call->id);
    puter_write_key(turns, "content");
    puter_write_raw(turns, "\"", 1);
    if (failed)
        puter__append_string(turns, "The tool failed: ");
    puter__append_escaped(turns, result.text, result.length);
    puter__append_char(turns, '"');
    puter_write_end_object(turns);
    puter_writer_free(&result);
}

/* Calls are only run with objects for arguments. */
static puter_result puter__check_calls(puter_client *client)
{
    size_t count, i;
    const puter_tool_call *calls = puter__calls(client, &count);
    puter_result result = PUTER_OK;
    for (i = 0; i < count && result == PUTER_OK; i++)
        result = puter__check_json(client, "the arguments of a tool's call",
                                   calls[i].arguments, true);
    if (result == PUTER_ERR_ARGUMENT) /* the model's, not the caller's */
        client->report.error.result = result = PUTER_ERR_PROTOCOL;
    return result;
}

/* Adds the model's turn and the results of its calls, of which none is run
 * whose result could not be kept. */
static puter_result puter__run_calls(puter_client *client)
{
    puter__answer *answer = client->answer;
    puter_writer *turns = &answer->turns, compaction = PUTER__ZERO;
    puter_message message = PUTER__ZERO;
    puter_part part = PUTER__ZERO;
    puter_result result = PUTER_OK;
    size_t i, whole = turns->length;
    message.role = "assistant";
    message.content = answer->text.writer.text;
    message.content_length = answer->text.writer.length;
    message.tool_calls = puter__calls(client, &message.tool_call_count);
    if (turns->length == 0)
        puter_write_begin_array(turns);
    puter__carry_compaction(&message, &part, &compaction,
                            answer->reply.compaction, turns->text);
    puter__write_message(turns, &message);
    if (compaction.result != PUTER_OK)
        turns->result = compaction.result;
    puter_writer_free(&compaction);
    for (i = 0; i < message.tool_call_count && result == PUTER_OK &&
                turns->result == PUTER_OK; i++) {
        puter__touch(client); /* a tool's time is no silence */
        result = puter__check_time(client);
        if (result == PUTER_OK)
            puter__run_tool(client, &message.tool_calls[i]);
    }
    if (!puter__reserve(turns, 1)) { /* for their end */
        result = puter__fail_request(client, turns->result);
        puter__cut(turns, whole); /* the rounds before were told to the model */
    }
    return result;
}

/* Answers the model's calls and sends the conversation on. */
static puter_result puter__next_round(puter_client *client)
{
    puter__answer *answer = client->answer;
    puter_result result = puter__check_calls(client);
    if (result != PUTER_OK)
        return result;
    result = puter__run_calls(client);
    puter__forget_text(answer);
    puter__rewind(&answer->calls);
    answer->calls_told = 0;
    answer->reply.model = answer->reply.service = "";
    answer->reply.finish_reason = "";
    client->rounds++;
    client->rerouted = false;
    if (result == PUTER_OK)
        result = puter__encode(client);
    if (result == PUTER_OK)
        puter__launch(client);
    return result;
}

/* -- begin, next, end: what every call is made of -- */

static puter_result puter__fail_in_tool(puter_client *client)
{
    return puter__misuse(client,
                         "a tool must not call the client that runs it");
}

/* Sets a reply empty before anything else happens, clears the last failure and
 * refuses what the options or the moment forbid. */
static puter_result puter__enter(puter_client *client, puter_reply *reply)
{
    if (reply != NULL)
        memset(reply, 0, sizeof *reply);
    if (client == NULL)
        return PUTER_ERR_NOMEM;
    if (client->in_tool)
        return puter__fail_in_tool(client);
    if (client->phase != PUTER__PHASE_IDLE)
        return puter__misuse(client,
                             "another exchange is under way; end it by "
                             "puter_stream_end");
    if (!client->defective)
        memset(&client->report.error, 0, sizeof client->report.error);
    return client->report.error.result;
}

/* What an exchange may leave behind for the next to use again. */
#define PUTER__KEPT_MAX ((size_t)65536)

static void puter__finish(puter_client *client)
{
    client->phase = PUTER__PHASE_IDLE;
    client->request = NULL;
    client->call = NULL;
    client->path = NULL;
    client->want = 0;
    if (client->json.capacity > PUTER__KEPT_MAX / sizeof(puter__node)) {
        PUTER_FREE(client->json.nodes);
        memset(&client->json, 0, sizeof client->json);
    }
    if (client->out.capacity > PUTER__KEPT_MAX)
        puter__wipe_free(&client->out);
    if (client->scratch.capacity > PUTER__KEPT_MAX)
        puter__wipe_free(&client->scratch);
}

/* The route to begin with: the one that the options demand, else "ai-chat" if
 * the request names it, else what is known of the service. */
static puter_route puter__first_route(const puter_client *client)
{
    if (client->options.route != PUTER_ROUTE_AUTO)
        return client->options.route;
    return puter__is_chat(client) &&
                   puter__same(client->request->driver, "ai-chat")
               ? PUTER_ROUTE_UNIFIED
               : client->learned;
}

/* Encodes what client->request, call or path ask, and sets out. */
static puter_result puter__begin(puter_client *client, puter__kind kind)
{
    puter_result result = PUTER_OK;
    puter__answer_free(client->answer);
    client->answer = puter__answer_new();
    if (client->input == NULL)
        client->input = (char *)PUTER_MALLOC(PUTER__INPUT_SIZE);
    if (client->answer == NULL || client->input == NULL)
        result = puter__fail_client_memory(client);
    else if (kind != PUTER__KIND_GET && puter__is_empty(client->options.token))
        result = puter__misuse(client,
                               "no token: set the option token, or leave it "
                               "NULL and set $PUTER_AUTH_TOKEN");
    client->kind = kind;
    client->rerouted = false;
    client->retries = client->rounds = 0;
    client->route = puter__first_route(client);
    if (result == PUTER_OK)
        result = puter__encode(client);
    if (result != PUTER_OK) {
        puter__finish(client);
        return result;
    }
    client->total_deadline =
        puter__deadline(client->options.total_timeout_ms);
    puter__launch(client);
    return PUTER_OK;
}

/* One event (whose other members stay as they are), the end, or a failure. For
 * no event it goes on, and waits, to the end. */
static int puter__next(puter_client *client, puter_event *event)
{
    puter_result result;
    for (;;) {
        if (event != NULL && puter__tell(client, event)) {
            puter__forget_error(client); /* one of what comes behind it */
            return 1;
        }
        if (client->phase == PUTER__PHASE_FAILED)
            return puter__repeat_error(client);
        if (client->phase == PUTER__PHASE_REPLIED) {
            if (!puter__is_chat(client) || !puter__runs_tools(client))
                return 0;
            result = puter__next_round(client);
        } else {
            result = puter__step(client);
        }
        if (result == PUTER_WAIT) {
            if (event != NULL && client->options.nonblocking)
                return PUTER_WAIT;
            result = puter__wait(client);
            if (result < 0)
                result = puter__recover(client, result);
        }
        if (result < 0 && client->phase != PUTER__PHASE_FAILED)
            puter__give_up(client); /* a round of tools; the connection stays */
    }
}

/* Whether what came is to be given as bytes, not as JSON: a whole reply as it
 * was read, what there is of another by its type. */
static bool puter__gives_bytes(const puter_client *client)
{
    if (puter__is_chat(client))
        return false;
    if (client->phase == PUTER__PHASE_REPLIED)
        return client->json.count == 0;
    return !puter__listed(PUTER__JSON_TYPES, client->http.content_type);
}

/* Moves what came into the caller's reply. */
static void puter__give(puter_client *client, puter_reply *reply)
{
    puter__answer *answer = client->answer;
    const char *body = puter__or_empty(answer->body.text);
    *reply = answer->reply;
    reply->text = puter__or_empty(answer->text.writer.text);
    reply->length = answer->text.writer.length;
    reply->reasoning = puter__or_empty(answer->reasoning.writer.text);
    reply->reasoning_length = answer->reasoning.writer.length;
    reply->tool_calls = puter__calls(client, &reply->tool_call_count);
    reply->images = (const puter_image *)(const void *)answer->images.text;
    reply->image_count = answer->images.length / sizeof *reply->images;
    reply->turns = puter__or_empty(answer->turns.text);
    reply->complete = client->phase == PUTER__PHASE_REPLIED;
    reply->body = reply->json = "";
    if (puter__gives_bytes(client)) {
        reply->body = body;
        reply->size = answer->body.length;
    } else {
        reply->json = body;
        reply->json_length = answer->body.length;
    }
    memcpy(answer->content_type, client->http.content_type,
           sizeof answer->content_type);
    reply->content_type = answer->content_type;
    reply->memory = answer;
    client->answer = NULL;
}

static puter_result puter__end(puter_client *client, puter_reply *reply)
{
    puter_result result = PUTER_OK;
    if (client->phase == PUTER__PHASE_FAILED)
        result = puter__repeat_error(client);
    else if (client->phase != PUTER__PHASE_REPLIED)
        puter__disconnect(client);
    if (client->streamed && client->request->discard) {
        client->line_start = client->answer->body.length;
        puter__discard_told(client, true);
    }
    if (client->answer->turns.length > 0)
        puter_write_end_array(&client->answer->turns);
    if (client->answer->turns.result != PUTER_OK)
        puter__rewind(&client->answer->turns); /* what broke is no array */
    if (reply != NULL)
        puter__give(client, reply);
    puter__answer_free(client->answer); /* what nobody has taken */
    client->answer = NULL;
    puter__finish(client);
    if (result == PUTER_OK) /* what was reported on the way was overcome */
        puter__forget_error(client);
    return result;
}

/* Reads what a call is for out of a reply that is there; `wanted` is what the
 * caller named of it. */
typedef puter_result puter__reader(puter_client *client, const char *wanted);

/* Begin, next to the end, read if there is anything to, end: the blocking
 * calls. */
static puter_result puter__exchange(puter_client *client, puter__kind kind,
                                    puter__reader *read, const char *wanted,
                                    puter_reply *reply)
{
    puter_result result = puter__begin(client, kind);
    if (result != PUTER_OK)
        return result;
    puter__next(client, NULL);
    if (client->phase == PUTER__PHASE_REPLIED && read != NULL &&
        (read(client, wanted) != PUTER_OK ||
         puter__check_answer(client) != PUTER_OK))
        puter__give_up(client);
    return puter__end(client, reply);
}

/* >> session: a TLS session that outlives its process --------------------- */

static puter_result puter__fail_session(puter_client *client, const char *path,
                                        const char *why)
{
    return puter__fail(&client->report, PUTER_ERR_NOT_FOUND,
                       "TLS session %s: %s; the next handshake is a whole one",
                       puter__or_empty(path), why);
}

#if !defined(PUTER_NO_TLS) && !defined(PUTER_NO_STDIO)

#define PUTER__SESSION_MAX 32768

/* What stands in a session's file between its head and the session. Behind that
 * is a hash of it all: Mbed TLS takes damaged sessions for whole. */
typedef struct puter__session_facts {
    int64_t checked;     /* when the certificate was */
    uint64_t store_mark; /* of the store that it was held against */
} puter__session_facts;

/* What the file begins with: whom it is for. */
static void puter__session_head(const puter_client *client, puter_writer *out)
{
    puter__append_string(out, "puter.h TLS session for ");
    puter__append_authority(out, &client->url, 0, true);
    puter__append_string(out, ": ");
}

/* Writes a new file for its owner alone and puts it where the old one was, so
 * that readers find one or the other whole; an errno, or 0. */
static int puter__file_replace(const char *path, const puter_writer *data)
{
    puter_writer name = PUTER__ZERO;
    struct stat about;
    int file, error = 0;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) &&
        !S_ISDIR(about.st_mode))
        return ENOTSUP; /* /dev/null is to stay what it is */
    puter__append_string(&name, path);
    puter__append_string(&name, ".XXXXXX");
    errno = ENOMEM;
    file = name.result == PUTER_OK ? mkstemp(name.text) : -1; /* mode 0600 */
    if (file < 0) {
        error = errno;
    } else {
        errno = ENOSPC; /* where only a part can be written */
        if (write(file, data->text, data->length) != (ssize_t)data->length ||
            rename(name.text, path) != 0) {
            error = errno;
            unlink(name.text);
        }
        close(file);
    }
    puter_writer_free(&name);
    return error;
}

/* Reads a file of this user's that nobody else may read; NULL, or what is
 * wrong with it. */
static const char *puter__file_read(const char *path, puter_writer *data)
{
    struct stat about;
    ssize_t count = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return strerror(errno);
    errno = EACCES;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) &&
        about.st_uid == geteuid() && (about.st_mode & 077) == 0)
        count = read(file, data->text, PUTER__SESSION_MAX);
    close(file);
    if (count < 0)
        return errno == EACCES ? "it must be a file that only its owner, this "
                                 "user, may read"
                               : strerror(errno);
    data->length = (size_t)count;
    data->text[count] = '\0';
    return NULL;
}

/* Takes a session from a file's content; NULL, or why not. */
static const char *puter__session_take(puter_client *client,
                                       const puter_writer *data,
                                       const puter_writer *head)
{
    puter__tls *tls = &client->tls;
    puter__session_facts facts;
    uint64_t hash;
    size_t at = head->length + sizeof facts, end;
    if (!puter__starts(data->text, head->text))
        return "it is none, or for another host";
    end = data->length - sizeof hash;
    memcpy(&facts, data->text + head->length, sizeof facts); /* there is room */
    memcpy(&hash, data->text + end, sizeof hash);
    if (end < at || hash != puter__fnv1a(0, data->text, end))
        return "it is damaged";
    if (!puter__tls_still_checked(tls, facts.checked, facts.store_mark))
        return "it is a day old, or by another CA store";
    if (puter__tls_configure(tls) != 0) {
        puter__tls_free(tls); /* for the next connection to try again */
        return "TLS cannot be set up";
    }
    puter__tls_forget_session(tls);
    mbedtls_ssl_session_init(&tls->session);
    tls->has_session = true;
    if (mbedtls_ssl_session_load(&tls->session,
                                 (unsigned char *)data->text + at,
                                 end - at) != 0) {
        puter__tls_forget_session(tls);
        return "this Mbed TLS cannot use it";
    }
    tls->checked = facts.checked;
    tls->store_mark = facts.store_mark;
    return NULL;
}

/* Writes what a session's file holds; NULL, or why not. */
static const char *puter__session_write(const puter_client *client,
                                        puter_writer *out)
{
    const puter__tls *tls = &client->tls;
    puter__session_facts facts;
    uint64_t hash;
    size_t size = 0;
    facts.checked = tls->checked;
    facts.store_mark = tls->store_mark;
    puter__session_head(client, out);
    puter__append(out, &facts, sizeof facts);
    if (!puter__reserve(out, PUTER__SESSION_MAX))
        return NULL; /* but out->result */
    if (mbedtls_ssl_session_save(&tls->session,
                                 (unsigned char *)out->text + out->length,
                                 PUTER__SESSION_MAX - out->length - sizeof hash,
                                 &size) != 0)
        return "this Mbed TLS cannot use it";
    out->length += size;
    hash = puter__fnv1a(0, out->text, out->length);
    puter__append(out, &hash, sizeof hash);
    return NULL;
}

PUTER_API puter_result puter_session_save(puter_client *client,
                                          const char *path)
{
    puter_result result = puter__enter(client, NULL);
    puter_writer out = PUTER__ZERO;
    const char *wrong = "no path";
    int error = 0;
    if (result != PUTER_OK)
        return result;
    if (path != NULL)
        wrong = client->tls.has_session
                    ? puter__session_write(client, &out)
                    : "there was no verified connection to resume";
    if (wrong == NULL)
        error = out.result == PUTER_OK ? puter__file_replace(path, &out)
                                       : ENOMEM;
    if (wrong != NULL)
        result = puter__fail_session(client, path, wrong);
    else if (error == ENOMEM)
        result = puter__fail_client_memory(client);
    else if (error != 0)
        result = puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                             "TLS session %s: %s", path, strerror(error));
    puter__wipe_free(&out);
    return result;
}

PUTER_API puter_result puter_session_load(puter_client *client,
                                          const char *path)
{
    puter_result result = puter__enter(client, NULL);
    puter_writer data = PUTER__ZERO, head = PUTER__ZERO;
    const char *wrong = "no path";
    if (result != PUTER_OK)
        return result;
    puter__session_head(client, &head);
    if (!puter__reserve(&data, PUTER__SESSION_MAX) || head.result != PUTER_OK)
        puter__fail_client_memory(client);
    else if (client->options.insecure_skip_verify)
        wrong = "this client verifies nobody";
    else if (path != NULL)
        wrong = puter__file_read(path, &data);
    if (wrong == NULL)
        wrong = puter__session_take(client, &data, &head);
    if (client->report.error.result == PUTER_ERR_NOMEM)
        result = PUTER_ERR_NOMEM; /* of ours, or met on the way */
    else if (wrong != NULL)
        result = puter__fail_session(client, path, wrong);
    puter__wipe_free(&data);
    puter_writer_free(&head);
    return result;
}

#else

PUTER_API puter_result puter_session_save(puter_client *client,
                                          const char *path)
{
    puter_result result = puter__enter(client, NULL);
    return result != PUTER_OK
               ? result
               : puter__fail_session(client, path,
                                     "built without TLS, or without files");
}

PUTER_API puter_result puter_session_load(puter_client *client,
                                          const char *path)
{
    return puter_session_save(client, path);
}

#endif

/* >> public: the calls ---------------------------------------------------- */

static const puter_error puter__no_client = {
    "out of memory: there is no client", "", 0, 0, PUTER_ERR_NOMEM};

PUTER_API const puter_error *puter_last_error(const puter_client *client)
{
    return client != NULL ? &client->report.error : &puter__no_client;
}

PUTER_API const char *puter_client_tls_version(const puter_client *client)
{
#ifndef PUTER_NO_TLS
    if (client != NULL && client->tls.active &&
        client->phase != PUTER__PHASE_HANDSHAKE)
        return mbedtls_ssl_get_version(&client->tls.ssl);
#endif
    (void)client;
    return "";
}

PUTER_API void puter_reply_free(puter_reply *reply)
{
    if (reply == NULL)
        return;
    puter__answer_free((puter__answer *)reply->memory);
    memset(reply, 0, sizeof *reply);
}

PUTER_API size_t puter_image_bytes(const puter_image *image, void *buffer,
                                   size_t capacity)
{
    const char *url = puter__or_empty(image->url), *end = url + image->length;
    const char *p = (const char *)memchr(url, ',', image->length);
    unsigned char *out = (unsigned char *)buffer;
    puter__base64 base64 = PUTER__ZERO;
    size_t size = 0;
    if (p == NULL || p - url < 12 || memcmp(url, "data:", 5) != 0 ||
        memcmp(p - 7, ";base64", 7) != 0)
        return 0; /* RFC 2397 */
    for (p++; p < end; p++) {
        int byte = puter__base64_take(&base64, *p);
        if (byte < 0)
            continue;
        if (size < capacity)
            out[size] = (unsigned char)byte;
        size++;
    }
    return size;
}

/* Enters with a question. */
static puter_result puter__enter_chat(puter_client *client,
                                      const puter_request *request,
                                      puter_reply *reply)
{
    puter_result result = puter__enter(client, reply);
    if (result != PUTER_OK)
        return result;
    client->request = request;
    result = puter__check_request(client, request);
    if (result != PUTER_OK)
        puter__finish(client);
    return result;
}

PUTER_API puter_result puter_chat(puter_client *client,
                                  const puter_request *request,
                                  puter_reply *reply)
{
    puter_result result = puter__enter_chat(client, request, reply);
    return result != PUTER_OK
               ? result
               : puter__exchange(client, PUTER__KIND_CHAT, NULL, NULL, reply);
}

PUTER_API puter_result puter_ask(puter_client *client, const char *model,
                                 const char *prompt, puter_reply *reply)
{
    puter_request request = PUTER__ZERO;
    request.model = model;
    request.prompt = prompt;
    return puter_chat(client, &request, reply);
}

PUTER_API puter_result puter_stream_begin(puter_client *client,
                                          const puter_request *request)
{
    puter_result result = puter__enter_chat(client, request, NULL);
    if (result != PUTER_OK)
        return result;
    result = puter__begin(client, PUTER__KIND_STREAM);
    while (result == PUTER_OK && client->phase < PUTER__PHASE_RECEIVE)
        result = puter__step(client);
    if (result < 0)
        puter__finish(client);
    return result == PUTER_WAIT && !client->options.nonblocking ? PUTER_OK
                                                                : result;
}

/* Whether there is a stream to go on with; the failure that kept it from
 * beginning is repeated. */
static puter_result puter__check_stream(puter_client *client)
{
    if (client == NULL)
        return PUTER_ERR_NOMEM;
    if (client->in_tool)
        return puter__fail_in_tool(client);
    if (client->phase != PUTER__PHASE_IDLE)
        puter__forget_error(client); /* of a call that was out of place */
    else if (client->report.error.result == PUTER_OK)
        return puter__misuse(client, "no stream has begun");
    return client->report.error.result;
}

PUTER_API int puter_stream_next(puter_client *client, puter_event *event)
{
    puter_result result = puter__check_stream(client);
    puter_event ignored;
    if (event == NULL)
        event = &ignored;
    memset(event, 0, sizeof *event);
    if (result == PUTER_OK && !client->options.nonblocking &&
        client->phase < PUTER__PHASE_RECEIVE)
        puter__start_clocks(client); /* it was the caller who was away */
    return result != PUTER_OK
               ? (int)result
               : puter__next(client, event);
}

PUTER_API puter_result puter_stream_end(puter_client *client,
                                        puter_reply *reply)
{
    puter_result result = puter__check_stream(client);
    if (reply != NULL)
        memset(reply, 0, sizeof *reply);
    return result != PUTER_OK ? result : puter__end(client, reply);
}

PUTER_API puter_result puter_call(puter_client *client,
                                  const puter_call_request *call,
                                  puter_reply *reply)
{
    puter_result result = puter__enter(client, reply);
    if (result == PUTER_OK &&
        (call == NULL || puter__is_empty(call->interface) ||
         puter__is_empty(call->method)))
        result = puter__misuse(client,
                               "a call needs an interface and a method");
    if (result != PUTER_OK)
        return result;
    client->call = call;
    return puter__exchange(client, PUTER__KIND_CALL, NULL, NULL, reply);
}

PUTER_API puter_result puter_get(puter_client *client, const char *path,
                                 puter_reply *reply)
{
    puter_result result = puter__enter(client, reply);
    if (result == PUTER_OK &&
        (path == NULL || *path != '/' || !puter__is_graphic(path, "#\\")))
        result = puter__misuse(client,
                               "a path begins with / and is ASCII without "
                               "spaces, # and \\; percent-encode those");
    if (result != PUTER_OK)
        return result;
    client->path = path;
    return puter__exchange(client, PUTER__KIND_GET, NULL, NULL, reply);
}

/* Whether an entry of a model list is of a provider: by its member, or, where
 * the list holds names alone, by the name ("provider:vendor/model"). */
static bool puter__model_is_of(puter_client *client, puter_value model,
                               const char *provider)
{
    bool object = puter__is(model, PUTER_OBJECT);
    const char *name = puter__words(
        client, object ? puter__member(model, "provider") : model);
    if (name == NULL)
        return false;
    return puter__same_nocase(name, strcspn(name, object ? "" : ":"),
                              provider) ||
           (!object && strcmp(puter_driver_for_model(name), provider) == 0);
}

/* Writes a value of the reply as it came, a string with its quotes. */
static void puter__write_value(puter_writer *out, puter_value value)
{
    size_t length, quote = puter__is(value, PUTER_STRING) ? 1 : 0;
    const char *text = puter__span(value, &length);
    puter_write_raw(out, text - quote, length + 2 * quote);
}

/* Makes of any list {"models":[...]}, with the provider's alone. */
static puter_result puter__read_models(puter_client *client,
                                       const char *provider)
{
    puter_value root = puter_json_root(&client->json);
    puter_value list = puter__first_of(root, "models", "result");
    puter_writer *out = &client->answer->turns; /* unused by a list */
    size_t i;
    if (!puter__is(list, PUTER_ARRAY))
        return puter__fail_reply(client, "no list is in it");
    puter_write_begin_object(out);
    puter_write_key(out, "models");
    puter_write_begin_array(out);
    for (i = 0; i < puter_json_count(list); i++) {
        puter_value model = puter_json_at(list, i);
        if (provider != NULL && !puter__model_is_of(client, model, provider)) {
            if (client->scratch.result != PUTER_OK)
                out->result = client->scratch.result;
            continue;
        }
        puter__write_value(out, model);
    }
    puter_write_end_array(out);
    puter_write_end_object(out);
    if (out->result == PUTER_OK) { /* else what came stays as it is */
        puter_writer_free(&client->answer->body);
        client->answer->body = *out;
        memset(out, 0, sizeof *out);
    }
    return PUTER_OK;
}

/* The three places where services keep the list, the best first; the last
 * needs a token. */
PUTER_API puter_result puter_models(puter_client *client, const char *provider,
                                    puter_reply *reply)
{
    static const char *const paths[] = {"/puterai/chat/models/details",
                                        "/puterai/chat/models", NULL};
    puter_call_request call = PUTER__ZERO;
    puter_result result = PUTER_OK;
    size_t i;
    call.interface = "puter-chat-completion";
    call.driver = "ai-chat";
    call.method = "models";
    for (i = 0; i < PUTER__COUNT(paths); i++) {
        result = puter__enter(client, reply);
        if (result != PUTER_OK)
            return result;
        client->path = paths[i];
        client->call = &call;
        result = puter__exchange(
            client, paths[i] != NULL ? PUTER__KIND_GET : PUTER__KIND_LIST,
            puter__read_models, provider, reply);
        /* without a token, a reply that is no list says more than that the last
         * place needs one */
        if (result != PUTER_ERR_NOT_FOUND &&
            (result != PUTER_ERR_PROTOCOL ||
             (i + 2 == PUTER__COUNT(paths) &&
              puter__is_empty(client->options.token))))
            break;
        if (paths[i] != NULL)
            puter_reply_free(reply);
    }
    return result;
}

/* -- thin forms of puter_call -- */

/* Finds the result in a reply that is there: what JSON says is one, or bytes
 * that are no text, which a proxy may have written. */
static puter_result puter__find_result(puter_client *client,
                                       puter_value *result)
{
    const char *type = client->http.content_type;
    puter_value root = puter_json_root(&client->json);
    bool is_one;
    *result = puter__member(root, "result");
    is_one = !puter__is(*result, PUTER_MISSING) ||
             puter_json_bool(puter__member(root, "success"));
    if (puter__is(root, PUTER_MISSING))
        is_one = type[0] != '\0' && !puter__listed("text/* *json*", type);
    return is_one ? PUTER_OK
                  : puter__fail_reply(client, "no result is in it");
}

/* The text in a result of reading or hearing: a string, {text}, or else
 * {blocks:[{text}]} or {pages:[{markdown}]}; among blocks, words repeat what
 * the lines say. */
static puter_result puter__read_text(puter_client *client, const char *wanted)
{
    puter_writer *text = &client->answer->text.writer;
    puter_value value, list;
    puter_result result = puter__find_result(client, &value);
    size_t i;
    (void)wanted;
    list = puter__first_of(value, "blocks", "pages");
    if (puter__is(value, PUTER_OBJECT))
        value = puter__member(value, "text");
    puter__append_text(text, value);
    if (text->length > 0)
        return result;
    for (i = 0; i < puter_json_count(list); i++) {
        puter_value block = puter_json_at(list, i);
        puter_value item = puter__first_of(block, "text", "markdown");
        if (!puter__is(item, PUTER_STRING) ||
            puter__type_is(block, "text/textract:WORD"))
            continue;
        puter__append(text, "\n", text->length > 0);
        puter__append_text(text, item);
    }
    return result;
}

/* Any value. */
static puter_result puter__read_any(puter_client *client, const char *wanted)
{
    puter_value value;
    puter_result result = puter__find_result(client, &value);
    (void)wanted;
    puter__append_any(&client->answer->text.writer, value);
    return result;
}

/* The keys of a list that a pattern covers, all for NULL, as a JSON array. */
static puter_result puter__read_keys(puter_client *client, const char *pattern)
{
    puter_writer *out = &client->answer->text.writer;
    puter_value list;
    puter_result result = puter__find_result(client, &list);
    size_t i;
    if (result == PUTER_OK && !puter__is(list, PUTER_ARRAY))
        result = puter__fail_reply(client, "no list is in it");
    if (result != PUTER_OK)
        return result;
    puter_write_begin_array(out);
    for (i = 0; i < puter_json_count(list); i++) {
        puter_value item = puter_json_at(list, i);
        const char *key = puter__words(client, item);
        if (key == NULL)
            return puter__fail_client_memory(client);
        if (puter__is(item, PUTER_STRING) &&
            (pattern == NULL ||
             puter__matches(pattern, strlen(pattern), key, false)))
            puter__write_value(out, item);
    }
    puter_write_end_array(out);
    return PUTER_OK;
}

/* A method that has a form of its own, and what reads its result. */
typedef struct puter__method {
    const char *interface_name;
    const char *name;
    puter__reader *read;
} puter__method;

/* Calls with args that were written, and reads the result. Where what the call
 * cannot do without was missing, they hold PUTER_ERR_ARGUMENT. */
static puter_result puter__call_with(puter_client *client,
                                     const puter__method *method,
                                     puter_writer *args, const char *wanted,
                                     puter_reply *reply)
{
    puter_call_request call = PUTER__ZERO;
    puter_result result = puter__enter(client, reply);
    puter_write_end_object(args);
    call.interface = method->interface_name;
    call.method = method->name;
    call.args = args->text;
    if (result == PUTER_OK && args->result == PUTER_ERR_ARGUMENT)
        result = puter__fail(&client->report, PUTER_ERR_ARGUMENT,
                             "%s %s: an argument is missing or empty",
                             method->interface_name, method->name);
    else if (result == PUTER_OK && args->result != PUTER_OK)
        result = puter__fail_request(client, args->result);
    if (result == PUTER_OK) {
        client->call = &call;
        result = puter__exchange(client, PUTER__KIND_CALL, method->read, wanted,
                                 reply);
    }
    puter_writer_free(args);
    return result;
}

/* The same with strings for args, as keys and values; the first is the one
 * that the call cannot do without. */
static puter_result puter__call_strings(puter_client *client,
                                        const puter__method *method,
                                        const char *const *pairs, size_t count,
                                        puter_reply *reply)
{
    puter_writer args = PUTER__ZERO;
    size_t i;
    puter_write_begin_object(&args);
    for (i = 0; i < count; i += 2)
        puter__write_member(&args, pairs[i], pairs[i + 1]);
    if (puter__is_empty(pairs[1]))
        args.result = PUTER_ERR_ARGUMENT;
    return puter__call_with(client, method, &args, NULL, reply);
}

PUTER_API puter_result puter_text_to_image(puter_client *client,
                                           const char *prompt,
                                           const char *model,
                                           puter_reply *reply)
{
    static const puter__method method = {"puter-image-generation", "generate",
                                         puter__read_any};
    const char *const args[] = {"prompt", prompt, "model", model};
    return puter__call_strings(client, &method, args, PUTER__COUNT(args),
                               reply);
}

PUTER_API puter_result puter_text_to_speech(puter_client *client,
                                            const char *text,
                                            const char *language,
                                            const char *voice,
                                            puter_reply *reply)
{
    static const puter__method method = {"puter-tts", "synthesize",
                                         puter__read_any};
    const char *const args[] = {"text",  text, "language", language,
                                "voice", voice};
    return puter__call_strings(client, &method, args, PUTER__COUNT(args),
                               reply);
}

PUTER_API puter_result puter_image_to_text(puter_client *client,
                                           const char *source,
                                           puter_reply *reply)
{
    static const puter__method method = {"puter-ocr", "recognize",
                                         puter__read_text};
    const char *const args[] = {"source", source};
    return puter__call_strings(client, &method, args, PUTER__COUNT(args),
                               reply);
}

PUTER_API puter_result puter_speech_to_text(puter_client *client,
                                            const void *data, size_t size,
                                            const char *mime_type,
                                            const char *model,
                                            puter_reply *reply)
{
    static const puter__method method = {"puter-speech2txt", "transcribe",
                                         puter__read_text};
    puter_writer args = PUTER__ZERO;
    puter_write_begin_object(&args);
    puter_write_key(&args, "file");
    puter__write_data_url(&args, data, data != NULL ? size : 0,
                          mime_type != NULL ? mime_type : "audio/mpeg");
    puter__write_member(&args, "model", model);
    if (data == NULL || size == 0)
        args.result = PUTER_ERR_ARGUMENT;
    return puter__call_with(client, &method, &args, NULL, reply);
}

PUTER_API puter_result puter_kv_get(puter_client *client, const char *key,
                                    puter_reply *reply)
{
    static const puter__method method = {"puter-kvstore", "get",
                                         puter__read_any};
    const char *const args[] = {"key", key};
    return puter__call_strings(client, &method, args, PUTER__COUNT(args),
                               reply);
}

PUTER_API puter_result puter_kv_set(puter_client *client, const char *key,
                                    const char *value_json,
                                    puter_reply *reply)
{
    static const puter__method method = {"puter-kvstore", "set",
                                         puter__read_any};
    puter_writer args = PUTER__ZERO;
    puter_result result = puter__enter(client, reply);
    if (result == PUTER_OK)
        result = puter__check_json(client, "the value", value_json, false);
    if (result != PUTER_OK)
        return result;
    puter_write_begin_object(&args);
    puter__write_member(&args, "key", key);
    puter_write_key(&args, "value");
    puter__write_document(&args, value_json != NULL ? value_json : "null");
    if (puter__is_empty(key))
        args.result = PUTER_ERR_ARGUMENT;
    return puter__call_with(client, &method, &args, NULL, reply);
}

/* Services of 2025 know no pattern, those of 2026 take a prefix for one: the
 * rest is done here. */
PUTER_API puter_result puter_kv_list(puter_client *client,
                                     const char *pattern, puter_reply *reply)
{
    static const puter__method method = {"puter-kvstore", "list",
                                         puter__read_keys};
    size_t prefix = pattern != NULL ? strcspn(pattern, "*") : 0;
    puter_writer args = PUTER__ZERO;
    puter_write_begin_object(&args);
    puter__write_member(&args, "as", "keys");
    if (prefix > 0)
        puter__write_text(&args, "pattern", pattern, prefix);
    return puter__call_with(client, &method, &args, pattern, reply);
}

/* -- open and close -- */

PUTER_API puter_client *puter_open(const puter_options *options)
{
    puter_client *client = (puter_client *)PUTER_MALLOC(sizeof *client);
    if (client == NULL)
        return NULL;
    memset(client, 0, sizeof *client);
    if (options != NULL)
        client->options = *options;
    puter__set_transport(client);
    puter__adopt_strings(client);
    client->defective = puter__check_options(client) != PUTER_OK;
    puter__set_numbers(&client->options);
    /* The public service is known to speak only the one. */
    client->learned = puter__same(client->url.host, "api.puter.com")
                          ? PUTER_ROUTE_UNIFIED
                          : PUTER_ROUTE_DRIVER;
#ifndef PUTER_NO_TLS
    client->tls.below = client->transport;
    client->tls.report = &client->report;
    client->tls.url = &client->url;
    client->tls.options = &client->options;
#endif
    return client;
}

static void puter__release(const char *text)
{
    if (text != NULL)
        puter__wipe((char *)text, strlen(text));
    PUTER_FREE((char *)text);
}

PUTER_API void puter_close(puter_client *client)
{
    size_t i;
    if (client == NULL || client->in_tool)
        return;
    puter__disconnect(client);
#ifndef PUTER_NO_TLS
    puter__tls_free(&client->tls);
#endif
    puter__wipe_free(&client->out);
    puter__answer_free(client->answer);
    PUTER_FREE(client->json.nodes);
    PUTER_FREE(client->input);
    for (i = 0; i < PUTER__COUNT(puter__strings); i++)
        puter__release(*puter__string(&client->options, i));
    puter__wipe_free(&client->proxy_user);
    puter__wipe_free(&client->scratch);
    puter__wipe(client, sizeof *client);
    PUTER_FREE(client);
}

#ifdef __cplusplus
}
#endif

#undef PUTER__PRINTF
#undef PUTER__STRING
#undef PUTER__NUMBER
#undef PUTER__VERSION
#undef PUTER__COUNT
#undef PUTER__PLAIN_DOUBLE
#undef PUTER__ZERO
#undef PUTER__REPLACEMENT
#undef PUTER__BOM
#undef PUTER__DEPTH_MAX
#undef PUTER__DOCUMENT_MAX
#undef PUTER__TYPE
#undef PUTER__ESCAPED
#undef PUTER__ONE
#undef PUTER__TOP
#undef PUTER__NEVER
#undef PUTER__SEND_FLAGS
#undef PUTER__SOCKET_TYPE
#undef PUTER__ADDRESSES_MAX
#undef PUTER__SEQUENCE
#undef PUTER__BELOW_FAILED
#undef PUTER__TAKEN_MAX
#undef PUTER__SESSION_AGE
#undef PUTER__BAD_CERTIFICATE
#undef PUTER__INPUT_SIZE
#undef PUTER__HEAD_MAX
#undef PUTER__HEAD_LINES_MAX
#undef PUTER__INTERIM_MAX
#undef PUTER__OVERHEAD_MAX
#undef PUTER__PREFIXED
#undef PUTER__JSON_TYPES
#undef PUTER__REQUEST_MAX
#undef PUTER__KEPT_MAX
#undef PUTER__SESSION_MAX

#endif /* the POSIX declarations are there */
#endif /* PUTER_IMPLEMENTATION */

/* MIT License
 *
 * Copyright (c) 2026 the puter.h authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to
 * deal in the Software without restriction, including without limitation the
 * rights to use, copy, modify, merge, publish, distribute, sublicense, and/or
 * sell copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
 * FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
 * IN THE SOFTWARE.
 */
