#include "guest-linux/this_machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "guest-linux/board_access.h"
#include "guest-linux/module_loader.h"

/* Where udev's rules look (60-ttyferry.rules), wherever the stream is. */
#define RUN_FOLDER "/run/ttyferry"

void this_machine_init(struct this_machine *self, uv_loop_t *loop, const struct config *config,
                       const char *stream_path)
{
    struct machine *machine = &self->machine;
    struct utsname kernel;

    if (uname(&kernel) != 0) {
        strcpy(kernel.release, "unknown"); /* EFAULT is all that uname knows. */
    }
    *self = (struct this_machine){.machine = {.loop = loop, .config = config},
                                  .stream_path = stream_path};
    snprintf(self->modules_root, sizeof self->modules_root, "/lib/modules/%s", kernel.release);
    import_route_init(&self->route, config->usbipd_import);
    machine->route = &self->route;
    machine->sysfs_root = "/sys";
    machine->nodes = (struct tty_node_paths){
        .dev_root = "/dev",
        .udev_root = "/run/udev",
        .limit_ms = TTY_NODE_UDEV_LIMIT_MS,
        .makes_nodes = node_access_is_needed("/proc/self/mounts", "/dev"),
    };
    board_access_init(&machine->nodes.access, config);
    machine->udev_notes = (struct udev_notes){
        .run_folder = RUN_FOLDER,
        .sysfs_root = machine->sysfs_root,
        .udev_root = machine->nodes.udev_root,
    };
    machine->address =
        (struct windows_address_paths){.wslinfo = "/usr/bin/wslinfo", .route = "/proc/net/route"};
}

int this_machine_open(struct this_machine *self)
{
    struct machine *machine = &self->machine;
    const struct modules_config config = {
        .modprobe = "/sbin/modprobe",
        .loader = {self->modules_root, machine->sysfs_root, module_loader_insert, NULL},
    };
    int err = vhci_create(machine->sysfs_root, &machine->vhci);

    if (err == 0) {
        err = held_ports_open(machine->sysfs_root, self->stream_path, &machine->held);
    }
    if (err == 0) {
        err = dev_links_open(machine->nodes.dev_root, RUN_FOLDER "/links", &machine->links);
    }
    if (err == 0) {
        udev_notes_begin(&machine->udev_notes, &machine->nodes.access);
        err = modules_open(machine->loop, &config, &machine->modules);
    }
    return err;
}

void this_machine_close(struct this_machine *self)
{
    if (self->machine.modules != NULL) {
        modules_close(self->machine.modules);
    }
}

void this_machine_finish(struct this_machine *self)
{
    vhci_destroy(self->machine.vhci);
    held_ports_close(self->machine.held);
    dev_links_close(self->machine.links);
}
