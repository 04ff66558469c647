"""A rule is data. One file for each family under `rules/`; a rule without both hits and misses is refused."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from importlib.resources import files
from typing import Any, Literal, get_args

from .._dlp import RULE_ID_CHARS_MAX
from .findings import Side
from .validators import VALIDATORS

RuleAction = Literal["off", "alert", "redact", "block"]
Severity = Literal["critical", "high", "medium", "low"]
# When a rule may act alone: its shape or checksum is proof (S), nearly proof (C), or needs a context word (X).
Strength = Literal["S", "C", "X"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "prompt": get_args(RuleAction),
    "answer": get_args(RuleAction),
    "severity": get_args(Severity),
    "strength": get_args(Strength),
    "validator": ("", *VALIDATORS),
}


_ID = re.compile(rf"[a-z][a-z0-9_]{{0,{RULE_ID_CHARS_MAX - 1}}}")

DEFAULT_PACKS = frozenset(("core", "secrets"))
DEFAULT_RULES = frozenset(("us_ssn", "uk_nino"))

_TEXTS = ("core", "core_with_context", "context", "allow", "stop_words")


class RuleError(ValueError):
    """A rule that cannot be used. The message names it, says why, and what to write instead."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"rule {rule}: {reason}")
        self.rule = rule
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a rule must match as a whole (a hit), or must not match anywhere (a miss), and why.

    `before` stands to the left of a hit: the word that its rule needs there.
    """

    text: str
    why: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for and what to do about it.

    A match is a word of one of the cores with no `left` character before it and no `right` character after it, which
    `validator` accepts. With `run`, the match goes on over the characters of that class, up to and with the first match
    of `until`. `left`, `right` and `run` are the insides of character classes.

    Words of `core_with_context` match only where one of the words of `context` begins shortly before them, with nothing
    but a word of `between` between the two if that is given; when `assigned`, only as the value of an assignment to a
    name that contains such a word. With `apart`, words of `core` match only where no digit and one separator stand
    before them: there they are a part of a longer number in groups. A match is refused when it has less than `entropy`
    bits in each of its characters (Shannon's), contains a stop word, or one of the expressions of `allow`.
    """

    id: str
    category: str
    pack: str
    severity: Severity
    prompt: RuleAction
    answer: RuleAction
    strength: Strength
    reference: str
    hits: tuple[Example, ...]
    misses: tuple[Example, ...]
    core: tuple[str, ...] = ()
    core_with_context: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    between: str = ""
    assigned: bool = False
    apart: bool = False
    unclaimed: bool = False
    entropy: float = 0.0
    allow: tuple[str, ...] = ()
    stop_words: tuple[str, ...] = ()
    left: str = ""
    right: str = ""
    run: str = ""
    until: str = ""
    validator: str = ""

    def action(self, side: Side) -> RuleAction:
        return self.prompt if side is Side.PROMPT else self.answer

    def to_table(self) -> dict[str, Any]:
        """The rule as plain data; `rule_from_table` reads it again.

        Not by `asdict`: it copies deeply, and for hundreds of rules that is most of the time to load a policy.
        """
        table = {name: getattr(self, name) for name in self.__slots__}
        examples = {"hits": self.hits, "misses": self.misses}
        return {**table, **{name: tuple(map(_table_of, some)) for name, some in examples.items()}}


_KNOWN = frozenset(field.name for field in fields(Rule))
_NEEDED = frozenset(field.name for field in fields(Rule) if field.default is MISSING)


def _table_of(example: Example) -> dict[str, str]:
    return {"text": example.text, "why": example.why, "before": example.before}


def load_rules(document: str) -> list[Rule]:
    """The rules of one TOML document: a `[[rule]]` table for each, and before them what all of them have in common."""
    tables = tomllib.loads(document)
    rules = tables.pop("rule", ())
    return [rule_from_table({**tables, **table}) for table in rules]


def load_default_rules() -> list[Rule]:
    """The rules of the default policy: those that mean the same everywhere, and two that everybody expects."""
    return [rule for rule in load_all_rules() if rule.pack in DEFAULT_PACKS or rule.id in DEFAULT_RULES]


def load_all_rules() -> list[Rule]:
    """The rules that come with Synapse, of all packs, ordered by file, then as written."""
    folder = files(__package__) / "rules"
    documents = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [rule for name in documents for rule in load_rules((folder / name).read_text("utf-8"))]


def rule_from_table(table: Mapping[str, Any]) -> Rule:
    """Raises RuleError on an unknown key, a missing key or a value that is not allowed."""
    name = str(table.get("id", "without an id"))
    _refuse_keys(name, table)
    for key, choices in _CHOICES.items():
        if table.get(key, "") not in choices and key in table:
            raise RuleError(name, f"{key} is {table[key]!r}; it must be one of: {', '.join(filter(None, choices))}")
    if not _ID.fullmatch(name):
        raise RuleError(name, f"its id must be 1 to {RULE_ID_CHARS_MAX} small letters, figures and underscores")
    if not table.get("core") and not table.get("core_with_context"):
        raise RuleError(name, "it has neither a `core` nor a `core_with_context`; say what it looks like")
    if bool(table.get("core_with_context")) != bool(table.get("context")):
        raise RuleError(name, "`core_with_context` and `context` go together; give both or none")
    if table.get("between") and (table.get("assigned") or not table.get("context")):
        raise RuleError(name, "`between` says what may stand behind a word of `context`; `assigned` says it already")
    examples = {"hits": _examples(name, table["hits"]), "misses": _examples(name, table["misses"])}
    return Rule(**{**table, **{key: _texts(table[key]) for key in _TEXTS if key in table}, **examples})


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _refuse_keys(name: str, table: Mapping[str, Any]) -> None:
    if unknown := sorted(table.keys() - _KNOWN):
        raise RuleError(name, f"unknown key {', '.join(unknown)}; known are: {', '.join(sorted(_KNOWN))}")
    if missing := sorted(_NEEDED - table.keys()):
        raise RuleError(name, f"{', '.join(missing)} is missing")


def _examples(name: str, tables: Iterable[Mapping[str, Any]]) -> tuple[Example, ...]:
    """Texts may be written in parts: a fixture of a secret must not stand in a file in one piece."""
    examples = []
    for table in tables:
        if not {"text", "why"} <= set(table) <= {"text", "why", "before"} or not table["why"]:
            raise RuleError(name, "an example has a text, a reason (`why`), and perhaps what stands `before` it")
        examples.append(Example("".join(table["text"]), table["why"], table.get("before", "")))
    if not examples:
        raise RuleError(name, "it has no hits or no misses; both show what it is for")
    return tuple(examples)
