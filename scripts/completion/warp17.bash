# shellcheck shell=bash
# Completion for bash of the commands of WARP17: make install puts it where bash-completion looks, in a tree it is
# ". scripts/completion/warp17.bash". It knows no option itself: programs are asked by --help, and the CLI for its commands
# by --complete. No engine is needed.

declare -gA _warp17_help # of each command: its options, each with the word for its value; for as long as the shell lives

# The line as far as the cursor, in words: bash cuts it at ':' and '=' too.
_warp17_words() {
	local rest=${COMP_LINE:0:COMP_POINT} i word blank
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		blank=${rest%%[![:blank:]]*}
		rest=${rest#"$blank"}
		word=${COMP_WORDS[i]}
		((i < COMP_CWORD)) || word=$rest
		if ((i == 0)) || [[ $blank ]]; then words+=("$word"); else words[-1]+=$word; fi
		rest=${rest#"$word"}
	done
}

# --help to lines of "--option WORD". "  -c, --command CMD     run CMD": what an option is for stands two blanks away, what it
# takes one. Of the launcher's commands it is "usage: warp17 stop [--prefix NAME]".
_warp17_parse() {
	local line short=''
	while IFS= read -r line; do
		if [[ $line == usage:* ]]; then
			while [[ $line =~ \[(-[-a-z]+)(\ ([A-Z]+))?\](.*) ]]; do
				echo "${BASH_REMATCH[1]} ${BASH_REMATCH[3]}"
				line=${BASH_REMATCH[4]}
			done
		fi
		[[ $line =~ ^\ +(-.*) ]] || continue
		line=${BASH_REMATCH[1]}
		while [[ $line =~ ^(--?[A-Za-z][-A-Za-z0-9]*)(,?)(\ ([^ -][^ ]*))?(\ +(-.*))? ]]; do
			line=${BASH_REMATCH[6]}
			if [[ ${BASH_REMATCH[2]} ]]; then
				short=${BASH_REMATCH[1]}
				continue
			fi
			[[ ${BASH_REMATCH[4]} != \[* ]] || BASH_REMATCH[4]='' # it may be left out
			echo "${BASH_REMATCH[1]} ${BASH_REMATCH[4]}"
			[[ ! $short ]] || echo "$short ${BASH_REMATCH[4]}"
			short=''
		done
	done
}

_warp17_ask() { # _warp17_ask COMMAND...: its --help, in options
	[[ ${_warp17_help[$*]:-} ]] || _warp17_help[$*]=$("${@/#\~/$HOME}" --help 2>/dev/null </dev/null | _warp17_parse)
	options=${_warp17_help[$*]}
}

_warp17_takes() { # _warp17_takes OPTION: the word for its value, in takes; 1 none
	local name
	while read -r name takes; do
		[[ $name != "$1" || ! $takes ]] || return 0
	done <<<"$options"
	return 1
}

_warp17_reply() { # _warp17_reply TYPED WORDS: those that begin so
	mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_warp17_files() { # readline's own
	COMPREPLY=()
	compopt -o default
}

# Values by the word that --help has for them: {http,raw} max-c|max-q NAME|none FILE
_warp17_value() { # _warp17_value WORD TYPED
	case $1:$2 in
	*FILE*:* | *PLAN*:* | DIR:* | ADDR:unix:*) _warp17_files ;;
	ADDR:*) _warp17_reply "$2" unix: && compopt -o nospace ;;
	*) _warp17_reply "$2" "$(grep -oE '[a-z][-a-z]*' <<<"$1")" ;;
	esac
}

_warp17_program() { # _warp17_program FILES COMMAND...: options, their values; FILES: it takes files too
	local files=$1 typed=${words[-1]} options takes
	shift
	_warp17_ask "$@"
	if [[ $typed == --*=* ]]; then
		! _warp17_takes "${typed%%=*}" || _warp17_value "$takes" "${typed#*=}"
	elif _warp17_takes "${words[-2]}"; then
		_warp17_value "$takes" "$typed"
	elif [[ $typed == -* || ! $files ]]; then
		_warp17_reply "$typed" "$(cut -d' ' -f1 <<<"$options")"
	else
		_warp17_files
	fi
}

_warp17_command() { # _warp17_command LINE COMMAND...: what may stand at the end of a line of the CLI
	local line=$1 found
	shift
	found=$("${@/#\~/$HOME}" --complete "$line" 2>/dev/null </dev/null | cut -f1)
	if [[ $found == '<file>' ]]; then
		_warp17_files
	else
		mapfile -t COMPREPLY < <(grep '^[^<"]' <<<"$found")
	fi
}

_warp17_cli() { # _warp17_cli N COMMAND...: options of the CLI from word N on, then one of its commands
	local at=$1 last=$((${#words[@]} - 1)) options takes
	shift
	_warp17_ask "$@"
	while ((at < last)) && [[ ${words[at]} == -* ]]; do
		! _warp17_takes "${words[at]}" || ((at += 1))
		((at += 1))
	done
	if ((at > last)) && [[ $takes:${words[last]} == CMD:[\"\']* ]]; then
		_warp17_command "${words[last]:1}" "$@"
		takes=${words[last]:1}
		COMPREPLY=("${COMPREPLY[@]/#/"${takes%"${takes##*[[:blank:]]}"}"}") # what is in quotes is one word
		compopt -o nospace
	elif ((at > last)) || [[ $at == "$last" && ${words[at]} == -* ]]; then
		_warp17_program '' "$@"
	else
		_warp17_command "${words[*]:at}" "$@"
	fi
}

_warp17() {
	local -a words
	_warp17_words
	local it=${words[0]} command=${words[1]}
	case ${it##*/}:${#words[@]}:$command in
	warp17:2:-*) _warp17_reply "$command" "-h --help" ;;
	warp17:2:*) _warp17_reply "$command" "$("${it/#\~/$HOME}" --help 2>/dev/null | sed -n 's/^\(usage:\|  *\) *warp17 \([a-z]*\) .*/\2/p; s/^  *warp17 \([a-z]*\)$/\1/p')" ;;
	warp17:*:cli) _warp17_cli 2 "$it" cli ;;
	warp17:*:example) _warp17_program files "$it" example ;;
	warp17:*) _warp17_program '' "$it" "$command" ;;
	warp17-cli:*) _warp17_cli 1 "$it" ;;
	warp17-run:* | warp17-fleet:*) _warp17_program files "$it" ;;
	*) _warp17_program '' "$it" ;;
	esac
}

complete -F _warp17 warp17 warp17-cli warp17-run warp17-search warp17-fleet warp17-stats-exporter
