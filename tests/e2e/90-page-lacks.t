#!/bin/sh
# SPDX-License-Identifier: ISC
# 90-page-lacks.t: the account page in browsers that lack what it needs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
export URL INVITE
page_walk lacks
finish
