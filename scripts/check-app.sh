#!/bin/sh
# The files that doc/contributing.md names for an application are exactly those that mention its example, ECHO.
# usage: check-app.sh    from the top of the tree
set -u
named=$(sed -n 's/^| `\([^`]*\)` |.*/\1/p' doc/contributing.md | sort)
mention=$(grep -rlwE --include='*.[ch]' --include='*.def' --include='*.py' --include='common.json' \
	'ECHO|app_kind_ECHO|echo_(config|view|page)|(client|server) echo' common engine cli stats-exporter test | sort)
[ "$named" = "$mention" ] && exit 0
echo "doc/contributing.md names:" && echo "$named"
echo "ECHO is mentioned in:" && echo "$mention"
exit 1
