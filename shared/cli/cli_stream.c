#include "shared/cli/cli_stream.h"

#include <stdbool.h>
#include <string.h>

#include "shared/cli/cli.h"
#include "shared/cli/cli_output.h"
#include "shared/cli/cli_remedy.h"
#include "shared/core/error.h"
#include "shared/core/event_json.h"
#include "shared/core/text.h"
#include "shared/link/local_client.h"

/* A reader says a request at most; the bound is there because every queue has one. */
#define READER_WRITE_MAX 8192u

static const struct conn_limits limits = {
    .line_max = EVENT_JSON_LINE_MAX,
    .write_max = READER_WRITE_MAX,
};

static bool is_absence(int error)
{
    return error == ERR_NOT_FOUND || error == ERR_REFUSED;
}

/* Where there is none either, the message is about the local agent. */
static int open_shared(uv_loop_t *loop, const struct conn_callbacks *callbacks, void *context,
                       int own_error, char used[CLI_STREAM_PATH_SIZE], struct conn **conn)
{
    char path[CLI_STREAM_PATH_SIZE];
    int result =
        local_client_open_shared(loop, NULL, &limits, callbacks, context, path, sizeof path, conn);

    if (is_absence(result)) {
        return own_error;
    }
    text_copy(used, CLI_STREAM_PATH_SIZE, path);
    return result;
}

int cli_stream_open(uv_loop_t *loop, const char *path, const struct conn_callbacks *callbacks,
                    void *context, char used[CLI_STREAM_PATH_SIZE], struct conn **conn)
{
    int result = path ? text_copy(used, CLI_STREAM_PATH_SIZE, path)
                      : local_client_default_path(used, CLI_STREAM_PATH_SIZE);

    if (result != 0) {
        return result;
    }
    result = local_client_open(loop, used, &limits, callbacks, context, conn);
    if (path == NULL && is_absence(result)) {
        result = open_shared(loop, callbacks, context, result, used, conn);
    }
    return result;
}

int cli_stream_dropped(const struct event *event)
{
    if (strcmp(event->code, "too_many") == 0) {
        return ERR_BUSY;
    }
    return strcmp(event->code, "too_slow") == 0 ? ERR_FULL : ERR_CLOSED;
}

int cli_stream_explain_end(const char *verb, const char *path, int error)
{
    switch (error) {
    case ERR_CLOSED:
        cli_output_error(verb, "the agent at %s has gone", path);
        return CLI_NO_AGENT;
    case ERR_BUSY:
        cli_output_error(verb,
                         "the agent at %s has as many readers as it takes: end some of the "
                         "programs that read its stream",
                         path);
        return CLI_FAILED;
    case ERR_FULL:
        cli_output_error(verb,
                         "the agent at %s has let go of this reader, which was too slow: read "
                         "faster, or less",
                         path);
        return CLI_FAILED;
    default:
        cli_output_error(verb, "the agent at %s has gone (%s)", path, error_text(error));
        return CLI_FAILED;
    }
}

int cli_stream_explain(const char *verb, const char *path, int error)
{
    char remedy[CLI_REMEDY_SIZE];

    switch (error) {
    case ERR_NOT_FOUND:
    case ERR_REFUSED:
        cli_remedy_absent(remedy);
        cli_output_error(verb, "no agent is running here, for nothing answers at %s: %s", path,
                         remedy);
        return CLI_NO_AGENT;
    case ERR_DENIED:
        cli_remedy_denied(path, remedy);
        cli_output_error(verb, "you may not read the stream at %s: %s", path, remedy);
        return CLI_FAILED;
    case ERR_AUTH:
        cli_remedy_absent(remedy);
        cli_output_error(verb,
                         "%s was made by another user and is not trusted: end the program that "
                         "holds that name; if ttyferry's agent does not run then, %s",
                         path, remedy);
        return CLI_FAILED;
    default:
        cli_output_error(verb, "cannot read the stream at %s: %s", path, error_text(error));
        return CLI_FAILED;
    }
}
