#!/bin/sh
# SPDX-License-Identifier: ISC
# 87-disclose.t: what an operator is able to hand over, and no more: contents
# under standard protection, ciphertext under advanced, and a manifest that says
# exactly what is there.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

MARKERS=$ROOT/tests/e2e/markers.pl
MANIFEST=$ROOT/tests/e2e/manifest.pl
# marker FILE: a word that is nowhere else; also in that file.
marker() {
	tr -dc 'a-z' </dev/urandom | head -c 24 >"$T/m"
	cat "$T/m"
	echo >>"$T/m"
	cat "$T/m" >>"$1"
}
# disclose NAME OUT [FLAGS…]: by the escrow that runs.
disclose() {
	who=$1 out=$2
	shift 2
	aumbry-escrow disclose "$who" --data "$DATA" --socket "$ESCROW_SOCKET" \
		--reference 'order 17/2026' --to "$out" "$@"
}
# stopped NAME OUT [FLAGS…]: by its folder, when it is stopped.
stopped() {
	who=$1 out=$2
	shift 2
	aumbry-escrow disclose "$who" --data "$DATA" --dir "$ESCROW_DIR" \
		--reference 'order 18/2026' --to "$out" "$@"
}
# said NAME WANTED OUT PATH: a value of a manifest.
said() {
	equal "$1" "$2" "$(perl "$MANIFEST" get "$3" "$4" 2>&1)"
}
journal_lines() {
	aumbry-escrow journal --dir "$ESCROW_DIR" | wc -l
}
untouched() { # the server's files, but for what SQLite shares with readers
	(cd "$DATA" && find . -type f ! -name '*-shm' ! -name '*-wal' \
		-exec sha256sum {} + | sort)
}

# ---- two accounts: one standard, one advanced ----

F=$T/files
mkdir -p "$F/.ssh" "$F/empty" "$F/deep/er"
content=$(marker "$T/open")
echo "a page: $content" >"$F/page"
head -c 3000000 /dev/urandom >"$F/noise"
echo private >"$F/deep/er/closed"
chmod 0 "$F/deep/er/closed"
ln -s ../page "$F/deep/link"
ln "$F/page" "$F/again"
mkfifo "$F/fifo"
echo odd >"$F/$(printf 'not-utf8-\377\\')"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n' "$(marker "$T/hidden")" \
	>"$F/.ssh/id_rsa"

start_with_escrow 2s
ok 'signs up under standard' sign_up ana ana --invite "$INVITE" \
	--device-name "$(marker "$T/names")"
ok 'lets in a second device' pair ana bea ana \
	--device-name "$(marker "$T/names")"
ok 'backs up' at ana backup "$F" --tag "$(marker "$T/open")"
cp -a "$F" "$T/first"
echo more >"$F/more"
ok 'backs up again' at bea backup "$F"

G=$T/$(marker "$T/all")
mkdir -p "$G/.ssh"
echo "a page: $(marker "$T/all")" >"$G/$(marker "$T/all")"
ln -s "/$(marker "$T/all")" "$G/link"
setfattr -n "user.$(marker "$T/all")" -v "$(marker "$T/all")" "$G/link" \
	2>/dev/null || :
marker "$T/all" >"$G/.ssh/id_rsa"
invite=$(aumbryd invite --data "$DATA")
SECRET_ANA=$SECRET SECRET=$T/secret-ben
ok 'signs up under advanced' sign_up ben ben --invite "$invite" \
	--protection advanced --device-name "$(marker "$T/all")"
SECRET=$SECRET_ANA
ok 'backs up as well' at ben backup "$G" --tag "$(marker "$T/all")"
ok 'Ana and Ben are contacts' at ana contact add ben
ok 'by names of their own' at ana contact rename ben "$(marker "$T/hidden")"
ok 'of each other' at ben contact add ana
for i in 1 2 3; do
	ok 'Ana writes' at ana message send ben "$(marker "$T/hidden")"
	ok 'and is answered' at ben message send ana "$(marker "$T/hidden")"
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE inbox_item SET received_ms = received_ms - 3700000'
	[ $i = 3 ] || ok 'some of it is filed' at ana message list
done
ok 'the escrow hears of the accounts' until_true 20 escrow_told

# ---- what is refused leaves no line ----

before=$(journal_lines)
refused 'no such account' 1 not-found disclose nobody "$T/out0"
not '- nothing was made' test -e "$T/out0"
mkdir "$T/full"
: >"$T/full/file"
refused 'a folder that is not empty' 1 repository-exists disclose ana "$T/full"
refused 'something that is no folder' 1 repository-exists \
	disclose ana "$T/full/file"
refused 'a delay of more than a year' 2 bad-usage \
	disclose ana "$T/out0" --notify-after 366d
refused 'no server there' 1 not-found aumbry-escrow disclose ana \
	--data "$T/full" --socket "$ESCROW_SOCKET" --reference x --to "$T/out0"
refused 'no reference' 2 bad-usage aumbry-escrow disclose ana --data "$DATA" \
	--socket "$ESCROW_SOCKET" --to "$T/out0"
refused 'the folder of one that runs' 1 home-busy stopped ana "$T/out0"
also '- and says what to do' '--socket'
ok '- what it had made is empty' rmdir "$T/out0"
aumbry-escrow init --dir "$T/other" >/dev/null
refused "another server's escrow" 6 escrow-changed aumbry-escrow disclose ana \
	--data "$DATA" --dir "$T/other" --reference x --to "$T/out0"
refused 'no escrow there' 1 not-found aumbry-escrow disclose ana \
	--data "$DATA" --dir "$T/full" --reference x --to "$T/out0"
refused 'nobody at the socket' 5 escrow-unreachable aumbry-escrow disclose ana \
	--data "$DATA" --socket "$T/none" --reference x --to "$T/out0"
equal 'none of them is in the journal' "$before" "$(journal_lines)"
not '- nor in that of the other one' test -s "$T/other/journal"

# ---- standard ----

O=$T/out1
ok 'standard: while both run' disclose ana "$O"
also '- in plain' 'contents in plain'
equal '- for its owner alone' 700 "$(stat -c %a "$O")"
ok '- the manifest is exact' perl "$MANIFEST" check "$O"
said '- it names the account' ana "$O" account.name
said '- and the level' standard "$O" protection
said '- and the reference' 'order 17/2026' "$O" reference
said '- and the escrow' "$(cat "$T/escrow.pin")" "$O" escrow
ok '- the line of the journal has its hash' perl "$MANIFEST" line "$O"
uid=$(perl "$MANIFEST" get "$O" account.uid)
n=$(perl "$MANIFEST" get "$O" journal.n)
says '- it is in the journal' "^[^ ]+ $n $uid [0-9]+ disclose done" \
	aumbry-escrow journal --dir "$ESCROW_DIR"
says "- and in the account's" 'disclose done .*reference="order 17/2026"' \
	aumbry-escrow journal --dir "$ESCROW_DIR" --account "$uid"
says '- the owner sees it' 'disclose.*order 17/2026' at ana log

said '- backups are in plain' 'disclosed in plain' "$O" categories.backup.what
said '- secrets are not' 'ciphertext only' "$O" categories.keychain.what
said '- and why' 'always end-to-end: no key exists with the operator' "$O" \
	categories.keychain.why
said '- nor the state' 'ciphertext only' "$O" categories.state.what
said '- nor what people write' 'ciphertext only' "$O" categories.messages.what
said '- and why' 'always end-to-end: no key exists with the operator' "$O" \
	categories.messages.why
said '- there is no drive' 'nothing stored' "$O" categories.drive.what
said '- nothing failed' '[]' "$O" not_opened
for snapshot in "$O"/backup/*/; do
	case $snapshot in */.*) continue ;; esac
	at=$snapshot$F
	if [ -e "$at/more" ]; then was=$F; else was=$T/first; fi
	rsync -rltHn --specials --checksum --itemize-changes --delete \
		--exclude .ssh/id_rsa "$was/" "$at/" >"$T/err" 2>&1
	: >"$T/out"
	ok "- $(basename "$was"): the files are what they were" \
		test ! -s "$T/err"
	not '- but for the secret' test -e "$at/.ssh/id_rsa"
done
equal '- both backups' 2 "$(find "$O/backup" -mindepth 1 -maxdepth 1 -type d |
	wc -l)"
ok '- the content is found' grep -rqF "$content" "$O/backup"
ok '- the secret nowhere' perl "$MARKERS" "$O" "$T/hidden"
ok '- nor a name of a device' perl "$MARKERS" "$O" "$T/names"
said '- the secret is listed' "${F#/}/.ssh/id_rsa" "$O" secrets_closed.0.path
says '- for people, too' "${F#/}/\.ssh/id_rsa" cat "$O/MANIFEST.txt"
stored=$(find "$DATA/blobs" -path '*/tmp' -prune -o -type f -print0 |
	xargs -0 sha256sum | cut -d ' ' -f 1)
same_blobs() { # what is handed out closed is as it is stored
	find "$O/ciphertext" -path '*/blobs/*' -type f -print0 >"$T/blobs"
	[ -s "$T/blobs" ] && xargs -0 sha256sum <"$T/blobs" | cut -d ' ' -f 1 |
		while read -r hash; do
			case $stored in *"$hash"*) ;; *) exit 1 ;; esac
		done
}
ok '- ciphertext is as it is stored' same_blobs
not '- no work is left' test -e "$O/.work"

metadata() { # NAME PATTERN FILE
	says "- $1" "$2" cat "$O/metadata/$3"
}
metadata 'metadata: the account' '"two_factor": "on"' account.json
equal '- both devices' 2 "$(grep -c '"class": "computer"' \
	"$O/metadata/devices.json")"
metadata 'who let in whom' '"type": "add"' devices.json
metadata 'sessions' '"opened_ms"' sessions.json
metadata 'the security log' '"event": "device_added"' log.json
metadata 'factors' '"kind": "authenticator"' factors.json
metadata 'commits' '"received_ms"' zones.json
equal '- the manifest speaks of every table' \
	"$(sqlite3 "$DATA/aumbryd.db" "SELECT name FROM sqlite_master
	WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name" |
		tr '\n' ' ')" \
	"$(perl -MJSON::PP -e 'local $/;
	print map { "$_ " } sort keys %{ decode_json(<>)->{tables} }' \
		"$O/MANIFEST.json")"
{
	head -n 1 "$SECRET"
	sqlite3 "$DATA/aumbryd.db" "SELECT HEX(SUBSTR(record, 1, 16))
	FROM account; SELECT HEX(SUBSTR(token, 1, 16)) FROM session"
} | while read -r x; do
	case $x in
	*[!0-9A-F]*) printf '%s\n' "$x" ;;
	*) printf '%s\n%s\n' "$x" "$(printf %s "$x" | tr A-F a-f)" ;;
	esac
done >"$T/credentials"
ok '- no credential is there' perl "$MARKERS" "$O" "$T/credentials"

# The check finds what differs.
tampered() { # NAME COMMAND…
	name=$1
	cp -a "$O" "$T/tampered"
	shift
	"$@"
	not "the manifest would tell: $name" perl "$MANIFEST" check \
		"$T/tampered"
	rm -rf "$T/tampered"
}
tampered 'a file more' touch "$T/tampered/backup/more"
tampered 'a file less' rm "$T/tampered/metadata/log.json"
tampered 'another byte' sh -c 'printf x >>"$1"' sh \
	"$T/tampered/metadata/log.json"
tampered 'an empty folder more' mkdir "$T/tampered/empty"

# ---- told later ----

# What a tenant backed up must not bite who is handed the folder.
W=$T/wild
mkdir "$W"
cp /bin/true "$W/suid"
chown daemon "$W/suid" 2>/dev/null
chmod 6755 "$W/suid"
truncate -s 60G "$W/sparse"
printf data | dd of="$W/sparse" bs=1 seek=40000000000 conv=notrunc 2>/dev/null
setfattr -n user.note -v abc "$W/suid" 2>/dev/null
if [ "$(id -u)" -eq 0 ]; then
	mknod "$W/disk" b 8 0
	chattr +i "$W/suid" 2>/dev/null
fi
ok 'a backup of things that bite' at ana backup "$W"
chattr -i "$W/suid" 2>/dev/null
ok 'told later: an hour' disclose ana "$T/out2" --notify-after 1h
B=$T/out2/backup
equal '- nothing of it runs as another' '' "$(find "$B" -perm /7000)"
equal '- nothing is a device' '' "$(find "$B" -type b -o -type c)"
equal '- all belongs to who wrote it' '' "$(find "$B" ! -uid "$(id -u)")"
equal '- nothing has an attribute' '' "$(getfattr -R -m - "$B" 2>/dev/null)"
equal '- nothing is immutable' '' "$(lsattr -R "$B" 2>/dev/null |
	grep -E '^[^ ]*[ia][^ ]* ')"
thing() { grep "\"path\":\"[^\"]*/wild/$1\"" "$B"/*.jsonl; }
says '- but it is written down: the mode' '"mode":"6755"' thing suid
if [ "$(id -u)" -eq 0 ]; then
	says '- the device' '"major":8,' thing disk
	says '- the owner' '"user":"daemon"' thing suid
fi
says '- the hash of the sparse one is of its data' \
	'"sha256_of_data":' grep -F "wild/sparse" "$T/out2/MANIFEST.json"
ok '- the manifest is exact' perl "$MANIFEST" check "$T/out2"
rm -rf "$B"
says '- the line says so' 'disclose done notify_after=20' \
	aumbry-escrow journal --dir "$ESCROW_DIR"
sees() { at ana log >"$T/out" 2>"$T/err" && grep -Eq -e "$1" "$T/out"; }
not '- the owner does not see it' sees 'disclose.*notify_after'
ok '- but what was before it' sees 'disclose.*order 17'
ok '- and nothing seems wrong' at ana log
ok '- a device comes and reads' at visitor signin "$URL" ana \
	--with authenticator --code "$(totp '30 seconds')"
says '- it gets its keys' "$F" at visitor snapshot list
not '- that line waits, too' sees 'release .*authenticator'
not '- and a head of it gives nothing away' sees 'journal-rolled-back'
stop_escrow
preload=$(faketime -f +2h printenv LD_PRELOAD)
ESCROW_AS="env FAKETIME=+2h LD_PRELOAD=$preload"
start_escrow
ok 'two hours later: it is told' until_true 20 sees 'disclose.*notify_after'
ok '- and what came after it' sees 'release .*authenticator'
export ESCROW_AS=''
stop_escrow

# ---- advanced ----

start_escrow
A=$T/out3
ok 'advanced' disclose ben "$A"
also '- ciphertext' 'ciphertext and metadata'
says '- and who never gave the escrow a key sees it in the log, too' \
	'escrow_disclose' at ben log
ok '- the manifest is exact' perl "$MANIFEST" check "$A"
said '- it names the level' advanced "$A" protection
said '- backups are ciphertext' 'ciphertext only' "$A" categories.backup.what
said '- and why' 'advanced protection: no key exists with the operator' "$A" \
	categories.backup.why
not '- nothing is in plain' test -e "$A/backup"
ok '- no marker is there' perl "$MARKERS" "$A" "$T/all"
equal '- markers were planted' 9 "$(wc -l <"$T/all")"
ok '- the search finds them' sh -c 'cp -a "$1" "$2" && ! perl "$3" "$2" "$4"' \
	sh "$G" "$A/planted" "$MARKERS" "$T/all"
rm -r "$A/planted"
says '- it is in the journal' 'disclose done .*opens=nothing' \
	aumbry-escrow journal --dir "$ESCROW_DIR"

# ---- stopped, and damage ----

stop_server KILL # its log is not folded back
stop_escrow
equal 'there is a log of the database' 1 "$(find "$DATA" -name '*-wal' \
	-size +0 | wc -l)"
untouched >"$T/before"
ok 'with both stopped' stopped ana "$T/out4"
ok '- the manifest is exact' perl "$MANIFEST" check "$T/out4"
untouched >"$T/after"
rows() { # TABLE: rows of the account, and a line of titles
	sqlite3 "$DATA/aumbryd.db" "SELECT COUNT(*) + 1 FROM $1"
}
equal '- every record' \
	"$(rows "record JOIN zone USING (number) WHERE uid = x'$uid'")" \
	"$(wc -l <"$T/out4/metadata/records.csv")"
equal '- every blob' "$(rows "blob WHERE uid = x'$uid'")" \
	"$(wc -l <"$T/out4/metadata/blobs.csv")"
ok "- the server's files are what they were" cmp "$T/before" "$T/after"

# By root, the escrow's files stay those of the escrow's own user.
if [ "$(id -u)" -eq 0 ]; then
	chmod 711 "$T"
	chown -R nobody:nogroup "$ESCROW_DIR"
	ok 'by root, where the escrow is a user of its own' \
		stopped ana "$T/out8"
	equal '- all there is is its own' nobody "$(find "$ESCROW_DIR" \
		-printf '%u\n' | sort -u)"
	chown -R root:root "$ESCROW_DIR"
fi

zone=$(sqlite3 "$DATA/aumbryd.db" \
	"SELECT LOWER(HEX(zone)) FROM zone WHERE uid = x'$uid' AND category = 2")
lost=$(find "$DATA/blobs/$uid/$zone" -type f -size +1000k | head -n 1)
mv "$lost" "$T/lost"
refused 'a blob is lost' 3 write-incomplete stopped ana "$T/out5"
ok '- the manifest is exact' perl "$MANIFEST" check "$T/out5"
says '- and names what did not open' "^backup/[0-9a-f]+/${F#/}/noise: " \
	cat "$T/out5/MANIFEST.txt"
ok '- the rest is there' test -s "$(find "$T/out5/backup" -name more)"
mv "$T/lost" "$lost"

cp "$ESCROW_DIR/journal" "$T/journal"
size=$(stat -c %s "$T/journal")
printf damaged | dd of="$ESCROW_DIR/journal" bs=1 seek=$((size / 2)) conv=notrunc \
	2>/dev/null
refused 'a journal that was changed' 6 journal-rolled-back \
	stopped ana "$T/out6"
not '- nothing was read' test -e "$T/out6/metadata"
cp "$T/journal" "$ESCROW_DIR/journal"

# ---- the level changes: the key is gone ----

start_escrow
start_server
ok 'makes a recovery key' at ana recovery key create --out "$T/key" \
	--code "$(totp '60 seconds')"
ok 'tries it' at ana recovery drill --key-file "$T/key"
ok 'turns advanced on' at ana protection advanced \
	--code "$(totp '90 seconds')"
ok 'the escrow hears of it' until_true 20 escrow_told
ok 'advanced since: no key opens what was there' disclose ana "$T/out7"
said '- why' "the escrow's key of the account was destroyed" "$T/out7" keys
ok '- the manifest is exact' perl "$MANIFEST" check "$T/out7"
ok '- no content is there' perl "$MARKERS" "$T/out7" "$T/open"
finish
