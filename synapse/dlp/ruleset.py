"""One compiled policy: what it finds in a text, and what of the text may leave."""

from collections.abc import Sequence
from typing import Protocol

from .findings import Finding, Scan, Side


class Redactor(Protocol):
    """Redacts one stream: what `feed` and `finish` return, joined, is the redaction of the whole text."""

    findings: list[Finding]
    blocked: bool

    def feed(self, delta: str) -> str: ...
    def finish(self) -> str: ...


class Ruleset(Protocol):
    """An immutable, compiled set of rules."""

    name: str
    version: str

    def scan(self, text: str, side: Side) -> Scan: ...
    def scan_many(self, texts: Sequence[str], side: Side) -> list[Scan]: ...
    def redactor(self, side: Side = Side.ANSWER) -> Redactor: ...


__all__ = ["Finding", "Redactor", "Ruleset", "Scan", "Side"]
