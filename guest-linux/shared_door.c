#include "guest-linux/shared_door.h"

#include <stdio.h>
#include <unistd.h>

#include "guest-linux/agent_control.h"
#include "guest-linux/run_file.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/link/local_folder_unix.h"
#include "shared/link/local_shared_unix.h"

static int open_door(struct stream *stream, const char *root, const char *group, const char *path)
{
    int err = local_shared_check_root(root);

    if (err == ERR_DENIED) {
        log_warning("other distributions can't read the stream: %s is not root's, or others could "
                    "take away what is root's there (its mode should be 1777)",
                    root);
        return err;
    }
    if (err == 0) {
        err = stream_open_door(stream, path, group);
    }
    if (err == ERR_EXISTS) {
        log_warning("other distributions read the stream of another agent: it serves %s", path);
    } else if (err != 0 && err != ERR_NOT_FOUND) {
        log_warning("other distributions can't read the stream, for %s can't be served: %s", path,
                    error_text(err));
    }
    return err;
}

bool shared_door_open(struct stream *stream, const char *root, const char *group)
{
    char path[RUN_FILE_PATH_SIZE];

    if (local_shared_path(root, path, sizeof path) != 0 ||
        open_door(stream, root, group, path) != 0) {
        return false;
    }
    log_info("other distributions find the stream at %s", path);
    return true;
}

/* The folder is root's, and so nobody else can put anything in its place; and a server that is not
 * root's is not connected to, for it could leave us waiting. */
static bool is_dead(const char *root, const char *path)
{
    struct agent_control agent;
    int err = local_shared_check(root);

    if (err == 0) {
        err = agent_control_find(path, &agent);
    }
    if (err == 0) {
        agent_control_close(&agent);
    }
    return err == ERR_NOT_FOUND;
}

void shared_door_clean(const char *root)
{
    char path[RUN_FILE_PATH_SIZE];
    char lock_path[RUN_FILE_PATH_SIZE + sizeof LOCAL_FOLDER_LOCK_SUFFIX];

    if (local_shared_path(root, path, sizeof path) == 0 && is_dead(root, path)) {
        snprintf(lock_path, sizeof lock_path, "%s" LOCAL_FOLDER_LOCK_SUFFIX, path);
        (void)unlink(path);
        (void)unlink(lock_path);
        shared_door_remove(root);
    }
}

void shared_door_remove(const char *root)
{
    char path[RUN_FILE_PATH_SIZE];
    int len = snprintf(path, sizeof path, "%s" LOCAL_SHARED_FOLDER, root);

    if (len > 0 && (size_t)len < sizeof path) {
        (void)rmdir(path);
    }
}
