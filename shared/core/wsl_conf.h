/* Edits the text of /etc/wsl.conf so that WSL starts the guest agent, and nothing else in it: every
 * other byte stays.
 *
 * The text is read as WSL reads it: names of letters and digits in any case, no white space inside
 * the brackets of a section, `#` comments, double quotes, backslash escapes (an unknown one makes
 * its line void, at the end of a line it continues it), and of several entries with one name the
 * first counts. Void lines are passed over. */
#ifndef TTYFERRY_CORE_WSL_CONF_H
#define TTYFERRY_CORE_WSL_CONF_H

#include <stdbool.h>
#include <stddef.h>

#define WSL_CONF_TEXT_MAX (64u * 1024)

/* No value that is longer is told. */
#define WSL_CONF_VALUE_SIZE 4096

/* What WSL is to run at the distribution's start. */
#define WSL_CONF_COMMAND "/usr/local/bin/ttyferry agent --background"

/* The line before a section of our own. */
#define WSL_CONF_MARK "# The section below was added by ttyferry; its removal takes it away."

/* Puts WSL_CONF_COMMAND into `[boot] command`: before an existing command with "; " between them,
 * else on a line of its own after the first `[boot]`, else in a new section at the end. A text
 * that has it already comes back as it is. `*edited` is the caller's to free(). Returns 0;
 * ERR_INVALID for a text with a NUL, or a CR without LF; ERR_TOO_LONG beyond WSL_CONF_TEXT_MAX;
 * ERR_NOMEM. */
int wsl_conf_set_command(const char *text, size_t len, char **edited, size_t *edited_len);

/* Takes it out again: of a text that named neither the command nor the mark before, what
 * wsl_conf_set_command made comes back byte for byte. Returns as wsl_conf_set_command. */
int wsl_conf_remove_command(const char *text, size_t len, char **edited, size_t *edited_len);

/* True if WSL would run it: for the tests of the above. */
bool wsl_conf_has_command(const char *text, size_t len);

/* The value that WSL takes for `key` in `section`, without quotes, escapes and white space around
 * it. Returns 0; ERR_NOT_FOUND; ERR_TOO_LONG if it does not fit `size`, or
 * WSL_CONF_VALUE_SIZE. */
int wsl_conf_get(const char *text, size_t len, const char *section, const char *key, char *value,
                 size_t size);

#endif
