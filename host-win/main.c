/* ttyferry.exe and ttyferryw.exe: the same program for a console and without one. */
#include <windows.h>

#include <stdlib.h>

#include "host-win/agent_command.h"
#include "host-win/install_command.h"
#include "host-win/wide.h"
#include "shared/cli/cli.h"
#include "shared/cli/verbs.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

/* Windows' command line holds at most 32,767 units. */
#define ARGUMENT_SIZE (3 * WIDE_TEXT_MAX)

int wmain(int argc, wchar_t **wide_argv);

static const struct cli_verb verbs[] = {
    {"agent", "run the host agent in the foreground", agent_command},
    {"kick", "look for the guest at once", verb_kick},
    {"install", "set up both sides, or upgrade them in place", install_command},
    {"uninstall", "remove both sides", uninstall_command},
    {"pair", "give both sides a new key", pair_command},
    {NULL, NULL, NULL},
};

static void free_arguments(char **argv)
{
    for (char **argument = argv; argument != NULL && *argument != NULL; argument++) {
        free(*argument);
    }
    free(argv);
}

/* The arguments as UTF-8, ended by NULL; the caller frees them. NULL without memory, or for an
 * argument that is longer than anything we take. */
static char **arguments_from_wide(int argc, wchar_t **wide_argv)
{
    char **argv = calloc((size_t)argc + 1, sizeof *argv);

    for (int i = 0; argv != NULL && i < argc; i++) {
        argv[i] = malloc(ARGUMENT_SIZE);
        if (argv[i] == NULL || wide_to_utf8(wide_argv[i], argv[i], ARGUMENT_SIZE) != 0) {
            free_arguments(argv);
            return NULL;
        }
    }
    return argv;
}

int wmain(int argc, wchar_t **wide_argv)
{
    char **argv = arguments_from_wide(argc, wide_argv);
    int exit_code;

    if (argv == NULL) {
        log_error("the command line is too long");
        return CLI_USAGE;
    }
    exit_code = cli_main(argc, argv, verbs);
    free_arguments(argv);
    return exit_code;
}
