// Context in the URL of a WebSocket, and the subprotocol under which binary messages carry it.

import { FIELDS, readFields, writeFields } from "./context.js";
import { QUERY_CHARS } from "./limits.js";

/** @typedef {import("./throughline.js").TraceContext} TraceContext */
/** @typedef {import("./throughline.js").Extraction} Extraction */

/** The subprotocol of binary frames, alone or as `chat+throughline.v1`. */
export const SUBPROTOCOL = "throughline.v1";

/**
 * A URL with the context as query parameters, for the handshake of a browser, which sets no
 * headers. What stands there of an older context is replaced.
 * @param {string | URL} url Absolute, or relative to the page. What is no URL comes back as it is.
 * @param {TraceContext | null | undefined} context
 * @param {{emit?: string[], forwardBaggage?: boolean}} [options]
 * @returns {string | URL}
 */
export function urlWithContext(url, context, options) {
  const changed = resolved(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  if (changed === null) return url;
  const fields = writeFields(context, options);
  // As text, not by `searchParams`, which would write every other parameter anew.
  const others = parametersOf(changed).filter(({ name }) => !FIELDS.includes(name));
  const own = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const query = [...others.map(({ text }) => text), ...own].join("&");
  // One question mark is taken off, which may be the first parameter's.
  changed.search = query === "" ? "" : `?${query}`;
  return changed;
}

/**
 * Reads the context from the query parameters of a URL.
 * @param {string | URL} url Absolute, or relative as Node's `request.url` is.
 * @returns {Extraction}
 */
export function contextFromUrl(url) {
  const read = resolved(url, ANYWHERE);
  if (read === null || read.search.length > 1 + QUERY_CHARS) return readFields({});
  const parameters = parametersOf(read).filter(({ text }) => text.includes("="));
  const valuesOf = (field) => parameters.filter(({ name }) => name === field);
  const fields = FIELDS.map((field) => [field, valuesOf(field).map(({ value }) => value)]);
  return readFields(Object.fromEntries(fields));
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

function resolved(url, base) {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
}

/** The parameters of a query as they stand there, with names as those of headers: in lower case. */
function parametersOf({ search }) {
  const pairs = search.slice(1).split("&");
  return pairs.filter(Boolean).map((text) => {
    // The sign in front keeps a question mark, which would be taken off.
    const [[name, value]] = new URLSearchParams(`&${text}`);
    return { text, name: name.toLowerCase(), value };
  });
}

/** The base of a URL of which only the query is read. */
const ANYWHERE = "ws://localhost";
