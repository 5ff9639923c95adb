#include "shared/cli/cli_args.h"

#include <stdio.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_output.h"

int cli_args_refuse(const char *verb, const char *message, const char *culprit)
{
    cli_output_error(verb, "%s: %s (see \"ttyferry %s --help\")", message, culprit, verb);
    return CLI_USAGE;
}

static const struct cli_option *find_option(const struct cli_option *options, const char *argument,
                                            size_t name_len)
{
    for (const struct cli_option *each = options; each->name; each++) {
        if (strlen(each->name) == name_len && strncmp(each->name, argument, name_len) == 0) {
            return each;
        }
    }
    return NULL;
}

/* Takes the option at argv[*i], and its value; `*i` then stands on the last argument taken. */
static bool take_option(const struct cli_args *args, char **argv, int *i, int *exit_code)
{
    const char *argument = argv[*i];
    const char *equals = strchr(argument, '=');
    size_t name_len = equals ? (size_t)(equals - argument) : strlen(argument);
    const struct cli_option *option = find_option(args->options, argument, name_len);

    if (!option) {
        *exit_code = cli_args_refuse(args->verb, "there is no such option", argument);
        return false;
    }
    if (option->flag) {
        if (equals) {
            *exit_code = cli_args_refuse(args->verb, "this option takes no value", argument);
            return false;
        }
        *option->flag = true;
        return true;
    }
    if (!equals && !argv[*i + 1]) {
        *exit_code = cli_args_refuse(args->verb, "this option wants a value", argument);
        return false;
    }
    *option->value = equals ? equals + 1 : argv[++*i];
    return true;
}

static bool take_operand(const struct cli_args *args, char *argument, int *exit_code)
{
    if (!args->operand_name || *args->operand) {
        *exit_code = cli_args_refuse(args->verb, "one argument too many", argument);
        return false;
    }
    *args->operand = argument;
    return true;
}

bool cli_args_parse(const struct cli_args *args, int argc, char **argv, int *exit_code)
{
    for (int i = 1; i < argc; i++) {
        bool taken;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *exit_code = cli_output_conclude(args->verb, cli_output_text(args->help));
            return false;
        }
        taken = argv[i][0] == '-' ? take_option(args, argv, &i, exit_code)
                                  : take_operand(args, argv[i], exit_code);
        if (!taken) {
            return false;
        }
    }
    if (args->operand_name && !*args->operand) {
        *exit_code = cli_args_refuse(args->verb, "an argument is missing", args->operand_name);
        return false;
    }
    return true;
}
