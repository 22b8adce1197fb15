// SPDX-License-Identifier: ISC
// gateway.mjs: a gateway for texts that takes them, fails, or hangs, as the
// path says; prints its port, then each request with its body as JSON.
import { createServer } from "http";

const server = createServer((q, a) => {
	let body = "";
	q.on("data", (x) => (body += x));
	q.on("end", () => {
		console.log(JSON.stringify({ method: q.method, url: q.url,
			type: q.headers["content-type"], body }));
		if (q.url.startsWith("/hang"))
			return;
		a.writeHead(q.url.startsWith("/fail") ? 500 : 200);
		a.end("well\n");
	});
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
