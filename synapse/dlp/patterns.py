"""Rules made ready to match: the guarded expression that confirms, and the Hyperscan database that finds.

The database tells which triggers end where in a text, and where context words do. It knows no look-around, and every
end of a variable-length match is reported; so it gives hints, and `re` has the last word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan

from .._dlp import EDGE, Matcher, Scanner
from .acceptance import Acceptance, acceptance
from .context import CONTEXT_CHARS, word_trigger
from .findings import STRENGTH, Side
from .language import Node, PatternError, alphabet, char_class, forward, parse, render, width
from .rules import Rule, RuleError
from .surroundings import InContext, condition
from .triggers import trigger

_ANY = frozenset(range(256))


@dataclass(frozen=True, slots=True)
class Run:
    """How a match goes on after its core: over a class of characters, up to a closing expression."""

    end: str  # the closing expression, in the group `closing`, or the first byte that is not in the class
    closing_width: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """One core of one rule. `index` is its place in the ruleset, its priority and its id in the database."""

    index: int
    rule: Rule
    guarded: str
    narrowest: int
    widest: int
    run: Run | None
    needs_context: bool

    def matcher(self, side: Side) -> Matcher:
        """It made ready for one side."""
        rule, run = self.rule, self.run
        return Matcher(
            self.index,
            guarded=self.guarded.encode("ascii"),
            narrowest=self.narrowest,
            widest=self.widest,
            strength=STRENGTH[rule.action(side)],
            rule=rule.id,
            category=rule.category,
            action=rule.action(side),
            accept=acceptance(rule),
            condition=condition(rule, in_context=self.needs_context),
            run=None if run is None else (run.end.encode("ascii"), run.closing_width),
        )


@dataclass(frozen=True, slots=True)
class Core:
    """A pattern, and what is only needed to compile it."""

    pattern: Pattern
    node: Node
    left: frozenset[int]


def compile_cores(rules: Iterable[Rule]) -> tuple[Core, ...]:
    """Raises RuleError for the first rule that cannot be compiled."""
    cores: list[Core] = []
    for rule in rules:
        for source in rule.core:
            cores.append(_compile_core(len(cores), rule, source, needs_context=False))
        for source in rule.core_with_context:
            cores.append(_compile_core(len(cores), rule, source, needs_context=True))
        _compile_rest(rule)
    return tuple(cores)


def _compile_core(index: int, rule: Rule, source: str, *, needs_context: bool) -> Core:
    try:
        node = parse(source)
        left, right = char_class(rule.left), char_class(rule.right)
        run = _compile_run(rule)
    except PatternError as error:
        raise RuleError(rule.id, str(error)) from error
    if left & frozenset(EDGE):
        raise RuleError(rule.id, "`left` contains a line feed, which stands for the beginning of a text; leave it out")
    narrowest, widest = width(node)
    before = f"(?<!{render(left)})" if left else ""
    after = f"(?!{render(right)})" if right else ""
    guarded = f"{before}(?:{forward(node)}){after}"
    return Core(Pattern(index, rule, guarded, narrowest, widest, run, needs_context), node, left)


def _compile_rest(rule: Rule) -> None:
    """Find out now what would fail when it is first needed."""
    try:
        if rule.core_with_context:
            InContext(rule).compile()
        if isinstance(accept := acceptance(rule), Acceptance):
            accept.compile()
    except PatternError as error:
        raise RuleError(rule.id, str(error)) from error


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
        return Run(stop, 0)
    closing = parse(rule.until)
    if not alphabet(closing) <= inside:
        raise PatternError("`until` contains characters that are not in `run`; add them there")
    return Run(f"(?P<closing>{forward(closing)})|{stop}", width(closing)[1])


@dataclass(frozen=True, slots=True)
class Expressions:
    """What the database looks for: triggers by the index of their pattern, and after them the words of contexts."""

    triggers: Mapping[int, str]
    words: Mapping[str, tuple[int, ...]]  # expression -> the patterns that it is a context of
    first_word: int


def find_expressions(cores: Sequence[Core]) -> Expressions:
    """A pattern that needs a context is looked for by its words: they are rarer than figures."""
    words: dict[str, list[int]] = {}
    triggers: dict[int, str] = {}
    for core in cores:
        pattern = core.pattern
        if not pattern.needs_context:
            triggers[pattern.index] = forward(trigger(core.node))
            continue
        rule = pattern.rule
        for word in dict.fromkeys(word_trigger(word, assigned=rule.assigned) for word in rule.context):
            words.setdefault(word, []).append(pattern.index)
    return Expressions(triggers, {word: tuple(indices) for word, indices in words.items()}, len(cores))


def compile_database(expressions: Expressions) -> bytes:
    """A serialised Hyperscan database; nothing when there is nothing to look for.

    Plain byte mode: the shadow needs no UTF-8, and start-of-match makes bounded repeats too large.
    """
    if not expressions.triggers and not expressions.words:
        return b""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode("ascii") for expression in (*expressions.triggers.values(), *expressions.words)],
        ids=[*expressions.triggers, *range(expressions.first_word, expressions.first_word + len(expressions.words))],
        flags=[0] * (len(expressions.triggers) + len(expressions.words)),
    )
    return bytes(hyperscan.dumpb(database))


def make_scanner(blob: bytes, *, first_word: int, of_words: Sequence[tuple[int, ...]]) -> Scanner:
    """What `compile_database` made, ready to scan with."""
    databases: list[Any] = [hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)] if blob else []
    return Scanner(
        databases, make_scratch=hyperscan.Scratch, first_word=first_word, of_words=of_words, reach=CONTEXT_CHARS
    )
