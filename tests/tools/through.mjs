// SPDX-License-Identifier: ISC
// through.mjs: the account page as a browser gets it where TLS ends at a proxy:
// an account is made, and the page opens a session again after a reload. Says
// "+ name" or "- name (why)". By net.sh: $ORIGIN, $SPKI (of what the proxy
// shows), $INVITE, $WHO.
import { chromium } from "playwright-core";

const { ORIGIN, SPKI, INVITE, WHO } = process.env;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium",
	args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		`--ignore-certificate-errors-spki-list=${SPKI}`] });
const page = await browser.newPage();
page.setDefaultTimeout(20000);
const title = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
let ended = 0;
try {
	await page.goto(`${ORIGIN}/#/signup`);
	await title("Make an account");
	await page.fill("[name=invite]", INVITE);
	await page.fill("[name=name]", WHO);
	await page.fill("[name=password]", "correct horse battery");
	await page.getByRole("button", { name: "Make the account" }).click();
	await title(new RegExp(`^${WHO}@`));
	await page.reload();
	await title(new RegExp(`^${WHO}@`));
	console.log("+ in a browser: an account is made, and its session opens again");
} catch (e) {
	const seen = await page.locator("main").innerText({ timeout: 500 }).catch(() => "");
	console.log(`- in a browser (${String(e.message ?? e)}; ${seen})`.replaceAll("\n", " "));
	ended = 1;
}
await browser.close();
process.exit(ended);
