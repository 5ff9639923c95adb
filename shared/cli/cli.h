/* The command line that both programs share: the table of verbs, --help, exit codes, and the
 * verbs that only read the local agent's stream. */
#ifndef TTYFERRY_CLI_CLI_H
#define TTYFERRY_CLI_CLI_H

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_TIMED_OUT = 3,
    CLI_NO_AGENT = 4,
};

struct cli_verb {
    const char *name;
    const char *summary; /* one line for the list of verbs */
    /* Runs the verb; argv[0] is its name. Returns an exit code. */
    int (*run)(int argc, char **argv);
};

/* Runs the verb that argv[1] names, out of `verbs` (ended by a NULL name) and the shared ones
 * (events, wait); answers --help and --version. argv is UTF-8. Returns the exit code. */
int cli_main(int argc, char **argv, const struct cli_verb *verbs);

#endif
