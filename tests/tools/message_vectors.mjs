// SPDX-License-Identifier: ISC
// message_vectors.mjs FILE CASE: letters and all around them, read a second time.
//
// FILE is tests/vectors/messages.json or another that test_message_vectors has
// written. Written from the comments in src/wire/letter.h, packet.h, person.h,
// src/vault/inbox.h, keyring.h and src/mail/page.h, over node's own crypto; it
// shares no line with ours. Exits 0 when the case holds.
import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { readFileSync } from 'node:fs';

// ---- bytes ----

const hex = (b) => Buffer.from(b).toString('hex');
const bytes = (text) => {
  assert.match(text, /^([0-9a-f]{2})*$/);
  return Buffer.from(text, 'hex');
};
const zeros = (n) => Buffer.alloc(n);
const number = (width) => (v) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64BE(BigInt(v));
  assert(b.subarray(0, 8 - width).every((x) => x === 0));
  return b.subarray(8 - width);
};
const u8 = number(1), u16 = number(2), u32 = number(4), u64 = number(8);
const sized = (u) => (b) => Buffer.concat([u(b.length), Buffer.from(b)]);
const v8 = sized(u8), v16 = sized(u16), v32 = sized(u32);
const varint = (v) => {
  const out = [];
  for (; v >= 128; v = Math.floor(v / 128))
    out.push(v % 128 + 128);
  return Buffer.from([...out, v]);
};
const join = (...parts) => Buffer.concat(parts.map((p) => Buffer.from(p)));

class Reader {
  constructor(b) {
    this.b = b;
    this.at = 0;
  }

  take(n) {
    assert(this.at + n <= this.b.length, 'cut short');
    this.at += n;
    return this.b.subarray(this.at - n, this.at);
  }

  number(width) {
    return Number(BigInt(`0x${hex(this.take(width))}`));
  }

  sized(width) {
    return this.take(this.number(width));
  }

  end() {
    assert.equal(this.at, this.b.length, 'bytes behind');
  }
}

// ---- keys ----

const short = (b) => sha256(b).subarray(0, 16);
const sha256 = (b) => crypto.createHash('sha256').update(b).digest();

function signed(label, message, signature, pk) {
  const key = crypto.createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: pk.toString('base64url') },
    format: 'jwk',
  });
  assert(crypto.verify(null, join(`${label}\0`, message), key, signature),
    `${label}: a wrong signature`);
}

const hkdf = (ikm, label, context = '') => Buffer.from(crypto.hkdfSync(
  'sha256', ikm, '', join(`${label}\0`, context), 32));

// RFC 8410: a private key is these bytes and 32 more.
const x25519 = (secret) => crypto.createPrivateKey({
  key: join(bytes('302e020100300506032b656e04220420'), secret),
  format: 'der',
  type: 'pkcs8',
});
const x25519pk = (secret) => Buffer.from(
  crypto.createPublicKey(x25519(secret)).export({ format: 'jwk' }).x, 'base64url');
const exchange = (secret, pk) => crypto.diffieHellman({
  privateKey: x25519(secret),
  publicKey: crypto.createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: pk.toString('base64url') },
    format: 'jwk',
  }),
});

function open(key, nonce, ad, box) {
  const d = crypto.createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  d.setAAD(ad);
  d.setAuthTag(box.subarray(-16));
  return join(d.update(box.subarray(0, -16)), d.final());
}

// HChaCha20 (draft-irtf-cfrg-xchacha, 2.2): the rounds, without the last sum.
function hchacha(key, nonce) {
  const s = new Uint32Array(16);
  [...'expand 32-byte k'.matchAll(/..../g)].forEach(([w], i) => {
    s[i] = Buffer.from(w).readUInt32LE();
  });
  for (let i = 0; i < 8; i++)
    s[4 + i] = key.readUInt32LE(4 * i);
  for (let i = 0; i < 4; i++)
    s[12 + i] = nonce.readUInt32LE(4 * i);
  const turn = (a, b, c, d) => {
    for (const [x, y, z, by] of [[a, b, d, 16], [c, d, b, 12], [a, b, d, 8], [c, d, b, 7]]) {
      s[x] += s[y];
      const v = s[z] ^ s[x];
      s[z] = v << by | v >>> 32 - by;
    }
  };
  for (let i = 0; i < 10; i++) {
    for (let c = 0; c < 4; c++)
      turn(c, 4 + c, 8 + c, 12 + c);
    for (let c = 0; c < 4; c++)
      turn(c, 4 + (c + 1) % 4, 8 + (c + 2) % 4, 12 + (c + 3) % 4);
  }
  const out = zeros(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((w, i) => out.writeUInt32LE(s[w], 4 * i));
  return out;
}

const openSealed = (key, ad, sealed) => open(hchacha(key, sealed.subarray(0, 16)),
  join(zeros(4), sealed.subarray(16, 24)), ad, sealed.subarray(24));

const inboxKey = (account) => hkdf(bytes(account.messages_key), 'inbox');

// ---- accounts ----

// The key that others seal to, and the card that shows it.
function accounts(v) {
  assert.equal(v.accounts.length, 2);
  for (const a of v.accounts) {
    assert.match(a.address, /^[a-z]+@/);
    assert.equal(a.address.split('@')[1], a.host);
    assert.equal(hex(x25519pk(inboxKey(a))), a.inbox_pk);
    const r = new Reader(bytes(a.card));
    assert.equal(r.number(1), 1);
    assert.equal(r.number(1), 10);
    assert.equal(hex(r.take(16)), a.uid);
    assert.equal(r.number(4), a.epoch);
    assert.equal(r.number(1), 7);
    assert.equal(hex(r.take(16)), a.dev_id);
    assert.deepEqual(r.take(16), zeros(16));
    assert.deepEqual(r.sized(2), join(u8(1), bytes(a.inbox_pk)));
    const covered = r.b.subarray(0, r.at);
    signed('aumbry envelope v1', covered, r.take(64), bytes(a.sign_pk));
    r.end();
  }
}

function claim({ claim: c, accounts: [, ben] }) {
  assert.equal(c.address, ben.address);
  assert.equal(c.uid, ben.uid);
  assert(c.seq > 0);
  const made = join(v8(Buffer.from(c.address)), bytes(c.uid), bytes(c.root), u32(c.seq),
    bytes(c.head), v8(''), u64(0), zeros(32));
  assert.equal(hex(made), c.bytes);
  assert.equal(bytes(c.root).length, 32);
  assert.equal(bytes(c.head).length, 32);
}

// ---- letters ----

const party = (a) => join(bytes(a.uid), v8(Buffer.from(a.host)));
function conversationOf(a, b) {
  const both = [party(a), party(b)].sort(Buffer.compare);
  return short(join('aumbry conversation v1', ...both));
}

function body(l) {
  const text = join(v16(Buffer.from(l.text, 'utf8')), u8(0));
  const of = bytes(l.of);
  switch (l.kind) {
  case 1:
    assert.deepEqual(of, zeros(16));
    return text;
  case 2:
    return join(of, text);
  case 3:
    assert.equal(l.text, '');
    return of;
  default:
    assert.fail(`a letter of kind ${l.kind}`);
  }
}

function letters(v) {
  const [ana, ben] = v.accounts;
  const kinds = v.letters.map((l) => l.kind);
  assert.deepEqual(kinds, [1, 2, 3]);
  v.letters.forEach((l, i) => {
    assert.equal(l.conv, hex(conversationOf(ana, ben)));
    assert.equal(l.conv, hex(conversationOf(ben, ana)));
    assert.equal(l.author, ana.uid);
    assert.equal(l.dev_id, ana.dev_id);
    assert.equal(l.clock, 1 + Math.max(0, ...v.letters.slice(0, i).map((x) => x.clock)));
    assert.deepEqual(l.marks, v.letters.slice(0, i).map((x) => x.mark).reverse());
    if (l.kind !== 1)
      assert.equal(l.of, v.letters[0].id);
    const covered = join('PML1', u8(l.kind), bytes(l.conv), bytes(l.id), bytes(l.author),
      bytes(l.dev_id), u32(l.circle_seq), u64(l.time_ms), u64(l.clock), u64(0), zeros(32),
      u32(0), zeros(32), u8(l.marks.length), ...l.marks.map(bytes), v32(body(l)));
    const all = bytes(l.bytes);
    assert.equal(hex(all.subarray(0, -64)), hex(covered));
    signed('aumbry letter v1', covered, all.subarray(-64), bytes(ana.sign_pk));
    assert.equal(hex(short(all)), l.mark);
  });
}

// ---- packets ----

const takeSlot = (r) => ({ uid: r.take(16), epoch: r.number(4), wrapped: r.take(48) });

function takePacket(b) {
  const r = new Reader(b);
  assert.equal(r.take(4).toString(), 'PMP1');
  assert.equal(r.number(1), 1);
  const p = { id: r.take(16), eph: r.take(32), flags: r.number(1) };
  p.slots = Array.from({ length: r.number(2) }, () => takeSlot(r));
  assert.equal(r.number(1), 0);
  p.sealed = r.sized(4);
  r.end();
  return p;
}

// 256, or a power of two and some of the 32 steps to the next.
function isLength(n) {
  let power = 256;
  while (power * 2 <= n)
    power *= 2;
  return n >= 256 && (n - power) % (power / 32) === 0;
}

// What an account reads of a packet or an item.
function letterFor(account, p, slot) {
  const secret = inboxKey(account), pk = x25519pk(secret);
  const wrap = hkdf(join(exchange(secret, p.eph), p.eph, pk), 'message wrap');
  const mk = open(wrap, zeros(12),
    join('aumbry slot v1\0', p.id, slot.uid, u32(slot.epoch)), slot.wrapped);
  assert.equal(mk.length, 32);
  const plain = openSealed(hkdf(mk, 'message box', p.id),
    join('aumbry message v1\0', u8(1), u8(p.flags), p.id, p.eph), p.sealed);
  assert(isLength(plain.length), `padded to ${plain.length}`);
  const r = new Reader(plain);
  const letter = r.sized(4);
  assert.deepEqual(r.take(plain.length - r.at), zeros(plain.length - 4 - letter.length));
  return letter;
}

function packet(v) {
  const p = takePacket(bytes(v.packet.bytes));
  assert.equal(hex(p.id), v.packet.id);
  assert.equal(hex(p.eph), v.packet.eph_pk);
  assert.equal(p.flags, v.packet.flags);
  assert.equal(p.slots.length, v.accounts.length);
  v.accounts.forEach((a, i) => {
    assert.equal(hex(p.slots[i].uid), a.uid);
    assert.equal(p.slots[i].epoch, a.epoch);
    assert.equal(hex(letterFor(a, p, p.slots[i])), v.letters[v.packet.letter].bytes);
    // It opens for nobody else.
    const other = v.accounts[1 - i];
    assert.throws(() => letterFor(other, p, p.slots[i]));
  });
}

function item(v) {
  const x = v.item, all = bytes(x.bytes);
  const p = takePacket(bytes(v.packet.bytes));
  const r = new Reader(all);
  assert.equal(r.number(8), x.number);
  assert.equal(r.number(8), x.received_ms);
  assert.equal(hex(r.take(16)), x.from);
  assert.equal(x.from, v.accounts[0].uid);
  assert.equal(r.number(1), 1);
  const got = { id: r.take(16), eph: r.take(32), flags: r.number(1) };
  const slot = takeSlot(r);
  assert.equal(r.number(1), 0);
  got.sealed = r.sized(4);
  r.end();
  got.slots = p.slots;
  assert.deepEqual(got, p);
  assert.deepEqual(slot, p.slots[x.slot]);
  assert.equal(hex(letterFor(v.accounts[x.slot], got, slot)), v.letters[v.packet.letter].bytes);
  // Kept until it can be opened.
  assert.equal(hex(short(join('aumbry messages v1 raw\0', short(all.subarray(16))))), x.raw_id);
  assert.equal(hex(join(u8(43), u8(1), v32(all))), x.raw);
}

// ---- records ----

function page({ page: x, letters: list }) {
  const gone = list[2].id + list[2].mark;
  assert.deepEqual(x.entries.map((e) => e.letter), [list[0].bytes, list[1].bytes, gone]);
  assert.deepEqual(x.entries.map((e) => e.flags), [0, 3, 4]);
  const entries = join(...x.entries.map((e) =>
    join(u64(e.received_ms), u8(e.flags), v32(bytes(e.letter)))));
  assert.equal(hex(join(u8(40), u8(1), u8(0), varint(entries.length), entries)), x.bytes);
}

function conversation({ conversation: x, letters: list }) {
  assert.equal(x.conv, list[0].conv);
  assert.equal(hex(short(join('aumbry messages v1 conversation\0', bytes(x.conv)))), x.id);
  assert.equal(hex(join(u8(41), u8(1), bytes(x.conv), u8(1), v32(''), u64(x.read_ms),
    u64(x.muted_until_ms), u64(0))), x.bytes);
}

// ---- the judge judges ----

const cases = { accounts, claim, letters, packet, item, page, conversation };

// Every place of a tree where no other tree stands.
const leaves = (x, path = []) => typeof x === 'object'
  ? Object.keys(x).flatMap((k) => leaves(x[k], [...path, k])) : [path];

function other(leaf) {
  if (typeof leaf === 'number')
    return leaf + 1;
  const last = parseInt(leaf.slice(-1), 16);
  return /^([0-9a-f]{2})+$/.test(leaf)
    ? leaf.slice(0, -1) + (last ^ 1).toString(16) : `${leaf}x`;
}

// No value can be another one without that a case fails.
function changed(v) {
  const paths = leaves(v);
  assert(paths.length > 60);
  for (const path of paths) {
    const twisted = structuredClone(v);
    const at = path.slice(0, -1).reduce((x, k) => x[k], twisted);
    at[path.at(-1)] = other(at[path.at(-1)]);
    assert(Object.values(cases).some((judge) => {
      try {
        judge(twisted);
        return false;
      } catch {
        return true;
      }
    }), `${path.join('.')}: nobody looks at it`);
  }
}

const [file, name] = process.argv.slice(2);
const judge = { ...cases, changed }[name];
assert(judge !== undefined, `there is no case ${name}`);
judge(JSON.parse(readFileSync(file, 'utf8')));
