// An object with places for a context, as a text or parsed: both answer the same questions.
//
// A place that is ours alone (`_trace`, `_sentry`, at whatever path) comes and goes whole. In a
// shared one (`_meta`, another path) other members may stand beside the context, so only its fields
// come and go, and the place itself where nothing else is in it.

import { membersOf, prepend, rewrite, valueOf } from "./payload.js";

/**
 * Where a context may stand.
 * @typedef {object} Place
 * @property {string[]} path
 * @property {boolean} isShared
 * @property {{name: string, field: string}[]} fields What its fields are called there.
 */

/** A JSON object in its text. */
export class TextObject {
  #members;

  /** @param {string} message One for which `isObjectText` holds. */
  constructor(message) {
    this.message = message;
  }

  /** What stands at a path; `undefined` if nothing does. */
  at(path) {
    let text = this.message;
    for (const [depth, key] of path.entries()) {
      if (depth > 0 && !isObject(text)) return undefined;
      text = valueOf(this.#membersOf(text), text, key);
      if (text === undefined) return undefined;
    }
    let members;
    const member = (name) => {
      const json = valueOf((members ??= membersOf(text)), text, name);
      return json && { bytes: byteLength(json), value: textOrNull(json) };
    };
    return { isObject: isObject(text), bytes: () => byteLength(text), member };
  }

  /** @param {Place} place */
  holds({ path, isShared, fields }) {
    const within = (text, [key, ...rest]) =>
      this.#membersOf(text).some((member) => {
        if (member.key !== key) return false;
        const value = text.slice(member.start, member.end);
        if (rest.length > 0) return isObject(value) && within(value, rest);
        return (
          !isShared || (isObject(value) && membersOf(value).some((one) => isOf(fields, one.key)))
        );
      });
    return within(this.message, path);
  }

  /** @param {Place} place */
  without({ path, isShared, fields }) {
    const emptied = (value) => {
      const rest = rewrite(value, (name, text) => (isOf(fields, name) ? null : text));
      return rest !== value && membersOf(rest).length === 0 ? null : rest;
    };
    const within = (text, [wanted, ...rest]) =>
      rewrite(text, (key, value) => {
        if (key !== wanted) return value;
        if (rest.length === 0 && !isShared) return null;
        if (!isObject(value)) return value;
        return rest.length > 0 ? within(value, rest) : emptied(value);
      });
    return new TextObject(within(this.message, path));
  }

  /** @param {Place} place */
  with({ path, isShared }, members) {
    const json = JSON.stringify(members);
    const within = (text, [key, ...rest]) => {
      const isEntered = isShared || rest.length > 0;
      const old = isEntered && this.#membersOf(text).findLast((member) => member.key === key);
      if (!old) return prepend(text, `${JSON.stringify(key)}:${nested(rest, json)}`);
      const value = text.slice(old.start, old.end);
      if (!isObject(value)) return text;
      const changed = rest.length > 0 ? within(value, rest) : prepend(value, json.slice(1, -1));
      return text.slice(0, old.start) + changed + text.slice(old.end);
    };
    return new TextObject(within(this.message, path));
  }

  /** Every question about the whole message needs them, and a payload can be long. */
  #membersOf(text) {
    return text === this.message ? (this.#members ??= membersOf(text)) : membersOf(text);
  }
}

/** An object that was parsed. It is never changed, only copied where it changes. */
export class ParsedObject {
  /** @param {object} message */
  constructor(message) {
    this.message = message;
  }

  at(path) {
    const value = valueAt(this.message, path);
    if (value === undefined) return undefined;
    const member = (name) => {
      const text = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
      const bytes = typeof text === "string" ? text.length + 2 : 0;
      return text === undefined ? undefined : { bytes, value: text };
    };
    // As `{"name":"value"}`. What is no text or no field of ours is not looked at, so it does not
    // count.
    const lengthOf = ({ name }) => {
      const { bytes = 0 } = member(name) ?? {};
      return bytes && name.length + 4 + bytes;
    };
    return {
      isObject: isRecord(value),
      bytes: (fields) => fields.reduce((sum, field) => sum + lengthOf(field), 1),
      member,
    };
  }

  /** @param {Place} place */
  holds({ path, isShared, fields }) {
    const value = valueAt(this.message, path);
    if (value === undefined || !isShared) return value !== undefined;
    return isRecord(value) && Object.keys(value).some((name) => isOf(fields, name));
  }

  /** @param {Place} place */
  without({ path, isShared, fields }) {
    const within = (object, [key, ...rest]) => {
      const value = object[key];
      if (rest.length > 0) return { ...object, [key]: within(value, rest) };
      if (!isShared) return omitted(object, key);
      const kept = Object.entries(value).filter(([name]) => !isOf(fields, name));
      if (kept.length === 0) return omitted(object, key);
      return { ...object, [key]: Object.fromEntries(kept) };
    };
    return this.holds({ path, isShared, fields })
      ? new ParsedObject(within(this.message, path))
      : this;
  }

  /** @param {Place} place */
  with({ path }, members) {
    const within = (object, [key, ...rest]) => {
      if (!Object.hasOwn(object, key)) {
        return {
          [key]: rest.reduceRight((inner, name) => ({ [name]: inner }), members),
          ...object,
        };
      }
      const value = object[key];
      // A member that is `undefined` is none to `JSON.stringify`.
      if (value === undefined) return within(omitted(object, key), [key, ...rest]);
      if (!isRecord(value)) return object;
      return { ...object, [key]: rest.length > 0 ? within(value, rest) : { ...members, ...value } };
    };
    return new ParsedObject(within(this.message, path));
  }
}

/** The UTF-8 bytes of a text, or its characters if those alone are too many to count further. */
function byteLength(text) {
  return text.length > ENCODE_CHARS ? text.length : new TextEncoder().encode(text).length;
}

function valueAt(object, path) {
  const step = (value, key) =>
    isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return path.reduce(step, object);
}

function omitted(object, key) {
  const { [key]: _, ...others } = object;
  return others;
}

const isObject = (text) => text.startsWith("{");
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isOf = (fields, name) => fields.some((field) => field.name === name);
const textOrNull = (json) => (json.startsWith('"') ? JSON.parse(json) : null);

/** The innermost text as the value at a path. */
function nested(path, json) {
  return path.reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, json);
}

/** Above this, a text is longer than any bound of a context. */
const ENCODE_CHARS = 1 << 20;
