// What the tests talk to, in Node and in a page: files, WebSockets and a collector of spans.

import { readFile } from "node:fs/promises";
import http from "node:http";
import { WebSocketServer } from "ws";

/** Starts a server on a free port, which `close` ends. */
export async function start() {
  const collector = new Collector();
  const reports = new Reports();
  const server = http.createServer((request, response) => {
    answer(request, response, collector, reports).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  // A suite can keep the thread longer than that, and its next request would meet a closed end.
  server.keepAliveTimeout = 0;
  const sockets = new WebSocketServer({ server, handleProtocols: chosen });
  sockets.on("connection", converse);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    for (const client of sockets.clients) client.terminate();
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, reported: reports.first, close };
}

async function answer(request, response, collector, reports) {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  if (request.method === "POST") {
    const body = await textOf(request);
    if (pathname === "/report") reports.add(JSON.parse(body));
    else if (searchParams.get("status") === null) collector.add(request.headers, JSON.parse(body));
    const status = Number(searchParams.get("status") ?? 200);
    return response.writeHead(status, { "content-type": "application/json" }).end("{}");
  }
  if (pathname === "/collected") {
    const [service, count] = [searchParams.get("service"), Number(searchParams.get("count"))];
    const requests = await collector.having(service, count);
    return response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(requests));
  }
  const type = TYPES[pathname.split(".").at(-1)];
  if (type === undefined || pathname.includes("..")) return response.writeHead(404).end();
  const text = await readFile(new URL(`../..${pathname}`, import.meta.url));
  response.writeHead(200, { "content-type": type }).end(text);
}

const TYPES = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  md: "text/markdown; charset=utf-8",
};

/** The first subprotocol of the client that the URL names, or none. */
function chosen(offered, request) {
  const known = new URL(request.url, "http://localhost").searchParams.getAll("knows");
  return [...offered].find((protocol) => known.includes(protocol)) ?? false;
}

/**
 * `/echo` sends every message back, `/tell` says what came, `/say?hex=` begins the conversation.
 */
function converse(socket, request) {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  if (pathname === "/say") {
    for (const message of searchParams.getAll("hex")) socket.send(Buffer.from(message, "hex"));
    for (const message of searchParams.getAll("text")) socket.send(message);
  }
  socket.on("message", (data, binary) => {
    if (pathname === "/tell") socket.send(binary ? data.toString("hex") : `text ${data}`);
    else socket.send(data, { binary });
  });
}

/** Spans as they were exported, by service. */
class Collector {
  #requests = [];
  #waiting = [];

  add(headers, message) {
    const [{ resource }] = message.resourceSpans;
    const service = resource.attributes.find(({ key }) => key === "service.name").value.stringValue;
    this.#requests.push({ service, type: headers["content-type"], message });
    this.#waiting = this.#waiting.filter((look) => !look());
  }

  /** The requests of a service, as soon as they hold so many spans. */
  having(service, count) {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.#requests.filter((request) => request.service === service);
        const spans = found.flatMap(({ message }) => message.resourceSpans[0].scopeSpans[0].spans);
        if (spans.length >= count) resolve(found);
        return spans.length >= count;
      };
      if (!look()) this.#waiting.push(look);
    });
  }
}

/** What a page says of its tests. */
class Reports {
  add;
  first = new Promise((resolve) => (this.add = resolve));
}

async function textOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
