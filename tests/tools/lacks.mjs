// SPDX-License-Identifier: ISC
// lacks.mjs: the account page in browsers that lack, forbid or never answer
// about one thing that it needs. Says "+ name" or "- name (why)". By
// 90-page-lacks.t: $T, $URL, $INVITE.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { chromium } from "playwright-core";
import { flags, isFirefox, must, origin, startBrowser } from "./browser.mjs";

const { T, INVITE, SHOTS } = process.env;
const PASSWORD = "correct horse battery";
const browser = await startBrowser();
let page;

async function step(name, act) {
	try {
		await act();
		console.log(`+ ${name}`);
	} catch (e) {
		const seen = await page?.locator("main").innerText({ timeout: 500 }).catch(() => "");
		console.log(`- ${name} (${String(e.message ?? e).replaceAll("\n", " ").slice(0, 600)}; ${seen?.replaceAll("\n", " ")})`);
	}
}

// A page of its own; `lack` is run in it before its own scripts.
async function visit(lack = "") {
	const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
	await context.addInitScript({ content: lack });
	page = await context.newPage();
	page.setDefaultTimeout(20000);
	return page;
}
const shot = async (name) => SHOTS && page.screenshot({ path: `${SHOTS}/lacks-${name}.png`, fullPage: true });
const title = (name) => page.getByRole("heading", { level: 1, name }).waitFor();

// What is missing, by which code, and that there is a way on.
async function named(code, words) {
	const box = page.locator("main .box.error").last();
	await box.filter({ hasText: `Code: ${code}` }).waitFor();
	const said = await page.locator("main").innerText();
	must(words.test(said), `does not say ${words}`);
	must(/another browser|other browser/i.test(said) && /aumbry signin/.test(said), "does not say what still works");
	must(await page.locator("main[aria-busy]").count() === 0, "still busy");
}

// ---- nothing can be done without ----

const hurry = "const later = setTimeout; setTimeout = (f, ms) => later(f, ms / 100);";
const forbidden = "throw new DOMException('no', 'SecurityError')";
const needs = [
	["WebAssembly", "absent", "delete self.WebAssembly", "update-needed"],
	["WebAssembly", "forbidden", `WebAssembly.Module = function () { ${forbidden} }`, "permission-denied"],
	["Web Crypto", "absent", "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })", "update-needed"],
	["Web Crypto", "forbidden", `SubtleCrypto.prototype.digest = () => { ${forbidden} }`, "permission-denied"],
	["dialogs", "absent", "delete HTMLDialogElement.prototype.showModal", "update-needed"],
	["workers", "absent", "delete self.Worker", "update-needed"],
	["workers", "forbidden", `self.Worker = function () { ${forbidden} }`, "permission-denied"],
	["locks", "absent", "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })", "update-needed"],
	["locks", "forbidden", `LockManager.prototype.request = async () => { ${forbidden} }`, "permission-denied"],
	["locks", "silent", `LockManager.prototype.request = () => { ${hurry} return new Promise(() => {}); }`, "io-error"],
	["IndexedDB", "absent", "Object.defineProperty(self, 'indexedDB', { value: null })", "update-needed"],
	["IndexedDB", "out of reach", `Object.defineProperty(self, 'indexedDB', { get() { ${forbidden} } })`, "permission-denied"],
	["IndexedDB", "forbidden", `IDBFactory.prototype.open = () => { ${forbidden} }`, "permission-denied"],
	["IndexedDB", "silent", `IDBFactory.prototype.open = () => { ${hurry} return {}; }`, "io-error"],
	["IndexedDB", "full", "IDBObjectStore.prototype.put = () => { throw new DOMException('no', 'QuotaExceededError') }", "disk-full-here"],
	["IndexedDB", "only read", "IDBObjectStore.prototype.put = () => { throw new DOMException('no', 'ReadOnlyError') }", "permission-denied"],
];
for (const [what, how, script, code] of needs)
	await step(`${what} ${how}: named, with what works`, async () => {
		await visit(script);
		await page.goto(origin);
		await title("Aumbry cannot start here");
		await named(code, new RegExp(what));
		await shot(`${what}-${how}`.replaceAll(" ", "-"));
	});

// What the server should have sent and did not, or not whole.
const parts = [
	["/worker.js", "is not sent", (r) => r.abort(), "internal-error", /core/],
	["/core.wasm", "is not sent", (r) => r.abort(), "internal-error", /core/],
	["/core.wasm", "is not there", (r) => r.fulfill({ status: 502 }), "internal-error", /502/],
	["/core.wasm", "is damaged", (r) => r.fulfill({ body: "no" }), "internal-error", /core/],
	["/v1/server", "is not answered", (r) => r.abort(), "server-unreachable", /reach/],
	["/app.js", "is not sent", (r) => r.abort(), "server-unreachable", /could not be loaded/],
	["/app.js", "is not understood", (r) => r.fulfill({ contentType: "text/javascript", body: "class { # }" }),
		"update-needed", /does not understand/],
];
for (const [path, how, answer, code, words] of parts)
	await step(`${path} ${how}: said`, async () => {
		await visit();
		await page.context().route(`**${path}`, answer);
		await page.goto(origin);
		await named(code, words);
	});
await step("a page that does not come whole is said", async () => {
	await visit(hurry);
	let release;
	await page.context().route("**/app.js", (r) => { release = () => r.abort(); });
	await page.goto(origin, { waitUntil: "commit" });
	await named("server-unreachable", /does not come/);
	release();
});
await step("of one that came whole nothing is said, however long it stays open", async () => {
	await visit(`const later = setTimeout; setTimeout = (f, ms) => {
		if (document.currentScript?.src.endsWith("/early.js"))
			window.late = f;
		return later(f, ms);
	};`);
	await page.goto(origin);
	await title("Sign in");
	await page.evaluate(() => window.late());
	must(await page.locator(".box").count() === 0, "a box is there");
});
await step("a core that has stopped is said, at each call", async () => {
	await visit();
	await page.context().route("**/worker.js", (r) => r.fulfill({ contentType: "text/javascript",
		body: spawnSync("curl", ["-sk", r.request().url()], { encoding: "utf8" }).stdout.replace("withBytes(ask, core.call)",
			"data.ask.do === 'signin' ? core.none() : withBytes(ask, core.call)") }));
	await page.goto(origin);
	await title("Sign in");
	await page.fill("[name=name]", "ana");
	await page.fill("[name=password]", PASSWORD);
	for (let i = 0; i < 2; i++) {
		await page.getByRole("button", { name: "Continue" }).click();
		await page.locator(".box.error", { hasText: "Code: internal-error" }).waitFor();
		await page.locator(".box.error", { hasText: "Load the page again" }).waitFor();
	}
	await page.evaluate(() => { location.hash = "#/signup"; });
	await title("That did not work");
});

// ---- a browser of its own, with cookies and site data blocked by its owner ----

// Its profile is Chromium's.
if (!isFirefox) await step("cookies and site data blocked: named, with what to allow", async () => {
	fs.mkdirSync(`${T}/blocked/Default`, { recursive: true });
	fs.writeFileSync(`${T}/blocked/Default/Preferences`, JSON.stringify({
		profile: { default_content_setting_values: { cookies: 2 } } }));
	const context = await chromium.launchPersistentContext(`${T}/blocked`, flags());
	try {
		page = await context.newPage();
		await page.goto(origin);
		await title("Aumbry cannot start here");
		await named("permission-denied", /Allow cookies and site data/);
		await shot("blocked");
	} finally {
		await context.close();
	}
});

// ---- what one can do without ----

const some = [
	["security keys", "delete self.PublicKeyCredential", /no security keys.*A code or one of your devices/],
	["cookies", "Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} })", /no cookies.*second factor/],
	["local storage", `Object.defineProperty(self, 'localStorage', { get() { ${forbidden} } })`, /no cookies.*second factor/],
];
for (const [what, script, words] of some)
	await step(`${what} absent: named, and one goes on`, async () => {
		await visit(script);
		await page.goto(origin);
		await title("Sign in");
		must(words.test(await page.getByRole("region", { name: "What this browser lacks" }).innerText()), `not said: ${words}`);
		await shot(what.replaceAll(" ", "-"));
		await page.fill("[name=name]", "nobody");
		await page.fill("[name=password]", PASSWORD);
		await page.getByRole("button", { name: "Continue" }).click();
		await page.locator(".box.error", { hasText: "Code: wrong-password-or-name" }).waitFor();
	});
await step("a browser that has it all is told nothing", async () => {
	await visit();
	await page.goto(origin);
	await title("Sign in");
	must(await page.getByText("What this browser lacks").count() === 0, "it lacks something");
});
await step("one that promises nothing, and cannot copy, still makes a device", async () => {
	await visit(`delete StorageManager.prototype.persist; delete StorageManager.prototype.persisted;
		Clipboard.prototype.writeText = async () => { ${forbidden} }`);
	await page.goto(`${origin}/#/signup`);
	await title("Make an account");
	await page.getByText("may forget it").waitFor();
	await page.fill("[name=invite]", INVITE);
	await page.fill("[name=name]", "ana");
	await page.fill("[name=password]", PASSWORD);
	await page.getByRole("button", { name: "Make the account" }).click();
	await title("ana@localhost");
	await page.getByText("It has not promised to keep your keys").waitFor();
	await shot("forgets");
});
await step("is told to make a recovery key, and copies it by hand", async () => {
	await page.getByRole("link", { name: "Make a recovery key now" }).click();
	await title("Recovery");
	await page.getByRole("button", { name: "Make a recovery key" }).click();
	await page.getByRole("button", { name: "Copy" }).click();
	await page.getByText("copy it by hand").waitFor();
});
await browser.close();
