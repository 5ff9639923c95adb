#include "host-win/installer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host-win/agent_process.h"
#include "host-win/autostart.h"
#include "host-win/guest_program.h"
#include "host-win/guest_setup.h"
#include "host-win/install_question.h"
#include "host-win/link_wait.h"
#include "host-win/user_path.h"
#include "host-win/wide.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/config_file.h"
#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/link/key_file.h"
#include "shared/link/link_key.h"

#define VERB "install"
#define LINK_LIMIT_MS 30000
#define NS_PER_MS 1000000u
#define LINE_SIZE 1400

enum { PROGRAM_COUNT = 2 };
static const wchar_t *const program_names[PROGRAM_COUNT] = {L"ttyferry.exe", L"ttyferryw.exe"};

struct installer {
    const struct install_places *places;
    const struct installer_options *options;
    struct config config;
    struct install_state state;
    bool is_upgrade; /* there was an install.json */
    struct wsl_look look;
    struct program_file programs[PROGRAM_COUNT];
    struct registry_value old_path;
    struct registry_value old_run;
    bool knows_path; /* `old_path` has been read, and so `old_run` */
    bool knows_run;
    struct guest_setup guest;
    bool made_key;
    bool made_config;
    unsigned ended_agents;
    char detail[WSL_MESSAGE_SIZE]; /* of the step, for its line or for the error */
};

struct step {
    const char *title;
    int (*apply)(struct installer *installer);
    void (*undo)(struct installer *installer); /* also after its own apply has failed; or NULL */
};

/* --- The steps -------------------------------------------------------------------------------- */

static int fail(struct installer *installer, const char *what, int error)
{
    snprintf(installer->detail, sizeof installer->detail, "%s: %s", what, error_text(error));
    return error;
}

static int read_config(struct installer *installer)
{
    char reason[CONFIG_REASON_SIZE];
    int error;

    config_init(&installer->config);
    error = config_file_read(installer->places->config, &installer->config, reason);
    if (error == 0 || error == ERR_NOT_FOUND) {
        return 0;
    }
    snprintf(installer->detail, sizeof installer->detail, "the configuration %s is wrong: %s",
             installer->places->config, reason[0] != '\0' ? reason : error_text(error));
    return error;
}

static int choose_distribution(struct installer *installer)
{
    const char *wanted = installer->options->distribution;
    struct wsl_look *look = &installer->look;
    int error = read_config(installer);

    if (error != 0) {
        return error;
    }
    error = wsl_look_run(installer->places->wsl,
                         wanted != NULL ? wanted : installer->config.wsl_distribution, look);
    if (error != 0) {
        return fail(installer, "wsl.exe can't be asked", error);
    }
    if (look->error != 0 || look->choice != WSL_CHOICE_MADE) {
        text_copy(installer->detail, sizeof installer->detail, look->message);
        return look->error != 0 ? look->error : ERR_NOT_FOUND;
    }
    text_copy(installer->state.distribution, sizeof installer->state.distribution,
              look->chosen.name);
    installer->guest.wsl = installer->places->wsl;
    installer->guest.distribution = look->chosen.name;
    snprintf(installer->detail, sizeof installer->detail, "%s%s", look->chosen.name,
             look->chosen.is_running ? "" : ", which does not run and is started by the next steps");
    return 0;
}

static int ask(struct installer *installer)
{
    if (install_question_ask(installer->options->yes)) {
        return 0;
    }
    text_copy(installer->detail, sizeof installer->detail,
              "nothing was changed; --yes answers the question");
    return ERR_CANCELLED;
}

static int copy_programs(struct installer *installer)
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
    for (size_t i = 0; i < PROGRAM_COUNT && error == 0; i++) {
        wchar_t source[PROGRAM_FILES_PATH_SIZE];

        error = program_files_join(places->source_folder, program_names[i], source);
        if (error == 0) {
            error = program_files_place(source, places->program_folder, program_names[i],
                                        &installer->programs[i]);
        }
    }
    if (error != 0) {
        return fail(installer, "ttyferry.exe and ttyferryw.exe can't be copied", error);
    }
    wide_to_utf8(places->program_folder, installer->detail, sizeof installer->detail);
    return 0;
}

static void put_programs_back(struct installer *installer)
{
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        program_files_put_back(&installer->programs[i]);
    }
    if (!installer->is_upgrade) {
        program_files_remove_folders(installer->places->program_folder,
                                     installer->state.program_folders);
        program_files_remove_folders(installer->places->data_folder, installer->state.data_folders);
    }
}

static int add_to_path(struct installer *installer)
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
    return error != 0 ? fail(installer, "the user's PATH can't be changed", error) : 0;
}

static void restore_path(struct installer *installer)
{
    struct registry_place place = user_path_place(installer->places->root);

    if (installer->knows_path) {
        registry_value_write(&place, &installer->old_path);
    }
}

static int place_guest_program(struct installer *installer)
{
    const char *bytes;
    size_t len;
    int error = guest_program_load(&bytes, &len);

    if (error != 0) {
        return fail(installer, "this build carries no guest program", error);
    }
    error = guest_setup_place(&installer->guest, bytes, len);
    if (error != 0) {
        text_copy(installer->detail, sizeof installer->detail, installer->guest.message);
    }
    return error;
}

static struct key_file key_of(const struct install_places *places)
{
    return (struct key_file){.path = places->key};
}

static int make_key(struct installer *installer)
{
    struct key_file file = key_of(installer->places);
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

static void drop_key(struct installer *installer)
{
    uv_fs_t request;

    if (installer->made_key) {
        uv_fs_unlink(NULL, &request, installer->places->key, NULL);
        uv_fs_req_cleanup(&request);
    }
}

static int set_up_guest(struct installer *installer)
{
    struct key_file file = key_of(installer->places);
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
        return fail(installer, "the guest's part", error);
    }
    error = guest_setup_run(&installer->guest, request, len);
    link_key_wipe_text(request, len);
    free(request);
    if (error != 0) {
        text_copy(installer->detail, sizeof installer->detail, installer->guest.message);
    }
    return error;
}

/* `setup` itself rolls back what fails in it. An upgrade stays: both versions speak one protocol.
 */
static void remove_guest(struct installer *installer)
{
    if (!installer->is_upgrade) {
        guest_setup_remove(&installer->guest, true);
    }
}

/* --- Configuration, autostart, start ---------------------------------------------------------- */

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

static int write_config(struct installer *installer)
{
    const struct installer_options *options = installer->options;
    char *text;
    size_t len;
    int error;

    if (is_configured(installer)) {
        return 0;
    }
    error = install_state_make_config(options->distribution, options->transport, &text, &len);
    if (error != 0) {
        return fail(installer, "the configuration", error);
    }
    if (config_exists(installer)) {
        snprintf(installer->detail, sizeof installer->detail,
                 "left as it is, for it is yours: write %.*s into %s", (int)len - 1, text,
                 installer->places->config);
        free(text);
        return 0;
    }
    error = install_places_write_file(installer->places, L"config.json", text, len);
    free(text);
    installer->made_config = error == 0;
    installer->state.made_config |= installer->made_config;
    return error != 0 ? fail(installer, installer->places->config, error) : 0;
}

static void drop_config(struct installer *installer)
{
    uv_fs_t request;

    if (installer->made_config) {
        uv_fs_unlink(NULL, &request, installer->places->config, NULL);
        uv_fs_req_cleanup(&request);
    }
}

static int get_command(const struct installer *installer, wchar_t command[AUTOSTART_COMMAND_SIZE])
{
    wchar_t program[PROGRAM_FILES_PATH_SIZE];
    int error = program_files_join(installer->places->program_folder, L"ttyferryw.exe", program);

    return error == 0 ? autostart_command(program, command) : error;
}

static int set_autostart(struct installer *installer)
{
    struct registry_place place = autostart_place(installer->places->root);
    wchar_t command[AUTOSTART_COMMAND_SIZE];
    int error = registry_value_read(&place, &installer->old_run);

    installer->knows_run = error == 0;
    if (error == 0) {
        error = get_command(installer, command);
    }
    if (error == 0) {
        error = registry_value_write_text(&place, command);
    }
    return error != 0 ? fail(installer, "the registry's Run key", error) : 0;
}

static void restore_autostart(struct installer *installer)
{
    struct registry_place place = autostart_place(installer->places->root);

    if (installer->knows_run) {
        registry_value_write(&place, &installer->old_run);
    }
}

static int note_state(struct installer *installer)
{
    int error;

    text_copy(installer->state.version, sizeof installer->state.version, TTYFERRY_VERSION);
    error = install_places_write_state(installer->places, &installer->state);
    return error != 0 ? fail(installer, "install.json", error) : 0;
}

static void drop_state(struct installer *installer)
{
    if (!installer->is_upgrade) {
        program_files_remove(installer->places->data_folder, L"install.json");
    }
}

static int start_agent(struct installer *installer)
{
    wchar_t command[AUTOSTART_COMMAND_SIZE];
    int error = agent_process_end_all(&installer->ended_agents);

    if (error != 0) {
        return fail(installer, "the agent that runs does not end", error);
    }
    error = get_command(installer, command);
    if (error == 0) {
        error = agent_process_start(command);
    }
    return error != 0 ? fail(installer, "the agent can't be started", error) : 0;
}

/* The programs have been put back by the time that it is started again. */
static void end_agent(struct installer *installer)
{
    unsigned ended;

    (void)installer;
    agent_process_end_all(&ended);
}

static int wait_for_link(struct installer *installer)
{
    int error = link_wait_run(installer->options->stream, LINK_LIMIT_MS);

    if (error == ERR_TIMEOUT) {
        snprintf(installer->detail, sizeof installer->detail,
                 "both agents run, but have not found each other within %d s; %s says why, and "
                 "\"ttyferry status\" shows when they do",
                 LINK_LIMIT_MS / 1000, installer->places->log);
    } else if (error != 0) {
        snprintf(installer->detail, sizeof installer->detail,
                 "the agent does not serve its stream (%s); %s says why", error_text(error),
                 installer->places->log);
    }
    return error;
}

static const struct step steps[] = {
    {"choose the distribution", choose_distribution, NULL},
    {"boards", ask, NULL},
    {"copy the programs", copy_programs, put_programs_back},
    {"add them to the PATH", add_to_path, restore_path},
    {"place the guest's program", place_guest_program, NULL},
    {"key", make_key, drop_key},
    {"set up the guest", set_up_guest, remove_guest},
    {"configuration", write_config, drop_config},
    {"start at logon", set_autostart, restore_autostart},
    {"note what was made", note_state, drop_state},
    {"start the agent", start_agent, end_agent},
};

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

/* --- Running them ----------------------------------------------------------------------------- */

static int run_step(struct installer *installer, const char *title,
                    int (*apply)(struct installer *installer))
{
    char line[LINE_SIZE];
    uint64_t from_ns = uv_hrtime();
    int error;

    installer->detail[0] = '\0';
    error = apply(installer);
    snprintf(line, sizeof line, "%-6s  %s%s%s (%llu ms)\n", error == 0 ? "ok" : "failed", title,
             error == 0 && installer->detail[0] != '\0' ? ": " : "",
             error == 0 ? installer->detail : "",
             (unsigned long long)((uv_hrtime() - from_ns) / NS_PER_MS));
    cli_output_text(line);
    if (error != 0) {
        cli_output_error(VERB, "%s: %s", title, installer->detail);
    }
    return error;
}

/* What ran before runs again, from the program that was put back. */
static void undo(struct installer *installer, size_t count)
{
    wchar_t command[AUTOSTART_COMMAND_SIZE];

    while (count-- > 0) {
        if (steps[count].undo != NULL) {
            steps[count].undo(installer);
        }
    }
    if (installer->ended_agents > 0 && installer->is_upgrade &&
        get_command(installer, command) == 0) {
        agent_process_start(command);
    }
    cli_output_text("undone  everything is as it was before\n");
}

static int run(struct installer *installer)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (run_step(installer, steps[i].title, steps[i].apply) != 0) {
            undo(installer, i + 1);
            return CLI_FAILED;
        }
    }
    if (run_step(installer, "wait for the link", wait_for_link) != 0) {
        return CLI_FAILED;
    }
    program_files_remove_asides(installer->places->program_folder);
    return CLI_DONE;
}

int installer_install(const struct install_places *places, const struct installer_options *options)
{
    struct installer *installer = calloc(1, sizeof *installer);
    int exit_code;

    if (installer == NULL) {
        cli_output_error(VERB, "%s", error_text(ERR_NOMEM));
        return CLI_FAILED;
    }
    installer->places = places;
    installer->options = options;
    installer->is_upgrade = install_places_read_state(places, &installer->state) == 0;
    exit_code = run(installer);
    registry_value_finish(&installer->old_path);
    registry_value_finish(&installer->old_run);
    free(installer);
    return exit_code;
}
