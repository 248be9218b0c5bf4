// Spans and their export.

import { EMPTY, OtlpExporter, readFields, Tracer } from "../../throughline.js";
import { equal, holds } from "../assert.js";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const { context: CONTEXT } = readFields({ traceparent: PARENT, tracestate: "a=1" });

export const tests = ({ base }) => {
  const url = (query = "") => `${base}/v1/traces${query}`;

  /** The spans of a service as soon as there are so many. */
  async function collected(service, count) {
    const response = await fetch(`${base}/collected?service=${service}&count=${count}`);
    const requests = await response.json();
    return requests.map(
      ({
        type,
        message: {
          resourceSpans: [
            {
              resource,
              scopeSpans: [scope],
            },
          ],
        },
      }) => ({ type, resource, spans: scope.spans }),
    );
  }

  return {
    "a span is exported with all that it is": async () => {
      const service = unique("whole");
      const exporter = new OtlpExporter({
        url: url(),
        service,
        attributes: { "service.version": "1" },
      });
      const tracer = new Tracer({ exporter });
      const link = { ...CONTEXT, parentId: "00f067aa0ba902b7" };
      const before = Date.now();
      const span = tracer.startSpan("page.render", {
        kind: "CONSUMER",
        parent: CONTEXT,
        links: [link, EMPTY, null],
        attributes: {
          text: "a\u00e9",
          yes: true,
          whole: 7,
          part: 0.5,
          list: ["a", 1],
          none: null,
          no: NaN,
        },
      });
      span.setAttribute("text", "b");
      span.fail("timeout");
      span.end();
      await exporter.close();
      const [
        {
          type,
          resource,
          spans: [sent],
        },
      ] = await collected(service, 1);
      equal(type, "application/json");
      equal(resource.attributes, [
        { key: "service.name", value: { stringValue: service } },
        { key: "service.version", value: { stringValue: "1" } },
      ]);
      const { startTimeUnixNano: start, endTimeUnixNano: end, ...others } = sent;
      equal(others, {
        traceId: CONTEXT.traceId,
        spanId: span.context.parentId,
        parentSpanId: CONTEXT.parentId,
        traceState: "a=1",
        flags: 1,
        name: "page.render",
        kind: 5,
        attributes: [
          { key: "text", value: { stringValue: "b" } },
          { key: "yes", value: { boolValue: true } },
          { key: "whole", value: { intValue: "7" } },
          { key: "part", value: { doubleValue: 0.5 } },
          {
            key: "list",
            value: { arrayValue: { values: [{ stringValue: "a" }, { intValue: "1" }] } },
          },
          { key: "error.type", value: { stringValue: "timeout" } },
        ],
        links: [{ traceId: link.traceId, spanId: link.parentId }],
        status: { code: 2 },
      });
      const millis = (nanos) => Number(BigInt(nanos) / 1_000_000n);
      holds(millis(start) >= before && BigInt(end) >= BigInt(start), "begins before it ends");
      holds(millis(end) <= Date.now() + 1000, "ends now");
      equal(exporter.dropped, 0);
    },
    "a span continues its parent and is the next hop's": () => {
      const tracer = new Tracer({ exporter: new Kept() });
      const span = tracer.startSpan("a", { parent: CONTEXT });
      equal(span.context, { ...CONTEXT, parentId: span.context.parentId });
      const child = tracer.startSpan("b", { parent: span.context });
      holds(
        new Set([CONTEXT, span.context, child.context].map(({ parentId }) => parentId)).size === 3,
        "ids",
      );
      equal(child.context.traceId, CONTEXT.traceId);
    },
    "a span without a parent begins a trace whose id is random": () => {
      const tracer = new Tracer({ exporter: new Kept() });
      const [one, other] = [tracer.startSpan("a"), tracer.startSpan("b", { parent: EMPTY })];
      for (const { context } of [one, other]) {
        holds(
          /^[0-9a-f]{32}$/.test(context.traceId) && /^[0-9a-f]{16}$/.test(context.parentId),
          "ids",
        );
        equal([context.sampled, context.random, context.tracestate], [true, true, ""]);
      }
      holds(one.context.traceId !== other.context.traceId, "two traces");
      const { context } = tracer.startSpan("c", { parent: { ...EMPTY, baggage: "user=7" } });
      equal(context.baggage, "user=7");
    },
    "the parent's decision stands and an open one is made": () => {
      const kept = new Kept();
      const decided = [];
      for (const sampled of [true, false, null]) {
        for (const answer of [true, false]) {
          const sample = (traceId) => decided.push(traceId) > 0 && answer;
          const span = new Tracer({ exporter: kept, sample }).startSpan(`${sampled} ${answer}`, {
            parent: { ...CONTEXT, sampled },
          });
          equal(span.isRecording, sampled ?? answer);
          equal(span.context.sampled, sampled ?? answer);
          holds(span.context.parentId !== CONTEXT.parentId, "TP-8");
          span.end();
        }
      }
      equal(kept.names, ["true true", "true false", "null true"]);
      equal(decided, [CONTEXT.traceId, CONTEXT.traceId]);
    },
    "a span ends once": () => {
      const kept = new Kept();
      const span = new Tracer({ exporter: kept }).startSpan("a");
      span.end();
      span.end();
      equal([kept.names, span.isRecording], [["a"], false]);
    },
    "names, values and attributes are bounded": async () => {
      const service = unique("bounded");
      const exporter = new OtlpExporter({ url: url(), service });
      const span = new Tracer({ exporter }).startSpan("n".repeat(1000), {
        links: Array.from({ length: 100 }, () => CONTEXT),
        attributes: {
          half: `${"v".repeat(2047)}\u{1f600}`,
          many: Array.from({ length: 100 }, () => 1),
        },
      });
      for (let at = 0; at < 100; at += 1) span.setAttribute(`a${at}`, at);
      span.setAttribute("half", `${"v".repeat(2047)}\u{1f600}`);
      span.end();
      await exporter.close();
      const [
        {
          spans: [sent],
        },
      ] = await collected(service, 1);
      equal([sent.name.length, sent.links.length, sent.attributes.length], [256, 64, 64]);
      equal(sent.attributes[0].value.stringValue, `${"v".repeat(2047)}\ufffd`);
      equal(sent.attributes[1].value.arrayValue.values.length, 64);
    },
    "keys, texts in lists and the resource are bounded and well-formed": async () => {
      const [half, service] = ["\u{1f600}".slice(0, 1), unique("lists")];
      const [long, cut] = [`${"v".repeat(2047)}\u{1f600}`, `${"v".repeat(2047)}\ufffd`];
      const attributes = { [`k${half}`]: half, ["k".repeat(300)]: [long, 7, half, "whole"] };
      const exporter = new OtlpExporter({ url: url(), service, attributes });
      const list = ["as it was"];
      const span = new Tracer({ exporter }).startSpan(half, {
        parent: { ...CONTEXT, tracestate: half },
        attributes: { ...attributes, list },
      });
      list[0] = "changed";
      span.setAttribute(`${"k".repeat(256)}other`, "the same key");
      span.end();
      await exporter.close();
      const [
        {
          resource,
          spans: [sent],
        },
      ] = await collected(service, 1);
      const shown = ({ key, value }) => [
        key,
        value.stringValue ?? value.arrayValue.values.map((one) => one.stringValue ?? one.intValue),
      ];
      equal(resource.attributes.slice(1).map(shown), [
        ["k\ufffd", "\ufffd"],
        ["k".repeat(256), [cut, "7", "\ufffd", "whole"]],
      ]);
      equal(sent.attributes.map(shown), [
        ["k\ufffd", "\ufffd"],
        ["k".repeat(256), "the same key"],
        ["list", ["as it was"]],
      ]);
      equal([sent.name, sent.traceState, exporter.dropped], ["\ufffd", "\ufffd", 0]);
    },
    "a resource has at most 64 attributes": async () => {
      const service = unique("resource");
      const many = Array.from({ length: 100 }, (_, at) => [`a${at}`, at]);
      const exporter = new OtlpExporter({
        url: url(),
        service,
        attributes: Object.fromEntries(many),
      });
      new Tracer({ exporter }).startSpan("a").end();
      await exporter.close();
      const [{ resource }] = await collected(service, 1);
      equal(resource.attributes.length, 64);
    },
    "spans go out together, without anybody asking, in requests of at most 60000 bytes":
      async () => {
        const service = unique("batched");
        const exporter = new OtlpExporter({ url: url(), service });
        const tracer = new Tracer({ exporter });
        const spans = Array.from({ length: 200 }, (_, at) =>
          tracer.startSpan(`${at}`, { attributes: { text: "\u00e9".repeat(300) } }),
        );
        for (const span of spans) span.end();
        const requests = await collected(service, 200);
        const sent = requests.flatMap((request) => request.spans.map(({ name }) => name));
        equal(
          sent,
          spans.map((_, at) => `${at}`),
        );
        const sizes = requests.map(
          ({ resource, spans }) =>
            new TextEncoder().encode(JSON.stringify({ resource, spans })).length,
        );
        holds(requests.length > 1 && sizes.every((size) => size <= 60_000), `${sizes}`);
        equal(exporter.dropped, 0);
        await exporter.close();
      },
    "what is not taken is dropped and counted": async () => {
      const exporters = [
        new OtlpExporter({ url: url("?status=503"), service: "refused" }),
        new OtlpExporter({ url: "http://127.0.0.1:1/v1/traces", service: "unreachable" }),
        new OtlpExporter({ url: "nonsense:", service: "nowhere" }),
      ];
      for (const exporter of exporters) {
        for (const name of ["a", "b"]) new Tracer({ exporter }).startSpan(name).end();
        await exporter.flush();
        equal(exporter.dropped, 2);
        await exporter.close();
      }
    },
    "what has no room is dropped and counted": async () => {
      const service = unique("full");
      const exporter = new OtlpExporter({ url: url(), service });
      const tracer = new Tracer({ exporter });
      const spans = Array.from({ length: 1030 }, (_, at) => tracer.startSpan(`${at}`));
      for (const span of spans) span.end();
      equal(exporter.dropped, 6);
      await exporter.close();
      const requests = await collected(service, 1024);
      equal(requests.flatMap((request) => request.spans).length, 1024);
      const text = "v".repeat(2048);
      const many = Array.from({ length: 64 }, (_, at) => [`a${at}`, text]);
      tracer.startSpan("too long", { attributes: Object.fromEntries(many) }).end();
      equal(exporter.dropped, 7);
    },
  };
};

/** In the place of an exporter. */
class Kept {
  names = [];

  add({ name }) {
    this.names.push(name);
  }
}

/** Both worlds may export to one collector. */
const unique = (name) => `${name}-${crypto.randomUUID()}`;
