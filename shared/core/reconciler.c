#include "shared/core/reconciler.h"

#include <string.h>

void reconciler_init(struct reconciler *reconciler)
{
    memset(reconciler, 0, sizeof *reconciler);
    reconciler->deadline_ms = RECONCILER_NEVER;
}

int64_t reconciler_deadline(const struct reconciler *reconciler)
{
    return reconciler->deadline_ms;
}

bool reconciler_is_over(const struct reconciler *reconciler)
{
    return !reconciler->present && !reconciler->told && reconciler->phase == RECONCILER_IDLE;
}

/* What one step works on. */
struct step {
    struct reconciler *state;
    bool wanted;
    enum attach_fault fault;
    int64_t now_ms;
    struct reconciler_actions *actions;
};

static void act(struct step *step, enum reconciler_action action)
{
    step->actions->items[step->actions->count++] = action;
}

static bool is_desired(const struct reconciler *state)
{
    return state->present && state->wanted;
}

static void enter(struct reconciler *state, enum reconciler_phase phase, int64_t deadline_ms)
{
    state->phase = phase;
    state->deadline_ms = deadline_ms;
}

static void forget_tries(struct reconciler *state)
{
    state->attempt = 0;
    state->fault = FAULT_NONE;
    memset(state->retries, 0, sizeof state->retries);
}

static void start_attach(struct step *step)
{
    step->state->attempt++;
    step->state->was_ready = false;
    enter(step->state, RECONCILER_ATTACHING, RECONCILER_NEVER);
    act(step, RECONCILER_TELL_ATTACHING);
    act(step, RECONCILER_ATTACH);
}

static void attach_or_rest(struct step *step)
{
    if (is_desired(step->state))
        start_attach(step);
    else
        enter(step->state, RECONCILER_IDLE, RECONCILER_NEVER);
}

/* Another fault than the last one has its own patience; but no change of faults gives back a try
 * that was used up. */
static void schedule_retry(struct step *step, enum attach_fault fault)
{
    struct reconciler *state = step->state;
    const struct attach_fault_info *info = attach_fault_info(fault);

    if (state->fault != fault) {
        backoff_init(&state->retry, info->first_ms, info->max_ms);
        state->fault = fault;
    }
    state->retry_in_ms = -1;
    enter(state, RECONCILER_WAITING, RECONCILER_NEVER);
    if (info->retries != ATTACH_FAULT_RETRY_FOREVER && state->retries[fault] >= info->retries)
        return;
    state->retries[fault]++;
    state->retry_in_ms = backoff_next(&state->retry);
    state->deadline_ms = step->now_ms + state->retry_in_ms;
}

static void fail(struct step *step, enum attach_fault fault)
{
    schedule_retry(step, fault);
    act(step, RECONCILER_TELL_FAILED);
}

static void tell_removal(struct step *step)
{
    step->state->told = false;
    step->state->gone = false;
    act(step, RECONCILER_TELL_REMOVAL);
}

static void start_detach(struct step *step)
{
    struct reconciler *state = step->state;

    backoff_init(&state->check, RECONCILER_CHECK_FIRST_MS, RECONCILER_CHECK_MAX_MS);
    state->give_up_ms = step->now_ms + RECONCILER_DETACH_MS;
    state->hurry = false;
    enter(state, RECONCILER_DETACHING, step->now_ms + backoff_next(&state->check));
    act(step, RECONCILER_DETACH);
}

static void detach_because(struct step *step, enum event_reason reason)
{
    step->state->reason = reason;
    step->state->pending_fault = FAULT_NONE;
    start_detach(step);
}

static void detach_failed(struct step *step, enum attach_fault fault)
{
    step->state->pending_fault = fault;
    start_detach(step);
}

static enum event_reason released_reason(const struct reconciler *state)
{
    return state->yielded ? REASON_YIELDED : REASON_RELEASED;
}

/* The host no longer wants the board, which is still there. */
static void let_go(struct step *step)
{
    struct reconciler *state = step->state;

    switch (state->phase) {
    case RECONCILER_ATTACHING:
        state->reason = released_reason(state);
        enter(state, RECONCILER_IDLE, RECONCILER_NEVER);
        act(step, RECONCILER_CANCEL_ATTACH);
        act(step, RECONCILER_TELL_DETACHED);
        break;
    case RECONCILER_ENUMERATING:
    case RECONCILER_READY:
        detach_because(step, released_reason(state));
        break;
    case RECONCILER_WAITING:
        enter(state, RECONCILER_IDLE, RECONCILER_NEVER);
        break;
    case RECONCILER_DETACHING:
        if (!state->gone) {
            state->reason = released_reason(state);
            state->pending_fault = FAULT_NONE;
        }
        break;
    case RECONCILER_IDLE:
        break;
    }
}

/* While the removal of the same board's former life waits for its port, the arrival has to wait
 * for that removal. */
static void tell_presence(struct step *step)
{
    struct reconciler *state = step->state;

    if (state->gone)
        return;
    act(step, state->told ? RECONCILER_TELL_UPDATE : RECONCILER_TELL_ARRIVAL);
    state->told = true;
}

static void on_arrived(struct step *step)
{
    struct reconciler *state = step->state;

    state->present = true;
    state->wanted = step->wanted;
    state->hurry = true;
    state->arrived_ms = step->now_ms;
    forget_tries(state);
    tell_presence(step);
    if (!state->wanted)
        let_go(step);
    else if (state->phase == RECONCILER_IDLE || state->phase == RECONCILER_WAITING)
        start_attach(step);
}

static void on_seen(struct step *step)
{
    struct reconciler *state = step->state;
    bool newly_wanted = step->wanted && !state->wanted;

    if (!state->present || newly_wanted) {
        on_arrived(step);
        return;
    }
    state->wanted = step->wanted;
    tell_presence(step);
    if (!state->wanted)
        let_go(step);
}

/* A board can't be at two places: what the kernel still has is what was at the former one. */
static void on_moved(struct step *step)
{
    struct reconciler *state = step->state;
    bool was_attaching = state->phase == RECONCILER_ATTACHING;
    unsigned attempt = state->attempt;

    on_arrived(step);
    if (!is_desired(state))
        return;
    if (was_attaching) {
        state->attempt = attempt;
        act(step, RECONCILER_CANCEL_ATTACH);
        act(step, RECONCILER_ATTACH);
    } else if (state->phase == RECONCILER_ENUMERATING || state->phase == RECONCILER_READY) {
        detach_because(step, REASON_LOST);
    }
}

static void on_removed(struct step *step)
{
    struct reconciler *state = step->state;

    state->present = false;
    forget_tries(state);
    if (state->phase == RECONCILER_ATTACHING)
        act(step, RECONCILER_CANCEL_ATTACH);
    switch (state->phase) {
    case RECONCILER_ATTACHING:
    case RECONCILER_IDLE:
    case RECONCILER_WAITING:
        enter(state, RECONCILER_IDLE, RECONCILER_NEVER);
        if (state->told)
            tell_removal(step);
        break;
    case RECONCILER_ENUMERATING:
    case RECONCILER_READY:
        state->gone = true;
        detach_because(step, REASON_LOST);
        break;
    case RECONCILER_DETACHING:
        state->gone = true;
        state->reason = REASON_LOST;
        state->pending_fault = FAULT_NONE;
        break;
    }
}

static void on_attached(struct step *step)
{
    struct reconciler *state = step->state;

    if (state->phase != RECONCILER_ATTACHING)
        return;
    state->unanswered_ms = RECONCILER_NEVER;
    state->give_up_ms = step->now_ms + RECONCILER_ENUMERATION_MS;
    enter(state, RECONCILER_ENUMERATING, step->now_ms + RECONCILER_LOOK_FIRST_MS);
}

static void on_attach_failed(struct step *step)
{
    struct reconciler *state = step->state;
    bool is_new = step->now_ms - state->arrived_ms < RECONCILER_SETTLE_MS;

    if (state->phase == RECONCILER_ATTACHING)
        fail(step, step->fault == FAULT_IN_USE && is_new ? FAULT_BUSY : step->fault);
}

static void on_nodes_ready(struct step *step)
{
    if (step->state->phase != RECONCILER_ENUMERATING)
        return;
    enter(step->state, RECONCILER_READY, RECONCILER_NEVER);
    step->state->was_ready = true;
    forget_tries(step->state);
    act(step, RECONCILER_TELL_READY);
}

static void on_silent(struct step *step)
{
    if (step->state->phase == RECONCILER_READY)
        detach_because(step, REASON_SERVER_LOST);
}

/* Normally the server has closed, and vhci has freed or is about to free the port; writing the
 * detach makes sure of it, and does no harm to a port that is free. */
static void on_device_gone(struct step *step)
{
    switch (step->state->phase) {
    case RECONCILER_ENUMERATING:
        detach_failed(step, FAULT_SERVER_LOST);
        break;
    case RECONCILER_READY:
        detach_because(step, REASON_SERVER_LOST);
        break;
    case RECONCILER_DETACHING:
        act(step, RECONCILER_CHECK_PORT);
        break;
    default:
        break;
    }
}

/* Whatever arrived anew in between need not wait. */
static void fail_detached(struct step *step)
{
    struct reconciler *state = step->state;

    schedule_retry(step, state->pending_fault);
    if (state->hurry) {
        state->retry_in_ms = 0;
        state->deadline_ms = step->now_ms;
    }
    act(step, RECONCILER_TELL_FAILED);
}

/* After a detach of ours. */
static void finish_detach(struct step *step)
{
    struct reconciler *state = step->state;

    if (state->pending_fault != FAULT_NONE && is_desired(state)) {
        fail_detached(step);
        return;
    }
    /* That it is the user's may be heard only now. */
    if (state->reason == REASON_RELEASED)
        state->reason = released_reason(state);
    /* A life that ends before it was ever ready ends in the removal alone. */
    if (state->was_ready || !state->gone)
        act(step, RECONCILER_TELL_DETACHED);
    if (state->gone)
        tell_removal(step);
    if (state->present && !state->told)
        tell_presence(step);
    if (state->reason == REASON_SERVER_LOST && is_desired(state) && !state->hurry)
        schedule_retry(step, FAULT_SERVER_LOST);
    else
        attach_or_rest(step);
}

static void on_port_free(struct step *step)
{
    struct reconciler *state = step->state;

    if (state->phase != RECONCILER_ENUMERATING && state->phase != RECONCILER_READY &&
        state->phase != RECONCILER_DETACHING)
        return;
    act(step, RECONCILER_RELEASE_PORT);
    if (state->phase == RECONCILER_DETACHING) {
        finish_detach(step);
    } else if (state->phase == RECONCILER_ENUMERATING) {
        fail(step, FAULT_SERVER_LOST);
    } else {
        state->reason = REASON_SERVER_LOST;
        act(step, RECONCILER_TELL_DETACHED);
        schedule_retry(step, FAULT_SERVER_LOST);
    }
}

static void on_unanswered(struct step *step)
{
    struct reconciler *state = step->state;

    if (state->phase != RECONCILER_ENUMERATING)
        return;
    if (state->unanswered_ms == RECONCILER_NEVER)
        state->unanswered_ms = step->now_ms;
    else if (step->now_ms - state->unanswered_ms >= RECONCILER_ANSWER_MS)
        detach_failed(step, FAULT_NO_ANSWER);
}

static void on_room(struct step *step)
{
    if (step->state->phase == RECONCILER_WAITING && step->state->fault == FAULT_NO_PORT)
        attach_or_rest(step);
}

/* As if it had been wanted until now. */
static void on_left_over(struct step *step)
{
    const struct reconciler *state = step->state;

    if (state->phase == RECONCILER_IDLE && state->present && !state->wanted)
        detach_because(step, released_reason(state));
}

static void look_while_enumerating(struct step *step)
{
    struct reconciler *state = step->state;

    if (step->now_ms >= state->give_up_ms) {
        detach_failed(step, FAULT_ENUMERATION);
        return;
    }
    state->deadline_ms = step->now_ms + RECONCILER_LOOK_MS;
    if (state->deadline_ms > state->give_up_ms)
        state->deadline_ms = state->give_up_ms;
    act(step, RECONCILER_CHECK_PORT);
}

static void on_tick(struct step *step)
{
    struct reconciler *state = step->state;

    if (step->now_ms < state->deadline_ms)
        return;
    switch (state->phase) {
    case RECONCILER_ENUMERATING:
        look_while_enumerating(step);
        break;
    case RECONCILER_DETACHING:
        if (step->now_ms >= state->give_up_ms) {
            on_port_free(step);
            break;
        }
        state->deadline_ms = step->now_ms + backoff_next(&state->check);
        act(step, RECONCILER_CHECK_PORT);
        break;
    case RECONCILER_WAITING:
        attach_or_rest(step);
        break;
    default:
        state->deadline_ms = RECONCILER_NEVER;
        break;
    }
}

static void (*const handlers[])(struct step *) = {
    [RECONCILER_ARRIVED] = on_arrived,
    [RECONCILER_SEEN] = on_seen,
    [RECONCILER_MOVED] = on_moved,
    [RECONCILER_REMOVED] = on_removed,
    [RECONCILER_ATTACHED] = on_attached,
    [RECONCILER_ATTACH_FAILED] = on_attach_failed,
    [RECONCILER_NODES_READY] = on_nodes_ready,
    [RECONCILER_SILENT] = on_silent,
    [RECONCILER_DEVICE_GONE] = on_device_gone,
    [RECONCILER_PORT_FREE] = on_port_free,
    [RECONCILER_UNANSWERED] = on_unanswered,
    [RECONCILER_ROOM] = on_room,
    [RECONCILER_LEFT_OVER] = on_left_over,
    [RECONCILER_TICK] = on_tick,
};

void reconciler_step(struct reconciler *reconciler, enum reconciler_event event, bool wanted,
                     enum attach_fault fault, int64_t now_ms, struct reconciler_actions *actions)
{
    struct step step = {reconciler, wanted, fault, now_ms, actions};

    actions->count = 0;
    handlers[event](&step);
}
