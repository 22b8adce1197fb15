// SPDX-License-Identifier: ISC
// heard.mjs SAID HEARD: how alike is what was said and what was heard?
// Both are WAV, 8 kHz, mono, 16 bits. Of all slices of 200 ms of speech,
// each with its best normalized correlation within 60 ms of where it should be,
// prints that of the worst tenth: near 1 for the same words, far lower when only
// some of them are the same.
import { readFileSync } from "fs";

const RATE = 8000, SLICE = RATE / 5, SLIP = 0.06 * RATE, LATE = 4 * RATE;

function samples(file) {
	const b = readFileSync(file);
	let at = 12;
	while (b.toString("latin1", at, at + 4) !== "data")
		at += 8 + b.readUInt32LE(at + 4);
	// A length that was never filled in means: to the end.
	const n = Math.min(b.readUInt32LE(at + 4), b.length - at - 8) >> 1;
	const x = new Float64Array(n);
	for (let i = 0; i < n; i++)
		x[i] = b.readInt16LE(at + 8 + 2 * i);
	return x;
}

function alike(a, from, b, to, n) {
	let ab = 0, aa = 1, bb = 1;
	for (let i = 0; i < n; i++) {
		const x = a[from + i], y = b[to + i] ?? 0;
		ab += x * y;
		aa += x * x;
		bb += y * y;
	}
	return ab / Math.sqrt(aa * bb);
}

function best(a, from, b, lo, hi, n) {
	let top = { c: -1, at: 0 };
	for (let to = Math.max(0, lo); to <= hi; to++) {
		const c = alike(a, from, b, to, n);
		if (c > top.c)
			top = { c, at: to };
	}
	return top;
}

function energy(x, from) {
	let sum = 0;
	for (let i = from; i < from + SLICE; i++)
		sum += x[i] * x[i];
	return sum / SLICE;
}

const [said, heard] = process.argv.slice(2).map(samples);
const starts = [];
for (let i = 0; i + SLICE <= said.length; i += SLICE)
	starts.push(i);
const loud = Math.max(...starts.map((i) => energy(said, i)));
const speech = starts.filter((i) => energy(said, i) > loud / 50);
// Where the first second of speech begins in what was heard.
const first = speech[0];
const delay = best(said, first, heard, 0, first + LATE, RATE).at - first;
const all = speech.map((i) => best(said, i, heard, i + delay - SLIP,
	i + delay + SLIP, SLICE).c).sort((a, b) => a - b);
console.log(all[Math.floor(all.length / 10)].toFixed(2));
