/* The words in a file: read receipt.jpg (a picture), read memo.mp3 (speech)
 *
 *     cc read.c -o read -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <mbedtls/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static puter_result read_words(puter_client *client, const char *type,
                               const unsigned char *data, size_t size,
                               puter_reply *reply)
{
    size_t room = size * 4 / 3 + 64, start;
    char *url;
    puter_result result;
    if (strncmp(type, "audio/", 6) == 0)
        return puter_speech_to_text(client, data, size, type, NULL, reply);
    url = (char *)malloc(room); /* a picture goes as a data: URL */
    if (!url)
        return PUTER_ERR_NOMEM;
    start = (size_t)snprintf(url, room, "data:%s;base64,", type);
    mbedtls_base64_encode((unsigned char *)url + start, room - start, &room,
                          data, size);
    result = puter_image_to_text(client, url, reply);
    free(url);
    return result;
}

int main(int argc, char **argv)
{
    static unsigned char data[16 << 20];
    const char *type = argc == 2 ? mime_type_of(argv[1]) : NULL;
    FILE *file = type ? fopen(argv[1], "rb") : NULL;
    puter_client *client;
    puter_reply reply = {0};
    puter_result result;
    if (!file) {
        fputs("usage: read FILE.png|jpg|pdf|mp3\n", stderr);
        return 2;
    }
    client = puter_open(NULL);
    result = read_words(client, type, data, fread(data, 1, sizeof data, file),
                        &reply);
    if (result == PUTER_OK)
        puts(reply.text);
    else
        fprintf(stderr, "read: %s\n", puter_last_error(client)->message);
    fclose(file);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
