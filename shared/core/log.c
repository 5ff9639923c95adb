#include "shared/core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/core/text.h"

static void write_to_stderr(void *context, enum log_level level, const char *message)
{
    (void)context;
    fprintf(stderr, "%s: %s\n", log_level_name(level), message);
}

static struct {
    log_sink_fn sink;
    void *context;
    enum log_level level;
} the_log = {write_to_stderr, NULL, LOG_INFO};

void log_set_sink(log_sink_fn sink, void *context)
{
    the_log.sink = sink != NULL ? sink : write_to_stderr;
    the_log.context = context;
}

void log_set_level(enum log_level level)
{
    the_log.level = level;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "unknown";
}

static void emit(enum log_level level, const char *format, va_list arguments)
{
    static const char cut_mark[] = "...";
    char raw[LOG_MESSAGE_SIZE];
    /* An escaped byte takes four, so nothing of `raw` is lost here. */
    char escaped[4 * LOG_MESSAGE_SIZE];
    char cut[LOG_MESSAGE_SIZE];

    if (level > the_log.level) {
        return;
    }
    /* The analyser of clang 14 loses sight of va_start in the caller. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    int wanted = vsnprintf(raw, sizeof raw, format, arguments);
    if (wanted < 0) {
        text_copy(raw, sizeof raw, format);
    }
    text_escape(escaped, sizeof escaped, raw);
    if (wanted < (int)sizeof raw && strlen(escaped) < LOG_MESSAGE_SIZE) {
        the_log.sink(the_log.context, level, escaped);
        return;
    }
    text_escape(cut, sizeof cut - (sizeof cut_mark - 1), raw);
    memcpy(cut + strlen(cut), cut_mark, sizeof cut_mark);
    the_log.sink(the_log.context, level, cut);
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emit(LOG_ERROR, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emit(LOG_WARNING, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emit(LOG_INFO, format, arguments);
    va_end(arguments);
}

void log_debug(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emit(LOG_DEBUG, format, arguments);
    va_end(arguments);
}
