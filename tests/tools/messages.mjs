// SPDX-License-Identifier: ISC
// messages.mjs: messages on the account page: Ana writes in a browser, Ben and
// Cleo by the program. By 90-page-messages.t: $T, $URL, $DATA.
import { must, run, sql } from "./browser.mjs";
import { aumbry, beside, byCode, go, joined, press, state, step, trouble, until, walked } from "./walk.mjs";

const at = (home, ...args) => run("aumbry", ...aumbry(home, ...args));
const read = (home, name) => at(home, "--json", "message", "show", name).split("\n").filter(Boolean).map((x) => JSON.parse(x));
const texts = (home, name) => read(home, name).map((m) => m.text);
const inbox = (name) => Number(sql(`SELECT COUNT(*) FROM inbox_item WHERE uid = (SELECT uid FROM account WHERE name = '${name}')`));
const ana = await joined("a", "ana");
const rowOf = (name) => ana.locator("main .row", { hasText: name });
const said = (text) => ana.locator(".msg", { hasText: text });
const say = (name) => ana.locator("dialog").getByRole("button", { name, exact: true }).click();
const list = async () => {
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/messages", "Messages");
};
const open = async (name) => {
	await list();
	await rowOf(name).getByRole("link").first().click();
	await ana.locator(".thread").waitFor();
};
const write = async (text) => {
	const [first, ...more] = text.split("\n");
	await ana.fill("[name=text]", first);
	for (const line of more) {
		await ana.keyboard.press("Shift+Enter");
		await ana.keyboard.insertText(line);
	}
	await ana.locator("[name=text]").press("Control+Enter");
};

// ---- asking ----

await step("there are none at first", async () => {
	await go(ana, "#/messages", "Messages");
	await ana.getByText("There are no messages yet.").waitFor();
});
await state(ana, "messages-none");
at("b", "contact", "add", "ana");
at("b", "message", "send", "ana", "Hello Ana");
await step("who asks is seen as one, without loading the page again", async () => {
	await rowOf("ben@localhost").getByText("Asks to write").waitFor();
	must(/1 new/.test(await rowOf("ben@localhost").innerText()), await rowOf("ben@localhost").innerText());
});
await state(ana, "messages-asks");
await step("what he wrote is read", async () => {
	await open("ben@localhost");
	await said("Hello Ana").waitFor();
	await ana.getByText("asks to write to you").waitFor();
});
await state(ana, "thread-asks");
await step("and is read then for all devices", async () => {
	must(read("a", "ben")[0].unread === false, "unread still");
	await list();
	must(!/new/.test(await rowOf("ben@localhost").innerText()), "new still");
});
await step("he is let in", async () => {
	await rowOf("ben@localhost").getByRole("button", { name: "Accept" }).click();
	await rowOf("ben@localhost").getByText("Asks to write").waitFor({ state: "detached" });
	at("b", "message", "send", "ana", "Thank you");
});

// ---- writing ----

await step("what she writes comes to him", async () => {
	await open("ben@localhost");
	await said("Thank you").waitFor();
	await write("Two lines,\nand a word");
	await said("Two lines").waitFor();
	must(await ana.inputValue("[name=text]") === "", "what was sent stands there");
	must(texts("b", "ana").at(-1) === "Two lines,\nand a word", JSON.stringify(texts("b", "ana")));
});
await step("a line stays a line", async () => {
	const lines = await said("Two lines").locator(".text").evaluate((e) =>
		Math.round(e.getBoundingClientRect().height / parseFloat(getComputedStyle(e).lineHeight)));
	must(lines === 2, `${lines} lines`);
});
await step("Enter alone sends, with Shift it begins a line", async () => {
	await ana.fill("[name=text]", "");
	await ana.locator("[name=text]").pressSequentially("one");
	await ana.keyboard.press("Shift+Enter");
	await ana.locator("[name=text]").pressSequentially("two");
	await ana.keyboard.press("Enter");
	await said("one").waitFor();
	must(texts("b", "ana").at(-1) === "one\ntwo", JSON.stringify(texts("b", "ana").at(-1)));
});
await step("his answer comes by itself", async () => {
	at("b", "message", "send", "ana", "I see it");
	await said("I see it").waitFor();
});
await step("what is typed stays when it cannot be sent", async () => {
	const before = texts("b", "ana").length;
	await ana.context().setOffline(true);
	await write("not lost");
	await trouble(ana, "server-unreachable");
	must(await ana.inputValue("[name=text]") === "not lost", "it is gone");
	await state(ana, "thread-offline");
	await ana.context().setOffline(false);
	await go(ana, "#/activity", "Activity");
	await open("ben@localhost");
	must(await ana.inputValue("[name=text]") === "not lost", "it is gone with the screen");
	await press(ana, "Send");
	await said("not lost").waitFor();
	must(texts("b", "ana").length === before + 1, "not once");
});
await step("one that is too long is refused, and stays", async () => {
	const long = "ä".repeat(9000); // bytes are counted
	await write(long);
	await trouble(ana, "too-large", /16384 bytes/);
	must(await ana.inputValue("[name=text]") === long, "it is gone");
	await ana.fill("[name=text]", "");
});

// ---- changed, and taken back ----

await step("a word is mended", async () => {
	await write("under the matt");
	await said("under the matt").getByRole("button", { name: "Edit" }).click();
	await ana.fill("dialog [name=text]", "under the mat");
	await state(ana, "thread-edit");
	await say("Change it");
	await said("under the mat").getByText("(edited)").waitFor();
	must(read("b", "ana").at(-1).text === "under the mat" && read("b", "ana").at(-1).edited, "not for him");
});
await step("and it is taken back", async () => {
	await said("under the mat").getByRole("button", { name: "Delete" }).click();
	await say("Delete");
	await said("(deleted)").waitFor();
	must(read("b", "ana").at(-1).deleted && read("b", "ana").at(-1).text === "", "he reads it still");
});
await step("his words are not hers to change", async () => {
	must(await said("I see it").getByRole("button", { name: "Edit" }).count() === 0, "offered");
});
await step("but to take away here", async () => {
	await said("I see it").getByRole("button", { name: "Take away here" }).click();
	await say("Take away");
	await said("I see it").waitFor({ state: "detached" });
	must(!texts("a", "ben").includes("I see it") && texts("b", "ana").includes("I see it"), "not here alone");
});

// ---- any text, harmlessly ----

const hostile = "<img src=x onerror=\"document.title='gone'\"><b>bold</b>\n\u001b[31mred \u202Edetrevni\u0007\nשלום";
await step("HTML, control characters and turned writing are text", async () => {
	const ben = beside("b", "message", "send", "ana");
	ben.type(hostile);
	must(await ben.end === 0, ben.said.err);
	await said("onerror").waitFor();
	const shown = await said("onerror").locator(".text").textContent();
	must(shown === "<img src=x onerror=\"document.title='gone'\"><b>bold</b>\n\\x1b[31mred \\xe2\\x80\\xaedetrevni\\x07\nשלום", shown);
	must(await said("onerror").locator(".text").getAttribute("dir") === "auto", "its direction is not its own");
});
await state(ana, "thread");
await step("on all screens that have it", async () => {
	for (const screen of [() => list(), async () => {
		await ana.fill("[name=words]", "ONERROR red");
		await press(ana, "Search");
		await ana.locator("[role=status] .row").waitFor();
	}]) {
		await screen();
		const bad = await ana.evaluate(() => document.querySelectorAll("main img, main b").length ||
			[..."\u0007\u001b\u202e"].some((c) => document.body.textContent.includes(c)) || document.title === "gone");
		must(!bad, `not harmless: ${bad}`);
	}
});
await step("words are found, and only they", async () => {
	must(await ana.locator("[role=status] .row").count() === 1, "not one");
	await state(ana, "messages-found");
	await ana.fill("[name=words]", "nowhere to be found");
	await press(ana, "Search");
	await ana.getByText("No message has these words.").waitFor();
});
await step("of any alphabet, whatever their case", async () => {
	at("b", "message", "send", "ana", "Žluťoučký kůň, ΟΔΥΣΣΕΥΣ");
	await open("ben@localhost");
	await said("Žluťoučký").waitFor();
	await list();
	await ana.fill("[name=words]", "KŮŇ οδυσσευς");
	await press(ana, "Search");
	await ana.locator("[role=status] .row", { hasText: "Žluťoučký" }).waitFor();
});
await step("what she writes is hers, whatever it is", async () => {
	await open("ben@localhost");
	await write("<script>alert(1)</script>");
	await said("<script>").waitFor();
	must(texts("b", "ana").at(-1) === "<script>alert(1)</script>", texts("b", "ana").at(-1));
});

// ---- who does not let her write ----

await step("a first message asks, and says so", async () => {
	await go(ana, "#/people", "People");
	await ana.fill("[name=name]", "cleo");
	await press(ana, "Add");
	await rowOf("cleo@localhost").getByRole("link").click();
	await ana.getByRole("link", { name: "Write" }).click();
	await ana.getByText("Nothing was written yet.").waitFor();
	await write("Hello Cleo");
	await ana.locator("#said", { hasText: "this first message asks" }).waitFor();
});
await step("the next one waits, and stays", async () => {
	await write("Are you there?");
	await trouble(ana, "ask-waits", /waits there/);
	must(await ana.inputValue("[name=text]") === "Are you there?", "it is gone");
});
await state(ana, "thread-waits");

// ---- filed ----

const old = () => sql("UPDATE inbox_item SET received_ms = received_ms - 3700000");
await step("what a device with the program has filed is read", async () => {
	old();
	at("a", "message", "list");
	must(inbox("ana") === 0, "nothing was filed");
	await ana.reload();
	await open("ben@localhost");
	await said("onerror").waitFor();
	await said("Two lines").waitFor();
});
await step("and what the page has filed, by that one", async () => {
	at("b", "message", "send", "ana", "for the page to file");
	await said("for the page to file").waitFor();
	const before = JSON.stringify(texts("a", "ben"));
	must(inbox("ana") > 0, "there is nothing to file");
	old();
	await ana.reload(); // as after an hour
	await until("an empty inbox", () => inbox("ana") === 0);
	must(JSON.stringify(texts("a", "ben")) === before, "not all is there");
});

// ---- what a server does ----

await step("one that is held back is missed", async () => {
	at("b", "message", "send", "ana", "held back");
	sql("DELETE FROM inbox_item WHERE uid = (SELECT uid FROM account WHERE name = 'ana')");
	at("b", "message", "send", "ana", "the one after");
	sql("UPDATE inbox_item SET received_ms = received_ms - 700000");
	await list();
	await open("ben@localhost");
	await ana.locator(".said-by", { hasText: "the one after" }).getByText("has not come").waitFor();
	must(await said("held back").count() === 0, "it came");
});
await step("one that was changed is not shown, and that is said", async () => {
	at("b", "message", "send", "ana", "to be changed");
	sql("UPDATE inbox_item SET bytes = CAST(substr(bytes, 1, length(bytes) - 4) || x'00000000' AS BLOB) WHERE number = " +
		"(SELECT MAX(number) FROM inbox_item WHERE uid = (SELECT uid FROM account WHERE name = 'ana'))");
	await ana.reload();
	await open("ben@localhost");
	await ana.locator(".msg", { hasText: "Code: letter-forged" }).waitFor();
	must(await said("to be changed").count() === 0, "it is shown");
});
await state(ana, "thread-wrong");

// ---- who may not ----

await step("who is blocked is not written to", async () => {
	at("a", "contact", "block", "ben");
	await go(ana, "#/", "ana@localhost");
	await go(ana, "#/messages", "Messages");
	await rowOf("ben@localhost").getByRole("link").first().click();
	await ana.getByText("You have blocked this person.").waitFor();
	must(await ana.locator("[name=text]").count() === 0, "there is where to write");
});
await step("a sign-in by a code reads nothing, and is told so", async () => {
	const visitor = await byCode("ana");
	await go(visitor, "#/messages", "Messages");
	await visitor.getByText("needs a browser that is one of your devices").waitFor();
	must(await visitor.getByText("ben@localhost").count() === 0, "Ben is shown");
	await state(visitor, "messages-visitor");
});
await walked();
