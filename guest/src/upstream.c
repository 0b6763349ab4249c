#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "memory.h"
#include "level.h"
#include "sock.h"
#include "upstream.h"

const struct upstream_wait upstream_patience = {.quiet_ms = 30000};

int upstream_send(const char *method, const char *params, struct err *e)
{
	_cleanup_fd_ int fd = sock_connect(HOST_SOCKET, 2000, e);
	struct jsonw w = {0};
	int ret;

	if (fd < 0)
		return err_context(e, "%s: the level above does not answer", method);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "method", method);
	jsonw_raw(&w, "params", params);
	jsonw_end_object(&w);
	ret = w.failed ? err_set(e, 125, "out of memory") : sock_send(fd, w.data, w.length, NULL, 0, 5000, e);
	jsonw_free(&w);
	return ret < 0 ? -1 : take_fd(&fd);
}

const struct json *upstream_ask(const char *method, const char *params, const struct upstream_wait *wait, struct json **document,
				char code[32], struct err *e)
{
	int fd = upstream_send(method, params, e);

	*document = NULL;
	if (code)
		strcpy(code, "network");
	return fd < 0 ? NULL : upstream_receive(fd, method, wait, document, code, e);
}

const struct json *upstream_receive(int request, const char *method, const struct upstream_wait *wait, struct json **document,
				    char code[32], struct err *e)
{
	static char packet[SOCK_PACKET_MAX] _scratch_;
	_cleanup_fd_ int fd = request;

	*document = NULL;
	if (code)
		strcpy(code, "network");
	for (;;) {
		ssize_t n = sock_recv(fd, packet, sizeof(packet), NULL, NULL, wait->quiet_ms, e);

		if (n <= 0) {
			if (n == 0)
				err_set(e, 125, "the connection ended without an answer");
			err_context(e, "%s", method);
			return NULL;
		}
		struct json *reply = json_parse(packet, (size_t)n, e);

		if (!reply)
			return NULL;
		const struct json *progress = json_get(reply, "progress"), *failed = json_get(reply, "error");

		if (progress) {
			int stop = wait->progress ? wait->progress(progress, wait->context) : 0;

			json_free(reply);
			if (stop) {
				err_set(e, 125, "%s: given up", method);
				return NULL;
			}
			continue;
		}
		if (json_get(reply, "ok")) {
			*document = reply;
			return json_get(reply, "ok");
		}
		if (code)
			snprintf(code, 32, "%s", json_string(failed, "code", "internal"));
		err_set(e, 125, "%s", json_string(failed, "message", "the level above gave a reply that is none"));
		json_free(reply);
		return NULL;
	}
}
