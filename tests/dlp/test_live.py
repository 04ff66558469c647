"""What a stream holds back: never less than a beginning of a match, and the compiled automaton is the plain one."""

import itertools
import random
import re
import time

import pytest
from plain_engine import live_start
from texts import toy

from synapse.dlp import load_all_rules
from synapse.dlp.live import live_tables
from synapse.dlp.patterns import compile_cores

# None of their words is longer than six characters, so that all words can be tried.
SMALL_CORES = (
    "a[ab]{0,3}c",
    "bb|ba{1,3}b",
    "(?:a-?){2}b",
    "a(?:b|cb){2}",
    "a(?:|b)c",
    "(?:a?b){2}c",
    "[^a]b{2,3}",
    "a{2}",
)
WORDS = [bytes(word) for length in range(1, 7) for word in itertools.product(b"abc-", repeat=length)]


@pytest.mark.parametrize("core", SMALL_CORES)
def test_no_beginning_of_a_word_is_let_go(core: str) -> None:
    (table,) = live_tables(compile_cores([toy("t", core)]))
    automaton = table.automaton()
    language = {word for word in WORDS if re.fullmatch(core.encode(), word)}
    for word in language:
        for length in range(1, len(word) + 1):
            assert automaton.first(b"\n.." + word[:length], 1) <= 3


@pytest.mark.parametrize("core", [core for core in SMALL_CORES if "^" not in core])
def test_what_no_word_goes_on_from_is_let_go(core: str) -> None:
    (table,) = live_tables(compile_cores([toy("t", core)]))
    assert table.automaton().first(b"\nac.", 1) == 4
    assert table.automaton().first(b"\n", 1) == 1


def test_a_beginning_behind_a_guarded_character_does_not_count() -> None:
    (table,) = live_tables(compile_cores([toy("t", "ab{1,3}c", left="x")]))
    assert table.automaton().first(b"\nxab", 1) == 4
    assert table.automaton().first(b"\n.ab", 1) == 2


def test_nothing_longer_than_the_widest_is_held() -> None:
    (table,) = live_tables(compile_cores([toy("t", "a[ab]{0,6}c")]))
    assert table.automaton().first(b"\n" + b"a" * 30, 1) == 31 - 8


def test_the_automaton_is_what_trying_every_position_gives() -> None:
    """On texts of pieces of matches, with all rules; the states that were forgotten in between are made again."""
    seed = time.time_ns()
    chance = random.Random(seed)
    rules = load_all_rules()
    pieces = [example.text for rule in rules for example in (*rule.hits, *rule.misses) if example.text.isascii()]
    for table in live_tables(compile_cores(rules)):
        automaton = table.automaton()
        for _ in range(60):
            piece = chance.choice(pieces)
            text = "\n" + chance.choice(pieces)[-20:] + " " + piece[: chance.randint(1, len(piece))]
            window = text.encode()[-200:]
            assert automaton.first(window, 1) == live_start(table, window, 1), (seed, window)


def test_a_text_that_needs_ever_new_states_does_not_keep_them() -> None:
    chance = random.Random(8)
    (table, *_) = live_tables(compile_cores(load_all_rules()))
    automaton, most = table.automaton(), 0
    for _ in range(100_000):
        automaton.first(b"\n" + bytes(chance.choices(b"0123456789abcdefABCDEF-./ @:_", k=60)), 1)
        if automaton.states < most:
            break
        most = automaton.states
    else:
        pytest.fail(f"{most} states, and none was forgotten")
    assert most <= 16_384
    fresh = table.automaton()
    for _ in range(200):
        window = b"\n" + bytes(chance.choices(b"0123456789abcdefABCDEF-./ @:_", k=60))
        assert automaton.first(window, 1) == fresh.first(window, 1), window
