#include "shared/cli/log_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/core/timestamp.h"
#include "shared/link/link_error.h"

#define LINE_SIZE (LOG_MESSAGE_SIZE + TIMESTAMP_SIZE + 32)
#define OLD_SUFFIX ".1"

struct log_file {
    uv_file file;
    uint64_t size;
    char path[LOG_FILE_PATH_SIZE];
    char old_path[LOG_FILE_PATH_SIZE + sizeof OLD_SUFFIX];
};

/* If there is none in the end, opening the file says so. */
static void make_folders(const char *path)
{
    char folder[LOG_FILE_PATH_SIZE];
    uv_fs_t request;

    for (size_t len = 1; path[len] != '\0'; len++) {
        if (path[len] == '/' || path[len] == '\\') {
            memcpy(folder, path, len);
            folder[len] = '\0';
            uv_fs_mkdir(NULL, &request, folder, 0755, NULL);
            uv_fs_req_cleanup(&request);
        }
    }
}

static int open_file(struct log_file *log)
{
    uv_fs_t request;
    int file = uv_fs_open(NULL, &request, log->path,
                          UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_APPEND, 0640, NULL);

    uv_fs_req_cleanup(&request);
    log->file = file;
    if (file < 0) {
        return link_error_from_uv(file);
    }
    log->size = uv_fs_fstat(NULL, &request, file, NULL) == 0 ? request.statbuf.st_size : 0;
    uv_fs_req_cleanup(&request);
    return 0;
}

static void close_file(struct log_file *log)
{
    uv_fs_t request;

    if (log->file >= 0) {
        uv_fs_close(NULL, &request, log->file, NULL);
        uv_fs_req_cleanup(&request);
        log->file = -1;
    }
}

/* If the name can't be changed the file grows on: better a long log than none. */
static void rotate(struct log_file *log)
{
    uv_fs_t request;

    close_file(log);
    uv_fs_rename(NULL, &request, log->path, log->old_path, NULL);
    uv_fs_req_cleanup(&request);
    (void)open_file(log);
}

static bool write_line(struct log_file *log, char *line, size_t len)
{
    uv_buf_t buffer = uv_buf_init(line, (unsigned)len);
    uv_fs_t request;
    int put;

    if (log->file < 0) {
        return false;
    }
    put = uv_fs_write(NULL, &request, log->file, &buffer, 1, -1, NULL);
    uv_fs_req_cleanup(&request);
    log->size += len;
    return put == (int)len;
}

static void on_message(void *context, enum log_level level, const char *message)
{
    struct log_file *log = context;
    char time[TIMESTAMP_SIZE] = "";
    char line[LINE_SIZE];
    uv_timeval64_t now;
    int len;

    if (uv_gettimeofday(&now) == 0) {
        timestamp_from_ms(now.tv_sec * 1000 + now.tv_usec / 1000, time);
    }
    len = snprintf(line, sizeof line, "%s %s: %s\n", time, log_level_name(level), message);
    if (log->size + (size_t)len > LOG_FILE_MAX) {
        rotate(log);
    }
    if (!write_line(log, line, (size_t)len)) {
        fputs(line, stderr);
    }
}

int log_file_open(const char *path, struct log_file **file)
{
    struct log_file *opened = calloc(1, sizeof *opened);
    int result;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    result = path[0] != '\0' ? text_copy(opened->path, sizeof opened->path, path) : ERR_NOT_FOUND;
    if (result == 0) {
        snprintf(opened->old_path, sizeof opened->old_path, "%s" OLD_SUFFIX, opened->path);
        make_folders(opened->path);
        result = open_file(opened);
    }
    if (result != 0) {
        free(opened);
        return result;
    }
    log_set_sink(on_message, opened);
    *file = opened;
    return 0;
}

void log_file_close(struct log_file *file)
{
    log_set_sink(NULL, NULL);
    close_file(file);
    free(file);
}
