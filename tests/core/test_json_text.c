#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/json_text.h"
#include "tests/core/cases.h"

static const struct parse_case {
    const char *name;
    const char *text;
    bool valid;
} parse_cases[] = {
    {"json: empty object", "{}", true},
    {"json: white space around", " \t\r\n{ }\n", true},
    {"json: every escape", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"}", true},
    {"json: UTF-8", "{\"a\":\"\xC3\xA9\"}", true},
    {"json: braces in a string", "{\"a\":\"}{][\"}", true},
    {"json: escaped quote and braces", "{\"a\":\"\\\"}{\"}", true},
    {"json: empty text", "", false},
    {"json: white space only", "  ", false},
    {"json: an array", "[]", false},
    {"json: a string", "\"a\"", false},
    {"json: a number", "1", false},
    {"json: null", "null", false},
    {"json: trailing text", "{} x", false},
    {"json: two objects", "{}{}", false},
    {"json: closed too often", "{}}", false},
    {"json: not closed", "{\"a\":1", false},
    {"json: closed by the wrong bracket", "{\"a\":[1}}", false},
    {"json: trailing comma", "{\"a\":1,}", false},
    {"json: no value", "{\"a\":}", false},
    {"json: no colon", "{\"a\" 1}", false},
    {"json: key without quotes", "{a:1}", false},
    {"json: single quotes", "{'a':1}", false},
    {"json: a comment", "{/**/}", false},
    {"json: byte order mark", "\xEF\xBB\xBF{}", false},
    {"json: NUL escaped", "{\"a\":\"x\\u0000y\"}", false},
    {"json: NUL escaped in a key", "{\"a\\u0000\":1}", false},
    {"json: bad digit in an escape", "{\"a\":\"\\u00g0\"}", false},
    {"json: short escape", "{\"a\":\"\\u00\"}", false},
    {"json: unknown escape", "{\"a\":\"\\x41\"}", false},
    {"json: lone high surrogate", "{\"a\":\"\\ud83d\"}", false},
    {"json: lone low surrogate", "{\"a\":\"\\ude00\"}", false},
    {"json: high surrogate and a letter", "{\"a\":\"\\ud83dx\"}", false},
    {"json: two high surrogates", "{\"a\":\"\\ud83d\\ud83d\"}", false},
    {"json: raw line feed in a string", "{\"a\":\"x\ny\"}", false},
    {"json: raw escape character in a string", "{\"a\":\"\x1B\"}", false},
    {"json: control character between tokens", "{\x01}", false},
    {"json: string without end", "{\"a", false},
    {"json: string ends in a backslash", "{\"a\\", false},
    {"json: invalid UTF-8", "{\"a\":\"\xFF\"}", false},
    {"json: overlong UTF-8", "{\"a\":\"\xC0\xAF\"}", false},
    {"json: surrogate in UTF-8", "{\"a\":\"\xED\xA0\x80\"}", false},
    {"json: a minus alone", "{\"a\":-}", false},
    {"json: not a number", "{\"a\":NaN}", false},
    {"json: hexadecimal", "{\"a\":0x10}", false},
    {"json: half an exponent", "{\"a\":1e}", false},
};

/* The bytes stand at the end of their allocation, so that a sanitizer sees a read beyond them. */
static struct cJSON *parse_exactly(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    struct cJSON *json = json_text_parse_object(copy, len);
    free(copy);
    return json;
}

static void run_parse(void **state)
{
    const struct parse_case *row = *state;
    struct cJSON *json = parse_exactly(row->text, strlen(row->text));
    assert_int_equal(json != NULL, row->valid);
    json_text_free(json);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[{\"b\":\"\\u00e9\\\\\"},-1.5e3,null,true],\"c\":false}";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        assert_null(parse_exactly(text, len));
    }
    struct cJSON *json = parse_exactly(text, sizeof text - 1);
    assert_non_null(json);
    json_text_free(json);
}

static void nul_is_refused(void **state)
{
    (void)state;
    assert_null(json_text_parse_object("{}\0", 3));
    assert_null(json_text_parse_object("{\"a\":\"x\0y\"}", 11));
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (size_t depth = JSON_TEXT_DEPTH_MAX - 1; depth <= JSON_TEXT_DEPTH_MAX; depth++) {
        char text[256] = "{\"a\":";
        memset(text + 5, '[', depth);
        memset(text + 5 + depth, ']', depth);
        text[5 + 2 * depth] = '}';
        struct cJSON *json = json_text_parse_object(text, strlen(text));
        assert_int_equal(json != NULL, depth < JSON_TEXT_DEPTH_MAX);
        json_text_free(json);
    }
    enum { DEEP = 1000000 };
    char *deep = malloc(DEEP);
    assert_non_null(deep);
    memset(deep, '[', DEEP);
    assert_null(json_text_parse_object(deep, DEEP));
    free(deep);
}

static void errors_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } rows[] = {
        {"{\"a\": nope}", 6},    {"{} x", 3}, {"{\"a\":\"\x01\"}", 6},
        {"{\"a\":\"\xFF\"}", 6}, {"{}}", 2},
    };
    for (size_t i = 0; i < CASES_COUNT(rows); i++) {
        size_t at = 999;
        assert_null(json_text_parse_object_at(rows[i].text, strlen(rows[i].text), &at));
        assert_int_equal(at, rows[i].at);
    }
}

static void print_is_ascii(void **state)
{
    (void)state;
    struct cJSON *json = json_text_create_object();
    assert_int_equal(json_text_add_string(json, "a", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), 0);
    assert_int_equal(json_text_add_string(json, "b", "\x1B\n\x7F\"\\/"), 0);
    assert_int_equal(json_text_add_string(json, "c", "\xFFx\xC3"), 0);
    assert_int_equal(json_text_add_string_or_null(json, "d", ""), 0);
    assert_int_equal(json_text_add_bool(json, "e", true), 0);
    assert_int_equal(json_text_add_integer(json, "f", JSON_TEXT_INTEGER_MAX), 0);
    assert_int_equal(json_text_add_integer(json, "g", -1), 0);
    assert_non_null(json_text_append_object(json_text_add_array(json, "h")));
    char *line = NULL;
    size_t len = 0;
    assert_int_equal(json_text_print_line(json, &line, &len), 0);
    assert_string_equal(line, "{\"a\":\"\\u00e9\\u20ac\\ud83d\\ude00\","
                              "\"b\":\"\\u001b\\n\\u007f\\\"\\\\/\","
                              "\"c\":\"\\ufffdx\\ufffd\",\"d\":null,\"e\":true,"
                              "\"f\":9007199254740991,\"g\":-1,\"h\":[{}]}\n");
    assert_int_equal(strlen(line), len);
    free(line);
    json_text_free(json);
}

static const struct integer_case {
    const char *name;
    const char *value;
    int64_t expected; /* -1: refused */
} integer_cases[] = {
    {"integer: least", "0", 0},
    {"integer: greatest", "9007199254740991", INT64_C(9007199254740991)},
    {"integer: with an exponent", "12e2", 1200},
    {"integer: below", "-1", -1},
    {"integer: beyond what a double holds", "9007199254740992", -1},
    {"integer: beyond by one that rounds", "9007199254740993", -1},
    {"integer: huge", "1e300", -1},
    {"integer: infinite", "1e999", -1},
    {"integer: a fraction", "0.5", -1},
    {"integer: a string", "\"1\"", -1},
    {"integer: null", "null", -1},
    {"integer: true", "true", -1},
    {"integer: an array", "[1]", -1},
};

static void run_integer(void **state)
{
    const struct integer_case *row = *state;
    char text[64] = "{\"n\":";
    strcat(strcat(text, row->value), "}");
    struct cJSON *json = json_text_parse_object(text, strlen(text));
    assert_non_null(json);
    int64_t value = -1;
    int result = json_text_get_integer(json, "n", 0, INT64_MAX, &value);
    assert_int_equal(result, row->expected < 0 ? ERR_INVALID : 0);
    assert_true(value == row->expected);
    assert_int_equal(json_text_get_integer(json, "missing", 0, 9, &value), ERR_INVALID);
    json_text_free(json);
}

static void strings_are_bounded(void **state)
{
    (void)state;
    static const char text[] = "{\"s\":\"abc\",\"S\":\"no\",\"n\":null,\"i\":1,\"s\":\"second\"}";
    struct cJSON *json = json_text_parse_object(text, sizeof text - 1);
    char target[4] = "old";
    assert_int_equal(json_text_get_string(json, "s", false, target, 3), ERR_INVALID);
    assert_int_equal(json_text_get_string(json, "n", false, target, 4), ERR_INVALID);
    assert_int_equal(json_text_get_string(json, "x", false, target, 4), ERR_INVALID);
    assert_int_equal(json_text_get_string(json, "i", true, target, 4), ERR_INVALID);
    assert_string_equal(target, "old");
    assert_int_equal(json_text_get_string(json, "s", false, target, 4), 0);
    assert_string_equal(target, "abc");
    assert_int_equal(json_text_get_string(json, "n", true, target, 4), 0);
    assert_string_equal(target, "");
    assert_int_equal(json_text_get_string(json, "x", true, target, 4), 0);
    bool value = true;
    assert_int_equal(json_text_get_bool(json, "i", &value), ERR_INVALID);
    assert_null(json_text_get_object(json, "s"));
    assert_null(json_text_get_array(json, "missing"));
    json_text_free(json);
}

int main(void)
{
    struct cases cases = {.count = 0};
    CASES_ADD(&cases, parse_cases, run_parse);
    CASES_ADD(&cases, integer_cases, run_integer);
    cases_add_one(&cases, "json: every prefix is refused", every_prefix_is_refused);
    cases_add_one(&cases, "json: NUL is refused", nul_is_refused);
    cases_add_one(&cases, "json: depth is bounded", depth_is_bounded);
    cases_add_one(&cases, "json: errors have a place", errors_have_a_place);
    cases_add_one(&cases, "json: print is ASCII", print_is_ascii);
    cases_add_one(&cases, "json: strings are bounded", strings_are_bounded);
    return cases_run("json_text", &cases);
}
