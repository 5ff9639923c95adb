/* Who may enter a local listener: this user alone, whatever became of the socket's mode. */
#include "shared/link/listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/link/recorder.h"
#include "tests/link/rig.h"

#define NOBODY 65534

enum visit { VISIT_GREETED, VISIT_HUNG_UP, VISIT_KEPT_OUT, VISIT_BROKEN };

static enum visit visit_as(uid_t user, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || setuid(user) != 0) {
        return VISIT_BROKEN;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return VISIT_KEPT_OUT;
    }
    return read(fd, &byte, 1) == 1 ? VISIT_GREETED : VISIT_HUNG_UP;
}

struct ground {
    struct rig *rig;
    struct recorder recorder;
    char path[RIG_PATH_SIZE];
    struct listen *listen;
    bool closed;
};

static void on_listen_closed(void *context)
{
    struct ground *ground = ((struct recorder *)context)->owner;

    ground->closed = true;
}

static void open_ground(struct ground *ground, struct rig *rig)
{
    memset(ground, 0, sizeof *ground);
    ground->rig = rig;
    ground->recorder.owner = ground;
    rig_make_path(ground->path);
    assert_int_equal(listen_open_local(&rig->loop, ground->path, &recorder_guest,
                                       &recorder_callbacks, &ground->recorder, &ground->listen),
                     0);
}

static void close_ground(struct ground *ground)
{
    listen_close(ground->listen, on_listen_closed);
    rig_run_until(ground->rig, &ground->closed);
}

/* The rig's folder is its owner's; at the socket itself the kernel asks for the socket's mode. */
static void open_folder(const char *path)
{
    char folder[RIG_PATH_SIZE];

    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(chmod(folder, 0755), 0);
}

/* Another process, for it gives up its rights. */
static enum visit visit(struct ground *ground, uid_t user)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        _exit(visit_as(user, ground->path));
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        rig_turn(ground->rig);
    }
    assert_true(WIFEXITED(status));
    return (enum visit)WEXITSTATUS(status);
}

static void skip_unless_root(void)
{
    if (geteuid() != 0) {
        print_message("SKIPPED: only root can be somebody else\n");
        skip();
    }
}

static void the_socket_is_roots_alone(void **state)
{
    static struct ground ground;
    struct stat status;

    skip_unless_root();
    open_ground(&ground, *state);
    open_folder(ground.path);
    assert_int_equal(lstat(ground.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(visit(&ground, NOBODY), VISIT_KEPT_OUT);
    assert_int_equal(visit(&ground, 0), VISIT_GREETED);
    close_ground(&ground);
}

static void another_user_is_not_even_greeted(void **state)
{
    static struct ground ground;

    skip_unless_root();
    open_ground(&ground, *state);
    open_folder(ground.path);
    assert_int_equal(chmod(ground.path, 0666), 0);
    assert_int_equal(visit(&ground, NOBODY), VISIT_HUNG_UP);
    rig_run_until(ground.rig, &ground.recorder.closed);
    assert_int_equal(ground.recorder.error, ERR_DENIED);
    assert_false(ground.recorder.was_up);
    close_ground(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_socket_is_roots_alone),
        RIG_TEST(another_user_is_not_even_greeted),
    };

    return cmocka_run_group_tests_name("listen_unix", tests, NULL, NULL);
}
