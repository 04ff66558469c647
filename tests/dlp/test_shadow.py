"""The shadow: compiled table against the plain function, the homomorphism, offsets."""

import random
import sys

import pytest

from synapse import _dlp
from synapse._dlp import EDGE, Offsets
from synapse.dlp import Ruleset, Side
from synapse.dlp.shadow import DROPPED, FOLDING, LETTERS, fold, fold_code_point, fold_page

CARD = "4111 1111" + " 1111 1111"


def plain_fold(text: str) -> tuple[bytes, list[int] | None]:
    folded = [fold_code_point(ord(character)) for character in text]
    kept = [index for index, byte in enumerate(folded) if byte != DROPPED]
    return bytes(folded[index] for index in kept), None if len(kept) == len(text) else kept


def folded(text: str) -> tuple[bytes, list[int] | None]:
    shadow, offsets = fold(text)
    return shadow, None if offsets is None else list(offsets)


def random_text(chance: random.Random, length: int) -> str:
    blocks = ((0x00, 0x20), (0x20, 0x7F), (0x7F, 0x24F), (0x27FF, 0x2801), (0x300, 0x52F),
              (0x2000, 0x20FF), (0xD7F0, 0xE010), (0xFE00, 0x10FFF),
              (0x1D400, 0x1D7FF), (0x1F100, 0x1F6FF), (0xE0000, 0xE01FF), (0, sys.maxunicode))  # fmt: skip
    return "".join(chr(chance.randint(*chance.choice(blocks))) for _ in range(length))


def test_the_compiled_extension_is_the_one_loaded() -> None:
    assert _dlp.__file__.endswith(".so")


def test_the_compiled_table_folds_as_the_plain_function_does() -> None:
    """Lone surrogates and unassigned code points included."""
    chance = random.Random(5)
    for _ in range(300):
        text = random_text(chance, chance.randint(0, 40))
        # A whole page of ideographs is one letter: unassigned ones among them too.
        expected, offsets = plain_fold(text)
        shadow, found = folded(text)
        assert found == offsets
        assert len(shadow) == len(expected)
        assert [a for a, b in zip(shadow, expected, strict=True) if a != b and a not in LETTERS] == []


@pytest.mark.parametrize("others", ["é\x00ß\t", "\u200bя中\u0301", "😀\U000e0041𝐀"])
def test_a_window_is_the_edge_and_the_shadow(others: str) -> None:
    """Of strings of one, two and four bytes a character, with ASCII in between, which is folded eight at a time."""
    chance = random.Random(others)
    for length in range(200):
        text = "".join(chance.choices("abc 1\n~" + others, weights=[20] * 7 + [1] * len(others), k=length))
        assert FOLDING.window(text) == EDGE + plain_fold(text)[0]
        assert folded(text) == plain_fold(text)


@pytest.mark.parametrize("page", [0x00, 0x01, 0x03, 0x04, 0x20, 0x30, 0xFE, 0xFF, 0x1D4, 0x1F1, 0xE00])
def test_every_code_point_of_the_pages_that_matter_is_folded_alike(page: int) -> None:
    assert fold_page(page) == bytes(fold_code_point(page << 8 | low) for low in range(256))


def test_the_shadow_of_two_texts_is_the_two_shadows() -> None:
    """The law that makes streams possible."""
    chance = random.Random(6)
    for _ in range(300):
        x, y = random_text(chance, 12), random_text(chance, 12)
        assert fold(x + y)[0] == fold(x)[0] + fold(y)[0]


@pytest.mark.parametrize(
    ("disguise", "plain"),
    [
        ("４１１１", "4111"),
        ("𝟒𝟏", "41"),
        ("٤١", "41"),
        ("4\u200b1\u00ad1\ufe0f1", "4111"),
        ("4\u0336 1\u0336", "4 1"),
        ("јаnе＠еxаmрlе．соm", "jane@example.com"),  # Cyrillic and full-width
        ("a‑b–c—d−e", "a-b-c-d-e"),  # five kinds of dashes
        ("a\u00a0b\u2003c", "a b c"),
        ("é", "e"),
        ("a\tb\rc\x0bd\x0ce\nf\x85g", "a b c d e\nf\ng"),
        ("".join(map(chr, (*range(9), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0)))), ""),
        ("4\u28001\u20651\ufff01\U0001d159\U000e0fff", "4111"),  # blank, or reserved to be ignored
    ],
)
def test_a_disguise_is_folded_to_what_it_looks_like(disguise: str, plain: str) -> None:
    assert fold(disguise)[0] == plain.encode()


def test_only_plain_ascii_is_its_own_shadow() -> None:
    """Each of its characters, wherever it stands, decides alone whether a text goes through the table."""
    for length in (1, 2, 15, 16, 17, 64, 1_000):
        for place in {0, length // 2, length - 1}:
            for code_point in range(0x80):
                text = "x" * place + chr(code_point) + "x" * (length - place - 1)
                assert folded(text) == plain_fold(text)


def test_offsets_of_a_long_text_are_compact() -> None:
    """Four bytes for each byte of the shadow, whatever is dropped."""
    _, offsets = fold("4\0" * 10_000)
    assert offsets is not None
    assert (len(offsets), offsets.itemsize) == (10_000, 4)


def test_offsets_of_pieces_are_offsets_of_the_whole() -> None:
    chance = random.Random(7)
    for _ in range(200):
        pieces = [random_text(chance, chance.randint(0, 6)) for _ in range(8)]
        text = "".join(pieces)
        offsets = Offsets()
        for piece in pieces:
            shadow, found = fold(piece)
            offsets.extend(len(piece), len(shadow), found)
        shadow, whole = fold(text)
        expected = list(range(len(text)) if whole is None else whole)
        assert [offsets.of(byte) for byte in range(len(shadow))] == expected
        offsets.forget(len(shadow) // 2)
        assert [offsets.of(byte) for byte in range(len(shadow) // 2, len(shadow))] == expected[len(shadow) // 2 :]


@pytest.mark.parametrize(
    ("disguise", "rule"),
    [
        *((CARD.replace(" ", sign), "credit_card") for sign in ("\t", "\r", "\n", "\r\n", "\x0b", "\x0c", "\x85")),
        *((CARD.replace(" ", sign), "credit_card") for sign in ("\0 ", "\x01", "\x1f", "\x7f", "\x9f", "\u2800")),
        *((CARD.replace(" ", sign), "credit_card") for sign in ("\ufff0", "\u2065", "\U000e0080", "\t\0")),
        ("\0".join(CARD), "credit_card"),
        ("4111 1111" + "\r\n" + "1111 1111", "credit_card"),
        ("jane\0@example.com", "email"),
        ("jane@\x1bexample\x7f.com", "email"),
        ("AKIA\b" + "IOSFODNN7EXAMPLE", "aws_access_key"),
        ("536\t22" + "\t1234", "us_ssn"),
        ("+49\t30" + "\t901820", "phone"),
        ("GB82\tWEST\t1234" + "\t5698\t7654\t32", "iban"),
        ("-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\r\nVersion: GnuPG v2.0.22 (GNU/Linux)\r\n\r\nlQOYBFnd\r\n"
         "-----END PGP " + "PRIVATE KEY BLOCK-----", "private_key"),
    ],
)  # fmt: skip
def test_control_characters_and_blanks_hide_nothing(ruleset: Ruleset, disguise: str, rule: str) -> None:
    """Alone, among other texts, and in a stream of single characters; the places are those of the text as it came."""
    text = f"Here: {disguise} it is"
    expected = [(rule, 6, 6 + len(disguise))]
    assert [(f.rule, f.start, f.end) for f in ruleset.scan(text, Side.PROMPT).findings] == expected
    among = ruleset.scan_many(["\r\n\t", "a\0b", text, ""], Side.PROMPT)
    assert [(f.rule, f.start, f.end) for scan in among for f in scan.findings] == expected
    stream = ruleset.redactor()
    left = "".join(map(stream.feed, text)) + stream.finish()
    assert left == ruleset.redact_answer(text)[0]
    assert left.startswith(f"Here: [REDACTED:{rule}]")


def test_findings_are_places_in_the_text_as_it_came(ruleset: Ruleset) -> None:
    """I8: invisible characters before and inside a match count, those after it stay."""
    text = "\u200b\u200bpay ４１１１\u200b 1111 1111 1111\u00ad now \ud800"
    scan = ruleset.scan(text, Side.PROMPT)
    assert [(f.start, f.end) for f in scan.findings] == [(6, 26)]
    assert scan.redacted == "\u200b\u200bpay [REDACTED:credit_card]\u00ad now \ud800"
