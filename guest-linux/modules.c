#include "guest-linux/modules.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/process.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"

#define MODPROBE_TIMEOUT_MS 60000
#define WANTED_SIZE 160

struct modules_request {
    struct modules *modules;
    struct modules_request *next;
    bool is_running;
    struct process *process; /* while modprobe runs */
    uv_work_t work;          /* otherwise */
    char wanted[WANTED_SIZE];
    int err;
    char detail[MODULE_LOADER_DETAIL_SIZE];
    modules_done_fn on_done; /* NULL when cancelled */
    void *context;
};

struct modules {
    uv_loop_t *loop;
    struct modules_config config;
    struct modules_request *first; /* the one that runs, then those that wait */
    uv_timer_t turn;               /* due at once: starts the first */
    bool telling;                  /* in an on_done, which may close */
    bool closing;
};

static void on_turn(uv_timer_t *timer);

static void start_next(struct modules *modules)
{
    if (modules->first != NULL && !modules->first->is_running && !modules->closing) {
        uv_timer_start(&modules->turn, on_turn, 0, 0);
    }
}

static void unlink_request(struct modules_request *request)
{
    struct modules_request **place = &request->modules->first;

    while (*place != request) {
        place = &(*place)->next;
    }
    *place = request->next;
}

static void on_turn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The one that ran has ended. */
static void finish(struct modules_request *request)
{
    struct modules *modules = request->modules;

    unlink_request(request);
    if (request->on_done != NULL) {
        modules->telling = true;
        request->on_done(request->context, request->err, request->detail);
        modules->telling = false;
    }
    free(request);
    if (modules->closing) {
        uv_close((uv_handle_t *)&modules->turn, on_turn_closed);
    } else {
        start_next(modules);
    }
}

/* Quietly, modprobe's status 1 says either that nothing answers to the name or that loading
 * failed; the difference shows in what is there afterwards, which the caller looks at anyway. */
static void on_modprobe_done(void *context, const struct process_result *result)
{
    struct modules_request *request = context;

    request->err = result->error;
    if (result->error == 0 && result->status != 0) {
        request->err = ERR_NOT_FOUND;
    }
    if (request->err != 0) {
        snprintf(request->detail, sizeof request->detail, "modprobe %s: %s, status %d",
                 request->wanted, result->error != 0 ? error_text(result->error) : "failed",
                 result->status);
    }
    finish(request);
}

static void work_in_thread(uv_work_t *work)
{
    struct modules_request *request = work->data;

    request->err =
        module_loader_load(&request->modules->config.loader, request->wanted, request->detail);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct modules_request *request = work->data;

    if (status != 0) {
        request->err = link_error_from_uv(status);
    }
    finish(request);
}

static int start(struct modules_request *request)
{
    struct modules *modules = request->modules;
    const char *modprobe = modules->config.modprobe;
    /* -b: a driver that the administrator has blacklisted is not loaded by its alias. */
    const char *by_alias[] = {modprobe, "-q", "-b", request->wanted, NULL};
    const char *by_name[] = {modprobe, "-q", request->wanted, NULL};

    request->is_running = true;
    if (access(modprobe, X_OK) == 0) {
        return process_run(modules->loop, strchr(request->wanted, ':') != NULL ? by_alias : by_name,
                           MODPROBE_TIMEOUT_MS, on_modprobe_done, request, &request->process);
    }
    request->work.data = request;
    return link_error_from_uv(
        uv_queue_work(modules->loop, &request->work, work_in_thread, on_work_done));
}

static void on_turn(uv_timer_t *timer)
{
    struct modules *modules = timer->data;
    struct modules_request *request = modules->first;
    int err;

    if (request == NULL || request->is_running) {
        return;
    }
    err = start(request); /* From here on the request may be the thread's. */
    if (err != 0) {
        request->err = err;
        snprintf(request->detail, sizeof request->detail, "it can't be started");
        finish(request);
    }
}

int modules_open(uv_loop_t *loop, const struct modules_config *config, struct modules **modules)
{
    struct modules *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->loop = loop;
    opened->config = *config;
    uv_timer_init(loop, &opened->turn); /* Never fails. */
    opened->turn.data = opened;
    *modules = opened;
    return 0;
}

int modules_load(struct modules *modules, const char *wanted, modules_done_fn on_done,
                 void *context, struct modules_request **request)
{
    struct modules_request *made = calloc(1, sizeof *made);
    struct modules_request **place = &modules->first;

    if (made == NULL) {
        return ERR_NOMEM;
    }
    if (text_copy(made->wanted, sizeof made->wanted, wanted) != 0) {
        free(made);
        return ERR_TOO_LONG;
    }
    made->modules = modules;
    made->on_done = on_done;
    made->context = context;
    while (*place != NULL) {
        place = &(*place)->next;
    }
    *place = made;
    start_next(modules);
    *request = made;
    return 0;
}

void modules_cancel(struct modules_request *request)
{
    request->on_done = NULL;
    if (!request->is_running) {
        unlink_request(request);
        free(request);
    }
}

/* Forgets those that wait. Returns the one that runs, or NULL. */
static struct modules_request *forget_waiting(struct modules *modules)
{
    struct modules_request *running = modules->first;
    struct modules_request **waiting = &modules->first;

    if (running != NULL && running->is_running) {
        running->on_done = NULL;
        waiting = &running->next;
    } else {
        running = NULL;
    }
    while (*waiting != NULL) {
        struct modules_request *request = *waiting;

        *waiting = request->next;
        free(request);
    }
    return running;
}

void modules_close(struct modules *modules)
{
    struct modules_request *running = forget_waiting(modules);

    modules->closing = true;
    if (modules->telling) {
        return; /* finish goes on when the callback has returned, and closes. */
    }
    if (running != NULL && running->process == NULL) {
        (void)uv_cancel((uv_req_t *)&running->work);
        return; /* finish comes, at the latest when the file is loaded. */
    }
    if (running != NULL) {
        process_cancel(running->process);
        free(running);
    }
    uv_close((uv_handle_t *)&modules->turn, on_turn_closed);
}
