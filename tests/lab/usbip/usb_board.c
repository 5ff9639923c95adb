#include "usb_board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "usb_firmware.h"
#include "usb_standard.h"

#include "shared/core/error.h"

enum { REQUEST_KIND_MASK = 0x60, REQUEST_KIND_STANDARD = 0 };

/* 115200 baud, 8N1: what GET_LINE_CODING answers before anyone has set it. */
static const uint8_t default_line_coding[USB_BOARD_LINE_CODING_BYTES] = {0x00, 0xc2, 0x01, 0x00,
                                                                         0,    0,    8};

struct usb_pending {
    struct usb_pending *next;
    const struct usb_endpoint *endpoint;
    uint32_t id;
    uint32_t len_bytes;
    uint32_t done_bytes; /* from the host only: how much of data the board has taken */
    uint8_t data[];      /* from the host only: len_bytes */
};

static bool is_in(const struct usb_endpoint *endpoint)
{
    return (endpoint->address & USB_ENDPOINT_IN) != 0;
}

/* Copies a string that its descriptor can hold; the limit in UTF-8 bytes follows from that. */
static int set_string(char target[USB_BOARD_MAX_STRING], const char *text)
{
    struct usb_descriptor descriptor;
    int error;
    if (!text) {
        target[0] = '\0';
        return 0;
    }
    usb_descriptor_init(&descriptor);
    usb_descriptor_string(&descriptor, text);
    error = usb_descriptor_finish(&descriptor);
    if (error == 0) {
        memcpy(target, text, strlen(text) + 1);
    }
    return error;
}

/* Returns 0 or ERR_NOMEM. */
static int start_firmware(struct usb_board *board, const struct usb_board_config *config)
{
    board->wake_us = USB_BOARD_NEVER;
    if (!config->firmware) {
        return 0;
    }
    board->firmware = config->firmware;
    board->hardware = config->hardware;
    board->clock_us = config->clock_us;
    board->firmware_state = calloc(1, board->firmware->state_bytes + 1);
    if (!board->firmware_state) {
        return ERR_NOMEM;
    }
    board->firmware->start(board);
    board->hardware->is_returning = false;
    return 0;
}

struct usb_board *usb_board_create(const struct usb_board_config *config, int *error)
{
    struct usb_board *board = calloc(1, sizeof *board);
    if (!board) {
        *error = ERR_NOMEM;
        return NULL;
    }
    board->chip = config->chip;
    board->speed = config->speed;
    board->vid = config->vid;
    board->pid = config->pid;
    board->echo = config->echo;
    memcpy(board->line_coding, default_line_coding, sizeof default_line_coding);
    *error = set_string(board->product, config->product);
    if (*error == 0) {
        *error = set_string(board->serial, config->serial);
    }
    if (*error == 0) {
        *error = start_firmware(board, config);
    }
    if (*error != 0) {
        free(board);
        return NULL;
    }
    return board;
}

static void drop_pending(struct usb_board *board)
{
    while (board->pending) {
        struct usb_pending *next = board->pending->next;
        free(board->pending);
        board->pending = next;
    }
    board->pending_count = 0;
}

void usb_board_destroy(struct usb_board *board)
{
    if (board) {
        drop_pending(board);
        free(board->firmware_state);
        free(board);
    }
}

void usb_board_attach(struct usb_board *board, usb_board_on_complete *on_complete, void *context)
{
    board->on_complete = on_complete;
    board->context = context;
}

void usb_board_detach(struct usb_board *board)
{
    drop_pending(board);
    for (size_t i = 0; i < USB_CHIP_MAX_CHANNELS; i++) {
        usb_fifo_clear(&board->fifos[i]);
    }
    board->on_complete = NULL;
    board->context = NULL;
    board->configuration = 0;
    board->line_state = 0;
}

static void complete(struct usb_board *board, uint32_t id, bool in, int status, const uint8_t *data,
                     uint32_t len)
{
    const struct usb_completion completion = {
        .id = id, .in = in, .status = status, .len_bytes = len, .data = in ? data : NULL};
    board->on_complete(board->context, &completion);
}

static void log_lines(struct usb_board *board)
{
    if (board->hardware) {
        usb_hardware_log_lines(board->hardware, &(struct usb_line_change){
                                                    .us = board->clock_us(),
                                                    .baud = usb_board_line_rate(board),
                                                    .dtr = (board->line_state & USB_LINE_DTR) != 0,
                                                    .rts = (board->line_state & USB_LINE_RTS) != 0,
                                                });
    }
}

void usb_board_set_line_state(struct usb_board *board, unsigned line_state)
{
    unsigned before = board->line_state;
    board->counters.line_state_changes += line_state != before;
    board->counters.opens += (line_state & ~before & USB_LINE_DTR) != 0;
    board->line_state = line_state;
    if (line_state != before) {
        log_lines(board);
    }
    if (board->firmware && board->firmware->on_line_state) {
        board->firmware->on_line_state(board, before);
    }
}

void usb_board_set_line_coding(struct usb_board *board,
                               const uint8_t coding[USB_BOARD_LINE_CODING_BYTES])
{
    uint32_t before = usb_board_line_rate(board);
    memcpy(board->line_coding, coding, sizeof board->line_coding);
    if (usb_board_line_rate(board) != before) {
        log_lines(board);
    }
}

void usb_board_set_line_rate(struct usb_board *board, uint32_t baud)
{
    uint8_t coding[USB_BOARD_LINE_CODING_BYTES];
    memcpy(coding, board->line_coding, sizeof coding);
    for (unsigned i = 0; i < sizeof baud; i++) {
        coding[i] = (uint8_t)(baud >> 8 * i);
    }
    usb_board_set_line_coding(board, coding);
}

uint32_t usb_board_line_rate(const struct usb_board *board)
{
    uint32_t baud = 0;
    for (unsigned i = 0; i < sizeof baud; i++) {
        baud |= (uint32_t)board->line_coding[i] << 8 * i;
    }
    return baud;
}

static int run_control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    int result = ERR_NOT_FOUND;
    if ((setup->request_type & REQUEST_KIND_MASK) == REQUEST_KIND_STANDARD) {
        return usb_standard_control(board, setup, data);
    }
    if (board->firmware && board->firmware->control) {
        result = board->firmware->control(board, setup, data);
    }
    return result == ERR_NOT_FOUND ? board->chip->control(board, setup, data) : result;
}

static void submit_control(struct usb_board *board, const struct usb_transfer *transfer)
{
    uint8_t data[USB_BOARD_MAX_TRANSFER_BYTES] = {0};
    struct usb_setup setup = transfer->setup;
    bool in = (setup.request_type & USB_ENDPOINT_IN) != 0;
    int result;
    /* The host's buffer bounds the data stage, whatever the setup packet claims. */
    if (setup.length > transfer->len_bytes) {
        setup.length = (uint16_t)transfer->len_bytes;
    }
    if (in != transfer->in) {
        complete(board, transfer->id, transfer->in, -EPIPE, data, 0);
        return;
    }
    if (!in && setup.length > 0) {
        memcpy(data, transfer->data, setup.length);
    }
    result = run_control(board, &setup, data);
    if (result < 0) {
        complete(board, transfer->id, in, -EPIPE, data, 0);
    } else {
        complete(board, transfer->id, in, 0, data, in ? (uint32_t)result : setup.length);
    }
}

static const struct usb_endpoint *find_endpoint(const struct usb_chip *chip, uint8_t address)
{
    for (size_t i = 0; i < chip->interface_count; i++) {
        const struct usb_interface *interface = &chip->interfaces[i];
        for (size_t j = 0; j < interface->endpoint_count; j++) {
            if (interface->endpoints[j].address == address) {
                return &interface->endpoints[j];
            }
        }
    }
    return NULL;
}

/* True if the board took all that the transfer holds. */
static bool take_from_host(struct usb_board *board, struct usb_pending *pending)
{
    uint32_t left = pending->len_bytes - pending->done_bytes;
    uint8_t channel = pending->endpoint->channel;
    const uint8_t *bytes = pending->data + pending->done_bytes;
    uint32_t taken = left;
    if (board->firmware) {
        taken = (uint32_t)board->firmware->take(board, channel, bytes, left);
    } else if (board->echo) {
        taken = (uint32_t)usb_fifo_put(&board->fifos[channel], bytes, left);
    }
    pending->done_bytes += taken;
    board->counters.rx_bytes += taken;
    if (taken < left) {
        return false;
    }
    complete(board, pending->id, false, 0, NULL, pending->len_bytes);
    return true;
}

/* One packet as the chip sends it, of at most `room` bytes; 0 if there is nothing to send. */
static uint32_t put_packet(struct usb_board *board, const struct usb_endpoint *endpoint,
                           uint8_t *data, uint32_t room)
{
    const struct usb_chip *chip = board->chip;
    uint32_t header_len = (uint32_t)chip->packet_header_len;
    uint32_t most = room < endpoint->packet_bytes ? room : endpoint->packet_bytes;
    uint32_t taken = 0;
    if (most > header_len) {
        taken = (uint32_t)usb_fifo_take(&board->fifos[endpoint->channel], data + header_len,
                                        most - header_len);
    }
    if (taken == 0) {
        return 0;
    }
    if (header_len > 0) {
        memcpy(data, chip->packet_header, header_len);
    }
    board->counters.tx_bytes += taken;
    return header_len + taken;
}

/* True if there was something to send. A packet that is not full ends the transfer. */
static bool give_to_host(struct usb_board *board, const struct usb_pending *pending)
{
    uint8_t data[USB_BOARD_MAX_TRANSFER_BYTES];
    uint32_t len = 0;
    uint32_t packet;
    do {
        packet = put_packet(board, pending->endpoint, data + len, pending->len_bytes - len);
        len += packet;
    } while (packet == pending->endpoint->packet_bytes);
    if (len == 0 && pending->len_bytes > 0) {
        return false;
    }
    complete(board, pending->id, true, 0, data, len);
    return true;
}

/* True if the transfer is complete and may be freed. An interrupt endpoint has nothing to say, and
 * keeps its transfers pending until they are cancelled. */
static bool try_transfer(struct usb_board *board, struct usb_pending *pending)
{
    if (pending->endpoint->kind != USB_ENDPOINT_BULK) {
        return false;
    }
    return is_in(pending->endpoint) ? give_to_host(board, pending) : take_from_host(board, pending);
}

/* True if an older transfer waits on the same endpoint; each endpoint goes strictly in order. */
static bool is_behind(const struct usb_board *board, const struct usb_pending *pending)
{
    for (const struct usb_pending *older = board->pending; older != pending; older = older->next) {
        if (older->endpoint == pending->endpoint) {
            return true;
        }
    }
    return false;
}

/* A read is pending only while its FIFO is empty, so any one write then fits as a whole. */
_Static_assert((int)USB_BOARD_MAX_TRANSFER_BYTES <= (int)USB_FIFO_BYTES, "a write fits a FIFO");

/* Runs all that can be run: what one transfer puts in or takes out may let another one go on. */
static void pump(struct usb_board *board)
{
    struct usb_pending **at = &board->pending;
    while (*at && !board->departure.chip) {
        struct usb_pending *pending = *at;
        if (is_behind(board, pending) || !try_transfer(board, pending)) {
            at = &pending->next;
            continue;
        }
        *at = pending->next;
        free(pending);
        board->pending_count--;
        at = &board->pending;
    }
}

static int append_pending(struct usb_board *board, const struct usb_endpoint *endpoint,
                          const struct usb_transfer *transfer)
{
    struct usb_pending **at = &board->pending;
    size_t data_len = transfer->in ? 0 : transfer->len_bytes;
    struct usb_pending *pending;
    if (board->pending_count == USB_BOARD_MAX_PENDING) {
        return ERR_FULL;
    }
    pending = malloc(sizeof *pending + data_len);
    if (!pending) {
        return ERR_NOMEM;
    }
    *pending = (struct usb_pending){
        .endpoint = endpoint, .id = transfer->id, .len_bytes = transfer->len_bytes};
    if (data_len > 0) {
        memcpy(pending->data, transfer->data, data_len);
    }
    while (*at) {
        at = &(*at)->next;
    }
    *at = pending;
    board->pending_count++;
    return 0;
}

int usb_board_submit(struct usb_board *board, const struct usb_transfer *transfer)
{
    const struct usb_endpoint *endpoint;
    int error;
    if (transfer->len_bytes > USB_BOARD_MAX_TRANSFER_BYTES) {
        return ERR_TOO_LONG;
    }
    usb_board_run_timer(board);
    if (board->departure.chip) {
        return 0;
    }
    if (transfer->endpoint == 0) {
        submit_control(board, transfer);
        pump(board); /* What it did to a firmware may have made that send. */
        return 0;
    }
    endpoint = find_endpoint(board->chip,
                             (uint8_t)(transfer->endpoint | (transfer->in ? USB_ENDPOINT_IN : 0)));
    if (!endpoint) {
        complete(board, transfer->id, transfer->in, -EPIPE, NULL, 0);
        return 0;
    }
    error = append_pending(board, endpoint, transfer);
    if (error == 0) {
        pump(board);
    }
    return error;
}

void usb_board_run_timer(struct usb_board *board)
{
    if (board->wake_us != USB_BOARD_NEVER && board->clock_us() >= board->wake_us) {
        board->wake_us = USB_BOARD_NEVER;
        board->firmware->on_wake(board);
        pump(board);
    }
}

bool usb_board_cancel(struct usb_board *board, uint32_t id)
{
    for (struct usb_pending **at = &board->pending; *at; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct usb_pending *pending = *at;
            *at = pending->next;
            free(pending);
            board->pending_count--;
            return true;
        }
    }
    return false;
}
