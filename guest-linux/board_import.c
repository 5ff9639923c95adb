#include "guest-linux/board_import.h"

#include <stdbool.h>
#include <stdlib.h>

#include "shared/core/board.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

struct board_import {
    const struct machine *machine;
    char busid[BOARD_BUSID_SIZE];
    usbip_import_done_fn on_done;
    void *context;
    enum import_way way;
    bool is_second; /* the first way has failed, and `first` says why */
    struct usbip_import_result first;
    /* What is under way; one of them. */
    struct windows_address_query *address_query;
    struct host_imports_request *request;
    struct usbip_import *import;
};

static enum attach_fault begin(struct board_import *import, enum import_way way);

static enum import_way other_way(enum import_way way)
{
    return way == IMPORT_WAY_DIRECT ? IMPORT_WAY_HOST : IMPORT_WAY_DIRECT;
}

/* True if the other way has been begun; else `*fault` is what there is to tell. Where there is no
 * host to help, what the direct way met with is the cause. */
static bool try_other(struct board_import *import, enum attach_fault *fault)
{
    enum attach_fault second;

    if (import->is_second || !import_route_has_other(import->machine->route, *fault)) {
        return false;
    }
    import->is_second = true;
    import->first.fault = *fault;
    second = begin(import, other_way(import->way));
    if (second == FAULT_NONE) {
        log_info("usbipd is tried %s: %s",
                 import->way == IMPORT_WAY_HOST ? "through the host agent" : "at its address",
                 attach_fault_info(*fault)->message);
        return true;
    }
    *fault = second == FAULT_NO_HOST ? *fault : second;
    return false;
}

static void note_way(struct board_import *import, enum attach_fault fault)
{
    /* FAULT_NONE, or a status: usbipd's own answer. */
    if (fault <= FAULT_USBIPD_STATUS) {
        import_route_worked(import->machine->route, import->way,
                            import->is_second ? import->first.fault : FAULT_NONE);
    }
}

static void finish(struct board_import *import, const struct usbip_import_result *result)
{
    struct usbip_import_result told = *result;

    note_way(import, told.fault);
    if (told.fault != FAULT_NONE && try_other(import, &told.fault)) {
        text_copy(import->first.detail, sizeof import->first.detail, result->detail);
        return;
    }
    if (import->is_second && told.fault == FAULT_NO_HOST) {
        told = import->first;
        told.fd = -1;
    }
    told.through_host = import->way == IMPORT_WAY_HOST;
    import->on_done(import->context, &told);
    free(import);
}

static void fail(struct board_import *import, enum attach_fault fault, const char *detail)
{
    struct usbip_import_result result = {.fault = fault, .fd = -1};

    text_copy(result.detail, sizeof result.detail, detail);
    finish(import, &result);
}

static void on_imported(void *context, const struct usbip_import_result *result)
{
    struct board_import *import = context;

    import->import = NULL;
    finish(import, result);
}

static enum attach_fault import_from(struct board_import *import, const char *address)
{
    const struct machine *machine = import->machine;
    const struct usbip_import_target target = {
        .address = address,
        .port = machine->config->usbipd_port,
        .busid = import->busid,
        .deadline_ms = USBIP_IMPORT_DEADLINE_MS,
        .connect_ms =
            machine->config->usbipd_import == CONFIG_IMPORT_AUTO ? BOARD_IMPORT_CONNECT_MS : 0,
    };
    int err = usbip_import_open(machine->loop, &target, on_imported, import, &import->import);

    if (err == ERR_INVALID) {
        return FAULT_NO_ADDRESS;
    }
    return err == 0 ? FAULT_NONE : FAULT_INTERNAL;
}

static void on_address(void *context, const char *address)
{
    struct board_import *import = context;
    enum attach_fault fault;

    import->address_query = NULL;
    if (address == NULL) {
        fail(import, FAULT_NO_ADDRESS, "no networking mode says it, and there is no gateway");
        return;
    }
    fault = import_from(import, address);
    if (fault != FAULT_NONE) {
        fail(import, fault, "it could not be begun");
    }
}

static enum attach_fault begin_direct(struct board_import *import)
{
    const struct machine *machine = import->machine;
    int err;

    if (machine->config->usbipd_address[0] != '\0') {
        return import_from(import, machine->config->usbipd_address);
    }
    err = windows_address_find(machine->loop, &machine->address, on_address, import,
                               &import->address_query);
    return err == 0 ? FAULT_NONE : FAULT_INTERNAL;
}

static void on_socket(void *context, enum attach_fault fault, int fd, const char *detail)
{
    struct board_import *import = context;

    import->request = NULL;
    if (fault != FAULT_NONE) {
        fail(import, fault, detail);
    } else if (usbip_import_open_fd(import->machine->loop, fd, import->busid,
                                    USBIP_IMPORT_DEADLINE_MS, on_imported, import,
                                    &import->import) != 0) {
        fail(import, FAULT_INTERNAL, "the host's socket can't be used");
    }
}

static enum attach_fault begin_through_host(struct board_import *import)
{
    int err =
        host_imports_ask(import->machine->host, import->busid, on_socket, import, &import->request);

    if (err == ERR_CLOSED) {
        return FAULT_NO_HOST;
    }
    return err == 0 ? FAULT_NONE : FAULT_INTERNAL;
}

static enum attach_fault begin(struct board_import *import, enum import_way way)
{
    import->way = way;
    return way == IMPORT_WAY_DIRECT ? begin_direct(import) : begin_through_host(import);
}

/* A wait for the direct way, where a firewall drops, is worth it only once in a network. */
static enum import_way choose_way(const struct machine *machine)
{
    char gateway[WINDOWS_ADDRESS_SIZE];

    import_route_look(machine->route,
                      windows_address_gateway(&machine->address, gateway) == 0 ? gateway : "");
    return import_route_first(machine->route);
}

enum attach_fault board_import_open(const struct machine *machine, const char *busid,
                                    usbip_import_done_fn on_done, void *context,
                                    struct board_import **import)
{
    struct board_import *opened = calloc(1, sizeof *opened);
    enum attach_fault fault;

    if (opened == NULL) {
        return FAULT_INTERNAL;
    }
    opened->machine = machine;
    opened->on_done = on_done;
    opened->context = context;
    text_copy(opened->busid, sizeof opened->busid, busid);
    fault = begin(opened, choose_way(machine));
    if (fault != FAULT_NONE && !try_other(opened, &fault)) {
        free(opened);
        return fault;
    }
    *import = opened;
    return FAULT_NONE;
}

void board_import_cancel(struct board_import *import)
{
    if (import->address_query != NULL) {
        windows_address_cancel(import->address_query);
    }
    if (import->request != NULL) {
        host_imports_cancel(import->request);
    }
    if (import->import != NULL) {
        usbip_import_cancel(import->import);
    }
    free(import);
}
