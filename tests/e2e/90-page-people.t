#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-people.t: contacts on the account page, with the program beside it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

# Devices that have just come in may let others in.
init_server --mature-hours 0
start_server
people ben cleo ana # whose secret the walk knows
page_walk people
finish
