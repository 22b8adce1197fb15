// SPDX-License-Identifier: ISC
// page.mjs: walks through the account page in a real browser.
//
// $T, $URL, $INVITE, $DATA, $MUX are the test's; walk.mjs says the rest.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import zlib from "node:zlib";
import { isFirefox, must, origin, run, sql, startBrowser } from "./browser.mjs";
import { aumbry, back, beside, forward, go, PASSWORD, passwords, press, state, step, trouble, until, visit, walked } from "./walk.mjs";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url)); // Debian 12 has Node 18

const { T, ESCROW, INVITE, INVITE2, INVITE3, MUX, SHOTS } = process.env;
const FRESH = "another horse with a staple";
passwords.push(FRESH, "seven77");
const escrowPin = fs.readFileSync(`${T}/escrow.pin`, "utf8").trim().split(/\s/).pop();
fs.writeFileSync(`${T}/pw2`, `${FRESH}\n`);

const totp = (secret) => {
	sql("UPDATE factor SET counter = 0"); // codes count once
	return run("oathtool", "--totp", "--base32", secret);
};
const other = (code) => `${(Number(code[0]) + 1) % 10}${code.slice(1)}`;
const stale = () => sql("UPDATE session SET step_up_ms = 0, password_ms = 0");

// What the server answers at `path`, changed on the way by `how`, while `act` runs.
async function changed(page, path, how, act) {
	await page.context().route(`**${path}`, (r) => {
		const token = r.request().headers().authorization;
		const body = run("curl", "-sk", ...(token ? ["-H", `authorization: ${token}`] : []), r.request().url());
		return r.fulfill({ body: how(body), contentType: path.endsWith(".js") ? "text/javascript" : "application/json" });
	});
	await act();
	await page.context().unroute(`**${path}`);
}
const otherEscrow = (body) => JSON.stringify({ ...JSON.parse(body), escrow: Buffer.alloc(32, 7).toString("base64") });

// ---- without what it needs ----

await step("is served with its policy", async () => {
	const headers = run("curl", "-sk", "-D", "-", "-o", "/dev/null", `${origin}/`);
	must(/content-security-policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/i.test(headers), headers);
	must(/x-content-type-options: nosniff/i.test(headers) && /referrer-policy: no-referrer/i.test(headers), headers);
});
await step("comes as small as the browser takes it, and is the same", async () => {
	const got = (accepted) => {
		const head = run("curl", "-sk", "-D", "-", "-o", `${T}/packed`, "-H", `Accept-Encoding: ${accepted}`,
			`${origin}/core.wasm`);
		return [/^content-encoding: (\S+)/im.exec(head)?.[1] ?? "", fs.readFileSync(`${T}/packed`)];
	};
	const [none, plain] = got("identity");
	must(none === "" && plain.subarray(0, 4).equals(Buffer.from("\0asm")), "not plain");
	for (const [accepted, wanted, unpack] of [["gzip, deflate, br, zstd", "br", zlib.brotliDecompressSync],
		["gzip, deflate", "gzip", zlib.gunzipSync], ["br;q=0, gzip;q=0.5", "gzip", zlib.gunzipSync],
		["BR", "br", zlib.brotliDecompressSync]]) {
		const [encoding, packed] = got(accepted);
		must(encoding === wanted, `${accepted}: ${encoding}`);
		must(packed.length < plain.length / 2 && unpack(packed).equals(plain), `${accepted}: not the same`);
	}
	for (const accepted of ["brotli, gzipped", "gzip; q=0"])
		must(got(accepted)[0] === "", `${accepted}: packed`);
});
await step("is not sent twice", async () => {
	const headers = run("curl", "-sk", "-D", "-", "-o", `${T}/page`, `${origin}/core.wasm`);
	const etag = /etag: (\S+)/i.exec(headers)[1];
	must(fs.statSync(`${T}/page`).size > 100000, "no core.wasm");
	must(/ 304/.test(run("curl", "-sk", "-D", "-", "-H", `If-None-Match: ${etag}`, `${origin}/core.wasm`)), "sent again");
});
await step("a browser without WebAssembly is told so", async () => {
	const bare = await startBrowser({ wasm: false });
	try {
		const page = await (await bare.newContext()).newPage();
		await page.goto(origin);
		await trouble(page, "update-needed", /WebAssembly/);
		await state(page, "no-webassembly");
	} finally {
		await bare.close();
	}
});

// ---- an account ----

const one = await visit();
await step("opens at the sign-in", async () => {
	await one.goto(origin);
	await one.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
});
await state(one, "sign-in");
await step("an empty field is named, and gets the focus", async () => {
	await press(one, "Continue");
	await trouble(one, "input-missing", /Name/);
	must(await one.locator("[name=name]").evaluate((e) => e === document.activeElement), "no focus");
});
await step("unknown names are refused like wrong passwords", async () => {
	await one.fill("[name=name]", "nobody");
	await one.fill("[name=password]", PASSWORD);
	await press(one, "Continue");
	await trouble(one, "wrong-password-or-name");
});
await state(one, "sign-in-refused");
await go(one, "#/signup", "Make an account");
await state(one, "sign-up");
const fillSignup = async (invite, password) => {
	await one.fill("[name=invite]", invite);
	await one.fill("[name=name]", "ana");
	await one.fill("[name=password]", password);
	await one.fill("[name=device_name]", "Browser one");
	await press(one, "Make the account");
};
await step("a short password is refused", async () => {
	await fillSignup(INVITE, "seven77");
	await trouble(one, "bad-request", /shorter than 8/);
});
await step("a wrong invitation is refused", async () => {
	await fillSignup("aaaa-bbbb-cccc-dddd", PASSWORD);
	await trouble(one, "invitation-used");
});
await state(one, "sign-up-refused");
const signupAgain = async () => {
	await one.reload();
	await one.getByRole("heading", { level: 1, name: "Make an account" }).waitFor();
};
await step("a server that names another escrow at the last moment is caught", async () => {
	await changed(one, "/v1/server", otherEscrow, async () => {
		await signupAgain();
		must(await one.getByText(escrowPin).count() === 0, "nothing was changed on the way");
		await fillSignup(INVITE, PASSWORD);
		await trouble(one, "escrow-changed");
	});
});
await step("without an escrow there is nothing to choose", async () => {
	await changed(one, "/v1/server", (body) => JSON.stringify({ ...JSON.parse(body), escrow: false }), async () => {
		await signupAgain();
		must(await one.locator("[name=level]").count() === 0, "levels are offered");
	});
	await signupAgain();
});
await step("with one, standard is chosen first, and says by whom", async () => {
	must(await one.locator("[name=level][value=standard]").isChecked(), "something else is chosen");
	await one.getByText(escrowPin).waitFor();
});
// Storing fails, of everything or of one thing, while `act` runs.
const full = async (page, what, act) => {
	await page.evaluate((name) => {
		const put = IDBObjectStore.prototype.put;
		window.mend = () => { IDBObjectStore.prototype.put = put; };
		IDBObjectStore.prototype.put = function (value, key) {
			if (!name || key === name)
				throw new DOMException("no room", "QuotaExceededError");
			return put.call(this, value, key);
		};
	}, what);
	await act();
	await page.evaluate(() => window.mend());
};
const counted = (table) => Number(sql(`SELECT COUNT(*) FROM ${table}`));
await step("a browser that stores nothing sends nothing", async () => {
	const before = counted("throttle WHERE name LIKE 'signup%' AND tries > 0");
	sql("DELETE FROM throttle");
	must(before > 0, "the throttle counts no sign-ups");
	await full(one, "", async () => {
		await fillSignup(INVITE, PASSWORD);
		await trouble(one, "disk-full-here", /QuotaExceededError.*nothing was sent/);
	});
	must(counted("throttle") === 0, "a sign-up was begun");
});
await step("one that does not store the keys makes no account", async () => {
	await full(one, "state", async () => {
		await fillSignup(INVITE, PASSWORD);
		await trouble(one, "disk-full-here", /QuotaExceededError/);
	});
	must(counted("account") === 0, "there is an account");
});
await step("signs up, and an answer that is lost makes no second one", async () => {
	let lost = 0;
	await one.context().route("**/v1/signup/finish", async (r) => {
		if (lost++ > 0)
			return r.continue();
		const q = r.request();
		run("curl", "-sk", "-H", "content-type: application/json", "-H",
			`idempotency-key: ${q.headers()["idempotency-key"]}`, "--data-binary", q.postData(), q.url());
		return r.abort();
	});
	await fillSignup(INVITE, PASSWORD);
	await one.getByRole("heading", { level: 1, name: "ana@localhost" }).waitFor();
	await one.context().unroute("**/v1/signup/finish");
	must(lost === 2 && counted("account") === 1, `sent ${lost} times`);
});
await step("and says that this browser may forget it", async () => {
	await one.getByText("This browser may forget that it is your device").waitFor();
	await one.getByRole("link", { name: "Make a recovery key now" }).waitFor();
});
await state(one, "overview-new");
await step("a screen that comes late is not shown over a newer one", async () => {
	await one.evaluate(() => {
		window.titles = [];
		new MutationObserver(() => window.titles.push(document.querySelector("h1").textContent))
			.observe(document.getElementById("main"), { childList: true });
		location.hash = "#/app-passwords";
		location.hash = "#/";
		location.hash = "#/activity";
	});
	await one.getByRole("heading", { level: 1, name: "Activity" }).waitFor();
	await go(one, "#/devices", "Devices"); // calls run one after the other
	const seen = await one.evaluate(() => window.titles.join(", "));
	must(seen === "Activity, Devices", seen);
	await go(one, "#/", "ana@localhost");
});
await step("is still in after loading the page again", async () => {
	await one.reload();
	await one.getByRole("heading", { level: 1, name: "ana@localhost" }).waitFor();
});
await step("a second tab is sent to the first", async () => {
	const tab = await one.context().newPage();
	await tab.goto(origin);
	await trouble(tab, "home-busy");
	await state(tab, "second-tab");
	await tab.close();
});
await step("what is kept in the browser is sealed", async () => {
	const kept = await one.evaluate(async () => {
		const db = await new Promise((r) => { const o = indexedDB.open("aumbry"); o.onsuccess = () => r(o.result); });
		const s = db.transaction("kept").objectStore("kept");
		const get = (k) => new Promise((r) => { const g = s.get(k); g.onsuccess = () => r(g.result); });
		const [key, state] = [await get("key"), await get("state")];
		db.close();
		return { extractable: key.extractable, text: new TextDecoder("latin1").decode(state.data) };
	});
	must(kept.extractable === false && kept.text.length > 1000, "no key, or not sealed by it");
	must(!/device\.key|localhost/.test(kept.text), "readable");
});

// ---- an authenticator ----

let secret;
await go(one, "#/security", "Security");
await state(one, "security-new");
await step("shows the authenticator's secret, and a QR code of it", async () => {
	await press(one, "Set up");
	await one.locator(".qr").waitFor();
	secret = (await one.locator(".secret").innerText()).replaceAll(/\s/g, "");
	await one.locator(".qr").screenshot({ path: `${T}/qr.png` });
	const uri = run("zbarimg", "-q", "--raw", `${T}/qr.png`);
	must(uri.startsWith("otpauth://totp/") && uri.includes(secret), `read: ${uri}`);
});
await state(one, "authenticator");
await step("a wrong code is refused, with message, remedy and code", async () => {
	await one.fill("[name=code]", other(totp(secret)));
	await press(one, "Confirm");
	await trouble(one, "wrong-code", / UTC/);
});
await state(one, "authenticator-refused");
await step("the right one turns two-factor on", async () => {
	await one.fill("[name=code]", totp(secret));
	await press(one, "Confirm");
	await one.getByText("✓ On").first().waitFor();
});
await state(one, "security");
await step("a secret that is too long for a QR code is no trouble", async () => {
	const png = await one.evaluate(() => document.querySelectorAll(".qr").length);
	must(png === 0, "dialog still there");
});

// ---- devices ----

await go(one, "#/devices", "Devices");
await state(one, "devices-one");
await step("lets the program in, by a code", async () => {
	const cli = beside("cli", "signin", process.env.URL, "ana", "--device-name", "laptop");
	await one.getByText("A computer asks to join.").waitFor();
	await one.getByText("Near Lisbon, Portugal (127.0.0.1), ").waitFor();
	await state(one, "request");
	await press(one, "Approve");
	const code = await until("a code", async () =>
		/^\d{4}-\d{4}$/.exec(await one.locator(".shown-code").innerText())?.[0]);
	await state(one, "approve");
	cli.type(code);
	must(await cli.end === 0, cli.said.err);
	await one.getByText("laptop").first().waitFor();
});
await step("which is a device like others", async () => {
	must(/Browser one/.test(run("aumbry", ...aumbry("cli", "device", "list"))), "not listed");
	await one.getByText(/^Last seen .* near Lisbon, Portugal \(127\.0\.0\.1\)$/).first().waitFor();
});
await step("says when it backed up by itself, and since when not", async () => {
	const says = async (days, last, words) => {
		sql(`INSERT OR REPLACE INTO backup_state SELECT uid, dev_id, ${last}, ${Date.now()}
			- ${days} * 86400000, 0 FROM device_seen WHERE dev_id = (SELECT dev_id FROM session
			WHERE class = 1 ORDER BY opened_ms DESC LIMIT 1)`);
		await go(one, "#/security", "Security");
		await go(one, "#/devices", "Devices");
		await one.getByText(words).first().waitFor();
	};
	await says(0, Date.now() - 7200e3, "Last backup by itself 2 hours ago");
	await says(8, Date.now() - 8 * 86400e3, /^No backup since \d/);
	await says(9, 0, /^No backup yet, since \d/);
	sql("DELETE FROM backup_state");
});
await step("a request can be refused", async () => {
	const cli = beside("no", "signin", process.env.URL, "ana", "--device-name", "stranger");
	await one.getByText("A computer asks to join.").waitFor();
	await press(one, "Refuse");
	must(await cli.end === 4 && /request-refused/.test(cli.said.err), cli.said.err);
	sql("DELETE FROM joining; DELETE FROM throttle"); // it silences the address for a day
});

// ---- a second browser, let in by the program ----

const two = await visit();
const typePassword = async (page, password = PASSWORD, name = "ana") => {
	await page.goto(`${origin}/`);
	await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	await page.fill("[name=name]", name);
	await page.fill("[name=password]", password);
	await press(page, "Continue");
};
await step("the second step offers devices and codes", async () => {
	await typePassword(two);
	await two.getByRole("heading", { level: 1, name: "Second step" }).waitFor();
});
await state(two, "second-step");
await step("Back is the first step, and Forward begins nothing", async () => {
	await back(two);
	await two.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	await forward(two);
	await two.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	await two.fill("[name=name]", "ana");
	await two.fill("[name=password]", PASSWORD);
	await press(two, "Continue");
	await two.getByRole("heading", { level: 1, name: "Second step" }).waitFor();
});
let approving;
await step("asks the devices", async () => {
	await press(two, "Ask my devices");
	await two.getByText("Waiting for you to approve").waitFor();
	await state(two, "waiting");
	await back(two);
	await two.getByRole("heading", { level: 1, name: "Second step" }).waitFor();
	await press(two, "Ask my devices"); // the same request goes on
	await two.getByText("Waiting for you to approve").waitFor();
	await back(two);
	await two.getByRole("heading", { level: 1, name: "Second step" }).waitFor();
	await forward(two);
	await two.getByText("Waiting for you to approve").waitFor();
	approving = beside("cli", "device", "approve", "--print-code");
	await two.getByText("Approved. Type the code").waitFor();
});
const shownCodes = () => approving.said.out.trim().split("\n").filter(Boolean);
await step("a slip of the finger costs no try", async () => {
	const code = (await until("a code", shownCodes.bind(null)))[0] ?? await until("a code", () => shownCodes()[0]);
	await two.fill("[name=code]", other(code));
	await press(two, "Let this browser in");
	await trouble(two, "wrong-code", /slip/);
	must(shownCodes().length === 1, "the code was burnt");
});
await state(two, "pairing-refused");
await step("a code of an authenticator is the wrong kind", async () => {
	await two.fill("[name=code]", totp(secret));
	await press(two, "Let this browser in");
	await trouble(two, "wrong-code-kind");
});
await step("a wrong code is burnt, and another is shown", async () => {
	await two.fill("[name=code]", luhnOther(shownCodes()[0]));
	await press(two, "Let this browser in");
	await trouble(two, "wrong-code", /burnt/);
	await until("the second code", () => shownCodes().length === 2);
});
await step("the right one lets the browser in", async () => {
	await two.fill("[name=code]", shownCodes()[1]);
	await press(two, "Let this browser in");
	await two.getByRole("heading", { level: 1, name: "ana@localhost" }).waitFor();
	must(await approving.end === 0, approving.said.err);
});
await step("Back does not go to a step that is done", async () => {
	await back(two);
	await two.getByRole("heading", { level: 1, name: "ana@localhost" }).waitFor();
	await forward(two);
	await two.getByRole("heading", { level: 1, name: "ana@localhost" }).waitFor();
});
await state(two, "overview");

// Another code of 8 digits whose check digit is right.
function luhnOther(code) {
	const d = [...code.replace("-", "")].slice(0, 7).map(Number);
	d[1] = (d[1] + 1) % 10;
	const sum = d.reduce((s, x, i) => s + (i % 2 === 0 ? (x * 2 > 9 ? x * 2 - 9 : x * 2) : x), 0);
	return d.join("") + (10 - sum % 10) % 10;
}

// ---- a visitor, by a code ----

const three = await visit();
await step("a wrong code of the authenticator is refused", async () => {
	await typePassword(three);
	await three.fill("[name=code]", other(totp(secret)));
	await press(three, "Continue");
	await trouble(three, "wrong-code");
});
await state(three, "code-refused");
await step("the right one lets it look", async () => {
	await three.fill("[name=code]", totp(secret));
	await three.check("[name=trust]");
	await press(three, "Continue");
	await three.getByRole("heading", { level: 1, name: "ana@localhost" }).waitFor();
	await three.getByText("Signed in with a code until").waitFor();
});
await state(three, "overview-visitor");
await step("and no devices", async () => {
	await go(three, "#/devices", "Devices");
	await three.getByText("needs a browser that is one of your devices").waitFor();
});
await state(three, "devices-visitor");
await step("nor anything that opens the account", async () => {
	await go(three, "#/security", "Security");
	await three.getByText("Changing what opens the account needs").waitFor();
	await three.getByText("It is set up.").waitFor();
	must(await three.locator("main button").count() === 0, "a button that changes something");
	await go(three, "#/app-passwords", "App passwords");
	must(await three.getByRole("button", { name: "Make one" }).count() === 0, "app passwords are made");
	await go(three, "#/devices", "Devices");
});
await step("sign-in asked no device", async () => {
	must(sql("SELECT COUNT(*) FROM joining WHERE shown = 1 AND state <= 1") === "0", "a prompt");
});
await step("a trusted browser needs the password alone", async () => {
	await press(three, "Sign out of this browser");
	await three.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	await typePassword(three);
	await three.getByText("this browser is trusted").waitFor();
});

// ---- app passwords ----

let appPassword;
await step("changes ask for password and factor", async () => {
	stale();
	await go(one, "#/app-passwords", "App passwords");
	await state(one, "app-passwords-none");
	await press(one, "Make one");
	await one.fill("[name=label]", "Mail on my phone");
	await state(one, "app-password-make");
	await press(one, "Make it");
	await one.getByRole("heading", { name: "Confirm that it is you" }).waitFor();
});
await state(one, "step-up");
await step("a wrong password is refused", async () => {
	await one.locator("dialog").last().locator("[name=password]").fill("wrong horse battery");
	await press(one, "Continue");
	await trouble(one, "wrong-password-or-name");
});
await step("the right one asks for the factor", async () => {
	await one.locator("dialog").last().locator("[name=password]").fill(PASSWORD);
	await press(one, "Continue");
	await one.locator("dialog").last().locator("[name=code]").waitFor();
});
await state(one, "step-up-factor");
await step("an app password is made", async () => {
	await one.locator("dialog").last().locator("[name=code]").fill(totp(secret));
	await press(one, "Continue");
	appPassword = await one.locator("dialog code").last().innerText();
	must(/^[a-z0-9]{4}(-[a-z0-9]{4}){3}$/.test(appPassword), appPassword);
});
await state(one, "app-password-made");
await step("and works, for its service alone", async () => {
	await press(one, "Done");
	const ask = (service) => spawnSync("perl", [`${HERE}/saslask.pl`, MUX, service, "ana", appPassword]).status;
	must(ask("imap") === 0, "imap refused");
	must(ask("caldav") === 1, "caldav allowed");
	await one.getByText("Mail on my phone").waitFor();
});
await state(one, "app-passwords");
await step("revoked, it is over", async () => {
	await press(one, "Revoke");
	await state(one, "sure");
	await one.locator("dialog").getByRole("button", { name: "Revoke" }).click();
	await one.getByText("There is none yet").waitFor();
	must(spawnSync("perl", [`${HERE}/saslask.pl`, MUX, "imap", "ana", appPassword]).status === 1, "works");
});

// ---- activity, sessions ----

await step("the log says what happened, in words", async () => {
	await go(one, "#/activity", "Activity");
	await one.getByText("Somebody signed in with a code").first().waitFor();
	await one.getByText("An app password was made").first().waitFor();
	for (const of of [".row:has-text('signed in with a code')", ".row:has-text('Since')"])
		must(/near Lisbon, Portugal \(127\.0\.0\.1\)/.test(
			await one.locator(of).first().innerText()), `no place: ${of}`);
});
await state(one, "activity");
await step("a session can be ended from elsewhere", async () => {
	const visitor = one.locator(".row", { hasText: "Signed in with a code" }).first();
	await visitor.getByRole("button", { name: "End" }).click();
	await one.getByText("It is ended.").waitFor();
	await go(three, "#/security", "Signed out");
	await trouble(three, "session-expired");
});
await state(three, "session-ended");

// ---- mail, names, the password ----

await step("a server that sends no mail says so", async () => {
	await go(one, "#/security", "Security");
	await press(one, "Add an address");
	await one.fill("[name=address]", "ana@example.org");
	await press(one, "Send a code");
	await trouble(one, "no-gateway");
	await one.locator("dialog").getByRole("button", { name: "Close" }).click();
});
await step("the browser gets another name", async () => {
	await go(two, "#/devices", "Devices");
	await press(two, "Rename");
	await two.locator("dialog [name=name]").fill("Browser two");
	await two.locator("dialog").getByRole("button", { name: "Rename" }).click();
	await two.locator(".row", { hasText: "Browser two" }).waitFor();
	must(/Browser two/.test(run("aumbry", ...aumbry("cli", "device", "list"))), "not listed");
});
await step("the password is changed", async () => {
	await press(one, "Change the password");
	await one.fill("[name=fresh]", FRESH);
	await one.fill("[name=repeated]", FRESH);
	await state(one, "password");
	await press(one, "Change it");
	await one.locator("dialog").last().locator("[name=password]").fill(PASSWORD);
	await press(one, "Continue");
	await one.locator("dialog").last().locator("[name=code]").fill(totp(secret));
	await press(one, "Continue");
	await one.getByText("The password is changed.").waitFor();
});
await step("the old one is refused, the new one holds", async () => {
	const with_ = (file) => spawnSync("aumbry", ["--home", `${T}/cli`, "--password-file", file,
		"step-up", "--code", totp(secret)], { encoding: "utf8" });
	const old = with_(`${T}/pw`);
	must(/wrong-password-or-name/.test(old.stderr), old.stderr);
	must(with_(`${T}/pw2`).status === 0, "the new one is refused");
});

// ---- a device is removed while its page is open ----

await step("removes another browser", async () => {
	await go(one, "#/devices", "Devices");
	const row = one.locator(".row", { hasText: "Browser two" });
	await row.getByRole("button", { name: "Remove" }).click();
	await one.locator("dialog").getByRole("button", { name: "Remove" }).click();
	await row.waitFor({ state: "detached" });
});
await step("whose open page says so by itself, and what to do", async () => {
	await two.getByRole("heading", { level: 1, name: "This browser was removed" }).waitFor();
	must(await two.evaluate(() => location.hash) === "#/devices", "it went elsewhere");
	await trouble(two, "device-removed", /Forget/);
});
await step("wherever one goes there", async () => {
	await go(two, "#/", "This browser was removed");
	await trouble(two, "device-removed", /Forget/);
	await go(two, "#/app-passwords", "This browser was removed");
	await trouble(two, "device-removed", /Forget/);
});
await state(two, "removed");
await step("and forgets", async () => {
	await press(two, "Forget and sign in again");
	await two.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	const kept = await two.evaluate(async () => {
		const db = await new Promise((r) => { const o = indexedDB.open("aumbry"); o.onsuccess = () => r(o.result); });
		const n = await new Promise((r) => { const g = db.transaction("kept").objectStore("kept").count(); g.onsuccess = () => r(g.result); });
		db.close();
		return n;
	});
	must(kept === 0, `${kept} things are kept`);
});

// ---- a server that does not answer ----

await step("a server out of reach is named", async () => {
	await press(three, "Forget and sign in again");
	await three.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	await three.fill("[name=name]", "ana");
	await three.fill("[name=password]", FRESH);
	await three.context().setOffline(true);
	try {
		await press(three, "Continue");
		await trouble(three, "server-unreachable");
	} finally {
		await three.context().setOffline(false);
	}
});

// ---- by keyboard ----

await step("signs in by the keyboard alone", async () => {
	await three.goto(origin);
	await three.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
	for (let i = 0; i < 12 && !await three.locator("[name=name]").evaluate((e) => e === document.activeElement); i++)
		await three.keyboard.press("Tab");
	await three.keyboard.type("ana");
	await three.keyboard.press("Tab");
	await three.keyboard.type(FRESH);
	await three.keyboard.press("Enter");
	await three.getByRole("heading", { level: 1, name: "Second step" }).waitFor();
	must(await three.locator("h1").evaluate((e) => e.getAttribute("tabindex") === "-1"), "no focus on the heading");
});

// ---- protection and recovery ----

const fresh = (home, ...args) => ["--home", `${T}/${home}`, "--password-file", `${T}/pw2`, ...args];
const proveIn = async (page, password = FRESH) => {
	sql("DELETE FROM throttle"); // more confirming than people do in ten minutes
	const dialog = page.locator("dialog").last();
	await dialog.locator("[name=password]").fill(password);
	await press(page, "Continue");
	await dialog.locator("[name=code]").fill(totp(secret));
	await press(page, "Continue");
};
const cell = (page, what, column) => page.locator("tr", { has: page.getByRole("rowheader", { name: what }) })
	.locator("td").nth(column).innerText();
const escrowTold = () => until("the escrow to be told", () => sql("SELECT COUNT(*) FROM escrow_job") === "0");
const slip = (code, group) => code.split("-").map((g, i) =>
	i === group - 1 ? (g[0] === "A" ? "B" : "A") + g.slice(1) : g).join("-");
let key;
const readKey = () => one.locator(".groups").innerText();

await step("protection says who can open what", async () => {
	await go(one, "#/protection", "Protection");
	await one.locator(".badge", { hasText: "Standard" }).waitFor();
	await one.getByText(escrowPin).waitFor();
	must(/Can help/.test(await cell(one, "Backups", 2)), "the escrow and backups");
	must(/No/.test(await cell(one, "Passwords, secret keys", 2)), "the escrow and secrets");
	must(/None yet/.test(await cell(one, "Backups", 1)), "no recovery key yet");
	must(/Reads it/.test(await cell(one, "Mail, contacts, calendars", 3)), "the server and mail");
	must(/No/.test(await cell(one, "Backups", 3)), "the server and backups");
});
await step("and what advanced protection still lacks", async () => {
	const list = await one.locator(".checks li").allInnerTexts();
	must(list.length === 3 && /Done: two-factor/.test(list[0]) && /To do: make a recovery key/.test(list[1]) &&
		/To do: try the recovery key/.test(list[2]), list.join());
});
await state(one, "protection");
await step("without that it is refused", async () => {
	await press(one, "Change to advanced");
	await trouble(one, "protection-blocked", /no recovery key; no way to recover was ever tried/);
});
await state(one, "protection-blocked");
await step("there is no way back in yet", async () => {
	await go(one, "#/recovery", "Recovery");
	await one.getByText("There is none but your devices").waitFor();
});
await state(one, "recovery-none");
await step("a recovery key is shown, and can be copied", async () => {
	if (!isFirefox) // which was told at its start
		await one.context().grantPermissions(["clipboard-read", "clipboard-write"]);
	await press(one, "Make a recovery key");
	await one.locator(".groups").waitFor();
	key = await readKey();
	must(/^[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){6}$/.test(key), key);
	passwords.push(key, key.replaceAll("-", ""));
	await press(one, "Copy");
	await one.getByRole("button", { name: "Copied" }).waitFor();
	must(await one.evaluate(() => navigator.clipboard.readText()) === key, "something else was copied");
});
await state(one, "recovery-key");
await step("and printed, alone", async () => {
	await one.emulateMedia({ media: "print" });
	const shown = [];
	for (const x of [".groups", "header", "main", "dialog h2", "dialog .actions"])
		if (await one.locator(x).first().isVisible())
			shown.push(x);
	if (SHOTS)
		await one.screenshot({ path: `${SHOTS}/recovery-key-print.png` });
	await one.emulateMedia({ media: null });
	must(isFirefox || shown.join() === ".groups", `printed: ${shown}`); // it shows no other media
	await one.evaluate(() => { window.print = () => { window.printed = true; }; });
	await press(one, "Print");
	must(await one.evaluate(() => window.printed), "did not print");
});
await step("typed wrong, its group is named", async () => {
	await press(one, "I have it: go on");
	await one.fill("[name=code]", slip(key, 3));
	await press(one, "It is right");
	await trouble(one, "recovery-key-wrong", /group 3/i);
});
await state(one, "recovery-key-wrong");
await step("typed right, and confirmed, it is in force", async () => {
	stale();
	await one.fill("[name=code]", key.toLowerCase().replaceAll("-", " "));
	await press(one, "It is right");
	await proveIn(one);
	await one.getByText("✓ In force").waitFor();
	must(/^key .*never tried/m.test(run("aumbry", ...aumbry("cli", "recovery", "status"))), "the program sees none");
});
await state(one, "recovery-untried");
await step("a drill with a slip names the group, too", async () => {
	await press(one, "Try the recovery key");
	await one.fill("[name=code]", slip(key, 5));
	await one.locator("dialog").getByRole("button", { name: "Try it" }).click();
	await trouble(one, "recovery-key-wrong", /group 5/i);
});
await step("so is what has more than one character wrong", async () => {
	await one.fill("[name=code]", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA");
	await one.locator("dialog").getByRole("button", { name: "Try it" }).click();
	await trouble(one, "recovery-key-wrong");
});
await state(one, "recovery-try-refused");
await step("with the right key it is noted", async () => {
	await one.fill("[name=code]", key);
	await one.locator("dialog").getByRole("button", { name: "Try it" }).click();
	await one.getByText(/^Tried just now/).waitFor();
	await go(one, "#/protection", "Protection");
	must(await one.locator(".checks .held").count() === 3, "not all is done");
});
await step("another key waits, and every screen says so", async () => {
	await go(one, "#/recovery", "Recovery");
	await press(one, "Replace the recovery key");
	await one.locator(".groups").waitFor();
	const next = await readKey();
	passwords.push(next);
	await press(one, "I have it: go on");
	await one.fill("[name=code]", key);
	await press(one, "It is right");
	await trouble(one, "recovery-key-wrong", /another recovery key/);
	await one.fill("[name=code]", next);
	await press(one, "It is right");
	await one.getByText(/^! Holds from /).waitFor();
	await one.getByText(/^! Ends /).waitFor();
	await go(one, "#/app-passwords", "App passwords");
	await one.locator("#alerts").getByText(/^The ways to recover change at /).waitFor();
});
await step("with the exact time", async () => {
	await go(one, "#/recovery", "Recovery");
	const ms = JSON.parse(run("aumbry", ...aumbry("cli", "recovery", "status", "--json"))).change_ms;
	must(Math.abs(ms - Date.now() - 72 * 3600000) < 300000, `in ${ms - Date.now()} ms`);
	const shown = await one.evaluate((x) => new Date(x).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }), ms);
	await one.getByText(shown).first().waitFor();
});
await state(one, "recovery-waits");
await step("it can be stopped", async () => {
	await press(one, "Stop the change");
	await one.getByText("The change is stopped.").waitFor();
	await until("the banner to go", async () => await one.locator("#alerts > *").count() === 0);
	await one.getByText("✓ In force").waitFor();
	must(await one.getByText(/^! /).count() === 0, "it still waits");
});
await step("who was stopped elsewhere cannot be stopped again", async () => {
	await go(one, "#/recovery", "Recovery");
	await press(one, "Replace the recovery key");
	await press(one, "I have it: go on");
	await one.locator("dialog").getByRole("button", { name: "Close" }).click();
	stale();
	run("aumbry", ...fresh("cli", "recovery", "kit", "create", "--out", `${T}/kit`, "--code", totp(secret)));
	await go(one, "#/", "ana@localhost");
	await go(one, "#/recovery", "Recovery");
	await one.locator(".row", { hasText: "Paper kit" }).getByText(/^! Holds from /).waitFor();
	run("aumbry", ...aumbry("cli", "recovery", "veto"));
	await press(one, "Stop the change");
	await trouble(one, "not-found", /no change/i);
});
await state(one, "recovery-veto-refused");

// What comes now is of servers and gateways, the same to every browser, and of
// virtual security keys, which are Chromium's alone.
if (isFirefox) {
	await walked();
	process.exit();
}

// Somebody recovers: rows as the server writes them.
const begun = (way, reference = "") => sql(`INSERT INTO recovering SELECT randomblob(16), randomblob(32), uid, 1, '${way}',
	zeroblob(16), x'', zeroblob(16), 'linux', '192.0.2.7', ${Date.now()}, 1, ${Date.now() + 86400000}, ${Date.now() + 2e8},
	zeroblob(16), '${reference}', '' FROM account WHERE name = 'ana'`);
await step("a recovery is told on every screen", async () => {
	begun("kit");
	begun("contact");
	await go(one, "#/", "ana@localhost");
	await one.locator("#alerts").getByText("Somebody is recovering this account.").waitFor();
});
await state(one, "overview-recovery");
await step("who, from where, until when", async () => {
	await one.locator("#alerts a").click();
	await one.getByRole("heading", { level: 1, name: "Recovery" }).waitFor();
	const row = one.locator(".row", { hasText: "By a paper kit" });
	must(/192\.0\.2\.7/.test(await row.innerText()) && /Goes on at .*, unless it is stopped/.test(await row.innerText()),
		await row.innerText());
});
await state(one, "recovery-open");
await step("one is stopped", async () => {
	await one.locator(".row", { hasText: "By a paper kit" }).getByRole("button", { name: "Stop" }).click();
	await one.getByText("The recovery is stopped.").waitFor();
	must(sql("SELECT state FROM recovering WHERE way = 'kit'") === "2", "it goes on");
});
await step("the other is allowed, with a step-up", async () => {
	stale();
	await one.locator(".row", { hasText: "a recovery contact" }).getByRole("button", { name: "Allow" }).click();
	await state(one, "recovery-allow");
	await one.locator("dialog").getByRole("button", { name: "Allow" }).click();
	await proveIn(one);
	await one.getByText("May go on now").waitFor();
	must(Number(sql("SELECT ready_ms FROM recovering WHERE way = 'contact'")) <= Date.now(), "it still waits");
});
await step("one that is over is refused", async () => {
	sql("DELETE FROM recovering");
	await one.locator(".row", { hasText: "a recovery contact" }).getByRole("button", { name: "Stop" }).click();
	await trouble(one, "not-found");
});

// Signed in by a code.
await step("a visitor sees both, and changes neither", async () => {
	await three.fill("[name=code]", totp(secret));
	await press(three, "Continue");
	await three.getByText("Signed in, for an hour.").waitFor();
	await go(three, "#/recovery", "Recovery");
	await three.getByText("✓ In force").waitFor();
	must(await three.locator("main button").count() === 0, "a button on Recovery");
	await state(three, "recovery-visitor");
	await go(three, "#/protection", "Protection");
	await three.getByText("Reading in the browser comes later").waitFor();
	must(await three.locator("main button").count() === 0, "a button on Protection");
	must(sql("SELECT COUNT(*) FROM event WHERE event = 'keys_released'") === "0", "keys were handed out");
});
await state(three, "protection-visitor");

await step("reading without a device is turned off and on", async () => {
	await go(one, "#/protection", "Protection");
	await press(one, "Turn it off");
	await one.getByText("The escrow hands nothing").waitFor();
	must(/^web access +off/m.test(run("aumbry", ...aumbry("cli", "protection"))), "the program sees it on");
	await press(one, "Turn it on");
	await one.getByText("to read and never to write").waitFor();
});
await step("advanced protection, while the escrow does not answer", async () => {
	await escrowTold();
	process.kill(Number(ESCROW), "SIGSTOP");
	stale();
	await press(one, "Change to advanced");
	await state(one, "protection-sure");
	await one.locator("dialog").getByRole("button", { name: "Change to advanced" }).click();
	await proveIn(one);
	await one.locator(".badge", { hasText: "Advanced" }).waitFor();
	await one.getByText("The escrow is still to be told").waitFor();
	must(/No/.test(await cell(one, "Backups", 2)), "the escrow and backups");
	must(/^protection +advanced/m.test(run("aumbry", ...aumbry("cli", "protection"))), "the program sees it standard");
});
await state(one, "protection-advanced-waits");
await step("and back, not before the escrow was told", async () => {
	await press(one, "Change to standard");
	await proveIn(one);
	await trouble(one, "escrow-unreachable");
});
await state(one, "protection-unreachable");
await step("it is told", async () => {
	process.kill(Number(ESCROW), "SIGCONT");
	await escrowTold();
	await go(one, "#/", "ana@localhost");
	await go(one, "#/protection", "Protection");
	await one.locator(".badge", { hasText: "Advanced" }).waitFor();
	must(await one.getByText("The escrow is still to be told").count() === 0, "still to be told");
});
await state(one, "protection-advanced");
await step("a sign-in by a code asks to read; the page shows it a code", async () => {
	stale();
	await press(one, "Turn it on");
	await proveIn(one);
	await one.getByText("but can ask them, each time").waitFor();
	sql("UPDATE factor SET counter = 0; DELETE FROM throttle");
	run("aumbry", ...fresh("guest", "signin", process.env.URL, "ana", "--with", "authenticator",
		"--code", totp(secret)));
	const cli = beside("guest", "visit", "ask", "--timeout", "60s");
	await go(one, "#/devices", "Devices");
	await one.getByText("A sign-in by a code asks to read your backups").waitFor();
	await state(one, "visit");
	await press(one, "Approve");
	const code = await until("a code", async () =>
		/^\d{4}-\d{4}$/.exec(await one.locator(".shown-code").innerText())?.[0]);
	await state(one, "visit-approve");
	cli.type(code);
	must(await cli.end === 0, cli.said.err);
	await one.locator("dialog").waitFor({ state: "detached" });
	const r = spawnSync("aumbry", fresh("guest", "snapshot", "list"), { encoding: "utf8" });
	must(r.status === 0 || /the account has no backup/.test(r.stderr), r.stderr);
});
await step("another is refused", async () => {
	const cli = beside("guest", "visit", "ask", "--timeout", "60s");
	await one.getByText("A sign-in by a code asks to read your backups").waitFor();
	await press(one, "Refuse");
	must(await cli.end === 4 && /request-refused/.test(cli.said.err), cli.said.err);
	sql("DELETE FROM visit; DELETE FROM throttle");
	await go(one, "#/protection", "Protection");
});
await step("another escrow than the one that was shown is refused", async () => {
	await changed(one, "/v1/protection", otherEscrow, async () => {
		await go(one, "#/", "ana@localhost");
		await go(one, "#/protection", "Protection");
		must(await one.getByText(escrowPin).count() === 0, "nothing was changed on the way");
		await press(one, "Change to standard");
		await proveIn(one);
		await trouble(one, "escrow-changed");
		await state(one, "protection-escrow-changed");
	});
});
await step("standard protection again, with the password", async () => {
	await go(one, "#/", "ana@localhost");
	await go(one, "#/protection", "Protection");
	await press(one, "Change to standard");
	await proveIn(one);
	await one.locator(".badge", { hasText: "Standard" }).waitFor();
	await escrowTold();
});
await step("from then on the escrow knows the password's key again", async () => {
	const r = spawnSync("aumbry", fresh("reader", "signin", process.env.URL, "ana", "--with", "authenticator",
		"--code", totp(secret)), { encoding: "utf8" });
	must(r.status === 0 && /to read/.test(r.stderr), r.stderr);
});
await step("keys that are due are named", async () => {
	const due = (body) => body.replace("{ answer: JSON.parse(text(at, core.answer_size())) }",
		"{ answer: { ...JSON.parse(text(at, core.answer_size())), keys_due: true } }");
	await changed(one, "/worker.js", due, async () => {
		await one.reload();
		await one.getByText("New keys are due").waitFor();
		await state(one, "protection-keys-due");
	});
	await one.reload();
	await one.getByRole("heading", { level: 1, name: "Protection" }).waitFor();
});
await step("the log tells of all that, in words", async () => {
	await go(one, "#/activity", "Activity");
	const more = one.getByRole("button", { name: "Show more" });
	while (await more.isVisible())
		await more.click();
	for (const words of ["Protection was changed to advanced", "Protection was changed to standard",
		"Reading without a device was turned", "The ways to recover were changed",
		"A change of the ways to recover waits", "A change of the ways to recover was stopped",
		"A recovery was stopped", "A recovery was allowed to go on at once",
		"The escrow handed out keys to a sign-in", "A device let a sign-in by a code read"])
		must(await one.locator(".log .title", { hasText: words }).count() > 0, words);
	must(await one.locator(".log .title", { hasText: "_" }).count() === 0, "an event without words");
});
await state(one, "activity-protection");

// ---- codes by text ----

const pia = await visit();
const texts = () => [...fs.readFileSync(`${T}/phones`, "latin1")
	.matchAll(/text (\d{6}) is your Aumbry code/g)].map((m) => m[1]);
await step("an account for a phone", async () => {
	await pia.goto(`${origin}/#/signup?invite=${INVITE3}`);
	await pia.getByRole("heading", { level: 1, name: "Make an account" }).waitFor();
	await pia.fill("[name=name]", "pia");
	await pia.fill("[name=password]", PASSWORD);
	await press(pia, "Make the account");
	await pia.getByRole("heading", { level: 1, name: "pia@localhost" }).waitFor();
	await go(pia, "#/security", "Security");
});
await step("what is no number is refused", async () => {
	await press(pia, "Add a number");
	await pia.fill("[name=number]", "601234567");
	await press(pia, "Send a code");
	await trouble(pia, "bad-request");
});
await state(pia, "phone-refused");
await step("a number is added and confirmed by a text", async () => {
	await pia.fill("[name=number]", "+420 601 234 567");
	await press(pia, "Send a code");
	const code = await until("a text", () => texts()[0]);
	await state(pia, "phone-confirm");
	await pia.fill("[name=code]", code);
	await press(pia, "Confirm");
	await pia.locator(".row", { hasText: "+420601234567" }).waitFor();
	await pia.getByText("✓ On").first().waitFor();
});
await state(pia, "phones");
await step("a text completes a step-up, a used one does not", async () => {
	stale();
	await go(pia, "#/app-passwords", "App passwords");
	await press(pia, "Make one");
	await pia.fill("[name=label]", "Calendar");
	await press(pia, "Make it");
	const dialog = pia.locator("dialog").last();
	await dialog.locator("[name=password]").fill(PASSWORD);
	await press(pia, "Continue");
	await press(pia, "Send me a code");
	const code = await until("a text", () => texts()[1]);
	await dialog.getByText("the number ending in 67").waitFor();
	await state(pia, "step-up-text");
	await dialog.locator("[name=code]").fill(texts()[0]);
	await press(pia, "Continue");
	await trouble(pia, "wrong-code");
	await dialog.locator("[name=code]").fill(code);
	await press(pia, "Continue");
	await pia.getByText("It is not shown again").waitFor();
});

const calls = () => fs.existsSync(`${T}/calls`) ?
	fs.readFileSync(`${T}/calls`, "utf8").trim().split("\n").map((x) => JSON.parse(x).code) : [];
const pat = await visit();
await step("a text that does not come: another number of sends, another way", async () => {
	await typePassword(pat, PASSWORD, "pia");
	await press(pat, "Send me a code");
	await pat.getByText(/ending in 67\. Only its newest code counts; 2 more this hour/).waitFor();
	await press(pat, "Send another code");
	await pat.getByText(/1 more this hour/).waitFor();
	await press(pat, "Phone call");
	await pat.getByText("We call a phone number of the account and say a code.").waitFor();
});
await step("a call signs in, a text's code does not", async () => {
	const code = await until("two texts", () => texts()[3]);
	await press(pat, "Call me");
	await pat.getByText("We are calling the number ending in 67").waitFor();
	const said = await until("a call", () => calls()[0]);
	await state(pat, "sign-in-call");
	await pat.fill("[name=code]", code === said ? other(said) : code);
	await press(pat, "Continue");
	await trouble(pat, "wrong-code");
	await pat.fill("[name=code]", said);
	await press(pat, "Continue");
	await pat.getByText("Signed in, for an hour.").waitFor();
});
await step("more codes than an hour has are not sent", async () => {
	const again = await visit();
	await typePassword(again, PASSWORD, "pia");
	await press(again, "Send me a code");
	await trouble(again, "too-many-attempts", /last one may still be good/);
	await state(again, "too-many-codes");
});

// ---- security keys ----

const kay = await visit();
const cdp = await kay.context().newCDPSession(kay);
await cdp.send("WebAuthn.enable", { enableUI: false });
const newKey = async (at = cdp, hasPrf = true) => (await at.send("WebAuthn.addVirtualAuthenticator", {
	options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "usb", hasResidentKey: true,
		hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
		hasPrf } })).authenticatorId;
const present = (authenticatorId, enabled) =>
	cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled });
const addKey = async (name) => {
	await press(kay, "Add a key");
	await kay.locator("dialog [name=name]").fill(name);
	await press(kay, "Continue");
};
let first, second;
await step("an account for keys", async () => {
	await kay.goto(`${origin}/#/signup?invite=${INVITE2}`);
	await kay.getByRole("heading", { level: 1, name: "Make an account" }).waitFor();
	must(await kay.inputValue("[name=invite]") === INVITE2, "the invitation of the link is not there");
	await kay.fill("[name=name]", "kay");
	await kay.fill("[name=password]", PASSWORD);
	await press(kay, "Make the account");
	await kay.getByRole("heading", { level: 1, name: "kay@localhost" }).waitFor();
	await go(kay, "#/security", "Security");
});
await step("a key that does not know its owner is refused", async () => {
	first = await newKey();
	await cdp.send("WebAuthn.setUserVerified", { authenticatorId: first, isUserVerified: false });
	await addKey("Blue");
	await trouble(kay, "security-key-invalid", /has no PIN.*Give it a PIN/);
	await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: first });
	first = await newKey();
});
await state(kay, "key-add-refused");
await step("a key for U2F alone is refused, and named", async () => {
	await present(first, false);
	const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
		options: { protocol: "u2f", transport: "usb", automaticPresenceSimulation: true } });
	await press(kay, "Continue");
	await trouble(kay, "security-key-invalid", /U2F alone.*use a FIDO2 key/);
	await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
	await present(first, true);
});
await step("the first key is added, and does not count yet", async () => {
	// Finding it took longer than a step-up holds.
	await kay.context().route("**/v1/security-keys", (r) => {
		stale();
		return r.continue();
	}, { times: 1 });
	await press(kay, "Continue");
	await kay.locator("dialog [name=password]").fill(PASSWORD);
	await kay.locator("dialog").last().getByRole("button", { name: "Continue" }).click();
	await kay.getByText("Add a second key to turn them on").waitFor();
	await kay.getByText("Opens your data", { exact: true }).waitFor();
});
await step("the same key twice is refused", async () => {
	await addKey("Again");
	await trouble(kay, "conflict", /registered/);
	await kay.locator("dialog").getByRole("button", { name: "Close" }).click();
});
await step("the second one turns them on", async () => {
	await present(first, false);
	second = await newKey();
	await addKey("Green");
	await kay.getByText("codes are refused everywhere").waitFor();
	await present(first, true);
});
await state(kay, "security-keys");
await step("both are devices of the account", async () => {
	await go(kay, "#/devices", "Devices");
	await kay.locator(".row", { hasText: "Blue" }).getByText("Security key").waitFor();
	await kay.locator(".row", { hasText: "Green" }).getByText("Security key").waitFor();
});
await step("signs out", async () => {
	await press(kay, "Sign out of this browser");
	await kay.locator("dialog").getByRole("button", { name: "Sign out" }).click();
	await kay.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
});
await step("password and key alone open the account, data and all", async () => {
	await typePassword(kay, PASSWORD, "kay");
	await kay.getByRole("button", { name: "Use the security key" }).waitFor();
	await state(kay, "sign-in-key");
	must(await kay.getByRole("button", { name: "Ask my devices" }).count() === 0, "asks devices before a key");
	await press(kay, "Use the security key");
	await kay.getByText("This browser is now one of your devices.").waitFor();
	await go(kay, "#/devices", "Devices");
	await kay.locator(".row", { hasText: "This browser" }).waitFor();
});
// A key without PRF proves who one is, and opens nothing.
let grey;
await step("a key that opens no data is added, and says so", async () => {
	await go(kay, "#/security", "Security");
	await present(first, false);
	await present(second, false);
	grey = await newKey(cdp, false);
	await addKey("Grey");
	await kay.locator(".row", { hasText: "Grey" }).waitFor();
	await present(grey, false);
	await present(first, true);
});
const kim = await visit();
await step("with it one only looks, if one likes", async () => {
	const at = await kim.context().newCDPSession(kim);
	await at.send("WebAuthn.enable", { enableUI: false });
	const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId: grey });
	await at.send("WebAuthn.addCredential", { authenticatorId: await newKey(at, false),
		credential: credentials[0] });
	await typePassword(kim, PASSWORD, "kay");
	await press(kim, "Use the security key");
	await kim.getByRole("heading", { level: 1, name: "Your key is right" }).waitFor();
	await state(kim, "key-only-factor");
	await press(kim, "Only look");
	await kim.getByText("Signed in, for an hour.").waitFor();
	await go(kim, "#/devices", "Devices");
	await press(kim, "Sign out of this browser");
	await kim.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
});
await step("or asks the devices, which let this browser in", async () => {
	await typePassword(kim, PASSWORD, "kay");
	await press(kim, "Use the security key");
	await press(kim, "Ask my devices");
	await go(kay, "#/devices", "Devices");
	await press(kay, "Approve");
	const code = await until("a code", async () =>
		/^\d{4}-\d{4}$/.exec(await kay.locator(".shown-code").innerText())?.[0]);
	await kim.fill("[name=code]", code);
	await press(kim, "Let this browser in");
	await kim.getByText("This browser is now one of your devices.").waitFor();
});
await step("and no session is left that one did not ask for", async () => {
	await go(kay, "#/activity", "Activity");
	await kay.getByText("Signed in now").waitFor();
	must(await kay.getByText("Signed in with a code", { exact: true }).count() === 0, "one is left");
});
await step("all keys at once are not removed while nothing else is there", async () => {
	stale();
	await go(kay, "#/security", "Security");
	await press(kay, "Remove all keys");
	await kay.locator("dialog").getByRole("button", { name: "Remove all" }).click();
	const dialog = kay.locator("dialog").last();
	await dialog.locator("[name=password]").fill(PASSWORD);
	await press(kay, "Continue");
	await press(kay, "Use the security key");
	await trouble(kay, "permission-denied");
});

await walked();
