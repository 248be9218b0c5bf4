// Context in the URL of a WebSocket, and the subprotocol under which binary messages carry it.

import { FIELDS, readFields, writeFields } from "./context.js";

/** @typedef {import("./throughline.js").TraceContext} TraceContext */
/** @typedef {import("./throughline.js").Extraction} Extraction */

/** The subprotocol of binary frames, alone or as `chat+throughline.v1`. */
export const SUBPROTOCOL = "throughline.v1";

/**
 * A URL with the context as query parameters, for the handshake of a browser, which sets no
 * headers. What stands there of an older context is replaced.
 * @param {string | URL} url Absolute.
 * @param {TraceContext | null | undefined} context
 * @param {{emit?: string[], forwardBaggage?: boolean}} [options]
 * @returns {URL}
 */
export function urlWithContext(url, context, options) {
  const changed = new URL(url);
  const fields = writeFields(context, options);
  // As text, not by `searchParams`, which would write every other parameter anew.
  const isOurs = (pair) => FIELDS.includes(pair.split("=", 1)[0]);
  const others = changed.search
    .slice(1)
    .split("&")
    .filter((pair) => pair !== "" && !isOurs(pair));
  const own = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  changed.search = [...others, ...own].join("&");
  return changed;
}

/**
 * Reads the context from the query parameters of a URL.
 * @param {string | URL} url Absolute.
 * @returns {Extraction}
 */
export function contextFromUrl(url) {
  const { searchParams } = new URL(url);
  return readFields(Object.fromEntries(FIELDS.map((name) => [name, searchParams.getAll(name)])));
}

/**
 * What a client offers: each subprotocol of the application with binary frames and without, so that
 * a server that knows none of this still finds its own.
 * @param {string | string[]} [protocols]
 * @returns {string[]}
 */
export function offered(protocols = []) {
  const own = [protocols].flat();
  return own.length === 0 ? [SUBPROTOCOL] : own.flatMap((one) => [`${one}+${SUBPROTOCOL}`, one]);
}

/**
 * Whether the subprotocol that the server chose has binary frames.
 * @param {string} protocol
 */
export function hasFrames(protocol) {
  return protocol === SUBPROTOCOL || protocol.endsWith(`+${SUBPROTOCOL}`);
}

/**
 * The application's part of a subprotocol.
 * @param {string} protocol
 */
export function withoutSuffix(protocol) {
  return hasFrames(protocol) ? protocol.slice(0, -SUBPROTOCOL.length).replace(/\+$/, "") : protocol;
}
