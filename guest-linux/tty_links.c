#include "guest-linux/tty_links.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-linux/link_folder.h"
#include "shared/core/board_family.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"

#define FOLDER "ttyferry"
#define DEV "/dev/"
/* A board's name and "-if255". */
#define LINK_NAME_SIZE (BOARD_NAME_SIZE + 8)
#define LINKS_MAX (BOARD_FAMILIES_MAX * BOARD_TTYS_MAX)

struct link {
    const void *owner; /* NULL: this entry is free */
    char name[LINK_NAME_SIZE];
};

struct tty_links {
    const char *dev_root;
    struct link items[LINKS_MAX];
};

static void remove_link(int folder, const char *name)
{
    int err = link_folder_remove(folder, name);

    if (err != 0) {
        log_warning(DEV FOLDER "/%s can't be removed: %s", name, link_folder_error_text(err));
    }
}

/* The entry of that name, else a free one; NULL if there is none. */
static struct link *find_entry(struct tty_links *links, const char *name)
{
    struct link *free_one = NULL;

    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links->items[i];

        if (link->owner != NULL && strcmp(link->name, name) == 0) {
            return link;
        }
        free_one = link->owner == NULL && free_one == NULL ? link : free_one;
    }
    return free_one;
}

static void make_name(const char *board_name, size_t index, int interface,
                      char name[LINK_NAME_SIZE])
{
    if (index == 0) {
        text_copy(name, LINK_NAME_SIZE, board_name);
    } else {
        snprintf(name, LINK_NAME_SIZE, "%s-if%02d", board_name, interface);
    }
}

/* `tty->path` is below /dev, and so is what the link says, wherever the tests have their own. */
static int put_link(struct tty_links *links, int folder, const void *owner, const char *name,
                    const struct board_tty *tty)
{
    struct link *link = find_entry(links, name);
    char target[BOARD_PATH_SIZE + 3];
    int err;

    if (link == NULL) {
        return ERR_FULL;
    }
    snprintf(target, sizeof target, "../%s", tty->path + strlen(DEV));
    err = link_folder_put(folder, name, target);
    if (err == 0) {
        link->owner = owner;
        text_copy(link->name, sizeof link->name, name);
    }
    return err;
}

static void put_links(struct tty_links *links, int folder, const void *owner,
                      const char *board_name, struct board_ttys *ttys)
{
    if (!board_name_is_valid(board_name)) { /* It would lead out of the folder, or worse. */
        log_warning("\"%s\" can name no link", board_name);
        return;
    }
    for (size_t i = 0; i < ttys->count; i++) {
        struct board_tty *tty = &ttys->items[i];
        char name[LINK_NAME_SIZE];
        int err;

        make_name(board_name, i, tty->interface, name);
        err = put_link(links, folder, owner, name, tty);
        if (err == 0) {
            snprintf(tty->link, sizeof tty->link, DEV FOLDER "/%s", name);
        } else {
            log_warning(DEV FOLDER "/%s can't be made: %s", name, link_folder_error_text(err));
        }
    }
}

static bool has_any(const struct tty_links *links, const void *owner)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (links->items[i].owner == owner) {
            return true;
        }
    }
    return false;
}

void tty_links_drop(struct tty_links *links, const void *owner)
{
    int folder =
        has_any(links, owner) ? link_folder_open(links->dev_root, FOLDER, false) : ERR_NOT_FOUND;

    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links->items[i];

        if (link->owner == owner && folder >= 0) {
            remove_link(folder, link->name);
        }
    }
    tty_links_leave(links, owner);
    if (folder >= 0) {
        close(folder);
    }
}

void tty_links_leave(struct tty_links *links, const void *owner)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (links->items[i].owner == owner) {
            links->items[i].owner = NULL;
        }
    }
}

void tty_links_put(struct tty_links *links, const void *owner, const char *name,
                   struct board_ttys *ttys)
{
    int folder;

    tty_links_drop(links, owner);
    for (size_t i = 0; i < ttys->count; i++) {
        ttys->items[i].link[0] = '\0';
    }
    if (name[0] == '\0' || ttys->count == 0) {
        return;
    }
    folder = link_folder_open(links->dev_root, FOLDER, true);
    if (folder < 0) {
        log_warning(DEV FOLDER " can't be used: %s", link_folder_error_text(folder));
        return;
    }
    put_links(links, folder, owner, name, ttys);
    close(folder);
}

static void sweep(DIR *folder)
{
    const struct dirent *entry;

    while ((entry = readdir(folder)) != NULL) {
        char target[LINK_FOLDER_TARGET_SIZE];

        if (link_folder_read(dirfd(folder), entry->d_name, target) == 0 &&
            !link_folder_leads(dirfd(folder), target)) {
            remove_link(dirfd(folder), entry->d_name);
        }
    }
}

int tty_links_open(const char *dev_root, struct tty_links **links)
{
    struct tty_links *opened = calloc(1, sizeof *opened);
    int descriptor;
    DIR *folder;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->dev_root = dev_root;
    *links = opened;
    descriptor = link_folder_open(dev_root, FOLDER, false);
    if (descriptor < 0) {
        return 0;
    }
    folder = fdopendir(descriptor);
    if (folder == NULL) {
        close(descriptor);
        return 0;
    }
    sweep(folder);
    closedir(folder);
    return 0;
}

void tty_links_close(struct tty_links *links)
{
    free(links);
}
