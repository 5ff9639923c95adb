/* The user's PATH and other values of the registry: what is not ours stays as it is. */
#include <wchar.h>

#include "host-win/autostart.h"
#include "host-win/user_path.h"
#include "shared/core/error.h"
#include "tests/core/cases.h"

#define ROOT L"Software\\ttyferry-test-registry"
#define OURS L"C:\\Users\\me\\AppData\\Local\\Programs\\ttyferry"

static const struct registry_place place = {HKEY_CURRENT_USER, ROOT, L"Path"};

struct row {
    const char *name;
    const wchar_t *before; /* NULL: there is none */
    DWORD type;
    const wchar_t *after; /* with our folder; NULL: nothing is changed */
};

static const struct row rows[] = {
    {"path: none", NULL, REG_EXPAND_SZ, OURS},
    {"path: empty", L"", REG_SZ, OURS},
    {"path: one entry", L"C:\\a", REG_SZ, L"C:\\a;" OURS},
    {"path: its type and its variables stay", L"%USERPROFILE%\\bin;C:\\b", REG_EXPAND_SZ,
     L"%USERPROFILE%\\bin;C:\\b;" OURS},
    {"path: a semicolon at its end", L"C:\\a;", REG_SZ, L"C:\\a;" OURS L";"},
    {"path: semicolons in a row", L";;C:\\a", REG_SZ, L";;C:\\a;" OURS},
    {"path: one that only begins like ours", OURS L"2", REG_SZ, OURS L"2;" OURS},
    {"path: ours is there", L"C:\\a;" OURS L";C:\\b", REG_SZ, NULL},
    {"path: ours is there, in other letters, with a backslash",
     L"c:\\users\\ME\\AppData\\Local\\Programs\\TTYFERRY\\", REG_SZ, NULL},
};

static void remove_root(void)
{
    RegDeleteTreeW(HKEY_CURRENT_USER, ROOT);
    RegDeleteKeyW(HKEY_CURRENT_USER, ROOT);
}

static void put(const wchar_t *text, DWORD type)
{
    struct registry_value value = {.exists = true,
                                   .type = type,
                                   .bytes = (unsigned char *)(uintptr_t)text,
                                   .size = (DWORD)((wcslen(text) + 1) * sizeof *text)};

    assert_int_equal(registry_value_write(&place, &value), 0);
}

static bool has_key(const wchar_t *path)
{
    HKEY key;

    if (RegOpenKeyExW(HKEY_CURRENT_USER, path, 0, KEY_READ, &key) != ERROR_SUCCESS) {
        return false;
    }
    RegCloseKey(key);
    return true;
}

static void expect(const wchar_t *text, DWORD type)
{
    struct registry_value value;

    assert_int_equal(registry_value_read(&place, &value), 0);
    assert_int_equal(value.exists, text != NULL);
    if (text != NULL) {
        assert_int_equal(value.type, type);
        assert_int_equal(value.size, (wcslen(text) + 1) * sizeof *text);
        assert_memory_equal(value.bytes, text, value.size);
    }
    registry_value_finish(&value);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct registry_value value;
    bool is_changed;

    remove_root();
    if (row->before != NULL) {
        put(row->before, row->type);
    }
    assert_int_equal(registry_value_read(&place, &value), 0);
    assert_int_equal(user_path_add(&value, OURS, &is_changed), 0);
    assert_int_equal(is_changed, row->after != NULL);
    assert_int_equal(registry_value_write(&place, &value), 0);
    registry_value_finish(&value);
    expect(row->after != NULL ? row->after : row->before, row->type);
    if (row->after == NULL) {
        return;
    }
    assert_int_equal(registry_value_read(&place, &value), 0);
    assert_int_equal(user_path_remove(&value, OURS, &is_changed), 0);
    assert_true(is_changed);
    assert_int_equal(registry_value_write(&place, &value), 0);
    registry_value_finish(&value);
    expect(row->before != NULL ? row->before : L"", row->type);
}

static void removal_keeps_what_came_later(void **state)
{
    struct registry_value value;
    bool is_changed;

    (void)state;
    put(L"C:\\a;" OURS L";C:\\b", REG_EXPAND_SZ);
    assert_int_equal(registry_value_read(&place, &value), 0);
    assert_int_equal(user_path_remove(&value, OURS, &is_changed), 0);
    assert_int_equal(registry_value_write(&place, &value), 0);
    registry_value_finish(&value);
    expect(L"C:\\a;C:\\b", REG_EXPAND_SZ);
}

static void what_is_no_text_is_left_alone(void **state)
{
    struct registry_value value;
    bool is_changed;

    (void)state;
    put(L"C:\\a", REG_BINARY);
    assert_int_equal(registry_value_read(&place, &value), 0);
    assert_int_equal(user_path_add(&value, OURS, &is_changed), ERR_INVALID);
    assert_int_equal(user_path_remove(&value, OURS, &is_changed), ERR_INVALID);
    registry_value_finish(&value);
}

static void text_without_its_end_is_read(void **state)
{
    static const wchar_t text[] = L"C:\\a";
    struct registry_value value = {.exists = true,
                                   .type = REG_SZ,
                                   .bytes = (unsigned char *)(uintptr_t)text,
                                   .size = 4 * sizeof *text};
    bool is_changed;

    (void)state;
    assert_int_equal(registry_value_write(&place, &value), 0);
    assert_int_equal(registry_value_read(&place, &value), 0);
    assert_int_equal(user_path_add(&value, OURS, &is_changed), 0);
    assert_int_equal(registry_value_write(&place, &value), 0);
    registry_value_finish(&value);
    expect(L"C:\\a;" OURS, REG_SZ);
}

static void value_goes_with_the_writing_of_none(void **state)
{
    static const struct registry_value none = {.exists = false};
    static const struct registry_place nowhere = {HKEY_CURRENT_USER, ROOT L"\\x", L"y"};

    (void)state;
    put(L"x", REG_SZ);
    assert_int_equal(registry_value_write(&place, &none), 0);
    expect(NULL, 0);
    assert_int_equal(registry_value_write(&place, &none), 0);
    assert_int_equal(registry_value_write(&nowhere, &none), 0);
    assert_false(has_key(ROOT L"\\x"));
    assert_int_equal(registry_value_write_text(&nowhere, L"t"), 0);
    assert_true(has_key(ROOT L"\\x"));
    remove_root();
}

static void autostart_quotes_the_program(void **state)
{
    wchar_t command[AUTOSTART_COMMAND_SIZE];
    static wchar_t path[2 * AUTOSTART_COMMAND_SIZE];

    (void)state;
    assert_int_equal(autostart_command(L"C:\\a b\\ttyferryw.exe", command), 0);
    assert_int_equal(wcscmp(command, L"\"C:\\a b\\ttyferryw.exe\" agent --supervise"), 0);
    wmemset(path, L'a', 2 * AUTOSTART_COMMAND_SIZE - 1);
    assert_int_equal(autostart_command(path, command), ERR_TOO_LONG);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check_row);
    cases_add_one(&cases, "path: removal keeps what came later", removal_keeps_what_came_later);
    cases_add_one(&cases, "path: no text", what_is_no_text_is_left_alone);
    cases_add_one(&cases, "path: a text without its end", text_without_its_end_is_read);
    cases_add_one(&cases, "a value that is none", value_goes_with_the_writing_of_none);
    cases_add_one(&cases, "autostart: the program is quoted", autostart_quotes_the_program);
    return cases_run("registry", &cases);
}
