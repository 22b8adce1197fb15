#!/bin/sh
# SPDX-License-Identifier: ISC
# phone.sh: a Kannel of the test's own on the loopback, with its fake centre as
# the phones of the world. Read after tap.sh.

PATH=$PATH:/usr/sbin:/usr/lib/kannel/test
KANNEL='' # its programs

# start_kannel: sets SMS, the URL that takes texts; they come to $T/phones.
start_kannel() {
	kannel=$T/kannel
	mkdir -p "$kannel"
	# shellcheck disable=SC2046 # four words
	set -- $(free_ports 4)
	centre=$3
	SMS="http://127.0.0.1:$4/cgi-bin/sendsms?username=u&password=p"
	SMS="$SMS&to={number}&text={message}"
	cat >"$kannel/conf" <<-END
		group = core
		admin-port = $1
		admin-password = adm
		admin-interface = 127.0.0.1
		smsbox-port = $2
		smsbox-interface = 127.0.0.1
		box-allow-ip = 127.0.0.1
		log-file = $kannel/bearerbox.log
		dlr-storage = internal

		group = smsc
		smsc = fake
		smsc-id = fake
		port = $centre
		connect-allow-ip = 127.0.0.1

		group = smsbox
		bearerbox-host = 127.0.0.1
		sendsms-port = $4
		sendsms-interface = 127.0.0.1
		log-file = $kannel/smsbox.log
		global-sender = 12345

		group = sendsms-user
		username = u
		password = p
		max-messages = 10
		concatenation = true

		group = sms-service
		keyword = default
		text = ""
		max-messages = 0
	END
	bearerbox "$kannel/conf" >"$kannel/out" 2>&1 &
	KANNEL=$!
	until_true 20 answers "$2" && until_true 20 answers "$centre" || return
	smsbox "$kannel/conf" >>"$kannel/out" 2>&1 &
	KANNEL="$! $KANNEL"
	# It sends one of its own, which shows that it is there.
	fakesmsc -H 127.0.0.1 -r "$centre" -m 1 '+420111 +420222 text hello' \
		>"$T/phones" 2>&1 &
	KANNEL="$! $KANNEL"
	until_true 20 answers "$4"
}

# stop_kannel: all of it.
stop_kannel() {
	for pid in $KANNEL; do
		kill "$pid"
		wait "$pid"
	done 2>/dev/null
	KANNEL=''
}
trap 'stop_kannel; cleanup' EXIT
