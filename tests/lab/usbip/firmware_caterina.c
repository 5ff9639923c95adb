/* The Leonardo's bootloader: AVR109 over CDC-ACM. It gives way to the sketch 8 s after it came or
 * last read or wrote a block, or half a second after it was told to exit; without a sketch it
 * stays. */
#include "usb_firmware.h"

enum {
    PAGE_BYTES = 128,
    APPLICATION_BYTES = 0x7000, /* The bootloader is behind it. */
    MAX_BLOCK = 256,
    TIMEOUT_US = 8000000,
    EXIT_US = 500000,
    RETURN_MS = 100,
    ESCAPE = 0x1b,
    BLOCK_HEADER = 4, /* the command, two bytes of length, the kind of memory */
};

struct caterina {
    uint8_t command[BLOCK_HEADER + MAX_BLOCK]; /* as far as it has come */
    size_t len;
    uint32_t address;
};

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_BOOTLOADER;
    usb_firmware_wake_after(board, TIMEOUT_US);
}

static void on_wake(struct usb_board *board)
{
    bool has_sketch = usb_hardware_read(board->hardware, 0) != 0xff ||
                      usb_hardware_read(board->hardware, 1) != 0xff;
    if (has_sketch) {
        usb_firmware_leave(board, USB_MODE_SKETCH, &chip_cdc_acm, &firmware_leonardo, RETURN_MS);
    }
}

static void send(struct usb_board *board, uint8_t byte)
{
    usb_firmware_send(board, 0, &byte, 1);
}

/* What is answered with the same bytes each time. */
static const struct answer {
    uint8_t command;
    uint8_t arguments; /* bytes that follow it */
    uint8_t len;
    uint8_t bytes[7];
} answers[] = {
    {'S', 0, 7, {'C', 'A', 'T', 'E', 'R', 'I', 'N'}},
    {'V', 0, 2, {'1', '0'}},
    {'p', 0, 1, {'S'}},
    {'a', 0, 1, {'Y'}},
    {'b', 0, 3, {'Y', 0, PAGE_BYTES}},
    {'t', 0, 2, {0x44, 0}},
    {'T', 1, 1, {'\r'}},
    {'P', 0, 1, {'\r'}},
    {'L', 0, 1, {'\r'}},
    {'s', 0, 3, {0x87, 0x95, 0x1e}},
    {'r', 0, 1, {0xef}}, /* lock bits and fuses */
    {'F', 0, 1, {0xff}},
    {'N', 0, 1, {0xd8}},
    {'Q', 0, 1, {0xcb}},
};

static const struct answer *find_answer(uint8_t command)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (answers[i].command == command) {
            return &answers[i];
        }
    }
    return NULL;
}

static size_t block_len(const struct caterina *caterina)
{
    return (size_t)caterina->command[1] << 8 | caterina->command[2];
}

static bool is_block_valid(const struct caterina *caterina)
{
    uint8_t memory = caterina->command[3];
    return (memory == 'F' || memory == 'E') && block_len(caterina) <= MAX_BLOCK;
}

/* The command's length, as far as that is known yet. */
static size_t command_len(const struct caterina *caterina)
{
    const struct answer *answer = find_answer(caterina->command[0]);
    switch (caterina->command[0]) {
    case 'A':
        return 3;
    case 'g':
        return BLOCK_HEADER;
    case 'B':
        if (caterina->len >= BLOCK_HEADER && is_block_valid(caterina)) {
            return BLOCK_HEADER + block_len(caterina);
        }
        return BLOCK_HEADER;
    default:
        return 1 + (answer ? answer->arguments : 0);
    }
}

/* EEPROM takes everything, keeps nothing, and counts in bytes where flash counts in words. */
static void write_block(struct usb_board *board, struct caterina *caterina)
{
    size_t len = block_len(caterina);
    if (caterina->command[3] == 'F') {
        usb_hardware_erase(board->hardware, caterina->address / PAGE_BYTES * PAGE_BYTES,
                           PAGE_BYTES);
        usb_hardware_program(board->hardware, caterina->address, caterina->command + BLOCK_HEADER,
                             len);
        caterina->address += (uint32_t)len;
    } else {
        caterina->address += 2 * (uint32_t)len;
    }
    send(board, '\r');
}

static void read_block(struct usb_board *board, struct caterina *caterina)
{
    bool is_flash = caterina->command[3] == 'F';
    for (size_t i = 0; i < block_len(caterina); i++) {
        send(board, is_flash ? usb_hardware_read(board->hardware, caterina->address) : 0xff);
        caterina->address += is_flash ? 1 : 2;
    }
}

static void run_block(struct usb_board *board, struct caterina *caterina)
{
    usb_firmware_wake_after(board, TIMEOUT_US);
    if (!is_block_valid(caterina)) {
        send(board, '?');
    } else if (caterina->command[0] == 'B') {
        write_block(board, caterina);
    } else {
        read_block(board, caterina);
    }
}

static void run_command(struct usb_board *board, struct caterina *caterina)
{
    const struct answer *answer = find_answer(caterina->command[0]);
    switch (caterina->command[0]) {
    case 'A': /* in words */
        caterina->address = (uint32_t)(caterina->command[1] << 8 | caterina->command[2]) * 2;
        send(board, '\r');
        break;
    case 'e':
        usb_hardware_erase(board->hardware, 0, APPLICATION_BYTES);
        send(board, '\r');
        break;
    case 'B':
    case 'g':
        run_block(board, caterina);
        break;
    case 'E':
        usb_firmware_wake_after(board, EXIT_US);
        send(board, '\r');
        break;
    case ESCAPE:
        break;
    default:
        if (answer) {
            usb_firmware_send(board, 0, answer->bytes, answer->len);
        } else {
            send(board, '?');
        }
    }
}

static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    struct caterina *caterina = board->firmware_state;
    (void)channel;
    for (size_t i = 0; i < len; i++) {
        caterina->command[caterina->len++] = bytes[i];
        if (caterina->len == command_len(caterina)) {
            run_command(board, caterina);
            caterina->len = 0;
        }
    }
    return len;
}

const struct usb_firmware firmware_caterina = {
    .name = "caterina",
    .kind = &hardware_leonardo,
    .state_bytes = sizeof(struct caterina),
    .start = start,
    .take = take,
    .on_wake = on_wake,
};
