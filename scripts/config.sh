# shellcheck shell=sh disable=SC2034,SC2154
# The launcher's: what warp17.conf says. It is read, not run as a shell would; the engine and the exporter judge what is
# theirs, so that their limits stand there alone. Arguments are kept quoted, for eval.
config=${WARP17_CONFIG:-$top/config/warp17.conf} config_asked=${WARP17_CONFIG:-}
config_eal='' config_engine='' config_exporter='' config_listen='' config_prefix=''
config_keys=' PREFIX LCORES EAL_ARGS RING_IF_PAIRS TAP_IFS TAP_NETNS DEVICES VDEVS QMAP QMAP_DEFAULT TCB_POOL_SZ '
config_keys="$config_keys UCB_POOL_SZ MBUF_POOL_SZ MBUF_SZ MPOOL_ANY_SOCK SW_CHECKSUM CMD_FILE SYSLOG EXPORTER_LISTEN EXPORTER_TOKEN_FILE "
config_keys="$config_keys EXPORTER_TLS_CERT EXPORTER_TLS_KEY "
cr=$(printf '\r')

quoted() { for w in "$@"; do printf "'%s' " "$(printf %s "$w" | sed "s/'/'\\\\''/g")"; done; }

# config_given ARGUMENT...: what the command line says, the file shall not. All ports are one thing, and so are the lcores
# and ports that a map is about.
config_given() {
	given=' '
	for a in "$@"; do
		case $a in
		-[lcaw]*) a=$(printf %.2s "$a") ;; # -l0-1
		esac
		given="$given${a%%=*} "
		case ${a%%=*} in
		-l | -c | --lcores) given="$given--lcores --qmap --qmap-default " ;;
		-a | -w | --allow | --vdev | --ring-if-pairs | --tap-ifs | --kni-ifs)
			given="$given--ring-if-pairs --tap-ifs --tap-netns -a --vdev --qmap --qmap-default "
			;;
		--qmap | --qmap-default) given="$given--qmap --qmap-default " ;;
		esac
	done
}

is_given() { case $given in *" $1 "*) ;; *) return 1 ;; esac; }

config_bad() { fail 2 "$config:$line_number: $key: '$value' given, expected $1"; }

# The engine's opinion of arguments; it starts nothing.
config_judge() {
	[ -n "$judge" ] || return 0
	why=$("$judge" "$@" --print-memory 2>&1 >/dev/null) || fail 2 "$config:$line_number: $key: ${why#warp17: error: }"
}

# An option of the engine, by the key's name.
config_option() {
	option=--$(echo "$key" | tr 'A-Z_' 'a-z-')
	case $key:$value in
	MPOOL_ANY_SOCK:no | SW_CHECKSUM:no) return 0 ;;
	MPOOL_ANY_SOCK:yes | SW_CHECKSUM:yes) set -- "$option" ;;
	MPOOL_ANY_SOCK:* | SW_CHECKSUM:*) config_bad "yes or no" ;;
	*) set -- "$option" "$value" ;;
	esac
	case $key in # one that stands alone wants a port
	RING_IF_PAIRS | TAP_NETNS) config_judge -- --tap-ifs 1 "$@" ;;
	*) config_judge -- --ring-if-pairs 1 "$@" ;;
	esac
	is_given "$option" || config_engine=$config_engine$(quoted "$@")
}

# config_words OPTION: each word of the value behind it.
config_words() {
	! is_given "$1" || return 0
	for w in $value; do
		quoted "$1" "$w"
	done
}

config_take() {
	case $key in
	PREFIX)
		prefix_ok "$value" || config_bad "$prefix_rule"
		config_prefix=$value
		;;
	LCORES)
		config_judge "--lcores=$value" -- --ring-if-pairs 1
		is_given --lcores || config_eal=$config_eal$(quoted "--lcores=$value")
		;;
	EAL_ARGS)
		case " $value " in *" -- "*) config_bad "arguments of the EAL, without '--'" ;; esac
		# shellcheck disable=SC2086
		config_eal=$config_eal$(quoted $value)
		;;
	DEVICES) config_eal=$config_eal$(config_words -a) ;;
	VDEVS) config_eal=$config_eal$(config_words --vdev) ;;
	QMAP)
		for w in $value; do
			config_judge -- --ring-if-pairs 1 --qmap "$w"
		done
		config_engine=$config_engine$(config_words --qmap)
		;;
	EXPORTER_LISTEN)
		for w in $value; do
			[ ! -x "$bin/warp17-stats-exporter" ] ||
				why=$("$bin/warp17-stats-exporter" --listen "$w" --help 2>&1 >/dev/null) ||
				fail 2 "$config:$line_number: $key: ${why#warp17-stats-exporter: }"
			config_listen=$config_listen$(quoted --listen "$w")
		done
		;;
	EXPORTER_*) config_exporter=$config_exporter$(quoted "--$(echo "${key#EXPORTER_}" | tr 'A-Z_' 'a-z-')" "$value") ;;
	CMD_FILE)
		case $value in /*) config_option ;; *) config_bad "the whole path of a file" ;; esac
		;;
	*) config_option ;;
	esac
}

config_line() {
	case $line in
	'' | '#'*) return 0 ;;
	[A-Z]*=*) ;;
	*) fail 2 "$config:$line_number: '$line' given, expected KEY=value" ;;
	esac
	key=${line%%=*} value=${line#*=}
	case $config_keys in
	*" $key "*) ;;
	*) fail 2 "$config:$line_number: there is no key '$key' (see $top/config/warp17.conf)" ;;
	esac
	! is_given "$key" || fail 2 "$config:$line_number: $key is there twice"
	given="$given$key "
	case $value in
	\"*\" | \'*\') value=${value#?} && value=${value%?} ;;
	esac
	case $value in
	*[\"\'\`\$\\]*) config_bad "quotes around it at most, and no \$, \` or \\" ;;
	esac
	[ -z "$value" ] || config_take # nothing: as if the line were not there
}

config_set() {
	[ -n "$1" ] || fail 2 "--config: expected a file"
	config=$1 config_asked=$1
}

# config_read [ENGINE]: after config_given. Without ENGINE what it would judge is taken as it is.
config_read() {
	judge=${1:-} line_number=0
	if [ -e "$config" ] || [ -n "$config_asked" ]; then
		[ -r "$config" ] && [ ! -d "$config" ] || fail 2 "$config: expected a configuration that can be read"
		set -f # a * is a word
		while read -r line || [ -n "$line" ]; do
			line_number=$((line_number + 1)) line=${line%"$cr"}
			config_line
		done <"$config"
		set +f
	fi
	[ -n "$prefix" ] || prefix=${config_prefix:-warp17}
}
