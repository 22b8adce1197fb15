// SPDX-License-Identifier: ISC
// message_peers.mjs: what Signal's library takes for the same as `letters … seal`:
// a text of 200 bytes to 1, 20 and 64 devices that have a session, and opening
// one. Prints "seal N us" and "open 1 us". NODE_PATH's folder has the library.
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const s = createRequire(`${process.argv[2]}/`)("@signalapp/libsignal-client");
const TIMES = Number(process.argv[3] ?? 100);

class Sessions extends s.SessionStore {
	all = new Map();
	async saveSession(at, record) { this.all.set(at.toString(), record); }
	async getSession(at) { return this.all.get(at.toString()) ?? null; }
	async getExistingSessions(list) { return list.map((at) => this.all.get(at.toString())); }
}
class Identities extends s.IdentityKeyStore {
	pair = s.IdentityKeyPair.generate();
	known = new Map();
	async getIdentityKey() { return this.pair.privateKey; }
	async getLocalRegistrationId() { return 1; }
	async saveIdentity(at, key) { this.known.set(at.toString(), key); return 0; }
	async isTrustedIdentity() { return true; }
	async getIdentity(at) { return this.known.get(at.toString()) ?? null; }
}
const keep = (base, name) => class extends base {
	all = new Map();
	async [`save${name}`](id, record) { this.all.set(id, record); }
	async [`get${name}`](id) { return this.all.get(id); }
	async removePreKey(id) { this.all.delete(id); }
	async markKyberPreKeyUsed() {}
};
const PreKeys = keep(s.PreKeyStore, "PreKey");
const Signed = keep(s.SignedPreKeyStore, "SignedPreKey");
const Kyber = keep(s.KyberPreKeyStore, "KyberPreKey");

const device = (n) => ({ at: s.ProtocolAddress.new("9d0652a3-dcc3-4d11-975f-74d61598733f", n),
	sessions: new Sessions(), ids: new Identities(), pre: new PreKeys(), signed: new Signed(), kyber: new Kyber() });

// What a server hands out of a device.
async function bundle(d) {
	const one = s.PrivateKey.generate(), two = s.PrivateKey.generate(), kem = s.KEMKeyPair.generate();
	const sign = (key) => d.ids.pair.privateKey.sign(key.serialize());
	const now = Date.now();
	await d.pre.savePreKey(1, s.PreKeyRecord.new(1, one.getPublicKey(), one));
	await d.signed.saveSignedPreKey(1, s.SignedPreKeyRecord.new(1, now, two.getPublicKey(), two, sign(two.getPublicKey())));
	await d.kyber.saveKyberPreKey(1, s.KyberPreKeyRecord.new(1, now, kem, sign(kem.getPublicKey())));
	return s.PreKeyBundle.new(1, d.at.deviceId(), 1, one.getPublicKey(), 1, two.getPublicKey(), sign(two.getPublicKey()),
		d.ids.pair.publicKey, 1, kem.getPublicKey(), sign(kem.getPublicKey()));
}
const seal = (from, to, text) => s.signalEncrypt(text, to.at, from.at, from.sessions, from.ids);
const open = (at, from, m) => m.type() === s.CiphertextMessageType.PreKey ?
	s.signalDecryptPreKey(s.PreKeySignalMessage.deserialize(m.serialize()), from.at, at.at, at.sessions, at.ids, at.pre,
		at.signed, at.kyber) :
	s.signalDecrypt(s.SignalMessage.deserialize(m.serialize()), from.at, at.at, at.sessions, at.ids);

const text = Buffer.alloc(200, "a");
const me = device(1);
const others = [];
for (let n = 2; n < 66; n++) {
	const d = device(n);
	await s.processPreKeyBundle(await bundle(d), d.at, me.at, me.sessions, me.ids);
	await open(d, me, await seal(me, d, text));
	await open(me, d, await seal(d, me, text));
	others.push(d);
}
const median = (list) => Math.round(list.sort((a, b) => a - b)[list.length >> 1] * 1000);
for (const n of [1, 20, 64]) {
	const took = [];
	for (let i = 0; i < TIMES; i++) {
		const began = performance.now();
		for (const d of others.slice(0, n))
			await seal(me, d, text);
		took.push(performance.now() - began);
	}
	console.log(`seal ${n} ${median(took)}`);
}
const took = [];
for (let i = 0; i < TIMES; i++) {
	const m = await seal(me, others[0], text);
	const began = performance.now();
	await open(others[0], me, m);
	took.push(performance.now() - began);
}
console.log(`open 1 ${median(took)}`);
