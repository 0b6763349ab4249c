/* Text: short and plain loops, for texts and patterns of a few words. What may be long (memcpy, memchr …) is musl's. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

size_t strnlen(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length])
		length++;
	return length;
}

size_t strlen(const char *text)
{
	return strnlen(text, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t most)
{
	for (; most > 0; a++, b++, most--)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncasecmp(const char *a, const char *b, size_t most)
{
	for (; most > 0; a++, b++, most--) {
		int difference = tolower((unsigned char)*a) - tolower((unsigned char)*b);

		if (difference || !*a)
			return difference;
	}
	return 0;
}

int strcasecmp(const char *a, const char *b)
{
	return strncasecmp(a, b, SIZE_MAX);
}

char *strchr(const char *text, int c)
{
	for (; *text != (char)c; text++)
		if (!*text)
			return NULL;
	return (char *)text;
}

char *strrchr(const char *text, int c)
{
	const char *last = NULL;

	do
		if (*text == (char)c)
			last = text;
	while (*text++);
	return (char *)last;
}

/* Neither of the two calls the other: the compiler, who knows both names, may turn that call into one of itself. */
static char *copy(char *restrict to, const char *restrict from)
{
	while ((*to = *from++))
		to++;
	return to;
}

char *stpcpy(char *restrict to, const char *restrict from)
{
	return copy(to, from);
}

char *strcpy(char *restrict to, const char *restrict from)
{
	copy(to, from);
	return to;
}

char *strcat(char *restrict to, const char *restrict from)
{
	strcpy(to + strlen(to), from);
	return to;
}

char *strndup(const char *text, size_t most)
{
	size_t length = strnlen(text, most);
	char *copy = malloc(length + 1);

	if (copy) {
		memcpy(copy, text, length);
		copy[length] = '\0';
	}
	return copy;
}

char *strdup(const char *text)
{
	return strndup(text, SIZE_MAX);
}

void *memmem(const void *text, size_t length, const void *pattern, size_t size)
{
	const char *at = text, *first = pattern;

	if (size == 0)
		return (void *)text;
	for (const char *end = at + length; (size_t)(end - at) >= size; at++) {
		at = memchr(at, *first, (size_t)(end - at) - size + 1);
		if (!at)
			break;
		if (memcmp(at, pattern, size) == 0)
			return (void *)at;
	}
	return NULL;
}

char *strstr(const char *text, const char *pattern)
{
	return memmem(text, strlen(text), pattern, strlen(pattern));
}

size_t strcspn(const char *text, const char *reject)
{
	size_t n = 0;

	while (text[n] && !strchr(reject, text[n]))
		n++;
	return n;
}

size_t strspn(const char *text, const char *accept)
{
	size_t n = 0;

	while (text[n] && strchr(accept, text[n]))
		n++;
	return n;
}

char *strpbrk(const char *text, const char *accept)
{
	text += strcspn(text, accept);
	return *text ? (char *)text : NULL;
}

char *strsep(char **rest, const char *separators)
{
	char *text = *rest, *end;

	if (!text)
		return NULL;
	end = text + strcspn(text, separators);
	*rest = *end ? end + 1 : NULL;
	*end = '\0';
	return text;
}

char *strtok_r(char *restrict text, const char *restrict separators, char **restrict rest)
{
	if (!text)
		text = *rest;
	if (text)
		text += strspn(text, separators);
	if (!text || !*text)
		return *rest = NULL;
	*rest = text;
	return strsep(rest, separators);
}

char *getenv(const char *name)
{
	size_t length = strlen(name);

	for (char **at = environ; at && *at; at++)
		if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
			return *at + length + 1;
	return NULL;
}
