// SPDX-License-Identifier: ISC
// needs.js: what the page needs of a browser; each is tried before it is used.
//
// A browser may lack a thing, forbid it, or never answer: all three are said,
// with the thing's name and what works without it.
import { problem } from "./core.js";

// What does not answer in time is as good as absent.
export function within(ms, what, promise) {
	let timer;
	return Promise.race([promise, new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(problem("io-error", `this browser does not answer about ${what}`,
			"Close its other tabs of this address and load the page again; if it stays, start the browser anew.")), ms);
	})]).finally(() => clearTimeout(timer));
}

const allow = "Allow cookies and site data for this address, or leave the private window; then load the page again.";

// Run `act`; that it cannot be run is said of `what`.
async function tried(what, there, act, ms = 10000) {
	let has = false;
	try {
		has = there();
		if (has)
			return await within(ms, what, act());
	} catch (e) {
		if (typeof e.code === "string") // said already
			throw e;
		throw e.name === "QuotaExceededError" ?
			problem("disk-full-here", `this browser has no room for ${what}`, "Make room on its disk, then load the page again.") :
			problem("permission-denied", `this browser does not let the page use ${what} (${e.name})`, allow);
	}
	throw problem("update-needed", `this browser has no ${what}`,
		"Turn it on, update this browser, or use another one.");
}

// Two pages would overwrite what the other one keeps.
const alone = () => new Promise((resolve, reject) => {
	navigator.locks.request("aumbry", { ifAvailable: true }, (lock) => {
		if (lock) {
			resolve();
			return new Promise(() => {}); // as long as the page is open
		}
		reject(problem("home-busy", "Aumbry is open in another tab of this browser",
			"Go there, or close it and load this page again."));
	}).catch(reject);
});

const emptyModule = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

// Without one of these nothing can be done here.
export async function tryNeeds(storeWorks, start) {
	if (!window.isSecureContext)
		throw problem("certificate-changed", "this page did not come over a secure connection",
			"Use the address that begins with https.");
	await tried("WebAssembly, which does the encryption here", () => typeof WebAssembly === "object",
		async () => new WebAssembly.Module(emptyModule));
	await tried("Web Crypto, which locks up what is kept here",
		() => typeof crypto === "object" && crypto.subtle && crypto.getRandomValues,
		() => crypto.subtle.digest("SHA-256", crypto.getRandomValues(new Uint8Array(1))));
	await tried("dialogs", () => typeof HTMLDialogElement === "function" && HTMLDialogElement.prototype.showModal,
		async () => {});
	await tried("IndexedDB, the place for this browser’s keys", () => window.indexedDB?.open, storeWorks);
	await tried("locks between tabs", () => navigator.locks?.request, alone);
	await tried("workers, in which the encryption runs", () => typeof Worker === "function", start, 90000);
}

export const withoutIt = "Your account and your other devices are not touched by this. " +
	"Everything can be done in another browser, or with the program on a computer: ";

// ---- what the page can do without ----

export const hasKeys = () => Boolean(navigator.credentials && window.PublicKeyCredential);

// A browser is trusted by a cookie, and remembers for whom.
export function canTrust() {
	try {
		document.cookie = "aumbry-try=1; path=/; secure; samesite=strict";
		const has = /\baumbry-try=1/.test(document.cookie);
		document.cookie = "aumbry-try=; path=/; secure; samesite=strict; max-age=0";
		localStorage.setItem("aumbry-try", "1");
		localStorage.removeItem("aumbry-try");
		return has;
	} catch {
		return false;
	}
}

export const lacks = () => [
	!hasKeys() && "It has no security keys (WebAuthn). A code or one of your devices lets you in; keys work in other browsers.",
	!canTrust() && "It keeps no cookies, so it cannot be trusted: each sign-in asks for a second factor. The rest works.",
].filter(Boolean);

// ---- how long the browser keeps things ----

// Some browsers ask the person, who may take their time.
export function askToKeep() {
	try {
		navigator.storage.persist().catch(() => {});
	} catch {
		// it is said on the overview
	}
}

export async function isKept() {
	try {
		return await within(2000, "storage", navigator.storage.persisted());
	} catch {
		return false;
	}
}
