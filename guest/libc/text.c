/* Searching in text: short and plain, for texts and patterns of a few words. */
#include <string.h>

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
