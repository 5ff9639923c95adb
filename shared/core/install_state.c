#include "shared/core/install_state.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
    /* It becomes an argument of wsl.exe. */
    return result == 0 && state->distribution[0] == '-' ? ERR_INVALID : result;
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
