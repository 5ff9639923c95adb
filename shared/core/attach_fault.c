#include "shared/core/attach_fault.h"

#include <string.h>

#define FOREVER ATTACH_FAULT_RETRY_FOREVER

static const struct attach_fault_info infos[FAULT_COUNT] = {
    [FAULT_USBIPD_MONITOR] = {"usbipd_monitor", "usbipd's USB monitor driver failed",
                              "Restart the service usbipd on Windows; if it stays, reboot Windows.",
                              1000, 15000, FOREVER},
    [FAULT_IN_USE] = {"in_use", "a Windows program holds the board",
                      "Close the Windows program that uses the board: a serial monitor or an IDE "
                      "holds its COM port.",
                      1000, 15000, FOREVER},
    [FAULT_BUSY] = {"busy", "Windows is still busy with the board, which has just come",
                    "Wait a moment; if it lasts, close the Windows program that uses the board.",
                    250, 250, FOREVER},
    [FAULT_ATTACHED_ELSEWHERE] = {"attached_elsewhere",
                                  "usbipd has given the board to another client",
                                  "Detach it there, or on Windows with `usbipd detach --busid "
                                  "...`; `usbipd list` shows the busid.",
                                  1000, 15000, FOREVER},
    /* Each try takes the COM port away from Windows for ten seconds. */
    [FAULT_CLAIM] = {"claim_failed", "usbipd could not take the board over from Windows",
                     "Unplug the board and plug it in again.", 1000, 15000, 1},
    /* Also what usbipd says while it captures or releases the device, which passes quickly. */
    [FAULT_NOT_AVAILABLE] = {"not_available", "usbipd does not export the board at present",
                             "If it lasts: share the board with `usbipd bind --busid ...` as "
                             "administrator on Windows.",
                             250, 15000, FOREVER},
    [FAULT_USBIPD_EXCEPTION] = {"usbipd_failed", "usbipd failed on the request",
                                "Unplug the board and plug it in again; if it stays, restart the "
                                "service usbipd on Windows.",
                                1000, 15000, FOREVER},
    [FAULT_USBIPD_STATUS] = {"usbipd_status", "usbipd refused with a status that is not known",
                             "Update usbipd-win and ttyferry.", 1000, 15000, FOREVER},
    [FAULT_NO_ADDRESS] = {"no_windows_address", "the address of Windows could not be found out",
                          "Set \"usbipd\": {\"address\": ...} in /etc/ttyferry/config.json.", 1000,
                          15000, FOREVER},
    [FAULT_NO_HOST] = {"no_host", "the host agent, through which the import goes, is not there",
                       "See that ttyferry runs on Windows.", 1000, 15000, FOREVER},
    [FAULT_REFUSED] = {"usbipd_refused", "nothing listens at usbipd's address",
                       "Start the service usbipd on Windows, or install usbipd-win.", 500, 15000,
                       FOREVER},
    [FAULT_UNREACHABLE] = {"usbipd_unreachable", "usbipd's address cannot be reached",
                           "Let the Windows firewall pass TCP port 3240 from WSL.", 1000, 15000,
                           FOREVER},
    [FAULT_IMPORT_TIMEOUT] = {"import_timeout", "usbipd did not answer in time",
                              "Let the Windows firewall pass TCP port 3240 from WSL; if it does, "
                              "restart the service usbipd.",
                              1000, 15000, FOREVER},
    [FAULT_CLOSED] = {"usbipd_closed", "usbipd closed the connection without an answer",
                      "If it lasts, update usbipd-win and ttyferry.", 500, 15000, FOREVER},
    [FAULT_PROTOCOL] = {"usbipd_protocol", "usbipd's answer is not valid USB/IP",
                        "Check that usbipd-win is what listens there, and update it.", 5000, 15000,
                        FOREVER},
    /* The boards were swapped; the news of that is on its way. Each try takes the other board away
     * from Windows for a moment. */
    [FAULT_OTHER_BOARD] = {"other_board", "usbipd has another board at this place",
                           "Unplug the board and plug it in again.", 500, 15000, 2},
    [FAULT_NO_BUSID] = {"no_busid", "the board hangs on a hub that usbipd cannot address",
                        "Plug the board into another USB port.", 0, 0, 0},
    [FAULT_NO_VHCI] = {"no_vhci", "the kernel's USB/IP host controller (vhci_hcd) is not there",
                       "Run `modprobe vhci_hcd`; where that fails, update WSL with `wsl --update`.",
                       2000, 15000, FOREVER},
    [FAULT_NO_PORT] = {"no_free_port", "every port of the USB/IP host controller is in use",
                       "Detach a board that is not needed.", 1000, 15000, FOREVER},
    [FAULT_ATTACH] = {"attach_failed", "the kernel did not take the imported connection",
                      "See the kernel's log (`dmesg`).", 1000, 15000, FOREVER},
    [FAULT_NO_ANSWER] = {"no_answer", "usbipd has handed the board over, and it does not answer",
                         "Unplug the board and plug it in again; if that does not help, restart "
                         "the service usbipd on Windows.",
                         1000, 15000, FOREVER},
    [FAULT_ENUMERATION] = {"enumeration_timeout", "the kernel did not bring the board up in time",
                           "Unplug the board and plug it in again; see the kernel's log (`dmesg`).",
                           1000, 15000, FOREVER},
    /* Longer than the host waits to tell a reset from a removal; a board that returns is told by
     * its arrival. */
    [FAULT_SERVER_LOST] = {"server_lost", "the connection to usbipd ended",
                           "If the board is still plugged in, see that the service usbipd runs.",
                           4000, 15000, FOREVER},
    [FAULT_INTERNAL] = {"internal", "the guest agent failed", "See the guest agent's log.", 1000,
                        15000, FOREVER},
};

const struct attach_fault_info *attach_fault_info(enum attach_fault fault)
{
    if (fault <= FAULT_NONE || fault >= FAULT_COUNT)
        fault = FAULT_INTERNAL;
    return &infos[fault];
}

enum attach_fault attach_fault_from_status(uint32_t status)
{
    if (status >= 1 && status <= 5)
        return (enum attach_fault)(FAULT_USBIPD_MONITOR + (status - 1));
    return FAULT_USBIPD_STATUS;
}

enum attach_fault attach_fault_from_code(const char *code)
{
    for (int fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++)
        if (strcmp(infos[fault].code, code) == 0)
            return (enum attach_fault)fault;
    return FAULT_INTERNAL;
}
