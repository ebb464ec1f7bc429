#!/bin/sh
# The simulator itself: does a failure show, is it seen again by the line it prints, and is its trace one that others read?
# usage: self_test.sh SIM      prints a line a test; exit: 0 all passed, 1 not
set -u
sim=$(readlink -f "$1") rc=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ok() { echo "[       OK ] $1"; }
bad() { # bad NAME: with what was said
	rc=1
	echo "[  FAILED  ] $1"
	sed 's/^/  /' "$dir/out"
}
lossy="seed=7 0.sessions=3 0.resp=30000 b.loss=50000 a.dup=50000 a.corrupt=20000"

# fails NAME SABOTAGE WHAT: a run that is spoilt fails with that, and so it does by the line it printed
fails() {
	echo "spoilt: $lossy sabotage=$2" >"$dir/file"
	if ! "$sim" --file "$dir/file" >"$dir/out" && grep -q "^\[  FAILED  \] spoilt: .*$3" "$dir/out"; then
		line=$(sed -n 's/^\[  FAILED  \].*; see it: //p' "$dir/out")
		args=$(printf '%s' "$line" | sed 's/^[^ ]* //')
		if (cd "$dir" && eval "\"$sim\" $args") >>"$dir/out" 2>&1; then
			bad "$1"
		elif [ -s "$dir/sim.pcapng" ] && tshark -r "$dir/sim.pcapng" >/dev/null 2>"$dir/err"; then
			ok "$1"
		else
			bad "$1"
		fi
	else
		bad "$1"
	fi
}
fails a_spoilt_byte_fails_and_is_seen_again 1 "bytes that are not those"
fails a_trap_fails_its_seed_and_is_seen_again 2 "Illegal instruction"

name=trace_is_read_by_tshark_and_says_what_the_link_did
"$sim" --scenario "$lossy" --pcapng "$dir/t" -v >"$dir/out" 2>&1 || bad $name
taken=$(sed -n 's/^way out of .: taken \([0-9]*\).*/\1/p' "$dir/out" | paste -sd+)
arrived=$(sed -n 's/^way out of .:.*arrived \([0-9]*\).*/\1/p' "$dir/out" | paste -sd+)
lost=$(sed -n 's/^way out of b:.* lost \([0-9]*\).*/\1/p' "$dir/out")
tshark -r "$dir/t" -T fields -e frame.interface_name -e frame.comment -e _ws.malformed >"$dir/fields" 2>"$dir/err"
grep -v 'Running as user' "$dir/err" >>"$dir/out"
if [ "$(wc -l <"$dir/fields")" = "$(($taken + $arrived))" ] && [ "$(grep -c "^b.lost" "$dir/fields")" = "$lost" ] &&
	[ "$lost" -gt 0 ] && ! grep -v 'Running as user' "$dir/err" && ! grep -qi malformed "$dir/fields"; then
	ok $name
else
	bad $name
fi

name=same_seed_gives_the_same_trace_twice
"$sim" --scenario "$lossy" --pcapng "$dir/u" >"$dir/out" 2>&1
if cmp "$dir/t" "$dir/u" >>"$dir/out"; then ok $name; else bad $name; fi
exit $rc
