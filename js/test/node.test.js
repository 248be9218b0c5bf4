// Runs every suite in Node. Node 20 has a WebSocket behind `--experimental-websocket`.

import { after, describe, test } from "node:test";
import { start } from "./server.js";
import { suites } from "./suites.js";

/** Far above what a loaded machine needs for one test. */
const PATIENCE_MS = 30_000;

const server = await start();
after(server.close);

for (const { name, tests } of await suites(server.url)) {
  describe(name, () => {
    for (const [sentence, act] of tests) test(sentence, { timeout: PATIENCE_MS }, act);
  });
}
