#include "shared/core/wire_hello.h"

#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"
#include "shared/core/wire_line.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_run(const char *text)
{
    return text_is_hex(text, WIRE_RUN_SIZE - 1);
}

static bool is_digest(const char *text)
{
    return text_is_hex(text, WIRE_MAC_SIZE - 1);
}

static const struct json_text_field hello_fields[] = {
    JSON_TEXT_FIELD(struct wire_hello, agent, "agent", false, text_is_plain),
    JSON_TEXT_FIELD(struct wire_hello, run, "run", false, is_run),
};

static const struct json_text_field nonce_fields[] = {
    JSON_TEXT_FIELD(struct wire_hello, nonce, "nonce", false, is_digest),
};

/* Written only where there is one, for most hellos are those of links. */
static const struct json_text_field import_fields[] = {
    JSON_TEXT_FIELD(struct wire_hello, import, "import", true, is_run),
};

static const struct json_text_field proof_fields[] = {
    JSON_TEXT_FIELD(struct wire_proof, mac, "mac", false, is_digest),
};

static const struct json_text_field bye_fields[] = {
    JSON_TEXT_FIELD(struct wire_bye, code, "code", false, text_is_code),
    JSON_TEXT_FIELD(struct wire_bye, message, "message", false, NULL),
};

/* Indexed by enum wire_role. */
static const char *const role_names[] = {"host", "guest"};

/* Indexed by enum wire_auth. */
static const char *const method_names[] = {"hmac-sha256", "none", "other"};

/* An object, so that a method may add what it needs. */
static int add_auth(struct cJSON *object, const struct wire_hello *hello)
{
    struct cJSON *auth = json_text_add_object(object, "auth");
    int result =
        auth != NULL ? json_text_add_string(auth, "method", method_names[hello->auth]) : ERR_NOMEM;

    if (result == 0 && hello->auth == WIRE_AUTH_KEY) {
        result = json_text_add_fields(auth, nonce_fields, COUNT(nonce_fields), hello);
    }
    return result;
}

static int add_hello(struct cJSON *object, const void *message)
{
    const struct wire_hello *hello = message;

    if (json_text_add_integer(object, "protocol", hello->protocol) != 0 ||
        json_text_add_string(object, "role", role_names[hello->role == WIRE_ROLE_GUEST]) != 0 ||
        json_text_add_fields(object, hello_fields, COUNT(hello_fields), hello) != 0) {
        return ERR_NOMEM;
    }
    if (hello->import[0] != '\0' &&
        json_text_add_fields(object, import_fields, COUNT(import_fields), hello) != 0) {
        return ERR_NOMEM;
    }
    return add_auth(object, hello);
}

static int add_proof(struct cJSON *object, const void *proof)
{
    return json_text_add_fields(object, proof_fields, COUNT(proof_fields), proof);
}

static int add_bye(struct cJSON *object, const void *bye)
{
    return json_text_add_fields(object, bye_fields, COUNT(bye_fields), bye);
}

int wire_hello_to_line(const struct wire_hello *hello, char **line, size_t *len)
{
    return wire_line_write("hello", add_hello, hello, line, len);
}

int wire_proof_to_line(const struct wire_proof *proof, char **line, size_t *len)
{
    return wire_line_write("proof", add_proof, proof, line, len);
}

int wire_bye_to_line(const struct wire_bye *bye, char **line, size_t *len)
{
    return wire_line_write("bye", add_bye, bye, line, len);
}

static int get_role(const struct cJSON *object, enum wire_role *role)
{
    char name[8];
    int result = json_text_get_string(object, "role", false, name, sizeof name);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < COUNT(role_names); i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *role = (enum wire_role)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

static enum wire_auth auth_from_name(const char *method)
{
    size_t i = 0;

    while (i < WIRE_AUTH_OTHER && strcmp(method, method_names[i]) != 0) {
        i++;
    }
    return (enum wire_auth)i;
}

static int get_auth(const struct cJSON *object, struct wire_hello *hello)
{
    const struct cJSON *slot = json_text_get_object(object, "auth");
    char method[WIRE_CODE_SIZE];
    if (slot == NULL || json_text_get_string(slot, "method", false, method, sizeof method) != 0) {
        return ERR_INVALID;
    }
    hello->auth = auth_from_name(method);
    if (hello->auth == WIRE_AUTH_KEY) {
        return json_text_get_fields(slot, nonce_fields, COUNT(nonce_fields), hello);
    }
    return 0;
}

static int get_hello(const struct cJSON *object, struct wire_hello *hello)
{
    struct wire_hello read = {0};
    int64_t protocol;
    if (json_text_get_integer(object, "protocol", 0, INT32_MAX, &protocol) != 0) {
        return ERR_INVALID;
    }
    read.protocol = (int)protocol;
    if (protocol != WIRE_PROTOCOL_VERSION) {
        /* Nothing else of another version's hello means anything to this one. */
        *hello = read;
        return ERR_VERSION;
    }
    if (get_role(object, &read.role) != 0 || get_auth(object, &read) != 0 ||
        json_text_get_fields(object, hello_fields, COUNT(hello_fields), &read) != 0 ||
        json_text_get_fields(object, import_fields, COUNT(import_fields), &read) != 0) {
        return ERR_INVALID;
    }
    *hello = read;
    return 0;
}

static int get_bye(const struct cJSON *object, struct wire_bye *bye)
{
    struct wire_bye read = {0};
    if (json_text_get_fields(object, bye_fields, COUNT(bye_fields), &read) != 0) {
        return ERR_INVALID;
    }
    *bye = read;
    return ERR_CLOSED;
}

int wire_hello_from_line(const char *line, size_t len, struct wire_hello *hello,
                         struct wire_bye *bye)
{
    struct cJSON *object = json_text_parse_object(line, len);
    char type[8];
    int result = ERR_INVALID;
    if (object != NULL && json_text_get_string(object, "type", false, type, sizeof type) == 0) {
        if (strcmp(type, "hello") == 0) {
            result = get_hello(object, hello);
        } else if (strcmp(type, "bye") == 0) {
            result = get_bye(object, bye);
        }
    }
    json_text_free(object);
    return result;
}

int wire_proof_from_line(const char *line, size_t len, struct wire_proof *proof,
                         struct wire_bye *bye)
{
    struct cJSON *object = json_text_parse_object(line, len);
    struct wire_proof read = {0};
    char type[8];
    int result = ERR_INVALID;
    if (object != NULL && json_text_get_string(object, "type", false, type, sizeof type) == 0) {
        if (strcmp(type, "bye") == 0) {
            result = get_bye(object, bye);
        } else if (strcmp(type, "proof") == 0) {
            result = json_text_get_fields(object, proof_fields, COUNT(proof_fields), &read);
        }
    }
    if (result == 0) {
        *proof = read;
    }
    json_text_free(object);
    return result;
}
