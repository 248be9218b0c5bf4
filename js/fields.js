// What stands in one field: `traceparent`, `sentry-trace`, `tracestate`, `baggage`.
//
// Each reader takes a text of any kind and throws the id of the rule that it breaks, as `Refused`.
// Lists stay the text that came in: they are checked, and passed on as they are.

import {
  BAGGAGE_CHARS,
  BAGGAGE_MEMBERS,
  BAGGAGE_SCAN_CHARS,
  TRACESTATE_CHARS,
  TRACESTATE_MEMBERS,
} from "./limits.js";

/** Thrown by the readers of this file, and caught by `context.js`. */
export class Refused extends Error {
  /** @param {string} rule Id of the rule, such as `TP-3`. */
  constructor(rule) {
    super(rule);
    this.rule = rule;
  }
}

/**
 * Reads a `traceparent` (rules TP-1 to TP-4, TP-7).
 * @param {string} value
 * @returns {{traceId: string, parentId: string, sampled: boolean, random: boolean}}
 */
export function parseTraceparent(value) {
  const text = trim(value);
  const [, version, traceId, parentId, flags, tail] = PARENT.exec(text) ?? [];
  const isEnd = tail === "" || (version !== "00" && tail?.startsWith("-"));
  if (version === "ff" || !isEnd || !areIds(traceId, parentId)) {
    throw new Refused(LATER_VERSION.test(text) ? "TP-4" : "TP-3");
  }
  const bits = Number.parseInt(flags, 16);
  return { traceId, parentId, sampled: (bits & SAMPLED) !== 0, random: (bits & RANDOM) !== 0 };
}

/**
 * Writes a `traceparent`, always of version 00. A deferred decision reads as "not sampled".
 * @param {{traceId: string, parentId: string, sampled?: boolean | null, random?: boolean}} parent
 * @returns {string}
 */
export function formatTraceparent({ traceId, parentId, sampled, random }) {
  return `00-${traceId}-${parentId}-0${(sampled === true ? SAMPLED : 0) | (random ? RANDOM : 0)}`;
}

/**
 * Reads a `sentry-trace` (rules SE-1 and SE-3). Without a third field the decision is `null`.
 * @param {string} value
 * @returns {{traceId: string, parentId: string, sampled: boolean | null}}
 */
export function parseSentryTrace(value) {
  const [, traceId, parentId, digit] = SENTRY.exec(trim(value)) ?? [];
  if (!areIds(traceId, parentId)) throw new Refused("SE-1");
  return { traceId, parentId, sampled: digit === undefined ? null : digit === "1" };
}

/**
 * Writes a `sentry-trace`.
 * @param {{traceId: string, parentId: string, sampled?: boolean | null}} parent
 * @returns {string}
 */
export function formatSentryTrace({ traceId, parentId, sampled }) {
  const decided = typeof sampled === "boolean" ? `-${sampled ? 1 : 0}` : "";
  return `${traceId}-${parentId}${decided}`;
}

/**
 * Whether these are a trace id and a span id: lower-case hex, and not all zeros.
 * @param {unknown} traceId
 * @param {unknown} parentId
 */
export function areIds(traceId, parentId) {
  return isId(traceId, 32) && isId(parentId, 16);
}

/**
 * Checks a `tracestate` (rules TS-3 to TS-9). The text stays as it is, but for repeated keys.
 * @param {string} list
 * @returns {string} Empty if there is no member.
 */
export function parseTracestate(list) {
  if (list.length > TRACESTATE_CHARS) throw new Refused("TR-4");
  const members = new Map();
  let count = 0;
  for (const member of membersOf(list)) {
    const key = STATE_MEMBER.exec(member)?.[1];
    if (key === undefined) throw new Refused("TS-7");
    count += 1;
    if (count > TRACESTATE_MEMBERS) throw new Refused("TS-9");
    if (!members.has(key)) members.set(key, member);
  }
  if (count === 0) return "";
  return members.size === count ? list : [...members.values()].join(",");
}

/**
 * Checks a `baggage` (rules BG-1 to BG-10): a bad member goes alone. Where none goes, the text
 * stays as it is.
 * @param {string} list
 * @param {(rule: string) => void} refuse Told of every member that is left out.
 * @returns {string} Empty if there is no member.
 */
export function parseBaggage(list, refuse) {
  const seen = wholeMembers(list);
  if (seen.length < list.length) refuse("TR-4");
  const kept = [];
  let chars = -1;
  let lossless = list.length <= BAGGAGE_CHARS;
  for (const member of membersOf(seen)) {
    const valid = BAGGAGE_MEMBER.test(member);
    if (valid && kept.length < BAGGAGE_MEMBERS && chars + 1 + member.length <= BAGGAGE_CHARS) {
      kept.push(member);
      chars += 1 + member.length;
      continue;
    }
    lossless = false;
    refuse(valid ? "BG-10" : "BG-9");
    if (valid && kept.length === BAGGAGE_MEMBERS) break;
  }
  if (kept.length === 0) return "";
  return lossless ? list : kept.join(",");
}

/**
 * The members of a checked `baggage` of which `keep` holds. The text stays as it is where all do.
 * @param {string} list
 * @param {(key: string, value: string) => boolean} keep
 * @returns {string}
 */
export function filterBaggage(list, keep) {
  const members = [...membersOf(list)];
  const kept = members.filter((member) => {
    const sign = member.indexOf("=");
    const [value] = member.slice(sign + 1).split(";", 1);
    return keep(trim(member.slice(0, sign)), trim(value));
  });
  return kept.length === members.length ? list : kept.join(",");
}

/** The members of a list, without the white space around them and without empty ones. */
function* membersOf(list) {
  for (const member of list.split(",")) {
    const trimmed = trim(member);
    if (trimmed !== "") yield trimmed;
  }
}

/** A member that the limit cuts off is not a member. */
function wholeMembers(list) {
  if (list.length <= BAGGAGE_SCAN_CHARS) return list;
  return list.slice(0, Math.max(list.lastIndexOf(",", BAGGAGE_SCAN_CHARS - 1), 0));
}

/**
 * Spaces and tabs at both ends, nothing else (rule TP-2). No expression: those can go quadratic.
 */
function trim(text) {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

const isBlank = (char) => char === " " || char === "\t";

function isId(text, digits) {
  return typeof text === "string" && text.length === digits && HEX.test(text) && !ZEROS.test(text);
}

const SAMPLED = 1;
const RANDOM = 2;

const HEX = /^[0-9a-f]+$/;
const ZEROS = /^0+$/;
const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(.*)$/s;
const LATER_VERSION = /^(?!00|ff)[0-9a-f]{2}/;
const SENTRY = /^([0-9a-f]{32})-([0-9a-f]{16})(?:-([01]))?$/;
const STATE_MEMBER = /^([a-z0-9][a-z0-9_*/@-]{0,255})=[ -+\--<>-~]{1,256}$/;
const BAGGAGE_MEMBER =
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=[ \t]*[!#-+\--:<-[\]-~]*[ \t]*(?:;[\t -~]*)?$/;
