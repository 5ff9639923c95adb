#include "bus_child.h"

NTSTATUS bus_child_complete(IRP *irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static WCHAR ascii_upper(WCHAR c)
{
    return c >= L'a' && c <= L'z' ? (WCHAR)(c - L'a' + L'A') : c;
}

static BOOLEAN id_equal(const WCHAR *a, const WCHAR *b)
{
    while (*a && ascii_upper(*a) == ascii_upper(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Size in bytes with its NUL, or 0 if the array holds no NUL. */
static SIZE_T string_size(const WCHAR *text, SIZE_T capacity)
{
    for (SIZE_T i = 0; i < capacity; i++) {
        if (!text[i])
            return (i + 1) * sizeof(WCHAR);
    }
    return 0;
}

/* Size in bytes of a REG_MULTI_SZ with both its NULs, or 0 if it does not end inside the array. */
static SIZE_T list_size(const WCHAR *list, SIZE_T capacity)
{
    for (SIZE_T i = 1; i < capacity; i++) {
        if (!list[i - 1] && !list[i])
            return (i + 1) * sizeof(WCHAR);
    }
    return 0;
}

BOOLEAN bus_child_node_is_valid(const struct pnpbus_node *node)
{
    SIZE_T device = string_size(node->device_id, PNPBUS_ID_CHARS);
    SIZE_T instance = string_size(node->instance_id, PNPBUS_ID_CHARS);

    /* Wine joins both in a fixed array of MAX_DEVICE_ID_LEN characters without looking. */
    return device > sizeof(WCHAR) && instance > sizeof(WCHAR) &&
           device + instance <= PNPBUS_ID_CHARS * sizeof(WCHAR);
}

BOOLEAN bus_child_add_is_valid(const struct pnpbus_add *add)
{
    return bus_child_node_is_valid(&add->node) && list_size(add->hardware_ids, PNPBUS_IDS_CHARS) &&
           list_size(add->compatible_ids, PNPBUS_IDS_CHARS);
}

void bus_child_init(struct bus_child *child, DEVICE_OBJECT *device,
                    const struct pnpbus_add *request)
{
    child->device = device;
    child->request = *request;
}

int bus_child_is(const struct bus_child *child, const struct pnpbus_node *node)
{
    return id_equal(child->request.node.device_id, node->device_id) &&
           id_equal(child->request.node.instance_id, node->instance_id);
}

static struct bus_child_interface *interface_get(struct bus_child *child,
                                                 const GUID *interface_class)
{
    for (ULONG i = 0; i < PNPBUS_INTERFACES; i++) {
        struct bus_child_interface *slot = &child->interfaces[i];

        if (!slot->registered)
            slot->interface_class = *interface_class;
        if (RtlCompareMemory(&slot->interface_class, interface_class, sizeof(GUID)) == sizeof(GUID))
            return slot;
    }
    return NULL;
}

static NTSTATUS interface_set(struct bus_child *child, struct bus_child_interface *slot,
                              BOOLEAN enable)
{
    NTSTATUS status;

    if (slot->enabled == enable)
        return STATUS_SUCCESS;
    if (!slot->registered) {
        status = IoRegisterDeviceInterface(child->device, &slot->interface_class, NULL,
                                           &slot->link_name);
        if (!NT_SUCCESS(status))
            return status;
        slot->registered = TRUE;
    }
    status = IoSetDeviceInterfaceState(&slot->link_name, enable);
    if (NT_SUCCESS(status))
        slot->enabled = enable;
    return status;
}

NTSTATUS bus_child_set_interface(struct bus_child *child, const GUID *interface_class,
                                 BOOLEAN enable)
{
    struct bus_child_interface *slot = interface_get(child, interface_class);

    return slot ? interface_set(child, slot, enable) : STATUS_INSUFFICIENT_RESOURCES;
}

/* Last come, first gone: a COM port disappears before the USB device that carries it. */
static void interfaces_drop(struct bus_child *child)
{
    for (ULONG i = PNPBUS_INTERFACES; i-- > 0;) {
        struct bus_child_interface *slot = &child->interfaces[i];

        if (!slot->registered)
            continue;
        interface_set(child, slot, FALSE);
        RtlFreeUnicodeString(&slot->link_name);
        slot->registered = FALSE;
        slot->enabled = FALSE;
    }
}

static NTSTATUS query_id(const struct bus_child *child, IRP *irp, BUS_QUERY_ID_TYPE type)
{
    const struct pnpbus_add *request = &child->request;
    const WCHAR *text;
    SIZE_T size;
    void *copy;

    switch (type) {
    case BusQueryDeviceID:
        text = request->node.device_id;
        size = string_size(text, PNPBUS_ID_CHARS);
        break;
    case BusQueryInstanceID:
        text = request->node.instance_id;
        size = string_size(text, PNPBUS_ID_CHARS);
        break;
    case BusQueryHardwareIDs:
        text = request->hardware_ids;
        size = list_size(text, PNPBUS_IDS_CHARS);
        break;
    case BusQueryCompatibleIDs:
        text = request->compatible_ids;
        size = list_size(text, PNPBUS_IDS_CHARS);
        break;
    default:
        return bus_child_complete(irp, irp->IoStatus.Status);
    }
    copy = ExAllocatePoolWithTag(PagedPool, size, BUS_CHILD_POOL_TAG);
    if (!copy)
        return bus_child_complete(irp, STATUS_NO_MEMORY);
    RtlCopyMemory(copy, text, size);
    irp->IoStatus.Information = (ULONG_PTR)copy;
    return bus_child_complete(irp, STATUS_SUCCESS);
}

static NTSTATUS query_capabilities(const struct bus_child *child, IRP *irp,
                                   DEVICE_CAPABILITIES *capabilities)
{
    capabilities->RawDeviceOK = child->request.raw != 0;
    capabilities->SurpriseRemovalOK = TRUE;
    capabilities->Removable = TRUE;
    capabilities->Address = child->request.address;
    return bus_child_complete(irp, STATUS_SUCCESS);
}

static NTSTATUS remove_device(struct bus_child *child, IRP *irp)
{
    DEVICE_OBJECT *device = child->device;
    BOOLEAN unplugged = child->unplugged;
    NTSTATUS status;

    interfaces_drop(child);
    status = bus_child_complete(irp, STATUS_SUCCESS);
    if (unplugged)
        IoDeleteDevice(device);
    return status;
}

NTSTATUS bus_child_pnp(struct bus_child *child, IRP *irp)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);

    switch (stack->MinorFunction) {
    case IRP_MN_QUERY_ID:
        return query_id(child, irp, stack->Parameters.QueryId.IdType);
    case IRP_MN_QUERY_CAPABILITIES:
        return query_capabilities(child, irp, stack->Parameters.DeviceCapabilities.Capabilities);
    case IRP_MN_SURPRISE_REMOVAL:
        interfaces_drop(child);
        return bus_child_complete(irp, STATUS_SUCCESS);
    case IRP_MN_REMOVE_DEVICE:
        return remove_device(child, irp);
    case IRP_MN_START_DEVICE:
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
    case IRP_MN_STOP_DEVICE:
        return bus_child_complete(irp, STATUS_SUCCESS);
    default:
        return bus_child_complete(irp, irp->IoStatus.Status);
    }
}
