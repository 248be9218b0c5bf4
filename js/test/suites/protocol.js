// The examples of docs/websocket-protocol.md, byte for byte.

import {
  contextFromUrl,
  Envelope,
  frameHeader,
  readFields,
  readFrame,
  urlWithContext,
} from "../../throughline.js";
import { bytes, equal, hex, holds } from "../assert.js";

export const tests = ({ protocol }) => {
  const examples = Array.from(protocol.matchAll(/^```example\n(.*?)^```/gms), ([, text]) =>
    read(text),
  );
  return {
    "the page has examples of everything": () => {
      const kinds = [...new Set(examples.map((example) => example.do))];
      equal(kinds.toSorted(), Object.keys(DOES).toSorted());
    },
    ...Object.fromEntries(
      examples.map((example, number) => [
        `example ${number + 1} of the page holds: ${example.do}`,
        () => DOES[example.do](example),
      ]),
    ),
  };
};

const DOES = {
  inject: ({ message, becomes, ...example }) => {
    equal(envelope(example).inject(message, context(example)), becomes);
  },
  replace: ({ message, becomes, ...example }) => {
    equal(envelope(example).replace(message, context(example)), becomes);
  },
  strip: ({ message, becomes, ...example }) => equal(envelope(example).strip(message), becomes),
  extract: ({ message, ...example }) => found(example, envelope(example).extract(message)),
  frame: ({ payload, becomes, ...example }) => {
    const header = frameHeader(context(example), options(example));
    equal(hex(header) + hex(bytes(payload)), hex(bytes(becomes)));
  },
  unframe: ({ message, payload, ...example }) => {
    const { trace, payload: rest } = readFrame(bytes(message));
    equal(rest, bytes(payload));
    found(example, trace);
  },
  url: ({ url, becomes, ...example }) => {
    equal(urlWithContext(url, context(example), options(example)).href, becomes);
    equal(contextFromUrl(becomes).context, context(example));
  },
  query: ({ url, ...example }) => found(example, contextFromUrl(url)),
};

function found({ finds, refused = "[]" }, trace) {
  equal(trace.context, readFields(JSON.parse(finds)).context);
  equal(
    trace.refused.map(({ rule }) => rule),
    JSON.parse(refused),
  );
}

function envelope({ write = "[]", nested = "[]", ...example }) {
  const inside = JSON.parse(nested).flatMap((path) => [`${path}._trace`, `${path}._sentry`]);
  const places = [...JSON.parse(write), ...inside];
  return new Envelope({ ...options(example), ...(places.length > 0 && { write: places }) });
}

const options = ({ emit }) => ({ forwardBaggage: true, ...(emit && { emit: JSON.parse(emit) }) });

const context = (example) => readFields(JSON.parse(example.context)).context;

/** Lines of `name: value`; what is indented goes on. */
function read(text) {
  const example = {};
  for (const [, name, value] of text.matchAll(/^(\w+): *(.*(?:\n .*)*)$/gm)) {
    holds(example[name] === undefined, `${name} stands twice`);
    example[name] = value;
  }
  return example;
}
