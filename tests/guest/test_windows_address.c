/* Where Windows is, with scripts in the place of wslinfo. */
#include "guest-linux/windows_address.h"

#include <stdio.h>
#include <string.h>

#include "tests/core/cases.h"
#include "tests/guest/tree.h"
#include "tests/link/rig.h"

#define HEADING                                                                                    \
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define ROUTES HEADING "eth0\t00000000\t01A01EAC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
#define GATEWAY "172.30.160.1"
/* Answers only if it is asked for the networking mode. */
#define ANSWER(text) "#!/bin/sh\n[ \"$*\" = --networking-mode ] && " text "\n"

struct row {
    const char *name;
    const char *wslinfo; /* NULL: there is none */
    const char *routes;  /* NULL: there is none */
    const char *address; /* NULL: none is found */
};

static const struct row rows[] = {
    {"mirrored", ANSWER("echo mirrored"), ROUTES, "127.0.0.1"},
    {"virtioproxy", ANSWER("echo virtioproxy"), ROUTES, "127.0.0.1"},
    {"consomme", ANSWER("echo consomme"), ROUTES, "127.0.0.1"},
    {"mirrored, without a line feed", ANSWER("printf mirrored"), ROUTES, "127.0.0.1"},
    {"mirrored, with Windows' line end", ANSWER("printf 'mirrored\\r\\n'"), ROUTES, "127.0.0.1"},
    {"mirrored, and no route at all", ANSWER("echo mirrored"), NULL, "127.0.0.1"},
    {"nat", ANSWER("echo nat"), ROUTES, GATEWAY},
    {"a mode of the future", ANSWER("echo mirrored2"), ROUTES, GATEWAY},
    {"half a mode", ANSWER("echo mirror"), ROUTES, GATEWAY},
    {"no answer", ANSWER("true"), ROUTES, GATEWAY},
    {"an answer with a failure", ANSWER("{ echo mirrored; exit 1; }"), ROUTES, GATEWAY},
    {"no wslinfo", NULL, ROUTES, GATEWAY},
    {"no wslinfo and no gateway", NULL, HEADING, NULL},
    {"no wslinfo and no routes", NULL, NULL, NULL},
};

struct answer {
    bool done;
    bool has_address;
    char address[WINDOWS_ADDRESS_SIZE];
};

static void on_address(void *context, const char *address)
{
    struct answer *answer = context;

    assert_false(answer->done);
    answer->done = true;
    answer->has_address = address != NULL;
    if (address != NULL) {
        snprintf(answer->address, sizeof answer->address, "%s", address);
    }
}

/* The places of a tree's files, as the query wants them. */
struct places {
    struct tree tree;
    char wslinfo[TREE_PATH_SIZE];
    char route[TREE_PATH_SIZE];
    struct windows_address_paths paths;
};

static void make_places(struct places *places, const struct row *row)
{
    tree_make(&places->tree);
    tree_path(&places->tree, "/wslinfo", places->wslinfo);
    tree_path(&places->tree, "/route", places->route);
    if (row->wslinfo != NULL) {
        tree_write_program(&places->tree, "/wslinfo", row->wslinfo);
    }
    if (row->routes != NULL) {
        tree_write(&places->tree, "/route", row->routes);
    }
    places->paths = (struct windows_address_paths){places->wslinfo, places->route};
}

static void an_address_is_found(void **state)
{
    const struct row *row = *state;
    void *rig_state = (void *)(uintptr_t)&rig_tcp;
    struct answer answer = {.done = false};
    struct windows_address_query *query;
    struct places places;
    struct rig *rig;

    assert_int_equal(rig_setup(&rig_state), 0);
    rig = rig_state;
    make_places(&places, row);
    assert_int_equal(windows_address_find(&rig->loop, &places.paths, on_address, &answer, &query),
                     0);
    assert_false(answer.done);
    rig_run_until(rig, &answer.done);
    assert_true(answer.has_address == (row->address != NULL));
    assert_string_equal(answer.address, row->address != NULL ? row->address : "");
    tree_remove(&places.tree);
    assert_int_equal(rig_teardown(&rig_state), 0);
}

static void a_cancelled_query_is_not_answered(void **state)
{
    static const struct row row = {"", ANSWER("exec sleep 1000"), ROUTES, NULL};
    void *rig_state = (void *)(uintptr_t)&rig_tcp;
    struct answer answer = {.done = false};
    struct windows_address_query *query;
    struct places places;
    struct rig *rig;

    (void)state;
    assert_int_equal(rig_setup(&rig_state), 0);
    rig = rig_state;
    make_places(&places, &row);
    assert_int_equal(windows_address_find(&rig->loop, &places.paths, on_address, &answer, &query),
                     0);
    windows_address_cancel(query);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_false(answer.done);
    tree_remove(&places.tree);
    assert_int_equal(rig_teardown(&rig_state), 0);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, rows, an_address_is_found);
    cases_add_one(&cases, "a cancelled query is not answered", a_cancelled_query_is_not_answered);
    return cases_run("windows_address", &cases);
}
