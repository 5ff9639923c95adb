/* Fuzzes the reader of vhci_hcd's status files and the choice of a port. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "shared/core/vhci_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vhci_status status;
    struct vhci_port port;
    unsigned hub_port;

    vhci_status_init(&status);
    if (vhci_status_add(&status, (const char *)data, size / 2) == 0)
        (void)vhci_status_add(&status, (const char *)data + size / 2, size - size / 2);
    if (vhci_status_choose(&status, BOARD_SPEED_FULL, NULL, NULL, &port) == 0) {
        if (port.state != VHCI_PORT_FREE || port.super_speed)
            abort();
        if (vhci_status_hub_port(&status, 32, &port, &hub_port) == 0 && hub_port == 0)
            abort();
    }
    vhci_status_finish(&status);
    return 0;
}
