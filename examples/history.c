/* A conversation that outlives the program: history FILE "And then?"
 *
 *     cc -I. examples/history.c -o history -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool load(puter_history *history, const char *path)
{
    static char text[16 << 20];
    puter_error error;
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, sizeof text, file) : 0;
    if (!file && errno == ENOENT)
        return true; /* the first question */
    if (!file || ferror(file)) {
        perror(path);
        if (file)
            fclose(file);
        return false;
    }
    fclose(file);
    if (puter_history_load(history, text, length, &error) == PUTER_OK)
        return true;
    fprintf(stderr, "history: %s: %s\n", path, error.message);
    return false;
}

/* Keeps the answer; not the service's own words in place of one, or nothing,
 * nor the question that they were for. */
static bool keep(puter_history *history, const puter_reply *reply)
{
    puter_result result;
    if (reply->blocked || reply->usage_limited || !reply->length) {
        fprintf(stderr, "history: not kept: this is no answer: %s\n",
                reply->blocked         ? "the service blocked the question"
                : reply->usage_limited ? "the account is out of credit"
                                       : "it is empty");
        return false;
    }
    result = puter_history_add_reply(history, reply);
    if (result != PUTER_OK)
        fprintf(stderr, "history: the answer cannot be kept: %s\n",
                puter_result_name(result));
    return result == PUTER_OK;
}

static bool ask(puter_history *history)
{
    puter_client *client = puter_open(NULL);
    puter_request request = {0};
    puter_reply reply;
    bool good;
    request.messages = history->messages;
    request.message_count = history->message_count;
    good = puter_chat(client, &request, &reply) == PUTER_OK;
    fprintf(good ? stdout : stderr, "%s\n",
            good ? reply.text : puter_last_error(client)->message);
    good = good && keep(history, &reply);
    puter_reply_free(&reply);
    puter_close(client);
    return good;
}

static bool add_question(puter_history *history, const char *question)
{
    puter_result result = puter_history_add(history, "user", question);
    if (result == PUTER_OK)
        puter_history_trim(history, 16384); /* all of it is sent each time */
    else
        fprintf(stderr, "history: the question cannot be added: %s\n",
                puter_result_name(result));
    return result == PUTER_OK;
}

/* A conversation is its owner's alone: so is a file of mkstemp's. */
static FILE *open_whole(char *whole, size_t room, const char *path)
{
    int descriptor;
    FILE *file;
    snprintf(whole, room, "%s.XXXXXX", path);
    descriptor = mkstemp(whole);
    if (descriptor < 0)
        return NULL;
    file = fdopen(descriptor, "wb");
    if (!file) {
        close(descriptor);
        remove(whole);
    }
    return file;
}

static bool save(const puter_history *history, FILE *file)
{
    puter_writer text = {0};
    bool good = puter_history_save(history, &text) == PUTER_OK &&
                fwrite(text.text, 1, text.length, file) == text.length;
    puter_writer_free(&text);
    return good;
}

/* The new file is there before anybody asks, since answers have a price; it
 * takes the old one's place once it is whole. */
static bool converse(const char *path, const char *question)
{
    char whole[4096];
    puter_history history = {0};
    bool good = load(&history, path) && add_question(&history, question);
    FILE *file = good ? open_whole(whole, sizeof whole, path) : NULL;
    bool asked = file && ask(&history);
    bool saved = asked && save(&history, file);
    if (file)
        saved = fclose(file) == 0 && saved && rename(whole, path) == 0;
    if ((good && !file) || (asked && !saved))
        perror(path);
    if (file && !saved)
        remove(whole);
    puter_history_free(&history);
    return saved;
}

int main(int argc, char **argv)
{
    if (argc != 3 || !*argv[2]) {
        fputs("usage: history FILE QUESTION\n", stderr);
        return 2;
    }
    return !converse(argv[1], argv[2]);
}
