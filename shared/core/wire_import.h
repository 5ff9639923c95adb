/* The link's messages about imports that go through the host: the request, and the bytes where they
 * travel as lines of the link itself (docs/protocol.md). */
#ifndef TTYFERRY_CORE_WIRE_IMPORT_H
#define TTYFERRY_CORE_WIRE_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "shared/core/wire_hello.h"

#define WIRE_IMPORT_BUSID_SIZE 32
/* What one data line carries: bytes, and their base64 with a terminator. */
#define WIRE_IMPORT_BYTES_MAX (32u * 1024)
#define WIRE_IMPORT_BASE64_SIZE ((WIRE_IMPORT_BYTES_MAX + 2) / 3 * 4 + 1)
/* How many bytes may be under way each way before the receiver has given credit for them. */
#define WIRE_IMPORT_WINDOW (128u * 1024)

enum wire_import_type {
    WIRE_IMPORT_ASK,    /* "import", guest to host: connect me to usbipd; `busid` is for the log */
    WIRE_IMPORT_OPEN,   /* host to guest: usbipd is connected, its bytes come from here on */
    WIRE_IMPORT_DATA,   /* `bytes`, in base64 */
    WIRE_IMPORT_CREDIT, /* `credit` more bytes may come */
    WIRE_IMPORT_END,    /* without a code: nothing more comes from here; else all is over, why */
};

struct wire_import {
    enum wire_import_type type;
    char import[WIRE_IMPORT_SIZE]; /* 16 hex digits that the guest made up */
    char busid[WIRE_IMPORT_BUSID_SIZE];
    int64_t credit; /* 1 to WIRE_IMPORT_WINDOW */
    char code[WIRE_CODE_SIZE];
    char message[WIRE_TEXT_SIZE];
    char bytes[WIRE_IMPORT_BASE64_SIZE]; /* terminated; not looked at here, but not empty */
};

/* Writes one line with its LF; `*line` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int wire_import_to_line(const struct wire_import *message, char **line, size_t *len);

/* Reads a line. Returns 0; ERR_UNSUPPORTED if its `type` is none of these; ERR_INVALID for anything
 * malformed (also where memory is exhausted while parsing). On failure `*message` is undefined. */
int wire_import_from_line(const char *line, size_t len, struct wire_import *message);

#endif
