"""What the demo models say, seen through the OpenAI SDK on a real socket."""

from collections.abc import AsyncIterator

import openai
import orjson
import pytest
from pydantic import BaseModel

from synapse.demo import DemoOptions, DemoServer

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        DemoServer(DemoOptions()) as server,
        openai.AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client,
    ):
        yield client


def user(content: object) -> list[dict[str, object]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


async def text_of(client: openai.AsyncOpenAI, **request: object) -> str:
    answer = await client.chat.completions.create(**request)
    return answer.choices[0].message.content


@pytest.mark.parametrize(
    "content",
    ["Good morning, 世界 🦊", [{"type": "text", "text": "Good morning, "}, {"type": "text", "text": "世界 🦊"}]],
)
async def test_echo_answers_with_the_last_user_message(client: openai.AsyncOpenAI, content: object) -> None:
    assert await text_of(client, model="echo", messages=user(content)) == "Good morning, 世界 🦊"


@pytest.mark.parametrize("model", ["echo", "echo:size=1", "echo:size=1000", "story", "gpt-4o-mini", "llama3.1:8b"])
async def test_a_stream_says_the_same_as_the_document(client: openai.AsyncOpenAI, model: str) -> None:
    request = {"model": model, "messages": user("Tell me about the harbour 🦊.")}
    stream = await client.chat.completions.create(**request, stream=True)
    pieces = [event.choices[0].delta.content or "" async for event in stream]
    assert "".join(pieces) == await text_of(client, **request)


async def test_the_size_option_sets_the_length_of_a_delta(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="echo:size=3", messages=user("abcdefgh"), stream=True)
    assert [event.choices[0].delta.content async for event in stream] == ["", "abc", "def", "gh", None]


async def test_a_story_has_the_length_asked_for(client: openai.AsyncOpenAI) -> None:
    assert len(await text_of(client, model="story:length=1234", messages=user("Go on."))) == 1234


async def test_choices_of_a_stream_take_turns_and_differ(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="story", messages=user("Go on."), n=3, stream=True)
    indices, texts = [], ["", "", ""]
    async for event in stream:
        [choice] = event.choices
        indices.append(choice.index)
        texts[choice.index] += choice.delta.content or ""
    assert indices[:6] == [0, 1, 2, 0, 1, 2]
    answer = await client.chat.completions.create(model="story", messages=user("Go on."), n=3)
    assert texts == [choice.message.content for choice in answer.choices]
    assert len(set(texts)) == 3


async def test_usage_is_in_documents_and_in_streams_that_ask(client: openai.AsyncOpenAI) -> None:
    request = {"model": "echo", "messages": user("12345678")}
    usage = (await client.chat.completions.create(**request)).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (5, 2, 7)
    stream = await client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})
    events = [event async for event in stream]
    assert (events[-1].choices, events[-1].usage) == ([], usage)
    assert all(event.usage is None for event in events[:-1])
    stream = await client.chat.completions.create(**request, stream=True)
    assert all(event.usage is None and event.choices for event in [event async for event in stream])


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_a_token_limit_ends_the_answer(client: openai.AsyncOpenAI, field: str) -> None:
    answer = await client.chat.completions.create(model="echo", messages=user("abcdefghij"), **{field: 2})
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("abcdefgh", "length")


@pytest.mark.parametrize(
    ("model", "choice", "text"),
    [
        ("tools", "auto", "Rain in Ghent?"),
        ("echo", "required", "Rain in Ghent?"),
        ("echo", {"type": "function", "function": {"name": "weather"}}, "Rain in Ghent?"),
        ("echo", "auto", "Ask weather about Ghent."),
    ],
)
async def test_a_tool_is_called_with_the_users_text(
    client: openai.AsyncOpenAI, model: str, choice: object, text: str
) -> None:
    request = {"model": model, "messages": user(text), "tools": [WEATHER], "tool_choice": choice}
    answer = (await client.chat.completions.create(**request)).choices[0]
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content is None
    [call] = answer.message.tool_calls
    assert (call.function.name, orjson.loads(call.function.arguments)) == ("weather", {"city": text})

    stream = await client.chat.completions.create(**request, stream=True)
    calls = [event.choices[0].delta.tool_calls async for event in stream]
    pieces = [call[0].function.arguments for call in calls if call]
    assert len(pieces) > 3
    assert "".join(pieces) == call_arguments(text)


def call_arguments(text: str) -> str:
    return orjson.dumps({"city": text}).decode()


async def test_no_tool_is_called_when_forbidden_and_its_result_is_told(client: openai.AsyncOpenAI) -> None:
    request = {"model": "tools", "tools": [WEATHER]}
    assert await text_of(client, **request, messages=user("Rain?"), tool_choice="none") == "Rain?"
    result = {"role": "tool", "tool_call_id": "call_1", "content": "Drizzle."}
    assert await text_of(client, **request, messages=[*user("Rain?"), result]) == "Drizzle."


async def test_a_json_object_is_json(client: openai.AsyncOpenAI) -> None:
    text = await text_of(client, model="echo", messages=user('a "b"'), response_format={"type": "json_object"})
    assert orjson.loads(text) == {"answer": 'a "b"'}


class Inner(BaseModel):
    name: str
    score: float | None


class Outer(BaseModel):
    count: int
    sure: bool
    inner: Inner
    items: list[Inner]


async def test_a_json_schema_is_followed(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(model="echo", messages=user("hi"), response_format=Outer)
    inner = Inner(name="hi", score=1)
    assert answer.choices[0].message.parsed == Outer(count=1, sure=True, inner=inner, items=[inner])


@pytest.mark.parametrize("stream", [False, True])
async def test_logprobs_carry_the_text_when_asked_for(client: openai.AsyncOpenAI, stream: bool) -> None:
    request = {"model": "echo", "messages": user("abcdef"), "logprobs": True}
    if stream:
        events = [event async for event in await client.chat.completions.create(**request, stream=True)]
        tokens = [item for event in events if (found := event.choices[0].logprobs) for item in found.content]
    else:
        tokens = (await client.chat.completions.create(**request)).choices[0].logprobs.content
    assert [token.token for token in tokens] == ["abcd", "ef"]


async def test_reasoning_comes_first_when_asked_for(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="echo:reasoning", messages=user("abcdef"), stream=True)
    deltas = [event.choices[0].delta.model_dump() async for event in stream]
    assert [delta.get("reasoning_content") for delta in deltas if delta.get("reasoning_content")] == ["abcd", "ef"]


async def test_an_image_is_counted(client: openai.AsyncOpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    request = user([{"type": "text", "text": "What is it?"}, image])
    answer = await client.chat.completions.create(model="echo", messages=request)
    assert answer.usage.prompt_tokens == 3 + 3 + 85


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert {"echo", "story", "tools"} <= {model.id async for model in client.models.list()}


@pytest.mark.parametrize(
    ("request_", "error", "param"),
    [
        ({"model": "echo", "messages": []}, openai.BadRequestError, "messages"),
        ({"model": "echo", "messages": user("x"), "n": 0}, openai.BadRequestError, "n"),
        ({"model": "echo:dealy=5", "messages": user("x")}, openai.NotFoundError, "model"),
        ({"model": "echo:delay=soon", "messages": user("x")}, openai.NotFoundError, "model"),
        ({"model": "fault", "messages": user("x")}, openai.NotFoundError, "model"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    client: openai.AsyncOpenAI, request_: dict[str, object], error: type[openai.APIStatusError], param: str
) -> None:
    with pytest.raises(error) as caught:
        await client.chat.completions.create(**request_)
    assert caught.value.param == param
