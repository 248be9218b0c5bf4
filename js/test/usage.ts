// How a page or a server in TypeScript uses the module. Nothing runs it: types.test.js compiles it, which
// fails where a type is wrong, and where what is marked as an error is none.

import {
  EMPTY,
  Envelope,
  OtlpExporter,
  Span,
  Tracer,
  contextFromUrl,
  extract,
  frameHeader,
  inject,
  isEmpty,
  offered,
  readFields,
  readFrame,
  replace,
  strip,
  traced,
  urlWithContext,
  writeFields,
  type Extraction,
  type TraceContext,
} from "../throughline.js";

// Spans, and a socket between them

const exporter = new OtlpExporter({
  url: "/v1/traces",
  service: "page",
  attributes: { "service.version": "1", "page.tabs": [1, 2] },
  headers: { "x-tenant": "a" },
});
const tracer = new Tracer({ exporter, sample: (traceId) => traceId < "8" });

let current: TraceContext | null = null;
const Socket = traced(WebSocket, { current: () => current, binary: true, forwardBaggage: true });
const socket = new Socket("wss://example.org/ws", ["chat"]);

socket.addEventListener("message", ({ data, trace }) => {
  const span: Span = tracer.startSpan("page.render", { kind: "CONSUMER", parent: trace.context });
  span.setAttribute("page.lines", [1, 2]);
  socket.send(JSON.stringify({ type: "shown", of: data }), span.context);
  if (trace.refused.length > 0) span.fail(trace.refused[0].rule);
  current = span.context;
  span.end();
});
socket.addEventListener("close", ({ code }) => console.log(code));
socket.send(new Uint8Array(1));
socket.send("{}", null);
const plain: WebSocket = socket;
plain.close();

// Messages

const event = { type: "line", text: "a" };
const sent: typeof event = inject(event, current);
const text: string = replace(inject("{}", EMPTY), current);
const found: Extraction = extract(sent);
const bare: string = strip(text);
const mcp = new Envelope({ write: ["params._meta"], read: ["extensions"], maxContextBytes: 400 });
console.log(mcp.extract(mcp.strip(bare)).link?.traceId, isEmpty(found.context));

// Headers, addresses, frames

const headers: Record<string, string> = writeFields(found.context, { emit: ["tracecontext"] });
fetch("/next", { headers }).then((answer) => readFields(Object.fromEntries(answer.headers)));
contextFromUrl(urlWithContext(new URL("wss://example.org/ws"), current));
const { payload, trace } = readFrame(frameHeader(contextOr(current)));
console.log(payload.byteLength, trace.context.sampled === true, offered("chat").length);

function contextOr(context: TraceContext | null): TraceContext {
  return context ?? EMPTY;
}

await exporter.flush();
await exporter.close();
console.log(exporter.dropped);

// What the types refuse

// @ts-expect-error: a span is started by a tracer
new Span();
// @ts-expect-error: a kind of OpenTelemetry
tracer.startSpan("a", { kind: "SOCKET" });
// @ts-expect-error: a context is read, and not changed
found.context.traceId = null;
// @ts-expect-error: an exporter has an address
new OtlpExporter({ service: "page" });
// @ts-expect-error: an object is sent as text
socket.send({ type: "shown" });
// @ts-expect-error: what is injected into a text is a text
const wrong: number = inject("{}", EMPTY);
