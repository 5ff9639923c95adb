#include "shared/cli/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cli/cli_output.h"
#include "shared/cli/verbs.h"
#include "shared/core/text_buffer.h"
#include "shared/link/link_process.h"

/* Of the verbs' names in the list. */
#define NAME_WIDTH 11u

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

static void add_verbs(struct text_buffer *buffer, const struct cli_verb *verbs)
{
    for (; verbs->name; verbs++) {
        size_t len = strlen(verbs->name);

        text_buffer_add(buffer, "  ");
        text_buffer_add(buffer, verbs->name);
        text_buffer_add_spaces(buffer, len < NAME_WIDTH ? NAME_WIDTH - len : 1);
        text_buffer_add(buffer, verbs->summary);
        text_buffer_add(buffer, "\n");
    }
}

static int make_help(const struct cli_verb *verbs, char **text)
{
    struct text_buffer buffer;

    text_buffer_init(&buffer);
    text_buffer_add(&buffer, "Usage: ttyferry VERB [ARGUMENTS]\n\n"
                             "Carries serial boards from Windows into Linux.\n\n");
    add_verbs(&buffer, verbs);
    add_verbs(&buffer, shared_verbs);
    text_buffer_add(
        &buffer, "\n\"ttyferry VERB --help\" says more about a verb, \"ttyferry --version\" which "
                 "version this is.\n"
                 "Exit codes: 0 done, 1 failed, 2 usage, 3 timed out, 4 no agent.\n");
    return text_buffer_take(&buffer, text);
}

/* The help where it was asked for, or, to stderr, where no verb was named. Returns the exit code.
 */
static int print_help(const struct cli_verb *verbs, bool is_asked)
{
    char *text;
    int result = make_help(verbs, &text);

    if (result == 0) {
        if (is_asked) {
            result = cli_output_text(text);
        } else {
            fputs(text, stderr);
        }
        free(text);
    }
    return is_asked ? cli_output_conclude(NULL, result) : CLI_USAGE;
}

int cli_main(int argc, char **argv, const struct cli_verb *verbs)
{
    const struct cli_verb *verb;

    cli_output_init();
    link_process_init();
    if (argc < 2) {
        return print_help(verbs, false);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return print_help(verbs, true);
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
