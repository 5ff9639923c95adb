/* Fuzzes the reader of the messages about imports. What it accepts writes the same line again and
 * again. */
#include <string.h>

#include "shared/core/wire_import.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire_import message;
    char *line = NULL;
    char *again = NULL;
    size_t len = 0;
    size_t again_len = 0;

    if (wire_import_from_line((const char *)data, size, &message) != 0) {
        return 0;
    }
    FUZZ_CHECK(strlen(message.import) == WIRE_IMPORT_SIZE - 1);
    FUZZ_CHECK(message.credit >= 0 && message.credit <= WIRE_IMPORT_WINDOW);
    FUZZ_CHECK(wire_import_to_line(&message, &line, &len) == 0);
    FUZZ_CHECK(wire_import_from_line(line, len, &message) == 0);
    FUZZ_CHECK(wire_import_to_line(&message, &again, &again_len) == 0);
    FUZZ_CHECK(again_len == len && memcmp(line, again, len) == 0);
    free(line);
    free(again);
    return 0;
}
