/* The connections that the host opens for imports, from its hello to the moment when their bytes
 * are the import's own. Part of a host_link. */
#ifndef TTYFERRY_GUEST_IMPORT_DOORS_H
#define TTYFERRY_GUEST_IMPORT_DOORS_H

#include <stdbool.h>

#include "guest-linux/host_imports.h"
#include "shared/link/session.h"

struct import_door {
    struct session *session;
    char import[WIRE_IMPORT_SIZE];
};

/* Zeroed to begin with. */
struct import_doors {
    struct import_door items[HOST_IMPORTS_MAX];
    size_t count;
};

/* A host has come for that import: it is refused with a bye unless the import is awaited and nobody
 * else has come for it. */
void import_doors_open(struct import_doors *doors, const struct host_imports *imports,
                       struct session *session, const char *import);

/* Each returns false for a session that is none of them, and then does nothing.
 * A line: it must be the host's `open`, for which the stream is taken; else the session ends. */
bool import_doors_take_line(struct import_doors *doors, struct session *session, const char *line,
                            size_t len, struct wire_import *room);
/* The stream was taken: it goes to who awaits the import. */
bool import_doors_hand_on(struct import_doors *doors, struct host_imports *imports,
                          struct session *session, uv_stream_t *stream);
/* The session has ended. */
bool import_doors_forget(struct import_doors *doors, struct session *session);

#endif
