/* What the installer on Windows hands to `ttyferry setup` in the guest: one JSON object on its
 * standard input. */
#ifndef TTYFERRY_CORE_SETUP_REQUEST_H
#define TTYFERRY_CORE_SETUP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/core/config.h"
#include "shared/core/windows_path.h"

#define SETUP_REQUEST_TEXT_MAX (2 * CONFIG_TEXT_MAX)
#define SETUP_REQUEST_KEY_LEN 64

struct setup_request {
    char key[SETUP_REQUEST_KEY_LEN + 1];  /* lower-case hex; empty: none given */
    char *config;                         /* a valid configuration in JSON and LF; NULL: none */
    size_t config_len;                    /* in bytes */
    char host_program[WINDOWS_PATH_SIZE]; /* of ttyferry.exe on Windows; empty: none given */
};

/* Reads {"key": ..., "config": {...}, "host_program": ...}, each of them optional, other members
 * passed over; white space alone is a request for nothing. Returns 0, and setup_request_finish
 * releases it; ERR_INVALID, ERR_TOO_LONG or ERR_NOMEM, and then `reason` says what is wrong,
 * without repeating the key. `*request` stays untouched on failure. */
int setup_request_parse(const char *text, size_t len, struct setup_request *request,
                        char reason[CONFIG_REASON_SIZE]);
void setup_request_finish(struct setup_request *request);

#endif
