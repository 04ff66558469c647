"""What redaction has to give, written as plainly as possible: `re` over the whole text, no Hyperscan, no stream.

It shares with the engine only the rules, their validators and the folding of one code point.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from synapse._dlp import RETRIES
from synapse.dlp import Finding, Rule, Side, other_numbers
from synapse.dlp.acceptance import acceptance
from synapse.dlp.shadow import fold_code_point

STRENGTH = {"alert": 1, "redact": 2, "block": 3}
DROPPED = 0xFF


@dataclass(frozen=True)
class Expression:
    rule: Rule
    guarded: re.Pattern[bytes]
    context: re.Pattern[bytes] | None
    run: re.Pattern[bytes] | None
    until: re.Pattern[bytes] | None
    apart: bool
    unclaimed: bool


@dataclass
class Span:
    start: int
    core_end: int
    end: int
    rule: Rule


def expressions(rules: Sequence[Rule]) -> list[Expression]:
    cores = [
        (rule, core, words)
        for rule in rules
        for some, words in ((rule.core, ()), (rule.core_with_context, rule.context))
        for core in some
    ]
    return [_expression(*core) for core in sorted(cores, key=_naming)]


def _naming(core: tuple[Rule, str, Sequence[str]]) -> tuple[int, int]:
    """What says most goes first: word and checksum, proof alone, a word, a checksum alone; then the packs' order."""
    rule, _, words = core
    by_word = ("secrets", "us", "us-health", "uk", "", "core")
    by_shape = ("secrets", "core", "us", "uk", "")
    packs = by_word if words else by_shape
    pack = {"us-health": "us"}.get(rule.pack, rule.pack) if not words else rule.pack
    proof = {(True, "X"): 2, (True, "S"): 0, (True, "C"): 0, (False, "S"): 1}.get((bool(words), rule.strength), 3)
    return proof, packs.index(pack if pack in packs else "")


@cache
def _expression(rule: Rule, core: str, words: Sequence[str]) -> Expression:
    left = f"(?<![{rule.left}])" if rule.left else ""
    right = f"(?![{rule.right}])" if rule.right else ""
    return Expression(
        rule,
        re.compile(f"{left}(?:{core}){right}".encode()),
        _context(words, rule.between) if words else None,
        re.compile(f"[{rule.run}]*".encode()) if rule.run else None,
        re.compile(rule.until.encode()) if rule.until else None,
        rule.apart and not words,
        rule.unclaimed and not words,
    )


def _context(words: Sequence[str], between: str) -> re.Pattern[bytes]:
    """A word between two that are no letters; words of scripts that put no space between them stand anywhere."""
    # The first character of the match is looked at as well: it must not go on with the word.
    nearest = f"(?:{between})(?=[\x00-\xff]\\Z)" if between else "(?=[\x00-\xff])"
    every = "|".join(
        ("" if _runs_on(word[0]) else "(?<![a-z\xc0-\xfe\\]])")
        + f"(?:{_every([word])})"
        + ("" if _runs_on(word[-1]) else "s?(?![a-z\xc0-\xfe])")
        for word in words
    )
    return re.compile(f"(?i:{every}){nearest}".encode("latin-1"))


def _runs_on(character: str) -> bool:
    return any(script in unicodedata.name(character) for script in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI"))


def _every(words: Sequence[str]) -> str:
    """Words as they are in a shadow, in small letters, with capitals in front, in capitals."""
    cases = (str, str.lower, str.capitalize, str.title, str.upper)
    return "|".join(_word(case(word)) for word in words for case in cases)


def _word(word: str) -> str:
    parts = fold(word.removesuffix("*"))[0].decode("latin-1").split()
    rest = "[A-Za-z\xc0-\xfe]{0,28}" if word.endswith("*") else ""
    return r"(?:[ _./'-]|\. )?".join(map(re.escape, parts)) + rest


def in_context(expression: Expression, shadow: bytes, start: int) -> bool:
    if expression.apart and re.search(rb"(?:[0-9]|\[REDACTED:[a-z0-9_]+\])[ ./-]\Z", shadow[:start]):
        return False
    # Behind the last placeholder: the names of rules are words too.
    first = max([start - 64, 0, *(match.end() for match in re.finditer(rb"\[REDACTED:[^\]]*\]?", shadow[:start]))])
    if expression.unclaimed and any(_claims().match(shadow, at, start + 1) for at in range(first, start)):
        return False
    if expression.context is None:
        return True
    if expression.rule.assigned:
        return is_assigned(expression.rule.context, shadow, first, start)
    return any(expression.context.match(shadow, at, start + 1) for at in range(first, start))


@cache
def _claims() -> re.Pattern[bytes]:
    return _context(other_numbers.WORDS, other_numbers.BETWEEN)


def is_assigned(words: Sequence[str], shadow: bytes, first: int, start: int) -> bool:
    """Every stretch before the value is tried as the word, and what is between as the rest of the name and its sign."""
    word = re.compile(f"(?i:(?:{_every(words)})s?)".encode("latin-1"))
    return any(
        word.fullmatch(shadow, at, end)
        and _is_edge(shadow, at)
        and _is_edge(shadow, end)
        and _leads(shadow, end, start)
        for at in range(first, start)
        for end in range(at + 1, start + 1)
    )


def _is_edge(shadow: bytes, at: int) -> bool:
    before, after = shadow[at - 1 : at].decode("latin-1"), shadow[at : at + 1].decode("latin-1")
    hump = before.isascii() and after.isascii() and (before.islower() or before.isdigit()) and after.isupper()
    return hump or not (_is_letter(before) and _is_letter(after))


def _is_letter(character: str) -> bool:
    return "a" <= character.lower() <= "z" or "\xc0" <= character <= "\xfe"


HARMLESS = (
    "id ids name url uri path file dir type kind count length size limit hash sha sha256 digest checksum version "
    "commit revision host port user prefix alias date time at algorithm format label title field regex pattern policy"
).split()
SIGN = re.compile(
    rb"""[\"'`\\)\]\s]{0,16}([\"'`\\\s,]{1,28}[Vv]alue[\"'`\\\s]{0,3})?[=:>,(|?][=:>(|\"'`\\\s]{0,16}"""
    rb"""| (is|ist|est)[ :][\"'`\\\s]{0,2}"""
)


def _leads(shadow: bytes, end: int, start: int) -> bool:
    """The rest of a name which does not say that its value is harmless, and a sign or a word that needs none."""
    for named in range(end, min(end + 24, start) + 1):
        rest = shadow[end:named].decode("latin-1")
        if rest and not _is_named(shadow[:end].decode("latin-1"), rest):
            continue
        if SIGN.fullmatch(shadow, named, start):
            return True
        follows = re.search(rb"(?i:key|token|secret|word|bearer|basic|identified by)\Z", shadow[:named])
        if follows and re.fullmatch(rb""" [\"'`\\]{0,2}""", shadow[named:start]):
            return True
    return False


def _is_named(before: str, rest: str) -> bool:
    if not all(_is_letter(c) or c in "0123456789_. -" for c in rest) or rest[-1] in ". -":
        return False
    for word in HARMLESS:
        head, tail = (before + rest)[: -len(word)][-1:], (before + rest)[-len(word) :]
        if tail.lower() == word and head and head in "_. -":
            return False
        if tail == word.capitalize() and re.match("[a-z0-9]", head):
            return False
        if tail == word.upper() and re.match("[a-z]", head):
            return False
    return True


def fold(text: str) -> tuple[bytes, list[int]]:
    folded = [(fold_code_point(ord(character)), index) for index, character in enumerate(text)]
    kept = [(byte, index) for byte, index in folded if byte != DROPPED]
    return bytes(byte for byte, _ in kept), [index for _, index in kept]


def candidates(expression: Expression, shadow: bytes, at: int) -> list[tuple[int, int, bool]]:
    """Leftmost guarded matches. After a rejected one the search goes on from its next character, RETRIES times."""
    accept = acceptance(expression.rule)
    found: list[tuple[int, int, bool]] = []
    chain_end = tries = 0
    while match := expression.guarded.search(shadow, at):
        start, end = match.span()
        if not in_context(expression, shadow, start):
            at = start + 1
            continue
        accepted = accept is None or accept(match.group())
        found.append((start, end, accepted))
        if accepted:
            at = end
            continue
        if start >= chain_end:
            chain_end = tries = 0
        tries += 1
        chain_end = max(chain_end, end)
        at = start + 1 if tries <= RETRIES else chain_end
    return found


def run_end(expression: Expression, shadow: bytes, core_end: int) -> int:
    if expression.run is None:
        return core_end
    stop = expression.run.match(shadow, core_end)
    assert stop is not None
    closing = expression.until.search(shadow, core_end, stop.end()) if expression.until else None
    return closing.end() if closing else stop.end()


def first_span(rules: Sequence[Expression], shadow: bytes, at: int, side: Side) -> Span | None:
    """The first group of overlapping matches from `at`, with the runs of its members."""
    accepted = sorted(
        (start, -end, priority)
        for priority, expression in enumerate(rules)
        for start, end, good in candidates(expression, shadow, at)
        if good
    )
    span: Span | None = None
    members: list[tuple[Expression, int]] = []
    for start, minus_end, priority in accepted:
        expression, end = rules[priority], -minus_end
        if span is None:
            span = Span(start, end, end, expression.rule)
        elif start >= span.core_end:
            break
        span.core_end = max(span.core_end, end)
        if STRENGTH[expression.rule.action(side)] > STRENGTH[span.rule.action(side)]:
            span.rule = expression.rule
        members.append((expression, end))
    if span is not None:
        span.end = max(span.core_end, *(run_end(expression, shadow, end) for expression, end in members))
    return span


def spans(rules: Sequence[Expression], shadow: bytes, side: Side) -> list[Span]:
    found, at = [], 0
    while span := first_span(rules, shadow, at, side):
        found.append(span)
        at = span.end
    return found


def redact(rules: Sequence[Rule], text: str, side: Side = Side.ANSWER) -> tuple[str, list[Finding], bool]:
    """What is delivered of the text, what is found, and whether it was blocked."""
    shadow, offsets = fold(text)
    every = expressions(rules)
    acting = spans([e for e in every if e.rule.action(side) in {"redact", "block"}], shadow, side)
    delivered, findings, at, blocked = "", [], 0, False
    for span in acting:
        rule = span.rule
        blocked = rule.action(side) == "block"
        start, end = offsets[span.start], offsets[(span.core_end if blocked else span.end) - 1] + 1
        findings.append(Finding(rule.id, rule.category, rule.action(side), start, end))
        delivered += text[at:start] + ("" if blocked else f"[REDACTED:{rule.id}]")
        at = end
        if blocked:
            shadow = shadow[: span.start]
            break
    else:
        delivered += text[at:]
    for span in spans([e for e in every if e.rule.action(side) == "alert"], shadow, side):
        start, end = offsets[span.start], offsets[span.end - 1] + 1
        if not any(f.start < end and start < f.end for f in findings if f.action != "alert"):
            findings.append(Finding(span.rule.id, span.rule.category, "alert", start, end))
    return delivered, sorted(findings, key=lambda f: f.start), blocked
