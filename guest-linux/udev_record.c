#include "guest-linux/udev_record.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

/* udevd keeps its socket here for as long as it runs. */
#define UDEV_CONTROL "control"
#define UDEV_RECORDS "data"
#define RECORD_TEXT_SIZE (64u * 1024)
/* In a record, a link below /dev is a line "S:serial/by-id/...", and the time at which udevd had
 * first finished with the device "I:123456789", in microseconds of CLOCK_MONOTONIC. */
#define BY_ID_LINE "S:serial/by-id/"
#define BY_PATH_LINE "S:serial/by-path/"
#define TIME_LINE "I:"

int udev_record_folder(const char *udev_root, char path[SYSFS_PATH_SIZE])
{
    if (!sysfs_exists(udev_root, "", UDEV_CONTROL)) {
        return ERR_NOT_FOUND;
    }
    return sysfs_join(udev_root, "", UDEV_RECORDS, path);
}

/* What follows `prefix` on the first line from `line` on that starts with it, or NULL. */
static const char *find_line(const char *line, const char *prefix)
{
    while (line != NULL && strncmp(line, prefix, strlen(prefix)) != 0) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL ? line + strlen(prefix) : NULL;
}

/* True if the record says that it is older; one without a time says nothing. */
static bool is_older(const char *text, uint64_t since_us)
{
    const char *digits = find_line(text, TIME_LINE);
    char *end;
    unsigned long long time_us;

    if (digits == NULL) {
        return false;
    }
    time_us = strtoull(digits, &end, 10);
    return end != digits && time_us < since_us;
}

static void find_link(const char *text, const char *prefix, const char *preferred,
                      char link[SERIAL_NAMES_SIZE])
{
    link[0] = '\0';
    for (const char *line = find_line(text, prefix); line != NULL; line = find_line(line, prefix)) {
        size_t len = strcspn(line, "\n");
        bool is_preferred = len == strlen(preferred) && memcmp(line, preferred, len) == 0;

        /* A link that does not fit whole would name another file. */
        if (len < SERIAL_NAMES_SIZE && (link[0] == '\0' || is_preferred)) {
            snprintf(link, SERIAL_NAMES_SIZE, "%.*s", (int)len, line);
        }
    }
}

int udev_record_read(const char *udev_root, unsigned major, unsigned minor, uint64_t since_us,
                     const struct udev_record *preferred, struct udev_record *record)
{
    char name[SYSFS_NAME_SIZE];
    char *text = malloc(RECORD_TEXT_SIZE);
    int err = ERR_NOMEM;

    if (text == NULL) {
        return err;
    }
    snprintf(name, sizeof name, "c%u:%u", major, minor);
    err = sysfs_read_text(udev_root, "/" UDEV_RECORDS, name, text, RECORD_TEXT_SIZE);
    if (err == ERR_NOT_FOUND || (err == 0 && is_older(text, since_us))) {
        err = ERR_BUSY;
    }
    if (err == 0) {
        find_link(text, BY_ID_LINE, preferred->by_id, record->by_id);
        find_link(text, BY_PATH_LINE, preferred->by_path, record->by_path);
    }
    free(text);
    return err;
}
