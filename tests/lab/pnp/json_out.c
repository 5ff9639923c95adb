#include "json_out.h"

#include <stdio.h>

void json_out_string(const wchar_t *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == L'"' || *text == L'\\')
            printf("\\%c", (char)*text);
        else if (*text >= 0x20 && *text < 0x7f)
            putchar((char)*text);
        else
            printf("\\u%04x", (unsigned)*text);
    }
    putchar('"');
}

void json_out_member(const char *key, const wchar_t *text, int first)
{
    printf("%s\"%s\":", first ? "" : ",", key);
    if (text)
        json_out_string(text);
    else
        fputs("null", stdout);
}
