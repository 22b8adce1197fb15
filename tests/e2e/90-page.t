#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page.t: the account page in a real browser, with the program beside it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/phone.sh"
. "$(dirname "$0")/escrow.sh"

MUX=$T/mux
export MUX ESCROW
start_escrow
# Devices that have just come in may let others in.
init_server --mature-hours 0 --escrow "$ESCROW_SOCKET"
configure auth saslauthd_socket "$MUX"
INVITE2=$(aumbryd invite --data "$DATA" | tail -n 1)
INVITE3=$(aumbryd invite --data "$DATA" | tail -n 1)
export INVITE2 INVITE3
ok 'Kannel runs' start_kannel
printf '%s\n' "$SMS" >"$T/text_url"
configure phone text_url "@$T/text_url"
# What is called with a code writes down what it would say.
printf '#!/bin/sh\ncat >>%s\n' "'$T/calls'" >"$T/caller"
chmod +x "$T/caller"
configure phone call_command "$T/caller"
"$ROOT/tests/tools/places.pl" "$T/places.mmdb"
configure place database "$T/places.mmdb"
start_server

page_walk page
stop_kannel
finish
