// What the overview's panels look like, from values alone. Each has four states: loading, empty, error (kept above), data.

import { h, fill, byId } from "./dom.js";
import { UNKNOWN, count, duration, localDate, share, time, utc } from "./format.js";

const OUTCOMES = {
  completed: ["Completed", "good"],
  blocked_auth: ["Blocked: key", "warn"],
  blocked_limit: ["Blocked: limit", "warn"],
  blocked_dlp_prompt: ["Blocked: prompt", "bad"],
  blocked_dlp_response: ["Blocked: answer", "bad"],
  upstream_error: ["Upstream error", "bad"],
  upstream_cut: ["Upstream cut", "bad"],
  client_gone: ["Client gone", "calm"],
  aborted: ["Aborted", "bad"],
  rejected: ["Rejected", "warn"],
};
const ACTIONS = { block: ["Block", "bad"], redact: ["Redact", "info"], alert: ["Alert", "warn"] };
const STATES = { active: ["Active", "good"], expired: ["Expired", "calm"], disabled: ["Disabled", "calm"] };
const CLASSES = { sensitive: ["Sensitive", "info"], non_sensitive: ["Non-sensitive", "calm"] };
const ZONES = { on_prem: ["On-prem", "good"], cloud: ["Cloud", "info"] };

function badge([label, tone]) {
  return h("span", { class: `badge ${tone}` }, h("span", { class: "dot", "aria-hidden": "true" }), label);
}

const known = (table, value) => table[value] ?? [String(value), "calm"];
const code = (text, title) => h("code", { class: "mono", title }, text);
const orUnknown = (value) => value ?? h("span", { class: "muted" }, UNKNOWN);

function table(head, rows, caption) {
  const cells = head.map(([label, kind]) => h("th", { scope: "col", class: kind }, label));
  return h(
    "table",
    {},
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, cells)),
    h("tbody", {}, rows),
  );
}

function empty(title, text, command) {
  const parts = [h("p", { class: "empty-title" }, title), h("p", { class: "muted" }, text)];
  if (command) parts.push(commandBox(command));
  return h("div", { class: "empty" }, parts);
}

function commandBox(command) {
  const copy = h("button", { type: "button", class: "button small" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Select it by hand";
    }
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });
  return h("div", { class: "command" }, h("pre", { tabindex: "0" }, command), copy);
}

// Figures

function figure(label, value, note, tone) {
  return h(
    "div",
    { class: "figure" },
    h("dt", {}, label),
    h("dd", { class: tone ? `value ${tone}` : "value" }, value),
    h("dd", { class: "note" }, note),
  );
}

export function renderFigures({ records }) {
  const { traffic } = records;
  const window = `last ${Math.round(traffic.window_s / 60)} min`;
  const more = traffic.capped ? "+" : "";
  fill(
    byId("figures"),
    figure("Requests", count(traffic.requests) + more, window),
    figure("Blocked", count(traffic.blocked), share(traffic.blocked, traffic.requests), traffic.blocked ? "bad" : null),
    figure("Redacted", count(traffic.redacted), share(traffic.redacted, traffic.requests)),
    figure("Latency", duration(traffic.latency_p50_us), "median"),
    figure("Gateway overhead", duration(traffic.overhead_p50_us), "median"),
    figure("Active keys", count(records.keys_active), `of ${count(records.keys_total)}`),
  );
}

// Requests

const REQUEST_HEAD = [
  ["Time"],
  ["Key"],
  ["Model"],
  ["Outcome"],
  ["Status", "number"],
  ["Latency", "number"],
  ["DLP"],
];

function dlp(entry) {
  if (entry.dlp_action === "none") return orUnknown(null);
  const rules = Object.entries(entry.findings).map(([rule, times]) =>
    h("span", { class: "rule mono" }, times > 1 ? `${rule} ×${count(times)}` : rule),
  );
  return h("div", { class: "dlp" }, badge(known(ACTIONS, entry.dlp_action)), rules);
}

function requestRow(entry, isNew) {
  const at = h("time", { datetime: entry.started_at, title: `${utc(entry.started_at)}\n${entry.request_id}` });
  at.textContent = time(entry.started_at);
  const key = entry.key_prefix ? code(`${entry.key_prefix}…`) : orUnknown(null);
  const model = [entry.model ? h("span", {}, entry.model) : orUnknown(null)];
  if (entry.stream) model.push(h("span", { class: "tag" }, "stream"));
  const outcome = [badge(known(OUTCOMES, entry.outcome))];
  const detail = entry.outcome === "completed" ? null : entry.error_code;
  if (detail) outcome.push(h("div", { class: "sub mono" }, detail));
  return h(
    "tr",
    { class: isNew ? "new" : null },
    h("td", { class: "mono nowrap" }, at),
    h("td", {}, key, entry.team ? h("div", { class: "sub" }, entry.team) : null),
    h("td", {}, model, entry.upstream ? h("div", { class: "sub" }, entry.upstream) : null),
    h("td", {}, outcome),
    h("td", { class: "number mono" }, entry.status || UNKNOWN),
    h("td", { class: "number mono nowrap" }, duration(entry.latency_us)),
    h("td", {}, dlp(entry)),
  );
}

/** Every word of the filter must be somewhere in the line. */
export function matches(entry, filter) {
  const text = [
    entry.request_id,
    entry.key_prefix,
    entry.team,
    entry.model,
    entry.upstream,
    known(OUTCOMES, entry.outcome)[0],
    entry.outcome,
    entry.error_code,
    entry.status,
    entry.dlp_action,
    ...Object.keys(entry.findings),
  ];
  const line = text.join(" ").toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => line.includes(word));
}

function firstRequest(page) {
  const model = page.models[0]?.name ?? "MODEL";
  const body = `{"model":"${model}","messages":[{"role":"user","content":"Hello, Synapse!"}]}`;
  return (
    `curl ${location.origin}/v1/chat/completions \\\n  -H 'Authorization: Bearer syn_…' \\\n` +
    `  -H 'Content-Type: application/json' \\\n  -d '${body}'`
  );
}

export function renderRequests(page, { filter, seen }) {
  const { entries } = page.records;
  const shown = filter ? entries.filter((entry) => matches(entry, filter)) : entries;
  byId("requests-count").textContent = filter ? `${shown.length} of ${entries.length}` : entries.length || "";
  const target = byId("requests");
  if (entries.length === 0) {
    fill(target, empty("No requests yet", "Send one with a key, and it is here within seconds.", firstRequest(page)));
  } else if (shown.length === 0) {
    fill(target, empty("Nothing matches", `None of the latest ${entries.length} requests matches “${filter}”.`));
  } else {
    const rows = shown.map((entry) => requestRow(entry, seen !== null && !seen.has(entry.request_id)));
    fill(target, table(REQUEST_HEAD, rows, "The latest requests, newest first"));
  }
}

// Models, teams, keys

export function renderModels({ models, upstreams }) {
  const target = byId("models");
  if (models.length === 0) {
    const text = "Name an upstream and its models in synapse.toml, or on the command line:";
    fill(target, empty("No models yet", text, "synapse upstreams --help"));
    return;
  }
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
  fill(target, h("ul", { class: "list" }, models.map((model) => modelItem(model, byName))));
}

function modelItem(model, upstreams) {
  const targets = model.targets.map(({ upstream, model: name }) => {
    const found = upstreams.get(upstream);
    const label = name === model.name ? upstream : `${upstream} as ${name}`;
    const where = h("span", { class: "sub", title: found?.base_url }, label);
    return h("div", { class: "target" }, where, badge(known(ZONES, found?.zone)));
  });
  return h("li", {}, h("div", { class: "strong" }, model.name), targets);
}

export function renderTeams({ records }) {
  byId("teams-count").textContent = records.teams_total || "";
  const target = byId("teams");
  if (records.teams.length === 0) {
    const text = "A team is who is accountable for its keys.";
    fill(target, empty("No teams yet", text, "synapse teams create --help"));
    return;
  }
  const items = records.teams.map((team) => {
    const keys = team.keys_active === 1 ? "1 active key" : `${count(team.keys_active)} active keys`;
    const name = h("div", {}, h("div", { class: "strong" }, team.name), h("div", { class: "sub" }, team.contact));
    return h("li", { class: "spread" }, name, h("span", { class: "muted nowrap" }, keys));
  });
  fill(target, h("ul", { class: "list" }, items));
}

const KEY_HEAD = [["Key"], ["Purpose"], ["Team"], ["Models"], ["Classification"], ["DLP policy"], ["State"], ["Expires"]];

function keyRow(key) {
  const expires = key.expires_at
    ? h("time", { datetime: key.expires_at, title: utc(key.expires_at) }, localDate(key.expires_at))
    : h("span", { class: "muted" }, "Never");
  return h(
    "tr",
    { class: key.state === "active" ? null : "faded" },
    h("td", {}, code(`${key.prefix}…`)),
    h("td", { class: "wide" }, key.purpose),
    h("td", {}, key.team),
    h("td", {}, h("div", { class: "chips" }, key.models.map((model) => h("span", { class: "rule mono" }, model)))),
    h("td", {}, badge(known(CLASSES, key.classification))),
    h("td", {}, key.dlp_policy),
    h("td", {}, badge(known(STATES, key.state))),
    h("td", { class: "nowrap" }, expires),
  );
}

export function renderKeys({ records }) {
  const { keys } = records;
  byId("keys-count").textContent =
    keys.length < records.keys_total ? `${keys.length} of ${count(records.keys_total)}` : keys.length || "";
  const target = byId("keys");
  if (keys.length === 0) {
    const text = "A key is a credential for one approved use case: its models, classification and DLP policy never change.";
    fill(target, empty("No keys yet", text, "synapse keys create --help"));
    return;
  }
  fill(target, table(KEY_HEAD, keys.map(keyRow), "API keys, active ones first"));
}

// Loading

const bones = (lines) =>
  h("div", { class: "bones", "aria-hidden": "true" }, Array.from({ length: lines }, () => h("div", { class: "bone" })));

const FIGURES = ["Requests", "Blocked", "Redacted", "Latency", "Gateway overhead", "Active keys"];
const PANELS = { requests: 9, models: 3, teams: 2, keys: 4 };

export function renderLoading() {
  const waiting = () => h("span", { class: "bone short" });
  fill(byId("figures"), FIGURES.map((label) => figure(label, waiting(), " ")));
  for (const [id, lines] of Object.entries(PANELS)) fill(byId(id), bones(lines));
}

/** Nothing could be loaded; why is said above the panels. */
export function renderUnknown() {
  fill(byId("figures"), FIGURES.map((label) => figure(label, UNKNOWN, " ")));
  const text = "Could not be loaded.";
  for (const id of Object.keys(PANELS)) fill(byId(id), h("div", { class: "empty" }, h("p", { class: "muted" }, text)));
}
