/* Loads kernel modules without blocking the loop: by modprobe where it is installed, else by our
 * own module_loader in a thread of libuv's pool.
 *
 * One at a time: some modprobes (busybox's) take a module that another process is just loading for
 * loaded, and would come back before its drivers have probed the devices that are there. */
#ifndef TTYFERRY_GUEST_MODULES_H
#define TTYFERRY_GUEST_MODULES_H

#include <uv.h>

#include "guest-linux/module_loader.h"

struct modules_config {
    const char *modprobe; /* "/sbin/modprobe" */
    struct module_loader loader;
};

struct modules;
struct modules_request;

/* `err` is 0; ERR_NOT_FOUND if no module answers to the name; or why it could not be loaded, and
 * then `detail` is a text for the log. Valid during the call. */
typedef void (*modules_done_fn)(void *context, int err, const char *detail);

/* `config` is copied, the texts in it must outlive the object. Returns 0 or ERR_NOMEM; `*modules`
 * is the caller's until modules_close. */
int modules_open(uv_loop_t *loop, const struct modules_config *config, struct modules **modules);

/* Loads what `wanted` names, a module or a modalias, after what was asked for before; when
 * `on_done` runs, the drivers' probing of devices that are there is over. `wanted` is copied.
 * Returns 0, and then `on_done` runs once, never from inside this call, unless cancelled before;
 * or ERR_NOMEM, ERR_TOO_LONG. */
int modules_load(struct modules *modules, const char *wanted, modules_done_fn on_done,
                 void *context, struct modules_request **request);

/* `on_done` does not run any more. A module that is just being loaded is loaded to its end. */
void modules_cancel(struct modules_request *request);

/* No further `on_done` runs; memory is released on the loop. An `on_done` may call it. */
void modules_close(struct modules *modules);

#endif
