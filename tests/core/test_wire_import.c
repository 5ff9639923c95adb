#include "shared/core/wire_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/altered.h"

#define IMPORT "0123456789abcdef"
#define ASK "{\"type\":\"import\",\"import\":\"" IMPORT "\",\"busid\":\"1-3\"}\n"
#define DATA "{\"type\":\"data\",\"import\":\"" IMPORT "\",\"bytes\":\"AAEC\"}\n"
#define CREDIT "{\"type\":\"credit\",\"import\":\"" IMPORT "\",\"bytes\":32768}\n"
#define END                                                                                        \
    "{\"type\":\"end\",\"import\":\"" IMPORT "\",\"code\":\"usbipd_refused\",\"message\":\"no\"}"  \
    "\n"

static const struct round_case {
    const char *name;
    struct wire_import message;
    const char *line;
} round_cases[] = {
    {"import: ask", {.type = WIRE_IMPORT_ASK, .import = IMPORT, .busid = "1-3"}, ASK},
    {"import: open",
     {.type = WIRE_IMPORT_OPEN, .import = IMPORT},
     "{\"type\":\"open\",\"import\":\"" IMPORT "\"}\n"},
    {"import: data", {.type = WIRE_IMPORT_DATA, .import = IMPORT, .bytes = "AAEC"}, DATA},
    {"import: credit", {.type = WIRE_IMPORT_CREDIT, .import = IMPORT, .credit = 32768}, CREDIT},
    {"import: end",
     {.type = WIRE_IMPORT_END, .import = IMPORT, .code = "usbipd_refused", .message = "no"},
     END},
    {"import: end in order",
     {.type = WIRE_IMPORT_END, .import = IMPORT},
     "{\"type\":\"end\",\"import\":\"" IMPORT "\",\"code\":null,\"message\":null}\n"},
};

static void run_round(void **state)
{
    const struct round_case *row = *state;
    struct wire_import read;
    char *line = NULL;
    size_t len = 0;

    assert_int_equal(wire_import_to_line(&row->message, &line, &len), 0);
    assert_string_equal(line, row->line);
    assert_int_equal(len, strlen(row->line));
    free(line);
    memset(&read, 'x', sizeof read);
    assert_int_equal(wire_import_from_line(row->line, len - 1, &read), 0);
    assert_int_equal(wire_import_to_line(&read, &line, &len), 0);
    assert_string_equal(line, row->line);
    free(line);
}

static const struct altered_case {
    const char *name;
    const char *line;
    const char *find;
    const char *replace;
    int result;
} altered_cases[] = {
    {"import: unknown members are ignored", ASK, "\"busid\"", "\"new\":[{}],\"busid\"", 0},
    {"import: another type", ASK, "\"import\",", "\"arrival\",", ERR_UNSUPPORTED},
    {"import: no type", ASK, "\"type\"", "\"kind\"", ERR_INVALID},
    {"import: not JSON", ASK, "}", "", ERR_INVALID},
    {"import: an id too short", ASK, IMPORT, "0123456789abcde", ERR_INVALID},
    {"import: an id too long", ASK, IMPORT, "0123456789abcdef0", ERR_INVALID},
    {"import: an id in upper case", ASK, IMPORT, "0123456789ABCDEF", ERR_INVALID},
    {"import: no id", ASK, "\"import\":", "\"imports\":", ERR_INVALID},
    {"import: busid that is a path", ASK, "1-3", "../../x", ERR_INVALID},
    {"import: no busid", ASK, "busid", "bus", ERR_INVALID},
    {"import: busid too long", ASK, "1-3", "1-3333333333333333333333333333333", ERR_INVALID},
    {"import: bytes as a number", DATA, "\"AAEC\"", "7", ERR_INVALID},
    {"import: no bytes", DATA, "AAEC", "", ERR_INVALID},
    {"import: credit of nothing", CREDIT, "32768", "0", ERR_INVALID},
    {"import: credit of less than nothing", CREDIT, "32768", "-1", ERR_INVALID},
    {"import: credit of a whole window", CREDIT, "32768", "131072", 0},
    {"import: credit beyond the window", CREDIT, "32768", "131073", ERR_INVALID},
    {"import: credit with a fraction", CREDIT, "32768", "1.5", ERR_INVALID},
    {"import: credit as text", CREDIT, "32768", "\"1\"", ERR_INVALID},
    {"import: end with a code that is none", END, "usbipd_refused", "no code", ERR_INVALID},
    {"import: end with a hostile message", END, "\"no\"", "\"\\u001b[2J\"", 0},
};

static void run_altered(void **state)
{
    const struct altered_case *row = *state;
    char *line = altered_line(row->line, row->find, row->replace);
    struct wire_import message;

    assert_int_equal(wire_import_from_line(line, strlen(line), &message), row->result);
    free(line);
}

/* As much as a data line may carry fits, a character more does not. */
static void bytes_have_a_limit(void **state)
{
    static struct wire_import message = {.type = WIRE_IMPORT_DATA, .import = IMPORT};
    static struct wire_import read;
    char *line = NULL;
    char *longer;
    size_t len = 0;

    (void)state;
    memset(message.bytes, 'A', sizeof message.bytes - 1);
    assert_int_equal(wire_import_to_line(&message, &line, &len), 0);
    assert_true(len <= 64 * 1024);
    assert_int_equal(wire_import_from_line(line, len, &read), 0);
    assert_string_equal(read.bytes, message.bytes);
    longer = altered_line(line, "\"A", "\"AA");
    assert_int_equal(wire_import_from_line(longer, strlen(longer), &read), ERR_INVALID);
    free(longer);
    free(line);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, round_cases, run_round);
    CASES_ADD(&cases, altered_cases, run_altered);
    cases_add_one(&cases, "import: bytes have a limit", bytes_have_a_limit);
    return cases_run("wire_import", &cases);
}
