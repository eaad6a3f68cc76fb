# SPDX-License-Identifier: MIT
#
# functions.sh - a stand-in for OpenWrt's: calls back for what a UCI file says
#
# `uci export` prints a file as the shell reads it, and the true config_load lets the
# shell do that; so does this one, with the file itself.
# shellcheck shell=sh disable=SC2317

reset_cb() {
	config_cb() { return 0; }
	option_cb() { return 0; }
	list_cb() { return 0; }
}

config() {
	uci_sections=$((uci_sections + 1))
	config_cb "$1" "${2:-cfg$uci_sections}"
}

option() {
	option_cb "$1" "$2"
}

list() {
	list_cb "$1" "$2"
}

config_load() {
	[ -r "/etc/config/$1" ] || return 1
	uci_sections=0
	# shellcheck source=/dev/null
	. "/etc/config/$1"
	config_cb
}
