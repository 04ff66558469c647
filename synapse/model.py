"""The values that travel along the request path: the audit entry and what identifies a request."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import Outcome

Classification = Literal["sensitive", "non_sensitive"]
Zone = Literal["on_prem", "cloud"]
DlpAction = Literal["none", "alert", "redact", "block"]

# The strongest action wins.
DLP_STRENGTH: Mapping[DlpAction, int] = {"none": 0, "alert": 1, "redact": 2, "block": 3}


@dataclass(slots=True)
class AuditEntry:
    """The record of one request: hashes, counts and names, never text. Times are UTC, durations microseconds.

    It is opened before anything else happens to a request, filled by the steps it passes, and closed once.
    """

    # Identity
    request_id: str  # UUIDv7, canonical text
    started_at_us: int  # microseconds since the Unix epoch
    endpoint: str
    ended_at_us: int = 0
    # Who
    team_id: str | None = None
    team_name: str | None = None
    key_id: str | None = None
    key_prefix: str | None = None
    client_ip: str | None = None
    user_agent: str | None = None
    # What
    model_requested: str | None = None
    model_served: str | None = None
    upstream: str | None = None
    zone: Zone | None = None
    classification: Classification | None = None
    route_reason: str | None = None
    stream: bool = False
    # Outcome
    outcome: Outcome = "aborted"
    http_status: int = 0
    error_code: str | None = None
    finish_reason: str | None = None
    # Amounts; None is "not known", never 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    latency_us: int = 0
    ttft_us: int | None = None
    upstream_us: int | None = None
    auth_us: int = 0
    dlp_in_us: int = 0
    dlp_out_us: int = 0
    # DLP
    dlp_action: DlpAction = "none"
    dlp_findings: dict[str, int] = field(default_factory=dict)  # rule -> count
    incident_id: str | None = None
    policy_version: str | None = None
    # Hashes, 32 bytes each
    prompt_sha256: bytes | None = None
    request_sha256: bytes | None = None
    response_sha256: bytes | None = None


def uuid7(clock_ns: Callable[[], int] = time.time_ns, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A UUIDv7 in canonical text (RFC 9562 §5.7: 48 bits of Unix milliseconds, then 74 random bits)."""
    head = (clock_ns() // 1_000_000) & 0xFFFF_FFFF_FFFF
    tail = int.from_bytes(random_bytes(10), "big")
    value = head << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | (tail & 0x3FFF_FFFF_FFFF_FFFF)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
