#include "guest-linux/kick_command.h"

#include <glob.h>
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

static const char help[] =
    "Usage: ttyferry kick [--verbose]\n"
    "\n"
    "Asks the agent on Windows to link at once, by running the ttyferry.exe that\n"
    "/etc/ttyferry/host names; it is given 5 s. Without it the link only comes later.\n"
    "\n"
    "  --verbose  say why it failed\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage.\n";

/* Only root may say what root runs. */
static int check_owner(const struct guest_files *files)
{
    char joined[GUEST_FILES_PATH_SIZE];
    struct stat status;
    int err = guest_files_join(files, GUEST_HOST, joined);

    if (err != 0) {
        return err;
    }
    if (lstat(joined, &status) != 0) {
        return ERR_NOT_FOUND;
    }
    return status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? 0
                                                                                     : ERR_INVALID;
}

static int read_host(const struct guest_files *files, char host[WINDOWS_PATH_SIZE])
{
    char *text;
    size_t len;
    int err = check_owner(files);

    if (err == 0) {
        err = guest_files_read(files, GUEST_HOST, WINDOWS_PATH_SIZE, &text, &len);
    }
    if (err != 0) {
        return err;
    }
    text[strcspn(text, "\r\n")] = '\0';
    err = windows_path_is_valid(text) ? text_copy(host, WINDOWS_PATH_SIZE, text) : ERR_INVALID;
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

int kick_run(const struct kick_places *places)
{
    struct guest_files files;
    char variable[GUEST_FILES_PATH_SIZE];
    char host[WINDOWS_PATH_SIZE];
    char mounts[WINDOWS_PATH_SIZE];
    char mounted[MOUNTED_SIZE];
    char program[MOUNTED_SIZE + GUEST_FILES_PATH_SIZE];
    const char *const argv[] = {program, "kick", NULL};
    int err;

    guest_files_init(&files, places->root);
    err = read_host(&files, host);
    if (err != 0) {
        return err;
    }
    read_mounts(&files, mounts);
    err = windows_path_to_mount(host, mounts, mounted, sizeof mounted);
    if (err != 0) {
        return err;
    }
    snprintf(program, sizeof program, "%s%s", places->interop_root, mounted);
    find_interop(places->root, variable);
    err = process_run_alone(argv, variable[0] != '\0' ? variable : NULL, places->limit_ms);
    return err <= 0 ? err : ERR_IO;
}

int kick_quietly(void)
{
    const struct kick_places places = {.root = "", .interop_root = "", .limit_ms = LIMIT_MS};
    int err = kick_run(&places);

    if (err != 0) {
        log_debug("the host agent could not be told to link (%s); it links by itself",
                  error_text(err));
    }
    return err;
}

int kick_command(int argc, char **argv)
{
    bool verbose = false;
    const struct cli_option options[] = {{"--verbose", NULL, &verbose}, {NULL, NULL, NULL}};
    const struct cli_args args = {.verb = VERB, .help = help, .options = options};
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (verbose) {
        log_set_level(LOG_DEBUG);
    }
    return kick_quietly() == 0 ? CLI_DONE : CLI_FAILED;
}
