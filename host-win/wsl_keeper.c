#include "host-win/wsl_keeper.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/backoff.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/text.h"
#include "shared/core/wsl_need.h"

#define RETRY_FIRST_MS 2000
#define RETRY_MAX_MS 60000
/* A session that lasted so long was a good one. */
#define GOOD_SESSION_MS 30000
/* The first session of a distribution may have to boot it. */
#define START_LIMIT_MS 120000

struct wsl_keeper {
    struct wsl *wsl;
    struct wsl_facts facts;
    struct child *session; /* the hold, or a start */
    bool is_hold;
    bool is_unwanted; /* the session has been told to end */
    bool is_looking;
    uint64_t session_ms; /* when it began */
    struct backoff backoff;
    uv_timer_t retry;
    char last_message[WSL_MESSAGE_SIZE]; /* so that it is logged once */
    bool is_closing;
    void (*on_closed)(void *context);
    void *closed_context;
};

static void tend(struct wsl_keeper *keeper);

static void free_keeper(uv_handle_t *handle)
{
    struct wsl_keeper *keeper = handle->data;

    if (keeper->on_closed != NULL) {
        keeper->on_closed(keeper->closed_context);
    }
    free(keeper);
}

/* A look that still lasts calls us back before its wsl is closed, or never. */
static void close_when_idle(struct wsl_keeper *keeper)
{
    if (keeper->session == NULL && !uv_is_closing((uv_handle_t *)&keeper->retry)) {
        uv_close((uv_handle_t *)&keeper->retry, free_keeper);
    }
}

static void on_retry(uv_timer_t *timer)
{
    tend(timer->data);
}

static void try_later(struct wsl_keeper *keeper)
{
    uv_timer_start(&keeper->retry, on_retry, backoff_next(&keeper->backoff), 0);
}

static void complain(struct wsl_keeper *keeper, const char *message)
{
    if (strcmp(keeper->last_message, message) != 0) {
        text_copy(keeper->last_message, sizeof keeper->last_message, message);
        log_warning("WSL can't be kept running: %s", message);
    }
}

static void on_session_done(void *context, const struct child_result *result)
{
    struct wsl_keeper *keeper = context;
    bool was_unwanted = keeper->is_unwanted;

    keeper->session = NULL;
    keeper->is_unwanted = false;
    if (keeper->is_closing) {
        close_when_idle(keeper);
        return;
    }
    if (!was_unwanted && keeper->is_hold) {
        log_info("the session that keeps the distribution running has ended (exit code %lld)",
                 (long long)result->exit_code);
        wsl_doubt(keeper->wsl);
        if (uv_now(keeper->retry.loop) - keeper->session_ms >= GOOD_SESSION_MS) {
            backoff_reset(&keeper->backoff);
        }
        try_later(keeper);
        return;
    }
    tend(keeper);
}

/* `cat` is in every POSIX system, does nothing while its stdin stays open, and ends with us. */
static void open_session(struct wsl_keeper *keeper, const char *distribution, bool is_hold)
{
    static const char *const hold[] = {"cat", NULL};
    static const char *const start[] = {"true", NULL};
    const char *argv[CHILD_ARGUMENTS_MAX];
    struct child_options options = {
        .argv = argv,
        .setting = WSL_SETTING,
        .holds_input = is_hold,
        .limit_ms = is_hold ? 0 : START_LIMIT_MS,
    };

    keeper->is_hold = is_hold;
    keeper->session_ms = uv_now(keeper->retry.loop);
    if (wsl_exec_argv(wsl_program(keeper->wsl), distribution, is_hold ? hold : start, argv) != 0 ||
        child_open(keeper->retry.loop, &options, on_session_done, keeper, &keeper->session) != 0) {
        try_later(keeper);
        return;
    }
    log_info(is_hold ? "a hidden session keeps the distribution %s running"
                     : "starting the distribution %s",
             distribution);
}

static void on_look(void *context, const struct wsl_look *look)
{
    struct wsl_keeper *keeper = context;
    enum wsl_need need = wsl_need_decide(&keeper->facts);

    keeper->is_looking = false;
    if (keeper->is_closing || need == WSL_NEED_NOTHING || keeper->session != NULL) {
        return;
    }
    if (look->error != 0 || look->choice != WSL_CHOICE_MADE) {
        complain(keeper, look->message);
        try_later(keeper);
        return;
    }
    keeper->last_message[0] = '\0';
    if (look->chosen.is_running ? need == WSL_NEED_HOLD : wsl_need_may_start(&keeper->facts)) {
        keeper->facts.has_reason = false;
        open_session(keeper, look->chosen.name, need == WSL_NEED_HOLD);
    } else if (need == WSL_NEED_HOLD) {
        try_later(keeper); /* It does not run, and we may not start it. */
    }
}

/* Every start is preceded by a look: running a program in a stopped distribution starts it. */
static void tend(struct wsl_keeper *keeper)
{
    enum wsl_need need = wsl_need_decide(&keeper->facts);

    if (keeper->is_closing) {
        return;
    }
    if (keeper->session != NULL) {
        if (keeper->is_hold && need != WSL_NEED_HOLD && !keeper->is_unwanted) {
            keeper->is_unwanted = true;
            child_cancel(keeper->session);
        }
        return;
    }
    if (need == WSL_NEED_NOTHING) {
        uv_timer_stop(&keeper->retry);
        backoff_reset(&keeper->backoff);
    } else if (!keeper->is_looking) {
        keeper->is_looking = wsl_look(keeper->wsl, on_look, keeper) == 0;
        if (!keeper->is_looking) {
            try_later(keeper);
        }
    }
}

static bool is_same(const struct wsl_facts *a, const struct wsl_facts *b)
{
    return a->has_attached == b->has_attached && a->has_wanted == b->has_wanted &&
           a->has_reason == b->has_reason;
}

void wsl_keeper_update(struct wsl_keeper *keeper, const struct board_table *boards, bool has_come)
{
    struct wsl_facts facts = keeper->facts;

    facts.has_attached = false;
    facts.has_wanted = false;
    for (size_t i = 0; i < boards->count; i++) {
        enum board_state state = boards->items[i]->state;

        facts.has_attached |= state == BOARD_STATE_READY || state == BOARD_STATE_ATTACHING;
        facts.has_wanted |= state == BOARD_STATE_WAITING;
    }
    facts.has_reason |= has_come && facts.has_wanted;
    if (has_come && facts.has_wanted) {
        backoff_reset(&keeper->backoff);
    } else if (is_same(&facts, &keeper->facts) && uv_is_active((uv_handle_t *)&keeper->retry)) {
        return; /* The retry comes, and nothing has changed that could hasten it. */
    }
    keeper->facts = facts;
    uv_timer_stop(&keeper->retry);
    tend(keeper);
}

void wsl_keeper_set_away(struct wsl_keeper *keeper, bool is_away)
{
    if (keeper->facts.is_away != is_away) {
        keeper->facts.is_away = is_away;
        tend(keeper);
    }
}

int wsl_keeper_open(uv_loop_t *loop, struct wsl *wsl, const struct config *config,
                    struct wsl_keeper **keeper)
{
    struct wsl_keeper *opened = calloc(1, sizeof *opened);

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->wsl = wsl;
    opened->facts.start = config->wsl_start;
    opened->facts.keep_alive = config->wsl_keep_alive;
    opened->facts.has_reason = config->wsl_start == CONFIG_START_ALWAYS;
    backoff_init(&opened->backoff, RETRY_FIRST_MS, RETRY_MAX_MS);
    uv_timer_init(loop, &opened->retry); /* Never fails. */
    opened->retry.data = opened;
    *keeper = opened;
    return 0;
}

void wsl_keeper_close(struct wsl_keeper *keeper, void (*on_closed)(void *context), void *context)
{
    keeper->is_closing = true;
    keeper->on_closed = on_closed;
    keeper->closed_context = context;
    uv_timer_stop(&keeper->retry);
    if (keeper->session != NULL) {
        child_cancel(keeper->session);
    }
    close_when_idle(keeper);
}
