#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-odd.t: what is in the Drive and no command of this version makes.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

synced() {
	device=$1
	shift
	at "$device" --json drive sync "$T/$device-drive" --once "$@"
}
odd() { "$BUILD/tests/nodes" "$T/a" odd "$@"; }
mkdir "$T/a-drive" "$T/b-drive"
echo 1 >"$T/a-drive/one"
ok 'both are in sync' synced a
ok '- there, too' synced b

# ---- shared folders, which a newer version makes ----

ok 'a share' odd 4 0 0 common
for i in first second; do
	exits "is held the $i time" 3 synced b
	equal 'by its path' '"/common"' \
		"$(grep -o '"path":"[^"]*"' "$T/out" | cut -d: -f2)"
	ok 'with its reason' grep -q '"code":"update-needed"' "$T/out"
done
echo 2 >"$T/a-drive/two"
exits 'the rest goes on' 3 synced a
exits 'here and there' 3 synced b
ok 'both have it' test -s "$T/b-drive/two"
mkdir "$T/b-drive/common"
echo 3 >"$T/b-drive/common/three"
exits 'who has its name here' 3 synced b
exits 'goes out of its way' 3 synced a
ok 'with all that it has' test -s "$T"/a-drive/common*/three

# ---- names that mark folders as not ours ----

both() { exits 'here' 3 synced a; exits 'and there' 3 synced b; }
mkdir -p "$T/a-drive/taken" "$T/a-drive/named"
echo 4 >"$T/a-drive/taken/four"
both
printf 'aumbry-home v1\n' >"$T/mark"
printf '!aumbry-home\n!.aumbry-drive\n' >"$T/rules"
ok 'rules that take them in' at a drive put "$T/rules" /.aumbryignore
ok 'a directory so called' odd 2 0 1 .aumbry-drive
ok 'and a file' odd 1 0 1 aumbry-home
both
equal 'none is placed' '' \
	"$(find "$T/b-drive" -mindepth 2 -name 'aumbry-home' -o \
		-mindepth 2 -name .aumbry-drive)"
echo 5 >"$T/b-drive/taken/five"
echo 'my own' >"$T/a-drive/named/aumbry-home"
echo 6 >"$T/a-drive/named/six"
cp -r "$T/a-drive/taken" "$T/a-drive/home"
cp "$T/mark" "$T/a-drive/home/aumbry-home"
echo 7 >"$T/a-drive/home/seven"
both
both
ok 'a folder that holds the name alone is carried' \
	test -s "$T/b-drive/named/six"
not 'but for that' test -e "$T/b-drive/named/aumbry-home"
not 'a home is not' test -e "$T/b-drive/home"

# ---- rules that are none ----

ok 'there are no rules' at a drive rm /.aumbryignore
both
ok 'a directory of their name' odd 2 0 0 .aumbryignore
echo 11 >"$T/a-drive/eleven"
both
ok 'is held' grep -q '"path":"/.aumbryignore","code":"name-not-possible"' \
	"$T/out"
ok 'and the rest goes on' test -s "$T/b-drive/eleven"
ok 'it goes' at a drive rm -r /.aumbryignore
seq 200000 >"$T/long"
ok 'too many rules' at a drive put "$T/long" /.aumbryignore
echo 12 >"$T/a-drive/twelve"
both
ok 'are held' grep -q '"path":"/.aumbryignore","code":"too-large"' "$T/out"
ok 'and the rest goes on' test -s "$T/b-drive/twelve"
ok 'they go' at a drive rm /.aumbryignore
both

# ---- secrets ----

ok 'a secret' odd 1 4 0 note
both
equal 'is for one user' 600 "$(stat -c %a "$T/b-drive/note")"
ok 'as it is elsewhere' at b drive get /note "$T/note"
equal '- there, too' 600 "$(stat -c %a "$T/note")"
both

# ---- names that speak to a terminal ----

N=$(printf 'evil\033[2J\rx')
raw() { grep -c "$(printf '[\033\r]')" "$T/out" "$T/err" | grep -v ':0$'; }
ok 'a share of such a name' odd 4 0 0 "$N"
for words in "sync $T/b-drive --once" 'status' 'find *evil*' 'ls -l /' \
	"sync $T/$N --once" "get /$N $T/$N/b/c" "rm /$N-no" "mv /$N /x/y/$N" \
	"cat /$N" "versions /$N"; do
	# shellcheck disable=SC2086 # words
	run at b drive $words
	not "nothing of it is said by $(echo "$words" | cut -d' ' -f1)" raw
done

# ---- what has no directory ----

R='Recovered files'
ok 'a file of no directory' odd 1 0 orphan lost
ok 'and a directory' odd 2 0 orphan lost-dir
both
ok 'are recovered' test -s "$T/b-drive/$R/lost" -a -d "$T/b-drive/$R/lost-dir"
echo more >>"$T/b-drive/$R/lost"
echo 8 >"$T/b-drive/$R/eight"
mkdir "$T/b-drive/$R/lost-dir/in"
mv "$T/a-drive/$R/lost" "$T/a-drive/found"
both
both
ok 'they are changed and moved' grep -q more "$T/a-drive/found"
ok 'and joined' test -s "$T/a-drive/$R/eight" -a -d "$T/a-drive/$R/lost-dir/in"
mv "$T/b-drive/$R" "$T/b-drive/renamed"
echo 9 >"$T/b-drive/renamed/nine"
exits 'their directory keeps its name' 3 synced b
ok '- with all in it' test -s "$T/b-drive/$R/nine" -a ! -e "$T/b-drive/renamed"
ok 'by hand, too' at a drive put "$T/mark" "/$R/ten"
refused 'it is not moved' 6 drive-tree-invalid at a drive mv "/$R" /other
refused 'nor trashed' 6 drive-tree-invalid at a drive rm -r "/$R"
both
rm -r "$T/b-drive/$R"
exits 'but what is in it is' 3 synced b
exits 'there, too' 3 synced a
not '- and it goes' test -e "$T/a-drive/$R"
both
not 'and stays away' test -e "$T/b-drive/$R"

# ---- too deep ----

perl -e 'chdir $ARGV[0] or die; for (1 .. 600) { mkdir "d"; chdir "d" or die }
	open F, ">", "bottom"; print F "b\n"' "$T/a-drive" || exit 1
echo 10 >"$T/a-drive/ten"
both
ok 'what is not so deep goes on' test -s "$T/b-drive/ten"
equal 'to the last level that can be' 512 \
	"$(find "$T/b-drive" -name d -type d | wc -l)"
ok 'and nothing is lost' test 1 = "$(find "$T/a-drive" -name bottom | wc -l)"
finish
