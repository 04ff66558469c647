"""Calls of every entry point of `_dlp`: what its interface file lists, so that what is added is called too."""

import ast
import random
import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile

from synapse import _dlp
from synapse.dlp.programs import program

FACE = Path(__file__).parents[2] / "synapse" / "_dlp.pyi"
# What a caller may expect of a wrong argument. SystemError and what is not here are our mistakes.
EXPECTED = (
    ArithmeticError, AttributeError, BufferError, LookupError, MemoryError, RecursionError, RuntimeError, TypeError,
    ValueError, re.error,
)  # fmt: skip
WRONG_CHANCE = 0.03


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    annotation: str
    by_name: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A function, a class, or with `owner` a method or property of one."""

    name: str
    owner: str | None
    parameters: tuple[Parameter, ...]
    is_property: bool = False


def entries() -> list[Entry]:
    found: list[Entry] = []
    for node in ast.parse(FACE.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.append(_entry(node, None))
        elif isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            found += [_entry(method, node.name) for method in methods]
            attributes = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
            found += [Entry(a.id, node.name, (), is_property=True) for a in attributes if isinstance(a, ast.Name)]
    return found


def _entry(node: ast.FunctionDef, owner: str | None) -> Entry:
    arguments = node.args
    positional = [a for a in (*arguments.posonlyargs, *arguments.args) if a.arg != "self"]
    firsts = len(positional) - len(arguments.defaults)
    parameters = [Parameter(a.arg, _written(a), by_name=False, optional=n >= firsts) for n, a in enumerate(positional)]
    parameters += [
        Parameter(a.arg, _written(a), by_name=True, optional=default is not None)
        for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    is_property = any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)
    return Entry(node.name, owner, tuple(parameters), is_property)


def _written(argument: ast.arg) -> str:
    return "" if argument.annotation is None else ast.unparse(argument.annotation)


class Case:
    """Some calls in a row on objects of one making, with containers and callbacks that they share."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.shared: list[Any] = []
        self._by_name = {(entry.owner, entry.name): entry for entry in ENTRIES}

    def run(self) -> None:
        for _ in range(self.chance.randint(1, 6)):
            self.call(self.chance.choice(ENTRIES))

    def call(self, entry: Entry) -> None:
        try:
            target = self._target(entry)
            if target is None:
                return
            positional, named = self._arguments(entry)
            result = target(*positional, **named)
            self.shared.append(result)
            repr(result)
            # Twice on one object: its second delta, its second scan.
            for _ in range(self.chance.randrange(3) if entry.owner else 0):
                positional, named = self._arguments(entry)
                target(*positional, **named)
        except EXPECTED:
            pass

    def _target(self, entry: Entry) -> Callable[..., Any] | None:
        if entry.owner is None:
            return getattr(_dlp, entry.name)  # type: ignore[no-any-return]
        owner = getattr(_dlp, entry.owner)
        if entry.name == "__init__":
            if self.chance.random() < 0.05:
                unmade = self._unmade(owner)
                self.shared.append(unmade)
                return unmade.__init__  # type: ignore[no-any-return]  # called again on what is in use
            return owner  # type: ignore[no-any-return]
        target = self._unmade(owner) if self.chance.random() < 0.05 else self.instance(entry.owner)
        value = getattr(target, entry.name)
        return None if entry.is_property else value

    def _unmade(self, owner: Any) -> Any:
        known = [one for one in self.shared if type(one) is owner]
        return self.chance.choice(known) if known else owner.__new__(owner)

    def _arguments(self, entry: Entry) -> tuple[list[Any], dict[str, Any]]:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in entry.parameters:
            if parameter.optional and self.chance.random() < 0.5:
                if not parameter.by_name:
                    break
                continue
            value = self.value(parameter)
            if parameter.by_name:
                named[parameter.name] = value
            else:
                positional.append(value)
        return positional, named

    def value(self, parameter: Parameter) -> Any:
        chance = self.chance
        if chance.random() < WRONG_CHANCE:
            return hostile.hostile(chance)
        made = self._well_typed(parameter.name, parameter.annotation.replace(" | None", ""))
        if isinstance(made, (dict, list, array)):
            self.shared.append(made)
            self.shared += [
                one for one in (made.values() if isinstance(made, dict) else made) if isinstance(one, array)
            ]
        return made

    def _well_typed(self, name: str, annotation: str) -> Any:
        chance = self.chance
        if (made := NAMED.get(name) or NAMED.get(annotation)) is not None:
            return made(self)
        if annotation in TYPED:
            return TYPED[annotation](chance)
        if hasattr(_dlp, annotation):
            return self.instance(annotation)
        if annotation.startswith("Iterable[") and hasattr(_dlp, annotation[9:-1]):
            return [self.instance(annotation[9:-1]) for _ in range(chance.randrange(1, 4))]
        return hostile.hostile(chance)

    def instance(self, name: str) -> Any:
        """One of the objects at hand, or a new one."""
        owner = getattr(_dlp, name)
        known = [one for one in self.shared if type(one) is owner]
        if known and self.chance.random() < 0.7:
            return self.chance.choice(known)
        init = self._by_name.get((name, "__init__"))
        if init is None:
            made = owner.__new__(owner)
        else:
            positional, named = self._arguments(init)
            made = owner(*positional, **named)
        self.shared.append(made)
        return made

    def meddler(self, answer: Callable[[], Any]) -> Callable[..., Any]:
        return hostile.meddler(self.chance, self.shared, answer)


class Database:
    """In place of Hyperscan's: calls back as told."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def scan(self, window: bytes, handler: Callable[..., Any], flags: Any, ends: Any, scratch: Any) -> None:
        chance = self._case.chance
        for _ in range(chance.randrange(12)):
            handler(chance.randrange(6), 0, chance.choice((1, 3, 40, 41, 90, 200, 2**32 - 1)), 0, ends)
        if chance.random() < 0.1:
            hostile.disturb(chance, ends)


def _width(case: Case) -> int:
    return case.chance.choice((1, 2, 4, 16, 2_048, 2**32))


def _program(case: Case) -> Any:
    """None, one that an expression has, or one that goes anywhere."""
    chance = case.chance
    if chance.random() < 0.2:
        return None
    if chance.random() < 0.5:
        return program(chance.choice((rb"(?<![0-9])(?:[0-9][ -]?){3,8}(?![0-9])", rb"[ab]{0,40}a[ab]{9}", rb"a\Z")))
    classes = chance.choice((2, 3, 257))
    sets = [chance.randbytes(classes) for _ in range(3)]
    code = [(chance.randrange(5), chance.randrange(3), chance.randrange(6)) for _ in range(6)]
    return bytes(chance.randrange(classes) for _ in range(256)), classes, sets, code


EVENT_PARTS = (b"", b'{"a":"', b'","o":"', b'"}', b"\\n", b"\\u0041", b"\\", b"word", b"\xc3\xa9", b"\xc3", b"\0", b'"')

# By the name of a parameter, or by its annotation.
NAMED: dict[str, Callable[[Case], Any]] = {
    "fold_page": lambda case: case.meddler(lambda: bytes(range(255)) + b"\xff"),
    "databases": lambda case: [Database(case) for _ in range(case.chance.randrange(3))],
    "make_scratch": lambda case: case.meddler(object),
    "of_words": lambda case: [(0, 1), (2,)][: case.chance.randrange(3)],
    "first_word": lambda case: case.chance.choice((0, 2, 4, 100)),
    "pattern": lambda case: case.chance.randrange(3),
    "sets": lambda case: [case.chance.randbytes(32) for _ in range(3)],
    "labels": lambda case: [case.chance.randrange(3) for _ in range(4)],
    "starts": lambda case: [case.chance.randrange(-1, 3) for _ in range(4)],
    "list[list[int]]": lambda case: [
        [case.chance.randrange(4) for _ in range(case.chance.randrange(3))] for _ in range(4)
    ],
    "lefts": lambda case: [case.chance.randrange(-1, 3) for _ in range(4)],
    "rights": lambda case: [case.chance.randrange(-1, 3) for _ in range(4)],
    "of_shape": lambda case: case.chance.choice(([0] * 4, [0, 1, 1, 0])),
    "leads": lambda case: [case.chance.randrange(13) for _ in range(case.chance.randint(1, 2))],
    "kinds": lambda case: [case.chance.randrange(9) for _ in range(case.chance.randint(1, 2))],
    "claims": lambda case: [((0, 2), (1, 3), case.chance.choice((1, 40, 2**32)))] * case.chance.randint(1, 2),
    "hints": lambda case: [((0, 1, 2), 0), ((3, 1), 40), ((), 0), ((1,), 65_535), ((0,), 0), ((2, 3), 1)],
    "reach": _width,
    "index": lambda case: case.chance.randrange(4),
    "make": lambda case: case.meddler(lambda: (case.chance.choice(hostile.EXPRESSIONS), _program(case))),
    "narrowest": lambda case: 1,
    "heads": lambda case: case.chance.choice((b"\x7f", b"\x01", b"\xff")) * 256,
    "event": lambda case: b"".join(case.chance.choice(EVENT_PARTS) for _ in range(case.chance.randrange(5))),
    "after": lambda case: case.chance.choice(EVENT_PARTS),
    "end": lambda case: case.chance.choice(EVENT_PARTS),
    "widest": _width,
    "strength": lambda case: case.chance.randint(1, 3),
    "action": lambda case: case.chance.choice(("alert", "redact", "block")),
    "accept": lambda case: case.meddler(lambda: case.chance.random() < 0.5),
    "condition": lambda case: case.meddler(lambda: case.chance.random() < 0.8),
    "run": lambda case: (case.chance.choice(hostile.EXPRESSIONS), case.chance.choice((0, 3, 2**32))),
    "scan": lambda case: case.meddler(lambda: hostile.ends(case.chance)),
    "solid": lambda case: case.chance.random() < 0.5,
    "left_chars": lambda case: case.chance.choice((1, 64, 2**32)),
    "findings": lambda case: [case.instance("Finding") for _ in range(case.chance.randrange(4))],
    "value": lambda case: hostile.json_value(case.chance),
    "known": lambda case: frozenset(("content", "type")),
    "media": lambda case: {"image_url": ("url", "data:")},
    "encoded": lambda case: "arguments",
    "depth_max": lambda case: case.chance.choice((0, 5, 64, 10**6, 2**62)),
    "escaped": lambda case: [],
}

TYPED: dict[str, Callable[[random.Random], Any]] = {
    "bytes": hostile.raw,
    "str": hostile.text,
    "bool": lambda chance: chance.random() < 0.5,
    "int": lambda chance: chance.choice((0, 1, 2, 5, 40, chance.choice(hostile.NUMBERS))),
    "array[int]": lambda chance: chance.choice((hostile.stretches(chance), array("I", range(3_000)))),
    "dict[int, array[int]]": hostile.ends,
    "list[str]": lambda chance: [hostile.text(chance) for _ in range(3)],
}

ENTRIES = entries()
