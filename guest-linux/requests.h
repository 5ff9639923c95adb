/* What users of the guest ask for on its stream: passed on to the host, which decides; its answer
 * goes back to whoever asked. */
#ifndef TTYFERRY_GUEST_REQUESTS_H
#define TTYFERRY_GUEST_REQUESTS_H

#include <stdint.h>

#include "guest-linux/host_link.h"
#include "shared/stream/stream.h"

/* Requests that wait for the host's answer; one more is refused. */
#define REQUESTS_MAX 16

struct requests {
    struct stream *stream;
    struct host_link *link; /* NULL: none yet */
    struct {
        int64_t number; /* 0: free */
        uint64_t client;
        struct request request;
    } waiting[REQUESTS_MAX];
    int64_t last_number;
};

/* Hears the stream's subscribers from now on; both must outlive the stream. */
void requests_init(struct requests *requests, struct stream *stream);

/* The host has sent WIRE_ANSWER. */
void requests_answered(struct requests *requests, const struct wire_message *answer);

/* The host is gone, and will not answer. */
void requests_host_down(struct requests *requests);

#endif
