/* The order in which a board's life is told, whoever reports first. Each case is a script: what
 * happens, and after it all that may have been told, one letter an event:
 *   a arrival  u update  n needs_sharing  t attaching  r ready  f failed  d detached  g removal */
#include "host-win/board_news.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define STEPS_MAX 8
#define TOLD_SIZE 32

static const struct board board = {
    .id = "usb\\vid_1a86&pid_7523\\5", .busid = "1-3", .kind = BOARD_KIND_SERIAL};
static const struct board other = {
    .id = "usb\\vid_2e8a&pid_000a\\E6", .busid = "1-4", .kind = BOARD_KIND_SERIAL};

enum what {
    END,
    COMES,          /* and is shared */
    COMES_UNSHARED, /* and is not */
    CHANGES,
    IS_UNSHARED, /* while nobody has it */
    IS_UNSHARED_WHILE_ATTACHED,
    GOES,
    GOES_WHILE_ATTACHED,
    OTHER_COMES,
    OTHER_GOES_WHILE_ATTACHED,
    REPORT_ATTACHING,
    REPORT_READY,
    REPORT_FAILED,
    REPORT_DETACHED,
    PATIENCE_IS_NOT_OVER,
    PATIENCE_IS_OVER,
    LINK_IS_LOST,
};

struct row {
    const char *name;
    enum what steps[STEPS_MAX];
    const char *told;
};

static const struct row rows[] = {
    {"news: comes and goes", {COMES, GOES}, "ag"},
    {"news: comes without being shared", {COMES_UNSHARED, GOES}, "ang"},
    {"news: a property later", {COMES, CHANGES}, "au"},
    {"news: sharing is withdrawn", {COMES, IS_UNSHARED}, "aun"},
    {"news: sharing is withdrawn from the guest",
     {COMES, REPORT_READY, IS_UNSHARED_WHILE_ATTACHED, REPORT_DETACHED},
     "arudn"},
    {"news: fails and is not shared", {COMES_UNSHARED, REPORT_FAILED}, "anfn"},
    {"news: a whole life",
     {COMES, REPORT_ATTACHING, REPORT_READY, GOES_WHILE_ATTACHED, REPORT_DETACHED},
     "atrdg"},
    {"news: detached comes first", {COMES, REPORT_READY, REPORT_DETACHED, GOES}, "ardg"},
    {"news: the guest is asked for patience",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, PATIENCE_IS_NOT_OVER},
     "ar"},
    {"news: a silent guest", {COMES, REPORT_READY, GOES_WHILE_ATTACHED, PATIENCE_IS_OVER}, "arg"},
    {"news: the link is lost meanwhile",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, LINK_IS_LOST},
     "arg"},
    {"news: comes back before the guest has let go",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, COMES, REPORT_DETACHED},
     "ardga"},
    {"news: comes back without being shared",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, COMES_UNSHARED, REPORT_DETACHED},
     "ardgan"},
    {"news: comes back and changes",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, COMES, CHANGES, REPORT_DETACHED},
     "ardga"},
    {"news: comes back and goes",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, COMES, GOES_WHILE_ATTACHED, REPORT_DETACHED},
     "ardg"},
    {"news: comes back, and the guest is at its next life",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, COMES, REPORT_ATTACHING},
     "argat"},
    {"news: comes back to a silent guest",
     {COMES, REPORT_READY, GOES_WHILE_ATTACHED, COMES, PATIENCE_IS_OVER},
     "arga"},
    {"news: boards do not wait for each other",
     {COMES, OTHER_COMES, OTHER_GOES_WHILE_ATTACHED, GOES_WHILE_ATTACHED, REPORT_DETACHED},
     "aadg"},
};

struct stage {
    struct board_table boards;
    struct sharing sharing;
    struct board_news news;
    char told[TOLD_SIZE];
};

static void on_publish(void *context, const struct event *event)
{
    static const char letters[] = {
        [EVENT_ARRIVAL] = 'a',   [EVENT_UPDATE] = 'u',  [EVENT_NEEDS_SHARING] = 'n',
        [EVENT_ATTACHING] = 't', [EVENT_READY] = 'r',   [EVENT_FAILED] = 'f',
        [EVENT_DETACHED] = 'd',  [EVENT_REMOVAL] = 'g',
    };
    struct stage *stage = context;
    size_t len = strlen(stage->told);

    assert_true(len + 1 < TOLD_SIZE);
    stage->told[len] = letters[event->type];
    if (event->type == EVENT_NEEDS_SHARING) {
        assert_non_null(strstr(event->remedy, "usbipd bind --busid 1-3"));
    }
}

static const struct board *put(struct stage *stage, const struct board *facts,
                               enum board_state state)
{
    struct board now = *facts;

    now.state = state;
    assert_int_equal(board_table_put(&stage->boards, &now), 0);
    return board_table_find(&stage->boards, now.id);
}

static void come(struct stage *stage, const struct board *facts, enum board_state state)
{
    board_news_arrival(&stage->news, put(stage, facts, state));
}

static void go(struct stage *stage, const struct board *facts, bool awaits_detached)
{
    board_news_removal(&stage->news, facts->id, awaits_detached, 0);
    board_table_remove(&stage->boards, facts->id);
}

static void change(struct stage *stage, enum board_state state, bool newly_refused)
{
    board_news_update(&stage->news, put(stage, &board, state), newly_refused);
}

static void report(struct stage *stage, enum event_type type)
{
    struct event event = {.type = type};

    event.board = board;
    board_news_report(&stage->news, &event);
}

static void take_step(struct stage *stage, enum what what)
{
    switch (what) {
    case COMES:
        come(stage, &board, BOARD_STATE_WAITING);
        break;
    case COMES_UNSHARED:
        come(stage, &board, BOARD_STATE_NEEDS_SHARING);
        break;
    case CHANGES:
        change(stage, BOARD_STATE_WAITING, false);
        break;
    case IS_UNSHARED:
        change(stage, BOARD_STATE_NEEDS_SHARING, true);
        break;
    case IS_UNSHARED_WHILE_ATTACHED:
        change(stage, BOARD_STATE_NEEDS_SHARING, false);
        break;
    case GOES:
        go(stage, &board, false);
        break;
    case GOES_WHILE_ATTACHED:
        go(stage, &board, true);
        break;
    case OTHER_COMES:
        come(stage, &other, BOARD_STATE_WAITING);
        break;
    case OTHER_GOES_WHILE_ATTACHED:
        go(stage, &other, true);
        break;
    case REPORT_ATTACHING:
        report(stage, EVENT_ATTACHING);
        break;
    case REPORT_READY:
        report(stage, EVENT_READY);
        break;
    case REPORT_FAILED:
        report(stage, EVENT_FAILED);
        break;
    case REPORT_DETACHED:
        report(stage, EVENT_DETACHED);
        break;
    case PATIENCE_IS_NOT_OVER:
        assert_int_equal(board_news_deadline(&stage->news), BOARD_NEWS_PATIENCE_MS);
        board_news_expire(&stage->news, BOARD_NEWS_PATIENCE_MS - 1);
        break;
    case PATIENCE_IS_OVER:
        board_news_expire(&stage->news, BOARD_NEWS_PATIENCE_MS);
        break;
    case LINK_IS_LOST:
        board_news_expire(&stage->news, INT64_MAX);
        assert_int_equal(board_news_deadline(&stage->news), -1);
        break;
    case END:
        break;
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    static struct stage stage;

    memset(&stage, 0, sizeof stage);
    board_table_init(&stage.boards);
    stage.sharing.installed = true;
    board_news_init(&stage.news, &stage.boards, &stage.sharing, on_publish, &stage);
    for (size_t i = 0; i < STEPS_MAX && row->steps[i] != END; i++) {
        take_step(&stage, row->steps[i]);
    }
    assert_string_equal(stage.told, row->told);
    board_table_finish(&stage.boards);
}

static void table_of_departures_may_be_full(void **state)
{
    static struct stage stage;
    struct board gone = board;

    (void)state;
    board_table_init(&stage.boards);
    board_news_init(&stage.news, &stage.boards, &stage.sharing, on_publish, &stage);
    for (int i = 0; i < BOARD_TABLE_MAX; i++) {
        snprintf(gone.id, sizeof gone.id, "usb\\vid_1a86&pid_7523\\%d", i);
        board_news_removal(&stage.news, gone.id, true, 0);
    }
    assert_string_equal(stage.told, "");
    board_news_removal(&stage.news, other.id, true, 0); /* One more is told at once. */
    assert_string_equal(stage.told, "g");
    board_table_finish(&stage.boards);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check_row);
    cases_add_one(&cases, "news: more departures than are kept", table_of_departures_may_be_full);
    return cases_run("board_news", &cases);
}
