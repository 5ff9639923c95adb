#include "host-win/install_command.h"

#include <stddef.h>
#include <string.h>

#include "host-win/installer.h"
#include "shared/cli/cli.h"
#include "shared/cli/cli_args.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"

static const char install_help[] =
    "Usage: ttyferry install [--distribution D] [--transport auto|tcp|bridge] [--yes]\n"
    "\n"
    "Sets up both sides, without administrator rights: copies this program to\n"
    "%LOCALAPPDATA%\\Programs\\ttyferry and onto your PATH, puts the guest's program into the\n"
    "distribution, gives both sides a key, starts both agents now and at every logon, and waits\n"
    "until they are linked. Run again it upgrades in place; attached boards stay attached. A step\n"
    "that fails takes back what was done before it.\n"
    "\n"
    "  --distribution D   this one; without it the configuration's, else the default one if it is\n"
    "                     of version 2, else the first of version 2 that runs\n"
    "  --transport T      how the host reaches the guest; without it the configuration's, or auto\n"
    "  --yes              does not ask about the boards that will be attached\n"
    "\n"
    "Exit codes: 0 done and linked, 1 failed, 2 usage.\n";

static const char uninstall_help[] =
    "Usage: ttyferry uninstall [--purge]\n"
    "\n"
    "Removes what \"ttyferry install\" has made on both sides, and nothing else. Attached boards\n"
    "go back to Windows. Run again after a failure it goes on where it stopped.\n"
    "\n"
    "  --purge   the configuration, the key and the logs too\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage.\n";

static const char pair_help[] =
    "Usage: ttyferry pair --renew\n"
    "\n"
    "Gives both sides a new key. Neither agent is restarted, and attached boards stay attached:\n"
    "the key is read anew at each handshake. If one side can't take it both keep the old one.\n"
    "\n"
    "  --renew  make the new key; nothing else can be asked for\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage.\n";

static bool is_transport(const char *name)
{
    return strcmp(name, "auto") == 0 || strcmp(name, "tcp") == 0 || strcmp(name, "bridge") == 0;
}

static bool find_places(const char *verb, struct install_places *places)
{
    int error = install_places_find(places);

    if (error != 0) {
        cli_output_error(verb, "%%LOCALAPPDATA%% and Windows' system folder can't be found: %s",
                         error_text(error));
    }
    return error == 0;
}

int install_command(int argc, char **argv)
{
    static struct install_places places;
    struct installer_options options = {.distribution = NULL};
    const struct cli_option table[] = {
        {"--distribution", &options.distribution, NULL},
        {"--transport", &options.transport, NULL},
        {"--yes", NULL, &options.yes},
        {NULL, NULL, NULL},
    };
    const struct cli_args args = {.verb = "install", .help = install_help, .options = table};
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (options.transport != NULL && !is_transport(options.transport)) {
        return cli_args_refuse("install", "the transport is auto, tcp or bridge, not",
                               options.transport);
    }
    if (options.distribution != NULL &&
        (options.distribution[0] == '\0' || options.distribution[0] == '-')) {
        return cli_args_refuse("install", "this is no name of a distribution",
                               options.distribution);
    }
    return find_places("install", &places) ? installer_install(&places, &options) : CLI_FAILED;
}

int uninstall_command(int argc, char **argv)
{
    static struct install_places places;
    bool purge = false;
    const struct cli_option table[] = {{"--purge", NULL, &purge}, {NULL, NULL, NULL}};
    const struct cli_args args = {.verb = "uninstall", .help = uninstall_help, .options = table};
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    return find_places("uninstall", &places) ? installer_remove(&places, purge) : CLI_FAILED;
}

int pair_command(int argc, char **argv)
{
    static struct install_places places;
    bool renew = false;
    const struct cli_option table[] = {{"--renew", NULL, &renew}, {NULL, NULL, NULL}};
    const struct cli_args args = {.verb = "pair", .help = pair_help, .options = table};
    int exit_code;

    if (!cli_args_parse(&args, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (!renew) {
        return cli_args_refuse("pair", "an argument is missing", "--renew");
    }
    return find_places("pair", &places) ? installer_renew_key(&places) : CLI_FAILED;
}
