/* Who may have access to the key's file on Unix. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "shared/link/link_process.h"
#include "tests/link/key_place.h"
#include "tests/link/rig.h"

static void expect_denied(struct key_place *place, const char *part)
{
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    assert_int_equal(key_file_read(&place->file, &key, reason), ERR_DENIED);
    assert_non_null(strstr(reason, place->path));
    if (strstr(reason, part) == NULL) {
        fail_msg("\"%s\" has not \"%s\"", reason, part);
    }
}

static void the_default_is_below_etc(void **state)
{
    char path[KEY_FILE_PATH_SIZE];

    (void)state;
    assert_int_equal(key_file_default_path(path), 0);
    assert_string_equal(path, "/etc/ttyferry/key");
}

static void a_key_is_written_for_its_owner_alone(void **state)
{
    struct key_place *place = *state;
    struct stat status;
    mode_t umask_before = umask(0);

    key_place_fill(place);
    umask(umask_before);
    assert_int_equal(lstat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void another_umask_takes_no_right_from_the_owner(void **state)
{
    struct key_place *place = *state;
    struct stat status;
    mode_t umask_before;

    key_place_fill(place); /* the folder, with the usual one */
    umask_before = umask(0777);
    assert_int_equal(unlink(place->path), 0);
    key_place_fill(place);
    umask(umask_before);
    assert_int_equal(lstat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void any_right_of_group_or_others_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0644, 0666, 0777};
    struct key_place *place = *state;

    key_place_fill(place);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(place->path, modes[i]), 0);
        expect_denied(place, "chmod 600");
    }
}

static void the_owner_may_have_fewer_rights(void **state)
{
    struct key_place *place = *state;
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    key_place_fill(place);
    assert_int_equal(chmod(place->path, 0400), 0);
    assert_int_equal(key_file_read(&place->file, &key, reason), 0);
}

static void another_owner_is_refused(void **state)
{
    struct key_place *place = *state;

    key_place_fill(place);
    place->file.owner++;
    expect_denied(place, "chown");
}

static void a_symbolic_link_is_refused(void **state)
{
    struct key_place *place = *state;
    char target[KEY_PLACE_SIZE + 16];

    key_place_fill(place);
    snprintf(target, sizeof target, "%s/target", place->folder);
    assert_int_equal(rename(place->path, target), 0);
    assert_int_equal(symlink(target, place->path), 0);
    expect_denied(place, "symbolic link");
    assert_int_equal(unlink(target), 0);
}

static void a_symbolic_link_is_replaced_and_its_target_left_alone(void **state)
{
    struct key_place *place = *state;
    char target[KEY_PLACE_SIZE + 16];
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;
    struct stat status;

    key_place_fill(place);
    snprintf(target, sizeof target, "%s/target", place->folder);
    assert_int_equal(rename(place->path, target), 0);
    assert_int_equal(truncate(target, 0), 0);
    assert_int_equal(symlink(target, place->path), 0);
    link_key_generate(&key);
    assert_int_equal(key_file_write(&place->file, &key, reason), 0);
    assert_int_equal(lstat(place->path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(stat(target, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(unlink(target), 0);
}

/* It would never answer, were it opened as a file is. */
static void a_fifo_is_refused_without_waiting(void **state)
{
    struct key_place *place = *state;

    key_place_fill(place);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    expect_denied(place, "no regular file");
}

static void the_rest_of_a_killed_writer_is_no_obstacle(void **state)
{
    struct key_place *place = *state;
    char left[KEY_PLACE_SIZE + 16];
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    key_place_fill(place);
    snprintf(left, sizeof left, "%s.new", place->path);
    assert_int_equal(symlink("/etc/passwd", left), 0);
    link_key_generate(&key);
    assert_int_equal(key_file_write(&place->file, &key, reason), 0);
    assert_int_equal(access(left, F_OK), -1);
}

static void a_place_that_cannot_be_written_is_told(void **state)
{
    struct key_file file = {.path = "/proc/no/such/key"};
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    (void)state;
    link_key_generate(&key);
    assert_int_not_equal(key_file_write(&file, &key, reason), 0);
    assert_non_null(strstr(reason, file.path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_below_etc),
        KEY_PLACE_TEST(a_key_is_written_for_its_owner_alone),
        KEY_PLACE_TEST(another_umask_takes_no_right_from_the_owner),
        KEY_PLACE_TEST(any_right_of_group_or_others_is_refused),
        KEY_PLACE_TEST(the_owner_may_have_fewer_rights),
        KEY_PLACE_TEST(another_owner_is_refused),
        KEY_PLACE_TEST(a_symbolic_link_is_refused),
        KEY_PLACE_TEST(a_symbolic_link_is_replaced_and_its_target_left_alone),
        KEY_PLACE_TEST(a_fifo_is_refused_without_waiting),
        KEY_PLACE_TEST(the_rest_of_a_killed_writer_is_no_obstacle),
        cmocka_unit_test(a_place_that_cannot_be_written_is_told),
    };

    link_process_init();
    return cmocka_run_group_tests_name("key_file_unix", tests, NULL, NULL);
}
