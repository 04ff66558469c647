"""The walk over parsed JSON, beside the same written plainly: what it does not see, nobody scans."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse._dlp import StringWalk, same_quotes

KNOWN = frozenset(("known", "arguments", "url"))
MEDIA = {"image": ("url", "data:"), "sound": ("data", "")}
NUMBER_MIN = 1000
DEPTH_MAX = 4

NAMES = st.sampled_from(["known", "arguments", "image", "sound", "url", "data", "Ω", 'a"b', ""])
TEXTS = st.sampled_from(["", "plain", "data:AAAA", 'say "x"', "back\\slash", 'é"', "Ω\\", '😀"', "\0"])
NUMBERS = st.sampled_from([0, 999, 1000, -999, -1000, 2**63, -(2**63), 999.5, 1000.0, -1e300, True, False, None])
VALUES = st.recursive(
    TEXTS | NUMBERS, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(NAMES, inside, max_size=3)
)


def plain_walk(value: Any, strings: list[str], escaped: list[str], parent: Any = None, depth: int = 0) -> bool:
    if isinstance(value, dict):
        whole = depth < DEPTH_MAX
        for key, item in value.items():
            if key not in KNOWN:
                strings.append(key)
            if isinstance(item, str) and parent in MEDIA and key == MEDIA[parent][0]:
                if not item.startswith(MEDIA[parent][1]):
                    whole &= plain_walk(item, strings, escaped, key, depth + 1)
            else:
                whole &= plain_walk(item, strings, escaped, key, depth + 1)
        return whole
    if isinstance(value, list):
        return depth < DEPTH_MAX and all(plain_walk(item, strings, escaped, None, depth + 1) for item in value)
    if isinstance(value, str):
        strings.append(value)
        if parent == "arguments" and "\\" in value:
            escaped.append(value)
    elif not isinstance(value, bool) and isinstance(value, int | float) and abs(value) >= NUMBER_MIN:
        strings.append(str(value))
        return isinstance(value, int)
    return True


@settings(max_examples=1000, deadline=None)
@given(value=VALUES)
def test_the_compiled_walk_collects_what_the_plain_one_does(value: Any) -> None:
    walk = StringWalk(known=KNOWN, media=MEDIA, encoded="arguments", number_min=NUMBER_MIN)
    expected, expected_escaped = [], []
    whole = plain_walk(value, expected, expected_escaped)
    strings, escaped = [], []

    assert walk.collect(value, strings, depth_max=DEPTH_MAX, escaped=escaped) is whole

    if whole:
        assert strings == expected
        assert escaped == expected_escaped


def test_a_walk_without_a_bound_for_numbers_passes_over_all_of_them() -> None:
    strings: list[str] = []

    assert StringWalk(known=frozenset()).collect([2**70, 1e300, {"k": -(2**63)}], strings, depth_max=2)
    assert strings == ["k"]


@pytest.mark.parametrize("value", [b"bytes", (), {1: "x"}, object()])
def test_what_json_does_not_have_is_not_seen(value: object) -> None:
    assert not StringWalk(known=frozenset()).collect([value], [], depth_max=3)
    assert not same_quotes(b"", [value], depth_max=3)


@settings(max_examples=500, deadline=None)
@given(value=VALUES, ascii_only=st.booleans(), dropped=st.dictionaries(NAMES, TEXTS, min_size=1, max_size=1))
def test_quotes_are_counted_as_json_has_them(value: Any, ascii_only: bool, dropped: dict[str, str]) -> None:
    """A key that a parser dropped shows, whatever its name and value."""
    payload = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert same_quotes(payload, value, depth_max=100) is True
    assert same_quotes(payload + json.dumps(dropped).encode(), value, depth_max=100) is False
    assert same_quotes(orjson.dumps(value), value, depth_max=100) is True


def test_quotes_of_what_is_nested_too_deeply_are_not_counted() -> None:
    assert same_quotes(b"[[[]]]", [[[]]], depth_max=3)
    assert not same_quotes(b"[[[]]]", [[[]]], depth_max=2)
    assert not same_quotes(b"", {"a": {"b": {}}}, depth_max=2)
