#include "usbip_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

/* Reads 1 to 99 without leading zeros, and moves *text past it; 0 where there is no such number. */
static uint32_t parse_number(const char **text)
{
    uint32_t number = 0;
    if (**text == '0') {
        return 0;
    }
    while (**text >= '0' && **text <= '9' && number <= USBIP_BUSID_MAX_NUMBER) {
        number = number * 10 + (uint32_t)(**text - '0');
        (*text)++;
    }
    return number <= USBIP_BUSID_MAX_NUMBER ? number : 0;
}

int usbip_export_parse_busid(const char *busid, uint32_t *hub, uint32_t *port)
{
    uint32_t first = parse_number(&busid);
    uint32_t second;
    if (first == 0 || *busid != '-') {
        return ERR_INVALID;
    }
    busid++;
    second = parse_number(&busid);
    if (second == 0 || *busid != '\0') {
        return ERR_INVALID;
    }
    *hub = first;
    *port = second;
    return 0;
}

/* Windows makes an id up from the location where the device has no serial number. */
static int set_instance(struct usbip_export *item, const char *instance)
{
    const struct usb_board *board = item->board;
    int len;
    if (instance) {
        len = snprintf(item->instance, sizeof item->instance, "%s", instance);
    } else if (board->serial[0] != '\0') {
        len = snprintf(item->instance, sizeof item->instance, "USB\\VID_%04X&PID_%04X\\%s",
                       board->vid, board->pid, board->serial);
    } else {
        len = snprintf(item->instance, sizeof item->instance, "USB\\VID_%04X&PID_%04X\\5&%X&0&%u",
                       board->vid, board->pid, 0x1a2b3c00 + item->hub, item->port);
    }
    return len < (int)sizeof item->instance ? 0 : ERR_TOO_LONG;
}

static void remember_identity(struct usbip_export *item)
{
    const struct usb_board *board = item->board;
    struct usbip_identity *identity = &item->identity;
    identity->firmware = board->firmware;
    identity->vid = board->vid;
    identity->pid = board->pid;
    memcpy(identity->product, board->product, sizeof identity->product);
    memcpy(identity->serial, board->serial, sizeof identity->serial);
    memcpy(identity->instance, item->instance, sizeof identity->instance);
}

static void export_destroy(struct usbip_export *item)
{
    usb_board_destroy(item->board);
    free(item);
}

int usbip_export_add(struct usbip_export_table *table, const struct usbip_export_config *config)
{
    struct usbip_export *item;
    int error;
    if (usbip_export_find(table, config->busid)) {
        return ERR_EXISTS;
    }
    if (table->count == USBIP_EXPORT_MAX) {
        return ERR_FULL;
    }
    item = calloc(1, sizeof *item);
    if (!item) {
        return ERR_NOMEM;
    }
    error = usbip_export_parse_busid(config->busid, &item->hub, &item->port);
    if (error != 0) {
        goto destroy;
    }
    snprintf(item->busid, sizeof item->busid, "%u-%u", item->hub, item->port);
    item->delay_us = config->delay_us;
    item->shared = config->shared;
    item->board = usb_board_create(&config->board, &error);
    if (!item->board) {
        goto destroy;
    }
    error = set_instance(item, config->instance);
    if (error != 0) {
        goto destroy;
    }
    remember_identity(item);
    table->items[table->count++] = item;
    return 0;

destroy:
    export_destroy(item);
    return error;
}

struct usbip_export *usbip_export_find(const struct usbip_export_table *table, const char *busid)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i]->busid, busid) == 0) {
            return table->items[i];
        }
    }
    return NULL;
}

void usbip_export_remove(struct usbip_export_table *table, struct usbip_export *item)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->items[i] != item) {
            table->items[kept++] = table->items[i];
        }
    }
    table->count = kept;
    export_destroy(item);
}

int usbip_export_return(struct usbip_export *item)
{
    const struct usb_departure *departure = &item->board->departure;
    const struct usbip_identity *identity = &item->identity;
    bool is_known = identity->firmware == departure->firmware;
    const struct usb_board_config config = {
        .chip = departure->chip,
        .speed = item->board->speed,
        .vid = is_known ? identity->vid : departure->chip->vid,
        .pid = is_known ? identity->pid : departure->chip->pid,
        .product = is_known ? identity->product : departure->chip->product,
        .serial = is_known ? identity->serial : departure->chip->serial,
        .echo = item->board->echo,
        .firmware = departure->firmware,
        .hardware = item->board->hardware,
        .clock_us = item->board->clock_us,
    };
    int error = 0;
    struct usb_board *board = usb_board_create(&config, &error);
    if (!board) {
        return error;
    }
    usb_board_destroy(item->board);
    item->board = board;
    item->state = USBIP_EXPORT_IDLE;
    return set_instance(item, is_known ? identity->instance : NULL);
}

void usbip_export_clear(struct usbip_export_table *table)
{
    while (table->count > 0) {
        usbip_export_remove(table, table->items[table->count - 1]);
    }
}
