"""Rules made ready to match: the guarded expression that confirms, and the Hyperscan databases that find.

Two kinds of databases. `scan` tells which triggers end where in a text. `live` is run over the reversed end of a
stream, and tells how far back a match could begin that may still be completed.
"""

import re
import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan

from .._dlp import collect, farthest
from .acceptance import acceptance
from .assignment import compile_assignment
from .context import CONTEXT_CHARS, GROUPED, compile_context
from .prefixes import Node, PatternError, alphabet, char_class, forward, parse, prefixes, render, width
from .rules import Rule, RuleError
from .triggers import trigger
from .validators import Validator

# What stands before the first character of a text; no guard may contain it.
EDGE = b"\n"

_ANY = frozenset(range(256))

# For each pattern by its index, the stretches in which ends of its trigger lie: first, last, first, last, in order. Not
# every place in a stretch is such an end, but every such end is in a stretch.
Ends = dict[int, "array[int]"]

# The widths of the patterns in one live database, in sum. The time to compile one grows much faster than its width;
# each further database costs a stream 0.2 µs per delta.
_GROUP_WIDTH = 1500


@dataclass(frozen=True, slots=True)
class Run:
    """How a match goes on after its core: over a class of characters, up to a closing expression."""

    end: re.Pattern[bytes]  # the closing expression, in the group `closing`, or the first byte that is not in the class
    closing_width: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """One core of one rule. `index` is its place in the ruleset, its priority and its id in every database."""

    index: int
    rule: Rule
    core: Node
    left: frozenset[int]
    guarded: re.Pattern[bytes]
    narrowest: int
    widest: int
    validator: Validator | None
    run: Run | None
    context: re.Pattern[bytes] | None = None
    apart: bool = False

    def fits(self, window: bytes, start: int) -> bool:
        """Whether what has to stand before a match at `start` does."""
        if self.apart and GROUPED.search(window, max(0, start - 2), start) is not None:
            return False
        if self.context is None:
            return True
        return self.context.search(window, max(0, start - CONTEXT_CHARS), start) is not None


def compile_patterns(rules: Iterable[Rule]) -> tuple[Pattern, ...]:
    """Raises RuleError for the first rule that cannot be compiled."""
    cores = [
        (rule, core, in_context)
        for rule in rules
        for some, in_context in ((rule.core, False), (rule.core_with_context, True))
        for core in some
    ]
    return tuple(_compile_pattern(index, *core) for index, core in enumerate(cores))


def _compile_pattern(index: int, rule: Rule, core: str, in_context: bool) -> Pattern:
    try:
        context = _compile_context(rule) if in_context else None
        node = parse(core)
        left, right = char_class(rule.left), char_class(rule.right)
        run = _compile_run(rule)
    except PatternError as error:
        raise RuleError(rule.id, str(error)) from error
    if left & frozenset(EDGE):
        raise RuleError(rule.id, "`left` contains a line feed, which stands for the beginning of a text; leave it out")
    narrowest, widest = width(node)
    before = f"(?<!{render(left)})" if left else ""
    after = f"(?!{render(right)})" if right else ""
    guarded = re.compile(f"{before}(?:{forward(node)}){after}".encode("ascii"))
    return Pattern(
        *(index, rule, node, left, guarded, narrowest, widest, acceptance(rule), run, context),
        apart=rule.apart and not in_context,
    )


def _compile_context(rule: Rule) -> re.Pattern[bytes]:
    return compile_assignment(rule.context) if rule.assigned else compile_context(rule.context, rule.between)


def _compile_run(rule: Rule) -> Run | None:
    if not rule.run:
        if rule.until:
            raise PatternError("`until` is given without `run`; say which characters may stand before it")
        return None
    if rule.right:
        raise PatternError("`right` is given with `run`; leave it out, the run takes what follows")
    inside = char_class(rule.run)
    stop = render(_ANY - inside)
    if not rule.until:
        return Run(re.compile(stop.encode("ascii")), 0)
    closing = parse(rule.until)
    if not alphabet(closing) <= inside:
        raise PatternError("`until` contains characters that are not in `run`; add them there")
    return Run(re.compile(f"(?P<closing>{forward(closing)})|{stop}".encode("ascii")), width(closing)[1])


class Database:
    """A Hyperscan block database, with a scratch space for each thread: two scans in one would corrupt it."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._of_thread = threading.local()

    @classmethod
    def compile(cls, expressions: Mapping[int, str]) -> "Database":
        """Plain byte mode: the shadow needs no UTF-8, and start-of-match makes bounded repeats too large."""
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[expression.encode("ascii") for expression in expressions.values()],
            ids=list(expressions),
            flags=[0] * len(expressions),
        )
        return cls(database)

    @classmethod
    def loads(cls, blob: bytes) -> "Database":
        return cls(hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK))

    def dumps(self) -> bytes:
        return bytes(hyperscan.dumpb(self._database))

    def scan(self, text: bytes, handler: Callable[..., None], context: object) -> None:
        try:
            scratch = self._of_thread.scratch
        except AttributeError:
            scratch = self._of_thread.scratch = hyperscan.Scratch(self._database)
        self._database.scan(text, handler, 0, context, scratch)


class Detector:
    """Some patterns of a ruleset, with the scan database of all of them and their own live databases."""

    def __init__(self, patterns: Sequence[Pattern], *, scan: Database | None, live: Sequence[Database]) -> None:
        self.patterns: Mapping[int, Pattern] = {pattern.index: pattern for pattern in patterns}
        self.narrowest = min((pattern.narrowest for pattern in patterns), default=0)
        self.widest = max((pattern.widest for pattern in patterns), default=0)
        self._scan = scan
        self._live = live

    def ends(self, window: bytes) -> Ends:
        """Where the triggers of these patterns end."""
        ends: Ends = {}
        if self._scan is not None:
            self._scan.scan(window, collect, ends)
        return self.own(ends) if ends else ends

    def own(self, ends: Ends) -> Ends:
        """Those of these patterns."""
        return {index: found for index, found in ends.items() if index in self.patterns}

    def live_start(self, window: bytes) -> int:
        """The first place, after the left context of one byte, where a match may begin that is not yet whole."""
        best = [0]
        # The last byte of what the expression matches is the left context of a candidate.
        tail = window[: -self.widest - 2 : -1]
        for database in self._live:
            database.scan(tail, farthest, best)
        return len(window) - best[0] + 1 if best[0] else len(window)


def live_groups(patterns: Sequence[Pattern]) -> list[list[Pattern]]:
    """Which patterns share a live database, neighbours first."""
    groups: list[list[Pattern]] = []
    room = 0
    for pattern in patterns:
        if not groups or pattern.widest > room:
            groups.append([])
            room = _GROUP_WIDTH
        groups[-1].append(pattern)
        room -= pattern.widest
    return groups


def scan_expressions(patterns: Iterable[Pattern]) -> dict[int, str]:
    return {pattern.index: forward(trigger(pattern.core)) for pattern in patterns}


def live_expressions(patterns: Iterable[Pattern]) -> dict[int, str]:
    """`\\A`, a reversed beginning of a word of the core, and a character which may stand to its left."""
    return {pattern.index: rf"\A(?:{prefixes(pattern.core)}){render(_ANY - pattern.left)}" for pattern in patterns}
