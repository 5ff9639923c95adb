/* A wsl.exe for tests of the installer alone: two distributions, "Stub" and "Other", whose programs
 * are played here. Every call is a line in C:\wsl-calls.txt; the one that has the text of
 * C:\wsl-fail.txt in it fails. What a distribution has of ours are files C:\wsl-NAME-*.bin: its
 * program that is placed, the one that is installed, and what only a purge removes. */
#include <fcntl.h>
#include <io.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS "C:\\wsl-calls.txt"
#define FAIL "C:\\wsl-fail.txt"
#define PLACE "C:\\wsl-%s-%s.bin"
#define STDIN "C:\\wsl-stdin.txt"
#define LINE_SIZE 1024
#define PATH_SIZE 256
#define NAME_WORD 2  /* of the distribution, behind -d */
#define FIRST_WORD 8 /* of a command behind --exec */

/* In the distribution of the call. */
struct guest {
    char placed[PATH_SIZE];
    char installed[PATH_SIZE];
    char kept[PATH_SIZE];
};

static bool must_fail(const char *call)
{
    char text[LINE_SIZE] = "";
    FILE *file = fopen(FAIL, "r");

    if (file == NULL) {
        return false;
    }
    if (fgets(text, sizeof text, file) == NULL) {
        text[0] = '\0';
    }
    fclose(file);
    return text[0] != '\0' && strstr(call, text) != NULL;
}

/* Notes the call, and says whether it is to fail. */
static bool note(int argc, char **argv)
{
    char call[LINE_SIZE] = "";
    FILE *file = fopen(CALLS, "a");

    for (int i = argc > FIRST_WORD ? FIRST_WORD : 1; i < argc; i++) {
        snprintf(call + strlen(call), sizeof call - strlen(call), "%s%s", i > 1 ? " " : "",
                 argv[i]);
    }
    fprintf(file, "%s\n", call);
    fclose(file);
    return must_fail(call);
}

static void keep_stdin(const char *path)
{
    static char chunk[65536];
    FILE *file = fopen(path, "wb");
    size_t got;

    _setmode(_fileno(stdin), _O_BINARY);
    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        fwrite(chunk, 1, got, file);
    }
    fclose(file);
}

static void print_hash(const char *path)
{
    static unsigned char chunk[65536];
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    FILE *file = fopen(path, "rb");
    size_t got;

    crypto_hash_sha256_init(&state);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        crypto_hash_sha256_update(&state, chunk, got);
    }
    fclose(file);
    crypto_hash_sha256_final(&state, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        printf("%02x", digest[i]);
    }
    printf("  program\n");
}

static bool exists(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

static void make(const char *path)
{
    FILE *file = fopen(path, "wb");

    if (file != NULL) {
        fclose(file);
    }
}

/* `setup` with what is behind it. */
static void set_up(const struct guest *guest, int argc, char **argv)
{
    keep_stdin(STDIN);
    if (argc == 0) {
        remove(guest->installed);
        rename(guest->placed, guest->installed);
        make(guest->kept);
    } else if (strcmp(argv[0], "--remove") == 0) {
        remove(guest->placed);
        remove(guest->installed);
        if (argc > 1) {
            remove(guest->kept);
        }
    }
    printf("ok the stub\n");
}

static int run(const struct guest *guest, int argc, char **argv)
{
    if (strcmp(argv[0], "tee") == 0) {
        keep_stdin(guest->placed);
    } else if (strcmp(argv[0], "test") == 0) {
        return exists(guest->installed) ? 0 : 1;
    } else if (strcmp(argv[0], "sha256sum") == 0) {
        print_hash(guest->placed);
    } else if (argc > 1 && strcmp(argv[1], "setup") == 0) {
        set_up(guest, argc - 2, argv + 2);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct guest guest;

    if (note(argc, argv)) {
        fprintf(stderr, "the stub was told to fail\n");
        return 1;
    }
    if (argc > 2 && strcmp(argv[1], "--list") == 0) {
        bool is_verbose = strcmp(argv[2], "--verbose") == 0;

        printf(is_verbose ? "  NAME STATE VERSION\n* Stub Running 2\n  Other Running 2\n"
                          : "Stub\nOther\n");
        return 0;
    }
    if (argc <= FIRST_WORD) {
        return 1;
    }
    snprintf(guest.placed, sizeof guest.placed, PLACE, argv[NAME_WORD], "placed");
    snprintf(guest.installed, sizeof guest.installed, PLACE, argv[NAME_WORD], "installed");
    snprintf(guest.kept, sizeof guest.kept, PLACE, argv[NAME_WORD], "kept");
    return run(&guest, argc - FIRST_WORD, argv + FIRST_WORD);
}
