"""How a name leads to its value: the compiled form against one expression of `re`."""

import random
import re

import pytest

from synapse._dlp import Assignment
from synapse.dlp.assignment import _HARMLESS, _VALUE_FOLLOWS, assignment
from synapse.dlp.programs import automaton

PLACES = 40_000
# The same in plain `re`: the rest of the name, the sign, what opens the value.
QUOTES = "\"'`\\\\"
OPENING = rf"[=:>(|{QUOTES}\s]{{0,16}}"
FOLLOWED = "|".join(f"(?<=(?i:{word}))" for word in _VALUE_FOLLOWS)
UNSIGNED = rf"[ ](?:is|ist|est)[ :][{QUOTES}\s]{{0,2}}|(?:{FOLLOWED})[ ][{QUOTES}]{{0,2}}"
ITS_VALUE = rf"(?:[{QUOTES}\s,]{{1,28}}[Vv]alue[{QUOTES}\s]{{0,3}})?"
LETTERS = "A-Za-z\\xc0-\\xfe"
LEADS = re.compile(
    rf"(?P<rest>[A-Za-z0-9_. \-{LETTERS}]{{0,23}}[A-Za-z0-9_{LETTERS}])?"
    rf"(?:[{QUOTES})\]\s]{{0,16}}{ITS_VALUE}[=:>,(|?]{OPENING}|{UNSIGNED})\Z".encode("ascii")
)
ENDS_HARMLESS = re.compile(
    "|".join(rf"[_. \-](?i:{word})|[a-z0-9]{word.capitalize()}|[a-z]{word.upper()}" for word in _HARMLESS)
    .join(("(?:", r")\Z"))
    .encode("ascii")
)
PARTS = (
    *(b"token", b"Key", b"secret", b"password", b"identified by", b"Bearer", b"basic", b"_", b" ", b"-", b".", b"2"),
    *(b"id", b"Name", b"URL", b"_file", b"value", b", value", b"Value: ", b"is ", b" est ", b"x" * 22, b"\xe1"),
    *(b"=", b":", b" : ", b"=>", b" = ", b'"', b"'", b"\\", b")", b"(", b",", b"?", b"\n", b"\t ", b"   "),
)


def plain(window: bytes, end: int, start: int) -> bool:
    found = LEADS.match(window, end, start)
    if found is None:
        return False
    named = found.end("rest")
    harmless_chars = 1 + max(map(len, _HARMLESS))
    return named < 0 or ENDS_HARMLESS.search(window, max(0, named - harmless_chars), named) is None


def test_a_name_leads_to_its_value_as_the_expression_says() -> None:
    chance, leads, positive = random.Random(1), assignment(), 0
    for _ in range(PLACES):
        before, rest = b"".join(chance.choices(PARTS, k=2)), b"".join(chance.choices(PARTS, k=chance.randrange(6)))
        window, end = before + rest + b"hunter2", len(before)
        start = end + len(rest)
        expected = plain(window, end, start)
        assert leads(window, end, start) == expected, (before, rest)
        positive += expected
    assert positive > PLACES / 20


@pytest.mark.parametrize(("end", "start"), [(-1, 2), (3, 2), (1, 9)])
def test_only_places_in_the_window_are_looked_at(end: int, start: int) -> None:
    with pytest.raises(ValueError, match="in the window"):
        assignment()(b"a=bcd", end, start)


@pytest.mark.parametrize("wrong", [-1, 2**40])
def test_widths_have_bounds(wrong: int) -> None:
    one, widths = automaton(b"a"), {"before_max": 1, "harmless_max": 1}
    with pytest.raises(ValueError, match="width"):
        Assignment(rest=b"", last=b"", rest_max=wrong, signed=one, unsigned=one, before=one, harmless=one, **widths)
