#include "shared/cli/log_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/timestamp.h"
#include "tests/link/rig.h"

/* The whole file, terminated; free() it. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, LOG_FILE_MAX + 1);
    size_t len;

    assert_non_null(file);
    assert_non_null(text);
    len = fread(text, 1, LOG_FILE_MAX, file);
    assert_true(len <= LOG_FILE_MAX);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    return text;
}

static void lines_have_their_time_and_level(void **state)
{
    char path[RIG_PATH_SIZE];
    char time_text[TIMESTAMP_SIZE] = "";
    struct log_file *log;
    int64_t time_ms;
    char *text;

    (void)state;
    rig_make_file_path(path);
    assert_int_equal(log_file_open(path, &log), 0);
    log_warning("board %d", 7);
    log_file_close(log);
    assert_int_equal(log_file_open(path, &log), 0); /* It goes on at its end. */
    log_info("forged\nline");
    log_file_close(log);
    text = read_file(path);
    memcpy(time_text, text, TIMESTAMP_SIZE - 1);
    assert_int_equal(timestamp_to_ms(time_text, &time_ms), 0);
    assert_non_null(strstr(text, "Z warning: board 7\n"));
    assert_non_null(strstr(text, "Z info: forged\\x0aline\n"));
    free(text);
    assert_int_equal(remove(path), 0);
}

static void a_long_log_is_kept_once(void **state)
{
    char path[RIG_PATH_SIZE];
    char old_path[RIG_PATH_SIZE + 2];
    struct log_file *log;
    char *text;
    char *old_text;

    (void)state;
    rig_make_file_path(path);
    snprintf(old_path, sizeof old_path, "%s.1", path);
    assert_int_equal(log_file_open(path, &log), 0);
    for (int i = 0; i < 30000; i++) { /* More than two files' worth. */
        log_info("line %d: %064d", i, 0);
    }
    log_file_close(log);
    text = read_file(path);
    old_text = read_file(old_path);
    assert_non_null(strstr(text, "info: line 29999:"));
    assert_null(strstr(old_text, "info: line 0:"));
    assert_int_equal(old_text[strlen(old_text) - 1], '\n');
    free(text);
    free(old_text);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(old_path), 0);
}

static void remove_folder(const char *path)
{
    uv_fs_t request;

    assert_int_equal(uv_fs_rmdir(NULL, &request, path, NULL), 0);
    uv_fs_req_cleanup(&request);
}

static void missing_folders_are_made(void **state)
{
    char folder[RIG_PATH_SIZE];
    char inner[RIG_PATH_SIZE + 8];
    char path[RIG_PATH_SIZE + 24];
    struct log_file *log;

    (void)state;
    rig_make_file_path(folder);
    snprintf(inner, sizeof inner, "%s/log", folder);
    snprintf(path, sizeof path, "%s/agent.log", inner);
    assert_int_equal(log_file_open(path, &log), 0);
    log_file_close(log);
    assert_int_equal(remove(path), 0);
    remove_folder(inner);
    remove_folder(folder);
}

static void what_cannot_be_opened_is_told(void **state)
{
    char file[RIG_PATH_SIZE];
    char path[RIG_PATH_SIZE + 16];
    struct log_file *log;

    (void)state;
    rig_make_file_path(file);
    assert_int_equal(log_file_open(file, &log), 0);
    log_file_close(log);
    snprintf(path, sizeof path, "%s/agent.log", file);
    assert_int_equal(log_file_open(path, &log), ERR_NOT_FOUND);
    assert_int_equal(log_file_open("", &log), ERR_NOT_FOUND);
    assert_int_equal(remove(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_their_time_and_level),
        cmocka_unit_test(a_long_log_is_kept_once),
        cmocka_unit_test(missing_folders_are_made),
        cmocka_unit_test(what_cannot_be_opened_is_told),
    };

    return cmocka_run_group_tests_name("log_file", tests, NULL, NULL);
}
