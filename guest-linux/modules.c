#include "guest-linux/modules.h"

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
    struct process *process; /* while modprobe runs */
    uv_work_t work;          /* otherwise */
    bool cancelled;
    const struct modules_config *config;
    char wanted[WANTED_SIZE];
    int err;
    char detail[MODULE_LOADER_DETAIL_SIZE];
    modules_done_fn on_done;
    void *context;
};

static void finish(struct modules_request *request)
{
    if (!request->cancelled)
        request->on_done(request->context, request->err, request->detail);
    free(request);
}

/* Quietly, modprobe's status 1 says either that nothing answers to the name or that loading
 * failed; the difference shows in what is there afterwards, which the caller looks at anyway. */
static void on_modprobe_done(void *context, const struct process_result *result)
{
    struct modules_request *request = context;

    request->err = result->error;
    if (!result->error && result->status != 0)
        request->err = ERR_NOT_FOUND;
    if (request->err)
        snprintf(request->detail, sizeof request->detail, "modprobe %s: %s, status %d",
                 request->wanted, result->error ? error_text(result->error) : "failed",
                 result->status);
    finish(request);
}

static void work_in_thread(uv_work_t *work)
{
    struct modules_request *request = work->data;

    request->err = module_loader_load(&request->config->loader, request->wanted, request->detail);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct modules_request *request = work->data;

    if (status != 0)
        request->err = link_error_from_uv(status);
    finish(request);
}

static int start(uv_loop_t *loop, struct modules_request *request)
{
    const struct modules_config *config = request->config;
    /* -b: a driver that the administrator has blacklisted is not loaded by its alias. */
    const char *by_alias[] = {config->modprobe, "-q", "-b", request->wanted, NULL};
    const char *by_name[] = {config->modprobe, "-q", request->wanted, NULL};

    if (access(config->modprobe, X_OK) == 0)
        return process_run(loop, strchr(request->wanted, ':') ? by_alias : by_name,
                           MODPROBE_TIMEOUT_MS, on_modprobe_done, request, &request->process);
    request->work.data = request;
    return link_error_from_uv(uv_queue_work(loop, &request->work, work_in_thread, on_work_done));
}

int modules_load(uv_loop_t *loop, const struct modules_config *config, const char *wanted,
                 modules_done_fn on_done, void *context, struct modules_request **request)
{
    struct modules_request *made = calloc(1, sizeof *made);
    int err;

    if (!made)
        return ERR_NOMEM;
    made->config = config;
    made->on_done = on_done;
    made->context = context;
    err = text_copy(made->wanted, sizeof made->wanted, wanted);
    if (!err)
        err = start(loop, made);
    if (err) {
        free(made);
        return err;
    }
    *request = made;
    return 0;
}

void modules_cancel(struct modules_request *request)
{
    request->cancelled = true;
    if (request->process) {
        process_cancel(request->process);
        free(request);
    } else {
        (void)uv_cancel((uv_req_t *)&request->work);
    }
}
