#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-messages.t: messages on the account page, with the program beside it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

export T DATA
# Devices that have just come in may let others in.
init_server --mature-hours 0
start_server
ok 'Ben has an account' sign_up b ben --invite "$INVITE"
ok 'so has Cleo' sign_up c cleo --invite "$(aumbryd invite --data "$DATA")"
ok 'and Ana, with a secret that the walk knows' \
	sign_up a ana --invite "$(aumbryd invite --data "$DATA")"
page_walk messages
ended=$?
equal 'all was tried' 0 $ended
finish
