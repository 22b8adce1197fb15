#!/bin/sh
# SPDX-License-Identifier: ISC
# 41-restore-onto.t: right bytes under the right name, or it is said which not.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

root() {
	[ "$(id -u)" -eq 0 ]
}
start_server
run sign_up home ana --invite "$INVITE"
back() { # SPEC [FLAGS…]: restore from it into $T/to
	spec=$1
	shift
	at home restore "$spec" --to "$T/to" "$@"
}
store() { # PATH…: a backup; its ID in $id
	run at home backup "$@"
	id=$(tail -n 1 "$T/out")
}

# ---- hard links ----

mkdir "$T/two"
echo 'the content of both' >"$T/two/a"
ln "$T/two/a" "$T/two/b"
ln "$T/two/a" "$T/two/c"
store "$T/two"
ok 'three names of one file come back' back "$id:$T/two"
equal 'as one file' '1 3' "$(stat -c '%i %h' "$T/to"/[abc] | sort -u |
	awk '{ n = $2 } END { print NR, n }')"
ok 'and again, onto itself' back "$id:$T/two"
equal 'still as one' 1 "$(stat -c %i "$T/to"/[abc] | sort -u | wc -l)"
# What the first name's replacing does to the others is not new.
ok 'replacing all that is there' back "$id:$T/two" --overwrite always
equal 'as one again' '1 3' "$(stat -c '%i %h' "$T/to"/[abc] | sort -u |
	awk '{ n = $2 } END { print NR, n }')"
rm "$T/to/b" "$T/to/c"
echo older >"$T/to/a"
ln "$T/to/a" "$T/to/b"
ln "$T/to/a" "$T/to/c"
ln "$T/to/a" "$T/to/mine"
touch -d '2001-01-01' "$T/to/a"
ok 'or what is older' back "$id:$T/two" --overwrite older
equal 'as one of three, and a fourth that is not in the backup' '1 3 older' \
	"$(stat -c '%i %h' "$T/to"/[abc] | sort -u |
		awk '{ n = $2 } END { print NR, n }') $(cat "$T/to/mine")"
rm -r "$T/to"

# restic #836, borg #10387
for kept in 'of mine' 'the CONTENT of both'; do
	mkdir "$T/to"
	echo "$kept" >"$T/to/a"
	touch -r "$T/two/a" "$T/to/a"
	exits "a first name that is kept ($kept) is told" 3 back "$id:$T/two"
	also 'by name' '^aumbry: /a: '
	equal 'and stays' "$kept" "$(cat "$T/to/a")"
	equal 'the others have the content of the backup' \
		'the content of both the content of both' \
		"$(cat "$T/to/b" "$T/to/c" | tr "\n" " " | sed "s/ \$//")"
	equal 'as one file, which is not the kept one' '1 2 2' \
		"$(stat -c %h "$T/to/a" "$T/to/b" "$T/to/c" | tr '\n' ' ' |
			sed 's/ $//')"
	rm -r "$T/to"
done

# borg #4901: a second name on another file system
if root && mkdir -p "$T/to/there" && small_disk "$T/to/there" 8m; then
	mkdir "$T/two/there"
	ln "$T/two/a" "$T/two/there/d"
	ln "$T/two/a" "$T/two/there/e"
	store "$T/two"
	ok 'names on another file system come back too' back "$id:$T/two"
	ok 'with their content' cmp "$T/two/a" "$T/to/there/d"
	equal 'linked as far as can be' '3 2' "$(stat -c %h "$T/to/a" \
		"$T/to/there/d" | tr '\n' ' ' | sed 's/ $//')"
	ok 'and again' back "$id:$T/two"
	umount "$T/to/there"
	rm -r "$T/two/there"
fi
rm -rf "$T/to"

# duplicacy #468, rsnapshot #221: flags that forbid further names
if root && chattr +i "$T/two/a" 2>/dev/null; then
	store "$T/two"
	chattr -i "$T/two/a"
	ok 'a file that may not change comes back with all its names' \
		back "$id:$T/two"
	equal 'as one file' 1 "$(stat -c %i "$T/to"/[abc] | sort -u | wc -l)"
	says 'and may not change' '^....i' lsattr "$T/to/c"
	ok 'again, where it is already' back "$id:$T/two"
	chattr -i "$T/to/a"
	rm "$T/to/c"
	chattr +i "$T/to/a"
	ok 'with a name missing' back "$id:$T/two"
	ok 'that one is there' cmp "$T/two/a" "$T/to/c"
	chattr -i "$T/to/a" "$T/to/c"
	rm -r "$T/to"
fi

# ---- what is there ----

mkdir "$T/in" "$T/in/sub"
head -c 100000 /dev/urandom >"$T/in/file"
head -c 3000000 /dev/urandom >"$T/in/large"
truncate -s 20M "$T/in/sparse"
echo data | dd of="$T/in/sparse" bs=1 seek=5000000 conv=notrunc 2>/dev/null
ln -s file "$T/in/link"
mkfifo "$T/in/fifo"
echo in >"$T/in/sub/f"
chmod 640 "$T/in/file"
store "$T/in"
ok 'a tree comes back' back "$id:$T/in"
ok 'as it was' trees_equal "$T/in" "$T/to"

# restic #4838: same size, same time, other bytes
damage() { # FILE AT
	touch -r "$1" "$T/stamp"
	printf '\1\2\3\4' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
	touch -r "$T/stamp" "$1"
}
for f in file large sparse; do
	for rule in never older; do
		damage "$T/to/$f" 50000
		exits "$f with other bytes is not taken for restored ($rule)" 3 \
			back "$id:$T/in" --overwrite "$rule"
		also 'but named' "^aumbry: /$f: "
	done
	ok "--overwrite always replaces $f" back "$id:$T/in" --overwrite always
	ok 'with what it was' trees_equal "$T/in" "$T/to"
done
chmod 4777 "$T/to/file"
setfattr -n user.mine -v x "$T/to/file" 2>/dev/null
setfacl -m u:12345:r "$T/to/file" 2>/dev/null
chmod 777 "$T/to/sub"
setfattr -n user.mine -v x "$T/to/sub" 2>/dev/null
setfacl -d -m u:12345:r "$T/to/sub" 2>/dev/null
ok '--overwrite always gives back what else it had' \
	back "$id:$T/in" --overwrite always
ok 'mode, attributes and lists' trees_equal "$T/in" "$T/to"
equal 'of folders too' '' "$(getfattr -d -m - "$T/to/sub" 2>/dev/null)"

# What is in the way is named, whatever it is, and the rest comes.
taken() { # WHAT COMMAND…: what stands at file, large, sparse, link and fifo
	what=$1
	shift
	rm -rf "$T/to"
	mkdir "$T/to"
	for f in file large sparse link fifo; do
		"$@" "$T/to/$f"
	done
	exits "$what where files should be: never" 3 back "$id:$T/in"
	equal 'each named' 5 "$(grep -Ec \
		'^aumbry: /(file|large|sparse|link|fifo): .*conflict' "$T/err")"
	ok 'and the rest is there' cmp "$T/in/sub/f" "$T/to/sub/f"
	equal 'no litter' '' "$(find "$T/to" -name '.aumbry-*')"
}
taken 'folders' mkdir
exits 'folders stay under always, too' 3 back "$id:$T/in" --overwrite always
equal 'each named' 5 "$(grep -c 'in the way' "$T/err")"
# duplicacy #429
rm -rf "$T/to"
mkdir "$T/to"
echo x >"$T/to/sub"
exits 'a file where a folder should be: never' 3 back "$id:$T/in"
also 'it is named' '/sub: a regular file is in the way of a directory'
ok 'and stays' grep -qx x "$T/to/sub"
ok 'always replaces it' back "$id:$T/in" --overwrite always
touch -r "$T/in" "$T/to" # it was there, and keeps its own
ok 'by the folder and all in it' trees_equal "$T/in" "$T/to"
rm -rf "$T/to"
mkdir "$T/to" "$T/away"
ln -s "$T/away" "$T/to/sub"
exits 'a link there stays under always, too' 3 \
	back "$id:$T/in" --overwrite always
also 'and is named' '/sub: a symlink is in the way of a directory'
equal 'nothing goes where it leads' '' "$(ls -A "$T/away")"
taken 'links' ln -s /nowhere/at/all
ok 'always replaces links' back "$id:$T/in" --overwrite always
touch -r "$T/in" "$T/to" # it was there, and keeps its own
ok 'by what was there' trees_equal "$T/in" "$T/to"
other_fifo() {
	case $1 in
	*/fifo) echo x >"$1" ;;
	*) mkfifo -m 600 "$1" ;;
	esac
}
taken 'FIFOs' other_fifo
ok 'always replaces FIFOs' back "$id:$T/in" --overwrite always
touch -r "$T/in" "$T/to"
ok 'by what was there' trees_equal "$T/in" "$T/to"
if root && touch "$T/probe" && chattr +i "$T/probe" 2>/dev/null; then
	chattr -i "$T/probe"
	immutable() {
		echo mine >"$1"
		chattr +i "$1"
	}
	taken 'files that may not change' immutable
	exits 'always cannot replace those' 3 \
		back "$id:$T/in" --overwrite always
	chattr -i "$T/to"/*
fi
rm -rf "$T/to"

# backintime #708: the target is not the snapshot's
mkdir "$T/to" "$T/to/sub"
chmod 1777 "$T/to"
chmod 2750 "$T/to/sub"
root && chown 1234:1234 "$T/to" "$T/to/sub"
setfacl -d -m u:12345:rwx "$T/to" 2>/dev/null
touch -d 2002-02-02 "$T/to" "$T/to/sub"
props() {
	stat -c '%n %a %u %g %Y' "$T/to" "$T/to/sub"
	getfacl -p "$T/to" 2>/dev/null
}
props >"$T/props"
ok 'into folders that are there' back "$id:$T/in"
equal 'which keep mode, owner, list and time' "$(cat "$T/props")" "$(props)"
equal 'and give no list on' '' \
	"$(getfattr -d -m - "$T/to/file" "$T/to/sub/f" 2>/dev/null)"
equal 'nor a mode' 640 "$(stat -c %a "$T/to/file")"
rm -rf "$T/to"

# ---- as somebody else, by number ----

if root; then
	mkdir "$T/owned"
	echo x >"$T/owned/f"
	chown daemon:daemon "$T/owned/f"
	store "$T/owned"
	# Another machine: the numbers of that name are other ones.
	sed 's/^daemon:x:1:1:/daemon:x:7777:7777:/' /etc/passwd >"$T/passwd"
	sed 's/^daemon:x:1:/daemon:x:7777:/' /etc/group >"$T/group"
	cat >"$T/elsewhere" <<-END
		mount --bind "$T/passwd" /etc/passwd &&
		mount --bind "$T/group" /etc/group && exec "\$@"
	END
	elsewhere() {
		unshare -m sh "$T/elsewhere" \
			aumbry --home "$T/home" --password-file "$PW" \
			restore "$id:$T/owned" --to "$T/to" "$@"
	}
	if unshare -m sh "$T/elsewhere" true 2>/dev/null; then
		ok 'owners come back by name' elsewhere
		equal 'as the number here' 7777:7777 \
			"$(stat -c %u:%g "$T/to/f")"
		rm -r "$T/to"
		ok '--numeric-ids' elsewhere --numeric-ids
		equal 'gives the number there' 1:1 "$(stat -c %u:%g "$T/to/f")"
		rm -r "$T/to"
	fi
fi

# ---- few descriptors ----

# All begin with the same chunk, so all are begun at once.
mkdir "$T/many"
perl -e 'for my $i (1 .. 300) {
	open(F, ">", "$ARGV[0]/$i"); print F "\0" x 262144, $i; close F }' \
	"$T/many"
store "$T/many"
ok '300 files, and room for 200' prlimit --nofile=200:200 \
	aumbry --home "$T/home" --password-file "$PW" \
	restore "$id:$T/many" --to "$T/to"
ok 'are the same' trees_equal "$T/many" "$T/to"
rm -rf "$T/many" "$T/to"

# ---- which snapshot, which path ----

real=$(realpath "$T")
mkdir -p "$T/ours/docs/2024" "$T/etc"
echo letter >"$T/ours/docs/letter"
echo jpg >"$T/ours/docs/2024/x.jpg"
echo '#' >"$T/ours/docs/#note#"
echo conf >"$T/etc/conf"
ln -s docs "$T/ours/short"
ln -s "$T/ours" "$T/LINK"
store "$T/ours"
home=$id
# restic #5361, #2564: stored under the real path
ok 'a path through a link of this machine' back "latest:$T/LINK/docs"
also 'is said to be another' "LINK/docs is $real/ours/docs in the backup"
ok 'and given back' cmp "$T/ours/docs/letter" "$T/to/letter"
says 'ls follows it' '^letter$' at home ls "latest:$T/LINK/docs"
says 'cat follows one in the backup' '^letter$' \
	at home cat "latest:$T/ours/short/letter"
mv "$T/ours" "$T/moved"
says 'that is here no more' '^letter$' \
	at home cat "$home:$T/LINK/short/../docs//./letter"
mv "$T/moved" "$T/ours"
# What begins with . is of where one stands, and not of the root.
standing() { (cd "$T/ours/docs" && "$@"); }
equal '. is where one stands' letter "$(standing at home ls "$home:." 2>&1 |
	grep '^letter$')"
says '.. is above' '^docs/$' standing at home ls "$home:.."
says './ leads on' '^letter$' standing at home cat "$home:../docs/./letter"
says 'latest is the latest of it' 'letter$' \
	standing back latest:. --dry-run
says 'of the path, too' "^${real#/}/ours/docs/letter$" \
	standing back latest --path . --dry-run
equal 'and find names it as ls reads it' "$real/ours/docs/letter" "$(at home \
	--json find letter | sed -n '1s/.*"path":"\([^"]*\)".*/\1/p')"
# restic #2712: the newest of it
store "$T/etc"
rm -rf "$T/to"
ok 'latest is the latest of the path' back "latest:$T/ours/docs"
also 'and is said to be older' "latest of it is snapshot $home"
lacks 'which makes no newer one one of the future' 'not come yet'
ok 'and given back' cmp "$T/ours/docs/letter" "$T/to/letter"
says 'cat as well' '^letter$' at home cat "latest:$T/ours/docs/letter"
says 'without a path latest is the newest' 'conf$' \
	back latest --dry-run
says '--path says of what' 'letter$' back latest --path "$T/ours" --dry-run
says '--host says of which machine' 'conf$' \
	back latest --host "$(uname -n)" --dry-run
refused 'and none of another' 1 not-found back latest --host none --dry-run
refused '--host with an ID' 2 bad-usage back "$id" --host none --dry-run
rm "$T/ours/docs/letter"
store "$T/ours"
refused 'what the newest has no more' 1 not-found \
	back "latest:$T/ours/docs/letter"
also 'is named with the snapshot that has it' \
	"^Snapshot $home of .* has it: $home:$real/ours/docs/letter$"
refused 'what none has' 1 not-found back "latest:$T/ours/docs/none"
also 'too' '^No snapshot has it'
# restic #1487: patterns are those of --exclude
for p in 'docs/2024/**' '/docs/2024/' '**/2024/x.jpg' 'docs/*/x.jpg' \
	"$real/ours/docs/2024/**" '#note#'; do
	ok "find $p" at home find "$p"
	rm -rf "$T/to"
	ok "--include $p" back "$home" --include "$p"
	not 'gives back' sh -c 'test -z "$(find "$1" -type f)"' sh "$T/to"
done
refused 'a pattern that takes nothing' 1 not-found \
	back "$home" --include 'no/such/**'
# restic #21866
ok '--json restore --dry-run' at home --json restore "$home:$T/ours" --dry-run
equal 'prints objects' '{"event":"would-restore","path":"docs/letter","type":"regular file","size":7}' \
	"$(grep letter "$T/out" | sed 's/,"mtime":[0-9]*//')"
rm -rf "$T/to"

# ---- as an ordinary user ----

# restic #655, #1993, borg #8088
if root; then
	mkdir "$T/mine" "$T/user"
	cp "$BUILD/aumbry" "$T/user/"
	echo a >"$T/mine/own"
	chown -R 4001:4001 "$T/mine"
	echo b >"$T/mine/grouped"
	chown 4001:4777 "$T/mine/grouped"
	chmod 2750 "$T/mine/grouped"
	chown -R 4001:4001 "$T/user"
	chmod 755 "$T"
	chmod 644 "$PW"
	user() {
		setpriv --reuid 4001 --regid 4001 --groups 4777 \
			"$T/user/aumbry" --home "$T/user/home" \
			--repo-password-file "$PW" "$@"
	}
	ok 'a user backs up' user backup "$T/mine" --to "$T/user/repo"
	ok 'and restores without a complaint' user restore "latest:$T/mine" \
		--to "$T/user/back" --repo "$T/user/repo"
	equal 'with the group of each' '4001:4777 2750' \
		"$(stat -c '%u:%g %a' "$T/user/back/grouped")"
	chmod 2770 "$T/user/back"
	chgrp 4777 "$T/user/back"
	ok 'into a folder that gives its group on' user restore \
		"latest:$T/mine" --to "$T/user/back/x" --repo "$T/user/repo"
	equal 'which does not' 4001:4001 "$(stat -c '%u:%g' \
		"$T/user/back/x/own")"
	# A container may allow no thread; who looks for leaks wants one.
	ok 'without a thread to be had, too' setpriv --reuid 4001 \
		--regid 4001 --clear-groups prlimit --nproc=1 \
		env ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
		"$T/user/aumbry" --home "$T/user/home" \
		--repo-password-file "$PW" restore "latest:$T/mine/own" \
		--to "$T/user/one" --repo "$T/user/repo"
	ok 'it is there' cmp "$T/mine/own" "$T/user/one/own"
	mkdir "$T/mixed"
	echo c >"$T/mixed/roots"
	cp -p "$T/mixed/roots" "$T/mixed/flagged"
	user backup "$T/mine" --to "$T/user/repo2" >/dev/null 2>&1
	chattr +i "$T/mixed/flagged" 2>/dev/null && flagged=1
	aumbry --home "$T/home" --repo-password-file "$PW" backup "$T/mixed" \
		--to "$T/user/repo2" >/dev/null 2>&1
	chattr -i "$T/mixed/flagged" 2>/dev/null
	chown -R 4001:4001 "$T/user"
	exits 'what others own is given to the user, and that is told' 3 \
		user restore "latest:$T/mixed" --to "$T/user/mixed" \
		--repo "$T/user/repo2"
	also 'once' '^aumbry: 3 objects came back without their owner'
	also 'with the code' '^\(write-incomplete\)$'
	[ -z "${flagged-}" ] ||
		also 'and the flag' '^aumbry: 1 objects came back without their flags'
	ok 'with their content' cmp "$T/mixed/roots" "$T/user/mixed/roots"
	exits 'it is told quietly, too' 3 \
		user --quiet restore "latest:$T/mixed" --to "$T/user/mixed2" \
		--repo "$T/user/repo2"
	also 'with the code' '^\(write-incomplete\)$'
fi

# ---- mounted ----

# restic #1330, #5722; borg #1017, #4433
shows() { # how many snapshots
	[ "$(find "$T/mnt" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq "$1" ]
}
all=$(at home snapshot list | wc -l)
mkdir "$T/mnt"
MOUNTS="$MOUNTS $T/mnt"
# Not by `at`: $! must be the program, and not a shell that waits for it.
aumbry --home "$T/home" --password-file "$PW" mount "$T/mnt" >/dev/null 2>"$T/mount.err" </dev/null &
mount=$!
if [ -e /dev/fuse ] && until_true 20 grep -q 'mounted at' "$T/mount.err"; then
	ok 'a mount shows all snapshots' shows "$all"
	latest=$(readlink "$T/mnt/latest")
	not 'and not one that is none yet' ls "$T/mnt/$latest-no"
	echo later >"$T/etc/later"
	store "$T/etc"
	ok 'a later one appears' until_true 20 shows $((all + 1))
	ok 'and is the latest' until_true 20 \
		test "$(readlink "$T/mnt/latest")" != "$latest"
	ok 'with what is in it' cmp "$T/etc/later" "$T/mnt/latest$real/etc/later"
	ok 'the older one is what it was' test -e "$T/mnt/$latest"
	run at home snapshot forget "$home"
	ok 'a forgotten one goes' until_true 20 shows "$all"
	kill $mount
	wait $mount
	equal 'nothing was complained of' 1 "$(wc -l <"$T/mount.err")"
	empty() { aumbry --home "$T/nobody" --repo-password-file "$PW" \
		--repo "$T/empty" "$@"; }
	run empty backup "$T/etc"
	run empty snapshot forget --keep-last 0 --yes
	aumbry --home "$T/nobody" --repo-password-file "$PW" \
		--repo "$T/empty" mount "$T/mnt" >/dev/null \
		2>"$T/mount.err" </dev/null &
	mount=$!
	until_true 20 grep -q 'mounted at' "$T/mount.err"
	ok 'one without a snapshot is an empty folder' ls -A "$T/mnt"
	equal 'with nothing in it' '' "$(cat "$T/out")"
	not 'not the latest either' test -e "$T/mnt/latest"
	run empty backup "$T/etc"
	ok 'until there is one' until_true 20 shows 1
	ok 'which is the latest' cmp "$T/etc/later" \
		"$T/mnt/latest$real/etc/later"
	kill $mount
	wait $mount
	if root && [ -u "$(command -v fusermount3)" ]; then
		chmod 600 "$T/mixed"/*
		chown 4000:4000 "$T/mixed"/*
		chmod 700 "$T/mixed"
		aumbry --home "$T/home" --repo-password-file "$PW" backup \
			"$T/mixed" --to "$T/user/repo2" >/dev/null 2>&1
		chown -R 65534:65534 "$T/user" "$T/mnt" # FUSE wants a name
		# /dev/fuse may be root's: one for all, seen by these alone.
		mknod -m 666 "$T/fuse" c 10 229
		cat >"$T/mounting" <<-'END'
			mount --bind "$T/fuse" /dev/fuse || exit
			: >"$T/mount.err"
			setpriv --reuid 65534 --regid 65534 --clear-groups "$@" \
				2>"$T/mount.err" &
			until grep -q . "$T/mount.err"; do sleep 0.02; done
			file=$T/mnt/latest$(realpath "$T")/mixed/roots
			setpriv --reuid 65534 --regid 65534 --clear-groups \
				cat "$file"
			setpriv --reuid 4000 --regid 4000 --clear-groups \
				cat "$file" 2>&1
			kill $!
			wait $!
			cat "$T/mount.err"
		END
		export T
		ok 'a user mounts what others own' unshare -m sh "$T/mounting" \
			"$T/user/aumbry" --home "$T/user/home" \
			--repo-password-file "$PW" mount "$T/mnt" \
			--repo "$T/user/repo2"
		also 'and reads it' '^c$'
		also 'which nobody else does' 'Permission denied$'
	fi
else
	kill $mount 2>/dev/null
fi
finish
