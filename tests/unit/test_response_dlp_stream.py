"""A streamed answer leaves as it came, but for what rules take out of it."""

import json
from typing import Any

import pytest
from answer_support import DONE, HEAD, call, choice, chunk, delta, dump, event, payloads, reasons, run, texts
from fakes_dlp import CARD, SIGN, FakeRuleset

from synapse.dlp import Side
from synapse.errors import UpstreamProtocolError
from synapse.layers.answer.choice import CHANNELS_MAX, NAME_CHARS_MAX
from synapse.layers.answer.envelope import CHOICES_MAX
from synapse.layers.answer.strings import JSON_DEPTH_MAX
from synapse.layers.response_dlp import StreamFilter

PAN = "4111 1111 1111 1111"
STOP = delta({}, "stop")


# What passes


def test_a_stream_without_findings_leaves_byte_for_byte() -> None:
    upstream = [delta({"role": "assistant", "content": ""}), delta("Hello, "), delta("World! "), STOP, DONE]

    stream, out = run(upstream, CARD)

    # The card rule's alphabet holds the space; everything else is the upstream's own bytes.
    assert out[0] == upstream[0]
    assert out[-2:] == [STOP, DONE]
    assert texts(out) == {(0, "content"): "Hello, World! "}
    assert stream.done
    assert stream.action == "none"
    assert stream.findings == {}


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"choices": [{"index": 0, "delta": {"content": "Hi!"}}]}\n\n',
        b'data:{"choices":[{"index":0,"delta":{"content":"H\\u0069!"}}]}\r\n\r\n',
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"Hi!"}}]}\n\n',
        b'event: message\nid: 4\ndata: {"choices":[{"index":0,"delta":{"content":"Hi!"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"Hi!"},"finish_reason":""}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"say \\"Hi!\\""}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"say \\u0022Hi!\\u0022!"}}]}\n\n',
        b": OPENROUTER PROCESSING\n\n",
        b'data: {"choices":[],"prompt_filter_results":[{"hate":{"severity":"safe"}}]}\n\n',
    ],
)
def test_an_event_that_needs_no_change_leaves_as_the_bytes_it_came_in(raw: bytes) -> None:
    _, out = run([raw], CARD)

    assert out == [raw]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"choices":[{"index":0,"delta":{"content":"4111 1111 1111 1111","content":"Hi!"}}]}',
        b'{"choices":[{"index":0,"delta":{"cont\\u0065nt":"4111 1111 1111 1111","content":"Hi!"}}]}',
        (
            b'{"choices":[{"index":0,"delta":{"content":"4111 1111 1111 1111"}}],'
            b'"choices":[{"index":0,"delta":{"content":"Hi!"}}]}'
        ),
        b'{"choices":[{"index":0,"delta":{"content":1,"content":"\\u0022Hi\\u0022!"}}]}',
    ],
)
def test_a_key_given_twice_leaves_once_with_the_value_that_was_scanned(raw: bytes) -> None:
    _, out = run([b"data: " + raw + b"\n\n"], CARD)

    assert out == [b"data: " + dump(json.loads(raw)) + b"\n\n"]


def test_nothing_leaves_after_done() -> None:
    stream, out = run([DONE, delta("more!"), DONE])

    assert out == [DONE]
    assert stream.done


def test_a_last_event_without_its_blank_line_is_not_delivered() -> None:
    stream, out = run([delta("Hi!"), b"data: [DONE]\n"], CARD)

    assert out == [delta("Hi!")]
    assert not stream.done


def test_delivered_bytes_count_what_left() -> None:
    stream, out = run([delta("Hi " + PAN), STOP, DONE])

    assert stream.delivered_bytes == sum(map(len, out))


def test_the_model_name_is_the_one_to_be_shown() -> None:
    _, out = run([delta("Hi!"), delta("a "), STOP], CARD, model_shown="ours")

    assert {payload["model"] for payload in payloads(out)} == {"ours"}


# What is redacted


@pytest.mark.parametrize(
    "path",
    [
        ("content",),
        ("refusal",),
        ("reasoning",),
        ("reasoning_content",),
        ("made_up_by_a_provider",),
        ("audio", "transcript"),
        ("function_call", "arguments"),
        ("nested", "deeper", "text"),
    ],
)
@pytest.mark.parametrize("cut", range(len(PAN) + 1))
def test_a_card_cut_anywhere_leaves_no_field_of_a_delta(path: tuple[str, ...], cut: int) -> None:
    text = f'"is {PAN}."' if path[-1] == "arguments" else f"is {PAN}."
    cut += text.index(PAN)

    def nest(piece: str) -> dict[str, Any]:
        value: Any = piece
        for key in reversed(path):
            value = {key: value}
        return value  # type: ignore[no-any-return]

    stream, out = run([delta(nest(text[:cut])), delta(nest(text[cut:])), STOP, DONE])

    assert texts(out) == {(0, *path): text.replace(PAN, "[REDACTED:credit_card]")}
    assert stream.findings == {"credit_card": 1}
    assert stream.action == "redact"
    assert reasons(out) == {0: "stop"}


def test_text_that_is_held_makes_no_empty_event() -> None:
    _, out = run([delta("4111"), delta(" 1111"), delta(" 1111 1111"), delta(".")])

    assert texts(out) == {(0, "content"): "[REDACTED:credit_card]."}
    assert len(out) == 1


@pytest.mark.parametrize(
    "raw",
    [
        delta({"role": "assistant", "content": "4111"}),
        chunk(choice({"content": "4111"}), system_note={"a": 1}),
        chunk(choice({"content": "4111", "flag": True})),
        chunk(choice({"content": "4111"}), choice({}, "stop", index=1)),
        chunk(choice({"content": "4111"}, content_filter_results={"hate": {"filtered": False}})),
        delta({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "4111"}}]}),
    ],
)
def test_an_event_that_carries_something_else_leaves_without_the_held_text(raw: bytes) -> None:
    _, out = run([raw])

    assert b"4111" not in out[0]
    assert texts(out[1:])
    assert texts(out) == texts([raw])


def test_a_role_that_is_repeated_in_every_delta_is_told_once() -> None:
    both = {"role": "assistant", "content": "4111 "}

    _, out = run([delta(both), delta(both), delta({"role": "assistant", "content": "x."})])

    assert payloads(out)[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert payloads(out)[1]["choices"][0]["delta"]["content"] == "4111 4111 "
    assert texts(out) == {(0, "content"): "4111 4111 x."}


def test_held_text_leaves_before_the_finish_reason_as_a_delta_of_its_own() -> None:
    _, out = run([delta("4111"), STOP, DONE])

    assert payloads(out)[0] == {**HEAD, "choices": [choice({"content": "4111"})]}
    assert out[1:] == [STOP, DONE]


def test_text_in_the_last_delta_leaves_with_it_unchanged() -> None:
    last = delta("end", "stop")

    assert run([last, DONE])[1] == [last, DONE]


def test_held_text_joins_the_text_of_the_last_delta() -> None:
    _, out = run([delta("41"), delta("11", "stop"), DONE])

    assert out == [delta("4111", "stop"), DONE]


@pytest.mark.parametrize("end", [[DONE], []])
def test_held_text_leaves_when_the_stream_ends_without_a_finish_reason(end: list[bytes]) -> None:
    stream, out = run([delta("4111"), *end])

    assert texts(out) == {(0, "content"): "4111"}
    assert out[1:] == end
    assert stream.done == bool(end)


def test_held_tool_arguments_leave_with_the_index_of_their_call() -> None:
    _, out = run([delta(call('{"a":"4111', 1)), STOP])

    tail = payloads(out)[1]["choices"][0]["delta"]
    assert tail == {"tool_calls": [{"index": 1, "function": {"arguments": "4111"}}]}


def test_interleaved_choices_and_calls_have_texts_of_their_own() -> None:
    upstream = [
        chunk(choice({"content": "a 4111 1111"}), choice({"content": "b 4111"}, index=1)),
        delta(" 1111 1111.", index=1),
        delta({**call('"4111111111', 0)}, index=0),
        delta({**call('"x"', 1)}, index=0),
        delta(" 1111 1111!", index=0),
        delta({**call('111111"', 0)}, index=0),
        delta({}, "stop", index=1),
        delta({}, "tool_calls", index=0),
        DONE,
    ]

    stream, out = run(upstream)

    assert texts(out) == {
        (0, "content"): "a [REDACTED:credit_card]!",
        (1, "content"): "b 4111 1111 1111.",
        (0, "tool_calls", 0, "function", "arguments"): '"[REDACTED:credit_card]"',
        (0, "tool_calls", 1, "function", "arguments"): '"x"',
    }
    assert stream.findings == {"credit_card": 2}
    assert stream.delivered_text().decode().split("\n") == [
        "a [REDACTED:credit_card]!",
        '"[REDACTED:credit_card]"',
        '"x"',
        "b 4111 1111 1111.",
    ]


def test_delivered_text_of_one_channel_is_that_text_alone() -> None:
    stream, out = run([delta({"role": "assistant", "content": ""}), delta("Grüße 4111"), delta("."), STOP, DONE])

    assert stream.delivered_text() == "Grüße 4111.".encode()
    assert texts(out)[0, "content"].encode() == stream.delivered_text()


def test_text_parts_of_a_list_are_one_text_with_strings_in_its_place() -> None:
    parts = [{"type": "text", "text": "is 4111 1111"}]

    stream, _ = run([delta({"content": parts}), delta({"content": " 1111 1111."}), STOP])

    assert stream.findings == {"credit_card": 1}
    assert stream.delivered_text() == b"is [REDACTED:credit_card]."


def test_a_completion_of_the_older_api_is_redacted_in_its_text() -> None:
    def piece(text: str, reason: str | None = None) -> bytes:
        place = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        return event({**HEAD, "object": "text_completion", "choices": [place]})

    _, out = run([piece("is 4111 "), piece("1111 1111 1111"), piece("", "stop"), DONE])

    assert texts(out) == {(0, "text"): "is [REDACTED:credit_card]"}
    assert payloads(out)[1]["object"] == "text_completion"


def test_an_alert_changes_and_holds_nothing() -> None:
    upstream = [delta("Zephyr"), delta(", "), STOP, DONE]

    stream, out = run(upstream, SIGN, CARD)

    assert texts(out) == {(0, "content"): "Zephyr, "}
    assert out[0] == upstream[0]
    assert stream.findings == {"codename": 1}
    assert stream.action == "alert"


@pytest.mark.parametrize(
    "raw",
    [
        delta({"tool_calls": [{"index": 0, "id": "c", "function": {"name": f"f{PAN}", "arguments": ""}}]}),
        delta({"annotations": [{"type": "url_citation", "url_citation": {"title": PAN}}]}),
        delta({"function_call": {"arguments": {PAN: {"b": PAN}}}}),
        chunk(choice({}), citations=[PAN]),
        chunk(choice({}, note=PAN)),
        chunk(choice({"role": f"assistant {PAN}" + "." * 128})),
        delta({}, f"stop {PAN}"),
        b": " + PAN.encode() + b"\n\n",
        b": \xff\n\n",
        b"id: " + PAN.encode() + b"\n" + delta("Hi!"),
        chunk(choice({}, message={"content": "is 4111 1111 1111 11"})),
        chunk(choice({}, token_ids=[4111, 1111])),
        chunk(choice({}, text=[{"part": PAN}])),
    ],
)
def test_strings_beside_the_text_leave_redacted_or_not_at_all(raw: bytes) -> None:
    _, out = run([raw])

    assert b"4111" not in b"".join(out)
    assert b"\xff" not in b"".join(out)


def test_a_function_name_in_pieces_is_scanned_with_what_came_before() -> None:
    def named(name: str) -> bytes:
        return delta({"tool_calls": [{"index": 0, "function": {"name": name}}]})

    _, out = run([named("get_"), named("weather"), named(" 4111 1111"), named(" 1111 1111")])

    assert texts(out) == {(0, "tool_calls", 0, "function", "name"): "get_weather 4111 1111"}


def test_a_function_name_is_never_held() -> None:
    raw = delta({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "weather"}}]})

    assert run([raw])[1] == [raw]


def test_repeated_provider_strings_are_scanned_once() -> None:
    ruleset = FakeRuleset()
    stream = StreamFilter(ruleset, usage_wanted=False)
    stream.feed(chunk(choice({"content": "!"}), provider="Someone"))
    scans = ruleset.scans
    for _ in range(50):
        stream.feed(chunk(choice({"content": "!"}), provider="Someone"))

    assert ruleset.scans == scans


# Log probabilities


def logprobs(*tokens: str) -> dict[str, Any]:
    return {"content": [{"token": token, "logprob": -0.1, "bytes": list(token.encode())} for token in tokens]}


def test_log_probabilities_pass_with_text_that_left_unchanged() -> None:
    raw = delta("Hi!", logprobs=logprobs("Hi", "!"))

    assert run([raw], CARD)[1] == [raw]


@pytest.mark.parametrize(
    "upstream",
    [
        [delta("4111", logprobs=logprobs("4111"))],
        [delta("4111"), delta(" x!", logprobs=logprobs(" x!"))],
        [delta("Hi!", logprobs=logprobs("Hi!", "4111"))],
        [delta("", logprobs=logprobs("4111"))],
        [delta({}, "stop", logprobs=logprobs("4111"))],
        [delta("Hi!", logprobs={"content": [{"token": None, "bytes": [52, 49, 49, 49]}]})],
        [delta("Hi!", logprobs={"made_up": ["4111"]})],
        [delta("Hi!", logprobs="4111")],
        [delta("Hi!", logprobs={"content": [{"token": "Hi!", "top_logprobs": [{"token": PAN, "logprob": -1}]}]})],
        [delta("Hi!", logprobs={"content": [{"token": "Hi!", "top_logprobs": [{"token": "TOK_12345678"}]}]})],
        [delta("Hi!", logprobs={"content": [{"token": "Hi!", PAN: 1}]})],
        [delta("Hi!", logprobs={"content": [{"token": "Hi!", "logprob": 4111111111111111}]})],
        [delta("", logprobs={"tokens": [], "top_logprobs": [{"4111": -1}]})],
        [delta(f"{PAN}!"), delta("x", logprobs=logprobs("x"))],
    ],
)
def test_log_probabilities_that_could_tell_more_than_the_text_are_dropped(upstream: list[bytes]) -> None:
    _, out = run(upstream)

    assert all(place["logprobs"] is None for payload in payloads(out) for place in payload["choices"])


# Blocks


def test_a_block_ends_every_open_choice_and_the_stream() -> None:
    upstream = [
        chunk(choice({"content": "a"}), choice({"content": "b!"}, index=1), choice({"content": "c"}, index=2)),
        delta({}, "stop", index=2),
        delta(" key TOK_1234", index=0),
        delta("5678 and more", index=0),
        delta("too late!", index=1),
        DONE,
    ]

    stream, out = run(upstream)

    assert stream.blocked
    assert not stream.done
    assert stream.action == "block"
    assert stream.finish_reason == "content_filter"
    assert reasons(out) == {0: "content_filter", 1: "content_filter", 2: "stop"}
    assert texts(out) == {(0, "content"): "a key ", (1, "content"): "b!", (2, "content"): "c"}
    assert out[-1] == DONE
    assert stream.feed(delta("more")) == []
    assert stream.finish() == []


@pytest.mark.parametrize("end", [[STOP], [delta("", "length")], [DONE], []])
def test_a_block_that_is_certain_only_at_the_end_still_blocks(end: list[bytes]) -> None:
    stream, out = run([delta("key TOK_12345678"), *end])

    assert stream.blocked
    assert texts(out) == {(0, "content"): "key "}
    assert reasons(out) == {0: "content_filter"}
    assert out[-1] == DONE


def test_text_of_other_channels_that_is_held_when_a_block_comes_never_leaves() -> None:
    _, out = run([delta({"reasoning": "hm. 4111 1111"}), delta("TOK_12345678!")])

    assert texts(out) == {(0, "reasoning"): "hm."}


def test_a_block_beside_the_text_ends_the_stream_too() -> None:
    stream, out = run([delta("Hi!"), chunk(choice({}), citations=["TOK_12345678"]), delta("more!")])

    assert stream.blocked
    assert reasons(out) == {0: "content_filter"}
    assert b"TOK_" not in b"".join(out)
    assert b"more" not in b"".join(out)


# Usage

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("choices", [[], None])
def test_the_usage_chunk_is_counted_and_shown_to_those_who_asked(wanted: bool, choices: list[Any] | None) -> None:
    raw = event({**HEAD, "choices": choices, "usage": USAGE})

    stream, out = run([delta("a!"), STOP, raw, DONE], CARD, usage_wanted=wanted)

    assert (stream.prompt_tokens, stream.completion_tokens) == (7, 5)
    assert out == [delta("a!"), STOP, *([raw] if wanted else []), DONE]


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_beside_choices_is_counted_and_taken_out_unless_asked_for(wanted: bool) -> None:
    stream, out = run([chunk(choice({}, "stop"), usage=USAGE), DONE], usage_wanted=wanted)

    assert (stream.prompt_tokens, stream.completion_tokens) == (7, 5)
    assert ("usage" in payloads(out)[0]) == wanted
    assert reasons(out) == {0: "stop"}


def test_usage_that_is_null_passes_as_it_came() -> None:
    raw = chunk(choice({"content": "a!"}), usage=None)

    assert run([raw], CARD)[1] == [raw]


@pytest.mark.parametrize("usage", [[], {"prompt_tokens": -1, "completion_tokens": "5"}, {"prompt_tokens": True}])
def test_usage_that_makes_no_sense_is_not_known(usage: object) -> None:
    stream, _ = run([event({**HEAD, "choices": [], "usage": usage})])

    assert (stream.prompt_tokens, stream.completion_tokens) == (None, None)


# Errors


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"error": {"message": "overloaded!", "code": 503}}, "overloaded!"),
        ({"error": "overloaded!"}, "overloaded!"),
        ({"object": "error", "message": "overloaded!"}, "overloaded!"),
        ({"error": {"message": f"bad prompt: {PAN}"}}, "bad prompt: [REDACTED:credit_card]"),
        ({"error": {"message": "TOK_12345678"}}, "[REDACTED:api_token]"),
    ],
)
def test_an_upstream_error_ends_the_stream_without_done(payload: dict[str, Any], message: str) -> None:
    stream, out = run([delta("Hi 4111"), event(payload), delta("more!"), DONE])

    assert stream.upstream_error is not None
    assert stream.upstream_error["message"] == message
    assert texts(out) == {(0, "content"): "Hi 4111"}
    assert message.encode() in out[-1]
    assert DONE not in out
    assert not stream.done


def test_a_clean_upstream_error_passes_as_it_came() -> None:
    raw = event({"error": {"message": "overloaded!", "type": "server_error"}})

    assert run([raw])[1] == [raw]


def test_a_delta_beside_an_error_does_not_leave() -> None:
    raw = event({**HEAD, "error": {"message": "x!"}, "choices": [choice({"content": " 1111 1111"})]})

    _, out = run([delta("is 4111 1111"), raw])

    assert texts(out) == {(0, "content"): "is 4111 1111"}


DEEP: Any = "x"
for _ in range(JSON_DEPTH_MAX + 1):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    "raw",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b"data: 4\n\n",
        b"data: hello\n\n",
        b'data: {"choices":[{"index":0,"delta":{"content":NaN}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d", "n":NaN}}]}\n\n',
        b"data: " + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"\n\n",
        b'data: {"choices":[],"a":' + b"[" * 300 + b"]" * 300 + b"}\n\n",
        event({"type": "response.output_text.delta", "delta": "Hi"}),
        event({"choices": "x"}),
        event({"choices": ["x"]}),
        event({"choices": [{"index": 0, "delta": "x"}]}),
        event({"choices": [{"index": "0", "delta": {}}]}),
        event({"choices": [{"delta": {}}, {"delta": {}}]}),
        event({"choices": [{"index": n, "delta": {}} for n in range(CHOICES_MAX + 1)]}),
        event({"choices": [choice({f"f{n}": "x" for n in range(CHANNELS_MAX + 1)})]}),
        event({"choices": [choice({"made_up": DEEP})]}),
        event({"choices": [choice({"annotations": DEEP})]}),
        event({"choices": [], "made_up": DEEP}),
        event({"choices": [choice({"tool_calls": [{"function": {"name": "x" * (NAME_CHARS_MAX + 1)}}]})]}),
    ],
)
def test_what_no_client_should_have_to_parse_is_refused(raw: bytes) -> None:
    with pytest.raises(UpstreamProtocolError) as refusal:
        run([raw])

    assert "Hi" not in str(refusal.value)


@pytest.mark.parametrize("index", [CHOICES_MAX, -1, 4111111111111111, True, 0.0])
def test_a_choice_with_an_index_that_counts_none_is_refused(index: Any) -> None:
    run([delta("x", index=n) for n in range(CHOICES_MAX)])

    with pytest.raises(UpstreamProtocolError, match="index"):
        run([delta("x", index=index)])


@pytest.mark.parametrize("index", [-1, 4111111111111111, True, 0.0, "0", {"a": 1}])
def test_a_tool_call_with_an_index_that_counts_none_is_refused(index: Any) -> None:
    with pytest.raises(UpstreamProtocolError, match="index"):
        run([delta({"tool_calls": [{"index": index, "function": {"arguments": "x"}}]})])


def test_an_answer_larger_than_its_maximum_is_refused() -> None:
    whole = [delta("Hi!"), STOP, DONE]
    size = sum(map(len, whole))

    assert run(whole, CARD, answer_bytes_max=size)[1] == whole
    with pytest.raises(UpstreamProtocolError, match=f"larger than {size - 1} bytes"):
        run(whole, CARD, answer_bytes_max=size - 1)


@pytest.mark.parametrize("late", [delta("late"), delta(call("{}")), delta({"refusal": "late"})])
def test_text_after_the_finish_reason_is_refused(late: bytes) -> None:
    # The text before it has left in full, so the two could make up a match that nobody has seen.
    with pytest.raises(UpstreamProtocolError, match="after the finish_reason"):
        run([delta("is 4111 1111"), STOP, late])


def test_events_without_text_may_follow_the_finish_reason() -> None:
    after = chunk(choice({"content": ""}, content_filter_offsets={"start": 0}))

    assert run([STOP, after, DONE])[1] == [STOP, after, DONE]


# Characters cut in two


def lone(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a\ud83d", "\ude00b!"], "a😀b!"),
        (["\ud83d", "", "\ude00!"], "😀!"),
        (["\ud83d", "x!"], "\ufffdx!"),
        (["\ude00!"], "\ufffd!"),
        (["!\ud83d"], "!\ufffd"),
        (["\ud83d\ud83d", "\ude00!"], "\ufffd😀!"),
        (["\ud83d", "\ude00\ud83d", "\ude01"], "😀😁"),
    ],
)
def test_half_an_emoji_waits_for_its_other_half(pieces: list[str], text: str) -> None:
    stream, out = run([lone(piece) for piece in pieces])

    assert texts(out) == {(0, "content"): text}
    assert stream.delivered_text() == text.encode()


def test_half_an_emoji_outside_the_text_is_replaced() -> None:
    raw = b'data: {"id":"\\ud83d","choices":[{"index":0,"delta":{"content":"\\ud83d\\ude00!"}}]}\n\n'

    _, out = run([raw], CARD)

    assert payloads(out)[0]["id"] == "\ufffd"
    assert texts(out) == {(0, "content"): "😀!"}


def test_a_delta_that_equals_what_was_held_before_it_does_not_count_as_unchanged() -> None:
    # A redactor which is one character behind: the same character leaves, but it is the one before.
    class Behind:
        findings: list[Any] = []  # noqa: RUF012
        blocked = False
        held = ""

        def feed(self, text: str) -> str:
            out, self.held = self.held, text
            return out

        def finish(self) -> str:
            return self.held

    class Delayed(FakeRuleset):
        def redactor(self, side: Side = Side.ANSWER) -> Any:
            return Behind()

    stream = StreamFilter(Delayed(), usage_wanted=False)
    stream.feed(delta("4"))

    out = stream.feed(delta("4", logprobs=logprobs("4")))

    assert payloads(out)[0]["choices"][0] == choice({"content": "4"})
