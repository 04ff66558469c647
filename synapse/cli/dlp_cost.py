"""What rules cost: µs for each KB of text, all of them together and each on its own."""

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..dlp import Rule, Ruleset, Side
from ..dlp.compilation import compile_rules
from ..dlp.shadow import FOLDING
from .dlp_bench_texts import KINDS

# Of each kind. A rule on its own is fast, so fewer are enough to see it among hundreds.
_TEXTS_OF_ALL = 128
_TEXTS_OF_ONE = 48
_TEXT_CHARS = 1024
_ROUNDS = 5
_SEED = 7

# µs for each KB, by kind of text.
Cost = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What one rule adds: its triggers are looked for, and where they are the text is looked at."""

    rule: Rule
    cost: Cost
    looks_per_kb: float  # in clean text, where all of them are for nothing


def cost_of_all(ruleset: Ruleset, *, text_chars: int = _TEXT_CHARS) -> Cost:
    texts = _texts(ruleset.rules, max(1, _TEXTS_OF_ALL * _TEXT_CHARS // text_chars), text_chars)
    return {kind: _us_per_kb(ruleset, some) for kind, some in texts.items()}


def cost_of_each(rules: Sequence[Rule], *, after_each: Callable[[], None]) -> list[RuleCost]:
    """Each alone, less what one costs that finds nothing. Alone, since another that shares its work would hide it."""
    if not rules:
        return []
    texts = _texts(rules, _TEXTS_OF_ONE, _TEXT_CHARS)
    nothing = Ruleset.compile([_finding_nothing(rules[0])], name="nothing")
    floor = {kind: _us_per_kb(nothing, some) for kind, some in texts.items()}
    costs = []
    for rule in rules:
        alone = Ruleset.compile([rule], name=rule.id)
        own = {kind: max(0.0, _us_per_kb(alone, some) - floor[kind]) for kind, some in texts.items()}
        costs.append(RuleCost(rule, own, _looks_per_kb(rule, texts["clean"])))
        after_each()
    return costs


def _looks_per_kb(rule: Rule, texts: Sequence[str]) -> float:
    """Stretches of text in which a trigger ends; several of them close together are one."""
    scanner = compile_rules((rule,)).scanner()
    found = [scanner(FOLDING.window(text)) for text in texts]
    stretches = sum(len(places) // 2 for ends in found for places in ends.values())
    return stretches / (sum(map(len, texts)) / 1024)


def _finding_nothing(rule: Rule) -> Rule:
    """A rule for control characters, which no shadow has."""
    found = replace(rule, core=(r"\x01\x02\x03\x04",), core_with_context=(), context=(), between="", assigned=False)
    return replace(found, run="", until="", validator="", prompt="alert")


def _texts(rules: Sequence[Rule], number: int, size_chars: int) -> dict[str, list[str]]:
    chance = random.Random(_SEED)  # noqa: S311  # the same texts each time
    return {kind: [make(chance, size_chars, rules) for _ in range(number)] for kind, make in KINDS.items()}


def _us_per_kb(ruleset: Ruleset, texts: Sequence[str]) -> float:
    """The fastest of some rounds: everything slower is the machine's noise."""
    size_kb = sum(map(len, texts)) / 1024
    times = []
    with _no_collections():
        for _ in range(_ROUNDS):
            # Of this thread: what else the machine does is not the rules' doing.
            start = time.thread_time()
            for text in texts:
                ruleset.scan(text, Side.PROMPT)
            times.append(time.thread_time() - start)
    return min(times) * 1e6 / size_kb


@contextmanager
def _no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
