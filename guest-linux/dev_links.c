#include "guest-linux/dev_links.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/link_folder.h"
#include "guest-linux/link_list.h"
#include "guest-linux/tty_node.h"
#include "shared/core/error.h"
#include "shared/core/link_note.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define DEV "/dev/"

struct dev_links {
    const char *dev_root;
    struct link_list list;
};

static void warn(const struct link_entry *entry, const char *what, int err)
{
    char escaped[4 * SERIAL_NAMES_SIZE];

    log_warning(DEV "%s/%s can't be %s: %s", link_note_folder(entry->link.folder),
                text_escape(escaped, sizeof escaped, entry->link.name), what,
                link_folder_error_text(err));
}

/* --- One link --------------------------------------------------------------------------------- */

static int open_folder(const struct dev_links *links, const struct link_entry *entry, bool makes_it)
{
    return link_folder_open(links->dev_root, link_note_folder(entry->link.folder), makes_it);
}

/* True if a link that says `target` leads to what it has led to: another board may have the tty's
 * number by now. */
static bool is_node(int folder, const char *target, uint64_t node)
{
    uint64_t found = link_folder_node(folder, target);

    return found != 0 && (node == 0 || found == node);
}

/* What is to be under the name once `entry`, which is off the list, has gone: the link of the
 * newest board that has it too, or somebody else's; NULL for nothing. A name in our folder has no
 * heir. */
static const char *find_heir(const struct dev_links *links, int folder,
                             const struct link_entry *entry)
{
    for (const struct link_entry *other = links->list.first; other != NULL; other = other->next) {
        if (entry->link.folder != LINK_NOTE_NAMED && link_list_is_same(other, entry) &&
            is_node(folder, other->link.target, other->link.node)) {
            return other->link.target;
        }
    }
    return entry->link.former[0] != '\0' &&
                   is_node(folder, entry->link.former, entry->link.former_node)
               ? entry->link.former
               : NULL;
}

static void set_former(struct link_entry *entry, const char *former, uint64_t node)
{
    text_copy(entry->link.former, sizeof entry->link.former, former);
    entry->link.former_node = node;
}

/* Another board that has the name is the one to give back what was there before both. */
static void bequeath(struct dev_links *links, const struct link_entry *entry)
{
    for (struct link_entry *other = links->list.first; other != NULL; other = other->next) {
        if (link_list_is_same(other, entry) && other->link.former[0] == '\0') {
            set_former(other, entry->link.former, entry->link.former_node);
            return;
        }
    }
}

/* Somebody else's link is none of ours, and stays. */
static void take_away(const struct dev_links *links, const struct link_entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];
    int folder = open_folder(links, entry, false);
    int err = 0;

    if (folder < 0) {
        return;
    }
    if (link_folder_read(folder, entry->link.name, target) == 0 &&
        strcmp(target, entry->link.target) == 0) {
        const char *heir = find_heir(links, folder, entry);

        err = heir != NULL ? link_folder_put(folder, entry->link.name, heir)
                           : link_folder_remove(folder, entry->link.name);
    }
    close(folder);
    if (err != 0) {
        warn(entry, "removed", err);
    }
}

/* Notes what somebody else has under the name already, and is to have again. */
static void look(const struct dev_links *links, struct link_entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];
    int folder =
        entry->link.folder != LINK_NOTE_NAMED ? open_folder(links, entry, false) : ERR_NOT_FOUND;

    if (folder < 0) {
        return;
    }
    if (link_folder_read(folder, entry->link.name, target) == 0 &&
        strcmp(target, entry->link.target) != 0 && !link_list_has(&links->list, entry, target) &&
        link_folder_node(folder, target) != 0) {
        set_former(entry, target, link_folder_node(folder, target));
    }
    close(folder);
}

static int make(const struct dev_links *links, const struct link_entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];
    int folder = open_folder(links, entry, true);
    int err = 0;

    if (folder < 0) {
        return folder;
    }
    if (link_folder_read(folder, entry->link.name, target) != 0 ||
        strcmp(target, entry->link.target) != 0) {
        err = link_folder_put(folder, entry->link.name, entry->link.target);
    }
    close(folder);
    return err;
}

/* --- All of them ------------------------------------------------------------------------------ */

/* What a link of ours leads to, whether or not there is its folder. */
static uint64_t find_node(const struct dev_links *links, const struct link_entry *entry)
{
    int dev = open(links->dev_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *name = entry->link.target + strlen(link_note_up(entry->link.folder));
    uint64_t node = dev >= 0 ? link_folder_node(dev, name) : 0;

    if (dev >= 0) {
        close(dev);
    }
    return node;
}

static bool leads(const struct dev_links *links, const struct link_entry *entry)
{
    uint64_t node = find_node(links, entry);

    return node != 0 && (entry->link.node == 0 || node == entry->link.node);
}

typedef bool (*test_fn)(const struct dev_links *links, const struct link_entry *entry,
                        const void *context);

/* Takes off the list what passes the test, and with `and_link` its link away. Returns true if there
 * was any. */
static bool remove_if(struct dev_links *links, test_fn test, const void *context, bool and_link)
{
    struct link_entry **place = &links->list.first;
    bool removed = false;

    while (*place != NULL) {
        struct link_entry *entry = *place;

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

static bool is_of(const struct dev_links *links, const struct link_entry *entry, const void *owner)
{
    (void)links;
    return entry->owner == owner;
}

static bool is_formers_and_stale(const struct dev_links *links, const struct link_entry *entry,
                                 const void *context)
{
    (void)context;
    return entry->owner == link_list_former_run && !leads(links, entry);
}

static bool is_before_wish(const struct dev_links *links, const struct link_entry *entry,
                           const void *context)
{
    const struct dev_links_wish *wish = context;

    (void)links;
    return entry->owner == wish->owner && (wish->folders & 1u << entry->link.folder) != 0;
}

static void set_target(struct link_entry *entry, const struct board_tty *tty)
{
    snprintf(entry->link.target, sizeof entry->link.target, "%s%s",
             link_note_up(entry->link.folder), tty->path + strlen(DEV));
}

/* True for what a former run has made for one of the ttys. */
static bool is_formers_for_wish(const struct dev_links *links, const struct link_entry *entry,
                                const void *context)
{
    const struct dev_links_wish *wish = context;
    struct link_entry same = {.link = {.folder = entry->link.folder}};

    (void)links;
    if (entry->owner != link_list_former_run || (wish->folders & 1u << entry->link.folder) == 0) {
        return false;
    }
    for (size_t i = 0; i < wish->ttys->count; i++) {
        set_target(&same, &wish->ttys->items[i]);
        if (strcmp(entry->link.target, same.link.target) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_taken_over(const struct dev_links *links, const struct link_entry *entry,
                          const void *context)
{
    const struct link_entry *other = context;

    (void)links;
    return entry->owner == link_list_former_run && link_list_is_same(entry, other) &&
           strcmp(entry->link.target, other->link.target) == 0;
}

/* What a former run has made under the name for the tty is this run's now, or udevd's. */
static void take_over(struct dev_links *links, struct link_entry *entry)
{
    for (const struct link_entry *other = links->list.first; other != NULL; other = other->next) {
        if (is_taken_over(links, other, entry) && entry->link.former[0] == '\0') {
            set_former(entry, other->link.former, other->link.former_node);
        }
    }
    (void)remove_if(links, is_taken_over, entry, false);
}

/* Puts on the list what is to be made. Returns NULL for nothing. */
static struct link_entry *enlist(struct dev_links *links, const void *owner,
                                 const struct dev_links_item *item)
{
    struct link_entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL) {
        log_error(DEV "%s: %s", link_note_folder(item->folder), error_text(ERR_NOMEM));
        return NULL;
    }
    entry->owner = owner;
    entry->link.folder = item->folder;
    text_copy(entry->link.name, sizeof entry->link.name, item->name);
    set_target(entry, item->tty);
    entry->link.node = find_node(links, entry);
    look(links, entry);
    take_over(links, entry);
    if (item->is_theirs) {
        free(entry);
        return NULL;
    }
    entry->next = links->list.first;
    links->list.first = entry;
    return entry;
}

static bool is_it(const struct dev_links *links, const struct link_entry *entry,
                  const void *context)
{
    (void)links;
    return entry == context;
}

/* A name in our folder is nobody else's. */
static bool is_displaced(const struct dev_links *links, const struct link_entry *entry,
                         const void *context)
{
    (void)links;
    return entry->link.folder == LINK_NOTE_NAMED && entry != context &&
           link_list_is_same(entry, context);
}

static void put_item(struct dev_links *links, const struct dev_links_item *item,
                     const struct link_entry *entry)
{
    int err = make(links, entry);

    if (err != 0) {
        warn(entry, "made", err);
        (void)remove_if(links, is_it, entry, false);
        return;
    }
    (void)remove_if(links, is_displaced, entry, false);
    tty_node_tell_link(link_note_folder(item->folder), item->name, item->path);
}

/* The notes come first, for whoever is killed in between: they may say more than there is. */
void dev_links_put(struct dev_links *links, const struct dev_links_wish *wish)
{
    struct link_entry *enlisted[DEV_LINKS_WISH_MAX] = {NULL};
    bool changed = remove_if(links, is_before_wish, wish, true);

    for (size_t i = 0; i < wish->count; i++) {
        enlisted[i] = enlist(links, wish->owner, &wish->items[i]);
        changed = true;
    }
    changed = remove_if(links, is_formers_for_wish, wish, true) || changed;
    if (changed) {
        link_list_save(&links->list);
    }
    for (size_t i = 0; i < wish->count; i++) {
        if (enlisted[i] != NULL) {
            put_item(links, &wish->items[i], enlisted[i]);
        }
    }
}

void dev_links_drop(struct dev_links *links, const void *owner)
{
    if (remove_if(links, is_of, owner, true)) {
        link_list_save(&links->list);
    }
}

void dev_links_sweep(struct dev_links *links)
{
    if (remove_if(links, is_formers_and_stale, NULL, true)) {
        link_list_save(&links->list);
    }
}

void dev_links_drop_former(struct dev_links *links)
{
    dev_links_drop(links, link_list_former_run);
}

void dev_links_leave(struct dev_links *links, const void *owner)
{
    for (struct link_entry *entry = links->list.first; entry != NULL; entry = entry->next) {
        entry->owner = entry->owner == owner ? link_list_former_run : entry->owner;
    }
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* A link in our own folder is an agent's, whether or not it could be noted. */
static int list_named(struct dev_links *links, DIR *folder)
{
    const struct dirent *file;
    int err = 0;

    while (err == 0 && (file = readdir(folder)) != NULL) {
        struct link_entry entry = {.owner = link_list_former_run,
                                   .link = {.folder = LINK_NOTE_NAMED}};
        char target[LINK_FOLDER_TARGET_SIZE];

        if (link_note_is_name(file->d_name) &&
            text_copy(entry.link.name, sizeof entry.link.name, file->d_name) == 0 &&
            link_folder_read(dirfd(folder), file->d_name, target) == 0 &&
            link_note_is_target(LINK_NOTE_NAMED, target) &&
            text_copy(entry.link.target, sizeof entry.link.target, target) == 0 &&
            !link_list_has(&links->list, &entry, target)) {
            err = link_list_append(&links->list, &entry);
        }
    }
    return err;
}

/* What no note tells of is what it is now. */
static void set_nodes(struct dev_links *links)
{
    for (struct link_entry *entry = links->list.first; entry != NULL; entry = entry->next) {
        entry->link.node = entry->link.node != 0 ? entry->link.node : find_node(links, entry);
    }
}

static int find_named(struct dev_links *links)
{
    int descriptor = link_folder_open(links->dev_root, link_note_folder(LINK_NOTE_NAMED), false);
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

/* Of a run that was killed while it made a link. */
static void clean(const struct dev_links *links)
{
    for (int i = 0; i < LINK_NOTE_FOLDERS; i++) {
        int folder = link_folder_open(links->dev_root, link_note_folder(i), false);

        if (folder >= 0) {
            (void)link_folder_clean(folder);
            close(folder);
        }
    }
}

int dev_links_open(const char *dev_root, const char *notes_path, struct dev_links **links)
{
    struct dev_links *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->dev_root = dev_root;
    opened->list.notes_path = notes_path;
    if (link_list_load(&opened->list) != 0 || find_named(opened) != 0) {
        dev_links_close(opened);
        return ERR_NOMEM;
    }
    set_nodes(opened);
    clean(opened);
    dev_links_sweep(opened);
    *links = opened;
    return 0;
}

void dev_links_close(struct dev_links *links)
{
    if (links != NULL) {
        link_list_free(&links->list);
        free(links);
    }
}
