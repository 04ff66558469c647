"""Regular expressions as programs for `Automaton`, which runs them many times faster than `re` and finds the same.

The instructions are those of a matcher that follows all ways at once, the preferred first (Thompson, 1968; Pike).
"""

import re
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from re import _constants, _parser  # type: ignore[attr-defined]  # CPython's regex parser; typeshed leaves it out
from typing import Any
from weakref import WeakValueDictionary

from .._dlp import Automaton

# Bits of a set: one for each byte, and one for the edge of the text.
_EDGE = 1 << 256
_BYTES = _EDGE - 1
_LINE_FEED = 1 << 0x0A
# The most instructions; a core of 2,048 optional characters has two for each.
_CODE_MAX = 16_384

_BYTE, _SPLIT, _AHEAD, _BEHIND, _FOUND = range(5)

# Classes of bytes, the number of classes, for each set whether it has each class, and triples of instructions.
Program = tuple[bytes, int, list[bytes], list[tuple[int, int, int]]]


class _UnsupportedError(Exception):
    """An expression that only `re` can run."""


# The automata that somebody has, by what they are made of.
_shared: WeakValueDictionary[tuple[Hashable, ...], Automaton] = WeakValueDictionary()


def automaton(source: bytes, *, anywhere: bool = False) -> Automaton:
    """It compiles when it is first needed."""
    return shared(compiled, source, anywhere, anywhere=anywhere)


def shared(make: Callable[..., tuple[bytes, Program | None]], *words: Hashable, anywhere: bool = False) -> Automaton:
    """The automaton that `make` makes of these words, when it is first needed; the same one for all who have it.

    The rules before and after a change are nearly the same, as are those of two policies: what is compiled, and the
    states that texts have needed, serve them all.
    """
    known = _shared.get((make, *words))
    if known is None:
        known = _shared[make, *words] = Automaton(partial(make, *words), anywhere=anywhere)
    return known


def compiled(source: bytes, anywhere: bool = False) -> tuple[bytes, Program | None]:
    """What an automaton asks for. Raises re.error."""
    return source, program(source, anywhere=anywhere)


def program(source: bytes, *, anywhere: bool = False) -> Program | None:
    """What matches as `re.compile(source).match` does, or as `.search` does; None where only `re` can.

    With `anywhere` the place where a match begins is not told, and it is the first to end.
    """
    try:
        tree = _parser.parse(source)
        writer = _Writer()
        flags = tree.state.flags
        writer.begin_at(writer.sequence(tree, flags, writer.write(_FOUND, 0, 0)), anywhere=anywhere)
    except (_UnsupportedError, RecursionError):
        return None
    return writer.finish()


class _Writer:
    """Writes instructions from the last to the first: each is told where to go on."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int]] = [(_FOUND, 0, 0)]  # the first is known when all others are
        self._sets: dict[int, int] = {}

    def write(self, kind: int, what: int, following: int) -> int:
        if len(self._code) == _CODE_MAX:
            raise _UnsupportedError
        self._code.append((kind, what, following))
        return len(self._code) - 1

    def begin_at(self, first: int, *, anywhere: bool) -> None:
        if anywhere:
            self._code[0] = (_SPLIT, first, self.write(_BYTE, self._number(_BYTES), 0))
        else:
            self._code[0] = (_SPLIT, first, first)

    def finish(self) -> Program:
        """Bytes that are in the same of the sets are one class; the last class is the edge's."""
        parts = [_BYTES]
        for one in self._sets:
            parts = [part for known in parts for part in (known & one, known & ~one) if part]
        classes = bytearray(256)
        for number, part in enumerate(parts):
            for byte in range(256):
                if part >> byte & 1:
                    classes[byte] = number
        parts.append(_EDGE)
        members = [bytes(bool(one & part) for part in parts) for one in self._sets]
        return bytes(classes), len(parts), members, self._code

    def sequence(self, tree: Any, flags: int, following: int) -> int:
        """Where a part begins that leads to `following`."""
        for op, value in reversed(list(tree)):
            following = self._node(str(op), value, flags, following)
        return following

    def _number(self, one: int) -> int:
        return self._sets.setdefault(one, len(self._sets))

    def _node(self, op: str, value: Any, flags: int, following: int) -> int:
        match op:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return self.write(_BYTE, self._number(_set(op, value, flags)), following)
            case "BRANCH":
                return self._either([self.sequence(branch, flags, following) for branch in value[1]])
            case "SUBPATTERN":
                _, added, removed, tree = value
                return self.sequence(tree, (flags | added) & ~removed, following)
            case "MAX_REPEAT":
                low, high, tree = value
                return self._repeat(low, high, self._part(tree, flags, once=high == 1), following)
            case "ASSERT" | "ASSERT_NOT":
                return self.write(*self._beside(op, value, flags), following)
            case "AT" if str(value) == "AT_END_STRING":
                return self.write(_AHEAD, self._number(_EDGE), following)
            case _:
                raise _UnsupportedError

    def _either(self, ways: list[int]) -> int:
        first = ways.pop()
        while ways:
            first = self.write(_SPLIT, ways.pop(), first)
        return first

    def _part(self, tree: Any, flags: int, *, once: bool) -> Callable[[int], int]:
        """Writes a part that is to be repeated. Engines differ in how often they repeat what can be empty."""
        if not once and tree.getwidth()[0] == 0:
            raise _UnsupportedError
        return partial(self.sequence, tree, flags)

    def _repeat(self, low: int, high: Any, part: Callable[[int], int], following: int) -> int:
        at = following
        if high == _constants.MAXREPEAT:
            at = self.write(_SPLIT, 0, following)
            self._code[at] = (_SPLIT, part(at), following)
        else:
            for _ in range(high - low):
                at = self.write(_SPLIT, part(at), following)
        for _ in range(low):
            at = part(at)
        return at

    def _beside(self, op: str, value: Any, flags: int) -> tuple[int, int]:
        """A look at one character."""
        direction, tree = value
        one = _one_of(tree, flags)
        if op == "ASSERT_NOT":
            one = (_BYTES | _EDGE) & ~one
        return _AHEAD if direction > 0 else _BEHIND, self._number(one)


def _one_of(tree: Any, flags: int) -> int:
    if len(tree) != 1:
        raise _UnsupportedError
    op, value = tree[0]
    if str(op) == "SUBPATTERN":
        return _one_of(value[3], (flags | value[1]) & ~value[2])
    if str(op) == "BRANCH":
        return _union(_one_of(branch, flags) for branch in value[1])
    if str(op) not in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
        raise _UnsupportedError
    return _set(str(op), value, flags)


def _union(sets: Iterable[int]) -> int:
    union = 0
    for one in sets:
        union |= one
    return union


def _set(op: str, value: Any, flags: int) -> int:
    """The bytes that one character of an expression stands for, as bits."""
    if op == "ANY":
        return _BYTES if flags & re.DOTALL else _BYTES & ~_LINE_FEED
    if op == "LITERAL":
        return _cased(1 << value, flags)
    if op == "NOT_LITERAL":
        return _BYTES & ~_cased(1 << value, flags)
    negated = str(value[0][0]) == "NEGATE"
    allowed = _cased(_union(_part(str(op), part) for op, part in value[negated:]), flags)
    return _BYTES & ~allowed if negated else allowed


def _part(op: str, value: Any) -> int:
    match op:
        case "LITERAL":
            return 1 << int(value)
        case "RANGE":
            first, last = map(int, value)
            return (1 << last + 1) - (1 << first)
        case "CATEGORY":
            return _category(str(value))
    raise _UnsupportedError


def _category(name: str) -> int:
    expression = re.compile(rb"\%c" % name.replace("CATEGORY_NOT_", "").replace("CATEGORY_", "")[:1].lower().encode())
    allowed = _union(1 << byte for byte in range(256) if expression.match(bytes((byte,))))
    return _BYTES & ~allowed if "NOT_" in name else allowed


def _cased(allowed: int, flags: int) -> int:
    """With the other case of its letters, where that does not matter."""
    if not flags & re.IGNORECASE:
        return allowed
    capitals, smalls = allowed >> 0x41 & 0x3FFFFFF, allowed >> 0x61 & 0x3FFFFFF
    return allowed | smalls << 0x41 | capitals << 0x61
