"""Layer two: every string that would reach the model is scanned; block refuses, redact rewrites, alert records.

A small body is scanned at once. A large one is scanned in steps of bounded work, between which others get their turn.
"""

import json
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import orjson

from .._dlp import same_quotes
from ..chat import Json, RequestLimits
from ..dlp import Finding, Ruleset, Scan, Side
from ..dlp.closely import clean_closely, scan_closely_in_slices, scan_many_closely
from ..dlp.ruleset import SLICE_CHARS
from ..model import DLP_STRENGTH, DlpAction
from .prompt.joined import found_across_messages, joinable_messages, joinable_parts, redact_across_parts
from .prompt.walk import STRINGS, Path, Slot, Walk, shown

# A body up to this size is inspected without a pause: at worst some milliseconds of work, a pause costs more.
AT_ONCE_BYTES_MAX = 32 * 1024
# What one step of a large body looks at: so many strings on the walk, fewer when they are scanned and rewritten, and so
# many findings when they are counted.
STRINGS_PER_STEP = 1024
SCANS_PER_STEP = 256
FINDINGS_PER_STEP = 8192
# Longer arguments of a tool call are scanned as the text that they are, not parsed.
ARGUMENTS_CHARS_MAX = 256 * 1024
# The finding that says: here is a picture, sound or document that nobody looked into. It is no rule.
UNSCANNED = "unscanned_media"

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")

Steps = Generator[None, None, None]


@dataclass(frozen=True, slots=True)
class PromptVerdict:
    """What became of a prompt. `findings` are `{rule, action, path, count}`, never text.

    `unscanned` is the number of pictures, sounds and documents in it, which were not looked into.
    """

    action: DlpAction
    counts: dict[str, int]  # rule -> how often
    findings: tuple[dict[str, Any], ...]
    unscanned: int = 0

    @property
    def redacted(self) -> int:
        """How many matches were replaced."""
        return sum(finding["count"] for finding in self.findings if finding["action"] == "redact")


CLEAN = PromptVerdict("none", {}, ())


def inspect(
    body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], limits: RequestLimits
) -> PromptVerdict:
    """Scan a request body and redact it in place. The caller refuses when the verdict's action is `block`.

    Raises InvalidRequest for a body that is nested too deeply or holds too many strings.

    A block rule that matches in an earlier turn redacts there instead, unless `history` is `block`, so that one bad
    message does not make a conversation unusable for ever.
    """
    strings = _strings_of(body, limits)
    if strings is not None and clean_closely(ruleset, strings, Side.PROMPT):
        return CLEAN
    return inspect_closely(body, ruleset, history=history, limits=limits)


def inspect_closely(
    body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], limits: RequestLimits
) -> PromptVerdict:
    """The same for a body in which something may be found: it is known where each string stands."""
    steps = inspect_in_steps(body, ruleset, history=history, limits=limits)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            verdict: PromptVerdict = end.value
            return verdict


def inspect_in_steps(
    body: Json, ruleset: Ruleset, *, history: Literal["redact", "block"], limits: RequestLimits
) -> Generator[None, None, PromptVerdict]:
    """The same for a large body: it yields after each step of bounded work."""
    messages = body["messages"]
    inspection = _Inspection(ruleset, limits, turn_start=_turn_start(messages) if history == "redact" else 0)
    for path, parts in joinable_parts(messages):
        crossing = yield from redact_across_parts(parts, ruleset)
        yield from inspection.count(crossing, path)
    walk = Walk(limits)
    slots: list[Slot] = []
    strings = walk.object(body, ())
    while some := list(islice(strings, STRINGS_PER_STEP)):
        slots += some
        yield
    yield from inspection.judge(slots)
    for path, text, seams in joinable_messages(messages):
        crossing = yield from found_across_messages(text, seams, ruleset)
        yield from inspection.count(crossing, path)
    return inspection.verdict(walk.media)


def _strings_of(body: Json, limits: RequestLimits) -> list[str] | None:
    """Every string that `inspect_closely` would scan, without where it stands; None when that is not certain.

    Most requests are clean, and need no places.
    """
    last: object = None
    joined = False
    for message in body["messages"]:
        if type(message.get("content")) is list:
            return None  # media to pass over, parts to join
        joined = joined or message["role"] == last
        last = message["role"]
    strings: list[str] = []
    escaped: list[str] = []
    room = limits.json_depth_max // 2
    for key, value in body.items():
        if key != "model" and not STRINGS.collect({key: value}, strings, depth_max=room, escaped=escaped):
            return None
    for text in escaped:
        if not _collect_arguments(text, strings, limits):
            return None
    if len(strings) > limits.strings_max:
        return None
    if joined:
        strings += [text for _, text, _ in joinable_messages(body["messages"])]
    return strings


def _collect_arguments(text: str, strings: list[str], limits: RequestLimits) -> bool:
    """The strings of JSON in a string. False when it is not JSON, or not the same to every parser."""
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    # Deep in the body it may be nested less deeply than this; the long way counts.
    room = limits.json_depth_max // 4
    return STRINGS.collect(decoded, strings, depth_max=room) and same_quotes(text.encode(), decoded, depth_max=room)


class _Inspection:
    """One body on its way through the layer: what was found in it so far, and where."""

    def __init__(self, ruleset: Ruleset, limits: RequestLimits, *, turn_start: int) -> None:
        self._ruleset = ruleset
        self._limits = limits
        self._turn_start = turn_start
        self._findings: Counter[tuple[str, str, str]] = Counter()

    def judge(self, slots: Sequence[Slot]) -> Steps:
        """Scan strings in the order they were found: a value is rewritten before the key it stands under is renamed."""
        copies: Counter[tuple[int, str]] = Counter()
        for batch in _batches(slots):
            scans = yield from self._scans(batch)
            for slot, scan in zip(batch, scans, strict=True):
                if slot.key == "arguments" and not slot.is_key and (scan.action != "none" or "\\" in slot.text):
                    yield from self.count((yield from self._judge_arguments(slot, scan)), slot.path)
                elif scan.action != "none":
                    slot.put(scan.redacted, copies)
                    yield from self.count(scan.findings, slot.path)

    def count(self, found: Sequence[Finding], path: Path) -> Steps:
        softened = _is_before(path, self._turn_start)
        place = shown(path)
        for at in range(0, len(found), FINDINGS_PER_STEP):
            if len(found) > FINDINGS_PER_STEP:
                yield
            for finding in found[at : at + FINDINGS_PER_STEP]:
                action = "redact" if softened and finding.action == "block" else finding.action
                self._findings[finding.rule, action, place] += 1

    def verdict(self, media: Sequence[Path]) -> PromptVerdict:
        if self._ruleset.options.unscanned == "alert":
            self._findings.update((UNSCANNED, "alert", shown(path)) for path in media)
        if not self._findings:
            return PromptVerdict("none", {}, (), len(media)) if media else CLEAN
        return _verdict(self._findings, unscanned=len(media))

    def _scans(self, batch: Sequence[Slot]) -> Generator[None, None, Sequence[Scan]]:
        if len(batch) == 1:
            return ((yield from scan_closely_in_slices(self._ruleset, batch[0].text, Side.PROMPT)),)
        scans = scan_many_closely(self._ruleset, [slot.text for slot in batch], Side.PROMPT)
        yield
        return scans

    def _judge_arguments(self, slot: Slot, scan: Scan) -> Generator[None, None, Sequence[Finding]]:
        r"""Tool-call arguments are JSON in a string: look behind escapes such as `\u0034`, and leave valid JSON."""
        nothing: Counter[tuple[int, str]] = Counter()
        root = _parsed_arguments(slot.text)
        if root is None:
            # It is text, and so is what its escapes spell: what is found in that is redacted.
            spelled = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), slot.text)
            found = yield from scan_closely_in_slices(self._ruleset, spelled, Side.PROMPT)
            if found.action != "none":
                slot.put(found.redacted.encode("utf-8", "replace").decode(), nothing)
            return found.findings
        inner = list(Walk(self._limits).value(root, 0, (*slot.path, 0)))
        hits: list[tuple[Slot, Scan]] = []
        for batch in _batches(inner):
            scans = yield from self._scans(batch)
            hits += [(child, hit) for child, hit in zip(batch, scans, strict=True) if hit.action != "none"]
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


def _batches(slots: Iterable[Slot]) -> Iterator[Sequence[Slot]]:
    """Strings that are scanned together; one that is longer than a slice stands alone."""
    batch: list[Slot] = []
    chars = 0
    for slot in slots:
        if batch and (chars + len(slot.text) > SLICE_CHARS or len(batch) >= SCANS_PER_STEP):
            yield batch
            batch, chars = [], 0
        batch.append(slot)
        chars += len(slot.text)
    if batch:
        yield batch


def _parsed_arguments(text: str) -> list[Any] | None:
    """What they are, in a list of one; None when that is not JSON, not the same to every parser, or too long."""
    if len(text) > ARGUMENTS_CHARS_MAX:
        return None
    try:
        return [json.loads(text, object_pairs_hook=_unique)]
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key comes twice")
    return value


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


def _verdict(findings: Counter[tuple[str, str, str]], *, unscanned: int) -> PromptVerdict:
    counts: Counter[str] = Counter()
    strongest: DlpAction = "none"
    rows = []
    for (rule, action, path), count in sorted(findings.items()):
        counts[rule] += count
        strongest = max(strongest, action, key=DLP_STRENGTH.__getitem__)  # type: ignore[arg-type]
        rows.append({"rule": rule, "action": action, "path": path, "count": count})
    return PromptVerdict(strongest, dict(counts), tuple(rows), unscanned)
