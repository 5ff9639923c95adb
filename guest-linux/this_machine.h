/* The machine that the agent runs on, with its own places and its kernel's parts. */
#ifndef TTYFERRY_GUEST_THIS_MACHINE_H
#define TTYFERRY_GUEST_THIS_MACHINE_H

#include "guest-linux/machine.h"

/* The caller owns the memory, until this_machine_finish. */
struct this_machine {
    struct machine machine; /* `host` is the caller's to set */
    struct import_route route;
    const char *stream_path;
    char modules_root[SYSFS_PATH_SIZE];
};

/* Names the places. `loop`, `config` and `stream_path`, of the stream's socket, must outlive it. */
void this_machine_init(struct this_machine *self, uv_loop_t *loop, const struct config *config,
                       const char *stream_path);

/* Opens what the kernel has for us, and what a former run has left; vhci_hcd need not be loaded,
 * and no other agent must serve the stream. Returns 0, ERR_NOMEM, ERR_TOO_LONG, ERR_IO;
 * this_machine_close and _finish are due either way. */
int this_machine_open(struct this_machine *self);

/* Loads no module any more. */
void this_machine_close(struct this_machine *self);

/* Frees what is left, once the loop has ended. */
void this_machine_finish(struct this_machine *self);

#endif
