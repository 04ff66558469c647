"""A rule is data. One file for each family under `rules/`; a rule without both hits and misses is refused."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from importlib.resources import files
from typing import Any, Literal, get_args

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


class RuleError(ValueError):
    """A rule that cannot be used. The message names it, says why, and what to write instead."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"rule {rule}: {reason}")
        self.rule = rule
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a rule must match as a whole (a hit), or must not match anywhere (a miss), and why."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for and what to do about it.

    A match is a word of one of the cores with no `left` character before it and no `right` character after it, which
    `validator` accepts. With `run`, the match goes on over the characters of that class, up to and with the first match
    of `until`. `left`, `right` and `run` are the insides of character classes.
    """

    id: str
    category: str
    pack: str
    severity: Severity
    prompt: RuleAction
    answer: RuleAction
    core: tuple[str, ...]
    strength: Strength
    reference: str
    hits: tuple[Example, ...]
    misses: tuple[Example, ...]
    left: str = ""
    right: str = ""
    run: str = ""
    until: str = ""
    validator: str = ""

    def action(self, side: Side) -> RuleAction:
        return self.prompt if side is Side.PROMPT else self.answer

    def to_table(self) -> dict[str, Any]:
        """The rule as plain data; `rule_from_table` reads it again."""
        return asdict(self)


def load_rules(document: str) -> list[Rule]:
    """The rules of one TOML document: a `category`, and a `[[rule]]` table for each."""
    tables = tomllib.loads(document)
    category = tables.get("category", "")
    return [rule_from_table({"category": category, **table}) for table in tables.get("rule", ())]


def load_default_rules() -> list[Rule]:
    """The rules that come with Synapse, ordered by file, then as written."""
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
    core = table["core"]
    return Rule(
        **{
            **table,
            "core": (core,) if isinstance(core, str) else tuple(core),
            "hits": _examples(name, table["hits"]),
            "misses": _examples(name, table["misses"]),
        }
    )


def _refuse_keys(name: str, table: Mapping[str, Any]) -> None:
    known = {field.name for field in fields(Rule)}
    needed = {field.name for field in fields(Rule) if field.default is MISSING}
    if unknown := sorted(set(table) - known):
        raise RuleError(name, f"unknown key {', '.join(unknown)}; known are: {', '.join(sorted(known))}")
    if missing := sorted(needed - set(table)):
        raise RuleError(name, f"{', '.join(missing)} is missing")


def _examples(name: str, tables: Iterable[Mapping[str, Any]]) -> tuple[Example, ...]:
    """Texts may be written in parts: a fixture of a secret must not stand in a file in one piece."""
    examples = []
    for table in tables:
        if set(table) != {"text", "why"} or not table["why"]:
            raise RuleError(name, "an example has a text, and a reason (`why`)")
        text = table["text"]
        examples.append(Example(text if isinstance(text, str) else "".join(text), table["why"]))
    if not examples:
        raise RuleError(name, "it has no hits or no misses; both show what it is for")
    return tuple(examples)
