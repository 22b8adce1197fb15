#!/bin/sh
# SPDX-License-Identifier: ISC
# authority.sh: an authority for certificates, what it issues, and who trusts
# it; read after tap.sh. $HOSTPORT is where the server answers.

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
	-subj /CN=authority -keyout "$T/ca.key" -out "$T/ca.crt" 2>"$T/err"

# issue NAME [DAYS]: $T/NAME.crt and .key, for localhost, with a new key.
issue() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj /CN=localhost -keyout "$T/$1.key" -out "$T/$1.csr" &&
		printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' |
		openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.crt" \
			-CAkey "$T/ca.key" -days "${2:-30}" -extfile - \
			-out "$T/$1.crt" && chmod 600 "$T/$1.key"
} >/dev/null 2>&1

# pin_of NAME: what stands after #pin= for that certificate's key.
pin_of() {
	openssl x509 -in "$T/$1.crt" -noout -pubkey |
		openssl pkey -pubin -outform der |
		openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d =
}

# shown: the serial number of what the server shows now.
shown() {
	openssl s_client -connect "$HOSTPORT" </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}

shows() {
	[ "$(shown)" = "$(openssl x509 -in "$T/$1.crt" -noout -serial)" ]
}

# trusting COMMAND…: on a machine that trusts the authority.
cat >"$T/trusting" <<'END'
#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$1" \
	/etc/ssl/certs/ca-certificates.crt && shift && exec "$@"' sh "$CA" "$@"
END
chmod +x "$T/trusting"
export CA="$T/ca.crt"
