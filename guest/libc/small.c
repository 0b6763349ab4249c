/* Functions of one line: compiled with the rest they vanish into their callers. */
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdint.h>

#undef tolower
#undef toupper
#undef isalnum
#undef iscntrl

int tolower(int c)
{
	return isupper(c) ? c | 0x20 : c;
}

int toupper(int c)
{
	return islower(c) ? c & 0x5f : c;
}

int isalnum(int c)
{
	return isalpha(c) || isdigit(c);
}

int iscntrl(int c)
{
	return (unsigned)c < 0x20 || c == 0x7f;
}

uint32_t htonl(uint32_t n)
{
	return __builtin_bswap32(n);
}

uint32_t ntohl(uint32_t n)
{
	return __builtin_bswap32(n);
}

uint16_t htons(uint16_t n)
{
	return __builtin_bswap16(n);
}

int sigemptyset(sigset_t *set)
{
	*(uint64_t *)(void *)set = 0;
	return 0;
}

int sigfillset(sigset_t *set)
{
	*(uint64_t *)(void *)set = UINT64_MAX;
	return 0;
}

int sigaddset(sigset_t *set, int number)
{
	*(uint64_t *)(void *)set |= 1ULL << (number - 1);
	return 0;
}

int sigdelset(sigset_t *set, int number)
{
	*(uint64_t *)(void *)set &= ~(1ULL << (number - 1));
	return 0;
}
