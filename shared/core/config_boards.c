#include "shared/core/config_boards.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

/* A key as the reason names it, escaped. */
#define KEY_SIZE 72

#define NAME_ALLOWED                                                                               \
    "a name has 1 to 63 letters, digits, '.', '_' and '-', and does not begin with '.'"
#define IDENTITIES_ALLOWED "a list of 1 to 8 VID:PID, such as [\"2341:8036\", \"2341:0036\"]"

static int refuse(char *reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, CONFIG_REASON_SIZE, format, arguments);
    va_end(arguments);
    return ERR_INVALID;
}

static bool is_repeated(const cJSON *object, const cJSON *member)
{
    return cJSON_GetObjectItemCaseSensitive(object, member->string) != member;
}

static bool read_identity(const cJSON *item, struct board_family *family)
{
    const char *text = cJSON_GetStringValue(item);
    struct board_identity identity;

    if (text == NULL || family->identity_count == BOARD_FAMILY_IDENTITIES_MAX ||
        board_identity_from_text(text, &identity) != 0 ||
        board_family_find_identity(family, identity.vid, identity.pid) < family->identity_count) {
        return false;
    }
    family->identities[family->identity_count++] = identity;
    return true;
}

static bool read_identities(const cJSON *value, struct board_family *family)
{
    const cJSON *item;

    if (!cJSON_IsArray(value)) {
        return false;
    }
    cJSON_ArrayForEach(item, value)
    {
        if (!read_identity(item, family)) {
            return false;
        }
    }
    return family->identity_count > 0;
}

static bool read_serial(const cJSON *value, struct board_family *family)
{
    const char *text = cJSON_GetStringValue(value);

    return text != NULL && text_is_plain(text) &&
           text_copy(family->serial, sizeof family->serial, text) == 0;
}

static bool read_port(const cJSON *value, struct board_family *family)
{
    const char *text = cJSON_GetStringValue(value);

    return text != NULL && board_busid_is_valid(text) &&
           text_copy(family->busid, sizeof family->busid, text) == 0;
}

static const struct key {
    const char *name;
    bool (*read)(const cJSON *value, struct board_family *family);
    const char *allowed;
} keys[] = {
    {"identities", read_identities, IDENTITIES_ALLOWED},
    {"serial", read_serial, "a serial number in quotes"},
    {"port", read_port, "a bus id in quotes as usbipd lists it, such as \"3-1\""},
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

static int read_key(const cJSON *object, const cJSON *member, struct board_family *family,
                    char *reason)
{
    const struct key *key = find_key(member->string);
    char name[KEY_SIZE];

    text_escape(name, sizeof name, member->string);
    if (key == NULL) {
        return refuse(reason, "unknown key \"boards.%s.%s\": a board has identities, serial, port",
                      family->name, name);
    }
    if (is_repeated(object, member)) {
        return refuse(reason, "\"boards.%s.%s\" stands there twice", family->name, name);
    }
    if (!key->read(member, family)) {
        return refuse(reason, "\"boards.%s.%s\" must be %s", family->name, name, key->allowed);
    }
    return 0;
}

static int read_family(const cJSON *object, struct board_family *family, char *reason)
{
    int err = 0;
    const cJSON *member;

    if (!cJSON_IsObject(object)) {
        return refuse(reason, "\"boards.%s\" must be an object in braces, with \"identities\"",
                      family->name);
    }
    for (member = object->child; member != NULL && err == 0; member = member->next) {
        err = read_key(object, member, family, reason);
    }
    if (err == 0 && family->identity_count == 0) {
        err =
            refuse(reason, "\"boards.%s\" lacks \"identities\": " IDENTITIES_ALLOWED, family->name);
    }
    return err;
}

static int read_board(const cJSON *section, const cJSON *member, struct board_families *families,
                      char *reason)
{
    struct board_family *family = &families->items[families->count];
    char name[KEY_SIZE];

    text_escape(name, sizeof name, member->string);
    if (!board_name_is_valid(member->string)) {
        return refuse(reason, "\"boards.%s\": " NAME_ALLOWED, name);
    }
    if (is_repeated(section, member)) {
        return refuse(reason, "\"boards.%s\" stands there twice", name);
    }
    if (families->count == BOARD_FAMILIES_MAX) {
        return refuse(reason, "\"boards\" has more than %d boards", BOARD_FAMILIES_MAX);
    }
    *family = (struct board_family){.identity_count = 0};
    text_copy(family->name, sizeof family->name, member->string);
    families->count++;
    return read_family(member, family, reason);
}

int config_boards_read(const cJSON *section, struct board_families *families,
                       char reason[CONFIG_REASON_SIZE])
{
    int err = 0;
    const cJSON *member;

    for (member = section->child; member != NULL && err == 0; member = member->next) {
        err = read_board(section, member, families, reason);
    }
    return err;
}
