"""Values for the entry points of `_dlp`: as the interface asks for, nearly so, or as nobody should hand in.

A case is made from its number alone, so that a crash can be made again.
"""

import random
from array import array
from collections.abc import Callable
from typing import Any

TEXTS = (
    "",
    "a",
    "ab" * 40,
    "4111 1111 1111 1111",
    "é",
    "e\u0301",
    "\u200b",
    "a\u200bb" * 9,
    "\ud800",
    "\udfff\ud800",
    "\U0001f600",
    "\0",
    "\x7f\x85",
    "漢字",
    "jane.doe" + "@example.com",
    "password = 'x1Y2z3W4v5'",
    "-----BEGIN" + " PRIVATE KEY-----",
    '{"a": "\\u0041\\\\", "b": [1, 2.5e3]}',
    "x" * 5_000,
    "1" * 5_000,
    "[REDACTED:email]",
)
NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    31,
    32,
    33,
    255,
    256,
    4095,
    4096,
    -1,
    -2,
    2**31 - 1,
    2**31,
    2**32,
    2**62,
    2**63 - 1,
    2**63,
    -(2**63),
    2**70,
)
EXPRESSIONS = (
    rb"a",
    rb"ab+",
    rb"[0-9]{4}",
    rb"(?<![0-9])(?:[0-9][ -]?){3,8}(?![0-9])",
    rb"(?:)",
    rb"a*",
    rb"(",
    b"\\",
    rb"\Z",
    rb"(?P<closing>END)|[^a-z]",
    rb"[^a]",
)


class Text(str):
    __slots__ = ()


class Bytes(bytes):
    pass


class Number(int):
    pass


class Awkward:
    """Lies about its length and its items, is equal to everything, and counts as a number."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __len__(self) -> int:
        return self._chance.choice((0, 1, 32, 10_000))

    def __getitem__(self, _: object) -> Any:
        return hostile(self._chance)

    def __iter__(self) -> Any:
        return iter([hostile(self._chance) for _ in range(self._chance.randrange(4))])

    def __index__(self) -> int:
        return self._chance.choice(NUMBERS)

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("content")


def hostile(chance: random.Random, depth: int = 2) -> Any:
    """Anything at all."""
    made = chance.choice(_LEAVES)(chance)
    if not depth or chance.random() < 0.7:
        return made
    return chance.choice(
        (
            [made, *(hostile(chance, depth - 1) for _ in range(chance.randrange(4)))],
            (made, *(hostile(chance, depth - 1) for _ in range(chance.randrange(4)))),
            {key: hostile(chance, depth - 1) for key in (0, 1, "content", b"a", None)},
        )
    )


def text(chance: random.Random) -> str:
    return "".join(chance.choice(TEXTS) for _ in range(chance.randrange(4)))


def raw(chance: random.Random) -> bytes:
    return chance.choice(
        (
            b"",
            b"\n",
            b"\nab",
            b"\n4111 1111 1111 1111",
            b"\nabab abEND" * 8,
            bytes(range(256)),
            b"\n" + chance.randbytes(60),
            b"\n" + b"a" * 3_000,
            bytes(32),
            b"\xff" * 32,
        )
    )


def stretches(chance: random.Random) -> "array[int]":
    """As a scan gives them, mostly; or out of order, of odd length, beyond the text."""
    if chance.random() < 0.7:
        places = sorted(chance.randrange(1, 90) for _ in range(2 * chance.randint(1, 4)))
        return array("I", places)
    return array("I", [chance.choice((0, 1, 5, 80, 2**32 - 1)) for _ in range(chance.randrange(6))])


def ends(chance: random.Random) -> dict[Any, Any]:
    return {chance.randrange(4): stretches(chance) for _ in range(chance.randrange(4))}


def json_value(chance: random.Random, depth: int = 4) -> Any:
    if depth and chance.random() < 0.5:
        if chance.random() < 0.5:
            return [json_value(chance, depth - 1) for _ in range(chance.randrange(4))]
        keys = ("content", "arguments", "type", "a", "image_url", "\ud800")
        return {chance.choice(keys): json_value(chance, depth - 1) for _ in range(chance.randrange(4))}
    if chance.random() < 0.05:
        deep: Any = []
        for _ in range(chance.choice((10, 1_000, 100_000))):
            deep = [deep] if chance.random() < 0.5 else {"a": deep}
        return deep
    return chance.choice((text(chance), chance.choice(NUMBERS), None, True, 1.5, float("inf"), hostile(chance, 1)))


def meddler(chance: random.Random, shared: list[Any], answer: Callable[[], Any]) -> Callable[..., Any]:
    """A callback that changes what its caller works on, calls it again, raises, or answers."""

    def call(*_: Any) -> Any:
        match chance.randrange(12):
            case 0:
                raise ZeroDivisionError
            case 1:
                return hostile(chance)
            case 2 | 3 if shared:
                disturb(chance, chance.choice(shared))
        return answer()

    return call


def disturb(chance: random.Random, victim: Any) -> None:
    """Change a container, or use an object that is in use."""
    if isinstance(victim, dict):
        action = chance.choice((victim.clear, lambda: victim.update({chance.randrange(4): hostile(chance)})))
        action()
    elif isinstance(victim, list):
        chance.choice((victim.clear, lambda: victim.append(hostile(chance)), lambda: victim.extend([None] * 50)))()
    elif isinstance(victim, array):
        chance.choice((lambda: victim.pop() if victim else None, lambda: victim.extend(victim[:50])))()
    elif callable(getattr(victim, "feed", None)):
        victim.feed(chance.choice(("ab 4111", b"ab 4111", "")))


_LEAVES: tuple[Callable[[random.Random], Any], ...] = (
    lambda _: None,
    lambda chance: chance.choice((True, False, 0.0, float("nan"), float("inf"), 1e308, 1j, ...)),
    lambda chance: chance.choice(NUMBERS),
    text,
    raw,
    lambda chance: chance.choice((Text("content"), Bytes(b"\nabc"), Number(3), bytearray(b"abc"), memoryview(b"abc"))),
    stretches,
    lambda chance: array(chance.choice("bBhHiIlLqQfd"), [1, 2, 3][: chance.randrange(4)]),
    Awkward,
    lambda chance: chance.choice((frozenset(("a", "content")), frozenset(), set(), iter(()), object, Exception())),
)
