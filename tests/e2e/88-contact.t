#!/bin/sh
# SPDX-License-Identifier: ISC
# 88-contact.t: every device is gone, and somebody who is trusted helps back in.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

PW2=$T/pw2
echo 'another battery entirely' >"$PW2"
mkdir -p "$T/files/.ssh"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"

with_new() {
	device=$1
	shift
	aumbry --home "$T/$device" --password-file "$PW2" "$@"
}
sql() {
	sqlite3 -batch "$DATA/aumbryd.db" ".timeout 5000" "$@"
}
# has N FILE: it has that many lines.
has() {
	[ "$(wc -l <"$2" 2>/dev/null)" -ge "$1" ]
}
CLOCK='' # what stands before a recovery that begins
# ask HOME WORD…: begin to recover there; codes are written to descriptor 4.
ask() {
	home=$1
	shift
	rm -f "$T/typed"
	mkfifo "$T/typed"
	: >"$T/in.err"
	$CLOCK aumbry --home "$T/$home" recover "$@" --new-password-file "$PW2" \
		<"$T/typed" >"$T/in.out" 2>"$T/in.err" &
	asking=$!
	exec 4>"$T/typed"
	until_true 20 grep -q '^Tell them' "$T/in.err"
}
begin() {
	home=$1
	shift
	ask "$home" "$URL" ana --contact "$@"
}
# ask_again HOME: the same, for one that was begun.
ask_again() { ask "$1" --continue; }
# help [WORD…]: bea helps ana; the codes come to $T/codes.
help() {
	: >"$T/codes"
	at bea recovery assist ana --print-code "$@" \
		>"$T/codes" 2>"$T/help.err" </dev/null &
	helping=$!
	until_true 20 has 1 "$T/codes"
}
last_code() { tail -n 1 "$T/codes"; }
# ends NAME WANTED PID FILE: its exit status and its last words.
ends() {
	wait "$3"
	equal "$1" "$2" "$? $(tail -n 1 "$4")"
}
# left NAME STATUS PID FILE PATTERN: its exit status, and what it said.
left() {
	wait "$3"
	got=$?
	cp "$4" "$T/err"
	: >"$T/out"
	if [ $got -eq "$2" ] && grep -Eq -e "$5" "$4"; then
		pass "$1"
	else
		fail "$1 (exit $got)"
	fi
}
slip() {
	echo "$1" | awk '{ print (substr($0, 1, 1) + 1) % 10 substr($0, 2) }'
}
# request FILE: what a recovery is known by, as its device shows it.
request() { sed -n 's/^Tell them this request: //p' "$1"; }

# twist FILE OFFSET: that file with another character there in its code.
twist() {
	perl -e 'my ($from, $at) = @ARGV; local $/; open my $f, "<", $from;
		my $text = <$f>; my $code = rindex($text, "\n", length($text) - 2) + 1;
		my $c = substr($text, $code + $at, 1);
		substr($text, $code + $at, 1) = $c eq "A" ? "B" : "A";
		print $text' "$1" "$2" >"$T/twisted"
}

# linked: rows of ana's, of any table, that name bea or a device of hers.
linked() {
	ana=$(sql "SELECT hex(uid) FROM account WHERE name = 'ana'")
	bea=$(sql "SELECT hex(uid) FROM account WHERE name = 'bea'")
	names=$(sql "SELECT DISTINCT hex(dev_id) FROM event WHERE hex(uid) = '$bea'
		AND length(dev_id) = 16 AND dev_id <> zeroblob(16)")
	for table in $(sql "SELECT name FROM sqlite_master WHERE type = 'table'
		AND sql LIKE '%uid BLOB%'"); do
		columns=$(sql "SELECT group_concat('hex(\"' || name || '\")',
			'||'' ''||') FROM pragma_table_info('$table')")
		sql "SELECT '$table ' || $columns FROM \"$table\"
			WHERE hex(uid) = '$ana'"
	done >"$T/rows"
	for name in $bea $names; do
		grep -i "$name" "$T/rows"
	done
}

# token HOME: the session that it holds now. recovering HOME: its recovery's.
token() {
	sqlite3 -batch "$T/$1/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'token'" |
		cut -c 17- | perl -ne 'chomp; print pack("H*", $_)'
}
recovering() {
	sqlite3 -batch "$T/$1/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'recovering'" |
		perl -ne '($_) = pack("H*", $_) =~ /\x2b([-_A-Za-z0-9]{43})/; print'
}
# answers NAME WANTED TOKEN METHOD PATH [BODY]: "ok", or the error's code.
answers() {
	curl -sk --max-time 20 -X "$4" -o "$T/got" \
		-H "Authorization: Bearer $3" ${6+--data "$6"} \
		"${URL%%/#*}$5"
	equal "$1" "$2" "$(node -e 'const x = require("fs").readFileSync(
		process.argv[1], "latin1");
		let code = "ok";
		try { code = JSON.parse(x).error?.code ?? "ok"; } catch { }
		console.log(code)' "$T/got")"
}
# derived LABEL FILE: what a code holder makes of that half, as base64.
derived() {
	node -e 'const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
		const code = require("fs").readFileSync(process.argv[1], "utf8");
		const symbols = code.replace(/[^A-Z2-9]/g, "").slice(0, 26);
		const key = Buffer.from([...symbols].map(c => letters.indexOf(c)));
		console.log(Buffer.from(require("crypto").hkdfSync("sha256", key,
			"", process.argv[2] + "\0", 32)).toString("base64"))' \
		"$2" "aumbry recovery $1"
}

start_server
stop_server
configure limits recovery_wait 1h
start_server
ok 'ana signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok '- and backs up' at laptop backup "$T/files"
aumbryd invite --data "$DATA" >"$T/invite"
ok 'bea signs up on the same server' \
	at bea signup "$URL" bea --invite "$(cat "$T/invite")"
says 'nobody helps anybody yet' '^0$' sh -c \
	'aumbry --home "$1" recovery contact list | grep -c .' x "$T/laptop"

# ---- the half ----

ok 'ana adds bea as a contact' at laptop recovery contact add bea
cp "$T/out" "$T/half"
says '- and gets a code for her' \
	'^([A-HJ-NP-Z2-9]{4}-){6}[A-HJ-NP-Z2-9]{4}$' cat "$T/half"
refused 'not two of one name' 1 conflict at laptop recovery contact add bea
refused 'nor without a name' 2 bad-usage at laptop recovery contact add
says 'ana sees whom she has' '  bea .*helps you, since 20' \
	at laptop recovery contact list
says 'status tells of it, too' '^contact .* bea ' at laptop recovery status

twist "$T/half" 26
refused 'a wrong character' 1 recovery-key-wrong \
	at bea recovery contact accept ana --key-file "$T/twisted"
also '- its group is named' 'group 6 is wrong'
ok 'bea has a contact, too' at bea recovery contact add carl --out "$T/carl"
ok '- and makes a recovery key' at bea recovery key create --out "$T/key"
refused 'a code of another kind' 1 recovery-key-wrong \
	at bea recovery contact accept ana --key-file "$T/key"
also '- is told' 'this is a recovery key'
refused 'one is not one'"'"'s own contact' 2 bad-name \
	at laptop recovery contact accept ana --key-file "$T/half"
refused 'nor is somebody elsewhere' 2 bad-name \
	at bea recovery contact accept ana@elsewhere.example --key-file "$T/half"
refused 'nothing can be given yet' 1 not-found at bea recovery assist ana
ok 'bea keeps her half' \
	at bea recovery contact accept ANA@localhost --key-file "$T/half"
says '- and sees whom she helps' '^you help: ana@localhost since 20' \
	at bea recovery contact list
at bea --json recovery contact list >"$T/list"
equal '- also for programs' 'contacts helping' "$(json - "$T/list")"
ok 'another device of hers' pair bea bea2 bea --device-name second
says '- sees it, too' '^you help: ana@localhost since 20' \
	at bea2 recovery contact list
equal 'the server does not know who helps ana' '' "$(linked)"
not '- (of ana it knows a lot)' [ "$(wc -l <"$T/rows")" -lt 10 ]

# ---- a drill ----

ok 'bea tries whether her half counts' at bea recovery assist ana --drill
also '- it does, and nothing was given' 'nothing was given'
says '- ana is told, and not from where' 'contact_drilled +from a contact|contact_drilled.*a contact' \
	at laptop log
equal '- the server still does not know who it was' '' "$(linked)"
refused 'nobody asks for help' 1 not-found at bea recovery assist ana
also '- and says so' 'no recovery of ana waits'

# ---- a name that nobody has is answered alike ----

refused 'ana asks, and nobody helps' 1 code-expired aumbry --home "$T/x" \
	recover "$URL" ana --contact --timeout 1s
said=$(sed 's/assist ana/assist/; s/[0-9a-f]\{8\}//' "$T/err")
refused 'nobody asks, and nobody helps' 1 code-expired aumbry --home "$T/y" \
	recover "$URL" nobody --contact --timeout 1s
equal '- by the same words' "$said" \
	"$(sed 's/assist nobody/assist/; s/[0-9a-f]\{8\}//' "$T/err")"
ok 'both give up' aumbry --home "$T/x" recover --cancel
ok '- the other too' aumbry --home "$T/y" recover --cancel
refused 'bea sees neither' 1 not-found at bea recovery assist ana

# ---- strangers who ask for ana ----

# flood FROM TO: as many addresses ask, three times each.
record=$(sql "SELECT hex(device) FROM recovering LIMIT 1" |
	perl -ne 'chomp; print pack("H*", $_)' | base64 -w 0 | tr '+/' '-_' |
	tr -d '=')
flood() {
	for i in $(seq "$1" "$2"); do
		for _ in 1 2 3; do
			printf 'next\nurl = "%s/v1/recover"\ninterface = "127.0.1.%d"\n' \
				"${URL%%/#*}" "$i"
			printf 'data = "{\\"name\\":\\"ana\\",\\"way\\":\\"contact\\",'
			printf '\\"device\\":\\"%s\\",\\"nonce\\":\\"%s\\",' "$record" \
				AAAAAAAAAAAAAAAAAAAAAA
			printf '\\"os\\":\\"%s\\"}"\nsilent\ninsecure\n' \
				"$(printf %032d 0)"
			printf 'output = "/dev/null"\n'
		done
	done | sed 1d >"$T/curl.cfg"
	curl -K "$T/curl.cfg"
}
flood 1 250
begin early
flood 1 150
less 'what is kept of them is bounded' 600 \
	"$(sql "SELECT COUNT(*) FROM recovering WHERE state = 0")"
refused 'bea sees a page of them' 2 ambiguous-request at bea recovery assist ana
less '- no more' 20 "$(wc -l <"$T/err")"
help "$(sed -n 's/^Tell them this request: //p' "$T/in.err" | head -n 1)"
last_code >&4
left 'and helps the one that ana names' 4 $asking "$T/in.err" 'goes on at'
exec 4>&-
left '- with no word of the others' 0 $helping "$T/help.err" \
	'the recovery waits now'
ok '- which is given up' aumbry --home "$T/early" recover --cancel
sql "DELETE FROM recovering; DELETE FROM event WHERE event = 'recovery_begun'"

# ---- codes ----

begin new --device-name new
help
slip "$(last_code)" >&4
exec 4>&-
ends 'a slip of the finger is told' '1 (wrong-code)' $asking "$T/in.err"
equal '- and burns no code' 1 "$(wc -l <"$T/codes")"
ask_again new
echo 123456 >&4
exec 4>&-
ends 'a code of 6 digits enters nothing' '2 (wrong-code-kind)' \
	$asking "$T/in.err"
ask_again new
other_code "$(last_code)" >&4
until_true 20 has 2 "$T/codes"
not 'a wrong code is burnt: the next one is another' \
	[ "$(sed -n 1p "$T/codes")" = "$(sed -n 2p "$T/codes")" ]
other_code "$(last_code)" >&4
until_true 20 has 3 "$T/codes"
other_code "$(last_code)" >&4
ends 'three wrong ones end the try' '1 (wrong-code)' $helping "$T/help.err"
says 'the log is there' . at laptop log
lacks '- nothing has begun' recovery_begun
help
last_code >&4
left 'the same recovery takes the next code' 4 $asking "$T/in.err" 'goes on at'
exec 4>&-
left '- bea is told that it begins' 0 $helping "$T/help.err" \
	'the recovery waits now'

# ---- the wait ----

says 'the devices see it, and whose half it was' \
	'! a recovery by contact bea from 127' at laptop recovery status
says '- the log tells' 'recovery_begun .*by contact, can be stopped until' \
	at laptop log
says '- and so does status' 'somebody recovers this account by contact' \
	at laptop status
exits 'it goes on no sooner' 4 aumbry --home "$T/new" recover --continue
refused 'bea has nothing more to give' 1 not-found at bea recovery assist ana
ok 'a device stops it' at laptop recovery stop
equal '- and who helped is forgotten' '' "$(linked)"
exits '- which ends it' 4 aumbry --home "$T/new" recover --continue
also '- and is told' 'has stopped this recovery'
ok '- it is given up' aumbry --home "$T/new" recover --cancel
sql "DELETE FROM throttle"

# ---- who has the code alone, or only an account, gets nothing ----

begin alone
kill $asking
wait $asking
exec 4>&-
id=$(sql "SELECT lower(hex(id)) FROM recovering WHERE state = 0")
mine=$(recovering alone)
shown="{\"verifier\":\"$(derived shown "$T/half")\"}"
assist="{\"assist\":\"$(derived assist "$T/half")\"}"
zeros="{\"verifier\":\"$(head -c 32 /dev/zero | base64)\"}"
answers 'the code alone begins no wait' recovery-key-wrong \
	"$mine" POST /v1/recover/prove "$shown"
answers 'nothing is said while nobody helps' code-expired \
	"$mine" POST "/v1/recover/$id/messages" x
run at bea status
session=$(token bea)
answers 'an account that is no contact sees no messages' not-found \
	"$session" GET "/v1/recover/$id/messages"
answers '- and says nothing' not-found \
	"$session" POST "/v1/recover/$id/messages" x
answers '- nor helps with another code' not-found "$session" \
	POST "/v1/assist/$id" "{\"assist\":\"$(head -c 32 /dev/zero | base64)\"}"
answers '- nor with a half of another account' not-found "$session" \
	POST "/v1/assist/$id" "{\"assist\":\"$(derived assist "$T/carl")\"}"
answers 'a contact helps' ok "$session" POST "/v1/assist/$id" "$assist"
answers '- and is heard' ok "$session" POST "/v1/recover/$id/messages" x
answers '- by the new device' ok "$mine" GET "/v1/recover/$id/messages"
equal '- whose message it is' 1 "$(perl -0777 -ne \
	'print unpack("x6 C", $_)' "$T/got")"
answers 'a wrong half begins no wait' recovery-key-wrong \
	"$mine" POST /v1/recover/prove "$zeros"
run at bea2 status
answers 'another device of hers takes it over' ok \
	"$(token bea2)" POST "/v1/assist/$id" "$assist"
answers '- so the first one is out' not-found \
	"$session" GET "/v1/recover/$id/messages"
answers '- and ends nothing' not-found "$session" DELETE "/v1/assist/$id"
answers '- while that one does' ok "$(token bea2)" DELETE "/v1/assist/$id"
answers '- and then nothing begins' recovery-key-wrong \
	"$mine" POST /v1/recover/prove "$shown"
begin beside
kill $asking
wait $asking
exec 4>&-
answers 'a token of a recovery reads no other one' not-found \
	"$(recovering beside)" GET "/v1/recover/$id/messages"
ok '- that one is given up' aumbry --home "$T/beside" recover --cancel
run at laptop status
answers 'a kit has a half to try, and a contact; but not this' not-found \
	"$(token laptop)" GET "/v1/recovery/$id/half"
ok 'it is given up' aumbry --home "$T/alone" recover --cancel

# ---- somebody else asks at the same time ----

begin thief
theirs=$(request "$T/in.err")
thief=$asking
exec 5>&4 4>&-
cp "$T/in.err" "$T/thief.err"
begin new
ours=$(request "$T/in.err")
refused 'two ask: bea must say whom she means' 2 ambiguous-request \
	at bea recovery assist ana
also '- and sees both' "^$theirs  since .* from 127"
also '- and this one' "^$ours  since .* from 127"
refused 'one that is not there' 1 not-found at bea recovery assist ana ffffffff
# She takes the wrong one: who asks there does not know the code.
help "$theirs"
until_true 20 grep -q . "$T/codes"
other_code "$(last_code)" >&5
until_true 20 has 2 "$T/codes"
equal 'who asks instead guesses, and burns the code' 2 "$(wc -l <"$T/codes")"
kill $helping
wait $helping
# The right one.
help "$ours"
last_code >&4
left 'the right one goes on' 4 $asking "$T/in.err" 'goes on at'
exec 4>&-
wait $helping
exec 5>&-
kill $thief
wait $thief
says 'the other gets nothing' '! a recovery by contact' at laptop recovery status
equal '- there is one' 1 "$(grep -c '! a recovery' "$T/out")"

# ---- a device allows it ----

ok 'a device allows it' at laptop recovery allow --code "$(totp '30 seconds')"
ok '- so it goes on at once' aumbry --home "$T/new" recover --continue \
	--new-password-file "$PW2" --keep-devices
ok '- and is in' with_new new status
refused 'too late to stop it' 1 not-found at laptop recovery stop
also '- and says so' 'too late'
id=$(sql "SELECT lower(hex(id)) FROM recovering WHERE lower(hex(id)) LIKE '$ours%'")
run at laptop status
answers '- whatever the client looks at' conflict \
	"$(token laptop)" POST "/v1/recovery/$id/stop"
refused 'the other recovery is over' 1 code-expired \
	aumbry --home "$T/thief" recover --continue --new-password-file "$PW2"
equal 'who helped is forgotten' '' "$(linked)"

# ---- all is lost ----

rm -rf "$T/laptop" "$T/new"
stop_server
configure limits recovery_wait 3s
start_server
sql "DELETE FROM throttle"
begin last --device-name last
help
last_code >&4
left 'bea helps again' 4 $asking "$T/in.err" 'goes on at'
exec 4>&-
wait $helping
stop_server KILL
start_server
through() {
	aumbry --home "$T/$1" recover --continue --new-password-file "$PW2" \
		>"$T/out" 2>"$T/err"
}
ok 'the wait outlives the server' until_true 30 through last
says '- the old devices are gone' '^1$' sh -c \
	'aumbry --home "$1" device list | grep -c .' x "$T/last"
ok 'restores' with_new last restore "latest:$T/files" --to "$T/back"
ok '- all of it, secrets too' trees_equal "$T/files" "$T/back"
ok 'it backs up' with_new last backup "$T/files"
says 'advanced protection, all the while' '^protection +advanced' \
	with_new last protection show
ok 'the half still counts' at bea recovery assist ana --drill

# ---- limits ----

for name in b c d e; do
	ok "ana adds $name" with_new last recovery contact add $name \
		--out "$T/half-$name"
done
refused 'five are the most' 1 too-large with_new last recovery contact add f
sql "DELETE FROM throttle"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	at bea recovery assist ana --drill
done >"$T/out" 2>&1
refused 'ten a day' 4 too-many-attempts at bea recovery assist ana --drill
sql "DELETE FROM throttle"

# ---- bea is taken out while a recovery with her half could go on ----

begin late
help
last_code >&4
left 'one more begins' 4 $asking "$T/in.err" 'goes on at'
exec 4>&-
wait $helping
ok 'bea is taken out' with_new last recovery contact remove bea
also '- later' 'takes force at'
says '- which ana sees' '  bea .*will leave' with_new last recovery contact list
ok '- until then her half counts' at bea recovery assist ana --drill
stop_server
# shellcheck disable=SC2034 # tap.sh reads it
serve_at +73h
start_server
days_later() {
	device=$1
	shift
	faketime -f +73h aumbry --home "$T/$device" --password-file "$PW2" "$@"
}
refused 'then her half gives nothing' 1 not-found \
	faketime -f +73h aumbry --home "$T/bea" recovery assist ana
also '- and says why' 'taken it out'
refused '- not to what waited, either' 1 code-expired \
	days_later late recover --continue --new-password-file "$PW2"
also '- and says why' 'taken out or replaced'
# c helps, and the new device shows what d has.
CLOCK='faketime -f +73h'
begin x
kill $asking
wait $asking
exec 4>&-
id=$(sql "SELECT lower(hex(id)) FROM recovering WHERE state = 0")
run faketime -f +73h aumbry --home "$T/bea" status
answers 'c helps' ok "$(token bea)" POST "/v1/assist/$id" \
	"{\"assist\":\"$(derived assist "$T/half-c")\"}"
answers '- what d has begins no wait' recovery-key-wrong "$(recovering x)" POST \
	/v1/recover/prove "{\"verifier\":\"$(derived shown "$T/half-d")\"}"
answers '- what c has does' ok "$(recovering x)" POST \
	/v1/recover/prove "{\"verifier\":\"$(derived shown "$T/half-c")\"}"
says 'the others are in force' '  c .*helps you' days_later last recovery contact list
lacks '- without bea' ' bea '
ok 'bea forgets it' faketime -f +73h aumbry --home "$T/bea" recovery \
	contact forget ana
refused '- and has nothing' 1 not-found \
	faketime -f +73h aumbry --home "$T/bea" recovery assist ana
finish
