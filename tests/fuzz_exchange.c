/* fuzz_exchange.c - two exchanges of a client with all that can befall them:
 * other connections, retries, rounds of tools, waiting, a history.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined \
 *         tests/fuzz_exchange.c -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * The input's first two bytes say what is asked (fuzz_kind), the third sets
 * bits: 1 every call comes twice, 2 a non-blocking client, 4 the driver route
 * only. The rest is the script (fuzz.h).
 */
#include "fuzz.h"

static void converse(fuzz_peer *peer, const uint8_t *choice,
                     puter_writer *seen)
{
    puter_options options = {0};
    puter_history history = {0};
    puter_client *client;
    peer->pauses = choice[2] & 1;
    options.nonblocking = choice[2] & 2;
    options.route = choice[2] & 4 ? PUTER_ROUTE_DRIVER : PUTER_ROUTE_AUTO;
    client = fuzz_client(peer, &options);
    fuzz_exchange(client, (fuzz_kind)(choice[0] & 7), &history, seen);
    fuzz_exchange(client, (fuzz_kind)(choice[1] & 7), &history, seen);
    fuzz_note_history(seen, &history);
    puter_history_free(&history);
    fuzz_close(peer, client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_every_cut(converse, 3, data, size);
    return 0;
}
