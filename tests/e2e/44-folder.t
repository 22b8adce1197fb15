#!/bin/sh
# SPDX-License-Identifier: ISC
# 44-folder.t: a repository in a folder, and all that becomes of folders.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/folder.sh"

mkdir "$T/files"
echo one >"$T/files/a"
head -c 3000000 /dev/urandom >"$T/files/big"

# ---- a disk that is not plugged in ----
# NethServer #5720, restic #1981

mkdir "$T/media" "$T/link"
DISK=$T/media/usb/repo
ok 'makes one' to_disk "$T/files"
mv "$T/media/usb" "$T/unplugged"
refused 'none is made where it was' 1 not-found to_disk "$T/files"
also 'and that is said' 'repository that was at .* is not there now'
also 'with the way to have it' '^Plug in its disk.* --new PATH'
not 'nor in the empty mount point' test -e "$T/media/usb" ]
mkdir "$T/media/usb"
refused 'none there either' 1 not-found to_disk "$T/files"
rmdir "$T/link"
ln -s "$T/media" "$T/link"
DISK=$T/link/usb/../usb/repo/
refused 'nor by another way there' 1 not-found to_disk "$T/files"
also 'quiet or not' 'Plug in its disk'
DISK=$T/media/usb/repo
ok 'it is another when that is said' to_disk --new "$T/files"
rm -rf "$T/media/usb"
mv "$T/unplugged" "$T/media/usb"
ok 'and the first works when it is back' to_disk "$T/files"
equal 'with both its snapshots' 2 "$(disk snapshot list | wc -l)"
DISK=$T/disk
finish
