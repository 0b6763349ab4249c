/* --sysctl: settings of a container's own network and IPC namespaces. And --time-offset, which is written the same way. */
#pragma once
#include "err.h"
#include "json.h"

/* "net.ipv4.ip_forward=1": only what is namespaced, and nothing that could be read as another path (CVE-2022-0811). */
int sysctl_check(const char *text, struct err *e);
/*
 * Writes them through `proc`, a procfs nobody else has (detached): what an image or another process makes of /proc cannot lead
 * the writes elsewhere (CVE-2025-52881).
 */
int sysctls_write(int proc, const struct json *list, struct err *e);
/* "boottime=3600", "monotonic=-10": seconds. */
int time_offset_check(const char *text, struct err *e);
/* A time namespace with these offsets, entered with the next exec. Nothing for an empty list. */
int time_offsets_write(const struct json *list, struct err *e);
