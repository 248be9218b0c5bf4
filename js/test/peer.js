// The other end for a test of the Rust library: `node peer.js <ws url> [subprotocol]` answers every
// message in a span of its own, and ends with the connection. The answer to a text says what has been
// received; a payload, which comes if the subprotocol has frames, is sent back.

import { strip, traced, Tracer } from "../throughline.js";

const tracer = new Tracer({ exporter: { add: () => {} } });
const [url, protocol] = process.argv.slice(2);
const Socket = traced(WebSocket, { binary: protocol !== undefined, forwardBaggage: true });
const socket = new Socket(url, protocol);
socket.binaryType = "arraybuffer";

socket.addEventListener("message", ({ data, trace }) => {
  const span = tracer.startSpan("answer", { kind: "CONSUMER", parent: trace.context });
  if (typeof data !== "string") {
    socket.send(data, span.context);
    return span.end();
  }
  const answer = { received: trace.context, refused: trace.refused, message: strip(data) };
  socket.send(JSON.stringify({ ...answer, span: span.context.parentId }), span.context);
  span.end();
});
socket.addEventListener("close", ({ code }) => process.exit(code === 1000 ? 0 : 1));
