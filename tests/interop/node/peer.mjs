// A service traced by a real SDK: `node peer.mjs <sentry|opentelemetry> <sampled|unsampled|deferred>`.
//
// The first line on stdout names its port and the SDK's version. Each line on stdin, `{"url", "baggage"}`, begins a
// trace, sends one request in it and is answered by one line. A request to the port is continued; with `?next=<url>`,
// it is sent on to that address. Each answer says what the SDK itself makes of the trace.
// It ends with its stdin, and sends nothing but those requests.

import http from 'node:http';
import { createInterface } from 'node:readline';

const [dialect, decision, ...flags] = process.argv.slice(2);
const { default: sdk } = await import(`./${dialect}.mjs`);
const { version, continued, begin, outgoing } = sdk(decision, flags);

function fetchJson(url, headers) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => (body += text));
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}: ${body}`));
        resolve(JSON.parse(body));
      });
    });
    request.on('error', reject);
  });
}

const send = (url, baggage) => outgoing(baggage, (headers) => fetchJson(url, headers));

function pairs(raw) {
  const headers = [];
  for (let i = 0; i < raw.length; i += 2) headers.push([raw[i].toLowerCase(), raw[i + 1]]);
  return headers;
}

const server = http.createServer((request, response) => {
  const next = new URL(request.url, 'http://localhost').searchParams.get('next');
  continued(request, async (report) => ({
    ...report,
    headers: pairs(request.rawHeaders),
    next: next && (await send(next)),
  })).then(
    (report) => response.end(JSON.stringify(report)),
    (error) => response.writeHead(502).end(String(error)),
  );
});

server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: server.address().port, version }));
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { url, baggage } = JSON.parse(line);
    try {
      const report = await begin(baggage, async (report) => ({ ...report, next: await send(url, baggage) }));
      console.log(JSON.stringify(report));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
    }
  });
  lines.on('close', () => process.exit(0));
});
