"""`python -m loadtests.policy_reload`: requests without a pause while the policy file is saved again and again.

No request may fail, each must be answered wholly under one version, and a broken file must change nothing and be told.
"""

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from loadtests.gateway import Gateway, GatewayFailed, gateway
from loadtests.guard import percentile
from synapse.postgres.embedded import borrowed_server

# Under every version both words are replaced, but one on its way in and the other on its way out, and the next version
# has it the other way round: an answer that two versions had a hand in shows one of them.
TEXT = "alpha and omega"
WHOLE = "[REDACTED:first_word] and [REDACTED:last_word]"
# What a reload may take, beside which nothing fails; the goal on a machine of its own is one second.
RELOAD_TIMEOUT_S = 60.0
# What a request may take, and the next few of them.
REQUEST_TIMEOUT_S = 30.0

_RULE = """
[[rules]]
id = "{name}"
severity = "high"
prompt = "{prompt}"
answer = "{answer}"
core = "{word}"
left = "0-9A-Za-z"
right = "0-9A-Za-z"
strength = "S"
reference = "https://example.org/words"
hits = [{{ text = "{word}", why = "the word alone" }}]
misses = [{{ text = "{word}s", why = "another word" }}]
"""


def good_file(number: int) -> str:
    """A file that differs from the one before in what it redacts, and from every other one in a rule."""
    inward, outward = ("redact", "off"), ("off", "redact")
    first, last = (inward, outward) if number % 2 == 0 else (outward, inward)
    rules = [
        _RULE.format(name="first_word", word="alpha", prompt=first[0], answer=first[1]),
        _RULE.format(name="last_word", word="omega", prompt=last[0], answer=last[1]),
        _RULE.format(name="number", word=f"version{number}", prompt="alert", answer="off"),
    ]
    return "\n".join(rules)


def broken_file(number: int) -> str:
    """A file with one of the mistakes that people make."""
    good = good_file(number)
    mistakes: list[Callable[[str], str]] = [
        lambda text: text.replace('id = "first_word"', 'id = "first_word', 1),
        lambda text: text.replace("prompt =", "promt =", 1),
        lambda text: text.replace('text = "alpha"', 'text = "alfa"', 1),
        lambda text: (
            text + '[policies.default]\nextends = "default"\n[policies.default.rules.emial]\nenabled = false\n'
        ),
        lambda text: text.replace('core = "alpha"', 'core = "(?=alpha)alpha"', 1),
    ]
    return mistakes[number % len(mistakes)](good)


@dataclass
class Figures:
    """What was seen."""

    statuses: Counter[str] = field(default_factory=Counter)
    mixed: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    good_s: list[float] = field(default_factory=list)
    told_ms: list[int] = field(default_factory=list)
    broken: int = 0
    broken_told: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    unknown_versions: int = 0

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        return self.requests - self.statuses["200"]

    def broken_promises(self) -> list[str]:
        promises = {
            f"{self.failed} requests failed: {dict(self.statuses)}": self.failed == 0,
            f"{self.mixed} requests were answered under two versions": self.mixed == 0,
            f"{self.unknown_versions} requests have a version that is in no history": self.unknown_versions == 0,
            f"{self.broken - self.broken_told} broken files were not told": self.broken == self.broken_told,
            "no request was made": self.requests > 0,
        }
        return [text for text, kept in promises.items() if not kept]


class Clients:
    """Threads, each with a connection that is kept alive."""

    def __init__(self, target: Gateway, figures: Figures, *, threads: int, requests: int) -> None:
        self._target = target
        self._figures = figures
        self._lock = threading.Lock()
        self._wanted = requests
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """They go on until they have made their requests, and until the block has ended."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        host = self._target.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=REQUEST_TIMEOUT_S)
        while not self._ended.is_set() or self._figures.requests < self._wanted:
            started = time.perf_counter()
            status, content = self._ask(connection)
            took_ms = (time.perf_counter() - started) * 1000
            with self._lock:
                self._figures.statuses[status] += 1
                self._figures.latencies_ms.append(took_ms)
                self._figures.mixed += status == "200" and content != WHOLE
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> tuple[str, str]:
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": TEXT}]})
        headers = {"Authorization": f"Bearer {self._target.api_key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/chat/completions", body, headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return type(error).__name__, ""
        if response.status != 200:
            return str(response.status), ""
        return "200", json.loads(raw)["choices"][0]["message"]["content"]


def run(*, requests: int, reloads: int, broken: int, workers: int, threads: int) -> Figures:
    """Serve, ask and reload. Of the files every (reloads / broken)th is a broken one."""
    figures = Figures()
    every = reloads // broken if broken else reloads + 1
    with gateway(workers=workers, policies=good_file(0)) as target:
        with Clients(target, figures, threads=threads, requests=requests).running():
            for number in range(1, reloads + 1):
                _wait_for_requests(figures, requests * number // (reloads + 1))
                if number % every == 0 and figures.broken < broken:
                    _save_broken(target.state_dir, number // every - 1, figures)
                else:
                    _save_good(target.state_dir, number, figures)
        asyncio.run(_read_audit(target.state_dir, figures))
    return figures


def _wait_for_requests(figures: Figures, count: int) -> None:
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while figures.requests < count:
        if time.monotonic() >= deadline:
            raise GatewayFailed(f"no {count} requests were answered within {REQUEST_TIMEOUT_S:.0f} s")
        time.sleep(0.01)


def _save_good(state_dir: Path, number: int, figures: Figures) -> None:
    before, started = _status(state_dir)["in_force"]["sha256"], time.perf_counter()
    _save(state_dir, good_file(number))

    def taken_over(status: dict[str, Any]) -> bool:
        new = status["in_force"]["sha256"] != before
        return bool(new and status["workers"] and status["workers"] == status["workers_told"])

    status = _wait_for(state_dir, taken_over)
    figures.good_s.append(time.perf_counter() - started)
    figures.told_ms.append(status["took_ms"])


def _save_broken(state_dir: Path, number: int, figures: Figures) -> None:
    before = _status(state_dir)
    _save(state_dir, broken_file(number))
    figures.broken += 1
    status = _wait_for(state_dir, lambda now: bool(now["problems"]) and now["problems"] != before["problems"])
    problem = status["problems"][0]
    told = problem["line"] >= 1 and problem["reason"] and problem["remedy"]
    figures.broken_told += bool(told and status["in_force"] == before["in_force"])
    sys.stdout.write(f"refused: line {problem['line']}: {problem['subject']}: {problem['reason']}\n")


def _save(state_dir: Path, text: str) -> None:
    fresh = state_dir / "dlp.toml.new"
    fresh.write_text(text)
    fresh.replace(state_dir / "dlp.toml")


def _status(state_dir: Path) -> dict[str, Any]:
    status: dict[str, Any] = json.loads((state_dir / "dlp" / "status.json").read_text())
    return status


def _wait_for(state_dir: Path, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + RELOAD_TIMEOUT_S
    while time.monotonic() < deadline:
        if condition(status := _status(state_dir)):
            return status
        time.sleep(0.01)
    raise GatewayFailed(f"a change of the policy file had no effect within {RELOAD_TIMEOUT_S:.0f} s")


async def _read_audit(state_dir: Path, figures: Figures) -> None:
    """Under which versions the requests are on record, and whether the history knows each."""
    with borrowed_server(state_dir) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            await _wait_for_records(connection, figures.statuses["200"])
            entries = "SELECT policy_version FROM synapse.audit_log WHERE outcome = 'completed'"
            figures.versions.update(row[0] for row in await connection.fetch(entries))
            known = "SELECT DISTINCT policies ->> 'default' FROM synapse.dlp_policy_versions"
            versions = {row[0] for row in await connection.fetch(known)}
        finally:
            await connection.close()
    figures.unknown_versions = sum(n for version, n in figures.versions.items() if version not in versions)


async def _wait_for_records(connection: "asyncpg.Connection[Any]", count: int) -> None:
    """Records are written in batches, a moment after the answers."""
    for _ in range(500):
        if await connection.fetchval("SELECT count(*) FROM synapse.audit_log WHERE outcome = 'completed'") >= count:
            return
        await asyncio.sleep(0.02)


def report(figures: Figures) -> str:
    """The figures in lines for people."""
    latencies = sorted(figures.latencies_ms)
    good = sorted(figures.good_s) or [0.0]
    slow = f"p95 {percentile(latencies, 0.95):.1f}, p99 {percentile(latencies, 0.99):.1f}, max {latencies[-1]:.1f}"
    took = f"median {statistics.median(good):.2f} s, max {good[-1]:.2f} s"
    on_record = f"{sum(figures.versions.values())} entries under {len(figures.versions)} versions"
    lines = [
        f"requests      {figures.requests}, of which failed {figures.failed}, under two versions {figures.mixed}",
        f"latency ms    p50 {statistics.median(latencies):.1f}, {slow}",
        f"good files    {len(figures.good_s)}; from saved to in force in all workers: {took}",
        f"broken files  {figures.broken}, of which told {figures.broken_told}",
        f"audit log     {on_record}, under unknown ones {figures.unknown_versions}",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.policy_reload", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--broken", type=int, default=5, help="how many of the reloads are broken files")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    try:
        figures = run(**vars(parser.parse_args()))
    except GatewayFailed as error:
        sys.stderr.write(f"policy reload: {error}\n")
        return 1
    sys.stdout.write(report(figures))
    broken = figures.broken_promises()
    sys.stdout.write("policy reload: passed\n" if not broken else f"policy reload: FAILED: {'; '.join(broken)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
