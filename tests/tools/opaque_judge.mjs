// SPDX-License-Identifier: ISC
// opaque_judge.mjs PEER CASE: our OPAQUE against another implementation's.
//
// PEER is the program of opaque_peer.c. @serenity-kit/opaque wraps opaque-ke,
// which shares no line with ours. Exits 0 when the case holds.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ready, client, server } from '@serenity-kit/opaque';

// libsodium has one lane only; 64 MiB and 3 passes are our floor.
const keyStretching = {
  'argon2id-custom': { iterations: 3, memory: 65536, parallelism: 1 },
};
const PASSWORD = 'correct horse battery staple, größer';
const WRONG = 'correct horse battery staple, grösser';
const NAME = 'sixteen byte uid';
const REFUSED = 'wrong-password-or-name';

const hex = (base64url) => Buffer.from(base64url, 'base64url').toString('hex');
const b64 = (hexText) => Buffer.from(hexText, 'hex').toString('base64url');
const text = (s) => Buffer.from(s, 'utf8').toString('hex');

class Peer {
  constructor(program) {
    this.child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[
      Symbol.asyncIterator
    ]();
  }

  // The words of the answer, or { refused: code }.
  async ask(...words) {
    this.child.stdin.write(`${words.join(' ')}\n`);
    const { value, done } = await this.lines.next();
    assert(!done, `${words[0]}: the peer has ended`);
    const [status, ...rest] = value.split(' ');
    return status === 'ok' ? rest : { refused: rest[0] };
  }

  end() {
    this.child.stdin.end();
  }
}

// ---- their client, our server ----

async function theirRegistration(peer) {
  const start = client.startRegistration({ password: PASSWORD });
  const [response] = await peer.ask(
    'server-register', text(NAME), hex(start.registrationRequest));
  const done = client.finishRegistration({
    password: PASSWORD,
    clientRegistrationState: start.clientRegistrationState,
    registrationResponse: b64(response),
    keyStretching,
  });
  assert.deepEqual(
    await peer.ask('server-record', hex(done.registrationRecord)), []);
  return done;
}

async function theirLogin(peer, password, verb = 'server-login') {
  const start = client.startLogin({ password });
  const [ke2] = await peer.ask(verb, text(NAME), hex(start.startLoginRequest));
  return client.finishLogin({
    password,
    clientLoginState: start.clientLoginState,
    loginResponse: b64(ke2),
    keyStretching,
  });
}

// ---- our client, their server ----

async function ourRegistration(peer, serverSetup) {
  const [request] = await peer.ask('client-register', text(PASSWORD));
  const { registrationResponse } = server.createRegistrationResponse({
    serverSetup,
    userIdentifier: NAME,
    registrationRequest: b64(request),
  });
  const [record, exportKey] = await peer.ask(
    'client-record', hex(registrationResponse));
  return { registrationRecord: b64(record), exportKey };
}

async function ourLogin(peer, serverSetup, registrationRecord, password) {
  const [ke1] = await peer.ask('client-login', text(password));
  const { serverLoginState, loginResponse } = server.startLogin({
    serverSetup,
    registrationRecord,
    startLoginRequest: b64(ke1),
    userIdentifier: NAME,
  });
  const answer = await peer.ask('client-finish', hex(loginResponse));
  return { serverLoginState, answer };
}

// ---- cases ----

const cases = {
  async 'their-client'(peer) {
    const registered = await theirRegistration(peer);
    const login = await theirLogin(peer, PASSWORD);
    assert(login, 'their client refused our server');
    const [session] = await peer.ask(
      'server-finish', hex(login.finishLoginRequest));
    assert.equal(session, hex(login.sessionKey));
    assert.equal(session.length, 128);
    assert.equal(login.exportKey, registered.exportKey);
    assert.equal(login.serverStaticPublicKey, registered.serverStaticPublicKey);
  },

  async 'their-client-wrong-password'(peer) {
    await theirRegistration(peer);
    assert.equal(await theirLogin(peer, WRONG), undefined);
  },

  async 'their-client-unknown-name'(peer) {
    await theirRegistration(peer);
    assert.equal(await theirLogin(peer, PASSWORD, 'server-nobody'), undefined);
  },

  async 'their-client-changed-proof'(peer) {
    await theirRegistration(peer);
    const login = await theirLogin(peer, PASSWORD);
    const proof = Buffer.from(login.finishLoginRequest, 'base64url');
    proof[63] ^= 1;
    assert.deepEqual(
      await peer.ask('server-finish', proof.toString('hex')),
      { refused: REFUSED });
  },

  async 'our-client'(peer) {
    const setup = server.createSetup();
    const registered = await ourRegistration(peer, setup);
    const { serverLoginState, answer } = await ourLogin(
      peer, setup, registered.registrationRecord, PASSWORD);
    assert(Array.isArray(answer), `our client refused: ${answer.refused}`);
    const [ke3, session, exportKey] = answer;
    const done = server.finishLogin({
      serverLoginState,
      finishLoginRequest: b64(ke3),
    });
    assert.equal(hex(done.sessionKey), session);
    assert.equal(session.length, 128);
    assert.equal(exportKey, registered.exportKey);
  },

  async 'our-client-wrong-password'(peer) {
    const setup = server.createSetup();
    const registered = await ourRegistration(peer, setup);
    const { answer } = await ourLogin(
      peer, setup, registered.registrationRecord, WRONG);
    assert.deepEqual(answer, { refused: REFUSED });
  },

  async 'our-client-unknown-name'(peer) {
    const setup = server.createSetup();
    const { answer } = await ourLogin(peer, setup, null, PASSWORD);
    assert.deepEqual(answer, { refused: REFUSED });
  },

  async 'our-client-other-server'(peer) {
    const setup = server.createSetup();
    const registered = await ourRegistration(peer, setup);
    const { answer } = await ourLogin(
      peer, server.createSetup(), registered.registrationRecord, PASSWORD);
    assert.deepEqual(answer, { refused: REFUSED });
  },
};

const [program, name] = process.argv.slice(2);
assert(Object.hasOwn(cases, name ?? ''), `no such case: ${name}`);
await ready;
const peer = new Peer(program);
try {
  await cases[name](peer);
} finally {
  peer.end();
}
