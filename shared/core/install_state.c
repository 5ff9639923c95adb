#include "shared/core/install_state.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LEFT_KEY "left_in"
#define LEFT_NAME_KEY "distribution"

static const struct json_text_field texts[] = {
    JSON_TEXT_FIELD(struct install_state, version, "version", true, NULL),
    JSON_TEXT_FIELD(struct install_state, distribution, "distribution", true, NULL),
};

static const struct flag {
    const char *key;
    size_t offset;
} flags[] = {
    {"made_path_entry", offsetof(struct install_state, made_path_entry)},
    {"made_path_value", offsetof(struct install_state, made_path_value)},
    {"made_key", offsetof(struct install_state, made_key)},
    {"made_config", offsetof(struct install_state, made_config)},
};

static const struct number {
    const char *key;
    size_t offset;
} numbers[] = {
    {"program_folders", offsetof(struct install_state, program_folders)},
    {"data_folders", offsetof(struct install_state, data_folders)},
};

/* A distribution's name becomes an argument of wsl.exe. */
static bool is_name(const char *name)
{
    return name[0] != '-';
}

static int read_left_name(const struct cJSON *item, char name[CONFIG_NAME_SIZE])
{
    int result = json_text_get_string(item, LEFT_NAME_KEY, false, name, CONFIG_NAME_SIZE);

    return result == 0 && name[0] != '\0' && is_name(name) ? 0 : ERR_INVALID;
}

static int read_left(const struct cJSON *json, struct install_state *state)
{
    const struct cJSON *array = json_text_get_array(json, LEFT_KEY);
    const struct cJSON *item = NULL;

    if (array == NULL) { /* Earlier versions did not know it. */
        return json_text_is_absent(json, LEFT_KEY) ? 0 : ERR_INVALID;
    }
    while ((item = json_text_next_item(array, item)) != NULL) {
        int result = state->left_count < INSTALL_STATE_LEFT_MAX
                         ? read_left_name(item, state->left_in[state->left_count])
                         : ERR_INVALID;

        if (result != 0) {
            return result;
        }
        state->left_count++;
    }
    return 0;
}

static int add_left(struct cJSON *json, const struct install_state *state)
{
    struct cJSON *array = json_text_add_array(json, LEFT_KEY);
    int result = array != NULL ? 0 : ERR_NOMEM;

    for (size_t i = 0; i < state->left_count && result == 0; i++) {
        struct cJSON *item = json_text_append_object(array);

        result =
            item != NULL ? json_text_add_string(item, LEFT_NAME_KEY, state->left_in[i]) : ERR_NOMEM;
    }
    return result;
}

static int read_state(const struct cJSON *json, struct install_state *state)
{
    int result = json_text_get_fields(json, texts, COUNT(texts), state);

    for (size_t i = 0; i < COUNT(flags) && result == 0; i++) {
        result = json_text_get_bool(json, flags[i].key, (bool *)((char *)state + flags[i].offset));
    }
    for (size_t i = 0; i < COUNT(numbers) && result == 0; i++) {
        int64_t number = 0;

        result = json_text_get_integer(json, numbers[i].key, 0, INSTALL_STATE_FOLDERS_MAX, &number);
        *(unsigned *)(void *)((char *)state + numbers[i].offset) = (unsigned)number;
    }
    if (result == 0) {
        result = read_left(json, state);
    }
    return result == 0 && !is_name(state->distribution) ? ERR_INVALID : result;
}

bool install_state_is_installed(const struct install_state *state)
{
    return state->distribution[0] != '\0';
}

static size_t find_left(const struct install_state *state, const char *distribution)
{
    size_t i = 0;

    while (i < state->left_count && !text_equal_nocase(state->left_in[i], distribution)) {
        i++;
    }
    return i;
}

bool install_state_has_left(const struct install_state *state, const char *distribution)
{
    return find_left(state, distribution) < state->left_count;
}

int install_state_leave(struct install_state *state)
{
    if (!install_state_has_left(state, state->distribution)) {
        if (state->left_count == INSTALL_STATE_LEFT_MAX) {
            return ERR_FULL;
        }
        text_copy(state->left_in[state->left_count++], CONFIG_NAME_SIZE, state->distribution);
    }
    state->distribution[0] = '\0';
    return 0;
}

void install_state_enter(struct install_state *state, const char *distribution)
{
    size_t left = find_left(state, distribution);

    if (left < state->left_count) {
        state->left_count--;
        text_copy(state->left_in[left], CONFIG_NAME_SIZE, state->left_in[state->left_count]);
    }
    text_copy(state->distribution, sizeof state->distribution, distribution);
}

int install_state_from_text(const char *text, size_t len, struct install_state *state)
{
    struct install_state read = {.version = ""};
    struct cJSON *json;
    int result;

    if (len > INSTALL_STATE_TEXT_MAX) {
        return ERR_TOO_LONG;
    }
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }
    json = json_text_parse_object(text, len);
    result = json != NULL ? read_state(json, &read) : ERR_INVALID;
    json_text_free(json);
    if (result == 0) {
        *state = read;
    }
    return result;
}

/* Prints what was built, if it was, and frees it. */
static int print(struct cJSON *json, int result, char **text, size_t *len)
{
    if (result == 0) {
        result = json_text_print_line(json, text, len);
    }
    json_text_free(json);
    return result;
}

int install_state_to_text(const struct install_state *state, char **text, size_t *len)
{
    struct cJSON *json = json_text_create_object();
    int result = json != NULL ? json_text_add_fields(json, texts, COUNT(texts), state) : ERR_NOMEM;

    for (size_t i = 0; i < COUNT(flags) && result == 0; i++) {
        result = json_text_add_bool(json, flags[i].key,
                                    *(const bool *)((const char *)state + flags[i].offset));
    }
    for (size_t i = 0; i < COUNT(numbers) && result == 0; i++) {
        result = json_text_add_integer(
            json, numbers[i].key,
            *(const unsigned *)(const void *)((const char *)state + numbers[i].offset));
    }
    if (result == 0) {
        result = add_left(json, state);
    }
    return print(json, result, text, len);
}

static int add_link(struct cJSON *json, const struct config *config)
{
    struct cJSON *link;
    int result = 0;

    if (config->link_port == CONFIG_LINK_PORT && config->link_auth == CONFIG_AUTH_KEY) {
        return 0;
    }
    link = json_text_add_object(json, "link");
    if (link == NULL) {
        return ERR_NOMEM;
    }
    if (config->link_port != CONFIG_LINK_PORT) {
        result = json_text_add_integer(link, "port", config->link_port);
    }
    if (result == 0 && config->link_auth == CONFIG_AUTH_NONE) {
        result = json_text_add_string(link, "auth", "none");
    }
    return result;
}

static int add_usbipd(struct cJSON *json, const struct config *config)
{
    struct cJSON *usbipd;

    if (config->usbipd_port == CONFIG_USBIPD_PORT) {
        return 0;
    }
    usbipd = json_text_add_object(json, "usbipd");
    return usbipd != NULL ? json_text_add_integer(usbipd, "port", config->usbipd_port) : ERR_NOMEM;
}

/* What both ends have to know alike: the link's port and way of proof, and usbipd-win's port. */
static int add_guest_config(struct cJSON *json, const struct config *config)
{
    struct cJSON *object;
    int result;

    if (config->link_port == CONFIG_LINK_PORT && config->link_auth == CONFIG_AUTH_KEY &&
        config->usbipd_port == CONFIG_USBIPD_PORT) {
        return 0;
    }
    object = json_text_add_object(json, "config");
    result = object != NULL ? add_link(object, config) : ERR_NOMEM;
    return result == 0 ? add_usbipd(object, config) : result;
}

int install_state_make_setup(const char *key, const char *host_program, const struct config *config,
                             char **text, size_t *len)
{
    struct cJSON *json = json_text_create_object();
    int result = json != NULL ? json_text_add_string(json, "key", key) : ERR_NOMEM;

    if (result == 0 && host_program != NULL) {
        result = json_text_add_string(json, "host_program", host_program);
    }
    if (result == 0 && config != NULL) {
        result = add_guest_config(json, config);
    }
    return print(json, result, text, len);
}

static int add_section(struct cJSON *json, const char *section, const char *key, const char *value)
{
    struct cJSON *object;

    if (value == NULL) {
        return 0;
    }
    object = json_text_add_object(json, section);
    return object != NULL ? json_text_add_string(object, key, value) : ERR_NOMEM;
}

int install_state_make_config(const char *distribution, const char *transport, char **text,
                              size_t *len)
{
    struct cJSON *json = json_text_create_object();
    int result = json != NULL ? add_section(json, "link", "transport", transport) : ERR_NOMEM;

    if (result == 0) {
        result = add_section(json, "wsl", "distribution", distribution);
    }
    return print(json, result, text, len);
}
