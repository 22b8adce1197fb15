// SPDX-License-Identifier: ISC
// dom.js: elements, and the few parts that every screen is made of.
import { explain } from "./words.js";

// h("p", {class: "x", onclick: f}, "text", element, [more])
export function h(tag, attrs, ...children) {
	const e = tag === "svg" || tag === "path" ?
		document.createElementNS("http://www.w3.org/2000/svg", tag) :
		document.createElement(tag);
	for (const [k, v] of Object.entries(attrs ?? {})) {
		if (k.startsWith("on"))
			e.addEventListener(k.slice(2), v);
		else if (v === true)
			e.setAttribute(k, "");
		else if (v !== false && v !== undefined && v !== null)
			e.setAttribute(k, v);
	}
	e.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false)
		.map((c) => typeof c === "string" ? shown(c) : c));
	return e;
}

// What is not seen, or turns the direction of writing, as the program shows it;
// joiners between letters that are not ASCII belong to their spelling.
// eslint-disable-next-line no-control-regex, no-misleading-character-class -- it lists them
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff0-\ufffb\u{e0000}-\u{e0fff}\p{Cs}]/gu;
export const shown = (text) => text.replace(HIDDEN, (c, at, all) =>
	/[\u200c\u200d]/.test(c) && all.charCodeAt(at - 1) > 127 && all.charCodeAt(at + 1) > 127 ? c :
		[...new TextEncoder().encode(c)].map((b) => `\\x${b.toString(16).padStart(2, "0")}`).join(""));

let numbers = 0;
export const fresh = (word) => `${word}-${++numbers}`;

// A labelled input with words below it.
// field({label, name, type, hint, value, …attributes of the input})
export function field({ label, hint, ...rest }) {
	const id = fresh("f");
	const input = h("input", { id, autocapitalize: "none", spellcheck: "false",
		"aria-describedby": hint ? `${id}-hint` : null, ...rest });
	return h("div", { class: "field" },
		h("label", { for: id }, label),
		rest.type === "password" ? withShow(input) : input,
		hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

// The same of many lines.
export function area({ label, hint, value = "", ...rest }) {
	const id = fresh("f");
	const e = h("textarea", { id, dir: "auto", "aria-describedby": hint ? `${id}-hint` : null, ...rest });
	e.value = value;
	return h("div", { class: "field long" },
		h("label", { for: id }, label), e,
		hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

function withShow(input) {
	const toggle = h("button", { type: "button", class: "quiet", "aria-pressed": "false",
		onclick() {
			const visible = input.type === "text";
			input.type = visible ? "password" : "text";
			toggle.textContent = visible ? "Show" : "Hide";
			toggle.setAttribute("aria-pressed", String(!visible));
		} }, "Show");
	toggle.setAttribute("aria-label", "Show the password");
	return h("div", { class: "with-button" }, input, toggle);
}

// A form of passwords says whose they are, or a manager of passwords guesses.
export const nameField = (name) => h("input", { name: "username", autocomplete: "username", value: name,
	readonly: true, hidden: true });

export function codeField({ label, digits, hint, name = "code", ...rest }) {
	return field({ label, hint, name, inputmode: "numeric", autocomplete: "one-time-code",
		maxlength: 4 * digits + 8, class: "code", required: true,
		placeholder: digits === 8 ? "0000-0000" : "000000", ...rest });
}

export function choice({ label, hint, name, ...rest }) {
	const id = fresh("c");
	return h("div", { class: "choice" },
		h("input", { type: "checkbox", id, name, ...rest }),
		h("label", { for: id }, label, hint && h("span", { class: "hint" }, hint)));
}

// A form whose errors are shown in it, and which is busy while it works.
// act(values, form) may throw what the core answered.
export function form({ submit, act, danger, secondary }, ...children) {
	const send = h("button", { type: "submit", class: danger ? "danger" : "primary" }, submit);
	const trouble = h("div", { class: "trouble", role: "alert" });
	const e = h("form", { novalidate: true }, children, trouble,
		h("div", { class: "actions" }, send, secondary));
	e.addEventListener("submit", async (event) => {
		event.preventDefault();
		const empty = [...e.elements].find((x) => x.required && x.value.trim() === "");
		if (empty) {
			showTrouble(trouble, { code: "input-missing",
				message: `“${empty.labels[0].textContent}” is empty.`,
				remedy: "Fill it in." });
			empty.setAttribute("aria-invalid", "true");
			empty.focus();
			return;
		}
		await busy(send, trouble, () =>
			act(Object.fromEntries(new FormData(e)), e));
	});
	e.addEventListener("input", (event) => event.target.removeAttribute("aria-invalid"));
	return e;
}

// Run act with the button out of reach; what it throws goes to `trouble`.
export async function busy(b, trouble, act) {
	if (b.getAttribute("aria-disabled") === "true")
		return;
	trouble.replaceChildren();
	b.setAttribute("aria-disabled", "true");
	b.classList.add("busy");
	try {
		await act();
	} catch (e) {
		if (e !== gaveUp)
			showTrouble(trouble, e);
	} finally {
		b.removeAttribute("aria-disabled");
		b.classList.remove("busy");
	}
}

// A button with its own place for errors.
export function button(label, act, kind = "") {
	const b = h("button", { type: "button", class: kind,
		onclick: () => busy(b, trouble, act) }, label);
	const trouble = h("div", { class: "trouble", role: "alert" });
	return h("div", { class: "act" }, b, trouble);
}

export const gaveUp = new Error("given up by the person");

export function showTrouble(at, e) {
	at.replaceChildren(troubleBox(e));
}

export function troubleBox(e) {
	const said = explain(e);
	return h("div", { class: "box error" },
		h("p", { class: "what" }, h("span", { class: "sign", "aria-hidden": "true" }, "!"), said.message),
		said.remedy && h("p", {}, said.remedy),
		h("p", { class: "hint" }, "Code: ", h("code", {}, said.code)));
}

export function box(kind, ...children) {
	return h("div", { class: `box ${kind}` }, children);
}

// A part of a screen, named by its heading.
export function part(title, ...children) {
	const id = fresh("h");
	return h("section", { class: "part", "aria-labelledby": id },
		h("h2", { id }, title), children);
}

// One line of a list: what it is, what is known of it, what one can do.
export function row({ title, badge, lines, actions }) {
	return h("li", { class: "row" },
		h("div", { class: "about" },
			h("p", { class: "title" }, title, badge),
			(lines ?? []).filter(Boolean).map((l) => h("p", { class: "hint" }, l))),
		actions && h("div", { class: "row-actions" }, actions));
}

export const badge = (words, kind = "") => h("span", { class: `badge ${kind}` }, words);

// A dialog that gives what `fill(close)` is closed with; Escape gives nothing.
export function dialog(title, fill) {
	return new Promise((resolve) => {
		const id = fresh("d");
		const before = document.activeElement;
		let result;
		const close = (value) => {
			result = value;
			e.close();
		};
		const e = h("dialog", { "aria-labelledby": id },
			h("div", { class: "dialog-head" },
				h("h2", { id }, title),
				h("button", { type: "button", class: "quiet", onclick: () => close() }, "Close")),
			fill(close));
		e.addEventListener("close", () => {
			e.remove();
			if (before?.isConnected)
				before.focus();
			resolve(result);
		});
		document.body.append(e);
		e.showModal();
		e.querySelector("input:not([hidden]), select, textarea")?.focus();
	});
}

// Puts words where one can paste them from.
export const copyButton = (label, words, kind = "") => {
	const b = h("button", { type: "button", class: kind, onclick: async () => {
		try {
			await navigator.clipboard.writeText(words);
			b.textContent = "Copied";
		} catch {
			b.textContent = "Not copied: mark it and copy it by hand";
		}
	} }, label);
	return b;
};

// Ask before something that cannot be taken back.
export async function sure(title, words, doIt) {
	const yes = await dialog(title, (close) => [
		h("p", {}, words),
		h("div", { class: "actions" },
			h("button", { type: "button", class: "danger", onclick: () => close(true) }, doIt),
			h("button", { type: "button", onclick: () => close() }, "Cancel")),
	]);
	if (!yes)
		throw gaveUp;
}

// Said once, by the screen and by a screen reader.
export function announce(words) {
	const at = document.getElementById("said");
	at.replaceChildren(h("p", {}, words));
	clearTimeout(announce.timer);
	announce.timer = setTimeout(() => at.replaceChildren(), 8000);
}

// Put a screen in place; its heading gets the focus, so that it is read.
export function screen(title, ...children) {
	const heading = h("h1", { tabindex: "-1" }, title);
	const main = document.getElementById("main");
	document.title = `${title} – Aumbry`;
	main.replaceChildren(heading, ...children.flat(9).filter(Boolean));
	main.removeAttribute("aria-busy");
	heading.focus({ preventScroll: true });
	scrollTo(0, 0);
	return main;
}
