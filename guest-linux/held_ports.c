#include "guest-linux/held_ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-linux/os_error.h"
#include "guest-linux/run_file.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/port_notes.h"

#define NEW_SUFFIX ".new"

struct held_ports {
    const char *sysfs_root;
    char path[RUN_FILE_PATH_SIZE];
    char new_path[RUN_FILE_PATH_SIZE + sizeof NEW_SUFFIX];
    struct port_notes former; /* of the runs before, not taken over yet */
    struct port_notes own;
    bool has_failed; /* to write, and said so */
};

static int last_error(void)
{
    return os_error_from_errno(errno);
}

/* --- The file --------------------------------------------------------------------------------- */

/* Nobody else can have written it. */
static bool is_ours(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int read_text(int fd, char *text, size_t size, size_t *len)
{
    size_t got = 0;
    ssize_t part = 1;

    while (part > 0 && got < size) {
        part = read(fd, text + got, size - got);
        got += part > 0 ? (size_t)part : 0;
        part = part < 0 && errno == EINTR ? 1 : part;
    }
    *len = got;
    return part < 0 ? last_error() : 0;
}

static int read_notes(int fd, struct port_notes *notes)
{
    char *text = malloc(PORT_NOTES_TEXT_MAX + 1);
    size_t len;
    int err = text != NULL ? 0 : ERR_NOMEM;

    if (err == 0) {
        err = is_ours(fd) ? read_text(fd, text, PORT_NOTES_TEXT_MAX + 1, &len) : ERR_DENIED;
    }
    if (err == 0) {
        err = port_notes_from_text(text, len, notes);
    }
    free(text);
    return err;
}

/* O_NONBLOCK: a named pipe in the file's place must not hold us up. */
static void read_former(struct held_ports *held)
{
    int fd = open(held->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int err = fd < 0 ? last_error() : read_notes(fd, &held->former);

    if (fd >= 0) {
        close(fd);
    }
    if (err != 0 && err != ERR_NOT_FOUND) {
        log_warning("%s is no note of ours (%s): what a former run has attached is left alone "
                    "unless it is wanted",
                    held->path, error_text(err));
    }
}

static int write_text(int fd, const char *text, size_t len)
{
    size_t written = 0;

    while (written < len) {
        ssize_t part = write(fd, text + written, len - written);

        if (part < 0 && errno != EINTR) {
            return last_error();
        }
        written += part > 0 ? (size_t)part : 0;
    }
    return 0;
}

/* A new file takes the place of the old one in one step: whoever reads it finds the one or the
 * other. */
static int replace_file(const struct held_ports *held, const char *text, size_t len)
{
    int fd;
    int err;

    (void)unlink(held->new_path); /* What was left when an agent was killed just here. */
    fd = open(held->new_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return last_error();
    }
    err = write_text(fd, text, len);
    if (close(fd) != 0 && err == 0) {
        err = last_error();
    }
    if (err == 0 && rename(held->new_path, held->path) != 0) {
        err = last_error();
    }
    if (err != 0) {
        (void)unlink(held->new_path);
    }
    return err;
}

static int write_notes(const struct held_ports *held)
{
    struct port_notes all = held->own;
    char *text;
    size_t len;
    int err = 0;

    for (size_t i = 0; i < held->former.count && err == 0; i++) {
        err = port_notes_put(&all, &held->former.items[i]);
    }
    if (all.count == 0) {
        return unlink(held->path) == 0 || errno == ENOENT ? 0 : last_error();
    }
    err = port_notes_to_text(&all, &text, &len);
    if (err == 0) {
        err = replace_file(held, text, len);
        free(text);
    }
    return err;
}

static void keep(struct held_ports *held)
{
    int err = write_notes(held);

    if (err != 0 && !held->has_failed) {
        log_warning("%s can't be written (%s): if the agent is killed, the next one will not know "
                    "which boards it may let go of",
                    held->path, error_text(err));
    }
    held->has_failed = err != 0;
}

/* --- The ports -------------------------------------------------------------------------------- */

/* The folders of sysfs have inodes that the kernel counts up: no other device's has that one. */
static int find_node(const struct held_ports *held, const struct vhci_place *place, uint64_t *node)
{
    char path[SYSFS_PATH_SIZE];
    struct stat status;
    int err = sysfs_join(held->sysfs_root, place->devpath, NULL, path);

    if (err != 0) {
        return err;
    }
    if (stat(path, &status) != 0) {
        return last_error();
    }
    *node = status.st_ino;
    return 0;
}

static bool is_noted(const struct port_notes *notes, const struct port_note *wanted)
{
    const struct port_note *note = port_notes_find(notes, wanted->port);

    return note != NULL && note->devid == wanted->devid && note->node == wanted->node;
}

static int make_note(const struct held_ports *held, const struct vhci_place *place,
                     struct port_note *note)
{
    *note = (struct port_note){.port = place->port, .devid = place->devid};
    return find_node(held, place, &note->node);
}

int held_ports_open(const char *sysfs_root, const char *stream_path, struct held_ports **held)
{
    struct held_ports *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->sysfs_root = sysfs_root;
    err = run_file_path(stream_path, RUN_FILE_PORTS, opened->path);
    if (err != 0) {
        free(opened);
        return err;
    }
    snprintf(opened->new_path, sizeof opened->new_path, "%s" NEW_SUFFIX, opened->path);
    read_former(opened);
    *held = opened;
    return 0;
}

void held_ports_close(struct held_ports *held)
{
    free(held);
}

void held_ports_note(struct held_ports *held, const struct vhci_place *place)
{
    struct port_note note;

    if (make_note(held, place, &note) != 0 || is_noted(&held->own, &note)) {
        return;
    }
    port_notes_remove(&held->former, note.port);
    if (port_notes_put(&held->own, &note) == 0) {
        keep(held);
    }
}

void held_ports_forget(struct held_ports *held, const struct vhci_place *place)
{
    bool was_former = port_notes_remove(&held->former, place->port);

    if (port_notes_remove(&held->own, place->port) || was_former) {
        keep(held);
    }
}

bool held_ports_has(const struct held_ports *held, const struct vhci_place *place)
{
    struct port_note note;

    return make_note(held, place, &note) == 0 &&
           (is_noted(&held->own, &note) || is_noted(&held->former, &note));
}

/* True if it is still the device that was noted, and the kernel was told. What this run has taken
 * over can't be adopted, nor what is gone. */
static bool let_go(const struct held_ports *held, struct vhci *vhci, const struct port_note *note)
{
    struct vhci_place place;
    int err = ERR_NOT_FOUND;

    if (vhci_adopt(vhci, note->devid, &place) != 0) {
        return false;
    }
    if (place.port == note->port && held_ports_has(held, &place)) {
        err = vhci_detach(vhci, &place);
    }
    vhci_release(vhci, &place);
    if (err != 0 && err != ERR_NOT_FOUND) {
        log_error("vhci: port %u can't be detached: %s", note->port, error_text(err));
    }
    return err == 0;
}

size_t held_ports_let_go(struct held_ports *held, struct vhci *vhci)
{
    size_t count = 0;

    if (held->former.count == 0) {
        return 0;
    }
    for (size_t i = 0; i < held->former.count; i++) {
        count += let_go(held, vhci, &held->former.items[i]) ? 1 : 0;
    }
    held->former.count = 0;
    keep(held);
    return count;
}
