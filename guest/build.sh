#!/usr/bin/env bash
# Builds guest/dist: nest.cpio (the runtime, from guest/src) and base.cpio (the userland of the guest host, from guest/base).
#   guest/build.sh           build what changed since the lock was written
#   guest/build.sh --check   only check that dist/ matches its lock and its inputs (no compiler needed)
#   guest/build.sh --force   build anyway
#   guest/build.sh --packages DIRECTORY packages…   unpack i386 packages of Debian, for tests that compare (not installed)
#   guest/build.sh --test    build natively with ASan and UBSan, run unit tests and short fuzz runs
#   guest/build.sh --program OUTPUT SOURCE…   a static program for the guest, made as nest is (for tests; not part of dist/)
# Needs Debian; as root it installs what it lacks. Same inputs, same bytes.
set -euo pipefail
called_in=$PWD
cd "$(dirname "$0")"
export LC_ALL=C TZ=UTC
work=.build
sysroot=$work/sysroot
tools=(clang lld cpio libclang-rt-14-dev)
foreign=(musl-dev linux-libc-dev)

die() { echo "guest: $*" >&2; exit 1; }
# Hash of the names and contents of all files below the given paths.
tree_hash() { find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }
nest_inputs() { tree_hash src libc build.sh; }
base_inputs() { tree_hash base; }
sha() { sha256sum "$1" 2>/dev/null | cut -d' ' -f1; }
locked() { sed -n "s/^$1 //p" dist/guest.lock 2>/dev/null || true; }

check_one() { # name inputs-hash
	[ "$(locked "$1-inputs")" = "$2" ] || { echo "guest: stale: the inputs of dist/$1.cpio changed since it was built; run guest/build.sh" >&2; return 1; }
	[ "$(locked "$1.cpio")" = "$(sha "dist/$1.cpio")" ] || { echo "guest: dist/$1.cpio is not the file its lock names; run guest/build.sh --force" >&2; return 1; }
}

need() { # packages…: install them or say so
	local missing=() package
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]}; install them or run as root on Debian"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Unpacks i386 packages without installing them (musl-dev:i386 conflicts with the native one): fetch_i386 DIRECTORY packages…
# Leaves "package version" lines in DIRECTORY.versions.
fetch_i386() {
	local directory=$1 package
	shift
	[ -s "$directory.versions" ] && return
	if ! dpkg --print-foreign-architectures | grep -qx i386; then
		[ "$(id -u)" = 0 ] || die "run 'dpkg --add-architecture i386 && apt-get update' as root first"
		dpkg --add-architecture i386
	fi
	rm -rf "$directory" "$directory.debs"
	mkdir -p "$directory" "$directory.debs"
	# A mirror in the middle of a sync fails the update of one suite and still serves the others.
	(cd "$directory.debs" && { apt-get download -qq "${@/%/:i386}" 2>/dev/null || { apt-get update -qq || true; apt-get download -qq "${@/%/:i386}"; }; }) ||
		die "cannot download ${*/%/:i386}"
	for package in "$directory.debs"/*.deb; do
		dpkg -x "$package" "$directory"
		dpkg-deb -W --showformat '${Package} ${Version}\n' "$package"
	done >"$directory.versions.new"
	mv "$directory.versions.new" "$directory.versions"
}

# A deterministic newc archive of DIRECTORY: sorted, mtime 0, owned by root.
archive() { # directory output
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . -mindepth 1 | sed 's|^\./||' | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) >"$2.new"
	mv "$2.new" "$2"
}

# Sources that programs write: each src/gen/NAME_gen.c runs as `NAME_gen .build/NAME_tables.h`.
generate() {
	local source name
	for source in src/gen/*_gen.c; do
		[ -e "$source" ] || continue
		name=$(basename "$source" _gen.c)
		clang -std=gnu17 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE= -Isrc -I"$sysroot/kernel" "$source" -o "$work/${name}_gen"
		"$work/${name}_gen" "$work/${name}_tables.h.new" || die "$source failed"
		mv "$work/${name}_tables.h.new" "$work/${name}_tables.h"
	done
}

prepare() {
	need "${tools[@]}"
	mkdir -p "$work"
	fetch_i386 "$sysroot" "${foreign[@]}"
	# Kernel headers apart from glibc's neighbours, under the names programs include them by.
	mkdir -p "$sysroot/kernel"
	ln -sfn ../usr/include/linux "$sysroot/kernel/linux"
	ln -sfn ../usr/include/asm-generic "$sysroot/kernel/asm-generic"
	ln -sfn ../usr/include/i386-linux-gnu/asm "$sysroot/kernel/asm"
	generate
}

warnings=(-Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter -Wno-gnu)
common=(-std=gnu17 -D_GNU_SOURCE= -D_FILE_OFFSET_BITS=64 -Isrc -I"$work" "${warnings[@]}")

# Sources of our libc without the compiler's knowledge of it: a function that it knows to be strcpy would become a call of itself.
compile_all() { # sources output-directory flags…: every one of the array named, as many at once as there are processors
	local -n list=$1
	local out=$2
	shift 2
	mkdir -p "$out"
	rm -f "$out"/*.o
	printf '%s\0' "${list[@]}" | xargs -0 -P "$(nproc)" -I{} sh -c 'source=$1 out=$2; shift 2; case $source in libc/*) set -- "$@" -fno-builtin ;; esac; clang "$@" -c "$source" -o "$out/$(basename "$source" .c).o"' sh {} "$out" "$@"
}

build_program() { # output object-directory sources…
	local output=$1 objects=$2 musl=$sysroot/usr clang_dir target=(--target=i686-linux-musl -march=i686 -mno-sse -mstack-alignment=4) sources
	shift 2
	sources=("$@")
	clang_dir=$(clang --print-resource-dir)
	compile_all sources "$objects" "${target[@]}" -nostdinc -isystem "$clang_dir/include" -isystem "$musl/include/i386-linux-musl" \
		-isystem "$sysroot/kernel" "${common[@]}" -Oz -flto -fno-pie -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables \
		-fno-ident -fomit-frame-pointer -D_FORTIFY_SOURCE=0
	ld.lld -m elf_i386 -static --gc-sections --icf=all -O2 -z noexecstack -z norelro -z noseparate-code --no-rosegment --build-id=none -s -T src/scratch.ld -o "$output" \
		"$musl/lib/i386-linux-musl/crt1.o" "$musl/lib/i386-linux-musl/crti.o" "$objects"/*.o \
		--start-group "$musl/lib/i386-linux-musl/libc.a" "$clang_dir/lib/linux/libclang_rt.builtins-i386.a" --end-group "$musl/lib/i386-linux-musl/crtn.o"
}

build_nest() {
	prepare
	build_program "$work/nest" "$work/i386" src/*.c libc/*.c
	rm -rf "$work/nest.root"
	install -D -m 0755 "$work/nest" "$work/nest.root/init"
	install -d "$work/nest.root/usr/local/bin"
	ln -s /run/nest/bin/nest "$work/nest.root/usr/local/bin/nest"
	ln -s /run/nest/bin/nest "$work/nest.root/usr/local/bin/docker"
	ln -s /run/nest/bin/nest "$work/nest.root/usr/local/bin/nest-oci"
	find "$work/nest.root" -type d -exec chmod 0755 {} +
	archive "$work/nest.root" dist/nest.cpio
	echo "guest: nest is $(stat -c %s "$work/nest") bytes"
}

build_base() {
	need cpio
	mkdir -p "$work"
	fetch_i386 "$work/busybox" busybox-static
	rm -rf "$work/base.root"
	bash base/make.sh "$work/busybox/bin/busybox" "$work/base.root"
	archive "$work/base.root" dist/base.cpio
	echo "guest: base.cpio is $(stat -c %s dist/base.cpio) bytes"
}

write_lock() { # built names…; keeps the lines of what was not built
	local nest_packages base_packages compiler
	case " $* " in *" nest "*) nest_packages=$(paste -sd, "$sysroot.versions" | sed 's/,/, /g') compiler=$(clang --version | head -1) ;;
	*) nest_packages=$(locked nest-packages) compiler=$(locked compiler) ;; esac
	case " $* " in *" base "*) base_packages=$(paste -sd, "$work/busybox.versions" | sed 's/,/, /g') ;; *) base_packages=$(locked base-packages) ;; esac
	cat >dist/guest.lock.new <<LOCK
nest-inputs ${inputs[nest]}
nest.cpio $(sha dist/nest.cpio)
nest-packages $nest_packages
compiler $compiler
base-inputs ${inputs[base]}
base.cpio $(sha dist/base.cpio)
base-packages $base_packages
LOCK
	mv dist/guest.lock.new dist/guest.lock
}

run_tests() {
	# The fuzzers' runtime is C++, and everything is tested in the guest's word size.
	need gcc-multilib lib32stdc++-12-dev
	prepare
	exec bash test/run.sh "$work" "${common[@]}"
}

program() { # output sources…
	local output sources=() source
	[ $# -ge 2 ] || die "--program takes an output and its sources"
	output=$(cd "$called_in" && realpath -m -- "$1")
	for source in "${@:2}"; do sources+=("$(cd "$called_in" && realpath -- "$source")"); done
	mkdir -p "$work"
	exec 9>"$work/lock"
	flock 9
	prepare
	build_program "$output" "$work/program" "${sources[@]}"
}

case "${1:-}" in
--program) shift; program "$@"; exit ;;
--check) check_one nest "$(nest_inputs)" && check_one base "$(base_inputs)"; exit ;;
--packages) fetch_i386 "$(realpath -m "$2")" "${@:3}"; exit ;;
--test) run_tests ;;
--force | "") ;;
*) echo "usage: guest/build.sh [--check|--force|--packages DIRECTORY PACKAGES|--program OUTPUT SOURCE…|--test]" >&2; exit 2 ;;
esac

mkdir -p dist "$work"
# Two builds at once would mix their objects.
exec 9>"$work/lock"
flock 9
built=()
# Hashed before the build: an edit during it must leave the lock stale.
declare -A inputs=([base]=$(base_inputs) [nest]=$(nest_inputs))
for part in base nest; do
	if [ "${1:-}" != --force ] && check_one "$part" "${inputs[$part]}" 2>/dev/null; then continue; fi
	"build_$part"
	built+=("$part")
done
[ ${#built[@]} -gt 0 ] || { echo "guest: up to date"; exit; }
write_lock "${built[@]}"
