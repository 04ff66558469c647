"""Automata against `re`, which they stand in for: every rule's cores, and expressions made at random."""

import random
import re

import pytest

from synapse._dlp import Automaton
from synapse.dlp import Rule, load_all_rules
from synapse.dlp.context import context_source
from synapse.dlp.patterns import compile_cores
from synapse.dlp.programs import automaton, compiled, program

RULES = load_all_rules()
EXPRESSIONS = 300
PIECES = (
    *("a", "b", "[ab]", "[^a]", ".", r"\d", r"\W", "(?i:k)", "[^k]", "ab", "[a-c]"),
    *("(?=a)", "(?!b)", "(?<=a)", "(?<!b)", r"\Z", "(?:(?![a-c])|(?<=a))"),
)


def end_by_re(expression: re.Pattern[bytes], window: bytes, at: int, end: int) -> int:
    match = expression.match(window, at, end)
    return -1 if match is None else match.end()


def differences(source: bytes, windows: list[bytes], chance: random.Random) -> list[tuple[bytes, bytes, int, int]]:
    """Where the two do not end alike."""
    made, expression = automaton(source), re.compile(source)
    found = []
    for window in windows:
        end = chance.choice((len(window), chance.randrange(len(window) + 1)))
        found += [
            (source, window, at, end)
            for at in range(end + 1)
            if made.match(window, at, end) != end_by_re(expression, window, at, end)
        ]
    return found


def test_every_core_matches_as_re_matches_it() -> None:
    """On pieces of its rule's examples, which leave it everywhere on its way."""
    chance = random.Random(1)
    examples: dict[str, list[bytes]] = {}
    for core in compile_cores(RULES, tried={rule.id for rule in RULES}):
        rule = core.pattern.rule
        examples.setdefault(core.pattern.guarded, []).extend(
            example.text.encode("latin-1", "replace") for example in (*rule.hits, *rule.misses)
        )
    for guarded, texts in examples.items():
        windows = [b"".join(broken(chance.choice(texts), chance) for _ in range(3)) for _ in range(4)]
        assert differences(guarded.encode(), windows, chance) == []


def broken(text: bytes, chance: random.Random) -> bytes:
    cut = chance.randrange(len(text) + 1)
    return chance.choice((text, text[:cut], text[cut:], b" " + text, text + bytes((chance.randrange(256),))))


def test_made_up_expressions_match_as_re_matches_them() -> None:
    chance = random.Random(2)
    supported = 0
    for _ in range(EXPRESSIONS):
        source = made_up(chance, depth=3).encode()
        windows = ["".join(chance.choices("abckK1 \n", k=8)).encode() for _ in range(12)]
        assert differences(source, windows, chance) == []
        anywhere, expression = automaton(source, anywhere=True), re.compile(source)
        assert [anywhere.finds(window) for window in windows] == [
            expression.search(window) is not None for window in windows
        ], source
        supported += program(source) is not None
    assert supported > EXPRESSIONS / 2


def made_up(chance: random.Random, *, depth: int) -> str:
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(PIECES)
    inner = [made_up(chance, depth=depth - 1) for _ in range(chance.randint(1, 3))]
    match chance.randrange(3):
        case 0:
            return "".join(inner)
        case 1:
            return f"(?:{'|'.join(inner)})"
        case _:
            return f"(?:{inner[0]}){chance.choice(('?', '*', '+', '{2}', '{1,3}', '{0,2}', '{2,}'))}"


@pytest.mark.parametrize(
    "source", [rb"a*?b", rb"(a)\1", rb"(?>a)", rb"a++", rb"\ba", rb"^a", rb"(?=ab)", rb"(?:a?){2}"]
)
def test_what_has_no_program_is_left_to_re(source: bytes) -> None:
    assert program(source) is None
    made = automaton(source)
    made.compile()
    assert made.left_to_re
    assert differences(source, [b"aab", b"aa", b"b aa", b"ab"], random.Random(3)) == []


def test_an_expression_that_needs_too_many_states_is_left_to_re_for_a_while() -> None:
    """The places of the last twenty letters are as many states; the answers stay the same, and so does the memory."""
    source = rb"(?:[ab]{0,400}a[ab]{20}c|[ab]{0,300}b[ab]{19}d)"
    chance = random.Random(4)
    windows = ["".join(chance.choices("ab", k=600)).encode() + chance.choice((b"c", b"d")) for _ in range(60)]
    made, expression = automaton(source), re.compile(source)
    for window in windows:
        at = chance.randrange(200, 500)
        assert made.match(window, at) == end_by_re(expression, window, at, len(window))
    states = [made.left_to_re]
    for _ in range(5_000):
        assert made.match(b"b" * 20 + b"d", 0) == 21
    states.append(made.left_to_re)
    assert states == [True, False]
    for window in windows[:5]:
        assert made.match(window, 300) == end_by_re(expression, window, 300, len(window))


def test_context_words_stand_as_re_says() -> None:
    """The words of every rule, beside letters and in the middle of texts."""
    chance = random.Random(5)
    for rule in RULES:
        if rule.context:
            source = context_source(rule.context, rule.between)
            windows = [around_a_word(rule, chance) for _ in range(4)]
            assert differences(source, windows, chance) == []


def around_a_word(rule: Rule, chance: random.Random) -> bytes:
    word = chance.choice(rule.context).replace("*", "e").encode("latin-1", "replace")
    return b"".join(chance.choice((b"", b" ", b"s ", b"x", b": ", b"\xe1", b"]", word, word.upper())) for _ in range(4))


def test_wide_states_fill_an_automaton_sooner_than_many() -> None:
    """Each of these states has some thousand ways on: a few thousand of them are as much memory as it may have."""
    source = rb"[ab]{0,1000}a[ab]{1000}c"
    made, expression = automaton(source), re.compile(source)
    chance = random.Random(5)
    left = []
    for _ in range(5):
        window = "".join(chance.choices("ab", k=1_900)).encode() + b"c"
        assert made.match(window, 0) == end_by_re(expression, window, 0, len(window))
        left.append(made.left_to_re)
    assert left[0] is False, "one text of a common length does not fill it"
    assert left[-1] is True


def test_a_place_outside_of_the_window_is_refused() -> None:
    made = automaton(b"a")
    for at, end in ((-1, 1), (2, 1), (0, 3), (3, None)):
        with pytest.raises(ValueError, match="in the window"):
            made.match(b"aa", at, end)


CLASSES = bytes(256)


@pytest.mark.parametrize(
    "wrong",
    [
        (CLASSES[1:], 2, [b"\1\0"], [(4, 0, 0)]),
        (bytes((2,)) * 256, 2, [b"\1\0"], [(4, 0, 0)]),
        (CLASSES, 1, [b"\1"], [(4, 0, 0)]),
        (CLASSES, 2, [b"\1"], [(4, 0, 0)]),
        (CLASSES, 2, [], []),
        (CLASSES, 2, [], [(0, 0, 0)]),
        (CLASSES, 2, [b"\1\0"], [(0, 0, 1)]),
        (CLASSES, 2, [b"\1\0"], [(1, 1, 0)]),
        (CLASSES, 2, [b"\1\0"], [(5, 0, 0)]),
        (CLASSES, 2, [b"\1\0"], [(-1, 0, 0)]),
        (CLASSES, 2, [b"\1\0"], [(0, -1, 0)]),
    ],
)
def test_a_program_that_makes_no_sense_is_refused(
    wrong: tuple[bytes, int, list[bytes], list[tuple[int, int, int]]],
) -> None:
    with pytest.raises(ValueError, match=r"program|set|instruction"):
        Automaton(lambda: (b"a", wrong)).match(b"aa")


def test_sources_are_compiled_when_they_are_first_needed() -> None:
    asked = []

    def make() -> tuple[bytes, object]:
        asked.append(1)
        return compiled(b"a")

    made = Automaton(make)  # type: ignore[arg-type]
    assert asked == []
    assert [made.match(b"ab"), made.match(b"ba")] == [1, -1]
    assert asked == [1]
