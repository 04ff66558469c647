"""Decides what the demo models say: values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from .behaviour import Behaviour
from .schema import instance_of

# OpenAI's rule of thumb for English text; exact counts do not matter here, only that they are always the same.
CHARS_PER_TOKEN = 4
# What OpenAI counts for an image in low detail.
IMAGE_TOKENS = 85
# What OpenAI allows.
CHOICES_MAX = 128

SENTENCES = (
    "The harbour woke before the town did. ",
    "A woman in a yellow coat counted the boats, as she had done every morning for thirty years. ",
    "One was missing. ",
    "Nobody had seen it leave, and the water was as flat as a table. ",
    "She walked to the end of the pier and found a lantern, still warm. ",
    "Beside it lay a note with a single line: back by evening, keep the soup hot. ",
    "So she went home, put the pot on the stove and waited. ",
)


class BadRequest(ValueError):
    """The request makes no sense; `param` is the field at fault."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What one choice says. With `tool`, the text is the call's arguments."""

    text: str
    finish_reason: Literal["stop", "length", "tool_calls"]
    tool: str | None = None
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """All choices, and what they cost."""

    answers: tuple[Answer, ...]
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        return sum(_tokens(answer.text) + _tokens(answer.reasoning) for answer in self.answers)


def complete(request: Mapping[str, Any], behaviour: Behaviour) -> Completion:
    """The completion that the request asks for. Raises BadRequest."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        raise BadRequest("messages must be a list with at least one message.", "messages")
    count = request.get("n", 1)
    if count is None:
        count = 1
    if not isinstance(count, int) or not 1 <= count <= CHOICES_MAX:
        raise BadRequest(f"n must be from 1 to {CHOICES_MAX}.", "n")
    user_text = _last_user_text(messages)
    tool = _tool_to_call(request, behaviour, user_text)
    answers = tuple(_answer(request, behaviour, index, user_text=user_text, tool=tool) for index in range(count))
    return Completion(answers, sum(map(_message_tokens, messages)))


def _answer(
    request: Mapping[str, Any],
    behaviour: Behaviour,
    index: int,
    *,
    user_text: str,
    tool: Mapping[str, Any] | None,
) -> Answer:
    if tool is not None:
        arguments = {_first_parameter(tool): user_text}
        return Answer(orjson.dumps(arguments).decode(), "tool_calls", tool=str(tool["name"]))
    text = _spoken_text(request["messages"], behaviour, index, user_text)
    text = _formatted(request.get("response_format"), text)
    reasoning = text if behaviour.reasoning else ""
    tokens_max = request.get("max_completion_tokens") or request.get("max_tokens")
    if isinstance(tokens_max, int) and _tokens(text) > tokens_max:
        return Answer(text[: tokens_max * CHARS_PER_TOKEN], "length", reasoning=reasoning)
    return Answer(text, "stop", reasoning=reasoning)


def _spoken_text(messages: Sequence[Mapping[str, Any]], behaviour: Behaviour, index: int, user_text: str) -> str:
    if behaviour.kind == "tools" and messages[-1].get("role") == "tool":
        return _text_of(messages[-1])
    if behaviour.kind == "story" or not user_text:
        return _story(behaviour.story_chars, index)
    return user_text


def _story(chars: int, start: int) -> str:
    """Each choice starts with another sentence, so that choices which were mixed up can be told."""
    first = start % len(SENTENCES)
    once = "".join(SENTENCES[first:] + SENTENCES[:first])
    return (once * (chars // len(once) + 1))[:chars]


def _last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    return next((_text_of(message) for message in reversed(messages) if message.get("role") == "user"), "")


def _text_of(message: Mapping[str, Any]) -> str:
    """The text parts are joined without a gap: a secret that was cut over two of them is whole for a model as well."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _tool_to_call(request: Mapping[str, Any], behaviour: Behaviour, user_text: str) -> Mapping[str, Any] | None:
    """A tool is called when the model is `tools`, the request insists, or the user names it; once per user message."""
    choice = request.get("tool_choice", "auto")
    tools = [item["function"] for item in request.get("tools") or [] if _is_function(item)]
    if not tools or choice == "none" or request["messages"][-1].get("role") == "tool":
        return None
    if isinstance(choice, dict):
        wanted = choice.get("function", {}).get("name")
        return next((tool for tool in tools if tool["name"] == wanted), None)
    named = next((tool for tool in tools if tool["name"] in user_text), None)
    insists = behaviour.kind == "tools" or choice == "required"
    return named or (tools[0] if insists else None)


def _is_function(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("function"), dict) and "name" in item["function"]


def _first_parameter(tool: Mapping[str, Any]) -> str:
    properties = (tool.get("parameters") or {}).get("properties") or {}
    return str(next(iter(properties), "text"))


def _formatted(response_format: object, text: str) -> str:
    if not isinstance(response_format, dict):
        return text
    if response_format.get("type") == "json_object":
        return orjson.dumps({"answer": text}).decode()
    if response_format.get("type") == "json_schema":
        schema = response_format.get("json_schema", {}).get("schema", {})
        return orjson.dumps(instance_of(schema, text)).decode()
    return text


def _message_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    images = sum(1 for part in parts if isinstance(part, dict) and part.get("type") == "image_url")
    return _tokens(_text_of(message)) + images * IMAGE_TOKENS


def _tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)
