/* The links below /dev that the agent knows of, each with the board that it is for; noted in a file
 * for the next run of the agent. */
#ifndef TTYFERRY_GUEST_LINK_LIST_H
#define TTYFERRY_GUEST_LINK_LIST_H

#include <stdbool.h>

#include "shared/core/link_note.h"

struct link_entry {
    struct link_entry *next;
    const void *owner;
    struct link_note link;
};

/* Zeros and a path ("/run/ttyferry/links"), which is borrowed. */
struct link_list {
    const char *notes_path;
    struct link_entry *first; /* the newest */
    bool has_failed;          /* to be noted, and said so */
};

/* Owns what a former run has made, and this one has not yet taken over. */
extern const char link_list_former_run[];

/* Reads the notes of the former run; what no agent has written is passed over. Returns 0 or
 * ERR_NOMEM. */
int link_list_load(struct link_list *list);

/* Writes the notes; without an entry the file goes. What can't be written is logged, once. */
void link_list_save(struct link_list *list);

/* Adds a copy, as the oldest. Returns 0 or ERR_NOMEM. */
int link_list_append(struct link_list *list, const struct link_entry *entry);

/* True if both are of one name in one folder. */
bool link_list_is_same(const struct link_entry *a, const struct link_entry *b);

/* True if there is one of that name, in that folder, with that target. */
bool link_list_has(const struct link_list *list, const struct link_entry *entry,
                   const char *target);

/* Frees the entries; the file stays. */
void link_list_free(struct link_list *list);

#endif
