#include "guest-linux/kick_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-linux/guest_places.h"
#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define LONG_MS 30000

static const struct kick_case {
    const char *name;
    const char *host;     /* NULL: no file */
    const char *wsl_conf; /* NULL: no file */
    const char *program;  /* where it is */
    const char *script;
    uint64_t limit_ms;
    int err;
    const char *told;   /* what the program has been told, or "" if it has not run */
    const char *reason; /* is in it */
} kick_cases[] = {
    {"kick: usual", "C:\\a b\\ttyferry.exe\n", NULL, "/mnt/c/a b/ttyferry.exe", "exit 0", LONG_MS,
     0, "kick []\n", ""},
    {"kick: drives mounted elsewhere", "D:\\t.exe\r\n", "[automount]\nroot = /win\n",
     "/win/d/t.exe", "exit 0", LONG_MS, 0, "kick []\n", ""},
    {"kick: a root that is none", "D:\\t.exe", "[automount]\nroot = win\n", "/mnt/d/t.exe",
     "exit 0", LONG_MS, 0, "kick []\n", ""},
    {"kick: a program that fails", "C:\\t.exe\n", NULL, "/mnt/c/t.exe", "exit 3", LONG_MS, ERR_IO,
     "kick []\n", "/mnt/c/t.exe has failed (exit code 3)"},
    {"kick: a program that says why", "C:\\t.exe\n", NULL, "/mnt/c/t.exe",
     "echo no agent >&2; exit 4", LONG_MS, ERR_IO, "kick []\n", "(exit code 4): no agent"},
    {"kick: a program that hangs", "C:\\t.exe\n", NULL, "/mnt/c/t.exe", "exec sleep 60", 300,
     ERR_TIMEOUT, "kick []\n", "has not ended in time"},
    {"kick: no program", "C:\\t.exe\n", NULL, "/mnt/c/other.exe", "exit 0", LONG_MS, ERR_NOT_FOUND,
     "", "/mnt/c/t.exe, which " GUEST_HOST " names"},
    {"kick: no host", NULL, NULL, "/mnt/c/t.exe", "exit 0", LONG_MS, ERR_NOT_FOUND, "",
     "ttyferry.exe install"},
    {"kick: an empty host", "\n", NULL, "/mnt/c/t.exe", "exit 0", LONG_MS, ERR_INVALID, "",
     GUEST_HOST " names no program"},
    {"kick: a host that leads out", "C:\\..\\t.exe\n", NULL, "/mnt/t.exe", "exit 0", LONG_MS,
     ERR_INVALID, "", "C:\\..\\t.exe"},
    {"kick: a host of Linux", "/bin/sh\n", NULL, "/bin/sh", "exit 0", LONG_MS, ERR_INVALID, "",
     "\"/bin/sh\": `ttyferry.exe install`"},
};

static void make_machine(struct tree *tree, const struct kick_case *row)
{
    char script[2 * TREE_PATH_SIZE];

    tree_make(tree);
    tree_folder(tree, "/run/WSL");
    snprintf(script, sizeof script, "#!/bin/sh\necho \"$1 [$WSL_INTEROP]\" >>%s/told\n%s\n",
             tree->root, row->script);
    tree_write_program(tree, row->program, script);
    if (row->host != NULL) {
        tree_write(tree, GUEST_HOST, row->host);
    }
    if (row->wsl_conf != NULL) {
        tree_write(tree, GUEST_WSL_CONF, row->wsl_conf);
    }
}

static int kick(const struct tree *tree, uint64_t limit_ms, char reason[KICK_REASON_SIZE])
{
    const struct kick_places places = {
        .root = tree->root, .interop_root = tree->root, .limit_ms = limit_ms};

    reason[0] = '\0';
    return kick_run(&places, reason);
}

/* As a user sees a file of root's; as root, one of a user's. */
static void a_host_of_another_user_is_not_run(void **state)
{
    char reason[KICK_REASON_SIZE];
    char joined[TREE_PATH_SIZE];
    struct tree tree;

    (void)state;
    make_machine(&tree, &kick_cases[0]);
    tree_path(&tree, GUEST_HOST, joined);
    if (chown(joined, 4711, (gid_t)-1) != 0) {
        tree_remove(&tree);
        skip(); /* Only root can give a file away. */
    }
    assert_int_equal(kick(&tree, LONG_MS, reason), ERR_DENIED);
    assert_non_null(strstr(reason, "belongs to user 4711"));
    tree_remove(&tree);
}

static void expect_told(const struct tree *tree, const char *expected)
{
    char told[TREE_PATH_SIZE];

    tree_read(tree, "/told", told, sizeof told);
    assert_string_equal(told, expected);
}

static void kicks(void **state)
{
    const struct kick_case *row = *state;
    char reason[KICK_REASON_SIZE];
    struct tree tree;

    /* What whoever runs us has set is not handed on. */
    assert_int_equal(setenv("WSL_INTEROP", "/somewhere", 1), 0);
    make_machine(&tree, row);
    assert_int_equal(kick(&tree, row->limit_ms, reason), row->err);
    assert_non_null(strstr(reason, row->reason));
    assert_int_equal(reason[0] == '\0', row->err == 0);
    expect_told(&tree, row->told);
    tree_remove(&tree);
}

static void a_session_s_interop_is_named(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char expected[2 * TREE_PATH_SIZE];
    char reason[KICK_REASON_SIZE];
    struct tree tree;

    (void)state;
    make_machine(&tree, &kick_cases[0]);
    tree_write(&tree, "/run/WSL/1_interop", "no socket");
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run/WSL/2_interop", tree.root);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(kick(&tree, LONG_MS, reason), 0);
    snprintf(expected, sizeof expected, "kick [%s]\n", address.sun_path);
    expect_told(&tree, expected);
    close(fd);
    tree_remove(&tree);
}

static void a_host_that_others_may_write_is_not_run(void **state)
{
    char reason[KICK_REASON_SIZE];
    char joined[TREE_PATH_SIZE];
    struct tree tree;

    (void)state;
    make_machine(&tree, &kick_cases[0]);
    tree_path(&tree, GUEST_HOST, joined);
    assert_int_equal(chmod(joined, 0666), 0);
    assert_int_equal(kick(&tree, LONG_MS, reason), ERR_DENIED);
    assert_non_null(strstr(reason, "chmod 644 "));
    tree_delete(&tree, GUEST_HOST);
    tree_link(&tree, GUEST_HOST, "elsewhere");
    assert_int_not_equal(kick(&tree, LONG_MS, reason), 0);
    assert_non_null(strstr(reason, "no plain file"));
    expect_told(&tree, "");
    tree_remove(&tree);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, kick_cases, kicks);
    cases_add_one(&cases, "kick: by a session's interop", a_session_s_interop_is_named);
    cases_add_one(&cases, "kick: who may say what is run", a_host_that_others_may_write_is_not_run);
    cases_add_one(&cases, "kick: a host of another user", a_host_of_another_user_is_not_run);
    return cases_run("kick", &cases);
}
