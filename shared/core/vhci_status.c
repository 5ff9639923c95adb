#include "shared/core/vhci_status.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

/* A port whose enumeration hangs weighs more than any number of quiet neighbours. */
#define LOAD_NOT_ENUMERATED 32u

void vhci_status_init(struct vhci_status *status)
{
    memset(status, 0, sizeof *status);
}

void vhci_status_finish(struct vhci_status *status)
{
    free(status->ports);
    vhci_status_init(status);
}

/* One column: the bytes up to the next blank. */
struct column {
    const char *text;
    size_t len;
};

static struct column next_column(const char **at, const char *end)
{
    struct column column;

    while (*at < end && **at == ' ')
        (*at)++;
    column.text = *at;
    while (*at < end && **at != ' ')
        (*at)++;
    column.len = (size_t)(*at - column.text);
    return column;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return 16;
}

static bool column_to_number(struct column column, unsigned base, uint32_t *number)
{
    uint64_t value = 0;

    if (column.len == 0 || column.len > 16)
        return false;
    for (size_t i = 0; i < column.len; i++) {
        unsigned digit = (unsigned)digit_value(column.text[i]);

        if (digit >= base)
            return false;
        value = value * base + digit;
        if (value > UINT32_MAX)
            return false;
    }
    *number = (uint32_t)value;
    return true;
}

static bool column_is(struct column column, const char *text)
{
    return column.len == strlen(text) && memcmp(column.text, text, column.len) == 0;
}

/* "hub port sta spd dev sockfd local_busid", for instance
 * "hs  0000 006 002 00010002 000003 1-1". */
static bool row_to_port(const char *row, const char *end, struct vhci_port *port)
{
    struct column hub = next_column(&row, end);
    struct column local_busid, extra;
    uint32_t number, state, speed, devid, sockfd;

    port->super_speed = column_is(hub, "ss");
    if (!port->super_speed && !column_is(hub, "hs"))
        return false;
    if (!column_to_number(next_column(&row, end), 10, &number) ||
        !column_to_number(next_column(&row, end), 10, &state) ||
        !column_to_number(next_column(&row, end), 10, &speed) ||
        !column_to_number(next_column(&row, end), 16, &devid) ||
        !column_to_number(next_column(&row, end), 10, &sockfd))
        return false;
    local_busid = next_column(&row, end);
    extra = next_column(&row, end);
    if (local_busid.len == 0 || extra.len != 0)
        return false;
    if (number >= VHCI_STATUS_PORTS_MAX)
        return false;
    port->port = number;
    port->state = state;
    port->devid = devid;
    return true;
}

static int append(struct vhci_status *status, const struct vhci_port *port)
{
    if (status->count == VHCI_STATUS_PORTS_MAX)
        return ERR_FULL;
    if (status->count == status->capacity) {
        size_t capacity = status->capacity ? status->capacity * 2 : 64;
        struct vhci_port *ports = realloc(status->ports, capacity * sizeof *ports);

        if (!ports)
            return ERR_NOMEM;
        status->ports = ports;
        status->capacity = capacity;
    }
    status->ports[status->count++] = *port;
    return 0;
}

static bool is_heading(const char *line, const char *end)
{
    return end - line >= 4 && memcmp(line, "hub ", 4) == 0;
}

int vhci_status_add(struct vhci_status *status, const char *text, size_t len)
{
    const char *end = text + len;

    if (status->controllers == VHCI_STATUS_CONTROLLERS_MAX)
        return ERR_FULL;
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        struct vhci_port port = {.controller = status->controllers};
        int err;

        if (!line_end)
            line_end = end;
        if (row_to_port(text, line_end, &port) && !vhci_status_find(status, port.port)) {
            err = append(status, &port);
            if (err)
                return err;
        } else if (!is_heading(text, line_end)) {
            status->skipped++;
        }
        text = line_end + 1;
    }
    status->controllers++;
    return 0;
}

const struct vhci_port *vhci_status_find(const struct vhci_status *status, unsigned port)
{
    for (size_t i = 0; i < status->count; i++)
        if (status->ports[i].port == port)
            return &status->ports[i];
    return NULL;
}

static unsigned controller_load(const struct vhci_status *status, unsigned controller)
{
    unsigned load = 0;

    for (size_t i = 0; i < status->count; i++) {
        const struct vhci_port *port = &status->ports[i];

        if (port->controller != controller || port->state == VHCI_PORT_FREE)
            continue;
        load += port->state == VHCI_PORT_NOT_ENUMERATED ? LOAD_NOT_ENUMERATED : 1;
    }
    return load;
}

int vhci_status_choose(const struct vhci_status *status, enum board_speed speed,
                       vhci_status_held_fn held, const void *context, struct vhci_port *port)
{
    const struct vhci_port *best = NULL;
    unsigned best_load = UINT_MAX;

    if (speed == BOARD_SPEED_UNKNOWN)
        return ERR_INVALID;
    for (size_t i = 0; i < status->count; i++) {
        const struct vhci_port *candidate = &status->ports[i];
        unsigned load;

        if (candidate->state != VHCI_PORT_FREE ||
            candidate->super_speed != (speed == BOARD_SPEED_SUPER) ||
            (held && held(context, candidate->port)))
            continue;
        load = controller_load(status, candidate->controller);
        if (load < best_load) {
            best = candidate;
            best_load = load;
        }
    }
    if (!best)
        return ERR_FULL;
    *port = *best;
    return 0;
}

int vhci_status_hub_port(const struct vhci_status *status, unsigned nports,
                         const struct vhci_port *port, unsigned *hub_port)
{
    unsigned per_controller, per_hub, within;

    if (status->controllers == 0 || nports == 0 || nports % (2 * status->controllers) != 0)
        return ERR_INVALID;
    per_controller = nports / status->controllers;
    per_hub = per_controller / 2;
    within = port->port % per_controller;
    if (port->port / per_controller != port->controller || (within >= per_hub) != port->super_speed)
        return ERR_INVALID;
    *hub_port = within % per_hub + 1;
    return 0;
}

void vhci_status_devpath(unsigned controller, unsigned busnum, unsigned hub_port,
                         char devpath[VHCI_STATUS_DEVPATH_SIZE])
{
    snprintf(devpath, VHCI_STATUS_DEVPATH_SIZE, "/devices/platform/vhci_hcd.%u/usb%u/%u-%u",
             controller, busnum, busnum, hub_port);
}
