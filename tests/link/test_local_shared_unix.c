/* The place that all distributions share: whose work is trusted there, and whose is not. */
#include "shared/link/local_shared_unix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/link/local_client.h"
#include "shared/link/local_server.h"
#include "tests/core/cases.h"
#include "tests/link/rig.h"

#define STRANGER 54321
#define PATH_SIZE (RIG_PATH_SIZE + 64)

/* What stands for /mnt/wsl: a folder that everybody may write to. */
struct ground {
    struct rig *rig;
    char root[RIG_PATH_SIZE];
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
    int listener; /* or -1 */
    bool closed;
    int error;
};

static void make_ground(struct ground *ground)
{
    void *rig = (void *)(uintptr_t)&rig_tcp;

    if (geteuid() != 0) {
        print_message("SKIPPED: only root can be root, and somebody else\n");
        skip();
    }
    memset(ground, 0, sizeof *ground);
    ground->listener = -1;
    assert_int_equal(rig_setup(&rig), 0);
    ground->rig = rig;
    rig_make_path(ground->root); /* In a folder that everybody may enter. */
    snprintf(ground->folder, sizeof ground->folder, "%s", ground->root);
    *strrchr(ground->folder, '/') = '\0';
    assert_int_equal(chmod(ground->folder, 0755), 0);
    assert_int_equal(mkdir(ground->root, 0700), 0);
    assert_int_equal(chmod(ground->root, 01777), 0);
    snprintf(ground->folder, sizeof ground->folder, "%s/ttyferry", ground->root);
    assert_int_equal(local_shared_path(ground->root, ground->path, sizeof ground->path), 0);
}

static void remove_ground(struct ground *ground)
{
    char command[PATH_SIZE];

    if (ground->listener >= 0) {
        close(ground->listener);
    }
    snprintf(command, sizeof command, "rm -r '%s'", ground->root);
    assert_int_equal(system(command), 0);
    assert_int_equal(rig_teardown((void **)&ground->rig), 0);
}

static void make_folder(struct ground *ground, mode_t mode)
{
    assert_int_equal(mkdir(ground->folder, 0700), 0);
    assert_int_equal(chmod(ground->folder, mode), 0);
}

/* Somebody who is `uid` when he calls listen(): that is what the kernel tells of a server. */
static void serve(struct ground *ground, uid_t uid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_true(strlen(ground->path) < sizeof address.sun_path);
    strcpy(address.sun_path, ground->path);
    ground->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(ground->listener >= 0);
    assert_int_equal(bind(ground->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(seteuid(uid), 0);
    assert_int_equal(listen(ground->listener, 1), 0);
    assert_int_equal(seteuid(0), 0);
}

static void roots_socket(struct ground *ground)
{
    make_folder(ground, 0755);
    serve(ground, 0);
}

static void nothing(struct ground *ground)
{
    (void)ground;
}

static void an_empty_folder(struct ground *ground)
{
    make_folder(ground, 0755);
}

static void a_dead_socket(struct ground *ground)
{
    roots_socket(ground);
    close(ground->listener);
    ground->listener = -1;
}

static void a_strangers_server(struct ground *ground)
{
    make_folder(ground, 0755);
    serve(ground, STRANGER);
}

static void a_strangers_folder(struct ground *ground)
{
    roots_socket(ground);
    assert_int_equal(chown(ground->folder, STRANGER, STRANGER), 0);
}

static void a_strangers_socket(struct ground *ground)
{
    roots_socket(ground);
    assert_int_equal(chown(ground->path, STRANGER, STRANGER), 0);
}

static void a_folder_for_everybody(struct ground *ground)
{
    roots_socket(ground);
    assert_int_equal(chmod(ground->folder, 01777), 0);
}

/* To a folder of root's that has such a socket. */
static void a_link_for_the_folder(struct ground *ground)
{
    char aside[PATH_SIZE];

    roots_socket(ground);
    snprintf(aside, sizeof aside, "%s/aside", ground->root);
    assert_int_equal(rename(ground->folder, aside), 0);
    assert_int_equal(symlink(aside, ground->folder), 0);
}

static void a_link_for_the_socket(struct ground *ground)
{
    char aside[PATH_SIZE];

    roots_socket(ground);
    snprintf(aside, sizeof aside, "%s/aside.sock", ground->root);
    assert_int_equal(rename(ground->path, aside), 0);
    assert_int_equal(symlink(aside, ground->path), 0);
}

static void a_file_for_the_socket(struct ground *ground)
{
    FILE *file;

    make_folder(ground, 0755);
    file = fopen(ground->path, "w");
    assert_non_null(file);
    fclose(file);
}

static const struct client_row {
    const char *name;
    void (*make)(struct ground *ground);
    int result;
} client_rows[] = {
    {"shared: root's socket in root's folder", roots_socket, 0},
    {"shared: nothing is there", nothing, ERR_NOT_FOUND},
    {"shared: an empty folder", an_empty_folder, ERR_NOT_FOUND},
    {"shared: a socket that nobody serves", a_dead_socket, ERR_REFUSED},
    {"shared: another user serves it", a_strangers_server, ERR_AUTH},
    {"shared: another user's folder", a_strangers_folder, ERR_AUTH},
    {"shared: another user's socket", a_strangers_socket, ERR_AUTH},
    {"shared: a folder that others may write to", a_folder_for_everybody, ERR_AUTH},
    {"shared: a link in the folder's place", a_link_for_the_folder, ERR_AUTH},
    {"shared: a link in the socket's place", a_link_for_the_socket, ERR_AUTH},
    {"shared: a file in the socket's place", a_file_for_the_socket, ERR_AUTH},
};

static void on_conn_closed(void *context, int error)
{
    struct ground *ground = context;

    ground->error = error;
    ground->closed = true;
}

static void is_trusted_or_not(void **state)
{
    static const struct conn_limits limits = {.line_max = 64, .write_max = 64};
    static const struct conn_callbacks callbacks = {.on_closed = on_conn_closed};
    const struct client_row *row = *state;
    struct ground ground;
    struct conn *conn;
    char used[PATH_SIZE] = "";

    make_ground(&ground);
    row->make(&ground);
    assert_int_equal(local_client_open_shared(&ground.rig->loop, ground.root, &limits, &callbacks,
                                              &ground, used, sizeof used, &conn),
                     row->result);
    assert_string_equal(used, ground.path);
    if (row->result == 0) {
        conn_close(conn, ERR_CANCELLED);
        rig_run_until(ground.rig, &ground.closed);
    }
    remove_ground(&ground);
}

/* Whoever runs it there is no friend, though he has the client's own number. */
static void ones_own_number_is_not_enough(void **state)
{
    struct ground ground;
    int status;
    pid_t pid;

    (void)state;
    make_ground(&ground);
    a_strangers_server(&ground);
    assert_int_equal(chmod(ground.path, 0777), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static const struct conn_limits limits = {.line_max = 64, .write_max = 64};
        static const struct conn_callbacks callbacks = {.on_closed = on_conn_closed};
        char used[PATH_SIZE];
        struct conn *conn;
        int shared_result;

        if (setuid(STRANGER) != 0) {
            _exit(10);
        }
        shared_result = local_client_open_shared(&ground.rig->loop, ground.root, &limits,
                                                 &callbacks, &ground, used, sizeof used, &conn);
        /* At a path that the user names himself it is his own server. */
        if (local_client_open(&ground.rig->loop, ground.path, &limits, &callbacks, &ground,
                              &conn) != 0) {
            _exit(11);
        }
        _exit(shared_result == ERR_AUTH ? 0 : 12);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    remove_ground(&ground);
}

static void a_path_that_is_too_long_is_told(void **state)
{
    char path[PATH_SIZE];
    char root[512];

    (void)state;
    memset(root, 'r', sizeof root - 1);
    root[sizeof root - 1] = '\0';
    assert_int_equal(local_shared_path(root, path, sizeof path), ERR_TOO_LONG);
    assert_int_equal(local_shared_path("/mnt/wsl", path, 8), ERR_TOO_LONG);
    assert_int_equal(local_shared_path("/mnt/wsl", path, sizeof path), 0);
    assert_string_equal(path, "/mnt/wsl/ttyferry/events.sock");
}

/* A mount point that is unsafe takes a mount: tests/guest/vm_smoke.py has it. */
static void only_a_mount_point_is_shared(void **state)
{
    struct ground ground;
    char link_path[PATH_SIZE];
    char missing[PATH_SIZE];

    (void)state;
    make_ground(&ground);
    assert_int_equal(local_shared_check_root("/proc"), 0); /* one of root's, 0555 */
    assert_int_equal(local_shared_check_root("/"), ERR_NOT_FOUND);
    assert_int_equal(local_shared_check_root(ground.root), ERR_NOT_FOUND);
    snprintf(missing, sizeof missing, "%s/missing", ground.root);
    assert_int_equal(local_shared_check_root(missing), ERR_NOT_FOUND);
    snprintf(link_path, sizeof link_path, "%s/link", ground.root);
    assert_int_equal(symlink("/proc", link_path), 0);
    assert_int_equal(local_shared_check_root(link_path), ERR_NOT_FOUND);
    assert_int_equal(local_shared_check_root("/proc/version"), ERR_NOT_FOUND);
    remove_ground(&ground);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, client_rows, is_trusted_or_not);
    cases_add_one(&cases, "ones_own_number_is_not_enough", ones_own_number_is_not_enough);
    cases_add_one(&cases, "a_path_that_is_too_long_is_told", a_path_that_is_too_long_is_told);
    cases_add_one(&cases, "only_a_mount_point_is_shared", only_a_mount_point_is_shared);
    return cases_run("local_shared_unix", &cases);
}
