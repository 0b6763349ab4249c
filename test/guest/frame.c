/*
 * Sends a frame with addresses of the caller's choice from eth0, or prints what comes there: for tests that pretend to be another.
 *   frame udp FROM_MAC FROM_IP TO_MAC TO_IP TEXT    a UDP datagram to port 7777 in a frame of our own
 *   frame arp FROM_MAC FROM_IP                      an ARP answer to everybody: "FROM_IP is at FROM_MAC"
 *   frame listen SECONDS                            texts of all frames of kind "udp" to us, and senders of ARP answers
 * "-" as FROM_MAC: eth0's own.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IP = 0x0800, ARP = 0x0806, PORT = 7777, TEXT_AT = 14 + 20 + 8 };

static int fd, device;

static void mac(const char *text, uint8_t to[6])
{
	struct ifreq r = {.ifr_name = "eth0"};

	if (strcmp(text, "-") == 0) {
		ioctl(fd, SIOCGIFHWADDR, &r);
		memcpy(to, r.ifr_hwaddr.sa_data, 6);
		return;
	}
	for (int i = 0; i < 6; i++, text += 3)
		to[i] = (uint8_t)strtoul(text, NULL, 16);
}

static uint16_t sum(const uint8_t *at, size_t length)
{
	uint32_t total = 0;

	for (size_t i = 0; i < length; i += 2)
		total += (uint32_t)at[i] << 8 | at[i + 1];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static int send_frame(const uint8_t *frame, size_t length)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = device, .sll_halen = 6};

	return sendto(fd, frame, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? perror("send"), 1 : 0;
}

static int udp(char **a)
{
	uint8_t f[128] = {0};
	size_t text = strlen(a[4]);

	if (text > 60)
		return 2;
	mac(a[2], f);
	mac(a[0], f + 6);
	put16(f + 12, IP);
	f[14] = 0x45;
	put16(f + 16, (unsigned)(28 + text));
	f[22] = 64;
	f[23] = 17;
	inet_pton(AF_INET, a[1], f + 26);
	inet_pton(AF_INET, a[3], f + 30);
	put16(f + 24, sum(f + 14, 20));
	put16(f + 34, PORT);
	put16(f + 36, PORT);
	put16(f + 38, (unsigned)(8 + text));
	memcpy(f + TEXT_AT, a[4], text);
	return send_frame(f, TEXT_AT + text);
}

static int arp(char **a)
{
	uint8_t f[60] = {0};

	memset(f, 0xff, 6);
	mac("-", f + 6);
	put16(f + 12, ARP);
	put16(f + 14, 1);
	put16(f + 16, IP);
	f[18] = 6;
	f[19] = 4;
	put16(f + 20, 2);
	mac(a[0], f + 22);
	inet_pton(AF_INET, a[1], f + 28);
	memset(f + 32, 0xff, 6);
	memcpy(f + 38, f + 28, 4);
	return send_frame(f, sizeof(f));
}

static int listen_for(int seconds)
{
	time_t end = time(NULL) + seconds;
	char text[INET_ADDRSTRLEN];
	uint8_t f[1600];

	while (time(NULL) < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 200) < 1)
			continue;
		ssize_t n = recv(fd, f, sizeof(f), 0);

		if (n >= 42 && f[12] == 8 && f[13] == 6 && f[21] == 2)
			printf("%s is at %02x:%02x:%02x:%02x:%02x:%02x\n", inet_ntop(AF_INET, f + 28, text, sizeof(text)), f[22],
			       f[23], f[24], f[25], f[26], f[27]);
		if (n >= TEXT_AT && f[12] == 8 && f[13] == 0 && f[23] == 17 && f[36] == PORT >> 8 && f[37] == (PORT & 255))
			printf("%s: %.*s\n", inet_ntop(AF_INET, f + 26, text, sizeof(text)), (f[38] << 8 | f[39]) - 8,
			       (char *)f + TEXT_AT);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	fd = socket(AF_PACKET, SOCK_RAW, htons(3 /* all */));
	device = (int)if_nametoindex("eth0");
	if (fd < 0 || !device)
		return perror("packet socket"), 2;
	if (argc == 7 && strcmp(argv[1], "udp") == 0)
		return udp(argv + 2);
	if (argc == 4 && strcmp(argv[1], "arp") == 0)
		return arp(argv + 2);
	return argc == 3 && strcmp(argv[1], "listen") == 0 ? listen_for(atoi(argv[2])) : 2;
}
