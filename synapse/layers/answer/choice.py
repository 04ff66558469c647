"""One choice of an answer: which of its strings belong to which channel, and what of them leaves."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from ...chat import Json
from ...dlp import Ruleset, Side
from ...errors import UpstreamProtocolError
from .arguments import ArgumentsChannel
from .channels import Path, TextChannel
from .strings import API_WORDS, NUMBER_SCANNED_MIN, WORD_KEYS, WholeStrings, check_depth, is_long, is_word

# Texts of one choice: a few fields and a few tool calls each. More is an upstream that makes up names.
CHANNELS_MAX = 512
# A function's name; OpenAI's API reference allows 64 characters.
NAME_CHARS_MAX = 512

# The text of a choice of the older completions API, which has no delta around it.
COMPLETION_TEXT: Path = ("", "text")
# These arrive whole in one delta; held back in part, they would be of no use to the client.
WHOLE_FIELDS: Final = frozenset(("annotations", "citations", "images"))
_BASE64: Final = re.compile("[A-Za-z0-9+/]*={0,2}")
_REASONING = frozenset(("reasoning", "reasoning_content", "reasoning_details", "thinking"))
_CALLS = frozenset(("tool_calls", "function_call"))


@dataclass(slots=True)
class Leaf:
    """A piece of a channel's text, and where it stands."""

    container: Any
    key: Any
    text: str
    channel: TextChannel


@dataclass(slots=True)
class Taken:
    """What became of one delta or message."""

    leaves: list[Leaf]
    changed: bool
    emptied: bool = False  # it was changed, and no text is left in it
    # What its channels still held at the end of the choice, where this delta has no piece of theirs to add it to.
    tails: list[tuple[Path, str]] = field(default_factory=list)


class Choice:
    """The channels of one choice, fed with its deltas in order."""

    def __init__(self, index: int, ruleset: Ruleset, strings: WholeStrings) -> None:
        self.index = index
        self.finished = False
        self.blocked = False
        self.role_told = False
        self.channels: dict[Path, TextChannel] = {}
        self._fields: dict[str, TextChannel] = {}  # those which are a string of the delta itself
        self._words: dict[Path, _Word] = {}
        self._ruleset = ruleset
        self._strings = strings
        self._changed = False

    def take(self, delta: Json, choice: Json, *, last: bool) -> Taken:
        """Redact the strings of a delta in place; `last` when a finish_reason comes with it."""
        leaves = self._leaves(delta, choice)
        if self.finished and any(leaf.text for leaf in leaves):
            raise UpstreamProtocolError("The upstream sent text after the finish_reason of its choice.")
        return self._feed(leaves, last=last)

    def _feed(self, leaves: list[Leaf], *, last: bool) -> Taken:
        for leaf in leaves:
            # Nothing can be held of an empty piece; most first deltas have one.
            if leaf.text:
                leaf.container[leaf.key] = leaf.channel.feed(leaf.text)
                self.blocked = self.blocked or leaf.channel.blocked
        tails = self._finish(leaves) if last else []
        left = False
        for leaf in leaves:
            now = leaf.container[leaf.key]
            self._changed = self._changed or now != leaf.text
            left = left or now != ""
        return Taken(leaves, self._changed, emptied=self._changed and not left, tails=tails)

    def take_whole(self, message: Json, choice: Json) -> Taken:
        """The same for a message which is all there is. Where one scan finds nothing, no channel needs to look."""
        leaves = self._leaves(message, choice)
        shown = [leaf.channel.shown(leaf.text) for leaf in leaves]
        # A text in several parts may have a match across them.
        alone = len({leaf.channel.path for leaf in leaves}) == len(leaves)
        if not alone or any(scan.action != "none" for scan in self._ruleset.scan_many(shown, Side.ANSWER)):
            return self._feed(leaves, last=True)
        self.finished = True
        for leaf in leaves:
            leaf.channel.pass_whole(leaf.text)
        return Taken(leaves, self._changed)

    def finish(self) -> list[tuple[Path, str]]:
        """The end of the choice: what its channels held."""
        return self._finish([])

    def _finish(self, leaves: list[Leaf]) -> list[tuple[Path, str]]:
        self.finished = True
        last_leaf = {leaf.channel.path: leaf for leaf in leaves}
        tails = []
        for path, channel in self.channels.items():
            tail = channel.finish()
            self.blocked = self.blocked or channel.blocked
            if not tail:
                continue
            if leaf := last_leaf.get(path):
                leaf.container[leaf.key] += tail
            else:
                tails.append((path, tail))
        return tails

    # Which channel a string belongs to

    def _leaves(self, delta: Json, choice: Json) -> list[Leaf]:
        """Every piece of a channel. Strings which are none are redacted on the way."""
        self._changed = not delta.keys() <= API_WORDS and self._strings.redact_keys(delta)
        leaves: list[Leaf] = []
        for key, value in delta.items():
            if type(value) is str:
                if key in WORD_KEYS and is_word(key, value):
                    self._word(delta, key, (key,))
                else:
                    leaves.append(Leaf(delta, key, value, self._fields.get(key) or self._field(key)))
            elif value is not None:
                self._walk(delta, key, (key,), leaves)
        text = choice.get("text")
        if type(text) is str:
            leaves.append(Leaf(choice, "text", text, self._channel(COMPLETION_TEXT)))
        elif text is not None:
            self._changed |= self._strings.redact_below(choice, "text")
        return leaves

    def _walk(self, container: Any, key: Any, path: Path, leaves: list[Leaf]) -> None:
        """Strings and numbers at and below `container[key]`."""
        value = container[key]
        if type(value) is str:
            self._string(container, key, path, leaves)
        elif type(value) is dict or type(value) is list:
            check_depth(len(path))
            if path[0] in WHOLE_FIELDS or key == "arguments":
                self._changed |= self._strings.redact_below(container, key, len(path))
            elif type(value) is dict:
                self._walk_object(value, path, leaves)
            else:
                for position, item in enumerate(value):
                    place = position if type(item) is not dict else _place_of(item, position, path)
                    self._walk(value, position, (*path, place), leaves)
        elif is_long(value):
            self._changed |= self._strings.redact_number(container, key)

    def _walk_object(self, value: Json, path: Path, leaves: list[Leaf]) -> None:
        if not value.keys() <= API_WORDS:
            self._changed |= self._strings.redact_keys(value)
        for name, item in value.items():
            kind = type(item)
            if kind is str:
                self._string(value, name, (*path, name), leaves)
            elif kind is not int or is_long(item):
                self._walk(value, name, (*path, name), leaves)

    def _string(self, container: Any, key: Any, path: Path, leaves: list[Leaf]) -> None:
        value = container[key]
        if path[0] in WHOLE_FIELDS:
            self._changed |= self._strings.redact_below(container, key)
        elif key == "name":
            self._name(container, path)
        elif key in WORD_KEYS and is_word(key, value):
            self._word(container, key, path)
        elif key != "data" or path != ("audio", "data") or not _BASE64.fullmatch(value):  # sound passes
            leaves.append(Leaf(container, key, value, self._channel(_canonical(path, container))))

    def _name(self, container: Json, path: Path) -> None:
        """A function's name: held back in part it could not be called, so it is scanned with what came before it."""
        word = self._word_at(path)
        if len(word.text) + len(container["name"]) > NAME_CHARS_MAX:
            raise UpstreamProtocolError("The upstream sent a function name that is too long.")
        self._changed |= word.take(container, "name", self._strings)

    def _word(self, container: Json, key: str, path: Path) -> None:
        """The same for a role or an identifier, of which many providers tell the whole again in every delta."""
        if container[key] not in API_WORDS:
            self._changed |= self._word_at(path).take(container, key, self._strings)

    def _word_at(self, path: Path) -> "_Word":
        word = self._words.get(path)
        if word is None:
            if len(self._words) >= CHANNELS_MAX:
                raise UpstreamProtocolError("The upstream sent too many names and identifiers in one choice.")
            word = self._words[path] = _Word()
        return word

    def _field(self, name: str) -> TextChannel:
        channel = self._fields[name] = self._channel((name,))
        return channel

    def _channel(self, path: Path) -> TextChannel:
        channel = self.channels.get(path)
        if channel is None:
            if len(self.channels) >= CHANNELS_MAX:
                raise UpstreamProtocolError(f"The upstream sent more than {CHANNELS_MAX} texts in one choice.")
            kind = ArgumentsChannel if path[-1] == "arguments" and path[0] in _CALLS else TextChannel
            channel = self.channels[path] = kind(path, self._ruleset.redactor(Side.ANSWER))
        return channel


class _Word:
    """A name or an identifier, which clients join when it comes in pieces."""

    __slots__ = ("_last", "_shown", "text")

    def __init__(self) -> None:
        self.text = ""  # the pieces so far, as far back as a name may reach
        self._last = ""
        self._shown = ""

    def take(self, container: Json, key: str, strings: WholeStrings) -> bool:
        """Redact the next piece in place; true when it changed."""
        piece: str = container[key]
        if piece != self._last:
            text = self.text + piece
            redacted = strings.redact(text)
            self._shown = piece if redacted == text else "" if self.text else redacted
            self.text, self._last = text[-NAME_CHARS_MAX:], piece
        container[key] = self._shown
        return self._shown != piece


def rank(path: Path) -> int:
    """The order in which delivered texts are joined: content, refusal, reasoning, arguments, anything else."""
    if path in {("content",), COMPLETION_TEXT}:
        return 0
    if path[0] == "refusal":
        return 1
    if path[0] in _REASONING:
        return 2
    return 3 if path[0] in _CALLS else 4


def says_nothing(choice: Json, delta: Json, *, role_told: bool) -> bool:
    """Whether a choice of a chunk carries nothing any more."""
    if any(value for key, value in choice.items() if key not in ("index", "delta")):
        return False
    return all(
        not value or (key == "role" and role_told) or (key == "tool_calls" and _calls_nothing(value))
        for key, value in delta.items()
    )


def delta_for(path: Path, text: str) -> Json:
    """The smallest delta that carries `text` at `path`."""
    value: Any = text
    for part in reversed(path):
        if isinstance(part, int):
            value = [{"index": part, **value}] if isinstance(value, dict) else [value]
        else:
            value = {part: value}
    return value  # type: ignore[no-any-return]  # a path begins with a name


def _canonical(path: Path, container: Any) -> Path:
    """A text part of a list belongs to the same text as a string in that place, as clients join both."""
    if len(path) == 2 and path[0] == "content" and type(path[1]) is int:
        return path[:1]
    parted = len(path) == 3 and path[2] == "text" and type(path[1]) is int
    return path[:1] if parted and (path[0] == "content" or container.get("type") == "text") else path


def _place_of(item: Json, position: int, path: Path) -> int:
    """Which element of a list it is; clients put those of several deltas together by their index."""
    index = item.get("index")
    if type(index) is int and 0 <= index < NUMBER_SCANNED_MIN:
        return index
    if index is not None and path == ("tool_calls",):
        raise UpstreamProtocolError("The upstream sent a tool call whose index is not a number that counts calls.")
    return position


def _calls_nothing(calls: Any) -> bool:
    return all(
        type(call) is dict and call.keys() <= {"index", "function"} and _function_nothing(call.get("function"))
        for call in calls
    )


def _function_nothing(function: Any) -> bool:
    return function is None or (type(function) is dict and not any(function.values()))
