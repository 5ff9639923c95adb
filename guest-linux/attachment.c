#include "guest-linux/attachment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "guest-linux/board_import.h"
#include "guest-linux/held_ports.h"
#include "guest-linux/node_wait.h"
#include "guest-linux/peer_watch.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define NS_PER_MS 1000000u
#define NS_PER_US 1000u

/* How long the device on a port that a former run may have taken can be in coming. */
#define FORMER_MS 6000

/* What instance ids of USB devices begin with. */
#define INSTANCE_ID_START "usb\\vid_"

struct attachment {
    const struct machine *machine;
    const struct attachment_callbacks *callbacks;
    void *context;
    struct board board; /* as it was when last started */
    /* What is under way; at most one of the first three. */
    uv_timer_t former; /* active while a former run's device may be ours */
    struct modules_request *vhci_load;
    struct board_import *import;
    /* What the kernel has. */
    bool has_place;
    struct vhci_place place;
    bool is_there;           /* the USB device is in the device tree */
    struct peer_watch *peer; /* of the connection that vhci has, or NULL: an adopted one's */
    bool has_hung_up;        /* the peer, or we ourselves */
    bool is_leaving;         /* that, or the kernel has begun to take the device away */
    struct node_wait *wait;  /* on from on_attached to on_ready */
    /* Times of uv_hrtime. */
    uint64_t started_ns;
    uint64_t attached_ns;
    uint64_t leaving_ns;
    uint64_t last_node_ns;
};

static enum attach_fault import(struct attachment *attachment);
static void leave_port(struct attachment *attachment);

/* A failure after attachment_start has returned. */
static void fail(struct attachment *attachment, enum attach_fault fault, const char *detail)
{
    attachment->callbacks->on_failed(attachment->context, fault, detail);
}

/* What a step that could not even be begun comes to. */
static void fail_unless_begun(struct attachment *attachment, enum attach_fault fault)
{
    if (fault != FAULT_NONE) {
        fail(attachment, fault, "it could not be begun");
    }
}

static void on_vhci_loaded(void *context, int err, const char *detail)
{
    struct attachment *attachment = context;

    attachment->vhci_load = NULL;
    if (!vhci_is_loaded(attachment->machine->vhci)) {
        fail(attachment, FAULT_NO_VHCI, err != 0 ? detail : "it was loaded, but is not there");
        return;
    }
    fail_unless_begun(attachment, import(attachment));
}

/* An import takes the board away from Windows: none is begun in vain. */
static enum attach_fault begin(struct attachment *attachment)
{
    const struct machine *machine = attachment->machine;
    int err;

    if (vhci_is_loaded(machine->vhci)) {
        return attachment_has_room(attachment, &attachment->board) ? import(attachment)
                                                                   : FAULT_NO_PORT;
    }
    err = modules_load(machine->modules, VHCI_MODULE, on_vhci_loaded, attachment,
                       &attachment->vhci_load);
    return err == 0 ? FAULT_NONE : FAULT_INTERNAL;
}

/* Whatever it was, it was another board's, or nobody's. */
static void give_up_former(struct attachment *attachment)
{
    uv_timer_stop(&attachment->former);
    fail_unless_begun(attachment, begin(attachment));
}

static void on_former_limit(uv_timer_t *timer)
{
    struct attachment *attachment = timer->data;

    vhci_forget_former(attachment->machine->vhci);
    give_up_former(attachment);
}

static void look_for_former(struct attachment *attachment)
{
    if (attachment_adopt(attachment, &attachment->board)) {
        uv_timer_stop(&attachment->former);
        attachment->callbacks->on_attached(attachment->context);
        attachment_look_anew(attachment);
    } else if (!vhci_awaits_former(attachment->machine->vhci)) {
        give_up_former(attachment);
    }
}

enum attach_fault attachment_start(struct attachment *attachment, const struct board *board)
{
    if (!board_busid_is_valid(board->busid)) {
        return FAULT_NO_BUSID;
    }
    attachment->board = *board;
    attachment->started_ns = uv_hrtime();
    if (vhci_awaits_former(attachment->machine->vhci)) {
        uv_timer_start(&attachment->former, on_former_limit, FORMER_MS, 0);
        return FAULT_NONE;
    }
    return begin(attachment);
}

static enum attach_fault fault_from_attach(int err)
{
    switch (err) {
    case ERR_NOT_FOUND:
        return FAULT_NO_VHCI;
    case ERR_FULL:
        return FAULT_NO_PORT;
    default:
        return FAULT_ATTACH;
    }
}

/* From here on the kernel has the device. Where it has just come, udevd's older records are not
 * about it. */
static void begin_to_await_nodes(struct attachment *attachment, bool has_just_come)
{
    attachment->has_place = true;
    attachment->is_there = false;
    attachment->has_hung_up = false;
    attachment->is_leaving = false;
    attachment->attached_ns = uv_hrtime();
    attachment->last_node_ns = attachment->attached_ns;
    node_wait_start(attachment->wait, attachment->place.devpath,
                    has_just_come ? attachment->attached_ns / NS_PER_US : 0);
}

/* usbipd-win makes the devid of the hub's and the port's number, those of the busid. */
static uint32_t devid_from_busid(const char *busid)
{
    char *end;
    unsigned long hub = strtoul(busid, &end, 10);
    unsigned long port = strtoul(end + 1, NULL, 10);

    return (uint32_t)(hub << 16 | port);
}

/* Another server may have given the same devid to another device. */
static bool is_board(const struct attachment *attachment, const struct board *board)
{
    const char *root = attachment->machine->sysfs_root;
    const char *devpath = attachment->place.devpath;
    unsigned long vid, pid;

    return sysfs_read_number(root, devpath, "idVendor", 16, &vid) == 0 && vid == board->vid &&
           sysfs_read_number(root, devpath, "idProduct", 16, &pid) == 0 && pid == board->pid;
}

bool attachment_adopt(struct attachment *attachment, const struct board *board)
{
    struct vhci *vhci = attachment->machine->vhci;

    if (!board_busid_is_valid(board->busid) ||
        vhci_adopt(vhci, devid_from_busid(board->busid), &attachment->place) != 0) {
        return false;
    }
    if (!is_board(attachment, board)) {
        vhci_release(vhci, &attachment->place);
        return false;
    }
    attachment->started_ns = uv_hrtime();
    begin_to_await_nodes(attachment, false);
    return true;
}

bool attachment_adopt_own(struct attachment *attachment, const struct board *board)
{
    if (!attachment_adopt(attachment, board)) {
        return false;
    }
    if (!held_ports_has(attachment->machine->held, &attachment->place)) {
        leave_port(attachment);
        return false;
    }
    return true;
}

bool attachment_may_adopt(struct attachment *attachment, const struct board *board)
{
    if (attachment_adopt(attachment, board)) {
        leave_port(attachment);
        return true;
    }
    return vhci_awaits_former(attachment->machine->vhci);
}

/* usbipd-win names the device by its instance id, as the host does. With boards that were swapped
 * the host's news may still be on its way. Other servers have paths of their own. */
static bool is_other_board(const struct board *board, const struct usbip_device *device)
{
    size_t len = strlen(INSTANCE_ID_START);

    return strncasecmp(device->path, INSTANCE_ID_START, len) == 0 &&
           strncasecmp(board->id, INSTANCE_ID_START, len) == 0 &&
           !text_equal_nocase(device->path, board->id);
}

/* One side has ended the connection: the device has to go, whenever the kernel sees to it. */
static void note_hang_up(struct attachment *attachment)
{
    attachment->has_hung_up = true;
    if (!attachment->is_leaving) {
        attachment->is_leaving = true;
        attachment->leaving_ns = uv_hrtime();
    }
}

static void on_hung_up(void *context)
{
    note_hang_up(context);
}

/* Without it the kernel's own news will do. */
static void watch_peer(struct attachment *attachment, int fd)
{
    int err =
        peer_watch_open(attachment->machine->loop, fd, on_hung_up, attachment, &attachment->peer);

    if (err != 0) {
        attachment->peer = NULL;
        log_warning("the peer of an import can't be watched: %s", error_text(err));
    }
}

static void on_imported(void *context, const struct usbip_import_result *result)
{
    struct attachment *attachment = context;
    const struct usbip_device *device = &result->device;
    int err;

    attachment->import = NULL;
    if (result->fault != FAULT_NONE) {
        fail(attachment, result->fault, result->detail);
        return;
    }
    if (is_other_board(&attachment->board, device)) {
        close(result->fd);
        fail(attachment, FAULT_OTHER_BOARD, device->path);
        return;
    }
    err = vhci_attach(attachment->machine->vhci, result->fd, device->devid, device->speed,
                      &attachment->place);
    if (err != 0) {
        close(result->fd);
        fail(attachment, fault_from_attach(err), error_text(err));
        return;
    }
    begin_to_await_nodes(attachment, true);
    watch_peer(attachment, result->fd);
    attachment->callbacks->on_attached(attachment->context);
}

static enum attach_fault import(struct attachment *attachment)
{
    return board_import_open(attachment->machine, attachment->board.busid, on_imported, attachment,
                             &attachment->import);
}

static void stop_attaching(struct attachment *attachment)
{
    uv_timer_stop(&attachment->former);
    if (attachment->vhci_load != NULL) {
        modules_cancel(attachment->vhci_load);
        attachment->vhci_load = NULL;
    }
    if (attachment->import != NULL) {
        board_import_cancel(attachment->import);
        attachment->import = NULL;
    }
}

void attachment_cancel(struct attachment *attachment)
{
    stop_attaching(attachment);
}

void attachment_detach(struct attachment *attachment)
{
    int err;

    node_wait_stop(attachment->wait);
    note_hang_up(attachment);
    err = vhci_detach(attachment->machine->vhci, &attachment->place);
    if (err != 0 && err != ERR_NOT_FOUND) {
        log_error("vhci: port %u can't be detached: %s", attachment->place.port, error_text(err));
    }
}

/* vhci frees a port before the kernel has taken the device and its nodes away. */
bool attachment_port_is_free(struct attachment *attachment)
{
    return !attachment->is_there && vhci_is_free(attachment->machine->vhci, &attachment->place);
}

bool attachment_is_unanswered(struct attachment *attachment)
{
    return attachment->has_place &&
           vhci_is_unanswered(attachment->machine->vhci, &attachment->place);
}

bool attachment_has_room(struct attachment *attachment, const struct board *board)
{
    return vhci_has_room(attachment->machine->vhci, board->speed);
}

/* Whatever the kernel has stays there. */
static void leave_port(struct attachment *attachment)
{
    node_wait_stop(attachment->wait);
    if (attachment->peer != NULL) {
        peer_watch_close(attachment->peer);
        attachment->peer = NULL;
    }
    if (attachment->has_place) {
        attachment->has_place = false;
        vhci_release(attachment->machine->vhci, &attachment->place);
    }
}

void attachment_release_port(struct attachment *attachment)
{
    if (attachment->has_place) {
        held_ports_forget(attachment->machine->held, &attachment->place);
    }
    leave_port(attachment);
}

static uint64_t to_ms(uint64_t from_ns, uint64_t to_ns)
{
    return (to_ns - from_ns + NS_PER_MS / 2) / NS_PER_MS;
}

static void on_nodes_ready(void *context, const struct tty_nodes *nodes)
{
    struct attachment *attachment = context;
    uint64_t now_ns = uv_hrtime();
    struct event_took took;

    took.import_ms = (int64_t)to_ms(attachment->started_ns, attachment->attached_ns);
    took.enumerate_ms = (int64_t)to_ms(attachment->attached_ns, attachment->last_node_ns);
    took.node_ms = (int64_t)to_ms(attachment->last_node_ns, now_ns);
    took.total_ms = (int64_t)to_ms(attachment->started_ns, now_ns);
    attachment->callbacks->on_ready(attachment->context, nodes, &took);
}

/* A removal without an addition is that of a device which had the place before, and whose end the
 * kernel is late to tell.
 *
 * The kernel binds the USB device itself last: its interfaces are there then, and the drivers that
 * were loaded before have probed them (usb_set_configuration, called by the probing of the driver
 * "usb"). */
static void take_device_event(struct attachment *attachment, const struct uevent *event)
{
    if (strcmp(event->action, "add") == 0) {
        attachment->is_there = true;
        held_ports_note(attachment->machine->held, &attachment->place);
    } else if (strcmp(event->action, "remove") == 0 && attachment->is_there) {
        attachment->is_there = false;
        node_wait_stop(attachment->wait);
        attachment->callbacks->on_gone(attachment->context);
    } else if (strcmp(event->action, "bind") == 0 && attachment->is_there) {
        attachment->last_node_ns = uv_hrtime();
        node_wait_bound(attachment->wait);
    }
}

/* What is below the device goes first, its own removal comes last. */
static void note_leaving(struct attachment *attachment, const struct uevent *event)
{
    if (strcmp(event->action, "add") == 0) {
        attachment->is_leaving = attachment->has_hung_up; /* Else it was a driver's doing. */
    } else if (strcmp(event->action, "remove") == 0 && !attachment->is_leaving) {
        attachment->is_leaving = true;
        attachment->leaving_ns = uv_hrtime();
    }
}

void attachment_uevent(struct attachment *attachment, const struct uevent *event)
{
    if (uv_is_active((uv_handle_t *)&attachment->former)) {
        look_for_former(attachment);
        return;
    }
    if (!attachment->has_place ||
        !uevent_path_is_below(event->devpath, attachment->place.devpath)) {
        return;
    }
    note_leaving(attachment, event);
    if (strcmp(event->devpath, attachment->place.devpath) == 0) {
        take_device_event(attachment, event);
    } else if (node_wait_is_on(attachment->wait) && strcmp(event->action, "remove") != 0) {
        attachment->last_node_ns = uv_hrtime();
        node_wait_look(attachment->wait);
    }
}

int64_t attachment_leaving_ms(const struct attachment *attachment)
{
    return attachment->is_leaving ? (int64_t)to_ms(attachment->leaving_ns, uv_hrtime()) : 0;
}

void attachment_look_anew(struct attachment *attachment)
{
    const char *root = attachment->machine->sysfs_root;
    const char *devpath = attachment->place.devpath;
    bool was_there = attachment->is_there;

    if (uv_is_active((uv_handle_t *)&attachment->former)) {
        look_for_former(attachment);
        return;
    }
    if (!attachment->has_place) {
        return;
    }
    attachment->is_there = sysfs_exists(root, devpath, NULL);
    held_ports_note(attachment->machine->held, &attachment->place);
    if (attachment->is_there && sysfs_exists(root, devpath, "driver")) {
        node_wait_settle(attachment->wait);
    } else if (!attachment->is_there && was_there) {
        node_wait_stop(attachment->wait);
        attachment->callbacks->on_gone(attachment->context);
    }
}

int attachment_open(const struct machine *machine, const struct attachment_callbacks *callbacks,
                    void *context, struct attachment **attachment)
{
    struct attachment *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->machine = machine;
    opened->callbacks = callbacks;
    opened->context = context;
    err = node_wait_open(machine, on_nodes_ready, opened, &opened->wait);
    if (err != 0) {
        free(opened);
        return err;
    }
    uv_timer_init(machine->loop, &opened->former); /* Never fails. */
    opened->former.data = opened;
    *attachment = opened;
    return 0;
}

static void on_former_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void attachment_close(struct attachment *attachment)
{
    stop_attaching(attachment);
    leave_port(attachment);
    node_wait_close(attachment->wait);
    uv_close((uv_handle_t *)&attachment->former, on_former_closed);
}
