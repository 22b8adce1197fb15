#!/bin/sh
# SPDX-License-Identifier: ISC
# 42-timer.t: a real systemd takes the units, and runs them: at once, and when a
# disk comes.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

HOME=$T/u
export HOME XDG_RUNTIME_DIR="$T/u/run"
unset XDG_CONFIG_HOME XDG_DATA_HOME
unset DBUS_SESSION_BUS_ADDRESS
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/nobus
mkdir "$HOME" "$HOME/run" "$HOME/a file" "$HOME/my disk" "$T/store" "$T/bin"
chmod 700 "$HOME/run"
cp "$BUILD/aumbry" "$T/bin/"
PATH=$T/bin:$PATH
UNITS=$HOME/.config/systemd/user
echo 'folder pass' >"$PW"
chmod 644 "$PW"
chmod 1777 "$T" # sanitizers write there
echo one >"$HOME/a file/one"

# ---- the texts, where no systemd runs ----

# verified HOME: systemd has nothing to say of the units.
verified() {
	units=$(echo "$UNITS"/*)
	# shellcheck disable=SC2086 # two names
	$AS systemd-analyze --user verify $units >"$T/verified" 2>&1
	cat "$T/verified"
	! grep -F "$UNITS" "$T/verified"
}
[ "$(id -u)" -ne 0 ] || {
	chown -R 65534:65534 "$HOME" "$T/store"
	AS='setpriv --reuid 65534 --regid 65534 --clear-groups'
}
outside() {
	$AS aumbry --home "$HOME/$odd" --repo-password-file "$PW" "$@"
}
# shellcheck disable=SC1003,SC2016 # signs that units have a meaning for
odd='h %h $HOME "q" \x'
run outside backup enable "$HOME/a file" --to "$T/store/first" --at 7:05
ok 'units are written' test -s "$UNITS"/aumbry-backup-*.timer
ok 'a timer of that time' grep -qx 'OnCalendar=\*-\*-\* 07:05:00' \
	"$UNITS"/aumbry-backup-*.timer
says 'that catches up' '^Persistent=true$' cat "$UNITS"/aumbry-backup-*.timer
ok 'systemd takes them' verified
ok 'they go' outside backup disable
ok 'with all that was written' sh -c '[ -z "$(ls "$1")" ]' sh "$UNITS"

# ---- a manager of this user, as at a sign-in ----

# Where its processes go; only root can make room for them.
groups=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
group=$groups/aumbry-test-$$
manager() {
	unshare -m sh -c '
		mount -t tmpfs -o mode=755 tmpfs /run &&
		mkdir -p /run/systemd/system && mkdir "$1" &&
		echo $$ >"$1/cgroup.procs" && chown -R 65534:65534 "$1" || exit
		shift
		exec "$@"' sh "$group" $AS /lib/systemd/systemd --user --log-target=console \
		>"$T/manager" 2>&1 &
	MANAGER=$!
	HELPERS="$HELPERS $MANAGER"
	until_true 10 test -S "$HOME/run/systemd/private"
}
if [ "$(id -u)" -ne 0 ] || [ -z "$groups" ] || ! manager; then
	echo "# no systemd can be run here: $(tail -n 1 "$T/manager" 2>&1)"
	rmdir "$group" 2>/dev/null
	finish
fi
inside() { nsenter -t "$MANAGER" -m "$@"; }
ctl() { inside $AS systemctl --user "$@"; }
me() {
	inside $AS aumbry --repo-password-file "$PW" "$@"
}
state() { json "$1" "$HOME"/.local/share/aumbry/schedule/*.state; }
ran() {
	[ "$(state done_ms 2>/dev/null)" -gt "${1-0}" ] 2>/dev/null
}
ok 'a disk' inside mount --bind "$T/store" "$HOME/my disk"
inside mount -t tmpfs -o mode=777 tmpfs "$T/store"
inside umount "$HOME/my disk"
inside mount --bind "$T/store" "$HOME/my disk"

ok 'with systemd nothing is missing' \
	me backup enable "$HOME/a file" --to "$HOME/my disk/repo"
also 'but somebody who stays signed in' 'loginctl enable-linger'
ok 'the timer is on' ctl is-active aumbry-backup.timer
ok 'and stays' ctl is-enabled aumbry-backup.timer
says 'for the night, or sooner' 'aumbry-backup.timer +aumbry-backup.service' \
	ctl list-timers
says 'it asks for no other home' 'ExecStart="[^"]*/bin/aumbry" backup run$' \
	cat "$UNITS/aumbry-backup.service"
ok 'the first backup is made at once' until_true 60 ran
ok 'the status has no more to say' me backup status
also 'than that' '^timer +on, but only while you are signed in$'

# What has written that it is done has files open there until it ends.
ended() {
	[ "$(ctl show -P ActiveState aumbry-backup.service)" = inactive ]
}
ok 'and ends' until_true 60 ended
ok 'the disk is unplugged' inside umount "$HOME/my disk"
unplugged() {
	[ "$(ctl show -P ActiveState 'u-my\x20disk.mount')" = inactive ]
}
ok 'of which systemd hears' until_true 60 unplugged
# A night passes.
before=$(state done_ms)
before=$((before - 86400000))
sed -i 's/"done_ms":[0-9]*/"done_ms":'$before/ \
	"$HOME"/.local/share/aumbry/schedule/*.state
ok 'when it comes back' inside mount --bind "$T/store" "$HOME/my disk"
ok 'it is backed up to by itself' until_true 60 ran $before
ran $before || {
	ctl --no-pager status 'u-my\x20disk.mount' aumbry-backup.service
	cat "$HOME"/.local/share/aumbry/schedule/*.state
	tail -n 20 "$T/manager"
} 2>&1 | sed 's/^/# /'
ok 'another one is enabled' me backup enable --to "$HOME/my disk/two" \
	"$HOME/a file" --at 12:00
equal 'by the same timer' 2 "$(grep -c OnCalendar "$UNITS/aumbry-backup.timer")"
ok 'and disabled' me backup disable --to "$HOME/my disk/two"
ok 'the timer goes on' ctl is-active aumbry-backup.timer
ok 'the last one, too' me backup disable
not 'which ends it' ctl is-active aumbry-backup.timer
ok 'and leaves nothing' sh -c '[ -z "$(find "$1" ! -type d)" ]' sh "$UNITS"
# A home whose name means something to systemd is found all the same.
ok 'another home' me --home "$HOME/$odd" backup enable "$HOME/a file" \
	--to "$T/store/third"
ok 'is found by its unit' until_true 60 test -e "$HOME/$odd/schedule/looked"
ok 'and has a timer of its own' me --home "$HOME/$odd" backup disable
kill "$MANAGER"
wait "$MANAGER" 2>/dev/null
# Its last processes are on their way out.
gone() {
	find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
	[ ! -e "$group" ]
}
ok 'nothing of it stays' until_true 10 gone
finish
