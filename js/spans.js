// Spans for a page or a script that is the last hop. Who needs more than that, such as spans of
// every request, uses OpenTelemetry's SDK, and hands its context to the envelope.

import { EMPTY } from "./context.js";
import { areIds } from "./fields.js";
import { ATTRIBUTES, cut, NAME_CHARS, setBounded, TRACESTATE_CHARS } from "./limits.js";

/** @typedef {import("./throughline.js").TraceContext} TraceContext */

/** Starts spans of one service. */
export class Tracer {
  #exporter;
  #sample;

  /** @param {import("./throughline.js").TracerOptions} options */
  constructor({ exporter, sample = () => true }) {
    this.#exporter = exporter;
    this.#sample = sample;
  }

  /**
   * Starts a span. It continues the trace of `parent`, or begins one.
   *
   * A decision of the parent stands; one that is deferred, or a new trace's, is made by `sample`.
   * @param {string} name
   * @param {import("./throughline.js").SpanOptions} [options]
   */
  startSpan(name, { kind = "INTERNAL", parent = null, links = [], attributes = {} } = {}) {
    const continued = areIds(parent?.traceId, parent?.parentId) ? parent : null;
    const trace = continued ?? { ...EMPTY, baggage: parent?.baggage ?? "", ...newTrace() };
    const sampled = trace.sampled ?? Boolean(this.#sample(trace.traceId));
    const context = { ...trace, parentId: randomHex(8), sampled };
    const span = new Span(context, continued?.parentId, sampled ? this.#exporter : null);
    span.describe({ name, kind, links, attributes });
    return span;
  }
}

/** One unit of work. A trace that is not sampled has spans too, which are exported nowhere. */
export class Span {
  /** What is sent to the next hop, whose parent is this span. @type {TraceContext} */
  context;

  #exporter;
  #record;
  #started = performance.now();

  constructor(context, parentSpanId, exporter) {
    this.context = Object.freeze(context);
    this.#exporter = exporter;
    const { traceId, parentId: spanId, tracestate, random } = context;
    // The page's clock for durations runs away from the world's while a computer sleeps, so each
    // span takes its start from the one and its length from the other.
    const startMs = Date.now();
    this.#record = {
      traceId,
      spanId,
      parentSpanId,
      tracestate: cut(String(tracestate ?? ""), TRACESTATE_CHARS),
      random,
      startMs,
      attributes: new Map(),
    };
  }

  /** Whether this span will be exported. */
  get isRecording() {
    return this.#exporter !== null;
  }

  /**
   * @param {string} key
   * @param {import("./throughline.js").AttributeValue} value
   */
  setAttribute(key, value) {
    setBounded(this.#record.attributes, key, value);
  }

  /**
   * Marks the span as failed.
   * @param {string} type What failed, in few different words: it becomes `error.type`.
   */
  fail(type) {
    this.#record.failed = true;
    this.setAttribute("error.type", type);
  }

  /** Ends the span, once; later calls do nothing. */
  end() {
    const exporter = this.#exporter;
    this.#exporter = null;
    exporter?.add({ ...this.#record, tookMs: performance.now() - this.#started });
  }

  /** What the tracer knows at the start. */
  describe({ name, kind, links, attributes }) {
    this.#record.name = cut(String(name), NAME_CHARS);
    this.#record.kind = kind;
    this.#record.links = links.filter((link) => areIds(link?.traceId, link?.parentId));
    this.#record.links.splice(ATTRIBUTES);
    for (const [key, value] of Object.entries(attributes)) this.setAttribute(key, value);
  }
}

/** The ids are random, which the flag says (rule TP-6). */
const newTrace = () => ({ traceId: randomHex(16), random: true });

function randomHex(bytes) {
  const drawn = crypto.getRandomValues(new Uint8Array(bytes));
  const text = Array.from(drawn, (byte) => byte.toString(16).padStart(2, "0")).join("");
  // All zeros are no id, however unlikely.
  return /[1-9a-f]/.test(text) ? text : randomHex(bytes);
}
