/* Two answers at once in one thread: two clients that never wait, and one
 * poll() that waits for both. Each piece is shown with its model's name.
 *
 *     cc -I. examples/poll.c -o poll -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * Only resolving a host's name may still block.
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <poll.h>
#include <stdio.h>

typedef struct talk {
    puter_client *client;  /* NULL when it is over */
    puter_request request; /* has to stay until its answer has ended */
    puter_result result;
} talk;

/* A failure to begin is told again by the first puter_stream_next. */
static void begin(talk *t, const char *model, const char *question)
{
    puter_options options = {0};
    options.nonblocking = true;
    t->client = puter_open(&options);
    t->request.model = model;
    t->request.prompt = question;
    t->request.discard = true;
    t->result = puter_stream_begin(t->client, &t->request);
}

static void end(talk *t)
{
    t->result = puter_stream_end(t->client, NULL);
    if (t->result != PUTER_OK)
        fprintf(stderr, "%s: %s\n", t->request.model,
                puter_last_error(t->client)->message);
    puter_close(t->client);
    t->client = NULL;
}

/* Takes what has come; being called too early does no harm. */
static void advance(talk *t)
{
    puter_event event;
    int got;
    while ((got = puter_stream_next(t->client, &event)) == 1)
        if (event.type == PUTER_EVENT_TEXT) {
            printf("%s: ", t->request.model);
            fwrite(event.text, 1, event.length, stdout); /* with its NULs */
            putchar('\n');
        }
    if (got != PUTER_WAIT)
        end(t);
}

/* Waits until a client can go on: for its descriptor, which is -1 during a
 * pause before a retry, and never longer than its deadline. What is over has
 * neither. */
static void wait_for(const talk *talks, size_t count)
{
    struct pollfd items[2];
    int timeout = -1;
    size_t i;
    for (i = 0; i < count; i++) {
        int events = puter_client_events(talks[i].client);
        int left = puter_client_deadline(talks[i].client);
        items[i].fd = puter_client_fd(talks[i].client);
        items[i].events = (short)((events & PUTER_READABLE ? POLLIN : 0) |
                                  (events & PUTER_WRITABLE ? POLLOUT : 0));
        if (timeout < 0 || (left >= 0 && left < timeout))
            timeout = left;
    }
    poll(items, (nfds_t)count, timeout);
}

int main(void)
{
    talk talks[2] = {0};
    size_t i;
    begin(&talks[0], "gpt-4", "Halo, siapa kamu?");
    begin(&talks[1], "claude-3-5-sonnet", "Apa kabar?");
    for (;;) {
        for (i = 0; i < 2; i++)
            if (talks[i].client)
                advance(&talks[i]);
        if (!talks[0].client && !talks[1].client)
            break;
        wait_for(talks, 2);
    }
    return talks[0].result != PUTER_OK || talks[1].result != PUTER_OK;
}
