"""Redaction of one stream: what leaves, joined, is the redaction of the whole text, however it was cut."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from .findings import Finding, Side
from .shadow import Offsets, fold
from .tracking import Cut, Tracker

# Alerts hold nothing back, so their rules may look at the text in larger bites than a delta.
ALERT_BATCH = 4096


class Redactor:
    """Text goes in by `feed`; what may leave comes out, and the rest with `finish`.

    `findings` are complete after `finish`, or as soon as `blocked` is true: then a block rule has matched, and its span
    and everything after it never leaves.
    """

    def __init__(self, acting: Tracker, alerts: Tracker, side: Side) -> None:
        self.findings: list[Finding] = []
        self.blocked = False
        self._acting = acting
        self._alerts = alerts
        self._side = side
        self._offsets = Offsets()
        self._text = ""  # from `_text_start` on; what of it has not left begins at `_left`
        self._text_start = 0
        self._left = 0
        self._unwatched: list[bytes] = []  # the shadow that the alert rules have not seen, from `_watched` on
        self._watched = 0

    def feed(self, delta: str) -> str:
        return "" if self.blocked else self._advance(delta, final=False)

    def finish(self) -> str:
        return "" if self.blocked else self._advance("", final=True)

    def whole(self, text: str) -> str:
        """`feed` and `finish` in one step."""
        return self._advance(text, final=True)

    def _advance(self, delta: str, *, final: bool) -> str:
        shadow, offsets = fold(delta)
        self._offsets.extend(len(delta), len(shadow), offsets)
        self._unwatched.append(shadow)
        cuts = self._acting.feed(shadow, final=final)
        decided = self._acting.decided
        if not cuts and not self._text and decided == self._offsets.shadow_length:
            self._left = self._text_start = self._offsets.text_length
            leaving = delta
        else:
            self._text += delta
            leaving = self._leave(cuts, decided)
            self._text = self._text[self._left - self._text_start :]
            self._text_start = self._left
        if not self.blocked:
            self._watch(decided, final=final)
        return leaving

    def _leave(self, cuts: Iterable[Cut], decided: int) -> str:
        """What leaves of the held text when `decided` bytes of its shadow are."""
        pieces: list[str] = []
        for cut in cuts:
            start, end = self._span(cut.start, cut.end)
            if start >= self._left:
                pieces += self._take(start), f"[REDACTED:{cut.pattern.rule.id}]"
            if cut.pattern.rule.action(self._side) == "block":
                self._block(cut)
                return pieces[0] if len(pieces) == 2 else "".join(pieces[:-1])
            self._take(end)
            if cut.open:
                return "".join(pieces)
            self.findings.append(self._finding(cut, start, end))
        # A code point that leaves no trace in the shadow leaves with what stands before it.
        everything = decided == self._offsets.shadow_length
        pieces.append(self._take(self._offsets.text_length if everything else self._offsets.of(decided)))
        return "".join(pieces)

    def _take(self, end: int) -> str:
        """The held text up to `end`, which is held no longer."""
        taken = self._text[self._left - self._text_start : end - self._text_start]
        self._left = end
        return taken

    def _span(self, start: int, end: int) -> tuple[int, int]:
        return self._offsets.of(start), self._offsets.of(end - 1) + 1

    def _finding(self, cut: Cut, start: int, end: int) -> Finding:
        return finding(cut, self._side, start, end)

    def _block(self, cut: Cut) -> None:
        """Nothing more leaves. The finding ends with the core: a run that goes on may not have arrived yet."""
        self.blocked = True
        self._text = ""
        self._watch(cut.start, final=True)
        self.findings.append(self._finding(cut, *self._span(cut.start, cut.core_end)))

    def _watch(self, decided: int, *, final: bool) -> None:
        """Show the alert rules what is decided, when it is enough to be worth a scan."""
        if not final and decided - self._watched < ALERT_BATCH:
            return
        shadow = b"".join(self._unwatched)
        ready, rest = shadow[: decided - self._watched], shadow[decided - self._watched :]
        self._unwatched = [rest]
        self._watched = decided
        for cut in self._alerts.feed(ready, final=final):
            if not cut.open:
                self.findings.append(self._finding(cut, *self._span(cut.start, cut.end)))
        self._offsets.forget(self._alerts.decided)
        if final:
            self.findings[:] = settled(self.findings)


def finding(cut: Cut, side: Side, start: int, end: int) -> Finding:
    rule = cut.pattern.rule
    action = rule.action(side)
    assert action != "off"
    return Finding(rule.id, rule.category, action, start, end)


def settled(findings: Sequence[Finding]) -> list[Finding]:
    """In the order of the text, without alerts about text that is redacted or blocked anyway."""
    acting = sorted((f for f in findings if f.action != "alert"), key=_start)
    alerts = [f for f in findings if f.action == "alert" and not _overlaps(f, acting)]
    return sorted([*acting, *alerts], key=_start)


def _start(finding: Finding) -> int:
    return finding.start


def _overlaps(alert: Finding, acting: Sequence[Finding]) -> bool:
    # They do not overlap each other, so that the last which begins before the alert's end also ends last.
    before = bisect_left(acting, alert.end, key=_start)
    return before > 0 and alert.start < acting[before - 1].end
