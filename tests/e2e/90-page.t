#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page.t: the account page in a real browser, with the program beside it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

MUX=$T/mux
export T DATA MUX
start_server
stop_server
sed -i "s|^;* *saslauthd_socket.*|saslauthd_socket = $MUX|" "$DATA/aumbryd.conf"
start_server

node "$ROOT/tests/tools/page.mjs" >"$T/page.out" 2>"$T/page.err" </dev/null
ended=$?
: >"$T/out" >"$T/err"
while read -r sign what; do
	case $sign in
	+) pass "$what" ;;
	*) fail "$what" ;;
	esac
done <"$T/page.out"
cp "$T/page.err" "$T/err"
equal 'the walk came to its end' 0 $ended
finish
