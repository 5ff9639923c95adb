/* What is the Unix socket's own: the file, its mode, who replaces whom. */
#include "shared/link/local_client.h"
#include "shared/link/local_server.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/link/rig.h"

/* A user, and a group, of nobody's. */
#define STRANGER 54321

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
                     ERR_DENIED);
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
                     ERR_DENIED);
    assert_true(exists(target));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(target), 0);
}

static void without_that_group_the_socket_is_its_owners(void **state)
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
    assert_int_equal(status.st_mode & 07777, 0600);
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

static void a_folder_that_others_may_write_to_is_refused(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char folder[RIG_PATH_SIZE];
    char path[RIG_PATH_SIZE + 16];
    bool closed = false;

    rig_make_path(folder);
    snprintf(path, sizeof path, "%s/events.sock", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (mode_t mode = 0020; mode >= 0002; mode >>= 3) {
        assert_int_equal(chmod(folder, 0700 | mode), 0);
        assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                         ERR_DENIED);
        rig_turn(rig);
    }
    assert_int_equal(rmdir(folder), 0); /* Nothing was made in it. */
}

static void a_link_to_a_folder_is_not_followed(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char folder[RIG_PATH_SIZE];
    char link_path[RIG_PATH_SIZE];
    char path[RIG_PATH_SIZE + 16];
    bool closed = false;

    rig_make_path(folder);
    rig_make_path(link_path);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink(folder, link_path), 0);
    snprintf(path, sizeof path, "%s/events.sock", link_path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                     ERR_DENIED);
    rig_turn(rig);
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_strangers_folder_or_socket_is_refused(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char folder[RIG_PATH_SIZE];
    char path[RIG_PATH_SIZE + 16];
    bool closed = false;

    if (geteuid() != 0) {
        print_message("SKIPPED: only root can give a file away\n");
        skip();
    }
    rig_make_path(folder);
    snprintf(path, sizeof path, "%s/events.sock", folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(chown(folder, STRANGER, STRANGER), 0);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                     ERR_DENIED);
    rig_turn(rig);
    assert_int_equal(chown(folder, 0, 0), 0);
    leave_stale_socket(path);
    assert_int_equal(chown(path, STRANGER, STRANGER), 0);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                     ERR_DENIED);
    rig_turn(rig);
    assert_true(exists(path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* What the other user's program finds: its exit code is 'g' if it was greeted, 'c' if the
 * connection was closed without a word, 'd' if it was not let in at all. */
static int visit(const char *path, gid_t gid, bool is_supplementary)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    gid_t supplementary[] = {STRANGER + 7, gid};
    char first = 'c';
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, path);
    if (setgroups(is_supplementary ? 2 : 0, supplementary) != 0 ||
        setgid(is_supplementary ? STRANGER : gid) != 0 || setuid(STRANGER) != 0) {
        return 'x';
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return 'd';
    }
    if (read(fd, &first, 1) == 1) {
        return 'g';
    }
    return first;
}

struct visitor {
    uv_signal_t signal;
    pid_t pid;
    int code;
    bool ended;
};

static void on_child(uv_signal_t *signal, int number)
{
    struct visitor *visitor = signal->data;
    int status;

    (void)number;
    if (waitpid(visitor->pid, &status, WNOHANG) == visitor->pid) {
        visitor->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        visitor->ended = true;
    }
}

static int send_visitor(struct rig *rig, const char *path, gid_t gid, bool is_supplementary)
{
    struct visitor visitor = {.ended = false};

    uv_signal_init(&rig->loop, &visitor.signal);
    visitor.signal.data = &visitor;
    uv_signal_start(&visitor.signal, on_child, SIGCHLD);
    visitor.pid = fork();
    assert_true(visitor.pid >= 0);
    if (visitor.pid == 0) {
        _exit(visit(path, gid, is_supplementary));
    }
    rig_run_until(rig, &visitor.ended);
    uv_close((uv_handle_t *)&visitor.signal, NULL);
    rig_turn(rig);
    return visitor.code;
}

/* The mode lets only the group in; and where it lets in more, for somebody has changed it, the
 * kernel's word of who the client is still counts. */
static void only_root_and_the_group_may_enter(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    const struct group *group = getgrnam("dialout");
    char folder[RIG_PATH_SIZE];
    char path[RIG_PATH_SIZE + 16];
    bool closed = false;

    if (geteuid() != 0 || group == NULL) {
        print_message("SKIPPED: only root can be somebody else, and the group dialout is needed\n");
        skip();
    }
    rig_make_path(folder); /* In a folder that everybody may enter. */
    *strrchr(folder, '/') = '\0';
    assert_int_equal(chmod(folder, 0755), 0);
    snprintf(path, sizeof path, "%s/group.sock", folder);
    assert_int_equal(local_server_open(&rig->loop, path, "dialout", greet, &closed, &server), 0);
    assert_int_equal(send_visitor(rig, path, group->gr_gid, false), 'g');
    assert_int_equal(send_visitor(rig, path, group->gr_gid, true), 'g');
    assert_int_equal(send_visitor(rig, path, STRANGER, false), 'd');
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(send_visitor(rig, path, STRANGER, false), 'c');
    assert_int_equal(send_visitor(rig, path, STRANGER + 1, true), 'c');
    assert_int_equal(send_visitor(rig, path, group->gr_gid, true), 'g');
    close_server(rig, server, &closed);
}

static void a_second_door_leads_to_the_same_server(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    struct peer peers[2];
    char folder[RIG_PATH_SIZE];
    char paths[3][RIG_PATH_SIZE + 16];
    bool closed = false;

    rig_make_path(paths[0]);
    rig_make_path(folder);
    snprintf(paths[1], sizeof paths[1], "%s/events.sock", folder);
    rig_make_path(paths[2]);
    assert_int_equal(local_server_open(&rig->loop, paths[0], NULL, greet, &closed, &server), 0);
    /* One that can't be opened changes nothing. */
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(local_server_open_door(server, paths[1], NULL), ERR_DENIED);
    rig_turn(rig);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(local_server_open_door(server, paths[0], NULL), ERR_EXISTS);
    assert_int_equal(local_server_open_door(server, paths[1], NULL), 0);
    assert_int_equal(local_server_open_door(server, paths[2], NULL), ERR_FULL);
    for (size_t i = 0; i < 2; i++) {
        peer_connect_pipe(rig, &peers[i], paths[i]);
        peer_await(rig, &peers[i], 6);
    }
    assert_int_equal(local_server_clients(server), 2);
    local_server_broadcast(server, "news\n", 5);
    for (size_t i = 0; i < 2; i++) {
        peer_await(rig, &peers[i], 11);
        peer_close(rig, &peers[i]);
    }
    close_server(rig, server, &closed);
    assert_false(exists(paths[0]));
    assert_false(exists(paths[1]));
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_socket_of_a_dead_server_is_replaced),
        RIG_TEST(a_file_that_is_no_socket_is_left_alone),
        RIG_TEST(a_link_at_the_path_is_not_followed),
        RIG_TEST(without_that_group_the_socket_is_its_owners),
        RIG_TEST(without_a_group_the_socket_is_its_owners),
        RIG_TEST(a_folder_that_others_may_write_to_is_refused),
        RIG_TEST(a_link_to_a_folder_is_not_followed),
        RIG_TEST(a_strangers_folder_or_socket_is_refused),
        RIG_TEST(only_root_and_the_group_may_enter),
        RIG_TEST(a_missing_folder_is_made),
        RIG_TEST(a_name_is_free_while_the_last_clients_are_still_let_go),
        RIG_TEST(a_socket_that_is_not_ours_any_more_is_not_removed),
        RIG_TEST(nobody_answers_at_a_stale_socket),
        RIG_TEST(a_second_door_leads_to_the_same_server),
    };

    return cmocka_run_group_tests_name("local_unix", tests, NULL, NULL);
}
