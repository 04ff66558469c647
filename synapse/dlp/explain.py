"""Why a rule did or did not match: where it nearly does, which of its conditions fails.

Plain `re` over the shadow text, a rule at a time: it is for the people who write rules, and stays out of the engine's
way. What the engine found is given to it and has the last word.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .._dlp import CONTEXT_CHARS, Apart, entropy
from .beginnings import longest_beginning
from .context import compile_context
from .findings import Finding, Side
from .language import Node, char_class, forward, parse, parse_part, render, width
from .patterns import compile_cores
from .rules import Rule
from .shadow import fold
from .surroundings import claims
from .surroundings import in_context as words_before
from .triggers import trigger
from .validators import VALIDATORS
from .wording import members, shape

Condition = Literal[
    "shape",
    "left",
    "right",
    "apart",
    "unclaimed",
    "context",
    "between",
    "assigned",
    "validator",
    "entropy",
    "allow",
    "stop_words",
    "off",
    "hidden",
]

# A longer text has too many near matches for anybody to read, and each costs a look.
TEXT_CHARS_MAX = 100_000
# Of one core in one text. Somebody who wants to know more about so many gives a shorter text.
CANDIDATES_MAX = 500
_WORDS_SHOWN = 10
# What begins like a match is only of interest when this much of it is there.
_BEGINNING_CHARS_MIN = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """A condition of a rule that does not hold, and what would have to be."""

    condition: Condition
    message: str


@dataclass(frozen=True, slots=True)
class Near:
    """A place that a rule matches, or nearly does. Offsets are code points of the text as it came."""

    rule: str
    start: int
    end: int
    failures: tuple[Failure, ...] = ()

    @property
    def matched(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class Scanned:
    """A text, what the engine found in it, and for rules that were not asked the reason, by id."""

    text: str
    side: Side
    findings: Sequence[Finding]
    off: Mapping[str, str]


def near_matches(rules: Iterable[Rule], scanned: Scanned) -> list[Near]:
    """Of each rule the places that have its shape, whatever stands beside them; first those that lack least."""
    shadow, offsets = fold(scanned.text)
    place = _Place(b"\n" + shadow, offsets, scanned)
    near = [one for rule in rules for one in _best(_candidates(rule, place))]
    return sorted([*near, *_not_in_the_shadow(scanned, near)], key=lambda one: (len(one.failures), one.start, one.rule))


def near_shape(rule: Rule, scanned: Scanned) -> Near | None:
    """The longest piece that begins like a match of the rule, for a text in which nothing has its shape."""
    shadow, offsets = fold(scanned.text)
    window = b"\n" + shadow
    left = char_class(rule.left)
    found = [
        (begun, least)
        for node in map(parse, (*rule.core, *rule.core_with_context))
        if (begun := longest_beginning(node, window, left=left)) is not None
        and begun.length >= max(_BEGINNING_CHARS_MIN, (least := width(node)[0]) // 2)
    ]
    if not found:
        return None
    begun, least = max(found, key=lambda one: one[0].length)
    then = "then the text ends" if begun.next_byte is None else f"then comes {_neighbour(begun.next_byte)}"
    message = f"{begun.length} of at least {least} signs fit; {then}, and not {begun.expected}"
    span = _span(begun.start - 1, begun.start - 1 + begun.length, offsets)
    return Near(rule.id, *span, (Failure("shape", message),))


@dataclass(frozen=True, slots=True)
class _Place:
    """The shadow with an edge before it, and the way back to the text."""

    window: bytes
    offsets: "array[int] | None"
    scanned: Scanned


def _candidates(rule: Rule, place: _Place) -> Iterator[Near]:
    for cores, in_context in ((rule.core, False), (rule.core_with_context, True)):
        for core in cores:
            for start, end in _shaped(parse(core), rule, place.window):
                near = Near(rule.id, *_span(start - 1, end - 1, place.offsets))
                if any(_has(finding, near) for finding in place.scanned.findings):
                    yield near
                    continue
                failures = list(_failures(rule, place.window, start, end, in_context=in_context))
                yield replace(near, failures=(*failures, *_verdict(rule, near, place.scanned, failures)))


def _shaped(core: Node, rule: Rule, window: bytes) -> Iterator[tuple[int, int]]:
    """Matches between their guards first, wherever they begin; then those which only lack the guards."""
    bare = forward(core)
    guarded = f"(?<!{_class(rule.left)})(?:{bare})(?!{_class(rule.right)})"
    for expression, overlapping in ((guarded, True), (bare, False)):
        at, count = 1, 0
        compiled = re.compile(expression.encode("ascii"))
        while count < CANDIDATES_MAX and (match := compiled.search(window, at)):
            yield match.span()
            at = match.start() + 1 if overlapping else match.end()
            count += 1


def _class(body: str) -> str:
    """A class that no byte is in, when none is given."""
    return render(char_class(body)) if body else "[^\\x00-\\xff]"


def _failures(rule: Rule, window: bytes, start: int, end: int, *, in_context: bool) -> Iterator[Failure]:
    beside = list(_guards(rule, window, start, end))
    yield from beside
    if in_context:
        yield from _context(rule, window, start)
    else:
        yield from _claims(rule, window, start)
    # Between other guards a match would have been another text, so that its checks say nothing about this one.
    if not beside:
        yield from _checks(rule, window[start:end])


def _claims(rule: Rule, window: bytes, start: int) -> Iterator[Failure]:
    if rule.apart and not Apart(groups=True)(window, start):
        yield Failure("apart", "a digit and a separator stand before it: it is the rest of a longer number in groups")
    if rule.unclaimed and claims()(window, start):
        yield Failure("unclaimed", "a word before it says that it is another number, such as an order's or a version's")


def _guards(rule: Rule, window: bytes, start: int, end: int) -> Iterator[Failure]:
    left, right = char_class(rule.left), char_class(rule.right)
    if window[start - 1] in left:
        yield Failure(
            "left", f"{_neighbour(window[start - 1])} stands directly to its left; none of {members(left)} may"
        )
    if end < len(window) and window[end] in right:
        yield Failure("right", f"{_neighbour(window[end])} stands directly to its right; none of {members(right)} may")


def _neighbour(byte: int) -> str:
    sign = chr(byte)
    if sign.isdigit():
        return "a digit"
    if byte >= 0x80:
        return "a sign beyond ASCII"
    return "a letter" if sign.isalpha() else "a blank" if sign.isspace() else f"`{sign}`"


def _context(rule: Rule, window: bytes, start: int) -> Iterator[Failure]:
    if words_before(rule)(window, start):
        return
    words = compile_context(rule.context)
    if words.search(window, max(0, start - CONTEXT_CHARS), start + 1) is None:
        yield Failure("context", _missing_word(rule, words, window, start))
    elif rule.assigned:
        yield Failure("assigned", "it is not the value of an assignment to a name with a word of its context")
    elif rule.between:
        between = shape(parse_part(rule.between))
        yield Failure("between", f"between a word of its context and the match stands something else than {between}")
    else:
        yield Failure("context", "between a word of its context and the match something was redacted")


def _missing_word(rule: Rule, words: re.Pattern[bytes], window: bytes, start: int) -> str:
    before = [match.start() for match in words.finditer(window, 0, start + 1)]
    if before:
        return f"a word of its context begins {start - before[-1]} signs to its left; at most {CONTEXT_CHARS} count"
    if words.search(window + b"\n", start):
        return "a word of its context stands to its right; only what stands to its left counts, as in a stream"
    return f"none of its words begins within {CONTEXT_CHARS} signs to its left: {some(rule.context)}"


def _checks(rule: Rule, match: bytes) -> Iterator[Failure]:
    if rule.validator and not VALIDATORS[rule.validator](match):
        said = validator_in_words(rule.validator)
        yield Failure("validator", f"the check `{rule.validator}` refuses it" + (f": {said}" if said else ""))
    if rule.entropy and (bits := entropy(match)) < rule.entropy:
        yield Failure("entropy", f"it has {bits:.2f} bits of entropy in each sign; {rule.entropy:g} are needed")
    for expression in rule.allow:
        if re.search(expression.encode("ascii"), match):
            yield Failure("allow", f"its allowlist has it: `{expression}`")
    lowered = match.lower()
    for word in rule.stop_words:
        if word.lower().encode("ascii") in lowered:
            yield Failure("stop_words", f"it contains the stop word `{word}`")


def _verdict(rule: Rule, near: Near, scanned: Scanned, failures: Sequence[Failure]) -> Iterator[Failure]:
    """Why it is no finding although all conditions of its own hold, or whatever they do."""
    if why := scanned.off.get(rule.id):
        yield Failure("off", why)
    elif rule.action(scanned.side) == "off":
        yield Failure("off", f"the rule is off for {scanned.side}s")
    elif not failures:
        yield Failure("hidden", _hidden_by(near, scanned.findings))


def _has(finding: Finding, near: Near) -> bool:
    return finding.rule == near.rule and finding.start < near.end and near.start < finding.end


def _hidden_by(near: Near, findings: Iterable[Finding]) -> str:
    for finding in findings:
        if finding.start < near.end and near.start < finding.end:
            return (
                f"the finding of {finding.rule} ({finding.action}) stands here: what overlaps is one finding, named "
                "after the strongest action, then the leftmost and longest match"
            )
    return "a match that was looked at before it overlaps it"


def _best(candidates: Iterable[Near]) -> Iterator[Near]:
    """Of those that overlap the one that lacks least."""
    taken: list[Near] = []
    for one in sorted(candidates, key=lambda near: (len(near.failures), near.start, -near.end)):
        if not any(one.start < other.end and other.start < one.end for other in taken):
            taken.append(one)
            yield one


def _not_in_the_shadow(scanned: Scanned, near: Iterable[Near]) -> Iterator[Near]:
    """What was found in a decoded view of the text, and so does not stand there as it is looked for."""
    matched = [one for one in near if one.matched]
    for finding in scanned.findings:
        if not any(_has(finding, one) for one in matched):
            yield Near(finding.rule, finding.start, finding.end)


def _span(start: int, end: int, offsets: "array[int] | None") -> tuple[int, int]:
    return (start, end) if offsets is None else (offsets[start], offsets[end - 1] + 1)


def shapes_in_words(cores: Iterable[str]) -> list[str]:
    return [shape(parse_part(core)) for core in cores]


def trigger_in_words(rule: Rule) -> list[str]:
    """What the scan looks for first: a core's whole shape or its rarest part, or where words are needed, these."""
    words = ["one of the words of its context"] if rule.core_with_context else []
    alone = [core for core in compile_cores([rule], tried=[rule.id]) if not core.pattern.needs_context]
    sought = [trigger(core.node).node if core.shape is None else core.shape.node for core in alone]
    return list(dict.fromkeys((*map(shape, sought), *words)))


def guards_in_words(rule: Rule) -> str:
    sides = ((rule.left, "left"), (rule.right, "right"))
    return "; ".join(f"none of {members(char_class(body))} directly to its {side}" for body, side in sides if body)


def validator_in_words(name: str) -> str:
    """The first sentence of what its author says about it."""
    said = (VALIDATORS[name].__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(said.split())


def some(words: Sequence[str]) -> str:
    """The first words of many."""
    more = f" and {len(words) - _WORDS_SHOWN} more" if len(words) > _WORDS_SHOWN else ""
    return ", ".join(words[:_WORDS_SHOWN]) + more
