"""The short way of a stream gives what the long way gives, whatever events come and however they differ."""

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest

from synapse.dlp import Ruleset, default_ruleset
from synapse.errors import UpstreamProtocolError
from synapse.layers.answer import template
from synapse.layers.answer.stream import StreamFilter

CARD = "4111 1111" + " 1111 1111"
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return default_ruleset()


def event(delta: dict[str, Any], *, index: int = 0, head: dict[str, Any] = HEAD, **place: Any) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None, **place}
    return b"data: " + orjson.dumps({**head, "choices": [choice]}) + b"\n\n"


def padded(delta: dict[str, Any], padding: str) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return b"data: " + orjson.dumps({**HEAD, "choices": [choice], "usage": None, "obfuscation": padding}) + b"\n\n"


def run(ruleset: Ruleset, events: list[bytes], *, usage_wanted: bool = False) -> Any:
    stream = StreamFilter(ruleset, usage_wanted=usage_wanted)
    out = b"".join(piece for one in events for piece in stream.feed(one)) + b"".join(stream.finish())
    said = [one[6:] for one in out.split(b"\n\n") if one]
    return (
        [one if one == b"[DONE]" else orjson.loads(one) for one in said],
        *(stream.delivered_text(), stream.findings, stream.action, stream.blocked, stream.done, stream.finish_reason),
    )


def short_ways(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The events that are taken the short way from now on."""
    taken: list[bytes] = []
    take = template.Template.take

    def counted(self: template.Template, raw: bytes) -> bytes | None:
        out = take(self, raw)
        if out is not None:
            taken.append(raw)
        return out

    monkeypatch.setattr(template.Template, "take", counted)
    return taken


def test_deltas_of_one_kind_leave_as_they_came_and_are_not_parsed(
    ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = short_ways(monkeypatch)
    events = [event({"content": f'Line {n}, "quoted" \\ and\n\t'}) for n in range(20)]
    stream = StreamFilter(ruleset, usage_wanted=False)
    assert [b"".join(stream.feed(one)) for one in events][1:] == events[1:]
    assert taken == events[1:]


def test_a_card_in_pieces_is_redacted_on_the_short_way(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = short_ways(monkeypatch)
    text = f"It is {CARD}, she said."
    events = [event({"content": "So. "}), *(event({"content": text[at : at + 3]}) for at in range(0, len(text), 3))]
    said, delivered, findings, *_ = run(ruleset, events)
    assert delivered == b"So. It is [REDACTED:credit_card], she said."
    assert "".join(one["choices"][0]["delta"]["content"] for one in said) == delivered.decode()
    assert findings == {"credit_card": 1}
    assert len(taken) == len(events) - 1


def test_two_choices_that_take_turns_have_a_template_each(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = short_ways(monkeypatch)
    events = [event({"content": f"w{n} "}, index=n % 2) for n in range(20)]
    run(ruleset, events)
    assert len(taken) == 18


def test_random_padding_does_not_end_the_short_way(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = short_ways(monkeypatch)
    events = [padded({"content": f" w{n}"}, "aB3dE5fG7h"[: n % 9 + 1]) for n in range(20)]
    assert run(ruleset, events)[1] == "".join(f" w{n}" for n in range(20)).encode()
    assert len(taken) == 19


def test_an_upstream_whose_events_always_differ_is_not_learnt_from_for_ever(
    ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = 0
    cut = template._cut

    def counted(*arguments: Any) -> Any:
        nonlocal learnt
        learnt += 1
        return cut(*arguments)

    monkeypatch.setattr(template, "_cut", counted)
    run(ruleset, [event({"content": "x"}, head={**HEAD, "id": f"c{n}"}) for n in range(100)])
    assert learnt == template.UNUSED_MAX + 1


@pytest.mark.parametrize(
    "tampered",
    [
        event({"content": "b"}).replace(b'"delta":{', b'"delta":{"content":"a",'),
        event({"content": "a"}).replace(b'"a"', b'"\\u0061"'),
        event({"content": "a"}).replace(b'"a"', b'"\xff"'),
        event({"content": "a"}).replace(b'"a"', b'"a\\"'),
        event({"content": "a"}).replace(b'"a"', b'"a\x01"'),
        event({"content": "a"}).replace(b'"a"', b'"a","x":"b"'),
    ],
)
def test_what_is_not_the_inside_of_one_string_takes_the_long_way(
    ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch, tampered: bytes
) -> None:
    taken = short_ways(monkeypatch)
    stream = StreamFilter(ruleset, usage_wanted=False)
    for n in range(3):
        stream.feed(event({"content": f"{n}"}))
    assert len(taken) == 2
    # What the long way says of it is tested elsewhere.
    with suppress(UpstreamProtocolError):
        stream.feed(tampered)
    assert len(taken) == 2


def test_a_text_that_looks_like_a_key_teaches_nothing(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = short_ways(monkeypatch)
    events = [event({"content": word}) for word in ("content", "index", "delta", "choices", "m", "id")]
    assert run(ruleset, events)[1] == b"contentindexdeltachoicesmid"
    assert taken == []


@pytest.mark.parametrize(
    "around",
    [
        lambda piece: event({"content": piece}, head={**HEAD, "id": CARD}),
        lambda piece: event({"content": piece}, head={**HEAD, "system_fingerprint": CARD}),
        lambda piece: event({"content": piece}, head={**HEAD, "service_tier": {"name": CARD}}),
        lambda piece: event({"content": piece}, head={**HEAD, "created": int(CARD.replace(" ", ""))}),
        lambda piece: event({"content": piece, "role": CARD}),
        lambda piece: event({"content": piece, CARD: None}),
        lambda piece: event({"content": piece, CARD: ""}),
    ],
)
def test_what_is_redacted_around_a_text_is_redacted_in_every_event(
    ruleset: Ruleset, around: Callable[[str], bytes]
) -> None:
    stream = StreamFilter(ruleset, usage_wanted=False)
    out = b"".join(piece for word in ("a ", "b ", "c ") for piece in stream.feed(around(word)))
    out += b"".join(stream.finish())
    assert stream.delivered_text() == b"a b c "
    assert CARD.encode() not in out
    assert CARD.replace(" ", "").encode() not in out


def test_words_in_pieces_are_scanned_together_in_every_event(ruleset: Ruleset) -> None:
    """What the client joins must not be said in turns with pieces that were clean on their own."""
    halves = ("jane@exam", "ple.com ")
    events = [event({"content": "So, ", "role": halves[n % 2]}) for n in range(6)]
    stream = StreamFilter(ruleset, usage_wanted=False)
    out = b"".join(piece for one in events for piece in stream.feed(one))
    assert out.count(halves[1].encode()) == 0


PIECES = [
    " the",
    "4111",
    " 1111 ",
    "1111 1111",
    "a@b",
    ".com ",
    "",
    "é",
    "😀",
    "\n",
    '"',
    "\\",
    "\u200b",
    "stop",
    "x" * 60,
]


def _random_event(chance: random.Random) -> bytes:
    piece, index = chance.choice(PIECES), chance.randrange(2)
    kinds = (
        lambda: event({"role": "assistant", "content": piece}, index=index),
        lambda: event({"reasoning_content": piece, "content": None}),
        lambda: event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
        lambda: padded({"content": piece}, chance.choice(("aB", "x" * 30, "a-b", CARD[:4]))),
        lambda: event({"content": piece, "refusal": None}, head={**HEAD, "created": chance.randrange(3)}),
        lambda: b"data: " + json.dumps(orjson.loads(event({"content": piece})[6:])).encode() + b"\n\n",
        *[lambda: event({"content": piece})] * 4,
    )
    return chance.choice(kinds)()


def test_any_stream_comes_out_as_on_the_long_way(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, calls, choices, escapes, padding and other spellings of the same JSON in any order."""
    seed = time.time_ns()
    chance = random.Random(seed)
    streams = [[_random_event(chance) for _ in range(chance.randint(1, 40))] for _ in range(400)]
    ends = [event({}, finish_reason="stop"), event({}, index=1, finish_reason="stop"), b"data: [DONE]\n\n"]
    taken = short_ways(monkeypatch)
    quick = [run(ruleset, [*stream, *ends]) for stream in streams]
    assert len(taken) > 1_000
    monkeypatch.setattr(template.Templates, "learn", lambda *_: None)
    for stream, outcome in zip(streams, quick, strict=True):
        assert run(ruleset, [*stream, *ends]) == outcome, (seed, stream)
