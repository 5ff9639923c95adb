#include "shared/core/wsl_conf.h"

#include <stdlib.h>
#include <string.h>

#include "shared/core/error.h"
#include "shared/core/text.h"
#include "shared/core/wsl_conf_reader.h"

#define BOOT "boot"
#define COMMAND "command"
#define COMMAND_LEN (sizeof WSL_CONF_COMMAND - 1)
#define SEPARATOR "; "

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Where the value's text begins, behind a quote. */
static size_t find_inside(const char *text, const struct wsl_conf_item *item)
{
    bool quoted = item->value < item->value_end && text[item->value] == '"';

    return item->value + (quoted ? 1 : 0);
}

/* True if the value is our command, or begins with it. */
static bool is_ours(const char *text, const struct wsl_conf_item *item)
{
    size_t inside = find_inside(text, item);
    size_t after = inside + COMMAND_LEN;

    return after <= item->value_end && memcmp(text + inside, WSL_CONF_COMMAND, COMMAND_LEN) == 0 &&
           (after == item->value_end || strchr(";\" \t", text[after]) != NULL);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int check_text(const char *text, size_t len)
{
    if (len > WSL_CONF_TEXT_MAX) {
        return ERR_TOO_LONG;
    }
    for (size_t i = 0; i < len; i++) {
        bool is_lone_cr = text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n');

        if (text[i] == '\0' || is_lone_cr) {
            return ERR_INVALID;
        }
    }
    return 0;
}

static const char *find_line_ending(const char *text, size_t len)
{
    const char *feed = len > 0 ? memchr(text, '\n', len) : NULL;

    return feed != NULL && feed > text && feed[-1] == '\r' ? "\r\n" : "\n";
}

/* Replaces [start, end) of the text by the `parts`, which NULL ends. */
static int replace(const char *text, size_t len, size_t start, size_t end,
                   const char *const parts[], char **edited, size_t *edited_len)
{
    size_t total = len - (end - start);
    char *made;
    char *to;

    for (size_t i = 0; parts[i] != NULL; i++) {
        total += strlen(parts[i]);
    }
    if (total > WSL_CONF_TEXT_MAX) {
        return ERR_TOO_LONG;
    }
    made = malloc(total + 1);
    if (made == NULL) {
        return ERR_NOMEM;
    }
    to = made;
    if (start > 0) {
        memcpy(to, text, start);
    }
    to += start;
    for (size_t i = 0; parts[i] != NULL; i++) {
        size_t part = strlen(parts[i]);

        memcpy(to, parts[i], part);
        to += part;
    }
    if (end < len) {
        memcpy(to, text + end, len - end);
    }
    made[total] = '\0';
    *edited = made;
    *edited_len = total;
    return 0;
}

static int insert_into_value(const char *text, size_t len, const struct wsl_conf_item *item,
                             char **edited, size_t *edited_len)
{
    static const char *const before_theirs[] = {WSL_CONF_COMMAND, SEPARATOR, NULL};
    static const char *const nothing[] = {NULL};
    size_t inside = find_inside(text, item);
    const char *const *parts = is_ours(text, item) ? nothing : before_theirs;

    return replace(text, len, inside, inside, parts, edited, edited_len);
}

/* A heading without a line's end is the text's last; the new line then has none either, by which
 * the removal knows it. */
static int insert_below_heading(struct wsl_conf_reader *reader, char **edited, size_t *edited_len)
{
    const char *end = find_line_ending(reader->text, reader->len);
    const char *const below[] = {COMMAND " = " WSL_CONF_COMMAND, end, NULL};
    const char *const last[] = {end, COMMAND " = " WSL_CONF_COMMAND, NULL};
    bool has_end;

    wsl_conf_reader_skip_line(reader);
    has_end = reader->text[reader->at - 1] == '\n';
    return replace(reader->text, reader->len, reader->at, reader->at, has_end ? below : last,
                   edited, edited_len);
}

/* The mark, a comment, also bears the brunt of a backslash that ends the text. */
static int append_section(const char *text, size_t len, char **edited, size_t *edited_len)
{
    const char *end = find_line_ending(text, len);
    bool is_whole = len == 0 || text[len - 1] == '\n';
    const char *const parts[] = {is_whole ? "" : end, WSL_CONF_MARK, end,
                                 "[" BOOT "]",        end,           COMMAND " = " WSL_CONF_COMMAND,
                                 is_whole ? end : "", NULL};

    return replace(text, len, len, len, parts, edited, edited_len);
}

int wsl_conf_set_command(const char *text, size_t len, char **edited, size_t *edited_len)
{
    struct wsl_conf_reader reader = {.text = text, .len = len};
    struct wsl_conf_item item;
    int err = check_text(text, len);

    if (err != 0) {
        return err;
    }
    if (wsl_conf_reader_find_entry(&reader, BOOT, COMMAND, &item)) {
        return insert_into_value(text, len, &item, edited, edited_len);
    }
    reader = (struct wsl_conf_reader){.text = text, .len = len};
    if (wsl_conf_reader_find_section(&reader, BOOT)) {
        return insert_below_heading(&reader, edited, edited_len);
    }
    return append_section(text, len, edited, edited_len);
}

/* --- Removing --------------------------------------------------------------------------------- */

/* If the line before `start` is exactly `line`, its own start; else `start`. */
static size_t line_before(const char *text, size_t start, const char *line)
{
    size_t end = start;
    size_t len = strlen(line);

    if (end == 0 || text[end - 1] != '\n') {
        return start;
    }
    end--;
    end -= end > 0 && text[end - 1] == '\r' ? 1 : 0;
    if (end < len || memcmp(text + end - len, line, len) != 0 ||
        (end > len && text[end - len - 1] != '\n')) {
        return start;
    }
    return end - len;
}

/* True if nothing but white space comes before the next section or the end. */
static bool is_section_over(const char *text, size_t len, size_t at)
{
    while (at < len && (is_space(text[at]) || is_line_end(text[at]))) {
        at++;
    }
    return at == len || text[at] == '[';
}

/* Leaves a heading of ours if somebody has written entries below it. */
static int cut_line(const char *text, size_t len, const struct wsl_conf_item *item, char **edited,
                    size_t *edited_len)
{
    static const char *const nothing[] = {NULL};
    static const char *const heading[] = {"[" BOOT "]\n", NULL};
    struct wsl_conf_reader reader = {.text = text, .len = len, .at = item->value_end};
    size_t start = item->start;
    size_t mark = line_before(text, start, "[" BOOT "]");
    bool keeps_heading = false;

    wsl_conf_reader_skip_line(&reader);
    if (mark != start && line_before(text, mark, WSL_CONF_MARK) != mark) {
        start = line_before(text, mark, WSL_CONF_MARK);
        keeps_heading = !is_section_over(text, len, reader.at);
    }
    if (reader.at == len && text[len - 1] != '\n' && start > 0) {
        start -= start > 1 && text[start - 2] == '\r' ? 2 : 1;
    }
    return replace(text, len, start, reader.at, keeps_heading ? heading : nothing, edited,
                   edited_len);
}

static int cut_from_value(const char *text, size_t len, const struct wsl_conf_item *item,
                          char **edited, size_t *edited_len)
{
    static const char *const nothing[] = {NULL};
    size_t start = find_inside(text, item);
    size_t end = start + COMMAND_LEN;

    while (end < item->value_end && is_space(text[end])) {
        end++;
    }
    if (end == item->value_end || text[end] != ';') {
        return cut_line(text, len, item, edited, edited_len);
    }
    end++;
    end += end < item->value_end && text[end] == ' ' ? 1 : 0;
    return replace(text, len, start, end, nothing, edited, edited_len);
}

/* Finds an entry of ours, wherever the file has got it to by now. */
static bool find_ours(const char *text, size_t len, struct wsl_conf_item *item)
{
    struct wsl_conf_reader reader = {.text = text, .len = len};

    while (wsl_conf_reader_find_entry(&reader, BOOT, COMMAND, item)) {
        if (is_ours(text, item)) {
            return true;
        }
    }
    return false;
}

int wsl_conf_remove_command(const char *text, size_t len, char **edited, size_t *edited_len)
{
    static const char *const nothing[] = {NULL};
    struct wsl_conf_item item;
    char *now = NULL;
    size_t now_len = 0;
    int err = check_text(text, len);

    if (err == 0) {
        err = replace(text, len, 0, 0, nothing, &now, &now_len);
    }
    /* Each turn makes the text shorter. */
    while (err == 0 && find_ours(now, now_len, &item)) {
        char *next = NULL;
        size_t next_len = 0;

        err = cut_from_value(now, now_len, &item, &next, &next_len);
        free(now);
        now = next;
        now_len = next_len;
    }
    if (err == 0) {
        *edited = now;
        *edited_len = now_len;
    }
    return err;
}

/* --- Asking ----------------------------------------------------------------------------------- */

bool wsl_conf_has_command(const char *text, size_t len)
{
    struct wsl_conf_reader reader = {.text = text, .len = len};
    struct wsl_conf_item item;

    return check_text(text, len) == 0 &&
           wsl_conf_reader_find_entry(&reader, BOOT, COMMAND, &item) && is_ours(text, &item);
}

int wsl_conf_get(const char *text, size_t len, const char *section, const char *key, char *value,
                 size_t size)
{
    struct wsl_conf_reader reader = {.text = text, .len = len};
    struct wsl_conf_item item;
    char decoded[WSL_CONF_VALUE_SIZE];
    int err;

    if (check_text(text, len) != 0 || !wsl_conf_reader_find_entry(&reader, section, key, &item)) {
        return ERR_NOT_FOUND;
    }
    err = wsl_conf_reader_decode(
        (struct wsl_conf_span){text + item.value, item.value_end - item.value}, decoded,
        size < sizeof decoded ? size : sizeof decoded);
    if (err == 0) {
        err = text_copy(value, size, decoded);
    }
    return err;
}
