"""Strings of an answer that come whole: scanned as they stand. Nested values that nobody announced fail closed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from ..._dlp import StringWalk
from ...dlp import Ruleset, Side
from ...errors import UpstreamProtocolError
from ...model import DLP_STRENGTH, DlpAction

# Nesting of objects and arrays: orjson reads 1024 levels and writes 254; real answers have under 20.
JSON_DEPTH_MAX = 100
# Strings that were clean and need no second scan: providers repeat theirs in every event.
CLEAN_STRINGS_MAX = 256
# Longer ones are not remembered, and an identifier that is longer is text.
WORD_CHARS_MAX = 128
# Numbers below this cannot hold an identifier worth finding; prompts are scanned alike.
NUMBER_SCANNED_MIN = 10**7
# Strings under these names come whole in one event, such as a role or an identifier.
WORD_KEYS: Final = frozenset(("id", "index", "object", "role", "type"))
# Words of the API itself, as names or as values: they say nothing, wherever they stand.
API_WORDS: Final = frozenset(
    """id object created model system_fingerprint service_tier choices usage index message delta text logprobs
    finish_reason token logprob bytes top_logprobs chat.completion chat.completion.chunk text_completion assistant
    role content refusal reasoning reasoning_content annotations tool_calls function_call type function name
    arguments stop length content_filter prompt_tokens completion_tokens total_tokens cached_tokens
    prompt_tokens_details completion_tokens_details audio_tokens reasoning_tokens accepted_prediction_tokens
    rejected_prediction_tokens""".split()
)

# Everything that `redact_below` would scan.
STRINGS: Final = StringWalk(known=API_WORDS, number_min=NUMBER_SCANNED_MIN)


class WholeStrings:
    """The scan of strings that are no part of a growing text."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self.clean = set(API_WORDS)  # and others that nothing was found in
        self.envelope: tuple[Any, ...] = ()  # the last one that was clean
        self.counts: Counter[str] = Counter()
        self.action: DlpAction = "none"

    @property
    def blocked(self) -> bool:
        return self.action == "block"

    def is_clean(self, text: str) -> bool:
        """Whether nothing is found in `text`; it is not counted."""
        return text in self.clean or self._ruleset.clean((text,), Side.ANSWER)

    def redact(self, text: str) -> str:
        """What may leave of `text`: the same object when that is all of it."""
        if not text or text in self.clean:
            return text
        if self._ruleset.clean((text,), Side.ANSWER):
            if len(self.clean) < CLEAN_STRINGS_MAX + len(API_WORDS) and len(text) <= WORD_CHARS_MAX:
                self.clean.add(text)
            return text
        scan = self._ruleset.scan(text, Side.ANSWER)
        self.counts.update(finding.rule for finding in scan.findings)
        self.action = max(self.action, scan.action, key=DLP_STRENGTH.__getitem__)
        return scan.redacted

    def may_pass(self, value: Any) -> bool:
        """Whether nothing below `value` would be redacted; it is not counted, as what may not pass is left out."""
        texts: list[str] = []
        if not STRINGS.collect(value, texts, depth_max=JSON_DEPTH_MAX):
            return False
        scans = self._ruleset.scan_many(texts, Side.ANSWER)
        return all(DLP_STRENGTH[scan.action] <= DLP_STRENGTH["alert"] for scan in scans)

    def redact_below(self, container: Any, key: Any, depth: int = 0) -> bool:
        """Redact every string, name and number at and below `container[key]` in place; true when something changed."""
        check_depth(depth)
        value = container[key]
        if type(value) is str:
            container[key] = redacted = self.redact(value)
            return redacted != value
        if type(value) is dict:
            changed = self.redact_keys(value)
            return self.redact_each(value, list(value), depth + 1) or changed
        if type(value) is list:
            return self.redact_each(value, range(len(value)), depth + 1)
        return is_long(value) and self.redact_number(container, key)

    def redact_each(self, container: Any, keys: Iterable[Any], depth: int = 0) -> bool:
        """The same for several keys; every one is visited, whatever the ones before it gave."""
        changed = False
        for key in keys:
            changed |= self.redact_below(container, key, depth)
        return changed

    def redact_number(self, container: Any, key: Any) -> bool:
        """A number in which something is found becomes a string; there is no number that says what was taken out."""
        text = _spelled(container[key])
        redacted = self.redact(text)
        if redacted == text:
            return False
        container[key] = redacted
        return True

    def redact_keys(self, container: dict[str, Any]) -> bool:
        """Redact the names of an object in place. Those which become the same are numbered, so that none is lost."""
        if container.keys() <= self.clean:
            return False
        names = {key: redacted for key in container if (redacted := self.redact(key)) != key}
        if not names:
            return False
        taken = container.keys() - names.keys()
        copies: Counter[str] = Counter()
        items = list(container.items())
        container.clear()
        for key, value in items:
            name = names.get(key)
            container[key if name is None else _untaken(name, taken, copies)] = value
        return True


def _untaken(name: str, taken: set[str], copies: Counter[str]) -> str:
    """`name`, or the next of its numbered copies. The numbers only go up: thousands of copies are no search each."""
    while True:
        copies[name] += 1
        copy = name if copies[name] == 1 else f"{name}_{copies[name]}"
        if copy not in taken:
            taken.add(copy)
            return copy


def is_word(key: object, value: str) -> bool:
    """Whether a string is no text that grows, but a word which comes whole, such as a role or an identifier."""
    return key in WORD_KEYS and len(value) <= WORD_CHARS_MAX


def is_long(value: object) -> bool:
    """Whether it is a number with room for an identifier."""
    kind = type(value)
    return (kind is int or kind is float) and abs(value) >= NUMBER_SCANNED_MIN  # type: ignore[arg-type]


def _spelled(number: float) -> str:
    """In digits, also a fraction that is whole."""
    return str(int(number)) if type(number) is int or number.is_integer() else repr(number)


def check_depth(depth: int) -> None:
    if depth > JSON_DEPTH_MAX:
        raise UpstreamProtocolError(f"The upstream's answer is nested deeper than {JSON_DEPTH_MAX} levels.")
