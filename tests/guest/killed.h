/* What is left when a process is killed, at whatever point. */
#ifndef TTYFERRY_TESTS_GUEST_KILLED_H
#define TTYFERRY_TESTS_GUEST_KILLED_H

#include <stdbool.h>

/* Runs `run(context)` in a process of its own and kills it in place of its system call number
 * `call`, counted from 0, of those that change files, folders and links. Returns false if it had
 * ended by then: all numbers until then show all that it can leave. Skips the test where no process
 * may trace another. */
bool killed_at(unsigned call, void (*run)(void *context), void *context);

#endif
