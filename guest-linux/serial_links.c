#include "guest-linux/serial_links.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/link_folder.h"
#include "guest-linux/whole_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define DEV "/dev/"
/* From a folder below /dev/serial to a node in /dev. */
#define UP "../../"
#define TARGET_SIZE (BOARD_PATH_SIZE + 8)
#define NOTES_SIZE (256u * 1024)

enum { BY_ID, BY_PATH, FOLDER_COUNT };

static const char *const folders[FOLDER_COUNT] = {"serial/by-id", "serial/by-path"};

struct entry {
    struct entry *next;
    const void *owner;
    int folder; /* BY_ID, BY_PATH */
    char name[SERIAL_NAMES_SIZE];
    char target[TARGET_SIZE];
    char former[LINK_FOLDER_TARGET_SIZE]; /* what somebody else's link said, or empty */
};

struct serial_links {
    const char *dev_root;
    const char *notes_path;
    struct entry *first; /* the newest */
};

/* Owns what a former run has made, and this one has not yet taken over. */
static const char former_run[] = "a former run";

static void warn(const struct entry *entry, const char *what, int err)
{
    char escaped[4 * SERIAL_NAMES_SIZE];

    log_warning(DEV "%s/%s can't be %s: %s", folders[entry->folder],
                text_escape(escaped, sizeof escaped, entry->name), what,
                link_folder_error_text(err));
}

/* --- Notes ------------------------------------------------------------------------------------ */

/* One link a line: folder, name, target. None of them has white space: names have been made by
 * serial_names. */
static void save(const struct serial_links *links)
{
    char *text;
    size_t len = 0;
    int err;

    if (links->first == NULL) {
        (void)whole_file_remove(links->notes_path);
        return;
    }
    text = malloc(NOTES_SIZE);
    err = text != NULL ? 0 : ERR_NOMEM;
    for (const struct entry *entry = links->first; entry != NULL && err == 0; entry = entry->next) {
        int part = snprintf(text + len, NOTES_SIZE - len, "%s %s %s\n", folders[entry->folder],
                            entry->name, entry->target);

        len += part > 0 ? (size_t)part : 0;
        err = len < NOTES_SIZE ? 0 : ERR_TOO_LONG;
    }
    if (err == 0) {
        err = whole_file_write(links->notes_path, text, len);
    }
    if (err != 0) {
        log_debug("%s can't be written: %s", links->notes_path, error_text(err));
    }
    free(text);
}

static bool is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

/* A line that no run of the agent has written says nothing. */
static bool read_line(const char *line, struct entry *entry)
{
    char folder[16];
    char name[SERIAL_NAMES_SIZE];
    char target[TARGET_SIZE];
    int end = 0;

    if (sscanf(line, "%15s %255s %135s%n", folder, name, target, &end) != 3 || line[end] != '\0' ||
        strncmp(target, UP, strlen(UP)) != 0 || !is_name(name) || !is_name(target + strlen(UP))) {
        return false;
    }
    for (int i = 0; i < FOLDER_COUNT; i++) {
        if (strcmp(folder, folders[i]) == 0) {
            *entry = (struct entry){.owner = former_run, .folder = i};
            memcpy(entry->name, name, sizeof name);
            memcpy(entry->target, target, sizeof target);
            return true;
        }
    }
    return false;
}

/* The notes have the newest first. */
static int load(struct serial_links *links)
{
    struct entry **end = &links->first;
    char *text = malloc(NOTES_SIZE);
    char *rest = NULL;
    int err = text != NULL ? 0 : ERR_NOMEM;

    if (err == 0 && whole_file_read(links->notes_path, text, NOTES_SIZE) != 0) {
        text[0] = '\0';
    }
    for (char *line = err == 0 ? strtok_r(text, "\n", &rest) : NULL; line != NULL && err == 0;
         line = strtok_r(NULL, "\n", &rest)) {
        struct entry read;

        if (!read_line(line, &read)) {
            continue;
        }
        *end = malloc(sizeof **end);
        if (*end == NULL) {
            err = ERR_NOMEM;
        } else {
            **end = read;
            end = &(*end)->next;
        }
    }
    free(text);
    return err;
}

/* --- One link --------------------------------------------------------------------------------- */

static bool is_same(const struct entry *a, const struct entry *b)
{
    return a->folder == b->folder && strcmp(a->name, b->name) == 0;
}

/* What is to be under the name once `entry`, which is off the list, has gone: the link of the
 * newest board that has it too, or somebody else's; NULL for nothing. */
static const char *find_heir(const struct serial_links *links, int folder,
                             const struct entry *entry)
{
    for (const struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && link_folder_leads(folder, other->target)) {
            return other->target;
        }
    }
    return entry->former[0] != '\0' && link_folder_leads(folder, entry->former) ? entry->former
                                                                                : NULL;
}

/* Another board that has the name is the one to give back what was there before both. */
static void bequeath(struct serial_links *links, const struct entry *entry)
{
    for (struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && other->former[0] == '\0') {
            memcpy(other->former, entry->former, sizeof other->former);
            return;
        }
    }
}

/* Somebody else's link is none of ours, and stays. */
static void take_away(const struct serial_links *links, const struct entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];
    int folder = link_folder_open(links->dev_root, folders[entry->folder], false);
    int err = 0;

    if (folder < 0) {
        return;
    }
    if (link_folder_read(folder, entry->name, target) == 0 && strcmp(target, entry->target) == 0) {
        const char *heir = find_heir(links, folder, entry);

        err = heir != NULL ? link_folder_put(folder, entry->name, heir)
                           : link_folder_remove(folder, entry->name);
    }
    close(folder);
    if (err != 0) {
        warn(entry, "removed", err);
    }
}

/* True if another board has the name with that target: it is on the list, and is the heir while it
 * is there. */
static bool is_ours(const struct serial_links *links, const struct entry *entry, const char *target)
{
    for (const struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && strcmp(other->target, target) == 0) {
            return true;
        }
    }
    return false;
}

/* Notes what somebody else has under the name already. Returns 0 if our link is to be made,
 * ERR_EXISTS if it needs not be. */
static int look(const struct serial_links *links, int folder, struct entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];

    if (link_folder_read(folder, entry->name, target) != 0) {
        return 0;
    }
    if (strcmp(target, entry->target) == 0) {
        return ERR_EXISTS;
    }
    if (!is_ours(links, entry, target) && link_folder_leads(folder, target)) {
        memcpy(entry->former, target, sizeof target);
    }
    return 0;
}

static int make(const struct serial_links *links, struct entry *entry)
{
    int folder = link_folder_open(links->dev_root, folders[entry->folder], true);
    int err;

    if (folder < 0) {
        return folder;
    }
    err = look(links, folder, entry);
    err = err == 0 ? link_folder_put(folder, entry->name, entry->target) : 0;
    close(folder);
    return err;
}

/* --- All of them ------------------------------------------------------------------------------ */

static bool leads(const struct serial_links *links, const struct entry *entry)
{
    int folder = link_folder_open(links->dev_root, folders[entry->folder], false);
    bool found = folder >= 0 && link_folder_leads(folder, entry->target);

    if (folder >= 0) {
        close(folder);
    }
    return found;
}

/* Removes those of `owner`, or with `dangling` what of them leads nowhere. Returns true if there
 * were any. */
static bool remove_those_of(struct serial_links *links, const void *owner, bool dangling)
{
    struct entry **place = &links->first;
    bool removed = false;

    while (*place != NULL) {
        struct entry *entry = *place;

        if (entry->owner != owner || (dangling && leads(links, entry))) {
            place = &entry->next;
            continue;
        }
        *place = entry->next;
        take_away(links, entry);
        bequeath(links, entry);
        free(entry);
        removed = true;
    }
    return removed;
}

/* What a former run has made under that name for that tty is this run's now. */
static void forget_former(struct serial_links *links, const struct entry *entry)
{
    struct entry **place = &links->first;

    while (*place != NULL) {
        struct entry *other = *place;

        if (other->owner == former_run && is_same(other, entry) &&
            strcmp(other->target, entry->target) == 0) {
            *place = other->next;
            free(other);
        } else {
            place = &other->next;
        }
    }
}

/* Makes one link, and says its path at `path`. */
static void put_link(struct serial_links *links, const void *owner, int folder, const char *name,
                     const struct board_tty *tty, char path[BOARD_LINK_SIZE])
{
    struct entry *entry = calloc(1, sizeof *entry);
    int err;

    if (entry == NULL) {
        log_error(DEV "%s: %s", folders[folder], error_text(ERR_NOMEM));
        return;
    }
    entry->owner = owner;
    entry->folder = folder;
    text_copy(entry->name, sizeof entry->name, name);
    snprintf(entry->target, sizeof entry->target, UP "%s", tty->path + strlen(DEV));
    err = make(links, entry);
    if (err != 0) {
        warn(entry, "made", err);
        free(entry);
        return;
    }
    forget_former(links, entry);
    entry->next = links->first;
    links->first = entry;
    tty_node_tell_link(folders[folder], name, path);
}

void serial_links_put(struct serial_links *links, const void *owner, struct tty_nodes *nodes)
{
    bool changed = remove_those_of(links, owner, false);

    for (size_t i = 0; i < nodes->ttys.count; i++) {
        struct board_tty *tty = &nodes->ttys.items[i];
        const struct tty_names *names = &nodes->names[i];

        if (names->by_id[0] != '\0') {
            put_link(links, owner, BY_ID, names->by_id, tty, tty->by_id);
            changed = true;
        }
        if (names->by_path[0] != '\0') {
            put_link(links, owner, BY_PATH, names->by_path, tty, tty->by_path);
            changed = true;
        }
    }
    if (changed) {
        save(links);
    }
}

void serial_links_drop(struct serial_links *links, const void *owner)
{
    if (remove_those_of(links, owner, false)) {
        save(links);
    }
}

void serial_links_sweep(struct serial_links *links)
{
    if (remove_those_of(links, former_run, true)) {
        save(links);
    }
}

void serial_links_drop_former(struct serial_links *links)
{
    if (remove_those_of(links, former_run, false)) {
        save(links);
    }
}

void serial_links_leave(struct serial_links *links, const void *owner)
{
    for (struct entry *entry = links->first; entry != NULL; entry = entry->next) {
        entry->owner = entry->owner == owner ? former_run : entry->owner;
    }
}

int serial_links_open(const char *dev_root, const char *notes_path, struct serial_links **links)
{
    struct serial_links *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->dev_root = dev_root;
    opened->notes_path = notes_path;
    if (load(opened) != 0) {
        serial_links_close(opened);
        return ERR_NOMEM;
    }
    serial_links_sweep(opened);
    *links = opened;
    return 0;
}

void serial_links_close(struct serial_links *links)
{
    while (links != NULL && links->first != NULL) {
        struct entry *entry = links->first;

        links->first = entry->next;
        free(entry);
    }
    free(links);
}
