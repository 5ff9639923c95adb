/* Fuzzes the editing of /etc/wsl.conf. What is set is there, once; what is removed leaves the text
 * as it was. */
#include <stdbool.h>
#include <string.h>

#include "shared/core/wsl_conf.h"
#include "tests/fuzz/fuzz.h"

static bool has(const uint8_t *data, size_t size, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= size; i++) {
        if (memcmp(data + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

static void check_same(const char *a, size_t a_len, const void *b, size_t b_len)
{
    FUZZ_CHECK(a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char value[64];
    char *set = NULL;
    char *twice = NULL;
    char *removed = NULL;
    size_t set_len;
    size_t len;

    (void)wsl_conf_get(text, size, "automount", "root", value, sizeof value);
    if (wsl_conf_remove_command(text, size, &removed, &len) == 0) {
        FUZZ_CHECK(!wsl_conf_has_command(removed, len));
        free(removed);
    }
    if (wsl_conf_set_command(text, size, &set, &set_len) != 0) {
        return 0;
    }
    FUZZ_CHECK(wsl_conf_has_command(set, set_len));
    FUZZ_CHECK(wsl_conf_set_command(set, set_len, &twice, &len) == 0);
    check_same(twice, len, set, set_len);
    free(twice);
    FUZZ_CHECK(wsl_conf_remove_command(set, set_len, &removed, &len) == 0);
    if (!has(data, size, WSL_CONF_COMMAND) && !has(data, size, WSL_CONF_MARK)) {
        check_same(removed, len, data, size);
    }
    free(removed);
    free(set);
    return 0;
}
