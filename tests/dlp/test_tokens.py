"""What tells a random token from a placeholder, against the same in plain Python."""

import random
import re

from synapse._dlp import CAPITAL, DIGIT, SMALL, kinds, repeats, varied

TEXTS = 5_000


def texts() -> list[bytes]:
    chance = random.Random(1)
    alphabets = (b"ab", b"aB1", b"abcdef", b"ABCDEF-", b"0123456789", bytes(range(256)))
    return [bytes(chance.choices(chance.choice(alphabets), k=chance.randrange(24))) for _ in range(TEXTS)]


def test_the_kinds_of_characters_are_told() -> None:
    parts = {DIGIT: rb"[0-9]", SMALL: rb"[a-z]", CAPITAL: rb"[A-Z]"}
    for text in texts():
        assert kinds(text) == sum(kind for kind, part in parts.items() if re.search(part, text)), text


def test_varied_are_six_different_ones_among_the_last_sixteen() -> None:
    for text in texts():
        assert varied(text) == (len(set(text[-16:])) >= 6), text


def test_a_character_that_repeats_is_seen() -> None:
    for text in texts():
        for times in (2, 3, 6):
            assert repeats(text, times) == (re.search(rb"(?s)(.)\1{%d}" % (times - 1), text) is not None), text
