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
      return withoutSuffix(super.protocol);
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
      if (typeof data === "string") super.send(envelope.inject(data, context));
      else if (hasFrames(super.protocol)) super.send(joined(frameHeader(context, options), data));
      else super.send(data);
    }

    #received(event) {
      if (typeof event.data === "string")
        return define(event, "trace", envelope.extract(event.data));
      const isFramed = hasFrames(super.protocol);
      const { trace, payload } = isFramed
        ? readFrame(new Uint8Array(event.data))
        : whole(event.data);
      define(event, "trace", trace);
      if (!binary) return;
      // The copy frees the payload from the header that stands before it.
      const bytes = isFramed ? payload.slice().buffer : payload;
      define(event, "data", this.#binaryType === "blob" ? new Blob([bytes]) : bytes);
    }
  };

  function whole(payload) {
    return { trace: envelope.extract(null), payload };
  }
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
  if (data instanceof Blob) return new Blob([header, data]);
  const payload = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  const message = new Uint8Array(header.length + payload.length);
  message.set(header);
  message.set(payload, header.length);
  return message;
}

function define(event, name, value) {
  Object.defineProperty(event, name, { value, configurable: true });
}
