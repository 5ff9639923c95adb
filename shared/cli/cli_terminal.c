#include "shared/cli/cli_terminal.h"

#include <stdlib.h>
#include <string.h>

#include "shared/cli/cli_output.h"
#include "shared/core/error.h"
#include "shared/core/text_buffer.h"

#define WIDTH_MAX 10000

/* The other screen, no cursor, and lines that end where the window does instead of wrapping; and
 * back again. */
#define ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define LEAVE "\x1b[?7h\x1b[?25h\x1b[?1049l"
#define HOME "\x1b[H"
#define CLEAR_LINE "\x1b[K"
#define CLEAR_BELOW "\x1b[J"

static bool has_entered;

static size_t read_columns(void)
{
    const char *text = getenv("COLUMNS");
    char *rest = NULL;
    long columns = text ? strtol(text, &rest, 10) : 0;

    return text && rest != text && *rest == '\0' && columns > 0 && columns <= WIDTH_MAX
               ? (size_t)columns
               : 0;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0';
}

void cli_terminal_look(struct cli_terminal *terminal)
{
    size_t columns = read_columns();
    bool takes_escapes = false;

    memset(terminal, 0, sizeof *terminal);
    terminal->is_terminal = cli_terminal_start(&takes_escapes);
    if (terminal->is_terminal) {
        (void)cli_terminal_size(&terminal->width, &terminal->height);
    }
    if (columns > 0) {
        terminal->width = columns;
    }
    terminal->redraws = terminal->is_terminal && takes_escapes;
    terminal->colours = terminal->redraws && !is_set("NO_COLOR");
}

int cli_terminal_write(const char *text)
{
    return cli_terminal_put(text);
}

static size_t line_length(const char *text)
{
    return strcspn(text, "\n");
}

int cli_terminal_draw(const struct cli_terminal *terminal, const char *text)
{
    struct text_buffer buffer;
    size_t lines = 0;
    char *drawn;
    int result;

    text_buffer_init(&buffer);
    text_buffer_add(&buffer, has_entered ? "" : ENTER);
    text_buffer_add(&buffer, HOME);
    while (*text != '\0') {
        size_t len = line_length(text);
        bool is_last = terminal->height > 0 && ++lines == terminal->height;

        if (is_last && text[len] == '\n' && text[len + 1] != '\0') {
            text_buffer_add(&buffer, "..." CLEAR_LINE);
            break;
        }
        text_buffer_add_bytes(&buffer, text, len);
        text_buffer_add(&buffer, CLEAR_LINE);
        text += text[len] == '\n' ? len + 1 : len;
        /* A line feed on the last line would scroll the first away. */
        text_buffer_add(&buffer, is_last ? "" : "\n");
    }
    text_buffer_add(&buffer, CLEAR_BELOW);
    result = text_buffer_take(&buffer, &drawn);
    if (result == 0) {
        has_entered = true;
        result = cli_terminal_put(drawn);
        free(drawn);
    }
    return result;
}

void cli_terminal_restore(void)
{
    if (has_entered) {
        has_entered = false;
        (void)cli_terminal_put(LEAVE);
    }
}
