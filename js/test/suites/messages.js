// What the vectors do not ask: objects of any kind, shared places, hostile input.

import {
  EMPTY,
  Envelope,
  contextFromUrl,
  extract,
  frameHeader,
  inject,
  isEmpty,
  readFields,
  readFrame,
  replace,
  strip,
  urlWithContext,
  writeFields,
} from "../../throughline.js";
import { equal, holds } from "../assert.js";

const IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
const PARENT = `00-${IDS}-01`;
const { context: CONTEXT } = readFields({ traceparent: PARENT });
const TRACE = { traceparent: PARENT, "sentry-trace": `${IDS}-1` };

export const tests = () => ({
  "an object comes back with the context first and is not changed itself": () => {
    const event = Object.freeze({ type: "build", seq: 1 });
    const sent = inject(event, CONTEXT);
    equal(Object.keys(sent), ["_trace", "_sentry", "type", "seq"]);
    equal(sent._trace, TRACE);
    equal(extract(sent).context, CONTEXT);
    equal(strip(sent), event);
    holds(inject(event, null) === event && inject(event, EMPTY) === event, "MS-3");
    holds(inject(sent, { ...CONTEXT, parentId: "00f067aa0ba902b7" }) === sent, "MS-1");
  },
  "a member that is undefined is none": () => {
    const sent = inject({ _trace: undefined, a: 1 }, CONTEXT);
    equal(JSON.parse(JSON.stringify(sent))._trace, TRACE);
  },
  "what JSON.stringify writes otherwise than by its members is left alone": () => {
    for (const value of [new Date(0), [1], { toJSON: () => 1 }, 7, null, undefined, true, 1n]) {
      holds(inject(value, CONTEXT) === value && strip(value) === value, String(value));
      equal(isEmpty(extract(value).context), true);
    }
  },
  "numbers, order and escapes of a text stay": () => {
    const text = '{"a":12345678901234567890,"b":1.0,"2":0,"1":"\\u00e9"}';
    equal(strip(inject(text, CONTEXT)), text);
    holds(inject(text, CONTEXT).endsWith(text.slice(1)), "its own members are not changed");
  },
  "a shared place keeps what else is in it": () => {
    const envelope = new Envelope({ write: ["_meta", "params._meta"] });
    const [meta, trace] = [`"traceparent":"${PARENT}"`, JSON.stringify(TRACE)];
    const cases = {
      '{"a":1}': `{"_meta":{${meta}},"params":{"_meta":${trace}},"a":1}`,
      '{"_meta":{"x":1},"params":{}}': `{"_meta":{${meta},"x":1},"params":{"_meta":${trace}}}`,
      '{"_meta":7,"params":[1]}': '{"_meta":7,"params":[1]}',
    };
    for (const [text, sent] of Object.entries(cases)) {
      equal(envelope.inject(text, CONTEXT), sent);
      equal(envelope.inject(JSON.parse(text), CONTEXT), JSON.parse(sent));
      equal(envelope.replace(sent, CONTEXT), sent);
      equal(envelope.strip(JSON.parse(sent)), JSON.parse(envelope.strip(sent)));
      equal(JSON.parse(envelope.strip(sent))._meta, JSON.parse(text)._meta);
    }
  },
  "of several contexts the last counts and all go, wherever they stand": () => {
    const [long, other] = ["x".repeat(600), PARENT.replace("b7ad6b7169203331", "00f067aa0ba902b7")];
    const first = [`"_trace":{"traceparent":"${PARENT}"}`, `"_sentry":{"trace":"${IDS}-1"}`];
    for (const member of [...first, '"_meta":{"x":1}']) {
      const text = `{${member},"a":"${long}","_trace":{"traceparent":"${other}"},"b":"${long}"}`;
      for (const message of [text, JSON.parse(text)]) {
        equal(extract(message).context.parentId, "00f067aa0ba902b7");
        equal(extract(strip(message)).context, EMPTY);
        equal(extract(replace(message, CONTEXT)).context, CONTEXT);
        holds(inject(message, CONTEXT) === message, "MS-1");
      }
    }
  },
  "an event inside a message has a context of its own": () => {
    const write = ["event._trace", "a.b._sentry"];
    const envelope = new Envelope({ write, read: ["event._sentry"] });
    const [trace, sentry] = [JSON.stringify(TRACE), `{"trace":"${IDS}-1"}`];
    const cases = {
      '{"n":1}': `{"event":{"_trace":${trace}},"a":{"b":{"_sentry":${sentry}}},"n":1}`,
      '{"event":{"n":1},"a":{"b":{}}}':
        `{"event":{"_trace":${trace},"n":1},"a":{"b":{"_sentry":${sentry}}}}`,
      '{"event":7,"a":{"b":[]}}': '{"event":7,"a":{"b":[]}}',
    };
    for (const [text, sent] of Object.entries(cases)) {
      equal(envelope.inject(text, CONTEXT), sent);
      equal(envelope.inject(JSON.parse(text), CONTEXT), JSON.parse(sent));
      equal(envelope.replace(sent, CONTEXT), sent);
      equal(envelope.replace(JSON.parse(sent), CONTEXT), JSON.parse(sent));
      equal(extract(sent).context, EMPTY, "of the event, not of the message");
      equal(envelope.extract(sent), envelope.extract(JSON.parse(sent)));
    }
    for (const brings of [`{"event":{"_sentry":${sentry}}}`, '{"event":{"_trace":null}}']) {
      equal(envelope.inject(brings, CONTEXT), brings, "MS-1");
      equal(envelope.inject(JSON.parse(brings), CONTEXT), JSON.parse(brings), "MS-1");
      equal(envelope.strip(brings), '{"event":{}}');
      equal(envelope.strip(JSON.parse(brings)), { event: {} });
    }
    equal(envelope.extract(`{"event":{"_sentry":${sentry}}}`).context.parentId, CONTEXT.parentId);
  },
  "a shared place without a context is none": () => {
    for (const text of ['{"_meta":{"x":1}}', '{"_meta":null}', '{"_meta":{}}']) {
      equal([extract(text).refused, strip(text)], [[], text]);
      equal([extract(JSON.parse(text)).refused, strip(JSON.parse(text))], [[], JSON.parse(text)]);
      holds(inject(text, CONTEXT).startsWith('{"_trace"'), text);
    }
  },
  "a relay keeps baggage and tracestate unless it changes them": () => {
    const envelope = new Envelope({ forwardBaggage: true });
    const sent = envelope.inject("{}", { ...CONTEXT, tracestate: "a=1", baggage: "user=7" });
    const { context } = envelope.extract(sent);
    const passed = envelope.replace(sent, { ...context, parentId: "00f067aa0ba902b7" });
    equal(envelope.extract(passed).context, { ...context, parentId: "00f067aa0ba902b7" });
    equal(replace(passed, null), "{}");
  },
  "a context made by hand cannot put nonsense on the wire": () => {
    for (const bad of [
      { ...CONTEXT, traceId: "0" },
      { ...CONTEXT, parentId: "0".repeat(16) },
      { ...CONTEXT, traceId: 7 },
      {},
      [],
      7,
      "x",
    ]) {
      equal(inject("{}", bad), "{}");
    }
    const lists = { ...CONTEXT, tracestate: "a=\r\n", baggage: "a=\u00e9,b=1\r\nx: y,c=2" };
    equal(writeFields(lists, { forwardBaggage: true }), { ...TRACE, baggage: "c=2" });
    equal(writeFields({ ...CONTEXT, tracestate: 7, baggage: {} }), TRACE);
  },
  "objects that throw are passed on": () => {
    const throwing = () => {
      throw new Error("of the application");
    };
    const values = [
      Object.defineProperty({}, "_trace", { get: throwing, enumerable: true }),
      new Proxy({}, { get: throwing, ownKeys: throwing, getOwnPropertyDescriptor: throwing }),
      { _trace: Object.defineProperty({}, "traceparent", { get: throwing, enumerable: true }) },
    ];
    for (const value of values) {
      equal(extract(value).context, EMPTY);
      holds(inject(value, CONTEXT) === value && strip(value) !== undefined, "passed on");
    }
    const context = Object.defineProperty({}, "traceId", { get: throwing });
    equal(inject("{}", context), "{}");
  },
  "nothing throws, whatever context, fields, frame or URL it is given": () => {
    const throwing = () => {
      throw new Error("of the application");
    };
    const getter = { get: throwing, enumerable: true };
    const odd = [
      ...[undefined, null, 7, 1n, "x", "", true, Symbol("x"), [], {}, throwing, new Date(NaN)],
      Object.defineProperties({}, { traceparent: getter, traceId: getter, 1: getter }),
      { toString: throwing, traceparent: { toString: throwing }, baggage: [null, 7, throwing] },
      new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing }),
      Proxy.revocable([], {}).proxy,
    ];
    for (const value of odd) {
      equal(readFields(value), { context: EMPTY, link: null, refused: [] });
      equal([isEmpty(value), writeFields(value), frameHeader(value).length], [true, {}, 3]);
      equal(contextFromUrl(value).context, EMPTY);
      equal(new URL(urlWithContext("ws://h/p", value)).search, "");
      const { trace, payload } = readFrame(value);
      holds(payload === value && trace.refused[0].rule === "MS-4", "passed on");
    }
    for (const url of [Symbol("x"), { toString: throwing }, "ws://", "http://[", odd.at(-2)]) {
      holds(urlWithContext(url, CONTEXT) === url, "it comes back as it is");
    }
  },
  "a URL is relative to the page, and comes back where there is none": () => {
    const { document } = globalThis;
    const given = "ws?a=1&traceparent=old#f";
    const changed = urlWithContext(given, CONTEXT);
    if (document === undefined) return equal(changed, given);
    const expected = new URL(`ws?a=1&traceparent=${PARENT}&sentry-trace=${IDS}-1#f`, document.URL);
    equal(changed.href, expected.href);
    const base = document.head.appendChild(document.createElement("base"));
    base.href = "https://example.org/in/";
    equal(urlWithContext("../ws", null).href, "https://example.org/ws");
    base.remove();
  },
  "tr_4 a query of 16384 characters is read and a longer one is not": () => {
    const start = `traceparent=${PARENT}&x=`;
    for (const [length, traceId] of [
      [16384, CONTEXT.traceId],
      [16385, null],
    ]) {
      const query = start + "x".repeat(length - start.length);
      equal(contextFromUrl(`/ws?${query}#f`).context.traceId, traceId);
    }
  },
  "what is no parameter of a context stays in a URL and is not read": () => {
    for (const query of ["", "traceparent", "x=traceparent", "traceparent2=", "?baggage=", "="]) {
      equal(contextFromUrl(`ws://h/?${query}`), { context: EMPTY, link: null, refused: [] });
    }
    const kept = "?traceparent=1&x=%2B&=&%74&trace=1&\u017fentry-trace=1";
    equal(urlWithContext(`ws://h/?${kept}`, null).href, new URL(`ws://h/?${kept}`).href);
    const all = "traceparent&TRACESTATE=1&%73entry-trace=1&bagg%41ge=2&TraceParent=%FF";
    equal(urlWithContext(`ws://h/?${all}`, null).href, "ws://h/");
  },
  "a key of the prototype is a key like any other": () => {
    const text = '{"__proto__":{"_trace":1},"constructor":2}';
    for (const value of [text, JSON.parse(text)]) {
      equal(extract(value).context, EMPTY);
      equal(JSON.stringify(strip(inject(value, CONTEXT))), JSON.stringify(value));
    }
    equal(
      new Envelope({ write: ["constructor"] }).strip('{"constructor":{"traceparent":"x"}}'),
      "{}",
    );
  },
  "texts that are made to be slow are read in one go": () => {
    const many = (text, times) => text.repeat(times);
    const texts = [
      `{"a":"${many("\\\\", 500_000)}","_trace":{}}`,
      `{"a":${many("[", 200_000)}${many("]", 200_000)}}`,
      `{${many('"\\u005ftrac":1,', 20_000)}"a":1}`,
      `{"a":"${many('_trace\\":{', 100_000)}"}`,
      `${many(" ", 500_000)}{"a":1`,
      `{"_trace":{"traceparent":"${many(" \t", 4000)}x${many(" ", 4000)}"}}`,
      `{"_trace":{"baggage":"${many("a=1;p ,", 2000)}"}}`,
      `{"_trace":{"traceparent":"${PARENT}","tracestate":"${many("a=1 ,", 3000)}"}}`,
      many("{", 300_000),
    ];
    for (const text of texts) {
      const started = performance.now();
      extract(text);
      equal(strip(inject(text, CONTEXT)).length <= text.length, true);
      holds(performance.now() - started < SLOW_MS, `${text.slice(0, 30)}…`);
    }
  },
  "random texts neither throw nor lose what is no context": () => {
    const random = generator(7);
    const pieces = [
      '"_trace"',
      '"_sentry"',
      '"_meta"',
      '"traceparent"',
      `"${PARENT}"`,
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      " ",
      "\\",
      '"',
      "1e9",
      "null",
      "\ufeff",
      "\ud800",
      '"a"',
      "\n",
      "\u00e9",
      "-0",
    ];
    for (let round = 0; round < 20_000; round += 1) {
      const inner = Array.from({ length: random(12) }, () => pieces[random(pieces.length)]).join(
        "",
      );
      const text = random(2) === 0 ? inner : `{${inner}}`;
      extract(text);
      const rest = strip(text);
      const sent = inject(text, CONTEXT);
      const valid = parsed(text);
      if (valid === null) equal([rest, sent], [text, text]);
      else equal(parsed(rest), strip(valid), text);
      if (valid !== null) equal(strip(sent) === rest || sent === text, true, text);
    }
  },
  "random objects keep every member through all operations": () => {
    const random = generator(11);
    const keys = [
      "_trace",
      "_sentry",
      "_meta",
      "traceparent",
      "trace",
      "a",
      "b",
      "\u005f\u00e9",
      '"',
      "0",
    ];
    const value = (depth) => {
      const kind = random(depth > 3 ? 4 : 6);
      if (kind < 4) return [PARENT, `${IDS}-0`, random(100), null][kind];
      if (kind === 4) return Array.from({ length: random(3) }, () => value(depth + 1));
      const pairs = Array.from({ length: random(5) }, () => [
        keys[random(keys.length)],
        value(depth + 1),
      ]);
      return Object.fromEntries(pairs);
    };
    const envelopes = [
      new Envelope(),
      new Envelope({ write: ["a._trace", "b", "a._sentry"], read: ["b.a._sentry"] }),
    ];
    for (let round = 0; round < 10_000; round += 1) {
      const envelope = envelopes[round % 2];
      const object = {
        x: value(0),
        ...Object.fromEntries([[keys[random(keys.length)], value(0)]]),
      };
      const text = JSON.stringify(object, null, random(3));
      equal(envelope.extract(text).context, envelope.extract(object).context, text);
      for (const act of ["inject", "replace", "strip"]) {
        equal(JSON.parse(envelope[act](text, CONTEXT)), envelope[act](object, CONTEXT), text);
      }
    }
  },
  "se_11 members that describe another trace are left out": () => {
    const sent = (traceId) => ({
      "sentry-trace": `${IDS}-1`,
      baggage: `sentry-release=1,sentry-trace_id=${traceId},user=7`,
    });
    const other = readFields(sent("1".repeat(32)));
    equal(
      [other.context.baggage, other.refused],
      ["user=7", [{ field: "baggage", rule: "SE-11" }]],
    );
    for (const own of [CONTEXT.traceId, CONTEXT.traceId.replace("0a", "%30a")]) {
      equal(readFields(sent(own)).context.baggage, sent(own).baggage);
    }
  },
  "a frame of 16384 bytes of context is read and a longer one is not": () => {
    for (const [length, isRead] of [
      [16384, true],
      [16385, false],
    ]) {
      const message = new Uint8Array(3 + length + 1);
      // One field that nobody knows.
      const inner = length - 3;
      message.set([1, length >> 8, length & 0xff, 9, inner >> 8, inner & 0xff]);
      const { trace, payload } = readFrame(message);
      equal([payload.length, trace.refused.length], isRead ? [1, 0] : [message.length, 1]);
    }
  },
  "random frames neither throw nor lose bytes": () => {
    const random = generator(13);
    for (let round = 0; round < 20_000; round += 1) {
      const length = random(40);
      const message = Uint8Array.from({ length }, (_, at) => (at < 3 ? random(3) : random(256)));
      const { trace, payload } = readFrame(message);
      const header = message.length - payload.length;
      equal(payload, message.subarray(header));
      equal(
        header === 0,
        trace.refused.some(({ rule }) => rule === "MS-4"),
      );
    }
    equal(readFrame(new Uint8Array()).payload.length, 0);
  },
  "a context goes through a URL and back, and the rest of it stays": () => {
    const context = { ...CONTEXT, tracestate: "a=1&b", baggage: "user=J%C3%BC;p=%2C,b=+" };
    const url = urlWithContext("ws://h/p?q=a%20b&x=+&baggage=old#f", context, {
      forwardBaggage: true,
    });
    holds(url.href.startsWith("ws://h/p?q=a%20b&x=+&traceparent=00-"), url.href);
    equal(contextFromUrl(url).context, context);
    equal(urlWithContext(url, null).href, "ws://h/p?q=a%20b&x=+#f");
    const twice = contextFromUrl(`ws://h/?traceparent=${PARENT}&traceparent=${PARENT}`);
    equal([twice.context.traceId, twice.refused], [null, [{ field: "traceparent", rule: "TP-5" }]]);
    equal(contextFromUrl("ws://h/?traceparent=%FF%zz").context, EMPTY);
  },
  "refusals are bounded": () => {
    const baggage = "bad,".repeat(1000);
    equal(readFields({ baggage }).refused.length, 16);
    equal(extract(JSON.stringify({ _trace: { baggage }, _sentry: 1 })).refused.length, 16);
  },
});

function parsed(text) {
  try {
    const value = JSON.parse(text.replace(/^\ufeff/, ""));
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** The same numbers in every run. */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A quadratic walk of such texts takes minutes; a linear one some milliseconds. */
const SLOW_MS = 5000;
