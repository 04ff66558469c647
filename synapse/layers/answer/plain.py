"""The usual shape of an answer, read without channels: one scan of all its texts can show that nothing is to be done.

What is not certain here is for `filter_closely`. Reading more than it would scan is no harm, less would be.
"""

from dataclasses import dataclass
from typing import Any, Final

from ..._dlp import same_quotes
from ...chat import Json
from .channels import Path
from .choice import NAME_CHARS_MAX, WHOLE_FIELDS
from .envelope import CHOICES_MAX, UNSCANNABLE
from .escapes import decoded
from .strings import JSON_DEPTH_MAX, STRINGS, WORD_CHARS_MAX, WORD_KEYS

# Texts and calls of one message: real ones have under ten. More is for the limits of a choice's channels to judge.
FIELDS_MAX = 64
# The long way counts from the value it walks: the deepest begins five levels down, at a field of a message.
_DEPTH_MAX = JSON_DEPTH_MAX - 5

_CALL: Final = frozenset(("index", "id", "type", "function"))
_NUMBERS: Final = frozenset((bool, int, float))
_FUNCTION: Final = frozenset(("name", "arguments"))


@dataclass(slots=True)
class PlainTexts:
    """The texts of an answer: all that rules have to see, and of those what the client is told."""

    scanned: list[str]
    delivered: list[tuple[int, Path, str]]  # choice, channel, text


def read_plain(answer: Json) -> PlainTexts | None:
    """None for an answer of another shape, and one of which something must not pass whatever it says."""
    choices = answer.get("choices")
    if type(choices) is not list or len(choices) > CHOICES_MAX or answer.get("error") is not None:
        return None
    texts = PlainTexts([], [])
    for position, place in enumerate(choices):
        if type(place) is not dict or not _read_choice(place, position, texts):
            return None
    # Whatever the shape: no string, name or long number of the answer is left out.
    return texts if STRINGS.collect(answer, texts.scanned, depth_max=_DEPTH_MAX) else None


def reads_alike(answer: Json, body: bytes) -> bool:
    r"""Whether every parser reads in `body` what is in `answer`: no object has a key twice.

    A key that was dropped took two quotes with it. Those written as `\u0022` would not be counted.
    """
    plainly = b"\\" not in body or b"\\u0022" not in body
    return plainly and same_quotes(body, answer, depth_max=JSON_DEPTH_MAX)


def _read_choice(place: Json, position: int, texts: PlainTexts) -> bool:
    index = place.get("index", position)
    message, reason = place.get("message"), place.get("finish_reason")
    if type(index) is not int or not 0 <= index < CHOICES_MAX or type(message) is not dict or len(message) > FIELDS_MAX:
        return False
    if place.get("logprobs") is not None or place.get("delta") is not None or place.get("text") is not None:
        return False
    if place.get(UNSCANNABLE) is not None or (reason is not None and type(reason) is not str):
        return False
    for name, value in message.items():
        if value is not None and not _read_field(name, value, index, texts):
            return False
    return True


def _read_field(name: str, value: Any, index: int, texts: PlainTexts) -> bool:
    if type(value) is str:
        if name in WORD_KEYS:
            return len(value) <= WORD_CHARS_MAX
        if value:
            texts.delivered.append((index, (name,), value))
        return True
    if name == "tool_calls" and type(value) is list:
        return _read_calls(value, index, texts)
    return not value or name in WHOLE_FIELDS or type(value) in _NUMBERS


def _read_calls(calls: list[Any], index: int, texts: PlainTexts) -> bool:
    if len(calls) > FIELDS_MAX:
        return False
    for position, call in enumerate(calls):
        if type(call) is not dict or not call.keys() <= _CALL:
            return False
        place = call.get("index", position)
        if type(place) is not int or place != position:
            return False
        name, arguments = _function_of(call)
        if name is None or len(name) > NAME_CHARS_MAX or arguments is None:
            return False
        if "\\" in arguments:
            texts.scanned.append(decoded(arguments))
        if arguments:
            texts.delivered.append((index, ("tool_calls", position, "function", "arguments"), arguments))
    return True


def _function_of(call: Json) -> tuple[str | None, str | None]:
    """Name and arguments of a call whose other strings are words."""
    function = call.get("function")
    if type(function) is not dict or not function.keys() <= _FUNCTION:
        return None, None
    for word in (call.get("id"), call.get("type")):
        if word is not None and (type(word) is not str or len(word) > WORD_CHARS_MAX):
            return None, None
    name, arguments = function.get("name"), function.get("arguments")
    return name if type(name) is str else None, arguments if type(arguments) is str else None
