/* compare.h - JSON compared by what it means: white space, the order of
 * members and the spelling of strings and numbers make no difference. */
#ifndef COMPARE_H
#define COMPARE_H

#include "check.h"

static inline bool same_string(puter_value a, puter_value b)
{
    size_t length, other;
    const char *text = puter_json_string(a, &length);
    const char *twin = puter_json_string(b, &other);
    return length == other && memcmp(text, twin, length) == 0;
}

static inline bool same_json(puter_value a, puter_value b)
{
    size_t i, length;
    if (puter_json_type(a) != puter_json_type(b) ||
        puter_json_count(a) != puter_json_count(b) ||
        puter_json_number(a) != puter_json_number(b) ||
        puter_json_bool(a) != puter_json_bool(b) || !same_string(a, b))
        return false;
    for (i = 0; i < puter_json_count(a); i++) {
        puter_value twin = puter_json_at(b, i);
        if (puter_json_type(a) == PUTER_OBJECT) {
            const char *key =
                puter_json_string(puter_json_key(a, i), &length);
            twin = puter_json_member(b, key, length);
        }
        if (!same_json(puter_json_at(a, i), twin))
            return false;
    }
    return true;
}

#define CHECK_JSON(seen, path, wanted) \
    check_json((seen), (path), (wanted), __FILE__, __LINE__)

/* Checks the value at a path ("": all) of a document. */
static inline bool check_json(const char *seen, const char *path,
                              const char *wanted, const char *file, int line)
{
    puter_json *a = puter_json_parse(seen, strlen(seen), NULL);
    puter_json *b = puter_json_parse(wanted, strlen(wanted), NULL);
    bool same = check_that(b, file, line, "%s is not JSON", wanted) &&
                same_json(puter_json_get(puter_json_root(a), path),
                          puter_json_root(b));
    puter_json_free(a);
    puter_json_free(b);
    return check_that(same, file, line, "%s of %s is not %s",
                      *path ? path : "all", seen, wanted);
}
#endif
