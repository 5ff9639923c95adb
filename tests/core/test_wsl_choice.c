/* Which distribution is chosen, and what is said if none is. */
#include "shared/core/wsl_choice.h"

#include <string.h>

#include "tests/core/cases.h"

#define ROW_MAX 4

struct row {
    const char *name;
    const char *configured;
    struct wsl_distribution list[ROW_MAX]; /* an empty name ends it */
    enum wsl_choice choice;
    const char *chosen; /* or, of a fault, what its text has to name */
};

#define DEFAULT(name, version)                                                                     \
    {                                                                                              \
        name, true, false, version                                                                 \
    }
#define RUNNING(name, version)                                                                     \
    {                                                                                              \
        name, false, true, version                                                                 \
    }
#define STOPPED(name, version)                                                                     \
    {                                                                                              \
        name, false, false, version                                                                \
    }

static const struct row rows[] = {
    {"the default of version 2, stopped",
     "",
     {STOPPED("a", 2), DEFAULT("b", 2)},
     WSL_CHOICE_MADE,
     "b"},
    {"the default goes before a running one",
     "",
     {RUNNING("a", 2), DEFAULT("b", 2)},
     WSL_CHOICE_MADE,
     "b"},
    {"a default of version 1: the first running one",
     "",
     {DEFAULT("a", 1), STOPPED("b", 2), RUNNING("c", 2), RUNNING("d", 2)},
     WSL_CHOICE_MADE,
     "c"},
    {"Docker's is the default: the first running one",
     "",
     {DEFAULT("docker-desktop", 2), RUNNING("docker-desktop-data", 2), RUNNING("u", 2)},
     WSL_CHOICE_MADE,
     "u"},
    {"the configured one", "b", {DEFAULT("a", 2), STOPPED("b", 2)}, WSL_CHOICE_MADE, "b"},
    {"the configured one in other letters",
     "UBUNTU",
     {STOPPED("Ubuntu", 2)},
     WSL_CHOICE_MADE,
     "Ubuntu"},
    {"Docker's if it is configured",
     "docker-desktop",
     {STOPPED("docker-desktop", 2)},
     WSL_CHOICE_MADE,
     "docker-desktop"},
    {"a name that only begins like Docker's ends differently",
     "",
     {DEFAULT("docker", 2)},
     WSL_CHOICE_MADE,
     "docker"},
    {"fault: nothing installed", "", {STOPPED("", 2)}, WSL_CHOICE_NONE_INSTALLED, "wsl --install"},
    {"fault: nothing installed, one configured",
     "x",
     {STOPPED("", 2)},
     WSL_CHOICE_NONE_INSTALLED,
     "wsl --install"},
    {"fault: the configured one is missing", "x", {DEFAULT("a", 2)}, WSL_CHOICE_MISSING, "\"x\""},
    {"fault: the configured one is of version 1",
     "a",
     {DEFAULT("a", 1), RUNNING("b", 2)},
     WSL_CHOICE_VERSION_1,
     "--set-version a 2"},
    {"fault: all are of version 1",
     "",
     {DEFAULT("a", 1), RUNNING("b", 1)},
     WSL_CHOICE_ONLY_VERSION_1,
     "--set-version"},
    {"fault: only Docker's",
     "",
     {DEFAULT("docker-desktop", 2), RUNNING("a", 1)},
     WSL_CHOICE_ONLY_DOCKER,
     "Docker"},
    {"fault: none runs",
     "",
     {DEFAULT("a", 1), STOPPED("b", 2)},
     WSL_CHOICE_NONE_RUNS,
     "--set-default"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    const struct wsl_distribution *chosen = NULL;
    struct wsl_list list = {.count = 0};
    char text[WSL_CHOICE_TEXT_SIZE];

    while (list.count < ROW_MAX && row->list[list.count].name[0] != '\0') {
        list.items[list.count] = row->list[list.count];
        list.count++;
    }
    assert_int_equal(wsl_choice_make(&list, row->configured, &chosen), row->choice);
    if (row->choice == WSL_CHOICE_MADE) {
        assert_string_equal(chosen->name, row->chosen);
        return;
    }
    assert_null(chosen);
    wsl_choice_explain(row->choice, row->configured, text);
    assert_non_null(strstr(text, row->chosen));
}

static void long_name_is_cut(void **state)
{
    char name[2 * WSL_CHOICE_TEXT_SIZE];
    char text[WSL_CHOICE_TEXT_SIZE];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    wsl_choice_explain(WSL_CHOICE_VERSION_1, name, text);
    assert_int_equal(strlen(text), sizeof text - 1);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check_row);
    cases_add_one(&cases, "a name that is too long is cut", long_name_is_cut);
    return cases_run("wsl_choice", &cases);
}
