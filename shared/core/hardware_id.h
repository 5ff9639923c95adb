/* What Windows' names for a USB device say: instance ids, hardware and compatible ids, interface
 * paths, locations. Text in, facts out; every text is UTF-8 and compared ignoring case, for
 * Windows itself is of two minds about it. */
#ifndef TTYFERRY_CORE_HARDWARE_ID_H
#define TTYFERRY_CORE_HARDWARE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board.h"

#define HARDWARE_ID_NO_INTERFACE (-1)

struct hardware_id {
    uint16_t vid;
    uint16_t pid;
    int interface; /* MI_xx of a child of a composite device, else HARDWARE_ID_NO_INTERFACE */
    /* The device's own serial number, empty if it has none: Windows then makes up an instance from
     * the location, which has an '&' in it. */
    char serial[BOARD_SERIAL_SIZE];
    char id[BOARD_ID_SIZE]; /* the instance id in lower case */
};

/* Reads an instance id of the USB enumerator: `USB\VID_1A86&PID_7523\5&1A2B&0&3`, maybe with
 * `&MI_00` and other fields after the PID. Returns 0; ERR_INVALID for another enumerator (root
 * hubs, FTDIBUS) or a malformed id; ERR_TOO_LONG. */
int hardware_id_from_instance_id(const char *instance_id, struct hardware_id *hardware_id);

/* True for the stub that VirtualBox's driver shows in place of a captured device: 80EE:CAFE. */
bool hardware_id_is_stub(const struct hardware_id *hardware_id);

/* Writes the instance id that a device interface's path names, in lower case:
 * `\\?\USB#VID_1A86&PID_7523#5&1A2B&0&3#{a5dcbf10-...}`. Any enumerator. Returns 0, ERR_INVALID
 * or ERR_TOO_LONG. */
int hardware_id_from_interface_path(const char *path, char id[BOARD_ID_SIZE]);

/* Writes usbipd-win's busid, hub and port, for a LocationInfo such as `Port_#0003.Hub_#0001`
 * ("1-3"). Returns 0, or ERR_UNSUPPORTED for a hub that usbipd-win can't serve: no text of that
 * form, a number that is not four decimal digits, 0, or over 99. */
int hardware_id_busid_from_location(const char *location, char busid[BOARD_BUSID_SIZE]);

/* A list of ids as Windows stores it: terminated texts one after the other, an empty one last. */

/* True if the ids say that the device is a hub. */
bool hardware_id_list_is_hub(const char *ids);

/* The kind that the ids alone speak of: serial for a CDC modem interface, dfu, else other. */
enum board_kind hardware_id_list_to_kind(const char *ids);

/* The kind that is known of these very devices: debug probes, and USB-to-serial chips, whose class
 * is vendor specific. Else other. */
enum board_kind hardware_id_known_kind(uint16_t vid, uint16_t pid);

#endif
