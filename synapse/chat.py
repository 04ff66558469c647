"""A chat completion request as it came off the wire: parsed, checked where policy depends on it, otherwise kept.

The body stays a dict, so that what we do not know is forwarded. What the upstream gets is serialised from this dict
again, so that no difference between two JSON parsers can smuggle text past the scan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .errors import InvalidRequest

Json = dict[str, Any]

# The keys that policy reads or sets. A server that matches keys in any letter case, as those written in Go do, would
# take "Model" or "Role" for them.
_PARAMETERS = frozenset(
    """model messages stream stream_options n temperature top_p presence_penalty frequency_penalty max_tokens
    max_completion_tokens top_logprobs tools functions response_format user metadata stop seed logit_bias logprobs
    tool_choice""".split()
)
_MESSAGE_KEYS = frozenset(
    ("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio")
)
_STREAM_OPTIONS = frozenset(("include_usage",))
_CLIENT_INSTRUCTIONS = frozenset(("system", "developer"))
_ROLES = frozenset(("user", "assistant", "tool", "function"))

# Inclusive ranges of OpenAI's API reference for chat completions.
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "n": (1, 128),
    "max_tokens": (1, 2**31),
    "max_completion_tokens": (1, 2**31),
    "top_logprobs": (0, 20),
}
_WHOLE = frozenset(("n", "max_tokens", "max_completion_tokens", "top_logprobs"))


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What bounds the work that one body can cause."""

    messages_max: int = 4096
    json_depth_max: int = 64  # of objects and arrays; orjson reads 1024 levels but writes only 254
    strings_max: int = 50_000  # a megabyte of JSON can hold half a million of them


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request. `body` belongs to the request that parsed it; steps on the path may change it in place."""

    body: Json
    model: str
    stream: bool
    usage_wanted: bool


def parse(raw: bytes, limits: RequestLimits) -> ChatRequest:
    """Read and check a body. Raises InvalidRequest; its message names the parameter, never a value."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # The decoder's own text quotes nothing of the input, but its position is all that helps.
        raise InvalidRequest(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno}). Send one JSON object in UTF-8.",
            code="invalid_json",
        ) from None
    if type(body) is not dict:
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("'model' must be the name of a model.", param="model")
    _check_keys(body, _PARAMETERS, None)
    _check_messages(body.get("messages"), limits.messages_max)
    for name, bounds in _RANGES.items():
        if name in body:
            _check_range(name, body[name], bounds)
    return ChatRequest(body, model, _flag(body, "stream"), _usage_wanted(body))


def last_user_text(body: Json) -> str | None:
    """The text of the last user message; its text parts one after the other when it has parts."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            return _text(message.get("content"))
    return None


def without_client_instructions(messages: list[Json]) -> list[Json]:
    """The conversation without system and developer messages: those are the binding's to give."""
    return [message for message in messages if message["role"] not in _CLIENT_INSTRUCTIONS]


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def _check_messages(messages: object, messages_max: int) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("'messages' must be an array with at least one message.", param="messages")
    if len(messages) > messages_max:
        raise InvalidRequest(f"'messages' has more than {messages_max} messages.", param="messages")
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str):
            raise InvalidRequest("Every message must be an object with a 'role'.", param=f"messages[{index}]")
        if not message.keys() <= _MESSAGE_KEYS:
            _check_keys(message, _MESSAGE_KEYS, f"messages[{index}]")
        if role in _ROLES:
            continue
        # "System" and " developer" mean the same to a lenient upstream, so they do to us.
        message["role"] = role = role.strip().casefold()
        if role not in _ROLES and role not in _CLIENT_INSTRUCTIONS:
            raise InvalidRequest(
                "A message's 'role' must be user, assistant, tool or function.", param=f"messages[{index}].role"
            )


def _check_keys(value: Json, exact: frozenset[str], param: str | None) -> None:
    """Refuses a key that differs from one of `exact` in its letter case only."""
    for key in value:
        if key not in exact and (meant := key.casefold()) in exact:
            raise InvalidRequest(
                f"A key is not written as it should be: write '{meant}' in lower case.", param=param or meant
            )


def _check_range(name: str, value: object, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if value is None:
        return
    number = isinstance(value, int if name in _WHOLE else (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]  # a number, by the line above
        kind = "a whole number" if name in _WHOLE else "a number"
        raise InvalidRequest(f"'{name}' must be {kind} from {low:g} to {high:g}.", param=name)


def _flag(body: Json, name: str) -> bool:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidRequest(f"'{name}' must be true or false.", param=name)


def _usage_wanted(body: Json) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise InvalidRequest("'stream_options' must be an object.", param="stream_options")
    _check_keys(options, _STREAM_OPTIONS, "stream_options")
    return _flag(options, "include_usage")
