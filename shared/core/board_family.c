#include "shared/core/board_family.h"

#include "shared/core/error.h"
#include "shared/core/match.h"

int board_identity_from_text(const char *text, struct board_identity *identity)
{
    struct match match;

    /* The same form as a MATCH without its wildcard. */
    if (match_from_text(text, &match, NULL) != 0 || match.kind != MATCH_VID_PID || match.vid < 0 ||
        match.pid < 0) {
        return ERR_INVALID;
    }
    identity->vid = (uint16_t)match.vid;
    identity->pid = (uint16_t)match.pid;
    return 0;
}

size_t board_family_find_identity(const struct board_family *family, uint16_t vid, uint16_t pid)
{
    size_t at = 0;

    while (at < family->identity_count &&
           (family->identities[at].vid != vid || family->identities[at].pid != pid)) {
        at++;
    }
    return at;
}
