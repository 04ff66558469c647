"""Options that several commands share, and how their values are read."""

import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

StateDirOption = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Where the gateway keeps its data.", show_default="as `synapse serve`"),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The synapse.toml to read.", show_default="$SYNAPSE_CONFIG, else none")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class SideChoice(StrEnum):
    """The engine's `Side`, which is not imported before a command runs."""

    PROMPT = "prompt"
    ANSWER = "answer"


SideOption = Annotated[SideChoice, typer.Option("--side", help="As what a text is judged.")]

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration_s(text: str) -> int:
    """Seconds of `30s`, `15m`, `24h` or `90d`."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise typer.BadParameter("give a number and a unit, such as 30s, 15m, 24h or 90d")
    return int(match[1]) * _UNITS_S[match[2]]


def expiry(text: str) -> datetime:
    """A moment: a duration from now, or a date or time in ISO 8601 (UTC unless it says otherwise)."""
    if re.fullmatch(r"\d+[smhd]", text):
        return datetime.now(UTC) + timedelta(seconds=duration_s(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give a duration such as 90d, or a date such as 2030-12-31") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def cap(text: str) -> tuple[str, float]:
    """`max_tokens=1024`."""
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter("give a parameter and the most it may be, such as max_tokens=1024")
    return name, int(value) if value.is_integer() else value
