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
#include "shared/core/link_note.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define DEV "/dev/"
#define NOTES_SIZE (256u * 1024)

struct entry {
    struct entry *next;
    const void *owner;
    struct link_note link;
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

    log_warning(DEV "%s/%s can't be %s: %s", link_note_folder(entry->link.folder),
                text_escape(escaped, sizeof escaped, entry->link.name), what,
                link_folder_error_text(err));
}

/* --- Notes ------------------------------------------------------------------------------------ */

/* A link a line, the newest first. */
static int print(const struct dev_links *links, char *text, size_t *text_len)
{
    size_t len = 0;

    for (const struct entry *entry = links->first; entry != NULL; entry = entry->next) {
        char line[LINK_NOTE_LINE_SIZE];

        if (link_note_to_line(&entry->link, line) != 0) {
            continue;
        }
        if (len + strlen(line) + 1 >= NOTES_SIZE) {
            return ERR_TOO_LONG;
        }
        len += (size_t)snprintf(text + len, NOTES_SIZE - len, "%s\n", line);
    }
    *text_len = len;
    return 0;
}

static int write_notes(const struct dev_links *links)
{
    char *text = malloc(NOTES_SIZE);
    size_t len;
    int err = text != NULL ? print(links, text, &len) : ERR_NOMEM;

    if (err == 0) {
        err = whole_file_write(links->notes_path, text, len);
    }
    free(text);
    return err;
}

static void save(const struct dev_links *links)
{
    int err = 0;

    if (links->first == NULL) {
        (void)whole_file_remove(links->notes_path);
    } else {
        err = write_notes(links);
    }
    if (err != 0) {
        log_debug("%s can't be written: %s", links->notes_path, error_text(err));
    }
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
        struct entry entry = {.owner = former_run};

        if (link_note_from_line(line, &entry.link) == 0) {
            err = append(links, &entry);
        }
    }
    free(text);
    return err;
}

/* --- One link --------------------------------------------------------------------------------- */

static bool is_same(const struct entry *a, const struct entry *b)
{
    return a->link.folder == b->link.folder && strcmp(a->link.name, b->link.name) == 0;
}

/* What is to be under the name once `entry`, which is off the list, has gone: the link of the
 * newest board that has it too, or somebody else's; NULL for nothing. */
static const char *find_heir(const struct dev_links *links, int folder, const struct entry *entry)
{
    for (const struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && link_folder_leads(folder, other->link.target)) {
            return other->link.target;
        }
    }
    return entry->link.former[0] != '\0' && link_folder_leads(folder, entry->link.former)
               ? entry->link.former
               : NULL;
}

/* Another board that has the name is the one to give back what was there before both. */
static void bequeath(struct dev_links *links, const struct entry *entry)
{
    for (struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && other->link.former[0] == '\0') {
            memcpy(other->link.former, entry->link.former, sizeof other->link.former);
            return;
        }
    }
}

/* Somebody else's link is none of ours, and stays. */
static void take_away(const struct dev_links *links, const struct entry *entry)
{
    char target[LINK_FOLDER_TARGET_SIZE];
    int folder = link_folder_open(links->dev_root, link_note_folder(entry->link.folder), false);
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

/* True if a board has the name with that target: it is on the list, and is the heir while it is
 * there. */
static bool is_ours(const struct dev_links *links, const struct entry *entry, const char *target)
{
    for (const struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_same(other, entry) && strcmp(other->link.target, target) == 0) {
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

    if (link_folder_read(folder, entry->link.name, target) != 0) {
        return 0;
    }
    if (strcmp(target, entry->link.target) == 0) {
        return ERR_EXISTS;
    }
    if (entry->link.folder != LINK_NOTE_NAMED && !is_ours(links, entry, target) &&
        link_folder_leads(folder, target)) {
        memcpy(entry->link.former, target, sizeof target);
    }
    return 0;
}

static int make(const struct dev_links *links, struct entry *entry)
{
    int folder = link_folder_open(links->dev_root, link_note_folder(entry->link.folder), true);
    int err;

    if (folder < 0) {
        return folder;
    }
    err = look(links, folder, entry);
    err = err == 0 ? link_folder_put(folder, entry->link.name, entry->link.target) : 0;
    close(folder);
    return err;
}

/* --- All of them ------------------------------------------------------------------------------ */

static bool leads(const struct dev_links *links, const struct entry *entry)
{
    int folder = link_folder_open(links->dev_root, link_note_folder(entry->link.folder), false);
    bool found = folder >= 0 && link_folder_leads(folder, entry->link.target);

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
    return entry->owner == wish->owner && (wish->folders & 1u << entry->link.folder) != 0;
}

static void set_target(struct entry *entry, const struct board_tty *tty)
{
    snprintf(entry->link.target, sizeof entry->link.target, "%s%s",
             link_note_up(entry->link.folder), tty->path + strlen(DEV));
}

/* True for what a former run has made for one of the ttys. */
static bool is_formers_for_wish(const struct dev_links *links, const struct entry *entry,
                                const void *context)
{
    const struct dev_links_wish *wish = context;
    struct entry same = {.link = {.folder = entry->link.folder}};

    (void)links;
    if (entry->owner != former_run || (wish->folders & 1u << entry->link.folder) == 0) {
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

/* What a former run has made under the name for the tty is this run's now, or udevd's; and a name
 * in our folder is nobody else's. */
static bool is_superseded(const struct dev_links *links, const struct entry *entry,
                          const void *context)
{
    const struct entry *other = context;

    (void)links;
    return is_same(entry, other) &&
           (entry->link.folder == LINK_NOTE_NAMED ||
            (entry->owner == former_run && strcmp(entry->link.target, other->link.target) == 0));
}

/* Takes over what is superseded, with what somebody else had there before it. */
static void supersede(struct dev_links *links, struct entry *entry)
{
    for (const struct entry *other = links->first; other != NULL; other = other->next) {
        if (is_superseded(links, other, entry) && entry->link.former[0] == '\0') {
            memcpy(entry->link.former, other->link.former, sizeof entry->link.former);
        }
    }
    (void)remove_if(links, is_superseded, entry, false);
}

static void put_item(struct dev_links *links, const void *owner, const struct dev_links_item *item)
{
    struct entry *entry = calloc(1, sizeof *entry);
    int err;

    if (entry == NULL) {
        log_error(DEV "%s: %s", link_note_folder(item->folder), error_text(ERR_NOMEM));
        return;
    }
    entry->owner = owner;
    entry->link.folder = item->folder;
    text_copy(entry->link.name, sizeof entry->link.name, item->name);
    set_target(entry, item->tty);
    err = item->is_theirs ? 0 : make(links, entry);
    if (err == 0) {
        supersede(links, entry);
    } else {
        warn(entry, "made", err);
    }
    if (err != 0 || item->is_theirs) {
        free(entry);
        return;
    }
    entry->next = links->first;
    links->first = entry;
    tty_node_tell_link(link_note_folder(item->folder), item->name, item->path);
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
    return is_ours(links, entry, entry->link.target);
}

/* A link in our own folder is an agent's, whether or not it could be noted. */
static int list_named(struct dev_links *links, DIR *folder)
{
    const struct dirent *file;
    int err = 0;

    while (err == 0 && (file = readdir(folder)) != NULL) {
        struct entry entry = {.owner = former_run, .link = {.folder = LINK_NOTE_NAMED}};
        char target[LINK_FOLDER_TARGET_SIZE];

        if (link_note_is_name(file->d_name) &&
            text_copy(entry.link.name, sizeof entry.link.name, file->d_name) == 0 &&
            link_folder_read(dirfd(folder), file->d_name, target) == 0 &&
            link_note_is_target(LINK_NOTE_NAMED, target) &&
            text_copy(entry.link.target, sizeof entry.link.target, target) == 0 &&
            !is_noted(links, &entry)) {
            err = append(links, &entry);
        }
    }
    return err;
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
