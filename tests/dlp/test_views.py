"""Encoded text: what it says is found at the place where it stands, and what is no text says nothing."""

import base64
import gzip
import hashlib
import random
import uuid
from collections.abc import Generator
from itertools import pairwise

import pytest

from synapse.dlp import Finding, PolicyOptions, Ruleset, Scan, Side
from synapse.dlp.closely import (
    MATCH_CHARS_MIN,
    OVERLAP_CHARS,
    SEGMENT_CHARS,
    UNSCANNABLE,
    clean_closely,
    encoded_alerts,
    encoded_findings,
    encoded_steps,
    scan_closely,
    scan_closely_in_slices,
    scan_many_closely,
    with_findings,
)
from synapse.dlp.views import DECODED_CHARS_MAX, Budget, hints_of, views
from synapse.dlp.views.view import MARGIN_CHARS, VIEW_CHARS_MAX

CARD = "4012888888" + "881881"
GROUPED = " ".join(CARD[at : at + 4] for at in range(0, 16, 4))
EMAIL = "jane.doe" + "@" + "example.com"
KEY = "AKIA" + "QWERTYUIOPASDFGH"
REDACTED = "[REDACTED:credit_card]"


def drained(steps: Generator[None, None, Scan]) -> Scan:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            scan: Scan = end.value
            return scan


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def entities(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"a {entities(CARD)}, b", f"a {REDACTED}, b"),
        (f"a 4012 {entities('8888')} 8888 1881 b", f"a {REDACTED} b"),
        (f"pay {entities(CARD)} or {GROUPED} now", f"pay {REDACTED} or {REDACTED} now"),
        (f"a={b64('my card is ' + CARD)}&b=1", "a=[REDACTED:credit_card]&b=1"),
        (f"prefix/{b64('my card is ' + CARD)}", f"prefix/{REDACTED}"),
        (f"x {b64(b64(CARD))} y", f"x {REDACTED} y"),
        (f"x {entities(escaped(CARD))} y", f"x {REDACTED} y"),
        ("https://example.org/?to=" + EMAIL.replace("@", "%40") + "&x=a%20b", "https://example.org/?to=[REDACTED:email]&x=a%20b"),
        (f'{{"note":"\\n{CARD}\\n"}}', f'{{"note":"\\n{REDACTED}\\n"}}'),
        ("bits " + "".join(f"{ord(figure):08b}" for figure in CARD), f"bits {REDACTED}"),
        ("a **4012** 8888 **8888** 1881 b", f"a **{REDACTED} b"),
        ("mail jane.doe (at) example (dot) com!", "mail [REDACTED:email]!"),
        ("Zero-width: " + "\u200b".join(b64("my card is " + CARD)), f"Zero-width: {REDACTED}"),
        (f"x {base64.b64encode(gzip.compress(CARD.encode())).decode()} y", f"x {REDACTED} y"),
    ],
)  # fmt: skip
def test_the_encoded_run_is_redacted(ruleset: Ruleset, text: str, redacted: str) -> None:
    assert scan_closely(ruleset, text, Side.PROMPT).redacted == redacted


def test_an_encoded_secret_blocks(ruleset: Ruleset) -> None:
    scan = scan_closely(ruleset, f"use {b64(KEY)} and {EMAIL}", Side.PROMPT)
    assert scan.action == "block"
    assert [found.rule for found in scan.findings] == ["aws_access_key", "email"]


def test_a_text_without_anything_encoded_comes_back_as_the_same_object(ruleset: Ruleset) -> None:
    for text in ("Nothing to see here, 12 times.", "Half of it (50%) & more: **bold**, a_b, <b>x</b>, C:\\new."):
        assert scan_closely(ruleset, text, Side.PROMPT).redacted is text


def test_what_stands_there_literally_is_found_once(ruleset: Ruleset) -> None:
    text = f"{EMAIL} &amp; {GROUPED} \\n {entities('x')}"
    assert scan_closely(ruleset, text, Side.PROMPT) == ruleset.scan(text, Side.PROMPT)


def test_a_policy_can_do_without_views(ruleset: Ruleset) -> None:
    rules = [rule for rule in ruleset.rules if rule.id == "credit_card"]
    plain = Ruleset.compile(rules, name="plain", options=PolicyOptions(views=False))
    closely = Ruleset.compile(rules, name="closely")
    assert scan_closely(plain, b64(CARD), Side.PROMPT).findings == ()
    assert encoded_alerts(plain, b64(CARD)) == []
    assert scan_closely(closely, b64(CARD), Side.PROMPT).findings != ()


def test_three_coats_are_one_too_many(ruleset: Ruleset) -> None:
    assert encoded_findings(ruleset, b64(b64(CARD)), Side.PROMPT) != []
    assert encoded_findings(ruleset, b64(b64(b64(CARD))), Side.PROMPT) == []


def test_in_answers_what_is_encoded_only_alerts(ruleset: Ruleset) -> None:
    text = f"key: {b64(KEY)}"
    assert encoded_alerts(ruleset, text) == [Finding("aws_access_key", "secrets", "alert", 5, len(text))]


def random_things(chance: random.Random) -> dict[str, str]:
    data = chance.randbytes(chance.choice((16, 20, 32, 64, 300, 2000)))
    return {
        "base64": base64.b64encode(data).decode(),
        "base64 for addresses": base64.urlsafe_b64encode(data).decode(),
        "lines of base64": base64.encodebytes(data).decode(),
        "base64, twice": b64(base64.b64encode(data).decode()),
        "a picture": base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode(),
        "hex": data.hex(),
        "hex with spaces": data.hex(" "),
        "a hash": hashlib.sha256(data).hexdigest(),
        "a UUID": str(uuid.UUID(bytes=data[:16])),
        "a JWT": ".".join((b64('{"alg":"HS256","typ":"JWT"}'), b64('{"sub":"1234567890"}'), b64(data.hex()[:43]))),
        "numbers": " ".join(map(str, data)),
        "numbers of the size of letters": ", ".join(str(chance.randint(32, 126)) for _ in data),
        "percent signs": "".join(f"%{byte:02X}" for byte in data[:64]),
        "a link": f"https://example.org/a%20b/c%2Fd?q=%22{data.hex()[:12]}%22&r=caf%C3%A9",
        "markup": "<tr><td>4012</td><td>8888</td><td>8888</td><td>1881</td></tr>",
        "a list": "* **4012** apples\n* **8888** pears\n* `8888` plums\n",
        "a sum": '"a" + "b" + str(4012) + "8888"',
    }


def test_what_is_no_text_says_nothing(ruleset: Ruleset) -> None:
    chance = random.Random(7)
    for _ in range(60):
        for what, text in random_things(chance).items():
            assert encoded_findings(ruleset, f"Here: {text} – so.", Side.PROMPT) == [], what


@pytest.mark.parametrize(
    "seed", ["A", "QUFB\n", "%41", "&#65;", "\\u0041", "12 ", "one ", "a.", "a%", "4lll ", "**", "<b>", '" + ']
)
def test_a_text_full_of_triggers_costs_no_more_than_its_budget(seed: str) -> None:
    text = (seed * 400_000)[:400_000]
    budget = Budget()
    shown = sum(len(view.text) for view in views(text, budget))
    # Each decoded character may be seen at two depths, four ways, with a margin on each side of what is left as it is.
    assert shown <= 16 * DECODED_CHARS_MAX + 4 * len(text)


def test_more_encoded_text_than_is_decoded_is_told(ruleset: Ruleset) -> None:
    text = "see " + b64("no secret at all, " * DECODED_CHARS_MAX)
    (found,) = scan_closely(ruleset, text, Side.PROMPT).findings
    assert (found.rule, found.action, found.end) == (UNSCANNABLE, "alert", len(text))
    assert found.start > DECODED_CHARS_MAX


def test_a_large_picture_is_no_text_that_was_left_out(ruleset: Ruleset) -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(3).randbytes(200_000)).decode()
    text = f"{picture} {entities(CARD)}"
    assert [found.rule for found in scan_closely(ruleset, text, Side.PROMPT).findings] == ["credit_card"]
    assert drained(scan_closely_in_slices(ruleset, text, Side.PROMPT)) == scan_closely(ruleset, text, Side.PROMPT)


@pytest.mark.parametrize(
    "before", [0, 1, MARGIN_CHARS, 3 * MARGIN_CHARS, VIEW_CHARS_MAX - 40, VIEW_CHARS_MAX - 4, VIEW_CHARS_MAX]
)
def test_a_match_is_found_wherever_one_view_ends_and_the_next_begins(ruleset: Ruleset, before: int) -> None:
    for filling in ("&lt;" * before, "." * before):
        text = f"{filling} {entities(CARD)} {filling}"
        scan = scan_closely(ruleset, text, Side.PROMPT)
        assert scan.redacted == f"{filling} {REDACTED} {filling}"


def test_places_of_a_view_are_those_of_what_was_decoded() -> None:
    text = "x &#52;&#x31; y"
    (view,) = views(text, Budget())
    assert view.text == "x 41 y"
    assert [text[slice(*view.place(at, at + 1))] for at in range(6)] == ["x", " ", "&#52;", "&#x31;", " ", "y"]


def test_short_matches_in_bytes_are_no_finding(ruleset: Ruleset) -> None:
    short = "a@bc.de"
    assert len(short) < MATCH_CHARS_MIN
    assert encoded_findings(ruleset, "".join(f"%{ord(c):02X}" for c in short), Side.PROMPT) == []


@pytest.mark.parametrize(
    "text",
    ["Hello, how are you?", "Grüße, 東京 😀", "call_9pw1qnYScqvGrCH58HWCvFH6", "Q & A: 5 % off (it's 3 * 4), a_b"],
)
def test_ordinary_text_gives_no_hint(text: str) -> None:
    assert hints_of([text]) == 0


def test_a_long_text_is_decoded_in_steps_of_bounded_size(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    monkeypatch.setattr("synapse.dlp.closely.views", lambda segment, _: lengths.append(len(segment)) or iter(()))
    steps = list(encoded_steps(ruleset, "x" * 100_000, Side.PROMPT))
    assert len(steps) == len(lengths) == 13
    assert max(lengths) <= SEGMENT_CHARS + 2 * OVERLAP_CHARS


@pytest.mark.parametrize("shift", range(-140, 20, 20))
def test_slices_find_what_is_found_at_once(ruleset: Ruleset, shift: int) -> None:
    """Wherever one segment ends and the next begins."""
    filling = "Nothing else. " * 3000
    text = f"{filling[: SEGMENT_CHARS + shift]} {entities(CARD)} {filling} 10.0.0.1 {EMAIL} {b64(KEY)} 10.0.0.2"
    sliced = drained(scan_closely_in_slices(ruleset, text, Side.PROMPT))
    assert sliced == scan_closely(ruleset, text, Side.PROMPT)
    assert [found.rule for found in sliced.findings] == ["credit_card", "ipv4", "email", "aws_access_key", "ipv4"]


def test_many_texts_are_judged_each_as_alone(ruleset: Ruleset) -> None:
    texts = ["plain", b64(CARD), EMAIL, entities(CARD) + " and " + EMAIL]
    assert scan_many_closely(ruleset, texts, Side.PROMPT) == [scan_closely(ruleset, t, Side.PROMPT) for t in texts]
    assert [clean_closely(ruleset, [text], Side.PROMPT) for text in texts] == [True, False, False, False]
    assert clean_closely(ruleset, ["plain", b64("nothing to hide")], Side.PROMPT)


def union(findings: list[Finding]) -> list[tuple[str, int, int]]:
    """Each character with the strongest action on it, as stretches; alerts apart from what acts."""
    strongest: dict[int, str] = {}
    for action in ("redact", "block"):
        for found in findings:
            if found.action == action:
                strongest.update(dict.fromkeys(range(found.start, found.end), "acts"))
    return sorted((action, place, place + 1) for place, action in strongest.items())


def test_added_findings_join_those_that_they_overlap() -> None:
    """Nothing that acts is lost or overlaps, nothing is out of order, wherever the added ones lie."""
    chance = random.Random(11)
    text = "x" * 60
    for _ in range(2000):
        plain, at = [], 0
        while (start := at + chance.randint(0, 12)) < 50:
            at = start + chance.randint(1, 9)
            plain.append(Finding("plain", "c", chance.choice(("alert", "redact", "block")), start, at))
        added = [
            Finding("added", "c", chance.choice(("alert", "redact", "block")), start, start + chance.randint(1, 15))
            for start in (chance.randint(0, 44) for _ in range(chance.randint(1, 4)))
        ]
        action = max((f.action for f in plain), key=["none", "alert", "redact", "block"].index, default="none")
        joined = with_findings(text, Scan(tuple(plain), action, text), added)
        acting = [found for found in joined.findings if found.action != "alert"]
        assert union(list(joined.findings)) == union([*plain, *added])
        assert [f.start for f in joined.findings] == sorted(f.start for f in joined.findings)
        assert all(one.end <= two.start for one, two in pairwise(acting))
        assert joined.action == max(
            (f.action for f in [*plain, *added]), key=["none", "alert", "redact", "block"].index
        )
