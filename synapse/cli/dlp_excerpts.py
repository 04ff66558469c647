"""Where a finding stands, shown to people without what was found: every match in view is masked."""

from bisect import bisect_right
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


def excerpt(text: str, finding: "Finding", findings: "Sequence[Finding]") -> str:
    """The finding's neighbourhood on its line. `findings` are all of the text, since others may stand near."""
    first = max(text.rfind("\n", 0, finding.start) + 1, finding.start - _AROUND_CHARS)
    line_end = text.find("\n", finding.end)
    last = min(len(text) if line_end < 0 else line_end, finding.end + _AROUND_CHARS)
    pieces: list[str] = []
    at = first
    for found in findings:
        if first < found.end and found.start < last:
            pieces += _printable(text[at : found.start]), MASK
            at = max(at, found.end)
    return "".join((*pieces, _printable(text[at:last]))).strip()


def _printable(text: str) -> str:
    """A text must not steer the terminal that shows it."""
    return "".join(character if character.isprintable() else " " for character in text)
