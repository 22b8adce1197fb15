#!/bin/sh
# SPDX-License-Identifier: ISC
# 45-family.t: forget, diff, tag and mount: what is done with many snapshots.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

MOUNT=''
# mount_all HOME: mount on $T/mnt in the background, wait for its line. Not by
# `at`: $! must be the program, and not a shell that waits for it.
mount_all() {
	mkdir -p "$T/mnt"
	: >"$T/mount.err"
	# What a script starts in its background ignores SIGINT.
	env --default-signal=INT \
		aumbry --home "$T/$1" --password-file "$PW" mount "$T/mnt" \
		>"$T/mount.out" 2>"$T/mount.err" </dev/null &
	MOUNT=$!
	until_true 30 answered && kill -0 "$MOUNT" 2>/dev/null
}
answered() {
	grep -q '^aumbry: mounted at ' "$T/mount.err" ||
		! kill -0 "$MOUNT" 2>/dev/null
}
# unmount_all [SIGNAL]: ends it, and returns its exit status.
unmount_all() {
	[ -n "$MOUNT" ] || return 0
	kill -"${1:-TERM}" "$MOUNT" 2>/dev/null
	wait "$MOUNT"
	ended=$?
	MOUNT=''
	return $ended
}
trap 'unmount_all || umount -l "$T/mnt" 2>/dev/null; cleanup' EXIT
mounted() {
	grep -q " $T/mnt fuse" /proc/mounts
}
# same_part FILE OFFSET BYTES: is that part the same in both trees?
same_part() {
	for tree in "$S" "$T/mnt/latest$S"; do
		dd if="$tree/$1" iflag=skip_bytes,count_bytes skip="$2" \
			count="$3" bs=65536 status=none >"$T/part" || return 1
		sha256sum <"$T/part"
	done | uniq | wc -l | grep -qx 1
}

# ---- forget by policy: a year of snapshots in a folder ----

TZ=CET-1CEST,M3.5.0,M10.5.0/3
export TZ
echo 'folder pass' >"$T/fp"
mkdir "$T/files"
echo one >"$T/files/one"
disk() {
	aumbry --home "$T/nobody" --repo-password-file "$T/fp" \
		--repo "$T/disk" "$@"
}
# then_at TIME COMMAND…: aumbry on the folder, at that time.
then_at() {
	time=$1
	shift
	faketime -f "@$time" aumbry --home "$T/nobody" \
		--repo-password-file "$T/fp" "$@"
}
# hours: of all snapshots, as days and hours here.
hours() {
	disk snapshot list | cut -d' ' -f 3,4 | cut -c 1-13 | tr '\n' ','
}
for t in '2023-12-31 23:30:00' '2024-01-01 00:30:00' '2024-01-01 12:00:00' \
	'2024-02-28 12:00:00' '2024-03-31 01:30:00' '2024-03-31 03:30:00' \
	'2024-04-01 09:00:00' '2024-04-02 09:00:00' '2024-04-02 10:00:00'; do
	echo "$t" >"$T/files/when"
	run then_at "$t" backup "$T/files" --to "$T/disk" ||
		fail "a backup at $t (exit $?)"
done
equal 'nine snapshots' \
	"2023-12-31 23,2024-01-01 00,2024-01-01 12,2024-02-28 12,\
2024-03-31 01,2024-03-31 03,2024-04-01 09,2024-04-02 09,2024-04-02 10," \
	"$(hours)"
refused 'neither IDs nor a policy' 2 bad-usage disk snapshot forget
refused 'both' 2 bad-usage disk snapshot forget latest --keep-last 1
refused 'a number that is none' 2 bad-usage \
	disk snapshot forget --keep-daily many
refused 'a span that is none' 2 bad-usage \
	disk snapshot forget --keep-within soon
refused 'a policy that keeps nothing' 2 bad-usage \
	disk snapshot forget --keep-last 0
refused 'a tag that nobody has' 2 bad-usage \
	disk snapshot forget --keep-tag gold
also 'which says so' 'would keep nothing'
equal 'none is forgotten by that' 9 "$(disk snapshot list | wc -l)"
ok '--dry-run' disk --json snapshot forget --keep-daily 2 --dry-run
equal 'says what would be' '2 7 true' "$(json kept "$T/out") \
$(json forgotten "$T/out") $(json dry_run "$T/out")"
equal 'and does nothing' 9 "$(disk snapshot list | wc -l)"
ok 'a host that there is not' \
	disk snapshot forget --keep-last 1 --host nowhere
equal 'has nothing to forget' 9 "$(disk snapshot list | wc -l)"
says 'forgets by days, months and years' \
	'^  keep +[0-9a-f]{8}  2024-04-02 10:00:0[0-9]  daily, monthly, yearly$' \
	disk snapshot forget --keep-daily 3 --keep-monthly 3 --keep-yearly 2
also 'names what went' '^  forget +[0-9a-f]{8}  2024-04-02 09:00:0[0-9]$'
also 'and what frees the space' '5 kept, 4 forgotten. aumbry prune frees'
equal 'the newest of each is left' \
	"2023-12-31 23,2024-02-28 12,2024-03-31 03,2024-04-01 09,\
2024-04-02 10," "$(hours)"
first=$(disk snapshot list | head -n 1 | cut -d' ' -f 1)
ok 'a tag' disk snapshot tag "$first" --add gold
ok 'forgets all but the last days and that tag' \
	disk snapshot forget --keep-within 26h --keep-tag gold
equal 'which are three' '2023-12-31 23,2024-04-01 09,2024-04-02 10,' "$(hours)"
ok 'what is left is whole' disk check --read
ok '--yes forgets what no rule keeps' \
	disk --yes snapshot forget --keep-last 0 --tag gold
equal 'those of the tag alone' 2 "$(disk snapshot list | wc -l)"
unset TZ

# ---- diff and tag ----

S=$T/source
mkdir "$S"
perl "$ROOT/tests/e2e/tree.pl" odd "$S" || exit 1
setfattr -n user.note -v 'some note' "$S/text"
mkdir "$S/gone" "$S/turns" "$S/a" "$S/a.b"
echo in >"$S/gone/file"
echo in >"$S/turns/file"
echo x >"$S/a/x"
echo x >"$S/a.b/x"
truncate -s 1G "$S/sparse"
for at in 0 4096 500000000 1073741820; do
	printf 'data' | dd of="$S/sparse" bs=1 seek=$at conv=notrunc \
		status=none
done
truncate -s 5M "$S/hole"

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'backs up' at ana backup "$S" --tag red --tag blue
one=$(tail -n 1 "$T/out")
ok 'and again' at ana backup "$S"
two=$(tail -n 1 "$T/out")
ok 'diff of two alike' at ana snapshot diff "$one" "$two"
equal 'prints nothing' '' "$(grep -F " $S" "$T/out")"
rm -r "$S/gone" "$S/turns"
echo 'a file now' >"$S/turns"
echo more >>"$S/a/x"
echo new >"$S/a.b/new"
touch -d 2001-01-01 "$S/a.b/x"
touch -d 2002-02-02 "$S/names" "$S/a" "$S/a.b" "$S"
ok 'backs up what changed' at ana backup "$S"
three=$(tail -n 1 "$T/out")
at ana snapshot diff "$two" "$three" >"$T/diff" 2>"$T/words"
cat >"$T/wanted" <<END
+ $S/a.b/new
- $S/gone/
- $S/gone/file
- $S/turns/file
M $S/a/x
T $S/turns
m $S/
m $S/a.b/
m $S/a.b/x
m $S/a/
m $S/names/
END
# Folders above may change too: other programs use them.
equal 'diff finds all of it' "$(cat "$T/wanted")" \
	"$(grep -F " $S" "$T/diff" | LC_ALL=C sort)"
meta=$(grep -c '^m' "$T/diff")
says 'and counts' "^1 added \(4 B\), 3 removed \(6 B\), 1 changed in content, $meta in metadata, 1 in type\.\$" \
	cat "$T/words"
at ana snapshot diff "$three" "$two" >"$T/back" 2>"$T/words"
equal 'backwards it is the reverse' \
	"$(sed 's/^+/x/; s/^-/+/; s/^x/-/; s:turns$:turns/:' "$T/diff" |
		LC_ALL=C sort)" "$(LC_ALL=C sort "$T/back")"
at ana --json snapshot diff "$two" "$three" >"$T/diff"
equal '--json ends with the sums' "1 3 1 $meta 1" "$(for f in added removed \
	content metadata type; do json $f "$T/diff"; done | tr '\n' ' ' |
	sed 's/ $//')"
equal 'in one line each' $((7 + meta)) "$(wc -l <"$T/diff")"
refused 'diff of one' 2 bad-usage at ana snapshot diff "$one"
refused 'diff with none' 1 not-found at ana snapshot diff "$one" 00000000

ok 'takes a tag away and gives two' \
	at ana snapshot tag "$one" --remove red --add green --add 'bl ue'
at ana --json snapshot list --tag green >"$T/list"
equal 'the snapshot has them' '["blue","green","bl ue"]' \
	"$(json tags "$T/list")"
equal 'and is the same one' "$one" "$(json id "$T/list" | cut -c 1-${#one})"
equal 'nobody has the old one' '' "$(at ana snapshot list --tag red)"
refused 'no change at all' 2 bad-usage at ana snapshot tag "$one"
refused 'an empty tag' 2 bad-usage at ana snapshot tag "$one" --add ''
refused 'a tag that is too long' 2 bad-usage at ana snapshot tag "$one" \
	--add "$(printf '%0256d' 0)"
ok 'a tagged snapshot restores' \
	at ana restore "$one:$S/names" --to "$T/names"

# ---- mount ----

ok 'mounts' mount_all ana
ok 'as a file system' mounted
equal 'one folder for each snapshot, and the newest' 4 \
	"$(ls "$T/mnt" | wc -l)"
equal 'latest is the newest' "$(cd "$T/mnt" && ls -d 2*-"$(echo "$three" |
	cut -c 1-8)")" "$(readlink "$T/mnt/latest")"
ok 'diff -r finds no difference' diff -r --no-dereference \
	-x fifo -x socket "$S" "$T/mnt/latest$S"
ok 'nor does rsync, with owners, times, links and attributes' \
	trees_equal "$S" "$T/mnt/latest$S"
says 'the note is there' 'user.note="some note"' \
	getfattr -d "$T/mnt/latest$S/text"
equal 'names of one file have one number' \
	"$(stat -c %i "$T/mnt/latest$S/hard")" \
	"$(stat -c %i "$T/mnt/latest$S/other/hard")"
equal 'a FIFO and a socket are shown' 'fifo socket' \
	"$(stat -c %F "$T/mnt/latest$S/fifo" "$T/mnt/latest$S/socket" |
		tr '\n' ' ' | sed 's/ $//')"
bad=0
for at in 0 1 4095 65535 131071 131073 1048575 3333333 8999999 8999998 9000000; do
	for n in 1 4097 200000; do
		same_part big $at $n || bad=$((bad + 1))
	done
done
equal 'parts of a file, from anywhere, are the same' 0 $bad
same_part big 100 5 && dd if=/dev/zero of="$T/part" bs=5 count=1 status=none
not 'a part and another one are not' cmp -s -n 5 "$S/big" "$T/part"
bad=0
for at in 0 4090 499999990 500000000 1073741800; do
	same_part sparse $at 20000 || bad=$((bad + 1))
done
equal 'and those of a sparse file' 0 $bad
ok 'all of it, too' cmp "$S/sparse" "$T/mnt/latest$S/sparse"
perl "$ROOT/tests/e2e/tree.pl" map "$S/sparse" >"$T/map"
equal 'its holes are known' "$(cat "$T/map")" \
	"$(perl "$ROOT/tests/e2e/tree.pl" map "$T/mnt/latest$S/sparse")"
equal 'a file that is all hole takes no space' '5242880 0' \
	"$(stat -c '%s %b' "$T/mnt/latest$S/hole")"
older=$(cd "$T/mnt" && ls -d 2*-"$(echo "$one" | cut -c 1-8)")
equal 'an older snapshot is as it was' in "$(cat "$T/mnt/$older$S/gone/file")"
not 'nothing can be written' sh -c 'echo x >"$1/new"' sh "$T/mnt/latest$S/a"
not 'nor changed' sh -c 'echo x >>"$1/x"' sh "$T/mnt/latest$S/a"
not 'nor removed' rm -f "$T/mnt/latest$S/a/x"
not 'what is not there is not' stat "$T/mnt/latest$S/nothing"
not 'no such snapshot either' ls "$T/mnt/nothing"
says 'its size is shown' '^aumbry .* 100% ' df "$T/mnt"
ok 'ends by SIGTERM' unmount_all TERM
not 'and is unmounted' mounted
equal 'having complained of nothing' "aumbry: mounted at $T/mnt" \
	"$(cat "$T/mount.err")"
touch "$T/plain"
refused 'no mount on a file' 1 io-error at ana mount "$T/plain"
refused 'nor on nothing' 1 not-found at ana mount "$T/no/such"
refused 'nor over what is there' 1 io-error at ana mount "$S"

# ---- a damaged pack ----

mkdir "$T/two"
head -c 12000000 /dev/urandom >"$T/two/bad"
ok 'backs up two files' at ana backup "$T/two"
blob=$(find "$DATA/blobs" -type f -size +3M -newer "$T/two/bad" | head -n 1)
head -c 100 /dev/urandom >"$T/two/good"
ok 'one after the other' at ana backup "$T/two"
printf damaged | dd of="$blob" bs=1 seek=3000000 conv=notrunc status=none
ok 'mounts' mount_all ana
ok 'the tree is there' ls -l "$T/mnt/latest$T/two"
says 'what is damaged gives an error' 'Input/output error' \
	sh -c 'cat "$1" >/dev/null' sh "$T/mnt/latest$T/two/bad"
says 'the reason is told' '/bad: .*\(blob-corrupt\)$' cat "$T/mount.err"
ok 'all else is given' cmp "$T/two/good" "$T/mnt/latest$T/two/good"
ok 'ends by SIGHUP' unmount_all HUP

# A signal between its look at "ended" and its wait is not lost: this one comes
# just before the system call that waits, with nothing else to wake it.
cat >"$T/gap.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <sys/types.h>

static int waits;

ssize_t
read(int fd, void *p, size_t n)
{
	ssize_t (*real)(int, void *, size_t) =
	    (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");

	/* Only FUSE reads so much; the first is its greeting. */
	if (n > 1 << 20 && ++waits == 2)
		raise(SIGTERM);
	return real(fd, p, n);
}

int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t,
    const sigset_t *mask)
{
	int (*real)(struct pollfd *, nfds_t, const struct timespec *,
	    const sigset_t *) = (int (*)(struct pollfd *, nfds_t,
	    const struct timespec *, const sigset_t *))dlsym(RTLD_NEXT, "ppoll");

	if (waits == 1)
		raise(SIGTERM);
	return real(fds, n, t, mask);
}
END
ok 'a signal comes just before it waits' \
	cc -shared -fPIC -o "$T/gap.so" "$T/gap.c"
(
	LD_PRELOAD=$T/gap.so
	export LD_PRELOAD
	exec aumbry --home "$T/ana" --password-file "$PW" mount "$T/mnt" \
		>"$T/mount.out" 2>"$T/mount.err" </dev/null
) &
MOUNT=$!
ended() {
	! kill -0 "$MOUNT" 2>/dev/null
}
ok 'and it ends' until_true 20 ended
unmount_all KILL
umount -l "$T/mnt" 2>/dev/null # what a kill leaves
ok 'mounts' mount_all ana
ok 'may be unmounted from outside' fusermount3 -u "$T/mnt"
ok 'and ends then' wait "$MOUNT"
MOUNT=''

# ---- forget by ID ----

ok 'forgets two, one of them named twice' \
	at ana snapshot forget "$one" "$two" "$one"
equal 'three are left' 3 "$(at ana snapshot list | wc -l)"
refused 'what is forgotten is gone' 1 not-found at ana snapshot show "$one"
refused 'one of several that is not there' 1 not-found \
	at ana snapshot forget "$three" 00000000
equal 'forgets none of them' 3 "$(at ana snapshot list | wc -l)"
ok 'the server agrees' aumbryd check --data "$DATA"
finish
