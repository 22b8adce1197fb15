// SPDX-License-Identifier: ISC
// browser.mjs: a real Chromium for tests of the account page.
import { chromium } from "playwright-core";

// $URL as `aumbryd serve` says it: the pin is what the browser trusts too.
export const address = new URL(process.env.URL);
export const origin = `https://localhost:${address.port}`;
const pin = new URLSearchParams(address.hash.slice(1)).get("pin").replaceAll("-", "+").replaceAll("_", "/");

export const flags = (args = []) => ({
	executablePath: "/usr/bin/chromium",
	args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		`--ignore-certificate-errors-spki-list=${pin}=`, ...args],
});
export const startBrowser = (args = []) => chromium.launch(flags(args));
