#include "shared/core/log_tail.h"

#include <string.h>

#include "shared/core/text.h"
#include "shared/core/timestamp.h"

#define TIME_LEN (TIMESTAMP_SIZE - 1)
#define LINE_MAX 2048

/* Returns what the line says behind its time and level, or NULL if it is not what is looked for. */
static const char *read_line(const char *line, int64_t since_ms)
{
    static const char *const levels[] = {" warning: ", " error: "};
    char time[TIMESTAMP_SIZE];
    int64_t at_ms;

    if (strlen(line) < TIME_LEN) {
        return NULL;
    }
    memcpy(time, line, TIME_LEN);
    time[TIME_LEN] = '\0';
    if (timestamp_to_ms(time, &at_ms) != 0 || at_ms < since_ms) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strncmp(line + TIME_LEN, levels[i], strlen(levels[i])) == 0) {
            return line + TIME_LEN + strlen(levels[i]);
        }
    }
    return NULL;
}

bool log_tail_find(const char *text, size_t len, int64_t since_ms, char *target, size_t size)
{
    bool is_found = false;

    target[0] = '\0';
    for (size_t from = 0; from < len;) {
        const char *end = memchr(text + from, '\n', len - from);
        size_t line_len = (end != NULL ? (size_t)(end - text) : len) - from;
        char line[LINE_MAX];
        const char *said;

        if (end != NULL && line_len < sizeof line) {
            memcpy(line, text + from, line_len);
            line[line_len] = '\0';
            line[strcspn(line, "\r")] = '\0';
            said = read_line(line, since_ms);
            if (said != NULL) {
                text_escape(target, size, said);
                is_found = true;
            }
        }
        from += line_len + 1;
    }
    return is_found;
}
