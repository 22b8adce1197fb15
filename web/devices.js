// SPDX-License-Identifier: ISC
// devices.js: the devices of the account; letting others in, removing them.
import { h, part, row, badge, button, sure, announce, dialog, form, field, box, gaveUp, showTrouble } from "./dom.js";
import { notForVisitors } from "./account.js";
import { core, passes } from "./core.js";
import { over, entered } from "./app.js";
import { kinds, sentenceCase, when, whence, ago } from "./words.js";
import { stepped } from "./ways.js";

export async function showDevices(me, again) {
	if (me.who === "visitor")
		return ["Devices", notForVisitors("The list of devices"), leavePart(me)];
	const [{ devices }, account, requests] = await Promise.all([core.ask("devices"),
		core.call("GET", "/v1/account"), waiting()]);
	const seen = new Map(account.devices.map((d) => [d.dev_id, d]));
	const asking = h("div", {});
	showRequests(asking, requests, again);
	const list = h("ul", { class: "rows" },
		devices.map((d) => deviceRow(d, seen.get(d.dev_id), devices.length, again)));
	const nameless = devices.some((d) => !d.name);
	const look = async () => {
		if (!asking.isConnected)
			return;
		try {
			const now = await waiting();
			if (asking.isConnected && !document.querySelector("dialog"))
				showRequests(asking, now, again);
			if (nameless) { // it came in a moment ago
				const { devices: fuller } = await core.ask("devices");
				list.replaceChildren(...fuller.map((d) =>
					deviceRow(d, seen.get(d.dev_id), fuller.length, again)));
			}
		} catch (e) {
			if (!passes(e))
				return asking.isConnected && over(e);
		}
		setTimeout(look, 4000);
	};
	setTimeout(look, 4000);
	return ["Devices",
		h("p", {}, "Each device holds keys of its own. Only a device that is in can let another one in."),
		asking, part("In the account", list), leavePart(me, devices.length)];
}

function deviceRow(d, seen, n, again) {
	const name = d.name || "No name";
	return row({
		title: name,
		badge: d.this && badge("This browser", "good"),
		lines: [`${kinds[d.class] ?? "Device"}, in since ${when(d.added_ms)}`,
			seen && `Last seen ${ago(seen.last_seen_ms)} ${whence(seen)}`,
			seen?.backup_since_ms && backups(seen)],
		actions: d.this ? button("Rename", async () => {
			if (await rename(d.name))
				await again();
		}) : n > 1 && button("Remove", async () => {
			await sure(`Remove ${name}?`, "It loses its access at once, and new keys are made for all " +
				"that remain. What it has read before it may still have.", "Remove");
			await stepped(() => core.ask("remove", { dev_id: d.dev_id }));
			announce(`${name} is removed.`);
			await again();
		}) });
}

// A device that backs up by itself; after a week without one that is what is said.
function backups({ backup_last_ms: last, backup_since_ms: since }) {
	if (Date.now() - since < 7 * 24 * 3600e3)
		return last ? `Last backup by itself ${ago(last)}` : "Backs up by itself, not yet";
	return last ? `No backup since ${when(last)}` : `No backup yet, since ${when(since)}`;
}

const rename = (name) => dialog("Rename this browser", (close) => form({ submit: "Rename",
	act: async (v) => {
		await core.ask("rename", { name: v.name.trim() });
		close(true);
	} }, field({ label: "Name", name: "name", value: name, maxlength: 64, required: true,
		autocomplete: "off" })));

// ---- others that ask ----

// What asks the devices, in one shape: to join, or to read for an hour.
export async function waiting() {
	const { requests, visits } = await core.ask("requests");
	return [...requests.map((r) => ({ ...r, ask: { join: r.join }, verb: "",
		at: `joins/${r.join}`,
		what: `A ${(kinds[r.class] ?? "device").toLowerCase()} asks to join.`,
		typed: "Somebody typed your password there.",
		title: "Let it in", where: "into Aumbry on the new device", done: "The device is in." })),
	...visits.map((v) => ({ ...v, ask: { visit: v.visit }, verb: "visit_", at: `visits/${v.visit}`,
		what: "A sign-in by a code asks to read your backups, for an hour.",
		typed: "Somebody typed your password and a code there.",
		title: "Let it read", where: "where you signed in", done: "It may read for its hour." }))];
}

function showRequests(at, requests, again) {
	const now = requests.map((r) => r.join ?? r.visit).join(" ");
	if (at.dataset.now === now)
		return;
	at.dataset.now = now;
	at.replaceChildren(...requests.map((r) => box("notice",
		h("p", { class: "what" }, r.what),
		h("p", {}, `${sentenceCase(whence(r))}, ${ago(r.created_ms)}. ${r.typed} `,
			"If that was not you, refuse, and change your password."),
		h("div", { class: "buttons" },
			button("Approve", async () => {
				await approve(r);
				await again();
			}, "primary"),
			button("Refuse", async () => {
				await core.ask(`${r.verb}refuse`, r.ask);
				announce("Refused. That address cannot ask again for a day.");
				await again();
			})))));
}

async function approve(r) {
	const code = h("p", { class: "shown-code", "aria-live": "assertive" }, "…");
	const words = h("p", { role: "status" }, "Making a code…");
	let codes = 0;
	core.onTell = ({ code: shown }) => {
		codes++;
		code.textContent = shown;
		words.textContent = codes === 1 ?
			`Type this code ${r.where}, and nowhere else. It is good for 5 minutes.` :
			"That code was wrong, and is burnt. Here is another.";
	};
	const trouble = h("div", { role: "alert" });
	let ended = false;
	const shown = dialog(r.title, (close) => {
		core.ask(`${r.verb}approve`, r.ask).then(() => {
			ended = true;
			announce(r.done);
			close(true);
		}, (e) => {
			ended = true;
			if (e !== gaveUp)
				showTrouble(trouble, e);
		});
		return [words, code, trouble];
	});
	await shown;
	if (!ended) { // closed before: the core still waits; nobody said no
		await core.interrupt().catch(() => {});
		await core.call("DELETE", `/v1/${r.at}`).catch(() => {});
	}
	core.onTell = () => {};
}

// ---- leaving ----

function leavePart(me, n) {
	const visitor = me.who === "visitor";
	return part("Sign out",
		h("p", {}, visitor ? "Ends this session." :
			"This browser forgets its keys and leaves the account. To come back it must be let in again."),
		button("Sign out of this browser", async () => {
			if (!visitor)
				await sure("Sign out?", n === 1 ?
					"This is your only device. Without its keys nobody can read your data any more, " +
					"not even you. Let another device in first." :
					"This browser forgets its keys. Another device must let it in again.",
				n === 1 ? "Give up the data" : "Sign out");
			await core.ask("leave", { sure: n === 1 });
			await entered("Signed out.");
		}, visitor ? "" : "danger"));
}
