#!/bin/sh
# SPDX-License-Identifier: ISC
# page.sh: the account page in a real browser, beside native figures.
. "$(dirname "$0")/../e2e/tap.sh"

start_server
NATIVE_MS=$("$BUILD/bench/bench_stretch" | awk '{ print $(NF - 1) }')
WASM=$ROOT/build/wasm
export NATIVE_MS WASM
node "$ROOT/tests/bench/page.mjs"
ended=$?
stop_server
exit $ended
