"""With every pack on, numbers of other kinds are left alone, and what a word says names a finding."""

import random
import string
import uuid
from collections.abc import Callable

import pytest

from synapse.dlp import Ruleset, Side
from synapse.dlp.rules import load_all_rules

ROUNDS = 12
FIRES_MAX = 0.02

# What a sign of a form stands for: a figure, a capital, a small hexadecimal digit, a capital or a figure.
_CLASSES = {
    "9": string.digits,
    "A": string.ascii_uppercase,
    "h": "0123456789abcdef",
    "X": string.ascii_uppercase + "12",
}

# The signs stand for themselves outside of ⟨ ⟩.
_FORMS = """
Order #⟨99999999⟩ has shipped.
Your order number is ⟨9999999999⟩
order_id=⟨999999999999⟩
PO-⟨999999⟩
SKU ⟨AAA-99999-AA⟩
Invoice INV-2024-⟨99999⟩ is overdue
Rechnung Nr. ⟨99999999⟩ vom 03.04.2024
Facture n° ⟨9999999⟩
Ticket ⟨AAAA-9999⟩ was closed
UPS tracking 1Z⟨XXXXXX9999999999⟩
USPS 9400 1⟨999 9999 9999 9999 99⟩
tracking no ⟨AA999999999AA⟩
FedEx ⟨999999999999⟩
DHL shipment ⟨9999999999⟩
⟨99999999⟩
⟨999999999⟩
⟨9999999999⟩
⟨999999999999⟩
⟨9999-9999-9999⟩
⟨999 999 999⟩
⟨hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh⟩
commit ⟨hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh⟩
sha256:⟨hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh⟩
ts=17⟨99999999999⟩
2024-03-12T09:12:44.⟨999999⟩Z
Chrome/120.0.⟨9999⟩.⟨99⟩ Safari/537.36
The price rose to ⟨999,999.99⟩ dollars in May.
⟨999,999,999⟩ inhabitants
ISBN 978-⟨9-9999-9999-9⟩
ISSN ⟨9999-9999⟩
scores: ⟨99, 99, 99, 99, 99, 99, 99, 99⟩
[⟨999, 99, 999, 999, 99, 999, 999⟩]
M⟨999.99,999.99⟩L⟨999.9 999.99⟩Z
#⟨hhhhhh⟩
api-server-⟨hhhhhhhhh-hhhhh⟩
arn:aws:ec2:us-east-1:⟨999999999999⟩:instance/i-⟨hhhhhhhhhhhhhhhhh⟩
flight ⟨AA9999⟩ gate B⟨99⟩
part no. ⟨AA999999⟩
serial ⟨XXXXXXXXXXXX⟩
case number ⟨99-AA-99999⟩
model ⟨A9999999A⟩
member no ⟨999999999⟩
student id ⟨9999999⟩
batch ⟨A99999999⟩
patent US ⟨9,999,999⟩ B2
CVE-2024-⟨99999⟩
⟨AA99999999AA⟩
⟨AA999999A⟩
⟨AAA9999A⟩
""".strip().splitlines()

_TEXTS = """
user@localhost
git@github.com:org/repo.git
@angular/core@17.0.1
password: ${DB_PASSWORD}
passwords: argon2id
secret = (base64.b64decode
token: {{ .Values.token }}
DB_PASSWORD=$(cat /run/secrets/db)
max_tokens: 4096
Authorization: Bearer <token>
redis://localhost:6379
token_type: bearer
The customer: 42 units
customer 35
Flights at 08:15, 09:45, 11:00 and 13:20.
Pi is 3.14159265358979323846
999.999.999.999
01:23:45:67:89
SSN: ___-__-____
SSN 000-12-3456
social security number: xxx-xx-1234
4111 1111 1111 1112
DE89 3704 1044 0532 0130
Vitamin B12 and D3
int arr[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
100 200 300 400 500 600 700
12 34 56 78 90 12 34 56
64 bytes from 10: icmp_seq=1 ttl=64 time=12.3 ms
""".strip().splitlines()

# Public sample numbers, in parts, and the rule that names them.
_NAMED: list[tuple[str, str, str]] = [
    ("ssn=", "5362" + "21234", "us_ssn"),
    ("US passport no. ", "9128" + "03456", "us_passport"),
    ("Driver license: ", "A123" + "4567", "us_driver_licence"),
    ("asmens kodas ", "333092" + "40064", "lt_asmens_kodas"),
    ("RUC ", "205123" + "33797", "pe_ruc"),
    ("personnummer ", "880320" + "-0016", "se_personnummer"),
    ("My Number: ", "6214 98" + "32 0257", "jp_my_number"),
    ("UID ", "2341 23" + "41 2346", "in_aadhaar"),
    ("SIRET ", "732 829 " + "320 00074", "fr_siret"),
    ("PTIN ", "P-0063" + "4642", "us_ptin"),
    ("account number: ", "4111 1111 " + "1111 1111", "credit_card"),
]


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return Ruleset.compile(load_all_rules(), name="all")


def test_numbers_of_other_kinds_are_left_alone(ruleset: Ruleset) -> None:
    choice = random.Random(2024)
    written = [_written(form, choice.choice) for form in _FORMS for _ in range(ROUNDS)]
    unique = [str(uuid.UUID(int=choice.getrandbits(128))) for _ in range(ROUNDS)]
    texts = [*written, *unique, *_TEXTS]
    fires = {text: names for text in texts if (names := [f.rule for f in ruleset.scan(text, Side.PROMPT).findings])}
    assert len(fires) <= FIRES_MAX * len(texts), fires
    assert not fires.keys() & set(_TEXTS)


def _written(form: str, one_of: Callable[[str], str]) -> str:
    plain, *rest = form.split("⟨")
    for part in rest:
        signs, _, after = part.partition("⟩")
        plain += "".join(one_of(_CLASSES[sign]) if sign in _CLASSES else sign for sign in signs) + after
    return plain


@pytest.mark.parametrize(("label", "number", "rule"), _NAMED, ids=lambda value: value.strip(" :="))
def test_the_word_before_a_number_names_it(ruleset: Ruleset, label: str, number: str, rule: str) -> None:
    (finding,) = ruleset.scan(f"{label}{number}.", Side.PROMPT).findings
    assert (finding.rule, finding.start, finding.end) == (rule, len(label), len(label) + len(number))
