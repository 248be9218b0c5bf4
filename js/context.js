// One context from the fields of a carrier, and the fields of one context.

import {
  Refused,
  areIds,
  filterBaggage,
  formatSentryTrace,
  formatTraceparent,
  parseBaggage,
  parseSentryTrace,
  parseTraceparent,
  parseTracestate,
} from "./fields.js";
import { REFUSALS } from "./limits.js";

/** @typedef {import("./throughline.js").TraceContext} TraceContext */
/** @typedef {import("./throughline.js").Extraction} Extraction */

/** The fields of a context, in the order in which they are written. */
export const FIELDS = ["traceparent", "tracestate", "sentry-trace", "baggage"];

/** A context without a trace and without baggage. @type {TraceContext} */
export const EMPTY = Object.freeze({
  traceId: null,
  parentId: null,
  sampled: null,
  random: false,
  tracestate: "",
  baggage: "",
});

/**
 * Reads fields, as the rules in docs/websocket-protocol.md say. Never throws: what breaks its
 * format is left out and reported.
 * @param {Record<string, string | string[] | undefined> | null | undefined} fields Several values
 * are an array.
 * @returns {Extraction}
 */
export function readFields(fields) {
  const refused = [];
  const refuse = (field, rule) => refused.length < REFUSALS && refused.push({ field, rule });
  const w3c = single(fields, "traceparent", "TP-5", parseTraceparent, refuse);
  const sentry = single(fields, "sentry-trace", "SE-2", parseSentryTrace, refuse);
  const { parent, link } = combine(w3c, sentry, refuse);
  const context = {
    ...EMPTY,
    ...parent,
    tracestate: readTracestate(fields, w3c, refuse),
    baggage: readBaggage(fields, sentry, parent, refuse),
  };
  return { context, link, refused };
}

/**
 * The fields that carry a context, in the order of {@link FIELDS}.
 * @param {TraceContext | null | undefined} context What is wrong in it is left out.
 * @param {{emit?: string[], forwardBaggage?: boolean}} [options]
 * @returns {Record<string, string>}
 */
export function writeFields(context, { emit = FORMATS, forwardBaggage = false } = {}) {
  const known = whole(context);
  const fields = {};
  const hasParent = areIds(known.traceId, known.parentId);
  if (hasParent && emit.includes("tracecontext")) {
    fields.traceparent = formatTraceparent(known);
    const state = checked(known.tracestate, parseTracestate);
    if (state !== "") fields.tracestate = state;
  }
  if (hasParent && emit.includes("sentry")) fields["sentry-trace"] = formatSentryTrace(known);
  const list = checked(known.baggage, (text) => parseBaggage(text, () => {}));
  const sendsSentry = hasParent && emit.includes("sentry");
  const sendsOther = forwardBaggage && emit.includes("baggage");
  const baggage = filterBaggage(list, (key) => (isSentry(key) ? sendsSentry : sendsOther));
  if (baggage !== "") fields.baggage = baggage;
  return fields;
}

/**
 * Whether there is nothing to carry.
 * @param {TraceContext | null | undefined} context
 */
export function isEmpty(context) {
  const { traceId, tracestate, baggage } = whole(context);
  return [traceId, tracestate, baggage].every((one) => typeof one !== "string" || one === "");
}

/** A context with every member. One that is made by hand can have getters, which can throw. */
function whole(context) {
  try {
    return { ...EMPTY, ...context };
  } catch {
    return EMPTY;
  }
}

/**
 * The value of a field that stands there once; several equal ones count for `sentry-trace` only.
 */
function single(fields, field, several, parse, refuse) {
  const values = valuesOf(fields, field);
  if (values.length === 0) return null;
  try {
    const equal = values.every((value) => value === values[0]);
    if (values.length > 1 && !(equal && field === "sentry-trace")) throw new Refused(several);
    return parse(values[0]);
  } catch (error) {
    refuse(field, ruleOf(error));
    return null;
  }
}

/**
 * One parent of two (rules BO-1 and BO-2). A flag has no form for "deferred", so 00 beside a
 * deferred `sentry-trace` decides nothing.
 */
function combine(w3c, sentry, refuse) {
  if (w3c === null || sentry === null) return { parent: w3c ?? sentry, link: null };
  if (w3c.traceId !== sentry.traceId) {
    refuse("sentry-trace", "BO-2");
    return { parent: w3c, link: { ...EMPTY, ...sentry } };
  }
  const sampled = sentry.sampled === null && w3c.sampled ? true : sentry.sampled;
  return { parent: { ...w3c, sampled }, link: null };
}

function readTracestate(fields, w3c, refuse) {
  const values = valuesOf(fields, "tracestate");
  if (values.length === 0) return "";
  try {
    if (w3c === null) throw new Refused("TS-1");
    return parseTracestate(joined(values));
  } catch (error) {
    refuse("tracestate", ruleOf(error));
    return "";
  }
}

function readBaggage(fields, sentry, parent, refuse) {
  const values = valuesOf(fields, "baggage");
  if (values.length === 0) return "";
  const list = parseBaggage(joined(values), (rule) => refuse("baggage", rule));
  let described;
  let isDescribed = false;
  filterBaggage(list, (key, value) => {
    isDescribed ||= isSentry(key);
    if (key === "sentry-trace_id") described ??= value;
    return true;
  });
  if (!isDescribed) return list;
  const rule = descriptionRefused(sentry, parent, described);
  if (rule === null) return list;
  refuse("baggage", rule);
  return filterBaggage(list, (key) => !isSentry(key));
}

/** Why Sentry's members cannot describe the trace that is continued, if they cannot. */
function descriptionRefused(sentry, parent, described) {
  if (sentry === null) return "SE-5";
  if (sentry.traceId !== parent.traceId) return "BO-2";
  return described === undefined || decoded(described) === sentry.traceId ? null : "SE-11";
}

function decoded(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function checked(list, parse) {
  try {
    return typeof list === "string" ? parse(list) : "";
  } catch {
    return "";
  }
}

/** Several lines are one list, without empty ones; a single one stays as it is. */
function joined(values) {
  return values.length === 1 ? values[0] : values.filter((value) => /[^ \t]/.test(value)).join(",");
}

function valuesOf(fields, field) {
  try {
    const value = fields?.[field];
    return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string");
  } catch {
    // A carrier of the application's can have getters too.
    return [];
  }
}

/** A bug of ours is no rule: it must not look like one. */
function ruleOf(error) {
  if (error instanceof Refused) return error.rule;
  throw error;
}

const isSentry = (key) => key.startsWith("sentry-");

const FORMATS = ["tracecontext", "sentry", "baggage"];
