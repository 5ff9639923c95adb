#include "guest-linux/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/core/error.h"

#define BIT(capability) (UINT64_C(1) << (capability))

uint64_t privileges_needed(const struct privileges_use *use)
{
    return BIT(CAP_SYS_MODULE) | BIT(CAP_CHOWN) | (use->makes_nodes ? BIT(CAP_MKNOD) : 0) |
           (use->low_port ? BIT(CAP_NET_BIND_SERVICE) : 0);
}

/* PR_CAPBSET_READ fails beyond the last capability that this kernel knows. */
static int limit_bounding_set(uint64_t needed)
{
    int err = 0;

    for (unsigned long i = 0; i < 64; i++) {
        int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

        if (has < 0) {
            break;
        }
        if (has == 1 && (needed & BIT(i)) == 0 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0) {
            err = ERR_DENIED;
        }
    }
    return err;
}

/* Keeps of `needed` what there is. The C library has no wrapper. */
static int limit_own_sets(uint64_t needed)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, data) != 0) {
        return ERR_UNSUPPORTED;
    }
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= (uint32_t)(needed >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) == 0 ? 0 : ERR_UNSUPPORTED;
}

int privileges_drop(const struct privileges_use *use)
{
    uint64_t needed = privileges_needed(use);
    int bounding_err = limit_bounding_set(needed);
    int err = limit_own_sets(needed);

    /* Kernels before 4.3 have no ambient set; nothing is in it then. */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        err = ERR_UNSUPPORTED;
    }
    return err != 0 ? err : bounding_err;
}
