/* Ending an agent: only the one that serves the stream that is asked for. The agents are this very
 * program, which then has the window and the pipe of one. */
#include "host-win/agent_process.h"

#include <windows.h>

#include <stdio.h>
#include <wchar.h>

#include "host-win/pnp_listener.h"
#include "host-win/supervisor.h"
#include "shared/core/error.h"
#include "tests/host/self.h"

#define PIPE_FORMAT L"\\\\.\\pipe\\ttyferry-test-agent-%lu-%lu"
#define PIPE_VARIABLE L"TTYFERRY_TEST_PIPE"
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

static int play(const wchar_t *class_name, bool has_pipe)
{
    WNDCLASSW class = {.lpfnWndProc = on_message, .lpszClassName = class_name};
    wchar_t pipe[128];
    MSG message;

    RegisterClassW(&class);
    CreateWindowExW(0, class_name, L"test", WS_OVERLAPPED, 0, 0, 0, 0, NULL, NULL, NULL, NULL);
    if (has_pipe) {
        GetEnvironmentVariableW(PIPE_VARIABLE, pipe, 128);
        CreateNamedPipeW(pipe, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 4, 0, 0,
                         0, NULL);
    }
    printf("r");
    fflush(stdout);
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

/* Returns when it is ready. */
static void start(const wchar_t *role, struct player *player)
{
    static DWORD count;
    SECURITY_ATTRIBUTES inherits = {.nLength = sizeof inherits, .bInheritHandle = TRUE};
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    wchar_t path[MAX_PATH];
    wchar_t pipe[128];
    HANDLE reader;
    DWORD got = 0;
    char ready = 0;

    _snwprintf(pipe, 128, PIPE_FORMAT, GetCurrentProcessId(), ++count);
    assert_int_equal(wide_to_utf8(pipe, player->stream, sizeof player->stream), 0);
    assert_true(SetEnvironmentVariableW(PIPE_VARIABLE, pipe));
    self_set_role(role);
    assert_true(CreatePipe(&reader, &startup.hStdOutput, &inherits, 0));
    assert_in_range(GetModuleFileNameW(NULL, path, MAX_PATH), 1, MAX_PATH - 1);
    assert_true(CreateProcessW(path, NULL, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process));
    CloseHandle(startup.hStdOutput);
    CloseHandle(process.hThread);
    assert_true(ReadFile(reader, &ready, 1, &got, NULL));
    CloseHandle(reader);
    self_set_role(L"");
    player->process = process.hProcess;
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
