"""What only shows when texts are put together: parts of one message, and messages of one role in a row.

A model reads the parts of a message as one text, so what lies across them is redacted there. Messages stay apart, and
what lies across two of them alerts.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator
from itertools import accumulate, groupby

from ...chat import Json
from ...dlp import Finding, Ruleset, Scan, Side
from ...dlp.ruleset import SLICE_CHARS
from .walk import Path

# How much of either end of a message is put together with its neighbours: no match that stands alone is longer.
REACH_CHARS = 256
# Stands for the middle of a message; no match goes across it.
_MIDDLE = "\n\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\n"


def joinable_parts(messages: list[Json]) -> Iterator[tuple[Path, list[Json]]]:
    """The text parts of each message that has more than one."""
    for index, message in enumerate(messages):
        parts = _text_parts(message.get("content"))
        if len(parts) > 1:
            yield ("messages", index, "content"), parts


def redact_across_parts(parts: list[Json], ruleset: Ruleset) -> Generator[None, None, list[Finding]]:
    """Redact the matches that only show when parts are put together; those within a part are found there."""
    texts = [part["text"] for part in parts]
    scan = yield from _scan("".join(texts), ruleset)
    ends = list(accumulate(map(len, texts)))
    begins = [0, *ends]
    crossing = _crossing(scan.findings, ends)
    # From the last on, so that the places of the others stay true.
    for found in reversed(crossing):
        if found.action == "alert":
            continue
        first, last = bisect_right(ends, found.start), bisect_left(ends, found.end)
        parts[last]["text"] = parts[last]["text"][found.end - begins[last] :]
        for index in range(first + 1, last):
            parts[index]["text"] = ""
        parts[first]["text"] = parts[first]["text"][: found.start - begins[first]] + f"[REDACTED:{found.rule}]"
    return crossing


def joinable_messages(messages: list[Json]) -> Iterator[tuple[Path, str, list[int]]]:
    """For messages of one role in a row: the place of the first, their ends as one text, and its seams."""
    for _, group in groupby(enumerate(messages), key=_role):
        texts = [(index, text) for index, message in group if (text := _text(message.get("content")))]
        if len(texts) > 1:
            shown = [_ends(text) for _, text in texts]
            yield ("messages", texts[0][0], "content"), "".join(shown), list(accumulate(map(len, shown)))


def found_across_messages(text: str, seams: list[int], ruleset: Ruleset) -> Generator[None, None, list[Finding]]:
    """Alerts for the matches that lie across a seam, by the rules that need no context."""
    scan = yield from _scan(text, ruleset.strong)
    return [
        Finding(found.rule, found.category, "alert", found.start, found.end)
        for found in _crossing(scan.findings, seams)
    ]


def _scan(text: str, ruleset: Ruleset) -> Generator[None, None, Scan]:
    if len(text) <= SLICE_CHARS:
        return ruleset.scan(text, Side.PROMPT)
    return (yield from ruleset.scan_slices(text, Side.PROMPT))


def _crossing(findings: Iterable[Finding], ends: list[int]) -> list[Finding]:
    return [found for found in findings if bisect_right(ends, found.start) != bisect_left(ends, found.end)]


def _role(numbered: tuple[int, Json]) -> object:
    return numbered[1]["role"]


def _text(content: object) -> str:
    if type(content) is str:
        return content
    return "".join(part["text"] for part in _text_parts(content))


def _text_parts(content: object) -> list[Json]:
    if type(content) is not list:
        return []
    return [part for part in content if type(part) is dict and type(part.get("text")) is str]


def _ends(text: str) -> str:
    return text if len(text) <= 2 * REACH_CHARS else text[:REACH_CHARS] + _MIDDLE + text[-REACH_CHARS:]
