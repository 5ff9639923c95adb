#include "guest-linux/requests.h"

#include <string.h>

#include "shared/core/text.h"

static void refuse(struct requests *requests, uint64_t client, const struct request *request,
                   const char *code, const char *message, const char *remedy)
{
    struct request_outcome outcome = {.code = ""};

    request_refuse(&outcome, code, message, remedy);
    stream_reply(requests->stream, client, request, &outcome);
}

static void refuse_without_host(struct requests *requests, uint64_t client,
                                const struct request *request)
{
    refuse(requests, client, request, "no_host", "no host agent is linked, and Windows decides",
           "Start ttyferry at Windows.");
}

/* The place of the request with that number (0: a free one), or REQUESTS_MAX. */
static size_t find(const struct requests *requests, int64_t number)
{
    size_t i = 0;

    while (i < REQUESTS_MAX && requests->waiting[i].number != number) {
        i++;
    }
    return i;
}

static void pass_on(struct requests *requests, uint64_t client, const struct request *request)
{
    enum wire_type type = request->type == REQUEST_YIELD ? WIRE_YIELD : WIRE_TAKE;
    size_t place = find(requests, 0);

    if (place == REQUESTS_MAX) {
        refuse(requests, client, request, "busy", "too many requests wait for the host", NULL);
        return;
    }
    if (requests->link == NULL ||
        !host_link_ask(requests->link, type, request->board, requests->last_number + 1)) {
        refuse_without_host(requests, client, request);
        return;
    }
    requests->waiting[place].number = ++requests->last_number;
    requests->waiting[place].client = client;
    requests->waiting[place].request = *request;
}

static void on_request(void *context, uint64_t client, const struct request *request)
{
    struct requests *requests = context;

    if (request->type == REQUEST_KICK) {
        refuse(requests, client, request, "not_here", "it is the host that looks for the guest",
               "Run \"ttyferry.exe kick\" at Windows.");
    } else {
        pass_on(requests, client, request);
    }
}

void requests_init(struct requests *requests, struct stream *stream)
{
    memset(requests, 0, sizeof *requests);
    requests->stream = stream;
    stream_hear(stream, on_request, requests);
}

void requests_answered(struct requests *requests, const struct wire_message *answer)
{
    size_t place = find(requests, answer->request);
    struct request_outcome outcome = {.code = ""};

    if (place == REQUESTS_MAX) {
        return; /* Of nobody's, or of a link before this one. */
    }
    request_refuse(&outcome, answer->event.code, answer->event.message, answer->event.remedy);
    requests->waiting[place].number = 0;
    stream_reply(requests->stream, requests->waiting[place].client,
                 &requests->waiting[place].request, &outcome);
}

void requests_host_down(struct requests *requests)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        if (requests->waiting[i].number != 0) {
            requests->waiting[i].number = 0;
            refuse_without_host(requests, requests->waiting[i].client,
                                &requests->waiting[i].request);
        }
    }
}
