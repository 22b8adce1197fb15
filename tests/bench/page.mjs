// SPDX-License-Identifier: ISC
// page.mjs: what the account page weighs, how soon it shows something, and
// Argon2id in WebAssembly. By page.sh.
import fs from "node:fs";
import { origin, startBrowser } from "../tools/browser.mjs";

const { WASM } = process.env;
const say = (what, value, unit) => console.log(`page      ${what.padEnd(38)} ${value.padStart(6)} ${unit}`);
const browser = await startBrowser();

const page = await (await browser.newContext()).newPage();
let weight = 0;
await page.goto(origin); // the server's and the browser's first is not counted
const first = [];
for (let i = 0; i < 5; i++) {
	const fresh = await (await browser.newContext()).newPage();
	await fresh.goto(origin);
	await fresh.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	first.push(await fresh.evaluate(() => ({
		paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
		useful: performance.now() })));
	await fresh.context().close();
}
for (const path of ["", "app.css", "early.js", "app.js", "worker.js", "core.wasm", "icon.svg"]) {
	const r = await loaded(path);
	weight += r;
	say(`weight of /${path}, compressed`, (r / 1000).toFixed(1), "kB");
}
say("weight of all, compressed (bar 190)", (weight / 1000).toFixed(1), "kB");
const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
say("first paint (middle of 5)", middle(first.map((x) => x.paint)).toFixed(0), "ms");
say("sign-in can be typed (bar 1000)", middle(first.map((x) => x.useful)).toFixed(0), "ms");

const blank = await (await browser.newContext()).newPage();
const ms = await blank.evaluate(async (b64) => {
	// eslint-disable-next-line prefer-const -- its imports use it
	let core;
	const made = await WebAssembly.instantiate(Uint8Array.from(atob(b64), (c) => c.charCodeAt(0)), {
		wasi_snapshot_preview1: {
			random_get: (p, n) => { crypto.getRandomValues(new Uint8Array(core.memory.buffer, p, n)); return 0; },
			clock_time_get: (id, x, at) => {
				new DataView(core.memory.buffer).setBigUint64(at, BigInt(Math.floor(performance.now() * 1e6)), true);
				return 0;
			},
			fd_close: () => 8, fd_seek: () => 8, fd_write: () => 8, proc_exit: () => {} } });
	core = made.instance.exports;
	core._initialize();
	return core.stretch_ms();
}, fs.readFileSync(`${WASM}/stretch.wasm`).toString("base64"));
const native = Number(process.env.NATIVE_MS);
say("argon2id 64 MiB, 3 passes, WebAssembly", ms.toFixed(1), "ms");
say("  as native takes", (ms / native).toFixed(2), "times");
await browser.close();

async function loaded(path) {
	const https = await import("node:https");
	return new Promise((resolve, reject) => https.get(`${origin}/${path}`,
		{ headers: { "Accept-Encoding": "gzip, deflate, br" }, rejectUnauthorized: false }, (r) => {
			let n = 0;
			r.on("data", (d) => { n += d.length; });
			r.on("end", () => resolve(n));
		}).on("error", reject));
}
