// What only a page can do: go away with spans that wait.

import { OtlpExporter, Tracer } from "../throughline.js";
import { equal } from "./assert.js";

export const leaving = {
  "a page that goes away sends what waits": async () => {
    const service = `leaving-${crypto.randomUUID()}`;
    const frame = document.createElement("iframe");
    const ready = new Promise((resolve) =>
      window.addEventListener("message", resolve, { once: true }),
    );
    frame.src = `leaving.html?service=${service}`;
    document.body.append(frame);
    await ready;
    frame.src = "about:blank";
    const requests = await (await fetch(`/collected?service=${service}&count=1`)).json();
    equal(
      requests.map(({ message }) => message.resourceSpans[0].scopeSpans[0].spans[0].name),
      ["last"],
    );
    frame.remove();
  },
};

/** Run by leaving.html: ends a span long before the exporter would send it. */
export function leave() {
  const service = new URLSearchParams(location.search).get("service");
  const setTimeout = window.setTimeout;
  window.setTimeout = (act, delay) => setTimeout(act, delay * NEVER);
  const exporter = new OtlpExporter({ url: "/v1/traces", service });
  new Tracer({ exporter }).startSpan("last").end();
  parent.postMessage("ready");
}

/** Makes the delay of an export longer than any test. */
const NEVER = 1000;
