/* Fuzzes the reader of uevent datagrams; every text it answers with must end within them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/uevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct uevent event;

    if (uevent_from_datagram((const char *)data, size, &event))
        return 0;
    if (event.devpath + strlen(event.devpath) >= (const char *)data + size)
        abort();
    if (event.modalias[0] && event.modalias + strlen(event.modalias) >= (const char *)data + size)
        abort();
    return 0;
}
