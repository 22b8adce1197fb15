// SPDX-License-Identifier: ISC
// security.js: password, two-factor and each kind of factor, notices by mail.
import { core, problem } from "./core.js";
import { part, h, badge, button, sure, announce, dialog, form, codeField, row, field, nameField, choice, gaveUp } from "./dom.js";
import { change, stepped, stepUp } from "./ways.js";
import { qrImage } from "./qr.js";
import { when, ago } from "./words.js";
import { keyMake } from "./keys.js";
import { notForVisitors } from "./account.js";
import { hasKeys } from "./needs.js";

// A visitor looks, and changes nothing that opens the account.
let visitor = false;
const changing = (...words) => !visitor && button(...words);

export async function showSecurity(me, again) {
	visitor = me.who === "visitor";
	const [account, phones, keys, mail] = await Promise.all([
		core.call("GET", "/v1/account"),
		maybe("/v1/phones", { phones: [], gateways: {} }),
		maybe("/v1/security-keys", null),
		maybe("/v1/mail", { addresses: [] }),
	]);
	return ["Security",
		visitor && notForVisitors("Changing what opens the account"),
		twoFactorPart(account, again),
		authenticatorPart(account, again),
		phonesPart(phones, again),
		keys && keysPart(keys, me, again),
		passwordPart(me),
		mailPart(mail, again)];
}

async function maybe(path, otherwise) {
	try {
		return await core.call("GET", path);
	} catch (e) {
		if (e.code === "not-found" || e.code === "bad-request")
			return otherwise;
		throw e;
	}
}

// ---- on and off ----

function twoFactorPart(account, again) {
	const on = account.two_factor === "on";
	const has = account.factors.length > 0;
	return part("Two-factor authentication",
		h("p", {}, badge(on ? "✓ On" : account.two_factor === "pending" ? "! Not on yet" : "! Off",
			on ? "good" : "warn")),
		h("p", {}, on ? "Signing in takes your password and something that you have." :
			has ? "You have a second factor, and it is not asked for." :
				"Add an authenticator app or a phone number below: two-factor is on as soon as it is confirmed."),
		on ? changing("Turn off", async () => {
			await sure("Turn two-factor off?", "A stolen password is enough to change the account then. " +
				"All app passwords are revoked. While Backup or Drive hold data it stays on.", "Turn off");
			await change("POST", "/v1/two-factor", { state: "off" });
			announce("Two-factor is off.");
			await again();
		}) : has && changing("Turn on", async () => {
			await change("POST", "/v1/two-factor", { state: "on" });
			announce("Two-factor is on.");
			await again();
		}, "primary"));
}

// ---- authenticator ----

function authenticatorPart(account, again) {
	const has = account.factors.includes("authenticator");
	return part("Authenticator app",
		h("p", {}, has ? "An app on your phone makes a code every 30 seconds. It is set up." :
			"An app on your phone makes a code every 30 seconds. It works without a network."),
		h("div", { class: "buttons" },
			changing(has ? "Set up another instead" : "Set up", async () => {
				const made = await change("POST", "/v1/authenticator");
				if (await showSecret(made))
					await again();
			}, has ? "" : "primary"),
			has && changing("Remove", async () => {
				await sure("Remove the authenticator?", "Its codes stop working at once.", "Remove");
				await change("DELETE", "/v1/authenticator");
				announce("The authenticator is removed.");
				await again();
			})));
}

const showSecret = ({ secret, uri }) => dialog("Set up the authenticator", (close) => [
	h("ol", { class: "steps" },
		h("li", {}, "Scan this with the app, ", h("a", { href: uri }, "open it on this machine"),
			", or type the key below into it."),
		h("li", {}, "Type the code that the app shows then.")),
	qrImage(uri, "QR code for the authenticator app"),
	h("p", { class: "secret" }, h("code", {}, secret.match(/.{1,4}/g).join(" "))),
	form({ submit: "Confirm", act: async ({ code }) => {
		const a = await core.call("POST", "/v1/authenticator/confirm", { code });
		announce(`The authenticator is set up; two-factor is ${a.two_factor}.`);
		close(true);
	} }, codeField({ label: "Code from the app", digits: 6 })),
]);

// ---- phones ----

function phonesPart({ phones, gateways }, again) {
	const can = gateways.text || gateways.call;
	return part("Phone numbers",
		h("p", {}, "We send a code by text or say it in a call. Good when the app is out of reach; ",
			"weaker than an app or a key, since numbers can be taken over."),
		phones.length > 0 && h("ul", { class: "rows" }, phones.map((p) => row({
			title: p.number,
			badge: !p.confirmed && badge("Not confirmed", "warn"),
			lines: [p.call ? "By call" : "By text"],
			actions: changing("Remove", async () => {
				await sure("Remove this number?", `Codes no longer go to ${p.number}.`, "Remove");
				await change("POST", "/v1/phones/remove", { number: p.number });
				announce("The number is removed.");
				await again();
			}) }))),
		can ? changing("Add a number", async () => {
			if (await addPhone(gateways))
				await again();
		}) : h("p", { class: "hint" }, "This server cannot send texts or make calls. ",
			"Who runs it can set that up."));
}

const addPhone = (gateways) => dialog("Add a phone number", (close) => {
	const at = h("div", {});
	const confirm = (asked, number) => {
		at.replaceChildren(form({ submit: "Confirm", act: async ({ code }) => {
			await core.call("POST", "/v1/phones/confirm", { code });
			announce(`${number} is confirmed.`);
			close(true);
		}, secondary: h("button", { type: "button", class: "link", onclick: ask }, "Didn’t get a code?") },
		h("p", {}, `A code is on its way to ${number}.`, asked.left === undefined ? "" :
			` ${asked.left} more can be sent this hour.`),
		codeField({ label: "Code", digits: 6 })));
		at.querySelector("input").focus();
	};
	const ask = () => {
		at.replaceChildren(form({ submit: "Send a code", act: async (v) => {
			const body = { number: v.number, call: v.call === "on" || !gateways.text };
			confirm(await change("POST", "/v1/phones", body), v.number);
		} },
		field({ label: "Number", name: "number", type: "tel", autocomplete: "tel", required: true,
			placeholder: "+49 151 2345678", hint: "With + and the country’s code." }),
		gateways.call && gateways.text && choice({ name: "call", label: "Call instead of a text",
			hint: "For lines that take no texts." })));
		at.querySelector("input").focus();
	};
	ask();
	return at;
});

// ---- security keys ----

function keysPart({ keys, on }, me, again) {
	return part("Security keys",
		h("p", {}, "Small devices that you plug in or hold to the phone. The strongest factor: ",
			"a false page gets nothing from them. You need two, so that losing one locks you out of nothing."),
		h("p", {}, badge(on ? "✓ On: codes are refused everywhere" :
			keys.length === 1 ? "! Add a second key to turn them on" : "Not used", on ? "good" :
			keys.length === 1 ? "warn" : "")),
		keys.length > 0 && h("ul", { class: "rows" }, keys.map((k) => row({
			title: k.name,
			badge: k.blocked ? badge("Blocked: it may have been copied", "warn") :
				k.member && badge("Opens your data", "good"),
			lines: [`Added ${when(k.added_ms)}`, k.used_ms ? `Used ${ago(k.used_ms)}` : "Not used yet"],
			actions: keys.length !== 2 && changing("Remove", async () => {
				await sure("Remove this key?", `“${k.name}” stops working for this account.`, "Remove");
				await stepped(() => core.ask("key_remove", { id: k.id }));
				announce("The key is removed.");
				await again();
			}) }))),
		h("div", { class: "buttons" },
			keys.length < 6 && !hasKeys() && h("p", { class: "hint" },
				"This browser has no security keys (WebAuthn): add them in another one."),
			keys.length < 6 && hasKeys() && changing("Add a key", async () => {
				if (await addKey())
					await again();
			}),
			keys.length > 1 && changing("Remove all keys", async () => {
				await sure("Remove all keys?", "Codes work again from then on, which is weaker.", "Remove all");
				await stepped(() => core.ask("key_remove"));
				announce("All keys are removed; codes work again.");
				await again();
			})));
}

const addKey = () => dialog("Add a security key", (close) => form({ submit: "Continue",
	act: async ({ name }) => {
		const ask = await change("POST", "/v1/security-keys/start", {});
		const made = await keyMake(ask);
		const a = await stepped(() => core.ask("key_add", { name: name.trim(), ...made }));
		announce(`${a.member ? "The key is added, and opens your data on a new device with the password." :
			`The key is added as a second factor only: ${a.why}.`} ${
			a.on ? "Codes are refused from now on." : "Add a second one to turn security keys on."}`);
		close(true);
	} },
h("p", {}, "Have the key ready. The browser will ask for it, and for its PIN."),
field({ label: "Name of the key", name: "name", required: true, maxlength: 64, autocomplete: "off",
	placeholder: "Blue key on my keyring" })));

// ---- password ----

function passwordPart(me) {
	return part("Password",
		h("p", {}, "Changing it signs out trusted browsers and revokes all app passwords. ",
			"Your data stays as it is: it was never locked by the password."),
		changing("Change the password", async () => {
			await dialog("Change the password", (close) => form({ submit: "Change it",
				act: async ({ fresh, repeated }) => {
					await core.ask("password_ok", { password: fresh });
					if (fresh !== repeated)
						throw problem("bad-request", "the two are not the same", "Type the new password twice.");
					if (!await stepUp("First the password that you have now."))
						throw gaveUp;
					await core.ask("new_password", { password: fresh });
					announce("The password is changed.");
					close(true);
				} },
			nameField(me.name),
			field({ label: "New password", name: "fresh", type: "password", required: true,
				autocomplete: "new-password" }),
			field({ label: "The same once more", name: "repeated", type: "password", required: true,
				autocomplete: "new-password" })));
		}));
}

// ---- mail ----

function mailPart({ addresses }, again) {
	return part("Notices by mail",
		h("p", {}, "We write when something changes how the account is protected: a new device, ",
			"a new factor, a new password."),
		addresses.length > 0 && h("ul", { class: "rows" }, addresses.map((a) => row({
			title: a.address,
			badge: !a.confirmed && badge("Not confirmed", "warn"),
			actions: changing("Remove", async () => {
				await sure("Remove this address?", `No notices go to ${a.address} any more.`, "Remove");
				await change("POST", "/v1/mail/remove", { address: a.address });
				announce("The address is removed.");
				await again();
			}) }))),
		changing("Add an address", async () => {
			if (await addMail())
				await again();
		}));
}

const addMail = () => dialog("Add a mail address", (close) => {
	const at = h("div", {});
	at.append(form({ submit: "Send a code", act: async ({ address }) => {
		await change("POST", "/v1/mail", { address: address.trim() });
		at.replaceChildren(form({ submit: "Confirm", act: async ({ code }) => {
			await core.call("POST", "/v1/mail/confirm", { code });
			announce(`Notices go to ${address} from now on.`);
			close(true);
		} }, h("p", {}, `A code is on its way to ${address}.`), codeField({ label: "Code", digits: 6 })));
		at.querySelector("input").focus();
	} }, field({ label: "Address", name: "address", type: "email", autocomplete: "email", required: true })));
	return at;
});
