/* Fuzzes the configuration's reader. A refusal has a reason in one line, and changes nothing. */
#include <string.h>

#include "shared/core/config.h"
#include "shared/core/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct config before;
    char reason[CONFIG_REASON_SIZE] = "";
    memset(&config, 0, sizeof config);
    config_init(&config);
    memcpy(&before, &config, sizeof before);
    if (config_from_text((const char *)data, size, &config, reason) == 0) {
        FUZZ_CHECK(config.link_port > 0 && config.usbipd_port > 0);
        FUZZ_CHECK(!text_has_control(config.link_address));
        FUZZ_CHECK(!text_has_control(config.usbipd_address));
    } else {
        FUZZ_CHECK(reason[0] != '\0' && !text_has_control(reason));
        FUZZ_CHECK(memcmp(&before, &config, sizeof before) == 0);
    }
    return 0;
}
