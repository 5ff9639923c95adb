#include "guest-linux/windows_address.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "guest-linux/process.h"
#include "guest-linux/route_table.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

#define WSLINFO_TIMEOUT_MS 5000
/* A machine with more routes than fit has its default route first all the same. */
#define ROUTE_TEXT_SIZE (64u * 1024)

struct windows_address_query {
    struct process *process;
    const struct windows_address_paths *paths;
    windows_address_done_fn on_done;
    void *context;
};

static const char *const loopback_modes[] = {"mirrored", "virtioproxy", "consomme"};

static bool mode_is_loopback(const char *output)
{
    size_t len = strcspn(output, "\r\n");

    for (size_t i = 0; i < sizeof loopback_modes / sizeof loopback_modes[0]; i++)
        if (strlen(loopback_modes[i]) == len && memcmp(output, loopback_modes[i], len) == 0)
            return true;
    return false;
}

int windows_address_gateway(const struct windows_address_paths *paths,
                            char address[WINDOWS_ADDRESS_SIZE])
{
    char *text = malloc(ROUTE_TEXT_SIZE);
    int err = ERR_NOMEM;

    if (!text)
        return err;
    err = sysfs_read_text("", paths->route, NULL, text, ROUTE_TEXT_SIZE);
    if (!err)
        err = route_table_default_gateway(text, address);
    free(text);
    return err;
}

static void on_wslinfo_done(void *context, const struct process_result *result)
{
    struct windows_address_query *query = context;
    char gateway[WINDOWS_ADDRESS_SIZE];
    const char *address = NULL;

    if (!result->error && result->status == 0 && mode_is_loopback(result->output)) {
        address = "127.0.0.1";
    } else {
        int err = windows_address_gateway(query->paths, gateway);

        if (err)
            log_debug("windows: no default gateway in %s: %s", query->paths->route,
                      error_text(err));
        else
            address = gateway;
    }
    query->on_done(query->context, address);
    free(query);
}

int windows_address_find(uv_loop_t *loop, const struct windows_address_paths *paths,
                         windows_address_done_fn on_done, void *context,
                         struct windows_address_query **query)
{
    const char *argv[] = {paths->wslinfo, "--networking-mode", NULL};
    struct windows_address_query *made = calloc(1, sizeof *made);
    int err;

    if (!made)
        return ERR_NOMEM;
    made->paths = paths;
    made->on_done = on_done;
    made->context = context;
    err = process_run(loop, argv, WSLINFO_TIMEOUT_MS, on_wslinfo_done, made, &made->process);
    if (err) {
        free(made);
        return err;
    }
    *query = made;
    return 0;
}

void windows_address_cancel(struct windows_address_query *query)
{
    process_cancel(query->process);
    free(query);
}
