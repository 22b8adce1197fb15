#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-stays.t: the account page that stays open for long.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

export T DATA
# Devices that have just come in may let others in.
aumbryd init --data "$DATA" --listen 127.0.0.1:0 --mature-hours 0 \
	>"$T/init.out" 2>"$T/init.err" </dev/null
URL=$(sed -n 1p "$T/init.out")
INVITE=$(sed -n 2p "$T/init.out")
configure limits prompts_per_hour 100
start_server
export URL INVITE
page_walk stays
ended=$?
equal 'all was tried' 0 $ended
finish
