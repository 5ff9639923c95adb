#include "guest-linux/import_doors.h"

#include <string.h>

#include "shared/core/log.h"
#include "shared/core/text.h"

static struct import_door *find(struct import_doors *doors, const struct session *session)
{
    for (size_t i = 0; i < doors->count; i++) {
        if (doors->items[i].session == session) {
            return &doors->items[i];
        }
    }
    return NULL;
}

static bool is_named(const struct import_doors *doors, const char *import)
{
    for (size_t i = 0; i < doors->count; i++) {
        if (strcmp(doors->items[i].import, import) == 0) {
            return true;
        }
    }
    return false;
}

void import_doors_open(struct import_doors *doors, const struct host_imports *imports,
                       struct session *session, const char *import)
{
    struct import_door *door;

    if (!host_imports_is_awaited(imports, import) || is_named(doors, import) ||
        doors->count == HOST_IMPORTS_MAX) {
        log_warning("host: a connection for import %s was refused: it is not awaited", import);
        session_bye(session, "import", "this guest has asked for no such import");
        return;
    }
    door = &doors->items[doors->count++];
    door->session = session;
    text_copy(door->import, sizeof door->import, import);
}

bool import_doors_take_line(struct import_doors *doors, struct session *session, const char *line,
                            size_t len, struct wire_import *room)
{
    const struct import_door *door = find(doors, session);

    if (door == NULL) {
        return false;
    }
    if (wire_import_from_line(line, len, room) == 0 && room->type == WIRE_IMPORT_OPEN &&
        strcmp(room->import, door->import) == 0) {
        session_take(session);
    } else {
        log_warning("host: sent something else than the opening of import %s", door->import);
        session_bye(session, "invalid", "only the import's opening may come here");
    }
    return true;
}

bool import_doors_hand_on(struct import_doors *doors, struct host_imports *imports,
                          struct session *session, uv_stream_t *stream)
{
    const struct import_door *door = find(doors, session);

    if (door == NULL) {
        return false;
    }
    host_imports_bring(imports, door->import, stream);
    return true;
}

bool import_doors_forget(struct import_doors *doors, struct session *session)
{
    struct import_door *door = find(doors, session);

    if (door == NULL) {
        return false;
    }
    *door = doors->items[--doors->count];
    return true;
}
