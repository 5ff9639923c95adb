#include "shared/core/serial_names.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

/* usb_id's own buffers: what does not fit is cut off. */
#define PART_SIZE 64
#define SERIAL_SIZE 512
#define ID_SIZE 256

#define PLATFORM "/devices/platform/"

/* isspace() in the C locale, which udevd runs in; leading white space is but the first four. */
#define SPACE " \t\n\r\v\f"
#define LEADING_SPACE " \t\n\r"

bool serial_names_are_for(const char *tty)
{
    return (strncmp(tty, "ttyACM", 6) == 0 || strncmp(tty, "ttyUSB", 6) == 0) && tty[6] >= '0' &&
           tty[6] <= '9';
}

static bool is_one_of(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

static bool is_plain(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || is_one_of(byte, "#+-.:=@_");
}

/* Of a character beyond ASCII; 0 if it is none that udev knows, which leaves out what Unicode calls
 * no characters too. */
static size_t foreign_len(const char *text)
{
    uint32_t point = 0;
    size_t len = text_decode_utf8(text, strlen(text), &point);
    bool is_none = (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFE) == 0xFFFE;

    return len > 1 && !is_none ? len : 0;
}

/* What follows "\x" is left to the next steps, as there: an escape is kept, though it was the
 * device that wrote it. */
static void replace_chars(char *text)
{
    while (*text != '\0') {
        size_t len = is_plain(*text) ? 1 : foreign_len(text);

        if (len == 0 && text[0] == '\\' && text[1] == 'x') {
            len = 2;
        }
        if (len == 0) {
            *text = '_';
            len = 1;
        }
        text += len;
    }
}

/* Copies the first `size` - 1 bytes of `source`: white space at the ends goes, each run within
 * becomes one underscore. */
static void copy_part(char *target, size_t size, const char *source)
{
    size_t limit = size - 1;
    size_t len = 0;
    bool is_after_space = false;

    for (size_t i = strspn(source, LEADING_SPACE); i < limit && source[i] != '\0'; i++) {
        if (is_one_of(source[i], SPACE)) {
            is_after_space = true;
            continue;
        }
        if (is_after_space) {
            if (len + 1 >= limit) {
                break;
            }
            target[len++] = '_';
            is_after_space = false;
        }
        target[len++] = source[i];
    }
    target[len] = '\0';
    replace_chars(target);
}

/* Microsoft's rule, which usb_id holds a serial number to. The line ends that a sysfs file ends
 * with are none of it. */
static bool is_serial(const char *serial)
{
    size_t len = strlen(serial);

    while (len > 0 && is_one_of(serial[len - 1], "\n\r")) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)serial[i];

        if (byte < 0x20 || byte > 0x7F || byte == ',') {
            return false;
        }
    }
    return true;
}

static void copy_or_number(char part[PART_SIZE], const char *text, uint16_t number)
{
    char digits[5];

    snprintf(digits, sizeof digits, "%04x", (unsigned)number);
    copy_part(part, PART_SIZE, text[0] != '\0' ? text : digits);
}

static int add_port(int len, int port, char name[SERIAL_NAMES_SIZE])
{
    if (len >= 0 && len < SERIAL_NAMES_SIZE && port != SERIAL_NAMES_NO_PORT) {
        len += snprintf(name + len, SERIAL_NAMES_SIZE - (size_t)len, "-port%d", port);
    }
    return len < 0 || len >= SERIAL_NAMES_SIZE ? ERR_TOO_LONG : 0;
}

int serial_names_by_id(const struct serial_names_device *device, uint8_t interface, int port,
                       char name[SERIAL_NAMES_SIZE])
{
    char vendor[PART_SIZE];
    char product[PART_SIZE];
    char serial[SERIAL_SIZE] = "";
    char id[ID_SIZE + SERIAL_SIZE];
    char made[SERIAL_NAMES_SIZE];
    int err;

    copy_or_number(vendor, device->manufacturer, device->vid);
    copy_or_number(product, device->product, device->pid);
    if (is_serial(device->serial)) {
        copy_part(serial, sizeof serial, device->serial);
    }
    snprintf(id, sizeof id, "%s_%s%s%s", vendor, product, serial[0] != '\0' ? "_" : "", serial);
    id[ID_SIZE - 1] = '\0';
    replace_chars(id); /* The cut may have gone through an escape. */
    err =
        add_port(snprintf(made, sizeof made, "usb-%s-if%02x", id, (unsigned)interface), port, made);
    if (err == 0) {
        memcpy(name, made, sizeof made);
    }
    return err;
}

int serial_names_by_path(const char *devpath, const char *interface, int port,
                         char name[SERIAL_NAMES_SIZE])
{
    size_t prefix_len = strlen(PLATFORM);
    const char *controller = devpath + prefix_len;
    const char *place = strchr(interface, '-');
    char made[SERIAL_NAMES_SIZE];
    size_t len;
    int err;

    if (strncmp(devpath, PLATFORM, prefix_len) != 0 || place == NULL) {
        return ERR_INVALID;
    }
    len = strcspn(controller, "/");
    place++;
    if (len == 0 || len >= PART_SIZE || strncmp(controller + len, "/usb", 4) != 0 ||
        place[0] == '\0' || place[strspn(place, "0123456789.:")] != '\0') {
        return ERR_INVALID;
    }
    /* The bus's number may change; what is behind it does not, and udev says 0 for it. */
    err =
        add_port(snprintf(made, sizeof made, "platform-%.*s-usb-0:%s", (int)len, controller, place),
                 port, made);
    if (err == 0) {
        replace_chars(made);
        memcpy(name, made, sizeof made);
    }
    return err;
}
