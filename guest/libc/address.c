/* IPv4 addresses as text; others are not written out anywhere here. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

int inet_pton(int family, const char *restrict text, void *restrict address)
{
	unsigned char *bytes = address;

	if (family != AF_INET) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	for (unsigned i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;

		for (; *text >= '0' && *text <= '9' && digits < 3; digits++)
			value = value * 10 + (unsigned)(*text++ - '0');
		/* "01" may be meant as octal: refused, as by all. */
		if (digits == 0 || value > 255 || (digits > 1 && text[-(int)digits] == '0') || *text++ != (i < 3 ? '.' : '\0'))
			return 0;
		bytes[i] = (unsigned char)value;
	}
	return 1;
}

const char *inet_ntop(int family, const void *restrict address, char *restrict text, socklen_t size)
{
	const unsigned char *bytes = address;

	if (family != AF_INET) {
		errno = EAFNOSUPPORT;
		return NULL;
	}
	if (snprintf(text, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]) < (int)size)
		return text;
	errno = ENOSPC;
	return NULL;
}
