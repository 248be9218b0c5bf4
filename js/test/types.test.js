// Compiles usage.ts, a use of the module in TypeScript, by the types that the module comes with.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as throughline from "../throughline.js";
import { equal } from "./assert.js";

const TSC = fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url));
const USAGE = fileURLToPath(new URL("usage.ts", import.meta.url));
const FLAGS = "--noEmit --strict --target es2023 --module nodenext --lib es2023,dom,dom.iterable";

test("the types fit the module's use, and refuse its misuse", async () => {
  const compiled = promisify(execFile)(TSC, [...FLAGS.split(" "), USAGE]);
  const said = await compiled.then(
    ({ stdout }) => stdout,
    ({ stdout, message }) => stdout || message,
  );
  equal(said, "");
});

test("the types name what the module exports", async () => {
  const types = await readFile(new URL("../throughline.d.ts", import.meta.url), "utf8");
  const named = types.matchAll(/^export (?:declare )?(?:class|const|function) (\w+)/gm);
  equal(Array.from(named, ([, name]) => name).toSorted(), Object.keys(throughline).toSorted());
});
