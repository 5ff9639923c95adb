/* The way back of an installation, and a new key for one. */
#include <stdio.h>
#include <stdlib.h>

#include "host-win/agent_process.h"
#include "host-win/autostart.h"
#include "host-win/carried_program.h"
#include "host-win/guest_setup.h"
#include "host-win/installer.h"
#include "host-win/user_path.h"
#include "host-win/wsl.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/stream_reader.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/key_file.h"
#include "shared/link/link_key.h"
#include "shared/link/local_client.h"

#define VERB "uninstall"
#define LINE_SIZE 512

struct removal {
    const struct install_places *places;
    struct install_state state;
    struct wsl_look look;
    bool purge;
    int exit_code; /* of what has been done so far */
};

/* Each step is tried, whatever became of the others. */
static void report(const char *verb, const char *title, int error, const char *reason,
                   int *exit_code)
{
    char line[LINE_SIZE];

    snprintf(line, sizeof line, "%-6s  %s\n", error == 0 ? "ok" : "failed", title);
    cli_output_text(line);
    if (error != 0) {
        cli_output_error(verb, "%s: %s", title, reason != NULL ? reason : error_text(error));
        *exit_code = CLI_FAILED;
    }
}

static int remove_from_path(const struct install_places *places, const struct install_state *state)
{
    struct registry_place place = user_path_place(places->root);
    struct registry_value value;
    bool is_changed = false;
    int error;

    if (!state->made_path_entry) {
        return 0;
    }
    error = registry_value_read(&place, &value);
    if (error == 0) {
        error = user_path_remove(&value, places->program_folder, &is_changed);
        if (error == 0 && is_changed) {
            value.exists = !state->made_path_value || value.size > sizeof(wchar_t);
            error = registry_value_write(&place, &value);
            user_path_announce();
        }
        registry_value_finish(&value);
    }
    return error;
}

static int remove_autostart(const struct install_places *places)
{
    static const struct registry_value none = {.exists = false};
    struct registry_place place = autostart_place(places->root);

    return registry_value_write(&place, &none);
}

/* Its program may have been started a moment ago, and serve nothing yet. */
static int end_agent(const struct install_places *places)
{
    wchar_t program[PROGRAM_FILES_PATH_SIZE];
    char stream[CLI_STREAM_PATH_SIZE];
    bool ended;
    int error = local_client_default_path(stream, sizeof stream);

    if (error == 0) {
        error = program_files_join(places->program_folder, L"ttyferryw.exe", program);
    }
    return error == 0 ? agent_process_end(stream, program, &ended) : error;
}

/* As log_file.h names them. */
static int remove_logs(const struct install_places *places)
{
    static const wchar_t *const names[] = {L"agent.log", L"agent.log.1"};
    int error = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && error == 0; i++) {
        error = program_files_remove(places->data_folder, names[i]);
    }
    return error;
}

static int remove_data(const struct install_places *places)
{
    int error = program_files_remove(places->data_folder, L"config.json");

    if (error == 0) {
        error = program_files_remove(places->data_folder, L"key");
    }
    return error == 0 ? remove_logs(places) : error;
}

/* The program that runs this can't be removed while it runs, if it is the installed one: it stays
 * aside until the next removal or installation. */
static int remove_programs(const struct install_places *places)
{
    int error = program_files_remove(places->program_folder, L"ttyferryw.exe");

    if (error == 0) {
        error = program_files_remove(places->program_folder, L"ttyferry.exe");
    }
    if (error == 0 && program_files_remove_asides(places->program_folder) > 0) {
        cli_output_text("        a program that still runs was renamed to *.old-*: delete it when "
                        "it has ended\n");
    }
    return error;
}

/* True if it is known that the distribution is not there any more, nor anything in it. */
static bool is_gone(const struct removal *removal, const char *distribution)
{
    const struct wsl_look *look = &removal->look;

    return look->error == ERR_NOT_FOUND || (look->error == 0 && look->list.count > 0 &&
                                            wsl_list_find(&look->list, distribution) == NULL);
}

/* What is left in a guest where our program is not any more. */
static int purge_guest(struct guest_setup *guest)
{
    const char *program;
    size_t len;
    int error = carried_program_load(CARRIED_PROGRAM_GUEST, &program, &len);

    if (error != 0) {
        text_copy(guest->message, sizeof guest->message, "this build carries no guest program");
        return error;
    }
    return guest_setup_purge(guest, program, len);
}

/* A removal that failed later may have got so far before. */
static int remove_from_guest(struct guest_setup *guest, bool purge)
{
    bool is_there = false;
    int error = guest_setup_find(guest, &is_there);

    if (error != 0) {
        return error;
    }
    if (is_there) {
        return guest_setup_remove(guest, purge);
    }
    return purge ? purge_guest(guest) : 0;
}

static void remove_guest(struct removal *removal)
{
    const char *distribution = removal->state.distribution;
    struct guest_setup guest = {.wsl = removal->places->wsl, .distribution = distribution};
    int error = is_gone(removal, distribution) ? 0 : remove_from_guest(&guest, removal->purge);

    report(VERB, "remove the guest's part", error, guest.message, &removal->exit_code);
}

/* Where the guest's part was before, its key and configuration. */
static void purge_left(struct removal *removal)
{
    char title[LINE_SIZE];

    for (size_t i = 0; i < removal->state.left_count; i++) {
        const char *distribution = removal->state.left_in[i];
        struct guest_setup guest = {.wsl = removal->places->wsl, .distribution = distribution};
        int error = is_gone(removal, distribution) ? 0 : purge_guest(&guest);

        snprintf(title, sizeof title, "remove key and configuration of the guest in %s",
                 distribution);
        report(VERB, title, error, guest.message, &removal->exit_code);
    }
}

/* What a purge needs to know stays. */
static int keep_note(struct removal *removal)
{
    struct install_state *state = &removal->state;
    int error = install_state_is_installed(state) ? install_state_leave(state) : 0;

    state->made_path_entry = false;
    state->made_path_value = false;
    if (GetFileAttributesW(removal->places->program_folder) == INVALID_FILE_ATTRIBUTES) {
        state->program_folders = 0; /* Else a program that runs is still in it. */
    }
    return error == 0 ? install_places_write_state(removal->places, state) : error;
}

static void remove_installation(struct removal *removal)
{
    const struct install_places *places = removal->places;
    int *exit_code = &removal->exit_code;

    report(VERB, "remove the start at logon", remove_autostart(places), NULL, exit_code);
    report(VERB, "end the agent", end_agent(places), NULL, exit_code);
    remove_guest(removal);
    if (removal->exit_code != CLI_DONE) { /* Run again, it goes on from here. */
        return;
    }
    report(VERB, "take the programs off the PATH", remove_from_path(places, &removal->state), NULL,
           exit_code);
    report(VERB, "remove the programs", remove_programs(places), NULL, exit_code);
    program_files_remove_folders(places->program_folder, removal->state.program_folders);
}

static void finish_removal(struct removal *removal)
{
    const struct install_places *places = removal->places;
    int *exit_code = &removal->exit_code;

    if (!removal->purge) {
        report(VERB, "note what stays", keep_note(removal), NULL, exit_code);
        return;
    }
    report(VERB, "remove configuration, key and logs", remove_data(places), NULL, exit_code);
    report(VERB, "remove install.json", program_files_remove(places->data_folder, L"install.json"),
           NULL, exit_code);
    program_files_remove_folders(places->data_folder, removal->state.data_folders);
}

static int run(struct removal *removal)
{
    bool is_installed = install_state_is_installed(&removal->state);

    if (!is_installed && !removal->purge) {
        cli_output_error(VERB, "nothing is installed here; --purge removes the configuration, the "
                               "key and the logs that are left");
        return CLI_FAILED;
    }
    if (wsl_look_run(removal->places->wsl, "", &removal->look) != 0) {
        removal->look.error = ERR_NOMEM;
    }
    if (is_installed) {
        remove_installation(removal);
    }
    if (removal->purge && removal->exit_code == CLI_DONE) {
        purge_left(removal);
    }
    if (removal->exit_code == CLI_DONE) {
        finish_removal(removal);
    }
    return removal->exit_code;
}

int installer_remove(const struct install_places *places, bool purge)
{
    struct removal *removal = calloc(1, sizeof *removal);
    int exit_code = CLI_FAILED;

    if (removal == NULL) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
    } else if (install_places_read_state(places, &removal->state) != 0) {
        cli_output_error(VERB, "nothing is installed here, or install.json is gone: without it "
                               "nobody knows what was made");
    } else {
        removal->places = places;
        removal->purge = purge;
        removal->exit_code = CLI_DONE;
        exit_code = run(removal);
    }
    free(removal);
    return exit_code;
}

/* --- A new key -------------------------------------------------------------------------------- */

static int send_key(struct guest_setup *guest, const struct link_key *key)
{
    char digits[LINK_KEY_TEXT_SIZE];
    char *request;
    size_t len;
    int error;

    link_key_to_text(key, digits);
    error = install_state_make_setup(digits, NULL, NULL, &request, &len);
    link_key_wipe_text(digits, sizeof digits);
    if (error == 0) {
        error = guest_setup_renew_key(guest, request, len);
        link_key_wipe_text(request, len);
        free(request);
    }
    return error;
}

/* The guest goes first: where it refuses, both still have the old one. If then the host's file
 * can't be written, the guest gets the old one back. */
static int renew(const struct install_places *places, struct guest_setup *guest)
{
    static const char verb[] = "pair";
    struct key_file file = {.path = places->key};
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key old;
    struct link_key fresh;
    int had_old = key_file_read(&file, &old, reason);
    int error;

    link_key_generate(&fresh);
    error = send_key(guest, &fresh);
    if (error != 0) {
        cli_output_error(verb,
                         "the guest did not take the new key, so both sides keep the old "
                         "one: %s",
                         guest->message);
    } else if ((error = key_file_write(&file, &fresh, reason)) != 0) {
        bool is_back = had_old == 0 && send_key(guest, &old) == 0;

        cli_output_error(verb, "%s; %s", reason,
                         is_back ? "the guest has the old key again"
                                 : "the guest has the new key and this side has not: mend that and "
                                   "run \"ttyferry pair --renew\" again");
    } else {
        cli_output_text("ok      both sides have a new key\n");
    }
    link_key_wipe(&fresh);
    link_key_wipe(&old);
    return error == 0 ? CLI_DONE : CLI_FAILED;
}

int installer_renew_key(const struct install_places *places)
{
    struct install_state state;
    struct guest_setup guest = {.wsl = places->wsl, .distribution = state.distribution};

    if (install_places_read_state(places, &state) != 0 || !install_state_is_installed(&state)) {
        cli_output_error("pair", "nothing is installed here: run \"ttyferry install\" first");
        return CLI_FAILED;
    }
    return renew(places, &guest);
}
