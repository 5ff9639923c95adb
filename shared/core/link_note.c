#include "shared/core/link_note.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

#define NONE "-"
#define FOLDER_SIZE 16
#define NUMBER_SIZE 21
#define DIGITS "0123456789"

static const struct {
    const char *path;
    const char *up;
} folders[LINK_NOTE_FOLDERS] = {
    [LINK_NOTE_BY_ID] = {"serial/by-id", "../../"},
    [LINK_NOTE_BY_PATH] = {"serial/by-path", "../../"},
    [LINK_NOTE_NAMED] = {"ttyferry", "../"},
};

const char *link_note_folder(enum link_note_folder folder)
{
    return folders[folder].path;
}

const char *link_note_up(enum link_note_folder folder)
{
    return folders[folder].up;
}

bool link_note_is_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

bool link_note_is_target(enum link_note_folder folder, const char *target)
{
    size_t up_len = strlen(folders[folder].up);

    return strncmp(target, folders[folder].up, up_len) == 0 && link_note_is_name(target + up_len);
}

/* A device writes its strings as it likes, and so names links; what counts is that a line can be
 * taken apart. */
static bool is_field(const char *text)
{
    const char *end = text;

    while ((unsigned char)*end > ' ') {
        end++;
    }
    return end != text && *end == '\0';
}

int link_note_to_line(const struct link_note *note, char line[LINK_NOTE_LINE_SIZE])
{
    const char *former = is_field(note->former) ? note->former : NONE;
    int len;

    if (!is_field(note->name) || !is_field(note->target)) {
        return ERR_INVALID;
    }
    len = snprintf(line, LINK_NOTE_LINE_SIZE, "%s %s %s %s %" PRIu64 " %" PRIu64,
                   folders[note->folder].path, note->name, note->target, former, note->node,
                   note->former_node);
    return len < 0 || len >= LINK_NOTE_LINE_SIZE ? ERR_TOO_LONG : 0;
}

/* Copies what is before the next space, and goes behind it. */
static int take_field(const char **rest, char *field, size_t size)
{
    size_t len = strcspn(*rest, " ");

    if (len == 0) {
        return ERR_INVALID;
    }
    if (len >= size) {
        return ERR_TOO_LONG;
    }
    memcpy(field, *rest, len);
    field[len] = '\0';
    *rest += len + ((*rest)[len] == ' ' ? 1 : 0);
    return is_field(field) ? 0 : ERR_INVALID;
}

static int find_folder(const char *path, enum link_note_folder *folder)
{
    for (int i = 0; i < LINK_NOTE_FOLDERS; i++) {
        if (strcmp(path, folders[i].path) == 0) {
            *folder = i;
            return 0;
        }
    }
    return ERR_INVALID;
}

static int take_former(const char **rest, struct link_note *note)
{
    int err = take_field(rest, note->former, sizeof note->former);

    if (strcmp(note->former, NONE) == 0) {
        note->former[0] = '\0';
    }
    return err;
}

static int take_number(const char **rest, uint64_t *number)
{
    char field[NUMBER_SIZE];
    int err = take_field(rest, field, sizeof field);

    if (err == 0 && field[strspn(field, DIGITS)] != '\0') {
        err = ERR_INVALID;
    }
    if (err == 0) {
        *number = strtoull(field, NULL, 10);
    }
    return err;
}

int link_note_from_line(const char *line, struct link_note *note)
{
    struct link_note read = {.folder = LINK_NOTE_FOLDERS};
    char folder[FOLDER_SIZE];
    const char *rest = line;
    int err = take_field(&rest, folder, sizeof folder);

    err = err == 0 ? find_folder(folder, &read.folder) : err;
    err = err == 0 ? take_field(&rest, read.name, sizeof read.name) : err;
    err = err == 0 ? take_field(&rest, read.target, sizeof read.target) : err;
    if (err == 0 && rest[0] != '\0') {
        err = take_former(&rest, &read);
        err = err == 0 ? take_number(&rest, &read.node) : err;
        err = err == 0 ? take_number(&rest, &read.former_node) : err;
    }
    if (err != 0) {
        return err;
    }
    if (rest[0] != '\0' || !link_note_is_name(read.name) ||
        !link_note_is_target(read.folder, read.target)) {
        return ERR_INVALID;
    }
    *note = read;
    return 0;
}
