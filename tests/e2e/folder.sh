#!/bin/sh
# SPDX-License-Identifier: ISC
# folder.sh: what tests of a repository in a folder read after account.sh.

echo 'folder pass' >"$T/fp"

# disk COMMAND…: aumbry on the folder $DISK, with the home $T/$DEVICE.
DISK=$T/disk DEVICE=nobody
disk() {
	$AS aumbry --home "$T/$DEVICE" --repo-password-file "$T/fp" \
		--repo "$DISK" "$@"
}
# to_disk ARGUMENT…: the same for backup, which may make it.
to_disk() {
	$AS aumbry --home "$T/$DEVICE" --repo-password-file "$T/fp" backup \
		--to "$DISK" "$@"
}
planted=
# planted CHANGE…: a further snapshot there, as tests/tools/snapshot_copy
# makes it; its short id in $planted.
planted() {
	planted=$("$BUILD/tests/snapshot_copy" "$DISK" "$T/fp" "$T/planter" \
		"$@" 2>"$T/err") || fail "snapshot_copy $*"
	planted=$(printf '%.8s' "$planted")
}
