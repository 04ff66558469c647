"""What Hyperscan looks for never misses: wherever a core has a match that stands alone, its pattern is armed there."""

import random
import re
import time
from array import array
from collections.abc import Iterator

import pytest
from texts import toy

from synapse._dlp import EDGE, Scanner
from synapse.dlp import Ruleset, Side
from synapse.dlp.compilation import compile_rules
from synapse.dlp.language import Alt, Char, Node, Rep, Seq, parse_part
from synapse.dlp.patterns import Core, compile_cores
from synapse.dlp.rules import Rule, load_all_rules
from synapse.dlp.shadow import fold
from synapse.dlp.surroundings import in_context

GAPS = (b"", b" ", b"_", b"/", b"'", b"-", b".", b". ")
ASSIGNMENTS = (b"=", b": ", b'": "', b" is ", b"_x=", b" => '")
WORDS_OF_A_CORE = 8


@pytest.fixture(scope="module")
def every_core() -> tuple[Core, ...]:
    return compile_cores(load_all_rules())


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    """Of every rule there is."""
    return compile_rules(tuple(load_all_rules())).scanner()


@pytest.fixture
def chance() -> random.Random:
    seed = time.time_ns()
    print("seed", seed)
    return random.Random(seed)


def word_of(node: Node, chance: random.Random) -> bytes:
    """A random word of the language, short, long or between."""
    match node:
        case Char(allowed):
            return bytes([chance.choice(tuple(allowed))])
        case Seq(items):
            return b"".join(word_of(item, chance) for item in items)
        case Alt(items):
            return word_of(chance.choice(items), chance)
        case Rep(low, high, item):
            times = chance.choice((low, high, min(low + 1, high), chance.randint(low, high)))
            return b"".join(word_of(item, chance) for _ in range(times))


def is_armed(stretches: "array[int] | tuple[int, ...]", start: int, end: int) -> bool:
    """Whether a trigger of a match at this place is among those which the confirm pass looks around."""
    return any(first <= end and last > start for first, last in zip(stretches[::2], stretches[1::2], strict=True))


def begins_behind(stretches: "array[int] | tuple[int, ...]", start: int) -> bool:
    """Whether a match that needs a word is looked for at this place; a word may be found with the sign behind it."""
    return any(first - 1 <= start < last for first, last in zip(stretches[::2], stretches[1::2], strict=True))


def windows_with(word: bytes, core: Core, chance: random.Random) -> Iterator[bytes]:
    """At the beginning of a text, behind any sign that may stand there, and before something else."""
    allowed = [byte for byte in range(256) if byte not in core.left]
    for after in (b"", b" ", b"\x80"):
        yield EDGE + word + after
        yield EDGE + b"x " + bytes([chance.choice(allowed)]) + word + after


def test_every_match_of_a_core_that_stands_alone_is_armed(
    every_core: tuple[Core, ...], scanner: Scanner, chance: random.Random
) -> None:
    tried = 0
    for core in every_core:
        if core.pattern.needs_context:
            continue
        search = re.compile(core.pattern.guarded.encode()).search
        for _ in range(WORDS_OF_A_CORE):
            word = word_of(core.node, chance)
            for window in windows_with(word, core, chance):
                if found := search(window, window.index(word)):
                    tried += 1
                    armed = scanner(window).get(core.pattern.index, ())
                    assert is_armed(armed, *found.span()), (core.pattern.rule.id, window)
    assert tried > 10_000


def written(word: str, chance: random.Random) -> bytes:
    """A word of a context as its expression allows it: any letter case, any gaps, plural, inflected."""
    parts = fold(word.removesuffix("*"))[0].split()
    text = parts[0] + b"".join(chance.choice(GAPS) + part for part in parts[1:])
    cased = b"".join(chance.choice((text[n : n + 1].upper(), text[n : n + 1].lower())) for n in range(len(text)))
    inflected = chance.choice((b"", b"en", b"Xyz\xe1")) if word.endswith("*") else b""
    return cased + inflected + chance.choice((b"", b"s", b"S"))


def between(rule: Rule, chance: random.Random) -> bytes:
    if rule.assigned:
        return chance.choice(ASSIGNMENTS)
    if rule.between:
        return word_of(parse_part(rule.between), chance)
    return chance.choice((b"", b" ", b": ", b"=", b" " * 30, b"_" * 60))


@pytest.mark.parametrize("chars", range(60))
def test_what_stands_at_the_very_end_of_a_short_text_is_found(chars: int) -> None:
    """Hyperscan 0.9.1 does not report some literals at the end of 17 to 34 bytes, when its database has few others."""
    rules = [toy("own", "x1y"), toy("word", (), core_with_context=(r"\d{9}",), context=("cc",))]
    text = "a" * chars + "x1y"
    ruleset = Ruleset.compile(rules, name="own")
    assert [finding.start for finding in ruleset.scan(text, Side.PROMPT).findings] == [chars]
    redactor = ruleset.redactor()
    assert redactor.feed(text) + redactor.finish() == "a" * chars + "[REDACTED:own]"


def test_every_word_of_every_context_arms_what_follows_it(
    every_core: tuple[Core, ...], scanner: Scanner, chance: random.Random
) -> None:
    behind: dict[str, list[Core]] = {}
    for core in every_core:
        if core.pattern.needs_context:
            behind.setdefault(core.pattern.rule.id, []).append(core)
    tried = 0
    for cores in behind.values():
        rule = cores[0].pattern.rule
        stands_behind = in_context(rule)
        for word in rule.context:
            for _ in range(4):
                core = chance.choice(cores)
                match = word_of(core.node, chance)
                lead = chance.choice((b"", b"(", b" ", b"x", b"_", b"8", b"\xe1"))
                window = EDGE + lead + written(word, chance) + between(rule, chance) + match
                found = re.compile(core.pattern.guarded.encode()).search(window, len(window) - len(match))
                if found and stands_behind(window, found.start()):
                    tried += 1
                    armed = scanner(window).get(core.pattern.index, ())
                    assert begins_behind(armed, found.start()), (rule.id, word, window)
    assert tried > 10_000
