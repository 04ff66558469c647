"""Says in words what an expression matches, for people who read a rule and do not read regular expressions."""

import string
from collections.abc import Iterator
from itertools import groupby

from .language import Alt, Char, Node, Rep, Seq

# Beyond this many alternatives a sentence helps nobody; the rule's file has all of them.
_ALTERNATIVES_MAX = 8

_REPEATED_PARTS_MAX = 4

_DIGITS = frozenset(string.digits.encode())
_CAPITALS = frozenset(string.ascii_uppercase.encode())
_SMALL = frozenset(string.ascii_lowercase.encode())
_NAMED = {
    _DIGITS: ("digit", "digits"),
    _CAPITALS: ("capital letter", "capital letters"),
    _SMALL: ("small letter", "small letters"),
    _CAPITALS | _SMALL: ("letter", "letters"),
    _DIGITS | _CAPITALS: ("digit or capital letter", "digits or capital letters"),
    _DIGITS | _SMALL: ("digit or small letter", "digits or small letters"),
    _DIGITS | _CAPITALS | _SMALL: ("digit or letter", "digits or letters"),
}
_ASCII = frozenset(range(0x80))
_SIGNS = {0x20: "space", 0x0A: "line feed"}


def shape(node: Node) -> str:
    """The words of a core, in the order of its parts."""
    return ", then ".join(_without_repeats(_parts(node)))


def members(allowed: frozenset[int]) -> str:
    """`[A-Z 2-7 _ space]`: every sign of a class."""
    if len(allowed) > 0x80:
        others = frozenset(range(256)) - allowed
        return f"any sign but {members(others)}" if others else "any sign"
    ascii_members = sorted(allowed & _ASCII, key=lambda byte: (not chr(byte).isalnum(), byte))
    beyond = ["signs beyond ASCII"] if allowed - _ASCII else []
    return f"[{' '.join((*_ranges(ascii_members), *beyond))}]"


def _parts(node: Node) -> list[str]:
    parts = []
    for literal, items in groupby(_flat(node), key=lambda item: _literal(item) is not None):
        if literal:
            parts.append(f'"{"".join(str(_literal(item)) for item in items)}"')
        else:
            parts += [_part(item, sum(1 for _ in same)) for item, same in groupby(items)]
    return parts


def _without_repeats(parts: list[str]) -> list[str]:
    """Parts that follow each other several times, said once: a trigger has them written out."""
    shorter, at = list[str](), 0
    while at < len(parts):
        length, times = max(
            ((length, _times_repeated(parts, at, length)) for length in range(1, _REPEATED_PARTS_MAX + 1)),
            key=lambda found: found[0] * found[1] if found[1] > 1 else 1,
        )
        if times > 1:
            shorter.append(f"{times} times ({', then '.join(parts[at : at + length])})")
            at += length * times
        else:
            shorter.append(parts[at])
            at += 1
    return shorter


def _times_repeated(parts: list[str], at: int, length: int) -> int:
    unit, times = parts[at : at + length], 1
    while len(unit) == length and parts[at + times * length : at + (times + 1) * length] == unit:
        times += 1
    return times


def _flat(node: Node) -> Iterator[Node]:
    if isinstance(node, Seq):
        for item in node.items:
            yield from _flat(item)
    else:
        yield node


def _part(node: Node, count: int) -> str:
    match node:
        case Char():
            return _repeat(count, count, node)
        case Rep(low, high, item):
            return ", then ".join([_repeat(low, high, item)] * count)
        case Alt(items):
            return ", then ".join([_choice(items)] * count)
        case Seq():
            raise AssertionError("a sequence is flat by now")


def _repeat(low: int, high: int, item: Node) -> str:
    flat = list(_flat(item))
    one = flat[0] if len(flat) == 1 else item
    if isinstance(one, Char) and (_literal(one) is None or one.allowed == {0x20}):
        return f"{_times(low, high)} {_class(one.allowed, high)}"
    inner = shape(item)
    if (low, high) == (0, 1):
        return f"perhaps {inner}" if len(_parts(item)) == 1 else f"perhaps ({inner})"
    return f"{_times(low, high)} times ({inner})"


def _times(low: int, high: int) -> str:
    if (low, high) == (0, 1):
        return "perhaps 1"
    return f"{low}" if low == high else f"{low} to {high}"


def _class(allowed: frozenset[int], count: int) -> str:
    if names := _NAMED.get(allowed):
        return names[count > 1]
    if len(allowed) == 1:
        return _sign(*allowed)
    return f"of {members(allowed)}"


def _choice(items: tuple[Node, ...]) -> str:
    shown = [shape(item) for item in items[:_ALTERNATIVES_MAX]]
    more = f" | {len(items) - _ALTERNATIVES_MAX} more" if len(items) > _ALTERNATIVES_MAX else ""
    return f"either ({' | '.join(shown)}{more})"


def _literal(node: Node) -> str | None:
    """The sign that it stands for; of a letter in both cases the small one."""
    if not isinstance(node, Char):
        return None
    characters = sorted(map(chr, node.allowed))
    if len(characters) == 2 and characters[0].isalpha() and characters[0].lower() == characters[1]:
        return characters[1]
    return characters[0] if len(characters) == 1 and "\x20" <= characters[0] <= "~" else None


def _ranges(ordered: list[int]) -> Iterator[str]:
    """`A-Z`, and single signs. A range stays within letters or digits, where everybody knows what lies between."""
    at = 0
    while at < len(ordered):
        end = at
        while end + 1 < len(ordered) and _neighbours(ordered[end], ordered[end + 1]):
            end += 1
        if end - at >= 2:
            yield f"{_sign(ordered[at])}-{_sign(ordered[end])}"
        else:
            yield from map(_sign, ordered[at : end + 1])
        at = end + 1


def _neighbours(first: int, second: int) -> bool:
    return second == first + 1 and any(first in kind and second in kind for kind in (_DIGITS, _CAPITALS, _SMALL))


def _sign(byte: int) -> str:
    return _SIGNS.get(byte) or (chr(byte) if 0x20 < byte < 0x7F else f"\\x{byte:02x}")
