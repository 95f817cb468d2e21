/* Speech from words, into a file: speak halo.mp3 "Halo, apa kabar?"
 * The sink takes the audio piece by piece as it arrives: any length needs the
 * same little memory.
 *
 *     cc speak.c -o speak -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

struct sound {
    const char *path;
    FILE *file; /* NULL: nothing has come */
};

/* Opens the file with the first piece: where there is no speech, an old file
 * stays. */
static int write_piece(void *user, const void *data, size_t size)
{
    struct sound *sound = (struct sound *)user;
    if (!sound->file)
        sound->file = fopen(sound->path, "wb");
    if (sound->file && fwrite(data, 1, size, sound->file) == size)
        return 0;
    perror(sound->path);
    return 1; /* stop */
}

static puter_result speak(puter_client *client, const char *words,
                          struct sound *sound)
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
    call.user = sound;
    result = puter_call(client, &call, &reply);
    puter_reply_free(&reply);
    puter_writer_free(&args);
    return result;
}

int main(int argc, char **argv)
{
    puter_client *client;
    puter_result result;
    struct sound sound = {NULL, NULL};
    if (argc != 3) {
        fputs("usage: speak FILE WORDS\n", stderr);
        return 2;
    }
    sound.path = argv[1];
    client = puter_open(NULL);
    result = speak(client, argv[2], &sound);
    /* The sink itself has said why it stopped. */
    if (result != PUTER_OK && result != PUTER_ERR_CANCELLED)
        fprintf(stderr, "speak: %s\n", puter_last_error(client)->message);
    puter_close(client);
    if (sound.file && fclose(sound.file) != 0 && result == PUTER_OK) {
        perror(sound.path);
        return 1;
    }
    return result != PUTER_OK;
}
