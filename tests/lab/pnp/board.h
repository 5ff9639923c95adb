/*
 * The boards that one server has plugged in: a USB node each, and perhaps a child node that carries
 * the COM port.  Every verb takes its checked request and returns ERROR_SUCCESS or a Windows error
 * code.
 */
#ifndef BOARD_H
#define BOARD_H

#include <windows.h>

#include "pnpbus.h"
#include "request.h"

enum { BOARD_PORT_CHARS = 64, BOARD_TEXT_CHARS = 256 };

struct board {
    struct board *next;
    wchar_t id[PNPBUS_ID_CHARS];       /* full instance id of the USB node */
    wchar_t child_id[PNPBUS_ID_CHARS]; /* of the child with the COM port; empty if there is none */
    wchar_t description[BOARD_TEXT_CHARS];
    wchar_t port[BOARD_PORT_CHARS]; /* "COM7"; empty if there is none */
};

/* The set owns its boards; start from {.bus = ...} and end with board_set_finish, which unplugs
 * nothing. */
struct board_set {
    HANDLE bus; /* borrowed */
    struct board *first;
};

void board_set_finish(struct board_set *set);

DWORD board_plug(struct board_set *set, const struct request *request);
DWORD board_unplug(struct board_set *set, const struct request *request);
DWORD board_com(struct board_set *set, const struct request *request);
DWORD board_com_gone(struct board_set *set, const struct request *request);
DWORD board_interface(struct board_set *set, const struct request *request);
DWORD board_notice(struct board_set *set, const struct request *request);

/* Prints a JSON array of the boards, in the order of plugging. */
void board_print_all(const struct board_set *set);

#endif
