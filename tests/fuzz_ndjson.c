/* fuzz_ndjson.c - the lines of a stream: the same events come of them however
 * they are cut, and whether they are kept or not.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined \
 *         tests/fuzz_ndjson.c -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * The input is a stream's body; in its framing it is the script (fuzz.h).
 */
#include "fuzz.h"

static void stream(fuzz_peer peer, bool discard, puter_writer *seen)
{
    static const puter_options none;
    puter_client *client = fuzz_client(&peer, &none);
    puter_request request = {0};
    puter_reply reply = {0};
    request.prompt = "?";
    request.discard = discard;
    fuzz_note_result(
        seen, fuzz_stream(client, &request, SIZE_MAX, seen, &reply), client);
    puter_reply_free(&reply);
    fuzz_close(&peer, client);
}

static void stream_twice(fuzz_peer *peer, const uint8_t *none,
                         puter_writer *seen)
{
    puter_writer discarded = {0};
    (void)none;
    stream(*peer, false, seen);
    stream(*peer, true, &discarded);
    MUST(strcmp(seen->text, discarded.text) == 0);
    puter_writer_free(&discarded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    puter_writer script = {0};
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/"
             "x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
    puter__append_string(&script, head);
    puter__append(&script, data, size);
    puter__append_string(&script, "\r\n0\r\n\r\n");
    fuzz_every_cut(stream_twice, 0, (const uint8_t *)script.text,
                   script.length);
    puter_writer_free(&script);
    return 0;
}
