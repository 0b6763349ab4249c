#!/usr/bin/env bash
# Lays out the userland of the guest host: base/make.sh BUSYBOX DIRECTORY. One flat /usr/bin, everything else links to it.
set -euo pipefail
busybox=$1 root=$2
here=$(dirname "$0")

install -d -m 0755 "$root"/{etc,home,mnt,opt,run,sys,proc,dev,usr/{bin,lib,share,local/bin},var/{lib,log}}
install -d -m 0700 "$root/root"
install -d -m 1777 "$root"/{tmp,var/tmp}
install -m 0755 "$busybox" "$root/usr/bin/busybox"
for link in bin sbin; do ln -s usr/bin "$root/$link"; done
ln -s usr/lib "$root/lib"
ln -s bin "$root/usr/sbin"
ln -s ../run "$root/var/run"
ln -s /proc/self/mounts "$root/etc/mtab"

# A name that this busybox lacks would be a dangling promise.
for applet in $(cat "$here/applets"); do
	grep -qaF "$applet" "$busybox" || { echo "base: this busybox has no $applet" >&2; exit 1; }
	ln -s busybox "$root/usr/bin/$applet"
done

cp -r --no-preserve=all "$here/files/." "$root/"
find "$root/etc" -type f -exec chmod 0644 {} +
chmod 0600 "$root/etc/shadow"
