#!/bin/sh
# SPDX-License-Identifier: ISC
# 42-scheduled.t: backups by themselves: what is due, what waits and for what,
# what is kept, what is told, and units that a real systemd runs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

# Root's units are the machine's: this is another user's business.
HOME=$T/u
export HOME
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR
unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/nobus
mkdir "$HOME" "$HOME/files" "$HOME/more" "$T/bin"
cp "$BUILD/aumbry" "$T/bin/"
PATH=$T/bin:$PATH
if [ "$(id -u)" -eq 0 ]; then
	chmod 1777 "$T" # sanitizers write there
	chown -R 65534:65534 "$HOME"
	AS='setpriv --reuid 65534 --regid 65534 --clear-groups'
fi
# shellcheck disable=SC2034 # account.sh and tap.sh read them
SECRET=$HOME/secret SERVE=''
PRELOAD=$(faketime -f +0 printenv LD_PRELOAD)

# In the home of that user, at another time: FAKETIME, as faketime has it.
at() {
	device=$1
	shift
	$AS env "PATH=$T/bin:/usr/local/bin:/usr/bin:/bin" \
		${SPAN:+"FAKETIME=$SPAN" "LD_PRELOAD=$PRELOAD"} \
		aumbry --home "$T/u/$device" --password-file "$PW" "$@"
}
me() { at home "$@"; }
write() { $AS sh -c 'cat >"$1"' sh "$1"; }
field() { me --json backup status 2>/dev/null | head -n 1 >"$T/line"
	json "$1" "$T/line"; }
snapshots() { me --json snapshot list 2>/dev/null | grep -c '"id"'; }
chmod 644 "$PW"
echo one | write "$HOME/files/one"

# ---- by hand, as where cron starts it ----

start_server
refused 'without an account' 1 not-signed-in me backup enable
ok 'signs up, with two-factor' sign_up home ana --invite "$INVITE"
says 'nothing is enabled' '^Nothing is backed up by itself here' me backup status
for bad in '24:00' '2' 'noon' '02:60' '-1:00' '02:0x'; do
	refused "no time is $bad" 2 bad-usage me backup enable --at="$bad"
done
refused 'no rules that keep nothing' 2 bad-usage me backup enable --keep-daily 0
refused 'nor a path that is not there' 1 not-found me backup enable "$T/none"
refused 'nor standard input' 2 bad-usage me backup enable --exclude-from -
ok 'none of which left a plan' test ! -e "$HOME/home/schedule/account.plan"
refused 'without systemd it says so' 3 no-timer \
	me backup enable "$HOME/files" "$HOME/more" --exclude '*.tmp'
also 'with the line for cron' "^\*/15 \* \* \* \* '.*/aumbry' --home '$HOME/home' backup run --quiet$"
also 'and what is kept' '^kept +all of 7d, the last of each of 30 days, 12 weeks, 24 months$'
refused 'as the status does' 3 no-timer me backup status

ok 'a run makes the first' me backup run
says 'with the mark of the plan' '#nightly-[0-9a-f]{8}$' me snapshot list
ok 'now somebody looks' me backup status
also 'and all is well' '^next +20[0-9-]+ 02:00:00$'
ok 'another run' me backup run
equal 'has nothing to do' 1 "$(snapshots)"
ok 'unless told' me backup run --now
equal 'to' 2 "$(snapshots)"
knows() { sqlite3 -batch "$DATA/aumbryd.db" "SELECT $1 FROM backup_state"; }
equal 'the server knows when' 1 "$(knows 'last_ms > 0 AND told = 0')"
sqlite3 -batch "$DATA/aumbryd.db" 'DELETE FROM session'
ok 'a session that ended is begun anew, and nobody is asked' \
	me backup run --now

# held NAME LOCK COMMAND…: while another holds that lock of the home.
held() {
	exec 8>>"$HOME/home/$1"
	flock 8
	shift
	"$@" 8>&-
	ended=$?
	exec 8>&-
	return $ended
}
ok 'beside another backup it waits' held backup.lock me backup run --now
also 'and says so' 'another aumbry backup is running'
equal 'which is no failure' '0 other-backup' \
	"$(field failures) $(field waits)"
refused 'beside another run it leaves' 1 home-busy \
	held 'backup run.lock' me backup run --now
ok 'with neither it runs' me backup run --now

ok 'another device comes in' pair home bea ana

# ---- what goes wrong at night ----

aumbryd account quota ana 1M --data "$DATA" >"$T/quota" 2>&1
head -c 3000000 /dev/urandom | write "$HOME/more/much"
refused 'a quota that is used up' 4 quota-exceeded me backup run --now
equal 'is noted' quota-exceeded "$(me --json backup status |
	sed -n 's/.*"code":"\([a-z-]*\)".*/\1/p')"
says 'with what helps' 'aumbry snapshot forget, then: aumbry prune' \
	me backup status
also 'and that it is tried again' '^next .*, again$'
ok 'but not at once' me backup run
equal 'one failure' 1 "$(field failures)"
aumbryd account quota ana 1G --data "$DATA" >"$T/quota" 2>&1
aumbryd account suspend ana --data "$DATA" >"$T/quota" 2>&1
refused 'a suspended account' 4 account-suspended me backup run --now
aumbryd account resume ana --data "$DATA" >"$T/quota" 2>&1
stop_server
SPAN=+1600m # behind the next 02:00
refused 'a server that is away' 5 server-unreachable me backup run
equal 'three failures' 3 "$(field failures)"
SPAN=+1655m
ok 'an hour waits after three' me backup run
equal 'and nothing was tried' 3 "$(field failures)"
SPAN=+1665m
refused 'then it is tried' 5 server-unreachable me backup run
SPAN=+8d
refused 'and on' 5 server-unreachable me backup run
also 'after 7 days it is said aloud' '^\(backup-late\)$'
refused 'and by the status' 1 backup-late me backup status
SPAN=''
serve_at +0
serve_at +8d
start_server
SPAN=+8d
refused 'also of the account' 1 backup-late me status
also 'with an alert' '^! no backup to the account has succeeded since 20'
says 'another device hears of it' \
	'^! .* has made no backup by itself for [78] days' at bea status
ok 'a run that succeeds' me backup run --now
ok 'ends that' me status
ok 'for the other device, too' at bea status
lacks 'which says no more' 'has made no backup'
stop_server
SPAN=''
serve_at +0
start_server
ok 'a clock that was ahead' me backup run --now

# ---- a disk ----

DISK=$T/u/disk/repo
$AS mkdir "$T/u/disk"
disk() { me --repo-password-file "$T/fp" --repo "$DISK" "$@"; }
runs() { disk --json snapshot list 2>/dev/null | grep -c '"nightly-'; }
state() { json "$1" "$HOME"/home/schedule/[0-9a-f]*.state; }
echo 'folder pass' >"$T/fp"
chmod 644 "$T/fp"
$AS aumbry --home "$T/u/home" backup disable >"$T/disabled" 2>&1
equal 'the server forgets it' '' "$(knows told)"
stop_server
refused 'a disk wants its password' 2 input-missing \
	$AS aumbry --home "$T/u/home" backup enable "$HOME/files" --to "$DISK"
also 'in a file' '^Add: --repo-password-file FILE$'
refused 'which makes the repository' 3 no-timer me --repo-password-file \
	"$T/fp" backup enable "$HOME/files" --to "$DISK" --keep-last 3
ok 'a backup by hand' disk backup "$HOME/files"
ok 'the first by itself' me backup run
tagged=$(disk --json snapshot list | tail -n 1 | sed 's/.*"id":"\([0-9a-f]*\).*/\1/')
ok 'a person wants to keep it' disk snapshot tag "$tagged" --add mine
for day in 1 2 3 4 5 6; do
	SPAN=+${day}d
	run me backup run || fail "night $day"
done
equal 'three of six nights are kept, and what a person tagged' 4 "$(runs)"
equal 'and what a person made' 5 "$(disk --json snapshot list | grep -c '"id"')"
SPAN=+9d
ok 'three nights are missed' me backup run
ok 'and caught up' me backup run
equal 'once' 4 "$(runs)"
equal 'and the disk is pruned' true "$([ "$(state pruned_ms)" -gt 0 ] && echo true)"
# Pulled out while it is written to: what is there stays, and it is tried again.
SPAN=+10d
echo ten | write "$HOME/files/ten"
refused 'a disk that fails in the middle' 1 io-error \
	$AS env "FAKETIME=$SPAN" "LD_PRELOAD=$PRELOAD" \
	"ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0" strace -f -qq \
	-o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO:when=8+ \
	"$T/bin/aumbry" --home "$HOME/home" backup run
equal 'is a failure' '1 io-error' "$(state failures) $(state code)"
mv "$T/u/disk" "$T/u/away"
ok 'a disk that is away is no error' me backup run
also 'it is waited for' "^The backup to $DISK waits for its disk\.$"
says 'which the status says' 'it waits for its disk' me backup status
ok 'and said once' me backup run
lacks 'not at each look' waits
mv "$T/u/away" "$T/u/disk"
before=$(state done_ms)
ok 'when it is there' me backup run
ok 'it is backed up to' test "$(state done_ms)" -gt "$before"
says 'and whole' ': 0 damages$' disk check
SPAN=+400d
ok 'under a clock that is a year ahead' me backup run
SPAN=+11d
ok 'and right again' me backup run
ok 'that counts as now' test "$(state done_ms)" -lt \
	"$((($(date +%s) + 12 * 86400) * 1000))"
SPAN=+12d
ok 'the next night' me backup run
ok 'is backed up' test "$(state done_ms)" -gt \
	"$((($(date +%s) + 12 * 86400 - 3600) * 1000))"
echo '{"format":1,' | write "$HOME"/home/schedule/[0-9a-f]*.state
ok 'a state that says nothing' me backup run
ok 'is made anew' test "$(state done_ms)" -gt 0

# What is left of a plan whose rules are gone, or were taken out by hand.
plan=$(echo "$HOME"/home/schedule/[0-9a-f]*.plan)
$AS cp -p "$plan" "$HOME/plan"
sed 's/"keep_\([a-z]*\)":"[^"]*"/"keep_\1":""/g' "$HOME/plan" | write "$plan"
before=$(runs)
ok 'a plan whose rules keep nothing' me backup run --now
also 'says so' '^aumbry: old backups were not cleared away: .*state-damaged'
equal 'and forgets nothing' "$((before + 1))" "$(runs)"
sed 's/"made_ms":[0-9]*/"made_ms":4102444800000/' "$HOME/plan" | write "$plan"
ok 'a plan that was made by a clock that was ahead' me backup run
ok 'counts from now' test "$(json made_ms "$plan")" -lt 4102444800000
$AS cp -p "$HOME/plan" "$plan"
if [ "$(id -u)" -eq 0 ]; then
	refused 'root does not do what another user has planned' 4 \
		permission-denied aumbry --home "$HOME/home" backup run --now
	refused 'nor makes it a plan of his own' 4 permission-denied \
		aumbry --home "$HOME/home" --repo-password-file "$T/fp" \
		backup enable /etc --to "$DISK"
fi

# ---- mains and networks ----

BUS=$($AS dbus-daemon --session --fork --print-address=1 \
	--print-pid=3 3>"$T/bus.pid" | head -n 1)
export DBUS_SYSTEM_BUS_ADDRESS="$BUS" DBUS_SESSION_BUS_ADDRESS="$BUS"
: >"$T/shown"
chmod 666 "$T/shown"
$AS perl "$ROOT/tests/tools/power.pl" "$T" >"$T/power.out" 2>&1 &
HELPERS="$HELPERS $! $(cat "$T/bus.pid")"
$AS perl "$ROOT/tests/tools/desktop.pl" "$T/shown" "$T/answer" \
	>"$T/desktop.out" 2>&1 &
HELPERS="$HELPERS $!"
has_name() {
	$AS dbus-send --bus="$BUS" --print-reply --dest=org.freedesktop.DBus / \
		org.freedesktop.DBus.NameHasOwner "string:$1" | grep -q true
}
ok 'UPower' until_true 10 has_name org.freedesktop.UPower
ok 'NetworkManager' until_true 10 has_name org.freedesktop.NetworkManager
ok 'a desktop' until_true 10 has_name org.freedesktop.Notifications
echo 1 >"$T/battery"
SPAN=+14d
ok 'on battery' me backup run
also 'it waits' 'waits for mains power\.$'
SPAN=+30d
ok 'for two weeks' me backup run
ok 'which the desktop shows' until_true 10 grep -q \
	'|No backup for a week|No backup to .* has succeeded since' "$T/shown"
ok 'once' me backup run
equal 'and not each time' 1 "$(grep -c 'No backup' "$T/shown")"
echo 3 >"$T/metered"
echo 0 >"$T/battery"
ok 'a network that costs is nothing to a disk' me backup run
equal 'which is backed up to' '' "$(state waits)"
echo 1 >"$T/battery"
refused 'unless it may on battery' 3 no-timer me --repo-password-file \
	"$T/fp" backup enable "$HOME/files" --to "$DISK" --on-battery
SPAN=+31d
before=$(state done_ms)
ok 'then it runs' me backup run
ok 'at once' test "$(state done_ms)" -gt "$before"
SPAN=''
serve_at +0
start_server
echo 0 >"$T/battery"
run me backup enable "$HOME/files"
ok 'the account' me backup run
also 'waits for another network' 'waits for a network that is not metered\.$'
equal 'with that' network "$(field waits)"
echo 4 >"$T/metered"
ok 'one that is free' me backup run
equal 'is enough' '' "$(field waits)"

run me backup enable
ok 'without a path' me backup run --now
says 'it is the home' " $HOME( |\$)" me snapshot list

# ---- switched off ----

equal 'two are enabled' 2 "$(me --json backup status 2>/dev/null |
	grep -c '"to"')"
ok 'the disk is not any more' me backup disable --to "$DISK"
refused 'only once' 1 not-found me backup disable --to "$DISK"
ok 'who leaves the account' me signout --erase
also 'switches it off' '^Backups by themselves are off here\.$'
equal 'and the server forgets it' '' "$(knows told)"
ok 'and no run complains' me backup run
finish
