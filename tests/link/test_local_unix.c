/* What is the Unix socket's own: the file, its mode, who replaces whom. */
#include "shared/link/local_client.h"
#include "shared/link/local_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/link/rig.h"

static int greet(void *context, char **line, size_t *len)
{
    (void)context;
    *line = strdup("hello\n");
    assert_non_null(*line);
    *len = 6;
    return 0;
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

static void close_server(struct rig *rig, struct local_server *server, bool *closed)
{
    local_server_close(server, on_closed);
    rig_run_until(rig, closed);
}

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* Leaves the socket of an agent that was killed: a file that nobody serves. */
static void leave_stale_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void the_socket_of_a_dead_server_is_replaced(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    struct peer peer;
    char path[RIG_PATH_SIZE];
    bool closed = false;

    rig_make_path(path);
    leave_stale_socket(path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    peer_connect_pipe(rig, &peer, path);
    peer_await(rig, &peer, 6);
    peer_close(rig, &peer);
    close_server(rig, server, &closed);
    assert_false(exists(path));
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char path[RIG_PATH_SIZE];
    bool closed = false;
    FILE *file;

    rig_make_path(path);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                     ERR_EXISTS);
    assert_true(exists(path));
    assert_int_equal(unlink(path), 0);
}

static void a_link_at_the_path_is_not_followed(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char path[RIG_PATH_SIZE];
    char target[RIG_PATH_SIZE];
    bool closed = false;

    rig_make_path(path);
    rig_make_path(target);
    leave_stale_socket(target);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                     ERR_EXISTS);
    assert_true(exists(target));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(target), 0);
}

static void the_socket_is_for_owner_and_group_only(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    struct stat status;
    char path[RIG_PATH_SIZE];
    bool closed = false;
    mode_t mask = umask(0);

    rig_make_path(path);
    assert_int_equal(
        local_server_open(&rig->loop, path, "no-such-group-anywhere", greet, &closed, &server), 0);
    umask(mask);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0660);
    assert_int_equal(status.st_gid, getegid());
    close_server(rig, server, &closed);
}

static void without_a_group_the_socket_is_its_owners(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    struct stat status;
    char path[RIG_PATH_SIZE];
    bool closed = false;
    mode_t mask = umask(0);

    rig_make_path(path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    umask(mask);
    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    close_server(rig, server, &closed);
}

static void a_missing_folder_is_made(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    struct stat status;
    char folder[RIG_PATH_SIZE];
    char path[RIG_PATH_SIZE + 16];
    bool closed = false;

    rig_make_path(folder);
    snprintf(path, sizeof path, "%s/events.sock", folder);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    assert_int_equal(lstat(folder, &status), 0);
    assert_int_equal(status.st_mode & 07022, 0);
    close_server(rig, server, &closed);
    /* Nothing is left in it, the lock neither. */
    assert_int_equal(rmdir(folder), 0);
}

static void a_name_is_free_while_the_last_clients_are_still_let_go(void **state)
{
    struct rig *rig = *state;
    struct local_server *first;
    struct local_server *second;
    struct peer peer;
    char path[RIG_PATH_SIZE];
    bool first_closed = false;
    bool second_closed = false;

    rig_make_path(path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &first_closed, &first), 0);
    peer_connect_pipe(rig, &peer, path);
    peer_await(rig, &peer, 6);
    local_server_close(first, on_closed);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &second_closed, &second), 0);
    rig_run_until(rig, &first_closed);
    assert_true(exists(path));
    peer_close(rig, &peer);
    peer_connect_pipe(rig, &peer, path);
    peer_await(rig, &peer, 6);
    peer_close(rig, &peer);
    close_server(rig, second, &second_closed);
    assert_false(exists(path));
}

static void a_socket_that_is_not_ours_any_more_is_not_removed(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char path[RIG_PATH_SIZE];
    bool closed = false;

    rig_make_path(path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    assert_int_equal(unlink(path), 0);
    leave_stale_socket(path);
    close_server(rig, server, &closed);
    assert_true(exists(path));
    assert_int_equal(unlink(path), 0);
}

static void nobody_answers_at_a_stale_socket(void **state)
{
    static const struct conn_limits limits = {.line_max = 64, .write_max = 64};
    static const struct conn_callbacks callbacks = {0};
    struct rig *rig = *state;
    struct conn *conn;
    char path[RIG_PATH_SIZE];

    rig_make_path(path);
    leave_stale_socket(path);
    assert_int_equal(local_client_open(&rig->loop, path, &limits, &callbacks, NULL, &conn),
                     ERR_REFUSED);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_socket_of_a_dead_server_is_replaced),
        RIG_TEST(a_file_that_is_no_socket_is_left_alone),
        RIG_TEST(a_link_at_the_path_is_not_followed),
        RIG_TEST(the_socket_is_for_owner_and_group_only),
        RIG_TEST(without_a_group_the_socket_is_its_owners),
        RIG_TEST(a_missing_folder_is_made),
        RIG_TEST(a_name_is_free_while_the_last_clients_are_still_let_go),
        RIG_TEST(a_socket_that_is_not_ours_any_more_is_not_removed),
        RIG_TEST(nobody_answers_at_a_stale_socket),
    };

    return cmocka_run_group_tests_name("local_unix", tests, NULL, NULL);
}
