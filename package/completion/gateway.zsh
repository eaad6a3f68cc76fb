#compdef gateway
# SPDX-License-Identifier: MIT
#
# _gateway - what may stand next on a command line of gateway? (zsh)
#
# test/package/docs holds its options and commands against `gateway -h`.

_gateway_users() {
	local -a users

	users=(${(f)"$(awk '/^\[/ { users = /^\[users[ \t]/ } users && /^[^][#; \t]/ && /=/ { sub(/[ \t]*=.*/, ""); if ($0 != "file") print }' \
		"$file" 2> /dev/null)"})
	_describe -t users user users
}

_gateway_sites() {
	local -a sites

	sites=(${(f)"$(awk '/^\[site[ \t]/ && !/\*/ { sub(/^\[site[ \t]+/, ""); sub(/[ \t]*\].*/, ""); print $0 "/" }' \
		"$file" 2> /dev/null)"})
	compadd -S '' -a sites
}

_gateway_schemes() {
	compadd -S '' -- http:// https://
}

_gateway_commands() {
	local -a commands=(
		'check:check the file; print its routes, certificates and memory'
		'explain:say which site, route and server a request meets, and why'
		'pin:print verify=pin\:... for the key that a server shows'
		'passwd:ask for a password, print the line for [users]'
		'logout:end all sessions of a user'
		'cache:what the running gateway keeps'
		'purge:the running gateway forgets what it keeps of a URL'
	)

	_describe -t commands command commands
}

_gateway() {
	local curcontext=$curcontext state line file=/etc/gateway/gateway.ini
	typeset -A opt_args

	_arguments -C \
		'(- *)-h[print what there is]' \
		'(- *)-V[print the version]' \
		'-c[take this configuration]:file:_files' \
		'1:command:_gateway_commands' \
		'*::argument:->argument' && return
	[[ $state == argument ]] || return 1
	[[ -r gateway.ini ]] && file=gateway.ini
	[[ -n $opt_args[-c] ]] && file=${(Q)opt_args[-c]}
	case $line[1] in
	explain)
		_arguments \
			'*-H[with this header field]:NAME\: VALUE: ' \
			'--method[with this method]:method:(GET HEAD POST PUT PATCH DELETE OPTIONS)' \
			'--from[from this client]:address: ' \
			'1:URL:_gateway_sites'
		;;
	pin) _arguments '1:URL:{compadd -S "" https\://}' ;;
	passwd | logout) _arguments '1:user:_gateway_users' ;;
	cache) _arguments '1:what:(check)' ;;
	purge)
		_arguments \
			'--prefix[of all URLs that begin so]:URL:_gateway_schemes' \
			'1:URL:_gateway_schemes'
		;;
	esac
}

_gateway "$@"
