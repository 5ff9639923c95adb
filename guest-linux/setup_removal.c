#include "guest-linux/setup_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/agent_control.h"
#include "guest-linux/dev_links.h"
#include "guest-linux/guest_files.h"
#include "guest-linux/guest_places.h"
#include "guest-linux/guest_service.h"
#include "guest-linux/held_ports.h"
#include "guest-linux/setup_notes.h"
#include "guest-linux/shared_door.h"
#include "guest-linux/udev_rules.h"
#include "guest-linux/vhci.h"
#include "shared/core/error.h"
#include "shared/link/local_shared_unix.h"

struct removal {
    const struct setup_machine *machine;
    struct guest_files files;
    struct guest_service service;
    struct setup_notes notes;
    char stays[SETUP_TEXT_SIZE / 2]; /* what a purge has left: the places, with commas */
};

static bool is_any(const struct stat *status, const char *name)
{
    (void)status;
    (void)name;
    return true;
}

static bool is_link(const struct stat *status, const char *name)
{
    (void)name;
    return S_ISLNK(status->st_mode);
}

/* A name as "agent.log.1" is one too. */
static bool is_log(const struct stat *status, const char *name)
{
    return S_ISREG(status->st_mode) && strncmp(name, GUEST_LOG_NAME, strlen(GUEST_LOG_NAME)) == 0;
}

/* Unlinks what is in a folder of ours and passes the test. A folder that is a link is nobody's
 * business. */
static void empty_folder(const struct removal *removal, const char *path,
                         bool (*test)(const struct stat *status, const char *name))
{
    char joined[GUEST_FILES_PATH_SIZE];
    const struct dirent *entry;
    DIR *folder;
    int fd;

    if (guest_files_join(&removal->files, path, joined) != 0) {
        return;
    }
    fd = open(joined, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        struct stat status;

        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            !S_ISDIR(status.st_mode) && test(&status, entry->d_name)) {
            (void)unlinkat(fd, entry->d_name, 0);
        }
    }
    closedir(folder);
}

/* --- Steps ------------------------------------------------------------------------------------ */

/* What an agent has attached that was killed before, or had to be now. */
static int let_go_of_boards(const struct removal *removal)
{
    char sysfs_root[GUEST_FILES_PATH_SIZE];
    struct held_ports *held;
    struct vhci *vhci;
    int err = guest_files_join(&removal->files, "/sys", sysfs_root);

    if (err == 0) {
        err = vhci_create(sysfs_root, &vhci);
    }
    if (err != 0) {
        return err;
    }
    err = held_ports_open(sysfs_root, removal->machine->stream_path, &held);
    if (err == 0) {
        (void)held_ports_let_go(held, vhci);
        held_ports_close(held);
    }
    vhci_destroy(vhci);
    return err;
}

/* Of the same boards. */
static int drop_dev_links(const struct removal *removal)
{
    char dev_root[GUEST_FILES_PATH_SIZE];
    char notes[GUEST_FILES_PATH_SIZE];
    struct dev_links *links;
    int err = guest_files_join(&removal->files, "/dev", dev_root);

    if (err == 0) {
        err = guest_files_join(&removal->files, GUEST_RUN_FOLDER "/links", notes);
    }
    if (err == 0) {
        err = dev_links_open(dev_root, notes, &links);
    }
    if (err == 0) {
        dev_links_drop_former(links);
        dev_links_close(links);
    }
    return err;
}

static int remove_agent(struct removal *removal)
{
    int err = guest_service_stop(&removal->service, AGENT_CONTROL_RELEASE, NULL);
    int left_err = err == 0 || err == ERR_TIMEOUT ? let_go_of_boards(removal) : 0;

    return err != 0 ? err : left_err;
}

static int remove_autostart(struct removal *removal)
{
    return guest_service_disable(&removal->service, removal->notes.state.was_there[SETUP_WSL_CONF]);
}

static int remove_rules(struct removal *removal)
{
    struct udev_rules rules = {.files = &removal->files, .udevadm = removal->machine->udevadm};

    return udev_rules_remove(&rules);
}

static int remove_links(struct removal *removal)
{
    char shared_root[GUEST_FILES_PATH_SIZE];
    int dev_err = drop_dev_links(removal);
    int err;
    int run_err;

    if (guest_files_join(&removal->files, LOCAL_SHARED_ROOT, shared_root) == 0) {
        shared_door_clean(shared_root);
    }
    empty_folder(removal, GUEST_LINKS_FOLDER, is_link);
    empty_folder(removal, GUEST_RUN_FOLDER, is_any);
    err = guest_files_remove_folder(&removal->files, GUEST_LINKS_FOLDER);
    run_err = guest_files_remove_folder(&removal->files, GUEST_RUN_FOLDER);
    err = err != 0 ? err : run_err;
    return err != 0 ? err : dev_err;
}

static int remove_program(struct removal *removal)
{
    int err = guest_files_delete(&removal->files, GUEST_NEW_PROGRAM);
    int program_err = guest_files_delete(&removal->files, GUEST_PROGRAM);

    return err != 0 ? err : program_err;
}

static int purge_file(struct removal *removal, enum setup_thing thing, const char *path)
{
    size_t len = strlen(removal->stays);

    if (!removal->notes.state.was_there[thing]) {
        return guest_files_delete(&removal->files, path);
    }
    if (guest_files_has(&removal->files, path)) {
        snprintf(removal->stays + len, sizeof removal->stays - len, "%s%s", len > 0 ? ", " : "",
                 path);
    }
    return 0;
}

static int purge(struct removal *removal)
{
    const int errors[] = {
        purge_file(removal, SETUP_KEY, GUEST_KEY),
        purge_file(removal, SETUP_CONFIG, GUEST_CONFIG),
        purge_file(removal, SETUP_HOST, GUEST_HOST),
        guest_files_delete(&removal->files, GUEST_STATE),
    };

    empty_folder(removal, GUEST_LOG_FOLDER, is_log);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] != 0) {
            return errors[i];
        }
    }
    return 0;
}

static const struct {
    int (*run)(struct removal *removal);
    const char *text;
    bool purges;
} steps[] = {
    {remove_agent, "agent has let go of its boards and ended", false},
    {remove_autostart, "autostart is gone", false},
    {remove_rules, "rules for udev are gone", false},
    {remove_links, "links and sockets are gone", false},
    {remove_program, "program " GUEST_PROGRAM " is gone", false},
    {purge, "key, configuration, logs and notes are gone", true},
};

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

static int run_step(struct removal *removal, size_t index)
{
    const struct setup_machine *machine = removal->machine;
    char text[SETUP_TEXT_SIZE];
    int err = steps[index].run(removal);

    if (err != 0) {
        snprintf(text, sizeof text, "not: %s: %s", steps[index].text, error_text(err));
    } else {
        snprintf(text, sizeof text, "%s%s%s", steps[index].text,
                 removal->stays[0] != '\0' ? ", but for what was there before the first setup: "
                                           : "",
                 removal->stays);
    }
    machine->report(machine->context, err == 0, text);
    return err;
}

int setup_removal_run(const struct setup_machine *machine, bool purges)
{
    struct removal removal = {.machine = machine};
    int first = 0;

    guest_files_init(&removal.files, machine->root);
    removal.service = (struct guest_service){
        .files = &removal.files,
        .systemctl = machine->systemctl,
        .journalctl = machine->journalctl,
        .stream_path = machine->stream_path,
        .serve_limit_ms = machine->serve_limit_ms,
    };
    /* Without notes all that is ours by name goes, and everything else stays. */
    if (setup_notes_read(&removal.notes, &removal.files) != 0 || !removal.notes.is_kept) {
        removal.notes.state = (struct setup_state){
            .was_there = {
                [SETUP_BIN_FOLDER] = true, [SETUP_WANTS_FOLDER] = true, [SETUP_WSL_CONF] = true}};
    }
    for (size_t i = 0; i < STEP_COUNT; i++) {
        int err = purges || !steps[i].purges ? run_step(&removal, i) : 0;

        first = first != 0 ? first : err;
    }
    guest_files_commit(&removal.files);
    setup_notes_drop_folders(&removal.notes, &removal.files);
    return first;
}
