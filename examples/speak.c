/* Speech from words, into a file: speak halo.mp3 "Halo, apa kabar?"
 * The sink takes the audio piece by piece as it arrives, so that any length
 * needs the same little memory.
 *
 *     cc -I. examples/speak.c -o speak -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct sound {
    const char *path;
    char unfinished[4096]; /* takes the old file's place once it is whole */
    FILE *file;            /* NULL: nothing has come */
};

static int write_piece(void *user, const void *data, size_t size)
{
    struct sound *sound = (struct sound *)user;
    if (!sound->file)
        sound->file = fopen(sound->unfinished, "wb");
    if (sound->file && fwrite(data, 1, size, sound->file) == size)
        return 0;
    perror(sound->path);
    return 1; /* stop */
}

/* JSON does not come to the sink, but what a proxy has to say may. */
static bool is_speech(const struct sound *sound, const puter_reply *reply)
{
    return sound->file && strncmp(reply->content_type, "text/", 5) != 0 &&
           !strstr(reply->content_type, "json");
}

/* Some services answer with the URL of a place to fetch the speech from. */
static void tell_instead(const puter_reply *reply)
{
    puter_json *json = puter_json_parse(reply->json, reply->json_length, NULL);
    puter_value result = puter_json_get(puter_json_root(json), "result");
    const char *url = puter_json_string(result, NULL);
    if (*url)
        fprintf(stderr, "speak: nothing is written: the speech is at %s\n",
                url);
    else
        fputs("speak: what was answered is no speech\n", stderr);
    puter_json_free(json);
}

static bool speak(puter_client *client, const char *words, struct sound *sound)
{
    puter_writer args = {0};
    puter_call_request call = {0};
    puter_reply reply;
    puter_result result;
    bool good;

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
    good = result == PUTER_OK && is_speech(sound, &reply);
    if (result == PUTER_OK && !good)
        tell_instead(&reply);
    else if (!good && result != PUTER_ERR_CANCELLED) /* the sink has said why */
        fprintf(stderr, "speak: %s\n", puter_last_error(client)->message);
    puter_reply_free(&reply);
    puter_writer_free(&args);
    return good;
}

/* Where there is no speech, or not all of it, an old file stays. */
static bool keep(const struct sound *sound, bool good)
{
    bool kept;
    if (!sound->file)
        return false;
    kept = fclose(sound->file) == 0 && good &&
           rename(sound->unfinished, sound->path) == 0;
    if (good && !kept)
        perror(sound->path);
    if (!kept)
        remove(sound->unfinished);
    return kept;
}

/* Nothing but a file may be replaced by one: not /dev/null. */
static bool is_place(const char *path)
{
    struct stat about;
    return stat(path, &about) != 0 || S_ISREG(about.st_mode);
}

int main(int argc, char **argv)
{
    puter_client *client;
    struct sound sound = {0};
    bool good;
    if (argc != 3) {
        fputs("usage: speak FILE WORDS\n", stderr);
        return 2;
    }
    if (!is_place(argv[1])) {
        fprintf(stderr, "speak: %s is no file\n", argv[1]);
        return 1;
    }
    sound.path = argv[1];
    snprintf(sound.unfinished, sizeof sound.unfinished, "%s.new", argv[1]);
    client = puter_open(NULL);
    good = keep(&sound, speak(client, argv[2], &sound));
    puter_close(client);
    return !good;
}
