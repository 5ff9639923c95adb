/* Files that the program carries and setup writes, put in by the build. */
#ifndef TTYFERRY_GUEST_BUILT_IN_TEXT_H
#define TTYFERRY_GUEST_BUILT_IN_TEXT_H

/* Terminated. The unit for systemd, guest-linux/ttyferry.service, and the rules for udev,
 * guest-linux/60-ttyferry.rules. */
extern const char unit_text[];
extern const char rules_text[];

#endif
