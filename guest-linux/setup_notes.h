/* What was there before the first setup: found out, kept in a file, read for the removal. */
#ifndef TTYFERRY_GUEST_SETUP_NOTES_H
#define TTYFERRY_GUEST_SETUP_NOTES_H

#include <stdbool.h>

#include "guest-linux/guest_files.h"
#include "shared/core/setup_state.h"

struct setup_notes {
    struct setup_state state;
    bool is_kept; /* in a file */
};

/* The file's, or how things are now if there is none. Returns 0, or an error of guest_files_read
 * or setup_state_parse. */
int setup_notes_read(struct setup_notes *notes, const struct guest_files *files);

/* Writes the file if there is none yet. Returns 0 or an error of guest_files. */
int setup_notes_keep(struct setup_notes *notes, struct guest_files *files);

/* Removes the folders that were not there and are empty by now. */
void setup_notes_drop_folders(const struct setup_notes *notes, const struct guest_files *files);

#endif
