/* chat - asks the AI models behind a Puter service, from a shell.
 *
 *     cc examples/chat.c -o chat -lmbedtls -lmbedx509 -lmbedcrypto
 *     cc -DHAVE_LIBEDIT examples/chat.c -o chat \
 *         -ledit -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * Only the answer goes to standard output, all else to standard error.
 * chat_token.h keeps the token, chat_login.h gets it, chat_doctor.h finds
 * out what is wrong.
 */
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_LIBEDIT
#include <editline/readline.h>
#include <locale.h>
#include <poll.h>
#include <sys/ioctl.h>
#endif

/* Exit statuses. */
enum { ANSWERED = 0, FAILED = 1, MISUSED = 2, INTERRUPTED = 130 };

/* What the service takes in one request, and so of a file. */
static const size_t most_bytes = (size_t)50 * 1024 * 1024;

struct session;

/* What the command line asks for. */
struct settings {
    puter_options client;
    puter_request request;
    puter_part *images; /* of the first turn; their data is ours */
    size_t image_count;
    int (*task)(struct session *session);
    char **words; /* of the prompt, or the provider whose models to list */
    int word_count;
    bool no_stream;
    bool json;
    bool usage;
};

/* What is shown, where, and what has to be tidied up after it. */
struct terminal {
    bool guarded;       /* standard output is one: nothing may steer it */
    bool lively;        /* so is standard error: signs of life, thoughts */
    bool waiting;       /* nothing of this answer was shown yet */
    unsigned frames;    /* of the sign of life, drawn so far */
    int64_t drawn;      /* when the last was, in eighths of a second */
    bool dimmed;        /* in the middle of the model's thoughts */
    unsigned char held; /* the first byte of what may be a C1 control */
    unsigned char held_thought;
    char last;       /* the last byte of the answer */
    int write_error; /* errno, once standard output has failed */
};

struct session {
    struct settings settings;
    struct terminal terminal;
    puter_client *client;
    bool converses;
    puter_history history; /* of the conversation */
    char *token;           /* the one that was kept, where it is used */
};

/* ---- failures and interruptions ----------------------------------------- */

static volatile sig_atomic_t interrupted;

/* The first Ctrl-C asks the library to stop. A second one before it has means
 * that it cannot: the resolver does not let go. */
static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (interrupted)
        _exit(INTERRUPTED);
    interrupted = 1;
}

/* Without SA_RESTART, so that a read from the keyboard ends as well. */
static void catch_signals(void)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, NULL, &before);
    if (before.sa_handler != SIG_IGN) /* as a shell has it in the background */
        sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN; /* a closed pipe is a failed write */
    sigaction(SIGPIPE, &action, NULL);
}

/* Says what is wrong and gives the exit status back. After Ctrl-C nothing is:
 * what failed was stopped. */
static int complain(int status, const char *format, ...)
{
    va_list values;
    if (interrupted)
        return INTERRUPTED;
    va_start(values, format);
    fputs("chat: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    return status;
}

static void *resize(void *memory, size_t size)
{
    void *resized = realloc(memory, size);
    if (!resized)
        exit(complain(FAILED, "out of memory"));
    return resized;
}

/* vprintf, into memory of its own. */
static char *format_values(const char *format, va_list values)
{
    size_t length;
    char *text = NULL;
    FILE *file = open_memstream(&text, &length);
    if (file)
        vfprintf(file, format, values);
    if (!file || fclose(file) != 0)
        exit(complain(FAILED, "out of memory"));
    return text;
}

static char *format_text(const char *format, ...)
{
    va_list values;
    char *text;
    va_start(values, format);
    text = format_values(format, values);
    va_end(values);
    return text;
}

/* What the environment says; as for the library, an empty variable is none. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Closed standard files are held by /dev/null, opened the wrong way round, so
 * that they stay unusable: a socket with the number of standard output would
 * be sent the answer. */
static void hold_standard_files(void)
{
    int file;
    for (file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0)
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* ---- the terminal ------------------------------------------------------- */

static void open_terminal(struct terminal *terminal)
{
    const char *kind = variable("TERM");
    terminal->guarded = isatty(STDOUT_FILENO);
    terminal->lively = terminal->guarded && isatty(STDERR_FILENO) && kind &&
                       strcmp(kind, "dumb") != 0;
}

/* Writes text so that it does not steer a terminal: but for line ends and
 * tabs, C0 controls and DEL become their pictures (U+2400 on), C1 controls
 * (U+0080 to U+009F) become U+FFFD. The first byte of what may be one is held,
 * as the text may have been cut behind it. */
static void write_guarded(FILE *file, unsigned char *held, const char *text,
                          size_t length)
{
    size_t i;
    for (i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool control = *held && byte >= 0x80 && byte <= 0x9F;
        if (*held && !control)
            putc(*held, file);
        *held = byte == 0xC2 ? byte : 0;
        if (control)
            fputs("\xEF\xBF\xBD", file);
        else if (byte == 0x7F)
            fputs("\xE2\x90\xA1", file);
        else if (byte < 0x20 && byte != '\n' && byte != '\t')
            fprintf(file, "\xE2\x90%c", 0x80 + byte);
        else if (!*held)
            putc(byte, file);
    }
}

/* Notes what became of writes to standard output. One that Ctrl-C ended does
 * not count: the terminal works. */
static void flush_output(struct terminal *terminal)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (failed && !interrupted && !terminal->write_error)
        terminal->write_error = errno ? errno : EIO;
    clearerr(stdout);
}

/* Draws the sign of life, eight times a second, at the beginning of a line. */
static void show_life(struct terminal *terminal)
{
    static const char shapes[] = "|/-\\";
    struct timespec now;
    if (!terminal->lively || !terminal->waiting)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec * 8 + now.tv_nsec / 125000000 == terminal->drawn)
        return;
    terminal->drawn = now.tv_sec * 8 + now.tv_nsec / 125000000;
    if (terminal->frames)
        fputc('\r', stderr);
    fputc(shapes[terminal->frames++ % 4], stderr);
}

/* Erases the sign of life and ends the model's thoughts. */
static void tidy(struct terminal *terminal)
{
    if (terminal->frames)
        fputs("\r\033[K", stderr);
    if (terminal->dimmed)
        fputs("\033[0m\n", stderr);
    terminal->frames = 0;
    terminal->waiting = terminal->dimmed = false;
}

static void show_thought(struct terminal *terminal, const char *text,
                         size_t length)
{
    if (!terminal->lively || !length)
        return;
    if (!terminal->dimmed) {
        tidy(terminal);
        fputs("\033[2m", stderr);
        terminal->dimmed = true;
    }
    write_guarded(stderr, &terminal->held_thought, text, length);
}

/* Shows a piece of the answer, at once. */
static void show_text(struct terminal *terminal, const char *text,
                      size_t length)
{
    if (!length)
        return;
    tidy(terminal);
    errno = 0;
    if (terminal->guarded)
        write_guarded(stdout, &terminal->held, text, length);
    else
        fwrite(text, 1, length, stdout);
    terminal->last = text[length - 1];
    flush_output(terminal);
}

static void begin_answer(struct terminal *terminal)
{
    terminal->waiting = true;
    terminal->last = '\n';
    terminal->held = terminal->held_thought = 0;
}

/* Leaves the cursor at the beginning of a line, also where the keyboard has
 * written "^C" on it. What goes elsewhere than to a terminal as it came gets no
 * byte more. */
static void end_answer(struct terminal *terminal, bool as_it_came)
{
    bool line_ends =
        terminal->last == '\n' || (as_it_came && !terminal->guarded);
    bool tidied = terminal->frames || terminal->dimmed;
    tidy(terminal);
    if (!line_ends || (interrupted && terminal->guarded && !tidied))
        show_text(terminal, "\n", 1);
}

/* The last word on a program's exit status. */
static int close_output(struct terminal *terminal, int status)
{
    errno = 0;
    flush_output(terminal);
    if (!terminal->write_error || status == INTERRUPTED)
        return status;
    return complain(FAILED, "standard output cannot be written: %s",
                    strerror(terminal->write_error));
}

/* ---- the question ------------------------------------------------------- */

/* Text or bytes that grow. */
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
};

/* Reads a file to its end, NUL-ended. NULL, or why it could not be. */
static const char *read_to_end(FILE *file, struct buffer *buffer)
{
    do {
        if (buffer->size + 1 >= buffer->capacity) {
            buffer->capacity = 2 * buffer->capacity + 65536;
            buffer->data = (char *)resize(buffer->data, buffer->capacity);
        }
        buffer->size += fread(buffer->data + buffer->size, 1,
                              buffer->capacity - buffer->size - 1, file);
        if (buffer->size > most_bytes)
            return "it is larger than 50 MiB";
    } while (!feof(file) && !ferror(file));
    buffer->data[buffer->size] = '\0';
    return ferror(file) ? strerror(errno) : NULL;
}

static char *read_standard_input(void)
{
    struct buffer prompt = {NULL, 0, 0};
    const char *problem = read_to_end(stdin, &prompt);
    if (problem)
        exit(complain(FAILED, "standard input cannot be read: %s", problem));
    if (memchr(prompt.data, '\0', prompt.size))
        exit(complain(FAILED,
                      "standard input is not text: it holds a NUL byte"));
    if (prompt.size && prompt.data[prompt.size - 1] == '\n')
        prompt.data[prompt.size - 1] = '\0';
    return prompt.data;
}

static char *join_words(char **words, int count)
{
    size_t size = 1;
    char *joined, *end;
    int i;
    for (i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    joined = end = (char *)resize(NULL, size);
    for (i = 0; i < count; i++)
        end += sprintf(end, "%s%s", i ? " " : "", words[i]);
    return joined;
}

/* The formats that models take, by what their files begin with. */
static bool is_image(const char *data, size_t size)
{
    static const struct {
        size_t offset;
        size_t length;
        const char *bytes;
    } beginnings[] = {{0, 8, "\x89PNG\r\n\x1A\n"},
                      {0, 3, "\xFF\xD8\xFF"}, /* JPEG */
                      {0, 4, "GIF8"},
                      {8, 4, "WEBP"}};
    size_t i;
    for (i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        size_t offset = beginnings[i].offset, length = beginnings[i].length;
        if (size >= offset + length &&
            memcmp(data + offset, beginnings[i].bytes, length) == 0)
            return true;
    }
    return false;
}

static void read_image(puter_part *image, const char *path)
{
    struct buffer content = {NULL, 0, 0};
    FILE *file = fopen(path, "rb");
    const char *problem = file ? read_to_end(file, &content) : strerror(errno);
    if (!problem && !is_image(content.data, content.size))
        problem = "it is not PNG, JPEG, GIF or WebP";
    if (problem)
        exit(complain(FAILED, "the image '%s' cannot be sent: %s", path,
                      problem));
    fclose(file);
    image->data = content.data;
    image->size = content.size;
}

static bool is_url(const char *text)
{
    return strncmp(text, "https://", 8) == 0 ||
           strncmp(text, "http://", 7) == 0 || strncmp(text, "data:", 5) == 0;
}

static void add_image(struct settings *settings, const char *source)
{
    puter_part *image;
    settings->images = (puter_part *)resize(
        settings->images, (settings->image_count + 1) * sizeof *image);
    image = &settings->images[settings->image_count++];
    memset(image, 0, sizeof *image);
    image->type = PUTER_PART_IMAGE;
    if (is_url(source))
        image->text = source;
    else
        read_image(image, source);
}

/* Refuses words beyond those that a task has a use for. */
static void refuse_words(const struct settings *settings, int most)
{
    if (settings->word_count > most)
        exit(complain(MISUSED, "'%s' is a word too many",
                      settings->words[most]));
}

#include "chat_token.h"

#include "chat_login.h"

/* ---- the answer --------------------------------------------------------- */

/* Asked by the library whenever it waits. */
static bool cancelled(void *user)
{
    show_life((struct terminal *)user);
    return interrupted != 0;
}

static void show_event(struct session *session, const puter_event *event)
{
    if (session->settings.json)
        return; /* shown as it came, at the end */
    if (event->type == PUTER_EVENT_TEXT)
        show_text(&session->terminal, event->text, event->length);
    else if (event->type == PUTER_EVENT_REASONING)
        show_thought(&session->terminal, event->text, event->length);
}

static puter_result stream_answer(struct session *session,
                                  const puter_request *request,
                                  puter_reply *reply)
{
    puter_event event;
    puter_result result = puter_stream_begin(session->client, request);
    if (result != PUTER_OK)
        return result;
    while (!session->terminal.write_error &&
           puter_stream_next(session->client, &event) == 1)
        show_event(session, &event);
    return puter_stream_end(session->client, reply);
}

static puter_result whole_answer(struct session *session,
                                 const puter_request *request,
                                 puter_reply *reply)
{
    puter_result result = puter_chat(session->client, request, reply);
    if (result == PUTER_OK && !session->settings.json) {
        show_thought(&session->terminal, reply->reasoning,
                     reply->reasoning_length);
        show_text(&session->terminal, reply->text, reply->length);
    }
    return result;
}

static void report_usage(const puter_usage *usage)
{
    fputs("usage:", stderr);
    if (usage->has_prompt_tokens)
        fprintf(stderr, " prompt %" PRId64, usage->prompt_tokens);
    if (usage->has_cached_tokens)
        fprintf(stderr, " cached %" PRId64, usage->cached_tokens);
    if (usage->has_completion_tokens)
        fprintf(stderr, " completion %" PRId64, usage->completion_tokens);
    if (usage->has_usd_cents)
        fprintf(stderr, " cents %.10g", usage->usd_cents);
    if (!usage->has_prompt_tokens && !usage->has_completion_tokens &&
        !usage->has_cached_tokens && !usage->has_usd_cents)
        fputs(" not told by the service", stderr);
    fputc('\n', stderr);
}

/* What there is to say beside the text of an answer. */
static void report_answer(const struct settings *settings,
                          const puter_reply *reply)
{
    if (reply->blocked)
        complain(ANSWERED,
                 "the service blocked the question: the text is a filler, "
                 "not an answer");
    if (reply->usage_limited)
        complain(ANSWERED,
                 "the account is out of credit: the text is the service's "
                 "notice, not an answer");
    if (reply->image_count && !settings->json)
        complain(ANSWERED, "the answer holds %zu image(s): --json shows them",
                 reply->image_count);
    if (settings->usage)
        report_usage(&reply->usage);
}

/* The exit status of an exchange, which it explains where it is not 0. */
static int conclude(const struct session *session, puter_result result)
{
    if (session->terminal.write_error)
        return FAILED; /* close_output says why */
    if (result == PUTER_OK)
        return ANSWERED;
    return complain(FAILED, "%s", puter_last_error(session->client)->message);
}

/* A question as the turn that it is. The pictures go with the first. */
static puter_message turn_of(const struct session *session,
                             const char *question)
{
    puter_message turn;
    memset(&turn, 0, sizeof turn);
    turn.role = "user";
    turn.content = question;
    if (session->history.message_count == 0) {
        turn.parts = session->settings.images;
        turn.part_count = session->settings.image_count;
    }
    return turn;
}

/* A turn is kept with its answer, whole or interrupted; a question without
 * one is not, and neither are the service's own words. */
static void keep_turn(puter_history *history, const puter_message *turn,
                      const puter_reply *reply)
{
    if (reply->blocked || reply->usage_limited || !reply->length)
        return;
    if (puter_history_add_message(history, turn) != PUTER_OK ||
        puter_history_add_reply(history, reply) != PUTER_OK)
        exit(complain(FAILED, "out of memory"));
}

static int ask(struct session *session, const char *question)
{
    const struct settings *settings = &session->settings;
    puter_history *history = &session->history;
    puter_request request = settings->request;
    puter_message turn = turn_of(session, question);
    puter_reply reply;
    puter_result result;
    bool silent;
    int status;

    request.messages = &turn;
    request.message_count = 1;
    request.discard =
        !settings->json && !settings->no_stream && !session->converses;
    if (history->message_count) {
        request.messages = history->messages;
        request.message_count = history->message_count;
        request.prompt = question;
    }
    memset(&reply, 0, sizeof reply);
    begin_answer(&session->terminal);
    result = settings->no_stream ? whole_answer(session, &request, &reply)
                                 : stream_answer(session, &request, &reply);
    if (settings->json)
        show_text(&session->terminal, reply.json, reply.json_length);
    silent = session->terminal.waiting;
    end_answer(&session->terminal, settings->json);
    status = conclude(session, result);
    if (status == ANSWERED && silent && !reply.image_count)
        complain(ANSWERED, "the answer is empty");
    if (status == ANSWERED)
        report_answer(settings, &reply);
    if (status != FAILED && session->converses)
        keep_turn(history, &turn, &reply);
    puter_reply_free(&reply);
    return status;
}

/* ---- a conversation ----------------------------------------------------- */

/* read_line gives the next line without its end; NULL at the end of the input
 * and after Ctrl-C. */
#ifdef HAVE_LIBEDIT
/* libedit drops the characters that the locale lacks: without one, all but
 * ASCII's. A tab is text as well, since there is nothing to complete. */
static void prepare_keyboard(void)
{
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
    rl_bind_key('\t', rl_insert);
}

/* Whether Ctrl-D was pressed while an answer ran, and nothing else: the end of
 * the input that the terminal keeps, libedit would take for another key. */
static bool take_end(void)
{
    struct pollfd keyboard = {STDIN_FILENO, POLLIN, 0};
    int size;
    char none;
    return poll(&keyboard, 1, 0) > 0 &&
           ioctl(STDIN_FILENO, FIONREAD, &size) == 0 && size == 0 &&
           read(STDIN_FILENO, &none, 1) == 0;
}

static char *read_line(void)
{
    char *line;
    if (take_end())
        return NULL;
    do { /* where no shell is to stop chat for, Ctrl-Z ends the read alone */
        errno = 0;
        line = readline("> ");
    } while (!line && errno == EINTR && !interrupted && getsid(0) == getpgrp());
    if (line && *line)
        add_history(line);
    return line;
}
#else
static void prepare_keyboard(void)
{
}

static char *read_line(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    fputs("> ", stdout);
    fflush(stdout);
    length = getline(&line, &capacity, stdin);
    if (length < 0 || interrupted) {
        free(line);
        clearerr(stdin);
        return NULL;
    }
    if (memchr(line, '\0', (size_t)length)) {
        complain(FAILED, "the line is not text: it holds a NUL byte");
        line[0] = '\0'; /* nothing is asked */
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}
#endif

/* Whether a line is a word, "" for none, whatever blanks there are around. */
static bool is_only(const char *line, const char *word)
{
    static const char blanks[] = " \t\r\v\f";
    size_t length = strlen(word);
    line += strspn(line, blanks);
    return strncmp(line, word, length) == 0 &&
           line[length + strspn(line + length, blanks)] == '\0';
}

static int converse(struct session *session)
{
    session->converses = true;
    prepare_keyboard();
    if (session->terminal.lively)
        fputs("Ctrl-C stops an answer, exit or Ctrl-D ends.\n", stderr);
    for (;;) {
        char *line = read_line();
        bool ended = line ? is_only(line, "exit") : !interrupted;
        interrupted = 0;
        if (!line)
            show_text(&session->terminal, "\n", 1);
        else if (!is_only(line, "") && !ended)
            ask(session, line);
        interrupted = 0; /* the answer, not the conversation */
        free(line);
        if (ended || session->terminal.write_error)
            return ANSWERED;
    }
}

/* The task of a command line that names no other. */
static int chat(struct session *session)
{
    const struct settings *settings = &session->settings;
    char *prompt;
    int status;
    open_client(session, true);
    if (!settings->client.token && !variable("PUTER_AUTH_TOKEN"))
        return complain(FAILED, "no token: sign in (chat --login) or set "
                                "$PUTER_AUTH_TOKEN");
    if (!settings->word_count && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return converse(session);
    prompt = settings->word_count
                 ? join_words(settings->words, settings->word_count)
                 : read_standard_input();
    status = *prompt || settings->image_count
                 ? ask(session, prompt)
                 : complain(FAILED, "the question is empty");
    free(prompt);
    return status;
}

/* ---- the models --------------------------------------------------------- */

/* A cell of the table: text, a number, or a dash for anything else. */
static const char *cell(char text[32], puter_value value, double factor,
                        int decimals)
{
    if (puter_json_type(value) == PUTER_STRING)
        return puter_json_string(value, NULL);
    if (puter_json_type(value) != PUTER_NUMBER)
        return "-";
    snprintf(text, 32, "%.*f", decimals, puter_json_number(value) * factor);
    return text;
}

/* Lists of older services hold names alone. */
static puter_value model_id(puter_value model)
{
    return puter_json_type(model) == PUTER_STRING ? model
                                                  : puter_json_get(model, "id");
}

/* What tokens cost, under the name that the model itself gives for it. */
static puter_value model_cost(puter_value model, const char *key_name,
                              const char *usual_key)
{
    const char *key = puter_json_string(puter_json_get(model, key_name), NULL);
    if (!*key)
        key = usual_key;
    return puter_json_member(puter_json_get(model, "costs"), key, strlen(key));
}

/* Prices come in cents for as many tokens as the model says, and are shown
 * in dollars for a million. */
static void write_model(FILE *page, const char *row, int width,
                        puter_value model)
{
    char text[5][32];
    double tokens = puter_json_number(puter_json_get(model, "costs.tokens"));
    double dollars = 1e4 / (tokens > 0 ? tokens : 1e6);
    puter_value in = model_cost(model, "input_cost_key", "prompt_tokens");
    puter_value out = model_cost(model, "output_cost_key", "completion_tokens");
    fprintf(page, row, width, cell(text[0], model_id(model), 1, 0),
            cell(text[1], puter_json_get(model, "provider"), 1, 0),
            cell(text[2], puter_json_get(model, "context"), 1, 0),
            cell(text[3], in, dollars, 3), cell(text[4], out, dollars, 3));
}

static void write_models(FILE *page, puter_value list)
{
    static const char row[] = "%-*s  %-17s  %9s  %9s  %9s\n";
    size_t i, count = puter_json_count(list), width = 5;
    for (i = 0; i < count; i++) {
        size_t length =
            strlen(puter_json_string(model_id(puter_json_at(list, i)), NULL));
        if (length > width && length < 80)
            width = length;
    }
    fprintf(page, row, (int)width, "model", "provider", "context", "$/M in",
            "$/M out");
    for (i = 0; i < count; i++)
        write_model(page, row, (int)width, puter_json_at(list, i));
}

/* False, showing nothing, where there are none. */
static bool show_models(struct terminal *terminal, const puter_reply *reply)
{
    puter_error error;
    puter_json *json =
        puter_json_parse(reply->json, reply->json_length, &error);
    puter_value list = puter_json_get(puter_json_root(json), "models");
    bool any = puter_json_count(list) > 0;
    char *text = NULL;
    size_t length = 0;
    FILE *page = open_memstream(&text, &length);
    if (!json)
        exit(complain(FAILED, "the list of models: %s", error.message));
    if (!page)
        exit(complain(FAILED, "out of memory"));
    if (any)
        write_models(page, list);
    if (fclose(page) != 0)
        exit(complain(FAILED, "out of memory"));
    show_text(terminal, text, length);
    free(text);
    puter_json_free(json);
    return any;
}

static int list_models(struct session *session)
{
    const struct settings *settings = &session->settings;
    const char *provider = settings->words[0];
    puter_reply reply;
    puter_result result;
    bool any = true;
    refuse_words(settings, 1);
    open_client(session, false);
    begin_answer(&session->terminal);
    result = puter_models(session->client, provider, &reply);
    if (result == PUTER_OK && settings->json)
        show_text(&session->terminal, reply.json, reply.json_length);
    else if (result == PUTER_OK)
        any = show_models(&session->terminal, &reply);
    end_answer(&session->terminal, settings->json);
    puter_reply_free(&reply);
    if (!any)
        return complain(FAILED,
                        provider ? "no model of '%s'" : "there is no model",
                        provider);
    return conclude(session, result);
}

#include "chat_doctor.h"

/* ---- the command line --------------------------------------------------- */

static const char help[] =
    "usage: chat [options] [PROMPT...]\n"
    "Asks an AI model behind a Puter service and prints the answer as it is\n"
    "written. Without PROMPT, chat reads the question from standard input or,\n"
    "on a terminal, holds a conversation: Ctrl-C stops an answer, exit or\n"
    "Ctrl-D ends chat. With PROMPT, standard input is not read.\n"
    "\n"
    "  -m, --model NAME         the model (default: the service's)\n"
    "  -s, --system TEXT        what to tell the model before the question\n"
    "  -t, --temperature NUMBER how freely the model answers; 0 is the least\n"
    "  -n, --max-tokens COUNT   the longest answer, in tokens\n"
    "  -i, --image FILE-or-URL  a picture that the question is about;\n"
    "                           may be given several times\n"
    "  -p, --provider NAME      who is to run the model, as --models\n"
    "                           shows it (default: the service's choice)\n"
    "  -d, --driver NAME        the driver to ask, if no provider is given\n"
    "                           (default: the model's)\n"
    "      --route WHICH        auto, unified (services of 2026) or driver\n"
    "                           (those of 2025); default: auto\n"
    "      --api-origin URL     the service (default: $PUTER_API_ORIGIN,\n"
    "                           https://api.puter.com)\n"
    "      --token TOKEN        instead of $PUTER_AUTH_TOKEN or --login's;\n"
    "                           unlike those, this one can be read by other\n"
    "                           users of the machine, in its process list\n"
    "      --allow-plain-http   use http://, where anyone can read the token\n"
    "      --ca PATH            trust the roots in this PEM file, or in the\n"
    "                           files of this directory, not the system's\n"
    "      --insecure           accept any certificate: anyone on the way\n"
    "                           can then read the token\n"
    "      --timeout SECONDS    give up after so long a silence (default:\n"
    "                           300), and on connecting after 15 at most; a\n"
    "                           busy service is asked up to 8 times more,\n"
    "                           after pauses\n"
    "      --no-stream          print the answer once it is whole; only so\n"
    "                           can chat warn when the text is no answer: the\n"
    "                           question was blocked, or credit ran out\n"
    "      --json               print the service's reply as it came\n"
    "      --usage              report tokens and cost on standard error\n"
    "      --models [PROVIDER]  list the models on offer, or one provider's,\n"
    "                           with their prices\n"
    "      --login              sign in with a browser, or with a token on\n"
    "                           standard input, and keep the token in\n"
    "                           puter/token, in $XDG_CONFIG_HOME or ~/.config\n"
    "      --logout             forget that token\n"
    "      --doctor             find out what keeps chat from working\n"
    "  -h, --help               print this text\n"
    "      --version            print the version\n"
    "\n"
    "Options may follow the PROMPT; everything after -- belongs to it.\n"
    "Messages name options as puter.h does: ca_file is --ca, idle_timeout_ms\n"
    "and connect_timeout_ms are --timeout, the others have the same names.\n"
    "Exit status: 0 answered, even with a text that is no answer; 1 failed;\n"
    "2 misused; 130 interrupted.\n";

static double parse_number(const char *option, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= -DBL_MAX && number <= DBL_MAX))
        exit(complain(MISUSED, "%s takes a number, not '%s'", option, text));
    return number;
}

static void set_temperature(struct settings *settings, const char *text)
{
    settings->request.temperature = parse_number("-t", text);
    settings->request.has_temperature = true;
}

/* Connecting has a limit of its own, which only a lower one changes. */
static void set_timeout(struct settings *settings, const char *text)
{
    double ms = parse_number("--timeout", text) * 1000;
    if (!(ms >= 1 && ms <= INT_MAX))
        exit(complain(MISUSED,
                      "--timeout takes from 0.001 to %d seconds, not '%s'",
                      INT_MAX / 1000, text));
    settings->client.idle_timeout_ms = (int)ms;
    settings->client.connect_timeout_ms = ms < 15000 ? (int)ms : 15000;
}

static void set_max_tokens(struct settings *settings, const char *text)
{
    char *end;
    long long count;
    errno = 0;
    count = strtoll(text, &end, 10);
    if (errno || *end || count <= 0)
        exit(complain(MISUSED, "-n takes a whole number above 0, not '%s'",
                      text));
    settings->request.max_tokens = count;
}

static void set_route(struct settings *settings, const char *text)
{
    static const struct {
        const char *name;
        puter_route route;
    } routes[] = {{"auto", PUTER_ROUTE_AUTO},
                  {"unified", PUTER_ROUTE_UNIFIED},
                  {"driver", PUTER_ROUTE_DRIVER}};
    size_t i;
    for (i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(text, routes[i].name) == 0) {
            settings->client.route = routes[i].route;
            return;
        }
    exit(complain(MISUSED, "--route is auto, unified or driver, not '%s'",
                  text));
}

static int show_help(struct session *session)
{
    (void)session;
    fputs(help, stdout);
    return ANSWERED;
}

static int show_version(struct session *session)
{
    (void)session;
    printf("chat (puter.h %d.%d.%d)\n", PUTER_VERSION_MAJOR,
           PUTER_VERSION_MINOR, PUTER_VERSION_PATCH);
    return ANSWERED;
}

/* An option, and what it does: one of these. */
struct choice {
    const char *name;
    char letter;
    const char **text; /* becomes its value */
    void (*set)(struct settings *settings, const char *value);
    bool *flag; /* becomes true */
    int (*task)(struct session *session);
};

/* Tells getopt of the choices, which it gives back by their letters or, for
 * lack of one, by numbers above those. */
static void describe(struct option *options, const struct choice *choices,
                     int count)
{
    int i;
    memset(options, 0, ((size_t)count + 1) * sizeof *options);
    for (i = 0; i < count; i++) {
        bool has_value = choices[i].text || choices[i].set;
        options[i].name = choices[i].name;
        options[i].has_arg = has_value ? required_argument : no_argument;
        options[i].val = choices[i].letter ? choices[i].letter : 256 + i;
    }
}

static void choose(struct settings *settings, const struct choice *choice)
{
    if (choice->text)
        *choice->text = optarg;
    else if (choice->set)
        choice->set(settings, optarg);
    else if (choice->flag)
        *choice->flag = true;
    else
        settings->task = choice->task;
}

static void read_options(struct settings *settings, int argc, char **argv)
{
    static char name[] = "chat"; /* getopt's complaints begin with it */
    puter_options *client = &settings->client;
    puter_request *request = &settings->request;
    const struct choice choices[] = {
        {.name = "model", .letter = 'm', .text = &request->model},
        {.name = "system", .letter = 's', .text = &request->system},
        {.name = "temperature", .letter = 't', .set = set_temperature},
        {.name = "max-tokens", .letter = 'n', .set = set_max_tokens},
        {.name = "image", .letter = 'i', .set = add_image},
        {.name = "provider", .letter = 'p', .text = &request->provider},
        {.name = "driver", .letter = 'd', .text = &request->driver},
        {.name = "route", .set = set_route},
        {.name = "api-origin", .text = &client->api_origin},
        {.name = "token", .text = &client->token},
        {.name = "allow-plain-http", .flag = &client->allow_plain_http},
        {.name = "ca", .text = &client->ca_file},
        {.name = "insecure", .flag = &client->insecure_skip_verify},
        {.name = "timeout", .set = set_timeout},
        {.name = "no-stream", .flag = &settings->no_stream},
        {.name = "json", .flag = &settings->json},
        {.name = "usage", .flag = &settings->usage},
        {.name = "models", .task = list_models},
        {.name = "login", .task = sign_in},
        {.name = "logout", .task = sign_out},
        {.name = "doctor", .task = examine},
        {.name = "help", .letter = 'h', .task = show_help},
        {.name = "version", .task = show_version}};
    enum { CHOICES = sizeof choices / sizeof choices[0] };
    struct option options[CHOICES + 1];
    int option, i;
    if (argc > 0)
        argv[0] = name;
    settings->task = chat;
    describe(options, choices, CHOICES);
    while ((option = getopt_long(argc, argv, "m:s:t:n:i:p:d:h", options,
                                 NULL)) != -1) {
        for (i = 0; i < CHOICES && options[i].val != option; i++)
            continue;
        if (i == CHOICES) /* getopt has said why */
            exit(complain(MISUSED, "see chat --help; -- ends the options"));
        choose(settings, &choices[i]);
    }
    settings->words = argv + optind;
    settings->word_count = argc - optind;
}

static void close_session(struct session *session)
{
    size_t i;
    puter_close(session->client);
    puter_history_free(&session->history);
    free(session->token);
    for (i = 0; i < session->settings.image_count; i++)
        free((void *)session->settings.images[i].data);
    free(session->settings.images);
}

int main(int argc, char **argv)
{
    struct session session;
    int status;
    memset(&session, 0, sizeof session);
    hold_standard_files();
    catch_signals();
    read_options(&session.settings, argc, argv);
    open_terminal(&session.terminal);
    session.settings.client.cancelled = cancelled;
    session.settings.client.user = &session.terminal;
    status = session.settings.task(&session);
    close_session(&session);
    return close_output(&session.terminal, status);
}
