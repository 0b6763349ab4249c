/* UTF-8 (RFC 3629), for the JSON parser and writer and whoever shows text. */
#pragma once
#include <stddef.h>

/* Length of the valid sequence at `s` (1 … 4), 0 when there is none: overlong forms, surrogates and cut ends count as none. */
unsigned utf8_length(const unsigned char *s, size_t left);
/* How many bytes at `s` are themselves in JSON: ASCII without control characters, quotes and backslashes. */
size_t utf8_plain(const char *s, size_t left);
/* Writes a code point (1 … 4 bytes); the position after it. */
char *utf8_put(char *to, unsigned code);
