/* Ending an agent: only the one that serves the stream that is asked for. The agents are this very
 * program, which then has the window and the pipe of one. */
#include "host-win/agent_process.h"

#include <windows.h>

#include <sddl.h>
#include <stdio.h>
#include <wchar.h>

#include "host-win/pnp_listener.h"
#include "host-win/supervisor.h"
#include "shared/core/error.h"
#include "shared/link/local_pipe_win.h"
#include "tests/host/self.h"

#define PIPE_FORMAT L"\\\\.\\pipe\\ttyferry-test-agent-%lu-%lu"
#define PIPE_VARIABLE L"TTYFERRY_TEST_PIPE"
#define READY_VARIABLE L"TTYFERRY_TEST_READY"
#define READY_FORMAT L"Local\\ttyferry-test-ready-%lu-%lu"
#define GO_VARIABLE L"TTYFERRY_TEST_GO"
#define GO_FORMAT L"Local\\ttyferry-test-go-%lu-%lu"
#define ANSWER_LIMIT_MS 60000

#define NOBODY L"C:\\no such folder\\ttyferryw.exe"
#define NO_STREAM "\\\\.\\pipe\\ttyferry-test-nobody"

/* --- An agent's side -------------------------------------------------------------------------- */

static LRESULT CALLBACK on_message(HWND window, UINT message, WPARAM wparam, LPARAM lparam)
{
    if (message == WM_CLOSE) {
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcW(window, message, wparam, lparam);
}

/* Owned by the user, as an agent's is; the default owner of an administrator is their group. */
static void make_pipe(void)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof security};
    char sid[LOCAL_PIPE_SID_SIZE];
    char sddl[2 * LOCAL_PIPE_SID_SIZE + 32];
    wchar_t pipe[128];

    if (local_pipe_user_sid(sid) != 0) {
        return;
    }
    snprintf(sddl, sizeof sddl, "O:%sD:P(A;;GA;;;%s)", sid, sid);
    ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1,
                                                         &security.lpSecurityDescriptor, NULL);
    GetEnvironmentVariableW(PIPE_VARIABLE, pipe, 128);
    CreateNamedPipeW(pipe, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 4, 0, 0, 0,
                     &security);
}

static void tell_ready(void)
{
    wchar_t ready[128];

    GetEnvironmentVariableW(READY_VARIABLE, ready, 128);
    SetEvent(OpenEventW(EVENT_MODIFY_STATE, FALSE, ready));
}

/* As while an agent is starting: it says that it is there, and has no window until it may. */
static void wait_to_go(void)
{
    wchar_t go[128];

    tell_ready();
    GetEnvironmentVariableW(GO_VARIABLE, go, 128);
    WaitForSingleObject(OpenEventW(SYNCHRONIZE, FALSE, go), ANSWER_LIMIT_MS);
}

static int play(const wchar_t *class_name)
{
    WNDCLASSW class = {.lpfnWndProc = on_message, .lpszClassName = class_name};
    MSG message;

    RegisterClassW(&class);
    CreateWindowExW(0, class_name, L"test", WS_OVERLAPPED, 0, 0, 0, 0, NULL, NULL, NULL, NULL);
    tell_ready();
    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        DispatchMessageW(&message);
    }
    return 0;
}

/* --- The test's ------------------------------------------------------------------------------- */

struct player {
    HANDLE process;
    HANDLE go; /* of one that waits for it */
    char stream[128];
};

/* Returns when it is ready. It inherits nothing: under Wine its window starts a desktop, which
 * would keep what it inherits, and whoever reads our output would wait for that. */
static void start_program(const wchar_t *path, const wchar_t *role, struct player *player)
{
    static DWORD count;
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    wchar_t name[128];
    HANDLE ready;

    _snwprintf(name, 128, PIPE_FORMAT, GetCurrentProcessId(), ++count);
    assert_int_equal(wide_to_utf8(name, player->stream, sizeof player->stream), 0);
    assert_true(SetEnvironmentVariableW(PIPE_VARIABLE, name));
    _snwprintf(name, 128, READY_FORMAT, GetCurrentProcessId(), count);
    ready = CreateEventW(NULL, TRUE, FALSE, name);
    assert_non_null(ready);
    assert_true(SetEnvironmentVariableW(READY_VARIABLE, name));
    _snwprintf(name, 128, GO_FORMAT, GetCurrentProcessId(), count);
    player->go = CreateEventW(NULL, TRUE, FALSE, name);
    assert_non_null(player->go);
    assert_true(SetEnvironmentVariableW(GO_VARIABLE, name));
    self_set_role(role);
    assert_true(CreateProcessW(path, NULL, NULL, NULL, FALSE, DETACHED_PROCESS, NULL, NULL,
                               &startup, &process));
    self_set_role(L"");
    CloseHandle(process.hThread);
    player->process = process.hProcess;
    assert_int_equal(WaitForSingleObject(ready, ANSWER_LIMIT_MS), WAIT_OBJECT_0);
    CloseHandle(ready);
}

static void find_self(wchar_t path[MAX_PATH])
{
    assert_in_range(GetModuleFileNameW(NULL, path, MAX_PATH), 1, MAX_PATH - 1);
}

static void start(const wchar_t *role, struct player *player)
{
    wchar_t path[MAX_PATH];

    find_self(path);
    start_program(path, role, player);
}

static bool runs(const struct player *player)
{
    return WaitForSingleObject(player->process, 0) == WAIT_TIMEOUT;
}

static void finish(struct player *player)
{
    TerminateProcess(player->process, 1);
    assert_int_equal(WaitForSingleObject(player->process, ANSWER_LIMIT_MS), WAIT_OBJECT_0);
    CloseHandle(player->process);
    CloseHandle(player->go);
}

struct end {
    const char *stream;
    const wchar_t *program;
    int result;
    bool ended;
};

static DWORD WINAPI end_in_thread(void *context)
{
    struct end *end = context;

    end->result = agent_process_end(end->stream, end->program, &end->ended);
    return 0;
}

/* Begins to end it, lets it make its window, and waits for its end. */
static void expect_end_of_late(struct player *player, const char *stream, const wchar_t *program)
{
    struct end end = {.stream = stream, .program = program, .result = 1};
    HANDLE thread = CreateThread(NULL, 0, end_in_thread, &end, 0, NULL);

    assert_non_null(thread);
    assert_int_equal(WaitForSingleObject(thread, 0), WAIT_TIMEOUT);
    assert_true(runs(player));
    SetEvent(player->go);
    assert_int_equal(WaitForSingleObject(thread, ANSWER_LIMIT_MS), WAIT_OBJECT_0);
    CloseHandle(thread);
    assert_int_equal(end.result, 0);
    assert_true(end.ended);
    assert_false(runs(player));
}

static void only_the_agent_of_the_stream_ends(void **state)
{
    struct player wanted;
    struct player other;
    bool ended = false;

    (void)state;
    start(L"agent", &other);
    start(L"agent", &wanted);
    assert_int_equal(agent_process_end(wanted.stream, NOBODY, &ended), 0);
    assert_true(ended);
    assert_false(runs(&wanted));
    assert_true(runs(&other));
    finish(&wanted);
    finish(&other);
}

static void without_an_agent_its_supervisor_ends(void **state)
{
    struct player supervisor;
    struct player other;
    bool ended = false;

    (void)state;
    start(L"agent", &other);
    start(L"supervisor", &supervisor);
    assert_int_equal(agent_process_end(supervisor.stream, NOBODY, &ended), 0);
    assert_true(ended);
    assert_false(runs(&supervisor));
    assert_true(runs(&other));
    finish(&supervisor);
    finish(&other);
}

static void an_agent_that_serves_before_it_has_a_window_ends(void **state)
{
    struct player late;

    (void)state;
    start(L"late server", &late);
    expect_end_of_late(&late, late.stream, NOBODY);
    finish(&late);
}

static void what_has_only_just_been_started_ends(void **state)
{
    struct player late;
    wchar_t path[MAX_PATH];

    (void)state;
    find_self(path);
    start(L"late", &late);
    expect_end_of_late(&late, NO_STREAM, path);
    finish(&late);
}

static void what_runs_from_where_it_was_renamed_to_ends(void **state)
{
    struct player aside;
    struct player other;
    wchar_t self[MAX_PATH];
    wchar_t path[MAX_PATH + 16];
    wchar_t former[MAX_PATH + 16];
    bool ended = false;

    (void)state;
    find_self(self);
    _snwprintf(path, MAX_PATH + 16, L"%ls.copy.exe", self);
    _snwprintf(former, MAX_PATH + 16, L"%ls.old-0", path);
    assert_true(CopyFileW(self, former, FALSE));
    start_program(former, L"agent", &aside);
    start(L"agent", &other);
    assert_int_equal(agent_process_end(NO_STREAM, path, &ended), 0);
    assert_true(ended);
    assert_false(runs(&aside));
    assert_true(runs(&other));
    finish(&aside);
    finish(&other);
    assert_true(DeleteFileW(former));
}

static void nobody_there_is_no_error(void **state)
{
    bool ended = true;

    (void)state;
    assert_int_equal(agent_process_end(NO_STREAM, NOBODY, &ended), 0);
    assert_false(ended);
}

static void a_program_that_is_missing_is_told(void **state)
{
    (void)state;
    assert_int_equal(agent_process_start(L"\"C:\\no such folder\\no.exe\" agent"), ERR_NOT_FOUND);
}

static void a_command_that_is_too_long_is_told(void **state)
{
    static wchar_t command[4096];

    (void)state;
    wmemset(command, L'a', 4095);
    assert_int_equal(agent_process_start(command), ERR_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_agent_of_the_stream_ends),
        cmocka_unit_test(without_an_agent_its_supervisor_ends),
        cmocka_unit_test(an_agent_that_serves_before_it_has_a_window_ends),
        cmocka_unit_test(what_has_only_just_been_started_ends),
        cmocka_unit_test(what_runs_from_where_it_was_renamed_to_ends),
        cmocka_unit_test(nobody_there_is_no_error),
        cmocka_unit_test(a_program_that_is_missing_is_told),
        cmocka_unit_test(a_command_that_is_too_long_is_told),
    };

    if (wcscmp(self_role(), L"agent") == 0) {
        make_pipe();
        return play(PNP_LISTENER_WINDOW_CLASS);
    }
    if (wcscmp(self_role(), L"supervisor") == 0) {
        return play(SUPERVISOR_WINDOW_CLASS);
    }
    if (wcscmp(self_role(), L"late server") == 0) {
        make_pipe();
    }
    if (wcsncmp(self_role(), L"late", 4) == 0) {
        wait_to_go();
        return play(PNP_LISTENER_WINDOW_CLASS);
    }
    return cmocka_run_group_tests_name("agent_process", tests, NULL, NULL);
}
