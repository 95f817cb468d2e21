/* Two answers at once in libev's event loop, which calls back when a client
 * can go on. Each piece is shown with its model's name.
 *
 *     cc -I. examples/libev.c -o libev -lev -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * Other loops are used likewise. With OpenWrt's uloop, in place of ev_once call
 * uloop_fd_add with ULOOP_READ and ULOOP_WRITE, and uloop_timeout_set; what
 * they call back removes both before it goes on.
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <ev.h>
#include <stdio.h>

typedef struct talk {
    puter_client *client;
    puter_request request; /* has to stay until its answer has ended */
    puter_result result;
} talk;

static void end(talk *t)
{
    t->result = puter_stream_end(t->client, NULL);
    if (t->result != PUTER_OK)
        fprintf(stderr, "%s: %s\n", t->request.model,
                puter_last_error(t->client)->message);
    puter_close(t->client);
}

/* Takes what has come; then waits for the client's descriptor, which is -1
 * during a pause before a retry, and never longer than its deadline. */
static void advance(int ready, void *arg)
{
    talk *t = (talk *)arg;
    puter_event event;
    int got, events, left;
    (void)ready;
    while ((got = puter_stream_next(t->client, &event)) == 1)
        if (event.type == PUTER_EVENT_TEXT) {
            printf("%s: ", t->request.model);
            fwrite(event.text, 1, event.length, stdout); /* with its NULs */
            putchar('\n');
        }
    if (got != PUTER_WAIT) {
        end(t);
        return;
    }
    events = puter_client_events(t->client);
    left = puter_client_deadline(t->client);
    ev_once(EV_DEFAULT_UC_ puter_client_fd(t->client),
            (events & PUTER_READABLE ? EV_READ : 0) |
                (events & PUTER_WRITABLE ? EV_WRITE : 0),
            left < 0 ? -1.0 : left / 1000.0, advance, t);
}

/* A failure to begin is told again by the first puter_stream_next. */
static void begin(talk *t, const char *model, const char *question)
{
    puter_options options = {0};
    options.nonblocking = true;
    t->client = puter_open(&options);
    t->request.model = model;
    t->request.prompt = question;
    t->request.discard = true;
    puter_stream_begin(t->client, &t->request);
    advance(0, t);
}

int main(void)
{
    talk talks[2] = {0};
    struct ev_loop *loop = ev_default_loop(0);
    if (loop == NULL)
        return 1;
    begin(&talks[0], "gpt-4", "Halo, siapa kamu?");
    begin(&talks[1], "claude-3-5-sonnet", "Apa kabar?");
    ev_run(loop, 0); /* until there is nothing left to wait for */
    return talks[0].result != PUTER_OK || talks[1].result != PUTER_OK;
}
