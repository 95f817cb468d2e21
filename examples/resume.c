/* A question whose connection resumes the TLS session of the last run, which
 * saves most of the handshake. FILE keeps the session; what was in it is lost:
 * resume FILE "Halo, siapa kamu?"
 *
 *     cc -I. examples/resume.c -o resume -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

/* Fails where there is no session to keep, which harms nothing. */
static void tell(const puter_client *client, puter_result result)
{
    if (result != PUTER_OK)
        fprintf(stderr, "%s\n", puter_last_error(client)->message);
}

int main(int argc, char **argv)
{
    puter_client *client;
    const char *file = argv[1];
    puter_reply reply;
    puter_result result;

    if (argc < 2) {
        fputs("usage: resume FILE [QUESTION]\n", stderr);
        return 2;
    }
    client = puter_open(NULL);
    tell(client, puter_session_load(client, file));
    result = puter_ask(client, "gpt-4",
                       argc > 2 ? argv[2] : "Halo, siapa kamu?", &reply);
    puts(result == PUTER_OK ? reply.text : puter_last_error(client)->message);
    if (result == PUTER_OK)
        tell(client, puter_session_save(client, file));
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
