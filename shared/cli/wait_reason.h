/* Why a wait has not come to its end: what its last look at the stream told, on stderr. */
#ifndef TTYFERRY_CLI_WAIT_REASON_H
#define TTYFERRY_CLI_WAIT_REASON_H

#include <stdbool.h>

#include "shared/core/event.h"

/* Says it as `verb`. `snapshot` has the link and, as its boards, those that fit `match_text`; with
 * `gone` it was their end that was waited for. */
void wait_reason_say(const char *verb, const char *match_text, bool gone,
                     const struct event *snapshot);

#endif
