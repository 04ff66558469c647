"""Clean requests take a short way through layer two; it must not be told from the long one."""

import json
from copy import deepcopy
from typing import Any, Literal

import pytest
from fakes_dlp import CARD, EMAIL, TOKEN, FakeRule, FakeRuleset
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.chat import RequestLimits
from synapse.dlp import Ruleset, Side, default_ruleset
from synapse.errors import InvalidRequest
from synapse.layers.prompt_dlp import CLEAN, inspect, inspect_closely

PAN = "4111 1111 1111 1111"
LONG_NUMBER = FakeRule("long_number", r"(?<![0-9])[0-9]{8,40}(?![0-9])|[0-9]e\+?[0-9]{2}", "0-9e+")
MEDIA = "data:image/png;base64," + "A" * 300 + PAN.replace(" ", "") + "A"
SPELLED = '{"n":"\\u0034111 1111 1111 1111","url":"\\n"}'


def arguments(**fields: Any) -> str:
    return json.dumps({"line": "\n", **fields})


def usual() -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments(n="4111")}}
    parts = [{"type": "text", "text": "é 1111"}, {"type": "image_url", "image_url": {"url": MEDIA, "detail": "low"}}]
    return {
        "model": PAN,
        "messages": [
            {"role": "user", "content": "4111 1111 1111"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "1111"},
            {"role": "user", "content": parts},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"url": {}}}}}],
        "temperature": 0.5,
    }


# Where a usual body is made unusual, and what is put there.
CALL = ("messages", 1, "tool_calls", 0, "function")
PART = ("messages", 3, "content", 1)
PLACES = st.sampled_from(
    [(name,) for name in ("model", "tools", "user", "seed", "arguments", "made up", PAN, "image_url", "file")]
    + [("messages", index, name) for index in (0, 1, 3) for name in ("content", "name", "arguments", "file", "x", PAN)]
    + [(*CALL, name) for name in ("name", "arguments", "x")]
    + [(*PART, name) for name in ("text", "image_url", "input_audio", "file", "file_data", "url")]
    + [(*PART, "image_url", name) for name in ("url", "data", "x", PAN)]
    + [("tools", 0, "function", "parameters", "properties", name) for name in ("url", "arguments", PAN)]
)
VALUES = st.sampled_from(
    [
        *(PAN, "jo@corp.com", "TOK_12345678", "plain", "", SPELLED, MEDIA, "data:" + PAN, "data:x", "{\\", "\\"),
        *(None, True, 7, 10**7, -(10**7), 4111111111111111, 1e17, -1e17, 2**63, 9999999, 0.1, [PAN], {}, [], {PAN: 1}),
        *({"url": PAN}, {"url": MEDIA}, {"data": PAN}, {"file_data": "data:" + PAN}, [{"url": MEDIA}]),
        *({"image_url": {"url": MEDIA}}, {"file": {"file_data": PAN}}, {"arguments": SPELLED}, {"role": PAN}),
        *(arguments(image_url={"url": MEDIA}), arguments(arguments=SPELLED), arguments(a=[[[[[[[["x"]]]]]]]])),
        *(arguments(a=[[[[PAN]]]]), arguments(role=PAN), arguments(i=10**9), arguments(f=1e17)),
        *([[[["x"]]]], [[[[PAN]]]], [[[[[[[["x"]]]]]]]]),
    ]
)  # fmt: skip


def changed(places: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    body = usual()
    for path, value in places:
        container: Any = body
        try:
            for part in path[:-1]:
                container = container[part]
            container[path[-1]] = deepcopy(value)
        except (LookupError, TypeError):
            continue  # another change took the place away
    return body


def outcome(inspecting: Any, body: dict[str, Any], ruleset: Any, **options: Any) -> object:
    body = deepcopy(body)
    try:
        return inspecting(body, ruleset, **options), json.dumps(body)
    except InvalidRequest as error:
        return error.code


@settings(max_examples=2500, deadline=None)
@given(
    body=st.builds(changed, st.lists(st.tuples(PLACES, VALUES), max_size=2)),
    history=st.sampled_from(["redact", "block"]),
    json_depth_max=st.sampled_from([64, 64, 24, 16, 12, 10, 8, 7]),
)
def test_the_short_way_gives_what_the_long_one_gives(
    body: dict[str, Any], history: Literal["redact", "block"], json_depth_max: int
) -> None:
    ruleset: Any = FakeRuleset(CARD, EMAIL, TOKEN, LONG_NUMBER)
    options = {"history": history, "limits": RequestLimits(json_depth_max=json_depth_max)}

    assert outcome(inspect, body, ruleset, **options) == outcome(inspect_closely, body, ruleset, **options)


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return default_ruleset()


class Watched:
    """The real rules; it counts the texts which are given a verdict of their own."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.verdicts = 0
        self.clean = ruleset.clean
        self.options = ruleset.options
        self.strong = ruleset.strong
        self._ruleset = ruleset

    def scan(self, text: str, side: Side) -> object:
        self.verdicts += 1
        return self._ruleset.scan(text, side)

    def scan_many(self, texts: list[str], side: Side) -> object:
        self.verdicts += len(texts)
        return self._ruleset.scan_many(texts, side)


@pytest.mark.parametrize(
    "text", ["Hello, how are you?", "Grüße, 東京 😀", "It is call_9pw1qnYScqvGrCH58HWCvFH6.", "a@b"]
)
def test_a_clean_request_needs_no_verdicts(ruleset: Ruleset, text: str) -> None:
    watched: Any = Watched(ruleset)
    body = {**usual(), "model": "m"}
    body["messages"][0]["content"] = text
    body["messages"][3]["content"] = "x"  # parts have to be put together, which takes the long way

    assert inspect(body, watched, history="redact", limits=RequestLimits()) is CLEAN
    assert watched.verdicts == 0


def test_a_request_that_is_not_clean_gets_them(ruleset: Ruleset) -> None:
    watched: Any = Watched(ruleset)
    body = usual()
    body["messages"][0]["content"] = f"pay with {PAN}"
    body["messages"][3]["content"] = "x"

    verdict = inspect(body, watched, history="redact", limits=RequestLimits())

    assert verdict.findings == ({"rule": "credit_card", "action": "redact", "path": "messages[0].content", "count": 1},)
    assert body["messages"][0]["content"] == "pay with [REDACTED:credit_card]"
    assert watched.verdicts > 0


@pytest.mark.parametrize("nested", range(9))
def test_depth_is_counted_through_arguments(nested: int) -> None:
    """The limit is that of the body and the JSON inside it together."""
    ruleset: Any = FakeRuleset()
    body = usual()
    body["messages"][1]["tool_calls"][0]["function"]["arguments"] = arguments(
        a=json.loads("[" * nested + "1" + "]" * nested)
    )

    for depth_max in range(1, 24):
        options = {"history": "redact", "limits": RequestLimits(json_depth_max=depth_max)}
        expected = outcome(inspect_closely, body, ruleset, **options)
        assert outcome(inspect, body, ruleset, **options) == expected
        assert (expected == "invalid_json") is (depth_max < nested + 8)
