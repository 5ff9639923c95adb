/* The log: one sink for the whole program, the only global state the house allows.
 *
 * A message is one line. Control characters and invalid UTF-8 in it are escaped before they reach
 * the sink, so that a hostile USB string can neither forge a line nor drive a terminal. */
#ifndef TTYFERRY_CORE_LOG_H
#define TTYFERRY_CORE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Receives one escaped message without a line feed. `message` is valid during the call only. */
typedef void (*log_sink_fn)(void *context, enum log_level level, const char *message);

/* Longest message in bytes, terminator included; what is longer is cut and ends in "...". */
#define LOG_MESSAGE_SIZE 1024

/* Installs the sink; `sink` NULL restores the default, which writes "level: message" to stderr.
 * `context` stays the caller's and must outlive the sink. Set it before threads start. */
void log_set_sink(log_sink_fn sink, void *context);

/* Messages above this level are dropped. The default is LOG_INFO. */
void log_set_level(enum log_level level);

/* "error", "warning", "info", "debug". Static storage. */
const char *log_level_name(enum log_level level);

#if defined(__MINGW32__)
#define LOG_PRINTF __attribute__((format(gnu_printf, 1, 2)))
#else
#define LOG_PRINTF __attribute__((format(printf, 1, 2)))
#endif

void log_error(const char *format, ...) LOG_PRINTF;
void log_warning(const char *format, ...) LOG_PRINTF;
void log_info(const char *format, ...) LOG_PRINTF;
void log_debug(const char *format, ...) LOG_PRINTF;

#endif
