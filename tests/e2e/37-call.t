#!/bin/sh
# SPDX-License-Identifier: ISC
# 37-call.t: codes by phone call: the shipped example calls a real phone, and
# what that hears is the code; commands that fail, hang, or are not there.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

NUMBER=+420601234567
TMPDIR=$T # where calls keep what they say
export TMPDIR
phone=$T/phone PHONE=''
trap '[ -z "$PHONE" ] || kill $PHONE 2>/dev/null; cleanup' EXIT

# start_phone: it takes every call, and records what it hears.
start_phone() {
	mkdir "$phone"
	port=$(free_ports 1)
	sox -n -r 8000 -c 1 -b 16 "$phone/silence.wav" trim 0 60
	cat >"$phone/config" <<-END
		module_path /usr/lib/baresip/modules
		module account.so
		module aufile.so
		module g711.so
		module sndfile.so
		module_app menu.so
		snd_path $phone
		audio_source aufile,$phone/silence.wav
		ausrc_srate 8000
		auplay_srate 8000
		ausrc_channels 1
		auplay_channels 1
		sip_listen 127.0.0.1:$port
		net_interface 127.0.0.1
	END
	echo "<sip:$NUMBER@127.0.0.1:$port>;regint=0;answermode=auto" \
		>"$phone/accounts"
	baresip -f "$phone" -t 120 >"$phone/log" 2>&1 </dev/null &
	PHONE=$!
	until_true 20 grep -q 'baresip is ready' "$phone/log"
}
# command TEXT: what calls, from now on.
command_is() {
	printf '#!/bin/sh\n%s\n' "$1" >"$T/call"
	chmod +x "$T/call"
}
# speech CODE FILE: as call-sip says it.
speech() {
	digits=$(echo "$1" | sed 's/./&, /g; s/, $//')
	echo "This is localhost. Your code is: $digits. Once more: $digits." \
		'Nobody from localhost will ever ask for it.' |
		espeak-ng -v en -s 260 -g 4 --stdin -w "$T/voice.wav" &&
		sox "$T/voice.wav" -r 8000 -c 1 -b 16 "$2" pad 1 1
}
alike() {
	node "$ROOT/tests/tools/heard.mjs" "$1" "$phone"/dump-*-dec.wav
}
over() { # A B
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'
}
processes_show() { # PATTERNS-FILE
	cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null |
		tr '\0' '\n' | grep -qFf "$1"
}

start_server
stop_server
configure phone call_command "$T/call {number}"
cat >"$T/call.conf" <<-END
	SIP_ACCOUNT='<sip:aumbry@127.0.0.1>;regint=0'
	SIP_LISTEN=127.0.0.1:0
	SIP_INTERFACE=127.0.0.1
	SPEED=260
END
# The test wants to know what was said, too.
command_is "tee $T/said | '$ROOT/docs/examples/call-sip/call-sip' $T/call.conf"
ok 'a phone' start_phone
echo "SIP_DIAL=sip:%s@127.0.0.1:$port" >>"$T/call.conf"
start_server
ok 'an account' at ana signup "$URL" ana --invite "$INVITE"
refused 'a server that makes calls alone' 4 no-gateway \
	at ana phone add $NUMBER
also 'says so' '--call'
ok 'a number to call' at ana phone add $NUMBER --call
code=$(json code "$T/said")
equal 'the command gets it' $NUMBER "$(json number "$T/said")"
json code "$T/said" >"$T/code"
until_true 30 grep -q 'Call established' "$phone/log"
not 'and the code is in no argument or environment' processes_show "$T/code"
ok 'the call comes to its end' \
	until_true 60 grep -q 'terminated (duration' "$phone/log"
other=$(echo "$code" | tr 0123456789 5678901234)
turned=$(echo "$code" | rev)
speech "$code" "$T/right.wav"
speech "$other" "$T/other.wav"
echo "# alike: $(alike "$T/right.wav"), others: $(alike "$T/other.wav")"
ok 'what was heard is the code' over "$(alike "$T/right.wav")" 0.6
not 'and no other' over "$(alike "$T/other.wav")" 0.5
[ "$turned" = "$code" ] || {
	speech "$turned" "$T/turned.wav"
	not 'nor its digits in another order' \
		over "$(alike "$T/turned.wav")" 0.5
}
ok 'it confirms the number' at ana phone confirm "$code"
says 'which takes no texts' "^\\$NUMBER  \(calls only\)$" at ana phone list

# Commands that do not call.
ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
ask 'UPDATE session SET step_up_ms = 0, password_ms = 0'
step_up() {
	at ana step-up --with call
}
command_is 'tee "$0.said" >&2; exit 3'
refused 'one that fails is heard of' 5 gateway-failed step_up
code=$(json code "$T/call.said")
says 'and logged with its words' \
	'call_failed number=\.\.67 status=3 said=.*message' cat "$T/server.err"
not 'but no code' grep -q -e "$code" -e 601234567 "$T/server.err"
ok 'the code is good if it was heard all the same' \
	at ana step-up --with call --code "$code"
ask 'UPDATE session SET step_up_ms = 0, password_ms = 0'
command_is 'echo $$ >"$0.pid"; exec sleep 1000'
refused 'one that goes on rings' 2 input-missing step_up
also 'and is told so' 'to ••• 67 by call'
pid=$(cat "$T/call.pid")
ok 'it runs' kill -0 "$pid"
stop_server
not 'and ends with the server' kill -0 "$pid"
rm "$T/call"
start_server
refused 'one that is not there is heard of' 5 gateway-failed step_up
equal 'calls leave nothing' '' "$(ls -d "$T"/call-sip.* 2>/dev/null)"
finish
