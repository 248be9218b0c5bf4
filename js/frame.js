// Context in front of a binary message: the frame of the subprotocol `throughline.v1`, as
// docs/websocket-protocol.md says.

import { FIELDS, readFields, writeFields } from "./context.js";
import { CONTEXT_BYTES } from "./limits.js";

/**
 * The header of a binary message. Where there is nothing to carry, it says so.
 * @param {import("./throughline.js").TraceContext | null | undefined} context
 * @param {import("./throughline.js").FormatOptions} [options]
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function frameHeader(context, options) {
  const fields = writeFields(context, options);
  // As in a text, the application's part goes before the trace's; the ids always fit.
  for (const dropped of ["baggage", "tracestate"]) {
    if (blocksLength(fields) > CONTEXT_BYTES) delete fields[dropped];
  }
  const length = blocksLength(fields);
  const header = new Uint8Array(HEADER_BYTES + length);
  header.set([VERSION, length >> 8, length & 0xff]);
  let at = HEADER_BYTES;
  for (const [name, value] of Object.entries(fields)) {
    header.set([ID[name], value.length >> 8, value.length & 0xff], at);
    header.set(new TextEncoder().encode(value), at + BLOCK_BYTES);
    at += BLOCK_BYTES + value.length;
  }
  return header;
}

/**
 * Takes a binary message apart. If its header is broken, the payload is the whole message (rule
 * MS-4).
 * @param {Uint8Array<ArrayBuffer>} message
 * @returns {{trace: import("./throughline.js").Extraction, payload: Uint8Array<ArrayBuffer>}}
 */
export function readFrame(message) {
  const end = ArrayBuffer.isView(message) ? contextEnd(message) : null;
  const fields = end === null ? null : readBlocks(message, end);
  const trace = readFields(fields ?? {});
  if (fields !== null) return { trace, payload: message.subarray(end) };
  trace.refused.push({ field: "traceparent", rule: "MS-4" });
  return { trace, payload: message };
}

/** Where the fields end; `null` if the message does not begin with so many. */
function contextEnd(message) {
  const end = HEADER_BYTES + ((message[1] << 8) | message[2]);
  const isWhole = message[0] === VERSION && message.length >= end;
  return isWhole && end <= HEADER_BYTES + CONTEXT_BYTES ? end : null;
}

/** The fields up to `end`; `null` if they do not end there. Of a repeated one the last counts. */
function readBlocks(message, end) {
  const fields = {};
  let at = HEADER_BYTES;
  while (at < end) {
    const from = at + BLOCK_BYTES;
    const to = from + ((message[at + 1] << 8) | message[at + 2]);
    if (from > end || to > end) return null;
    const name = FIELDS.find((field) => ID[field] === message[at]);
    if (name !== undefined) fields[name] = latin1(message.subarray(from, to));
    at = to;
  }
  return fields;
}

/** One character per byte: what is no ASCII stays what no field may hold, and is refused there. */
function latin1(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function blocksLength(fields) {
  return Object.values(fields).reduce((sum, value) => sum + BLOCK_BYTES + value.length, 0);
}

const VERSION = 1;

/** The version, and the length of what follows before the payload. */
const HEADER_BYTES = 3;

/** The id of a field, and the length of its value. */
const BLOCK_BYTES = 3;

const ID = { traceparent: 1, tracestate: 2, baggage: 3, "sentry-trace": 4 };
