#!/bin/sh
# SPDX-License-Identifier: ISC
# 41-explain.t: what becomes of a path, by which rule; as a backup then does it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

T=$(cd "$T" && pwd -P)
H=$T/ana
export HOME="$H"
home() { aumbry --home "$H/.local/share/aumbry" "$@"; }
explain() { home backup --explain --exclude-from "$T/patterns" "$@"; }
# out NAME PATH WORDS: it is left out, and the words say why.
out() {
	exits "$1" 3 explain "$2"
	equal '  by that rule' "$2: left out ($3" "$(cat "$T/out")"
}
# in NAME PATH WORDS: it is backed up so.
in_it() {
	ok "$1" explain "$2"
	equal '  as that' "$2: backed up as a $3" "$(cat "$T/out")"
}

mkdir -p "$H/.cache/x" "$H/kept/.cache" "$H/work/tagged" "$H/cache" \
	"$H/.ssh" "$H/disk" "$H/.local/share/aumbry/device-profile" "$H/repo"
for file in .cache/x/f kept/.cache/f work/tagged/f cache/f .ssh/id_own \
	.ssh/id_own.pub work/f work/f.o 'work/two
lines' work/notes.kdbx work/my.diary; do
	echo "$file" >"$H/$file"
done
touch "$H/work/tagged/.nobackup"
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >"$H/cache/CACHEDIR.TAG"
echo 'aumbry-home v1' >"$H/.local/share/aumbry/aumbry-home"
echo key >"$H/.local/share/aumbry/device.key"
echo fonts >"$H/.local/share/aumbry/device-profile/fonts"
openssl genpkey -algorithm ed25519 >"$H/work/key" 2>/dev/null
{
	cat "$H/work/key"
	head -c 70000 /dev/zero
} >"$H/work/large"
{
	echo aumbry-secret-file v1
	head -c 70000 /dev/zero
} >"$H/work/own"
cp "$H/work/key" "$H/work/sparse" # with a hole at its end
truncate -s 40000 "$H/work/sparse"
mkfifo "$H/work/pipe"
ln -s "$T/patterns" "$H/work/link"
printf '# a comment\n*.o\n!/kept/.cache/\n' >"$T/patterns"

# ---- each rule, without a server or an account ----

in_it 'a file' "$H/work/f" 'regular file'
in_it 'a link, not what it leads to' "$H/work/link" symlink
in_it 'a pipe, without content' "$H/work/pipe" fifo
out 'a cache' "$H/.cache/x/f" \
	"the list of what is left out by itself: .cache/), at $H/.cache"
in_it 'one that a pattern takes back' "$H/kept/.cache" \
	"directory, taken back ($T/patterns, line 3: !/kept/.cache/)"
out 'by a pattern of a file' "$H/work/f.o" \
	"$T/patterns, line 2: *.o), at $H/work/f.o"
exits 'and of the line' 3 explain --exclude 'work/f' "$H/work/f"
also 'as typed' ": left out \\(--exclude: work/f\\), at $H/work/f$"
out 'what is tagged' "$H/work/tagged/f" \
	"the folder: .nobackup), at $H/work/tagged"
out 'a folder of caches' "$H/cache" "the folder: CACHEDIR.TAG), at $H/cache"
out 'our own folder' "$H/.local/share/aumbry/device.key" \
	"it is a home of this program, which holds its keys), at $H/.local/share/aumbry"
in_it 'but for the profile' "$H/.local/share/aumbry/device-profile/fonts" \
	'regular file'
out 'what is elsewhere' "$T/patterns" 'it is not in what is backed up)'
out 'what is nowhere' "$H/nothing" 'it is not there)'
out 'or below that' "$H/no/thing" 'it is not there)'
ok 'a name of two lines' explain "$H/work/two
lines"
also 'in one' 'two\\nlines: backed up as a regular file$'
in_it 'a secret by its name' "$H/.ssh/id_own" \
	'regular file, in the keychain category (the list of secrets: .ssh/id_*)'
in_it 'and its other half' "$H/.ssh/id_own.pub" 'regular file'
in_it 'by how it ends' "$H/work/notes.kdbx" \
	'regular file, in the keychain category (the list of secrets: .kdbx)'
in_it 'by its content' "$H/work/key" \
	"regular file, in the keychain category (it holds a private key or a code)"
ok 'by a pattern' explain --secret '*.diary' "$H/work/my.diary"
also 'as typed' 'keychain category \(--secret: \*.diary\)$'
mkdir "$T/repository"
ok 'the target is' home backup --to "$H/repo" --password-file "$PW" "$T/patterns"
exits 'not in itself' 3 explain --to "$H/repo" "$H/repo/repo.db"
also 'which is said' "the repository that is written to, .*, at $H/repo$"
out 'other repositories neither' "$H/repo/blobs" \
	"it is a repository of backups, and is left out; name it to have it stored), at $H/repo"
if small_disk "$H/disk" 1m; then
	echo f >"$H/disk/f"
	ok 'another file system is gone into' explain "$H/disk/f"
	exits 'unless it is not to be' 3 explain --one-file-system "$H/disk/f"
	also 'which is said' "another file system .*, at $H/disk$"
fi
ok 'of nothing: the lists' explain
equal 'from caches to secrets' 'default: .cache/ default: .thumbnails/' \
	"$(head -n 2 "$T/out" | paste -sd ' ')"
also 'of each kind' '^secret: \.netrc$'
also 'folders' '^secret: \.password-store/$'
also 'endings' '^secret: \*\.kdbx$'
refused 'a pattern that means nothing' 2 bad-usage explain --exclude '[' "$H"
exits 'from where one stands' 3 sh -c 'cd "$1/work" && shift && exec "$@"' sh \
	"$H" aumbry --home "$H/.local/share/aumbry" backup --explain . f .. ../..
also 'as others do' '^\.: backed up as a directory$'
# As $HOME may be a link, by which patterns are written.
ln -s "$H" "$T/by link"
exits 'by a link' 3 env HOME="$T/by link" aumbry --home \
	"$H/.local/share/aumbry" backup --explain "$T/by link/work/f" \
	--exclude "$T/by link/work/f"
also 'it is the same' "left out .*by link/work/f\\), at $H/work/f$"
exits 'for programs' 3 explain --json "$H/work/f.o"
equal 'the rule' '{"rule":"pattern","words":"a pattern","pattern":"*.o",'"\
\"source\":\"$T/patterns\",\"line\":2}" "$(json by "$T/out")"
mkdir "$T/others" && chmod 711 "$T"
echo f >"$T/others/closed" && chmod 0 "$T/others/closed"
if [ "$(id -u)" -eq 0 ]; then
	exits 'what may not be read' 3 env HOME="$T/others" setpriv --reuid 65534 \
		--clear-groups aumbry --home "$T/none" backup --explain \
		"$T/others/closed"
	also 'is no part of it' 'left out \(it cannot be read\), at .*/closed: '
fi

# ---- and the backup does what was said ----

(cd "$H" && find . ! -type d ! -name 'two*' | sed 's/^\.//' | sort) >"$T/all"
sed "s:^:$H:" "$T/all" | tr '\n' '\0' | xargs -0 env HOME="$H" aumbry \
	--home "$H/.local/share/aumbry" backup --explain --json \
	--exclude-from "$T/patterns" --secret '*.diary' \
	--to "$T/repository/r" >"$T/said"
AUMBRY_PASSWORD_FILE=$PW home backup --no-profile --to "$T/repository/r" \
	--exclude-from "$T/patterns" --secret '*.diary' \
	"$H" "$H/.local/share/aumbry/device-profile" >/dev/null 2>&1
AUMBRY_PASSWORD_FILE=$PW home --repo "$T/repository/r" find '**' --json \
	>"$T/found"
cat >"$T/compare.mjs" <<'END'
import fs from "fs";
const [said, found, all] = process.argv.slice(2).map((f) =>
	fs.readFileSync(f, "utf8").trim().split("\n"));
const stored = new Set(found.map((l) => JSON.parse(l).path));
const wrong = said.map((l) => JSON.parse(l))
	.filter((x) => x.stored !== stored.has(x.path));
const yes = said.filter((l) => JSON.parse(l).stored).length;
for (const x of wrong)
	console.log(x.path, x.stored);
if (said.length !== all.length || yes < 10 || yes > said.length - 5)
	console.log(said.length, all.length, yes);
END
equal 'of each file' '' "$(node "$T/compare.mjs" "$T/said" "$T/found" "$T/all")"
AUMBRY_PASSWORD_FILE=$PW home --repo "$T/repository/r" \
	ls "latest:$H/work" --json >"$T/listed"
equal 'also its category' "$(grep -c '"category":"keychain"' "$T/listed")" \
	"$(grep "$H/work/[^/]*\"" "$T/said" | grep -c '"category":"keychain"')"
equal 'of several' 5 "$(grep -c '"category":"keychain"' "$T/listed")"
equal 'and what has holes is whole' "$(sha256sum <"$H/work/sparse")" \
	"$(AUMBRY_PASSWORD_FILE=$PW home --repo "$T/repository/r" \
		cat "latest:$H/work/sparse" | sha256sum)"

finish
