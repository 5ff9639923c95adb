/* Where the configuration lies, and that it can be read there whatever the user is called. */
#include "host-win/config_place.h"

#include <windows.h>

#include <string.h>
#include <wchar.h>

#include "shared/cli/config_file.h"
#include "shared/core/error.h"
#include "tests/core/cases.h"

#define VARIABLE L"LOCALAPPDATA"
#define USER                                                                                       \
    L"Zo\u00eb \x732B" /* a letter outside ASCII, a space, a letter outside any code page */

static wchar_t old_value[CONFIG_PLACE_PATH_SIZE];

static int keep_variable(void **state)
{
    (void)state;
    return GetEnvironmentVariableW(VARIABLE, old_value, CONFIG_PLACE_PATH_SIZE) > 0 ? 0 : -1;
}

static int restore_variable(void **state)
{
    (void)state;
    return SetEnvironmentVariableW(VARIABLE, old_value) ? 0 : -1;
}

static void is_below_local_app_data(void **state)
{
    char path[CONFIG_PLACE_PATH_SIZE];

    (void)state;
    assert_true(SetEnvironmentVariableW(VARIABLE, L"C:\\Users\\" USER L"\\AppData\\Local"));
    assert_int_equal(config_place_default_path(path), 0);
    assert_string_equal(
        path, "C:\\Users\\Zo\xC3\xAB \xE7\x8C\xAB\\AppData\\Local\\ttyferry\\config.json");
    assert_int_equal(config_place_log_path(path), 0);
    assert_string_equal(path,
                        "C:\\Users\\Zo\xC3\xAB \xE7\x8C\xAB\\AppData\\Local\\ttyferry\\agent.log");
}

static void is_not_found_without_the_variable(void **state)
{
    char path[CONFIG_PLACE_PATH_SIZE];

    (void)state;
    assert_true(SetEnvironmentVariableW(VARIABLE, NULL));
    assert_int_equal(config_place_default_path(path), ERR_NOT_FOUND);
}

static void refuses_what_is_too_long(void **state)
{
    char path[CONFIG_PLACE_PATH_SIZE];
    wchar_t folder[CONFIG_PLACE_PATH_SIZE + 2] = {0};
    size_t longest = sizeof path - sizeof "\\ttyferry\\config.json";

    (void)state;
    wmemset(folder, L'a', longest);
    assert_true(SetEnvironmentVariableW(VARIABLE, folder));
    assert_int_equal(config_place_default_path(path), 0);
    assert_int_equal(strlen(path), sizeof path - 1);

    wmemset(folder, L'a', longest + 1);
    assert_true(SetEnvironmentVariableW(VARIABLE, folder));
    assert_int_equal(config_place_default_path(path), ERR_TOO_LONG);

    wmemset(folder, L'a', CONFIG_PLACE_PATH_SIZE + 1);
    assert_true(SetEnvironmentVariableW(VARIABLE, folder));
    assert_int_equal(config_place_default_path(path), ERR_TOO_LONG);
}

/* Makes the folders of the path and writes the file, with what Notepad puts around a text. */
static void write_file(const char *utf8)
{
    static const char text[] = "\xEF\xBB\xBF{ // mine\r\n \"link\": {\"port\": 7}\r\n}\r\n";
    wchar_t path[CONFIG_PLACE_PATH_SIZE];
    DWORD written = 0;
    HANDLE file;

    assert_true(MultiByteToWideChar(CP_UTF8, 0, utf8, -1, path, CONFIG_PLACE_PATH_SIZE) > 0);
    for (wchar_t *end = wcschr(wcschr(path, L'\\') + 1, L'\\'); end != NULL;
         end = wcschr(end + 1, L'\\')) {
        *end = L'\0';
        CreateDirectoryW(path, NULL);
        *end = L'\\';
    }
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    assert_ptr_not_equal(file, INVALID_HANDLE_VALUE);
    assert_true(WriteFile(file, text, sizeof text - 1, &written, NULL));
    assert_int_equal(written, sizeof text - 1);
    CloseHandle(file);
}

static void file_is_read_whatever_the_users_name(void **state)
{
    wchar_t folder[CONFIG_PLACE_PATH_SIZE];
    char path[CONFIG_PLACE_PATH_SIZE];
    char reason[CONFIG_REASON_SIZE];
    struct config config;

    (void)state;
    assert_in_range(GetTempPathW(MAX_PATH, folder), 1, MAX_PATH);
    wcscat(folder, L"ttyferry-test-" USER);
    assert_true(SetEnvironmentVariableW(VARIABLE, folder));
    assert_int_equal(config_place_default_path(path), 0);

    config_init(&config);
    assert_int_equal(config_file_read(path, &config, reason), ERR_NOT_FOUND);
    write_file(path);
    assert_int_equal(config_file_read(path, &config, reason), 0);
    assert_int_equal(config.link_port, 7);

    assert_true(MultiByteToWideChar(CP_UTF8, 0, path, -1, folder, CONFIG_PLACE_PATH_SIZE) > 0);
    assert_true(DeleteFileW(folder));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_below_local_app_data),
        cmocka_unit_test(is_not_found_without_the_variable),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(file_is_read_whatever_the_users_name),
    };

    return cmocka_run_group_tests_name("config_place", tests, keep_variable, restore_variable);
}
