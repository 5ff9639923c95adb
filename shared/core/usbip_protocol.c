#include "shared/core/usbip_protocol.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

#define OP_REQ_IMPORT 0x8003u
#define OP_REP_IMPORT 0x0003u

/* Offsets within the device record. */
enum {
    RECORD_PATH = 0,
    RECORD_BUSID = 256,
    RECORD_BUSNUM = 288,
    RECORD_DEVNUM = 292,
    RECORD_SPEED = 296,
    RECORD_VID = 300,
    RECORD_PID = 302,
    RECORD_BCD_DEVICE = 304,
    RECORD_CLASS = 306,
    RECORD_SUBCLASS = 307,
    RECORD_PROTOCOL = 308,
    RECORD_CONFIGURATION_VALUE = 309,
    RECORD_CONFIGURATIONS = 310,
    RECORD_INTERFACES = 311,
};

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           (uint32_t)bytes[3];
}

static void write_u16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

int usbip_protocol_import_request(const char *busid, uint8_t request[USBIP_PROTOCOL_REQUEST_SIZE])
{
    if (!board_busid_is_valid(busid))
        return ERR_INVALID;
    memset(request, 0, USBIP_PROTOCOL_REQUEST_SIZE);
    write_u16(request, USBIP_PROTOCOL_VERSION);
    write_u16(request + 2, OP_REQ_IMPORT);
    return text_copy((char *)request + USBIP_PROTOCOL_HEADER_SIZE, USBIP_PROTOCOL_BUSID_SIZE,
                     busid);
}

void usbip_protocol_reply_init(struct usbip_reply *reply, const char *busid)
{
    memset(reply, 0, sizeof *reply);
    text_copy(reply->asked, sizeof reply->asked, busid);
}

size_t usbip_protocol_reply_wanted(const struct usbip_reply *reply)
{
    if (reply->error || reply->state != USBIP_REPLY_PARTIAL)
        return 0;
    if (reply->len < USBIP_PROTOCOL_HEADER_SIZE)
        return USBIP_PROTOCOL_HEADER_SIZE - reply->len;
    return USBIP_PROTOCOL_REPLY_MAX - reply->len;
}

static int fail(struct usbip_reply *reply, int error, const char *reason)
{
    reply->error = error;
    reply->reason = reason;
    return error;
}

static int check_header(struct usbip_reply *reply)
{
    if (read_u16(reply->bytes) != USBIP_PROTOCOL_VERSION)
        return fail(reply, ERR_VERSION, "the server speaks another version of USB/IP");
    if (read_u16(reply->bytes + 2) != OP_REP_IMPORT)
        return fail(reply, ERR_INVALID, "the server answered something else than an import");
    reply->status = read_u32(reply->bytes + 4);
    if (reply->status)
        reply->state = USBIP_REPLY_REFUSED;
    return 0;
}

/* The record's number is that of enum board_speed, which has USB/IP's numbers; 4 (wireless USB)
 * and SuperSpeedPlus (usbipd-win says 5 for it) do not occur. */
static bool speed_is_known(uint32_t speed)
{
    return speed == BOARD_SPEED_LOW || speed == BOARD_SPEED_FULL || speed == BOARD_SPEED_HIGH ||
           speed == BOARD_SPEED_SUPER;
}

static int check_record(struct usbip_reply *reply, const uint8_t *record)
{
    if (!memchr(record + RECORD_PATH, 0, USBIP_PROTOCOL_PATH_SIZE) ||
        !memchr(record + RECORD_BUSID, 0, USBIP_PROTOCOL_BUSID_SIZE))
        return fail(reply, ERR_INVALID, "a text in the server's record has no end");
    if (strcmp((const char *)record + RECORD_BUSID, reply->asked) != 0)
        return fail(reply, ERR_INVALID, "the server's record is about another busid");
    if (!speed_is_known(read_u32(record + RECORD_SPEED)))
        return fail(reply, ERR_INVALID, "the server's record has an unknown speed");
    /* vhci packs both numbers into one devid. */
    if (read_u32(record + RECORD_BUSNUM) > UINT16_MAX ||
        read_u32(record + RECORD_DEVNUM) > UINT16_MAX)
        return fail(reply, ERR_INVALID, "the server's record has a device number out of range");
    return 0;
}

static int take_record(struct usbip_reply *reply)
{
    const uint8_t *record = reply->bytes + USBIP_PROTOCOL_HEADER_SIZE;
    struct usbip_device *device = &reply->device;
    int err = check_record(reply, record);

    if (err)
        return err;
    memcpy(device->path, record + RECORD_PATH, sizeof device->path);
    memcpy(device->busid, record + RECORD_BUSID, sizeof device->busid);
    device->devid = read_u32(record + RECORD_BUSNUM) << 16 | read_u32(record + RECORD_DEVNUM);
    device->speed = (enum board_speed)read_u32(record + RECORD_SPEED);
    device->vid = read_u16(record + RECORD_VID);
    device->pid = read_u16(record + RECORD_PID);
    device->bcd_device = read_u16(record + RECORD_BCD_DEVICE);
    device->device_class = record[RECORD_CLASS];
    device->device_subclass = record[RECORD_SUBCLASS];
    device->device_protocol = record[RECORD_PROTOCOL];
    device->configuration_value = record[RECORD_CONFIGURATION_VALUE];
    device->configurations = record[RECORD_CONFIGURATIONS];
    device->interfaces = record[RECORD_INTERFACES];
    reply->state = USBIP_REPLY_ACCEPTED;
    return 0;
}

static int take_some(struct usbip_reply *reply, const uint8_t *bytes, size_t len)
{
    memcpy(reply->bytes + reply->len, bytes, len);
    reply->len += len;
    if (reply->len == USBIP_PROTOCOL_HEADER_SIZE)
        return check_header(reply);
    if (reply->len == USBIP_PROTOCOL_REPLY_MAX)
        return take_record(reply);
    return 0;
}

int usbip_protocol_reply_feed(struct usbip_reply *reply, const uint8_t *bytes, size_t len)
{
    while (len > 0 && !reply->error) {
        size_t wanted = usbip_protocol_reply_wanted(reply);
        size_t part = len < wanted ? len : wanted;
        int err;

        if (part == 0)
            return fail(reply, ERR_TOO_LONG, "the server sent more than its reply");
        err = take_some(reply, bytes, part);
        if (err)
            return err;
        bytes += part;
        len -= part;
    }
    return reply->error;
}
