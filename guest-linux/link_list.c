#include "guest-linux/link_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-linux/whole_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"

#define NOTES_SIZE (256u * 1024)

const char link_list_former_run[] = "a former run";

/* A link a line, the newest first. */
static int print(const struct link_list *list, char *text, size_t *text_len)
{
    size_t len = 0;

    for (const struct link_entry *entry = list->first; entry != NULL; entry = entry->next) {
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

static int write_notes(const struct link_list *list)
{
    char *text = malloc(NOTES_SIZE);
    size_t len;
    int err = text != NULL ? print(list, text, &len) : ERR_NOMEM;

    if (err == 0) {
        err = whole_file_write(list->notes_path, text, len);
    }
    free(text);
    return err;
}

void link_list_save(struct link_list *list)
{
    int err = 0;

    if (list->first == NULL) {
        (void)whole_file_remove(list->notes_path);
    } else {
        err = write_notes(list);
    }
    if (err != 0 && !list->has_failed) {
        log_warning("%s can't be written (%s): if the agent is killed, links below /dev may stay "
                    "that lead nowhere, or to another board; %s",
                    list->notes_path, error_text(err),
                    err == ERR_FULL ? "make room there" : "remove what is in its place");
    }
    list->has_failed = err != 0;
}

int link_list_append(struct link_list *list, const struct link_entry *entry)
{
    struct link_entry **end = &list->first;
    struct link_entry *added = malloc(sizeof *added);

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
int link_list_load(struct link_list *list)
{
    char *text = malloc(NOTES_SIZE);
    char *rest = NULL;
    int err = text != NULL ? 0 : ERR_NOMEM;

    if (err == 0 && whole_file_read(list->notes_path, text, NOTES_SIZE) != 0) {
        text[0] = '\0';
    }
    for (char *line = err == 0 ? strtok_r(text, "\n", &rest) : NULL; line != NULL && err == 0;
         line = strtok_r(NULL, "\n", &rest)) {
        struct link_entry entry = {.owner = link_list_former_run};

        if (link_note_from_line(line, &entry.link) == 0) {
            err = link_list_append(list, &entry);
        }
    }
    free(text);
    return err;
}

bool link_list_is_same(const struct link_entry *a, const struct link_entry *b)
{
    return a->link.folder == b->link.folder && strcmp(a->link.name, b->link.name) == 0;
}

bool link_list_has(const struct link_list *list, const struct link_entry *entry, const char *target)
{
    for (const struct link_entry *other = list->first; other != NULL; other = other->next) {
        if (link_list_is_same(other, entry) && strcmp(other->link.target, target) == 0) {
            return true;
        }
    }
    return false;
}

void link_list_free(struct link_list *list)
{
    while (list->first != NULL) {
        struct link_entry *entry = list->first;

        list->first = entry->next;
        free(entry);
    }
}
