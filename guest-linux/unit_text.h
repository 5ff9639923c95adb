/* The unit for systemd: the text of guest-linux/ttyferry.service, put in by the build. */
#ifndef TTYFERRY_GUEST_UNIT_TEXT_H
#define TTYFERRY_GUEST_UNIT_TEXT_H

/* Terminated. */
extern const char unit_text[];

#endif
