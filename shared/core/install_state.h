/* What an installation on Windows has made, so that its removal takes away that and nothing else:
 * install.json. Pure. */
#ifndef TTYFERRY_CORE_INSTALL_STATE_H
#define TTYFERRY_CORE_INSTALL_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/core/config.h"

#define INSTALL_STATE_TEXT_MAX 8192u
#define INSTALL_STATE_FOLDERS_MAX 8
#define INSTALL_STATE_LEFT_MAX 8

struct install_state {
    char version[32];                    /* of the program that was installed last */
    char distribution[CONFIG_NAME_SIZE]; /* where the guest's part is; empty: it is removed */
    /* Where it was before, with a key and a configuration that are still there. */
    char left_in[INSTALL_STATE_LEFT_MAX][CONFIG_NAME_SIZE];
    size_t left_count;
    bool made_path_entry; /* our folder was not on the PATH before */
    bool made_path_value; /* nor was there a value for it */
    bool made_key;
    bool made_config;
    unsigned program_folders; /* how many folders were made for the programs, the last one first */
    unsigned data_folders;    /* and for the data */
};

/* False if all that is left is what only a purge removes. */
bool install_state_is_installed(const struct install_state *state);

/* The guest's part leaves its distribution, and its key and configuration stay there. Returns 0, or
 * ERR_FULL if there are too many such distributions; then nothing is changed. */
int install_state_leave(struct install_state *state);

/* The guest's part is in that distribution now. */
void install_state_enter(struct install_state *state, const char *distribution);

/* Whether the guest's part was in that distribution before. */
bool install_state_has_left(const struct install_state *state, const char *distribution);

/* Reads a text of install_state_to_text; members that are not known are passed over. Returns 0,
 * ERR_INVALID or ERR_TOO_LONG; `*state` stays untouched on failure. */
int install_state_from_text(const char *text, size_t len, struct install_state *state);

/* One line of JSON with its LF; `*text` is the caller's to free(). Returns 0 or ERR_NOMEM. */
int install_state_to_text(const struct install_state *state, char **text, size_t *len);

/* What the guest's `setup` gets on its stdin: the key (64 hex digits), where ttyferry.exe is, and
 * of the host's configuration what the guest has to know too, if it differs from the defaults. The
 * text, one line with LF, is as secret as the key. Returns 0 or ERR_NOMEM. */
int install_state_make_setup(const char *key, const char *host_program, const struct config *config,
                             char **text, size_t *len);

/* The host's configuration with the options that were given; NULL: was not. The text is the
 * caller's. Returns 0 or ERR_NOMEM. */
int install_state_make_config(const char *distribution, const char *transport, char **text,
                              size_t *len);

#endif
