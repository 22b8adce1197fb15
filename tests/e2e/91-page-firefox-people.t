#!/bin/sh
# SPDX-License-Identifier: ISC
# 91-page-firefox-people.t: the same walk as 90-page-people.t, in Firefox.
export AUMBRY_TEST_BROWSER=firefox AUMBRY_TEST_SCHEME=light
. "$(dirname "$0")/90-page-people.t"
