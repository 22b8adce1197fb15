// SPDX-License-Identifier: ISC
// liar.mjs: a server that lies, and one that writes down what it is given.
//
//     node liar.mjs URL LIE LOG [RECORD]
//
// Forwards all requests to the plain HTTP server at URL and prints its own
// address. The file LIE holds the name of the lie to tell now, and words for
// it; empty: the truth. Each lie that was told adds a line to LOG. RECORD gets
// a line for every blob that is put: its id, its header, its SHA-256.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';

const [SERVER, LIE, LOG, RECORD] = process.argv.slice(2);
const PACK_HEADER = 42; // bytes at the start of a blob
const HEAD = 364; // of a zone that is not shared

const sha256 = (x) => createHash('sha256').update(x).digest();
const hex = (x) => x.toString('hex');
const flipped = (x, at) => {
  const y = Buffer.from(x);
  y[at] ^= 1;
  return y;
};

// ---- the bytes that travel ----

class Scan {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  get more() {
    return this.at < this.bytes.length;
  }
  take(n) {
    if (this.at + n > this.bytes.length) throw new RangeError('cut short');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  u(n) {
    return Number(BigInt(`0x${hex(this.take(n))}`));
  }
}

const u = (n, value) => {
  const x = Buffer.alloc(n);
  if (n === 8) x.writeBigUInt64BE(BigInt(value));
  else x.writeUIntBE(value, 0, n);
  return x;
};
const v8 = (x) => Buffer.concat([u(1, x.length), x]);
const v16 = (x) => Buffer.concat([u(2, x.length), x]);
const listOf = (bytes) => {
  const s = new Scan(bytes);
  const list = [];
  while (s.more) list.push(s.take(s.u(2)));
  return list;
};

const takeChange = (s) => ({
  id: hex(s.take(16)),
  version: s.u(8),
  content: {
    flags: s.u(1),
    epoch: s.u(4),
    refs: s.take(16 * s.u(2)),
    ct: s.take(s.u(4)),
  },
});
const putChange = (c) =>
  Buffer.concat([
    Buffer.from(c.id, 'hex'),
    u(8, c.version),
    u(1, c.content.flags),
    u(4, c.content.epoch),
    u(2, c.content.refs.length / 16),
    c.content.refs,
    u(4, c.content.ct.length),
    c.content.ct,
  ]);
const deleted = (r) => (r.content.flags & 1) !== 0;

const headOf = (raw) => ({
  raw,
  seq: Number(raw.readBigUInt64BE(36)),
  hash: sha256(raw),
});

// The answer to "changes since": { heads, records, end }.
const takeChanges = (bytes) => {
  const s = new Scan(bytes);
  const all = { heads: [], records: [], end: null };
  while (s.more) {
    const kind = s.u(1);
    if (kind === 1) all.heads.push(headOf(s.take(HEAD)));
    else if (kind === 2) all.records.push({ seq: s.u(8), ...takeChange(s) });
    else all.end = { seq: s.u(8), hash: s.take(32) };
  }
  return all;
};
const putChanges = ({ heads, records, end }) =>
  Buffer.concat([
    ...heads.map((h) => Buffer.concat([u(1, 1), h.raw])),
    ...records.map((r) => Buffer.concat([u(1, 2), u(8, r.seq), putChange(r)])),
    u(1, 3),
    u(8, end.seq),
    end.hash,
  ]);

const entryOf = (raw) => ({
  raw,
  uid: hex(raw.subarray(4, 20)),
  seq: raw.readUInt32BE(20),
  remove: raw[64] === 3,
  protection: raw[64] === 11,
});
const envelopeOf = (raw) => ({
  raw,
  circleSecret: raw[1] === 1,
  uid: hex(raw.subarray(2, 18)),
  epoch: raw.readUInt32BE(18),
  receiver: hex(raw.subarray(39, 55)),
});

// ---- what went by ----

const seen = {
  category: {}, // of a zone
  heads: {}, // of a zone, in order
  versions: {}, // of a record, in order
  circles: {}, // entries of an account, in order
  names: {}, // of an account, as it began
  envelopes: [],
  joins: {}, // device and nonce of each
  uids: {}, // whose token it is
  sessions: new Set(), // tokens of sessions
  cards: {}, // the first of each account
};

const seeEntry = (raw) => {
  const e = entryOf(raw);
  (seen.circles[e.uid] ??= [])[e.seq - 1] = e;
};
const seeEnvelopes = (list) => seen.envelopes.push(...list.map(envelopeOf));

const seeCommit = (zone, category, body) => {
  const s = new Scan(body);
  const head = headOf(s.take(HEAD));
  seen.category[zone] = category;
  (seen.heads[zone] ??= [])[head.seq - 1] = head;
  for (let n = s.u(4); n > 0; n--) {
    const c = takeChange(s);
    (seen.versions[zone + c.id] ??= []).push({ seq: head.seq, ...c });
  }
};

const seeCircle = (body) => {
  const s = new Scan(body);
  seeEntry(s.take(s.u(2)));
  s.take(2);
  seeEnvelopes(listOf(s.take(body.length - s.at)));
};

const zeros = Buffer.alloc(32);
const base64url = (text) => Buffer.from(text, 'base64url');
const base64 = (text) => Buffer.from(text, 'base64');

const see = (q, a) => {
  const said = () => JSON.parse(q.body);
  if (a.status > 299) return;
  if (q.is('POST', 'zones/*/commits'))
    seeCommit(q.zone, q.query.get('category'), q.body);
  if (q.is('POST', 'circle')) seeCircle(q.body);
  if (q.is('POST', 'signup/finish')) {
    seeEntry(base64(said().genesis));
    seeEntry(base64(said().named));
    seen.names[said().uid] = said().name;
    seeEnvelopes(said().envelopes.map(base64));
  }
  if (q.is('POST', 'session')) {
    const { token } = JSON.parse(a.body);
    seen.uids[token] = said().uid;
    seen.sessions.add(token);
    begun.add(token);
  }
  if (q.is('GET', 'recover')) {
    const { uid } = JSON.parse(a.body);
    if (uid) seen.uids[q.token] = uid;
  }
  if (q.is('POST', 'factors/prove')) {
    const { token, uid } = JSON.parse(a.body);
    if (uid) {
      seen.uids[token] = uid;
      begun.add(token);
    }
  }
  if (q.is('POST', 'people/cards'))
    for (const x of JSON.parse(a.body).people) seen.cards[x.uid] ??= x.card;
  if (q.is('POST', 'release')) seen.released ??= JSON.parse(a.body).released;
  if (q.is('POST', 'signin/finish')) {
    const { join, token, uid } = JSON.parse(a.body);
    seen.joins[join] = { device: said().device, nonce: said().nonce };
    seen.uids[token] = uid;
    begun.add(token);
  }
};

const record = (q) => {
  if (!RECORD || !q.is('PUT', 'zones/*/blobs/*')) return;
  const header = hex(q.body.subarray(0, PACK_HEADER));
  appendFileSync(RECORD, `${q.blob} ${header} ${hex(sha256(q.body))}\n`);
};

// ---- lies ----

const newest = (list) => list[list.length - 1];
const json = (status, value) => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
});
const failure = (status, code) =>
  json(status, { error: { code, message: code, remedy: '', detail: {} } });
const html = (status) => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<html><body><h1>Welcome</h1></body></html>\n'),
});

// A lie is { before?, after?, ends? }. Both take (question, words, answer),
// and give the answer to be sent, or nothing when there is nothing to lie
// about. `before` keeps the question from the server. `ends`: sessions from
// before the lie are over, so that the client must begin another.
const about = (method, path, change) => ({
  after: (q, words, a) =>
    q.is(method, path) && a.status < 300 ? change(q, words, a) : undefined,
});
const body = (a, bytes) => ({ ...a, body: bytes });
const edited = (a, edit) => {
  const value = JSON.parse(a.body);
  if (edit(value) === false) return undefined;
  return body(a, Buffer.from(JSON.stringify(value)));
};

// Of a zone's changes. The first word is the category; edit gives false when
// these changes do not lend themselves to the lie.
const changes = (edit) =>
  about('GET', 'zones/*/changes', (q, [category, ...words], a) => {
    if (seen.category[q.zone] !== category) return undefined;
    const all = takeChanges(a.body);
    return edit(all, q, words) === false ? undefined : body(a, putChanges(all));
  });
const blob = (edit) =>
  about('GET', 'zones/*/blobs/*', (q, words, a) => body(a, edit(a.body)));
const keyring = (edit) =>
  about('GET', 'keyring', (q, words, a) => {
    const list = listOf(a.body).map(envelopeOf);
    const last = Math.max(...list.map((v) => v.epoch));
    const own = list.find((v) => v.circleSecret && v.epoch === last);
    const other = own && edit(own);
    if (!other) return undefined;
    const told = list.map((v) => v16(v === own ? other : v.raw));
    return body(a, Buffer.concat(told));
  });

const lastRemove = (entries) =>
  newest(entries.filter((e) => e.remove))?.seq ?? Infinity;

// The circle as it is told: the entries `keep` lets through.
const circle = (keep) => ({
  ends: true,
  after: (q, words, a) => {
    const entries = seen.circles[q.uid] ?? [];
    const kept = entries.filter(keep);
    if (kept.length === entries.length || a.status > 299) return undefined;
    if (q.is('GET', 'circle')) {
      const more = kept.filter((e) => e.seq > Number(q.query.get('since')));
      return body(a, Buffer.concat(more.map((e) => v16(e.raw))));
    }
    if (!q.is('POST', 'session')) return undefined;
    return edited(a, (value) => {
      value.circle_seq = newest(kept).seq;
      value.circle_head = hex(sha256(newest(kept).raw));
    });
  },
});

// Somebody else's circle as it is told, of one account when a word names it:
// the list of entries that `edit` makes of it, or nothing.
const person = (edit) => ({
  after: (q, words, a) => {
    if (a.status > 299) return undefined;
    const told = (uid) => {
      if (words.length > 0 && words[0] !== uid) return undefined;
      const list = (seen.circles[uid] ?? []).map((e) => e.raw);
      return list.length > 0 ? edit(list, uid) : undefined;
    };
    const row = (value) => {
      const list = told(value.uid);
      if (!list) return false;
      value.circle_seq = list.length;
      value.circle_head = hex(sha256(newest(list)));
      return true;
    };
    if (q.is('POST', 'people/find')) return edited(a, row);
    if (q.is('POST', 'people/heads'))
      return edited(a, ({ people }) => people.map(row).some(Boolean));
    if (!q.is('GET', 'people/*/circle')) return undefined;
    const list = told(q.path.split('/')[3]);
    const since = Number(q.query.get('since'));
    return list && body(a, Buffer.concat(list.slice(since).map(v16)));
  },
});

// What waits in an inbox, as it is told.
const ITEM = { received: 8, from: 16, flags: 81, wrapped: 102 };
const inbox = (edit) =>
  about('GET', 'inbox', (q, words, a) => {
    const s = new Scan(a.body);
    const list = [];
    while (s.more) list.push(Buffer.from(s.take(s.u(4))));
    const other = list.length > 0 ? edit(list, words) : undefined;
    return (
      other &&
      body(a, Buffer.concat(other.flatMap((x) => [u(4, x.length), x])))
    );
  });
const numberOf = (item) => item.readBigUInt64BE(0);
const written = (item, at, bytes) => {
  const y = Buffer.from(item);
  bytes.copy(y, at);
  return y;
};
const aged = (item) =>
  written(
    item,
    ITEM.received,
    u(8, item.readBigUInt64BE(ITEM.received) - 1200000n),
  );
// What others seal to: the card of each account, by its uid.
const cards = (edit) =>
  about('POST', 'people/cards', (q, words, a) =>
    edited(a, ({ people }) => {
      let told = false;
      for (const x of people) {
        if (x.uid === q.uid) continue;
        const card = edit(x, words);
        if (card === undefined) continue;
        x.card = card;
        told = true;
      }
      return told;
    }),
  );

// Everything after `seq` never happened; old versions are the newest again.
const rollBack = (all, q, seq) => {
  const since = Number(q.query.get('since'));
  const old = Object.entries(seen.versions)
    .filter(([key]) => key.startsWith(q.zone))
    .map(([, list]) => newest(list.filter((r) => r.seq <= seq)))
    .filter((r) => r && r.seq > since);
  all.heads = all.heads.filter((h) => h.seq <= seq);
  all.records = old.sort((x, y) => x.seq - y.seq);
  all.end = { seq, hash: seen.heads[q.zone][seq - 1].hash };
};

// The first record of an answer that had another version before.
const changed = (all, q) => {
  const r = all.records.find((x) => !deleted(x) && x.version > 1);
  const versions = (r && seen.versions[q.zone + r.id]) ?? [];
  const old = versions.find((x) => x.version === r.version - 1);
  return old && !deleted(old) ? [r, old] : [];
};

const lastProtection = (entries) =>
  newest(entries.filter((e) => e.protection))?.seq ?? Infinity;
// An answer's base64 field, with another byte in it.
const altered = (value, field, at) => {
  const x = base64(value[field]);
  value[field] = flipped(x, at < 0 ? x.length + at : at).toString('base64');
};

const forks = {}; // by zone: the head of who was told that it was taken
const forkedCircles = {}; // by account: entries that nobody else gets to see

const lies = {
  'swap-records': changes((all) => {
    const [x, y] = all.records.filter((r) => !deleted(r));
    if (!y) return false;
    [x.content, y.content] = [y.content, x.content];
    return true;
  }),
  'old-record': changes((all, q) => {
    const [r, old] = changed(all, q);
    if (!r) return false;
    Object.assign(r, { version: old.version, content: old.content });
    return true;
  }),
  'relabeled-record': changes((all, q) => {
    const [r, old] = changed(all, q);
    if (!r) return false;
    r.content = old.content;
    return true;
  }),
  'omit-record': changes((all) => {
    const at = all.records.findIndex((r) => !deleted(r));
    if (at < 0) return false;
    all.records.splice(at, 1);
    return true;
  }),
  'cut-changes': about('GET', 'zones/*/changes', (q, words, a) =>
    body(a, a.body.subarray(0, -41)),
  ),
  'hide-commits': changes((all, q, [n]) => {
    const seq = all.end.seq - Number(n);
    return seq < 1 ? false : rollBack(all, q, seq);
  }),
  'swap-heads': changes(({ heads }) => {
    if (heads.length < 2) return false;
    [heads[0], heads[1]] = [heads[1], heads[0]];
    return true;
  }),
  'omit-head': changes(({ heads }) => {
    if (heads.length < 2) return false;
    heads.shift();
    return true;
  }),
  'alter-head': changes(({ heads, end }) => {
    if (heads.length < 1) return false;
    const raw = flipped(newest(heads).raw, 227); // in its time
    heads.splice(-1, 1, headOf(raw));
    end.hash = sha256(raw);
    return true;
  }),
  // As if the zone were shared: room for a share, which nobody signed.
  'claim-share': changes(({ heads, end }) => {
    if (heads.length < 1) return false;
    const { raw } = newest(heads);
    const share = Buffer.concat([u(4, 1), zeros]);
    const told = headOf(
      Buffer.concat([
        ...[Buffer.from('PZH2'), raw.subarray(4, 188)],
        ...[share, raw.subarray(188)],
      ]),
    );
    heads.splice(-1, 1, told);
    end.hash = told.hash;
    return true;
  }),
  'other-end': changes(({ end }) => {
    end.hash = flipped(end.hash, 0);
    return true;
  }),
  // Commits are taken, but into a history that only their maker sees.
  'fork-history': {
    before: (q, [category]) => {
      if (!q.is('POST', 'zones/*/commits')) return undefined;
      if (seen.category[q.zone] !== category) return undefined;
      forks[q.zone] = headOf(q.body.subarray(0, HEAD));
      return json(200, { seq: forks[q.zone].seq });
    },
    after: changes((all, q) => {
      if (!forks[q.zone]) return false;
      all.heads = [];
      all.records = [];
      all.end = forks[q.zone];
      return true;
    }).after,
  },

  'truncate-blob': blob((x) => x.subarray(0, -1)),
  'flip-blob': blob((x) => flipped(x, x.length >> 1)),
  'no-blob': {
    before: (q) =>
      q.is('GET', 'zones/*/blobs/*') ? failure(404, 'not-found') : undefined,
  },

  'key-of-other-account': keyring(
    ({ uid }) =>
      seen.envelopes.find((v) => v.circleSecret && v.uid !== uid)?.raw,
  ),
  'key-of-other-member': keyring((own) => otherMember(own)?.raw),
  'key-relabeled': keyring((own) => {
    const other = otherMember(own);
    if (!other) return undefined;
    const raw = Buffer.from(other.raw);
    raw.write(own.receiver, 39, 'hex');
    return raw;
  }),

  'low-cost': {
    after: (q, words, a) =>
      a.status < 300 && q.method === 'POST' && q.path.endsWith('/start')
        ? edited(a, (value) => {
            if (!value.ksf) return false;
            value.ksf = { memory_kib: 8, passes: 1 };
            return true;
          })
        : undefined,
  },

  'old-circle': circle((e, i, all) => i < all.length - 1),
  'hide-remove': circle((e, i, all) => e.seq < lastRemove(all)),
  'drop-remove': circle((e, i, all) => e.seq !== lastRemove(all)),
  // A bare word, for which a person might give up keys.
  'say-session': {
    ends: true,
    before: (q, [code]) =>
      q.is('POST', 'session') ? failure(401, code) : undefined,
  },
  'other-circle': {
    ends: true,
    ...about('POST', 'session', (q, words, a) =>
      edited(a, (value) => {
        const last = newest(seen.circles[q.uid]).raw;
        value.circle_head = hex(sha256(flipped(last, 60))); // in its time
      }),
    ),
  },
  // One device's entry is taken, and shown to that device alone.
  'fork-circle': {
    before: (q) => {
      if (!q.is('POST', 'circle')) return undefined;
      const s = new Scan(q.body);
      const entry = entryOf(s.take(s.u(2)));
      s.take(2);
      const envelopes = listOf(s.take(q.body.length - s.at)).map(envelopeOf);
      forkedCircles[q.uid] = { entry, envelopes };
      return json(200, { seq: entry.seq });
    },
    after: (q, words, a) => {
      const fork = forkedCircles[q.uid];
      if (!fork) return undefined;
      if (q.is('GET', 'circle'))
        return body(a, Buffer.concat([a.body, v16(fork.entry.raw)]));
      if (!q.is('GET', 'keyring')) return undefined;
      const list = listOf(a.body).map(envelopeOf);
      const { receiver } = list.find((v) => v.circleSecret);
      const mine = fork.envelopes.filter(
        (v) => !v.circleSecret || v.receiver === receiver,
      );
      return body(a, Buffer.concat([a.body, ...mine.map((v) => v16(v.raw))]));
    },
  },
  'flip-circle': about('GET', 'circle', (q, words, a) =>
    a.body.length > 0 ? body(a, flipped(a.body, a.body.length - 1)) : undefined,
  ),
  'foreign-circle': about('GET', 'circle', (q, words, a) => {
    const circles = Object.values(seen.circles);
    const other = circles.find((list) => list[0].uid !== q.uid);
    return other && body(a, Buffer.concat(other.map((e) => v16(e.raw))));
  }),

  // A list of devices that the server made up, under the account's own id.
  'forged-circle': about('GET', 'circle', (q, words, a) =>
    body(a, v16(forgedGenesis(q.uid))),
  ),

  // A contact's list of devices: cut short, another one, and with a device that
  // the server puts behind it.
  'person-older': person((list) => list.slice(0, -1)),
  'person-other': person((list, uid) => madeUp(uid)),
  'person-other-end': person((list) => [
    ...list.slice(0, -1),
    forgedAdd(list[list.length - 2]),
  ]),
  'person-slipped': person((list) => [...list, forgedAdd(newest(list))]),
  'person-anew': person((list, uid) => [
    ...list,
    forgedReset(newest(list), epochOf(uid) + 1),
  ]),
  // In the place of the entry that has begun the newest epoch.
  'person-anew-instead': person((list, uid) => [
    ...list.slice(0, -1),
    forgedReset(list[list.length - 2], epochOf(uid)),
  ]),
  'person-in-time-to-come': person((list, uid) => [
    ...list,
    forgedReset(newest(list), epochOf(uid) + 1, began + 3600000),
  ]),
  // What the server says in place of a list, and what it calls whom.
  'person-error': {
    after: (q, [code], a) => {
      if (a.status > 299) return undefined;
      if (q.is('POST', 'people/heads'))
        return edited(a, ({ people }) => {
          for (const x of people) x.circle_seq += 1;
        });
      return q.is('GET', 'people/*/circle') ? failure(403, code) : undefined;
    },
  },
  'person-named': about('POST', 'people/heads', (q, words, a) =>
    edited(a, ({ people }) => {
      for (let i = 0; i < words.length; i += 2)
        for (const x of people)
          if (x.uid === words[i]) x.name = decodeURIComponent(words[i + 1]);
    }),
  ),
  'person-gone': about('POST', 'people/heads', (q, words, a) =>
    edited(a, (value) => (value.people = [])),
  ),
  'person-swapped': about('POST', 'people/find', (q, [uid], a) =>
    edited(a, (value) => {
      value.uid = uid;
      const last = newest(seen.circles[uid] ?? []);
      if (last) {
        value.circle_seq = last.seq;
        value.circle_head = hex(sha256(last.raw));
      }
    }),
  ),
  'server-older': about('GET', 'server', (q, words, a) =>
    edited(a, (value) => delete value.names),
  ),
  'person-half': about('GET', 'people/*/circle', (q, words, a) =>
    body(a, a.body.subarray(0, a.body.length - 9)),
  ),

  // Letters: one held back, changed, moved, from another, twice, in another
  // order, cut short; and what is told of the time that they came at.
  'letter-dropped': inbox((list, [number]) =>
    list.filter((x) => numberOf(x) !== BigInt(number)).map(aged),
  ),
  'letter-changed': inbox((list) => [
    ...list.slice(0, -1),
    flipped(newest(list), newest(list).length - 1),
  ]),
  'letter-moved': inbox((list) =>
    list.length < 2
      ? undefined
      : [
          ...list.slice(0, -1),
          written(
            newest(list),
            ITEM.wrapped,
            list[0].subarray(ITEM.wrapped, ITEM.wrapped + 48),
          ),
        ],
  ),
  'letter-from': inbox((list, [uid]) => [
    ...list.slice(0, -1),
    written(newest(list), ITEM.from, Buffer.from(uid, 'hex')),
  ]),
  'letter-again': inbox((list) => [
    ...list,
    written(newest(list), 0, u(8, numberOf(newest(list)) + 1n)),
  ]),
  'letter-order': inbox((list) =>
    list.length < 2 ? undefined : list.toReversed(),
  ),
  'letter-half': about('GET', 'inbox', (q, words, a) =>
    a.body.length > 0 ? body(a, a.body.subarray(0, -7)) : undefined,
  ),
  'letter-asks': inbox((list) => [
    ...list.slice(0, -1),
    written(newest(list), ITEM.flags, u(1, newest(list)[ITEM.flags] ^ 2)),
  ]),

  // The key that others seal to: with another byte, of before a removal, of
  // the sender's own account, none.
  'card-other': cards(({ card }) =>
    flipped(Buffer.from(card, 'base64'), 60).toString('base64'),
  ),
  'card-old': cards(({ uid }) => seen.cards[uid]),
  'card-swapped': cards((x, [uid]) => seen.cards[uid]),
  'card-none': cards(() => ''),

  // The protection level, as the account's devices never set it.
  'hide-protection': circle((e, i, all) => e.seq < lastProtection(all)),
  'drop-protection': circle((e, i, all) => e.seq !== lastProtection(all)),
  'forged-protection': {
    ends: true,
    after: (q, words, a) => {
      const entries = seen.circles[q.uid] ?? [];
      if (entries.length === 0 || a.status > 299) return undefined;
      const forged = forgedProtection(newest(entries).raw);
      if (q.is('GET', 'circle'))
        return body(a, Buffer.concat([a.body, v16(forged)]));
      if (!q.is('POST', 'session')) return undefined;
      return edited(a, (value) => {
        value.circle_seq = newest(entries).seq + 1;
        value.circle_head = hex(sha256(forged));
      });
    },
  },

  // The escrow: another one, what it never gave, what it never wrote.
  'foreign-escrow': {
    after: (q, words, a) =>
      a.status < 300 &&
      (q.is('POST', 'signup/start') || q.is('POST', 'protection/escrow'))
        ? edited(a, (value) => {
            if (!value.escrow) return false;
            const uid = q.uid ?? value.uid;
            value.escrow = forgedEscrow(uid).toString('base64');
            return true;
          })
        : undefined,
  },
  'altered-release': about('POST', 'release', (q, words, a) =>
    edited(a, (value) => altered(value, 'released', -1)),
  ),
  'old-release': about('POST', 'release', (q, words, a) =>
    edited(a, (value) => {
      if (!seen.released || seen.released === value.released) return false;
      value.released = seen.released;
      return true;
    }),
  ),
  'short-journal': about('GET', 'escrow/journal', (q, words, a) =>
    edited(a, ({ lines }) => lines.length > 0 && Boolean(lines.pop())),
  ),
  'altered-journal': about('GET', 'escrow/journal', (q, words, a) =>
    edited(a, ({ lines }) => {
      if (lines.length === 0) return false;
      altered(lines, lines.length - 1, -70); // in its detail
      return true;
    }),
  ),

  // Recovery keys that would open nothing, or another's.
  'no-recovery-envelope': about('GET', 'recovery', (q, words, a) =>
    edited(a, ({ keys }) => {
      if (!keys[0]?.envelope) return false;
      delete keys[0].envelope;
      return true;
    }),
  ),
  'altered-recovery-envelope': about('GET', 'recovery', (q, words, a) =>
    edited(a, ({ keys }) => {
      if (!keys[0]?.envelope) return false;
      altered(keys[0], 'envelope', -1);
      return true;
    }),
  ),
  'altered-recovery-pin': {
    after: (q, words, a) =>
      a.status < 300 && q.is('GET', 'recover')
        ? edited(a, (value) => {
            if (!value.birth_pin) return false;
            altered(value, 'birth_pin', 0);
            return true;
          })
        : undefined,
  },

  'redirect-join': about('GET', 'joins', (q, words, a) =>
    edited(a, ({ joins }) => {
      const other = Object.keys(seen.joins).find((j) => j !== joins[0]?.join);
      if (!joins[0] || !other) return false;
      Object.assign(joins[0], seen.joins[other]);
      return true;
    }),
  ),

  html: { before: (q, [status]) => html(Number(status)) },
  empty: {
    before: () => ({ status: 200, headers: {}, body: Buffer.alloc(0) }),
  },

  // The blob is stored, but who put it never hears of it.
  'lose-answer': {
    after: (q) => {
      if (!q.is('PUT', 'zones/*/blobs/*') || lost.has(q.blob)) return undefined;
      lost.add(q.blob);
      return 'break';
    },
  },
  'hold-answer': about('PUT', 'zones/*/blobs/*', () => 'hold'),
  // What changed something is done, but who asked does not hear of it: the
  // first answer of each act is lost; every answer of "METHOD PATH" is; it is
  // held until the lie changes, and lost then.
  'lose-answers': {
    after: (q) => {
      if (q.method === 'GET' || lost.has(q.act)) return undefined;
      lost.add(q.act);
      return 'break';
    },
  },
  'lose-all': {
    after: (q, [method, path]) => (q.is(method, path) ? 'break' : undefined),
  },
  'hold-all': {
    after: (q, [method, path]) => (q.is(method, path) ? 'held' : undefined),
  },
  // The same of an entry of the circle; and a question that never arrives.
  'lose-entry-answer': about('POST', 'circle', () => 'break'),
  'hold-entry-answer': about('POST', 'circle', () => 'hold'),
  'lose-entry': {
    before: (q) => (q.is('POST', 'circle') ? 'break' : undefined),
  },
  'hold-commit': {
    before: (q) => (q.is('POST', 'zones/*/commits') ? 'hold' : undefined),
  },
  'lose-commit': {
    before: (q) => (q.is('POST', 'zones/*/commits') ? 'break' : undefined),
  },
};
const lost = new Set();

// Not lies, but counted as such: "pause METHOD WHAT FROM [TO]" lets those
// questions about WHAT (blobs, commits, or the category of a commit) wait
// until the lie changes; "watch METHOD WHAT" only counts them.
let matched = 0; // since the lie began
const pauses = (name, q, [method, what, from, to = from]) => {
  const about = [...q.path.split('/'), q.query.get('category')];
  if (q.method !== method || !about.includes(what)) return false;
  matched += 1;
  appendFileSync(LOG, `${name} ${matched} ${q.method} ${q.url}\n`);
  return name === 'pause' && matched >= Number(from) && matched <= Number(to);
};
const pauseEnds = async () => {
  const before = text;
  while (readFileSync(LIE, 'utf8').trim() === before)
    await new Promise((resolve) => setTimeout(resolve, 20));
};

// A device of the server's own making.
const slipped = Buffer.alloc(16, 7);
const slippedKeys = generateKeyPairSync('ed25519');
const slippedDevice = () => [
  ...[slipped, u(1, 1)],
  base64url(slippedKeys.publicKey.export({ format: 'jwk' }).x),
  ...[v16(Buffer.alloc(32, 9)), zeros, u(1, 2)],
];

// The entry after `last`, by the devices that are named and with its key.
function forgedEntry(last, type, content, signers, time = Date.now()) {
  const signed = Buffer.concat([
    Buffer.from('PCL1'),
    Buffer.from(entryOf(last).uid, 'hex'),
    ...[u(4, entryOf(last).seq + 1), sha256(last), u(8, time)],
    ...[u(1, type), u(8, 0), zeros],
    v16(Buffer.concat(content)),
  ]);
  const label = Buffer.from('aumbry circle v1\0');
  const text = Buffer.concat([label, signed]);
  const sig = sign(null, text, slippedKeys.privateKey);
  const sigs = signers.map((id) => Buffer.concat([u(1, 1), id, sig]));
  return Buffer.concat([signed, u(1, sigs.length), ...sigs]);
}

// Let in by who signed `last`, as the server says.
function forgedAdd(last) {
  const by = last.subarray(last.length - 80, last.length - 64);
  return forgedEntry(last, 2, slippedDevice(), [by, slipped]);
}

// One and the same, whoever asks.
const accounts = {};
function madeUp(uid) {
  if (!accounts[uid]) {
    const first = forgedGenesis(uid);
    const name = v8(Buffer.from(`${seen.names[uid]}@localhost`));
    const claim = [name, u(1, 1)];
    accounts[uid] = [first, forgedEntry(first, 10, claim, [slipped])];
  }
  return accounts[uid];
}
const resets = {};
function forgedReset(last, epoch, time) {
  return (resets[`${hex(last)} ${time}`] ??= madeReset(last, epoch, time));
}
function madeReset(last, epoch, time) {
  const content = [...slippedDevice(), Buffer.alloc(16, 8), u(4, epoch), zeros];
  return forgedEntry(last, 6, content, [slipped], time);
}

function epochOf(uid) {
  const mine = seen.envelopes.filter((v) => v.uid === uid);
  return Math.max(...mine.map((v) => v.epoch));
}

function forgedGenesis(uid) {
  const content = Buffer.concat([
    ...slippedDevice(),
    ...[u(1, 0), u(1, 0)], // no recovery keys
    ...[u(1, 1), u(2, 0)], // policy
    u(1, 2),
    Buffer.alloc(16, 8),
    ...[u(4, 1), zeros],
  ]);
  const signed = Buffer.concat([
    Buffer.from('PCL1'),
    Buffer.from(uid, 'hex'),
    ...[u(4, 1), zeros, u(8, Date.now()), u(1, 1), u(8, 0), zeros],
    v16(content),
  ]);
  const label = Buffer.from('aumbry circle v1\0');
  const text = Buffer.concat([label, signed]);
  const sig = sign(null, text, slippedKeys.privateKey);
  return Buffer.concat([signed, u(1, 1), u(1, 1), slipped, sig]);
}

// An escrow of the server's own making, for any account.
function forgedEscrow(uid) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const kem = Buffer.alloc(32, 9);
  const label = Buffer.from('aumbry escrow account v1\0');
  const signed = Buffer.concat([label, Buffer.from(uid, 'hex'), kem]);
  return Buffer.concat([
    base64url(publicKey.export({ format: 'jwk' }).x),
    kem,
    sign(null, signed, privateKey),
  ]);
}

// Standard protection, set in the name of the device that made `last`.
function forgedProtection(last) {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { uid, seq } = entryOf(last);
  const signer = last.subarray(last.length - 80, last.length - 64);
  const content = Buffer.concat([
    ...[u(4, 2), u(1, 1), u(1, 1)], // the second change of it
    forgedEscrow(uid),
  ]);
  const signed = Buffer.concat([
    Buffer.from('PCL1'),
    Buffer.from(uid, 'hex'),
    ...[u(4, seq + 1), sha256(last), u(8, Date.now())],
    ...[u(1, 11), u(8, 0), zeros],
    v16(content),
  ]);
  const label = Buffer.from('aumbry circle v1\0');
  const sig = sign(null, Buffer.concat([label, signed]), privateKey);
  return Buffer.concat([signed, u(1, 1), u(1, 1), signer, sig]);
}

function otherMember(own) {
  return seen.envelopes.find(
    (v) =>
      v.circleSecret &&
      v.uid === own.uid &&
      v.epoch === own.epoch &&
      v.receiver !== own.receiver,
  );
}

// ---- serving ----

class Question {
  constructor(request, bytes) {
    const url = new URL(request.url, SERVER);
    this.method = request.method;
    this.url = request.url;
    this.path = url.pathname;
    this.query = url.searchParams;
    this.headers = request.headers;
    this.body = bytes;
    const [, , kind, zone, , id] = this.path.split('/');
    if (kind === 'zones') [this.zone, this.blob] = [zone, id];
    this.token = request.headers.authorization?.slice('Bearer '.length);
  }
  is(method, path) {
    const pattern = new RegExp(`^/v1/${path.replaceAll('*', '[0-9a-f]{32}')}$`);
    return this.method === method && pattern.test(this.path);
  }
  // Tries of the same have the same.
  get act() {
    const key = this.headers['idempotency-key'];
    return key ?? `${this.method} ${this.url} ${hex(sha256(this.body))}`;
  }
  get uid() {
    if (this.is('POST', 'session')) return JSON.parse(this.body).uid;
    return seen.uids[this.token];
  }
}

const collect = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
};

// The server counts what goes wrong by address; each lie begins at a new one.
let localAddress = '127.0.0.1';
let addresses = 1;

const agent = new http.Agent({ keepAlive: true });
const forward = (q) =>
  new Promise((resolve, reject) => {
    const headers = { ...q.headers, 'content-length': q.body.length };
    const options = { method: q.method, headers, agent, localAddress };
    const request = http.request(new URL(q.url, SERVER), options);
    request.on('error', reject);
    request.on('response', async (response) => {
      const headers = { ...response.headers };
      for (const hop of ['content-length', 'transfer-encoding', 'connection'])
        delete headers[hop];
      const status = response.statusCode;
      try {
        resolve({ status, headers, body: await collect(response) });
      } catch (e) {
        reject(e);
      }
    });
    request.end(q.body);
  });

let text = ''; // the lie as it stands in the file
let began = Date.now(); // that one
let begun = new Set(); // tokens from after the lie began

const answer = async (q) => {
  const now = readFileSync(LIE, 'utf8').trim();
  if (now !== text) {
    [text, begun, began] = [now, new Set(), Date.now()];
    matched = 0;
    addresses += 1;
    localAddress = `127.0.${addresses >> 8}.${addresses & 255}`;
  }
  const [first, ...rest] = text.split(' ');
  const [name, ...words] = first === 'new' ? rest : [first, ...rest];
  const lie = name === '' ? {} : lies[name];
  const told = (a) => {
    if (a) appendFileSync(LOG, `${name} ${q.method} ${q.url}\n`);
    return a;
  };
  record(q);
  if (name === 'pause' || name === 'watch') {
    if (pauses(name, q, words)) await pauseEnds();
    const truth = await forward(q);
    see(q, truth);
    return truth;
  }
  if (!lie) throw new Error(`there is no lie ${name}`);
  const old = seen.sessions.has(q.token) && !begun.has(q.token);
  if (lie.ends && first !== 'new' && old)
    return failure(401, 'session-expired');
  const spared = first === 'new' && q.token && !begun.has(q.token);
  const instead = spared ? undefined : told(lie.before?.(q, words));
  if (instead) return instead;
  const truth = await forward(q);
  see(q, truth);
  return (spared ? undefined : told(lie.after?.(q, words, truth))) ?? truth;
};

const server = http.createServer(async (request, response) => {
  try {
    const a = await answer(new Question(request, await collect(request)));
    if (a === 'held') await pauseEnds();
    if (a === 'break' || a === 'held') request.socket.destroy();
    if (typeof a === 'string') return;
    const length = { 'content-length': a.body.length };
    response.writeHead(a.status, { ...a.headers, ...length });
    response.end(a.body);
  } catch (e) {
    const what = `${request.method} ${request.url}`;
    process.stderr.write(`liar: ${what}: ${e.message}\n`);
    request.socket.destroy();
  }
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
