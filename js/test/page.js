// Runs every suite in this page, and reports to the server what came of it.

import { leaving } from "./leaving.js";
import { suites } from "./suites.js";

async function run() {
  const all = [
    ...(await suites(location.origin)),
    { name: "leaving", tests: Object.entries(leaving) },
  ];
  const results = [];
  for (const { name, tests } of all) {
    for (const [sentence, act] of tests) results.push(await outcome(name, sentence, act));
  }
  return results;
}

async function outcome(name, sentence, act) {
  try {
    await Promise.race([act(), late()]);
    return { name, sentence };
  } catch (error) {
    return { name, sentence, failure: String(error?.stack ?? error) };
  }
}

/** Names the test that waits in vain. */
function late() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
}

/** Far above what a loaded machine needs for one test. */
const PATIENCE_MS = 30_000;

const results = await run().catch((error) => [{ failure: `no test ran: ${error.stack}` }]);
await fetch("/report", { method: "POST", body: JSON.stringify(results) });
