#include "guest-linux/udev_rules.h"

#include <string.h>

#include "guest-linux/built_in_text.h"
#include "guest-linux/guest_places.h"
#include "guest-linux/process.h"
#include "shared/core/log.h"

#define UDEVADM_LIMIT_MS 10000

bool udev_rules_are_read(const struct udev_rules *rules)
{
    return guest_files_has(rules->files, GUEST_RULES_FOLDER);
}

void udev_rules_reload(const struct udev_rules *rules)
{
    const char *const argv[] = {rules->udevadm, "control", "--reload", NULL};
    int status = 0;

    if (guest_files_has(rules->files, GUEST_UDEV_RUNS)) {
        status = process_run_alone(argv, NULL, UDEVADM_LIMIT_MS);
    }
    if (status != 0) {
        log_debug("%s control --reload: %d", rules->udevadm, status);
    }
}

int udev_rules_put(struct udev_rules *rules)
{
    const struct guest_file_text content = {
        .text = rules_text, .len = strlen(rules_text), .mode = 0644};
    int err =
        udev_rules_are_read(rules) ? guest_files_write(rules->files, GUEST_RULES, &content) : 0;

    if (err == 0) {
        udev_rules_reload(rules);
    }
    return err;
}

int udev_rules_remove(struct udev_rules *rules)
{
    int err = guest_files_has(rules->files, GUEST_RULES)
                  ? guest_files_delete(rules->files, GUEST_RULES)
                  : 0;

    if (err == 0) {
        udev_rules_reload(rules);
    }
    return err;
}
