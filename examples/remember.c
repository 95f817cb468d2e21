/* The user's key-value store, from a shell:
 *
 *     remember                 the keys there are
 *     remember name            what is kept under "name"
 *     remember name Siti       keeps "Siti" under "name"
 *
 *     cc -I. examples/remember.c -o remember -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

/* A value may be any JSON; here it is a string. */
static puter_result set(puter_client *client, const char *key,
                        const char *words, puter_reply *reply)
{
    puter_writer value = {0};
    puter_result result;
    puter_write_string(&value, words);
    result = puter_kv_set(client, key, value.text, reply);
    puter_writer_free(&value);
    return result;
}

int main(int argc, char **argv)
{
    puter_client *client;
    puter_reply reply;
    puter_result result;
    if (argc > 3) {
        fputs("usage: remember [KEY [VALUE]]\n", stderr);
        return 2;
    }
    client = puter_open(NULL);
    result = argc < 2   ? puter_kv_list(client, NULL, &reply)
             : argc < 3 ? puter_kv_get(client, argv[1], &reply)
                        : set(client, argv[1], argv[2], &reply);
    if (result != PUTER_OK)
        fprintf(stderr, "remember: %s\n", puter_last_error(client)->message);
    else if (argc < 3)
        puts(reply.text);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
