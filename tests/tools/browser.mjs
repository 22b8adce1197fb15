// SPDX-License-Identifier: ISC
// browser.mjs: a real Chromium for tests of the account page, and what they ask
// beside it.
import { spawnSync } from "node:child_process";
import { chromium } from "playwright-core";

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
export const startBrowser = (args = []) => chromium.launch(flags(args));

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
