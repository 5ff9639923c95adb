#include "shared/core/wsl_conf.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "tests/core/cases.h"

#define OURS WSL_CONF_COMMAND
#define MARK WSL_CONF_MARK

/* A text that the sanitizer sees read beyond. */
static char *make_exact(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

static const struct edit_case {
    const char *name;
    const char *before;
    const char *after;
} edit_cases[] = {
    {"wsl_conf: empty", "", MARK "\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: other sections only", "[network]\nhostname = a\n",
     "[network]\nhostname = a\n" MARK "\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: no final line feed", "[network]\nhostname = a",
     "[network]\nhostname = a\n" MARK "\n[boot]\ncommand = " OURS},
    {"wsl_conf: CRLF", "[network]\r\nhostname = a\r\n",
     "[network]\r\nhostname = a\r\n" MARK "\r\n[boot]\r\ncommand = " OURS "\r\n"},
    {"wsl_conf: CRLF without the last", "[network]\r\nhostname = a",
     "[network]\r\nhostname = a\r\n" MARK "\r\n[boot]\r\ncommand = " OURS},
    {"wsl_conf: comments and blank lines only", "# mine\n\n  # more\n",
     "# mine\n\n  # more\n" MARK "\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a section without a command", "[boot]\nsystemd=false\n[user]\ndefault=a\n",
     "[boot]\ncommand = " OURS "\nsystemd=false\n[user]\ndefault=a\n"},
    {"wsl_conf: a section at the end", "[user]\ndefault=a\n[boot]\n",
     "[user]\ndefault=a\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a section at the end without a line feed", "[user]\r\ndefault=a\r\n[boot]",
     "[user]\r\ndefault=a\r\n[boot]\r\ncommand = " OURS},
    {"wsl_conf: a heading and nothing else", "[boot]", "[boot]\ncommand = " OURS},
    {"wsl_conf: a section in capitals, with white space and a comment", " \t[BOOT] \t# mine\r\nx=1",
     " \t[BOOT] \t# mine\r\ncommand = " OURS "\r\nx=1"},
    {"wsl_conf: white space inside the brackets is no section", "[ boot ]\ncommand = a\n",
     "[ boot ]\ncommand = a\n" MARK "\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a command", "[boot]\ncommand = service docker start\n",
     "[boot]\ncommand = " OURS "; service docker start\n"},
    {"wsl_conf: a quoted command", "[boot]\r\nCommand=\"echo \\\"a # b\\\"\" # mine\r\n",
     "[boot]\r\nCommand=\"" OURS "; echo \\\"a # b\\\"\" # mine\r\n"},
    {"wsl_conf: a command without white space or line feed", "[boot]\ncommand=a",
     "[boot]\ncommand=" OURS "; a"},
    {"wsl_conf: an empty command", "[boot]\ncommand =\n", "[boot]\ncommand =" OURS "; \n"},
    {"wsl_conf: an empty command in quotes", "[boot]\ncommand=\"\"\n",
     "[boot]\ncommand=\"" OURS "; \"\n"},
    {"wsl_conf: a command over two lines", "[boot]\ncommand = a \\\n  b\nsystemd=false\n",
     "[boot]\ncommand = " OURS "; a \\\n  b\nsystemd=false\n"},
    {"wsl_conf: a command that is continued at its start", "[boot]\ncommand = \\\n  b\n",
     "[boot]\ncommand = " OURS "; \\\n  b\n"},
    {"wsl_conf: a command elsewhere stays", "[user]\ncommand = a\n[boot]\n",
     "[user]\ncommand = a\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a command before any section stays", "command = a\n[boot]\n",
     "command = a\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a command in a comment stays", "[boot]\n# command = a\n",
     "[boot]\ncommand = " OURS "\n# command = a\n"},
    {"wsl_conf: a command that is another's start stays", "[boot]\ncommands = a\nmycommand=b\n",
     "[boot]\ncommand = " OURS "\ncommands = a\nmycommand=b\n"},
    {"wsl_conf: of two commands the first counts", "[boot]\ncommand = a\ncommand = b\n",
     "[boot]\ncommand = " OURS "; a\ncommand = b\n"},
    {"wsl_conf: of two sections the one with the command counts",
     "[boot]\nsystemd=false\n[user]\n[Boot]\ncommand = a\n",
     "[boot]\nsystemd=false\n[user]\n[Boot]\ncommand = " OURS "; a\n"},
    {"wsl_conf: of two sections without one the first is taken", "[boot]\n[user]\n[boot]\nx=1\n",
     "[boot]\ncommand = " OURS "\n[user]\n[boot]\nx=1\n"},
    {"wsl_conf: a void command is passed over", "[boot]\ncommand = \"a\ncommand = \\x\ncommand=c\n",
     "[boot]\ncommand = \"a\ncommand = \\x\ncommand=" OURS "; c\n"},
    {"wsl_conf: a heading that is none", "[boot\n[user] x\n[]\n[",
     "[boot\n[user] x\n[]\n[\n" MARK "\n[boot]\ncommand = " OURS},
    {"wsl_conf: a byte order mark makes the first line void", "\xef\xbb\xbf[boot]\ncommand=a\n",
     "\xef\xbb\xbf[boot]\ncommand=a\n" MARK "\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a backslash at the end", "[user]\ndefault = a\\",
     "[user]\ndefault = a\\\n" MARK "\n[boot]\ncommand = " OURS},
    {"wsl_conf: a backslash in quotes before the last line feed", "[user]\ndefault = \"a\\\n",
     "[user]\ndefault = \"a\\\n" MARK "\n[boot]\ncommand = " OURS "\n"},
    {"wsl_conf: a command that has been set stays alone", "[boot]\ncommand = " OURS "; a\n",
     "[boot]\ncommand = " OURS "; a\n"},
    {"wsl_conf: a command that names another program of that name", "[boot]\ncommand = " OURS "d\n",
     "[boot]\ncommand = " OURS "; " OURS "d\n"},
};

static void expect_edit(int (*edit)(const char *, size_t, char **, size_t *), const char *from,
                        const char *to)
{
    char *exact = make_exact(from, strlen(from));
    char *edited = NULL;
    size_t edited_len = 0;

    assert_int_equal(edit(exact, strlen(from), &edited, &edited_len), 0);
    assert_string_equal(edited, to);
    assert_int_equal(edited_len, strlen(to));
    free(edited);
    free(exact);
}

static void edits(void **state)
{
    const struct edit_case *row = *state;

    expect_edit(wsl_conf_set_command, row->before, row->after);
    expect_edit(wsl_conf_set_command, row->after, row->after);
    assert_true(wsl_conf_has_command(row->after, strlen(row->after)));
    if (strstr(row->before, OURS) == NULL) {
        assert_false(wsl_conf_has_command(row->before, strlen(row->before)));
        expect_edit(wsl_conf_remove_command, row->after, row->before);
        expect_edit(wsl_conf_remove_command, row->before, row->before);
    }
}

/* What somebody has done to the text in between. */
static const struct edit_case removals[] = {
    {"wsl_conf: removed from a text that has it twice",
     "[boot]\ncommand = " OURS "; a\ncommand = " OURS "\n", "[boot]\ncommand = a\n"},
    {"wsl_conf: removed though it is not the first",
     "[boot]\ncommand = a\ncommand = " OURS "\nsystemd=true\n",
     "[boot]\ncommand = a\nsystemd=true\n"},
    {"wsl_conf: removed with its comment", "[boot]\ncommand = \"" OURS "\" # why\nx=1\n",
     "[boot]\nx=1\n"},
    {"wsl_conf: removed with another separator", "[boot]\ncommand = " OURS " ;a\n",
     "[boot]\ncommand = a\n"},
    {"wsl_conf: our section with somebody's entry stays",
     "a=1\n" MARK "\n[boot]\ncommand = " OURS "\nsystemd=true\n", "a=1\n[boot]\nsystemd=true\n"},
    {"wsl_conf: our section with another behind it goes",
     MARK "\n[boot]\ncommand = " OURS "\n\n[user]\n", "\n[user]\n"},
    {"wsl_conf: a mark that somebody has taken out", "[user]\n[boot]\ncommand = " OURS "\n",
     "[user]\n[boot]\n"},
    {"wsl_conf: nothing to remove", "[boot]\ncommand = a\n", "[boot]\ncommand = a\n"},
};

static void removes(void **state)
{
    const struct edit_case *row = *state;

    expect_edit(wsl_conf_remove_command, row->before, row->after);
}

static const struct bad_case {
    const char *name;
    const char *text;
    size_t len;
    int err;
} bad_cases[] = {
    {"wsl_conf: a NUL is refused", "[boot]\0\n", 8, ERR_INVALID},
    {"wsl_conf: a CR alone is refused", "[boot]\rcommand=a\n", 17, ERR_INVALID},
    {"wsl_conf: a CR at the end is refused", "[boot]\r", 7, ERR_INVALID},
    {"wsl_conf: an over-long text is refused", NULL, WSL_CONF_TEXT_MAX + 1, ERR_TOO_LONG},
    {"wsl_conf: a text without room is refused", NULL, WSL_CONF_TEXT_MAX, ERR_TOO_LONG},
};

static void refuses(void **state)
{
    const struct bad_case *row = *state;
    char *text = malloc(row->len);
    char *edited = NULL;
    size_t edited_len = 7;

    assert_non_null(text);
    if (row->text != NULL) {
        memcpy(text, row->text, row->len);
    } else {
        memset(text, '#', row->len);
    }
    assert_int_equal(wsl_conf_set_command(text, row->len, &edited, &edited_len), row->err);
    assert_null(edited);
    assert_int_equal(edited_len, 7);
    if (row->len != WSL_CONF_TEXT_MAX) {
        assert_int_equal(wsl_conf_remove_command(text, row->len, &edited, &edited_len), row->err);
    }
    free(text);
}

static const struct value_case {
    const char *name;
    const char *text;
    int err;
    const char *value;
} value_cases[] = {
    {"wsl_conf: root", "[automount]\nroot = /windows/ \n", 0, "/windows/"},
    {"wsl_conf: root in quotes", "[AutoMount]\r\nROOT=\" /a b \" # c\r\n", 0, " /a b "},
    {"wsl_conf: root with escapes", "[automount]\nroot=/a\\\\b\\\"\\tc\\\nd", 0, "/a\\b\"\tcd"},
    {"wsl_conf: root twice", "[automount]\nroot=/a\nroot=/b\n", 0, "/a"},
    {"wsl_conf: an empty root", "[automount]\nroot=\n", 0, ""},
    {"wsl_conf: no root", "[automount]\nenabled=true\n[x]\nroot=/a\n", ERR_NOT_FOUND, "before"},
    {"wsl_conf: a root that does not fit", "[automount]\nroot=/234567890123456\n", ERR_TOO_LONG,
     "before"},
};

static void gets(void **state)
{
    const struct value_case *row = *state;
    char *exact = make_exact(row->text, strlen(row->text));
    char value[16] = "before";

    assert_int_equal(
        wsl_conf_get(exact, strlen(row->text), "automount", "root", value, sizeof value), row->err);
    assert_string_equal(value, row->value);
    free(exact);
}

int main(void)
{
    struct cases cases = {.count = 0};

    CASES_ADD(&cases, edit_cases, edits);
    CASES_ADD(&cases, removals, removes);
    CASES_ADD(&cases, bad_cases, refuses);
    CASES_ADD(&cases, value_cases, gets);
    return cases_run("wsl_conf", &cases);
}
