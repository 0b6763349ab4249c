/* A process in namespaces that are joined, made, or both. */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#include "err.h"
#include "json.h"

struct launch {
	const int *join; /* descriptors for setns, in this order */
	size_t join_count;
	unsigned join_flags;       /* what of each is joined; 0: what it is */
	unsigned flags;            /* CLONE_NEW…, made then */
	int cgroup;                /* descriptor, or -1 */
	const struct json *limits; /* process.rlimits */
	int report[2];             /* where its errors come (process.h): ours, its */
	int pidfd;
	pid_t pid;
	void (*run)(void *data) __attribute__((noreturn));
	void *data;
};

/*
 * Our child, though a process in between has joined for it: a pid namespace is only entered by children, and we want to stay where
 * we are.
 */
int launch(struct launch *l, struct err *e);
