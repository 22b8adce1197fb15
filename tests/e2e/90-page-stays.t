#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-stays.t: the account page that stays open for long.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

# Devices that have just come in may let others in.
init_server --mature-hours 0
configure limits prompts_per_hour 100
start_server
page_walk stays
finish
