// The page of the inbox. Whatever was sent to it becomes text nodes and attributes of elements that
// are made here; nothing is ever parsed as HTML.
"use strict";

const POLL_MS = 1000;
const POLL_HIDDEN_MS = 5000;
const KINDS = { slack: "Slack", email: "E-mail", webhook: "Webhook" };

const at = (id) => document.getElementById(id);
const shown = new Map(); // message id -> { article, message }
const openEvents = new Set();
let version = null;
let clockOffset = 0;
let kind = "";
let search = "";
let firstFeed = true;
let events = [];

/** Makes an element; `properties` are attributes, `class` included. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A link, or only its content when the address is not one to follow. */
function link(href, ...children) {
  if (!/^(https?:|mailto:)/i.test(href)) return make("span", {}, ...children);
  return make("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

// ---- formatted text -------------------------------------------------------------------------

function nodes(list) {
  return list.map((node) => {
    switch (node.node) {
      case "text": return node.text;
      case "bold": return make("strong", {}, nodes(node.children));
      case "italic": return make("em", {}, nodes(node.children));
      case "strike": return make("s", {}, nodes(node.children));
      case "code": return make("code", {}, node.text);
      case "pre": return make("pre", { class: "block" }, node.text);
      case "link": return link(node.href, nodes(node.children));
      case "mention": return make("span", { class: "mention", title: "a mention: Slack notifies people" }, node.text);
      case "quote": return make("blockquote", {}, nodes(node.children));
      case "group": return make("div", { class: "group" }, nodes(node.children));
      case "item": return make("div", { class: "item" }, nodes(node.children));
      case "break": return make("br");
      default: return "";
    }
  });
}

/** Plain text with its web addresses as links. */
function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']+/g)) {
    parts.push(text.slice(end, match.index), link(match[0], match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

function picture(alt) {
  return make("span", { class: "picture", title: "pictures are not loaded" }, "🖼 " + alt);
}

// ---- Slack ----------------------------------------------------------------------------------

function slackElement(element) {
  switch (element.element) {
    case "text": return make("span", { class: "text" }, nodes(element.text));
    case "button": {
      const style = ["primary", "danger"].includes(element.style) ? " " + element.style : "";
      const button = element.href ? link(element.href, nodes(element.label)) : make("span", {}, nodes(element.label));
      button.className = "button" + style;
      return button;
    }
    case "image": return picture(element.alt);
    default: return make("span", { class: "picture" }, "[" + element.kind + "]");
  }
}

function slackBlock(block) {
  switch (block.block) {
    case "header": return make("h3", { class: "header" }, nodes(block.text));
    case "section": {
      const text = make("div", { class: "section-text" });
      if (block.text.length) text.append(make("div", {}, nodes(block.text)));
      if (block.fields.length) {
        text.append(make("div", { class: "fields" }, block.fields.map((field) => make("div", {}, nodes(field)))));
      }
      const accessory = block.accessory ? make("div", { class: "accessory" }, slackElement(block.accessory)) : null;
      return make("div", { class: "section" }, text, accessory);
    }
    case "context": return make("div", { class: "context" }, block.elements.map(slackElement));
    case "actions": return make("div", { class: "actions" }, block.elements.map(slackElement));
    case "markdown": return make("div", { class: "markdown" }, nodes(block.text));
    case "image": return picture(block.alt);
    case "divider": return make("hr");
    default: return "";
  }
}

function slackView(message, view) {
  const body = make("div", { class: "slack-body" },
    make("p", { class: "sender" }, make("strong", {}, "ecr-steward"), make("span", { class: "app" }, "APP"),
      make("time", {}, clock(message.received_at))),
    view.blocks.map(slackBlock));
  for (const attachment of view.attachments) {
    const bar = make("div", { class: "attachment" }, attachment.blocks.map(slackBlock));
    if (attachment.color) bar.style.borderLeftColor = attachment.color;
    body.append(bar);
  }
  const parts = [make("div", { class: "slack" }, make("div", { class: "avatar", "aria-hidden": "true" }, "ES"), body)];
  if (view.notification) {
    parts.push(make("p", { class: "notification" }, make("span", {}, "Notification"), view.notification));
  }
  return parts;
}

// ---- e-mail and webhook ---------------------------------------------------------------------

function table(rows, caption) {
  return make("table", {}, caption ? make("caption", {}, caption) : null,
    make("tbody", {}, rows.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)))));
}

function emailView(message, view) {
  return [make("div", { class: "email" },
    make("h3", { class: "subject" }, view.subject),
    make("dl", {},
      make("dt", {}, "From"), make("dd", {}, view.from),
      make("dt", {}, "To"), make("dd", {}, view.to),
      make("dt", {}, "Date"), make("dd", {}, new Date(message.received_at).toUTCString())),
    view.raw ? make("p", { class: "note" }, "Delivered raw: subject and attributes are unknown.") : null,
    make("div", { class: "letter" }, linked(view.body)))];
}

function webhookView(message, view) {
  const parts = [make("p", { class: "request" }, make("b", {}, "POST"), " ", make("code", {}, view.path))];
  if (view.cloud_event) {
    const event = view.cloud_event;
    const rows = [["id", event.id], ["type", event.type], ["source", event.source], ["subject", event.subject], ["time", event.time]];
    parts.push(table(rows.filter(([, value]) => value), "CloudEvent, " + event.mode + " mode"));
  }
  if (view.fields.length) parts.push(table(view.fields, view.cloud_event?.mode === "structured" ? "Data" : "Body"));
  return [make("div", { class: "webhook" }, parts)];
}

// ---- messages -------------------------------------------------------------------------------

function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() + clockOffset - Date.parse(time)) / 1000));
  if (seconds < 60) return seconds + " s ago";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h ago";
  return Math.floor(seconds / 86400) + " d ago";
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}

/** The body of a request, indented when it is JSON. */
function prettyBody(body) {
  try { return pretty(JSON.parse(body)); } catch { return body; }
}

function size(text) {
  const bytes = new Blob([text]).size;
  return bytes < 1024 ? bytes + " B" : (bytes / 1024).toFixed(1) + " KiB";
}

function article(message) {
  const view = { slack: slackView, email: emailView, webhook: webhookView }[message.kind] || webhookView;
  const raw = prettyBody(message.body);
  const wide = window.matchMedia("(min-width: 60rem)").matches;
  const headers = Object.entries(message.headers).map(([name, value]) => name + ": " + value).join("\n");
  return make("article", { id: "message-" + message.id, class: "message " + message.kind, "data-kind": message.kind },
    make("header", {},
      make("span", { class: "badge " + message.kind }, KINDS[message.kind] || message.kind),
      make("span", { class: "channel" }, (message.kind === "slack" ? "#" : "") + message.channel),
      make("span", { class: "spacer" }),
      make("time", { datetime: message.received_at, title: message.received_at }, clock(message.received_at)),
      make("span", { class: "ago", "data-time": message.received_at }, ago(message.received_at)),
      make("a", { class: "permalink", href: "#message-" + message.id, title: "link to this message" }, "№ " + message.id)),
    make("div", { class: "sides" },
      make("div", { class: "view" }, view(message, message.view)),
      make("div", { class: "raws" },
        make("details", { class: "raw", open: wide },
          make("summary", {}, "Raw payload", make("span", { class: "size" }, size(message.body))), make("pre", {}, raw)),
        make("details", { class: "raw" }, make("summary", {}, "Request headers"), make("pre", {}, headers)),
        make("a", { class: "json", href: "/messages/" + encodeURIComponent(message.id) }, "JSON"))),
    make("footer", { class: "because" }));
}

/** The event that a message tells of, and those before it. */
function because(message) {
  if (!message.cause) return ["names no event"];
  const known = new Map(events.map((event) => [event.id, event]));
  const parts = [make("span", { class: "label" }, "because of")];
  const seen = new Set();
  for (let id = message.cause; id && !seen.has(id) && seen.size < 5; id = known.get(id)?.cause) {
    if (seen.size) parts.push(make("span", { class: "arrow", title: "caused by" }, "←"));
    seen.add(id);
    const event = known.get(id);
    const name = event ? [event.detail_type, event.subject].filter(Boolean).join(" · ") : "event " + id;
    parts.push(make("a", { href: "#event-" + id, class: event ? "event" : "event unknown", title: event ? id : "not among the events seen here" }, name || id));
  }
  return parts;
}

function matches(message) {
  if (kind && message.kind !== kind) return false;
  if (!search) return true;
  const text = [message.text, message.channel, message.cause || "", message.body];
  return text.join("\n").toLowerCase().includes(search);
}

function filter() {
  let visible = 0;
  for (const entry of shown.values()) {
    const hidden = !matches(entry.message);
    entry.article.hidden = hidden;
    if (!hidden) visible += 1;
  }
  at("empty").hidden = visible > 0;
  at("empty").textContent = shown.size && !visible
    ? "No message matches the filter."
    : "No messages yet. Push an image to the local registry address, and what the notifier sends appears here.";
}

function showMessages(messages, held) {
  const current = new Set(messages.map((message) => message.id));
  for (const [id, entry] of shown) {
    if (!current.has(id)) {
      entry.article.remove();
      shown.delete(id);
    }
  }
  // Newest first: oldest of the new ones goes in first.
  for (const message of [...messages].reverse()) {
    if (shown.has(message.id)) continue;
    const made = article(message);
    if (!firstFeed) made.classList.add("new");
    shown.set(message.id, { article: made, message });
    at("messages").prepend(made);
  }
  for (const entry of shown.values()) {
    entry.article.querySelector(".because").replaceChildren(...because(entry.message));
  }
  at("message-count").textContent = held > messages.length ? messages.length + " of " + held : String(held);
}

// ---- events and refusals --------------------------------------------------------------------

function showEvents() {
  const messages = [...shown.values()].map((entry) => entry.message);
  at("event-list").replaceChildren(...events.map((event) => {
    const about = messages.filter((message) => message.cause === event.id);
    const details = make("details", { id: "event-" + event.id, class: "event-row", open: openEvents.has(event.id) },
      make("summary", {},
        make("time", { datetime: event.received_at, title: event.received_at }, clock(event.received_at)),
        make("span", { class: "type" }, event.detail_type || "event"),
        make("span", { class: "subject" }, event.subject),
        make("span", { class: "source" }, event.source + (event.times > 1 ? " ×" + event.times : ""))),
      event.explain ? make("p", {}, event.explain) : null,
      make("p", { class: "links" },
        event.cause ? make("a", { href: "#event-" + event.cause }, "its cause") : null,
        about.map((message) => make("a", { href: "#message-" + message.id }, (KINDS[message.kind] || message.kind) + " № " + message.id)),
        make("a", { href: "/events/" + encodeURIComponent(event.id) }, "JSON")),
      make("pre", {}, pretty(event.event)));
    details.addEventListener("toggle", () => {
      if (details.open) openEvents.add(event.id); else openEvents.delete(event.id);
    });
    return details;
  }));
  at("event-count").textContent = at("events-held").textContent = String(events.length);
  at("no-events").hidden = events.length > 0;
}

function showRejections(list) {
  const panel = at("rejections");
  panel.hidden = list.length === 0;
  panel.querySelector("summary").textContent = "Refused requests: " + list.length;
  panel.querySelector("ul").replaceChildren(...list.map((rejection) => make("li", {},
    make("time", { datetime: rejection.received_at }, clock(rejection.received_at)),
    " " + (KINDS[rejection.kind] || rejection.kind) + " " + rejection.channel + ": ",
    rejection.status ? make("b", {}, String(rejection.status) + " ") : null,
    rejection.reason)));
}

/** Opens the event in the address, so that its link shows it. */
function followHash() {
  let id = location.hash.slice(1);
  try { id = decodeURIComponent(id); } catch { return; }
  const target = at(id);
  if (!target) return;
  if (target.classList.contains("event-row")) target.open = true;
  target.scrollIntoView({ block: "start" });
}

// ---- the loop -------------------------------------------------------------------------------

function live(state, text) {
  at("live").dataset.state = state;
  at("live-text").textContent = text;
}

async function poll() {
  try {
    const response = await fetch("/feed" + (version === null ? "" : "?seen=" + version), { cache: "no-store" });
    if (response.status === 200) {
      const feed = await response.json();
      version = feed.version;
      clockOffset = Date.parse(feed.now) - Date.now();
      events = feed.events;
      showMessages(feed.messages, feed.messages_held);
      showEvents();
      showRejections(feed.rejections);
      filter();
      if (firstFeed) followHash();
      firstFeed = false;
    } else if (response.status !== 204) {
      throw new Error("the inbox answered " + response.status);
    }
    live("on", "live");
  } catch {
    live("off", "not reachable, trying again");
    version = null; // It may be another inbox when it is back.
  }
  for (const span of document.querySelectorAll("[data-time]")) span.textContent = ago(span.dataset.time);
  setTimeout(poll, document.hidden ? POLL_HIDDEN_MS : POLL_MS);
}

at("kinds").addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (!button) return;
  kind = button.dataset.kind;
  for (const other of at("kinds").querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  filter();
});
at("search").addEventListener("input", () => {
  search = at("search").value.trim().toLowerCase();
  filter();
});
at("clear").addEventListener("click", async () => {
  try { await fetch("/messages", { method: "DELETE" }); } catch { live("off", "not reachable"); }
});
window.addEventListener("hashchange", followHash);
poll();
