/* Fuzzes the JSON parser. What it accepts prints as ASCII, and reads again as the same. */
#include <string.h>

#include "shared/core/json_text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cJSON *json = json_text_parse_object((const char *)data, size);
    char *line = NULL;
    size_t len = 0;
    if (json == NULL) {
        return 0;
    }
    FUZZ_CHECK(json_text_print_line(json, &line, &len) == 0);
    json_text_free(json);
    for (size_t i = 0; i < len - 1; i++) {
        FUZZ_CHECK(line[i] >= ' ' && line[i] <= '~');
    }
    json = json_text_parse_object(line, len);
    FUZZ_CHECK(json != NULL);
    char *again = NULL;
    size_t again_len = 0;
    FUZZ_CHECK(json_text_print_line(json, &again, &again_len) == 0);
    FUZZ_CHECK(again_len == len && memcmp(line, again, len) == 0);
    json_text_free(json);
    free(line);
    free(again);
    return 0;
}
