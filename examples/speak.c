/* Speech from words, into a file: speak halo.mp3 "Halo, apa kabar?"
 * The sink takes the audio piece by piece as it arrives: any length needs the
 * same little memory.
 *
 *     cc speak.c -o speak -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

static int write_piece(void *user, const void *data, size_t size)
{
    FILE *file = (FILE *)user;
    return fwrite(data, 1, size, file) != size; /* non-zero: stop */
}

static puter_result speak(puter_client *client, const char *words, FILE *file)
{
    puter_writer args = {0};
    puter_call_request call = {0};
    puter_reply reply;
    puter_result result;

    puter_write_begin_object(&args);
    puter_write_key(&args, "text");
    puter_write_string(&args, words);
    puter_write_key(&args, "language");
    puter_write_string(&args, "id-ID");
    puter_write_end_object(&args);
    call.interface = "puter-tts";
    call.method = "synthesize";
    call.args = args.text;
    call.sink = write_piece;
    call.user = file;
    result = puter_call(client, &call, &reply);
    puter_reply_free(&reply);
    puter_writer_free(&args);
    return result;
}

int main(int argc, char **argv)
{
    puter_client *client;
    puter_result result;
    FILE *file = argc == 3 ? fopen(argv[1], "wb") : NULL;
    if (!file) {
        fputs("usage: speak FILE WORDS\n", stderr);
        return 2;
    }
    client = puter_open(NULL);
    result = speak(client, argv[2], file);
    if (result != PUTER_OK)
        fprintf(stderr, "speak: %s\n", puter_last_error(client)->message);
    puter_close(client);
    if (fclose(file) == 0)
        return result != PUTER_OK;
    perror(argv[1]);
    return 1;
}
