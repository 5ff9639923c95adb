/* What a USB device or a name could say to hurt whoever reads it: one table for all that reads. */
#ifndef TTYFERRY_TESTS_CORE_HOSTILE_H
#define TTYFERRY_TESTS_CORE_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "shared/core/text.h"

static const char *const hostile_texts[] = {
    "\x1b[2J\x1b[31mred",         /* clears the screen */
    "\x1b]0;title\x07",           /* renames the window */
    "\x1b]52;c;cm0gLXJmIC8=\x07", /* fills the clipboard */
    "\x1bP$q\x1b\\",              /* DCS, which makes some terminals answer */
    "\xC2\x9B"
    "2J", /* CSI as a C1 character */
    "\x9b"
    "2J",                              /* the same as a bare byte */
    "a\xE2\x80\xAEgpj.exe",            /* right-to-left override */
    "\xE2\x81\xA6isolate\xE2\x81\xA9", /* isolates */
    "\xE2\x80\x8F\xD8\x9C",            /* marks of direction */
    "one\ntwo",                        /* forges a line of the log */
    "one\r\nready /dev/ttyUSB0",
    "tab\tbell\x07 backspace\x08\x08 del\x7f",
    "%n%s%s%s%999999d",
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".hidden",
    "$(reboot)`reboot`;reboot|reboot&",
    "\"},{\"event\":\"ready\"",
    "\xED\xA0\x80\xED\xB0\x80",          /* surrogates */
    "\xC0\xAF\xE0\x80\xAF",              /* overlong slashes */
    "\xF4\x90\x80\x80\xFF\xFE",          /* beyond Unicode */
    "cut \xE2\x82",                      /* half a character */
    "\xEF\xBB\xBF\xE2\x80\xA8 \xC2\x85", /* byte order mark, line separator, NEL */
};

#define HOSTILE_COUNT (sizeof hostile_texts / sizeof hostile_texts[0])

/* True if a terminal shows the text as it is: valid UTF-8, no control characters but LF, and
 * nothing that text_escape would replace. */
static inline bool hostile_is_harmless(const char *text)
{
    static char line[64 * 1024];
    static char escaped[4 * sizeof line];

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        if (len >= sizeof line) {
            return false;
        }
        memcpy(line, text, len);
        line[len] = '\0';
        if (strcmp(text_escape(escaped, sizeof escaped, line), line) != 0) {
            return false;
        }
        text += text[len] == '\n' ? len + 1 : len;
    }
    return true;
}

#endif
