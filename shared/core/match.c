#include "shared/core/match.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

static const char bad_form[] =
    "a board is named by VID:PID (four hex digits each, or *), serial=, port=, com=, name=, "
    "or its bare name";

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads `*` as -1, or four hex digits. Returns what follows, or NULL. */
static const char *read_id(const char *text, int *id)
{
    if (*text == '*') {
        *id = -1;
        return text + 1;
    }
    int value = 0;
    for (int i = 0; i < 4; i++, text++) {
        int digit = hex_digit(*text);
        if (digit < 0) {
            return NULL;
        }
        value = 16 * value + digit;
    }
    *id = value;
    return text;
}

static int read_vid_pid(const char *text, struct match *match)
{
    const char *rest = read_id(text, &match->vid);
    if (rest == NULL || *rest != ':') {
        return ERR_INVALID;
    }
    rest = read_id(rest + 1, &match->pid);
    match->kind = MATCH_VID_PID;
    return rest != NULL && *rest == '\0' ? 0 : ERR_INVALID;
}

static bool is_any_text(const char *text)
{
    return *text != '\0' && !text_has_control(text);
}

static bool is_com_port(const char *text)
{
    char prefix[4];
    text_copy(prefix, sizeof prefix, text);
    if (!text_equal_nocase(prefix, "COM") || text[3] < '1' || text[3] > '9') {
        return false;
    }
    return strspn(text + 3, "0123456789") <= 3 && text[3 + strspn(text + 3, "0123456789")] == '\0';
}

static const struct keyed_form {
    const char *key;
    enum match_kind kind;
    bool (*check)(const char *text);
    const char *reason;
} keyed_forms[] = {
    {"serial=", MATCH_SERIAL, is_any_text, "serial= wants the serial number of a board"},
    {"port=", MATCH_BUSID, board_busid_is_valid,
     "port= wants a bus id as usbipd lists it, such as 3-1"},
    {"com=", MATCH_COM_PORT, is_com_port, "com= wants a COM port, such as COM5"},
    {"name=", MATCH_NAME, board_name_is_valid,
     "name= wants letters, digits, '.', '_' and '-', and no '.' first"},
};

static int read_keyed(const struct keyed_form *form, const char *value, struct match *match,
                      const char **reason)
{
    if (!form->check(value)) {
        *reason = form->reason;
        return ERR_INVALID;
    }
    match->kind = form->kind;
    if (text_copy(match->text, sizeof match->text, value) != 0) {
        *reason = "no board has so long a text";
        return ERR_INVALID;
    }
    return 0;
}

static int read_any(const char *text, struct match *match, const char **reason)
{
    for (size_t i = 0; i < sizeof keyed_forms / sizeof keyed_forms[0]; i++) {
        size_t len = strlen(keyed_forms[i].key);
        if (strncmp(text, keyed_forms[i].key, len) == 0) {
            return read_keyed(&keyed_forms[i], text + len, match, reason);
        }
    }
    if (strchr(text, ':') != NULL) {
        *reason = "VID:PID wants four hex digits or * on each side of the colon, such as 1a86:7523";
        return read_vid_pid(text, match);
    }
    if (!board_name_is_valid(text)) {
        *reason = bad_form;
        return ERR_INVALID;
    }
    const struct keyed_form bare = {"", MATCH_NAME, board_name_is_valid, bad_form};
    return read_keyed(&bare, text, match, reason);
}

int match_from_text(const char *text, struct match *match, const char **reason)
{
    struct match read = {.kind = MATCH_ANY, .vid = -1, .pid = -1};
    const char *why = bad_form;
    int result = read_any(text, &read, &why);
    if (result == 0) {
        *match = read;
    } else if (reason != NULL) {
        *reason = why;
    }
    return result;
}

bool match_check(const struct match *match, const struct board *board)
{
    switch (match->kind) {
    case MATCH_ANY:
        return true;
    case MATCH_VID_PID:
        return (match->vid < 0 || match->vid == board->vid) &&
               (match->pid < 0 || match->pid == board->pid);
    case MATCH_SERIAL:
        /* Windows keeps the serial number in the instance id, which has no case. */
        return text_equal_nocase(match->text, board->serial);
    case MATCH_BUSID:
        return strcmp(match->text, board->busid) == 0;
    case MATCH_COM_PORT:
        return text_equal_nocase(match->text, board->com_port);
    case MATCH_NAME:
        return strcmp(match->text, board->name) == 0;
    }
    return false;
}

bool match_can_lose(const struct match *match)
{
    return match->kind == MATCH_COM_PORT || match->kind == MATCH_NAME;
}
