#!/bin/sh
# SPDX-License-Identifier: ISC
# 91-page-firefox.t: what Firefox can walk of 90-page.t.
export AUMBRY_TEST_BROWSER=firefox
. "$(dirname "$0")/90-page.t"
