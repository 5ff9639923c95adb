/* Looks at the distributions of a wsl.exe, which this program plays itself, and keeps one running.
 */
#include "host-win/wsl_keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "tests/host/self.h"

#define LIMIT_MS 20000
#define SESSION L"Local\\ttyferry-test-wsl-session"
#define HEADING "  NAME STATE VERSION\r\n"

/* --- wsl.exe ---------------------------------------------------------------------------------- */

static bool is_exec_of(int argc, char **argv, const char *program)
{
    static const char *const head[] = {"-d", "b", "-u", "root", "--cd", "/", "--exec"};

    for (int i = 0; i < 7; i++) {
        if (argc != 9 || strcmp(argv[i + 1], head[i]) != 0) {
            return false;
        }
    }
    return strcmp(argv[8], program) == 0;
}

static void tell_session(void)
{
    HANDLE session = OpenSemaphoreW(SEMAPHORE_MODIFY_STATE, FALSE, SESSION);

    ReleaseSemaphore(session, 1, NULL);
    CloseHandle(session);
}

/* Roles: "runs", "stopped", "none". */
static int play_wsl(const wchar_t *role, int argc, char **argv)
{
    bool runs = wcscmp(role, L"runs") == 0;

    if (getenv("WSL_UTF8") == NULL) {
        return 9;
    }
    if (argc == 3 && strcmp(argv[2], "--verbose") == 0) {
        if (wcscmp(role, L"none") == 0) {
            printf("Nothing is installed.\r\nInstall something.\r\n");
            return -1;
        }
        printf(HEADING "* a Stopped 1\r\n  b %s 2\r\n", runs ? "Running" : "Stopped");
        return 0;
    }
    if (argc == 4 && strcmp(argv[2], "--running") == 0) {
        printf(runs ? "b\r\n" : "There are no running distributions.\r\n");
        return runs ? 0 : -1;
    }
    if (is_exec_of(argc, argv, "cat") || is_exec_of(argc, argv, "true")) {
        tell_session();
        while (argv[8][0] == 'c' && getchar() != EOF) {
        }
        return 0;
    }
    return 8;
}

/* --- The test --------------------------------------------------------------------------------- */

struct rig {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct wsl *wsl;
    struct wsl_keeper *keeper;
    HANDLE session;
    struct config config;
    struct board_table boards;
    bool too_late;
    bool has_looked;
    int warnings;
    struct wsl_look look;
};

static struct rig rig;

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    rig.too_late = true;
}

static void on_log(void *context, enum log_level level, const char *message)
{
    (void)context;
    (void)message;
    rig.warnings += level == LOG_WARNING;
}

static void open_rig(const wchar_t *role, const char *configured)
{
    char path[SELF_PATH_SIZE];

    memset(&rig, 0, sizeof rig);
    self_path(path);
    self_set_role(role);
    log_set_sink(on_log, NULL);
    config_init(&rig.config);
    board_table_init(&rig.boards);
    rig.session = CreateSemaphoreW(NULL, 0, 100, SESSION);
    assert_non_null(rig.session);
    assert_int_equal(uv_loop_init(&rig.loop), 0);
    uv_timer_init(&rig.loop, &rig.watchdog);
    uv_timer_start(&rig.watchdog, on_watchdog, LIMIT_MS, 0);
    assert_int_equal(wsl_open(&rig.loop, path, configured, &rig.wsl), 0);
}

static void open_keeper(enum config_start_wsl start, enum config_keep_alive keep)
{
    rig.config.wsl_start = start;
    rig.config.wsl_keep_alive = keep;
    assert_int_equal(wsl_keeper_open(&rig.loop, rig.wsl, &rig.config, &rig.keeper), 0);
}

static void put_board(enum board_state state)
{
    struct board board = {.id = "usb\\vid_1a86&pid_7523\\1", .state = state};

    assert_int_equal(board_table_put(&rig.boards, &board), 0);
    wsl_keeper_update(rig.keeper, &rig.boards, state == BOARD_STATE_WAITING);
}

static bool has_session(void)
{
    return WaitForSingleObject(rig.session, 0) == WAIT_OBJECT_0;
}

static void expect_session(void)
{
    bool found = false;

    while (!found && !rig.too_late) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        found = WaitForSingleObject(rig.session, 5) == WAIT_OBJECT_0;
    }
    assert_true(found);
}

static void close_rig(void)
{
    wsl_close(rig.wsl, NULL, NULL);
    if (rig.keeper != NULL) {
        wsl_keeper_close(rig.keeper, NULL, NULL);
    }
    uv_close((uv_handle_t *)&rig.watchdog, NULL);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig.loop), 0);
    board_table_finish(&rig.boards);
    CloseHandle(rig.session);
    log_set_sink(NULL, NULL);
}

static void on_look(void *context, const struct wsl_look *look)
{
    (void)context;
    rig.look = *look;
    rig.has_looked = true;
}

static void look(void)
{
    rig.has_looked = false;
    assert_int_equal(wsl_look(rig.wsl, on_look, NULL), 0);
    assert_int_equal(wsl_look(rig.wsl, on_look, NULL), ERR_BUSY);
    while (!rig.has_looked && !rig.too_late) {
        uv_run(&rig.loop, UV_RUN_ONCE);
    }
    assert_true(rig.has_looked);
}

static void look_finds_the_running_one(void **state)
{
    (void)state;
    open_rig(L"runs", "");
    assert_null(wsl_distribution(rig.wsl));
    look();
    assert_int_equal(rig.look.error, 0);
    assert_int_equal(rig.look.choice, WSL_CHOICE_MADE);
    assert_true(rig.look.chosen.is_running);
    assert_string_equal(wsl_distribution(rig.wsl), "b");
    wsl_doubt(rig.wsl);
    assert_null(wsl_distribution(rig.wsl));
    close_rig();
}

static void look_says_why_none_will_do(void **state)
{
    (void)state;
    open_rig(L"stopped", "");
    look();
    assert_int_equal(rig.look.choice, WSL_CHOICE_NONE_RUNS);
    assert_non_null(strstr(rig.look.message, "--distribution"));
    close_rig();

    open_rig(L"none", "");
    look();
    assert_int_equal(rig.look.choice, WSL_CHOICE_NONE_INSTALLED);
    assert_non_null(strstr(rig.look.message, "wsl.exe says: Nothing is installed.)"));
    close_rig();
}

static void look_without_wsl(void **state)
{
    struct wsl_look found;

    (void)state;
    assert_int_equal(wsl_look_run("C:\\nowhere\\wsl.exe", "", &found), 0);
    assert_int_equal(found.error, ERR_NOT_FOUND);
    assert_non_null(strstr(found.message, "wsl --install"));
}

static void look_can_be_left(void **state)
{
    (void)state;
    open_rig(L"runs", "");
    assert_int_equal(wsl_look(rig.wsl, on_look, NULL), 0);
    close_rig();
    assert_false(rig.has_looked);
}

static void keeper_holds_while_attached(void **state)
{
    (void)state;
    open_rig(L"runs", "b");
    open_keeper(CONFIG_START_NEVER, CONFIG_KEEP_ATTACHED);
    put_board(BOARD_STATE_WAITING);
    assert_false(has_session());
    put_board(BOARD_STATE_READY);
    expect_session();
    put_board(BOARD_STATE_DETACHED);
    put_board(BOARD_STATE_READY);
    expect_session();
    close_rig();
}

static void keeper_starts_nothing_unasked(void **state)
{
    (void)state;
    open_rig(L"stopped", "b");
    open_keeper(CONFIG_START_NEVER, CONFIG_KEEP_ALWAYS);
    put_board(BOARD_STATE_READY);
    while (wsl_distribution(rig.wsl) == NULL && !rig.too_late) {
        uv_run(&rig.loop, UV_RUN_ONCE);
    }
    assert_false(rig.too_late);
    uv_run(&rig.loop, UV_RUN_NOWAIT);
    assert_false(has_session());
    close_rig();
    assert_false(has_session());
}

static void keeper_starts_on_arrival(void **state)
{
    (void)state;
    open_rig(L"stopped", "b");
    open_keeper(CONFIG_START_ON_ARRIVAL, CONFIG_KEEP_OFF);
    wsl_keeper_update(rig.keeper, &rig.boards, false);
    assert_false(has_session());
    put_board(BOARD_STATE_WAITING);
    expect_session();
    close_rig();
}

/* The keeper's look is under way; ours is the next. */
static void look_while_it_looks(void)
{
    rig.has_looked = false;
    while (wsl_look(rig.wsl, on_look, NULL) != 0 && !rig.too_late) {
        uv_run(&rig.loop, UV_RUN_ONCE);
    }
    while (!rig.has_looked && !rig.too_late) {
        uv_run(&rig.loop, UV_RUN_ONCE);
    }
    assert_true(rig.has_looked);
}

static void keeper_complains_once(void **state)
{
    (void)state;
    open_rig(L"none", "");
    open_keeper(CONFIG_START_ALWAYS, CONFIG_KEEP_ALWAYS);
    put_board(BOARD_STATE_WAITING);
    while (rig.warnings == 0 && !rig.too_late) {
        uv_run(&rig.loop, UV_RUN_ONCE);
    }
    put_board(BOARD_STATE_GONE); /* Another look, with the same outcome. */
    put_board(BOARD_STATE_WAITING);
    look_while_it_looks();
    assert_int_equal(rig.warnings, 1);
    close_rig();
}

/* Once nobody sits in front of this session; what was begun before is given up. */
static void another_session_has_nothing_started(void **state)
{
    (void)state;
    open_rig(L"stopped", "b");
    open_keeper(CONFIG_START_ON_ARRIVAL, CONFIG_KEEP_ATTACHED);
    wsl_keeper_set_away(rig.keeper, true);
    put_board(BOARD_STATE_WAITING);
    uv_unref((uv_handle_t *)&rig.watchdog);
    uv_run(&rig.loop, UV_RUN_DEFAULT); /* Nothing is under way. */
    assert_false(has_session());
    uv_ref((uv_handle_t *)&rig.watchdog);
    wsl_keeper_set_away(rig.keeper, false);
    expect_session();
    close_rig();
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_finds_the_running_one),
        cmocka_unit_test(look_says_why_none_will_do),
        cmocka_unit_test(look_without_wsl),
        cmocka_unit_test(look_can_be_left),
        cmocka_unit_test(keeper_holds_while_attached),
        cmocka_unit_test(keeper_starts_nothing_unasked),
        cmocka_unit_test(keeper_starts_on_arrival),
        cmocka_unit_test(keeper_complains_once),
        cmocka_unit_test(another_session_has_nothing_started),
    };

    if (self_role()[0] != L'\0') {
        return play_wsl(self_role(), argc, argv);
    }
    return cmocka_run_group_tests_name("wsl_keeper", tests, NULL, NULL);
}
