// SPDX-License-Identifier: ISC
// signin.js: coming in: by a password and a factor, or with a new account.
import { core } from "./core.js";
import { field, screen, h, form, button, codeField, showTrouble, fresh } from "./dom.js";
import { browserName } from "./words.js";
import { entered } from "./app.js";
import { fingerprint, levels } from "./protection.js";
import { factorPanel } from "./ways.js";

const request = {
	post: (path, body) => core.ask("join_call", { path, body }),
	prove: (body, prf) => core.ask("prove", { body, ...(prf && { prf }) }),
};
const TRUSTED = "aumbry-trusted"; // names that this browser was trusted for

const deviceField = () => field({ label: "Name of this browser", name: "device_name",
	value: browserName(), maxlength: 64, required: true,
	hint: "How your other devices will list it." });

export function showSignin(server) {
	screen("Sign in", h("div", { class: "card" },
		form({ submit: "Continue", act: async (v) => {
			const answer = await core.ask("signin", { name: nameOf(v.name, server),
				password: v.password, device_name: browserName(), with: "factor" });
			await chooseWay(server, nameOf(v.name, server), answer);
		} },
		field({ label: "Name", name: "name", autocomplete: "username", required: true,
			hint: `Without @${server.host}.` }),
		field({ label: "Password", name: "password", type: "password", required: true,
			autocomplete: "current-password",
			hint: "It does not leave this page; the server only learns whether it is right." }))),
	server.invitations !== "closed" && h("p", { class: "below" }, "No account yet? ",
		h("a", { href: "#/signup" }, "Make one")));
}

// As a browser is remembered for it; what it stands for the core reads.
const nameOf = (typed, server) => typed.trim().toLowerCase().replace(`@${server.host}`, "");

async function chooseWay(server, name, answer) {
	const trusted = (localStorage.getItem(TRUSTED) ?? "").split(" ");
	if (trusted.includes(name)) {
		try {
			await core.ask("prove", { body: { method: "trusted" } });
			return entered("Signed in with the password: this browser is trusted.");
		} catch {
			localStorage.removeItem(TRUSTED);
		}
	}
	const codes = answer.methods.filter((m) => m !== "device");
	const device = answer.methods.includes("device");
	if (codes.length === 0)
		return askDevices(server, name, answer);
	const done = (trust) => async (state) => {
		if (state.choose)
			return lookOrAsk(server, name);
		if (state.who === "device")
			return entered("This browser is now one of your devices.");
		if (trust())
			localStorage.setItem(TRUSTED, [...trusted, name].join(" ").trim());
		await entered("Signed in, for an hour.");
	};
	const card = h("div", { class: "card" });
	card.append(factorPanel({ methods: codes, numbers: answer.numbers, via: request,
		trustable: !codes.includes("key") || codes.length > 1,
		done: done(() => card.querySelector("[name=trust]")?.checked) }));
	screen("Second step",
		device && h("section", { class: "card", "aria-labelledby": "by-device" },
			h("h2", { id: "by-device" }, "With a trusted device"),
			h("p", {}, "Best on a browser that is yours: it becomes one of your devices and can read ",
				"and approve like the others."),
			button("Ask my devices", () => askDevices(server, name, answer), "primary")),
		h("section", { "aria-labelledby": "by-code" },
			h("h2", { id: "by-code" }, device ? "Or with a code" : "With another factor"),
			h("p", { class: "hint" }, codes.includes("key") ?
				"A key that opens your data makes this browser one of your devices. Any other opens the settings for an hour." :
				"Opens the account’s settings for an hour, and none of its data."),
			card),
		startOver(server));
}

// A key that proves who one is, and holds nothing that opens the data.
function lookOrAsk(server, name) {
	screen("Your key is right",
		h("section", { class: "card", "aria-labelledby": "by-device" },
			h("h2", { id: "by-device" }, "Make this browser one of your devices"),
			h("p", {}, "This key does not open your data. A device of yours can let this browser in."),
			button("Ask my devices", () => askDevices(server, name, { methods: [] }), "primary")),
		h("section", { class: "card", "aria-labelledby": "by-look" },
			h("h2", { id: "by-look" }, "Or only look"),
			h("p", {}, "Opens the account’s settings for an hour, and none of its data."),
			button("Only look", async () => {
				await core.ask("visit");
				await entered("Signed in, for an hour.");
			})),
		startOver(server));
}

const startOver = (server) => h("p", { class: "below" },
	h("button", { type: "button", class: "link", onclick: async () => {
		await core.ask("cancel");
		showSignin(server);
	} }, "Start over"));

// ---- by a trusted device ----

async function askDevices(server, name, answer) {
	await core.ask("ask_devices");
	const state = h("p", { class: "waiting", role: "status" }, "Waiting for you to approve this browser…");
	const others = answer.methods.filter((m) => m !== "device");
	let over = false;
	const enter = form({ submit: "Let this browser in", act: async ({ code }) => {
		over = true;
		try {
			await core.ask("code", { code });
			await entered("This browser is now one of your devices.");
		} catch (e) {
			over = e.code !== "wrong-code" && e.code !== "wrong-code-kind";
			enter.elements.code.value = "";
			enter.elements.code.focus();
			if (!over)
				watch();
			throw e;
		}
	} },
	codeField({ label: "Code shown by the other device", digits: 8,
		hint: "8 digits. Only type it here, at the address you know." }));
	const main = screen("Approve this browser",
		h("div", { class: "card" },
			h("ol", { class: "steps" },
				h("li", {}, "Go to a device that is signed in already."),
				h("li", {}, "Open Aumbry there: ", h("em", {}, "Devices"), " in a browser, or ",
					h("code", {}, "aumbry device approve"), " in a terminal."),
				h("li", {}, "Approve this browser, and type the code it shows.")),
			state, enter),
		others.length > 0 && h("p", { class: "below" },
			h("button", { type: "button", class: "link", onclick: () => {
				over = true;
				chooseCode(server, name, answer);
			} }, "Use a code instead")),
		startOver(server));
	const look = async () => {
		if (over || !main.contains(state))
			return;
		try {
			const { allowed } = await core.ask("look");
			if (allowed)
				state.textContent = "Approved. Type the code that the other device shows now.";
			setTimeout(look, 1500);
		} catch (e) {
			over = true;
			showTrouble(enter.querySelector(".trouble"), e);
			state.textContent = "The request has ended.";
		}
	};
	const watch = () => setTimeout(look, 1500);
	watch();
}

function chooseCode(server, name, answer) {
	chooseWay(server, name, { ...answer, methods: answer.methods.filter((m) => m !== "device") });
}

// ---- a new account ----

export function showSignup(server) {
	const invited = new URLSearchParams(location.hash.split("?")[1] ?? "").get("invite") ?? "";
	screen("Make an account", h("div", { class: "card" },
		form({ submit: "Make the account", act: async (v) => {
			await core.ask("signup", { name: v.name.trim(), password: v.password,
				invite: v.invite?.trim() ?? "", device_name: v.device_name.trim(),
				no_two_factor: false, ...(v.level === "standard" && { escrow: server.fingerprint }) });
			await entered("Your account is ready, and this browser is its first device.");
		} },
		server.invitations === "required" && field({ label: "Invitation", name: "invite",
			required: true, value: invited, placeholder: "abcd-efgh-jkmn-pqrs",
			hint: "From who runs this server." }),
		field({ label: "Name", name: "name", autocomplete: "username", required: true,
			hint: `You will be name@${server.host}. Letters a to z, digits, dot, dash, underscore.` }),
		field({ label: "Password", name: "password", type: "password", required: true,
			autocomplete: "new-password",
			hint: "It does not leave this page. Nobody can look it up for you later." }),
		deviceField(),
		server.fingerprint && h("fieldset", {}, h("legend", {}, "Who can help you back in?"),
			Object.entries(levels).map(([value, [name, words]], i) => {
				const id = fresh("l");
				return h("div", { class: "choice option" },
					h("input", { type: "radio", id, name: "level", value, checked: i === 0 }),
					h("label", { for: id }, name, h("span", { class: "hint" }, words),
						i === 0 && fingerprint(server.fingerprint)));
			})))),
	h("p", { class: "below" }, "Have an account? ", h("a", { href: "#/" }, "Sign in")));
}
