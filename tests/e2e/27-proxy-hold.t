#!/bin/sh
# SPDX-License-Identifier: ISC
# Who would hold up a server behind proxies: connections that never say whose
# they are, a proxy that takes connections and says nothing; and what proxies do
# of themselves: they look whether anybody is there, wait for whole bodies, speak
# HTTP/2, compress.
set -u
. "$(dirname "$0")/net.sh"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

files_and_proxy
cat "$T/proxy.crt" "$T/proxy.key" >"$T/proxy.pem"

# ms COMMAND…: how long it takes.
ms() {
	begun=$(date +%s%3N)
	"$@" >/dev/null 2>&1
	echo $(($(date +%s%3N) - begun))
}

# ---- PROXY headers that never come ----

start_server
stop_server
configure server listen 127.0.0.1:8443
configure server url "https://$NAME"
configure server proxy_protocol on
configure server trusted_proxy 127.0.0.1
example haproxy.cfg "$T/haproxy.cfg" -e "s/:::443 v4v6/$CLIENT:443/" \
	-e 's/send-proxy-v2/send-proxy-v2 check inter 200/'
haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.out" 2>&1 &
haproxy=$!
HELPERS="$HELPERS $haproxy"
start_server
URL=$(shown_url)
export URL
until_true 10 page
invited=$(aumbryd invite --data "$DATA" | tail -n 1)
ok 'a device' sign_up ana ana --invite "$invited" --device-name desk

# Another user of that machine, who comes from the proxy's address.
perl -MIO::Socket::INET -e '
	$| = 1;
	my @held = map { IO::Socket::INET->new("127.0.0.1:8443") } 1 .. 600;
	$_ and $_->syswrite("PROXY TCP4 203.0.") for @held[0 .. 50];
	print "held\n";
	sleep 4' >"$T/held" &
HELPERS="$HELPERS $!"
until_true 10 [ -s "$T/held" ]
less 'who holds every place for a header keeps nobody out' 3000 "$(ms page)"
ok '- nor a device' at ana status

refusals() {
	curl --silent http://127.0.0.1:9443/metrics |
		sed -n 's/.*limit="proxy_protocol"} //p'
}
kill $haproxy
wait $haproxy 2>/dev/null
stop_server
configure server metrics_listen 127.0.0.1:9443
start_server
perl -MIO::Socket::INET -e 'for (1 .. 20) {
	IO::Socket::INET->new("127.0.0.1:8443") or die; select undef, undef, undef, 0.02;
}'
sleep 0.5
equal 'who only looks whether anybody is there is no attack' 0 "$(refusals)"
stop_server
configure server metrics_listen ''

# ---- a proxy that takes connections, and says nothing ----

configure server proxy_protocol off
configure server trusted_proxy ''
configure server tls proxy
configure server listen 127.0.0.1:8080
configure server proxy_cert "$CLIENT:443"
perl -MIO::Socket::INET -e '
	$| = 1;
	my $s = IO::Socket::INET->new(LocalAddr => $ARGV[0], Listen => 99,
	    ReuseAddr => 1) or die;
	my @held;
	while (my $c = $s->accept) { push @held, $c; print "asked\n" }' \
	"$CLIENT:443" >"$T/asked" &
mute=$!
HELPERS="$HELPERS $mute"
start_server
nonce=$(head -c 32 /dev/zero | od -An -v -tx1 | tr -d ' \n')
asks() {
	timeout 6 sh -c 'while :; do curl --silent --max-time 30 "$1"; done' sh \
		"http://127.0.0.1:8080/v1/identity?nonce=$nonce" >/dev/null
}
for _ in 1 2 3 4 5 6 7 8; do
	asks &
	HELPERS="$HELPERS $!"
done
sleep 3
less 'a mute proxy holds up others no longer than once' 1000 \
	"$(ms curl --silent http://127.0.0.1:8080/healthz)"
sleep 3
equal '- it is asked, and then left alone' 1 "$(grep -c asked "$T/asked")"
equal 'who comes without X-Forwarded-For is told, once' 1 \
	"$(grep -c proxy_names_no_client "$T/server.err")"
stop_server
kill $mute
wait $mute 2>/dev/null

# Or one whose certificate is a pipe that nobody writes to.
mkfifo "$T/fifo"
configure server proxy_cert "$T/fifo"
start_server
for _ in 1 2 3 4 5 6 7 8; do
	curl --silent --max-time 10 \
		"http://127.0.0.1:8080/v1/identity?nonce=$nonce" >/dev/null &
	HELPERS="$HELPERS $!"
done
sleep 0.5
less 'nor does a pipe in the place of its certificate' 1000 \
	"$(ms curl --silent --max-time 9 http://127.0.0.1:8080/healthz)"
stop_server
configure server proxy_cert "$CLIENT:443"

# ---- HTTP/2, compression, few requests for each connection ----

configure server listen "unix:$T/http"
example nginx.conf "$T/site.conf" \
	-e "s|/run/aumbry/http|$T/http|" -e '/listen \[::\]/d' \
	-e 's/443 ssl;/443 ssl http2;/' \
	-e "s|/etc/letsencrypt.*/fullchain.pem|$T/proxy.crt|" \
	-e "s|/etc/letsencrypt.*/privkey.pem|$T/proxy.key|"
{
	echo "user root; pid $T/nginx.pid; worker_processes 1;"
	echo "error_log $T/nginx.err; events { worker_connections 256; }"
	echo "http { access_log off; client_body_temp_path $T/nb;"
	echo 'gzip on; gzip_proxied any; gzip_types *; gzip_min_length 1;'
	echo 'keepalive_requests 5;'
	for kind in proxy fastcgi uwsgi scgi; do
		echo "${kind}_temp_path $T/n$kind;"
	done
	echo "include $T/site.conf; }"
} >"$T/nginx.conf"
nginx -c "$T/nginx.conf" -g 'daemon off;' >"$T/nginx.out" 2>&1 &
nginx=$!
HELPERS="$HELPERS $nginx"
start_server
until_true 10 page
ok 'the device of before goes on' at ana status
goes_round bob 'HTTP/2 and gzip'
tag=$(curl --silent --insecure -H 'Accept-Encoding: gzip' -o "$T/page" \
	-D - "https://$NAME/" | tr -d '\r' | sed -n 's/^etag: //Ip')
equal 'a page that a proxy compressed is known again' 304 \
	"$(curl --silent --insecure -H 'Accept-Encoding: gzip' -o "$T/page" \
		-w '%{http_code}' -H "If-None-Match: $tag" "https://$NAME/")"
# The server looked a moment ago, and so its first answer has the old key.
curl --silent --unix-socket "$T/http" \
	"http://localhost/v1/identity?nonce=$nonce" >"$T/out"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
	-subj /CN=other -keyout "$T/proxy.key" -out "$T/proxy.crt" 2>"$T/err"
other_key() {
	openssl s_client -connect "$CLIENT:443" </dev/null 2>/dev/null |
		grep -q 'CN = other'
}
kill -HUP $nginx
ok 'a proxy shows another key' until_true 5 other_key
ok '- which no device notices, however soon it comes' at ana status
kill $nginx
wait $nginx 2>/dev/null

# ---- HAProxy that reads HTTP, and waits for whole bodies ----

cat >"$T/haproxy.cfg" <<END
global
	tune.bufsize 65536
defaults
	mode http
	timeout connect 5s
	timeout client 2m
	timeout server 2m
	timeout http-keep-alive 1s
frontend tls
	bind $CLIENT:443 ssl crt $T/proxy.pem alpn h2,http/1.1
	option forwardfor
	http-request wait-for-body time 2s
	default_backend aumbry
backend aumbry
	server aumbry unix@$T/http
END
haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.out" 2>&1 &
haproxy=$!
HELPERS="$HELPERS $haproxy"
until_true 10 page
# A file of another size, so that there are bodies to send.
head -c 5000000 /dev/urandom >"$T/files/c"
invited=$(aumbryd invite --data "$DATA" | tail -n 1)
goes_round cleo 'HAProxy in HTTP'
kill $haproxy
wait $haproxy 2>/dev/null
finish
