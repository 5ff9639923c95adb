#include "guest-linux/service_notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

/* A socket as systemd has it; `name` with a leading '@' is abstract. */
static int serve(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0 && len < sizeof address.sun_path);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void expect_told(const char *name)
{
    char told[64];
    int fd = serve(name);
    ssize_t len;

    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(service_notify_send(SERVICE_NOTIFY_READY), 0);
    len = recv(fd, told, sizeof told, 0);
    assert_int_equal(len, strlen("READY=1"));
    assert_memory_equal(told, "READY=1", strlen("READY=1"));
    close(fd);
}

static void it_tells_a_socket_that_is_a_file(void **state)
{
    char name[TREE_PATH_SIZE];
    struct tree tree;

    (void)state;
    tree_make(&tree);
    tree_path(&tree, "/notify", name);
    expect_told(name);
    tree_remove(&tree);
}

static void it_tells_an_abstract_socket(void **state)
{
    char name[64];

    (void)state;
    snprintf(name, sizeof name, "@ttyferry-test-%ld", (long)getpid());
    expect_told(name);
}

static const struct name_case {
    const char *name;
    const char *socket; /* NULL: not set */
    int err;
} name_cases[] = {
    {"service_notify: nobody wants to know", NULL, 0},
    {"service_notify: an empty name", "", ERR_INVALID},
    {"service_notify: a relative name", "notify", ERR_INVALID},
    {"service_notify: a vsock", "vsock:2:1234", ERR_INVALID},
    {"service_notify: a root alone", "/", ERR_INVALID},
    {"service_notify: a long name",
     "/12345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "1234567890123456789012345678901234567890",
     ERR_INVALID},
    {"service_notify: nobody there", "/nowhere/at/all", ERR_NOT_FOUND},
};

static void answers(void **state)
{
    const struct name_case *row = *state;

    if (row->socket != NULL) {
        assert_int_equal(setenv("NOTIFY_SOCKET", row->socket, 1), 0);
    } else {
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    }
    assert_int_equal(service_notify_send(SERVICE_NOTIFY_STOPPING), row->err);
}

int main(void)
{
    struct cases cases = {.count = 0};

    cases_add_one(&cases, "service_notify: a file", it_tells_a_socket_that_is_a_file);
    cases_add_one(&cases, "service_notify: an abstract socket", it_tells_an_abstract_socket);
    CASES_ADD(&cases, name_cases, answers);
    return cases_run("service_notify", &cases);
}
