// SPDX-License-Identifier: ISC
// gateway.mjs: a gateway for texts that takes them, or what else the path says;
// prints its port, then each request with its body as JSON.
//
//     /fail    it answers 500
//     /hang    it never answers; when the path ends in 2, it never comes to the
//              end of its answer
//     /wait    it answers when somebody asks for /go, or for /no: 500
import { createServer } from "http";

const waiting = [];
const end = (a, status) => {
	a.writeHead(status);
	a.end("well\n");
};
const drip = (a) => {
	const timer = setInterval(() => a.write("."), 200);
	a.writeHead(200);
	a.on("close", () => clearInterval(timer));
};

const server = createServer((q, a) => {
	let body = "";
	q.on("data", (x) => (body += x));
	q.on("end", () => {
		const is = (path) => q.url.startsWith(path);
		console.log(JSON.stringify({ method: q.method, url: q.url,
			type: q.headers["content-type"], body }));
		if (is("/wait"))
			waiting.push(a);
		else if (is("/hang") && q.url.endsWith("2"))
			drip(a);
		else if (!is("/hang"))
			end(a, is("/fail") ? 500 : 200);
		if (is("/go") || is("/no"))
			waiting.splice(0).forEach((w) => end(w, is("/go") ? 200 : 500));
	});
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
