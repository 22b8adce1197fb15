// SPDX-License-Identifier: ISC
// walk.mjs: what walks through the account page share: a browser that is
// watched, states that are looked at, and what is said of each step.
//
// Says "+ name" for what held and "- name (why)" for what did not. $SHOTS: a
// folder for pictures of every state, in two sizes, light and dark.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import { isFirefox, must, origin, run, SCHEME, sql, startBrowser } from "./browser.mjs";

const { T, SHOTS } = process.env;
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const PASSWORD = "correct horse battery";
export const passwords = [PASSWORD]; // that must not travel

// ---- what is said ----

export const held = (name, yes, why = "") =>
	console.log(yes ? `+ ${name}` : `- ${name} (${String(why).replaceAll("\n", " ").slice(0, 900)})`);
export async function step(name, act) {
	try {
		await act();
		held(name, true);
	} catch (e) {
		const seen = await Promise.all(pages.map((p) => p.locator("main").innerText({ timeout: 500 }).catch(() => "")));
		held(name, false, `${e.message ?? e}; ${seen.map((s) => s.slice(-150)).join(" | ")}`);
	}
}
export const pages = [];
export const aumbry = (home, ...args) => ["--home", `${T}/${home}`, "--password-file", `${T}/pw`, ...args];

// A program of ours that goes on beside the page.
export function beside(home, ...args) {
	const p = spawn("aumbry", aumbry(home, ...args));
	const said = { out: "", err: "" };
	p.stdout.on("data", (d) => { said.out += d; });
	p.stderr.on("data", (d) => { said.err += d; });
	const end = new Promise((resolve) => p.on("close", resolve));
	return { said, end, type: (line) => p.stdin.end(`${line}\n`), kill: () => p.kill() };
}
export async function until(what, act, ms = 20000) {
	for (const end = Date.now() + ms; Date.now() < end;) {
		const got = await act();
		if (got)
			return got;
		await new Promise((r) => setTimeout(r, 50));
	}
	throw new Error(`waited in vain for ${what}`);
}

// ---- a browser, watched ----

// "body {}": what takes pictures in Firefox breaks the policy by a style of its own.
const PICTURED = createHash("sha256").update("body {}").digest("base64");
const isPolicy = /^policy:|Content.Security.Policy/;
export const faults = { origin: [], secret: [], policy: [], console: [] };
export const browser = await startBrowser();

export async function visit() {
	const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
	if (!isFirefox) // which says it by itself
		await context.addInitScript(() => document.addEventListener("securitypolicyviolation",
			(e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)));
	context.on("request", (r) => {
		if (!r.url().startsWith(`${origin}/`) && !/^(data|blob):/.test(r.url()))
			faults.origin.push(r.url());
		const sent = `${r.url()} ${r.postDataBuffer()?.toString("latin1") ?? ""}`;
		if (passwords.some((p) => sent.includes(p) || sent.includes(btoa(p))))
			faults.secret.push(r.url());
	});
	const page = await context.newPage();
	const hear = (text) => {
		if (!isFirefox || !text.includes(PICTURED))
			faults[isPolicy.test(text) ? "policy" : "console"].push(text);
	};
	page.on("console", (m) => {
		if (isPolicy.test(m.text()) || m.type() === "error" && !/Failed to load resource/.test(m.text()))
			hear(m.text());
	});
	page.on("pageerror", (e) => hear(String(e)));
	page.setDefaultTimeout(20000);
	pages.push(page);
	return page;
}

const looks = SHOTS ? [["desktop", 1280, 800], ["phone", 390, 844]] : [["phone", 390, 844], ["desktop", 1280, 800]];

// A state of the page: it must be accessible, on a phone too, and is pictured.
export async function state(page, name) {
	await page.waitForFunction(() => !document.querySelector("main[aria-busy]") &&
		document.getAnimations().every((a) => a.playState !== "running" || a.effect.getTiming().iterations === Infinity));
	const bad = [];
	for (const [size, width, height] of looks) {
		await page.setViewportSize({ width, height });
		for (const colorScheme of isFirefox ? [SCHEME] : ["light", "dark"]) {
			if (!SHOTS && colorScheme === "dark" && size === "phone" && !isFirefox)
				continue;
			await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
			// What is accessible in Chromium is looked at once in Firefox.
			const found = isFirefox && size !== looks[0][0] ? [] : await runAxe(page);
			bad.push(...found.map((f) => `${size} ${colorScheme}: ${f}`), ...await unfilled(page));
			const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
			if (wide > 0)
				bad.push(`${size}: ${wide} px wider than the screen`);
			if (SHOTS) // what was said a while ago is in the way
				await page.evaluate(() => document.getElementById("said")?.replaceChildren());
			if (SHOTS)
				await page.screenshot({ path: `${SHOTS}/${isFirefox ? "firefox-" : ""}${name}-${size}-${colorScheme}.png`,
					fullPage: !await page.locator("dialog").count() });
		}
	}
	await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
	held(`${name}: accessible, and no wider than the screen`, bad.length === 0, bad.join("; "));
}

// What a manager of passwords could not fill in, or not keep under a name.
const unfilled = (page) => page.evaluate(() => [
	...[...document.querySelectorAll("form input:not([type=checkbox], [type=radio])")]
		.filter((x) => !x.getAttribute("autocomplete")).map((x) => `${x.name} has no autocomplete`),
	...[...document.forms].filter((f) => f.querySelector("[autocomplete$=-password]") &&
		!f.querySelector("[autocomplete=username]")).map(() => "a form of a password without a name"),
	...[...document.querySelectorAll("[autocomplete=username][hidden]")].filter((x) => !x.value)
		.map(() => "a hidden name that is empty")]);

const judge = `typeof axe === "object" && axe.run({ resultTypes: ["violations"] }).then((r) => r.violations
	.filter((v) => v.impact === "serious" || v.impact === "critical")
	.map((v) => v.id + " at " + v.nodes.map((n) => n.target.join(" ")).join(", ")))`;

// axe-core, by the debugger: the page's policy would not let it in. Firefox's
// asks for no policy. It is there until the page is loaded anew.
async function runAxe(page) {
	if (isFirefox)
		return await page.evaluate(judge) || await page.evaluate(`${axe};${judge}`);
	// It stays: its end would take the virtual security keys along.
	page.judge ??= await page.context().newCDPSession(page);
	const evaluate = async (expression) => {
		const { result, exceptionDetails } = await page.judge.send("Runtime.evaluate", {
			expression, awaitPromise: true, returnByValue: true, allowUnsafeEvalBlockedByCSP: true });
		must(!exceptionDetails, JSON.stringify(exceptionDetails));
		return result.value;
	};
	return await evaluate(judge) || evaluate(`${axe};${judge}`);
}

// An error stands there with its three parts.
export async function trouble(page, code, words = /./) {
	const at = page.locator(":is(main, dialog) .box.error").last();
	await at.filter({ hasText: `Code: ${code}` }).waitFor();
	const parts = await at.locator("p").allInnerTexts();
	must(parts.length === 3 && parts.every((p) => p.length > 8), `not three parts: ${parts}`);
	must(words.test(parts.join(" ")), `does not say ${words}: ${parts}`);
}
export const go = async (page, where, title) => {
	await page.evaluate((w) => { location.hash = w; }, where);
	await page.getByRole("heading", { level: 1, name: title }).waitFor();
};
// The browser's own buttons, within the page.
const along = (page, by) => page.evaluate((n) => new Promise((resolve) => {
	addEventListener("popstate", resolve, { once: true });
	history.go(n);
}), by);
export const back = (page) => along(page, -1);
export const forward = (page) => along(page, 1);
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

// A browser that becomes a device of the account of $T/home, which lets it in.
export async function joined(home, name) {
	const page = await visit();
	await page.goto(origin);
	await page.fill("[name=name]", name);
	await page.fill("[name=password]", PASSWORD);
	await press(page, "Continue");
	await press(page, "Ask my devices");
	await page.getByText("Waiting for you to approve").waitFor();
	const approving = beside(home, "device", "approve", "--print-code");
	const code = await until("a code", () => /\d{4}-\d{4}/.exec(approving.said.out)?.[0]);
	await page.fill("[name=code]", code);
	await press(page, "Let this browser in");
	await page.getByRole("heading", { level: 1, name: `${name}@localhost` }).waitFor();
	must(await approving.end === 0, approving.said.err);
	return page;
}

// One that only looks, by a code of the authenticator whose secret is $T/secret.
export async function byCode(name) {
	const page = await visit();
	await page.goto(origin);
	await page.fill("[name=name]", name);
	await page.fill("[name=password]", PASSWORD);
	await press(page, "Continue");
	sql("UPDATE factor SET counter = 0"); // codes count once
	await page.fill("[name=code]", run("oathtool", "--totp", "--base32", `@${T}/secret`));
	await page.locator("form button[type=submit]").click();
	await page.getByRole("heading", { level: 1, name: `${name}@localhost` }).waitFor();
	return page;
}

export async function walked() {
	held("no request left the origin", faults.origin.length === 0, faults.origin.join(" "));
	if (!isFirefox) // which does not say what it sends
		held("no password was in any request", faults.secret.length === 0, faults.secret.join(" "));
	held("the policy was never broken", faults.policy.length === 0, faults.policy.join(" "));
	held("the console saw no error", faults.console.length === 0, faults.console.join(" "));
	await browser.close();
}
