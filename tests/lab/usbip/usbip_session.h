/* The server's side of one USB/IP connection, as usbipd-win 5 behaves: one operation, and after a
 * successful import the URBs of that board until either side hangs up. */
#ifndef TTYFERRY_LAB_USBIP_SESSION_H
#define TTYFERRY_LAB_USBIP_SESSION_H

#include <stdint.h>

#include "usbip_conn.h"
#include "usbip_export.h"

enum usbip_session_state {
    USBIP_SESSION_OPERATION, /* awaits an operation's header */
    USBIP_SESSION_BUSID,     /* awaits the rest of an import request */
    USBIP_SESSION_CAPTURE,   /* Windows is at it */
    USBIP_SESSION_REPLY,     /* has an import to answer */
    USBIP_SESSION_URB,       /* awaits a URB command's header */
    USBIP_SESSION_URB_DATA,  /* awaits the bytes of a transfer to the board */
    USBIP_SESSION_ANSWER,    /* has a whole URB command to carry out */
    USBIP_SESSION_STATES,
};

struct usbip_session {
    struct usbip_conn conn;
    struct usbip_export_table *exports; /* borrowed */
    struct usbip_export *item;          /* borrowed; the board this session captured, or NULL */
    enum usbip_session_state state;
    size_t want_bytes;     /* input that the state needs */
    int64_t resume_us;     /* CLOCK_MONOTONIC; nothing is read or answered before */
    uint32_t reply_status; /* of the import to be answered */
    struct usbip_fault fault;
};

/* Takes fd over. Returns the session, which usbip_session_destroy frees, or NULL (fd is closed). */
struct usbip_session *usbip_session_create(int fd, struct usbip_export_table *exports);

/* Windows is done with the board that the session waits for: the import is answered with `status`
 * by the next step. */
void usbip_session_answer_import(struct usbip_session *session, uint32_t status);

/* Lets go of the board without asking Windows for anything. */
void usbip_session_forget_board(struct usbip_session *session);

/* Hangs up and gives the board back. */
void usbip_session_destroy(struct usbip_session *session);

/* False while it waits for time to pass or for output to drain. */
bool usbip_session_wants_input(const struct usbip_session *session, int64_t now_us);

/* How long until it can go on without any I/O, 0 for now; -1 if only I/O gets it further. */
int64_t usbip_session_wait_us(const struct usbip_session *session, int64_t now_us);

/* Goes on as far as input, time and output allow. False: the session is over, destroy it. */
bool usbip_session_step(struct usbip_session *session, int64_t now_us);

#endif
