"""The language of a rule's core: what it may contain.

A core is read with CPython's own parser, so that what Hyperscan finds is what `re` confirms and what streams hold back.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from re import _constants, _parser  # type: ignore[attr-defined]  # CPython's regex parser; typeshed leaves it out
from typing import Any

# A match has to be held in memory and looked at again for every candidate.
WIDTH_MAX = 2048
# What is derived from a core depends on nothing but its text, and is kept: of hundreds of rules, a change of a policy
# changes a few. All that come with Synapse have 700 cores; those used last stay.
CORES_KEPT_MAX = 4096

_REFUSED = {
    "AT": ("an anchor or a word boundary", "say with `left` and `right` which characters must not stand beside it"),
    "ASSERT": ("a look-around", "use the `left` and `right` guards, or a validator"),
    "ASSERT_NOT": ("a look-around", "use the `left` and `right` guards, or a validator"),
    "GROUPREF": ("a back-reference", "write the alternatives out, or compare in a validator"),
    "GROUPREF_EXISTS": ("a conditional group", "write the alternatives out"),
    "ATOMIC_GROUP": ("an atomic group", "use an ordinary group"),
    "POSSESSIVE_REPEAT": ("a possessive repeat", "use an ordinary repeat"),
    "MIN_REPEAT": ("a lazy repeat", "use a greedy repeat of a narrower class"),
}

_ALL = frozenset(range(256))
# Shadow text has a space in place of these (see `shadow`), so a core that names one of them means the space as well.
_SPACES_IN_SHADOW = frozenset(b"\t\r\v\f")
_CATEGORIES = {
    "DIGIT": frozenset(b"0123456789"),
    "SPACE": frozenset(b" \t\n\r\f\v"),
    "WORD": frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"),
}


class PatternError(ValueError):
    """A pattern that cannot be used: why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Char:
    """One byte of a set."""

    allowed: frozenset[int]


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One of several."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Rep:
    """The same, `low` to `high` times."""

    low: int
    high: int
    item: "Node"


Node = Char | Seq | Alt | Rep


@lru_cache(CORES_KEPT_MAX)
def parse(core: str) -> Node:
    """The tree of a core. Raises PatternError on everything that Hyperscan, or streaming, could not keep exact."""
    node = parse_part(core)
    low, high = width(node)
    if low == 0:
        raise PatternError("it matches the empty text; make at least one character obligatory")
    if high > WIDTH_MAX:
        raise PatternError(f"it matches up to {high} characters; bound its repeats to {WIDTH_MAX} in all, or use `run`")
    return node


def parse_part(expression: str) -> Node:
    """The tree of an expression that may match the empty text. Raises PatternError."""
    return _sequence(_parse(expression))


@lru_cache(CORES_KEPT_MAX)
def char_class(body: str) -> frozenset[int]:
    """The bytes of a character class written without its brackets, such as `A-Za-z0-9`."""
    if not body:
        return frozenset()
    tree = _parse(f"[{body}]")
    node = _sequence(tree)
    if not isinstance(node, Seq) or len(node.items) != 1 or not isinstance(node.items[0], Char):
        raise PatternError(f"{body!r} is not the inside of a character class, such as A-Za-z0-9")
    return node.items[0].allowed


def width(node: Node) -> tuple[int, int]:
    """The fewest and the most characters of a word."""
    match node:
        case Char():
            return 1, 1
        case Rep(low, high, item):
            least, most = width(item)
            return low * least, high * most
        case Seq(items):
            widths = [width(item) for item in items]
            return sum(w[0] for w in widths), sum(w[1] for w in widths)
        case Alt(items):
            widths = [width(item) for item in items]
            return min(w[0] for w in widths), max(w[1] for w in widths)


def alphabet(node: Node) -> frozenset[int]:
    """Every byte that a word may contain."""
    match node:
        case Char(allowed):
            return allowed
        case Rep(_, _, item):
            return alphabet(item)
        case Seq(items) | Alt(items):
            return frozenset[int]().union(*map(alphabet, items))


def beginning(node: Node) -> frozenset[int]:
    """Every byte that a word may begin with."""
    match node:
        case Char(allowed):
            return allowed
        case Rep(_, _, item):
            return beginning(item)
        case Alt(items):
            return frozenset[int]().union(*map(beginning, items))
        case Seq(items):
            obligatory = next((n for n, item in enumerate(items) if width(item)[0] > 0), len(items) - 1)
            return frozenset[int]().union(*map(beginning, items[: obligatory + 1]))


def forward(node: Node) -> str:
    match node:
        case Char(allowed):
            return render(allowed)
        case Rep(low, high, item):
            return f"(?:{forward(item)}){{{low},{high}}}"
        case Seq(items):
            return "".join(map(forward, items))
        case Alt(items):
            return _either(map(forward, items))


@lru_cache(CORES_KEPT_MAX)
def render(allowed: frozenset[int]) -> str:
    """A character class as both engines read it: ranges of escaped bytes."""
    ranges: list[list[int]] = []
    for byte in sorted(allowed):
        if ranges and ranges[-1][1] == byte - 1:
            ranges[-1][1] = byte
        else:
            ranges.append([byte, byte])
    return "[" + "".join(f"\\x{a:02x}" if a == b else f"\\x{a:02x}-\\x{b:02x}" for a, b in ranges) + "]"


def _either(alternatives: Iterable[str]) -> str:
    return "(?:" + "|".join(alternatives) + ")"


def _parse(pattern: str) -> Any:
    if not pattern.isascii():
        raise PatternError("it is not ASCII; text is folded to ASCII look-alikes before it is scanned, so write those")
    try:
        tree = _parser.parse(pattern, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"it is not a regular expression: {error}") from error
    if tree.state.flags & ~(re.ASCII | re.UNICODE):
        raise PatternError("it sets a flag; write both letter cases, such as [Aa]")
    return tree


def _sequence(tree: Any) -> Node:
    items = tuple(_node(str(op), value) for op, value in tree)
    # A part which can only be empty has no beginnings.
    return Seq(tuple(item for item in items if width(item)[1] > 0))


def _node(op: str, value: Any) -> Node:
    if op in _REFUSED:
        what, rewrite = _REFUSED[op]
        raise PatternError(f"it contains {what}; {rewrite}")
    match op:
        case "LITERAL":
            return Char(_in_shadow({value}))
        case "NOT_LITERAL" | "ANY" | "IN":
            return Char(_set(op, value))
        case "BRANCH":
            return Alt(tuple(_sequence(branch) for branch in value[1]))
        case "SUBPATTERN":
            return _subpattern(*value)
        case "MAX_REPEAT":
            return _repeat(*value)
        case _:
            raise PatternError(f"it contains {op}, which is not supported; write it with classes and bounded repeats")


def _subpattern(_number: Any, flags_added: int, flags_removed: int, tree: Any) -> Node:
    if flags_added or flags_removed:
        raise PatternError("it sets a flag; write both letter cases, such as [Aa]")
    return _sequence(tree)


def _repeat(low: int, high: Any, tree: Any) -> Node:
    if high == _constants.MAXREPEAT:
        raise PatternError("it contains an unbounded repeat; bound it, such as {1,64}, or use `run` for a long tail")
    item = _sequence(tree)
    if high > 1 and width(item)[0] == 0:
        # `re`, which would have to confirm it, can need a lifetime for a short text.
        raise PatternError("it repeats what may be empty; make a character of the repeated part obligatory")
    return Rep(low, high, item)


def _set(op: str, value: Any) -> frozenset[int]:
    if op == "NOT_LITERAL":
        return _ALL - {value}
    return _ALL - {0x0A} if op == "ANY" else _class(value)


def _class(parts: Any) -> frozenset[int]:
    negated, allowed = False, set[int]()
    for op, value in parts:
        match str(op):
            case "NEGATE":
                negated = True
            case "LITERAL":
                allowed.add(value)
            case "RANGE":
                allowed.update(range(value[0], value[1] + 1))
            case "CATEGORY":
                allowed |= _category(str(value).removeprefix("CATEGORY_"))
    return _ALL - allowed if negated else _in_shadow(allowed)


def _in_shadow(allowed: set[int]) -> frozenset[int]:
    return frozenset(allowed | {0x20} if allowed & _SPACES_IN_SHADOW else allowed)


def _category(name: str) -> frozenset[int]:
    return _ALL - _CATEGORIES[name.removeprefix("NOT_")] if name.startswith("NOT_") else _CATEGORIES[name]
