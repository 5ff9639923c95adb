#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

static void each_code_has_words_of_its_own(void **state)
{
    (void)state;
    for (int code = ERR_IS_FOLDER; code <= 0; code++) {
        assert_string_not_equal(error_text(code), "unknown error");
        assert_int_not_equal(strlen(error_text(code)), 0);
        for (int other = ERR_IS_FOLDER; other < code; other++) {
            assert_string_not_equal(error_text(code), error_text(other));
        }
    }
    assert_string_equal(error_text(ERR_TIMEOUT), "timed out");
}

static void foreign_codes_are_unknown(void **state)
{
    (void)state;
    static const int foreign[] = {1, 42, INT32_MAX, ERR_IS_FOLDER - 1, -4095, INT32_MIN};
    for (size_t i = 0; i < CASES_COUNT(foreign); i++) {
        assert_string_equal(error_text(foreign[i]), "unknown error");
    }
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "error: each code has words of its own", each_code_has_words_of_its_own);
    cases_add_one(&cases, "error: foreign codes are unknown", foreign_codes_are_unknown);
    return cases_run("error", &cases);
}
