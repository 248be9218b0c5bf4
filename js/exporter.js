// Sends spans to a collector by OTLP over HTTP, in JSON.

import {
  EXPORT_BYTES,
  EXPORT_DELAY_MS,
  EXPORT_TIMEOUT_MS,
  QUEUED_SPANS,
  setBounded,
} from "./limits.js";

/**
 * Collects spans and sends them together. What the collector does not take is dropped and counted:
 * a page must not collect for ever, nor send twice what was taken.
 */
export class OtlpExporter {
  /** Spans that were not taken, for want of room or of an answer. */
  dropped = 0;

  #url;
  #headers;
  #resource;
  #emptyBytes;
  #queue = [];
  #timer = null;
  #sending = null;
  #leave = () => this.#flushAtOnce();
  #hide = () => document.visibilityState === "hidden" && this.#flushAtOnce();

  /** @param {import("./throughline.js").ExporterOptions} options */
  constructor({ url, service, attributes = {}, headers = {} }) {
    this.#url = url;
    this.#headers = { "content-type": "application/json", ...headers };
    const described = new Map();
    for (const [key, value] of Object.entries({ "service.name": service, ...attributes })) {
      setBounded(described, key, value);
    }
    this.#resource = JSON.stringify({ attributes: pairs(described) });
    this.#emptyBytes = byteLength(this.#body([]));
    // A page that is hidden may never be heard of again.
    globalThis.addEventListener?.("pagehide", this.#leave);
    globalThis.document?.addEventListener("visibilitychange", this.#hide);
  }

  /** Takes a span that has ended. */
  add(record) {
    const text = JSON.stringify(otlpSpan(record));
    const bytes = byteLength(text) + 1;
    if (this.#queue.length >= QUEUED_SPANS || this.#emptyBytes + bytes > EXPORT_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#queue.push({ text, bytes });
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.flush(), EXPORT_DELAY_MS);
    // In Node, spans that wait must not keep a process that has nothing else to do.
    this.#timer.unref?.();
  }

  /** Sends what waits. Resolves when it is taken or dropped; never rejects. */
  async flush() {
    this.#clearTimer();
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = null));
    await this.#sending;
  }

  /** Sends what waits, and no longer looks out for the end of the page. */
  async close() {
    globalThis.removeEventListener?.("pagehide", this.#leave);
    globalThis.document?.removeEventListener("visibilitychange", this.#hide);
    await this.flush();
  }

  async #sendAll() {
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      await this.#send(batch);
    }
  }

  /** What a page still can while it goes away: nobody waits for the answer. */
  #flushAtOnce() {
    this.#clearTimer();
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      // Browsers bound what outlives a page, so only this request asks for it.
      if (!this.#canBeacon) this.#send(batch, { keepalive: true });
      else if (!this.#beacon(batch)) this.dropped += batch.length;
    }
  }

  /** A beacon has no headers but its type. */
  get #canBeacon() {
    return Object.keys(this.#headers).length === 1 && Boolean(globalThis.navigator?.sendBeacon);
  }

  #beacon(batch) {
    const type = this.#headers["content-type"];
    return navigator.sendBeacon(this.#url, new Blob([this.#body(batch)], { type }));
  }

  async #send(batch, options) {
    const [headers, body] = [this.#headers, this.#body(batch)];
    const signal = AbortSignal.timeout(EXPORT_TIMEOUT_MS);
    const request = { method: "POST", headers, body, signal, ...options };
    if (!(await isTaken(this.#url, request))) this.dropped += batch.length;
  }

  /** As many spans as fit into one request. */
  #nextBatch() {
    let bytes = this.#emptyBytes;
    const end = this.#queue.findIndex((span) => (bytes += span.bytes) > EXPORT_BYTES);
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end);
  }

  #body(batch) {
    const spans = batch.map(({ text }) => text).join(",");
    const scopeSpans = `[{"scope":{"name":"throughline.js"},"spans":[${spans}]}]`;
    return `{"resourceSpans":[{"resource":${this.#resource},"scopeSpans":${scopeSpans}}]}`;
  }

  #clearTimer() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

async function isTaken(url, request) {
  try {
    const response = await fetch(url, request);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

function otlpSpan({ startMs, tookMs, tracestate, random, failed, ...span }) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? "",
    traceState: tracestate,
    flags: SAMPLED | (random ? RANDOM : 0),
    name: span.name,
    kind: KINDS.indexOf(span.kind) + 1,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(startMs + tookMs),
    attributes: pairs(span.attributes),
    links: span.links.map((link) => ({ traceId: link.traceId, spanId: link.parentId })),
    status: failed ? { code: ERROR } : {},
  };
}

/** Milliseconds since 1970 as a decimal text: nanoseconds are more than a number holds. */
function nanos(ms) {
  const whole = Math.floor(ms);
  return `${whole}${String(Math.floor((ms - whole) * 1e6)).padStart(6, "0")}`;
}

function pairs(attributes) {
  const known = [...attributes].map(([key, value]) => ({ key, value: otlpValue(value) }));
  return known.filter(({ value }) => value !== undefined);
}

function otlpValue(value) {
  if (!Array.isArray(value)) return scalar(value);
  return { arrayValue: { values: value.map(scalar).filter((one) => one !== undefined) } };
}

function scalar(value) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (Number.isSafeInteger(value)) return { intValue: String(value) };
  if (Number.isFinite(value)) return { doubleValue: value };
  return undefined;
}

const byteLength = (text) => new TextEncoder().encode(text).length;

const KINDS = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const ERROR = 2;
const SAMPLED = 1;
const RANDOM = 2;
