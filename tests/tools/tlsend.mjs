// SPDX-License-Identifier: ISC
// tlsend.mjs: what ends TLS before a server, with a key of its own.
//
//     node tlsend.mjs URL CERT KEY
//
// Forwards to the server at URL, whatever that shows, and prints its port.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [SERVER, CERT, KEY] = process.argv.slice(2);
const to = SERVER.startsWith('https:') ? https : http;

const end = https.createServer(
  { cert: readFileSync(CERT), key: readFileSync(KEY) },
  (q, a) => {
    const { method, headers } = q;
    const options = { method, headers, rejectUnauthorized: false };
    const on = to.request(new URL(q.url, SERVER), options, (r) => {
      a.writeHead(r.statusCode, r.headers);
      r.pipe(a);
    });
    on.on('error', () => q.socket.destroy());
    q.pipe(on);
  },
);
end.listen(0, '127.0.0.1', () => console.log(end.address().port));
