"""The compiled loops of the DLP engine. It knows buffers and offsets, not policy; its parts are in dlp/compiled/."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

class Folding:
    def __init__(self, fold_page: Callable[[int], bytes]) -> None: ...
    def fold(self, text: str) -> tuple[bytes, array[int] | None]: ...
    def window(self, text: str) -> bytes: ...

def collect(pattern: int, start: int, end: int, flags: int, ends: dict[int, array[int]]) -> None: ...

SHAPE_LEAD_CHARS: int
SHAPE_RUN_CHARS: int
EARLY_KINDS_OF_SHAPES: int
EDGE: bytes
RETRIES: int
CONTEXT_CHARS: int
RULE_ID_CHARS_MAX: int
ALERT_BATCH: int
DIGIT: int
SMALL: int
CAPITAL: int

class Scanner:
    def __init__(
        self,
        databases: Iterable[Any],
        *,
        make_scratch: Callable[[Any], Any],
        hints: Iterable[tuple[Sequence[int], int]],
        shapes: Shapes,
        claims: Sequence[tuple[Sequence[int], Sequence[int], int]],
    ) -> None: ...
    def __call__(self, window: bytes) -> dict[int, array[int]]: ...

class Shapes:
    def __init__(
        self,
        *,
        sets: list[bytes],
        labels: Sequence[int],
        following: list[list[int]],
        lefts: Sequence[int],
        rights: Sequence[int],
        of_shape: Sequence[int],
        kinds: Sequence[int],
        leads: Sequence[int],
        reach: int,
    ) -> None: ...
    @property
    def states(self) -> int: ...
    def ends(self, window: bytes) -> dict[int, array[int]]: ...

class Live:
    def __init__(
        self,
        *,
        sets: list[bytes],
        labels: Sequence[int],
        before: list[list[int]],
        starts: Sequence[int],
        reach: int,
    ) -> None: ...
    @property
    def states(self) -> int: ...
    def first(self, window: bytes, start: int) -> int: ...

class Automaton:
    anywhere: bool
    def __init__(
        self,
        make: Callable[[], tuple[bytes, tuple[bytes, int, Sequence[bytes], Iterable[tuple[int, int, int]]] | None]],
        *,
        anywhere: bool = False,
    ) -> None: ...
    @property
    def left_to_re(self) -> bool: ...
    def compile(self) -> None: ...
    def match(self, window: bytes, at: int = 0, end: int | None = None) -> int: ...
    def finds(self, window: bytes) -> bool: ...

class Assignment:
    def __init__(
        self,
        *,
        rest: bytes,
        last: bytes,
        rest_max: int,
        signed: Automaton,
        unsigned: Automaton,
        before: Automaton,
        before_max: int,
        harmless: Automaton,
        harmless_max: int,
    ) -> None: ...
    def __call__(self, window: bytes, end: int, start: int) -> bool: ...

class WordsBefore:
    def __init__(self, words: Automaton, *, leads: Assignment | None = None) -> None: ...
    def compile(self) -> None: ...
    def __call__(self, window: bytes, start: int) -> bool: ...

class Apart:
    def __init__(self, *, groups: bool = False, claims: WordsBefore | None = None) -> None: ...
    def __call__(self, window: bytes, start: int) -> bool: ...

class Matcher:
    index: int
    narrowest: int
    widest: int
    strength: int
    behind_words: bool
    rule: str
    category: str
    action: str
    placeholder: str
    run: tuple[bytes, int] | None
    heads: bytes
    looked_at: int
    def __init__(
        self,
        index: int,
        *,
        expression: Automaton,
        heads: bytes,
        narrowest: int,
        widest: int,
        reach: int,
        solid: bool,
        strength: int,
        rule: str,
        category: str,
        action: str,
        accept: Callable[[bytes], bool] | None = None,
        condition: Callable[[bytes, int], bool] | None = None,
        behind_words: bool = False,
        run: tuple[bytes, int] | None = None,
    ) -> None: ...
    @property
    def conditional(self) -> bool: ...

class Cut:
    start: int
    core_end: int
    end: int
    matcher: Matcher
    open: bool

class Detector:
    matchers: dict[int, Matcher]
    narrowest: int
    widest: int
    left_chars: int
    def __init__(
        self,
        matchers: Iterable[Matcher],
        *,
        lives: Iterable[Live],
        scan: Callable[[bytes], dict[int, array[int]]],
        left_chars: int,
    ) -> None: ...
    def only(self, matchers: Iterable[Matcher]) -> Detector: ...

class Tracker:
    decided: int
    def __init__(self, detector: Detector, *, ends: dict[int, array[int]] | None = None) -> None: ...
    def feed(self, shadow: bytes, final: bool = False) -> list[Cut]: ...

class Scan:
    findings: tuple[Finding, ...]
    action: Literal["none", "alert", "redact", "block"]
    redacted: str
    def __init__(
        self, findings: tuple[Finding, ...], action: Literal["none", "alert", "redact", "block"], redacted: str
    ) -> None: ...

class Finding:
    rule: str
    category: str
    action: Literal["alert", "redact", "block"]
    start: int
    end: int
    def __init__(
        self, rule: str, category: str, action: Literal["alert", "redact", "block"], start: int, end: int
    ) -> None: ...

class Offsets:
    shadow_length: int
    text_length: int
    def __init__(self) -> None: ...
    def extend(self, length: int, shadow_length: int, offsets: array[int] | None) -> None: ...
    def of(self, byte: int) -> int: ...
    def forget(self, byte: int) -> None: ...

class Redactor:
    findings: list[Finding]
    blocked: bool
    def __init__(
        self,
        folding: Folding,
        acting: Detector,
        alerts: Detector,
        *,
        ends: dict[int, array[int]] | None = None,
        goes_on: bool = False,
    ) -> None: ...
    @property
    def held(self) -> int: ...
    def feed(self, delta: str) -> str: ...
    def finish(self) -> str: ...
    def whole(self, text: str) -> str: ...

def judge(
    text: str, window: bytes, folding: Folding, ends: dict[int, array[int]], acting: Detector, alerts: Detector
) -> Scan: ...
def strongest(findings: Iterable[Finding]) -> Literal["alert", "redact", "block"]: ...
def ends_by_text(ends: dict[int, array[int]], starts: Iterable[int]) -> dict[int, dict[int, array[int]]]: ...
def redacted(text: str, findings: Iterable[Finding]) -> str: ...

class StringWalk:
    def __init__(
        self,
        *,
        known: frozenset[str],
        media: dict[str, tuple[str, str]] = ...,
        encoded: str = "",
        number_min: int = 0,
    ) -> None: ...
    def collect(
        self, value: object, strings: list[str], *, depth_max: int, escaped: list[str] | None = None
    ) -> bool: ...

class DeltaTemplate:
    before: bytes
    after: bytes
    end: bytes
    padded: bool
    def __init__(self, before: bytes, after: bytes, *, end: bytes | None = None) -> None: ...
    def read(self, event: bytes) -> tuple[str, str] | None: ...
    def write(self, body: bytes, padding: str) -> bytes: ...

def same_quotes(payload: bytes, value: object, *, depth_max: int) -> bool: ...
def luhn(text: bytes) -> bool: ...
def mod97(text: bytes) -> int: ...
def view_hints(texts: list[str]) -> int: ...
def digits(match: bytes) -> bytes: ...
def alphanumerics(match: bytes) -> bytes: ...
def is_date(year: int, month: int, day: int) -> bool: ...
def pairs(number: bytes) -> tuple[int, int, int]: ...
def weighted(number: bytes, weights: Iterable[int]) -> int: ...
def mod11_10(number: bytes) -> bool: ...
def mod11_2(number: bytes) -> bool: ...
def verhoeff(number: bytes) -> bool: ...
def base58(text: bytes) -> bytes: ...
def bech32(prefix: bytes, data: bytes) -> int: ...
def mrz_digit(text: bytes) -> int: ...
def is_ipv6(text: bytes) -> bool: ...
def entropy(match: bytes) -> float: ...
def kinds(match: bytes) -> int: ...
def varied(match: bytes) -> bool: ...
def repeats(match: bytes, times: int) -> bool: ...
def keccak256(message: bytes) -> bytes: ...
