/* What `ttyferry setup` found in the guest when it ran there first, kept in
 * /var/lib/ttyferry/setup.json, so that the removal takes away what came with it and no more. */
#ifndef TTYFERRY_CORE_SETUP_STATE_H
#define TTYFERRY_CORE_SETUP_STATE_H

#include <stdbool.h>
#include <stddef.h>

#define SETUP_STATE_TEXT_MAX 4096

enum setup_thing {
    SETUP_ETC_FOLDER,   /* /etc/ttyferry */
    SETUP_LIB_FOLDER,   /* /var/lib/ttyferry */
    SETUP_LOG_FOLDER,   /* /var/log/ttyferry */
    SETUP_BIN_FOLDER,   /* /usr/local/bin */
    SETUP_WANTS_FOLDER, /* /etc/systemd/system/multi-user.target.wants */
    SETUP_KEY,          /* /etc/ttyferry/key */
    SETUP_CONFIG,       /* /etc/ttyferry/config.json */
    SETUP_HOST,         /* /etc/ttyferry/host */
    SETUP_WSL_CONF,     /* /etc/wsl.conf */
    SETUP_THING_COUNT,
};

struct setup_state {
    bool was_there[SETUP_THING_COUNT];
};

/* Reads it; other members are passed over, one that is missing was not there. Returns 0,
 * ERR_INVALID, ERR_VERSION (written by a later version), ERR_TOO_LONG. `*state` stays untouched on
 * failure. */
int setup_state_parse(const char *text, size_t len, struct setup_state *state);

/* `*text` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int setup_state_print(const struct setup_state *state, char **text, size_t *len);

#endif
