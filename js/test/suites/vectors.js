// tests/vectors/wire-vectors.json through this module.

import { Envelope, readFields, writeFields } from "../../throughline.js";
import { equal, holds } from "../assert.js";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Sections that ask for what this module does not offer. */
const NOT_OFFERED = {
  tracestate_mutation: "it sets no members of a tracestate",
  baggage_encode: "it adds no members to baggage",
  sentry_org: "it knows no organization, and continues",
  sentry_sample_rand: "it passes Sentry's members on as they are",
};

/**
 * How many cases are not run, by the reason: for `propagate` the setting or member of the case that
 * this module does not offer, the first of several.
 */
const NOT_RUN = {
  propagate: {
    "formats of others": 28,
    accept: 4,
    "forward_baggage by key": 4,
    accept_baggage: 3,
    max_baggage_members: 1,
    max_trace_state_bytes: 1,
    primary: 6,
    random_bit: 2,
    sentry: 17,
    carrier: 21,
    trust: 7,
  },
  "messages, parsed": {
    "a text that is no JSON": 20,
    "read only, since it is too deep to be compared": 1,
  },
};

/**
 * Messages whose parsed form cannot tell what their text says. Of all others, texts are compared
 * byte for byte and parsed objects by value and order of members.
 */
const PARSED_APART = {
  "no object has no place for a context: a string": "a string is taken for the text of a message",
  "16385 bytes are not looked at": "members that are no field of a context do not count",
  "a context that is too long does not hide the other": "members that are no field do not count",
};

export const tests = ({ vectors }) => ({
  "every section of the vectors is run or named as not offered": () => {
    const known = ["source", ...Object.keys(SECTIONS), ...Object.keys(NOT_OFFERED)];
    equal(Object.keys(vectors).toSorted(), known.toSorted());
  },
  ...Object.fromEntries(
    Object.entries(SECTIONS).map(([section, check]) => [
      `the vectors of ${section} hold`,
      () => run(section, vectors[section], check),
    ]),
  ),
  "messages that are parsed come out as their texts do": () => {
    run("messages, parsed", vectors.messages, parsedMessage);
  },
});

const SECTIONS = {
  traceparent(one) {
    only(one, ["name", "headers", "expect", "rule", "peers"]);
    const { context, refused } = readFields({ traceparent: texts(one.headers), tracestate: "a=1" });
    if (one.expect === null) {
      equal([context.traceId, context.tracestate], [null, ""]);
      return names(refused, "traceparent", one.rule);
    }
    const { trace_id: traceId, parent_id: parentId, flags } = one.expect;
    const out = writeFields(context);
    equal([out.traceparent, out.tracestate], [`00-${traceId}-${parentId}-${flags}`, "a=1"]);
    equal(refused, []);
  },
  tracestate(one) {
    only(one, ["name", "headers", "expect", "rule"]);
    const fields = { traceparent: PARENT, tracestate: texts(one.headers) };
    const { context, refused } = readFields(fields);
    const out = writeFields(context);
    equal(out.traceparent, PARENT);
    if (one.expect === "drop") {
      equal(out.tracestate, undefined);
      return names(refused, "tracestate", one.rule);
    }
    const expected = one.expect.map((pair) => pair.map(text));
    equal(stateMembers(out.tracestate), expected);
    equal(refused, []);
  },
  baggage(one) {
    // It decodes no value: what came in goes out.
    only(one, ["name", "headers", "decoded", "out", "rule", "peers", "note"]);
    const { context, refused } = readFields({ baggage: texts(one.headers) });
    const out = writeFields(context, { forwardBaggage: true });
    equal(out, one.out === null ? {} : { baggage: text(one.out) });
    const again = readFields(out);
    equal([writeFields(again.context, { forwardBaggage: true }), again.refused], [out, []]);
    if (one.rule === "BG-9") names(refused, "baggage", one.rule);
    equal(writeFields(context), {}, "not sent on unless asked for");
  },
  baggage_limits(one) {
    only(one, ["name", "generate", "expect_members", "rule"]);
    const members = generated(one.generate);
    const { context, refused } = readFields({ baggage: lines(members, one.generate) });
    equal(
      context.baggage
        .split(",")
        .map((member) => member.trim())
        .filter(Boolean).length,
      one.expect_members,
    );
    const left = members.length - one.expect_members;
    equal(refused.length > 0, left > 0);
    holds(
      refused.every(({ rule }) => rule === "BG-10" || rule === "TR-4"),
      JSON.stringify(refused),
    );
  },
  sentry_trace(one) {
    only(one, ["name", "in", "expect", "rule", "peers"]);
    const { context, refused } = readFields({ "sentry-trace": texts([one.in].flat()) });
    if (one.expect === null) {
      equal(context.traceId, null);
      return names(refused, "sentry-trace", one.rule);
    }
    const { trace_id: traceId, parent_span_id: parentId, sampled } = one.expect;
    equal([context.traceId, context.parentId, context.sampled], [traceId, parentId, sampled]);
    equal(readFields(writeFields(context)).context, context, "read back");
  },
  propagate(one) {
    const known = ["name", "in", "options", "out", "rule", "refused", "link", "note"];
    only(one, [...known, ...NOT_ASKED]);
    const asked = NOT_ASKED.find((name) => one[name] !== undefined);
    const { apart = asked, ...options } = settings(one.options, one.in);
    if (apart !== undefined) return apart;
    const fields = {};
    for (const [name, value] of one.in) (fields[name.toLowerCase()] ??= []).push(text(value));
    const { context, link, refused } = readFields(fields);
    const out = Object.entries(writeFields(context, options));
    const expected = one.out.map(([name, value]) => [name, text(value)]);
    equal(out.toSorted(), expected.toSorted());
    equal(refused.map(({ rule }) => rule).toSorted(), (one.refused ?? []).toSorted());
    equal(link?.traceId ?? null, one.link ?? null);
  },
  messages(one) {
    only(one, [
      "name",
      "op",
      "in",
      "context",
      "write",
      "options",
      "max_context_bytes",
      "out",
      "rule",
      "expect",
      "refused",
      "link",
      "read",
    ]);
    const { envelope, context } = setUp(one);
    equal(written(one, envelope, text(one.in), context), text(one.out), "out");
    if (one.op === "read") read(one, envelope.extract(text(one.in)));
  },
};

/** The same case with an object that `JSON.parse` made. */
function parsedMessage(one) {
  let object;
  try {
    object = JSON.parse(text(one.in).replace(/^\ufeff/, ""));
  } catch {
    return "a text that is no JSON";
  }
  const { envelope, context } = setUp(one);
  const out = written(one, envelope, object, context);
  const expected = JSON.parse(text(one.out).replace(/^\ufeff/, ""));
  const found = one.op === "read" ? envelope.extract(object) : null;
  const isDeep = DEEP.test(text(one.in));
  const check = () => {
    if (!isDeep) equal(out, expected, "out");
    if (found !== null && !isObject(object))
      equal([found.context.traceId, found.refused], [null, []]);
    else if (found !== null) read(one, found);
    return isDeep ? "read only, since it is too deep to be compared" : undefined;
  };
  if (PARSED_APART[one.name] === undefined) return check();
  try {
    check();
  } catch {
    return;
  }
  throw new Error("holds, but stands in PARSED_APART");
}

function setUp(one) {
  const { apart, ...options } = settings(one.options);
  equal(apart, undefined, "an option that is not offered");
  const envelope = new Envelope({
    ...(one.write && { write: one.write }),
    read: one.read ?? [],
    maxContextBytes: one.max_context_bytes,
    ...options,
  });
  const fields = {};
  for (const [name, value] of one.context ?? [])
    (fields[name.toLowerCase()] ??= []).push(text(value));
  return { envelope, context: readFields(fields).context };
}

function written({ op }, envelope, message, context) {
  if (op === "read") return envelope.strip(message);
  return op === "encode" ? envelope.inject(message, context) : envelope.replace(message, context);
}

function read(one, { context, link, refused }) {
  const { trace_id: traceId = null, parent_id: parentId = null, sampled = null } = one.expect ?? {};
  const { random = false, tracestate = "", baggage = "" } = one.expect ?? {};
  equal(context, {
    traceId,
    parentId,
    sampled,
    random,
    tracestate: text(tracestate),
    baggage: text(baggage),
  });
  equal(refused.map(({ rule }) => rule).toSorted(), (one.refused ?? []).toSorted(), "refused");
  equal(link?.traceId ?? null, one.link ?? null, "link");
}

/** Runs every case, tells all failures at once, and counts what could not be run. */
function run(section, cases, check) {
  holds(cases.length > 0, `${section} is empty`);
  const failures = [];
  const apart = {};
  for (const [number, one] of cases.entries()) {
    try {
      const asked = check(one);
      if (asked !== undefined) apart[asked] = (apart[asked] ?? 0) + 1;
    } catch (error) {
      failures.push(`${section} ${number} (${one.rule}) ${one.name ?? ""}: ${error.message}`);
    }
  }
  holds(failures.length === 0, failures.join("\n"));
  equal(
    Object.entries(apart).toSorted(),
    Object.entries(NOT_RUN[section] ?? {}).toSorted(),
    "not run",
  );
}

/** A member that nobody knows gives a case another meaning than one thinks. */
function only(one, known) {
  equal(
    Object.keys(one).filter((name) => !known.includes(name)),
    [],
    "unknown members",
  );
}

function names(refused, field, rules) {
  const found = refused.filter((refusal) => refusal.field === field).map(({ rule }) => rule);
  holds(
    found.some((rule) => rules.split("/").includes(rule)),
    `${found} is none of ${rules}`,
  );
}

/** Options of the library as ours, or under `apart` the first that we have not. */
function settings({ accept, emit, forward_baggage: forwardBaggage, ...others } = {}, lines = []) {
  const [other] = Object.keys(others);
  const formats = [...(accept ?? []), ...(emit ?? [])];
  if (!formats.every((name) => FORMATS.includes(name))) return { apart: "formats of others" };
  // Ours are always read, which makes no difference where nothing of the others comes in.
  if (accept && !lines.flatMap(formatsOf).every((name) => accept.includes(name))) {
    return { apart: "accept" };
  }
  if (typeof (forwardBaggage ?? true) !== "boolean") return { apart: "forward_baggage by key" };
  return other ? { apart: other } : { ...(emit && { emit }), forwardBaggage };
}

/** The formats that a header line is part of. */
function formatsOf([name, value]) {
  if (name.toLowerCase() === "sentry-trace") return ["sentry"];
  if (name.toLowerCase() !== "baggage") return ["tracecontext"];
  const members = text(value).split(",");
  return members.map((member) => (/^[ \t]*sentry-/.test(member) ? "sentry" : "baggage"));
}

const FORMATS = ["tracecontext", "sentry", "baggage"];

/** Members of a case of `propagate` that ask for what this module does not offer. */
const NOT_ASKED = ["carrier", "trust", "begins"];

function generated({ members, total_bytes: total, member }) {
  const keys = Array.from({ length: members }, (_, at) => `k${String(at).padStart(3, "0")}=`);
  const padding = /^k\{i:03\}=<padding of (.*)>$/.exec(member)?.[1];
  if (padding === undefined) return keys.map((key) => `${key}v`);
  const room = total - (members - 1);
  return keys.map((key, at) => {
    const size = Math.floor(room / members) + (at < room % members ? 1 : 0) - key.length;
    const times = Math.floor(size / padding.length);
    return key + padding.repeat(times) + "x".repeat(size - times * padding.length);
  });
}

function lines(members, { lines: count, between = [] }) {
  const size = Math.ceil(members.length / count);
  const filled = Array.from({ length: count }, (_, at) =>
    members.slice(at * size, (at + 1) * size).join(","),
  );
  return filled.flatMap((line, at) => (at === 0 ? [line] : [...between, line]));
}

function stateMembers(list = "") {
  const members = list.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""));
  return members.filter(Boolean).map((member) => {
    const sign = member.indexOf("=");
    return [member.slice(0, sign), member.slice(sign + 1)];
  });
}

function text(value) {
  const piece = (one) => (typeof one === "string" ? one : one[0].repeat(one[1]));
  return typeof value === "string" ? value : value.map(piece).join("");
}

const texts = (values) => values.map(text);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** `JSON.stringify`, with which objects are compared, does not go as deep as `JSON.parse`. */
const DEEP = /[[{]{10000}/;
