#include "usbip_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

enum {
    PROTOCOL_VERSION = 0x0111,
    OP_REQ_DEVLIST = 0x8005,
    OP_REP_DEVLIST = 0x0005,
    OP_REQ_IMPORT = 0x8003,
    OP_REP_IMPORT = 0x0003,
    OPERATION_BYTES = 8,

    CMD_SUBMIT = 1,
    CMD_UNLINK = 2,
    RET_SUBMIT = 3,
    RET_UNLINK = 4,
    URB_HEADER_BYTES = 48,
    URB_SEQNUM = 4,
    URB_DIRECTION = 12, /* 0 to the board, 1 to the host */
    URB_ENDPOINT = 16,
    URB_STATUS = 20,
    URB_UNLINK_SEQNUM = 20,
    URB_LENGTH = 24,
    URB_SETUP = 40,
    US_PER_MS = 1000,
};

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

static void set_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static void write_u8(struct usbip_conn *conn, uint8_t value)
{
    usbip_conn_write(conn, &value, 1);
}

static void write_u16(struct usbip_conn *conn, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    usbip_conn_write(conn, bytes, sizeof bytes);
}

static void write_u32(struct usbip_conn *conn, uint32_t value)
{
    uint8_t bytes[4];
    set_u32(bytes, value);
    usbip_conn_write(conn, bytes, sizeof bytes);
}

static void write_class(struct usbip_conn *conn, const struct usb_class *class)
{
    write_u8(conn, class->code);
    write_u8(conn, class->subclass);
    write_u8(conn, class->protocol);
}

static void write_reply_header(struct usbip_conn *conn, uint16_t operation, uint32_t status)
{
    write_u16(conn, PROTOCOL_VERSION);
    write_u16(conn, operation);
    write_u32(conn, status);
}

/* The 312 bytes that both operations answer for a device. */
static void write_record(struct usbip_conn *conn, const struct usbip_export *item)
{
    const struct usb_board *board = item->board;
    usbip_conn_write(conn, item->instance, sizeof item->instance);
    usbip_conn_write(conn, item->busid, sizeof item->busid);
    write_u32(conn, item->hub);
    write_u32(conn, item->port);
    write_u32(conn, board->speed);
    write_u16(conn, board->vid);
    write_u16(conn, board->pid);
    write_u16(conn, board->chip->bcd_device);
    write_class(conn, &board->chip->class);
    write_u8(conn, 1); /* bConfigurationValue */
    write_u8(conn, 1); /* bNumConfigurations */
    write_u8(conn, (uint8_t)board->chip->interface_count);
}

static bool is_settled(const struct usbip_export *item)
{
    return item->state == USBIP_EXPORT_IDLE || item->state == USBIP_EXPORT_ATTACHED;
}

/* Attached boards are listed, those between Windows and a client are not. */
static bool is_listed(const struct usbip_export *item)
{
    return item->shared && is_settled(item);
}

static void write_device_list(struct usbip_conn *conn, const struct usbip_export_table *exports)
{
    uint32_t count = 0;
    for (size_t i = 0; i < exports->count; i++) {
        count += is_listed(exports->items[i]);
    }
    write_reply_header(conn, OP_REP_DEVLIST, 0);
    write_u32(conn, count);
    for (size_t i = 0; i < exports->count; i++) {
        const struct usbip_export *item = exports->items[i];
        if (!is_listed(item)) {
            continue;
        }
        write_record(conn, item);
        for (size_t j = 0; j < item->board->chip->interface_count; j++) {
            write_class(conn, &item->board->chip->interfaces[j].class);
            write_u8(conn, 0);
        }
    }
}

static void on_complete(void *context, const struct usb_completion *completion)
{
    struct usbip_session *session = context;
    uint8_t header[URB_HEADER_BYTES] = {0};
    /* Device, direction and endpoint stay 0, as in usbipd-win's replies. */
    set_u32(header, RET_SUBMIT);
    set_u32(header + URB_SEQNUM, completion->id);
    set_u32(header + URB_STATUS, (uint32_t)completion->status);
    set_u32(header + URB_LENGTH, completion->len_bytes);
    usbip_conn_write(&session->conn, header, sizeof header);
    if (completion->in && completion->len_bytes > 0) {
        usbip_conn_write(&session->conn, completion->data, completion->len_bytes);
    }
}

static void await(struct usbip_session *session, enum usbip_session_state state, size_t want_bytes)
{
    session->state = state;
    session->want_bytes = want_bytes;
}

static void await_next_urb(struct usbip_session *session)
{
    usbip_conn_consume(&session->conn);
    await(session, USBIP_SESSION_URB, URB_HEADER_BYTES);
}

/* usbipd-win hangs up without a reply on all that it does not know. */
static int run_operation(struct usbip_session *session, int64_t now_us)
{
    const uint8_t *input = session->conn.input;
    (void)now_us;
    if (get_u16(input) != PROTOCOL_VERSION) {
        return ERR_VERSION;
    }
    switch (get_u16(input + 2)) {
    case OP_REQ_DEVLIST:
        if (get_u32(input + 4) != 0) {
            return ERR_INVALID;
        }
        write_device_list(&session->conn, session->exports);
        session->conn.finishing = true;
        return 0;
    case OP_REQ_IMPORT:
        if (get_u32(input + 4) != 0) {
            return ERR_INVALID;
        }
        await(session, USBIP_SESSION_BUSID, OPERATION_BYTES + USBIP_BUSID_BYTES);
        return 0;
    default:
        return ERR_UNSUPPORTED;
    }
}

/* Decides on an import, and takes the board if it is to succeed. */
static uint32_t capture(struct usbip_session *session, struct usbip_export *item)
{
    /* A controller that plays Windows looks into the registry itself. */
    bool is_shared = item && (item->shared || session->exports->on_windows_event);

    if (!is_shared || !is_settled(item)) {
        return USBIP_IMPORT_NO_DEVICE;
    }
    if (item->state == USBIP_EXPORT_ATTACHED) {
        return USBIP_IMPORT_ATTACHED;
    }
    if (item->fault.times > 0) {
        session->fault = item->fault;
        item->fault.times--;
    }
    item->state = USBIP_EXPORT_CAPTURING;
    session->item = item;
    return session->fault.status;
}

static void tell_windows(const struct usbip_session *session, enum usbip_windows_event event)
{
    const struct usbip_export_table *exports = session->exports;
    exports->on_windows_event(exports->context, event, session->item);
}

static int run_import(struct usbip_session *session, int64_t now_us)
{
    const char *busid = (const char *)session->conn.input + OPERATION_BYTES;
    struct usbip_export *item = NULL;
    if (memchr(busid, '\0', USBIP_BUSID_BYTES)) {
        item = usbip_export_find(session->exports, busid);
    }
    session->reply_status = capture(session, item);
    session->resume_us = now_us + (int64_t)session->fault.delay_ms * US_PER_MS;
    session->state = USBIP_SESSION_REPLY;
    if (session->reply_status == USBIP_IMPORT_OK && session->exports->on_windows_event) {
        session->state = USBIP_SESSION_CAPTURE;
        tell_windows(session, USBIP_WINDOWS_IMPORT);
    }
    return 0;
}

static int no_step(struct usbip_session *session, int64_t now_us)
{
    (void)session;
    (void)now_us;
    return ERR_INVALID; /* In this state a session takes no step. */
}

void usbip_session_answer_import(struct usbip_session *session, uint32_t status)
{
    session->reply_status = status;
    session->state = USBIP_SESSION_REPLY;
}

void usbip_session_forget_board(struct usbip_session *session)
{
    if (session->item) {
        usb_board_detach(session->item->board);
        session->item->state = USBIP_EXPORT_IDLE;
        session->item = NULL;
    }
}

/* A refused import leaves Windows as it was. */
static void release(struct usbip_session *session)
{
    struct usbip_export *item = session->item;
    bool was_attached = item && item->state == USBIP_EXPORT_ATTACHED;

    if (!item || !session->exports->on_windows_event || session->reply_status != USBIP_IMPORT_OK) {
        usbip_session_forget_board(session);
        return;
    }
    usb_board_detach(item->board);
    item->state = USBIP_EXPORT_RELEASING;
    tell_windows(session, was_attached ? USBIP_WINDOWS_RELEASED : USBIP_WINDOWS_ABANDONED);
    session->item = NULL;
}

static int reply_to_import(struct usbip_session *session, int64_t now_us)
{
    struct usbip_conn *conn = &session->conn;
    (void)now_us;
    conn->patch = session->fault.patch;
    conn->drip_us = (int64_t)session->fault.drip_ms * US_PER_MS;
    if (session->fault.cut_reply_at >= 0) {
        conn->budget = (size_t)session->fault.cut_reply_at;
        conn->finishing = conn->budget == 0;
    }
    write_reply_header(conn, OP_REP_IMPORT, session->reply_status);
    if (session->reply_status != USBIP_IMPORT_OK) {
        conn->finishing = true;
        return 0;
    }
    write_record(conn, session->item);
    /* A reply that is cut at its very end was whole: the import counts, and is over at once. */
    conn->finishing = conn->finishing || conn->budget != SIZE_MAX;
    if (!conn->finishing) {
        session->item->state = USBIP_EXPORT_ATTACHED;
        session->item->imports++;
        conn->patch = (struct usbip_patch){0};
        usb_board_attach(session->item->board, on_complete, session);
        await_next_urb(session);
    }
    return 0;
}

/* The whole command is there; it is carried out after the board's delay. */
static int schedule_answer(struct usbip_session *session, int64_t now_us)
{
    session->resume_us = now_us + session->item->delay_us;
    session->state = USBIP_SESSION_ANSWER;
    return 0;
}

static int run_urb_header(struct usbip_session *session, int64_t now_us)
{
    const uint8_t *header = session->conn.input;
    uint32_t command = get_u32(header);
    uint32_t len = get_u32(header + URB_LENGTH);
    if (command != CMD_SUBMIT && command != CMD_UNLINK) {
        return ERR_UNSUPPORTED;
    }
    if (command == CMD_SUBMIT && get_u32(header + URB_DIRECTION) == 0 && len > 0) {
        if (len > USB_BOARD_MAX_TRANSFER_BYTES) {
            return ERR_TOO_LONG;
        }
        await(session, USBIP_SESSION_URB_DATA, URB_HEADER_BYTES + len);
        return 0;
    }
    return schedule_answer(session, now_us);
}

static void answer_unlink(struct usbip_session *session)
{
    const uint8_t *command = session->conn.input;
    uint8_t header[URB_HEADER_BYTES] = {0};
    bool won = usb_board_cancel(session->item->board, get_u32(command + URB_UNLINK_SEQNUM));
    set_u32(header, RET_UNLINK);
    set_u32(header + URB_SEQNUM, get_u32(command + URB_SEQNUM));
    set_u32(header + URB_STATUS, won ? (uint32_t)-ECONNRESET : 0);
    usbip_conn_write(&session->conn, header, sizeof header);
}

/* The setup packet is USB's own, and so little-endian. */
static struct usb_setup decode_setup(const uint8_t *at)
{
    return (struct usb_setup){
        .request_type = at[0],
        .request = at[1],
        .value = (uint16_t)(at[2] | at[3] << 8),
        .index = (uint16_t)(at[4] | at[5] << 8),
        .length = (uint16_t)(at[6] | at[7] << 8),
    };
}

static int answer_submit(struct usbip_session *session)
{
    const uint8_t *command = session->conn.input;
    uint32_t endpoint = get_u32(command + URB_ENDPOINT);
    const struct usb_transfer transfer = {
        .id = get_u32(command + URB_SEQNUM),
        .endpoint = (uint8_t)endpoint,
        .in = get_u32(command + URB_DIRECTION) != 0,
        .len_bytes = get_u32(command + URB_LENGTH),
        .setup = decode_setup(command + URB_SETUP),
        .data = command + URB_HEADER_BYTES,
    };
    return endpoint < 16 ? usb_board_submit(session->item->board, &transfer) : ERR_INVALID;
}

static int answer_urb(struct usbip_session *session, int64_t now_us)
{
    int error = 0;
    (void)now_us;
    if (get_u32(session->conn.input) == CMD_UNLINK) {
        answer_unlink(session);
    } else {
        error = answer_submit(session);
    }
    await_next_urb(session);
    return error;
}

struct usbip_session *usbip_session_create(int fd, struct usbip_export_table *exports)
{
    struct usbip_session *session = malloc(sizeof *session);
    if (!session) {
        usbip_conn_close(&(struct usbip_conn){.fd = fd});
        return NULL;
    }
    if (usbip_conn_init(&session->conn, fd) != 0) {
        free(session);
        return NULL;
    }
    session->exports = exports;
    session->item = NULL;
    session->resume_us = 0;
    session->reply_status = 0;
    session->fault = (struct usbip_fault){.cut_reply_at = -1};
    await(session, USBIP_SESSION_OPERATION, OPERATION_BYTES);
    return session;
}

void usbip_session_destroy(struct usbip_session *session)
{
    release(session);
    usbip_conn_close(&session->conn);
    free(session);
}

/* For Windows, or for ever. */
static bool is_waiting(const struct usbip_session *session)
{
    return session->state == USBIP_SESSION_CAPTURE ||
           (session->state == USBIP_SESSION_ANSWER && session->item->is_stalled);
}

bool usbip_session_wants_input(const struct usbip_session *session, int64_t now_us)
{
    return now_us >= session->resume_us && !is_waiting(session) && !session->conn.finishing &&
           session->conn.output_len <= USBIP_CONN_HIGH_WATER;
}

int64_t usbip_session_wait_us(const struct usbip_session *session, int64_t now_us)
{
    const struct usbip_conn *conn = &session->conn;
    if (usbip_conn_is_dripping(conn)) {
        return conn->drip_due_us > now_us ? conn->drip_due_us - now_us : 0;
    }
    if (conn->input_len < session->want_bytes || conn->finishing || is_waiting(session) ||
        conn->output_len > USBIP_CONN_HIGH_WATER) {
        return -1;
    }
    return session->resume_us > now_us ? session->resume_us - now_us : 0;
}

bool usbip_session_step(struct usbip_session *session, int64_t now_us)
{
    static int (*const handlers[USBIP_SESSION_STATES])(struct usbip_session *, int64_t) = {
        [USBIP_SESSION_OPERATION] = run_operation, [USBIP_SESSION_BUSID] = run_import,
        [USBIP_SESSION_CAPTURE] = no_step,         [USBIP_SESSION_REPLY] = reply_to_import,
        [USBIP_SESSION_URB] = run_urb_header,      [USBIP_SESSION_URB_DATA] = schedule_answer,
        [USBIP_SESSION_ANSWER] = answer_urb,
    };
    int filled = 1;

    usbip_conn_flush(&session->conn, now_us);
    while (filled > 0 && usbip_session_wants_input(session, now_us)) {
        filled = usbip_conn_fill(&session->conn, session->want_bytes);
        if (filled > 0) {
            filled = handlers[session->state](session, now_us) == 0 ? 1 : ERR_INVALID;
        }
    }
    return filled >= 0 && !usbip_conn_is_done(&session->conn);
}
