/* Waits until the nodes of a device that the kernel has can be opened: its drivers are loaded and
 * through with it, the nodes are there, and udevd, where it runs, has finished with them. What does
 * not come in time the agent does by its own hand (tty_node.h). */
#ifndef TTYFERRY_GUEST_NODE_WAIT_H
#define TTYFERRY_GUEST_NODE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-linux/machine.h"

struct node_wait;

/* Every node can be opened; the wait is over. Runs on the loop, and inside node_wait_bound and
 * node_wait_look. `nodes` is valid during the call. */
typedef void (*node_wait_ready_fn)(void *context, const struct tty_nodes *nodes);

/* `machine` and `context` must outlive it. Returns 0 or ERR_NOMEM; `*wait` is the caller's until
 * node_wait_close. */
int node_wait_open(const struct machine *machine, node_wait_ready_fn on_ready, void *context,
                   struct node_wait **wait);

/* Begins to wait for the nodes of the device that the kernel puts at `devpath`, which is copied. A
 * record of udevd's from before `since_us` (of CLOCK_MONOTONIC) is about another device. */
void node_wait_start(struct node_wait *wait, const char *devpath, uint64_t since_us);

/* True from node_wait_start until on_ready or node_wait_stop. */
bool node_wait_is_on(const struct node_wait *wait);

/* The kernel has bound the device: its interfaces are there, and the drivers that were loaded have
 * probed them. Looks. */
void node_wait_bound(struct node_wait *wait);

/* The device is there, and nobody has heard whether the kernel is through with it: finds out. */
void node_wait_settle(struct node_wait *wait);

/* Something below the device has changed. */
void node_wait_look(struct node_wait *wait);

/* A driver that is being loaded is loaded to its end; on_ready does not run any more. */
void node_wait_stop(struct node_wait *wait);

/* Stops, and frees it. */
void node_wait_close(struct node_wait *wait);

#endif
