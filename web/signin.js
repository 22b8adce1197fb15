// SPDX-License-Identifier: ISC
// signin.js: coming in: by a password and a factor, or with a new account.
import { core, passes } from "./core.js";
import { field, screen, box, h, form, button, codeField, showTrouble, fresh } from "./dom.js";
import { browserName } from "./words.js";
import { entered } from "./app.js";
import { fingerprint, levels } from "./protection.js";
import { factorPanel } from "./ways.js";
import { askToKeep, lacks } from "./needs.js";

const request = {
	post: (path, body) => core.ask("join_call", { path, body }),
	prove: (body, prf) => core.ask("prove", { body, ...(prf && { prf }) }),
};
const TRUSTED = "aumbry-trusted"; // names that this browser was trusted for
const trustedNames = () => {
	try {
		return (localStorage.getItem(TRUSTED) ?? "").split(" ");
	} catch { // a browser that keeps nothing is not trusted
		return [];
	}
};

// ---- Back and Forward ----

// How each later step of this sign-in is drawn: Back goes to the one before,
// and not off the page.
let steps = [];
let prompted = false; // the devices show a prompt

function nextStep(draw) {
	steps.length = history.state?.step ?? 0;
	steps.push(draw);
	history.pushState({ step: steps.length }, "");
	draw();
}

// Whether step n is there, and now shown.
export function stepShown(n) {
	steps[n - 1]?.();
	return Boolean(steps[n - 1]);
}

// No step is open any more; what devices were asked is taken back.
async function endSteps(withdraw = prompted) {
	stepsDone();
	if (withdraw)
		await core.ask("cancel");
}

export function stepsDone() {
	steps = [];
	prompted = false;
}

const deviceField = () => field({ label: "Name of this browser", name: "device_name",
	value: browserName(), maxlength: 64, required: true, autocomplete: "off",
	hint: "How your other devices will list it." });

const lackNotes = () => lacks().length > 0 && h("section", { class: "card", "aria-labelledby": "lacks" },
	h("h2", { id: "lacks" }, "What this browser lacks"),
	h("ul", { class: "steps" }, lacks().map((x) => h("li", {}, x))));

export async function showSignin(server) {
	await endSteps();
	screen("Sign in", h("div", { class: "card" },
		form({ submit: "Continue", act: async (v, typed) => {
			await core.roomy();
			const answer = await core.ask("signin", { name: nameOf(v.name, server),
				password: v.password, device_name: browserName(), with: "factor" });
			if (typed.isConnected) // else one has gone elsewhere meanwhile
				await chooseWay(server, nameOf(v.name, server), answer);
		} },
		field({ label: "Name", name: "name", autocomplete: "username", required: true,
			hint: `Without @${server.host}.` }),
		field({ label: "Password", name: "password", type: "password", required: true,
			autocomplete: "current-password",
			hint: "It does not leave this page; the server only learns whether it is right." }))),
	lackNotes(),
	server.invitations !== "closed" && h("p", { class: "below" }, "No account yet? ",
		h("a", { href: "#/signup" }, "Make one")));
}

// As a browser is remembered for it; what it stands for the core reads.
const nameOf = (typed, server) => typed.trim().toLowerCase().replace(`@${server.host}`, "");

async function chooseWay(server, name, answer) {
	const trusted = trustedNames();
	if (trusted.includes(name)) {
		try {
			await core.ask("prove", { body: { method: "trusted" } });
			return entered("Signed in with the password: this browser is trusted.");
		} catch {
			localStorage.removeItem(TRUSTED);
		}
	}
	if (answer.methods.every((m) => m === "device"))
		return askDevices(server, name, answer);
	nextStep(() => showWays(server, name, answer));
}

function showWays(server, name, answer) {
	const trusted = trustedNames();
	const codes = answer.methods.filter((m) => m !== "device");
	const device = answer.methods.includes("device");
	const done = (trust) => async (state) => {
		if (state.choose)
			return nextStep(() => lookOrAsk(server, name));
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
		await endSteps(true);
		history.replaceState(null, "");
		await showSignin(server);
	} }, "Start over"));

// ---- by a trusted device ----

async function askDevices(server, name, answer) {
	const from = document.querySelector("h1");
	askToKeep();
	prompted = true;
	await core.ask("ask_devices");
	if (from.isConnected) // else one has gone back meanwhile
		nextStep(() => showAsked(server, name, answer));
}

function showAsked(server, name, answer) {
	const state = h("p", { class: "waiting", role: "status" });
	const say = (words) => state.textContent !== words && state.replaceChildren(words); // read out once
	say("Waiting for you to approve this browser…");
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
	codeField({ label: "Code shown by the other device", digits: 8, autocomplete: "off",
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
				showWays(server, name, { ...answer, methods: others });
			} }, "Use a code instead")),
		startOver(server));
	const look = async () => {
		if (over || !main.contains(state))
			return;
		try {
			const { allowed } = await core.ask("look");
			say(allowed ? "Approved. Type the code that the other device shows now." :
				"Waiting for you to approve this browser…");
			watch();
		} catch (e) {
			if (passes(e)) {
				say("The server cannot be reached. Trying again…");
				return watch();
			}
			over = true;
			showTrouble(enter.querySelector(".trouble"), e);
			say("The request has ended.");
		}
	};
	const watch = () => setTimeout(look, 1500);
	watch();
}

// ---- a new account ----

export async function showSignup(server) {
	await endSteps();
	const invited = new URLSearchParams(location.hash.split("?")[1] ?? "").get("invite") ?? "";
	screen("Make an account", h("div", { class: "card" },
		form({ submit: "Make the account", act: async (v) => {
			askToKeep();
			// What the first step leaves is kept before the second one tells the server.
			await core.roomy();
			await core.ask("signup", { name: v.name.trim(), password: v.password,
				invite: v.invite?.trim() ?? "", device_name: v.device_name.trim(),
				no_two_factor: false, ...(v.level === "standard" && { escrow: server.fingerprint }) });
			await core.ask("signup_end");
			await entered("Your account is ready, and this browser is its first device.");
		} },
		server.invitations === "required" && field({ label: "Invitation", name: "invite",
			required: true, value: invited, autocomplete: "off", placeholder: "abcd-efgh-jkmn-pqrs",
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
			})),
		box("notice", h("p", { class: "what" }, "This browser becomes your first device, and may forget it"),
			h("p", {}, "It does when the data of this site is cleared, and at its end if the window is private; some browsers " +
				"do after days without a visit. Make a recovery key as soon as you are in.")))),
	lackNotes(),
	h("p", { class: "below" }, "Have an account? ", h("a", { href: "#/" }, "Sign in")));
}
