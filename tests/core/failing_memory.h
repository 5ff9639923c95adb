/* Memory that runs out when a test says so. The linker hands every malloc, calloc and realloc of
 * the program to these (--wrap), and cJSON, which may live in a library of its own, by its hooks.
 */
#ifndef TTYFERRY_TESTS_CORE_FAILING_MEMORY_H
#define TTYFERRY_TESTS_CORE_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* To be called once, before any JSON. */
void failing_memory_init(void);

/* From now on allocations are counted, and the one with the number `fail_at` (from 1) and all
 * after it fail; 0: none does. */
void failing_memory_start(size_t fail_at);

/* Ends that. Returns whether an allocation failed. */
bool failing_memory_stop(void);

/* Allocations since failing_memory_start that nobody has freed. */
size_t failing_memory_held(void);

#endif
