/* Notations of networks and ports, and the allocation's arithmetic. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "check.h"
#include "endpoint.h"
#include "network.h"
#include "publish.h"

static void test_subnet(void)
{
	static const char *const bad[] = {"",         "10.0.0.0",    "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/0",
					  "10.0.0/8", "10.0.0.0/8x", "::/8",      "10.0.0.0/-8", "999.0.0.0/8"};
	uint32_t subnet;
	unsigned prefix;

	CHECK(network_subnet("172.18.3.9/16", &subnet, &prefix));
	CHECK(subnet == htonl(0xac120000) && prefix == 16);
	CHECK(network_subnet("10.1.2.3/32", &subnet, &prefix) && subnet == htonl(0x0a010203));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!network_subnet(bad[i], &subnet, &prefix));
}

static void test_possible(void)
{
	const struct network n = {.subnet = htonl(0xac120000), .prefix = 16};
	const struct network small = {.subnet = htonl(0x0a000004), .prefix = 30};

	CHECK(endpoint_possible(&n, htonl(0xac120002)));
	CHECK(!endpoint_possible(&n, htonl(0xac120000)) && !endpoint_possible(&n, htonl(0xac12ffff)));
	CHECK(!endpoint_possible(&n, htonl(0xac130002)));
	CHECK(endpoint_possible(&small, htonl(0x0a000006)) && !endpoint_possible(&small, htonl(0x0a000007)));
}

static void test_mac(void)
{
	uint8_t mac[6];

	endpoint_mac(htonl(0xac110002), mac);
	CHECK(memcmp(mac, "\x02\x42\xac\x11\x00\x02", 6) == 0);
}

static void test_port(void)
{
	static const struct {
		const char *text, *wanted;
	} good[] = {
		{"80", "0.0.0.0:0:80/tcp"},
		{"8080:80", "0.0.0.0:8080:80/tcp"},
		{"8080:80/udp", "0.0.0.0:8080:80/udp"},
		{"127.0.0.1:8080:80/TCP", "127.0.0.1:8080:80/tcp"},
		{"127.0.0.1::80", "127.0.0.1:0:80/tcp"},
		{":8080:80", "0.0.0.0:8080:80/tcp"},
		{"0:80", "0.0.0.0:0:80/tcp"},
		{"65535:65535", "0.0.0.0:65535:65535/tcp"},
	};
	struct port port;
	char text[PORT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK(port_parse(good[i].text, &port, NULL) == 0);
		CHECK_TEXT(port_text(&port, text), good[i].wanted);
		CHECK(port.socket == -1);
	}
}

static void test_bad_port(void)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "invalid containerPort"},
		{"0", "invalid containerPort"},
		{"65536", "invalid containerPort"},
		{"80/sctp", "invalid proto: sctp"},
		{"x:80", "invalid hostPort: x"},
		{"70000:80", "invalid hostPort: 70000"},
		{"80-81:80-81", "one by one"},
		{"80-81:80", "one by one"},
		{"1.2.3:80:80", "invalid IP address"},
		{"[::1]:80:80", "only IPv4"},
		{"::1:80:80", "only IPv4"},
		{"8080:", "invalid containerPort"},
		{"1234567890123456789012345678901234567890123456789012345678901234:80", "invalid publish"},
	};
	struct port port;
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		e.msg[0] = 0;
		CHECK(port_parse(bad[i].text, &port, &e) < 0);
		CHECK_TEXT(strstr(e.msg, bad[i].says) ? bad[i].says : e.msg, bad[i].says);
		CHECK(e.code == 125);
	}
}

static void test_held_ports(void)
{
	struct port one = {.host_ip = htonl(INADDR_LOOPBACK), .to_port = 80, .protocol = IPPROTO_TCP, .socket = -1}, two = one;
	struct err e = {0};

	/* A free one; then it is in use, on its address and on all. */
	CHECK(ports_take(&one, 1, "a", &e) == 0 && one.host_port >= 32768);
	two.host_port = one.host_port;
	CHECK(ports_take(&two, 1, "b", &e) < 0 && strstr(e.msg, "port is already allocated"));
	two.host_ip = 0;
	CHECK(ports_take(&two, 1, "b", &e) < 0 && two.socket == -1);
	ports_give_back(&one, 1);
	CHECK(ports_take(&two, 1, "b", &e) == 0);
	ports_give_back(&two, 1);
}

int main(void)
{
	static const struct test tests[] = {TEST(test_subnet), TEST(test_possible), TEST(test_mac),
					    TEST(test_port),   TEST(test_bad_port), TEST(test_held_ports)};

	return RUN(tests);
}
