#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test.sh - does the package that was installed do its work?
#
# The packages feed runs it on the built package, with the package's name and version.

fail() {
	echo "$1: $2" >&2
	exit 1
}

case $1 in
gateway | gateway-mini) ;;
*) exit 0 ;;
esac

version=$(gateway -V) || fail "$1" "gateway -V ends with $?"
case $version in
"gateway $2"*) ;;
*) fail "$1" "gateway -V says '$version', the package is version $2" ;;
esac

ini=$(mktemp) || exit 1
trap 'rm -f "$ini"' EXIT
cat > "$ini" << END
[gateway]
listen = 127.0.0.1:8090
access_log = off
error_log = off

[site *]
/ = reply:200 text=pong
END
gateway -c "$ini" check > /dev/null || fail "$1" "a good configuration is refused"
echo '/ = nonsense' >> "$ini"
gateway -c "$ini" check > /dev/null 2>&1 && fail "$1" "a wrong configuration is taken"
sed -i '$d' "$ini"

gateway -c "$ini" &
pid=$!
tries=0
until answer=$(wget -q -O - http://127.0.0.1:8090/ 2> /dev/null) || [ $tries -ge 10 ]; do
	tries=$((tries + 1))
	sleep 1
done
kill $pid
wait $pid || fail "$1" "gateway ends with $?"
[ "$answer" = pong ] || fail "$1" "asked for pong, got '$answer'"
