#!/bin/sh
# SPDX-License-Identifier: ISC
# 96-visit.t: under advanced protection, a sign-in by a code reads backups when
# a device lets it, for its hour.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

# code: one that is good now, as if the last were long ago.
code() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
# asked: a visit waits that did not before; its id is in $visit.
visit=''
asked() {
	at laptop visit list --json >"$T/visits" || return
	[ -s "$T/visits" ] && [ "$(json id "$T/visits")" != "$visit" ] &&
		visit=$(json id "$T/visits")
}
# begin: the visitor asks, and types what is written to descriptor 9.
begin() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	aumbry --home "$T/visitor" visit ask --timeout 60s <"$T/pipe" \
		>"$T/visitor.out" 2>&1 &
	asking=$!
	exec 9>"$T/pipe"
	until_true 20 asked
}
# come: it asks, and types the code that the laptop shows.
come() {
	begin || return
	at laptop visit approve --print-code --timeout 60s >&9
	approved=$?
	exec 9>&-
	wait $asking && [ $approved -eq 0 ]
}

mkdir -p "$T/files/.ssh"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"
start_with_escrow
ok 'signs up' sign_up laptop ana --invite "$INVITE" --device-name laptop
ok 'a recovery key' at laptop recovery key create --out "$T/key"
ok '- is tried' at laptop recovery drill --key-file "$T/key"
ok 'backs up' at laptop backup "$T/files"
mkdir "$T/folder"
cp "$T/files/photo" "$T/folder/photo"
cp "$T/files/.ssh/id_rsa" "$T/folder/id_rsa"
ok 'keeps a folder in sync' at laptop drive sync "$T/folder" --once
ok 'advanced protection' at laptop protection advanced --code "$(code)"
ok 'backs up again' at laptop backup "$T/files"

ok 'signs in by a code' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
also '- which reads nothing yet' 'aumbry visit ask'
refused '- no list' 4 permission-denied at visitor snapshot list
refused 'web access is off at first' 4 release-refused at visitor visit ask
also '- which says how' 'aumbry protection web on'
ok 'web access is turned on' at laptop protection web on --code "$(code)"
refused '- that alone opens nothing' 4 permission-denied \
	at visitor snapshot list
refused 'a device needs no visit' 1 bad-request at laptop visit ask
refused 'nobody has asked' 1 not-found at laptop visit approve

ok 'a device shows a code, the sign-in types it' run come
ok '- lists' at visitor snapshot list
run at visitor restore "latest:$T/files" --to "$T/back"
also '- and restores, but not secrets' 'category-closed|secret'
ok '- the rest is there' cmp "$T/files/photo" "$T/back/photo"
not '- the secret is not' grep -rq OPENSSH "$T/back"
says '- sees the Drive' photo at visitor drive ls /
ok '- and fetches a file of it' at visitor drive get /photo "$T/photo"
ok '- whole' cmp "$T/files/photo" "$T/photo"
ok '- finds it' at visitor drive find 'pho*'
ok '- and reads it' at visitor drive cat /photo
ok '- sees its versions' at visitor drive versions /photo
ok '- and the trash' at visitor drive trash list
not '- a secret is closed there, too' at visitor drive get /id_rsa "$T/key2"
refused '- and changes nothing' 4 permission-denied at visitor drive rm /photo
refused '- nor adds' 4 permission-denied at visitor drive put "$T/files/photo" /x
refused '- keeps no folder in sync' 4 permission-denied \
	at visitor drive sync "$T/folder" --once
refused '- stores nothing' 4 permission-denied at visitor backup "$T/files"
says 'the log tells that it was asked' 'visit_asked .*backup' at laptop log
also '- and given' 'visit_opened .*backup'
ok 'nothing waits now' at laptop visit list
lacks '- not one' .
ok 'signs out' at visitor signout

ok 'another sign-in' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
refused '- has to ask again' 4 permission-denied at visitor snapshot list
begin
at laptop visit approve --print-code --timeout 60s >"$T/shown" 2>"$T/said" &
approving=$!
until_true 20 [ -s "$T/shown" ]
other_code "$(cat "$T/shown")" >&9
exec 9>&-
wait $asking
equal 'a wrong code gives nothing' 1 $?
ok '- and is named' grep -q '(wrong-code)' "$T/visitor.out"
wait $approving
equal '- it is burnt, and nobody waits any more: the laptop ends' 1 $?
ok '- and says so' grep -q '(code-expired)' "$T/said"
refused '- it reads nothing still' 4 permission-denied at visitor snapshot list
for i in 1 2 3; do
	begin
	kill $asking
	wait $asking
	equal "who gives up asks no more ($i)" 143 $?
	exec 9>&-
	ok '- nor do the devices' at laptop visit list
	lacks '- not one' .
done
begin
ok 'a device says no' at laptop visit refuse "$visit"
exec 9>&-
wait $asking
equal '- the visitor hears' 4 $?
ok '- by its name' grep -q '(request-refused)' "$T/visitor.out"
says '- it is in the log' 'visit_refused' at laptop log
refused '- nobody is asked from there for a day' 4 request-refused \
	at visitor visit ask
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE factor SET counter = 0' >/dev/null
ok '- nor by a further sign-in' at visitor signin "$URL" ana \
	--with authenticator --code "$(totp now)"
refused '- which asks in vain' 4 request-refused \
	at visitor visit ask --timeout 5s
ok 'web access is turned off' at laptop protection web off
refused '- nothing is asked' 4 release-refused at visitor visit ask
ok 'it is turned on again' at laptop protection web on --code "$(code)"
ok 'a device lets it read' come
ok '- which it does' at visitor snapshot list
ok 'web access is turned off meanwhile' at laptop protection web off
refused '- and it reads no more' 4 permission-denied at visitor snapshot list
finish
