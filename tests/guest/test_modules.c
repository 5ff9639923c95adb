/* Loading modules without blocking: scripts in the place of modprobe, and our own loader. */
#include "guest-linux/modules.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/core/error.h"
#include "tests/guest/tree.h"
#include "tests/link/rig.h"

#define ALIAS "usb:v1A86p7523d0264dc00dsc00dp00icFFisc01ip02in00"
#define TEXT_SIZE 512

struct answer {
    size_t count;
    int err;
    char detail[MODULE_LOADER_DETAIL_SIZE];
    size_t order; /* the how manieth answer it was, from 1 */
};

struct ground {
    struct rig *rig;
    struct tree tree;
    char modprobe[TREE_PATH_SIZE];
    struct modules *modules;
    uv_sem_t may_insert;
};

static size_t answers;

/* It runs in a thread of its own. */
static int insert(void *context, const char *path, bool compressed)
{
    struct ground *ground = context;

    (void)compressed;
    uv_sem_wait(&ground->may_insert);
    tree_write(&ground->tree, "/inserted", path + strlen(ground->tree.root));
    return 0;
}

static void make_ground(struct ground *ground, struct rig *rig, const char *modprobe)
{
    struct modules_config config = {.modprobe = ground->modprobe};

    *ground = (struct ground){.rig = rig};
    answers = 0;
    assert_int_equal(uv_sem_init(&ground->may_insert, 0), 0);
    tree_make(&ground->tree);
    tree_path(&ground->tree, "/modprobe", ground->modprobe);
    if (modprobe != NULL) {
        char script[TREE_PATH_SIZE + 128];

        snprintf(script, sizeof script, "#!/bin/sh\ncd %s\n%s\n", ground->tree.root, modprobe);
        tree_write_program(&ground->tree, "/modprobe", script);
    }
    tree_write(&ground->tree, "/modules.dep", "kernel/ch341.ko:\n");
    tree_write(&ground->tree, "/modules.alias", "alias usb:v1A86p7523* ch341\n");
    config.loader = (struct module_loader){ground->tree.root, ground->tree.root, insert, ground};
    assert_int_equal(modules_open(&rig->loop, &config, &ground->modules), 0);
}

/* What is just being loaded ends only after the closing. */
static void remove_ground(struct ground *ground)
{
    modules_close(ground->modules);
    uv_sem_post(&ground->may_insert);
    uv_run(&ground->rig->loop, UV_RUN_DEFAULT);
    uv_sem_destroy(&ground->may_insert);
    tree_remove(&ground->tree);
}

static void on_done(void *context, int err, const char *detail)
{
    struct answer *answer = context;

    answer->count++;
    answer->order = ++answers;
    answer->err = err;
    strcpy(answer->detail, detail);
}

static struct modules_request *ask(struct ground *ground, const char *wanted, struct answer *answer)
{
    struct modules_request *request;

    *answer = (struct answer){.count = 0};
    assert_int_equal(modules_load(ground->modules, wanted, on_done, answer, &request), 0);
    assert_int_equal(answer->count, 0);
    return request;
}

static void expect_text(const struct ground *ground, const char *path, const char *text)
{
    char found[TEXT_SIZE];

    tree_read(&ground->tree, path, found, sizeof found);
    assert_string_equal(found, text);
}

static void modprobe_is_asked_by_name(void **state)
{
    struct ground ground;
    struct answer answer;

    make_ground(&ground, *state, "echo \"$*\" >>asked");
    ask(&ground, "vhci_hcd", &answer);
    rig_run_until_count(ground.rig, &answer.count, 1);
    assert_int_equal(answer.err, 0);
    expect_text(&ground, "/asked", "-q vhci_hcd\n");
    expect_text(&ground, "/inserted", "");
    remove_ground(&ground);
}

static void an_alias_is_asked_for_with_the_blacklist(void **state)
{
    struct ground ground;
    struct answer answer;

    make_ground(&ground, *state, "echo \"$*\" >>asked");
    ask(&ground, ALIAS, &answer);
    rig_run_until_count(ground.rig, &answer.count, 1);
    assert_int_equal(answer.err, 0);
    expect_text(&ground, "/asked", "-q -b " ALIAS "\n");
    remove_ground(&ground);
}

static void modprobes_failure_is_told(void **state)
{
    struct ground ground;
    struct answer answer;

    make_ground(&ground, *state, "exit 1");
    ask(&ground, "vhci_hcd", &answer);
    rig_run_until_count(ground.rig, &answer.count, 1);
    assert_int_equal(answer.err, ERR_NOT_FOUND);
    assert_non_null(strstr(answer.detail, "vhci_hcd"));
    remove_ground(&ground);
}

static void a_modprobe_that_can_not_start_is_told(void **state)
{
    struct ground ground;
    struct answer answer;

    make_ground(&ground, *state, NULL);
    tree_write_program(&ground.tree, "/modprobe", "#!/nonexistent/shell\n");
    ask(&ground, "vhci_hcd", &answer);
    rig_run_until_count(ground.rig, &answer.count, 1);
    assert_int_equal(answer.err, ERR_NOT_FOUND);
    assert_string_not_equal(answer.detail, "");
    remove_ground(&ground);
}

/* A modprobe that finds another one running, or runs out of turn, says so. */
static void one_at_a_time_and_in_order(void **state)
{
    static const char *const wanted[] = {"a", "b", "c"};
    struct ground ground;
    struct answer answer[3];

    make_ground(&ground, *state,
                "mkdir running || exit 9\necho \"$2\" >>asked\nsleep 0.02\nrmdir running");
    for (size_t i = 0; i < 3; i++) {
        ask(&ground, wanted[i], &answer[i]);
    }
    rig_run_until_count(ground.rig, &answers, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(answer[i].err, 0);
        assert_int_equal(answer[i].order, i + 1);
    }
    expect_text(&ground, "/asked", "a\nb\nc\n");
    remove_ground(&ground);
}

static void without_modprobe_the_files_are_loaded(void **state)
{
    struct ground ground;
    struct answer answer;

    make_ground(&ground, *state, NULL);
    uv_sem_post(&ground.may_insert);
    ask(&ground, ALIAS, &answer);
    rig_run_until_count(ground.rig, &answer.count, 1);
    assert_int_equal(answer.err, 0);
    expect_text(&ground, "/inserted", "/kernel/ch341.ko");
    ask(&ground, "nobody", &answer);
    rig_run_until_count(ground.rig, &answer.count, 1);
    assert_int_equal(answer.err, ERR_NOT_FOUND);
    assert_non_null(strstr(answer.detail, "nobody"));
    remove_ground(&ground);
}

static void a_waiting_request_can_be_cancelled(void **state)
{
    struct ground ground;
    struct answer first;
    struct answer second;
    struct answer third;

    make_ground(&ground, *state, "echo \"$2\" >>asked");
    ask(&ground, "a", &first);
    modules_cancel(ask(&ground, "b", &second));
    ask(&ground, "c", &third);
    rig_run_until_count(ground.rig, &third.count, 1);
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 0);
    expect_text(&ground, "/asked", "a\nc\n");
    remove_ground(&ground);
}

/* A modprobe that ends when the test says so, by a file. */
#define MODPROBE_THAT_WAITS "while [ ! -e go ]; do sleep 0.01; done\necho \"$2\" >>asked"

static void a_running_request_is_loaded_to_its_end_but_not_told(void **state)
{
    struct modules_request *request;
    struct ground ground;
    struct answer first;
    struct answer second;

    make_ground(&ground, *state, MODPROBE_THAT_WAITS);
    request = ask(&ground, "a", &first);
    rig_turn(ground.rig); /* it starts */
    modules_cancel(request);
    ask(&ground, "b", &second);
    tree_write(&ground.tree, "/go", "");
    rig_run_until_count(ground.rig, &second.count, 1);
    assert_int_equal(first.count, 0);
    expect_text(&ground, "/asked", "a\nb\n");
    remove_ground(&ground);
}

struct chain {
    struct ground *ground;
    struct answer next;
};

static void on_done_asks_again(void *context, int err, const char *detail)
{
    struct chain *chain = context;

    (void)detail;
    assert_int_equal(err, 0);
    ask(chain->ground, "b", &chain->next);
}

static void an_answer_may_ask_again(void **state)
{
    struct modules_request *request;
    struct ground ground;
    struct chain chain = {.ground = &ground};

    make_ground(&ground, *state, "echo \"$2\" >>asked");
    assert_int_equal(modules_load(ground.modules, "a", on_done_asks_again, &chain, &request), 0);
    rig_run_until_count(ground.rig, &chain.next.count, 1);
    expect_text(&ground, "/asked", "a\nb\n");
    remove_ground(&ground);
}

static void too_long_a_name_is_refused(void **state)
{
    struct modules_request *request;
    char wanted[256];
    struct ground ground;
    struct answer answer = {.count = 0};

    make_ground(&ground, *state, "echo \"$2\" >>asked");
    memset(wanted, 'a', sizeof wanted);
    wanted[sizeof wanted - 1] = '\0';
    assert_int_equal(modules_load(ground.modules, wanted, on_done, &answer, &request),
                     ERR_TOO_LONG);
    remove_ground(&ground);
    assert_int_equal(answer.count, 0);
}

static void closing_tells_nobody(void **state)
{
    static const char *const modprobes[] = {"exec sleep 1000", NULL};

    for (size_t i = 0; i < 2; i++) {
        struct ground ground;
        struct answer running;
        struct answer waiting;

        make_ground(&ground, *state, modprobes[i]);
        ask(&ground, "ch341", &running);
        rig_turn(ground.rig); /* it starts */
        ask(&ground, "b", &waiting);
        remove_ground(&ground);
        assert_int_equal(running.count + waiting.count, 0);
    }
}

static void closing_before_anything_has_started(void **state)
{
    struct ground ground;
    struct answer answer;

    make_ground(&ground, *state, "echo \"$2\" >>asked");
    ask(&ground, "a", &answer);
    modules_close(ground.modules);
    uv_run(&ground.rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(answer.count, 0);
    expect_text(&ground, "/asked", "");
    uv_sem_destroy(&ground.may_insert);
    tree_remove(&ground.tree);
}

struct closer {
    struct ground *ground;
    size_t count;
};

static void on_done_closes(void *context, int err, const char *detail)
{
    struct closer *closer = context;

    (void)err;
    (void)detail;
    modules_close(closer->ground->modules);
    closer->count++;
}

/* By modprobe, by one that can't start, and by our own loader. */
static void an_answer_may_close(void **state)
{
    static const char *const modprobes[] = {"exit 0", "", NULL};

    for (size_t i = 0; i < 3; i++) {
        struct modules_request *request;
        struct ground ground;
        struct closer closer = {.ground = &ground};
        struct answer waiting;

        make_ground(&ground, *state, modprobes[i]);
        if (i == 1) {
            tree_write_program(&ground.tree, "/modprobe", "#!/nonexistent/shell\n");
        }
        uv_sem_post(&ground.may_insert);
        assert_int_equal(modules_load(ground.modules, "ch341", on_done_closes, &closer, &request),
                         0);
        ask(&ground, "b", &waiting);
        uv_run(&ground.rig->loop, UV_RUN_DEFAULT);
        assert_int_equal(closer.count, 1);
        assert_int_equal(waiting.count, 0);
        uv_sem_destroy(&ground.may_insert);
        tree_remove(&ground.tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(modprobe_is_asked_by_name),
        RIG_TEST(an_alias_is_asked_for_with_the_blacklist),
        RIG_TEST(modprobes_failure_is_told),
        RIG_TEST(a_modprobe_that_can_not_start_is_told),
        RIG_TEST(one_at_a_time_and_in_order),
        RIG_TEST(without_modprobe_the_files_are_loaded),
        RIG_TEST(a_waiting_request_can_be_cancelled),
        RIG_TEST(a_running_request_is_loaded_to_its_end_but_not_told),
        RIG_TEST(an_answer_may_ask_again),
        RIG_TEST(too_long_a_name_is_refused),
        RIG_TEST(closing_tells_nobody),
        RIG_TEST(closing_before_anything_has_started),
        RIG_TEST(an_answer_may_close),
    };

    return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
