# SPDX-License-Identifier: MIT
#
# gateway.bash - what may stand next on a command line of gateway? (bash)
#
# test/package/docs holds its options and commands against `gateway -h`.

# The configuration that this command line is about.
_gateway_file() {
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = -c ] && printf '%s\n' "${COMP_WORDS[i + 1]}" && return
	done
	[ -r gateway.ini ] && echo gateway.ini || echo /etc/gateway/gateway.ini
}

_gateway_users() {
	awk '/^\[/ { users = /^\[users[ \t]/ } users && /^[^][#; \t]/ && /=/ { sub(/[ \t]*=.*/, ""); if ($0 != "file") print }' \
		"$(_gateway_file)" 2> /dev/null
}

_gateway_sites() {
	awk '/^\[site[ \t]/ && !/\*/ { sub(/^\[site[ \t]+/, ""); sub(/[ \t]*\].*/, ""); print $0 "/" }' "$(_gateway_file)" 2> /dev/null
}

# The subcommand; nothing: none has been said yet.
_gateway_command() {
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c) ((i++)) ;;
		-*) ;;
		*) printf '%s\n' "${COMP_WORDS[i]}" && return ;;
		esac
	done
}

_gateway() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=

	COMPREPLY=()
	case $prev in
	-c)
		compopt -o filenames 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-h | -V | -H | --from) return ;;
	--method) words='GET HEAD POST PUT PATCH DELETE OPTIONS' ;;
	--prefix) words='http:// https://' ;;
	*)
		case $(_gateway_command) in
		'') words='-c -h -V check explain pin passwd logout cache purge' ;;
		explain) words="-H --method --from $(_gateway_sites)" ;;
		pin) words='https://' ;;
		passwd | logout) words=$(_gateway_users) ;;
		cache) words='check' ;;
		purge) words='--prefix http:// https://' ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2> /dev/null
	return 0
}

complete -F _gateway gateway
