#include "shared/link/local_endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/link/link_error.h"
#include "shared/link/local_folder_unix.h"
#include "shared/link/local_peer_unix.h"

#define ENDPOINT_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)
/* Each further try means that another agent ended in the very moment; no need for many. */
#define ENDPOINT_LOCK_TRIES 4

struct local_endpoint {
    uv_pipe_t listener;
    struct sockaddr_un address;
    int folder_fd;
    const char *name; /* of the socket in the folder; within `address` */
    char lock_name[ENDPOINT_PATH_SIZE + sizeof LOCAL_FOLDER_LOCK_SUFFIX];
    int lock_fd;
    gid_t group;  /* that may enter besides root, or LOCAL_PEER_NO_GROUP */
    dev_t device; /* the socket's file, to unlink it only if it is still ours */
    ino_t inode;
    bool bound;
    const struct local_endpoint_callbacks *callbacks;
    void *context;
};

static int error_from_errno(void)
{
    return link_error_from_uv(uv_translate_sys_error(errno));
}

/* True if `fd` is the file that has that name in the folder now. */
static bool is_same_file(int fd, int folder_fd, const char *name)
{
    struct stat of_fd;
    struct stat of_path;

    return fstat(fd, &of_fd) == 0 && fstatat(folder_fd, name, &of_path, AT_SYMLINK_NOFOLLOW) == 0 &&
           of_fd.st_dev == of_path.st_dev && of_fd.st_ino == of_path.st_ino;
}

/* The lock makes "is the socket a dead agent's? then replace it" one step: without it, two agents
 * starting at once could both find it dead, and the second would remove the first one's socket.
 * It is held while the endpoint lives, and the kernel lets go of it whatever happens to us. */
static int take_lock(struct local_endpoint *endpoint)
{
    for (int i = 0; i < ENDPOINT_LOCK_TRIES; i++) {
        int fd = openat(endpoint->folder_fd, endpoint->lock_name,
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0) {
            return error_from_errno();
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int result = errno == EWOULDBLOCK ? ERR_EXISTS : error_from_errno();

            close(fd);
            return result;
        }
        if (is_same_file(fd, endpoint->folder_fd, endpoint->lock_name)) {
            endpoint->lock_fd = fd;
            return 0;
        }
        close(fd); /* Its holder removed it between our open and our lock. */
    }
    return ERR_EXISTS;
}

static void release_lock(struct local_endpoint *endpoint)
{
    if (endpoint->lock_fd >= 0) {
        unlinkat(endpoint->folder_fd, endpoint->lock_name, 0);
        close(endpoint->lock_fd);
        endpoint->lock_fd = -1;
    }
}

/* True if somebody answers at the socket. */
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused;

    if (fd < 0) {
        return true;
    }
    refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
              errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

/* Removes what a dead agent left. Anything but a dead socket is somebody else's and stays. */
static int remove_stale(struct local_endpoint *endpoint)
{
    struct stat status;

    if (fstatat(endpoint->folder_fd, endpoint->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0 : error_from_errno();
    }
    if (!S_ISSOCK(status.st_mode) || (status.st_uid != 0 && status.st_uid != geteuid())) {
        log_error("%s is there already and no socket of an agent's: find out whose it is, and "
                  "remove it",
                  endpoint->address.sun_path);
        return ERR_DENIED;
    }
    if (is_alive(&endpoint->address)) {
        return ERR_EXISTS;
    }
    return unlinkat(endpoint->folder_fd, endpoint->name, 0) == 0 ? 0 : error_from_errno();
}

static void find_group(struct local_endpoint *endpoint, const char *group)
{
    const struct group *entry = group ? getgrnam(group) : NULL;

    endpoint->group = entry ? entry->gr_gid : LOCAL_PEER_NO_GROUP;
    if (group && !entry) {
        log_warning("there is no group \"%s\": only root can read the event stream", group);
    }
}

static int set_owner_and_mode(const struct local_endpoint *endpoint)
{
    mode_t mode = endpoint->group == LOCAL_PEER_NO_GROUP ? 0600 : 0660;

    if (endpoint->group != LOCAL_PEER_NO_GROUP &&
        fchownat(endpoint->folder_fd, endpoint->name, (uid_t)-1, endpoint->group,
                 AT_SYMLINK_NOFOLLOW) != 0) {
        return error_from_errno();
    }
    return fchmodat(endpoint->folder_fd, endpoint->name, mode, 0) == 0 ? 0 : error_from_errno();
}

static int bind_socket(struct local_endpoint *endpoint, int fd)
{
    struct stat status;

    /* The mode that bind gives the file: nobody else gets in before owner and group are right. */
    if (fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&endpoint->address, sizeof endpoint->address) != 0) {
        return error_from_errno();
    }
    /* bind goes by the path; the folder that is held must be where it has led to. */
    if (fstatat(endpoint->folder_fd, endpoint->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return error_from_errno();
    }
    if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
        return ERR_DENIED;
    }
    endpoint->device = status.st_dev;
    endpoint->inode = status.st_ino;
    endpoint->bound = true;
    return set_owner_and_mode(endpoint);
}

static void remove_socket(struct local_endpoint *endpoint)
{
    struct stat status;

    if (endpoint->bound &&
        fstatat(endpoint->folder_fd, endpoint->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_dev == endpoint->device && status.st_ino == endpoint->inode) {
        unlinkat(endpoint->folder_fd, endpoint->name, 0);
    }
    endpoint->bound = false;
}

static void close_folder(struct local_endpoint *endpoint)
{
    if (endpoint->folder_fd >= 0) {
        close(endpoint->folder_fd);
        endpoint->folder_fd = -1;
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct local_endpoint *endpoint = handle->data;

    endpoint->callbacks->on_closed(endpoint->context);
    free(endpoint);
}

static void on_failed_listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct local_endpoint *endpoint = listener->data;

    if (status < 0) {
        log_error("cannot take a connection at %s: %s", endpoint->address.sun_path,
                  error_text(link_error_from_uv(status)));
        return;
    }
    endpoint->callbacks->on_client(endpoint->context);
}

/* libuv's own uv_pipe_bind would unlink the path at close whoever owns it by then. */
static int open_socket(struct local_endpoint *endpoint)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result;

    if (fd < 0) {
        return error_from_errno();
    }
    result = bind_socket(endpoint, fd);
    if (result == 0) {
        result = link_error_from_uv(uv_pipe_open(&endpoint->listener, fd));
    }
    if (result != 0) {
        close(fd);
        return result;
    }
    return link_error_from_uv(
        uv_listen((uv_stream_t *)&endpoint->listener, LOCAL_ENDPOINT_WAITING_MAX, on_connection));
}

static int create(const char *path, struct local_endpoint **endpoint)
{
    struct local_endpoint *created = calloc(1, sizeof *created);

    if (!created) {
        return ERR_NOMEM;
    }
    created->lock_fd = -1;
    created->folder_fd = -1;
    created->address.sun_family = AF_UNIX;
    if (text_copy(created->address.sun_path, ENDPOINT_PATH_SIZE, path) != 0) {
        free(created);
        return ERR_TOO_LONG;
    }
    *endpoint = created;
    return 0;
}

static int take_place(struct local_endpoint *endpoint)
{
    int result =
        local_folder_open(endpoint->address.sun_path, &endpoint->folder_fd, &endpoint->name);

    if (result != 0) {
        return result;
    }
    snprintf(endpoint->lock_name, sizeof endpoint->lock_name, "%s" LOCAL_FOLDER_LOCK_SUFFIX,
             endpoint->name);
    result = take_lock(endpoint);
    return result == 0 ? remove_stale(endpoint) : result;
}

int local_endpoint_open(uv_loop_t *loop, const char *path, const char *group,
                        const struct local_endpoint_callbacks *callbacks, void *context,
                        struct local_endpoint **endpoint)
{
    struct local_endpoint *created;
    int result = create(path, &created);

    if (result != 0) {
        return result;
    }
    created->callbacks = callbacks;
    created->context = context;
    uv_pipe_init(loop, &created->listener, 0); /* Cannot fail without ipc. */
    created->listener.data = created;
    find_group(created, group);
    result = take_place(created);
    if (result == 0) {
        result = open_socket(created);
    }
    if (result != 0) {
        remove_socket(created);
        release_lock(created);
        close_folder(created);
        uv_close((uv_handle_t *)&created->listener, on_failed_listener_closed);
        return result;
    }
    *endpoint = created;
    return 0;
}

int local_endpoint_accept(struct local_endpoint *endpoint, uv_pipe_t *pipe)
{
    int result =
        link_error_from_uv(uv_accept((uv_stream_t *)&endpoint->listener, (uv_stream_t *)pipe));
    uv_os_fd_t fd;
    uid_t uid;

    if (result != 0 || uv_fileno((const uv_handle_t *)pipe, &fd) != 0) {
        return result != 0 ? result : ERR_IO;
    }
    if (!local_peer_may_enter(fd, endpoint->group, &uid)) {
        log_warning("a program of user %ld may not use %s: it is for root and the group that the "
                    "configuration names in \"access\"",
                    (long)uid, endpoint->address.sun_path);
        return ERR_DENIED;
    }
    return 0;
}

void local_endpoint_close(struct local_endpoint *endpoint)
{
    remove_socket(endpoint);
    release_lock(endpoint);
    close_folder(endpoint);
    uv_close((uv_handle_t *)&endpoint->listener, on_listener_closed);
}
