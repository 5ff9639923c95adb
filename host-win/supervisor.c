#include "host-win/supervisor.h"

#include <windows.h>

#include <uv.h>

#include "host-win/child.h"
#include "host-win/pnp_listener.h"
#include "host-win/wide.h"
#include "shared/cli/cli.h"
#include "shared/core/backoff.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

/* Names in Local\ belong to the session: of two sessions of one user the second's agent finds the
 * pipe of the first, and ends. */
#define INSTANCE L"Local\\ttyferry-supervisor"
#define PATH_SIZE (3 * MAX_PATH)
/* The one before may still be ending: an installer that has just ended its agent starts the next.
 */
#define INSTANCE_LIMIT_MS 5000
#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS 300000
/* An agent that ran so long has not crashed because of how it was started. */
#define GOOD_RUN_MS 60000

struct run {
    int error;
    int64_t exit_code;
};

static void on_done(void *context, const struct child_result *result)
{
    struct run *run = context;

    run->error = result->error;
    run->exit_code = result->exit_code;
}

static int make_argv(char path[PATH_SIZE], char **arguments, const char *argv[CHILD_ARGUMENTS_MAX])
{
    wchar_t wide[MAX_PATH];
    DWORD len = GetModuleFileNameW(NULL, wide, MAX_PATH);
    size_t count = 0;

    if (len == 0 || len == MAX_PATH || wide_to_utf8(wide, path, PATH_SIZE) != 0) {
        return ERR_TOO_LONG;
    }
    argv[count++] = path;
    argv[count++] = "agent";
    for (; *arguments != NULL; arguments++) {
        if (count + 1 == CHILD_ARGUMENTS_MAX) {
            return ERR_TOO_LONG;
        }
        argv[count++] = *arguments;
    }
    argv[count] = NULL;
    return 0;
}

/* A wrong command line stays wrong; everything else may have changed by the next time. */
static bool is_final(const struct run *run)
{
    return run->error == 0 && (run->exit_code == CLI_DONE || run->exit_code == CLI_USAGE);
}

/* An installer, or the end of the session, asks every agent's window to end; while none runs, this
 * one stands in for it. Returns true if it was asked to. */
static bool wait_ms(uint32_t delay_ms)
{
    HWND window = CreateWindowExW(0, PNP_LISTENER_WINDOW_CLASS, L"ttyferry", WS_OVERLAPPED, 0, 0, 0,
                                  0, NULL, NULL, GetModuleHandleW(NULL), NULL);
    ULONGLONG until_ms = GetTickCount64() + delay_ms;
    bool is_asked = false;
    ULONGLONG now_ms;

    while (!is_asked && (now_ms = GetTickCount64()) < until_ms) {
        MSG message;

        MsgWaitForMultipleObjects(0, NULL, FALSE, (DWORD)(until_ms - now_ms), QS_ALLINPUT);
        while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) {
            is_asked |= message.message == WM_CLOSE || message.message == WM_QUIT;
            DispatchMessageW(&message);
        }
    }
    if (window != NULL) {
        DestroyWindow(window);
    }
    return is_asked;
}

static void register_window_class(void)
{
    WNDCLASSW class = {
        .lpfnWndProc = DefWindowProcW,
        .hInstance = GetModuleHandleW(NULL),
        .lpszClassName = PNP_LISTENER_WINDOW_CLASS,
    };

    RegisterClassW(&class);
}

static int supervise(const char *const *argv)
{
    struct child_options options = {.argv = argv, .setting = SUPERVISOR_MARK "=1"};
    struct backoff backoff;
    struct run run;

    register_window_class();
    backoff_init(&backoff, RESTART_FIRST_MS, RESTART_MAX_MS);
    for (;;) {
        ULONGLONG from_ms = GetTickCount64();
        uint32_t delay_ms;

        run = (struct run){.error = ERR_NOMEM};
        child_run(&options, on_done, &run);
        if (is_final(&run)) {
            return (int)run.exit_code;
        }
        if (GetTickCount64() - from_ms >= GOOD_RUN_MS) {
            backoff_reset(&backoff);
        }
        delay_ms = backoff_next(&backoff);
        log_warning("the agent has ended (%s, exit code %lld); starting it again in %u ms",
                    run.error != 0 ? error_text(run.error) : "by itself", (long long)run.exit_code,
                    (unsigned)delay_ms);
        if (wait_ms(delay_ms)) {
            return CLI_DONE;
        }
    }
}

int supervisor_run(char **arguments)
{
    const char *argv[CHILD_ARGUMENTS_MAX];
    char path[PATH_SIZE];
    HANDLE instance = CreateMutexW(NULL, FALSE, INSTANCE);
    int exit_code = CLI_FAILED;

    if (instance != NULL && WaitForSingleObject(instance, INSTANCE_LIMIT_MS) == WAIT_TIMEOUT) {
        log_info("an agent is supervised in this session already");
        exit_code = CLI_DONE;
    } else if (make_argv(path, arguments, argv) == 0) {
        exit_code = supervise(argv);
    } else {
        log_error("the agent can't be started: its command line is too long");
    }
    if (instance != NULL) {
        CloseHandle(instance);
    }
    return exit_code;
}
