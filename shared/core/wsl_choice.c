#include "shared/core/wsl_choice.h"

#include <string.h>

#include "shared/core/text.h"

#define DOCKER "docker-desktop"

static bool is_docker(const struct wsl_distribution *distribution)
{
    char head[sizeof DOCKER];

    text_copy(head, sizeof head,
              distribution->name); /* Cut to the length of what it is compared with. */
    return text_equal_nocase(head, DOCKER);
}

static bool fits(const struct wsl_distribution *distribution)
{
    return distribution->version == 2 && !is_docker(distribution);
}

static enum wsl_choice choose_configured(const struct wsl_list *list, const char *configured,
                                         const struct wsl_distribution **chosen)
{
    const struct wsl_distribution *found = wsl_list_find(list, configured);

    if (found == NULL) {
        return list->count > 0 ? WSL_CHOICE_MISSING : WSL_CHOICE_NONE_INSTALLED;
    }
    if (found->version != 2) {
        return WSL_CHOICE_VERSION_1;
    }
    *chosen = found;
    return WSL_CHOICE_MADE;
}

/* Nothing was found: says why. */
static enum wsl_choice fault_of(const struct wsl_list *list)
{
    bool has_version_2 = false;

    for (size_t i = 0; i < list->count; i++) {
        if (fits(&list->items[i])) {
            return WSL_CHOICE_NONE_RUNS;
        }
        has_version_2 |= list->items[i].version == 2;
    }
    if (has_version_2) {
        return WSL_CHOICE_ONLY_DOCKER;
    }
    return list->count > 0 ? WSL_CHOICE_ONLY_VERSION_1 : WSL_CHOICE_NONE_INSTALLED;
}

enum wsl_choice wsl_choice_make(const struct wsl_list *list, const char *configured,
                                const struct wsl_distribution **chosen)
{
    const struct wsl_distribution *found = NULL;

    if (configured[0] != '\0') {
        return choose_configured(list, configured, chosen);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct wsl_distribution *each = &list->items[i];

        if (fits(each) && each->is_default) {
            *chosen = each;
            return WSL_CHOICE_MADE;
        }
        if (fits(each) && each->is_running && found == NULL) {
            found = each;
        }
    }
    if (found == NULL) {
        return fault_of(list);
    }
    *chosen = found;
    return WSL_CHOICE_MADE;
}

/* With %s for the configured name, or none. */
static const char *const faults[] = {
    [WSL_CHOICE_MADE] = "",
    [WSL_CHOICE_NONE_INSTALLED] = "WSL has no distribution: install one with \"wsl --install\"",
    [WSL_CHOICE_MISSING] = "WSL has no distribution \"%s\": \"wsl --list --verbose\" shows the "
                           "names; give one of them with --distribution, or as "
                           "\"wsl.distribution\" in the configuration",
    [WSL_CHOICE_VERSION_1] = "the distribution \"%s\" is of WSL version 1, whose kernel takes no "
                             "USB devices: convert it with \"wsl --set-version %s 2\", or name "
                             "another one",
    [WSL_CHOICE_ONLY_VERSION_1] = "all distributions are of WSL version 1, whose kernel takes no "
                                  "USB devices: convert one with \"wsl --set-version NAME 2\"",
    [WSL_CHOICE_ONLY_DOCKER] = "the only distributions of WSL version 2 are Docker's own: install "
                               "another one with \"wsl --install\"",
    [WSL_CHOICE_NONE_RUNS] = "the default distribution won't do, and no other one of WSL version "
                             "2 runs: name one with --distribution, or as \"wsl.distribution\" in "
                             "the configuration, or make it the default with \"wsl --set-default "
                             "NAME\"",
};

/* The texts are ours, so the name is put in by hand rather than by a format from a table. */
void wsl_choice_explain(enum wsl_choice choice, const char *configured,
                        char text[WSL_CHOICE_TEXT_SIZE])
{
    const char *source = faults[choice];
    size_t len = 0;

    while (*source != '\0' && len + 1 < WSL_CHOICE_TEXT_SIZE) {
        if (strncmp(source, "%s", 2) == 0) {
            text_copy(text + len, WSL_CHOICE_TEXT_SIZE - len, configured);
            len += strlen(text + len);
            source += 2;
        } else {
            text[len++] = *source++;
        }
    }
    text[len] = '\0';
}
