// SPDX-License-Identifier: ISC
// protection.js: standard or advanced, and what each lets the operator read.
import { core } from "./core.js";
import { part, h, badge, box, button, sure, announce, gaveUp } from "./dom.js";
import { notForVisitors } from "./account.js";
import { stepped, stepUp } from "./ways.js";

export const levels = {
	standard: ["Standard", "If you lose everything, the operator can help you back in. Each use of that is shown to you."],
	advanced: ["Advanced", "Nobody but your devices and recovery keys. If you lose them all, the data is gone."],
};
export const fingerprint = (f) => h("span", { class: "hint" }, "The escrow’s fingerprint: ", h("code", {}, f),
	". Compare it with what who runs the server tells you.");

export async function showProtection(me, again) {
	const device = me.who !== "visitor";
	const p = await core.ask("protection");
	const standard = p.level === "standard";
	const [name, words] = levels[p.level];
	return ["Protection",
		!device && notForVisitors("Changing the protection"),
		part("Who can help you back in",
			h("p", {}, badge(name, "good")),
			h("p", {}, words),
			standard && h("p", {}, fingerprint(p.fingerprint)),
			p.escrow_waits && box("notice", h("p", { class: "what" }, "The escrow is still to be told"),
				h("p", {}, standard ? "The server goes on trying. Until then the escrow helps as it did before." :
					"It cannot be reached to destroy its key, and the server goes on trying. " +
					"What you store from now on is closed to it already.")),
			p.keys_due && box("notice", h("p", { class: "what" }, "New keys are due"),
				h("p", {}, "A device that has been in the account for long enough makes them as soon as it is used."))),
		readablePart(p, standard),
		device && (standard ? advancedPart(p, again) : standardPart(p, again)),
		webPart(p, me, standard, again)];
}

// ---- who can open what ----

const categories = {
	state: "Device names, settings",
	backup: "Backups",
	drive: "Files in Drive",
	photos: "Photos",
	keychain: "Passwords, secret keys",
	notes: "Notes",
	messages: "Messages",
	health: "Health",
};

const yes = (words, kind = "") => h("td", { class: kind }, h("span", { "aria-hidden": "true" }, "✓\u00a0"), words);
const no = (words = "No") => h("td", { class: "no" }, h("span", { "aria-hidden": "true" }, "–\u00a0"), words);

function readablePart(p, standard) {
	const row = (what, ...cells) => h("tr", {}, h("th", { scope: "row" }, what), cells);
	return part("What the operator can read",
		h("p", {}, standard ? "With the help of the escrow: backups, files, photos and notes. Each use of it is in your log. " :
			"Of what your devices encrypt: nothing. ",
		"Mail, contacts and calendars, if you keep them here, lie open, since other programs must reach them."),
		h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Who can open what" },
			h("table", {}, h("caption", {}, "Who can open what"),
				h("thead", {}, h("tr", {}, ["Kept here", "Your devices", "Recovery keys", "Escrow (operator)", "Server"]
					.map((x) => h("th", { scope: "col" }, x)))),
				h("tbody", {}, p.categories.map((c) => row(categories[c.name] ?? c.name, yes("Yes"),
					p.way === false ? no("None yet") : yes(p.way ? "Yes" : "If made"),
					standard && c.escrowed ? yes("Can help", "warn") : no(), no())),
				row("Mail, contacts, calendars", yes("Yes"), no("Not needed"), no("Not needed"),
					yes("Reads it", "warn"))))),
		h("p", { class: "hint" }, "Every server also sees sizes, times and counts, which device wrote, and from where. ",
			"It does not see names of files, folders or devices. To check this, ask the operator for a disclosure."));
}

// ---- changing it ----

const condition = (held, done, where, todo) => h("li", { class: held ? "held" : "open" },
	h("span", { class: "mark", "aria-hidden": "true" }, held ? "✓" : "!"),
	h("span", {}, h("strong", {}, held ? "Done: " : "To do: "), held ? done : h("a", { href: where }, todo)));

function advancedPart(p, again) {
	const ready = p.two_factor && p.way && p.tried;
	return part("Change to advanced",
		h("p", {}, levels.advanced[1]),
		h("ul", { class: "checks" },
			condition(p.two_factor, "two-factor authentication is on", "#/security", "turn two-factor authentication on"),
			condition(p.way, "there is a recovery key", "#/recovery", "make a recovery key"),
			condition(p.tried, "the recovery key was tried", "#/recovery", "try the recovery key")),
		h("p", { class: "hint" }, "The escrow destroys its key then, and your devices make new ones that it never had. ",
			"This browser and your other devices stay signed in."),
		button("Change to advanced", async () => {
			if (ready)
				await sure("Change to advanced?", "The operator can never help you back in again. Whoever loses " +
					"all devices and recovery keys loses the data. Keep the recovery key where you will find it.",
				"Change to advanced");
			await stepped(() => core.ask("level", { level: "advanced" }));
			announce("Protection is advanced.");
			await again();
		}, ready ? "danger" : ""));
}

function standardPart(p, again) {
	return part("Change to standard",
		h("p", {}, levels.standard[1]),
		p.fingerprint ? [h("p", {}, fingerprint(p.fingerprint)),
			h("p", { class: "hint" }, "Your devices give the escrow the keys of backups, files, photos and notes, ",
				"old ones too. Passwords, messages and health stay closed to it."),
			button("Change to standard", async () => {
				if (!await stepUp("The password makes the key by which the escrow will know you."))
					throw gaveUp;
				await core.ask("level", { level: "standard", fingerprint: p.fingerprint });
				announce("Protection is standard.");
				await again();
			})] : h("p", { class: "hint" }, "This server has no escrow, so there is nobody who could help. ",
			"Who runs it can set one up."));
}

// ---- without a device ----

function webPart(p, me, standard, again) {
	const on = p.web_access;
	return part("Reading without a device",
		h("p", {}, badge(on ? "On" : "Off")),
		h("p", {}, standard ? (on ? "Who signs in with your password and a code can ask the escrow for the keys of backups, " +
			"files, photos and notes, to read and never to write." :
			"The escrow hands nothing to who signs in with your password and a code.") :
			"Under advanced protection a browser that is not one of your devices reads nothing by itself" +
			(on ? ", but can ask them, each time: aumbry visit ask." : ".")),
		me.who === "visitor" ? standard && on && h("p", {}, "That holds for this sign-in too: on a command line, ",
			h("code", {}, `aumbry signin ${location.origin} ${me.name} --with authenticator`),
			", then ", h("code", {}, "aumbry snapshot list"),
			". Reading in the browser comes later; nothing was handed out here.") :
			button(on ? "Turn it off" : "Turn it on", async () => {
				await stepped(() => core.ask("web_access", { on: !on }));
				announce(`Reading without a device is ${on ? "off" : "on"}.`);
				await again();
			}));
}
