"""The engine once more in plain Python, as simply as its laws allow, with places where tests can break it.

It shares with the compiled one the rules, the folding of one code point and the live tables, which it reads by trying
every set of positions. It needs no Hyperscan: each place of a text is taken for the end of a trigger.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from sys import maxsize

from synapse._dlp import EDGE, RETRIES
from synapse.dlp import Finding, Rule, Side
from synapse.dlp.acceptance import acceptance
from synapse.dlp.live import LiveTable, live_tables
from synapse.dlp.patterns import Core, compile_cores
from synapse.dlp.shadow import DROPPED, fold_code_point
from synapse.dlp.surroundings import LEFT_CHARS, condition

STRENGTH = {"off": 0, "alert": 1, "redact": 2, "block": 3}


def live_start(table: LiveTable, window: bytes, start: int) -> int:
    """The first place where a word may begin that goes on beyond the window, by trying all positions at once."""
    sets = [int.from_bytes(bytes.fromhex(bitmap), "little") for bitmap in table.sets]
    best = len(window)
    present = set(range(len(table.labels)))
    for at in range(len(window) - 1, max(start, len(window) - table.reach) - 2, -1):
        byte = window[at]
        if at < len(window) - 1:
            begins = [p for p in present if table.starts[p] >= 0 and sets[table.starts[p]] >> byte & 1]
            best = at + 1 if begins else best
            present = {before for position in present for before in table.before[position]}
        present = {position for position in present if sets[table.labels[position]] >> byte & 1}
        if not present:
            break
    return best


class Expression:
    """A core with all that confirms it."""

    def __init__(self, core: Core, side: Side) -> None:
        pattern = core.pattern
        self.index, self.rule, self.widest = pattern.index, pattern.rule, pattern.widest
        self.strength = STRENGTH[pattern.rule.action(side)]
        self.guarded = re.compile(pattern.guarded.encode())
        self.accept = acceptance(pattern.rule)
        self.condition = condition(pattern.rule, behind_words=pattern.needs_context)
        self.run = None if pattern.run is None else re.compile(pattern.run.end.encode())
        self.closing_width = 0 if pattern.run is None else pattern.run.closing_width


class Cursor:
    """The candidates of one expression in a window, one at a time. `start` is `maxsize` when there are no more."""

    def __init__(self, expression: Expression, window: bytes, at: int) -> None:
        self.expression = expression
        self._window = window
        self._begin(at)

    @property
    def order(self) -> tuple[int, int, int]:
        return self.start, -self.end, self.expression.index

    def restart(self, at: int) -> None:
        if self.start < at or self._of_chain > at:
            self._begin(at)

    def _begin(self, at: int) -> None:
        self._at = at
        self._chain_end = self._tries = 0
        self.advance()

    def advance(self) -> None:
        self._of_chain = self._chain_end
        match = self._search()
        if match is None:
            self.start = self.end = maxsize
            self.accepted = False
            return
        self.start, self.end = match.span()
        self.accepted = self.expression.accept is None or self.expression.accept(match.group())
        if self.accepted:
            self._at = self.end
            return
        chained = self.start < self._chain_end
        self._tries = self._tries + 1 if chained else 1
        self._chain_end = max(self._chain_end, self.end) if chained else self.end
        self._at = self.start + 1 if self._tries <= RETRIES else self._chain_end

    def _search(self) -> re.Match[bytes] | None:
        at = self._at
        while match := self.expression.guarded.search(self._window, at):
            if self.expression.condition is None or self.expression.condition(self._window, match.start()):
                return match
            at = match.start() + 1
        return None


@dataclass
class Cluster:
    start: int
    end: int
    expression: Expression
    runs: list[tuple[Expression, int]] = field(default_factory=list)

    def add(self, cursor: Cursor) -> None:
        self.end = max(self.end, cursor.end)
        if cursor.expression.strength > self.expression.strength:
            self.expression = cursor.expression
        if cursor.expression.run is not None:
            self.runs.append((cursor.expression, cursor.end))


class Straddling:
    """The last stretch of candidates that overlap one another, accepted or rejected, added in the order of starts."""

    def __init__(self) -> None:
        self._start = self._end = 0

    def add(self, candidate: Cursor) -> None:
        if candidate.start >= self._end:
            self._start = candidate.start
        self._end = max(self._end, candidate.end)

    def frontier(self, limit: int) -> int:
        return self._start if self._start < limit < self._end else limit


def next_cluster(cursors: Iterable[Cursor], *, limit: int, seen: Straddling) -> Cluster | None:
    cluster: Cluster | None = None
    while True:
        cursor = min(cursors, key=lambda one: one.order)
        if cursor.start >= limit or (cluster is not None and cursor.start >= cluster.end):
            return cluster
        seen.add(cursor)
        if cursor.accepted:
            if cluster is None:
                cluster = Cluster(cursor.start, cursor.end, cursor.expression)
            cluster.add(cursor)
        cursor.advance()


@dataclass
class Cut:
    start: int
    core_end: int
    end: int
    expression: Expression
    open: bool = False


class OpenRun:
    """A run that is being swallowed."""

    def __init__(self, expression: Expression) -> None:
        assert expression.run is not None
        self._run = expression.run
        self._width = expression.closing_width
        self._tail = b""

    def swallow(self, window: bytes, start: int) -> int | None:
        shift = 0
        if self._tail:
            shift = start - len(self._tail)
            window, start = self._tail + window[start:], 0
        end = self._run.search(window, start)
        if end is None:
            self._tail = window[max(start, len(window) - self._width + 1) :]
            return None
        return shift + (end.end() if end.lastgroup else end.start())


class Tracker:
    """One text on its way. Offsets in cuts, and `decided`, count from its beginning."""

    def __init__(self, cores: Sequence[Core], side: Side) -> None:
        self.decided = 0
        self._expressions = [Expression(core, side) for core in cores]
        self._tables = live_tables(cores)
        self._left = EDGE
        self._held = b""
        self._cut: Cut | None = None
        self._runs: list[OpenRun] = []

    def feed(self, shadow: bytes, *, final: bool = False) -> list[Cut]:
        held = self._held + shadow
        cuts: list[Cut] = []
        if self._cut is not None:
            held = self._swallow(self._cut, held, cuts, final=final)
        if held:
            window, before = self._left + held, len(self._left)
            stop = self._decide(window, cuts, before, final=final)
            self.decided += stop - before
            self._left, held = self._kept(window[:stop]), window[stop:]
        self._held = held
        return cuts

    def _decide(self, window: bytes, cuts: list[Cut], before: int, *, final: bool) -> int:
        limit = len(window) if final else self._live_start(window, before)
        if not self._expressions:
            return limit
        cursors = [self._cursor(expression, window, before) for expression in self._expressions]
        shift = self.decided - before
        seen = self._straddling()
        while (cluster := next_cluster(cursors, limit=limit, seen=seen)) and cluster.end <= limit:
            seen = self._straddling()
            cut = self._close(window, cluster, shift, final=final)
            cuts.append(cut)
            stop = cut.end - shift
            if cut.open:
                return stop
            if stop > limit:  # a run went on beyond it
                limit = self._live_start(window, stop)
            for cursor in cursors:
                cursor.restart(stop)
        return seen.frontier(limit)

    def _close(self, window: bytes, cluster: Cluster, shift: int, *, final: bool) -> Cut:
        stop, open_runs = cluster.end, list[OpenRun]()
        for expression, core_end in cluster.runs:
            run = OpenRun(expression)
            end = run.swallow(window, core_end)
            if end is None:
                open_runs.append(run)
                end = len(window)
            stop = max(stop, end)
        cut = Cut(cluster.start + shift, cluster.end + shift, stop + shift, cluster.expression)
        if open_runs and not final:
            cut.open, self._cut, self._runs = True, cut, open_runs
        return cut

    def _swallow(self, cut: Cut, held: bytes, cuts: list[Cut], *, final: bool) -> bytes:
        ends = [(run, run.swallow(held, 0)) for run in self._runs]
        self._runs = [run for run, end in ends if end is None]
        stop = len(held) if self._runs else max(end for _, end in ends if end is not None)
        cut.end += stop
        cut.open = bool(self._runs) and not final
        if not cut.open:
            self._cut = None
        cuts.append(cut)
        self._left = self._kept(self._left + held[:stop])
        self.decided += stop
        return held[stop:]

    # What follows is apart so that tests can break it, and see that the property notices.

    def _kept(self, left: bytes) -> bytes:
        return left[-LEFT_CHARS:]

    def _live_start(self, window: bytes, start: int) -> int:
        return min((live_start(table, window, start) for table in self._tables), default=len(window))

    def _cursor(self, expression: Expression, window: bytes, at: int) -> Cursor:
        return Cursor(expression, window, at)

    def _straddling(self) -> Straddling:
        return Straddling()


class PlainRedactor:
    """`Redactor` of the compiled engine, on trackers that may be broken."""

    def __init__(self, rules: Sequence[Rule], tracker: type[Tracker] = Tracker, side: Side = Side.ANSWER) -> None:
        cores = compile_cores(rules)
        self.findings: list[Finding] = []
        self.blocked = False
        self._acting = tracker([c for c in cores if c.pattern.rule.action(side) in {"redact", "block"}], side)
        self._alerts = Tracker([c for c in cores if c.pattern.rule.action(side) == "alert"], side)
        self._side = side
        self._text = ""
        self._shadow = b""
        self._places: list[int] = []
        self._left = 0
        self._watched = 0

    def feed(self, delta: str) -> str:
        return "" if self.blocked else self._advance(delta, final=False)

    def finish(self) -> str:
        return "" if self.blocked else self._advance("", final=True)

    def _advance(self, delta: str, *, final: bool) -> str:
        folded = [(fold_code_point(ord(one)), len(self._text) + at) for at, one in enumerate(delta)]
        self._text += delta
        kept = [(byte, place) for byte, place in folded if byte != DROPPED]
        self._shadow += bytes(byte for byte, _ in kept)
        self._places += [place for _, place in kept]
        pieces: list[str] = []
        for cut in self._acting.feed(bytes(byte for byte, _ in kept), final=final):
            start, end = self._places[cut.start], self._places[cut.end - 1] + 1
            if start >= self._left:
                pieces.append(self._take(start))
                if cut.expression.rule.action(self._side) == "block":
                    self.blocked = True
                    self._watch(cut.start, final=True)
                    self._find(cut, cut.core_end)
                    return "".join(pieces)
                pieces.append(f"[REDACTED:{cut.expression.rule.id}]")
            self._take(end)
            if cut.open:
                return "".join(pieces)
            self._find(cut, cut.end)
        decided = self._acting.decided
        pieces.append(self._take(self._places[decided] if decided < len(self._places) else len(self._text)))
        self._watch(decided, final=final)
        return "".join(pieces)

    def _take(self, end: int) -> str:
        taken, self._left = self._text[self._left : end], end
        return taken

    def _find(self, cut: Cut, end: int) -> None:
        rule, action = cut.expression.rule, cut.expression.rule.action(self._side)
        assert action != "off"
        self.findings.append(
            Finding(rule.id, rule.category, action, self._places[cut.start], self._places[end - 1] + 1)
        )
        acting = [found for found in self.findings if found.action != "alert"]
        self.findings = sorted(
            (
                found
                for found in self.findings
                if found.action != "alert" or not any(a.start < found.end and found.start < a.end for a in acting)
            ),
            key=lambda found: found.start,
        )

    def _watch(self, decided: int, *, final: bool) -> None:
        for cut in self._alerts.feed(self._shadow[self._watched : decided], final=final):
            if not cut.open:
                self._find(cut, cut.end)
        self._watched = decided
