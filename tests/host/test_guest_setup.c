/* Placing the guest's program and running its setup, with this very program as wsl.exe. What it is
 * to do stands in the role: a word for each command that shall fail, or lie. */
#include "host-win/guest_setup.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>

#include "host-win/carried_program.h"
#include "shared/core/error.h"
#include "tests/host/self.h"

#define PROGRAM                                                                                    \
    "\x7f"                                                                                         \
    "ELF\r\n\x1a\0the guest's"

static const char hash_of_nothing[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* --- wsl.exe's side: -d D -u root --cd / --exec PROGRAM ARGUMENTS ----------------------------- */

static bool is_told(const wchar_t *what)
{
    return wcsstr(self_role(), what) != NULL;
}

static int take_program(void)
{
    char bytes[64];
    size_t len;

    _setmode(_fileno(stdin), _O_BINARY);
    len = fread(bytes, 1, sizeof bytes, stdin);
    return len == sizeof PROGRAM - 1 && memcmp(bytes, PROGRAM, len) == 0 ? 0 : 7;
}

static int print_hash(void)
{
    char hash[CARRIED_PROGRAM_HASH_SIZE];

    carried_program_hash(PROGRAM, sizeof PROGRAM - 1, hash);
    printf("%s  /usr/local/bin/.ttyferry.new\n", is_told(L"lie") ? hash_of_nothing : hash);
    return 0;
}

static int play_wsl(int argc, char **argv)
{
    const char *program = argc > 8 ? argv[8] : "";
    const char *verb = argc > 9 ? argv[9] : "";

    if (strcmp(program, "tee") == 0) {
        return is_told(L"tee") ? 3 : take_program();
    }
    if (strcmp(program, "chmod") == 0) {
        return is_told(L"chmod") ? 4 : 0;
    }
    if (strcmp(program, "sha256sum") == 0) {
        return print_hash();
    }
    if (strcmp(program, "test") == 0) {
        return is_told(L"broken") ? 127 : is_told(L"nothing") ? 1 : 0;
    }
    if (strcmp(program, "rm") == 0) {
        return is_told(L"rm") ? 1 : 0;
    }
    if (strcmp(verb, "setup") == 0 && is_told(L"setup")) {
        printf("ok one\nfailed two: the disk is full\nok everything is as it was before\n");
        if (!is_told(L"quiet")) {
            fprintf(stderr, "ttyferry setup: \033[2Jthe disk is full\n");
        }
        return 1;
    }
    return strcmp(verb, "setup") == 0 ? 0 : 9;
}

/* --- The test's ------------------------------------------------------------------------------- */

enum call { PLACE, DROP, RUN, RENEW, REMOVE, PURGE };

struct row {
    const char *name;
    const wchar_t *role;
    enum call call;
    bool fails;
    const char *said; /* in the message */
};

static const struct row rows[] = {
    {"placed", L"wsl", PLACE, false, NULL},
    {"place: tee fails", L"wsl tee", PLACE, true, "writing /usr/local/bin/.ttyferry.new"},
    {"place: chmod fails", L"wsl chmod", PLACE, true, "(exit code 4)"},
    {"place: not whole", L"wsl lie", PLACE, true, "did not arrive whole in the distribution D"},
    {"dropped", L"wsl", DROP, false, NULL},
    {"drop: rm fails", L"wsl rm", DROP, true, "removing /usr/local/bin/.ttyferry.new"},
    {"set up", L"wsl", RUN, false, NULL},
    {"setup fails", L"wsl setup", RUN, true, "\\x1b[2Jthe disk is full"},
    {"setup fails by a step", L"wsl setup quiet", RUN, true, "failed two: the disk is full"},
    {"key renewed", L"wsl", RENEW, false, NULL},
    {"renewal fails", L"wsl setup", RENEW, true, "--key-only"},
    {"removed", L"wsl", REMOVE, false, NULL},
    {"remove: nothing there", L"wsl nothing setup", REMOVE, false, NULL},
    {"removal fails", L"wsl setup", REMOVE, true, "--remove"},
    {"purged", L"wsl nothing", PURGE, false, NULL},
    {"purge: set up again since", L"wsl setup", PURGE, false, NULL},
    {"purge: not whole", L"wsl nothing lie", PURGE, true, "did not arrive whole"},
    {"purge fails", L"wsl nothing setup", PURGE, true, "--remove --purge"},
    {"purge: nobody can look", L"wsl broken", PURGE, true, "looking for"},
    {"remove: nobody can look", L"wsl broken", REMOVE, true, "looking for"},
};

static int call(struct guest_setup *setup, enum call what)
{
    switch (what) {
    case PLACE:
        return guest_setup_place(setup, PROGRAM, sizeof PROGRAM - 1);
    case DROP:
        return guest_setup_drop(setup);
    case RUN:
        return guest_setup_run(setup, "{}\n", 3);
    case RENEW:
        return guest_setup_renew_key(setup, "{}\n", 3);
    case PURGE:
        return guest_setup_purge(setup, PROGRAM, sizeof PROGRAM - 1);
    default:
        return guest_setup_remove(setup, true);
    }
}

static void check(void **state)
{
    const struct row *row = *state;
    char path[SELF_PATH_SIZE];
    struct guest_setup setup = {.wsl = path, .distribution = "D"};
    int result;

    self_path(path);
    self_set_role(row->role);
    result = call(&setup, row->call);
    self_set_role(L"");
    if (row->fails) {
        assert_int_not_equal(result, 0);
        assert_non_null(strstr(setup.message, row->said));
    } else {
        assert_int_equal(result, 0);
    }
}

static void finds_what_is_there(void **state)
{
    char path[SELF_PATH_SIZE];
    struct guest_setup setup = {.wsl = path, .distribution = "D"};
    bool is_there = false;

    (void)state;
    self_path(path);
    self_set_role(L"wsl");
    assert_int_equal(guest_setup_find(&setup, &is_there), 0);
    assert_true(is_there);
    self_set_role(L"wsl nothing");
    assert_int_equal(guest_setup_find(&setup, &is_there), 0);
    assert_false(is_there);
    self_set_role(L"");
}

static void a_wsl_that_is_missing_is_told(void **state)
{
    struct guest_setup setup = {.wsl = "C:\\no such folder\\wsl.exe", .distribution = "D"};

    (void)state;
    assert_int_equal(guest_setup_run(&setup, "", 0), ERR_NOT_FOUND);
    assert_non_null(strstr(setup.message, "in the distribution D"));
}

int main(int argc, char **argv)
{
    static struct cases cases;

    if (self_role()[0] != L'\0') {
        return play_wsl(argc, argv);
    }
    CASES_ADD(&cases, rows, check);
    cases_add_one(&cases, "finds what is there", finds_what_is_there);
    cases_add_one(&cases, "a wsl.exe that is missing is told", a_wsl_that_is_missing_is_told);
    return cases_run("guest_setup", &cases);
}
