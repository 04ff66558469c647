"""One compiled policy: what it finds in a text, and what of the text may leave."""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from itertools import accumulate
from typing import Self

import orjson

from .._dlp import collect
from .findings import STRENGTH, Finding, Scan, Side
from .options import DEFAULT_OPTIONS, PolicyOptions
from .patterns import (
    EDGE,
    Database,
    Detector,
    Ends,
    Pattern,
    compile_patterns,
    live_expressions,
    live_groups,
    scan_expressions,
)
from .redact import Redactor, finding, settled
from .rules import Rule, load_default_rules, rule_from_table
from .shadow import fold
from .tracking import Tracker

# Raise it with every change that makes the same rules find something else: compiled databases are shared by version.
ENGINE = 5

# Joins the texts of one request for one scan; it is itself in a shadow, and in hardly any rule. A trigger that reaches
# across it costs one look and finds nothing.
_SEPARATOR = "|"


class RulesetError(ValueError):
    """A compiled ruleset that this engine cannot load; compile it from its rules again."""


class Ruleset:
    """Immutable. Texts are scanned whole, or streams through `redactor`; both give the same."""

    def __init__(
        self, name: str, rules: Sequence[Rule], databases: "_Databases", *, options: PolicyOptions = DEFAULT_OPTIONS
    ) -> None:
        self.name = name
        self.rules = tuple(rules)
        self.options = options
        self.version = version_of(self.rules, options)
        self._databases = databases
        patterns = compile_patterns(self.rules)
        self._scan = databases.get("scan", patterns, scan_expressions) if patterns else None
        self._acting = {side: self._detector(_of(patterns, side, alert=False)) for side in Side}
        self._alerts = {side: self._detector(_of(patterns, side, alert=True)) for side in Side}

    @classmethod
    def compile(cls, rules: Iterable[Rule], *, name: str, options: PolicyOptions = DEFAULT_OPTIONS) -> Self:
        """Raises RuleError for a rule that cannot be compiled."""
        return cls(name, tuple(rules), _Databases({}), options=options)

    def dumps(self) -> bytes:
        """Rules and compiled databases, for other processes on the same machine."""
        header = orjson.dumps(
            {
                "name": self.name,
                "version": self.version,
                "rules": [rule.to_table() for rule in self.rules],
                "options": asdict(self.options),
                "databases": {key: len(blob) for key, blob in self._databases.blobs().items()},
            }
        )
        return b"".join((len(header).to_bytes(8, "big"), header, *self._databases.blobs().values()))

    @classmethod
    def loads(cls, dump: bytes) -> Self:
        """Raises RulesetError when the dump is of another engine, or of other rules than it says."""
        size = int.from_bytes(dump[:8], "big")
        header = orjson.loads(dump[8 : 8 + size])
        rules = [rule_from_table(table) for table in header["rules"]]
        options = PolicyOptions(**header.get("options", {}))
        if header["version"] != version_of(rules, options):
            raise RulesetError("compiled by another version of the engine; compile it again")
        blobs, at = {}, 8 + size
        for key, length in header["databases"].items():
            blobs[key] = dump[at : at + length]
            at += length
        return cls(header["name"], rules, _Databases(blobs), options=options)

    def redactor(self, side: Side = Side.ANSWER) -> Redactor:
        return self._redactor(side, None)

    def redact_answer(self, text: str) -> tuple[str, tuple[Finding, ...], bool]:
        """What a stream of this text would have delivered, its findings, and whether it was blocked."""
        shadow, _ = fold(text)
        ends = self._ends(EDGE + shadow)
        if not ends:
            return text, (), False
        redactor = self._redactor(Side.ANSWER, ends)
        delivered = redactor.whole(text)
        return delivered, tuple(redactor.findings), redactor.blocked

    def scan(self, text: str, side: Side) -> Scan:
        shadow, offsets = fold(text)
        window = EDGE + shadow
        ends = self._ends(window)
        return self._judge(text, window, offsets, ends, side) if ends else Scan((), "none", text)

    def scan_many(self, texts: Sequence[str], side: Side) -> list[Scan]:
        """The verdicts on the strings of one request, for the price of one scan when they are clean."""
        scans = [Scan((), "none", text) for text in texts]
        joined, offsets = fold(_SEPARATOR.join(texts))
        if ends := self._ends(EDGE + joined):
            for number, scan in self._judge_each(texts, ends, side, dropped=offsets is not None):
                scans[number] = scan
        return scans

    def clean(self, texts: Sequence[str], side: Side) -> bool:
        """Whether nothing is found in any of these: `scan_many` without its verdicts."""
        joined, offsets = fold(_SEPARATOR.join(texts))
        ends = self._ends(EDGE + joined)
        if not ends:
            return True
        scans = self._judge_each(texts, ends, side, dropped=offsets is not None)
        return all(scan.action == "none" for _, scan in scans)

    def _judge_each(self, texts: Sequence[str], ends: Ends, side: Side, *, dropped: bool) -> Iterator[tuple[int, Scan]]:
        """The number and the verdict of each of the joined texts that a trigger ends in."""
        # Where no character was dropped, a shadow is as long as its text.
        lengths = (len(fold(text)[0]) for text in texts) if dropped else map(len, texts)
        starts = list(accumulate((length + 1 for length in lengths), initial=0))
        for number, own in _by_text(ends, starts).items():
            shadow, offsets = fold(texts[number])
            yield number, self._judge(texts[number], EDGE + shadow, offsets, own, side)

    def _ends(self, window: bytes) -> Ends:
        ends: Ends = {}
        if self._scan is not None:
            self._scan.scan(window, collect, ends)
        return ends

    def _redactor(self, side: Side, ends: Ends | None) -> Redactor:
        acting = Tracker(self._acting[side], side, ends=ends)
        return Redactor(acting, Tracker(self._alerts[side], side, ends=ends), side)

    def _detector(self, patterns: Sequence[Pattern]) -> Detector:
        # One scan database serves all: what rules of another kind add to a scan is less than a second database costs.
        live = [self._databases.get("live", group, live_expressions) for group in live_groups(patterns)]
        return Detector(patterns, scan=self._scan, live=live)

    def _judge(self, text: str, window: bytes, offsets: "array[int] | None", ends: Ends, side: Side) -> Scan:
        found = [
            finding(cut, side, *_span(cut.start, cut.end, offsets))
            for detector in (self._acting[side], self._alerts[side])
            if (own := detector.own(ends))
            for cut in Tracker(detector, side).whole(window, own)
        ]
        if not found:
            return Scan((), "none", text)
        findings = tuple(settled(found))
        action = max((f.action for f in findings), key=STRENGTH.__getitem__)
        return Scan(findings, action, _redacted(text, findings))


class _Databases:
    """The compiled databases of one ruleset, each made once or loaded; the same patterns share one."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self._blobs = blobs
        self._loaded: dict[str, Database] = {}

    def blobs(self) -> dict[str, bytes]:
        return {key: database.dumps() for key, database in self._loaded.items()}

    def get(
        self, kind: str, patterns: Sequence[Pattern], expressions: Callable[[Iterable[Pattern]], dict[int, str]]
    ) -> Database:
        key = f"{kind}:{','.join(str(pattern.index) for pattern in patterns)}"
        if key not in self._loaded:
            blob = self._blobs.get(key)
            self._loaded[key] = Database.compile(expressions(patterns)) if blob is None else Database.loads(blob)
        return self._loaded[key]


def version_of(rules: Iterable[Rule], options: PolicyOptions = DEFAULT_OPTIONS) -> str:
    """A short hash of everything that decides what is found and what becomes of it."""
    engine = f"{ENGINE}:{metadata.version('hyperscan')}"
    decides = [[rule.to_table() for rule in rules], asdict(options)]
    return hashlib.sha256(engine.encode() + orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def default_ruleset() -> Ruleset:
    """The rules that come with Synapse, compiled."""
    return Ruleset.compile(load_default_rules(), name="default")


def _of(patterns: Iterable[Pattern], side: Side, *, alert: bool) -> list[Pattern]:
    actions = {"alert"} if alert else {"redact", "block"}
    return [pattern for pattern in patterns if pattern.rule.action(side) in actions]


def _by_text(ends: Ends, starts: Sequence[int]) -> dict[int, Ends]:
    """The ends inside each of the joined texts, counted from its own edge. None is inside when it is on a separator."""
    texts: dict[int, Ends] = {}
    for index, found in ends.items():
        for first, last in zip(found[::2], found[1::2], strict=True):
            number = max(bisect_right(starts, first - 2) - 1, 0)
            while number + 1 < len(starts) and (start := starts[number]) + 2 <= last:
                own = max(first - start, 2), min(last, starts[number + 1]) - start
                if own[0] <= own[1]:
                    texts.setdefault(number, {}).setdefault(index, array("I")).extend(own)
                number += 1
    return texts


def _span(start: int, end: int, offsets: "array[int] | None") -> tuple[int, int]:
    return (start, end) if offsets is None else (offsets[start], offsets[end - 1] + 1)


def _redacted(text: str, findings: Iterable[Finding]) -> str:
    pieces: list[str] = []
    at = 0
    for found in findings:
        if found.action != "alert":
            pieces += text[at : found.start], f"[REDACTED:{found.rule}]"
            at = found.end
    return "".join((*pieces, text[at:])) if pieces else text
