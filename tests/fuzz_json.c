/* fuzz_json.c - documents: what is accepted and written out again reads as the
 * same; what is refused is refused in a sentence.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz_json.c \
 *         -lmbedtls -lmbedx509 -lmbedcrypto
 */
#include "fuzz.h"

static void check_same(puter_value a, puter_value b)
{
    size_t i, length, other, count = puter_json_count(a);
    const char *text = puter_json_string(a, &length);
    const char *copy = puter_json_string(b, &other);
    MUST(puter_json_type(a) == puter_json_type(b));
    MUST(length == other && memcmp(text, copy, length + 1) == 0);
    MUST(fuzz_is_utf8(text, length));
    MUST(puter_json_bool(a) == puter_json_bool(b));
    MUST(puter_json_number(a) == puter_json_number(b));
    MUST(puter_json_integer(a) == 0 || puter_json_number(a) != 0);
    MUST(puter_json_count(b) == count);
    for (i = 0; i < count; i++) {
        check_same(puter_json_key(a, i), puter_json_key(b, i));
        check_same(puter_json_at(a, i), puter_json_at(b, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    puter_error error;
    puter_writer out = {0};
    puter_json *json = puter_json_parse((const char *)data, size, &error);
    puter_json *copy = NULL;
    if (json == NULL) {
        fuzz_note_error(&out, &error);
    } else {
        fuzz_write_value(&out, puter_json_root(json));
        copy = puter_json_parse(out.text, out.length, &error);
        MUST(error.result == PUTER_OK && error.message[0] == '\0');
        check_same(puter_json_root(json), puter_json_root(copy));
    }
    puter_json_free(json);
    puter_json_free(copy);
    puter_writer_free(&out);
    return 0;
}
