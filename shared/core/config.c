#include "shared/core/config.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/config_boards.h"
#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A key as the reason names it, escaped. */
#define KEY_SIZE 64

void config_init(struct config *config)
{
    *config = (struct config){
        .link_address = "127.0.0.1",
        .link_port = CONFIG_LINK_PORT,
        .link_auth = CONFIG_AUTH_KEY,
        .usbipd_port = CONFIG_USBIPD_PORT,
        .access_group = CONFIG_GROUP,
        .access_mode = CONFIG_MODE,
    };
}

/* --- Values ----------------------------------------------------------------------------------- */

static bool is_ipv4(const char *text)
{
    for (int part = 0; part < 4; part++) {
        size_t len = strspn(text, "0123456789");
        bool has_leading_zero = len > 1 && text[0] == '0';
        if (len < 1 || len > 3 || has_leading_zero || strtol(text, NULL, 10) > 255) {
            return false;
        }
        text += len;
        if (*text != (part < 3 ? '.' : '\0')) {
            return false;
        }
        text += part < 3 ? 1 : 0;
    }
    return true;
}

/* Tells a numeric IPv6 address (it has two colons at least) from a host name, and from an address
 * with a port; the socket call has the last word. */
static bool is_ipv6(const char *text)
{
    size_t len = strspn(text, "0123456789abcdefABCDEF:.");
    const char *colon = strchr(text, ':');
    return colon != NULL && strchr(colon + 1, ':') != NULL &&
           (text[len] == '\0' || text[len] == '%') && !text_has_control(text);
}

static bool read_address(const cJSON *value, char target[CONFIG_ADDRESS_SIZE])
{
    const char *text = cJSON_GetStringValue(value);
    if (text == NULL || strlen(text) >= CONFIG_ADDRESS_SIZE || !(is_ipv4(text) || is_ipv6(text))) {
        return false;
    }
    text_copy(target, CONFIG_ADDRESS_SIZE, text);
    return true;
}

static bool read_port(const cJSON *value, uint16_t *target)
{
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 1 && value->valuedouble <= UINT16_MAX)) {
        return false;
    }
    uint16_t port = (uint16_t)value->valuedouble;
    if (port != value->valuedouble) {
        return false;
    }
    *target = port;
    return true;
}

static bool read_link_address(const cJSON *value, struct config *config)
{
    return read_address(value, config->link_address);
}

static bool read_link_port(const cJSON *value, struct config *config)
{
    return read_port(value, &config->link_port);
}

/* The place of the text in `names`, which NULL ends; -1 if it has none. */
static int read_choice(const cJSON *value, const char *const names[])
{
    const char *text = cJSON_GetStringValue(value);
    for (int i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* Each in the order of its enum. */
static const char *const auth_names[] = {"key", "none", NULL};
static const char *const transport_names[] = {"auto", "tcp", "bridge", NULL};
static const char *const import_names[] = {"auto", "direct", "through_host", NULL};
static const char *const start_names[] = {"never", "on_arrival", "always", NULL};
static const char *const keep_alive_names[] = {"attached", "off", "always", NULL};

static bool read_link_auth(const cJSON *value, struct config *config)
{
    int choice = read_choice(value, auth_names);
    config->link_auth = (enum config_auth)choice;
    return choice >= 0;
}

static bool read_link_transport(const cJSON *value, struct config *config)
{
    int choice = read_choice(value, transport_names);
    config->link_transport = (enum config_transport)choice;
    return choice >= 0;
}

static bool read_usbipd_import(const cJSON *value, struct config *config)
{
    int choice = read_choice(value, import_names);
    config->usbipd_import = (enum config_import)choice;
    return choice >= 0;
}

static bool read_wsl_start(const cJSON *value, struct config *config)
{
    int choice = read_choice(value, start_names);
    config->wsl_start = (enum config_start_wsl)choice;
    return choice >= 0;
}

static bool read_wsl_keep_alive(const cJSON *value, struct config *config)
{
    int choice = read_choice(value, keep_alive_names);
    config->wsl_keep_alive = (enum config_keep_alive)choice;
    return choice >= 0;
}

/* It becomes an argument of a program: never empty, never an option. */
static bool read_name(const cJSON *value, char target[CONFIG_NAME_SIZE])
{
    const char *text = cJSON_GetStringValue(value);
    if (text == NULL || text[0] == '\0' || text[0] == '-' || strlen(text) >= CONFIG_NAME_SIZE ||
        text_has_control(text)) {
        return false;
    }
    text_copy(target, CONFIG_NAME_SIZE, text);
    return true;
}

static bool read_wsl_distribution(const cJSON *value, struct config *config)
{
    return read_name(value, config->wsl_distribution);
}

static bool read_access_group(const cJSON *value, struct config *config)
{
    return read_name(value, config->access_group);
}

/* "06" and two digits of 0, 2, 4 and 6: a node is nothing that could be run. */
static bool read_access_mode(const cJSON *value, struct config *config)
{
    const char *text = cJSON_GetStringValue(value);
    if (text == NULL || strlen(text) != 4 || strncmp(text, "06", 2) != 0 ||
        strspn(text, "0246") != 4) {
        return false;
    }
    config->access_mode = (uint16_t)strtoul(text, NULL, 8);
    return true;
}

static bool read_usbipd_address(const cJSON *value, struct config *config)
{
    return read_address(value, config->usbipd_address);
}

static bool read_usbipd_port(const cJSON *value, struct config *config)
{
    return read_port(value, &config->usbipd_port);
}

/* --- Keys ------------------------------------------------------------------------------------- */

struct key {
    const char *name;
    bool (*read)(const cJSON *value, struct config *config);
    const char *allowed;
};

#define ADDRESS_ALLOWED "a numeric IPv4 or IPv6 address in quotes"
#define PORT_ALLOWED "a whole number from 1 to 65535"
#define NAME_ALLOWED "a name of 1 to 127 bytes in quotes, which does not begin with -"

static const struct key link_keys[] = {
    {"address", read_link_address, ADDRESS_ALLOWED},
    {"port", read_link_port, PORT_ALLOWED},
    {"auth", read_link_auth, "\"key\" or \"none\""},
    {"transport", read_link_transport, "\"auto\", \"tcp\" or \"bridge\""},
};

static const struct key usbipd_keys[] = {
    {"address", read_usbipd_address, ADDRESS_ALLOWED},
    {"port", read_usbipd_port, PORT_ALLOWED},
    {"import", read_usbipd_import, "\"auto\", \"direct\" or \"through_host\""},
};

static const struct key wsl_keys[] = {
    {"distribution", read_wsl_distribution, NAME_ALLOWED},
    {"start_wsl", read_wsl_start, "\"never\", \"on_arrival\" or \"always\""},
    {"keep_alive", read_wsl_keep_alive, "\"attached\", \"off\" or \"always\""},
};

static const struct key access_keys[] = {
    {"group", read_access_group, NAME_ALLOWED},
    {"mode", read_access_mode, "\"0660\", or four such digits: root reads and writes, none runs"},
};

static const struct section {
    const char *name;
    const struct key *keys; /* NULL: they are the user's own */
    size_t count;
    const char *known;
} sections[] = {
    {"link", link_keys, COUNT(link_keys), "address, port, auth, transport"},
    {"usbipd", usbipd_keys, COUNT(usbipd_keys), "address, port, import"},
    {"wsl", wsl_keys, COUNT(wsl_keys), "distribution, start_wsl, keep_alive"},
    {"access", access_keys, COUNT(access_keys), "group, mode"},
    {"boards", NULL, 0, NULL},
};

/* True if a member before `member` has its name. Callers stop at the first unknown or repeated
 * name, so that few members ever stand before it. */
static bool is_repeated(const cJSON *object, const cJSON *member)
{
    return cJSON_GetObjectItemCaseSensitive(object, member->string) != member;
}

static int read_key(const cJSON *object, const cJSON *member, const struct section *section,
                    struct config *config, char *reason)
{
    char name[KEY_SIZE];
    text_escape(name, sizeof name, member->string);
    const struct key *key = section->keys;
    const struct key *end = key + section->count;
    while (key < end && strcmp(key->name, member->string) != 0) {
        key++;
    }
    if (key == end) {
        snprintf(reason, CONFIG_REASON_SIZE, "unknown key \"%s.%s\": \"%s\" has %s", section->name,
                 name, section->name, section->known);
        return ERR_INVALID;
    }
    if (is_repeated(object, member)) {
        snprintf(reason, CONFIG_REASON_SIZE, "\"%s.%s\" stands there twice", section->name, name);
        return ERR_INVALID;
    }
    if (!key->read(member, config)) {
        snprintf(reason, CONFIG_REASON_SIZE, "\"%s.%s\" must be %s", section->name, name,
                 key->allowed);
        return ERR_INVALID;
    }
    return 0;
}

static int read_section(const cJSON *root, const cJSON *member, struct config *config, char *reason)
{
    char name[KEY_SIZE];
    text_escape(name, sizeof name, member->string);
    const struct section *section = sections;
    while (section < sections + COUNT(sections) && strcmp(section->name, member->string) != 0) {
        section++;
    }
    if (section == sections + COUNT(sections)) {
        snprintf(reason, CONFIG_REASON_SIZE,
                 "unknown key \"%s\": known are link, usbipd, wsl, access, boards", name);
        return ERR_INVALID;
    }
    if (is_repeated(root, member) || !cJSON_IsObject(member)) {
        snprintf(reason, CONFIG_REASON_SIZE, "\"%s\" %s", name,
                 cJSON_IsObject(member) ? "stands there twice" : "must be an object in braces");
        return ERR_INVALID;
    }
    if (section->keys == NULL) {
        return config_boards_read(member, &config->families, reason);
    }
    int result = 0;
    const cJSON *item = member->child;
    for (; item != NULL && result == 0; item = item->next) {
        result = read_key(member, item, section, config, reason);
    }
    return result;
}

/* --- Text ------------------------------------------------------------------------------------- */

/* The bytes that the comment at the start of `text` takes: 0 if none starts there, more than `len`
 * if it has no end. */
static size_t comment_len(const char *text, size_t len)
{
    if (len < 2 || text[0] != '/') {
        return 0;
    }
    if (text[1] == '/') {
        const char *end = memchr(text, '\n', len);
        return end != NULL ? (size_t)(end - text) : len;
    }
    if (text[1] != '*') {
        return 0;
    }
    for (size_t i = 2; i + 1 < len; i++) {
        if (text[i] == '*' && text[i + 1] == '/') {
            return i + 2;
        }
    }
    return len + 1;
}

/* The bytes that the string at the start of `text` takes: 0 if none starts there, `len` if it has
 * no end. */
static size_t string_len(const char *text, size_t len)
{
    if (text[0] != '"') {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (text[i] == '"') {
            return i + 1;
        }
        i += text[i] == '\\' ? 1 : 0;
    }
    return len;
}

/* Turns comments into spaces, so that places keep their line. cJSON_Minify isn't used: it takes
 * the end of "C:\\" for an escaped quote (1.7.15 does), and forgets the lines. Returns 0, or
 * ERR_INVALID with `*error_at` for a comment without an end. */
static int blank_comments(char *text, size_t len, size_t *error_at)
{
    for (size_t at = 0; at < len;) {
        size_t comment = comment_len(text + at, len - at);
        if (comment > len - at) {
            *error_at = at;
            return ERR_INVALID;
        }
        for (size_t end = at + comment; at < end; at++) {
            text[at] = text[at] == '\n' ? '\n' : ' ';
        }
        if (comment == 0) {
            size_t string = string_len(text + at, len - at);
            at += string > 0 ? string : 1;
        }
    }
    return 0;
}

static bool is_blank(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n')) {
        at++;
    }
    return at == len;
}

static unsigned count_line(const char *text, size_t at)
{
    unsigned line = 1;
    for (size_t i = 0; i < at; i++) {
        line += text[i] == '\n' ? 1 : 0;
    }
    return line;
}

static int read_root(const cJSON *root, struct config *config, char *reason)
{
    struct config read = *config;
    int result = 0;
    const cJSON *member = root->child;
    for (; member != NULL && result == 0; member = member->next) {
        result = read_section(root, member, &read, reason);
    }
    if (result == 0) {
        *config = read;
    }
    return result;
}

/* `text` is a copy to work in. */
static int read_text(char *text, size_t len, struct config *config, char *reason)
{
    size_t error_at = 0;
    if (blank_comments(text, len, &error_at) != 0) {
        snprintf(reason, CONFIG_REASON_SIZE, "line %u: a comment without its end",
                 count_line(text, error_at));
        return ERR_INVALID;
    }
    if (is_blank(text, len)) {
        return 0;
    }
    cJSON *root = json_text_parse_object_at(text, len, &error_at);
    if (root == NULL) {
        snprintf(reason, CONFIG_REASON_SIZE, "line %u: not a JSON object (comments are allowed)",
                 count_line(text, error_at));
        return ERR_INVALID;
    }
    int result = read_root(root, config, reason);
    json_text_free(root);
    return result;
}

int config_from_text(const char *text, size_t len, struct config *config,
                     char reason[CONFIG_REASON_SIZE])
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    if (len > CONFIG_TEXT_MAX) {
        snprintf(reason, CONFIG_REASON_SIZE, "longer than %u bytes", CONFIG_TEXT_MAX);
        return ERR_TOO_LONG;
    }
    /* Windows' own editor writes one. */
    if (len >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        len -= 3;
    }
    char *copy = malloc(len + 1);
    if (copy == NULL) {
        snprintf(reason, CONFIG_REASON_SIZE, "%s", error_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    int result = read_text(copy, len, config, reason);
    free(copy);
    return result;
}
