// SPDX-License-Identifier: ISC
// stays.mjs: the account page that stays open: what changes, ends or fails
// elsewhere meanwhile, and what its user thinks better of. Says "+ name" or
// "- name (why)". By 90-page-stays.t: $T, $URL, $INVITE, $DATA.
import { must, origin, run, sql, startBrowser } from "./browser.mjs";

const { INVITE } = process.env;
const PASSWORD = "correct horse battery";
const LONG = "W".repeat(64);
const browser = await startBrowser();
const pages = [];

async function step(name, act) {
	try {
		await act();
		console.log(`+ ${name}`);
	} catch (e) {
		const seen = await Promise.all(pages.map((p) => p.locator("main").innerText({ timeout: 500 }).catch(() => "")));
		console.log(`- ${name} (${`${e.message ?? e}; ${seen.map((s) => s.slice(0, 300)).join(" | ")}`.replaceAll("\n", " ")})`);
		for (const p of pages) { // the next one begins all the same
			await p.context().setOffline(false);
			await p.reload({ timeout: 5000 }).catch(() => {});
		}
	}
}

// A browser of its own. What the page would do in 30 s is window.late.
async function visit(script = "") {
	const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
	await context.addInitScript({ content: `${script};
		const later = setTimeout; setTimeout = (f, ms, ...more) => {
			if (ms === 30000)
				window.late = f;
			return later(f, ms, ...more);
		};` });
	const page = await context.newPage();
	page.setDefaultTimeout(20000);
	pages.push(page);
	return page;
}
const title = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const go = async (page, where, name) => {
	await page.evaluate((w) => { location.hash = w; }, where);
	await title(page, name);
};
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
async function begin(page) {
	await page.goto(origin);
	await title(page, "Sign in");
	await page.fill("[name=name]", "ana");
	await page.fill("[name=password]", PASSWORD);
	await press(page, "Continue");
}

// ---- by the keyboard, and large ----

const one = await visit();
await step("the skip link leaves the screen, and what is typed, as they are", async () => {
	await one.goto(`${origin}/#/signup`);
	await title(one, "Make an account");
	await one.fill("[name=name]", "ana");
	await one.locator(".skip").focus();
	await one.keyboard.press("Enter");
	must(await one.evaluate(() => document.activeElement.tagName === "H1" && location.hash === "#/signup"), one.url());
	must(await one.inputValue("[name=name]") === "ana", "the name is gone");
});
await step("two clicks and pasted spaces make one account", async () => { // Zeega #513
	if (!one.url().endsWith("#/signup"))
		await go(one, "#/signup", "Make an account");
	await one.fill("[name=invite]", `  ${INVITE} `);
	await one.fill("[name=name]", " ana ");
	await one.fill("[name=password]", PASSWORD);
	await one.fill("[name=device_name]", LONG);
	await one.getByRole("button", { name: "Make the account" }).dblclick();
	await title(one, "ana@localhost");
	must(sql("SELECT COUNT(*) FROM account") === "1", "not one account");
});
await step("at four times the size nothing is wider than the screen", async () => { // nextcloud/server #19513
	await one.setViewportSize({ width: 320, height: 256 });
	for (const [where, name] of [["#/messages", "Messages"], ["#/people", "People"], ["#/security", "Security"], ["#/protection", "Protection"], ["#/recovery", "Recovery"],
		["#/devices", "Devices"], ["#/app-passwords", "App passwords"], ["#/activity", "Activity"], ["#/", "ana@localhost"]]) {
		await go(one, where, name);
		const wide = await one.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		must(wide <= 0, `${where}: ${wide} px wider`);
	}
	await one.setViewportSize({ width: 1280, height: 800 });
});
await step("what is typed into a new dialog goes into its first field", async () => { // bitwarden/clients #19102
	await go(one, "#/security", "Security");
	for (const name of ["Change the password", "Add a number", "Add an address"]) {
		if (await one.getByRole("button", { name, exact: true }).count() === 0)
			continue;
		await press(one, name);
		await one.locator("dialog input:visible").first().waitFor();
		await one.keyboard.type("typed");
		must(await one.locator("dialog input:visible").first().inputValue() === "typed", `${name}: typed into nothing`);
		await one.keyboard.press("Escape");
		await one.locator("dialog").waitFor({ state: "detached" });
	}
});
let secret;
await step("a code may be pasted with a space in it", async () => { // keepassxc #12039
	await press(one, "Set up");
	secret = (await one.locator("dialog .secret").innerText()).replaceAll(" ", "");
	const code = run("oathtool", "--totp", "--base32", secret);
	await one.fill("dialog [name=code]", ` ${code.slice(0, 3)} ${code.slice(3)} `);
	await press(one, "Confirm");
	await one.locator("dialog").waitFor({ state: "detached" });
});

// ---- a request that waits ----

const two = await visit();
const ask = async () => {
	await begin(two);
	await press(two, "Ask my devices");
	await title(two, "Approve this browser");
	await two.getByText("Waiting for you").waitFor();
};
const approve = async () => {
	await go(one, "#/", "ana@localhost");
	await go(one, "#/devices", "Devices");
	await one.getByRole("button", { name: "Approve" }).last().click();
	await one.locator("dialog .shown-code", { hasText: /\d{4}-\d{4}/ }).waitFor();
};
await step("a network that fails does not end the wait", async () => { // bitwarden/clients #13119
	await ask();
	await two.context().setOffline(true);
	await two.getByText("Trying again").waitFor();
	await two.context().setOffline(false);
	await two.getByText("Waiting for you").waitFor();
	must(await two.locator(".box.error").count() === 0, "an error is shown");
});
await step("Back while a code is shown goes back", async () => { // element-web #16072
	await approve();
	await one.goBack();
	await title(one, "ana@localhost");
	must(await one.locator("dialog, main[aria-busy]").count() === 0, "busy");
	await two.locator(".box.error", { hasText: "Code: code-expired" }).waitFor();
});
await step("which is no refusal: one may ask again at once", ask);
await step("what waits behind a code that is closed is still done", async () => {
	await approve();
	await one.evaluate(() => { // as every 30 s, while the core waits
		window.late().then(() => { window.looked = true; });
	});
	await press(one, "Close");
	await two.locator(".box.error", { hasText: "Code: code-expired" }).waitFor();
	await one.waitForFunction(() => window.looked);
});
await step("closed without a network, the page goes on once there is one", async () => {
	await ask();
	await approve();
	await one.context().setOffline(true);
	await press(one, "Close");
	await one.locator("dialog").waitFor({ state: "detached" });
	await go(one, "#/security", "That did not work");
	await one.context().setOffline(false);
	await press(one, "Try again");
	await title(one, "Security");
});

// ---- a log of many pages ----

await step("more of the log, clicked twice, is shown once", async () => { // osu-web #6576
	for (let i = 0; i < 5; i++)
		sql("INSERT INTO event SELECT uid, n + (SELECT MAX(n) FROM event), time_ms, event, dev_id, address, detail " +
			"FROM event LIMIT 60");
	await go(one, "#/activity", "Activity");
	const rows = one.locator(".log .row");
	const more = one.getByRole("button", { name: "Show more" });
	must(await rows.count() === 25, "not 25 at first");
	await one.context().setOffline(true);
	for (let i = 0; i < 5 && await one.locator(".box.error").count() === 0; i++)
		await more.click();
	await one.locator(".box.error", { hasText: "Code: server-unreachable" }).waitFor();
	await one.context().setOffline(false);
	while (await more.isVisible()) {
		const before = await rows.count();
		await more.dblclick();
		await one.waitForFunction((n) => document.querySelectorAll(".log .row").length > n, before);
		await one.waitForFunction(() => !document.querySelector("button.busy"));
	}
	must(String(await rows.count()) === sql("SELECT COUNT(*) FROM event"), `${await rows.count()} rows`);
});

// ---- a sign-in that ends elsewhere ----

const three = await visit();
await step("a browser whose clock is two years off is told so", async () => { // edge-login-ui #211
	await three.context().route("**/worker.js", (r) => r.fulfill({ contentType: "text/javascript",
		body: `const now = Date.now; Date.now = () => now() + 63e9;${run("curl", "-sk", r.request().url())}` }));
	await three.goto(origin);
	await three.locator(".box.error", { hasText: "Code: clock-wrong" }).waitFor();
	await three.context().unroute("**/worker.js");
});
await step("set right, it signs in by a code", async () => {
	await begin(three);
	sql("UPDATE factor SET counter = 0"); // codes count once
	await three.fill("[name=code]", run("oathtool", "--totp", "--base32", secret));
	await three.locator("form button[type=submit]").click();
	await title(three, "ana@localhost");
});
await step("its open page says by itself that it was ended", async () => { // authelia #3221
	await go(one, "#/", "ana@localhost");
	await go(one, "#/activity", "Activity");
	await one.locator(".row", { hasText: "Signed in with a code" }).getByRole("button", { name: "End" }).click();
	await one.getByText("It is ended.").waitFor();
	await three.evaluate(() => window.late());
	await title(three, "Signed out");
});
await browser.close();
