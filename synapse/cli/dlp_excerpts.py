"""Where a finding stands, shown to people without what was found: every match in view is masked."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..dlp import Finding

# As long for a short match as for a long one: the length of a secret is a hint.
MASK = "•••••"
_AROUND_CHARS = 24


class Places:
    """Lines and columns of one text, both from 1, in code points."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def of(self, offset: int) -> str:
        line = bisect_right(self._starts, offset)
        return f"{line}:{offset - self._starts[line - 1] + 1}"


class Excerpts:
    """Neighbourhoods in one text. `findings` are all of it, in its order: others may stand near one that is shown."""

    def __init__(self, text: str, findings: "Sequence[Finding]") -> None:
        self._text = text
        self._findings = findings
        self._starts = [finding.start for finding in findings]
        # How far the findings up to each of them reach.
        self._reach = list(accumulate((finding.end for finding in findings), max))

    def around(self, finding: "Finding") -> str:
        """The finding's neighbourhood on its line."""
        text = self._text
        first = max(text.rfind("\n", 0, finding.start) + 1, finding.start - _AROUND_CHARS)
        line_end = text.find("\n", finding.end)
        last = min(len(text) if line_end < 0 else line_end, finding.end + _AROUND_CHARS)
        pieces: list[str] = []
        at = first
        for found in self._between(first, last):
            pieces += _printable(text[at : found.start]), MASK
            at = max(at, found.end)
        return "".join((*pieces, _printable(text[at:last]))).strip()

    def _between(self, first: int, last: int) -> "Sequence[Finding]":
        begin = bisect_right(self._reach, first)
        return [found for found in self._findings[begin : bisect_left(self._starts, last)] if found.end > first]


def _printable(text: str) -> str:
    """A text must not steer the terminal that shows it."""
    return "".join(character if character.isprintable() else " " for character in text)
