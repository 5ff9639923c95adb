/* The boards that a MATCH means, and the lines of a stream that are about them.
 *
 * A board that has fitted once goes on fitting until it is removed, whatever its later lines say:
 * it may lose its COM port, and what becomes of it is wanted all the same. */
#ifndef TTYFERRY_CLI_EVENT_FILTER_H
#define TTYFERRY_CLI_EVENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/core/board_table.h"
#include "shared/core/match.h"

struct event_filter {
    struct match match;
    struct board_table fitting; /* the boards that have fitted */
    bool is_resumed;
    struct board_table newcomers; /* since then: the boards that have arrived, and are there */
};

/* MATCH_ANY lets every line pass. */
void event_filter_init(struct event_filter *filter, const struct match *match);
void event_filter_finish(struct event_filter *filter);

/* What comes next goes on behind a line that the filter has not seen: it knows of the boards there
 * were at that line neither that they have fitted nor that they have not. A board that may have
 * (match_can_lose), and has not arrived since, passes until it is removed: who was there all the
 * time would hear of it. */
void event_filter_resume(struct event_filter *filter);

/* Takes `boards` for all that there are: `fitting` then has those of them that fit, as they are in
 * it. Returns 0 or ERR_NOMEM. */
int event_filter_follow(struct event_filter *filter, const struct board_table *boards);

/* Looks at a line (LF not counted). `*passes` says whether it is wanted: an event about a board
 * that fits, and every `link`, `dropped` and `snapshot`. A snapshot is rewritten to have the
 * fitting boards only: `*rewritten` is then a line with its LF, the caller's to free(), else NULL.
 * What a later version has added, and an answer to a request, do not pass. Returns 0; ERR_INVALID,
 * ERR_VERSION for what is no line of a stream; ERR_NOMEM. */
int event_filter_look(struct event_filter *filter, const char *line, size_t len, bool *passes,
                      char **rewritten, size_t *rewritten_len);

#endif
