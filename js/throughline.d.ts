/** What travels with a message. Plain data: it can be cloned, compared and sent to a worker. */
export interface TraceContext {
  /** 32 hex digits; `null` without a trace. */
  readonly traceId: string | null;
  /** 16 hex digits: the span that sent the message. */
  readonly parentId: string | null;
  /** `null` while nobody has decided. */
  readonly sampled: boolean | null;
  /** Whether the trace id is known to be random. */
  readonly random: boolean;
  /** As it was received; empty if there is none. */
  readonly tracestate: string;
  /** As it was received; empty if there is none. */
  readonly baggage: string;
}

/** A field that was left out, and the id of the rule that it breaks, such as `TP-3`. */
export interface Refusal {
  readonly field: string;
  readonly rule: string;
}

/** What was found in a message, a frame or a handshake. */
export interface Extraction {
  context: TraceContext;
  /** The parent in another trace that is not continued, if two are named. */
  link: TraceContext | null;
  /** At most 16. */
  refused: Refusal[];
}

export interface FormatOptions {
  /** Some of `tracecontext`, `sentry` and `baggage`; all of them by default. */
  emit?: string[];
  /** Whether the application's baggage is sent on; by default only Sentry's members are. */
  forwardBaggage?: boolean;
}

export interface EnvelopeOptions extends FormatOptions {
  /**
   * `_trace`, `_sentry`, `_meta`, a path such as `extensions`, or a path to one of the first two
   * inside of an event, such as `event._trace`. By default `_trace` and `_sentry`.
   */
  write?: string[];
  /** Places that are read beside `_trace`, `_sentry` and `_meta`. */
  read?: string[];
  /** Bytes of JSON in one place; 16384 by default. */
  maxContextBytes?: number;
}

export class Envelope {
  constructor(options?: EnvelopeOptions);
  extract(message: unknown): Extraction;
  inject<T>(message: T, context: TraceContext | null | undefined): T;
  replace<T>(message: T, context: TraceContext | null | undefined): T;
  strip<T>(message: T): T;
}

export const extract: Envelope["extract"];
export const inject: Envelope["inject"];
export const replace: Envelope["replace"];
export const strip: Envelope["strip"];

export const EMPTY: TraceContext;
export function isEmpty(context: TraceContext | null | undefined): boolean;
export function readFields(
  fields: Record<string, string | string[] | undefined> | null | undefined,
): Extraction;
export function writeFields(
  context: TraceContext | null | undefined,
  options?: FormatOptions,
): Record<string, string>;

export interface SocketOptions extends EnvelopeOptions {
  /** Whether to offer the subprotocol under which binary messages carry context. */
  binary?: boolean;
  /** The context of messages that are sent without one of their own. */
  current?: () => TraceContext | null;
}

/** What `message` events of a traced WebSocket are. */
export interface TracedMessageEvent<T = any> extends MessageEvent<T> {
  readonly trace: Extraction;
}

export interface TracedWebSocket extends WebSocket {
  /** `onmessage` gets the same event, but TypeScript cannot say so of a property of `WebSocket`. */
  addEventListener(
    type: "message",
    listener: (this: WebSocket, event: TracedMessageEvent) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  send(
    data: string | ArrayBufferLike | Blob | ArrayBufferView,
    context?: TraceContext | null,
  ): void;
}

export function traced(
  Base: typeof WebSocket,
  options?: SocketOptions,
): new (url: string | URL, protocols?: string | string[] | object) => TracedWebSocket;

export const SUBPROTOCOL: string;
export function offered(protocols?: string | string[]): string[];
/** Gives back what is no URL. A relative one needs a page. */
export function urlWithContext(
  url: string | URL,
  context: TraceContext | null | undefined,
  options?: FormatOptions,
): string | URL;
export function contextFromUrl(url: string | URL): Extraction;

export function frameHeader(
  context: TraceContext | null | undefined,
  options?: FormatOptions,
): Uint8Array;
export function readFrame(message: Uint8Array): { trace: Extraction; payload: Uint8Array };

export type SpanKind = "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER";
export type AttributeValue = string | boolean | number | readonly (string | boolean | number)[];

export interface TracerOptions {
  exporter: { add(record: object): void };
  /** Whether to keep a trace that begins here, or whose decision is open; all by default. */
  sample?: (traceId: string) => boolean;
}

export interface SpanOptions {
  kind?: SpanKind;
  parent?: TraceContext | null;
  links?: TraceContext[];
  attributes?: Record<string, AttributeValue>;
}

export class Tracer {
  constructor(options: TracerOptions);
  startSpan(name: string, options?: SpanOptions): Span;
}

export class Span {
  private constructor();
  readonly context: TraceContext;
  readonly isRecording: boolean;
  setAttribute(key: string, value: AttributeValue): void;
  fail(type: string): void;
  end(): void;
}

export interface ExporterOptions {
  /** Where to POST to: the collector's address with `/v1/traces`. */
  url: string | URL;
  /** `service.name` of the resource. */
  service: string;
  /** More attributes of the resource. */
  attributes?: Record<string, AttributeValue>;
  /** More headers of each request. A page shows them to everybody, so no secret belongs here. */
  headers?: Record<string, string>;
}

export class OtlpExporter {
  constructor(options: ExporterOptions);
  readonly dropped: number;
  add(record: object): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}
