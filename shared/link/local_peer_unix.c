#include "shared/link/local_peer_unix.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Linux 4.13; not in every C library's headers. */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* NGROUPS_MAX of the kernel. */
#define PEER_GROUPS_MAX 65536u

static bool read_credentials(int fd, struct ucred *credentials)
{
    socklen_t size = sizeof *credentials;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, &size) == 0;
}

static bool is_own(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* The supplementary groups as they were when the peer connected, not what the group file says
 * now. */
static bool has_supplementary_group(int fd, gid_t group)
{
    socklen_t size = 0;
    gid_t *groups;
    bool found = false;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE ||
        size > PEER_GROUPS_MAX * sizeof *groups) {
        return false; /* It has none, or this kernel does not tell. */
    }
    groups = malloc(size);
    if (groups == NULL) {
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
        for (size_t i = 0; i < size / sizeof *groups && !found; i++) {
            found = groups[i] == group;
        }
    }
    free(groups);
    return found;
}

bool local_peer_may_enter(int fd, gid_t group, uid_t *uid)
{
    struct ucred credentials = {.uid = (uid_t)-1, .gid = LOCAL_PEER_NO_GROUP};

    *uid = (uid_t)-1;
    if (!read_credentials(fd, &credentials)) {
        return false;
    }
    *uid = credentials.uid;
    if (is_own(credentials.uid)) {
        return true;
    }
    return group != LOCAL_PEER_NO_GROUP &&
           (credentials.gid == group || has_supplementary_group(fd, group));
}

bool local_peer_is_trusted_server(int fd)
{
    struct ucred credentials;

    return read_credentials(fd, &credentials) && is_own(credentials.uid);
}

bool local_peer_is_roots_server(int fd)
{
    struct ucred credentials;

    return read_credentials(fd, &credentials) && credentials.uid == 0;
}
