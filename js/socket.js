// A WebSocket whose messages carry context, in the place of the browser's or Node's own.

import { Envelope } from "./envelope.js";
import { frameHeader, readFrame } from "./frame.js";
import { hasFrames, offered, withoutSuffix } from "./handshake.js";

/** @typedef {import("./throughline.js").TraceContext} TraceContext */

/**
 * A class of WebSockets that add the context to what they send and read it from what they receive.
 *
 * A text message that is a JSON object carries it by the envelope. A binary message does after a
 * server has agreed to the subprotocol; until then its bytes stay as they are. A received event has
 * the context in `event.trace`.
 *
 * @template {typeof WebSocket} Base
 * @param {Base} Base `WebSocket` of a browser or of Node.
 * @param {import("./throughline.js").SocketOptions} [options]
 */
export function traced(Base, { binary = false, current = () => null, ...options } = {}) {
  const envelope = new Envelope(options);

  return class TracedWebSocket extends Base {
    #binaryType = "blob";

    constructor(url, protocols, ...rest) {
      super(url, binary ? withFrames(protocols) : (protocols ?? []), ...rest);
      // A blob gives its bytes later, when the next message may have come; so we take them at once.
      if (binary) super.binaryType = "arraybuffer";
      this.addEventListener("message", (event) => this.#received(event), { capture: true });
    }

    /** The application's part of the subprotocol. */
    get protocol() {
      return binary ? withoutSuffix(super.protocol) : super.protocol;
    }

    get binaryType() {
      return binary ? this.#binaryType : super.binaryType;
    }

    set binaryType(type) {
      if (!binary) super.binaryType = type;
      else if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
    }

    /**
     * Sends a message with a context: that of `current` if none is given.
     * @param {string | ArrayBufferLike | Blob | ArrayBufferView} data
     * @param {TraceContext | null} [context]
     */
    send(data, context = current()) {
      if (!isBinary(data)) super.send(envelope.inject(`${data}`, context));
      else if (this.#hasFrames) super.send(joined(frameHeader(context, options), data));
      else super.send(data);
    }

    get #hasFrames() {
      return binary && hasFrames(super.protocol);
    }

    #received(event) {
      const { data } = event;
      if (isBinary(data)) return this.#receivedBinary(event, data);
      define(event, "trace", envelope.extract(data));
    }

    #receivedBinary(event, data) {
      const frame = this.#hasFrames ? readFrame(new Uint8Array(data)) : null;
      define(event, "trace", frame?.trace ?? envelope.extract(null));
      if (!binary) return;
      // A copy, since an array buffer cannot begin behind a header.
      const payload = frame?.payload.slice().buffer ?? data;
      define(event, "data", this.#binaryType === "blob" ? new Blob([payload]) : payload);
    }
  };
}

/** Node takes an object of options in the place of the subprotocols. */
function withFrames(protocols) {
  const isOptions =
    typeof protocols === "object" && !Array.isArray(protocols) && protocols !== null;
  if (!isOptions) return offered(protocols);
  return { ...protocols, protocols: offered(protocols.protocols) };
}

/** Header and payload as one message, at once: not every WebSocket keeps blobs in their order. */
function joined(header, data) {
  if ("arrayBuffer" in data) return new Blob([header, data]);
  const payload = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  const message = new Uint8Array(header.length + payload.length);
  message.set(header);
  message.set(payload, header.length);
  return message;
}

/** A blob, a buffer or a view of one; a WebSocket sends all else as text. */
function isBinary(data) {
  const isObject = typeof data === "object" && data !== null;
  return isObject && ("byteLength" in data || "arrayBuffer" in data);
}

function define(event, name, value) {
  Object.defineProperty(event, name, { value, configurable: true });
}
