/* An ATmega328P with Optiboot behind a USB serial chip, as on the Nano: a capacitor makes a reset
 * of each falling edge at the chip's DTR# or RTS#, which is the line being asserted. Optiboot then
 * speaks STK500v1 for as long as its watchdog is fed, and the sketch runs when it bites. */
#include "usb_firmware.h"

enum {
    BAUD = 115200,
    FLASH_BYTES = 32768,
    PAGE_BYTES = 128,
    MAX_BLOCK = 256,
    WATCHDOG_US = 1000000,
    SHORT_WATCHDOG_US = 16000,

    COMMAND_GET_PARAMETER = 0x41,
    COMMAND_SET_DEVICE = 0x42,
    COMMAND_SET_DEVICE_EXT = 0x45,
    COMMAND_LEAVE_PROGMODE = 0x51,
    COMMAND_LOAD_ADDRESS = 0x55,
    COMMAND_UNIVERSAL = 0x56,
    COMMAND_PROG_PAGE = 0x64,
    COMMAND_READ_PAGE = 0x74,
    COMMAND_READ_SIGN = 0x75,
    END_OF_COMMAND = 0x20,
    REPLY_IN_SYNC = 0x14,
    REPLY_OK = 0x10,

    PARAMETER_MAJOR = 0x81,
    PARAMETER_MINOR = 0x82,
    PARAMETER_OTHER = 3, /* for all that it does not know */
    VERSION_MAJOR = 8,
    VERSION_MINOR = 3,
    BLOCK_HEADER = 4, /* the command, two bytes of length, the kind of memory */
};

struct optiboot {
    uint8_t command[BLOCK_HEADER + MAX_BLOCK + 1]; /* as far as it has come; with its end */
    size_t len;
    uint32_t address;
    bool is_dying; /* the watchdog is not fed any more */
    bool is_hung;  /* it waits for the watchdog, and answers nothing */
};

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_SKETCH; /* Optiboot starts the sketch at power-on. */
}

static void on_line_state(struct usb_board *board, unsigned before)
{
    if (board->line_state & ~before) {
        *(struct optiboot *)board->firmware_state = (struct optiboot){0};
        usb_firmware_reset(board, USB_MODE_BOOTLOADER);
        usb_firmware_wake_after(board, WATCHDOG_US);
    }
}

static void on_wake(struct usb_board *board)
{
    usb_firmware_reset(board, USB_MODE_SKETCH);
}

static void die(struct usb_board *board)
{
    ((struct optiboot *)board->firmware_state)->is_dying = true;
    usb_firmware_wake_after(board, SHORT_WATCHDOG_US);
}

static void send(struct usb_board *board, uint8_t byte)
{
    usb_firmware_send(board, 0, &byte, 1);
}

static size_t block_len(const struct optiboot *optiboot)
{
    return (size_t)optiboot->command[1] << 8 | optiboot->command[2];
}

/* The command's length with its end, as far as that is known yet. */
static size_t command_len(const struct optiboot *optiboot)
{
    switch (optiboot->command[0]) {
    case COMMAND_GET_PARAMETER:
        return 3;
    case COMMAND_SET_DEVICE:
        return 22;
    case COMMAND_SET_DEVICE_EXT:
        return 7;
    case COMMAND_LOAD_ADDRESS:
        return 4;
    case COMMAND_UNIVERSAL:
        return 6;
    case COMMAND_READ_PAGE:
        return BLOCK_HEADER + 1;
    case COMMAND_PROG_PAGE:
        return optiboot->len < BLOCK_HEADER ? BLOCK_HEADER : BLOCK_HEADER + block_len(optiboot) + 1;
    default:
        return 2;
    }
}

static void get_parameter(struct usb_board *board, const struct optiboot *optiboot)
{
    uint8_t which = optiboot->command[1];
    if (which == PARAMETER_MAJOR) {
        send(board, VERSION_MAJOR);
    } else {
        send(board, which == PARAMETER_MINOR ? VERSION_MINOR : PARAMETER_OTHER);
    }
}

/* A page is erased before it is written. There is no EEPROM. */
static void program_page(struct usb_board *board, const struct optiboot *optiboot)
{
    if (optiboot->command[3] == 'F') {
        usb_hardware_erase(board->hardware, optiboot->address, PAGE_BYTES);
        usb_hardware_program(board->hardware, optiboot->address, optiboot->command + BLOCK_HEADER,
                             block_len(optiboot));
    }
}

static void read_page(struct usb_board *board, const struct optiboot *optiboot)
{
    for (uint32_t i = 0; i < block_len(optiboot); i++) {
        send(board, usb_hardware_read(board->hardware, optiboot->address + i));
    }
}

static void run_command(struct usb_board *board, struct optiboot *optiboot)
{
    static const uint8_t signature[] = {0x1e, 0x95, 0x0f};

    send(board, REPLY_IN_SYNC);
    switch (optiboot->command[0]) {
    case COMMAND_GET_PARAMETER:
        get_parameter(board, optiboot);
        break;
    case COMMAND_LOAD_ADDRESS: /* in words */
        optiboot->address = (uint32_t)(optiboot->command[1] | optiboot->command[2] << 8) * 2;
        break;
    case COMMAND_UNIVERSAL:
        send(board, 0);
        break;
    case COMMAND_PROG_PAGE:
        program_page(board, optiboot);
        break;
    case COMMAND_READ_PAGE:
        read_page(board, optiboot);
        break;
    case COMMAND_READ_SIGN:
        usb_firmware_send(board, 0, signature, sizeof signature);
        break;
    case COMMAND_LEAVE_PROGMODE:
        die(board);
        break;
    default:
        break; /* It needs no more than an acknowledgement. */
    }
    send(board, REPLY_OK);
}

/* Other rates come as garbage. CH341's divisors meet this one within 0.2 %. */
static bool is_readable(const struct usb_board *board)
{
    uint32_t baud = usb_board_line_rate(board);
    return baud > BAUD - BAUD / 50 && baud < BAUD + BAUD / 50;
}

/* Whatever does not end as a command must comes from a host that is not in step, or speaks to the
 * sketch. */
static void take_byte(struct usb_board *board, struct optiboot *optiboot, uint8_t byte)
{
    size_t want;
    optiboot->command[optiboot->len++] = byte;
    if (!optiboot->is_dying) {
        usb_firmware_wake_after(board, WATCHDOG_US);
    }
    want = command_len(optiboot);
    if (want <= sizeof optiboot->command && optiboot->len < want) {
        return;
    }
    if (want <= sizeof optiboot->command && byte == END_OF_COMMAND && is_readable(board)) {
        run_command(board, optiboot);
    } else {
        optiboot->is_hung = true;
        die(board);
    }
    optiboot->len = 0;
}

static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    struct optiboot *optiboot = board->firmware_state;
    if (board->hardware->mode == USB_MODE_SKETCH) {
        return usb_firmware_echo(board, channel, bytes, len);
    }
    for (size_t i = 0; i < len && !optiboot->is_hung; i++) {
        take_byte(board, optiboot, bytes[i]);
    }
    return len;
}

/* Any sketch: a jump over the interrupt vectors. */
static const uint8_t image[] = {0x0c, 0x94, 0x5c, 0x00};

static const struct usb_hardware_kind nano = {
    .flash_bytes = FLASH_BYTES, .image = image, .image_len = sizeof image};

const struct usb_firmware firmware_optiboot = {
    .name = "optiboot",
    .kind = &nano,
    .state_bytes = sizeof(struct optiboot),
    .start = start,
    .take = take,
    .on_line_state = on_line_state,
    .on_wake = on_wake,
};
