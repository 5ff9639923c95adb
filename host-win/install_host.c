/* The steps of an installation that change Windows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host-win/carried_program.h"
#include "host-win/install_steps.h"
#include "host-win/user_path.h"
#include "host-win/wide.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/key_file.h"
#include "shared/link/link_error.h"
#include "shared/link/link_key.h"

/* ttyferryw.exe comes out of this program: there is one file to download. */
static int place_windowless(struct installer *installer)
{
    const char *bytes;
    size_t len;
    int error = carried_program_load(CARRIED_PROGRAM_WINDOWLESS, &bytes, &len);

    return error != 0 ? error
                      : program_files_place_bytes(bytes, len, installer->places->program_folder,
                                                  L"ttyferryw.exe",
                                                  &installer->programs[INSTALL_WINDOWLESS]);
}

int install_host_copy_programs(struct installer *installer)
{
    const struct install_places *places = installer->places;
    unsigned made_programs = 0;
    unsigned made_data = 0;
    int error = program_files_make_folder(places->program_folder, &made_programs);

    if (error == 0) {
        error = program_files_make_folder(places->data_folder, &made_data);
    }
    installer->state.program_folders += made_programs;
    installer->state.data_folders += made_data;
    if (error == 0) {
        error = program_files_place(places->source, places->program_folder, L"ttyferry.exe",
                                    &installer->programs[INSTALL_PROGRAM]);
    }
    if (error == 0) {
        error = place_windowless(installer);
    }
    if (error != 0) {
        return install_steps_fail(installer, "ttyferry.exe and ttyferryw.exe can't be copied",
                                  error);
    }
    wide_to_utf8(places->program_folder, installer->detail, sizeof installer->detail);
    return 0;
}

int install_host_put_programs_back(struct installer *installer)
{
    int result = 0;

    for (size_t i = 0; i < INSTALL_PROGRAM_COUNT; i++) {
        int error = program_files_put_back(&installer->programs[i]);

        result = result != 0 ? result : error;
    }
    if (!installer->is_upgrade) {
        program_files_remove_folders(installer->places->program_folder,
                                     installer->state.program_folders);
        program_files_remove_folders(installer->places->data_folder, installer->state.data_folders);
    }
    return result != 0 ? install_steps_fail(installer, "the programs", result) : 0;
}

int install_host_add_to_path(struct installer *installer)
{
    struct registry_place place = user_path_place(installer->places->root);
    struct registry_value value = {.exists = false};
    bool is_changed = false;
    int error = registry_value_read(&place, &installer->old_path);

    installer->knows_path = error == 0;
    if (error == 0) {
        error = registry_value_read(&place, &value);
    }
    if (error == 0) {
        error = user_path_add(&value, installer->places->program_folder, &is_changed);
    }
    if (error == 0 && is_changed) {
        error = registry_value_write(&place, &value);
        installer->state.made_path_entry = true;
        installer->state.made_path_value |= !installer->old_path.exists;
        user_path_announce();
    }
    registry_value_finish(&value);
    return error != 0 ? install_steps_fail(installer, "the user's PATH can't be changed", error)
                      : 0;
}

int install_host_restore_path(struct installer *installer)
{
    struct registry_place place = user_path_place(installer->places->root);
    int error = installer->knows_path ? registry_value_write(&place, &installer->old_path) : 0;

    return error != 0 ? install_steps_fail(installer, "the user's PATH", error) : 0;
}

static int remove_file(struct installer *installer, const char *path)
{
    uv_fs_t request;
    int result = uv_fs_unlink(NULL, &request, path, NULL);

    uv_fs_req_cleanup(&request);
    return result == 0 || result == UV_ENOENT
               ? 0
               : install_steps_fail(installer, path, link_error_from_uv(result));
}

int install_host_make_key(struct installer *installer)
{
    struct key_file file = {.path = installer->places->key};
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;
    int error = key_file_read(&file, &key, reason);

    if (error == ERR_NOT_FOUND) {
        link_key_generate(&key);
        error = key_file_write(&file, &key, reason);
        installer->made_key = error == 0;
        installer->state.made_key |= installer->made_key;
    }
    link_key_wipe(&key);
    text_copy(installer->detail, sizeof installer->detail,
              error != 0            ? reason
              : installer->made_key ? "a new one"
                                    : "the one that is there");
    return error;
}

int install_host_drop_key(struct installer *installer)
{
    return installer->made_key ? remove_file(installer, installer->places->key) : 0;
}

static const char *transport_name(enum config_transport transport)
{
    static const char *const names[] = {"auto", "tcp", "bridge"};

    return names[transport];
}

/* True if what the options name is what the configuration says already. */
static bool is_configured(const struct installer *installer)
{
    const struct installer_options *options = installer->options;

    return (options->distribution == NULL ||
            text_equal_nocase(options->distribution, installer->config.wsl_distribution)) &&
           (options->transport == NULL ||
            strcmp(options->transport, transport_name(installer->config.link_transport)) == 0);
}

static bool config_exists(const struct installer *installer)
{
    uv_fs_t request;
    int result = uv_fs_access(NULL, &request, installer->places->config, 0, NULL);

    uv_fs_req_cleanup(&request);
    return result == 0;
}

/* The distribution or transport that a file of ours names; NULL: neither. */
struct named {
    const char *distribution;
    const char *transport;
};

/* True if the text is what an installation writes for that. */
static bool is_written_for(const struct named *named, const char *text, size_t text_len)
{
    char *made;
    size_t len;
    bool is_same;

    if (install_state_make_config(named->distribution, named->transport, &made, &len) != 0) {
        return false;
    }
    is_same = len == text_len && memcmp(made, text, len) == 0;
    free(made);
    return is_same;
}

/* True if the file that is there is as an installation has written it, and then what it names. It
 * is read into old_config for that, so that it can be put back. */
static bool is_our_config(struct installer *installer, struct named *named)
{
    const struct config *config = &installer->config;
    const char *transport = transport_name(config->link_transport);
    const char *distribution =
        config->wsl_distribution[0] != '\0' ? config->wsl_distribution : NULL;
    const struct named rows[] = {{distribution, transport}, {distribution, NULL}};
    bool is_ours = false;

    if (!installer->state.made_config ||
        install_places_read_file(installer->places, L"config.json", installer->old_config,
                                 sizeof installer->old_config, &installer->old_config_len) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !is_ours; i++) {
        *named = rows[i];
        is_ours = is_written_for(named, installer->old_config, installer->old_config_len);
    }
    return is_ours;
}

static int write_config(struct installer *installer, const struct named *named)
{
    char *text;
    size_t len;
    int error = install_state_make_config(named->distribution, named->transport, &text, &len);

    if (error == 0) {
        error = install_places_write_file(installer->places, L"config.json", text, len);
        free(text);
    }
    installer->made_config = error == 0;
    installer->state.made_config |= installer->made_config;
    return error != 0 ? install_steps_fail(installer, installer->places->config, error) : 0;
}

static int leave_config(struct installer *installer)
{
    const struct installer_options *options = installer->options;
    char *text;
    size_t len;
    int error = install_state_make_config(options->distribution, options->transport, &text, &len);

    if (error != 0) {
        return install_steps_fail(installer, "the configuration", error);
    }
    snprintf(installer->detail, sizeof installer->detail,
             "left as it is, for it is yours: write %.*s into %s", (int)len - 1, text,
             installer->places->config);
    free(text);
    return 0;
}

int install_host_write_config(struct installer *installer)
{
    const struct installer_options *options = installer->options;
    struct named named = {NULL, NULL};

    if (is_configured(installer)) {
        return 0;
    }
    if (config_exists(installer) && !is_our_config(installer, &named)) {
        installer->old_config_len = 0;
        return leave_config(installer);
    }
    if (options->distribution != NULL) {
        named.distribution = options->distribution;
    }
    if (options->transport != NULL) {
        named.transport = options->transport;
    }
    return write_config(installer, &named);
}

int install_host_drop_config(struct installer *installer)
{
    int error;

    if (!installer->made_config) {
        return 0;
    }
    if (installer->old_config_len == 0) {
        return remove_file(installer, installer->places->config);
    }
    error = install_places_write_file(installer->places, L"config.json", installer->old_config,
                                      installer->old_config_len);
    return error != 0 ? install_steps_fail(installer, installer->places->config, error) : 0;
}

int install_host_command(const struct installer *installer, wchar_t command[AUTOSTART_COMMAND_SIZE])
{
    wchar_t program[PROGRAM_FILES_PATH_SIZE];
    int error = program_files_join(installer->places->program_folder, L"ttyferryw.exe", program);

    return error == 0 ? autostart_command(program, command) : error;
}

int install_host_set_autostart(struct installer *installer)
{
    struct registry_place place = autostart_place(installer->places->root);
    wchar_t command[AUTOSTART_COMMAND_SIZE];
    int error = registry_value_read(&place, &installer->old_run);

    installer->knows_run = error == 0;
    if (error == 0) {
        error = install_host_command(installer, command);
    }
    if (error == 0) {
        error = registry_value_write_text(&place, command);
    }
    return error != 0 ? install_steps_fail(installer, "the registry's Run key", error) : 0;
}

int install_host_restore_autostart(struct installer *installer)
{
    struct registry_place place = autostart_place(installer->places->root);
    int error = installer->knows_run ? registry_value_write(&place, &installer->old_run) : 0;

    return error != 0 ? install_steps_fail(installer, "the registry's Run key", error) : 0;
}

int install_host_note_state(struct installer *installer)
{
    int error;

    text_copy(installer->state.version, sizeof installer->state.version, TTYFERRY_VERSION);
    error = install_places_write_state(installer->places, &installer->state);
    installer->noted_state = error == 0;
    return error != 0 ? install_steps_fail(installer, "install.json", error) : 0;
}

int install_host_restore_state(struct installer *installer)
{
    int error;

    if (!installer->noted_state) {
        return 0;
    }
    error = installer->had_note
                ? install_places_write_state(installer->places, &installer->old_state)
                : program_files_remove(installer->places->data_folder, L"install.json");
    return error != 0 ? install_steps_fail(installer, "install.json", error) : 0;
}
