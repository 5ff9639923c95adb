/*
 * pnpbus.sys: a bus driver whose children are made up on demand, so that programs under Wine see
 * real plug-and-play arrivals and removals.  A test double, for Wine only: it relies on Wine's
 * enumerating all children in one thread (see bus_settle).
 */
#include "pnpbus.h"

#include <ntddk.h>

#include "bus_child.h"

#define SETTLE_LIMIT_S 20

enum device_role { ROLE_CONTROL, ROLE_BUS, ROLE_CHILD };

struct extension {
    enum device_role role;
    struct bus_child child; /* used by ROLE_CHILD alone */
};

/* The kernel hands a driver no context with DriverEntry's callbacks, so its state is one static
 * object. */
static struct {
    DRIVER_OBJECT *driver;
    DEVICE_OBJECT *control;  /* what the control program opens */
    DEVICE_OBJECT *function; /* the bus itself: NULL until the root device has been enumerated */
    DEVICE_OBJECT *physical;
    DEVICE_OBJECT *lower;
    FAST_MUTEX lock; /* children and enumerations */
    LIST_ENTRY children;
    ULONG enumerations;
    KEVENT enumerated;
    KEVENT turn; /* a lock that may be held while waiting: one request at a time */
} bus;

/* Call with the lock held. */
static struct bus_child *child_find(const struct pnpbus_node *node)
{
    for (LIST_ENTRY *e = bus.children.Flink; e != &bus.children; e = e->Flink) {
        struct bus_child *child = CONTAINING_RECORD(e, struct bus_child, entry);

        if (bus_child_is(child, node))
            return child;
    }
    return NULL;
}

/* The relations object and a reference to each device in it go to the PnP manager. */
static NTSTATUS bus_query_relations(IRP *irp)
{
    DEVICE_RELATIONS *relations;
    ULONG count = 0;

    ExAcquireFastMutex(&bus.lock);
    for (LIST_ENTRY *e = bus.children.Flink; e != &bus.children; e = e->Flink)
        count++;
    relations = ExAllocatePoolWithTag(PagedPool, sizeof(*relations) + count * sizeof(void *),
                                      BUS_CHILD_POOL_TAG);
    if (relations) {
        relations->Count = 0;
        for (LIST_ENTRY *e = bus.children.Flink; e != &bus.children; e = e->Flink) {
            DEVICE_OBJECT *device = CONTAINING_RECORD(e, struct bus_child, entry)->device;

            ObReferenceObject(device);
            relations->Objects[relations->Count++] = device;
        }
    }
    bus.enumerations++;
    ExReleaseFastMutex(&bus.lock);
    KeSetEvent(&bus.enumerated, IO_NO_INCREMENT, FALSE);
    if (!relations)
        return STATUS_NO_MEMORY;
    irp->IoStatus.Information = (ULONG_PTR)relations;
    return STATUS_SUCCESS;
}

/* The bus goes, and every child with it, reported as unplugged or not. */
static NTSTATUS bus_remove(IRP *irp)
{
    DEVICE_OBJECT *function = bus.function;
    DEVICE_OBJECT *lower = bus.lower;
    NTSTATUS status;

    irp->IoStatus.Status = STATUS_SUCCESS;
    bus.function = NULL;
    bus.physical = NULL;
    bus.lower = NULL;
    while (!IsListEmpty(&bus.children))
        IoDeleteDevice(
            CONTAINING_RECORD(RemoveHeadList(&bus.children), struct bus_child, entry)->device);
    IoSkipCurrentIrpStackLocation(irp);
    status = IoCallDriver(lower, irp);
    IoDetachDevice(lower);
    IoDeleteDevice(function);
    return status;
}

static NTSTATUS bus_pnp(IRP *irp)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status;

    switch (stack->MinorFunction) {
    case IRP_MN_REMOVE_DEVICE:
        return bus_remove(irp);
    case IRP_MN_QUERY_DEVICE_RELATIONS:
        if (stack->Parameters.QueryDeviceRelations.Type != BusRelations)
            break;
        status = bus_query_relations(irp);
        if (!NT_SUCCESS(status))
            return bus_child_complete(irp, status);
        irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    case IRP_MN_START_DEVICE:
    case IRP_MN_SURPRISE_REMOVAL:
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_STOP_DEVICE:
        irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    default:
        break;
    }
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(bus.lower, irp);
}

/*
 * Makes the PnP manager look at the children and waits until it has acted on all it saw.  It has
 * done so when it asks a second time: Wine takes invalidations one by one in a single thread, and
 * starts or removes every device of one enumeration before it begins the next.
 */
static NTSTATUS bus_settle(void)
{
    LARGE_INTEGER limit;
    ULONG first;
    ULONG seen;

    limit.QuadPart = -(LONGLONG)SETTLE_LIMIT_S * 10 * 1000 * 1000;
    ExAcquireFastMutex(&bus.lock);
    first = bus.enumerations;
    ExReleaseFastMutex(&bus.lock);
    IoInvalidateDeviceRelations(bus.physical, BusRelations);
    IoInvalidateDeviceRelations(bus.physical, BusRelations);
    do {
        if (KeWaitForSingleObject(&bus.enumerated, Executive, KernelMode, FALSE, &limit) !=
            STATUS_SUCCESS)
            return STATUS_IO_TIMEOUT;
        ExAcquireFastMutex(&bus.lock);
        seen = bus.enumerations - first;
        ExReleaseFastMutex(&bus.lock);
    } while (seen < 2);
    return STATUS_SUCCESS;
}

static NTSTATUS request_add(const void *input)
{
    const struct pnpbus_add *add = input;
    struct extension *extension;
    struct bus_child *present;
    DEVICE_OBJECT *device;
    NTSTATUS status;

    if (!bus_child_add_is_valid(add))
        return STATUS_INVALID_PARAMETER;
    ExAcquireFastMutex(&bus.lock);
    present = child_find(&add->node);
    ExReleaseFastMutex(&bus.lock);
    if (present)
        return STATUS_OBJECT_NAME_COLLISION;

    status = IoCreateDevice(bus.driver, sizeof(*extension), NULL, FILE_DEVICE_UNKNOWN,
                            FILE_AUTOGENERATED_DEVICE_NAME, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    extension = device->DeviceExtension;
    RtlZeroMemory(extension, sizeof(*extension));
    extension->role = ROLE_CHILD;
    bus_child_init(&extension->child, device, add);
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    ExAcquireFastMutex(&bus.lock);
    InsertTailList(&bus.children, &extension->child.entry);
    ExReleaseFastMutex(&bus.lock);
    return bus_settle();
}

static NTSTATUS request_interface(const void *input)
{
    const struct pnpbus_interface *request = input;
    struct bus_child *child;

    if (!bus_child_node_is_valid(&request->node))
        return STATUS_INVALID_PARAMETER;
    ExAcquireFastMutex(&bus.lock);
    child = child_find(&request->node);
    ExReleaseFastMutex(&bus.lock);
    if (!child)
        return STATUS_NOT_FOUND;
    /* The turn is ours, and only requests take children off the list: the child stays. */
    return bus_child_set_interface(child, &request->interface_class, request->enable != 0);
}

static NTSTATUS request_remove(const void *input)
{
    const struct pnpbus_node *node = input;
    struct bus_child *child;

    if (!bus_child_node_is_valid(node))
        return STATUS_INVALID_PARAMETER;
    ExAcquireFastMutex(&bus.lock);
    child = child_find(node);
    if (child) {
        RemoveEntryList(&child->entry);
        child->unplugged = TRUE;
    }
    ExReleaseFastMutex(&bus.lock);
    return child ? bus_settle() : STATUS_NOT_FOUND;
}

static const struct {
    ULONG code;
    ULONG input_size;
    NTSTATUS (*handle)(const void *input);
} requests[] = {
    {PNPBUS_IOCTL_ADD, sizeof(struct pnpbus_add), request_add},
    {PNPBUS_IOCTL_INTERFACE, sizeof(struct pnpbus_interface), request_interface},
    {PNPBUS_IOCTL_REMOVE, sizeof(struct pnpbus_node), request_remove},
};

static NTSTATUS request_dispatch(ULONG code, ULONG input_size, const void *input)
{
    NTSTATUS status;

    for (ULONG i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].code != code)
            continue;
        if (requests[i].input_size != input_size)
            return STATUS_INVALID_PARAMETER;
        KeWaitForSingleObject(&bus.turn, Executive, KernelMode, FALSE, NULL);
        status = bus.physical ? requests[i].handle(input) : STATUS_DEVICE_NOT_READY;
        KeSetEvent(&bus.turn, IO_NO_INCREMENT, FALSE);
        return status;
    }
    return STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS NTAPI on_device_control(DEVICE_OBJECT *device, IRP *irp)
{
    const struct extension *extension = device->DeviceExtension;
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(irp);

    irp->IoStatus.Information = 0;
    if (extension->role != ROLE_CONTROL)
        return bus_child_complete(irp, STATUS_INVALID_DEVICE_REQUEST);
    return bus_child_complete(irp,
                              request_dispatch(stack->Parameters.DeviceIoControl.IoControlCode,
                                               stack->Parameters.DeviceIoControl.InputBufferLength,
                                               irp->AssociatedIrp.SystemBuffer));
}

static NTSTATUS NTAPI on_pnp(DEVICE_OBJECT *device, IRP *irp)
{
    struct extension *extension = device->DeviceExtension;

    switch (extension->role) {
    case ROLE_BUS:
        return bus_pnp(irp);
    case ROLE_CHILD:
        return bus_child_pnp(&extension->child, irp);
    default:
        return bus_child_complete(irp, STATUS_NOT_SUPPORTED);
    }
}

static NTSTATUS NTAPI on_create_or_close(DEVICE_OBJECT *device, IRP *irp)
{
    (void)device;
    irp->IoStatus.Information = 0;
    return bus_child_complete(irp, STATUS_SUCCESS);
}

/* Called for the root device that the installer registered; there is one bus. */
static NTSTATUS NTAPI on_add_device(DRIVER_OBJECT *driver, DEVICE_OBJECT *physical)
{
    struct extension *extension;
    NTSTATUS status;

    if (bus.function)
        return STATUS_OBJECT_NAME_COLLISION;
    status = IoCreateDevice(driver, sizeof(*extension), NULL, FILE_DEVICE_BUS_EXTENDER, 0, FALSE,
                            &bus.function);
    if (!NT_SUCCESS(status))
        return status;
    extension = bus.function->DeviceExtension;
    RtlZeroMemory(extension, sizeof(*extension));
    extension->role = ROLE_BUS;
    bus.lower = IoAttachDeviceToDeviceStack(bus.function, physical);
    bus.physical = physical;
    bus.function->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static void NTAPI on_unload(DRIVER_OBJECT *driver)
{
    UNICODE_STRING link;

    (void)driver;
    RtlInitUnicodeString(&link, PNPBUS_LINK_PATH);
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(bus.control);
}

static NTSTATUS control_create(DRIVER_OBJECT *driver)
{
    UNICODE_STRING name;
    UNICODE_STRING link;
    struct extension *extension;
    NTSTATUS status;

    RtlInitUnicodeString(&name, PNPBUS_KERNEL_PATH);
    RtlInitUnicodeString(&link, PNPBUS_LINK_PATH);
    status = IoCreateDevice(driver, sizeof(*extension), &name, FILE_DEVICE_UNKNOWN, 0, FALSE,
                            &bus.control);
    if (!NT_SUCCESS(status))
        return status;
    extension = bus.control->DeviceExtension;
    RtlZeroMemory(extension, sizeof(*extension));
    extension->role = ROLE_CONTROL;
    bus.control->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status))
        IoDeleteDevice(bus.control);
    return status;
}

/* The prototype that the DDK's headers leave to the driver. */
NTSTATUS NTAPI DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *registry_path);

NTSTATUS NTAPI DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *registry_path)
{
    (void)registry_path;
    bus.driver = driver;
    InitializeListHead(&bus.children);
    ExInitializeFastMutex(&bus.lock);
    KeInitializeEvent(&bus.enumerated, SynchronizationEvent, FALSE);
    KeInitializeEvent(&bus.turn, SynchronizationEvent, TRUE);
    driver->DriverExtension->AddDevice = on_add_device;
    driver->DriverUnload = on_unload;
    driver->MajorFunction[IRP_MJ_PNP] = on_pnp;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = on_device_control;
    driver->MajorFunction[IRP_MJ_CREATE] = on_create_or_close;
    driver->MajorFunction[IRP_MJ_CLOSE] = on_create_or_close;
    return control_create(driver);
}
