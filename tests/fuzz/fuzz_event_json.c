/* Fuzzes the reader of the stream's lines. What it accepts writes the same line again and again. */
#include <string.h>

#include "shared/core/event_json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct board_table boards;
    struct event event;
    char *line = NULL;
    char *again = NULL;
    size_t len = 0;
    size_t again_len = 0;
    board_table_init(&boards);
    if (event_json_to_event((const char *)data, size, &event, &boards) == 0) {
        FUZZ_CHECK(event_json_from_event(&event, &line, &len) == 0);
        FUZZ_CHECK(event_json_to_event(line, len, &event, &boards) == 0);
        FUZZ_CHECK(event_json_from_event(&event, &again, &again_len) == 0);
        FUZZ_CHECK(again_len == len && memcmp(line, again, len) == 0);
    }
    board_table_finish(&boards);
    free(line);
    free(again);
    return 0;
}
