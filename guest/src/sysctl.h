/* Settings of a container's own namespaces: docker's --sysctl, and linux.sysctl of OCI bundles. And --time-offset. */
#pragma once
#include "err.h"
#include "json.h"

/*
 * The kind of namespace a setting belongs to (CLONE_NEW…); 0: to none, or the key is no plain name. "net.ipv4.ip_forward", or with
 * slashes, as sysctl(8) has it.
 */
unsigned sysctl_namespace(const char *key, size_t length);
/*
 * Writes one through `proc`, a procfs nobody else has (detached): what an image or another process makes of /proc cannot lead
 * the writes elsewhere (CVE-2025-52881).
 */
int sysctl_write(int proc, const char *key, size_t length, const char *value, struct err *e);

/* "net.ipv4.ip_forward=1": of the network and IPC namespaces only. */
int sysctl_check(const char *text, struct err *e);
int sysctls_write(int proc, const struct json *list, struct err *e);
/* "boottime=3600", "monotonic=-10": seconds. */
int time_offset_check(const char *text, struct err *e);
/* A time namespace with these offsets, entered with the next exec. Nothing for an empty list. */
int time_offsets_write(const struct json *list, struct err *e);
