/* wsl.exe: which distributions there are, and programs run in them. */
#ifndef TTYFERRY_HOST_WIN_WSL_H
#define TTYFERRY_HOST_WIN_WSL_H

#include <uv.h>

#include "host-win/child.h"
#include "shared/core/config.h"
#include "shared/core/wsl_choice.h"

#define WSL_PROGRAM_SIZE 1024
#define WSL_MESSAGE_SIZE 1024

/* Makes wsl.exe of today print UTF-8. Older ones know nothing of it, so both are read. */
#define WSL_SETTING "WSL_UTF8=1"

/* Writes the full path of Windows' own wsl.exe, so that none of the current folder or the PATH is
 * ever run. Returns 0, ERR_TOO_LONG or ERR_IO. */
int wsl_program_path(char path[WSL_PROGRAM_SIZE]);

/* The command line that runs a program as root in `/` of a distribution, without a shell: `command`
 * is ended by NULL. The texts stay the caller's. Returns 0 or ERR_TOO_LONG. */
int wsl_exec_argv(const char *program, const char *distribution, const char *const *command,
                  const char *argv[CHILD_ARGUMENTS_MAX]);

/* What a look at the distributions gave. */
struct wsl_look {
    int error;              /* of wsl.exe itself; ERR_NOT_FOUND: there is none */
    enum wsl_choice choice; /* if `error` is 0 */
    struct wsl_distribution chosen;
    struct wsl_list list;
    char message[WSL_MESSAGE_SIZE]; /* what is wrong and what the user can do; empty: nothing */
};

struct wsl;

typedef void (*wsl_look_fn)(void *context, const struct wsl_look *look);

/* `program` as wsl_program_path says, and `configured` the name of the configuration or empty; both
 * are copied. Returns 0, ERR_TOO_LONG or ERR_NOMEM. */
int wsl_open(uv_loop_t *loop, const char *program, const char *configured, struct wsl **wsl);

const char *wsl_program(const struct wsl *wsl);

/* Asks wsl.exe which distributions there are and which run, and chooses; starts none. `on_look`
 * runs once, never inside this call; not at all if wsl_close comes first. Returns 0, ERR_BUSY (the
 * last look is not done) or ERR_NOMEM. */
int wsl_look(struct wsl *wsl, wsl_look_fn on_look, void *context);

/* The distribution that the last look chose, or NULL. */
const char *wsl_distribution(const struct wsl *wsl);

/* Something in it failed: wsl_distribution knows none until the next look. */
void wsl_doubt(struct wsl *wsl);

/* Ends what it runs. `on_closed` (may be NULL) runs once, last. */
void wsl_close(struct wsl *wsl, void (*on_closed)(void *context), void *context);

/* wsl_look for verbs: waits on a loop of its own. Returns 0 or ERR_NOMEM. */
int wsl_look_run(const char *program, const char *configured, struct wsl_look *look);

#endif
