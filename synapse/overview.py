"""What the console's first page shows, as values. Unknown is None, never 0; nothing here holds text of a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

KeyState = Literal["active", "expired", "disabled"]


@dataclass(frozen=True, slots=True)
class TeamView:
    name: str
    contact: str
    keys_active: int


@dataclass(frozen=True, slots=True)
class KeyView:
    prefix: str
    team: str
    purpose: str
    models: Sequence[str]
    classification: str
    dlp_policy: str
    state: KeyState
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of the audit log."""

    request_id: str
    started_at: datetime
    key_prefix: str | None
    team: str | None
    model: str | None
    upstream: str | None
    zone: str | None
    stream: bool
    outcome: str
    status: int
    error_code: str | None
    latency_us: int
    dlp_action: str
    findings: Mapping[str, int]  # rule -> count


@dataclass(frozen=True, slots=True)
class TrafficView:
    """Figures of the last `window_s` seconds. `capped` means there was more than was looked at."""

    window_s: int
    requests: int
    blocked: int
    redacted: int
    latency_p50_us: int | None
    overhead_p50_us: int | None
    capped: bool


@dataclass(frozen=True, slots=True)
class RecordsView:
    """Everything of the page that is in the database. Lists are cut at a limit; totals are not."""

    teams: Sequence[TeamView]
    teams_total: int
    keys: Sequence[KeyView]
    keys_total: int
    keys_active: int
    entries: Sequence[EntryView]
    traffic: TrafficView


class Records(Protocol):
    async def overview(self) -> RecordsView:
        """Raises DatabaseAway."""
