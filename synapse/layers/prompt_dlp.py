"""Layer two: every string that would reach the model is scanned; block refuses, redact rewrites, alert records."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from .._dlp import StringWalk
from ..chat import Json
from ..dlp import Finding, Ruleset, Scan, Side
from ..errors import InvalidRequest
from ..model import DLP_STRENGTH, DlpAction

Path = tuple[str | int, ...]

# Numbers below this cannot hold an identifier worth finding; scanning every `n` and `seed` would be waste.
NUMBER_SCANNED_MIN = 10**7
# Base64 media under these names holds no text to find: parent, key and the prefix its value must have.
_MEDIA = {
    "image_url": ("url", "data:image/"),
    "input_audio": ("data", ""),
    "file": ("file_data", "data:"),
}
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
_STRINGS = StringWalk(known=_API_KEYS, media=_MEDIA, encoded="arguments", number_min=NUMBER_SCANNED_MIN)


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

    def put(self, text: str) -> None:
        if not self.is_key:
            self.container[self.key] = text
            return
        while text in self.container:
            text += "_"
        self.container[text] = self.container.pop(self.key)


def inspect(body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], json_depth_max: int) -> PromptVerdict:
    """Scan a request body and redact it in place. The caller refuses when the verdict's action is `block`.

    Raises InvalidRequest for a body that is nested too deeply.

    A block rule that matches in an earlier turn redacts there instead, unless `history` is `block`, so that one bad
    message does not make a conversation unusable for ever.
    """
    strings = _strings_of(body, json_depth_max)
    if strings is not None and ruleset.clean(strings, Side.PROMPT):
        return CLEAN
    return inspect_closely(body, ruleset, history=history, json_depth_max=json_depth_max)


def _strings_of(body: Json, depth_max: int) -> list[str] | None:
    """Every string that `inspect_closely` would scan, without where it stands; None when that is not certain.

    Most requests are clean, and need no places. The depth is shared between the body and the arguments in it.
    """
    strings: list[str] = []
    escaped: list[str] = []
    room = depth_max // 2
    for key, value in body.items():
        if key != "model" and not _STRINGS.collect({key: value}, strings, depth_max=room, escaped=escaped):
            return None
    for text in escaped:
        try:
            decoded = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        if not _STRINGS.collect(decoded, strings, depth_max=depth_max - room - 1):
            return None
    return strings


def inspect_closely(
    body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], json_depth_max: int
) -> PromptVerdict:
    """The same for a body in which something may be found: it is known where each string stands."""
    slots: list[_Slot] = []
    _walk_object(body, (), slots, json_depth_max)
    scans = ruleset.scan_many([slot.text for slot in slots], Side.PROMPT)
    turn_start = _turn_start(body["messages"]) if history == "redact" else 0
    findings: Counter[tuple[str, str, str]] = Counter()
    # In the order they were found: a value is rewritten before the key it stands under is renamed.
    for slot, scan in zip(slots, scans, strict=True):
        if _is_arguments(slot) and (scan.action != "none" or "\\" in slot.text):
            found = _inspect_arguments(slot, scan, ruleset, json_depth_max)
        elif scan.action != "none":
            slot.put(scan.redacted)
            found = scan.findings
        else:
            continue
        softened = _is_before(slot.path, turn_start)
        for finding in found:
            action = "redact" if softened and finding.action == "block" else finding.action
            findings[finding.rule, action, _shown(slot)] += 1
    return _verdict(findings) if findings else CLEAN


def _inspect_arguments(slot: _Slot, scan: Scan, ruleset: Ruleset, depth_max: int) -> tuple[Finding, ...]:
    r"""Tool-call arguments are JSON in a string: look behind escapes such as `\u0034`, and leave valid JSON."""
    try:
        decoded = orjson.loads(slot.text)
    except orjson.JSONDecodeError:
        decoded = None
    inner: list[_Slot] = []
    root = [decoded]
    _walk(root, 0, (*slot.path, 0), inner, depth_max)
    scans = ruleset.scan_many([child.text for child in inner], Side.PROMPT)
    hits = [(child, found) for child, found in zip(inner, scans, strict=True) if found.action != "none"]
    if not hits:
        # Found only in the raw text, as across two values or in a duplicate key: redact it there.
        if scan.action != "none":
            slot.put(scan.redacted)
        return scan.findings
    for child, found in hits:
        child.put(found.redacted)
    slot.put(orjson.dumps(root[0]).decode())
    return tuple(finding for _, found in hits for finding in found.findings)


def _walk_object(value: Json, path: Path, slots: list[_Slot], depth_max: int) -> None:
    for key in value:
        # The model's name was matched against the allowlist, and roles against a closed list.
        if path or key != "model":
            _walk(value, key, (*path, key), slots, depth_max)
        if key not in _API_KEYS:
            slots.append(_Slot(value, key, key, (*path, key), is_key=True))


def _walk(container: Any, key: Any, path: Path, slots: list[_Slot], depth_max: int) -> None:
    """Collect every string below `container[key]`, and numbers long enough to be one."""
    value = container[key]
    kind = type(value)
    if kind is str:
        if not _is_role(path) and not _is_media(value, path):
            slots.append(_Slot(container, key, value, path))
    elif kind is dict:
        _check_depth(path, depth_max)
        _walk_object(value, path, slots, depth_max)
    elif kind is list:
        _check_depth(path, depth_max)
        for index in range(len(value)):
            _walk(value, index, (*path, index), slots, depth_max)
    elif (kind is int or kind is float) and abs(value) >= NUMBER_SCANNED_MIN:
        slots.append(_Slot(container, key, orjson.dumps(value).decode(), path))


def _check_depth(path: Path, depth_max: int) -> None:
    if len(path) >= depth_max:
        raise InvalidRequest(f"The body is nested deeper than {depth_max} levels.", code="invalid_json")


def _is_role(path: Path) -> bool:
    return len(path) == 3 and path[0] == "messages" and path[2] == "role"


def _is_media(value: str, path: Path) -> bool:
    parent = path[-2] if len(path) > 1 else None
    media = _MEDIA.get(parent) if type(parent) is str else None
    return media is not None and path[-1] == media[0] and value.startswith(media[1])


def _is_arguments(slot: _Slot) -> bool:
    return slot.key == "arguments" and not slot.is_key


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


def _shown(slot: _Slot) -> str:
    """`messages[2].content[0].text`. Keys that are the client's own words are not shown: they could be what matched."""
    parts = []
    for part in slot.path:
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
