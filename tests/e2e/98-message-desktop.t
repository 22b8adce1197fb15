#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-desktop.t: what a real notification daemon is told by the agent, and
# what it makes of it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/desktop.sh"

# ---- a desktop ----

session_bus
Xvfb -displayfd 3 -screen 0 800x600x24 -nolisten tcp 3>"$T/display" \
	>"$T/xvfb.out" 2>&1 </dev/null &
HELPERS="$HELPERS $!"
until_true 10 [ -s "$T/display" ]
DISPLAY=:$(cat "$T/display")
export DISPLAY
# What it shows stays until it is closed, and is all kept then.
printf '%s\n' '[global]' 'history_length = 0' 'notification_limit = 0' \
	'idle_threshold = 0' '[urgency_normal]' 'timeout = 0' >"$T/dunstrc"
HOME=$T dunst -conf "$T/dunstrc" >"$T/dunst.out" 2>&1 </dev/null &
HELPERS="$HELPERS $!"
ok 'a daemon shows notices' until_true 10 daemon_is_there
daemon_is_there || finish

# notices: what was shown, once it is closed, the newest first: of which program,
# of which kind, and how the daemon draws it, in its markup.
notices() {
	dunstctl close-all && dunstctl history | node -e '
		const [all] = JSON.parse(require("fs").readFileSync(0, "utf8")).data;
		for (const n of all)
			console.log([n.appname, n.category, n.message].map((x) => x.data)
				.join("|").replaceAll("\n", "\\n"));
	' >"$T/notices"
}
has() {
	notices && grep -qxF "Aumbry|im.received|$1" "$T/notices"
}
shown() { until_true 10 has "$@"; }

# ---- whom it tells of ----

start_server
people ana ben cleo
contacts ana ben
ok 'Ben writes while nobody is there' at b message send ana 'Good morning'
aumbry --home "$T/a" agent >"$T/agent.out" 2>"$T/agent.err" </dev/null &
HELPERS="$HELPERS $!"
ok "Ana's agent shows that much is unread" shown \
	'<b>ben@localhost</b>\n1 unread message'
ok 'Ben writes' at b message send ana 'Are you up?'
ok 'which is shown, with who it is' shown '<b>ben@localhost</b>\nAre you up?'
ok 'Cleo, whom she does not know, writes' at c contact add ana
ok 'to her' at c message send ana 'BUY NOW'
ok 'she is told who asks, and not what' shown \
	'<b>cleo@localhost</b>\nasks to write'

# ---- whatever is written ----

ok 'Ben writes markup' at b message send ana '<b>Big</b> & <u>&lt;<a href="x:">'
ok 'which is drawn as he wrote it' shown '<b>ben@localhost</b>\n&lt;b&gt;Big'\
'&lt;/b&gt; &amp; &lt;u&gt;&amp;lt;&lt;a href="x:"&gt;'
ok 'he gets a name of such letters' at a contact rename ben '<i>Ben</i> & <s>'
ok 'and writes' at b message send ana "$(printf 'It is\033[31m\nme')"
ok 'which is drawn so, in one line, without control characters' shown \
	'<b>&lt;i&gt;Ben&lt;/i&gt; &amp; &lt;s&gt;</b>\nIt is\x1b[31m me'

# ---- and of whom not ----

ok 'he writes a quiet one' at b message send ana --quiet psst
ok 'he is muted' at a message mute ben
ok 'and writes' at b message send ana 'hello?'
ok 'Cleo is let in' at a contact accept cleo
ok 'and writes' at c message send ana 'Thank you'
ok 'she is heard' shown '<b>cleo@localhost</b>\nThank you'
equal 'and nothing else was shown' 6 "$(grep -c . "$T/notices")"
finish
