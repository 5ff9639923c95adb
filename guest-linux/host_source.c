#include "guest-linux/host_source.h"

#include <stdio.h>

#include "shared/core/text.h"
#include "shared/link/link_address.h"

bool host_source_is_local(struct session *session)
{
    const uv_stream_t *stream = session_stream(session);

    return stream != NULL && stream->type != UV_TCP;
}

const char *host_source_transport(struct session *session)
{
    return host_source_is_local(session) ? "bridge" : "tcp";
}

const char *host_source_address(struct session *session, const char *path,
                                char address[EVENT_PEER_SIZE], uint16_t *port)
{
    if (host_source_is_local(session)) {
        *port = 0;
        text_copy(address, EVENT_PEER_SIZE, path);
    } else {
        link_address_of_peer((const uv_tcp_t *)session_stream(session), address, port);
    }
    return address;
}

void host_source_to_text(struct session *session, const char *path, char text[EVENT_PEER_SIZE])
{
    char address[EVENT_PEER_SIZE];
    uint16_t port;

    host_source_address(session, path, address, &port);
    if (host_source_is_local(session)) {
        text_copy(text, EVENT_PEER_SIZE, address);
    } else {
        snprintf(text, EVENT_PEER_SIZE, "%.*s:%u", LINK_ADDRESS_TEXT_SIZE, address, (unsigned)port);
    }
}
