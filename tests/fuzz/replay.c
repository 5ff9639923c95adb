/* Stands in for libFuzzer in ordinary builds: replays every file of the folders given, so that
 * what a fuzzer once found is checked by every run of the tests. */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1024u * 1024)
#define PATH_SIZE 1024

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        return false;
    }
    uint8_t *data = malloc(INPUT_MAX);
    size_t size = data != NULL ? fread(data, 1, INPUT_MAX, file) : 0;
    bool is_read = data != NULL && ferror(file) == 0 && fgetc(file) == EOF;
    fclose(file);
    /* Just as large as the input, so that a sanitizer sees a read beyond it. */
    uint8_t *input = is_read ? malloc(size > 0 ? size : 1) : NULL;
    if (input == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        free(data);
        return false;
    }
    memcpy(input, data, size);
    free(data);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    return true;
}

/* Returns the number of files replayed, or -1. */
static int replay_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        fprintf(stderr, "cannot open %s\n", folder);
        return -1;
    }
    int count = 0;
    const struct dirent *entry;
    while (count >= 0 && (entry = readdir(directory)) != NULL) {
        char path[PATH_SIZE];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        count = replay_file(path) ? count + 1 : -1;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count <= 0) {
            fprintf(stderr, "%s: nothing replayed\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs replayed\n", argv[i], count);
    }
    return argc > 1 ? 0 : 1;
}
