/* fuzz_emit.c - the writer: what it is told, it writes as one document that
 * reads as just that. The input is a text, a number and an integer in one.
 *
 *     clang -I. -g -O1 -fsanitize=fuzzer,address,undefined tests/fuzz_emit.c \
 *         -lmbedtls -lmbedx509 -lmbedcrypto
 */
#include "fuzz.h"

static void check_text(puter_value value, const puter_writer *text, size_t size)
{
    size_t seen;
    const char *read = puter_json_string(value, &seen);
    MUST(puter_json_type(value) == PUTER_STRING && fuzz_is_utf8(read, seen));
    if (fuzz_is_utf8(text->text, size))
        MUST(seen == size && memcmp(read, text->text, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    puter_writer text = {0}, out = {0};
    puter_json *json;
    puter_value list;
    double number = 0, back;
    int64_t integer = 0;
    memcpy(&number, data, size < 8 ? size : 8);
    memcpy(&integer, data, size < 8 ? size : 8);
    puter__append(&text, data, size);
    puter_write_begin_object(&out);
    puter_write_key(&out, text.text);
    puter_write_begin_array(&out);
    puter_write_chars(&out, text.text, size);
    puter_write_number(&out, number);
    puter_write_integer(&out, integer);
    puter_write_end_array(&out);
    puter_write_end_object(&out);
    json = puter_json_parse(out.text, out.length, NULL);
    check_text(puter_json_key(puter_json_root(json), 0), &text,
               strlen(text.text));
    list = puter_json_at(puter_json_root(json), 0);
    check_text(puter_json_at(list, 0), &text, size);
    back = puter_json_number(puter_json_at(list, 1));
    MUST(number - number != 0 /* infinite, or none */
             ? puter_json_type(puter_json_at(list, 1)) == PUTER_NULL
             : memcmp(&number, &back, sizeof back) == 0);
    MUST(puter_json_integer(puter_json_at(list, 2)) == integer);
    puter_json_free(json);
    puter_writer_free(&text);
    puter_writer_free(&out);
    return 0;
}
