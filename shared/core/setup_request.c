#include "shared/core/setup_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "shared/core/text.h"

static int refuse(char reason[CONFIG_REASON_SIZE], const char *text)
{
    (void)text_copy(reason, CONFIG_REASON_SIZE, text);
    return ERR_INVALID;
}

static int read_key(const struct cJSON *json, struct setup_request *request, char *reason)
{
    if (json_text_is_absent(json, "key")) {
        return 0;
    }
    if (json_text_get_string(json, "key", false, request->key, sizeof request->key) != 0 ||
        !text_is_hex(request->key, SETUP_REQUEST_KEY_LEN)) {
        return refuse(reason, "\"key\" must be 64 digits of 0-9 and a-f");
    }
    return 0;
}

static int read_host_program(const struct cJSON *json, struct setup_request *request, char *reason)
{
    char *path = request->host_program;

    if (json_text_is_absent(json, "host_program")) {
        return 0;
    }
    if (json_text_get_string(json, "host_program", false, path, WINDOWS_PATH_SIZE) != 0 ||
        !windows_path_is_valid(path)) {
        return refuse(reason, "\"host_program\" must be an absolute path on a drive of Windows");
    }
    return 0;
}

/* Only a configuration that the agent will take gets into a file. */
static int read_config(const struct cJSON *json, struct setup_request *request, char *reason)
{
    const struct cJSON *object = json_text_get_object(json, "config");
    struct config *config;
    int err;

    if (json_text_is_absent(json, "config")) {
        return 0;
    }
    if (object == NULL) {
        return refuse(reason, "\"config\" must be an object");
    }
    config = malloc(sizeof *config);
    err = config != NULL ? json_text_print_line(object, &request->config, &request->config_len)
                         : ERR_NOMEM;
    if (err == 0) {
        config_init(config);
        err = config_from_text(request->config, request->config_len, config, reason);
    }
    free(config);
    return err;
}

static int read_object(const char *text, size_t len, struct setup_request *request, char *reason)
{
    struct cJSON *json = json_text_parse_object(text, len);
    int err;

    if (json == NULL) {
        return refuse(reason, "standard input must be one JSON object");
    }
    err = read_key(json, request, reason);
    if (err == 0) {
        err = read_host_program(json, request, reason);
    }
    if (err == 0) {
        err = read_config(json, request, reason);
    }
    json_text_free(json);
    return err;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(" \t\r\n", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

int setup_request_parse(const char *text, size_t len, struct setup_request *request,
                        char reason[CONFIG_REASON_SIZE])
{
    struct setup_request read = {.config = NULL};
    int err;

    reason[0] = '\0';
    if (len > SETUP_REQUEST_TEXT_MAX) {
        snprintf(reason, CONFIG_REASON_SIZE, "standard input has more than %u bytes",
                 SETUP_REQUEST_TEXT_MAX);
        return ERR_TOO_LONG;
    }
    err = is_blank(text, len) ? 0 : read_object(text, len, &read, reason);
    if (err != 0) {
        setup_request_finish(&read);
        if (reason[0] == '\0') {
            (void)text_copy(reason, CONFIG_REASON_SIZE, error_text(err));
        }
        return err;
    }
    *request = read;
    return 0;
}

void setup_request_finish(struct setup_request *request)
{
    free(request->config);
    request->config = NULL;
}
