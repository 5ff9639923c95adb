/* Fuzzes MATCH as people type it. */
#include <string.h>

#include "shared/core/match.h"
#include "shared/core/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct board board = {.name = "esp", .vid = 0x1a86, .serial = "5", .busid = "3-1"};
    char *text = calloc(1, size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    struct match match;
    const char *reason = NULL;
    if (match_from_text(text, &match, &reason) == 0) {
        FUZZ_CHECK(match.kind == MATCH_VID_PID || match.text[0] != '\0');
        FUZZ_CHECK(match.kind == MATCH_VID_PID || !text_has_control(match.text));
        match_check(&match, &board);
    } else {
        FUZZ_CHECK(reason != NULL);
    }
    free(text);
    return 0;
}
