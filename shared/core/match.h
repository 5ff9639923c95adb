/* MATCH: how people name a board on the command line. */
#ifndef TTYFERRY_CORE_MATCH_H
#define TTYFERRY_CORE_MATCH_H

#include "shared/core/board.h"

enum match_kind {
    MATCH_ANY, /* no MATCH given */
    MATCH_VID_PID,
    MATCH_SERIAL,
    MATCH_BUSID,
    MATCH_COM_PORT,
    MATCH_NAME,
};

struct match {
    enum match_kind kind;
    int vid; /* MATCH_VID_PID; -1 for "*" */
    int pid;
    char text[BOARD_SERIAL_SIZE]; /* the other kinds */
};

/* Reads `VID:PID` (each four hex digits or `*`), `serial=`, `port=BUSID`, `com=COM5`, `name=`, or
 * a bare board name (see board_name_is_valid). Returns 0 or ERR_INVALID; `*reason`, if not NULL,
 * then points to a static sentence that says what is wrong and what would be right. */
int match_from_text(const char *text, struct match *match, const char **reason);

/* True if the board is one that the match means. */
bool match_check(const struct match *match, const struct board *board);

/* True if a board that fits may come not to fit while it is there: its COM port and its name change
 * then, everything else that a MATCH goes by stays. */
bool match_can_lose(const struct match *match);

#endif
