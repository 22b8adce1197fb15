// SPDX-License-Identifier: ISC
// activity.js: who is signed in, and what has happened.
import { core } from "./core.js";
import { h, row, badge, part, button, announce } from "./dom.js";
import { eventWords, alarming, sentenceCase, when, whence } from "./words.js";

export async function showActivity(me, again) {
	const [{ sessions }, { events: log, next: first }] = await Promise.all([
		core.call("GET", "/v1/sessions"), core.call("GET", "/v1/log")]);
	let next = first;
	let shown = 25;
	const list = h("ul", { class: "rows log" });
	const more = button("Show more", async () => {
		shown += 50;
		if (shown > log.length && next !== undefined) {
			const page = await core.call("GET", `/v1/log?before=${next}`);
			log.push(...page.events);
			next = page.next;
		}
		fill();
	});
	const fill = () => {
		list.replaceChildren(...log.slice(0, shown).map((v) => row({
			title: eventWords(v.event),
			badge: alarming(v.event) && badge("Was it you?", "warn"),
			lines: [[when(v.time_ms), v.address && whence(v), v.detail]
				.filter(Boolean).join(" · ")] })));
		more.hidden = shown >= log.length && next === undefined;
	};
	fill();
	return ["Activity",
		part("Signed in now", h("ul", { class: "rows" }, sessions.map((s) => row({
			title: s.trusted ? "Trusted browser" :
				s.limited ? "Signed in with a code" : sentenceCase(s.class),
			badge: s.this && badge("This one", "good"),
			lines: [[whence(s), s.os].filter(Boolean).join(" · "),
				`Since ${when(s.opened_ms)}, ends ${when(s.expires_ms)}`],
			actions: !s.this && button("End", async () => {
				await core.call("DELETE", `/v1/sessions/${s.id}`);
				announce("It is ended.");
				await again();
			}) })))),
		part("What has happened",
			h("p", {}, "If you see something that was not you: change your password, and look at your devices."),
			list, more)];
}
