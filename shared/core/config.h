/* The configuration of both agents: JSON with comments, every part of it optional.
 * docs/configuration.md lists the keys. Pure: the text comes from the caller. */
#ifndef TTYFERRY_CORE_CONFIG_H
#define TTYFERRY_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/core/board_family.h"

#define CONFIG_ADDRESS_SIZE 64
#define CONFIG_REASON_SIZE 256
#define CONFIG_TEXT_MAX (1024u * 1024)
#define CONFIG_LINK_PORT 24240
#define CONFIG_USBIPD_PORT 3240

enum config_auth { CONFIG_AUTH_KEY, CONFIG_AUTH_NONE };

struct config {
    /* "link": where the guest listens and the host connects. */
    char link_address[CONFIG_ADDRESS_SIZE]; /* default "127.0.0.1" */
    uint16_t link_port;                     /* default CONFIG_LINK_PORT */
    enum config_auth link_auth;             /* "auth": "key" (default) or "none" */
    /* "usbipd": where the guest reaches usbipd-win. */
    char usbipd_address[CONFIG_ADDRESS_SIZE]; /* empty (default): found out */
    uint16_t usbipd_port;                     /* default CONFIG_USBIPD_PORT */
    /* "boards": the names that the host gives. */
    struct board_families families; /* default: none */
};

/* The defaults. */
void config_init(struct config *config);

/* Reads `len` bytes of JSON with // and block comments over the defaults. A text without
 * anything but white space and comments is fine. Returns 0, ERR_INVALID, ERR_TOO_LONG (more than
 * CONFIG_TEXT_MAX) or ERR_NOMEM; `reason` (CONFIG_REASON_SIZE bytes) then says which key is wrong
 * and what is allowed: an unknown key is an error, so that a typing slip never goes unnoticed.
 * `*config` stays untouched on failure. */
int config_from_text(const char *text, size_t len, struct config *config,
                     char reason[CONFIG_REASON_SIZE]);

#endif
