"""One field of a binary row: its length and its bytes. Here every value becomes one that Postgres accepts."""

import dataclasses
import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ..model import AuditEntry

# User agents, model names and the like are the client's words: long enough for every honest one.
TEXT_CHARS_MAX = 512
# What stands before a text that had to be escaped, because it holds a NUL, a lone surrogate or this very word.
ESCAPED = "escaped:"
# Texts that repeat (teams, models, upstreams, outcomes) are encoded once. A client that invents ever new ones only
# empties the memory, and the limit on their length keeps it under a few megabytes.
REMEMBERED_MAX = 4096
REMEMBERED_CHARS_MAX = 128

NULL = b"\xff\xff\xff\xff"
STARTED_US_MAX = 9_214_646_400_000_000  # 2262-01-01: ensure_audit_partitions makes none for later

_INT4_MAX = (1 << 31) - 1
_INT8_MAX = (1 << 63) - 1
_TIME = (0, STARTED_US_MAX - 1, 0)
_COUNTED = (-_INT8_MAX, _INT8_MAX, 0)
_AMOUNT = (-_INT8_MAX, _INT8_MAX, None)
# The least and the most a number may be, and what stands for None.
_RANGES: Mapping[str, tuple[int, int, int | None]] = {
    **dict.fromkeys(("started_at_us", "ended_at_us"), _TIME),
    **dict.fromkeys(("request_bytes", "response_bytes", "latency_us", "auth_us", "dlp_in_us", "dlp_out_us"), _COUNTED),
    **dict.fromkeys(("prompt_tokens", "completion_tokens", "ttft_us", "upstream_us"), _AMOUNT),
    "http_status": (-_INT4_MAX, _INT4_MAX, 0),
}


def field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


class TextFields(dict[str | None, bytes]):
    """Text fields by their text; a missing one is encoded on its first use."""

    def __init__(self) -> None:
        super().__init__({None: NULL})

    def __missing__(self, text: str | None) -> bytes:
        assert text is not None
        encoded = self.encoded(text)
        if len(text) <= REMEMBERED_CHARS_MAX:
            _make_room(self)
            self[text] = encoded
        return encoded

    def encoded(self, text: str) -> bytes:
        """A field that is not remembered."""
        return field(storable(text).encode())


class IdFields(dict[str | None, bytes]):
    """UUID fields by their canonical text."""

    def __init__(self) -> None:
        super().__init__({None: NULL})

    def __missing__(self, text: str | None) -> bytes:
        assert text is not None
        encoded = field(uuid.UUID(text).bytes)
        _make_room(self)
        self[text] = encoded
        return encoded


def storable(text: str) -> str:
    """The text as it is stored: cut to its limit, escaped when Postgres would refuse it. `unescaped` undoes that."""
    if len(text) > TEXT_CHARS_MAX:
        text = text[: TEXT_CHARS_MAX - 1] + "…"
    if "\0" in text or text.startswith(ESCAPED) or _has_surrogate(text):
        return ESCAPED + text.encode("unicode_escape").decode("ascii")
    return text


def unescaped(text: str) -> str:
    """The text that was given, from what is stored of it."""
    if not text.startswith(ESCAPED):
        return text
    return text[len(ESCAPED) :].encode("ascii").decode("unicode_escape")


def tamed(entry: AuditEntry) -> AuditEntry:
    """A copy with every value of the kind and in the range its column takes.

    The slow path, for values that should never occur: a token count beyond 64 bits, an id that is no UUID.
    """
    values = {each.name: _tamed(each.name, getattr(entry, each.name)) for each in dataclasses.fields(entry)}
    return AuditEntry(**values)


def _tamed(name: str, value: Any) -> Any:
    """The value itself when it fits, else the nearest one that does."""
    if name in _RANGES:
        low, high, if_none = _RANGES[name]
        return if_none if value is None else _clamped(value, low, high)
    if name == "dlp_findings":
        return _findings(value)
    if name == "stream":
        return bool(value)
    if name == "request_id":
        return _uuid(str(value))
    return None if value is None else _NULLABLE.get(name, str)(value)


def _findings(value: Any) -> dict[str, int]:
    counts = value if isinstance(value, dict) else {}
    return {storable(str(rule)): _clamped(count, 0, _INT4_MAX) for rule, count in counts.items()}


def _clamped(value: Any, low: int, high: int) -> int:
    try:
        return min(max(int(value), low), high)
    except (ValueError, TypeError, OverflowError):
        return low


def _uuid(text: str) -> str:
    """The id itself, or one made of its hash (RFC 9562 §5.8, UUIDv8), so that equal ids stay equal."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        made = int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:16], "big")
        made = made & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0b10 << 62
        return str(uuid.UUID(int=made))


def _hash(value: Any) -> bytes:
    return value if isinstance(value, bytes) else hashlib.sha256(repr(value).encode(errors="replace")).digest()


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


# How the values that are neither texts nor numbers are made to fit; texts need no more than `str`.
_NULLABLE: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("prompt_sha256", "request_sha256", "response_sha256"), _hash),
    **dict.fromkeys(("team_id", "key_id"), lambda value: _uuid(str(value))),
}


def _make_room(remembered: dict[str | None, bytes]) -> None:
    if len(remembered) >= REMEMBERED_MAX:
        remembered.clear()
        remembered[None] = NULL
