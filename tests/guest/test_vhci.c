/* The host controller's files, in trees that the test makes: two controllers of 2 + 2 ports, and
 * those of Debian's and WSL's kernels. */
#include "guest-linux/vhci.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"
#include "tests/guest/tree.h"

#define PLATFORM "/devices/platform"
#define FIRST PLATFORM "/vhci_hcd.0"
#define HEADING "hub port sta spd dev      sockfd local_busid\n"
#define FREE "004 000 00000000 000000 0-0\n"
#define USED "006 002 00010003 000007 1-1\n"
#define DEVID 0x00010003u
#define SOCKET 42
#define NOTHING "nothing\n"

#define IDLE_0 HEADING "hs  0000 " FREE "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE
#define IDLE_1 HEADING "hs  0004 " FREE "hs  0005 " FREE "ss  0006 " FREE "ss  0007 " FREE

struct rig {
    struct tree tree;
    struct vhci *vhci;
};

static void make_root_hub(const struct tree *tree, const char *name, const char *speed)
{
    char path[TREE_PATH_SIZE];

    snprintf(path, sizeof path, PLATFORM "/%s/speed", name);
    tree_write(tree, path, speed);
}

static void make_rig(struct rig *rig)
{
    tree_make(&rig->tree);
    tree_write(&rig->tree, FIRST "/attach", NOTHING);
    tree_write(&rig->tree, FIRST "/detach", NOTHING);
    tree_write(&rig->tree, FIRST "/nports", "8\n");
    tree_write(&rig->tree, FIRST "/status", IDLE_0);
    tree_write(&rig->tree, FIRST "/status.1", IDLE_1);
    make_root_hub(&rig->tree, "vhci_hcd.0/usb3", "480\n");
    make_root_hub(&rig->tree, "vhci_hcd.0/usb4", "5000\n");
    make_root_hub(&rig->tree, "vhci_hcd.1/usb5", "480\n");
    make_root_hub(&rig->tree, "vhci_hcd.1/usb6", "20000\n");
    tree_folder(&rig->tree, PLATFORM "/vhci_hcd.0/usbmon");
    tree_write(&rig->tree, "/module/vhci_hcd/initstate", "live\n");
    assert_int_equal(vhci_create(rig->tree.root, &rig->vhci), 0);
}

static void remove_rig(struct rig *rig)
{
    vhci_destroy(rig->vhci);
    tree_remove(&rig->tree);
}

/* A file that held NOTHING and that the text was then written into, in one call. */
static void expect_file(const struct rig *rig, const char *path, const char *text)
{
    char expected[64] = NOTHING;
    char found[64];
    size_t len = strlen(text);

    /* The kernel takes a write as a whole; a plain file keeps what is longer. */
    assert_true(len < sizeof expected);
    memcpy(expected, text, len);
    tree_read(&rig->tree, path, found, sizeof found);
    assert_string_equal(found, expected);
}

/* Attaching ----------------------------------------------------------------------------------- */

struct attach_row {
    const char *name;
    const char *status_0;
    const char *status_1; /* NULL: there is one controller */
    const char *nports;
    enum board_speed speed;
    int err;
    unsigned port;
    const char *devpath;
    const char *written;
};

static const struct attach_row attach_rows[] = {
    {"attach: full speed goes to a high-speed port", IDLE_0, IDLE_1, "8\n", BOARD_SPEED_FULL, 0, 0,
     PLATFORM "/vhci_hcd.0/usb3/3-1", "0 42 65539 2"},
    {"attach: super speed goes to a SuperSpeed port", IDLE_0, IDLE_1, "8\n", BOARD_SPEED_SUPER, 0,
     2, PLATFORM "/vhci_hcd.0/usb4/4-1", "2 42 65539 5"},
    {"attach: goes to the controller where least goes on",
     HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE, IDLE_1, "8\n",
     BOARD_SPEED_HIGH, 0, 4, PLATFORM "/vhci_hcd.1/usb5/5-1", "4 42 65539 3"},
    {"attach: one controller",
     HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE, NULL, "4\n",
     BOARD_SPEED_LOW, 0, 1, PLATFORM "/vhci_hcd.0/usb3/3-2", "1 42 65539 1"},
    {"attach: rows that do not parse are passed over",
     HEADING "hs  0000 garbage\nhs  0001 " FREE "\x01\xff\nss  0002 " FREE "ss  0003 " FREE, NULL,
     "4\n", BOARD_SPEED_FULL, 0, 1, PLATFORM "/vhci_hcd.0/usb3/3-2", "1 42 65539 2"},
    {"attach: a row of a port that no kernel has",
     HEADING "hs  99999 " FREE "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE, NULL, "4\n",
     BOARD_SPEED_FULL, 0, 1, PLATFORM "/vhci_hcd.0/usb3/3-2", "1 42 65539 2"},
    {"attach: no port is free",
     HEADING "hs  0000 " USED "hs  0001 " USED "ss  0002 " FREE "ss  0003 " FREE, NULL, "4\n",
     BOARD_SPEED_FULL, ERR_FULL, 0, NULL, NOTHING},
    {"attach: an empty status", "", NULL, "4\n", BOARD_SPEED_FULL, ERR_FULL, 0, NULL, NOTHING},
    {"attach: a speed that no port has", IDLE_0, IDLE_1, "8\n", BOARD_SPEED_UNKNOWN, ERR_INVALID, 0,
     NULL, NOTHING},
    {"attach: more ports than any kernel has", IDLE_0, IDLE_1, "4000\n", BOARD_SPEED_FULL,
     ERR_INVALID, 0, NULL, NOTHING},
    {"attach: a number of ports that is none", IDLE_0, IDLE_1, "many\n", BOARD_SPEED_FULL,
     ERR_INVALID, 0, NULL, NOTHING},
    {"attach: a number of ports that does not fit the rows", IDLE_0, IDLE_1, "7\n",
     BOARD_SPEED_FULL, ERR_INVALID, 0, NULL, NOTHING},
};

static void a_socket_is_attached(void **state)
{
    const struct attach_row *row = *state;
    struct vhci_place place = {.port = 99};
    struct rig rig;

    make_rig(&rig);
    tree_write(&rig.tree, FIRST "/status", row->status_0);
    tree_write(&rig.tree, FIRST "/nports", row->nports);
    if (row->status_1 != NULL) {
        tree_write(&rig.tree, FIRST "/status.1", row->status_1);
    } else {
        tree_delete(&rig.tree, FIRST "/status.1");
    }
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, row->speed, &place), row->err);
    expect_file(&rig, FIRST "/attach", row->written);
    if (row->err == 0) {
        assert_int_equal(place.port, row->port);
        assert_int_equal(place.devid, DEVID);
        assert_string_equal(place.devpath, row->devpath);
    } else {
        assert_int_equal(place.port, 99);
    }
    remove_rig(&rig);
}

static void a_port_is_given_out_once_until_it_is_released(void **state)
{
    struct vhci_place first;
    struct vhci_place second;
    struct vhci_place third;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, FIRST "/status.1");
    tree_write(&rig.tree, FIRST "/nports", "4\n");
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &first), 0);
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &second), 0);
    assert_int_not_equal(first.port, second.port);
    /* The files still call both free, as the kernel does when a device has just gone. */
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &third), ERR_FULL);
    vhci_release(rig.vhci, &first);
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &third), 0);
    assert_int_equal(third.port, first.port);
    remove_rig(&rig);
}

static void a_failed_attach_holds_no_port(void **state)
{
    struct vhci_place place;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, FIRST "/attach");
    tree_folder(&rig.tree, FIRST "/attach"); /* can't be written, whoever runs the test */
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &place), ERR_IS_FOLDER);
    tree_delete(&rig.tree, FIRST "/attach");
    tree_write(&rig.tree, FIRST "/attach", "");
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &place), 0);
    assert_int_equal(place.port, 0);
    remove_rig(&rig);
}

static void without_root_hubs_there_is_no_place(void **state)
{
    struct vhci_place place;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, PLATFORM "/vhci_hcd.0/usb3");
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &place), ERR_NOT_FOUND);
    expect_file(&rig, FIRST "/attach", NOTHING);
    remove_rig(&rig);
}

/* A kernel with so many controllers and ports; all of the first one's high-speed ports are used but
 * the last. */
struct kernel_row {
    const char *name;
    unsigned controllers;
    unsigned ports; /* of each root hub */
    enum board_speed speed;
    const char *devpath;
    const char *written;
};

static const struct kernel_row kernel_rows[] = {
    {"kernel: Debian's, full speed", 8, 15, BOARD_SPEED_FULL, PLATFORM "/vhci_hcd.1/usb3/3-1",
     "30 42 65539 2"},
    {"kernel: Debian's, super speed", 8, 15, BOARD_SPEED_SUPER, PLATFORM "/vhci_hcd.1/usb4/4-1",
     "45 42 65539 5"},
    {"kernel: WSL's, full speed", 1, 8, BOARD_SPEED_FULL, PLATFORM "/vhci_hcd.0/usb1/1-8",
     "7 42 65539 2"},
    {"kernel: WSL's, super speed", 1, 8, BOARD_SPEED_SUPER, PLATFORM "/vhci_hcd.0/usb2/2-1",
     "8 42 65539 5"},
};

static void make_status(const struct tree *tree, const struct kernel_row *kernel,
                        unsigned controller)
{
    char name[TREE_PATH_SIZE] = FIRST "/status";
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof text, HEADING);

    if (controller > 0) {
        snprintf(name, sizeof name, FIRST "/status.%u", controller);
    }
    for (unsigned i = 0; i < 2 * kernel->ports; i++) {
        bool used = controller == 0 && i + 1 < kernel->ports;

        len += (size_t)snprintf(text + len, sizeof text - len, "%s  %04u %s",
                                i < kernel->ports ? "hs" : "ss", controller * 2 * kernel->ports + i,
                                used ? USED : FREE);
    }
    assert_true(len < sizeof text);
    tree_write(tree, name, text);
}

static void a_kernel_of_any_size_is_understood(void **state)
{
    const struct kernel_row *kernel = *state;
    struct vhci_place place;
    char text[64];
    struct rig rig;

    make_rig(&rig);
    tree_delete(&rig.tree, PLATFORM);
    tree_write(&rig.tree, FIRST "/attach", NOTHING);
    snprintf(text, sizeof text, "%u\n", kernel->controllers * 2 * kernel->ports);
    tree_write(&rig.tree, FIRST "/nports", text);
    for (unsigned i = 0; i < kernel->controllers; i++) {
        make_status(&rig.tree, kernel, i);
        snprintf(text, sizeof text, "vhci_hcd.%u/usb%u", i, 2 * i + 1);
        make_root_hub(&rig.tree, text, "480\n");
        snprintf(text, sizeof text, "vhci_hcd.%u/usb%u", i, 2 * i + 2);
        make_root_hub(&rig.tree, text, "5000\n");
    }
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, kernel->speed, &place), 0);
    expect_file(&rig, FIRST "/attach", kernel->written);
    assert_string_equal(place.devpath, kernel->devpath);
    remove_rig(&rig);
}

/* Taking over --------------------------------------------------------------------------------- */

struct adopt_row {
    const char *name;
    const char *status_1;
    int err;
    unsigned port;
    const char *devpath;
};

static const struct adopt_row adopt_rows[] = {
    {"adopt: on a high-speed port",
     HEADING "hs  0004 " FREE "hs  0005 " USED "ss  0006 " FREE "ss  0007 " FREE, 0, 5,
     PLATFORM "/vhci_hcd.1/usb5/5-2"},
    {"adopt: on a SuperSpeed port",
     HEADING "hs  0004 " FREE "hs  0005 " FREE "ss  0006 " USED "ss  0007 " FREE, 0, 6,
     PLATFORM "/vhci_hcd.1/usb6/6-1"},
    {"adopt: nothing is attached", IDLE_1, ERR_NOT_FOUND, 0, NULL},
    {"adopt: two of the same",
     HEADING "hs  0004 " USED "hs  0005 " USED "ss  0006 " FREE "ss  0007 " FREE, ERR_NOT_FOUND, 0,
     NULL},
    {"adopt: another board",
     HEADING "hs  0004 006 002 00020001 000007 1-1\nhs  0005 " FREE "ss  0006 " FREE
             "ss  0007 " FREE,
     ERR_NOT_FOUND, 0, NULL},
    {"adopt: not yet enumerated",
     HEADING "hs  0004 005 002 00010003 000007 1-1\nhs  0005 " FREE "ss  0006 " FREE
             "ss  0007 " FREE,
     ERR_NOT_FOUND, 0, NULL},
    {"adopt: its row does not parse",
     HEADING "hs  0004 006 002 0001000x 000007 1-1\nhs  0005 " FREE "ss  0006 " FREE
             "ss  0007 " FREE,
     ERR_NOT_FOUND, 0, NULL},
};

static void a_device_is_taken_over(void **state)
{
    const struct adopt_row *row = *state;
    struct vhci_place place = {.port = 99};
    struct rig rig;

    make_rig(&rig);
    tree_write(&rig.tree, FIRST "/status.1", row->status_1);
    assert_int_equal(vhci_adopt(rig.vhci, DEVID, &place), row->err);
    if (row->err == 0) {
        assert_int_equal(place.port, row->port);
        assert_int_equal(place.devid, DEVID);
        assert_string_equal(place.devpath, row->devpath);
    } else {
        assert_int_equal(place.port, 99);
    }
    expect_file(&rig, FIRST "/attach", NOTHING);
    expect_file(&rig, FIRST "/detach", NOTHING);
    remove_rig(&rig);
}

static void a_device_is_taken_over_once_until_it_is_released(void **state)
{
    struct vhci_place first;
    struct vhci_place second;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, FIRST "/status.1");
    tree_write(&rig.tree, FIRST "/nports", "4\n");
    tree_write(&rig.tree, FIRST "/status",
               HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE);
    assert_int_equal(vhci_adopt(rig.vhci, DEVID, &first), 0);
    assert_int_equal(vhci_adopt(rig.vhci, DEVID, &second), ERR_NOT_FOUND);
    /* Its port counts as given out, also when the kernel has freed it. */
    tree_write(&rig.tree, FIRST "/status", IDLE_0);
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &second), 0);
    assert_int_equal(second.port, 1);
    vhci_release(rig.vhci, &first);
    tree_write(&rig.tree, FIRST "/status",
               HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE);
    assert_int_equal(vhci_adopt(rig.vhci, DEVID, &second), 0);
    assert_int_equal(second.port, 0);
    remove_rig(&rig);
}

/* Neighbours ---------------------------------------------------------------------------------- */

#define COMING "005 000 00000000 000000 0-0\n"

static void a_device_that_is_taken_away_keeps_others_from_its_controller(void **state)
{
    struct vhci_place first;
    struct vhci_place second;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &first), 0);
    tree_write(&rig.tree, FIRST "/status",
               HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " FREE "ss  0003 " FREE);
    tree_write(&rig.tree, FIRST "/status.1",
               HEADING "hs  0004 " USED "hs  0005 " FREE "ss  0006 " USED "ss  0007 " FREE);
    assert_int_equal(vhci_detach(rig.vhci, &first), 0);
    /* There are fewer devices on its controller, but what is under way there may take long. */
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &second), 0);
    assert_int_equal(second.port, 5);
    vhci_release(rig.vhci, &first);
    vhci_release(rig.vhci, &second);
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &second), 0);
    assert_int_equal(second.port, 1);
    remove_rig(&rig);
}

static void only_the_first_of_a_controller_is_blamed_for_silence(void **state)
{
    struct vhci_place first;
    struct vhci_place second;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, FIRST "/status.1");
    tree_write(&rig.tree, FIRST "/nports", "4\n");
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &first), 0);
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_SUPER, &second), 0);
    assert_false(vhci_is_unanswered(rig.vhci, &first)); /* it has left */
    tree_write(&rig.tree, FIRST "/status",
               HEADING "hs  0000 " COMING "hs  0001 " FREE "ss  0002 " COMING "ss  0003 " FREE);
    assert_true(vhci_is_unanswered(rig.vhci, &first));
    assert_false(vhci_is_unanswered(rig.vhci, &second));
    assert_int_equal(vhci_detach(rig.vhci, &first), 0);
    assert_false(vhci_is_unanswered(rig.vhci, &second));
    /* It is in use by now, and has answered; but it is still on its way out. */
    tree_write(&rig.tree, FIRST "/status",
               HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " COMING "ss  0003 " FREE);
    assert_false(vhci_is_unanswered(rig.vhci, &first));
    assert_false(vhci_is_unanswered(rig.vhci, &second));
    vhci_release(rig.vhci, &first);
    assert_true(vhci_is_unanswered(rig.vhci, &second));
    remove_rig(&rig);
}

static void there_is_room_while_a_port_that_suits_is_free(void **state)
{
    struct vhci_place place;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, FIRST "/status.1");
    tree_write(&rig.tree, FIRST "/nports", "4\n");
    tree_write(&rig.tree, FIRST "/status",
               HEADING "hs  0000 " USED "hs  0001 " FREE "ss  0002 " USED "ss  0003 " USED);
    assert_true(vhci_has_room(rig.vhci, BOARD_SPEED_FULL));
    assert_false(vhci_has_room(rig.vhci, BOARD_SPEED_SUPER));
    assert_true(vhci_has_room(rig.vhci, BOARD_SPEED_UNKNOWN)); /* nobody can say */
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &place), 0);
    assert_false(vhci_has_room(rig.vhci, BOARD_SPEED_FULL));
    vhci_release(rig.vhci, &place);
    assert_true(vhci_has_room(rig.vhci, BOARD_SPEED_FULL));
    remove_rig(&rig);
}

/* A run that begins while a device is coming, and what becomes of that. */
struct former_row {
    const char *name;
    const char *before; /* of port 0, when the run begins */
    const char *after;
    bool is_listed;
    bool awaits;
};

static const struct former_row former_rows[] = {
    {"former: nothing was coming", FREE, COMING, false, false},
    {"former: still coming", COMING, COMING, false, true},
    {"former: has answered, and is not there yet", COMING, USED, false, true},
    {"former: had answered, and was not there yet", USED, USED, false, true},
    {"former: is there", COMING, USED, true, false},
    {"former: has gone", COMING, FREE, false, false},
};

static void a_former_runs_device_is_awaited(void **state)
{
    const struct former_row *row = *state;
    struct rig rig;
    char status[512];

    make_rig(&rig);
    vhci_destroy(rig.vhci);
    snprintf(status, sizeof status, HEADING "hs  0000 %shs  0001 " FREE, row->before);
    tree_write(&rig.tree, FIRST "/status", status);
    assert_int_equal(vhci_create(rig.tree.root, &rig.vhci), 0);
    snprintf(status, sizeof status, HEADING "hs  0000 %shs  0001 " FREE, row->after);
    tree_write(&rig.tree, FIRST "/status", status);
    if (row->is_listed) {
        tree_write(&rig.tree, PLATFORM "/vhci_hcd.0/usb3/3-1/idVendor", "1a86\n");
    }
    assert_true(vhci_awaits_former(rig.vhci) == row->awaits);
    /* What was seen to be through is not awaited again. */
    tree_write(&rig.tree, FIRST "/status", IDLE_0);
    assert_false(vhci_awaits_former(rig.vhci));
    tree_write(&rig.tree, FIRST "/status", status);
    assert_false(vhci_awaits_former(rig.vhci));
    remove_rig(&rig);
}

static void a_former_runs_device_can_be_forgotten(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    vhci_destroy(rig.vhci);
    tree_write(&rig.tree, FIRST "/status", HEADING "hs  0000 " COMING "hs  0001 " FREE);
    assert_int_equal(vhci_create(rig.tree.root, &rig.vhci), 0);
    assert_true(vhci_awaits_former(rig.vhci));
    vhci_forget_former(rig.vhci);
    assert_false(vhci_awaits_former(rig.vhci));
    remove_rig(&rig);
}

/* Detaching ----------------------------------------------------------------------------------- */

struct port_row {
    const char *name;
    const char *row; /* of port 0; "": it has none */
    bool is_free;
};

static const struct port_row port_rows[] = {
    {"port: free", "hs  0000 " FREE, true},
    {"port: in use by this board", "hs  0000 " USED, false},
    {"port: in use by another board", "hs  0000 006 002 00020001 000007 1-1\n", true},
    {"port: not yet enumerated", "hs  0000 005 002 00000000 000007 0-0\n", false},
    {"port: in error", "hs  0000 007 000 00000000 000000 0-0\n", false},
    {"port: in a state of the future", "hs  0000 009 000 00000000 000000 0-0\n", false},
    {"port: its row does not parse", "hs  0000 ??? 000 00000000 000000 0-0\n", false},
    {"port: without a row", "", false},
};

/* The place that make_rig's files lead to. */
static const struct vhci_place place_0 = {0, DEVID, PLATFORM "/vhci_hcd.0/usb3/3-1"};

static void a_port_is_free_or_not(void **state)
{
    const struct port_row *row = *state;
    char status[512];
    struct rig rig;

    make_rig(&rig);
    snprintf(status, sizeof status, HEADING "%shs  0001 " FREE, row->row);
    tree_write(&rig.tree, FIRST "/status", status);
    assert_true(vhci_is_free(rig.vhci, &place_0) == row->is_free);
    assert_int_equal(vhci_detach(rig.vhci, &place_0), row->is_free ? ERR_NOT_FOUND : 0);
    expect_file(&rig, FIRST "/detach", row->is_free ? NOTHING : "0");
    remove_rig(&rig);
}

static void a_detach_that_can_not_be_written_is_told(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_write(&rig.tree, FIRST "/status", HEADING "hs  0000 " USED);
    tree_delete(&rig.tree, FIRST "/detach");
    assert_int_equal(vhci_detach(rig.vhci, &place_0), ERR_NOT_FOUND);
    tree_folder(&rig.tree, FIRST "/detach");
    assert_int_equal(vhci_detach(rig.vhci, &place_0), ERR_IS_FOLDER);
    remove_rig(&rig);
}

/* What hangs below it ------------------------------------------------------------------------- */

static void a_tty_is_told_of_again(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_write(&rig.tree, "/class/tty/ttyACM0/uevent", NOTHING);
    assert_int_equal(vhci_tell_again(rig.tree.root, "ttyACM0"), 0);
    expect_file(&rig, "/class/tty/ttyACM0/uevent", "change");
    assert_int_equal(vhci_tell_again(rig.tree.root, "ttyACM1"), ERR_NOT_FOUND);
    assert_false(tree_has(&rig.tree, "/class/tty/ttyACM1"));
    remove_rig(&rig);
}

/* The module ---------------------------------------------------------------------------------- */

static void the_module_is_there_when_the_kernel_says_live(void **state)
{
    struct rig rig;

    (void)state;
    make_rig(&rig);
    assert_true(vhci_is_loaded(rig.vhci));
    tree_write(&rig.tree, "/module/vhci_hcd/initstate", "coming\n");
    assert_false(vhci_is_loaded(rig.vhci));
    tree_delete(&rig.tree, "/module"); /* built into the kernel */
    assert_true(vhci_is_loaded(rig.vhci));
    tree_delete(&rig.tree, FIRST "/attach");
    assert_false(vhci_is_loaded(rig.vhci));
    remove_rig(&rig);
}

static void without_the_module_nothing_is_attached(void **state)
{
    struct vhci_place place;
    struct rig rig;

    (void)state;
    make_rig(&rig);
    tree_delete(&rig.tree, "/devices");
    tree_delete(&rig.tree, "/module");
    assert_false(vhci_is_loaded(rig.vhci));
    assert_int_equal(vhci_attach(rig.vhci, SOCKET, DEVID, BOARD_SPEED_FULL, &place), ERR_NOT_FOUND);
    assert_int_equal(vhci_adopt(rig.vhci, DEVID, &place), ERR_NOT_FOUND);
    assert_true(vhci_is_free(rig.vhci, &place_0));
    assert_int_equal(vhci_detach(rig.vhci, &place_0), ERR_NOT_FOUND);
    remove_rig(&rig);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, attach_rows, a_socket_is_attached);
    cases_add_one(&cases, "a port is given out once until it is released",
                  a_port_is_given_out_once_until_it_is_released);
    cases_add_one(&cases, "a failed attach holds no port", a_failed_attach_holds_no_port);
    cases_add_one(&cases, "without root hubs there is no place",
                  without_root_hubs_there_is_no_place);
    CASES_ADD(&cases, kernel_rows, a_kernel_of_any_size_is_understood);
    CASES_ADD(&cases, adopt_rows, a_device_is_taken_over);
    cases_add_one(&cases, "a device is taken over once until it is released",
                  a_device_is_taken_over_once_until_it_is_released);
    cases_add_one(&cases, "a device that is taken away keeps others from its controller",
                  a_device_that_is_taken_away_keeps_others_from_its_controller);
    cases_add_one(&cases, "only the first of a controller is blamed for silence",
                  only_the_first_of_a_controller_is_blamed_for_silence);
    cases_add_one(&cases, "there is room while a port that suits is free",
                  there_is_room_while_a_port_that_suits_is_free);
    CASES_ADD(&cases, former_rows, a_former_runs_device_is_awaited);
    cases_add_one(&cases, "former: can be forgotten", a_former_runs_device_can_be_forgotten);
    CASES_ADD(&cases, port_rows, a_port_is_free_or_not);
    cases_add_one(&cases, "a detach that can not be written is told",
                  a_detach_that_can_not_be_written_is_told);
    cases_add_one(&cases, "a tty is told of again", a_tty_is_told_of_again);
    cases_add_one(&cases, "the module is there when the kernel says live",
                  the_module_is_there_when_the_kernel_says_live);
    cases_add_one(&cases, "without the module nothing is attached",
                  without_the_module_nothing_is_attached);
    return cases_run("vhci", &cases);
}
