/* Loads kernel modules without kmod: finds them in modules.alias and modules.dep and hands their
 * files to the kernel in the right order. Blocks: call it from a thread of its own.
 *
 * /etc/modprobe.d is not read: its options, blacklists and soft dependencies count only where
 * modprobe is there to read them. */
#ifndef TTYFERRY_GUEST_MODULE_LOADER_H
#define TTYFERRY_GUEST_MODULE_LOADER_H

#include <stdbool.h>
#include <stddef.h>

#define MODULE_LOADER_DETAIL_SIZE 256

struct module_loader {
    const char *modules_root; /* "/lib/modules/6.1.0-56-amd64" */
    const char *sysfs_root;   /* "/sys": which modules are there already */
    /* Hands one file to the kernel; module_loader_insert, or a test's own. Returns 0, ERR_EXISTS
     * if the module is there already, or another error. */
    int (*insert)(void *context, const char *path, bool compressed);
    void *context;
};

/* Loads what `wanted` names: a module, or (with a colon in it) an alias such as a device's
 * modalias, which may name several. Returns 0; ERR_NOT_FOUND if no module answers to it;
 * ERR_UNSUPPORTED if the files are compressed and this kernel cannot decompress them; ERR_DENIED,
 * ERR_IO. On failure `detail` says which file. */
int module_loader_load(const struct module_loader *loader, const char *wanted,
                       char detail[MODULE_LOADER_DETAIL_SIZE]);

/* The real insertion, by finit_module. `context` is not used. */
int module_loader_insert(void *context, const char *path, bool compressed);

#endif
