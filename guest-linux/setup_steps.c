#include "guest-linux/setup_steps.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest-linux/agent_control.h"
#include "guest-linux/guest_files.h"
#include "guest-linux/guest_places.h"
#include "guest-linux/guest_service.h"
#include "guest-linux/setup_notes.h"
#include "guest-linux/udev_rules.h"
#include "shared/core/config.h"
#include "shared/core/error.h"
#include "shared/core/last_line.h"

#define PROGRAM_SIZE_MAX (16u * 1024 * 1024)

struct setup {
    const struct setup_machine *machine;
    const struct setup_request *request;
    struct guest_files files;
    struct guest_service service;
    struct udev_rules rules;
    struct setup_notes notes;
    char text[SETUP_TEXT_SIZE]; /* what the step that runs has to say */
    bool is_explained;          /* the text has the cause of its failure */
    bool had_unit;
    bool changed_rules;
    bool changed_autostart;
    bool stopped_agent;
    bool ran; /* an agent, when we stopped it */
};

static void say(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct setup *setup, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(setup->text, sizeof setup->text, format, arguments);
    va_end(arguments);
}

static void report(const struct setup *setup, bool ok)
{
    setup->machine->report(setup->machine->context, ok, setup->text);
}

static int write_text(struct setup *setup, const char *path, const char *text, mode_t mode)
{
    const struct guest_file_text content = {.text = text, .len = strlen(text), .mode = mode};

    return guest_files_write(&setup->files, path, &content);
}

/* --- Steps: each returns 0 or an error, having said what it is about ----------------------------
 */

static int step_notes(struct setup *setup)
{
    say(setup, "notes for the removal in " GUEST_STATE);
    return setup_notes_keep(&setup->notes, &setup->files);
}

/* What the agent will read: of two configurations the one that is there. */
static int read_auth(const struct setup *setup, enum config_auth *auth)
{
    const struct setup_request *request = setup->request;
    char reason[CONFIG_REASON_SIZE];
    struct config *config = malloc(sizeof *config);
    char *text = NULL;
    size_t len = 0;
    int err = config != NULL ? 0 : ERR_NOMEM;

    if (err == 0) {
        config_init(config);
        err = guest_files_read(&setup->files, GUEST_CONFIG, CONFIG_TEXT_MAX, &text, &len);
    }
    if (err == 0) {
        err = config_from_text(text, len, config, reason);
        free(text);
    } else if (err == ERR_NOT_FOUND) {
        err = request->config != NULL
                  ? config_from_text(request->config, request->config_len, config, reason)
                  : 0;
    }
    if (err == 0) {
        *auth = config->link_auth;
    }
    free(config);
    return err;
}

/* An agent that wants a key and has none does not start. */
static int do_without_key(struct setup *setup)
{
    enum config_auth auth = CONFIG_AUTH_KEY;

    if (read_auth(setup, &auth) != 0) {
        say(setup, "no key was given; the configuration " GUEST_CONFIG
                   " is wrong, and can't say whether one is wanted");
        return 0;
    }
    if (auth == CONFIG_AUTH_NONE) {
        say(setup, "no key: the configuration says \"auth\": \"none\"");
        return 0;
    }
    say(setup,
        "key: none was given, and there is none in " GUEST_KEY
        ": run `ttyferry.exe install` on Windows, which makes it for both sides, or give the "
        "one of Windows, %%LOCALAPPDATA%%\\ttyferry\\key, by `ttyferry setup <key.json` with "
        "{\"key\": \"64 hex digits\"}; without one the link needs \"auth\": \"none\" in both "
        "configurations");
    setup->is_explained = true;
    return ERR_NOT_FOUND;
}

static int step_key(struct setup *setup)
{
    char text[SETUP_REQUEST_KEY_LEN + 2];
    int err = guest_files_make_folder(&setup->files, GUEST_ETC_FOLDER, 0755);

    if (err != 0) {
        say(setup, "folder " GUEST_ETC_FOLDER);
        return err;
    }
    if (setup->request->key[0] == '\0' && !guest_files_has(&setup->files, GUEST_KEY)) {
        return do_without_key(setup);
    }
    if (setup->request->key[0] == '\0') {
        say(setup, "key in " GUEST_KEY " stays");
        return 0;
    }
    say(setup, "key in " GUEST_KEY);
    snprintf(text, sizeof text, "%s\n", setup->request->key);
    return write_text(setup, GUEST_KEY, text, 0600);
}

static int step_config(struct setup *setup)
{
    if (guest_files_has(&setup->files, GUEST_CONFIG)) {
        say(setup, "configuration in " GUEST_CONFIG " stays");
        return 0;
    }
    if (setup->request->config == NULL) {
        say(setup, "configuration: the defaults");
        return 0;
    }
    say(setup, "configuration in " GUEST_CONFIG);
    return write_text(setup, GUEST_CONFIG, setup->request->config, 0644);
}

static int step_host(struct setup *setup)
{
    char text[WINDOWS_PATH_SIZE + 1];

    if (setup->request->host_program[0] == '\0') {
        say(setup, "host program: %s",
            guest_files_has(&setup->files, GUEST_HOST)
                ? "as in " GUEST_HOST
                : "not known; the host is not told to link at once");
        return 0;
    }
    say(setup, "host program in " GUEST_HOST);
    snprintf(text, sizeof text, "%s\n", setup->request->host_program);
    return write_text(setup, GUEST_HOST, text, 0644);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a;
    struct stat of_b;

    return stat(a, &of_a) == 0 && lstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* A program that somebody runs from elsewhere stays where it is. */
static int copy_program(struct setup *setup)
{
    const struct guest_files outside = {.root = ""};
    struct guest_file_text content = {.mode = 0755};
    char *bytes = NULL;
    int err =
        guest_files_read(&outside, setup->machine->program, PROGRAM_SIZE_MAX, &bytes, &content.len);

    if (err == 0) {
        content.text = bytes;
        err = guest_files_write(&setup->files, GUEST_PROGRAM, &content);
    }
    free(bytes);
    return err;
}

static int step_program(struct setup *setup)
{
    char target[GUEST_FILES_PATH_SIZE];
    char placed[GUEST_FILES_PATH_SIZE];
    int err = guest_files_join(&setup->files, GUEST_PROGRAM, target);

    say(setup, "program in " GUEST_PROGRAM);
    if (err == 0) {
        err = guest_files_join(&setup->files, GUEST_NEW_PROGRAM, placed);
    }
    if (err == 0 && !guest_files_has(&setup->files, GUEST_BIN_FOLDER)) {
        err = guest_files_make_folder(&setup->files, GUEST_BIN_FOLDER, 0755);
    }
    if (err != 0 || is_same_file(setup->machine->program, target)) {
        return err;
    }
    return is_same_file(setup->machine->program, placed)
               ? guest_files_move(&setup->files, placed, GUEST_PROGRAM)
               : copy_program(setup);
}

static int step_rules(struct setup *setup)
{
    say(setup, udev_rules_are_read(&setup->rules)
                   ? "rules for udev in " GUEST_RULES
                   : "no udev here: the agent sees to the boards' nodes by itself");
    setup->changed_rules = true;
    return udev_rules_put(&setup->rules);
}

static int step_autostart(struct setup *setup)
{
    say(setup, guest_service_has_systemd(&setup->service)
                   ? "autostart by systemd, unit " GUEST_UNIT_NAME
                   : "autostart by [boot] command in " GUEST_WSL_CONF);
    setup->had_unit = guest_files_has(&setup->files, GUEST_UNIT);
    setup->changed_autostart = true;
    return guest_service_enable(&setup->service);
}

/* The program's own words are the cause, without its name or the line's level. */
static void explain_agent(struct setup *setup, const struct last_line *why)
{
    static const char *const starts[] = {"ttyferry agent: ", "error: "};
    const char *said = last_line_text(why);

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t len = strlen(starts[i]);

        said += strncmp(said, starts[i], len) == 0 ? len : 0;
    }
    setup->is_explained = said[0] != '\0';
    if (setup->is_explained) {
        say(setup, "agent: %s", said);
    } else {
        say(setup, "agent does not come up, %s says why",
            guest_service_has_systemd(&setup->service) ? "`journalctl -u ttyferry`"
                                                       : GUEST_LOG_FOLDER "/" GUEST_LOG_NAME);
    }
}

static int step_agent(struct setup *setup)
{
    struct last_line why;
    int err;

    say(setup, "agent that has run so far ends");
    setup->stopped_agent = true;
    err = guest_service_stop(&setup->service, AGENT_CONTROL_END, &setup->ran);
    if (err != 0 && err != ERR_TIMEOUT) { /* ERR_TIMEOUT: it had to be killed, and is gone. */
        return err;
    }
    err = guest_service_start(&setup->service, &why);
    if (err == 0) {
        say(setup, "agent runs and serves %s", setup->machine->stream_path);
    } else {
        explain_agent(setup, &why);
    }
    return err;
}

static int (*const steps[])(struct setup *setup) = {
    step_notes,   step_key,   step_config,    step_host,
    step_program, step_rules, step_autostart, step_agent,
};

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

/* --- The whole -------------------------------------------------------------------------------- */

static void init(struct setup *setup, const struct setup_machine *machine,
                 const struct setup_request *request)
{
    *setup = (struct setup){.machine = machine, .request = request};
    guest_files_init(&setup->files, machine->root);
    setup->service = (struct guest_service){
        .files = &setup->files,
        .systemctl = machine->systemctl,
        .journalctl = machine->journalctl,
        .stream_path = machine->stream_path,
        .serve_limit_ms = machine->serve_limit_ms,
    };
    setup->rules = (struct udev_rules){.files = &setup->files, .udevadm = machine->udevadm};
}

static const char *say_why(int err)
{
    return err == ERR_UNSUPPORTED ? "it is no plain file (a symbolic link?)" : error_text(err);
}

static void report_failure(struct setup *setup, int err)
{
    char what[SETUP_TEXT_SIZE];

    if (!setup->is_explained) {
        memcpy(what, setup->text, sizeof what);
        say(setup, "%.400s: %s", what, say_why(err));
    }
    setup->is_explained = false;
    report(setup, false);
}

/* The new agent, if it got that far, must not go on in the old one's place. */
static void undo_service(struct setup *setup)
{
    if (setup->stopped_agent) {
        (void)guest_service_stop(&setup->service, AGENT_CONTROL_END, NULL);
    }
    if (setup->changed_autostart && !setup->had_unit) {
        guest_service_forget_unit(&setup->service);
    }
}

static void reload_service(struct setup *setup)
{
    guest_service_reload(&setup->service);
    if (setup->had_unit) {
        guest_service_enable_unit(&setup->service);
    }
}

static void undo(struct setup *setup)
{
    struct last_line why;
    int err;

    undo_service(setup);
    err = guest_files_undo(&setup->files);
    if (setup->changed_rules) {
        udev_rules_reload(&setup->rules);
    }
    if (setup->changed_autostart) {
        reload_service(setup);
        setup_notes_drop_folders(&setup->notes, &setup->files);
    }
    say(setup, "everything is as it was before");
    if (err == 0 && setup->ran) {
        err = guest_service_start(&setup->service, &why);
        say(setup, "everything is as it was before, and the agent that ran before runs again");
    }
    if (err != 0) {
        report_failure(setup, err);
    } else {
        report(setup, true);
    }
}

int setup_steps_install(const struct setup_machine *machine, const struct setup_request *request)
{
    struct setup setup;
    int err;

    init(&setup, machine, request);
    err = setup_notes_read(&setup.notes, &setup.files);
    if (err != 0) {
        say(&setup, "notes of the first setup, " GUEST_STATE);
        report_failure(&setup, err);
        return err;
    }
    for (size_t i = 0; i < STEP_COUNT; i++) {
        err = steps[i](&setup);
        if (err != 0) {
            report_failure(&setup, err);
            undo(&setup);
            return err;
        }
        report(&setup, true);
    }
    guest_files_commit(&setup.files);
    return 0;
}

/* It may be the first setup: what was there before it is noted before the key is there. */
static int renew_key(struct setup *setup)
{
    int err = setup_notes_read(&setup->notes, &setup->files);

    say(setup, "notes of the first setup, " GUEST_STATE);
    if (err == 0) {
        err = step_notes(setup);
    }
    return err != 0 ? err : step_key(setup);
}

int setup_steps_renew_key(const struct setup_machine *machine, const struct setup_request *request)
{
    struct setup setup;
    int err = ERR_INVALID;

    init(&setup, machine, request);
    say(&setup, "key on standard input");
    if (request->key[0] != '\0') {
        err = renew_key(&setup);
    }
    if (err != 0) {
        report_failure(&setup, err);
        (void)guest_files_undo(&setup.files);
        return err;
    }
    report(&setup, true);
    guest_files_commit(&setup.files);
    return 0;
}
