"""One text looked at closely: as it stands, and decoded where it was encoded.

Only rules whose shape or checksum is proof act on what was decoded: an encoded text has no context that could be
relied on.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from .._dlp import redacted
from .findings import STRENGTH, Finding, Scan, Side
from .ruleset import Ruleset
from .views import Budget, View, hints_of, views

# The finding that says: here is more encoded text than is decoded. It is no rule, and never does more than alert.
UNSCANNABLE = "unscannable_blob"
# What is shorter comes out of bytes that are no text now and then; no number that stands alone is.
MATCH_CHARS_MIN = 10
# How many views are scanned together.
_BATCH_CHARS = 16 * 1024


def scan_closely(ruleset: Ruleset, text: str, side: Side) -> Scan:
    """The verdict on a text and on all its views. Findings are in order and do not overlap, but for alerts."""
    scan = ruleset.scan(text, side)
    if not ruleset.options.views or not hints_of(text):
        return scan
    encoded = encoded_findings(ruleset, text, side)
    return with_findings(text, scan, encoded) if encoded else scan


def encoded_alerts(ruleset: Ruleset, text: str) -> list[Finding]:
    """What only the views of a whole answer show, as alerts: a stream could not have kept it back, so nothing may."""
    if not ruleset.options.views or not hints_of(text):
        return []
    plain = ruleset.scan(text, Side.ANSWER).findings
    ends = [found.end for found in plain]
    return [
        Finding(found.rule, found.category, "alert", found.start, found.end)
        for found in _merged(encoded_findings(ruleset, text, Side.ANSWER))
        if not _is_covered(found, plain, ends)
    ]


def encoded_findings(ruleset: Ruleset, text: str, side: Side) -> list[Finding]:
    """What only the views of a text show, in any order, at the places of what was encoded."""
    found: list[Finding] = []
    for some in encoded_steps(ruleset, text, side):
        found += some
    return found


def encoded_steps(ruleset: Ruleset, text: str, side: Side) -> Iterator[list[Finding]]:
    """The same in steps of bounded work."""
    budget = Budget()
    for batch in _batches(views(text, budget)):
        scans = ruleset.strong.scan_many([view.text for view in batch], side)
        yield [
            Finding(found.rule, found.category, found.action, *view.place(found.start, found.end))
            for view, scan in zip(batch, scans, strict=True)
            for found in scan.findings
            if found.end - found.start >= MATCH_CHARS_MIN and not _stands_there(text, view, found)
        ]
    if budget.over_at is not None:
        yield [Finding(UNSCANNABLE, "unscannable", "alert", budget.over_at, len(text))]


def _stands_there(text: str, view: View, found: Finding) -> bool:
    """Whether a match and its two neighbours are those of the text, where it was looked for already."""
    before, after = max(found.start - 1, 0), min(found.end + 1, len(view.text))
    start, end = view.place(before, after)
    return text[start:end] == view.text[before:after]


def _batches(every: Iterable[View]) -> Iterator[list[View]]:
    batch: list[View] = []
    chars = 0
    for view in every:
        batch.append(view)
        chars += len(view.text)
        if chars >= _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def with_findings(text: str, scan: Scan, more: Iterable[Finding]) -> Scan:
    """A verdict to which findings were added: those that overlap become one, named after the strongest."""
    findings = tuple(_merged([*scan.findings, *more]))
    action = max((found.action for found in findings), key=STRENGTH.__getitem__, default=scan.action)
    return Scan(findings, action, redacted(text, findings))


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of the text, each once, and without alerts about text that is redacted or blocked anyway."""
    acting: list[Finding] = []
    alerts: list[Finding] = []
    for found in sorted(set(findings), key=_order):
        if found.action == "alert":
            alerts.append(found)
        elif acting and found.start < acting[-1].end:
            acting[-1] = _union(acting[-1], found)
        else:
            acting.append(found)
    ends = [found.end for found in acting]
    shown = [alert for alert in alerts if alert.rule == UNSCANNABLE or not _is_covered(alert, acting, ends)]
    return sorted([*acting, *shown], key=_order)


def _order(found: Finding) -> tuple[int, int]:
    return found.start, -found.end


def _union(first: Finding, second: Finding) -> Finding:
    named = second if STRENGTH[second.action] > STRENGTH[first.action] else first
    return Finding(named.rule, named.category, named.action, first.start, max(first.end, second.end))


def _is_covered(alert: Finding, acting: Sequence[Finding], ends: Sequence[int]) -> bool:
    """Whether it overlaps one of these, which do not overlap each other."""
    following = bisect_right(ends, alert.start)
    return following < len(acting) and acting[following].start < alert.end
