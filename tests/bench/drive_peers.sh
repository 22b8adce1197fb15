#!/bin/sh
# SPDX-License-Identifier: ISC
# drive_peers.sh: the peers of the Drive's bench; drive.sh reads it.
#
# Each as its users would have it at its quickest: Syncthing hears of changes
# after 1 s (10 s by itself), nothing but the given addresses, no low priority;
# rclone with 8 transfers (it waits 10 ms between any two requests of WebDAV, and
# has no option against that); unison without questions.

# ---- Syncthing ----

ST=$T/st
ST_PORTS=$(free_ports 6)
ST_SECRET=bench
ST_A='' ST_B='' ST_S=''
ADDRESS_A=127.0.0.1 ADDRESS_B=127.0.0.1 ADDRESS_S=127.0.0.1
IN_A='' IN_B='' IN_S=''

# st_port DEVICE [gui]
st_port() {
	case $1$2 in
	a) field=1 ;; agui) field=2 ;;
	b) field=3 ;; bgui) field=4 ;;
	s) field=5 ;; *) field=6 ;;
	esac
	echo "$ST_PORTS" | cut -d ' ' -f $field
}
st_address() {
	case $1 in
	a) host=$ADDRESS_A ;; b) host=$ADDRESS_B ;; *) host=$ADDRESS_S ;;
	esac
	echo "tcp://$host:$(st_port "$1" '')"
}
st_id() { cat "$ST/$1/id"; }
# st_write DEVICE DIR TYPE PASSWORD PEER…: its configuration.
st_write() {
	me=$1 dir=$2 type=$3 password=$4
	shift 4
	mkdir -p "$dir/.stfolder"
	rm -rf "$ST/$me"/index*
	{
		echo '<configuration version="36">'
		echo "<folder id=\"bench\" label=\"bench\" path=\"$dir\"" \
			"type=\"$type\" rescanIntervalS=\"3600\"" \
			'fsWatcherEnabled="true" fsWatcherDelayS="1">'
		echo "<device id=\"$(st_id "$me")\"></device>"
		for p in "$@"; do
			echo "<device id=\"$(st_id "$p")\"><encryptionPassword>$password</encryptionPassword></device>"
		done
		echo '</folder>'
		for p in "$me" "$@"; do
			echo "<device id=\"$(st_id "$p")\" name=\"$p\"><address>$(st_address "$p")</address></device>"
		done
		echo "<gui enabled=\"true\"><address>127.0.0.1:$(st_port "$me" gui)</address><apikey>$ST_SECRET</apikey></gui>"
		cat <<-END
			<options>
			<listenAddress>$(st_address "$me")</listenAddress>
			<globalAnnounceEnabled>false</globalAnnounceEnabled>
			<localAnnounceEnabled>false</localAnnounceEnabled>
			<relaysEnabled>false</relaysEnabled>
			<natEnabled>false</natEnabled>
			<startBrowser>false</startBrowser>
			<urAccepted>-1</urAccepted>
			<autoUpgradeIntervalH>0</autoUpgradeIntervalH>
			<crashReportingEnabled>false</crashReportingEnabled>
			<reconnectionIntervalS>5</reconnectionIntervalS>
			<setLowPriority>false</setLowPriority>
			</options>
			</configuration>
		END
	} >"$ST/$me/config.xml"
}
# st_start DEVICE [PREFIX…]: $started is its process.
st_start() {
	me=$1
	shift
	"$@" env HOME="$ST" STMONITORED=yes syncthing serve --no-restart \
		--no-browser --no-upgrade --home="$ST/$me" >"$ST/$me.log" 2>&1 \
		</dev/null &
	started=$!
	HELPERS="$HELPERS $started"
}
st_ready() {
	until_true 30 grep -qs 'GUI and API listening' "$ST/$1.log" ||
		die "Syncthing does not start: $ST/$1.log"
}
st_homes() {
	[ ! -d "$ST" ] || return 0
	for x in a b s; do
		mkdir -p "$ST/$x"
		must syncthing generate --no-default-folder --home="$ST/$x"
		syncthing --device-id --home="$ST/$x" >"$ST/$x/id"
	done
}
# st_begin WAY A B: all but A run.
st_begin() {
	st_homes
	mkdir -p "$3"
	if [ "$1" = asb ]; then
		st_write a "$2" sendreceive secret s
		st_write b "$3" sendreceive secret s
		st_write s "$T/peer/s" receiveencrypted '' a b
		# shellcheck disable=SC2086 # words that stand before it
		st_start s $IN_S
		ST_S=$started
		st_ready s
	else
		st_write a "$2" sendreceive '' b
		st_write b "$3" sendreceive '' a
	fi
	# shellcheck disable=SC2086
	st_start b $IN_B
	ST_B=$started
	st_ready b
	sleep 1
}
st_go() {
	# shellcheck disable=SC2086
	st_start a $IN_A
	ST_A=$started
}
st_end() {
	for x in $ST_A $ST_B $ST_S; do end "$x"; done
	ST_A='' ST_B='' ST_S=''
	rm -rf "$T/peer"
}
# st_alone DIR: one that has nobody, and has read everything.
st_alone() {
	st_homes
	st_write a "$1" sendreceive ''
	st_go
	until_true "$LIMIT" grep -qs 'Completed initial scan' "$ST/a.log"
	rm -rf "$1/.stfolder"
}
st_sent() {
	curl -s -H "X-API-Key: $ST_SECRET" \
		"http://127.0.0.1:$(st_port a gui)/rest/system/connections" |
		tr -d ' \n' |
		sed 's/.*"total":{[^}]*"outBytesTotal":\([0-9]*\).*/\1/'
}
st_files() {
	a=$T/peer/a b=$T/peer/b
	mkdir -p "$a"
	cp -a "$T/tree/." "$a"
	st_begin "$1" "$a" "$b"
	start=$(now)
	st_go
	arrive first "$1" "$start" "$a" "$b"
	renamed "$1" "$a" "$b"
	small small "$1" "$a" "$b" $((CHANGES / 4))
	st_end
}
st_big() {
	a=$T/peer/a b=$T/peer/b
	mkdir -p "$a"
	cp -a "$T/big/." "$a"
	st_begin "$1" "$a" "$b"
	start=$(now)
	st_go
	arrive big "$1" "$start" "$a" "$b"
	cp "$T/one" "$a/one"
	until_true "$LIMIT" cmp -s "$a/one" "$b/one"
	sleep 3
	sent=$(st_sent)
	start=$(now)
	overwrite "$a/one"
	changed "$1" "$start" "$a" "$b"
	put change-mib "$1" "$(mib $((($(st_sent) - sent) / 1024)))"
	st_end
}
# A is near, S far; B is near as well when there is an S.
st_far() {
	IN_A="ip netns exec $NEAR" IN_B=$IN_A IN_S="ip netns exec $FAR"
	ADDRESS_A=10.77.0.1 ADDRESS_B=10.77.0.1 ADDRESS_S=10.77.0.2
	[ "$1" = asb ] || IN_B=$IN_S ADDRESS_B=10.77.0.2
	a=$T/peer/a b=$T/peer/b
	link_up 25 0 0
	mkdir -p "$a"
	st_begin "$1" "$a" "$b"
	st_go
	small small-far "$1" "$a" "$b" $((CHANGES / 4))
	end "$ST_A"
	link_down
	link_up 25 1 20
	make_files "$a/slow" "$SLOW" 4096
	start=$(now)
	st_go
	arrive slow "$1" "$start" "$a" "$b"
	st_end
	link_down
}

# ---- rclone ----

RCLONE_AT=127.0.0.1
rclone_of() {
	timeout "$LIMIT" "$@" --config "$T/rclone.conf" --transfers 8 \
		--checkers 8 --webdav-url "http://$RCLONE_AT:$rclone_port" \
		>"$T/out" 2>"$T/err"
}
# rclone_begin [PREFIX…]
rclone_begin() {
	rclone_port=$(free_ports 1)
	mkdir -p "$T/peer/s" "$T/peer/b"
	: >"$T/rclone.conf"
	"$@" rclone serve webdav "$T/peer/s" --config "$T/rclone.conf" \
		--addr "$RCLONE_AT:$rclone_port" >"$T/rclone.log" 2>&1 &
	rclone_serves=$!
	HELPERS="$HELPERS $rclone_serves"
	until_true 10 grep -qs 'Server started' "$T/rclone.log" ||
		until_true 5 answers "$rclone_port" || die 'no rclone'
}
rclone_end() {
	end "$rclone_serves"
	rm -rf "$T/peer"
}
# rclone_over ROW [PREFIX…]: A to S, S to B.
rclone_over() {
	row=$1
	shift
	start=$(now)
	if rclone_of "$@" rclone sync "$a" :webdav: &&
		rclone_of "$@" rclone sync :webdav: "$b"; then
		arrive "$row" rclone "$start" "$a" "$b"
	else
		put "$row" rclone ">$LIMIT"
	fi
}
rclone_files() {
	a=$T/peer/a b=$T/peer/b
	mkdir -p "$a"
	cp -a "$T/tree/." "$a"
	rclone_begin
	whole=$LIMIT LIMIT=$((LIMIT / 2))
	rclone_over first
	LIMIT=$whole
	rclone_end
}
# It has no times over WebDAV: the changed file is named, and goes whole.
rclone_big() {
	a=$T/peer/a b=$T/peer/b
	mkdir -p "$a"
	cp -a "$T/big/." "$a"
	rclone_begin
	rclone_over big
	cp "$T/one" "$a/one"
	rclone_of rclone copyto "$a/one" :webdav:one
	rclone_of rclone copyto :webdav:one "$b/one"
	overwrite "$a/one"
	start=$(now)
	rclone_of rclone copyto --ignore-times "$a/one" :webdav:one
	rclone_of rclone copyto --ignore-times :webdav:one "$b/one"
	changed rclone "$start" "$a" "$b"
	put change-mib rclone "$MIB"
	rclone_end
}
rclone_far() {
	a=$T/peer/a b=$T/peer/b RCLONE_AT=10.77.0.2
	link_up 25 1 20
	make_files "$a/slow" "$SLOW" 4096
	rclone_begin ip netns exec "$FAR"
	# shellcheck disable=SC2086
	rclone_over slow ip netns exec "$NEAR"
	rclone_end
	link_down
}

# ---- unison ----

# In the place of ssh: what is sent goes by $T/unison.sent.
unison_pipe() {
	cat >"$T/unison.pipe" <<-END
		#!/bin/sh
		while [ "\$1" != none ]; do shift; done
		shift
		tee "$T/unison.sent" | sh -c "\$*"
	END
	chmod +x "$T/unison.pipe"
	rm -rf "$T/unison"
	mkdir -p "$T/unison" "$T/peer/b"
}
unison_over() {
	UNISON=$T/unison timeout "$LIMIT" unison "$a" "ssh://b/$b" \
		-sshcmd "$T/unison.pipe" -batch -auto -times -ui text \
		-confirmbigdel=false >"$T/out" 2>"$T/err"
}
unison_files() {
	a=$T/peer/a b=$T/peer/b
	mkdir -p "$a"
	cp -a "$T/tree/." "$a"
	unison_pipe
	start=$(now)
	unison_over
	arrive first unison "$start" "$a" "$b"
	start=$(now)
	mv "$a/folder" "$a/moved"
	unison_over
	took=">$LIMIT"
	moved_over "$b" && took=$(since "$start")
	put rename unison "$took"
	start=$(now)
	echo change >"$a/note"
	unison_over
	put small unison "$(echo "$(since "$start")" |
		awk '{ printf "%.0f", $1 * 1000 }')"
	rm -rf "$T/peer"
}
unison_big() {
	a=$T/peer/a b=$T/peer/b
	mkdir -p "$a"
	cp -a "$T/big/." "$a"
	unison_pipe
	start=$(now)
	unison_over
	arrive big unison "$start" "$a" "$b"
	cp "$T/one" "$a/one"
	unison_over
	sleep 2 # its clock ticks in seconds
	start=$(now)
	overwrite "$a/one"
	unison_over
	changed unison "$start" "$a" "$b"
	put change-mib unison \
		"$(mib $(($(stat -c %s "$T/unison.sent") / 1024)))"
	rm -rf "$T/peer" "$T/unison.sent"
}

# ---- all of them ----

peers_files() {
	for way in asb ab; do
		peer $way && st_files $way
	done
	peer rclone && rclone_files
	peer unison && unison_files
}
peers_big() {
	for way in asb ab; do
		peer $way && st_big $way
	done
	peer rclone && rclone_big
	peer unison && unison_big
}
