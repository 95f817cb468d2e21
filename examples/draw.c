/* A picture from words, into a file: draw lighthouse.png "a lighthouse"
 * Some services answer with the picture, as bytes or in a data: URL, others
 * with a URL to fetch it from: that is printed, and no file is written.
 *
 *     cc -I. examples/draw.c -o draw -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(data, 1, size, file) == size;
    if ((file && fclose(file) != 0) || !good) {
        perror(path);
        return false;
    }
    return true;
}

static bool write_decoded(const char *path, const puter_image *image,
                          size_t size)
{
    void *data = malloc(size);
    bool good = data && puter_image_bytes(image, data, size) == size &&
                write_file(path, data, size);
    free(data);
    return good;
}

static bool keep(const char *path, const puter_reply *reply)
{
    puter_image image;
    size_t size;
    if (reply->size)
        return write_file(path, reply->body, reply->size);
    image.url = reply->text;
    image.length = reply->length;
    size = puter_image_bytes(&image, NULL, 0);
    if (size)
        return write_decoded(path, &image, size);
    if (strncmp(reply->text, "http", 4) == 0)
        return puts(reply->text) >= 0;
    fputs("draw: what was answered is no picture\n", stderr);
    return false;
}

int main(int argc, char **argv)
{
    puter_client *client;
    puter_reply reply;
    bool good;
    if (argc != 3) {
        fputs("usage: draw FILE WORDS\n", stderr);
        return 2;
    }
    client = puter_open(NULL);
    good = puter_text_to_image(client, argv[2], NULL, &reply) == PUTER_OK;
    if (good)
        good = keep(argv[1], &reply);
    else
        fprintf(stderr, "draw: %s\n", puter_last_error(client)->message);
    puter_reply_free(&reply);
    puter_close(client);
    return !good;
}
