#include "guest-linux/setup_notes.h"

#include <stdlib.h>

#include "guest-linux/guest_places.h"
#include "shared/core/error.h"

static const char *const places[SETUP_THING_COUNT] = {
    [SETUP_ETC_FOLDER] = GUEST_ETC_FOLDER,
    [SETUP_LIB_FOLDER] = GUEST_LIB_FOLDER,
    [SETUP_LOG_FOLDER] = GUEST_LOG_FOLDER,
    [SETUP_BIN_FOLDER] = GUEST_BIN_FOLDER,
    [SETUP_WANTS_FOLDER] = GUEST_WANTS_FOLDER,
    [SETUP_KEY] = GUEST_KEY,
    [SETUP_CONFIG] = GUEST_CONFIG,
    [SETUP_HOST] = GUEST_HOST,
    [SETUP_WSL_CONF] = GUEST_WSL_CONF,
};

static const enum setup_thing folders[] = {
    SETUP_ETC_FOLDER, SETUP_LIB_FOLDER, SETUP_LOG_FOLDER, SETUP_BIN_FOLDER, SETUP_WANTS_FOLDER,
};

enum { FOLDER_COUNT = sizeof folders / sizeof folders[0] };

int setup_notes_read(struct setup_notes *notes, const struct guest_files *files)
{
    char *text;
    size_t len;
    int err = guest_files_read(files, GUEST_STATE, SETUP_STATE_TEXT_MAX, &text, &len);

    *notes = (struct setup_notes){.is_kept = err == 0};
    if (err == ERR_NOT_FOUND) {
        for (size_t i = 0; i < SETUP_THING_COUNT; i++) {
            notes->state.was_there[i] = guest_files_has(files, places[i]);
        }
        return 0;
    }
    if (err == 0) {
        err = setup_state_parse(text, len, &notes->state);
        free(text);
    }
    return err;
}

int setup_notes_keep(struct setup_notes *notes, struct guest_files *files)
{
    struct guest_file_text content = {.mode = 0644};
    char *text;
    int err;

    if (notes->is_kept) {
        return 0;
    }
    err = guest_files_make_folder(files, GUEST_LIB_FOLDER, 0755);
    if (err == 0) {
        err = setup_state_print(&notes->state, &text, &content.len);
    }
    if (err == 0) {
        content.text = text;
        err = guest_files_write(files, GUEST_STATE, &content);
        free(text);
    }
    return err;
}

void setup_notes_drop_folders(const struct setup_notes *notes, const struct guest_files *files)
{
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        if (!notes->state.was_there[folders[i]]) {
            (void)guest_files_remove_folder(files, places[folders[i]]);
        }
    }
}
