/* Fuzzes the import reply's decoder. The first byte says how large the fragments are. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "shared/core/usbip_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct usbip_reply reply;
    size_t step;

    if (size == 0)
        return 0;
    step = data[0] + 1u;
    data++;
    size--;
    usbip_protocol_reply_init(&reply, "3-1");
    while (size > 0 && usbip_protocol_reply_wanted(&reply) > 0) {
        size_t part = size < step ? size : step;

        if (part > usbip_protocol_reply_wanted(&reply))
            part = usbip_protocol_reply_wanted(&reply);
        if (usbip_protocol_reply_feed(&reply, data, part))
            break;
        data += part;
        size -= part;
    }
    if (reply.state == USBIP_REPLY_ACCEPTED && reply.device.speed == BOARD_SPEED_UNKNOWN)
        abort();
    return 0;
}
