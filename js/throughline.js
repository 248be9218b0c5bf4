// The other end of throughline's WebSocket messages, for browsers and Node. README.md shows how.

export { EMPTY, isEmpty, readFields, writeFields } from "./context.js";
export { Envelope } from "./envelope.js";
export { OtlpExporter } from "./exporter.js";
export { frameHeader, readFrame } from "./frame.js";
export { contextFromUrl, offered, SUBPROTOCOL, urlWithContext } from "./handshake.js";
export { traced } from "./socket.js";
export { Span, Tracer } from "./spans.js";

import { Envelope } from "./envelope.js";

/** What an envelope with its usual settings does. */
const usual = new Envelope();

/** @type {Envelope["extract"]} */
export const extract = (message) => usual.extract(message);

/** @type {Envelope["inject"]} */
export const inject = (message, context) => usual.inject(message, context);

/** @type {Envelope["replace"]} */
export const replace = (message, context) => usual.replace(message, context);

/** @type {Envelope["strip"]} */
export const strip = (message) => usual.strip(message);
