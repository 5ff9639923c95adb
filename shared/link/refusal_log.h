/* Which refusals are worth a line in the log: one for each source and minute, so that who knocks
 * for ever fills no disk. No clock: the times come in. */
#ifndef TTYFERRY_LINK_REFUSAL_LOG_H
#define TTYFERRY_LINK_REFUSAL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSAL_LOG_PERIOD_MS 60000u
#define REFUSAL_LOG_SOURCES_MAX 16
#define REFUSAL_LOG_SOURCE_SIZE 64

/* Zeroed before the first use. */
struct refusal_log {
    struct refusal_source {
        char source[REFUSAL_LOG_SOURCE_SIZE];
        uint64_t next_ms;   /* before that it is not told again */
        unsigned held_back; /* since it was told */
    } sources[REFUSAL_LOG_SOURCES_MAX];
    size_t count;
    unsigned held_back; /* of sources that found no place, or have lost theirs */
};

/* `source` (an address without its port; cut if longer) has been refused. Returns true if that
 * should be told; `*held_back` is then how many were not, of this source and of such as have no
 * place of their own. While more than REFUSAL_LOG_SOURCES_MAX sources are refused within a minute,
 * the others are only counted. */
bool refusal_log_take(struct refusal_log *log, const char *source, uint64_t now_ms,
                      unsigned *held_back);

#endif
