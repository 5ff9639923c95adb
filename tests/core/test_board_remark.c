#include <string.h>

#include "shared/core/board_remark.h"
#include "tests/core/cases.h"

static const struct remark_case {
    const char *name;
    struct board board;
    const char *text; /* each remark with a line feed */
} remark_cases[] = {
    {"remark: a state that explains itself", {.state = BOARD_STATE_READY}, ""},
    {"remark: failed",
     {.state = BOARD_STATE_FAILED, .note = {.message = "held", .remedy = "close it"}},
     "failed: held\nremedy: close it\n"},
    {"remark: failed without a remedy",
     {.state = BOARD_STATE_FAILED, .note = {.message = "held"}},
     "failed: held\n"},
    {"remark: failed, and nothing is known", {.state = BOARD_STATE_FAILED}, ""},
    {"remark: a note of another state counts for nothing",
     {.state = BOARD_STATE_WAITING, .note = {.message = "held", .remedy = "close it"}},
     ""},
    {"remark: not shared",
     {.state = BOARD_STATE_NEEDS_SHARING, .note = {.remedy = "share it"}},
     "remedy: share it\n"},
    {"remark: yielded", {.state = BOARD_STATE_YIELDED}, "with Windows until \"ttyferry take\"\n"},
    {"remark: detached by hand",
     {.state = BOARD_STATE_YIELDED, .note = {.until = "replug"}},
     "with Windows until it is plugged in anew, or \"ttyferry take\"\n"},
    {"remark: not wanted",
     {.state = BOARD_STATE_AVAILABLE, .busid = "1-3"},
     "remedy: to have it in WSL, name it in the section \"boards\" of the configuration on "
     "Windows\n"},
};

static void run_remark(void **state)
{
    const struct remark_case *row = *state;
    struct board_remark remarks[BOARD_REMARKS_MAX];
    size_t count = board_remarks(&row->board, remarks);
    char text[512] = "";

    assert_true(count <= BOARD_REMARKS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(text) + strlen(remarks[i].label) + strlen(remarks[i].text) + 2 <
                    sizeof text);
        strcat(text, remarks[i].label);
        strcat(text, remarks[i].text);
        strcat(text, "\n");
    }
    assert_string_equal(text, row->text);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, remark_cases, run_remark);
    return cases_run("board_remark", &cases);
}
