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
static int explain(struct installer *installer, int error)
{
    if (error != 0) {
        text_copy(installer->detail, sizeof installer->detail, installer->guest.message);
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
    return explain(installer, error);
}

int install_guest_drop_placed(struct installer *installer)
{
    return installer->guest_is_placed ? explain(installer, guest_setup_drop(&installer->guest)) : 0;
}

/* Runs the setup of the program that has been placed. */
static int run_setup(struct installer *installer)
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
    error = guest_setup_run(&installer->guest, request, len);
    link_key_wipe_text(request, len);
    free(request);
    return explain(installer, error);
}

int install_guest_set_up(struct installer *installer)
{
    int error;

    installer->guest_is_tried = true;
    error = run_setup(installer);
    installer->guest_is_set_up = error == 0;
    return error;
}

static int put_old_program_back(struct installer *installer, const wchar_t *old)
{
    char *bytes;
    size_t len;
    int error = carried_program_copy_from(old, CARRIED_PROGRAM_GUEST, &bytes, &len);

    if (error != 0) {
        return install_steps_fail(installer, "the old ttyferry.exe carries no guest program",
                                  error);
    }
    error = explain(installer, guest_setup_place(&installer->guest, bytes, len));
    free(bytes);
    return error == 0 ? run_setup(installer) : error;
}

/* `setup` itself takes back what fails in it. */
int install_guest_put_back(struct installer *installer)
{
    const wchar_t *old = installer->programs[INSTALL_PROGRAM].aside;
    char why[WSL_MESSAGE_SIZE];
    int error;

    if (!installer->guest_was_there) {
        return installer->guest_is_tried
                   ? explain(installer, guest_setup_remove(&installer->guest, true))
                   : 0;
    }
    if (!installer->guest_is_set_up || (installer->is_upgrade && old[0] == L'\0')) {
        return 0; /* In the second case this very program set it up before. */
    }
    if (!installer->is_upgrade) {
        text_copy(installer->detail, sizeof installer->detail,
                  "the guest was set up before, and not by an installation from here: it keeps the "
                  "newer program and the new key");
        return ERR_EXISTS;
    }
    error = put_old_program_back(installer, old);
    if (error != 0) {
        text_copy(why, sizeof why, installer->detail);
        snprintf(installer->detail, sizeof installer->detail,
                 "the newer program stays in the guest, and works with the old one here: %.900s",
                 why);
    }
    return error;
}
