/*
 * Test helper: answers /run/nest/host.sock in place of the agent and the page. `fakehost DIRECTORY EVENTS`: the images are the
 * .json files in DIRECTORY (PROTOCOL.md's image objects); all exist "in the registry" and none is local before it was pulled. Events
 * are appended to the file EVENTS, one per line.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "io.h"
#include "json.h"
#include "level.h"
#include "sock.h"

enum { IMAGES_MAX = 16 };

static struct {
	struct json *json;
	char *text;
} images[IMAGES_MAX];
static size_t image_count;
static bool *local; /* shared by all connections */

static void load(const char *directory)
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	char path[512];
	struct err e;

	while (list && (entry = readdir(list)) && image_count < IMAGES_MAX) {
		size_t length;

		if (!strstr(entry->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		images[image_count].text = read_file(path, 65536, &length, &e);
		images[image_count].json = images[image_count].text ? json_parse(images[image_count].text, length, &e) : NULL;
		if (!images[image_count].json) {
			fprintf(stderr, "fakehost: %s: %s\n", path, e.msg);
			exit(1);
		}
		image_count++;
	}
	if (list)
		closedir(list);
}

static int find(const char *reference)
{
	for (size_t i = 0; i < image_count; i++) {
		const char *id = json_string(images[i].json, "id", "");
		char tagged[300];

		snprintf(tagged, sizeof(tagged), "%s:latest", reference);
		json_each(name, json_get(images[i].json, "refs"))
			if (strcmp(name->string, reference) == 0 || strcmp(name->string, tagged) == 0)
				return (int)i;
		if (strlen(reference) >= 6 &&
		    (strncmp(id, reference, strlen(reference)) == 0 || strncmp(id + 7, reference, strlen(reference)) == 0))
			return (int)i;
	}
	return -1;
}

static void say(int fd, const char *key, const char *json)
{
	char packet[65536];
	int n = snprintf(packet, sizeof(packet), "{\"%s\":%s}", key, json);

	sock_send(fd, packet, (size_t)n, NULL, 0, 5000, NULL);
}

static void pull(int fd, int i)
{
	static const char *const statuses[] = {"Pulling fs layer", "Downloading", "Verifying Checksum", "Extracting",
					       "Pull complete"};
	char line[256];

	json_each(layer, json_get(images[i].json, "layers")) {
		for (size_t s = 0; s < array_size(statuses) && !local[i]; s++) {
			snprintf(line, sizeof(line), "{\"id\":\"%.12s\",\"status\":\"%s\",\"current\":%zu,\"total\":5}",
				 json_string(layer, "diffId", "") + 7, statuses[s], s);
			say(fd, "progress", line);
		}
	}
	local[i] = true;
	say(fd, "ok", images[i].text);
}

static void serve(int fd, const char *events)
{
	char packet[SOCK_PACKET_MAX + 1];
	struct err e;
	ssize_t n = sock_recv(fd, packet, SOCK_PACKET_MAX, NULL, NULL, 5000, &e);
	struct json *request = n > 0 ? json_parse(packet, (size_t)n, &e) : NULL;
	const char *method = json_string(request, "method", ""), *reference = json_string(json_get(request, "params"), "ref", "");
	int i = find(reference);

	if (strcmp(method, "events") == 0) {
		int file = open(events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		while ((n = sock_recv(fd, packet, SOCK_PACKET_MAX, NULL, NULL, -1, &e)) > 0) {
			packet[n++] = '\n';
			write_all(file, packet, (size_t)n);
		}
	} else if (strcmp(method, "image.list") == 0) {
		char all[65536] = "{\"images\":[";
		bool comma = false;

		for (size_t k = 0; k < image_count; k++) {
			if (!local[k])
				continue;
			strcat(all, comma ? "," : "");
			strcat(all, images[k].text);
			comma = true;
		}
		say(fd, "ok", strcat(all, "]}"));
	} else if (i < 0 || (!local[i] && strcmp(method, "image.pull") != 0)) {
		say(fd, "error", "{\"code\":\"not-found\",\"message\":\"no such image\"}");
	} else if (strcmp(method, "image.pull") == 0) {
		pull(fd, i);
	} else if (strcmp(method, "image.get") == 0) {
		say(fd, "ok", images[i].text);
	} else if (strcmp(method, "image.remove") == 0) {
		char text[512];

		local[i] = false;
		snprintf(text, sizeof(text), "{\"untagged\":[\"%.200s\"],\"deleted\":[\"%s\"]}", reference,
			 json_string(images[i].json, "id", ""));
		say(fd, "ok", text);
	} else {
		say(fd, "error", "{\"code\":\"unsupported\",\"message\":\"unknown method\"}");
	}
}

int main(int argc, char **argv)
{
	struct err e;
	int listener;

	if (argc != 3) {
		fprintf(stderr, "usage: fakehost DIRECTORY EVENTS\n");
		return 2;
	}
	load(argv[1]);
	local = mmap(NULL, IMAGES_MAX * sizeof(*local), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	listener = sock_listen(HOST_SOCKET, 0600, &e);
	if (local == MAP_FAILED || listener < 0) {
		fprintf(stderr, "fakehost: %s\n", e.msg);
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (wait_fd(listener, 1 /* POLLIN */, -1) < 0)
			continue;
		int fd = sock_accept(listener, &e);

		if (fd >= 0 && fork() == 0) {
			serve(fd, argv[2]);
			_exit(0);
		}
		if (fd >= 0)
			close(fd);
	}
}
