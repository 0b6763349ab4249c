#!/usr/bin/env bash
# Builds kernel/dist/bzImage from Debian's linux-source-6.12 and kernel/nest.config.
#   kernel/build.sh           build if the inputs changed since the lock was written
#   kernel/build.sh --check   only check that dist/ matches its lock and its inputs (no compiler needed)
#   kernel/build.sh --force   build anyway
# Needs Debian as root (apt-get installs what it lacks). Same inputs, same bytes.
set -euo pipefail
cd "$(dirname "$0")"
work=${NESTBOX_KERNEL_WORK:-.build}
source_package=linux-source-6.12
# gcc-multilib: its presence changes the generated configuration (CC_CAN_LINK), so it is always there.
tools=(gcc gcc-multilib make flex bison bc cpio lz4 xz-utils libelf-dev libssl-dev)

inputs_hash() { sha256sum nest.config build.sh | sha256sum | cut -d' ' -f1; }
locked() { sed -n "s/^$1 //p" dist/kernel.lock 2>/dev/null || true; }

check() {
	[ "$(locked inputs)" = "$(inputs_hash)" ] || { echo "kernel: stale: nest.config or build.sh changed since kernel/dist was built; run kernel/build.sh" >&2; return 1; }
	[ "$(locked bzImage)" = "$(sha256sum dist/bzImage | cut -d' ' -f1)" ] || { echo "kernel: dist/bzImage is not the file its lock names; run kernel/build.sh --force" >&2; return 1; }
}

case "${1:-}" in
--check) check; exit ;;
--force) ;;
"") check 2>/dev/null && { echo "kernel: up to date"; exit; } ;;
*) echo "usage: kernel/build.sh [--check|--force]" >&2; exit 2 ;;
esac

missing=()
for package in "$source_package" "${tools[@]}"; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
	[ "$(id -u)" = 0 ] || { echo "kernel: missing packages: ${missing[*]}; install them or run as root on Debian" >&2; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
version=$(dpkg-query -W -f '${Version}' "$source_package")

mkdir -p "$work"
tree=$work/$source_package
[ "$(cat "$work/source-version" 2>/dev/null)" = "$version" ] || { rm -rf "$tree"; tar -C "$work" -xf "/usr/src/$source_package.tar.xz"; echo "$version" >"$work/source-version"; }

# Reproducible: nothing of this machine or this moment may enter the image.
export ARCH=i386 LC_ALL=C TZ=UTC KBUILD_BUILD_USER=nestbox KBUILD_BUILD_HOST=nestbox KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026'

make -s -C "$tree" tinyconfig
"$tree/scripts/kconfig/merge_config.sh" -m -O "$tree" "$tree/.config" nest.config >/dev/null
make -s -C "$tree" olddefconfig

lost=0
while IFS= read -r line; do
	symbol=${line%%=*}
	case "$line" in
	*=n) ! grep -q "^$symbol=" "$tree/.config" || { echo "kernel: wanted off, is on: $symbol" >&2; lost=1; } ;;
	*) grep -qxF "$line" "$tree/.config" || { echo "kernel: did not survive: $line" >&2; lost=1; } ;;
	esac
done < <(grep '^CONFIG_' nest.config)
[ $lost = 0 ] || exit 1

make -s -C "$tree" -j"$(nproc)" bzImage
mkdir -p dist
cp "$tree/arch/x86/boot/bzImage" dist/bzImage
cat >dist/kernel.lock <<LOCK
inputs $(inputs_hash)
bzImage $(sha256sum dist/bzImage | cut -d' ' -f1)
source $source_package $version
compiler $(gcc --version | head -1)
linker $(ld --version | head -1)
LOCK
echo "kernel: built $(stat -c %s dist/bzImage) bytes"
