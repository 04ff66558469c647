"""Cores that are shapes: digits in groups, keys that are one long run. An own automaton finds them; see `Shapes`.

Hyperscan is told by literals where to look, and finds thousands of them at little cost; a shape has none, and a handful
cost more than all the literals. The automaton knows a shape whole, up to what stands beside it, so that what it finds
is nearly always a match.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .._dlp import EARLY_KINDS_OF_SHAPES, SHAPE_LEAD_CHARS, SHAPE_RUN_CHARS, Shapes
from .language import CORES_KEPT_MAX, Alt, Char, Node, Rep, Seq, alphabet, width
from .positions import Positions, Table, bitmap

_ANY = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_PRINTED = frozenset(range(0x21, 0x7F))
_KINDS = (_DIGITS, _LETTERS, _ANY - _DIGITS - _LETTERS)  # and all others
# Repeats are counted up to here, and read as "any number of times" beyond.
_COPIES_MAX = 40
# A class of more letters than this is one of letters, and not of those that may stand among figures.
_LETTERS_MAX = 12
# A wider shape would be worth its states, but the automaton goes on as far from each place of a hostile text.
_WIDTH_MAX = 256
# More positions than this are not worth their memory; repeats are then not counted.
_POSITIONS_MAX = 160


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A language, and what may stand to the left and to the right of its words. Each is only equal to itself."""

    node: Node
    left: frozenset[int]
    right: frozenset[int]
    has_digits: bool  # each of its words, and soon


@dataclass(frozen=True, slots=True)
class ShapeTable(Table):
    """The positions of some shapes as plain data; see `Shapes`, which is made of it."""

    sets: list[str]  # bitmaps of bytes, as hexadecimal numbers
    labels: list[int]
    following: list[list[int]]
    lefts: list[int]
    rights: list[int]
    of_shape: list[int]
    kinds: list[int]  # of each shape
    leads: list[int]  # of each shape
    reach: int  # the most characters of a word

    def automaton(self) -> Shapes:
        return Shapes(
            sets=[bytes.fromhex(one) for one in self.sets],
            labels=self.labels,
            following=self.following,
            lefts=self.lefts,
            rights=self.rights,
            of_shape=self.of_shape,
            kinds=self.kinds,
            leads=self.leads,
            reach=self.reach,
        )


def digits_of(core: Node, left: frozenset[int], right: frozenset[int]) -> Shape | None:
    """The shape of a core of which every match begins with a digit, or soon has one; None when it is not so."""
    return _in_digits(core, _ANY - left, _ANY - right) if _is_narrow(core) and _has_early_digit(core) else None


def in_figures(shape: Shape) -> bool:
    """Whether its letters are few at each place, so that it is figures and perhaps the names of months."""
    return not any(len(allowed & _LETTERS) > _LETTERS_MAX for allowed in _classes(shape.node))


def _classes(node: Node) -> Iterator[frozenset[int]]:
    match node:
        case Char(allowed):
            yield allowed
        case Rep(_, _, item):
            yield from _classes(item)
        case Seq(items) | Alt(items):
            for item in items:
                yield from _classes(item)


def run_of(core: Node, left: frozenset[int], right: frozenset[int]) -> Shape | None:
    """The shape of the longest run of printed characters in every match of a core; None when it is too short."""
    parts = list(_flat(core))
    first, last = _longest_run(parts)
    run = Seq(tuple(parts[first:last]))
    if width(run)[0] < SHAPE_RUN_CHARS or not _is_narrow(run):
        return None
    return Shape(
        run,
        _ANY - left if first == 0 else _ANY,
        _ANY - right if last == len(parts) else _ANY,
        has_digits=False,
    )


@lru_cache(CORES_KEPT_MAX)
def figures_alike(shape: Shape) -> Shape:
    """The same with any digit wherever it has some digits: the shape of many cores, for which few states will do."""
    return _in_digits(_figures_alike(shape.node), shape.left, shape.right)


@lru_cache(CORES_KEPT_MAX)
def _in_digits(node: Node, left: frozenset[int], right: frozenset[int]) -> Shape:
    return Shape(node, left, right, has_digits=True)


def _figures_alike(node: Node) -> Node:
    match node:
        case Char(allowed):
            return Char(_DIGITS) if allowed <= _DIGITS else node
        case Rep(low, high, item):
            return Rep(low, high, _figures_alike(item))
        case Seq(items):
            return Seq(tuple(map(_figures_alike, items)))
        case Alt(items):
            alike = tuple(dict.fromkeys(map(_figures_alike, items)))
            return alike[0] if len(alike) == 1 else Alt(alike)


def _flat(node: Node) -> Iterator[Node]:
    if isinstance(node, Seq):
        for item in node.items:
            yield from _flat(item)
    else:
        yield node


def _longest_run(parts: Sequence[Node]) -> tuple[int, int]:
    """Where the parts begin and end which stand in one run of printed characters, for the longest such run."""
    best = (0, 0, 0)
    start = chars = 0
    for index, part in enumerate(parts):
        if alphabet(part) <= _PRINTED:
            chars += width(part)[0]
            best = max(best, (chars, -start, index + 1))
        else:
            start, chars = index + 1, 0
    return -best[1], best[2]


def _is_narrow(node: Node) -> bool:
    return width(node)[1] <= _WIDTH_MAX


def _has_early_digit(core: Node) -> bool:
    without, latest = _digits(core)
    return without is None and latest is not None and latest < SHAPE_LEAD_CHARS


def _digits(node: Node) -> tuple[int | None, int | None]:
    """The length of the longest word without a sure digit, and the latest place of the first one in the others."""
    match node:
        case Char(allowed):
            return (None, 0) if allowed <= _DIGITS else (1, None)
        case Seq(items):
            return _digits_of_sequence(map(_digits, items))
        case Alt(items):
            return _latest(map(_digits, items))
        case Rep(low, high, item):
            once = _digits(item)
            # Further copies begin behind what is too late anyway.
            copies = min(high, SHAPE_LEAD_CHARS)
            maybe = _latest([once, (0, None)])
            return _digits_of_sequence([once if copy < low else maybe for copy in range(copies)])


def _digits_of_sequence(items: Iterable[tuple[int | None, int | None]]) -> tuple[int | None, int | None]:
    length: int | None = 0
    latest: int | None = None
    for without, first in items:
        assert length is not None
        if first is not None:
            latest = max(length + first, -1 if latest is None else latest)
        if without is None:
            return None, latest
        length += without
    return length, latest


def _latest(items: Iterable[tuple[int | None, int | None]]) -> tuple[int | None, int | None]:
    lengths, places = zip(*items, strict=True)
    return (
        max((length for length in lengths if length is not None), default=None),
        max((place for place in places if place is not None), default=None),
    )


def shape_table(shapes: Sequence[Shape]) -> ShapeTable:
    """All of them in one table, in which each has its place in the sequence for a number."""
    labels: list[frozenset[int]] = []
    following: list[list[int]] = []
    lefts: list[frozenset[int] | None] = []
    rights: list[frozenset[int] | None] = []
    of_shape: list[int] = []
    for number, shape in enumerate(shapes):
        part, offset = _positions(shape), len(labels)
        labels += part.labels
        following += [[offset + position for position in some] for some in part.following]
        lefts += [shape.left if position in part.first else None for position in range(len(part.labels))]
        rights += [shape.right if position in part.last else None for position in range(len(part.labels))]
        of_shape += [number] * len(part.labels)
    sets = {some: n for n, some in enumerate(dict.fromkeys(filter(None, (*labels, *lefts, *rights))))}
    return ShapeTable(
        sets=[bitmap(some) for some in sets],
        labels=[sets[label] for label in labels],
        following=following,
        lefts=[-1 if left is None else sets[left] for left in lefts],
        rights=[-1 if right is None else sets[right] for right in rights],
        of_shape=of_shape,
        kinds=list(map(_kind, shapes)),
        leads=list(map(_lead, shapes)),
        reach=max((width(shape.node)[1] for shape in shapes), default=0),
    )


@lru_cache(CORES_KEPT_MAX)
def _kind(shape: Shape) -> int:
    """Shapes are told apart by what they begin with, before the automaton is run; see `Shapes`."""
    part = _positions(shape)
    first = frozenset[int]().union(*(part.labels[position] for position in part.first))
    kind = next((n for n, of in enumerate(_KINDS) if first <= of), len(_KINDS))
    return kind if shape.has_digits else EARLY_KINDS_OF_SHAPES + kind


@lru_cache(CORES_KEPT_MAX)
def _lead(shape: Shape) -> int:
    """How far behind the beginning of a word its first digit is at most; 0 when it need not have one."""
    return (_digits(shape.node)[1] or 0) if shape.has_digits else 0


@dataclass(frozen=True, slots=True)
class _Part:
    """The positions of one shape, numbered from 0 on."""

    labels: tuple[frozenset[int], ...]
    following: tuple[tuple[int, ...], ...]
    first: frozenset[int]
    last: frozenset[int]


@lru_cache(CORES_KEPT_MAX)
def _positions(shape: Shape) -> _Part:
    positions = Positions()
    ends = positions.add(_counted(shape.node))
    following: list[list[int]] = [[] for _ in positions.labels]
    for position, before in enumerate(positions.before):
        for one in before:
            following[one].append(position)
    return _Part(tuple(positions.labels), tuple(map(tuple, following)), ends.first, ends.last)


def _counted(node: Node) -> Node:
    counted = _expanded(node)
    return counted if _size(counted) <= _POSITIONS_MAX else node


def _expanded(node: Node) -> Node:
    """The same with its repeats written out: `x{2,4}` is `xx(x(x)?)?`."""
    match node:
        case Char():
            return node
        case Seq(items):
            return Seq(tuple(map(_expanded, items)))
        case Alt(items):
            return Alt(tuple(map(_expanded, items)))
        case Rep(low, high, item):
            item = _expanded(item)
            if high > _COPIES_MAX:
                obligatory = min(low, _COPIES_MAX)
                return Seq(
                    (*[item] * (obligatory - 1), Rep(1 if low else 0, 2, item)) if obligatory else (Rep(0, 2, item),)
                )
            tail: Node | None = None
            for _ in range(high - low):
                tail = Rep(0, 1, item if tail is None else Seq((item, tail)))
            return Seq((*[item] * low, *([] if tail is None else [tail])))


def _size(node: Node) -> int:
    """How many positions a language has."""
    match node:
        case Char():
            return 1
        case Rep(_, _, item):
            return _size(item)
        case Seq(items) | Alt(items):
            return sum(map(_size, items))
