// SPDX-License-Identifier: ISC
// core.js: asking the core, in its worker; and what it wants kept.
import { stateRead, stateWrite } from "./store.js";
import { gaveUp } from "./dom.js";

class Core {
	#worker;
	#queue = Promise.resolve();
	#waiting;
	#keeping = Promise.resolve();
	onTell = () => {};

	async start() {
		const state = await stateRead();
		this.#worker = new Worker("/worker.js");
		this.#worker.onmessage = ({ data }) => this.#heard(data);
		this.#worker.onerror = (e) => this.#heard({ failed: e.message });
		const said = await this.#post({ start: true, state });
		if (!said.whole)
			throw problem("state-damaged", "what this browser remembers of the account is damaged");
	}

	#post(message) {
		return new Promise((resolve, reject) => {
			this.#waiting = { resolve, reject };
			this.#worker.postMessage(message);
		});
	}

	#heard(data) {
		if (data.keep) {
			const state = data.keep;
			this.#keeping = this.#keeping.then(() => stateWrite(state));
			return;
		}
		if (data.tell) {
			this.onTell(data.tell);
			return;
		}
		const w = this.#waiting;
		this.#waiting = null;
		if (data.failed)
			w?.reject(problem("internal-error", `the page's core has stopped: ${data.failed}`));
		else
			w?.resolve(data);
	}

	// Calls run one after the other; what they left is kept before they end.
	ask(what, more = {}) {
		const run = this.#queue.then(async () => {
			const { answer } = await this.#post({ ask: composed({ do: what, ...more }) });
			await this.#keeping;
			if (answer.error)
				throw answer.error;
			return answer;
		});
		this.#queue = run.catch(() => {});
		return run;
	}

	// A call that blocks is ended by ending the worker: what was kept stays.
	async interrupt() {
		this.#worker.terminate();
		await this.#keeping;
		this.#waiting?.reject(gaveUp);
		this.#waiting = null;
		this.#queue = Promise.resolve();
		await this.start();
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
export const problem = (code, message, remedy = "") => ({ code, message, remedy });
