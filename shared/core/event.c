#include "shared/core/event.h"

#include <string.h>

#include "shared/core/error.h"

/* Indexed by enum event_type and enum event_reason. */
static const char *const type_names[] = {
    [EVENT_SNAPSHOT] = "snapshot",   [EVENT_ARRIVAL] = "arrival",
    [EVENT_UPDATE] = "update",       [EVENT_NEEDS_SHARING] = "needs_sharing",
    [EVENT_ATTACHING] = "attaching", [EVENT_READY] = "ready",
    [EVENT_FAILED] = "failed",       [EVENT_DETACHED] = "detached",
    [EVENT_YIELDED] = "yielded",     [EVENT_TAKEN] = "taken",
    [EVENT_REMOVAL] = "removal",     [EVENT_LINK] = "link",
    [EVENT_DROPPED] = "dropped",
};

static const char *const reason_names[] = {
    [REASON_LOST] = "lost",
    [REASON_YIELDED] = "yielded",
    [REASON_RELEASED] = "released",
    [REASON_SERVER_LOST] = "server_lost",
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* The index of `name`, or ERR_INVALID. */
static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return ERR_INVALID;
}

const char *event_type_to_name(enum event_type type)
{
    return (int)type >= 0 && (int)type < COUNT(type_names) ? type_names[type] : "unknown";
}

int event_type_from_name(const char *name, enum event_type *type)
{
    int index = find_name(type_names, COUNT(type_names), name);
    if (index < 0) {
        return index;
    }
    *type = (enum event_type)index;
    return 0;
}

const char *event_reason_to_name(enum event_reason reason)
{
    return (int)reason >= 0 && (int)reason < COUNT(reason_names) ? reason_names[reason] : "unknown";
}

int event_reason_from_name(const char *name, enum event_reason *reason)
{
    int index = find_name(reason_names, COUNT(reason_names), name);
    if (index < 0) {
        return index;
    }
    *reason = (enum event_reason)index;
    return 0;
}
