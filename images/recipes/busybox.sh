# Sourced by build.sh: the `busybox` image, Debian's static busybox and little else.
root=$work/busybox
rm -rf "$root" "$work/busybox.deb.d"
mkdir -p "$work/busybox.deb.d" "$root"/{bin,etc,home,lib,proc,root,sys,tmp,usr/bin,usr/sbin,var/spool/mail,var/www,dev,run}
# apt drops to the user _apt for downloads, which cannot write a directory of root's; harmless, so not heard.
(cd "$work/busybox.deb.d" && apt-get download -qq -o APT::Sandbox::User=root busybox-static:i386)
dpkg-deb --extract "$work"/busybox.deb.d/*.deb "$work/busybox.deb.d/tree"
install -m 755 "$(find "$work/busybox.deb.d/tree" -type f -path '*bin/busybox')" "$root/bin/busybox"
install -D -m 644 "$work/busybox.deb.d/tree/usr/share/doc/busybox-static/copyright" \
	"$root/usr/share/doc/busybox-static/copyright"
for applet in $("$root/bin/busybox" --list); do
	[ "$applet" = busybox ] || ln "$root/bin/busybox" "$root/bin/$applet"
done
ln -s ../../bin/env "$root/usr/bin/env"
chmod 1777 "$root/tmp"
chmod 700 "$root/root"

cat >"$root/etc/passwd" <<'FILE'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
FILE
cat >"$root/etc/group" <<'FILE'
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
www-data:x:33:
operator:x:37:
users:x:100:
nogroup:x:65534:
FILE
sed 's/:.*/:*:::::::/' "$root/etc/passwd" >"$root/etc/shadow"
chmod 640 "$root/etc/shadow"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chown -R 0:0 "$root"
chown 8:8 "$root/var/spool/mail"
chown 33:33 "$root/var/www"

version=$(dpkg-deb --field "$work"/busybox.deb.d/*.deb Version)
echo "busybox busybox-static $version" >>"$work/packages"
upstream=${version#*:}
tag=$(cut -d. -f1-2 <<<"${upstream%%-*}")
pack "$root"
node layout.mjs "$fresh/busybox" "$root.tar" '{
	"tags": ["latest", "'"$tag"'"],
	"createdBy": "images/recipes/busybox.sh: busybox-static '"$version"'",
	"config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]}
}'
