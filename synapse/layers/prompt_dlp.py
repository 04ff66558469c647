"""Layer two: every string that would reach the model is scanned; block refuses, redact rewrites, alert records."""

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import orjson

from .._dlp import StringWalk, same_quotes
from ..chat import Json, RequestLimits
from ..dlp import Finding, Ruleset, Scan, Side
from ..errors import InvalidRequest
from ..model import DLP_STRENGTH, DlpAction

Path = tuple[str | int, ...]

# Numbers below this cannot hold an identifier worth finding; scanning every `n` and `seed` would be waste.
NUMBER_SCANNED_MIN = 10**7
# Base64 media of a content part has no text to find: the places it may stand at, and what it must look like there.
_MEDIA: dict[Path, re.Pattern[str]] = {
    ("image_url", "url"): re.compile(
        r"data:image/(?:png|jpe?g|gif|webp|bmp|tiff|heic|heif|avif);base64,[A-Za-z0-9+/=]+"
    ),
    ("input_audio", "data"): re.compile(r"[A-Za-z0-9+/=]+"),
    ("file", "file_data"): re.compile(r"data:application/pdf;base64,[A-Za-z0-9+/=]+"),
}
# Anything shorter is no picture and no sound, and scanning it costs nothing.
MEDIA_CHARS_MIN = 256
# Object keys that the API itself defines. All others are the client's words, and are scanned like words.
_API_KEYS = frozenset(
    """model messages role content type text name image_url url detail input_audio data format file file_data file_id
    filename refusal tool_calls tool_call_id function function_call arguments id index tools tool_choice parameters
    properties required description strict items enum additionalProperties temperature top_p n stream stream_options
    include_usage stop max_tokens max_completion_tokens presence_penalty frequency_penalty logit_bias logprobs
    top_logprobs user seed response_format json_schema schema parallel_tool_calls metadata store reasoning_effort
    modalities audio prediction service_tier verbosity web_search_options prompt_cache_key safety_identifier""".split()
)
# It collects what `_walk` does, and roles: more is no harm, less would be.
_STRINGS = StringWalk(known=_API_KEYS, encoded="arguments", number_min=NUMBER_SCANNED_MIN)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class PromptVerdict:
    """What became of a prompt. `findings` are `{rule, action, path, count}`, never text."""

    action: DlpAction
    counts: dict[str, int]  # rule -> how often
    findings: tuple[dict[str, Any], ...]

    @property
    def redacted(self) -> int:
        """How many matches were replaced."""
        return sum(finding["count"] for finding in self.findings if finding["action"] == "redact")


CLEAN = PromptVerdict("none", {}, ())


@dataclass(slots=True)
class _Slot:
    """One string and where it stands: the value `container[key]`, or the key itself when `is_key`."""

    container: Any
    key: Any
    text: str
    path: Path
    is_key: bool = False

    def put(self, text: str, copies: Counter[tuple[int, str]]) -> None:
        """Replace the string. A renamed key gets a number when its object has that key already."""
        if not self.is_key:
            self.container[self.key] = text
            return
        name = text
        while name in self.container:
            copies[id(self.container), text] += 1
            name = f"{text}_{copies[id(self.container), text]}"
        self.container[name] = self.container.pop(self.key)


def inspect(
    body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], limits: RequestLimits
) -> PromptVerdict:
    """Scan a request body and redact it in place. The caller refuses when the verdict's action is `block`.

    Raises InvalidRequest for a body that is nested too deeply or holds too many strings.

    A block rule that matches in an earlier turn redacts there instead, unless `history` is `block`, so that one bad
    message does not make a conversation unusable for ever.
    """
    strings = _strings_of(body, limits)
    if strings is not None and ruleset.clean(strings, Side.PROMPT):
        return CLEAN
    return inspect_closely(body, ruleset, history=history, limits=limits)


def _strings_of(body: Json, limits: RequestLimits) -> list[str] | None:
    """Every string that `inspect_closely` would scan, without where it stands; None when that is not certain.

    Most requests are clean, and need no places.
    """
    if any(type(message.get("content")) is list for message in body["messages"]):
        return None  # media to pass over, parts to join
    strings: list[str] = []
    escaped: list[str] = []
    room = limits.json_depth_max // 2
    for key, value in body.items():
        if key != "model" and not _STRINGS.collect({key: value}, strings, depth_max=room, escaped=escaped):
            return None
    for text in escaped:
        if not _collect_arguments(text, strings, limits):
            return None
    return strings if len(strings) <= limits.strings_max else None


def _collect_arguments(text: str, strings: list[str], limits: RequestLimits) -> bool:
    """The strings of JSON in a string. False when it is not JSON, or not the same to every parser."""
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    # Deep in the body it may be nested less deeply than this; the long way counts.
    room = limits.json_depth_max // 4
    return _STRINGS.collect(decoded, strings, depth_max=room) and same_quotes(text.encode(), decoded, depth_max=room)


def inspect_closely(
    body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], limits: RequestLimits
) -> PromptVerdict:
    """The same for a body in which something may be found: it is known where each string stands."""
    turn_start = _turn_start(body["messages"]) if history == "redact" else 0
    findings: Counter[tuple[str, str, str]] = Counter()

    def count(found: Iterable[Finding], path: Path, shown: str) -> None:
        softened = _is_before(path, turn_start)
        for finding in found:
            action = "redact" if softened and finding.action == "block" else finding.action
            findings[finding.rule, action, shown] += 1

    for path, content in _joinable(body["messages"]):
        count(_redact_across(content, ruleset), path, _shown(path))
    slots: list[_Slot] = []
    walk = _Walk(slots, limits)
    walk.object(body, ())
    copies: Counter[tuple[int, str]] = Counter()
    # In the order they were found: a value is rewritten before the key it stands under is renamed.
    for slot, scan in zip(slots, ruleset.scan_many([slot.text for slot in slots], Side.PROMPT), strict=True):
        if slot.key == "arguments" and not slot.is_key and (scan.action != "none" or "\\" in slot.text):
            count(_inspect_arguments(slot, scan, ruleset, limits), slot.path, _shown(slot.path))
        elif scan.action != "none":
            slot.put(scan.redacted, copies)
            count(scan.findings, slot.path, _shown(slot.path))
    return _verdict(findings) if findings else CLEAN


def _joinable(messages: list[Json]) -> Iterator[tuple[Path, list[Json]]]:
    """The text parts of each message that has more than one: models read them as one text."""
    for index, message in enumerate(messages):
        content = message.get("content")
        if type(content) is list:
            parts = [part for part in content if type(part) is dict and type(part.get("text")) is str]
            if len(parts) > 1:
                yield ("messages", index, "content"), parts


def _redact_across(parts: list[Json], ruleset: Ruleset) -> list[Finding]:
    """Redact the matches that only show when parts are put together; those within a part are found there."""
    texts = [part["text"] for part in parts]
    scan = ruleset.scan("".join(texts), Side.PROMPT)
    if scan.action == "none":
        return []
    ends = list(accumulate(map(len, texts)))
    crossing = [found for found in scan.findings if bisect_right(ends, found.start) != bisect_left(ends, found.end)]
    # From the last on, so that the places of the others stay true.
    for found in reversed(crossing):
        if found.action == "alert":
            continue
        first, last = bisect_right(ends, found.start), bisect_left(ends, found.end)
        begins = [end - len(text) for end, text in zip(ends, texts, strict=True)]
        rest = parts[last]["text"]
        parts[last]["text"] = rest[found.end - begins[last] :]
        for index in range(first + 1, last):
            parts[index]["text"] = ""
        kept = parts[first]["text"]
        parts[first]["text"] = kept[: found.start - begins[first]] + f"[REDACTED:{found.rule}]"
    return crossing


def _inspect_arguments(slot: _Slot, scan: Scan, ruleset: Ruleset, limits: RequestLimits) -> tuple[Finding, ...]:
    r"""Tool-call arguments are JSON in a string: look behind escapes such as `\u0034`, and leave valid JSON."""
    nothing: Counter[tuple[int, str]] = Counter()
    try:
        root = [json.loads(slot.text, object_pairs_hook=_unique)]
    except (ValueError, RecursionError):
        # Not JSON, or not the same to every parser: what escapes spell is text, and what is found in it is redacted.
        spelled = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), slot.text)
        found = ruleset.scan(spelled, Side.PROMPT)
        if found.action != "none":
            slot.put(found.redacted.encode("utf-8", "replace").decode(), nothing)
        return found.findings
    inner: list[_Slot] = []
    _Walk(inner, limits).value(root, 0, (*slot.path, 0))
    scans = ruleset.scan_many([child.text for child in inner], Side.PROMPT)
    hits = [(child, hit) for child, hit in zip(inner, scans, strict=True) if hit.action != "none"]
    if not hits:
        # Found only in the raw text, as across two values: redact it there.
        if scan.action != "none":
            slot.put(scan.redacted, nothing)
        return scan.findings
    copies: Counter[tuple[int, str]] = Counter()
    for child, hit in hits:
        child.put(hit.redacted, copies)
    slot.put(json.dumps(root[0]), nothing)
    return tuple(finding for _, hit in hits for finding in hit.findings)


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key comes twice")
    return value


class _Walk:
    """Collects every string below a value, and numbers long enough to be one, with where they stand."""

    def __init__(self, slots: list[_Slot], limits: RequestLimits) -> None:
        self._slots = slots
        self._limits = limits

    def object(self, value: Json, path: Path) -> None:
        for key in value:
            # The model's name was matched against the allowlist, and roles against a closed list.
            if path or key != "model":
                self.value(value, key, (*path, key))
            if key not in _API_KEYS:
                self._add(_Slot(value, key, key, (*path, key), is_key=True))

    def value(self, container: Any, key: Any, path: Path) -> None:
        value = container[key]
        kind = type(value)
        if kind is str:
            if not _is_role(path) and not _is_media(value, path):
                self._add(_Slot(container, key, value, path))
        elif kind is dict:
            self._check_depth(path)
            self.object(value, path)
        elif kind is list:
            self._check_depth(path)
            for index in range(len(value)):
                self.value(value, index, (*path, index))
        elif (kind is int or kind is float) and abs(value) >= NUMBER_SCANNED_MIN:
            self._add(_Slot(container, key, repr(value), path))

    def _add(self, slot: _Slot) -> None:
        if len(self._slots) >= self._limits.strings_max:
            raise InvalidRequest(f"The body holds more than {self._limits.strings_max} strings.", code="invalid_json")
        self._slots.append(slot)

    def _check_depth(self, path: Path) -> None:
        if len(path) >= self._limits.json_depth_max:
            raise InvalidRequest(
                f"The body is nested deeper than {self._limits.json_depth_max} levels.", code="invalid_json"
            )


def _is_role(path: Path) -> bool:
    return len(path) == 3 and path[0] == "messages" and path[2] == "role"


def _is_media(value: str, path: Path) -> bool:
    """Only as a content part of a message: messages[i].content[j].image_url.url and its like."""
    if len(value) < MEDIA_CHARS_MIN or len(path) != 6 or path[0] != "messages" or path[2] != "content":
        return False
    form = _MEDIA.get(path[4:])
    return form is not None and form.fullmatch(value) is not None


def _turn_start(messages: list[Json]) -> int:
    """Where the current turn begins: after the last assistant message that something follows."""
    index = len(messages) - 1
    while index >= 0 and messages[index]["role"] == "assistant":
        index -= 1
    while index >= 0 and messages[index]["role"] != "assistant":
        index -= 1
    return index + 1


def _is_before(path: Path, turn_start: int) -> bool:
    return turn_start > 0 and path[0] == "messages" and len(path) > 1 and path[1] < turn_start  # type: ignore[operator]


def _shown(path: Path) -> str:
    """`messages[2].content[0].text`. Keys that are the client's own words are not shown: they could be what matched."""
    parts = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(f".{part}" if part in _API_KEYS else ".*")
    return "".join(parts).removeprefix(".")


def _verdict(findings: Counter[tuple[str, str, str]]) -> PromptVerdict:
    counts: Counter[str] = Counter()
    strongest: DlpAction = "none"
    rows = []
    for (rule, action, path), count in sorted(findings.items()):
        counts[rule] += count
        strongest = max(strongest, action, key=DLP_STRENGTH.__getitem__)  # type: ignore[arg-type]
        rows.append({"rule": rule, "action": action, "path": path, "count": count})
    return PromptVerdict(strongest, dict(counts), tuple(rows))
