/* One board's way into the kernel and out again: the kernel is a tree of files and the uevents that
 * a test makes up, usbipd a server in the same loop. */
#include "guest-linux/attachment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/guest/import_server.h"
#include "tests/guest/tree.h"

#define CONTROLLER "/devices/platform/vhci_hcd.0"
#define DEVPATH CONTROLLER "/usb1/1-1"
#define INTERFACE DEVPATH "/1-1:1.0"
#define MODALIAS "usb:v1A86p7523d0264dcFFdsc00dp00icFFisc01ip02in00"
#define HEADING "hub port sta spd dev      sockfd local_busid\n"
#define OTHER_PORT "ss  0001 004 000 00000000 000000 0-0\n"
#define PORT_FREE HEADING "hs  0000 004 000 00000000 000000 0-0\n" OTHER_PORT
#define PORT_USED HEADING "hs  0000 006 002 00010003 000007 1-1\n" OTHER_PORT
#define PORT_COMING HEADING "hs  0000 005 000 00000000 000000 0-0\n" OTHER_PORT
#define LATE_US "999999999999999"

/* The one that the server's reply names. */
static const struct board board = {
    .id = "usb\\vid_1a86&pid_7523\\5&1a2b&0&3",
    .busid = IMPORT_BUSID,
    .vid = 0x1a86,
    .pid = 0x7523,
    .speed = BOARD_SPEED_FULL,
};

struct ground {
    struct rig *rig;
    struct tree tree;
    struct import_server server;
    struct config config;
    struct vhci *vhci;
    struct held_ports *held;
    struct modules *modules;
    struct machine machine;
    struct import_route route;
    struct host_imports *host; /* without a link */
    struct attachment *attachment;
    /* Places that the machine names. */
    char udev[TREE_PATH_SIZE];
    char absent[TREE_PATH_SIZE];
    char stream[TREE_PATH_SIZE];
    /* What was told. */
    size_t attached;
    size_t failed;
    enum attach_fault fault;
    size_t ready;
    struct tty_nodes nodes;
    struct event_took took;
    size_t gone;
    /* What the module loader was asked for, and what a loaded driver does. */
    size_t inserted;
    void (*on_insert)(struct ground *ground);
    uv_sem_t may_insert;
};

static void on_attached(void *context)
{
    struct ground *ground = context;

    ground->attached++;
}

static void on_failed(void *context, enum attach_fault fault, const char *detail)
{
    struct ground *ground = context;

    assert_string_not_equal(detail, "");
    ground->failed++;
    ground->fault = fault;
}

static void on_ready(void *context, const struct tty_nodes *nodes, const struct event_took *took)
{
    struct ground *ground = context;

    ground->ready++;
    ground->nodes = *nodes;
    ground->took = *took;
}

static void on_gone(void *context)
{
    struct ground *ground = context;

    ground->gone++;
}

static const struct attachment_callbacks callbacks = {
    .on_attached = on_attached,
    .on_failed = on_failed,
    .on_ready = on_ready,
    .on_gone = on_gone,
};

/* In a thread of its own, while the loop waits for it. */
static int insert(void *context, const char *path, bool compressed)
{
    struct ground *ground = context;

    (void)path;
    (void)compressed;
    if (ground->on_insert != NULL) {
        ground->on_insert(ground);
    }
    ground->inserted++;
    return 0;
}

static void make_controller(const struct ground *ground)
{
    tree_write(&ground->tree, CONTROLLER "/attach", "");
    tree_write(&ground->tree, CONTROLLER "/detach", "");
    tree_write(&ground->tree, CONTROLLER "/nports", "2\n");
    tree_write(&ground->tree, CONTROLLER "/status", PORT_FREE);
    tree_write(&ground->tree, CONTROLLER "/usb1/speed", "480\n");
    tree_write(&ground->tree, CONTROLLER "/usb2/speed", "5000\n");
}

static int send_to_no_host(void *context, const char *line, size_t len)
{
    (void)context;
    (void)line;
    (void)len;
    return ERR_CLOSED;
}

static size_t waits_for_no_host(void *context)
{
    (void)context;
    return 0;
}

static const struct host_imports_link no_host = {send_to_no_host, waits_for_no_host};

static void make_machine(struct ground *ground)
{
    struct modules_config modules = {
        .modprobe = ground->absent,
        .loader = {ground->tree.root, ground->tree.root, insert, ground},
    };

    tree_path(&ground->tree, "/udev", ground->udev);
    tree_path(&ground->tree, "/absent", ground->absent);
    tree_folder(&ground->tree, "/run");
    tree_path(&ground->tree, "/run/events.sock", ground->stream);
    config_init(&ground->config);
    strcpy(ground->config.usbipd_address, "127.0.0.1");
    ground->config.usbipd_port = ground->server.port;
    assert_int_equal(vhci_create(ground->tree.root, &ground->vhci), 0);
    assert_int_equal(held_ports_open(ground->tree.root, ground->stream, &ground->held), 0);
    assert_int_equal(modules_open(&ground->rig->loop, &modules, &ground->modules), 0);
    import_route_init(&ground->route, ground->config.usbipd_import);
    assert_int_equal(host_imports_open(&ground->rig->loop, &no_host, NULL, &ground->host), 0);
    ground->machine = (struct machine){
        .loop = &ground->rig->loop,
        .config = &ground->config,
        .sysfs_root = ground->tree.root,
        .vhci = ground->vhci,
        .held = ground->held,
        .nodes = {.dev_root = "/dev",
                  .udev_root = ground->udev,
                  .access = {NODE_ACCESS_NO_GROUP, 0, NODE_ACCESS_NO_GROUP}},
        .modules = ground->modules,
        .address = {ground->absent, ground->absent},
        .route = &ground->route,
        .host = ground->host,
    };
}

static int setup(void **state)
{
    struct ground *ground = calloc(1, sizeof *ground);
    void *rig = (void *)(uintptr_t)&rig_tcp;

    assert_non_null(ground);
    assert_int_equal(rig_setup(&rig), 0);
    ground->rig = rig;
    assert_int_equal(uv_sem_init(&ground->may_insert, 0), 0);
    tree_make(&ground->tree);
    import_server_open(ground->rig, &ground->server);
    make_machine(ground);
    make_controller(ground);
    assert_int_equal(attachment_open(&ground->machine, &callbacks, ground, &ground->attachment), 0);
    *state = ground;
    return 0;
}

static int teardown(void **state)
{
    struct ground *ground = *state;
    void *rig = ground->rig;
    int status;

    attachment_close(ground->attachment);
    host_imports_close(ground->host);
    modules_close(ground->modules);
    import_server_close(&ground->server);
    uv_run(&ground->rig->loop, UV_RUN_DEFAULT); /* till the thread has ended */
    uv_sem_destroy(&ground->may_insert);
    vhci_destroy(ground->vhci);
    held_ports_close(ground->held);
    status = rig_teardown(&rig);
    tree_remove(&ground->tree);
    free(ground);
    return status;
}

/* The kernel's part ---------------------------------------------------------------------------- */

static void say(struct ground *ground, const char *action, const char *devpath)
{
    const struct uevent event = {.action = action, .devpath = devpath, .subsystem = ""};

    attachment_uevent(ground->attachment, &event);
}

static void make_device(const struct ground *ground)
{
    tree_write(&ground->tree, CONTROLLER "/status", PORT_USED);
    tree_write(&ground->tree, DEVPATH "/busnum", "1\n");
    tree_write(&ground->tree, DEVPATH "/devnum", "2\n");
    tree_write(&ground->tree, DEVPATH "/dev", "189:1\n");
    tree_write(&ground->tree, DEVPATH "/idVendor", "1a86\n");
    tree_write(&ground->tree, DEVPATH "/idProduct", "7523\n");
    tree_folder(&ground->tree, "/bus/usb/drivers/usb");
    tree_link(&ground->tree, DEVPATH "/driver", "../../../../../bus/usb/drivers/usb");
    tree_write(&ground->tree, INTERFACE "/bInterfaceNumber", "00\n");
    tree_write(&ground->tree, INTERFACE "/modalias", MODALIAS "\n");
}

/* The machine's own /dev/null stands for the tty. */
static void make_tty(const struct ground *ground)
{
    tree_link(&ground->tree, INTERFACE "/driver", "../../../../../bus/usb/drivers/ch341");
    tree_write(&ground->tree, INTERFACE "/tty/null/dev", "1:3\n");
}

static void make_modules(const struct ground *ground)
{
    tree_write(&ground->tree, "/modules.alias", "alias usb:v1A86p7523* ch341\n");
    tree_write(&ground->tree, "/modules.dep", "ch341.ko:\nvhci-hcd.ko:\n");
}

static void take_device_away(const struct ground *ground)
{
    tree_delete(&ground->tree, DEVPATH);
    tree_write(&ground->tree, CONTROLLER "/status", PORT_FREE);
}

/* From the start to on_attached. */
static void attach(struct ground *ground)
{
    uint8_t reply[USBIP_PROTOCOL_REPLY_MAX];
    size_t before = ground->attached;

    import_server_make_reply(reply);
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    import_server_await(&ground->server);
    import_server_send(&ground->server, reply, sizeof reply);
    rig_run_until_count(ground->rig, &ground->attached, before + 1);
}

static void attach_until_ready(struct ground *ground)
{
    attach(ground);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 1);
}

static void expect_file(const struct ground *ground, const char *path, const char *start)
{
    char text[256];

    tree_read(&ground->tree, path, text, sizeof text);
    assert_memory_equal(text, start, strlen(start));
}

/* In ------------------------------------------------------------------------------------------- */

static void a_board_becomes_ready(void **state)
{
    struct ground *ground = *state;
    char written[256];
    unsigned port, fd, devid, speed;

    attach(ground);
    tree_read(&ground->tree, CONTROLLER "/attach", written, sizeof written);
    assert_int_equal(sscanf(written, "%u %u %u %u", &port, &fd, &devid, &speed), 4);
    assert_int_equal(port, 0);
    assert_int_equal(devid, IMPORT_DEVID);
    assert_int_equal(speed, BOARD_SPEED_FULL);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    say(ground, "add", INTERFACE);
    say(ground, "add", INTERFACE "/tty/null");
    assert_int_equal(ground->ready, 0);
    say(ground, "bind", INTERFACE);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 1);
    assert_int_equal(ground->nodes.ttys.count, 1);
    assert_string_equal(ground->nodes.ttys.items[0].path, "/dev/null");
    assert_string_equal(ground->nodes.usb_node, "/dev/bus/usb/001/002");
    assert_true(ground->took.total_ms >= ground->took.import_ms);
    say(ground, "change", INTERFACE "/tty/null");
    assert_int_equal(ground->ready, 1);
    assert_int_equal(ground->failed + ground->gone, 0);
}

static void other_devices_are_not_ours(void **state)
{
    struct ground *ground = *state;

    attach(ground);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", CONTROLLER "/usb1/1-10");
    say(ground, "bind", CONTROLLER "/usb1");
    say(ground, "bind", CONTROLLER "/usb2/2-1");
    assert_int_equal(ground->ready, 0);
    say(ground, "bind", DEVPATH);
    say(ground, "remove", CONTROLLER "/usb1/1-10");
    say(ground, "remove", INTERFACE "/tty/null");
    assert_int_equal(ground->gone, 0);
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
}

static void plug_in_driver(struct ground *ground)
{
    make_tty(ground);
}

static void a_driver_is_loaded_where_nobody_else_has(void **state)
{
    struct ground *ground = *state;

    make_modules(ground);
    ground->on_insert = plug_in_driver;
    attach(ground);
    make_device(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 0);
    rig_run_until_count(ground->rig, &ground->ready, 1);
    assert_int_equal(ground->inserted, 1);
    assert_int_equal(ground->nodes.ttys.count, 1);
}

static void a_driver_is_asked_for_once(void **state)
{
    struct ground *ground = *state;

    make_modules(ground);
    attach(ground);
    make_device(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH);
    while (ground->inserted == 0) {
        uv_run(&ground->rig->loop, UV_RUN_ONCE);
    }
    /* The module has no driver for it after all, and the board has no node either. */
    rig_turn(ground->rig);
    say(ground, "change", DEVPATH);
    rig_turn(ground->rig);
    rig_turn(ground->rig);
    assert_int_equal(ground->inserted, 1);
    assert_int_equal(ground->ready, 0);
}

static void udevds_record_is_awaited(void **state)
{
    struct ground *ground = *state;
    char from[TREE_PATH_SIZE];
    char to[TREE_PATH_SIZE];

    tree_write(&ground->tree, "/udev/control", "");
    /* Of the board that had the tty's number before. */
    tree_write(&ground->tree, "/udev/data/c1:3", "S:serial/by-id/usb-former\nI:1\n");
    attach(ground);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 0);
    tree_write(&ground->tree, "/udev/data/.#c1:3", "S:serial/by-id/usb-x\nI:" LATE_US "\n");
    tree_path(&ground->tree, "/udev/data/.#c1:3", from);
    tree_path(&ground->tree, "/udev/data/c1:3", to);
    assert_int_equal(rename(from, to), 0);
    rig_run_until_count(ground->rig, &ground->ready, 1);
    assert_string_equal(ground->nodes.ttys.items[0].by_id, "/dev/serial/by-id/usb-x");
}

/* It never writes its record: the board does not wait for it without end. */
static void a_udevd_that_is_stuck_is_not_waited_for(void **state)
{
    struct ground *ground = *state;

    ground->machine.nodes.limit_ms = 20;
    tree_write(&ground->tree, "/udev/control", "");
    tree_folder(&ground->tree, "/udev/data");
    attach(ground);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 0);
    rig_run_until_count(ground->rig, &ground->ready, 1);
    assert_string_equal(ground->nodes.ttys.items[0].path, "/dev/null");
    assert_string_equal(ground->nodes.ttys.items[0].by_id, "");
}

/* What can go wrong -----------------------------------------------------------------------------
 */

static void a_board_without_a_place_is_not_tried(void **state)
{
    struct ground *ground = *state;

    struct board nowhere = board;

    strcpy(nowhere.busid, "");
    assert_int_equal(attachment_start(ground->attachment, &nowhere), FAULT_NO_BUSID);
    strcpy(nowhere.busid, "../../x");
    assert_int_equal(attachment_start(ground->attachment, &nowhere), FAULT_NO_BUSID);
    strcpy(ground->config.usbipd_address, "windows");
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NO_ADDRESS);
    rig_turn(ground->rig);
    assert_int_equal(ground->server.connections + ground->failed, 0);
}

static void no_address_is_told(void **state)
{
    struct ground *ground = *state;

    ground->config.usbipd_address[0] = '\0';
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    rig_run_until_count(ground->rig, &ground->failed, 1);
    assert_int_equal(ground->fault, FAULT_NO_ADDRESS);
}

static void a_refusal_is_told(void **state)
{
    struct ground *ground = *state;
    uint8_t refusal[USBIP_PROTOCOL_HEADER_SIZE];

    import_server_make_refusal(2, refusal);
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    import_server_await(&ground->server);
    import_server_send(&ground->server, refusal, sizeof refusal);
    rig_run_until_count(ground->rig, &ground->failed, 1);
    assert_int_equal(ground->fault, FAULT_IN_USE);
    import_server_hang_up(&ground->server);
    /* The next try has nothing of the former one. */
    attach_until_ready(ground);
}

/* From the start to on_failed, with an import that succeeds. `status` (may be NULL) is vhci's from
 * the server's answer on, `path` (may be NULL) another one than the board's. */
static enum attach_fault fail_to_attach(struct ground *ground, const char *status, const char *path)
{
    uint8_t reply[USBIP_PROTOCOL_REPLY_MAX];

    import_server_make_reply(reply);
    if (path != NULL) {
        strcpy((char *)reply + USBIP_PROTOCOL_HEADER_SIZE, path);
    }
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    import_server_await(&ground->server);
    if (status != NULL) {
        tree_write(&ground->tree, CONTROLLER "/status", status);
    }
    import_server_send(&ground->server, reply, sizeof reply);
    rig_run_until_count(ground->rig, &ground->failed, 1);
    assert_int_equal(ground->attached, 0);
    /* The socket that nobody wanted is closed. */
    rig_run_until(ground->rig, &ground->server.peer_gone);
    return ground->fault;
}

static void without_a_free_port_nothing_is_imported(void **state)
{
    struct ground *ground = *state;

    tree_write(&ground->tree, CONTROLLER "/status", PORT_USED);
    assert_false(attachment_has_room(ground->attachment, &board));
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NO_PORT);
    rig_turn(ground->rig);
    assert_int_equal(ground->server.connections + ground->failed, 0);
    tree_write(&ground->tree, CONTROLLER "/status", PORT_FREE);
    assert_true(attachment_has_room(ground->attachment, &board));
    attach_until_ready(ground);
}

static void a_port_that_is_taken_meanwhile_is_told(void **state)
{
    struct ground *ground = *state;

    assert_int_equal(fail_to_attach(ground, PORT_USED, NULL), FAULT_NO_PORT);
    expect_file(ground, CONTROLLER "/attach", "");
}

static void another_board_at_the_place_is_not_taken(void **state)
{
    struct ground *ground = *state;
    const char *other = "USB\\VID_1A86&PID_7523\\6&77&0&3";

    assert_int_equal(fail_to_attach(ground, NULL, other), FAULT_OTHER_BOARD);
    expect_file(ground, CONTROLLER "/attach", "");
    attach_until_ready(ground);
}

static void a_server_with_paths_of_its_own_is_believed(void **state)
{
    struct ground *ground = *state;
    uint8_t reply[USBIP_PROTOCOL_REPLY_MAX];

    import_server_make_reply(reply);
    strcpy((char *)reply + USBIP_PROTOCOL_HEADER_SIZE, "/sys/devices/pci0000:00/usb1/1-3");
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    import_server_await(&ground->server);
    import_server_send(&ground->server, reply, sizeof reply);
    rig_run_until_count(ground->rig, &ground->attached, 1);
}

static void a_kernel_that_does_not_take_the_socket_is_told(void **state)
{
    struct ground *ground = *state;

    tree_delete(&ground->tree, CONTROLLER "/attach");
    tree_folder(&ground->tree, CONTROLLER "/attach");
    assert_int_equal(fail_to_attach(ground, NULL, NULL), FAULT_ATTACH);
}

static void plug_in_controller(struct ground *ground)
{
    make_controller(ground);
}

static void the_controllers_module_is_loaded(void **state)
{
    struct ground *ground = *state;

    tree_delete(&ground->tree, CONTROLLER);
    make_modules(ground);
    ground->on_insert = plug_in_controller;
    attach_until_ready(ground);
    assert_int_equal(ground->inserted, 1);
}

static void without_the_controllers_module_it_is_told(void **state)
{
    struct ground *ground = *state;

    tree_delete(&ground->tree, CONTROLLER);
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    rig_run_until_count(ground->rig, &ground->failed, 1);
    assert_int_equal(ground->fault, FAULT_NO_VHCI);
    make_modules(ground);
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    rig_run_until_count(ground->rig, &ground->failed, 2);
    assert_int_equal(ground->fault, FAULT_NO_VHCI);
    assert_int_equal(ground->inserted, 1);
}

/* Cancelling ------------------------------------------------------------------------------------
 */

static void a_cancelled_import_is_not_told(void **state)
{
    struct ground *ground = *state;

    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    import_server_await(&ground->server);
    attachment_cancel(ground->attachment);
    rig_run_until(ground->rig, &ground->server.peer_gone);
    rig_turn(ground->rig);
    assert_int_equal(ground->attached + ground->failed, 0);
    attach_until_ready(ground);
}

static void await_permission(struct ground *ground)
{
    uv_sem_wait(&ground->may_insert);
}

static void every_step_can_be_cancelled(void **state)
{
    struct ground *ground = *state;

    ground->config.usbipd_address[0] = '\0';
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    attachment_cancel(ground->attachment); /* while the address is looked for */
    tree_delete(&ground->tree, CONTROLLER);
    make_modules(ground);
    ground->on_insert = await_permission;
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    attachment_cancel(ground->attachment); /* while the module waits for its turn */
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    rig_turn(ground->rig);
    attachment_cancel(ground->attachment); /* while the module is loaded */
    uv_sem_post(&ground->may_insert);
    while (ground->inserted == 0) {
        uv_run(&ground->rig->loop, UV_RUN_ONCE);
    }
    rig_turn(ground->rig);
    assert_int_equal(ground->failed, 0);
}

static void closing_while_all_is_under_way_tells_nothing(void **state)
{
    struct ground *ground = *state;

    make_modules(ground);
    attach(ground);
    make_device(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH); /* a driver is being loaded */
    /* The teardown closes it. The kernel keeps the device. */
    assert_int_equal(ground->ready + ground->gone, 0);
    expect_file(ground, CONTROLLER "/detach", "");
}

/* Out -------------------------------------------------------------------------------------------
 */

static void a_port_is_free_when_the_device_is_gone_too(void **state)
{
    struct ground *ground = *state;

    attach_until_ready(ground);
    attachment_detach(ground->attachment);
    expect_file(ground, CONTROLLER "/detach", "0");
    assert_false(attachment_port_is_free(ground->attachment));
    /* vhci frees the port first, the hub's thread takes the device away later. */
    take_device_away(ground);
    assert_false(attachment_port_is_free(ground->attachment));
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
    assert_true(attachment_port_is_free(ground->attachment));
    attachment_release_port(ground->attachment);
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
}

/* The hub's thread may be busy with another device for long. */
static void a_peer_that_hangs_up_is_heard_before_the_kernel(void **state)
{
    struct ground *ground = *state;
    uint64_t limit_ns = uv_hrtime() + 10000000000u;

    attach_until_ready(ground);
    assert_int_equal(attachment_leaving_ms(ground->attachment), 0);
    import_server_hang_up(&ground->server);
    while (attachment_leaving_ms(ground->attachment) == 0 && uv_hrtime() < limit_ns) {
        rig_turn(ground->rig);
    }
    assert_true(attachment_leaving_ms(ground->attachment) > 0);
    say(ground, "add", INTERFACE);
    assert_true(attachment_leaving_ms(ground->attachment) > 0);
    assert_int_equal(ground->gone, 0);
}

/* Its end at usbipd is then our doing, however late the kernel takes the device away. */
static void our_own_detach_is_where_a_device_begins_to_leave(void **state)
{
    struct ground *ground = *state;
    uint64_t limit_ns = uv_hrtime() + 10000000000u;

    attach_until_ready(ground);
    assert_int_equal(attachment_leaving_ms(ground->attachment), 0);
    attachment_detach(ground->attachment);
    say(ground, "add", INTERFACE);
    while (attachment_leaving_ms(ground->attachment) == 0 && uv_hrtime() < limit_ns) {
    }
    assert_true(attachment_leaving_ms(ground->attachment) > 0);
}

/* In the test nobody takes the socket over: with our end closed it is gone. */
static void a_released_port_leaves_no_socket(void **state)
{
    struct ground *ground = *state;

    attach_until_ready(ground);
    assert_false(ground->server.peer_gone);
    attachment_release_port(ground->attachment);
    rig_run_until(ground->rig, &ground->server.peer_gone);
}

static void a_port_is_not_free_while_vhci_says_so(void **state)
{
    struct ground *ground = *state;

    attach_until_ready(ground);
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
    assert_false(attachment_port_is_free(ground->attachment));
    take_device_away(ground);
    assert_true(attachment_port_is_free(ground->attachment));
}

static void a_former_devices_removal_is_not_ours(void **state)
{
    struct ground *ground = *state;

    attach(ground);
    say(ground, "unbind", DEVPATH);
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 0);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 1);
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
}

static void a_device_that_does_not_answer_is_seen(void **state)
{
    struct ground *ground = *state;

    assert_false(attachment_is_unanswered(ground->attachment));
    attach(ground);
    tree_write(&ground->tree, CONTROLLER "/status", PORT_COMING);
    assert_true(attachment_is_unanswered(ground->attachment));
    assert_false(attachment_port_is_free(ground->attachment));
    make_device(ground);
    assert_false(attachment_is_unanswered(ground->attachment));
    /* The server closes before the kernel has said anything of a device. */
    take_device_away(ground);
    assert_false(attachment_is_unanswered(ground->attachment));
    assert_true(attachment_port_is_free(ground->attachment));
}

static void after_the_detach_nothing_gets_ready(void **state)
{
    struct ground *ground = *state;

    attach(ground);
    make_device(ground);
    make_tty(ground);
    say(ground, "add", DEVPATH);
    attachment_detach(ground->attachment);
    say(ground, "bind", DEVPATH);
    attachment_look_anew(ground->attachment);
    assert_int_equal(ground->ready, 0);
}

/* Uevents were lost ------------------------------------------------------------------------------
 */

static void a_look_finds_what_has_come(void **state)
{
    struct ground *ground = *state;

    attachment_look_anew(ground->attachment); /* there is nothing to look at */
    attach(ground);
    attachment_look_anew(ground->attachment); /* it may still come */
    assert_int_equal(ground->gone + ground->ready, 0);
    make_device(ground);
    make_tty(ground);
    attachment_look_anew(ground->attachment);
    attachment_look_anew(ground->attachment);
    rig_run_until_count(ground->rig, &ground->ready, 1);
    attachment_look_anew(ground->attachment);
    rig_turn(ground->rig);
    assert_int_equal(ground->ready, 1);
    assert_int_equal(ground->gone, 0);
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
}

static void a_look_finds_what_is_gone(void **state)
{
    struct ground *ground = *state;

    attach_until_ready(ground);
    take_device_away(ground);
    attachment_look_anew(ground->attachment);
    assert_int_equal(ground->gone, 1);
    assert_true(attachment_port_is_free(ground->attachment));
    attachment_look_anew(ground->attachment);
    assert_int_equal(ground->gone, 1);
}

static void a_look_at_what_is_not_yet_bound_waits(void **state)
{
    struct ground *ground = *state;

    attach(ground);
    make_device(ground);
    make_tty(ground);
    tree_delete(&ground->tree, DEVPATH "/driver");
    attachment_look_anew(ground->attachment);
    assert_int_equal(ground->ready + ground->gone, 0);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 1);
}

/* The kernel answers a read of this file when it is through with the device. */
static void make_configuration_wait(const struct ground *ground, char path[TREE_PATH_SIZE])
{
    tree_path(&ground->tree, DEVPATH "/bConfigurationValue", path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void let_configuration_go(const char *path)
{
    int fd = open(path, O_WRONLY); /* waits for the reader */

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "1\n", 2), 2);
    assert_int_equal(close(fd), 0);
}

static void a_look_waits_until_the_drivers_are_through(void **state)
{
    struct ground *ground = *state;
    char path[TREE_PATH_SIZE];

    attach(ground);
    make_device(ground);
    make_configuration_wait(ground, path);
    attachment_look_anew(ground->attachment);
    rig_turn(ground->rig);
    assert_int_equal(ground->ready, 0);
    make_tty(ground);
    let_configuration_go(path);
    rig_run_until_count(ground->rig, &ground->ready, 1);
    assert_int_equal(ground->nodes.ttys.count, 1);
}

static void a_look_that_still_waits_is_forgotten(void **state)
{
    struct ground *ground = *state;
    char path[TREE_PATH_SIZE];

    attach(ground);
    make_device(ground);
    make_configuration_wait(ground, path);
    attachment_look_anew(ground->attachment);
    attachment_detach(ground->attachment);
    make_tty(ground);
    let_configuration_go(path);
    rig_turn(ground->rig);
    assert_int_equal(ground->ready + ground->gone, 0);
}

/* Taking over ------------------------------------------------------------------------------------
 */

static void a_board_that_the_kernel_has_is_taken_over(void **state)
{
    struct ground *ground = *state;

    make_device(ground);
    make_tty(ground);
    /* udevd has known it for long. */
    tree_write(&ground->tree, "/udev/control", "");
    tree_write(&ground->tree, "/udev/data/c1:3", "S:serial/by-id/usb-x\nI:1\n");
    assert_true(attachment_adopt(ground->attachment, &board));
    attachment_look_anew(ground->attachment);
    rig_run_until_count(ground->rig, &ground->ready, 1);
    assert_string_equal(ground->nodes.ttys.items[0].by_id, "/dev/serial/by-id/usb-x");
    attachment_detach(ground->attachment);
    expect_file(ground, CONTROLLER "/detach", "0");
    say(ground, "remove", DEVPATH);
    assert_int_equal(ground->gone, 1);
    assert_int_equal(ground->server.connections, 0);
}

static void other_devices_are_not_taken_over(void **state)
{
    struct ground *ground = *state;
    struct board other = board;

    assert_false(attachment_adopt(ground->attachment, &board)); /* the port is free */
    make_device(ground);
    strcpy(other.busid, "1-4");
    assert_false(attachment_adopt(ground->attachment, &other));
    strcpy(other.busid, "");
    assert_false(attachment_adopt(ground->attachment, &other));
    other = board;
    other.pid = 0x5523;
    assert_false(attachment_adopt(ground->attachment, &other));
    other = board;
    other.vid = 0x0403;
    assert_false(attachment_adopt(ground->attachment, &other));
    /* A look at it has not kept the port. */
    take_device_away(ground);
    attach_until_ready(ground);
}

/* The agent begins anew while vhci's status is that. */
static void begin_anew(struct ground *ground, const char *status)
{
    tree_write(&ground->tree, CONTROLLER "/status", status);
    held_ports_close(ground->held);
    assert_int_equal(held_ports_open(ground->tree.root, ground->stream, &ground->held), 0);
    ground->machine.held = ground->held;
    vhci_destroy(ground->vhci);
    assert_int_equal(vhci_create(ground->tree.root, &ground->vhci), 0);
    ground->machine.vhci = ground->vhci;
}

static void a_board_that_is_just_coming_is_taken_over(void **state)
{
    struct ground *ground = *state;

    begin_anew(ground, PORT_COMING);
    assert_false(attachment_adopt(ground->attachment, &board));
    assert_true(attachment_may_adopt(ground->attachment, &board));
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    say(ground, "add", "/devices/virtual/mem/null");
    /* The port is in use a while before the device is in the tree. */
    tree_write(&ground->tree, CONTROLLER "/status", PORT_USED);
    say(ground, "add", "/devices/virtual/mem/null");
    assert_int_equal(ground->attached, 0);
    make_device(ground);
    make_tty(ground);
    tree_delete(&ground->tree, DEVPATH "/driver");
    say(ground, "add", DEVPATH);
    assert_int_equal(ground->attached, 1);
    assert_int_equal(ground->ready, 0);
    say(ground, "bind", DEVPATH);
    assert_int_equal(ground->ready, 1);
    assert_int_equal(ground->server.connections + ground->failed, 0);
}

static void what_was_coming_and_is_not_ours_delays_and_no_more(void **state)
{
    struct ground *ground = *state;

    begin_anew(ground, PORT_COMING);
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    assert_int_equal(rig_timer_due_ms(ground->rig), 6000);
    tree_write(&ground->tree, CONTROLLER "/status", PORT_FREE);
    attachment_look_anew(ground->attachment);
    import_server_await(&ground->server);
    attachment_cancel(ground->attachment);
    rig_run_until(ground->rig, &ground->server.peer_gone);
    assert_false(attachment_may_adopt(ground->attachment, &board));
}

static void what_is_coming_can_be_cancelled(void **state)
{
    struct ground *ground = *state;

    begin_anew(ground, PORT_COMING);
    assert_int_equal(attachment_start(ground->attachment, &board), FAULT_NONE);
    attachment_cancel(ground->attachment);
    make_device(ground);
    say(ground, "bind", DEVPATH);
    rig_turn(ground->rig);
    assert_int_equal(ground->attached + ground->failed + ground->server.connections, 0);
}

static void a_board_that_moved_is_imported_anew(void **state)
{
    struct ground *ground = *state;
    struct board moved = board;

    make_device(ground);
    strcpy(moved.busid, "2-3");
    assert_false(attachment_adopt(ground->attachment, &moved));
    assert_false(attachment_may_adopt(ground->attachment, &moved));
    /* What is at its former place is left alone. */
    expect_file(ground, CONTROLLER "/detach", "");
}

/* What an agent of ours has attached is its own, also after it was closed, until the port is
 * released. */
static void only_what_was_attached_by_us_is_ours(void **state)
{
    struct ground *ground = *state;

    make_device(ground);
    assert_false(attachment_adopt_own(ground->attachment, &board));
    take_device_away(ground);
    attach_until_ready(ground);
    attachment_close(ground->attachment);
    begin_anew(ground, PORT_USED);
    assert_int_equal(attachment_open(&ground->machine, &callbacks, ground, &ground->attachment), 0);
    assert_true(attachment_adopt_own(ground->attachment, &board));
    attachment_detach(ground->attachment);
    expect_file(ground, CONTROLLER "/detach", "0");
    attachment_release_port(ground->attachment);
    assert_false(attachment_adopt_own(ground->attachment, &board));
}

#define TEST(test)                                                                                 \
    {                                                                                              \
#test, test, setup, teardown, NULL                                                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_board_becomes_ready),
        TEST(a_peer_that_hangs_up_is_heard_before_the_kernel),
        TEST(our_own_detach_is_where_a_device_begins_to_leave),
        TEST(our_own_detach_is_where_a_device_begins_to_leave),
        TEST(a_released_port_leaves_no_socket),
        TEST(other_devices_are_not_ours),
        TEST(a_driver_is_loaded_where_nobody_else_has),
        TEST(a_driver_is_asked_for_once),
        TEST(udevds_record_is_awaited),
        TEST(a_udevd_that_is_stuck_is_not_waited_for),
        TEST(a_board_without_a_place_is_not_tried),
        TEST(no_address_is_told),
        TEST(a_refusal_is_told),
        TEST(without_a_free_port_nothing_is_imported),
        TEST(a_port_that_is_taken_meanwhile_is_told),
        TEST(another_board_at_the_place_is_not_taken),
        TEST(a_server_with_paths_of_its_own_is_believed),
        TEST(a_kernel_that_does_not_take_the_socket_is_told),
        TEST(the_controllers_module_is_loaded),
        TEST(without_the_controllers_module_it_is_told),
        TEST(a_cancelled_import_is_not_told),
        TEST(every_step_can_be_cancelled),
        TEST(closing_while_all_is_under_way_tells_nothing),
        TEST(a_port_is_free_when_the_device_is_gone_too),
        TEST(a_port_is_not_free_while_vhci_says_so),
        TEST(a_former_devices_removal_is_not_ours),
        TEST(a_device_that_does_not_answer_is_seen),
        TEST(after_the_detach_nothing_gets_ready),
        TEST(a_look_finds_what_has_come),
        TEST(a_look_finds_what_is_gone),
        TEST(a_look_at_what_is_not_yet_bound_waits),
        TEST(a_look_waits_until_the_drivers_are_through),
        TEST(a_look_that_still_waits_is_forgotten),
        TEST(a_board_that_the_kernel_has_is_taken_over),
        TEST(other_devices_are_not_taken_over),
        TEST(a_board_that_is_just_coming_is_taken_over),
        TEST(what_was_coming_and_is_not_ours_delays_and_no_more),
        TEST(what_is_coming_can_be_cancelled),
        TEST(a_board_that_moved_is_imported_anew),
        TEST(only_what_was_attached_by_us_is_ours),
    };

    return cmocka_run_group_tests_name("attachment", tests, NULL, NULL);
}
