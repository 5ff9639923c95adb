/* A CMSIS-DAP probe with nothing on its pins: it tells what it is, takes all that sets it up, and
 * answers each transfer over SWD with "nobody acknowledged". Numbers: Arm's CMSIS-DAP, version 2.
 */
#include "usb_firmware.h"

#include <string.h>

enum {
    DAP_INFO = 0x00,
    DAP_HOST_STATUS = 0x01,
    DAP_CONNECT = 0x02,
    DAP_DISCONNECT = 0x03,
    DAP_TRANSFER_CONFIGURE = 0x04,
    DAP_TRANSFER = 0x05,
    DAP_TRANSFER_BLOCK = 0x06,
    DAP_WRITE_ABORT = 0x08,
    DAP_DELAY = 0x09,
    DAP_SWJ_PINS = 0x10,
    DAP_SWJ_CLOCK = 0x11,
    DAP_SWJ_SEQUENCE = 0x12,
    DAP_SWD_CONFIGURE = 0x13,
    DAP_UNKNOWN = 0xff,

    OK = 0,
    PORT_SWD = 1,
    NO_ACK = 7,
    PACKET_BYTES = 64,
};

struct reply {
    uint8_t command;
    uint8_t len;
    uint8_t bytes[3]; /* behind the command, which each reply repeats */
};

static const struct reply replies[] = {
    {DAP_HOST_STATUS, 1, {OK}},     {DAP_CONNECT, 1, {PORT_SWD}},
    {DAP_DISCONNECT, 1, {OK}},      {DAP_TRANSFER_CONFIGURE, 1, {OK}},
    {DAP_TRANSFER, 2, {0, NO_ACK}}, {DAP_TRANSFER_BLOCK, 3, {0, 0, NO_ACK}},
    {DAP_WRITE_ABORT, 1, {OK}},     {DAP_DELAY, 1, {OK}},
    {DAP_SWJ_PINS, 1, {0}},         {DAP_SWJ_CLOCK, 1, {OK}},
    {DAP_SWJ_SEQUENCE, 1, {OK}},    {DAP_SWD_CONFIGURE, 1, {OK}},
};

/* What DAP_INFO is asked for. */
struct fact {
    uint8_t id;
    uint8_t len;
    const char *bytes;
};

static const struct fact facts[] = {
    {0x01, sizeof "ttyferry", "ttyferry"}, /* vendor; texts have their NUL */
    {0x04, sizeof "2.1.0", "2.1.0"},       /* of the protocol */
    {0xf0, 1, "\x01"},                     /* SWD, no JTAG, no trace */
    {0xfe, 1, "\x01"},                     /* commands at a time */
    {0xff, 2, "\x40"},                     /* PACKET_BYTES, little-endian */
};

static void start(struct usb_board *board)
{
    board->hardware->mode = USB_MODE_SKETCH;
}

/* A fact that it does not have is an empty one. */
static size_t tell(uint8_t id, uint8_t answer[PACKET_BYTES])
{
    answer[0] = DAP_INFO;
    answer[1] = 0;
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].id == id) {
            answer[1] = facts[i].len;
            memcpy(answer + 2, facts[i].bytes, facts[i].len);
        }
    }
    return 2u + answer[1];
}

static size_t obey(uint8_t command, uint8_t answer[PACKET_BYTES])
{
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        if (replies[i].command == command) {
            answer[0] = command;
            memcpy(answer + 1, replies[i].bytes, replies[i].len);
            return 1u + replies[i].len;
        }
    }
    answer[0] = DAP_UNKNOWN;
    return 1;
}

/* Each write of the host is one command. */
static size_t take(struct usb_board *board, uint8_t channel, const uint8_t *bytes, size_t len)
{
    uint8_t answer[PACKET_BYTES];
    size_t answer_len;

    if (len == 0) {
        return 0;
    }
    answer_len =
        bytes[0] == DAP_INFO ? tell(len > 1 ? bytes[1] : 0, answer) : obey(bytes[0], answer);
    usb_firmware_send(board, channel, answer, answer_len);
    return len;
}

static const struct usb_hardware_kind kind = {.flash_bytes = 0};

const struct usb_firmware firmware_cmsis_dap = {
    .name = "cmsis_dap",
    .kind = &kind,
    .start = start,
    .take = take,
};
