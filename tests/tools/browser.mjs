// SPDX-License-Identifier: ISC
// browser.mjs: a real browser for tests of the account page, and what they ask
// beside it. $AUMBRY_TEST_BROWSER is firefox, or else it is Chromium.
import { spawnSync } from "node:child_process";
import { chromium, firefox } from "playwright-core";

export const isFirefox = process.env.AUMBRY_TEST_BROWSER === "firefox";
export const SCHEME = process.env.AUMBRY_TEST_SCHEME ?? "light"; // the colors that Firefox shows

// $URL as `aumbryd serve` says it: the pin is what the browser trusts too. What
// stands before a server has none.
export const address = new URL(process.env.URL);
export const origin = `${address.protocol}//localhost:${address.port}`;
const pin = new URLSearchParams(address.hash.slice(1)).get("pin")?.replaceAll("-", "+").replaceAll("_", "/");

export const flags = (args = []) => ({
	executablePath: "/usr/bin/chromium",
	args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		...(pin ? [`--ignore-certificate-errors-spki-list=${pin}=`] : []), ...args],
});
// Firefox takes the certificate as it is, and its colors are of its start. It
// has a mouse, which no display gives it.
async function startFirefox(wasm) {
	const browser = await firefox.launch({ executablePath: "/usr/bin/firefox-esr", channel: "moz-firefox",
		firefoxUserPrefs: {
			"layout.css.prefers-color-scheme.content-override": SCHEME === "dark" ? 0 : 1,
			"ui.prefersReducedMotion": 1,
			"ui.primaryPointerCapabilities": 6,
			"ui.allPointerCapabilities": 6,
			"dom.events.testing.asyncClipboard": true,
			"javascript.options.wasm": wasm,
		} });
	const make = browser.newContext.bind(browser);
	browser.newContext = (options) => make({ ...options, ignoreHTTPSErrors: true });
	return browser;
}
export const startBrowser = ({ wasm = true } = {}) => isFirefox ? startFirefox(wasm) :
	chromium.launch(flags(wasm ? [] : ["--js-flags=--jitless"]));

export const must = (yes, why) => {
	if (!yes)
		throw new Error(why);
};
export const run = (command, ...args) => {
	const r = spawnSync(command, args, { encoding: "utf8" });
	must(r.status === 0, `${command} ${args.join(" ")}: ${r.stderr}`);
	return r.stdout.trim();
};
// Of the server's database, in $DATA.
export const sql = (text) => run("sqlite3", "-batch", "-cmd", ".timeout 5000", `${process.env.DATA}/aumbryd.db`, text);
