/* What a container should be: the request of the command line, checked, then joined with the image's configuration. */
#pragma once
#include <stdbool.h>
#include "caps.h"
#include "err.h"
#include "json.h"
#include "resources.h"
#include "restart.h"
#include "sharing.h"
#include "tuning.h"
#include "user.h"

#define SPEC_LIST_MAX 512 /* arguments, variables */
#define SPEC_BINDS_MAX 64

struct bind {
	char source[4096]; /* absolute path of the level, or a volume's name, "": one without a name */
	char target[4096]; /* absolute path in the container */
	char subpath[512]; /* what of a volume is mounted, "": all of it */
	bool volume, read_only, no_copy;
};

/* Points into the JSON documents it was made from, which must live as long. */
struct spec {
	const char *image;    /* as typed */
	const char *name;     /* "": the engine picks one */
	const char *hostname; /* "": the first 12 digits of the id */
	const char *domainname;
	const char *user, *workdir;                 /* "": the image's */
	const struct json *entrypoint;              /* array, or NULL: the image's */
	const struct json *argv;                    /* after the image's name */
	const struct json *env, *binds;             /* arrays of strings */
	const struct json *volumes_from;            /* "container[:ro]" */
	const char *network;                        /* its first one; "none" */
	const struct json *ports, *dns, *add_hosts; /* arrays: "8080:80/tcp", "1.2.3.4", "name:1.2.3.4" */
	enum profile profile;
	uint64_t caps;
	struct limits limits;
	struct restart restart;
	struct tuning tuning;
	struct sharing sharing;
	int stop_signal;        /* 0: the image's, or SIGTERM */
	int stop_timeout;       /* seconds */
	unsigned columns, rows; /* of the terminal, 0: unknown */
	bool tty, open_stdin, detach, remove, read_only, no_new_privs, no_seccomp, publish_all;
};

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 128 long: container and volume names. */
bool spec_name_ok(const char *name);
/* An array of at most `max` strings, or absent (NULL). */
int spec_strings(const struct json *request, const char *key, size_t max, const struct json **out, struct err *e);
int spec_parse(const struct json *request, struct spec *spec, struct err *e);
/* "[SOURCE:]TARGET[:MODE,…]" */
int spec_bind(const char *text, struct bind *bind, struct err *e);
/* Where something may be mounted in a container: absolute, and not on or below what is mounted by us. */
int spec_target(const char *target, struct err *e);
/* "NAME:ADDRESS" or with "=", the address perhaps "host-gateway"; the name's length. */
int spec_add_host(const char *text, const char **address, struct err *e);
/* How many parts an absolute path has. */
unsigned spec_depth(const char *path);
/* "SIGTERM", "TERM", "15" → 15; 0 when unknown. */
int spec_signal(const char *text);

/* A program to run in a container. The vectors are its own (free with process_free), the strings are not. Do not copy. */
struct process {
	const char **argv, **env; /* NULL-terminated */
	const char *cwd, *user;
	uint64_t caps;
	enum profile profile;
	bool no_new_privs, no_seccomp;
	const struct seccomp_program *filter; /* its own instead of the profile's, or NULL */
	const struct json *groups, *ulimits;  /* as in struct tuning */
	int init;                             /* our binary (O_PATH), to run as the container's first process; or -1 */
	/* Of OCI bundles (oci.h), which say everything themselves; NULL: docker's way. */
	const struct user *as;       /* instead of `user` */
	const struct cap_sets *sets; /* instead of `caps` */
	/* Called when all is done but the program itself, with these as descriptors 4 and 5; 3 is where errors go. */
	int (*gate)(const struct process *p, struct err *e);
	int (*last)(const struct process *p, struct err *e); /* or NULL: under the filter, before the exec */
	int gate_fds[2];
	void *gate_data;
	unsigned mask;          /* umask */
	char host_variable[80]; /* pointed to by env */
};

/* The filter of --security-opt seccomp=FILE, if there is one: compiled once, kept by the process that asks. */
int process_filter(const struct spec *spec, struct process *process, struct err *e);
/* Joins request and image config ("Entrypoint", "Cmd", "Env", "WorkingDir", "User"). `hostname` as it will be. */
int process_of(const struct spec *spec, const struct json *config, const char *hostname, struct process *process, struct err *e);
/* Puts "NAME=value" into a NULL-terminated vector of room SPEC_LIST_MAX, replacing the same name. "NAME" alone removes it. */
int env_put(const char **env, const char *variable, struct err *e);
const char *env_get(const char *const *env, const char *name);
void process_free(struct process *process);
/* Nothing is put into its environment any more: it takes what it needs. */
void process_seal(struct process *process);
