/* The text commands that drive the USB/IP double: one line in, one line out.
 *
 *   plug busid=1-3 chip=ch341 [instance=ID] [serial=TEXT] [product=TEXT] [speed=full|high|super]
 *        [vid=1a86] [pid=7523] [echo=on|off] [delay_us=N]             -> ok
 *        [shared=yes|no] [firmware=NAME [hardware=NAME]]
 *   unplug busid=1-3                                                   -> ok
 *   list                                                               -> one line of JSON
 *   fault busid=1-3 [cut_reply_at=N] [import_status=N] [import_delay_ms=N] [drip_ms=N]
 *         [patch_at=N patch_len=N patch_value=N] [times=N]             -> ok
 *   share busid=1-3 on=yes|no                                          -> ok
 *   stall busid=1-3 on=yes|no      URBs are taken, and answered later  -> ok
 *   flash busid=1-3|hardware=NAME path=FILE   its flash memory, whole   -> ok
 *   lines busid=1-3|hardware=NAME  what was done to DTR, RTS and the rate, with microseconds of
 *                                  the monotonic clock                 -> one line of JSON
 *   service state=up|down          down: every connection ends         -> ok
 *   windows on=yes|no              whether a controller plays Windows, and so decides on imports of
 *                                  boards that are not shared too      -> ok
 *
 * While a controller plays Windows, lines "event {"event":"import","busid":"1-3"}" may come between
 * the answers, also as "released" and "abandoned", and are answered by
 *   captured busid=1-3             the stub is there: the import is granted  -> ok
 *   refused busid=1-3 status=N     the capture came to nothing         -> ok
 *   freed busid=1-3                Windows has a released board back   -> ok
 *   hangup busid=1-3               usbipd detach, the board's own reset: Windows has it back, and
 *                                  the connection ends                 -> ok
 * each of which says "error gone" if there is nothing of the kind any more.
 *
 * A board with firmware leaves the bus at times, to return as something else. Without a controller
 * the double sees to that; while there is one it is told
 *   event {"event":"leaves","busid":"1-3","chip":"caterina","firmware":"caterina",
 *          "vid":"2341","pid":"0036","after_ms":100}
 * and unplugs the board at once, and plugs what returns after so long. What a board remembers is
 * kept by its hardware's name, which is the busid unless given, for as long as the double runs; a
 * name taken by a firmware of another kind of board is a new one.
 *
 * Anything else is answered "error <text>". Values are percent-encoded (%20 is a space), so that
 * strings may have control characters; %00 is refused. A fault replaces the board's last one and
 * holds for the next `times` imports (1 unless given, 0 clears it). */
#ifndef TTYFERRY_LAB_CONTROL_CHANNEL_H
#define TTYFERRY_LAB_CONTROL_CHANNEL_H

#include <stdbool.h>
#include <stdio.h>

#include "usbip_server.h"

enum { CONTROL_CHANNEL_MAX_LINE = 4096 };

struct control_channel {
    struct usbip_server *server; /* borrowed */
    FILE *answers;               /* borrowed */
    char line[CONTROL_CHANNEL_MAX_LINE];
    size_t len;
    bool overlong; /* the line is dropped up to its end */
};

void control_channel_init(struct control_channel *channel, struct usbip_server *server,
                          FILE *answers);

/* Takes bytes as they come and answers each whole line. */
void control_channel_feed(struct control_channel *channel, const char *bytes, size_t len);

#endif
