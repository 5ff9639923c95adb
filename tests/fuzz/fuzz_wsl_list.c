/* Fuzzes what wsl.exe prints: the first half as the list, the second as the names that run. */
#include <string.h>

#include "shared/core/text.h"
#include "shared/core/wsl_choice.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wsl_list list;
    const struct wsl_distribution *chosen = NULL;
    size_t half = size / 2;
    char *text;

    list.count = 0;
    if (wsl_list_from_verbose((const char *)data, half, &list) == 0) {
        wsl_list_add_running((const char *)data + half, size - half, &list);
    }
    for (size_t i = 0; i < list.count; i++) {
        FUZZ_CHECK(text_is_plain(list.items[i].name));
        FUZZ_CHECK(list.items[i].name[0] != '-');
        FUZZ_CHECK(list.items[i].version == 1 || list.items[i].version == 2);
        FUZZ_CHECK(wsl_list_find(&list, list.items[i].name) == &list.items[i]);
    }
    if (wsl_choice_make(&list, "", &chosen) == WSL_CHOICE_MADE) {
        FUZZ_CHECK(chosen->version == 2);
    }
    if (wsl_list_decode((const char *)data, size, &text) == 0) {
        FUZZ_CHECK(text_is_utf8(text, strlen(text)));
        free(text);
    }
    return 0;
}
