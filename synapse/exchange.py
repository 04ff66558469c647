"""One request's progress: its audit entry, its laps, what it holds. Opened first, closed exactly once."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .chat import ChatRequest, last_user_text
from .errors import GatewayError, Outcome
from .interfaces import AuditLog, Client, Ticket
from .layers.prompt_dlp import PromptVerdict
from .layers.response_dlp import FilteredAnswer, StreamFilter
from .layers.routing import Route
from .model import DLP_STRENGTH, AuditEntry, DlpAction, uuid7
from .policy import Key

HeaderList = list[tuple[bytes, bytes]]
Stage = Literal["auth", "body", "dlp_in", "route", "upstream", "dlp_out"]

# Where an upstream does not count tokens: English text has about four bytes in one, other languages fewer.
BYTES_PER_TOKEN = 4
# What a client calls itself is cut to this many characters before it is kept.
USER_AGENT_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from: the wall in microseconds, and a monotonic clock in nanoseconds."""

    now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    monotonic_ns: Callable[[], int] = time.perf_counter_ns


class Exchange:
    """What the pipeline knows of the request it serves. Its methods record; they decide nothing."""

    __slots__ = (
        "_answered_bytes",
        "_audit",
        "_clock",
        "_closed",
        "_lap_ns",
        "_laps",
        "_redacted",
        "_started_ns",
        "_ticket",
        "entry",
        "started",
    )

    def __init__(self, client: Client, endpoint: str, *, audit: AuditLog, clock: Clock) -> None:
        """Raises AuditUnavailable when there is no room to record the request."""
        audit.open()
        self._audit = audit
        self._clock = clock
        self._started_ns = self._lap_ns = clock.monotonic_ns()
        self._laps: dict[Stage, int] = {}
        self._ticket: Ticket | None = None
        self._redacted = self._answered_bytes = 0
        self._closed = False
        self.started = False  # the client has seen status 200 of a streamed answer
        self.entry = AuditEntry(uuid7(), clock.now_us(), endpoint, client_ip=client.ip)
        if (agent := client.header(b"user-agent")) is not None:
            self.entry.user_agent = agent[:USER_AGENT_CHARS_MAX].decode("latin-1")

    def lap(self, stage: Stage) -> None:
        """Book the time since the last lap to a stage."""
        now = self._clock.monotonic_ns()
        self._laps[stage] = self._laps.get(stage, 0) + now - self._lap_ns
        self._lap_ns = now

    def identified(self, key: Key) -> None:
        entry, binding = self.entry, key.binding
        entry.team_id, entry.team_name = binding.team_id, binding.team_name
        entry.key_id, entry.key_prefix = key.id, key.prefix
        entry.classification = binding.classification

    def received(self, raw: bytes) -> None:
        self.entry.request_bytes = len(raw)
        self.entry.request_sha256 = self._audit.digest(raw)

    def understood(self, request: ChatRequest, *, model_known: bool) -> None:
        # A name that nobody here gave to a model is the client's own words, which are not kept.
        self.entry.model_requested = request.model if model_known else None
        self.entry.stream = request.stream
        text = last_user_text(request.body)
        if text is not None:
            self.entry.prompt_sha256 = self._audit.digest(text.encode("utf-8", "surrogatepass"))

    def admitted(self, ticket: Ticket) -> None:
        self._ticket = ticket

    def inspected(self, verdict: PromptVerdict, *, policy_version: str) -> None:
        entry = self.entry
        entry.policy_version = policy_version
        entry.dlp_action, entry.dlp_findings = verdict.action, dict(verdict.counts)
        self._redacted = verdict.redacted
        if verdict.counts:
            entry.incident_id = uuid7()

    def found_in_refusal(self, rules: Mapping[str, int]) -> None:
        """What was redacted from the provider's own words about an error."""
        for rule, count in rules.items():
            self.entry.dlp_findings[rule] = self.entry.dlp_findings.get(rule, 0) + count
            self.entry.dlp_action = strongest(self.entry.dlp_action, "redact")

    def intended(self, route: Route) -> None:
        """From here on the upstream may have seen something of the request."""
        self.routed(route)
        self._audit.intend(self.entry)

    def routed(self, route: Route) -> None:
        entry, target = self.entry, route.target
        entry.upstream, entry.zone = target.upstream.name, target.upstream.zone
        entry.model_served, entry.route_reason = target.model, route.reason

    def first_text(self) -> None:
        if self.entry.ttft_us is None:
            self.entry.ttft_us = (self._clock.monotonic_ns() - self._started_ns) // 1000

    def answered(self, answer: FilteredAnswer | StreamFilter, text: bytes) -> None:
        """Take over what the answer's filter saw, whole or up to where it was cut, and the text that left."""
        entry = self.entry
        for rule, count in answer.findings.items():
            entry.dlp_findings[rule] = entry.dlp_findings.get(rule, 0) + count
        entry.dlp_action = strongest(entry.dlp_action, answer.action)
        if answer.findings and entry.incident_id is None:
            entry.incident_id = uuid7()
        if answer.action == "redact":
            self._redacted += sum(answer.findings.values())
        entry.finish_reason = answer.finish_reason
        entry.prompt_tokens, entry.completion_tokens = answer.prompt_tokens, answer.completion_tokens
        entry.response_sha256 = self._audit.digest(text)
        self._answered_bytes = len(text)

    def refused(self, error: GatewayError) -> None:
        self.entry.error_code = error.code
        self.close(error.outcome, status=200 if self.started else error.status)

    def close(self, outcome: Outcome, *, status: int) -> None:
        """Record the outcome. Only the first call counts; what happens later cannot change the record."""
        if self._closed:
            return
        self._closed = True
        entry, laps = self.entry, self._laps
        entry.outcome, entry.http_status = outcome, status
        entry.latency_us = (self._clock.monotonic_ns() - self._started_ns) // 1000
        entry.ended_at_us = entry.started_at_us + entry.latency_us
        entry.auth_us = laps.get("auth", 0) // 1000
        entry.dlp_in_us = laps.get("dlp_in", 0) // 1000
        entry.dlp_out_us = laps.get("dlp_out", 0) // 1000
        if "upstream" in laps:
            entry.upstream_us = laps["upstream"] // 1000
        if answered_bytes := self._answered_bytes:
            # The upstream did not say, but what it wrote was paid for all the same.
            if entry.prompt_tokens is None:
                entry.prompt_tokens = -(-entry.request_bytes // BYTES_PER_TOKEN)
            if entry.completion_tokens is None:
                entry.completion_tokens = -(-answered_bytes // BYTES_PER_TOKEN)
        if self._ticket is not None:
            self._ticket.settle(_tokens(entry))
        self._audit.close(entry)

    def headers(self) -> HeaderList:
        """The headers that every answer carries."""
        headers: HeaderList = [
            (b"x-request-id", self.entry.request_id.encode()),
            (b"server-timing", self._server_timing().encode()),
        ]
        if self._ticket is not None:
            headers.extend(self._ticket.headers)
        if self._redacted:
            headers.append((b"x-synapse-dlp", b"redacted;n=%d" % self._redacted))
        return headers

    def _server_timing(self) -> str:
        laps = self._laps
        total = self._clock.monotonic_ns() - self._started_ns
        parts = [f"{stage};dur={ns / 1e6:.3f}" for stage, ns in laps.items() if stage != "body"]
        parts.append(f"total;dur={total / 1e6:.3f}")
        return ", ".join(parts)


def strongest(left: DlpAction, right: DlpAction) -> DlpAction:
    """The stronger of two actions: block > redact > alert > none."""
    return left if DLP_STRENGTH[left] >= DLP_STRENGTH[right] else right


def _tokens(entry: AuditEntry) -> int | None:
    if entry.prompt_tokens is None and entry.completion_tokens is None:
        return None
    return (entry.prompt_tokens or 0) + (entry.completion_tokens or 0)
