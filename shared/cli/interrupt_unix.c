#include "shared/cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/cli/cli_output_os.h"

/* Readable once a signal has come, and from then on. A handler has no context that could hold it.
 */
static int raised_fd = -1;

static void on_signal(int number)
{
    static const uint64_t once = 1;
    int kept = errno;

    (void)number;
    if (write(raised_fd, &once, sizeof once) < 0) {
        /* It was raised before. */
    }
    errno = kept;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct interrupt *interrupt = poll->data;

    (void)status;
    (void)events;
    uv_poll_stop(poll);
    interrupt->on_interrupt(interrupt->context);
}

/* libuv's own handlers are of no use here: they have the kernel restart a write that waits, and
 * what they note only the loop can see. */
static void catch_signals(const int *numbers)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    for (; *numbers != 0; numbers++) {
        sigaction(*numbers, &action, NULL);
    }
}

/* Without the descriptor, or its watch, a signal ends the verb as it ends any program. */
void interrupt_start(uv_loop_t *loop, struct interrupt *interrupt, const int *numbers,
                     void (*on_interrupt)(void *context), void *context)
{
    interrupt->on_interrupt = on_interrupt;
    interrupt->context = context;
    interrupt->open_count = 0;
    raised_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (raised_fd < 0 || uv_poll_init(loop, &interrupt->poll, raised_fd) != 0) {
        return;
    }
    interrupt->open_count = 1;
    interrupt->poll.data = interrupt;
    uv_poll_start(&interrupt->poll, UV_READABLE, on_poll);
    cli_output_os_interrupt_by(raised_fd);
    catch_signals(numbers);
}

/* The descriptor stays: a signal may come, and something be written, until the process ends. */
void interrupt_stop(struct interrupt *interrupt)
{
    if (interrupt->open_count > 0) {
        uv_close((uv_handle_t *)&interrupt->poll, NULL);
    }
}
