#include "guest-linux/module_loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-linux/module_index.h"
#include "guest-linux/os_error.h"
#include "guest-linux/sysfs.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

/* Linux 5.17 and later, where built with CONFIG_MODULE_DECOMPRESS (linux/module.h). */
#define INIT_COMPRESSED_FILE 4
#define NAMES_MAX 8

struct name_list {
    char items[NAMES_MAX][MODULE_INDEX_NAME_SIZE];
    size_t count;
};

static void add_name(struct name_list *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return;
    if (names->count < NAMES_MAX)
        text_copy(names->items[names->count++], MODULE_INDEX_NAME_SIZE, name);
}

/* Calls `visit` for each line of a file below the modules' root, which may be megabytes long,
 * until it returns other than ERR_NOT_FOUND. */
static int each_line(const struct module_loader *loader, const char *file,
                     int (*visit)(void *context, const char *line), void *context)
{
    char path[SYSFS_PATH_SIZE];
    char *line = NULL;
    size_t size = 0;
    FILE *stream;
    int err = sysfs_join(loader->modules_root, "", file, path);

    if (err)
        return err;
    stream = fopen(path, "re");
    if (!stream)
        return os_error_from_errno(errno);
    err = ERR_NOT_FOUND;
    while (err == ERR_NOT_FOUND && getline(&line, &size, stream) > 0)
        err = visit(context, line);
    free(line);
    fclose(stream);
    return err;
}

struct alias_search {
    const char *alias;
    struct name_list *names;
};

static int visit_alias(void *context, const char *line)
{
    struct alias_search *search = context;
    char name[MODULE_INDEX_NAME_SIZE];

    if (module_index_alias_applies(line, search->alias, name))
        add_name(search->names, name);
    return ERR_NOT_FOUND; /* several modules may answer to one alias */
}

struct dep_search {
    const char *name;
    struct module_index_paths *paths;
};

static int visit_dep(void *context, const char *line)
{
    struct dep_search *search = context;
    int err = module_index_dep_paths(line, search->name, search->paths);

    /* A line that is about no module is about none of ours. */
    return err == ERR_INVALID ? ERR_NOT_FOUND : err;
}

/* Built-in modules with parameters are in /sys/module too, without a state. A module that another
 * process is just loading is not loaded: the kernel makes our own insertion wait for that one. */
static bool is_loaded(const struct module_loader *loader, const char *name)
{
    char path[SYSFS_PATH_SIZE];
    char state[SYSFS_NAME_SIZE];

    if (sysfs_join("", "/module", name, path) != 0 ||
        !sysfs_exists(loader->sysfs_root, path, NULL)) {
        return false;
    }
    return sysfs_read_text(loader->sysfs_root, path, "initstate", state, sizeof state) != 0 ||
           strcmp(state, "live") == 0;
}

static int insert_file(const struct module_loader *loader, const char *relative,
                       char detail[MODULE_LOADER_DETAIL_SIZE])
{
    char path[SYSFS_PATH_SIZE];
    char name[MODULE_INDEX_NAME_SIZE];
    int err = module_index_name_from_path(relative, strlen(relative), name);

    if (!err && is_loaded(loader, name))
        return 0;
    if (!err)
        /* A path that starts with a slash (depmod with a base folder) stands for itself. */
        err = relative[0] == '/' ? sysfs_join("", relative, NULL, path)
                                 : sysfs_join(loader->modules_root, "", relative, path);
    if (!err)
        err = loader->insert(loader->context, path, module_index_is_compressed(path));
    if (err && err != ERR_EXISTS) {
        snprintf(detail, MODULE_LOADER_DETAIL_SIZE, "%s: %s", relative,
                 err == ERR_UNSUPPORTED ? "this kernel cannot decompress it; install kmod"
                                        : error_text(err));
        return err;
    }
    return 0;
}

static int load_module(const struct module_loader *loader, const char *name,
                       char detail[MODULE_LOADER_DETAIL_SIZE])
{
    struct module_index_paths *paths;
    struct dep_search search = {name, NULL};
    int err;

    if (is_loaded(loader, name))
        return 0;
    paths = calloc(1, sizeof *paths);
    if (!paths)
        return ERR_NOMEM;
    search.paths = paths;
    err = each_line(loader, "modules.dep", visit_dep, &search);
    if (err)
        snprintf(detail, MODULE_LOADER_DETAIL_SIZE, "no module %s below %s", name,
                 loader->modules_root);
    for (size_t i = 0; !err && i < paths->count; i++)
        err = insert_file(loader, paths->items[i], detail);
    free(paths);
    return err;
}

int module_loader_load(const struct module_loader *loader, const char *wanted,
                       char detail[MODULE_LOADER_DETAIL_SIZE])
{
    struct name_list names = {.count = 0};
    struct alias_search search = {wanted, &names};
    int err;

    detail[0] = '\0';
    if (!strchr(wanted, ':'))
        return load_module(loader, wanted, detail);
    err = each_line(loader, "modules.alias", visit_alias, &search);
    if (err != ERR_NOT_FOUND || names.count == 0) {
        snprintf(detail, MODULE_LOADER_DETAIL_SIZE, "no module for %s below %s", wanted,
                 loader->modules_root);
        return err;
    }
    err = 0;
    for (size_t i = 0; !err && i < names.count; i++)
        err = load_module(loader, names.items[i], detail);
    return err;
}

int module_loader_insert(void *context, const char *path, bool compressed)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int number = 0;

    (void)context;
    if (fd < 0)
        return os_error_from_errno(errno);
    if (syscall(SYS_finit_module, fd, "", compressed ? INIT_COMPRESSED_FILE : 0) != 0)
        number = errno;
    close(fd);
    if (number == 0)
        return 0;
    /* A kernel that does not know the flag says EINVAL, one built without it EOPNOTSUPP. */
    if (compressed && (number == EINVAL || number == EOPNOTSUPP || number == ENOEXEC))
        return ERR_UNSUPPORTED;
    return os_error_from_errno(number);
}
