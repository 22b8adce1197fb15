#!/bin/sh
# SPDX-License-Identifier: ISC
# Behind proxies, as docs/examples has them: nginx and HAProxy, TLS ended and
# passed on. The log names the client; nobody takes another's address.
set -u
. "$(dirname "$0")/net.sh"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

files_and_proxy

# ---- nginx ends TLS, and passes plain HTTP to a socket ----

start_server
stop_server
configure server listen "unix:$T/http"
configure server tls proxy
configure server url "https://$NAME"
refused 'a proxy whose certificate is not known' 2 bad-usage \
	aumbryd serve --data "$DATA"
also '- says what is missing' 'proxy_cert'
configure server proxy_cert "$CLIENT:443"

example nginx.conf "$T/site.conf" \
	-e "s|/run/aumbry/http|$T/http|" -e '/listen \[::\]/d' \
	-e "s|/etc/letsencrypt.*/fullchain.pem|$T/proxy.crt|" \
	-e "s|/etc/letsencrypt.*/privkey.pem|$T/proxy.key|"
{
	echo "user root; pid $T/nginx.pid; worker_processes 1;"
	echo "error_log $T/nginx.err; events { worker_connections 256; }"
	echo "http { access_log off; client_body_temp_path $T/nb;"
	for kind in proxy fastcgi uwsgi scgi; do
		echo "${kind}_temp_path $T/n$kind;"
	done
	echo "include $T/site.conf; }"
} >"$T/nginx.conf"
nginx -c "$T/nginx.conf" -g 'daemon off;' >"$T/nginx.out" 2>&1 &
nginx=$!
HELPERS="$HELPERS $nginx"
start_server
says 'the address is the proxy'"'"'s, the pin the identity'"'"'s' \
	"^url +https://$NAME/#pin=" aumbryd status --data "$DATA"
URL=$(shown_url)
export URL
equal 'a socket that others may not open' 660 "$(stat -c %a "$T/http")"
goes_round ana nginx
in_browser eve

# Its certificate may change at any time.
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=other \
	-keyout "$T/proxy.key" -out "$T/proxy.crt" 2>"$T/err"
kill -HUP $nginx
sleep 1.1 # it asks once a second
ok 'nginx has a new key: no device notices' at ana status

# What a client says of its own address, the proxy puts last behind.
curl --silent --insecure -H 'X-Forwarded-For: 203.0.113.66' \
	-H 'Content-Type: application/json' \
	-d '{"name":"ana","request":"'"$(head -c 32 /dev/zero | base64)"'"}' \
	"https://$NAME/v1/signin/start" >"$T/out"
lacks 'a forged X-Forwarded-For is believed by nobody' '203\.0\.113\.66' \
	at ana log

# nginx as it comes: a mebibyte at most, and all of it in its own files first.
sed -i 's/client_max_body_size .*/client_max_body_size 1m;/
	s/proxy_request_buffering off/proxy_request_buffering on/' "$T/site.conf"
kill -HUP $nginx
sleep 0.3
head -c 5000000 /dev/urandom >"$T/files/c"
refused 'a proxy that cuts bodies off' 1 too-large at ana backup "$T/files"
also '- says where and how' 'client_max_body_size'
sed -i 's/client_max_body_size .*/client_max_body_size 64m;/' "$T/site.conf"
kill -HUP $nginx
sleep 0.3
ok 'one that buffers them is only slower' at ana backup "$T/files"
stop_server
refused 'a proxy whose server is not there' 5 server-unreachable at ana status
also '- says that a proxy answered' 'proxy'
kill $nginx
wait $nginx 2>/dev/null

# ---- HAProxy passes TLS on, and says for whom ----

configure server listen 127.0.0.1:8443
configure server tls on
configure server proxy_cert ''
configure server proxy_protocol on
refused 'PROXY headers from anybody' 2 bad-usage aumbryd serve --data "$DATA"
configure server trusted_proxy 127.0.0.1
example haproxy.cfg "$T/haproxy.cfg" -e "s/:::443 v4v6/$CLIENT:443/"
haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.out" 2>&1 &
haproxy=$!
HELPERS="$HELPERS $haproxy"
start_server
until_true 10 page
URL=$(shown_url)
export URL
ok 'the device of before goes on' at ana status
goes_round bob HAProxy
sed -i 's/send-proxy-v2/send-proxy/' "$T/haproxy.cfg"
kill $haproxy
wait $haproxy 2>/dev/null
haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.out" 2>&1 &
haproxy=$!
HELPERS="$HELPERS $haproxy"
until_true 10 page
ok 'with version 1 of the header as well' at bob status

# straight ADDRESS TEXT: how a connection from there ends that begins so.
straight() {
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:8443",
		    LocalAddr => $ARGV[0], Timeout => 5) or die "none\n";
		print $s eval qq("$ARGV[1]");
		$s->flush;
		$SIG{ALRM} = sub { print "waits\n"; exit };
		alarm 12;
		my $n = sysread($s, my $x, 100);
		print $n ? "answers\n" : "closed\n"' "$1" "$2"
}
equal 'who is no proxy is cut' closed "$(straight 127.0.0.2 \
	'PROXY TCP4 203.0.113.1 203.0.113.2 1 443\r\n')"
equal 'a connection without a header is cut' closed \
	"$(straight 127.0.0.1 'GET / HTTP/1.1\r\n\r\n')"
equal 'so is one with half a header, after a while' closed \
	"$(straight 127.0.0.1 'PROXY TCP4 203.0.113.1')"
says 'one that comes in pieces is taken off, and TLS answers' '^TLSv1' \
	node -e '
		const s = require("net").connect(8443, "127.0.0.1", () => {
			s.setNoDelay();
			s.write("PROXY TCP4 203.0.");
			setTimeout(() => s.write("113.1 203.0.113.2 1 443\r\n"), 50);
			setTimeout(() => {
				const t = require("tls").connect(
				    { socket: s, rejectUnauthorized: false }, () => {
					console.log(t.getProtocol());
					t.destroy();
				});
			}, 100);
		});'
ok 'meanwhile others are served' at bob status
kill $haproxy
wait $haproxy 2>/dev/null
finish
