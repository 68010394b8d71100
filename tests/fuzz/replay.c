/* Runs a fuzz target on every file of the given directories and files. Fails if there was none. */

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { PATH_LENGTH_MAX = 4096 };

static bool replay_open_file(FILE *file, const char *path)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        return false;
    /* Exactly as large as the input, so that the sanitizer sees a read past its end. */
    uint8_t *data = malloc((size_t)size);
    bool complete = size == 0 || (data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size);
    if (complete) {
        /* Set before the target runs, because an abort does not say which input it was. */
        (void)fprintf(stderr, "%s\n", path);
        (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    }
    free(data);
    return complete;
}

static bool replay_file(const char *path, unsigned *count)
{
    FILE *file = fopen(path, "rb");
    bool done = file != NULL && replay_open_file(file, path);
    if (!done)
        perror(path);
    if (file != NULL)
        (void)fclose(file);
    *count += done;
    return done;
}

static bool replay_directory(DIR *directory, const char *path, unsigned *count)
{
    bool done = true;
    const struct dirent *entry;
    while (done && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            char name[PATH_LENGTH_MAX];
            int len = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            done = len > 0 && (size_t)len < sizeof(name) && replay_file(name, count);
        }
    }
    return done;
}

static bool replay(const char *path, unsigned *count)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return replay_file(path, count);
    bool done = replay_directory(directory, path, count);
    (void)closedir(directory);
    return done;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        if (!replay(argv[i], &count))
            return 1;
    (void)printf("%u inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
