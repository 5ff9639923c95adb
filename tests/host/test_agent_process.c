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
#define ANSWER_LIMIT_MS 60000

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

static int play(const wchar_t *class_name, bool has_pipe)
{
    WNDCLASSW class = {.lpfnWndProc = on_message, .lpszClassName = class_name};
    wchar_t ready[128];
    MSG message;

    RegisterClassW(&class);
    CreateWindowExW(0, class_name, L"test", WS_OVERLAPPED, 0, 0, 0, 0, NULL, NULL, NULL, NULL);
    if (has_pipe) {
        make_pipe();
    }
    GetEnvironmentVariableW(READY_VARIABLE, ready, 128);
    SetEvent(OpenEventW(EVENT_MODIFY_STATE, FALSE, ready));
    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        DispatchMessageW(&message);
    }
    return 0;
}

/* --- The test's ------------------------------------------------------------------------------- */

struct player {
    HANDLE process;
    char stream[128];
};

/* Returns when it is ready. It inherits nothing: under Wine its window starts a desktop, which
 * would keep what it inherits, and whoever reads our output would wait for that. */
static void start(const wchar_t *role, struct player *player)
{
    static DWORD count;
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    wchar_t path[MAX_PATH];
    wchar_t name[128];
    HANDLE ready;

    _snwprintf(name, 128, PIPE_FORMAT, GetCurrentProcessId(), ++count);
    assert_int_equal(wide_to_utf8(name, player->stream, sizeof player->stream), 0);
    assert_true(SetEnvironmentVariableW(PIPE_VARIABLE, name));
    _snwprintf(name, 128, READY_FORMAT, GetCurrentProcessId(), count);
    ready = CreateEventW(NULL, TRUE, FALSE, name);
    assert_non_null(ready);
    assert_true(SetEnvironmentVariableW(READY_VARIABLE, name));
    self_set_role(role);
    assert_in_range(GetModuleFileNameW(NULL, path, MAX_PATH), 1, MAX_PATH - 1);
    assert_true(CreateProcessW(path, NULL, NULL, NULL, FALSE, DETACHED_PROCESS, NULL, NULL,
                               &startup, &process));
    self_set_role(L"");
    CloseHandle(process.hThread);
    player->process = process.hProcess;
    assert_int_equal(WaitForSingleObject(ready, ANSWER_LIMIT_MS), WAIT_OBJECT_0);
    CloseHandle(ready);
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
}

static void only_the_agent_of_the_stream_ends(void **state)
{
    struct player wanted;
    struct player other;
    bool ended = false;

    (void)state;
    start(L"agent", &other);
    start(L"agent", &wanted);
    assert_int_equal(agent_process_end(wanted.stream, &ended), 0);
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
    assert_int_equal(agent_process_end(supervisor.stream, &ended), 0);
    assert_true(ended);
    assert_false(runs(&supervisor));
    assert_true(runs(&other));
    finish(&supervisor);
    finish(&other);
}

static void nobody_there_is_no_error(void **state)
{
    bool ended = true;

    (void)state;
    assert_int_equal(agent_process_end("\\\\.\\pipe\\ttyferry-test-nobody", &ended), 0);
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
        cmocka_unit_test(nobody_there_is_no_error),
        cmocka_unit_test(a_program_that_is_missing_is_told),
        cmocka_unit_test(a_command_that_is_too_long_is_told),
    };

    if (wcscmp(self_role(), L"agent") == 0) {
        return play(PNP_LISTENER_WINDOW_CLASS, true);
    }
    if (wcscmp(self_role(), L"supervisor") == 0) {
        return play(SUPERVISOR_WINDOW_CLASS, false);
    }
    return cmocka_run_group_tests_name("agent_process", tests, NULL, NULL);
}
