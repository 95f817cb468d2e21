#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

int main(void)
{
    puter_client *client = puter_open(NULL);  // token: $PUTER_AUTH_TOKEN
    puter_reply reply;
    puter_result result =
        puter_ask(client, "gpt-4", "Halo, siapa kamu?", &reply);
    puts(result == PUTER_OK ? reply.text
                            : puter_last_error(client)->message);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
