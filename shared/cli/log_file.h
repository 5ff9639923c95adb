/* The log in a file, for an agent that nobody sits in front of. */
#ifndef TTYFERRY_CLI_LOG_FILE_H
#define TTYFERRY_CLI_LOG_FILE_H

/* A file that would grow over it is renamed to "<path>.1", in place of an older one. */
#define LOG_FILE_MAX (1024u * 1024)
#define LOG_FILE_PATH_SIZE 1024

struct log_file;

/* Sends the log to the end of the file at `path` (UTF-8), each line with its time; its folders
 * are made if missing. While the file can't be written the log goes to stderr. Returns 0,
 * ERR_TOO_LONG, ERR_NOMEM, or why the file can't be opened, and then the log goes where it went. */
int log_file_open(const char *path, struct log_file **file);

/* The log goes to stderr again. */
void log_file_close(struct log_file *file);

#endif
