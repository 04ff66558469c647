"""61 ways to disguise the number of a card, an e-mail address and an API key, from harmless to far-fetched.

Run it to write `docs/disguises.md`: python tests/dlp/disguises.py docs/disguises.md. Secrets are put together at run
time, so that no scanner takes this file for a leak.
"""

import base64
import gzip
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from synapse.dlp import Finding, Ruleset, Side, default_ruleset
from synapse.dlp.closely import scan_closely

DIGITS = "4012888888" + "881881"
GROUPS = [DIGITS[at : at + 4] for at in range(0, 16, 4)]
EMAIL = "jane.doe" + "@" + "example.com"
KEY = "AKIA" + "QWERTYUIOP" + "ASDFGH"
PREFIX, SUFFIX = "Please note: ", " – that is all."


@dataclass(frozen=True)
class Disguise:
    what: str
    how: str
    text: str
    # How much of what stands around the secret in the disguise is not a part of it, such as a quotation mark.
    slack: int = 0

    @property
    def rule(self) -> str:
        return {"card": "credit_card", "e-mail": "email", "key": "aws_access_key"}[self.what]


def shifted(text: str, zero: int, upper: int = 0, lower: int = 0) -> str:
    """Figures and letters moved to another block of Unicode."""
    for first, last, start in (("0", "9", zero), ("A", "Z", upper), ("a", "z", lower)):
        if start:
            text = re.sub(f"[{first}-{last}]", lambda m, a=first, b=start: chr(ord(m[0]) - ord(a) + b), text)
    return text


def each(text: str, form: Callable[[int], str]) -> str:
    return "".join(form(ord(character)) for character in text)


def b64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


WORDS = "zero one two three four five six seven eight nine".split()
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
DARK = str.maketrans("0123456789", "⓿❶❷❸❹❺❻❼❽❾")
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
CYRILLIC = str.maketrans("aeopcxAEOPTKH", "аеорсхАЕОРТКН")
MORSE = dict(zip("0123456789", "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(), strict=True))
ROMAN = dict(zip("01248", ("N", "I", "II", "IV", "VIII"), strict=True))
SMALL = str.maketrans("jaedoxmplcn", "ᴊᴀᴇᴅᴏxᴍᴘʟᴄɴ")
CAESAR = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "FGHIJKLMNOPQRSTUVWXYZABCDE")
LOOK_ALIKE = str.maketrans("01", "Ol")

DISGUISES = [
    Disguise("card", "groups, with spaces", " ".join(GROUPS)),
    Disguise("card", "groups, with hyphens", "-".join(GROUPS)),
    Disguise("card", "groups, with full stops", ".".join(GROUPS)),
    Disguise("card", "groups, one to a line", "\n".join(GROUPS)),
    Disguise("card", "every figure apart", " ".join(DIGITS)),
    Disguise("card", "no-break spaces", "\N{NO-BREAK SPACE}".join(GROUPS)),
    Disguise("card", "thin spaces", "\N{THIN SPACE}".join(GROUPS)),
    Disguise("card", "en dashes", "\N{EN DASH}".join(GROUPS)),
    Disguise("card", "full-width figures", shifted(DIGITS, 0xFF10)),
    Disguise("card", "mathematical bold figures", shifted(DIGITS, 0x1D7CE)),
    Disguise("card", "circled figures", DIGITS.translate(CIRCLED)),
    Disguise("card", "figures in dark circles", DIGITS.translate(DARK)),
    Disguise("card", "superscript figures", DIGITS.translate(SUPERSCRIPT)),
    Disguise("card", "Arabic-Indic figures", shifted(DIGITS, 0x660)),
    Disguise("card", "Devanagari figures", shifted(DIGITS, 0x966)),
    Disguise("card", "keycap emojis", each(DIGITS, lambda c: chr(c) + "\ufe0f\u20e3"), slack=2),
    Disguise("card", "zero-width spaces between", "\u200b".join(DIGITS)),
    Disguise("card", "soft hyphens between", "\u00ad".join(DIGITS)),
    Disguise("card", "a combining mark on each figure", each(DIGITS, lambda c: chr(c) + "\u0336"), slack=1),
    Disguise("card", "direction marks between", "\u202e".join(DIGITS)),
    Disguise("card", "tag characters, which nobody sees", each(DIGITS, lambda c: chr(0xE0000 + c))),
    Disguise("card", "variation selectors, which nobody sees", each(DIGITS, lambda c: chr(0xE0100 + c - 16))),
    Disguise("card", "entities of HTML, decimal", each(DIGITS, lambda c: f"&#{c};")),
    Disguise("card", "entities of HTML, hexadecimal", each(" ".join(GROUPS), lambda c: f"&#x{c:x};")),
    Disguise("card", "percent signs", each(DIGITS, lambda c: f"%{c:02X}")),
    Disguise("card", "percent signs, twice", each(DIGITS, lambda c: f"%25{c:02X}")),
    Disguise("card", r"escapes: \u", each(DIGITS, lambda c: f"\\u{c:04x}")),
    Disguise("card", r"escapes: \x", each(DIGITS, lambda c: f"\\x{c:02x}")),
    Disguise("card", "escapes, octal", each(DIGITS, lambda c: f"\\{c:03o}")),
    Disguise("card", "quoted-printable", each(DIGITS, lambda c: f"={c:02X}")),
    Disguise("card", "base64", b64(DIGITS)),
    Disguise("card", "base64, twice", b64(b64(DIGITS))),
    Disguise("card", "base64 of gzip", base64.b64encode(gzip.compress(DIGITS.encode(), mtime=0)).decode()),
    Disguise("card", "UTF-7", "+" + b64(DIGITS, "utf-16-be").rstrip("=") + "-", slack=2),
    Disguise("card", "hexadecimal", DIGITS.encode().hex()),
    Disguise("card", "hexadecimal, with spaces", " ".join(f"{ord(c):02x}" for c in DIGITS)),
    Disguise("card", "a list of character codes", ", ".join(str(ord(c)) for c in DIGITS)),
    Disguise("card", "binary", " ".join(f"{ord(c):08b}" for c in DIGITS)),
    Disguise("card", "markdown between the groups", "**" + "** **".join(GROUPS) + "**", slack=2),
    Disguise("card", "tags between the groups", " ".join(f"<b>{group}</b>" for group in GROUPS), slack=4),
    Disguise("card", "string literals, joined", " + ".join(f'"{group}"' for group in GROUPS), slack=1),
    Disguise("card", "words for figures", " ".join(WORDS[int(figure)] for figure in DIGITS)),
    Disguise("card", "letters that look like figures", " ".join(GROUPS).translate(LOOK_ALIKE)),
    Disguise("card", "backwards", DIGITS[::-1]),
    Disguise("card", "Morse code", " ".join(MORSE[figure] for figure in DIGITS)),
    Disguise("card", "Roman numerals", " ".join(ROMAN[figure] for figure in DIGITS)),
    Disguise(
        "card", "the figures spread over sentences", ". ".join(f"Then comes {group}, as I said" for group in GROUPS)
    ),
    Disguise(
        "e-mail", "full-width letters", shifted(EMAIL, 0xFF10, 0xFF21, 0xFF41).replace("@", "＠").replace(".", "．")
    ),
    Disguise("e-mail", "Cyrillic look-alikes", EMAIL.translate(CYRILLIC)),
    Disguise("e-mail", "mathematical letters", shifted(EMAIL, 0, 0, 0x1D41A)),
    Disguise("e-mail", "small capitals", EMAIL.translate(SMALL)),
    Disguise("e-mail", "named entities of HTML", EMAIL.replace("@", "&commat;").replace(".", "&period;")),
    Disguise("e-mail", "a percent sign, as in a link", quote(EMAIL)),
    Disguise("e-mail", "[at] and [dot]", EMAIL.replace("@", " [at] ").replace(".", " [dot] ")),
    Disguise("e-mail", "the words at and dot", EMAIL.replace("@", " at ").replace(".", " dot ")),
    Disguise(
        "e-mail", "base64 for addresses, without its end", base64.urlsafe_b64encode(EMAIL.encode()).decode().rstrip("=")
    ),
    Disguise("key", "JSON in JSON, escaped", KEY.replace("A", "\\\\u0041", 1)),
    Disguise("key", "string literals, joined over two lines", f'"{KEY[:9]}" +\n        "{KEY[9:]}"', slack=1),
    Disguise(
        "key",
        "base64 over some lines",
        "\n".join(re.findall(".{1,24}", b64(f"the key that you wanted is {KEY}, as agreed."))),
    ),
    Disguise("key", "a cipher: each letter moved by five", KEY.translate(CAESAR)),
    Disguise(
        "key",
        "base64 of bytes that a key was mixed with",
        base64.b64encode(bytes(c ^ 0xA5 for c in KEY.encode())).decode(),
    ),
]


@dataclass(frozen=True)
class Outcome:
    disguise: Disguise
    plain: bool  # by the rules on the text as it stands
    shadow: bool
    views: bool


def outcomes(ruleset: Ruleset) -> Iterator[Outcome]:
    for disguise in DISGUISES:
        text = PREFIX + disguise.text + SUFFIX
        # What is not ASCII stands for itself only, as it does for an expression that knows nothing of Unicode.
        bare = "".join(character if character.isascii() else "\N{PILCROW SIGN}" for character in text)
        plain = is_found(disguise, ruleset.scan(bare, Side.PROMPT).findings)
        shadow = is_found(disguise, ruleset.scan(text, Side.PROMPT).findings)
        yield Outcome(disguise, plain, shadow, is_found(disguise, scan_closely(ruleset, text, Side.PROMPT).findings))


def is_found(disguise: Disguise, findings: tuple[Finding, ...]) -> bool:
    """Whether the right rule found all of it."""
    start, end = len(PREFIX) + disguise.slack, len(PREFIX) + len(disguise.text) - disguise.slack
    return any(f.rule == disguise.rule and f.start <= start and f.end >= end for f in findings)


def page(ruleset: Ruleset) -> str:
    rows = list(outcomes(ruleset))
    plain, shadow, views = sum(r.plain for r in rows), sum(r.shadow for r in rows), sum(r.views for r in rows)
    lines = [
        "# Disguises",
        "",
        f"{len(rows)} ways to write the number of a card, an e-mail address and an API key, and what finds them in a",
        "prompt. Written by `tests/dlp/disguises.py`; a test compares this page with what is found.",
        "",
        f"- **Patterns** alone, as any expression would be, find {plain}.",
        f"- The **shadow text**, one plain byte for each code point, brings it to {shadow}. It works on prompts and",
        "  on answers, streamed or not.",
        f"- **Views**, what encoded text says when it is decoded, bring it to {views}. They work on prompts;",
        "  of an answer, what they show raises an alert.",
        "",
        "What is not found is a gap that no list of decoders closes: a number backwards or in a cipher looks like many",
        "others, and who wants to carry a text out by such means can always think of one more. Rules stop accidents",
        "and the curious; against the determined stand the key's binding, routing by classification and the audit log.",
        "",
        "| what | disguise | patterns | shadow | views |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.disguise.what} | {row.disguise.how} | {mark(row.plain)} | {mark(row.shadow)} | {mark(row.views)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def mark(found: bool) -> str:
    return "found" if found else "–"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(default_ruleset()), "utf-8")
