// What a test demands. The same in Node and in a page, which has no `node:assert`.

/** Fails unless both print the same. Bytes print as hex. */
export function equal(actual, expected, what = "") {
  const [left, right] = [shown(actual), shown(expected)];
  if (left !== right) throw new Error(`${what}\n  is        ${left}\n  should be ${right}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

function shown(value) {
  const text = JSON.stringify(value, (_, inner) => {
    if (inner instanceof Uint8Array) return hex(inner);
    return inner === undefined ? "undefined" : inner;
  });
  return text.length > 2000 ? `${text.slice(0, 2000)}… of ${text.length}, ${hash(text)}` : text;
}

export const hex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const bytes = (text) =>
  Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) =>
    Number.parseInt(pair, 16),
  );

/** Tells long texts apart that begin alike. */
function hash(text) {
  let sum = 0;
  for (let at = 0; at < text.length; at += 1) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) | 0;
  return sum;
}
