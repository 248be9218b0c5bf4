// Runs every suite in Node. Node 20 has a WebSocket behind `--experimental-websocket`.

import { readFile } from "node:fs/promises";
import { after, describe, test } from "node:test";
import * as throughline from "../throughline.js";
import { equal } from "./assert.js";
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

test("the types name what the module exports", async () => {
  const types = await readFile(new URL("../throughline.d.ts", import.meta.url), "utf8");
  const named = types.matchAll(/^export (?:declare )?(?:class|const|function) (\w+)/gm);
  equal(Array.from(named, ([, name]) => name).toSorted(), Object.keys(throughline).toSorted());
});
