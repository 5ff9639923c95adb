#include "shared/core/board_remark.h"

#define FAILED "failed: "
#define REMEDY "remedy: "

static size_t add(struct board_remark *remarks, size_t count, const char *label, const char *text)
{
    if (text[0] != '\0') {
        remarks[count++] = (struct board_remark){.label = label, .text = text};
    }
    return count;
}

size_t board_remarks(const struct board *board, struct board_remark remarks[BOARD_REMARKS_MAX])
{
    const struct board_note *note = &board->note;

    switch (board->state) {
    case BOARD_STATE_AVAILABLE:
        return add(remarks, 0, REMEDY,
                   "to have it in WSL, name it in the section \"boards\" of the configuration on "
                   "Windows");
    case BOARD_STATE_FAILED:
        return add(remarks, add(remarks, 0, FAILED, note->message), REMEDY, note->remedy);
    case BOARD_STATE_NEEDS_SHARING:
        return add(remarks, 0, REMEDY, note->remedy);
    case BOARD_STATE_YIELDED:
        return add(remarks, 0, "with Windows until ",
                   note->until[0] != '\0' ? "it is plugged in anew, or \"ttyferry take\""
                                          : "\"ttyferry take\"");
    default:
        return 0;
    }
}
