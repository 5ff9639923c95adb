/* The configuration that an installation writes: there is none yet, one of an earlier installation,
 * or one of the user's. */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-win/install_steps.h"
#include "host-win/wide.h"
#include "shared/cli/config_file.h"
#include "tests/core/cases.h"

#define OURS "{\"link\":{\"transport\":\"bridge\"},\"wsl\":{\"distribution\":\"Debian\"}}\n"
#define OUR_DISTRIBUTION "{\"wsl\":{\"distribution\":\"Debian\"}}\n"

struct row {
    const char *name;
    const char *before; /* the file; NULL: there is none */
    bool made_config;   /* by an installation before */
    const char *distribution;
    const char *transport;
    const char *after;
    const char *said; /* in the step's line */
};

static const struct row rows[] = {
    {"none yet", NULL, false, "Debian", "bridge", OURS, ""},
    {"nothing named", NULL, false, NULL, NULL, NULL, ""},
    {"ours: another distribution", OURS, true, "Alpine", NULL,
     "{\"link\":{\"transport\":\"bridge\"},\"wsl\":{\"distribution\":\"Alpine\"}}\n", ""},
    {"ours: another transport", OURS, true, NULL, "tcp",
     "{\"link\":{\"transport\":\"tcp\"},\"wsl\":{\"distribution\":\"Debian\"}}\n", ""},
    {"ours: a transport too", OUR_DISTRIBUTION, true, NULL, "bridge", OURS, ""},
    {"ours: another distribution only", OUR_DISTRIBUTION, true, "Alpine", NULL,
     "{\"wsl\":{\"distribution\":\"Alpine\"}}\n", ""},
    {"ours: the same", OURS, true, "debian", "bridge", OURS, ""},
    {"ours, and edited since", OURS "// mine\n", true, "Alpine", NULL, OURS "// mine\n",
     "left as it is"},
    {"ours, and more in it", "{\"wsl\":{\"distribution\":\"Debian\",\"keep_alive\":\"off\"}}\n",
     true, "Alpine", NULL, "{\"wsl\":{\"distribution\":\"Debian\",\"keep_alive\":\"off\"}}\n",
     "left as it is"},
    {"the user's, though it reads the same", OURS, false, "Alpine", NULL, OURS, "left as it is"},
    {"the user's: nothing named", OURS, false, NULL, NULL, OURS, ""},
};

static void find_places(struct install_places *places)
{
    wchar_t temporary[MAX_PATH];
    wchar_t config[PROGRAM_FILES_PATH_SIZE];

    memset(places, 0, sizeof *places);
    assert_in_range(GetTempPathW(MAX_PATH, temporary), 1, MAX_PATH);
    _snwprintf(places->data_folder, PROGRAM_FILES_PATH_SIZE, L"%lsttyferry-test-install-%lu",
               temporary, GetCurrentProcessId());
    CreateDirectoryW(places->data_folder, NULL);
    assert_int_equal(program_files_join(places->data_folder, L"config.json", config), 0);
    assert_int_equal(wide_to_utf8(config, places->config, sizeof places->config), 0);
}

static void expect_file(const struct install_places *places, const char *expected)
{
    char text[1024];
    size_t len = 0;
    int error = install_places_read_file(places, L"config.json", text, sizeof text - 1, &len);

    if (expected == NULL) {
        assert_int_not_equal(error, 0);
        return;
    }
    assert_int_equal(error, 0);
    text[len] = '\0';
    assert_string_equal(text, expected);
}

/* Written, and then taken back. */
static void check(void **state)
{
    const struct row *row = *state;
    static struct install_places places;
    struct installer *installer = calloc(1, sizeof *installer);
    const struct installer_options options = {.distribution = row->distribution,
                                              .transport = row->transport};
    char reason[CONFIG_REASON_SIZE];

    assert_non_null(installer);
    find_places(&places);
    installer->places = &places;
    installer->options = &options;
    installer->state.made_config = row->made_config;
    config_init(&installer->config);
    if (row->before != NULL) {
        assert_int_equal(
            install_places_write_file(&places, L"config.json", row->before, strlen(row->before)),
            0);
        assert_int_equal(config_file_read(places.config, &installer->config, reason), 0);
    }
    assert_int_equal(install_host_write_config(installer), 0);
    expect_file(&places, row->after);
    if (row->said[0] != '\0') {
        assert_non_null(strstr(installer->detail, row->said));
    } else {
        assert_string_equal(installer->detail, "");
    }
    assert_int_equal(install_host_drop_config(installer), 0);
    expect_file(&places, row->before);
    program_files_remove(places.data_folder, L"config.json");
    assert_true(RemoveDirectoryW(places.data_folder));
    free(installer);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check);
    return cases_run("install_host", &cases);
}
