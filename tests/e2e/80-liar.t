#!/bin/sh
# SPDX-License-Identifier: ISC
# 80-liar.t: a server that lies is caught, the lie is called by its name, and
# when it tells the truth again nothing is lost.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"

mkdir "$T/files"
echo 'the text of a file' >"$T/files/a"
head -c 300000 /dev/urandom >"$T/files/b"
# join HOME: let it into the account of laptop, and be what it says of that.
join() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	at laptop device refuse >"$T/refuse.out" 2>&1 </dev/null
	# By itself: a function's process would be another than the program's.
	aumbry --home "$T/laptop" device approve --print-code \
		>"$T/pipe" 2>"$T/approve.err" </dev/null &
	approving=$!
	at "$1" signin "$URL" ana --device-name "$1" <"$T/pipe"
	joined=$?
	[ $joined -eq 0 ] || kill $approving 2>/dev/null
	wait $approving 2>/dev/null
	return $joined
}

n=0
# news: another file to back up.
news() {
	n=$((n + 1))
	head -c 5000 /dev/urandom >"$T/files/new$n"
}
# more HOME [TIMES]: that device adds to the history, and tells the truth.
more() {
	for _ in $(seq "${2:-1}"); do
		news
		at "$1" backup "$T/files"
	done >"$T/more.out" 2>&1 || fail "$1 backs up"
}
# caught CODE LIE… at|join …: while that lie is told, the command must end with
# that code and exit status 6. The lie must have been told.
caught() {
	wanted_code=$1 telling=''
	shift
	while [ "$1" != at ] && [ "$1" != join ]; do
		telling="$telling${telling:+ }$1"
		shift
	done
	lie "$telling"
	refused "$telling: $wanted_code" 6 "$wanted_code" "$@"
	told "$telling"
	truth
}
# well HOME: that device reads and writes, and restores what is there.
well() {
	rm -rf "$T/back"
	news
	if run at "$1" backup "$T/files" &&
		run at "$1" restore "latest:$T/files" --to "$T/back" &&
		run trees_equal "$T/files" "$T/back"; then
		pass "- $1 works again, and nothing is lost"
	else
		fail "- $1 works again, and nothing is lost"
	fi
}

start_liar
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'backs up' at laptop backup "$T/files"
ok 'a second device is let in' pair laptop phone ana --device-name phone
ok 'and a third' join tablet
well tablet
well phone
well laptop
equal 'the honest run has no lie' 0 "$(lies_told)"

# ---- records and history ----

ok 'there is another account' sign_up bob bob \
	--invite "$(aumbryd invite --data "$DATA")"
for lie in \
	'record-misplaced swap-records backup' \
	'record-misplaced swap-records state' \
	'record-replayed old-record state' \
	'record-replayed relabeled-record state' \
	'record-replayed omit-record backup' \
	'record-replayed omit-record state' \
	'record-corrupt cut-changes' \
	'history-rolled-back hide-commits backup 1' \
	'history-rolled-back hide-commits backup 3' \
	'history-rolled-back hide-commits state 1' \
	'history-forked swap-heads backup' \
	'history-forked omit-head backup' \
	'history-forked alter-head backup' \
	'history-forked claim-share backup' \
	'history-forked other-end backup'; do
	well laptop
	case $lie in
	*hide*) ;; # it has seen all
	*)
		more phone 2
		run at phone device rename "phone $n"
		run at tablet device rename "tablet $n"
		;;
	esac
	caught $lie at laptop snapshot list
	well laptop
done

# ---- blobs ----

for lie in 'blob-truncated truncate-blob' 'blob-corrupt flip-blob' \
	'blob-missing no-blob'; do
	rm -rf "$T/out1"
	caught $lie at phone restore "latest:$T/files" --to "$T/out1"
	code=${lie% *}
	lie "${lie#* }"
	exits "check --read: $code" 6 at phone check --read
	also '- says so' "\($code\)$"
	told "${lie#* }"
	truth
	well phone
done

# ---- passwords ----

caught cost-lowered low-cost at laptop step-up
well laptop
caught cost-lowered low-cost at third signin "$URL" ana
invite=$(aumbryd invite --data "$DATA")
caught cost-lowered low-cost at carol signup "$URL" carol --invite "$invite"
ok '- the invitation is still good' \
	at carol signup "$URL" carol --invite "$invite"

# ---- the circle, while a device joins ----

for lie in \
	'circle-rolled-back new old-circle' \
	'circle-invalid new flip-circle' \
	'circle-not-yours new foreign-circle' \
	'circle-not-yours new forged-circle'; do
	caught $lie join desk
	ok '- it joins when the truth is told' join desk
	well desk
	ok '- and is put out again' at laptop device remove desk
	rm -rf "$T/desk"
done
for lie in \
	'circle-rolled-back new drop-remove' \
	'circle-rolled-back new hide-remove'; do
	caught $lie join desk
	rm -rf "$T/desk"
done
ok '- it joins when the truth is told' join desk
well desk
caught circle-rolled-back new drop-remove join den
devices=$(at laptop device list | wc -l)
lie redirect-join
refused 'redirect-join: wrong-code' 1 wrong-code join den
told redirect-join
truth
equal '- nobody came in' "$devices" "$(at laptop device list | wc -l)"
ok '- it joins when the truth is told' join den
well den

# A device that is in, and then caught the server, goes on as it is.
for lie in \
	'history-rolled-back new hide-commits backup 1' \
	'record-replayed new old-record state' \
	'record-replayed new relabeled-record state' \
	'record-misplaced new swap-records backup' \
	'key-substituted new key-of-other-account' \
	'key-substituted new key-of-other-member' \
	'key-substituted new key-relabeled'; do
	rm -rf "$T/new"
	run at phone device rename "phone at $lie"
	run at tablet device rename "tablet at $lie"
	caught $lie join new
	well new
	well laptop
done

# ---- the circle, of a device that is in ----

for lie in 'circle-rolled-back old-circle' 'circle-forked other-circle'; do
	code=${lie% *}
	well tablet
	lie "${lie#* }"
	refused "${lie#* }: $code" 6 "$code" at tablet snapshot list
	refused '- and again' 6 "$code" at tablet snapshot list
	told "${lie#* }"
	truth
	well tablet
done
ok 'a device is put out' at laptop device remove desk
caught circle-rolled-back hide-remove at tablet snapshot list
caught key-substituted key-of-other-account at tablet snapshot list
caught key-substituted key-of-other-member at tablet snapshot list
caught key-substituted key-relabeled at tablet snapshot list
caught circle-invalid flip-circle at tablet snapshot list
well tablet
ok 'another is put out' at laptop device remove den
rm -rf "$T/den"
ok 'and comes back' join den
caught circle-rolled-back drop-remove at tablet snapshot list
well tablet

# ---- answers that are none ----

lie 'html 500'
refused 'a page with status 500' 1 internal-error at phone snapshot list
not '- nor can it back up' at phone backup "$T/files"
told 'html 500'
lie 'html 502'
refused 'a page with status 502' 5 server-unreachable at phone snapshot list
not '- nor can it back up' at phone backup "$T/files"
told 'html 502'
lie 'html 200'
not 'a page with status 200' at phone snapshot list
not '- nor can it back up' at phone backup "$T/files"
told 'html 200'
lie empty
not 'nothing, with status 200' at phone snapshot list
not '- nor can it back up' at phone backup "$T/files"
told empty
truth
well phone

# ---- words that might make a person give up keys ----

lie 'say-session device-removed'
refused 'that a device was removed is not believed' 6 circle-rolled-back \
	at phone status
lacks_word=$(grep -c 'erase' "$T/err")
equal '- and nothing is said of erasing' 0 "$lacks_word"
told 'say-session device-removed'
lie 'say-session session-expired'
not 'nor that its session ended' at phone status
also '- which is nonsense, and said' 'bad-request'
told 'say-session session-expired'
truth
well phone

# ---- two worlds ----

# Who was told another history never comes back from it, and says so.
lie 'fork-history backup'
news
ok 'a server may show one device a history of its own' \
	at phone backup "$T/files"
told 'fork-history backup'
truth
more laptop 4
for _ in 1 2; do
	refused 'but not show it the other: history-forked' 6 history-forked \
		at phone snapshot list
done
well laptop
ok 'a device has a name' at phone device rename phone
lie fork-circle
run at tablet device remove phone
told fork-circle
truth
ok 'another device does the same' at laptop device remove phone
for _ in 1 2; do
	refused 'and sees that it was not the same: circle-forked' 6 \
		circle-forked at tablet snapshot list
done
well laptop
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
