"""Validators: the compiled ones against plain arithmetic, the others on the edges of their formats."""

import calendar
import ipaddress
import random
import zlib
from collections.abc import Callable

import plain_checksums
import pytest

from synapse import _dlp
from synapse.dlp.validators import VALIDATORS, key_checksum

IMPLEMENTATIONS = [
    pytest.param(_dlp.luhn, _dlp.mod97, id="compiled"),
    pytest.param(plain_checksums.luhn, plain_checksums.mod97, id="plain"),
]


def test_dates_are_those_of_the_calendar() -> None:
    for year in (1, 1600, 1700, 1899, 1900, 1999, 2000, 2023, 2024, 2100, 9999):
        for month in range(-1, 15):
            days = calendar.monthrange(year, month)[1] if 1 <= month <= 12 else 0
            for day in range(-1, 40):
                assert _dlp.is_date(year, month, day) is (1 <= day <= days), (year, month, day)


def test_pairs_are_three_numbers_of_six_digits() -> None:
    assert _dlp.pairs(b"0199425") == (1, 99, 42)
    for text in (b"", b"12345", b"12 456", b"12345x"):
        with pytest.raises(ValueError, match="six digits"):
            _dlp.pairs(text)


@pytest.mark.parametrize(("luhn", "_mod97"), IMPLEMENTATIONS)
@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (b"79927398713", True),
        (b"79927398710", False),
        (b"4111 1111-1111 1111", True),
        (b"0", True),
        (b"", False),
        (b"no digits", False),
        (b"9" * 100_000 + b"0", True),
        (b"9" * 100_000 + b"1", False),
    ],
)
def test_the_luhn_sum(luhn: Callable[[bytes], bool], _mod97: object, text: bytes, valid: bool) -> None:
    assert luhn(text) is valid


@pytest.mark.parametrize(("_luhn", "mod97"), IMPLEMENTATIONS)
@pytest.mark.parametrize(
    ("text", "remainder"),
    [
        (b"WEST12345698765432GB82", 1),
        (b"west 1234 5698 7654 32 gb 82", 1),
        (b"96", 96),
        (b"97", 0),
        (b"", 0),
        (b"Z", 35),
    ],
)
def test_the_remainder_by_97(_luhn: object, mod97: Callable[[bytes], int], text: bytes, remainder: int) -> None:
    assert mod97(text) == remainder


@pytest.mark.parametrize("name", ["luhn", "mod97", "digits", "alphanumerics", "base58", "entropy"])
def test_compiled_and_plain_agree_on_random_texts(name: str) -> None:
    chance = random.Random(3)
    compiled, plain = getattr(_dlp, name), getattr(plain_checksums, name)
    for _ in range(2_000):
        text = bytes(
            chance.choice(b"0123456789 -ABCIZaz1" if name != "base58" else b"1119AHJNPZakmz0") for _ in range(40)
        )
        text = text[: chance.randint(0, 40)]
        assert compiled(text) == pytest.approx(plain(text)), text


def test_compiled_and_plain_leave_the_same_of_a_bech32_address() -> None:
    chance = random.Random(5)
    for _ in range(2_000):
        data = bytes(
            chance.choices(b"qpzry9x8gf2tvdw0s3jn54khce6mua7lb" if chance.random() < 0.9 else range(256), k=40)
        )
        prefix, data = chance.choice((b"bc", b"tb", b"", b"\xff\0z")), data[: chance.randint(0, 40)]
        assert _dlp.bech32(prefix, data) == plain_checksums.bech32(prefix, data), (prefix, data)
    assert _dlp.bech32(b"bc", b"qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4") == 1, "BIP-173's own example"


def test_compiled_and_plain_check_digits_of_machine_readable_lines_agree() -> None:
    chance = random.Random(6)
    for _ in range(2_000):
        text = bytes(chance.choices(b"0123456789ABCXYZ<az\xff", k=chance.randint(0, 40)))
        assert _dlp.mrz_digit(text) == plain_checksums.mrz_digit(text), text
    assert _dlp.mrz_digit(b"D23145890734") == 9, "ICAO 9303's own example"


def test_an_address_is_one_to_us_when_it_is_one_to_the_standard_library() -> None:
    """On mutated addresses of all forms."""
    chance = random.Random(7)
    seeds = (
        "2001:db8::8a2e:370:7334",
        "fe80::1ff:fe23:4567:890a",
        "::ffff:192.0.2.128",
        "2001:db8:0:0:1:0:0:1",
        "abcd::",
    )
    valid = 0
    for _ in range(5_000):
        address = list(chance.choice(seeds))
        for _ in range(chance.randint(0, 2)):
            address[chance.randrange(len(address))] = chance.choice(["", ":", "0", "f", "1234", "."])
        text = "".join(address)
        assert _dlp.is_ipv6(text.encode()) == is_address(text), text
        valid += is_address(text)
    assert 500 < valid < 4_500
    assert not _dlp.is_ipv6(b"::1\0")


def is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", ["verhoeff", "mod11_10", "mod11_2"])
def test_compiled_and_plain_check_digits_agree(name: str) -> None:
    """About one number in ten or eleven is valid, so both answers are tried."""
    chance = random.Random(4)
    compiled, plain = getattr(_dlp, name), getattr(plain_checksums, name)
    answers = []
    for _ in range(3_000):
        number = bytes(chance.choice(b"0123456789") for _ in range(chance.randint(2, 20)))
        number = number[:-1] + b"X" if name == "mod11_2" and chance.random() < 0.1 else number
        answers.append(compiled(number))
        assert answers[-1] == plain(number), number
    assert 150 < sum(answers) < 500


def test_compiled_and_plain_weighted_sums_agree() -> None:
    chance = random.Random(5)
    for _ in range(500):
        number = bytes(chance.choice(b"0123456789") for _ in range(chance.randint(0, 14)))
        weights = [chance.randint(-9, 30) for _ in range(chance.randint(0, 14))]
        assert _dlp.weighted(number, weights) == plain_checksums.weighted(number, weights)


@pytest.mark.parametrize("name", ["verhoeff", "mod11_10", "mod11_2"])
def test_a_check_digit_alone_checks_nothing(name: str) -> None:
    assert [getattr(_dlp, name)(text) for text in (b"", b"0", b"1")] == [False] * 3


def test_a_key_checksum_is_six_base62_digits_of_the_crc() -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for random_part in ("0" * 32, "z" * 32, "Aa0" * 10 + "xy"):
        checksum = key_checksum(random_part)
        value = 0
        for digit in checksum:
            value = value * 62 + alphabet.index(digit)
        assert len(checksum) == 6
        assert value == zlib.crc32(random_part.encode())
        assert VALIDATORS["synapse_key"](f"syn_{random_part}{checksum}".encode())
        assert not VALIDATORS["synapse_key"](f"syn_{random_part[::-1]}x{checksum[1:]}".encode())


@pytest.mark.parametrize(
    ("validator", "match", "valid"),
    [
        ("email", b"a" * 64 + b"@" + b"b" * 63 + b"." + b"c" * 63 + b"." + b"d" * 57 + b".com", True),
        ("email", b"a" * 64 + b"@" + b"b" * 63 + b"." + b"c" * 63 + b"." + b"d" * 58 + b".com", False),
        ("ipv4", b"0.0.0.0", True),
        ("ipv4", b"00.0.0.0", False),
        ("jwt", b"eyJhbGciOiJub25lIn0.eyJ9.", True),
        ("jwt", b"eyJ" + b"A" * 400 + b".eyJ9.", False),
        ("phone", b"+2981234", True),
        ("phone", b"+4412345678901234", False),
        ("us_ssn", b"899-99-9999", True),
        ("us_ssn", b"900-01-0001", False),
        ("varied", b"AKIA" + b"ABCDEF" + b"A" * 10, True),
        ("varied", b"AKIA" + b"ABCDE" + b"A" * 11, False),
    ],
)
def test_a_validator_at_the_edge_of_its_format(validator: str, match: bytes, valid: bool) -> None:
    assert VALIDATORS[validator](match) is valid
