/* Every ```json block of the documentation is read by the unit that reads such text in earnest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/attach_fault.h"
#include "shared/core/config.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/request.h"
#include "shared/core/wire_hello.h"
#include "shared/core/wire_import.h"
#include "shared/core/wire_message.h"
#include "tests/core/cases.h"

#define DOCS TEST_DOCS "/"
#define BLOCK_MAX (64 * 1024)

typedef void (*block_fn)(void *context, const char *block);

/* Calls `on_block` with the text of each block. */
static void for_each_block(const char *path, block_fn on_block, void *context)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char line[BLOCK_MAX];
    static char block[BLOCK_MAX];
    bool inside = false;
    unsigned count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (!inside && strcmp(line, "```json\n") == 0) {
            inside = true;
            block[0] = '\0';
        } else if (inside && strcmp(line, "```\n") == 0) {
            inside = false;
            count++;
            on_block(context, block);
        } else if (inside) {
            assert_true(strlen(block) + strlen(line) < sizeof block);
            strcat(block, line);
        }
    }
    fclose(file);
    assert_false(inside);
    assert_true(count > 0);
}

static void for_each_line(char *block, void (*on_line)(void *context, const char *line),
                          void *context)
{
    for (char *line = strtok(block, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        on_line(context, line);
    }
}

/* Returns true if the line is a request or an answer, and comes out again as it stands there. */
static bool is_request_or_reply(const char *line)
{
    struct request request;
    struct reply reply;
    char *again = NULL;
    size_t len = 0;
    if (request_from_line(line, strlen(line), &request) == 0) {
        assert_int_equal(request_to_line(&request, &again, &len), 0);
    } else if (reply_from_line(line, strlen(line), &reply) == 0) {
        assert_int_equal(reply_to_line(&reply, &again, &len), 0);
    } else {
        return false;
    }
    again[len - 1] = '\0';
    assert_string_equal(again, line);
    free(again);
    return true;
}

static void read_event(void *context, const char *line)
{
    if (is_request_or_reply(line)) {
        return;
    }
    unsigned *seen = context;
    struct board_table boards;
    board_table_init(&boards);
    struct event event;
    int result = event_json_to_event(line, strlen(line), &event, &boards);
    if (result != 0) {
        print_error("%s: %s\n", error_text(result), line);
    }
    assert_int_equal(result, 0);
    /* Nothing may be missing from an example: it comes out again as it stands there. */
    char *again = NULL;
    size_t len = 0;
    assert_int_equal(event_json_from_event(&event, &again, &len), 0);
    again[len - 1] = '\0';
    assert_string_equal(again, line);
    free(again);
    board_table_finish(&boards);
    *seen |= 1u << event.type;
}

static void read_event_block(void *context, const char *block)
{
    char copy[BLOCK_MAX];
    strcpy(copy, block);
    for_each_line(copy, read_event, context);
}

static void events(void **state)
{
    (void)state;
    unsigned seen = 0;
    for_each_block(DOCS "events.md", read_event_block, &seen);
    assert_int_equal(seen, (1u << (EVENT_DROPPED + 1)) - 1);
}

static void read_wire(void *context, const char *line)
{
    (void)context;
    struct wire_hello hello;
    struct wire_bye bye;
    struct wire_message message;
    struct wire_proof proof;
    static struct wire_import import;
    int as_hello = wire_hello_from_line(line, strlen(line), &hello, &bye);
    int as_message = wire_message_from_line(line, strlen(line), &message);
    bool is_known = as_hello == 0 || as_hello == ERR_CLOSED || as_message == 0 ||
                    wire_proof_from_line(line, strlen(line), &proof, &bye) == 0 ||
                    wire_import_from_line(line, strlen(line), &import) == 0;
    if (!is_known) {
        print_error("%s: %s\n", error_text(as_message), line);
    }
    assert_true(is_known);
}

static void read_wire_block(void *context, const char *block)
{
    char copy[BLOCK_MAX];
    strcpy(copy, block);
    for_each_line(copy, read_wire, context);
}

static void protocol(void **state)
{
    (void)state;
    for_each_block(DOCS "protocol.md", read_wire_block, NULL);
}

static void read_config(void *context, const char *block)
{
    struct config *config = context;
    char reason[CONFIG_REASON_SIZE] = "";
    int result = config_from_text(block, strlen(block), config, reason);
    assert_string_equal(reason, "");
    assert_int_equal(result, 0);
}

static void configuration(void **state)
{
    (void)state;
    struct config config;
    config_init(&config);
    for_each_block(DOCS "configuration.md", read_config, &config);
    /* The examples together name every key. */
    assert_int_equal(config.link_auth, CONFIG_AUTH_NONE);
    assert_string_equal(config.usbipd_address, "172.20.0.1");
}

/* --- The table of bad input ------------------------------------------------------------------- */

#define SOURCE_MAX (256 * 1024)

static void expect_in_file(const char *name, const char *path)
{
    static char text[SOURCE_MAX];
    char full[512];
    snprintf(full, sizeof full, DOCS "../%s", path);
    FILE *file = fopen(full, "rb");
    if (file == NULL) {
        fail_msg("there is no %s", path);
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(len < sizeof text - 1);
    text[len] = '\0';
    if (strstr(text, name) == NULL) {
        fail_msg("%s has no \"%s\"", path, name);
    }
}

/* Takes the next text between backquotes; `*at` then stands behind it. */
static bool next_quoted(char **at, char **text)
{
    char *start = strchr(*at, '`');
    char *end = start != NULL ? strchr(start + 1, '`') : NULL;
    if (end == NULL) {
        return false;
    }
    *end = '\0';
    *text = start + 1;
    *at = end + 1;
    return true;
}

/* The last column of a row: pairs of a file and of a test in it. Returns how many. */
static unsigned check_tests(char *column)
{
    unsigned count = 0;
    char *path = NULL;
    char *name = NULL;
    while (next_quoted(&column, &path)) {
        assert_true(next_quoted(&column, &name));
        expect_in_file(name, path);
        count++;
    }
    return count;
}

/* Every row of the one table in that section. Returns how many there are. */
static unsigned check_rows(const char *path, const char *section)
{
    static char line[BLOCK_MAX];
    bool inside = false;
    bool is_head = true;
    unsigned rows = 0;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "## ", 3) == 0) {
            inside = strcmp(line, section) == 0;
        }
        if (!inside || line[0] != '|') {
            continue;
        }
        if (is_head) {
            is_head = strncmp(line, "| ---", 5) != 0;
            continue;
        }
        char *column = strstr(line, "| `tests/");
        if (column == NULL || check_tests(column) == 0) {
            fail_msg("a row without a test: %s", line);
        }
        rows++;
    }
    fclose(file);
    return rows;
}

static void every_row_of_bad_input_has_its_test(void **state)
{
    (void)state;
    assert_true(check_rows(DOCS "protocol.md", "## Bad input\n") >= 20);
}

static void every_threat_has_its_test(void **state)
{
    (void)state;
    assert_true(check_rows(DOCS "security.md", "## Threats\n") >= 20);
}

static void every_code_of_a_failure_is_documented(void **state)
{
    (void)state;
    for (int fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++) {
        char cell[64];
        snprintf(cell, sizeof cell, "| `%s` |", attach_fault_info((enum attach_fault)fault)->code);
        expect_in_file(cell, "docs/events.md");
    }
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "docs: the examples of events.md", events);
    cases_add_one(&cases, "docs: the examples of protocol.md", protocol);
    cases_add_one(&cases, "docs: the examples of configuration.md", configuration);
    cases_add_one(&cases, "docs: the tests of protocol.md's bad input",
                  every_row_of_bad_input_has_its_test);
    cases_add_one(&cases, "docs: the tests of security.md's threats", every_threat_has_its_test);
    cases_add_one(&cases, "docs: the codes of failures", every_code_of_a_failure_is_documented);
    return cases_run("docs_examples", &cases);
}
