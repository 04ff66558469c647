"""What a scan says: rules, places and actions, never text."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from .._dlp import Finding

__all__ = ["STRENGTH", "Action", "Finding", "Scan", "Side"]

Action = Literal["alert", "redact", "block"]

STRENGTH = {"none": 0, "off": 0, "alert": 1, "redact": 2, "block": 3}


class Side(StrEnum):
    """Which way a text goes; a rule may act differently on each."""

    PROMPT = "prompt"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Scan:
    """The verdict on one text.

    `redacted` has a placeholder in place of every redact and block finding; it is the text itself, the same object,
    when there was none.
    """

    findings: tuple[Finding, ...]
    action: Literal["none", "alert", "redact", "block"]
    redacted: str
