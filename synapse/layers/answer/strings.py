"""Strings of an answer that come whole: scanned as they stand. Nested values that nobody announced fail closed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from ...dlp import Ruleset, Side
from ...errors import UpstreamProtocolError
from ...model import DLP_STRENGTH, DlpAction

# Nesting of objects and arrays: orjson reads 1024 levels and writes 254; real answers have under 20.
JSON_DEPTH_MAX = 100
# Strings that were clean and need no second scan: providers repeat theirs in every event.
CLEAN_STRINGS_MAX = 256
# An envelope's own words; longer ones are scanned like any text.
WORD_CHARS_MAX = 128
WORD_KEYS: Final = frozenset(("id", "index", "object", "role", "type"))
# Words of the API itself, which most answers have.
API_WORDS: Final = frozenset(
    """stop length tool_calls content_filter function_call prompt_tokens completion_tokens total_tokens cached_tokens
    prompt_tokens_details completion_tokens_details audio_tokens reasoning_tokens accepted_prediction_tokens
    rejected_prediction_tokens""".split()
)


class WholeStrings:
    """The scan of strings that are no part of a growing text."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._clean: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.action: DlpAction = "none"

    @property
    def blocked(self) -> bool:
        return self.action == "block"

    def redact(self, text: str) -> str:
        """What may leave of `text`: the same object when that is all of it."""
        if not text or text in API_WORDS or text in self._clean:
            return text
        scan = self._ruleset.scan(text, Side.ANSWER)
        if scan.action == "none":
            if len(self._clean) < CLEAN_STRINGS_MAX and len(text) <= WORD_CHARS_MAX:
                self._clean.add(text)
            return text
        self.counts.update(finding.rule for finding in scan.findings)
        self.action = max(self.action, scan.action, key=DLP_STRENGTH.__getitem__)
        return scan.redacted

    def redact_below(self, container: Any, key: Any, depth: int = 0) -> bool:
        """Redact every string at and below `container[key]` in place; true when something changed."""
        check_depth(depth)
        value = container[key]
        if type(value) is str:
            if is_word(key, value):
                return False
            container[key] = redacted = self.redact(value)
            return redacted != value
        if type(value) is dict:
            changed = self.redact_each(value, list(value), depth + 1)
            for name in list(value):
                changed |= self._redact_key(value, name)
            return changed
        if type(value) is list:
            return self.redact_each(value, range(len(value)), depth + 1)
        return False

    def redact_each(self, container: Any, keys: Iterable[Any], depth: int = 0) -> bool:
        """The same for several keys; every one is visited, whatever the ones before it gave."""
        changed = False
        for key in keys:
            changed |= self.redact_below(container, key, depth)
        return changed

    def _redact_key(self, container: dict[str, Any], key: str) -> bool:
        redacted = self.redact(key)
        if redacted == key:
            return False
        while redacted in container:
            redacted += "_"
        container[redacted] = container.pop(key)
        return True


def is_word(key: object, value: str) -> bool:
    """Whether a string is one of the protocol's own words, such as a role or an identifier."""
    return key in WORD_KEYS and len(value) <= WORD_CHARS_MAX


def check_depth(depth: int) -> None:
    if depth > JSON_DEPTH_MAX:
        raise UpstreamProtocolError(f"The upstream's answer is nested deeper than {JSON_DEPTH_MAX} levels.")
