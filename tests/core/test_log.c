#include <stdio.h>
#include <string.h>

#include "shared/core/log.h"
#include "tests/core/cases.h"

struct capture {
    unsigned count;
    enum log_level level;
    char message[2 * LOG_MESSAGE_SIZE];
};

static void on_message(void *context, enum log_level level, const char *message)
{
    struct capture *capture = context;
    capture->count++;
    capture->level = level;
    snprintf(capture->message, sizeof capture->message, "%s", message);
}

static struct capture capture_one(const char *text)
{
    struct capture capture = {.count = 0};
    log_set_sink(on_message, &capture);
    log_error("%s", text);
    log_set_sink(NULL, NULL);
    return capture;
}

static void levels_filter(void **state)
{
    (void)state;
    struct capture capture = {.count = 0};
    log_set_sink(on_message, &capture);
    log_debug("dropped by default");
    assert_int_equal(capture.count, 0);
    log_info("info %d", 7);
    assert_int_equal(capture.level, LOG_INFO);
    assert_string_equal(capture.message, "info 7");
    log_set_level(LOG_ERROR);
    log_warning("dropped");
    assert_int_equal(capture.count, 1);
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    assert_int_equal(capture.level, LOG_DEBUG);
    assert_int_equal(capture.count, 2);
    log_set_level(LOG_INFO);
    log_set_sink(NULL, NULL);
}

static void hostile_text_stays_one_line(void **state)
{
    (void)state;
    struct capture capture = capture_one("board\n\x1B[2Jerror: forged");
    assert_int_equal(capture.count, 1);
    assert_string_equal(capture.message, "board\\x0a\\x1b[2Jerror: forged");
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char text[2 * LOG_MESSAGE_SIZE];
    memset(text, 'a', sizeof text);
    text[LOG_MESSAGE_SIZE - 1] = '\0';
    struct capture fits = capture_one(text);
    assert_string_equal(fits.message, text);

    text[LOG_MESSAGE_SIZE - 1] = 'a';
    text[LOG_MESSAGE_SIZE] = '\0';
    struct capture cut = capture_one(text);
    assert_int_equal(strlen(cut.message), LOG_MESSAGE_SIZE - 1);
    assert_string_equal(cut.message + LOG_MESSAGE_SIZE - 5, "a...");
}

static void escapes_count_toward_the_limit(void **state)
{
    (void)state;
    char text[LOG_MESSAGE_SIZE];
    memset(text, '\n', sizeof text);
    text[LOG_MESSAGE_SIZE - 1] = '\0';
    struct capture capture = capture_one(text);
    assert_true(strlen(capture.message) < LOG_MESSAGE_SIZE);
    assert_string_equal(capture.message + strlen(capture.message) - 7, "\\x0a...");
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(log_level_name(LOG_ERROR), "error");
    assert_string_equal(log_level_name(LOG_WARNING), "warning");
    assert_string_equal(log_level_name(LOG_INFO), "info");
    assert_string_equal(log_level_name(LOG_DEBUG), "debug");
}

int main(void)
{
    struct cases cases = {.count = 0};
    cases_add_one(&cases, "log: levels filter", levels_filter);
    cases_add_one(&cases, "log: hostile text stays one line", hostile_text_stays_one_line);
    cases_add_one(&cases, "log: long text is cut", long_text_is_cut);
    cases_add_one(&cases, "log: escapes count toward the limit", escapes_count_toward_the_limit);
    cases_add_one(&cases, "log: levels have names", levels_have_names);
    return cases_run("log", &cases);
}
