"""Varied texts to measure rules on. A text that repeats would flatter them: an automaton soon knows its way."""

import random
from collections.abc import Callable, Sequence

from ..dlp import Rule

# The matches in each KB of a text with personal data: a busy form, or a ticket with a signature.
MATCHES_PER_KB = 3
# Longer examples (whole keys) would crowd out everything else.
_EXAMPLE_CHARS_MAX = 160

_WORDS = (
    "the of and to in is that for it with as was on be at by this have from or had not are but what all were when we "
    "there can an your which their said if do will each about how up out them then she many some so these would other "
    "into has more her two like him see time could no make than first been its who now people my made over did down "
    "only way find use may water long little very after words called just where most know get through back much "
    "before go good new write our used me man too any day same right look think also around another came come work "
    "three word must because does part even place well such here take why things help put years different away again "
    "off went old number great tell men function return value request server model token error response "
    "configuration database customer invoice delivery account payment patient doctor contract meeting schedule "
    "der die und das nicht ist von mit wir auch werden Rechnung Kunde Vertrag Termin bitte Unterlagen Grüße für "
    "le la les des est que pour dans avec nous votre facture client bonjour merci société réunion où déjà "
    "el los una por con para como más pero está factura cliente gracias señor también año però città più perché"
).split()
_CODE = (
    "def {w}({w}: int) -> None:",
    "    return self.{w}.{w}({n})",
    'const {w} = await {w}("{w}-{w}");',
    '{{"{w}": {n}, "{w}": "{w}", "ok": true}}',
    "SELECT {w}, {w} FROM {w} WHERE id = {n};",
    "{d} {t} INFO {w}.{w}: {w} took {n} ms",
    "https://{w}.example.com/{w}/{n}?{w}={w}",
    "commit {h}",
    "{u} {w}",
    "| {w} | {n}.{m} | {m} % |",
    "<{w} class='{w}-{w}'>{w} {w}</{w}>",
)


def clean(chance: random.Random, size_chars: int) -> str:
    """Prose in some languages, dates, prices, code, logs and identifiers that are nothing to worry about."""
    pieces: list[str] = []
    length = 0
    while length <= size_chars:
        piece = _line_of_code(chance) if chance.random() < 0.02 else _word(chance)
        pieces.append(piece)
        length += len(piece) + 1
    return " ".join(pieces)[:size_chars]


def personal(chance: random.Random, size_chars: int, rules: Sequence[Rule]) -> str:
    """The same with what the rules are for."""
    hits = _examples(rules, broken=False)
    text = clean(chance, size_chars)
    for _ in range(MATCHES_PER_KB * size_chars // 1024 if hits else 0):
        place = chance.randrange(len(text))
        text = f"{text[:place]} {chance.choice(hits)} {text[place:]}"
    return text[:size_chars]


def hostile(chance: random.Random, size_chars: int, rules: Sequence[Rule]) -> str:
    """Nothing but what nearly matches: every trigger fires, and every look is for nothing, or nearly."""
    near = _examples(rules, broken=True) or ["nothing"]
    pieces: list[str] = []
    length = 0
    while length <= size_chars:
        piece = chance.choice(near)
        if chance.random() < 0.5:
            piece = _with_an_error(chance, piece)
        pieces.append(piece)
        length += len(piece) + 1
    return chance.choice((" ", "\n", "-")).join(pieces)[:size_chars]


KINDS: dict[str, Callable[[random.Random, int, Sequence[Rule]], str]] = {
    "clean": lambda chance, size_chars, _: clean(chance, size_chars),
    "personal": personal,
    "hostile": hostile,
}


def _word(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.03:
        return str(chance.randint(1, 5000))
    if kind < 0.04:
        return _filled(chance, chance.choice(("{d}", "{n}.{m} €", "v{m}.{m}.{m}", "{t}", "+{m} %")))
    word = chance.choice(_WORDS)
    if kind < 0.1:
        return word + chance.choice(",.;:?!\n")
    return word.capitalize() if kind < 0.2 else word


def _line_of_code(chance: random.Random) -> str:
    return "\n" + _filled(chance, chance.choice(_CODE)) + "\n"


def _filled(chance: random.Random, form: str) -> str:
    while "{w}" in form:
        form = form.replace("{w}", chance.choice(_WORDS), 1)
    return form.format(
        n=chance.randint(1, 99_999),
        m=chance.randint(0, 99),
        d=f"20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        t=f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}",
        h=f"{chance.getrandbits(160):040x}",
        u="-".join(f"{chance.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12)),
    )


def _examples(rules: Sequence[Rule], *, broken: bool) -> list[str]:
    return [
        example.before + example.text
        for rule in rules
        for example in ((*rule.hits, *rule.misses) if broken else rule.hits)
        if len(example.text) <= _EXAMPLE_CHARS_MAX
    ]


def _with_an_error(chance: random.Random, text: str) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chance.choice("0123456789abcxyzABCXYZ-. ") + text[place + 1 :]
