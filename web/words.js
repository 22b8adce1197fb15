// SPDX-License-Identifier: ISC
// words.js: what codes, events and times are called on the page.

// The catalogue's remedies are for the command line; here one clicks.
const remedies = {
	"not-signed-in": "Sign in again.",
	"session-expired": "Sign in again.",
	"invitation-required": "Ask who runs the server for an invitation.",
	"invitation-used": "Ask who runs the server for a new one.",
	"two-factor-required": "Turn on two-factor authentication under Security.",
	"factor-missing": "Choose another way, or set this one up under Security first.",
	"step-up-required": "Confirm that it is you, then try again.",
	"wrong-code-kind": "Trusted devices show 8 digits; authenticator apps, texts and calls give 6.",
	"wrong-code": "Look at the code again and type the newest one.",
	"code-expired": "Start again to get a new one.",
	"device-removed": "Forget what this browser holds, then sign in again to ask to be let in.",
	"not-a-member": "Was the server restored from a backup? Then a command line device can give it back what it lost: aumbry repair --after-server-restore. What this browser holds stays.",
	"account-reset": "If nobody of you has asked who runs the server for that, do not trust the server. What this browser holds stays.",
	"keys-spoiled": "Put that device out, on another device or with a recovery key.",
	"device-too-young": "Use a device that has been in the account for longer, or wait until then.",
	"circle-full": "Remove a device that is not used any more.",
	"circle-invalid": "Do not go on. Compare the list of devices with another device.",
	"circle-forked": "Do not go on. Compare the list of devices with another device.",
	"circle-rolled-back": "Do not go on, unless who runs the server says that it was restored from a backup.",
	"history-rolled-back": "Do not go on, unless who runs the server says that it was restored from a backup.",
	"history-forked": "Do not go on, unless who runs the server says that it was restored from a backup.",
	"record-replayed": "Do not go on, unless who runs the server says that it was restored from a backup.",
	"state-damaged": "Forget what this browser holds, then sign in again.",
	"already-signed-in": "Sign out here first.",
	"server-unreachable": "Check the network, then try again.",
	"conflict": "Try again.",
	"security-key-required": "Use one of the account's security keys.",
	"gateway-failed": "Try again, or use another way.",
	"no-gateway": "Ask who runs the server to set it up, or use another way.",
	"protection-blocked": "Do first what Protection lists as still to do.",
	"escrow-changed": "Do not go on. If who runs the server has a new escrow: change to advanced, then back to standard.",
	"release-refused": "The message says why; the switches are under Protection, on a device of yours.",
	"not-found": "It is over, or was removed meanwhile: load the page again.",
	"recovery-waiting": "Come back after that time.",
	"contact-changed": "That happens after losing all devices, or when somebody is in between. Ask that person by another way, then compare anew or accept it under People.",
	"name-moved": "Ask that person by another way whether the account was made anew. If so, remove the contact under People and add it again. Otherwise the server may be in wrong hands.",
	"contact-blocked": "To write again, unblock that person under People.",
	"ask-waits": "The first message waits there. Send the next one after the answer, or ask by another way to be accepted.",
	"app-password-scope": "Make one for that service under App passwords.",
};

// {code, message, remedy} in sentences.
export function explain(e) {
	if (typeof e.code !== "string") // the browser's own may be a number
		return { code: "internal-error", message: sentence(String(e)),
			remedy: "Load the page again; if it stays, report the message." };
	const own = e.here || e.contact && /^circle-/.test(e.code);
	let remedy = !own && remedies[e.code] || e.remedy || "";
	remedy = remedy.replace("aumbry phone add ", "");
	if (/\baumbryd? /.test(remedy))
		remedy = `On a computer that is signed in: ${remedy}`;
	return { code: e.code, message: sentence(e.message || e.code), remedy };
}

// It is about somebody else’s devices: what helps with one’s own does not.
export const ofContact = (e) => ({ ...e, contact: true });
const contactCircle = "If the server was put back to a backup, this ends once the other one’s devices were online. " +
	"Otherwise the server is not to be trusted.";
export const alertRemedy = (code) => /^circle-/.test(code) ? contactCircle : remedies[code] ?? "";

const sentence = (s) => {
	const big = s.charAt(0).toUpperCase() + s.slice(1);
	return /[.!?]$/.test(big) ? big : `${big}.`;
};

export const ways = {
	device: "A trusted device",
	authenticator: "Authenticator app",
	text: "Text message",
	call: "Phone call",
	key: "Security key",
	trusted: "This browser is trusted",
};

const events = {
	signup: "The account was made",
	session_opened: "A device signed in",
	signin_started: "Somebody began to sign in",
	signin_failed: "A sign-in was refused",
	signin_visit: "Somebody signed in with a code",
	join_opened: "A new device asked to join",
	join_allowed: "A request to join was approved",
	join_refused: "A request to join was refused",
	requests_allowed: "Devices that were refused may ask again",
	join_failed: "A pairing code was typed wrong too often",
	join_ended: "A request to join has ended",
	device_added: "A device joined",
	device_removed: "A device was removed",
	step_up_started: "Somebody began to confirm that it was you",
	step_up: "It was confirmed that it was you",
	password_changed: "The password was changed",
	factor_added: "A second factor was begun",
	factor_confirmed: "A second factor was confirmed",
	factor_removed: "A second factor was removed",
	two_factor_on: "Two-factor was turned on",
	two_factor_off: "Two-factor was turned off",
	app_password_created: "An app password was made",
	app_password_revoked: "An app password was revoked",
	app_passwords_revoked: "All app passwords were revoked",
	app_password_failed: "A wrong app password was tried",
	account_closing: "The account is to be deleted",
	account_renamed: "The account got another name",
	account_kept: "The account is kept",
	mail_added: "A mail address was added",
	mail_removed: "A mail address was removed",
	browser_trusted: "A browser was trusted",
	session_ended: "A session was ended",
	code_wrong: "A wrong code was typed",
	code_sent: "A code was sent",
	phone_added: "A phone number was added",
	phone_confirmed: "A phone number was confirmed",
	phone_removed: "A phone number was removed",
	security_key_added: "A security key was added",
	security_key_removed: "A security key was removed",
	security_key_used: "A security key was used",
	security_key_refused: "A security key was refused",
	security_key_cloned: "A security key may have been copied",
	protection_standard: "Protection was changed to standard",
	protection_advanced: "Protection was changed to advanced",
	web_access: "Reading without a device was turned",
	keys_released: "The escrow handed out keys to a sign-in",
	keys_released_operator: "The escrow handed out keys, as the operator ordered",
	visit_asked: "A sign-in by a code asked to read",
	visit_opened: "A device let a sign-in by a code read",
	visit_refused: "A sign-in by a code was refused",
	visit_ended: "A sign-in by a code asks no more",
	recovery_changed: "The ways to recover were changed",
	recovery_change_waits: "A change of the ways to recover waits",
	recovery_vetoed: "A change of the ways to recover was stopped",
	recovery_begun: "Somebody began to recover the account",
	recovery_stopped: "A recovery was stopped",
	recovery_allowed: "A recovery was allowed to go on at once",
	contact_drilled: "A recovery contact tried their half",
	account_recovered: "The account was recovered",
};

export const eventWords = (name) => events[name] ?? sentence(name.replaceAll("_", " ")).slice(0, -1);

// Those that tell of an attack, if it was not you.
export const alarming = (name) => /failed|refused|wrong|cloned|removed|closing|off$|released|^recovery_[^sv]|recovered|^protection/.test(name);

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(ms) {
	const s = Math.round((ms - Date.now()) / 1000);
	for (const [unit, n] of [["day", 86400], ["hour", 3600], ["minute", 60]])
		if (Math.abs(s) >= n)
			return relative.format(Math.trunc(s / n), unit);
	return s > 0 ? "in a moment" : "just now";
}

export const sentenceCase = (s) => s.charAt(0).toUpperCase() + s.slice(1);

// Where a network is registered, when the server knows; never without it.
export const whence = (x) => x.place ? `near ${x.place} (${x.address})` : `from ${x.address}`;

export const when = (ms) => new Date(ms).toLocaleString("en-GB",
	{ dateStyle: "medium", timeStyle: "short" });
export const hour = (ms) => new Date(ms).toLocaleTimeString("en-GB",
	{ hour: "2-digit", minute: "2-digit" });

export function size(bytes) {
	const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;
	for (; bytes >= 1024 && i < 4; i++)
		bytes /= 1024;
	return `${i === 0 ? bytes : bytes.toFixed(1)} ${units[i]}`;
}

export const countedDevices = (n) => n === 1 ? "1 device" : `${n} devices`;
export const kinds = [null, "Computer", "Phone", "Browser", "Security key"];

// "Firefox on Linux", as a name that can be changed.
export function browserName() {
	const ua = navigator.userAgent;
	const what = /Firefox\//.test(ua) ? "Firefox" : /Edg\//.test(ua) ? "Edge" :
		/Chrom(e|ium)\//.test(ua) ? "Chromium" : /Safari\//.test(ua) ? "Safari" : "Browser";
	const on = /Android/.test(ua) ? "Android" : /iPhone|iPad/.test(ua) ? "iOS" :
		/Windows/.test(ua) ? "Windows" : /Mac OS/.test(ua) ? "macOS" :
			/Linux/.test(ua) ? "Linux" : "this machine";
	return `${what} on ${on}`;
}
