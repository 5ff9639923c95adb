/* JSON on standard output, written as it comes, in ASCII: the answers of the lab's Windows
 * programs. */
#ifndef JSON_OUT_H
#define JSON_OUT_H

#include <stddef.h>

/* Writes a JSON string; every unit outside printable ASCII, unpaired surrogates included, becomes
 * \uXXXX. */
void json_out_string(const wchar_t *text);

/* Writes "key":"text", with a comma before it unless `first`.  NULL text becomes null. */
void json_out_member(const char *key, const wchar_t *text, int first);

#endif
