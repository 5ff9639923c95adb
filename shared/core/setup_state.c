#include "shared/core/setup_state.h"

#include <stdint.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"

#define VERSION 1

static const char *const names[SETUP_THING_COUNT] = {
    [SETUP_ETC_FOLDER] = "etc_folder",
    [SETUP_LIB_FOLDER] = "lib_folder",
    [SETUP_LOG_FOLDER] = "log_folder",
    [SETUP_BIN_FOLDER] = "bin_folder",
    [SETUP_WANTS_FOLDER] = "wants_folder",
    [SETUP_KEY] = "key",
    [SETUP_CONFIG] = "config",
    [SETUP_HOST] = "host",
    [SETUP_WSL_CONF] = "wsl_conf",
};

static int read_things(const struct cJSON *object, struct setup_state *state)
{
    struct setup_state read = {.was_there = {false}};

    for (size_t i = 0; i < SETUP_THING_COUNT; i++) {
        if (!json_text_is_absent(object, names[i]) &&
            json_text_get_bool(object, names[i], &read.was_there[i]) != 0) {
            return ERR_INVALID;
        }
    }
    *state = read;
    return 0;
}

int setup_state_parse(const char *text, size_t len, struct setup_state *state)
{
    const struct cJSON *things;
    struct cJSON *json;
    int64_t version;
    int err = ERR_INVALID;

    if (len > SETUP_STATE_TEXT_MAX) {
        return ERR_TOO_LONG;
    }
    json = json_text_parse_object(text, len);
    if (json == NULL) {
        return ERR_INVALID;
    }
    things = json_text_get_object(json, "was_there");
    if (json_text_get_integer(json, "version", 1, JSON_TEXT_INTEGER_MAX, &version) == 0) {
        err = version == VERSION ? 0 : ERR_VERSION;
    }
    if (err == 0) {
        err = things != NULL ? read_things(things, state) : ERR_INVALID;
    }
    json_text_free(json);
    return err;
}

int setup_state_print(const struct setup_state *state, char **text, size_t *len)
{
    struct cJSON *json = json_text_create_object();
    struct cJSON *things = NULL;
    int err = ERR_NOMEM;

    if (json != NULL && json_text_add_integer(json, "version", VERSION) == 0) {
        things = json_text_add_object(json, "was_there");
    }
    if (things != NULL) {
        err = 0;
    }
    for (size_t i = 0; err == 0 && i < SETUP_THING_COUNT; i++) {
        err = json_text_add_bool(things, names[i], state->was_there[i]);
    }
    if (err == 0) {
        err = json_text_print_line(json, text, len);
    }
    json_text_free(json);
    return err;
}
