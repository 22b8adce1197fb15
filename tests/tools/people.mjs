// SPDX-License-Identifier: ISC
// people.mjs: contacts on the account page: Ana's browser, and what Ben and Cleo
// do with the program. By 90-page-people.t: $T, $URL, $DATA.
import { must, run, sql } from "./browser.mjs";
import { aumbry, beside, byCode, go, joined, press, state, step, trouble, until, walked } from "./walk.mjs";

const at = (home, ...args) => run("aumbry", ...aumbry(home, ...args));
const shown = (home, name) => JSON.parse(at(home, "--json", "contact", "show", name));
const listed = (home) => at(home, "--json", "contact", "list").split("\n").filter(Boolean).map((x) => JSON.parse(x));
const ana = await joined("a", "ana");
const rowOf = (name) => ana.locator(".row", { hasText: name });
const say = (name) => ana.locator("dialog").getByRole("button", { name, exact: true }).click();
const badge = (words) => ana.locator("main .badge", { hasText: words }).first().waitFor();
const open = async (name) => {
	await go(ana, "#/people", "People");
	await rowOf(name).getByRole("link").click();
	await ana.getByRole("link", { name: "All people" }).waitFor();
};

// ---- adding ----

await step("there is nobody at first", async () => {
	await go(ana, "#/people", "People");
	await ana.getByText("There is nobody yet.").waitFor();
});
await step("her own code is the one that the program shows", async () => {
	const code = JSON.parse(at("a", "--json", "contact", "me")).public_code;
	await ana.locator("dd code", { hasText: code }).waitFor();
});
await step("nobody is nobody", async () => {
	await ana.fill("[name=name]", "dora");
	await press(ana, "Add");
	await trouble(ana, "not-found", /how the account is called/);
});
await state(ana, "people-none");
await step("nor is she her own contact", async () => {
	await ana.fill("[name=name]", "ana");
	await press(ana, "Add");
	await trouble(ana, "bad-usage", /somebody else/);
});
await step("Ben is added by his name", async () => {
	await ana.fill("[name=name]", " BEN ");
	await press(ana, "Add");
	await rowOf("ben@localhost").getByText("Known", { exact: true }).waitFor();
	must((await rowOf("ben@localhost").innerText()).includes("1 device,"), await rowOf("ben@localhost").innerText());
	must(listed("a").length === 1, "the program knows nobody");
});

// ---- comparing ----

await step("both see one number, as the program does", async () => {
	await open("ben@localhost");
	const number = (await ana.locator(".digits").innerText()).replace(/\D/g, "");
	must(number.length === 60 && number === shown("a", "ben").number, number);
	at("b", "contact", "add", "ana");
	must(number === shown("b", "ana").number, "Ben sees another one");
});
await step("the page says that it could lie", async () => {
	await ana.getByText("could lie about this").waitFor();
	await ana.getByText("aumbry contact show ben@localhost").waitFor();
});
await state(ana, "person-known");
await step("another number verifies nothing", async () => {
	await press(ana, "The other one sees the same number");
	await state(ana, "person-compare");
	await say("No, it differs");
	await trouble(ana, "code-differs", /in between/);
	must(listed("a")[0].level === "known", "verified");
});
await step("the same one does, for all devices", async () => {
	await press(ana, "The other one sees the same number");
	await say("Yes, all of it is the same");
	await badge("Verified");
	must(listed("a")[0].level === "verified" && listed("a")[0].way === "number", JSON.stringify(listed("a")));
});
await state(ana, "person-verified");
await step("that is taken back", async () => {
	await press(ana, "Take it back");
	await say("Take it back");
	await badge("Known");
	must(listed("a")[0].level === "known", "verified still");
});
await step("a number that is not shown any more counts for nothing", async () => {
	// What is said to the core is what was on the screen.
	await ana.evaluate(() => {
		const post = Worker.prototype.postMessage;
		Worker.prototype.postMessage = function (m, ...more) {
			const number = m.ask?.number?.replaceAll("1", "2");
			return post.call(this, number ? { ask: { ...m.ask, number } } : m, ...more);
		};
	});
	await press(ana, "The other one sees the same number");
	await say("Yes, all of it is the same");
	await trouble(ana, "code-differs");
	must(listed("a")[0].level === "known", "verified");
	await ana.reload();
	await badge("Known");
});
await step("a code with a slip is told", async () => {
	const code = JSON.parse(at("b", "--json", "contact", "me")).public_code;
	await ana.fill("[name=code]", code.slice(0, -1));
	await press(ana, "Compare them");
	await trouble(ana, "wrong-code", /eight groups/);
	await ana.fill("[name=code]", "1234-5678");
	await press(ana, "Compare them");
	await trouble(ana, "wrong-code-kind", /eight groups/);
});
await step("the code of somebody else verifies nothing", async () => {
	await ana.fill("[name=code]", JSON.parse(at("c", "--json", "contact", "me")).public_code);
	await press(ana, "Compare them");
	await trouble(ana, "code-differs");
	must(listed("a")[0].level === "known", "verified");
});
await state(ana, "person-refused");
await step("his own does, however it is written", async () => {
	const code = JSON.parse(at("b", "--json", "contact", "me")).public_code;
	await ana.fill("[name=code]", ` ${code.toUpperCase().replaceAll("-", " ")}`);
	await press(ana, "Compare them");
	await badge("Verified");
	must(listed("a")[0].way === "public", JSON.stringify(listed("a")));
});
const shownCode = async (page) => until("a code", async () =>
	/^V-\d{3}-\d{3}-\d{3}$/.exec(await page.locator("dialog .shown-code").innerText())?.[0]);
await step("by a code that she shows, and he types", async () => {
	await press(ana, "Take it back");
	await say("Take it back");
	await badge("Known");
	await press(ana, "Show a code");
	await ana.getByText("aumbry verify ana@localhost").waitFor();
	const ben = beside("b", "verify", "ana", "--timeout", "30s");
	const code = await shownCode(ana);
	await state(ana, "person-code");
	ben.type(code);
	await badge("Verified");
	must(await ben.end === 0, ben.said.err);
	must(listed("a")[0].way === "code" && listed("b")[0].level === "verified", JSON.stringify(listed("a")));
});
await step("he asks, and a wrong code is burnt", async () => {
	const ben = beside("b", "verify", "ana", "--timeout", "30s");
	await ana.getByText("ben@localhost wants to compare.").waitFor();
	await state(ana, "person-asked");
	await press(ana, "Show a code now");
	await shownCode(ana);
	ben.type("V-123-456-782");
	must(await ben.end === 1 && ben.said.err.includes("(wrong-code)"), ben.said.err);
	await trouble(ana, "code-expired"); // he has gone
	must(await ana.locator("dialog .shown-code").count() === 0, "a code is shown still");
	await press(ana, "Close");
	await ana.locator("dialog").waitFor({ state: "detached" });
	at("b", "verify", "ana", "--undo");
});
await step("by a code that he shows, and she types", async () => {
	await press(ana, "Type a code");
	const ben = beside("b", "verify", "ana", "--show", "--timeout", "30s");
	await ana.locator("dialog [name=code]").waitFor();
	const code = await until("a code", () => /V-\d{3}-\d{3}-\d{3}/.exec(ben.said.out)?.[0]);
	await ana.fill("dialog [name=code]", "1234-5674");
	await press(ana, "Compare");
	await trouble(ana, "wrong-code-kind");
	await ana.fill("dialog [name=code]", code);
	await press(ana, "Compare");
	await ana.locator("dialog").waitFor({ state: "detached" });
	must(await ben.end === 0, ben.said.err);
	must(listed("b")[0].way === "code", JSON.stringify(listed("b")));
});
await step("nothing is left behind by who closes it", async () => {
	await press(ana, "Type a code");
	await ana.locator("dialog").waitFor();
	must(sql("SELECT COUNT(*) FROM verifying WHERE state = 0") === "1", "nobody was asked");
	await press(ana, "Close");
	await until("the end", () => sql("SELECT COUNT(*) FROM verifying WHERE state IN (0, 1)") === "0");
});
await step("he gets a name of her own, of any letters and harmless", async () => {
	await press(ana, "Rename");
	await ana.locator("dialog [name=name]").fill("<b>בן</b>");
	await say("Rename");
	await ana.getByRole("heading", { level: 1, name: "<b>בן</b>" }).waitFor();
	must(await ana.locator("main b").count() === 0, "it became markup");
	must(listed("a")[0].name === "<b>בן</b>", "the program does not know it");
});

// ---- asking ----

await step("Cleo asks, and is let in", async () => {
	at("c", "contact", "add", "ana");
	at("c", "message", "send", "ana", "Hello, it is me");
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/people", "People");
	await rowOf("cleo@localhost").getByText("Asks to write").waitFor();
	await state(ana, "people-asks");
	await rowOf("cleo@localhost").getByRole("button", { name: "Accept" }).click();
	await rowOf("cleo@localhost").getByText("Known", { exact: true }).waitFor();
	at("c", "message", "send", "ana", "And on");
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/people", "People");
});
await step("she is blocked, which is kept for all devices", async () => {
	await open("cleo@localhost");
	await press(ana, "Block");
	await say("Block");
	await badge("Blocked");
	must(await ana.locator(".digits").count() === 0, "a number to compare");
	must(listed("a").find((p) => p.address === "cleo@localhost").level === "blocked", "not blocked");
});
await state(ana, "person-blocked");
await step("and let in again", async () => {
	await press(ana, "Unblock");
	await badge("Known");
});
await step("she is forgotten", async () => {
	await press(ana, "Remove");
	await say("Remove");
	await ana.getByRole("heading", { level: 1, name: "People" }).waitFor();
	must(await rowOf("cleo@localhost").count() === 0, await ana.locator("main").innerText());
	must(listed("a").length === 1, "the program knows her");
});

// ---- what a server does ----

await step("an older list of devices is an alarm, with what to do", async () => {
	at("b", "recovery", "key", "create", "--out", `${process.env.T}/key`); // the list has grown
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/people", "People"); // and was seen
	const asked = JSON.stringify({ uids: [sql("SELECT lower(hex(uid)) FROM account WHERE name = 'ben'")] });
	await ana.context().route("**/v1/people/heads", (r) => {
		const q = r.request();
		const body = JSON.parse(run("curl", "-sk", "-H", `authorization: ${q.headers().authorization}`, "-H",
			"content-type: application/json", "--data-binary", asked, q.url()));
		body.people[0].circle_seq = 1;
		return r.fulfill({ body: JSON.stringify(body), contentType: "application/json" });
	});
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/people", "People");
	await trouble(ana, "circle-rolled-back", /was put back to a backup/);
});
await step("which every screen tells until it is dismissed", async () => {
	await ana.context().unroute("**/v1/people/heads");
	await go(ana, "#/activity", "Activity");
	await ana.locator("#alerts", { hasText: "Code: circle-rolled-back" }).waitFor();
});
await state(ana, "people-alert");
await step("on all devices", async () => {
	await press(ana, "Dismiss");
	await ana.locator("#alerts .box").waitFor({ state: "detached" });
	must(/dismissed$/m.test(at("a", "verify", "status")), "not dismissed");
	await ana.reload();
	await go(ana, "#/people", "People");
	must(await ana.locator("#alerts .box").count() === 0, "told again");
});

// ---- what others may do ----

await step("one keeps to oneself", async () => {
	await press(ana, "Hide my name");
	await ana.getByText("Only those whom you let write can add you").waitFor();
	await press(ana, "Contacts only");
	await ana.getByText("Only contacts can write to you").waitFor();
	must(/findable *no(.|\n)*asks *no/.test(at("a", "contact", "settings")), "not set");
});
await state(ana, "people-hidden");
await step("and is open again", async () => {
	await press(ana, "Show my name");
	await press(ana, "Allow first messages");
	await ana.getByText("may send you one short message").waitFor();
});

// ---- who may not ----

await step("without two-factor nobody is shown, and that is said", async () => {
	sql("UPDATE account SET two_factor = 0 WHERE name = 'ana'");
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/people", "People");
	await trouble(ana, "two-factor-required", /under Security/);
	sql("UPDATE account SET two_factor = 2 WHERE name = 'ana'");
});
await step("a sign-in by a code sees nobody, and is told so", async () => {
	const visitor = await byCode("ana");
	await go(visitor, "#/people", "People");
	await visitor.getByText("needs a browser that is one of your devices").waitFor();
	must(await visitor.getByText("ben@localhost").count() === 0, "Ben is shown");
});
await walked();
