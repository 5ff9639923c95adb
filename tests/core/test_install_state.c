/* install.json, and what the installer writes for others. */
#include "shared/core/install_state.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "tests/core/cases.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct bad_row {
    const char *name;
    const char *text;
};

#define FLAGS                                                                                      \
    "\"made_path_entry\":true,\"made_path_value\":false,\"made_key\":true,\"made_config\":false,"

#define LEFT "{\"distribution\":\"D\"}"

static const struct bad_row bad_rows[] = {
    {"bad: empty", ""},
    {"bad: a list", "[]"},
    {"bad: nothing in it", "{}"},
    {"bad: too many folders", "{" FLAGS "\"program_folders\":9,\"data_folders\":0}"},
    {"bad: an option for a distribution",
     "{\"distribution\":\"--shutdown\"," FLAGS "\"program_folders\":1,\"data_folders\":0}"},
    {"bad: what was left is no list",
     "{" FLAGS "\"program_folders\":1,\"data_folders\":0,\"left_in\":{}}"},
    {"bad: what was left has no name",
     "{" FLAGS "\"program_folders\":1,\"data_folders\":0,\"left_in\":[{}]}"},
    {"bad: what was left is no object",
     "{" FLAGS "\"program_folders\":1,\"data_folders\":0,\"left_in\":[\"Debian\"]}"},
    {"bad: what was left has an option for a name",
     "{" FLAGS "\"program_folders\":1,\"data_folders\":0,"
     "\"left_in\":[{\"distribution\":\"-d\"}]}"},
    {"bad: left in too many",
     "{" FLAGS "\"program_folders\":1,\"data_folders\":0,\"left_in\":[" LEFT "," LEFT "," LEFT
     "," LEFT "," LEFT "," LEFT "," LEFT "," LEFT "," LEFT "]}"},
    {"bad: a flag that is none",
     "{\"made_path_entry\":1,\"made_path_value\":false,\"made_key\":true,\"made_config\":false,"
     "\"program_folders\":1,\"data_folders\":0}"},
};

static void check_bad(void **state)
{
    const struct bad_row *row = *state;
    struct install_state read = {.version = "x"};

    assert_int_equal(install_state_from_text(row->text, strlen(row->text), &read), ERR_INVALID);
    assert_string_equal(read.version, "x");
}

static void survives_the_round_trip(void **state)
{
    const struct install_state written = {
        .version = "0.1.0",
        .distribution = "Ubuntu-24.04",
        .made_path_entry = true,
        .made_key = true,
        .left_in = {"Debian", "Alpine"},
        .left_count = 2,
        .program_folders = 2,
        .data_folders = 1,
    };
    struct install_state read;
    char *text;
    size_t len;

    (void)state;
    assert_int_equal(install_state_to_text(&written, &text, &len), 0);
    assert_int_equal(install_state_from_text(text, len, &read), 0);
    free(text);
    assert_string_equal(read.version, written.version);
    assert_string_equal(read.distribution, written.distribution);
    assert_true(read.made_path_entry && !read.made_path_value);
    assert_true(read.made_key && !read.made_config);
    assert_int_equal(read.program_folders, 2);
    assert_int_equal(read.data_folders, 1);
    assert_int_equal(read.left_count, 2);
    assert_string_equal(read.left_in[0], "Debian");
    assert_string_equal(read.left_in[1], "Alpine");
}

static void earlier_versions_left_nothing(void **state)
{
    static const char text[] =
        "{\"distribution\":\"Debian\"," FLAGS "\"program_folders\":1,\"data_folders\":0}";
    struct install_state read;

    (void)state;
    assert_int_equal(install_state_from_text(text, strlen(text), &read), 0);
    assert_true(install_state_is_installed(&read));
    assert_int_equal(read.left_count, 0);
}

static void a_distribution_is_left_once(void **state)
{
    struct install_state moved = {.distribution = ""};

    (void)state;
    assert_false(install_state_is_installed(&moved));
    install_state_enter(&moved, "Debian");
    assert_int_equal(install_state_leave(&moved), 0);
    install_state_enter(&moved, "Alpine");
    assert_true(install_state_has_left(&moved, "debian"));
    assert_int_equal(install_state_leave(&moved), 0);
    assert_false(install_state_is_installed(&moved));
    install_state_enter(&moved, "DEBIAN");
    assert_true(install_state_is_installed(&moved));
    assert_false(install_state_has_left(&moved, "Debian"));
    assert_int_equal(moved.left_count, 1);
    assert_string_equal(moved.left_in[0], "Alpine");
}

static void too_many_that_were_left_are_refused(void **state)
{
    struct install_state moved = {.distribution = ""};
    char name[] = "A";

    (void)state;
    for (; name[0] < 'A' + INSTALL_STATE_LEFT_MAX; name[0]++) {
        install_state_enter(&moved, name);
        assert_int_equal(install_state_leave(&moved), 0);
    }
    install_state_enter(&moved, name);
    assert_int_equal(install_state_leave(&moved), ERR_FULL);
    assert_string_equal(moved.distribution, name);
    /* One that is left already needs no more room. */
    text_copy(moved.distribution, sizeof moved.distribution, "a");
    assert_int_equal(install_state_leave(&moved), 0);
}

static void expect_text(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    free(text);
}

static void setup_tells_what_the_guest_needs(void **state)
{
    struct config config;
    char *text;
    size_t len;

    (void)state;
    config_init(&config);
    assert_int_equal(install_state_make_setup(KEY, "C:\\a\\ttyferry.exe", &config, &text, &len), 0);
    expect_text(text, "{\"key\":\"" KEY "\",\"host_program\":\"C:\\\\a\\\\ttyferry.exe\"}\n");
    config.link_port = 7;
    config.link_auth = CONFIG_AUTH_NONE;
    assert_int_equal(install_state_make_setup(KEY, NULL, &config, &text, &len), 0);
    expect_text(text,
                "{\"key\":\"" KEY "\",\"config\":{\"link\":{\"port\":7,\"auth\":\"none\"}}}\n");
    config.usbipd_port = 8;
    assert_int_equal(install_state_make_setup(KEY, NULL, &config, &text, &len), 0);
    expect_text(text, "{\"key\":\"" KEY "\",\"config\":{\"link\":{\"port\":7,\"auth\":\"none\"},"
                      "\"usbipd\":{\"port\":8}}}\n");
    assert_int_equal(install_state_make_setup(KEY, NULL, NULL, &text, &len), 0);
    expect_text(text, "{\"key\":\"" KEY "\"}\n");
}

static void config_has_what_was_named(void **state)
{
    struct config config;
    char reason[CONFIG_REASON_SIZE];
    char *text;
    size_t len;

    (void)state;
    config_init(&config);
    assert_int_equal(install_state_make_config("Debian", "bridge", &text, &len), 0);
    assert_int_equal(config_from_text(text, len, &config, reason), 0);
    assert_string_equal(config.wsl_distribution, "Debian");
    assert_int_equal(config.link_transport, CONFIG_TRANSPORT_BRIDGE);
    free(text);
    assert_int_equal(install_state_make_config(NULL, "tcp", &text, &len), 0);
    expect_text(text, "{\"link\":{\"transport\":\"tcp\"}}\n");
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, bad_rows, check_bad);
    cases_add_one(&cases, "survives the round trip", survives_the_round_trip);
    cases_add_one(&cases, "earlier versions left nothing", earlier_versions_left_nothing);
    cases_add_one(&cases, "a distribution is left once", a_distribution_is_left_once);
    cases_add_one(&cases, "too many that were left", too_many_that_were_left_are_refused);
    cases_add_one(&cases, "setup: what the guest needs", setup_tells_what_the_guest_needs);
    cases_add_one(&cases, "configuration: what was named", config_has_what_was_named);
    return cases_run("install_state", &cases);
}
