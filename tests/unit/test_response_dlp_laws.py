"""The laws of layer five: no cut of the bytes and no cut of the text changes what a client has at the end."""

import json
from typing import Any

import pytest
from answer_support import DONE, HEAD, choice, chunk, delta, dump, reasons, run, texts
from fakes_dlp import CARD, EMAIL, SIGN, TOKEN, FakeRuleset
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.dlp import Side
from synapse.layers.response_dlp import filter_answer

FRAGMENTS = ["4111 1111 1111 1111", "4111", " 1111", "x@y.com", "x@", "Zephyr", ", ", "é", "😀", '"', "\\", "\n", "."]
TEXT = st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)
FIELDS = ["content", "refusal", "reasoning", "reasoning_content"]
ANSWER = st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from(FIELDS)), TEXT, min_size=1, max_size=5)
SECRETS = {"credit_card": "4111 1111 1111 1111", "email": "jo@corp.com", "api_token": "TOK_12345678"}


def pieces_of(text: str, data: st.DataObject) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def interleaved(answer: dict[tuple[int, str], str], data: st.DataObject) -> list[bytes]:
    """The deltas of an answer: in order within a channel, in any order between channels."""
    queues = [[(index, name, piece) for piece in pieces_of(text, data)] for (index, name), text in answer.items()]
    out = []
    while queues:
        queue = data.draw(st.sampled_from(queues))
        index, name, piece = queue.pop(0)
        out.append(delta({name: piece}, index=index))
        queues = [queue for queue in queues if queue]
    return out + [delta({}, "stop", index=index) for index in {index for index, _ in answer}] + [DONE]


@settings(max_examples=250, deadline=None)
@given(answer=ANSWER, data=st.data())
def test_every_channel_is_the_redaction_of_its_whole_text(
    answer: dict[tuple[int, str], str], data: st.DataObject
) -> None:
    rules = (CARD, EMAIL, SIGN)

    stream, out = run(interleaved(answer, data), *rules)

    scans = {key: FakeRuleset(*rules).scan(text, Side.ANSWER) for key, text in answer.items()}
    assert texts(out) == {key: scan.redacted for key, scan in scans.items() if scan.redacted}
    found = [finding.rule for scan in scans.values() for finding in scan.findings]
    assert stream.findings == {rule: found.count(rule) for rule in found}
    assert stream.done
    assert reasons(out) == {index: "stop" for index, _ in answer}


@settings(max_examples=250, deadline=None)
@given(answer=ANSWER, data=st.data())
def test_a_stream_delivers_what_the_whole_answer_delivers(
    answer: dict[tuple[int, str], str], data: st.DataObject
) -> None:
    messages: dict[int, dict[str, Any]] = {}
    for (index, name), text in answer.items():
        messages.setdefault(index, {"role": "assistant"})[name] = text
    body = dump({"choices": [{"index": i, "message": m, "finish_reason": "stop"} for i, m in messages.items()]})

    stream, _ = run(interleaved(answer, data), CARD, EMAIL, SIGN)
    whole = filter_answer(FakeRuleset(CARD, EMAIL, SIGN), body)

    assert stream.delivered_text() == whole.text
    assert stream.findings == whole.findings
    assert stream.action == whole.action


@settings(max_examples=250, deadline=None)
@given(answer=ANSWER, crlf=st.booleans(), ascii_only=st.booleans(), data=st.data())
def test_no_cut_of_the_bytes_changes_the_events(
    answer: dict[tuple[int, str], str], crlf: bool, ascii_only: bool, data: st.DataObject
) -> None:
    upstream = b": hi\n\n" + b"".join(interleaved(answer, data))
    if ascii_only:
        upstream = _escaped(upstream)
    if crlf:
        upstream = upstream.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(upstream)), max_size=10)))
    pieces = [upstream[a:b] for a, b in zip([0, *cuts], [*cuts, len(upstream)], strict=True)]

    whole, out = run([upstream])
    cut, out_cut = run(pieces)

    assert b"".join(out_cut) == b"".join(out)
    assert cut.findings == whole.findings
    assert cut.delivered_text() == whole.delivered_text()


def _escaped(upstream: bytes) -> bytes:
    events = upstream.decode().split("\n\n")
    again = ["data: " + json.dumps(json.loads(event[6:])) if event.startswith("data: {") else event for event in events]
    return "\n\n".join(again).encode()


@pytest.mark.parametrize("rule", SECRETS)
@pytest.mark.parametrize("field", [*FIELDS, "arguments"])
def test_a_secret_in_single_characters_never_leaves_not_even_in_log_probabilities(rule: str, field: str) -> None:
    secret = SECRETS[rule]
    text = f'{{"a":"is {secret}!"}}' if field == "arguments" else f"is {secret}!"

    def fields(piece: str) -> dict[str, Any]:
        if field == "arguments":
            return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        return {field: piece}

    def spelled(piece: str) -> dict[str, Any]:
        return {"content": [{"token": piece, "logprob": 0, "bytes": list(piece.encode()), "top_logprobs": []}]}

    for cut in range(len(text) + 1):
        for pieces in ([text[:cut], text[cut:]], [*text[:cut], text[cut:]]):
            upstream = [chunk({**choice(fields(piece)), "logprobs": spelled(piece)}) for piece in pieces]
            stream, out = run([*upstream, delta({}, "stop"), DONE])

            sent = b"".join(out).decode()
            told = "".join(
                token["token"]
                for line in sent.split("\n")
                if line.startswith("data: {")
                for place in json.loads(line[6:])["choices"]
                for token in (place["logprobs"] or {}).get("content", ())
            )
            assert secret not in sent
            assert secret not in told
            assert not any(secret in value for value in texts(out).values())
            assert stream.findings == {rule: 1}


@settings(max_examples=150, deadline=None)
@given(text=TEXT, after=TEXT, data=st.data())
def test_a_block_lets_leave_what_was_before_it_and_nothing_else(text: str, after: str, data: st.DataObject) -> None:
    before = FakeRuleset(CARD, EMAIL).scan(text + "!", Side.ANSWER).redacted
    pieces = pieces_of(f"{text}!TOK_12345678!{after}", data)

    stream, out = run([*(delta(piece) for piece in pieces), delta({}, "stop"), DONE], CARD, EMAIL, TOKEN)

    assert texts(out) == {(0, "content"): before}
    assert stream.blocked
    assert reasons(out) == {0: "content_filter"}
    assert out[-1] == DONE


def test_an_unchanged_event_is_the_upstreams_bytes_whatever_its_spacing() -> None:
    raw = b"data: " + json.dumps({**HEAD, "choices": [choice({"content": "Hi!"})]}, indent=1).encode() + b"\n\n"
    spaced = raw.replace(b"\n ", b"\ndata:  ").replace(b"\n}", b"\ndata: }")

    assert run([spaced], CARD)[1] == [spaced]
