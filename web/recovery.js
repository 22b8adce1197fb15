// SPDX-License-Identifier: ISC
// recovery.js: the ways back in, and who is using one.
import { core } from "./core.js";
import { part, h, row, badge, box, button, sure, announce, dialog, form, field, copyButton } from "./dom.js";
import { route } from "./app.js";
import { notForVisitors } from "./account.js";
import { change, stepped } from "./ways.js";
import { ago, alertRemedy, sentenceCase, when, whence } from "./words.js";

const wayKinds = [null, "Recovery key", "Recovery contact", "Paper kit"];
const recoveredBy = { key: "a recovery key", contact: "a recovery contact", kit: "a paper kit", operator: "the operator" };

export async function showRecovery(me, again) {
	const device = me.who !== "visitor";
	const r = await core.ask(device ? "recovery" : "alerts");
	// The server tells a visitor less, and of what was begun and given up too.
	const ways = r.ways ?? r.keys.filter((k) => k.sealed);
	const keys = ways.filter((w) => w.kind === 1);
	const old = keys.find((w) => !w.leaves);
	const held = keys.find((w) => !w.waits);
	tellAlerts(me, r);
	return ["Recovery",
		!device && notForVisitors("Changing the ways to recover"),
		r.open.length > 0 && part("Somebody is recovering this account",
			h("p", {}, "If that is not you: stop it, and change your password."),
			h("ul", { class: "rows" }, r.open.map((o) => openRow(o, device, again)))),
		r.change_ms > 0 && part("A change that waits",
			h("p", {}, "The ways to recover change at ", h("strong", {}, when(r.change_ms)),
				". Until then the old ones hold. If that is not what you want, stop it."),
			button("Stop the change", async () => {
				await stepped(() => core.ask("veto"));
				announce("The change is stopped.");
				await again();
			}, "danger")),
		part("Ways back in",
			h("p", {}, "For the day on which every device is gone. Each of these opens everything you keep here."),
			ways.length === 0 ? box("notice", h("p", { class: "what" }, "There is none but your devices and security keys"),
				h("p", {}, "Make a recovery key: 28 letters and digits on paper.")) :
				h("ul", { class: "rows" }, ways.map((w) => wayRow(w, r.change_ms, device, again))),
			device && h("div", { class: "buttons" },
				button(old ? "Replace the recovery key" : "Make a recovery key", async () => {
					if (await makeKey(me, old))
						await again();
				}, old ? "" : "primary"),
				held && button("Try the recovery key", async () => {
					if (await tryKey())
						await again();
				}, held.tried_ms ? "" : "primary")),
			device && h("p", { class: "hint" }, "Recovery contacts and a paper kit are made on a computer: ",
				h("code", {}, "aumbry recovery contact add NAME"), ", ", h("code", {}, "aumbry recovery kit create"), "."))];
}

function wayRow(w, changeMs, device, again) {
	const name = wayKinds[w.kind] ?? "Way";
	return row({
		title: [name, w.label && ` (${w.label})`],
		badge: !w.sealed ? badge("! The server lacks its newest keys", "warn") :
			w.waits ? badge(`! Holds from ${when(changeMs)}`, "warn") :
				w.leaves ? badge(`! Ends ${when(changeMs)}`, "warn") : badge("✓ In force", "good"),
		lines: [w.created_ms && `Made ${when(w.created_ms)}`,
			device && !w.waits && (w.tried_ms ? `Tried ${ago(w.tried_ms)}` :
				`Never tried${w.kind === 1 ? ": a slip of the pen shows only when it is typed" : ""}`)],
		actions: device && !w.leaves && button("Remove", async () => {
			await sure(`Remove this ${name.toLowerCase()}?`, "It opens nothing any more then. " +
				"Keep another way, or a lost device is lost data.", "Remove");
			changed(await stepped(() => core.ask("recovery_remove", { keyref: w.keyref })), "It is removed.");
			await again();
		}) });
}

const changed = ({ change_ms: ms }, words) =>
	announce(ms ? `It takes force at ${when(ms)}; until then it can be stopped.` : words);

// ---- recoveries that are open ----

function openRow(o, device, again) {
	const go = (verb, said) => async () => {
		await change("POST", `/v1/recovery/${o.id}/${verb}`);
		announce(said);
		await again();
	};
	return row({
		title: `By ${recoveredBy[o.way] ?? o.way}`,
		lines: [`${sentenceCase(whence(o))}${o.os ? `, ${o.os}` : ""}, asked ${when(o.created_ms)}`,
			o.ready_ms > Date.now() ? `Goes on at ${when(o.ready_ms)}, unless it is stopped` : "May go on now",
			o.reference && `Reference: ${o.reference}`],
		actions: device && h("div", { class: "buttons" }, button("Stop", go("stop", "The recovery is stopped."), "danger"),
			o.way !== "operator" && button("Allow", async () => {
				await sure("Let it go on at once?", "Only if it is you: it gets a new password and everything in the account.",
					"Allow");
				await go("allow", "The recovery may go on.")();
			})) });
}

// On every screen: what cannot wait.
export const showAlerts = async (me) =>
	tellAlerts(me, me.who === "nobody" ? { open: [] } : await core.ask("alerts"));

function tellAlerts(me, { open, change_ms: ms, people = [] }) {
	const at = document.getElementById("alerts");
	const now = `${open.map((o) => o.id)} ${ms} ${people.map((a) => a.id)}`;
	if (at.dataset.now === now) // else it would be read out again
		return;
	at.dataset.now = now;
	const look = () => h("a", { href: "#/recovery", onclick: () => {
		if (location.hash === "#/recovery")
			route();
	} }, "Look at it");
	at.replaceChildren(...[
		open.length > 0 && box("error", h("p", { class: "what" },
			h("span", { class: "sign", "aria-hidden": "true" }, "!"), "Somebody is recovering this account."),
		h("p", {}, "Not you? Stop it. ", look())),
		ms > 0 && box("notice", h("p", { class: "what" }, `The ways to recover change at ${when(ms)}.`),
			h("p", {}, look())),
		...people.map((a) => contactAlert(me, a)),
	].filter(Boolean));
}

const contactAlert = (me, a) => box("error", h("p", { class: "what" },
	h("span", { class: "sign", "aria-hidden": "true" }, "!"), sentenceCase(a.message), "."),
h("p", {}, alertRemedy(a.code)),
h("p", { class: "hint" }, `Since ${when(a.first_ms)}. Code: `, h("code", {}, a.code)),
h("div", { class: "actions" }, h("p", {}, h("a", { href: `#/people?${a.about}` }, "Look at the contact")),
	button("Dismiss", async () => {
		await core.ask("alert_dismiss", { id: a.id });
		announce("It is dismissed, on all your devices.");
		await showAlerts(me);
	})));

// ---- a key ----

const codeInput = () => field({ label: "Recovery key", name: "code", class: "paper-code", required: true,
	autocomplete: "off", autocapitalize: "characters", hint: "7 groups of 4. Capitals, spaces and dashes do not matter." });

const makeKey = async (me, old) => {
	const { code } = await core.ask("recovery_draw");
	return dialog("Your recovery key", (close) => {
		const at = h("div", {});
		const show = () => {
			at.replaceChildren(
				h("p", {}, "It is shown only now. Write it down or print it, and keep it where you will find it ",
					"and nobody else looks: who has it opens everything."),
				h("div", { class: "paper" },
					h("p", {}, `Recovery key of ${me.name}@${me.host}`),
					h("p", { class: "groups" }, code.split("-").map((g, i) => [i > 0 && "-", h("span", {}, g)])),
					h("p", { class: "hint" }, `${location.host}, ${when(Date.now())}`)),
				h("div", { class: "actions" },
					h("button", { type: "button", class: "primary", onclick: type }, "I have it: go on"),
					copyButton("Copy", code),
					h("button", { type: "button", onclick: () => print() }, "Print")));
			at.querySelector("button").focus();
		};
		const type = () => {
			at.replaceChildren(form({ submit: "It is right", act: async (v) => {
				changed(await stepped(() => core.ask("recovery_typed", { code: v.code,
					...(old && { instead: old.keyref }) })), "The recovery key is made.");
				close(true);
			}, secondary: h("button", { type: "button", class: "link", onclick: show }, "Show it again") },
			h("p", {}, "Type it from the paper, to see that it is written right. It counts only after that."),
			codeInput()));
			at.querySelector("input").focus();
		};
		show();
		return at;
	});
};

const tryKey = () => dialog("Try the recovery key", (close) => form({ submit: "Try it",
	act: async ({ code }) => {
		await core.ask("recovery_try", { code });
		announce("It is right, and would open everything today.");
		close(true);
	} },
h("p", {}, "Type it from the paper. It does not leave this browser, and nothing changes but the note of when it was tried."),
codeInput()));
