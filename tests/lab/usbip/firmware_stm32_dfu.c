/* The STM32's system bootloader: DFU 1.1 with ST's extensions. A download to block 0 is a command,
 * one to block 2 and up is data for the address that a command has set; each is carried out when
 * its status is asked for, and then takes its time. An empty download starts the application. */
#include <string.h>

#include "usb_firmware.h"

#include "shared/core/error.h"

enum {
    REQUEST_DNLOAD = 1,
    REQUEST_UPLOAD = 2,
    REQUEST_GETSTATUS = 3,
    REQUEST_CLRSTATUS = 4,
    REQUEST_GETSTATE = 5,
    REQUEST_ABORT = 6,

    STATE_IDLE = 2,
    STATE_DNLOAD_SYNC = 3,
    STATE_DNBUSY = 4,
    STATE_DNLOAD_IDLE = 5,
    STATE_MANIFEST_SYNC = 6,
    STATE_MANIFEST = 7,
    STATE_UPLOAD_IDLE = 9,
    STATE_ERROR = 10,

    STATUS_OK = 0,
    STATUS_TARGET = 1,
    STATUS_ADDRESS = 8,
    STATUS_STALLED = 15,
    STATUS_BYTES = 6,

    COMMAND_GET_COMMANDS = 0x00,
    COMMAND_SET_ADDRESS = 0x21,
    COMMAND_ERASE = 0x41,
    FIRST_DATA_BLOCK = 2,

    TRANSFER_BYTES = 2048,
    PAGE_BYTES = 1024,
    FLASH_START = 0x08000000,
    SET_ADDRESS_MS = 1,
    WRITE_MS = 5,
    ERASE_PAGE_MS = 20,
    ERASE_ALL_MS = 40,
    LEAVE_MS = 10,
    RETURN_MS = 100,
    US_PER_MS = 1000,
};

struct dfu {
    uint8_t state;
    uint8_t status;
    uint32_t address;
    uint16_t block; /* of the download that waits to be carried out */
    uint8_t data[TRANSFER_BYTES];
    size_t len;
    int64_t busy_until_us;
};

static void start(struct usb_board *board)
{
    struct dfu *dfu = board->firmware_state;
    dfu->state = STATE_IDLE;
    dfu->address = FLASH_START;
    board->hardware->mode = USB_MODE_DFU;
}

static int stall(struct dfu *dfu)
{
    dfu->state = STATE_ERROR;
    dfu->status = STATUS_STALLED;
    return ERR_INVALID;
}

static bool is_in_flash(const struct usb_board *board, uint32_t address)
{
    return address >= FLASH_START && address - FLASH_START < board->hardware->kind->flash_bytes;
}

static int download(struct dfu *dfu, const struct usb_setup *setup, const uint8_t *data)
{
    if ((dfu->state != STATE_IDLE && dfu->state != STATE_DNLOAD_IDLE) ||
        setup->length > TRANSFER_BYTES) {
        return stall(dfu);
    }
    dfu->block = setup->value;
    dfu->len = setup->length;
    if (dfu->len == 0) {
        dfu->state = STATE_MANIFEST_SYNC;
        return 0;
    }
    memcpy(dfu->data, data, dfu->len);
    dfu->state = STATE_DNLOAD_SYNC;
    return 0;
}

/* These carry out what was downloaded, and return how many milliseconds that takes; -1 with
 * dfu->status set for what cannot be done. */
static int run_on_address(struct usb_board *board, struct dfu *dfu)
{
    uint32_t address = (uint32_t)dfu->data[1] | (uint32_t)dfu->data[2] << 8 |
                       (uint32_t)dfu->data[3] << 16 | (uint32_t)dfu->data[4] << 24;
    if (!is_in_flash(board, address)) {
        dfu->status = STATUS_ADDRESS;
        return -1;
    }
    if (dfu->data[0] == COMMAND_SET_ADDRESS) {
        dfu->address = address;
        return SET_ADDRESS_MS;
    }
    usb_hardware_erase(board->hardware, (address - FLASH_START) / PAGE_BYTES * PAGE_BYTES,
                       PAGE_BYTES);
    return ERASE_PAGE_MS;
}

static int run_command(struct usb_board *board, struct dfu *dfu)
{
    bool takes_address = dfu->data[0] == COMMAND_SET_ADDRESS || dfu->data[0] == COMMAND_ERASE;
    if (takes_address && dfu->len == 5) {
        return run_on_address(board, dfu);
    }
    if (dfu->data[0] == COMMAND_ERASE && dfu->len == 1) {
        usb_hardware_erase(board->hardware, 0, board->hardware->kind->flash_bytes);
        return ERASE_ALL_MS;
    }
    dfu->status = STATUS_TARGET;
    return -1;
}

static uint32_t block_address(const struct dfu *dfu, uint16_t block)
{
    return dfu->address + (uint32_t)(block - FIRST_DATA_BLOCK) * TRANSFER_BYTES;
}

static int run_download(struct usb_board *board, struct dfu *dfu)
{
    uint32_t address;
    if (dfu->block == 0) {
        return run_command(board, dfu);
    }
    address = block_address(dfu, dfu->block);
    if (dfu->block < FIRST_DATA_BLOCK || !is_in_flash(board, address) ||
        !is_in_flash(board, address + (uint32_t)dfu->len - 1)) {
        dfu->status = STATUS_ADDRESS;
        return -1;
    }
    usb_hardware_program(board->hardware, address - FLASH_START, dfu->data, dfu->len);
    return WRITE_MS;
}

static void become_busy(struct usb_board *board, struct dfu *dfu)
{
    int ms = run_download(board, dfu);
    if (ms < 0) {
        dfu->state = STATE_ERROR;
        return;
    }
    dfu->state = STATE_DNBUSY;
    dfu->busy_until_us = board->clock_us() + (int64_t)ms * US_PER_MS;
}

/* Milliseconds until the device is to be asked again. */
static uint32_t step(struct usb_board *board, struct dfu *dfu)
{
    if (dfu->state == STATE_DNLOAD_SYNC) {
        become_busy(board, dfu);
    } else if (dfu->state == STATE_DNBUSY && board->clock_us() >= dfu->busy_until_us) {
        dfu->state = STATE_DNLOAD_IDLE;
    } else if (dfu->state == STATE_MANIFEST_SYNC) {
        dfu->state = STATE_MANIFEST;
        usb_firmware_wake_after(board, (int64_t)LEAVE_MS * US_PER_MS);
    }
    if (dfu->state != STATE_DNBUSY) {
        return 0;
    }
    return (uint32_t)((dfu->busy_until_us - board->clock_us() + US_PER_MS - 1) / US_PER_MS);
}

static int get_status(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    struct dfu *dfu = board->firmware_state;
    uint8_t status[STATUS_BYTES] = {0};
    uint32_t poll_ms = step(board, dfu);
    size_t len = setup->length < sizeof status ? setup->length : sizeof status;
    status[0] = dfu->status;
    status[1] = (uint8_t)poll_ms;
    status[2] = (uint8_t)(poll_ms >> 8);
    status[4] = dfu->state;
    memcpy(data, status, len);
    return (int)len;
}

static int upload_commands(const struct usb_setup *setup, uint8_t *data)
{
    static const uint8_t commands[] = {COMMAND_GET_COMMANDS, COMMAND_SET_ADDRESS, COMMAND_ERASE};
    size_t len = setup->length < sizeof commands ? setup->length : sizeof commands;
    memcpy(data, commands, len);
    return (int)len;
}

/* Ends short at the end of the memory. */
static int upload(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    struct dfu *dfu = board->firmware_state;
    int len = 0;
    if ((dfu->state != STATE_IDLE && dfu->state != STATE_UPLOAD_IDLE) ||
        setup->length > TRANSFER_BYTES || setup->value == 1) {
        return stall(dfu);
    }
    dfu->state = STATE_UPLOAD_IDLE;
    if (setup->value == 0) {
        return upload_commands(setup, data);
    }
    while (len < setup->length) {
        uint32_t address = block_address(dfu, setup->value) + (uint32_t)len;
        if (!is_in_flash(board, address)) {
            dfu->state = STATE_IDLE;
            break;
        }
        data[len++] = usb_hardware_read(board->hardware, address - FLASH_START);
    }
    return len;
}

static int reset_state(struct dfu *dfu)
{
    dfu->state = STATE_IDLE;
    dfu->status = STATUS_OK;
    return 0;
}

static int control(struct usb_board *board, const struct usb_setup *setup, uint8_t *data)
{
    struct dfu *dfu = board->firmware_state;
    switch (setup->request) {
    case REQUEST_DNLOAD:
        return download(dfu, setup, data);
    case REQUEST_UPLOAD:
        return upload(board, setup, data);
    case REQUEST_GETSTATUS:
        return get_status(board, setup, data);
    case REQUEST_GETSTATE:
        data[0] = dfu->state;
        return setup->length < 1 ? 0 : 1;
    case REQUEST_CLRSTATUS:
    case REQUEST_ABORT:
        return reset_state(dfu);
    default:
        return stall(dfu);
    }
}

/* An empty memory starts the bootloader again. */
static void on_wake(struct usb_board *board)
{
    bool is_empty = true;
    for (uint32_t i = 0; i < 4; i++) {
        is_empty = is_empty && usb_hardware_read(board->hardware, i) == 0xff;
    }
    if (is_empty) {
        usb_firmware_leave(board, USB_MODE_DFU, &chip_dfu, &firmware_stm32_dfu, RETURN_MS);
    } else {
        usb_firmware_leave(board, USB_MODE_SKETCH, &chip_stm32_vcp, &firmware_stm32, RETURN_MS);
    }
}

static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    (void)board;
    (void)channel;
    (void)bytes;
    return len; /* The chip has no endpoint that this could come by. */
}

const struct usb_firmware firmware_stm32_dfu = {
    .name = "stm32_dfu",
    .kind = &hardware_stm32,
    .state_bytes = sizeof(struct dfu),
    .start = start,
    .take = take,
    .control = control,
    .on_wake = on_wake,
};
