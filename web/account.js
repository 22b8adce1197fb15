// SPDX-License-Identifier: ISC
// account.js: the overview: how the account stands, and what to do next.
import { core } from "./core.js";
import { waiting } from "./devices.js";
import { box, h, badge } from "./dom.js";
import { isKept } from "./needs.js";
import { hour, size, when } from "./words.js";

export async function showOverview(me) {
	const account = await core.call("GET", "/v1/account");
	const visitor = me.who === "visitor";
	const requests = visitor ? [] : await waiting();
	const ways = visitor ? null : await core.ask("recovery").then((r) => r.ways, () => null);
	const kept = await isKept();
	return [`${account.name}@${account.host}`,
		requests.length > 0 && box("notice", h("p", { class: "what" },
			requests.length === 1 ? requests[0].what : `${requests.length} requests wait for you.`),
		h("p", {}, h("a", { href: "#/devices" }, "Look at it"))),
		ways?.length === 0 && box("notice", h("p", { class: "what" }, "This browser may forget that it is your device"),
			h("p", {}, forgets(kept), " A recovery key on paper brings you back."),
			h("p", {}, h("a", { href: "#/recovery" }, "Make a recovery key now"))),
		h("ul", { class: "cards" },
			twoFactorCard(account),
			h("li", { class: "card" }, h("h2", {}, "This browser"),
				visitor ?
					[h("p", {}, "Signed in with a code until ", h("strong", {}, hour(me.until_ms)), "."),
						h("p", { class: "hint" }, "It can look at your account and end what is open, and reads none of your data. ",
							"To make it a device: sign out, sign in again and ask your devices.")] :
					[h("p", {}, "Is one of your ", h("strong", {}, "devices"), "."),
						h("p", { class: "hint" }, "It holds keys of its own and can approve others.")],
				h("p", {}, h("a", { href: "#/devices" }, "Devices"))),
			h("li", { class: "card" }, h("h2", {}, "Storage"),
				h("p", {}, h("strong", {}, size(account.used_bytes)),
					account.quota_bytes ? ` of ${size(account.quota_bytes)} used.` : " used."),
				account.quota_bytes > 0 && h("progress", { max: account.quota_bytes,
					value: account.used_bytes, "aria-label": "Storage used" }),
				h("p", { class: "hint" }, "Encrypted on your devices. The server cannot read it.")),
			h("li", { class: "card" }, h("h2", {}, "Account since"),
				h("p", {}, when(account.created_ms)),
				h("p", {}, h("a", { href: "#/activity" }, "Activity"))))];
}

// When the keys in a browser are gone, by what it has promised.
export const forgets = (kept) => kept ?
	"It keeps your keys until somebody clears the data of this site, or its profile is lost." :
	"It has not promised to keep your keys: it may drop them when its disk fills up, or when you have not been here " +
	"for some days; a private window drops them when it is closed.";

function twoFactorCard(account) {
	const on = account.two_factor === "on";
	return h("li", { class: "card" }, h("h2", {}, "Two-factor authentication"),
		h("p", {}, badge(on ? "✓ On" : account.two_factor === "pending" ? "! Not on yet" : "! Off",
			on ? "good" : "warn")),
		h("p", { class: "hint" }, on ? "A stolen password alone opens nothing." :
			"Backup and Drive stay closed until it is on: add an authenticator app or a phone number."),
		h("p", {}, h("a", { href: "#/security" }, on ? "Security" : "Turn it on")));
}

// A visitor asks for what only a device can do.
export const notForVisitors = (what) => box("notice",
	h("p", { class: "what" }, `${what} needs a browser that is one of your devices.`),
	h("p", {}, "This one is signed in with a code: it can look and end what is open, and holds no keys. ",
		"Sign out, sign in again, and choose “Ask my devices”."));
