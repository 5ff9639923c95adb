/* Fuzzes the reader of a link's note; what it takes is written and read alike. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/link_note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct link_note note;
    struct link_note again;
    char line[LINK_NOTE_LINE_SIZE];
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (link_note_from_line(text, &note) == 0 &&
        (link_note_to_line(&note, line) != 0 || link_note_from_line(line, &again) != 0 ||
         memcmp(&again, &note, sizeof note) != 0)) {
        abort();
    }
    free(text);
    return 0;
}
