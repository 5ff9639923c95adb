/* The key that both ends of the link prove: 256 random bits. */
#ifndef TTYFERRY_LINK_LINK_KEY_H
#define TTYFERRY_LINK_LINK_KEY_H

#include <stddef.h>

#define LINK_KEY_BYTES 32
#define LINK_KEY_TEXT_SIZE 65 /* as 64 lower-case hex digits, terminated */

struct link_key {
    unsigned char bytes[LINK_KEY_BYTES];
};

/* A new key, by the operating system's generator. */
void link_key_generate(struct link_key *key);

/* Reads 64 lower-case hex digits, which one line feed (with a carriage return before it or not) may
 * follow. Returns 0, or ERR_INVALID. */
int link_key_from_text(const char *text, size_t len, struct link_key *key);

/* Writes the 64 digits; the text is as secret as the key: wipe it. */
void link_key_to_text(const struct link_key *key, char text[LINK_KEY_TEXT_SIZE]);

/* Overwrites the key, so that no memory is left behind that has it. */
void link_key_wipe(struct link_key *key);

/* The same for a text. */
void link_key_wipe_text(char *text, size_t size);

#endif
