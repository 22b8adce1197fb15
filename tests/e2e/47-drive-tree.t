#!/bin/sh
# SPDX-License-Identifier: ISC
# 47-drive-tree.t: the Drive looked at and changed by hand, without a folder.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana
drive() { at a drive "$@"; }

# ---- stored, listed, written ----

mkdir -p "$T/in/deep/er"
echo hello >"$T/in/letter.txt"
chmod +x "$T/in/letter.txt"
head -c 3000000 /dev/urandom >"$T/in/photo"
head -c 9000 /dev/urandom >"$T/in/deep/er/scan"
truncate -s 40M "$T/in/deep/hole"
: >"$T/in/deep/empty"
ln -s letter.txt "$T/in/link"
mkfifo "$T/in/pipe"
ok 'a directory' drive mkdir /one
exits 'a folder is stored but for what is no file' 3 drive put "$T/in" /one
also 'which is named' 'in/pipe: it is no file'
rm "$T/in/pipe"
says 'it is listed' '^letter.txt$' drive ls /one/in
also 'with its directories' '^deep/$'
drive get /one/in "$T/back" >/dev/null 2>&1
ok 'and comes back byte for byte' diff -r --no-dereference "$T/in" "$T/back"
ok 'with its bit' test -x "$T/back/letter.txt"
ok 'and time' test ! "$T/back/photo" -nt "$T/in/photo"
drive cat /one/in/photo >"$T/photo" 2>"$T/err"
ok 'as one file does' cmp "$T/in/photo" "$T/photo"
drive cat /one/in/deep/hole >"$T/hole" 2>"$T/err"
ok 'with holes' cmp "$T/in/deep/hole" "$T/hole"
finish
