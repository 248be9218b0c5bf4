// Runs every suite in a page of headless Chromium.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { start } from "./server.js";

// The time is far above what a loaded machine needs.
test("every suite holds in Chromium", { timeout: 180_000 }, async (t) => {
  const server = await start();
  t.after(server.close);
  const browser = await open(`${server.url}/js/test/page.html`);
  t.after(browser.close);
  const results = await Promise.race([server.reported, browser.ended]);
  if (results.length === 0) throw new Error("the page has no tests");
  for (const { name, sentence, failure } of results) {
    await t.test(`${name}: ${sentence}`, () => {
      if (failure !== undefined) throw new Error(failure);
    });
  }
});

/** Opens a page; `ended` rejects when the browser ends before it is closed. */
async function open(url) {
  const profile = await mkdtemp(join(tmpdir(), "throughline-chromium-"));
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    `--user-data-dir=${profile}`,
  ];
  // The leader of a group, so that its renderers end with it.
  const child = spawn("chromium", [...flags, url], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let said = "";
  child.stderr.on("data", (text) => (said = (said + text).slice(-SAID_CHARS)));
  const gone = new Promise((resolve) => child.on("close", resolve));
  const ended = new Promise((_, reject) => {
    child.on("error", (error) => reject(new Error(`chromium cannot be started: ${error.message}`)));
    child.on("close", (code) => reject(new Error(`chromium ended with ${code}:\n${said}`)));
  });
  ended.catch(() => {});
  const close = async () => {
    if (child.pid === undefined) return;
    process.kill(-child.pid, "SIGKILL");
    await gone;
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  };
  return { ended, close };
}

/** Characters of Chromium's last words that a failure shows. */
const SAID_CHARS = 4000;
