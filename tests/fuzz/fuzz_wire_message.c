/* Fuzzes the reader of the link's messages. What it accepts writes the same line again and again.
 */
#include <string.h>

#include "shared/core/wire_message.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_message message;
    char *line = NULL;
    char *again = NULL;
    size_t len = 0;
    size_t again_len = 0;
    if (wire_message_from_line((const char *)data, size, &message) != 0) {
        return 0;
    }
    FUZZ_CHECK(message.event.board.ttys.count <= BOARD_TTYS_MAX);
    FUZZ_CHECK(wire_message_to_line(&message, &line, &len) == 0);
    FUZZ_CHECK(wire_message_from_line(line, len, &message) == 0);
    FUZZ_CHECK(wire_message_to_line(&message, &again, &again_len) == 0);
    FUZZ_CHECK(again_len == len && memcmp(line, again, len) == 0);
    free(line);
    free(again);
    return 0;
}
