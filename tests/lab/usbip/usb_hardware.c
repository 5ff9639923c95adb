#include "usb_hardware.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

enum { ERASED = 0xff };

void usb_hardware_init(struct usb_hardware *hardware, const char *name,
                       const struct usb_hardware_kind *kind)
{
    memset(hardware, 0, sizeof *hardware);
    memcpy(hardware->name, name, strlen(name) + 1);
    hardware->kind = kind;
    memset(hardware->flash, ERASED, sizeof hardware->flash);
    if (kind->image_len > 0) {
        memcpy(hardware->flash, kind->image, kind->image_len);
    }
}

/* How many of len bytes from `at` on are in the memory. */
static size_t inside(const struct usb_hardware *hardware, uint32_t at, size_t len)
{
    size_t end = hardware->kind->flash_bytes;
    if (at >= end) {
        return 0;
    }
    return len < end - at ? len : end - at;
}

void usb_hardware_erase(struct usb_hardware *hardware, uint32_t at, size_t len)
{
    size_t bounded = inside(hardware, at, len);
    if (bounded > 0) {
        memset(hardware->flash + at, ERASED, bounded);
    }
}

void usb_hardware_program(struct usb_hardware *hardware, uint32_t at, const uint8_t *bytes,
                          size_t len)
{
    size_t bounded = inside(hardware, at, len);
    for (size_t i = 0; i < bounded; i++) {
        hardware->flash[at + i] &= bytes[i];
    }
    hardware->flash_writes++;
}

uint8_t usb_hardware_read(const struct usb_hardware *hardware, uint32_t at)
{
    return inside(hardware, at, 1) == 1 ? hardware->flash[at] : ERASED;
}

void usb_hardware_log_lines(struct usb_hardware *hardware, const struct usb_line_change *change)
{
    hardware->lines[hardware->line_changes++ % USB_HARDWARE_LINES] = *change;
}

struct usb_hardware *usb_hardware_find(const struct usb_hardware_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i]->name, name) == 0) {
            return table->items[i];
        }
    }
    return NULL;
}

int usb_hardware_take(struct usb_hardware_table *table, const char *name,
                      const struct usb_hardware_kind *kind, struct usb_hardware **hardware)
{
    struct usb_hardware *found = usb_hardware_find(table, name);
    if (found && found->kind == kind) {
        *hardware = found;
        return 0;
    }
    if (strlen(name) >= USB_HARDWARE_NAME_BYTES) {
        return ERR_TOO_LONG;
    }
    if (!found) {
        if (table->count == USB_HARDWARE_MAX) {
            return ERR_FULL;
        }
        found = malloc(sizeof *found);
        if (!found) {
            return ERR_NOMEM;
        }
        table->items[table->count++] = found;
    }
    usb_hardware_init(found, name, kind);
    *hardware = found;
    return 0;
}

void usb_hardware_clear(struct usb_hardware_table *table)
{
    while (table->count > 0) {
        free(table->items[--table->count]);
    }
}
