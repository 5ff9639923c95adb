/* What can go wrong between a wanted board and its tty, what to tell the user about each, and how
 * to try again. Pure; one table. */
#ifndef TTYFERRY_CORE_ATTACH_FAULT_H
#define TTYFERRY_CORE_ATTACH_FAULT_H

#include <stdint.h>

enum attach_fault {
    FAULT_NONE,
    /* The statuses with which usbipd-win refuses an import, in the order of its numbers. */
    FAULT_USBIPD_MONITOR,   /* 1 */
    FAULT_IN_USE,           /* 2 */
    FAULT_CLAIM,            /* 3 */
    FAULT_NOT_AVAILABLE,    /* 4 */
    FAULT_USBIPD_EXCEPTION, /* 5 */
    FAULT_USBIPD_STATUS,    /* any other */
    /* The way to usbipd. */
    FAULT_NO_ADDRESS,
    FAULT_NO_HOST,
    FAULT_REFUSED,
    FAULT_UNREACHABLE,
    FAULT_IMPORT_TIMEOUT,
    FAULT_CLOSED,
    FAULT_PROTOCOL,
    FAULT_OTHER_BOARD,
    /* What a status 2 means, where more is known than usbipd says. */
    FAULT_BUSY, /* Windows has hardly seen the board yet */
    FAULT_ATTACHED_ELSEWHERE,
    /* This machine. */
    FAULT_NO_BUSID,
    FAULT_NO_VHCI,
    FAULT_NO_PORT,
    FAULT_ATTACH,
    FAULT_NO_ANSWER,
    FAULT_ENUMERATION,
    FAULT_SERVER_LOST,
    FAULT_INTERNAL,
    FAULT_COUNT,
};

#define ATTACH_FAULT_RETRY_FOREVER UINT32_MAX

struct attach_fault_info {
    const char *code;    /* stable, snake_case */
    const char *message; /* a phrase without a full stop */
    const char *remedy;  /* a sentence for the user */
    uint32_t first_ms;   /* wait before the first retry; it doubles up to max_ms */
    uint32_t max_ms;
    uint32_t retries; /* after that many none until the board arrives anew */
};

/* The row of a fault. Static storage; FAULT_NONE and unknown values answer FAULT_INTERNAL's. */
const struct attach_fault_info *attach_fault_info(enum attach_fault fault);

/* The fault for a status other than 0 in an import's reply. */
enum attach_fault attach_fault_from_status(uint32_t status);

/* The fault of that code, as the host names it; FAULT_INTERNAL for one that is not known. */
enum attach_fault attach_fault_from_code(const char *code);

#endif
