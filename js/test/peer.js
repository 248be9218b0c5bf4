// The other end for a test of the Rust library: `node peer.js <ws url>` answers every message in a
// span of its own, says what it has received, and ends with the connection.

import { strip, traced, Tracer } from "../throughline.js";

const tracer = new Tracer({ exporter: { add: () => {} } });
const socket = new (traced(WebSocket, { forwardBaggage: true }))(process.argv[2]);

socket.addEventListener("message", ({ data, trace }) => {
  const span = tracer.startSpan("answer", { kind: "CONSUMER", parent: trace.context });
  const answer = { received: trace.context, refused: trace.refused, message: strip(data) };
  socket.send(JSON.stringify({ ...answer, span: span.context.parentId }), span.context);
  span.end();
});
socket.addEventListener("close", ({ code }) => process.exit(code === 1000 ? 0 : 1));
