#!/bin/sh
# Cases for the runtime inside the machine: `sh runtime_vm.sh` as root on the guest host, with the image "busybox" to be had.
# Leaves nothing behind. Ends with "N passed, M failed"; the exit status says the same.
passed=0 failed=0

# is NAME STATUS TEXT COMMAND…: the exit status, and TEXT in what it says ("": nothing at all).
is() {
	name=$1 status=$2 text=$3
	shift 3
	said=$("$@" </dev/null 2>&1)
	got=$?
	ok=1
	[ "$got" = "$status" ] || ok=0
	if [ -z "$text" ]; then
		[ -z "$said" ] || ok=0
	else
		case $said in *"$text"*) ;; *) ok=0 ;; esac
	fi
	if [ $ok = 1 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok: $name: status $got (wanted $status), wanted \"$text\", got: $said"
	fi
}
# The same for a line of shell on the guest host, and for one as root of a fresh container.
host() { n=$1 s=$2 t=$3; shift 3; is "$n" "$s" "$t" sh -c "$*"; }
in_box() { n=$1 s=$2 t=$3; shift 3; is "$n" "$s" "$t" nest run --rm busybox sh -c "$*"; }
in_nest() { n=$1 s=$2 t=$3; shift 3; is "$n" "$s" "$t" nest run --rm --nest -e PATH=/usr/local/bin:/bin:/usr/bin busybox sh -c "$*"; }
count() { wc -l </proc/mounts; ls /sys/fs/cgroup/nest | grep -c '^[0-9a-f]\{64\}$'; ls /run/nest/c; }

nest pull -q busybox >/dev/null || exit 1
nest run --rm busybox true
deep="echo bottom" i=0
while [ $i -lt 5 ]; do
	deep="nest run --rm --nest -e PATH=/usr/local/bin:/bin:/usr/bin busybox $deep"
	i=$((i + 1))
done
# Mounts each layer for each level once, which is no leak.
$deep >/dev/null
before=$(count)

# --- running
in_box "output" 0 hello echo hello
in_box "exit code" 7 "" exit 7
is "signal" 143 Terminated nest run --rm busybox sh -c 'sh -c "kill -TERM \$\$"; exit $?'
is "not found" 127 'exec: "nosuch": executable file not found in $PATH' nest run --rm busybox nosuch
is "not executable" 126 'exec: "/etc": is a directory' nest run --rm busybox /etc
is "unknown image" 125 "Unable to find image 'no-such-image:latest' locally" nest run --rm no-such-image
is "unknown flag" 125 "unknown flag: --foo" nest run --foo busybox
is "unknown command" 1 "nest: unknown command: nest frob" nest frob
is "too few arguments" 1 "'nest run' requires at least 1 argument" nest run
is "unknown network" 125 "network web not found" nest run --rm --network web busybox
is "the level's network" 125 "--network host" nest run --rm --network host busybox
host "stdin" 0 12 "printf 'hello world!' | nest run -i --rm busybox wc -c"
host "much output" 0 3000000 "nest run --rm busybox sh -c 'head -c 3000000 /dev/zero' | wc -c"
host "stderr apart" 0 "" "nest run --rm busybox sh -c 'echo x >&2' 2>/dev/null"
is "hostname" 0 box nest run --rm -h box busybox hostname
is "environment" 0 "v w" nest run --rm -e "A=v w" busybox sh -c 'echo $A'
is "working directory" 0 /new/dir nest run --rm -w /new/dir busybox pwd
is "user by number" 0 "uid=5 gid=6" nest run --rm -u 5:6 busybox id
is "unknown user" 125 "unable to find user nobody-here" nest run --rm -u nobody-here busybox id
is "bad user" 125 "unable to find user -1" nest run --rm -u -1 busybox id
is "read-only" 1 "Read-only" nest run --rm --read-only busybox touch /x
in_box "loopback" 0 127.0.0.1 "ip addr show lo | grep 'inet '"
in_box "network" 0 "default via 172." "ip route"
is "no network" 0 1 nest run --rm --network none busybox sh -c 'ip -o link | wc -l'

# --- limits
is "memory limit shown" 0 16777216 nest run --rm -m 16m busybox cat /sys/fs/cgroup/memory.max
is "memory limit kept" 137 "" nest run --rm -m 16m busybox sh -c 'exec head -c 60000000 /dev/zero >/dev/shm/x'
is "cpu limit" 0 "50000 100000" nest run --rm --cpus 0.5 busybox cat /sys/fs/cgroup/cpu.max
is "pids limit" 2 "can't fork" nest run --rm --pids-limit 8 busybox sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait; echo done'
in_box "limits not writable" 1 "Read-only" "echo max >/sys/fs/cgroup/memory.max"

# --- isolation
in_box "only own processes" 0 n=1 'set -- /proc/[0-9]*; echo n=$#'
in_box "capabilities" 0 00000000a80425fb "grep CapBnd /proc/self/status"
in_box "nothing inheritable" 0 0000000000000000 "grep CapInh /proc/self/status"
in_box "filter" 0 "Seccomp:	2" "grep Seccomp: /proc/self/status"
is "no new privileges" 0 "NoNewPrivs:	1" nest run --rm --security-opt no-new-privileges busybox grep NoNew /proc/self/status
in_box "root is mapped" 0 "65536      65536" cat /proc/self/uid_map
in_box "no mounts" 1 "permission denied" mount -t tmpfs x /tmp
in_box "no namespaces" 1 "Operation not permitted" unshare -U true
in_box "no device nodes" 1 "Operation not permitted" mknod /tmp/k c 1 1
in_box "no kernel log" 1 "Operation not permitted" dmesg
in_box "no sysctls" 1 "" "{ echo x >/proc/sys/kernel/core_pattern; } 2>/dev/null"
in_box "no way up" 0 "" "cd /; i=0; while [ \$i -lt 50 ]; do cd ..; i=\$((i+1)); done; ls -d run/nest 2>/dev/null; true"
is "cwd not outside" 126 "Not a directory" nest run --rm -w /proc/self/fd/3 busybox pwd
is "volume not on /proc" 125 "nothing can be mounted on or below /proc" nest run --rm -v /tmp:/proc/self busybox true

# --- life of a container
is "detached" 0 1 sh -c 'nest run -d --name vmtest busybox sh -c "echo one; echo two; exec sleep 1000" | grep -c "^[0-9a-f]\{64\}$"'
is "listed" 0 vmtest nest ps
is "name taken" 125 'The container name "/vmtest" is already in use' nest run --name vmtest busybox
is "logs" 0 "one
two" nest logs vmtest
is "logs tail" 0 two nest logs --tail 1 vmtest
is "exec" 3 "" nest exec vmtest sh -c 'exit 3'
is "three descriptors" 0 n=3 nest exec vmtest sh -c 'set -- /proc/1/fd/*; echo n=$#'
is "exec sees the container" 0 "sleep 1000" nest exec vmtest ps
is "exec user and directory" 0 "/tmp 9" nest exec -u 9 -w /tmp vmtest sh -c 'echo $PWD $(id -u)'
is "exec not found" 127 "OCI runtime exec failed" nest exec vmtest nosuch
host "exec stdin" 0 abc "echo abc | nest exec -i vmtest cat"
is "exec has the container's capabilities" 0 00000000a80425fb nest exec vmtest grep CapBnd /proc/self/status
is "running is not removed" 1 "container is running: stop the container before removing or force remove" nest rm vmtest
is "inspect" 0 "running /vmtest" nest inspect -f '{{.State.Status}} {{.Name}}' vmtest
is "stop" 0 vmtest nest stop -t 0 vmtest
is "stopped" 0 "Exited (137)" nest ps -a
is "start" 0 vmtest nest start vmtest
is "kill" 0 vmtest nest kill vmtest
is "removed" 0 vmtest nest rm vmtest
is "gone" 1 "No such container: vmtest" nest logs vmtest
is "create and start" 0 made sh -c 'nest create --name vmtest busybox echo made >/dev/null; nest start -a vmtest; nest rm vmtest >/dev/null'
host "volume" 0 "0 kept" 'nest run --rm -v vmtest:/v busybox sh -c "echo kept >/v/f"; nest run --rm -v vmtest:/v:ro busybox sh -c "echo \$(stat -c %u /v/f) \$(cat /v/f); touch /v/x 2>/dev/null"; rm -rf /run/nest/volumes/vmtest'

# --- the engine is killed
host "containers outlive the engine" 0 "still here" 'nest run -d --name vmtest busybox sleep 1000 >/dev/null; kill -9 $(pidof nest-engine); sleep 0.1; nest exec vmtest echo still here; nest rm -f vmtest >/dev/null'

# --- nesting
in_nest "nested" 0 inner nest run --rm busybox echo inner
in_nest "nested ids" 0 "0      65536      65536" nest run --rm busybox cat /proc/self/uid_map
in_nest "nested sees itself only" 0 n=1 'nest run --rm busybox sh -c "set -- /proc/[0-9]*; echo n=\$#"'
in_nest "nested limit" 0 8388608 nest run --rm -m 8m busybox cat /sys/fs/cgroup/memory.max
in_nest "runtime is read-only" 1 "" "{ echo x >/run/nest/bin/nest; } 2>/dev/null"
in_nest "images are not its own" 1 "images belong to the outermost level" nest rmi busybox
in_nest "no 9p" 1 "permission denied" mount -t 9p host9p /tmp
is "plain cannot nest" 127 "not found" nest run --rm busybox nest ps
is "five deep" 0 bottom $deep

after=$(count)
if [ "$before" = "$after" ]; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "not ok: left behind: mounts, cgroups and containers were $before and are $after"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
