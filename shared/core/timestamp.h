/* Moments as the event stream writes them: RFC 3339 in UTC with milliseconds, by arithmetic alone.
 */
#ifndef TTYFERRY_CORE_TIMESTAMP_H
#define TTYFERRY_CORE_TIMESTAMP_H

#include <stdint.h>

#define TIMESTAMP_SIZE 25 /* "2026-08-31T12:34:56.789Z" */

/* The last millisecond of the year 9999. */
#define TIMESTAMP_MAX_MS INT64_C(253402300799999)

/* Writes `time_ms`, milliseconds since 1970. What lies outside 0..TIMESTAMP_MAX_MS (only a broken
 * clock gives it) is written as the nearer end. Returns `target`. */
char *timestamp_from_ms(int64_t time_ms, char target[TIMESTAMP_SIZE]);

/* Reads exactly that form, years 1970 to 9999, no leap seconds. Returns 0 or ERR_INVALID. */
int timestamp_to_ms(const char *text, int64_t *time_ms);

#endif
