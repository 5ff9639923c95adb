#include "usb_chip.h"

#include <string.h>

const struct usb_chip *usb_chip_find(const char *name)
{
    static const struct usb_chip *const chips[] = {
        &chip_caterina,  &chip_cdc_acm, &chip_cdc_super, &chip_ch341,
        &chip_cmsis_dap, &chip_cp2102,  &chip_dfu,       &chip_dual_cdc,
        &chip_esp32s3,   &chip_ft232r,  &chip_pl2303,    &chip_stm32_vcp,
    };

    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        if (strcmp(chips[i]->name, name) == 0) {
            return chips[i];
        }
    }
    return NULL;
}
