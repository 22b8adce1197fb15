// SPDX-License-Identifier: ISC
// keys.js: security keys by WebAuthn, in the encodings of the server.
import { problem } from "./core.js";

export const fromBase64 = (s) => Uint8Array.from(
	atob(s.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
export const toBase64 = (a) => btoa(Array.from(new Uint8Array(a),
	(b) => String.fromCharCode(b)).join(""));
const fromHex = (s) => Uint8Array.from(s.match(/../g), (x) => parseInt(x, 16));

async function ceremony(run) {
	if (!navigator.credentials || !window.PublicKeyCredential)
		throw problem("security-key-invalid", "this browser cannot use security keys",
			"Use another browser, or another way.");
	try {
		return await run();
	} catch (e) {
		if (e.name === "InvalidStateError")
			throw problem("conflict", "this key is registered already", "Use another key.");
		throw problem("security-key-invalid",
			e.name === "NotAllowedError" ? "the key was not used: it was refused, it has no PIN, or the time ran out" :
				`the browser could not use the key: ${e.message}`,
			"Try again, and follow what the browser says. A key needs a PIN: without one, give it one in the " +
			"browser’s settings or by aumbry security-key pin. Keys that know U2F alone are too old: use a newer one.");
	}
}

const prfOf = (salt) => salt ? { prf: { eval: { first: fromBase64(salt) } } } : {};

// What proves a key to `via`, as the body of factors/prove.
export async function keyAssertion(via) {
	const ask = await via.post("/v1/factors/key", {});
	const got = await ceremony(() => navigator.credentials.get({ publicKey: {
		challenge: fromBase64(ask.challenge),
		rpId: ask.rp_id,
		userVerification: "required",
		timeout: 120000,
		allowCredentials: ask.credentials.map((c) => ({ type: "public-key",
			id: fromBase64(c.id), transports: c.transports })),
		extensions: prfOf(ask.prf_salt),
	} }));
	const r = got.response;
	return { prf: secretOf(got), body: { method: "key", credential: toBase64(got.rawId),
		client_data: toBase64(r.clientDataJSON),
		authenticator_data: toBase64(r.authenticatorData),
		signature: toBase64(r.signature) } };
}

// The secret that a key keeps for this account, if it keeps any.
function secretOf(credential) {
	const first = credential.getClientExtensionResults().prf?.results?.first;
	return first ? toBase64(first) : undefined;
}

// A new key: {client_data, attestation_object}, and whether it can hold keys.
export async function keyMake(ask) {
	const made = await ceremony(() => navigator.credentials.create({ publicKey: {
		challenge: fromBase64(ask.challenge),
		rp: { id: ask.rp_id, name: ask.rp_name },
		user: { id: fromHex(ask.user_id), name: ask.user_name, displayName: ask.user_name },
		pubKeyCredParams: ask.algorithms.map((alg) => ({ type: "public-key", alg })),
		excludeCredentials: ask.exclude.map((id) => ({ type: "public-key", id: fromBase64(id) })),
		authenticatorSelection: { residentKey: "discouraged", userVerification: "required" },
		attestation: "none",
		timeout: 120000,
		extensions: prfOf(ask.prf_salt),
	} }));
	let prf = secretOf(made);
	if (!prf && made.getClientExtensionResults().prf?.enabled) // it tells only when used
		prf = secretOf(await ceremony(() => navigator.credentials.get({ publicKey: {
			challenge: crypto.getRandomValues(new Uint8Array(32)), rpId: ask.rp_id,
			userVerification: "required", timeout: 120000,
			allowCredentials: [{ type: "public-key", id: made.rawId }],
			extensions: prfOf(ask.prf_salt) } })));
	return { client_data: toBase64(made.response.clientDataJSON),
		attestation_object: toBase64(made.response.attestationObject),
		...(prf && { prf }) };
}
