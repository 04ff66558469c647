"""Answers "was this text ever sent, or ever answered?" by its hash; the text itself is nowhere in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from .named_queries import named_queries


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """What the log says of one request, in a line. `found_in` is empty when nothing was searched for."""

    request_id: str
    started_at: datetime
    team_name: str | None
    key_prefix: str | None
    endpoint: str
    model_requested: str | None
    model_served: str | None
    upstream: str | None
    zone: str | None
    outcome: str
    http_status: int
    dlp_action: str
    found_in: Sequence[str]


async def find(connection: "asyncpg.Connection[Any]", digest: bytes, *, limit: int) -> list[LoggedRequest]:
    """The requests whose last user message or whose delivered answer has this digest, the newest first."""
    return [_logged(row) for row in await connection.fetch(named_queries("audit.sql")["find"], digest, limit)]


async def latest(connection: "asyncpg.Connection[Any]", *, limit: int) -> list[LoggedRequest]:
    """The newest requests."""
    return [_logged(row) for row in await connection.fetch(named_queries("audit.sql")["latest"], limit)]


def _logged(row: "asyncpg.Record") -> LoggedRequest:
    values = dict(row)
    places = {"prompt": values.pop("in_prompt"), "answer": values.pop("in_answer")}
    request_id = str(values.pop("request_id"))
    return LoggedRequest(request_id, **values, found_in=[place for place, found in places.items() if found])
