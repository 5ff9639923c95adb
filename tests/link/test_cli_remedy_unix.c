/* What the verbs say to who can't read the stream. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/cli/cli_remedy_unix.h"
#include "tests/core/cases.h"

#define NAMES_MAX 3

/* --- No agent --------------------------------------------------------------------------------- */

static const struct absent_case {
    const char *name;
    const char *there[NAMES_MAX]; /* files; a folder ends with a slash */
    const char *remedy;           /* a part of it */
} absent_cases[] = {
    {"absent: the unit is started where systemd runs",
     {"/run/systemd/system/", "/etc/systemd/system/ttyferry.service", "/usr/local/bin/ttyferry"},
     "\"sudo systemctl start ttyferry\""},
    {"absent: a unit without systemd starts nothing",
     {"/etc/systemd/system/ttyferry.service", "/usr/local/bin/ttyferry"},
     "\"sudo /usr/local/bin/ttyferry agent --background\""},
    {"absent: systemd without our unit",
     {"/run/systemd/system/", "/usr/local/bin/ttyferry"},
     "\"sudo /usr/local/bin/ttyferry agent --background\""},
    {"absent: neither", {"/usr/local/bin/ttyferry"}, "ttyferry agent --background\""},
    {"absent: never set up here", {NULL}, "\"ttyferry.exe install\" on Windows"},
};

/* Makes the folders above it too. */
static void make(const char *root, const char *name)
{
    char path[256];

    assert_in_range(snprintf(path, sizeof path, "%s%s", root, name), 1, sizeof path - 1);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700); /* It may be there. */
        *slash = '/';
    }
    if (path[strlen(path) - 1] != '/') {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
}

static void run_absent(void **state)
{
    const struct absent_case *row = *state;
    char root[] = "/tmp/ttyferry-remedy-XXXXXX";
    char command[64];
    char remedy[CLI_REMEDY_SIZE];

    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < NAMES_MAX && row->there[i]; i++) {
        make(root, row->there[i]);
    }
    cli_remedy_unix_absent(root, remedy);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
    assert_non_null(strstr(remedy, row->remedy));
}

/* --- Not allowed ------------------------------------------------------------------------------ */

static const struct denied_case {
    const char *name;
    struct cli_remedy_socket socket;
    const char *parts[NAMES_MAX]; /* of the remedy */
} denied_cases[] = {
    {"denied: not in the group",
     {.is_for_group = true, .gid = 20, .group = "dialout"},
     {"the group dialout", "\"sudo usermod -aG dialout $USER\"", "log in anew"}},
    {"denied: in the group since the login",
     {.is_for_group = true, .gid = 20, .group = "dialout", .is_member_now = true},
     {"since you logged in", "wsl --terminate"}},
    {"denied: a group without a name here",
     {.is_for_group = true, .gid = 1020},
     {"\"sudo groupadd --gid 1020 ttyferry\"", "\"sudo usermod -aG ttyferry $USER\""}},
    {"denied: root's alone", {.is_for_group = false}, {"root's alone", "sudo"}},
};

static void run_denied(void **state)
{
    const struct denied_case *row = *state;
    char remedy[CLI_REMEDY_SIZE];

    cli_remedy_unix_denied(&row->socket, remedy);
    assert_true(strlen(remedy) + 1 < sizeof remedy);
    for (size_t i = 0; i < NAMES_MAX && row->parts[i]; i++) {
        if (!strstr(remedy, row->parts[i])) {
            fail_msg("\"%s\" has not \"%s\"", remedy, row->parts[i]);
        }
    }
    if (row->socket.is_member_now) {
        assert_null(strstr(remedy, "usermod"));
    }
}

/* A socket that is for nobody's group, and none at all. */
static void what_is_no_groups_is_roots(void **state)
{
    char path[] = "/tmp/ttyferry-remedy-XXXXXX";
    char remedy[CLI_REMEDY_SIZE];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    cli_remedy_denied(path, remedy);
    assert_non_null(strstr(remedy, "root's alone"));
    close(fd);
    assert_int_equal(unlink(path), 0);
    cli_remedy_denied(path, remedy);
    assert_non_null(strstr(remedy, "root's alone"));
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, absent_cases, run_absent);
    CASES_ADD(&cases, denied_cases, run_denied);
    cases_add_one(&cases, "denied: what is no group's is root's", what_is_no_groups_is_roots);
    return cases_run("cli_remedy_unix", &cases);
}
