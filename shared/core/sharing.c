#include "shared/core/sharing.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/board_family.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

int sharing_rule_set_hardware_id(struct sharing_rule *rule, const char *text)
{
    struct board_identity identity;

    if (board_identity_from_text(text, &identity) != 0)
        return ERR_INVALID;
    rule->has_hardware_id = true;
    rule->vid = identity.vid;
    rule->pid = identity.pid;
    return 0;
}

static bool is_bound(const struct sharing *sharing, const struct board *board)
{
    for (size_t i = 0; i < sharing->bound_count; i++) {
        if (text_equal_nocase(sharing->bound[i], board->id))
            return true;
    }
    return false;
}

static bool rule_means(const struct sharing_rule *rule, const struct board *board)
{
    if (rule->has_hardware_id && (rule->vid != board->vid || rule->pid != board->pid))
        return false;
    return rule->busid[0] == '\0' || strcmp(rule->busid, board->busid) == 0;
}

/* True if usbipd exports the board: it is bound, or a rule allows it and none denies it. */
static bool allows(const struct sharing *sharing, const struct board *board)
{
    bool allowed = false;

    if (is_bound(sharing, board))
        return true;
    for (size_t i = 0; i < sharing->rule_count; i++) {
        if (!rule_means(&sharing->rules[i], board))
            continue;
        if (!sharing->rules[i].allow)
            return false;
        allowed = true;
    }
    return allowed;
}

const char *sharing_attached_to(const struct sharing *sharing, const char *board_id)
{
    for (size_t i = 0; i < sharing->capture_count; i++) {
        if (text_equal_nocase(sharing->captures[i].id, board_id))
            return sharing->captures[i].address;
    }
    return "";
}

enum board_state sharing_judge(const struct sharing *sharing, const struct board *board)
{
    if (pnp_scan_is_stub(board->id))
        return BOARD_STATE_NEEDS_SHARING;
    if (board->kind == BOARD_KIND_OTHER && board->name[0] == '\0')
        return BOARD_STATE_AVAILABLE;
    return board_busid_is_valid(board->busid) && allows(sharing, board) ? BOARD_STATE_WAITING
                                                                        : BOARD_STATE_NEEDS_SHARING;
}

void sharing_remedy(const struct sharing *sharing, const struct board *board,
                    char remedy[SHARING_REMEDY_SIZE])
{
    const char *before = "";
    const char *after = "";

    if (pnp_scan_is_stub(board->id)) {
        text_copy(remedy, SHARING_REMEDY_SIZE,
                  "usbipd-win has taken this board away from Windows by mistake, probably instead "
                  "of a board of the same make on the same port of another hub: unplug it, plug it "
                  "in again, and keep such boards on ports of different numbers");
        return;
    }
    if (!board_busid_is_valid(board->busid)) {
        text_copy(remedy, SHARING_REMEDY_SIZE,
                  "usbipd-win can't address the hub that this board hangs on: plug the board into "
                  "another USB port");
        return;
    }
    if (sharing->is_unreadable) {
        text_copy(
            remedy, SHARING_REMEDY_SIZE,
            "usbipd-win's registry key HKLM\\SOFTWARE\\usbipd-win can't be read, so nothing is "
            "known to be shared: reinstall usbipd-win, or give Users the right to read it");
        return;
    }
    if (!sharing->installed)
        before = "install usbipd-win (winget install usbipd), then ";
    else if (!sharing->running)
        after = ", and start its service (sc.exe start usbipd)";
    snprintf(remedy, SHARING_REMEDY_SIZE,
             "%srun in an administrator's terminal: usbipd bind --busid %s%s", before, board->busid,
             after);
}
