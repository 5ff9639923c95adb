#include "request.h"

#include <string.h>
#include <wchar.h>
#include <windows.h>

static int hex_digit(wchar_t c)
{
    if (c >= L'0' && c <= L'9')
        return c - L'0';
    if (c >= L'a' && c <= L'f')
        return c - L'a' + 10;
    if (c >= L'A' && c <= L'F')
        return c - L'A' + 10;
    return -1;
}

/* Decodes `digits` hexadecimal digits; returns 0 (which no value may hold) if they are not. */
static wchar_t hex_unit(const wchar_t *text, size_t digits)
{
    unsigned unit = 0;

    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(text[i]);

        if (digit < 0)
            return 0;
        unit = unit << 4 | (unsigned)digit;
    }
    return (wchar_t)unit;
}

/* Decodes the escape after a backslash; returns the number of units read, 0 if it is none of ours.
 */
static size_t escape_decode(const wchar_t *text, wchar_t *unit)
{
    switch (text[0]) {
    case L'\\':
    case L'"':
        *unit = text[0];
        return 1;
    case L'x':
        *unit = hex_unit(text + 1, 2);
        return *unit ? 3 : 0;
    case L'u':
        *unit = hex_unit(text + 1, 4);
        return *unit ? 5 : 0;
    default:
        return 0;
    }
}

/* Unescapes in place what follows the opening quote; returns what follows the closing one, or NULL.
 */
static wchar_t *quoted_decode(wchar_t *text)
{
    wchar_t *out = text;

    while (*text && *text != L'"') {
        if (*text == L'\\') {
            wchar_t unit;
            size_t used = escape_decode(text + 1, &unit);

            if (!used)
                return NULL;
            *out++ = unit;
            text += 1 + used;
        } else {
            *out++ = *text++;
        }
    }
    if (!*text)
        return NULL;
    *out = L'\0';
    return text + 1;
}

static int is_space(wchar_t c)
{
    return c == L' ' || c == L'\t' || c == L'\r' || c == L'\n';
}

static wchar_t *skip_space(wchar_t *text)
{
    while (is_space(*text))
        text++;
    return text;
}

/* Ends the word at `text` and returns what follows it. */
static wchar_t *word_end(wchar_t *text)
{
    while (*text && !is_space(*text))
        text++;
    if (*text)
        *text++ = L'\0';
    return text;
}

/* Reads one key=value at *text and moves *text behind it. */
static const char *field_parse(struct request_field *field, wchar_t **text)
{
    wchar_t *equals = *text;
    wchar_t *rest;

    while (*equals && !is_space(*equals) && *equals != L'=')
        equals++;
    if (*equals != L'=')
        return "a field is not key=value";
    *equals = L'\0';
    field->key = *text;
    if (equals[1] == L'"') {
        field->value = equals + 2;
        rest = quoted_decode(equals + 2);
        if (!rest)
            return "a quoted value does not end, or has a bad escape";
        if (*rest && !is_space(*rest))
            return "something follows a closing quote";
    } else {
        field->value = equals + 1;
        rest = word_end(equals + 1);
    }
    *text = rest;
    return NULL;
}

const char *request_parse(struct request *request, const char *line)
{
    wchar_t *text = request->text;

    request->field_count = 0;
    if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, line, -1, text, REQUEST_LINE_MAX))
        return "the line is too long or no UTF-8";
    text = skip_space(text);
    request->verb = text;
    text = skip_space(word_end(text));
    while (*text) {
        const char *fault;

        if (request->field_count == REQUEST_FIELDS_MAX)
            return "too many fields";
        fault = field_parse(&request->fields[request->field_count], &text);
        if (fault)
            return fault;
        if (request_get(request, request->fields[request->field_count].key, NULL))
            return "a key is given twice";
        request->field_count++;
        text = skip_space(text);
    }
    return NULL;
}

const wchar_t *request_get(const struct request *request, const wchar_t *key,
                           const wchar_t *fallback)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (!wcscmp(request->fields[i].key, key))
            return request->fields[i].value;
    }
    return fallback;
}

static int words_contain(const wchar_t *words, const wchar_t *word)
{
    size_t length = wcslen(word);

    for (const wchar_t *at = words; (at = wcsstr(at, word)) != NULL; at += length) {
        if ((at == words || at[-1] == L' ') && (!at[length] || at[length] == L' '))
            return length > 0;
    }
    return 0;
}

const wchar_t *request_check(const struct request *request, const wchar_t *required,
                             const wchar_t *optional, int *missing)
{
    *missing = 0;
    for (size_t i = 0; i < request->field_count; i++) {
        const wchar_t *key = request->fields[i].key;

        if (!*key || (!words_contain(required, key) && !words_contain(optional, key)))
            return key;
    }
    *missing = 1;
    for (const wchar_t *word = required; *word;) {
        size_t length = wcscspn(word, L" ");
        size_t i = 0;

        while (i < request->field_count && (wcslen(request->fields[i].key) != length ||
                                            wcsncmp(request->fields[i].key, word, length) != 0))
            i++;
        if (i == request->field_count)
            return word;
        word += length + (word[length] == L' ');
    }
    return NULL;
}
