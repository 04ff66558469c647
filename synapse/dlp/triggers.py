"""What Hyperscan looks for: a short, rare part that every match of a core contains.

Whole cores are slow to look for (digits and words are everywhere) and the confirm pass looks at the whole match anyway.
A trigger is a slice of the core's obligatory parts, so it can be wrong in one direction only: too many candidates.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .language import Alt, Char, Node, Rep, Seq, width

# A part this narrow may stand in a trigger although it is optional or has alternatives.
_NARROW = 6
# Beyond this many parts a trigger only gets slower.
_PARTS_MAX = 24
# A slice this improbable is rare enough.
_BITS_ENOUGH = 40.0
# What a part must add to be worth its cost.
_BITS_PER_PART = 0.25
# How often a letter of a word has another one behind it.
_GOES_ON = 0.8
# A slice that begins with something common, as any letter, is tried at every word; digits are rare and soon reached.
_COMMON_BITS = 3.0
_BITS_FOR_COMMON_START = 4.0

# So many characters in a row that are always the same are a literal.
_LITERAL_CHARS = 3
_CASES = 2


@dataclass(frozen=True, slots=True)
class Trigger:
    """A slice of a core; `leads` when the core begins with it, so that what may stand to its left is known too.

    No match begins further than `reach` characters before the slice ends.
    """

    node: Node
    leads: bool
    reach: int


def trigger(core: Node) -> Trigger:
    """The slice which is rare in prose for the fewest parts."""
    best: tuple[float, Trigger] | None = None
    for before, run in _runs(core):
        bits = [_bits(part) for part in run]
        obligatory = [width(part)[0] > 0 for part in run]
        for start in range(len(run)):
            # What begins or ends with something optional is longer than it need be.
            if not obligatory[start]:
                continue
            worth = -_BITS_FOR_COMMON_START * (bits[start] < _COMMON_BITS)
            known = 0.0
            for end in range(start, min(len(run), start + _PARTS_MAX)):
                known += bits[end]
                worth_here = worth + min(known, _BITS_ENOUGH) - _BITS_PER_PART * (end - start + 1)
                if obligatory[end] and (best is None or worth_here > best[0]):
                    reach = before + width(Seq(run[: end + 1]))[1]
                    best = worth_here, Trigger(Seq(run[start : end + 1]), before == start == 0, reach)
    return Trigger(core, leads=True, reach=width(core)[1]) if best is None else best[1]


def has_literal(node: Node) -> bool:
    """Whether characters stand in a row that are each one, or one in both letter cases: Hyperscan finds those well."""
    count = 0
    for part in _parts(node):
        count = count + 1 if isinstance(part, Char) and len(part.allowed) <= _CASES else 0
        if count == _LITERAL_CHARS:
            return True
    return False


def _runs(core: Node) -> Iterator[tuple[int, tuple[Node, ...]]]:
    """The stretches of obligatory parts that follow each other directly, and how much stands before each at most."""
    run: list[Node] = []
    before = 0
    for part in _parts(core):
        if not isinstance(part, int):
            run.append(part)
            continue
        if run:
            yield before, tuple(run)
        before += width(Seq(tuple(run)))[1] + part
        run = []
    if run:
        yield before, tuple(run)


def _parts(node: Node) -> Iterator[Node | int]:
    """The obligatory parts in order; a number stands for a gap, where anything of at most that width may be."""
    match node:
        case Seq(items):
            for item in items:
                yield from _parts(item)
        case _ if width(node)[1] <= _NARROW and not (isinstance(node, Rep) and node.low > 0):
            yield node
        case Rep(low, high, item):
            for _ in range(min(low, _PARTS_MAX)):
                yield from _parts(item)
            if high > min(low, _PARTS_MAX):
                narrow = width(item)[1] * (high - low) <= _NARROW and low <= _PARTS_MAX
                yield Rep(0, high - low, item) if narrow else width(item)[1] * (high - min(low, _PARTS_MAX))
        case _:
            yield width(node)[1]


def _bits(node: Node) -> float:
    """How improbable a word of the language is at one place of English prose, in bits; a rough guess will do."""
    match node:
        case Char(allowed):
            # Words end: without a space in it, no class goes on for long, however wide.
            return -math.log2(min(1.0 if 0x20 in allowed else _GOES_ON, sum(map(_FREQUENCIES.__getitem__, allowed))))
        case Seq(items):
            return sum(map(_bits, items))
        case Alt(items):
            return -math.log2(min(1.0, sum(2 ** -_bits(item) for item in items)))
        case Rep(low, _, item):
            return low * _bits(item)


def _frequency(byte: int) -> float:
    character = chr(byte)
    if character == " ":
        return 0.17
    if "a" <= character <= "z":
        return 0.03
    if character.isdigit():
        return 0.012  # rarer than that, but where one is, others follow
    return 0.008 if character in "\n-.," else 0.002


_FREQUENCIES = tuple(map(_frequency, range(256)))
