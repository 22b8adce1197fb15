// SPDX-License-Identifier: ISC
// people.js: who others are: contacts, what is wrong with one, and comparing.
import { core, passes, problem } from "./core.js";
import { announce, badge, box, button, copyButton, dialog, field, form, gaveUp, h, part, row, showTrouble, sure, troubleBox } from "./dom.js";
import { notForVisitors } from "./account.js";
import { qrImage } from "./qr.js";
import { countedDevices, kinds, ofContact, when } from "./words.js";

const levelBadges = {
	known: () => badge("Known"),
	verified: () => badge("✓ Verified", "good"),
	changed: () => badge("! Began anew", "warn"),
	blocked: () => badge("Blocked"),
	asks: () => badge("! Asks to write", "warn"),
};
const comparedBy = { code: "by a code that one of you typed", number: "by the number", qr: "by the picture",
	public: "by a published code" };

// What others wrote keeps to itself which way it runs.
export const personName = (p) => h("bdi", { dir: "auto" }, p.nickname || p.address);
const plainName = (p) => p.nickname || p.address;

export async function showPeople(me, again) {
	if (me.who === "visitor")
		return ["People", notForVisitors("Knowing other people")];
	const [, uid] = location.hash.split("?");
	try {
		return uid ? await onePerson(me, uid, again) : await allPeople(me, again);
	} catch (e) {
		if (e.code !== "two-factor-required")
			throw e;
		return ["People", troubleBox(e), h("p", {}, h("a", { href: "#/security" }, "Security"))];
	}
}

// ---- all of them ----

async function allPeople(me, again) {
	await core.ask("messages").catch(() => {}); // who asks has written
	const { people, address, public_code: code, called, findable, asks } = await core.ask("people");
	const asking = people.filter((p) => p.level === "asks");
	const others = people.filter((p) => p.level !== "asks");
	return ["People",
		h("p", {}, "Other accounts of this server. You are told when somebody’s devices are not what they were."),
		compareRequests(me, again),
		asking.length > 0 && part("Who asks to write to you",
			h("p", {}, "Accept whom you know. Who is blocked is not told."),
			h("ul", { class: "rows" }, asking.map((p) => personRow(p, again)))),
		part("Contacts",
			others.length === 0 ? h("p", { class: "empty" }, "There is nobody yet.") :
				h("ul", { class: "rows" }, others.map((p) => personRow(p, again))),
			addForm(again)),
		part("Who finds you, and who writes", h("ul", { class: "rows" },
			row({ title: "Your name", lines: [findable ? "Everybody on this server who knows it can add you." :
				"Only those whom you let write can add you."],
			actions: setButton(findable ? "Hide my name" : "Show my name", { findable: !findable }, again) }),
			row({ title: "First messages", lines: [asks ? "Somebody who is no contact may send you one short message." :
				"Only contacts can write to you."],
			actions: setButton(asks ? "Contacts only" : "Allow first messages", { asks: !asks }, again) }))),
		part("You, as others know you",
			called && h("div", { class: "box" }, h("p", {}, "The server calls this account ", h("b", {}, called),
				" now. Contacts take that once you say that it is right."),
			h("div", { class: "buttons" }, button(`Go by ${called}`, async () => {
				await core.ask("people_goes_by", { name: called });
				announce(`Contacts take ${called} from now on.`);
				await again();
			}))),
			h("p", {}, "Publish this code where people know that it is yours: on paper, on a page of your own. ",
				"Who adds you can hold it against what this server shows."),
			h("dl", { class: "facts" }, h("dt", {}, "Address"), h("dd", {}, h("bdi", {}, address)),
				h("dt", {}, "Public code"), h("dd", {}, h("code", {}, code))),
			qrImage(code, "QR code of your public code"),
			h("div", { class: "buttons" }, copyButton("Copy the code", code)),
			h("p", { class: "hint" }, mayLie, h("code", {}, "aumbry contact me"), "."))];
}

const setButton = (label, to, again) => h("div", { class: "buttons" }, button(label, async () => {
	await core.ask("people_set_privacy", to);
	announce("Saved.");
	await again();
}));

const addForm = (again) => form({ submit: "Add", act: async ({ name }) => {
	const p = await core.ask("person_add", { name: name.trim() }).catch((e) => {
		throw e.code === "not-found" ?
			problem(e.code, e.message, "Ask that person how the account is called on this server.") :
			e.code === "bad-usage" ? problem(e.code, e.message, "Type the name of somebody else.") : e;
	});
	announce(p.had ? `${p.address} is a contact.` : `${p.address} is a contact now.`);
	await again();
} }, field({ label: "Add somebody", name: "name", required: true, autocomplete: "off", maxlength: 320,
	placeholder: "ben", hint: "The name of the account on this server." }));

function personRow(p, again) {
	const at = row({
		title: h("a", { href: `#/people?${p.uid}` }, personName(p)),
		badge: levelBadges[p.level]?.(),
		lines: [p.nickname && h("bdi", {}, p.address), ...personFacts(p), ...news(p)],
		actions: p.level === "asks" && h("div", { class: "buttons" }, acceptButton(p, again), blockButton(p, again)) });
	if (p.wrong)
		at.append(troubleBox(ofContact(p.wrong)));
	return at;
}

const personFacts = (p) => [
	`${countedDevices(p.devices)}, known since ${when(p.since_ms)}`,
	p.verified_ms > 0 && `Compared ${comparedBy[p.way] ?? ""} ${when(p.verified_ms)}`];

// What has changed since the last look, and is no alarm.
const news = (p) => [
	p.back && "The server said that this account began anew, and does not say so any more: it was put back to a " +
		"backup, or it lied.",
	p.anew ? "Began anew, with new keys. Nobody has compared the old ones." :
		p.added + p.removed > 0 && `Since the last look ${countedDevices(p.added)} came, ${countedDevices(p.removed)} left.`,
	p.called && (p.called === p.address ? `${p.was} is ${p.called} now.` :
		`The server calls ${p.was} ${p.called} now, and no device of that account has signed so yet.`)];

// ---- what one can do ----

export const acceptButton = (p, again) => button("Accept", async () => {
	if (p.level !== "asks")
		await sure(`Take ${plainName(p)} as the server shows it?`, "Nobody has compared what is shown now. If somebody " +
			"is in between, that one is taken. Comparing is better.", "Accept without comparing");
	await contactAsk("person_accept", { uid: p.uid });
	announce(p.level === "asks" ? `${plainName(p)} is a contact now, and may write.` :
		`${plainName(p)} is taken as the server shows it: nobody has compared that.`);
	await again();
}, p.level === "asks" ? "primary" : "");

export const blockButton = (p, again) => button("Block", async () => {
	await sure(`Block ${plainName(p)}?`, "What comes from there is dropped, and that is not told there. " +
		"If it was compared, that is forgotten.", "Block");
	await contactAsk("person_block", { uid: p.uid, blocked: true });
	announce(`${plainName(p)} is blocked.`);
	await again();
}, "danger");

const unblockButton = (p, again) => button("Unblock", async () => {
	await contactAsk("person_block", { uid: p.uid, blocked: false });
	announce(`${plainName(p)} may write. Nobody has compared since.`);
	await again();
});

const removeButton = (p) => button("Remove", async () => {
	await sure(`Remove ${plainName(p)}?`, "The contact is forgotten, and what was compared. Whoever writes again asks first.",
		"Remove");
	await contactAsk("person_remove", { uid: p.uid });
	announce(`${plainName(p)} is removed.`);
	location.hash = "#/people";
}, "danger");

const nicknameButton = (p, again) => button("Rename", async () => {
	const done = await dialog("Your name for this contact", (close) => form({ submit: "Rename", act: async ({ name }) => {
		await core.ask("person_rename", { uid: p.uid, name: name.trim() }).catch((e) => {
			throw e.code === "conflict" ? problem(e.code, e.message, "Choose another name.") : e;
		});
		close(true);
	} }, field({ label: "Name", name: "name", value: p.nickname, maxlength: 64, autocomplete: "off",
		hint: "Only you see it. Empty: the address is shown." })));
	if (done)
		await again();
});

// What is wrong with somebody else’s devices is not what is wrong with one’s own.
export const contactAsk = (what, more) => core.ask(what, more).catch((e) => {
	throw ofContact(e);
});

// ---- one of them ----

const mayLie = "This page comes from the server, and could lie about this. A device with the program itself checks, " +
	"and shows the same: ";

async function onePerson(me, uid, again) {
	const p = await core.ask("person", { uid });
	const known = p.level !== "asks" && p.level !== "blocked";
	const settle = p.level === "asks" || p.level === "changed" || p.called && p.called !== p.address;
	return [plainName(p),
		h("p", {}, h("a", { href: "#/people" }, "All people")),
		p.wrong && troubleBox(ofContact(p.wrong)),
		compareRequests(me, again),
		part("Contact",
			h("p", {}, levelBadges[p.level]?.()),
			h("dl", { class: "facts" }, h("dt", {}, "Address"), h("dd", {}, h("bdi", {}, p.address))),
			[...personFacts(p), ...news(p)].filter(Boolean).map((words) => h("p", {}, words)),
			h("div", { class: "buttons" },
				known && h("a", { class: "button", href: `#/messages?${p.uid}` }, "Write"),
				settle && acceptButton(p, again),
				p.level === "blocked" && unblockButton(p, again),
				nicknameButton(p, again),
				p.level !== "blocked" && blockButton(p, again), removeButton(p))),
		p.number && known && comparePart(p, again),
		p.number && known && codePart(me, p, again),
		p.number && known && publicPart(p, again),
		p.members.length > 0 && part("Devices",
			h("ul", { class: "rows" }, p.members.map((m) => row({ title: kinds[m.class] ?? "Device",
				lines: [`In since ${when(m.added_ms)}`] }))))];
}

const digitGroups = (number) => h("p", { class: "groups digits" },
	number.match(/\d{5}/g).flatMap((five) => [h("span", {}, five), " "]));

function comparePart(p, again) {
	return part("Is it that person?",
		h("p", {}, "Meet, or speak to each other by a way that this server is not part of. Both of you see one number, ",
			"when nobody is in between."),
		digitGroups(p.number),
		h("div", { class: "buttons" },
			button("The other one sees the same number", () => sameNumber(p, again), p.level === "verified" ? "" : "primary"),
			p.level === "verified" && button("Take it back", async () => {
				await sure(`Is ${plainName(p)} not verified any more?`, "You can compare again whenever you like.", "Take it back");
				await contactAsk("person_unverify", { uid: p.uid });
				announce(`${plainName(p)} is not verified any more.`);
				await again();
			})),
		box("notice", h("p", {}, mayLie, h("code", {}, `aumbry contact show ${p.address}`), ".")));
}

const publicPart = (p, again) => part("A code that was published",
	h("p", {}, "The public code of this account, as this server shows it:"),
	h("p", {}, h("code", {}, p.public_code)),
	qrImage(p.public_code, "QR code of the public code"),
	publicForm(p, again));

async function sameNumber(p, again) {
	const same = await dialog("Does the other one see the same?", (close) => [
		digitGroups(p.number),
		h("p", {}, "All twelve groups, read by the other one from a screen of their own."),
		h("div", { class: "actions" },
			h("button", { type: "button", class: "primary", onclick: () => close("yes") }, "Yes, all of it is the same"),
			h("button", { type: "button", class: "danger", onclick: () => close("no") }, "No, it differs")),
	]);
	if (!same)
		throw gaveUp;
	if (same === "no")
		throw problem("code-differs", `What ${p.address} has is not what this browser sees of that account.`,
			"Nothing was verified. Compare again in person; if it differs again, somebody is in between: " +
			"tell that person by another way.");
	await contactAsk("person_verify", { uid: p.uid, number: p.number });
	await verifiedNow(p, again);
}

async function verifiedNow(p, again) {
	announce(`${plainName(p)} is verified. If somebody puts a device between you, it is said here.`);
	await again();
}

const publicForm = (p, again) => form({ submit: "Compare them", act: async ({ code }) => {
	await contactAsk("person_verify", { uid: p.uid, code }).catch((e) => {
		throw e.code === "wrong-code-kind" || e.code === "wrong-code" ? problem(e.code, e.message,
			"A published code begins with ac1 and has eight groups of four: look at it again.") : e;
	});
	await verifiedNow(p, again);
} }, field({ label: "Code that you found elsewhere", name: "code", required: true, autocomplete: "off", maxlength: 80,
	placeholder: "ac1-…", hint: "From paper, or a page that is surely that person’s." }));

// ---- by a code that one of them types ----

const codePart = (me, p, again) => part("Or by a code that one of you types",
	h("p", {}, "One shows a code and tells it, face to face or by a voice that both know; the other one types it. ",
		"If somebody is in between, that is noticed by itself."),
	h("div", { class: "buttons" },
		button("Show a code", () => showCompared(me, p, again)),
		button("Type a code", () => typeCompared(me, p, again))));

// They have compared; `found` is what the core says of it.
async function comparedBoth(p, found, again) {
	if (found.between)
		throw { code: "contact-changed", message: found.message, remedy: found.remedy, here: true };
	await verifiedNow(p, again);
}

const ownAddress = (me) => `${me.name}@${me.host}`;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Show codes to who asks; without `request` it is waited for.
async function showCompared(me, p, again, request) {
	const code = h("p", { class: "shown-code", "aria-live": "assertive" }, "…");
	const words = h("p", { role: "status" }, `Waiting for ${plainName(p)} to ask: “Type a code” on the page, or `,
		h("code", {}, `aumbry verify ${ownAddress(me)}`), ".");
	const trouble = h("div", { role: "alert" });
	let codes = 0, closed = false, asks = request;
	core.onTell = ({ code: text }) => {
		codes++;
		code.textContent = text;
		words.replaceChildren(codes === 1 ? "Tell this code face to face, or by voice, and to nobody else." :
			"That code was wrong, and is burnt. Here is another.");
	};
	const run = async () => {
		for (; !asks && !closed; await pause(asks ? 0 : 2000))
			asks = (await core.ask("compare_requests")).requests.find((r) => r.uid === p.uid);
		return closed ? null : contactAsk("compare_show", { uid: p.uid, id: asks.id });
	};
	let showing = true;
	const found = await dialog(`Compare with ${plainName(p)}`, (close) => {
		run().then(close, (e) => {
			code.remove(); // it counts no more
			words.remove();
			if (e !== gaveUp)
				showTrouble(trouble, e);
		}).finally(() => {
			showing = false;
		});
		return [words, code, trouble];
	});
	closed = true;
	if (showing && codes > 0) { // the core still waits
		await core.interrupt().catch(() => {});
		await core.call("DELETE", `/v1/verify/${asks.id}`).catch(() => {});
	}
	core.onTell = () => {};
	if (found)
		await comparedBoth(p, found, again);
}

// Ask the other one, and type what is shown there.
async function typeCompared(me, p, again) {
	const { id } = await contactAsk("compare_ask", { uid: p.uid });
	const words = h("p", { role: "status" }, `Waiting for ${plainName(p)} to show a code: “Show a code” on the page, or `,
		h("code", {}, `aumbry verify ${ownAddress(me)} --show`), ".");
	const trouble = h("div", { role: "alert" });
	let trying = false, over = false;
	const found = await dialog(`Compare with ${plainName(p)}`, (close) => {
		const enter = form({ submit: "Compare", act: async ({ code }) => {
			trying = true;
			try {
				close(await contactAsk("compare_code", { code }));
			} catch (e) {
				enter.elements.code.value = "";
				enter.elements.code.focus();
				throw e;
			} finally {
				trying = false;
			}
		} }, field({ label: "Code that the other one tells you", name: "code", class: "code wide", required: true,
			autocomplete: "off", maxlength: 24, placeholder: "V-000-000-000" }));
		enter.hidden = true;
		const look = async () => {
			while (!over && enter.hidden) {
				await pause(1500);
				if (!over && (await core.ask("compare_look")).shown) {
					words.replaceChildren(`${plainName(p)} shows a code now.`);
					enter.hidden = false;
					enter.elements.code.focus();
				}
			}
		};
		look().catch((e) => !over && showTrouble(trouble, e));
		return [words, enter, trouble];
	});
	over = true;
	if (trying) { // the core still waits
		await core.interrupt().catch(() => {});
		await core.call("DELETE", `/v1/verify/${id}`).catch(() => {});
	} else if (!found) {
		await core.ask("compare_cancel");
	}
	if (found)
		await comparedBoth(p, found, again);
}

// Who asks to compare, looked for again and again.
function compareRequests(me, again) {
	const at = h("div", {});
	const look = async () => {
		try {
			const { requests } = await core.ask("compare_requests");
			if (!document.querySelector("dialog"))
				tellRequests(at, me, requests, again);
		} catch (e) {
			if (!passes(e)) // the next thing that is asked for says it
				return;
		}
		await pause(4000);
		if (at.isConnected)
			look();
	};
	look();
	return at;
}

function tellRequests(at, me, requests, again) {
	const now = requests.map((r) => r.id).join(" ");
	if ((at.dataset.now ?? "") === now)
		return;
	at.dataset.now = now;
	at.replaceChildren(...requests.map((r) => box("notice",
		h("p", { class: "what" }, h("span", {}, personName(r), " wants to compare.")),
		h("p", {}, "Is that person before you, or on the phone? Then show a code and tell it."),
		h("div", { class: "buttons" },
			button("Show a code now", () => showCompared(me, r, again, r), "primary"),
			button("Not now", async () => {
				await core.call("POST", `/v1/verify/${r.id}/refuse`);
				at.replaceChildren();
			})))));
}
