/* The distributions of WSL as `wsl.exe --list` prints them: in UTF-16LE or UTF-8, with or without
 * a byte order mark, and with a heading and states in the user's language. Pure: the bytes come
 * from the caller. */
#ifndef TTYFERRY_CORE_WSL_LIST_H
#define TTYFERRY_CORE_WSL_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of output that are looked at, and rows that are kept; both far more than anybody has. */
#define WSL_LIST_TEXT_MAX (64u * 1024)
#define WSL_LIST_MAX 64

/* As long as a name in the configuration. WSL allows letters, digits and `._-`, never a blank. */
#define WSL_LIST_NAME_SIZE 128

struct wsl_distribution {
    char name[WSL_LIST_NAME_SIZE];
    bool is_default;
    bool is_running;  /* only wsl_list_add_running tells, for the states are translated */
    unsigned version; /* 1 or 2 */
};

struct wsl_list {
    struct wsl_distribution items[WSL_LIST_MAX];
    size_t count;
};

/* Reads what `wsl.exe --list --verbose` printed. The first line is the heading; a further one that
 * is no row is left out, for there is none that could be taken for a distribution. No row at all is
 * an empty list. Returns 0, ERR_TOO_LONG (more than WSL_LIST_TEXT_MAX bytes), ERR_FULL (more than
 * WSL_LIST_MAX rows) or ERR_NOMEM; `*list` stays untouched on failure. */
int wsl_list_from_verbose(const char *bytes, size_t len, struct wsl_list *list);

/* Marks what `wsl.exe --list --running --quiet` printed: one name a line. A line that names none of
 * the list says nothing. Returns 0, ERR_TOO_LONG or ERR_NOMEM. */
int wsl_list_add_running(const char *bytes, size_t len, struct wsl_list *list);

/* The distribution of that name, ignoring case as WSL does, or NULL. */
const struct wsl_distribution *wsl_list_find(const struct wsl_list *list, const char *name);

/* Writes `len` bytes that wsl.exe printed as UTF-8 text without NULs; what is no UTF-16 becomes
 * U+FFFD. `*text` is terminated and the caller's to free(). Returns 0, ERR_TOO_LONG or ERR_NOMEM.
 */
int wsl_list_decode(const char *bytes, size_t len, char **text);

#endif
