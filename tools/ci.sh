#!/bin/bash
# SPDX-License-Identifier: ISC
# ci.sh: everything, for a machine with time: both compilers, all modes, lint,
# valgrind, fuzzers, coverage. `make check` is the quick part of it.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
	echo "== $*"
	"$@"
}

unit() {
	local mode=$1
	shift
	step make MODE="$mode" all tests
	BUILD=build/$mode prove -j2 --exec '' "$@" "build/$mode"/tests/test_* </dev/null
}

step tools/setup.sh fuzz
step make lint
step make check
step make deb
step make package-check
unit debug
unit tsan
step make cov
if command -v valgrind >/dev/null; then
	for t in build/debug/tests/test_*; do
		step valgrind -q --error-exitcode=99 --leak-check=full \
			--errors-for-leak-kinds=definite "$t" </dev/null >/dev/null
	done
fi
step make fuzz FUZZ_SECONDS=60
# The other compiler: clang, through the fuzzing build's archives.
step make MODE=fuzz archives
