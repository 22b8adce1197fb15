// SPDX-License-Identifier: ISC
// ways.js: showing a second factor, whichever it is: at sign-in and step-up.
import { h, choice, form, codeField, button, dialog, field, nameField, gaveUp } from "./dom.js";
import { ways } from "./words.js";
import { keyAssertion } from "./keys.js";
import { core } from "./core.js";
import { canTrust, hasKeys } from "./needs.js";

// What `via` must have: post(path, body), prove(body).
// fill: one way at a time, with the others offered below it.
export function factorPanel({ methods, numbers = [], via, done, trustable, more }) {
	const at = h("div", { class: "factor" });
	const codes = methods.filter((m) => m !== "device");
	const others = hasKeys() ? codes : [...codes.filter((m) => m !== "key"), ...codes.filter((m) => m === "key")];
	const show = (way) => {
		const rest = others.filter((m) => m !== way);
		at.replaceChildren(...[
			panels[way]({ numbers, via, done, trustable }),
			(rest.length > 0 || more) && h("div", { class: "other-ways" },
				h("p", { class: "hint" }, "Another way:"),
				h("ul", {}, rest.map((m) => h("li", {},
					h("button", { type: "button", class: "link",
						onclick: () => show(m) }, ways[m]))),
				more && h("li", {}, more))),
		].filter(Boolean));
		at.querySelector("input")?.focus();
	};
	if (others.length > 0)
		show(others[0]);
	return at;
}

const trustChoice = (trustable) => trustable && canTrust() && choice({ name: "trust",
	label: "Trust this browser for 30 days",
	hint: "It will need the password alone. Only on a machine that is yours." });

const panels = {
	authenticator: ({ via, done, trustable }) => form({ submit: "Continue",
		act: async ({ code, trust }) => done(await via.prove({ method: "authenticator",
			code, ...(trust && { trust: true }) })) },
	h("p", {}, "Open your authenticator app and type the code it shows for this account."),
	codeField({ label: "Code from the app", digits: 6 }), trustChoice(trustable)),
	text: (x) => sentCode("text", x),
	call: (x) => sentCode("call", x),
	key: ({ via, done, trustable }) => form({ submit: "Use the security key",
		act: async ({ trust }) => {
			const { body, prf } = await keyAssertion(via);
			done(await via.prove({ ...body, ...(trust && { trust: true }) }, prf));
		} },
	h("p", {}, "Have your security key ready. The browser asks for it, and for its PIN."),
	trustChoice(trustable)),
};

function sentCode(way, { numbers, via, done, trustable }) {
	const usable = numbers.filter((n) => way === "call" || !n.call);
	const said = h("p", { role: "status" });
	let sent = false;
	const select = usable.length > 1 && h("div", { class: "field" },
		h("label", { for: "which-number" }, "Number"),
		h("select", { id: "which-number", name: "number" },
			usable.map((n) => h("option", { value: n.id }, n.hint))));
	const send = async () => {
		const number = select ? select.querySelector("select").value : usable[0]?.id;
		const a = await via.post("/v1/factors/send", { method: way, ...(number && { number }) });
		sent = true;
		again.querySelector("button").textContent = way === "text" ? "Send another code" : "Call again";
		said.textContent = `${way === "text" ? "A text is on its way to" : "We are calling"} ` +
			`the number ending in ${(a.hint ?? "").slice(-2)}. Only its newest code counts` +
			(a.left === undefined ? "." : `; ${a.left} more this hour.`);
	};
	const again = button(way === "text" ? "Send me a code" : "Call me", send);
	return form({ submit: "Continue", act: async ({ code, trust }) => {
		if (!sent && code === "")
			await send();
		done(await via.prove({ method: way, code, ...(trust && { trust: true }) }));
	} },
	h("p", {}, way === "text" ? "We send a code to a phone number of the account." :
		"We call a phone number of the account and say a code."),
	select, again, said, codeField({ label: "Code", digits: 6 }), trustChoice(trustable));
}

// Ask for password and factor; resolves when both were shown.
export async function stepUp(why) {
	const { name } = await core.ask("state");
	return dialog("Confirm that it is you", (close) => {
		const at = h("div", {});
		const via = {
			post: (path, body) => core.call("POST", path, body),
			prove: (body) => core.call("POST", "/v1/factors/prove", body),
		};
		at.append(form({ submit: "Continue", act: async ({ password }) => {
			const a = await core.ask("step_up", { password });
			if (!a.methods) {
				close(true);
				return;
			}
			at.replaceChildren(factorPanel({ methods: a.methods, numbers: a.numbers, via,
				done: () => close(true) }));
			at.querySelector("input")?.focus();
		} },
		h("p", {}, why ?? "This changes how the account is protected. It holds for 5 minutes."),
		nameField(name),
		field({ label: "Password", type: "password", name: "password", required: true,
			autocomplete: "current-password" })));
		return at;
	});
}

// Do it; when the server wants a step-up first, make one and do it again.
export async function stepped(act, why) {
	try {
		return await act();
	} catch (e) {
		if (e.code !== "step-up-required")
			throw e;
	}
	if (!await stepUp(why))
		throw gaveUp;
	return act();
}

export const change = (method, path, body) => stepped(() => core.call(method, path, body));
