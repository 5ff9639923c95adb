/* The last line that a program said, for a message: of everything else nothing is kept. */
#ifndef TTYFERRY_CORE_LAST_LINE_H
#define TTYFERRY_CORE_LAST_LINE_H

#include <stddef.h>

/* Of one line so much is kept, terminator included. */
#define LAST_LINE_SIZE 512

struct last_line {
    char whole[LAST_LINE_SIZE]; /* the last that has ended and is not blank */
    char current[LAST_LINE_SIZE];
    size_t len; /* of `current` */
};

void last_line_init(struct last_line *line);

/* Takes any bytes. NULs and byte order marks are left out, which makes readable text of the UTF-16
 * that wsl.exe writes where it does not know WSL_UTF8. */
void last_line_feed(struct last_line *line, const char *bytes, size_t len);

/* The last line that is not blank, whether it has ended or not; "" if there was none. May hold
 * anything but NUL and LF: escape it. Points into `*line`. */
const char *last_line_text(const struct last_line *line);

#endif
