#!/bin/sh
# SPDX-License-Identifier: ISC
# 41-profile.t: the device profile: made with a backup, given back by piece.
#
# dconf, dpkg, apt-mark, apt-cache, crontab, systemctl and fc-list are the
# machine's own. In their place, since they cannot run here or would change the
# machine: flatpak, snap, lpstat (no printer), apt-get.
#
# The crontabs and connections are those of a machine of its own, by mounts
# that nobody else sees.
[ -n "${OWN_MOUNTS-}" ] || [ "$(id -u)" -ne 0 ] ||
	exec env OWN_MOUNTS=1 unshare -m sh "$0" "$@"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

T=$(cd "$T" && pwd -P)
chmod 711 "$T"
mkdir -p "$T/tools" "$T/one" "$T/two" "$T/etc"
PATH=$T/tools:$PATH
# tool NAME SCRIPT: in the place of the machine's.
tool() {
	printf '#!/bin/sh\n%s\n' "$2" >"$T/tools/$1"
	chmod 755 "$T/tools/$1"
}
# of HOME COMMAND…: on the device that has that home, in a desktop session.
of() {
	user=$1
	shift
	env HOME="$T/$user" XDG_RUNTIME_DIR="$T/$user" PATH="$PATH" \
		dbus-run-session -- "$@" 2>"$T/session"
	ended=$?
	grep -v '^dbus-daemon' "$T/session" >&2
	return $ended
}
one() { of one aumbry --home "$T/home" --password-file "$PW" "$@"; }
two() { of two aumbry --home "$T/home" --password-file "$PW" "$@"; }
# profile FILE TEXT…: a hostile one, in $T/evil.
profile() {
	mkdir -p "$T/evil/device-profile"
	name=$1
	shift
	printf '%b' "$*" >"$T/evil/device-profile/$name"
}

mount -t tmpfs tmpfs "$T/etc" && mkdir "$T/etc/up" "$T/etc/work" &&
	mount -t overlay overlay -o "lowerdir=/etc,upperdir=$T/etc/up" \
		-o "workdir=$T/etc/work" /etc &&
	mount -t tmpfs tmpfs /var/spool/cron &&
	mkdir -m 1730 /var/spool/cron/crontabs &&
	chgrp crontab /var/spool/cron/crontabs || {
	fail 'root, and the right to mount, are needed'
	finish
}
# shellcheck disable=SC2034 # cleanup takes them down
MOUNTS="/var/spool/cron /etc $T/etc"
WIFI=/etc/NetworkManager/system-connections
mkdir -p $WIFI
printf '[connection]\nid=Home\n[wifi-security]\npsk=wifi-secret\n' \
	>$WIFI/Home.nmconnection
chmod 600 $WIFI/Home.nmconnection

for user in one two; do
	mkdir -p "$T/$user/.config/systemd/user"
	printf '[Unit]\n[Service]\nExecStart=true\n[Install]\n%s\n' \
		WantedBy=default.target >"$T/$user/.config/systemd/user/p.service"
done
of one dconf write /org/gnome/desktop/interface/clock-format "'24h'"
of one dconf write /org/own/list "['ä', 'b']"
of one systemctl --user enable p.service 2>/dev/null
printf 'TOKEN=cron-secret\n# own\n*/5 * * * * true\n' | of one crontab -
printf 'mine\n' >"$T/one/file"
tool flatpak 'printf "org.gimp.GIMP\tflathub\tsystem\n"'
tool snap 'echo "cannot communicate with server" >&2; exit 1'
tool lpstat 'echo "device for Office: ipp://192.0.2.1/ipp/print"'
tool apt-get 'echo "$@" >>"'"$T"'/apt"; exit 1'

tool apt-mark 'echo asked >>"'"$T"'/marks"; PATH=${PATH#*:} exec apt-mark "$@"'

# ---- made ----

start_server
sign_up home ana --invite "$INVITE" >/dev/null 2>&1
MADE=$T/home/device-profile
exits 'without a path: the home and a profile' 3 one backup
also 'a tool that fails is told' \
	'^aumbry: device profile, snap: snap: cannot communicate with server$'
equal 'with a file for each piece that is there' "crontab flatpak.list \
flatpak.remotes fonts packages.dpkg packages.manual packages.sources printers \
profile.json settings.dconf units.user" \
	"$(one ls "latest:$MADE" | paste -sd ' ')"
equal 'the home as before' mine "$(one cat "latest:$T/one/file")"
one ls -l "latest:$MADE" >"$T/out"
also 'jobs are secrets' 'crontab  \[keychain\]$'
one ls -l "latest:$WIFI" >"$T/out"
also 'passwords of networks are' 'Home.nmconnection  \[keychain\]$'
not 'and lie nowhere else' grep -rq wifi-secret "$T/home"
equal 'nobody else reads it' '700 600' \
	"$(stat -c %a "$MADE" "$MADE/crontab" | paste -sd ' ')"
tool snap 'echo "No snaps are installed yet." >&2'
before=$(stat -c '%n %y' "$MADE"/settings* "$MADE"/packages* "$MADE"/crontab)
ok 'a tool that has nothing to say is none that fails' one backup
equal 'what is the same is not written' "$before" \
	"$(stat -c '%n %y' "$MADE"/settings* "$MADE"/packages* "$MADE"/crontab)"
equal 'nor is asked what takes long' asked "$(cat "$T/marks")"
ok 'a dry run makes none' one --home "$T/home" backup --dry-run
equal 'as it says' "$before" \
	"$(stat -c '%n %y' "$MADE"/settings* "$MADE"/packages* "$MADE"/crontab)"
ok 'none is made' one backup --no-profile
equal 'where none is wanted' "[\"$T/one\"]" \
	"$(one snapshot show latest --json | json paths /dev/stdin)"
ok 'nor with a path' one backup "$T/one/file"

# ---- given back ----

of one crontab -r
rm $WIFI/Home.nmconnection
tool flatpak true
tool lpstat 'echo "lpstat: No destinations added." >&2; exit 1'
refused 'nothing is done unasked' 2 input-missing two restore --profile
also 'it says whose it is' '^Device profile of root on '
also 'what would be done to settings' '^settings: 2 in the backup, 2 differ'
also 'which' "^  /org/own/list = \\['ä', 'b'\\]$"
also 'to packages' '^packages: [0-9]+ in the backup, all of them here$'
also 'to jobs' '^crontab: 3 in the backup, 2 not in the crontab here$'
also 'to units' '^units: .*, 1 not enabled here$'
also 'what to type' '^flatpak install --system flathub org.gimp.GIMP$'
also 'for a printer' \
	"^sudo lpadmin -p Office -E -v 'ipp://192.0.2.1/ipp/print' -m everywhere"
equal 'and nothing is' '' "$(of two dconf dump /)"
not 'no job' of two crontab -l
ok 'a dry run shows it' two restore --profile --dry-run
ok 'with a yes it is done' \
	two restore --profile --yes --only settings,units,crontab,wifi
equal 'settings' "$(of one dconf dump /)" "$(of two dconf dump /)"
says 'units' '^p.service +enabled' of two systemctl --user list-unit-files \
	--state=enabled --no-legend
equal 'jobs, as they were' 'TOKEN=cron-secret
# own
*/5 * * * * true' "$(of two crontab -l)"
equal 'networks' 'psk=wifi-secret 600' "$(grep psk $WIFI/Home.nmconnection
)$(stat -c ' %a' $WIFI/Home.nmconnection)"
ok 'twice is once' \
	two restore --profile --yes --only settings,units,crontab,wifi
lacks 'with nothing to do' ': done$'
exits 'what a person must type is not done' 3 \
	two restore --profile --yes --only flatpak
printf '@daily other\n' | of two crontab -
echo other >$WIFI/Home.nmconnection
exits 'another crontab' 3 two restore --profile --yes --only crontab,wifi
equal 'stays' '@daily other' "$(of two crontab -l)"
equal 'as another network does' other "$(cat $WIFI/Home.nmconnection)"
ok 'the files alone' two restore --profile --to "$T/files"
equal 'are as they were made' '' \
	"$(diff -r "$MADE" "$T/files" | grep -v system-connections)"
exits 'and are not written over' 3 two restore --profile --to "$T/files"
mkdir "$T/planted" "$T/roots"
ln -s "$T/roots" "$T/planted/system-connections"
refused 'nor through a link that is there' 1 conflict \
	two restore --profile --to "$T/planted"
equal 'to what is of root' '' "$(ls "$T/roots")"
refused 'a piece of another name' 2 bad-usage two restore --profile --only a
refused 'what is for files' 2 bad-usage two restore --profile --include '*'
refused 'and what is for pieces' 2 bad-usage two restore latest --to "$T/x" \
	--only settings
refused 'a snapshot without' 1 not-found two restore --profile \
	"$(one backup "$T/one/file")"

# ---- what cannot be done holds up nothing else ----

# A folder of settings that who runs the machine has locked.
mkdir -p /etc/dconf/profile /etc/dconf/db/local.d/locks
printf 'user-db:user\nsystem-db:local\n' >/etc/dconf/profile/user
printf '[org/own]\nlist=["x"]\n' >/etc/dconf/db/local.d/00
echo /org/own/list >/etc/dconf/db/local.d/locks/00
dconf update 2>/dev/null
of two dconf reset -f /org/gnome/
ln -s gone "$T/two/.config/systemd/user/c.service"
of two systemctl --user disable p.service 2>/dev/null
profile profile.json '{"profile":1,"host":"h","user":"root","os":"o",' \
	'"time":"t"}'
profile units.user 'c.service enabled\np.service enabled\n'
cp "$MADE/settings.dconf" "$T/evil/device-profile"
one backup "$T/evil/device-profile" >/dev/null 2>&1
exits 'what is locked, and a broken unit' 3 two restore --profile --yes
also 'are told' '^aumbry: settings: 1 of them are not so after all$'
also 'by name' '^aumbry: units: c.service: '
equal 'the other settings are set' "'24h'" \
	"$(of two dconf read /org/gnome/desktop/interface/clock-format)"
says 'the other unit is enabled' '^p.service +enabled' of two systemctl \
	--user list-unit-files --state=enabled --no-legend
rm -r "$T/evil" /etc/dconf

# ---- asked on a terminal ----

typed() {
	of two perl "$ROOT/tests/e2e/typed.pl" "$@" -- aumbry --home "$T/home" \
		--password-file "$PW" restore --profile --only settings,units \
		"$EARLY"
}
EARLY=$(one snapshot list --json | head -n 1 | json id /dev/stdin)
of two dconf reset -f /org/own/
of two systemctl --user disable p.service 2>/dev/null
ok 'a no is a no' typed no yes
equal 'to that piece alone' '' "$(of two dconf dump /org/own/)"
says 'and a yes a yes' '^p.service +enabled' of two systemctl --user \
	list-unit-files --state=enabled --no-legend

# ---- a hostile one ----

SPARE=$(apt-cache pkgnames | LC_ALL=C sort >"$T/known"
	dpkg-query -W -f '${Package}\n' | LC_ALL=C sort >"$T/installed"
	LC_ALL=C comm -23 "$T/known" "$T/installed" | grep '^[a-z]' | tail -n 1)
[ -n "$SPARE" ] || {
	SPARE=hello
	tool apt-cache 'echo hello'
}
profile profile.json '{"profile":1,"host":"h\\u001b[2J","user":"mallory",' \
	'"os":"o","time":"t"}'
profile packages.manual "$SPARE\nbash-\n-oDPkg::Pre-Invoke::=touch $T/pwned" \
	"\n\$(touch $T/pwned)\n.*\nno-such-package-here\n"
profile units.user '../../evil.service enabled\n--now enabled\nno.timer x\n'
profile settings.dconf "[org/x]\\nk='v'\\n[/]\\n\\033]0;title\\a=1\\n"
profile crontab '@reboot evil \r@daily good\n'
ok 'it is stored as any other' one backup "$T/evil/device-profile"
of two crontab -r
exits 'of another user' 3 two restore --profile --yes
also 'is told' 'it is of user mallory, and this is root'
lacks 'it draws nothing on the terminal' "$(printf '\033')"
also 'a name that would remove' '^aumbry: packages, line 2 is not used: '
also 'or be an option' '^aumbry: packages, line 3 is not used: '
also 'what apt does not know is left out' \
	'^  cannot be had: no-such-package-here$'
equal 'the rest goes to apt by itself' "install -y --no-remove -o \
Dpkg::Options::=--force-confold -- $SPARE" "$(cat "$T/apt")"
also 'whose failure is told' '^aumbry: packages: apt-get ended with status 1$'
also 'units by path are refused' '^aumbry: units, line 1 is not used'
also 'and which are not here' 'restore the home first$'
also 'jobs that a terminal hides are refused' '^aumbry: crontab, line 1 is not'
not 'nothing of it ran' test -e "$T/pwned"
not 'or is a job' of two crontab -l
ln -sf /etc/passwd "$T/evil/device-profile/fonts"
head -c 5000000 /dev/zero >"$T/evil/device-profile/printers"
ok 'with a link, and too large a file' one backup "$T/evil/device-profile"
exits 'neither is read' 3 two restore --profile --only fonts,printers
also 'and both are told' '^aumbry: fonts: fonts: it is no plain file$'
also 'with the limit' 'printers: it is larger than 4194304 bytes$'

# What runs is shown before it is asked for, all of it.
seq -f '@daily true %g' 40 >"$T/evil/device-profile/crontab"
echo '@reboot evil' >>"$T/evil/device-profile/crontab"
ok 'with many jobs' one backup "$T/evil/device-profile"
ok 'each is shown' two restore --profile --dry-run --only crontab
also 'the last, too' '^  @reboot evil$'

# ---- as a user ----

mkdir -p "$T/user"
cp -r "$T/home" "$T/user/home"
chown -R 65534:65534 "$T/user"
printf 'psk=b\n' >$WIFI/Home.nmconnection
chmod 644 "$PW"
one backup >/dev/null 2>&1
rm $WIFI/Home.nmconnection
chmod 700 $WIFI
user() {
	env HOME="$T/user" setpriv --reuid 65534 --regid 65534 \
		--clear-groups aumbry --home "$T/user/home" \
		--password-file "$PW" "$@"
}
exits 'a user adds no network' 3 user restore --profile --only wifi --yes
also 'root does' '^aumbry: wifi: only root can add them$'
rm -r "${T:?}/evil"
profile profile.json '{"profile":1,"host":"h","user":"nobody",' \
	'"os":"o","time":"t"}'
profile packages.manual "$SPARE\n"
one backup "$T/evil/device-profile" >/dev/null 2>&1
exits 'and no package' 3 user restore --profile --yes
also 'but is told what to type' \
	"^sudo apt-get install --no-remove -- $SPARE$"

# ---- another machine ----

unshare --uts sh -c 'hostname other && exec "$@"' sh aumbry --home "$T/home" \
	--password-file "$PW" backup "$T/evil/device-profile" >/dev/null 2>&1
refused 'whichever was on last is nobody' 2 bad-usage two restore --profile
also 'both are named' 'profiles of several machines, as other and '
ok 'one can be named' two restore --profile --host "$(hostname)" --dry-run \
	--only crontab
ok 'a device that leaves' one signout --erase --yes
not 'leaves no profile' test -e "$MADE"

finish
