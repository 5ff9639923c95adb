/* The folder that a Unix socket lives in, held open so that nobody can put another in its place. */
#ifndef TTYFERRY_LINK_LOCAL_FOLDER_UNIX_H
#define TTYFERRY_LINK_LOCAL_FOLDER_UNIX_H

/* Of the file beside a socket that its server holds a lock on. */
#define LOCAL_FOLDER_LOCK_SUFFIX ".lock"

/* Opens the folder of the file at `path`, making it (0755) if it is missing; `*fd` is the caller's
 * to close(), `*name` points to the file's name within `path`. Only a folder of root's or of this
 * process's own user that nobody else may write to will do, and no symbolic link to one. Returns 0;
 * ERR_DENIED, with the reason in the log, for one that is not safe; or ours. */
int local_folder_open(const char *path, int *fd, const char **name);

#endif
