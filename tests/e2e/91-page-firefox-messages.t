#!/bin/sh
# SPDX-License-Identifier: ISC
# 91-page-firefox-messages.t: the same walk as 90-page-messages.t, in Firefox.
export AUMBRY_TEST_BROWSER=firefox AUMBRY_TEST_SCHEME=dark
. "$(dirname "$0")/90-page-messages.t"
