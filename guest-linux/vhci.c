#include "guest-linux/vhci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

/* All files for all controllers live in the first one's folder. */
#define FIRST_CONTROLLER "/devices/platform/vhci_hcd.0"
/* A sysfs file is at most a page. */
#define STATUS_TEXT_SIZE (16u * 1024)
/* Another program may take the port that was just seen free; then the next one is tried. */
#define ATTACH_TRIES 8

/* What became of a port in this run of the agent. */
struct vhci_use {
    uint32_t turn;  /* rises with each port that is given out; 0: it is not */
    bool is_ending; /* a detach was written */
    bool is_former; /* was being enumerated when this run began, maybe for a former one */
};

struct vhci {
    const char *sysfs_root;
    uint32_t turns;
    struct vhci_use uses[VHCI_STATUS_PORTS_MAX];
};

static void note_former_ports(struct vhci *vhci);

int vhci_create(const char *sysfs_root, struct vhci **vhci)
{
    struct vhci *made = calloc(1, sizeof *made);

    if (!made)
        return ERR_NOMEM;
    made->sysfs_root = sysfs_root;
    note_former_ports(made);
    *vhci = made;
    return 0;
}

void vhci_destroy(struct vhci *vhci)
{
    free(vhci);
}

/* The file `attach` appears with the first of several controllers; the module's own state says when
 * the last one is there. A kernel with the driver built in has no such file. */
bool vhci_is_loaded(const struct vhci *vhci)
{
    char state[SYSFS_NAME_SIZE];
    int err =
        sysfs_read_text(vhci->sysfs_root, "/module/" VHCI_MODULE, "initstate", state, sizeof state);

    if (err == 0 && strcmp(state, "live") != 0)
        return false;
    return sysfs_exists(vhci->sysfs_root, FIRST_CONTROLLER, "attach");
}

/* Reads `status`, `status.1`, ... as far as they go. */
static int load_status(const struct vhci *vhci, struct vhci_status *status)
{
    char *text = malloc(STATUS_TEXT_SIZE);
    int err = text ? 0 : ERR_NOMEM;

    vhci_status_init(status);
    for (unsigned i = 0; !err && i < VHCI_STATUS_CONTROLLERS_MAX; i++) {
        char name[SYSFS_NAME_SIZE] = "status";

        if (i > 0)
            snprintf(name, sizeof name, "status.%u", i);
        err = sysfs_read_text(vhci->sysfs_root, FIRST_CONTROLLER, name, text, STATUS_TEXT_SIZE);
        if (err == ERR_NOT_FOUND && i > 0) {
            err = 0;
            break;
        }
        if (!err)
            err = vhci_status_add(status, text, strlen(text));
    }
    free(text);
    if (err)
        vhci_status_finish(status);
    else if (status->skipped > 0)
        log_debug("vhci: %zu rows of the status files are of an unknown form", status->skipped);
    return err;
}

/* One write call: the kernel parses each on its own. */
static int write_file(const char *sysfs_root, const char *folder, const char *name,
                      const char *text)
{
    char path[SYSFS_PATH_SIZE];
    int err = sysfs_join(sysfs_root, folder, name, path);
    size_t len = strlen(text);
    ssize_t written;
    int fd;

    if (err)
        return err;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return os_error_from_errno(errno);
    do
        written = write(fd, text, len);
    while (written < 0 && errno == EINTR);
    if (written != (ssize_t)len)
        err = written < 0 ? os_error_from_errno(errno) : ERR_IO;
    close(fd);
    return err;
}

struct bus_search {
    const struct vhci *vhci;
    const char *controller_path;
    bool super_speed;
    unsigned busnum;
};

/* A controller has two root hubs, "usbN"; the faster one is the SuperSpeed one. */
static int visit_root_hub(void *context, const char *name)
{
    struct bus_search *search = context;
    char path[SYSFS_PATH_SIZE];
    unsigned long speed_mbit;
    unsigned long busnum;
    char *end;

    if (strncmp(name, "usb", 3) != 0)
        return 0;
    busnum = strtoul(name + 3, &end, 10);
    if (end == name + 3 || *end != '\0' || busnum > UINT16_MAX ||
        sysfs_join("", search->controller_path, name, path) != 0)
        return 0;
    if (sysfs_read_number(search->vhci->sysfs_root, path, "speed", 10, &speed_mbit) == 0 &&
        (speed_mbit >= 5000) == search->super_speed)
        search->busnum = (unsigned)busnum;
    return 0;
}

static int find_devpath(const struct vhci *vhci, const struct vhci_status *status,
                        const struct vhci_port *port, char devpath[VHCI_STATUS_DEVPATH_SIZE])
{
    char controller_path[SYSFS_PATH_SIZE];
    struct bus_search search = {vhci, controller_path, port->super_speed, 0};
    unsigned long nports;
    unsigned hub_port;
    int err = sysfs_read_number(vhci->sysfs_root, FIRST_CONTROLLER, "nports", 10, &nports);

    if (err)
        return err;
    if (nports > VHCI_STATUS_PORTS_MAX)
        return ERR_INVALID;
    err = vhci_status_hub_port(status, (unsigned)nports, port, &hub_port);
    if (err)
        return err;
    snprintf(controller_path, sizeof controller_path, "/devices/platform/vhci_hcd.%u",
             port->controller);
    err = sysfs_list(vhci->sysfs_root, controller_path, visit_root_hub, &search);
    if (err)
        return err;
    if (search.busnum == 0)
        return ERR_NOT_FOUND;
    vhci_status_devpath(port->controller, search.busnum, hub_port, devpath);
    return 0;
}

static bool is_held(const void *context, unsigned port)
{
    const struct vhci *vhci = context;

    return vhci->uses[port].turn != 0;
}

static void hold(struct vhci *vhci, const struct vhci_place *place)
{
    vhci->uses[place->port].turn = ++vhci->turns;
}

/* The device at `devpath` is in the device tree. */
static bool is_listed(const struct vhci *vhci, const char *devpath)
{
    return sysfs_exists(vhci->sysfs_root, devpath, "idVendor");
}

/* Between the answer to the kernel's first request and the device's entry in the tree the port is
 * in use by a device that is not there. */
static bool is_coming(const struct vhci *vhci, const struct vhci_status *status,
                      const struct vhci_port *port)
{
    char devpath[VHCI_STATUS_DEVPATH_SIZE];

    return port->state == VHCI_PORT_NOT_ENUMERATED ||
           (port->state == VHCI_PORT_USED && find_devpath(vhci, status, port, devpath) == 0 &&
            !is_listed(vhci, devpath));
}

static void note_former_ports(struct vhci *vhci)
{
    struct vhci_status status;

    if (!vhci_is_loaded(vhci) || load_status(vhci, &status) != 0)
        return;
    for (size_t i = 0; i < status.count; i++)
        vhci->uses[status.ports[i].port].is_former = is_coming(vhci, &status, &status.ports[i]);
    vhci_status_finish(&status);
}

bool vhci_awaits_former(struct vhci *vhci)
{
    bool awaits = false;
    struct vhci_status status;

    for (size_t i = 0; i < VHCI_STATUS_PORTS_MAX && !awaits; i++)
        awaits = vhci->uses[i].is_former;
    if (!awaits || load_status(vhci, &status) != 0)
        return false;
    awaits = false;
    for (size_t i = 0; i < status.count; i++) {
        struct vhci_use *use = &vhci->uses[status.ports[i].port];

        use->is_former = use->is_former && is_coming(vhci, &status, &status.ports[i]);
        awaits = awaits || use->is_former;
    }
    vhci_status_finish(&status);
    return awaits;
}

void vhci_forget_former(struct vhci *vhci)
{
    for (size_t i = 0; i < VHCI_STATUS_PORTS_MAX; i++)
        vhci->uses[i].is_former = false;
}

/* A device that is being taken away holds up its controller as one that does not answer. */
static int choose_port(const struct vhci *vhci, struct vhci_status *status, enum board_speed speed,
                       struct vhci_port *port)
{
    for (size_t i = 0; i < status->count; i++) {
        struct vhci_port *row = &status->ports[i];

        if (vhci->uses[row->port].is_ending && row->state != VHCI_PORT_FREE)
            row->state = VHCI_PORT_NOT_ENUMERATED;
    }
    return vhci_status_choose(status, speed, is_held, vhci, port);
}

bool vhci_has_room(struct vhci *vhci, enum board_speed speed)
{
    struct vhci_status status;
    struct vhci_port port;
    int err;

    if (load_status(vhci, &status) != 0)
        return true;
    err = choose_port(vhci, &status, speed, &port);
    vhci_status_finish(&status);
    return err != ERR_FULL;
}

static int attach_once(struct vhci *vhci, int fd, uint32_t devid, enum board_speed speed,
                       struct vhci_place *place)
{
    struct vhci_place found = {.devid = devid};
    struct vhci_status status;
    struct vhci_port port;
    char text[64];
    int err = load_status(vhci, &status);

    if (err)
        return err;
    err = choose_port(vhci, &status, speed, &port);
    if (!err)
        err = find_devpath(vhci, &status, &port, found.devpath);
    vhci_status_finish(&status);
    if (err)
        return err;
    found.port = port.port;
    snprintf(text, sizeof text, "%u %d %u %u", port.port, fd, devid, (unsigned)speed);
    err = write_file(vhci->sysfs_root, FIRST_CONTROLLER, "attach", text);
    if (err)
        return err;
    hold(vhci, &found);
    *place = found;
    return 0;
}

int vhci_attach(struct vhci *vhci, int fd, uint32_t devid, enum board_speed speed,
                struct vhci_place *place)
{
    int err = ERR_BUSY;

    for (int i = 0; i < ATTACH_TRIES && err == ERR_BUSY; i++)
        err = attach_once(vhci, fd, devid, speed, place);
    return err == ERR_BUSY ? ERR_FULL : err;
}

/* The one port in use by `devid`, or NULL. */
static const struct vhci_port *find_device(const struct vhci_status *status, uint32_t devid)
{
    const struct vhci_port *found = NULL;

    for (size_t i = 0; i < status->count; i++) {
        const struct vhci_port *port = &status->ports[i];

        if (port->state != VHCI_PORT_USED || port->devid != devid)
            continue;
        if (found)
            return NULL;
        found = port;
    }
    return found;
}

int vhci_adopt(struct vhci *vhci, uint32_t devid, struct vhci_place *place)
{
    struct vhci_place found = {.devid = devid};
    const struct vhci_port *port;
    struct vhci_status status;
    int err = load_status(vhci, &status);

    if (err)
        return err;
    port = find_device(&status, devid);
    err = port && !is_held(vhci, port->port) ? find_devpath(vhci, &status, port, found.devpath)
                                             : ERR_NOT_FOUND;
    if (!err) {
        found.port = port->port;
        hold(vhci, &found);
        *place = found;
    }
    vhci_status_finish(&status);
    return err;
}

bool vhci_is_free(struct vhci *vhci, const struct vhci_place *place)
{
    const struct vhci_port *port;
    struct vhci_status status;
    bool is_free;
    int err = load_status(vhci, &status);

    /* Without the module there is no port, and so nothing on it. */
    if (err)
        return err == ERR_NOT_FOUND;
    port = vhci_status_find(&status, place->port);
    /* The devid stands in the row only once the device is enumerated. */
    is_free = port && (port->state == VHCI_PORT_FREE ||
                       (port->state == VHCI_PORT_USED && port->devid != place->devid));
    vhci_status_finish(&status);
    return is_free;
}

/* Another board of ours came to the controller first, and is not through either. */
static bool is_behind_another(const struct vhci *vhci, const struct vhci_status *status,
                              const struct vhci_port *port)
{
    uint32_t turn = vhci->uses[port->port].turn;

    for (size_t i = 0; i < status->count; i++) {
        const struct vhci_port *other = &status->ports[i];
        const struct vhci_use *use = &vhci->uses[other->port];

        if (other->controller == port->controller && use->turn != 0 && use->turn < turn &&
            (other->state == VHCI_PORT_NOT_ENUMERATED ||
             (use->is_ending && other->state != VHCI_PORT_FREE)))
            return true;
    }
    return false;
}

bool vhci_is_unanswered(struct vhci *vhci, const struct vhci_place *place)
{
    const struct vhci_port *port;
    struct vhci_status status;
    bool is_unanswered;

    if (load_status(vhci, &status) != 0)
        return false;
    port = vhci_status_find(&status, place->port);
    is_unanswered =
        port && port->state == VHCI_PORT_NOT_ENUMERATED && !is_behind_another(vhci, &status, port);
    vhci_status_finish(&status);
    return is_unanswered;
}

int vhci_detach(struct vhci *vhci, const struct vhci_place *place)
{
    char text[16];
    int err;

    if (vhci_is_free(vhci, place))
        return ERR_NOT_FOUND;
    snprintf(text, sizeof text, "%u", place->port);
    vhci->uses[place->port].is_ending = true;
    err = write_file(vhci->sysfs_root, FIRST_CONTROLLER, "detach", text);
    /* The kernel says EINVAL for a port that has become free in between. */
    return err == ERR_INVALID ? ERR_NOT_FOUND : err;
}

void vhci_release(struct vhci *vhci, const struct vhci_place *place)
{
    vhci->uses[place->port].turn = 0;
    vhci->uses[place->port].is_ending = false;
}

int vhci_tell_again(const char *sysfs_root, const char *tty)
{
    char folder[SYSFS_NAME_SIZE];

    if (snprintf(folder, sizeof folder, "/class/tty/%s", tty) >= (int)sizeof folder)
        return ERR_TOO_LONG;
    return write_file(sysfs_root, folder, "uevent", "change");
}
