// SPDX-License-Identifier: ISC
// deceived.mjs: Ana's contacts on the account page, of a server that lies about
// Ben. By 90-page-deceived.t: $T, $URL, $DATA and what liar.mjs reads.
import fs from "node:fs";
import { must, run } from "./browser.mjs";
import { aumbry, beside, go, joined, press, state, step, trouble, until, walked } from "./walk.mjs";

const { T } = process.env;
const at = (home, ...args) => run("aumbry", ...aumbry(home, ...args));
const lie = (words) => fs.writeFileSync(`${T}/lie`, words);
const ana = await joined("a", "ana");
const ben = ana.locator("main .row", { hasText: "ben@localhost" });
const say = (name) => ana.locator("dialog").getByRole("button", { name, exact: true }).click();
const badge = (words) => ana.locator("main .badge", { hasText: words }).first().waitFor();
// The list, as the server shows it now.
const people = async () => {
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/people", "People");
};
const add = async () => {
	await ana.fill("[name=name]", "ben");
	await press(ana, "Add");
	await ben.waitFor();
};
const level = () => /^ben@\S+ +(\w+)/m.exec(at("a", "contact", "list"))?.[1];

await step("Ben is compared", async () => {
	await people();
	await add();
	await ben.getByRole("link").click();
	await press(ana, "The other one sees the same number");
	await say("Yes, all of it is the same");
	await badge("Verified");
});
await step("that he began anew is an alarm, in its words", async () => {
	lie("person-anew");
	await people();
	await ben.getByText("! Began anew").waitFor();
	await trouble(ana, "contact-changed", /by another way, then compare anew/);
});
await state(ana, "people-changed");
await step("which every screen tells", async () => {
	await go(ana, "#/activity", "Activity");
	await ana.locator("#alerts", { hasText: "Code: contact-changed" }).waitFor();
	await ana.getByRole("link", { name: "Look at the contact" }).click();
	await ana.getByRole("heading", { level: 1, name: "ben@localhost" }).waitFor();
});
await state(ana, "person-changed");
await step("nothing is sent to who began anew", async () => {
	await ana.getByRole("link", { name: "Write" }).click();
	await ana.fill("[name=text]", "are you there?");
	await press(ana, "Send");
	await trouble(ana, "contact-changed");
	must(await ana.inputValue("[name=text]") === "are you there?", "it is gone");
});
await step("what is taken back is told", async () => {
	lie("");
	await people();
	await ben.getByText("it was put back to a backup, or it lied").waitFor();
	await ben.getByText("Verified").waitFor();
});
await step("accepted without comparing, he is not verified", async () => {
	lie("person-anew");
	await people();
	await ben.getByRole("link").click();
	await press(ana, "Accept");
	await say("Accept without comparing");
	await badge("Known");
	must(level() === "known", level());
});
await step("a code that is right finds who is in between", async () => {
	const uid = JSON.parse(at("a", "--json", "contact", "show", "ben")).uid;
	await press(ana, "Remove");
	await say("Remove");
	await ana.getByRole("heading", { level: 1, name: "People" }).waitFor();
	lie(`person-other ${uid}`);
	await add();
	await ben.getByRole("link").click();
	at("b", "contact", "add", "ana");
	await press(ana, "Type a code");
	const shows = beside("b", "verify", "ana", "--show", "--timeout", "30s");
	const code = await until("a code", () => /V-\d{3}-\d{3}-\d{3}/.exec(shows.said.out)?.[0]);
	await ana.fill("dialog [name=code]", code);
	await press(ana, "Compare");
	await trouble(ana, "contact-changed", /in between.*by another way/);
	must(await shows.end === 4 && /contact-changed/.test(shows.said.err), shows.said.err);
	must(level() !== "verified", "verified");
});
await state(ana, "person-between");
await step("and so does one that she shows", async () => {
	await press(ana, "Show a code");
	const types = beside("b", "verify", "ana", "--timeout", "30s");
	const code = await until("a code", async () =>
		/^V-\d{3}-\d{3}-\d{3}$/.exec(await ana.locator("dialog .shown-code").innerText())?.[0]);
	types.type(code);
	must(await types.end === 4, types.said.err);
	await trouble(ana, "contact-changed", /in between.*by another way/);
	must(level() !== "verified", "verified");
});
await walked();
