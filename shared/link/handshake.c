#include "shared/link/handshake.h"

#include <stdio.h>

#include "shared/core/error.h"
#include "shared/core/text.h"

int handshake_hello_line(const struct handshake_config *config, char **line, size_t *len)
{
    struct wire_hello hello = {
        .protocol = WIRE_PROTOCOL_VERSION,
        .role = config->role,
        .agent = "ttyferry " TTYFERRY_VERSION,
        .auth = WIRE_AUTH_NONE,
    };

    text_copy(hello.run, sizeof hello.run, config->run);
    return wire_hello_to_line(&hello, line, len);
}

static int refuse(struct wire_bye *bye, int error, const char *code, const char *message)
{
    text_copy(bye->code, sizeof bye->code, code);
    text_copy(bye->message, sizeof bye->message, message);
    return error;
}

static int refuse_version(struct wire_bye *bye, int protocol)
{
    char message[WIRE_TEXT_SIZE];

    snprintf(message, sizeof message,
             "this agent speaks protocol %d, the peer %d: update the older side",
             WIRE_PROTOCOL_VERSION, protocol);
    return refuse(bye, ERR_VERSION, "version", message);
}

static int check_hello(const struct handshake_config *config, const struct wire_hello *hello,
                       struct wire_bye *bye)
{
    if (hello->role == config->role) {
        return refuse(bye, ERR_INVALID, "role",
                      config->role == WIRE_ROLE_HOST ? "both ends of this link are host agents"
                                                     : "both ends of this link are guest agents");
    }
    if (hello->auth != WIRE_AUTH_NONE) {
        return refuse(bye, ERR_AUTH, "auth",
                      "the peer offers a method of authentication that this agent doesn't know: "
                      "update the older side");
    }
    if (!config->allow_unauthenticated) {
        return refuse(bye, ERR_AUTH, "auth",
                      "this agent takes no unauthenticated peer: where every local program may be "
                      "trusted, set \"link\": {\"auth\": \"none\"} in both configurations");
    }
    return 0;
}

int handshake_check(const struct handshake_config *config, const char *line, size_t len,
                    struct wire_hello *peer, struct wire_bye *bye)
{
    struct wire_hello hello = {0};
    int result = wire_hello_from_line(line, len, &hello, bye);

    if (result == ERR_CLOSED) {
        return ERR_CLOSED;
    }
    if (result == ERR_VERSION) {
        return refuse_version(bye, hello.protocol);
    }
    if (result != 0) {
        return refuse(bye, ERR_INVALID, "invalid", "the first line is not a hello of ttyferry");
    }
    result = check_hello(config, &hello, bye);
    if (result == 0) {
        *peer = hello;
    }
    return result;
}
