/* What a container should be: the request of the command line, checked, then joined with the image's configuration. */
#pragma once
#include <stdbool.h>
#include "caps.h"
#include "err.h"
#include "json.h"
#include "resources.h"
#include "restart.h"
#include "user.h"

#define SPEC_LIST_MAX 512 /* arguments, variables */
#define SPEC_BINDS_MAX 64

struct bind {
	char source[4096]; /* absolute path of the level, or a volume's name */
	char target[4096]; /* absolute path in the container */
	bool volume, read_only;
};

/* Points into the JSON documents it was made from, which must live as long. */
struct spec {
	const char *image;                          /* as typed */
	const char *name;                           /* "": the engine picks one */
	const char *hostname;                       /* "": the first 12 digits of the id */
	const char *user, *workdir;                 /* "": the image's */
	const struct json *entrypoint;              /* array, or NULL: the image's */
	const struct json *argv;                    /* after the image's name */
	const struct json *env, *binds;             /* arrays of strings */
	const char *network;                        /* its first one; "none" */
	const struct json *ports, *dns, *add_hosts; /* arrays: "8080:80/tcp", "1.2.3.4", "name:1.2.3.4" */
	enum profile profile;
	uint64_t caps;
	struct limits limits;
	struct restart restart;
	int stop_signal;        /* 0: the image's, or SIGTERM */
	int stop_timeout;       /* seconds */
	unsigned columns, rows; /* of the terminal, 0: unknown */
	bool tty, open_stdin, detach, remove, read_only, no_new_privs, no_seccomp, publish_all;
};

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 128 long: container and volume names. */
bool spec_name_ok(const char *name);
int spec_parse(const struct json *request, struct spec *spec, struct err *e);
/* "SOURCE:TARGET[:ro|rw]" */
int spec_bind(const char *text, struct bind *bind, struct err *e);
/* "SIGTERM", "TERM", "15" → 15; 0 when unknown. */
int spec_signal(const char *text);

/* A program to run in a container. The vectors are its own (free with process_free), the strings are not. Do not copy. */
struct process {
	const char **argv, **env; /* NULL-terminated */
	const char *cwd, *user;
	uint64_t caps;
	enum profile profile;
	bool no_new_privs, no_seccomp;
	/* Of OCI bundles (oci.h), which say everything themselves; NULL: docker's way. */
	const struct user *as;       /* instead of `user` */
	const struct cap_sets *sets; /* instead of `caps` */
	/* Called when all is done but the program itself, with these as descriptors 4 and 5; 3 is where errors go. */
	int (*gate)(const struct process *p, struct err *e);
	int gate_fds[2];
	void *gate_data;
	unsigned mask;          /* umask */
	char host_variable[80]; /* pointed to by env */
};

/* Joins request and image config ("Entrypoint", "Cmd", "Env", "WorkingDir", "User"). `hostname` as it will be. */
int process_of(const struct spec *spec, const struct json *config, const char *hostname, struct process *process, struct err *e);
/* Puts "NAME=value" into a NULL-terminated vector of room SPEC_LIST_MAX, replacing the same name. */
int env_put(const char **env, const char *variable, struct err *e);
const char *env_get(const char *const *env, const char *name);
void process_free(struct process *process);
