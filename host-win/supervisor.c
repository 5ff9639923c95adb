#include "host-win/supervisor.h"

#include <windows.h>

#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

#include "host-win/child.h"
#include "host-win/config_place.h"
#include "host-win/supervisor_plan.h"
#include "host-win/wide.h"
#include "shared/cli/cli.h"
#include "shared/cli/log_file.h"
#include "shared/core/error.h"
#include "shared/core/last_line.h"
#include "shared/core/log.h"

/* Names in Local\ belong to the session: of two sessions of one user the second's agent finds the
 * pipe of the first, and ends. */
#define INSTANCE L"Local\\ttyferry-supervisor"
#define PATH_SIZE (3 * MAX_PATH)
/* The one before may still be ending: an installer that has just ended its agent starts the next.
 */
#define INSTANCE_LIMIT_MS 5000

struct run {
    struct supervisor_run_result result;
    struct last_line said; /* on its stderr */
};

/* The agent holds and rotates the file while it runs, so it is opened for each line alone. */
__attribute__((format(gnu_printf, 2, 3))) static void say(const char *log, const char *format, ...)
{
    char message[LOG_MESSAGE_SIZE];
    struct log_file *file;
    va_list arguments;
    int error = log != NULL ? log_file_open(log, &file) : ERR_NOT_FOUND;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log_warning("%s", message);
    if (error == 0) {
        log_file_close(file);
    }
}

static void on_done(void *context, const struct child_result *result)
{
    struct run *run = context;

    run->result.error = result->error;
    run->result.exit_code = result->exit_code;
    last_line_feed(&run->said, result->errors, result->errors_len);
}

static int find_program(char path[PATH_SIZE])
{
    wchar_t wide[MAX_PATH];
    DWORD len = GetModuleFileNameW(NULL, wide, MAX_PATH);

    return len > 0 && len < MAX_PATH ? wide_to_utf8(wide, path, PATH_SIZE) : ERR_TOO_LONG;
}

/* An installer, or the end of the session, asks an agent's window to end; while none runs, this one
 * stands in for it. Returns true if it was asked to. */
static bool wait_ms(uint32_t delay_ms)
{
    HWND window = CreateWindowExW(0, SUPERVISOR_WINDOW_CLASS, L"ttyferry", WS_OVERLAPPED, 0, 0, 0,
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
        .lpszClassName = SUPERVISOR_WINDOW_CLASS,
    };

    RegisterClassW(&class);
}

static void run_once(const struct child_options *options, struct run *run)
{
    ULONGLONG from_ms = GetTickCount64();

    run->result = (struct supervisor_run_result){.error = ERR_NOMEM};
    last_line_init(&run->said);
    child_run(options, on_done, run);
    run->result.ran_ms = GetTickCount64() - from_ms;
}

static int supervise(const char *const *argv, const char *log)
{
    struct child_options options = {.argv = argv, .setting = SUPERVISOR_MARK "=1"};
    struct backoff backoff;
    struct run run;
    uint32_t delay_ms;

    register_window_class();
    supervisor_plan_init(&backoff);
    for (;;) {
        const char *said;

        run_once(&options, &run);
        if (!supervisor_plan_next(&backoff, &run.result, &delay_ms)) {
            return (int)run.result.exit_code;
        }
        said = last_line_text(&run.said);
        say(log, "the agent has ended (%s, exit code %lld)%s%s; starting it again in %u ms",
            run.result.error != 0 ? error_text(run.result.error) : "by itself",
            (long long)run.result.exit_code, said[0] != '\0' ? ": " : "", said, (unsigned)delay_ms);
        if (wait_ms(delay_ms)) {
            return CLI_DONE;
        }
    }
}

int supervisor_run(char **arguments)
{
    const char *argv[CHILD_ARGUMENTS_MAX];
    char place[CONFIG_PLACE_PATH_SIZE];
    char program[PATH_SIZE];
    const char *log = config_place_log_path(place) == 0 ? place : NULL;
    HANDLE instance = CreateMutexW(NULL, FALSE, INSTANCE);
    int exit_code = CLI_FAILED;

    log = supervisor_plan_log(arguments, log);
    if (instance != NULL && WaitForSingleObject(instance, INSTANCE_LIMIT_MS) == WAIT_TIMEOUT) {
        log_info("an agent is supervised in this session already");
        exit_code = CLI_DONE;
    } else if (find_program(program) == 0 &&
               supervisor_plan_argv(program, log, arguments, argv) == 0) {
        exit_code = supervise(argv, log);
    } else {
        say(log, "the agent can't be started: its command line is too long");
    }
    if (instance != NULL) {
        CloseHandle(instance);
    }
    return exit_code;
}
