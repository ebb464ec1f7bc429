# shellcheck shell=sh disable=SC2034
# What the scripts have in common; they read it in. Functions that have variables of their own are in parentheses: a
# variable of a function in braces is everybody's.

top=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
bin=$top/build
[ -d "$bin" ] || [ ! -d "$top/bin" ] || bin=$top/bin # where they are installed
bin=${WARP17_BIN:-$bin}

# Where the EAL keeps its run-time directories: as rundir_path() of common/abi/attach.c has it.
if [ -n "${RUNTIME_DIRECTORY:-}" ]; then
	rundirs=$RUNTIME_DIRECTORY/dpdk
elif [ "$(id -u)" = 0 ]; then
	rundirs=/var/run/dpdk
else
	rundirs=${XDG_RUNTIME_DIR:-/tmp}/dpdk
fi

# proc_stat PID: "STATE PPID ... START ...", the fields behind the name, which may hold anything.
proc_stat() (
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null && echo "${stat##*) }"
)

# proc_start PID: when it started, which tells it from a later process of the same number. Fails when it is gone; a
# zombie is gone, for there may be nobody to reap it.
proc_start() (
	# shellcheck disable=SC2046
	set -- $(proc_stat "$1")
	case ${1:-Z} in Z | X) return 1 ;; esac
	echo "${20}"
)

# "PID NAME" of our programs that run, by the file they execute: the name in comm is cut at 15 characters, is lost where
# a client re-executes itself, and launcher and engine share it.
programs() {
	QUOTING_STYLE=shell-escape-always stat -c %N /proc/[0-9]*/exe 2>/dev/null |
		sed -nE "s#^'/proc/([0-9]+)/exe' -> '.*/(warp17(-cli|-stats-exporter)?)( \(deleted\))?'\$#\1 \2#p"
}

# engine_of PREFIX: pid of its engine. That maps the prefix's configuration; no other program of any name or number does.
engine_of() (
	real=$(readlink -f "$rundirs")
	for p in $(programs | sed -n 's/ warp17$//p'); do
		grep -qsF "$real/$1/config" "/proc/$p/maps" && echo "$p" && return 0
	done
	return 1
)

# rpcs_of PREFIX: pids of its RPC servers
rpcs_of() (
	real=$(readlink -f "$rundirs")
	for p in $(programs | sed -n 's/ warp17-cli$//p'); do
		grep -qsF "$real/$1/" "/proc/$p/maps" || continue
		! tr '\0' '\n' 2>/dev/null <"/proc/$p/cmdline" | grep -qx -e '--rpc' -e '--rpc=.*' || echo "$p"
	done
)

# mappers PREFIX: pids of all that map its files, clients and engine
mappers() {
	grep -lsF "$(readlink -f "$rundirs")/$1/" /proc/[0-9]*/maps | cut -d/ -f3 | tr '\n' ' '
}

# hugepage_files [PREFIX]: its files in hugetlbfs, or everybody's; the EAL names them so. Those of other users are not
# for us to judge.
hugepage_files() (
	awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts | while read -r mount; do
		for f in "$mount"/*map_*; do
			name=${f##*/}
			[ -w "$f" ] && [ "${name%map_*}" = "${1:-${name%map_*}}" ] && echo "$f"
		done
	done
)

# leftovers PREFIX: all that an engine has outside of its memory
leftovers() {
	[ ! -d "$rundirs/$1" ] || echo "$rundirs/$1"
	[ ! -e "$rundirs/.$1.lock" ] || echo "$rundirs/.$1.lock"
	hugepage_files "$1"
}

# leftovers_held PREFIX LOOKS: does a process have its memory, at each of so many looks 50 ms apart? The EAL keeps these
# files locked; that is seen even from where the process is not, in another container. One look alone may meet an EAL that
# starts, which tries the locks of all.
leftovers_held() (
	looks=$2
	while leftovers_locked "$1"; do
		looks=$((looks - 1))
		[ $looks -gt 0 ] || return 0
		sleep 0.05
	done
	return 1
)

leftovers_locked() (
	for f in "$rundirs/$1"/fbarray_* $(hugepage_files "$1"); do
		[ ! -e "$f" ] || flock -n "$f" true || return 0
	done
	return 1
)

json_text() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }

# A child that a signal to us ends at once: a shell that waits for a command in the foreground looks up only when that is
# over. It has a session of its own, so that Ctrl-C comes to it through us, once, and in which Ctrl-C works.
child='' last='' # last: $! as far as it stands in a variable; a signal may come between & and that
run() {
	setsid env --default-signal=INT,QUIT "$@" &
	child=$! last=$!
	rc=0
	wait "$child" || rc=$?
	child=
	return $rc
}

# For the trap of INT, TERM and HUP.
interrupted() {
	trap '' INT TERM HUP
	[ "${!:-}" = "$last" ] || child=$!
	[ -z "$child" ] || child_end
	exit 130
}

child_end() { # again and again, for a signal is lost on a child that has not come to its own program yet
	while proc_start "$child" >/dev/null; do
		kill -TERM "$child" 2>/dev/null || true
		sleep 0.1
	done
	wait "$child" || true
}

# build TARGET... of make. One at a time in a tree.
build() {
	exec 9<"$top/Makefile"
	flock 9
	# options of a make around us (MODE=asan, -j) are not meant for this
	run env -u MAKEFLAGS -u MFLAGS make -s -C "$top" -j"$(nproc)" "$@" || return 1
	exec 9<&-
}
