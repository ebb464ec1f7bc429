#!/bin/sh
# The clause table of TCP: every label of RFC 9293 once, every test that is named exists and is run, every status is known and has
# its test or its reason. Prints the counts by status.
# usage: check-conformance.sh [DOC]   from the top of the tree
# exit: 0 all is well, 1 it is not: one line each on stderr
set -eu
doc=${1:-doc/tcp-conformance.md}
[ -r "$doc" ] || { echo "$doc: cannot be read" >&2 && exit 1; }
tests=$(mktemp)
trap 'rm -f "$tests"' EXIT

# awk: what the table itself says; the tests that it names go to a file
awk -F'|' -v doc="$doc" -v tests="$tests" '
function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function bad(s) { print doc ":" NR ": " s >"/dev/stderr"; n_bad++ }
function labels(kind, last, i) {
	for (i = 1; i <= last; i++)
		if (!((kind "-" i) in label)) { print doc ": RFC 9293 " kind "-" i " is missing" >"/dev/stderr"; n_bad++ }
}
/^## / { rfc = trim(substr($0, 4)) }
!/^\|/ || /^\| *(Clause|---)/ { next }
NF != 8 { bad("a row of " NF - 2 " cells, not 6"); next }
{
	clause = trim($2); status = trim($5); named = trim($6); note = trim($7)
	if ((rfc, clause) in seen) bad(rfc " " clause " is there twice")
	seen[rfc, clause] = 1
	rows[rfc]++
	if (rfc == "RFC 9293") label[clause] = 1
	if (trim($3) !~ /^(MUST|SHOULD|MAY|RECOMMENDED)$/) bad(clause ": level \"" trim($3) "\" is unknown")
	if (status !~ /^(done|not done|not applicable)$/) { bad(clause ": status \"" status "\" is unknown"); next }
	count[status]++
	if (status == "done" && named == "") bad(clause " is done, but no test is named")
	if (status != "done" && named != "") bad(clause " is " status ", but a test is named")
	if (status != "done" && note == "") bad(clause " is " status ", and no reason is given")
	n = split(named, t, /, */)
	for (i = 1; i <= n; i++) print NR, t[i], clause >tests
	n_notes = split(note, t, /[ ;,]+/) # a note may name one too
	for (i = 1; i <= n_notes; i++) if (t[i] ~ /::/) print NR, t[i], clause >tests
}
END {
	labels("MUST", 69)
	labels("SHLD", 31)
	n = split("9293 5681 6298 7323 2018 6582 6675 9438 3168", r, " ")
	for (i = 1; i <= n; i++)
		if (!rows["RFC " r[i]]) { print doc ": no clause of RFC " r[i] >"/dev/stderr"; n_bad++ }
	printf "%d clauses done, %d not done, %d not applicable\n", count["done"], count["not done"], count["not applicable"]
	exit n_bad != 0
}' "$doc" && rc=0 || rc=1

exists() { # exists FILE NAME: as a test that is run
	case $1 in
	*.c) grep -q "cmocka_unit_test[a-z_]*($2[,)]" "$1" ;;
	*.py) case $2 in test_*) grep -q "^def $2(" "$1" ;; *) false ;; esac ;;
	test/sim) grep -rqw "$2" "$1" ;;
	*) false ;;
	esac 2>/dev/null
}
while read -r line test clause; do
	file=${test%%::*} name=${test#*::}
	case $test in
	test/*::*[!A-Za-z0-9_]* | *:: | "$name") ok=1 ;; # what is no name at all
	*) exists "$file" "$name" && ok=0 || ok=1 ;;
	esac
	[ $ok = 0 ] || { echo "$doc:$line: $clause: there is no test $test" >&2 && rc=1; }
done <"$tests"
exit $rc
