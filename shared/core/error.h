/* The project's error codes: 0 is success, every failure is one of these negative numbers.
 *
 * Errors of the operating system, libuv and errno become ours at the edge, in one place per
 * source, so that code above the edge never sees a foreign number. */
#ifndef TTYFERRY_CORE_ERROR_H
#define TTYFERRY_CORE_ERROR_H

enum error_code {
    ERR_NOMEM = -1,        /* memory is exhausted */
    ERR_INVALID = -2,      /* malformed input */
    ERR_TOO_LONG = -3,     /* input exceeds a named limit */
    ERR_VERSION = -4,      /* the peer speaks another protocol version */
    ERR_AUTH = -5,         /* the peer did not prove what it must */
    ERR_NOT_FOUND = -6,    /* no such file, device, key, name */
    ERR_EXISTS = -7,       /* it is there already, or another instance holds it */
    ERR_BUSY = -8,         /* in use, worth trying again */
    ERR_DENIED = -9,       /* the operating system forbids it */
    ERR_TIMEOUT = -10,     /* a deadline passed */
    ERR_CLOSED = -11,      /* the peer closed the connection */
    ERR_REFUSED = -12,     /* nobody listens at that address */
    ERR_UNREACHABLE = -13, /* no route, or a firewall dropped it */
    ERR_IO = -14,          /* any other failure of the operating system */
    ERR_UNSUPPORTED = -15, /* not possible on this system */
    ERR_FULL = -16,        /* a bounded queue or table is full */
    ERR_CANCELLED = -17,   /* we gave it up ourselves */
    ERR_IS_FOLDER = -18,   /* a folder stands where a file should be */
};

/* A short English phrase such as "timed out", without a full stop; "unknown error" for a code that
 * is none. Static storage. */
const char *error_text(int error);

#endif
