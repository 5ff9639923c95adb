/* Fuzzes the reader of the notes about ports; what it takes is written and read alike. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/port_notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct port_notes notes = {.count = 0};
    struct port_notes again = {.count = 0};
    char *text;
    size_t len;

    if (port_notes_from_text((const char *)data, size, &notes) != 0) {
        return 0;
    }
    if (port_notes_to_text(&notes, &text, &len) != 0) {
        return 0;
    }
    if (port_notes_from_text(text, len, &again) != 0 || again.count != notes.count ||
        memcmp(again.items, notes.items, notes.count * sizeof notes.items[0]) != 0) {
        abort();
    }
    free(text);
    return 0;
}
