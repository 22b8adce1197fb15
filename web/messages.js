// SPDX-License-Identifier: ISC
// messages.js: what people write to each other: conversations, and one of them.
import { core, passes } from "./core.js";
import { announce, area, badge, box, button, dialog, form, field, h, part, row, sure, troubleBox } from "./dom.js";
import { acceptButton, blockButton, contactAsk, personName } from "./people.js";
import { notForVisitors } from "./account.js";
import { ofContact, when } from "./words.js";

const STEP = 100; // messages that are shown at first, and more each time
const LOOK_MS = 4000;

export async function showMessages(me, again) {
	if (me.who === "visitor")
		return ["Messages", notForVisitors("Reading messages")];
	const [, at] = location.hash.split("?");
	try {
		return at ? await oneThread(at, again) : await allThreads(again);
	} catch (e) {
		if (e.code !== "two-factor-required")
			throw e;
		return ["Messages", troubleBox(e), h("p", {}, h("a", { href: "#/security" }, "Security"))];
	}
}

const withName = (p) => p ? personName(p) : "Somebody who is no contact";
const lineName = (x) => x.own ? "You" : withName(x.uid && x);

// Again and again while `at` is on the screen: `act` when something has come.
function follow(at, act) {
	const look = async () => {
		if (!at.isConnected)
			return;
		try {
			if ((await core.ask("messages_news")).news && at.isConnected)
				await act();
		} catch (e) {
			if (!passes(e)) // the next thing that is asked for says it
				return;
		}
		setTimeout(look, LOOK_MS);
	};
	setTimeout(look, LOOK_MS);
}

// ---- all of them ----

async function allThreads(again) {
	const list = h("div", {});
	const found = h("div", { role: "status" });
	const fill = async () => {
		const { conversations } = await core.ask("messages");
		list.replaceChildren(conversations.length === 0 ? h("p", { class: "empty" }, "There are no messages yet.") :
			h("ul", { class: "rows" }, conversations.map((c) => threadRow(c, again))));
	};
	await fill();
	follow(list, fill);
	return ["Messages",
		h("p", {}, "Sealed to all devices of both of you. The server sees who writes to whom, and when, and none of the words."),
		part("Conversations", list, h("p", {}, h("a", { href: "#/people" }, "Write to somebody you know"))),
		part("Search", searchForm(found), found)];
}

function threadRow(c, again) {
	const { last } = c;
	return row({
		title: h("a", { href: `#/messages?${c.at}` }, withName(c.with)),
		badge: [c.asks && badge("! Asks to write", "warn"), c.unread > 0 && badge(`${c.unread} new`, "good"),
			c.muted && badge("Muted")],
		lines: [h("span", { class: "glance" }, lineName(last), ": ", h("bdi", { dir: "auto" }, glance(last))), when(last.time_ms)],
		actions: c.asks && h("div", { class: "buttons" }, acceptButton(c.with, again), blockButton(c.with, again)) });
}

const glance = (x) => x.wrong ? "(not shown)" : x.deleted ? "(deleted)" : (x.text ?? "").slice(0, 120).replace(/\s+/g, " ");

const searchForm = (found) => form({ submit: "Search", act: async ({ words }) => {
	const { found: all } = await core.ask("messages_search", { words });
	found.replaceChildren(all.length === 0 ? h("p", { class: "empty" }, "No message has these words.") :
		h("ul", { class: "rows" }, all.map(({ at, with: who, line }) => row({
			title: h("a", { href: `#/messages?${at}` }, withName(who)),
			lines: [when(line.time_ms), h("span", { class: "text", dir: "auto" }, lineName(line), ": ", line.text ?? "")] }))));
} }, field({ label: "Words", name: "words", required: true, autocomplete: "off", maxlength: 200,
	hint: "All of them, in any order. It is searched in here, not on the server." }));

// ---- one of them ----

const drafts = new Map(); // what was typed and not sent, while the page is open

async function oneThread(at, again) {
	let most = STEP, now = "";
	const lines = h("div", { class: "thread", role: "log", tabindex: "0", "aria-label": "Conversation" });
	const earlier = button("Show earlier ones", async () => {
		most += STEP;
		await fill();
	});
	const fill = async () => {
		const t = await core.ask("thread", { at, most, read: !document.hidden });
		earlier.hidden = t.lines.length === t.all;
		if (JSON.stringify(t.lines) !== now) {
			const below = lines.scrollHeight - lines.scrollTop;
			const atEnd = now === "" || below < lines.clientHeight + 40;
			now = JSON.stringify(t.lines);
			lines.replaceChildren(...t.lines.map((x, i) =>
				message(x, i > 0 && !t.lines[i - 1].unread, fill)));
			if (t.all === 0)
				lines.append(h("p", { class: "empty" }, "Nothing was written yet."));
			requestAnimationFrame(() => { // the newest is seen, or what was seen before
				lines.scrollTop = atEnd ? lines.scrollHeight : lines.scrollHeight - below;
			});
		}
		return t;
	};
	const { with: p, all } = await fill();
	const known = p ?? (all === 0 ? (await core.ask("person", { uid: at })) : null);
	const seen = () => lines.isConnected ? !document.hidden && fill().catch(() => {}) :
		document.removeEventListener("visibilitychange", seen);
	document.addEventListener("visibilitychange", seen);
	follow(lines, fill);
	return [known ? known.nickname || known.address : "Somebody who is no contact",
		h("p", {}, h("a", { href: "#/messages" }, "All messages"), known && [" · ",
			h("a", { href: `#/people?${known.uid}` }, "Who is it?")]),
		known?.level === "asks" && box("notice",
			h("p", { class: "what" }, h("span", {}, personName(known), " asks to write to you.")),
			h("p", {}, "Answering lets them write, too. Who is blocked is not told."),
			h("div", { class: "buttons" }, acceptButton(known, again), blockButton(known, again))),
		known?.level === "blocked" && box("notice", h("p", { class: "what" }, "You have blocked this person."),
			h("p", {}, h("a", { href: `#/people?${known.uid}` }, "Unblock"))),
		h("section", { class: "part", "aria-label": "Messages" }, earlier, lines,
			known && known.level !== "blocked" && writeForm(at, fill))];
}

const missingWords = "A message that was written before this one has not come. It may come yet; if it stays away, " +
	"ask that person by another way.";

// What is shown of one; `first`: those before it were read.
function message(x, first, fill) {
	const body = x.gone ? h("p", { class: "hint" }, "(taken away here)") :
		x.deleted ? h("p", { class: "hint" }, "(deleted)") :
			x.wrong ? troubleBox(ofContact(x.wrong)) : h("div", { class: "text", dir: "auto" }, x.text ?? "");
	const there = !x.gone && !x.deleted && !x.wrong;
	return h("div", { class: "said-by" },
		x.unread && first && h("p", { class: "since" }, badge("New", "good")),
		x.missing && h("p", { class: "since hint" }, missingWords),
		h("article", { class: x.own ? "msg own" : "msg" },
			h("p", { class: "hint" }, lineName(x), ", ", when(x.time_ms), x.edited && " (edited)",
				x.out && " (from a device that was put out)"),
			body,
			there && h("div", { class: "marks" },
				x.own && button("Edit", () => editMessage(x, fill), "link"),
				x.own && button("Delete", () => deleteMessage(x, fill), "link"),
				!x.own && button("Take away here", async () => {
					await sure("Take it away?", "From all your devices. The other one keeps it.", "Take away");
					await core.ask("message_delete", { id: x.id, here: true });
					await fill();
				}, "link"))));
}

// On glass there is no Shift: there the button sends.
const hasKeyboard = () => matchMedia("(pointer: fine)").matches;

function writeForm(at, fill) {
	const e = form({ submit: "Send", act: async ({ text }) => {
		const { asks } = await contactAsk("message_send", { at, text: trimmed(text) });
		if (e.elements.text.value === text) // else one has typed on
			e.elements.text.value = "";
		drafts.delete(at);
		if (asks)
			announce("Sent. You may not write there yet: this first message asks, and the next one waits for the answer.");
		// It is sent: who goes on typing does not wait, and what is not shown now is with the next look.
		fill().catch(() => {});
	} }, area({ label: "Message", name: "text", required: true, maxlength: 16384, rows: 3,
		hint: hasKeyboard() && "Enter sends it, Shift and Enter begin a line." }));
	const { text } = e.elements;
	text.value = drafts.get(at) ?? "";
	text.addEventListener("input", () => drafts.set(at, text.value));
	text.addEventListener("keydown", (k) => {
		const sends = k.ctrlKey || hasKeyboard();
		if (k.key !== "Enter" || k.isComposing || k.shiftKey || !sends)
			return;
		k.preventDefault();
		e.requestSubmit();
	});
	return e;
}

const trimmed = (text) => text.replaceAll("\r\n", "\n").replace(/\s+$/, "");

async function editMessage(x, fill) {
	const done = await dialog("Say it otherwise", (close) => form({ submit: "Change it", act: async ({ text }) => {
		await contactAsk("message_edit", { id: x.id, text: trimmed(text) });
		close(true);
	} }, area({ label: "Message", name: "text", value: x.text, required: true, maxlength: 16384, rows: 5,
		hint: "For both of you. Who has read it knows what it was." })));
	if (done)
		await fill();
}

async function deleteMessage(x, fill) {
	await sure("Delete it?", "The other one is asked to show it no more. Who has read it knows it.", "Delete");
	await contactAsk("message_delete", { id: x.id });
	await fill();
}
