// Shows the state that arrives over the WebSocket. What a build wrote reaches the page as text only.
//
// It is the last hop of a trace: what an event has changed is shown in a span of the event's trace.

import { extract, OtlpExporter, Tracer } from "./throughline/throughline.js";

const LABELS = {
  running: "running",
  pending: "to do",
  in_progress: "in progress",
  completed: "done",
  failed: "failed",
};
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15000;

const byId = (id) => document.getElementById(id);
const wanted = new URLSearchParams(location.search).get("session");
const exporter = new OtlpExporter({ url: new URL("v1/traces", location.href), service: "page" });
const tracer = new Tracer({ exporter });
let shown = null;
let retryMs = FIRST_RETRY_MS;

function setText(node, text) {
  // An unchanged text is left alone: a screen reader would read it out again.
  if (node.textContent !== text) node.textContent = text;
}

function make(tag, className) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  return node;
}

function setBadge(node, state, label) {
  node.dataset.state = state;
  setText(node, label);
}

// Keeps one <li> per id, in the given order, and fills it.
function fillList(list, items, create, fill) {
  const old = new Map(Array.from(list.children, (node) => [node.dataset.id, node]));
  items.forEach((item, index) => {
    let node = old.get(item.id);
    if (node) {
      old.delete(item.id);
    } else {
      node = create();
      node.dataset.id = item.id;
    }
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] || null);
    fill(node, item);
  });
  for (const node of old.values()) node.remove();
}

function createTodo() {
  const node = make("li");
  const row = make("div", "row");
  row.append(make("span"), make("span", "badge"));
  node.append(row);
  return node;
}

function fillTodo(node, todo) {
  const [content, badge] = node.firstChild.children;
  setText(content, todo.content);
  setBadge(badge, todo.status, LABELS[todo.status] || todo.status);
}

function createCall() {
  const node = make("li");
  const row = make("div", "row");
  row.append(make("strong"), make("span", "badge"));
  const output = make("pre");
  output.tabIndex = 0;
  output.setAttribute("role", "region");
  node.append(row, make("code"), make("p", "note"), output);
  return node;
}

function fillCall(node, call) {
  const [row, input, note, output] = node.children;
  const [name, badge] = row.children;
  const title = call.name || call.id;
  setText(name, title);
  const exit = call.exitCode === null ? "" : `, exit code ${call.exitCode}`;
  setBadge(badge, call.state, (LABELS[call.state] || call.state) + exit);
  setText(input, call.input || "");
  setText(
    note,
    call.omittedChars > 0 ? `${call.omittedChars} earlier characters are not shown.` : "",
  );
  note.hidden = call.omittedChars === 0;
  output.setAttribute("aria-label", `Output of ${title}`);
  const atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 8;
  setText(output, call.output);
  if (atEnd) output.scrollTop = output.scrollHeight;
}

function show(state) {
  const session = state.session;
  if (session === null) return;
  // Without ?session= the page stays with the newest build, whatever older ones still do.
  if (shown && shown.id !== session.id && session.createdAtMs < shown.createdAtMs) return;
  shown = session;

  byId("empty").hidden = true;
  byId("session").hidden = false;
  const exit = session.exitCode === null ? "" : `, exit code ${session.exitCode}`;
  setBadge(byId("status"), session.status, (LABELS[session.status] || session.status) + exit);
  setText(byId("project"), session.projectId);
  setText(byId("command"), session.commandId);
  setText(byId("trace"), session.traceId || "none");
  const end = session.finishedAtMs === null ? session.updatedAtMs : session.finishedAtMs;
  setText(byId("took"), `${((end - session.createdAtMs) / 1000).toFixed(1)} s`);
  document.title = `${LABELS[session.status] || session.status}: ${session.projectId}`;

  fillList(byId("todos"), state.todos, createTodo, fillTodo);
  fillList(byId("calls"), state.toolCalls, createCall, fillCall);
}

// A snapshot answers the page: it belongs to no trace.
function render(state) {
  const { context } = extract(state);
  if (context.traceId === null) return show(state);
  const { id, projectId, commandId, status } = state.session;
  const span = tracer.startSpan("page.render", {
    kind: "CONSUMER",
    parent: context,
    attributes: {
      "sentry.op": "page.render",
      "event.projectId": projectId,
      "event.commandId": commandId,
      "event.sessionId": id,
      "session.status": status,
    },
  });
  try {
    show(state);
  } catch (error) {
    span.fail(error.name);
    throw error;
  } finally {
    span.end();
  }
}

function connect() {
  const url = new URL("ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.search = wanted === null ? "" : new URLSearchParams({ session: wanted }).toString();
  const socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    retryMs = FIRST_RETRY_MS;
    setText(byId("connection"), "Connected");
  });
  socket.addEventListener("message", (message) => {
    const state = JSON.parse(message.data);
    if (state.type === "state") render(state);
  });
  socket.addEventListener("close", () => {
    // Spread out, so that many pages do not come back in the same moment.
    const wait = retryMs * (0.5 + Math.random() / 2);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    setText(byId("connection"), "Disconnected, trying again");
    setTimeout(connect, wait);
  });
}

connect();
