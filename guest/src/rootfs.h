/* The container's file tree, built in its own mount namespace and gone with it. */
#pragma once
#include "container.h"
#include "err.h"

/*
 * Before the ids are mapped, still as the engine's user: stops propagation and opens what only that user may reach.
 * `bind_count` detached mounts of volumes are in `binds`, in the order of container->mounts.
 */
struct rootfs {
	const struct container *container;
	int rw, relay; /* /run/nest/c/<id>/rw and host.sock (--nest only), in this mount namespace */
	const int *binds;
	int given[5], etc; /* instead of mounts of its own (mounts.h); where hosts, hostname and resolv.conf are */
	size_t bind_count;
	bool files_only; /* nobody is to run there: no system mounts */
};

/* Once per engine: a lowest layer below every image, with the places for our mounts. */
int rootfs_prepare(struct err *e);
int rootfs_begin(struct rootfs *r, struct err *e);
/* As the container's root: overlay, system mounts, volumes, pivot_root. Afterwards "/" is the container's. */
int rootfs_enter(struct rootfs *r, struct err *e);
/* pivot_root and not chroot or a moved mount: the old tree is gone afterwards, not merely out of sight. */
int rootfs_pivot(int root, struct err *e);
/* As the container's root: the image's tree alone, detached, to compare with rw/upper. */
int rootfs_image(struct rootfs *r, struct err *e);
