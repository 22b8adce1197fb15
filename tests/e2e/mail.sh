#!/bin/sh
# SPDX-License-Identifier: ISC
# mail.sh: a Cyrus and a Postfix of the test's own on the loopback, which ask
# the socket $MUX about passwords. Read after tap.sh; needs root.

PATH=$PATH:/usr/sbin:/usr/lib/cyrus/bin

# start_cyrus: sets IMAP and DAV, its ports.
start_cyrus() {
	cyrus=$T/cyrus
	# shellcheck disable=SC2046 # two words
	set -- $(free_ports 2)
	IMAP=$1 DAV=$2
	mkdir -p "$cyrus/conf/db" "$cyrus/conf/socket" "$cyrus/conf/lock" \
		"$cyrus/conf/proc" "$cyrus/conf/user" "$cyrus/conf/quota" \
		"$cyrus/spool" "$cyrus/sieve"
	cat >"$cyrus/imapd.conf" <<-END
		configdirectory: $cyrus/conf
		partition-default: $cyrus/spool
		defaultpartition: default
		sievedir: $cyrus/sieve
		servername: localhost
		allowplaintext: yes
		sasl_mech_list: PLAIN LOGIN
		sasl_pwcheck_method: saslauthd
		sasl_saslauthd_path: $MUX
		altnamespace: yes
		unixhierarchysep: yes
		autocreate_quota: 0
		autocreate_post: yes
		httpmodules: caldav carddav
		caldav_create_default: yes
		lmtpsocket: $cyrus/lmtp
		mboxname_lockpath: $cyrus/conf/lock
		proc_path: $cyrus/conf/proc
	END
	cat >"$cyrus/cyrus.conf" <<-END
		START {
		  recover cmd="ctl_cyrusdb -C $cyrus/imapd.conf -r"
		}
		SERVICES {
		  imap cmd="imapd -C $cyrus/imapd.conf" listen="127.0.0.1:$IMAP"
		  http cmd="httpd -C $cyrus/imapd.conf" listen="127.0.0.1:$DAV"
		  lmtp cmd="lmtpd -C $cyrus/imapd.conf -a" listen="$cyrus/lmtp"
		}
		EVENTS {
		  checkpoint cmd="ctl_cyrusdb -C $cyrus/imapd.conf -c" period=30
		}
	END
	chown -R cyrus:mail "$cyrus"
	chmod 755 "$T" "$cyrus"
	cyrmaster -C "$cyrus/imapd.conf" -M "$cyrus/cyrus.conf" \
		-p "$cyrus/pid" -L "$cyrus/log" >"$cyrus/out" 2>&1 &
	CYRUS=$!
	until_true 30 answers "$IMAP" && until_true 30 answers "$DAV"
}

# start_postfix: sets SUBMISSION and RELAY, its ports, the second for programs
# of this machine without a password; what it takes goes to Cyrus.
start_postfix() {
	postfix=$T/postfix
	[ -n "${SUBMISSION-}" ] || {
		# shellcheck disable=SC2046 # two words
		set -- $(free_ports 2)
		SUBMISSION=$1 RELAY=$2
	}
	mkdir -p "$postfix/etc/sasl" "$postfix/spool" "$postfix/data"
	cat >"$postfix/etc/sasl/smtpd.conf" <<-END
		pwcheck_method: saslauthd
		mech_list: PLAIN LOGIN
		saslauthd_path: $MUX
	END
	cat >"$postfix/etc/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $postfix/spool
		data_directory = $postfix/data
		mail_owner = postfix
		inet_interfaces = 127.0.0.1
		inet_protocols = ipv4
		myhostname = localhost
		mydestination = localhost
		mynetworks = 127.0.0.2/32
		smtpd_sasl_type = cyrus
		smtpd_sasl_path = smtpd
		smtpd_relay_restrictions = permit_sasl_authenticated, reject
		local_recipient_maps =
		mailbox_transport = lmtp:unix:$T/cyrus/lmtp
		maillog_file = $postfix/log
		maillog_file_prefixes = $postfix
		alias_maps =
		alias_database =
	END
	{
		echo "127.0.0.1:$SUBMISSION inet n - n - - smtpd"
		echo '  -o smtpd_sasl_auth_enable=yes'
		echo "127.0.0.1:$RELAY inet n - n - - smtpd"
		echo '  -o smtpd_relay_restrictions=reject_unauth_destination'
		echo 'pickup unix n - n 60 1 pickup'
		echo 'cleanup unix n - n - 0 cleanup'
		echo 'qmgr unix n - n 300 1 qmgr'
		echo 'postlog unix-dgram n - n - 1 postlogd'
		echo 'local unix - n n - - local'
		for service in rewrite:trivial-rewrite:- bounce:bounce:0 \
			defer:bounce:0 trace:bounce:0 verify:verify:1 \
			proxymap:proxymap:- error:error:- retry:error:- \
			lmtp:lmtp:- anvil:anvil:1; do
			echo "$service" | tr : ' ' | while read -r as runs most; do
				echo "$as unix - - n - $most $runs"
			done
		done
	} >"$postfix/etc/master.cf"
	chown postfix "$postfix/data"
	postfix -c "$postfix/etc" check >"$postfix/out" 2>&1
	postfix -c "$postfix/etc" start >>"$postfix/out" 2>&1
	until_true 30 answers "$SUBMISSION"
}

stop_postfix() {
	[ ! -d "$T/postfix" ] ||
		postfix -c "$T/postfix/etc" stop >/dev/null 2>&1
}

stop_mail() {
	stop_postfix
	if [ -n "${CYRUS-}" ]; then
		kill "$CYRUS"
		wait "$CYRUS"
	fi 2>/dev/null
	CYRUS=''
}
trap 'stop_mail; cleanup' EXIT
