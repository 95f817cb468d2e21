/* replay [PATH...] - hands files, or those of folders, to a fuzzer's target:
 * without a fuzzer, and with any compiler. Without a path its own seeds.
 *
 * Each file is tried in a process of its own, in memory of exactly its size:
 * so one that fails is named, and the rest are still tried.
 */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int passed, failed;

/* Tries a file, and ends the process. */
static void try_file(const char *path)
{
    static uint8_t contents[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(contents, 1, sizeof contents, file) : 0;
    uint8_t *data = malloc(size);
    if (!file || ferror(file) || !feof(file) || (size > 0 && !data)) {
        perror(path);
        exit(2);
    }
    fclose(file);
    if (size > 0)
        memcpy(data, contents, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    exit(0);
}

static void replay(const char *path)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        try_file(path);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        printf("%s: failed\n", path);
        failed++;
    } else {
        passed++;
    }
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Tries all that is in a folder; false where it is none. */
static bool replay_all(const char *folder)
{
    struct dirent **entries;
    char path[1024];
    int count = scandir(folder, &entries, is_shown, alphasort), i;
    if (count < 0)
        return false;
    for (i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        replay(path);
        free(entries[i]);
    }
    free(entries);
    return true;
}

int main(int argc, char **argv)
{
    int i;
    setvbuf(stdout, NULL, _IOLBF, 0); /* else each child had some of it */
    for (i = 1; i < argc; i++)
        if (!replay_all(argv[i]))
            replay(argv[i]);
#ifdef SEEDS
    if (argc == 1)
        replay_all(SEEDS);
#endif
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
