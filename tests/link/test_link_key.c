#include "shared/link/link_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/core/error.h"
#include "shared/link/link_process.h"

#define TEXT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

static void text_round_trips(void **state)
{
    struct link_key key;
    char text[LINK_KEY_TEXT_SIZE];

    (void)state;
    assert_int_equal(link_key_from_text(TEXT, strlen(TEXT), &key), 0);
    assert_int_equal(key.bytes[1], 1);
    assert_int_equal(key.bytes[LINK_KEY_BYTES - 1], 0xff);
    link_key_to_text(&key, text);
    assert_string_equal(text, TEXT);
}

static void one_line_end_may_follow(void **state)
{
    struct link_key key;

    (void)state;
    assert_int_equal(link_key_from_text(TEXT "\n", strlen(TEXT) + 1, &key), 0);
    assert_int_equal(link_key_from_text(TEXT "\r\n", strlen(TEXT) + 2, &key), 0);
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1ef",
        TEXT "0",
        TEXT "\n\n",
        TEXT "\r",
        " " TEXT,
        "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1eff",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1efg",
        "000102030405060708090a0b0c0d0e0f 01112131415161718191a1b1c1d1eff",
    };
    struct link_key key;
    struct link_key untouched;

    (void)state;
    memset(&key, 7, sizeof key);
    untouched = key;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(link_key_from_text(texts[i], strlen(texts[i]), &key), ERR_INVALID);
        assert_memory_equal(&key, &untouched, sizeof key);
    }
}

static void generated_keys_differ_and_wiping_leaves_nothing(void **state)
{
    static const struct link_key zero = {{0}};
    struct link_key a;
    struct link_key b;
    char text[] = "secret";

    (void)state;
    link_key_generate(&a);
    link_key_generate(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
    link_key_wipe(&a);
    assert_memory_equal(&a, &zero, sizeof a);
    link_key_wipe_text(text, sizeof text);
    assert_memory_equal(text, "\0\0\0\0\0\0", sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(one_line_end_may_follow),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(generated_keys_differ_and_wiping_leaves_nothing),
    };

    link_process_init();
    return cmocka_run_group_tests_name("link_key", tests, NULL, NULL);
}
