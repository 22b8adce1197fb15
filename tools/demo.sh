#!/bin/sh
# SPDX-License-Identifier: ISC
# demo.sh: everything once: a server, two devices, a backup, a restore.
#
# Works in a fresh folder and removes it. The exit status says whether
# everything held.
set -eu
cd "$(dirname "$0")/.."
ROOT=$(pwd)
BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
PATH=$BUILD:$PATH
export PATH LC_ALL=C.UTF-8
unset AUMBRY_HOME AUMBRY_PASSWORD_FILE

D=$(mktemp -d "${TMPDIR:-/tmp}/aumbry-demo.XXXXXX")
server='' waiting=''
failed=1
cleanup() {
	trap - EXIT
	[ -z "$waiting" ] || kill "$waiting" 2>/dev/null || true
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	wait
	rm -rf "$D"
	exit "$failed"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step() {
	echo
	echo "== $1"
}
# typed WORDS: the command as a person would type it.
typed() {
	printf '   $ %s\n' "$1"
}
# shown COMMAND…: its output, indented.
shown() {
	said=0
	"$@" >"$D/said" 2>&1 </dev/null || said=$?
	fold -s -w 75 "$D/said" | sed 's/^/     /'
	if [ $said -ne 0 ]; then
		echo "   That failed, with exit status $said."
		exit 1
	fi
}
# soon COMMAND…: wait until it succeeds, 20 seconds at most.
soon() {
	tries=400
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

cd "$D"
mkdir files
cp -R "$ROOT/src" "$ROOT/docs" files/
cat >files/diary.txt <<'END'
Nobody but me may read that the blue heron came back to the pond today.
END
head -c 24 /dev/urandom | base64 >password

echo 'Aumbry keeps your files on a server that cannot read them.'
echo 'This shows it once, on this machine, in a folder that is removed again.'

step '1. A server'
typed 'aumbryd init --data server'
aumbryd init --data server --listen 127.0.0.1:0 >init
url=$(sed -n 1p init)
invitation=$(sed -n 2p init)
echo "     $url"
echo "     $invitation"
echo '   The address carries a fingerprint of the server; the second line'
echo '   is an invitation for one account.'
typed 'aumbryd serve --data server &'
aumbryd serve --data server 2>server.log </dev/null &
server=$!
soon grep -q '^aumbryd: ready' server.log

step '2. An account, made on your laptop'
typed 'aumbry signup URL ana --invite CODE'
shown aumbry --home laptop --password-file password signup "$url" ana \
	--invite "$invitation" --device-name laptop
echo '   The server never sees the password. The keys stay on the laptop.'

step '3. A second factor, without which there is no backup'
typed 'aumbry authenticator add'
aumbry --home laptop --password-file password authenticator add \
	--secret-file totp >said 2>&1
echo '     (a secret for the app on your phone)'
typed 'aumbry authenticator confirm 123456'
shown aumbry --home laptop authenticator confirm \
	"$(oathtool --totp --base32 @totp)"

step '4. A backup of the source code and documentation of Aumbry'
typed 'aumbry backup files'
shown aumbry --home laptop backup files
echo '   Cut into pieces, compressed, encrypted, and only then sent.'
typed 'aumbry backup files'
shown aumbry --home laptop backup files
echo '   The second time there is nothing new to store.'

step '5. A second device, let in by the first'
typed 'aumbry signin URL ana            (on the phone)'
typed 'aumbry device approve            (on the laptop, which shows a code)'
mkfifo pipe
aumbry --home phone --password-file password signin "$url" ana \
	--device-name phone <pipe >phone.out 2>&1 &
waiting=$!
aumbry --home laptop device approve --print-code 2>laptop.out </dev/null |
	tee code >pipe
echo "     $(cat code)        (typed on the phone)"
wait "$waiting"
waiting=''
typed 'aumbry device list'
shown aumbry --home laptop device list
echo '   The code proves both devices to each other; the server only relays.'

step '6. A restore, on the second device'
typed 'aumbry restore latest:files --to restored'
shown aumbry --home phone restore "latest:$D/files" --to restored
typed 'diff -r files restored'
shown diff -r files restored
echo '   No difference: every file is back, byte for byte.'

step '7. What the server has of it'
typed "grep -r 'blue heron' files server"
found=$(grep -rl 'blue heron' files server || true)
echo "     $found"
plain=0
for word in 'blue heron' 'diary.txt' 'SPDX-License-Identifier' 'laptop'; do
	if grep -rqaF "$word" server; then
		echo "   The server can read: $word"
		plain=1
	fi
done
if [ $plain -ne 0 ] || [ "$found" != files/diary.txt ]; then
	echo '   That must not be.'
	exit 1
fi
echo '   Only your own copy: no sentence, no name of a file or of a device'
echo '   can be found on the server.'

files=$(find files -type f | wc -l)
size=$(du -sk server/blobs | cut -f1)
echo
echo '== So'
echo "   $((files)) files went to a server, as $size KiB that it cannot read."
echo '   A second device came in by a code, and has them all, unchanged.'
echo '   A password alone would not have been enough.'
failed=0
