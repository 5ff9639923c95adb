/* Fuzzes the names of links that are made of a device's strings: whatever a device says, the name
 * is that of one file. Input: interface, port, and five texts, each ended by a NUL or the end. */
#include <string.h>

#include "shared/core/serial_names.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_COUNT 5
#define TEXT_SIZE 512

static void check(int err, const char *name, const char *start)
{
    size_t len;

    if (err != 0) {
        return;
    }
    len = strnlen(name, SERIAL_NAMES_SIZE);
    FUZZ_CHECK(len > 0 && len < SERIAL_NAMES_SIZE);
    FUZZ_CHECK(strncmp(name, start, strlen(start)) == 0);
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK((unsigned char)name[i] > ' ' && name[i] != '/' && name[i] != 0x7F);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char texts[TEXT_COUNT][TEXT_SIZE] = {""};
    struct serial_names_device device = {texts[0], texts[1], texts[2], 0x1a86, 0x7523};
    char name[SERIAL_NAMES_SIZE];
    size_t at = 2;

    if (size < 2) {
        return 0;
    }
    for (size_t i = 0; i < TEXT_COUNT && at < size; i++) {
        size_t len = strnlen((const char *)data + at, size - at);
        size_t copied = len < TEXT_SIZE ? len : TEXT_SIZE - 1;

        memcpy(texts[i], data + at, copied);
        at += len + 1;
    }
    check(serial_names_by_id(&device, data[0], (int8_t)data[1], name), name, "usb-");
    check(serial_names_by_path(texts[3], texts[4], (int8_t)data[1], name), name, "platform-");
    return 0;
}
