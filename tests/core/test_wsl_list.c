/* What wsl.exe prints, in its encodings and languages, as a list of distributions. */
#include "shared/core/wsl_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define HEADING "  NAME                   STATE           VERSION\r\n"
#define UBUNTU "* Ubuntu-24.04           Running         2\r\n"
#define DEBIAN "  Debian                 Stopped         2\r\n"
#define OLD "  Legacy                 Stopped         1\r\n"

enum encoding { UTF8, UTF8_MARK, UTF16, UTF16_MARK };

struct row {
    const char *name;
    enum encoding encoding;
    const char *text;     /* UTF-8 */
    const char *running;  /* NULL: not asked */
    const char *expected; /* "name version flags", one a distribution: d default, r running */
};

static const struct row rows[] = {
    {"UTF-16 as wsl.exe prints it", UTF16, HEADING UBUNTU DEBIAN OLD, "Ubuntu-24.04\r\n",
     "Ubuntu-24.04 2 dr;Debian 2 ;Legacy 1 ;"},
    {"UTF-16 with a mark", UTF16_MARK, HEADING UBUNTU, "Ubuntu-24.04\r\n", "Ubuntu-24.04 2 dr;"},
    {"UTF-8 as with WSL_UTF8", UTF8, HEADING UBUNTU DEBIAN, "Debian\r\nUbuntu-24.04\r\n",
     "Ubuntu-24.04 2 dr;Debian 2 r;"},
    {"UTF-8 with a mark", UTF8_MARK, HEADING UBUNTU, NULL, "Ubuntu-24.04 2 d;"},
    {"lines that end in LF alone", UTF8, "  NAME STATE VERSION\n* a Running 2\n  b Stopped 1\n",
     NULL, "a 2 d;b 1 ;"},
    {"no line feed at the end", UTF16, HEADING "* a Running 2", "a", "a 2 dr;"},
    {"German", UTF16,
     "  NAME      STATUS          VERSION\r\n* Ubuntu    Wird ausgef\u00fchrt 2\r\n", "Ubuntu\r\n",
     "Ubuntu 2 dr;"},
    {"a state that touches the version", UTF16,
     "  NOM       \u00c9TAT            VERSION\r\n* Ubuntu    En cours d\u2019ex\u00e9cution2\r\n",
     NULL, "Ubuntu 2 d;"},
    {"Chinese", UTF16,
     "  \u540d\u79f0      \u72b6\u6001            \u7248\u672c\r\n* Ubuntu    "
     "\u6b63\u5728\u8fd0\u884c         2\r\n",
     NULL, "Ubuntu 2 d;"},
    {"a heading of digits is still the heading", UTF8, "  A B 2\r\n" UBUNTU, NULL,
     "Ubuntu-24.04 2 d;"},
    {"blank lines around", UTF8, "\r\n" HEADING "\r\n" UBUNTU "\r\n\r\n", NULL,
     "Ubuntu-24.04 2 d;"},
    {"no distribution", UTF16, HEADING, "", ""},
    {"a message instead of a list", UTF16,
     "Windows Subsystem for Linux has no installed distributions.\r\nUse 'wsl.exe --install'.\r\n",
     NULL, ""},
    {"nothing at all", UTF8, "", "", ""},
    {"a name that is an option", UTF8, HEADING "  --shutdown Running 2\r\n" UBUNTU, NULL,
     "Ubuntu-24.04 2 d;"},
    {"a name with a control character", UTF8, HEADING "  a\x1b[2J Running 2\r\n" UBUNTU, NULL,
     "Ubuntu-24.04 2 d;"},
    {"a row without its version", UTF8, HEADING "* Ubuntu Running\r\n" DEBIAN, NULL, "Debian 2 ;"},
    {"a row with nothing but its name", UTF8, HEADING "* Ubuntu2\r\n" DEBIAN, NULL, "Debian 2 ;"},
    {"a version that is none of ours", UTF8, HEADING "* Ubuntu Running 3\r\n" DEBIAN, NULL,
     "Debian 2 ;"},
    {"a star alone", UTF8, HEADING "*\r\n" DEBIAN, NULL, "Debian 2 ;"},
    {"a name that stands there twice", UTF8, HEADING DEBIAN "  debian Running 1\r\n", NULL,
     "Debian 2 ;"},
    {"running: in other letters, and one that is not in the list", UTF8, HEADING DEBIAN,
     "DEBIAN\r\nstranger\r\n", "Debian 2 r;"},
    {"running: the message that none does", UTF16, HEADING DEBIAN,
     "There are no running distributions.\r\n", "Debian 2 ;"},
};

/* Every character of the rows is in the basic plane. */
static size_t encode(enum encoding encoding, const char *text, char *bytes)
{
    size_t len = 0;

    if (encoding == UTF8 || encoding == UTF8_MARK) {
        return (size_t)sprintf(bytes, "%s%s", encoding == UTF8_MARK ? "\xEF\xBB\xBF" : "", text);
    }
    if (encoding == UTF16_MARK) {
        bytes[len++] = '\xFF';
        bytes[len++] = '\xFE';
    }
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        unsigned unit = at[0];

        if (unit >= 0xE0) {
            unit = (unit & 0xFu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
            at += 3;
        } else if (unit >= 0xC0) {
            unit = (unit & 0x1Fu) << 6 | (at[1] & 0x3Fu);
            at += 2;
        } else {
            at++;
        }
        bytes[len++] = (char)(unit & 0xFF);
        bytes[len++] = (char)(unit >> 8);
    }
    return len;
}

static void describe(const struct wsl_list *list, char *text)
{
    text[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        const struct wsl_distribution *each = &list->items[i];

        text += sprintf(text, "%s %u %s%s;", each->name, each->version, each->is_default ? "d" : "",
                        each->is_running ? "r" : "");
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct wsl_list list = {.count = 7};
    char bytes[2048];
    char text[2048];

    assert_int_equal(wsl_list_from_verbose(bytes, encode(row->encoding, row->text, bytes), &list),
                     0);
    if (row->running != NULL) {
        assert_int_equal(
            wsl_list_add_running(bytes, encode(row->encoding, row->running, bytes), &list), 0);
    }
    describe(&list, text);
    assert_string_equal(text, row->expected);
}

static void limits_hold(void **state)
{
    static char text[WSL_LIST_TEXT_MAX + 2];
    struct wsl_list list = {.count = 7};
    size_t len = (size_t)sprintf(text, HEADING);

    (void)state;
    for (int i = 0; i <= WSL_LIST_MAX; i++) {
        len += (size_t)sprintf(text + len, "  d%d Stopped 2\r\n", i);
    }
    assert_int_equal(wsl_list_from_verbose(text, len, &list), ERR_FULL);
    assert_int_equal(list.count, 7);
    memset(text, 'a', sizeof text);
    assert_int_equal(wsl_list_from_verbose(text, WSL_LIST_TEXT_MAX, &list), 0);
    assert_int_equal(list.count, 0);
    assert_int_equal(wsl_list_from_verbose(text, WSL_LIST_TEXT_MAX + 1, &list), ERR_TOO_LONG);

    len = (size_t)sprintf(text, HEADING "  ");
    memset(text + len, 'n', WSL_LIST_NAME_SIZE);
    strcpy(text + len + WSL_LIST_NAME_SIZE, " Stopped 2\r\n");
    assert_int_equal(wsl_list_from_verbose(text, strlen(text), &list), 0);
    assert_int_equal(list.count, 0);
}

static void broken_utf16_is_replaced(void **state)
{
    static const char bytes[] = "\xFF\xFE"
                                "a\0"
                                "\x3D\xD8" /* a high surrogate alone */
                                "b\0"
                                "\x3D\xD8\x00\xDE" /* a pair */
                                "\x00\xDE"         /* a low one alone */
                                "\0\0"
                                "c";
    char *text;

    (void)state;
    assert_int_equal(wsl_list_decode(bytes, sizeof bytes - 1, &text), 0);
    assert_string_equal(text, "a\xEF\xBF\xBD"
                              "b\xF0\x9F\x98\x80\xEF\xBF\xBD");
    free(text);
}

static void nuls_in_utf8_are_left_out(void **state)
{
    static const char bytes[] = "NAME STATE VERSION\n* Ub\0untu Running 2\n\0";
    struct wsl_list list;

    (void)state;
    assert_int_equal(wsl_list_from_verbose(bytes, sizeof bytes - 1, &list), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].name, "Ubuntu");
}

int main(void)
{
    static struct cases cases;

    CASES_ADD(&cases, rows, check_row);
    cases_add_one(&cases, "limits hold", limits_hold);
    cases_add_one(&cases, "broken UTF-16 is replaced", broken_utf16_is_replaced);
    cases_add_one(&cases, "NULs in UTF-8 are left out", nuls_in_utf8_are_left_out);
    return cases_run("wsl_list", &cases);
}
