/* Who may have access to the key's file on Windows. Wine keeps of an access list what Unix' modes
 * can say, so what is read back is compared no closer than that. */
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/link/link_process.h"
#include "tests/link/key_place.h"
#include "tests/link/rig.h"

static void set_access(const char *path, const char *sddl)
{
    PSECURITY_DESCRIPTOR descriptor;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1,
                                                                     &descriptor, NULL));
    assert_true(SetFileSecurityA(path, DACL_SECURITY_INFORMATION, descriptor));
    LocalFree(descriptor);
}

static void the_default_is_below_local_app_data(void **state)
{
    char path[KEY_FILE_PATH_SIZE];

    (void)state;
    assert_true(SetEnvironmentVariableW(L"LOCALAPPDATA", L"C:\\Users\\J\u00f6rg\\AppData\\Local"));
    assert_int_equal(key_file_default_path(path), 0);
    assert_string_equal(path, "C:\\Users\\J\xc3\xb6rg\\AppData\\Local\\ttyferry\\key");
    assert_true(SetEnvironmentVariableW(L"LOCALAPPDATA", NULL));
    assert_int_equal(key_file_default_path(path), ERR_NOT_FOUND);
}

static void a_file_that_everyone_may_read_is_refused(void **state)
{
    struct key_place *place = *state;
    char reason[KEY_FILE_REASON_SIZE];
    struct link_key key;

    key_place_fill(place);
    assert_int_equal(key_file_read(&place->file, &key, reason), 0);
    set_access(place->path, "D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)");
    assert_int_equal(key_file_read(&place->file, &key, reason), ERR_DENIED);
    assert_non_null(strstr(reason, "pair --renew"));
    /* And that remedy works. */
    assert_int_equal(key_file_write(&place->file, &key, reason), 0);
    assert_int_equal(key_file_read(&place->file, &key, reason), 0);
}

/* Nobody but this user, SYSTEM and the administrators is named in the list. */
static void a_key_is_written_for_its_owner_alone(void **state)
{
    struct key_place *place = *state;
    PSECURITY_DESCRIPTOR descriptor;
    char *sddl;
    PACL list;

    key_place_fill(place);
    assert_int_equal(GetNamedSecurityInfoA(place->path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION,
                                           NULL, NULL, &list, NULL, &descriptor),
                     ERROR_SUCCESS);
    assert_non_null(list);
    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorA(
        descriptor, SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &sddl, NULL));
    assert_null(strstr(sddl, ";WD)"));
    assert_null(strstr(sddl, ";BU)"));
    assert_null(strstr(sddl, ";AU)"));
    LocalFree(sddl);
    LocalFree(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_PLACE_TEST(a_file_that_everyone_may_read_is_refused),
        KEY_PLACE_TEST(a_key_is_written_for_its_owner_alone),
        cmocka_unit_test(the_default_is_below_local_app_data),
    };

    link_process_init();
    return cmocka_run_group_tests_name("key_file_win", tests, NULL, NULL);
}
