"""The short way of a stream: most of its events are, byte by byte, one that was read before but for one text.

Such an event need not be parsed, and what stands around its text need not be scanned again. Whatever is not certain is
for the long way: an event of which anything else differs, that has a finish_reason, usage or log probabilities, or that
some parser might read otherwise.
"""

from typing import Any, Final

import orjson

from ..._dlp import DeltaTemplate
from ...chat import Json
from ...sse import Event
from . import wire
from .channels import Path, TextChannel
from .choice import Choice, says_nothing
from .envelope import CHOICE, ENVELOPE
from .strings import API_WORDS, WORD_CHARS_MAX, WORD_KEYS, WholeStrings

# Templates that were learnt in a row and never used: then this upstream's events differ in more than their text.
UNUSED_MAX: Final = 8
# Templates that are tried: one for each choice and kind of text that take turns.
KNOWN_MAX: Final = 4

_MARK: Final = "Synapse reads this in place of the text."
_NO_BREAK: Final = (None, "")


class Template:
    """One kind of event of one choice, and the channel that its text belongs to."""

    __slots__ = ("_delta", "_strings", "channel", "choice")

    def __init__(self, delta: DeltaTemplate, choice: Choice, channel: TextChannel, strings: WholeStrings) -> None:
        self._delta = delta
        self._strings = strings
        self.choice = choice
        self.channel = channel

    def take(self, raw: bytes) -> bytes | None:
        """What leaves of an event, b"" when nothing does; None when it is another kind of event, and was not taken."""
        read = self._delta.read(raw)
        if read is None or self.choice.finished or not read[0]:
            return None
        text, padding = read
        if padding and (len(padding) > WORD_CHARS_MAX or not self._strings.is_clean(padding)):
            return None
        out = self.channel.feed(text)
        if out == text:
            return raw
        if not out:
            return b""
        return self._delta.write(orjson.dumps(out)[1:-1], padding)


class Templates:
    """What a stream has learnt, the last first."""

    __slots__ = ("_known", "_strings", "_unused")

    def __init__(self, strings: WholeStrings) -> None:
        self._strings = strings
        self._unused = 0
        self._known: list[Template] = []

    def take(self, raw: bytes) -> tuple[bytes, Template] | None:
        """See `Template.take`; and which it was."""
        for template in self._known:
            out = template.take(raw)
            if out is not None:
                self._unused = 0
                return out, template
        return None

    def learn(self, event: Event, choice: Choice, taken: Json) -> None:
        """From an event that has been taken the long way, when it has the usual shape.

        `taken` is what the long way made of it: what was redacted around the text has to be redacted every time.
        """
        if self._unused > UNUSED_MAX or event.data is None or event.raw != b"data: " + event.data + b"\n\n":
            return
        self._unused += 1
        place = _place_of_text(event.data)
        if place is None:
            return
        chunk, path, text = place
        if not _left_alone(chunk, taken, path):
            return
        channel = choice.channels.get(path)
        delta = _cut(event.data, chunk, path, text)
        if channel is not None and delta is not None:
            self._known.insert(0, Template(delta, choice, channel, self._strings))
            del self._known[KNOWN_MAX:]


def _place_of_text(data: bytes) -> tuple[Json, Path, str] | None:
    """The event parsed, and the only text in it, when it carries nothing else that could matter."""
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not chunk.keys() <= ENVELOPE or chunk.get("usage") is not None:
        return None
    (place, *others) = chunk["choices"]
    delta = place.get("delta")
    plain = place.keys() <= CHOICE and not (place.get("finish_reason") or place.get("logprobs"))
    if others or not plain or place.get("message") is not None or place.get("text") is not None or not delta:
        return None
    texts = [*_texts_of(delta)]
    if len(texts) != 1 or wire.has_duplicate_keys(data, orjson.dumps(chunk)):
        return None
    ((path, text),) = texts
    # Nothing of the event is worth sending without its text.
    without = _with_text(chunk, path, "")["choices"][0]
    return (chunk, path, text) if text and says_nothing(without, without["delta"], role_told=True) else None


def _texts_of(delta: Json) -> list[tuple[Path, Any]]:
    """Where the texts of a delta stand; two of no path when it has something that is neither text nor a known word."""
    texts: list[tuple[Path, Any]] = []
    for name, value in delta.items():
        # Other words than the API's may come in pieces, which are scanned together.
        if value in _NO_BREAK or (name in WORD_KEYS and type(value) is str and value in API_WORDS):
            continue
        if type(value) is str:
            texts.append(((name,), value))
        elif name == "tool_calls" and (arguments := _only_arguments(value)) is not None:
            texts.append((("tool_calls", arguments[0], "function", "arguments"), arguments[1]))
        else:
            return [((), ""), ((), "")]
    return texts


def _only_arguments(calls: Any) -> tuple[int, str] | None:
    """The index and the text of a single call's piece of arguments, with no name and no identifier beside it."""
    if type(calls) is not list or len(calls) != 1 or type(calls[0]) is not dict:
        return None
    index, function = calls[0].get("index"), calls[0].get("function")
    if not calls[0].keys() <= {"index", "function"} or type(index) is not int or type(function) is not dict:
        return None
    if function.keys() != {"arguments"} or type(function["arguments"]) is not str:
        return None
    return index, function["arguments"]


def _cut(data: bytes, chunk: Json, path: Path, text: str) -> DeltaTemplate | None:
    """The bytes around the text, when it is certain where in them it stands."""
    literal = orjson.dumps(text)
    if data.count(literal) != 1:
        return None
    before, _, after = data.partition(literal)
    # In any other place the mark would not be read where the text was.
    marked = orjson.loads(before + orjson.dumps(_MARK) + after)
    if marked != _with_text(chunk, path, _MARK):
        return None
    padding = chunk.get("obfuscation")
    if type(padding) is not str or not padding.isascii() or not padding.isalnum():
        return DeltaTemplate(b"data: " + before + b'"', b'"' + after + b"\n\n")
    place = b'"obfuscation":"' + padding.encode() + b'"'
    if after.count(place) != 1:
        return None
    between, _, end = after.partition(place)
    if orjson.loads(before + literal + between + b'"obfuscation":' + orjson.dumps(_MARK) + end) != {
        **chunk,
        "obfuscation": _MARK,
    }:
        return None
    return DeltaTemplate(b"data: " + before + b'"', b'"' + between + b'"obfuscation":"', end=b'"' + end + b"\n\n")


def _left_alone(chunk: Json, taken: Json, path: Path) -> bool:
    """Whether nothing of the event was changed but its text."""
    return _with_text(taken, path, "") == _with_text(chunk, path, "")


def _with_text(chunk: Json, path: Path, text: str) -> Json:
    """A copy of the event with another text."""
    (place,) = chunk["choices"]
    delta = {**place["delta"]}
    if len(path) == 1:
        delta[path[0]] = text
    else:
        (call,) = delta["tool_calls"]
        delta["tool_calls"] = [{**call, "function": {"arguments": text}}]
    return {**chunk, "choices": [{**place, "delta": delta}]}
