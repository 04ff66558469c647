"""Texts that are hard for a stream: pieces of matches side by side, and the rulesets to try them on."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from synapse.dlp import Rule, Ruleset, load_default_rules
from synapse.dlp.rules import Example
from synapse.dlp.validators import VALIDATORS

WORDS = "the quick brown fox is at home, and nobody knows; see page 12 of 2024-05-17 or call. Yes\nno 4.5".split(" ")
# Separators, look-alikes, signs and controls that leave no trace, a lone surrogate.
GLUE = (*"   -._@\n[]+=\t\r\0\b\x7f\x85", "\r\n", "", "", "", "é", "e\u0301", "\u200b", "\u00ad", "—", "\uff11",
        "\u2800", "\ud800")  # fmt: skip


def sum_is_even(match: bytes) -> bool:
    """The toy validator: rejects about half of what it sees."""
    return sum(match) % 2 == 0


def sum_is_rare(match: bytes) -> bool:
    """Rejects four of five, so that rejected candidates come in chains."""
    return sum(match) % 5 == 0


def toy(name: str, core: str | tuple[str, ...], **fields: Any) -> Rule:
    example = (Example("-", "a toy"),)
    toys: dict[str, Any] = {"prompt": "redact", "answer": "redact", **fields}
    cores = (core,) if isinstance(core, str) else core
    toys.setdefault("core", cores)
    return Rule(
        id=name, category="toy", pack="toy", severity="low", strength="S", reference="-",
        hits=example, misses=example, **toys,
    )  # fmt: skip


# A few letters, so that short random texts are full of matches, near matches and overlaps.
TOYS: Sequence[Sequence[Rule]] = (
    (
        toy("w", "a[ab]{0,3}c", left="c", right="c"),
        toy("x", "bb|ba{1,4}b", left="ab", right="b", validator="sum_is_even"),
        toy("y", "(?:a[ -]?){3}b", right="a", validator="sum_is_even"),
    ),
    (
        toy("w", "ab[abc]{2}", run="ab"),
        toy("x", "c[ab -]{0,5}c", left="a", validator="sum_is_even"),
        toy("y", "-a", run="abc -", until="c-", answer="redact"),
        toy("z", "b b", answer="alert"),
    ),
    (
        toy("w", ("aa[bc]", "a(?:b|cb){2,3}"), left="a", validator="sum_is_even"),
        toy("x", "[abc]{5}", left="abc", right="abc", validator="sum_is_even"),
        toy("y", "b-b", answer="block"),
    ),
    (
        toy("w", "(?:[ab][ -]?){5}c", left="c", validator="sum_is_even"),
        toy("x", "ca{0,2}b?", right="a", validator="sum_is_even"),
        toy("z", "c-?c", answer="alert", validator="sum_is_even"),
    ),
    (
        toy("w", "[abc]{6}", validator="sum_is_rare"),
        toy("x", "(?:[ab]-?){4}", right="c", validator="sum_is_rare"),
    ),
    (
        toy("w", (), core_with_context=("[ab]{2,4}",), context=("cc",), left="ab", validator="sum_is_even"),
        toy("x", "a-a", core_with_context=("b ?[bc]",), context=("ab c", "ca*"), left="bc"),
        toy("y", (), core_with_context=("c[abc]{1,3}",), context=("b",), assigned=True, right="a"),
        toy("z", "b  b", run="a", answer="alert"),
    ),
)


@dataclass(frozen=True)
class Subject:
    """A compiled ruleset and what its texts are made of."""

    ruleset: Ruleset
    pieces: tuple[str, ...]
    glue: tuple[str, ...]
    pieces_max: int

    def text(self, random: random.Random) -> str:
        return "".join(
            self._piece(random) + random.choice(self.glue) for _ in range(random.randint(1, self.pieces_max))
        )

    def _piece(self, random: random.Random) -> str:
        piece = random.choice(self.pieces)
        match random.randrange(6):
            case 0:
                return piece[random.randrange(len(piece)) :]
            case 1:
                return piece[: random.randrange(len(piece)) + 1]
            case 2:
                place = random.randrange(len(piece))
                return piece[:place] + random.choice(self.glue) + piece[place:]
            case _:
                return piece


def toy_subjects() -> list[Subject]:
    VALIDATORS.update(sum_is_even=sum_is_even, sum_is_rare=sum_is_rare)  # type: ignore[attr-defined]  # a dict, for us
    glue = ("", "", "", "-", " ", "\t", "\0", "\u200b", "é", "=", " " * 29)
    return [Subject(Ruleset.compile(rules, name="toy"), ("a", "b", "c", "ab", "ca", "bb"), glue, 24) for rules in TOYS]


def subset_subjects(random: random.Random, number: int, rules: Sequence[Rule] = ()) -> list[Subject]:
    """Random subsets of some rules, those of the default policy if none are given, with random actions on answers."""
    rules = rules or load_default_rules()
    return [
        subject([replace(rule, answer=_action(random, rule)) for rule in random.sample(rules, random.randint(2, 6))])
        for _ in range(number)
    ]


def _action(random: random.Random, rule: Rule) -> Any:
    return random.choice((rule.answer, rule.answer, "redact", "block" if random.random() < 0.3 else "alert"))


def subject(rules: Sequence[Rule]) -> Subject:
    examples = [example.before + example.text for rule in rules for example in (*rule.hits, *rule.misses)]
    digits = ("4 1 4 4 5 4 1 4 4 5 4 4 4 4 2 4 4 5 4", "5555 4444 ", "12", "x")
    return Subject(Ruleset.compile(rules, name="subset"), (*examples, *WORDS, *digits), GLUE, 5)


def cuts(random: random.Random, text: str) -> Iterator[str]:
    """The text in deltas: every character apart, a few large ones, or anything between."""
    longest = random.choice((1, 2, 4, 8, 30))
    at = 0
    while at < len(text):
        step = random.randint(1, longest)
        yield text[at : at + step]
        at += step
