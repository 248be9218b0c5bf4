// The traced WebSocket over real connections.

import { extract, readFields, SUBPROTOCOL, traced, writeFields } from "../../throughline.js";
import { bytes, equal, hex, holds } from "../assert.js";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const { context: CONTEXT } = readFields({ traceparent: PARENT });
const OTHER = { ...CONTEXT, parentId: "00f067aa0ba902b7" };

/** The frame of a message with `CONTEXT`, without its payload. */
const HEADER =
  "01" +
  "0070" +
  "010037" +
  ascii(PARENT) +
  "040033" +
  ascii("0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1");

export const tests = ({ base }) => {
  const url = (path) => `${base.replace("http", "ws")}/${path}`;
  const framed = `knows=${encodeURIComponent(SUBPROTOCOL)}`;

  async function opened(Class, path, protocols) {
    const socket = new Class(url(path), protocols);
    socket.binaryType = "arraybuffer";
    await once(socket, "open");
    return socket;
  }

  async function answered(socket, ...message) {
    const answer = once(socket, "message");
    socket.send(...message);
    return answer;
  }

  return {
    "text messages carry the context of their sender": async () => {
      const socket = await opened(traced(WebSocket, { current: () => CONTEXT }), "echo");
      const { data, trace } = await answered(socket, '{"a":1.0}');
      holds(data.startsWith('{"_trace":{') && data.endsWith(',"a":1.0}'), data);
      equal([trace.context, trace.refused], [CONTEXT, []]);
      const given = await answered(socket, "{}", OTHER);
      equal(given.trace.context, OTHER);
      const none = await answered(socket, "{}", null);
      equal([none.data, none.trace.context.traceId], ["{}", null]);
      socket.close();
    },
    "what is no object goes out and comes in as it is": async () => {
      const socket = await opened(traced(WebSocket, { current: () => CONTEXT }), "echo");
      for (const text of ["ping", "", "[1]", "{"]) {
        const { data, trace } = await answered(socket, text);
        equal([data, trace.context.traceId, trace.refused], [text, null, []]);
      }
      socket.close();
    },
    "events, handlers and properties are those of the WebSocket": async () => {
      const Traced = traced(WebSocket);
      equal([Traced.OPEN, Traced.CLOSED], [1, 3]);
      const socket = new Traced(url("echo"));
      holds(socket instanceof WebSocket, "a subclass");
      equal([socket.readyState, socket.protocol, socket.binaryType], [0, "", "blob"]);
      await new Promise((resolve) => (socket.onopen = resolve));
      const seen = [];
      socket.addEventListener("message", (event) => seen.push(event.trace.context.parentId), true);
      const handled = new Promise((resolve) => (socket.onmessage = resolve));
      socket.send("{}", CONTEXT);
      const event = await handled;
      equal([seen, event.trace.context], [[CONTEXT.parentId], CONTEXT]);
      const closed = once(socket, "close");
      socket.close(4001, "done");
      const { code, reason } = await closed;
      equal([code, reason, socket.readyState], [4001, "done", 3]);
    },
    "binary messages stay as they are without the subprotocol": async () => {
      for (const binary of [false, true]) {
        const Traced = traced(WebSocket, { binary, current: () => CONTEXT });
        const [path, protocols] = binary ? ["tell?knows=chat", "chat"] : ["tell", undefined];
        const socket = await opened(Traced, path, protocols);
        equal(socket.protocol, protocols ?? "");
        equal((await answered(socket, bytes("01 00 00"))).data, "010000");
        socket.close();
        const echo = await opened(Traced, path.replace("tell", "echo"), protocols);
        const { data, trace } = await answered(echo, bytes("01 00 00"));
        equal([hex(new Uint8Array(data)), trace.refused], ["010000", []]);
        echo.close();
      }
    },
    "binary messages have a header under the subprotocol": async () => {
      const Traced = traced(WebSocket, { binary: true, current: () => CONTEXT });
      const socket = await opened(Traced, `tell?${framed}`);
      equal(socket.protocol, "");
      const payload = bytes("00 ca fe 00").subarray(1, 3);
      const forms = [
        payload,
        new DataView(payload.buffer, 1, 2),
        payload.slice().buffer,
        new Blob([payload]),
      ];
      for (const form of forms) equal((await answered(socket, form)).data, `${HEADER}cafe`);
      equal((await answered(socket, payload, null)).data, "010000cafe");
      equal((await answered(socket, new Uint8Array(), null)).data, "010000");
      for (const form of [7, null, { toString: () => "a" }]) {
        equal((await answered(socket, form)).data, `text ${form}`);
      }
      socket.close();
    },
    "frames that the application makes itself are left to it": async () => {
      const Traced = traced(WebSocket, { current: () => CONTEXT });
      const socket = await opened(Traced, `echo?${framed}`, SUBPROTOCOL);
      equal(socket.protocol, SUBPROTOCOL);
      const { data, trace } = await answered(socket, bytes("01 00 00 ff"));
      equal([hex(new Uint8Array(data)), trace.context.traceId], ["010000ff", null]);
      socket.close();
    },
    "a subprotocol of the application keeps its name": async () => {
      const Traced = traced(WebSocket, { binary: true });
      const known = encodeURIComponent(`chat+${SUBPROTOCOL}`);
      const socket = await opened(Traced, `echo?knows=${known}&knows=chat`, ["other", "chat"]);
      equal(socket.protocol, "chat");
      const { data, trace } = await answered(socket, bytes("ff"), CONTEXT);
      equal([hex(new Uint8Array(data)), trace.context], ["ff", CONTEXT]);
      socket.close();
    },
    "a payload comes as the type that was asked for": async () => {
      const socket = await opened(traced(WebSocket, { binary: true }), `echo?${framed}`);
      equal(socket.binaryType, "arraybuffer");
      socket.binaryType = "nonsense";
      equal(socket.binaryType, "arraybuffer");
      socket.binaryType = "blob";
      const { data, trace } = await answered(socket, bytes("00 ff"), CONTEXT);
      holds(data instanceof Blob, "a blob");
      equal([hex(new Uint8Array(await data.arrayBuffer())), trace.context], ["00ff", CONTEXT]);
      socket.close();
    },
    "a broken header is told and its message delivered whole": async () => {
      const messages = [
        "",
        "01",
        "0100",
        "02000000",
        "0100ff00",
        "010002ffff",
        "01400100",
        "010003010001ff",
      ];
      const path = `say?${framed}&${messages.map((message) => `hex=${message}`).join("&")}`;
      const socket = new (traced(WebSocket, { binary: true }))(url(path));
      socket.binaryType = "arraybuffer";
      const events = await several(socket, messages.length);
      equal(
        events.map(({ data }) => hex(new Uint8Array(data))),
        messages,
      );
      for (const { trace } of events) {
        equal(
          [trace.context.traceId, trace.refused],
          [null, [{ field: "traceparent", rule: "MS-4" }]],
        );
      }
      socket.close();
    },
    "a bad field in a header is left out and the payload delivered": async () => {
      const header = `01000d030004${ascii("a=")}e9ff010003${ascii("xyz")}`;
      const socket = new (traced(WebSocket, { binary: true }))(
        url(`say?${framed}&hex=${header}cafe`),
      );
      socket.binaryType = "arraybuffer";
      const [{ data, trace }] = await several(socket, 1);
      equal(hex(new Uint8Array(data)), "cafe");
      equal(
        trace.refused.map(({ rule }) => rule),
        ["TP-3", "BG-9"],
      );
      socket.close();
    },
    "a frame has room for 16384 bytes and its trace before its baggage": async () => {
      const Traced = traced(WebSocket, { binary: true, forwardBaggage: true });
      const socket = await opened(Traced, `echo?${framed}`);
      const list = (count, unit) =>
        Array.from({ length: count }, (_, at) => `k${at}=${unit}`).join(",");
      const context = {
        ...CONTEXT,
        tracestate: list(30, "v".repeat(255)),
        baggage: list(32, "v".repeat(245)),
      };
      equal(writeFields(context, { forwardBaggage: true }).baggage, context.baggage);
      const whole = await answered(socket, bytes("ff"), context);
      equal(whole.trace.context, context);
      const longer = { ...context, tracestate: list(32, "v".repeat(256)) };
      const cut = await answered(socket, bytes("ff"), longer);
      equal(cut.trace.context, { ...longer, baggage: "" });
      socket.close();
    },
    "traces on one socket keep apart in both directions": async () => {
      const socket = await opened(traced(WebSocket, { binary: true }), `echo?${framed}`);
      const ids = Array.from({ length: 100 }, (_, at) => String(at + 1).padStart(16, "0"));
      const coming = several(socket, ids.length);
      ids.forEach((parentId, at) => {
        const message = at % 2 === 0 ? JSON.stringify({ at }) : Uint8Array.of(at);
        socket.send(message, at % 3 === 0 ? null : { ...CONTEXT, parentId });
      });
      (await coming).forEach(({ data, trace }, at) => {
        const got = typeof data === "string" ? JSON.parse(data).at : new Uint8Array(data)[0];
        equal([got, trace.context.parentId], [at, at % 3 === 0 ? null : ids[at]]);
      });
      socket.close();
    },
    "what a peer sends is read wherever it stands": async () => {
      const text = JSON.stringify({
        a: 1,
        _sentry: { trace: `${CONTEXT.traceId}-${CONTEXT.parentId}-1` },
      });
      const path = `say?text=${encodeURIComponent(text)}`;
      const socket = new (traced(WebSocket))(url(path));
      const [{ data, trace }] = await several(socket, 1);
      equal([data, trace.context], [text, extract(text).context]);
      equal(trace.context, CONTEXT);
      socket.close();
    },
  };
};

function once(socket, type) {
  return new Promise((resolve, reject) => {
    socket.addEventListener(type, resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error(`no ${type}`)), { once: true });
  });
}

function several(socket, count) {
  const events = [];
  return new Promise((resolve, reject) => {
    socket.addEventListener("message", (event) => events.push(event) === count && resolve(events));
    socket.addEventListener("close", () =>
      reject(new Error(`${events.length} of ${count} messages`)),
    );
  });
}

function ascii(text) {
  return hex(new TextEncoder().encode(text));
}
