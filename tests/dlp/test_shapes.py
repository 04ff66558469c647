"""Shapes: which cores are one, and that the automaton finds where their words end."""

import itertools
import random
import re
from array import array

import pytest
from texts import toy

from synapse._dlp import SHAPE_LEAD_CHARS, SHAPE_RUN_CHARS, Shapes
from synapse.dlp import load_all_rules, load_default_rules
from synapse.dlp.compilation import compile_rules
from synapse.dlp.language import char_class, parse
from synapse.dlp.patterns import compile_cores, find_hints, find_shapes
from synapse.dlp.shapes import Shape, digits_of, figures_alike, in_figures, run_of, shape_table

EDGE = b"\n"
WORD_CHARACTERS = char_class("0-9A-Za-z")


def digits(core: str, left: str = "0-9A-Za-z", right: str = "0-9A-Za-z") -> Shape | None:
    return digits_of(parse(core), char_class(left), char_class(right))


def run(core: str, left: str = "0-9A-Za-z", right: str = "0-9A-Za-z") -> Shape | None:
    return run_of(parse(core), char_class(left), char_class(right))


def automaton(*shapes: Shape | None) -> Shapes:
    return shape_table([shape for shape in shapes if shape is not None]).automaton()


def ends(shapes: Shapes, text: bytes) -> dict[int, list[tuple[int, int]]]:
    """By shape, where words end, counted from the beginning of the text."""
    found = shapes.ends(EDGE + text)
    return {
        shape: [(first - 1, last - 1) for first, last in zip(stretches[::2], stretches[1::2], strict=True)]
        for shape, stretches in found.items()
    }


@pytest.mark.parametrize(
    "core",
    [r"\d{3}", r"[A-Z]{2}\d{6}", r"\+?\d{2}", r"(?:a|bb)\d", r"[A-Z]{0,11}\d", r"(?:[A-Z]{2}\d){3}", r"(?:x|\d)\d"],
)
def test_a_core_is_a_shape_when_each_of_its_words_soon_has_a_digit(core: str) -> None:
    assert digits(core) is not None


@pytest.mark.parametrize("core", [r"[A-Z0-9]{8}", r"[A-Z]{0,12}\d", r"a\d{0,2}", r"(?:a|\d)", r"[a-z]{2,30}\d?"])
def test_a_core_with_a_word_whose_first_digit_is_late_or_missing_is_none(core: str) -> None:
    assert digits(core) is None


def test_the_longest_run_of_printed_characters_is_the_shape_and_guarded_where_the_core_is() -> None:
    whole, inner = run("[a-z]{20}"), run("[a-z]{17} [a-f]{18} x")
    assert whole is not None
    assert inner is not None
    assert whole.left == whole.right == frozenset(range(256)) - WORD_CHARACTERS
    assert ends(automaton(inner), b"f" * 19) == {0: [(18, 19)]}
    assert run("[a-z]{15}") is None
    assert run("[a-z ]{40}") is None


def test_letters_at_many_places_are_no_figures() -> None:
    month = digits(r"\d{1,2} (?:Jan|Feb|Mar) \d{4}")
    letters = digits(r"\d[A-Z]{3}")
    assert month is not None
    assert in_figures(month)
    assert letters is not None
    assert not in_figures(letters)


def test_a_shape_ends_before_what_may_stand_there() -> None:
    shapes = automaton(digits(r"\d{3}(?:-\d{2})?"))
    assert ends(shapes, b"a 123 b") == {0: [(5, 5)]}
    assert ends(shapes, b"123-45") == {0: [(3, 6)]}
    assert ends(shapes, b"1234 x123 123y") == {}
    assert ends(shapes, b"123") == {0: [(3, 3)]}


def test_each_shape_has_ends_of_its_own() -> None:
    shapes = automaton(digits(r"\d{3}"), digits(r"\d{3,5}"), digits(r"[A-Z]\d{3}"))
    assert ends(shapes, b"123 " + b"x" * 40 + b" 12345 " + b"y" * 40 + b" A123") == {
        0: [(3, 3)],
        1: [(3, 3), (50, 50)],
        2: [(96, 96)],
    }


def test_an_edge_inside_a_text_is_an_edge_to_the_right_too() -> None:
    """Texts are scanned joined, with the edge between them."""
    shapes = automaton(digits(r"\d{3}", right="0-9\\s"))
    assert ends(shapes, b"123\n") == {0: [(3, 3)]}
    assert ends(shapes, b"123 ") == {}


@pytest.mark.parametrize("at", range(20))
def test_a_shape_is_found_wherever_its_words_begin(at: int) -> None:
    """Eight characters are looked at in one step; a shape may begin at each of them."""
    early = automaton(digits(f"[A-Z]{{{SHAPE_LEAD_CHARS - 1}}}\\d"))
    word = b"Q" * (SHAPE_LEAD_CHARS - 1) + b"7"
    assert ends(early, b" " * at + word) == {0: [(at + len(word), at + len(word))]}
    long = automaton(run(f"[a-z]{{{SHAPE_RUN_CHARS}}}"))
    word = b"q" * SHAPE_RUN_CHARS
    for after in (b"", b" ", b"\x80", b"\xff" * 9, b"\x00"):
        end = at + SHAPE_RUN_CHARS
        assert ends(long, b" " * at + word + after) == {0: [(end, end)]}


@pytest.mark.parametrize("at", range(20))
def test_a_shape_may_begin_shortly_before_the_long_run_that_its_first_digit_is_in(at: int) -> None:
    shapes = automaton(digits(r"[A-Z] [A-Z]{9}\d{8}"))
    assert ends(shapes, b" " * at + b"X ABCDEFGHI12345678") == {0: [(at + 19, at + 19)]}


def test_all_that_re_finds_is_found_and_little_else() -> None:
    """Small languages on all texts of a few characters."""
    cores = (r"1{2,3}", r"a?1b?", r"(?:1-?){2}", r"1(?:1|b1){0,2}", r"(?:1a){1,2}1")
    shapes = automaton(*(digits(core, left="a", right="b1") for core in cores))
    expressions = [re.compile(core.encode()) for core in cores]
    for length in range(1, 7):
        for text in map(bytes, itertools.product(b"1ab-", repeat=length)):
            found = ends(shapes, text)
            for number, expression in enumerate(expressions):
                theirs = {
                    end
                    for at in range(length)
                    for end in range(at + 1, length + 1)
                    if expression.fullmatch(text, at, end) and text[end : end + 1] not in (b"b", b"1")
                    if at == 0 or text[at - 1 : at] != b"a"
                }
                own = {end for first, last in found.get(number, []) for end in range(first, last + 1)}
                assert theirs <= own, (cores[number], text)
                assert theirs or not own, (cores[number], text)


def test_shapes_of_every_kind_are_found_beside_each_other() -> None:
    """Before the automaton is run, pairs of bytes tell of which kinds of shapes a word may begin."""
    early = (r"1", r"11-?1", r"[ab]{2}1", r"[a ]b?1b", r"\+1", r"-?[ab]{0,3}1-", r"[a1]{3}-1", r"[ab]{11}1")
    late = (r"[ab]{16}", r"[ab1]{8}-[ab1]{8}", r"\+[ab]{15}b?", r"[ab+-]{17,18}")
    shapes = automaton(*(digits(core, "+", "b") for core in early), *(run(core, "+", "b") for core in late))
    expressions = [re.compile(core.encode()) for core in (*early, *late)]
    chance = random.Random(11)
    for _ in range(2_000):
        pieces = (b"1", b"a", b"b", b"-", b"+", b" ", b"ab", b"ababbabaab", b"aabb1bab-")
        text = b"".join(chance.choices(pieces, k=chance.randint(1, 14)))
        found = ends(shapes, text)
        for number, expression in enumerate(expressions):
            own = {end for first, last in found.get(number, []) for end in range(first, last + 1)}
            for at in range(len(text)):
                if at and text[at - 1 : at] == b"+":
                    continue
                for end in range(at + 1, len(text) + 1):
                    if text[end : end + 1] != b"b" and expression.fullmatch(text, at, end):
                        assert end in own, (expression.pattern, text, at, end)


def test_repeats_beyond_what_is_counted_are_found_longer_too() -> None:
    shapes = automaton(digits(r"\d{40,50}"))
    assert ends(shapes, b"1" * 45) == {0: [(45, 45)]}
    assert ends(shapes, b"1" * 31) == {}


def test_a_text_that_needs_ever_new_states_does_not_keep_them() -> None:
    chance = random.Random(8)
    shapes = compile_rules(tuple(load_all_rules())).shapes.automaton()
    fresh = compile_rules(tuple(load_all_rules())).shapes.automaton()
    most = 0
    for _ in range(4_000):
        shapes.ends(EDGE + bytes(chance.choices(b"0123456789ABCDEFabcdef-./ @:_", k=100)))
        most = max(most, shapes.states)
    assert 1_000 < most <= 8_192
    for _ in range(200):
        window = EDGE + bytes(chance.choices(b"0123456789ABCDEFabcdef-./ @:_", k=100))
        assert shapes.ends(window) == fresh.ends(window)


def test_a_text_that_never_ends_a_shape_costs_each_place_no_more_than_its_width() -> None:
    """What is found tells how far the automaton went: its repeats are not counted."""
    shapes = automaton(digits(r"(?:\d[ -]?){40,90}"))
    assert ends(shapes, b"4 " * 90)[0][-1][1] == 180
    assert digits(r"(?:\d[ -]?){40,900}") is None
    assert run("[a-z-]{40,900}") is None
    one = Shapes(
        sets=[b"\xff" * 32],
        labels=[0],
        following=[[0]],
        lefts=[0],
        rights=[0],
        of_shape=[0],
        kinds=[0],
        leads=[0],
        reach=4,
    )
    assert one.ends(b"\n" + b"x" * 15 + b"1" + b" " * 30) == {0: array("I", [2, 20])}


def test_what_a_rule_claims_by_its_shape_is_not_looked_for_with_hyperscan() -> None:
    rules = [
        toy("figures", r"\d{4}-\d{4}"),
        toy("literal", r"key-\d{4}"),
        toy("behind", (), core_with_context=(r"\d{4}-\d{4}",), context=("word",)),
    ]
    cores = compile_cores(rules)
    shapes, claims = find_shapes(cores)
    names = {core.pattern.index: core.pattern.rule.id for core in cores}
    assert [([names[n] for n in claim.always], [names[n] for n in claim.behind_words]) for claim in claims] == [
        (["figures"], ["behind"])
    ]
    assert len(shapes) == 1
    assert {names[n] for hint in find_hints(cores) for n in hint.patterns} == {"literal", "behind"}


def test_digits_are_not_told_apart_behind_words_and_among_many_shapes() -> None:
    first, second = digits(r"[1-4]\d{3}"), digits(r"(?:19|20)\d{2}")
    assert first is not None
    assert second is not None
    assert figures_alike(first) is not figures_alike(second)
    assert ends(automaton(figures_alike(first)), b"9999") == {0: [(4, 4)]}
    assert figures_alike(first) is figures_alike(digits_of(parse(r"[5-8]\d{3}"), WORD_CHARACTERS, WORD_CHARACTERS))  # type: ignore[arg-type]
    few = compile_cores([toy("a", r"[1-4]\d{3}"), toy("b", (), core_with_context=(r"[1-4]\d{3}",), context=("word",))])
    _, claims = find_shapes(few)
    assert [(claim.always, claim.behind_words) for claim in claims] == [((), (0,)), ((1,), ())]
    kinds = list(itertools.combinations("0123456789", 3))[:120] + list(itertools.combinations("0123456789", 4))[:9]
    many = compile_cores([toy("".join(kind), rf"[{''.join(kind)}]\d{{3}}") for kind in kinds])
    _, claims = find_shapes(many)
    assert [len(claim.always) for claim in claims] == [129]


def test_most_figures_of_the_default_policy_are_shapes() -> None:
    cores = compile_cores(load_default_rules())
    named = {core.pattern.rule.id for core in cores if core.shape is not None}
    assert {"credit_card", "iban", "phone", "us_ssn", "us_bank_account", "date_of_birth", "btc_address"} <= named
    assert not {"email", "openai_key", "private_key"} & named


ONE = {
    "sets": [b"\xff" * 32],
    "labels": [0],
    "following": [[]],
    "lefts": [0],
    "rights": [0],
    "of_shape": [0],
    "kinds": [0],
    "leads": [0],
    "reach": 1,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sets": [b"\xff"]},
        {"labels": [1]},
        {"labels": []},
        {"following": [[1]]},
        {"following": [[-1]]},
        {"following": []},
        {"lefts": [1]},
        {"lefts": [-2]},
        {"rights": [7]},
        {"of_shape": [-1]},
        {"of_shape": []},
        {"leads": []},
        {"leads": [-1]},
        {"leads": [SHAPE_LEAD_CHARS]},
        {"kinds": []},
        {"kinds": [8]},
        {"kinds": [-1]},
    ],
)
def test_positions_that_do_not_fit_together_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, IndexError)):
        Shapes(**{**ONE, **wrong})  # type: ignore[arg-type]
