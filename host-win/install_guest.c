/* The steps of an installation that change the guest. */
#include <stdio.h>
#include <stdlib.h>

#include "host-win/carried_program.h"
#include "host-win/install_steps.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/key_file.h"
#include "shared/link/link_key.h"

/* What went wrong in the distribution is the detail. */
static int explain(struct installer *installer, const struct guest_setup *guest, int error)
{
    if (error != 0) {
        text_copy(installer->detail, sizeof installer->detail, guest->message);
    }
    return error;
}

int install_guest_place(struct installer *installer)
{
    const char *bytes;
    size_t len;
    int error = carried_program_load(CARRIED_PROGRAM_GUEST, &bytes, &len);

    if (error != 0) {
        return install_steps_fail(installer, "this build carries no guest program", error);
    }
    error = guest_setup_find(&installer->guest, &installer->guest_was_there);
    if (error == 0) {
        installer->guest_is_placed = true;
        error = guest_setup_place(&installer->guest, bytes, len);
    }
    return explain(installer, &installer->guest, error);
}

int install_guest_drop_placed(struct installer *installer)
{
    return installer->guest_is_placed
               ? explain(installer, &installer->guest, guest_setup_drop(&installer->guest))
               : 0;
}

/* Runs the setup of the program that has been placed. */
static int run_setup(struct installer *installer, struct guest_setup *guest)
{
    struct key_file file = {.path = installer->places->key};
    char digits[LINK_KEY_TEXT_SIZE];
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;
    char *request;
    size_t len;
    int error = key_file_read(&file, &key, reason);

    if (error != 0) {
        text_copy(installer->detail, sizeof installer->detail, reason);
        return error;
    }
    link_key_to_text(&key, digits);
    link_key_wipe(&key);
    error = install_state_make_setup(digits, installer->places->program, &installer->config,
                                     &request, &len);
    link_key_wipe_text(digits, sizeof digits);
    if (error != 0) {
        return install_steps_fail(installer, "the guest's part", error);
    }
    error = guest_setup_run(guest, request, len);
    link_key_wipe_text(request, len);
    free(request);
    return explain(installer, guest, error);
}

int install_guest_set_up(struct installer *installer)
{
    int error;

    installer->guest_is_tried = true;
    error = run_setup(installer, &installer->guest);
    installer->guest_is_set_up = error == 0;
    return error;
}

/* The program that was installed before: this one, if it is upgraded by itself. */
static int load_old_program(struct installer *installer, char **bytes, size_t *len)
{
    const wchar_t *old = installer->programs[INSTALL_PROGRAM].aside;
    int error = carried_program_copy_from(old[0] != L'\0' ? old : installer->places->source,
                                          CARRIED_PROGRAM_GUEST, bytes, len);

    return error != 0 ? install_steps_fail(installer,
                                           "the old ttyferry.exe carries no guest program", error)
                      : 0;
}

static int put_old_program_back(struct installer *installer, struct guest_setup *guest)
{
    char *bytes;
    size_t len;
    int error = load_old_program(installer, &bytes, &len);

    if (error != 0) {
        return error;
    }
    error = explain(installer, guest, guest_setup_place(guest, bytes, len));
    free(bytes);
    return error == 0 ? run_setup(installer, guest) : error;
}

int install_guest_leave(struct installer *installer)
{
    int error;

    installer->former_is_tried = true;
    error = explain(installer, &installer->former, guest_setup_remove(&installer->former, false));
    if (error == 0) {
        snprintf(installer->detail, sizeof installer->detail,
                 "%s; its key and configuration stay there until \"ttyferry uninstall --purge\"",
                 installer->former.distribution);
    }
    return error;
}

int install_guest_return(struct installer *installer)
{
    return installer->former_is_tried ? put_old_program_back(installer, &installer->former) : 0;
}

/* What an installation of before has left in the guest stays, as it did then. */
static int remove_guest(struct installer *installer)
{
    bool purges = !install_state_has_left(&installer->old_state, installer->guest.distribution);

    return explain(installer, &installer->guest, guest_setup_remove(&installer->guest, purges));
}

/* `setup` itself takes back what fails in it. */
int install_guest_put_back(struct installer *installer)
{
    char why[WSL_MESSAGE_SIZE];
    int error;

    if (!installer->guest_was_there) {
        return installer->guest_is_tried ? remove_guest(installer) : 0;
    }
    if (!installer->guest_is_set_up ||
        (installer->is_same_guest && installer->programs[INSTALL_PROGRAM].aside[0] == L'\0')) {
        return 0; /* In the second case this very program set it up before. */
    }
    if (!installer->is_same_guest) {
        text_copy(installer->detail, sizeof installer->detail,
                  "the guest was set up before, and not by an installation from here: it keeps the "
                  "newer program and the new key");
        return ERR_EXISTS;
    }
    error = put_old_program_back(installer, &installer->guest);
    if (error != 0) {
        text_copy(why, sizeof why, installer->detail);
        snprintf(installer->detail, sizeof installer->detail,
                 "the newer program stays in the guest, and works with the old one here: %.900s",
                 why);
    }
    return error;
}
