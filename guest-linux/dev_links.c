#include "guest-linux/dev_links.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/link_folder.h"
#include "guest-linux/tty_node.h"
#include "guest-linux/whole_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define DEV "/dev/"
#define TARGET_SIZE (BOARD_PATH_SIZE + 8)
#define NOTES_SIZE (256u * 1024)

static const struct {
    const char *path; /* below /dev */
    const char *up;   /* from there to a node in /dev */
} folders[DEV_LINKS_FOLDERS] = {
    [DEV_LINKS_BY_ID] = {"serial/by-id", "../../"},
    [DEV_LINKS_BY_PATH] = {"serial/by-path", "../../"},
    [DEV_LINKS_NAMED] = {"ttyferry", "../"},
};

struct entry {
    struct entry *next;
    const void *owner;
    enum dev_links_folder folder;
    char name[SERIAL_NAMES_SIZE];
    char target[TARGET_SIZE];
    char former[LINK_FOLDER_TARGET_SIZE]; /* what somebody else's link said, or empty */
};

struct dev_links {
    const char *dev_root;
    const char *notes_path;
    struct entry *first; /* the newest */
};

/* Owns what a former run has made, and this one has not yet taken over. */
static const char former_run[] = "a former run";

static void warn(const struct entry *entry, const char *what, int err)
{
    char escaped[4 * SERIAL_NAMES_SIZE];

    log_warning(DEV "%s/%s can't be %s: %s", folders[entry->folder].path,
                text_escape(escaped, sizeof escaped, entry->name), what,
                link_folder_error_text(err));
}

/* --- Notes ------------------------------------------------------------------------------------ */

/* One link a line: folder, name, target. None of them has white space: names have been made by
 * serial_names. */
static void save(const struct dev_links *links)
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
        int part = snprintf(text + len, NOTES_SIZE - len, "%s %s %s\n", folders[entry->folder].path,
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

static bool is_target(enum dev_links_folder folder, const char *target)
{
    size_t up_len = strlen(folders[folder].up);

    return strncmp(target, folders[folder].up, up_len) == 0 && is_name(target + up_len);
}

/* A line that no run of the agent has written says nothing. */
static bool read_line(const char *line, struct entry *entry)
{
    char folder[16];
    char name[SERIAL_NAMES_SIZE];
    char target[TARGET_SIZE];
    int end = 0;

    if (sscanf(line, "%15s %255s %135s%n", folder, name, target, &end) != 3 || line[end] != '\0' ||
        !is_name(name)) {
        return false;
    }
    for (int i = 0; i < DEV_LINKS_FOLDERS; i++) {
        if (strcmp(folder, folders[i].path) == 0 && is_target(i, target)) {
            *entry = (struct entry){.owner = former_run, .folder = i};
            memcpy(entry->name, name, sizeof name);
            memcpy(entry->target, target, sizeof target);
            return true;
        }
    }
    return false;
}

/* The oldest come last. */
static int append(struct dev_links *links, const struct entry *entry)
{
    struct entry **end = &links->first;
    struct entry *added = malloc(sizeof *added);

    if (added == NULL) {
        return ERR_NOMEM;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *added = *entry;
    *end = added;
    return 0;
}

/* The notes have the newest first. */
static int load(struct dev_links *links)
{
    char *text = malloc(NOTES_SIZE);
    char *rest = NULL;
    int err = text != NULL ? 0 : ERR_NOMEM;

    if (err == 0 && whole_file_read(links->notes_path, text, NOTES_SIZE) != 0) {
        text[0] = '\0';
    }
    for (char *line = err == 0 ? strtok_r(text, "\n", &rest) : NULL; line != NULL && err == 0;
         line = strtok_r(NULL, "\n", &rest)) {
        struct entry entry;

        if (read_line(line, &entry)) {
            err = append(links, &entry);
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
static const char *find_heir(const struct dev_links *links, int folder, const struct entry *entry)
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
static void bequeath(struct dev_links *links, const struct entry *entry)
{
    for (struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && other->former[0] == '\0') {
            memcpy(other->former, entry->former, sizeof other->former);
            return;
        }
    }
}

/* Somebody else's link is none of ours, and stays. */
static void take_away(const struct dev_links *links, const struct entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];
    int folder = link_folder_open(links->dev_root, folders[entry->folder].path, false);
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

/* True if a board has the name with that target: it is on the list, and is the heir while it is
 * there. */
static bool is_ours(const struct dev_links *links, const struct entry *entry, const char *target)
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
static int look(const struct dev_links *links, int folder, struct entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];

    if (link_folder_read(folder, entry->name, target) != 0) {
        return 0;
    }
    if (strcmp(target, entry->target) == 0) {
        return ERR_EXISTS;
    }
    if (entry->folder != DEV_LINKS_NAMED && !is_ours(links, entry, target) &&
        link_folder_leads(folder, target)) {
        memcpy(entry->former, target, sizeof target);
    }
    return 0;
}

static int make(const struct dev_links *links, struct entry *entry)
{
    int folder = link_folder_open(links->dev_root, folders[entry->folder].path, true);
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

static bool leads(const struct dev_links *links, const struct entry *entry)
{
    int folder = link_folder_open(links->dev_root, folders[entry->folder].path, false);
    bool found = folder >= 0 && link_folder_leads(folder, entry->target);

    if (folder >= 0) {
        close(folder);
    }
    return found;
}

typedef bool (*test_fn)(const struct dev_links *links, const struct entry *entry,
                        const void *context);

/* Takes off the list what passes the test, and with `and_link` its link away. Returns true if there
 * was any. */
static bool remove_if(struct dev_links *links, test_fn test, const void *context, bool and_link)
{
    struct entry **place = &links->first;
    bool removed = false;

    while (*place != NULL) {
        struct entry *entry = *place;

        if (!test(links, entry, context)) {
            place = &entry->next;
            continue;
        }
        *place = entry->next;
        if (and_link) {
            take_away(links, entry);
            bequeath(links, entry);
        }
        free(entry);
        removed = true;
    }
    return removed;
}

static bool is_of(const struct dev_links *links, const struct entry *entry, const void *owner)
{
    (void)links;
    return entry->owner == owner;
}

static bool is_formers_and_dangles(const struct dev_links *links, const struct entry *entry,
                                   const void *context)
{
    (void)context;
    return entry->owner == former_run && !leads(links, entry);
}

static bool is_before_wish(const struct dev_links *links, const struct entry *entry,
                           const void *context)
{
    const struct dev_links_wish *wish = context;

    (void)links;
    return entry->owner == wish->owner && (wish->folders & 1u << entry->folder) != 0;
}

static void set_target(struct entry *entry, const struct board_tty *tty)
{
    snprintf(entry->target, sizeof entry->target, "%s%s", folders[entry->folder].up,
             tty->path + strlen(DEV));
}

/* True for what a former run has made for one of the ttys. */
static bool is_formers_for_wish(const struct dev_links *links, const struct entry *entry,
                                const void *context)
{
    const struct dev_links_wish *wish = context;
    struct entry same = {.folder = entry->folder};

    (void)links;
    if (entry->owner != former_run || (wish->folders & 1u << entry->folder) == 0) {
        return false;
    }
    for (size_t i = 0; i < wish->ttys->count; i++) {
        set_target(&same, &wish->ttys->items[i]);
        if (strcmp(entry->target, same.target) == 0) {
            return true;
        }
    }
    return false;
}

/* What a former run has made under the name for the tty is this run's now, or udevd's; and a name
 * in our folder is nobody else's. */
static bool is_superseded(const struct dev_links *links, const struct entry *entry,
                          const void *context)
{
    const struct entry *other = context;

    (void)links;
    return is_same(entry, other) &&
           (entry->folder == DEV_LINKS_NAMED ||
            (entry->owner == former_run && strcmp(entry->target, other->target) == 0));
}

static void put_item(struct dev_links *links, const void *owner, const struct dev_links_item *item)
{
    struct entry *entry = calloc(1, sizeof *entry);
    int err;

    if (entry == NULL) {
        log_error(DEV "%s: %s", folders[item->folder].path, error_text(ERR_NOMEM));
        return;
    }
    entry->owner = owner;
    entry->folder = item->folder;
    text_copy(entry->name, sizeof entry->name, item->name);
    set_target(entry, item->tty);
    err = item->is_theirs ? 0 : make(links, entry);
    if (err == 0) {
        (void)remove_if(links, is_superseded, entry, false);
    } else {
        warn(entry, "made", err);
    }
    if (err != 0 || item->is_theirs) {
        free(entry);
        return;
    }
    entry->next = links->first;
    links->first = entry;
    tty_node_tell_link(folders[item->folder].path, item->name, item->path);
}

void dev_links_put(struct dev_links *links, const struct dev_links_wish *wish)
{
    bool changed = remove_if(links, is_before_wish, wish, true);

    for (size_t i = 0; i < wish->count; i++) {
        put_item(links, wish->owner, &wish->items[i]);
        changed = true;
    }
    changed = remove_if(links, is_formers_for_wish, wish, true) || changed;
    if (changed) {
        save(links);
    }
}

void dev_links_drop(struct dev_links *links, const void *owner)
{
    if (remove_if(links, is_of, owner, true)) {
        save(links);
    }
}

void dev_links_sweep(struct dev_links *links)
{
    if (remove_if(links, is_formers_and_dangles, NULL, true)) {
        save(links);
    }
}

void dev_links_drop_former(struct dev_links *links)
{
    dev_links_drop(links, former_run);
}

void dev_links_leave(struct dev_links *links, const void *owner)
{
    for (struct entry *entry = links->first; entry != NULL; entry = entry->next) {
        entry->owner = entry->owner == owner ? former_run : entry->owner;
    }
}

/* --- Opening ---------------------------------------------------------------------------------- */

static bool is_noted(const struct dev_links *links, const struct entry *entry)
{
    return is_ours(links, entry, entry->target);
}

/* A link in our own folder is an agent's, whether or not it could be noted. */
static int list_named(struct dev_links *links, DIR *folder)
{
    const struct dirent *file;
    int err = 0;

    while (err == 0 && (file = readdir(folder)) != NULL) {
        struct entry entry = {.owner = former_run, .folder = DEV_LINKS_NAMED};
        char target[LINK_FOLDER_TARGET_SIZE];

        if (is_name(file->d_name) && text_copy(entry.name, sizeof entry.name, file->d_name) == 0 &&
            link_folder_read(dirfd(folder), file->d_name, target) == 0 &&
            is_target(DEV_LINKS_NAMED, target) &&
            text_copy(entry.target, sizeof entry.target, target) == 0 && !is_noted(links, &entry)) {
            err = append(links, &entry);
        }
    }
    return err;
}

static int find_named(struct dev_links *links)
{
    int descriptor = link_folder_open(links->dev_root, folders[DEV_LINKS_NAMED].path, false);
    DIR *folder = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    int err = 0;

    if (folder != NULL) {
        err = list_named(links, folder);
        closedir(folder);
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    return err;
}

int dev_links_open(const char *dev_root, const char *notes_path, struct dev_links **links)
{
    struct dev_links *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->dev_root = dev_root;
    opened->notes_path = notes_path;
    if (load(opened) != 0 || find_named(opened) != 0) {
        dev_links_close(opened);
        return ERR_NOMEM;
    }
    dev_links_sweep(opened);
    *links = opened;
    return 0;
}

void dev_links_close(struct dev_links *links)
{
    while (links != NULL && links->first != NULL) {
        struct entry *entry = links->first;

        links->first = entry->next;
        free(entry);
    }
    free(links);
}
