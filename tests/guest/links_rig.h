/* Links to ttys below a folder that stands for /dev, and the notes of them. */
#ifndef TTYFERRY_TESTS_GUEST_LINKS_RIG_H
#define TTYFERRY_TESTS_GUEST_LINKS_RIG_H

#include "guest-linux/dev_links.h"
#include "guest-linux/tty_node.h"
#include "tests/guest/tree.h"

#define LINKS_RIG_NOTES "/run/links"

/* What links_rig_nodes names. */
#define LINKS_RIG_ID "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"
#define LINKS_RIG_PATH "/dev/serial/by-path/platform-vhci_hcd.0-usb-0:1:1.0-port0"
#define LINKS_RIG_OTHER_PATH "/dev/serial/by-path/platform-vhci_hcd.0-usb-0:2:1.0-port0"

struct links_rig {
    struct tree tree;
    char dev[TREE_PATH_SIZE];
    char notes[TREE_PATH_SIZE];
    struct dev_links *links;
};

/* With /dev/ttyUSB0, ttyUSB1, ttyACM0 and ttyACM1, and an agent that has begun. For cmocka. */
int links_rig_setup(void **state);
int links_rig_teardown(void **state);

/* An agent begins, and ends as if it were killed. */
void links_rig_open(struct links_rig *rig);
void links_rig_end(struct links_rig *rig);

/* What the link says; "" if there is no link. Valid until the next call. */
const char *links_rig_target(const struct links_rig *rig, const char *name);

/* The tty of a board without a serial number: two such have one name by id. */
struct tty_nodes links_rig_nodes(const char *path, const char *by_path);

#endif
