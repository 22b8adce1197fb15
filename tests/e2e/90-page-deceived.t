#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-deceived.t: what the account page says of contacts when the server lies.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"

export T DATA
start_liar
ok 'Ben has an account' sign_up b ben --invite "$INVITE"
ok 'so has Ana' sign_up a ana --invite "$(aumbryd invite --data "$DATA")"
page_walk deceived
ended=$?
equal 'all was tried' 0 $ended
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
