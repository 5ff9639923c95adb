#include "shared/cli/interrupt.h"

static void on_signal(uv_signal_t *handle, int number)
{
    struct interrupt *interrupt = handle->data;

    (void)number;
    for (size_t i = 0; i < interrupt->open_count; i++) {
        uv_signal_stop(&interrupt->signals[i]);
    }
    interrupt->on_interrupt(interrupt->context);
}

void interrupt_start(uv_loop_t *loop, struct interrupt *interrupt, const int *numbers,
                     void (*on_interrupt)(void *context), void *context)
{
    interrupt->on_interrupt = on_interrupt;
    interrupt->context = context;
    interrupt->open_count = 0;
    for (; *numbers != 0 && interrupt->open_count < INTERRUPT_SIGNALS_MAX; numbers++) {
        uv_signal_t *handle = &interrupt->signals[interrupt->open_count];

        if (uv_signal_init(loop, handle) == 0) {
            interrupt->open_count++;
            handle->data = interrupt;
            uv_signal_start(handle, on_signal, *numbers);
        }
    }
}

void interrupt_stop(struct interrupt *interrupt)
{
    for (size_t i = 0; i < interrupt->open_count; i++) {
        uv_close((uv_handle_t *)&interrupt->signals[i], NULL);
    }
}
