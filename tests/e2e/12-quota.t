#!/bin/sh
# SPDX-License-Identifier: ISC
# 12-quota.t: a quota bounds what lies on the disk, whatever is put and removed.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
echo 'something' >"$T/files/a"
start_server
ok 'signs up' sign_up ana ana --invite "$INVITE"
ok 'backs up' at ana backup "$T/files"
ok 'has a quota' aumbryd account --data "$DATA" quota ana 30M
stolen=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	cut -c 17- | perl -ne 'chomp; print pack("H*", $_)')
zone=$(sqlite3 -batch "$DATA/aumbryd.db" "SELECT lower(hex(z.zone)) FROM
	zone z JOIN blob b ON b.zone = z.zone LIMIT 1")
head -c 8388608 /dev/urandom >"$T/noise"
: >"$T/nothing"
# call METHOD PATH [FLAGS…]: the status.
call() {
	method=$1 path=$2
	shift 2
	curl -sk --max-time 60 -X "$method" -o "$T/got" -w '%{http_code}\n' \
		-H "Authorization: Bearer $stolen" "$@" "${URL%%/#*}$path"
}
# put ZONE N FILE: as that blob.
put() {
	call PUT "/v1/zones/$1/blobs/$(printf '%032x' "$2")" -T "$3" \
		-H "X-Aumbry-Checksum: $("$BUILD/tests/checksum" "$3")"
}
remove() { call DELETE "/v1/zones/$1/blobs/$(printf '%032x' "$2")"; }

i=0
while [ $i -lt 12 ]; do
	put "$zone" $i "$T/noise"
	remove "$zone" $i
	i=$((i + 1))
done >"$T/statuses"
equal 'what was removed makes room again' '12 200 12 201 ' "$(sort \
	"$T/statuses" | uniq -c | awk '{ printf "%s %s ", $1, $2 }')"
less '- and the disk holds no more than the quota (KiB)' 32000 \
	"$(du -sk "$DATA/blobs" | cut -f 1)"
equal 'a zone that no commit began takes no blob' 404 \
	"$(put 00112233445566778899aabbccddeeff 1 "$T/noise")"
less '- and gets no folder' 1 \
	"$(find "$DATA/blobs" -name '00112233*' | wc -l)"
ok 'the quota is a little more than is used' aumbryd account --data "$DATA" \
	quota ana 1M
i=0
while [ $i -lt 300 ]; do
	i=$((i + 1))
	[ "$(put "$zone" $((100 + i)) "$T/nothing")" = 201 ] || break
done
less 'blobs without a byte are no gift' 256 $i
stop_server
ok 'the books are right' aumbryd check --data "$DATA" --read
finish
