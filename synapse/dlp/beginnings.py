"""How far a text goes along with an expression before it leaves it: for an author whose rule does not match."""

from collections.abc import Iterator
from dataclasses import dataclass

from .language import Alt, Char, Node, Rep, Seq, width
from .wording import members

# A try at every place costs its length; more text than this is not what somebody explains a rule with.
_WINDOW_BYTES_MAX = 4096
# What is still to come; several, since an expression may go on in several ways.
_Todo = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A stretch of the window that begins like a word of the core; what follows it, and in words what had to."""

    start: int
    length: int
    next_byte: int | None  # None at the end of the text
    expected: str


def longest_beginning(core: Node, window: bytes, *, left: frozenset[int]) -> Beginning | None:
    """The first of the longest; the edge before the window's text is no part of one."""
    window = window[:_WINDOW_BYTES_MAX]
    best: tuple[int, int, frozenset[_Todo]] | None = None
    for start in range(1, len(window)):
        if window[start - 1] in left:
            continue
        length, states = _along(core, window, start)
        if length and (best is None or length > best[1]):
            best = start, length, states
    if best is None:
        return None
    start, length, states = best
    after = window[start + length] if start + length < len(window) else None
    expected = frozenset(byte for state in states for byte in _first(state))
    return Beginning(start, length, after, members(expected))


def _along(core: Node, window: bytes, start: int) -> tuple[int, frozenset[_Todo]]:
    """How many bytes fit, and what could have come next."""
    states: frozenset[_Todo] = frozenset({(core,)})
    for at in range(start, len(window)):
        following = frozenset(after for state in states for after in _after(state, window[at]))
        if not following:
            return at - start, states
        states = following
    return len(window) - start, states


def _after(todo: _Todo, byte: int) -> Iterator[_Todo]:
    """What is left to do when a byte has been taken."""
    for allowed, rest in _steps(todo):
        if byte in allowed:
            yield rest


def _first(todo: _Todo) -> Iterator[int]:
    for allowed, _ in _steps(todo):
        yield from allowed


def _steps(todo: _Todo) -> Iterator[tuple[frozenset[int], _Todo]]:
    """The bytes that may come next, each set with what is left to do after it."""
    if not todo:
        return
    first, rest = todo[0], todo[1:]
    match first:
        case Char(allowed):
            yield allowed, rest
        case Seq(items):
            yield from _steps((*items, *rest))
        case Alt(items):
            for item in items:
                yield from _steps((item, *rest))
        case Rep(low, high, item):
            if high:
                yield from _steps((item, Rep(max(low - 1, 0), high - 1, item), *rest))
            if low == 0 or width(item)[0] == 0:
                yield from _steps(rest)
