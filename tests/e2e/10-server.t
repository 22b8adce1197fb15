#!/bin/sh
# SPDX-License-Identifier: ISC
# 10-server.t: aumbryd from init to its end.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

lines() {
	wc -l <"$1" | tr -d ' '
}

healthy() {
	curl -sS --max-time 10 --cacert "$DATA/keys/tls.crt" \
		"${URL%%/#*}/$1" -o "$T/body" -w '%{http_code}\n'
}

start_server
equal 'init prints two lines' 2 "$(lines "$T/init.out")"
says 'the first is the URL with its pin' \
	'^https://127\.0\.0\.1:[0-9]+/#pin=[A-Za-z0-9_-]{43}$' \
	sed -n 1p "$T/init.out"
says 'the second is an invitation' \
	'^[a-z0-9]{4}(-[a-z0-9]{4}){3}$' sed -n 2p "$T/init.out"
pin=$(openssl x509 -in "$DATA/keys/tls.crt" -noout -pubkey |
	openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary |
	base64 | tr '+/' '-_' | tr -d =)
equal 'the pin is the hash of the public key of the certificate' \
	"$pin" "${URL##*pin=}"
equal 'serve says the same URL as init' "$(sed -n 1p "$T/init.out")" \
	"$(sed -n 's/^aumbryd: ready //p' "$T/server.err")"
equal 'only its owner may read the configuration' 600 \
	"$(stat -c %a "$DATA/aumbryd.conf")"
equal 'only its owner may read the keys' '' \
	"$(find "$DATA/keys" -type f -name '*.key' -perm /077)"
refused 'init on a server that exists' 1 repository-exists \
	aumbryd init --data "$DATA"

says '/healthz answers over the certificate that init made' \
	'^200$' healthy healthz
says '/readyz answers' '^200$' healthy readyz
says 'what does not exist is 404' '^404$' healthy nothing
says 'that answer names its code' '"not-found"' cat "$T/body"
says 'a call without a session is 401' '^401$' healthy v1/account
says 'that answer names its code too' '"session-expired"' cat "$T/body"

refused 'a second server on the same data' 1 home-busy \
	aumbryd serve --data "$DATA" --listen 127.0.0.1:0
says 'the first still answers' '^200$' healthy healthz

two=$(aumbryd invite --data "$DATA" --uses 2)
ok 'an invitation for two lets in one' \
	at one signup "$URL" one --invite "$two" --no-two-factor
ok 'and another' \
	at two signup "$URL" two --invite "$two" --no-two-factor
refused 'and not a third' 4 invitation-used \
	at three signup "$URL" three --invite "$two" --no-two-factor
says 'status counts the accounts' '^accounts +2$' \
	aumbryd status --data "$DATA"
says 'account list names them' '^two ' aumbryd account --data "$DATA" list
refused 'an account nobody has' 1 not-found \
	aumbryd account --data "$DATA" show nobody
ok 'suspend closes an account' aumbryd account --data "$DATA" suspend two
refused 'a suspended account' 4 account-suspended at two status
ok 'resume opens it' aumbryd account --data "$DATA" resume two
ok 'a resumed account works' at two status

stop_server
equal 'SIGTERM ends the server with 0' 0 $?
says 'it says that it stops' ' stopping ' cat "$T/server.err"
refused 'the stopped server' 5 server-unreachable at one status
old=$URL
start_server
equal 'it comes back at the same address' "$old" "$URL"
ok 'a device from before goes on' at one status
stop_server INT
equal 'SIGINT ends it as well' 0 $?

start_server
stop_server KILL
start_server
ok 'after kill -9 it starts again, and devices go on' at two status
stop_server

# What a flood left is gone, in steps: more rows than one takes.
ok 'a flood has left rows' sqlite3 -batch "$DATA/aumbryd.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
	SELECT i + 1 FROM n WHERE i < 2600) INSERT INTO login SELECT
	randomblob(16), randomblob(16), 0, x'', 0, i FROM n;
	INSERT INTO joining SELECT id, uid, randomblob(32), 0, 1, x'', x'', '',
	'', 0, x'', 1, x'', x'', '' FROM login LIMIT 1200;
	INSERT INTO joining_message SELECT id, 0, 0, x'' FROM joining"
start_server
stop_server
equal 'rows that have expired are swept, however many' 0 "$(sqlite3 -batch \
	"$DATA/aumbryd.db" "SELECT (SELECT COUNT(*) FROM login) +
	(SELECT COUNT(*) FROM joining) + (SELECT COUNT(*) FROM joining_message)")"

ok 'serve --check-config accepts what init wrote' \
	aumbryd serve --data "$DATA" --check-config
line=$(($(lines "$DATA/aumbryd.conf") + 2))
printf '[server]\nnonsense = 1\n' >>"$DATA/aumbryd.conf"
refused 'an unknown key in aumbryd.conf' 2 bad-usage \
	aumbryd serve --data "$DATA" --check-config
also 'that names file, line and key' "/aumbryd\.conf:$line: nonsense: "
refused 'no data at all' 1 not-found aumbryd serve --data "$T/nowhere"

# What is lost, or on a disk that is not there, is not begun anew: everybody's
# account would be gone (vaultwarden #856, #1768).
lost() {
	refused "$1 is lost" "$2" "$3" timeout 60 aumbryd serve --data "$DATA"
	also '- the way out is a copy' '^Put it back from a copy, or mount '
}
head -n -2 "$DATA/aumbryd.conf" >"$T/conf" && mv "$T/conf" "$DATA/aumbryd.conf"
mkdir "$T/away"
mv "$DATA/aumbryd.db"* "$T/away"
lost 'the database' 1 not-found
not '- an operator makes none either' aumbryd invite --data "$DATA"
: >"$DATA/aumbryd.db"
lost 'its content' 1 not-found
equal '- nothing was made' '0 aumbryd.db' \
	"$(cd "$DATA" && wc -c aumbryd.db*)"
mv "$T/away/"* "$DATA"
mv "$DATA/keys/token.key" "$T/away"
lost 'a key' 1 not-found
install -m 600 /dev/null "$DATA/keys/token.key"
lost 'the content of a key' 6 state-damaged
mv "$T/away/token.key" "$DATA/keys"
mv "$DATA/aumbryd.conf" "$T/away"
lost 'the configuration' 1 not-found
mv "$T/away/aumbryd.conf" "$DATA"
start_server
ok 'all is put back: a device goes on' at two status
printf x >"$T/file"
ok 'with two-factor' at two authenticator add --secret-file "$SECRET"
ok '- confirmed' at two authenticator confirm "$(totp now)"
ok '- on' at two two-factor on
ok 'something is stored' at two backup "$T/file"
stop_server
mv "$DATA/blobs" "$T/away"
mkdir "$DATA/blobs"
lost 'what the disk of the blobs holds' 1 not-found
rmdir "$DATA/blobs"
lost 'the folder of the blobs' 1 not-found
mv "$T/away/blobs" "$DATA"
start_server
ok 'with them all is whole' at two check --read
stop_server
refused 'an unknown flag' 2 bad-usage aumbryd serve --data "$DATA" --nonsense
refused 'a flag of another command' 2 bad-usage \
	aumbryd invite --data "$DATA" --read
refused 'a word too many' 2 bad-usage aumbryd invite --data "$DATA" 3
refused 'also behind a name' 2 bad-usage \
	aumbryd account --data "$DATA" suspend two please
refused 'an invitation that is over at once' 2 bad-usage \
	aumbryd invite --data "$DATA" --expires 0s
exits 'an unknown command' 2 aumbryd nonsense

# The operator types a name as people do who sign in.
ok 'a name in capitals' aumbryd account --data "$DATA" show Two
ok 'with its host' aumbryd account --data "$DATA" suspend two@localhost
ok '- both ways' aumbryd account --data "$DATA" resume TWO@LOCALHOST
refused 'of another host' 2 bad-name \
	aumbryd account --data "$DATA" suspend two@example.org

# What is shown once and was shown to nobody is no success.
to() {
	target=$1
	shift
	"$@" >"$target"
}
refused 'an invitation that cannot be written' 1 disk-full-here \
	to /dev/full aumbryd invite --data "$DATA"
refused 'a list that cannot' 1 disk-full-here \
	to /dev/full aumbryd account --data "$DATA" list
refused 'help that cannot' 1 disk-full-here to /dev/full aumbry help

# Started without standard descriptors: no file of the server takes their
# place, which log lines would be written into.
aumbryd serve --data "$DATA" 0<&- 1>&- 2>&- &
SERVER=$!
ok 'it serves' until_true 30 answers "$(sed -n \
	's/^listen = .*:\([0-9]*\)$/\1/p' "$DATA/aumbryd.conf")"
equal 'descriptors that were closed are nothing' '/dev/null /dev/null /dev/null' \
	"$(readlink "/proc/$SERVER/fd/0" "/proc/$SERVER/fd/1" \
		"/proc/$SERVER/fd/2" | paste -sd ' ' -)"

# An address that clients would not take (vaultwarden #1803).
for url in cloud.example.org https://cloud.example.org/aumbry \
	https://a@cloud.example.org ftp://cloud.example.org https://; do
	configure server url "$url"
	refused "url = $url" 2 bad-usage \
		aumbryd serve --data "$DATA" --check-config
done
configure server url https://cloud.example.org:8443
ok 'url with a port' aumbryd serve --data "$DATA" --check-config
configure server url ''

# What root does beside a server of another user, that user can go on with
# (owncloud #12307).
stop_server
if [ "$(id -u)" -eq 0 ]; then
	chmod 711 "$T"
	chown -R nobody "$DATA"
	ok 'root tells of a restore' aumbryd restored --data "$DATA" --age 1h
	ok '- and invites' aumbryd invite --data "$DATA"
	equal '- nothing is closed to the server' '' \
		"$(find "$DATA" ! -user nobody)"
	# shellcheck disable=SC2034 # tap.sh reads it
	SERVE='setpriv --reuid nobody --clear-groups'
	start_server
	ok '- which starts' at two status
else
	pass 'not root: nobody else to become'
fi

# Who started it is told, as sd_notify(3) does: by a file, and by a name alone.
stop_server
told() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
		    Local => shift =~ s/^@/\0/r) or die $!;
		open my $out, ">", shift; $out->autoflush;
		while (defined $s->recv(my $m, 100)) { print $out "$m\n" }' \
		"$1" "$T/told" &
	HELPERS="$HELPERS $!"
	until_true 10 test -e "$T/told"
	chmod 777 "$T/notify" 2>/dev/null
	export NOTIFY_SOCKET="$1"
	start_server
	unset NOTIFY_SOCKET
	stop_server
	until_true 10 grep -q STOPPING "$T/told"
	equal "$2" 'READY=1 STOPPING=1' "$(paste -sd ' ' "$T/told")"
	rm "$T/told"
}
told "$T/notify" 'who started it knows when it is ready'
told "@aumbry-test-$$" 'also by a name without a file'
finish
