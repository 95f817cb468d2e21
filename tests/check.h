/* check.h - checks that tell where they failed and what was seen. */
#ifndef CHECK_H
#define CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int check_passed, check_failed;
static char check_row[128]; /* which case of a table is being tried */

/* Each gives whether it held: a test stops where the rest makes no sense. */
#define CHECK(held) check_that((held), __FILE__, __LINE__, "%s", #held)
#define CHECK_INT(seen, wanted) \
    check_integer((long long)(seen), (long long)(wanted), \
                  __FILE__, __LINE__, #seen)
#define CHECK_STR(seen, wanted) \
    check_string((seen), (wanted), __FILE__, __LINE__, #seen)
/* Names the case, printf style, that the checks from here on belong to. */
#define CHECK_IN(...) snprintf(check_row, sizeof check_row, __VA_ARGS__)

static inline bool check_that(bool held, const char *file, int line,
                              const char *format, ...)
{
    va_list values;
    *(held ? &check_passed : &check_failed) += 1;
    if (held)
        return true;
    va_start(values, format);
    printf("%s:%d: %s%s", file, line, check_row, *check_row ? ": " : "");
    vprintf(format, values);
    putchar('\n');
    fflush(stdout); /* what comes next may crash */
    va_end(values);
    return false;
}

static inline bool check_integer(long long seen, long long wanted,
                                 const char *file, int line, const char *what)
{
    return check_that(seen == wanted, file, line, "%s is %lld, not %lld",
                      what, seen, wanted);
}

static inline bool check_string(const char *seen, const char *wanted,
                                const char *file, int line, const char *what)
{
    return check_that(seen && strcmp(seen, wanted) == 0, file, line,
                      "%s is \"%s\", not \"%s\"", what,
                      seen ? seen : "(NULL)", wanted);
}

/* A pattern for mkstemp or mkdtemp, where temporary files are to go. */
static inline char *check_temporary(char *path, size_t size, const char *name)
{
    const char *directory = getenv("TMPDIR");
    snprintf(path, size, "%s/%s-XXXXXX", directory ? directory : "/tmp", name);
    return path;
}

/* Prints the closing line; gives the program's exit status. */
static inline int check_done(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0;
}
#endif
