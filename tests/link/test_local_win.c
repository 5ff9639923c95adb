/* What is the named pipe's own: who may enter, and whom a client trusts. Wine keeps access lists
 * without heeding them, so they are read back here. */
#include "shared/link/local_client.h"
#include "shared/link/local_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

#include "shared/core/error.h"
#include "shared/link/local_pipe_win.h"
#include "tests/link/rig.h"

#define SDDL_SIZE 1024

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

/* The program's import of CreateNamedPipeW, in place of the one that the linker would make: what
 * Windows does with the flags cannot be read back. */
typedef HANDLE(WINAPI *create_pipe_fn)(LPCWSTR name, DWORD open_mode, DWORD pipe_mode,
                                       DWORD instances, DWORD out_size, DWORD in_size,
                                       DWORD timeout_ms, LPSECURITY_ATTRIBUTES attributes);

static struct {
    LONG count;
    LONG without_descriptor;
    LONG open_to_remote;
    LONG first_instances;
    bool starts_with_first_instance;
} seen_pipes;

static HANDLE WINAPI watch_create_pipe(LPCWSTR name, DWORD open_mode, DWORD pipe_mode,
                                       DWORD instances, DWORD out_size, DWORD in_size,
                                       DWORD timeout_ms, LPSECURITY_ATTRIBUTES attributes)
{
    create_pipe_fn create = (create_pipe_fn)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"),
                                                                   "CreateNamedPipeW");
    bool is_first = (open_mode & FILE_FLAG_FIRST_PIPE_INSTANCE) != 0;

    if (InterlockedIncrement(&seen_pipes.count) == 1) {
        seen_pipes.starts_with_first_instance = is_first;
    }
    InterlockedExchangeAdd(&seen_pipes.first_instances, is_first);
    InterlockedExchangeAdd(&seen_pipes.without_descriptor,
                           !attributes || !attributes->lpSecurityDescriptor);
    InterlockedExchangeAdd(&seen_pipes.open_to_remote,
                           (pipe_mode & PIPE_REJECT_REMOTE_CLIENTS) == 0);
    return create(name, open_mode, pipe_mode, instances, out_size, in_size, timeout_ms, attributes);
}

extern create_pipe_fn __imp_CreateNamedPipeW;
create_pipe_fn __imp_CreateNamedPipeW = watch_create_pipe;

static void read_descriptor(const char *path, char sddl[SDDL_SIZE])
{
    const SECURITY_INFORMATION wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    HANDLE pipe = CreateFileA(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    PSECURITY_DESCRIPTOR descriptor;
    char *text;

    assert_true(pipe != INVALID_HANDLE_VALUE);
    assert_int_equal(
        GetSecurityInfo(pipe, SE_KERNEL_OBJECT, wanted, NULL, NULL, NULL, NULL, &descriptor),
        ERROR_SUCCESS);
    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1,
                                                                     wanted, &text, NULL));
    assert_true(strlen(text) < SDDL_SIZE);
    strcpy(sddl, text);
    LocalFree(text);
    LocalFree(descriptor);
    CloseHandle(pipe);
}

static void only_the_user_and_system_may_enter(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char path[RIG_PATH_SIZE];
    char sid[LOCAL_PIPE_SID_SIZE];
    char sddl[SDDL_SIZE];
    char expected[SDDL_SIZE];
    const char *rights;
    bool closed = false;

    rig_make_path(path);
    assert_int_equal(local_pipe_user_sid(sid), 0);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    read_descriptor(path, sddl);
    rights = strstr(sddl, "(A;;FA;") ? "FA" : "GA";
    /* Windows answers with what "generic all" means for a file, Wine with what was said. */
    snprintf(expected, sizeof expected, "O:%sD:P(A;;%s;;;%s)(A;;%s;;;SY)", sid, rights, sid,
             rights);
    assert_string_equal(sddl, expected);
    local_server_close(server, on_closed);
    rig_run_until(rig, &closed);
}

static void every_instance_is_guarded_and_closed_to_the_network(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char path[RIG_PATH_SIZE];
    bool closed = false;

    memset(&seen_pipes, 0, sizeof seen_pipes);
    rig_make_path(path);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    for (int i = 0; i < 3; i++) {
        struct peer peer;

        peer_connect_pipe(rig, &peer, path);
        peer_await(rig, &peer, 6);
        peer_close(rig, &peer);
    }
    local_server_close(server, on_closed);
    rig_run_until(rig, &closed);
    /* One for each client, and the one that waited for the next. */
    assert_int_equal(seen_pipes.count, 4);
    assert_int_equal(seen_pipes.without_descriptor, 0);
    assert_int_equal(seen_pipes.open_to_remote, 0);
    assert_int_equal(seen_pipes.first_instances, 1);
    assert_true(seen_pipes.starts_with_first_instance);
}

static void the_default_path_names_the_user(void **state)
{
    char sid[LOCAL_PIPE_SID_SIZE];
    char path[256];
    char expected[256];

    (void)state;
    assert_int_equal(local_pipe_user_sid(sid), 0);
    assert_memory_equal(sid, "S-1-", 4);
    assert_int_equal(local_client_default_path(path, sizeof path), 0);
    snprintf(expected, sizeof expected, "\\\\.\\pipe\\ttyferry-%s", sid);
    assert_string_equal(path, expected);
}

/* A pipe of that owner under that name, as any user could make it before the agent starts. */
static HANDLE make_pipe(const char *path, const char *sddl)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes};
    HANDLE pipe;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        sddl, SDDL_REVISION_1, &attributes.lpSecurityDescriptor, NULL));
    pipe = CreateNamedPipeA(path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 4,
                            4096, 4096, 0, &attributes);
    LocalFree(attributes.lpSecurityDescriptor);
    return pipe;
}

static void on_conn_closed(void *context, int error)
{
    (void)error;
    *(bool *)context = true;
}

static const struct conn_limits limits = {.line_max = 64, .write_max = 64};
static const struct conn_callbacks callbacks = {.on_closed = on_conn_closed};

static void a_pipe_of_another_user_is_not_trusted(void **state)
{
    struct rig *rig = *state;
    struct conn *conn;
    char path[RIG_PATH_SIZE];
    bool closed = false;
    HANDLE pipe;

    rig_make_path(path);
    pipe = make_pipe(path, "O:S-1-5-21-1-2-3-1234D:(A;;GA;;;WD)");
    if (pipe == INVALID_HANDLE_VALUE) {
        print_message("SKIPPED: this Windows lets nobody name another owner\n");
        skip();
    }
    assert_int_equal(local_client_open(&rig->loop, path, &limits, &callbacks, &closed, &conn),
                     ERR_AUTH);
    assert_false(closed);
    CloseHandle(pipe);
}

static void a_pipe_of_system_is_trusted(void **state)
{
    struct rig *rig = *state;
    struct conn *conn;
    char path[RIG_PATH_SIZE];
    bool closed = false;
    HANDLE pipe;

    rig_make_path(path);
    pipe = make_pipe(path, "O:SYD:(A;;GA;;;WD)");
    if (pipe == INVALID_HANDLE_VALUE) {
        print_message("SKIPPED: this Windows lets nobody name another owner\n");
        skip();
    }
    assert_int_equal(local_client_open(&rig->loop, path, &limits, &callbacks, &closed, &conn), 0);
    conn_close(conn, ERR_CANCELLED);
    rig_run_until(rig, &closed);
    CloseHandle(pipe);
}

static void a_name_that_a_stranger_holds_is_not_taken(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    char path[RIG_PATH_SIZE];
    bool closed = false;
    HANDLE pipe;

    rig_make_path(path);
    pipe = make_pipe(path, "D:(A;;GA;;;WD)");
    assert_true(pipe != INVALID_HANDLE_VALUE);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server),
                     ERR_EXISTS);
    CloseHandle(pipe);
    assert_int_equal(local_server_open(&rig->loop, path, NULL, greet, &closed, &server), 0);
    local_server_close(server, on_closed);
    rig_run_until(rig, &closed);
}

static void a_name_that_is_no_pipes_is_refused(void **state)
{
    struct rig *rig = *state;
    struct local_server *server;
    bool closed = false;

    assert_int_not_equal(local_server_open(&rig->loop, "C:\\events", NULL, greet, &closed, &server),
                         0);
    assert_int_not_equal(
        local_server_open(&rig->loop, "\\\\.\\pipe\\\xff", NULL, greet, &closed, &server), 0);
    rig_turn(rig);
    assert_false(closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(only_the_user_and_system_may_enter),
        RIG_TEST(every_instance_is_guarded_and_closed_to_the_network),
        RIG_TEST(the_default_path_names_the_user),
        RIG_TEST(a_pipe_of_another_user_is_not_trusted),
        RIG_TEST(a_pipe_of_system_is_trusted),
        RIG_TEST(a_name_that_a_stranger_holds_is_not_taken),
        RIG_TEST(a_name_that_is_no_pipes_is_refused),
    };

    return cmocka_run_group_tests_name("local_win", tests, NULL, NULL);
}
