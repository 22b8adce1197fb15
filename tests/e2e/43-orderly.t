#!/bin/sh
# SPDX-License-Identifier: ISC
# 43-orderly.t: a backup that fails, is stopped or meets trouble loses nothing
# without a word, and leaves nothing in the way.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

T=$(cd "$T" && pwd -P)
root() { [ "$(id -u)" -eq 0 ]; }
noise() { head -c "${2}000000" /dev/urandom >"$1"; }
R=$T/repo
# home …: on the repository in a folder, or, when R is empty, on the account.
home() {
	if [ -n "$R" ]; then at home --repo "$R" "$@"; else at ana "$@"; fi
}
backup() { at home backup --to "$R" "$@"; }
# inject WHAT FILE COMMAND…: with system calls on that file made to fail. Leaks
# cannot be looked for beside strace.
inject() {
	what=$1 file=$2
	shift 2
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
		strace -qq -o "$T/trace" -P "$file" -e "trace=${what%%:*}" \
		-e "inject=$what" aumbry --home "$T/home" --password-file "$PW" "$@"
}
# runs: backups that hold up prune.
runs() {
	home --json prune --dry-run >"$T/runs" 2>/dev/null </dev/null
	json runs "$T/runs"
}

mkdir "$T/small" "$T/big"
echo s >"$T/small/s"
for i in 1 2 3 4 5 6; do noise "$T/big/f$i" 4; done
ok 'a first backup' backup "$T/small"
first=$(tail -n 1 "$T/out")

# ---- stopped by a signal, at places that are reached for sure ----

for at in 'pread64 f1 INT 1 130' 'pread64 f4 TERM 3 143' 'pread64 f6 HUP 4 129' \
	'flistxattr f2 INT 1 130' 'close f5 TERM 1 143'; do
	# shellcheck disable=SC2086 # words
	set -- $at
	exits "SIG$3 at $1 $4 of $2 ends it by the signal" "$5" \
		inject "$1:signal=SIG$3:when=$4" "$T/big/$2" \
		backup --to "$R" "$T/big"
	equal 'holds up no prune' 0 "$(runs)"
	equal 'and litters nothing' '' "$(find "$R/blobs/tmp" -type f)"
done
also 'it says so' '^\(stopped\)$'
ok 'what was stored before is there' home restore "$first:$T/small" --to "$T/b"
ok 'prune takes away what was stored in part' home prune --grace 0s
ok 'and the backup is made' backup "$T/big"
ok 'all of it is whole' home check --read
run home restore "latest:$T/big" --to "$T/b2"
ok 'and the same' trees_equal "$T/big" "$T/b2"

# ---- killed ----

exits 'SIGKILL cannot be answered' 137 \
	inject pread64:signal=SIGKILL:when=2 "$T/big/f6" \
	backup --to "$R" "$T/big" --verify
equal 'in a folder its lock ends with it' 0 "$(runs)"
ok 'so prune works' home prune --grace 0s
ok 'and all is whole' home check --read

# ---- no room ----
# borg #239, #9573; restic #1153

if small_disk "$T/stick" 16m; then
	R=$T/stick/repo
	ok 'a repository on a small disk' backup "$T/small"
	refused 'a backup that does not fit' 1 disk-full-here backup "$T/big"
	equal 'holds up no prune' 0 "$(runs)"
	equal 'and leaves no part of a pack' '' \
		"$(find "$R/blobs/tmp" -type f)"
	R=$T/repo
fi
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'a quota' aumbryd account --data "$DATA" quota ana 6M
R=''
for again in first second; do
	refused "the $again backup beyond it" 4 quota-exceeded \
		at ana backup "$T/big"
	equal 'holds up no prune' 0 "$(runs)"
done
ok 'so prune makes room' at ana prune --grace 0s
also 'of what was stored in part' '[1-9] deleted'
ok 'and what fits is stored' at ana backup "$T/small"
ok 'a server that goes away' stop_server
exits 'ends a backup' 5 at ana backup "$T/small"
R=$T/repo

# ---- no threads ----

if root; then
	mkdir "$T/user" "$T/bin"
	cp "$BUILD/aumbry" "$T/bin/"
	chown 65534:65534 "$T/user"
	chmod 755 "$T"
	AS="prlimit --nproc=1 setpriv --reuid 65534 --regid 65534 \
--clear-groups env ASAN_OPTIONS=detect_leaks=0 \
PATH=$T/bin:/usr/bin:/bin HOME=$T/user"
	ok 'where no thread is to be had' \
		at user/home backup --to "$T/user/repo" "$T/big"
	# Of restore another test knows.
	# shellcheck disable=SC2034 # account.sh reads it
	AS=''
	ok 'all is stored' at user/home --repo "$T/user/repo" check --read
fi

# ---- trouble with what is read ----

mkdir "$T/ill" "$T/ill/d"
noise "$T/ill/bad" 3
for f in a b d/c; do echo "$f" >"$T/ill/$f"; done
ill() { inject "$@" backup --to "$R" "$T/ill"; }
exits 'a file that fails in the middle' 3 \
	ill pread64:error=EIO:when=2 "$T/ill/bad"
also 'is named' "^aumbry: $T/ill/bad: .*Input/output error"
run home restore "latest:$T/ill" --to "$T/ill2"
equal 'and the rest is stored' 'a b d/c ' "$(cd "$T/ill2" &&
	find . -type f | sed 's:^\./::' | sort | tr '\n' ' ')"
echo new >"$T/ill/d/new"
exits 'a folder that cannot be listed' 3 \
	ill getdents64:error=EIO:when=1 "$T/ill/d"
also 'is named' "^aumbry: $T/ill/d: "
setfattr -n user.note -v n "$T/ill/a" 2>/dev/null
if getfattr -n user.note "$T/ill/a" >/dev/null 2>&1; then
	exits 'an attribute that cannot be read' 3 \
		ill fgetxattr:error=EIO "$T/ill/a"
	also 'is told' "^aumbry: $T/ill/a: .*attributes"
	exits 'by the next backup too' 3 \
		ill fgetxattr:error=EIO "$T/ill/a"
	exits 'but when it can be read' 0 backup "$T/ill"
fi
ln "$T/ill/b" "$T/ill/$(printf 'n\nl\033[31m\377')"
perl -e 'open F, ">", $ARGV[0] . "/" . "x" x 255' "$T/ill"
chmod 0 "$T/ill/$(printf 'n\nl\033[31m\377')"
root || exits 'a file with a name of controls' 3 backup "$T/ill"
ok 'names of all sorts' backup "$T/ill/b" "$T/ill"
equal 'no control reaches the terminal' '' \
	"$(tr -d '\n' <"$T/err" | tr -dc '\000-\037')"

# ---- an option reaches what is known ----

mkdir "$T/secrets"
echo 'one two three' >"$T/secrets/codes.txt"
echo 'four' >"$T/secrets/other"
touch -d '2020-01-01' "$T/secrets"/*
# What changed in the minute before is read again, whatever is asked: so these
# are of later minutes.
later() {
	run faketime -f "$1" aumbry --home "$T/home" --password-file "$PW" \
		backup --to "$T/repo2" "$T/secrets" $2
	aumbry --home "$T/home" --password-file "$PW" --repo "$T/repo2" \
		ls -l "$(tail -n 1 "$T/out"):$T/secrets" | grep -c keychain
}
equal 'a backup of no secret' 0 "$(later +5m '')"
equal 'with --secret it is one at once' 1 "$(later +10m '--secret codes.txt')"
equal 'and stays one' 1 "$(later +15m '--secret codes.txt')"
equal 'without it is none' 0 "$(later +20m '')"

if root && unshare -m true 2>/dev/null; then
	mkdir "$T/owned"
	echo o >"$T/owned/f"
	chown 4321:4321 "$T/owned/f"
	cp /etc/passwd "$T/passwd"
	echo 'newcomer:x:4321:4321::/:/bin/sh' >>"$T/passwd"
	# shellcheck disable=SC2016 # the inner shell's
	named() {
		run faketime -f "$2" unshare -m sh -c '
			mount --bind "$1" /etc/passwd && shift && exec "$@"' \
			sh "$1" aumbry --home "$T/home" --password-file "$PW" \
			backup --to "$T/repo2" "$T/owned"
		aumbry --home "$T/home" --password-file "$PW" --repo \
			"$T/repo2" ls -l "$(tail -n 1 "$T/out"):$T/owned"
	}
	not 'an owner without a name' grep newcomer \
		"$(named /etc/passwd +25m >"$T/ls"; echo "$T/ls")"
	says 'who gets one has it in the next backup' newcomer \
		named "$T/passwd" +30m
fi

# ---- deep, and made up ----
# borg #380

mkdir "$T/deep"
perl -e 'chdir $ARGV[0] or die; for (1 .. 3000) { mkdir "d"; mkdir "e";
	chdir "d" or die } open F, ">", "bottom" and print F "bottom\n"' \
	"$T/deep" || exit 1
ok '3,000 levels with 1,024 descriptors' sh -c 'ulimit -n 1024
	exec "$@"' sh aumbry --home "$T/home" --password-file "$PW" \
	backup --to "$R" "$T/deep"
also 'are all there' '^1 files, 600[0-9] directories'
says 'with what lies at the bottom' '/bottom$' home find bottom
mkdir "$T/wide"
perl -e 'chdir $ARGV[0] or die; open F, ">", "f"; print F "x"; close F;
	link "f", sprintf("%s-%05d", "w" x 100, $_) or die $! for 1 .. 20000' \
	"$T/wide" || exit 1
ok 'a folder that memory does not hold' backup "$T/wide"
wide=$(tail -n 1 "$T/out")
run home restore "$wide:$T/wide" --to "$T/wide2"
ok 'comes back' trees_equal "$T/wide" "$T/wide2"
ok 'what says that it is empty' backup /proc/sys/kernel/ostype
equal 'is stored with what it holds' Linux \
	"$(home cat latest:/proc/sys/kernel/ostype)"
truncate -s 6G "$T/small/large"
printf end | dd of="$T/small/large" bs=1 seek=5000000000 conv=notrunc 2>/dev/null
ok 'a file beyond 32 bits' backup "$T/small"
says 'has its size' ' 6442450944 ' home ls -l "latest:$T/small"
ok 'all of it is whole' home check --read

# ---- files that may grow only so far, and times before 1970 ----

R=$T/repo3
noise "$T/small/more" 8
limited() { prlimit --fsize=2000000:2000000 aumbry --home "$T/home" \
	--password-file "$PW" --repo "$R" "$@"; }
ok 'a repository' backup "$T/small/s"
exits 'a limit of file sizes is an error and no death' 1 \
	limited backup --to "$R" "$T/small"
also 'which is named' 'File too large'
equal 'it litters nothing' '' "$(find "$R/blobs/tmp" -type f)"
rm "$T/small/large"
touch -d '1960-02-03 04:05:06 UTC' "$T/small/s"
ok 'without the limit it goes on' backup "$T/small"
exits 'a restore names what cannot be' 3 \
	limited restore "latest:$T/small" --to "$T/limited"
also 'and why' '/more: .*File too large'
ok 'and gives back the rest' cmp "$T/small/s" "$T/limited/s"
says 'a time before 1970 is shown as it is' ' 1960-02-03 04:05:06 s$' \
	env TZ=UTC aumbry --home "$T/home" --password-file "$PW" --repo "$R" \
	ls -l "latest:$T/small"
stop_server
rm -f "$DATA/reserve" # made anew at the start, in vain
# shellcheck disable=SC2034
SERVE='prlimit --fsize=4000000:4000000'
start_server
R=
ok 'room for more' aumbryd account --data "$DATA" quota ana 60M
exits 'a server refuses what it may not store' 1 \
	at ana backup "$T/small" --exclude s
ok 'and stays for what it may' at ana backup "$T/small/s"
finish
