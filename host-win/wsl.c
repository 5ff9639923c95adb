#include "host-win/wsl.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define PROGRAM_NAME "\\wsl.exe"
/* WSL's service may have to start first. */
#define LIST_LIMIT_MS 60000

struct wsl {
    uv_loop_t *loop;
    char program[WSL_PROGRAM_SIZE];
    char configured[CONFIG_NAME_SIZE];
    struct child *child; /* while a look lasts */
    struct wsl_look look;
    bool is_known; /* `look` has chosen one, and nothing has failed since */
    bool is_closing;
    wsl_look_fn on_look;
    void *context;
    uv_timer_t closer; /* for the end of a wsl that runs nothing */
    void (*on_closed)(void *context);
    void *closed_context;
};

int wsl_program_path(char path[WSL_PROGRAM_SIZE])
{
    wchar_t folder[MAX_PATH];
    char whole[WSL_PROGRAM_SIZE];
    UINT len = GetSystemDirectoryW(folder, MAX_PATH);

    if (len == 0) {
        return ERR_IO;
    }
    if (len >= MAX_PATH || wide_to_utf8(folder, whole, sizeof whole - sizeof PROGRAM_NAME) != 0) {
        return ERR_TOO_LONG;
    }
    memcpy(whole + strlen(whole), PROGRAM_NAME, sizeof PROGRAM_NAME);
    return text_copy(path, WSL_PROGRAM_SIZE, whole);
}

int wsl_exec_argv(const char *program, const char *distribution, const char *const *command,
                  const char *argv[CHILD_ARGUMENTS_MAX])
{
    const char *const head[] = {program, "-d", distribution, "-u", "root", "--cd", "/", "--exec"};
    size_t count = sizeof head / sizeof head[0];

    memcpy(argv, head, sizeof head);
    for (; *command != NULL; command++) {
        if (count + 1 == CHILD_ARGUMENTS_MAX) {
            return ERR_TOO_LONG;
        }
        argv[count++] = *command;
    }
    argv[count] = NULL;
    return 0;
}

/* --- Looking ---------------------------------------------------------------------------------- */

/* The first line of what wsl.exe said, escaped; empty if it said nothing. */
static void first_line(const char *bytes, size_t len, char line[WSL_CHOICE_TEXT_SIZE])
{
    char *text;

    line[0] = '\0';
    if (wsl_list_decode(bytes, len, &text) != 0) {
        return;
    }
    const char *start = text + strspn(text, " \t\r\n");

    text[(size_t)(start - text) + strcspn(start, "\r\n")] = '\0';
    text_escape(line, WSL_CHOICE_TEXT_SIZE, start);
    free(text);
}

static void end_look(struct wsl *wsl)
{
    struct wsl_look *look = &wsl->look;

    wsl->child = NULL;
    wsl->is_known = look->error == 0 && look->choice == WSL_CHOICE_MADE;
    wsl->on_look(wsl->context, look);
}

static void choose(struct wsl *wsl)
{
    struct wsl_look *look = &wsl->look;
    const struct wsl_distribution *chosen = NULL;
    char said[WSL_CHOICE_TEXT_SIZE];
    char reason[WSL_CHOICE_TEXT_SIZE];

    look->choice = wsl_choice_make(&look->list, wsl->configured, &chosen);
    if (chosen != NULL) {
        look->chosen = *chosen;
        look->message[0] = '\0';
        return;
    }
    wsl_choice_explain(look->choice, wsl->configured, reason);
    text_copy(said, sizeof said, look->message);
    snprintf(look->message, sizeof look->message, "%s%s%s%s", reason,
             said[0] != '\0' ? " (wsl.exe says: " : "", said, said[0] != '\0' ? ")" : "");
}

static void fail(struct wsl *wsl, int error)
{
    struct wsl_look *look = &wsl->look;

    look->error = error;
    if (error == ERR_NOT_FOUND) {
        snprintf(look->message, sizeof look->message,
                 "there is no %s, so WSL is not installed: install it with \"wsl --install\" in a "
                 "terminal of an administrator",
                 wsl->program);
    } else {
        snprintf(look->message, sizeof look->message, "%s --list: %s", wsl->program,
                 error_text(error));
    }
    end_look(wsl);
}

static void free_wsl(uv_handle_t *handle)
{
    struct wsl *wsl = handle->data;

    if (wsl->on_closed != NULL) {
        wsl->on_closed(wsl->closed_context);
    }
    free(wsl);
}

/* Returns true if the look goes on. */
static bool goes_on(struct wsl *wsl, const struct child_result *result)
{
    if (wsl->is_closing) {
        uv_close((uv_handle_t *)&wsl->closer, free_wsl);
        return false;
    }
    if (result->error != 0) {
        fail(wsl, result->error);
        return false;
    }
    return true;
}

/* Where nothing runs wsl.exe says so and fails; the message names no distribution. */
static void on_running(void *context, const struct child_result *result)
{
    struct wsl *wsl = context;
    int error;

    if (!goes_on(wsl, result)) {
        return;
    }
    error = wsl_list_add_running(result->output, result->output_len, &wsl->look.list);
    if (error != 0) {
        fail(wsl, error);
        return;
    }
    choose(wsl);
    end_look(wsl);
}

static int ask(struct wsl *wsl, const char *what, const char *how, child_done_fn on_done)
{
    const char *const argv[] = {wsl->program, "--list", what, how, NULL};
    struct child_options options = {
        .argv = argv, .setting = WSL_SETTING, .limit_ms = LIST_LIMIT_MS};

    return child_open(wsl->loop, &options, on_done, wsl, &wsl->child);
}

/* Where no distribution is installed, or WSL itself is not, wsl.exe says so and fails. */
static void on_list(void *context, const struct child_result *result)
{
    struct wsl *wsl = context;
    int error;

    if (!goes_on(wsl, result)) {
        return;
    }
    if (result->exit_code != 0) {
        first_line(result->output_len > 0 ? result->output : result->errors,
                   result->output_len > 0 ? result->output_len : result->errors_len,
                   wsl->look.message);
        choose(wsl);
        end_look(wsl);
        return;
    }
    error = wsl_list_from_verbose(result->output, result->output_len, &wsl->look.list);
    if (error == 0) {
        error = ask(wsl, "--running", "--quiet", on_running);
    }
    if (error != 0) {
        fail(wsl, error);
    }
}

int wsl_look(struct wsl *wsl, wsl_look_fn on_look, void *context)
{
    if (wsl->child != NULL) {
        return ERR_BUSY;
    }
    memset(&wsl->look, 0, sizeof wsl->look);
    wsl->on_look = on_look;
    wsl->context = context;
    return ask(wsl, "--verbose", NULL, on_list);
}

/* --- Its life --------------------------------------------------------------------------------- */

int wsl_open(uv_loop_t *loop, const char *program, const char *configured, struct wsl **wsl)
{
    struct wsl *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    if (text_copy(opened->program, sizeof opened->program, program) != 0 ||
        text_copy(opened->configured, sizeof opened->configured, configured) != 0) {
        free(opened);
        return ERR_TOO_LONG;
    }
    opened->loop = loop;
    uv_timer_init(loop, &opened->closer); /* Never fails. */
    opened->closer.data = opened;
    *wsl = opened;
    return 0;
}

const char *wsl_program(const struct wsl *wsl)
{
    return wsl->program;
}

const char *wsl_distribution(const struct wsl *wsl)
{
    return wsl->is_known ? wsl->look.chosen.name : NULL;
}

void wsl_doubt(struct wsl *wsl)
{
    wsl->is_known = false;
}

void wsl_close(struct wsl *wsl, void (*on_closed)(void *context), void *context)
{
    wsl->is_closing = true;
    wsl->on_closed = on_closed;
    wsl->closed_context = context;
    if (wsl->child != NULL) {
        child_cancel(wsl->child);
    } else {
        uv_close((uv_handle_t *)&wsl->closer, free_wsl);
    }
}

struct run {
    struct wsl *wsl;
    struct wsl_look *look;
};

static void on_run_look(void *context, const struct wsl_look *look)
{
    struct run *run = context;

    *run->look = *look;
    wsl_close(run->wsl, NULL, NULL);
}

int wsl_look_run(const char *program, const char *configured, struct wsl_look *look)
{
    struct run run = {.look = look};
    uv_loop_t loop;
    int result;

    if (uv_loop_init(&loop) != 0) {
        return ERR_NOMEM;
    }
    result = wsl_open(&loop, program, configured, &run.wsl);
    if (result == 0) {
        result = wsl_look(run.wsl, on_run_look, &run);
        if (result != 0) {
            wsl_close(run.wsl, NULL, NULL);
        }
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return result;
}
