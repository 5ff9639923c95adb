#include "shared/core/board.h"

#include <string.h>

#include "shared/core/error.h"

struct name {
    const char *text;
    int value;
};

static const struct name speed_names[] = {
    {"unknown", BOARD_SPEED_UNKNOWN}, {"low", BOARD_SPEED_LOW},     {"full", BOARD_SPEED_FULL},
    {"high", BOARD_SPEED_HIGH},       {"super", BOARD_SPEED_SUPER}, {NULL, 0},
};

static const struct name kind_names[] = {
    {"serial", BOARD_KIND_SERIAL},
    {"dfu", BOARD_KIND_DFU},
    {"debug", BOARD_KIND_DEBUG},
    {"other", BOARD_KIND_OTHER},
    {NULL, 0},
};

static const struct name state_names[] = {
    {"available", BOARD_STATE_AVAILABLE}, {"needs_sharing", BOARD_STATE_NEEDS_SHARING},
    {"waiting", BOARD_STATE_WAITING},     {"attaching", BOARD_STATE_ATTACHING},
    {"ready", BOARD_STATE_READY},         {"failed", BOARD_STATE_FAILED},
    {"detached", BOARD_STATE_DETACHED},   {"yielded", BOARD_STATE_YIELDED},
    {"gone", BOARD_STATE_GONE},           {NULL, 0},
};

static const char *to_name(const struct name *names, int value)
{
    for (; names->text != NULL; names++) {
        if (names->value == value) {
            return names->text;
        }
    }
    return "unknown";
}

static int from_name(const struct name *names, const char *text, int *value)
{
    for (; names->text != NULL; names++) {
        if (strcmp(names->text, text) == 0) {
            *value = names->value;
            return 0;
        }
    }
    return ERR_INVALID;
}

const char *board_speed_to_name(enum board_speed speed)
{
    return to_name(speed_names, (int)speed);
}

const char *board_kind_to_name(enum board_kind kind)
{
    return to_name(kind_names, (int)kind);
}

const char *board_state_to_name(enum board_state state)
{
    return to_name(state_names, (int)state);
}

int board_speed_from_name(const char *name, enum board_speed *speed)
{
    int value;
    int result = from_name(speed_names, name, &value);
    if (result == 0) {
        *speed = (enum board_speed)value;
    }
    return result;
}

int board_kind_from_name(const char *name, enum board_kind *kind)
{
    int value;
    int result = from_name(kind_names, name, &value);
    if (result == 0) {
        *kind = (enum board_kind)value;
    }
    return result;
}

int board_state_from_name(const char *name, enum board_state *state)
{
    int value;
    int result = from_name(state_names, name, &value);
    if (result == 0) {
        *state = (enum board_state)value;
    }
    return result;
}

bool board_name_is_valid(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    size_t len = strspn(name, allowed);

    return len > 0 && len < BOARD_NAME_SIZE && name[len] == '\0' && name[0] != '.';
}

/* Steps over one number of 1 to 99 without a leading zero. Returns NULL if there is none. */
static const char *skip_number(const char *text)
{
    if (*text < '1' || *text > '9') {
        return NULL;
    }
    text++;
    return *text >= '0' && *text <= '9' ? text + 1 : text;
}

bool board_busid_is_valid(const char *busid)
{
    const char *rest = skip_number(busid);
    if (rest == NULL || *rest != '-') {
        return false;
    }
    rest = skip_number(rest + 1);
    return rest != NULL && *rest == '\0';
}
