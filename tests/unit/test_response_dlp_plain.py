"""Answers of the usual shape take a short way when they are clean; it must not be told from the long one."""

import json
from copy import deepcopy
from typing import Any

import pytest
from answer_support import HEAD, dump
from fakes_dlp import CARD, EMAIL, SIGN, TOKEN, FakeRuleset
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.errors import UpstreamError
from synapse.layers.answer import wire
from synapse.layers.answer.plain import read_plain, reads_alike
from synapse.layers.answer.whole import FilteredAnswer, filter_closely
from synapse.layers.response_dlp import filter_answer

PAN = "4111 1111 1111 1111"
LONG = 4111111111111111
SPELLED = '{"n":"\\u0034111 1111 1111 1111"}'
HALVES = [{"type": "text", "text": "4111 1111"}, {"type": "text", "text": " 1111 1111"}]


def message(**fields: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", **fields}, "logprobs": None, "finish_reason": "stop"}


def call(arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


def usual() -> dict[str, Any]:
    calls = [call('{"n":"4111 1111'), call(' 1111 1111"}')]
    choices = [message(content="4111 1111", refusal=None, tool_calls=calls), message(content='é "😀" a\\b\n')]
    return {**HEAD, "choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 5}}


# Where a usual answer is made unusual, and what is put there.
CHOICE = ("choices", 0)
MESSAGE = (*CHOICE, "message")
CALL = (*MESSAGE, "tool_calls", 1)
PLACES = st.sampled_from(
    [(name,) for name in ("id", "model", "choices", "usage", "citations", "type", "created", "object", "error", PAN)]
    + [("usage", name) for name in ("prompt_tokens", "note", PAN, "type")]
    + [(*CHOICE, name) for name in ("index", "message", "finish_reason", "logprobs", "delta", "text", "token_ids", "x")]
    + [
        (*MESSAGE, name)
        for name in ("role", "content", "refusal", "reasoning", "annotations", "tool_calls", "name", "id")
    ]
    + [(*MESSAGE, name) for name in ("function_call", "audio", "x", "arguments", PAN)]
    + [(*CALL, name) for name in ("id", "type", "index", "function", "x", PAN)]
    + [(*CALL, "function", name) for name in ("name", "arguments", "x")]
)
VALUES = st.sampled_from(
    [
        *(PAN, "jo@corp.com", "TOK_12345678", "Zephyr", "plain", "", SPELLED, "w" * 600, PAN + "w" * 600),
        *(LONG, float(LONG), -(2**70), [LONG], {"id": LONG}, 12345678, 1e300, 0.5),
        *(None, True, 0, 1, 1.0, 7, [], {}, [7], [PAN], {"a": PAN}, {PAN: 1}, [{"type": PAN}], HALVES, [[[PAN]]]),
        *({"content": PAN}, {"name": "f", "arguments": SPELLED}, {"content": [{"token": PAN}]}, call(SPELLED)),
    ]
)


def changed(places: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    answer = usual()
    for path, value in places:
        container: Any = answer
        try:
            for part in path[:-1]:
                container = container[part]
            container[path[-1]] = deepcopy(value)
        except (LookupError, TypeError):
            continue  # another change took the place away
    return answer


BODY = st.builds(
    lambda places, ascii_only, indent: json.dumps(changed(places), ensure_ascii=ascii_only, indent=indent),
    st.lists(st.tuples(PLACES, VALUES), max_size=2), st.booleans(), st.sampled_from([None, 1]),
)  # fmt: skip
TWISTS = st.sampled_from(["", "", "", "twice", "escaped", "ragged"])


def spoilt(body: str, twist: str) -> bytes:
    """The same in other spellings, some of which parsers read differently."""
    match twist:
        case "twice":
            body = body.replace('"content":', f'"content": "{PAN}", "content":', 1)
        case "escaped":
            body = body.replace('\\"', "\\u0022")
        case "ragged":
            body = body.replace("assistant", "assistant\\ud83d")
    return body.encode()


def closely(ruleset: FakeRuleset, body: bytes, model_shown: str | None) -> FilteredAnswer:
    answer, ragged = wire.read(body)
    return filter_closely(ruleset, body, answer, ragged=ragged, model_shown=model_shown)


def outcome(filtering: Any, *arguments: Any, **options: Any) -> object:
    try:
        return filtering(*arguments, **options)
    except UpstreamError as error:
        return str(error)


@settings(max_examples=2000, deadline=None)
@given(body=BODY, twist=TWISTS, shown=st.sampled_from([None, None, HEAD["model"], "other"]))
def test_the_short_way_gives_what_the_long_one_gives(body: str, twist: str, shown: str | None) -> None:
    ruleset, raw = FakeRuleset(CARD, EMAIL, TOKEN, SIGN), spoilt(body, twist)

    expected = outcome(closely, ruleset, raw, shown)

    assert outcome(filter_answer, ruleset, raw, model_shown=shown) == expected


@pytest.mark.parametrize(
    "choices",
    [
        [],
        [message(content="Hi.", refusal=None, annotations=[])],
        [message(content='He said: "no".\n', reasoning_content="Hm. é")],
        [message(content=None, tool_calls=[call('{"a": "\\n"}'), call("{}", index=1)])],
        [message(content="a", tool_calls=[]), {**message(content="b"), "index": 1, "stop_reason": None}],
        [message(content="a", annotations=[{"type": "url_citation", "url_citation": {"title": "x"}}])],
        [{**message(content="a"), "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}],
    ],
)
def test_usual_answers_are_read_the_short_way(choices: list[dict[str, Any]]) -> None:
    answer = {**HEAD, "choices": choices, "usage": {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0}}}
    body = json.dumps(answer).encode()

    assert read_plain(answer) is not None
    assert reads_alike(answer, body)
    assert filter_answer(FakeRuleset(), body).body is body


@pytest.mark.parametrize(
    "place",
    [
        {**message(content="x"), "logprobs": {"content": []}},
        {**message(content="x"), "token_ids": [1]},
        {**message(content="x"), "delta": {}},
        {**message(content="x"), "text": "x"},
        {**message(content="x"), "index": "0"},
        {**message(content="x"), "index": LONG},
        message(content="x", score=1e17),
        message(content=["x"]),
        message(role="r" * 129),
        message(audio={"transcript": "x"}),
        message(function_call={"name": "f", "arguments": "{}"}),
        message(tool_calls=[call("{}"), call("{}", index=0)]),
        message(tool_calls=[call("{}"), call("{}", index=True)]),
        message(tool_calls=[call("{}", note="x")]),
        message(**{f"field_{n}": "x" for n in range(65)}),
    ],
)
def test_what_needs_a_closer_look_gets_it(place: dict[str, Any]) -> None:
    assert read_plain({"choices": [place]}) is None


def test_every_text_of_the_short_way_is_scanned() -> None:
    place = message(content="c", reasoning="r", tool_calls=[call('{"a":"\\u0041"}')])
    place |= {"finish_reason": "odd", "stop_reason": "s"}
    place["message"]["annotations"] = [{"title": "t"}]

    texts = read_plain({"choices": [place], "usage": {"tier": "u", PAN: 12345678}, "citations": ["x"]})

    assert texts is not None
    expected = {"c", "r", "f", '{"a":"A"}', "odd", "s", "title", "t", "tier", "u", "x", "call_1", "12345678", PAN}
    assert expected <= set(texts.scanned)


def test_texts_are_joined_in_the_same_order() -> None:
    choices = [
        {**message(content="b", reasoning="c", refusal="d", odd="e", tool_calls=[call("{}"), call("[]")]), "index": 1},
        message(content="a"),
    ]
    body = dump({"choices": choices})

    result = filter_answer(FakeRuleset(), body)

    assert result.text == b"a\nb\nd\nc\n{}\n[]\ne"
    assert result == closely(FakeRuleset(), body, None)
