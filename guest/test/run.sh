#!/usr/bin/env bash
# Native tests with ASan and UBSan: test/run.sh WORK FLAGS… (called by build.sh --test).
# Every test/*_test.c and test/runtime*.c with a main is a program over all of src but main.c; it prints "N passed, M failed".
# Every test/fuzz_*.c is a libFuzzer harness, run for NESTBOX_FUZZ_SECONDS (60) and counted as one test.
set -uo pipefail
work=$1/test
shift
seconds=${NESTBOX_FUZZ_SECONDS:-60}
passed=0 failed=0
mkdir -p "$work/objects"

# The same word size as in the guest, so that numbers of system calls and sizes are the guest's.
flags=("$@" -m32 -D_TIME_BITS=64 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined)
sources=()
for source in src/*.c; do
	[ "$source" = src/main.c ] || sources+=("$source")
done
rm -f "$work"/objects/*.o "$work/libnest.a"
printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -I{} sh -c 'source=$1 out=$2; shift 2; clang "$@" -c "$source" -o "$out/$(basename "$source" .c).o"' sh {} "$work/objects" "${flags[@]}" -fsanitize=fuzzer-no-link || { echo "guest: the sources do not compile natively"; exit 1; }
ar rcs "$work/libnest.a" "$work"/objects/*.o

count() { # name status output-file: adds the program's own figures, or one failure when it has none
	local line
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$3" | tail -1)
	if [ -z "$line" ] || { [ "$2" != 0 ] && [ "${line##*, }" = "0 failed" ]; }; then
		cat "$3"
		echo "not ok: $1 ended with status $2"
		failed=$((failed + 1))
	fi
	[ -n "$line" ] || return
	grep -vxF "$line" "$3"
	passed=$((passed + ${line%% *}))
	line=${line#*, }
	failed=$((failed + ${line%% *}))
}

for source in test/*_test.c test/runtime*.c; do
	[ -e "$source" ] && grep -q '\bmain(' "$source" || continue
	name=$(basename "$source" .c)
	if ! clang "${flags[@]}" -Itest "$source" "$work/libnest.a" -fsanitize=fuzzer-no-link -lutil -o "$work/$name" >"$work/$name.log" 2>&1; then
		cat "$work/$name.log"
		echo "not ok: $name does not build"
		failed=$((failed + 1))
		continue
	fi
	ASAN_OPTIONS=abort_on_error=0 timeout 120 "$work/$name" >"$work/$name.log" 2>&1
	count "$name" $? "$work/$name.log"
done

fuzz() { # source: builds it and looks for what breaks it; NAME.log and NAME.status say what came of it
	local source=$1 name seeds=()
	name=$(basename "$source" .c)
	mkdir -p "$work/corpus/$name"
	[ -d "test/corpus/$name" ] && seeds=("test/corpus/$name")
	clang "${flags[@]}" -fsanitize=fuzzer -Itest "$source" "$work/libnest.a" -lutil -o "$work/$name" >"$work/$name.log" 2>&1 &&
		"$work/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$work/$name-" \
			"$work/corpus/$name" "${seeds[@]}" >"$work/$name.log" 2>&1
	echo $? >"$work/$name.status"
}

# One on each processor.
for source in test/fuzz_*.c; do
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	fuzz "$source" &
done
wait
for source in test/fuzz_*.c; do
	name=$(basename "$source" .c)
	if [ "$(cat "$work/$name.status")" = 0 ]; then
		echo "ok: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs"
		passed=$((passed + 1))
	else
		tail -40 "$work/$name.log"
		echo "not ok: $name"
		failed=$((failed + 1))
	fi
done

echo "guest: $passed passed, $failed failed"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
