#include "shared/core/windows_path.h"

#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

static const struct path_case {
    const char *name;
    const char *path;
    const char *mounts;
    int err;
    const char *mounted;
} path_cases[] = {
    {"windows_path: usual", "C:\\Users\\a b\\ttyferry.exe", "/mnt/", 0,
     "/mnt/c/Users/a b/ttyferry.exe"},
    {"windows_path: mounts without a slash", "d:\\x", "/windows", 0, "/windows/d/x"},
    {"windows_path: mounts that are the root", "D:/x/y", "/", 0, "/d/x/y"},
    {"windows_path: letters of all kinds", "C:\\J\xc3\xb6rg\\\xe2\x82\xac.exe", "/mnt/", 0,
     "/mnt/c/J\xc3\xb6rg/\xe2\x82\xac.exe"},
    {"windows_path: dots inside a name", "C:\\...\\a..b", "/mnt/", 0, "/mnt/c/.../a..b"},
    {"windows_path: empty", "", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: a drive alone", "C:\\", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: no drive", "\\\\server\\share\\x", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: relative", "C:x\\y", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: Linux", "/bin/sh", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: upwards", "C:\\a\\..\\b", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: upwards at the end", "C:\\a\\..", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: a dot", "C:\\.\\b", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: an empty element", "C:\\a\\\\b", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: a folder", "C:\\a\\", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: a stream", "C:\\a:b", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: a control character", "C:\\a\nb", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: invalid UTF-8", "C:\\a\xff", "/mnt/", ERR_INVALID, "before"},
    {"windows_path: mounts that are relative", "C:\\a", "mnt", ERR_INVALID, "before"},
    {"windows_path: empty mounts", "C:\\a", "", ERR_INVALID, "before"},
    {"windows_path: no room", "C:\\a23456789012345678901234567890123456789", "/mnt/", ERR_TOO_LONG,
     "before"},
};

static void converts(void **state)
{
    const struct path_case *row = *state;
    char mounted[40] = "before";

    assert_int_equal(windows_path_to_mount(row->path, row->mounts, mounted, sizeof mounted),
                     row->err);
    assert_string_equal(mounted, row->mounted);
}

static void refuses_what_is_too_long(void **state)
{
    char path[WINDOWS_PATH_SIZE + 1];

    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    memcpy(path, "C:\\", 3);
    assert_false(windows_path_is_valid(path));
    path[WINDOWS_PATH_SIZE - 1] = '\0';
    assert_true(windows_path_is_valid(path));
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, path_cases, converts);
    cases_add_one(&cases, "windows_path: too long", refuses_what_is_too_long);
    return cases_run("windows_path", &cases);
}
