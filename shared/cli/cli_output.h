/* What the verbs print: results to stdout, byte for byte and at once; troubles to stderr. */
#ifndef TTYFERRY_CLI_CLI_OUTPUT_H
#define TTYFERRY_CLI_CLI_OUTPUT_H

#include <stddef.h>

/* Makes stdout carry bytes as they are (no CR LF on Windows), and nothing but what is printed (on
 * Unix: where stdin, stdout or stderr is closed, no other file takes its number, and writing to it
 * fails). Call it once, before any file is opened. */
void cli_output_init(void);

/* Writes and flushes. Returns 0; ERR_CLOSED when nobody reads any more; ERR_CANCELLED where it
 * waited for somebody to read and was interrupted (see interrupt.h); ERR_IO. */
int cli_output_bytes(const char *bytes, size_t len);
int cli_output_text(const char *text);

/* As cli_output_bytes, with an LF after it. */
int cli_output_line(const char *line, size_t len);

/* The exit code after output whose result was that, CLI_DONE or CLI_FAILED; where it failed, says
 * so on stderr. */
int cli_output_conclude(const char *verb, int result);

#if defined(__MINGW32__)
#define CLI_PRINTF __attribute__((format(gnu_printf, 2, 3)))
#else
#define CLI_PRINTF __attribute__((format(printf, 2, 3)))
#endif

/* Prints "ttyferry VERB: ..." and a line feed to stderr, with what could drive a terminal escaped
 * (line feeds too). */
void cli_output_error(const char *verb, const char *format, ...) CLI_PRINTF;

#endif
