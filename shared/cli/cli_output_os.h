/* The platform's side of cli_output: one header, one file per platform. */
#ifndef TTYFERRY_CLI_CLI_OUTPUT_OS_H
#define TTYFERRY_CLI_CLI_OUTPUT_OS_H

#include <stddef.h>

#define CLI_OUTPUT_PART_MAX 4096u

/* Writes a part of CLI_OUTPUT_PART_MAX bytes at most to stdout, and waits until that is done.
 * Returns as cli_output_bytes. */
int cli_output_os_write(const char *bytes, size_t len);

/* Unix only. From now on a write that finds no room ends, as soon as `fd` is readable, with
 * ERR_CANCELLED; a part of it may have been written. */
void cli_output_os_interrupt_by(int fd);

#endif
