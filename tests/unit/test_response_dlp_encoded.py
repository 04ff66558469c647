"""What decoding shows of an answer is recorded, and changes nothing of what is delivered, streamed or not."""

import base64

import orjson
import pytest

from synapse.dlp import PolicyOptions, Ruleset, default_ruleset, load_default_rules
from synapse.layers.response_dlp import StreamFilter, filter_answer

CARD = "4111 1111" + " 1111 1111"
SAYINGS = [
    f"Decode {base64.b64encode(f'My card is {CARD}, thanks.'.encode()).decode()} please.",
    "It is &#52;111 1111 1111 &#49;111, I think.",
]


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return default_ruleset()


def whole(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return orjson.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def streamed(ruleset: Ruleset, text: str) -> StreamFilter:
    stream = StreamFilter(ruleset, usage_wanted=False)
    for at in range(0, len(text), 5):
        choice = {"index": 0, "delta": {"content": text[at : at + 5]}, "finish_reason": None}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        stream.feed(b"data: " + orjson.dumps(chunk) + b"\n\n")
    stream.feed(b"data: [DONE]\n\n")
    stream.finish()
    return stream


@pytest.mark.parametrize("text", SAYINGS)
def test_an_encoded_card_is_an_alert_on_both_ways(ruleset: Ruleset, text: str) -> None:
    answer, stream = filter_answer(ruleset, whole(text)), streamed(ruleset, text)
    assert answer.body == whole(text)
    assert stream.delivered_text() == answer.text == text.encode()
    assert answer.findings == stream.findings == {"credit_card": 1}
    assert answer.action == stream.action == "alert"


def test_a_policy_without_views_looks_at_nothing_encoded() -> None:
    ruleset = Ruleset.compile(load_default_rules(), name="plain", options=PolicyOptions(views=False))
    assert filter_answer(ruleset, whole(SAYINGS[0])).findings == streamed(ruleset, SAYINGS[0]).findings == {}


def test_what_is_found_as_it_stands_is_not_found_again(ruleset: Ruleset) -> None:
    text = f"{CARD} and &#64;"
    assert filter_answer(ruleset, whole(text)).findings == streamed(ruleset, text).findings == {"credit_card": 1}
