// Context inside JSON messages: where it stands, and how it is read, written, replaced and removed.

import { readFields, writeFields } from "./context.js";
import { CONTEXT_BYTES, REFUSALS } from "./limits.js";
import { isObjectText } from "./payload.js";
import { ParsedObject, TextObject } from "./places.js";

/** @typedef {import("./throughline.js").TraceContext} TraceContext */
/** @typedef {import("./throughline.js").Extraction} Extraction */

/**
 * Carries a context inside JSON objects, as texts or parsed.
 *
 * Nothing here throws, whatever it is given: what is no object has no place for a context, and is
 * returned as it is.
 */
export class Envelope {
  #write;
  #known;
  #options;
  #maxBytes;

  /** @param {import("./throughline.js").EnvelopeOptions} [options] */
  constructor({ write = ["_trace", "_sentry"], read = [], maxContextBytes, ...options } = {}) {
    this.#write = write.map(placement);
    const names = new Set(["_trace", "_sentry", "_meta", ...write, ...read]);
    this.#known = [...names].map(placement);
    this.#options = options;
    this.#maxBytes = maxContextBytes ?? CONTEXT_BYTES;
  }

  /**
   * Reads the context of a message, from any known placement.
   * @param {unknown} message A text, or an object that was parsed.
   * @returns {Extraction}
   */
  extract(message) {
    return within(message, readFields({}), (object) => {
      const found = { fields: {}, refused: [] };
      for (const place of this.#known) this.#collect(place, object.at(place.path), found);
      const extraction = readFields(found.fields);
      extraction.refused.push(...found.refused);
      extraction.refused.splice(REFUSALS);
      return extraction;
    });
  }

  /**
   * Adds a context to a message, in front of its members. A message that brings one keeps it (rule
   * MS-1); without a context nothing changes (rule MS-3).
   * @template T
   * @param {T} message A text, or an object, of which a copy is returned.
   * @param {TraceContext | null | undefined} context
   * @returns {T}
   */
  inject(message, context) {
    return within(message, message, (object) => {
      const brings = this.#known.some((place) => object.holds(place));
      return brings ? message : this.#added(object, context).message;
    });
  }

  /**
   * Replaces the context of a message wherever it stands, as a relay does (rule MS-7). An empty
   * context removes it.
   * @template T
   * @param {T} message
   * @param {TraceContext | null | undefined} context
   * @returns {T}
   */
  replace(message, context) {
    const replaced = (object) => this.#added(this.#stripped(object), context).message;
    return within(message, message, replaced);
  }

  /**
   * Removes the context of a message.
   * @template T
   * @param {T} message
   * @returns {T}
   */
  strip(message) {
    return within(message, message, (object) => this.#stripped(object).message);
  }

  #collect(place, value, { fields, refused }) {
    const [first] = place.fields;
    if (value === undefined || (place.isShared && !value.isObject)) return;
    // In a shared place, what stands beside the fields is of any length and somebody else's.
    if (!place.isShared && value.bytes(place.fields) > this.#maxBytes) {
      return refused.push({ field: first.field, rule: "TR-4" });
    }
    if (!value.isObject) return refused.push({ field: first.field, rule: "MS-4" });
    for (const { name, field } of place.fields) {
      const member = value.member(name);
      if (member === undefined) continue;
      const { bytes, value: text } = member;
      if (bytes > this.#maxBytes) refused.push({ field, rule: "TR-4" });
      else if (typeof text === "string" && text.isWellFormed()) fields[field] ??= text;
      else refused.push({ field, rule: "MS-4" });
    }
  }

  #stripped(object) {
    const places = this.#known.filter((place) => object.holds(place));
    return places.reduce((rest, place) => rest.without(place), object);
  }

  #added(object, context) {
    const contents = this.#contents(context);
    return contents.reduceRight((rest, [place, members]) => rest.with(place, members), object);
  }

  /**
   * What goes into each placement. What is cut off at the limit should be the application's, not
   * the trace's: a reader would refuse the whole.
   */
  #contents(context) {
    const fields = writeFields(context, this.#options);
    for (const dropped of ["", "baggage", "tracestate"]) {
      delete fields[dropped];
      const contents = this.#write.map((place) => [place, placed(place, fields)]);
      const written = contents.filter(([, members]) => Object.keys(members).length > 0);
      if (written.every(([, members]) => JSON.stringify(members).length <= this.#maxBytes)) {
        return written;
      }
    }
    return [];
  }
}

/** The members of a placement: what is written there is visible ASCII. */
function placed({ fields: known }, fields) {
  const present = known.filter(({ field }) => fields[field] !== undefined);
  return Object.fromEntries(present.map(({ name, field }) => [name, fields[field]]));
}

/** Where a context may stand, and what its fields are called there. */
function placement(name) {
  const path = name.split(".");
  const own = OWN.get(path.at(-1));
  // Other members may stand beside the context in `_meta` and in places of the application's
  // choice.
  const shared = name === "_meta" ? META : ALL;
  return { path, isShared: own === undefined, fields: own ?? shared };
}

/**
 * Calls `act` with a message that is an object. Tracing must not lose a message, so nothing that
 * one does comes through: an object can have getters that throw, a text can be nested deeper than
 * an engine goes.
 */
function within(message, otherwise, act) {
  try {
    const object = opened(message);
    return object === null ? otherwise : act(object);
  } catch {
    return otherwise;
  }
}

function opened(message) {
  if (typeof message === "string") return isObjectText(message) ? new TextObject(message) : null;
  return isPlain(message) ? new ParsedObject(message) : null;
}

/** Whether `JSON.stringify` writes an object as its members. */
function isPlain(value) {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && typeof value.toJSON !== "function";
}

const field = (name) => ({ name, field: name });

const ALL = ["traceparent", "tracestate", "sentry-trace", "baggage"].map(field);
const META = ["traceparent", "tracestate", "baggage"].map(field);

/** Members that are a context alone, in the message itself and in an object at a path. */
const OWN = new Map([
  ["_trace", ALL],
  ["_sentry", [{ name: "trace", field: "sentry-trace" }, field("baggage")]],
]);
