// Every test, for Node and for a page.

import * as messages from "./suites/messages.js";
import * as protocol from "./suites/protocol.js";
import * as sockets from "./suites/sockets.js";
import * as spans from "./suites/spans.js";
import * as vectors from "./suites/vectors.js";

/**
 * The tests of all suites by name, against a server of server.js.
 * @param {string} base
 */
export async function suites(base) {
  const [vectorsOf, protocolOf] = ["tests/vectors/wire-vectors.json", "docs/websocket-protocol.md"];
  const world = {
    base,
    vectors: await (await fetch(`${base}/${vectorsOf}`)).json(),
    protocol: await (await fetch(`${base}/${protocolOf}`)).text(),
  };
  return Object.entries({ vectors, protocol, messages, sockets, spans }).map(([name, suite]) => ({
    name,
    tests: Object.entries(suite.tests(world)),
  }));
}
