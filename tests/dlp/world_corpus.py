"""Held-out texts for the national packs outside of Europe: what people write, and what looks like it.

Numbers come from `corpora/world_numbers.toml`; which of them are real is decided by python-stdnum or, where it has no
module, by a second implementation here. Nothing is shared with the rules or their validators.
"""

import importlib
import random
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stdnum import luhn

NUMBERS: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "corpora" / "world_numbers.toml").read_text("utf-8")
)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"

# How a label and a number are written. In most sentences something stands between the two.
FRAMES: Mapping[str, tuple[str, ...]] = {
    "": (
        "{label}: {n}",
        "{label} {n}",
        '{{"name": "A. Person", "{label}": "{n}"}}',
        "{label} = {n}",
        "| {label} | {n} |",
        "<td>{label}</td><td>{n}</td>",
        "{label}\t{n}\n",
        "{label}\n{n}",
        "2026-03-04T10:11:12Z INFO update {label}={n} status=ok",
        "name;city;{label}\nA. Person;Town;{n}",
        "- **{label}**: `{n}`",
    ),
    "en": (
        "My {label} is {n}.",
        "Please check {label} {n}, thanks!",
        "The {label} of the applicant, Ms. Maria Silva, is {n}.",
        "Here's the {label} you asked for:\n\n{n}",
        "I lost my wallet yesterday; can you cancel {label} ({n})?",
        "UPDATE customers SET {label} = '{n}' WHERE id = 7;",
    ),
    "es": ("Mi {label} es {n}.", "con {label} número {n}, domiciliado en la ciudad", "Su {label} es el {n}, ¿verdad?"),
    "pt": ("Meu {label} é {n}.", "portador do {label} nº {n}, residente em", "Segue o {label} do cliente: {n}"),
    "fr": ("Mon {label} est le {n}.", "Voici le {label} du client : {n}"),
    "hi": ("मेरा {label} {n} है", "{label} नंबर: {n}"),
    "ur": ("میرا {label} نمبر {n} ہے",),
    "th": ("{label}ของฉันคือ {n}", "กรุณาตรวจสอบ{label} {n} ด้วยค่ะ"),
    "id": ("{label} saya adalah {n}.", "dengan {label} {n} beralamat di Bandung"),
    "ms": ("{label} saya ialah {n}.", "{label} pemohon: {n}"),
    "zh": ("我的{label}是{n}。", "请核对{label}：{n}，谢谢", "客户的{label}为{n}"),
    "ko": ("제 {label}는 {n}입니다.", "고객 {label}: {n} 확인 부탁드립니다"),
    "ja": ("私の{label}は{n}です。", "{label}：{n}をご確認ください"),
    "tr": ("{label} {n} olarak kayıtlı.", "Benim {label}: {n}"),
    "he": ("{label} שלי הוא {n}", "שם: ישראל, {label} {n}"),
    "ar": ("{label} الخاص بي هو {n}", "{label}: {n}"),
    "af": ("My {label} is {n}.",),
    "sw": ("Namba yangu ya {label} ni {n}.",),
}
ALONE = ("{n}", "As requested: {n}", "See ({n}) below.", "{n}, {n2}", "Reply: {n}. Thanks!", '"{n}"')


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and where in it a number of which rule stands; no rule when nothing must be found."""

    text: str
    rule: str = ""
    start: int = 0
    end: int = 0


def positives(*, seed: int, per_rule: int) -> Iterator[Case]:
    for rule, table in NUMBERS.items():
        chance = random.Random(f"{seed} {rule}")
        for turn in range(per_rule):
            if table.get("alone") and turn % 4 == 3:
                yield _alone(rule, table, chance)
            else:
                yield _labelled(rule, table, chance)


def _alone(rule: str, table: Mapping[str, Any], chance: random.Random) -> Case:
    number, other = (_real(table, chance.choice(table["alone"]), chance) for _ in range(2))
    frame = chance.choice(ALONE)
    start = frame.index("{n}")
    return Case(frame.format(n=number, n2=other), rule, start, start + len(number))


def _labelled(rule: str, table: Mapping[str, Any], chance: random.Random) -> Case:
    number = _real(table, chance.choice(table["layouts"]), chance)
    language = chance.choice(list(table["labels"]))
    frame = chance.choice((*FRAMES[""], *FRAMES[language]))
    label = chance.choice(table["labels"][language])
    if language == "en" and chance.random() < 0.2:
        label = chance.choice((label.upper(), label.lower()))
    head = frame.split("{n}")[0].format(label=label)
    return Case(frame.format(label=label, n=number), rule, len(head), len(head) + len(number))


def negatives(*, seed: int, count: int) -> Iterator[Case]:
    """Random and broken numbers of many kinds, bare, in sentences and in data, with no label that means anything."""
    chance = random.Random(seed)
    broken = [(table, layout) for table in NUMBERS.values() if "check" in table for layout in table["layouts"]]
    for turn in range(count):
        if turn % 3 == 0:
            table, layout = chance.choice(broken)
            number = _broken(table, layout, chance)
        else:
            number = chance.choice(OTHER_NUMBERS)(chance)
        yield Case(chance.choice(UNMEANT).format(n=number))


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _grouped(chance: random.Random, *sizes: int, by: str) -> str:
    return by.join(_digits(chance, size) for size in sizes)


UNMEANT = (
    "{n}",
    "Order {n} has shipped.",
    "Invoice no. {n}, due in 30 days",
    "tracking number {n}",
    '{{"order_id": "{n}", "qty": 3}}',
    "ticket #{n} was closed",
    "SKU {n} is out of stock",
    "See the report {n} for details.",
    "build {n} passed",
    "commit {n}",
    "Total: {n}",
    "call {n} after six",
    "serial {n}",
    "WARN worker[{n}] slow",
    "ref: {n}",
    "ISBN {n}",
    "model {n}",
    "measured {n} at noon",
    # Words that are a label in another country.
    "Ich habe ein Paket mit der Nummer {n} bekommen",
    "un pedido sin gastos, {n}, para sus clientes",
    "Bu bir sipariş: {n}",
    "Sim, está nas lojas: {n}",
    "CI run {n} failed after a pin change",
    "c'est la fin de la série {n}",
)
OTHER_NUMBERS: tuple[Callable[[random.Random], str], ...] = (
    *(lambda chance, n=n: _digits(chance, n) for n in range(7, 21)),
    lambda chance: str(uuid.UUID(int=chance.getrandbits(128))),
    lambda chance: f"{chance.getrandbits(160):040x}",
    lambda chance: f"{chance.getrandbits(64):016x}",
    lambda chance: str(1_600_000_000_000 + chance.randrange(200_000_000_000)),
    lambda chance: str(1_600_000_000 + chance.randrange(200_000_000)),
    lambda chance: f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T10:20:30.{_digits(chance, 6)}Z",
    lambda chance: f"2026{chance.randint(1, 12):02}{chance.randint(1, 28):02}{_digits(chance, 6)}",
    lambda chance: f"{chance.randint(1, 12):02}/{chance.randint(1, 28):02}/2026",
    lambda chance: f"{chance.random() * 180:.6f}, {chance.random() * 90:.8f}",
    lambda chance: f"{chance.randint(1, 999)}.{chance.randint(0, 99)}.{chance.randint(0, 9999)}",
    lambda chance: f"978-{chance.randint(0, 9)}-{_digits(chance, 2)}-{_digits(chance, 6)}-{_digits(chance, 1)}",
    lambda chance: f"978{_digits(chance, 10)}",
    lambda chance: f"1Z{_digits(chance, 3)}AA1{_digits(chance, 10)}",
    lambda chance: f"RR{_digits(chance, 9)}CN",
    lambda chance: f"${chance.randint(1, 999)},{_digits(chance, 3)}.{_digits(chance, 2)}",
    lambda chance: f"{chance.randint(1, 999)}.{_digits(chance, 3)}.{_digits(chance, 3)},{_digits(chance, 2)}",
    lambda chance: f"+1 ({_digits(chance, 3)}) {_digits(chance, 3)}-{_digits(chance, 4)}",
    lambda chance: f"({_digits(chance, 3)}) {_digits(chance, 3)}-{_digits(chance, 4)}",
    lambda chance: f"{_digits(chance, 3)}-{_digits(chance, 3)}-{_digits(chance, 4)}",
    lambda chance: f"+44 20 {_digits(chance, 4)} {_digits(chance, 4)}",
    lambda chance: f"+91 {_digits(chance, 5)} {_digits(chance, 5)}",
    lambda chance: _grouped(chance, 4, 4, 4, 4, by=" "),
    lambda chance: _grouped(chance, 4, 4, 4, 4, by="-"),
    lambda chance: f"DE{_digits(chance, 2)} " + _grouped(chance, 4, 4, 4, 4, 2, by=" "),
    lambda chance: f"GB{_digits(chance, 2)} WEST " + _grouped(chance, 4, 4, 4, 2, by=" "),
    lambda chance: _grouped(chance, 4, 4, 4, 4, 4, 2, by=" "),
    lambda chance: f"AB-{_digits(chance, 6)}-X{_digits(chance, 2)}",
    lambda chance: f"v{_digits(chance, 1)}.{_digits(chance, 2)}.{_digits(chance, 1)}-rc{_digits(chance, 1)}",
    lambda chance: ".".join(str(chance.randint(1, 255)) for _ in range(4)),
    lambda chance: "".join(chance.choices(LETTERS + "0123456789", k=chance.randint(8, 20))),
    lambda chance: "".join(chance.choices(LETTERS, k=3)) + "-" + _digits(chance, chance.randint(3, 8)),
    lambda chance: " ".join(_digits(chance, chance.randint(1, 5)) for _ in range(chance.randint(3, 9))),
    lambda chance: f"{chance.randint(1, 50)} x {chance.randint(1, 999)} = {chance.randint(1, 49_999)}",
)


def _real(table: Mapping[str, Any], layout: str, chance: random.Random) -> str:
    name = table.get("check", "")
    return _number(layout, chance, wanted=_check(name) if name else _always)


def _number(layout: str, chance: random.Random, *, wanted: Callable[[str], bool]) -> str:
    while True:
        number = _instance(layout, chance)
        if wanted(number):
            return number


def _broken(table: Mapping[str, Any], layout: str, chance: random.Random) -> str:
    """Wrong by its check digits; a bare random number where a layout has only right ones."""
    right = _check(table["check"])
    tries = (_instance(layout, chance) for _ in range(50))
    return next((number for number in tries if not right(number)), _digits(chance, 10))


def _instance(layout: str, chance: random.Random) -> str:
    dated = layout
    for field, number in (("YY", chance.randint(50, 99)), ("MM", chance.randint(1, 12)), ("DD", chance.randint(1, 28))):
        if "MM" in layout or field == "YY":
            dated = dated.replace(field, f"{number:02}", 1)
    choices = {"#": "0123456789", "?": LETTERS, "*": LETTERS + "0123456789", "a": LETTERS.lower()}
    return "".join(chance.choice(choices[sign]) if sign in choices else sign for sign in dated)


def _always(_: str) -> bool:
    return True


@cache
def _check(name: str) -> Callable[[str], bool]:
    if name in SECOND_IMPLEMENTATIONS:
        check = SECOND_IMPLEMENTATIONS[name]
        return lambda number: check("".join(filter(str.isalnum, number)))
    is_valid: Callable[[str], bool] = importlib.import_module(f"stdnum.{name}").is_valid
    return lambda number: is_valid("".join(filter(str.isalnum, number)).upper())


def _sum(number: str, weights: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, map(int, weights.split()), strict=False))


def _br_cnh(number: str) -> bool:
    first = _sum(number, "9 8 7 6 5 4 3 2 1") % 11
    less = 2 if first >= 10 else 0
    second = _sum(number, "1 2 3 4 5 6 7 8 9") % 11
    second = 0 if second >= 10 else second - less
    return number[9:] == f"{0 if first >= 10 else first}{second}"


def _br_pis(number: str) -> bool:
    rest = 11 - _sum(number, "3 2 9 8 7 6 5 4 3 2") % 11
    return int(number[10]) == (0 if rest >= 10 else rest)


def _br_voter(number: str) -> bool:
    if not 3 <= int(number[8:10]) <= 28:
        return False
    first = _sum(number, "2 3 4 5 6 7 8 9") % 11 % 10
    second = (_sum(number[8:], "7 8") + first * 9) % 11 % 10
    return number[10:] == f"{first}{second}"


def _mx_clabe(number: str) -> bool:
    products = [int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(number[:17])]
    return number[:3] != "000" and int(number[17]) == (10 - sum(products) % 10) % 10


def _au_medicare(number: str) -> bool:
    return int(number[8]) == _sum(number, "1 3 7 9 1 3 7 9") % 10


def _nz_nhi(number: str) -> bool:
    values = [LETTERS.index(sign) + 1 if sign.isalpha() else int(sign) for sign in number]
    rest = sum(value * weight for value, weight in zip(values, range(7, 1, -1), strict=False)) % 11
    return rest != 0 and values[6] == (11 - rest) % 10


def _sg_nric(number: str) -> bool:
    total = _sum(number[1:], "2 7 6 5 4 3 2") + {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    if number[0] == "M":
        return number[8] == "KLJNPQRTUWX"[10 - total % 11]
    return number[8] == ("JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK")[total % 11]


def _hk_hkid(number: str) -> bool:
    signs = number.rjust(9)
    total = sum((36 if sign == " " else int(sign, 36)) * (9 - place) for place, sign in enumerate(signs[:8]))
    return (total + int(signs[8], 16)) % 11 == 0


def _tw_id(number: str) -> bool:
    county = "10 11 12 13 14 15 16 17 34 18 19 20 21 22 35 23 24 25 26 27 28 29 32 30 31 33".split()
    plain = county[ord(number[0]) - 65] + number[1:]
    return _sum(plain, "1 9 8 7 6 5 4 3 2 1 1") % 10 == 0


def _kr_brn(number: str) -> bool:
    total = _sum(number, "1 3 7 1 3 7 1 3") + sum(divmod(int(number[8]) * 5, 10))
    return (10 - total % 10) % 10 == int(number[9])


def _cn_ric(number: str) -> bool:
    total = _sum(number, "7 9 10 5 8 4 2 1 6 3 7 9 10 5 8 4 2")
    return "10X98765432"[total % 11] == number[17]


def _id_nik(number: str) -> bool:
    return number[12:] != "0000"


SECOND_IMPLEMENTATIONS: Mapping[str, Callable[[str], bool]] = {
    "luhn": luhn.is_valid,
    "luhn9": lambda number: luhn.is_valid(number[:10] if len(number) == 16 else number[:9]),
    "br_cnh": _br_cnh,
    "br_cns": lambda number: _sum(number, "15 14 13 12 11 10 9 8 7 6 5 4 3 2 1") % 11 == 0,
    "br_pis": _br_pis,
    "br_voter": _br_voter,
    "mx_clabe": _mx_clabe,
    "au_medicare": _au_medicare,
    "nz_nhi": _nz_nhi,
    "sg_nric": _sg_nric,
    "hk_hkid": _hk_hkid,
    "tw_id": _tw_id,
    "kr_brn": _kr_brn,
    "cn_ric": _cn_ric,
    "id_nik": _id_nik,
}
