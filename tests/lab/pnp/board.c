/* INITGUID makes the headers below define, not declare, the interface classes. */
#define INITGUID
#include "board.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "bus_client.h"
#include "devnode.h"
#include "json_out.h"

enum { TEXT_CHARS = BOARD_TEXT_CHARS };

#define CHILD_DESCRIPTION L"USB Serial Device"

DEFINE_GUID(class_usb_device, 0xa5dcbf10, 0x6530, 0x11d2, 0x90, 0x1f, 0x00, 0xc0, 0x4f, 0xb9, 0x51,
            0xed);
DEFINE_GUID(class_com_port, 0x86e0d1e0, 0x8089, 0x11d0, 0x9c, 0xe4, 0x08, 0x00, 0x3e, 0x30, 0x1f,
            0x73);

/* Formats into a fixed array; what does not fit is an error, never cut. */
static DWORD format_text(wchar_t *out, size_t capacity, const wchar_t *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vswprintf(out, capacity, format, arguments);
    va_end(arguments);
    return length < 0 || (size_t)length >= capacity ? ERROR_BUFFER_OVERFLOW : ERROR_SUCCESS;
}

/* Turns "a;b" into the REG_MULTI_SZ "a\0b\0\0". */
static DWORD list_from_text(wchar_t *out, size_t capacity, const wchar_t *text)
{
    size_t length = wcslen(text);

    if (length + 2 > capacity)
        return ERROR_BUFFER_OVERFLOW;
    for (size_t i = 0; i < length; i++)
        out[i] = text[i] == L';' ? L'\0' : text[i];
    out[length] = out[length + 1] = L'\0';
    return ERROR_SUCCESS;
}

static struct board *board_find(const struct board_set *set, const wchar_t *id)
{
    for (struct board *board = set->first; board; board = board->next) {
        if (!_wcsicmp(board->id, id))
            return board;
    }
    return NULL;
}

static void board_append(struct board_set *set, struct board *board)
{
    struct board **end = &set->first;

    while (*end)
        end = &(*end)->next;
    *end = board;
}

static void board_unlink(struct board_set *set, struct board *board)
{
    struct board **at = &set->first;

    while (*at != board)
        at = &(*at)->next;
    *at = board->next;
    free(board);
}

void board_set_finish(struct board_set *set)
{
    while (set->first)
        board_unlink(set, set->first);
}

static BOOL has_driver(const struct request *request)
{
    return wcscmp(request_get(request, L"driver", L"yes"), L"no") != 0;
}

static DWORD interface_set(HANDLE bus, const wchar_t *id, const GUID *interface_class, BOOL enable)
{
    struct pnpbus_node node;
    DWORD error = bus_client_node_from_id(&node, id);

    return error ? error : bus_client_interface(bus, &node, interface_class, enable);
}

/* Seeds a node's properties and makes the node; undoes the former if the latter fails. */
static DWORD node_create(HANDLE bus, const struct pnpbus_add *add, const wchar_t *id,
                         const struct devnode_properties *properties)
{
    DWORD error = devnode_seed(id, properties);

    if (error)
        return error;
    error = bus_client_add(bus, add);
    if (error)
        devnode_erase(id);
    return error;
}

static DWORD node_destroy(HANDLE bus, const wchar_t *id)
{
    struct pnpbus_node node;
    DWORD error = bus_client_node_from_id(&node, id);

    if (!error)
        error = bus_client_remove(bus, &node);
    if (!error)
        error = devnode_erase(id);
    return error;
}

/* Without hardware ids the device id alone is the list. */
static DWORD add_init(struct pnpbus_add *add, const wchar_t *id, const wchar_t *hardware_ids,
                      const wchar_t *compatible_ids)
{
    DWORD error;

    memset(add, 0, sizeof(*add));
    add->raw = 1;
    error = bus_client_node_from_id(&add->node, id);
    if (!error)
        error = list_from_text(add->hardware_ids, PNPBUS_IDS_CHARS,
                               hardware_ids ? hardware_ids : add->node.device_id);
    if (!error)
        error = list_from_text(add->compatible_ids, PNPBUS_IDS_CHARS, compatible_ids);
    return error;
}

/* Windows derives the child's instance from the parent's; here any value that differs by parent
 * will do. */
static DWORD child_id_from_parent(wchar_t *out, const struct board *board)
{
    const wchar_t *last = wcsrchr(board->id, L'\\');
    unsigned hash = 2166136261u;

    for (const wchar_t *c = board->id; *c; c++)
        hash = (hash ^ *c) * 16777619u;
    return format_text(out, PNPBUS_ID_CHARS, L"%.*ls&MI_00\\6&%08X&0&0000", (int)(last - board->id),
                       board->id, hash);
}

static DWORD child_create(struct board_set *set, struct board *board, const struct request *request)
{
    static struct pnpbus_add add;
    struct devnode_properties properties = {
        .description = request_get(request, L"child_desc", CHILD_DESCRIPTION),
        /* The form Windows gives to a function of a composite device: no busid can be read from it.
         */
        .location = L"0000.0014.0000.003.000.000.000.000.000",
        .parent = board->id,
    };
    const wchar_t *id = request_get(request, L"child", NULL);
    wchar_t derived[PNPBUS_ID_CHARS];
    DWORD error = ERROR_SUCCESS;

    if (!id) {
        error = child_id_from_parent(derived, board);
        id = derived;
    }
    if (!error)
        error = add_init(&add, id, NULL,
                         request_get(request, L"child_compat",
                                     L"USB\\Class_02&SubClass_02&Prot_01;USB\\Class_02"));
    if (!error)
        error = node_create(set->bus, &add, id, &properties);
    if (!error)
        wcscpy(board->child_id, id); /* add_init has bounded it */
    return error;
}

static DWORD child_destroy(struct board_set *set, struct board *board)
{
    DWORD error;

    if (!board->child_id[0])
        return ERROR_SUCCESS;
    error = node_destroy(set->bus, board->child_id);
    if (!error)
        board->child_id[0] = L'\0';
    return error;
}

/* Gives the board its COM port, on its own node or on a child made for it. */
static DWORD port_create(struct board_set *set, struct board *board, const struct request *request)
{
    const wchar_t *port = request_get(request, L"com", L"");
    BOOL on_child = !wcscmp(request_get(request, L"on", L"node"), L"child");
    const wchar_t *description =
        on_child ? request_get(request, L"child_desc", CHILD_DESCRIPTION) : board->description;
    wchar_t friendly[2 * TEXT_CHARS];
    const wchar_t *holder;
    DWORD error;

    if (wcslen(port) >= BOARD_PORT_CHARS)
        return ERROR_BUFFER_OVERFLOW;
    error = format_text(friendly, 2 * TEXT_CHARS, L"%ls (%ls)", description, port);
    if (!error && on_child)
        error = child_create(set, board, request);
    if (error)
        return error;
    holder = on_child ? board->child_id : board->id;
    error = devnode_set_port(holder, port, request_get(request, L"name", friendly));
    if (!error)
        error = interface_set(set->bus, holder, &class_com_port, TRUE);
    if (error)
        child_destroy(set, board);
    else
        wcscpy(board->port, port);
    return error;
}

/* What a hub driver knows of a device by its place. */
struct place {
    unsigned hub;
    unsigned port;
    wchar_t location[TEXT_CHARS];
    wchar_t location_path[TEXT_CHARS];
};

static DWORD place_init(struct place *place, const struct request *request)
{
    DWORD error;

    place->hub = (unsigned)wcstoul(request_get(request, L"hub", L"1"), NULL, 10);
    place->port = (unsigned)wcstoul(request_get(request, L"port", L"1"), NULL, 10);
    error =
        format_text(place->location, TEXT_CHARS, L"Port_#%04u.Hub_#%04u", place->port, place->hub);
    if (error)
        return error;
    return format_text(place->location_path, TEXT_CHARS,
                       L"PCIROOT(0)#PCI(1400)#USBROOT(%u)#USB(%u)", place->hub - 1, place->port);
}

static DWORD usb_node_create(struct board_set *set, const struct board *board,
                             const struct request *request)
{
    static struct pnpbus_add add;
    const wchar_t *device_id = request_get(request, L"id", L"");
    wchar_t hardware_ids[2 * TEXT_CHARS];
    struct place place;
    struct devnode_properties properties = {
        .description = board->description,
        .friendly_name = request_get(request, L"name", NULL),
        .product = request_get(request, L"product", board->description),
        .location = request_get(request, L"location", place.location),
        .location_path = place.location_path,
        .parent = L"USB\\ROOT_HUB30\\4&1C2D3E4F&0&0",
    };
    DWORD error = place_init(&place, request);

    if (!error)
        error =
            format_text(hardware_ids, 2 * TEXT_CHARS, L"%ls&REV_0100;%ls", device_id, device_id);
    if (!error)
        error = add_init(
            &add, board->id, request_get(request, L"hwids", hardware_ids),
            request_get(request, L"compat", L"USB\\Class_FF&SubClass_00&Prot_00;USB\\Class_FF"));
    if (error)
        return error;
    properties.address = add.address = place.port;
    add.raw = has_driver(request);
    return node_create(set->bus, &add, board->id, &properties);
}

static DWORD board_init(struct board *board, const struct request *request)
{
    DWORD error = format_text(board->description, TEXT_CHARS, L"%ls",
                              request_get(request, L"desc", L"USB Device"));

    if (error)
        return error;
    return format_text(board->id, PNPBUS_ID_CHARS, L"%ls\\%ls", request_get(request, L"id", L""),
                       request_get(request, L"instance", L""));
}

DWORD board_plug(struct board_set *set, const struct request *request)
{
    struct board *board = calloc(1, sizeof(*board));
    DWORD error;

    if (!board)
        return ERROR_OUTOFMEMORY;
    error = board_init(board, request);
    if (!error && board_find(set, board->id))
        error = ERROR_ALREADY_EXISTS;
    if (error)
        goto free_board;
    error = usb_node_create(set, board, request);
    if (error)
        goto free_board;
    if (has_driver(request))
        error = interface_set(set->bus, board->id, &class_usb_device, TRUE);
    if (!error && has_driver(request) && request_get(request, L"com", NULL))
        error = port_create(set, board, request);
    if (error)
        goto destroy_node;
    board_append(set, board);
    devnode_broadcast();
    return ERROR_SUCCESS;

destroy_node:
    node_destroy(set->bus, board->id);
free_board:
    free(board);
    return error;
}

DWORD board_unplug(struct board_set *set, const struct request *request)
{
    struct board *board = board_find(set, request_get(request, L"instance", L""));
    DWORD error;

    if (!board)
        return ERROR_NOT_FOUND;
    error = child_destroy(set, board);
    if (!error)
        error = node_destroy(set->bus, board->id);
    if (!error)
        board_unlink(set, board);
    devnode_broadcast();
    return error;
}

DWORD board_com(struct board_set *set, const struct request *request)
{
    struct board *board = board_find(set, request_get(request, L"instance", L""));
    DWORD error;

    if (!board)
        return ERROR_NOT_FOUND;
    if (board->port[0])
        return ERROR_ALREADY_EXISTS;
    error = port_create(set, board, request);
    devnode_broadcast();
    return error;
}

DWORD board_com_gone(struct board_set *set, const struct request *request)
{
    struct board *board = board_find(set, request_get(request, L"instance", L""));
    DWORD error;

    if (!board || !board->port[0])
        return ERROR_NOT_FOUND;
    if (board->child_id[0]) {
        error = child_destroy(set, board);
    } else {
        error = interface_set(set->bus, board->id, &class_com_port, FALSE);
        if (!error)
            error = devnode_set_port(board->id, NULL, NULL);
    }
    if (!error)
        board->port[0] = L'\0';
    devnode_broadcast();
    return error;
}

static const GUID *class_from_name(const wchar_t *name)
{
    if (!wcscmp(name, L"usb"))
        return &class_usb_device;
    return wcscmp(name, L"com") ? NULL : &class_com_port;
}

DWORD board_interface(struct board_set *set, const struct request *request)
{
    const GUID *interface_class = class_from_name(request_get(request, L"class", L""));
    const wchar_t *state = request_get(request, L"state", L"");
    DWORD error;

    if (!interface_class || (wcscmp(state, L"on") != 0 && wcscmp(state, L"off") != 0))
        return ERROR_INVALID_PARAMETER;
    error = interface_set(set->bus, request_get(request, L"instance", L""), interface_class,
                          !wcscmp(state, L"on"));
    devnode_broadcast();
    return error;
}

DWORD board_notice(struct board_set *set, const struct request *request)
{
    const GUID *interface_class = class_from_name(request_get(request, L"class", L""));
    const wchar_t *what = request_get(request, L"what", L"");

    (void)set;
    if (!interface_class || (wcscmp(what, L"arrival") != 0 && wcscmp(what, L"removal") != 0))
        return ERROR_INVALID_PARAMETER;
    return devnode_notice(request_get(request, L"instance", L""), interface_class,
                          !wcscmp(what, L"arrival"));
}

void board_print_all(const struct board_set *set)
{
    putchar('[');
    for (const struct board *board = set->first; board; board = board->next) {
        fputs(board == set->first ? "{" : ",{", stdout);
        json_out_member("instance", board->id, 1);
        json_out_member("com", board->port[0] ? board->port : NULL, 0);
        json_out_member("child", board->child_id[0] ? board->child_id : NULL, 0);
        putchar('}');
    }
    putchar(']');
}
