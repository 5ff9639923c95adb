#include "shared/core/hardware_id.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

#define STUB_VID 0x80ee
#define STUB_PID 0xcafe
#define BUSID_PART_MAX 99
#define ANY_PID 0x10000u

struct known_device {
    uint16_t vid;
    uint32_t pid; /* or ANY_PID */
    enum board_kind kind;
};

static const struct known_device known_devices[] = {
    {0x0483, 0x3744, BOARD_KIND_DEBUG},  /* ST-Link/V1 */
    {0x0483, 0x3748, BOARD_KIND_DEBUG},  /* ST-Link/V2 */
    {0x0483, 0x374a, BOARD_KIND_DEBUG},  /* ST-Link/V2-1 without mass storage */
    {0x0483, 0x374b, BOARD_KIND_DEBUG},  /* ST-Link/V2-1 */
    {0x0483, 0x374d, BOARD_KIND_DEBUG},  /* ST-Link/V3 in its loader */
    {0x0483, 0x374e, BOARD_KIND_DEBUG},  /* ST-Link/V3E */
    {0x0483, 0x374f, BOARD_KIND_DEBUG},  /* ST-Link/V3S */
    {0x0483, 0x3752, BOARD_KIND_DEBUG},  /* ST-Link/V2-1 with two ports */
    {0x0483, 0x3753, BOARD_KIND_DEBUG},  /* ST-Link/V3 with two ports */
    {0x0483, 0x3754, BOARD_KIND_DEBUG},  /* ST-Link/V3P */
    {0x0483, 0x3757, BOARD_KIND_DEBUG},  /* ST-Link/V3P without mass storage */
    {0x0d28, 0x0204, BOARD_KIND_DEBUG},  /* DAPLink (CMSIS-DAP) */
    {0x2e8a, 0x0004, BOARD_KIND_DEBUG},  /* Picoprobe */
    {0x2e8a, 0x000c, BOARD_KIND_DEBUG},  /* Raspberry Pi Debug Probe (CMSIS-DAP) */
    {0x03eb, 0x2111, BOARD_KIND_DEBUG},  /* Atmel EDBG (CMSIS-DAP) */
    {0x03eb, 0x2141, BOARD_KIND_DEBUG},  /* Atmel-ICE (CMSIS-DAP) */
    {0x1fc9, 0x0090, BOARD_KIND_DEBUG},  /* NXP LPC-Link2 (CMSIS-DAP) */
    {0x1fc9, 0x0143, BOARD_KIND_DEBUG},  /* NXP MCU-Link (CMSIS-DAP) */
    {0xc251, 0xf001, BOARD_KIND_DEBUG},  /* Keil CMSIS-DAP */
    {0x1d50, 0x6018, BOARD_KIND_DEBUG},  /* Black Magic Probe */
    {0x1366, ANY_PID, BOARD_KIND_DEBUG}, /* SEGGER J-Link */
    {0x1a86, 0x7522, BOARD_KIND_SERIAL}, /* WCH CH340K */
    {0x1a86, 0x7523, BOARD_KIND_SERIAL}, /* WCH CH340 */
    {0x1a86, 0x5523, BOARD_KIND_SERIAL}, /* WCH CH341 in serial mode */
    {0x1a86, 0x55d2, BOARD_KIND_SERIAL}, /* WCH CH9102, two ports */
    {0x1a86, 0x55d3, BOARD_KIND_SERIAL}, /* WCH CH343 */
    {0x1a86, 0x55d4, BOARD_KIND_SERIAL}, /* WCH CH9102 */
    {0x1a86, 0x55d5, BOARD_KIND_SERIAL}, /* WCH CH344 */
    {0x1a86, 0xe523, BOARD_KIND_SERIAL}, /* WCH CH330 */
    {0x10c4, 0xea60, BOARD_KIND_SERIAL}, /* Silicon Labs CP2102, CP2104 */
    {0x10c4, 0xea63, BOARD_KIND_SERIAL}, /* Silicon Labs CP2104 */
    {0x10c4, 0xea70, BOARD_KIND_SERIAL}, /* Silicon Labs CP2105 */
    {0x10c4, 0xea71, BOARD_KIND_SERIAL}, /* Silicon Labs CP2108 */
    {0x0403, 0x6001, BOARD_KIND_SERIAL}, /* FTDI FT232R */
    {0x0403, 0x6010, BOARD_KIND_SERIAL}, /* FTDI FT2232 */
    {0x0403, 0x6011, BOARD_KIND_SERIAL}, /* FTDI FT4232 */
    {0x0403, 0x6014, BOARD_KIND_SERIAL}, /* FTDI FT232H */
    {0x0403, 0x6015, BOARD_KIND_SERIAL}, /* FTDI FT-X */
    {0x067b, 0x2303, BOARD_KIND_SERIAL}, /* Prolific PL2303 */
    {0x067b, 0x23a3, BOARD_KIND_SERIAL}, /* Prolific PL2303GC */
    {0x067b, 0x23b3, BOARD_KIND_SERIAL}, /* Prolific PL2303GB */
    {0x067b, 0x23c3, BOARD_KIND_SERIAL}, /* Prolific PL2303GT */
    {0x067b, 0x23d3, BOARD_KIND_SERIAL}, /* Prolific PL2303GL */
    {0x067b, 0x23e3, BOARD_KIND_SERIAL}, /* Prolific PL2303GE */
    {0x067b, 0x23f3, BOARD_KIND_SERIAL}, /* Prolific PL2303GS */
    /* Composite boards, whose serial interface Windows shows only on a child node, later. */
    {0x2341, ANY_PID, BOARD_KIND_SERIAL}, /* Arduino */
    {0x2a03, ANY_PID, BOARD_KIND_SERIAL}, /* Arduino (dog hunter) */
    {0x239a, ANY_PID, BOARD_KIND_SERIAL}, /* Adafruit */
    {0x303a, ANY_PID, BOARD_KIND_SERIAL}, /* Espressif */
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The text after `prefix` (given in lower case) if `text` starts with it, else NULL. */
static const char *skip_prefix(const char *text, const char *prefix)
{
    for (; *prefix != '\0'; text++, prefix++) {
        if (lower(*text) != *prefix)
            return NULL;
    }
    return text;
}

static int hex_digit(char c)
{
    c = lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads exactly `digits` hex digits; NULL if there are fewer. */
static const char *read_hex(const char *text, unsigned digits, unsigned *value)
{
    unsigned sum = 0;

    for (; digits > 0; digits--, text++) {
        int digit = hex_digit(*text);

        if (digit < 0)
            return NULL;
        sum = sum * 16 + (unsigned)digit;
    }
    *value = sum;
    return text;
}

/* Reads the fields between PID and the instance (`&MI_00`, `&REV_0264`), up to the backslash. */
static const char *read_fields(const char *text, int *interface)
{
    while (*text == '&') {
        const char *field = skip_prefix(text, "&mi_");
        unsigned value;

        if (field != NULL) {
            text = read_hex(field, 2, &value);
            if (text == NULL)
                return NULL;
            *interface = (int)value;
        } else {
            text += 1 + strcspn(text + 1, "&\\");
        }
    }
    return *text == '\\' ? text + 1 : NULL;
}

int hardware_id_from_instance_id(const char *instance_id, struct hardware_id *hardware_id)
{
    struct hardware_id found = {.interface = HARDWARE_ID_NO_INTERFACE};
    const char *text = skip_prefix(instance_id, "usb\\vid_");
    unsigned vid;
    unsigned pid;
    size_t len = strlen(instance_id);

    if (text == NULL || (text = read_hex(text, 4, &vid)) == NULL ||
        (text = skip_prefix(text, "&pid_")) == NULL || (text = read_hex(text, 4, &pid)) == NULL ||
        (text = read_fields(text, &found.interface)) == NULL)
        return ERR_INVALID;
    if (*text == '\0' || strchr(text, '\\') != NULL || text_has_control(instance_id))
        return ERR_INVALID;
    if (len >= sizeof(found.id))
        return ERR_TOO_LONG;
    found.vid = (uint16_t)vid;
    found.pid = (uint16_t)pid;
    for (size_t i = 0; i <= len; i++)
        found.id[i] = lower(instance_id[i]);
    if (strchr(text, '&') == NULL && text_copy(found.serial, sizeof(found.serial), text) != 0)
        return ERR_TOO_LONG;
    *hardware_id = found;
    return 0;
}

bool hardware_id_is_stub(const struct hardware_id *hardware_id)
{
    return hardware_id->vid == STUB_VID && hardware_id->pid == STUB_PID;
}

int hardware_id_from_interface_path(const char *path, char id[BOARD_ID_SIZE])
{
    const char *start = strncmp(path, "\\\\?\\", 4) == 0 ? path + 4 : NULL;
    const char *end;
    char copy[BOARD_ID_SIZE];
    unsigned hashes = 0;

    if (start == NULL || (end = strrchr(start, '#')) == NULL || end == start || end[1] != '{')
        return ERR_INVALID;
    if ((size_t)(end - start) >= sizeof(copy))
        return ERR_TOO_LONG;
    for (const char *from = start; from < end; from++) {
        if (*from == '\\')
            return ERR_INVALID;
        hashes += *from == '#';
        copy[from - start] = *from == '#' ? '\\' : lower(*from);
    }
    copy[end - start] = '\0';
    if (hashes != 2 || !text_is_utf8(copy, (size_t)(end - start)))
        return ERR_INVALID;
    memcpy(id, copy, (size_t)(end - start) + 1);
    return 0;
}

/* Reads four decimal digits that make a number within 1 and 99; 0 for anything else. A digit A to
 * F occurs on real machines, and usbipd-win does not serve such a port. */
static unsigned read_location_part(const char *text)
{
    unsigned sum = 0;

    for (int i = 0; i < 4; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        sum = sum * 10 + (unsigned)(text[i] - '0');
    }
    return sum <= BUSID_PART_MAX ? sum : 0;
}

static char *write_number(char *target, unsigned number)
{
    if (number >= 10)
        *target++ = (char)('0' + number / 10);
    *target++ = (char)('0' + number % 10);
    return target;
}

int hardware_id_busid_from_location(const char *location, char busid[BOARD_BUSID_SIZE])
{
    const char *port_text = skip_prefix(location, "port_#");
    const char *hub_text;
    unsigned port;
    unsigned hub;
    char *target = busid;

    if (port_text == NULL || (port = read_location_part(port_text)) == 0)
        return ERR_UNSUPPORTED;
    hub_text = skip_prefix(port_text + 4, ".hub_#");
    if (hub_text == NULL || (hub = read_location_part(hub_text)) == 0 || hub_text[4] != '\0')
        return ERR_UNSUPPORTED;
    target = write_number(target, hub);
    *target++ = '-';
    *write_number(target, port) = '\0';
    return 0;
}

static const char *next_id(const char *id)
{
    return id + strlen(id) + 1;
}

/* True for `USB\` + class + anything, with the `Dev` that Windows puts before the class of a
 * device whose interfaces have classes of their own. */
static bool has_class(const char *id, const char *class)
{
    const char *text = skip_prefix(id, "usb\\");
    const char *device = text != NULL ? skip_prefix(text, "dev") : NULL;

    if (device != NULL)
        text = device;
    return text != NULL && skip_prefix(text, class) != NULL;
}

bool hardware_id_list_is_hub(const char *ids)
{
    for (; *ids != '\0'; ids = next_id(ids)) {
        size_t len = strlen(ids);

        if (has_class(ids, "class_09") || (len > 4 && text_equal_nocase(ids + len - 4, "_hub")))
            return true;
    }
    return false;
}

enum board_kind hardware_id_list_to_kind(const char *ids)
{
    static const struct {
        const char *class;
        enum board_kind kind;
    } classes[] = {
        {"class_02&subclass_02", BOARD_KIND_SERIAL},
        {"class_fe&subclass_01", BOARD_KIND_DFU},
    };

    for (; *ids != '\0'; ids = next_id(ids)) {
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
            if (has_class(ids, classes[i].class))
                return classes[i].kind;
        }
    }
    return BOARD_KIND_OTHER;
}

enum board_kind hardware_id_known_kind(uint16_t vid, uint16_t pid)
{
    for (size_t i = 0; i < sizeof(known_devices) / sizeof(known_devices[0]); i++) {
        const struct known_device *known = &known_devices[i];

        if (known->vid == vid && (known->pid == ANY_PID || known->pid == pid))
            return known->kind;
    }
    return BOARD_KIND_OTHER;
}
