#include "guest-linux/module_index.h"

#include <fnmatch.h>
#include <string.h>

#include "shared/core/error.h"

/* Patterns in modules.alias are as long as the aliases they match: some 70 bytes. */
#define PATTERN_SIZE 512

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static size_t word_len(const char *text)
{
    return strcspn(text, " \t\r\n");
}

static void copy_name(char name[MODULE_INDEX_NAME_SIZE], const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        name[i] = text[i] == '-' ? '_' : text[i];
    name[len] = '\0';
}

bool module_index_alias_applies(const char *line, const char *alias,
                                char name[MODULE_INDEX_NAME_SIZE])
{
    char pattern[PATTERN_SIZE];
    size_t len;

    if (strncmp(line, "alias ", 6) != 0)
        return false;
    line = skip_blanks(line + 6);
    len = word_len(line);
    if (len == 0 || len >= sizeof pattern)
        return false;
    memcpy(pattern, line, len);
    pattern[len] = '\0';
    line = skip_blanks(line + len);
    len = word_len(line);
    if (len == 0 || len >= MODULE_INDEX_NAME_SIZE || fnmatch(pattern, alias, 0) != 0)
        return false;
    copy_name(name, line, len);
    return true;
}

static const char *find_last(const char *text, size_t len, char wanted)
{
    while (len > 0)
        if (text[--len] == wanted)
            return text + len;
    return NULL;
}

int module_index_name_from_path(const char *path, size_t len, char name[MODULE_INDEX_NAME_SIZE])
{
    const char *slash = find_last(path, len, '/');
    const char *base = slash ? slash + 1 : path;
    size_t base_len = len - (size_t)(base - path);
    size_t name_len = 0;

    while (name_len + 3 <= base_len && memcmp(base + name_len, ".ko", 3) != 0)
        name_len++;
    if (name_len == 0 || name_len + 3 > base_len)
        return ERR_INVALID;
    if (name_len >= MODULE_INDEX_NAME_SIZE)
        return ERR_TOO_LONG;
    copy_name(name, base, name_len);
    return 0;
}

static int push_path(struct module_index_paths *paths, const char *text, size_t len)
{
    if (paths->count == MODULE_INDEX_PATHS_MAX)
        return ERR_FULL;
    if (len >= MODULE_INDEX_PATH_SIZE)
        return ERR_TOO_LONG;
    memcpy(paths->items[paths->count], text, len);
    paths->items[paths->count++][len] = '\0';
    return 0;
}

/* modules.dep names the module first and what has to be there before everything else last. */
static void reverse(struct module_index_paths *paths)
{
    for (size_t i = 0; i < paths->count / 2; i++) {
        char spare[MODULE_INDEX_PATH_SIZE];
        char *first = paths->items[i];
        char *last = paths->items[paths->count - 1 - i];

        memcpy(spare, first, sizeof spare);
        memcpy(first, last, sizeof spare);
        memcpy(last, spare, sizeof spare);
    }
}

int module_index_dep_paths(const char *line, const char *name, struct module_index_paths *paths)
{
    size_t len = strcspn(line, ":");
    char found[MODULE_INDEX_NAME_SIZE];
    int err;

    if (line[len] != ':' || module_index_name_from_path(line, len, found) != 0)
        return ERR_INVALID;
    if (strcmp(found, name) != 0)
        return ERR_NOT_FOUND;
    paths->count = 0;
    err = push_path(paths, line, len);
    line = skip_blanks(line + len + 1);
    while (!err && (len = word_len(line)) > 0) {
        err = push_path(paths, line, len);
        line = skip_blanks(line + len);
    }
    if (err)
        return err;
    reverse(paths);
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_len = strlen(text);
    size_t end_len = strlen(end);

    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

bool module_index_is_compressed(const char *path)
{
    return ends_with(path, ".xz") || ends_with(path, ".gz") || ends_with(path, ".zst");
}
