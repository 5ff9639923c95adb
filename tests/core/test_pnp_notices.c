/* Each case is a sequence of looks and notices about one node, and what is news. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/pnp_notices.h"
#include "tests/core/cases.h"

#define ID "USB\\VID_1A86&PID_7523\\A"

/* Words: "n" and "N" are looks without and with the node, "M" one with it at another place; "+" and
 * "-" are notices that are news, "(+)" and "(-)" ones that are not; "L" asks that the node is
 * leaving; "@10000" is the time in milliseconds. */
struct notices_case {
    const char *name;
    const char *words;
};

static const struct notices_case notices_cases[] = {
    {"notices: ahead of the looks", "n + N - n + N"},
    {"notices: behind the looks", "n N (+) n (-) N (+)"},
    {"notices: far behind the looks", "n N n N n (+) (-) (+) (-)"},
    {"notices: an arrival of the former life comes first", "n N n N (+) (-) (+) -"},
    {"notices: twice", "n + (+) N - (-) n N (-) (+) (+) -"},
    {"notices: what was there at first owes no arrival", "N -"},
    {"notices: what was there at first has gone, come and gone", "N n N (-) (+) -"},
    {"notices: what was there at first is back with an arrival", "N n + N -"},
    {"notices: it came before anybody looked, and none told so", "n N -"},
    {"notices: an arrival that was never sent", "n N n (-) N (+) -"},
    {"notices: an arrival before the node can be seen", "n + n N -"},
    {"notices: gone and back between two looks", "N - + N -"},
    {"notices: moved between two looks", "N M (-) (+) -"},
    {"notices: lingers after its removal", "N - L N L N L n N (+) -"},
    {"notices: lingers, and comes again", "N - L N L + N -"},
    {"notices: a removal of what was never seen lingers", "n - L N L n N (+) -"},
    {"notices: owed ones that never came are forgotten in the end", "n N n N @9999 (+) (-) (+) -"},
    {"notices: a node without a driver, until it has one", "n N n N n N @10000 + -"},
    {"notices: more are owed than are counted", "n N n N n N n N n N n N n N (+) (-) (+)"},
};

static void take_word(struct pnp_notices *notices, const char *word, int64_t now_ms)
{
    if (strchr("nNM", word[0]) != NULL) {
        pnp_notices_begin(notices, now_ms);
        if (word[0] != 'n')
            pnp_notices_see(notices, ID);
        pnp_notices_end(notices);
        if (word[0] == 'M')
            pnp_notices_see_return(notices, ID);
    } else if (word[0] == 'L') {
        assert_true(pnp_notices_is_leaving(notices, ID));
    } else {
        bool is_news = word[0] != '(';
        char sign = is_news ? word[0] : word[1];
        enum pnp_notice notice = sign == '+' ? PNP_NOTICE_ARRIVED : PNP_NOTICE_REMOVED;

        assert_int_equal(pnp_notices_hear(notices, ID, notice, now_ms), is_news);
    }
}

static void run_case(void **state)
{
    const struct notices_case *row = *state;
    const char *word = row->words;
    struct pnp_notices notices = {0};
    int64_t now_ms = 0;

    for (; *word != '\0'; word += strcspn(word, " "), word += strspn(word, " ")) {
        if (word[0] == '@')
            now_ms = strtoll(word + 1, NULL, 10);
        else
            take_word(&notices, word, now_ms);
    }
    assert_false(pnp_notices_is_leaving(&notices, "USB\\VID_1A86&PID_7523\\B"));
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, notices_cases, run_case);
    return cases_run("pnp_notices", &cases);
}
