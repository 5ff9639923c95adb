/* A verb's arguments: long options, at most one operand, --help. */
#ifndef TTYFERRY_CLI_CLI_ARGS_H
#define TTYFERRY_CLI_CLI_ARGS_H

#include <stdbool.h>

/* One of `value` and `flag` is set; both start out as the caller wants the default. */
struct cli_option {
    const char *name; /* "--match"; a table of options ends with a NULL name */
    const char **value;
    bool *flag;
};

struct cli_args {
    const char *verb;
    const char *help; /* what --help prints, LF at its end */
    const struct cli_option *options;
    const char *operand_name; /* "MATCH", NULL if the verb takes none; else it is required */
    const char **operand;
};

/* Reads argv[1] and on into where the tables point (into argv's memory). Returns true to go on;
 * false when the verb ends here with `*exit_code`: the help was asked for and printed, or the
 * arguments are wrong and stderr says how. Accepts "--name VALUE" and "--name=VALUE". */
bool cli_args_parse(const struct cli_args *args, int argc, char **argv, int *exit_code);

/* Prints "ttyferry VERB: MESSAGE" and where to find help; returns CLI_USAGE. */
int cli_args_refuse(const char *verb, const char *message, const char *culprit);

#endif
