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

/* What a Windows distribution or a Linux group is called. */
#define CONFIG_NAME_SIZE 128
#define CONFIG_GROUP "dialout"
#define CONFIG_MODE 0660

/* In each the first is the default. */
enum config_auth { CONFIG_AUTH_KEY, CONFIG_AUTH_NONE };
enum config_transport { CONFIG_TRANSPORT_AUTO, CONFIG_TRANSPORT_TCP, CONFIG_TRANSPORT_BRIDGE };
enum config_import { CONFIG_IMPORT_AUTO, CONFIG_IMPORT_DIRECT, CONFIG_IMPORT_THROUGH_HOST };
enum config_start_wsl { CONFIG_START_NEVER, CONFIG_START_ON_ARRIVAL, CONFIG_START_ALWAYS };
enum config_keep_alive { CONFIG_KEEP_ATTACHED, CONFIG_KEEP_OFF, CONFIG_KEEP_ALWAYS };

struct config {
    /* "link": where the guest listens and the host connects. */
    char link_address[CONFIG_ADDRESS_SIZE]; /* default "127.0.0.1" */
    uint16_t link_port;                     /* default CONFIG_LINK_PORT */
    enum config_auth link_auth;             /* "auth" */
    enum config_transport link_transport;   /* "transport": which the host tries */
    /* "usbipd": where the guest reaches usbipd-win. */
    char usbipd_address[CONFIG_ADDRESS_SIZE]; /* empty (default): found out */
    uint16_t usbipd_port;                     /* default CONFIG_USBIPD_PORT */
    enum config_import usbipd_import;         /* "import": which way the guest imports */
    /* "wsl": the host's part in WSL's life. */
    char wsl_distribution[CONFIG_NAME_SIZE]; /* empty (default): chosen, see docs */
    enum config_start_wsl wsl_start;         /* "start_wsl" */
    enum config_keep_alive wsl_keep_alive;   /* "keep_alive" */
    /* "access": who may open ttys and hear the guest's stream. */
    char access_group[CONFIG_NAME_SIZE]; /* default CONFIG_GROUP */
    uint16_t access_mode;                /* "mode", of the nodes: default CONFIG_MODE */
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
