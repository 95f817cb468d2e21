/* An answer shown as it is written: stream "Halo, siapa kamu?"
 *
 *     cc -I. examples/stream.c -o stream -lmbedtls -lmbedx509 -lmbedcrypto
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

static puter_result stream(puter_client *client, const char *question)
{
    puter_request request = {0};
    puter_event event;
    puter_result result;

    request.model = "gpt-4";
    request.prompt = question;
    request.discard = true; /* each piece is used as it comes, none is kept */
    result = puter_stream_begin(client, &request);
    if (result != PUTER_OK)
        return result;
    while (puter_stream_next(client, &event) == 1)
        if (event.type == PUTER_EVENT_TEXT) {
            fwrite(event.text, 1, event.length, stdout);
            fflush(stdout);
        }
    return puter_stream_end(client, NULL);
}

int main(int argc, char **argv)
{
    puter_client *client = puter_open(NULL);
    puter_result result = stream(client, argc > 1 ? argv[1] : "Halo!");
    if (result == PUTER_OK)
        puts("");
    else
        fprintf(stderr, "stream: %s\n", puter_last_error(client)->message);
    puter_close(client);
    return result != PUTER_OK;
}
