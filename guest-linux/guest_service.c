#include "guest-linux/guest_service.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest-linux/agent_control.h"
#include "guest-linux/built_in_text.h"
#include "guest-linux/guest_places.h"
#include "guest-linux/process.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/wsl_conf.h"

#define SYSTEMCTL_LIMIT_MS 90000
#define BACKGROUND_LIMIT_MS 30000
#define JOURNAL_LIMIT_MS 5000
/* A silent peer costs the kernel some 4 s for each board that is let go. */
#define STOP_LIMIT_MS 20000

static int run_systemctl(const struct guest_service *service, const char *verb, const char *unit)
{
    const char *const argv[] = {service->systemctl, "--quiet", verb, unit, NULL};
    int status = process_run_alone(argv, NULL, SYSTEMCTL_LIMIT_MS);

    if (status == 0) {
        return 0;
    }
    log_debug("%s %s: %d", service->systemctl, verb, status);
    return status < 0 ? status : ERR_IO;
}

bool guest_service_has_systemd(const struct guest_service *service)
{
    return guest_files_has(service->files, GUEST_SYSTEMD_RUNS);
}

/* --- The two ways ----------------------------------------------------------------------------- */

static int enable_unit(struct guest_service *service)
{
    const struct guest_file_text content = {
        .text = unit_text, .len = strlen(unit_text), .mode = 0644};
    int err = guest_files_write(service->files, GUEST_UNIT, &content);

    if (err == 0) {
        err = run_systemctl(service, "daemon-reload", NULL);
    }
    return err != 0 ? err : run_systemctl(service, "enable", GUEST_UNIT_NAME);
}

static int disable_unit(struct guest_service *service)
{
    int err;

    if (!guest_files_has(service->files, GUEST_UNIT)) {
        return 0;
    }
    if (guest_service_has_systemd(service)) {
        (void)run_systemctl(service, "disable", GUEST_UNIT_NAME);
    }
    /* What `enable` has made, and `disable` has not undone where systemd does not run. */
    err = guest_files_delete(service->files, GUEST_WANTS_FOLDER "/" GUEST_UNIT_NAME);
    if (err == ERR_UNSUPPORTED) {
        err = guest_files_unlink_link(service->files, GUEST_WANTS_FOLDER "/" GUEST_UNIT_NAME);
    }
    if (err == 0) {
        err = guest_files_delete(service->files, GUEST_UNIT);
    }
    if (err == 0 && guest_service_has_systemd(service)) {
        err = run_systemctl(service, "daemon-reload", NULL);
    }
    return err;
}

typedef int (*edit_fn)(const char *text, size_t len, char **edited, size_t *edited_len);

static int write_wsl_conf(struct guest_service *service, const char *text, size_t len,
                          bool deletes_empty)
{
    const struct guest_file_text content = {.text = text, .len = len, .mode = 0644, .keeps = true};

    if (len == 0 && deletes_empty) {
        return guest_files_delete(service->files, GUEST_WSL_CONF);
    }
    return guest_files_write(service->files, GUEST_WSL_CONF, &content);
}

/* A file that would not change is not touched. */
static int edit_wsl_conf(struct guest_service *service, edit_fn edit, bool deletes_empty)
{
    char *text = NULL;
    char *edited = NULL;
    size_t len = 0;
    size_t edited_len = 0;
    int err = guest_files_read(service->files, GUEST_WSL_CONF, WSL_CONF_TEXT_MAX, &text, &len);

    err = err == ERR_NOT_FOUND ? 0 : err;
    if (err == 0) {
        err = edit(text != NULL ? text : "", len, &edited, &edited_len);
    }
    if (err == 0 && (edited_len != len || (text != NULL && memcmp(text, edited, len) != 0))) {
        err = write_wsl_conf(service, edited, edited_len, deletes_empty);
    }
    free(edited);
    free(text);
    return err;
}

int guest_service_enable(struct guest_service *service)
{
    int err;

    if (guest_service_has_systemd(service)) {
        err = edit_wsl_conf(service, wsl_conf_remove_command, true);
        return err != 0 ? err : enable_unit(service);
    }
    err = disable_unit(service);
    return err != 0 ? err : edit_wsl_conf(service, wsl_conf_set_command, false);
}

int guest_service_disable(struct guest_service *service, bool keeps_wsl_conf)
{
    int err = disable_unit(service);
    int conf_err = edit_wsl_conf(service, wsl_conf_remove_command, !keeps_wsl_conf);

    return err != 0 ? err : conf_err;
}

void guest_service_forget_unit(struct guest_service *service)
{
    if (guest_service_has_systemd(service) && guest_files_has(service->files, GUEST_UNIT)) {
        (void)run_systemctl(service, "disable", GUEST_UNIT_NAME);
    }
}

void guest_service_enable_unit(struct guest_service *service)
{
    if (guest_service_has_systemd(service) && guest_files_has(service->files, GUEST_UNIT)) {
        (void)run_systemctl(service, "enable", GUEST_UNIT_NAME);
    }
}

void guest_service_reload(struct guest_service *service)
{
    if (guest_service_has_systemd(service)) {
        (void)run_systemctl(service, "daemon-reload", NULL);
    }
}

/* --- Now -------------------------------------------------------------------------------------- */

/* Of this start: systemd's own lines have another identifier, and the last words of an agent that
 * was ended just before are no error. The agent's own may still be on their way, so the journal is
 * asked to catch up. */
static void read_journal(const struct guest_service *service, time_t since, struct last_line *why)
{
    char since_option[32];
    const char *const sync[] = {service->journalctl, "--sync", NULL};
    const char *const argv[] = {service->journalctl,
                                "--quiet",
                                "--no-pager",
                                "--output=cat",
                                "--lines=1",
                                "--unit",
                                GUEST_UNIT_NAME,
                                "--identifier=ttyferry",
                                "--grep=^(error|ttyferry agent): ",
                                since_option,
                                NULL};

    snprintf(since_option, sizeof since_option, "--since=@%lld", (long long)since);
    (void)process_run_alone(sync, NULL, JOURNAL_LIMIT_MS);
    if (process_hear_alone(argv, NULL, STDOUT_FILENO, JOURNAL_LIMIT_MS, why) != 0) {
        last_line_init(why);
    }
}

static int start_unit(const struct guest_service *service, struct last_line *why)
{
    time_t since = time(NULL);
    int err = run_systemctl(service, "start", GUEST_UNIT_NAME);

    if (err != 0) {
        read_journal(service, since, why);
    }
    return err;
}

static int start_in_background(const struct guest_service *service, struct last_line *why)
{
    char program[GUEST_FILES_PATH_SIZE];
    const char *const argv[] = {program, "agent", "--background", NULL};
    int status = guest_files_join(service->files, GUEST_PROGRAM, program);

    if (status == 0) {
        status = process_hear_alone(argv, NULL, STDERR_FILENO, BACKGROUND_LIMIT_MS, why);
    }
    return status <= 0 ? status : ERR_IO;
}

int guest_service_start(struct guest_service *service, struct last_line *why)
{
    bool by_systemd =
        guest_service_has_systemd(service) && guest_files_has(service->files, GUEST_UNIT);
    int err;

    last_line_init(why);
    err = by_systemd ? start_unit(service, why) : start_in_background(service, why);
    if (err != 0) {
        return err;
    }
    last_line_init(why);
    return agent_control_await(service->stream_path, service->serve_limit_ms);
}

/* The agent ends in order, by which systemd knows that it is meant. `stop` then only makes sure
 * that no restart is under way. */
int guest_service_stop(struct guest_service *service, int signal_number, bool *ran)
{
    struct agent_control agent;
    int err = agent_control_find(service->stream_path, &agent);

    if (ran != NULL) {
        *ran = err == 0;
    }
    if (err == 0) {
        err = agent_control_end(&agent, signal_number, STOP_LIMIT_MS);
        agent_control_close(&agent);
    }
    err = err == ERR_NOT_FOUND ? 0 : err;
    if (guest_service_has_systemd(service) && guest_files_has(service->files, GUEST_UNIT)) {
        int stop_err = run_systemctl(service, "stop", GUEST_UNIT_NAME);

        err = err != 0 ? err : stop_err;
    }
    return err;
}
