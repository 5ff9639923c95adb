#include "host-win/install_question.h"

#include <stdio.h>
#include <stdlib.h>

#include "host-win/pnp_device.h"
#include "host-win/usbipd.h"
#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/sharing.h"
#include "shared/core/text.h"

#define LINE_SIZE 1024

static unsigned list(const struct board_table *boards, const struct sharing *sharing)
{
    char description[BOARD_DESCRIPTION_SIZE];
    char line[LINE_SIZE];
    unsigned count = 0;

    for (size_t i = 0; i < boards->count; i++) {
        const struct board *board = boards->items[i];

        if (sharing_judge(sharing, board) == BOARD_STATE_WAITING) {
            snprintf(line, sizeof line, "        %04x:%04x  %-6s %s\n", board->vid, board->pid,
                     board->busid,
                     text_escape(description, sizeof description, board->description));
            cli_output_text(line);
            count++;
        }
    }
    return count;
}

/* A scan that fails hides nothing: the question is asked then too. */
static unsigned list_boards(const struct sharing *sharing)
{
    struct board_table boards;
    struct pnp_scan last;
    struct pnp_scan scan;
    unsigned count = 0;

    board_table_init(&boards);
    pnp_scan_init(&last);
    pnp_scan_init(&scan);
    if (pnp_device_scan(&last, &scan) == 0 && pnp_scan_to_boards(&scan, &boards) == 0) {
        count = list(&boards, sharing);
    }
    pnp_scan_finish(&scan);
    pnp_scan_finish(&last);
    board_table_finish(&boards);
    return count;
}

bool install_question_ask(bool yes)
{
    struct sharing *sharing = calloc(1, sizeof *sharing);
    char answer[16];
    unsigned count;

    if (sharing == NULL) {
        return false;
    }
    usbipd_read(usbipd_place(), sharing);
    cli_output_text("        shared boards that will be attached as soon as they are there:\n");
    count = list_boards(sharing);
    free(sharing);
    if (count == 0) {
        cli_output_text("        none now\n");
    }
    if (yes || count == 0) {
        return true;
    }
    fputs("Windows' own programs can't use them then. Go on? [y/N] ", stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}
