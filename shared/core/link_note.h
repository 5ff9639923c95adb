/* One link to a board's tty that the agent has made below /dev, as a line of a text that outlives
 * the agent:
 *
 *   FOLDER NAME TARGET FORMER NODE FORMER_NODE
 *
 * "serial/by-id usb-1a86_USB_Serial-if00-port0 ../../ttyUSB0 - 412 0". FORMER is what somebody
 * else's link of that name has said before, "-" for none. The numbers are the inodes of what the
 * two lead to: a tty's name comes to another board, its inode doesn't; 0 is for what is not known.
 * A line of an older version ends before FORMER. Pure. */
#ifndef TTYFERRY_CORE_LINK_NOTE_H
#define TTYFERRY_CORE_LINK_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/core/serial_names.h"

#define LINK_NOTE_TARGET_SIZE 256
/* With the terminator; a line has no LF. */
#define LINK_NOTE_LINE_SIZE 1024

enum link_note_folder { LINK_NOTE_BY_ID, LINK_NOTE_BY_PATH, LINK_NOTE_NAMED, LINK_NOTE_FOLDERS };

struct link_note {
    enum link_note_folder folder;
    char name[SERIAL_NAMES_SIZE];
    char target[LINK_NOTE_TARGET_SIZE]; /* "../../ttyUSB0" */
    char former[LINK_NOTE_TARGET_SIZE]; /* or empty */
    uint64_t node;
    uint64_t former_node;
};

/* Below /dev: "serial/by-id". Static storage. */
const char *link_note_folder(enum link_note_folder folder);

/* What a link in that folder says to lead to /dev: "../../". Static storage. */
const char *link_note_up(enum link_note_folder folder);

/* True for what can be a link's name: not empty, no slash, no leading dot. */
bool link_note_is_name(const char *name);

/* True for the target of a link of ours in that folder. */
bool link_note_is_target(enum link_note_folder folder, const char *target);

/* Writes the line. A former link with white space or controls in it is left out. Returns 0;
 * ERR_INVALID if the name or the target has such; ERR_TOO_LONG. */
int link_note_to_line(const struct link_note *note, char line[LINK_NOTE_LINE_SIZE]);

/* Returns 0; ERR_INVALID for a line that no agent has written, ERR_TOO_LONG. On failure `*note`
 * stays as it was. */
int link_note_from_line(const char *line, struct link_note *note);

#endif
