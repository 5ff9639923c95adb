/* A wsl.exe for tests of the installer alone: one distribution, "Stub", whose programs are played
 * here. Every call is a line in C:\wsl-calls.txt; the one that has the text of C:\wsl-fail.txt in
 * it fails. */
#include <fcntl.h>
#include <io.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS "C:\\wsl-calls.txt"
#define FAIL "C:\\wsl-fail.txt"
#define PROGRAM "C:\\wsl-program.bin"
#define INSTALLED "C:\\wsl-installed.bin"
#define STDIN "C:\\wsl-stdin.txt"
#define LINE_SIZE 1024
#define FIRST_WORD 8 /* of a command behind --exec */

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

static void print_hash(void)
{
    static unsigned char chunk[65536];
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    FILE *file = fopen(PROGRAM, "rb");
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

static bool is_set_up(void)
{
    FILE *file = fopen(INSTALLED, "rb");

    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

int main(int argc, char **argv)
{
    if (note(argc, argv)) {
        fprintf(stderr, "the stub was told to fail\n");
        return 1;
    }
    if (argc > 2 && strcmp(argv[1], "--list") == 0) {
        bool is_verbose = strcmp(argv[2], "--verbose") == 0;

        printf(is_verbose ? "  NAME STATE VERSION\n* Stub Running 2\n" : "Stub\n");
    } else if (argc > FIRST_WORD && strcmp(argv[FIRST_WORD], "tee") == 0) {
        keep_stdin(PROGRAM);
    } else if (argc > FIRST_WORD && strcmp(argv[FIRST_WORD], "test") == 0) {
        return is_set_up() ? 0 : 1;
    } else if (argc > FIRST_WORD && strcmp(argv[FIRST_WORD], "sha256sum") == 0) {
        print_hash();
    } else if (argc > FIRST_WORD + 1 && strcmp(argv[FIRST_WORD + 1], "setup") == 0) {
        keep_stdin(STDIN);
        if (argc > FIRST_WORD + 2 && strcmp(argv[FIRST_WORD + 2], "--remove") == 0) {
            remove(INSTALLED);
        } else if (argc == FIRST_WORD + 2) {
            remove(INSTALLED);
            rename(PROGRAM, INSTALLED);
        }
        printf("ok the stub\n");
    }
    return 0;
}
