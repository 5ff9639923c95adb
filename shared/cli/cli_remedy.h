/* What can be done about a stream that can't be read, as far as this machine tells. The platform's.
 * Each is a part of a sentence, in the imperative. */
#ifndef TTYFERRY_CLI_CLI_REMEDY_H
#define TTYFERRY_CLI_CLI_REMEDY_H

#define CLI_REMEDY_SIZE 512

/* No agent serves it: how it is started here. */
void cli_remedy_absent(char remedy[CLI_REMEDY_SIZE]);

/* Who runs this may not read what is at `path`: how that changes. */
void cli_remedy_denied(const char *path, char remedy[CLI_REMEDY_SIZE]);

#endif
