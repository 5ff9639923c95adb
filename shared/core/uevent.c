#include "shared/core/uevent.h"

#include <string.h>

#include "shared/core/error.h"

/* Decimal, as the kernel prints; BUSNUM and DEVNUM come with leading zeros ("001"). */
static int64_t number_from_text(const char *text)
{
    int64_t value = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

struct text_key {
    const char *name;
    size_t offset;
};

static const struct text_key text_keys[] = {
    {"ACTION", offsetof(struct uevent, action)},
    {"DEVPATH", offsetof(struct uevent, devpath)},
    {"SUBSYSTEM", offsetof(struct uevent, subsystem)},
    {"DEVNAME", offsetof(struct uevent, devname)},
    {"DEVTYPE", offsetof(struct uevent, devtype)},
    {"INTERFACE", offsetof(struct uevent, interface)},
    {"MODALIAS", offsetof(struct uevent, modalias)},
    {"DRIVER", offsetof(struct uevent, driver)},
};

static const struct text_key number_keys[] = {
    {"MAJOR", offsetof(struct uevent, major)},   {"MINOR", offsetof(struct uevent, minor)},
    {"BUSNUM", offsetof(struct uevent, busnum)}, {"DEVNUM", offsetof(struct uevent, devnum)},
    {"SEQNUM", offsetof(struct uevent, seqnum)},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool key_is(const char *text, size_t key_len, const char *name)
{
    return strlen(name) == key_len && memcmp(text, name, key_len) == 0;
}

static void take_pair(struct uevent *event, const char *pair)
{
    const char *equals = strchr(pair, '=');
    size_t key_len;

    if (!equals)
        return;
    key_len = (size_t)(equals - pair);
    for (size_t i = 0; i < COUNT(text_keys); i++)
        if (key_is(pair, key_len, text_keys[i].name))
            *(const char **)((char *)event + text_keys[i].offset) = equals + 1;
    for (size_t i = 0; i < COUNT(number_keys); i++)
        if (key_is(pair, key_len, number_keys[i].name))
            *(int64_t *)((char *)event + number_keys[i].offset) = number_from_text(equals + 1);
}

/* The header must say what ACTION and DEVPATH say: a message of udevd's own group ("libudev") or
 * a forged one does not. */
static bool header_agrees(const char *header, const struct uevent *event)
{
    size_t action_len = strlen(event->action);

    return action_len > 0 && event->devpath[0] == '/' &&
           strncmp(header, event->action, action_len) == 0 && header[action_len] == '@' &&
           strcmp(header + action_len + 1, event->devpath) == 0;
}

int uevent_from_datagram(const char *datagram, size_t len, struct uevent *event)
{
    struct uevent found = {"", "", "", "", "", "", "", "", -1, -1, -1, -1, -1};

    if (len == 0 || len > UEVENT_DATAGRAM_MAX || datagram[len - 1] != '\0')
        return ERR_INVALID;
    for (size_t at = strlen(datagram) + 1; at < len; at += strlen(datagram + at) + 1)
        take_pair(&found, datagram + at);
    if (!header_agrees(datagram, &found))
        return ERR_INVALID;
    *event = found;
    return 0;
}

bool uevent_path_is_below(const char *path, const char *root)
{
    size_t len = strlen(root);

    return strncmp(path, root, len) == 0 && (path[len] == '\0' || path[len] == '/');
}
