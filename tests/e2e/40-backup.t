#!/bin/sh
# SPDX-License-Identifier: ISC
# 40-backup.t: what is given back is what was there.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

TREE=$ROOT/tests/e2e/tree.pl
S=$T/source
mkdir "$S"
root() {
	[ "$(id -u)" -eq 0 ]
}

perl "$TREE" odd "$S" || exit 1
touch -d '2001-02-03 04:05:06.123456789' "$S/one"
touch -h -d '1999-01-01 00:00:00.5' "$S/dangling"
setfattr -n user.note -v 'some note' "$S/text"
setfattr -n user.raw -v 0x00ff0a00 "$S/text"
setfattr -n user.dir -v on-a-folder "$S/group"
setfacl -m u:12345:rwx,g:54321:r "$S/text"
setfacl -d -m u:12345:rx "$S/group"
if root; then
	mknod "$S/null" c 1 3
	mknod "$S/block" b 7 99
	chown 12345:54321 "$S/zero"
	chown -h 12345:54321 "$S/dangling"
	setfattr -n trusted.note -v 'for root' "$S/text"
	setfattr -n security.capability \
		-v 0sAQAAAgAEAAAAAAAAAAAAAAAAAAA= "$S/size4097"
fi
touch -d '2011-11-11 11:11:11.1' "$S/group" "$S/names" "$S"
find "$S" -perm 0 -type f | grep -q closed ||
	echo '# the tree is not as it should be'
root || chmod 600 "$S/closed"

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"

# ---- everything ----

ok 'backs everything up' at ana --json backup "$S" --tag first
equal 'without an error' 0 "$(json errors "$T/out")"
equal 'and its last line has these fields' \
	'bytes dirs duration_ms errors event files new_bytes snapshot stored_bytes' \
	"$(json - "$T/out")"
first=$(json snapshot "$T/out")
stored=$(json stored_bytes "$T/out")
equal 'as many files as find counts' "$(find "$S" -type f -printf x | wc -c)" \
	"$(json files "$T/out")"
ok 'restores it' at ana restore "latest:$S" --to "$T/back"
ok 'every name, byte, mode, owner, time, link and attribute' \
	trees_equal "$S" "$T/back"
equal 'xattrs and lists, by other eyes' \
	"$(cd "$S" && getfattr -R -d -m - -e hex . 2>&1 | sort)" \
	"$(cd "$T/back" && getfattr -R -d -m - -e hex . 2>&1 | sort)"
says 'those eyes see attributes at all' 'user.raw=0x00ff0a00' \
	getfattr -d -m - -e hex "$T/back/text"
ok 'restores it under its full path too' at ana restore latest --to "$T/full"
ok 'equally' trees_equal "$S" "$T/full$S"
touch "$T/back/new"
not 'the comparison finds one file more' trees_equal "$S" "$T/back"
rm "$T/back/new"
touch -d '2001-02-03 04:05:06.1' "$T/back/one"
touch -d '2011-11-11 11:11:11.1' "$T/back"
printf damaged | dd of="$T/back/big" bs=1 seek=5000000 conv=notrunc 2>/dev/null
touch -r "$S/big" "$T/back/big"
not 'and one byte that differs' trees_equal "$S" "$T/back"
says 'that one' 'big$' cat "$T/rsync.out"

ok 'a second backup' at ana --json backup "$S"
less 'finds nothing new but the folders above' 120000 \
	"$(json new_bytes "$T/out")"
less 'and stores next to nothing' 100000 "$(json stored_bytes "$T/out")"
less 'of what the first stored' "$stored" 10000000
ok '--verify reads all again' at ana --json backup "$S" --verify
less 'and finds as little' 120000 "$(json new_bytes "$T/out")"
cp "$S/text" "$T/before"
echo changed >>"$S/text"
ok 'a line added to a long text' at ana --json backup "$S"
less 'stores a part of it' 800000 "$(json new_bytes "$T/out")"

says 'ls shows a link with its target' '^lrwx.* dangling -> nowhere/at/all$' \
	at ana ls -l "latest:$S"
also 'and setuid' '^-rwsr-xr-x .* setuid$'
also 'and a FIFO' '^prw-r----- .* fifo$'
says 'names cannot move the cursor' '\\x1b\[31m$' at ana ls "latest:$S/names"
equal 'as no byte of it is a control' '' \
	"$(tr -d '\n' <"$T/out" | tr -dc '\000-\037\177')"
at ana cat "$first:$S/text" >"$T/text"
ok 'cat of an older snapshot gives the older text' cmp "$T/before" "$T/text"
says 'find finds by a pattern' ":$S/names/caf" at ana find 'caf*'
refused 'find of what nobody has' 1 not-found at ana find 'no-such-*'
refused 'cat of a folder' 2 bad-usage at ana cat "latest:$S/names"
refused 'cat of nothing' 1 not-found at ana cat "latest:$S/nothing"
refused 'restore of no snapshot' 1 not-found \
	at ana restore ffffffff --to "$T/x"
refused 'restore of nothing in it' 1 not-found \
	at ana restore "latest:$S/nothing" --to "$T/x"
refused 'restore without a place' 2 bad-usage at ana restore latest
refused 'backup of nothing' 1 not-found at ana backup "$T/nothing"
at ana --json snapshot list --tag first >"$T/list"
equal 'snapshot list --tag finds one' 1 "$(wc -l <"$T/list")"
equal 'with these fields' \
	'bytes duration_ms files host id new_bytes partial paths tags time' \
	"$(json - "$T/list")"
equal 'not partial' false "$(json partial "$T/list")"
ok 'restores one file' at ana restore "$first:$S/big" --to "$T/one"
ok 'which is the same' cmp "$S/big" "$T/one/big"
ok 'restores what a pattern includes' \
	at ana restore "$first:$S" --to "$T/some" --include 'size*'
equal 'that and no other file' 6 "$(find "$T/some" -type f -printf x | wc -c)"
equal 'in no folder but what leads to one' '' \
	"$(cd "$T/some" && find . -mindepth 1 -type d -empty)"
equal 'and not below one that has none' '' \
	"$(find "$T/some" -path '*names*')"
mkdir -p "$T/parts/a/b" "$T/parts/a/c" "$T/parts/d"
for f in a/b/x a/b/y a/c/x a/z d/x; do echo "$f" >"$T/parts/$f"; done
touch -d 2001-01-01 "$T/parts/a"
run at ana backup "$T/parts"
parts=$(tail -n 1 "$T/out")
included() { # PATTERN…: what they give back
	rm -rf "$T/some"
	for p in "$@"; do
		set -- "$@" --include "$p"
		shift
	done
	run at ana restore "$parts:$T/parts" --to "$T/some" "$@"
	(cd "$T/some" && find . -mindepth 1 | LC_ALL=C sort | tr '\n' ' ')
}
equal 'a folder, with all in it' './a ./a/b ./a/b/x ./a/b/y ' \
	"$(included b)"
equal 'with the time of what is above' 978307200 \
	"$(TZ=UTC stat -c %Y "$T/some/a")"
equal 'but what is taken back' './a ./a/b ./a/b/y ' "$(included b '!x')"
equal 'nothing' '' "$(included none)"
equal '--dry-run lists the same' 'a/ a/c/ a/c/x ' "$(at ana restore \
	"$parts:$T/parts" --dry-run --include /a/c 2>/dev/null |
	LC_ALL=C sort | tr '\n' ' ')"
ok 'restore --dry-run lists' at ana restore "$first:$S" --dry-run
also 'a file' '^names/cafe'
ok 'backup --dry-run in JSON' at ana --json backup "$S" --dry-run
lacks 'names no snapshot, for there is none' '"snapshot"'
ok 'backup --dry-run' at ana backup "$S" --dry-run
equal 'makes no snapshot' 5 "$(at ana snapshot list | wc -l)"

# ---- what is long, what is sparse ----

mkdir "$T/long"
perl "$TREE" long "$T/long"
ok 'a path of 6,000 bytes is backed up' at ana backup "$T/long"
ok 'and restored' at ana restore "latest:$T/long" --to "$T/long2"
says 'with what it holds' '^the bottom of it$' perl "$TREE" read "$T/long2"

mkdir "$T/sparse"
truncate -s 1T "$T/sparse/file"
for at in 0 4096 500000000000 1099511627770; do
	printf 'data %d' $((at % 9)) | dd of="$T/sparse/file" bs=1 \
		seek="$at" conv=notrunc 2>/dev/null
done
truncate -s 5M "$T/sparse/hole"
ok 'a file of 1 TiB with 24 bytes in it' at ana --json backup "$T/sparse"
less 'stores little' 200000 "$(json stored_bytes "$T/out")"
ok 'and is restored' at ana restore "latest:$T/sparse" --to "$T/sparse2"
perl "$TREE" map "$T/sparse/file" >"$T/map"
says 'its map has holes' '^data 0 to [0-9]{4,6}$' cat "$T/map"
equal 'data and holes at the same places' "$(cat "$T/map")" \
	"$(perl "$TREE" map "$T/sparse2/file")"
equal 'a file that is all hole stays one' '5242880 0' \
	"$(stat -c '%s %b' "$T/sparse2/hole")"

# ---- what is left out, what is secret ----

L=$T/left
mkdir -p "$L/cached" "$L/not" "$L/keep" "$L/skip" "$L/.ssh"
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >"$L/cached/CACHEDIR.TAG"
echo cached >"$L/cached/file"
touch "$L/not/.nobackup"
echo not >"$L/not/file"
echo keep >"$L/keep/file.txt"
echo temporary >"$L/keep/file.tmp"
echo skip >"$L/skip/file"
echo 'a private key' >"$L/.ssh/id_ed25519"
echo 'a public key' >"$L/.ssh/id_ed25519.pub"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nQUJD\n-----END OPENSSH PRIVATE KEY-----\n' \
	>"$L/keep/looks-harmless"
cp -a "$T/ana" "$L/home of aumbry"
cp "$T/ana/device.key" "$L/keep/stray"
ok 'backs up with --exclude' \
	at ana backup "$L" --exclude '*.tmp' --exclude "$L/skip/"
left=$(tail -n 1 "$T/out")
run at ana restore "$left:$L" --to "$T/left2"
equal 'what is left' ". .ssh .ssh/id_ed25519 .ssh/id_ed25519.pub keep \
keep/file.txt keep/looks-harmless keep/stray" \
	"$(cd "$T/left2" && find . ! -path './cached*' ! -path './not*' \
		! -path './home of aumbry' | sed 's:^\./::' | LC_ALL=C sort |
		tr '\n' ' ' | sed 's/ $//')"
equal 'a cache keeps its tag at most' '' \
	"$(find "$T/left2/cached" "$T/left2/not" -name file 2>/dev/null)"
equal 'and of a home of ours nothing is there' '' \
	"$(find "$T/left2/home of aumbry" -type f 2>/dev/null)"
not 'a home of ours is left out even when it is named' sh -c '
	aumbry --home "$1" backup "$1" &&
	aumbry --home "$1" ls "latest:$1" | grep .' sh "$T/ana"
says 'an SSH key is in the keychain' ' id_ed25519  \[keychain\]$' \
	at ana ls -l "$left:$L/.ssh"
lacks 'its public half is not' 'pub.*keychain'
at ana ls -l "$left:$L/keep" >"$T/ls"
says 'a private key under any name is' ' looks-harmless  \[keychain\]$' \
	cat "$T/ls"
says 'and a key of ours' ' stray  \[keychain\]$' cat "$T/ls"
not 'and a text is not' grep 'txt.*keychain' "$T/ls"
ok '--secret names more' at ana backup "$L/keep" --secret 'file.txt'
says 'which go there too' ' file.txt  \[keychain\]$' \
	at ana ls -l "latest:$L/keep"

# ---- what moves while it is read ----

mkdir "$T/moving"
head -c 50000000 /dev/zero | tr '\0' a >"$T/moving/grows"
perl -e 'open(F, ">>", $ARGV[0]); F->autoflush;
	for (1 .. 100000) { print F "b" x 100;
		mkdir "$ARGV[1]"; open(G, ">", "$ARGV[1]/f"); close G;
		unlink "$ARGV[1]/f"; rmdir $ARGV[1]; }' \
	"$T/moving/grows" "$T/moving/vanishes" &
mover=$!
growing() {
	[ "$(stat -c %s "$T/moving/grows")" -gt 50000000 ]
}
until_true 5 growing
exits 'a file that grows and a folder that comes and goes' 0 \
	at ana backup "$T/moving"
kill $mover 2>/dev/null
wait $mover 2>/dev/null
run at ana restore "latest:$T/moving" --to "$T/moving2"
size=$(stat -c %s "$T/moving2/grows")
ok 'what was there at first is restored' [ "$size" -ge 50000000 ]
ok 'and nothing that never was' cmp -n "$size" "$T/moving/grows" \
	"$T/moving2/grows"

# ---- an ordinary user, and what that user may not read ----

mkdir "$T/user" "$T/bin"
cp "$BUILD/aumbry" "$T/bin/"
mkdir "$T/user/files" "$T/user/files/closed"
echo open >"$T/user/files/open"
echo shut >"$T/user/files/shut"
echo in >"$T/user/files/closed/in"
chmod 0 "$T/user/files/shut" "$T/user/files/closed"
invite=$(aumbryd invite --data "$DATA")
if root; then
	chmod 755 "$T"
	chown -R 65534:65534 "$T/user"
	AS="setpriv --reuid 65534 --regid 65534 --clear-groups \
env PATH=$T/bin:/usr/local/bin:/usr/bin:/bin HOME=$T/user"
fi
SECRET=$T/user/secret
ok 'an ordinary user signs up' sign_up user/home zoe --invite "$invite"
exits 'a backup of files that may not be read is done in part' 3 \
	at user/home backup "$T/user/files"
also 'that names the code' '^\(read-incomplete\)$'
also 'and the file' 'files/shut: '
also 'and the folder' 'files/closed: '
at user/home --json snapshot list >"$T/list"
equal 'the snapshot says that it is partial' true "$(json partial "$T/list")"
equal 'and counts what is in it' "$(at user/home find '*' | grep -c '/open$')" \
	"$(json files "$T/list")"
run at user/home --quiet backup "$T/user/files"
also '--quiet silences no status' '^\(read-incomplete\)$'
ok 'what could be read is restored' \
	at user/home restore "latest:$T/user/files/open" --to "$T/user/back"
ok 'as it was' cmp "$T/user/files/open" "$T/user/back/open"
root && chmod 711 "$T"
exits 'folders above that only let through are no obstacle' 3 \
	at user/home backup "$T/user/files"
# shellcheck disable=SC2034 # account.sh reads them
AS='' SECRET=$T/secret

# ---- restoring onto what is there ----

mkdir "$T/in" "$T/victim" "$T/planted"
mkdir "$T/in/dir"
echo good >"$T/in/dir/file"
echo good >"$T/in/file"
echo secret >"$T/victim/file"
ok 'a small backup' at ana backup "$T/in"
small=$(tail -n 1 "$T/out")
ln -s "$T/victim" "$T/planted/dir"
ln -s "$T/victim/file" "$T/planted/file"
for rule in never older always; do
	run at ana restore "$small:$T/in" --to "$T/planted" --overwrite $rule
	equal "--overwrite $rule does not follow links that were planted" \
		'secret file' "$(cat "$T/victim/file") $(ls "$T/victim")"
done
ln -s "$T/victim" "$T/planted/to"
run at ana restore "$small:$T/in" --to "$T/planted/to/in"
equal 'the target itself may be reached by a link, as it was typed' good \
	"$(cat "$T/victim/in/file" 2>/dev/null)"

over() { # RULE TIME: what becomes of a file of that age
	rm -rf "$T/over"
	mkdir "$T/over"
	echo mine >"$T/over/file"
	touch -d "$2" "$T/over/file"
	run at ana restore "$small:$T/in" --to "$T/over" --overwrite "$1"
	cat "$T/over/file"
}
touch -d '2020-01-01' "$T/in/file"
run at ana backup "$T/in"
small=$(tail -n 1 "$T/out")
equal '--overwrite never keeps a newer file' mine "$(over never 2021-01-01)"
equal 'and an older one' mine "$(over never 2019-01-01)"
equal '--overwrite older keeps a newer file' mine "$(over older 2021-01-01)"
equal 'and replaces an older one' good "$(over older 2019-01-01)"
equal '--overwrite always replaces a newer one' good \
	"$(over always 2021-01-01)"
refused 'another rule' 2 bad-usage \
	at ana restore "$small" --to "$T/x" --overwrite perhaps

ok 'and what the server holds is whole' aumbryd check --data "$DATA" --read
finish
