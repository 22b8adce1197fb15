#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-lacks.t: the account page in browsers that lack what it needs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

export T
start_server
export URL INVITE
node "$ROOT/tests/tools/lacks.mjs" >"$T/page.out" 2>"$T/page.err" </dev/null
ended=$?
: >"$T/out"
: >"$T/err"
while read -r sign what; do
	case $sign in
	+) pass "$what" ;;
	*) fail "$what" ;;
	esac
done <"$T/page.out"
sed 's/^/# /' "$T/page.err"
equal 'all was tried' 0 $ended
finish
