/* once [FILE] - one question from a new process, with the TLS session of the
 * last one if it is in a file. Where is in the environment. */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    puter_client *client = puter_open(NULL);
    puter_reply reply;
    puter_result result;

    if (argc > 1)
        puter_session_load(client, argv[1]);
    result = puter_ask(client, "gpt-4", "Halo, siapa kamu?", &reply);
    puts(result == PUTER_OK ? reply.text : puter_last_error(client)->message);
    puter_reply_free(&reply);
    if (argc > 1 && result == PUTER_OK)
        result = puter_session_save(client, argv[1]);
    puter_close(client);
    return result != PUTER_OK;
}
