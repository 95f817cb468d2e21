/* fuzz_http.c - the bytes of replies: the same comes of them however they are
 * cut, and nothing of them gets into the next answer.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz_http.c \
 *         -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * The input's first byte says what is asked ('0' to '7', a fuzz_kind; from '8'
 * on by a client that takes 64 bytes), the rest is the script (fuzz.h).
 */
#include "fuzz.h"

static void ask_twice(fuzz_peer *peer, const uint8_t *choice,
                      puter_writer *seen)
{
    puter_options options = {0};
    puter_history history = {0};
    puter_client *client;
    size_t first;
    bool used_up;
    options.max_reply_bytes = choice[0] & 8 ? 64 : 0;
    client = fuzz_client(peer, &options);
    fuzz_exchange(client, (fuzz_kind)(choice[0] & 7), &history, seen);
    first = seen->length;
    used_up = peer->script == peer->end;
    fuzz_exchange(client, FUZZ_CHAT, &history, seen);
    MUST(!used_up || strstr(seen->text + first, "\"text\":\"" FUZZ_LAST "\""));
    puter_history_free(&history);
    fuzz_close(peer, client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_every_cut(ask_twice, 1, data, size);
    return 0;
}
