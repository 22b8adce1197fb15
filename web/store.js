// SPDX-License-Identifier: ISC
// store.js: the one byte string that the core wants kept, in IndexedDB.
//
// It is sealed with AES-GCM under a key that the browser makes and does not
// give out again. Whoever copies the files of the profile has both; what this
// hides it from is a script that reads the database and sends it elsewhere.

const NAME = "aumbry";

const asked = (request) => new Promise((resolve, reject) => {
	request.onsuccess = () => resolve(request.result);
	request.onerror = () => reject(request.error);
});

async function database() {
	const open = indexedDB.open(NAME, 1);
	open.onupgradeneeded = () => open.result.createObjectStore("kept");
	return asked(open);
}

async function inStore(mode, fn) {
	const db = await database();
	try {
		const tx = db.transaction("kept", mode, { durability: "strict" });
		const result = await fn(tx.objectStore("kept"));
		await new Promise((resolve, reject) => {
			tx.oncomplete = resolve;
			tx.onabort = tx.onerror = () => reject(tx.error);
		});
		return result;
	} finally {
		db.close();
	}
}

// That a thing can be kept, and is there.
export const storeWorks = () => inStore("readwrite", async (s) => {
	await asked(s.put(1, "try"));
	await asked(s.delete("try"));
});

export async function stateRead() {
	const { key, sealed } = await inStore("readonly", async (s) => ({
		key: await asked(s.get("key")), sealed: await asked(s.get("state")) }));
	if (!key || !sealed)
		return new Uint8Array(0);
	try {
		return new Uint8Array(await crypto.subtle.decrypt(
			{ name: "AES-GCM", iv: sealed.iv }, key, sealed.data));
	} catch {
		throw { code: "state-damaged", message: "what this browser keeps of the account does not open" };
	}
}

export async function stateWrite(state) {
	if (state.length === 0) {
		await inStore("readwrite", (s) => asked(s.clear()));
		return;
	}
	const known = await inStore("readonly", (s) => asked(s.get("key")));
	const key = known ?? await crypto.subtle.generateKey(
		{ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
	const iv = crypto.getRandomValues(new Uint8Array(12));
	const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, state);
	await inStore("readwrite", async (s) => {
		s.put(key, "key");
		return asked(s.put({ iv, data }, "state"));
	});
}

// As much as a new device needs, and away again.
export async function stateTry() {
	await inStore("readwrite", (s) => asked(s.put(crypto.getRandomValues(new Uint8Array(65536)), "try")));
	await inStore("readwrite", (s) => asked(s.delete("try")));
}
