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
ok 'and comes' drive get /one/in "$T/back"
ok 'back byte for byte' diff -r --no-dereference "$T/in" "$T/back"
ok 'with its bit' test -x "$T/back/letter.txt"
not 'and time' test "$T/back/photo" -nt "$T/in/photo"
drive cat /one/in/photo /one/in/deep/hole >"$T/cat" 2>"$T/err"
cat "$T/in/photo" "$T/in/deep/hole" >"$T/want"
ok 'files are written out, with holes' cmp "$T/want" "$T/cat"
at b drive ls -r --json / >"$T/list"
equal 'what a list says of each' \
	'changed device exec id mtime path secret shared size type versions' \
	"$(json - "$T/list")"
says 'found by name' '^/one/in/deep/er/scan$' drive find 'sc*'
refused 'or not' 1 not-found drive find '*.jpg'
refused 'nothing here is written over' 1 drive-exists \
	drive get /one/in/photo "$T/in/letter.txt"
also 'the file is named' 'letter.txt is there already$'
refused 'nor what it goes into is a file' 1 not-found \
	drive get /one/in/photo "$T/in/letter.txt/x"
also 'or is not there' 'letter.txt: there is no such folder here'
also 'which can be helped' 'Make it first'
mkdir -p "$T/taken/photo" "$T/taken/in"
refused 'a file does not take a folder away' 1 drive-exists \
	drive get /one/in/photo "$T/taken"
also 'for which another name helps' 'a new path'
refused 'nor with force' 1 conflict \
	drive get --force /one/in/photo "$T/taken"
refused 'a folder is not mixed' 1 drive-exists drive get /one/in "$T/taken"
also 'but with force' 'one of both: add --force'
echo mine >"$T/back/letter.txt"
ok 'but when that is meant' drive get --force /one/in/letter.txt "$T/back"
ok 'it is' cmp "$T/in/letter.txt" "$T/back/letter.txt"
refused 'what is not there' 1 not-found drive cat /one/in/Photo
also 'but written otherwise' 'There is /one/in/photo'

# ---- over what is there; versions ----

refused 'nothing there is replaced' 1 drive-exists drive put "$T/in" /one
for i in 2 3 4 5 6; do
	echo "number $i" >"$T/in/letter.txt"
	ok "content $i" drive put --force "$T/in" /one
done
also 'what is the same is left' 'were there already'
equal 'all contents are kept' 6 "$(drive versions /one/in/letter.txt | wc -l)"
ok 'a former one comes back' drive restore /one/in/letter.txt --version 3
says 'whole' '^number 3$' drive cat /one/in/letter.txt
equal 'and the last is kept, too' 7 \
	"$(drive versions /one/in/letter.txt | wc -l)"
refused 'one that never was' 1 version-gone \
	drive restore /one/in/letter.txt --version 99
refused 'a directory has none' 2 bad-usage drive versions /one/in

# ---- moved and thrown away ----

ok 'moved' drive mv /one/in/photo /one/picture
ok 'into a directory' drive mv /one/picture /one/in/deep
refused 'not over another' 1 drive-exists \
	drive mv /one/in/deep/picture /one/in/letter.txt
refused 'not into itself' 2 bad-usage drive mv /one/in /one/in/deep/er
refused 'not onto itself' 2 bad-usage drive mv /one/in /one/in
drive mkdir -p /one/one/x
refused 'nor over what it lies in' 2 bad-usage drive mv --force /one/one /
ok 'it is still there' drive ls /one/in/deep/picture
refused 'the root stays' 2 bad-usage drive mv / /one
refused 'not empty' 1 drive-not-empty drive rm /one/in
ok 'then all of it' drive rm -r /one/in/deep /one/in/deep/er
refused 'is gone' 1 not-found drive ls /one/in/deep/er
also 'and is known to be in the trash' 'trash restore'
says 'where it is listed with its size' 'MiB .*/one/in/deep/$' drive trash list
ok 'a new one of that name' drive mkdir -p /one/in/deep
ok 'the old one comes back' drive trash restore /one/in/deep
also 'beside it' '/one/in/deep \(restored [0-9-]*\)$'
drive get '/one/in/letter.txt' "$T/now" 2>"$T/err"
ok 'a directory and what is in it' drive rm -r /one
ok 'one thing of it comes back alone' drive trash restore /one/in/letter.txt
ok 'where it was' drive ls /one/in/letter.txt
equal 'with its history' 7 "$(drive versions /one/in/letter.txt | wc -l)"
drive rm /one/in/letter.txt 2>"$T/err"
id=$(drive trash list | sed -n 's/ .*letter.txt$//p')
ok 'by its ID, elsewhere' drive trash restore "$id" --to /note
ok 'it is there' drive cat /note
refused 'nothing is deleted without a word' 2 input-missing drive trash empty
ok 'nothing is that old' drive trash empty --older 1d
ok 'with one it is' drive trash empty --yes
equal 'all of it' '' "$(drive trash list 2>/dev/null)"
ok 'and nothing else' drive cat /note

# ---- bad input ----

nl=$(printf 'a\nb\033[31m')
ok 'any name' drive mkdir "/$nl"
says 'is shown harmless' '^a\\nb\\x1b\[31m/$' drive ls /
raw=$(printf 'caf\351')
ok 'in any encoding' drive mkdir "/$raw"
says 'with its bytes for programs' '"path_raw":"L2NhZuk="' \
	drive ls --json /
long=$(printf '%255s' '' | tr ' ' x)
ok '255 bytes' drive mkdir "/$long"
refused 'not more' 2 bad-usage drive mkdir "/${long}x"
refused 'no ..' 2 bad-usage drive mkdir /one/../two
refused 'not even last' 2 bad-usage drive mkdir /one/..
refused 'no . either' 2 bad-usage drive mkdir -p /one/./two
refused 'a path begins with a slash' 2 bad-usage drive mkdir one
refused 'the root is there' 2 bad-usage drive mkdir /
refused 'so is the other' 1 drive-exists drive mkdir "/$raw"
refused 'below a file is nothing' 1 not-found drive mkdir /note/x
refused 'nor with -p' 1 drive-exists drive mkdir -p /note/x
refused 'a file that is not here' 1 not-found drive put "$T/none" /
refused 'words of a terminal in a path' 1 not-found drive ls "/$nl/x"
lacks 'are not obeyed' "$(printf '\033')"
refused 'two of one name' 1 drive-exists drive put "$T/in" "$T/./in" /
says 'what a word wants is said' 'One of: list, restore, empty' drive trash
refused 'a time to come' 2 bad-usage drive restore --at 2999-01-01
refused 'or none' 2 bad-usage drive restore --at noon

# ---- a directory as it was ----

mkdir -p "$T/then/b/c"
for i in 1 2 3 4; do
	echo "content $i" >"$T/then/$i"
	head -c 70000 /dev/urandom >"$T/then/b/big$i"
done
echo below >"$T/then/b/c/below"
ok 'files' drive put "$T/then" /files
sleep 1.1
at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sleep 1
cp -r "$T/then" "$T/later"
find "$T/later" -type f -exec sh -c 'echo ransom | tee "$1" >"$1.note"' - {} \;
ok 'all of them rewritten' drive put --force "$T/later/1" "$T/later/2" \
	"$T/later/3" "$T/later/4" "$T/later/b" "$T/later/1.note" /files
ok 'one thrown away' drive rm /files/2
ok 'and a directory' drive rm -r /files/b/c
ok 'and a new one of that name' drive mkdir /files/b/c
before=$(drive ls -r --json / | cksum)
says 'what would be done' '^/files/1: content of then$' \
	drive restore --at "$at" /files --dry-run
also 'of what was thrown away' '^/files/2: comes back with its content'
also 'of what is new' '^/files/1.note: to the trash'
equal 'is not done' "$before" "$(drive ls -r --json / | cksum)"
ok 'then it is' drive restore --at "$at" /files
ok 'and comes' drive get /files "$T/restored"
ok 'back byte for byte' diff -r "$T/then" "$T/restored"
says 'again there is nothing to do' \
	'^0 contents, 0 back from the trash, 0 into it' \
	drive restore --at "$at" /files

# ---- two at once ----

for i in 1 2 3 4 5 6; do
	at a drive mkdir "/both-a$i" 2>"$T/a$i" &
	at b drive mkdir "/both-b$i" 2>"$T/b$i" || fail 'a commit beside another'
	wait $! || fail 'a commit beside another'
done
equal 'each has made its own' 12 "$(drive ls / | grep -c '^both-')"
at a drive mkdir /same 2>"$T/a.err" &
at b drive mkdir /same 2>"$T/b.err" && won=1 || won=0
wait $! && won=$((won + 1))
equal 'of one name only one does' 1 "$won"

ok 'beside what keeps a folder in sync' flock "$T/a/drive.lock" \
	"$(command -v aumbry)" --home "$T/a" drive ls /same

mkdir "$T/root"
aumbry --home "$T/a" drive sync "$T/root" >"$T/sync.out" 2>"$T/sync.err" &
HELPERS="$HELPERS $!"
ok 'which has it all' until_true 20 test -d "$T/root/same"
ok 'what is made by hand' drive mkdir /same/here
ok 'it hears of' until_true 20 test -d "$T/root/same/here"
ok 'what is moved' drive mv /same /other
ok 'too' until_true 20 test -d "$T/root/other/here"
echo new >"$T/root/other/new"
ok 'and what is new there is seen' \
	until_true 20 aumbry --home "$T/a" drive cat /other/new

# ---- secrets ----

ssh-keygen -q -t ed25519 -N '' -f "$T/id" -C ana
ok 'a key' drive put "$T/id" /key
drive mkdir -p /home/.ssh
drive put "$T/pw" /home/.ssh/id_rsa 2>"$T/err"
ok 'comes back' drive get /key "$T/key"
ok 'as it was' cmp "$T/id" "$T/key"
says 'and is closed to who has the keys of the drive alone' '"secret":true' \
	drive ls --json /key
says 'as is what lies where secrets lie' '"secret":true' \
	drive ls --json /home/.ssh/id_rsa
finish
