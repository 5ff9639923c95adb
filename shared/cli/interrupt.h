/* The signals that ask a verb to end, told to its loop. On Unix they also end a write to stdout
 * that waits for somebody to read (cli_output.h), which the loop would not get beyond.
 *
 * One header, one file per platform. */
#ifndef TTYFERRY_CLI_INTERRUPT_H
#define TTYFERRY_CLI_INTERRUPT_H

#include <stddef.h>
#include <uv.h>

#define INTERRUPT_SIGNALS_MAX 4

struct interrupt {
    uv_poll_t poll;                             /* Unix */
    uv_signal_t signals[INTERRUPT_SIGNALS_MAX]; /* Windows */
    size_t open_count;                          /* of these handles */
    void (*on_interrupt)(void *context);
    void *context;
};

/* Begins to watch the signals in `numbers` (INTERRUPT_SIGNALS_MAX at most, ended by 0; those that
 * the platform does not know are passed over). `on_interrupt` runs once at most. A process does
 * this once. */
void interrupt_start(uv_loop_t *loop, struct interrupt *interrupt, const int *numbers,
                     void (*on_interrupt)(void *context), void *context);

/* Ends it; `*interrupt` must stay until the loop has run out. To be called once, after
 * interrupt_start. */
void interrupt_stop(struct interrupt *interrupt);

#endif
