#include "shared/core/line_log.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"

#define FIRST_NUMBER 1u

struct line {
    char *bytes; /* NULL: it could not be added */
    size_t len;
};

struct line_log {
    struct line lines[LINE_LOG_LINES_MAX]; /* a line stands at its number modulo the size */
    uint64_t first;
    uint64_t next;
    size_t bytes; /* of all lines */
};

static struct line *slot(struct line_log *log, uint64_t number)
{
    return &log->lines[number % LINE_LOG_LINES_MAX];
}

int line_log_create(struct line_log **log)
{
    struct line_log *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return ERR_NOMEM;
    }
    created->first = FIRST_NUMBER;
    created->next = FIRST_NUMBER;
    *log = created;
    return 0;
}

static void drop_first(struct line_log *log)
{
    struct line *line = slot(log, log->first++);
    log->bytes -= line->len;
    free(line->bytes);
    *line = (struct line){.bytes = NULL};
}

void line_log_destroy(struct line_log *log)
{
    while (log->first < log->next) {
        drop_first(log);
    }
    free(log);
}

/* A failure leaves an empty place. */
static int copy(const char *bytes, size_t len, struct line *line)
{
    *line = (struct line){.bytes = NULL};
    if (len > LINE_LOG_BYTES_MAX) {
        return ERR_TOO_LONG;
    }
    line->bytes = malloc(len > 0 ? len : 1);
    if (line->bytes == NULL) {
        return ERR_NOMEM;
    }
    memcpy(line->bytes, bytes, len);
    line->len = len;
    return 0;
}

int line_log_add(struct line_log *log, const char *line, size_t len)
{
    struct line added;
    int result = copy(line, len, &added);
    while (log->next - log->first >= LINE_LOG_LINES_MAX ||
           log->bytes + added.len > LINE_LOG_BYTES_MAX) {
        drop_first(log);
    }
    *slot(log, log->next++) = added;
    log->bytes += added.len;
    return result;
}

void line_log_trim(struct line_log *log, uint64_t needed)
{
    while (log->next - log->first > LINE_LOG_KEPT && log->first < needed) {
        drop_first(log);
    }
}

uint64_t line_log_first(const struct line_log *log)
{
    return log->first;
}

uint64_t line_log_next(const struct line_log *log)
{
    return log->next;
}

const char *line_log_get(const struct line_log *log, uint64_t number, size_t *len)
{
    const struct line *line = &log->lines[number % LINE_LOG_LINES_MAX];
    *len = line->len;
    return line->bytes;
}
