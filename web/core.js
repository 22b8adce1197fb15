// SPDX-License-Identifier: ISC
// core.js: asking the core, in its worker; and what it wants kept.
import { stateRead, stateTry, stateWrite } from "./store.js";
import { gaveUp } from "./dom.js";
import { within } from "./needs.js";

class Core {
	#worker;
	#queue = Promise.resolve();
	#up = Promise.resolve(); // since it was begun anew
	#waiting;
	#dead;
	#keeping = Promise.resolve();
	onTell = () => {};

	async start() {
		const state = await stateRead();
		this.#dead = null;
		this.#worker = new Worker("/worker.js");
		this.#worker.onmessage = ({ data }) => this.#heard(data);
		this.#worker.onerror = (e) => this.#heard({ failed: e.message ?? "its worker was not run" });
		const said = await within(60000, "the page’s core", this.#post({ start: true, state }));
		if (!said.whole)
			throw problem("state-damaged", "what this browser remembers of the account is damaged");
	}

	#post(message) {
		return new Promise((resolve, reject) => {
			if (this.#dead) {
				reject(this.#dead);
				return;
			}
			this.#waiting = { resolve, reject };
			this.#worker.postMessage(message);
		});
	}

	#heard(data) {
		if (data.keep) {
			const state = data.keep;
			this.#keeping = this.#keeping.catch(() => {}).then(() => stateWrite(state));
			this.#keeping.catch(() => {}); // who asked hears of it
			return;
		}
		if (data.tell) {
			this.onTell(data.tell);
			return;
		}
		const w = this.#waiting;
		this.#waiting = null;
		if (data.failed) { // what is asked of it from now on has no answer
			this.#dead = problem("internal-error", `the page’s core has stopped: ${data.failed}`, "Load the page again.");
			w?.reject(this.#dead);
		} else {
			w?.resolve(data);
		}
	}

	// Calls run one after the other; what they left is kept before they end.
	ask(what, more = {}) {
		const run = this.#queue.then(async () => {
			await (this.#up = this.#up.catch(() => this.start()));
			const { answer } = await this.#post({ ask: composed({ do: what, ...more }) });
			await this.#kept();
			if (answer.error)
				throw answer.error;
			return answer;
		});
		this.#queue = run.catch(() => {});
		return run;
	}

	// What could not be kept is not to be built on: begin again from what was.
	async #kept() {
		try {
			await this.#keeping;
		} catch (e) {
			this.#worker.terminate();
			this.#keeping = Promise.resolve();
			await this.start();
			throw noRoom(e);
		}
	}

	// Before something begins whose keys must be kept: can they be?
	async roomy() {
		await stateTry().catch((e) => {
			throw noRoom(e);
		});
	}

	// A call that blocks is ended by ending the worker: what was kept stays,
	// and so do the calls that wait behind it.
	async interrupt() {
		const blocked = this.#waiting;
		this.#worker.terminate();
		this.#waiting = null;
		this.#up = this.#keeping.catch(() => {}).then(() => this.start());
		blocked?.reject(gaveUp);
		await this.#up;
	}

	// A route of the server, by this browser's session.
	call(method, path, body) {
		return this.ask("call", { method, path, ...(body && { body }) });
	}
}

// The same letters may come in one piece or as a letter and its accent; the
// program keeps the same form (NFC).
const composed = (x) => typeof x === "string" ? x.normalize("NFC") :
	Array.isArray(x) ? x.map(composed) :
		x && Object.getPrototypeOf(x) === Object.prototype ?
			Object.fromEntries(Object.entries(x).map(([k, v]) => [k, composed(v)])) : x;

export const core = new Core();
// It may be over in a moment: what looks again and again goes on.
export const passes = (e) => ["server-unreachable", "server-busy"].includes(e.code);
// Found here; its remedy, if there is one, is better than that of the code.
export const problem = (code, message, remedy = "") => ({ code, message, remedy, here: remedy !== "" });
const noRoom = (e) => problem("disk-full-here",
	`this browser did not store what it must keep (${e.name}), so nothing was sent`,
	"Make room on the disk, or let this site store data; a private window may refuse it. Then try again.");
