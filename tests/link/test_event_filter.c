#include "shared/cli/event_filter.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define HEAD(seq)                                                                                  \
    "{\"v\":1,\"run\":\"8c1f6a0be97d2c43\",\"seq\":" seq ",\"time\":\"2026-08-31T12:34:56.789Z\","
#define BOARD(id, com, state) NAMED(id, "null", com, state)
#define NAMED(id, name, com, state)                                                                \
    "{\"id\":\"" id "\",\"name\":" name ",\"vid\":\"1a86\",\"pid\":\"7523\",\"serial\":null,"      \
    "\"description\":\"\",\"com_port\":" com ",\"busid\":\"3-1\",\"speed\":\"full\","              \
    "\"kind\":\"serial\",\"state\":\"" state "\"}"
#define SNAPSHOT(boards)                                                                           \
    HEAD("1")                                                                                      \
    "\"event\":\"snapshot\",\"link\":{\"state\":\"down\",\"peer\":null,\"transport\":null},"       \
    "\"boards\":[" boards "]}"
#define EVENT(name, board) HEAD("2") "\"event\":\"" name "\",\"board\":" board "}"
#define COM5 "\"COM5\""
#define LINK HEAD("2") "\"event\":\"link\",\"state\":\"down\",\"peer\":null,\"transport\":null}"
#define ATTACHING(id, com)                                                                         \
    HEAD("2") "\"event\":\"attaching\",\"board\":" BOARD(id, com, "attaching") ",\"attempt\":1}"

/* What becomes of a line. */
enum fate { GONE, AS_IT_IS, REWRITTEN };

#define STEPS_MAX 7

static const struct filter_case {
    const char *name;
    const char *match;
    bool resumed; /* what was before the steps is not known */
    struct step {
        const char *line;
        enum fate fate;
        const char *text; /* of REWRITTEN, without its LF */
    } steps[STEPS_MAX];
} filter_cases[] = {
    {"filter: what is about no board",
     "com=COM5",
     false,
     {{LINK, AS_IT_IS, NULL},
      {HEAD("2") "\"event\":\"dropped\",\"reason\":\"too_slow\"}", AS_IT_IS, NULL},
      {SNAPSHOT(""), REWRITTEN, SNAPSHOT("")},
      {HEAD("2") "\"event\":\"eclipse\"}", GONE, NULL},
      {HEAD("3") "\"more\":\"\"}", GONE, NULL},
      {"{\"v\":1,\"more\":\"\"}", GONE, NULL}}},
    {"filter: a snapshot keeps what fits",
     "com=COM5",
     false,
     {{SNAPSHOT(BOARD("a", COM5, "waiting") "," BOARD("b", "null", "waiting")), REWRITTEN,
       SNAPSHOT(BOARD("a", COM5, "waiting"))}}},
    {"filter: what never fitted",
     "com=COM5",
     false,
     {{EVENT("arrival", BOARD("a", "null", "waiting")), GONE, NULL},
      {ATTACHING("a", "\"COM6\""), GONE, NULL}}},
    {"filter: what fits later, for good",
     "com=COM5",
     false,
     {{EVENT("arrival", BOARD("a", "null", "waiting")), GONE, NULL},
      {EVENT("update", BOARD("a", COM5, "waiting")), AS_IT_IS, NULL},
      {ATTACHING("a", "null"), AS_IT_IS, NULL},
      {ATTACHING("b", "null"), GONE, NULL},
      {EVENT("removal", BOARD("a", "null", "gone")), AS_IT_IS, NULL},
      {EVENT("arrival", BOARD("a", "null", "waiting")), GONE, NULL}}},
    {"filter: what fitted in the snapshot",
     "com=COM5",
     false,
     {{SNAPSHOT(BOARD("a", COM5, "waiting")), REWRITTEN, SNAPSHOT(BOARD("a", COM5, "waiting"))},
      {ATTACHING("a", "null"), AS_IT_IS, NULL},
      {SNAPSHOT(BOARD("a", "null", "attaching")), REWRITTEN,
       SNAPSHOT(BOARD("a", "null", "attaching"))},
      {SNAPSHOT(""), REWRITTEN, SNAPSHOT("")},
      {ATTACHING("a", "null"), GONE, NULL}}},
    {"filter: after a resume, what may have fitted",
     "com=COM5",
     true,
     {{EVENT("update", BOARD("a", "null", "waiting")), AS_IT_IS, NULL},
      {ATTACHING("b", "\"COM6\""), AS_IT_IS, NULL},
      {LINK, AS_IT_IS, NULL},
      {EVENT("removal", BOARD("a", "null", "gone")), AS_IT_IS, NULL}}},
    {"filter: after a resume, what has come since",
     "com=COM5",
     true,
     {{EVENT("arrival", BOARD("a", "null", "waiting")), GONE, NULL},
      {EVENT("update", BOARD("a", "\"COM6\"", "waiting")), GONE, NULL},
      {EVENT("update", BOARD("a", COM5, "waiting")), AS_IT_IS, NULL},
      {ATTACHING("a", "null"), AS_IT_IS, NULL},
      {EVENT("arrival", BOARD("b", "null", "waiting")), GONE, NULL},
      {EVENT("removal", BOARD("b", "null", "gone")), GONE, NULL}}},
    {"filter: after a resume, what has gone and come",
     "com=COM5",
     true,
     {{EVENT("removal", BOARD("a", "null", "gone")), AS_IT_IS, NULL},
      {EVENT("arrival", BOARD("a", "null", "waiting")), GONE, NULL},
      {ATTACHING("a", "null"), GONE, NULL},
      {EVENT("removal", BOARD("a", "null", "gone")), GONE, NULL},
      {EVENT("arrival", BOARD("a", COM5, "waiting")), AS_IT_IS, NULL},
      {EVENT("removal", BOARD("a", "null", "gone")), AS_IT_IS, NULL}}},
    {"filter: after a resume, a former name",
     "name=leo",
     true,
     {{EVENT("update", NAMED("a", "\"lion\"", "null", "waiting")), AS_IT_IS, NULL},
      {EVENT("arrival", NAMED("b", "\"lion\"", "null", "waiting")), GONE, NULL},
      {EVENT("arrival", NAMED("c", "\"leo\"", "null", "waiting")), AS_IT_IS, NULL}}},
    {"filter: after a resume, what cannot have fitted",
     "0403:6001",
     true,
     {{EVENT("update", BOARD("a", COM5, "waiting")), GONE, NULL},
      {EVENT("removal", BOARD("a", COM5, "gone")), GONE, NULL}}},
    {"filter: after a resume, what still fits",
     "port=3-1",
     true,
     {{EVENT("update", BOARD("a", COM5, "waiting")), AS_IT_IS, NULL},
      {EVENT("removal", BOARD("a", COM5, "gone")), AS_IT_IS, NULL}}},
};

static void run_filter(void **state)
{
    const struct filter_case *row = *state;
    struct event_filter filter;
    struct match match;

    assert_int_equal(match_from_text(row->match, &match, NULL), 0);
    event_filter_init(&filter, &match);
    if (row->resumed) {
        event_filter_resume(&filter);
    }
    for (size_t i = 0; i < STEPS_MAX && row->steps[i].line; i++) {
        const struct step *step = &row->steps[i];
        bool passes;
        char *rewritten;
        size_t len;

        assert_int_equal(
            event_filter_look(&filter, step->line, strlen(step->line), &passes, &rewritten, &len),
            0);
        if (passes != (step->fate != GONE) || (rewritten != NULL) != (step->fate == REWRITTEN)) {
            fail_msg("%s: step %zu", row->name, i);
        }
        if (rewritten) {
            assert_int_equal(rewritten[len - 1], '\n');
            rewritten[len - 1] = '\0';
            assert_string_equal(rewritten, step->text);
            free(rewritten);
        }
    }
    event_filter_finish(&filter);
}

static void without_a_match_nothing_is_even_read(void **state)
{
    static const struct match any = {.kind = MATCH_ANY};
    struct event_filter filter;
    bool passes = false;
    char *rewritten;
    size_t len;

    (void)state;
    event_filter_init(&filter, &any);
    assert_int_equal(event_filter_look(&filter, "no JSON", 7, &passes, &rewritten, &len), 0);
    assert_true(passes);
    assert_null(rewritten);
    event_filter_finish(&filter);
}

static void with_a_match_every_line_must_make_sense(void **state)
{
    static const struct match some = {.kind = MATCH_NAME, .text = "esp"};
    struct event_filter filter;
    bool passes;
    char *rewritten;
    size_t len;

    (void)state;
    event_filter_init(&filter, &some);
    assert_int_equal(event_filter_look(&filter, "no JSON", 7, &passes, &rewritten, &len),
                     ERR_INVALID);
    assert_int_equal(event_filter_look(&filter, "{\"v\":2}", 7, &passes, &rewritten, &len),
                     ERR_VERSION);
    assert_null(rewritten);
    event_filter_finish(&filter);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, filter_cases, run_filter);
    cases_add_one(&cases, "filter: none", without_a_match_nothing_is_even_read);
    cases_add_one(&cases, "filter: nonsense", with_a_match_every_line_must_make_sense);
    return cases_run("event_filter", &cases);
}
