"""The texts that the DLP engine is measured on, none like another: a text that repeats flatters a lazy automaton."""

import base64
import random
import re
from collections.abc import Callable, Sequence

from synapse.cli.dlp_bench_texts import clean, hostile, personal
from synapse.dlp import Rule

KB = 1024
_WORDS = """
the of and to in is that for it with as was on be at by this have from or had not are but what all were when we
there can an your which their said if do will each about how up out them then she many some so these would other
into has more her two like him see time could no make than first been its who now people my made over did down only
way find use may water long little very after words called just where most know get through back much before go good
new write our used me man too any day same right look think also around another came come work three word must
because does part even place well such here take why things help put years different away again off went old number
great tell men function return value request server model token error response configuration database customer
invoice delivery
""".split()
# Some words of each script; their order is drawn anew for every text.
_SCRIPTS = tuple(
    words.split()
    for words in (
        "договор клиент оплата через неделю вопрос и ответ с новым годом посмотрите пожалуйста счёт за услуги",
        "η σύμβαση του πελάτη και το τιμολόγιο για την παράδοση είναι εδώ με ημερομηνία",
        "客户 合同 发票 明天 下午 会议 请 查看 附件 谢谢 我们 已经 付款 地址 上海市 浦东新区",
        "お客様 の 請求書 を 送付 いたします よろしく お願い 申し上げます 東京都 千代田区",
        "العميل والعقد مع الفاتورة غدا في الساعة نعم شكرا جزيلا",
        "ग्राहक का अनुबंध और चालान कल मिलेगा धन्यवाद कृपया देखें",
        "고객님 계약서 와 청구서 를 보내 드립니다 감사합니다 내일 오후",
    )
)


def prose(chance: random.Random, size: int) -> str:
    """English words, numbers, dates: the least that a prompt can be."""
    return _filled(size, lambda: _word(chance))


def persons(chance: random.Random, size: int, rules: Sequence[Rule]) -> str:
    """Prose with three matches of rules that are not for secrets: cards, accounts, addresses, numbers of persons."""
    examples = [example.before + example.text for rule in rules if rule.pack != "secrets" for example in rule.hits]
    words = prose(chance, size).split(" ")
    for example in chance.choices(examples, k=3 * size // KB):
        words.insert(chance.randrange(len(words)), example)
    return " ".join(words)[:size]


def scripts(chance: random.Random, size: int) -> str:
    """Sentences of other scripts, with numbers between them."""

    def sentence() -> str:
        words = chance.choices(chance.choice(_SCRIPTS), k=chance.randint(4, 14))
        return " ".join([*words, str(chance.randint(1, 5000))]) + chance.choice(".!?。")

    return _filled(size, sentence)


def long_tokens(chance: random.Random, size: int) -> str:
    """Base64 and hexadecimal text of every length, as in keys, hashes and attachments."""

    def token() -> str:
        raw = chance.randbytes(chance.randint(12, 300))
        return raw.hex() if chance.random() < 0.4 else base64.b64encode(raw).decode()

    return _filled(size, token)


def digits(chance: random.Random, size: int) -> str:
    """Tables of figures."""

    def row() -> str:
        cells = (f"{chance.randrange(10 ** chance.randint(1, 12))}" for _ in range(chance.randint(2, 9)))
        return chance.choice((" ", "\t", " | ", ",", ", ", "-")).join(cells) + "\n"

    return _filled(size, row)


Text = Callable[[random.Random, int, Sequence[Rule]], str]

# What each is called in tables; the rules are those whose examples it is made with.
WHOLE_TEXTS: dict[str, Text] = {
    "clean: prose": lambda chance, size, _: prose(chance, size),
    "clean: prose, code, JSON, ids": lambda chance, size, _: clean(chance, size),
    "clean: other scripts": lambda chance, size, _: scripts(chance, size),
    "prose, 3 matches of persons in each KB": persons,
    "3 matches of all rules in each KB": personal,
    "adversarial: near matches": hostile,
    "adversarial: figures": lambda chance, size, _: digits(chance, size),
}
STREAMED_TEXTS: dict[str, Text] = {
    **WHOLE_TEXTS,
    "base64 and hexadecimal": lambda chance, size, _: long_tokens(chance, size),
}


def deltas_of(chance: random.Random, text: str) -> list[str]:
    """About what models send: a word with its space, half of one, or a few characters of a long token."""
    return [piece for word in re.findall(r"\s?\S+|\s+", text) for piece in _tokens(chance, word)]


def _tokens(chance: random.Random, word: str) -> list[str]:
    if len(word) < 7 or (len(word) < 16 and chance.random() < 0.6):
        return [word]
    size = len(word) // 2 + 1 if len(word) < 16 else 5
    return [word[at : at + size] for at in range(0, len(word), size)]


def _filled(size: int, piece: Callable[[], str]) -> str:
    pieces: list[str] = []
    length = 0
    while length < size:
        pieces.append(piece())
        length += len(pieces[-1]) + 1
    return " ".join(pieces)[:size]


def _word(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.03:
        return f"{chance.randint(1, 5000)}"
    if kind < 0.036:
        return f"20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    word = chance.choice(_WORDS)
    if kind < 0.1:
        return word + chance.choice(",.;:?!")
    return word.capitalize() if kind < 0.2 else word
