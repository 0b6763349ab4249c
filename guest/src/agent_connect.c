/* TCP connections the host opens to servers of the guest host, published ports among them: PROTOCOL.md, "connect". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "agent_channel.h"
#include "io.h"

enum { CONNECT_MS = 10000, PORT_MAX = 65535, LOOPBACK = 127 };
#define TIMEOUT_MAX_MS 1e12

bool connect_asked(const char *request, size_t length)
{
	static const char key[] = "\"connect\"";

	/* A look before the work: nearly every OPEN is a program's. */
	if (!memmem(request, length, key, sizeof(key) - 1))
		return false;
	struct json *document = json_parse(request, length, NULL);
	bool asked = json_get(document, "connect") != NULL;

	json_free(document);
	return asked;
}

static int read_request(const struct json *document, struct sockaddr_in *to, int64_t *timeout_ms, struct err *e)
{
	static const char *const of_programs[] = {"argv", "env", "cwd", "pty", "spare"};
	const struct json *connect = json_get(document, "connect");
	double port = json_number(connect, "port", 0), timeout = json_number(document, "timeoutMs", 0);
	const struct json *host = json_get(connect, "host");

	if (!connect || connect->kind != JSON_OBJECT)
		return err_set(e, 125, "open: connect is not an object with a port");
	for (size_t i = 0; i < array_size(of_programs); i++) {
		const struct json *given = json_get(document, of_programs[i]);

		if (given && given->kind != JSON_NULL)
			return err_set(e, 125, "open: %s belongs to a program, not to connect", of_programs[i]);
	}
	if (!(port >= 1 && port <= PORT_MAX) || port != (int)port)
		return err_set(e, 125, "open: connect: port must be 1 to %d", PORT_MAX);
	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (host && (host->kind != JSON_STRING || inet_pton(AF_INET, host->string, &to->sin_addr) != 1 ||
		     ntohl(to->sin_addr.s_addr) >> 24 != LOOPBACK))
		return err_set(e, 125, "open: connect: host must be a loopback address, 127.0.0.0 to 127.255.255.255");
	if (!(timeout >= 0 && timeout <= TIMEOUT_MAX_MS))
		return err_set(e, 125, "open: timeoutMs is out of range");
	*timeout_ms = (int64_t)timeout;
	return 0;
}

int connect_start(struct channel *c, const char *request, size_t length, int64_t *timeout_ms, struct err *e)
{
	static const int on = 1;
	struct sockaddr_in to;
	struct json *document = json_parse(request, length, e);
	int read = document ? read_request(document, &to, timeout_ms, e) : -1;

	json_free(document);
	if (read < 0)
		return -1;
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(e, 125, "open: connect: socket");
	/* Requests are written whole; nothing is won by waiting for more. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		c->connect_by = 0;
	else if (errno == EINPROGRESS)
		c->connect_by = now_ms() + CONNECT_MS;
	else
		return err_set(e, 1, "%s", strerror(errno));
	/* One descriptor for each direction: they are listened to apart. */
	c->output.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (c->output.fd < 0)
		return err_errno(e, 125, "open: connect: socket");
	c->input.fd = take_fd(&fd);
	c->errors.fd = -1;
	c->is_connection = true;
	return 0;
}

bool connect_established(struct channel *c)
{
	socklen_t size = sizeof(c->failure);

	if (getsockopt(c->input.fd, SOL_SOCKET, SO_ERROR, &c->failure, &size) < 0)
		c->failure = errno;
	c->connect_by = 0;
	return c->failure == 0;
}

bool connect_over(struct channel *c, int64_t now)
{
	if (c->timeout && c->timeout <= now)
		c->timed_out = true;
	if (c->timed_out || (c->connect_by && c->connect_by <= now))
		c->failure = ETIMEDOUT;
	return c->failure != 0;
}

void connect_exit(const struct channel *c, struct jsonw *w)
{
	jsonw_int(w, "code", c->failure != 0);
	if (c->timed_out)
		jsonw_bool(w, "timedOut", true);
	if (c->failure)
		jsonw_string(w, "error", strerror(c->failure));
}
