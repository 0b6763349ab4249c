# Sourced by build.sh: the `debian` image, minbase of Debian 13 with working apt and dpkg, without documentation.
root=$work/debian
# Whatever mirror this machine's apt uses for Debian serves this suite too; it is never written down. The suite alone,
# without its updates and security suites: it changes only with a point release, so the same bytes can be built again.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -1)
[ -n "$mirror" ] || { echo "images: apt knows no Debian mirror; run apt-get update on a Debian machine first" >&2; exit 1; }

aptopts=()
while IFS= read -r line; do aptopts+=(--aptopt="$line"); done \
	< <(apt-config dump | grep -E '^Acquire::(https?::|Check-(Valid-Until|Date) )' || true)

# The excludes stay in the image's dpkg configuration, so that packages installed later are as small.
rm -rf "$root"
mmdebstrap --quiet --variant=minbase --architectures=i386 --format=directory \
	--keyring=/usr/share/keyrings/debian-archive-keyring.gpg "${aptopts[@]}" \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/info/*' \
	--dpkgopt='path-exclude=/usr/share/groff/*' \
	--dpkgopt='path-exclude=/usr/share/lintian/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-include=/usr/share/locale/locale.alias' \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-include=/usr/share/doc/*/copyright' \
	"$suite" "$root" "deb $mirror $suite main"

dpkg-query --admindir="$root/var/lib/dpkg" -W -f 'debian ${Package} ${Version}\n' | sort >>"$work/packages"
version=$(cat "$root/etc/debian_version")

# What belongs to the build and not to the image; the mirror and this machine's names among it.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap
mv "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/nestbox-without-documentation"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig/* \
	"$root"/var/lib/dpkg/*-old "$root"/var/log/* "$root"/tmp/* "$root"/run/* "$root"/dev/* "$root"/etc/machine-id \
	"$root"/var/lib/dbus/machine-id "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/etc/.pwd.lock
mkdir -p "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial "$root"/var/log/apt "$root"/run/lock
chown 42:0 "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial
chmod 700 "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial
chmod 1777 "$root"/run/lock

cat >"$root/etc/apt/sources.list" <<FILE
# No mirror is set. Add the one you want to use, for example:
#   deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://MIRROR/debian $suite main
# then run: apt-get update
FILE
# Small and quiet: no translations, lists kept compressed, no archive kept after an installation.
cat >"$root/etc/apt/apt.conf.d/90nestbox" <<'FILE'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Keep-Downloaded-Packages "false";
FILE

pack "$root"
node layout.mjs "$fresh/debian" "$root.tar" '{
	"tags": ["13", "'"$suite"'", "latest"],
	"createdBy": "images/recipes/debian.sh: minbase of Debian '"$version"'",
	"config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["bash"]}
}'
