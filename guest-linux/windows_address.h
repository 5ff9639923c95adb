/* Finds the address at which this guest reaches Windows.
 *
 * In WSL's networking modes mirrored, virtioproxy and consomme Windows is 127.0.0.1; in nat, and
 * where no wslinfo says anything, it is the default gateway. */
#ifndef TTYFERRY_GUEST_WINDOWS_ADDRESS_H
#define TTYFERRY_GUEST_WINDOWS_ADDRESS_H

#include <uv.h>

#define WINDOWS_ADDRESS_SIZE 64

struct windows_address_paths {
    const char *wslinfo; /* "/usr/bin/wslinfo" */
    const char *route;   /* "/proc/net/route" */
};

/* Writes the guest's default gateway. Returns 0, ERR_NOT_FOUND, or why the table can't be read. */
int windows_address_gateway(const struct windows_address_paths *paths,
                            char address[WINDOWS_ADDRESS_SIZE]);

struct windows_address_query;

/* `address` is NULL if none was found; valid during the call. */
typedef void (*windows_address_done_fn)(void *context, const char *address);

/* Starts looking. `paths` must outlive it. Returns 0, and then `on_done` runs once, never from
 * inside this call, unless cancelled before. Returns ERR_NOMEM, ERR_IO. */
int windows_address_find(uv_loop_t *loop, const struct windows_address_paths *paths,
                         windows_address_done_fn on_done, void *context,
                         struct windows_address_query **query);
void windows_address_cancel(struct windows_address_query *query);

#endif
