// SPDX-License-Identifier: ISC
// worker.js: runs the core, one call at a time, off the page's own thread.
//
// The core is synchronous, so its requests are too; that blocks this worker
// and nothing else. Passwords and keys exist in here and nowhere else.

let core;
let answer = new Uint8Array(0);

const bytes = (p, n) => new Uint8Array(core.memory.buffer, p, n);
const text = (p, n) => new TextDecoder().decode(bytes(p, n));

function http(call, callN, body, bodyN, waitS, sizeAt) {
	const [first, ...headers] = text(call, callN).trim().split("\n");
	const [method, path] = first.split(" ");
	const x = new XMLHttpRequest();
	answer = new Uint8Array(0);
	try {
		x.open(method, path, false);
		x.responseType = "arraybuffer";
		x.timeout = waitS * 1000;
		for (const line of headers) {
			const at = line.indexOf(": ");
			x.setRequestHeader(line.slice(0, at), line.slice(at + 2));
		}
		x.send(bodyN > 0 ? bytes(body, bodyN).slice() :
			method === "GET" ? null : "");
	} catch {
		return 0;
	}
	answer = new Uint8Array(x.response || 0);
	new DataView(core.memory.buffer).setUint32(sizeAt, answer.length, true);
	return x.status;
}

const imports = {
	browser: {
		http,
		answer: (to) => bytes(to, answer.length).set(answer),
		keep: (p, n) => postMessage({ keep: bytes(p, n).slice() }),
		tell: (p, n) => postMessage({ tell: JSON.parse(text(p, n)) }),
	},
	wasi_snapshot_preview1: {
		random_get(p, n) {
			for (let i = 0; i < n; i += 65536)
				crypto.getRandomValues(bytes(p + i, Math.min(65536, n - i)));
			return 0;
		},
		clock_time_get(id, precision, at) {
			const ms = id === 0 ? Date.now() : performance.now();
			new DataView(core.memory.buffer).setBigUint64(at,
				BigInt(Math.floor(ms * 1000)) * 1000n, true);
			return 0;
		},
		fd_close: () => 8,
		fd_seek: () => 8,
		fd_write: () => 8,
	},
};

// Bytes for the core, taken away again afterwards.
function withBytes(x, fn) {
	const p = core.alloc(x.length);
	bytes(p, x.length).set(x);
	try {
		return fn(p, x.length);
	} finally {
		core.release(p, x.length);
	}
}

async function start(state) {
	const got = await fetch("/core.wasm");
	if (!got.ok)
		throw new Error(`the server answers ${got.status}`);
	const made = await WebAssembly.instantiate(await got.arrayBuffer(), imports);
	core = made.instance.exports;
	core._initialize();
	return withBytes(state, core.load) === 0;
}

onmessage = async ({ data }) => {
	if (data.start) {
		try {
			postMessage({ started: true, whole: await start(data.state) });
		} catch (e) {
			postMessage({ failed: String(e) });
		}
		return;
	}
	try {
		const ask = new TextEncoder().encode(JSON.stringify(data.ask));
		const at = withBytes(ask, core.call);
		ask.fill(0);
		postMessage({ answer: JSON.parse(text(at, core.answer_size())) });
	} catch (e) {
		postMessage({ failed: String(e) });
	}
};
