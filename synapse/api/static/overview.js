// The overview: loads, refreshes itself while somebody can see it, and keeps the previous data when a refresh fails.

import * as api from "./api.js";
import { byId, fill, h } from "./dom.js";
import { ago } from "./format.js";
import {
  renderFigures,
  renderKeys,
  renderLoading,
  renderModels,
  renderRequests,
  renderTeams,
  renderUnknown,
} from "./panels.js";

const REFRESH_MS = 5_000;
const RETRY_MS_MAX = 30_000;

export class Overview {
  #onSignedOut;
  #page = null;
  #seen = null;
  #loadedAt = 0;
  #failures = 0;
  #timer = 0;
  #attended = true;
  #running = false;
  #paused = false;
  #turn = 0;

  constructor(onSignedOut) {
    this.#onSignedOut = onSignedOut;
    this.#listen();
  }

  start() {
    this.#running = true;
    this.#page = this.#seen = null;
    this.#failures = 0;
    this.#showProblem(null);
    renderLoading();
    this.#load();
  }

  stop() {
    this.#running = false;
    this.#turn += 1;
    clearTimeout(this.#timer);
  }

  #listen() {
    const filter = byId("filter");
    filter.value = new URLSearchParams(location.search).get("q") ?? "";
    filter.addEventListener("input", () => this.#filterChanged(filter.value.trim()));
    byId("live").addEventListener("click", () => this.#togglePause());
    for (const type of ["pointerdown", "keydown"]) {
      document.addEventListener(type, () => (this.#attended = true), { passive: true });
    }
    document.addEventListener("keydown", (event) => focusFilter(event, filter));
    document.addEventListener("visibilitychange", () => {
      if (this.#running && !this.#paused && !document.hidden) this.#load();
    });
    setInterval(() => this.#showAge(), 1000);
  }

  async #load() {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const attended = this.#attended;
    this.#attended = false;
    try {
      const page = await api.overview({ attended });
      if (turn === this.#turn) this.#show(page);
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error.status === 401) return this.#onSignedOut();
      this.#attended ||= attended;
      this.#failures += 1;
      this.#showProblem(error);
    }
    if (turn === this.#turn) this.#schedule();
  }

  #schedule() {
    if (!this.#running || this.#paused || document.hidden) return;
    const wait = Math.min(REFRESH_MS * 2 ** Math.max(0, this.#failures - 1), RETRY_MS_MAX);
    this.#timer = setTimeout(() => this.#load(), wait);
  }

  #show(page) {
    const before = this.#page?.records.entries;
    this.#seen = before ? new Set(before.map((entry) => entry.request_id)) : null;
    this.#page = page;
    this.#failures = 0;
    this.#loadedAt = performance.now();
    this.#showProblem(null);
    byId("version").textContent = `v${page.version} · policy ${page.policy_version}`;
    renderFigures(page);
    renderModels(page);
    renderTeams(page);
    renderKeys(page);
    this.#showRequests(this.#seen);
    this.#showAge();
  }

  #showRequests(seen) {
    if (this.#page) renderRequests(this.#page, { filter: byId("filter").value.trim(), seen });
  }

  #filterChanged(value) {
    const url = new URL(location.href);
    if (value) url.searchParams.set("q", value);
    else url.searchParams.delete("q");
    history.replaceState(null, "", url);
    this.#showRequests(null);
  }

  #togglePause() {
    this.#paused = !this.#paused;
    const live = byId("live");
    live.setAttribute("aria-pressed", String(!this.#paused));
    byId("live-text").textContent = this.#paused ? "Paused" : "Live";
    if (this.#paused) clearTimeout(this.#timer);
    else this.#load();
  }

  #showAge() {
    byId("updated").textContent = this.#page ? `Updated ${ago(performance.now() - this.#loadedAt)}` : "";
  }

  #showProblem(error) {
    const problem = byId("problem");
    problem.hidden = error === null;
    byId("live").classList.toggle("failing", error !== null);
    if (error === null) return fill(problem);
    const retry = h("button", { type: "button", class: "button small", onclick: () => this.#load() }, "Try again");
    const kept = this.#page ? " What you see below is the last that was known." : "";
    fill(problem, h("p", {}, `${error.message}${kept}`), retry);
    if (!this.#page) renderUnknown();
  }
}

function focusFilter(event, filter) {
  const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "Escape" && event.target === filter) {
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
    filter.blur();
  }
}
