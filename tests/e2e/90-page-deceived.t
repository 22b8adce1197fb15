#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-deceived.t: what the account page says of contacts when the server lies.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"

start_liar
people ben ana
page_walk deceived
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
