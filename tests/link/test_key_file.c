/* The key's file as both systems have it; test_key_file_unix.c and _win.c have who may read it. */
#include "shared/link/key_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/link/link_process.h"
#include "tests/link/key_place.h"

static void a_key_is_read_as_written(void **state)
{
    struct key_place *place = *state;
    struct link_key key;
    struct link_key read;
    char reason[KEY_FILE_REASON_SIZE];

    for (size_t i = 0; i < 2; i++) { /* The second time in place of the first. */
        link_key_generate(&key);
        assert_int_equal(key_file_write(&place->file, &key, reason), 0);
        assert_int_equal(key_file_read(&place->file, &read, reason), 0);
        assert_memory_equal(&read, &key, sizeof key);
        assert_int_equal(key_file_read_for_handshake(&place->file, &read, reason), 0);
    }
}

static void a_missing_key_is_told_with_the_remedy(void **state)
{
    struct key_place *place = *state;
    struct link_key key;
    char reason[KEY_FILE_REASON_SIZE];

    assert_int_equal(key_file_read(&place->file, &key, reason), ERR_NOT_FOUND);
    assert_non_null(strstr(reason, place->path));
    assert_non_null(strstr(reason, "ttyferry.exe install"));
    assert_non_null(strstr(reason, "\"auth\": \"none\""));
}

static void what_is_no_key_is_told_with_the_remedy(void **state)
{
    static const char *const contents[] = {"", "\n", "00", "0123456789abcdef0123456789abcdef\n"};
    struct key_place *place = *state;
    struct link_key key;
    char reason[KEY_FILE_REASON_SIZE];

    link_key_generate(&key);
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        assert_int_equal(key_file_write(&place->file, &key, reason), 0);
        key_place_overwrite(place, contents[i]);
        assert_int_equal(key_file_read(&place->file, &key, reason), ERR_INVALID);
        assert_non_null(strstr(reason, "pair --renew"));
        assert_non_null(strstr(reason, place->path));
    }
}

static void a_folder_is_no_key(void **state)
{
    struct key_place *place = *state;
    struct key_file folder = {.path = place->folder, .owner = place->file.owner};
    struct link_key key;
    char reason[KEY_FILE_REASON_SIZE];

    key_place_fill(place); /* makes the folder too */
    assert_int_equal(key_file_read(&folder, &key, reason), ERR_DENIED);
    assert_non_null(strstr(reason, "no regular file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_PLACE_TEST(a_key_is_read_as_written),
        KEY_PLACE_TEST(a_missing_key_is_told_with_the_remedy),
        KEY_PLACE_TEST(what_is_no_key_is_told_with_the_remedy),
        KEY_PLACE_TEST(a_folder_is_no_key),
    };

    link_process_init();
    return cmocka_run_group_tests_name("key_file", tests, NULL, NULL);
}
