// SPDX-License-Identifier: ISC
// app.js: which screen is shown, and what stands around it.
import { showOverview } from "./account.js";
import { showMessages } from "./messages.js";
import { showPeople } from "./people.js";
import { showSecurity } from "./security.js";
import { showProtection } from "./protection.js";
import { showAlerts, showRecovery } from "./recovery.js";
import { showDevices } from "./devices.js";
import { showPasswords } from "./passwords.js";
import { showActivity } from "./activity.js";
import { announce, h, screen, troubleBox, button } from "./dom.js";
import { core } from "./core.js";
import { showSignup, showSignin, stepShown, stepsDone } from "./signin.js";
import { stateWrite, storeWorks } from "./store.js";
import { tryNeeds, withoutIt } from "./needs.js";

const places = [
	["#/", "Overview", showOverview],
	["#/messages", "Messages", showMessages],
	["#/people", "People", showPeople],
	["#/security", "Security", showSecurity],
	["#/protection", "Protection", showProtection],
	["#/recovery", "Recovery", showRecovery],
	["#/devices", "Devices", showDevices],
	["#/app-passwords", "App passwords", showPasswords],
	["#/activity", "Activity", showActivity],
];

let server;
let at; // the address that is shown
const main = () => document.getElementById("main");

// Somebody came in, or left: begin at the overview.
export async function entered(words) {
	stepsDone();
	if (location.hash !== "#/")
		history.replaceState(null, "", "#/");
	await route();
	announce(words);
}

function menu(me) {
	const list = document.getElementById("menu");
	list.hidden = me.who === "nobody";
	list.replaceChildren(h("ul", {}, places.map(([hash, name]) => h("li", {},
		h("a", { href: hash, "aria-current": here() === hash ? "page" : null }, name)))));
	document.getElementById("who").textContent = me.who === "nobody" ? server.host : `${me.name}@${me.host}`;
}

const here = () => {
	const hash = location.hash.split("?")[0];
	return hash.startsWith("#/") ? hash : "#/";
};

// Again while one looks: somebody may be taking the account right now.
async function alerts(me) {
	const mine = turn;
	try {
		await showAlerts(me);
	} catch (e) { // what is shown is of a sign-in that has ended, or comes back
		if (gone.includes(e.code) && mine === turn)
			return over(e);
	}
	clearTimeout(alerts.timer);
	alerts.timer = setTimeout(() => core.ask("state").then(alerts, () => {}), 30000);
}

// A screen that is ready only when one has gone elsewhere is not shown.
let turn = 0;
async function draw(mine, me, show) {
	const shown = await show(me, () => draw(mine, me, show));
	if (mine === turn)
		screen(...shown);
}

export async function route() {
	const mine = ++turn;
	at = location.hash;
	document.querySelectorAll("dialog").forEach((d) => d.close());
	main().setAttribute("aria-busy", "true");
	try {
		const me = await core.ask("state");
		if (mine !== turn)
			return;
		menu(me);
		alerts(me);
		if (me.who === "nobody") {
			if (here() === "#/signup")
				await showSignup(server);
			else
				await showSignin(server);
			return;
		}
		const [, , show] = places.find(([hash]) => hash === here()) ?? places[0];
		await draw(mine, me, show);
	} catch (e) {
		if (mine === turn)
			over(e);
	}
}

// Nothing can be shown: say why, and how one gets out of it.
const lost = ["device-removed", "not-a-member", "account-reset", "state-damaged"];
// Keys are forgotten only where it was shown, not said, that they are of no use.
const forgettable = ["device-removed", "state-damaged", "session-expired"];
const gone = [...lost, "session-expired"];
export function over(e) {
	const title = e.code === "device-removed" ? "This browser was removed" :
		e.code === "session-expired" ? "Signed out" : "That did not work";
	const forget = forgettable.includes(e.code);
	screen(title, troubleBox(e), h("div", { class: "buttons" },
		forget ? button("Forget and sign in again", async () => {
			await core.ask("forget");
			await entered("Forgotten.");
		}, "primary") : button("Try again", route, "primary")));
}

// A dialog or button may learn it first.
export const isOver = (e) => lost.includes(e.code);

async function begin() {
	main().setAttribute("data-begun", ""); // early.js says no more
	await tryNeeds(storeWorks, () => core.start());
	server = await core.ask("server");
	addEventListener("hashchange", route);
	document.querySelector(".skip").onclick = (e) => {
		e.preventDefault(); // its address is no screen's
		document.querySelector("h1").focus();
	};
	// Between the steps of one sign-in the address stays.
	addEventListener("popstate", ({ state }) => {
		if (location.hash === at && !stepShown(state?.step))
			route();
	});
	await route();
}

begin().catch((e) => {
	screen("Aumbry cannot start here", troubleBox(e),
		e.code !== "home-busy" && h("p", {}, withoutIt, h("code", {}, `aumbry signin ${location.origin} NAME`)),
		h("div", { class: "buttons" },
		e.code === "state-damaged" ? button("Forget what this browser holds", async () => {
			await stateWrite(new Uint8Array(0));
			location.reload();
		}) : button("Load the page again", () => location.reload())));
});
