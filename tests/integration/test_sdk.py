"""The real OpenAI SDK, unchanged but for `base_url` and key, against two workers."""

import base64
import json
from collections.abc import Iterator

import openai
import pytest
from fixtures_gateway import Gateway, KeyMaker
from openai import OpenAI

CARD = "4111 1111 1111 1111"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Looks something up.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
]


@pytest.fixture
def client(gateway: Gateway, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.api, api_key=key, max_retries=0) as client:
        yield client


def ask(text: str) -> list[dict[str, object]]:
    return [{"role": "user", "content": text}]


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="echo", messages=ask("Hello there."))  # type: ignore[arg-type]
    assert answer.choices[0].message.content == "Hello there."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_chat_is_redacted_on_its_way_to_the_model(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=ask(f"Card {CARD}, please."))  # type: ignore[arg-type]
    assert raw.parse().choices[0].message.content == "Card [REDACTED:credit_card], please."
    assert raw.headers["x-synapse-dlp"] == "redacted;n=1"


@pytest.mark.parametrize("usage_wanted", [True, False, None])
def test_streaming_with_usage_on_and_off(client: OpenAI, usage_wanted: bool | None) -> None:
    options = {} if usage_wanted is None else {"stream_options": {"include_usage": usage_wanted}}
    stream = client.chat.completions.create(model="echo", messages=ask("one two three"), stream=True, **options)  # type: ignore[call-overload]
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "one two three"
    assert len(chunks) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert any(chunk.usage for chunk in chunks) is bool(usage_wanted)


def test_tools(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="tools", messages=ask("weather"), tools=TOOLS)  # type: ignore[call-overload]
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "look_up"
    assert "weather" in json.dumps(json.loads(call.function.arguments))
    assert answer.choices[0].finish_reason == "tool_calls"


def test_tools_streamed_and_redacted_both_ways(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="tools", messages=ask(f"pay {CARD}"), tools=TOOLS, stream=True)  # type: ignore[call-overload]
    arguments = "".join(
        call.function.arguments or ""
        for chunk in stream
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
    )
    assert "[REDACTED:credit_card]" in json.dumps(json.loads(arguments))


def test_several_choices(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="echo", messages=ask("twice"), n=2)  # type: ignore[arg-type]
    assert [choice.message.content for choice in answer.choices] == ["twice", "twice"]
    texts = {0: "", 1: ""}
    for chunk in client.chat.completions.create(model="echo", messages=ask("twice"), n=2, stream=True):  # type: ignore[arg-type,union-attr]
        for choice in chunk.choices:  # type: ignore[union-attr]
            texts[choice.index] += choice.delta.content or ""
    assert texts == {0: "twice", 1: "twice"}


def test_response_format(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="story",
        messages=ask("as JSON"),  # type: ignore[arg-type]
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_an_image_part_reaches_the_model(client: OpenAI, gateway: Gateway) -> None:
    image = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
    parts = [
        {"type": "text", "text": f"describe {CARD}"},
        {"type": "image_url", "image_url": {"url": image}},
    ]
    answer = client.chat.completions.create(model="echo", messages=[{"role": "user", "content": parts}])  # type: ignore[list-item,misc]
    assert "describe [REDACTED:credit_card]" in (answer.choices[0].message.content or "")
    sent = json.loads(gateway.demo_requests()[-1]["body"])
    assert sent["messages"][-1]["content"][1] == parts[1]


def test_models(client: OpenAI, make_key: KeyMaker, gateway: Gateway) -> None:
    narrow = make_key(models=("story", "echo"))
    with OpenAI(base_url=gateway.api, api_key=narrow, max_retries=0) as own:
        assert [model.id for model in own.models.list()] == ["echo", "story"]
        assert own.models.retrieve("echo").id == "echo"
        with pytest.raises(openai.NotFoundError):
            own.models.retrieve("tools")


def test_unknown_fields_are_forwarded(client: OpenAI, gateway: Gateway) -> None:
    client.chat.completions.create(model="echo", messages=ask("x"), extra_body={"vendor_option": {"deep": [1, 2]}})  # type: ignore[arg-type]
    assert json.loads(gateway.demo_requests()[-1]["body"])["vendor_option"] == {"deep": [1, 2]}
