/* The lines of modules.alias and modules.dep, and names of modules. Pure. */
#ifndef TTYFERRY_GUEST_MODULE_INDEX_H
#define TTYFERRY_GUEST_MODULE_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#define MODULE_INDEX_NAME_SIZE 64
#define MODULE_INDEX_PATH_SIZE 256
/* A module and all that it stands on. */
#define MODULE_INDEX_PATHS_MAX 32

struct module_index_paths {
    char items[MODULE_INDEX_PATHS_MAX][MODULE_INDEX_PATH_SIZE]; /* in the order of loading */
    size_t count;
};

/* True if `line` of modules.alias ("alias PATTERN NAME") applies to `alias`; its module's name
 * goes to `name`. Lines of another form never apply. */
bool module_index_alias_applies(const char *line, const char *alias,
                                char name[MODULE_INDEX_NAME_SIZE]);

/* The module's name of a file such as "kernel/drivers/usb/serial/ch341.ko.xz": "ch341". A dash
 * counts as an underscore, as for the kernel. Returns 0, ERR_INVALID, ERR_TOO_LONG. */
int module_index_name_from_path(const char *path, size_t len, char name[MODULE_INDEX_NAME_SIZE]);

/* Reads `line` of modules.dep ("PATH: DEPENDENCY ...") if it is about the module `name`. Returns
 * 0 and fills `paths`; ERR_NOT_FOUND for another module; ERR_INVALID, ERR_TOO_LONG, ERR_FULL. */
int module_index_dep_paths(const char *line, const char *name, struct module_index_paths *paths);

/* True for a file that the kernel has to decompress (.ko.xz, .ko.gz, .ko.zst). */
bool module_index_is_compressed(const char *path);

#endif
