#include "guest-linux/node_wait.h"

#include <stdlib.h>
#include <string.h>

#include "guest-linux/usb_settle.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

/* The loading of a driver for an interface that had none; at most once for each wait. */
struct driver_load {
    struct node_wait *wait;
    char interface[SYSFS_NAME_SIZE];
    struct modules_request *request; /* NULL when done */
};

struct node_wait {
    const struct machine *machine;
    node_wait_ready_fn on_ready;
    void *context;
    char devpath[VHCI_STATUS_DEVPATH_SIZE];
    bool is_on;
    bool is_bound; /* the interfaces are there, and the drivers that were loaded have probed */
    uint64_t since_us;
    struct driver_load loads[USB_TREE_INTERFACES_MAX];
    size_t load_count;
    struct usb_settle *settle; /* NULL unless it is awaited that they are */
    struct usb_tree tree;
    uv_fs_event_t records; /* udevd's, watched while one of them is awaited */
    uv_timer_t limit;      /* of waiting for the kernel's and udevd's part */
    bool is_late;
    unsigned open_handles;
};

bool node_wait_is_on(const struct node_wait *wait)
{
    return wait->is_on;
}

/* --- Drivers ---------------------------------------------------------------------------------- */

static void on_driver_loaded(void *context, int err, const char *detail)
{
    struct driver_load *load = context;

    load->request = NULL;
    if (err != 0) {
        log_debug("%s: no driver was loaded: %s", load->interface, detail);
    }
    node_wait_look(load->wait);
}

static bool is_tried(const struct node_wait *wait, const char *interface)
{
    for (size_t i = 0; i < wait->load_count; i++) {
        if (strcmp(wait->loads[i].interface, interface) == 0) {
            return true;
        }
    }
    return false;
}

static void load_driver(struct node_wait *wait, const struct usb_tree_interface *interface)
{
    struct driver_load *load = &wait->loads[wait->load_count++];

    load->wait = wait;
    text_copy(load->interface, sizeof load->interface, interface->name);
    if (modules_load(wait->machine->modules, interface->modalias, on_driver_loaded, load,
                     &load->request) != 0) {
        load->request = NULL;
    }
}

/* Asks for the drivers that nobody else has loaded. Returns true while one is under way: the end
 * of a module's loading is also the end of its drivers' probing. */
static bool drivers_are_coming(struct node_wait *wait)
{
    const struct usb_tree *tree = &wait->tree;

    for (size_t i = 0; i < tree->interface_count; i++) {
        const struct usb_tree_interface *interface = &tree->interfaces[i];

        if (interface->driver[0] == '\0' && interface->modalias[0] != '\0' &&
            wait->load_count < USB_TREE_INTERFACES_MAX && !is_tried(wait, interface->name)) {
            load_driver(wait, interface);
        }
    }
    for (size_t i = 0; i < wait->load_count; i++) {
        if (wait->loads[i].request != NULL) {
            return true;
        }
    }
    return false;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

static void on_record(uv_fs_event_t *watch, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    (void)status;
    node_wait_look(watch->data);
}

/* Returns true if the watch was started just now: what came before it has to be looked for. */
static bool watch_records(struct node_wait *wait)
{
    char path[SYSFS_PATH_SIZE];

    return !uv_is_active((uv_handle_t *)&wait->records) &&
           tty_node_records(&wait->machine->nodes, path) == 0 &&
           uv_fs_event_start(&wait->records, on_record, path, 0) == 0;
}

static int check(const struct node_wait *wait, struct tty_nodes *nodes)
{
    return tty_node_check(&wait->machine->nodes, &wait->tree, wait->since_us, wait->is_late, nodes);
}

static void on_limit(uv_timer_t *timer)
{
    struct node_wait *wait = timer->data;

    log_warning("%s: its nodes are not finished after %u ms (is udevd stuck?): the agent sees to "
                "them itself",
                wait->devpath, wait->machine->nodes.limit_ms);
    wait->is_late = true;
    node_wait_look(wait);
}

static void limit_waiting(struct node_wait *wait)
{
    unsigned limit_ms = wait->machine->nodes.limit_ms;

    if (limit_ms > 0 && !wait->is_late && !uv_is_active((uv_handle_t *)&wait->limit)) {
        uv_timer_start(&wait->limit, on_limit, limit_ms, 0);
    }
}

void node_wait_look(struct node_wait *wait)
{
    const struct machine *machine = wait->machine;
    struct tty_nodes nodes;
    int err;

    if (!wait->is_on || !wait->is_bound ||
        usb_tree_read(machine->sysfs_root, wait->devpath, &wait->tree) != 0 ||
        drivers_are_coming(wait)) {
        return;
    }
    usb_tree_read_strings(machine->sysfs_root, &wait->tree);
    err = check(wait, &nodes);
    if (err == ERR_BUSY && watch_records(wait)) {
        err = check(wait, &nodes);
    }
    if (err == ERR_BUSY) {
        limit_waiting(wait);
    } else if (err == 0) {
        node_wait_stop(wait);
        wait->on_ready(wait->context, &nodes);
    } else {
        log_error("%s: a node can't be given to its users: %s", wait->devpath, error_text(err));
    }
}

/* --- The wait --------------------------------------------------------------------------------- */

void node_wait_start(struct node_wait *wait, const char *devpath, uint64_t since_us)
{
    node_wait_stop(wait);
    text_copy(wait->devpath, sizeof wait->devpath, devpath);
    wait->since_us = since_us;
    wait->is_bound = false;
    wait->is_late = false;
    wait->is_on = true;
}

void node_wait_bound(struct node_wait *wait)
{
    wait->is_bound = true;
    node_wait_look(wait);
}

static void on_settled(void *context)
{
    struct node_wait *wait = context;

    wait->settle = NULL;
    node_wait_bound(wait);
}

/* The device shows a driver as soon as that begins to probe it. */
void node_wait_settle(struct node_wait *wait)
{
    const struct machine *machine = wait->machine;

    if (!wait->is_on || wait->settle != NULL) {
        return;
    }
    if (usb_settle_open(machine->loop, machine->sysfs_root, wait->devpath, on_settled, wait,
                        &wait->settle) != 0) {
        wait->settle = NULL;
        log_error("%s: it can't be awaited that its drivers are through", wait->devpath);
    }
}

/* A driver that is being loaded is loaded to its end; its probing just does not matter any more. */
void node_wait_stop(struct node_wait *wait)
{
    for (size_t i = 0; i < wait->load_count; i++) {
        if (wait->loads[i].request != NULL) {
            modules_cancel(wait->loads[i].request);
        }
    }
    wait->load_count = 0;
    if (wait->settle != NULL) {
        usb_settle_forget(wait->settle);
        wait->settle = NULL;
    }
    wait->is_on = false;
    uv_fs_event_stop(&wait->records);
    uv_timer_stop(&wait->limit);
}

int node_wait_open(const struct machine *machine, node_wait_ready_fn on_ready, void *context,
                   struct node_wait **wait)
{
    struct node_wait *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->machine = machine;
    opened->on_ready = on_ready;
    opened->context = context;
    uv_fs_event_init(machine->loop, &opened->records); /* Never fails. */
    opened->records.data = opened;
    uv_timer_init(machine->loop, &opened->limit); /* Never fails. */
    opened->limit.data = opened;
    opened->open_handles = 2;
    *wait = opened;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct node_wait *wait = handle->data;

    if (--wait->open_handles == 0) {
        free(wait);
    }
}

void node_wait_close(struct node_wait *wait)
{
    node_wait_stop(wait);
    uv_close((uv_handle_t *)&wait->records, on_handle_closed);
    uv_close((uv_handle_t *)&wait->limit, on_handle_closed);
}
