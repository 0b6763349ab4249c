#!/usr/bin/env bash
# Builds the shipped images, OCI layouts under images/registry/, from Debian packages.
#   images/recipes/build.sh           build if the recipes changed since the lock was written
#   images/recipes/build.sh --check   only check that images/registry matches its lock and the recipes (needs no Debian)
#   images/recipes/build.sh --force   build anyway (newer Debian packages)
# Needs Debian as root: installs what it lacks, takes the mirror from this machine's own apt configuration.
# Same recipes and same packages, same bytes.
set -euo pipefail
cd "$(dirname "$0")"
work=${NESTBOX_IMAGES_WORK:-.build}
registry=../registry
lock=$registry/registry.lock
suite=trixie
tools=(mmdebstrap arch-test debian-archive-keyring nodejs tar gzip)

inputs_hash() { sha256sum build.sh layout.mjs busybox.sh debian.sh | sha256sum | cut -d' ' -f1; }
outputs() { (cd "$registry" && find . -type f ! -name registry.lock | LC_ALL=C sort | sed 's|^\./||' | xargs sha256sum); }

check() {
	[ "$(sed -n 's/^inputs //p' "$lock" 2>/dev/null)" = "$(inputs_hash)" ] ||
		{ echo "images: stale: a recipe changed since images/registry was built; run images/recipes/build.sh" >&2; return 1; }
	[ "$(sed -n 's/^file //p' "$lock")" = "$(outputs)" ] ||
		{ echo "images: images/registry does not hold the files its lock names; run images/recipes/build.sh --force" >&2; return 1; }
}

case "${1:-}" in
--check) check; exit ;;
--force) ;;
"") check 2>/dev/null && { echo "images: up to date"; exit; } ;;
*) echo "usage: images/recipes/build.sh [--check|--force]" >&2; exit 2 ;;
esac

[ "$(id -u)" = 0 ] || { echo "images: building needs root on Debian; --check does not" >&2; exit 1; }
dpkg --print-foreign-architectures | grep -qx i386 || { dpkg --add-architecture i386; apt-get update -qq; }
missing=()
for package in "${tools[@]}"; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
	# A mirror in the middle of its update fails `update` for one suite; what is installable all the same suffices.
	apt-get update -qq || true
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# One moment for everything: nothing of today may enter an image.
export SOURCE_DATE_EPOCH=1767225600 LC_ALL=C TZ=UTC
work=$(mkdir -p "$work" && cd "$work" && pwd)
registry=$(mkdir -p "$registry" && cd "$registry" && pwd)
lock=$registry/registry.lock
fresh=$work/registry
rm -rf "$fresh" "$work/packages"
mkdir -p "$fresh"

# root DIRECTORY NAME: packs the tree as DIRECTORY.tar and .tar.gz, the same bytes for the same tree.
pack() {
	tar --create --file "$1.tar" --directory "$1" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime \
		--numeric-owner --format=posix --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f \
		--xattrs --xattrs-include='*' .
	gzip -n -9 --keep --force "$1.tar"
}

# shellcheck source=busybox.sh
. ./busybox.sh
# shellcheck source=debian.sh
. ./debian.sh

for name in busybox debian; do
	rm -rf "${registry:?}/$name"
	cp -r "$fresh/$name" "$registry/$name"
done
{
	echo "inputs $(inputs_hash)"
	outputs | sed 's/^/file /'
	sed 's/^/package /' "$work/packages"
} >"$lock"
du -sh "$registry"/busybox "$registry"/debian
