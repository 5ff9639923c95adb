#include "guest-linux/board_keeper.h"

#include <stdlib.h>
#include <string.h>

#include "guest-linux/attachment.h"
#include "guest-linux/board_links.h"
#include "guest-linux/usb_probe.h"
#include "shared/core/error.h"
#include "shared/core/log.h"
#include "shared/core/reconciler.h"
#include "shared/core/text.h"
#include "shared/core/wire_message.h"

struct board_keeper {
    const struct machine *machine;
    board_keeper_tell_fn tell;
    void *context;
    struct board board;     /* the host's facts, and the nodes while ready */
    struct tty_nodes nodes; /* what was made for them; all of it goes with the board */
    struct event_took took;
    char attached_to[WIRE_ADDRESS_SIZE]; /* the client that usbipd has given it to, or empty */
    struct reconciler reconciler;
    struct attachment *attachment;
    struct usb_probe *probe; /* NULL while none is under way */
    bool has_adopted;        /* the attachment is to be looked at */
    bool is_yielded;         /* the host says that the board is the user's */
    char until[EVENT_CODE_SIZE];
    bool owes_yielded; /* it is told when the board has been detached */
    uv_timer_t deadline;
};

/* What the reconciler is told next; an action may have an outcome at once. */
struct input {
    bool is_set;
    enum reconciler_event event;
    bool wanted;
    enum attach_fault fault;
};

static void event_from_keeper(const struct board_keeper *keeper, enum event_type type,
                              struct event *event)
{
    const struct reconciler *reconciler = &keeper->reconciler;
    const struct attach_fault_info *info = attach_fault_info(reconciler->fault);

    *event = (struct event){.type = type, .board = keeper->board};
    event->board.state = reconciler->wanted ? BOARD_STATE_WAITING : BOARD_STATE_AVAILABLE;
    event->attempt = reconciler->attempt;
    event->reason = reconciler->reason;
    event->took = keeper->took;
    event->leaving_ms = type == EVENT_DETACHED ? attachment_leaving_ms(keeper->attachment) : 0;
    if (type == EVENT_FAILED) {
        text_copy(event->code, sizeof event->code, info->code);
        text_copy(event->message, sizeof event->message, info->message);
        text_copy(event->remedy, sizeof event->remedy, info->remedy);
        event->retry_in_ms = reconciler->retry_in_ms;
    }
}

static void tell(struct board_keeper *keeper, enum event_type type)
{
    struct event event;

    event_from_keeper(keeper, type, &event);
    keeper->tell(keeper->context, &event);
}

static void tell_hand(struct board_keeper *keeper, enum event_type type, const char *until)
{
    struct event event;

    event_from_keeper(keeper, type, &event);
    text_copy(event.until, sizeof event.until, until);
    keeper->tell(keeper->context, &event);
}

/* The board has been let go of, so that its being the user's can be told. */
static void tell_owed_yielded(struct board_keeper *keeper)
{
    if (keeper->owes_yielded) {
        keeper->owes_yielded = false;
        tell_hand(keeper, EVENT_YIELDED, keeper->until);
    }
}

static void set_input(struct input *input, enum reconciler_event event, enum attach_fault fault)
{
    *input = (struct input){.is_set = true, .event = event, .fault = fault};
}

static void start_attaching(struct board_keeper *keeper, struct input *outcome)
{
    enum attach_fault fault;

    if (attachment_adopt(keeper->attachment, &keeper->board)) {
        log_info("%s: the kernel has it already", keeper->board.id);
        keeper->has_adopted = true;
        set_input(outcome, RECONCILER_ATTACHED, FAULT_NONE);
        return;
    }
    fault = attachment_start(keeper->attachment, &keeper->board);
    if (fault != FAULT_NONE) {
        log_warning("%s: %s", keeper->board.id, attach_fault_info(fault)->message);
        set_input(outcome, RECONCILER_ATTACH_FAILED, fault);
    }
}

static void check_port(struct board_keeper *keeper, struct input *outcome)
{
    if (attachment_port_is_free(keeper->attachment)) {
        set_input(outcome, RECONCILER_PORT_FREE, FAULT_NONE);
    } else if (attachment_is_unanswered(keeper->attachment)) {
        set_input(outcome, RECONCILER_UNANSWERED, FAULT_NONE);
    }
}

static void perform(struct board_keeper *keeper, enum reconciler_action action,
                    struct input *outcome)
{
    static const enum event_type told[] = {
        [RECONCILER_TELL_ARRIVAL] = EVENT_ARRIVAL,     [RECONCILER_TELL_UPDATE] = EVENT_UPDATE,
        [RECONCILER_TELL_ATTACHING] = EVENT_ATTACHING, [RECONCILER_TELL_READY] = EVENT_READY,
        [RECONCILER_TELL_FAILED] = EVENT_FAILED,       [RECONCILER_TELL_DETACHED] = EVENT_DETACHED,
        [RECONCILER_TELL_REMOVAL] = EVENT_REMOVAL,
    };

    switch (action) {
    case RECONCILER_ATTACH:
        start_attaching(keeper, outcome);
        break;
    case RECONCILER_CANCEL_ATTACH:
        attachment_cancel(keeper->attachment);
        break;
    case RECONCILER_DETACH:
        board_links_drop(keeper->machine, keeper, &keeper->nodes);
        attachment_detach(keeper->attachment);
        check_port(keeper, outcome);
        break;
    case RECONCILER_CHECK_PORT:
        check_port(keeper, outcome);
        break;
    case RECONCILER_RELEASE_PORT:
        attachment_release_port(keeper->attachment);
        break;
    default:
        tell(keeper, told[action]);
        if (action == RECONCILER_TELL_DETACHED) {
            tell_owed_yielded(keeper);
        }
        break;
    }
}

static void on_deadline(uv_timer_t *timer);

static void schedule(struct board_keeper *keeper)
{
    int64_t due_ms = reconciler_deadline(&keeper->reconciler);
    int64_t now_ms = (int64_t)uv_now(keeper->machine->loop);

    if (due_ms == RECONCILER_NEVER) {
        uv_timer_stop(&keeper->deadline);
    } else {
        uv_timer_start(&keeper->deadline, on_deadline,
                       due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0, 0);
    }
}

static void step(struct board_keeper *keeper, struct input input)
{
    while (input.is_set) {
        struct reconciler_actions actions;
        struct input outcome = {.is_set = false};

        reconciler_step(&keeper->reconciler, input.event, input.wanted, input.fault,
                        (int64_t)uv_now(keeper->machine->loop), &actions);
        for (size_t i = 0; i < actions.count; i++) {
            perform(keeper, actions.items[i], &outcome);
        }
        input = outcome;
    }
    schedule(keeper);
    if (keeper->has_adopted) {
        keeper->has_adopted = false;
        attachment_look_anew(keeper->attachment);
    }
}

static void step_simple(struct board_keeper *keeper, enum reconciler_event event)
{
    step(keeper, (struct input){.is_set = true, .event = event});
}

static void on_deadline(uv_timer_t *timer)
{
    step_simple(timer->data, RECONCILER_TICK);
}

static void on_attached(void *context)
{
    step_simple(context, RECONCILER_ATTACHED);
}

static void on_failed(void *context, enum attach_fault fault, const char *detail)
{
    struct board_keeper *keeper = context;

    if (fault == FAULT_IN_USE && keeper->attached_to[0] != '\0') {
        fault = FAULT_ATTACHED_ELSEWHERE;
    }
    log_warning("%s: %s (%s)", keeper->board.id, attach_fault_info(fault)->message, detail);
    step(keeper, (struct input){.is_set = true, .event = RECONCILER_ATTACH_FAILED, .fault = fault});
}

static void on_ready(void *context, const struct tty_nodes *nodes, const struct event_took *took)
{
    struct board_keeper *keeper = context;

    if (keeper->probe != NULL) {
        usb_probe_forget(keeper->probe); /* It is about the board's former stay. */
        keeper->probe = NULL;
    }
    keeper->nodes = *nodes;
    board_links_put(keeper->machine, keeper, keeper->board.name, &keeper->nodes);
    keeper->board.ttys = keeper->nodes.ttys;
    text_copy(keeper->board.usb_node, sizeof keeper->board.usb_node, nodes->usb_node);
    keeper->took = *took;
    step_simple(keeper, RECONCILER_NODES_READY);
}

static void on_gone(void *context)
{
    struct board_keeper *keeper = context;

    board_links_drop(keeper->machine, keeper, &keeper->nodes);
    step_simple(context, RECONCILER_DEVICE_GONE);
}

static const struct attachment_callbacks attachment_callbacks = {
    .on_attached = on_attached,
    .on_failed = on_failed,
    .on_ready = on_ready,
    .on_gone = on_gone,
};

int board_keeper_open(const struct machine *machine, const char *board_id,
                      board_keeper_tell_fn tell_fn, void *context, struct board_keeper **keeper)
{
    struct board_keeper *opened = calloc(1, sizeof *opened);
    int err;

    if (opened == NULL) {
        return ERR_NOMEM;
    }
    opened->machine = machine;
    opened->tell = tell_fn;
    opened->context = context;
    text_copy(opened->board.id, sizeof opened->board.id, board_id);
    reconciler_init(&opened->reconciler);
    err = attachment_open(machine, &attachment_callbacks, opened, &opened->attachment);
    if (err != 0) {
        free(opened);
        return err;
    }
    uv_timer_init(machine->loop, &opened->deadline); /* Never fails. */
    opened->deadline.data = opened;
    *keeper = opened;
    return 0;
}

const char *board_keeper_board_id(const struct board_keeper *keeper)
{
    return keeper->board.id;
}

/* Takes the host's facts and keeps the nodes, which are ours. */
static void take_facts(struct board_keeper *keeper, const struct board *facts,
                       const char *attached_to)
{
    struct board board = *facts;
    bool is_renamed = strcmp(board.name, keeper->board.name) != 0;

    board.ttys = keeper->board.ttys;
    text_copy(board.usb_node, sizeof board.usb_node, keeper->board.usb_node);
    keeper->board = board;
    text_copy(keeper->attached_to, sizeof keeper->attached_to, attached_to);
    if (is_renamed && keeper->reconciler.phase == RECONCILER_READY) {
        board_links_rename(keeper->machine, keeper, board.name, &keeper->board.ttys);
    }
}

static bool has_moved(const struct board_keeper *keeper, const struct board *board)
{
    return board->busid[0] != '\0' && strcmp(board->busid, keeper->board.busid) != 0;
}

/* A host agent that has been restarted knows of no wish, and says so by wanting the board. */
static void forget_wish(struct board_keeper *keeper, bool wanted)
{
    if (wanted) {
        keeper->is_yielded = false;
        keeper->owes_yielded = false;
        keeper->reconciler.yielded = false;
    }
}

/* Yielded, or no longer wanted, while no agent was there to let go of it. */
static void let_go_of_left_over(struct board_keeper *keeper)
{
    if (keeper->reconciler.phase == RECONCILER_IDLE && !keeper->reconciler.wanted &&
        attachment_adopt_own(keeper->attachment, &keeper->board)) {
        log_info("%s: attached by a former run, and not wanted any more", keeper->board.id);
        attachment_look_anew(keeper->attachment);
        step_simple(keeper, RECONCILER_LEFT_OVER);
    }
}

void board_keeper_arrived(struct board_keeper *keeper, const struct board *board, bool wanted,
                          const char *attached_to)
{
    enum reconciler_event event = has_moved(keeper, board) ? RECONCILER_MOVED : RECONCILER_ARRIVED;

    take_facts(keeper, board, attached_to);
    forget_wish(keeper, wanted);
    step(keeper, (struct input){.is_set = true, .event = event, .wanted = wanted});
    let_go_of_left_over(keeper);
}

void board_keeper_seen(struct board_keeper *keeper, const struct board *board, bool wanted,
                       const char *attached_to)
{
    enum reconciler_event event = has_moved(keeper, board) ? RECONCILER_MOVED : RECONCILER_SEEN;

    take_facts(keeper, board, attached_to);
    forget_wish(keeper, wanted);
    step(keeper, (struct input){.is_set = true, .event = event, .wanted = wanted});
    let_go_of_left_over(keeper);
}

void board_keeper_removed(struct board_keeper *keeper)
{
    step_simple(keeper, RECONCILER_REMOVED);
}

static void take(struct board_keeper *keeper, const char *until)
{
    keeper->is_yielded = false;
    keeper->owes_yielded = false;
    keeper->reconciler.yielded = false;
    tell_hand(keeper, EVENT_TAKEN, until);
}

/* True while the board is in the kernel or on its way there: a detachment is still to be told. */
static bool is_attached(const struct board_keeper *keeper)
{
    enum reconciler_phase phase = keeper->reconciler.phase;

    return phase != RECONCILER_IDLE && phase != RECONCILER_WAITING;
}

void board_keeper_handed(struct board_keeper *keeper, const struct event *event)
{
    if (event->type == EVENT_TAKEN) {
        take(keeper, event->until);
        return;
    }
    if (keeper->is_yielded && strcmp(keeper->until, event->until) == 0) {
        return; /* The host says so with each snapshot. */
    }
    keeper->is_yielded = true;
    keeper->reconciler.yielded = true;
    text_copy(keeper->until, sizeof keeper->until, event->until);
    keeper->owes_yielded = is_attached(keeper);
    if (!keeper->owes_yielded) {
        tell_hand(keeper, EVENT_YIELDED, keeper->until);
    }
}

static void on_probed(void *context, bool is_silent)
{
    struct board_keeper *keeper = context;

    keeper->probe = NULL;
    if (is_silent) {
        log_warning("%s: the board does not answer any more", keeper->board.id);
        step_simple(keeper, RECONCILER_SILENT);
    }
}

void board_keeper_probe(struct board_keeper *keeper)
{
    int err;

    if (keeper->reconciler.phase != RECONCILER_READY || keeper->probe != NULL) {
        return;
    }
    err = usb_probe_open(keeper->machine->loop, keeper->board.usb_node, USB_PROBE_LIMIT_MS,
                         on_probed, keeper, &keeper->probe);
    if (err != 0) {
        log_warning("%s: can't be asked whether it still answers: %s", keeper->board.id,
                    error_text(err));
    }
}

void board_keeper_room(struct board_keeper *keeper)
{
    const struct reconciler *reconciler = &keeper->reconciler;

    if (reconciler->phase == RECONCILER_WAITING && reconciler->fault == FAULT_NO_PORT &&
        attachment_has_room(keeper->attachment, &keeper->board)) {
        step_simple(keeper, RECONCILER_ROOM);
    }
}

bool board_keeper_may_hold(struct board_keeper *keeper, const struct board *board)
{
    return keeper->reconciler.phase != RECONCILER_IDLE ||
           attachment_may_adopt(keeper->attachment, board);
}

void board_keeper_uevent(struct board_keeper *keeper, const struct uevent *event)
{
    attachment_uevent(keeper->attachment, event);
}

void board_keeper_look_anew(struct board_keeper *keeper)
{
    attachment_look_anew(keeper->attachment);
}

void board_keeper_repeat(struct board_keeper *keeper, board_keeper_tell_fn tell_fn, void *context)
{
    struct event event;

    switch (keeper->reconciler.phase) {
    case RECONCILER_READY:
        event_from_keeper(keeper, EVENT_READY, &event);
        tell_fn(context, &event);
        break;
    case RECONCILER_WAITING:
        if (keeper->reconciler.attempt == 0) { /* Lost, and not tried again yet. */
            event_from_keeper(keeper, EVENT_DETACHED, &event);
            tell_fn(context, &event);
            break;
        }
        event_from_keeper(keeper, EVENT_ATTACHING, &event);
        tell_fn(context, &event);
        event_from_keeper(keeper, EVENT_FAILED, &event);
        tell_fn(context, &event);
        break;
    case RECONCILER_ATTACHING:
    case RECONCILER_ENUMERATING:
        event_from_keeper(keeper, EVENT_ATTACHING, &event);
        tell_fn(context, &event);
        break;
    case RECONCILER_IDLE:
    case RECONCILER_DETACHING:
        break;
    }
}

bool board_keeper_is_over(const struct board_keeper *keeper)
{
    return reconciler_is_over(&keeper->reconciler);
}

static void on_deadline_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void board_keeper_close(struct board_keeper *keeper)
{
    if (keeper->probe != NULL) {
        usb_probe_forget(keeper->probe);
    }
    attachment_close(keeper->attachment);
    board_links_leave(keeper->machine, keeper);
    uv_close((uv_handle_t *)&keeper->deadline, on_deadline_closed);
}
