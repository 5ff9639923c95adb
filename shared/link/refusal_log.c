#include "shared/link/refusal_log.h"

#include <string.h>

#include "shared/core/text.h"

static struct refusal_source *find(struct refusal_log *log, const char *source)
{
    for (size_t i = 0; i < log->count; i++) {
        if (strncmp(log->sources[i].source, source, REFUSAL_LOG_SOURCE_SIZE - 1) == 0) {
            return &log->sources[i];
        }
    }
    return NULL;
}

/* A place for a source that has none; NULL while each is taken by one of the last minute. */
static struct refusal_source *make_room(struct refusal_log *log, uint64_t now_ms)
{
    if (log->count < REFUSAL_LOG_SOURCES_MAX) {
        return &log->sources[log->count++];
    }
    for (size_t i = 0; i < log->count; i++) {
        if (now_ms >= log->sources[i].next_ms) {
            log->held_back += log->sources[i].held_back;
            return &log->sources[i];
        }
    }
    return NULL;
}

bool refusal_log_take(struct refusal_log *log, const char *source, uint64_t now_ms,
                      unsigned *held_back)
{
    struct refusal_source *entry = find(log, source);

    if (entry != NULL && now_ms < entry->next_ms) {
        entry->held_back++;
        return false;
    }
    if (entry == NULL) {
        entry = make_room(log, now_ms);
        if (entry == NULL) {
            log->held_back++;
            return false;
        }
        text_copy(entry->source, sizeof entry->source, source);
        entry->held_back = 0;
    }
    *held_back = entry->held_back + log->held_back;
    entry->held_back = 0;
    entry->next_ms = now_ms + REFUSAL_LOG_PERIOD_MS;
    log->held_back = 0;
    return true;
}
