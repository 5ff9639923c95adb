#include "shared/core/board_rows.h"

#include <stdio.h>
#include <string.h>

#include "shared/core/board_remark.h"
#include "shared/core/text.h"
#include "shared/core/text_buffer.h"
#include "shared/core/text_width.h"

#define CELL_SIZE 1024
#define GAP 2
#define NOTE_INDENT 4
#define NOTE_SIZE (4 * BOARD_TEXT_SIZE + 64)
/* What every path begins with. */
#define DEV "/dev/"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define GREEN "\x1b[32m"
#define YELLOW "\x1b[33m"
#define RED "\x1b[31m"
#define DIM "\x1b[2m"
#define PLAIN "\x1b[0m"

/* --- Cells: the text that a board has in a column; `tty` counts the board's lines ------------- */

static const char *name_cell(const struct board *board, size_t tty)
{
    return tty == 0 ? board->name : "";
}

static const char *state_cell(const struct board *board, size_t tty)
{
    return tty == 0 ? board_state_to_name(board->state) : "";
}

static const char *tty_cell(const struct board *board, size_t tty)
{
    if (board->state != BOARD_STATE_READY) {
        return "";
    }
    if (board->ttys.count == 0) {
        return tty == 0 ? board->usb_node : "";
    }
    return board->ttys.items[tty].path;
}

static const char *link_cell(const struct board *board, size_t tty)
{
    return board->state == BOARD_STATE_READY && tty < board->ttys.count
               ? board->ttys.items[tty].link
               : "";
}

static const char *com_cell(const struct board *board, size_t tty)
{
    return tty == 0 ? board->com_port : "";
}

static const char *busid_cell(const struct board *board, size_t tty)
{
    return tty == 0 ? board->busid : "";
}

static const char *description_cell(const struct board *board, size_t tty)
{
    return tty == 0 ? board->description : "";
}

enum column {
    COLUMN_NAME,
    COLUMN_STATE,
    COLUMN_TTY,
    COLUMN_LINK,
    COLUMN_COM,
    COLUMN_BUSID,
    COLUMN_ID,
    COLUMN_DESCRIPTION,
    COLUMN_COUNT,
};

static const struct column_form {
    const char *title;
    const char *(*cell)(const struct board *board, size_t tty); /* NULL: the USB ids */
} columns[COLUMN_COUNT] = {
    [COLUMN_NAME] = {"NAME", name_cell}, [COLUMN_STATE] = {"STATE", state_cell},
    [COLUMN_TTY] = {"TTY", tty_cell},    [COLUMN_LINK] = {"LINK", link_cell},
    [COLUMN_COM] = {"COM", com_cell},    [COLUMN_BUSID] = {"BUSID", busid_cell},
    [COLUMN_ID] = {"VID:PID", NULL},     [COLUMN_DESCRIPTION] = {"DESCRIPTION", description_cell},
};

enum way {
    WAY_CUT, /* down to a width */
    WAY_OMIT,
    WAY_SHORTEN,       /* its paths lose "/dev/" */
    WAY_OMIT_IF_NAMED, /* half a path is of no use, and a name tells which board it is */
};

/* What gives way where the window is narrow, in this order. */
static const struct squeeze {
    enum column column;
    enum way way;
    size_t width;
} squeezes[] = {
    {COLUMN_DESCRIPTION, WAY_CUT, 12},  {COLUMN_DESCRIPTION, WAY_OMIT, 0},
    {COLUMN_LINK, WAY_OMIT, 0},         {COLUMN_BUSID, WAY_OMIT, 0},
    {COLUMN_COM, WAY_OMIT, 0},          {COLUMN_ID, WAY_OMIT, 0},
    {COLUMN_NAME, WAY_CUT, 8},          {COLUMN_TTY, WAY_SHORTEN, 0},
    {COLUMN_TTY, WAY_OMIT_IF_NAMED, 0}, {COLUMN_STATE, WAY_CUT, 5},
    {COLUMN_TTY, WAY_CUT, 5},
};

/* The widths of the columns; 0: left out. */
struct layout {
    size_t widths[COLUMN_COUNT];
    bool short_paths; /* the ttys' own are told without "/dev/" */
};

static const char *cell_text(const struct layout *layout, const struct board *board,
                             enum column column, size_t tty, char text[CELL_SIZE])
{
    if (columns[column].cell != NULL) {
        const char *cell = columns[column].cell(board, tty);
        bool is_short =
            layout->short_paths && column == COLUMN_TTY && strncmp(cell, DEV, strlen(DEV)) == 0;

        return text_escape(text, CELL_SIZE, is_short ? cell + strlen(DEV) : cell);
    }
    text[0] = '\0';
    if (tty == 0) {
        snprintf(text, CELL_SIZE, "%04x:%04x", board->vid, board->pid);
    }
    return text;
}

/* Where there is room neither for ttys nor for links, the further ones have nothing to show. */
static size_t line_count(const struct layout *layout, const struct board *board)
{
    bool shows_ttys = layout->widths[COLUMN_TTY] > 0 || layout->widths[COLUMN_LINK] > 0;

    return shows_ttys && board->state == BOARD_STATE_READY && board->ttys.count > 1
               ? board->ttys.count
               : 1;
}

static size_t needed_width(const struct layout *layout, const struct board_table *boards,
                           enum column column)
{
    char text[CELL_SIZE];
    size_t needed = 0;

    for (size_t i = 0; i < boards->count; i++) {
        for (size_t tty = 0; tty == 0 || tty < boards->items[i]->ttys.count; tty++) {
            size_t width = text_width(cell_text(layout, boards->items[i], column, tty, text));

            needed = width > needed ? width : needed;
        }
    }
    if (needed > 0 && needed < strlen(columns[column].title)) {
        needed = strlen(columns[column].title);
    }
    return needed;
}

static size_t total_width(const struct layout *layout)
{
    size_t total = 0;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        total += layout->widths[i] > 0 ? layout->widths[i] + GAP : 0;
    }
    return total > 0 ? total - GAP : 0;
}

static void squeeze_column(struct layout *layout, const struct board_table *boards,
                           const struct squeeze *squeeze, size_t excess)
{
    size_t *column = &layout->widths[squeeze->column];

    switch (squeeze->way) {
    case WAY_CUT:
        if (*column > squeeze->width) {
            *column = *column > squeeze->width + excess ? *column - excess : squeeze->width;
        }
        break;
    case WAY_OMIT:
        *column = 0;
        break;
    case WAY_SHORTEN:
        layout->short_paths = true;
        *column = needed_width(layout, boards, squeeze->column);
        break;
    case WAY_OMIT_IF_NAMED:
        *column = layout->widths[COLUMN_NAME] > 0 ? 0 : *column;
        break;
    }
}

static void lay_out(const struct board_table *boards, size_t width, struct layout *layout)
{
    *layout = (struct layout){.short_paths = false};
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        layout->widths[i] = needed_width(layout, boards, (enum column)i);
    }
    for (size_t i = 0; i < COUNT(squeezes) && width > 0 && total_width(layout) > width; i++) {
        squeeze_column(layout, boards, &squeezes[i], total_width(layout) - width);
    }
}

/* --- Rows ------------------------------------------------------------------------------------- */

static const char *state_colour(enum board_state state)
{
    switch (state) {
    case BOARD_STATE_READY:
        return GREEN;
    case BOARD_STATE_FAILED:
        return RED;
    case BOARD_STATE_NEEDS_SHARING:
    case BOARD_STATE_WAITING:
    case BOARD_STATE_ATTACHING:
        return YELLOW;
    default:
        return DIM;
    }
}

/* `owed` is the room up to this cell that is still to be filled: no line ends with spaces. */
static void add_cell(struct text_buffer *buffer, const char *text, size_t width, const char *colour,
                     size_t *owed)
{
    char fitting[CELL_SIZE];

    text_width_fit(fitting, sizeof fitting, text, width);
    if (fitting[0] != '\0') {
        text_buffer_add_spaces(buffer, *owed);
        *owed = 0;
        text_buffer_add(buffer, colour);
        text_buffer_add(buffer, fitting);
        text_buffer_add(buffer, colour[0] != '\0' ? PLAIN : "");
    }
    *owed += width - text_width(fitting) + GAP;
}

static void add_titles(struct text_buffer *buffer, const struct layout *layout)
{
    size_t owed = 0;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (layout->widths[i] > 0) {
            add_cell(buffer, columns[i].title, layout->widths[i], "", &owed);
        }
    }
    text_buffer_add(buffer, "\n");
}

static void add_row(struct text_buffer *buffer, const struct layout *layout,
                    const struct board *board, size_t tty, bool colours)
{
    char text[CELL_SIZE];
    size_t owed = 0;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const char *colour = colours && i == COLUMN_STATE ? state_colour(board->state) : "";

        if (layout->widths[i] > 0) {
            add_cell(buffer, cell_text(layout, board, (enum column)i, tty, text), layout->widths[i],
                     colour, &owed);
        }
    }
    text_buffer_add(buffer, "\n");
}

/* The bytes of the next line of at most `width` columns: up to the last space in it, or as much as
 * there is room for. */
static size_t wrap(const char *text, size_t width)
{
    size_t len = text_width_cut(text, width);
    size_t space = len;

    if (text[len] == '\0' || text[len] == ' ') {
        return len;
    }
    while (space > 0 && text[space - 1] != ' ') {
        space--;
    }
    if (space > 1) {
        return space - 1;
    }
    return len > 0 ? len : strlen(text);
}

static void add_note(struct text_buffer *buffer, const char *label, const char *text, size_t width)
{
    char escaped[NOTE_SIZE];
    const char *rest = escaped;
    size_t len;

    text_copy(escaped, sizeof escaped, label);
    len = strlen(escaped);
    text_escape(escaped + len, sizeof escaped - len, text);
    while (rest[0] != '\0') {
        len = width > 0 ? wrap(rest, width - NOTE_INDENT) : strlen(rest);
        text_buffer_add_spaces(buffer, NOTE_INDENT);
        text_buffer_add_bytes(buffer, rest, len);
        text_buffer_add(buffer, "\n");
        rest += len;
        rest += strspn(rest, " ");
    }
}

/* What is left alone by itself needs no remedy: most of the table may be mice and disks. */
static void add_notes(struct text_buffer *buffer, const struct board *board, size_t width)
{
    struct board_remark remarks[BOARD_REMARKS_MAX];
    size_t count = board->state != BOARD_STATE_AVAILABLE ? board_remarks(board, remarks) : 0;

    for (size_t i = 0; i < count; i++) {
        add_note(buffer, remarks[i].label, remarks[i].text, width);
    }
}

static size_t usable_width(const struct board_rows_form *form)
{
    return form->width > 0 && form->width < BOARD_ROWS_WIDTH_MIN ? BOARD_ROWS_WIDTH_MIN
                                                                 : form->width;
}

int board_rows_boards(const struct event *snapshot, const struct board_rows_form *form, char **text)
{
    const struct board_table *boards = snapshot->boards;
    size_t width = usable_width(form);
    struct text_buffer buffer;
    struct layout layout;

    text_buffer_init(&buffer);
    if (boards->count == 0) {
        text_buffer_add(&buffer, "no boards\n");
        return text_buffer_take(&buffer, text);
    }
    lay_out(boards, width, &layout);
    add_titles(&buffer, &layout);
    for (size_t i = 0; i < boards->count; i++) {
        for (size_t tty = 0; tty < line_count(&layout, boards->items[i]); tty++) {
            add_row(&buffer, &layout, boards->items[i], tty, form->colours);
        }
        add_notes(&buffer, boards->items[i], width);
    }
    return text_buffer_take(&buffer, text);
}

int board_rows_link(const struct event *snapshot, const struct board_rows_form *form, char **text)
{
    struct text_buffer buffer;
    char line[CELL_SIZE];
    char cut[CELL_SIZE];
    size_t width = usable_width(form);
    const char *state = snapshot->link_up ? "up" : "down";
    const char *colour = snapshot->link_up ? GREEN : RED;

    snprintf(line, sizeof line, "%s%s%s%s", snapshot->peer[0] != '\0' ? ", peer " : "",
             snapshot->peer, snapshot->transport[0] != '\0' ? ", by " : "", snapshot->transport);
    text_escape(cut, sizeof cut, line);
    text_buffer_init(&buffer);
    text_buffer_add(&buffer, "link ");
    text_buffer_add(&buffer, form->colours ? colour : "");
    text_buffer_add(&buffer, state);
    text_buffer_add(&buffer, form->colours ? PLAIN : "");
    text_width_fit(line, sizeof line, cut, width > 0 ? width - strlen("link down") : sizeof line);
    text_buffer_add(&buffer, line);
    text_buffer_add(&buffer, "\n");
    if (!snapshot->link_up && form->link_remedy != NULL) {
        add_note(&buffer, "remedy: ", form->link_remedy, width);
    }
    return text_buffer_take(&buffer, text);
}
