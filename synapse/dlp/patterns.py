"""Rules made ready to match: the guarded expression that confirms, and the Hyperscan database that finds.

The database tells which triggers end where in a text, and where context words do. It knows no look-around, and every
end of a variable-length match is reported; so it gives hints, and `re` has the last word.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import hyperscan

from .._dlp import CONTEXT_CHARS, EDGE, Matcher
from .acceptance import Acceptance, acceptance
from .context import sought
from .findings import STRENGTH, Side
from .language import CORES_KEPT_MAX, Node, PatternError, alphabet, beginning, char_class, forward, parse, render, width
from .positions import heads, ways_of
from .programs import automaton
from .rules import Rule, RuleError
from .shapes import Shape, digits_of, figures_alike, in_figures, run_of
from .surroundings import condition, in_context
from .triggers import Trigger, has_literal, trigger

_ANY = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
# What may stand to the left of a trigger is looked for with it when that begins with one of so few characters, or of so
# few letters. Hyperscan is told by a rare first character where to look, such as a digit or a capital letter, and a
# guard before it would be found everywhere; but some letters alone are found everywhere as well.
_GUARDED_MAX = 8
_GUARDED_LETTERS_MAX = 13
# More alternatives than this in one expression cost more than looking for what they have in common.
_ALTERNATIVES_MAX = 8
# So many first characters tell the kind.
_KINDS_CHARS = 4
# Of more shapes in figures the digits are not told apart: the states of all their combinations would be too many.
_FIGURES_TOLD_APART_MAX = 128


@dataclass(frozen=True, slots=True)
class Run:
    """How a match goes on after its core: over a class of characters, up to a closing expression."""

    end: str  # the closing expression, in the group `closing`, or the first byte that is not in the class
    closing_width: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """One core of one rule. `index` is its place among all, its priority and its id in the database."""

    index: int
    rule: Rule
    guarded: str
    heads: bytes  # see `positions`
    narrowest: int
    widest: int
    reach: int  # how far before the end of its trigger a match begins at most
    solid: bool  # no match begins within another, since what it is made of must not stand to its left
    run: Run | None
    needs_context: bool

    def matcher(self, side: Side, checks: "Checks") -> Matcher:
        """It made ready for one side."""
        rule, run = self.rule, self.run
        return Matcher(
            self.index,
            expression=automaton(self.guarded.encode("ascii")),
            heads=self.heads,
            narrowest=self.narrowest,
            widest=self.widest,
            reach=self.reach,
            solid=self.solid,
            strength=STRENGTH[rule.action(side)],
            rule=rule.id,
            category=rule.category,
            action=rule.action(side),
            accept=checks.accept,
            condition=checks.in_context if self.needs_context else checks.apart,
            behind_words=self.needs_context,
            run=None if run is None else (run.end.encode("ascii"), run.closing_width),
        )


class Checks:
    """What confirms the matches of one rule; its patterns share it, since it is costly to compile."""

    __slots__ = ("accept", "apart", "in_context")

    def __init__(self, rule: Rule) -> None:
        self.accept = acceptance(rule)
        self.apart = condition(rule, behind_words=False)
        self.in_context = condition(rule, behind_words=True)


# Where rules claim a text alike, the packs that give it its name. What a word says of a country is said better by the
# rule of a country than by that of none: "passport", "my number".
_KNOWN_BEST_BY_WORD = {"secrets": 0, "us": 1, "us-health": 2, "uk": 3, "core": 5}
_KNOWN_BEST_BY_SHAPE = {"secrets": 0, "core": 1, "us": 2, "us-health": 2, "uk": 3}
_UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Core:
    """A pattern, and what is only needed to compile it."""

    pattern: Pattern
    source: str
    node: Node
    left: frozenset[int]
    shape: Shape | None  # what is looked for instead of a trigger, or besides the words of the context


def compile_cores(rules: Iterable[Rule], *, tried: Collection[str] = ()) -> tuple[Core, ...]:
    """In the order of what names a finding. Raises RuleError for the first rule that cannot be compiled.

    Rules whose ids are in `tried` are known to compile: what is only needed when one matches is left for then.
    """
    rules = tuple(rules)
    alone = [(rule, source, False) for rule in rules for source in rule.core]
    in_context = [(rule, source, True) for rule in rules for source in rule.core_with_context]
    ordered = sorted((*alone, *in_context), key=lambda core: _standing(core[0], needs_context=core[2]))
    cores = [
        _compile_core(index, rule, source, needs_context=needs_context)
        for index, (rule, source, needs_context) in enumerate(ordered)
    ]
    for rule in rules:
        if rule.id not in tried:
            _compile_rest(rule)
    return tuple(cores)


def _standing(rule: Rule, *, needs_context: bool) -> tuple[int, int]:
    """What says most about a text goes first: word and checksum, then a checksum that is proof, a word, a checksum.

    So a number behind "SSN" is one, though it may be a birth number of another country as well. Of equals the packs go
    first that are known best, then the order of the policy decides.
    """
    if needs_context:
        return 2 if rule.strength == "X" else 0, _KNOWN_BEST_BY_WORD.get(rule.pack, _UNKNOWN)
    return 1 if rule.strength == "S" else 3, _KNOWN_BEST_BY_SHAPE.get(rule.pack, _UNKNOWN)


def _compile_core(index: int, rule: Rule, source: str, *, needs_context: bool) -> Core:
    try:
        form = _form(source, rule.left, rule.right)
        run = _compile_run(rule.run, rule.until, rule.right)
    except PatternError as error:
        raise RuleError(rule.id, str(error)) from error
    if form.left & frozenset(EDGE):
        raise RuleError(rule.id, "`left` contains a line feed, which stands for the beginning of a text; leave it out")
    shape = _shape(source, rule.left, rule.right, needs_context=needs_context)
    reach = form.widest if shape is not None else min(form.widest, max(_trigger(source)[0].reach, _KINDS_CHARS))
    pattern = Pattern(
        index,
        rule,
        form.guarded,
        form.heads,
        narrowest=form.narrowest,
        widest=form.widest,
        reach=reach,
        solid=alphabet(form.node) <= form.left,
        run=run,
        needs_context=needs_context,
    )
    return Core(pattern, source, form.node, form.left, shape)


@dataclass(frozen=True, slots=True)
class _Form:
    """What a core and its guards come to, whatever rule they are of."""

    node: Node
    left: frozenset[int]
    guarded: str
    heads: bytes
    narrowest: int
    widest: int


@lru_cache(CORES_KEPT_MAX)
def _form(source: str, left: str, right: str) -> _Form:
    """Raises PatternError."""
    node, behind, ahead = parse(source), char_class(left), char_class(right)
    before = f"(?<!{render(behind)})" if behind else ""
    after = f"(?!{render(ahead)})" if ahead else ""
    return _Form(node, behind, f"{before}(?:{forward(node)}){after}", heads(node, behind), *width(node))


@lru_cache(CORES_KEPT_MAX)
def _shape(source: str, left: str, right: str, *, needs_context: bool) -> Shape | None:
    figures = _figures(source, left, right)
    if needs_context:
        # Words of contexts are rare, and only figures are as common as to be worth states of the automaton.
        return figures if figures is not None and in_figures(figures) else None
    form = _form(source, left, right)
    if has_literal(_trigger(source)[0].node):
        return None
    return figures or run_of(form.node, form.left, char_class(right))


@lru_cache(CORES_KEPT_MAX)
def _figures(source: str, left: str, right: str) -> Shape | None:
    form = _form(source, left, right)
    return digits_of(form.node, form.left, char_class(right))


def _compile_rest(rule: Rule) -> None:
    """Find out now what would fail when it is first needed."""
    try:
        if rule.core_with_context:
            in_context(rule).compile()
        if isinstance(accept := acceptance(rule), Acceptance):
            accept.compile()
    except PatternError as error:
        raise RuleError(rule.id, str(error)) from error


@lru_cache(CORES_KEPT_MAX)
def _compile_run(run: str, until: str, right: str) -> Run | None:
    if not run:
        if until:
            raise PatternError("`until` is given without `run`; say which characters may stand before it")
        return None
    if right:
        raise PatternError("`right` is given with `run`; leave it out, the run takes what follows")
    inside = char_class(run)
    stop = render(_ANY - inside)
    if not until:
        return Run(stop, 0)
    closing = parse(until)
    if not alphabet(closing) <= inside:
        raise PatternError("`until` contains characters that are not in `run`; add them there")
    return Run(f"(?P<closing>{forward(closing)})|{stop}", width(closing)[1])


@dataclass(frozen=True, slots=True)
class Hint:
    """Something that Hyperscan looks for. Where it ends, and up to `reach` further on, triggers of `patterns` end."""

    expressions: tuple[str, ...]
    patterns: tuple[int, ...]
    reach: int = 0
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a database, and the number of the hint that it reports."""

    hint: int
    text: str
    any_case: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The patterns that claim the texts of a shape: all of them, or those behind a word of their context."""

    always: tuple[int, ...]
    behind_words: tuple[int, ...]
    widest: int


def find_shapes(cores: Sequence[Core]) -> tuple[list[Shape], list[Claim]]:
    """The shapes of all cores that are one, and who claims each."""
    alone = {core.shape for core in cores if core.shape is not None and not core.pattern.needs_context}
    alike = sum(shape.has_digits for shape in alone) > _FIGURES_TOLD_APART_MAX
    members: dict[Shape, list[Core]] = {}
    for core in cores:
        if (shape := core.shape) is not None:
            if shape.has_digits and (alike or core.pattern.needs_context):
                shape = figures_alike(shape)
            members.setdefault(shape, []).append(core)
    claims = [
        Claim(
            tuple(core.pattern.index for core in some if not core.pattern.needs_context),
            tuple(core.pattern.index for core in some if core.pattern.needs_context),
            max(core.pattern.widest for core in some),
        )
        for some in members.values()
    ]
    return list(members), claims


def find_hints(cores: Sequence[Core]) -> list[Hint]:
    """What Hyperscan looks for to find all patterns but those whose shape is enough."""
    return [*_triggers(core for core in cores if core.shape is None), *_words(cores)]


def _triggers(cores: Iterable[Core]) -> Iterator[Hint]:
    """Triggers, equal ones together. Those which lead the cores of a rule behind a guard are one expression."""
    groups: dict[tuple[str, frozenset[int]], list[tuple[Core, str]]] = {}
    alone: dict[str, list[int]] = {}
    for core in cores:
        if core.pattern.needs_context:
            continue
        found, expression, gains_by_guard = _trigger(core.source)
        if found.leads and core.left and gains_by_guard:
            groups.setdefault((core.pattern.rule.id, core.left), []).append((core, expression))
        else:
            alone.setdefault(expression, []).append(core.pattern.index)
    for (_, left), members in groups.items():
        expressions = tuple(render(_ANY - left) + expression for expression in _leading(members))
        yield Hint(expressions, tuple(core.pattern.index for core, _ in members))
    for expression, indices in alone.items():
        yield Hint((expression,), tuple(indices))


@lru_cache(CORES_KEPT_MAX)
def _trigger(source: str) -> tuple[Trigger, str, bool]:
    """The trigger of a core, its expression, and whether it is found faster with a guard before it."""
    found = trigger(parse(source))
    return found, forward(found.node), _gains_by_guard(beginning(found.node))


def _leading(members: Sequence[tuple[Core, str]]) -> list[str]:
    """What the cores of one rule begin with: their triggers, or where these are many, the kinds of characters."""
    expressions = list(dict.fromkeys(expression for _, expression in members))
    if len(expressions) > _ALTERNATIVES_MAX and all(core.pattern.narrowest >= _KINDS_CHARS for core, _ in members):
        kinds: dict[tuple[str, ...], list[tuple[frozenset[int], ...]]] = {}
        for core, _ in members:
            for kind, way in _beginnings(core.source):
                kinds.setdefault(kind, []).append(way)
        if len(kinds) <= _ALTERNATIVES_MAX and all(_is_rare(kind) for kind in kinds):
            return [
                "".join(render(frozenset[int]().union(*place)) for place in zip(*ways, strict=True))
                for ways in kinds.values()
            ]
    return [f"(?:{'|'.join(expressions)})"]


@lru_cache(CORES_KEPT_MAX)
def _beginnings(source: str) -> tuple[tuple[tuple[str, ...], tuple[frozenset[int], ...]], ...]:
    """The ways in which a match of a core may begin, each behind the kinds of its characters."""
    return tuple((tuple(map(_kind, way)), way) for way in ways_of(parse(source), _KINDS_CHARS))


def _is_rare(kinds: Sequence[str]) -> bool:
    """Whether such characters in a row are a rare sight in prose: a letter beside a digit, capitals before one."""
    letters = sum(kind == "capital letter" or (kind == "letter" and "sign" not in kinds) for kind in kinds)
    return letters > 1 and "digit" in kinds


def _kind(allowed: frozenset[int]) -> str:
    if allowed <= _DIGITS:
        return "digit"
    if allowed <= _LETTERS:
        return "letter" if any(byte >= 0x61 for byte in allowed) else "capital letter"
    return "other" if allowed & (_DIGITS | _LETTERS) else "sign"


def _gains_by_guard(first: frozenset[int]) -> bool:
    letters = {byte | 0x20 for byte in first & _LETTERS}
    return len(first) <= _GUARDED_MAX or (first <= _LETTERS and len(letters) <= _GUARDED_LETTERS_MAX)


def _words(cores: Iterable[Core]) -> Iterator[Hint]:
    """A pattern that needs a context is looked for by its words: they are rarer than figures."""
    words: dict[tuple[str, ...], list[int]] = {}
    for core in cores:
        rule = core.pattern.rule
        if core.pattern.needs_context:
            for word in dict.fromkeys(sought(word, assigned=rule.assigned) for word in rule.context):
                words.setdefault(word, []).append(core.pattern.index)
    for expressions, patterns in words.items():
        yield Hint(expressions, tuple(patterns), CONTEXT_CHARS, any_case=True)


def expressions_of(hints: Iterable[Hint], *, first: int = 0) -> tuple[Expression, ...]:
    """What a database of these hints looks for, when they are numbered from `first` on."""
    return tuple(
        Expression(number, expression, hint.any_case)
        for number, hint in enumerate(hints, first)
        for expression in hint.expressions
    )


def compile_database(expressions: Sequence[Expression]) -> bytes:
    """A serialised Hyperscan database, which reports the numbers of hints. The same expressions give the same.

    Plain byte mode: the shadow needs no UTF-8, and start-of-match makes bounded repeats too large.
    """
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[one.text.encode("ascii") for one in expressions],
        ids=[one.hint for one in expressions],
        flags=[hyperscan.HS_FLAG_CASELESS if one.any_case else 0 for one in expressions],
    )
    return bytes(hyperscan.dumpb(database))


def load_database(blob: bytes) -> Any:
    """What `compile_database` made, ready to scan with."""
    return hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)
