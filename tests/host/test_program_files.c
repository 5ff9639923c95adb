/* The files of an installation: placed, put back, removed, also while they run or are held. */
#include "host-win/program_files.h"

#include <windows.h>

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define NAME L"p.exe"
#define TEXT_SIZE 64

static wchar_t folder[PROGRAM_FILES_PATH_SIZE];

static void path_of(const wchar_t *name, wchar_t path[PROGRAM_FILES_PATH_SIZE])
{
    assert_int_equal(program_files_join(folder, name, path), 0);
}

static void put(const wchar_t *name, const char *text)
{
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    FILE *file;

    path_of(name, path);
    file = _wfopen(path, L"wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* NULL: there must be no such file. */
static void expect(const wchar_t *name, const char *text)
{
    char got[TEXT_SIZE] = "";
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    FILE *file;

    path_of(name, path);
    file = _wfopen(path, L"rb");
    if (text == NULL) {
        assert_null(file);
        return;
    }
    assert_non_null(file);
    got[fread(got, 1, sizeof got - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(got, text);
}

/* As Windows holds a program that runs: it may be renamed, and neither written nor removed. */
static HANDLE hold(const wchar_t *name)
{
    wchar_t path[PROGRAM_FILES_PATH_SIZE];
    HANDLE file;

    path_of(name, path);
    file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    assert_ptr_not_equal(file, INVALID_HANDLE_VALUE);
    return file;
}

static int make_folder(void **state)
{
    wchar_t temp[MAX_PATH];
    unsigned made;

    (void)state;
    if (GetTempPathW(MAX_PATH, temp) == 0) {
        return -1;
    }
    _snwprintf(folder, PROGRAM_FILES_PATH_SIZE, L"%lsttyferry-files-%lu\\a\\b", temp,
               GetCurrentProcessId());
    return program_files_make_folder(folder, &made) == 0 && made == 3 ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const wchar_t *const names[] = {NAME, L"source", NAME L".old-0", NAME L".old-1",
                                           NAME L".new"};
    wchar_t path[PROGRAM_FILES_PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < CASES_COUNT(names); i++) {
        path_of(names[i], path);
        DeleteFileW(path);
    }
    program_files_remove_folders(folder, 3);
    return GetFileAttributesW(folder) == INVALID_FILE_ATTRIBUTES ? 0 : -1;
}

static void places_where_there_was_nothing(void **state)
{
    wchar_t source[PROGRAM_FILES_PATH_SIZE];
    struct program_file file;

    (void)state;
    put(L"source", "new");
    path_of(L"source", source);
    assert_int_equal(program_files_place(source, folder, NAME, &file), 0);
    expect(NAME, "new");
    expect(NAME L".new", NULL);
    assert_int_equal(file.aside[0], 0);
    assert_int_equal(program_files_put_back(&file), 0);
    expect(NAME, NULL);
    assert_int_equal(program_files_put_back(&file), 0);
}

static void puts_the_former_back(void **state)
{
    struct program_file file;

    (void)state;
    put(NAME, "old");
    assert_int_equal(program_files_place_bytes("new!", 3, folder, NAME, &file), 0);
    expect(NAME, "new");
    expect(NAME L".old-0", "old");
    assert_int_equal(program_files_put_back(&file), 0);
    expect(NAME, "old");
    expect(NAME L".old-0", NULL);
}

static void says_that_it_could_not_put_back(void **state)
{
    wchar_t aside[PROGRAM_FILES_PATH_SIZE];
    struct program_file file;

    (void)state;
    put(NAME, "old");
    assert_int_equal(program_files_place_bytes("new", 3, folder, NAME, &file), 0);
    path_of(NAME L".old-0", aside);
    assert_true(DeleteFileW(aside));
    assert_int_equal(program_files_put_back(&file), ERR_NOT_FOUND);
    assert_true(file.is_placed);
}

static void a_file_onto_itself_is_nothing(void **state)
{
    wchar_t source[PROGRAM_FILES_PATH_SIZE];
    struct program_file file;

    (void)state;
    put(NAME, "same");
    path_of(L"P.EXE", source);
    assert_int_equal(program_files_place(source, folder, NAME, &file), 0);
    assert_false(file.is_placed);
    assert_int_equal(program_files_put_back(&file), 0);
    expect(NAME, "same");
}

static void a_source_that_is_missing_changes_nothing(void **state)
{
    wchar_t source[PROGRAM_FILES_PATH_SIZE];
    struct program_file file;

    (void)state;
    put(NAME, "old");
    path_of(L"nowhere", source);
    assert_int_equal(program_files_place(source, folder, NAME, &file), ERR_NOT_FOUND);
    assert_int_equal(program_files_put_back(&file), 0);
    expect(NAME, "old");
    expect(NAME L".old-0", NULL);
}

static void a_name_that_is_taken_aside_is_passed_over(void **state)
{
    struct program_file file;

    (void)state;
    put(NAME, "old");
    put(NAME L".old-0", "older");
    assert_int_equal(program_files_place_bytes("new", 3, folder, NAME, &file), 0);
    expect(NAME L".old-0", "older");
    expect(NAME L".old-1", "old");
}

static void asides_go_unless_they_are_held(void **state)
{
    HANDLE held;

    (void)state;
    put(NAME, "kept");
    put(NAME L".old-0", "held");
    put(NAME L".old-1", "free");
    held = hold(NAME L".old-0");
    assert_int_equal(program_files_remove_asides(folder), 1);
    expect(NAME L".old-1", NULL);
    CloseHandle(held);
    assert_int_equal(program_files_remove_asides(folder), 0);
    expect(NAME L".old-0", NULL);
    expect(NAME, "kept");
}

static void removes_a_file_and_says_nothing_of_none(void **state)
{
    (void)state;
    put(NAME, "x");
    assert_int_equal(program_files_remove(folder, NAME), 0);
    expect(NAME, NULL);
    assert_int_equal(program_files_remove(folder, NAME), 0);
}

static void folders_that_are_not_empty_stay(void **state)
{
    (void)state;
    put(NAME, "x");
    program_files_remove_folders(folder, 3);
    expect(NAME, "x");
}

static void folders_that_are_there_are_not_counted(void **state)
{
    unsigned made = 9;

    (void)state;
    assert_int_equal(program_files_make_folder(folder, &made), 0);
    assert_int_equal(made, 0);
}

static void refuses_a_path_that_is_too_long(void **state)
{
    static wchar_t deep[PROGRAM_FILES_PATH_SIZE];
    wchar_t path[PROGRAM_FILES_PATH_SIZE];

    (void)state;
    wmemset(deep, L'a', PROGRAM_FILES_PATH_SIZE - 4);
    assert_int_equal(program_files_join(deep, L"ab", path), 0);
    assert_int_equal(program_files_join(deep, L"abc", path), ERR_TOO_LONG);
}

#define FILES_TEST(run) cmocka_unit_test_setup_teardown(run, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(places_where_there_was_nothing),
        FILES_TEST(puts_the_former_back),
        FILES_TEST(says_that_it_could_not_put_back),
        FILES_TEST(a_file_onto_itself_is_nothing),
        FILES_TEST(a_source_that_is_missing_changes_nothing),
        FILES_TEST(a_name_that_is_taken_aside_is_passed_over),
        FILES_TEST(asides_go_unless_they_are_held),
        FILES_TEST(removes_a_file_and_says_nothing_of_none),
        FILES_TEST(folders_that_are_not_empty_stay),
        FILES_TEST(folders_that_are_there_are_not_counted),
        FILES_TEST(refuses_a_path_that_is_too_long),
    };

    return cmocka_run_group_tests_name("program_files", tests, NULL, NULL);
}
