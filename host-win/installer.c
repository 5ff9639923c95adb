#include "host-win/installer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host-win/agent_process.h"
#include "host-win/install_question.h"
#include "host-win/install_steps.h"
#include "host-win/link_wait.h"
#include "shared/cli/agent_log.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/config_file.h"
#include "shared/cli/stream_reader.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/local_client.h"

#define VERB "install"
#define LINK_LIMIT_MS 30000
#define NS_PER_MS 1000000u
#define LINE_SIZE 1400

struct step {
    const char *title;
    bool (*is_due)(const struct installer *installer); /* NULL: always */
    int (*apply)(struct installer *installer);
    int (*undo)(struct installer *installer); /* also after its own apply has failed; or NULL */
};

/* --- The steps -------------------------------------------------------------------------------- */

int install_steps_fail(struct installer *installer, const char *what, int error)
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

/* Where the guest's part has been in another distribution so far, it moves; unless that one is
 * gone, and the guest's part with it. */
static int plan_move(struct installer *installer)
{
    const char *former = installer->old_state.distribution;
    const char *chosen = installer->look.chosen.name;

    installer->is_same_guest = installer->is_upgrade && text_equal_nocase(former, chosen);
    installer->is_moving = installer->is_upgrade && !installer->is_same_guest &&
                           wsl_list_find(&installer->look.list, former) != NULL;
    installer->former.wsl = installer->places->wsl;
    installer->former.distribution = former;
    if (installer->is_moving && install_state_leave(&installer->state) != 0) {
        text_copy(installer->detail, sizeof installer->detail,
                  "keys and configurations of ttyferry are in too many distributions by now: "
                  "\"ttyferry uninstall --purge\" removes them");
        return ERR_FULL;
    }
    install_state_enter(&installer->state, chosen);
    return 0;
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
        return install_steps_fail(installer, "wsl.exe can't be asked", error);
    }
    if (look->error != 0 || look->choice != WSL_CHOICE_MADE) {
        text_copy(installer->detail, sizeof installer->detail, look->message);
        return look->error != 0 ? look->error : ERR_NOT_FOUND;
    }
    error = plan_move(installer);
    if (error != 0) {
        return error;
    }
    installer->guest.wsl = installer->places->wsl;
    installer->guest.distribution = look->chosen.name;
    snprintf(installer->detail, sizeof installer->detail, "%s%s", look->chosen.name,
             look->chosen.is_running ? ""
                                     : ", which does not run and is started by the next steps");
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

static int64_t utc_ms(void)
{
    uv_timeval64_t now = {0};

    uv_gettimeofday(&now); /* Without a clock every line of the log is new. */
    return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static int end_agent(struct installer *installer)
{
    wchar_t program[PROGRAM_FILES_PATH_SIZE];
    bool ended = false;
    int error = program_files_join(installer->places->program_folder, L"ttyferryw.exe", program);

    if (error == 0) {
        error = agent_process_end(installer->stream, program, &ended);
    }
    installer->ended_agent |= ended;
    return error != 0 ? install_steps_fail(installer, "the agent that runs does not end", error)
                      : 0;
}

static int start_agent(struct installer *installer)
{
    wchar_t command[AUTOSTART_COMMAND_SIZE];
    int error = end_agent(installer);

    if (error != 0) {
        return error;
    }
    installer->agent_from_ms = utc_ms();
    error = install_host_command(installer, command);
    if (error == 0) {
        error = agent_process_start(command);
    }
    return error != 0 ? install_steps_fail(installer, "the agent can't be started", error) : 0;
}

static int wait_for_link(struct installer *installer)
{
    char said[LOG_MESSAGE_SIZE];
    int error = link_wait_run(installer->stream, LINK_LIMIT_MS);

    if (error == 0) {
        return 0;
    }
    if (!agent_log_reason(installer->places->log, installer->agent_from_ms, said, sizeof said)) {
        snprintf(said, sizeof said, "it has logged no warning in %s", installer->places->log);
    }
    if (error == ERR_TIMEOUT) {
        snprintf(installer->detail, sizeof installer->detail,
                 "the agent runs, but has not found the guest's within %d s: %.700s; it goes on "
                 "looking, and \"ttyferry status\" shows when they are linked",
                 LINK_LIMIT_MS / 1000, said);
    } else {
        snprintf(installer->detail, sizeof installer->detail,
                 "the agent does not serve its stream (%s): %.700s", error_text(error), said);
    }
    return error;
}

static bool is_moving(const struct installer *installer)
{
    return installer->is_moving;
}

static const struct step steps[] = {
    {"choose the distribution", NULL, choose_distribution, NULL},
    {"boards", NULL, ask, NULL},
    {"copy the programs", NULL, install_host_copy_programs, install_host_put_programs_back},
    {"add them to the PATH", NULL, install_host_add_to_path, install_host_restore_path},
    {"place the guest's program", NULL, install_guest_place, install_guest_drop_placed},
    {"key", NULL, install_host_make_key, install_host_drop_key},
    /* By the bridge it would start the guest's again while that is being removed. */
    {"end the agent", is_moving, end_agent, NULL},
    {"leave the former distribution", is_moving, install_guest_leave, install_guest_return},
    {"set up the guest", NULL, install_guest_set_up, install_guest_put_back},
    {"configuration", NULL, install_host_write_config, install_host_drop_config},
    {"start at logon", NULL, install_host_set_autostart, install_host_restore_autostart},
    {"note what was made", NULL, install_host_note_state, install_host_restore_state},
    {"start the agent", NULL, start_agent, NULL},
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

/* Returns false, and says so, if the step's traces stay. */
static bool undo_step(struct installer *installer, const struct step *step)
{
    char line[LINE_SIZE];

    installer->detail[0] = '\0';
    if (step->undo == NULL || step->undo(installer) == 0) {
        return true;
    }
    snprintf(line, sizeof line, "failed  take back: %s\n", step->title);
    cli_output_text(line);
    cli_output_error(VERB, "taking back \"%s\": %s", step->title, installer->detail);
    return false;
}

/* What ran before runs again, from the program that was put back. */
static bool restart_agent(struct installer *installer)
{
    wchar_t command[AUTOSTART_COMMAND_SIZE];

    if (!installer->ended_agent) {
        return true;
    }
    if (installer->is_upgrade && install_host_command(installer, command) == 0 &&
        agent_process_start(command) == 0) {
        return true;
    }
    cli_output_error(VERB, "the agent that ran before has been ended and does not run again: start "
                           "it, or log on anew");
    return false;
}

static void undo(struct installer *installer, size_t count)
{
    bool is_whole = true;

    while (count-- > 0) {
        is_whole &= undo_step(installer, &steps[count]);
    }
    is_whole &= restart_agent(installer);
    cli_output_text(is_whole ? "undone  everything is as it was before\n"
                             : "failed  not everything is as it was before: see above\n");
}

static int run(struct installer *installer)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        bool is_due = steps[i].is_due == NULL || steps[i].is_due(installer);

        if (is_due && run_step(installer, steps[i].title, steps[i].apply) != 0) {
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
    char stream[CLI_STREAM_PATH_SIZE];
    int exit_code = CLI_FAILED;
    int error = installer != NULL ? local_client_default_path(stream, sizeof stream) : ERR_NOMEM;

    if (error != 0) {
        cli_output_error(VERB, "this user's agent can't be looked for: %s", error_text(error));
    } else {
        installer->places = places;
        installer->options = options;
        installer->stream = options->stream != NULL ? options->stream : stream;
        installer->had_note = install_places_read_state(places, &installer->state) == 0;
        installer->is_upgrade = install_state_is_installed(&installer->state);
        installer->old_state = installer->state;
        exit_code = run(installer);
        registry_value_finish(&installer->old_path);
        registry_value_finish(&installer->old_run);
    }
    free(installer);
    return exit_code;
}
