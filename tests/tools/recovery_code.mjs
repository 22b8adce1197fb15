// SPDX-License-Identifier: ISC
// recovery_code.mjs: prints tests/vectors/recovery-code.json.
//
// Another way than reccode.c's: tables of logarithms, division by the
// generator, and errors located by trying everything.
const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const kinds = [1, 2, 3, 4, 5];
const exp = [1];
for (let i = 1; i < 31; i++)
	exp[i] = exp[i - 1] << 1 ^ (exp[i - 1] & 16 ? 0b100101 : 0);
const mul = (a, b) =>
	a && b ? exp[(exp.indexOf(a) + exp.indexOf(b)) % 31] : 0;

// (x - 1)(x - 2) = x^2 + 3x + 2, monic, without its first coefficient.
const generator = [1 ^ 2, mul(1, 2)];
function check(message) {
	const rest = [...message, 0, 0];
	for (let i = 0; i < message.length; i++)
		generator.forEach((g, k) => { rest[i + 1 + k] ^= mul(rest[i], g); });
	return rest.slice(-2);
}

const print = (symbols) => symbols.map((v) => alphabet[v]).join("")
	.match(/..../g).join("-");
const make = (secret, kind) => print([...secret, ...check([kind, ...secret])]);
const symbols = (text) => [...text.replaceAll("-", "")]
	.map((c) => alphabet.indexOf(c));
const right = (written, kind) =>
	check([kind, ...written.slice(0, 26)]).join() === written.slice(26).join();

// What one change makes the code right: its group, its kind, or nothing.
function locate(text, kind) {
	const written = symbols(text), found = new Set();
	for (const k of kinds)
		if (right(written, k))
			found.add(JSON.stringify({ is_kind: k }));
	for (let i = 0; i < 28; i++)
		for (let v = 0; v < 32; v++)
			if (right(written.with(i, v), kind))
				found.add(JSON.stringify({ group: (i >> 2) + 1 }));
	if (found.size > 1 || right(written, kind))
		throw new Error("no distance of 3");
	return JSON.parse([...found][0] ?? "{}");
}

let state = 1; // of a generator of numbers, the same at each run
const draw = () => Array.from({ length: 26 }, () => {
	state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
	return state >>> 27;
});
const hex = (s) => Buffer.from(s).toString("hex");
const secrets = [Array(26).fill(0), Array(26).fill(31),
	Array.from({ length: 26 }, (_, i) => i),
	Array.from({ length: 26 }, (_, i) => 31 - i), draw(), draw(), draw()];

const codes = secrets.flatMap((s) => kinds.map((kind) =>
	({ kind, secret: hex(s), text: make(s, kind) })));
const kits = [[secrets[2], Array(26).fill(0)], [draw(), draw()],
	[draw(), draw()], [draw(), draw()]].map(([secret, slope]) => {
	const sheets = [1, 2, 3].map((x) => secret.map((v, i) => v ^ mul(slope[i], x)));
	return { secret: hex(secret), slope: hex(slope),
		sheets: sheets.map((s, i) => make(s, 3 + i)) };
});
const refused = [];
for (let n = 0; n < 40; n++) {
	const kind = kinds[n % 5], written = symbols(make(draw(), kind));
	const at = draw(), how = n % 4;
	const p = (at[0] + at[1] + n) % 28, q = (p + 1 + at[2] % 27) % 28;
	if (how < 3)
		written[p] ^= 1 + at[3] % 31;
	if (how === 2)
		written[q] ^= 1 + at[4] % 31;
	const asked = how === 3 ? kinds[(n >> 2) % 5] : kind;
	const text = print(written);
	if (!right(written, asked))
		refused.push({ kind: asked, text, ...locate(text, asked) });
}
// Two places changed.
for (const kind of kinds) {
	const w = symbols(make(secrets[4], kind));
	[w[9], w[10]] = [w[10], w[9]];
	refused.push({ kind, text: print(w), ...locate(print(w), kind) });
}

const lines = (list) => `[\n${list.map((x) => `  ${JSON.stringify(x)}`).join(",\n")}\n ]`;
console.log(`{\n "codes": ${lines(codes)},\n "kits": ${lines(kits)},\n` +
	` "refused": ${lines(refused)}\n}`);
