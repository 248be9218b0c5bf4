// Every bound of this module, with its unit and reason, and what cuts attributes to these bounds.

/** Members of a `tracestate` (rule TS-9): the specification's own limit. */
export const TRACESTATE_MEMBERS = 32;

/** Characters of a `tracestate`: 32 members of the longest key and value, with their commas. */
export const TRACESTATE_CHARS = TRACESTATE_MEMBERS * (256 + 1 + 256) + TRACESTATE_MEMBERS - 1;

/** Members of `baggage` that pass (rule BG-10). */
export const BAGGAGE_MEMBERS = 64;

/** Characters of `baggage` that pass, commas included (rule BG-10). */
export const BAGGAGE_CHARS = 8192;

/**
 * Characters of received `baggage` that are looked at, so that a long member does not hide the
 * next.
 */
export const BAGGAGE_SCAN_CHARS = 4 * BAGGAGE_CHARS;

/** Refusals that one reading reports: a hostile list must not make a long one. */
export const REFUSALS = 16;

/** Bytes of the context in one placement of a message, and in one binary frame (rule TR-4). */
export const CONTEXT_BYTES = 16 * 1024;

/** Characters of a URL's query that is searched for a context (rule TR-4). */
export const QUERY_CHARS = 16 * 1024;

/** Characters of a span's name or an attribute's key; the rest is cut off. Back ends index both. */
export const NAME_CHARS = 256;

/** Characters of one attribute's value, or of each text in a list; the rest is cut off. */
export const VALUE_CHARS = 2048;

/**
 * Attributes of one span or resource, values of one attribute, and links of one span; what comes
 * behind is left out.
 */
export const ATTRIBUTES = 64;

/** Spans that wait for their export; later ones are dropped and counted. */
export const QUEUED_SPANS = 1024;

/** Bytes of one export. Browsers let a page that goes away send 65,536 in all. */
export const EXPORT_BYTES = 60_000;

/** Milliseconds from the end of a span to its export, so that spans go out together. */
export const EXPORT_DELAY_MS = 1000;

/** Milliseconds for one export; a collector that does not answer must not keep the queue full. */
export const EXPORT_TIMEOUT_MS = 10_000;

/** The start of a text. Half of a surrogate pair would make a collector refuse the whole export. */
export const cut = (text, chars) => text.slice(0, chars).toWellFormed();

/**
 * Sets an attribute of a span or a resource within these bounds.
 * @param {Map<string, unknown>} attributes
 * @param {string} key
 * @param {import("./throughline.js").AttributeValue} value
 */
export function setBounded(attributes, key, value) {
  const name = cut(String(key), NAME_CHARS);
  if (!attributes.has(name) && attributes.size >= ATTRIBUTES) return;
  const bounded = (one) => (typeof one === "string" ? cut(one, VALUE_CHARS) : one);
  const isList = Array.isArray(value);
  attributes.set(name, isList ? value.slice(0, ATTRIBUTES).map(bounded) : bounded(value));
}
