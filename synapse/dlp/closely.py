"""One text looked at closely: as it stands, and decoded where it was encoded.

Only rules whose shape or checksum is proof act on what was decoded: an encoded text has no context that could be
relied on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Literal

from .._dlp import redacted
from .findings import STRENGTH, Finding, Scan, Side
from .ruleset import SLICE_CHARS, Ruleset
from .views import Budget, View, hints_of, views

ScanAction = Literal["none", "alert", "redact", "block"]

# The finding that says: here is more encoded text than is decoded. It is no rule, and never does more than alert.
UNSCANNABLE = "unscannable_blob"
# What is shorter comes out of bytes that are no text now and then; no number that stands alone is.
MATCH_CHARS_MIN = 10
# Views are made of so much of a text at a time, and of what is near on either side: room for any encoded match.
SEGMENT_CHARS = 8 * 1024
OVERLAP_CHARS = 512
# How many findings are put in their places in one step.
FINDINGS_PER_STEP = 8192
# How many views are scanned together.
_BATCH_CHARS = 16 * 1024


def scan_closely(ruleset: Ruleset, text: str, side: Side) -> Scan:
    """The verdict on a text and on all its views. Findings are in order and do not overlap, but for alerts."""
    return _with_views(ruleset, text, ruleset.scan(text, side), side)


def scan_many_closely(ruleset: Ruleset, texts: list[str], side: Side) -> list[Scan]:
    """The verdicts on the strings of one request."""
    scans = ruleset.scan_many(texts, side)
    if not ruleset.options.views or not hints_of(texts):
        return scans
    return [_with_views(ruleset, text, scan, side) for text, scan in zip(texts, scans, strict=True)]


def clean_closely(ruleset: Ruleset, texts: list[str], side: Side) -> bool:
    """Whether nothing is found in any of these or in their views."""
    if not ruleset.clean(texts, side):
        return False
    if not ruleset.options.views or not hints_of(texts):
        return True
    return not any(encoded_findings(ruleset, text, side) for text in texts if hints_of([text]))


def scan_closely_in_slices(ruleset: Ruleset, text: str, side: Side) -> Generator[None, None, Scan]:
    """`scan_closely` for a long text; it yields after each step of bounded work, so that others get their turn."""
    if len(text) <= SLICE_CHARS:
        return scan_closely(ruleset, text, side)
    scan = yield from ruleset.scan_slices(text, side)
    if not ruleset.options.views:
        return scan
    encoded: list[Finding] = []
    for some in encoded_steps(ruleset, text, side):
        encoded += some
        yield
    if not encoded:
        return scan
    findings, action = _with(scan, encoded)
    yield
    return Scan(findings, action, text if action == "alert" else (yield from _redacted_in_steps(text, findings)))


def encoded_alerts(ruleset: Ruleset, text: str) -> list[Finding]:
    """What only the views of a whole answer show, as alerts: a stream could not have kept it back, so nothing may."""
    if not ruleset.options.views or not hints_of([text]):
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
    return [found for some in encoded_steps(ruleset, text, side) for found in some]


def encoded_steps(ruleset: Ruleset, text: str, side: Side) -> Iterator[list[Finding]]:
    """The same in steps of bounded work: one segment of the text after the other."""
    budget = Budget()
    for begin in range(0, len(text), SEGMENT_CHARS):
        start = max(begin - OVERLAP_CHARS, 0)
        yield _encoded_in(ruleset, text[start : begin + SEGMENT_CHARS + OVERLAP_CHARS], start, side, budget)
        if begin + SEGMENT_CHARS + OVERLAP_CHARS >= len(text):
            break
    if budget.over_at is not None:
        yield [Finding(UNSCANNABLE, "unscannable", "alert", budget.over_at, len(text))]


def _with_views(ruleset: Ruleset, text: str, scan: Scan, side: Side) -> Scan:
    if not ruleset.options.views or not hints_of([text]):
        return scan
    encoded = encoded_findings(ruleset, text, side)
    return with_findings(text, scan, encoded) if encoded else scan


def _redacted_in_steps(text: str, findings: Sequence[Finding]) -> Generator[None, None, str]:
    acting = [found for found in findings if found.action != "alert"]
    pieces: list[str] = []
    start = 0
    for at in range(0, len(acting), FINDINGS_PER_STEP):
        yield
        part = acting[at : at + FINDINGS_PER_STEP]
        shifted = [Finding(f.rule, f.category, f.action, f.start - start, f.end - start) for f in part]
        pieces.append(redacted(text[start : part[-1].end], shifted))
        start = part[-1].end
    return "".join((*pieces, text[start:]))


def _encoded_in(ruleset: Ruleset, segment: str, start: int, side: Side, budget: Budget) -> list[Finding]:
    """What the views of a segment show; it starts at that place of its text."""
    budget.begin(start)
    findings = []
    for batch in _batches(views(segment, budget)):
        scans = ruleset.strong.scan_many([view.text for view in batch], side)
        for view, scan in zip(batch, scans, strict=True):
            for found in scan.findings:
                if found.end - found.start >= MATCH_CHARS_MIN and not _stands_there(segment, view, found):
                    first, last = view.place(found.start, found.end)
                    findings.append(Finding(found.rule, found.category, found.action, start + first, start + last))
    return findings


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
    findings, action = _with(scan, more)
    return Scan(findings, action, redacted(text, findings))


def _with(scan: Scan, more: Iterable[Finding]) -> tuple[tuple[Finding, ...], ScanAction]:
    added = _merged(more)
    actions: list[ScanAction] = [scan.action, *(found.action for found in added)]
    return _joined(scan.findings, added), max(actions, key=STRENGTH.__getitem__)


def _joined(findings: Sequence[Finding], added: Iterable[Finding]) -> tuple[Finding, ...]:
    """Both in the order of the text. Only what lies around the added ones is looked at: the others can be many."""
    out: list[Finding] = []
    near: list[Finding] = []
    done = last = 0  # findings before `done` are out, those from there up to `last` are near
    for each in added:
        stop = bisect_left(findings, each.end, key=_start)
        start = stop
        while start > last and findings[start - 1].end > each.start:
            start -= 1
        if start > last:
            out += _merged([*near, *findings[done:last]])
            out += findings[last:start]
            near, done = [], start
        near.append(each)
        last = max(last, stop)
    out += _merged([*near, *findings[done:last]])
    return (*out, *findings[last:])


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


def _start(found: Finding) -> int:
    return found.start


def _order(found: Finding) -> tuple[int, int]:
    return found.start, -found.end


def _union(first: Finding, second: Finding) -> Finding:
    named = second if STRENGTH[second.action] > STRENGTH[first.action] else first
    return Finding(named.rule, named.category, named.action, first.start, max(first.end, second.end))


def _is_covered(alert: Finding, acting: Sequence[Finding], ends: Sequence[int]) -> bool:
    """Whether it overlaps one of these, which do not overlap each other."""
    following = bisect_right(ends, alert.start)
    return following < len(acting) and acting[following].start < alert.end
