/* fuzz_ndjson.c - the lines of a stream: the same events come of them however
 * they are cut, and whether they are kept or not.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined \
 *         tests/fuzz_ndjson.c -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * The input is a stream's body; in its framing it is the script (fuzz.h).
 */
#include "fuzz.h"

static void stream(fuzz_peer *peer, bool discard, puter_writer *seen)
{
    static const puter_options none;
    puter_client *client = fuzz_client(peer, &none);
    puter_request request = {0};
    puter_reply reply = {0};
    request.prompt = "?";
    request.discard = discard;
    fuzz_note_result(
        seen, fuzz_stream(client, &request, SIZE_MAX, seen, &reply), client);
    puter_reply_free(&reply);
    fuzz_close(peer, client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    puter_writer script = {0}, seen[2 * FUZZ_CUTS] = {{0}};
    char head[128];
    int way;
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/"
             "x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
    puter__append_string(&script, head);
    puter__append(&script, data, size);
    puter__append_string(&script, "\r\n0\r\n\r\n");
    for (way = 0; way < 2 * FUZZ_CUTS; way++) {
        fuzz_peer peer = {(const uint8_t *)script.text, NULL, FUZZ_WHOLE};
        peer.end = peer.script + script.length;
        peer.cut = (fuzz_cut)(way / 2);
        stream(&peer, way % 2, &seen[way]);
        MUST(strcmp(seen[way].text, seen[0].text) == 0);
    }
    for (way = 0; way < 2 * FUZZ_CUTS; way++)
        puter_writer_free(&seen[way]);
    puter_writer_free(&script);
    return 0;
}
