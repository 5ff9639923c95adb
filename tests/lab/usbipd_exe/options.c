#include "options.h"

#include <stddef.h>
#include <string.h>

enum { BUSID_MAX_NUMBER = 99, HARDWARE_ID_CHARS = 9 };

static int is_busid(const wchar_t *text)
{
    unsigned hub;
    unsigned port;
    wchar_t tail;

    return text[0] >= L'1' && text[0] <= L'9' && text[wcscspn(text, L"-")] &&
           text[wcscspn(text, L"-") + 1] != L'0' &&
           swscanf(text, L"%2u-%2u%lc", &hub, &port, &tail) == 2 && hub && port &&
           hub <= BUSID_MAX_NUMBER && port <= BUSID_MAX_NUMBER;
}

static int is_hardware_id(const wchar_t *text)
{
    return wcslen(text) == HARDWARE_ID_CHARS && text[4] == L':' &&
           wcsspn(text, L"0123456789abcdefABCDEF") == 4 &&
           wcsspn(text + 5, L"0123456789abcdefABCDEF") == 4;
}

static int is_guid(const wchar_t *text)
{
    return wcslen(text) == 36 && wcsspn(text, L"0123456789abcdefABCDEF-") == 36;
}

static int is_effect(const wchar_t *text)
{
    return !wcscmp(text, L"Allow") || !wcscmp(text, L"Deny");
}

static int is_operation(const wchar_t *text)
{
    return !wcscmp(text, L"AutoBind");
}

static const struct {
    const wchar_t *name;
    const wchar_t *letter;
    int (*is_valid)(const wchar_t *text); /* NULL for a switch */
} table[OPTION_COUNT] = {
    [OPTION_ALL] = {L"--all", L"-a", NULL},
    [OPTION_BUSID] = {L"--busid", L"-b", is_busid},
    [OPTION_EFFECT] = {L"--effect", L"-e", is_effect},
    [OPTION_FORCE] = {L"--force", L"-f", NULL},
    [OPTION_GUID] = {L"--guid", L"-g", is_guid},
    [OPTION_HARDWARE_ID] = {L"--hardware-id", L"-i", is_hardware_id},
    [OPTION_OPERATION] = {L"--operation", L"-o", is_operation},
    [OPTION_USBIDS] = {L"--usbids", L"-u", NULL},
};

static int option_find(const wchar_t *word)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!wcscmp(table[i].name, word) || !wcscmp(table[i].letter, word))
            return i;
    }
    return -1;
}

static int count_given(const struct options *options, unsigned set)
{
    int count = 0;

    for (int i = 0; i < OPTION_COUNT; i++)
        count += options->values[i] && set & OPTION_BIT(i);
    return count;
}

const char *options_parse(struct options *options, int count, wchar_t *const *words,
                          unsigned allowed, unsigned selectors)
{
    memset(options, 0, sizeof(*options));
    for (int i = 0; i < count; i++) {
        int option = option_find(words[i]);

        if (option < 0 || !((allowed | selectors) & OPTION_BIT(option)))
            return "Unrecognized command or argument.";
        if (options->values[option])
            return "An option is given twice.";
        options->values[option] = L"";
        if (!table[option].is_valid)
            continue;
        if (++i == count)
            return "Required argument missing for an option.";
        if (!table[option].is_valid(words[i]))
            return "The value of an option is invalid.";
        options->values[option] = words[i];
    }
    if (selectors && count_given(options, selectors) != 1)
        return "Exactly one of the options that select a device is required.";
    return NULL;
}
