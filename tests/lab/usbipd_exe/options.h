/*
 * usbipd.exe's command line, taken apart.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <wchar.h>

enum option {
    OPTION_ALL,
    OPTION_BUSID,
    OPTION_EFFECT,
    OPTION_FORCE,
    OPTION_GUID,
    OPTION_HARDWARE_ID,
    OPTION_OPERATION,
    OPTION_USBIDS,
    OPTION_COUNT
};

/* An option's value, which belongs to the caller's argv; "" for one that is a mere switch, NULL for
 * one that is not there. */
struct options {
    const wchar_t *values[OPTION_COUNT];
};

/* A set of options. */
#define OPTION_BIT(option) (1u << (option))

/* Reads the words behind a command.  `allowed` may be there, and of `selectors` exactly one must.
 * Returns NULL, or a static sentence that says what is wrong. */
const char *options_parse(struct options *options, int count, wchar_t *const *words,
                          unsigned allowed, unsigned selectors);

#endif
