/* jsoncheck FILE - exits 0 where puter.h's reader accepts the document, 1
 * where it refuses it (and says where), 2 when there is nothing to judge.
 */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>
#include <stdlib.h>

enum { ACCEPTED = 0, REFUSED = 1, NOT_JUDGED = 2 };

/* All of a file; NULL where it cannot be read. */
static char *contents(FILE *file, size_t *length)
{
    size_t capacity = 65536;
    char *text = malloc(capacity);

    *length = 0;
    while (text) {
        *length += fread(text + *length, 1, capacity - *length, file);
        if (*length < capacity)
            break;
        capacity *= 2;
        char *larger = realloc(text, capacity);
        if (!larger)
            free(text);
        text = larger;
    }
    if (text && !ferror(file))
        return text;
    free(text);
    return NULL;
}

static int judge(const char *text, size_t length)
{
    puter_error error;
    puter_json *json = puter_json_parse(text, length, &error);

    puter_json_free(json);
    if (json)
        return ACCEPTED;
    fprintf(stderr, "jsoncheck: %s\n", error.message);
    return error.result == PUTER_ERR_NOMEM ? NOT_JUDGED : REFUSED;
}

int main(int argc, char **argv)
{
    FILE *file;
    char *text;
    size_t length;
    int verdict = NOT_JUDGED;

    if (argc != 2) {
        fputs("usage: jsoncheck FILE\n", stderr);
        return NOT_JUDGED;
    }
    file = fopen(argv[1], "rb");
    text = file ? contents(file, &length) : NULL;
    if (text)
        verdict = judge(text, length);
    else
        perror(argv[1]);
    free(text);
    if (file)
        fclose(file);
    return verdict;
}
