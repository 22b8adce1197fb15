#!/bin/sh
# SPDX-License-Identifier: ISC
# 41-named.t: what is named is stored, or it is told.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

T=$(cd "$T" && pwd -P)
root() { [ "$(id -u)" -eq 0 ]; }
R=$T/repo
home() { at home --repo "$R" "$@"; }
backup() { at home backup --to "$R" "$@"; }
# files DIR: what of it the latest snapshot holds, files only.
files() {
	rm -rf "$T/back"
	at home --repo "$R" restore "latest:$1" --to "$T/back" \
		>/dev/null 2>&1 </dev/null
	(cd "$T/back" && find . ! -type d | sed 's:^\./::' | LC_ALL=C sort |
		tr '\n' ' ' | sed 's/ $//')
}

# ---- default excludes are the system's own ----
# raspiBackup #76

P=$T/person
for d in dev run sys proc var/cache .cache lost+found; do
	mkdir -p "$P/$d"
	echo mine >"$P/$d/f"
done
ok 'a person has folders named as the system has' backup "$P"
equal 'which are stored, and caches are not' \
	'dev/f lost+found/f proc/f run/f sys/f var/cache/f' "$(files "$P")"
ok 'a pattern takes a cache back' backup "$P" --exclude '!.cache/'
equal 'and it is stored too' \
	'.cache/f dev/f lost+found/f proc/f run/f sys/f var/cache/f' "$(files "$P")"
ok 'a pattern that is anchored means the root' backup "$P" --exclude /dev/
equal 'and nothing else' 'lost+found/f proc/f run/f sys/f var/cache/f' \
	"$(files "$P")"
mkdir -p "$T/chroot/proc" "$T/chroot/bin"
echo sh >"$T/chroot/bin/sh"
if root && mount -t proc proc "$T/chroot/proc" 2>/dev/null; then
	MOUNTS="$MOUNTS $T/chroot/proc"
	ok 'what a kernel makes up is left out wherever it is' \
		backup "$T/chroot"
	equal 'the rest is stored' bin/sh "$(files "$T/chroot")"
	ok 'but when it is named' backup "$T/chroot/proc/sys/kernel/ostype"
	equal 'it is stored with what it holds' Linux "$(at home \
		--repo "$R" cat "latest:$T/chroot/proc/sys/kernel/ostype")"
fi

# restic #5361: $HOME, by which patterns are written, may lead through a link
ln -s "$P" "$T/by link"
for way in "$T/by link" "$T/./by link//"; do
	ok 'a root by a link' backup "$way" --exclude "$T/by link/dev" \
		--exclude "$T/by link/var/*" --exclude "$T/by lin/sys"
	equal 'patterns may name it so' 'lost+found/f proc/f run/f sys/f' \
		"$(files "$P")"
done
ok 'from where a link leads' sh -c 'cd "$1" && shift && exec "$@"' sh \
	"$T/by link" aumbry --home "$T/home" --password-file "$PW" backup \
	--to "$R" . --exclude "$T/by link/proc"
equal 'as well' 'dev/f lost+found/f run/f sys/f var/cache/f' "$(files "$P")"

# ---- roots in roots ----
# restic #907, #702

N=$T/nested
mkdir -p "$N/.cache/letters" "$N/.cache/rest" "$N/big/keep/in" "$N/big/drop" \
	"$N/tagged/deep/named" "$N/plain"
for f in .cache/letters/l .cache/rest/r big/keep/k big/keep/in/i big/drop/d \
	tagged/t tagged/deep/u tagged/deep/named/n plain/p; do
	echo "$f" >"$N/$f"
done
touch "$N/tagged/.nobackup"
ok 'a root in a folder that the default list leaves out' \
	backup "$N" "$N/.cache/letters"
equal 'is stored, and of that folder nothing else' \
	'.cache/letters/l big/drop/d big/keep/in/i big/keep/k plain/p' \
	"$(files "$N")"
ok 'a root in one that a pattern leaves out' \
	backup "$N/big/keep" "$N" --exclude /big/
equal 'is stored' 'big/keep/in/i big/keep/k plain/p' "$(files "$N")"
ok 'a root below a tag' backup "$N" "$N/tagged/deep/named"
equal 'is stored' \
	'big/drop/d big/keep/in/i big/keep/k plain/p tagged/deep/named/n' \
	"$(files "$N")"
ok 'a file that is named, below all of them' backup "$N" "$N/.cache/rest/r" \
	"$N/tagged/t" "$N/big/drop/d" --exclude big
equal 'is stored' '.cache/rest/r big/drop/d plain/p tagged/t' "$(files "$N")"
ok 'named twice, and in another way' backup "$N/plain" "$N/plain/" \
	"$N/plain/../plain/p"
equal 'it is stored once' 1 "$(home ls "latest:$N/plain" | wc -l)"
if small_disk "$N/plain/other" 4m; then
	mkdir "$N/plain/other/home"
	echo far >"$N/plain/other/home/f"
	echo near >"$N/plain/other/n"
	ok 'a root on another file system, with -x' backup --one-file-system \
		"$N/plain" "$N/plain/other/home"
	equal 'is stored, and of that file system nothing else' \
		'other/home/f p' "$(files "$N/plain")"
	ok 'and without the named one' backup --one-file-system "$N/plain"
	equal 'none of it' p "$(files "$N/plain")"
	# restic #909: a mount point comes back, by its own name too
	says 'but the folder that it is mounted on' '^other/$' \
		home ls "latest:$N/plain"
	ok 'which is listed as empty' home ls "latest:$N/plain/other"
	equal 'as it is stored' '' "$(cat "$T/out")"
	chmod 1750 "$N/plain/other"
	run backup --one-file-system "$N/plain"
	ok 'and given back' home restore "latest:$N/plain/other" --to "$T/point"
	equal 'as what it was' 1750 "$(stat -c %a "$T/point")"
fi
run backup "$N"
ok 'so is a folder that says to leave it out' \
	home ls "latest:$N/tagged"
refused 'and nothing is in it' 1 not-found home ls "latest:$N/tagged/t"
ok 'all that was stored can be read' home check --read

# ---- a root that is tagged ----
# restic #2722

mkdir -p "$T/work/cached"
echo w >"$T/work/w"
echo c >"$T/work/cached/c"
touch "$T/work/.nobackup"
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' \
	>"$T/work/cached/CACHEDIR.TAG"
ok 'a tagged folder that is named' backup "$T/work"
equal 'is stored, but for tagged ones in it' '.nobackup w' "$(files "$T/work")"
ok 'a cache that is named' backup "$T/work/cached"
equal 'is stored' 'CACHEDIR.TAG c' "$(files "$T/work/cached")"
exits 'a home of ours that is named is told' 3 backup "$T/home"
also 'and why' 'home of this program'
exits 'and beside others' 3 backup "$T/work" "$T/home"
equal 'which are stored' '.nobackup w' "$(files "$T/work")"

# ---- a root that is not there ----
# duplicati #2919, kopia #374

exits 'one root that is missing' 3 backup "$T/nowhere" "$T/work"
also 'is told by its name' "^aumbry: $T/nowhere: .*\(not-found\)\$"
equal 'and the other is stored' '.nobackup w' "$(files "$T/work")"
refused 'none that is there' 1 not-found backup "$T/nowhere" "$T/neither"
ln -s "$T/nowhere" "$T/dangling"
refused 'a link to nothing' 1 not-found backup "$T/dangling"
refused 'a name with an escape' 1 not-found backup "$T/$(printf 'x\033[31m')"
equal 'moves no cursor' '' "$(tr -d '\n' <"$T/err" | tr -dc '\000-\037')"
if root; then
	mkdir "$T/shut" "$T/open"
	echo s >"$T/shut/s"
	echo o >"$T/open/o"
	chmod 0 "$T/shut"
	mkdir "$T/user" "$T/bin"
	cp "$BUILD/aumbry" "$T/bin/"
	chown -R 65534:65534 "$T/user" "$T/open"
	chmod 755 "$T"
	AS="setpriv --reuid 65534 --regid 65534 --clear-groups \
env PATH=$T/bin:/usr/bin:/bin HOME=$T/user"
	R=$T/user/repo
	exits 'a root that may not be read' 3 at user/home backup --to "$R" \
		"$T/open" "$T/shut"
	also 'is told' "^aumbry: $T/shut: "
	ok 'the other is stored' at user/home --repo "$R" \
		cat "latest:$T/open/o"
	refused 'alone it is an error' 1 io-error \
		at user/home backup --to "$R" "$T/shut"
	# shellcheck disable=SC2034 # account.sh reads it
	R=$T/repo AS=''
fi

# ---- what this program keeps ----
# plakar PR 559, rdiff-backup #296

mkdir "$T/ana"
echo a >"$T/ana/a"
R=$T/ana/backup
ok 'a repository within what is backed up' backup "$T/ana"
also 'is left out, and told' "^aumbry: $T/ana/backup: .*left out"
equal 'only the rest is stored' a "$(files "$T/ana")"
ok 'so is it the next time' backup "$T/ana"
equal 'as much' a "$(files "$T/ana")"
exits 'and when it is named' 3 backup "$T/ana" "$R"
exits 'or something in it' 3 backup "$T/ana" "$R/blobs"
equal 'which would hold itself' a "$(files "$T/ana")"
R=$T/repo
ok 'another repository on the way' backup "$T/ana"
also 'is left out, and told' "^aumbry: $T/ana/backup: .*left out"
equal 'only the rest is stored' a "$(files "$T/ana")"
ok 'but when it is named' backup "$T/ana/backup"
says 'it is stored' '^aumbry-repo' home ls "latest:$T/ana/backup"
start_server
stop_server
mkdir "$T/srv"
mv "$DATA" "$T/srv/data"
echo s >"$T/srv/s"
ok "a server's data on the way" backup "$T/srv"
also 'are left out, and told' "^aumbry: $T/srv/data: .*left out"
equal 'the rest is stored' s "$(files "$T/srv")"

# ---- patterns that begin a comment elsewhere ----
# BackupScript #3

mkdir "$T/hash"
touch "$T/hash/#auto#" "$T/hash/f" "$T/hash/s "
ok 'a pattern with a # on the command line' \
	backup "$T/hash" --exclude '#*#'
equal 'is one' 'f s ' "$(files "$T/hash")"
ok 'and one with a space at its end' backup "$T/hash" --exclude 's '
equal 'means it' '#auto# f' "$(files "$T/hash")"
printf '#*#\n\\#auto#\n' >"$T/patterns"
ok 'in a file it begins a comment' \
	backup "$T/hash" --exclude-from "$T/patterns"
equal 'but escaped' 'f s ' "$(files "$T/hash")"
run backup "$T/hash"
says 'find takes it too' '/#auto#$' home find '#*#'
run home restore "latest:$T/hash" --to "$T/some" --include '#*#'
equal 'and restore' '#auto#' "$(ls "$T/some")"
run rm -r "$T/some"
ok 'a pattern as the shell completes it' backup "$T/hash" --exclude ./f
equal 'is one of what is named' '#auto# s ' "$(files "$T/hash")"
# listed LINES: a backup with the patterns that a program writes.
listed() { printf "$1" | aumbry --home "$T/home" --password-file "$T/pw" \
	backup --to "$R" "$T/hash" --exclude-from -; }
ok 'a list from another program' listed 'f\n'
equal 'is read' '#auto# s ' "$(files "$T/hash")"
for p in ../f '[f' 'f\' a//f; do
	refused "$p, that can match nothing" 2 bad-usage \
		backup "$T/hash" --exclude "$p"
done
refused 'and of a list' 2 bad-usage listed 'f\n\n../f\n'
also 'by its line' 'line 3'
# As an editor of Windows writes it, and find -print0.
refused 'a list of another encoding' 2 bad-usage \
	listed '\377\376f\000\n\000s\000\n\000'
also 'is said to be one' 'line 1: .*UTF-16'
refused 'or by zero bytes' 2 bad-usage listed 'f\000s \000'
refused 'the password and a list from one place' 2 bad-usage \
	backup "$T/hash" --password-file - --exclude-from -

# ---- a dry run ----
# borg #850

ok 'a dry run to a repository that is not there' \
	at fresh backup "$T/hash" --dry-run --to "$T/new"
also 'says what there is' '3 files'
not 'and makes none' [ -e "$T/new" ]
not 'and no home' [ -e "$T/fresh" ]
finish
