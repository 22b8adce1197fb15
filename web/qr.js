// SPDX-License-Identifier: ISC
// qr.js: a QR code (ISO/IEC 18004) of bytes, level L, versions 1 to 9, as SVG.
import { h } from "./dom.js";

// Of version v: data codewords, check codewords of a block, blocks.
const sizes = [null, [19, 7, 1], [34, 10, 1], [55, 15, 1], [80, 20, 1], [108, 26, 1],
	[136, 18, 2], [156, 20, 2], [194, 24, 2], [232, 30, 2]];
const middles = [null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34],
	[6, 22, 38], [6, 24, 42], [6, 26, 46]];

const exp = [], log = [];
for (let i = 0, x = 1; i < 255; i++) {
	exp[i] = x;
	log[x] = i;
	x = x & 128 ? x << 1 ^ 0x11d : x << 1;
}
const times = (a, b) => a && b ? exp[(log[a] + log[b]) % 255] : 0;

function checkwords(data, n) {
	let generator = [1];
	for (let i = 0; i < n; i++) {
		const next = [...generator, 0];
		generator.forEach((g, j) => { next[j + 1] ^= times(g, exp[i]); });
		generator = next;
	}
	const rest = [...data, ...Array(n).fill(0)];
	for (let i = 0; i < data.length; i++) {
		const f = rest[i];
		generator.forEach((g, j) => { rest[i + j] ^= times(g, f); });
	}
	return rest.slice(data.length);
}

function codewords(bytes, [room, checks, blocks]) {
	const bits = [0, 1, 0, 0];
	const put = (v, n) => { for (let i = n - 1; i >= 0; i--) bits.push(v >> i & 1); };
	put(bytes.length, 8);
	bytes.forEach((b) => put(b, 8));
	for (let i = 0; i < 4 && bits.length < room * 8; i++)
		bits.push(0);
	while (bits.length % 8)
		bits.push(0);
	const data = [];
	for (let i = 0; i < bits.length; i += 8)
		data.push(parseInt(bits.slice(i, i + 8).join(""), 2));
	for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11)
		data.push(pad);
	const one = room / blocks;
	const parts = Array.from({ length: blocks }, (_, i) => data.slice(i * one, (i + 1) * one));
	const check = parts.map((p) => checkwords(p, checks));
	const out = [];
	for (let i = 0; i < one; i++)
		parts.forEach((p) => out.push(p[i]));
	for (let i = 0; i < checks; i++)
		check.forEach((p) => out.push(p[i]));
	return out;
}

const masks = [(y, x) => (y + x) % 2, (y) => y % 2, (y, x) => x % 3, (y, x) => (y + x) % 3,
	(y, x) => ((y >> 1) + Math.floor(x / 3)) % 2, (y, x) => y * x % 2 + y * x % 3,
	(y, x) => (y * x % 2 + y * x % 3) % 2, (y, x) => ((y + x) % 2 + y * x % 3) % 2];

function remainder(value, generator, bits) {
	let r = value << bits;
	for (let i = 20; i >= bits; i--)
		if (r >> i & 1)
			r ^= generator << i - bits;
	return value << bits | r;
}

function frame(version) {
	const n = version * 4 + 17;
	const cells = Array.from({ length: n }, () => Array(n).fill(null));
	const set = (y, x, v) => { if (y >= 0 && x >= 0 && y < n && x < n) cells[y][x] = v; };
	const square = (y, x, r, dark) => {
		for (let i = -r; i <= r; i++)
			for (let j = -r; j <= r; j++)
				set(y + i, x + j, dark(Math.max(Math.abs(i), Math.abs(j))));
	};
	for (const [y, x] of [[3, 3], [3, n - 4], [n - 4, 3]])
		square(y, x, 4, (d) => d !== 4 && d !== 2);
	for (let i = 8; i < n - 8; i++)
		cells[6][i] = cells[i][6] = i % 2 === 0;
	for (const y of middles[version])
		for (const x of middles[version])
			if (cells[y][x] === null || y === 6 && x > 8 && x < n - 8 || x === 6 && y > 8 && y < n - 8)
				square(y, x, 2, (d) => d !== 1);
	for (let i = 0; i < 9; i++) { // room for the format
		cells[8][i] ??= false;
		cells[i][8] ??= false;
		if (i < 8)
			cells[8][n - 1 - i] = cells[n - 1 - i][8] = false;
	}
	cells[n - 8][8] = true;
	for (let i = 0; version >= 7 && i < 18; i++) {
		const bit = (remainder(version, 0x1f25, 12) >> i & 1) === 1;
		cells[Math.floor(i / 3)][n - 11 + i % 3] = bit;
		cells[n - 11 + i % 3][Math.floor(i / 3)] = bit;
	}
	return cells;
}

function putFormat(cells, mask) {
	const n = cells.length;
	const f = remainder(8 | mask, 0x537, 10) ^ 0x5412;
	for (let i = 0; i < 15; i++) {
		const bit = (f >> i & 1) === 1;
		cells[i < 6 ? i : i < 8 ? i + 1 : n - 15 + i][8] = bit;
		cells[8][i < 8 ? n - 1 - i : i < 9 ? 7 : 14 - i] = bit;
	}
}

// How hard it is to read: long runs, blocks, and more of one color.
function badness(cells) {
	const n = cells.length;
	let bad = 0, dark = 0;
	for (let y = 0; y < n; y++)
		for (let x = 0; x < n; x++) {
			dark += cells[y][x];
			for (const [dy, dx] of [[0, 1], [1, 0]]) {
				let run = 1;
				while (run < 5 && cells[y + run * dy]?.[x + run * dx] === cells[y][x])
					run++;
				bad += run === 5 ? 3 : 0;
			}
			bad += cells[y][x] === cells[y][x + 1] && cells[y][x] === cells[y + 1]?.[x] &&
				cells[y][x] === cells[y + 1]?.[x + 1] ? 3 : 0;
		}
	return bad + Math.floor(Math.abs(dark / (n * n) - 0.5) * 20) * 10;
}

function fill(version, words, mask) {
	const fixed = frame(version);
	const cells = fixed.map((r) => [...r]);
	const n = cells.length;
	let at = 0;
	for (let right = n - 1, up = true; right > 0; right -= 2, up = !up) {
		if (right === 6)
			right = 5;
		for (let i = 0; i < n; i++)
			for (const x of [right, right - 1]) {
				const y = up ? n - 1 - i : i;
				if (fixed[y][x] !== null)
					continue;
				const bit = (words[at >> 3] ?? 0) >> 7 - at % 8 & 1;
				at++;
				cells[y][x] = (bit === 1) !== (masks[mask](y, x) === 0);
			}
	}
	putFormat(cells, mask);
	return cells;
}

// Rows of booleans, or null when the text is too long.
export function qr(text) {
	const bytes = [...new TextEncoder().encode(text)];
	const version = sizes.findIndex((s) => s && s[0] - 2 >= bytes.length);
	if (version < 0)
		return null;
	const words = codewords(bytes, sizes[version]);
	const tries = masks.map((_, mask) => fill(version, words, mask));
	return tries.reduce((a, b) => badness(b) < badness(a) ? b : a);
}

// Always dark on light, with its quiet zone: apps cannot read the other.
export function qrImage(text, label) {
	const cells = qr(text);
	if (cells === null)
		return null;
	const n = cells.length + 8;
	const path = cells.flatMap((r, y) => r.map((dark, x) =>
		dark ? `M${x + 4} ${y + 4}h1v1h-1z` : "")).join("");
	return h("svg", { viewBox: `0 0 ${n} ${n}`, class: "qr", role: "img", "aria-label": label,
		"shape-rendering": "crispEdges" },
	h("path", { d: `M0 0h${n}v${n}H0z`, fill: "#fff" }), h("path", { d: path, fill: "#000" }));
}
