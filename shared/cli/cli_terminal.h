/* The terminal that stdout may be: its size, whether it takes colours, and drawing on it. */
#ifndef TTYFERRY_CLI_CLI_TERMINAL_H
#define TTYFERRY_CLI_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct cli_terminal {
    bool is_terminal;
    size_t width;  /* columns; 0: no limit */
    size_t height; /* lines; 0: no limit */
    bool colours;  /* it takes escapes, and NO_COLOR is not set */
    bool redraws;  /* it takes escapes */
};

/* Looks at stdout. The environment's COLUMNS goes before what the terminal says. */
void cli_terminal_look(struct cli_terminal *terminal);

/* Writes text that people read, in UTF-8, at once. As cli_output_bytes. */
int cli_terminal_write(const char *text);

/* Draws `text` from the top of a screen of its own, on as many lines as there are. */
int cli_terminal_draw(const struct cli_terminal *terminal, const char *text);

/* Leaves that screen, whatever is drawn; to be called at the end, and before the program is
 * suspended. */
void cli_terminal_restore(void);

/* The platform's part. */

/* True if stdout is a terminal; makes it take escapes, and says whether it does. */
bool cli_terminal_start(bool *takes_escapes);
bool cli_terminal_size(size_t *width, size_t *height);
/* The signals that end a program which does not catch them, ended by 0: it has to restore the
 * terminal first. INTERRUPT_SIGNALS_MAX at most. */
extern const int cli_terminal_end_signals[];
/* The signal by which somebody suspends the program (Ctrl-Z), or 0 where there is none. */
extern const int cli_terminal_suspend_signal;
/* Stops the program as that signal would, until it is continued. */
void cli_terminal_stop(void);
/* As cli_terminal_write. */
int cli_terminal_put(const char *text);

#endif
