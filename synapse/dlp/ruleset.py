"""One compiled policy: what it finds in a text, and what of the text may leave."""

import hashlib
from array import array
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache, cached_property
from importlib import metadata
from itertools import accumulate, pairwise
from typing import Self

import hyperscan
import orjson

from .._dlp import EDGE, Detector, Live, Redactor, ends_by_text, judge, strongest
from .compilation import Compiled, CompileDatabase, acts, compile_rules, group
from .findings import Finding, Scan, Side
from .options import DEFAULT_OPTIONS, PolicyOptions
from .patterns import Checks, compile_database
from .rules import Rule, load_default_rules, rule_from_table
from .shadow import FOLDING
from .surroundings import LEFT_CHARS

# Raise it with every change that makes the same rules find something else: compiled databases are shared by version.
ENGINE = 21

# Joins the texts of one request for one scan. Each text has to begin as a text of its own does: a guard that is looked
# for with a trigger is then content with what stands there. A trigger that reaches across costs one look, and no more.
_SEPARATOR = EDGE.decode()

# What a scan in slices looks at without a pause: at worst a few milliseconds, when the text is full of matches.
SLICE_CHARS = 16 * 1024

Ends = dict[int, "array[int]"]


class RulesetError(ValueError):
    """A compiled ruleset that this engine cannot load; compile it from its rules again."""


class Ruleset:
    """Immutable. Texts are scanned whole, in slices, or as streams through `redactor`; all give the same."""

    def __init__(
        self, name: str, compiled: Compiled, *, options: PolicyOptions = DEFAULT_OPTIONS, version: str | None = None
    ) -> None:
        self.name = name
        self.rules = compiled.rules
        self.options = options
        self.version = version_of(self.rules, options) if version is None else version
        self._compiled = compiled
        self._scanner = compiled.scanner()
        checks, lives = {rule.id: Checks(rule) for rule in self.rules}, compiled.automata()
        self._acting = {side: self._detector(side, checks, lives, alert=False) for side in Side}
        self._alerts = {side: self._detector(side, checks, lives, alert=True) for side in Side}

    @classmethod
    def compile(
        cls,
        rules: Iterable[Rule],
        *,
        name: str,
        options: PolicyOptions = DEFAULT_OPTIONS,
        apart: Collection[str] = (),
        tried: Collection[str] = (),
        database: CompileDatabase = compile_database,
    ) -> Self:
        """Raises RuleError for a rule that cannot be compiled. For what else is given see `compile_rules`."""
        compiled = compile_rules(tuple(rules), apart=apart, tried=tried, database=database)
        return cls(name, compiled, options=options)

    def dumps(self) -> bytes:
        """Rules and compiled databases, for other processes on the same machine."""
        header = orjson.dumps(
            {
                "name": self.name,
                "version": self.version,
                "options": asdict(self.options),
                "compiled": self._compiled.to_table(),
                "databases": [len(database) for database in self._compiled.databases],
            }
        )
        return b"".join((len(header).to_bytes(8, "big"), header, *self._compiled.databases))

    @classmethod
    def loads(cls, dump: bytes) -> Self:
        """Raises RulesetError when the dump is of another engine, or of other rules than it says."""
        size = int.from_bytes(dump[:8], "big")
        header = orjson.loads(dump[8 : 8 + size])
        rules = tuple(rule_from_table(table) for table in header["compiled"]["rules"])
        options = PolicyOptions(**header["options"])
        if header["version"] != version_of(rules, options):
            raise RulesetError("compiled by another version of the engine; compile it again")
        ends = list(accumulate(header["databases"], initial=8 + size))
        databases = [dump[start:end] for start, end in pairwise(ends)]
        compiled = Compiled.from_table(header["compiled"], rules, databases=databases)
        try:
            return cls(header["name"], compiled, options=options, version=header["version"])
        except hyperscan.error as error:
            raise RulesetError("compiled for another kind of machine; compile it again") from error

    def only(self, wanted: Callable[[Rule], bool]) -> Self:
        """The same with only some of its rules; it shares what was compiled, and costs next to nothing to make.

        Its version stays the whole one's: it is another view of the same policy.
        """
        part = object.__new__(type(self))
        part.name, part.version, part.options = self.name, self.version, self.options
        part.rules = tuple(rule for rule in self.rules if wanted(rule))
        part._compiled, part._scanner = self._compiled, self._scanner
        kept = {rule.id for rule in part.rules}
        part._acting = {side: _only(detector, kept) for side, detector in self._acting.items()}
        part._alerts = {side: _only(detector, kept) for side, detector in self._alerts.items()}
        return part

    def without(self, rule_ids: frozenset[str]) -> Self:
        """The same with some rules off."""
        return self.only(lambda rule: rule.id not in rule_ids)

    @cached_property
    def strong(self) -> Self:
        """Only the rules that may act without any context: shape or checksum is proof enough."""
        return self.only(lambda rule: rule.strength == "S")

    def redactor(self, side: Side = Side.ANSWER) -> Redactor:
        return Redactor(FOLDING, self._acting[side], self._alerts[side])

    def redact_answer(self, text: str) -> tuple[str, tuple[Finding, ...], bool]:
        """What a stream of this text would have delivered, its findings, and whether it was blocked."""
        ends = self._scanner(FOLDING.window(text))
        if not ends:
            return text, (), False
        redactor = Redactor(FOLDING, self._acting[Side.ANSWER], self._alerts[Side.ANSWER], ends=ends)
        delivered = redactor.whole(text)
        return delivered, tuple(redactor.findings), redactor.blocked

    def scan(self, text: str, side: Side) -> Scan:
        window = FOLDING.window(text)
        ends = self._scanner(window)
        return self._judge(text, window, ends, side) if ends else Scan((), "none", text)

    def scan_slices(self, text: str, side: Side) -> Generator[None, None, Scan]:
        """The same for a long text; it yields after each slice, so that others get their turn."""
        redactor = Redactor(FOLDING, self._acting[side], self._alerts[side], goes_on=True)
        pieces = []
        for at in range(0, len(text), SLICE_CHARS):
            pieces.append(redactor.feed(text[at : at + SLICE_CHARS]))
            yield
        pieces.append(redactor.finish())
        findings = tuple(redactor.findings)
        if not findings:
            return Scan((), "none", text)
        # Of a text full of matches, each of these takes as long as some slices.
        yield
        action = strongest(findings)
        yield
        return Scan(findings, action, text if action == "alert" else "".join(pieces))

    def scan_many(self, texts: Sequence[str], side: Side) -> list[Scan]:
        """The verdicts on the strings of one request, for the price of one scan when they are clean."""
        scans = [Scan((), "none", text) for text in texts]
        for number, scan in self._judge_each(texts, side):
            scans[number] = scan
        return scans

    def clean(self, texts: Sequence[str], side: Side) -> bool:
        """Whether nothing is found in any of these: `scan_many` without its verdicts."""
        return all(scan.action == "none" for _, scan in self._judge_each(texts, side))

    def _judge_each(self, texts: Sequence[str], side: Side) -> Iterator[tuple[int, Scan]]:
        """The number and the verdict of each of these texts that a trigger ends in, from one scan of all."""
        joined = _SEPARATOR.join(texts)
        window = FOLDING.window(joined)
        ends = self._scanner(window)
        if not ends:
            return
        # Where no character was dropped, a shadow is as long as its text, and stands behind an edge as it would alone.
        whole = len(window) == 1 + len(joined)
        lengths = (len(text) + 1 if whole else len(FOLDING.window(text)) for text in texts)
        starts = list(accumulate(lengths, initial=0))
        for number, own in ends_by_text(ends, starts).items():
            yield number, self._judge(texts[number], window[starts[number] : starts[number + 1]], own, side)

    def _judge(self, text: str, window: bytes, ends: Ends, side: Side) -> Scan:
        return judge(text, window, FOLDING, ends, self._acting[side], self._alerts[side])

    def _detector(
        self, side: Side, checks: Mapping[str, Checks], lives: Mapping[str, Sequence[Live]], *, alert: bool
    ) -> Detector:
        patterns = [pattern for pattern in self._compiled.patterns if acts(pattern, side, alert=alert)]
        matchers = [pattern.matcher(side, checks[pattern.rule.id]) for pattern in patterns]
        return Detector(
            matchers,
            lives=lives[group(side, alert=alert)],
            scan=self._scanner,
            left_chars=LEFT_CHARS if any(matcher.conditional for matcher in matchers) else 1,
        )


def version_of(rules: Iterable[Rule], options: PolicyOptions = DEFAULT_OPTIONS) -> str:
    """A short hash of everything that decides what is found and what becomes of it."""
    decides = [[rule.to_table() for rule in rules], asdict(options)]
    return hashlib.sha256(engine_version().encode() + orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)).hexdigest()[
        :12
    ]


@cache
def engine_version() -> str:
    """What rules are compiled by; what another one has compiled is of no use."""
    return f"{ENGINE}:{metadata.version('hyperscan')}"


def default_ruleset() -> Ruleset:
    """The rules of the default policy, compiled."""
    return Ruleset.compile(load_default_rules(), name="default")


def _only(detector: Detector, rules: set[str]) -> Detector:
    return detector.only([matcher for matcher in detector.matchers.values() if matcher.rule in rules])
