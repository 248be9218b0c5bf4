// Finds, adds and removes members of a JSON object in its text, so that all else stays byte for
// byte: `JSON.stringify` of what `JSON.parse` gave would print numbers anew, and round the long
// ones.

/**
 * A member as it stands in the text.
 * @typedef {object} Member
 * @property {string} key Unescaped.
 * @property {number} start Where its value begins.
 * @property {number} end Where its value ends.
 */

/**
 * Whether a text is one JSON object, with a byte order mark or without.
 * @param {string} text
 */
export function isObjectText(text) {
  const json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  // Saves the parser the walk through what is plainly no object.
  if (json[skipWhite(json, 0)] !== "{") return false;
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/**
 * The members of an object in their order, repeated ones included.
 * @param {string} text One for which {@link isObjectText} holds.
 * @returns {Member[]}
 */
export function membersOf(text) {
  const members = [];
  let at = skipWhite(text, text.indexOf("{") + 1);
  while (text[at] !== "}") {
    const keyEnd = skipString(text, at);
    const key = unquoted(text.slice(at, keyEnd));
    const start = skipWhite(text, skipWhite(text, keyEnd) + 1);
    const end = skipValue(text, start);
    members.push({ key, start, end });
    at = skipWhite(text, end);
    if (text[at] === ",") at = skipWhite(text, at + 1);
  }
  return members;
}

/**
 * The value of a key as text. Of several members with that key the last one counts.
 * @param {Member[]} members Those of the text.
 * @param {string} text
 * @param {string} key
 * @returns {string | undefined}
 */
export function valueOf(members, text, key) {
  const member = members.findLast((one) => one.key === key);
  return member && text.slice(member.start, member.end);
}

/**
 * The object with members (without braces) in front of its own.
 * @param {string} text
 * @param {string} members
 * @returns {string}
 */
export function prepend(text, members) {
  const open = text.indexOf("{") + 1;
  const isLast = text[skipWhite(text, open)] === "}";
  return text.slice(0, open) + members + (isLast ? "" : ",") + text.slice(open);
}

/**
 * The object with the values that `change` returns: the same text leaves a member as it is, `null`
 * removes it.
 * @param {string} text
 * @param {(key: string, value: string) => string | null} change
 * @returns {string}
 */
export function rewrite(text, change) {
  let rest = text.indexOf("{") + 1;
  let out = text.slice(0, rest);
  let isEmpty = true;
  let neighborStays = false;
  for (const { key, start, end } of membersOf(text)) {
    const value = change(key, text.slice(start, end));
    const before = text.slice(rest, start);
    rest = end;
    if (value === null) {
      neighborStays = false;
      continue;
    }
    out += (neighborStays ? before : withComma(before, !isEmpty)) + value;
    isEmpty = false;
    neighborStays = true;
  }
  return out + text.slice(rest);
}

/** The text between two values, whose comma may belong to a member that is gone. */
function withComma(before, hasComma) {
  const at = skipWhite(before, 0);
  const text = before[at] === "," ? before.slice(at + 1) : before;
  return hasComma ? `,${text}` : text;
}

/** Half of a surrogate pair in a key makes it none of ours, and no error. */
function unquoted(key) {
  return key.includes("\\") ? JSON.parse(key) : key.slice(1, -1);
}

function skipWhite(text, at) {
  while (WHITE_SPACE.includes(text[at] ?? "x")) at += 1;
  return at;
}

/** Behind the quotation mark that ends the string at `at`: the first that no backslash escapes. */
function skipString(text, at) {
  for (;;) {
    at = text.indexOf('"', at + 1);
    // Only in a text that is no JSON, where going on would never end.
    if (at < 0) throw new RangeError("the string has no end");
    let slashes = at;
    while (text[slashes - 1] === "\\") slashes -= 1;
    if ((at - slashes) % 2 === 0) return at + 1;
  }
}

function skipValue(text, at) {
  if (text[at] === '"') return skipString(text, at);
  if (text[at] !== "{" && text[at] !== "[") return match(SCALAR_END, text, at);
  let depth = 0;
  do {
    const char = text[at];
    if (char === '"') at = skipString(text, at) - 1;
    else depth += char === "{" || char === "[" ? 1 : -1;
    if (depth > 0) at = match(STRUCTURE, text, at + 1);
  } while (depth > 0);
  return at + 1;
}

/** Where the expression matches next; a valid text has such a place. */
function match(expression, text, from) {
  expression.lastIndex = from;
  return expression.exec(text)?.index ?? text.length;
}

const BYTE_ORDER_MARK = "\ufeff";
const WHITE_SPACE = " \t\n\r";
const STRUCTURE = /["{}[\]]/g;
const SCALAR_END = /[,}\]\s]/g;
