"""Held-out texts for the European packs: valid numbers in sentences, forms and logs; near misses; others."""

import random
import re
import tomllib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.validators import load_oracles
from synapse.dlp import load_all_rules
from synapse.dlp.acceptance import acceptance

_CASES: dict[str, dict[str, list[str]]] = tomllib.loads(Path(__file__).with_name("europe.toml").read_text("utf-8"))

# Rules whose numbers have a check digit, or a date, in every layout.
_CHECKED = frozenset(
    """
    uk_nhs uk_utr uk_vat ie_pps ie_vat fr_siren fr_siret fr_tva fr_numero_fiscal be_national_number
    be_enterprise be_identity_card nl_bsn nl_btw de_steuer_id de_svnr de_kvnr de_ust_id de_lanr at_svnr at_uid ch_ahv
    ch_uid es_dni es_nie es_cif es_nss it_codice_fiscale it_partita_iva pt_nif pt_cartao_cidadao pt_niss gr_afm gr_amka
    se_personnummer se_orgnr se_vat no_fodselsnummer no_orgnr dk_cvr fi_hetu fi_ytunnus ee_isikukood lt_asmens_kodas
    pl_pesel pl_nip pl_regon cz_rodne_cislo cz_dic cz_ico hu_adoszam ro_cnp ro_cui bg_egn bg_lnch bg_eik hr_oib si_emso
    si_davcna ua_rntrc ua_edrpou lu_matricule lu_vat cy_tic
    """.split()
)

# More than enough for a key of three digits.
_TRIES = 20_000

# What stands before and after a number: its name as people say it, or the same as a key.
_TEMPLATES = (
    ("{name}: ", ""),
    ("{name} ", ""),
    ("{name} = ", ""),
    ("Hello, my {name} is ", ", can you check it?"),
    ("Please update the record. {name}: ", ". Thank you!"),
    ("{name}:\t", "\n"),
    ("{name}\n", "\n"),
    ('{{"name": "J. Doe", "{key}": "', '", "active": true}}'),
    ("{key}=", "&lang=en"),
    ("'{key}': '", "',"),
    ("| {name} | ", " |"),
    ("<{key}>", "</{key}>"),
    ("INSERT INTO people ({key}) VALUES ('", "');"),
    ("2024-05-17 10:22:31 INFO form received {key}=", " status=ok"),
    ("name,{key},city\nDoe,", ",Springfield"),
    ("**{name}:** ", ""),
    ("- {name} (", ")"),
    ("{name} #", ""),
    ("{name} - ", ""),
    ("{name}: “", "”"),
    ("id;{key}\n1 ", ""),
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the one place in it where `rule` has to match."""

    rule: str
    text: str
    start: int
    end: int


def positives(seed: int, *, each: int) -> Iterator[Text]:
    verdicts = _verdicts()
    for rule, case in _CASES.items():
        chance = random.Random(f"{rule} {seed}")
        for _ in range(each):
            number = _number(chance, chance.choice(case["layouts"]), verdicts[rule])
            yield _written(chance, rule, chance.choice(case["names"]), number)


def near_misses(seed: int, *, each: int) -> Iterator[Text]:
    """Numbers with a wrong check digit behind the name of the right ones: `rule` must not match them."""
    verdicts = _verdicts()
    for rule in (rule for rule in _CASES if rule in _CHECKED):
        chance, valid = random.Random(f"{rule} {seed}"), verdicts[rule]
        for _ in range(each):
            layout = chance.choice(_CASES[rule]["layouts"])
            number = _number(chance, layout, lambda text, valid=valid: not valid(text))  # type: ignore[misc]
            yield _written(chance, rule, chance.choice(_CASES[rule]["names"]), number)


def _written(chance: random.Random, rule: str, name: str, number: str) -> Text:
    key = re.sub(r"\W+", "_", name.lower().replace(".", "")).strip("_")
    before, after = (part.format(name=name, key=key) for part in chance.choice(_TEMPLATES))
    return Text(rule, before + number + after, len(before), len(before) + len(number))


def _verdicts() -> dict[str, Callable[[str], bool]]:
    """Whether a number is valid: as python-stdnum says, or where it has no word or another one, as we do."""
    oracles = {oracle.rule: oracle.verdict() for oracle in load_oracles() if not oracle.differs}
    ours = {rule.id: acceptance(rule) or _anything for rule in load_all_rules() if rule.id in _CASES}
    verdicts = {**ours, **{rule: verdict for rule, verdict in oracles.items() if rule in _CASES}}
    return {rule: partial(_ask, verdict) for rule, verdict in verdicts.items()}


def _anything(_: bytes) -> bool:
    return True


def _ask(verdict: Callable[[bytes], bool], number: str) -> bool:
    return not number.isascii() or verdict(number.encode())


def _number(chance: random.Random, layout: str, valid: Callable[[str], bool]) -> str:
    for _ in range(_TRIES):
        number = _filled(chance, layout)
        if valid(number):
            return number
    raise AssertionError(f"no number of the layout {layout} is as asked")


def _filled(chance: random.Random, layout: str) -> str:
    year, month, day = chance.randint(1950, 1999), chance.randint(1, 12), chance.randint(1, 28)
    dated = layout.replace("YYYY", str(year)).replace("YY", f"{year % 100:02}").replace("MM", f"{month:02}")
    dated = dated.replace("DD", f"{day:02}")
    letters = "ABCDEFGHJKLMNPQRSTVWXYZ"
    return "".join(
        chance.choice("0123456789") if c == "#" else chance.choice(letters) if c == "@" else c for c in dated
    )


_SENTENCES = (
    "N",
    "Your order N has been shipped.",
    "Invoice no. N is due on 30 June.",
    "See ticket N for the details.",
    "Call us: N",
    "Tracking number N, delivered on Monday.",
    '{"id": "N", "status": "paid"}',
    "2024-05-17T10:22:31Z worker-3 request N took 18 ms",
    "The article N costs 12.90 EUR.",
    "ref=N",
)


def other_numbers(seed: int, count: int) -> Iterator[str]:
    """Numbers of other kinds, alone and in sentences: nothing of the packs may match."""
    chance = random.Random(seed)
    makers: tuple[Callable[[random.Random], str], ...] = (
        lambda c: "".join(c.choice("0123456789") for _ in range(c.randint(4, 20))),
        lambda c: str(uuid.UUID(int=c.getrandbits(128))),
        lambda c: f"{c.getrandbits(160):040x}",
        lambda c: (
            f"20{c.randint(15, 26)}-{c.randint(1, 12):02}-{c.randint(1, 28):02} {c.randint(10, 23)}:{c.randint(10, 59)}"
        ),
        lambda c: str(c.randint(1_600_000_000, 1_800_000_000)),
        lambda c: str(c.randint(1_600_000_000_000, 1_800_000_000_000)),
        lambda c: f"{c.randint(201, 989)}-{c.randint(200, 999)}-{c.randint(0, 9999):04}",
        lambda c: f"({c.randint(201, 989)}) {c.randint(200, 999)}-{c.randint(0, 9999):04}",
        lambda c: (
            f"+{c.choice((33, 34, 39, 44, 49))} {c.randint(100, 999)} {c.randint(100, 999)} {c.randint(1000, 9999)}"
        ),
        lambda c: f"0{c.randint(10, 99)} {c.randint(1000, 9999)} {c.randint(1000, 9999)}",
        lambda c: f"978-{c.randint(0, 9)}-{c.randint(100, 999)}-{c.randint(10000, 99999)}-{c.randint(0, 9)}",
        lambda c: f"1Z{''.join(c.choice('0123456789ABCDEFGHJKLMNPRSTVWXYZ') for _ in range(16))}",
        lambda c: f"{c.randint(1, 999)},{c.randint(0, 999):03},{c.randint(0, 999):03}.{c.randint(0, 99):02}",
        lambda c: f"{c.randint(1, 999)} {c.randint(0, 999):03} {c.randint(0, 999):03}",
        lambda c: f"v{c.randint(0, 20)}.{c.randint(0, 99)}.{c.randint(0, 9999)}",
        lambda c: f"{c.choice('ABCDEFGHKLMNPRSTVWXYZ')}{c.choice('ABCDEFGHKLMNPRSTVWXYZ')}-{c.randint(1000, 99999)}",
        lambda c: f"{c.choice('ABCDEFGHKLMNPRSTVWXYZ')}{c.randint(1_000_000, 99_999_999)}",
        lambda c: f"{c.randint(1000, 9999)}-{c.randint(1000, 9999)}-{c.randint(1000, 9999)}",
        lambda c: f"{c.randint(100000, 999999)}-{c.randint(1000, 9999)}",
        lambda c: f"{c.randint(10, 255)}.{c.randint(0, 255)}.{c.randint(0, 255)}.{c.randint(1, 254)}",
        lambda c: (
            f"{c.randint(-89, 89)}.{c.randint(10_000, 999_999)}, {c.randint(-179, 179)}.{c.randint(10_000, 999_999)}"
        ),
    )
    for _ in range(count):
        yield chance.choice(_SENTENCES).replace("N", chance.choice(makers)(chance))
