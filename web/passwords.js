// SPDX-License-Identifier: ISC
// passwords.js: app-specific passwords.
import { core } from "./core.js";
import { h, row, badge, button, sure, announce, dialog, form, field, fresh, copyButton } from "./dom.js";
import { when, ago } from "./words.js";
import { change } from "./ways.js";

const scopes = {
	mail: ["Mail", "Reading and sending mail (IMAP, POP3, SMTP)."],
	dav: ["Calendars and contacts", "CalDAV and CardDAV."],
	files: ["Files", "Reading and writing files (WebDAV)."],
	"files:ro": ["Files, only reading", "Reading files (WebDAV)."],
};
const spans = [["", "Never"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"]];

const scopeWords = (scope) => {
	const [base, folder] = scope.split(":/");
	return (scopes[base]?.[0] ?? base) + (folder ? ` in /${folder}` : "");
};

export async function showPasswords(me, again) {
	const { app_passwords: list } = await core.call("GET", "/v1/app-passwords");
	return ["App passwords",
		h("p", {}, "For programs that only know a name and a password, such as mail and calendar apps. ",
			"Each opens one kind of service, and can be revoked alone. Your own password never goes there."),
		list.length === 0 ? h("p", { class: "empty" }, "There is none yet.") :
			h("ul", { class: "rows" }, list.map((p) => row({
				title: p.label,
				badge: badge(scopeWords(p.scope)),
				lines: [`Made ${when(p.created_ms)}`,
					p.used_ms ? `Used ${ago(p.used_ms)} from ${p.used_from}` : "Never used",
					p.expires_ms && `Ends ${when(p.expires_ms)}`],
				actions: button("Revoke", async () => {
					await sure("Revoke it?", `“${p.label}” can no longer sign in.`, "Revoke");
					await core.call("DELETE", `/v1/app-passwords/${p.id}`);
					announce("It is revoked.");
					await again();
				}) }))),
		h("div", { class: "buttons" },
			me.who !== "visitor" && button("Make one", async () => {
				if (await make())
					await again();
			}, "primary"),
			list.length > 1 && button("Revoke all", async () => {
				await sure("Revoke all?", "Every program that uses one is signed out.", "Revoke all");
				await core.call("DELETE", "/v1/app-passwords");
				announce("All are revoked.");
				await again();
			}))];
}

const make = () => dialog("Make an app password", (close) => {
	const at = h("div", {});
	at.append(form({ submit: "Make it", act: async ({ label, scope, days }) => {
		const made = await change("POST", "/v1/app-passwords", { label: label.trim(), scope,
			...(days && { lives_s: days * 86400 }) });
		at.replaceChildren(
			h("p", {}, "Copy it into the program now. It is not shown again."),
			h("dl", { class: "facts" }, h("dt", {}, "Name"), h("dd", {}, h("code", {}, made.name)),
				h("dt", {}, "Password"), h("dd", {}, h("code", { class: "shown-code small" }, made.password))),
			h("div", { class: "actions" },
				copyButton("Copy the password", made.password, "primary"),
				h("button", { type: "button", onclick: () => close(true) }, "Done")));
		at.querySelector("button").focus();
	} },
	field({ label: "What is it for?", name: "label", required: true, maxlength: 64, autocomplete: "off",
		placeholder: "Mail on my phone" }),
	h("fieldset", {}, h("legend", {}, "What may it open?"),
		Object.entries(scopes).map(([value, [name, words]], i) => {
			const id = fresh("s");
			return h("div", { class: "choice" },
				h("input", { type: "radio", id, name: "scope", value, checked: i === 0 }),
				h("label", { for: id }, name, h("span", { class: "hint" }, words)));
		})),
	h("div", { class: "field" }, h("label", { for: "days" }, "When does it end?"),
		h("select", { id: "days", name: "days" },
			spans.map(([v, words]) => h("option", { value: v }, words))))));
	return at;
});
