#!/bin/sh
# Header prediction is invisible: with it and without it the same seeds give the same packets at the same times, and the same counters.
# usage: predict.sh SIM SIM_STEPS SEEDS FROM     prints a line a test; exit: 0 all passed, 1 not
# SIM_STEPS is SIM with PREDICT=0 (engine/l4_tcp/tcp_next.c): every segment goes through all the steps of RFC 9293.
set -u
sim=$1 steps=$2 seeds=$3 from=$4 rc=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# same NAME ARGS...: both programs, and their digests, a line a run
same() {
	name=$1
	shift
	for prog in "$sim" "$steps"; do
		"$prog" --digests "$@" >"$dir/out" || { tail -n 3 "$dir/out" && echo "[  FAILED  ] $name: $prog" && rc=1 && return; }
		sed -n 's/^digest //p' "$dir/out" | sort >"$dir/$(basename "$prog")"
	done
	n=$(wc -l <"$dir/sim")
	if [ "$n" -gt 0 ] && cmp -s "$dir/sim" "$dir/sim_steps"; then
		echo "[       OK ] $name: $n runs"
	else
		diff "$dir/sim" "$dir/sim_steps" | head -n 20
		echo "[  FAILED  ] $name: of $n runs those above differ; see one: $sim --seed N --pcapng a; $steps --seed N --pcapng b"
		rc=1
	fi
}
same prediction_is_invisible --seeds "$seeds" --from "$from"
same prediction_is_invisible_in_regressions --file "$(dirname "$0")/regressions.txt"

# and were a difference seen? A byte more in one counter or packet is
"$sim" --digests --seeds 1 --from "$from" | grep '^digest' >"$dir/a"
"$sim" --digests --seeds 1 --from $((from + 1)) | grep '^digest' | sed "s/ $((from + 1)) / $from /" >"$dir/b"
if [ -s "$dir/a" ] && [ -s "$dir/b" ] && ! cmp -s "$dir/a" "$dir/b"; then
	echo "[       OK ] digests_differ"
else
	echo "[  FAILED  ] digests_differ" && rc=1
fi
exit $rc
