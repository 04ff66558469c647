"""What a scan says: rules, places and actions, never text."""

from enum import StrEnum
from typing import Literal

from .._dlp import Finding, Scan

__all__ = ["STRENGTH", "Action", "Finding", "Scan", "Side"]

Action = Literal["alert", "redact", "block"]

STRENGTH = {"none": 0, "off": 0, "alert": 1, "redact": 2, "block": 3}


class Side(StrEnum):
    """Which way a text goes; a rule may act differently on each."""

    PROMPT = "prompt"
    ANSWER = "answer"

    # Enum's own hash is a Python function, and is called for every text.
    __hash__ = str.__hash__
