#include "shared/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "shared/cli/cli_output.h"
#include "shared/cli/verbs.h"
#include "shared/link/link_process.h"

static const struct cli_verb shared_verbs[] = {
    {"events", "print the live event stream, one JSON object a line", verb_events},
    {"list", "list the boards and their ttys", verb_list},
    {"status", "show the link, the boards and what is wrong with them", verb_status},
    {"take", "give a yielded board to the guest again", verb_take},
    {"wait", "wait until a board is ready (or gone) and print its tty", verb_wait},
    {"yield", "give a board to Windows until it is taken again", verb_yield},
    {NULL, NULL, NULL},
};

static const struct cli_verb *find_verb(const struct cli_verb *verbs, const char *name)
{
    for (; verbs->name; verbs++) {
        if (strcmp(verbs->name, name) == 0) {
            return verbs;
        }
    }
    return NULL;
}

static void print_verbs(FILE *file, const struct cli_verb *verbs)
{
    for (; verbs->name; verbs++) {
        fprintf(file, "  %-10s %s\n", verbs->name, verbs->summary);
    }
}

static void print_help(FILE *file, const struct cli_verb *verbs)
{
    fputs("Usage: ttyferry VERB [ARGUMENTS]\n\n"
          "Carries serial boards from Windows into Linux.\n\n",
          file);
    print_verbs(file, verbs);
    print_verbs(file, shared_verbs);
    fputs("\n\"ttyferry VERB --help\" says more about a verb, \"ttyferry --version\" which version "
          "this is.\n"
          "Exit codes: 0 done, 1 failed, 2 usage, 3 timed out, 4 no agent.\n",
          file);
}

int cli_main(int argc, char **argv, const struct cli_verb *verbs)
{
    const struct cli_verb *verb;

    cli_output_init();
    link_process_init();
    if (argc < 2) {
        print_help(stderr, verbs);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout, verbs);
        return cli_output_conclude(NULL, cli_output_text(""));
    }
    if (strcmp(argv[1], "--version") == 0) {
        return cli_output_conclude(NULL, cli_output_text("ttyferry " TTYFERRY_VERSION "\n"));
    }
    verb = find_verb(verbs, argv[1]);
    if (!verb) {
        verb = find_verb(shared_verbs, argv[1]);
    }
    if (!verb) {
        cli_output_error(NULL, "there is no verb \"%s\" (see \"ttyferry --help\")", argv[1]);
        return CLI_USAGE;
    }
    return verb->run(argc - 1, argv + 1);
}
