/* What the listening threads tell the loop, through one inbox, so that the order in which things
 * were heard is kept across sources. Notices are hints: they say where to look again. */
#ifndef TTYFERRY_HOST_WIN_HOST_NOTICE_H
#define TTYFERRY_HOST_WIN_HOST_NOTICE_H

#include "shared/core/board.h"

/* A burst of notices that waits for the loop; one more is counted and makes the loop rescan. */
#define HOST_NOTICE_INBOX_SIZE 256

enum host_notice_type {
    HOST_NOTICE_BOARD_ARRIVED,   /* the USB_DEVICE interface of `id` came */
    HOST_NOTICE_BOARD_REMOVED,   /* it went */
    HOST_NOTICE_DEVICES_CHANGED, /* some device node came, changed or went */
    HOST_NOTICE_SHARING_CHANGED, /* usbipd-win's registry changed */
    HOST_NOTICE_RESUMED,         /* the machine slept, and is awake again */
    HOST_NOTICE_SESSION_ACTIVE,  /* our session is the one that somebody uses (again) */
    HOST_NOTICE_SESSION_AWAY,    /* it is not: another user's is, or the remote client left */
    HOST_NOTICE_STOP,            /* Windows or a user asks the agent to end */
};

struct host_notice {
    enum host_notice_type type;
    char id[BOARD_ID_SIZE]; /* in lower case; HOST_NOTICE_BOARD_* only */
    int64_t heard_ms;       /* of uv_hrtime's clock; HOST_NOTICE_SHARING_CHANGED only */
};

#endif
