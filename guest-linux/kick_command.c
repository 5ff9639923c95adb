#include "guest-linux/kick_command.h"

#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/guest_files.h"
#include "guest-linux/guest_places.h"
#include "guest-linux/process.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/core/windows_path.h"
#include "shared/core/wsl_conf.h"

#define VERB "kick"
#define LIMIT_MS 5000
#define SOCKETS "/run/WSL/*_interop"
#define VARIABLE "WSL_INTEROP="
#define MOUNTED_SIZE (2 * WINDOWS_PATH_SIZE)
#define INSTALL "`ttyferry.exe install` on Windows writes it anew"

static const char help[] =
    "Usage: ttyferry kick [--quiet]\n"
    "\n"
    "Asks the agent on Windows to link at once, as root, by running the ttyferry.exe that\n"
    "/etc/ttyferry/host names; it is given 5 s. Without it the link only comes later.\n"
    "\n"
    "  --quiet  say nothing if it fails: for what starts the agent\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage.\n";

static int refuse(char reason[KICK_REASON_SIZE], int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char reason[KICK_REASON_SIZE], int err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, KICK_REASON_SIZE, format, arguments);
    va_end(arguments);
    return err;
}

/* Only root may say what root runs. */
static int check_owner(const struct guest_files *files, char reason[KICK_REASON_SIZE])
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;
    int err = guest_files_join(files, GUEST_HOST, joined);

    if (err != 0) {
        return refuse(reason, err, "%s: %s", GUEST_HOST, error_text(err));
    }
    if (lstat(joined, &status) != 0) {
        return refuse(reason, ERR_NOT_FOUND,
                      "there is no %s to say which ttyferry.exe Windows has: " INSTALL, joined);
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(reason, ERR_UNSUPPORTED, "%s is no plain file: remove it, and " INSTALL,
                      joined);
    }
    if (status.st_uid != geteuid()) {
        return refuse(reason, ERR_DENIED,
                      "%s belongs to user %u instead of %u, who would run what it names: " INSTALL,
                      joined, (unsigned)status.st_uid, (unsigned)geteuid());
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return refuse(
            reason, ERR_DENIED,
            "others than root may write %s (mode %04o), and root would run what it names: "
            "look at it, then run `chmod 644 %s`",
            joined, (unsigned)status.st_mode & 07777, joined);
    }
    return 0;
}

static int read_host(const struct guest_files *files, char host[WINDOWS_PATH_SIZE],
                     char reason[KICK_REASON_SIZE])
{
    char *text;
    size_t len;
    int err = check_owner(files, reason);

    if (err != 0) {
        return err;
    }
    err = guest_files_read(files, GUEST_HOST, WINDOWS_PATH_SIZE, &text, &len);
    if (err != 0) {
        return refuse(reason, err, "%s%s can't be read: %s", files->root, GUEST_HOST,
                      error_text(err));
    }
    text[strcspn(text, "\r\n")] = '\0';
    if (windows_path_is_valid(text)) {
        err = text_copy(host, WINDOWS_PATH_SIZE, text);
    } else {
        err = refuse(reason, ERR_INVALID,
                     "%s%s names no program on a drive of Windows, such as C:\\...\\ttyferry.exe, "
                     "but \"%s\": " INSTALL,
                     files->root, GUEST_HOST, text);
    }
    free(text);
    return err;
}

/* Where wsl.conf has the drives mounted. */
static void read_mounts(const struct guest_files *files, char mounts[WINDOWS_PATH_SIZE])
{
    char *text;
    size_t len;

    (void)text_copy(mounts, WINDOWS_PATH_SIZE, WINDOWS_PATH_MOUNTS);
    if (guest_files_read(files, GUEST_WSL_CONF, WSL_CONF_TEXT_MAX, &text, &len) == 0) {
        char root[WINDOWS_PATH_SIZE];

        if (wsl_conf_get(text, len, "automount", "root", root, sizeof root) == 0 &&
            root[0] == '/') {
            (void)text_copy(mounts, WINDOWS_PATH_SIZE, root);
        }
        free(text);
    }
}

/* A program that no session of WSL has started has nobody to ask for interop, but for a socket of
 * one that is there. Writes the variable that names it, or nothing. */
static void find_interop(const char *root, char variable[GUEST_FILES_PATH_SIZE])
{
    char pattern[GUEST_FILES_PATH_SIZE];
    glob_t found;

    variable[0] = '\0';
    snprintf(pattern, sizeof pattern, "%s" SOCKETS, root);
    if (glob(pattern, 0, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc && variable[0] == '\0'; i++) {
        struct stat status;

        if (lstat(found.gl_pathv[i], &status) == 0 && S_ISSOCK(status.st_mode)) {
            snprintf(variable, GUEST_FILES_PATH_SIZE, VARIABLE "%s", found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

static int explain_status(const char *program, int status, const struct last_line *said,
                          char reason[KICK_REASON_SIZE])
{
    const char *text = last_line_text(said);

    switch (status) {
    case 0:
        return 0;
    case ERR_NOT_FOUND:
        return refuse(reason, status,
                      "there is no %s, which " GUEST_HOST
                      " names: if the drive is mounted, " INSTALL,
                      program);
    case ERR_TIMEOUT:
        return refuse(reason, status, "%s has not ended in time: is Windows busy?", program);
    default:
        break;
    }
    if (status < 0) {
        return refuse(reason, status,
                      "%s can't be started (%s): does WSL start Windows' programs ([interop] "
                      "in " GUEST_WSL_CONF ")?",
                      program, error_text(status));
    }
    return refuse(reason, ERR_IO, "%s has failed (exit code %d)%s%s", program, status,
                  text[0] != '\0' ? ": " : "", text);
}

int kick_run(const struct kick_places *places, char reason[KICK_REASON_SIZE])
{
    struct guest_files files;
    char variable[GUEST_FILES_PATH_SIZE];
    char host[WINDOWS_PATH_SIZE];
    char mounts[WINDOWS_PATH_SIZE];
    char mounted[MOUNTED_SIZE];
    char program[MOUNTED_SIZE + GUEST_FILES_PATH_SIZE];
    const char *const argv[] = {program, "kick", NULL};
    struct last_line said;
    int err;

    guest_files_init(&files, places->root);
    err = read_host(&files, host, reason);
    if (err != 0) {
        return err;
    }
    read_mounts(&files, mounts);
    err = windows_path_to_mount(host, mounts, mounted, sizeof mounted);
    if (err != 0) {
        return refuse(reason, err, "where %s is mounted can't be said: %s", host, error_text(err));
    }
    snprintf(program, sizeof program, "%s%s", places->interop_root, mounted);
    find_interop(places->root, variable);
    err = process_hear_alone(argv, variable[0] != '\0' ? variable : NULL, STDERR_FILENO,
                             places->limit_ms, &said);
    return explain_status(program, err, &said, reason);
}

static const struct kick_places this_machine = {
    .root = "", .interop_root = "", .limit_ms = LIMIT_MS};

int kick_quietly(void)
{
    char reason[KICK_REASON_SIZE];
    int err = kick_run(&this_machine, reason);

    if (err != 0) {
        log_debug("the host agent could not be told to link, and links by itself: %s", reason);
    }
    return err;
}

static int kick(void)
{
    char reason[KICK_REASON_SIZE];

    if (geteuid() != 0) {
        cli_output_error(VERB, "asking Windows is root's: run `sudo ttyferry kick`");
        return CLI_FAILED;
    }
    if (kick_run(&this_machine, reason) != 0) {
        cli_output_error(VERB, "%s; without a kick the link comes a little later", reason);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

int kick_command(int argc, char **argv)
{
    bool is_quiet = false;
    const struct cli_option options[] = {{"--quiet", NULL, &is_quiet}, {NULL, NULL, NULL}};
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (is_quiet) {
        return kick_quietly() == 0 ? CLI_DONE : CLI_FAILED;
    }
    return kick();
}
