#!/bin/sh
# compile_commands.json from what make would run, for editors.
make -Bn V=1 all 2>/dev/null | sed -n 's/.* -c -o [^ ]* \([^ ]*\.c\)$/\1\t&/p' | sort -u |
	/usr/bin/python3 -c 'import json, os, sys
rows = [line.rstrip("\n").split("\t", 1) for line in sys.stdin]
print(json.dumps([{"directory": os.getcwd(), "file": f, "command": c.strip()} for f, c in rows], indent=1))'
