/* Windows' names for devices, as a hostile serial number may have shaped them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/hardware_id.h"
#include "shared/core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hardware_id hardware_id;
    char id[BOARD_ID_SIZE];
    char busid[BOARD_BUSID_SIZE];
    /* Two NULs at the end: one ends the text, the other the list. */
    char *text = calloc(1, size + 2);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    if (hardware_id_from_instance_id(text, &hardware_id) == 0) {
        struct hardware_id again;

        /* What we made of it reads the same again. */
        if (hardware_id_from_instance_id(hardware_id.id, &again) != 0 ||
            strcmp(again.id, hardware_id.id) != 0 || again.vid != hardware_id.vid ||
            again.pid != hardware_id.pid || again.interface != hardware_id.interface ||
            !text_equal_nocase(again.serial, hardware_id.serial))
            abort();
    }
    hardware_id_from_interface_path(text, id);
    if (hardware_id_busid_from_location(text, busid) == 0 && !board_busid_is_valid(busid))
        abort();
    hardware_id_list_is_hub(text);
    hardware_id_list_to_kind(text);
    free(text);
    return 0;
}
