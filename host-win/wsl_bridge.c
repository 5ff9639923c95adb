#include "host-win/wsl_bridge.h"

#include <stdlib.h>
#include <string.h>

#include "host-win/wsl.h"
#include "shared/core/error.h"
#include "shared/core/text.h"

#define GUEST_PROGRAM "/usr/local/bin/ttyferry"

enum look_state { LOOK_NONE, LOOK_RUNS, LOOK_DONE };

struct wsl_bridge {
    struct wsl *wsl;
    struct guest_link *link;
    enum look_state state;
    bool runs; /* what the last look chose, and what it said */
    char distribution[WSL_LIST_NAME_SIZE];
    char reason[BRIDGE_REASON_SIZE];
};

static void on_look(void *context, const struct wsl_look *look)
{
    struct wsl_bridge *bridge = context;
    bool is_chosen = look->error == 0 && look->choice == WSL_CHOICE_MADE;

    bridge->state = LOOK_DONE;
    bridge->runs = is_chosen && look->chosen.is_running;
    text_copy(bridge->distribution, sizeof bridge->distribution,
              is_chosen ? look->chosen.name : "");
    text_copy(bridge->reason, sizeof bridge->reason,
              is_chosen ? "the distribution does not run" : look->message);
    if (bridge->link != NULL) {
        guest_link_bridge_go_on(bridge->link);
    }
}

/* What a look has found is good for the one try that it was made for. */
static int take_look(struct wsl_bridge *bridge, char reason[BRIDGE_REASON_SIZE])
{
    int error = 0;

    if (bridge->state == LOOK_NONE) {
        error = wsl_look(bridge->wsl, on_look, bridge);
        bridge->state = error == 0 ? LOOK_RUNS : LOOK_NONE;
    }
    if (bridge->state != LOOK_DONE) {
        text_copy(reason, BRIDGE_REASON_SIZE, "wsl.exe can't be asked");
        return error != 0 ? error : ERR_BUSY;
    }
    bridge->state = LOOK_NONE;
    if (!bridge->runs) {
        text_copy(reason, BRIDGE_REASON_SIZE, bridge->reason);
        return ERR_NOT_FOUND;
    }
    return 0;
}

static int get_command(void *context, struct bridge_child_command *command,
                       char peer[EVENT_PEER_SIZE], char reason[BRIDGE_REASON_SIZE])
{
    static const char *const relay[] = {GUEST_PROGRAM, "agent", "--stdio", NULL};
    struct wsl_bridge *bridge = context;
    const char *argv[CHILD_ARGUMENTS_MAX];
    size_t count = 0;
    int error = take_look(bridge, reason);

    if (bridge->distribution[0] != '\0') {
        text_copy(peer, EVENT_PEER_SIZE, bridge->distribution);
    }
    if (error == 0) {
        error = wsl_exec_argv(wsl_program(bridge->wsl), bridge->distribution, relay, argv);
    }
    if (error != 0) {
        return error;
    }
    for (; argv[count] != NULL && count < BRIDGE_CHILD_ARGUMENTS_MAX; count++) {
        command->arguments[count] = argv[count];
    }
    command->environment[0] = WSL_SETTING;
    return 0;
}

int wsl_bridge_open(uv_loop_t *loop, const char *configured, struct wsl_bridge **bridge)
{
    struct wsl_bridge *opened = calloc(1, sizeof *opened);
    char program[WSL_PROGRAM_SIZE];
    int error = opened != NULL ? wsl_program_path(program) : ERR_NOMEM;

    if (error == 0) {
        error = wsl_open(loop, program, configured, &opened->wsl);
    }
    if (error != 0) {
        free(opened);
        return error;
    }
    *bridge = opened;
    return 0;
}

struct guest_ways_bridge wsl_bridge_for_link(struct wsl_bridge *bridge)
{
    return (struct guest_ways_bridge){.get_command = get_command, .context = bridge};
}

void wsl_bridge_set_link(struct wsl_bridge *bridge, struct guest_link *link)
{
    bridge->link = link;
}

static void on_wsl_closed(void *context)
{
    free(context);
}

void wsl_bridge_close(struct wsl_bridge *bridge)
{
    bridge->link = NULL;
    wsl_close(bridge->wsl, on_wsl_closed, bridge);
}
