/* fuzz_json.c - documents: what is accepted and written out again reads as the
 * same; what is refused is refused in a sentence.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz_json.c \
 *         -lmbedtls -lmbedx509 -lmbedcrypto
 */
#include "fuzz.h"

static void check_same(puter_value a, puter_value b)
{
    size_t i, a_length, b_length, count = puter_json_count(a);
    const char *text = puter_json_string(a, &a_length);
    MUST(memcmp(puter_json_string(b, &b_length), text, a_length + 1) == 0);
    MUST(a_length == b_length && fuzz_is_utf8(text, a_length));
    MUST(puter_json_type(a) == puter_json_type(b));
    MUST(puter_json_number(a) == puter_json_number(b));
    MUST(puter_json_integer(a) <= 0 || puter_json_number(a) > 0);
    MUST(puter_json_bool(a) == puter_json_bool(b));
    MUST(puter_json_count(b) == count);
    for (i = 0; i < count; i++)
        check_same(puter_json_at(a, i), puter_json_at(b, i));
    for (i = 0; i < count && puter_json_type(a) == PUTER_OBJECT; i++) {
        check_same(puter_json_key(a, i), puter_json_key(b, i));
        text = puter_json_string(puter_json_key(a, i), &a_length);
        check_same(puter_json_member(a, text, a_length),
                   puter_json_member(b, text, a_length));
        puter_json_get(a, text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    puter_error error;
    puter_writer out = {0};
    puter_json *copy, *json;
    json = puter_json_parse((const char *)data, size, &error);
    if (json != NULL) {
    }
}
