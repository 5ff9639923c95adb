#include "shared/core/transport_choice.h"

#include <string.h>

#include "tests/core/cases.h"

/* A life of the choice as a text: 't' and 'b': TCP or the bridge is up; 'x' and 'y': a try of TCP
 * or the bridge has failed; 'T' and 'B': the link over it has ended; '1': a second passes, and the
 * tick comes if it is due. */
static const struct choice_case {
    const char *name;
    enum config_transport configured;
    const char *events;
    const char *wants; /* 't', 'b' or '2' (both), one for the start and one after each event */
} choice_cases[] = {
    {"choice: tcp alone, whatever happens", CONFIG_TRANSPORT_TCP, "xxxx1111tT", "ttttttttttt"},
    {"choice: bridge alone, whatever happens", CONFIG_TRANSPORT_BRIDGE, "yyy1111bBy",
     "bbbbbbbbbbb"},
    {"choice: auto begins with tcp", CONFIG_TRANSPORT_AUTO, "11t", "tttt"},
    {"choice: auto, three seconds", CONFIG_TRANSPORT_AUTO, "1111", "ttt22"},
    {"choice: auto, three refusals", CONFIG_TRANSPORT_AUTO, "xxxx", "ttt22"},
    {"choice: auto, refusals of the bridge don't count", CONFIG_TRANSPORT_AUTO, "yyyx", "ttttt"},
    {"choice: auto, the bridge is up first", CONFIG_TRANSPORT_AUTO, "111b11", "ttt2bbb"},
    {"choice: auto, tcp is up first", CONFIG_TRANSPORT_AUTO, "111t11", "ttt2ttt"},
    {"choice: auto, tcp up needs no patience", CONFIG_TRANSPORT_AUTO, "t1111", "tttttt"},
    {"choice: auto, the bridge ends: from the start", CONFIG_TRANSPORT_AUTO, "111bB111b",
     "ttt2bttt2b"},
    {"choice: auto, tcp ends: from the start", CONFIG_TRANSPORT_AUTO, "xxtTxx1x", "tttttttt2"},
    {"choice: auto, the one that came too late is let go", CONFIG_TRANSPORT_AUTO, "111bt1",
     "ttt2bbb"},
    {"choice: auto, and its end changes nothing", CONFIG_TRANSPORT_AUTO, "111btT1x", "ttt2bbbbb"},
    {"choice: auto, a long failure changes nothing", CONFIG_TRANSPORT_AUTO, "111xyxyxy1111",
     "ttt22222222222"},
};

static void apply(struct transport_choice *choice, char event, uint64_t *now_ms)
{
    switch (event) {
    case 't':
        transport_choice_up(choice, TRANSPORT_TCP);
        break;
    case 'b':
        transport_choice_up(choice, TRANSPORT_BRIDGE);
        break;
    case 'x':
    case 'T':
        transport_choice_failed(choice, TRANSPORT_TCP, event == 'T', *now_ms);
        break;
    case 'y':
    case 'B':
        transport_choice_failed(choice, TRANSPORT_BRIDGE, event == 'B', *now_ms);
        break;
    case '1':
        *now_ms += 1000;
        if (transport_choice_due_ms(choice, *now_ms) == 0) {
            transport_choice_tick(choice, *now_ms);
        }
        break;
    default:
        fail();
    }
}

static char wanted(const struct transport_choice *choice)
{
    bool tcp = transport_choice_wants(choice, TRANSPORT_TCP);
    bool bridge = transport_choice_wants(choice, TRANSPORT_BRIDGE);

    assert_true(tcp || bridge);
    return tcp && bridge ? '2' : (tcp ? 't' : 'b');
}

static void run_choice(void **state)
{
    const struct choice_case *row = *state;
    struct transport_choice choice;
    uint64_t now_ms = 5000;

    transport_choice_init(&choice, row->configured, now_ms);
    assert_int_equal(strlen(row->wants), strlen(row->events) + 1);
    assert_int_equal(wanted(&choice), row->wants[0]);
    for (size_t i = 0; row->events[i] != '\0'; i++) {
        apply(&choice, row->events[i], &now_ms);
        if (wanted(&choice) != row->wants[i + 1]) {
            fail_msg("after event %zu ('%c') it wants %c", i, row->events[i], wanted(&choice));
        }
    }
}

static void the_tick_is_due_in_time_and_only_once(void **state)
{
    struct transport_choice choice;

    (void)state;
    transport_choice_init(&choice, CONFIG_TRANSPORT_AUTO, 100);
    assert_int_equal(transport_choice_due_ms(&choice, 100), 3000);
    assert_int_equal(transport_choice_due_ms(&choice, 2100), 1000);
    assert_int_equal(transport_choice_due_ms(&choice, 9100), 0);
    transport_choice_tick(&choice, 3099);
    assert_int_equal(transport_choice_due_ms(&choice, 3099), 1);
    transport_choice_tick(&choice, 3100);
    assert_int_equal(transport_choice_due_ms(&choice, 3100), -1);
    transport_choice_init(&choice, CONFIG_TRANSPORT_TCP, 100);
    assert_int_equal(transport_choice_due_ms(&choice, 100), -1);
    transport_choice_init(&choice, CONFIG_TRANSPORT_AUTO, 100);
    transport_choice_up(&choice, TRANSPORT_TCP);
    assert_int_equal(transport_choice_due_ms(&choice, 100), -1);
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, choice_cases, run_choice);
    cases_add_one(&cases, "choice: the tick is due in time, and only once",
                  the_tick_is_due_in_time_and_only_once);
    return cases_run("transport_choice", &cases);
}
