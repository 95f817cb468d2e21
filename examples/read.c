/* Prints the words in a picture, read receipt.jpg, or in speech, read memo.mp3
 *
 *     cc -I. examples/read.c -o read -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <mbedtls/base64.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 16 << 20 };

static const char *const kinds[][2] = {{".png", "image/png"},
                                       {".jpg", "image/jpeg"},
                                       {".pdf", "application/pdf"},
                                       {".mp3", "audio/mpeg"}};

static const char *mime_type_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    size_t i;
    for (i = 0; ending && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(ending, kinds[i][0]) == 0)
            return kinds[i][1];
    return NULL;
}

/* A picture goes as a data: URL. */
static puter_result read_words(puter_client *client, const char *type,
                               const unsigned char *data, size_t size,
                               puter_reply *reply)
{
    static unsigned char url[MOST / 3 * 4 + 64];
    size_t start = (size_t)sprintf((char *)url, "data:%s;base64,", type);
    if (strncmp(type, "audio/", 6) == 0)
        return puter_speech_to_text(client, data, size, type, NULL, reply);
    mbedtls_base64_encode(url + start, sizeof url - start, &start, data, size);
    return puter_image_to_text(client, (char *)url, reply);
}

int main(int argc, char **argv)
{
    static unsigned char data[MOST];
    const char *type = argc == 2 ? mime_type_of(argv[1]) : NULL;
    FILE *file = type ? fopen(argv[1], "rb") : NULL;
    size_t size = file ? fread(data, 1, sizeof data, file) : 0;
    puter_client *client;
    puter_reply reply;
    puter_result result;
    if (type && (!file || ferror(file))) {
        perror(argv[1]);
        return 1;
    }
    if (!file || !feof(file)) {
        fputs("usage: read FILE.png|jpg|pdf|mp3 (under 16 MB)\n", stderr);
        return 2;
    }
    client = puter_open(NULL);
    result = read_words(client, type, data, size, &reply);
    if (result == PUTER_OK)
        puts(reply.text);
    else
        fprintf(stderr, "read: %s\n", puter_last_error(client)->message);
    fclose(file);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
